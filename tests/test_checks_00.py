"""Assignment 00's checks accept the solution and other right answers, and refuse plausible wrong ones."""

import itertools
import math
import statistics
from collections import Counter, defaultdict

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.stats import rankdata

from helpers import checks
from tests.answers import *  # noqa: F403  right answers are accepted, wrong ones refused
from tests.answers import callable_as_on_the_card
from tests.definitions import definitions

right = definitions("solutions/00_multimodal_learning.ipynb")
numbers_in, ranks, rho = right.numbers_in, right.ranks, right.rank_correlation
count, best_guess, importance = right.count, right.best_guess, right.permutation_importance
dropout = right.modality_dropout


def multiplied(shape):
    product = 1
    for length in shape:
        product *= length
    return product


def sorted_ranks(values):
    """By sorting, then a loop over runs of equal values."""
    order = values.argsort().tolist()
    result, start = torch.zeros(len(order)), 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        result[order[start:end]] = (start + 1 + end) / 2
        start = end
    return result


def rho_by_numpy(a, b):
    return np.corrcoef(sorted_ranks(a).numpy(), sorted_ranks(b).numpy())[0, 1]


def library_ranks(values):
    return torch.from_numpy(np.asarray(rankdata(values.numpy()), dtype=np.float64))


def rho_by_cosine(a, b):
    r, s = (library_ranks(x) - (len(x) + 1) / 2 for x in (a, b))
    return F.cosine_similarity(r, s, dim=0)


def listed_ranks(values):
    """Python's lists: the mean of all places that a value has in the sorted list."""
    places = defaultdict(list)
    for place, value in enumerate(sorted(values.tolist()), 1):
        places[value].append(place)
    return torch.tensor([sum(places[v]) / len(places[v]) for v in values.tolist()])


def rho_by_loop(a, b):
    r, s = listed_ranks(a).tolist(), listed_ranks(b).tolist()
    middle = (len(r) + 1) / 2
    products = sum((x - middle) * (y - middle) for x, y in zip(r, s, strict=True))
    return products / math.sqrt(sum((x - middle) ** 2 for x in r) * sum((y - middle) ** 2 for y in s))


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


def other_importance(predict, first, second, labels, which, draws, generator):
    inputs = {"first": first, "second": second}
    if which not in inputs:
        raise ValueError(which)
    intact = predict(first, second).eq(labels).float().mean()
    accuracies = []
    for _ in range(draws):
        mixed = dict(inputs)
        mixed[which] = inputs[which][torch.rand(len(labels), generator=generator).argsort()]
        accuracies.append(predict(*mixed.values()).eq(labels).float().mean())
    return intact - torch.stack(accuracies).mean(), torch.stack(accuracies).std()


def looped_importance(predict, first, second, labels, which, draws, generator):
    """Row by row, after Fisher and Yates; the statistics by Python."""
    if which not in {"first", "second"}:
        raise ValueError(f"{which} is neither of the two")

    def right_ones(a, b):
        return sum(p == label for p, label in zip(predict(a, b).tolist(), labels.tolist(), strict=True)) / len(labels)

    losses = []
    for _ in range(draws):
        order = list(range(len(labels)))
        for i in reversed(range(1, len(order))):
            j = int(torch.randint(i + 1, (1,), generator=generator))
            order[i], order[j] = order[j], order[i]
        a = torch.stack([first[i] for i in order]) if which == "first" else first
        b = torch.stack([second[i] for i in order]) if which == "second" else second
        losses.append(right_ones(first, second) - right_ones(a, b))
    return statistics.fmean(losses), statistics.stdev(losses)


def other_dropout(first, second, hide, generator):
    """Which of three cases each sample is: a categorical draw; rows set in clones."""
    if hide < 0 or hide > 0.5:
        raise ValueError("hide")
    weights = torch.tensor([hide, hide, 1 - 2 * hide])
    case = torch.multinomial(weights, len(first), replacement=True, generator=generator)
    a, b = first.clone(), second.clone()
    a[case == 0] = 0
    b[case == 1] = 0
    return a, b


def looped_dropout(first, second, hide, generator):
    """Sample by sample, with two draws each, as lists."""
    if not 0 <= hide <= 1 / 2:
        raise ValueError(f"{hide} is out of range")
    rows = [], []
    for a, b in zip(first, second, strict=True):
        one = torch.rand(1, generator=generator) < 2 * hide
        the_first = torch.rand(1, generator=generator) < 0.5
        rows[0].append(torch.zeros_like(a) if one and the_first else a)
        rows[1].append(torch.zeros_like(b) if one and not the_first else b)
    return [torch.stack(some) for some in rows]


RIGHT = [
    ("0.0", [numbers_in]),
    ("0.0", [multiplied]),
    ("0.0", [lambda shape: torch.zeros(shape).numel()]),
    ("0.0", [lambda shape: torch.tensor(shape).prod()]),
    ("0.1", [ranks, rho]),
    ("0.1", [sorted_ranks, rho_by_numpy]),
    ("0.1", [library_ranks, rho_by_cosine]),
    ("0.1", [listed_ranks, rho_by_loop]),
    ("0.2", [count, best_guess]),
    ("0.2", [looped_count, looped_guess]),
    ("0.2", [other_count, added_up]),
    ("0.3", [importance]),
    ("0.3", [other_importance]),
    ("0.3", [looped_importance]),
    ("0.4", [dropout]),
    ("0.4", [other_dropout]),
    ("0.4", [looped_dropout]),
]

EQUIVALENT = {
    ("0.1", "ranks: cast"): "the card asks for a floating-point tensor, and float64 is one",
    ("0.2", "best_guess: cast"): "the same",
}


def one_colour(shape):
    return numbers_in(shape[-2:])


def first_times_last(shape):
    return shape[0] * shape[-1] ** 2 if len(shape) > 1 else shape[0]


def ranks_from_zero(values):
    return ranks(values) - 1


def largest_first(values):
    return len(values) + 1 - ranks(values)


def order_for_ranks(values):
    """The usual mistake: argsort says who is first, not which place each one has."""
    return values.argsort().float() + 1


def ties_by_place(values):
    """Equal values get different ranks."""
    return values.argsort(stable=True).argsort().float() + 1


def smallest_of_ties(values):
    return (values[None] < values[:, None]).sum(1).float() + 1


def without_gaps(values):
    """Dense ranks: after equal values it goes on with the next number."""
    return torch.unique(values, return_inverse=True)[1].float() + 1


def whole_ranks(values):
    return ranks(values).long()


def as_shares(values):
    return ranks(values) / len(values)


def pearson(a, b):
    return np.corrcoef(a.numpy(), b.numpy())[0, 1]


def short_formula(a, b):
    """1 - 6 sum(d^2) / (n^3 - n): right only where no values are equal."""
    n = len(a)
    return 1 - 6 * (ranks(a) - ranks(b)).square().sum() / (n**3 - n)


def without_centring(a, b):
    return F.cosine_similarity(ranks(a), ranks(b), dim=0)


def kendall(a, b):
    i, j = torch.triu_indices(len(a), len(a), 1)
    return ((a[i] - a[j]).sign() * (b[i] - b[j]).sign()).double().mean()


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

    def wrong(predict, first, second, labels, which, draws, generator):
        if which not in ("first", "second"):
            raise ValueError(which)
        intact, lost = (predict(first, second) == labels).double().mean(), []
        for _ in range(draws):
            a, b = (shuffle(x, generator) if which == w else x for x, w in ((first, "first"), (second, "second")))
            lost.append(intact - (predict(a, b) == labels).double().mean())
        return torch.stack(lost).mean().item(), torch.stack(lost).std().item()

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


def raises_always(predict, first, second, labels, which, draws, generator):
    raise ValueError("no")


def both_together(predict, first, second, labels, which, draws, generator):
    rows = order(labels, generator)
    return importance(predict, first[rows], second[rows], labels, which, draws, generator)


def labels_too(predict, first, second, labels, which, draws, generator):
    """Hands the labels round with the input."""
    if which not in ("first", "second"):
        raise ValueError(which)
    intact, lost = (predict(first, second) == labels).double().mean(), []
    for _ in range(draws):
        rows = order(labels, generator)
        a, b = first[rows] if which == "first" else first, second[rows] if which == "second" else second
        lost.append(intact - (predict(a, b) == labels[rows]).double().mean())
    return torch.stack(lost).mean().item(), torch.stack(lost).std().item()


def swapped(predict, first, second, labels, which, draws, generator):
    which = {"first": "second", "second": "first"}.get(which, which)
    return importance(predict, first, second, labels, which, draws, generator)


def else_means_second(predict, first, second, labels, which, draws, generator):
    which = which if which == "first" else "second"
    return importance(predict, first, second, labels, which, draws, generator)


def one_order_for_all(predict, first, second, labels, which, draws, generator):
    """Draws once and measures the same order again and again."""
    mean, _ = importance(predict, first, second, labels, which, 2, generator)
    return mean, 0.0


def accuracy_left(predict, first, second, labels, which, draws, generator):
    mean, spread = importance(predict, first, second, labels, which, draws, generator)
    return (predict(first, second) == labels).double().mean().item() - mean, spread


def from_one(predict, first, second, labels, which, draws, generator):
    """Takes the accuracy without shuffling for 1."""
    mean, spread = importance(predict, first, second, labels, which, draws, generator)
    return mean + 1 - (predict(first, second) == labels).double().mean().item(), spread


def over_n(predict, first, second, labels, which, draws, generator):
    mean, spread = importance(predict, first, second, labels, which, draws, generator)
    return mean, spread * math.sqrt((draws - 1) / draws)


def standard_error(predict, first, second, labels, which, draws, generator):
    mean, spread = importance(predict, first, second, labels, which, draws, generator)
    return mean, spread / math.sqrt(draws)


def negative(predict, first, second, labels, which, draws, generator):
    mean, spread = importance(predict, first, second, labels, which, draws, generator)
    return -mean, spread


def percent(*arguments):
    return tuple(100 * x for x in importance(*arguments))


def dropped_with(masks):
    """Modality dropout with other masks: masks(n, hide, generator) -> which rows of each input are kept."""

    def wrong(first, second, hide, generator):
        if not 0 <= hide <= 0.5:
            raise ValueError(hide)
        keep = masks(len(first), hide, generator)
        return tuple(x * k.view(-1, *[1] * (x.ndim - 1)) for x, k in zip((first, second), keep, strict=True))

    wrong.__name__ = masks.__name__
    return wrong


def independent(n, hide, generator):
    """Both may be hidden at once."""
    return torch.rand(n, generator=generator) >= hide, torch.rand(n, generator=generator) >= hide


def second_only_where_first_stays(n, hide, generator):
    """Never both, but the second is hidden too rarely."""
    a, b = (torch.rand(n, generator=generator) >= hide for _ in range(2))
    return a, b | ~a


def kept_for_hidden(n, hide, generator):
    luck = torch.rand(n, generator=generator)
    return luck < hide, luck >= 1 - hide


def hide_in_all(n, hide, generator):
    """`hide` of the samples are touched, half of them in each input."""
    luck = torch.rand(n, generator=generator)
    return luck >= hide / 2, luck < 1 - hide / 2


def the_whole_batch(n, hide, generator):
    luck = torch.rand(1, generator=generator).expand(n)
    return luck >= hide, luck < 1 - hide


def first_rows(n, hide, generator):
    """Always the first and the last rows."""
    torch.rand(n, generator=generator)
    luck = (torch.arange(n) + 0.5) / n
    return luck >= hide, luck < 1 - hide


def only_the_first(n, hide, generator):
    return torch.rand(n, generator=generator) >= hide, torch.ones(n, dtype=torch.bool)


def global_luck(n, hide, generator):
    luck = torch.rand(n)
    return luck >= hide, luck < 1 - hide


def reseeded_luck(n, hide, generator):
    luck = torch.rand(n, generator=torch.Generator().manual_seed(generator.initial_seed()))
    return luck >= hide, luck < 1 - hide


def numbers_not_rows(first, second, hide, generator):
    """Hides single numbers, as ordinary dropout does."""
    if not 0 <= hide <= 0.5:
        raise ValueError(hide)
    return tuple(x * (torch.rand(x.shape, generator=generator) >= hide) for x in (first, second))


def scaled_up(first, second, hide, generator):
    """Divides what is kept by 1 - hide, as ordinary dropout does."""
    return tuple(x / (1 - hide) for x in dropout(first, second, hide, generator))


def hidden_in_place(first, second, hide, generator):
    for x, new in zip((first, second), dropout(first, second, hide, generator), strict=True):
        x.copy_(new)
    return first, second


def any_hide(first, second, hide, generator):
    return dropout(first, second, min(max(hide, 0), 0.5), generator)


def inputs_swapped(first, second, hide, generator):
    return dropout(first, second, hide, generator)[::-1]


def as_float32(first, second, hide, generator):
    return tuple(x.float() for x in dropout(first, second, hide, generator))


WRONG = [
    ("0.0", [right.sum_of_shape]),  # the notebook's own wrong guess
    ("0.0", [len]),
    ("0.0", [max]),
    ("0.0", [one_colour]),
    ("0.0", [first_times_last]),
    ("0.0", [lambda shape: multiplied(shape) if shape else 0]),
    *[
        ("0.1", [way, rho])
        for way in (ranks_from_zero, largest_first, order_for_ranks, ties_by_place, smallest_of_ties, without_gaps)
    ],
    *[("0.1", [way, rho]) for way in (whole_ranks, as_shares, lambda values: ranks(values).tolist())],
    *[("0.1", [ranks, way]) for way in (pearson, short_formula, without_centring, kendall)],
    ("0.1", [ranks, lambda a, b: abs(rho(a, b))]),
    ("0.1", [ranks, lambda a, b: rho(a, b) ** 2]),
    ("0.1", [ranks, lambda a, b: rho(a, -b)]),
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
    ("0.3", [else_means_second]),
    *[
        ("0.3", [way])
        for way in (one_order_for_all, accuracy_left, from_one, over_n, standard_error, negative, percent)
    ],
    ("0.3", [lambda *arguments: importance(*arguments)[0]]),
    *[
        ("0.4", [dropped_with(way)])
        for way in (independent, second_only_where_first_stays, kept_for_hidden, hide_in_all, the_whole_batch)
    ],
    *[("0.4", [dropped_with(way)]) for way in (first_rows, only_the_first, global_luck, reseeded_luck)],
    *[("0.4", [way]) for way in (numbers_not_rows, scaled_up, hidden_in_place, any_hide, inputs_swapped, as_float32)],
    ("0.4", [lambda first, second, hide, generator: (first, second)]),
    ("0.4", [lambda *arguments: dropout(*arguments)[0]]),
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
    for number, names in (("0.1", ("ranks", "rank_correlation")), ("0.2", ("count", "best_guess"))):
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
        checks.check("0.1", right.ranks, learner.rank_correlation)
        assert "not written yet" in (said := capsys.readouterr().out) and "✔" in said and "Hint" not in said
    checks.check("0.1", lambda values: values[0], learner.rank_correlation)
    assert "Hint 1 of" in (said := capsys.readouterr().out) and "Hint 2" not in said


def test_error_and_standard_are_what_the_text_says():
    guess, pictures = torch.tensor([100.0]), torch.tensor([[0], [200]], dtype=torch.uint8)
    assert right.error(guess, pictures) == 10_000
    right.train = torch.arange(4)
    x = right.standard(torch.tensor([[1.0, 5], [2, 5], [3, 5], [4, 5], [9, 9]]))
    torch.testing.assert_close(x[:4].mean(0), torch.zeros(2))
    assert x[:4].std(0).tolist() == pytest.approx([1, 0])
