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
            "The magnitude of a complex number is abs(). Over which dimension must the shares sum to 1?",
            "The voices stand in dimension -3, however many dimensions come before. And 0 / 0?",
            "torch.where(total > 0, loud / total, 1 / K), or give every voice the same tiny loudness more.",
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


@EXERCISES["10.3"].case("magnitudes 3 and 1: three quarters and one quarter, whatever the phases")
def _(ideal_ratio_mask):
    S = torch.tensor([3j, -1.0]).reshape(2, 1, 1)
    return close(ideal_ratio_mask(S), torch.tensor([0.75, 0.25]).reshape(2, 1, 1))


def true_mask(S):
    loud = [voice.abs() for voice in S.unbind(-3)]
    return torch.stack([x / sum(loud) for x in loud], -3)


@EXERCISES["10.3"].case(
    "random spectrograms of 1, 2, 3 and 5 voices, with and without a batch, in complex64 and complex128: shares"
)
def _(ideal_ratio_mask):
    def drawn(shape, dtype):
        return {"S": torch.randn(*shape, dtype=dtype)}

    shapes = (2, 7, 4), (3, 7, 4), (4, 5, 7, 3), (1, 2, 7, 4), (2, 1, 1, 3, 1, 1), (1, 6, 2)
    sizes = [{"shape": shape, "dtype": dtype} for shape in shapes for dtype in (torch.complex64, torch.complex128)]
    return everywhere(ideal_ratio_mask, true_mask, drawn, sizes, dtypes=(torch.float32,))


@EXERCISES["10.3"].case("where all three are silent, each gets a third; where one is, the others share")
def _(ideal_ratio_mask):
    S = torch.randn(3, 4, 4, dtype=torch.complex64)
    S[:, 1], S[0, 2] = 0, 0
    got = ideal_ratio_mask(S)
    return first_wrong(
        close(got[:, 1], torch.full((3, 4), 1 / 3)),
        close(got[0, 2], torch.zeros(4)),
        close(got.sum(0), torch.ones(4, 4)),
    )


@EXERCISES["10.3"].case("a recording a hundred thousand times softer has the same masks")
def _(ideal_ratio_mask):
    S = torch.randn(2, 5, 4, dtype=torch.complex64)
    return close(ideal_ratio_mask(1e-5 * S), S.abs() / S.abs().sum(0))
