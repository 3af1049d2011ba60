"""The checks of assignment 01. Expected values come from brute force, from torch's own losses and from autograd."""

import contextlib
import re
from collections import Counter

import torch
import torch.nn.functional as F

from helpers.checks import NOTHING, Exercise, alike, close, everywhere, first_wrong, refuses

EXERCISES = {
    "1.1": Exercise(
        2,
        [
            "Take a pencil: write down all pairs of three words with a window of 1. Compare with your list.",
            "Walk over places, not words: place i has the neighbours i - window to i + window, without i itself.",
            "A place below 0 or beyond the last word does not exist. Python reads words[-1] as the last word.",
        ],
    ),
    "1.2": Exercise(
        2,
        [
            "keep_probability begins with the relative frequencies: counts divided by their sum.",
            "A probability is never larger than 1 (.clamp(max=1) cuts it), and a distribution's values add up to 1.",
            "Raise to the power first, then divide by the sum of what you got.",
        ],
    ),
    "1.3": Exercise(
        3,
        [
            "For a centre: one dot product with its true context word, k with its noise words; u[:, None] * v_noise "
            "pairs each centre with its own k.",
            "The noise words enter with a minus inside the sigmoid, and are summed; only the pairs are averaged.",
            "log(sigmoid(-200)) is -inf once the sigmoid has rounded to 0. torch.nn.functional has it in one step.",
        ],
    ),
    "1.4": Exercise(
        4,
        [
            "Begin with the errors: sigmoid(score) minus 1 for the true word, sigmoid(score) minus 0 for noise.",
            "An error times the other side's vector: a centre collects from all its words, a word from its centre.",
            "The loss is a mean over the pairs, so each gradient is divided by their number.",
        ],
        forbidden={
            "torch.autograd.grad": "write the gradient out",
            "torch.autograd.backward": "write the gradient out",
            "torch.func": "write the gradient out",
        },
    ),
    "1.5": Exercise(
        3,
        [
            "The cosine does not ask for length: scale every vector to length 1 first.",
            "The words that you were given must not win: give them a score that cannot be the largest.",
            "For the analogy scale a, b and c to length 1 before you add and subtract; look for a missing word first.",
        ],
    ),
    "1.6": Exercise(
        2,
        [
            "The crosses above say what is missing: more words, or more lines, or another type.",
            "Return a list of lines: open('diary.txt', encoding='utf-8').read().splitlines() is one. If it stops with "
            "a UnicodeDecodeError, save the text as UTF-8, or name its encoding: encoding='cp949' for Korean, for one.",
            "Words that occur once teach nothing. Some chapters of a book, a diary, or several articles will do.",
        ],
    ),
}


# 1.1 skip-gram pairs


def pairs_agree(function, words, window):
    expected = [(a, b) for i, a in enumerate(words) for j, b in enumerate(words) if 0 < abs(i - j) <= window]
    got = function(list(words), window)
    if not isinstance(got, list | tuple):
        return f"it returned {got!r}, not a list of pairs"
    got, expected = Counter(tuple(pair) for pair in got), Counter(expected)
    if missing := expected - got:
        return f"of {expected.total()} pairs {missing.total()} are missing, such as {next(iter(missing))}"
    extra = got - expected
    return not extra or f"beside the {expected.total()} pairs come others, such as {next(iter(extra))}"


@EXERCISES["1.1"].case("three words with a window of 1 give 4 pairs")
def _(skip_gram_pairs):
    return pairs_agree(skip_gram_pairs, ["the", "cat", "sleeps"], 1)


@EXERCISES["1.1"].case("a window of 2 on seven words, called by name: words=..., window=...")
def _(skip_gram_pairs):
    return pairs_agree(lambda words, window: skip_gram_pairs(words=words, window=window), list("abcdefg"), 2)


@EXERCISES["1.1"].case("a window longer than the sentence stops at its ends")
def _(skip_gram_pairs):
    return pairs_agree(skip_gram_pairs, ["a", "b", "c"], 10)


@EXERCISES["1.1"].case("a word that stands twice is its own neighbour: places count, not spellings")
def _(skip_gram_pairs):
    return pairs_agree(skip_gram_pairs, ["very", "very", "old"], 1)


@EXERCISES["1.1"].case("one word alone, and no word at all, give no pair")
def _(skip_gram_pairs):
    return first_wrong(pairs_agree(skip_gram_pairs, ["alone"], 3), pairs_agree(skip_gram_pairs, [], 3))


@EXERCISES["1.1"].case("a window of 0 or -1 is refused with a ValueError that says why")
def _(skip_gram_pairs):
    return first_wrong(refuses(skip_gram_pairs, ["a", "b"], 0), refuses(skip_gram_pairs, ["a", "b"], -1))


# 1.2 subsampling and noise

COUNTS = torch.tensor([9000, 700, 250, 40, 10])


def true_keep(counts, sample):
    shares = [count / counts.sum().item() for count in counts.tolist()]
    return torch.tensor([min(1.0, (sample / share) ** 0.5) for share in shares])


def true_noise(counts, power):
    weights = [count**power for count in counts.tolist()]
    return torch.tensor([weight / sum(weights) for weight in weights])


def counted(words=6, **other):
    """Counts from 1 to some ten thousand, and the second argument."""
    return {"counts": (9 * torch.rand(words)).exp().long() + 1, **other}


@EXERCISES["1.2"].case("keep_probability follows the formula, for 40 words and for one, and for another sample")
def _(keep_probability, noise_distribution):
    sizes = [{"words": 40, "sample": 1e-2}, {"words": 40, "sample": 0.2}, {"words": 1, "sample": 1e-3}]
    return everywhere(keep_probability, true_keep, counted, sizes, any_dtype=True)


@EXERCISES["1.2"].case("a rare word stays with probability 1, never more")
def _(keep_probability, noise_distribution):
    return close(keep_probability(COUNTS, 1e-2)[-2:], torch.ones(2))


@EXERCISES["1.2"].case(
    "noise_distribution follows the formula, with a power of 0.75 and of 2; without one it takes 0.75"
)
def _(keep_probability, noise_distribution):
    sizes = [{"words": 40, "power": 0.75}, {"words": 7, "power": 2.0}, {"words": 1, "power": 0.75}]
    return first_wrong(
        everywhere(noise_distribution, true_noise, counted, sizes, any_dtype=True),
        alike(noise_distribution(COUNTS), true_noise(COUNTS, 0.75), any_dtype=True),
    )


@EXERCISES["1.2"].case("it sums to 1 for any power; power 0 makes all words alike")
def _(keep_probability, noise_distribution):
    total, flat = noise_distribution(COUNTS, 2.0).sum(), noise_distribution(COUNTS, 0.0)
    return first_wrong(close(total, torch.tensor(1.0)), close(flat, torch.full((5,), 0.2)))


# 1.3 and 1.4 negative sampling


def vectors(pairs=7, k=4, d=6, scale=1.0):
    return [scale * torch.randn(*shape, dtype=torch.float64) for shape in ((pairs, d), (pairs, d), (pairs, k, d))]


def true_loss(u, v_true, v_noise):
    logits = torch.cat([(u * v_true).sum(1, keepdim=True), torch.einsum("pd,pkd->pk", u, v_noise)], dim=1)
    targets = torch.zeros_like(logits)
    targets[:, 0] = 1
    return F.binary_cross_entropy_with_logits(logits, targets, reduction="sum") / len(u)


def drawn(pairs=7, k=4, d=6, scale=1.0):
    return dict(zip(("u", "v_true", "v_noise"), vectors(pairs, k, d, scale), strict=True))


@EXERCISES["1.3"].case("with all vectors 0 it is (1 + k) log 2")
def _(negative_sampling_loss):
    return close(negative_sampling_loss(*vectors(scale=0.0)), torch.tensor(5 * 0.6931472, dtype=torch.float64))


@EXERCISES["1.3"].case(
    "value and gradients are those of torch's own logistic loss, for one pair and many, in float32 and float64",
    hint="The loss is the mean over the pairs: sum over the noise words first, then .mean() over the pairs.",
)
def _(negative_sampling_loss):
    sizes = [{"pairs": 7, "k": 4}, {"pairs": 1, "k": 3}, {"pairs": 5, "k": 1}]
    return everywhere(negative_sampling_loss, true_loss, drawn, sizes, gradients=True)


@EXERCISES["1.3"].case("twice as many of the same pairs give the same loss: it is a mean over pairs")
def _(negative_sampling_loss):
    arguments = vectors()
    return close(negative_sampling_loss(*[torch.cat([v, v]) for v in arguments]), true_loss(*arguments))


@EXERCISES["1.3"].case("scores of some hundreds do not make it infinite")
def _(negative_sampling_loss):
    arguments = [v.float() for v in vectors(scale=15.0)]
    return close(negative_sampling_loss(*arguments), true_loss(*arguments))


def true_gradient(u, v_true, v_noise):
    leaves = [x.clone().requires_grad_() for x in (u, v_true, v_noise)]
    return torch.autograd.grad(true_loss(*leaves), leaves)


def gradient_agrees(function, which):
    arguments = vectors()
    got = function(*arguments)
    if not isinstance(got, tuple | list) or len(got) != 3:
        return "it must return three tensors: for u, v_true and v_noise"
    got, expected = got[which], true_gradient(*arguments)[which]
    if (verdict := alike(got, expected)) == "the values differ":
        ratio = ((got * expected).sum() / expected.square().sum()).item()
        if close(got, ratio * expected) is True:
            return f"every value is {ratio:.3g} times what it should be"
    return verdict


for which, name in enumerate(("u", "v_true", "v_noise")):

    @EXERCISES["1.4"].case(f"the gradient of {name} is autograd's")
    def _(negative_sampling_gradient, which=which):
        return gradient_agrees(negative_sampling_gradient, which)


@EXERCISES["1.4"].case("all three also for other numbers of pairs, noise words and dimensions, in float32 and float64")
def _(negative_sampling_gradient):
    sizes = [{"pairs": 3, "k": 9, "d": 2}, {"pairs": 1, "k": 1, "d": 1}]
    return everywhere(negative_sampling_gradient, true_gradient, drawn, sizes)


# 1.5 nearest neighbours and analogies

NAMES = ["man", "woman", "king", "queen", "castle", "prince", "cat"]


def named_vectors():
    """man, woman, king and queen form a parallelogram of unit vectors; long words lure whoever forgets to normalise."""
    base = torch.tensor([[0.8, 0.0, 0.6], [-0.8, 0.0, 0.6], [0.8, 0.6, 0.0], [-0.8, 0.6, 0.0]], dtype=torch.float64)
    others = torch.tensor([[0.3, 0.9, -0.1], [0.7, 0.5, 0.3], [-0.1, -1.0, 0.2]], dtype=torch.float64)
    lengths = torch.tensor([1.0, 4.0, 0.5, 0.2, 30.0, 2.0, 5.0], dtype=torch.float64)
    return torch.cat([base, others]) * lengths[:, None]


def true_nearest(word, words, vectors, k):
    cosines = F.cosine_similarity(vectors, vectors[words.index(word)][None])
    return [words[i] for i in cosines.argsort(descending=True).tolist() if words[i] != word][:k]


def true_analogy(a, b, c, words, vectors, k):
    a_, b_, c_ = (F.normalize(vectors[words.index(word)], dim=0) for word in (a, b, c))
    order = F.cosine_similarity(vectors, (b_ - a_ + c_)[None]).argsort(descending=True).tolist()
    return [words[i] for i in order if words[i] not in (a, b, c)][:k]


def words_alone(got):
    """The answer as a list, or a text that says what it is instead."""
    if not isinstance(got, list | tuple) or not all(isinstance(word, str) for word in got):
        return f"it returned {got!r}, not a list of words alone"
    return list(got)


@EXERCISES["1.5"].case("nearest gives the k words of largest cosine, best first")
def _(nearest, analogy):
    for word in NAMES:
        expected = true_nearest(word, NAMES, named_vectors(), 3)
        got = words_alone(nearest(word, list(NAMES), named_vectors(), 3))
        if isinstance(got, str):
            return got
        if got != expected:
            return f"the 3 neighbours of {word!r} are others, or in another order; it finds {', '.join(got)}"
    return True


@EXERCISES["1.5"].case("a word is not its own neighbour")
def _(nearest, analogy):
    got = words_alone(nearest("cat", list(NAMES), named_vectors(), 6))
    return got if isinstance(got, str) else "cat" not in got or "it is"


@EXERCISES["1.5"].case("man : woman = king : queen")
def _(nearest, analogy):
    got = words_alone(analogy("man", "woman", "king", list(NAMES), named_vectors(), 1))
    return got if isinstance(got, str) else got == ["queen"] or f"asked for one word, it finds {', '.join(got)}"


@EXERCISES["1.5"].case("the analogy goes by unit vectors and never answers with a given word")
def _(nearest, analogy):
    for a, b, c in (("man", "king", "woman"), ("king", "prince", "cat"), ("castle", "cat", "man")):
        expected = true_analogy(a, b, c, NAMES, named_vectors(), 4)
        got = words_alone(analogy(a, b, c, list(NAMES), named_vectors(), 4))
        if isinstance(got, str):
            return got
        if got != expected:
            return f"the answers to {a} : {b} = {c} : ? are others, or in another order; it finds {', '.join(got)}"
    return True


def space(given, size=9, k=3):
    """A space of letters, and `given` as the names of the words that are asked about."""
    words = [chr(ord("a") + (5 * i) % 26) for i in range(size)]
    asked = dict(zip(given, words[2:], strict=False))
    return {**asked, "words": words, "vectors": torch.randn(size, 4) * torch.rand(size, 1).exp(), "k": k}


SPACES = [{"size": 9, "k": 3}, {"size": 20, "k": 1}, {"size": 6, "k": 2}]


@EXERCISES["1.5"].case("nearest on other words and vectors, in float32 and float64, as many words as k says")
def _(nearest, analogy):
    return everywhere(nearest, true_nearest, lambda **size: space(["word"], **size), SPACES)


@EXERCISES["1.5"].case("analogy on other words and vectors, in float32 and float64, as many words as k says")
def _(nearest, analogy):
    return everywhere(analogy, true_analogy, lambda **size: space(["a", "b", "c"], **size), SPACES)


@EXERCISES["1.5"].case("an unknown word is refused with an error that names it")
def _(nearest, analogy):
    for call in (
        lambda: nearest("armadillo", list(NAMES), named_vectors(), 2),
        lambda: analogy("man", "armadillo", "king", list(NAMES), named_vectors(), 1),
    ):
        try:
            call()
        except (ValueError, KeyError) as error:
            if "armadillo" not in str(error):
                return "the error does not name the word"
        else:
            return "it went on without an error"
    return True


# 1.6 a text of one's own


ENCODING = "save it as UTF-8, or name the encoding that it has, such as encoding='cp949' for Korean"


def lines_of(my_text):
    """The learner's lines, or a text that says why they are none."""
    try:
        lines = my_text()
    except UnicodeDecodeError as error:
        return f"the file is not stored as {error.encoding}: {ENCODING}"
    if lines is None:
        return NOTHING
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        return f"it is of the type {type(lines).__name__}, not a list of str"
    if "\N{REPLACEMENT CHARACTER}" in "".join(lines):
        return "it has \N{REPLACEMENT CHARACTER} in place of letters: " + ENCODING
    foreign = [line for line in lines if not line.isascii()]
    if 2 * sum(map(misread, foreign)) > len(foreign):
        return f"it was read with another encoding than it has, as {foreign[0].strip()[:20]!r} shows: {ENCODING}"
    return lines or "the list is empty. Look at the path of your text, and at its first lines"


def misread(line):
    """Whether a line is UTF-8, or Korean in CP949, that was read as if it were Western European."""
    for encoding in ("cp1252", "latin-1"):
        with contextlib.suppress(UnicodeError):
            stored = line.encode(encoding)
            with contextlib.suppress(UnicodeError):
                return bool(stored.decode("utf-8"))
            letters = [letter for letter in stored.decode("euc_kr") if not letter.isascii()]
            return 2 * sum("가" <= letter <= "힣" for letter in letters) > len(letters)
    return False


@EXERCISES["1.6"].case("it is a list of lines of text")
def _(my_text):
    lines = lines_of(my_text)
    if isinstance(lines, str):
        return lines
    return any(len(line.split()) > 1 for line in lines) or "each has one word, so no word has a neighbour: keep lines"


@EXERCISES["1.6"].case("it has at least 1,000 words, and 50 different ones occur three times or more")
def _(my_text):
    lines = lines_of(my_text)
    if isinstance(lines, str):
        return lines
    words = Counter(re.findall(r"[^\W\d_]+", " ".join(lines).lower()))  # letters, as the notebook's tokenizer has it
    often = sum(n >= 3 for n in words.values())
    said = f"it has {words.total()} words, {often} of them often enough"
    numbers = ". A number is no word" if not words and re.search(r"\d", " ".join(lines)) else ""
    return (words.total() >= 1000 and often >= 50) or said + numbers
