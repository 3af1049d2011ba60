"""Pictures composed from the cut-out photographs of `data/stamps/`, with everything about them known by construction.

The photographs are real, the scenes are not: things lie on plain or textured grounds, at places, in sizes and mirrored
as a generator with a seed draws them; for training, also turned, stretched, blurred and in other colours. Captions come
from a small grammar.
"""

import itertools
import re
from collections import Counter
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageFilter

from helpers import CourseError, data

SIZE = 96  # pixels, the side of a scene
SIDES = range(30, 49, 3)  # pixels, the longer side of a thing
OVERLAP = 0.1  # at most this share of a thing's box may lie inside another's
NOUNS = {  # 40 nouns of eight kinds
    "animal": "frog parrot duck penguin fish bear cow sheep lion tiger deer pig rabbit elephant giraffe zebra",
    "food": "apple orange banana strawberry mushroom pepper carrot pineapple",
    "instrument": "guitar drum trumpet",
    "object": "hammer teapot camera key",
    "vehicle": "car boat bus airplane balloon",
    "plant": "flower tree",
    "toy": "ball",
    "space": "moon",
}
NOUNS = {noun: kind for kind, nouns in NOUNS.items() for noun in nouns.split()}
PLURALS = {"fish": "fish", "sheep": "sheep", "deer": "deer", "bus": "buses", "strawberry": "strawberries"}
PLURALS = {noun: PLURALS.get(noun, noun + "s") for noun in NOUNS}
NUMBERS = {2: "two", 3: "three", 4: "four"}
RELATIONS = {  # how captions say where the first thing lies, seen from the second
    "left": ("a {} left of a {}", "a {} to the left of a {}", "a {} with a {} on its right"),
    "above": ("a {} above a {}", "a {} over a {}", "a {} with a {} below"),
}
# These are photographs of the noun in the second place, too: they belong to training.
ALSO = dict.fromkeys(("anemone", "daffodil", "hibiscus", "iris", "marigold", "rose"), "flower")
ALSO |= {"chili": "pepper", "reindeer": "deer", "racing car": "car", "palm": "tree"}
VARIANTS = 8  # of each photograph in training; 0 is the plain one, which all other splits show
SPLITS = ("train", "test", "unseen pairs", "unseen photographs")


class Thing(NamedTuple):
    """What lies in a scene: its noun, the number of its photograph in `data.stamps(more=True)`, its box in pixels
    (left, top, right, bottom; the latter two are the first column and row outside), its variant, whether mirrored."""

    noun: str
    stamp: int
    box: tuple
    variant: int = 0
    mirrored: bool = False

    @property
    def centre(self):
        left, top, right, bottom = self.box
        return (left + right) / 2, (top + bottom) / 2


class Scene(NamedTuple):
    """The things of a picture, five captions, in lower case with blanks between the words, and the ground's seed."""

    things: tuple
    captions: tuple
    ground: int = 0


def relation(a, b):
    """Where thing a lies as seen from thing b: `"left"`, `"right"`, `"above"`, `"below"`, or None where it is slanting.

    The larger of the two distances between the centres (in x and in y) decides, if it is 1.5 times the other.
    """
    x, y = (p - q for p, q in zip(a.centre, b.centre, strict=True))
    if max(abs(x), abs(y)) < 1.5 * min(abs(x), abs(y)):
        return None
    return ("left" if x < 0 else "right") if abs(x) > abs(y) else ("above" if y < 0 else "below")


@cache
def stamps():
    return data.stamps(more=True)


@cache
def photographs(nouns, last=False):
    """Numbers of the photographs of each noun, `{noun: [number, ...]}`: with `last` the last quarter (at least one) of
    those that have several in `data.stamps()`, otherwise all others, those of `ALSO` and the further ones included."""
    own, found = len(data.stamps()[0]), {noun: ([], []) for noun in nouns}
    for i, stamp in enumerate(stamps()[0]):
        if (noun := stamp.noun if stamp.noun in found else ALSO.get(stamp.noun)) in found:
            found[noun][i >= own or noun != stamp.noun].append(i)
    if missing := [noun for noun, numbers in found.items() if not any(numbers)]:
        raise CourseError(f"There is no photograph of {', '.join(missing)}. data.stamps() lists the nouns there are.")
    kept = {noun: len(first) - max(len(first) // 4, len(first) > 1) for noun, (first, _) in found.items()}
    if last:
        return {noun: first[kept[noun] :] for noun, (first, _) in found.items() if len(first) > 1}
    return {noun: first[: kept[noun]] + further for noun, (first, further) in found.items()}


@cache
def unseen_pairs(nouns, share=0.15):
    """The pairs of nouns that no training scene shows together, as a set of frozensets."""
    pairs = [frozenset(pair) for pair in itertools.combinations(nouns, 2)]
    drawn = np.random.default_rng(0).permutation(len(pairs))[: int(share * len(pairs))]
    return {pairs[i] for i in drawn}


@cache
def cut_out(number, variant=0):
    """A photograph cropped to what is not transparent, its colours times alpha. A variant other than 0 is stretched,
    turned by up to 15 degrees, blurred, and of other brightness, contrast, saturation and hue: always the same way."""
    picture = cropped(Image.fromarray(stamps()[1][number].permute(1, 2, 0).numpy(), "RGBA").convert("RGBa"))
    if variant:
        rng = np.random.default_rng([number, variant])
        wider, turned, blurred = rng.uniform(0.85, 1.18), rng.uniform(-15, 15), max(0, rng.uniform(-1, 1.5))
        picture = picture.resize((round(picture.width * wider), picture.height), Image.Resampling.BICUBIC)
        picture = picture.filter(ImageFilter.GaussianBlur(blurred * max(picture.size) / 128))
        picture = cropped(picture.rotate(turned, Image.Resampling.BICUBIC, expand=True))
        values, angle = np.asarray(picture, dtype=np.float32), rng.normal(0, 0.25)
        colours, alpha = values[..., :3], values[..., 3:]
        grey = colours.mean(2, keepdims=True)
        turn = np.roll(colours, 1, 2) - np.roll(colours, -1, 2)  # across grey: a small step of the hue
        colours = grey + rng.uniform(0.6, 1.3) * (np.cos(angle) * (colours - grey) + np.sin(angle) / 3**0.5 * turn)
        colours = alpha / 2 + rng.uniform(0.8, 1.25) * (colours - alpha / 2) + rng.uniform(-0.12, 0.12) * alpha
        picture = Image.fromarray(np.concatenate([colours.clip(0, alpha), alpha], 2).round().astype(np.uint8), "RGBa")
    return picture


def cropped(picture):
    return picture.crop(picture.getchannel("a").point(lambda a: 255 * (a > 30)).getbbox())


@cache
def resized(number, variant, width, height):
    """A cut-out of that size: its colours times alpha, and alpha, uint8 (height, width, 4)."""
    return np.asarray(cut_out(number, variant).resize((width, height), Image.Resampling.HAMMING))


def ground(seed, size=SIZE):
    """A plain, shaded, striped or mottled ground in a light colour: float32 (size, size, 3)."""
    rng = np.random.default_rng(seed)
    colour, other = rng.uniform(150, 250, (2, 3)).astype(np.float32)
    kind, at = rng.integers(4), (np.arange(size, dtype=np.float32) + 0.5) / size
    if kind == 0:
        return np.tile(colour, (size, size, 1))
    if kind == 3:
        mix = rng.random((12, 12), dtype=np.float32).repeat(size // 12, 0).repeat(size // 12, 1)
    else:
        angle, waves = rng.uniform(0, np.pi), rng.uniform(3, 10)
        steps = np.float32(waves if kind == 2 else 0.5)
        mix = steps * np.float32(np.cos(angle)) * at + steps * np.float32(np.sin(angle)) * at[:, None]
        mix = mix + 0.5 if kind == 1 else mix - np.floor(mix) > 0.5
    return colour + (other - colour) / 2 * mix[..., None]


def sharp(scene, scale=2):
    """The picture of a scene, the same at `scale` times the network's resolution: uint8 (3, 192, 192)."""
    picture = ground(scene.ground, SIZE * scale)
    for thing in scene.things:
        left, top, right, bottom = (scale * side for side in thing.box)
        piece = resized(thing.stamp, thing.variant, right - left, bottom - top)[:, :: -1 if thing.mirrored else 1]
        picture[top:bottom, left:right] *= 1 - piece[..., 3:] / np.float32(255)
        picture[top:bottom, left:right] += piece[..., :3]
    return torch.from_numpy(picture.round().astype(np.uint8)).permute(2, 0, 1)


def places(rng, shapes):
    """Top left corners at which boxes of these shapes (height, width) hardly overlap, or None after some tries."""
    corners = []
    for height, width in shapes:
        for _ in range(30):
            top, left = int(rng.integers(SIZE - height + 1)), int(rng.integers(SIZE - width + 1))
            if all(shared(top, left, height, width, *c, *s) <= OVERLAP for c, s in zip(corners, shapes, strict=False)):
                corners.append((top, left))
                break
        else:
            return None
    return corners


def shared(top, left, height, width, top2, left2, height2, width2):
    """The area that two boxes share, as a share of the smaller one."""
    down = min(top + height, top2 + height2) - max(top, top2)
    across = min(left + width, left2 + width2) - max(left, left2)
    return max(0, down) * max(0, across) / min(height * width, height2 * width2)


def nouns_of(rng, count, nouns, unseen, together):
    """What a scene shows: mostly different things, at times several of one noun. With `together`, two of them are a
    pair of `unseen`; without, none are."""
    while True:
        drawn = [nouns[i] for i in rng.permutation(len(nouns))[:count]]
        if not together and rng.random() < 0.25:
            alike = count - (count > 2 and rng.random() < 0.5)
            drawn = [drawn[0]] * alike + drawn[1 : 1 + count - alike]
        pairs = {frozenset(pair) for pair in itertools.combinations(drawn, 2)}
        if bool(pairs & unseen) == together:
            return drawn


def compose(count, seed, split="train", things=(1, 2, 3), nouns=tuple(NOUNS)):
    """Composes scenes: pictures, uint8 (count, 3, 96, 96), and a list of `Scene`. The same seed gives the same ones.

    Args:
        split: `"train"`, of varied photographs; `"test"`: new scenes of the same ones, plain; `"unseen pairs"`: two
            things in each that no training scene shows together; `"unseen photographs"`: a quarter of the photographs
            of the nouns that have several, which appear in no other split.
        things: how many things a scene may have; each number is equally frequent.
        nouns: what the things may be, a tuple of nouns of `data.stamps()`.

    Raises CourseError: no such split, a noun without a photograph, or more things than find room.
    """
    if split not in SPLITS:
        raise CourseError(f"There is no split {split!r}. Choose one of: {', '.join(SPLITS)}.")
    if not things or min(things) < 1 or max(things) > 4:
        raise CourseError(f"A scene of {SIZE} pixels has room for one to four things, not for {tuple(things)}.")
    nouns = tuple(nouns)
    numbers = photographs(nouns, last=split == "unseen photographs")
    together = split == "unseen pairs"
    things = [n for n in things if n > together]
    if not things or len(numbers) < max(things):
        raise CourseError("An unseen pair needs scenes of two things or more, and a scene as many nouns as things.")
    rng, variants = np.random.default_rng([seed, SPLITS.index(split)]), VARIANTS if split == "train" else 1
    pictures, scenes = torch.empty(count, 3, SIZE, SIZE, dtype=torch.uint8), []
    for i in range(count):
        drawn = nouns_of(rng, things[rng.integers(len(things))], list(numbers), unseen_pairs(nouns), together)
        placed = laid_out(rng, [(noun, numbers[noun]) for noun in drawn], variants)
        scenes.append(Scene(placed, captions(rng, placed), int(rng.integers(2**32))))
        pictures[i] = sharp(scenes[i], scale=1)
    return pictures, scenes


def laid_out(rng, drawn, variants):
    """The things of one scene, for pairs of a noun and numbers of its photographs."""
    sides, corners = SIDES if len(drawn) < 4 else SIDES[:3], None
    while corners is None:  # begin anew, with other sizes, where something found no place
        chosen = [(numbers[rng.integers(len(numbers))], int(rng.integers(variants))) for _, numbers in drawn]
        sizes = [(cut_out(*one).size, sides[rng.integers(len(sides))]) for one in chosen]
        shapes = [(max(6, round(side * h / max(w, h))), max(6, round(side * w / max(w, h)))) for (w, h), side in sizes]
        corners = places(rng, shapes)
    boxes = [(left, top, left + w, top + h) for (top, left), (h, w) in zip(corners, shapes, strict=True)]
    mirrored = (rng.random(len(drawn)) < 0.5).tolist()
    return tuple(
        Thing(noun, number, box, variant, side)
        for (noun, _), (number, variant), box, side in zip(drawn, chosen, boxes, mirrored, strict=True)
    )


def a(noun):
    return articles(f"a {noun}")


def counted(placed):
    """Noun phrases of what a scene shows, such as `["two frogs", "a car"]`."""
    counts = Counter(thing.noun for thing in placed)
    return [a(noun) if n == 1 else f"{NUMBERS[n]} {PLURALS.get(noun, f'{noun}s')}" for noun, n in counts.items()]


def where(thing):
    """Where in the picture a thing lies, in words, or None where it is slanting."""
    middle = Thing("", 0, (0, 0, SIZE, SIZE))
    near = max(abs(p - SIZE / 2) for p in thing.centre) < SIZE / 10
    words = {"left": "on the left", "right": "on the right", "above": "at the top", "below": "at the bottom"}
    return "in the middle" if near else words.get(relation(thing, middle))


def in_order(placed):
    """The one order in which captions name things: next is always the leftmost of those that stand below (`relation`)
    none that is still to be named."""
    left, found = sorted(placed, key=lambda thing: thing.centre), []
    while left:
        free = (thing for thing in left if all(relation(other, thing) != "above" for other in left))
        found.append(left.pop(left.index(next(free))))
    return found


def captions(rng, placed):
    """Five captions of a scene, drawn from all that the grammar has to say of it; where that is less, words recur.

    Things are named in the order of `in_order`, equal ones together, where the first of them stands.
    """
    placed = in_order(placed)
    alone, bodies = in_order([t for t in placed if sum(t.noun == other.noun for other in placed) == 1]), []
    if len(placed) == 1:
        at = where(placed[0])
        bodies = [a(placed[0].noun)] + [f"{a(placed[0].noun)} {at}"] * (2 if at else 0)
    elif len(alone) > 1:
        first, second, *_ = alone
        rest = "".join(f" , and {phrase}" for phrase in counted([t for t in placed if t not in (first, second)]))
        forms = RELATIONS.get(relation(first, second), ())
        bodies = [articles(form.format(first.noun, second.noun)) + rest for form in forms]
    bodies = bodies or [listed(counted(placed))]
    order = rng.permutation(len(bodies))
    return tuple(begun(rng, bodies[order[k % len(bodies)]]) for k in range(5))


def articles(phrase):  # for 40 nouns; inflect would be a library more
    return re.sub(r"\ba (?=[aeiou])", "an ", phrase)


def listed(phrases):
    *before, last = phrases
    return f"{' , '.join(before)} and {last}" if before else last


def begun(rng, body):
    verb = "are" if body.split()[0] in NUMBERS.values() else "is"
    return ("", "", f"there {verb} ", "a picture of ")[rng.integers(4)] + body


SINGULAR = {plural: noun for noun, plural in PLURALS.items()} | {noun: noun for noun in NOUNS}
COUNTS = {"a": 1, "an": 1} | {word: number for number, word in NUMBERS.items()}
STATED = {
    name: [re.compile(articles(form).replace("a {}", r"\ban? (\w+)") + r"\b") for form in forms]
    for name, forms in RELATIONS.items()
}


def read(caption):
    """What a caption of the grammar claims: `{noun: how many}` of the nouns of `NOUNS` (one without a number before it
    counts once), and a list of (noun, `"left"` or `"above"`, noun)."""
    things, words = {}, caption.split()
    for before, word in zip(["", *words], words, strict=False):
        if word in SINGULAR:
            things[SINGULAR[word]] = things.get(SINGULAR[word], 0) + COUNTS.get(before, 1)
    found = [(name, form.search(caption)) for name, forms in STATED.items() for form in forms]
    return things, [(match[1], name, match[2]) for name, match in found if match]


def true_relations(scene):
    """All (noun, relation, noun) that hold in a scene, as a set."""
    pairs = itertools.permutations(scene.things, 2)
    return {(p.noun, found, q.noun) for p, q in pairs if (found := relation(p, q))}


def sounds(scene):
    """For each thing of a scene, its noun's recordings (names for `data.sound`): a tuple, empty where there is none."""
    return [tuple(s.sound for s in stamps()[0] if s.noun == thing.noun and s.sound) for thing in scene.things]


def inside(boxes, grid):
    """Whether the centre of each place lies in each box: boxes (q, 4) in pixels -> (q, grid * grid), by rows."""
    left, top, right, bottom = torch.as_tensor(boxes)[:, :, None].unbind(1)
    middle = (torch.arange(grid) + 0.5) * SIZE / grid
    across, down = (left <= middle) & (middle < right), (top <= middle) & (middle < bottom)
    return (down[:, :, None] & across[:, None]).flatten(1)
