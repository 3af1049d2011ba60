"""Assignment 00's checks accept the solution and other right answers, and refuse plausible wrong ones."""

import itertools
from collections import Counter

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from helpers import checks
from tests.answers import *  # noqa: F403  right answers are accepted, wrong ones refused
from tests.answers import callable_as_on_the_card
from tests.definitions import definitions

right = definitions("solutions/00_multimodal_learning.ipynb")
numbers_in, stack, pad = right.numbers_in, right.stack_pictures, right.pad
count, best_guess, shuffled = right.count, right.best_guess, right.shuffled_accuracy


def multiplied(shape):
    product = 1
    for length in shape:
        product *= length
    return product


def other_stack(pictures):
    if any(picture.shape != pictures[0].shape for picture in pictures):
        raise ValueError("other sizes")
    return torch.cat([picture[None] for picture in pictures])


def other_pad(sequences):
    lengths = torch.tensor([len(s) for s in sequences])
    padded = torch.nn.utils.rnn.pad_sequence(sequences, batch_first=True)
    return [padded, torch.arange(lengths.max()) < lengths[:, None]]


def other_count(keyword_lists):
    pictures = Counter(word for words in keyword_lists for word in set(words))
    return np.mean(list(pictures.values())), torch.tensor([len(set(words)) for words in keyword_lists]).double().mean()


def looped_count(keyword_lists):
    """Word by word; a tensor of two numbers in a tuple of two."""
    words = []
    for keywords in keyword_lists:
        for word in keywords:
            if word not in words:
                words.append(word)
    pairs = sum(word in keywords for word in words for keywords in keyword_lists)
    return torch.tensor(pairs / len(words)), torch.tensor(pairs / len(keyword_lists))


def looped_guess(pictures):
    """Pixel by pixel."""
    n, *shape = pictures.shape
    sums = [sum(values) / n for values in zip(*pictures.flatten(1).tolist(), strict=True)]
    return torch.tensor(sums).view(*shape)


def added_up(pictures):
    return sum(picture.double() for picture in pictures) / len(pictures)


def other_shuffled(predict, first, second, labels, which, generator):
    inputs = {"first": first, "second": second}
    if which != "neither":
        if which not in inputs:
            raise ValueError(which)
        inputs[which] = inputs[which][torch.rand(len(labels), generator=generator).argsort()]
    hits = predict(*inputs.values()).eq(labels)
    return hits.sum().item() / len(labels)


def looped_stack(pictures):
    first, *others = pictures
    for other in others:
        if other.shape != first.shape:
            raise ValueError(f"{tuple(other.shape)} is not {tuple(first.shape)}")
    batch = torch.empty(len(pictures), *first.shape, dtype=first.dtype)
    for place, picture in zip(batch, pictures, strict=True):
        place[:] = picture
    return batch


def listed_pad(sequences):
    """By Python's lists."""
    longest = max(len(s) for s in sequences)
    rows = [s.tolist() + [0] * (longest - len(s)) for s in sequences]
    mask = [[True] * len(s) + [False] * (longest - len(s)) for s in sequences]
    return torch.tensor(rows, dtype=sequences[0].dtype), torch.tensor(mask)


def looped_shuffled(predict, first, second, labels, which, generator):
    """Row by row, after Fisher and Yates."""
    if which not in {"first", "second", "neither"}:
        raise ValueError(f"{which} is none of the three")
    order = list(range(len(labels)))
    for i in reversed(range(1, len(order))):
        j = int(torch.randint(i + 1, (1,), generator=generator))
        order[i], order[j] = order[j], order[i]
    first = torch.stack([first[i] for i in order]) if which == "first" else first
    second = torch.stack([second[i] for i in order]) if which == "second" else second
    predicted = predict(first, second).tolist()
    return sum(p == label for p, label in zip(predicted, labels.tolist(), strict=True)) / len(predicted)


RIGHT = [
    ("0.0", [numbers_in]),
    ("0.0", [multiplied]),
    ("0.0", [lambda shape: torch.zeros(shape).numel()]),
    ("0.0", [lambda shape: torch.tensor(shape).prod()]),
    ("0.1", [stack, pad]),
    ("0.1", [other_stack, other_pad]),
    ("0.1", [looped_stack, listed_pad]),
    ("0.2", [count, best_guess]),
    ("0.2", [looped_count, looped_guess]),
    ("0.2", [other_count, added_up]),
    ("0.3", [shuffled]),
    ("0.3", [other_shuffled]),
    ("0.3", [looped_shuffled]),
]

EQUIVALENT = {
    ("0.1", "*: cut *"): "the card asks for no gradient: a batch of data has none",
    ("0.1", "*: detached"): "the same",
    ("0.2", "best_guess: cast"): "the card asks for a float tensor, and float64 is one",
}


def one_colour(shape):
    return numbers_in(shape[-2:])


def first_times_last(shape):
    return shape[0] * shape[-1] ** 2 if len(shape) > 1 else shape[0]


def without_own_words(pictures):
    return torch.stack(pictures)


def cropped(pictures):
    height, width = (min(picture.shape[k] for picture in pictures) for k in (1, 2))
    return torch.stack([picture[:, :height, :width] for picture in pictures])


def same_count_is_enough(pictures):
    if len({picture.numel() for picture in pictures}) > 1:
        raise ValueError("other sizes")
    return torch.stack([picture.reshape(pictures[0].shape) for picture in pictures])


def only_neighbours(pictures):
    """Compares the first two pictures alone."""
    if len(pictures) > 1 and pictures[0].shape != pictures[1].shape:
        raise ValueError("other sizes")
    return cropped(pictures)


def mask_from_zeros(sequences):
    padded, _ = pad(sequences)
    return padded, padded != 0


def as_floats(sequences):
    padded, mask = pad(sequences)
    return padded.float(), mask


def cut_to_shortest(sequences):
    shortest = min(map(len, sequences))
    return torch.stack([s[:shortest] for s in sequences]), torch.ones(len(sequences), shortest, dtype=torch.bool)


def doubles(sequences):
    padded, mask = pad(sequences)
    return padded.double() if padded.is_floating_point() else padded, mask


def empties_its_list(sequences):
    result = pad(sequences)
    sequences.clear()
    return result


def from_the_right(sequences):
    longest = max(map(len, sequences))
    return tuple(
        torch.stack([F.pad(x, (longest - len(x), 0)) for x in xs])
        for xs in (sequences, [torch.ones(len(s), dtype=torch.bool) for s in sequences])
    )


def repeats_last(sequences):
    padded, mask = pad(sequences)
    for row, s in zip(padded, sequences, strict=True):
        row[len(s) :] = s[-1]
    return padded, mask


def doubles_count(keyword_lists):
    everything = list(itertools.chain(*keyword_lists))
    return len(everything) / len(set(everything)), len(everything) / len(keyword_lists)


def vocabulary_shared_out(keyword_lists):
    """Divides the different words among the pictures."""
    return count(keyword_lists)[0], len(set().union(*keyword_lists)) / len(keyword_lists)


def empties_left_out(keyword_lists):
    return count([words for words in keyword_lists if words])


def whole_numbers(keyword_lists):
    return tuple(map(round, count(keyword_lists)))


def middle(pictures):
    return (pictures.float().amin(0) + pictures.float().amax(0)) / 2


def best_real(pictures):
    x = pictures.float()
    return x[((x[:, None] - x) ** 2).flatten(2).sum((1, 2)).argmin()]


def shuffled_with(shuffle):
    """The solution with another way to shuffle one input: shuffle(x, generator) -> x."""

    def wrong(predict, first, second, labels, which, generator):
        if which not in ("first", "second", "neither"):
            raise ValueError(which)
        first, second = (shuffle(x, generator) if which == w else x for x, w in ((first, "first"), (second, "second")))
        return (predict(first, second) == labels).float().mean().item()

    wrong.__name__ = shuffle.__name__
    return wrong


def order(x, generator):
    return torch.randperm(len(x), generator=generator)


def inside_the_row(x, generator):
    return x[:, torch.randperm(x.shape[1], generator=generator)]


def each_column_by_itself(x, generator):
    return torch.stack([column[order(x, generator)] for column in x.unbind(1)], 1)


def in_place(x, generator):
    x[:] = x[order(x, generator)].clone()
    return x


def global_order(x, generator):
    return x[torch.randperm(len(x))]


def fixed_order(x, generator):
    return x[torch.randperm(len(x), generator=torch.Generator().manual_seed(0))]


def turned_round(x, generator):
    return x.flip(0)


def drawn_with_return(x, generator):
    return x[torch.randint(len(x), (len(x),), generator=generator)]


def replaced_by_noise(x, generator):
    return torch.randn(x.shape, generator=generator)


def set_to_zero(x, generator):
    return torch.zeros_like(x)


def moved_on(x, generator):
    return x.roll(int(torch.randint(1, max(2, len(x)), (1,), generator=generator)), 0)


def moved_on_or_back(x, generator):
    moved = moved_on(x, generator)
    return moved.flip(0) if torch.rand(1, generator=generator) < 0.5 else moved


def from_its_seed(x, generator):
    return x[torch.randperm(len(x), generator=torch.Generator().manual_seed(generator.initial_seed()))]


def begun_again(x, generator):
    return x[torch.randperm(len(x), generator=generator.manual_seed(generator.initial_seed()))]


def torch_seeded(x, generator):
    torch.manual_seed(generator.initial_seed())
    return x[torch.randperm(len(x))]


def as_doubles(x, generator):
    return x[order(x, generator)].double()


def raises_always(predict, first, second, labels, which, generator):
    raise ValueError("no")


def both_together(predict, first, second, labels, which, generator):
    rows = order(labels, generator)
    return shuffled(predict, first[rows], second[rows], labels, "neither", generator)


def labels_too(predict, first, second, labels, which, generator):
    """Shuffles the input and hands the labels round with it."""
    if which not in ("first", "second", "neither"):
        raise ValueError(which)
    rows = torch.arange(len(labels)) if which == "neither" else order(labels, generator)
    first, second = first[rows] if which == "first" else first, second[rows] if which == "second" else second
    return (predict(first, second) == labels[rows]).float().mean().item()


def swapped(predict, first, second, labels, which, generator):
    which = {"first": "second", "second": "first"}.get(which, which)
    return shuffled(predict, first, second, labels, which, generator)


def else_means_neither(predict, first, second, labels, which, generator):
    which = which if which in ("first", "second") else "neither"
    return shuffled(predict, first, second, labels, which, generator)


WRONG = [
    ("0.0", [right.sum_of_shape]),  # the notebook's own wrong guess
    ("0.0", [len]),
    ("0.0", [max]),
    ("0.0", [one_colour]),
    ("0.0", [first_times_last]),
    ("0.0", [lambda shape: multiplied(shape) if shape else 0]),
    ("0.1", [without_own_words, pad]),
    ("0.1", [cropped, pad]),
    ("0.1", [same_count_is_enough, pad]),
    ("0.1", [only_neighbours, pad]),
    ("0.1", [lambda pictures: torch.cat(pictures), pad]),
    ("0.1", [lambda pictures: stack(pictures[::-1]), pad]),
    ("0.1", [stack, mask_from_zeros]),
    ("0.1", [stack, as_floats]),
    ("0.1", [stack, cut_to_shortest]),
    ("0.1", [stack, from_the_right]),
    ("0.1", [stack, repeats_last]),
    ("0.1", [stack, lambda sequences: pad(sequences)[::-1]]),
    ("0.1", [stack, lambda sequences: (pad(sequences)[0], ~pad(sequences)[1])]),
    ("0.1", [stack, lambda sequences: pad(sequences)[0]]),
    ("0.1", [lambda pictures: stack(pictures).float(), pad]),
    ("0.1", [lambda pictures: stack(pictures).squeeze(), pad]),
    ("0.1", [lambda pictures: stack(pictures).tolist(), pad]),
    ("0.1", [stack, lambda sequences: (pad(sequences)[0].to(torch.int64), pad(sequences)[1])]),
    ("0.1", [stack, doubles]),
    ("0.1", [stack, lambda sequences: tuple(x.squeeze() for x in pad(sequences))]),
    ("0.1", [stack, lambda sequences: (pad(sequences)[0], pad(sequences)[1].int())]),
    ("0.1", [stack, empties_its_list]),
    ("0.2", [lambda lists: count(lists)[::-1], best_guess]),
    ("0.2", [doubles_count, best_guess]),
    ("0.2", [vocabulary_shared_out, best_guess]),
    ("0.2", [empties_left_out, best_guess]),
    ("0.2", [whole_numbers, best_guess]),
    ("0.2", [count, lambda pictures: pictures.float().median(0).values]),
    ("0.2", [count, lambda pictures: pictures.float().mean((0, 1))]),
    ("0.2", [count, lambda pictures: best_guess(pictures).round().to(torch.uint8)]),
    ("0.2", [count, lambda pictures: best_guess(pictures) / 255]),
    ("0.2", [count, middle]),
    ("0.2", [count, best_real]),
    ("0.2", [count, lambda pictures: best_guess(pictures[:1])]),
    *[
        ("0.3", [shuffled_with(way)])
        for way in (inside_the_row, each_column_by_itself, in_place, global_order, fixed_order)
    ],
    *[("0.3", [shuffled_with(way)]) for way in (turned_round, drawn_with_return, replaced_by_noise, set_to_zero)],
    *[("0.3", [shuffled_with(way)]) for way in (moved_on, moved_on_or_back, from_its_seed, begun_again)],
    *[("0.3", [shuffled_with(way)]) for way in (torch_seeded, as_doubles)],
    ("0.3", [raises_always]),
    ("0.3", [both_together]),
    ("0.3", [labels_too]),
    ("0.3", [swapped]),
    ("0.3", [else_means_neither]),
    ("0.3", [lambda *arguments: 100 * shuffled(*arguments)]),
]


WRONG = callable_as_on_the_card(WRONG, RIGHT)


def test_the_wrong_guess_gets_a_tick_a_cross_a_hint_and_a_third_of_the_marks(capsys):
    """As the notebook's text says of it; and one hint more for another try."""
    checks.attempts.clear()
    assert checks.check("0.0", right.sum_of_shape) == 0.33
    first = capsys.readouterr().out
    assert first.count("✔") == 1 and first.count("✘") == 2 and first.count("Hint") == 1 and "Hint 1 of 4" in first
    checks.check("0.0", right.sum_of_shape)
    assert "Hint 2" not in capsys.readouterr().out, "the same code again costs nothing"
    checks.check("0.0", lambda shape: sum(shape) + 1)
    assert "Hint 2 of 4" in capsys.readouterr().out


def test_hints_of_two_functions_name_theirs():
    for number, names in (("0.1", ("stack_pictures", "pad")), ("0.2", ("count", "best_guess"))):
        assert all(hint.split(":")[0] in names for hint in checks.find(number).hints)


def test_a_stub_is_told_in_one_line_without_a_hint(capsys):
    checks.attempts.clear()
    learner = definitions("assignments/00_multimodal_learning.ipynb")
    assert checks.check("0.0", learner.numbers_in) == 0
    assert "not written yet" in (said := capsys.readouterr().out) and "Hint" not in said
    assert not checks.passed("0.0") and "This cell waits for exercise 0.0." in capsys.readouterr().out


def test_the_second_function_not_yet_written_costs_no_hint(capsys):
    checks.attempts.clear()
    learner = definitions("assignments/00_multimodal_learning.ipynb")
    for _ in range(2):
        checks.check("0.1", right.stack_pictures, learner.pad)
        assert "not written yet" in (said := capsys.readouterr().out) and "✔" in said and "Hint" not in said
    checks.check("0.1", lambda pictures: pictures[0], learner.pad)
    assert "Hint 1 of" in (said := capsys.readouterr().out) and "Hint 2" not in said


def test_error_and_standard_are_what_the_text_says():
    guess, pictures = torch.tensor([100.0]), torch.tensor([[0], [200]], dtype=torch.uint8)
    assert right.error(guess, pictures) == 10_000
    right.train = torch.arange(4)
    x = right.standard(torch.tensor([[1.0, 5], [2, 5], [3, 5], [4, 5], [9, 9]]))
    torch.testing.assert_close(x[:4].mean(0), torch.zeros(2))
    assert x[:4].std(0).tolist() == pytest.approx([1, 0])
