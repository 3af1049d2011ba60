"""Assignment 04's checks accept the solution and other right answers, and refuse plausible wrong ones."""

import math
from collections import Counter

import numpy as np
import pytest
import sacrebleu
import torch
import torch.nn.functional as F
from torch import nn

from helpers import checks, scenes
from tests.answers import *  # noqa: F403  right answers are accepted, wrong ones refused
from tests.definitions import definitions

right = definitions("solutions/04_captioning.ipynb", also=("truth",))
loss, perplexity, attend, beam = right.caption_loss, right.perplexity, right.cross_attention, right.beam_search
pointing, by_chance = right.pointing_accuracy, right.random_place
clipped, penalty, bleu = right.clipped_precision, right.brevity_penalty, right.bleu


def other_loss(logits, targets, pad):
    if (targets == pad).all():
        raise ValueError("only padding")
    return F.nll_loss(logits.log_softmax(2).mT, targets, ignore_index=pad)


def other_perplexity(logits, targets, pad):
    return math.exp(other_loss(logits, targets, pad))


def looped_loss(logits, targets, pad):
    """A word at a time."""
    total, words = 0, 0
    for scores, row in zip(logits, targets.tolist(), strict=True):
        for score, word in zip(scores, row, strict=True):
            if word != pad:
                total, words = total + score.logsumexp(0) - score[word], words + 1
    if not words:
        raise ValueError("only padding")
    return total / words


def double_loss(logits, targets, pad):
    """By one-hot numbers, in double precision."""
    real = targets.ne(pad)
    if not real.sum():
        raise ValueError("only padding")
    log_p = logits[real].double().log_softmax(-1).masked_fill(logits[real].isinf(), 0)
    return -torch.einsum("nw,nw->", log_p, F.one_hot(targets[real], logits.shape[2]).double()).to(logits) / real.sum()


def other_attend(words, places, W_q, W_k, W_v, W_o, heads, allowed=None):
    """A head at a time, by chunks."""
    if W_q.shape[0] % heads:
        raise ValueError("heads")
    if allowed is not None and not allowed.any(1).all():
        raise ValueError("a word that may look nowhere")
    found, alphas = 0, []
    for Q, K, V, out in zip(W_q.chunk(heads), W_k.chunk(heads), W_v.chunk(heads), W_o.chunk(heads, 1), strict=True):
        scores = torch.bmm(F.linear(words, Q), F.linear(places, K).transpose(1, 2)) * len(Q) ** -0.5
        if allowed is not None:
            scores = scores + torch.zeros(allowed.shape, dtype=scores.dtype).masked_fill(~allowed, -math.inf)
        alphas.append(F.softmax(scores, dim=2))
        found = found + F.linear(torch.bmm(alphas[-1], F.linear(places, V)), out)
    return [found, torch.stack(alphas, dim=1)]


def einsum_attend(words, places, W_q, W_k, W_v, W_o, heads, allowed=None):
    """By einsum and in double precision, with a softmax of its own."""
    A = len(W_q)
    if A % heads > 0:
        raise ValueError(f"{heads} heads")
    x, a, *W = (y.double() for y in (words, places, W_q, W_k, W_v, W_o))
    Q, K, V = (w.view(heads, A // heads, -1) for w in W[:3])
    scores = torch.einsum("bte,hde,hdf,blf->bhtl", x, Q, K, a) / math.sqrt(A / heads)
    if allowed is not None:
        if (allowed.sum(1) == 0).any():
            raise ValueError("nowhere")
        scores = torch.where(allowed, scores, torch.full_like(scores, -1e300))
    e = (scores - scores.amax(3, keepdim=True)).exp()
    alpha = e / e.sum(3, keepdim=True)
    z = torch.einsum("bhtl,blf,hdf->bthd", alpha, a, V).flatten(2)
    return (z @ W[3].T).to(words.dtype), alpha.to(words.dtype)


def looped_attend(words, places, W_q, W_k, W_v, W_o, heads, allowed=None):
    """A picture, a head and a word at a time, over the places that it may look at."""
    if len(W_q) % heads != 0:
        raise ValueError("heads")
    allowed = torch.ones(words.shape[1], places.shape[1], dtype=torch.bool) if allowed is None else allowed
    found, alphas, d = [], [], len(W_q) // heads
    for x, a in zip(words, places, strict=True):
        q, k, v = x @ W_q.T, a @ W_k.T, a @ W_v.T
        weights, rows = torch.zeros(heads, len(x), len(a), dtype=x.dtype), []
        for t in range(len(x)):
            there, row = allowed[t].nonzero().flatten(), []
            if not len(there):
                raise ValueError("a word that may look nowhere")
            for h in range(heads):
                own = slice(h * d, (h + 1) * d)
                some = (k[there, own] @ q[t, own] / d**0.5).softmax(0)
                at = torch.tensor(h), torch.tensor(t), there
                weights = weights.index_put(at, some)
                row.append(some @ v[there, own])
            rows.append(W_o @ torch.cat(row))
        found.append(torch.stack(rows))
        alphas.append(weights)
    return torch.stack(found), torch.stack(alphas)


def other_beam(next_log_probs, start, end, longest, width, alpha=0.0):
    """By lists and sorting; stops as soon as nothing open can overtake the best finished caption."""
    if width < 1:
        raise ValueError("no beam")
    beam, done = [(0.0, [start])], []
    for step in range(1, longest + 1):
        rows = next_log_probs(torch.tensor([prefix for _, prefix in beam])).tolist()
        pairs = zip(beam, rows, strict=True)
        longer = [(total + p, [*prefix, word]) for (total, prefix), row in pairs for word, p in enumerate(row)]
        longer = sorted(longer, key=lambda x: -x[0])[:width]
        done += [(total / step**alpha, prefix[:-1]) for total, prefix in longer if prefix[-1] == end]
        beam = [(total, prefix) for total, prefix in longer if prefix[-1] != end]
        if not beam or (done and max(done)[0] >= beam[0][0] / longest**alpha):
            break
    score, caption = max(done + [(total / step**alpha, prefix) for total, prefix in beam])
    return caption[1:], score


def beam_by_dictionary(next_log_probs, start, end, longest, width, alpha=0.0):
    """Prefixes are the keys of a dictionary; in double precision."""
    if width <= 0:
        raise ValueError(f"a beam of {width}")
    open_, finished = {(start,): 0.0}, {}
    for _ in range(longest):
        rows = next_log_probs(torch.tensor(list(open_))).double()
        longer = {
            (*p, w): t + row[w].item() for (p, t), row in zip(open_.items(), rows, strict=True) for w in range(len(row))
        }
        best = dict(sorted(longer.items(), key=lambda item: item[1], reverse=True)[:width])
        finished |= {p: t for p, t in best.items() if p[-1] == end}
        open_ = {p: t for p, t in best.items() if p[-1] != end}
        if not open_:
            break
    scores = {p: t / (len(p) - 1) ** alpha for p, t in (finished | open_).items()}
    winner = max(scores, key=scores.get)
    return list(winner[1 : -1 if winner in finished else None]), torch.tensor(scores[winner])


def beam_of_columns(next_log_probs, start, end, longest, width, alpha=0.0):
    """It sorts the whole table and keeps the first columns."""
    if width < 1:
        raise ValueError("no beam")
    prefixes, totals, best = torch.tensor([[start]]), torch.zeros(1, 1), ([], -math.inf)
    for step in range(longest):
        table = (totals + next_log_probs(prefixes)).double()
        order = table.view(-1).argsort(descending=True)[:width]
        rows = torch.div(order, table.shape[1], rounding_mode="floor")
        prefixes = torch.hstack([prefixes[rows], order.remainder(table.shape[1])[:, None]])
        totals = table.view(-1)[order][:, None]
        for prefix, total in zip(prefixes.tolist(), totals[:, 0].tolist(), strict=True):
            over, score = prefix[-1] == end, total / (step + 1) ** alpha
            if (over or step == longest - 1) and score > best[1]:
                best = prefix[1 : -1 if over else None], score
        still = prefixes[:, -1] != end
        prefixes, totals = prefixes[still], totals[still]
        if not still.any():
            break
    return best


def grams(words, n):
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


def other_clipped(candidate, references, n):
    if len(references) == 0:
        raise ValueError("no reference")
    mine, theirs = grams(candidate, n), [grams(r, n) for r in references]
    return sum(min(mine.count(g), max(t.count(g) for t in theirs)) for g in set(mine)), len(mine)


def other_penalty(lengths, reference_lengths):
    r = 0
    for length, options in zip(lengths, reference_lengths, strict=True):
        gap = min(abs(o - length) for o in options)
        r += length - gap if length - gap in options else length + gap
    return 0.0 if not sum(lengths) else 1.0 if sum(lengths) >= r else math.exp(1 - r / sum(lengths))


def other_bleu(candidates, references):
    if not len(candidates) == len(references) > 0:
        raise ValueError("no captions")
    logs = []
    for n in range(1, 5):
        matches, total = torch.tensor([other_clipped(*x, n) for x in zip(candidates, references, strict=True)]).sum(0)
        if not matches:
            return 0.0
        logs.append(math.log(matches / total))
    lengths = [len(c) for c in candidates], [[len(r) for r in rs] for rs in references]
    return other_penalty(*lengths) * math.exp(sum(logs) / 4)


def counted_clipped(candidate, references, n):
    """By plain counting, without Counter."""
    if not references:
        raise ValueError("no reference")
    places = range(len(candidate) - n + 1)
    matches = 0
    for i in places:
        gram = candidate[i : i + n]
        before = sum(candidate[j : j + n] == gram for j in range(i))
        most = max(sum(r[j : j + n] == gram for j in range(len(r))) for r in references)
        matches += before < most
    return [matches, len(places)]


def sorted_penalty(candidate_lengths, reference_lengths):
    c = torch.tensor(candidate_lengths, dtype=torch.float64).sum()
    near = [
        sorted(some, key=lambda r: (abs(r - x), r))[0]
        for x, some in zip(candidate_lengths, reference_lengths, strict=True)
    ]
    return torch.exp((1 - sum(near) / c).clamp(max=0)) if c > 0 else torch.zeros(())


def powered_bleu(candidates, references):
    if len(candidates) == 0 or len(candidates) != len(references):
        raise ValueError("captions and references")
    product = 1.0
    for n in (1, 2, 3, 4):
        table = torch.tensor([counted_clipped(c, r, n) for c, r in zip(candidates, references, strict=True)]).sum(0)
        product *= (table[0] / table[1].clamp(min=1)).item()
    lengths = [list(map(len, rs)) for rs in references]
    return float(sorted_penalty(list(map(len, candidates)), lengths)) * product**0.25


def other_pointing(maps, boxes, size):
    """By masks of all places."""
    if len(maps) != len(boxes) or not any(boxes):
        raise ValueError("nothing to point at")
    y, x = (((torch.arange(n) + 0.5) * size / n) for n in maps.shape[1:])
    hits = []
    for weights, some in zip(maps, boxes, strict=True):
        inside = torch.zeros(maps.shape[1:], dtype=torch.bool)
        for left, top, right, bottom in some:
            inside |= ((top <= y) & (y < bottom))[:, None] & ((left <= x) & (x < right))
        hits += [inside[weights == weights.max()].any()] if some else []
    return torch.stack(hits).float().mean(), len(hits)


def unravelled_pointing(maps, boxes, size):
    """A map at a time, by numpy."""
    kept = [i for i in range(len(boxes)) if len(boxes[i])]
    if len(boxes) != maps.shape[0] or not kept:
        raise ValueError("maps and boxes")
    hit = 0
    for i in kept:
        row, column = np.unravel_index(maps[i].numpy().argmax(), maps[i].shape)
        x, y = (column + 0.5) / maps.shape[2] * size, (row + 0.5) / maps.shape[1] * size
        hit += any(box[0] <= x < box[2] and box[1] <= y < box[3] for box in boxes[i])
    return [hit / len(kept), torch.tensor(len(kept))]


def batched_pointing(maps, boxes, size):
    """All pairs of a map and a box at once."""
    if len(maps) - len(boxes):
        raise ValueError("as many maps as lists")
    pairs = [(i, box) for i, some in enumerate(boxes) for box in some]
    if not pairs:
        raise ValueError("no box")
    at = maps.flatten(1).max(1).indices
    x, y = at % maps.shape[2] + 0.5, at // maps.shape[2] + 0.5
    which, box = torch.tensor([i for i, _ in pairs]), torch.tensor([b for _, b in pairs]).T
    x, y = x[which] * size / maps.shape[2], y[which] * size / maps.shape[1]
    inside = (box[0] <= x) & (x < box[2]) & (box[1] <= y) & (y < box[3])
    hits = torch.zeros(len(maps)).index_put((which,), inside.float(), accumulate=True)[which.unique()] > 0
    return hits.double().mean().item(), len(hits)


def other_chance(boxes, rows, columns, size):
    """By masks of all places."""
    if not any(boxes):
        raise ValueError("no box")
    y, x = (((torch.arange(n) + 0.5) * size / n) for n in (rows, columns))
    shares = []
    for some in filter(None, boxes):
        inside = [((t <= y) & (y < b))[:, None] & ((left <= x) & (x < r)) for left, t, r, b in some]
        shares.append(torch.stack(inside).any(0).double().mean())
    return torch.stack(shares).mean()


def chance_by_pointing(boxes, rows, columns, size):
    """The mean accuracy of all maps with a single bright place."""
    some = [list(b) for b in boxes if b]
    if not some:
        raise ValueError("no box")
    maps = torch.eye(rows * columns).view(-1, rows, columns)
    return sum(other_pointing(m.expand(len(some), -1, -1), some, size)[0] for m in maps) / len(maps)


def listed_chance(boxes, rows, columns, size):
    """By a list of the places in each."""
    counted = []
    for some in boxes:
        found = {
            (i, j)
            for i in range(rows)
            for j in range(columns)
            for left, top, right, bottom in some
            if left <= size * (2 * j + 1) / (2 * columns) < right and top <= size * (2 * i + 1) / (2 * rows) < bottom
        }
        counted += [len(found)] if some else []
    if not counted:
        raise ValueError("no box")
    return sum(counted) / len(counted) / rows / columns


RIGHT = [
    ("4.1", [loss, perplexity]),
    ("4.1", [other_loss, other_perplexity]),
    ("4.1", [looped_loss, lambda logits, targets, pad: looped_loss(logits, targets, pad).exp()]),
    ("4.1", [double_loss, lambda logits, targets, pad: double_loss(logits.double(), targets, pad).exp().item()]),
    ("4.2", [attend]),
    ("4.2", [other_attend]),
    ("4.2", [einsum_attend]),
    ("4.2", [looped_attend]),
    ("4.3", [beam]),
    ("4.3", [other_beam]),
    ("4.3", [beam_by_dictionary]),
    ("4.3", [beam_of_columns]),
    ("4.4", [clipped, penalty, bleu]),
    ("4.4", [other_clipped, other_penalty, other_bleu]),
    ("4.4", [counted_clipped, sorted_penalty, powered_bleu]),
    ("4.4", [clipped, sorted_penalty, other_bleu]),
    ("4.5", [pointing, by_chance]),
    ("4.5", [other_pointing, other_chance]),
    ("4.5", [unravelled_pointing, chance_by_pointing]),
    ("4.5", [batched_pointing, listed_chance]),
]
EQUIVALENT = {
    ("4.1", "perplexity: cast"): "a perplexity is read, and may be a number of any kind",
    ("4.1", "perplexity: cut *"): "a perplexity is read, and nobody trains on it",
    ("4.1", "perplexity: detached"): "a perplexity is read, and nobody trains on it",
}


# 4.1


def each(logits, targets):
    return -logits.log_softmax(-1).gather(-1, targets.clamp(min=0, max=logits.shape[-1] - 1)[..., None])[..., 0]


def refusing(function):
    def wrong(logits, targets, pad):
        loss(logits.nan_to_num(), targets, pad)
        return function(logits, targets, pad)

    wrong.__name__ = function.__name__
    return wrong


@refusing
def padding_counts(logits, targets, pad):
    return each(logits, targets).mean()


@refusing
def mean_of_rows(logits, targets, pad):
    real = targets != pad
    return torch.stack([each(row, t)[r].mean() for row, t, r in zip(logits, targets, real, strict=True)]).mean()


@refusing
def a_row_each(logits, targets, pad):
    return each(logits, targets)[targets != pad].sum() / len(logits)


@refusing
def times_the_mask(logits, targets, pad):
    """0 times an infinite loss is not 0."""
    real = targets != pad
    return (each(logits, targets) * real).sum() / real.sum()


@refusing
def log_of_softmax(logits, targets, pad):
    p = logits.exp() / logits.exp().sum(-1, keepdim=True)
    return -p[targets != pad].gather(1, targets[targets != pad][:, None]).log().mean()


@refusing
def pad_is_zero(logits, targets, pad):
    return each(logits, targets)[targets > 0].mean()


@refusing
def sum_of_words(logits, targets, pad):
    return each(logits, targets)[targets != pad].sum()


def not_refused(logits, targets, pad):
    return F.nll_loss(logits.log_softmax(2).mT, targets, ignore_index=pad)


@refusing
def by_torch(logits, targets, pad):
    return nn.CrossEntropyLoss(ignore_index=pad)(logits.mT, targets)


@refusing
def constant_normaliser(logits, targets, pad):
    """The value is right, the gradient is not."""
    real = logits[targets != pad]
    return (real.logsumexp(1).detach() - real.gather(1, targets[targets != pad][:, None])[:, 0]).mean()


@refusing
def in_double(logits, targets, pad):
    return loss(logits.double(), targets, pad)


def fills_targets(logits, targets, pad):
    found = loss(logits, targets, pad)
    targets[targets == pad] = 0
    return found


@refusing
def no_gradient(logits, targets, pad):
    return loss(logits, targets, pad).detach()


def mean_of_exponentials(logits, targets, pad):
    return each(logits, targets)[targets != pad].exp().mean()


def in_bits(logits, targets, pad):
    return 2 ** loss(logits, targets, pad)


# 4.2


def attention(
    d=lambda q: q.shape[-1], along=-1, mask="before", values="places", heads_last=False, safe=True, strict=True
):
    """The right answer, but for one thing."""

    def wrong(words, places, W_q, W_k, W_v, W_o, heads, allowed=None):
        if strict and (len(W_q) % heads or (allowed is not None and not allowed.any(1).all())):
            raise ValueError("refused")
        q, k, v = words @ W_q.T, places @ W_k.T, places @ (W_k if values == "keys" else W_v).T
        if heads_last:  # every head gets each `heads`-th number
            q, k, v = (x.unflatten(2, (-1, heads)).permute(0, 3, 1, 2) for x in (q, k, v))
        else:
            q, k, v = (x.unflatten(2, (heads, -1)).transpose(1, 2) for x in (q, k, v))
        scores = q @ k.mT / d(q) ** 0.5
        if allowed is not None and mask == "before":
            scores = scores.masked_fill(~allowed, -math.inf)
        if allowed is not None and mask == "zero":
            scores = scores * allowed
        if allowed is not None and mask == "turned":
            scores = scores.masked_fill(allowed, -math.inf)
        if allowed is not None and mask == "nearly":
            scores = scores.masked_fill(~allowed, -5.0)
        alpha = scores.softmax(along) if safe else scores.exp() / scores.exp().sum(-1, keepdim=True)
        if allowed is not None and mask == "after":
            alpha = alpha * allowed
        return (alpha @ v).transpose(1, 2).flatten(2) @ W_o.T, alpha

    return wrong


def heads_not_put_back(words, places, W_q, W_k, W_v, W_o, heads, allowed=None):
    """(batch, heads, T, d) is reshaped as it is."""
    _, alpha = attend(words, places, W_q, W_k, W_v, W_o, heads, allowed)
    z = alpha @ (places @ W_v.T).unflatten(2, (heads, -1)).transpose(1, 2)
    return z.reshape(len(words), words.shape[1], -1) @ W_o.T, alpha


def one_head_only(words, places, W_q, W_k, W_v, W_o, heads, allowed=None):
    attend(words, places, W_q, W_k, W_v, W_o, heads, allowed)
    found, alpha = attend(words, places, W_q, W_k, W_v, W_o, 1, allowed)
    return found, alpha.expand(-1, heads, -1, -1)


def without_output(words, places, W_q, W_k, W_v, W_o, heads, allowed=None):
    _, alpha = attend(words, places, W_q, W_k, W_v, W_o, heads, allowed)
    z = alpha @ (places @ W_v.T).unflatten(2, (heads, -1)).transpose(1, 2)
    return z.transpose(1, 2).flatten(2)[..., : words.shape[2]], alpha


def mean_of_heads(*arguments, **named):
    found, alpha = attend(*arguments, **named)
    return found, alpha.mean(1)


def swapped(*arguments, **named):
    return attend(*arguments, **named)[::-1]


def found_only(*arguments, **named):
    return attend(*arguments, **named)[0]


def detached(words, *more):
    found, alpha = attend(words, *more)
    return found.detach() + 0 * attend(words.detach(), *more)[0] + 0 * found, alpha


def by_torchs_own(words, places, W_q, W_k, W_v, W_o, heads, allowed=None):
    _, alpha = attend(words, places, W_q, W_k, W_v, W_o, heads, allowed)
    split = lambda x: x.unflatten(2, (heads, -1)).transpose(1, 2)  # noqa: E731
    some = split(words @ W_q.T), split(places @ W_k.T), split(places @ W_v.T)
    return F.scaled_dot_product_attention(*some, attn_mask=allowed).transpose(1, 2).flatten(2) @ W_o.T, alpha


def centred(words, places, *more):
    """It works in the places that it was given."""
    found = attend(words, places, *more)
    places -= places.mean(1, keepdim=True)
    return found


def always_float(*arguments):
    return tuple(x.float() for x in attend(*arguments))


# 4.3


def keeps_the_end(next_log_probs, start, end, longest, width, alpha=0.0):
    caption, score = beam(next_log_probs, start, end, longest, width, alpha)
    return caption if len(caption) == longest else [*caption, end], score


def keeps_the_start(next_log_probs, start, end, longest, width, alpha=0.0):
    caption, score = beam(next_log_probs, start, end, longest, width, alpha)
    return [start, *caption], score


def one_too_few(next_log_probs, start, end, longest, width, alpha=0.0):
    return beam(next_log_probs, start, end, max(longest - 1, 1), width, alpha)


def end_is_one(next_log_probs, start, end, longest, width, alpha=0.0):
    return beam(next_log_probs, start, 1, longest, width, alpha)


def last_word_only(next_log_probs, start, end, longest, width, alpha=0.0):
    """Forgets the rest of the prefix."""
    short = lambda prefixes: next_log_probs(prefixes[:, [0, -1]] if prefixes.shape[1] > 1 else prefixes)  # noqa: E731
    return beam(short, start, end, longest, width, alpha)


def ranked_by_mean(next_log_probs, start, end, longest, width, alpha=0.0):
    """Divides by the words without the end."""
    return normalised(next_log_probs, start, end, longest, width, alpha, lambda n, ended: max(n - ended, 1))


def counts_the_start(next_log_probs, start, end, longest, width, alpha=0.0):
    return normalised(next_log_probs, start, end, longest, width, alpha, lambda n, ended: n + 1)


def open_as_if_ended(next_log_probs, start, end, longest, width, alpha=0.0):
    return normalised(next_log_probs, start, end, longest, width, alpha, lambda n, ended: n + 1 - ended)


def times_the_length(next_log_probs, start, end, longest, width, alpha=0.0):
    return normalised(next_log_probs, start, end, longest, width, alpha, lambda n, ended: 1 / n)


def alpha_times_the_length(next_log_probs, start, end, longest, width, alpha=0.0):
    return normalised(next_log_probs, start, end, longest, width, 1.0, lambda n, ended: alpha * n or 1.0)


def mean_whatever_alpha(next_log_probs, start, end, longest, width, alpha=0.0):
    return normalised(next_log_probs, start, end, longest, width, float(alpha > 0), lambda n, ended: n)


def returns_the_total(next_log_probs, start, end, longest, width, alpha=0.0):
    """The right caption, its total in place of its score."""
    caption, score = beam(next_log_probs, start, end, longest, width, alpha)
    return caption, score * min(len(caption) + 1, longest) ** alpha


def normalised(next_log_probs, start, end, longest, width, alpha, length, early=False):
    """A beam whose winner is chosen by total / length(log-probabilities, whether it ended) ** alpha."""
    if width < 1:
        raise ValueError("no beam")
    open_, done = [(0.0, [start])], []
    for step in range(1, longest + 1):
        rows = next_log_probs(torch.tensor([prefix for _, prefix in open_])).tolist()
        longer = [
            (t + p, [*prefix, w]) for (t, prefix), row in zip(open_, rows, strict=True) for w, p in enumerate(row)
        ]
        best = sorted(longer, key=lambda x: -x[0])[:width]
        done += [(t / length(step, True) ** alpha, p[1:-1]) for t, p in best if p[-1] == end]
        open_ = [(t, p) for t, p in best if p[-1] != end]
        if not open_ or (early and done and max(done)[0] >= open_[0][0] / length(step, False) ** alpha):
            break
    score, caption = max(done + [(t / length(step, False) ** alpha, p[1:]) for t, p in open_])
    return caption, score


def stops_early(next_log_probs, start, end, longest, width, alpha=0.0):
    """As soon as the best that ended is ahead of the best that is open: right for totals alone."""
    return normalised(next_log_probs, start, end, longest, width, alpha, lambda n, ended: n, early=True)


def beam_by_means(next_log_probs, start, end, longest, width, alpha=0.0):
    """Drops what is behind the finished captions after each step."""
    if width < 1:
        raise ValueError("no beam")
    open_, done = [(0.0, [start])], []
    for step in range(1, longest + 1):
        rows = next_log_probs(torch.tensor([prefix for _, prefix in open_])).tolist()
        longer = [
            (t + p, [*prefix, w]) for (t, prefix), row in zip(open_, rows, strict=True) for w, p in enumerate(row)
        ]
        pool = sorted([(t / step**alpha, t, p) for t, p in longer] + done, key=lambda x: -x[0])[:width]
        done = [x for x in pool if x[2][-1] == end and len(x[2]) > 1]
        open_ = [(t, p) for _, t, p in pool if p[-1] != end]
        if not open_:
            break
    score, _, caption = max(done + [(t / step**alpha, t, p) for t, p in open_])
    return caption[1:-1] if caption[-1] == end else caption[1:], score


def beam_like(keep="all", kept_words=False, mean=False, rows_apart=False, refuses=True, single=False, last_end=True):
    def wrong(next_log_probs, start, end, longest, width, alpha=0.0):
        alpha = 1.0 if mean else alpha
        if width < 1 and refuses:
            raise ValueError("no beam")
        width = max(width, 1)
        open_, done = [(0.0, [start])], []
        for _ in range(longest):
            if single:
                rows = [next_log_probs(torch.tensor([prefix]))[0].tolist() for _, prefix in open_]
            else:
                rows = next_log_probs(torch.tensor([prefix for _, prefix in open_])).tolist()
            longer = []
            for (total, prefix), row in zip(open_, rows, strict=True):
                each = sorted(((total + p, [*prefix, word]) for word, p in enumerate(row)), reverse=True)
                longer += each[:1] if rows_apart and len(open_) > 1 else each
            if keep == "open ones only":  # the end takes no place in the beam
                done += [(t, p) for t, p in longer if p[-1] == end]
                longer = [(t, p) for t, p in longer if p[-1] != end]
            if keep == "finished compete":  # and can be pushed out
                longer, done = longer + done, []
            best = sorted(longer, reverse=True)[:width]
            done += [(t, p) for t, p in best if p[-1] == end]
            open_ = [(t, p) for t, p in best if p[-1] != end]
            if keep == "shrinking":
                width -= sum(p[-1] == end for _, p in best)
            if not open_ or (keep == "first end" and done):
                break
        pool = done or open_ if keep == "finished first" else open_ or done if keep == "open first" else done + open_
        score, caption = max((total / (len(p) - 1) ** alpha, p) for total, p in pool)
        return caption[1:] if kept_words or caption[-1] != end else caption[1:-1], score

    return wrong


def without_the_end(next_log_probs, start, end, longest, width, alpha=0.0):
    """Leaves the end's log-probability out of the total."""
    caption, score = beam(next_log_probs, start, end, longest, width, alpha)
    if len(caption) < longest:
        last = next_log_probs(torch.tensor([[start, *caption]]))[0, end].item()
        score -= last / (len(caption) + 1) ** alpha
    return caption, score


def greedy_only(next_log_probs, start, end, longest, width, alpha=0.0):
    return beam(next_log_probs, start, end, longest, min(width, 1), alpha)


def twice_as_wide(next_log_probs, start, end, longest, width, alpha=0.0):
    return beam(next_log_probs, start, end, longest, 2 * width if width > 1 else width, alpha)


def never_below_greedy(next_log_probs, start, end, longest, width, alpha=0.0):
    """Better than what is asked for, and not what is asked for."""
    wide, narrow = (beam(next_log_probs, start, end, longest, w, alpha) for w in (width, 1))
    return max(wide, narrow, key=lambda pair: pair[1])


def probability(*arguments, **named):
    caption, score = beam(*arguments, **named)
    return caption, math.exp(score)


# 4.4


def guarded(count):
    def wrong(candidate, references, n):
        other_clipped(candidate, references, n)
        return count(grams(candidate, n), [grams(r, n) for r in references])

    wrong.__name__ = count.__name__
    return wrong


@guarded
def not_clipped(mine, theirs):
    return sum(any(g in t for t in theirs) for g in mine), len(mine)


@guarded
def references_added(mine, theirs):
    pool = sum((Counter(t) for t in theirs), Counter())
    return (Counter(mine) & pool).total(), len(mine)


@guarded
def best_single_reference(mine, theirs):
    return max((Counter(mine) & Counter(t)).total() for t in theirs), len(mine)


@guarded
def first_reference(mine, theirs):
    return (Counter(mine) & Counter(theirs[0])).total(), len(mine)


@guarded
def different_ones(mine, theirs):
    return len({g for g in mine if any(g in t for t in theirs)}), len(set(mine))


def negative_total(candidate, references, n):
    return other_clipped(candidate, references, n)[0], len(candidate) - n + 1


def no_reference_no_error(candidate, references, n):
    return other_clipped(candidate, references or [[]], n)


def lengths_with(choose=None, one_by_one=False, turned=False, empty=0.0):
    choose = choose or (lambda c, options: min(options, key=lambda r: (abs(r - c), r)))

    def wrong(lengths, reference_lengths):
        near = [choose(c, options) for c, options in zip(lengths, reference_lengths, strict=True)]
        if one_by_one:
            both = [other_penalty([c], [[r]]) for c, r in zip(lengths, near, strict=True)]
            return sum(both) / len(both)
        if not sum(lengths):
            return empty
        return min(1, math.exp(1 - sum(lengths) / sum(near) if turned else 1 - sum(near) / sum(lengths)))

    return wrong


def pops(candidate, references, n):
    found = clipped(candidate, references, n)
    candidate[:] = candidate[:-1]
    return found


def by_sacrebleu(candidates, references):
    bleu(candidates, references)
    most = max(map(len, references))
    streams = [[" ".join(some[k]) if k < len(some) else None for some in references] for k in range(most)]
    said = [" ".join(candidate) for candidate in candidates]
    return sacrebleu.corpus_bleu(said, streams, smooth_method="none", tokenize="none", force=True).score / 100


def mean_of_captions(candidates, references):
    bleu(candidates, references)
    return sum(bleu([c], [r]) for c, r in zip(candidates, references, strict=True)) / len(candidates)


def score_with(mean="geometric", brief=True, refuses=True, orders=4, smooth=0):
    def wrong(candidates, references):
        if refuses:
            bleu(candidates, references)
        elif len(candidates) != len(references) or not candidates:
            return 0.0
        ratios = []
        for n in range(1, orders + 1):
            counts = [other_clipped(c, rs, n) for c, rs in zip(candidates, references, strict=False)]
            matches, total = (sum(column) for column in zip(*counts, strict=True))
            ratios.append((matches + smooth) / max(total + smooth, 1))
        short = penalty([len(c) for c in candidates], [[len(r) for r in rs] for rs in references]) if brief else 1
        return short * (sum(ratios) / orders if mean == "arithmetic" else math.prod(ratios) ** (1 / orders))

    return wrong


# 4.5


def points_like(first=True, last=False, half=True, turned=False, empty="left out", every=False, strict=True, n=None):
    """The right answer, but for one thing."""

    def wrong(maps, boxes, size):
        if strict:
            pointing(maps, boxes, size)
        hits = []
        for weights, some in zip(maps, boxes, strict=False):
            if not some and empty == "left out":
                continue
            row, column = divmod(weights.argmax().item(), weights.shape[0 if turned else 1])
            x, y = ((at + 0.5 * half) * size / k for at, k in ((column, maps.shape[2]), (row, maps.shape[1])))
            inside = [
                (left <= x if first else left < x)
                and (x <= r if last else x < r)
                and (t <= y)
                and (y <= b if last else y < b)
                for left, t, r, b in some
            ]
            hits.append(all(inside) if every else any(inside))
        return sum(hits) / max(len(hits), 1), len(hits) if n is None else n(maps, boxes)

    return wrong


POINTING_MUTANTS = [
    {"first": False},
    {"last": True},
    {"half": False},
    {"turned": True},
    {"empty": "a miss"},
    {"every": True},
    {"strict": False},
    {"n": lambda maps, boxes: len(maps)},
    {"n": lambda maps, boxes: sum(map(len, boxes))},
]


def turned_maps(maps, boxes, size):
    return pointing(maps.mT, boxes, size)


def second_place(maps, boxes, size):
    pointing(maps, boxes, size)
    return pointing(-maps, boxes, size)


def weight_inside(maps, boxes, size):
    """The share of the weight that lies in the boxes, in place of the peak."""
    _, n = pointing(maps, boxes, size)
    y, x = (((torch.arange(k) + 0.5) * size / k) for k in maps.shape[1:])
    shares = []
    for weights, some in zip(maps.softmax(1), boxes, strict=True):
        inside = [((t <= y) & (y < b))[:, None] & ((left <= x) & (x < r)) for left, t, r, b in some]
        shares += [(weights * torch.stack(inside).any(0)).sum() / weights.sum()] if some else []
    return torch.stack(shares).mean(), n


def accuracy_alone(maps, boxes, size):
    return pointing(maps, boxes, size)[0]


def chance_like(added=False, empty=False, half=0.5, swapped=False, strict=True):
    def wrong(boxes, rows, columns, size):
        if strict:
            by_chance(boxes, rows, columns, size)
        rows, columns = (columns, rows) if swapped else (rows, columns)
        shares = []
        for some in boxes:
            at = [((j + half) * size / columns, (i + half) * size / rows) for i in range(rows) for j in range(columns)]
            inside = [sum(left <= x < r and t <= y < b for left, t, r, b in some) for x, y in at]
            shares += [sum(k if added else min(k, 1) for k in inside) / len(at)] if some or empty else []
        return sum(shares) / max(len(shares), 1)

    return wrong


CHANCE_MUTANTS = [{"added": True}, {"empty": True}, {"half": 0}, {"swapped": True}, {"strict": False}]


def area_of_boxes(boxes, rows, columns, size):
    """Areas, not places."""
    by_chance(boxes, rows, columns, size)
    areas = [sum((r - left) * (b - t) for left, t, r, b in some) / size**2 for some in boxes if some]
    return sum(areas) / len(areas)


def all_places_together(boxes, rows, columns, size):
    """A place counts once, whatever the number of maps whose boxes hold it."""
    by_chance(boxes, rows, columns, size)
    return by_chance([[box for some in boxes for box in some]], rows, columns, size)


WRONG = [
    ("4.1", [padding_counts, perplexity]),
    ("4.1", [mean_of_rows, perplexity]),
    ("4.1", [a_row_each, perplexity]),
    ("4.1", [times_the_mask, perplexity]),
    ("4.1", [log_of_softmax, perplexity]),
    ("4.1", [pad_is_zero, perplexity]),
    ("4.1", [sum_of_words, perplexity]),
    ("4.1", [not_refused, perplexity]),
    ("4.1", [no_gradient, perplexity]),
    ("4.1", [by_torch, perplexity]),
    ("4.1", [constant_normaliser, perplexity]),
    ("4.1", [in_double, perplexity]),
    ("4.1", [fills_targets, perplexity]),
    ("4.1", [loss, mean_of_exponentials]),
    ("4.1", [loss, in_bits]),
    ("4.1", [loss, loss]),
    ("4.2", [attention(d=lambda q: 1)]),
    ("4.2", [attention(d=lambda q: q.shape[-1] * q.shape[1])]),  # A, not A / heads
    ("4.2", [attention(along=-2)]),
    ("4.2", [attention(along=1)]),
    ("4.2", [attention(mask="none")]),
    ("4.2", [attention(mask="zero")]),
    ("4.2", [attention(mask="after")]),
    ("4.2", [attention(mask="turned")]),
    ("4.2", [attention(mask="nearly")]),
    ("4.2", [attention(values="keys")]),
    ("4.2", [attention(heads_last=True)]),
    ("4.2", [attention(safe=False)]),
    ("4.2", [attention(strict=False)]),
    ("4.2", [heads_not_put_back]),
    ("4.2", [one_head_only]),
    ("4.2", [without_output]),
    ("4.2", [mean_of_heads]),
    ("4.2", [swapped]),
    ("4.2", [found_only]),
    ("4.2", [detached]),
    ("4.2", [by_torchs_own]),
    ("4.2", [centred]),
    ("4.2", [always_float]),
    ("4.3", [keeps_the_end]),
    ("4.3", [keeps_the_start]),
    ("4.3", [one_too_few]),
    ("4.3", [end_is_one]),
    ("4.3", [last_word_only]),
    ("4.3", [ranked_by_mean]),
    ("4.3", [counts_the_start]),
    ("4.3", [open_as_if_ended]),
    ("4.3", [times_the_length]),
    ("4.3", [alpha_times_the_length]),
    ("4.3", [mean_whatever_alpha]),
    ("4.3", [returns_the_total]),
    ("4.3", [stops_early]),
    ("4.3", [beam_by_means]),
    ("4.3", [beam_like("open ones only")]),
    ("4.3", [beam_like("finished compete")]),
    ("4.3", [beam_like("shrinking")]),
    ("4.3", [beam_like("first end")]),
    ("4.3", [beam_like("finished first")]),
    ("4.3", [beam_like("open first")]),
    ("4.3", [beam_like(kept_words=True)]),
    ("4.3", [beam_like(mean=True)]),
    ("4.3", [beam_like(rows_apart=True)]),
    ("4.3", [beam_like(refuses=False)]),
    ("4.3", [beam_like(single=True)]),
    ("4.3", [without_the_end]),
    ("4.3", [greedy_only]),
    ("4.3", [twice_as_wide]),
    ("4.3", [never_below_greedy]),
    ("4.3", [probability]),
    ("4.4", [not_clipped, penalty, bleu]),
    ("4.4", [references_added, penalty, bleu]),
    ("4.4", [best_single_reference, penalty, bleu]),
    ("4.4", [first_reference, penalty, bleu]),
    ("4.4", [different_ones, penalty, bleu]),
    ("4.4", [negative_total, penalty, bleu]),
    ("4.4", [no_reference_no_error, penalty, bleu]),
    ("4.4", [lambda *x: clipped(*x)[0] / max(clipped(*x)[1], 1), penalty, bleu]),
    ("4.4", [clipped, lengths_with(lambda c, options: min(options)), bleu]),
    ("4.4", [clipped, lengths_with(lambda c, options: max(options)), bleu]),
    ("4.4", [clipped, lengths_with(lambda c, options: options[0]), bleu]),
    ("4.4", [clipped, lengths_with(lambda c, options: min(options, key=lambda r: abs(r - c))), bleu]),
    ("4.4", [clipped, lengths_with(lambda c, options: min(options, key=lambda r: (abs(r - c), -r))), bleu]),
    ("4.4", [clipped, lengths_with(one_by_one=True), bleu]),
    ("4.4", [clipped, lengths_with(turned=True), bleu]),
    ("4.4", [clipped, lengths_with(empty=1.0), bleu]),
    ("4.4", [pops, penalty, bleu]),
    ("4.4", [clipped, penalty, by_sacrebleu]),
    ("4.4", [clipped, penalty, mean_of_captions]),
    ("4.4", [clipped, penalty, score_with("arithmetic")]),
    ("4.4", [clipped, penalty, score_with(brief=False)]),
    ("4.4", [clipped, penalty, score_with(refuses=False)]),
    ("4.4", [clipped, penalty, score_with(orders=3)]),
    ("4.4", [clipped, penalty, score_with(smooth=1)]),
    *[("4.5", [points_like(**how), by_chance]) for how in POINTING_MUTANTS],
    *[("4.5", [pointing, chance_like(**how)]) for how in CHANCE_MUTANTS],
    ("4.5", [turned_maps, by_chance]),
    ("4.5", [second_place, by_chance]),
    ("4.5", [weight_inside, by_chance]),
    ("4.5", [accuracy_alone, by_chance]),
    ("4.5", [pointing, area_of_boxes]),
    ("4.5", [pointing, all_places_together]),
]


def scene(*things):
    return scenes.Scene(tuple(scenes.Thing(noun, 0, box) for noun, box in things), ())


LEFT, RIGHT_SIDE, TOP, MIDDLE = (0, 40, 20, 60), (70, 40, 90, 60), (38, 0, 58, 20), (38, 38, 58, 58)
FROG_AND_CAR = scene(("frog", LEFT), ("car", RIGHT_SIDE))
TWO_FROGS = scene(("frog", LEFT), ("frog", RIGHT_SIDE))
ONE_FROG = scene(("frog", TOP))


@pytest.mark.parametrize(
    ("caption", "where", "expected"),
    [
        ("a frog to the left of a car", FROG_AND_CAR, "all true"),
        ("there is a frog with a car on its right", FROG_AND_CAR, "all true"),
        ("a car and a frog", FROG_AND_CAR, "all true"),
        ("a car left of a frog", FROG_AND_CAR, "wrong place"),
        ("a frog over a car", FROG_AND_CAR, "wrong place"),
        ("a car with a frog on its right", FROG_AND_CAR, "wrong place"),
        ("a frog on the left", FROG_AND_CAR, "leaves a thing out"),
        ("two frogs", FROG_AND_CAR, "leaves a thing out"),
        ("a frog left of a cow", FROG_AND_CAR, "names what is not there"),
        ("a frog left of a frog", FROG_AND_CAR, "names a thing twice"),
        ("a picture of a", FROG_AND_CAR, "leaves a thing out"),
        ("", FROG_AND_CAR, "leaves a thing out"),
        ("there are two frogs", TWO_FROGS, "all true"),
        ("a frog", TWO_FROGS, "miscounts"),
        ("a frog and a frog", TWO_FROGS, "counts without a plural"),
        ("a frog", ONE_FROG, "all true"),
        ("a frog at the top", ONE_FROG, "all true"),
        ("a frog at the bottom", ONE_FROG, "wrong place"),
        ("a frog in the middle", scene(("frog", MIDDLE)), "all true"),
        ("two frogs", ONE_FROG, "miscounts"),
    ],
)
def test_a_verdict_on_a_caption(caption, where, expected):
    assert right.verdict(caption, where) == expected


def over_the_batch(words, places, W_q, W_k, W_v, W_o, heads, allowed=None):
    q, k, v = (x.unflatten(2, (heads, -1)).transpose(1, 2) for x in (words @ W_q.T, places @ W_k.T, places @ W_v.T))
    alpha = (q @ k.mT / q.shape[-1] ** 0.5).softmax(0)
    return (alpha @ v).transpose(1, 2).flatten(2) @ W_o.T, alpha


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (swapped, "alpha came first: what was found is asked for first, then alpha"),
        (over_the_batch, "alpha: the weights of a word sum to 2, not to 1"),
        (lambda *a, **n: (2 * attend(*a, **n)[0], attend(*a, **n)[1]), "what was found: the values differ"),
        (lambda *a, **n: (attend(*a, **n)[0], attend(*a, **n)[1].mT), "in another order than (batch, heads, T, L)"),
    ],
)
def test_a_cross_says_what_came_instead(function, told, capsys):
    checks.check("4.2", function)
    assert told in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("number", ["4.4", "4.5"])
def test_hints_of_several_functions_name_theirs(number):
    exercise = checks.find(number)
    assert all(hint.split(":")[0] in exercise.names() for hint in exercise.hints)


def test_the_attention_is_torchs_own():
    """The checks compare with loops; here with what torch's decoder uses."""
    torch.manual_seed(0)
    theirs = nn.MultiheadAttention(8, 2, bias=False, batch_first=True)
    words, allowed = torch.randn(3, 5, 8), torch.ones(5, 5, dtype=torch.bool).tril()
    expected = theirs(words, words, words, attn_mask=~allowed, average_attn_weights=False)
    got = attend(words, words, *theirs.in_proj_weight.chunk(3), theirs.out_proj.weight, 2, allowed)
    assert all(torch.allclose(mine, right_one, atol=1e-5) for mine, right_one in zip(got, expected, strict=True))


def test_the_peak_of_a_place_is_where_the_scenes_say():
    """Pointing with the learner's geometry agrees with the lecture's `scenes.inside`."""
    torch.manual_seed(0)
    _, some = scenes.compose(60, seed=3, things=(1, 2))[:2]
    boxes, maps = [[thing.box for thing in s.things] for s in some], torch.rand(60, 6, 6)
    hits = [scenes.inside(b, 6).any(0)[m.argmax()] for b, m in zip(boxes, maps, strict=True)]
    assert pointing(maps, boxes, 96) == (torch.stack(hits).double().mean().item(), 60)


def test_every_caption_of_the_grammar_is_true():
    _, some = scenes.compose(150, seed=3, things=(1, 2))[:2]
    assert {right.verdict(caption, s) for s in some for caption in s.captions} == {"all true"}


def test_the_captioner_sees_no_later_word_and_its_weights_sum_to_one():
    torch.manual_seed(0)
    captioner = right.Captioner(words=9).eval()
    places, words = torch.randn(2, 36, right.Captioner.D), torch.randint(9, (2, 5))
    logits, alphas = captioner(places, words)
    assert logits.shape == (2, 5, 9) and alphas.shape == (2, 5, 36)
    assert torch.allclose(alphas.sum(2), torch.ones(2, 5))
    shorter, _ = captioner(places, words[:, :3])
    assert torch.allclose(shorter, logits[:, :3], atol=1e-5)
    changed, _ = captioner(places.flip(0), words)
    assert not torch.allclose(changed, logits, atol=1e-3)
