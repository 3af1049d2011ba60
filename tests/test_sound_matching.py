"""Lecture 07: the notebook's own definitions, run as the learner reads them."""

import numpy as np
import pytest
import soundfile
import torch
import torch.nn.functional as F
from scipy.special import rel_entr, softmax
from sklearn.metrics import recall_score, roc_auc_score

from helpers import CourseError, data
from tests.definitions import definitions
from tests.test_sound_and_sight_data import plain, soundnet_by_numpy, twenty_seconds

lecture = definitions("07_sound_matching.ipynb", also=("things", "prepare"))
lecture.SEED, lecture.FRAMES = 0, 48
lecture.device = torch.device("cpu")
lecture.mel = lecture.torchaudio.transforms.MelSpectrogram(16_000, n_fft=1024, hop_length=320, n_mels=64, f_min=40)
TONE = 0.3 * np.sin(2 * np.pi * 440 * np.arange(8_000) / 16_000).astype(np.float32)


# ---------------------------------------------------------------------------------------------------------- SoundNet
def published():
    network = lecture.SoundNet().eval()
    left_out = network.load_state_dict(plain(data.weights("soundnet")[0]), strict=False)
    assert not left_out.unexpected_keys and all("num_batches" in key for key in left_out.missing_keys)
    return network


def test_the_port_gives_what_an_independent_numpy_version_gives():
    signal, network = twenty_seconds("gcompris/dog"), published()
    layers, places, things = soundnet_by_numpy(plain(data.weights("soundnet")[0]), signal)
    sound = torch.from_numpy(signal).float()[None, None]
    with torch.inference_mode():
        features, found = network.features(sound), network(sound)
    assert features.shape == (1, 1024, 15) and [tuple(x.shape) for x in found] == [(1, 401, 4), (1, 109, 4)]
    assert np.allclose(features[0].T, layers[-1], atol=1e-3)
    assert np.allclose(found[0][0].T, places, atol=1e-3) and np.allclose(found[1][0].T, things, atol=1e-3)


def test_soundnet_hears_the_first_second_of_a_note_and_nothing_later():
    lecture.soundnet = published()
    notes = torch.from_numpy(np.tile(TONE, 3))[None].repeat(2, 1)
    notes[1, 15_360:] = 0.9  # after 48 frames of 20 ms
    found = lecture.published(notes)
    with torch.inference_mode():
        sound = lecture.torchaudio.functional.resample(notes[:, :15_360], 16_000, 22_050)
        seen = lecture.soundnet.features(256 * sound[:, None], 5).sqrt()
    assert found.shape == (2, 512) and np.allclose(found[0], found[1], atol=1e-5)
    assert np.allclose(found[0], torch.cat([seen[0].mean(1), seen[0].amax(1)]), atol=1e-4)


def test_the_last_place_sees_padding_and_is_never_read():
    network = published()
    sound = torch.from_numpy(np.resize(twenty_seconds("gcompris/violin"), 25 * 22_050)).float()[None, None]
    with torch.inference_mode():
        features = network.features(sound)[0].mean(0)
        places, _ = network(sound)
    assert features[-1] > 50 * features[:-1].max()
    assert places.min() > -50


@pytest.mark.parametrize(
    ("samples", "rate", "pieces"),
    [
        (torch.from_numpy(TONE), 16_000, 1),
        (TONE[:50], 16_000, 1),
        (np.stack([TONE, TONE]), 16_000, 1),
        (np.stack([TONE, TONE], axis=1), 44_100, 1),
        (np.resize(TONE, 45 * 8_000), 8_000, 2),
    ],
)
def test_a_sound_of_any_length_rate_and_channels_becomes_pieces(samples, rate, pieces):
    found = lecture.prepare(samples, rate)
    assert found.shape == (pieces, 1, 441_000) and found.dtype == torch.float32
    assert found.isfinite().all() and 0.2 < found.abs().max() < 0.5


def test_a_short_sound_is_repeated_and_stereo_is_averaged():
    once = lecture.prepare(TONE, 22_050)[0, 0]
    assert torch.equal(once[:8_000], once[8_000:16_000]) and np.allclose(once[:8_000], TONE, atol=1e-6)
    both = lecture.prepare(np.stack([TONE, 0 * TONE]), 22_050)[0, 0]
    assert torch.allclose(both, once / 2, atol=1e-6)


def test_a_file_is_heard_at_its_own_rate(tmp_path):
    soundfile.write(tmp_path / "tone.wav", np.stack([TONE, TONE], axis=1), 16_000)
    found = lecture.prepare(tmp_path / "tone.wav")
    spectrum = torch.fft.rfft(found[0, 0]).abs()
    assert abs(spectrum.argmax() / 20 - 440) < 1  # 20 s: a bin is a twentieth of a hertz


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((np.zeros(16_000), 16_000), "silence"),
        ((np.zeros(0), 16_000), "shape"),
        ((np.zeros((2, 3, 4)), 16_000), "shape"),
        ((TONE,), "rate"),
        ((TONE, 0), "rate"),
        ((TONE * np.nan, 16_000), "not numbers"),
        (("nowhere.wav",), "no file"),
    ],
)
def test_what_is_no_sound_is_refused_in_one_line(arguments, says):
    with pytest.raises(CourseError, match=says) as error:
        lecture.prepare(*arguments)
    assert "\n" not in str(error.value)


# ---------------------------------------------------------------------------------------------------------- counting
@pytest.mark.parametrize("kind", ["things", "places"])
def test_the_label_sets_name_classes_and_recordings_that_exist(kind):
    _, recipe = data.weights("soundnet")
    classes = {
        "places": lecture.json.loads(recipe["places"]),
        "things": [name.split(",")[0] for name in lecture.json.loads(recipe["imagenet"])],
    }[kind]
    recordings = [e["name"] for e in lecture.json.loads(data.checked("sounds/index.json").read_text(encoding="utf-8"))]
    counted, truth = lecture.accepted(lecture.ANSWERS[kind], classes, recordings)
    assert truth.shape == (len(counted), len(classes)) and truth.any(1).all()
    assert set(lecture.ANSWERS[kind]) == {name.split("/")[1] for name in counted}
    with pytest.raises(CourseError, match="unicorn"):
        lecture.accepted({"dog": ["unicorn"]}, classes, recordings)


def test_hits_on_the_diagonal_and_chance_beside_it():
    truth = torch.zeros(3, 12, dtype=torch.bool)
    truth[0, 0] = truth[1, 1] = truth[2, 11] = True
    probabilities = torch.arange(12, 0, -1).float().repeat(3, 1)  # the first five classes, always
    hits = lecture.top5_hits(probabilities, truth)
    assert hits.tolist() == [[True, True, False]] * 3


def test_the_blind_list_counts_no_recording_twice():
    truth = torch.tensor([[1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], dtype=torch.bool)
    share, chosen = lecture.blind_list(truth, 2)
    assert share == pytest.approx(4 / 5) and chosen[0] in (0, 1) and chosen[1] in (2, 3)
    assert lecture.blind_list(truth, 3)[0] == 1


def test_the_auc_is_that_of_scikit_learn_and_a_blind_list_has_a_half():
    torch.manual_seed(0)
    scores, belongs = torch.rand(20, 3).mul(8).round(), torch.rand(20, 3) < 0.4
    expected = [roc_auc_score(belongs[:, j], scores[:, j]) for j in range(3)]
    assert lecture.aucs(scores, belongs).tolist() == pytest.approx(expected)
    assert lecture.aucs(torch.ones(20, 3), belongs).tolist() == [0.5] * 3
    many = torch.stack([belongs, ~belongs])
    assert lecture.aucs(scores, many)[1].tolist() == pytest.approx([1 - auc for auc in expected])


def test_the_permutation_test_tells_an_order_from_luck(monkeypatch):
    n = 40
    truth = torch.zeros(n, 2, dtype=torch.bool)
    truth[: n // 2, 0] = truth[n // 2 :, 1] = True
    torch.manual_seed(0)
    for strength, low, high in ((1.0, 0.0, 0.002), (0.0, 0.02, 1.0)):
        p = torch.rand(n, 2) + strength * truth
        monkeypatch.setattr(lecture, "counted", {"x": [str(i) for i in range(n)]}, raising=False)
        monkeypatch.setattr(lecture, "heard", {str(i): {"x": p[i]} for i in range(n)}, raising=False)
        monkeypatch.setattr(lecture, "truth", {"x": truth}, raising=False)
        mean, shuffled, every, sets = lecture.ranking("x", list(range(n)), 300)
        assert low <= (shuffled >= mean).double().mean() <= high and len(every) == len(sets) == 2
        assert abs(shuffled.mean() - 0.5) < 0.02


def test_a_bootstrap_interval_holds_the_mean_and_is_as_wide_as_the_standard_error_says():
    values = np.random.default_rng(1).normal(2, 1, 400)
    low, high = lecture.interval(values)
    assert low < values.mean() < high and (high - low) == pytest.approx(2 * 1.96 / 20, rel=0.15)


def test_balanced_accuracy_is_scikit_learns_for_many_orders_at_once():
    generator = np.random.default_rng(2)
    truth, answers = generator.choice(["a", "b", "c"], (2, 5, 60), p=[0.6, 0.3, 0.1])
    expected = [recall_score(t, a, average="macro") for t, a in zip(truth, answers, strict=True)]
    assert lecture.balanced(truth, answers).tolist() == pytest.approx(expected)


def test_shuffling_within_groups_keeps_the_groups():
    groups = np.array(["x", "y"] * 20)
    order = lecture.shuffled_within(groups, np.random.default_rng(0))
    assert sorted(order) == list(range(40)) and (groups[order] == groups).all() and (order != np.arange(40)).any()


def test_the_camels_that_are_one_recording_are_in_one_fold():
    assert {"stamps/camel", "stamps/dromedary"} <= {r["name"] for r in data.index("sounds/index.json")}


# ------------------------------------------------------------------------------------------------------ distillation
@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_divergence_is_that_of_torch_and_scipy(temperature):
    torch.manual_seed(1)
    teacher, student = 3 * torch.randn(7, 11), 3 * torch.randn(7, 11)
    got = lecture.kl_divergence(teacher, student, temperature).item()
    p, q = (softmax(z.double().numpy() / temperature, axis=1) for z in (teacher, student))
    assert got == pytest.approx(temperature**2 * rel_entr(p, q).sum(1).mean(), rel=1e-4)
    log_p, log_q = (z.div(temperature).log_softmax(1) for z in (teacher, student))
    by_torch = F.kl_div(log_q, log_p, log_target=True, reduction="batchmean") * temperature**2
    assert got == pytest.approx(by_torch.item(), rel=1e-4)


def test_held_out_notes_share_no_pitch_and_no_note_with_training():
    notes = data.notes()
    held = lecture.split_notes(notes)
    assert len(held) == len(notes)
    train, test = ({(n.instrument, n.pitch) for n, h in zip(notes, held, strict=True) if h == side} for side in (0, 1))
    assert not {key for key in train & test if key[1] is not None}
    signals = {n.signal.numpy().tobytes() for n, h in zip(notes, held, strict=True) if h}
    assert not any(n.signal.numpy().tobytes() in signals for n, h in zip(notes, held, strict=True) if not h)
    per_instrument = torch.bincount(torch.tensor([n.instrument for n in notes]), weights=held.double())
    assert per_instrument.tolist() == [4.0] * 37
    assert lecture.split_notes(data.notes("timgm6mb")).sum() == 146


def test_spectrograms_do_not_depend_on_loudness():
    signals = torch.from_numpy(
        np.stack([np.resize(TONE, 24_000), np.random.default_rng(0).normal(size=24_000)])
    ).float()
    found = lecture.spectrograms(signals)
    assert found.shape == (2, 64, 76) and found.amax((1, 2)).tolist() == [1, 1] and found.min() >= -1
    assert torch.allclose(lecture.spectrograms(signals / 10), found, atol=1e-3)


def test_augmentation_keeps_shape_and_moves_bands_by_three_at_most():
    torch.manual_seed(0)
    x = torch.full((40, 64, 76), -1.0)
    x[:, 20] = 4.0  # one loud band, louder than any room, below the lowest band limit
    found = lecture.augment(x, x)
    assert found.shape == (40, 64, 48) and found.isfinite().all()
    where = found.mean(2).argmax(1)
    assert where.min() >= 17 and where.max() <= 23 and len(where.unique()) > 3


def test_a_window_is_silent_before_the_note_begins():
    x = torch.arange(76.0).expand(2, 64, 76)
    found = lecture.window(x, torch.tensor([[5], [-40]]))
    assert found.shape == (2, 64, 48) and found[0, 0].tolist() == list(range(5, 53))
    assert (found[1, :, :40] == -1).all() and found[1, 0, 40:].tolist() == list(range(8))


def test_the_student_hears_timbre_and_gives_768_features():
    torch.manual_seed(0)
    student = lecture.Student(10).eval()
    x = torch.randn(3, 64, 48)
    assert student.features(x).shape == (3, 768) and student(x).shape == (3, 10)
    assert torch.allclose(student(5 * x + 2), student(x), atol=1e-4)  # loudness and level are taken off
    assert torch.allclose(student(x[1:2]), student(x)[1:2], atol=1e-5)


def test_training_is_reproducible_lowers_the_loss_and_leaves_held_out_notes_alone():
    torch.manual_seed(0)
    lecture.inputs, lecture.train_rows = torch.randn(140, 64, 76), torch.arange(128)
    lecture.instrument = torch.arange(140) % 5
    lecture.inputs[128:] = torch.nan  # whoever touches these becomes NaN
    teacher, seen = torch.randn(140, 6) * 2, []

    def loss_of(output, rows):
        seen.append(rows)
        return lecture.kl_divergence(teacher[rows], output)

    def run():
        torch.manual_seed(1)
        return lecture.train(lecture.Student(6), loss_of, epochs=6)

    first = run()
    assert first[-1] < first[0] and torch.cat(seen).max() < 128 and run() == first


def test_the_correspondence_loss_is_the_cross_entropy_of_yes_and_no_weighted_alike():
    torch.manual_seed(2)
    logits, own = torch.randn(6, 6), torch.eye(6, dtype=torch.bool)
    yes = F.binary_cross_entropy_with_logits(logits[own], torch.ones(6))
    no = F.binary_cross_entropy_with_logits(logits[~own], torch.zeros(30))
    assert lecture.correspondence_loss(logits).item() == pytest.approx((yes + no).item() / 2, rel=1e-5)
    torch.manual_seed(3)
    eye, sounds = lecture.Correspondence().eval(), torch.randn(4, 64)
    pictures = torch.randn(5, lecture.models.FEATURES)
    assert eye(sounds, pictures).shape == (4, 5)
    assert torch.allclose(
        eye(3 * sounds, pictures), eye(sounds, pictures), atol=1e-5
    )  # of vectors only the direction counts


def test_pieces_of_a_recording_leave_out_what_is_nearly_silent():
    signal = torch.cat([torch.ones(15_360), torch.full((48_000,), 0.001)])
    found = lecture.pieces(signal)
    assert found.shape == (2, 15_360)  # what begins after a second holds nothing loud
    assert lecture.pieces(torch.ones(100)).shape == (1, 15_360)


def test_the_probe_learns_from_training_notes_only():
    torch.manual_seed(0)
    lecture.instrument = torch.arange(60) % 3
    lecture.inputs = F.one_hot(lecture.instrument, 5).float() * 3 + torch.randn(60, 5)
    lecture.held, lecture.train_rows = torch.arange(60) >= 45, torch.arange(45)
    lecture.instrument_c, lecture.OTHER = torch.tensor([0, 1, 2]), {"x": 0, "y": 1}
    lecture.inputs_c = F.one_hot(lecture.instrument_c, 5).float() * 3
    lecture.other_inputs = F.one_hot(torch.tensor([0, 0, 1]), 5).float() * 3
    lecture.other_row, lecture.other_truth = torch.tensor([0, 0, 1]), torch.tensor([0, 1])
    answers = lecture.probe(lambda x: x)
    assert [len(answers[where]) for where in ("heldout_notes", "source_c", "other_source")] == [15, 3, 2]
    right = lecture.right_answers(answers)
    assert right["heldout_notes"].double().mean() > 0.8 and right["source_c"].all() and right["other_source"].all()
    lecture.instrument = lecture.instrument.clone()
    lecture.instrument[45:] = 0  # other labels of held-out notes change no answer
    assert torch.equal(lecture.probe(lambda x: x)["heldout_notes"], answers["heldout_notes"])


def test_swapped_opinions_are_never_an_instruments_own():
    owner, instrument = torch.arange(6) // 2, torch.arange(9) % 3
    seen = []
    lecture.owner, lecture.instrument, lecture.names = owner, instrument, ["a", "b", "c"]
    lecture.IMAGENET, lecture.teacher, lecture.centre = range(4), torch.randn(6, 4), torch.zeros(4)
    lecture.held_picture = torch.zeros(6, dtype=torch.bool)
    lecture.paired = instrument[:, None] == owner
    keep = lecture.train, lecture.distilled
    lecture.train, lecture.distilled = lambda *x: None, lambda opinions, pairs: seen.append(pairs)
    torch.manual_seed(0)
    for kind in ("own", "swapped", "random"):
        lecture.taught(kind, 1)
    lecture.train, lecture.distilled = keep
    assert torch.equal(seen[0], lecture.paired) and torch.equal(seen[2], lecture.paired)
    assert not (seen[1] & lecture.paired).any() and (seen[1].sum(1) == 2).all()
