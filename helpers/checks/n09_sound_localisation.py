"""The checks of assignment 09. Expected values come from plain loops, and from worked examples."""

import math

import torch
import torch.nn.functional as F

from helpers.checks import (
    NO_GRADIENT,
    Exercise,
    alike,
    close,
    everywhere,
    first_wrong,
    follows_generator,
    refuses,
)

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
    "9.3": Exercise(
        3,
        [
            "Six steps in a row: convolution, ReLU, convolution, ReLU, two summaries over time, one linear map.",
            "F.conv1d(x, weight, stride=2, padding=...): half of the window, rounded down, on either side.",
            "x.mean(2) and x.amax(2), joined by torch.cat along dimension 1; F.linear(joined, last) has no bias.",
            "F.normalize(x, dim=1) gives length 1 and leaves a row of zeros as it is.",
        ],
    ),
    "9.4": Exercise(
        3,
        [
            "region: cut off what is negative, then scale up, then compare with half of each map's own largest value.",
            "F.interpolate wants (batch, 1, rows, columns), mode='bilinear'. amax((1, 2), keepdim=True): one a map.",
            "A map without anything above 0 reaches half of its largest value, 0, everywhere: that must not count.",
            "iou: make a map of each box with torch.arange and four comparisons; then & and |, and sum both.",
        ],
    ),
    "9.5": Exercise(
        3,
        [
            "present[:, sounds] has a row a query and a column a sound: does this scene show what makes that sound?",
            "multinomial draws by weights: 1 where a sound may be taken, 0 where not. Give it the generator.",
            "listens: the two answers to one query belong together. Subtract first, then take mean and deviation.",
            "The standard error of a mean is the sample's standard deviation (n - 1 below the line) over sqrt(n).",
        ],
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


# 9.3 the audio encoder


def true_hear(mels, first, second, last):
    x = mels
    for weight in (first, second):
        x = F.conv1d(x, weight, stride=2, padding=weight.shape[2] // 2).relu()
    joined = torch.cat([x.mean(2), x.max(2).values], 1) @ last.T
    return joined / joined.norm(dim=1, keepdim=True).clamp(min=1e-12)


def ear(batch=3, bands=5, frames=21, hidden=4, d=6):
    shapes = {"mels": (batch, bands, frames), "first": (hidden, bands, 5), "second": (hidden, hidden, 3)}
    return {name: torch.randn(*shape) for name, shape in shapes.items()} | {"last": torch.randn(d, 2 * hidden)}


ONES = {"first": torch.ones(1, 1, 5), "second": torch.ones(1, 1, 3), "last": torch.eye(2)}


@EXERCISES["9.3"].case("one band of 8 frames, 1 in the first, all weights 1: mean 1.5 and largest 2, so (0.6, 0.8)")
def _(hear):
    mels = torch.zeros(1, 1, 8)
    mels[0, 0, 0] = 1  # after the first layer 1, 1, 0, 0, after the second 2, 1
    return close(hear(mels, **ONES), torch.tensor([[0.6, 0.8]]))


@EXERCISES["9.3"].case(
    "random spectrograms of several lengths, a batch of 3 and of 1, in float32 and float64: values and gradients",
)
def _(hear):
    sizes = [{"batch": 3}, {"batch": 1, "frames": 22, "bands": 2}, {"frames": 4, "hidden": 3, "d": 2}, {"frames": 63}]
    return everywhere(hear, true_hear, ear, sizes, gradients=True)


@EXERCISES["9.3"].case("a sound ten times as strong has the same vector, and each has length 1")
def _(hear):
    given = ear()
    got = hear(**given)
    return first_wrong(
        close(hear(**(given | {"mels": 10 * given["mels"]})), got.detach()), close(got.norm(dim=1), torch.ones(3))
    )


@EXERCISES["9.3"].case("silence, a spectrogram of zeros, has a vector of zeros, and no NaN comes of it")
def _(hear):
    given = ear()
    given["mels"][1] = 0
    return close(hear(**given), true_hear(**given))


# 9.4 region and IoU


def true_region(cosines, size):
    grown = F.interpolate(cosines.clamp(min=0)[:, None], (size, size), mode="bilinear")[:, 0]
    largest = grown.flatten(1).max(1).values[:, None, None]
    return (grown >= largest / 2) & (largest > 0)


def true_iou(regions, boxes):
    found = []
    for some, (left, top, right, bottom) in zip(regions, boxes.tolist(), strict=True):
        box = torch.zeros_like(some)
        box[top:bottom, left:right] = True
        found.append((some & box).sum() / (some | box).sum())
    return torch.stack(found)


def maps(batch=4, rows=3, size=12):
    return {"cosines": torch.rand(batch, rows, rows) - 0.4, "size": size}


def covered(batch=4, size=12):
    corners = torch.randint(size // 2, (batch, 2))
    return {
        "regions": torch.rand(batch, size, size) < 0.3,
        "boxes": torch.cat([corners, corners + torch.randint(1, size // 2, (batch, 2))], 1),
    }


@EXERCISES["9.4"].case("region: random maps of 3 x 3, 6 x 6 and one alone, at 12 and 24 pixels")
def _(region, iou):
    sizes = [{"batch": 4}, {"batch": 1, "rows": 6}, {"batch": 5, "rows": 6, "size": 24}]
    return everywhere(region, true_region, maps, sizes)


@EXERCISES["9.4"].case(
    "region: each map is measured by its own largest value, and one below 0 everywhere has no region"
)
def _(region, iou):
    cosines = torch.rand(3, 4, 4) * torch.tensor([1.0, 0.01, -1.0])[:, None, None]
    got = region(cosines, 16)
    return first_wrong(close(got, true_region(cosines, 16)), close(got[2].sum(), 0))


@EXERCISES["9.4"].case("region: a single peak among negative cosines: what is negative does not make it smaller")
def _(region, iou):
    cosines = torch.full((1, 4, 4), -1.0)
    cosines[0, 1, 2] = 0.5
    return close(region(cosines, 16), true_region(cosines, 16))


@EXERCISES["9.4"].case(
    "iou by hand: the left half of 4 x 4 against the box, against the whole, and beside it: 1, 1/2, 0"
)
def _(region, iou):
    left = torch.zeros(3, 4, 4, dtype=torch.bool)
    left[:, :, :2] = True
    boxes = torch.tensor([[0, 0, 2, 4], [0, 0, 4, 4], [2, 0, 4, 4]])
    return close(iou(left, boxes), torch.tensor([1, 0.5, 0]))


@EXERCISES["9.4"].case("iou: random regions and boxes, of 12 and of 7 pixels, and one alone")
def _(region, iou):
    return everywhere(iou, true_iou, covered, [{"batch": 6}, {"batch": 1}, {"batch": 9, "size": 7}])


# 9.5 the control


def queries(count=40, nouns=6):
    """What sounds in each query, and what its scene shows: the sound, and one thing more."""
    sounds = torch.arange(count) % nouns
    present = (
        F.one_hot(sounds, nouns).bool() | F.one_hot((sounds + torch.randint(1, nouns, (count,))) % nouns, nouns).bool()
    )
    return sounds, present


@EXERCISES["9.5"].case("three queries, of which each may take one other only: 1, 2, 0")
def _(absent_sounds, listens):
    sounds = torch.tensor([0, 1, 2])
    present = torch.tensor([[True, False, True], [True, True, False], [False, True, True]])
    return close(absent_sounds(sounds, present, torch.Generator()), torch.tensor([1, 2, 0]))


@EXERCISES["9.5"].case(
    "no scene gets a sound of a thing that it shows; what comes are numbers of queries, not of nouns"
)
def _(absent_sounds, listens):
    for count in (40, 60):
        sounds, present = queries(count)
        got = absent_sounds(sounds, present, torch.Generator().manual_seed(count))
        if not isinstance(got, torch.Tensor) or got.shape != sounds.shape or got.is_floating_point():
            return alike(got, torch.zeros_like(sounds))
        if got.min() < 0 or got.max() >= count:
            return f"there are {count} queries, and it names number {got.max()}"
        if present[torch.arange(count), sounds[got]].any():
            return "a scene got the sound of a thing that it shows"
    return True


@EXERCISES["9.5"].case("every query that may be taken is taken now and then, each about as often as the others")
def _(absent_sounds, listens):
    sounds, present = torch.tensor([0, 1, 1, 1, 2]), F.one_hot(torch.tensor([0, 1, 1, 1, 2]), 3).bool()
    generator = torch.Generator().manual_seed(0)
    drawn = torch.stack([absent_sounds(sounds, present, generator) for _ in range(800)])
    counts = torch.bincount(drawn[:, 0], minlength=5)  # the first may take any other: 200 times each
    return bool((counts[1:] > 150).all()) or f"in 800 draws the first query took the others {counts[1:].tolist()} times"


@EXERCISES["9.5"].case("it draws from the generator that it is given")
def _(absent_sounds, listens):
    sounds, present = queries()
    return follows_generator(lambda generator: absent_sounds(sounds, present, generator))


@EXERCISES["9.5"].case("a scene that shows everything that sounds is refused with a ValueError")
def _(absent_sounds, listens):
    sounds, present = queries()
    present[3] = True
    return refuses(absent_sounds, sounds, present, torch.Generator())


def true_listens(right, control):
    difference = right.double() - control.double()
    return difference.mean().item(), (difference.std() / len(difference) ** 0.5).item()


@EXERCISES["9.5"].case(
    "listens by hand: right 1, 1, 1, 0, control 1, 0, 0, 0: the difference 0.5, standard error 0.289"
)
def _(absent_sounds, listens):
    right, control = torch.tensor([True, True, True, False]), torch.tensor([True, False, False, False])
    return alike(listens(right, control), (0.5, 0.288675))


@EXERCISES["9.5"].case("listens: random answers of 5, 50 and 500 queries; a control that does better gives less than 0")
def _(absent_sounds, listens):
    for n, share in ((5, 0.7), (50, 0.9), (500, 0.2)):
        right, control = torch.rand(n) < share, torch.rand(n) < 0.4
        right[0], control[0] = True, False
        if (verdict := alike(listens(right, control), true_listens(right, control))) is not True:
            return verdict
    return True
