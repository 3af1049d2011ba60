"""The checks of assignment 09. Expected values come from plain loops, and from worked examples."""

import math

import torch
import torch.nn.functional as F

from helpers.checks import NO_GRADIENT, Exercise, alike, close, everywhere, first_wrong

COSINES = dict.fromkeys(
    ["torch.nn.functional.cosine_similarity", "torch.cosine_similarity"], "write out what a cosine is"
)
EXERCISES = {
    "9.1": Exercise(
        3,
        [
            "A cosine does not know lengths: what must you do with both vectors before you multiply and sum?",
            "Cosine, ReLU, temperature, softmax, in this order. Over which numbers does the softmax run?",
            "flatten(2) makes one row of all places; F.normalize leaves a vector of zeros as it is; view turns back.",
            "peak: argmax of the flattened map is a place's number; // and % by the number of columns.",
        ],
        forbidden=COSINES,
    ),
    "9.2": Exercise(
        4,
        [
            "Do the four places of section 3 of the lecture on paper. The attention is that of the right sound.",
            "Stack both distances, (batch, 2), softmax over the 2. Which of the two shares should be 0?",
            "x.norm(dim=1) has the gradient 0 at 0. A square root of a sum of squares has none there.",
            "batch_scores: einsum('npd,md->nmp'); softmax over the places; the sum weighs the cosines before the ReLU.",
        ],
        forbidden=COSINES,
    ),
}


# 9.1 the attention map


def true_attention(features, sound, temperature):
    cosine = F.cosine_similarity(features, sound[:, :, None, None], dim=1)
    return (cosine.clamp(min=0) / temperature).flatten(1).softmax(1).view_as(cosine)


def heard(batch=4, d=6, rows=3, columns=5, temperature=0.3):
    return {
        "features": 3 * torch.randn(batch, d, rows, columns),
        "sound": 2 * torch.randn(batch, d),
        "temperature": temperature,
    }


FOUR = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [1 / 3, math.sqrt(8) / 3]])  # places of length 1
EAR = torch.tensor([[1.0, 0.0]])
HAND = 1 / math.log(8)  # the temperature at which a cosine of 1 weighs 8, and a cosine of 0 weighs 1


@EXERCISES["9.1"].case("four places with the cosines 1, 0, -1, 1/3 at T = 1 / ln 8: 8, 1, 1 and 2 twelfths")
def _(attention, peak):
    features = FOUR.T.reshape(1, 2, 2, 2)
    return close(attention(features, EAR, HAND), torch.tensor([[[8.0, 1], [1, 2]]]) / 12)


@EXERCISES["9.1"].case(
    "a grid of 3 x 5, a batch of 4 and of 1, in float32 and float64: values and gradients; each map sums to 1",
)
def _(attention, peak):
    sizes = [{"batch": 4}, {"batch": 1, "rows": 1, "columns": 4, "temperature": 1.0}, {"rows": 5, "columns": 2, "d": 3}]
    return everywhere(attention, true_attention, heard, sizes, gradients=True)


@EXERCISES["9.1"].case("a picture or a sound a hundred times as strong has the same map")
def _(attention, peak):
    features, sound = torch.randn(2, 6, 3, 5), torch.randn(2, 6)
    expected = true_attention(features, sound, 0.3)
    stronger = (100 * features, sound), (features, 100 * sound)
    return first_wrong(*(close(attention(f, s, 0.3), expected) for f, s in stronger))


@EXERCISES["9.1"].case("a place of zeros and a sound of zeros fit nothing, and no NaN comes of it")
def _(attention, peak):
    features, sound = torch.randn(2, 6, 2, 2), torch.randn(2, 6)
    features[0, :, 0, 1], sound[1] = 0, 0
    got = attention(features, sound, 0.3)
    return first_wrong(close(got, true_attention(features, sound, 0.3)), close(got[1], torch.full((2, 2), 0.25)))


@EXERCISES["9.1"].case("a temperature of 0.001 gives the peak nearly all, and nothing overflows")
def _(attention, peak):
    return close(attention(FOUR.T.reshape(1, 2, 2, 2), EAR, 0.001), torch.tensor([[[1.0, 0], [0, 0]]]))


@EXERCISES["9.1"].case("peak gives row and column, in this order, as whole numbers")
def _(attention, peak):
    maps = torch.rand(3, 3, 5) / 2
    maps[0, 2, 1], maps[1, 0, 4], maps[2, 1, 3] = 1, 1, 1
    for got, expected in (
        (peak(maps), [[2, 1], [0, 4], [1, 3]]),
        (peak(maps[:1].double()), [[2, 1]]),
        (peak(attention=maps[1:]), [[0, 4], [1, 3]]),
    ):
        if not isinstance(got, torch.Tensor):
            return alike(got, torch.tensor(expected))
        if got.is_floating_point():
            return "they are not whole numbers"
        if (verdict := close(got, torch.tensor(expected))) is not True:
            return verdict
    return True


# 9.2 the loss


def unit(*shape):
    return F.normalize(torch.randn(*shape), dim=-1)


def true_attended(places, sounds, temperature):
    weights = (torch.einsum("npd,nd->np", places, sounds).relu() / temperature).softmax(1)
    return torch.einsum("np,npd->nd", weights, places)


def true_loss(places, right, other, temperature):
    z = true_attended(places, right, temperature)
    p = ((z - right).norm(dim=1) - (z - other).norm(dim=1)).sigmoid()
    return (2 * p**2).mean()  # both shares are off by p


def true_scores(places, sounds, temperature):
    columns = [(true_attended(places, s.expand(len(places), -1), temperature) * s).sum(1) for s in sounds]
    return torch.stack(columns, 1)


def scenes(pictures=4, spots=7, d=5, temperature=0.2, sounds=None):
    """Places of pictures, and as many sounds, or another number of them."""
    return {
        "places": unit(pictures, spots, d),
        "sounds": unit(sounds or pictures, d),
        "temperature": temperature,
    }


def triples(pictures=4, spots=7, d=5, temperature=0.2):
    return {
        "places": unit(pictures, spots, d),
        "right": unit(pictures, d),
        "other": unit(pictures, d),
        "temperature": temperature,
    }


def of_length_one(function):
    """The function after scaling: then it matters to no gradient whether the function scales once more."""

    def scaled(x):
        return F.normalize(x, dim=-1) if isinstance(x, torch.Tensor) else x

    def call(*arguments, **named):
        return function(*map(scaled, arguments), **{name: scaled(x) for name, x in named.items()})

    return call


def everywhere_scaled(function, answer, inputs, sizes):
    return everywhere(of_length_one(function), of_length_one(answer), inputs, sizes, gradients=True)


SIZES = [{"pictures": 4}, {"pictures": 1, "spots": 3, "temperature": 0.5}, {"pictures": 3, "d": 2, "temperature": 1.0}]


@EXERCISES["9.2"].case("attended: the four places of 9.1 give (0.639, 0.240)")
def _(attended, localisation_loss, batch_scores):
    by_hand = torch.tensor([[0.63889, 0.24013]])  # (8 - 1 + 2/3) / 12 and (1 + 2 sqrt(8) / 3) / 12
    return close(attended(FOUR[None], EAR, HAND), by_hand, 1e-3)


@EXERCISES["9.2"].case(
    "attended: random batches, also of one, in float32 and float64: values and gradients",
    hint="attended: a softmax over the places gives the weights; the result is the weighted sum of the places.",
)
def _(attended, localisation_loss, batch_scores):
    return everywhere_scaled(attended, true_attended, scenes, SIZES)


@EXERCISES["9.2"].case("localisation_loss: the four places, and the other sound (0, 1)")
def _(attended, localisation_loss, batch_scores):
    other = torch.tensor([[0.0, 1.0]])
    return close(localisation_loss(FOUR[None], EAR, other, HAND), true_loss(FOUR[None], EAR, other, HAND))


@EXERCISES["9.2"].case(
    "localisation_loss: random batches have the mean of their pictures' losses, a batch of one its own; and gradients",
    hint="localisation_loss: the sound `right` picks out z; both distances from it go through one softmax.",
)
def _(attended, localisation_loss, batch_scores):
    return everywhere_scaled(localisation_loss, true_loss, triples, SIZES)


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


@EXERCISES["9.2"].case(
    "batch_scores: 3 pictures and 5 sounds, 1 and 1, 4 and 2, as in a loop over all pairs: values and gradients",
)
def _(attended, localisation_loss, batch_scores):
    sizes = [{"pictures": 3, "sounds": 5}, {"pictures": 1, "sounds": 1, "temperature": 0.5}]
    sizes += [{"pictures": 4, "sounds": 2, "spots": 3, "temperature": 1.0}]
    return everywhere_scaled(batch_scores, true_scores, scenes, sizes)


@EXERCISES["9.2"].case("batch_scores: a picture that fits nowhere has a score below 0, and it can learn from it")
def _(attended, localisation_loss, batch_scores):
    places = torch.tensor([[[-1.0, 0.0], [-0.6, 0.8]]], requires_grad=True)
    scores = batch_scores(places, EAR, 0.2)
    if (verdict := close(scores, torch.tensor([[-0.8]]))) is not True:
        return verdict
    scores.sum().backward()
    return bool(places.grad.abs().sum() > 0) or "the gradient is 0: the ReLU is for the attention only"
