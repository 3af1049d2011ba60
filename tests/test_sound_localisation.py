"""Lecture 09's own definitions: stretches that do not overlap, maps, losses by hand, measures, controls."""

import math

import pytest
import torch
import torch.nn.functional as F

from helpers import CourseError, scenes
from tests.definitions import definitions

lecture = definitions("09_sound_localisation.ipynb", also=("setup",))
lecture.device, lecture.SHARP, lecture.SCALE, lecture.RATE = torch.device("cpu"), 0.3, 0.07, 16_000


def unit(*shape):
    return F.normalize(torch.randn(shape), dim=-1)


# ------------------------------------------------------------------------------------------------ what it hears
def test_a_clip_takes_samples_of_its_own_stretch_only():
    """Stretches of 1, of 2 and of 3, filled up with zeros: no clip may touch the zeros or its neighbours."""
    lengths = torch.tensor([300, 20_000, 9_000])
    stretches = torch.stack([F.pad(torch.full((n,), i + 1.0), (0, 20_000 - n)) for i, n in enumerate(lengths)])
    which = torch.arange(3).repeat(20)
    made = lecture.clips(stretches, lengths, which)
    means, noise = made.mean(1), made.std(1)
    assert made.shape == (60, 16_000)
    assert (noise / means < 10 ** (-5 / 20) + 0.02).all() and (noise / means > 10 ** (-30 / 20) - 0.02).all()
    assert (means > 0.098 * (which + 1)).all() and (means < 1.02 * (which + 1)).all()  # at most 20 dB softer


def test_clips_are_the_same_from_the_same_generator_and_differ_otherwise():
    stretches, lengths, which = torch.randn(2, 20_000), torch.tensor([20_000, 5_000]), torch.tensor([0, 1, 1])

    def made(seed):
        return lecture.clips(stretches, lengths, which, generator=torch.Generator().manual_seed(seed))

    assert torch.equal(made(1), made(1)) and not torch.equal(made(1), made(2))
    assert not torch.equal(made(1)[1], made(1)[2])


def test_loudness_is_gone_from_the_log_mel_spectrogram():
    lecture.mel_bands = lecture.torchaudio.transforms.MelSpectrogram(16_000, 512, hop_length=256, n_mels=64)
    signals = torch.randn(2, 16_000)
    found = lecture.log_mel(signals)
    # A millionth is added before the logarithm, so a band near 0 keeps a little of the loudness.
    assert found.shape == (2, 64, 63) and torch.allclose(found, lecture.log_mel(0.3 * signals), atol=0.1)


# ------------------------------------------------------------------------------------------------ map and losses
def test_the_map_sums_to_one_and_peaks_where_the_cosine_does():
    cosine = unit(5, 4, 9)
    alpha = lecture.attention_map(cosine, 0.3)
    assert torch.allclose(alpha.sum(-1), torch.ones(5, 4))
    assert torch.equal(alpha.argmax(-1), cosine.argmax(-1))


def test_the_map_by_hand():
    alpha = lecture.attention_map(torch.tensor([1.0, 0.0, -1.0, 1 / 3]), 1 / math.log(8))
    assert torch.allclose(alpha, torch.tensor([8, 1, 1, 2]) / 12)  # -1 counts as 0


def test_cosines_and_scores_are_those_of_a_loop():
    places, sounds = unit(3, 6, 8), unit(4, 8)
    fits = lecture.fits_of(places, sounds)
    assert fits.shape == (3, 4)
    for a in range(3):
        for b in range(4):
            c = F.cosine_similarity(places[a], sounds[b][None])
            assert torch.allclose(lecture.cosines(places, sounds)[a, b], c, atol=1e-5)
            attended = ((c.relu() / 0.3).softmax(0)[:, None] * places[a]).sum(0)
            assert fits[a, b] == pytest.approx(float(attended @ sounds[b]), abs=1e-5)


def test_the_loss_of_two_sounds_by_hand():
    places = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [1 / 3, math.sqrt(8) / 3]]])
    right, other = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    x, y = 8 / 12 - 1 / 12 + 2 / 12 / 3, 1 / 12 + 2 / 12 * math.sqrt(8) / 3
    near, far = math.hypot(x - 1, y), math.hypot(x, y - 1)
    p = math.exp(near) / (math.exp(near) + math.exp(far))
    found = lecture.localisation_loss(places, right, other, 1 / math.log(8))
    assert found.shape == (1,) and found.item() == pytest.approx(p**2 + (1 - p - 1) ** 2, abs=1e-6)
    assert lecture.localisation_loss(places, right, right, 0.3).item() == pytest.approx(
        0.5
    )  # two equal sounds: p = 1/2
    assert (lecture.localisation_loss(places, other, right, 1 / math.log(8)) - found).abs() > 1e-3


def test_the_loss_of_a_batch_is_infonce_both_ways():
    fits = torch.randn(5, 5) / 10
    expected = -sum((fits / 0.07).log_softmax(d).diagonal().mean() for d in (0, 1)) / 2
    assert torch.allclose(lecture.info_nce(fits), expected, atol=1e-5)
    assert lecture.info_nce(torch.zeros(64, 64)) == pytest.approx(math.log(64), abs=1e-4)
    best = fits.clone().fill_diagonal_(1)
    assert lecture.info_nce(best) < lecture.info_nce(fits) < lecture.info_nce(best.roll(1, 0))


def test_a_gradient_comes_back_from_cosines_below_zero():
    places = -unit(4, 6, 8).abs()
    places.requires_grad_()
    lecture.contrastive(places, unit(4, 8).abs(), None).backward()
    assert places.grad.any()


def test_two_sounds_takes_the_next_one_of_the_batch_for_the_other():
    places, sounds = unit(3, 5, 8), unit(3, 8)
    expected = [
        lecture.localisation_loss(places[i : i + 1], sounds[i : i + 1], sounds[i - 1][None], 0.3) for i in range(3)
    ]
    assert lecture.two_sounds(places, sounds, None) == pytest.approx(float(torch.cat(expected).mean()), abs=1e-5)


def test_networks_give_vectors_of_length_one_for_each_place_and_each_sound():
    places = lecture.Sight().eval()(torch.randn(3, 192, 8, 8))
    lecture.names = range(7)
    sounds = lecture.Hearing().eval()(torch.randn(4, 64, 63))
    listed = lecture.Lookup()(torch.tensor([6, 0]))
    assert places.shape == (3, 64, 64) and sounds.shape == (4, 64) and listed.shape == (2, 64)
    assert torch.allclose(listed.norm(dim=1), torch.ones(2), atol=1e-4)
    assert torch.allclose(places.norm(dim=2), torch.ones(3, 64), atol=1e-4)
    assert torch.allclose(sounds.norm(dim=1), torch.ones(4), atol=1e-4)


def test_a_place_keeps_its_row_and_column():
    """Only place (2, 5) of the picture differs: only number 2 * 8 + 5 of the places may."""
    sight, x = lecture.Sight().eval(), torch.randn(1, 192, 8, 8)
    changed = x.clone()
    changed[:, :, 2, 5] += 1
    moved = (sight(x) - sight(changed)).abs().sum(2)[0] > 1e-5
    assert moved.nonzero().tolist() == [[21]]


# ------------------------------------------------------------------------------------------------ measures
def test_inside_agrees_with_a_loop_over_places():
    boxes = torch.tensor([[0, 0, 12, 12], [10, 30, 50, 60], [90, 90, 92, 92], [0, 84, 96, 96]])
    found = scenes.inside(boxes, 8)
    for box, row in zip(boxes.tolist(), found, strict=True):
        left, top, right, bottom = box
        for place in range(64):
            x, y = place % 8 * 12 + 6, place // 8 * 12 + 6
            assert bool(row[place]) == (left <= x < right and top <= y < bottom)
    assert scenes.inside(torch.tensor([[3, 5, 20, 7]]), scenes.SIZE).sum() == 17 * 2  # pixels


def test_a_hit_is_a_peak_in_the_box():
    boxes = torch.tensor([[60, 12, 72, 24]] * 2)  # row 1, column 5
    cosine = torch.zeros(2, 64)
    cosine[0, 8 + 5], cosine[1, 5 * 8 + 1] = 1, 1  # right; row and column exchanged
    assert lecture.hits(cosine, boxes).tolist() == [True, False]


def test_iou_and_region():
    boxes = torch.tensor([[0, 0, 48, 96], [0, 0, 48, 96], [48, 0, 96, 96]])
    regions = torch.zeros(3, 96, 96, dtype=torch.bool)
    regions[0, :, :48] = regions[1, :, :96] = regions[2, :, :48] = True
    assert lecture.iou(regions, boxes).tolist() == pytest.approx([1, 0.5, 0])
    cosine = torch.full((2, 64), -0.5)
    cosine[0, 27] = 0.8
    found = lecture.region(cosine)
    assert found[0, 36 + 6, 36 + 6] and not found[0, :24].any() and not found[1].any()  # nothing fits: no region
    assert (lecture.region(cosine, 0.9).sum() < found.sum()) and found[0].sum() > 30


@pytest.mark.parametrize("n", [2, 3, 10, 831])
def test_shuffled_gives_every_query_another_ones_sound(n):
    order = lecture.shuffled(n)
    assert sorted(order.tolist()) == list(range(n)) and not (order == torch.arange(n)).any()


def test_queries_name_each_thing_of_each_scene_once_with_its_box_and_one_of_its_recordings():
    lecture.number_of = {"frog": [3], "drum": [4, 7]}
    frog, drum = scenes.Thing("frog", 0, (0, 1, 2, 3)), scenes.Thing("drum", 0, (4, 5, 6, 7))
    found = lecture.queries([scenes.Scene((frog, drum), ()), scenes.Scene((drum,), ())])
    assert found.scene.tolist() == [0, 0, 1] and found.things.tolist() == [2, 2, 1]
    assert found.recording.tolist() == [3, 4, 7]
    assert found.boxes.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [4, 5, 6, 7]]


@pytest.mark.parametrize("ear", ["Hearing", "Lookup"])
def test_training_uses_no_box_and_learns(ear):
    """Four things, each with features and a sound of its own; the boxes are not even there."""
    torch.manual_seed(0)
    n, kinds = 128, torch.arange(128) % 4
    looks, calls = torch.randn(4, 192), torch.randn(4, 64, 1)
    lecture.inputs = torch.randn(n, 192, 4, 4) / 4
    lecture.inputs[:, :, 1, 2] = looks[kinds]
    lecture.POOL, lecture.pool, lecture.SEED = 2, (calls + torch.randn(4, 64, 20) / 4).repeat_interleave(2, 0), 0
    lecture.train_queries, lecture.names = lecture.Queries(torch.arange(n), kinds, None, None), range(4)
    given = torch.arange(4).repeat_interleave(2) if ear == "Lookup" else None
    sides = lecture.train_localiser(lecture.contrastive, getattr(lecture, ear), given, epochs=6, batch_size=16)
    heard = kinds if ear == "Lookup" else lecture.pool[::2][kinds]
    found = lecture.cosines_of(sides, lecture.inputs, heard, torch.arange(n))
    assert (found.argmax(1) == 1 * 4 + 2).float().mean() > 0.95


def test_the_thing_at_a_place_is_the_one_whose_box_holds_its_centre():
    lecture.GRID = 8
    scene = scenes.Scene((scenes.Thing("frog", 0, (60, 12, 72, 24)), scenes.Thing("drum", 0, (0, 84, 12, 96))), ())
    assert [lecture.thing_at(scene, place) for place in (8 + 5, 7 * 8, 7 * 8 + 1)] == ["frog", "drum", "ground"]


def test_the_standard_error_is_of_the_mean():
    mean, error = lecture.mean_and_error([0.2, 0.4, 0.9, 0.5])
    assert mean == pytest.approx(0.5) and error == pytest.approx(0.29439 / 2, abs=1e-4)


def test_what_cannot_be_heard_is_not_pointed_at():
    for signal, says in (
        (torch.zeros(16_000), "silent"),
        (torch.ones(2, 400), "one row"),
        (torch.full((400,), math.nan), "finite"),
    ):
        with pytest.raises(CourseError, match=says):
            lecture.point_at(None, signal)
