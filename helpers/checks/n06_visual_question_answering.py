"""The checks of assignment 06. Expected values come from plain loops, and from made-up questions of known answers."""

import math
from collections import Counter

import torch
import torch.nn.functional as F

from helpers.checks import NOTHING, Exercise, close, everywhere, first_wrong, follows_generator, refuses
from helpers.checks.telling import what

EXERCISES = {
    "6.1": Exercise(
        2,
        [
            "Start from a tensor of zeros, (questions, length), and fill in what each row has.",
            "str.lower, replace the question mark by a blank, split: that also takes care of several blanks.",
            "Look for words that are not in `number` before you look any up, and put the word into the message.",
        ],
    ),
    "6.2": Exercise(
        2,
        [
            "What shape has each of the two projections? They must be alike before they meet.",
            "W_h is (U, H): a row an output. To send rows of h through it, transpose it: h @ W_h.T.",
            "tanh of each projection, then *, not @. And compare len(h) with len(v) before anything else.",
        ],
    ),
    "6.3": Exercise(
        2,
        [
            "The question's H numbers come first, the picture's V behind them: one row of H + V.",
            "torch.cat joins along the dimension that you name: rows must stay rows.",
            "One product with W transposed, plus b, and everything below 0 becomes 0.",
        ],
    ),
    "6.4": Exercise(
        3,
        [
            "One question, one picture: write down the shape of its scores. Over which dimension do weights sum to 1?",
            "query[:, None] against keys, summed over d, gives (batch, L). Divide by the root of d, not of L.",
            "A score of minus infinity has a weight of exactly 0 after the softmax, and the others share the rest.",
            "The context weighs `places`, not `keys`. Refuse a row of `real` without a True before the softmax.",
        ],
    ),
    "6.5": Exercise(
        2,
        [
            "said == answers is a truth value a question; kinds == i chooses the questions of one kind.",
            "Leave out a kind that no question has before you divide. .item() makes a Python float of a tensor.",
            '"all" is a mean over questions, "mean" one over the accuracies of the kinds that are there.',
        ],
    ),
    "6.6": Exercise(
        2,
        [
            "usual_answers: a Counter of answers for each question, and one of all answers for what is new.",
            "usual_answers: Counter.most_common takes ties as they came. min over (-count, answer) takes the first in "
            "the alphabet.",
            "other_pictures: a permutation may leave a number in its place. What if all stand in a random circle?",
            "other_pictures: in a circle each takes the number of its neighbour; give every draw your generator.",
        ],
    ),
    "6.7": Exercise(
        3,
        [
            "Do one group on paper: yes, yes, yes, no. How many of each can stay, and what decides it?",
            "Within a group, unique(return_counts=True) of its answers tells which occur, and how rare the rarest is.",
            "Draw with torch.randperm(..., generator=generator), then take equally many of each answer that occurs.",
            "Leave out groups with one answer. torch.cat of an empty list fails, so begin with an empty LongTensor.",
        ],
    ),
}


# 6.1 questions as numbers

NUMBER = {word: i for i, word in enumerate("a are drum frog how is left many of the there what".split(), start=1)}


def encodes(encode, texts, length, rows, number=NUMBER, by_name=False):
    expected = torch.tensor([row + [0] * (length - len(row)) for row in rows])
    arguments = {"texts": list(texts), "number": dict(number), "length": length}
    got = encode(**arguments) if by_name else encode(*arguments.values())
    if got is not None and not isinstance(got, torch.Tensor):
        return f"it returned {what(got)}, not a LongTensor"
    if (verdict := close(got, expected)) is not True:
        return verdict
    return got.dtype == torch.long or f"word numbers are whole: a LongTensor, not {got.dtype}"


@EXERCISES["6.1"].case("two questions of 4 and 6 words, in rows of 6: numbers in order, then padding")
def _(encode):
    texts = ["is there a frog", "what is left of the drum"]
    return encodes(encode, texts, 6, [[6, 11, 1, 4], [12, 6, 7, 9, 10, 3]])


@EXERCISES["6.1"].case("capitals, blanks and question marks do not matter, wherever they stand")
def _(encode):
    texts = ["Is there a FROG?", "  how many   frog are there ? ", "a?frog", "the drum??"]
    return encodes(encode, texts, 8, [[6, 11, 1, 4], [5, 8, 4, 2, 11], [1, 4], [10, 3]])


@EXERCISES["6.1"].case("a word twice counts twice; one question, and one of just `length` words")
def _(encode):
    return first_wrong(
        encodes(encode, ["the frog of the frog"], 5, [[10, 4, 9, 10, 4]]), encodes(encode, ["drum"], 1, [[3]])
    )


@EXERCISES["6.1"].case("other words with other numbers; called by name, as texts=..., number=..., length=...")
def _(encode):
    number = {"zebra": 300, "is": 2, "the": 1, "frog": 40, "asleep": 7}
    rows = [[2, 1, 300, 7], [40]]
    return encodes(encode, ["Is the zebra asleep?", "frog"], 5, rows, number, by_name=True)


@EXERCISES["6.1"].case("an unknown word is refused with a ValueError that names it")
def _(encode):
    for text, word in (("is there a unicorn", "unicorn"), ("is the Yeti there?", "yeti"), ("zebra", "zebra")):
        if (verdict := refuses(encode, ["is there a frog", text], dict(NUMBER), 8)) is not True:
            return f"{text!r}: {verdict}"
        try:
            encode([text], dict(NUMBER), 8)
        except ValueError as error:
            said = str(error).lower().replace(text.lower(), "")  # the whole question is no name of the word
            if word not in said and text.lower() != word:
                return f"the message does not name {word!r} by itself"
    return True


@EXERCISES["6.1"].case("a question without a word, and one that is too long, are refused with a ValueError")
def _(encode):
    tried = [[""], [" ? "], ["is there a frog", "?"], ["is there a frog left of the drum"]]
    return first_wrong(*(refuses(encode, texts, dict(NUMBER), 6) for texts in tried))


# 6.2 and 6.3 fusion


def true_product(h, v, W_h, W_v):
    return F.linear(h, W_h).tanh() * F.linear(v, W_v).tanh()


def true_concat(h, v, W, b):
    return F.relu(F.linear(torch.hstack([h, v]), W, b))


SIZES = [dict(zip(("batch", "H", "V", "U"), some, strict=True)) for some in ((4, 3, 5, 6), (5, 5, 5, 5), (1, 2, 3, 4))]
SIZES.append({"batch": 3, "H": 4, "V": 4, "U": 1})


def product_input(batch=4, H=3, V=5, U=6):
    return {"h": torch.randn(batch, H), "v": torch.randn(batch, V), "W_h": torch.randn(U, H), "W_v": torch.randn(U, V)}


def concat_input(batch=4, H=3, V=5, U=6):
    return {"h": torch.randn(batch, H), "v": torch.randn(batch, V), "W": torch.randn(U, H + V), "b": torch.randn(U)}


@EXERCISES["6.2"].case("by hand: tanh 1 times tanh 2, and a question of zeros shuts the gate")
def _(fuse_product):
    h, v = torch.tensor([[1.0, 0.0], [0.0, 0.0]]), torch.tensor([[2.0], [2.0]])
    expected = torch.tensor([[math.tanh(1) * math.tanh(2)], [0.0]])
    return close(fuse_product(h, v, torch.tensor([[1.0, 9.0]]), torch.tensor([[1.0]])), expected)


@EXERCISES["6.2"].case(
    "values and gradients agree with torch's own layers, for batches of any size, one too, in float32 and float64"
)
def _(fuse_product):
    return everywhere(fuse_product, true_product, product_input, SIZES, gradients=True)


@EXERCISES["6.2"].case("one question and many pictures, or the other way round, are refused with a ValueError")
def _(fuse_product):
    h, v, W_h, W_v = product_input().values()
    return first_wrong(
        *(refuses(fuse_product, q, p, W_h, W_v) for q, p in ((h[:1], v), (h, v[:1]), (h[:2], v), (h, v[:3])))
    )


@EXERCISES["6.3"].case("by hand: question 1, picture 2 and 3, weights 10, 1, 1; then a bias that shuts it")
def _(fuse_concat):
    h, v, W = torch.tensor([[1.0]]), torch.tensor([[2.0, 3.0]]), torch.tensor([[10.0, 1.0, 1.0], [1.0, 1.0, 1.0]])
    return close(fuse_concat(h, v, W, torch.tensor([0.5, -7.0])), torch.tensor([[15.5, 0.0]]))


@EXERCISES["6.3"].case(
    "values and gradients agree with torch's own layers, for batches of any size, one too, in float32 and float64"
)
def _(fuse_concat):
    return everywhere(fuse_concat, true_concat, concat_input, SIZES, gradients=True)


# 6.4 attention


def true_attention(query, keys, places, real=None):
    scores = torch.einsum("bd,bld->bl", query, keys) / math.sqrt(query.shape[1])
    weights = (scores if real is None else scores.masked_fill(~real, -torch.inf)).softmax(1)
    return weights, (weights[:, :, None] * places).sum(1)


def attention_input(batch, L, d=5, D=7):
    return torch.randn(batch, d), torch.randn(batch, L, d), torch.randn(batch, L, D)


def looks(batch=4, L=6, d=5, D=7, covered=False):
    """The arguments by name; with `covered`, some places are not real, and what stands there is large."""
    named = dict(zip(("query", "keys", "places"), attention_input(batch, L, d, D), strict=True))
    if covered:
        real = torch.rand(batch, L) > 0.4
        real[:, L // 2], real[-1, 0] = True, False
        named["keys"][~real], named["places"][~real] = 50 * named["keys"][~real], 1e4
        named["real"] = real
    return named


def attends(attend, *arguments, expected=None):
    got = attend(*(x.clone() for x in arguments))
    if not isinstance(got, tuple | list) or len(got) != 2:
        return "it must return two tensors: weights and context"
    for name, mine, right in zip(("weights", "context"), got, expected or true_attention(*arguments), strict=True):
        if (verdict := close(mine, right)) is not True:
            return f"{name}: {verdict}"
    return True


@EXERCISES["6.4"].case("by hand: four numbers a key, scores 0 and 2 log 3 before the root of 4: weights 1/4 and 3/4")
def _(attend):
    query = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    keys = torch.tensor([[[0.0, 5.0, 0.0, 0.0], [2 * math.log(3), 0.0, 7.0, 0.0]]])
    expected = torch.tensor([[0.25, 0.75]]), torch.tensor([[0.75, 7.0]])
    return attends(attend, query, keys, torch.tensor([[[0.0, 4.0], [1.0, 8.0]]]), expected=expected)


@EXERCISES["6.4"].case(
    "values and gradients agree with torch's own softmax; keys and places of any length, one picture too"
)
def _(attend):
    names = ("batch", "L", "d", "D")
    some, one = ((3, 4, 5, 7), (4, 4, 4, 4), (1, 5, 2, 1)), ((3, 1, 5, 7), (1, 1, 1, 1))
    sizes, of_one_place = ([dict(zip(names, size, strict=True)) for size in sizes] for sizes in (some, one))
    return first_wrong(
        everywhere(attend, true_attention, looks, sizes, gradients=True),
        everywhere(attend, true_attention, looks, of_one_place),
    )


@EXERCISES["6.4"].case("a place that is not real weighs exactly 0, whatever stands there; the others sum to 1")
def _(attend):
    query, keys, places = attention_input(6, 5)
    real = torch.rand(6, 5) > 0.4
    real[:, 2], real[0], real[1, 0] = True, True, False
    keys[~real], places[~real] = 50 * keys[~real], 1e6
    if (verdict := attends(attend, query, keys, places, real)) is not True:
        return verdict
    weights, _ = attend(query, keys, places, real)
    return bool((weights[~real] == 0).all()) or "a place that is not there has a weight"


@EXERCISES["6.4"].case("one real place gets all; scores of a thousand stay finite")
def _(attend):
    query, keys, places = attention_input(4, 4)
    return first_wrong(
        attends(attend, query, keys, places, torch.eye(4) > 0), attends(attend, 1000 * query, keys, places)
    )


@EXERCISES["6.4"].case(
    "with `real`, values and gradients are right, too; none is NaN, and none flows to what is not real"
)
def _(attend):
    sizes = [{"covered": True}, {"batch": 1, "L": 3, "covered": True}, {"batch": 9, "L": 16, "d": 2, "covered": True}]
    return everywhere(attend, true_attention, looks, sizes, gradients=True)


@EXERCISES["6.4"].case("a picture without a place, among others, is refused with a ValueError that says why")
def _(attend):
    real = torch.ones(3, 4, dtype=torch.bool)
    real[1] = False
    return refuses(attend, *attention_input(3, 4), real)


# 6.5 accuracy by kind


def measures(function, said, answers, kinds, names, expected):
    arguments = {"said": torch.tensor(said), "answers": torch.tensor(answers), "kinds": torch.tensor(kinds)}
    got = function(**arguments, names=names) if len(said) == 7 else function(*arguments.values(), names)
    if not isinstance(got, dict):
        return f"it returned a {type(got).__name__}, not a dictionary"
    if set(got) != set(expected):
        return f"the keys are {sorted(got)}, not {sorted(expected)}"
    if wrong := [name for name, value in got.items() if not isinstance(value, float)]:
        return f"{wrong[0]!r} is a {type(got[wrong[0]]).__name__}, not a Python float"
    wrong = [name for name in expected if not math.isclose(got[name], expected[name], abs_tol=1e-6)]
    return not wrong or f"{wrong[0]!r} is {got[wrong[0]]:.4g}, not {expected[wrong[0]]:.4g}"


@EXERCISES["6.5"].case("by hand: 3 of 4 right, and 0 of 1: all is 3/5, the mean of the kinds 3/8")
def _(accuracy_by_kind):
    expected = {"all": 0.6, "mean": 0.375, "count": 0.75, "left": 0.0}
    return measures(accuracy_by_kind, [1, 2, 3, 9, 5], [1, 2, 3, 4, 6], [0, 0, 0, 0, 1], ["count", "left"], expected)


@EXERCISES["6.5"].case("a kind without a question is left out, and does not pull the mean down")
def _(accuracy_by_kind):
    expected = {"all": 2 / 3, "mean": 0.75, "there": 0.5, "same": 1.0}
    return measures(accuracy_by_kind, [1, 0, 7], [1, 1, 7], [2, 2, 0], ("same", "above", "there", "left"), expected)


@EXERCISES["6.5"].case("random answers agree with plain counting, also when it is called by name")
def _(accuracy_by_kind):
    names, verdicts = ("a", "b", "c", "d", "e"), []
    for n in (1, 7, 60):
        said, answers = torch.randint(3, (2, n)).tolist()
        kinds = torch.randint(5, (n,)).tolist()
        right, asked = Counter(k for k, s, a in zip(kinds, said, answers, strict=True) if s == a), Counter(kinds)
        expected = {names[kind]: right[kind] / count for kind, count in asked.items()}
        expected |= {"all": right.total() / n, "mean": sum(expected.values()) / len(expected)}
        verdicts.append(measures(accuracy_by_kind, said, answers, kinds, names, expected))
    return first_wrong(*verdicts)


@EXERCISES["6.5"].case("no question, or not equally many of each, is refused with a ValueError that says why")
def _(accuracy_by_kind):
    one, three = torch.zeros(1, dtype=torch.long), torch.zeros(3, dtype=torch.long)
    tried = [(one[:0], one[:0], one[:0]), (one, three, three), (three, one, three), (three, three, one)]
    return first_wrong(*(refuses(accuracy_by_kind, *some, ("there",)) for some in tried))


# 6.6 controls


def says(got, expected):
    if got is None:
        return NOTHING
    if not isinstance(got, list | tuple):
        return f"it returned {what(got)}, not a list"
    got = list(got)
    return got == expected or f"it says {got[:6]}, not {expected[:6]}"


def true_usual(train_texts, train_answers, texts):
    """By sorting the answers that each question had."""
    said = []
    for text in texts:
        found = [a for t, a in zip(train_texts, train_answers, strict=True) if t == text] or list(train_answers)
        said.append(max(sorted(set(found)), key=found.count))
    return said


@EXERCISES["6.6"].case("usual_answers, by hand: frog yes, yes, no; drum no; an owl that was never asked for")
def _(usual_answers, other_pictures):
    texts = ["is there a frog"] * 3 + ["is there a drum"] * 3
    answers = ["yes", "yes", "no", "no", "no", "no"]
    new = ["is there a drum", "is there an owl", "is there a frog", "is there a frog"]
    return says(usual_answers(texts, answers, new), ["no", "no", "yes", "yes"])


@EXERCISES["6.6"].case("of equally frequent answers the first in the alphabet, for known and unknown questions")
def _(usual_answers, other_pictures):
    texts, answers = ["how many"] * 4 + ["what"] * 2, ["two", "one", "two", "one", "two", "one"]
    verdicts = []
    for order in (range(6), range(5, -1, -1)):
        mixed = [texts[i] for i in order], [answers[i] for i in order]
        named = dict(zip(("train_texts", "train_answers"), mixed, strict=True))
        verdicts.append(says(usual_answers(**named, texts=["how many", "what", "who"]), ["one", "one", "one"]))
    return first_wrong(*verdicts)


@EXERCISES["6.6"].case("random questions agree with plain counting; questions are the same word by word, or not at all")
def _(usual_answers, other_pictures):
    nouns, verdicts = "frog drum cow car".split(), []
    wordings = [f"{first} {noun}" for first in ("is there a", "how many", "do you see a") for noun in nouns]
    for n in (3, 40, 200):
        texts = [wordings[i] for i in torch.randint(len(wordings), (n,))]
        answers = [("yes", "no", "two", "one")[i] for i in torch.randint(4, (n,))]
        verdicts.append(
            says(usual_answers(texts, answers, [*wordings, "a"]), true_usual(texts, answers, [*wordings, "a"]))
        )
    return first_wrong(*verdicts)


@EXERCISES["6.6"].case("nothing to learn from is refused with a ValueError that says why; no new question: []")
def _(usual_answers, other_pictures):
    return first_wrong(
        refuses(usual_answers, [], [], ["is there a frog"]), says(usual_answers(["is it"], ["yes"], []), [])
    )


def drawn(function, *arguments, seed):
    return function(*arguments, torch.Generator().manual_seed(seed))


@EXERCISES["6.6"].case("other_pictures: every number once, none in its own place, for 2 pictures and for 600")
def _(usual_answers, other_pictures):
    for n in (2, 3, 4, 5, 7, 600):
        for seed in range(30 if n < 10 else 3):
            got = drawn(other_pictures, n, seed=seed)
            if got is None:
                return NOTHING
            if not isinstance(got, torch.Tensor) or got.dtype != torch.long:
                return f"it returned {what(got)}, not a LongTensor"
            if (verdict := close(got.sort().values, torch.arange(n))) is not True:
                return f"{n} pictures: {verdict} (sorted, it should be 0 to {n - 1})"
            if (got == torch.arange(n)).any():
                return f"of {n} pictures, number {(got == torch.arange(n)).nonzero()[0].item()} got its own"
    return True


@EXERCISES["6.6"].case("other_pictures: the generator alone decides, and picture 0 may get any other")
def _(usual_answers, other_pictures):
    if (verdict := follows_generator(lambda g: other_pictures(n=50, generator=g))) is not True:
        return verdict
    got = {int(drawn(other_pictures, 5, seed=seed)[0]) for seed in range(60)}
    return got == {1, 2, 3, 4} or f"in 60 draws of 5 pictures, picture 0 got only {sorted(got)}"


@EXERCISES["6.6"].case("other_pictures: of 1 picture none is another one's: a ValueError that says so")
def _(usual_answers, other_pictures):
    return first_wrong(*(refuses(other_pictures, n, torch.Generator().manual_seed(0)) for n in (0, 1)))


# 6.7 balance


def true_sizes(groups, answers):
    """How many questions of each (group, answer) a balanced set keeps."""
    counts = Counter(zip(groups, answers, strict=True))
    kept = {}
    for group in set(groups):
        of_group = {pair: n for pair, n in counts.items() if pair[0] == group}
        if len(of_group) > 1:
            kept |= dict.fromkeys(of_group, min(of_group.values()))
    return kept


def balances(balance, groups, answers, seed=0):
    got = balance(torch.tensor(groups), torch.tensor(answers), torch.Generator().manual_seed(seed))
    if not isinstance(got, torch.Tensor) or got.dtype != torch.long or got.ndim != 1:
        return "it must return a LongTensor of one dimension"
    rows = got.tolist()
    if rows and not 0 <= min(rows) <= max(rows) < len(groups):
        return f"there are questions 0 to {len(groups) - 1}, not {min(rows)} to {max(rows)}"
    if len(set(rows)) < len(rows):
        return "a question comes twice"
    if rows != sorted(rows):
        return "the numbers do not ascend"
    kept, expected = Counter((groups[i], answers[i]) for i in rows), true_sizes(groups, answers)
    for pair in sorted(kept | expected):
        if kept[pair] != expected.get(pair, 0):
            came = f"of group {pair[0]}, {kept[pair]} questions with answer {pair[1]} are kept"
            return f"{came}, not {expected.get(pair, 0)}"
    return True


@EXERCISES["6.7"].case("by hand: yes, yes, yes, no, and a second group with two of each: 2 and 4 are kept")
def _(balance):
    return balances(balance, [0, 0, 0, 0, 1, 1, 1, 1], [1, 1, 1, 0, 1, 0, 0, 1])


@EXERCISES["6.7"].case(
    "each group keeps as many as its own rarest answer allows, and only answers that occur in it count"
)
def _(balance):
    groups = [3] * 9 + [800] * 12 + [-2] * 5
    answers = [1] * 6 + [0] * 2 + [4] + [1] * 7 + [9] * 5 + [50, 7, 50, 7, 50]
    mixed = torch.randperm(len(groups)).tolist()
    return balances(balance, [groups[i] for i in mixed], [answers[i] for i in mixed])


@EXERCISES["6.7"].case("a group with a single answer is left out; if all are, the result is empty")
def _(balance):
    return first_wrong(
        balances(balance, [0, 1, 0, 1, 2, 0], [5, 5, 5, 6, 7, 5]),
        balances(balance, [0, 0, 1, 2], [1, 1, 2, 3]),
    )


@EXERCISES["6.7"].case("random sets agree with plain counting")
def _(balance):
    verdicts = []
    for n in (2, 30, 500):
        groups, answers = torch.randint(6, (n,)), (4 * torch.rand(n) ** 2).long()
        verdicts.append(balances(balance, groups.tolist(), answers.tolist()))
    return first_wrong(*verdicts)


@EXERCISES["6.7"].case("the generator alone decides, and no question is always left out, or always kept")
def _(balance):
    groups, answers = torch.tensor([0] * 20), torch.tensor([1, 1, 1, 0] * 5)
    if (verdict := follows_generator(lambda g: balance(groups=groups, answers=answers, generator=g))) is not True:
        return verdict
    kept = Counter(i for seed in range(80) for i in drawn(balance, groups, answers, seed=seed).tolist())
    often = [kept[i] for i in range(20) if answers[i] == 1]
    return min(often) >= 10 and max(often) <= 50 or "some of the questions are kept far more often than others"


@EXERCISES["6.7"].case("not as many answers as groups: refused with a ValueError that says why")
def _(balance):
    generator, three = torch.Generator().manual_seed(0), torch.tensor([0, 0, 1])
    return first_wrong(refuses(balance, three, three[:2], generator), refuses(balance, three[:1], three, generator))
