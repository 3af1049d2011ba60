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
    monkeypatch.setattr(scenes, "ground", lambda rng: np.zeros((96, 96, 3), dtype=np.float32))
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


def test_photographs_differ_by_split():
    last = {n for numbers in scenes.photographs(tuple(scenes.NOUNS), last=True).values() for n in numbers}
    for split, (_, some) in MANY.items():
        used = {thing.stamp for scene in some for thing in scene.things}
        assert used <= last if split == "unseen photographs" else not used & last
    stamps = data.stamps()[0]
    assert all(stamps[t.stamp].noun == t.noun for _, scene in ALL for t in scene.things)


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


def test_things_are_named_in_reading_order_and_slanting_ones_without_a_relation():
    scene = (thing(70, 70, "frog"), thing(20, 22, "apple"))
    said = {c for seed in range(20) for c in scenes.captions(np.random.default_rng(seed), scene)}
    assert said == {"an apple and a frog", "there is an apple and a frog", "a picture of an apple and a frog"}


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
