"""Sounds that a learner may bring: read right, or refused in one clear line. And the players and pictures of them."""

import base64
import io
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
import soundfile
import torch

from helpers import CourseError, data, plots


def tone(rate, seconds=0.5, hz=440):
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3", "aiff"])
@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100])
def test_any_format_rate_and_stereo_become_one_channel_at_the_asked_rate(tmp_path, ending, rate):
    left = tone(rate)
    soundfile.write(tmp_path / f"a.{ending}", np.stack([left, 0.5 * left], axis=1), rate)
    signal = data.read_sound(tmp_path / f"a.{ending}", 16_000)
    assert signal.dtype == torch.float32 and signal.dim() == 1
    middle = signal[2_000:6_000]  # coders soften the ends
    assert abs(len(signal) - 8_000) < 2_500  # mp3 adds its own padding
    spectrum = torch.fft.rfft(middle * torch.hann_window(4_000)).abs()
    assert spectrum.argmax() == 110 and abs(middle.abs().max() - 0.375) < 0.02  # 440 Hz, the mean of both channels


def test_what_lies_above_the_new_nyquist_frequency_is_filtered_and_not_folded(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(16_000, hz=7_000), 16_000)
    assert data.read_sound(tmp_path / "a.wav", 8_000)[500:-500].abs().max() < 1e-3


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("letter.wav", b"Dear Sir, this is not a sound", "letter.wav is not a sound.*Save it as wav"),
        ("empty.mp3", b"", "empty.mp3 is not a sound"),
    ],
)
def test_a_file_that_is_no_sound_is_refused(tmp_path, name, content, says):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CourseError, match=says):
        data.read_sound(tmp_path / name)


def test_missing_empty_and_broken_sounds_are_refused(tmp_path):
    with pytest.raises(CourseError, match="There is no file .*nowhere.wav"):
        data.read_sound(tmp_path / "nowhere.wav")
    with pytest.raises(CourseError, match="There is no file"):
        data.read_sound(tmp_path)
    soundfile.write(tmp_path / "none.wav", np.zeros(0), 8_000)
    with pytest.raises(CourseError, match="none.wav holds no sound"):
        data.read_sound(tmp_path / "none.wav")
    soundfile.write(tmp_path / "nan.wav", np.array([0.0, np.nan]), 8_000, subtype="FLOAT")
    with pytest.raises(CourseError, match="nan.wav holds samples that are not numbers"):
        data.read_sound(tmp_path / "nan.wav")


def test_recordings_are_what_the_index_says():
    violin = data.sound("stamps/violin")
    assert abs(len(violin) / data.SOUND_RATE - 3.19) < 0.02 and 0.3 < violin.abs().max() <= 1
    assert data.sound("gcompris/rain").mean().abs() < 0.01  # its constant part is taken off
    with pytest.raises(CourseError, match="no recording 'violin'. Try gcompris/violin, stamps/violin"):
        data.sound("violin")
    with pytest.raises(CourseError, match="no recording 'unicorn'.*index.json"):
        data.sound("unicorn")


def test_digits_are_ten_a_voice_and_hold_a_sound_each():
    spoken = data.digits()
    assert len(spoken) == 3_015 and sum(d.real for d in spoken) == 315
    assert {d.language for d in spoken if not d.real} == {"en", "es", "fr", "it", "ru"}
    assert len({d.language for d in spoken if d.real}) == 20
    for d in spoken:
        assert 0 <= d.digit <= 9 and 800 < len(d.signal) < 12_000
        assert 0.3 < d.signal.abs().max() < 0.7, (d.voice, d.language, d.digit)


def test_a_player_holds_the_very_samples(monkeypatch):
    shown = []
    monkeypatch.setattr(plots, "display", lambda html: shown.append(html.data))
    plots.play({"a <tone>": tone(8_000), "loud": torch.tensor([0.0, 4.0, -2.0]), "long": torch.zeros(5000)}, 8_000)
    assert shown[0].count("<audio controls") == 3 and "a &lt;tone&gt;" in shown[0]
    stored = re.findall(r"data:audio/(flac|wav);base64,([^\"]+)", shown[0])
    assert [form for form, _ in stored] == [
        "wav",
        "wav",
        "flac",
    ]  # Chromium reads flac of one block to its end, and stops
    first, loud, _ = [base64.b64decode(sound) for _, sound in stored]
    samples, rate = soundfile.read(io.BytesIO(first))
    assert rate == 8_000 and np.abs(samples - tone(8_000)).max() < 1e-4
    assert np.allclose(soundfile.read(io.BytesIO(loud))[0], [0, 1, -0.5], atol=1e-3)  # turned down, not clipped
    for wrong in (torch.zeros(0), torch.zeros(2, 9), torch.tensor([float("nan")])):
        with pytest.raises(CourseError, match="sound 'x' cannot be played"):
            plots.play({"x": wrong}, 8_000)


def test_a_spectrogram_is_drawn_upright_with_its_units():
    figure, axes = plt.subplots()
    image = plots.spectrogram(axes, torch.tensor([[0.0, 1.0], [2.0, 90.0]]), seconds=3, top=4, decibels=40)
    assert image.get_extent() == [0, 3, 0, 4] and image.origin == "lower" and image.get_clim() == (50, 90)
    plt.close(figure)
