"""The checks of assignment 04. Expected values come from torch, sacrebleu, plain loops, and all captions there are."""

import itertools
import math

import sacrebleu
import torch
import torch.nn.functional as F

from helpers.checks import NO_GRADIENT, NOTHING, Exercise, close, everywhere, first_wrong, refuses

EXERCISES = {
    "4.1": Exercise(
        2,
        [
            "Take the padding out first. What is left is a plain list of words, whatever row they stood in.",
            "targets != pad is a mask: logits[mask] has a row for each real word, targets[mask] the word's number.",
            "A word's loss is -log_softmax(logits)[its number]. Perplexity is e to the mean loss, not a mean of e's.",
        ],
        forbidden={"torch.nn.functional.cross_entropy": "write the mean over the real words yourself"},
    ),
    "4.2": Exercise(
        4,
        [
            "Begin with heads = 1 and without `allowed`. Write down the shape after each step: which of them has a "
            "size for the words, which has one for the places?",
            "words @ W_q.T is (batch, T, A). unflatten(2, (heads, -1)) cuts the last size into heads; transpose(1, 2) "
            "puts them in front of the words: (batch, heads, T, d).",
            "The scores are q @ k.mT divided by the root of d, which is A / heads: (batch, heads, T, L). The softmax "
            "goes along the places, the last size.",
            "Give a score of minus infinity where `allowed` is False, before the softmax. At the end, transpose the "
            "heads back behind the words, flatten them, and multiply by W_o.T.",
        ],
        forbidden={
            "torch.nn.functional.scaled_dot_product_attention": "the formula is the exercise",
            "torch.nn.functional.multi_head_attention_forward": "the formula is the exercise",
        },
    ),
    "4.3": Exercise(
        4,
        [
            "Play it on paper, width 2, on the tree in the card. Which two prefixes are in the beam after each step?",
            "totals[:, None] + log-probabilities (n, words) scores all extensions: keep the best of the whole table.",
            "topk of the flattened table: row index // words, word index % words; never ask for more than there are.",
            "What ends leaves the beam for a list of its own. Only when all is done, divide each total by the number "
            "of its log-probabilities to the power of alpha, and compare.",
        ],
    ),
    "4.4": Exercise(
        3,
        [
            "clipped_precision: count on paper 'the the the' against 'the cat on the mat'. How many are earned?",
            "clipped_precision: Counter counts n-grams. For each, the most that any single reference has is the limit.",
            "brevity_penalty: for each caption the nearest reference length; sum both columns; only then compare.",
            "bleu: sum matches and totals over all captions, then divide, once for each n. Look for a 0 before you "
            "divide or take a logarithm.",
        ],
        forbidden={
            "sacrebleu.metrics.BLEU.corpus_score": "count the n-grams yourself",
            "sacrebleu.metrics.BLEU.sentence_score": "count the n-grams yourself",
        },
    ),
    "4.5": Exercise(
        3,
        [
            "pointing_accuracy: one map first. maps[i].argmax() is a number from 0 to rows * columns - 1: which row "
            "and which column is that?",
            "pointing_accuracy: number // columns is the row, number % columns the column. The centre of a place lies "
            "half a place further: x = (column + 0.5) * size / columns.",
            "pointing_accuracy: leave out what has no box before you count anything; n is how many are left.",
            "random_place: for each list of boxes, go through all places and count those whose centre lies in a box; "
            "divide by rows * columns, then take the mean over the lists that have a box.",
        ],
    ),
}


# 4.1 the loss


def captions(rows, length, words, pad):
    """Random logits, and targets of random lengths from 1 to `length`, filled up with padding."""
    targets = torch.randint(words, (rows, length))
    targets[targets == pad] = (pad + 1) % words
    used = torch.randint(1, length + 1, (rows,))
    used[0], used[-1] = 1, length
    targets[torch.arange(length) >= used[:, None]] = pad
    return 2 * torch.randn(rows, length, words), targets


def torch_loss(logits, targets, pad):
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=pad)


@EXERCISES["4.1"].case("rows of 1 and 3 real words, probabilities 1/2 and 1/4, 1/4, 1/4: the mean over four words")
def _(caption_loss, perplexity):
    p = torch.tensor([[[0.5, 0.3, 0.2], [0.8, 0.1, 0.1], [0.8, 0.1, 0.1]], [[0.5, 0.25, 0.25]] * 3])
    targets = torch.tensor([[0, 9, 9], [1, 2, 1]])
    expected = -(math.log(1 / 2) + 3 * math.log(1 / 4)) / 4
    return first_wrong(
        close(caption_loss(p.log() + 5, targets, 9), expected),
        close(perplexity(p.log() + 5, targets, 9), math.exp(expected)),
    )


def drawn(rows, length, words, pad):
    logits, targets = captions(rows, length, words, pad)
    return {"logits": logits, "targets": targets, "pad": pad}


SIZES = [
    {"rows": 7, "length": 6, "words": 11, "pad": 0},
    {"rows": 3, "length": 4, "words": 8, "pad": 5},
    {"rows": 1, "length": 5, "words": 6, "pad": -100},
    {"rows": 1, "length": 1, "words": 3, "pad": 1},
]


@EXERCISES["4.1"].case("loss and gradient are those of torch's cross-entropy, in float32 and float64, for any padding")
def _(caption_loss, perplexity):
    return everywhere(caption_loss, torch_loss, drawn, SIZES, gradients=True)


@EXERCISES["4.1"].case("the perplexity is e to the power of torch's cross-entropy, for the same captions")
def _(caption_loss, perplexity):
    return everywhere(perplexity, lambda *some: math.exp(torch_loss(*some)), drawn, SIZES, tolerance=1e-3)


@EXERCISES["4.1"].case(
    "a speaker who knows nothing has a perplexity of as many words as there are, in a batch of one, too"
)
def _(caption_loss, perplexity):
    verdicts = [
        close(perplexity(torch.zeros(rows, 4, 50), torch.randint(1, 50, (rows, 4)), 0), 50.0) for rows in (1, 3)
    ]
    return first_wrong(*verdicts)


@EXERCISES["4.1"].case("more padding changes nothing, even if the model forbids it (logit -inf); it has no gradient")
def _(caption_loss, perplexity):
    logits, targets = captions(4, 5, 8, 0)
    wider = torch.cat([logits, torch.randn(4, 3, 8)], dim=1)
    wider[:, :, 0] = -math.inf
    expected = torch_loss(wider[:, :5], targets, 0)
    loss = caption_loss(wider.requires_grad_(), F.pad(targets, (0, 3)), 0)
    if (verdict := close(loss, expected)) is not True:
        return verdict
    if not getattr(loss, "requires_grad", False):
        return NO_GRADIENT
    loss.backward()
    moved = wider.grad.abs().sum(2) > 0
    return torch.equal(moved, F.pad(targets, (0, 3)) != 0) or "the gradient moves padding, or leaves a real word alone"


@EXERCISES["4.1"].case("logits of a thousand give a finite, right loss")
def _(caption_loss, perplexity):
    logits, targets = captions(3, 4, 6, 0)
    return close(caption_loss(500 * logits, targets, 0), torch_loss(500 * logits, targets, 0))


@EXERCISES["4.1"].case("nothing but padding is refused with a ValueError that says why")
def _(caption_loss, perplexity):
    return refuses(caption_loss, torch.randn(2, 3, 5), torch.zeros(2, 3, dtype=torch.long), 0)


# 4.2 cross-attention

NAMES = ("words", "places", "W_q", "W_k", "W_v", "W_o", "heads", "allowed")


def true_attention(words, places, W_q, W_k, W_v, W_o, heads, allowed=None):
    """By loops over the pictures and the heads."""
    found, alphas = [], []
    for x, a in zip(words, places, strict=True):
        pieces = zip(*((y @ W.T).chunk(heads, dim=1) for y, W in ((x, W_q), (a, W_k), (a, W_v))), strict=True)
        contexts, weights = [], []
        for q, k, v in pieces:
            scores = torch.einsum("td,ld->tl", q, k) / math.sqrt(q.shape[1])
            if allowed is not None:
                scores = torch.where(allowed, scores, -torch.inf)
            weights.append(torch.exp(scores - scores.logsumexp(1, keepdim=True)))
            contexts.append(torch.einsum("tl,ld->td", weights[-1], v))
        found.append(torch.cat(contexts, dim=1) @ W_o.T)
        alphas.append(torch.stack(weights))
    return torch.stack(found), torch.stack(alphas)


def attention_input(batch=3, T=4, L=5, E=6, D=7, A=8, heads=2, causal=False):
    shapes = (batch, T, E), (batch, L, D), (A, E), (A, D), (A, D), (E, A)
    arguments = [torch.randn(shape) / (1 if len(shape) == 3 else shape[1] ** 0.5) for shape in shapes]
    if causal:
        arguments += [heads, torch.ones(T, L, dtype=torch.bool).tril()]
    else:
        arguments += [heads]
    return dict(zip(NAMES, arguments, strict=False))


def attends(function, arguments, expected=None):
    expected = expected or true_attention(**arguments)
    got = function(**arguments)
    if not isinstance(got, tuple | list) or len(got) != 2:
        return "it must return two tensors: what was found, and alpha"
    if close(got[0], expected[1]) is True and close(got[1], expected[0]) is True:
        return "alpha came first: what was found is asked for first, then alpha"
    shape = tuple(torch.as_tensor(got[1]).shape)
    if shape != expected[1].shape and sorted(shape) == sorted(expected[1].shape):
        return f"alpha: its sizes {shape} stand in another order than (batch, heads, T, L)"
    sums = torch.as_tensor(got[1]).detach().sum(-1)
    if close(sums, torch.ones(sums.shape)) == "the values differ":
        return f"alpha: the weights of a word sum to {sums.flatten()[(sums - 1).abs().argmax()]:.3g}, not to 1"
    for name, mine, right in zip(("what was found", "alpha"), got, expected, strict=True):
        if (verdict := close(mine, right)) is not True:
            return f"{name}: {verdict}"
    return True


ONE, LOG3 = torch.ones(1, 1), math.log(3)


@EXERCISES["4.2"].case("the card's example: one word, two places, scores 0 and log 3, so the weights are 1/4 and 3/4")
def _(cross_attention):
    words, places = torch.tensor([[[1.0]]]), torch.tensor([[[0.0], [LOG3]]])
    expected = torch.tensor([[[0.75 * LOG3]]]), torch.tensor([[[[0.25, 0.75]]]])
    return attends(cross_attention, dict(zip(NAMES, (words, places, ONE, ONE, ONE, ONE, 1), strict=False)), expected)


@EXERCISES["4.2"].case(
    "four numbers a key: the scores are divided by their root, and the values are not the keys",
    hint="Divide by the root of the length of a query, once. W_v makes the values, W_k the keys.",
)
def _(cross_attention):
    words, places = torch.tensor([[[1.0, 0, 0, 0]]]), torch.tensor([[[0.0, 5, 0, 0], [2 * LOG3, 0, 7, 0]]])
    eye = torch.eye(4)
    arguments = words, places, eye, eye, 10 * eye, eye, 1
    expected = torch.tensor([[[15 * LOG3, 12.5, 52.5, 0]]]), torch.tensor([[[[0.25, 0.75]]]])
    return attends(cross_attention, dict(zip(NAMES, arguments, strict=False)), expected)


@EXERCISES["4.2"].case("random pictures with one head agree with plain loops over the pictures")
def _(cross_attention):
    sizes = ({}, {"batch": 1, "T": 1, "L": 1}, {"batch": 5, "T": 5, "L": 5, "E": 5, "D": 5, "A": 5})
    return first_wrong(*(attends(cross_attention, attention_input(**{"heads": 1} | size)) for size in sizes))


@EXERCISES["4.2"].case(
    "two, three and four heads: each has numbers of its own, and d is A / heads",
    hint="The first head has the first A / heads numbers of a query, of a key and of a value, the second the next.",
)
def _(cross_attention):
    sizes = ({"heads": 2}, {"heads": 3, "A": 12, "T": 3}, {"heads": 4, "batch": 4, "T": 4, "L": 4, "A": 4})
    return first_wrong(*(attends(cross_attention, attention_input(**size)) for size in sizes))


@EXERCISES["4.2"].case(
    "where `allowed` is False, the weight is exactly 0, whatever stands there; the others sum to 1",
    hint="Cover before the softmax, not after it: what is left must still sum to 1.",
)
def _(cross_attention):
    arguments = attention_input(T=5, L=5, causal=True)
    if (verdict := attends(cross_attention, arguments)) is not True:
        return verdict
    holes = arguments | {"allowed": torch.rand(5, 5) > 0.5}
    holes["allowed"][:, 2] = True
    if (verdict := attends(cross_attention, holes)) is not True:
        return verdict
    _, alpha = cross_attention(**holes)
    covered = alpha[..., ~holes["allowed"]]
    return bool((covered == 0).all()) or f"a place that is not allowed has a weight of {covered.max().item():.2g}"


@EXERCISES["4.2"].case("scores of a thousand give finite weights that sum to 1")
def _(cross_attention):
    arguments = attention_input(causal=True, T=5)
    return attends(cross_attention, arguments | {"W_q": 1000 * arguments["W_q"]})


@EXERCISES["4.2"].case(
    "values, dtypes and all gradients are those of plain loops, in float32 and float64, with `allowed` and without",
    hint="What was found depends on the weights, and they on the words and the places: nothing on the way may be "
    "detached.",
)
def _(cross_attention):
    sizes = [{"batch": 3}, {"batch": 1, "T": 1, "heads": 4}]
    covered = [{"causal": True, "T": 5}, {"causal": True, "batch": 1, "T": 3, "L": 3, "heads": 1}]
    return first_wrong(
        *(everywhere(cross_attention, true_attention, attention_input, s, gradients=True) for s in (sizes, covered))
    )


@EXERCISES["4.2"].case("heads that do not divide A, and a word that may look nowhere, are refused with a ValueError")
def _(cross_attention):
    nowhere = attention_input(T=5, causal=True)
    nowhere["allowed"][2] = False
    return first_wrong(refuses(cross_attention, **attention_input(heads=3)), refuses(cross_attention, **nowhere))


# 4.3 search


class Speaker:
    """A made-up captioner: a function of the prefix, which counts how often and for how many prefixes it is asked.

    Args:
        words: how many there are, `start` and `end` among them.
        start: number of the word that begins every prefix.
        told: a function from a prefix (a tuple, without the start) to a list of `words` probabilities.
    """

    def __init__(self, words, start, told):
        self.words, self.start, self.told = words, start, told
        self.calls, self.most = 0, 0

    def __call__(self, prefixes):
        if not isinstance(prefixes, torch.Tensor) or prefixes.dtype != torch.long or prefixes.ndim != 2:
            came = f"{prefixes.dtype} {tuple(prefixes.shape)}" if isinstance(prefixes, torch.Tensor) else type(prefixes)
            raise ValueError(f"next_log_probs takes a LongTensor (n, t) of prefixes; {came} came")
        rows = prefixes.tolist()
        if not rows or any(row[:1] != [self.start] for row in rows):
            raise ValueError(f"next_log_probs takes at least one prefix, and each begins with the start; {rows} came")
        self.calls, self.most = self.calls + 1, max(self.most, len(rows))
        if self.calls > 100:
            raise ValueError("the captioner was asked 100 times for one caption; does the loop have an end?")
        return torch.tensor([self.told(tuple(row[1:])) for row in rows], dtype=torch.float64).log().float()


def by_table(words, end, table, start=0):
    """A speaker who follows a table `{prefix: {word: probability}}`, and ends after prefixes that are not in it."""

    def told(prefix):
        chances = table.get(prefix, {end: 1.0})
        return [chances.get(word, 0.0) for word in range(words)]

    return Speaker(words, start, told)


def by_chance(words, start, seed):
    """A speaker whose probabilities are drawn anew for every prefix, always the same for the same one."""

    def told(prefix):
        number = seed
        for word in prefix:
            number = (number * 31 + word + 1) % 2**31
        return (1.5 * torch.randn(words, generator=torch.Generator().manual_seed(number))).softmax(0).tolist()

    return Speaker(words, start, told)


def says(got, expected):
    """True where a caption is the expected list of word numbers."""
    if got is None:
        return NOTHING
    if not isinstance(got, list | tuple):
        return f"it returned {type(got).__name__}, not a list of word numbers"
    got = [int(word) for word in got]
    return got == expected or f"it says {got}, not {expected}"


def total_log_prob(speaker, caption, end, longest):
    """What a caption is worth: the sum of its words' log-probabilities, and of the end's if there was room for one."""
    steps = [*caption, end][:longest]
    return math.fsum(math.log(speaker.told(tuple(steps[:t]))[word]) for t, word in enumerate(steps))


def true_greedy(speaker, end, longest):
    prefix = ()
    while len(prefix) < longest:
        chances = speaker.told(prefix)
        if (word := chances.index(max(chances))) == end:
            break
        prefix += (word,)
    return list(prefix)


def every_caption(speaker, end, longest):
    """All captions, each with its total log-probability."""
    words = [word for word in range(speaker.words) if word != end]
    for length in range(longest + 1):
        for caption in itertools.product(words, repeat=length):
            yield list(caption), total_log_prob(speaker, caption, end, longest)


def true_beam(speaker, end, longest, width, alpha=0.0):
    """By sorting lists of (log-probability, prefix)."""
    beam, complete = [(0.0, ())], []
    for _ in range(longest):
        longer = [
            (total + math.log(chance), (*prefix, word))
            for total, prefix in beam
            for word, chance in enumerate(speaker.told(prefix))
            if chance > 0
        ]
        best = sorted(longer, reverse=True)[:width]
        complete += [(total, prefix[:-1]) for total, prefix in best if prefix[-1] == end]
        beam = [(total, prefix) for total, prefix in best if prefix[-1] != end]
    ended = [(total / (len(caption) + 1) ** alpha, caption) for total, caption in complete]
    score, caption = max(ended + [(total / len(caption) ** alpha, caption) for total, caption in beam])
    return list(caption), score


def finds(function, speaker, start, end, longest, width, expected, alpha=None):
    got = function(speaker, start, end, longest, width, *([] if alpha is None else [alpha]))
    if not isinstance(got, tuple | list) or len(got) != 2:
        return "it must return two things: the caption and its score"
    caption, score = expected
    where = f"width {width}" + (f", alpha {alpha:g}" if alpha else "")
    if (verdict := says(got[0], caption)) is not True:
        return f"{where}: {verdict}"
    verdict = close(float(got[1]), score)
    return verdict is True or f"{where}: the caption is right, its score is not: {verdict}"


# The first word 2 is the likeliest, and leads into a wood of unlikely ones; 3 leads straight to the end.
GARDEN_PATH = {
    (): {2: 0.6, 3: 0.4},
    (2,): {4: 0.4, 5: 0.3, 6: 0.3},
    (3,): {4: 0.9, 5: 0.1},
}


@EXERCISES["4.3"].case("the garden path: width 1 takes the likeliest first word and regrets it, width 2 does better")
def _(beam_search):
    return first_wrong(
        finds(beam_search, by_table(7, 1, GARDEN_PATH), 0, 1, 6, 1, ([2, 4], math.log(0.6 * 0.4))),
        finds(beam_search, by_table(7, 1, GARDEN_PATH), 0, 1, 6, 2, ([3, 4], math.log(0.4 * 0.9))),
    )


@EXERCISES["4.3"].case("width 1 is greedy search: the likeliest next word, until it is the end")
def _(beam_search):
    verdicts = []
    for seed in range(8):
        start, end = [(0, 1), (5, 0)][seed % 2]
        speaker = by_chance(6, start, seed)
        caption = true_greedy(speaker, end, 7)
        expected = caption, total_log_prob(speaker, caption, end, 7)
        verdicts.append(finds(beam_search, speaker, start, end, 7, 1, expected))
    return first_wrong(*verdicts)


@EXERCISES["4.3"].case("a beam with room for every prefix finds the best caption of all, by trying them all")
def _(beam_search):
    verdicts = []
    for seed in range(6):
        speaker, end, longest = by_chance(4, 0, 100 + seed), 3, 1 + seed % 4
        expected = max(every_caption(speaker, end, longest), key=lambda pair: pair[1])
        verdicts.append(finds(beam_search, speaker, 0, end, longest, 4**longest, expected))
    return first_wrong(*verdicts)


@EXERCISES["4.3"].case(
    "random speakers, widths 2, 3 and 5: neither more nor fewer captions are kept than the card says"
)
def _(beam_search):
    verdicts = []
    for seed in range(30):
        speaker, width, longest = by_chance(6, 0, 200 + seed), (2, 3, 5)[seed % 3], 3 + seed % 5
        expected = true_beam(speaker, 1, longest, width)
        verdicts.append(finds(beam_search, speaker, 0, 1, longest, width, expected))
    return first_wrong(*verdicts)


@EXERCISES["4.3"].case("neither the first finished caption wins, nor the last: the likeliest does")
def _(beam_search):
    late = {(): {1: 0.4, 2: 0.6}, (2,): {3: 0.9, 1: 0.1}}
    early = {(): {2: 0.6, 3: 0.4}, (2,): {1: 0.7, 4: 0.3}}
    # 0.3 is finished first; two better prefixes push on, and both end up below it
    pushed = {(): {1: 0.3, 2: 0.7}, (2,): {3: 0.51, 4: 0.49}}
    pushed |= {(2, 3): {2: 0.6, 3: 0.4}, (2, 4): {2: 0.6, 3: 0.4}}
    return first_wrong(
        finds(beam_search, by_table(5, 1, late), 0, 1, 6, 2, ([2, 3], math.log(0.54))),
        finds(beam_search, by_table(5, 1, early), 0, 1, 6, 2, ([2], math.log(0.42))),
        finds(beam_search, by_table(5, 1, pushed), 0, 1, 6, 2, ([], math.log(0.3))),
    )


@EXERCISES["4.3"].case("after one caption is finished, the beam is as wide as before")
def _(beam_search):
    table = {(): {1: 0.25, 2: 0.75}, (2,): {3: 0.5, 4: 0.45, 5: 0.05}, (2, 3): {3: 0.4, 4: 0.3, 5: 0.3}}
    return finds(beam_search, by_table(6, 1, table), 0, 1, 6, 2, ([2, 4], math.log(0.75 * 0.45)))


@EXERCISES["4.3"].case("a caption that reaches `longest` words counts as it is, without an end")
def _(beam_search):
    table = {(): {2: 0.7, 1: 0.3}, (2,): {3: 0.9, 1: 0.1}, (2, 3): {1: 0.01, 2: 0.99}}
    return first_wrong(
        finds(beam_search, by_table(4, 1, table), 0, 1, 2, 2, ([2, 3], math.log(0.63))),
        finds(beam_search, by_table(4, 1, table), 0, 1, 1, 3, ([2], math.log(0.7))),
    )


@EXERCISES["4.3"].case(
    "in this trap width 2 does worse than greedy search, and so must yours: wider is not always better"
)
def _(beam_search):
    table = {(): {2: 0.4, 3: 0.35, 4: 0.25}, (2,): {5: 0.3, 6: 0.28, 7: 0.22, 8: 0.2}, (3,): {5: 0.51, 6: 0.49}}
    table |= {(3, 5): {2: 0.4, 3: 0.35, 4: 0.25}, (3, 6): {2: 0.4, 3: 0.35, 4: 0.25}}
    return first_wrong(
        finds(beam_search, by_table(9, 1, table), 0, 1, 6, 1, ([2, 5], math.log(0.4 * 0.3))),
        finds(beam_search, by_table(9, 1, table), 0, 1, 6, 2, ([3, 5, 2], math.log(0.35 * 0.51 * 0.4))),
    )


# Two words and the end have 0.36, four words and the end 0.32: in all, the short caption; for each word, the long one.
LONG_AND_SHORT = {
    (): {2: 0.6, 3: 0.4},
    (2,): {4: 0.6, 5: 0.4},
    (3,): {5: 0.9, 4: 0.1},
    (3, 5): {6: 0.95, 4: 0.05},
    (3, 5, 6): {6: 0.95, 4: 0.05},
}


@EXERCISES["4.3"].case(
    "alpha 0 compares totals, alpha 1 the mean log-probability of a word, the end included",
    hint="A caption of two words that ended has three log-probabilities in its total; one that is still open after "
    "`longest` words has `longest`.",
)
def _(beam_search):
    short, long = math.log(0.6 * 0.6), math.log(0.4 * 0.9 * 0.95 * 0.95)
    some = {"function": beam_search, "speaker": by_table(7, 1, LONG_AND_SHORT), "start": 0, "end": 1, "width": 3}
    return first_wrong(
        finds(**some, longest=8, expected=([2, 4], short), alpha=0.0),
        finds(**some, longest=8, expected=([3, 5, 6, 6], long / 5), alpha=1.0),
        finds(**some, longest=4, expected=([3, 5, 6, 6], long / 4), alpha=1.0),
    )


@EXERCISES["4.3"].case(
    "random speakers, alpha 0.5, 0.7 and 1: the beam is the same as with 0, another caption may win at the end",
    hint="Which prefixes stay in the beam is decided by their totals: in one step all have the same length.",
)
def _(beam_search):
    verdicts = []
    for seed in range(30):
        speaker, width, longest = by_chance(6, 0, 400 + seed), (2, 3, 5)[seed % 3], 3 + seed % 5
        alpha = (0.5, 0.7, 1.0)[seed // 3 % 3]
        expected = true_beam(speaker, 1, longest, width, alpha)
        verdicts.append(finds(beam_search, speaker, 0, 1, longest, width, expected, alpha))
    return first_wrong(*verdicts)


@EXERCISES["4.3"].case(
    "with alpha, a caption may still win long after another one has ended: the search does not stop early",
    hint="A total can only fall with each word; a total divided by a growing length can rise.",
)
def _(beam_search):
    table = {(): {1: 0.5, 2: 0.5}} | {(2,) + (3,) * n: {3: 0.9, 4: 0.1} for n in range(5)}
    expected = [2, 3, 3, 3, 3, 3], math.log(0.5 * 0.9**5) / 6
    return finds(beam_search, by_table(5, 1, table), 0, 1, 6, 2, expected, 1.0)


@EXERCISES["4.3"].case("the model is asked once a step, for no more than `width` prefixes")
def _(beam_search):
    for width in (1, 3, 6):
        speaker = by_chance(6, 0, width)
        beam_search(speaker, 0, 1, 6, width)
        if not 1 <= speaker.calls <= 6 or speaker.most > width:
            return f"width {width}, longest 6: it was asked {speaker.calls} times, for {speaker.most} prefixes at most"
    return True


@EXERCISES["4.3"].case("a width below 1 is refused with a ValueError that says why")
def _(beam_search):
    return first_wrong(*(refuses(beam_search, by_chance(6, 0, 0), 0, 1, 5, width) for width in (0, -1)))


# 4.4 BLEU

PAPERS_CANDIDATE = "the the the the the the the".split()
PAPERS_REFERENCES = ["the cat is on the mat".split(), "there is a cat on the mat".split()]


def by_sacrebleu(candidates, references):
    """sacrebleu's BLEU-4 of lists of words: `score` (times 100), `bp`, and `counts` and `totals` of n from 1 to 4."""
    most = max(map(len, references))
    streams = [[" ".join(some[k]) if k < len(some) else None for some in references] for k in range(most)]
    said = [" ".join(candidate) for candidate in candidates]
    return sacrebleu.corpus_bleu(said, streams, smooth_method="none", tokenize="none", force=True)


def true_matches(candidate, references, n):
    found = by_sacrebleu([candidate], [references])
    return found.counts[n - 1], found.totals[n - 1]


def true_penalty(lengths, reference_lengths):
    return by_sacrebleu([["a"] * c for c in lengths], [[["a"] * r for r in some] for some in reference_lengths]).bp


def random_words(shortest, longest):
    words = "a dog and cat on the left right of red".split()
    length = torch.randint(shortest, longest + 1, ()).item()
    return [words[i] for i in torch.randint(len(words), (length,))]


def corpus(size):
    """Candidates, each near one of its references, of which there are one to three."""
    candidates, references = [], []
    for _ in range(size):
        references.append([random_words(5, 12) for _ in range(torch.randint(1, 4, ()).item())])
        cut = torch.randint(1, 5, ()).item()
        candidates.append(random_words(0, 2) + references[-1][0][cut:] + random_words(0, 1))
    return candidates, references


def matches(got, expected):
    if not isinstance(got, tuple | list) or len(got) != 2:
        return "it must return two numbers: matches and total"
    return tuple(map(int, got)) == expected or f"it is {tuple(got)}, not {expected}"


@EXERCISES["4.4"].case("Papineni's example: seven times 'the' earns 2 of 7, and no pair of words")
def _(clipped_precision, brevity_penalty, bleu):
    return first_wrong(
        matches(clipped_precision(PAPERS_CANDIDATE, PAPERS_REFERENCES, 1), (2, 7)),
        matches(clipped_precision(PAPERS_CANDIDATE, PAPERS_REFERENCES, 2), (0, 6)),
    )


@EXERCISES["4.4"].case("random captions with several references, for n from 1 to 4; one reference alone sets the limit")
def _(clipped_precision, brevity_penalty, bleu):
    verdicts = [matches(clipped_precision(["a", "a"], [["a", "b"], ["c", "a"]], 1), (1, 2))]
    for candidate, references in zip(*corpus(20), strict=True):
        for n in (1, 2, 3, 4):
            expected = true_matches(candidate, references, n)
            verdicts.append(matches(clipped_precision(list(candidate), references, n), expected))
    return first_wrong(*verdicts)


@EXERCISES["4.4"].case("a caption shorter than n, or empty, has no n-gram: 0 of 0")
def _(clipped_precision, brevity_penalty, bleu):
    short = [(["a", "dog"], 3), (["a"], 3), (["a", "dog"], 4), ([], 1), ([], 4)]
    return first_wrong(*(matches(clipped_precision(c, [["a", "dog"]], n), (0, 0)) for c, n in short))


@EXERCISES["4.4"].case(
    "one caption: the nearest reference length counts, the shorter of two equally near, in any order"
)
def _(clipped_precision, brevity_penalty, bleu):
    cases = [(8, [10]), (10, [8]), (9, [9]), (8, [10, 20]), (8, [20, 9, 2]), (8, [5, 10])]
    cases += [(8, [7, 9]), (8, [9, 7]), (8, [12, 4]), (8, [10, 10, 11])]
    return first_wrong(*(close(brevity_penalty([c], [r]), true_penalty([c], [r])) for c, r in cases))


@EXERCISES["4.4"].case("many captions: a long one makes up for a short one; no word at all gives 0")
def _(clipped_precision, brevity_penalty, bleu):
    cases = [([6, 12], [[9], [9]]), ([4, 8], [[8, 6], [8]]), ([0, 0], [[3], [5, 7]]), ([0, 5], [[3], [5]])]
    return first_wrong(*(close(brevity_penalty(c, r), true_penalty(c, r)) for c, r in cases))


@EXERCISES["4.4"].case("bleu of many captions: all n-grams are counted together; a perfect corpus has 1")
def _(clipped_precision, brevity_penalty, bleu):
    verdicts = [close(bleu(["a red dog on the left".split()], [["a red dog on the left".split()]]), 1.0)]
    for size in (1, 3, 20, 20):
        candidates, references = corpus(size)
        verdicts.append(close(bleu(candidates, references), by_sacrebleu(candidates, references).score / 100))
    return first_wrong(*verdicts)


@EXERCISES["4.4"].case("without one match of four words, or without one word, bleu is 0 and no error")
def _(clipped_precision, brevity_penalty, bleu):
    cases = ["a dog and", "a dog and cat", "on", ""]
    return first_wrong(*(close(bleu([c.split()], [["a dog on the left".split()]]), 0.0) for c in cases))


@EXERCISES["4.4"].case("no caption, or a caption without a reference, is refused with a ValueError that says why")
def _(clipped_precision, brevity_penalty, bleu):
    return first_wrong(
        refuses(bleu, [], []), refuses(clipped_precision, ["a"], [], 1), refuses(bleu, [["a"], ["b"]], [[["a"]]])
    )


# 4.5 pointing


def holds(box, x, y):
    left, top, right, bottom = box
    return left <= x < right and top <= y < bottom


def centres(rows, columns, size):
    """The centre (x, y) of each place, by rows."""
    return [((c + 0.5) * size / columns, (r + 0.5) * size / rows) for r in range(rows) for c in range(columns)]


def true_pointing(maps, boxes, size):
    """A map at a time."""
    middle = centres(*maps.shape[1:], size)
    hits = [any(holds(box, *middle[m.argmax()]) for box in some) for m, some in zip(maps, boxes, strict=True) if some]
    return sum(hits) / len(hits), len(hits)


def true_chance(boxes, rows, columns, size):
    middle = centres(rows, columns, size)
    return sum(sum(any(holds(b, *at) for b in some) for at in middle) / len(middle) for some in boxes if some) / sum(
        map(bool, boxes)
    )


def some_boxes(count, size, empty=True):
    """For each map none, one or two boxes of whole pixels; the first has one."""
    boxes = []
    for i in range(count):
        number = torch.randint(0 if empty and i else 1, 3, ()).item()
        corners = torch.randint(0, max(2, size * 2 // 3), (number, 2)), torch.randint(1, size, (number, 2))
        boxes.append([(a, b, a + w, b + h) for (a, b), (w, h) in zip(*(c.tolist() for c in corners), strict=True)])
    return boxes


def points(function, maps, boxes, size, expected):
    got = function(maps=maps, boxes=boxes, size=size)
    if got is None:
        return NOTHING
    if not isinstance(got, tuple | list) or len(got) != 2:
        return "it must return two numbers: the accuracy, and how many maps were counted"
    if int(got[1]) != expected[1]:
        return f"{int(got[1])} maps were counted, not {expected[1]}"
    verdict = close(float(got[0]), expected[0])
    return verdict is True or f"the accuracy: {verdict}"


def peak(row, column, rows=6, columns=6):
    """A map that is largest at one place."""
    found = torch.rand(rows, columns) / 2
    found[row, column] = 1.0
    return found


@EXERCISES["4.5"].case(
    "the card's example: 2 x 2 places on 8 x 8 pixels, one hit, one miss, and one map without a box",
    hint="With 2 columns on 8 pixels, the centres lie at 2 and at 6.",
)
def _(pointing_accuracy, random_place):
    maps = torch.stack([peak(0, 1, 2, 2), peak(1, 1, 2, 2), peak(0, 0, 2, 2)])
    boxes = [[(4, 0, 8, 4)], [(0, 0, 5, 5)], []]
    return first_wrong(points(pointing_accuracy, maps, boxes, 8, (0.5, 2)), close(random_place(boxes, 2, 2, 8), 0.25))


@EXERCISES["4.5"].case(
    "rows go down and columns go right: a peak at the top right is not one at the bottom left",
    hint="A box is (left, top, right, bottom): x against left and right, y against top and bottom.",
)
def _(pointing_accuracy, random_place):
    maps = torch.stack([peak(0, 5), peak(5, 0), peak(1, 4)])
    right, left, flat = [(80, 0, 96, 16)], [(0, 80, 16, 96)], [(48, 20, 96, 30)]
    return first_wrong(
        points(pointing_accuracy, maps, [right, left, flat], 96, (1.0, 3)),
        points(pointing_accuracy, maps, [left, right, flat], 96, (1 / 3, 3)),
        close(random_place([flat], 6, 6, 96), 3 / 36),
    )


@EXERCISES["4.5"].case(
    "the centre of a place decides, and a box's right and bottom are the first column and row outside",
    hint="left <= x < right, top <= y < bottom.",
)
def _(pointing_accuracy, random_place):
    maps = peak(2, 2).expand(5, 6, 6)  # its centre is (40, 40)
    boxes = [[(40, 40, 41, 41)], [(0, 0, 40, 96)], [(0, 0, 96, 40)], [(41, 0, 96, 96)], [(32, 32, 39, 39)]]
    wide = [[(8, 8, 24, 24)], [(8, 8, 25, 25)], [(9, 9, 24, 24)]]
    return first_wrong(
        points(pointing_accuracy, maps, boxes, 96, (0.2, 5)), close(random_place(wide, 6, 6, 96), (1 + 4 + 0) / 108)
    )


@EXERCISES["4.5"].case(
    "several boxes: one of them is enough, and a place that lies in two of them counts once",
    hint="Look for any box that holds the centre; don't add boxes up.",
)
def _(pointing_accuracy, random_place):
    maps = torch.stack([peak(1, 1), peak(4, 4), peak(0, 3)])
    boxes = [(0, 0, 48, 48), (16, 16, 96, 96)]
    return first_wrong(
        points(pointing_accuracy, maps, [boxes] * 3, 96, (2 / 3, 3)),
        close(random_place([boxes], 6, 6, 96), (9 + 25 - 4) / 36),
    )


@EXERCISES["4.5"].case("random maps and boxes, grids of any shape, agree with plain loops; the scale does not matter")
def _(pointing_accuracy, random_place):
    verdicts = []
    for count, rows, columns, size in ((1, 1, 1, 9), (40, 6, 6, 96), (30, 3, 7, 50), (25, 9, 4, 200)):
        maps, boxes = torch.randn(count, rows, columns), some_boxes(count, size)
        expected = true_pointing(maps, boxes, size)
        verdicts += [points(pointing_accuracy, m, boxes, size, expected) for m in (maps, 7 + 0.01 * maps.double())]
        named = {"boxes": boxes, "rows": rows, "columns": columns, "size": size}
        verdicts.append(close(random_place(**named), true_chance(**named)))
    return first_wrong(*verdicts)


@EXERCISES["4.5"].case(
    "no map with a box, or not as many lists of boxes as maps, is refused with a ValueError that says why",
    hint="A mean over nothing is not 0: there is nothing to report, so say that.",
)
def _(pointing_accuracy, random_place):
    maps = torch.rand(2, 3, 3)
    tried = [(maps, [[], []], 9), (maps[:0], [], 9), (maps, [[(0, 0, 9, 9)]], 9), (maps, [[(0, 0, 9, 9)]] * 3, 9)]
    return first_wrong(
        *(refuses(pointing_accuracy, *some) for some in tried), *(refuses(random_place, b, 3, 3, 9) for b in ([], [[]]))
    )
