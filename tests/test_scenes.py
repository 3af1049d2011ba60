"""Scenes: what is known about them is true, splits keep apart what they promise, and captions claim only what holds."""

import itertools
from collections import Counter

import numpy as np
import pytest
import torch

from helpers import CourseError, data, scenes

MANY = {split: scenes.compose(400, seed=7, split=split) for split in scenes.SPLITS}
ALL = [(picture, scene) for pictures, some in MANY.values() for picture, scene in zip(pictures, some, strict=True)]


def test_the_same_seed_gives_the_same_scenes_and_another_seed_others():
    first, again, other = (scenes.compose(20, seed=s) for s in (3, 3, 4))
    assert torch.equal(first[0], again[0]) and first[1] == again[1]
    assert not torch.equal(first[0], other[0])
    assert torch.equal(scenes.compose(8, seed=3)[0], first[0][:8])  # more scenes begin with the same ones


def test_scenes_have_the_stated_form():
    for pictures, some in MANY.values():
        assert pictures.shape == (400, 3, 96, 96) and pictures.dtype == torch.uint8
        assert all(len(scene.captions) == 5 and all(scene.captions) for scene in some)
    counts = Counter(len(scene.things) for scene in MANY["train"][1])
    assert set(counts) == {1, 2, 3} and min(counts.values()) > 90


def test_a_box_holds_its_things_pixels_and_nothing_lies_outside(monkeypatch):
    """On a black ground, whatever is not black lies in a box, and every box is filled to its edges."""
    monkeypatch.setattr(scenes, "ground", lambda seed, size: np.zeros((size, size, 3), dtype=np.float32))
    pictures, some = scenes.compose(150, seed=1)
    for picture, scene in zip(pictures, some, strict=True):
        lit = picture.amax(0) > 0
        outside = lit.clone()
        for left, top, right, bottom in (thing.box for thing in scene.things):
            assert 0 <= left < right <= 96 and 0 <= top < bottom <= 96
            outside[top:bottom, left:right] = False
            inside = lit[top:bottom, left:right]
            assert inside.float().mean() > 0.08  # the thinnest is a key on its side, or a dark moon
        assert not outside.any()


TEST_PHOTOGRAPHS = """frog rainbow-lorikeet duck penguin stripedfish european-bear cow_white sheep_lamb lion tiger_sumatran
    wapiti pig_golden2 rabbit apple_sierra_beauty sliced_orange cep yellowpepper guitar_electric_bass drumkit mallet_metal
    sportscar2 walnutboat red-gazania whitestar-petunia yellow-flower tree336 tennis_ball moon_full"""


def test_the_photographs_of_the_unseen_split_stay_what_they_are_and_none_enters_training():
    stamps, last = data.stamps()[0], scenes.photographs(tuple(scenes.NOUNS), last=True)
    assert [stamps[n].name for numbers in last.values() for n in numbers] == TEST_PHOTOGRAPHS.split()
    trained = [n for numbers in scenes.photographs(tuple(scenes.NOUNS)).values() for n in numbers]
    assert len(trained) == len(set(trained)) == 105 and not set(trained) & {n for ns in last.values() for n in ns}


def test_photographs_differ_by_split():
    last = {n for numbers in scenes.photographs(tuple(scenes.NOUNS), last=True).values() for n in numbers}
    for split, (_, some) in MANY.items():
        used = {thing.stamp for scene in some for thing in scene.things}
        assert used <= last if split == "unseen photographs" else not used & last
        varied = {thing.variant for scene in some for thing in scene.things}
        assert varied == (set(range(scenes.VARIANTS)) if split == "train" else {0})
    stamps = scenes.stamps()[0]
    shown = {(stamps[t.stamp].noun, t.noun) for _, scene in ALL for t in scene.things}
    assert all(noun == said or scenes.ALSO[noun] == said for noun, said in shown)


def test_further_photographs_come_after_the_others_which_stay():
    (stamps, pictures), (more, all_pictures) = data.stamps(), data.stamps(more=True)
    assert len(stamps) == 276 and len(more) == 298 and more[:276] == stamps
    assert pictures.shape == (276, 4, 128, 128) and torch.equal(all_pictures[:276], pictures)


def test_nouns_of_the_learners_choice_are_not_called_by_another_name():
    found = scenes.photographs(("deer", "reindeer"))
    names = {noun: {scenes.stamps()[0][n].noun for n in numbers} for noun, numbers in found.items()}
    assert names == {"deer": {"deer"}, "reindeer": {"reindeer"}}


def test_a_variant_is_always_the_same_and_another_than_the_plain_photograph():
    number = scenes.photographs(("frog",))["frog"][0]
    found = {v: np.asarray(scenes.cut_out(number, v), dtype=int) for v in range(scenes.VARIANTS)}
    assert len({some.tobytes() for some in found.values()}) == scenes.VARIANTS
    assert np.array_equal(found[3], np.asarray(scenes.cut_out.__wrapped__(number, 3), dtype=int))
    assert all((some[..., :3] <= some[..., 3:] + 1).all() for some in found.values())  # colours times alpha


@pytest.mark.parametrize("split", scenes.SPLITS)
def test_the_sharp_picture_is_the_same_at_twice_the_resolution(split):
    pictures, some = (part[:60] for part in MANY[split])
    for picture, scene in zip(pictures, some, strict=True):
        sharp = scenes.sharp(scene)
        assert sharp.shape == (3, 192, 192) and sharp.dtype == torch.uint8
        smaller = torch.nn.functional.avg_pool2d(sharp.float(), 2)
        both = torch.stack([smaller.flatten(), picture.float().flatten()])
        assert torch.corrcoef(both)[0, 1] > 0.98
        assert torch.equal(scenes.sharp(scene, scale=1), picture)


def test_pairs_differ_by_split():
    unseen = scenes.unseen_pairs(tuple(scenes.NOUNS))
    assert len(unseen) == 117 and all(len(pair) == 2 for pair in unseen)
    for split, (_, some) in MANY.items():
        for scene in some:
            pairs = {frozenset(p) for p in itertools.combinations([t.noun for t in scene.things], 2)}
            assert bool(pairs & unseen) == (split == "unseen pairs")


def test_things_overlap_by_no_more_than_the_stated_share():
    for _, scene in ALL:
        for p, q in itertools.combinations(scene.things, 2):
            across = min(p.box[2], q.box[2]) - max(p.box[0], q.box[0])
            down = min(p.box[3], q.box[3]) - max(p.box[1], q.box[1])
            smaller = min((b[2] - b[0]) * (b[3] - b[1]) for b in (p.box, q.box))
            assert max(0, across) * max(0, down) <= scenes.OVERLAP * smaller


def thing(x, y, noun="car"):
    return scenes.Thing(noun, 0, (x - 5, y - 5, x + 5, y + 5))


@pytest.mark.parametrize(
    ("at", "found"),
    [
        ((20, 50), "left"),
        ((80, 52), "right"),
        ((50, 10), "above"),
        ((49, 90), "below"),
        ((20, 20), None),
        ((30, 40), "left"),
        ((31, 36), None),
    ],
)
def test_relations_are_seen_from_the_second_thing(at, found):
    assert scenes.relation(thing(*at), thing(50, 50)) == found


def test_captions_claim_only_what_holds_and_all_things():
    stated = 0
    for _, scene in ALL:
        there = dict(Counter(t.noun for t in scene.things))
        for caption in scene.captions:
            things, relations = scenes.read(caption)
            assert things == there, caption
            assert set(relations) <= scenes.true_relations(scene), caption
            stated += len(relations)
    assert stated > 800


def test_a_scene_where_a_relation_holds_says_so_in_several_wordings():
    scene = scenes.Scene((thing(20, 50, "orange"), thing(70, 52, "frog")), ())
    said = {c for seed in range(20) for c in scenes.captions(np.random.default_rng(seed), scene.things)}
    assert {"an orange left of a frog", "an orange to the left of a frog", "an orange with a frog on its right"} <= said
    assert all(scenes.read(caption)[1] == [("orange", "left", "frog")] for caption in said)


def test_slanting_things_are_named_from_left_to_right_without_a_relation():
    scene = (thing(70, 22, "frog"), thing(20, 70, "apple"))
    said = {c for seed in range(20) for c in scenes.captions(np.random.default_rng(seed), scene)}
    assert said == {"an apple and a frog", "there is an apple and a frog", "a picture of an apple and a frog"}


def test_a_caption_is_a_function_of_the_scene_but_for_its_wording():
    """However the things are listed and the wording is drawn, they are named in one order, in which the upper one comes
    before what stands below it, and otherwise the left one first where nothing above it is still to be named."""
    for scene in MANY["train"][1][:150] + scenes.compose(100, 1, things=(4,))[1]:
        order, named = scenes.in_order(scene.things), set()
        for k, one in enumerate(order):
            assert not any(scenes.relation(later, one) == "above" for later in order[k + 1 :])
            further_left = [t for t in order[k + 1 :] if t.centre < one.centre]
            assert all(any(scenes.relation(o, t) == "above" for o in order[k:]) for t in further_left)
        for listed in itertools.islice(itertools.permutations(scene.things), 6):
            assert scenes.in_order(listed) == order
            for seed in range(3):
                for caption in scenes.captions(np.random.default_rng(seed), listed):
                    words = [scenes.SINGULAR[w] for w in caption.split() if w in scenes.SINGULAR]
                    named.add((*words, *(r for r in scenes.read(caption)[1])))
        assert len(named) == 1
        (words,) = named
        if len({t.noun for t in scene.things}) < len(scene.things) <= 3:  # equal ones where the first of them stands
            assert list(words[: len({t.noun for t in order})]) == list(dict.fromkeys(t.noun for t in order))


def test_things_at_one_place_have_an_order_too():
    assert len(scenes.in_order((thing(20, 20, "frog"), thing(20, 20, "apple")))) == 2


def test_several_of_a_kind_are_counted():
    scene = tuple(thing(20 + 30 * i, 20 + 30 * i, "strawberry") for i in range(3))
    said = {c for seed in range(20) for c in scenes.captions(np.random.default_rng(seed), scene)}
    assert said == {"three strawberries", "there are three strawberries", "a picture of three strawberries"}


@pytest.mark.parametrize(
    ("caption", "things", "relations"),
    [
        ("", {}, []),
        ("two sheep and a sheep", {"sheep": 3}, []),
        ("an apple over a bus , and three deer", {"apple": 1, "bus": 1, "deer": 3}, [("apple", "above", "bus")]),
        ("there is a key with a car below , and a frog", {"key": 1, "car": 1, "frog": 1}, [("key", "above", "car")]),
        ("a giraffe giraffe of", {"giraffe": 2}, []),
    ],
)
def test_read_takes_any_caption_apart(caption, things, relations):
    assert scenes.read(caption) == (things, relations)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"split": "validation"}, "no split 'validation'"),
        ({"things": (9,)}, "one to four things"),
        ({"things": ()}, "one to four things"),
        ({"things": (0, 1)}, "one to four things"),
        ({"nouns": ("frog", "unicorn")}, "no photograph of unicorn"),
        ({"split": "unseen pairs", "things": (1,)}, "two things or more"),
        ({"nouns": ("frog",), "things": (2,)}, "as many nouns"),
    ],
)
def test_scenes_that_cannot_be_composed_say_why(options, says):
    with pytest.raises(CourseError, match=says):
        scenes.compose(2, seed=0, **options)


def test_four_things_find_room():
    pictures, some = scenes.compose(30, seed=0, things=(4,))
    assert all(len(scene.things) == 4 for scene in some)


def test_things_have_the_recordings_of_their_noun():
    scene = scenes.Scene((thing(20, 20, "duck"), thing(70, 70, "apple"), thing(70, 20, "bear")), ())
    duck, apple, bear = scenes.sounds(scene)
    assert duck == ("stamps/drake", "stamps/duck") and apple == () and bear
    assert all(len(data.sound(name)) > 8000 for name in (*duck, *bear))


def test_a_recording_is_cut_into_stretches_that_share_nothing():
    ramp = torch.linspace(0.1, 1, 320 * 30)
    trained, held_out = data.stretches(torch.cat([ramp[:6400], torch.zeros(3200), ramp[6400:]]))
    assert len(trained) == 6400 and len(held_out) == 3200
    for part, true in ((trained, ramp[:6400]), (held_out, ramp[6400:])):
        assert part.square().mean() == pytest.approx(1, abs=1e-4)
        assert torch.allclose(part / part[0], true / true[0], atol=1e-4)
    for silent in (torch.zeros(6400), torch.ones(10)):
        with pytest.raises(CourseError, match="silent, or shorter"):
            data.stretches(silent)


def test_things_outside_of_the_forty_nouns_are_captioned_too():
    _, found = scenes.compose(60, 0, things=(2, 3), nouns=("dog", "rooster", "cow"))
    said = " ".join(caption for scene in found for caption in scene.captions)
    assert "two dogs" in said and "a rooster" in said
