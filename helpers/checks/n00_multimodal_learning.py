"""The checks of assignment 00. Expected values come from plain loops and NumPy; predictors are made up to be fooled."""

import functools

import numpy as np
import torch
from scipy.stats import rankdata, spearmanr

from helpers import data
from helpers.checks import NOTHING, Exercise, alike, first_wrong, follows_generator, refuses

EXERCISES = {
    "0.0": Exercise(
        1,
        [
            "Draw a picture of 2 rows and 3 columns on squared paper. How many squares does it have? It is not 5.",
            "Every further direction repeats all that was there before: 3 colours are three times 64 rows of 64.",
            "Begin with 1, and multiply by each number of the shape in turn. Of none, 1 remains.",
        ],
    ),
    "0.1": Exercise(
        3,
        [
            "ranks: the rank of a value is 1 plus the number of smaller ones, as long as no two values are equal.",
            "ranks: m equal values would take m ranks, and the first of these is 1 + the number of smaller values. "
            "Each of them gets the mean: the number of smaller values + (m + 1) / 2.",
            "rank_correlation: call ranks on both lists, subtract the mean of each list of ranks, and put the two into "
            "the formula.",
        ],
    ),
    "0.2": Exercise(
        2,
        [
            "count: draw pictures on the left, words on the right, a line for each pair. Both means count these lines.",
            "count: pictures per word are all lines, divided by the different words. set(...) drops what stands twice.",
            "best_guess: one pixel, 0 and 200: the error g^2 + (g - 200)^2 is least where its slope "
            "2g + 2(g - 200) is 0. So it is for every pixel by itself. A uint8 cannot hold the result: use floats.",
        ],
    ),
    "0.3": Exercise(
        3,
        [
            "Draw one random order of the sample numbers, and take the rows of one input in this order: x[order].",
            "x[order] is a new tensor: give that one to predict, and the other input and the labels as they came. The "
            "loss of one draw is the accuracy without shuffling minus the accuracy with it.",
            "Collect one loss for each draw, each with a new order from torch.randperm and the generator that was "
            "given; return their mean and their torch.std.",
        ],
    ),
    "0.4": Exercise(
        3,
        [
            "One number between 0 and 1 for each sample is enough for both inputs: a small one hides the first, a "
            "large one hides the second, and one between them hides nothing.",
            "With luck = torch.rand(n, generator=generator), keep the first where luck >= hide, and the second where "
            "luck < 1 - hide. Never both are hidden as long as hide is at most 0.5.",
            "A mask (n,) fits an input (n, d) as mask[:, None]. For any number of directions: "
            "mask.view(-1, *[1] * (x.ndim - 1)). x * mask is a new tensor of the same dtype.",
        ],
    ),
}


def says(got, expected):
    """True where a number is the expected one, or a text that says what came."""
    if got is None:
        return NOTHING
    return bool(abs(float(got) - expected) < 1e-5) or f"it says {float(got):.5g}, not {expected:.5g}"


def pair(got):
    """Whether an answer has two parts, or a text."""
    if got is None:
        return NOTHING
    return (isinstance(got, tuple | list) and len(got) == 2) or "it should return two things: return one, other"


# 0.0 numbers in a shape


def holds(numbers_in, shape, expected):
    got = numbers_in(shape)
    if got is None:
        return NOTHING
    if isinstance(got, torch.Tensor) and got.numel() == 1:
        got = got.item()
    return bool(got == expected) or f"it says {got}"


@EXERCISES["0.0"].case("a word vector of shape (50,) holds 50 numbers")
def _(numbers_in):
    return holds(numbers_in, (50,), 50)


@EXERCISES["0.0"].case("a picture of shape (3, 64, 64) holds 12,288 numbers")
def _(numbers_in):
    return holds(numbers_in, (3, 64, 64), 12_288)


@EXERCISES["0.0"].case("so it is for a batch (8, 3, 20, 30), and the shape () of a single number")
def _(numbers_in):
    by_name = holds(lambda shape: numbers_in(shape=shape), (7, 2), 14)
    return first_wrong(holds(numbers_in, (8, 3, 20, 30), 14_400), holds(numbers_in, (), 1), by_name)


# 0.1 rank correlation


def ranked(values):
    """The ranks by SciPy, as float64."""
    return torch.from_numpy(np.asarray(rankdata(values.numpy()), dtype=np.float64))


def right_ranks(ranks, *lists):
    return first_wrong(*(alike(ranks(values), ranked(values), any_dtype=True) for values in lists))


def right_rho(rank_correlation, a, b, by_name=False):
    got = rank_correlation(a=a, b=b) if by_name else rank_correlation(a, b)
    return says(got, float(spearmanr(a.numpy(), b.numpy()).statistic))


@EXERCISES["0.1"].case("ranks: 1 for the smallest, n for the largest, in the order of the values")
def _(ranks, rank_correlation):
    lists = torch.tensor([0.3, 0.1, 0.2]), torch.tensor([10, 30, 20]), torch.randn(50).double(), torch.tensor([7.0])
    apart = torch.randn(9, 2)[:, 0]  # not contiguous in memory
    return first_wrong(right_ranks(ranks, *lists, apart), right_ranks(lambda x: ranks(values=x), torch.randn(5)))


@EXERCISES["0.1"].case("ranks: equal values share the mean of their ranks, as [5, 8, 8, 9] become [1, 2.5, 2.5, 4]")
def _(ranks, rank_correlation):
    lists = torch.tensor([5, 8, 8, 9]), torch.tensor([2.0, 1.0, 2.0, 2.0, 0.5, 1.0]), torch.randint(0, 6, (60,))
    return right_ranks(ranks, *lists, torch.tensor([3, 3, 3]))


@EXERCISES["0.1"].case("rank_correlation: 1 for the same order, -1 for the reverse one")
def _(ranks, rank_correlation):
    a = torch.randn(30)
    return first_wrong(
        says(rank_correlation(a, a.exp()), 1),
        says(rank_correlation(a, -(a**3)), -1),
        says(rank_correlation(torch.arange(5), torch.tensor([1, 10, 100, 1000, 10_000])), 1),
    )


@EXERCISES["0.1"].case("rank_correlation agrees with SciPy, with equal values and far from 0, too")
def _(ranks, rank_correlation):
    a, b = torch.randn(2, 200)
    few = torch.randint(0, 5, (2, 80))
    return first_wrong(
        right_rho(rank_correlation, a, b),
        right_rho(rank_correlation, a, a + b),
        right_rho(rank_correlation, *few),
        right_rho(rank_correlation, 1000 + a[:40].double(), 1000 + (a + b)[:40].double(), by_name=True),
        right_rho(rank_correlation, torch.tensor([3, 1, 2]), torch.tensor([0.5, 0.7, 0.1])),
    )


# 0.2 one word, many pictures


@functools.cache
def some_emoji():
    """The keywords of 300 emoji, and five pictures (5, 3, 64, 64). Read once: the sheets take half a second."""
    concepts, drawings = data.emoji()
    return [concept.english for concept in concepts[:300]], drawings[0, [3, 400, 700, 1000, 1200]]


def counted(count, lists):
    if (verdict := pair(got := count(lists))) is not True:
        return verdict
    table = {word: [word in words for words in lists] for words in lists for word in words}
    by_word = np.mean([sum(row) for row in table.values()])
    by_picture = np.mean([len(set(words)) for words in lists])
    for name, part, expected in zip(
        ("pictures per word", "words per picture"), got, (by_word, by_picture), strict=True
    ):
        if (verdict := says(part, expected)) is not True:
            return f"{name}: {verdict}"
    return True


@EXERCISES["0.2"].case("count: [dog, pet], [cat, pet], [pet, fish, water] are 1.75 pictures per word, 2.333 words each")
def _(count, best_guess):
    return counted(count, [["dog", "pet"], ["cat", "pet"], ["pet", "fish", "water"]])


@EXERCISES["0.2"].case("a word twice in one list counts once there, and a picture without words counts")
def _(count, best_guess):
    return counted(count, [["red", "red", "ball"], [], ["ball"], ["red", "sun", "sun", "sun"]])


@EXERCISES["0.2"].case("count is right on the real keywords of 300 emoji")
def _(count, best_guess):
    return first_wrong(
        counted(count, some_emoji()[0]), counted(lambda lists: count(keyword_lists=lists), some_emoji()[0][:20])
    )


@EXERCISES["0.2"].case("best_guess: a float tensor of a picture's shape, for one picture this picture")
def _(count, best_guess):
    one, thin = (torch.randint(0, 256, size, dtype=torch.uint8) for size in ((1, 3, 6, 9), (1, 3, 1, 4)))
    return first_wrong(*(alike(best_guess(x), x[0].float(), 1e-2, any_dtype=True) for x in (one, thin)))


@EXERCISES["0.2"].case("no other array has a smaller squared error to all pictures of a word")
def _(count, best_guess):
    pictures = some_emoji()[1]
    guess = best_guess(pictures=pictures)
    if (verdict := alike(guess, torch.zeros(3, 64, 64), 1e6, any_dtype=True)) is not True:
        return verdict
    error, least = (float(((pictures.double() - g) ** 2).sum()) for g in (guess.double(), pictures.double().mean(0)))
    return error <= least * (1 + 1e-6) or f"the squared error is {error:.5g}; another array has {least:.5g}"


# 0.3 permutation importance


def seeded(seed=1):
    return torch.Generator().manual_seed(seed)


def samples(n=400):
    """Two inputs whose first number is the sample's, and labels of four classes. The second has rows of (2, 3)."""
    number = torch.arange(n)
    first = torch.stack([number, 1000 + number, 2000 + number], 1).float()
    second = (number[:, None] + torch.tensor([0, 5000, 6000, 7000, 8000, 9000])).view(n, 2, 3).double()
    return first, second, torch.randint(0, 4, (n,))


def numbers(rows):
    """The samples' numbers that rows of either input hold."""
    return rows.flatten(1)[:, 0].long()


class Predictor:
    """Reads the label of the sample whose rows it gets, from the first input in some columns of chance, from the second
    otherwise; it notes what it was given and how accurate it was."""

    def __init__(self, labels, of_first):
        self.labels, self.of_first, self.seen, self.accuracies = labels, of_first, [], []

    def __call__(self, first, second):
        self.seen.append((first.clone(), second.clone()))
        from_first, from_second = (self.labels[numbers(x).clamp(0, len(self.labels) - 1)] for x in (first, second))
        found = torch.where(self.of_first, from_first, from_second)
        self.accuracies.append((found == self.labels).double().mean())
        return found

    def shuffled(self, k):
        """The calls whose input k is not as it was given."""
        return [i for i, pair in enumerate(self.seen) if not numbers(pair[k]).equal(torch.arange(len(self.labels)))]


def tried(permutation_importance, which, draws, share=0.5, n=400, generator=None, by_name=False):
    """A predictor that was used, and what the learner's function returned. `share` of it is read from the first."""
    first, second, labels = samples(n)
    predict = Predictor(labels, torch.arange(n) < share * n)
    named = {"first": first, "second": second, "labels": labels, "which": which, "draws": draws}
    named |= {"generator": generator or seeded()}
    if by_name:
        return predict, permutation_importance(predict=predict, **named)
    return predict, permutation_importance(predict, *named.values())


def right_loss(permutation_importance, which, draws, **how):
    """Whether mean and standard deviation are those of what the predictor met."""
    predict, got = tried(permutation_importance, which, draws, **how)
    if (verdict := pair(got)) is not True:
        return verdict
    changed = predict.shuffled(0 if which == "first" else 1)
    if len(changed) != draws:
        return f"{which}, {draws} draws: predict was called {len(changed)} times with this input in another order"
    intact = [a for i, a in enumerate(predict.accuracies) if i not in changed]
    lost = intact[0] - torch.stack([predict.accuracies[i] for i in changed]) if intact else torch.zeros(draws)
    for name, part, expected in zip(("mean", "standard deviation"), got, (lost.mean(), lost.std()), strict=True):
        if (verdict := says(part, float(expected))) is not True:
            return f"{which} shuffled, {name}: {verdict}"
    return True


@EXERCISES["0.3"].case("what a predictor does not read has the importance 0, whatever the order")
def _(permutation_importance):
    for which, share in (("first", 0.0), ("second", 1.0)):
        _, got = tried(permutation_importance, which, 4, share)
        if (verdict := pair(got)) is not True:
            return verdict
        if (verdict := first_wrong(says(got[0], 0), says(got[1], 0))) is not True:
            return f"{which} shuffled, which is not read: {verdict}"
    return True


@EXERCISES["0.3"].case("what it reads, it loses: mean and standard deviation of the loss over all draws")
def _(permutation_importance):
    return first_wrong(
        right_loss(permutation_importance, "first", 5, share=1.0),
        right_loss(permutation_importance, "second", 5, share=0.0),
        right_loss(permutation_importance, "first", 12, share=0.7, n=60),
        right_loss(permutation_importance, "second", 2, share=0.3, n=90),
        right_loss(permutation_importance, "first", 3, n=50, by_name=True),
    )


@EXERCISES["0.3"].case("the loss counts from the accuracy with the inputs as they are, which need not be 1")
def _(permutation_importance):
    first, second, labels = samples(80)
    predict, wrong = Predictor(labels, torch.ones(80) > 0), torch.where(torch.arange(80) < 30, (labels + 1) % 4, labels)
    lost = permutation_importance(predict, first, second, wrong, "first", 6, seeded())
    accuracies = [(labels[numbers(seen[0]).clamp(0, 79)] == wrong).double().mean() for seen in predict.seen]
    changed = predict.shuffled(0)
    if (verdict := pair(lost)) is not True:
        return verdict
    if not changed:
        return "predict was never called with the first input in another order"
    losses = 50 / 80 - torch.stack([accuracies[i] for i in changed])
    return first_wrong(says(lost[0], float(losses.mean())), says(lost[1], float(losses.std())))


@EXERCISES["0.3"].case("rows move as a whole, none is lost or doubled, and the other input stays")
def _(permutation_importance):
    for n in (200, 31):
        for k, which in enumerate(("first", "second")):
            predict, _ = tried(permutation_importance, which, 3, n=n)
            given = samples(n)[:2]
            for seen in predict.seen:
                for name, got, expected in zip(("first", "second"), seen, given, strict=True):
                    if (got.shape, got.dtype) != (expected.shape, expected.dtype):
                        return f"{which} shuffled: the {name} input has another shape or dtype than it had"
                if not seen[1 - k].equal(given[1 - k]):
                    return f"{which} shuffled: the other input is not as it was"
                order = numbers(seen[k])
                if not order.sort().values.equal(torch.arange(n)):
                    return f"{which} shuffled: some rows are missing, others are there twice"
                if not seen[k].equal(given[k][order]):
                    return f"{which} shuffled: a row is mixed from several samples"
    return True


@EXERCISES["0.3"].case(
    "the orders come from the generator: the same seed gives the same ones, and each draw gives another",
    hint="Hand the generator on as it is, generator=generator, to the function that draws the order.",
)
def _(permutation_importance):
    def orders(which, generator):
        k = 0 if which == "first" else 1
        predict, _ = tried(permutation_importance, which, 2, generator=generator, n=40)
        return [numbers(predict.seen[i][k]) for i in predict.shuffled(k)]

    predict, _ = tried(permutation_importance, "first", 6, n=40)
    different = {tuple(numbers(predict.seen[i][0]).tolist()) for i in predict.shuffled(0)}
    return first_wrong(
        follows_generator(lambda generator: orders("first", generator)),
        follows_generator(lambda generator: orders("second", generator)),
        len(different) == 6 or f"in 6 draws only {len(different)} different orders came",
    )


@EXERCISES["0.3"].case("any order of the samples may come, not only those of one kind (moved on by some places, say)")
def _(permutation_importance):
    predict, _ = tried(permutation_importance, "first", 100, n=5)
    orders = {tuple(numbers(predict.seen[i][0]).tolist()) for i in predict.shuffled(0)}
    return len(orders) >= 20 or f"in 100 draws for 5 samples only {len(orders)} of the 120 orders came"


@EXERCISES["0.3"].case("another `which` than these two is refused with a ValueError that says why")
def _(permutation_importance):
    def predict(first, second):
        return torch.zeros(len(first))

    some = samples(20)
    return first_wrong(
        *(refuses(permutation_importance, predict, *some, which, 2, seeded()) for which in ("third", "both"))
    )


# 0.4 modality dropout


def ones(n=2000):
    """Two inputs without a single zero, of other shapes and dtypes."""
    return 1 + torch.rand(n, 3), 1 + torch.rand(n, 2, 2, dtype=torch.float64)


def hidden(got, given):
    """Which rows of each input are all zeros, two masks (n,); or a text that says what is wrong."""
    if (verdict := pair(got)) is not True:
        return verdict
    masks = []
    for name, x, was in zip(("first", "second"), got, given, strict=True):
        if not isinstance(x, torch.Tensor) or (x.shape, x.dtype) != (was.shape, was.dtype):
            return f"{name}: it is no tensor of the same shape and dtype as before"
        rows, old = (part.reshape(len(part), -1) for part in (x, was))
        gone = (rows == 0).all(1)
        if not rows[~gone].equal(old[~gone]):
            return f"{name}: a row that is not all zeros is not as it was"
        masks.append(gone)
    return masks


def shares(modality_dropout, hide, given, seed=1):
    """How often the first, the second and both are hidden, or a text."""
    masks = hidden(modality_dropout(*given, hide, seeded(seed)), given)
    return masks if isinstance(masks, str) else [float(m.double().mean()) for m in (*masks, masks[0] & masks[1])]


@EXERCISES["0.4"].case("hide 0 hides nothing; shapes and dtypes stay, with whole numbers and a single sample, too")
def _(modality_dropout):
    whole = torch.randint(1, 9, (30, 4)), torch.randint(1, 9, (30, 2, 5), dtype=torch.uint8)
    thin = 1 + torch.rand(12), 1 + torch.rand(12, 2)
    apart = (1 + torch.rand(3, 20)).T, (1 + torch.rand(20, 6))[:, ::2]  # not contiguous in memory
    for given in (ones(30), ones(1), whole, thin, apart):
        got = shares(modality_dropout, 0.0, given)
        if isinstance(got, str):
            return got
        if any(got):
            return "hide is 0, and some rows are zeros"
    return True


@EXERCISES["0.4"].case("each input is hidden with the probability that was asked for, row by row, and never both")
def _(modality_dropout):
    for hide in (0.3, 0.1, 0.45):
        got = shares(modality_dropout, hide, ones())
        if isinstance(got, str):
            return got
        if got[2]:
            return f"hide {hide}: both inputs of {got[2]:.0%} of the samples are zeros"
        for name, share in zip(("first", "second"), got, strict=False):
            if abs(share - hide) > 0.05:
                return f"hide {hide}: the {name} is hidden in {share:.0%} of 2,000 samples"
    return True


@EXERCISES["0.4"].case("with hide 0.5, one of the two is hidden in every sample, each in about half of them")
def _(modality_dropout):
    named = dict(zip(("first", "second"), ones(), strict=True))
    masks = hidden(modality_dropout(**named, hide=0.5, generator=seeded()), list(named.values()))
    if isinstance(masks, str):
        return masks
    if not (masks[0] ^ masks[1]).all():
        return "in some samples both are hidden, or none"
    return bool(0.45 < masks[0].double().mean() < 0.55) or "the first is hidden too often or too rarely"


@EXERCISES["0.4"].case("each sample is drawn by itself: all combinations occur, in no regular order")
def _(modality_dropout):
    given, rows = ones(8), set()
    for seed in range(200):
        masks = hidden(modality_dropout(*given, 0.3, seeded(seed)), given)
        if isinstance(masks, str):
            return masks
        rows.add(tuple((masks[0] + 2 * masks[1].long()).tolist()))
    return len(rows) > 150 or f"200 seeds gave only {len(rows)} different patterns of 8 samples"


@EXERCISES["0.4"].case(
    "the draws come from the generator: the same seed gives the same, and drawing again gives another",
    hint="Hand the generator on as it is, generator=generator, to torch.rand.",
)
def _(modality_dropout):
    given = ones(60)
    return follows_generator(lambda generator: list(modality_dropout(*given, 0.3, generator)))


@EXERCISES["0.4"].case("hide below 0 or above 0.5 is refused with a ValueError that says why")
def _(modality_dropout):
    return first_wrong(*(refuses(modality_dropout, *ones(10), hide, seeded()) for hide in (-0.1, 0.6, 1)))
