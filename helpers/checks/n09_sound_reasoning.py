"""The checks of assignment 09. Expected values come from plain loops, from worked examples and from torchmetrics."""

import itertools
import math

import torch
import torch.nn.functional as F
from torchmetrics.functional.audio import permutation_invariant_training, scale_invariant_signal_distortion_ratio

from helpers.checks import NO_GRADIENT, Exercise, close, first_wrong, refuses

EXERCISES = {
    "9.1": Exercise(
        3,
        [
            "A cosine does not know lengths: what must you do with both vectors before you multiply and sum?",
            "Cosine, ReLU, temperature, softmax, in this order. Over which numbers does the softmax run?",
            "flatten(2) makes one row of all places; F.normalize leaves a vector of zeros as it is; view turns back.",
            "peak: argmax of the flattened map is a place's number; // and % by the number of columns.",
        ],
    ),
    "9.2": Exercise(
        4,
        [
            "Do the four places of section 3 of the lecture on paper. The attention is that of the right sound.",
            "Stack both distances, (batch, 2), softmax over the 2. Which of the two shares should be 0?",
            "x.norm(dim=1) has the gradient 0 at 0. A square root of a sum of squares has none there.",
            "batch_scores: einsum('npd,md->nmp'); softmax over the places; the sum weighs the cosines before the ReLU.",
        ],
    ),
    "9.3": Exercise(
        3,
        [
            "Draw s, s-hat and a s for two samples. Which two lengths does the formula compare?",
            "sum(-1, keepdim=True) gives an a for each vector, whatever dimensions stand before.",
            "What goes wrong for a volume of 1e-6? A constant that is added to a power is not small beside 1e-12.",
            "Bring both vectors to length 1 first; then a floor of 1e-10 means the same for every volume.",
        ],
    ),
    "9.4": Exercise(
        4,
        [
            "Two voices: the mean of the diagonal, and the mean of the other diagonal. Which row is which output?",
            "itertools.permutations(range(K)) lists all orders. An order tells voice 0, 1, ... which output it gets.",
            "scores[:, order, torch.arange(K)] takes output order[j] for voice j. Then the max, row by row.",
            "pit_loss: scores of all pairs with two loops over K, torch.stack, best_order, mean, minus.",
        ],
    ),
    "9.5": Exercise(
        2,
        [
            "The magnitude of a complex number is abs(). Over which dimension must the shares sum to 1?",
            "The voices stand in dimension -3, however many dimensions come before. And 0 / 0?",
            "torch.where(total > 0, loud / total, 1 / K), or give every voice the same tiny loudness more.",
        ],
    ),
}


# 9.1 the attention map


def map_by_loop(features, sound, temperature):
    batch, _, rows, columns = features.shape
    found = torch.zeros(batch, rows, columns)
    for b, r, c in itertools.product(range(batch), range(rows), range(columns)):
        cosine = F.cosine_similarity(features[b, :, r, c], sound[b], dim=0)
        found[b, r, c] = cosine.clamp(min=0) / temperature
    return found.flatten(1).softmax(1).view_as(found)


FOUR = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [1 / 3, math.sqrt(8) / 3]])  # places of length 1
EAR = torch.tensor([[1.0, 0.0]])
HAND = 1 / math.log(8)  # the temperature at which a cosine of 1 weighs 8, and a cosine of 0 weighs 1


@EXERCISES["9.1"].case("four places with the cosines 1, 0, -1, 1/3 at T = 1 / ln 8: 8, 1, 1 and 2 twelfths")
def _(attention, peak):
    features = FOUR.T.reshape(1, 2, 2, 2)
    return close(attention(features, EAR, HAND), torch.tensor([[[8.0, 1], [1, 2]]]) / 12)


@EXERCISES["9.1"].case("a grid of 3 x 5, a batch of 4 and of 1: as place by place; each map sums to 1")
def _(attention, peak):
    features, sound = torch.randn(4, 6, 3, 5), torch.randn(4, 6)
    verdicts = []
    for n in (4, 1):
        got = attention(features[:n].clone(), sound[:n].clone(), 0.3)
        verdicts += [close(got, map_by_loop(features[:n], sound[:n], 0.3)), close(got.sum((1, 2)), torch.ones(n))]
    return first_wrong(*verdicts)


@EXERCISES["9.1"].case("a picture or a sound a hundred times as strong has the same map")
def _(attention, peak):
    features, sound = torch.randn(2, 6, 3, 5), torch.randn(2, 6)
    expected = map_by_loop(features, sound, 0.3)
    stronger = (100 * features, sound), (features, 100 * sound)
    return first_wrong(*(close(attention(f, s, 0.3), expected) for f, s in stronger))


@EXERCISES["9.1"].case("a place of zeros and a sound of zeros fit nothing, and no NaN comes of it")
def _(attention, peak):
    features, sound = torch.randn(2, 6, 2, 2), torch.randn(2, 6)
    features[0, :, 0, 1], sound[1] = 0, 0
    got = attention(features, sound, 0.3)
    return first_wrong(close(got, map_by_loop(features, sound, 0.3)), close(got[1], torch.full((2, 2), 0.25)))


@EXERCISES["9.1"].case("a temperature of 0.001 gives the peak nearly all, and nothing overflows")
def _(attention, peak):
    return close(attention(FOUR.T.reshape(1, 2, 2, 2), EAR, 0.001), torch.tensor([[[1.0, 0], [0, 0]]]))


@EXERCISES["9.1"].case("peak gives row and column, in this order, as whole numbers")
def _(attention, peak):
    maps = torch.rand(3, 3, 5) / 2
    maps[0, 2, 1], maps[1, 0, 4], maps[2, 1, 3] = 1, 1, 1
    for some, expected in ((maps, [[2, 1], [0, 4], [1, 3]]), (maps[:1], [[2, 1]])):
        if (verdict := close(peak(some), torch.tensor(expected))) is not True:
            return verdict
    return not torch.as_tensor(peak(maps)).is_floating_point() or "they are not whole numbers"


# 9.2 the loss


def unit(*shape):
    return F.normalize(torch.randn(*shape), dim=-1)


def picked_by_loop(places, sound, temperature):
    weights = [math.exp(max(0.0, float(v @ sound)) / temperature) for v in places]
    return sum(w * v for w, v in zip(weights, places, strict=True)) / sum(weights)


def loss_by_hand(places, right, other, temperature):
    losses = []
    for v, r, o in zip(places, right, other, strict=True):
        z = picked_by_loop(v, r, temperature)
        p = 1 / (1 + math.exp(float((z - o).norm() - (z - r).norm())))
        losses.append(2 * p**2)  # both shares are off by p
    return sum(losses) / len(losses)


@EXERCISES["9.2"].case("attended: the four places of 9.1 give (0.639, 0.240); a random batch agrees with a loop")
def _(attended, localisation_loss, batch_scores):
    places, sounds = unit(4, 7, 5), unit(4, 5)
    expected = torch.stack([picked_by_loop(v, s, 0.2) for v, s in zip(places, sounds, strict=True)])
    by_hand = torch.tensor([[0.63889, 0.24013]])  # (8 - 1 + 2/3) / 12 and (1 + 2 sqrt(8) / 3) / 12
    return first_wrong(
        close(attended(FOUR[None], EAR, HAND), by_hand, 1e-3), close(attended(places, sounds, 0.2), expected)
    )


@EXERCISES["9.2"].case("localisation_loss: the four places, and the other sound (0, 1)")
def _(attended, localisation_loss, batch_scores):
    other = torch.tensor([[0.0, 1.0]])
    return close(localisation_loss(FOUR[None], EAR, other, HAND), loss_by_hand(FOUR[None], EAR, other, HAND))


@EXERCISES["9.2"].case("a random batch has the mean of its pictures' losses, and a batch of one its own")
def _(attended, localisation_loss, batch_scores):
    places, right, other = unit(5, 6, 4), unit(5, 4), unit(5, 4)
    cases = [(places[:n], right[:n], other[:n]) for n in (5, 1)]
    return first_wrong(*(close(localisation_loss(*c, 0.3), loss_by_hand(*c, 0.3)) for c in cases))


@EXERCISES["9.2"].case("if the other sound is the same as the right one, the loss is exactly 1/2")
def _(attended, localisation_loss, batch_scores):
    places, right = unit(3, 6, 4), unit(3, 4)
    return close(localisation_loss(places, right, right.clone(), 0.1), 0.5, 1e-6)


@EXERCISES["9.2"].case("its gradient is a number, even where z is the sound itself")
def _(attended, localisation_loss, batch_scores):
    places, right = torch.tensor([[[1.0, 0.0]]], requires_grad=True), torch.tensor([[1.0, 0.0]])
    loss = localisation_loss(places, right, torch.tensor([[0.0, 1.0]]), 0.5)
    if not getattr(loss, "requires_grad", False):
        return NO_GRADIENT
    loss.backward()
    return bool(places.grad.isfinite().all() and places.grad.abs().sum() > 0) or "the gradient is NaN, or 0"


@EXERCISES["9.2"].case("batch_scores: 3 pictures, 5 sounds, 7 places, as in a loop over all pairs")
def _(attended, localisation_loss, batch_scores):
    places, sounds = unit(3, 7, 4), unit(5, 4)
    expected = torch.tensor([[float(picked_by_loop(v, s, 0.2) @ s) for s in sounds] for v in places])
    return close(batch_scores(places, sounds, 0.2), expected)


@EXERCISES["9.2"].case("batch_scores: a picture that fits nowhere has a score below 0, and it can learn from it")
def _(attended, localisation_loss, batch_scores):
    places = torch.tensor([[[-1.0, 0.0], [-0.6, 0.8]]], requires_grad=True)
    scores = batch_scores(places, EAR, 0.2)
    if (verdict := close(scores, torch.tensor([[-0.8]]))) is not True:
        return verdict
    scores.sum().backward()
    return bool(places.grad.abs().sum() > 0) or "the gradient is 0: the ReLU is for the attention only"


# 9.3 SI-SDR


def noisy(*shape, noise=0.5):
    truth = torch.randn(*shape)
    return truth + noise * torch.randn(*shape), truth


@EXERCISES["9.3"].case("s = (1, 0) and s-hat = (2, 1): 10 log10(4) = 6.02 dB; s-hat = (1, 3): -9.54 dB")
def _(si_sdr):
    truth = torch.tensor([1.0, 0.0])
    pairs = ((torch.tensor([2.0, 1.0]), 6.0206), (torch.tensor([1.0, 3.0]), -9.5424))
    return first_wrong(*(close(si_sdr(estimate, truth), expected, 1e-3) for estimate, expected in pairs))


@EXERCISES["9.3"].case("random sounds of any shape before the samples agree with torchmetrics")
def _(si_sdr):
    verdicts = []
    for shape in ((500,), (3, 500), (2, 3, 500), (1, 500)):
        estimate, truth = noisy(*shape)
        expected = scale_invariant_signal_distortion_ratio(estimate, truth)
        verdicts.append(close(si_sdr(estimate.clone(), truth.clone()), expected, 1e-3))
    return first_wrong(*verdicts)


@EXERCISES["9.3"].case(
    "the volume of estimate and truth does not matter, from a millionth to a million, nor does the sign"
)
def _(si_sdr):
    estimate, truth = noisy(400)
    expected = scale_invariant_signal_distortion_ratio(estimate, truth)
    volumes = ((1e-6, 1), (1e6, 1), (-3, 1), (1, 1e-6), (1, 1e6), (1e-6, 1e-6))
    return first_wrong(*(close(si_sdr(a * estimate, b * truth), expected, 1e-2) for a, b in volumes))


@EXERCISES["9.3"].case("a mean is not taken out: a constant added to both sounds changes the score")
def _(si_sdr):
    estimate, truth = noisy(300)
    estimate, truth = estimate + 2, truth + 2
    return close(si_sdr(estimate, truth), scale_invariant_signal_distortion_ratio(estimate, truth), 1e-3)


@EXERCISES["9.3"].case("an exact estimate gets a finite number of 60 dB or more, at any volume")
def _(si_sdr):
    truth = torch.randn(3, 300)
    for volume in (1e-6, 1.0, 50.0):
        got = torch.as_tensor(si_sdr(volume * truth, truth))
        low = got[~(got.isfinite() & (got >= 60))]
        if len(low):
            return f"it is {low[0].item():.4g} at the volume {volume:g}"
    return True


@EXERCISES["9.3"].case(
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


# 9.4 the order


def score(estimate, truth):
    """A score that is not symmetric and can be of either sign."""
    return (estimate * truth).mean(-1) - 0.3 * estimate.square().mean(-1) - (truth[..., 0] - estimate[..., 1]).abs()


def orders_by_loop(scores):
    found, k = [], scores.shape[-1]
    for table in scores.tolist():
        means = {o: sum(table[o[j]][j] for j in range(k)) / k for o in itertools.permutations(range(k))}
        found.append(max(means.items(), key=lambda item: item[1]))
    return torch.tensor([mean for _, mean in found]), torch.tensor([order for order, _ in found])


@EXERCISES["9.4"].case("two voices: scores 1, 8 / 6, 2 are best crossed, (8 + 6) / 2 = 7; straight where 9, 1 / 0, 3")
def _(best_order, pit_loss):
    best, order = best_order(torch.tensor([[[1.0, 8], [6, 2]], [[9, 1], [0, 3]]]))
    return first_wrong(close(best, torch.tensor([7.0, 6])), close(order, torch.tensor([[1, 0], [0, 1]])))


@EXERCISES["9.4"].case("three voices turned in a ring: voice 0 gets output 1, voice 1 output 2, voice 2 output 0")
def _(best_order, pit_loss):
    best, order = best_order(torch.tensor([[[0.0, 0, 5], [3, 0, 0], [0, 4, 0]]]))
    return first_wrong(close(best, torch.tensor([4.0])), close(order, torch.tensor([[1, 2, 0]])))


@EXERCISES["9.4"].case("every output is given away once, even if one of them suits all the voices best")
def _(best_order, pit_loss):
    scores = torch.tensor([[[9.0, 9, 9], [1, 2, 3], [0, 0, 2]]])
    return first_wrong(
        *(close(got, expected) for got, expected in zip(best_order(scores), orders_by_loop(scores), strict=True))
    )


@EXERCISES["9.4"].case("random scores of 2, 3 and 4 voices, some below 0: the best of all orders, row by row")
def _(best_order, pit_loss):
    verdicts = []
    for k in (2, 3, 4):
        scores = 5 * torch.randn(6, k, k) - 3
        for got, expected in zip(best_order(scores.clone()), orders_by_loop(scores), strict=True):
            verdicts.append(close(got, expected))
    return first_wrong(*verdicts)


@EXERCISES["9.4"].case("pit_loss of two and three voices is minus torchmetrics' mean, for SI-SDR and for another score")
def _(best_order, pit_loss):
    verdicts = []
    for k, metric in itertools.product((2, 3), (scale_invariant_signal_distortion_ratio, score)):
        truths = torch.randn(5, k, 60)
        estimates = truths.roll(1, 1) + 0.9 * torch.randn(5, k, 60)
        expected, _ = permutation_invariant_training(estimates, truths, metric, eval_func="max")
        verdicts.append(close(pit_loss(estimates, truths, metric), -expected.mean(), 1e-3))
    return first_wrong(*verdicts)


@EXERCISES["9.4"].case("the order of the outputs changes nothing in the loss, and a gradient flows to every output")
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


# 9.5 the mask


@EXERCISES["9.5"].case("magnitudes 3 and 1: three quarters and one quarter, whatever the phases")
def _(ideal_ratio_mask):
    S = torch.tensor([3j, -1.0]).reshape(2, 1, 1)
    return close(ideal_ratio_mask(S), torch.tensor([0.75, 0.25]).reshape(2, 1, 1))


@EXERCISES["9.5"].case("random spectrograms of 2, 3 and 5 voices, with and without a batch: shares of the magnitude")
def _(ideal_ratio_mask):
    verdicts = []
    for shape in ((2, 7, 4), (3, 7, 4), (4, 5, 7, 3), (1, 2, 7, 4)):
        S = torch.randn(*shape, dtype=torch.complex64)
        expected = torch.stack([x.abs() / sum(y.abs() for y in S.unbind(-3)) for x in S.unbind(-3)], -3)
        verdicts.append(close(ideal_ratio_mask(S), expected))
    return first_wrong(*verdicts)


@EXERCISES["9.5"].case("where all three are silent, each gets a third; where one is, the others share")
def _(ideal_ratio_mask):
    S = torch.randn(3, 4, 4, dtype=torch.complex64)
    S[:, 1], S[0, 2] = 0, 0
    got = ideal_ratio_mask(S)
    return first_wrong(
        close(got[:, 1], torch.full((3, 4), 1 / 3)),
        close(got[0, 2], torch.zeros(4)),
        close(got.sum(0), torch.ones(4, 4)),
    )


@EXERCISES["9.5"].case("a recording a hundred thousand times softer has the same masks")
def _(ideal_ratio_mask):
    S = torch.randn(2, 5, 4, dtype=torch.complex64)
    return close(ideal_ratio_mask(1e-5 * S), S.abs() / S.abs().sum(0))
