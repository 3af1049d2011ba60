"""Assignment 06's checks accept the solution and other right answers, and refuse plausible wrong ones."""

import collections
import itertools
import math
import random
import statistics

import pytest
import torch
import torch.nn.functional as F

from helpers import checks, questions, scenes
from tests.answers import *  # noqa: F403  right answers are accepted, wrong ones refused
from tests.definitions import definitions

right = definitions("solutions/06_visual_question_answering.ipynb")
measure, usual, others, concat = right.measure, right.usual_answers, right.other_pictures, right.fuse_concat
pointing, hold, pairs, balance = right.pointing, right.hold_out, right.pair_up, right.balance


# other right answers


def other_concat(h, v, W, b):
    """By two matrices."""
    return (h @ W[:, : h.shape[1]].T + v @ W[:, h.shape[1] :].T + b).clamp(min=0)


def other_usual(train_texts, train_answers, texts):
    if len(train_texts) == 0:
        raise ValueError("no training")
    found = collections.defaultdict(list)
    for text, answer in sorted(zip(train_texts, train_answers, strict=True)):
        found[text].append(answer)
    every = collections.Counter(sorted(train_answers)).most_common(1)[0][0]
    return [collections.Counter(found[text]).most_common(1)[0][0] if text in found else every for text in texts]


def other_others(n, generator):
    """Draws until nobody has its own."""
    if n < 2:
        raise ValueError("too few")
    while True:
        order = torch.randperm(n, generator=generator)
        if (order != torch.arange(n)).all():
            return order


def other_balance(groups, answers, generator):
    """By Python's lists, seeded by the generator."""
    if groups.shape != answers.shape:
        raise ValueError("unequal")
    draw = random.Random(torch.randint(2**40, (), generator=generator).item())
    found = collections.defaultdict(lambda: collections.defaultdict(list))
    for i, (group, answer) in enumerate(zip(groups.tolist(), answers.tolist(), strict=True)):
        found[group][answer].append(i)
    kept = []
    for group in found.values():
        if len(group) > 1:
            least = min(map(len, group.values()))
            kept += [i for rows in group.values() for i in draw.sample(rows, least)]
    return torch.tensor(sorted(kept), dtype=torch.long)


def loop_concat(h, v, W, b):
    """A unit at a time."""
    both = torch.cat((h, v), dim=-1)
    return torch.stack([torch.relu((both * row).sum(1) + bias) for row, bias in zip(W, b, strict=True)], dim=1)


def einsum_concat(h, v, W, b):
    """In float64."""
    u = torch.einsum("uk,bk->bu", W.double(), torch.hstack([h, v]).double()) + b.double()
    return torch.where(u > 0, u, 0.0).to(h.dtype)


def loop_usual(train_texts, train_answers, texts):
    """By counting in lists, for each question anew."""
    if not len(train_answers):
        raise ValueError("no training")
    said = []
    for text in texts:
        known = [a for t, a in zip(train_texts, train_answers, strict=True) if t == text]
        best = ""
        for answer in sorted(set(known or train_answers)):
            if not best or (known or train_answers).count(answer) > (known or train_answers).count(best):
                best = answer
        said.append(best)
    return said


def grouped_usual(train_texts, train_answers, texts):
    """By sorted runs."""
    if not train_texts:
        raise ValueError("no training")
    pairs = sorted(zip(train_texts, train_answers, strict=True))
    mode = lambda some: statistics.mode(sorted(some))  # noqa: E731
    groups = itertools.groupby(pairs, key=lambda pair: pair[0])
    table = {text: mode(answer for _, answer in group) for text, group in groups}
    return [table.get(text) or mode(train_answers) for text in texts]


def sattolo(n, generator):
    """Sattolo's shuffle: one circle, by a loop."""
    if n <= 1:
        raise ValueError("too few")
    order = list(range(n))
    for i in range(n - 1, 0, -1):
        j = int(torch.randint(i, (1,), generator=generator))
        order[i], order[j] = order[j], order[i]
    return torch.tensor(order)


def ranked_circle(n, generator):
    """A circle in the order of random numbers."""
    if n < 2:
        raise ValueError("too few")
    circle = torch.rand(n, generator=generator, dtype=torch.float64).argsort()
    return torch.zeros(n, dtype=torch.long).scatter(0, circle, torch.cat([circle[1:], circle[:1]]))


def ranked_balance(groups, answers, generator):
    """One random number for each question; the smallest of each answer stay."""
    if groups.numel() != answers.numel():
        raise ValueError("unequal")
    lot, kept = torch.rand(len(groups), generator=generator), torch.zeros(len(groups), dtype=torch.bool)
    for group in groups.unique():
        cells = [((groups == group) & (answers == a)).nonzero().flatten() for a in answers[groups == group].unique()]
        for cell in cells if len(cells) > 1 else []:
            kept[cell[lot[cell].argsort()[: min(map(len, cells))]]] = True
    return kept.nonzero(as_tuple=True)[0]


def walking_balance(groups, answers, generator):
    """Walks over a random order and takes what still has room."""
    if len(groups) != len(answers):
        raise ValueError("unequal")
    pairs = list(zip(groups.tolist(), answers.tolist(), strict=True))
    counts = collections.Counter(pairs)
    room = {}
    for group, answer in counts:
        found = [n for (g, _), n in counts.items() if g == group]
        room[group, answer] = min(found) if len(found) > 1 else 0
    kept = []
    for i in torch.randperm(len(pairs), generator=generator).tolist():
        if room[pairs[i]]:
            room[pairs[i]] -= 1
            kept.append(i)
    return torch.LongTensor(sorted(kept))


def looped_measure(said, answers, scene):
    """A scene at a time, in lists."""
    said, answers, scene = said.tolist(), answers.tolist(), scene.tolist()
    if len({len(said), len(answers), len(scene)}) > 1 or len(set(scene)) < 2:
        raise ValueError("not equally many, or too few scenes")
    n, S = len(said), len(set(scene))
    p = sum(map(int.__eq__, said, answers)) / n
    squares = 0.0
    for number in set(scene):
        squares += sum((said[i] == answers[i]) - p for i in range(n) if scene[i] == number) ** 2
    return [p, math.sqrt(S / (S - 1) * squares) / n, collections.Counter(answers).most_common(1)[0][1] / n]


def matrix_measure(said, answers, scene):
    """By a matrix of scenes and questions, from the sums and sizes of each scene."""
    if said.shape != answers.shape or said.shape != scene.shape or not said.numel() or bool((scene == scene[0]).all()):
        raise ValueError("not equally many, or too few scenes")
    of = (scene.unique()[:, None] == scene).double()
    right = said.eq(answers).double()
    residual = of @ right - of.sum(1) * right.mean()
    variance = len(of) / (len(of) - 1) * residual.pow(2).sum() / right.numel() ** 2
    return float(right.mean()), float(variance**0.5), float(F.one_hot(answers - answers.min()).double().mean(0).max())


def scaled_measure(said, answers, scene):
    """By the standard deviation of the scenes' sums, whose mean is 0."""
    if not len(said) == len(answers) == len(scene) or scene.unique().numel() < 2:
        raise ValueError("not equally many, or too few scenes")
    right = (said == answers).numpy().astype(float)
    rows = collections.defaultdict(list)
    for i, number in enumerate(scene.tolist()):
        rows[number].append(right[i] - right.mean())
    sums = [sum(some) for some in rows.values()]
    error = statistics.stdev(sums) * math.sqrt(len(sums)) / len(right)
    return float(right.mean()), float(error), answers.tolist().count(answers.mode().values.item()) / len(right)


def looped_pointing(alphas, boxes, grid, size):
    """A question and a place at a time."""
    if alphas.shape != (len(boxes), grid * grid):
        raise ValueError("weights and boxes")
    side, hits, masses = size / grid, [], []
    for weights, (left, top, right, bottom) in zip(alphas, boxes.tolist(), strict=True):
        shares = []
        for row in range(grid):
            for column in range(grid):
                x, y = column * side, row * side
                wide = max(0.0, min(x + side, right) - max(x, left))
                shares.append(wide * max(0.0, min(y + side, bottom) - max(y, top)) / side / side)
        row, column = divmod(int(weights.argmax()), grid)
        x, y = (column + 0.5) * side, (row + 0.5) * side
        hits.append(left <= x < right and top <= y < bottom)
        masses.append((weights * torch.tensor(shares, dtype=weights.dtype)).sum())
    return [torch.tensor(hits), torch.stack(masses)]


def separable_pointing(alphas, boxes, grid, size):
    """Rows and columns apart: the shares of an interval, and their product."""
    if len(boxes) != len(alphas) or alphas[0].numel() != grid * grid:
        raise ValueError("weights and boxes")
    edges = torch.arange(grid + 1, dtype=torch.float64) * size / grid

    def shares(low, high):
        inside = edges[None].clamp(low[:, None], high[:, None])
        return inside.diff(dim=1) * grid / size

    across, down = (shares(boxes[:, i].double(), boxes[:, i + 2].double()) for i in (0, 1))
    maps = alphas.view(-1, grid, grid)
    mass = torch.einsum("nrc,nr,nc->n", maps.double(), down, across)
    peak = maps.flatten(1).max(1).indices
    at = torch.stack([peak % grid, peak // grid], 1).add(0.5) * size / grid
    return ((boxes[:, :2] <= at) & (at < boxes[:, 2:])).all(1), mass.to(alphas.dtype)


def sampled_pointing(alphas, boxes, grid, size):
    """By painting the boxes finely: grid steps to a pixel, so that places and boxes end at whole steps."""
    if not len(alphas) == len(boxes) or alphas.shape[-1] != grid**2:
        raise ValueError("weights and boxes")
    painted = torch.zeros(len(boxes), size * grid, size * grid, dtype=torch.float64)
    for one, (left, top, right, bottom) in zip(painted, (boxes * grid).tolist(), strict=True):
        one[top:bottom, left:right] = 1
    share = F.avg_pool2d(painted[:, None], size).flatten(1)
    x, y = alphas.argmax(1) % grid, alphas.argmax(1) // grid
    x, y = (2 * x + 1) * size, (2 * y + 1) * size  # times 2 * grid
    left, top, right, bottom = (boxes * 2 * grid).T
    return (x >= left) & (x < right) & (y >= top) & (y < bottom), (alphas * share).sum(1).to(alphas.dtype)


def dictionary_hold(kinds, nouns, generator):
    """By a dictionary of what names each noun."""
    if kinds.shape != nouns.shape:
        raise ValueError("unequal")
    named = collections.defaultdict(set)
    for kind, noun in zip(kinds.tolist(), nouns.tolist(), strict=True):
        named[noun].add(kind)
    away = set()
    for noun, found in sorted(named.items()):
        if noun >= 0 and len(found) >= 2:
            order = torch.randperm(len(found), generator=generator).tolist()
            away.add((sorted(found)[order[0]], noun))
    return torch.tensor([pair in away for pair in zip(kinds.tolist(), nouns.tolist(), strict=True)])


def ranked_hold(kinds, nouns, generator):
    """A random number for each combination; the largest of each noun goes."""
    if len(kinds) - len(nouns):
        raise ValueError("unequal")
    pairs, number = torch.stack([nouns, kinds], dim=1).unique(dim=0, return_inverse=True)
    lot, held = torch.rand(len(pairs), generator=generator), torch.zeros(len(pairs), dtype=torch.bool)
    for noun in pairs[:, 0].unique():
        own = (pairs[:, 0] == noun).nonzero()[:, 0]
        if noun >= 0 and len(own) > 1:
            held[own[lot[own].argmax()]] = True
    return held[number]


def seeded_hold(kinds, nouns, generator):
    """By Python's random numbers, seeded by the generator."""
    if len(kinds) != len(nouns):
        raise ValueError("unequal")
    draw = random.Random(torch.randint(2**40, (), generator=generator).item())
    held = torch.zeros(kinds.shape) > 0
    for noun in sorted(set(nouns.tolist()) - set(range(-99, 0))):
        found = sorted(set(kinds[nouns == noun].tolist()))
        if found[1:]:
            held[(nouns == noun) & (kinds == draw.choice(found))] = True
    return held


def heap_pairs(groups, answers):
    """Takes one of each of the two most frequent answers, again and again."""
    if len(groups) != len(answers):
        raise ValueError("unequal")
    found = []
    for group in set(groups.tolist()):
        rows = collections.defaultdict(list)
        for i in (groups == group).nonzero().flatten().tolist():
            rows[answers[i].item()].append(i)
        while len(rows) > 1:
            first, second = sorted(rows, key=lambda answer: -len(rows[answer]))[:2]
            found.append((rows[first].pop(), rows[second].pop()))
            rows = {answer: some for answer, some in rows.items() if some}
    return torch.tensor(found, dtype=torch.long).view(-1, 2)


def zipped_pairs(groups, answers):
    """Sorted lists, the most frequent answer first, cut to size."""
    if groups.shape != answers.shape:
        raise ValueError("unequal")
    found = [torch.zeros(0, 2, dtype=torch.int64)]
    for group in groups.unique().tolist():
        rows = [i for i, g in enumerate(groups.tolist()) if g == group]
        counts = collections.Counter(answers[rows].tolist())
        rows.sort(key=lambda i: (-counts[answers[i].item()], answers[i].item()))
        rows = rows[max(0, 2 * max(counts.values()) - len(rows)) :]
        found += [torch.tensor([[a, b]]) for a, b in zip(rows, rows[len(rows) // 2 :], strict=False)][: len(rows) // 2]
    return torch.cat(found)


def swapping_pairs(groups, answers):
    """The most frequent answer first, cut to its share; then the front half meets the back half."""
    if len(groups) != len(answers):
        raise ValueError("unequal")
    found = []
    for group in groups.unique():
        rows = (groups == group).nonzero()[:, 0]
        values, counts = answers[rows].unique(return_counts=True)
        columns = [rows[answers[rows] == value].tolist() for value in values[counts.argsort(descending=True)]]
        flat = [i for column in columns for i in column]
        keep = min(len(flat) // 2, len(flat) - len(columns[0]))
        flat = flat[: len(columns[0])][:keep] + flat[len(columns[0]) :] if len(columns[0]) > keep else flat
        half = len(flat) // 2
        found += [[flat[i], flat[len(flat) - half + i]] for i in range(half)]
    return torch.tensor(found, dtype=torch.long).reshape(len(found), 2)


RIGHT = [
    ("6.1", [measure]),
    ("6.1", [looped_measure]),
    ("6.1", [matrix_measure]),
    ("6.1", [scaled_measure]),
    ("6.2", [usual, others]),
    ("6.2", [other_usual, other_others]),
    ("6.2", [loop_usual, sattolo]),
    ("6.2", [grouped_usual, ranked_circle]),
    ("6.3", [concat]),
    ("6.3", [other_concat]),
    ("6.3", [loop_concat]),
    ("6.3", [einsum_concat]),
    ("6.4", [pointing]),
    ("6.4", [looped_pointing]),
    ("6.4", [separable_pointing]),
    ("6.4", [sampled_pointing]),
    ("6.5", [hold]),
    ("6.5", [dictionary_hold]),
    ("6.5", [ranked_hold]),
    ("6.5", [seeded_hold]),
    ("6.6", [pairs]),
    ("6.6", [heap_pairs]),
    ("6.6", [zipped_pairs]),
    ("6.6", [swapping_pairs]),
    ("6.7", [balance]),
    ("6.7", [other_balance]),
    ("6.7", [ranked_balance]),
    ("6.7", [walking_balance]),
]

EQUIVALENT = {
    ("6.2", "other_pictures: squeezed"): "there are two pictures at least",
    ("6.4", "pointing: cut alphas"): "a mass is read, and nobody trains on it",
    ("6.4", "pointing: detached"): "a mass is read, and nobody trains on it",
    ("6.7", "balance: squeezed"): "two questions at least are kept, or none",
}


# 6.1


def measure_like(
    clustered=True, factor=True, absolute=False, n_of="questions", constant="answers", strict=True, sums=True
):
    """The right answer, but for one thing."""

    def wrong(said, answers, scene):
        if strict:
            measure(said, answers, scene)
        right = (said == answers).double()
        p = right.mean() if len(right) else torch.tensor(0.0)
        numbers = scene.unique() if clustered else torch.arange(len(right))
        own = scene if clustered else numbers
        rows = [(right - p)[: len(own)][own[: len(right)] == number] for number in numbers]
        r = torch.stack([row.sum() if sums else row.mean() for row in rows]) if rows else torch.zeros(1).double()
        S = len(rows)
        total = r.abs().sum() ** 2 if absolute else r.square().sum()
        n = max(S if n_of == "scenes" else len(right), 1)
        error = (S / max(S - 1, 1) if factor else 1) ** 0.5 * total**0.5 / n
        counted = {"answers": answers, "said": said, "first": answers[:1]}[constant]
        if constant == "first":
            share = (answers == answers[:1]).double().mean().item()
        else:
            share = counted.unique(return_counts=True)[1].max().item() / max(len(right), 1) if len(counted) else 0.0
        return p.item(), error.item(), share

    return wrong


def variance(said, answers, scene):
    p, error, constant = measure(said, answers, scene)
    return p, error**2, constant


def twice_the_error(said, answers, scene):
    p, error, constant = measure(said, answers, scene)
    return p, 2 * error, constant


def tensors(said, answers, scene):
    return tuple(map(torch.tensor, measure(said, answers, scene)))


def mean_of_scenes(said, answers, scene):
    """Every scene counts the same, however many questions it has."""
    _, error, constant = measure(said, answers, scene)
    shares = [(said == answers)[scene == number].double().mean() for number in scene.unique()]
    return torch.stack(shares).mean().item(), error, constant


def right_constant(said, answers, scene):
    """What is most often right among what was said."""
    p, error, _ = measure(said, answers, scene)
    found = answers[said == answers]
    return p, error, found.unique(return_counts=True)[1].max().item() / len(said) if len(found) else 0.0


def index_by_number(said, answers, scene):
    """It takes the scenes' numbers for places in a row."""
    measure(said, answers, scene)
    return measure(said, answers, scene.clamp(min=0, max=50))


# 6.3


def concat_like(order=1, bias=True, squash=F.relu, along=1):
    def wrong(h, v, W, b):
        return squash(torch.cat([h, v][::order], dim=along) @ W.T + (b if bias else 0))

    return wrong


def relu_before(h, v, W, b):
    return torch.cat([h, v], 1).relu() @ W.T + b


def detached_question(h, v, W, b):
    return concat(h.detach(), v, W, b)


def leaky(h, v, W, b):
    return F.leaky_relu(F.linear(torch.cat([h, v], 1), W, b), 1e-3)


def squares_only(h, v, W, b):
    """Splits W in two halves, right only where H is V."""
    half = W.shape[1] // 2
    if h.shape[1] != half:
        return concat(v, h, W, b)
    return concat(h, v, W, b)


# 6.2


def first_seen(train_texts, train_answers, texts):
    """Ties as they came."""
    usual(train_texts, train_answers, texts)
    by = collections.defaultdict(collections.Counter)
    for text, answer in zip(train_texts, train_answers, strict=True):
        by[text][answer] += 1
    every = collections.Counter(train_answers)
    return [by.get(text, every).most_common(1)[0][0] for text in texts]


def majority_for_all(train_texts, train_answers, texts):
    return usual(train_texts, train_answers, [""] * len(texts))


def by_first_word(train_texts, train_answers, texts):
    first = lambda some: [text.split()[0] for text in some]  # noqa: E731
    return usual(first(train_texts), train_answers, first(texts))


def last_answer(train_texts, train_answers, texts):
    usual(train_texts, train_answers, texts)
    last = dict(zip(train_texts, train_answers, strict=True))
    every = usual(train_texts, train_answers, [""])[0]
    return [last.get(text, every) for text in texts]


def unknown_is_none(train_texts, train_answers, texts):
    said = usual(train_texts, train_answers, texts)
    return [answer if text in train_texts else None for text, answer in zip(texts, said, strict=True)]


def nothing_learned(train_texts, train_answers, texts):
    return usual(train_texts, train_answers, texts) if train_texts else ["yes"] * len(texts)


def last_of_the_alphabet(train_texts, train_answers, texts):
    turned = {answer: "".join(chr(0x10FFFF - ord(c)) for c in answer) + chr(0x10FFFF) for answer in set(train_answers)}
    back = {value: key for key, value in turned.items()}
    return [back[a] for a in usual(train_texts, [turned[a] for a in train_answers], texts)]


def same_words_any_order(train_texts, train_answers, texts):
    short = lambda some: [text[: len("is there a")] for text in some]  # noqa: E731
    return usual(short(train_texts), train_answers, short(texts))


def guard(function):
    def wrong(n, generator):
        others(n, generator)
        return function(n, generator)

    wrong.__name__ = function.__name__
    return wrong


@guard
def any_permutation(n, generator):
    return torch.randperm(n, generator=generator)


@guard
def next_one(n, generator):
    return torch.arange(n).roll(1)


@guard
def global_draw(n, generator):
    return torch.arange(n).roll(torch.randint(1, n, ()).item())


@guard
def with_repeats(n, generator):
    return (torch.arange(n) + torch.randint(1, n, (n,), generator=generator)) % n


@guard
def reversed_order(n, generator):
    return torch.arange(n).flip(0)


@guard
def one_step_either_way(n, generator):
    return torch.arange(n).roll((1, -1)[torch.randint(2, (), generator=generator).item()])


def one_gets_itself(n, generator):
    return others(n, generator) if n > 1 else torch.zeros(n, dtype=torch.long)


@guard
def seeded_again(n, generator):
    return others(n, torch.Generator().manual_seed(generator.initial_seed()))


@guard
def seeds_torch(n, generator):
    torch.manual_seed(generator.initial_seed())
    return torch.arange(n).roll(torch.randint(1, n, ()).item())


# 6.4


def pointing_like(half=0.5, last=False, turned=False, centres=False, scale=True, strict=True, peak="place", side=True):
    """The right answer, but for one thing."""

    def wrong(alphas, boxes, grid, size):
        if strict:
            pointing(alphas, boxes, grid, size)
        n = min(len(alphas), len(boxes))
        alphas, boxes = alphas[:n], boxes[:n]
        width = size / grid
        left, top, right, bottom = boxes.to(alphas.dtype)[:, :, None].unbind(1)
        number = torch.arange(alphas.shape[1])
        x, y = number % grid * width, number // grid * width
        if turned:
            x, y = y, x
        across = (torch.minimum(right, x + width) - torch.maximum(left, x)).clamp(min=0)
        down = (torch.minimum(bottom, y + width) - torch.maximum(top, y)).clamp(min=0)
        share = across * down / (width**2 if side else 1)
        cx, cy = x + half * width, y + half * width
        inside = (left <= cx) & ((cx <= right) if last else (cx < right)) & (top <= cy)
        inside &= (cy <= bottom) if last else (cy < bottom)
        if centres:
            share = inside.to(alphas.dtype)
        found = alphas if scale else alphas / alphas.max(1, keepdim=True).values
        hits = inside.gather(1, alphas.argmax(1)[:, None])[:, 0]
        if peak == "any":
            hits = (share > 0).gather(1, alphas.argmax(1)[:, None])[:, 0]
        if peak == "best":  # is most of the weight inside?
            hits = (alphas * share).sum(1) > 0.5
        return hits, (found * share).sum(1)

    return wrong


POINTING_MUTANTS = [
    {"half": 0},
    {"last": True},
    {"turned": True},
    {"centres": True},
    {"scale": False},
    {"strict": False},
    {"peak": "any"},
    {"peak": "best"},
    {"side": False},
]


def unclamped(alphas, boxes, grid, size):
    """Two negative lengths have a positive product."""
    hits, _ = pointing(alphas, boxes, grid, size)
    left, top, right, bottom = boxes.to(alphas.dtype)[:, :, None].unbind(1)
    x, y = (part * size / grid for part in (torch.arange(grid**2) % grid, torch.arange(grid**2) // grid))
    across = torch.minimum(right, x + size / grid) - torch.maximum(left, x)
    down = torch.minimum(bottom, y + size / grid) - torch.maximum(top, y)
    return hits, (alphas * across * down).sum(1) * grid**2 / size**2


def mass_first(alphas, boxes, grid, size):
    return pointing(alphas, boxes, grid, size)[::-1]


def of_the_box(alphas, boxes, grid, size):
    """Divided by the area of the box."""
    hits, mass = pointing(alphas, boxes, grid, size)
    return hits, mass / ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])) * (size / grid) ** 2


def means(alphas, boxes, grid, size):
    hits, mass = pointing(alphas, boxes, grid, size)
    return hits.double().mean(), mass.mean()


def whole_numbers(alphas, boxes, grid, size):
    """Places of size // grid pixels."""
    pointing(alphas, boxes, grid, size)
    return pointing(alphas, boxes, grid, size // grid * grid)


# 6.5


def hold_like(per="kind", names="nouns", single=False, none=False, draws="own", strict=True, some=False, two=False):
    """The right answer, but for one thing."""

    def wrong(kinds, nouns, generator):
        if strict and len(kinds) != len(nouns):
            raise ValueError("unequal")
        n = min(len(kinds), len(nouns))
        kinds, nouns = kinds[:n], nouns[:n]
        held = torch.zeros(n, dtype=torch.bool)
        shared = torch.randint(2**30, (), generator=generator)
        for noun in nouns.unique():
            own = nouns == noun
            found = kinds[own] if per == "question" else kinds[own].unique()
            if (noun < 0 and not none) or (len(kinds[own].unique()) < 2 and not single):
                continue
            if draws == "shared":
                at = shared % len(found)
            elif draws == "first":
                at = 0
            else:
                at = torch.randint(len(found), (), generator=None if draws == "global" else generator)
            chosen = own & (kinds == found[at])
            if some:  # half of them
                rows = chosen.nonzero()[:, 0]
                chosen = torch.zeros_like(chosen).index_fill(0, rows[: len(rows) // 2 + 1], True)
            held |= (own & (kinds != found[at])) if two else chosen
        return held

    return wrong


HOLD_MUTANTS = [
    {"per": "question"},
    {"single": True},
    {"none": True},
    {"draws": "shared"},
    {"draws": "first"},
    {"draws": "global"},
    {"strict": False},
    {"some": True},
    {"two": True},
]


def whole_kinds(kinds, nouns, generator):
    """A kind for all nouns."""
    hold(kinds, nouns, generator)
    found = kinds.unique()
    return kinds == found[torch.randint(len(found), (), generator=generator)]


def random_questions(kinds, nouns, generator):
    held = hold(kinds, nouns, generator)
    return held[torch.randperm(len(held), generator=generator)]


def held_numbers(kinds, nouns, generator):
    return hold(kinds, nouns, generator).nonzero()[:, 0]


def hold_seeded_again(kinds, nouns, generator):
    return hold(kinds, nouns, torch.Generator().manual_seed(generator.initial_seed()))


# 6.6


def guarded_pairs(function):
    """With the right refusal, and the right shape where there is none."""

    def wrong(groups, answers):
        pairs(groups, answers)
        found = [pair for group in groups.unique().tolist() for pair in function(groups, answers, group)]
        return torch.tensor(found, dtype=torch.long).view(-1, 2)

    wrong.__name__ = function.__name__
    return wrong


def of_group(groups, answers, group):
    return [(i, answers[i].item()) for i in (groups == group).nonzero()[:, 0].tolist()]


@guarded_pairs
def two_by_two(groups, answers, group):
    """Neighbours in the row, where they differ."""
    some = of_group(groups, answers, group)
    return [(i, j) for (i, a), (j, b) in zip(some[::2], some[1::2], strict=False) if a != b]


@guarded_pairs
def first_that_differs(groups, answers, group):
    """Each question takes the first free one that differs: sometimes a pair too few."""
    some, found = of_group(groups, answers, group), []
    while some:
        i, a = some.pop(0)
        other = next((pair for pair in some if pair[1] != a), None)
        if other:
            some.remove(other)
            found.append((i, other[0]))
    return found


@guarded_pairs
def two_commonest_answers(groups, answers, group):
    some = of_group(groups, answers, group)
    counts = collections.Counter(a for _, a in some).most_common(2)
    sides = [[i for i, a in some if a == answer] for answer, _ in counts]
    return list(zip(*sides, strict=False)) if len(sides) == 2 else []


@guarded_pairs
def all_pairs(groups, answers, group):
    """A question stands in many pairs."""
    some = of_group(groups, answers, group)
    return [(i, j) for (i, a), (j, b) in itertools.combinations(some, 2) if a != b]


@guarded_pairs
def without_the_cut(groups, answers, group):
    """The sorted halves, even if one answer fills more than half."""
    some = sorted(of_group(groups, answers, group), key=lambda pair: pair[1])
    half = len(some) // 2
    return [(i, j) for (i, a), (j, b) in zip(some[:half], some[half:], strict=False) if a != b]


@guarded_pairs
def alike_too(groups, answers, group):
    some = sorted(of_group(groups, answers, group), key=lambda pair: pair[1])
    half = len(some) // 2
    return [(i, j) for (i, _), (j, _) in zip(some[:half], some[half:], strict=False)]


def whatever_group(groups, answers):
    pairs(groups, answers)
    return pairs(torch.zeros_like(groups), answers)


def one_pair_less(groups, answers):
    return pairs(groups, answers)[:-1]


def as_two_rows(groups, answers):
    return pairs(groups, answers).T


def fails_without_pairs(groups, answers):
    return torch.stack(list(pairs(groups, answers)))


def pairs_not_refused(groups, answers):
    n = min(len(groups), len(answers))
    return pairs(groups[:n], answers[:n])


# 6.7


def balance_like(
    size=lambda counts: counts.min(),
    keep_single=False,
    order="shuffled",
    sort=True,
    refuses=True,
    whole=False,
    least=False,
):
    def wrong(groups, answers, generator):
        if refuses and len(groups) != len(answers):
            raise ValueError("unequal")
        answers = answers[: len(groups)]
        groups, kept = groups[: len(answers)], [torch.empty(0, dtype=torch.long)]
        smallest = []
        for group in groups.unique():
            rows = (groups == group).nonzero()[:, 0]
            if order == "shuffled":
                rows = rows[torch.randperm(len(rows), generator=generator)]
            if order == "global":
                rows = rows[torch.randperm(len(rows))]
            found, counts = answers[rows].unique(return_counts=True)
            if whole:  # answers that occur anywhere
                found = answers.unique()
                counts = torch.stack([(answers[rows] == answer).sum() for answer in found])
            if len(found) > 1 or keep_single:
                smallest.append(counts.min())
                kept += [rows[answers[rows] == answer][: size(counts)] for answer in found]
        if least and smallest:
            kept = [rows[: min(smallest)] for rows in kept]
        kept = torch.cat(kept)
        return kept.sort().values if sort else kept

    return wrong


def over_all_groups(groups, answers, generator):
    """Balances the answers, whatever the group."""
    return balance(torch.zeros_like(groups), answers, generator)


def every_answer_of_a_set(groups, answers, generator):
    """Draws with replacement up to the largest."""
    balance(groups, answers, generator)
    kept = [torch.empty(0, dtype=torch.long)]
    for group in groups.unique():
        rows = (groups == group).nonzero()[:, 0]
        found, counts = answers[rows].unique(return_counts=True)
        for answer in found if len(found) > 1 else ():
            some = rows[answers[rows] == answer]
            kept.append(some[torch.randint(len(some), (counts.max(),), generator=generator)])
    return torch.cat(kept).sort().values


def a_mask(groups, answers, generator):
    kept = torch.zeros(len(groups), dtype=torch.bool)
    kept[balance(groups, answers, generator)] = True
    return kept


def fails_when_empty(groups, answers, generator):
    kept = balance(groups, answers, generator)
    return torch.cat(list(kept.split(1))) if len(kept) else torch.cat([])


def balance_seeded_again(groups, answers, generator):
    return balance(groups, answers, torch.Generator().manual_seed(generator.initial_seed()))


WRONG = [
    ("6.1", [measure_like(clustered=False)]),
    ("6.1", [measure_like(factor=False)]),
    ("6.1", [measure_like(absolute=True)]),
    ("6.1", [measure_like(n_of="scenes")]),
    ("6.1", [measure_like(constant="said")]),
    ("6.1", [measure_like(constant="first")]),
    ("6.1", [measure_like(strict=False)]),
    ("6.1", [measure_like(sums=False)]),
    ("6.1", [variance]),
    ("6.1", [twice_the_error]),
    ("6.1", [tensors]),
    ("6.1", [mean_of_scenes]),
    ("6.1", [right_constant]),
    ("6.1", [index_by_number]),
    *[("6.4", [pointing_like(**how)]) for how in POINTING_MUTANTS],
    ("6.4", [unclamped]),
    ("6.4", [mass_first]),
    ("6.4", [of_the_box]),
    ("6.4", [means]),
    ("6.4", [whole_numbers]),
    *[("6.5", [hold_like(**how)]) for how in HOLD_MUTANTS],
    ("6.5", [whole_kinds]),
    ("6.5", [random_questions]),
    ("6.5", [held_numbers]),
    ("6.5", [hold_seeded_again]),
    ("6.6", [two_by_two]),
    ("6.6", [first_that_differs]),
    ("6.6", [two_commonest_answers]),
    ("6.6", [all_pairs]),
    ("6.6", [without_the_cut]),
    ("6.6", [alike_too]),
    ("6.6", [whatever_group]),
    ("6.6", [one_pair_less]),
    ("6.6", [as_two_rows]),
    ("6.6", [fails_without_pairs]),
    ("6.6", [pairs_not_refused]),
    ("6.3", [leaky]),
    ("6.3", [squares_only]),
    ("6.3", [lambda *x, **named: concat(*x, **named).squeeze()]),
    ("6.2", [usual, seeded_again]),
    ("6.2", [usual, seeds_torch]),
    ("6.2", [lambda *x, **named: set(usual(*x, **named)), others]),
    ("6.2", [usual, lambda n, generator: others(n, generator).tolist()]),
    ("6.7", [balance_seeded_again]),
    ("6.7", [lambda *x, **named: balance(*x, **named).tolist()]),
    ("6.3", [concat_like(order=-1)]),
    ("6.3", [concat_like(bias=False)]),
    ("6.3", [concat_like(squash=torch.tanh)]),
    ("6.3", [concat_like(squash=lambda x: x)]),
    ("6.3", [concat_like(along=0)]),
    ("6.3", [relu_before]),
    ("6.3", [detached_question]),
    ("6.2", [first_seen, others]),
    ("6.2", [majority_for_all, others]),
    ("6.2", [by_first_word, others]),
    ("6.2", [last_answer, others]),
    ("6.2", [unknown_is_none, others]),
    ("6.2", [nothing_learned, others]),
    ("6.2", [last_of_the_alphabet, others]),
    ("6.2", [same_words_any_order, others]),
    ("6.2", [usual, any_permutation]),
    ("6.2", [usual, next_one]),
    ("6.2", [usual, global_draw]),
    ("6.2", [usual, with_repeats]),
    ("6.2", [usual, reversed_order]),
    ("6.2", [usual, one_step_either_way]),
    ("6.2", [usual, one_gets_itself]),
    ("6.7", [balance_like(size=lambda counts: counts.max())]),
    ("6.7", [balance_like(size=lambda counts: counts.min() - 1)]),
    ("6.7", [balance_like(size=lambda counts: 1)]),
    ("6.7", [balance_like(keep_single=True)]),
    ("6.7", [balance_like(order="first")]),
    ("6.7", [balance_like(order="global")]),
    ("6.7", [balance_like(sort=False)]),
    ("6.7", [balance_like(refuses=False)]),
    ("6.7", [balance_like(whole=True)]),
    ("6.7", [balance_like(least=True)]),
    ("6.7", [over_all_groups]),
    ("6.7", [every_answer_of_a_set]),
    ("6.7", [a_mask]),
    ("6.7", [fails_when_empty]),
]


def test_every_case_refuses_something():
    """A case that no wrong answer fails tests nothing."""
    for number, exercise in checks.module_of("6.1").EXERCISES.items():
        wrong = [functions for n, functions in WRONG if n == number]
        for case in exercise.cases:
            verdicts = (checks.run(exercise, case, functions)[0] for functions in wrong)
            assert any(verdict is not True for verdict in verdicts), f"{number} {case.expectation}"


def test_questions_in_a_row_keep_their_scene_and_answer():
    _, some = scenes.compose(30, seed=3, things=(2, 3))
    asked = questions.ask(some, seed=0, each=4)
    row = right.in_a_row(asked)
    assert row.scene.tolist() == [i for i in range(30) for _ in range(4)]
    for k, q in enumerate(q for each in asked for q in each):
        assert (row.texts[k], row.said[k]) == (q.text, q.answer)
        assert questions.ANSWERS[row.answers[k]] == q.answer and questions.KINDS[row.kinds[k]] == q.kind


def test_a_subset_of_the_questions_is_itself_a_row():
    _, some = scenes.compose(5, seed=3)
    row = right.in_a_row(questions.ask(some, seed=0, each=4))
    few = right.only(row, torch.tensor([3, 11]))
    assert few.texts == [row.texts[3], row.texts[11]] and few.said == [row.said[3], row.said[11]]
    assert few.each == [row.each[3], row.each[11]]
    assert few.scene.tolist() == [0, 2] and few.answers.tolist() == row.answers[[3, 11]].tolist()


def test_what_is_around_a_place():
    space = definitions("solutions/06_visual_question_answering.ipynb", also=("around",))
    corner, place = 0, 2 * 6 + 3  # row 2, column 3
    at = [{(j // 6, j % 6) for j in side[place].nonzero()[:, 0].tolist()} for side in space.AROUND]
    assert {(2, 0), (1, 1), (3, 1)} <= at[0] and {(2, 5), (1, 5)} <= at[1]  # left, right
    assert {(0, 3), (0, 2)} <= at[2] and {(5, 3), (5, 5)} <= at[3]  # above, below
    assert not space.AROUND[[0, 2], corner].any()
    slanting = space.down.abs() == space.across.abs()
    assert torch.equal(space.AROUND.sum(0) + slanting, torch.ones(36, 36))


@pytest.mark.parametrize("fusion", ["product", "concat", "attention"])
def test_the_answerer_knows_its_inputs_apart(fusion):
    space = definitions("solutions/06_visual_question_answering.ipynb", also=("around",))
    space.number = {"a": 1, "frog": 2, "drum": 3}
    torch.manual_seed(0)
    network, places = space.Answerer(fusion), torch.rand(2, 36, 212)
    scene, words = torch.tensor([0, 0, 1]), torch.tensor([[1, 2, 0], [3, 0, 0], [1, 2, 0]])
    logits, alpha = network(places, scene, words)
    assert logits.shape == (3, len(questions.ANSWERS))
    assert (logits[0] - logits[1]).abs().max() > 1e-3 and (logits[0] - logits[2]).abs().max() > 1e-3
    padded, _ = network(places, scene, F.pad(words, (0, 4)))
    dark, _ = network(torch.zeros(2, 36, 212), scene, words)
    assert torch.allclose(padded, logits, atol=1e-5) and torch.allclose(dark[0], dark[2], atol=1e-5)
    if fusion == "attention":
        covered = torch.ones(3, 36, dtype=torch.bool)
        covered[:, :7] = False
        assert torch.allclose(alpha.sum(1), torch.ones(3))
        assert (network(places, scene, words, covered)[1][:, :7] == 0).all()


def test_a_table_of_usual_answers_solves_no_pair():
    """By construction: the question is the same, and the answers differ."""
    _, some = scenes.compose(80, seed=3)
    row = right.in_a_row(questions.ask(some, seed=0, each=8, biased=0.9))
    numbers = {text: i for i, text in enumerate(sorted(set(row.texts)))}
    found = pairs(torch.tensor([numbers[text] for text in row.texts]), row.answers)
    said = usual(row.texts, row.said, row.texts)
    assert len(found) > 20
    assert not any(said[i] == row.said[i] and said[j] == row.said[j] for i, j in found.tolist())


def test_hits_are_where_the_scenes_say():
    """The learner's geometry agrees with the lecture's `scenes.inside`."""
    torch.manual_seed(0)
    _, some = scenes.compose(60, seed=3, things=(1, 2))
    boxes, alphas = torch.tensor([s.things[0].box for s in some]), torch.rand(60, 36)
    hits, mass = pointing(alphas, boxes, 6, scenes.SIZE)
    inside = scenes.inside(boxes, 6)
    assert torch.equal(hits, inside.gather(1, alphas.argmax(1)[:, None])[:, 0])
    assert ((mass >= 0) & (mass <= alphas.sum(1) + 1e-5)).all()
