"""The checks of assignment 02. Expected values come from torch, torchaudio, librosa and scipy, on random sounds."""

import math

import librosa
import numpy as np
import scipy.signal
import torch
import torch.nn.functional as F
import torchaudio

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
            "hamming: divide by n, not by n - 1: the window's next copy would begin where this one ends.",
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
            "Evenly spaced in mel means: linspace between mel(0) and mel(rate / 2), then back to Hz.",
            "Each side of a triangle is a straight line in Hz: (f - left) / (top - left) going up. The points stay "
            "where they are: do not round them to bins.",
            "The lower of the two lines, and never below 0, is the triangle. Do not scale its area.",
        ],
        forbidden=READY_MADE,
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


# 2.3 windows


def true_hamming(n):
    return torch.from_numpy(scipy.signal.get_window("hamming", n)).float()


@EXERCISES["2.3"].case("hamming agrees with scipy's periodic window")
def _(hamming, leakage):
    sizes = [{"n": n} for n in (8, 63, 400)]
    return everywhere(hamming, true_hamming, of_size, sizes, dtypes=(torch.float32,), any_dtype=True)


def true_leakage(window, cycles):
    n = len(window)
    power = np.abs(np.fft.rfft(np.sin(2 * np.pi * cycles * np.arange(n) / n) * window.numpy())) ** 2
    return float(power[np.abs(np.arange(len(power)) - cycles) > 3].sum() / power.sum())


@EXERCISES["2.3"].case("leakage of rectangular, Hann and other windows, for tones on and between bins")
def _(hamming, leakage):
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


# 2.5 the mel filterbank


def torchaudios_bank(n_mels, n_fft, rate):
    return torchaudio.functional.melscale_fbanks(n_fft // 2 + 1, 0, rate / 2, n_mels, rate).mT


def librosas_bank(n_mels, n_fft, rate):
    return torch.from_numpy(librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=n_mels, htk=True, norm=None))


def bank_agrees(function, answer, *sizes):
    sizes = [dict(zip(("n_mels", "n_fft", "rate"), size, strict=True)) for size in sizes]
    how = {"dtypes": (torch.float32,), "any_dtype": True, "tolerance": 1e-3}
    return everywhere(function, answer, lambda **size: size, sizes, **how)


@EXERCISES["2.5"].case("it agrees with torchaudio's filterbank, for several rates and sizes")
def _(mel_filterbank):
    return bank_agrees(mel_filterbank, torchaudios_bank, (40, 512, 16_000), (64, 1024, 22_050), (23, 256, 8_000))


@EXERCISES["2.5"].case("it agrees with librosa's filterbank, HTK scale, not normalised, for an odd n_fft as well")
def _(mel_filterbank):  # with 255 no bin lies at Nyquist
    return bank_agrees(mel_filterbank, librosas_bank, (30, 400, 16_000), (20, 255, 8_000), (1, 512, 16_000))


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
