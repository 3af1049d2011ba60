"""Lecture 02's own functions against scipy, torchaudio and librosa, on random signals, lengths and hops."""

import librosa
import numpy as np
import pytest
import scipy.fft
import scipy.signal
import torch
import torchaudio

from helpers import CourseError, data
from tests.definitions import definitions

lecture = definitions("02_spectrograms.ipynb", also=("setup", "config"))
LANGUAGES = lecture.LANGUAGES = ["en", "es", "fr", "it", "ru"]
lecture.digit_bank = lecture.mel_filterbank(n_mels=40, n_fft=256, rate=8_000)
# samples, n_fft, hop: even and odd windows, hops that divide nothing, a sound shorter than its window
SIZES = [(16_000, 512, 128), (5_001, 400, 160), (3_000, 255, 100), (1_234, 64, 64), (90, 128, 32), (1, 16, 4)]


def noise(*shape, dtype=torch.float64, seed=0):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("n", [1, 2, 7, 8, 100])
def test_the_dft_matrix_agrees_with_scipy(n):
    x = noise(n)
    got = lecture.dft_matrix(n) @ x.to(torch.complex128)
    assert np.allclose(got.numpy(), scipy.fft.fft(x.numpy()), atol=1e-10)


@pytest.mark.parametrize("n", [2, 8, 63, 512])
def test_windows_agree_with_scipy(n):
    for ours, name in ((lecture.hann, "hann"), (lecture.hamming, "hamming")):
        assert np.allclose(ours(n).numpy(), scipy.signal.get_window(name, n), atol=1e-6)


@pytest.mark.filterwarnings("ignore:n_fft=.* is too large")  # librosa's, where the sound is shorter than the window
@pytest.mark.parametrize(("samples", "n_fft", "hop"), SIZES)
def test_the_stft_agrees_with_torch_and_librosa(samples, n_fft, hop):
    x, window = noise(samples), torch.hann_window(n_fft, dtype=torch.float64)
    ours = lecture.stft(x, n_fft, hop, window)
    theirs = torch.stft(x, n_fft, hop, window=window, center=True, pad_mode="constant", return_complex=True)
    assert ours.shape == theirs.shape and (ours - theirs).abs().max() <= 1e-10 * theirs.abs().max()
    other = librosa.stft(x.numpy(), n_fft=n_fft, hop_length=hop, window=window.numpy(), pad_mode="constant")
    assert np.allclose(ours.numpy(), other, atol=1e-9)


def test_the_stft_agrees_with_scipy():
    x, window = noise(4_000), torch.hann_window(256, dtype=torch.float64)
    transform = scipy.signal.ShortTimeFFT(window.numpy(), hop=64, fs=1, phase_shift=None)
    theirs = transform.stft(x.numpy(), p0=2, p1=50)  # slices that lie whole inside the signal, centred at 64 m
    assert np.allclose(lecture.stft(x, 256, 64, window).numpy()[:, 2:50], theirs, atol=1e-10)


def test_the_stft_of_a_batch_is_the_batch_of_stfts_and_without_centring_nothing_is_added():
    x, window = noise(3, 2, 1_000), torch.ones(100, dtype=torch.float64)
    S = lecture.stft(x, 100, 30, window)
    assert S.shape == (3, 2, 51, 34) and torch.equal(S[1, 1], lecture.stft(x[1, 1], 100, 30, window))
    frames = lecture.frame(x, 100, 30, center=False)
    assert frames.shape == (3, 2, 31, 100) and torch.equal(frames[0, 0, 1], x[0, 0, 30:130])


@pytest.mark.parametrize(("samples", "n_fft", "hop"), [*SIZES[:2], (12_000, 256, 5)])  # the last: 2,401 frames
@pytest.mark.parametrize(("n_mels", "rate"), [(40, 16_000), (64, 22_050), (20, 8_000)])
def test_mel_and_mfcc_agree_with_librosa(samples, n_fft, hop, n_mels, rate):
    x, window = noise(samples), torch.hann_window(n_fft, dtype=torch.float64)
    bank = lecture.mel_filterbank(n_mels, n_fft, rate, torch.float64)
    ours = lecture.mel_spectrogram(x, n_fft, hop, window, bank)
    settings = {"n_fft": n_fft, "hop_length": hop, "pad_mode": "constant", "n_mels": n_mels}
    theirs = librosa.feature.melspectrogram(y=x.numpy(), sr=rate, htk=True, norm=None, dtype=np.float64, **settings)
    assert np.abs(ours.numpy() - theirs).max() <= 1e-10 * theirs.max()
    decibels = librosa.power_to_db(theirs, amin=1e-10, top_db=None)
    assert np.allclose(lecture.decibels(ours).numpy(), decibels, atol=1e-8)
    coefficients = librosa.feature.mfcc(S=decibels, n_mfcc=13)
    assert np.allclose(lecture.mfcc(lecture.decibels(ours), 13).numpy(), coefficients, atol=1e-8)


def test_the_filterbank_agrees_with_torchaudio_and_no_filter_is_empty_where_the_lecture_uses_it():
    for n_mels, n_fft, rate in ((40, 512, 16_000), (40, 256, 8_000)):
        theirs = torchaudio.functional.melscale_fbanks(n_fft // 2 + 1, 0, rate / 2, n_mels, rate).mT
        ours = lecture.mel_filterbank(n_mels, n_fft, rate)
        assert torch.allclose(ours, theirs, atol=1e-4) and ours.sum(1).min() > 0


def test_mel_and_hz_undo_each_other():
    hz = torch.tensor([0.0, 100, 1_000, 8_000], dtype=torch.float64)
    assert torch.allclose(lecture.mel_to_hz(lecture.hz_to_mel(hz)), hz) and abs(lecture.hz_to_mel(hz[2]) - 1_000) < 0.1


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float64, 1e-12), (torch.float32, 1e-4)])
def test_stft_mel_and_mfcc_agree_with_torchaudio_in_both_precisions(dtype, bound):
    x, window, zeros = noise(9_000, dtype=dtype), torch.hann_window(320, dtype=dtype), {"n_fft": 320, "hop_length": 100}
    mel = lecture.mel_spectrogram(x, 320, 100, window, lecture.mel_filterbank(30, 320, 16_000, dtype))
    ours = lecture.stft(x, 320, 100, window), mel, lecture.mfcc(lecture.decibels(mel), 13)
    torch.set_default_dtype(dtype)  # torchaudio builds its filterbank in the default type
    theirs = torchaudio.transforms.MelSpectrogram(16_000, n_mels=30, pad_mode="constant", **zeros)(x)
    dct = torchaudio.functional.create_dct(13, 30, "ortho").mT
    spectrogram = torchaudio.transforms.Spectrogram(power=None, pad_mode="constant", **zeros)(x)
    torch.set_default_dtype(torch.float32)
    for mine, other in zip(ours, (spectrogram, theirs, dct @ lecture.decibels(theirs)), strict=True):
        assert (mine - other).abs().max() <= bound * other.abs().max()


@pytest.mark.parametrize(("samples", "n_fft", "hop"), [(5_000, 512, 128), (4_321, 400, 100), (777, 256, 64)])
def test_the_inverse_gives_the_samples_back_and_agrees_with_torch(samples, n_fft, hop):
    x, window = noise(samples), torch.hann_window(n_fft, dtype=torch.float64)
    S = lecture.stft(x, n_fft, hop, window)
    covered = hop * (S.shape[1] - 1)  # as far as the last window's middle
    assert torch.allclose(lecture.istft(S, n_fft, hop, window, samples)[:covered], x[:covered], atol=1e-8)
    S[n_fft // 4 :] *= 0.1
    theirs = torch.istft(S, n_fft, hop, window=window, length=samples)
    assert torch.allclose(lecture.istft(S, n_fft, hop, window, samples)[:covered], theirs[:covered], atol=1e-8)


def test_griffin_lim_comes_nearer_with_every_turn():
    x, settings = data.sound("stamps/frog"), {"n_fft": 512, "hop_length": 128, "window": lecture.hann(512)}
    magnitude = lecture.stft(x, **settings).abs()
    distances = []
    for n_iter in (0, 5, 40):
        guess = lecture.griffin_lim(magnitude, **settings, length=len(x), n_iter=n_iter)
        distances.append(((lecture.stft(guess, **settings).abs() - magnitude).norm() / magnitude.norm()).item())
    assert distances[0] > 1.5 * distances[1] > 1.5 * distances[2] and distances[2] < 0.25


def test_scrambled_phases_leave_the_magnitudes():
    x = noise(1_000, dtype=torch.float32)
    scrambled = lecture.scramble_phases(x)
    magnitudes = [torch.fft.rfft(v).abs()[1:-1] for v in (x, scrambled)]
    assert torch.allclose(*magnitudes, atol=1e-3) and (scrambled - x).abs().max() > 1


@pytest.mark.parametrize(
    ("signal", "arguments", "says"),
    [
        (torch.tensor([0.0, float("nan")]), (2, 1), "not finite real numbers"),
        (torch.tensor([0.0, float("inf")]), (2, 1), "not finite real numbers"),
        (torch.zeros(4, dtype=torch.complex64), (2, 1), "not finite real numbers"),
        (torch.zeros(99), (100, 10, False), "99 samples, fewer than the window's 100.*center=True"),
        (torch.zeros(9), (0, 1), "must be 1 or more"),
        (torch.zeros(9), (4, 0), "must be 1 or more"),
    ],
)
def test_bad_signals_are_refused_with_a_way_out(signal, arguments, says):
    with pytest.raises(CourseError, match=says):
        lecture.frame(signal, *arguments)


def test_silence_and_very_short_sounds_give_finite_pictures():
    for signal in (torch.zeros(4_000), torch.zeros(1), torch.ones(3), noise(20_000, dtype=torch.float32)):
        picture = lecture.picture(lecture.fixed_length(signal))
        assert picture.shape == (40, 76) and torch.isfinite(picture).all()
        assert picture.max() <= 0.1 and picture.min() >= -30.1
    with pytest.raises(CourseError, match="no samples"):
        lecture.fixed_length(torch.zeros(0))


def test_fixed_length_keeps_the_middle():
    long = torch.arange(10_001.0)
    assert len(lecture.fixed_length(long)) == 9_600 and lecture.fixed_length(long)[4_800].item() in (5_000, 5_001)
    short = lecture.fixed_length(torch.ones(101))
    assert short.sum() == 101 and short[4_800] == 1 and short[0] == short[-1] == 0


def test_the_picture_does_not_mind_loudness_and_the_network_not_the_microphone():
    signal = data.digits()[0].signal
    quiet, loud = (lecture.picture(lecture.fixed_length(factor * signal)) for factor in (0.01, 1))
    assert torch.allclose(quiet, loud, atol=1e-3)
    torch.manual_seed(0)
    model = lecture.DigitCNN().eval()
    x = noise(2, 40, 76, dtype=torch.float32)
    x = (x - x.mean((1, 2), keepdim=True)) / x.std((1, 2), keepdim=True)
    colour = torch.linspace(-0.1, 0.1, 40)[:, None]  # a line that favours high bands
    with torch.no_grad():
        assert (model(x) - model(x + colour)).abs().max() < 0.01 * model(x).abs().max()
        assert torch.isfinite(model(torch.zeros(1, 40, 76))).all()


def test_a_digit_is_read_off_fifty_words():
    logits = torch.full((1, 50), -5.0)
    logits[0, [13, 23]] = 2.0  # Spanish three, French three
    logits[0, 7] = 2.5  # English seven
    assert lecture.digit_any_language(logits).item() == 3
    assert lecture.digit_known_language(logits, torch.tensor([0])).item() == 7
    assert lecture.digit_known_language(logits, torch.tensor([1])).item() == 3


def test_the_training_step_learns_the_words_of_two_voices(capsys):
    chosen = [d for d in data.digits() if d.voice in ("af_heart", "am_adam") and d.language in LANGUAGES]
    waves, digit, language = lecture.tensors(chosen)
    assert waves.shape == (100, 9_600) and sorted(set(language.tolist())) == [0, 1, 2, 3, 4]
    config = lecture.EasyDict(lecture.config, epochs=25, batch_size=50, augment=False)
    torch.manual_seed(0)
    model, words = lecture.DigitCNN(), 10 * language + digit
    history = lecture.train(model, lecture.picture(waves), words, config)
    assert history[-1] < 0.6 * history[0]
    guess = lecture.digit_known_language(lecture.word_logits(model, lecture.picture(waves)), language)
    assert (guess == digit).float().mean() > 0.9
    assert capsys.readouterr().out.count("epoch") == 25


def test_augmented_pictures_are_pictures_of_the_same_word_and_each_is_its_own():
    chosen = [d for d in data.digits() if d.voice == "af_heart" and d.language == "en"]
    pictures = lecture.picture(lecture.tensors(chosen)[0])
    torch.manual_seed(0)
    copies = torch.stack([lecture.augment(pictures) for _ in range(8)])
    assert copies.shape == (8, *pictures.shape) and copies.isfinite().all() and copies.max() < 10
    assert (copies[0] - copies[1]).abs().mean((1, 2)).min() > 0.1
    flat = [x.flatten(-2) - x.flatten(-2).mean(-1, keepdim=True) for x in (pictures, copies.mean(0))]
    nearest = lecture.F.cosine_similarity(flat[1][:, None], flat[0][None], dim=2).argmax(1)
    assert (nearest == torch.arange(10)).sum() >= 9, "the mean of eight copies is most like its own original"


def test_augmentation_of_silence_and_of_one_picture_stays_finite():
    for pictures in (torch.full((1, 40, 76), -30.0), torch.zeros(3, 40, 76)):
        assert lecture.augment(pictures).isfinite().all() and lecture.augment(pictures).shape == pictures.shape


@pytest.fixture(scope="module")
def whole():
    """The lecture with its data, split as it is there."""
    cells = ("setup", "load", "digits-load", "pictures", "tensors", "config", "interval", "folds")
    return definitions("02_spectrograms.ipynb", also=cells)


def test_the_split_is_by_voice_and_each_language_keeps_real_voices_in_every_fold(whole):
    voices = {name: {d.voice for d in part} for name, part in whole.parts.items()}
    assert not voices["training"] & voices["unseen synthetic"] and not voices["training"] & voices["real"]
    assert len(voices["real"]) == 15 and len(voices["training"] | voices["unseen synthetic"]) == 54
    for f in range(3):
        here = whole.fold == f
        inside, outside = ({v for v, h in zip(whole.voices, here, strict=True) if h == side} for side in (True, False))
        assert not inside & outside and len(outside) >= 9
        assert set(whole.language["real"][~here].tolist()) == set(range(5))


def test_the_interval_draws_whole_voices(whole):
    everywhere_right = torch.ones(len(whole.voices))
    assert whole.interval(everywhere_right) == [1, 1]
    one_voice = torch.tensor([float(v == "allison") for v in whole.voices])
    low, high = whole.interval(one_voice)
    assert low == 0 and 0.2 < high < 0.6, "the one voice may be left out, or be drawn several times"
    shuffled = one_voice[torch.randperm(len(one_voice), generator=torch.Generator().manual_seed(0))]
    assert whole.interval(shuffled)[1] < high, "the same number right, spread over the voices: surer"


def test_tuning_leaves_the_network_it_starts_from_and_hears_only_the_rows_it_is_given(whole, monkeypatch):
    seen = []
    monkeypatch.setattr(whole, "train", lambda model, x, y, config: seen.append((len(x), len(y), model)))
    model, rows = whole.DigitCNN(), torch.arange(5)
    tuned = whole.with_real_voices(model, rows, lecture.EasyDict(whole.config, times=8))
    assert seen == [(2_250 + 40, 2_250 + 40, tuned)] and tuned is not model


def test_the_rival_on_the_waveform_is_as_large_as_the_network_on_the_picture(whole):
    sizes = [sum(p.numel() for p in model().parameters()) for model in (whole.DigitCNN, whole.WaveformCNN)]
    assert abs(sizes[1] - sizes[0]) <= 0.1 * sizes[0]
    assert whole.WaveformCNN()(noise(2, 9_600, dtype=torch.float32)).shape == (2, 50)
