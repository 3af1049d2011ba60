"""The checks of assignment 01. Expected values come from brute force, from torch's own losses and from autograd."""

import contextlib
import re
from collections import Counter

import torch
import torch.nn.functional as F
from scipy.stats import spearmanr

from helpers.checks import NOTHING, Exercise, agrees, alike, close, everywhere, first_wrong, refuses

BY_HAND = {
    "torch.autograd.grad": "write the gradient out",
    "torch.autograd.backward": "write the gradient out",
    "torch.func": "write the gradient out",
}

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
        2,
        [
            "First the probabilities, by torch.softmax. Then the error: p, minus 1 at the place of the true word.",
            "The gradient of h sums over all words: each word's column of W_prime, times its error.",
            "The gradient of W_prime has an entry for each pair of a number of h and a word: an outer product.",
        ],
        forbidden=BY_HAND,
    ),
    "1.4": Exercise(
        2,
        [
            "For a centre: one dot product with its true context word, k with its noise words; u[:, None] * v_noise "
            "pairs each centre with its own k.",
            "The noise words enter with a minus inside the sigmoid, and are summed; only the pairs are averaged.",
            "log(sigmoid(-200)) is -inf once the sigmoid has rounded to 0. torch.nn.functional has it in one step.",
        ],
    ),
    "1.5": Exercise(
        3,
        [
            "Begin with the errors: sigmoid(score) minus 1 for the true word, sigmoid(score) minus 0 for noise.",
            "An error times the other side's vector: a centre collects from all its words, a word from its centre.",
            "The loss is a mean over the pairs, so each gradient is divided by their number.",
        ],
        forbidden=BY_HAND,
    ),
    "1.6": Exercise(
        4,
        [
            "Look up W[centre], W_prime[context] and W_prime[drawn] first; their three gradients all come from these.",
            "W[centre] -= step keeps one step only where a word stands at several places. index_add adds them all up.",
            "W_prime moves twice: by the gradients of the true context words, and by those of the negatives.",
        ],
    ),
    "1.7": Exercise(
        2,
        [
            "The cosine does not ask for length: scale every vector to length 1 first.",
            "The words that you were given must not win: give them a score that cannot be the largest.",
            "For the analogy scale a, b and c to length 1 before you add and subtract; look for a missing word first.",
        ],
    ),
    "1.8": Exercise(
        2,
        [
            "Collect the kept pairs first. The number to return counts them, not all pairs that were given.",
            "Ranks, not values, are correlated: rankdata for the cosines, and rankdata for the scores.",
            "torch.corrcoef takes two rows of numbers; the correlation is at [0, 1], and .item() makes it a float.",
        ],
        forbidden={"scipy.stats.spearmanr": "its three lines are the exercise"},
    ),
    "1.9": Exercise(
        1,
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


# 1.3 softmax's gradient


def true_softmax_gradient(h, W_prime, c):
    leaves = [x.clone().requires_grad_() for x in (h, W_prime)]
    return torch.autograd.grad(F.cross_entropy((leaves[0] @ leaves[1])[None], torch.tensor([c])), leaves)


def centre_and_matrix(d, words, c, scale=1.0):
    return {"h": scale * torch.randn(d), "W_prime": torch.randn(d, words), "c": c}


def two_gradients(got):
    """True for two things, or a text that says what it is instead."""
    return (isinstance(got, tuple | list) and len(got) == 2) or "it must return two tensors: for h and for W_prime"


@EXERCISES["1.3"].case("where all words are alike, p is 1 / V: four words, worked out on paper")
def _(softmax_gradient):
    h, W_prime = torch.tensor([2.0, 0.0]), torch.tensor([[0.0, 0.0, 0.0, 0.0], [1.0, 2.0, 3.0, 6.0]])
    got = softmax_gradient(h, W_prime, 3)
    expected = torch.tensor([0.0, -3.0]), torch.tensor([[0.5, 0.5, 0.5, -1.5], [0.0, 0.0, 0.0, 0.0]])
    return first_wrong(two_gradients(got), alike(got, expected))


@EXERCISES["1.3"].case("each row of the gradient of W_prime sums to 0, since p and y both sum to 1")
def _(softmax_gradient):
    got = softmax_gradient(**centre_and_matrix(d=3, words=6, c=2))
    return two_gradients(got) if two_gradients(got) is not True else close(got[1].sum(1), torch.zeros(3))


@EXERCISES["1.3"].case(
    "both gradients are autograd's, for other numbers of words and dimensions, in float32 and float64"
)
def _(softmax_gradient):
    sizes = [{"d": 5, "words": 9, "c": 4}, {"d": 2, "words": 3, "c": 0}, {"d": 1, "words": 2, "c": 1}]
    return everywhere(softmax_gradient, true_softmax_gradient, centre_and_matrix, sizes)


@EXERCISES["1.3"].case("logits of several hundred leave them finite")
def _(softmax_gradient):
    arguments = centre_and_matrix(d=4, words=5, c=1, scale=400.0)
    return agrees(softmax_gradient, true_softmax_gradient, arguments)


# 1.4 and 1.5 negative sampling


def vectors(pairs=7, k=4, d=6, scale=1.0):
    return [scale * torch.randn(*shape, dtype=torch.float64) for shape in ((pairs, d), (pairs, d), (pairs, k, d))]


def true_loss(u, v_true, v_noise):
    logits = torch.cat([(u * v_true).sum(1, keepdim=True), torch.einsum("pd,pkd->pk", u, v_noise)], dim=1)
    targets = torch.zeros_like(logits)
    targets[:, 0] = 1
    return F.binary_cross_entropy_with_logits(logits, targets, reduction="sum") / len(u)


def drawn(pairs=7, k=4, d=6, scale=1.0):
    return dict(zip(("u", "v_true", "v_noise"), vectors(pairs, k, d, scale), strict=True))


@EXERCISES["1.4"].case("with all vectors 0 it is (1 + k) log 2")
def _(negative_sampling_loss):
    return close(negative_sampling_loss(*vectors(scale=0.0)), torch.tensor(5 * 0.6931472, dtype=torch.float64))


@EXERCISES["1.4"].case(
    "value and gradients are those of torch's own logistic loss, for one pair and many, in float32 and float64",
    hint="The loss is the mean over the pairs: sum over the noise words first, then .mean() over the pairs.",
)
def _(negative_sampling_loss):
    sizes = [{"pairs": 7, "k": 4}, {"pairs": 1, "k": 3}, {"pairs": 5, "k": 1}]
    return everywhere(negative_sampling_loss, true_loss, drawn, sizes, gradients=True)


@EXERCISES["1.4"].case("twice as many of the same pairs give the same loss: it is a mean over pairs")
def _(negative_sampling_loss):
    arguments = vectors()
    return close(negative_sampling_loss(*[torch.cat([v, v]) for v in arguments]), true_loss(*arguments))


@EXERCISES["1.4"].case("scores of some hundreds do not make it infinite")
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

    @EXERCISES["1.5"].case(f"the gradient of {name} is autograd's")
    def _(negative_sampling_gradient, which=which):
        return gradient_agrees(negative_sampling_gradient, which)


@EXERCISES["1.5"].case("all three also for other numbers of pairs, noise words and dimensions, in float32 and float64")
def _(negative_sampling_gradient):
    sizes = [{"pairs": 3, "k": 9, "d": 2}, {"pairs": 1, "k": 1, "d": 1}]
    return everywhere(negative_sampling_gradient, true_gradient, drawn, sizes)


# 1.6 the training step


def true_step(W, W_prime, centre, context, drawn, lr):
    leaves = [x.clone().requires_grad_() for x in (W, W_prime)]
    loss = true_loss(leaves[0][centre], leaves[1][context], leaves[1][drawn])
    gradients = torch.autograd.grad(loss, leaves)
    return W - lr * gradients[0], W_prime - lr * gradients[1], loss.detach()


def batch_of(pairs, k=3, words=6, d=4, lr=0.5):
    """Few words, so that they stand at several places of the batch."""
    drawn = {"centre": (pairs,), "context": (pairs,), "drawn": (pairs, k)}
    numbers = {name: torch.randint(words, shape) for name, shape in drawn.items()}
    return {"W": torch.randn(words, d), "W_prime": torch.randn(words, d), **numbers, "lr": lr}


def three_results(got):
    good = isinstance(got, tuple | list) and len(got) == 3 and all(isinstance(x, torch.Tensor) for x in got)
    return good or "it must return three tensors: the new W, the new W_prime and the loss"


@EXERCISES["1.6"].case("one pair and one negative: only their rows move, and the loss falls when the step is repeated")
def _(training_step):
    W, W_prime, drawn = torch.ones(4, 2), torch.full((4, 2), 0.5), torch.tensor([[3]])
    batch = torch.tensor([1]), torch.tensor([2]), drawn
    got = training_step(W, W_prime, *batch, 0.1)
    if (verdict := three_results(got)) is not True:
        return verdict
    moved = [(new != old).any(1).nonzero().flatten().tolist() for new, old in zip(got[:2], (W, W_prime), strict=True)]
    if moved != [[1], [2, 3]]:
        return f"the rows {moved[0]} of W and {moved[1]} of W_prime move, not [1] and [2, 3]"
    again = training_step(*got[:2], *batch, 0.1)
    return bool(again[2] < got[2]) or f"the loss is {got[2].item():.4g} at first, and then {again[2].item():.4g}"


@EXERCISES["1.6"].case(
    "a word at several places of the batch gets the sum of its steps",
    hint="Index assignment writes one of the repeated rows. Which function adds up all of them?",
)
def _(training_step):
    batch = {
        "centre": torch.tensor([0, 0, 0]),
        "context": torch.tensor([1, 1, 2]),
        "drawn": torch.tensor([[1], [2], [2]]),
    }
    return agrees(training_step, true_step, batch_of(3, 1, words=3) | batch)


@EXERCISES["1.6"].case(
    "the new matrices and the loss are those of autograd, for one pair and many, in float32 and float64"
)
def _(training_step):
    sizes = [{"pairs": 12}, {"pairs": 1, "k": 5, "lr": 2.0}, {"pairs": 5, "k": 1, "words": 3, "d": 1}]
    return everywhere(training_step, true_step, batch_of, sizes)


@EXERCISES["1.6"].case("a learning rate of 0 changes nothing but still tells the loss")
def _(training_step):
    return agrees(training_step, true_step, batch_of(4, lr=0.0))


# 1.7 nearest neighbours and analogies

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


@EXERCISES["1.7"].case("nearest gives the k words of largest cosine, best first")
def _(nearest, analogy):
    for word in NAMES:
        expected = true_nearest(word, NAMES, named_vectors(), 3)
        got = words_alone(nearest(word, list(NAMES), named_vectors(), 3))
        if isinstance(got, str):
            return got
        if got != expected:
            return f"the 3 neighbours of {word!r} are others, or in another order; it finds {', '.join(got)}"
    return True


@EXERCISES["1.7"].case("a word is not its own neighbour")
def _(nearest, analogy):
    got = words_alone(nearest("cat", list(NAMES), named_vectors(), 6))
    return got if isinstance(got, str) else "cat" not in got or "it is"


@EXERCISES["1.7"].case("man : woman = king : queen")
def _(nearest, analogy):
    got = words_alone(analogy("man", "woman", "king", list(NAMES), named_vectors(), 1))
    return got if isinstance(got, str) else got == ["queen"] or f"asked for one word, it finds {', '.join(got)}"


@EXERCISES["1.7"].case("the analogy goes by unit vectors and never answers with a given word")
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


@EXERCISES["1.7"].case("nearest on other words and vectors, in float32 and float64, as many words as k says")
def _(nearest, analogy):
    return everywhere(nearest, true_nearest, lambda **size: space(["word"], **size), SPACES)


@EXERCISES["1.7"].case("analogy on other words and vectors, in float32 and float64, as many words as k says")
def _(nearest, analogy):
    return everywhere(analogy, true_analogy, lambda **size: space(["a", "b", "c"], **size), SPACES)


@EXERCISES["1.7"].case("an unknown word is refused with an error that names it")
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


# 1.8 people's judgements


def true_similarity(rated, words, vectors):
    known = [(a, b, score) for a, b, score in rated if a in words and b in words]
    cosines = [F.cosine_similarity(vectors[words.index(a)], vectors[words.index(b)], dim=0).item() for a, b, _ in known]
    return float(spearmanr(cosines, [score for *_, score in known]).statistic), len(known)


def judged(pairs, size=12, d=4):
    """Letters as words, and pairs of them with scores that have ties; some pairs have an unknown word."""
    words = [chr(ord("a") + (5 * i) % 26) for i in range(size)]
    different = torch.combinations(torch.arange(size))  # no two cosines are equal: rounding would decide their ranks
    chosen = different[torch.randperm(len(different))[:pairs]].tolist()
    scores = (torch.randint(21, (pairs,)) / 2).tolist()
    rated = [(words[i], words[j], score) for (i, j), score in zip(chosen, scores, strict=True)]
    rated[1:1] = [("wug", words[0], 9.0), (words[1], "blick", 0.5)]
    return {"rated": rated, "words": words, "vectors": torch.randn(size, d) * torch.rand(size, 1).exp()}


LINE = torch.tensor([[1.0, 0.0], [0.9, 0.3], [0.5, 0.9], [-0.2, 1.0], [-1.0, 0.1]], dtype=torch.float64)
ON_A_LINE = [("a", "b", 9.0), ("a", "c", 7.0), ("a", "d", 2.5), ("a", "e", 1.0)]


@EXERCISES["1.8"].case("the same order as people's gives 1, the reverse -1, whatever the distances")
def _(word_similarity):
    reverse = [(a, b, -(score**3)) for a, b, score in ON_A_LINE]
    return first_wrong(
        *(
            alike(word_similarity(list(rated), list("abcde"), LINE.clone()), (rho, 4))
            for rated, rho in ((ON_A_LINE, 1.0), (reverse, -1.0))
        )
    )


@EXERCISES["1.8"].case("the length of a vector doesn't matter: it goes by cosines")
def _(word_similarity):
    longer = LINE * torch.tensor([1.0, 0.1, 40.0, 5.0, 0.01], dtype=torch.float64)[:, None]
    return alike(word_similarity(list(ON_A_LINE), list("abcde"), longer), (1.0, 4))


@EXERCISES["1.8"].case("pairs with an unknown word are left out, and not counted")
def _(word_similarity):
    rated = [("a", "wug", 0.1), *ON_A_LINE, ("blick", "b", 10.0), ("wug", "blick", 5.0)]
    return alike(word_similarity(rated, list("abcde"), LINE.clone()), (1.0, 4))


@EXERCISES["1.8"].case("scores that are equal share the mean of their ranks")
def _(word_similarity):
    rated = [(a, b, score) for (a, b, _), score in zip(ON_A_LINE, (8.0, 3.0, 3.0, 3.0), strict=True)]
    return alike(word_similarity(rated, list("abcde"), LINE.clone()), true_similarity(rated, list("abcde"), LINE))


@EXERCISES["1.8"].case("on other words, scores and vectors, in float32 and float64")
def _(word_similarity):
    sizes = [{"pairs": 30}, {"pairs": 5, "size": 7, "d": 2}, {"pairs": 80, "size": 20, "d": 9}]
    return everywhere(word_similarity, true_similarity, judged, sizes)


@EXERCISES["1.8"].case("fewer than two known pairs are refused with a ValueError that says why")
def _(word_similarity):
    one, none = [("a", "b", 3.0), ("a", "wug", 2.0)], [("wug", "blick", 1.0)]
    return first_wrong(*(refuses(word_similarity, rated, list("abcde"), LINE.clone()) for rated in (one, none)))


# 1.9 a text of one's own


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


@EXERCISES["1.9"].case("it is a list of lines of text")
def _(my_text):
    lines = lines_of(my_text)
    if isinstance(lines, str):
        return lines
    return any(len(line.split()) > 1 for line in lines) or "each has one word, so no word has a neighbour: keep lines"


@EXERCISES["1.9"].case("it has at least 1,000 words, and 50 different ones occur three times or more")
def _(my_text):
    lines = lines_of(my_text)
    if isinstance(lines, str):
        return lines
    words = Counter(re.findall(r"[^\W\d_]+", " ".join(lines).lower()))  # letters, as the notebook's tokenizer has it
    often = sum(n >= 3 for n in words.values())
    said = f"it has {words.total()} words, {often} of them often enough"
    numbers = ". A number is no word" if not words and re.search(r"\d", " ".join(lines)) else ""
    return (words.total() >= 1000 and often >= 50) or said + numbers
