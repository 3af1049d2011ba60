"""The checks of assignment 02. Expected values come from torch, torchaudio, librosa and scipy, on random sounds."""

import math

import librosa
import numpy as np
import scipy.signal
import torch
import torchaudio

from helpers import data
from helpers.checks import Exercise, first_wrong, refuses

EXERCISES = {
    "2.1": Exercise(
        3,
        [
            "Row k, column j holds a point on the unit circle, turned by the angle -2 pi k j / n.",
            "torch.outer(k, k) gives all products k j at once, torch.exp of an imaginary number (1j is i) "
            "turns by an angle; both keep the precision of k: torch.arange(n, dtype=torch.float64).",
            "Row 1 of the inverse turns the other way round. And its sums must not grow with n.",
        ],
    ),
    "2.2": Exercise(
        3,
        [
            "Draw it: 10 samples, windows of 4, a hop of 3. Where does the last whole window begin?",
            "The first window takes n_fft samples; each further one needs hop_length more: round down, then add 1.",
            "Centring adds n_fft // 2 zeros on both sides. Count them before you ask whether a window fits.",
        ],
    ),
    "2.3": Exercise(
        2,
        [
            "Divide by n, not by n - 1: the window's next copy would begin where this one ends.",
            "Power is the squared magnitude. Compare the far bins' sum with the sum of all.",
            "'Away' has two sides: take the absolute value of bin minus cycles. A distance of just 3 is still near.",
        ],
    ),
    "2.4": Exercise(
        3,
        [
            "stft: frames times window, torch.fft.rfft along the last dimension, then bins first and frames last.",
            "istft: each frame goes back to the place that it came from, and is added, not written over.",
            "A sample was weighted by the window twice, in every frame that saw it: divide by that sum of squares. "
            "Then sample 0 of the sound stands at place n_fft // 2: cut there, and keep `length` samples.",
        ],
    ),
    "2.5": Exercise(
        2,
        [
            "Evenly spaced in mel means: linspace between mel(0) and mel(rate / 2), then back to Hz.",
            "Each side of a triangle is a straight line in Hz: (f - left) / (top - left) going up. The points stay "
            "where they are: do not round them to bins.",
            "The lower of the two lines, and never below 0, is the triangle. Do not scale its area.",
        ],
    ),
    "2.6": Exercise(
        3,
        [
            "The order: STFT, squared magnitude, filterbank, floor, 10 log10, DCT.",
            "The filterbank sums power, not magnitudes; the decibels come after it.",
            "The first row of the DCT has its own factor. And a NaN survives a sum: look for it before you begin.",
        ],
    ),
}


def tensor_close(got, expected, tolerance=1e-4):
    """True where a tensor agrees up to a share of the largest expected value, or a text that says what came."""
    if not isinstance(got, torch.Tensor):
        return f"it returned {type(got).__name__}, not a tensor"
    if got.shape != expected.shape:
        return f"the shape is {tuple(got.shape)}, not {tuple(expected.shape)}"
    if got.is_complex() != expected.is_complex():
        return "it is complex and should be real" if got.is_complex() else "it is real and should be complex"
    if not got.isfinite().all():
        return "there are NaN or infinite values"
    error = (got.to(expected.dtype) - expected).abs().max() / expected.abs().max()
    return bool(error <= tolerance) or f"the values differ by up to {error:.2g} of the largest one"


# 2.1 the DFT matrix


def product_close(matrix, x, expected, tolerance):
    if not isinstance(matrix, torch.Tensor) or matrix.dtype != torch.complex128:
        return f"it is {getattr(matrix, 'dtype', type(matrix).__name__)}, not torch.complex128"
    return tensor_close(matrix @ x, expected, tolerance)


@EXERCISES["2.1"].case("on eight samples it gives what torch.fft.fft gives, in double precision")
def _(dft_matrix, inverse_dft_matrix):
    x = torch.randn(8, dtype=torch.complex128)
    return product_close(dft_matrix(8), x, torch.fft.fft(x), 1e-10)


@EXERCISES["2.1"].case("so it does on 1, 2, 37 and 256 samples")
def _(dft_matrix, inverse_dft_matrix):
    signals = [torch.randn(n, dtype=torch.complex128) for n in (1, 2, 37, 256)]
    return first_wrong(*(product_close(dft_matrix(len(x)), x, torch.fft.fft(x), 1e-9) for x in signals))


@EXERCISES["2.1"].case("the inverse leads back to the samples")
def _(dft_matrix, inverse_dft_matrix):
    signals = [torch.randn(n, dtype=torch.complex128) for n in (1, 8, 37)]
    return first_wrong(*(product_close(inverse_dft_matrix(len(x)), torch.fft.fft(x), x, 1e-9) for x in signals))


# 2.2 frames

SIZES = [(740, 101, 37), (1000, 100, 25), (1003, 128, 32), (1000, 101, 37), (512, 512, 128), (700, 64, 100)]


@EXERCISES["2.2"].case("number_of_frames without centring")
def _(number_of_frames, frame):
    for n_samples, n_fft, hop in SIZES:
        expected = len(range(0, n_samples - n_fft + 1, hop))
        if (got := number_of_frames(n_samples, n_fft, hop, False)) != expected:
            return f"{n_samples} samples, n_fft {n_fft}, hop {hop}: {got}, not {expected}"
    return True


@EXERCISES["2.2"].case("number_of_frames with centring is what torch.stft gives")
def _(number_of_frames, frame):
    for n_samples, n_fft, hop in [*SIZES, (10, 100, 25)]:
        window, zeros = torch.ones(n_fft), torch.zeros(n_samples)
        S = torch.stft(zeros, n_fft, hop, window=window, center=True, pad_mode="constant", return_complex=True)
        if (got := number_of_frames(n_samples, n_fft, hop, True)) != S.shape[1]:
            return f"{n_samples} samples, n_fft {n_fft}, hop {hop}: {got}, not {S.shape[1]}"
    return True


@EXERCISES["2.2"].case("the frames hold the right samples, without and with zeros at the edges")
def _(number_of_frames, frame):
    verdicts = []
    for n_samples, n_fft, hop in SIZES:
        x = torch.randn(n_samples)
        padded = torch.cat([torch.zeros(n_fft // 2), x, torch.zeros(n_fft // 2)])
        verdicts.append(tensor_close(frame(x.clone(), n_fft, hop, False), x.unfold(0, n_fft, hop)))
        verdicts.append(tensor_close(frame(x.clone(), n_fft, hop, True), padded.unfold(0, n_fft, hop)))
    return first_wrong(*verdicts)


@EXERCISES["2.2"].case("a sound that fills no window is refused with a ValueError that says why")
def _(number_of_frames, frame):
    calls = (number_of_frames, 99, 100, 25, False), (frame, torch.randn(99), 100, 25, False)
    for name, call in zip(("number_of_frames", "frame"), calls, strict=True):
        if (verdict := refuses(*call)) is not True:
            return f"{name} of 99 samples, n_fft 100: {verdict}"
    return refuses(number_of_frames, 0, 101, 25, True)


# 2.3 windows


@EXERCISES["2.3"].case("hamming agrees with scipy's periodic window")
def _(hamming, leakage):
    expected = [torch.from_numpy(scipy.signal.get_window("hamming", n)).float() for n in (8, 63, 400)]
    return first_wrong(*(tensor_close(hamming(len(w)), w) for w in expected))


def true_leakage(window, cycles):
    n = len(window)
    power = np.abs(np.fft.rfft(np.sin(2 * np.pi * cycles * np.arange(n) / n) * window)) ** 2
    return power[np.abs(np.arange(len(power)) - cycles) > 3].sum() / power.sum()


@EXERCISES["2.3"].case("leakage of rectangular and Hann windows, for tones on and between bins")
def _(hamming, leakage):
    for window in (np.ones(128), scipy.signal.get_window("hann", 200)):
        for cycles in (10.5, 30.3, 40):
            got, expected = float(leakage(torch.from_numpy(window), cycles)), true_leakage(window, cycles)
            if not math.isclose(got, expected, rel_tol=1e-3, abs_tol=1e-9):
                return f"{len(window)} samples, {cycles} cycles: {got:.3g}, not {expected:.3g}"
    return True


# 2.4 the STFT and its inverse

STFT_SIZES = [(4000, 256, 64), (3001, 200, 100), (1000, 512, 170)]


def library_stft(x, n_fft, hop, window):
    return torch.stft(x, n_fft, hop, window=window, center=True, pad_mode="constant", return_complex=True)


@EXERCISES["2.4"].case("stft agrees with torch.stft")
def _(stft, istft):
    verdicts = []
    for n_samples, n_fft, hop in STFT_SIZES:
        x, window = torch.randn(n_samples), torch.hann_window(n_fft)
        verdicts.append(tensor_close(stft(x, n_fft, hop, window), library_stft(x, n_fft, hop, window)))
    return first_wrong(*verdicts)


@EXERCISES["2.4"].case("istft brings a real recording back, sample by sample")
def _(stft, istft):
    x, verdicts = data.sound("stamps/frog")[:12_000], []
    for n_fft, hop, window in ((512, 128, torch.hann_window), (400, 160, torch.hamming_window)):
        S = library_stft(x, n_fft, hop, window(n_fft))
        verdicts.append(tensor_close(istft(S, n_fft, hop, window(n_fft), len(x)), x))
    return first_wrong(*verdicts)


@EXERCISES["2.4"].case("istft of a changed spectrogram agrees with torch.istft")
def _(stft, istft):
    window = torch.hann_window(256)
    S = library_stft(torch.randn(4000), 256, 64, window)
    S[40:] = 0
    S[:, 20:25] *= 3
    expected = torch.istft(S, 256, 64, window=window, length=4000)
    return tensor_close(istft(S.clone(), 256, 64, window, 4000)[128:-128], expected[128:-128])


# 2.5 the mel filterbank


@EXERCISES["2.5"].case("it agrees with torchaudio's filterbank, for several rates and sizes")
def _(mel_filterbank):
    verdicts = []
    for n_mels, n_fft, rate in ((40, 512, 16_000), (64, 1024, 22_050), (23, 256, 8_000)):
        expected = torchaudio.functional.melscale_fbanks(n_fft // 2 + 1, 0, rate / 2, n_mels, rate).mT
        verdicts.append(tensor_close(mel_filterbank(n_mels, n_fft, rate), expected, 1e-3))
    return first_wrong(*verdicts)


@EXERCISES["2.5"].case("it agrees with librosa's filterbank, HTK scale, not normalised, for an odd n_fft as well")
def _(mel_filterbank):
    verdicts = []
    for n_mels, n_fft, rate in ((30, 400, 16_000), (20, 255, 8_000)):  # with 255 no bin lies at Nyquist
        expected = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=n_mels, htk=True, norm=None)
        verdicts.append(tensor_close(mel_filterbank(n_mels, n_fft, rate), torch.from_numpy(expected), 1e-3))
    return first_wrong(*verdicts)


# 2.6 MFCC


def librosa_mfcc(x, rate, n_mfcc):
    settings = {"n_fft": 512, "hop_length": 128, "n_mels": 40, "htk": True, "norm": None}
    power = librosa.feature.melspectrogram(y=x.numpy(), sr=rate, pad_mode="constant", **settings)
    decibels = librosa.power_to_db(power, amin=1e-10, top_db=None)
    return torch.from_numpy(librosa.feature.mfcc(S=decibels, n_mfcc=n_mfcc))


@EXERCISES["2.6"].case("it agrees with librosa on a random sound at 16,000 Hz")
def _(mfcc):
    x = torch.randn(6000)
    return tensor_close(mfcc(x, 16_000, 13), librosa_mfcc(x, 16_000, 13), 1e-3)


@EXERCISES["2.6"].case("and on a real duck, with 20 coefficients, at another rate")
def _(mfcc):
    x = data.sound("stamps/drake")[:8000]
    return tensor_close(mfcc(x, 8_000, 20), librosa_mfcc(x, 8_000, 20), 1e-3)


@EXERCISES["2.6"].case("silence gives finite numbers, and so does a sound shorter than the window")
def _(mfcc):
    for x in (torch.zeros(3000), torch.randn(100)):
        if not torch.isfinite(mfcc(x, 16_000, 13)).all():
            return "there are NaN or infinite values"
    return True


@EXERCISES["2.6"].case("a signal with a NaN is refused with a ValueError that says why")
def _(mfcc):
    return refuses(mfcc, torch.cat([torch.randn(2000), torch.tensor([math.nan])]), 16_000, 13)
