"""The checks of assignment 00. Expected values come from plain loops and NumPy; predictors are made up to be fooled."""

import functools

import numpy as np
import torch

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
            "stack_pictures: a batch has one direction more than a sample. torch.stack adds it, at the front.",
            "stack_pictures: torch.stack refuses other sizes with a RuntimeError of its own: compare shapes before.",
            "pad: begin with zeros of shape (n, longest), of the first sequence's dtype; copy each sequence in; its "
            "length alone says where its mask is True.",
        ],
    ),
    "0.2": Exercise(
        3,
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
            "x[order] is a new tensor: give that one to predict, and the other input and the labels as they came.",
            "The order comes from torch.randperm with the generator that was given; the accuracy is the mean of "
            "(predicted == labels), as a float.",
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


# 0.1 batches


@EXERCISES["0.1"].case("three pictures (3, 64, 64) become a batch (3, 3, 64, 64), each where it was in the list")
def _(stack_pictures, pad):
    pictures = torch.randint(0, 256, (3, 3, 64, 64), dtype=torch.uint8)
    return alike(stack_pictures(list(pictures)), pictures)


@EXERCISES["0.1"].case(
    "so do five real stamps of shape (3, 128, 128), and a single picture that is not square; the dtype stays"
)
def _(stack_pictures, pad):
    batches = [data.on_white(data.stamps()[1][:5])]
    batches += [torch.rand(n, 3, 4, 7, dtype=dtype) for n in (1, 2) for dtype in (torch.float32, torch.float64)]
    batches += [torch.rand(2, 3, 7, 4).transpose(2, 3)]  # not contiguous in memory
    by_name = alike(stack_pictures(pictures=list(batches[1])), batches[1])
    return first_wrong(*(alike(stack_pictures(list(batch)), batch) for batch in batches), by_name)


@EXERCISES["0.1"].case("pictures of different sizes are refused with a ValueError that says why")
def _(stack_pictures, pad):
    wide, high = torch.zeros(3, 8, 12), torch.zeros(3, 12, 8)  # with the same number of numbers
    return first_wrong(
        refuses(stack_pictures, [wide, high]),
        refuses(stack_pictures, [wide, wide, torch.zeros(3, 8, 8)]),
    )


def padded_right(pad, sequences):
    longest = max(map(len, sequences))
    values = torch.tensor([[*s.tolist(), *[0] * (longest - len(s))] for s in sequences], dtype=sequences[0].dtype)
    real = torch.tensor([[j < len(s) for j in range(longest)] for s in sequences])
    if (verdict := pair(got := pad(sequences))) is not True:
        return verdict
    for name, part, expected in zip(("padded", "mask"), got, (values, real), strict=True):
        if (verdict := alike(part, expected, tolerance=0)) is not True:
            return f"{name}: {verdict}"
    return True


@EXERCISES["0.1"].case("captions of 2, 5 and 3 word numbers become (3, 5), with a mask; the number 0 is a word here")
def _(stack_pictures, pad):
    return padded_right(pad, [torch.tensor([0, 7]), torch.tensor([4, 0, 2, 9, 0]), torch.tensor([3, 1, 0])])


@EXERCISES["0.1"].case("so do sounds, silent samples included, and a single sequence; each dtype stays")
def _(stack_pictures, pad):
    sounds = [torch.randn(n) for n in (300, 120, 299)]
    sounds[0][-20:] = 0
    others = [[sound.to(dtype) for sound in sounds] for dtype in (torch.float64, torch.int16)]
    apart = [torch.randn(n, 2)[:, 0] for n in (6, 4)]  # not contiguous in memory
    by_name = padded_right(lambda sequences: pad(sequences=sequences), sounds[1:])
    batches = sounds, *others, apart, [torch.arange(4)], [torch.rand(1)], [torch.rand(1), torch.rand(1)]
    return first_wrong(*(padded_right(pad, batch) for batch in batches), by_name)


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


# 0.3 shuffling


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


def handed_over(shuffled_accuracy, which, generator, n=400):
    """The two inputs that the learner's function hands to predict."""
    seen = []

    def predict(first, second):
        seen[:] = first.clone(), second.clone()
        return torch.zeros(n, dtype=torch.long)

    shuffled_accuracy(predict, *samples(n), which, generator)
    return seen or [torch.zeros(0, 3), torch.zeros(0, 2, 3)]


@EXERCISES["0.3"].case("neither shuffled: the plain accuracy")
def _(shuffled_accuracy):
    for n, right in ((400, 300), (37, 10), (1, 1)):
        first, second, labels = samples(n)
        some = torch.where(torch.arange(n) < right, labels, (labels + 1) % 4)
        named = {"first": first, "second": second, "labels": labels, "which": "neither", "generator": seeded()}
        got = (
            shuffled_accuracy(lambda first, second, some=some: some, first, second, labels, "neither", seeded()),
            shuffled_accuracy(predict=lambda first, second, some=some: some[numbers(first)], **named),
        )
        if (verdict := first_wrong(*(says(accuracy, right / n) for accuracy in got))) is not True:
            return f"{n} samples, {right} of them right: {verdict}"
    return True


@EXERCISES["0.3"].case("a predictor that reads the first input only falls to chance when the first is shuffled")
def _(shuffled_accuracy):
    return falls(shuffled_accuracy, lambda labels: lambda first, second: labels[numbers(first)], "first", "second")


@EXERCISES["0.3"].case("one that reads the second only falls when the second is shuffled")
def _(shuffled_accuracy):
    return falls(shuffled_accuracy, lambda labels: lambda first, second: labels[numbers(second)], "second", "first")


def falls(shuffled_accuracy, reader, read, ignored):
    first, second, labels = samples()
    kept, lost = (
        shuffled_accuracy(reader(labels), first, second, labels, which, seeded()) for which in (ignored, read)
    )
    if kept is None:
        return NOTHING
    if (verdict := says(kept, 1)) is not True:
        return f"{ignored} shuffled: {verdict}"
    return 0.15 < float(lost) < 0.35 or f"{read} shuffled: it says {float(lost):.3f}, and chance is about 0.25"


@EXERCISES["0.3"].case("rows move as a whole, none is lost or doubled, and the other input stays")
def _(shuffled_accuracy):
    for n in (400, 31):
        for k, which in enumerate(("first", "second")):
            seen, given = handed_over(shuffled_accuracy, which, seeded(), n), samples(n)[:2]
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
    "the order comes from the generator: the same seed gives the same order, and drawing again gives another",
    hint="Hand the generator on as it is, generator=generator, to the function that draws the order.",
)
def _(shuffled_accuracy):
    return first_wrong(
        follows_generator(lambda generator: handed_over(shuffled_accuracy, "first", generator)[0]),
        follows_generator(lambda generator: handed_over(shuffled_accuracy, "second", generator)[1]),
    )


@EXERCISES["0.3"].case("any order of the samples may come, not only those of one kind (moved on by some places, say)")
def _(shuffled_accuracy):
    generator = seeded()
    orders = {tuple(numbers(handed_over(shuffled_accuracy, "first", generator, 5)[0]).tolist()) for _ in range(100)}
    return len(orders) >= 20 or f"in 100 draws for 5 samples only {len(orders)} of the 120 orders came"


@EXERCISES["0.3"].case("another `which` than these three is refused with a ValueError that says why")
def _(shuffled_accuracy):
    def predict(first, second):
        return torch.zeros(len(first))

    return first_wrong(
        *(refuses(shuffled_accuracy, predict, *samples(), which, seeded()) for which in ("third", "both"))
    )
