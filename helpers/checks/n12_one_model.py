"""The checks of assignment 12. Expected values come from torch's own attention and loss, and from plain loops."""

import torch
import torch.nn.functional as F
from torch import nn

from helpers.checks import NO_GRADIENT, Exercise, alike, close, everywhere, first_wrong, refuses

ATTENTION = dict.fromkeys(
    (f"torch.nn.functional.{name}" for name in ("scaled_dot_product_attention", "multi_head_attention_forward")),
    "the formula is the exercise",
)
EXERCISES = {
    "12.1": Exercise(
        2,
        [
            "Scores are q @ k.mT, divided by the square root of q's last dimension, not of the number of keys.",
            "A score of minus infinity becomes a weight of 0 in the softmax: masked_fill before it, not after.",
            "mask.any(-1) tells of each query whether it may look at anything. Look at it before you compute.",
        ],
        forbidden=ATTENTION,
    ),
    "12.2": Exercise(
        2,
        [
            "Begin with all False. The columns of the prefix are True for everybody, in the prefix and in the texts.",
            "number[:, :, None] == number[:, None, :] tells which words belong to the same text: (n, s, s).",
            "tril() keeps the diagonal and what is below it: a word, and the words before it. The rows are who looks.",
        ],
    ),
    "12.3": Exercise(
        2,
        [
            "At place i stands the word i + 1: tokens.roll(-1, 1), whose last column is never asked for.",
            "The word i + 1 is due if it belongs to the answer: prompt <= i + 1 < length, a row at a time.",
            "torch.where(due, following, -1) puts -1 everywhere else. prompt[:, None] has a row for each text.",
        ],
    ),
    "12.4": Exercise(
        2,
        [
            "targets >= 0 tells where an answer is due. logits[due] are the rows of these places, of all texts.",
            "A place's loss is logsumexp of its logits, minus the logit of the right word (gather it).",
            "One mean, over all places where an answer is due: a long answer counts more than a short one.",
        ],
        forbidden={"torch.nn.functional.cross_entropy": "write the mean over the answers' words yourself"},
    ),
    "12.5": Exercise(
        2,
        [
            "torch.cat along the dimension of the words, -2: what was kept comes first, what is new last.",
            "The mask has a row for each new word and a column for each key, also for those that were kept.",
            "With p words kept, new word i may look at the keys 0 to p + i: ones(new, keys).tril(p), as booleans.",
        ],
    ),
    "12.6": Exercise(
        2,
        [
            "One loop of at most `limit` turns: call step, take the argmax of the last place, feed it back as (n, 1).",
            "Keep a list of booleans, one for each text: is it still going? A text that has ended stays ended.",
            "Leave the loop as soon as nobody is going. torch.no_grad() stands as a decorator above the function.",
        ],
    ),
    "12.7": Exercise(
        2,
        [
            "super().__init__() first. base.requires_grad_(False) freezes weight and bias and returns base.",
            "A is nn.Parameter(torch.randn(rank, in) / in**0.5), B is nn.Parameter(torch.zeros(out, rank)).",
            "forward: base(x) + scale * (x @ A.T @ B.T). Give A and B the dtype of base.weight.",
        ],
        changes=("weights",),
    ),
    "12.8": Exercise(
        1,
        [
            "B @ A has the shape of base.weight, (out, in). Don't forget the scale.",
            "Make a new nn.Linear of base's sizes and dtype (bias=False if base has none); copy the numbers into it.",
            "with torch.no_grad(): linear.weight.copy_(...) leaves the new weight a parameter that can be trained.",
        ],
    ),
    "12.9": Exercise(
        1,
        [
            "joined: each process's gradient is a mean over its own words. Times its count it is a sum.",
            "joined: add the sums, and divide by all words together. Pass over a process whose count is 0.",
            "factor: average(f_r * g_r) is to be sum(count_r * g_r) / total. Compare what stands before g_r.",
        ],
    ),
}


# 12.1 attention


def true_attention(q, k, v, mask=None):
    return F.scaled_dot_product_attention(q, k, v, mask)


def looked_at(n=2, heads=3, queries=4, keys=5, d=8, width=6, mask="each"):
    """Queries, keys and values, and a mask in which every query may look at something."""
    shape = {"each": (n, 1, queries, keys), "one for all": (queries, keys)}.get(mask)
    allowed = None
    if shape:
        allowed = torch.rand(shape) < 0.5
        allowed[..., 0] |= ~allowed.any(-1)
    q, k = 2 * torch.randn(n, heads, queries, d), torch.randn(n, heads, keys, d)
    return {"q": q, "k": k, "v": torch.randn(n, heads, keys, width), "mask": allowed}


LOOKS = [
    {"n": 2, "heads": 3, "queries": 4, "keys": 5},
    {"n": 1, "heads": 1, "queries": 1, "keys": 7, "d": 3},
    {"n": 2, "queries": 6, "keys": 6, "mask": "one for all"},
    {"n": 3, "queries": 2, "keys": 4, "d": 2, "width": 2, "mask": "none"},
]


@EXERCISES["12.1"].case("by hand: scores 0 and 2 log 3, divided by 2, give weights 1/4 and 3/4; masked, 1 and 0")
def _(attention):
    log3 = torch.tensor(3.0).log()
    q, k = torch.tensor([[[[1.0, 0, 0, 0]]]]), torch.zeros(1, 1, 2, 4)
    k[0, 0, 1, 0] = 2 * log3
    v = torch.tensor([[[[4.0, 0.0], [0.0, 8.0]]]])
    alone = attention(q, k, v, torch.tensor([[[[True, False]]]]))
    return first_wrong(
        close(attention(q, k, v), torch.tensor([[[[1.0, 6.0]]]])), close(alone, torch.tensor([[[[4.0, 0.0]]]]))
    )


@EXERCISES["12.1"].case("it is torch's attention: any sizes, a mask or none; float32 and float64; gradients")
def _(attention):
    return everywhere(attention, true_attention, looked_at, LOOKS, gradients=True)


@EXERCISES["12.1"].case(
    "scores of several thousands give no NaN, and what is masked has no influence",
    hint="Subtracting is not enough: what is masked must get the weight 0, however large its score.",
)
def _(attention):
    given = looked_at()
    given["q"] = 2000 * given["q"]
    other = dict(given)
    hidden = ~given["mask"].any(-2)[:, :, :, None]  # keys that no query may look at
    hidden[0, :, -1], given["mask"][0, ..., -1] = True, False
    given["mask"][0, ..., 0] |= ~given["mask"][0].any(-1)
    other["mask"], other["k"] = given["mask"], torch.where(hidden, given["k"] + 50, given["k"])
    got = attention(**given)
    return first_wrong(close(got, true_attention(**given), 1e-3), close(attention(**other), got))


@EXERCISES["12.1"].case("a query that may look at nothing is refused with a ValueError that says why")
def _(attention):
    given = looked_at(mask="one for all")
    given["mask"][2] = False
    return refuses(attention, **given)


# 12.2 the mask


def true_mask(number, prefix):
    """Pair by pair."""
    n, s = number.shape
    mask = torch.zeros(n, prefix + s, prefix + s, dtype=torch.bool)
    for i in range(n):
        for row in range(prefix + s):
            for column in range(prefix + s):
                word, other = row - prefix, column - prefix
                if other < 0:
                    mask[i, row, column] = True
                elif word >= other:
                    mask[i, row, column] = bool(number[i, word] == number[i, other])
    return mask


def same_looks(got, number, prefix):
    """Whether the mask is right for all but padding, which may look at whatever it likes, but at something."""
    expected = true_mask(number, prefix)
    if not isinstance(got, torch.Tensor) or got.dtype != torch.bool:
        return "a tensor of booleans is asked for"
    if got.shape != expected.shape:
        return f"the shape is {tuple(got.shape)}, not {tuple(expected.shape)}"
    wrong = got != expected
    wrong[:, prefix:][number < 0] = False
    if wrong.any():
        _, row, column = wrong.nonzero()[0].tolist()
        who = "a place of the prefix" if row < prefix else "a word"
        whom = "a place of the prefix" if column < prefix else "a word"
        if expected[tuple(wrong.nonzero()[0])]:
            return f"{who} (row {row}) must be able to look at {whom} (column {column})"
        return f"{who} (row {row}) must not look at {whom} (column {column})"
    return bool(got.any(-1).all()) or "padding may look at nothing, and its softmax would be NaN"


PACKED = [
    (torch.tensor([[0, 0, 0, 1, 1, 2, -1, -1], [0, 1, 1, 1, 2, 2, 2, 2]]), 3),
    (torch.tensor([[0, 0, 0, 0]]), 2),
    (torch.tensor([[0, 1, 2, -1], [0, 0, 1, 1], [-1, -1, -1, -1]]), 1),
]


@EXERCISES["12.2"].case("by hand: a prefix of 1 and the texts a b | c")
def _(packed_mask):
    got = packed_mask(torch.tensor([[0, 0, 1]]), 1)
    expected = torch.tensor([[[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 0, 0, 1]]]).bool()
    return alike(got, expected)


@EXERCISES["12.2"].case("texts of any lengths, with padding, pair by pair; also called by name")
def _(packed_mask):
    for number, prefix in PACKED:
        for got in (packed_mask(number, prefix), packed_mask(number=number, prefix=prefix)):
            if (verdict := same_looks(got, number, prefix)) is not True:
                return f"{len(number)} rows, a prefix of {prefix}: {verdict}"
    return True


@EXERCISES["12.2"].case("a word that is changed changes no earlier word, no other text, and not the prefix")
def _(packed_mask):
    number, prefix = torch.tensor([[0, 0, 0, 1, 1, 2]]), 2
    x = torch.randn(1, 8, 4)
    mask = packed_mask(number, prefix)
    before, changed = true_attention(x, x, x, mask), x.clone()
    changed[0, prefix + 1] += 5
    moved = (true_attention(changed, changed, changed, mask) - before).abs().amax((0, 2)) > 1e-6
    return alike(moved.tolist(), [False, False, False, True, True, False, False, False])


# 12.3 targets


def true_targets(tokens, prompt, length):
    rows = []
    for words, p, end in zip(tokens.tolist(), prompt.tolist(), length.tolist(), strict=True):
        rows.append([words[i + 1] if p <= i + 1 < end else -1 for i in range(len(words))])
    return torch.tensor(rows)


def texts(n=5, s=7):
    length = torch.randint(2, s + 1, (n,))
    length[0] = s
    prompt = 1 + (torch.rand(n) * (length - 1)).long()
    tokens = torch.randint(1, 30, (n, s)).masked_fill(torch.arange(s) >= length[:, None], 0)
    return {"tokens": tokens, "prompt": prompt, "length": length}


@EXERCISES["12.3"].case("by hand: ask where duck answer | left end, and padding")
def _(targets_of):
    tokens = torch.tensor([[2, 7, 8, 3, 9, 4, 0, 0]])
    return alike(
        targets_of(tokens, torch.tensor([4]), torch.tensor([6])), torch.tensor([[-1, -1, -1, 9, 4, -1, -1, -1]])
    )


@EXERCISES["12.3"].case("texts of any lengths, also one alone, also one that fills its row")
def _(targets_of):
    for _ in range(3):
        verdict = everywhere(targets_of, true_targets, texts, [{"n": 5, "s": 7}, {"n": 1, "s": 4}, {"n": 9, "s": 3}])
        if verdict is not True:
            return verdict
    return True


@EXERCISES["12.3"].case(
    "word 0 can be an answer, the last word of a row is due, and a prompt without an answer has only -1",
    hint="The numbers of words tell you nothing here: places do.",
)
def _(targets_of):
    tokens = torch.tensor([[5, 6, 0, 0], [5, 6, 7, 8]])
    got = targets_of(tokens, torch.tensor([2, 4]), torch.tensor([4, 4]))
    return alike(got, torch.tensor([[-1, 0, 0, -1], [-1, -1, -1, -1]]))


@EXERCISES["12.3"].case("a prompt without a word is refused with a ValueError that says why")
def _(targets_of):
    return refuses(targets_of, torch.tensor([[5, 6, 7], [5, 6, 7]]), torch.tensor([1, 0]), torch.tensor([3, 3]))


# 12.4 the loss


def true_answer_loss(logits, targets):
    return F.cross_entropy(logits.double().flatten(0, 1), targets.flatten(), ignore_index=-1).to(logits.dtype)


def predicted(n=4, s=5, words=6, scale=2.0):
    """Logits and targets; the number of answers differs from text to text, and may be 0."""
    targets = torch.randint(0, words, (n, s))
    due = torch.rand(n, s) < torch.linspace(0, 0.9, n)[:, None]
    due[-1, 0] = True
    return {"logits": scale * torch.randn(n, s, words), "targets": targets.masked_fill(~due, -1)}


@EXERCISES["12.4"].case("by hand: one text has 1 answer word, certain; the other 3, each 1 of 2: 3/4 of log 2")
def _(answer_loss):
    logits = torch.zeros(2, 4, 2)
    logits[0, 1, 1] = 60.0
    targets = torch.tensor([[-1, 1, -1, -1], [-1, 0, 1, 0]])
    return close(answer_loss(logits, targets), 0.75 * torch.tensor(2.0).log())


@EXERCISES["12.4"].case(
    "random texts: the loss and its gradients are torch's; float32 and float64",
    hint="A mean for each text, and then their mean, gives a short answer's words more weight.",
)
def _(answer_loss):
    sizes = [{"n": 4, "s": 5}, {"n": 1, "s": 1}, {"n": 7, "s": 9, "words": 3}, {"n": 3, "s": 2, "words": 2}]
    return everywhere(answer_loss, true_answer_loss, predicted, sizes, gradients=True)


@EXERCISES["12.4"].case("logits of several thousands: the loss stays finite")
def _(answer_loss):
    return everywhere(answer_loss, true_answer_loss, predicted, [{"scale": 5000.0}, {"scale": 1e5, "n": 2}])


@EXERCISES["12.4"].case("questions and padding, however long and whatever their logits say, change nothing")
def _(answer_loss):
    given = predicted()
    loss = answer_loss(**given)
    other = {
        "logits": torch.cat([given["logits"], 9 * torch.randn(4, 6, 6)], 1),
        "targets": F.pad(given["targets"], (0, 6), value=-1),
    }
    other["logits"][:, :5][given["targets"] < 0] *= -3
    return close(answer_loss(**other), loss.detach())


@EXERCISES["12.4"].case("a batch in which no answer is due is refused with a ValueError that says why")
def _(answer_loss):
    return refuses(answer_loss, torch.randn(2, 3, 4), torch.full((2, 3), -1))


# 12.5 the key-value cache


def causal(q, k, v):
    """The uncached result for all words at once."""
    s = q.shape[-2]
    return F.scaled_dot_product_attention(q, k, v, torch.ones(s, s, dtype=torch.bool).tril())


def true_step(q, k, v, past=None):
    if past is not None:
        k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
    old, s = k.shape[2] - q.shape[2], q.shape[2]
    mixed = [
        F.scaled_dot_product_attention(q[:, :, i : i + 1], *(x[:, :, : old + i + 1] for x in (k, v))) for i in range(s)
    ]
    return torch.cat(mixed, 2), (k, v)


def heads_of(n=2, heads=2, kept=3, new=1, d=4):
    def draw(words):
        return torch.randn(n, heads, words, d)

    return {"q": draw(new), "k": draw(new), "v": draw(new), "past": (draw(kept), draw(kept)) if kept else None}


STEPS = [
    {"n": 2, "kept": 3, "new": 1},
    {"n": 1, "heads": 1, "kept": 0, "new": 1, "d": 3},
    {"n": 2, "kept": 0, "new": 5},
    {"n": 3, "heads": 4, "kept": 4, "new": 3},
]


def in_pieces(cached_step, q, k, v, pieces):
    past, mixed = None, []
    for some in zip(*(x.split(pieces, 2) for x in (q, k, v)), strict=True):
        x, past = cached_step(*some, past)
        mixed.append(x)
    return torch.cat(mixed, 2), past


@EXERCISES["12.5"].case("the first word alone has nothing to look at but itself: out comes its value")
def _(cached_step):
    q, k, v = torch.randn(3, 2, 4, 1, 5)
    return alike(cached_step(q, k, v), (v, (k, v)))


@EXERCISES["12.5"].case(
    "six words, one after the other, in pieces and at once: each time the uncached result",
    hint="New words that come together may not look at those of them that come later.",
)
def _(cached_step):
    q, k, v = torch.randn(3, 2, 2, 6, 4, dtype=torch.float64)
    for pieces in ([1] * 6, [3, 1, 2], [6], [1, 5]):
        mixed, past = in_pieces(cached_step, q, k, v, pieces)
        verdict = first_wrong(close(mixed, causal(q, k, v)), alike(tuple(past), (k, v)))
        if verdict is not True:
            return f"in pieces of {pieces}: {verdict}"
    return True


@EXERCISES["12.5"].case("any number of kept and of new words; what is returned is the output, then keys and values")
def _(cached_step):
    for size in STEPS:
        for dtype in (torch.float32, torch.float64):
            given = heads_of(**size)
            q, k, v, past = (cast(given[name], dtype) for name in ("q", "k", "v", "past"))
            for got in (cached_step(q, k, v, past), cached_step(q=q, k=k, v=v, past=past)):
                if (verdict := alike(got, true_step(q, k, v, past))) is not True:
                    return f"{size}: {verdict}"
    return True


def cast(x, dtype):
    return tuple(part.to(dtype) for part in x) if isinstance(x, tuple) else None if x is None else x.to(dtype)


# 12.6 generation


class Speaker:
    """In place of a network: row i says `said[i]`, then <end>, then other words. It notes what it is asked."""

    def __init__(self, said, end, words=12):
        self.said, self.end, self.words = said, end, words
        self.calls, self.gradients, self.last = [], [], None

    def word(self, i, k):
        said = self.said[i]
        other = (self.end + 1 + (i + k) % (self.words - 1)) % self.words  # never <end>
        return said[k] if k < len(said) else self.end if k == len(said) else other

    def __call__(self, tokens, past):
        turn = len(self.calls)
        self.calls.append((tokens.clone(), past is None if turn == 0 else past is self.last))
        self.gradients.append(torch.is_grad_enabled())
        logits = torch.zeros(*tokens.shape, self.words)
        logits[..., (self.end + 3) % self.words] = 1.0  # what other places say
        logits[:, -1] = -5.0 - torch.arange(self.words) / 100
        for i in range(len(tokens)):
            logits[i, -1, self.word(i, turn)] = -1.0
        self.last = (turn, "keys and values")
        return logits, self.last

    def right(self, limit):
        return [said[:limit] for said in self.said]

    def turns(self, limit):
        return min(limit, 1 + max(map(len, self.said)))


TALKS = [
    ([[3, 5], [], [4, 4, 6, 8]], 2, 9),
    ([[3, 5], [], [4, 4, 6, 8]], 2, 3),
    ([[7, 1, 7]], 0, 4),
    ([[7, 1, 7]], 0, 3),
    ([[], []], 5, 6),
    ([[1, 2, 3, 4, 6, 7], [9]], 8, 1),
]


def talk(generate, said, end, limit, prompt=3, by_name=False):
    speaker = Speaker(said, end)
    start = torch.randint(0, 12, (len(said), prompt))
    named = {"step": speaker, "start": start, "end": end, "limit": limit}
    return speaker, start, generate(**named) if by_name else generate(*named.values())


@EXERCISES["12.6"].case("three texts that end after 2, 0 and 4 words: a list of numbers each, without <end>")
def _(generate):
    speaker, _, got = talk(generate, *TALKS[0])
    verdict = alike(got, speaker.right(9))
    if verdict is not True:
        return verdict
    return all(isinstance(word, int) for text in got for word in text) or "lists of whole numbers are asked for"


@EXERCISES["12.6"].case(
    "a limit that cuts, one text alone, other numbers for <end>, longer prompts; also called by name",
    hint="A text that has said <end> stays ended, whatever the network says there later.",
)
def _(generate):
    for said, end, limit in TALKS:
        for prompt, by_name in ((1, False), (4, True)):
            speaker, _, got = talk(generate, said, end, limit, prompt, by_name)
            if (verdict := alike(got, speaker.right(limit))) is not True:
                return f"texts of {[len(text) for text in said]} words, limit {limit}: {verdict}"
    return True


@EXERCISES["12.6"].case(
    "step gets the prompt first, then only each text's newest word, with the cache that it returned"
)
def _(generate):
    for said, end, limit in TALKS:
        speaker, start, _ = talk(generate, said, end, limit)
        for turn, (tokens, cache) in enumerate(speaker.calls):
            if turn == 0 and (verdict := alike(tokens, start)) is not True:
                return f"the first call: {verdict}"
            if not cache:
                return "the first cache is None" if turn == 0 else f"call {turn + 1} got another cache"
            if turn and tokens.shape != (len(said), 1):
                return f"call {turn + 1} got tokens of shape {tuple(tokens.shape)}, not {(len(said), 1)}"
            for i, text in enumerate(said if turn else ()):
                if turn <= len(text) and tokens[i, 0] != text[turn - 1]:
                    return f"call {turn + 1} did not get the word that text {i} said last"
    return True


@EXERCISES["12.6"].case("it stops once all texts have ended, and after `limit` calls at the latest")
def _(generate):
    for said, end, limit in TALKS:
        speaker, _, _ = talk(generate, said, end, limit)
        if len(speaker.calls) != speaker.turns(limit):
            lengths = [len(text) for text in said]
            return f"texts of {lengths} words, limit {limit}: {len(speaker.calls)} calls, not {speaker.turns(limit)}"
    return True


@EXERCISES["12.6"].case("it records no gradients while it speaks")
def _(generate):
    speaker, _, got = talk(generate, *TALKS[0])
    return first_wrong(alike(got, speaker.right(9)), not any(speaker.gradients) or "gradients are recorded")


@EXERCISES["12.6"].case("a limit below 1 is refused with a ValueError that says why")
def _(generate):
    return refuses(generate, Speaker([[1]], 0), torch.zeros(1, 2, dtype=torch.long), 0, 0)


# 12.7 a LoRA layer


class TrueLoRA(nn.Module):
    """The reference; also what 12.8 merges."""

    def __init__(self, base, rank, alpha):
        super().__init__()
        self.base, self.scale = base.requires_grad_(False), alpha / rank
        out, into = base.weight.shape
        self.A = nn.Parameter(torch.randn(rank, into, dtype=base.weight.dtype) / into**0.5)
        self.B = nn.Parameter(torch.randn(out, rank, dtype=base.weight.dtype))

    def forward(self, x):
        return F.linear(x, self.base.weight + self.scale * self.B @ self.A, self.base.bias)


LAYERS = [
    {"into": 6, "out": 4, "rank": 2, "alpha": 8, "bias": True, "dtype": torch.float32},
    {"into": 3, "out": 7, "rank": 3, "alpha": 1.5, "bias": False, "dtype": torch.float64},
    {"into": 5, "out": 5, "rank": 1, "alpha": 1, "bias": True, "dtype": torch.float64},
]


def linear_of(into, out, bias, dtype, **others):
    return nn.Linear(into, out, bias=bias, dtype=dtype)


def wrapped(LoRA, size, filled=True):
    """A learner's layer and the reference, with the same A and B."""
    base = linear_of(**size)
    mine = LoRA(base, size["rank"], size["alpha"])
    theirs = TrueLoRA(base, size["rank"], size["alpha"])
    for name in ("A", "B"):
        if not isinstance(getattr(mine, name, None), nn.Parameter):
            return f"{name} is not a parameter of the layer", None
    shapes = tuple(mine.A.shape), tuple(mine.B.shape)
    expected = tuple(theirs.A.shape), tuple(theirs.B.shape)
    if shapes != expected:
        return f"A and B have the shapes {shapes[0]} and {shapes[1]}, not {expected[0]} and {expected[1]}", None
    if mine.A.dtype != size["dtype"] or mine.B.dtype != size["dtype"]:
        return f"the dtype of A or B is not {size['dtype']}, as the base's weight has", None
    with torch.no_grad():
        if filled:
            mine.B.copy_(torch.randn_like(mine.B))
        theirs.A.copy_(mine.A)
        theirs.B.copy_(mine.B)
    return mine, theirs


@EXERCISES["12.7"].case("at first it computes what its base computes, for inputs of any shape; float32 and float64")
def _(LoRA):
    for size in LAYERS:
        mine, theirs = wrapped(LoRA, size, filled=False)
        if theirs is None:
            return mine
        for shape in ((2, 3), (1,), ()):
            x = torch.randn(*shape, size["into"], dtype=size["dtype"])
            if (verdict := alike(mine(x), theirs.base(x))) is not True:
                return verdict
    return True


@EXERCISES["12.7"].case("B is zero and A is normal with a standard deviation of 1 / sqrt(in), each time another one")
def _(LoRA):
    layers = [LoRA(base=nn.Linear(into, 20), rank=64, alpha=8) for into in (400, 400, 25)]
    for layer, into in zip(layers, (400, 400, 25), strict=True):
        if layer.B.detach().any():
            return "B is not zero"
        spread = layer.A.detach().std() * into**0.5
        if not 0.9 < spread < 1.1 or abs(layer.A.detach().mean()) > 0.2 / into**0.5:
            return (
                f"for {into} inputs the standard deviation of A is {layer.A.detach().std():.3f}, not {into**-0.5:.3f}"
            )
        if (layer.A.detach().abs() * into**0.5).max() < 2.2:
            return "A is spread evenly, not normal"
    return not torch.equal(layers[0].A, layers[1].A) or "two layers have the same A"


@EXERCISES["12.7"].case(
    "with any A and B: base(x) + alpha / rank times B A x, and the gradients of A, B and x",
    hint="The order is B (A x): first down to `rank` numbers, then up to the outputs.",
)
def _(LoRA):
    for size in LAYERS:
        mine, theirs = wrapped(LoRA, size)
        if theirs is None:
            return mine
        for shape in ((4, 3), (1,)):
            x = torch.randn(*shape, size["into"], dtype=size["dtype"])
            inputs = [x.clone().requires_grad_() for _ in range(2)]
            outputs = [layer(given) for layer, given in zip((mine, theirs), inputs, strict=True)]
            if (verdict := alike(*outputs)) is not True:
                return verdict
            if not outputs[0].requires_grad:
                return NO_GRADIENT
            for layer, given, output in zip((mine, theirs), inputs, outputs, strict=True):
                leaves = [layer.A, layer.B, given]
                found = torch.autograd.grad(output.square().sum(), leaves, allow_unused=True, materialize_grads=True)
                layer.found = found
            verdicts = [close(a, b, 1e-3) for a, b in zip(mine.found, theirs.found, strict=True)]
            if first_wrong(*verdicts) is not True:
                return "the outputs are right, the gradients of A, B or x are not"
    return True


@EXERCISES["12.7"].case("training moves A and B alone: the base is the layer that was given, frozen")
def _(LoRA):
    for size in LAYERS:
        base = linear_of(**size)
        before = [w.detach().clone() for w in base.parameters()]
        layer = LoRA(base, size["rank"], size["alpha"])
        if layer.base is not base:
            return "base is another layer than the one that was given"
        trained = {name for name, w in layer.named_parameters() if w.requires_grad}
        if trained != {"A", "B"}:
            return f"{', '.join(sorted(trained)) or 'nothing'} can be trained; A and B are to be"
        x = torch.randn(8, size["into"], dtype=size["dtype"])
        optimizer = torch.optim.SGD([w for w in layer.parameters() if w.requires_grad], 0.01)
        starts = layer.A.detach().clone(), layer.B.detach().clone()
        for _ in range(2):
            optimizer.zero_grad()
            (layer(x) - 1).square().sum().backward()
            optimizer.step()
        if any(torch.equal(a, b) for a, b in zip(starts, (layer.A, layer.B), strict=True)):
            return "after two steps A or B is where it was"
        if not all(torch.equal(a, b) for a, b in zip(before, base.parameters(), strict=True)):
            return "the base has moved"
    return True


@EXERCISES["12.7"].case("scale is alpha / rank, and a rank below 1 is refused with a ValueError that says why")
def _(LoRA):
    scales = [close(LoRA(nn.Linear(4, 4), rank, alpha).scale, alpha / rank) for rank, alpha in ((2, 8), (3, 1.5))]
    return first_wrong(*scales, refuses(LoRA, nn.Linear(4, 4), 0, 8))


# 12.8 merging


@EXERCISES["12.8"].case("one plain linear layer computes the same: with a bias or without; float32 and float64")
def _(merge):
    for size in LAYERS:
        layer = TrueLoRA(linear_of(**size), size["rank"], size["alpha"])
        linear, x = merge(layer), torch.randn(2, 3, size["into"], dtype=size["dtype"])
        if type(linear) is not nn.Linear:
            return f"it returned a {type(linear).__name__}, not an nn.Linear"
        if (verdict := alike(linear(x), layer(x))) is not True:
            return verdict
    named = TrueLoRA(nn.Linear(3, 2), 2, 4)
    return close(merge(layer=named).weight, named.base.weight + 2 * named.B.detach() @ named.A.detach())


@EXERCISES["12.8"].case("no extra weights are left: a weight, a bias if the base has one, and nothing else")
def _(merge):
    for size in LAYERS:
        linear = merge(TrueLoRA(linear_of(**size), size["rank"], size["alpha"]))
        names = {"weight", "bias"} if size["bias"] else {"weight"}
        if (got := set(linear.state_dict())) != names:
            return f"it holds {', '.join(sorted(got))}"
        if (linear.in_features, linear.out_features) != (size["into"], size["out"]):
            return "its in_features and out_features are not the base's"
    return True


@EXERCISES["12.8"].case(
    "its weights can be trained, and then neither the base nor A and B move",
    hint="Copy the bias, too: a tensor that both layers hold is one tensor.",
)
def _(merge):
    layer = TrueLoRA(nn.Linear(5, 3), 2, 4)
    linear, before = merge(layer), [w.detach().clone() for w in layer.parameters()]
    if not all(w.requires_grad and w.is_leaf for w in linear.parameters()):
        return "its weight or its bias can't be trained"
    with torch.no_grad():
        for w in linear.parameters():
            w.add_(1)
    same = all(torch.equal(a, b) for a, b in zip(before, layer.parameters(), strict=True))
    return same or "where its weights move, those of the LoRA layer move, too"


# 12.9 two processes


def shares(counts, dtype=torch.float64):
    """The gradients of each process's mean loss, and those of the mean over all words, of a small network."""
    network = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 5)).to(dtype)
    x, y = torch.randn(sum(counts), 3, dtype=dtype), torch.randint(0, 5, (sum(counts),))
    weights = list(network.parameters())

    def gradients(x, y):
        return list(torch.autograd.grad(F.cross_entropy(network(x), y), weights))

    parts = [gradients(*part) for part in zip(x.split(counts), y.split(counts), strict=True)]
    return parts, gradients(x, y)


COUNTS = [[3, 9], [4, 4], [1, 2, 7, 10], [6]]


@EXERCISES["12.9"].case("by hand: means of 4 and 8 over 1 and 3 words: 7 over all; the factors are 0.5 and 1.5")
def _(joined, factor):
    got = joined([[torch.tensor([4.0])], [torch.tensor([8.0])]], [1, 3])
    return first_wrong(
        alike(list(got), [torch.tensor([7.0])]), close(factor([1, 3], 0), 0.5), close(factor([1, 3], 1), 1.5)
    )


@EXERCISES["12.9"].case("joined: a network's gradients from 1 to 4 processes are those of one process")
def _(joined, factor):
    for counts in COUNTS:
        for dtype in (torch.float32, torch.float64):
            parts, whole = shares(counts, dtype)
            for got in (joined(parts, counts), joined(gradients=parts, counts=counts)):
                if (verdict := alike(list(got), whole)) is not True:
                    return f"{counts} words: {verdict}"
    return True


@EXERCISES["12.9"].case("joined: a process without an answer word brings NaN, and is passed over")
def _(joined, factor):
    parts, whole = shares([3, 9])
    empty = [torch.full_like(w, torch.nan) for w in whole]
    return first_wrong(
        alike(list(joined([parts[0], empty, parts[1]], [3, 0, 9])), whole), close(factor([3, 0, 9], 2), 2.25)
    )


@EXERCISES["12.9"].case("factor: the plain average of the losses' gradients, each times its factor, is right")
def _(joined, factor):
    for counts in COUNTS:
        parts, whole = shares(counts)
        factors = [factor(counts=counts, rank=r) if r else factor(counts, r) for r in range(len(counts))]
        if not all(isinstance(f, float) for f in factors):
            return "a float is asked for"
        average = [
            sum(f * g for f, g in zip(factors, some, strict=True)) / len(counts) for some in zip(*parts, strict=True)
        ]
        if (verdict := alike(average, whole)) is not True:
            return f"{counts} words: {verdict}"
    return True


@EXERCISES["12.9"].case("no answer word in any process is refused with a ValueError that says why")
def _(joined, factor):
    parts, _ = shares([3, 9])
    return first_wrong(refuses(joined, parts, [0, 0]), refuses(factor, [0, 0], 1))
