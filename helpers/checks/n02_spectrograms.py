"""The checks of assignment 02. Expected values come from torch, torchaudio, librosa and scipy, on random sounds."""

import math

import librosa
import numpy as np
import torch
import torch.nn.functional as F

from helpers import data
from helpers.checks import Exercise, agrees, alike, everywhere, first_wrong, refuses

READY_MADE = dict.fromkeys(
    (
        *(f"{place}.{name}" for place in ("torch", "torch.functional", "scipy.signal") for name in ("stft", "istft")),
        *("torchaudio.functional", "torchaudio.transforms", "librosa.util", "librosa.filters"),
        *(f"librosa.{name}" for name in ("core.spectrum", "core.audio", "feature.spectral", "feature.inverse")),
    ),
    "the libraries' ready-made functions are for the checks; write it with torch.fft and sums",
)
BY_HAND = dict.fromkeys(("torch.fft", "numpy.fft", "scipy.fft", "scipy.linalg.dft"), "write the matrix by its formula")

EXERCISES = {
    "2.1": Exercise(
        3,
        [
            "Row k, column j holds a point on the unit circle, turned by the angle -2 pi k j / n.",
            "torch.outer(k, k) gives all products k j at once, torch.exp of an imaginary number (1j is i) "
            "turns by an angle; both keep the precision of k: torch.arange(n, dtype=torch.float64).",
            "inverse_dft_matrix: row 1 of the inverse turns the other way round. And its sums must not grow with n.",
        ],
        forbidden=BY_HAND | READY_MADE,
    ),
    "2.2": Exercise(
        3,
        [
            "Draw it: 10 samples, windows of 4, a hop of 3. Where does the last whole window begin?",
            "The first window takes n_fft samples; each further one needs hop_length more: round down, then add 1.",
            "Centring adds n_fft // 2 zeros on both sides. Count them before you ask whether a window fits.",
        ],
        forbidden=READY_MADE,
    ),
    "2.3": Exercise(
        2,
        [
            "alias: the samples can't tell a tone from one that turns a whole cycle more between two samples, so a "
            "multiple of the rate may be subtracted. And a cosine looks the same forward and backward.",
            "leakage: power is the squared magnitude. Compare the far bins' sum with the sum of all.",
            "leakage: 'away' has two sides: take the absolute value of bin minus cycles. A distance of just 3 is near.",
        ],
        forbidden=READY_MADE,
    ),
    "2.4": Exercise(
        3,
        [
            "stft: frames times window, torch.fft.rfft along the last dimension, then bins first and frames last.",
            "istft: each frame goes back to the place that it came from, and is added, not written over.",
            "istft: a sample was weighted by the window twice, in every frame that saw it: divide by that sum of "
            "squares. Then sample 0 of the sound stands at place n_fft // 2: cut there, and keep `length` samples.",
        ],
        forbidden=READY_MADE,
    ),
    "2.5": Exercise(
        2,
        [
            "First draw among the names, each of which counts once: sorted(set(voices)). Then ask of each row whether "
            "its voice was drawn.",
            "A generator of one's own, torch.Generator().manual_seed(seed), gives the same draw for the same seed, and "
            "torch.randperm or random.Random(seed).sample draws without repetition. The order of set() may differ from "
            "run to run: sort it.",
            "leaked: collect the voices of the training rows in a set, then count the test rows whose voice is in it.",
        ],
    ),
    "2.6": Exercise(
        3,
        [
            "The order: STFT, squared magnitude, filterbank, floor, 10 log10, DCT.",
            "The filterbank sums power, not magnitudes; the decibels come after it.",
            "The first row of the DCT has its own factor. And a NaN survives a sum: look for it before you begin.",
        ],
        forbidden=READY_MADE,
    ),
}


# 2.1 the DFT matrix


def of_size(n):
    return {"n": n}


def matrix_agrees(function, answer, *sizes):
    return everywhere(function, answer, of_size, [{"n": n} for n in sizes], dtypes=(torch.float64,), tolerance=1e-9)


def true_dft(n):
    return torch.fft.fft(torch.eye(n, dtype=torch.complex128))


def true_inverse(n):
    return torch.fft.ifft(torch.eye(n, dtype=torch.complex128))


@EXERCISES["2.1"].case("on eight samples it gives what torch.fft.fft gives, in double precision")
def _(dft_matrix, inverse_dft_matrix):
    x = torch.randn(8, dtype=torch.complex128)
    matrix = dft_matrix(8)
    verdict = alike(matrix, true_dft(8), tolerance=1e-9)
    return alike(matrix @ x, torch.fft.fft(x), tolerance=1e-9) if verdict is True else verdict


@EXERCISES["2.1"].case("so it does on 1, 2, 37 and 256 samples")
def _(dft_matrix, inverse_dft_matrix):
    return matrix_agrees(dft_matrix, true_dft, 37, 1, 2, 256)


@EXERCISES["2.1"].case("the inverse leads back to the samples")
def _(dft_matrix, inverse_dft_matrix):
    return matrix_agrees(inverse_dft_matrix, true_inverse, 8, 1, 37)


# 2.2 frames

SIZES = [
    dict(zip(("n_samples", "n_fft", "hop_length"), numbers, strict=True))
    for numbers in ((740, 101, 37), (1000, 100, 25), (1003, 128, 32), (512, 512, 128), (101, 101, 40), (700, 64, 100))
]
COUNTED = [*SIZES, {"n_samples": 10, "n_fft": 100, "hop_length": 25}]


def counts(number_of_frames, sizes, center, expected):
    for by_name in (False, True):
        for size in sizes:
            verdict = agrees(number_of_frames, expected, size | {"center": center}, by_name=by_name)
            if verdict is not True:
                words = f"{size['n_samples']} samples, n_fft {size['n_fft']}, hop_length {size['hop_length']}"
                return f"{words}{', called by these names' if by_name else ''}: {verdict}"
    return True


@EXERCISES["2.2"].case("number_of_frames without centring")
def _(number_of_frames, frame):
    return counts(number_of_frames, SIZES, False, lambda n, n_fft, hop, center: len(range(0, n - n_fft + 1, hop)))


@EXERCISES["2.2"].case(
    "number_of_frames with centring is what torch.stft gives",
    hint="Centring adds n_fft // 2 zeros on both sides, so 2 * (n_fft // 2) in all: one less than n_fft if it is odd.",
)
def _(number_of_frames, frame):
    def expected(n_samples, n_fft, hop, center):
        return true_stft(torch.zeros(n_samples), n_fft, hop, torch.ones(n_fft)).shape[1]

    return counts(number_of_frames, COUNTED, True, expected)


def true_frame(signal, n_fft, hop_length, center):
    zeros = n_fft // 2 if center else 0
    return F.pad(signal, (zeros, zeros)).unfold(0, n_fft, hop_length)


def sound_to_cut(n_samples, n_fft, hop_length, center):
    return {"signal": torch.randn(n_samples), "n_fft": n_fft, "hop_length": hop_length, "center": center}


@EXERCISES["2.2"].case("the frames hold the right samples, without and with zeros at the edges")
def _(number_of_frames, frame):
    sizes = [size | {"center": center} for center in (True, False) for size in SIZES]
    return everywhere(frame, true_frame, sound_to_cut, sizes)


@EXERCISES["2.2"].case("a sound that fills no window is refused with a ValueError that says why")
def _(number_of_frames, frame):
    calls = (number_of_frames, 99, 100, 25, False), (frame, torch.randn(99), 100, 25, False)
    for name, call in zip(("number_of_frames", "frame"), calls, strict=True):
        if (verdict := refuses(*call)) is not True:
            return f"{name} of 99 samples, n_fft 100: {verdict}"
    return refuses(number_of_frames, 0, 101, 25, True)


# 2.3 aliases and windows

TONES = [(1_500, 4_000), (2_100, 4_000), (3_900, 4_000), (4_000, 4_000), (4_100, 4_000), (9_000, 4_000), (0, 8_000)]
TONES += [(22_050, 44_100), (12_345.25, 16_000), (50_000.5, 8_000), (7_000, 1_000)]


@EXERCISES["2.3"].case("alias of tones below and above the Nyquist frequency, and far above the sampling rate")
def _(alias, leakage):
    for frequency, rate in TONES:
        expected = abs(frequency - rate * round(frequency / rate))
        for got in (alias(frequency, rate), alias(rate=rate, frequency=frequency)):
            if not math.isclose(float(got), expected, abs_tol=0.01):
                return f"{frequency:,} Hz at {rate:,} samples per second: {float(got):,.6g}, not {expected:,.6g}"
    return True


def true_leakage(window, cycles):
    n = len(window)
    power = np.abs(np.fft.rfft(np.sin(2 * np.pi * cycles * np.arange(n) / n) * window.numpy())) ** 2
    return float(power[np.abs(np.arange(len(power)) - cycles) > 3].sum() / power.sum())


@EXERCISES["2.3"].case("leakage of rectangular, Hann and other windows, for tones on and between bins")
def _(alias, leakage):
    for window in (torch.ones(128), torch.hann_window(200, dtype=torch.float64), torch.rand(99)):
        for cycles in (10.5, 30.3, 40):
            expected = true_leakage(window, cycles)
            for got in (leakage(window, cycles), leakage(cycles=cycles, window=window)):
                if not math.isclose(float(got), expected, rel_tol=1e-3, abs_tol=1e-9):
                    return f"{len(window)} samples, {cycles} cycles: {float(got):.3g}, not {expected:.3g}"
    return True


# 2.4 the STFT and its inverse


def true_stft(signal, n_fft, hop_length, window):
    how = {"center": True, "pad_mode": "constant", "return_complex": True}
    return torch.stft(signal, n_fft, hop_length, window=window, **how)


def windowed_sound(n_samples, n_fft, hop_length, window=torch.hann_window):
    return {"signal": torch.randn(n_samples), "n_fft": n_fft, "hop_length": hop_length, "window": window(n_fft)}


@EXERCISES["2.4"].case("stft agrees with torch.stft, for several windows and sizes, in float32 and float64")
def _(stft, istft):
    sizes = [(4000, 256, 64, torch.hann_window), (3001, 201, 100, torch.rand), (1, 64, 16, torch.hamming_window)]
    names = "n_samples", "n_fft", "hop_length", "window"
    for numbers in sizes:
        size = dict(zip(names, numbers, strict=True))
        verdict = everywhere(stft, true_stft, lambda size=size: windowed_sound(**size), [{}])
        if verdict is not True:
            return f"{size['n_samples']} samples, n_fft {size['n_fft']}, hop_length {size['hop_length']}: {verdict}"
    return True


@EXERCISES["2.4"].case("istft brings a real recording back, sample by sample")
def _(stft, istft):
    x = data.sound("stamps/frog")[:12_000]
    for n_fft, hop, window in ((512, 128, torch.hann_window), (400, 160, torch.hamming_window)):
        S, w = true_stft(x, n_fft, hop, window(n_fft)), window(n_fft)
        if (verdict := alike(istft(S=S, n_fft=n_fft, hop_length=hop, window=w, length=len(x)), x)) is not True:
            return f"n_fft {n_fft}, hop_length {hop}: {verdict}"
    return True


@EXERCISES["2.4"].case(
    "istft of a changed spectrogram agrees with torch.istft, in float32 and float64",
    hint="istft: give irfft the number of samples, n=n_fft: the bins alone do not tell whether it is even or odd.",
)
def _(stft, istft):
    for dtype in (torch.float32, torch.float64):
        for n_fft, hop, length in ((256, 64, 4000), (255, 50, 3001), (256, 64, 1)):
            window = torch.hamming_window(n_fft, dtype=dtype)
            S = true_stft(torch.randn(max(length, 2000), dtype=dtype), n_fft, hop, window)
            S[40:] = 0
            S[:, 20:25] *= 3
            expected = torch.istft(S, n_fft, hop, window=window, length=length)
            if (verdict := alike(istft(S, n_fft, hop, window, length), expected, 1e-3)) is not True:
                return f"n_fft {n_fft}, hop_length {hop}, length {length}, {dtype}: {verdict}"
    return True


def true_istft(S, n_fft, hop_length, window, length):
    """Overlap-add in NumPy; 0 where no window reaches. torch.istft refuses such windows."""
    pieces, w = np.fft.irfft(S.numpy(), n=n_fft, axis=0).T, window.double().numpy()
    total = np.zeros(n_fft + hop_length * len(pieces) + length)
    weight = total.copy()
    for m, piece in enumerate(pieces):
        total[m * hop_length :][:n_fft] += w * piece
        weight[m * hop_length :][:n_fft] += w**2
    sound = np.divide(total, weight, out=np.zeros_like(total), where=weight > 1e-12)
    return torch.from_numpy(sound[n_fft // 2 :][:length]).to(window.dtype)


@EXERCISES["2.4"].case(
    "where no window reaches, istft gives 0 and not NaN",
    hint="istft: where the sum of the squared windows is 0, so is the sum above it: divide by a tiny number instead.",
)
def _(stft, istft):
    for n_fft, hop, length in ((64, 64, 500), (64, 16, 580), (50, 70, 400)):
        window = torch.hann_window(n_fft)
        S = true_stft(torch.randn(500), n_fft, hop, window)
        if (
            verdict := alike(istft(S, n_fft, hop, window, length), true_istft(S, n_fft, hop, window, length))
        ) is not True:
            return f"n_fft {n_fft}, hop_length {hop}, length {length}: {verdict}"
    return True


# 2.5 a fair split

RECORDINGS = [
    ["anna", "ben", "anna", "chloe", "ben", "anna", "dora", "emil"],
    [f"voice {i % 7}" for i in range(40)],
    ["b"] * 12 + ["a"],
    ["zoe", "yan", "xiu"],
]
SHARES = 0.2, 0.45, 0.34, 0.01, 0.99  # of 2, 3, 5 and 7 voices: never half-way between two whole numbers


def split_of(function, voices, share, seed):
    """Rows of the two parts as lists of whole numbers, or a sentence that says what is wrong."""
    parts = function(list(voices), share, seed)
    if not isinstance(parts, list | tuple) or len(parts) != 2:
        return f"it returned {type(parts).__name__}, not two lists of row numbers"
    train, test = ([int(row) for row in part] for part in parts)
    if sorted(train + test) != list(range(len(voices))):
        return f"of {len(voices)} recordings, train holds {sorted(train)} and test {sorted(test)}: each belongs in one"
    return train, test


@EXERCISES["2.5"].case("every recording is in one part, in ascending order, and no voice is in both")
def _(split_by_voice, leaked):
    for voices in RECORDINGS:
        for seed, share in enumerate(SHARES):
            split = split_of(split_by_voice, voices, share, seed)
            if isinstance(split, str):
                return split
            if both := {voices[i] for i in split[0]} & {voices[i] for i in split[1]}:
                return f"{sorted(both)[0]!r} is in both"
            if any(part != sorted(part) for part in split):
                return "the rows are not in ascending order"
    by_name = split_of(lambda v, share, seed: split_by_voice(voices=v, share=share, seed=seed), RECORDINGS[0], 0.5, 1)
    return by_name if isinstance(by_name, str) else True


@EXERCISES["2.5"].case("the share counts voices, at least one for the test and one for the training")
def _(split_by_voice, leaked):
    for voices in RECORDINGS:
        names = len(set(voices))
        for share in SHARES:
            split = split_of(split_by_voice, voices, share, 3)
            if isinstance(split, str):
                return split
            expected, got = min(max(round(share * names), 1), names - 1), len({voices[i] for i in split[1]})
            if got != expected:
                return f"{names} voices, share {share}: {got} of them in the test, not {expected}"
    return True


@EXERCISES["2.5"].case("the seed decides: the same split again, others for other seeds, and each voice gets its turn")
def _(split_by_voice, leaked):
    voices = RECORDINGS[1]
    splits = [split_of(split_by_voice, voices, 0.3, seed) for seed in range(40)]
    if wrong := next((split for split in splits if isinstance(split, str)), None):
        return wrong
    if any(split_of(split_by_voice, voices, 0.3, seed) != splits[seed] for seed in (0, 7, 39)):
        return "the same seed gave another split"
    tested = {voices[i] for _, test in splits for i in test}
    return True if len(tested) == 7 else f"40 seeds, and only {sorted(tested)} were ever tested"


@EXERCISES["2.5"].case("fewer than two voices are refused with a ValueError that says why")
def _(split_by_voice, leaked):
    return first_wrong(refuses(split_by_voice, ["anna", "anna"], 0.5, 0), refuses(split_by_voice, [], 0.5, 0))


@EXERCISES["2.5"].case("leaked counts the test recordings whose voice is in the training")
def _(split_by_voice, leaked):
    parts = ([0, 1, 3], [2, 4, 5, 6, 7]), ([0, 2, 5], [1, 3, 4, 6, 7]), ([6], [6, 7]), ([0, 1, 3, 6, 7], [2, 4, 5])
    for voices in (RECORDINGS[0], RECORDINGS[0][::-1]):
        for train, test in parts:
            expected = len([i for i in test if voices[i] in [voices[j] for j in train]]) / len(test)
            for got in (leaked(voices, train, test), leaked(test=test, train=train, voices=voices)):
                if not math.isclose(float(got), expected, abs_tol=1e-6):
                    return f"train {train}, test {test}: {float(got):.3g}, not {expected:.3g}"
    return True


# 2.6 MFCC


def librosas_mfcc(signal, rate, n_mfcc):
    settings = {"n_fft": 512, "hop_length": 128, "n_mels": 40, "htk": True, "norm": None}
    power = librosa.feature.melspectrogram(y=signal.numpy(), sr=rate, pad_mode="constant", **settings)
    decibels = librosa.power_to_db(power, amin=1e-10, top_db=None)
    return torch.from_numpy(librosa.feature.mfcc(S=decibels, n_mfcc=n_mfcc))


def noise(n_samples, rate, n_mfcc):
    return {"signal": torch.randn(n_samples), "rate": rate, "n_mfcc": n_mfcc}


@EXERCISES["2.6"].case("it agrees with librosa on random sounds at 16,000 and 22,050 Hz")
def _(mfcc):
    sizes = [
        dict(zip(("n_samples", "rate", "n_mfcc"), size, strict=True))
        for size in ((6000, 16_000, 13), (3000, 22_050, 5), (700, 16_000, 1), (100, 16_000, 13))
    ]
    return everywhere(mfcc, librosas_mfcc, noise, sizes, dtypes=(torch.float32,), tolerance=1e-2)


@EXERCISES["2.6"].case("and on a real duck, with 20 coefficients, at another rate")
def _(mfcc):
    x = data.sound("stamps/drake")[:8000]
    return alike(mfcc(x, 8_000, 20), librosas_mfcc(x, 8_000, 20), 1e-2)


@EXERCISES["2.6"].case(
    "silence gives finite numbers: the floor's",
    hint="The logarithm of 0 is minus infinity: the floor belongs to the power in each mel band, before the logarithm.",
)
def _(mfcc):
    return alike(mfcc(torch.zeros(3000), 16_000, 13), librosas_mfcc(torch.zeros(3000), 16_000, 13), 1e-2)


@EXERCISES["2.6"].case("a signal with a NaN is refused with a ValueError that says why")
def _(mfcc):
    nan, sound = torch.tensor([math.nan]), torch.randn(2000)
    return first_wrong(*(refuses(mfcc, torch.cat(x), 16_000, 13) for x in ((sound, nan), (nan, sound))))
