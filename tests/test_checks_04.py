"""Assignment 04's checks accept the solution and other right answers, and refuse plausible wrong ones."""

import math
from collections import Counter

import pytest
import sacrebleu
import torch
import torch.nn.functional as F
from torch import nn

from helpers import checks, scenes
from tests.answers import *  # noqa: F403  right answers are accepted, wrong ones refused
from tests.definitions import definitions

right = definitions("solutions/04_captioning.ipynb", also=("truth",))
loss, perplexity, attend = right.caption_loss, right.perplexity, right.attend
greedy, beam = right.greedy, right.beam_search
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


def other_attend(places, hidden, W_places, W_hidden, v):
    """By einsum, over the concatenation of place and hidden state."""
    both = torch.cat([places, hidden[:, None].expand(-1, places.shape[1], -1)], dim=2)
    scores = torch.einsum("bld,ad,->bla", both, torch.cat([W_places, W_hidden], dim=1), torch.ones(())).tanh()
    alpha = F.softmax(torch.einsum("bla,a->bl", scores, v), dim=-1)
    return torch.bmm(alpha[:, None], places).squeeze(1), alpha


def looped_attend(places, hidden, W_places, W_hidden, v):
    contexts, alphas = [], []
    for a, h in zip(places, hidden, strict=True):
        alpha = torch.cat([(v @ torch.tanh(W_places @ a_i + W_hidden @ h))[None] for a_i in a]).softmax(0)
        contexts.append(alpha @ a)
        alphas.append(alpha)
    return [torch.stack(contexts), torch.stack(alphas)]


def double_attend(places, hidden, W_places, W_hidden, v):
    """In double precision, with a softmax of its own."""
    a, h, W_a, W_h, w = (x.double() for x in (places, hidden, W_places, W_hidden, v))
    scores = ((a @ W_a.T + (h @ W_h.T).unsqueeze(1)).tanh() * w).sum(-1)
    e = (scores - scores.amax(1, keepdim=True)).exp()
    alpha = e / e.sum(1, keepdim=True)
    return (alpha.unsqueeze(-1) * a).sum(1).to(places), alpha.to(places)


def other_greedy(next_log_probs, start, end, longest):
    """By recursion on the prefix."""

    def rest(prefix, left):
        if not left:
            return []
        word = int(next_log_probs(torch.tensor([prefix]))[0].topk(1).indices)
        return [] if word == end else [word, *rest([*prefix, word], left - 1)]

    return rest([start], longest)


def greedy_by_cat(next_log_probs, start, end, longest):
    """With a growing tensor of prefixes."""
    prefix = torch.full((1, 1), start)
    for _ in range(longest):
        word = next_log_probs(prefix).double().max(1, keepdim=True).indices
        if (word == end).all():
            break
        prefix = torch.cat([prefix, word], 1)
    return prefix[0, 1:].tolist()


def greedy_as_beam(next_log_probs, start, end, longest):
    return beam(next_log_probs, start, end, longest, 1)[0]


def other_beam(next_log_probs, start, end, longest, width):
    """By lists and sorting; stops as soon as nothing open can overtake the best finished caption."""
    if width < 1:
        raise ValueError("no beam")
    beam, done = [(0.0, [start])], []
    for _ in range(longest):
        rows = next_log_probs(torch.tensor([prefix for _, prefix in beam])).tolist()
        pairs = zip(beam, rows, strict=True)
        longer = [(total + p, [*prefix, word]) for (total, prefix), row in pairs for word, p in enumerate(row)]
        longer = sorted(longer, key=lambda x: -x[0])[:width]
        done += [(total, prefix[:-1]) for total, prefix in longer if prefix[-1] == end]
        beam = [(total, prefix) for total, prefix in longer if prefix[-1] != end]
        if not beam or (done and max(done)[0] >= beam[0][0]):
            break
    total, caption = max(done + beam)
    return caption[1:], total


def beam_by_dictionary(next_log_probs, start, end, longest, width):
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
        finished |= {p[1:-1]: t for p, t in best.items() if p[-1] == end}
        open_ = {p: t for p, t in best.items() if p[-1] != end}
        if not open_:
            break
    captions = finished | {p[1:]: t for p, t in open_.items()}
    winner = max(captions, key=captions.get)
    return list(winner), torch.tensor(captions[winner])


def beam_of_columns(next_log_probs, start, end, longest, width):
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
            over = prefix[-1] == end
            if (over or step == longest - 1) and total > best[1]:
                best = prefix[1 : -1 if over else None], total
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


RIGHT = [
    ("4.1", [loss, perplexity]),
    ("4.1", [other_loss, other_perplexity]),
    ("4.1", [looped_loss, lambda logits, targets, pad: looped_loss(logits, targets, pad).exp()]),
    ("4.1", [double_loss, lambda logits, targets, pad: double_loss(logits.double(), targets, pad).exp().item()]),
    ("4.2", [attend]),
    ("4.2", [other_attend]),
    ("4.2", [looped_attend]),
    ("4.2", [double_attend]),
    ("4.3", [greedy]),
    ("4.3", [other_greedy]),
    ("4.3", [greedy_by_cat]),
    ("4.3", [greedy_as_beam]),
    ("4.4", [beam]),
    ("4.4", [other_beam]),
    ("4.4", [beam_by_dictionary]),
    ("4.4", [beam_of_columns]),
    ("4.5", [clipped, penalty, bleu]),
    ("4.5", [other_clipped, other_penalty, other_bleu]),
    ("4.5", [counted_clipped, sorted_penalty, powered_bleu]),
    ("4.5", [clipped, sorted_penalty, other_bleu]),
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


def attention(along=1, squash=torch.tanh, sums=True, weigh=True, uses_hidden=True, safe=True):
    def wrong(places, hidden, W_places, W_hidden, v):
        scores = squash(places @ W_places.T + uses_hidden * (hidden @ W_hidden.T)[:, None]) @ v
        alpha = scores.softmax(along) if safe else scores.exp() / scores.exp().sum(1, keepdim=True)
        weighed = alpha[:, :, None] * places if weigh else places
        return (weighed.sum(1) if sums else weighed.mean(1)), alpha

    return wrong


def tanh_of_each(places, hidden, W_places, W_hidden, v):
    scores = ((places @ W_places.T).tanh() + (hidden @ W_hidden.T).tanh()[:, None]) @ v
    alpha = scores.softmax(1)
    return (alpha[:, :, None] * places).sum(1), alpha


def squeezed(places, hidden, W_places, W_hidden, v):
    return tuple(x.squeeze() for x in attend(places, hidden, W_places, W_hidden, v))


def hard(places, hidden, W_places, W_hidden, v):
    alpha = attend(places, hidden, W_places, W_hidden, v)[1]
    return places[torch.arange(len(places)), alpha.argmax(1)], alpha


def scores_for_weights(places, hidden, W_places, W_hidden, v):
    context, _ = attend(places, hidden, W_places, W_hidden, v)
    return context, (places @ W_places.T + (hidden @ W_hidden.T)[:, None]).tanh() @ v


def swapped(*arguments):
    return attend(*arguments)[::-1]


def detached(*arguments):
    context, alpha = attend(*arguments)
    return (alpha.detach()[:, :, None] * arguments[0]).sum(1) + 0 * context, alpha


def centred(places, hidden, W_places, W_hidden, v):
    """It works in the places that it was given."""
    context, alpha = attend(places, hidden, W_places, W_hidden, v)
    places -= places.mean(1, keepdim=True)
    return context, alpha


def always_float(*arguments):
    return tuple(x.float() for x in attend(*arguments))


def context_detached(places, hidden, W_places, W_hidden, v):
    _, alpha = attend(places, hidden, W_places, W_hidden, v)
    return torch.einsum("bl,bld->bd", alpha, places.detach()) + 0 * places.sum(1), alpha


# 4.3


def keeps_the_end(next_log_probs, start, end, longest):
    caption = greedy(next_log_probs, start, end, longest)
    return caption if len(caption) == longest else [*caption, end]


def keeps_the_start(next_log_probs, start, end, longest):
    return [start, *greedy(next_log_probs, start, end, longest)]


def one_too_few(next_log_probs, start, end, longest):
    return greedy(next_log_probs, start, end, longest - 1)


def one_too_many(next_log_probs, start, end, longest):
    return greedy(next_log_probs, start, end, longest + 1)


def end_is_one(next_log_probs, start, end, longest):
    return greedy(next_log_probs, start, 1, longest)


def last_word_only(next_log_probs, start, end, longest):
    """Forgets the rest of the prefix."""
    caption, word = [], start
    while len(caption) < longest:
        word = next_log_probs(torch.tensor([[start, word]] if caption else [[start]])).argmax(1).item()
        if word == end:
            break
        caption.append(word)
    return caption


def cut_at_the_end(next_log_probs, start, end, longest):
    """Right, but it asks on after the end."""
    caption = greedy(next_log_probs, start, -1, longest)
    return caption[: caption.index(end)] if end in caption else caption


def drawn(next_log_probs, start, end, longest):
    return greedy(
        lambda prefixes: next_log_probs(prefixes).softmax(1).cumsum(1).gt(torch.rand(1)).int(), start, end, longest
    )


def without_a_limit(next_log_probs, start, end, longest):
    return greedy(next_log_probs, start, end, math.inf)


# 4.4


def beam_like(keep="all", kept_words=False, mean=False, rows_apart=False, refuses=True, single=False, last_end=True):
    def wrong(next_log_probs, start, end, longest, width):
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
        length = (lambda p: len(p) - 1) if mean else (lambda p: 1)
        total, caption = max(pool, key=lambda pair: pair[0] / length(pair[1]))
        caption = caption[1:] if kept_words or caption[-1] != end else caption[1:-1]
        return caption, total / length(caption) if mean and caption else total

    return wrong


def without_the_end(next_log_probs, start, end, longest, width):
    """Leaves the end's log-probability out of the total."""
    caption, total = beam(next_log_probs, start, end, longest, width)
    if len(caption) < longest:
        total -= next_log_probs(torch.tensor([[start, *caption]]))[0, end].item()
    return caption, total


def greedy_only(next_log_probs, start, end, longest, width):
    return beam(next_log_probs, start, end, longest, min(width, 1))


def twice_as_wide(next_log_probs, start, end, longest, width):
    return beam(next_log_probs, start, end, longest, 2 * width if width > 1 else width)


def never_below_greedy(next_log_probs, start, end, longest, width):
    """Better than what is asked for, and not what is asked for."""
    wide, narrow = (beam(next_log_probs, start, end, longest, w) for w in (width, 1))
    return max(wide, narrow, key=lambda pair: pair[1])


def probability(*arguments):
    caption, total = beam(*arguments)
    return caption, math.exp(total)


# 4.5


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
    ("4.2", [attention(along=0)]),
    ("4.2", [attention(squash=torch.sigmoid)]),
    ("4.2", [attention(squash=lambda x: x)]),
    ("4.2", [attention(sums=False)]),
    ("4.2", [attention(weigh=False)]),
    ("4.2", [attention(uses_hidden=False)]),
    ("4.2", [attention(safe=False)]),
    ("4.2", [tanh_of_each]),
    ("4.2", [squeezed]),
    ("4.2", [hard]),
    ("4.2", [scores_for_weights]),
    ("4.2", [swapped]),
    ("4.2", [detached]),
    ("4.2", [context_detached]),
    ("4.2", [centred]),
    ("4.2", [always_float]),
    ("4.3", [keeps_the_end]),
    ("4.3", [keeps_the_start]),
    ("4.3", [one_too_few]),
    ("4.3", [one_too_many]),
    ("4.3", [end_is_one]),
    ("4.3", [last_word_only]),
    ("4.3", [cut_at_the_end]),
    ("4.3", [drawn]),
    ("4.3", [without_a_limit]),
    ("4.4", [beam_like("open ones only")]),
    ("4.4", [beam_like("finished compete")]),
    ("4.4", [beam_like("shrinking")]),
    ("4.4", [beam_like("first end")]),
    ("4.4", [beam_like("finished first")]),
    ("4.4", [beam_like("open first")]),
    ("4.4", [beam_like(kept_words=True)]),
    ("4.4", [beam_like(mean=True)]),
    ("4.4", [beam_like(rows_apart=True)]),
    ("4.4", [beam_like(refuses=False)]),
    ("4.4", [beam_like(single=True)]),
    ("4.4", [without_the_end]),
    ("4.4", [greedy_only]),
    ("4.4", [twice_as_wide]),
    ("4.4", [never_below_greedy]),
    ("4.4", [probability]),
    ("4.5", [not_clipped, penalty, bleu]),
    ("4.5", [references_added, penalty, bleu]),
    ("4.5", [best_single_reference, penalty, bleu]),
    ("4.5", [first_reference, penalty, bleu]),
    ("4.5", [different_ones, penalty, bleu]),
    ("4.5", [negative_total, penalty, bleu]),
    ("4.5", [no_reference_no_error, penalty, bleu]),
    ("4.5", [lambda *x: clipped(*x)[0] / max(clipped(*x)[1], 1), penalty, bleu]),
    ("4.5", [clipped, lengths_with(lambda c, options: min(options)), bleu]),
    ("4.5", [clipped, lengths_with(lambda c, options: max(options)), bleu]),
    ("4.5", [clipped, lengths_with(lambda c, options: options[0]), bleu]),
    ("4.5", [clipped, lengths_with(lambda c, options: min(options, key=lambda r: abs(r - c))), bleu]),
    ("4.5", [clipped, lengths_with(lambda c, options: min(options, key=lambda r: (abs(r - c), -r))), bleu]),
    ("4.5", [clipped, lengths_with(one_by_one=True), bleu]),
    ("4.5", [clipped, lengths_with(turned=True), bleu]),
    ("4.5", [clipped, lengths_with(empty=1.0), bleu]),
    ("4.5", [pops, penalty, bleu]),
    ("4.5", [clipped, penalty, by_sacrebleu]),
    ("4.5", [clipped, penalty, mean_of_captions]),
    ("4.5", [clipped, penalty, score_with("arithmetic")]),
    ("4.5", [clipped, penalty, score_with(brief=False)]),
    ("4.5", [clipped, penalty, score_with(refuses=False)]),
    ("4.5", [clipped, penalty, score_with(orders=3)]),
    ("4.5", [clipped, penalty, score_with(smooth=1)]),
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
        ("a frog and a frog", TWO_FROGS, "names a thing twice"),
        ("a frog", ONE_FROG, "all true"),
        ("a frog at the top", ONE_FROG, "all true"),
        ("a frog at the bottom", ONE_FROG, "wrong place"),
        ("a frog in the middle", scene(("frog", MIDDLE)), "all true"),
        ("two frogs", ONE_FROG, "miscounts"),
    ],
)
def test_a_verdict_on_a_caption(caption, where, expected):
    assert right.verdict(caption, where) == expected


def over_the_batch(places, hidden, W_places, W_hidden, v):
    alpha = ((places @ W_places.T + (hidden @ W_hidden.T)[:, None]).tanh() @ v).softmax(0)
    return (alpha[..., None] * places).sum(1), alpha


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (lambda *arguments: attend(*arguments)[::-1], "alpha came first: the context is asked for first, then alpha"),
        (over_the_batch, "3/4: alpha: the weights of one picture sum to 2, not to 1"),
        (lambda *arguments: (2 * attend(*arguments)[0], attend(*arguments)[1]), "context: the values differ"),
    ],
)
def test_a_cross_says_what_came_instead(function, told, capsys):
    checks.check("4.2", function)
    assert told in " ".join(capsys.readouterr().out.split())


def test_hints_of_three_functions_name_theirs():
    names = "clipped_precision", "brevity_penalty", "bleu"
    assert all(hint.split(":")[0] in names for hint in checks.find("4.5").hints)


def test_every_caption_of_the_grammar_is_true():
    _, some = scenes.compose(150, seed=3, things=(1, 2))
    assert {right.verdict(caption, s) for s in some for caption in s.captions} == {"all true"}


def test_the_captioner_sees_no_later_word_and_its_weights_sum_to_one():
    torch.manual_seed(0)
    captioner = right.Captioner(words=9).eval()
    places, words = torch.randn(2, 36, 112), torch.randint(9, (2, 5))
    logits, alphas = captioner(places, words)
    assert logits.shape == (2, 5, 9) and alphas.shape == (2, 5, 36)
    assert torch.allclose(alphas.sum(2), torch.ones(2, 5))
    shorter, _ = captioner(places, words[:, :3])
    assert torch.allclose(shorter, logits[:, :3], atol=1e-6)
    changed, _ = captioner(places.flip(0), words)
    assert not torch.allclose(changed, logits, atol=1e-3)
