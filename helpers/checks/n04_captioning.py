"""The checks of assignment 04. Expected values come from torch, sacrebleu, plain loops, and all captions there are."""

import itertools
import math

import sacrebleu
import torch
import torch.nn.functional as F

from helpers.checks import NO_GRADIENT, NOTHING, Exercise, close, everywhere, first_wrong, refuses

EXERCISES = {
    "4.1": Exercise(
        3,
        [
            "Take the padding out first. What is left is a plain list of words, whatever row they stood in.",
            "targets != pad is a mask: logits[mask] has a row a real word, targets[mask] the word's number.",
            "A word's loss is -log_softmax(logits)[its number]. Perplexity is e to the mean loss, not a mean of e's.",
        ],
        forbidden={"torch.nn.functional.cross_entropy": "write the mean over the real words yourself"},
    ),
    "4.2": Exercise(
        3,
        [
            "Write down the shape after each step. Which of them has a size for the places, and which has none?",
            "places @ W_places.T has W_a a_i for all places at once. The hidden state is one vector a picture, its "
            "places are many: [:, None] lets one be added to each.",
            "Scores (batch, L): softmax goes along the places (torch's own stays finite where e to the score is not). "
            "Then weigh each place's vector and sum over places.",
        ],
    ),
    "4.3": Exercise(
        2,
        [
            "Begin with the tensor [[start]]. One call gives the log-probabilities of the next word only.",
            "argmax of the row picks the word; torch.cat hangs it on the prefix. When must you look for the end?",
            "Look before you keep the word: the end is not a word of the caption, and neither is the start.",
        ],
    ),
    "4.4": Exercise(
        4,
        [
            "Play it on paper, width 2, on the tree in the card. Which two prefixes are in the beam after each step?",
            "totals[:, None] + log-probabilities (n, words) scores all extensions: keep the best of the whole table.",
            "topk of the flattened table: row index // words, word index % words; never ask for more than there are.",
            "What ends leaves the beam for a list of its own. Who wins is decided only when all is done.",
        ],
    ),
    "4.5": Exercise(
        4,
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
    "a speaker who knows nothing has a perplexity of as many words as there are, in a batch of one too"
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


# 4.2 attention


def true_attention(places, hidden, W_places, W_hidden, v):
    """By plain loops over pictures and places."""
    contexts, weights = [], []
    for a, h in zip(places, hidden, strict=True):
        alpha = torch.stack([v.dot((W_places.mv(a_i) + W_hidden.mv(h)).tanh()) for a_i in a]).softmax(0)
        contexts.append(sum(weight * a_i for weight, a_i in zip(alpha, a, strict=True)))
        weights.append(alpha)
    return torch.stack(contexts), torch.stack(weights)


def attention_input(batch, L, D=5, H=6, A=7):
    return (
        torch.randn(batch, L, D),
        torch.randn(batch, H),
        torch.randn(A, D) / 2,
        torch.randn(A, H) / 2,
        torch.randn(A),
    )


def attends(function, arguments, expected=None):
    expected = expected or true_attention(*arguments)
    got = function(*arguments)
    if not isinstance(got, tuple | list) or len(got) != 2:
        return "it must return two tensors: context and alpha"
    if close(got[0], expected[1]) is True and close(got[1], expected[0]) is True:
        return "alpha came first: the context is asked for first, then alpha"
    sums = torch.as_tensor(got[1]).detach().sum(-1)
    if close(sums, torch.ones(len(arguments[0]))) == "the values differ":
        return f"alpha: the weights of one picture sum to {sums[(sums - 1).abs().argmax()]:.3g}, not to 1"
    for name, mine, right in zip(("context", "alpha"), got, expected, strict=True):
        if (verdict := close(mine, right)) is not True:
            return f"{name}: {verdict}"
    return True


@EXERCISES["4.2"].case("by hand: two places, scores 0 and log 3 (times tanh 1), so the weights are 1/4 and 3/4")
def _(attend):
    v = torch.tensor([math.log(3) / math.tanh(1)])
    places = torch.tensor([[[0.0, 4.0], [1.0, 8.0]]])
    W_places, W_hidden = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0]])
    expected = torch.tensor([[0.75, 7.0]]), torch.tensor([[0.25, 0.75]])
    return attends(attend, (places, torch.tensor([[3.0]]), W_places, W_hidden, v), expected)


@EXERCISES["4.2"].case("random pictures agree with plain loops over pictures and places")
def _(attend):
    return first_wrong(*(attends(attend, attention_input(batch, L)) for batch, L in ((3, 4), (9, 16))))


@EXERCISES["4.2"].case("as many pictures as places, a batch of one, a single place")
def _(attend):
    return first_wrong(*(attends(attend, attention_input(batch, L)) for batch, L in ((4, 4), (1, 5), (3, 1), (1, 1))))


@EXERCISES["4.2"].case("scores of a thousand give finite weights that sum to 1")
def _(attend):
    *arguments, v = attention_input(3, 6)
    return attends(attend, (*arguments, 1000 * v))


@EXERCISES["4.2"].case(
    "values, dtypes and all five gradients are those of plain loops, in float32 and float64",
    hint="The context depends on the weights, and they on all five arguments: nothing on the way may be detached.",
)
def _(attend):
    def drawn(batch, L):
        return dict(zip(("places", "hidden", "W_places", "W_hidden", "v"), attention_input(batch, L), strict=True))

    sizes = [{"batch": 3, "L": 4}, {"batch": 1, "L": 5}]
    return everywhere(attend, true_attention, drawn, sizes, gradients=True)


# 4.3 and 4.4 search


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


CHAIN = {(): {2: 0.9, 3: 0.1}, (2,): {3: 0.8, 4: 0.2}, (2, 3): {2: 0.7, 1: 0.3}, (2, 3, 2): {1: 0.6, 3: 0.4}}


@EXERCISES["4.3"].case("a speaker who says 2, 3, 2 and ends: [2, 3, 2]")
def _(greedy):
    return says(greedy(by_table(5, 1, CHAIN), 0, 1, 10), [2, 3, 2])


@EXERCISES["4.3"].case("a speaker who never ends is stopped after `longest` words")
def _(greedy):
    def told(prefix):
        return [0.1, 0.2, 0.7] if len(prefix) % 2 else [0.7, 0.2, 0.1]

    return first_wrong(*(says(greedy(Speaker(3, 2, told), 2, 1, n), ([0, 2] * n)[:n]) for n in (1, 4, 7)))


@EXERCISES["4.3"].case("a speaker who ends at once says nothing: []")
def _(greedy):
    return says(greedy(by_table(4, 3, {}), 0, 3, 5), [])


@EXERCISES["4.3"].case("random speakers, whatever numbers start and end have, and no question too many")
def _(greedy):
    for seed in range(12):
        start, end = [(0, 1), (5, 0), (3, 3)][seed % 3]
        speaker = by_chance(6, start, seed)
        expected = true_greedy(speaker, end, 8)
        if (verdict := says(greedy(speaker, start, end, 8), expected)) is not True:
            return verdict
        if speaker.calls > len(expected) + 1:
            return f"it asked {speaker.calls} times for a caption of {len(expected)} words"
    return True


def every_caption(speaker, end, longest):
    """All captions, each with its total log-probability."""
    words = [word for word in range(speaker.words) if word != end]
    for length in range(longest + 1):
        for caption in itertools.product(words, repeat=length):
            yield list(caption), total_log_prob(speaker, caption, end, longest)


def true_beam(speaker, end, longest, width):
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
    total, caption = max(complete + beam)
    return list(caption), total


def finds(function, speaker, start, end, longest, width, expected):
    got = function(speaker, start, end, longest, width)
    if not isinstance(got, tuple | list) or len(got) != 2:
        return "it must return two things: the caption and its total log-probability"
    caption, total = expected
    if (verdict := says(got[0], caption)) is not True:
        return f"width {width}: {verdict}"
    verdict = close(float(got[1]), total)
    return verdict is True or f"width {width}: the caption is right, its total is not: {verdict}"


# The first word 2 is the likeliest, and leads into a wood of unlikely ones; 3 leads straight to the end.
GARDEN_PATH = {
    (): {2: 0.6, 3: 0.4},
    (2,): {4: 0.4, 5: 0.3, 6: 0.3},
    (3,): {4: 0.9, 5: 0.1},
}


@EXERCISES["4.4"].case("the garden path: width 1 takes the likeliest first word and regrets it, width 2 does better")
def _(beam_search):
    return first_wrong(
        finds(beam_search, by_table(7, 1, GARDEN_PATH), 0, 1, 6, 1, ([2, 4], math.log(0.6 * 0.4))),
        finds(beam_search, by_table(7, 1, GARDEN_PATH), 0, 1, 6, 2, ([3, 4], math.log(0.4 * 0.9))),
    )


@EXERCISES["4.4"].case("width 1 is greedy search")
def _(beam_search):
    verdicts = []
    for seed in range(8):
        start, end = [(0, 1), (5, 0)][seed % 2]
        speaker = by_chance(6, start, seed)
        caption = true_greedy(speaker, end, 7)
        expected = caption, total_log_prob(speaker, caption, end, 7)
        verdicts.append(finds(beam_search, speaker, start, end, 7, 1, expected))
    return first_wrong(*verdicts)


@EXERCISES["4.4"].case("a beam with room for every prefix finds the best caption of all, by trying them all")
def _(beam_search):
    verdicts = []
    for seed in range(6):
        speaker, end, longest = by_chance(4, 0, 100 + seed), 3, 1 + seed % 4
        expected = max(every_caption(speaker, end, longest), key=lambda pair: pair[1])
        verdicts.append(finds(beam_search, speaker, 0, end, longest, 4**longest, expected))
    return first_wrong(*verdicts)


@EXERCISES["4.4"].case(
    "random speakers, widths 2, 3 and 5: neither more nor fewer captions are kept than the card says"
)
def _(beam_search):
    verdicts = []
    for seed in range(30):
        speaker, width, longest = by_chance(6, 0, 200 + seed), (2, 3, 5)[seed % 3], 3 + seed % 5
        expected = true_beam(speaker, 1, longest, width)
        verdicts.append(finds(beam_search, speaker, 0, 1, longest, width, expected))
    return first_wrong(*verdicts)


@EXERCISES["4.4"].case("neither the first finished caption wins, nor the last: the likeliest does")
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


@EXERCISES["4.4"].case("after one caption is finished, the beam is as wide as before")
def _(beam_search):
    table = {(): {1: 0.25, 2: 0.75}, (2,): {3: 0.5, 4: 0.45, 5: 0.05}, (2, 3): {3: 0.4, 4: 0.3, 5: 0.3}}
    return finds(beam_search, by_table(6, 1, table), 0, 1, 6, 2, ([2, 4], math.log(0.75 * 0.45)))


@EXERCISES["4.4"].case("a caption that reaches `longest` words counts as it is, without an end")
def _(beam_search):
    table = {(): {2: 0.7, 1: 0.3}, (2,): {3: 0.9, 1: 0.1}, (2, 3): {1: 0.01, 2: 0.99}}
    return first_wrong(
        finds(beam_search, by_table(4, 1, table), 0, 1, 2, 2, ([2, 3], math.log(0.63))),
        finds(beam_search, by_table(4, 1, table), 0, 1, 1, 3, ([2], math.log(0.7))),
    )


@EXERCISES["4.4"].case(
    "in this trap width 2 does worse than greedy search, and so must yours: wider is not always better"
)
def _(beam_search):
    table = {(): {2: 0.4, 3: 0.35, 4: 0.25}, (2,): {5: 0.3, 6: 0.28, 7: 0.22, 8: 0.2}, (3,): {5: 0.51, 6: 0.49}}
    table |= {(3, 5): {2: 0.4, 3: 0.35, 4: 0.25}, (3, 6): {2: 0.4, 3: 0.35, 4: 0.25}}
    return first_wrong(
        finds(beam_search, by_table(9, 1, table), 0, 1, 6, 1, ([2, 5], math.log(0.4 * 0.3))),
        finds(beam_search, by_table(9, 1, table), 0, 1, 6, 2, ([3, 5, 2], math.log(0.35 * 0.51 * 0.4))),
    )


@EXERCISES["4.4"].case("the model is asked once a step, for no more than `width` prefixes")
def _(beam_search):
    for width in (1, 3, 6):
        speaker = by_chance(6, 0, width)
        beam_search(speaker, 0, 1, 6, width)
        if not 1 <= speaker.calls <= 6 or speaker.most > width:
            return f"width {width}, longest 6: it was asked {speaker.calls} times, for {speaker.most} prefixes at most"
    return True


@EXERCISES["4.4"].case("a width below 1 is refused with a ValueError that says why")
def _(beam_search):
    return refuses(beam_search, by_chance(6, 0, 0), 0, 1, 5, 0)


# 4.5 BLEU

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


@EXERCISES["4.5"].case("Papineni's example: seven times 'the' earns 2 of 7, and no pair of words")
def _(clipped_precision, brevity_penalty, bleu):
    return first_wrong(
        matches(clipped_precision(PAPERS_CANDIDATE, PAPERS_REFERENCES, 1), (2, 7)),
        matches(clipped_precision(PAPERS_CANDIDATE, PAPERS_REFERENCES, 2), (0, 6)),
    )


@EXERCISES["4.5"].case("random captions with several references, for n from 1 to 4; one reference alone sets the limit")
def _(clipped_precision, brevity_penalty, bleu):
    verdicts = [matches(clipped_precision(["a", "a"], [["a", "b"], ["c", "a"]], 1), (1, 2))]
    for candidate, references in zip(*corpus(20), strict=True):
        for n in (1, 2, 3, 4):
            expected = true_matches(candidate, references, n)
            verdicts.append(matches(clipped_precision(list(candidate), references, n), expected))
    return first_wrong(*verdicts)


@EXERCISES["4.5"].case("a caption shorter than n, or empty, has no n-gram: 0 of 0")
def _(clipped_precision, brevity_penalty, bleu):
    short = [(["a", "dog"], 3), (["a"], 3), (["a", "dog"], 4), ([], 1), ([], 4)]
    return first_wrong(*(matches(clipped_precision(c, [["a", "dog"]], n), (0, 0)) for c, n in short))


@EXERCISES["4.5"].case(
    "one caption: the nearest reference length counts, the shorter of two equally near, in any order"
)
def _(clipped_precision, brevity_penalty, bleu):
    cases = [(8, [10]), (10, [8]), (9, [9]), (8, [10, 20]), (8, [20, 9, 2]), (8, [5, 10])]
    cases += [(8, [7, 9]), (8, [9, 7]), (8, [12, 4]), (8, [10, 10, 11])]
    return first_wrong(*(close(brevity_penalty([c], [r]), true_penalty([c], [r])) for c, r in cases))


@EXERCISES["4.5"].case("many captions: a long one makes up for a short one; no word at all gives 0")
def _(clipped_precision, brevity_penalty, bleu):
    cases = [([6, 12], [[9], [9]]), ([4, 8], [[8, 6], [8]]), ([0, 0], [[3], [5, 7]]), ([0, 5], [[3], [5]])]
    return first_wrong(*(close(brevity_penalty(c, r), true_penalty(c, r)) for c, r in cases))


@EXERCISES["4.5"].case("bleu of many captions: all n-grams are counted together; a perfect corpus has 1")
def _(clipped_precision, brevity_penalty, bleu):
    verdicts = [close(bleu(["a red dog on the left".split()], [["a red dog on the left".split()]]), 1.0)]
    for size in (1, 3, 20, 20):
        candidates, references = corpus(size)
        verdicts.append(close(bleu(candidates, references), by_sacrebleu(candidates, references).score / 100))
    return first_wrong(*verdicts)


@EXERCISES["4.5"].case("without one match of four words, or without one word, bleu is 0 and no error")
def _(clipped_precision, brevity_penalty, bleu):
    cases = ["a dog and", "a dog and cat", "on", ""]
    return first_wrong(*(close(bleu([c.split()], [["a dog on the left".split()]]), 0.0) for c in cases))


@EXERCISES["4.5"].case("no caption, or a caption without a reference, is refused with a ValueError that says why")
def _(clipped_precision, brevity_penalty, bleu):
    return first_wrong(
        refuses(bleu, [], []), refuses(clipped_precision, ["a"], [], 1), refuses(bleu, [["a"], ["b"]], [[["a"]]])
    )
