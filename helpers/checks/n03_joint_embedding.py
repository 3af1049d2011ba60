"""The checks of assignment 03. Expected values: torch's losses, plain loops, all orders of tied answers."""

import itertools
import math
import statistics
import time

import torch
import torch.nn.functional as F

from helpers.checks import NO_GRADIENT, Exercise, close, first_wrong

EXERCISES = {
    "3.1": Exercise(
        2,
        [
            "A cosine asks for direction only. Bring every row to length 1 before you multiply.",
            "Rows are the vectors: a length is the root of a sum along dimension 1; B is transposed for the product.",
            "0 / 0 is NaN. torch.nn.functional.normalize divides by a tiny number where the length is 0.",
        ],
    ),
    "3.2": Exercise(
        2,
        [
            "Work out one triplet on paper: cosines 0.5 (positive) and 0.9 (negative), margin 0.2. The loss is 0.6.",
            "The negative's cosine makes it worse, the positive's better. Row i meets row i only: n cosines, and no "
            "table of n times n as in 3.1.",
            "Cut off at 0 each triplet by itself, before the mean: a triplet well won must not pay for another.",
        ],
    ),
    "3.3": Exercise(
        4,
        [
            "Divide the table of cosines by the temperature. One softmax goes along its rows, one down its columns.",
            "match picks the pairs from both tables; every pair counts once, however many its picture has.",
            "Stay with logarithms: log_softmax and logsumexp take the largest away before they raise e to it.",
        ],
    ),
    "3.4": Exercise(
        3,
        [
            "First without ties: count the relevant items among the first k, divide by all relevant ones, average.",
            "Look at the score at place k. Items above it are surely in; its equals compete for the places left.",
            "Each competitor is in with the probability (k - number surely in) / (number of competitors).",
        ],
    ),
    "3.5": Exercise(
        2,
        [
            "For each query: the best score of its relevant items. How many items have a higher one?",
            "Add the expected place among the t items with this very score. The r relevant ones of them cut the row "
            "into r + 1 pieces, equally long on average: the first stands at (t + 1) / (r + 1), without a tie at 1.",
            "torch.median takes the lower of the middle two; quantile(0.5) takes their mean.",
        ],
    ),
    "3.6": Exercise(
        3,
        [
            "In this order: split the text, look for unknown words, project, length 1, sum, length 1 again.",
            "A long vector must not drown a short one: bring each projected word to length 1 before the sum.",
            "P @ query gives all cosines, topk the best of them; topk complains if k is more than there are pictures.",
        ],
    ),
}


def unit_rows(n, d, dtype=torch.float32):
    return F.normalize(torch.randn(n, d, dtype=dtype), dim=1)


def at_angles(*degrees):
    angle = torch.tensor(degrees, dtype=torch.float32) * math.pi / 180
    return torch.stack([angle.cos(), angle.sin()], dim=1)


# 3.1 the matrix of cosines


@EXERCISES["3.1"].case("three vectors with three others, at angles of 30 degrees and more")
def _(function):
    expected = [[math.cos(math.radians(a - b)) for b in (30, 60, 180)] for a in (0, 90, 120)]
    return close(function(at_angles(0, 90, 120), at_angles(30, 60, 180)), expected)


@EXERCISES["3.1"].case("lengths do not matter, and the two may differ in their number of rows")
def _(function):
    A = torch.randn(7, 5) * torch.logspace(-1, 2, 7)[:, None]
    B = torch.randn(4, 5) * torch.logspace(2, -1, 4)[:, None]
    return close(function(A, B), F.cosine_similarity(A[:, None], B[None], dim=2))


@EXERCISES["3.1"].case("a row of zeros gives zeros, on either side, and no NaN")
def _(function):
    A, B = torch.randn(3, 4), torch.randn(5, 4)
    A[1], B[4] = 0, 0
    return close(function(A, B), F.cosine_similarity(A[:, None], B[None], dim=2))


@EXERCISES["3.1"].case("400 times 500 rows take less than a second")
def _(function):
    A, B = torch.randn(400, 8), torch.randn(500, 8)
    start = time.perf_counter()
    function(A, B)
    seconds = time.perf_counter() - start
    return seconds < 1 or f"it took {seconds:.1f} s; let torch do the loop"


# 3.2 the triplet loss


@EXERCISES["3.2"].case("positive 60 degrees away, negative 30, margin 0.2: 0.2 + 0.866 - 0.5")
def _(function):
    return close(function(at_angles(0), at_angles(60), at_angles(30), 0.2), 0.2 + math.sqrt(0.75) - 0.5)


@EXERCISES["3.2"].case("a triplet that is won by more than the margin costs 0, also beside one that is lost")
def _(function):
    won, lost = function(at_angles(0), at_angles(10), at_angles(90), 0.2), math.sqrt(0.75) - 0.3
    both = function(at_angles(0, 0), at_angles(10, 60), at_angles(90, 30), 0.2)
    return first_wrong(close(won, 0.0), close(both, lost / 2))


@EXERCISES["3.2"].case("a larger margin asks for more: the same triplet costs something")
def _(function):
    arguments = at_angles(0), at_angles(30), at_angles(60)
    return first_wrong(close(function(*arguments, 0.3), 0.0), close(function(*arguments, 0.5), 1 - math.sqrt(0.75)))


def torch_triplet(anchors, positives, negatives, margin):
    loss = torch.nn.TripletMarginWithDistanceLoss(
        distance_function=lambda a, b: 1 - F.cosine_similarity(a, b), margin=margin
    )
    return loss(anchors, positives, negatives)


@EXERCISES["3.2"].case("it agrees with torch's own loss on rows of any length")
def _(function):
    lengths = torch.logspace(-1, 1, 20)[:, None]
    rows = torch.randn(20, 6) * lengths, torch.randn(20, 6) * 3, torch.randn(20, 6) / lengths
    return close(function(*(r.clone() for r in rows), 0.4), torch_triplet(*rows, 0.4))


@EXERCISES["3.2"].case("gradients flow to all three; a triplet that is won has none")
def _(function):
    rows = [at_angles(*angles).requires_grad_() for angles in ((0, 0), (10, 60), (90, 30))]
    loss = function(*rows, 0.2)
    if not getattr(loss, "requires_grad", False):
        return NO_GRADIENT
    loss.backward()
    for name, row in zip(("anchors", "positives", "negatives"), rows, strict=True):
        won, lost = (row.grad if row.grad is not None else torch.zeros(2, 2)).abs().sum(1) > 1e-6
        if won:
            return f"{name}: the triplet that is won has a gradient, too"
        if not lost:
            return f"{name}: no gradient comes, though one triplet is lost"
    return True


# 3.3 InfoNCE


def true_info_nce(P, W, match, temperature):
    """By plain loops over numbers."""
    s = [[math.fsum(a * b for a, b in zip(p, w, strict=True)) / temperature for w in W.tolist()] for p in P.tolist()]
    total, pairs = 0.0, match.nonzero().tolist()
    for i, j in pairs:
        total += math.log(math.fsum(math.exp(x - s[i][j]) for x in s[i]))
        total += math.log(math.fsum(math.exp(line[j] - s[i][j]) for line in s))
    return total / len(pairs) / 2


@EXERCISES["3.3"].case("one picture with its one word costs 0: there is no rival")
def _(function):
    return close(function(at_angles(10), at_angles(70), torch.tensor([[True]]), 0.1), 0.0)


@EXERCISES["3.3"].case("the lecture's two pairs at temperature 0.5: log(1 + e^(1.73 - 1))")
def _(function):
    loss = function(at_angles(0, 90), at_angles(60, 30), torch.eye(2, dtype=torch.bool), 0.5)
    return close(loss, math.log(1 + math.exp(math.sqrt(3) - 1)))


@EXERCISES["3.3"].case("eight pairs, one to one: the mean of torch's cross-entropy by rows and by columns")
def _(function):
    P, W = unit_rows(8, 5), unit_rows(8, 5)
    logits, right = P @ W.T / 0.2, torch.arange(8)
    expected = (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2
    return close(function(P.clone(), W.clone(), torch.eye(8, dtype=torch.bool), 0.2), expected)


def one_to_many():
    """Five pictures and eight words; the last picture has no word, the last two words no picture."""
    match = torch.zeros(5, 8, dtype=torch.bool)
    match[[0, 0, 0, 1, 2, 2, 3], [0, 1, 5, 1, 2, 3, 4]] = True
    return match


@EXERCISES["3.3"].case("one to many: pictures with several words, words with several pictures, some with none")
def _(function):
    P, W, match = unit_rows(5, 6), unit_rows(8, 6), one_to_many()
    wide = close(function(P.clone(), W.clone(), match.clone(), 0.3), true_info_nce(P, W, match, 0.3))
    tall = close(function(W.clone(), P.clone(), match.T.clone(), 0.3), true_info_nce(W, P, match.T, 0.3))
    return first_wrong(wide, tall)


@EXERCISES["3.3"].case("at temperature 0.01 it is finite and right, and so is its gradient")
def _(function):
    P, match = unit_rows(5, 6), one_to_many()
    W = torch.cat([-P[:3], P[:3], unit_rows(2, 6)])  # cosines from -1 to 1
    leaves = P.clone().requires_grad_(), W.clone().requires_grad_()
    loss = function(*leaves, match, 0.01)
    if (verdict := close(loss, true_info_nce(P, W, match, 0.01))) is not True:
        return verdict
    if not loss.requires_grad:
        return NO_GRADIENT
    loss.backward()
    finite = all(leaf.grad is not None and torch.isfinite(leaf.grad).all() for leaf in leaves)
    return finite or "the loss is right, but its gradient is NaN, infinite or missing"


# 3.4 and 3.5 scores, fair to ties


def all_orders(scores, relevant):
    """Yields what is right from the best to the worst item of one query, for each order of the equal ones."""
    items = range(len(scores))
    for shuffled in itertools.permutations(items):
        best_first = sorted(shuffled, key=lambda i: -scores[i])  # sorted leaves equal ones as they are
        yield [relevant[i] for i in best_first]


def true_recall(scores, relevant, k):
    queries = [(s, r) for s, r in zip(scores.tolist(), relevant.tolist(), strict=True) if any(r)]
    return statistics.fmean(
        statistics.fmean(sum(order[:k]) / sum(order) for order in all_orders(s, r)) for s, r in queries
    )


def true_median_rank(scores, relevant):
    queries = [(s, r) for s, r in zip(scores.tolist(), relevant.tolist(), strict=True) if any(r)]
    return statistics.median(statistics.fmean(1 + o.index(True) for o in all_orders(s, r)) for s, r in queries)


def table(queries, tied):
    """Scores and right answers of queries with five items; a query without an answer among them."""
    scores = torch.randint(3, (queries, 5)).float() if tied else torch.rand(queries, 5)
    relevant = torch.rand(queries, 5) < 0.4
    relevant[0], relevant[1] = False, torch.tensor([True, False, True, True, False])
    relevant[2:, 0] |= ~relevant[2:].any(1)
    return scores, relevant


def recalls(function, scores, relevant, ks):
    for k in ks:
        verdict = close(function(scores.clone(), relevant.clone(), k), true_recall(scores, relevant, k))
        if verdict is not True:
            return f"at k = {k} {verdict}"
    return True


@EXERCISES["3.4"].case("two of three right answers among the first three: 2/3")
def _(function):
    right = torch.tensor([[True, False, True, False, True, False]])
    return close(function(torch.tensor([[0.9, 0.8, 0.7, 0.6, 0.5, 0.4]]), right, 3), 2 / 3)


@EXERCISES["3.4"].case("many queries without ties, for k from 1 to 5; a query with no right answer is left out")
def _(function):
    scores, relevant = table(9, tied=False)
    return recalls(function, scores, relevant, range(1, 6))


@EXERCISES["3.4"].case("if all scores are equal, it is chance: k divided by the number of items")
def _(function):
    relevant = torch.zeros(6, 40, dtype=torch.bool)
    relevant[torch.arange(6), torch.tensor([0, 39, 5, 20, 38, 1])] = True
    relevant[:3, 7] = True
    return close(function(torch.zeros(6, 40), relevant, 10), 0.25)


@EXERCISES["3.4"].case("ties here and there: the mean over all orders of the equal ones")
def _(function):
    scores, relevant = table(12, tied=True)
    return recalls(function, scores, relevant, range(1, 5))


@EXERCISES["3.4"].case("fewer items than k: all are looked at, and the recall is 1")
def _(function):
    scores, relevant = table(6, tied=True)
    return first_wrong(*(close(function(scores.clone(), relevant.clone(), k), 1.0) for k in (6, 100)))


@EXERCISES["3.5"].case("the right answer stands third: 3")
def _(function):
    return close(function(torch.tensor([[0.2, 0.9, 0.5, 0.7]]), torch.tensor([[False, False, True, False]])), 3.0)


@EXERCISES["3.5"].case("of several right answers the best one counts")
def _(function):
    scores = torch.tensor([[0.9, 0.8, 0.7, 0.6, 0.5, 0.4]])
    return close(function(scores, torch.tensor([[False, True, False, True, False, True]])), 2.0)


@EXERCISES["3.5"].case("for ranks 1, 2, 5 and 6 the median is 3.5; a query with no right answer is left out")
def _(function):
    scores = torch.arange(6, 0, -1).float().repeat(5, 1)
    relevant = torch.eye(6, dtype=torch.bool)[[5, 0, 4, 1, 2]]
    relevant[4] = False
    return close(function(scores, relevant), 3.5)


@EXERCISES["3.5"].case("if all 41 scores are equal and one answer is right, it stands at 21, the middle")
def _(function):
    return close(function(torch.zeros(3, 41), torch.eye(41, dtype=torch.bool)[[0, 40, 20]]), 21.0)


@EXERCISES["3.5"].case("ties here and there: the mean over all orders of the equal ones")
def _(function):
    verdicts = []
    for queries in (3, 4, 9, 12):
        scores, relevant = table(queries, tied=True)
        verdicts.append(close(function(scores.clone(), relevant.clone()), true_median_rank(scores, relevant)))
    return first_wrong(*verdicts)


# 3.6 search

WORDS = ["red", "apple", "car", "korea", "sad"]
ROW = {word: i for i, word in enumerate(WORDS)}


def search_world():
    """Word vectors, projection (not linear, with a bias, rows of very different length) and pictures."""
    vectors, weights = torch.randn(len(WORDS), 6), torch.randn(6, 4)
    lengths = torch.tensor([1.0, 20.0, 0.1, 5.0, 1.0])

    def project(rows):
        if rows.ndim != 2:
            raise ValueError(f"project takes rows of vectors, (n, {vectors.shape[1]}); {tuple(rows.shape)} came")
        which = torch.cdist(rows, vectors).argmin(1)  # a length of its own for each word
        return torch.tanh(rows @ weights + 0.3) * lengths[which, None]

    return vectors, project, unit_rows(12, 4)


def found_right(function, text, k=5):
    vectors, project, P = search_world()
    units = F.normalize(project(vectors[[ROW[word] for word in text.lower().split()]]), dim=1)
    expected = F.cosine_similarity(P, units.sum(0)[None])
    got = function(text, dict(ROW), vectors.clone(), project, P.clone(), k)
    if not isinstance(got, tuple | list) or len(got) != 2:
        return "it must return two tensors: numbers and cosines"
    numbers, cosines = torch.as_tensor(got[0]).tolist(), torch.as_tensor(got[1])
    best = expected.argsort(descending=True).tolist()[:k]
    if len(numbers) != len(best):
        return f"{len(numbers)} pictures came, not {len(best)}"
    if numbers != best:
        return (
            "the best ones came, in another order" if sorted(numbers) == sorted(best) else "they are not the best ones"
        )
    verdict = close(cosines, expected[best])
    return verdict is True or f"the pictures are right, but their cosines are not: {verdict}"


@EXERCISES["3.6"].case("for one word: the numbers of the five best pictures and their cosines, best first")
def _(function):
    return first_wrong(*(found_right(function, word) for word in WORDS))


@EXERCISES["3.6"].case("for several words: the sum of their unit vectors")
def _(function):
    return first_wrong(*(found_right(function, text) for text in ("red apple", "sad car", "sad red car")))


@EXERCISES["3.6"].case("capitals and blanks do not matter")
def _(function):
    return first_wrong(found_right(function, " Red   APPLE "), found_right(function, "Korea"))


@EXERCISES["3.6"].case("k of 1, and a k larger than the number of pictures")
def _(function):
    return first_wrong(found_right(function, "car", 1), found_right(function, "red car", 100))


def refusal(function, text):
    """The message of the ValueError that a text meets; None without an error, KeyError where a dictionary raised it."""
    vectors, project, P = search_world()
    try:
        function(text, dict(ROW), vectors, project, P, 3)
    except ValueError as error:
        return str(error)
    except KeyError:
        return KeyError
    return None


@EXERCISES["3.6"].case("an unknown word, also beside known ones, meets a ValueError that names it")
def _(function):
    for text in ("armadillo", "red armadillo", "armadillo car"):
        message = refusal(function, text)
        if message is None:
            return f"for {text!r} it went on without an error"
        if message is KeyError:
            return f"for {text!r} it raised a KeyError, not a ValueError"
        if "armadillo" not in message.replace(text, "") and (" " in text or "armadillo" not in message):
            return "the error does not name the word (the whole query does not tell which word it is)"
    return True


@EXERCISES["3.6"].case("a text without a word is refused with a ValueError that says why")
def _(function):
    messages = [refusal(function, text) for text in ("", "   ")]
    if None in messages:
        return "it went on without an error"
    if KeyError in messages:
        return "it raised a KeyError, not a ValueError"
    return all(messages) or "it raised a ValueError, but without a word of explanation"
