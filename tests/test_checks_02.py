"""Assignment 02's checks accept the solution and other right answers, and refuse plausible wrong ones."""

import math

import numpy as np
import pytest
import scipy.signal
import torch
import torch.nn.functional as F
import torchaudio

from helpers import checks
from tests.answers import *  # noqa: F403  right answers are accepted, wrong ones refused
from tests.definitions import definitions

right = definitions("solutions/02_spectrograms.ipynb")
lecture = definitions("02_spectrograms.ipynb")
D, inverse = right.dft_matrix, right.inverse_dft_matrix
count, frame = right.number_of_frames, right.frame
hamming, leakage = right.hamming, right.leakage
stft, istft, bank, mfcc = right.stft, right.istft, right.mel_filterbank, right.mfcc


def other_count(n_samples, n_fft, hop, center):
    if (n := len(range(0, n_samples + (n_fft // 2) * 2 * center - n_fft + 1, hop))) == 0:
        raise ValueError("too short")
    return n


def other_frame(signal, n_fft, hop, center):
    return torch.stack(list(lecture_frame(signal, n_fft, hop, center)))


def lecture_frame(signal, n_fft, hop, center):
    try:
        return lecture.frame(signal, n_fft, hop, center)
    except lecture.CourseError as error:
        raise ValueError(str(error)) from None


def other_leakage(window, cycles):
    n = len(window)
    power = np.abs(np.fft.rfft(window.numpy() * np.sin(2 * np.pi * cycles * np.arange(n) / n))) ** 2
    near = [k for k in range(len(power)) if abs(k - cycles) <= 3]
    return 1 - power[near].sum() / power.sum()


def other_mfcc(signal, rate, n):
    if signal.isnan().any():
        raise ValueError("there is a NaN")
    power = torchaudio.transforms.Spectrogram(512, hop_length=128, pad_mode="constant")(signal)
    log_mel = lecture.decibels(lecture.mel_filterbank(40, 512, rate) @ power)
    return torch.from_numpy(scipy.fft.dct(log_mel.numpy(), axis=0, norm="ortho")[:n])


def column(n):
    return torch.stack([torch.fft.fft(row) for row in torch.eye(n, dtype=torch.complex128)])


RIGHT = [
    ("2.1", [D, inverse]),
    ("2.1", [column, lambda n: torch.linalg.inv(column(n))]),
    ("2.2", [count, frame]),
    ("2.2", [other_count, other_frame]),
    ("2.3", [hamming, leakage]),
    ("2.3", [lambda n: torch.hamming_window(n), other_leakage]),
    ("2.4", [stft, istft]),
    ("2.4", [lecture.stft, lecture.istft]),
    ("2.5", [bank]),
    ("2.5", [lecture.mel_filterbank]),
    ("2.6", [mfcc]),
    ("2.6", [other_mfcc]),
]


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


def symmetric(n):
    return torch.hamming_window(n, periodic=False)


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


def even_in_hz(n_mels, n_fft, rate):
    bins = torch.arange(n_fft // 2 + 1) * rate / n_fft
    points = torch.linspace(0, rate / 2, n_mels + 2)
    left, top, right_ = points[:-2, None], points[1:-1, None], points[2:, None]
    return torch.minimum((bins - left) / (top - left), (right_ - bins) / (right_ - top)).clamp(min=0)


def slaney(n_mels, n_fft, rate):
    scale = {"norm": None, "mel_scale": "slaney"}
    return torchaudio.functional.melscale_fbanks(n_fft // 2 + 1, 0, rate / 2, n_mels, rate, **scale).mT


def unit_area(n_mels, n_fft, rate):
    return torchaudio.functional.melscale_fbanks(n_fft // 2 + 1, 0, rate / 2, n_mels, rate, norm="slaney").mT


def straight_in_mel(n_mels, n_fft, rate):
    bins = lecture.hz_to_mel(torch.arange(n_fft // 2 + 1) * rate / n_fft)
    points = torch.linspace(0, float(bins[-1]), n_mels + 2)
    left, top, right_ = points[:-2, None], points[1:-1, None], points[2:, None]
    return torch.minimum((bins - left) / (top - left), (right_ - bins) / (right_ - top)).clamp(min=0)


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


WRONG = [
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
    ("2.3", [symmetric, leakage]),
    ("2.3", [lambda n: torch.hann_window(n), leakage]),
    ("2.3", [hamming, magnitudes_leak]),
    ("2.3", [hamming, one_side]),
    ("2.3", [hamming, lambda window, cycles: 100 * leakage(window, cycles)]),
    ("2.4", [no_window, istft]),
    ("2.4", [frames_first, istft]),
    ("2.4", [not_centred, istft]),
    ("2.4", [stft, add_only]),
    ("2.4", [stft, window_once]),
    ("2.4", [stft, zeros_kept]),
    ("2.5", [even_in_hz]),
    ("2.5", [slaney]),
    ("2.5", [unit_area]),
    ("2.5", [straight_in_mel]),
    ("2.5", [lambda *arguments: bank(*arguments).mT]),
    ("2.6", [mfcc_with(power=1)]),
    ("2.6", [mfcc_with(factor=20)]),
    ("2.6", [mfcc_with(floor=0)]),
    ("2.6", [mfcc_with(scaled=False)]),
    ("2.6", [mfcc_with(refuses=False)]),
]


def divided_by_nothing(S, n_fft, hop, window, length):
    return istft(S, n_fft, hop, window, length) / torch.zeros(length)


def frame_without_refusal(signal, n_fft, hop, center):
    if len(signal) + 2 * (n_fft // 2) * center < n_fft:
        return signal[None]
    return frame(signal, n_fft, hop, center)


@pytest.mark.parametrize(
    ("number", "functions", "told", "times"),
    [
        ("2.1", [single, lambda n: single(n).conj() / n], "it is torch.complex64, not torch.complex128", 3),
        ("2.2", [count, frame_without_refusal], "frame of 99 samples, n_fft 100: it went on without an error", 1),
        ("2.4", [stft, divided_by_nothing], "there are NaN or infinite values", 2),
    ],
)
def test_a_cross_says_what_came_instead(number, functions, told, times, capsys):
    checks.check(number, *functions)
    assert " ".join(capsys.readouterr().out.split()).count(told) == times
