"""Assignment 03's checks accept the solution and other right answers, and refuse plausible wrong ones."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics.pairwise import cosine_similarity

from helpers import CourseError, checks
from tests.answers import *  # noqa: F403  right answers are accepted, wrong ones refused
from tests.answers import callable_as_on_the_card
from tests.definitions import definitions

right = definitions("solutions/03_joint_embedding.ipynb")
lecture = definitions("03_joint_embedding.ipynb")
cosines, triplet, info_nce = right.cosine_matrix, right.triplet_loss, right.info_nce
semi_hard, masked, counted, retrieve = (
    right.semi_hard,
    right.masked_info_nce,
    right.negatives_that_count,
    right.retrieve,
)


# ------------------------------------------------------------------------------------------------ other right answers
def cosines_by_sklearn(A, B):
    return torch.from_numpy(cosine_similarity(A.numpy(), B.numpy()))


def unit(v):
    return v / v.square().sum().sqrt().clamp(min=1e-12)


def cosines_by_einsum(A, B):
    """In float64 until the end."""
    a, b = (x.double() / torch.linalg.norm(x.double(), dim=1, keepdim=True).clamp(min=1e-12) for x in (A, B))
    return torch.einsum("nd,md->nm", a, b).to(A.dtype)


def triplet_by_loop(anchors, positives, negatives, margin):
    total = 0
    for a, p, n in zip(anchors, positives, negatives, strict=True):
        loss = margin + unit(a) @ unit(n) - unit(a) @ unit(p)
        total = total + (loss if loss > 0 else 0 * loss)
    return total / len(anchors)


def triplet_by_einsum(anchors, positives, negatives, margin):
    """In float64 until the end."""
    a, p, n = (F.normalize(x.double(), dim=-1) for x in (anchors, positives, negatives))
    return F.relu(torch.einsum("nd,nd->n", a, n - p) + margin).mean().to(anchors.dtype)


def info_nce_by_cross_entropy(P, W, match, temperature):
    picture, word = match.nonzero(as_tuple=True)
    logits = torch.einsum("id,jd->ij", P, W) / temperature
    return (F.cross_entropy(logits[picture], word) + F.cross_entropy(logits.T[word], picture)) / 2


def info_nce_by_loop(P, W, match, temperature):
    losses = []
    for i, j in match.nonzero().tolist():
        row, column = W @ P[i] / temperature, P @ W[j] / temperature
        losses.append(row.logsumexp(0) - row[j] + column.logsumexp(0) - column[i])
    return sum(losses) / len(losses) / 2


def info_nce_by_hand(P, W, match, temperature):
    """In float64, with a maximum of one's own taken away."""
    s = torch.einsum("nd,md->nm", P.double(), W.double()) / temperature
    largest = s.detach().max()
    e = (s - largest).exp()
    each = 2 * (s - largest) - e.sum(1, keepdim=True).log() - e.sum(0).log()
    return -(each * match).sum().to(P.dtype) / match.sum() / 2


def semi_hard_by_loop(cosines, match):
    found = []
    for i, j in match.nonzero().tolist():
        best, at = -math.inf, -1
        for k, c in enumerate(cosines[i].tolist()):
            if not match[i, k] and best < c < float(cosines[i, j]):
                best, at = c, k
        found.append(at)
    return torch.tensor(found)


def semi_hard_by_sorting(cosines, match):
    """Walks down each picture's order until a wrong word comes after the right one."""
    found = []
    for i, j in match.nonzero().tolist():
        order = cosines[i].argsort(descending=True).tolist()
        after = [k for k in order if not match[i, k] and cosines[i, k] < cosines[i, j]]
        found.append(after[0] if after else -1)
    return torch.as_tensor(found, dtype=torch.int64)


def semi_hard_by_numpy(cosines, match):
    c, m = cosines.detach().numpy(), match.numpy()
    rows, columns = np.nonzero(m)
    below = np.where(~m[rows] & (c[rows] < c[rows, columns][:, None]), c[rows], -np.inf)
    return torch.from_numpy(np.where(np.isfinite(below.max(1)), below.argmax(1), -1))


def masked_by_loop(P, W, match, temperature):
    logits = P @ W.T / temperature
    total = 0
    for i, j in match.nonzero().tolist():
        words, pictures = ~match[i], ~match[:, j]
        words[j], pictures[i] = True, True
        total = total + logits[i, words].logsumexp(0) + logits[pictures, j].logsumexp(0) - 2 * logits[i, j]
    return total / match.sum() / 2


def masked_by_softplus(P, W, match, temperature):
    """log(1 + sum of e to the differences), in float64."""
    s = torch.einsum("nd,md->nm", P.double(), W.double()) / temperature
    costs = []
    for i, j in match.nonzero().tolist():
        for line, wrong in ((s[i], ~match[i]), (s[:, j], ~match[:, j])):
            rest = torch.cat([torch.zeros(1, dtype=s.dtype), line[wrong] - s[i, j]])
            costs.append(rest.logsumexp(0))
    return torch.stack(costs).mean().to(P.dtype)


def counted_by_loop(cosines, match, temperature):
    found = []
    for line, right in zip(cosines, match, strict=True):
        p = (line[~right] / temperature).softmax(0)
        found.append(torch.exp(-(p[p > 0] * p[p > 0].log()).sum()))
    return torch.stack(found)


def counted_by_log_softmax(cosines, match, temperature):
    log_p = (cosines / temperature).masked_fill(match, -1e30).log_softmax(1)
    return torch.exp(-(log_p.exp() * log_p.clamp(min=-1e4)).sum(1))


def counted_by_categorical(cosines, match, temperature):
    """torch's own entropy, in float64."""
    logits = cosines.double().div(temperature)
    rows = [torch.distributions.Categorical(logits=x[~m]).entropy() for x, m in zip(logits, match, strict=True)]
    return torch.stack(rows).exp().to(cosines.dtype)


def retrieve_by_numpy(text, row, vectors, project, P, k):
    typed = [word for word in text.casefold().split(" ") if word]
    if len(typed) < 1:
        raise ValueError("nothing to look for")
    missing = [word for word in typed if row.get(word) is None]
    if missing:
        raise CourseError(f"The model does not know {', '.join(missing)}. It knows red and apple, among others.")
    found = [project(vectors[row[word]][None])[0].numpy() for word in typed]
    mean = np.mean([v / np.linalg.norm(v) for v in found], axis=0)  # the mean points where the sum points
    scores = P.numpy() @ (mean / np.linalg.norm(mean))
    best = np.argsort(-scores)[:k]
    return torch.from_numpy(best), torch.from_numpy(scores[best])


def retrieve_by_loop(text, row, vectors, project, P, k):
    """Word by word; a list of two tensors."""
    query = 0
    if text.strip() == "":
        raise ValueError("type at least one word")
    for word in text.lower().split():
        if word not in row:
            raise ValueError(f"unknown word: {word}")
        query = query + unit(project(vectors[row[word]].unsqueeze(0))[0])
    cosines = torch.stack([unit(query) @ p for p in P])
    values, order = cosines.sort(descending=True)
    return [order[:k], values[:k]]


RIGHT = [
    ("3.1", cosines),
    ("3.1", cosines_by_sklearn),
    ("3.1", lambda A, B: (A @ B.T) / (A.norm(dim=1)[:, None] * B.norm(dim=1)).clamp(min=1e-12)),
    ("3.2", triplet),
    ("3.1", cosines_by_einsum),
    ("3.2", triplet_by_loop),
    ("3.2", triplet_by_einsum),
    ("3.3", semi_hard),
    ("3.3", semi_hard_by_loop),
    ("3.3", semi_hard_by_sorting),
    ("3.3", semi_hard_by_numpy),
    ("3.4", info_nce),
    ("3.4", lecture.info_nce),
    ("3.4", info_nce_by_cross_entropy),
    ("3.4", info_nce_by_loop),
    ("3.4", info_nce_by_hand),
    ("3.5", masked),
    ("3.5", lecture.masked_info_nce),
    ("3.5", masked_by_loop),
    ("3.5", masked_by_softplus),
    ("3.6", counted),
    ("3.6", counted_by_loop),
    ("3.6", counted_by_log_softmax),
    ("3.6", counted_by_categorical),
    ("3.7", retrieve),
    ("3.7", retrieve_by_numpy),
    ("3.7", retrieve_by_loop),
]

EQUIVALENT = {
    ("3.1", "*: cut *"): "the card asks for no gradient of a table that one searches in: NumPy is as good a way",
    ("3.1", "*: detached"): "the same",
    ("3.6", "*: cut *"): "nobody differentiates a count",
    ("3.6", "*: detached"): "the same",
}


# ------------------------------------------------------------------------------------------------ plausible wrong ones
def dot_products(A, B):
    return A @ B.T


def only_A_normalised(A, B):
    return F.normalize(A, dim=1) @ B.T


def columns_normalised(A, B):
    return F.normalize(A, dim=0) @ F.normalize(B, dim=0).T


def no_care_for_zero(A, B):
    return (A @ B.T) / (A.norm(dim=1)[:, None] * B.norm(dim=1))


def transposed(A, B):
    return cosines(B, A)


def row_by_row(A, B):
    return (F.normalize(A, dim=1)[: len(B)] * F.normalize(B, dim=1)[: len(A)]).sum(1)


def looped(A, B):
    return torch.stack([torch.stack([unit(a) @ unit(b) for b in B]) for a in A])


def ready_cosines(A, B):
    return F.cosine_similarity(A[:, None], B[None], dim=2)


def ready_cosines_of_a_module(A, B):
    return torch.nn.CosineSimilarity(dim=2)(A[:, None], B[None])


def rounded_zero(A, B):
    """Adds a little to each length, which a short row feels."""
    return (A @ B.T) / (A.norm(dim=1)[:, None] + 1e-2) / (B.norm(dim=1) + 1e-2)


def triplet_by_torch(anchors, positives, negatives, margin):
    return F.triplet_margin_with_distance_loss(
        anchors,
        positives,
        negatives,
        distance_function=lambda a, b: 1 - (F.normalize(a, dim=1) * F.normalize(b, dim=1)).sum(1),
        margin=margin,
    )


def triplet_with_lengths_cut(anchors, positives, negatives, margin):
    """The right value; but the gradient does not go through the lengths."""
    a, p, n = (x / x.norm(dim=1, keepdim=True).detach() for x in (anchors, positives, negatives))
    return (margin + (a * n).sum(1) - (a * p).sum(1)).clamp(min=0).mean()


def sums_cut(P, W, match, temperature):
    logits = P @ W.T / temperature
    rivals = logits.logsumexp(1, keepdim=True).detach() + logits.logsumexp(0).detach()
    return (rivals - 2 * logits)[match].mean() / 2


def one_side_cut(P, W, match, temperature):
    return (info_nce(P, W.detach(), match, temperature) + info_nce(P, W.detach(), match, temperature)) / 2


def twice_one_table(P, W, match, temperature):
    """Right for as many words as pictures, one to one, if cosines are symmetric; wrong else."""
    logits = P @ W.T / temperature
    return (logits.logsumexp(1, keepdim=True) - logits)[match].mean()


def as_a_number(P, W, match, temperature):
    return info_nce(P, W, match, temperature).item()


def as_lists(text, row, vectors, project, P, k):
    return tuple(x.tolist() for x in retrieve(text, row, vectors, project, P, k))


def squeezed_answer(text, row, vectors, project, P, k):
    return tuple(x.squeeze() for x in retrieve(text, row, vectors, project, P, k))


def always_five(text, row, vectors, project, P, k):
    return retrieve(text, row, vectors, project, P, 5)


def numbers_as_floats(text, row, vectors, project, P, k):
    numbers, values = retrieve(text, row, vectors, project, P, k)
    return numbers.float(), values


def triplet_with(sign=1, cut="each", lengths=True, distance="cosine", reduce="mean", margin_counts=True, flow=True):
    def wrong(anchors, positives, negatives, margin):
        rows = (anchors, positives, negatives)
        a, p, n = (F.normalize(r, dim=1) for r in rows) if lengths else rows
        angles, lengths_between = (a * n).sum(1) - (a * p).sum(1), (a - p).norm(dim=1) - (a - n).norm(dim=1)
        gap = angles if distance == "cosine" else lengths_between
        each = margin * margin_counts + sign * gap
        if cut == "mean":
            return each.mean().clamp(min=0)
        each = each.clamp(min=0) if cut == "each" else each
        value = each.mean() if reduce == "mean" else each.sum() if reduce == "sum" else each[each > 0].mean()
        return value if flow else value.detach()

    return wrong


def negative_without_gradient(anchors, positives, negatives, margin):
    return triplet(anchors, positives, negatives.detach(), margin)


def one_way(dim):
    def only_rows_or_columns(P, W, match, temperature):
        return -(P @ W.T / temperature).log_softmax(dim)[match].mean()

    return only_rows_or_columns


def naive_exponentials(P, W, match, temperature):
    e = (P @ W.T / temperature).exp()
    return -(e / e.sum(1, keepdim=True)).log()[match].mean() / 2 - (e / e.sum(0)).log()[match].mean() / 2


def clipped_exponentials(P, W, match, temperature):
    """Finite, and wrong where the cosines are large for the temperature."""
    e = (P @ W.T / temperature).clamp(max=50).exp()
    return -((e / e.sum(1, keepdim=True)).log() + (e / e.sum(0)).log())[match].mean() / 2


def the_diagonal_only(P, W, match, temperature):
    logits, own = P @ W.T / temperature, torch.arange(min(len(P), len(W)))
    return (F.cross_entropy(logits[own], own) + F.cross_entropy(logits.T[own], own)) / 2


def the_first_word_only(P, W, match, temperature):
    first = torch.zeros_like(match)
    first[torch.arange(len(P)), match.int().argmax(1)] = match.any(1)
    return info_nce(P, W, first, temperature)


def mean_of_means(P, W, match, temperature):
    """Averages over each picture's words first, so that pairs of pictures with many words count less."""
    logits = P @ W.T / temperature
    by_row = [-logits.log_softmax(1)[i, m].mean() for i, m in enumerate(match) if m.any()]
    by_column = [-logits.T.log_softmax(1)[j, m].mean() for j, m in enumerate(match.T) if m.any()]
    return (torch.stack(by_row).mean() + torch.stack(by_column).mean()) / 2


def rivals_with_a_pair_only(P, W, match, temperature):
    """Pictures and words without a pair do not count as rivals."""
    return info_nce(P[match.any(1)], W[match.any(0)], match[match.any(1)][:, match.any(0)], temperature)


def info_nce_with(temperature_of=lambda t: t, factor=1, flow=True):
    def wrong(P, W, match, temperature):
        value = factor * info_nce(P, W, match, temperature_of(temperature))
        return value if flow else torch.tensor(value.item())

    return wrong


def summed_info_nce(P, W, match, temperature):
    return info_nce(P, W, match, temperature) * match.sum()


def semi_hard_with(below=True, wrong_only=True, none=-1, largest=True, strict=True, order="pictures"):
    def wrong(cosines, match):
        if order == "words":
            word, picture = match.T.nonzero(as_tuple=True)
        else:
            picture, word = match.nonzero(as_tuple=True)
        lines, own = cosines[picture], cosines[picture, word][:, None]
        allowed = ~match[picture] if wrong_only else torch.ones_like(lines, dtype=torch.bool)
        if below:
            allowed = allowed & (lines < own if strict else lines <= own)
        filled = lines.masked_fill(~allowed, -torch.inf if largest else torch.inf)
        found = filled.argmax(1) if largest else filled.argmin(1)
        return torch.where(allowed.any(1), found, none) if none is not None else found

    return wrong


def semi_hard_cosines(cosines, match):
    """The cosines instead of the columns."""
    return cosines[match.nonzero(as_tuple=True)[0], semi_hard(cosines, match)]


def one_for_each_picture(cosines, match):
    first = torch.zeros_like(match)
    first[torch.arange(len(match)), match.int().argmax(1)] = match.any(1)
    return semi_hard_with()(cosines, first) if first.sum() < match.sum() else semi_hard(cosines, match)


def masked_with(
    keep_own=True, rows=True, columns=True, temperature_of=lambda t: t, factor=1, flow=True, fill=-torch.inf
):
    def wrong(P, W, match, temperature):
        logits = P @ W.T / temperature_of(temperature)
        picture, word = match.nonzero(as_tuple=True)
        total = 0
        for on, lines, right, own in (
            (rows, logits[picture], match[picture], word),
            (columns, logits.T[word], match.T[word], picture),
        ):
            others = right & ~(F.one_hot(own, right.shape[1]).bool() & keep_own) if on else torch.zeros_like(right)
            sums = lines.masked_fill(others, fill).logsumexp(1)
            total = total + (sums - lines.gather(1, own[:, None])[:, 0]).mean()
        value = factor * total / 2
        return value if flow else value.detach()

    return wrong


def set_to_zero(P, W, match, temperature):
    """The other right ones get the logit 0, which is e^0 = 1 in the sum."""
    return masked_with(fill=0.0)(P, W, match, temperature)


def counted_with(over="wrong", base="e", temperature_of=lambda t: t, raised=True, kind="entropy", care=True):
    def wrong(cosines, match, temperature):
        hidden = {"wrong": match, "all": torch.zeros_like(match), "right": ~match}[over]
        p = (cosines.masked_fill(hidden, -torch.inf) / temperature_of(temperature)).softmax(1)
        if kind == "inverse largest":
            return 1 / p.amax(1)
        if kind == "inverse square":
            return 1 / p.square().sum(1)
        entropy = torch.special.entr(p).sum(1) if care else -(p * p.log()).sum(1)
        if not raised:
            return entropy
        return entropy.exp() if base == "e" else 2**entropy

    return wrong


def retrieve_with(lower=True, each=True, answer="both", order=True, limit=True, unit=True, empty=True, unknown="named"):
    def wrong(text, row, vectors, project, P, k):
        words = (text.lower() if lower else text).split()
        if not words and empty is True:
            raise ValueError("There is no word in it.")
        if not words and empty == "mute":
            raise ValueError
        known = [word for word in words if word in row]
        if known != words and unknown != "left out":
            blame = {"named": set(words) - set(known), "text": text, "mute": "a word"}
            raise KeyError(text) if unknown == "KeyError" else ValueError(f"unknown: {blame[unknown]}")
        found = project(vectors[[row[word] for word in known]])
        found = F.normalize(found, dim=1) if each is True else project(vectors[[row[w] for w in known]].sum(0)[None])
        found = found if each != "sum of long and short" else project(vectors[[row[word] for word in known]])
        query = F.normalize(found.sum(0), dim=0) if unit else found.sum(0)
        best = (P @ query).topk(min(k, len(P)) if limit else k, largest=order)
        both, swapped, distances = (
            (best.indices, best.values),
            (best.values, best.indices),
            (best.indices, 1 - best.values),
        )
        return {"both": both, "numbers": best.indices, "swapped": swapped, "distances": distances}[answer]

    return wrong


def with_single_blanks(text, row, vectors, project, P, k):
    words = text.strip().split(" ")
    return retrieve(" ".join(w if w else "unknown" for w in words), row, vectors, project, P, k)


WRONG = [
    ("3.1", dot_products),
    ("3.1", only_A_normalised),
    ("3.1", columns_normalised),
    ("3.1", no_care_for_zero),
    ("3.1", transposed),
    ("3.1", row_by_row),
    ("3.1", looped),
    ("3.1", ready_cosines),
    ("3.1", ready_cosines_of_a_module),
    ("3.1", rounded_zero),
    ("3.1", lambda A, B: cosines(A, B).squeeze()),
    ("3.1", lambda A, B: cosines(A.double(), B.double())),
    ("3.2", triplet_with(sign=-1)),
    ("3.2", triplet_with(cut="mean")),
    ("3.2", triplet_with(cut="never")),
    ("3.2", triplet_with(lengths=False)),
    ("3.2", triplet_with(distance="euclid")),
    ("3.2", triplet_with(reduce="sum")),
    ("3.2", triplet_with(reduce="of those that cost")),
    ("3.2", triplet_with(margin_counts=False)),
    ("3.2", triplet_with(flow=False)),
    ("3.2", negative_without_gradient),
    ("3.2", triplet_by_torch),
    ("3.2", triplet_with_lengths_cut),
    ("3.2", lambda anchors, positives, negatives, margin: triplet(anchors, positives, negatives, 0.2)),
    ("3.2", lambda *arguments: triplet(*arguments).double()),
    ("3.3", semi_hard_with(below=False)),
    ("3.3", semi_hard_with(wrong_only=False)),
    ("3.3", semi_hard_with(none=0)),
    ("3.3", semi_hard_with(none=None)),
    ("3.3", semi_hard_with(largest=False)),
    ("3.3", semi_hard_with(strict=False)),
    ("3.3", semi_hard_with(order="words")),
    ("3.3", semi_hard_cosines),
    ("3.3", one_for_each_picture),
    ("3.3", lambda cosines, match: semi_hard(cosines, match).int()),
    ("3.3", lambda cosines, match: semi_hard(cosines, match).tolist()),
    ("3.4", sums_cut),
    ("3.4", one_side_cut),
    ("3.4", twice_one_table),
    ("3.4", as_a_number),
    ("3.4", lambda *arguments: info_nce(*arguments).double()),
    ("3.4", one_way(0)),
    ("3.4", one_way(1)),
    ("3.4", naive_exponentials),
    ("3.4", clipped_exponentials),
    ("3.4", the_diagonal_only),
    ("3.4", the_first_word_only),
    ("3.4", mean_of_means),
    ("3.4", masked),
    ("3.4", rivals_with_a_pair_only),
    ("3.4", info_nce_with(temperature_of=lambda t: 1 / t)),
    ("3.4", info_nce_with(temperature_of=lambda t: 1)),
    ("3.4", info_nce_with(factor=2)),
    ("3.4", info_nce_with(factor=-1)),
    ("3.4", info_nce_with(flow=False)),
    ("3.4", summed_info_nce),
    ("3.5", info_nce),
    ("3.5", masked_with(keep_own=False)),
    ("3.5", masked_with(rows=False)),
    ("3.5", masked_with(columns=False)),
    ("3.5", masked_with(temperature_of=lambda t: 1)),
    ("3.5", masked_with(factor=2)),
    ("3.5", masked_with(flow=False)),
    ("3.5", set_to_zero),
    ("3.6", counted_with(over="all")),
    ("3.6", counted_with(over="right")),
    ("3.6", counted_with(base="2")),
    ("3.6", counted_with(temperature_of=lambda t: 1)),
    ("3.6", counted_with(temperature_of=lambda t: 1 / t)),
    ("3.6", counted_with(raised=False)),
    ("3.6", counted_with(kind="inverse largest")),
    ("3.6", counted_with(kind="inverse square")),
    ("3.6", counted_with(care=False)),
    ("3.7", retrieve_with(lower=False)),
    ("3.7", retrieve_with(each="sum before the tower")),
    ("3.7", retrieve_with(each="sum of long and short")),
    ("3.7", retrieve_with(unit=False)),
    ("3.7", retrieve_with(answer="numbers")),
    ("3.7", retrieve_with(answer="swapped")),
    ("3.7", retrieve_with(answer="distances")),
    ("3.7", retrieve_with(order=False)),
    ("3.7", retrieve_with(limit=False)),
    ("3.7", retrieve_with(empty=False)),
    ("3.7", retrieve_with(empty="mute")),
    ("3.7", retrieve_with(unknown="left out")),
    ("3.7", retrieve_with(unknown="KeyError")),
    ("3.7", retrieve_with(unknown="text")),
    ("3.7", retrieve_with(unknown="mute")),
    ("3.7", with_single_blanks),
    ("3.7", as_lists),
    ("3.7", squeezed_answer),
    ("3.7", always_five),
    ("3.7", numbers_as_floats),
]


RIGHT, WRONG = ([(number, [function]) for number, function in some] for some in (RIGHT, WRONG))
WRONG = callable_as_on_the_card(WRONG, RIGHT)


@pytest.mark.parametrize(
    ("number", "template"),
    [
        ("3.2", triplet_with),
        ("3.3", semi_hard_with),
        ("3.4", info_nce_with),
        ("3.5", masked_with),
        ("3.6", counted_with),
        ("3.7", retrieve_with),
    ],
)
def test_what_the_wrong_answers_are_made_from_is_right(number, template):
    """So that each is refused for its own fault alone."""
    assert checks.check(number, template()) == checks.find(number).points


def test_the_marks_add_up():
    exercises = checks.module_of("3.1").EXERCISES
    assert list(exercises) == [f"3.{i}" for i in range(1, 8)]
    assert sum(exercise.points for exercise in exercises.values()) == 16


def test_a_message_may_name_known_words_beside_the_unknown_one():
    """A refusal that offers what is known must not be taken for one that blames it."""
    for says in ("Unknown word {}; try red or apple.", "{} is unknown, red is known", "not in [red, apple]: {}"):

        def helpful(text, row, vectors, project, P, k, says=says):
            unknown = [word for word in text.lower().split() if word not in row]
            if unknown:
                raise ValueError(says.format(unknown[0]))
            return retrieve(text, row, vectors, project, P, k)

        assert checks.check("3.7", helpful) == 2


def whole_table(anchors, positives, negatives, margin):
    return (margin + cosines(anchors, negatives) - cosines(anchors, positives)).clamp(min=0).mean()


def straight_from_the_dictionary(text, row, vectors, project, P, k):
    [row[word] for word in text.lower().split(" ")]
    return retrieve(text, row, vectors, project, P, k)


def one_flat_row(text, row, vectors, project, P, k):
    query = F.normalize(project(vectors[[row[word] for word in text.lower().split()]].sum(0)), dim=0)
    return (P @ query).topk(k)


@pytest.mark.parametrize(
    ("number", "function", "told"),
    [
        ("3.2", whole_table, "anchors: the triplet that is won has a gradient, too"),
        ("3.2", negative_without_gradient, "negatives: no gradient comes, though one triplet is lost"),
        ("3.7", straight_from_the_dictionary, "for 'armadillo' it raised a KeyError, not a ValueError"),
        ("3.7", straight_from_the_dictionary, "says why: it raised a KeyError, not a ValueError"),
        ("3.7", one_flat_row, "project takes rows of vectors, (n, 6); (6,) came"),
    ],
)
def test_a_cross_says_what_came_instead(number, function, told, capsys):
    checks.check(number, function)
    assert told in " ".join(capsys.readouterr().out.split())


def test_own_tags_name_a_drawing_that_is_not_there():
    right.names = ["spider", "spider web", "tulip"]
    assert right.own_table({"scary": ["spider"], "garden": ["tulip", "spider web"]}).tolist() == [
        [True, False],
        [False, True],
        [False, True],
    ]
    for wrong, says in (
        ({"scary": ["spiders"], "garden": ["tulip"]}, "'spiders', which is no drawing here. Did you mean: spider"),
        ({"scary": ["혹"], "garden": ["tulip"]}, "a name from the list above"),
        ({"scary": ["spider"]}, "two tags or more"),
        ({"scary": ["spider"], "garden": []}, "at least one drawing"),
        ({}, "two tags or more"),
    ):
        with pytest.raises(CourseError, match=says):
            right.own_table(wrong)
