"""The checks of assignment 03. Expected values: torch's own losses, and plain loops."""

import math
import time

import torch
import torch.nn.functional as F

from helpers.checks import NO_GRADIENT, Exercise, alike, close, everywhere, first_wrong

COSINES = dict.fromkeys(
    ("torch.cosine_similarity", "torch.nn.functional.cosine_similarity"),
    "it is for the checks; a cosine is the dot product of two rows of length 1",
)
LOSSES = dict.fromkeys(
    (
        *(f"torch.nn.functional.{name}" for name in ("triplet_margin_loss", "triplet_margin_with_distance_loss")),
        *("torch.triplet_margin_loss", "torch.nn.functional.cosine_embedding_loss", "torch.cosine_embedding_loss"),
    ),
    "torch's ready-made losses on triplets and cosines are for the checks; write the formula",
)
EXERCISES = {
    "3.1": Exercise(
        2,
        [
            "A cosine asks for direction only. Bring every row to length 1 before you multiply.",
            "Rows are the vectors: a length is the root of a sum along dimension 1; B is transposed for the product.",
            "0 / 0 is NaN. torch.nn.functional.normalize divides by a tiny number where the length is 0.",
        ],
        forbidden=COSINES,
    ),
    "3.2": Exercise(
        2,
        [
            "Work out one triplet on paper: cosines 0.5 (positive) and 0.9 (negative), margin 0.2. The loss is 0.6.",
            "The negative's cosine makes it worse, the positive's better. Row i meets row i only: n cosines, and no "
            "table of n times n as in 3.1.",
            "Cut off at 0 each triplet by itself, before the mean: a triplet well won must not pay for another.",
        ],
        forbidden=COSINES | LOSSES,
    ),
    "3.3": Exercise(
        3,
        [
            "match.nonzero(as_tuple=True) gives the pairs in the order asked for: their rows, and their columns.",
            "One line a pair: cosines[rows] is (pairs, words). Fill what is right for the picture, and what "
            "isn't below the pair's own cosine, with minus infinity.",
            "The argmax of each line is the answer, unless the whole line is minus infinity: there it is -1.",
        ],
        forbidden=COSINES | LOSSES,
    ),
    "3.4": Exercise(
        3,
        [
            "Divide the table of cosines by the temperature. One softmax goes along its rows, one down its columns.",
            "match picks the pairs from both tables; every pair counts once, however many its picture has.",
            "Stay with logarithms: log_softmax and logsumexp take the largest away before they raise e to it.",
        ],
        forbidden=COSINES | LOSSES,
    ),
    "3.5": Exercise(
        2,
        [
            "One line a pair again: logits[picture] is (pairs, words). Which of its columns must leave the sum?",
            "Those that are right for this picture, except for the pair's own word. Fill them with minus infinity; e "
            "to that is 0. The other direction is the same with logits.T and match.T.",
            "F.cross_entropy(lines, word) is minus the log of the softmax at `word`, averaged over the lines.",
        ],
        forbidden=COSINES | LOSSES,
    ),
    "3.6": Exercise(
        2,
        [
            "Right words don't take part: fill them with minus infinity before the softmax over each row.",
            "The entropy of a row is minus the sum of p log p; e to it is the number of words that count.",
            "0 log 0 counts as 0, but 0 * log(0) is NaN in floating point: torch.special.entr knows.",
        ],
        forbidden=COSINES | LOSSES,
    ),
    "3.7": Exercise(
        2,
        [
            "In this order: split the text, look for unknown words, project, length 1, sum, length 1 again.",
            "A long vector must not drown a short one: bring each projected word to length 1 before the sum.",
            "P @ query gives all cosines, topk the best of them; topk complains if k is more than there are pictures.",
        ],
        forbidden=COSINES,
    ),
}


def unit_rows(n, d, dtype=torch.float32):
    return F.normalize(torch.randn(n, d, dtype=dtype), dim=1)


def at_angles(*degrees):
    angle = torch.tensor(degrees, dtype=torch.float32) * math.pi / 180
    return torch.stack([angle.cos(), angle.sin()], dim=1)


# 3.1 the matrix of cosines


def true_cosines(A, B):
    return F.cosine_similarity(A[:, None], B[None], dim=2)


def rows_of_any_length(n, m, d):
    lengths = torch.logspace(-1, 2, n)[:, None], torch.logspace(2, -1, m)[:, None]
    return {"A": torch.randn(n, d) * lengths[0], "B": torch.randn(m, d) * lengths[1]}


@EXERCISES["3.1"].case("three vectors with three others, at angles of 30 degrees and more")
def _(cosine_matrix):
    expected = [[math.cos(math.radians(a - b)) for b in (30, 60, 180)] for a in (0, 90, 120)]
    return close(cosine_matrix(at_angles(0, 90, 120), at_angles(30, 60, 180)), expected)


@EXERCISES["3.1"].case(
    "lengths do not matter; the two may differ in their number of rows, and have one row only, in float32 and float64"
)
def _(cosine_matrix):
    sizes = [dict(zip("nmd", size, strict=True)) for size in ((7, 4, 5), (1, 6, 3), (5, 1, 3), (1, 1, 2))]
    return everywhere(cosine_matrix, true_cosines, rows_of_any_length, sizes)


@EXERCISES["3.1"].case("a row of zeros gives zeros, on either side, and no NaN")
def _(cosine_matrix):
    A, B = torch.randn(3, 4), torch.randn(5, 4)
    A[1], B[4] = 0, 0
    return alike(cosine_matrix(A, B), true_cosines(A, B))


@EXERCISES["3.1"].case("400 times 500 rows take less than a second")
def _(cosine_matrix):
    A, B = torch.randn(400, 8), torch.randn(500, 8)
    start = time.perf_counter()
    cosine_matrix(A, B)
    seconds = time.perf_counter() - start
    return seconds < 1 or f"it took {seconds:.1f} s; let torch do the loop"


# 3.2 the triplet loss


@EXERCISES["3.2"].case("positive 60 degrees away, negative 30, margin 0.2: 0.2 + 0.866 - 0.5")
def _(triplet_loss):
    return close(triplet_loss(at_angles(0), at_angles(60), at_angles(30), 0.2), 0.2 + math.sqrt(0.75) - 0.5)


@EXERCISES["3.2"].case("a triplet that is won by more than the margin costs 0, also beside one that is lost")
def _(triplet_loss):
    won, lost = triplet_loss(at_angles(0), at_angles(10), at_angles(90), 0.2), math.sqrt(0.75) - 0.3
    both = triplet_loss(at_angles(0, 0), at_angles(10, 60), at_angles(90, 30), 0.2)
    return first_wrong(close(won, 0.0), close(both, lost / 2))


@EXERCISES["3.2"].case("a larger margin asks for more: the same triplet costs something")
def _(triplet_loss):
    arguments = at_angles(0), at_angles(30), at_angles(60)
    return first_wrong(
        close(triplet_loss(*arguments, 0.3), 0.0), close(triplet_loss(*arguments, 0.5), 1 - math.sqrt(0.75))
    )


def true_triplet(anchors, positives, negatives, margin):
    loss = torch.nn.TripletMarginWithDistanceLoss(
        distance_function=lambda a, b: 1 - F.cosine_similarity(a, b), margin=margin
    )
    return loss(anchors, positives, negatives)


def triplets(n, d, margin):
    lengths = torch.logspace(-1, 1, n)[:, None]
    rows = torch.randn(n, d) * lengths, torch.randn(n, d) * 3, torch.randn(n, d) / lengths
    return dict(zip(("anchors", "positives", "negatives"), rows, strict=True)) | {"margin": margin}


@EXERCISES["3.2"].case(
    "value and gradients are those of torch's own loss, on rows of any length, for one and many, in float32 and float64"
)
def _(triplet_loss):
    sizes = [dict(zip(("n", "d", "margin"), size, strict=True)) for size in ((20, 6, 0.4), (1, 3, 2.5), (9, 2, 0.1))]
    return everywhere(triplet_loss, true_triplet, triplets, sizes, gradients=True)


@EXERCISES["3.2"].case("gradients flow to all three; a triplet that is won has none")
def _(triplet_loss):
    rows = [at_angles(*angles).requires_grad_() for angles in ((0, 0), (10, 60), (90, 30))]
    loss = triplet_loss(*rows, 0.2)
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


# 3.3 semi-hard negatives


def true_semi_hard(cosines, match):
    found = []
    for i, j in match.nonzero().tolist():
        below = [k for k in range(cosines.shape[1]) if not match[i, k] and cosines[i, k] < cosines[i, j]]
        found.append(max(below, key=lambda k, i=i: float(cosines[i, k]), default=-1))
    return torch.tensor(found)


@EXERCISES["3.3"].case("the card's example: 0.6, 0.5, 0.4 and 0.9, of which the second is right: column 2")
def _(semi_hard):
    cosines, match = torch.tensor([[0.6, 0.5, 0.4, 0.9]]), torch.tensor([[False, True, False, False]])
    return alike(semi_hard(cosines, match), torch.tensor([2]))


def some_cosines(pictures, words):
    match = torch.rand(pictures, words) < 0.3
    match[torch.arange(pictures), torch.randint(words, (pictures,))] = True
    return {"cosines": torch.rand(pictures, words) * 2 - 1, "match": match}


@EXERCISES["3.3"].case("one picture and many, few words and many, several right words each; in the order of the pairs")
def _(semi_hard):
    sizes = [dict(zip(("pictures", "words"), size, strict=True)) for size in ((6, 9), (1, 7), (9, 4), (30, 20))]
    return everywhere(semi_hard, true_semi_hard, some_cosines, sizes)


@EXERCISES["3.3"].case(
    "where no wrong word scores below, or all words are right: -1; a picture without a word has no pair"
)
def _(semi_hard):
    cosines = torch.tensor([[-0.9, 0.1, 0.2], [0.3, 0.2, 0.1], [0.9, 0.8, 0.7]])
    match = torch.tensor([[True, False, False], [True, True, True], [False, False, False]])
    return alike(semi_hard(cosines, match), torch.tensor([-1, -1, -1, -1]))


@EXERCISES["3.3"].case("a wrong word with the very score of the right one isn't below it")
def _(semi_hard):
    cosines, match = torch.tensor([[0.5, 0.5, -0.2], [0.5, 0.5, 0.5]]), torch.eye(3, dtype=torch.bool)[:2]
    return alike(semi_hard(cosines, match), torch.tensor([2, -1]))


# 3.4 InfoNCE


def true_info_nce(P, W, match, temperature):
    picture, word = match.nonzero(as_tuple=True)
    logits = P @ W.T / temperature
    return (F.cross_entropy(logits[picture], word) + F.cross_entropy(logits.T[word], picture)) / 2


def loss_agrees(loss, inputs, sizes, tolerance=1e-4, truth=true_info_nce):
    """For float64 vectors a float32 loss is right, too, as the lecture's is."""
    how = {"gradients": True, "tolerance": tolerance}
    single = everywhere(loss, truth, inputs, sizes, dtypes=(torch.float32,), **how)
    double = everywhere(loss, truth, inputs, sizes, dtypes=(torch.float64,), any_dtype=True, **how)
    return first_wrong(single, double)


@EXERCISES["3.4"].case("one picture with its one word costs 0: there is no rival")
def _(info_nce):
    return close(info_nce(at_angles(10), at_angles(70), torch.tensor([[True]]), 0.1), 0.0)


@EXERCISES["3.4"].case("the lecture's two pairs at temperature 0.5: log(1 + e^(1.73 - 1))")
def _(info_nce):
    loss = info_nce(at_angles(0, 90), at_angles(60, 30), torch.eye(2, dtype=torch.bool), 0.5)
    return close(loss, math.log(1 + math.exp(math.sqrt(3) - 1)))


def one_to_one(pairs, temperature):
    pictures, words = unit_rows(pairs, 5), unit_rows(pairs, 5)
    return {"P": pictures, "W": words, "match": torch.eye(pairs, dtype=torch.bool), "temperature": temperature}


@EXERCISES["3.4"].case("pairs, one to one: the mean of torch's cross-entropy by rows and by columns, and its gradients")
def _(info_nce):
    sizes = [{"pairs": 8, "temperature": 0.2}, {"pairs": 2, "temperature": 1.0}]
    return loss_agrees(info_nce, one_to_one, sizes)


def one_to_many(tall, temperature):
    """Five pictures and eight words; the last picture has no word, the last two words no picture. Or the reverse."""
    match = torch.zeros(5, 8, dtype=torch.bool)
    match[[0, 0, 0, 1, 2, 2, 3], [0, 1, 5, 1, 2, 3, 4]] = True
    pictures, words = unit_rows(5, 6), unit_rows(8, 6)
    if tall:
        pictures, words, match = words, pictures, match.T.contiguous()
    return {"P": pictures, "W": words, "match": match, "temperature": temperature}


@EXERCISES["3.4"].case(
    "one to many: pictures with several words, words with several pictures, some with none",
    hint="Boolean indexing, table[match], picks all pairs; their number is match.sum(), not the number of pictures.",
)
def _(info_nce):
    sizes = [{"tall": False, "temperature": 0.3}, {"tall": True, "temperature": 0.1}]
    return loss_agrees(info_nce, one_to_many, sizes)


def far_apart(temperature):
    """Cosines from -1 to 1."""
    arguments = one_to_many(False, temperature)
    pictures = arguments["P"]
    return arguments | {"W": torch.cat([-pictures[:3], pictures[:3], unit_rows(2, 6)])}


@EXERCISES["3.4"].case("at temperature 0.01 it is finite and right, and so is its gradient")
def _(info_nce):
    return loss_agrees(info_nce, far_apart, [{"temperature": 0.01}], 1e-3)


# 3.5 InfoNCE with the other right ones masked out


def true_masked(P, W, match, temperature):
    logits, costs = P @ W.T / temperature, []
    for i, j in match.nonzero().tolist():
        for line, right, own in ((logits[i], match[i], j), (logits[:, j], match[:, j], i)):
            kept = ~right
            kept[own] = True
            costs.append(line[kept].logsumexp(0) - line[own])
    return torch.stack(costs).mean()


@EXERCISES["3.5"].case("a picture with two right words and no wrong one costs 0: nothing is left to beat")
def _(masked_info_nce):
    return close(masked_info_nce(at_angles(10), at_angles(70, 200), torch.tensor([[True, True]]), 0.1), 0.0)


@EXERCISES["3.5"].case("cosines 0.5, 0.87 and 0, the first two right, temperature 0.5: by hand")
def _(masked_info_nce):
    loss = masked_info_nce(at_angles(0), at_angles(60, 30, 90), torch.tensor([[True, True, False]]), 0.5)
    return close(loss, (math.log(1 + math.exp(-1)) + math.log(1 + math.exp(-math.sqrt(3)))) / 4)


@EXERCISES["3.5"].case("pairs, one to one: nothing to mask, so it is InfoNCE")
def _(masked_info_nce):
    sizes = [{"pairs": 8, "temperature": 0.2}, {"pairs": 1, "temperature": 1.0}]
    return loss_agrees(masked_info_nce, one_to_one, sizes)


@EXERCISES["3.5"].case("one to many, both ways, value and gradients: a pair's own word stays in its sum, others leave")
def _(masked_info_nce):
    sizes = [{"tall": False, "temperature": 0.3}, {"tall": True, "temperature": 0.1}]
    return loss_agrees(masked_info_nce, one_to_many, sizes, truth=true_masked)


@EXERCISES["3.5"].case("at temperature 0.01 it is finite and right, and so is its gradient")
def _(masked_info_nce):
    return loss_agrees(masked_info_nce, far_apart, [{"temperature": 0.01}], 1e-3, true_masked)


# 3.6 how many negatives count


def true_count(cosines, match, temperature):
    counts = []
    for line, right in zip(cosines.double(), match, strict=True):
        p = (line[~right] / temperature).softmax(0)
        counts.append(math.exp(-sum(x * math.log(x) for x in p.tolist() if x > 0)))
    return torch.tensor(counts, dtype=cosines.dtype)


@EXERCISES["3.6"].case("four wrong words with equal cosines: four count, at any temperature")
def _(negatives_that_count):
    cosines, match = torch.tensor([[0.9, 0.2, 0.2, 0.2, 0.2]]), torch.tensor([[True, False, False, False, False]])
    return first_wrong(*(close(negatives_that_count(cosines, match, t), [4.0]) for t in (0.05, 1.0)))


@EXERCISES["3.6"].case("two wrong words at 0 and 0.5 ln 3, temperature 0.5: shares 1/4 and 3/4")
def _(negatives_that_count):
    cosines = torch.tensor([[0.0, math.log(3) / 2, 0.99]])
    return close(
        negatives_that_count(cosines, torch.tensor([[False, False, True]]), 0.5),
        [math.exp(0.25 * math.log(4) + 0.75 * math.log(4 / 3))],
    )


def with_temperature(pictures, words, temperature):
    arguments = some_cosines(pictures, words)
    arguments["match"][:, 0] = False  # each picture has a wrong word
    return arguments | {"temperature": temperature}


@EXERCISES["3.6"].case("many pictures, one picture, and a picture without a right word, in float32 and float64")
def _(negatives_that_count):
    sizes = [
        dict(zip(("pictures", "words", "temperature"), size, strict=True))
        for size in ((7, 9, 0.3), (1, 5, 0.1), (12, 2, 1.0))
    ]
    return everywhere(negatives_that_count, true_count, with_temperature, sizes)


@EXERCISES["3.6"].case("at temperature 0.001 one counts, and there is no NaN")
def _(negatives_that_count):
    cosines, match = torch.tensor([[0.9, 0.2, -0.4, 0.8]]), torch.tensor([[True, False, False, False]])
    return close(negatives_that_count(cosines, match, 0.001), [1.0])


# 3.7 search

WORDS = ["red", "apple", "car", "korea", "sad"]


def search_world(pictures=12, dtype=torch.float32):
    """The rows of the words, their vectors, a projection (not linear, with a bias, rows of very different length) and
    the pictures."""
    row = {WORDS[i]: place for place, i in enumerate(torch.randperm(len(WORDS)).tolist())}
    vectors, weights = torch.randn(len(WORDS), 6, dtype=dtype), torch.randn(6, 4, dtype=dtype)
    lengths = torch.tensor([1.0, 20.0, 0.1, 5.0, 1.0], dtype=dtype)

    def project(rows):
        if rows.ndim != 2:
            raise ValueError(f"project takes rows of vectors, (n, {vectors.shape[1]}); {tuple(rows.shape)} came")
        which = torch.cdist(rows.detach(), vectors).argmin(1)  # a length of its own for each word
        return torch.tanh(rows @ weights + 0.3) * lengths[which, None]

    return row, vectors, project, unit_rows(pictures, 4, dtype)


def found_right(retrieve, text, k=5, by_name=False, **world):
    row, vectors, project, P = search_world(**world)
    units = F.normalize(project(vectors[[row[word] for word in text.lower().split()]]), dim=1)
    expected = F.cosine_similarity(P, units.sum(0)[None])
    named = {"text": text, "row": row, "vectors": vectors, "project": project, "P": P, "k": k}
    got = retrieve(**named) if by_name else retrieve(*named.values())
    if not isinstance(got, tuple | list) or len(got) != 2 or not all(isinstance(x, torch.Tensor) for x in got):
        return "it must return two tensors: numbers and cosines"
    best = expected.argsort(descending=True)[:k]
    if got[0].shape != best.shape:
        return f"the numbers have the shape {tuple(got[0].shape)}, not {tuple(best.shape)}"
    if got[0].tolist() != best.tolist():
        same_ones = sorted(got[0].tolist()) == sorted(best.tolist())
        return "the best ones came, in another order" if same_ones else "they are not the best ones"
    if got[0].dtype != torch.int64:
        return f"the numbers are {got[0].dtype}, not torch.int64"
    verdict = alike(got[1], expected[best])
    return verdict is True or f"the pictures are right, but their cosines are not: {verdict}"


@EXERCISES["3.7"].case("for one word: the numbers of the five best pictures and their cosines, best first")
def _(retrieve):
    return first_wrong(
        *(found_right(retrieve, word) for word in WORDS),
        found_right(retrieve, "car", dtype=torch.float64),
        found_right(retrieve, "red", by_name=True, pictures=30),
    )


@EXERCISES["3.7"].case("for several words: the sum of their unit vectors")
def _(retrieve):
    return first_wrong(*(found_right(retrieve, text) for text in ("red apple", "sad car", "sad red car")))


@EXERCISES["3.7"].case("capitals and blanks do not matter")
def _(retrieve):
    return first_wrong(found_right(retrieve, " Red   APPLE "), found_right(retrieve, "Korea"))


@EXERCISES["3.7"].case("k of 1, and a k larger than the number of pictures")
def _(retrieve):
    return first_wrong(found_right(retrieve, "car", 1), found_right(retrieve, "red car", 100, pictures=3))


def refusal(retrieve, text):
    """The message of the ValueError that a text meets; None without an error, KeyError where a dictionary raised it."""
    try:
        retrieve(text, *search_world(), 3)
    except ValueError as error:
        return str(error)
    except KeyError:
        return KeyError
    return None


@EXERCISES["3.7"].case("an unknown word, also beside known ones, meets a ValueError that names it")
def _(retrieve):
    for text in ("armadillo", "red armadillo", "armadillo car"):
        message = refusal(retrieve, text)
        if message is None:
            return f"for {text!r} it went on without an error"
        if message is KeyError:
            return f"for {text!r} it raised a KeyError, not a ValueError"
        if "armadillo" not in message.replace(text, "") and (" " in text or "armadillo" not in message):
            return "the error does not name the word (the whole query does not tell which word it is)"
    return True


@EXERCISES["3.7"].case("a text without a word is refused with a ValueError that says why")
def _(retrieve):
    messages = [refusal(retrieve, text) for text in ("", "   ")]
    if None in messages:
        return "it went on without an error"
    if KeyError in messages:
        return "it raised a KeyError, not a ValueError"
    return all(messages) or "it raised a ValueError, but without a word of explanation"
