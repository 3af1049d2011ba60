"""Assignment 01's checks accept the solution and other right answers, and refuse plausible wrong ones."""

import numpy as np
import pytest
import scipy.stats
import torch
import torch.nn.functional as F
from scipy.stats import rankdata

from helpers import CourseError, checks
from tests.answers import *  # noqa: F403  right answers are accepted, wrong ones refused
from tests.definitions import definitions

right = definitions("solutions/01_word2vec.ipynb")
pairs, keep, noise = right.skip_gram_pairs, right.keep_probability, right.noise_distribution
loss, gradient = right.negative_sampling_loss, right.negative_sampling_gradient
nearest, analogy = right.nearest, right.analogy
softmax, step, similarity = right.softmax_gradient, right.training_step, right.word_similarity
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


def softmax_by_loop(h, W_prime, c):
    exponentials = [torch.exp(h @ column - (h @ W_prime).max()) for column in W_prime.T]
    total = sum(exponentials)
    grad_h, grad_W_prime = torch.zeros_like(h), torch.zeros_like(W_prime)
    for j, exponential in enumerate(exponentials):
        error = exponential / total - (1 if j == c else 0)
        grad_h += error * W_prime[:, j]
        grad_W_prime[:, j] = error * h
    return grad_h, grad_W_prime


def softmax_in_numpy(h, W_prime, c):
    h_, W_ = h.double().numpy(), W_prime.double().numpy()
    scores = h_ @ W_
    error = np.exp(scores - scores.max())
    error = error / error.sum() - np.eye(len(scores))[c]
    return [torch.from_numpy(x).to(h.dtype) for x in (W_ @ error, h_[:, None] * error)]


def softmax_by_logarithms(h, W_prime, c):
    error = (h @ W_prime).log_softmax(-1).exp() - F.one_hot(torch.tensor(c), W_prime.shape[1])
    return torch.einsum("dv,v->d", W_prime, error), torch.einsum("d,v->dv", h, error)


def step_by_loop(W, W_prime, centre, context, drawn, lr):
    new, new_prime = W.clone(), W_prime.clone()
    grads = gradient_by_loop(W[centre], W_prime[context], W_prime[drawn])
    for p in range(len(centre)):
        new[centre[p]] -= lr * grads[0][p]
        new_prime[context[p]] -= lr * grads[1][p]
        for i, word in enumerate(drawn[p]):
            new_prime[word] -= lr * grads[2][p, i]
    return new, new_prime, loss_by_loop(W[centre], W_prime[context], W_prime[drawn])


def step_by_autograd(W, W_prime, centre, context, drawn, lr):
    leaves = W.clone().requires_grad_(), W_prime.clone().requires_grad_()
    value = other_loss(leaves[0][centre], leaves[1][context], leaves[1][drawn])
    value.backward()
    return [leaf.detach() - lr * leaf.grad for leaf in leaves] + [value.detach()]


def step_by_one_hot(W, W_prime, centre, context, drawn, lr):
    """Sums over the places by matrix products, and an optimiser's step."""
    V, d = W.shape
    grads = other_gradient(W[centre], W_prime[context], W_prime[drawn])
    words = torch.cat([context, drawn.reshape(-1)])
    both = torch.cat([grads[1], grads[2].reshape(-1, d)])
    for_W = F.one_hot(centre, V).to(W.dtype).T @ grads[0]
    for_W_prime = F.one_hot(words, V).to(W.dtype).T @ both
    return W - lr * for_W, W_prime - lr * for_W_prime, loss(W[centre], W_prime[context], W_prime[drawn])


def similarity_by_numpy(rated, words, vectors):
    known = [row for row in rated if row[0] in words and row[1] in words]
    if len(known) <= 1:
        raise ValueError("too few pairs")
    unit = (vectors / vectors.norm(dim=1, keepdim=True)).double().numpy()
    cosines = [unit[words.index(a)] @ unit[words.index(b)] for a, b, _ in known]
    ranks = [rankdata(np.round(values, 6)) for values in (cosines, [score for *_, score in known])]
    return np.corrcoef(*ranks)[0, 1], len(known)


def similarity_by_counting(rated, words, vectors):
    """A value's mean rank: how many are smaller, and half of those that are equal."""
    cosines, scores = [], []
    for a, b, score in rated:
        if {a, b} <= set(words):
            u, v = vectors[words.index(a)], vectors[words.index(b)]
            cosines.append(round((u @ v / (u.norm() * v.norm())).item(), 6))
            scores.append(score)
    if len(scores) < 2:
        raise ValueError("rho needs two pairs")
    ranks = [[sum(y < x for y in xs) + sum(y == x for y in xs) / 2 for x in xs] for xs in (cosines, scores)]
    first, second = (torch.tensor(r, dtype=torch.float64) - sum(r) / len(r) for r in ranks)
    return F.cosine_similarity(first, second, dim=0).item(), len(scores)


def similarity_in_plain_python(rated, words, vectors):
    """Without a tensor: lists, sorted and sums."""
    rows = dict(zip(words, vectors.tolist(), strict=True))
    known = [(rows[a], rows[b], score) for a, b, score in rated if a in rows and b in rows]
    if len(known) < 2:
        raise ValueError("Too few pairs are known.")

    def cosine(x, y):
        return sum(a * b for a, b in zip(x, y, strict=True)) / (sum(a * a for a in x) * sum(b * b for b in y)) ** 0.5

    def centred_ranks(values):
        order = sorted(values)
        return [order.index(v) + (order.count(v) - 1) / 2 - (len(values) - 1) / 2 for v in values]

    first = centred_ranks([round(cosine(x, y), 6) for x, y, _ in known])
    second = centred_ranks([score for *_, score in known])
    return cosine(first, second), len(known)


RIGHT = [
    *(("1.3", [some]) for some in (softmax, softmax_by_loop, softmax_in_numpy, softmax_by_logarithms)),
    *(("1.6", [some]) for some in (step, step_by_loop, step_by_autograd, step_by_one_hot)),
    *(
        ("1.8", [some])
        for some in (similarity, similarity_by_numpy, similarity_by_counting, similarity_in_plain_python)
    ),
    ("1.1", [pairs]),
    ("1.1", [other_pairs]),
    ("1.1", [pairs_by_pointing]),
    ("1.1", [pairs_by_slices]),
    ("1.2", [keep_in_numpy, noise_by_logarithms]),
    ("1.4", [loss_by_cross_entropy]),
    ("1.5", [gradient_in_float64]),
    ("1.7", [nearest_by_distance, analogy_by_nearest]),
    ("1.2", [keep, noise]),
    ("1.2", [keep_by_loop, noise_by_loop]),
    ("1.2", [other_keep, other_noise]),
    ("1.4", [loss]),
    ("1.4", [other_loss]),
    ("1.4", [loss_by_loop]),
    ("1.5", [gradient]),
    ("1.5", [gradient_by_loop]),
    ("1.5", [other_gradient]),
    ("1.7", [nearest, analogy]),
    ("1.7", [other_nearest, other_analogy]),
    ("1.7", [nearest_by_loop, analogy_in_float64]),
    ("1.9", [lambda: lines]),
    ("1.9", [lambda: [line.replace("fox", "élève").replace("sleeps", "“n’est” pas") for line in lines]]),
    ("1.9", [lambda: [line.replace("fox", "Füchsin").replace("hen", "Mädchen’s") for line in lines]]),
    ("1.9", [lambda: [line.replace("fox", "여우").replace("hen", "암탉") for line in lines]]),
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


def softmax_unstable(h, W_prime, c):
    exponentials = (h @ W_prime).exp()
    error = exponentials / exponentials.sum()
    error[c] -= 1
    return W_prime @ error, torch.outer(h, error)


def softmax_by_autograd(h, W_prime, c):
    with torch.enable_grad():
        leaves = h.clone().requires_grad_(), W_prime.clone().requires_grad_()
        return torch.autograd.grad(-(leaves[0] @ leaves[1]).log_softmax(0)[c], leaves)


def softmax_without_truth(h, W_prime, c):
    p = (h @ W_prime).softmax(0)
    return W_prime @ p, torch.outer(h, p)


def softmax_of_one_word(h, W_prime, c):
    """Only the true word's column moves."""
    error = (h @ W_prime).softmax(0)[c] - 1
    grad = torch.zeros_like(W_prime)
    grad[:, c] = error * h
    return error * W_prime[:, c], grad


def step_of_the_last_place(W, W_prime, centre, context, drawn, lr):
    grads = gradient(W[centre], W_prime[context], W_prime[drawn])
    new, new_prime = W.clone(), W_prime.clone()
    new[centre] -= lr * grads[0]
    new_prime[context] -= lr * grads[1]
    new_prime[drawn] -= lr * grads[2]
    return new, new_prime, loss(W[centre], W_prime[context], W_prime[drawn])


def step_in_place(W, W_prime, centre, context, drawn, lr):
    new, new_prime, value = step(W.clone(), W_prime.clone(), centre, context, drawn, lr)
    W.copy_(new)
    W_prime.copy_(new_prime)
    return W, W_prime, value


def step_one_after_the_other(W, W_prime, centre, context, drawn, lr):
    """W_prime's gradient comes from the new W."""
    new, _, value = step(W, W_prime, centre, context, drawn, lr)
    return new, step(new, W_prime, centre, context, drawn, lr)[1], value


def step_without_negatives(W, W_prime, centre, context, drawn, lr):
    grads = gradient(W[centre], W_prime[context], W_prime[drawn])
    value = loss(W[centre], W_prime[context], W_prime[drawn])
    return W.index_add(0, centre, -lr * grads[0]), W_prime.index_add(0, context, -lr * grads[1]), value


def step_loss_after(W, W_prime, *rest):
    new, new_prime, _ = step(W, W_prime, *rest)
    return new, new_prime, step(new, new_prime, *rest)[2]


def similarity_of_values(rated, words, vectors):
    """Pearson's correlation of the values themselves."""
    known = [(words.index(a), words.index(b), score) for a, b, score in rated if a in words and b in words]
    if len(known) < 2:
        raise ValueError("too few")
    i, j, scores = map(list, zip(*known, strict=True))
    cosines = F.cosine_similarity(vectors[i], vectors[j]).double()
    return torch.corrcoef(torch.stack([cosines, torch.tensor(scores, dtype=torch.float64)]))[0, 1].item(), len(known)


def similarity_without_ties(rated, words, vectors):
    known = [(words.index(a), words.index(b), score) for a, b, score in rated if a in words and b in words]
    if len(known) < 2:
        raise ValueError("too few")
    i, j, scores = map(list, zip(*known, strict=True))
    values = F.cosine_similarity(vectors[i], vectors[j]), torch.tensor(scores)
    ranks = torch.stack([x.argsort(stable=True).argsort(stable=True).double() for x in values])
    return torch.corrcoef(ranks)[0, 1].item(), len(known)


def similarity_of_dots(rated, words, vectors):
    known = [row for row in rated if row[0] in words and row[1] in words]
    if len(known) < 2:
        raise ValueError("too few")
    dots = [(vectors[words.index(a)] @ vectors[words.index(b)]).item() for a, b, _ in known]
    return float(np.corrcoef(rankdata(dots), rankdata([s for *_, s in known]))[0, 1]), len(known)


def similarity_by_scipy(rated, words, vectors):
    known = [row for row in rated if row[0] in words and row[1] in words]
    if len(known) < 2:
        raise ValueError("too few")
    cosines = [F.cosine_similarity(vectors[words.index(a)], vectors[words.index(b)], dim=0).item() for a, b, _ in known]
    return float(scipy.stats.spearmanr(cosines, [s for *_, s in known]).statistic), len(known)


def similarity_with_unknown_as_zero(rated, words, vectors):
    """A pair with an unknown word gets the cosine 0."""
    spare = torch.cat([vectors, torch.zeros_like(vectors[:1])])
    names = [*words, *{w for a, b, _ in rated for w in (a, b)} - set(words)]
    rows = {word: spare[min(i, len(words))] for i, word in enumerate(names)}
    cosines = [F.cosine_similarity(rows[a], rows[b], dim=0).item() for a, b, _ in rated]
    return float(np.corrcoef(rankdata(cosines), rankdata([s for *_, s in rated]))[0, 1]), len(rated)


WRONG = [
    ("1.3", [softmax_unstable]),
    ("1.3", [softmax_by_autograd]),
    ("1.3", [softmax_without_truth]),
    ("1.3", [softmax_of_one_word]),
    ("1.3", [lambda h, W_prime, c: tuple(-g for g in softmax(h, W_prime, c))]),
    ("1.3", [lambda h, W_prime, c: (softmax(h, W_prime, c)[0], softmax(h, W_prime, c)[1].T)]),
    ("1.6", [step_of_the_last_place]),
    ("1.6", [step_in_place]),
    ("1.6", [step_one_after_the_other]),
    ("1.6", [step_without_negatives]),
    ("1.6", [step_loss_after]),
    ("1.6", [lambda *arguments: step(*arguments[:5], -arguments[5])]),  # uphill
    ("1.6", [lambda W, W_prime, *rest: step(W, W_prime, *rest[:3], rest[3] * len(rest[0]))]),  # the sum, not the mean
    ("1.6", [lambda W, W_prime, *rest: step(W, W_prime, *rest)[:2]]),
    ("1.8", [similarity_of_values]),
    ("1.8", [similarity_without_ties]),
    ("1.8", [similarity_of_dots]),
    ("1.8", [similarity_by_scipy]),
    ("1.8", [similarity_with_unknown_as_zero]),
    ("1.8", [lambda rated, words, vectors: (similarity(rated, words, vectors)[0], len(rated))]),
    ("1.8", [lambda rated, words, vectors: similarity(rated, words, vectors)[0]]),
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
    ("1.4", [lambda u, v, n: loss(u, v, n) * len(u)]),  # sum
    ("1.4", [cut_loss]),
    ("1.4", [lambda u, v, n: loss(u.double(), v.double(), n.double())]),  # another dtype
    ("1.4", [lambda u, v, n: loss(u, v, n)[None]]),
    ("1.4", [lambda u, v, n: loss(u, v, -n)]),  # noise with the wrong sign
    ("1.4", [lambda u, v, n: -F.logsigmoid((u * v).sum(1)).mean()]),  # no noise
    ("1.4", [lambda u, v, n: loss(u, v, n).item()]),  # gradients cannot flow
    ("1.4", [overflows]),
    ("1.4", [mean_of_noise]),
    *(("1.5", [wrong]) for wrong in (by_autograd, by_backward, by_jacobian, by_func)),
    ("1.5", [overwriting_gradient]),
    ("1.5", [not_mean]),
    ("1.5", [flipped]),
    ("1.5", [forgets_noise]),
    ("1.5", [noise_as_true]),
    ("1.5", [lambda u, v, n: gradient(u, v, n)[:2]]),
    ("1.7", [by_dot, analogy]),
    ("1.7", [with_itself, analogy]),
    ("1.7", [three_words, analogy]),
    ("1.7", [pops, analogy]),
    ("1.7", [nearest, lambda a, b, c, words, vectors, k: analogy(a, b, c, words, vectors, k)[:1] * k]),
    ("1.7", [worst_first, analogy]),
    ("1.7", [nearest, not_unit]),
    ("1.7", [nearest, answers_given]),
    ("1.7", [nearest, lambda a, b, c, *rest: analogy(b, a, c, *rest)]),
    ("1.7", [lambda w, words, v, k: nearest(w, words, v, k) if w in words else [], analogy]),
    ("1.9", [lambda: "\n".join(lines)]),
    ("1.9", [lambda: lines[:2]]),
    ("1.9", [lambda: [f"word{i}" for i in range(999)]]),
    ("1.9", [lambda: " ".join(lines).split()]),  # words, not lines
    ("1.9", [misread("cp949", "cp1252")]),
    ("1.9", [misread("utf-8", "latin-1")]),
    ("1.9", [misread("cp949", "utf-8", "replace")]),
]

EQUIVALENT = {
    ("1.2", "*: cast"): "the card leaves float32 and float64 to the learner",
    ("1.5", "*: cut *"): "it returns a gradient, and nobody differentiates that again",
    ("1.5", "*: detached"): "the same",
    ("1.6", "*: cut *"): "a step is not differentiated again",
    ("1.6", "*: detached"): "the same",
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
        ("1.4", [lambda u, v, n: loss(u, v, n) * len(u)], "it is 24.26, not 3.466"),
        ("1.4", [overflows], "it is inf, not"),
        ("1.5", [not_mean], "every value is 7 times what it should be"),
        ("1.5", [flipped], "every value is -1 times what it should be"),
        ("1.5", [by_autograd], "it calls torch.autograd.grad, which this exercise forbids: write the gradient out"),
        ("1.6", [step_of_the_last_place], "Index assignment writes one of the repeated rows"),
        ("1.8", [similarity_by_scipy], "it calls scipy.stats.spearmanr, which this exercise forbids"),
        ("1.7", [with_cosines, analogy], "not a list of words alone"),
        ("1.7", [nearest, all_answers], "asked for one word, it finds queen, "),
        ("1.7", [nearest, answers_given], "or in another order; it finds "),
        ("1.9", [lambda: "\n".join(lines)], "it is of the type str, not a list of str"),
        ("1.9", [lambda: " ".join(lines).split()], "no word has a neighbour"),
        ("1.9", [lambda: None], "is a return missing?"),
        ("1.9", [misread("cp949", "cp1252")], "encoding='cp949' for Korean"),
        ("1.9", [misread("cp949", "utf-8")], "not stored as utf-8: save it as UTF-8, or name the encoding"),
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
    checks.check("1.4", loss)
    assert torch.rand(1) == expected


def test_an_exercise_that_does_not_exist():
    for number in ("1.99", "77.1", "one"):
        with pytest.raises(CourseError, match="There is no exercise"):
            checks.check(number, pairs)
