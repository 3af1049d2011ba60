"""The checks of assignment 10. Expected values come from plain loops, from worked examples and from torchmetrics."""

import itertools

import torch
from torchmetrics.functional.audio import permutation_invariant_training, scale_invariant_signal_distortion_ratio

from helpers.checks import NO_GRADIENT, Exercise, close, everywhere, first_wrong, refuses

COSINES = dict.fromkeys(
    ["torch.nn.functional.cosine_similarity", "torch.cosine_similarity"], "write out what a cosine is"
)
SDR = dict.fromkeys(
    [
        "torchmetrics.functional.audio.scale_invariant_signal_distortion_ratio",
        "torchmetrics.functional.audio.sdr.scale_invariant_signal_distortion_ratio",
        "torchmetrics.audio.sdr.scale_invariant_signal_distortion_ratio",
    ],
    "write the formula out; the check compares with this function",
)
PIT = dict.fromkeys(
    [
        "torchmetrics.functional.audio.permutation_invariant_training",
        "torchmetrics.functional.audio.pit.permutation_invariant_training",
        "torchmetrics.audio.pit.permutation_invariant_training",
    ],
    "try the orders yourself; the check compares with this function",
)

EXERCISES = {
    "10.1": Exercise(
        3,
        [
            "Draw s, s-hat and a s for two samples. Which two lengths does the formula compare?",
            "sum(-1, keepdim=True) gives an a for each vector, whatever dimensions stand before.",
            "What goes wrong for a volume of 1e-6? A constant that is added to a power is not small beside 1e-12.",
            "Bring both vectors to length 1 first; then a floor of 1e-10 means the same for every volume.",
        ],
        forbidden=COSINES | SDR,
    ),
    "10.2": Exercise(
        4,
        [
            "Two voices: the mean of the diagonal, and the mean of the other diagonal. Which row is which output?",
            "itertools.permutations(range(K)) lists all orders. An order tells voice 0, 1, ... which output it gets.",
            "scores[:, order, torch.arange(K)] takes output order[j] for voice j. Then the max, row by row.",
            "pit_loss: scores of all pairs with two loops over K, torch.stack, best_order, mean, minus.",
        ],
        forbidden=PIT,
    ),
    "10.3": Exercise(
        2,
        [
            "|M X - S|^2 = M^2 |X|^2 - 2 M Re(S X*) + |S|^2, with X* the complex conjugate. Where is its derivative 0?",
            "The mixture is the sum over dimension -3, however many dimensions come before it.",
            "The error is a parabola in M: outside of 0 and 1, the nearer of the two ends is the best.",
            "Re(S X*) is S.real * X.real + S.imag * X.imag. Where |X|^2 is 0, torch.where gives 0.",
        ],
    ),
    "10.4": Exercise(
        3,
        [
            "Row k of the table belongs to the cue of source k, column j to the source to score the answer against.",
            "cues[:, k] are the cues for source k, one for each mixture. One call of separate answers all n of them.",
            "The mixture's score depends on the source j alone: subtract score(mixtures, sources[:, j]) in column j.",
            "The wrong cues are all entries off the diagonal: a mask with torch.eye(K) picks the right ones.",
        ],
    ),
    "10.5": Exercise(
        2,
        [
            "What does the network hear? One sound for each pair: the sum of both.",
            "It is asked twice about the same mixture: with cue_a it should give a, with cue_b it should give b.",
            "The mean over both answers and the batch, then the minus. Call score with the answer first.",
        ],
    ),
}


# 10.1 SI-SDR


def noisy(*shape, noise=0.5):
    truth = torch.randn(*shape)
    return truth + noise * torch.randn(*shape), truth


@EXERCISES["10.1"].case("s = (1, 0) and s-hat = (2, 1): 10 log10(4) = 6.02 dB; s-hat = (1, 3): -9.54 dB")
def _(si_sdr):
    truth = torch.tensor([1.0, 0.0])
    pairs = ((torch.tensor([2.0, 1.0]), 6.0206), (torch.tensor([1.0, 3.0]), -9.5424))
    return first_wrong(*(close(si_sdr(estimate, truth), expected, 1e-3) for estimate, expected in pairs))


def sounds(*shape, samples=500):
    return dict(zip(("estimate", "truth"), noisy(*shape, samples), strict=True))


@EXERCISES["10.1"].case(
    "random sounds of any shape before the samples agree with torchmetrics, in float32 and float64; and the gradients",
)
def _(si_sdr):
    shapes = (), (3,), (2, 3), (1,), (1, 2, 1)
    return first_wrong(
        *(
            everywhere(
                si_sdr,
                scale_invariant_signal_distortion_ratio,
                lambda shape=shape, **size: sounds(*shape, **size),
                [{"samples": 500}, {"samples": 3}],
                gradients=True,
                tolerance=1e-3,
            )
            for shape in shapes
        )
    )


@EXERCISES["10.1"].case(
    "the volume of estimate and truth does not matter, from a millionth to a million, nor does the sign"
)
def _(si_sdr):
    estimate, truth = noisy(400)
    expected = scale_invariant_signal_distortion_ratio(estimate, truth)
    volumes = ((1e-6, 1), (1e6, 1), (-3, 1), (1, 1e-6), (1, 1e6), (1e-6, 1e-6))
    return first_wrong(*(close(si_sdr(a * estimate, b * truth), expected, 1e-2) for a, b in volumes))


@EXERCISES["10.1"].case("a mean is not taken out: a constant added to both sounds changes the score")
def _(si_sdr):
    estimate, truth = noisy(300)
    estimate, truth = estimate + 2, truth + 2
    return close(si_sdr(estimate, truth), scale_invariant_signal_distortion_ratio(estimate, truth), 1e-3)


@EXERCISES["10.1"].case("an exact estimate gets a finite number of 60 dB or more, at any volume")
def _(si_sdr):
    truth = torch.randn(3, 300)
    for volume in (1e-6, 1.0, 50.0):
        got = torch.as_tensor(si_sdr(volume * truth, truth))
        low = got[~(got.isfinite() & (got >= 60))]
        if len(low):
            return f"it is {low[0].item():.4g} at the volume {volume:g}"
    return True


@EXERCISES["10.1"].case(
    "silence in one row of truths or of estimates, or another shape, raises a ValueError that says so"
)
def _(si_sdr):
    estimate, truth = noisy(3, 50)
    silent = truth.clone()
    silent[1] = 0
    return first_wrong(
        refuses(si_sdr, estimate, silent),
        refuses(si_sdr, silent, truth),
        refuses(si_sdr, silent, silent),
        refuses(si_sdr, estimate[:, :49], truth),
        refuses(si_sdr, estimate[:1], truth),
    )


# 10.2 the order


def score(estimate, truth):
    """A score that is not symmetric and can be of either sign."""
    return (estimate * truth).mean(-1) - 0.3 * estimate.square().mean(-1) - (truth[..., 0] - estimate[..., 1]).abs()


def metric(estimate, truth):
    """torchmetrics' SI-SDR with the card's names."""
    return scale_invariant_signal_distortion_ratio(estimate, truth)


def true_order(scores):
    means, found, columns = [], [], range(scores.shape[-1])
    for table in scores:
        each = {o: torch.stack([table[o[j], j] for j in columns]).mean() for o in itertools.permutations(columns)}
        order = max(each, key=lambda o: each[o].item())
        means.append(each[order])
        found.append(order)
    return torch.stack(means), torch.tensor(found)


def true_pit(estimates, truths, score):
    best, _ = permutation_invariant_training(estimates, truths, score, eval_func="max")
    return -best.mean()


def outputs(batch=5, k=2, samples=60, score=score):
    truths = torch.randn(batch, k, samples)
    return {"estimates": truths.roll(1, 1) + 0.9 * torch.randn(batch, k, samples), "truths": truths, "score": score}


@EXERCISES["10.2"].case("two voices: scores 1, 8 / 6, 2 are best crossed, (8 + 6) / 2 = 7; straight where 9, 1 / 0, 3")
def _(best_order, pit_loss):
    best, order = best_order(torch.tensor([[[1.0, 8], [6, 2]], [[9, 1], [0, 3]]]))
    return first_wrong(close(best, torch.tensor([7.0, 6])), close(order, torch.tensor([[1, 0], [0, 1]])))


@EXERCISES["10.2"].case("three voices turned in a ring: voice 0 gets output 1, voice 1 output 2, voice 2 output 0")
def _(best_order, pit_loss):
    best, order = best_order(torch.tensor([[[0.0, 0, 5], [3, 0, 0], [0, 4, 0]]]))
    return first_wrong(close(best, torch.tensor([4.0])), close(order, torch.tensor([[1, 2, 0]])))


@EXERCISES["10.2"].case("every output is given away once, even if one of them suits all the voices best")
def _(best_order, pit_loss):
    scores = torch.tensor([[[9.0, 9, 9], [1, 2, 3], [0, 0, 2]]])
    return first_wrong(
        *(close(got, expected) for got, expected in zip(best_order(scores), true_order(scores), strict=True))
    )


@EXERCISES["10.2"].case(
    "random scores of 2, 3 and 4 voices, some below 0: the best of all orders, row by row; gradients reach the scores",
)
def _(best_order, pit_loss):
    sizes = [{"batch": 6, "k": 2}, {"batch": 1, "k": 3}, {"batch": 5, "k": 4}]

    def drawn(batch, k):
        return {"scores": 5 * torch.randn(batch, k, k) - 3}

    return everywhere(best_order, true_order, drawn, sizes, gradients=True)


@EXERCISES["10.2"].case(
    "pit_loss of two and three voices is minus torchmetrics' mean, for SI-SDR and for another score; and the gradients",
    hint="pit_loss: call the score that you are given, with estimates and truths in this order.",
)
def _(best_order, pit_loss):
    return first_wrong(
        *(
            everywhere(
                pit_loss,
                true_pit,
                lambda some=some, **size: outputs(score=some, **size),
                [{"batch": 5, "k": 2}, {"batch": 1, "k": 3}],
                gradients=True,
                tolerance=1e-3,
            )
            for some in (metric, score)
        )
    )


@EXERCISES["10.2"].case("the order of the outputs changes nothing in the loss, and a gradient flows to every output")
def _(best_order, pit_loss):
    truths, estimates = torch.randn(4, 3, 60), torch.randn(4, 3, 60, requires_grad=True)
    loss = pit_loss(estimates, truths, score)
    verdicts = [close(pit_loss(estimates[:, list(o)], truths, score), loss.detach()) for o in ((1, 2, 0), (2, 1, 0))]
    if (verdict := first_wrong(*verdicts)) is not True:
        return verdict
    if not getattr(loss, "requires_grad", False):
        return NO_GRADIENT
    loss.backward()
    return bool((estimates.grad.abs().sum(2) > 0).all()) or "the gradient leaves an output alone"


# 10.3 the mask


@EXERCISES["10.3"].case("S_1 = 3 and S_2 = 1: three quarters and one quarter, whatever phase both share")
def _(phase_sensitive_mask):
    S = torch.tensor([3.0, 1.0]).reshape(2, 1, 1)
    expected = torch.tensor([0.75, 0.25]).reshape(2, 1, 1)
    return first_wrong(*(close(phase_sensitive_mask(S * turn), expected) for turn in (1 + 0j, 1j, -1 + 0j)))


@EXERCISES["10.3"].case("S_1 = 4 and S_2 = 2i stand at a right angle: 0.8 and 0.2; S_1 = 3 against S_2 = -1: 1 and 0")
def _(phase_sensitive_mask):
    S = torch.tensor([[4, 3], [2j, -1]])[:, :, None]
    return close(phase_sensitive_mask(S), torch.tensor([[0.8, 1], [0.2, 0]])[:, :, None])


def true_mask(S):
    X = sum(S.unbind(-3))
    return torch.stack([(sound / X).real.nan_to_num(0, 0, 0).clamp(0, 1) for sound in S.unbind(-3)], -3)


@EXERCISES["10.3"].case(
    "random spectrograms of 1, 2, 3 and 5 sounds, with and without a batch, in complex64 and complex128"
)
def _(phase_sensitive_mask):
    def drawn(shape, dtype):
        return {"S": torch.randn(*shape, dtype=dtype)}

    shapes = (2, 7, 4), (3, 7, 4), (4, 5, 7, 3), (1, 2, 7, 4), (2, 1, 1, 3, 1, 1), (1, 6, 2)
    sizes = [{"shape": shape, "dtype": dtype} for shape in shapes for dtype in (torch.complex64, torch.complex128)]
    return everywhere(phase_sensitive_mask, true_mask, drawn, sizes, dtypes=(torch.float32,))


@EXERCISES["10.3"].case("no other mask between 0 and 1 has a smaller error |M X - S|^2")
def _(phase_sensitive_mask):
    S = torch.randn(3, 6, 5, dtype=torch.complex64)
    X, masks = S.sum(0), phase_sensitive_mask(S)
    least = min((tried * X - S).abs().square().sum() for tried in (0.9 * masks, masks * 0.95 + 0.05, masks))
    return close((masks * X - S).abs().square().sum(), least)


@EXERCISES["10.3"].case("where the mixture is zero the masks are 0: silence, and two sounds that cancel each other")
def _(phase_sensitive_mask):
    S = torch.randn(2, 4, 4, dtype=torch.complex64)
    S[:, 1], S[0, 2], S[1, 2] = 0, 1 + 1j, -1 - 1j
    return close(phase_sensitive_mask(S), true_mask(S))


@EXERCISES["10.3"].case("a recording a hundred thousand times softer has the same masks")
def _(phase_sensitive_mask):
    S = torch.randn(2, 5, 4, dtype=torch.complex64)
    return close(phase_sensitive_mask(1e-5 * S), true_mask(S), 1e-3)


# 10.4 the cue


def led(mixtures, cues):
    """A network that follows its cue, but not quite."""
    return mixtures * cues.flatten(1).mean(1, keepdim=True).tanh() + 0.1 * mixtures.roll(1, -1) * cues.flatten(1)[:, :1]


def true_table(separate, mixtures, sources, cues, score):
    rows = []
    for i in range(len(mixtures)):
        one = slice(i, i + 1)
        for asked, heard in itertools.product(range(sources.shape[1]), repeat=2):
            answer = separate(mixtures[one], cues[one, asked])
            rows.append((score(answer, sources[one, heard]) - score(mixtures[one], sources[one, heard]))[0])
    return torch.stack(rows).view(len(mixtures), sources.shape[1], sources.shape[1])


def guests(batch=3, k=2, cue=(5,), some=score):
    sources = torch.randn(batch, k, 40)
    cues = torch.randn(batch, k, *cue)
    return {"separate": led, "mixtures": sources.sum(1), "sources": sources, "cues": cues, "score": some}


@EXERCISES["10.4"].case(
    "a network that hands over what its cue says: the diagonal gains, and the other entries lose, row by row"
)
def _(cue_gains, right_and_wrong):
    sources = torch.randn(4, 3, 200)
    table = cue_gains(lambda mixtures, cues: cues, sources.sum(1), sources, sources, metric)
    expected = true_table(lambda mixtures, cues: cues, sources.sum(1), sources, sources, metric)
    return close(table, expected, 1e-2)


@EXERCISES["10.4"].case("random sounds of 2, 3 and 4 sources, cues of any shape, SI-SDR and another score")
def _(cue_gains, right_and_wrong):
    sizes = [{"batch": 3, "k": 2}, {"batch": 1, "k": 3, "cue": (4, 2)}, {"batch": 2, "k": 4, "cue": (1,)}]
    return first_wrong(
        *(
            everywhere(
                cue_gains, true_table, lambda some=some, **size: guests(some=some, **size), sizes, tolerance=1e-3
            )
            for some in (metric, score)
        )
    )


@EXERCISES["10.4"].case("right_and_wrong of ((5, -7), (-3, 1)): 3 and -5; of three sources the six others count")
def _(cue_gains, right_and_wrong):
    two = right_and_wrong(torch.tensor([[[5.0, -7], [-3, 1]]]))
    table = torch.arange(18.0).view(2, 3, 3) ** 2
    off = ~torch.eye(3, dtype=torch.bool)
    three = right_and_wrong(table)
    return first_wrong(
        *(close(got, torch.tensor(expected)) for got, expected in zip(two, (3.0, -5.0), strict=True)),
        close(three[0], table.diagonal(dim1=1, dim2=2).mean()),
        close(three[1], table[:, off].mean()),
    )


def true_means(table):
    k = range(table.shape[1])
    right = torch.stack([table[:, i, i] for i in k])
    wrong = torch.stack([table[:, i, j] for i, j in itertools.permutations(k, 2)])
    return right.mean(), wrong.mean()


@EXERCISES["10.4"].case("random tables of 2, 3 and 5 sources: two 0-d tensors of the table's dtype")
def _(cue_gains, right_and_wrong):
    def drawn(batch, k):
        return {"table": 5 * torch.randn(batch, k, k)}

    sizes = [{"batch": 4, "k": 2}, {"batch": 1, "k": 3}, {"batch": 3, "k": 5}]
    return everywhere(right_and_wrong, true_means, drawn, sizes)


# 10.5 mix and separate


def eyes(mixtures, cues):
    """A network whose answer depends on every part of mixture and cue."""
    weights = (cues @ torch.linspace(-1, 1, cues.shape[1], dtype=cues.dtype))[:, None].tanh()
    return mixtures * weights + mixtures.square() * cues[:, :1] / 3 + mixtures.roll(1, -1) / 5


def true_mixing(network, a, b, cue_a, cue_b, score):
    total = 0
    for i in range(len(a)):
        mixture = a[i : i + 1] + b[i : i + 1]
        for sound, cue in ((a, cue_a), (b, cue_b)):
            total = total + score(network(mixture, cue[i : i + 1]), sound[i : i + 1])[0]
    return -total / (2 * len(a))


def videos(batch=4, cue=5, samples=50, some=score):
    a, b, cues = torch.randn(batch, samples), 2 * torch.randn(batch, samples), torch.randn(2, batch, cue)
    return {"network": eyes, "a": a, "b": b, "cue_a": cues[0], "cue_b": cues[1], "score": some}


@EXERCISES["10.5"].case("a network that gives back its cue, and the negative squared error as score: 0 for true cues")
def _(mix_and_separate_loss):
    a, b = torch.randn(2, 3, 20)

    def error(estimate, truth):
        return -(estimate - truth).square().mean(-1)

    def parrot(mixtures, cues):
        return cues

    verdict = close(mix_and_separate_loss(parrot, a, b, a, b, error), torch.tensor(0.0))
    crossed = mix_and_separate_loss(parrot, a, b, b, a, error)
    return first_wrong(verdict, close(crossed, (a - b).square().mean()))


@EXERCISES["10.5"].case("random sounds and cues, for SI-SDR and another score: minus the mean over both; the gradients")
def _(mix_and_separate_loss):
    sizes = [{"batch": 4}, {"batch": 1, "cue": 3}]
    return first_wrong(
        *(
            everywhere(
                mix_and_separate_loss,
                true_mixing,
                lambda some=some, **size: videos(some=some, **size),
                sizes,
                gradients=True,
                tolerance=1e-3,
            )
            for some in (metric, score)
        )
    )
