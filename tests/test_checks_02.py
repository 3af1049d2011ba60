"""Assignment 02's checks accept the solution and other right answers, and refuse plausible wrong ones."""

import cmath
import math
import random

import librosa
import numpy as np
import pytest
import scipy.fft
import scipy.linalg
import torch
import torch.nn.functional as F
import torchaudio

from helpers import checks
from tests.answers import *  # noqa: F403  right answers are accepted, wrong ones refused
from tests.answers import callable_as_on_the_card
from tests.definitions import definitions

right = definitions("solutions/02_spectrograms.ipynb")
lecture = definitions("02_spectrograms.ipynb")
D, inverse = right.dft_matrix, right.inverse_dft_matrix
count, frame = right.number_of_frames, right.frame
alias, leakage = right.alias, right.leakage
split, leaked = right.split_by_voice, right.leaked
stft, istft, bank, mfcc = right.stft, right.istft, right.mel_filterbank, right.mfcc


def other_count(n_samples, n_fft, hop_length, center):
    if (n := len(range(0, n_samples + (n_fft // 2) * 2 * center - n_fft + 1, hop_length))) == 0:
        raise ValueError("too short")
    return n


def other_frame(signal, n_fft, hop_length, center):
    return torch.stack(list(lecture_frame(signal, n_fft, hop_length, center)))


def lecture_frame(signal, n_fft, hop, center):
    try:
        return lecture.frame(signal, n_fft, hop, center)
    except lecture.CourseError as error:
        raise ValueError(str(error)) from None


def looped_frame(signal, n_fft, hop_length, center):
    """Sample by sample."""
    zeros = n_fft // 2 if center else 0
    samples = [0.0] * zeros + signal.tolist() + [0.0] * zeros
    if len(samples) < n_fft:
        raise ValueError("too short for one window")
    rows, start = [], 0
    while start + n_fft <= len(samples):
        rows.append(samples[start : start + n_fft])
        start += hop_length
    return torch.tensor(rows, dtype=signal.dtype)


def other_leakage(window, cycles):
    n = len(window)
    power = np.abs(np.fft.rfft(window.numpy() * np.sin(2 * np.pi * cycles * np.arange(n) / n))) ** 2
    near = [k for k in range(len(power)) if abs(k - cycles) <= 3]
    return 1 - power[near].sum() / power.sum()


def folded_alias(frequency, rate):
    """Folds at the Nyquist frequency until the tone lies below it."""
    while not 0 <= frequency <= rate / 2:
        frequency = rate - frequency if frequency <= rate else frequency - rate
    return float(frequency)


def alias_by_arccos(frequency, rate):
    """From the angle between two samples."""
    return rate * math.acos(math.cos(2 * math.pi * frequency / rate)) / (2 * math.pi)


def alias_to_the_nearest_multiple(frequency, rate):
    frequency = torch.tensor(frequency, dtype=torch.float64)
    return (frequency - rate * (frequency / rate).round()).abs()


def exact_leakage(window, cycles):
    """In float64, by the discrete Fourier transform's own sums; a 0-d tensor."""
    n = len(window)
    sine = torch.sin(2 * math.pi * cycles * torch.arange(n, dtype=torch.float64) / n) * window
    power = (D(n) @ sine.to(torch.complex128))[: n // 2 + 1].abs().square()
    far = torch.tensor([abs(k - cycles) > 3 for k in range(len(power))])
    return power[far].sum() / power.sum()


def exact_stft(signal, n_fft, hop_length, window):
    """Frame by frame in float64, returned as the signal's kind of number."""
    rows = frame(signal=signal, n_fft=n_fft, hop_length=hop_length, center=True).double()
    spectra = [torch.fft.fft(row * window.double())[: n_fft // 2 + 1] for row in rows]
    return torch.stack(spectra, dim=1).to(torch.complex64 if signal.dtype == torch.float32 else torch.complex128)


def exact_istft(S, n_fft, hop_length, window, length):
    """With NumPy, in float64."""
    w = window.double().numpy()
    pieces = np.fft.irfft(S.numpy(), n=n_fft, axis=0).T
    total = np.zeros(n_fft + hop_length * len(pieces) + length)
    weight = total.copy()
    for m, piece in enumerate(pieces):
        total[m * hop_length :][:n_fft] += w * piece
        weight[m * hop_length :][:n_fft] += w**2
    sound = (total / np.maximum(weight, 1e-10))[n_fft // 2 : n_fft // 2 + length]
    return torch.from_numpy(sound).to(window.dtype)


def split_by_sampling(voices, share, seed):
    """With Python's own generator."""
    names = list(dict.fromkeys(voices))
    if len(names) < 2:
        raise ValueError("one voice can't be split")
    count = max(1, min(len(names) - 1, int(share * len(names) + 0.5)))
    tested = random.Random(seed).sample(names, count)
    test = tuple(i for i, voice in enumerate(voices) if voice in tested)
    return tuple(i for i in range(len(voices)) if i not in test), test


def split_in_numpy(voices, share, seed):
    names, number = np.unique(voices, return_inverse=True)
    if len(names) < 2:
        raise ValueError("two voices are needed")
    count = int(np.clip(np.rint(share * len(names)), 1, len(names) - 1))
    drawn = np.isin(number, np.random.default_rng(seed).permutation(len(names))[:count])
    return [np.flatnonzero(~drawn), np.flatnonzero(drawn)]


def leaked_by_loop(voices, train, test):
    found = 0
    for row in test:
        found += any(voices[row] == voices[other] for other in train)
    return torch.tensor(found / len(test))


def other_mfcc(signal, rate, n_mfcc):
    if signal.isnan().any():
        raise ValueError("there is a NaN")
    power = np.abs(np.fft.rfft(lecture_frame(signal, 512, 128, True).numpy() * np.hanning(513)[:-1])) ** 2
    log_mel = 10 * np.log10(np.maximum(bank(40, 512, rate).double().numpy() @ power.T, 1e-10))
    return torch.from_numpy(scipy.fft.dct(log_mel, axis=0, norm="ortho")[:n_mfcc]).float()


def einsum_mfcc(signal, rate, n_mfcc):
    """In float64 until the end."""
    if any(math.isnan(sample) for sample in signal.tolist()):
        raise ValueError("a sample is not a number")
    S = stft(signal=signal.double(), n_fft=512, hop_length=128, window=torch.hann_window(512, dtype=torch.float64))
    mel = torch.einsum("mk,kf->mf", bank(n_mels=40, n_fft=512, rate=rate).double(), S.real**2 + S.imag**2)
    return torch.einsum("qm,mf->qf", lecture.dct_matrix(n_mfcc, 40).double(), lecture.decibels(mel)).float()


def by_turning(n):
    """Number by number, with Python's own complex numbers."""
    turns = [[cmath.exp(-2j * math.pi * (k * j % n) / n) for j in range(n)] for k in range(n)]
    return torch.tensor(turns, dtype=torch.complex128)


def by_polar(n):
    k = torch.arange(n).double()
    return torch.polar(torch.ones(n, n).double(), -2 * math.pi / n * k[:, None] * k)


RIGHT = [
    ("2.1", [D, inverse]),
    ("2.1", [lecture.dft_matrix, lambda n: torch.linalg.inv(D(n))]),
    ("2.1", [by_turning, lambda n: by_turning(n).conj() / n]),
    ("2.1", [by_polar, lambda n: by_polar(n).mH / n]),
    ("2.2", [count, frame]),
    ("2.2", [other_count, other_frame]),
    ("2.2", [count, looped_frame]),
    ("2.3", [alias, leakage]),
    ("2.3", [folded_alias, other_leakage]),
    ("2.3", [alias_by_arccos, exact_leakage]),
    ("2.3", [alias_to_the_nearest_multiple, leakage]),
    ("2.4", [stft, istft]),
    ("2.4", [lecture.stft, lecture.istft]),
    ("2.4", [exact_stft, exact_istft]),
    ("2.5", [split, leaked]),
    ("2.5", [split_by_sampling, leaked_by_loop]),
    (
        "2.5",
        [split_in_numpy, lambda voices, train, test: np.mean(np.isin(np.take(voices, test), np.take(voices, train)))],
    ),
    ("2.6", [mfcc]),
    ("2.6", [other_mfcc]),
    ("2.6", [einsum_mfcc]),
]

EQUIVALENT = {
    ("2.2", "frame: cut signal"): "the card asks for no gradient: NumPy is as good a way",
    ("2.2", "frame: detached"): "the same",
    ("2.4", "*: cut *"): "the card asks for no gradient: NumPy is as good a way",
    ("2.4", "*: detached"): "the same",
    ("2.6", "mfcc: cut signal"): "the same",
    ("2.6", "mfcc: detached"): "the same",
}


def without_factor(n):
    return D(n).conj()


def single(n):
    return D(n).to(torch.complex64)


def minus_one(n):
    k = torch.arange(n, dtype=torch.float64)
    return torch.exp(-2j * math.pi * torch.outer(k, k) / max(n - 1, 1))


def no_rounding(n_samples, n_fft, hop, center):
    count(n_samples, n_fft, hop, center)
    return math.ceil((n_samples + 2 * (n_fft // 2) * center - n_fft) / hop) + 1


def always_even(n_samples, n_fft, hop, center):
    """Takes n_fft zeros where n_fft is odd and n_fft - 1 are put."""
    count(n_samples, n_fft, hop, center)
    return 1 + (n_samples + n_fft * center - n_fft) // hop


def no_refusal(n_samples, n_fft, hop, center):
    return max(0, 1 + (n_samples + 2 * (n_fft // 2) * center - n_fft) // hop)


def mirrored_edges(signal, n_fft, hop, center):
    count(len(signal), n_fft, hop, center)
    if center:
        signal = F.pad(signal[None], (n_fft // 2, n_fft // 2), mode="reflect")[0]
    return signal.unfold(0, n_fft, hop)


def side_by_side(signal, n_fft, hop, center):
    return frame(signal, n_fft, n_fft, center)


def alias_below_the_rate_only(frequency, rate):
    return min(frequency, rate - frequency)


def alias_not_folded(frequency, rate):
    return frequency % rate


def alias_at_nyquist(frequency, rate):
    return frequency % (rate / 2)


def clipped_alias(frequency, rate):
    return min(frequency, rate / 2)


def negative_alias(frequency, rate):
    return frequency - rate * round(frequency / rate)


def magnitudes_leak(window, cycles):
    n = len(window)
    X = torch.fft.rfft(torch.sin(2 * math.pi * cycles * torch.arange(n) / n) * window).abs()
    return (X[(torch.arange(len(X)) - cycles).abs() > 3].sum() / X.sum()).item()


def one_side(window, cycles):
    n = len(window)
    power = torch.fft.rfft(torch.sin(2 * math.pi * cycles * torch.arange(n) / n) * window).abs() ** 2
    return (power[torch.arange(len(power)) - cycles > 3].sum() / power.sum()).item()


def no_window(signal, n_fft, hop, window):
    return torch.fft.rfft(frame(signal, n_fft, hop, True)).mT


def frames_first(signal, n_fft, hop, window):
    return stft(signal, n_fft, hop, window).mT


def not_centred(signal, n_fft, hop, window):
    return torch.fft.rfft(frame(signal, n_fft, hop, False) * window).mT


def add_only(S, n_fft, hop, window, length):
    total = torch.zeros(n_fft + hop * (S.shape[1] - 1) + length)
    for m, piece in enumerate(torch.fft.irfft(S.mT, n=n_fft) * window):
        total[m * hop : m * hop + n_fft] += piece
    return total[n_fft // 2 :][:length]


def window_once(S, n_fft, hop, window, length):
    """Divides by the windows' sum without windowing again: exact for an STFT that nobody changed."""
    total = torch.zeros(n_fft + hop * (S.shape[1] - 1) + length)
    weight = torch.zeros_like(total)
    for m, piece in enumerate(torch.fft.irfft(S.mT, n=n_fft)):
        total[m * hop : m * hop + n_fft] += piece
        weight[m * hop : m * hop + n_fft] += window
    return (total / weight.clamp(min=1e-10))[n_fft // 2 :][:length]


def zeros_kept(S, n_fft, hop, window, length):
    return F.pad(istft(S, n_fft, hop, window, length), (n_fft // 2, 0))[:length]


def nan_at_the_edges(S, n_fft, hop, window, length):
    total = torch.zeros(n_fft + hop * (S.shape[1] - 1) + length, dtype=window.dtype)
    weight = torch.zeros_like(total)
    for m, piece in enumerate(torch.fft.irfft(S.mT, n=n_fft) * window):
        total[m * hop : m * hop + n_fft] += piece
        weight[m * hop : m * hop + n_fft] += window**2
    return (total / weight)[n_fft // 2 :][:length]


def one_at_the_edges(S, n_fft, hop, window, length):
    return torch.where((sound := nan_at_the_edges(S, n_fft, hop, window, length)).isnan(), 1.0, sound)


def by_recording(voices, share, seed):
    """What libraries do unless told otherwise."""
    split(voices, share, seed)
    rows = torch.randperm(len(voices), generator=torch.Generator().manual_seed(seed)).tolist()
    count = min(max(round(share * len(voices)), 1), len(voices) - 1)
    return sorted(rows[count:]), sorted(rows[:count])


def first_voices(voices, share, seed):
    """Draws nothing."""
    names = sorted(set(voices))
    if len(names) < 2:
        raise ValueError("two voices are needed")
    tested = names[: min(max(round(share * len(names)), 1), len(names) - 1)]
    return [i for i, v in enumerate(voices) if v not in tested], [i for i, v in enumerate(voices) if v in tested]


def share_of_recordings(voices, share, seed):
    """Draws voices until the test holds its share of the recordings."""
    names = sorted(set(voices))
    if len(names) < 2:
        raise ValueError("two voices are needed")
    tested = []
    for i in torch.randperm(len(names), generator=torch.Generator().manual_seed(seed)).tolist()[:-1]:
        if not tested or sum(v in tested for v in voices) < share * len(voices):
            tested.append(names[i])
    return [i for i, v in enumerate(voices) if v not in tested], [i for i, v in enumerate(voices) if v in tested]


def perhaps_no_test(voices, share, seed):
    names = sorted(set(voices))
    if len(names) < 2:
        raise ValueError("two voices are needed")
    drawn = torch.randperm(len(names), generator=torch.Generator().manual_seed(seed))[: round(share * len(names))]
    tested = {names[i] for i in drawn}
    return [i for i, v in enumerate(voices) if v not in tested], [i for i, v in enumerate(voices) if v in tested]


def other_way_round(voices, share, seed):
    return split(voices, share, seed)[::-1]


def any_seed(voices, share, seed):
    return split(voices, share, random.randrange(10**6))


def unsorted(voices, share, seed):
    train, test = split(voices, share, seed)
    return sorted(train, key=lambda i: voices[i]), sorted(test, key=lambda i: voices[i])


def names_not_rows(voices, share, seed):
    return [[voices[i] for i in part] for part in split(voices, share, seed)]


def split_without_refusal(voices, share, seed):
    return split(voices, share, seed) if len(set(voices)) > 1 else ([], list(range(len(voices))))


def common_voices(voices, train, test):
    """Counts voices, not recordings."""
    known, tested = ({voices[i] for i in part} for part in (train, test))
    return len(known & tested) / len(tested)


def common_rows(voices, train, test):
    return len(set(train) & set(test)) / len(test)


def share_of_training(voices, train, test):
    return leaked(voices, test, train)


def mfcc_with(power=2, factor=10, floor=1e-10, scaled=True, refuses=True):
    def wrong(signal, rate, n):
        if refuses and not torch.isfinite(signal).all():
            raise ValueError("not finite")
        mel = bank(40, 512, rate) @ stft(signal, 512, 128, torch.hann_window(512)).abs() ** power
        dct = lecture.dct_matrix(n, 40)
        if not scaled:
            dct[0] *= math.sqrt(2)
        return dct @ (factor * mel.clamp(min=floor).log10())

    return wrong


def column(n):
    return torch.stack([torch.fft.fft(row) for row in torch.eye(n, dtype=torch.complex128)])


def by_fft(n):
    return torch.fft.fft(torch.eye(n, dtype=torch.complex128))


def by_numpy(n):
    return torch.from_numpy(np.fft.fft(np.eye(n)))


def by_scipy(n):
    return torch.from_numpy(scipy.linalg.dft(n))


def always_eight(n):
    return D(8)


def centred_or_not(n_samples, n_fft, hop, center):
    count(n_samples, n_fft, hop, center)
    return count(n_samples, n_fft, hop, len([n_samples]) > 0)


def zeros_behind(signal, n_fft, hop, center):
    """Fills the last window instead of dropping it."""
    count(len(signal), n_fft, hop, center)
    if center:
        signal = F.pad(signal, (n_fft // 2, n_fft // 2))
    return F.pad(signal, (0, -(len(signal) - n_fft) % hop)).unfold(0, n_fft, hop)


def single_frames(signal, n_fft, hop, center):
    return frame(signal, n_fft, hop, center).float()


def fixed_window_leakage(window, cycles):
    return leakage(torch.hann_window(len(window)), cycles)


def rounded_cycles(window, cycles):
    return leakage(window, round(cycles))


def nearer_than_three(window, cycles):
    n = len(window)
    power = torch.fft.rfft(torch.sin(2 * math.pi * cycles * torch.arange(n) / n) * window).abs() ** 2
    return (power[(torch.arange(len(power)) - cycles).abs() >= 3].sum() / power.sum()).item()


def always_hann(signal, n_fft, hop, window):
    return stft(signal, n_fft, hop, torch.hann_window(n_fft, dtype=signal.dtype))


def ready_stft(signal, n_fft, hop, window):
    return torch.stft(signal, n_fft, hop, window=window, center=True, pad_mode="constant", return_complex=True)


def method_stft(signal, n_fft, hop, window):
    return signal.stft(n_fft, hop, window=window, center=True, pad_mode="constant", return_complex=True)


def torchaudio_stft(signal, n_fft, hop, window):
    spectrogram = torchaudio.transforms.Spectrogram(
        n_fft, hop_length=hop, power=None, pad_mode="constant", window_fn=lambda n: window
    )
    return spectrogram(signal)


def librosa_stft(signal, n_fft, hop, window):
    S = librosa.stft(signal.numpy(), n_fft=n_fft, hop_length=hop, window=window.numpy(), pad_mode="constant")
    return torch.from_numpy(S)


def single_stft(signal, n_fft, hop, window):
    return stft(signal.float(), n_fft, hop, window.float())


def ready_istft(S, n_fft, hop, window, length):
    return torch.istft(S, n_fft, hop, window=window, length=length)


def istft_of_even(S, n_fft, hop, window, length):
    """Leaves it to irfft to guess the number of samples."""
    n = 2 * (len(S) - 1)
    return istft(S, n, hop, window[:n], length)


def istft_always_hann(S, n_fft, hop, window, length):
    return istft(S, n_fft, hop, torch.hann_window(n_fft, dtype=window.dtype), length)


def minus_its_mean(signal, rate, n):
    signal -= signal.mean()
    return mfcc(signal, rate, n)


def one_rate(signal, rate, n):
    return mfcc(signal, 16_000, n)


def double_mfcc(signal, rate, n):
    return mfcc(signal, rate, n).double()


def nothing_of_short_ones(signal, rate, n):
    return mfcc(signal, rate, n) if len(signal) >= 512 else torch.zeros(n, 1)


def librosas_own(signal, rate, n):
    if signal.isnan().any():
        raise ValueError("there is a NaN")
    power = librosa.feature.melspectrogram(
        y=signal.numpy(), sr=rate, n_fft=512, hop_length=128, n_mels=40, htk=True, norm=None, pad_mode="constant"
    )
    decibels = librosa.power_to_db(power, amin=1e-10, top_db=None)
    return torch.from_numpy(librosa.feature.mfcc(S=decibels, n_mfcc=n))


def refuses_everything(signal, rate, n):
    raise ValueError("no")


WRONG = [
    ("2.1", [column, lambda n: torch.linalg.inv(column(n))]),  # the card: without torch.fft
    ("2.1", [by_fft, inverse]),
    ("2.1", [by_numpy, inverse]),
    ("2.1", [by_scipy, inverse]),
    ("2.1", [D, lambda n: torch.fft.ifft(torch.eye(n, dtype=torch.complex128))]),
    ("2.1", [always_eight, inverse]),
    ("2.1", [D, lambda n: inverse(n).to(torch.complex64)]),
    ("2.2", [centred_or_not, frame]),
    ("2.2", [count, zeros_behind]),
    ("2.2", [count, single_frames]),
    ("2.2", [count, lambda *arguments: frame(*arguments).double()]),
    ("2.2", [count, lambda *arguments: frame(*arguments).squeeze()]),
    ("2.3", [alias, fixed_window_leakage]),
    ("2.3", [alias, rounded_cycles]),
    ("2.3", [alias, nearer_than_three]),
    ("2.3", [alias_below_the_rate_only, leakage]),
    ("2.3", [alias_not_folded, leakage]),
    ("2.3", [alias_at_nyquist, leakage]),
    ("2.3", [clipped_alias, leakage]),
    ("2.3", [negative_alias, leakage]),
    ("2.4", [always_hann, istft]),
    ("2.4", [ready_stft, istft]),
    ("2.4", [method_stft, istft]),
    ("2.4", [torchaudio_stft, istft]),
    ("2.4", [librosa_stft, istft]),
    ("2.4", [single_stft, istft]),
    ("2.4", [stft, ready_istft]),
    ("2.4", [stft, istft_of_even]),
    ("2.4", [stft, istft_always_hann]),
    ("2.4", [stft, lambda *arguments: istft(*arguments).float()]),
    ("2.4", [stft, nan_at_the_edges]),
    ("2.4", [stft, one_at_the_edges]),
    ("2.5", [by_recording, leaked]),
    ("2.5", [first_voices, leaked]),
    ("2.5", [share_of_recordings, leaked]),
    ("2.5", [perhaps_no_test, leaked]),
    ("2.5", [other_way_round, leaked]),
    ("2.5", [any_seed, leaked]),
    ("2.5", [unsorted, leaked]),
    ("2.5", [names_not_rows, leaked]),
    ("2.5", [split_without_refusal, leaked]),
    ("2.5", [split, common_voices]),
    ("2.5", [split, common_rows]),
    ("2.5", [split, share_of_training]),
    ("2.5", [split, lambda voices, train, test: 0.0]),
    ("2.6", [minus_its_mean]),
    ("2.6", [one_rate]),
    ("2.6", [double_mfcc]),
    ("2.6", [nothing_of_short_ones]),
    ("2.6", [librosas_own]),
    ("2.6", [refuses_everything]),
    ("2.1", [without_factor, inverse]),  # turns the wrong way
    ("2.1", [single, inverse]),
    ("2.1", [minus_one, inverse]),
    ("2.1", [lambda n: D(n).real, inverse]),
    ("2.1", [D, without_factor]),
    ("2.1", [D, D]),
    ("2.2", [no_rounding, frame]),
    ("2.2", [always_even, frame]),
    ("2.2", [no_refusal, frame]),
    ("2.2", [count, mirrored_edges]),
    ("2.2", [count, side_by_side]),
    ("2.2", [count, lambda *arguments: frame(*arguments).mT]),
    ("2.3", [alias, magnitudes_leak]),
    ("2.3", [alias, one_side]),
    ("2.3", [alias, lambda window, cycles: 100 * leakage(window, cycles)]),
    ("2.4", [no_window, istft]),
    ("2.4", [frames_first, istft]),
    ("2.4", [not_centred, istft]),
    ("2.4", [stft, add_only]),
    ("2.4", [stft, window_once]),
    ("2.4", [stft, zeros_kept]),
    ("2.6", [mfcc_with(power=1)]),
    ("2.6", [mfcc_with(factor=20)]),
    ("2.6", [mfcc_with(floor=0)]),
    ("2.6", [mfcc_with(scaled=False)]),
    ("2.6", [mfcc_with(refuses=False)]),
]

WRONG = callable_as_on_the_card(WRONG, RIGHT)


def infinitely_loud(S, n_fft, hop_length, window, length):
    return istft(S, n_fft, hop_length, window, length) + math.inf


def frame_without_refusal(signal, n_fft, hop, center):
    if len(signal) + 2 * (n_fft // 2) * center < n_fft:
        return signal[None]
    return frame(signal, n_fft, hop, center)


@pytest.mark.parametrize(
    ("number", "functions", "told", "times"),
    [
        ("2.1", [single, lambda n: single(n).conj() / n], "the dtype is torch.complex64, not torch.complex128", 3),
        ("2.2", [count, frame_without_refusal], "frame of 99 samples, n_fft 100: it went on without an error", 1),
        ("2.4", [stft, infinitely_loud], "there are infinite values", 3),
    ],
)
def test_a_cross_says_what_came_instead(number, functions, told, times, capsys):
    checks.check(number, *functions)
    assert " ".join(capsys.readouterr().out.split()).count(told) == times
