"""Lecture 08's own definitions: the ear against numpy, regression against scikit-learn, Griffin-Lim against librosa."""

import json
import math

import librosa
import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold

from helpers import CourseError, data
from helpers.metrics import recall_at_k
from tests.definitions import NOTEBOOKS, definitions
from tests.test_sound_and_sight_data import mels_by_numpy, plain, voice_by_numpy

lecture = definitions("08_sound_translation.ipynb", also=("setup",))
lecture.VOICE_RATE, lecture.FRAMES, lecture.STEP, lecture.STRENGTH = 16_000, 160, 77, 2.0
lecture.N_FFT, lecture.HOP, lecture.N_MELS, lecture.QUIET = 1024, 256, 80, -70.0
lecture.LIKE_LECTURE_02, lecture.LENGTH, lecture.PATCH = {"htk": True, "norm": None}, 200, 16


@pytest.fixture(scope="module")
def violin():
    return data.sound("gcompris/violin")


# ------------------------------------------------------------------------------------------------------------ the ear
def test_the_voice_encoder_is_the_published_one_gate_by_gate(violin):
    state = plain(data.weights("voice_encoder")[0])
    encoder = lecture.VoiceEncoder().eval()
    encoder.load_state_dict(state)
    frames = lecture.mel_power(violin[:25_600], 16_000, 400, 160, 40).T
    assert np.allclose(frames, mels_by_numpy(violin[:25_600].double().numpy()), rtol=1e-3, atol=1e-6)
    with torch.inference_mode():
        assert np.allclose(encoder(frames[None, :160])[0], voice_by_numpy(state, frames[:160]), atol=1e-5)


def test_mel_power_is_librosas(violin):
    for rate, n_fft, hop, n_mels, kind in (
        (16_000, 400, 160, 40, {}),
        (16_000, 1024, 256, 80, {"htk": True, "norm": None}),
    ):
        expected = librosa.feature.melspectrogram(
            y=violin.numpy(), sr=rate, n_fft=n_fft, hop_length=hop, n_mels=n_mels, **kind
        )
        assert np.allclose(lecture.mel_power(violin, rate, n_fft, hop, n_mels, **kind), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("samples", "number"), [(1_000, 1), (25_600, 1), (26_000, 1), (40_000, 2), (44_800, 3), (80_000, 5)]
)
def test_a_clip_of_any_length_becomes_whole_pieces(samples, number):
    found = lecture.pieces(torch.randn(samples))
    assert found.shape == (number, 160, 40) and found.isfinite().all()


def test_a_soft_voice_is_raised_and_a_loud_one_left_alone():
    loud = 0.3 * torch.randn(9_000)
    assert torch.equal(lecture.louder(loud), loud)
    raised = lecture.louder(loud / 1000)
    assert 20 * math.log10(raised.square().mean().sqrt()) == pytest.approx(-30, abs=1e-3)
    assert lecture.louder(torch.zeros(100)).isfinite().all()


def test_any_rate_and_number_of_channels_is_one_clip(violin):
    short = violin[:16_000]
    assert torch.equal(lecture.clip(short, 16_000), short)
    assert torch.allclose(lecture.clip(short.repeat(2, 1), 16_000), short, atol=1e-6)
    assert torch.allclose(lecture.clip(short.repeat(6, 1).T, 16_000), short, atol=1e-6)
    assert lecture.clip(short, 8_000).shape == (32_000,) and lecture.clip(short, 44_100).shape == (5_805,)


@pytest.mark.parametrize(
    ("signal", "rate", "says"),
    [
        (torch.zeros(16_000), 8_000, "no voice"),
        (torch.zeros(0), 8_000, "no voice"),
        (torch.randn(500), 8_000, "no voice: 0.06 s"),
        (torch.full((8_000,), math.nan), 8_000, "not numbers"),
        (torch.randn(2, 3, 4), 8_000, "samples"),
        (torch.randn(8_000), 0, "rate"),
    ],
)
def test_what_is_no_clip_is_refused_in_a_line(signal, rate, says):
    with pytest.raises(CourseError, match=says) as refusal:
        lecture.clip(signal, rate)
    assert "\n" not in str(refusal.value)


# ----------------------------------------------------------------------------------------------- regression, controls
def test_weights_give_ridge_regression():
    x, y, new = torch.randn(30, 8), torch.randn(30, 3) + 2, torch.randn(5, 8)
    expected = Ridge(2.0).fit(x.numpy(), y.numpy()).predict(new.numpy())
    assert np.allclose(lecture.regress(lecture.ridge_weights(x, new, 2.0), y), expected, atol=1e-4)
    both = torch.stack([y, y.flip(0)])
    assert torch.allclose(
        lecture.regress(lecture.ridge_weights(x, new, 2.0), both)[0], torch.tensor(expected), atol=1e-4
    )


def small_world():
    """12 voices with 3 clips each; the third of its features knows the voice, and nothing else does."""
    lecture.names = [f"v{i:02}" for i in range(12)]
    lecture.whose = torch.arange(12).repeat(3)
    return torch.randn(36, 20), lecture.folds_by_voice(lecture.names, 4, seed=0)


def test_folds_are_disjoint_by_voice():
    _, folds = small_world()
    assert sorted(name for fold in folds for name in fold) == lecture.names
    assert folds != lecture.folds_by_voice(lecture.names, 4, seed=1)


def test_no_clip_of_a_voice_left_out_has_a_weight():
    clips, folds = small_world()
    weights = lecture.left_out_weights(clips, lecture.whose, folds)
    for fold in folds:
        out = torch.tensor([lecture.names.index(name) for name in fold])
        used = torch.isin(lecture.whose, out)
        assert not weights[out][:, used].any() and weights[out][:, ~used].any()


def test_left_out_answers_do_not_depend_on_the_own_face():
    clips, folds = small_world()
    weights, faces = lecture.left_out_weights(clips, lecture.whose, folds), torch.randn(12, 4)
    answers = lecture.left_out_answers(weights, faces, folds)
    changed = faces.clone()
    out = [lecture.names.index(name) for name in folds[0]]
    changed[out] += 100
    after = lecture.left_out_answers(weights, changed, folds)
    assert torch.allclose(after[out], answers[out]) and not torch.allclose(after, answers)
    (one,) = [lecture.left_out_answers(weights, faces[None], folds)]
    assert torch.allclose(one[0], answers, atol=1e-5)


def test_left_out_answers_are_scikit_learns():
    clips, folds = small_world()
    faces = torch.randn(12, 4)
    answers = lecture.left_out_answers(lecture.left_out_weights(clips, lecture.whose, folds), faces, folds)
    out = torch.tensor([lecture.names.index(name) for name in folds[1]])
    train = ~torch.isin(lecture.whose, out)
    model = Ridge(2.0).fit(clips[train].numpy(), faces[lecture.whose[train]].numpy())
    for voice in out.tolist():
        expected = model.predict(clips[lecture.whose == voice].numpy()).mean(0)
        assert np.allclose(answers[voice], expected, atol=1e-3)


def test_faces_are_dealt_once_and_only_the_sex_agrees():
    male = torch.arange(40) % 2 == 1
    is_man = torch.tensor([True, False, False, True, True])
    chosen = lecture.lots(is_man, male, seed=0)
    assert torch.equal(male[chosen], is_man) and len(chosen.unique()) == 5
    assert not torch.equal(chosen, lecture.lots(is_man, male, seed=1))


def test_a_shuffle_within_the_sexes_keeps_them_and_moves_the_rest():
    is_man = torch.arange(40) % 3 == 0
    order = lecture.shuffled_within(is_man, torch.Generator().manual_seed(0))
    assert torch.equal(is_man[order], is_man) and sorted(order.tolist()) == list(range(40))
    for sex in (False, True):
        assert (order == torch.arange(40))[is_man == sex].double().mean() < 0.5


def test_the_own_face_is_found_as_recall_at_k_finds_it():
    answers, truth = torch.randn(3, 20, 4), torch.randn(3, 20, 4)
    found = lecture.own_recall(answers, truth, 5)
    for got, a, t in zip(found, answers, truth, strict=True):
        assert got.item() == pytest.approx(recall_at_k(-torch.cdist(a, t), torch.eye(20), 5))


def test_r_squared_and_p():
    truth = torch.randn(9, 2)
    assert torch.allclose(lecture.r_squared(truth, truth), torch.ones(2))
    assert torch.allclose(lecture.r_squared(truth.mean(0).expand(9, 2), truth), torch.zeros(2), atol=1e-6)
    assert lecture.p_value(torch.tensor(2.0), torch.tensor([1.0, 2.0, 3.0])).item() == pytest.approx(3 / 4)


# ------------------------------------------------------------------------------------------------- notes and captions
def test_griffin_lim_is_librosas(violin):
    wanted = lecture.stft(violin[:16_000]).abs()
    for steps in (0, 1, 8):
        expected = librosa.griffinlim(
            wanted.numpy(),
            n_iter=steps,
            hop_length=256,
            n_fft=1024,
            momentum=0,
            init=None,
            length=16_000,
            pad_mode="constant",
        )
        got = lecture.griffin_lim(wanted, torch.zeros_like(wanted), 16_000, steps)
        assert np.allclose(got, expected, atol=0.02 if steps > 1 else 1e-3)


def test_each_step_of_griffin_lim_comes_nearer(violin):
    wanted = lecture.stft(violin[:24_000]).abs()
    waves = [lecture.griffin_lim(wanted, torch.zeros_like(wanted), 24_000, steps) for steps in (0, 2, 8, 32)]
    off = [(lecture.stft(wave).abs() - wanted).norm().item() for wave in waves]
    assert off == sorted(off, reverse=True) and off[-1] < off[0] / 2


def test_shifting_moves_bands_and_fills_the_edge():
    mels = torch.arange(5.0)[None, :, None].expand(1, 5, 2)
    assert lecture.shifted(mels, 2)[0, :, 0].tolist() == [0, 0, 0, 1, 2]
    assert lecture.shifted(mels, -1)[0, :, 0].tolist() == [1, 2, 3, 4, 4]


def test_notes_are_held_out_by_pitch_or_where_there_is_none_by_place():
    notes = data.notes()
    held = lecture.split_notes(notes)
    kept = {(n.instrument, n.pitch) for n, out in zip(notes, held, strict=True) if not out and n.pitch is not None}
    assert not kept & {(n.instrument, n.pitch) for n, out in zip(notes, held, strict=True) if out}
    assert held.view(37, 12).sum(1).tolist() == [4] * 37


def test_the_kl_term_is_torchs():
    mean, log_variance = torch.randn(5, 8), torch.randn(5, 8)
    normal = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(normal(mean, (log_variance / 2).exp()), normal(0.0, 1.0)).sum(1)
    assert torch.allclose(lecture.kl_divergence(mean, log_variance), expected, atol=1e-5)


def test_recalled_is_recall_at_k_by_the_cosine_and_ties_share_the_places():
    queries, answers = torch.randn(30, 6), torch.randn(30, 6)
    scores = torch.nn.functional.cosine_similarity(queries[:, None], answers[None], dim=2)
    assert lecture.recalled(queries, answers, 7).mean().item() == pytest.approx(recall_at_k(scores, torch.eye(30), 7))
    assert torch.equal(lecture.recalled(3 * queries, answers / 2, 7), lecture.recalled(queries, answers, 7))
    assert lecture.recalled(torch.zeros(20, 4), torch.zeros(20, 4), 5).tolist() == pytest.approx([0.25] * 20)


def test_likeness_is_the_largest_cosine():
    known = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    found = lecture.likeness(torch.tensor([[3.0, 0.0], [1.0, 1.0], [-1.0, -1.0]]), known)
    assert found.tolist() == pytest.approx([1, math.sqrt(0.5), -math.sqrt(0.5)])


def test_a_piece_fits_best_where_it_was_cut():
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(6, 32, 200, generator=generator)
    some = lecture.patches(images, 40, generator)
    assert torch.allclose(some.norm(dim=(1, 2)), torch.ones(40), atol=1e-5)
    everywhere = lecture.correlations(images, some)
    found = everywhere.amax(2)
    assert everywhere.shape == (6, 40, 185) and found.max() <= 1.001
    assert torch.allclose(found.amax(0), torch.ones(40), atol=1e-3)
    louder = lecture.correlations(3 * images + 1, some)
    assert torch.allclose(louder, everywhere, atol=1e-3)


def test_a_correlation_is_numpys_at_every_place():
    images, others = torch.rand(1, 32, 200), torch.rand(1, 32, 200)
    pieces = lecture.patches(others, 1, torch.Generator().manual_seed(0))
    windows = [images[0, :, t : t + 16].flatten().numpy() for t in range(185)]
    expected = [np.corrcoef(window, pieces.flatten().numpy())[0, 1] for window in windows]
    assert lecture.correlations(images, pieces)[0, 0].tolist() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("samples", [400, 8_000, 60_000])
def test_a_caption_of_any_length_is_an_image(samples):
    image = lecture.caption_image(torch.randn(samples))
    assert image.shape == (32, 200) and 0 <= image.min() < image.max() <= 1


def test_every_spoken_caption_has_its_photograph_and_its_words():
    written = json.loads(data.checked("speech/captions_bg.json").read_text(encoding="utf-8"))["written"]
    captions = data.spoken_captions()
    assert [number for number, _ in captions] == list(range(276)) and len(written) == 276


def test_equal_sentences_are_in_one_fold():
    """By the lecture's own line, which a cell that trains holds."""
    cells = json.loads((NOTEBOOKS / "08_sound_translation.ipynb").read_text(encoding="utf-8"))["cells"]
    (line,) = [x for cell in cells for x in cell["source"] if x.startswith("splits = ")]
    written = json.loads(data.checked("speech/captions_bg.json").read_text(encoding="utf-8"))["written"]
    for seed in range(3):
        names = {"written": written, "SEED": seed, "GroupKFold": GroupKFold}
        exec(line, names)
        folds = [fold.tolist() for _, fold in names["splits"]]
        assert sorted(sum(folds, [])) == list(range(276)) and all(60 < len(fold) < 80 for fold in folds)
        for fold in folds:
            elsewhere = {written[i].lower() for i in {*range(276)} - {*fold}}
            assert not elsewhere & {written[i].lower() for i in fold}
