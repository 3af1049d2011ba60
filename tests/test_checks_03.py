"""Assignment 03's checks accept the solution and other right answers, and refuse plausible wrong ones."""

import math
import statistics

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics.pairwise import cosine_similarity

from helpers import CourseError, checks, metrics
from tests.answers import *  # noqa: F403  right answers are accepted, wrong ones refused
from tests.answers import callable_as_on_the_card
from tests.definitions import definitions

right = definitions("solutions/03_joint_embedding.ipynb")
lecture = definitions("03_joint_embedding.ipynb")
cosines, triplet, info_nce = right.cosine_matrix, right.triplet_loss, right.info_nce
recall, rank, retrieve = right.recall_at_k, right.median_rank, right.retrieve


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


def recall_by_levels(scores, relevant, k):
    """Walks down the levels of equal scores, query by query, until k places are taken."""
    shares = []
    for s, r in zip(scores, relevant, strict=True):
        if not r.any():
            continue
        left, found = k, 0.0
        for level in s.unique().flip(0):
            tied = s == level
            found += min(1, left / tied.sum().item()) * (tied & r).sum().item()
            left = max(0, left - tied.sum().item())
        shares.append(found / r.sum().item())
    return torch.tensor(shares).mean()


def recall_by_hand(scores, relevant, k):
    """Without a library: each item's chance to be among the first k."""
    total = queries = 0
    for s, r in zip(scores.tolist(), relevant.tolist(), strict=True):
        if any(r):
            chances = [min(max((k - sum(y > x for y in s)) / s.count(x), 0), 1) for x in s]
            total, queries = total + sum(c for c, hit in zip(chances, r, strict=True) if hit) / sum(r), queries + 1
    return total / queries


def rank_by_hand(scores, relevant):
    places = []
    for s, r in zip(scores.tolist(), relevant.tolist(), strict=True):
        hits = [x for x, hit in zip(s, r, strict=True) if hit]
        if hits:
            places.append(sum(x > max(hits) for x in s) + (s.count(max(hits)) + 1) / (hits.count(max(hits)) + 1))
    return statistics.median(places)


def rank_by_places(scores, relevant):
    """The chance that none of the right ones stands among the first few of the equal, summed over the few."""
    places = []
    for s, r in zip(scores.numpy(), relevant.numpy(), strict=True):
        if r.any():
            tied = s == s[r].max()
            t, hits = int(tied.sum()), int((tied & r).sum())
            places.append((s > s[r].max()).sum() + sum(math.comb(t - hits, n) / math.comb(t, n) for n in range(t)))
    return float(np.median(places))


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
    ("3.3", info_nce),
    ("3.3", lecture.info_nce),
    ("3.3", info_nce_by_cross_entropy),
    ("3.3", info_nce_by_loop),
    ("3.3", info_nce_by_hand),
    ("3.4", recall),
    ("3.4", metrics.recall_at_k),
    ("3.4", recall_by_levels),
    ("3.4", recall_by_hand),
    ("3.5", rank),
    ("3.5", rank_by_places),
    ("3.5", rank_by_hand),
    ("3.6", retrieve),
    ("3.6", retrieve_by_numpy),
    ("3.6", retrieve_by_loop),
]

EQUIVALENT = {
    ("3.1", "*: cut *"): "the card asks for no gradient of a table that one searches in: NumPy is as good a way",
    ("3.1", "*: detached"): "the same",
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


def from_the_course(scores, relevant, k):
    return metrics.recall_at_k(scores, relevant, k)


def of_one_k(scores, relevant, k):
    return recall(scores, relevant, min(k, 3))


def of_the_first_query(scores, relevant, k):
    rows = relevant.any(1).nonzero()[:1, 0]
    return recall(scores[rows], relevant[rows], k)


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


def no_rival_that_matches(P, W, match, temperature):
    """Leaves a picture's other right words out of the sum, as some papers do; the formula here does not."""
    logits = P @ W.T / temperature
    total = 0
    for i, j in match.nonzero().tolist():
        words, pictures = ~match[i], ~match[:, j]
        words[j], pictures[i] = True, True
        total = total + logits[i, words].logsumexp(0) + logits[pictures, j].logsumexp(0) - 2 * logits[i, j]
    return total / match.sum() / 2


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


def naive_topk(scores, relevant, k):
    has = relevant.any(1)
    first = torch.zeros_like(relevant).scatter(1, scores.argsort(dim=1, descending=True, stable=True)[:, :k], True)
    return ((first & relevant).sum(1)[has] / relevant.sum(1)[has]).mean()


def recall_with(ties="fair", divide="relevant", keep_empty=False, pooled=False):
    def wrong(scores, relevant, k):
        has = relevant.any(1) | keep_empty
        scores, relevant = scores[has], relevant[has]
        last = scores.topk(min(k, scores.shape[1]), dim=1).values[:, -1:]
        above, tied = scores > last, scores == last
        share = ((k - above.sum(1)) / tied.sum(1)).clamp(max=1)
        share = {"fair": share, "all in": share * 0 + 1, "all out": share * 0}[ties]
        hits = (above & relevant).sum(1) + share * (tied & relevant).sum(1)
        if divide == "any":
            return (hits > 0).float().mean()
        by = {"relevant": relevant.sum(1), "k": k, "at most k": relevant.sum(1).clamp(max=k)}[divide]
        return hits.sum() / by.sum() if pooled else (hits / by.clamp(min=1) if keep_empty else hits / by).mean()

    return wrong


def too_few_items(scores, relevant, k):
    if k > scores.shape[1]:
        raise IndexError("k is out of range")
    return recall(scores, relevant, k)


def rank_with(tie="fair", of="best", middle="quantile", offset=0, empty=False):
    def wrong(scores, relevant):
        has = relevant.any(1) | empty
        scores, relevant = scores[has], relevant[has]
        sign = 1 if of == "best" else -1
        best = sign * (sign * scores).masked_fill(~relevant, -torch.inf).amax(1, keepdim=True)
        above, tied = (scores > best).sum(1), scores == best
        t, r = tied.sum(1), (tied & relevant).sum(1)
        within = {"fair": (t + 1) / (r + 1), "first": 1.0, "last": t, "middle": (t + 1) / 2}[tie]
        place = above + within + offset
        choose = {"quantile": lambda x: x.quantile(0.5), "lower": torch.median, "mean": torch.mean}
        return choose[middle](place.float())

    return wrong


def in_the_order_given(scores, relevant):
    order = scores.argsort(dim=1, descending=True, stable=True)
    place = relevant.gather(1, order).int().argmax(1) + 1.0
    return place[relevant.any(1)].quantile(0.5)


def first_right_item(scores, relevant):
    own = scores.gather(1, relevant.int().argmax(1)[:, None])
    return ((scores > own).sum(1) + 1.0)[relevant.any(1)].quantile(0.5)


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
    ("3.3", sums_cut),
    ("3.3", one_side_cut),
    ("3.3", twice_one_table),
    ("3.3", as_a_number),
    ("3.3", lambda *arguments: info_nce(*arguments).double()),
    ("3.3", one_way(0)),
    ("3.3", one_way(1)),
    ("3.3", naive_exponentials),
    ("3.3", clipped_exponentials),
    ("3.3", the_diagonal_only),
    ("3.3", the_first_word_only),
    ("3.3", mean_of_means),
    ("3.3", no_rival_that_matches),
    ("3.3", rivals_with_a_pair_only),
    ("3.3", info_nce_with(temperature_of=lambda t: 1 / t)),
    ("3.3", info_nce_with(temperature_of=lambda t: 1)),
    ("3.3", info_nce_with(factor=2)),
    ("3.3", info_nce_with(factor=-1)),
    ("3.3", info_nce_with(flow=False)),
    ("3.3", summed_info_nce),
    ("3.4", naive_topk),
    ("3.4", recall_with(ties="all in")),
    ("3.4", recall_with(ties="all out")),
    ("3.4", recall_with(divide="k")),
    ("3.4", recall_with(divide="any")),
    ("3.4", recall_with(divide="at most k")),
    ("3.4", recall_with(keep_empty=True)),
    ("3.4", recall_with(pooled=True)),
    ("3.4", too_few_items),
    ("3.4", from_the_course),
    ("3.4", of_one_k),
    ("3.4", of_the_first_query),
    ("3.4", lambda scores, relevant, k: recall(-scores, relevant, k)),
    ("3.5", rank_with(tie="first")),
    ("3.5", rank_with(tie="last")),
    ("3.5", rank_with(tie="middle")),
    ("3.5", rank_with(of="worst")),
    ("3.5", rank_with(middle="lower")),
    ("3.5", rank_with(middle="mean")),
    ("3.5", rank_with(offset=-1)),
    ("3.5", rank_with(empty=True)),
    ("3.5", in_the_order_given),
    ("3.5", first_right_item),
    ("3.6", retrieve_with(lower=False)),
    ("3.6", retrieve_with(each="sum before the tower")),
    ("3.6", retrieve_with(each="sum of long and short")),
    ("3.6", retrieve_with(unit=False)),
    ("3.6", retrieve_with(answer="numbers")),
    ("3.6", retrieve_with(answer="swapped")),
    ("3.6", retrieve_with(answer="distances")),
    ("3.6", retrieve_with(order=False)),
    ("3.6", retrieve_with(limit=False)),
    ("3.6", retrieve_with(empty=False)),
    ("3.6", retrieve_with(empty="mute")),
    ("3.6", retrieve_with(unknown="left out")),
    ("3.6", retrieve_with(unknown="KeyError")),
    ("3.6", retrieve_with(unknown="text")),
    ("3.6", retrieve_with(unknown="mute")),
    ("3.6", with_single_blanks),
    ("3.6", as_lists),
    ("3.6", squeezed_answer),
    ("3.6", always_five),
    ("3.6", numbers_as_floats),
]


RIGHT, WRONG = ([(number, [function]) for number, function in some] for some in (RIGHT, WRONG))
WRONG = callable_as_on_the_card(WRONG, RIGHT)


@pytest.mark.parametrize(
    ("number", "template"),
    [("3.2", triplet_with), ("3.3", info_nce_with), ("3.4", recall_with), ("3.5", rank_with), ("3.6", retrieve_with)],
)
def test_what_the_wrong_answers_are_made_from_is_right(number, template):
    """So that each is refused for its own fault alone."""
    assert checks.check(number, template()) == checks.find(number).points


def test_the_marks_add_up():
    exercises = checks.module_of("3.1").EXERCISES
    assert list(exercises) == [f"3.{i}" for i in range(1, 7)]
    assert sum(exercise.points for exercise in exercises.values()) == 16


def test_a_message_may_name_known_words_beside_the_unknown_one():
    """A refusal that offers what is known must not be taken for one that blames it."""
    for says in ("Unknown word {}; try red or apple.", "{} is unknown, red is known", "not in [red, apple]: {}"):

        def helpful(text, row, vectors, project, P, k, says=says):
            unknown = [word for word in text.lower().split() if word not in row]
            if unknown:
                raise ValueError(says.format(unknown[0]))
            return retrieve(text, row, vectors, project, P, k)

        assert checks.check("3.6", helpful) == 3


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
        ("3.4", naive_topk, "k 1, float32: it is"),
        ("3.6", straight_from_the_dictionary, "for 'armadillo' it raised a KeyError, not a ValueError"),
        ("3.6", straight_from_the_dictionary, "says why: it raised a KeyError, not a ValueError"),
        ("3.6", one_flat_row, "project takes rows of vectors, (n, 6); (6,) came"),
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
