"""Races lecture 02's own log-mel spectrogram against torchaudio's and librosa's.

A minute of sound at 16 kHz, the same settings for all, the same two threads:

    python tests/benchmarks/stft_speed.py

The three take turns, a few calls each, so that a busy machine slows all alike. The first calls of a turn are not
counted: the library before leaves threads that still wait for work. Prints the median times and their ratios.
"""

import sys
import time
from pathlib import Path

import librosa
import numpy as np
import torch
import torchaudio

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.definitions import definitions  # noqa: E402

THREADS, ROUNDS, CALLS, UNCOUNTED = 2, 10, 8, 3
RATE, SECONDS, N_FFT, HOP, N_MELS = 16_000, 60, 512, 160, 80
lecture = definitions("02_spectrograms.ipynb")


def contestants(signal):
    """Three calls that return the same decibels, (mels, frames), for one signal."""
    settings = {"n_fft": N_FFT, "hop_length": HOP, "n_mels": N_MELS, "pad_mode": "constant"}
    window, filterbank = lecture.hann(N_FFT), lecture.mel_filterbank(N_MELS, N_FFT, RATE)
    mel = torchaudio.transforms.MelSpectrogram(RATE, **settings)
    to_decibels = torchaudio.transforms.AmplitudeToDB("power")
    samples = signal.numpy()

    def ours():
        return lecture.decibels(lecture.mel_spectrogram(signal, N_FFT, HOP, window, filterbank))

    def librosas():
        power = librosa.feature.melspectrogram(y=samples, sr=RATE, htk=True, norm=None, **settings)
        return librosa.power_to_db(power, top_db=None)

    return {"ours": ours, "torchaudio": lambda: to_decibels(mel(signal)), "librosa": librosas}


def main():
    torch.set_num_threads(THREADS)
    calls = contestants(torch.randn(RATE * SECONDS, generator=torch.Generator().manual_seed(0)))
    expected = calls["ours"]()
    times = {name: [] for name in calls}
    for name, call in calls.items():
        assert np.abs(np.asarray(call()) - expected.numpy()).max() < 1e-2, f"{name} computes something else"
    for _ in range(ROUNDS):
        for name, call in calls.items():
            for i in range(UNCOUNTED + CALLS):
                start = time.perf_counter()
                call()
                if i >= UNCOUNTED:
                    times[name].append(time.perf_counter() - start)
    median = {name: float(np.median(values)) for name, values in times.items()}
    print(", ".join(f"{name} {1000 * seconds:.1f} ms" for name, seconds in median.items()))
    for name, goal in (("librosa", 0.6), ("torchaudio", 1.1)):
        print(f"ratio of times, ours / {name}: {median['ours'] / median[name]:.2f} (goal: at most {goal})")


if __name__ == "__main__":
    main()
