"""Assignment 01's checks accept the solution and other right answers, and refuse plausible wrong ones."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from helpers import CourseError, checks
from tests.answers import *  # noqa: F403  right answers are accepted, wrong ones refused
from tests.definitions import definitions

right = definitions("solutions/01_word2vec.ipynb")
pairs, keep, noise = right.skip_gram_pairs, right.keep_probability, right.noise_distribution
loss, gradient = right.negative_sampling_loss, right.negative_sampling_gradient
nearest, analogy = right.nearest, right.analogy
letters = " ".join(a + b for a in "bdfgklmn" for b in "aeiouxy")  # 56 words
lines = ["a fox runs and a hen sleeps and a fox sleeps under the tree"] * 70 + [letters] * 3


def other_pairs(words, window):
    """Written differently: by distances, not by places."""
    if not window >= 1:
        raise ValueError("too small a window")
    return [p for d in range(1, window + 1) for a, b in zip(words, words[d:], strict=False) for p in ((a, b), (b, a))]


def pairs_by_pointing(words, window):
    """With a loop over all pairs of places, as lists in place of tuples."""
    if window < 1:
        raise ValueError("window")
    found = []
    for i in range(len(words)):
        for j in range(len(words)):
            if i != j and abs(i - j) <= window:
                found.append([words[i], words[j]])
    return found


def pairs_by_slices(words, window):
    """Each word with the slices on its two sides; a tuple of pairs."""
    if window < 1:
        raise ValueError("A window below 1 has no context.")
    beside = (words[max(0, i - window) : i] + words[i + 1 : i + window + 1] for i in range(len(words)))
    return tuple((word, other) for word, others in zip(words, beside, strict=True) for other in others)


def keep_in_numpy(counts, sample):
    shares = counts.numpy() / counts.numpy().sum()
    return torch.from_numpy(np.minimum(1.0, np.sqrt(sample / shares)))


def noise_by_logarithms(counts, power=0.75):
    return (power * counts.double().log()).softmax(0).float()


def loss_by_cross_entropy(u, v_true, v_noise):
    scores = torch.einsum("pd,pkd->pk", u, torch.cat([v_true.unsqueeze(1), v_noise], dim=1))
    wanted = torch.zeros_like(scores)
    wanted[:, 0] = 1
    return F.binary_cross_entropy_with_logits(scores, wanted, reduction="none").sum(1).mean(0)


def gradient_in_float64(u, v_true, v_noise):
    centres, words, others = (x.double() for x in (u, v_true, v_noise))
    true = -1 / (1 + (centres * words).sum(1, keepdim=True).exp()) / len(u)
    noise = 1 / (1 + torch.exp(-(others * centres.unsqueeze(1)).sum(2, keepdim=True))) / len(u)
    results = true * words + (noise * others).sum(dim=1), true * centres, noise * centres.unsqueeze(1)
    return [result.to(u.dtype) for result in results]


def nearest_by_distance(word, words, vectors, k=5):
    """Unit vectors that are near have a large cosine."""
    if word not in words:
        raise KeyError(word)
    unit = vectors / torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
    order = torch.cdist(unit[[words.index(word)]], unit)[0].argsort()
    return [words[i] for i in order[1 : k + 1]]


def analogy_by_nearest(a, b, c, words, vectors, k=5):
    """The target becomes one word more."""
    unit = F.normalize(vectors, dim=-1)
    target = unit[words.index(b)] - unit[words.index(a)] + unit[words.index(c)]
    found = nearest_by_distance("?", [*words, "?"], torch.cat([unit, target[None]]), k + 3)
    return [word for word in found if word not in {a, b, c}][:k]


def keep_by_loop(counts, sample):
    total = sum(counts.tolist())
    return torch.tensor([min(1.0, (sample * total / count) ** 0.5) for count in counts.tolist()], dtype=torch.float64)


def noise_by_loop(counts, power=0.75):
    weights = [count**power for count in counts.tolist()]
    return torch.tensor([weight / sum(weights) for weight in weights])


def loss_by_loop(u, v_true, v_noise):
    total = 0
    for centre, word, noise_words in zip(u, v_true, v_noise, strict=True):
        total = total - F.logsigmoid(centre @ word)
        for other in noise_words:
            total = total - F.logsigmoid(-(centre @ other))
    return total / len(u)


def gradient_by_loop(u, v_true, v_noise):
    grads = [torch.zeros_like(x) for x in (u, v_true, v_noise)]
    for p in range(len(u)):
        error = torch.sigmoid(u[p] @ v_true[p]) - 1
        grads[0][p] += error * v_true[p] / len(u)
        grads[1][p] = error * u[p] / len(u)
        for i in range(v_noise.shape[1]):
            error = torch.sigmoid(u[p] @ v_noise[p, i])
            grads[0][p] += error * v_noise[p, i] / len(u)
            grads[2][p, i] = error * u[p] / len(u)
    return grads


def nearest_by_loop(word, words, vectors, k=5):
    """With sorted and plain numbers."""
    if words.count(word) == 0:
        raise ValueError("unknown: " + word)

    def cosine(x, y):
        return sum(a * b for a, b in zip(x, y, strict=True)) / (sum(a * a for a in x) * sum(b * b for b in y)) ** 0.5

    rows = dict(zip(words, vectors.tolist(), strict=True))
    return sorted((w for w in words if w != word), key=lambda w: -cosine(rows[w], rows[word]))[:k]


def analogy_in_float64(a, b, c, words, vectors, k=5):
    numbers = {word: i for i, word in enumerate(words)}
    given = [numbers[word] for word in (a, b, c)]  # a KeyError that names the word will do
    unit = vectors.double() / vectors.double().norm(dim=1, keepdim=True)
    scores = unit @ (torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64) @ unit[given])
    return [words[i] for i in scores.argsort(descending=True) if i not in given][:k]


def other_keep(counts, sample):
    return torch.minimum((sample * counts.sum() / counts) ** 0.5, torch.tensor(1.0))


def other_noise(counts, power=0.75):
    return F.normalize(counts**power, p=1, dim=0)


def other_loss(u, v_true, v_noise):
    scores = torch.cat([(u * v_true).sum(-1)[:, None], -torch.einsum("pd,pkd->pk", u, v_noise)], 1)
    return F.softplus(-scores).sum() / u.shape[0]


def other_gradient(u, v_true, v_noise):
    words = torch.cat([v_true[:, None], v_noise], 1)
    error = torch.einsum("pd,pkd->pk", u, words).sigmoid()
    error[:, 0] -= 1
    grad_words = torch.einsum("pk,pd->pkd", error, u) / len(u)
    return torch.einsum("pk,pkd->pd", error, words) / len(u), grad_words[:, 0], grad_words[:, 1:]


def overwriting_gradient(u, v_true, v_noise):
    grads = gradient(u.clone(), v_true.clone(), v_noise.clone())
    for changed, gradient_ in zip((u, v_true, v_noise), grads, strict=True):
        changed.copy_(gradient_)
    return u, v_true, v_noise


def other_nearest(word, words, vectors, k):
    cosines = F.cosine_similarity(vectors, vectors[words.index(word)][None])
    return [words[i] for i in cosines.argsort(descending=True).tolist() if words[i] != word][:k]


def other_analogy(a, b, c, words, vectors, k):
    a_, b_, c_ = (vectors[words.index(w)] / vectors[words.index(w)].norm() for w in (a, b, c))
    order = F.cosine_similarity(vectors, (b_ - a_ + c_)[None]).argsort(descending=True).tolist()
    return [words[i] for i in order if words[i] not in (a, b, c)][:k]


RIGHT = [
    ("1.1", [pairs]),
    ("1.1", [other_pairs]),
    ("1.1", [pairs_by_pointing]),
    ("1.1", [pairs_by_slices]),
    ("1.2", [keep_in_numpy, noise_by_logarithms]),
    ("1.3", [loss_by_cross_entropy]),
    ("1.4", [gradient_in_float64]),
    ("1.5", [nearest_by_distance, analogy_by_nearest]),
    ("1.2", [keep, noise]),
    ("1.2", [keep_by_loop, noise_by_loop]),
    ("1.2", [other_keep, other_noise]),
    ("1.3", [loss]),
    ("1.3", [other_loss]),
    ("1.3", [loss_by_loop]),
    ("1.4", [gradient]),
    ("1.4", [gradient_by_loop]),
    ("1.4", [other_gradient]),
    ("1.5", [nearest, analogy]),
    ("1.5", [other_nearest, other_analogy]),
    ("1.5", [nearest_by_loop, analogy_in_float64]),
    ("1.6", [lambda: lines]),
    ("1.6", [lambda: [line.replace("fox", "élève").replace("sleeps", "“n’est” pas") for line in lines]]),
    ("1.6", [lambda: [line.replace("fox", "Füchsin").replace("hen", "Mädchen’s") for line in lines]]),
    ("1.6", [lambda: [line.replace("fox", "여우").replace("hen", "암탉") for line in lines]]),
]


def one_sided(words, window):
    return [(w, words[j]) for i, w in enumerate(words) for j in range(i + 1, min(len(words), i + window + 1))]


def wraps(words, window):
    n = len(words)
    return [(words[i], words[j]) for i in range(n) for j in range(i - window, min(n, i + window + 1)) if j != i]


def by_spelling(words, window):
    return [(a, b) for a, b in pairs(words, window) if a != b]


def short_by_one(words, window):
    n = len(words)
    return [(words[i], words[j]) for i in range(n) for j in range(max(0, i - window), min(n, i + window)) if j != i]


def no_refusal(words, window):
    return pairs(words, window) if window else []


def not_unit(a, b, c, words, vectors, k):
    given = [words.index(w) for w in (a, b, c)]
    target = vectors[given[1]] - vectors[given[0]] + vectors[given[2]]
    order = F.cosine_similarity(vectors, target[None]).argsort(descending=True).tolist()
    return [words[i] for i in order if i not in given][:k]


def answers_given(a, b, c, words, vectors, k):
    unit = F.normalize(vectors, dim=1)
    x, y, z = (unit[words.index(w)] for w in (a, b, c))
    return [words[i] for i in (unit @ (y - x + z)).topk(k).indices]


def by_dot(word, words, vectors, k):
    scores = vectors @ vectors[words.index(word)]
    return [words[i] for i in scores.argsort(descending=True).tolist() if words[i] != word][:k]


def with_itself(word, words, vectors, k):
    return [words[i] for i in F.cosine_similarity(vectors, vectors[words.index(word)][None]).topk(k).indices]


def worst_first(word, words, vectors, k):
    return nearest(word, words, vectors, k)[::-1]


def overflows(u, v, n):
    return -((u * v).sum(1).sigmoid().log() + (1 - (n @ u[..., None]).sigmoid()).log().sum((1, 2))).mean()


def mean_of_noise(u, v, n):
    return -(F.logsigmoid((u * v).sum(1)).mean() + F.logsigmoid(-(n @ u[..., None])).mean())


def accepts_negative(words, window):
    if window == 0:
        raise ValueError("a window of 0 makes no sense")
    return pairs(words, window) if window > 0 else []


def wrong_error(words, window):
    if window < 1:
        raise KeyError(window)
    return pairs(words, window)


def by_autograd(u, v, n):
    with torch.enable_grad():
        leaves = [x.clone().requires_grad_() for x in (u, v, n)]
        return torch.autograd.grad(loss(*leaves), leaves)


def by_backward(u, v, n):
    leaves = [x.clone().requires_grad_() for x in (u, v, n)]
    loss(*leaves).backward()
    return tuple(x.grad for x in leaves)


def by_jacobian(u, v, n):
    return torch.autograd.functional.jacobian(loss, (u, v, n))


def by_func(u, v, n):
    return torch.func.grad(loss, argnums=(0, 1, 2))(u, v, n)


def not_mean(u, v, n):
    return tuple(len(u) * g for g in gradient(u, v, n))


def flipped(u, v, n):
    return tuple(-g for g in gradient(u, v, n))


def forgets_noise(u, v, n):
    _, grad_v, grad_n = gradient(u, v, n)
    return ((u * v).sum(1, keepdim=True).sigmoid() - 1) * v / len(u), grad_v, grad_n


def noise_as_true(u, v, n):
    grad_u, grad_v, _ = gradient(u, v, n)
    return grad_u, grad_v, (torch.einsum("pd,pkd->pk", u, n).sigmoid() - 1)[..., None] * u[:, None] / len(u)


KOREAN = [line.replace("fox", "여우").replace("hen", "암탉") for line in lines]


def misread(stored, read, errors="strict"):
    """The lines of a Korean file that is stored with one encoding and read with another."""
    return lambda: "\n".join(KOREAN).encode(stored).decode(read, errors).split("\n")


def counts_more(counts, sample):
    counts += 1
    return keep(counts, sample)


def of_ten_thousand(counts, sample):
    return (sample / (counts / 10_000)).sqrt().clamp(max=1)


def cut_loss(u, v_true, v_noise):
    return loss(u, v_true, v_noise.detach())


def three_words(word, words, vectors, k):
    return nearest(word, words, vectors, 3)


def pops(word, words, vectors, k):
    found = nearest(word, words, vectors, k)
    words.remove(word)
    return found


WRONG = [
    ("1.1", [one_sided]),
    ("1.1", [wraps]),
    ("1.1", [by_spelling]),
    ("1.1", [short_by_one]),
    ("1.1", [no_refusal]),
    ("1.1", [accepts_negative]),
    ("1.1", [wrong_error]),
    ("1.1", [lambda words, window: None]),
    ("1.2", [lambda c, t: (t * c.sum() / c).sqrt(), noise]),  # above 1
    ("1.2", [lambda c, t: 1 - keep(c, t), noise]),  # the chance to be dropped
    ("1.2", [lambda c, t: (t * c.sum() / c).clamp(max=1), noise]),  # no root
    ("1.2", [keep, lambda c, p=0.75: c**p]),  # does not sum to 1
    ("1.2", [keep, lambda c, p=0.75: (c / c.sum()) ** p]),  # nor does this
    ("1.2", [keep, lambda c, p=0.75: c / c.sum()]),  # no power
    ("1.2", [counts_more, noise]),
    ("1.2", [of_ten_thousand, noise]),
    ("1.2", [lambda c, t: keep(c, t).tolist(), noise]),
    ("1.2", [keep, lambda c, p=0.75: noise(c, 0.75) if p else torch.ones(5) / 5]),  # no other power
    ("1.2", [keep, lambda c, p=1.0: noise(c, p)]),  # not the card's power, if none is named
    ("1.3", [lambda u, v, n: loss(u, v, n) * len(u)]),  # sum
    ("1.3", [cut_loss]),
    ("1.3", [lambda u, v, n: loss(u.double(), v.double(), n.double())]),  # another dtype
    ("1.3", [lambda u, v, n: loss(u, v, n)[None]]),
    ("1.3", [lambda u, v, n: loss(u, v, -n)]),  # noise with the wrong sign
    ("1.3", [lambda u, v, n: -F.logsigmoid((u * v).sum(1)).mean()]),  # no noise
    ("1.3", [lambda u, v, n: loss(u, v, n).item()]),  # gradients cannot flow
    ("1.3", [overflows]),
    ("1.3", [mean_of_noise]),
    *(("1.4", [wrong]) for wrong in (by_autograd, by_backward, by_jacobian, by_func)),
    ("1.4", [overwriting_gradient]),
    ("1.4", [not_mean]),
    ("1.4", [flipped]),
    ("1.4", [forgets_noise]),
    ("1.4", [noise_as_true]),
    ("1.4", [lambda u, v, n: gradient(u, v, n)[:2]]),
    ("1.5", [by_dot, analogy]),
    ("1.5", [with_itself, analogy]),
    ("1.5", [three_words, analogy]),
    ("1.5", [pops, analogy]),
    ("1.5", [nearest, lambda a, b, c, words, vectors, k: analogy(a, b, c, words, vectors, k)[:1] * k]),
    ("1.5", [worst_first, analogy]),
    ("1.5", [nearest, not_unit]),
    ("1.5", [nearest, answers_given]),
    ("1.5", [nearest, lambda a, b, c, *rest: analogy(b, a, c, *rest)]),
    ("1.5", [lambda w, words, v, k: nearest(w, words, v, k) if w in words else [], analogy]),
    ("1.6", [lambda: "\n".join(lines)]),
    ("1.6", [lambda: lines[:2]]),
    ("1.6", [lambda: [f"word{i}" for i in range(999)]]),
    ("1.6", [lambda: " ".join(lines).split()]),  # words, not lines
    ("1.6", [misread("cp949", "cp1252")]),
    ("1.6", [misread("utf-8", "latin-1")]),
    ("1.6", [misread("cp949", "utf-8", "replace")]),
]

EQUIVALENT = {
    ("1.2", "*: cast"): "the card leaves float32 and float64 to the learner",
    ("1.4", "*: cut *"): "it returns a gradient, and nobody differentiates that again",
    ("1.4", "*: detached"): "the same",
}


@pytest.fixture(autouse=True)
def fresh():
    checks.attempts.clear()
    checks.solved.clear()


def test_hints_escalate_and_the_last_names_the_solution(capsys):
    exercise = checks.find("1.1")
    shown = []
    for extra in range(6):  # another answer each time: the same one again costs no hint
        checks.check("1.1", lambda words, window, extra=extra: [*one_sided(words, window), ("extra",) * extra])
        shown.append(capsys.readouterr().out.count("Hint"))
    n = len(exercise.hints) + 1
    assert shown == [min(i, n) for i in range(1, 7)]
    checks.check("1.1", one_sided)
    assert "notebooks/solutions/01_word2vec.ipynb" in capsys.readouterr().out.splitlines()[-1]


def test_a_check_never_raises_and_an_unwritten_function_costs_no_hint(capsys):
    def unwritten(words, window):
        raise NotImplementedError

    def broken(words, window):
        return words[99]

    assert checks.check("1.1", unwritten) == 0
    assert "not written yet" in (said := capsys.readouterr().out) and "Hint" not in said
    assert checks.check("1.1", broken) < 2
    said = capsys.readouterr().out
    assert "IndexError" in said and "words[99]" in said

    def broken_in_torch(words, window):
        return torch.ones(2) @ torch.ones(3)

    checks.check("1.1", broken_in_torch)
    assert ": `return torch.ones(2) @ torch.ones(3)`)" in " ".join(capsys.readouterr().out.split())
    assert checks.check("1.1", lambda words, window: exit()) == 0
    assert checks.check("1.1") == 0  # the function forgotten
    assert checks.check("1.1", 5) == 0  # not a function


def with_cosines(word, words, vectors, k):
    """As the lecture's, which returns pairs."""
    return [(other, 0.5) for other in nearest(word, words, vectors, k)]


def all_answers(a, b, c, words, vectors, k):
    return analogy(a, b, c, words, vectors, k + 3)


@pytest.mark.parametrize(
    ("number", "functions", "told"),
    [
        ("1.1", [one_sided], "of 4 pairs 2 are missing, such as ('cat', 'the')"),
        ("1.1", [lambda words, window: pairs(words, window) + [("a", "z")]], "come others, such as ('a', 'z')"),
        ("1.3", [lambda u, v, n: loss(u, v, n) * len(u)], "it is 24.26, not 3.466"),
        ("1.3", [overflows], "it is inf, not"),
        ("1.4", [not_mean], "every value is 7 times what it should be"),
        ("1.4", [flipped], "every value is -1 times what it should be"),
        ("1.4", [by_autograd], "it calls torch.autograd.grad, which this exercise forbids: write the gradient out"),
        ("1.5", [with_cosines, analogy], "not a list of words alone"),
        ("1.5", [nearest, all_answers], "asked for one word, it finds queen, "),
        ("1.5", [nearest, answers_given], "or in another order; it finds "),
        ("1.6", [lambda: "\n".join(lines)], "it is of the type str, not a list of str"),
        ("1.6", [lambda: " ".join(lines).split()], "no word has a neighbour"),
        ("1.6", [lambda: None], "is a return missing?"),
        ("1.6", [misread("cp949", "cp1252")], "encoding='cp949' for Korean"),
        ("1.6", [misread("cp949", "utf-8")], "not stored as utf-8: save it as UTF-8, or name the encoding"),
    ],
)
def test_a_cross_says_what_came_instead(number, functions, told, capsys):
    checks.check(number, *functions)
    assert told in " ".join(capsys.readouterr().out.split())


def test_partial_credit():
    assert checks.check("1.2", keep, lambda c, p=0.75: c**p) == 1.0


def test_a_check_leaves_the_learners_random_numbers_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    checks.check("1.3", loss)
    assert torch.rand(1) == expected


def test_an_exercise_that_does_not_exist():
    for number in ("1.9", "77.1", "one"):
        with pytest.raises(CourseError, match="There is no exercise"):
            checks.check(number, pairs)
