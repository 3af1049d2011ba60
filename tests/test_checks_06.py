"""Assignment 06's checks accept the solution and other right answers, and refuse plausible wrong ones."""

import collections
import itertools
import math
import random
import re
import statistics

import pytest
import torch
import torch.nn.functional as F

from helpers import checks, questions, scenes
from tests.answers import *  # noqa: F403  right answers are accepted, wrong ones refused
from tests.definitions import definitions

right = definitions("solutions/06_visual_question_answering.ipynb")
encode, product, concat, attend = right.encode, right.fuse_product, right.fuse_concat, right.attend
accuracy, usual, others, balance = right.accuracy_by_kind, right.usual_answers, right.other_pictures, right.balance


# other right answers


def other_encode(texts, number, length):
    rows = []
    for text in texts:
        words = "".join(c for c in text.lower() if c != "?" or not c.strip("?")).replace("?", " ").split(" ")
        words = [word for word in words if word]
        for word in words:
            if word not in number:
                raise ValueError(f"{word} is not in the vocabulary")
        if not words:
            raise ValueError("an empty question")
        if len(words) > length:
            raise ValueError("too long")
        rows.append(F.pad(torch.tensor([number[word] for word in words]), (0, length - len(words))))
    return torch.stack(rows)


def other_product(h, v, W_h, W_v):
    if h.shape[0] != v.shape[0]:
        raise ValueError("unequal batches")
    return torch.einsum("bu,bu->bu", F.linear(h, W_h).tanh(), torch.einsum("bv,uv->bu", v, W_v).tanh())


def other_concat(h, v, W, b):
    """By two matrices."""
    return (h @ W[:, : h.shape[1]].T + v @ W[:, h.shape[1] :].T + b).clamp(min=0)


def other_attend(query, keys, places, real=None):
    """By exponentials of its own."""
    real = torch.ones(keys.shape[:2], dtype=torch.bool) if real is None else real
    if (real.sum(1) == 0).any():
        raise ValueError("no place")
    scores = (query[:, None] * keys).sum(2) / torch.tensor(query.shape[1]).sqrt()
    highest = torch.where(real, scores, torch.tensor(-1e30)).max(1, keepdim=True).values.detach()
    parts = torch.where(real, scores - highest, torch.tensor(-100.0)).exp() * real
    weights = parts / parts.sum(1, keepdim=True)
    return [weights, torch.bmm(weights[:, None], places)[:, 0]]


def other_accuracy(said, answers, kinds, names):
    """By counting."""
    if len({len(said), len(answers), len(kinds)}) > 1 or len(said) == 0:
        raise ValueError("nothing to compare")
    asked, hit = collections.Counter(kinds.tolist()), collections.Counter(kinds[said == answers].tolist())
    result = {names[kind]: hit[kind] / n for kind, n in sorted(asked.items())}
    result["mean"] = sum(result.values()) / len(result)
    result["all"] = hit.total() / len(said)
    return result


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


def regex_encode(texts, number, length):
    """By a pattern; rows grow as lists."""
    rows = []
    for text in texts:
        words = re.findall(r"[^\s?]+", text.casefold())
        if unknown := set(words) - set(number):
            raise ValueError(f"not known: {', '.join(unknown)}")
        if not 1 <= len(words) <= length:
            raise ValueError(f"{len(words)} words")
        rows.append([number[word] for word in words] + (length - len(words)) * [0])
    return torch.tensor(rows, dtype=torch.int64)


def padded_encode(texts, number, length):
    """By torch's own padding, of what the second answer gives a question at a time."""
    rows = [other_encode([text], number, length)[0] for text in texts]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)  # each is `length` long already


def loop_product(h, v, W_h, W_v):
    """A question at a time."""
    if not len(h) == len(v):
        raise ValueError("unequal batches")
    return torch.stack([torch.mv(W_h, q).tanh() * torch.mv(W_v, p).tanh() for q, p in zip(h, v, strict=True)])


def exponential_product(h, v, W_h, W_v):
    """tanh by sigmoid, in float64."""
    if h.size(0) - v.size(0):
        raise ValueError("unequal batches")
    q, p = (2 * (2 * x.double() @ W.double().T).sigmoid() - 1 for x, W in ((h, W_h), (v, W_v)))
    return (q * p).to(h.dtype)


def loop_concat(h, v, W, b):
    """A unit at a time."""
    both = torch.cat((h, v), dim=-1)
    return torch.stack([torch.relu((both * row).sum(1) + bias) for row, bias in zip(W, b, strict=True)], dim=1)


def einsum_concat(h, v, W, b):
    """In float64."""
    u = torch.einsum("uk,bk->bu", W.double(), torch.hstack([h, v]).double()) + b.double()
    return torch.where(u > 0, u, 0.0).to(h.dtype)


def loop_attend(query, keys, places, real=None):
    """A picture at a time, over its real places alone."""
    weights, context = [], []
    for i in range(len(query)):
        there = torch.arange(keys.shape[1]) if real is None else real[i].nonzero()[:, 0]
        if not len(there):
            raise ValueError("a picture without a place")
        some = F.softmax(keys[i][there] @ query[i] / math.sqrt(len(query[i])), dim=0)
        weights.append(torch.zeros_like(keys[i][:, 0]).index_put((there,), some))
        context.append(some @ places[i][there])
    return torch.stack(weights), torch.stack(context)


def matmul_attend(query, keys, places, real=None):
    """By matrix products, in float64."""
    scores = keys.double().matmul(query.double().unsqueeze(2)).squeeze(2).div(query.size(1) ** 0.5)
    if real is not None:
        if bool((~real).all(1).any()):
            raise ValueError("a picture without a place")
        scores = scores + torch.zeros_like(scores).masked_fill(~real, float("-inf"))
    weights = torch.exp(scores - torch.logsumexp(scores, 1, keepdim=True))
    return weights.to(query.dtype), weights.unsqueeze(1).matmul(places.double()).squeeze(1).to(query.dtype)


def loop_accuracy(said, answers, kinds, names):
    """A question at a time."""
    if len(said) != len(answers) or len(said) != len(kinds) or len(said) == 0:
        raise ValueError("not equally many, or none")
    right = {}
    for s, a, k in zip(said, answers, kinds, strict=True):
        right.setdefault(names[int(k)], []).append(bool(s == a))
    share = {name: sum(some) / len(some) for name, some in right.items()}
    return {"mean": sum(share.values()) / len(share), "all": sum(map(sum, right.values())) / len(said), **share}


def bincount_accuracy(said, answers, kinds, names):
    """By torch.bincount, in float64."""
    if said.shape != answers.shape or said.shape != kinds.shape or said.numel() == 0:
        raise ValueError("not equally many, or none")
    asked = torch.bincount(kinds, minlength=len(names))
    share = torch.bincount(kinds, (said == answers).double(), minlength=len(names)) / asked
    there = asked > 0
    found = {name: float(x) for name, x, y in zip(names, share, there, strict=True) if y}
    return found | {"all": float((said == answers).double().mean()), "mean": float(share[there].mean())}


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


RIGHT = [
    ("6.1", [encode]),
    ("6.1", [other_encode]),
    ("6.1", [regex_encode]),
    ("6.1", [padded_encode]),
    ("6.2", [product]),
    ("6.2", [other_product]),
    ("6.2", [loop_product]),
    ("6.2", [exponential_product]),
    ("6.3", [concat]),
    ("6.3", [other_concat]),
    ("6.3", [loop_concat]),
    ("6.3", [einsum_concat]),
    ("6.4", [attend]),
    ("6.4", [other_attend]),
    ("6.4", [loop_attend]),
    ("6.4", [matmul_attend]),
    ("6.5", [accuracy]),
    ("6.5", [other_accuracy]),
    ("6.5", [loop_accuracy]),
    ("6.5", [bincount_accuracy]),
    ("6.6", [usual, others]),
    ("6.6", [other_usual, other_others]),
    ("6.6", [loop_usual, sattolo]),
    ("6.6", [grouped_usual, ranked_circle]),
    ("6.7", [balance]),
    ("6.7", [other_balance]),
    ("6.7", [ranked_balance]),
    ("6.7", [walking_balance]),
]

EQUIVALENT = {
    ("6.6", "other_pictures: squeezed"): "there are two pictures at least",
    ("6.7", "balance: squeezed"): "two questions at least are kept, or none",
}


# 6.1


def encode_like(skip=False, lower=True, marks=True, left=False, floats=False, names=True, short=True, empty=True):
    def wrong(texts, number, length):
        rows = torch.zeros(len(texts), length, dtype=torch.float32 if floats else torch.long)
        for row, text in zip(rows, texts, strict=True):
            words = (text.lower() if lower else text).replace("?", " " if marks else "").split()
            if empty and not words:
                raise ValueError("empty")
            if len(words) > length and short:
                raise ValueError("too long")
            found = [number[word] for word in words if word in number]
            if not skip and len(found) < len(words):
                raise ValueError(f"unknown: {next(w for w in words if w not in number)}" if names else "unknown word")
            found = found[:length]
            row[length - len(found) if left else 0 : length if left else len(found)] = torch.tensor(found)
        return rows

    return wrong


def key_error(texts, number, length):
    rows = [[number[word] for word in text.lower().replace("?", " ").split()] for text in texts]
    if not all(0 < len(row) <= length for row in rows):
        raise ValueError("length")
    return torch.tensor([row + [0] * (length - len(row)) for row in rows])


def whole_question_named(texts, number, length):
    try:
        return encode(texts, number, length)
    except ValueError:
        raise ValueError(f"There is something wrong with {texts}") from None


def in_the_alphabet(texts, number, length):
    """Numbers of its own."""
    return encode(texts, {word: i for i, word in enumerate(sorted(number), start=1)}, length)


def cuts_its_texts(texts, number, length):
    for i, text in enumerate(texts):
        texts[i] = text.lower().replace("?", " ")
    return encode(texts, number, length)


# 6.2 and 6.3


def product_like(q=torch.tanh, p=torch.tanh, fuse=torch.mul, strict=True):
    def wrong(h, v, W_h, W_v):
        if strict and len(h) != len(v):
            raise ValueError("unequal")
        return fuse(q(h @ W_h.T), p(v @ W_v.T))

    return wrong


def tanh_of_the_product(h, v, W_h, W_v):
    product(h, v, W_h, W_v)
    return ((h @ W_h.T) * (v @ W_v.T)).tanh()


def detached_picture(h, v, W_h, W_v):
    return product(h, v.detach(), W_h, W_v)


def summed(h, v, W_h, W_v):
    return product(h, v, W_h, W_v).sum(1)


def concat_like(order=1, bias=True, squash=F.relu, along=1):
    def wrong(h, v, W, b):
        return squash(torch.cat([h, v][::order], dim=along) @ W.T + (b if bias else 0))

    return wrong


def relu_before(h, v, W, b):
    return torch.cat([h, v], 1).relu() @ W.T + b


def detached_question(h, v, W, b):
    return concat(h.detach(), v, W, b)


def half_a_gradient(h, v, W_h, W_v):
    """The value of tanh, the gradient of a linear layer."""
    a, b = h @ W_h.T, v @ W_v.T
    a, b = (x + (x.tanh() - x).detach() for x in (a, b))
    return product(h, v, W_h, W_v).detach() * 0 + a * b


def projects_in_place(h, v, W_h, W_v):
    u = product(h, v, W_h, W_v)
    h.data.tanh_()
    return u


def leaky(h, v, W, b):
    return F.leaky_relu(F.linear(torch.cat([h, v], 1), W, b), 1e-3)


def squares_only(h, v, W, b):
    """Splits W in two halves, right only where H is V."""
    half = W.shape[1] // 2
    if h.shape[1] != half:
        return concat(v, h, W, b)
    return concat(h, v, W, b)


# 6.4


def attend_like(root=True, by=None, along=1, mask="inf", weigh="places", refuses=True, swap=False, scores=False):
    def wrong(query, keys, places, real=None):
        if refuses and real is not None and not real.any(1).all():
            raise ValueError("no place")
        logits = torch.einsum("bd,bld->bl", query, keys)
        if root:
            logits = logits / (by(keys) if by else keys.shape[2]) ** 0.5
        if real is not None and mask == "zero":
            logits = logits * real
        if real is not None and mask == "inf":
            logits = logits.masked_fill(~real, -1e9 if not refuses else -torch.inf)
        if real is not None and mask == "turned":
            logits = logits.masked_fill(real, -torch.inf) if not real.all() else logits
        weights = logits.softmax(along)
        if real is not None and mask == "after":
            weights = weights * real
        context = torch.einsum("bl,bld->bd", weights, keys if weigh == "keys" else places)
        weights = logits if scores else weights
        return (context, weights) if swap else (weights, context)

    return wrong


def unsafe(query, keys, places, real=None):
    attend(query, keys, places, real)
    parts = (torch.einsum("bd,bld->bl", query, keys) / query.shape[1] ** 0.5).exp()
    parts = parts if real is None else parts * real
    weights = parts / parts.sum(1, keepdim=True)
    return weights, torch.einsum("bl,bld->bd", weights, places)


def hard(query, keys, places, real=None):
    weights = F.one_hot(attend(query, keys, places, real)[0].argmax(1), keys.shape[1]).to(places.dtype)
    return weights, torch.einsum("bl,bld->bd", weights, places)


def ignores_the_mask(query, keys, places, real=None):
    if real is not None and not real.any(1).all():
        raise ValueError("no place")
    return attend(query, keys, places)


def detached_highest(query, keys, places, real=None):
    """The sum below counts as a constant: the weights are right, their gradient is not."""
    weights, _ = attend(query, keys, places, real)
    scores = torch.einsum("bd,bld->bl", query, keys) / query.shape[1] ** 0.5
    weights = weights.detach() * (scores - scores.detach()).exp()
    return weights, torch.einsum("bl,bld->bd", weights, places)


def almost_covered(query, keys, places, real=None):
    """A large negative number that is not large enough."""
    attend(query, keys, places, real)
    scores = torch.einsum("bd,bld->bl", query, keys) / query.shape[1] ** 0.5
    weights = (scores if real is None else scores.masked_fill(~real, -20.0)).softmax(1)
    return weights, torch.einsum("bl,bld->bd", weights, places)


def writes_into_places(query, keys, places, real=None):
    result = attend(query, keys, places, real)
    if real is not None:
        places.data[~real] = 0
    return result


# 6.5


def accuracy_like(change, guarded=True):
    def wrong(said, answers, kinds, names):
        result = accuracy(said, answers, kinds, names) if guarded else {}
        return change(result, (said == answers).double(), kinds, names)

    return wrong


def kinds_only(result):
    return [value for name, value in result.items() if name not in ("all", "mean")]


def absent_is_zero(result, right, kinds, names):
    result |= {name: 0.0 for name in names if name not in result}
    return result | {"mean": sum(kinds_only(result)) / len(names)}


ACCURACY_MUTANTS = {
    "all is the mean of kinds": lambda result, right, kinds, names: result | {"all": result["mean"]},
    "mean is all": lambda result, right, kinds, names: result | {"mean": result["all"]},
    "divided by all names": lambda result, right, kinds, names: result | {"mean": sum(kinds_only(result)) / len(names)},
    "absent is zero": absent_is_zero,
    "absent is nan": lambda result, right, kinds, names: (
        {n: right[kinds == i].mean().item() for i, n in enumerate(names)} | result
    ),
    "tensors": lambda result, right, kinds, names: {name: torch.tensor(value) for name, value in result.items()},
    "percent": lambda result, right, kinds, names: {name: 100 * value for name, value in result.items()},
    "shares of all questions": lambda result, right, kinds, names: (
        result | {n: (right * (kinds == i)).mean().item() for i, n in enumerate(names) if n in result}
    ),
    "mean over all three": lambda result, right, kinds, names: (
        result | {"mean": (sum(kinds_only(result)) + result["all"]) / (len(result) - 1)}
    ),
}


def not_refused(said, answers, kinds, names):
    right = (said == answers).double() if len(said) == len(answers) else torch.zeros(1)
    if not len(right) == len(kinds) > 0:
        return {"all": 0.0, "mean": 0.0}
    return accuracy(said, answers, kinds, names)


# 6.6


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
    ("6.1", [in_the_alphabet]),
    ("6.1", [cuts_its_texts]),
    ("6.1", [lambda *x, **named: encode(*x, **named).tolist()]),
    ("6.2", [half_a_gradient]),
    ("6.2", [projects_in_place]),
    ("6.2", [lambda *x, **named: product(*x, **named).double()]),
    ("6.3", [leaky]),
    ("6.3", [squares_only]),
    ("6.3", [lambda *x, **named: concat(*x, **named).squeeze()]),
    ("6.4", [detached_highest]),
    ("6.4", [almost_covered]),
    ("6.4", [writes_into_places]),
    ("6.6", [usual, seeded_again]),
    ("6.6", [usual, seeds_torch]),
    ("6.6", [lambda *x, **named: set(usual(*x, **named)), others]),
    ("6.6", [usual, lambda n, generator: others(n, generator).tolist()]),
    ("6.7", [balance_seeded_again]),
    ("6.7", [lambda *x, **named: balance(*x, **named).tolist()]),
    ("6.1", [encode_like(skip=True)]),
    ("6.1", [encode_like(lower=False)]),
    ("6.1", [encode_like(marks=False)]),
    ("6.1", [encode_like(left=True)]),
    ("6.1", [encode_like(floats=True)]),
    ("6.1", [encode_like(names=False)]),
    ("6.1", [encode_like(short=False)]),
    ("6.1", [encode_like(empty=False)]),
    ("6.1", [key_error]),
    ("6.1", [whole_question_named]),
    ("6.2", [product_like(q=torch.sigmoid)]),
    ("6.2", [product_like(p=lambda x: x)]),
    ("6.2", [product_like(fuse=torch.add)]),
    ("6.2", [product_like(fuse=lambda x, y: x @ y.T)]),
    ("6.2", [product_like(strict=False)]),
    ("6.2", [tanh_of_the_product]),
    ("6.2", [detached_picture]),
    ("6.2", [summed]),
    ("6.3", [concat_like(order=-1)]),
    ("6.3", [concat_like(bias=False)]),
    ("6.3", [concat_like(squash=torch.tanh)]),
    ("6.3", [concat_like(squash=lambda x: x)]),
    ("6.3", [concat_like(along=0)]),
    ("6.3", [relu_before]),
    ("6.3", [detached_question]),
    ("6.4", [attend_like(root=False)]),
    ("6.4", [attend_like(by=lambda keys: keys.shape[1])]),
    ("6.4", [attend_like(along=0)]),
    ("6.4", [attend_like(mask="zero")]),
    ("6.4", [attend_like(mask="after")]),
    ("6.4", [attend_like(mask="turned")]),
    ("6.4", [attend_like(weigh="keys")]),
    ("6.4", [attend_like(refuses=False)]),
    ("6.4", [attend_like(swap=True)]),
    ("6.4", [attend_like(scores=True)]),
    ("6.4", [unsafe]),
    ("6.4", [hard]),
    ("6.4", [ignores_the_mask]),
    *[("6.5", [accuracy_like(change)]) for change in ACCURACY_MUTANTS.values()],
    ("6.5", [not_refused]),
    ("6.6", [first_seen, others]),
    ("6.6", [majority_for_all, others]),
    ("6.6", [by_first_word, others]),
    ("6.6", [last_answer, others]),
    ("6.6", [unknown_is_none, others]),
    ("6.6", [nothing_learned, others]),
    ("6.6", [last_of_the_alphabet, others]),
    ("6.6", [same_words_any_order, others]),
    ("6.6", [usual, any_permutation]),
    ("6.6", [usual, next_one]),
    ("6.6", [usual, global_draw]),
    ("6.6", [usual, with_repeats]),
    ("6.6", [usual, reversed_order]),
    ("6.6", [usual, one_step_either_way]),
    ("6.6", [usual, one_gets_itself]),
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
