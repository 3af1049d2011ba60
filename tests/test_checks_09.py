"""Assignment 09's checks accept the solution and other right answers, and refuse plausible wrong ones."""

import itertools
import math
import statistics

import numpy as np
import torch
import torch.nn.functional as F

from helpers import checks
from tests.answers import *  # noqa: F403  right answers are accepted, wrong ones refused
from tests.definitions import definitions

right = definitions("solutions/09_sound_localisation.ipynb")
attention, peak = right.attention, right.peak
attended, loss, batch = right.attended, right.localisation_loss, right.batch_scores
hear, region, iou = right.hear, right.region, right.iou
absent, listens = right.absent_sounds, right.listens


def cosines(features, sound):
    lengths = [x.square().sum(1, keepdim=True).clamp(min=1e-24).sqrt() for x in (features, sound)]
    return ((features / lengths[0]) * (sound / lengths[1])[:, :, None, None]).sum(1)


def other_attention(features, sound, temperature):
    """By sums of products, and exponentials (of what is left after the largest)."""
    c = cosines(features, sound).clamp(min=0)
    e = ((c - c.amax((1, 2), keepdim=True)) / temperature).exp()
    return e / e.sum((1, 2), keepdim=True)


def other_peak(attention):
    return torch.stack([torch.stack(torch.unravel_index(m.argmax(), m.shape)) for m in attention])


def attention_by_place(features, sound, temperature):
    """In float64, place by place."""
    batch, _, rows, columns = features.shape
    maps = []
    for v, s in zip(features.double(), sound.double(), strict=True):
        weights = []
        for r, c in itertools.product(range(rows), range(columns)):
            lengths = (v[:, r, c].norm() * s.norm()).clamp(min=1e-30)
            weights.append((v[:, r, c] @ s / lengths).clamp(min=0) / temperature)
        maps.append(torch.stack(weights).softmax(0).view(rows, columns))
    return torch.stack(maps).to(features.dtype)


def peak_by_where(attention):
    found = []
    for m in attention:
        row = m.max(dim=1).values.argmax()
        found.append([int(row), int(m[row].argmax())])
    return torch.tensor(found)


def attention_by_matmul(features, sound, temperature):
    v, s = F.normalize(features, dim=1), F.normalize(sound, dim=1)
    c = torch.matmul(v.permute(0, 2, 3, 1), s[:, None, :, None])[..., 0]
    e = torch.exp((torch.relu(c) - 1) / temperature)
    return e / e.sum(dim=(-2, -1), keepdim=True)


def peak_by_topk(attention):
    place = attention.reshape(len(attention), -1).topk(1).indices
    columns = attention.shape[-1]
    return torch.cat([torch.div(place, columns, rounding_mode="floor"), place.remainder(columns)], dim=1).int()


def attended_by_loop(places, sounds, temperature):
    found = []
    for v, s in zip(places, sounds, strict=True):
        weights = torch.exp((v @ s).clamp(min=0) / temperature)
        found.append((weights[:, None] * v).sum(0) / weights.sum())
    return torch.stack(found)


def loss_by_loop(places, right, other, temperature):
    total = 0
    for z, r, o in zip(attended_by_loop(places, right, temperature), right, other, strict=True):
        p = torch.softmax(torch.stack([torch.dist(z, r), torch.dist(z, o)]), 0)
        total = total + (p - torch.tensor([0, 1])).square().sum()
    return total / len(places)


def batch_by_loop(places, sounds, temperature):
    rows = [torch.stack([attended_by_loop(v[None], s[None], temperature)[0] @ s for s in sounds]) for v in places]
    return torch.stack(rows)


def attended_in_float64(places, sounds, temperature):
    v, s = places.double(), F.normalize(sounds.double(), dim=1)  # to scale once more does no harm
    alpha = torch.bmm(v, s.unsqueeze(2)).clamp_min(0).div(temperature).softmax(1)
    return (alpha * v).sum(1).to(places.dtype)


def loss_by_mse(places, right, other, temperature):
    z = attended_in_float64(places, right, temperature)
    d = torch.stack([(z - right).norm(p=2, dim=-1), (z - other).norm(p=2, dim=-1)], dim=-1).softmax(-1)
    return 2 * F.mse_loss(d, d.new_tensor([0.0, 1.0]).expand_as(d))


def batch_by_repeating(places, sounds, temperature):
    n, m = len(places), len(sounds)
    s = sounds.repeat(n, 1)
    return (attended_in_float64(places.repeat_interleave(m, 0), s, temperature) * s).sum(1).view(n, m)


def other_attended(places, sounds, temperature):
    cosine = (places @ sounds[:, :, None])[..., 0]
    return (F.softmax(F.relu(cosine) / temperature, dim=-1)[:, None] @ places)[:, 0]


def other_loss(places, right, other, temperature):
    """Two shares that sum to 1 are off by the same amount."""
    z = other_attended(places, right, temperature)
    difference = torch.linalg.vector_norm(z - right, dim=1) - torch.linalg.vector_norm(z - other, dim=1)
    return 2 * (difference.sigmoid() ** 2).mean()


def other_batch(places, sounds, temperature):
    columns = []
    for sound in sounds:
        repeated = sound.expand(len(places), -1)
        columns.append((other_attended(places, repeated, temperature) * repeated).sum(1))
    return torch.stack(columns, dim=1)


def hear_by_windows(mels, first, second, last):
    """By sums over the window's positions, in float64."""
    x = mels.double()
    for weight in (first.double(), second.double()):
        k = weight.shape[2]
        padded = F.pad(x, (k // 2, k // 2))
        frames = (padded.shape[2] - k) // 2 + 1
        x = sum(
            torch.einsum("hb,nbf->nhf", weight[:, :, j], padded[:, :, j : j + 2 * frames : 2][:, :, :frames])
            for j in range(k)
        ).clamp(min=0)
    joined = torch.cat([x.sum(2) / x.shape[2], x.max(2)[0]], 1) @ last.double().T
    return (joined / joined.square().sum(1, keepdim=True).sqrt().clamp(min=1e-12)).to(mels.dtype)


def hear_by_unfolding(mels, first, second, last):
    def layer(x, weight):
        windows = F.pad(x, 2 * (weight.shape[2] // 2,)).unfold(2, weight.shape[2], 2)  # (n, bands, frames, window)
        return torch.relu(torch.einsum("nbfk,hbk->nhf", windows, weight))

    x = layer(layer(mels, first), second)
    return F.normalize(torch.hstack((x.mean(-1), x.amax(-1))).matmul(last.mT))


def hear_by_modules(mels, first, second, last):
    for weight in (first, second):
        out, bands, window = weight.shape
        layer = torch.nn.Conv1d(bands, out, window, 2, window // 2, bias=False, dtype=mels.dtype)
        mels = F.relu(torch.func.functional_call(layer, {"weight": weight}, (mels,)))
    half = last.shape[1] // 2
    mapped = mels.mean(2) @ last[:, :half].T + mels.max(2).values @ last[:, half:].T
    return torch.stack([row / row.norm().clamp(min=1e-12) for row in mapped])


def region_by_map(cosines, size):
    found = []
    for c in cosines:
        grown = F.interpolate(c.clamp(min=0)[None, None], size=(size, size), mode="bilinear", align_corners=False)
        largest = float(grown.max())
        found.append(grown[0, 0] >= largest / 2 if largest > 0 else torch.zeros(size, size, dtype=torch.bool))
    return torch.stack(found)


def region_by_share(cosines, size):
    grown = torch.nn.Upsample((size, size), mode="bilinear")(cosines.where(cosines > 0, 0).unsqueeze(1)).squeeze(1)
    return (grown / grown.flatten(1).amax(1)[:, None, None]).nan_to_num(nan=0.0) >= 0.5


def region_by_doubling(cosines, size):
    grown = F.interpolate(F.relu(cosines)[:, None], size, mode="bilinear").squeeze(1)
    return torch.logical_and(2 * grown >= grown.amax(dim=(-1, -2), keepdim=True), grown.gt(0))


def iou_by_loop(regions, boxes):
    found = []
    for some, (left, top, right_, bottom) in zip(regions, boxes.tolist(), strict=True):
        inside = some[top:bottom, left:right_].sum()
        found.append(inside / (some.sum() + (bottom - top) * (right_ - left) - inside))
    return torch.stack(found).float()


def iou_by_areas(regions, boxes):
    size = regions.shape[1]
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    left, top, right_, bottom = (side[:, None, None] for side in boxes.T)
    box = (columns >= left) & (columns < right_) & (rows >= top) & (rows < bottom)
    shared = (regions * box).sum((1, 2)).float()
    return shared / (regions.sum((1, 2)) + box.sum((1, 2)) - shared)


def iou_by_pixels(regions, boxes):
    found = []
    for some, (left, top, right_, bottom) in zip(regions.tolist(), boxes.tolist(), strict=True):
        mine = {(r, c) for r, row in enumerate(some) for c, yes in enumerate(row) if yes}
        box = set(itertools.product(range(top, bottom), range(left, right_)))
        found.append(len(mine & box) / len(mine | box))
    return torch.tensor(found)


def absent_by_loop(sounds, present, generator):
    chosen = []
    for shown in present:
        free = [i for i, noun in enumerate(sounds.tolist()) if not shown[noun]]
        if not free:
            raise ValueError("nothing is absent")
        chosen.append(free[int(torch.randint(len(free), (), generator=generator))])
    return torch.tensor(chosen)


def absent_by_sorting(sounds, present, generator):
    """The allowed query with the largest random number."""
    allowed = ~present.index_select(1, sounds)
    if (allowed.sum(1) == 0).any():
        raise ValueError("A scene leaves no sound.")
    return torch.rand(allowed.shape, generator=generator).masked_fill(~allowed, -1).argmax(1)


def absent_by_counting(sounds, present, generator):
    allowed = present[:, sounds].logical_not()
    count = allowed.sum(1)
    if count.min() < 1:
        raise ValueError("A scene shows all that sounds.")
    nth = (torch.rand(len(sounds), generator=generator) * count).long() + 1
    return (allowed.cumsum(1) < nth[:, None]).sum(1)


def listens_by_formula(right, control):
    d = [float(a) - float(b) for a, b in zip(right, control, strict=True)]
    mean = sum(d) / len(d)
    return mean, (sum((x - mean) ** 2 for x in d) / (len(d) - 1) / len(d)) ** 0.5


def listens_by_numpy(right, control):
    d = right.numpy().astype(float) - control.numpy().astype(float)
    return float(d.mean()), float(d.std(ddof=1) / np.sqrt(d.size))


def listens_by_statistics(right, control):
    d = [int(a) - int(b) for a, b in zip(right.tolist(), control.tolist(), strict=True)]
    return statistics.fmean(d), statistics.stdev(d) / math.sqrt(len(d))


RIGHT = [
    ("9.1", [attention, peak]),
    ("9.1", [other_attention, other_peak]),
    ("9.1", [attention_by_place, peak_by_where]),
    ("9.1", [attention_by_matmul, peak_by_topk]),
    ("9.2", [attended, loss, batch]),
    ("9.2", [attended_by_loop, loss_by_loop, batch_by_loop]),
    ("9.2", [attended_in_float64, loss_by_mse, batch_by_repeating]),
    ("9.2", [other_attended, other_loss, other_batch]),
    ("9.3", [hear]),
    ("9.3", [hear_by_windows]),
    ("9.3", [hear_by_unfolding]),
    ("9.3", [hear_by_modules]),
    ("9.4", [region, iou]),
    ("9.4", [region_by_map, iou_by_loop]),
    ("9.4", [region_by_share, iou_by_areas]),
    ("9.4", [region_by_doubling, iou_by_pixels]),
    ("9.5", [absent, listens]),
    ("9.5", [absent_by_loop, listens_by_formula]),
    ("9.5", [absent_by_sorting, listens_by_numpy]),
    ("9.5", [absent_by_counting, listens_by_statistics]),
]


# 9.1


def attention_with(unit=True, relu=True, softmax="all", divide=True):
    def wrong(features, sound, temperature):
        if unit:
            features, sound = F.normalize(features, dim=1), F.normalize(sound, dim=1)
        c = torch.einsum("bdrc,bd->brc", features, sound)
        c = (c.relu() if relu else c) / (temperature if divide else 1 / temperature)
        if softmax == "all":
            return c.flatten(1).softmax(1).view_as(c)
        if softmax == "whole batch":
            return c.flatten().softmax(0).view_as(c)
        return c.softmax(softmax)

    return wrong


def relu_last(features, sound, temperature):
    c = cosines(features, sound) / temperature
    return c.flatten(1).softmax(1).view_as(c).relu()


def without_guard(features, sound, temperature):
    features = features / features.norm(dim=1, keepdim=True)
    return attention_with(unit=False)(features, sound / sound.norm(dim=1, keepdim=True), temperature)


def overflows(features, sound, temperature):
    e = (cosines(features, sound).relu() / temperature).exp()
    return e / e.sum((1, 2), keepdim=True)


def no_temperature(features, sound, temperature):
    return attention(features, sound, 1.0)


def squeezed(*arguments):
    return attention(*arguments).squeeze()


def flat(*arguments):
    return attention(*arguments).flatten(1)


def by_torch(features, sound, temperature):
    c = F.cosine_similarity(features, sound[:, :, None, None], dim=1).relu() / temperature
    return c.flatten(1).softmax(1).view_as(c)


def by_a_module(features, sound, temperature):
    c = torch.nn.CosineSimilarity(dim=1)(features, sound[:, :, None, None]).relu() / temperature
    return c.flatten(1).softmax(1).view_as(c)


def nothing_learned(features, sound, temperature):
    return attention(features, sound, temperature).detach()


def column_first(maps):
    return peak(maps).flip(1)


def by_rows(maps):
    place = maps.flatten(1).argmax(1)
    return torch.stack([place // maps.shape[1], place % maps.shape[1]], dim=1)


def number_only(maps):
    return maps.flatten(1).argmax(1)


def as_shares(maps):
    return peak(maps).float()


# 9.2


def loss_with(target=(0.0, 1.0), sign=1, power=1, listens="right", mean=True, root=False, share=1.0):
    def wrong(places, right, other, temperature):
        z = attended(places, right if listens == "right" else other, temperature)
        if root:
            distances = [(z - s).square().sum(1).sqrt() for s in (right, other)]
        else:
            distances = [(z - s).norm(dim=1) ** power for s in (right, other)]
        p = (sign * torch.stack(distances, 1)).softmax(1)
        each = share * (p - torch.tensor(target)).square().sum(1)
        return each.mean() if mean else each.sum()

    return wrong


def cross_entropy(places, right, other, temperature):
    z = attended(places, right, temperature)
    d = torch.stack([(z - right).norm(dim=1), (z - other).norm(dim=1)], 1)
    return F.cross_entropy(d, torch.ones(len(d), dtype=torch.long))


def detached(*arguments):
    return loss(*arguments).detach()


def largest_place(places, sounds, temperature):
    best = torch.einsum("npd,nd->np", places, sounds).argmax(1)
    return places[torch.arange(len(places)), best]


def without_relu(places, sounds, temperature):
    alpha = (torch.einsum("npd,nd->np", places, sounds) / temperature).softmax(1)
    return torch.einsum("np,npd->nd", alpha, places)


def batch_with(softmax=2, relu_inside=False, largest=False, turned=False, relu=True):
    def wrong(places, sounds, temperature):
        c = torch.einsum("npd,md->nmp", places, sounds)
        weights = ((c.relu() if relu else c) / temperature).softmax(softmax)
        scores = c.amax(2) if largest else (weights * (c.relu() if relu_inside else c)).sum(2)
        return scores.T if turned else scores

    return wrong


def scales_in_place(places, sounds, temperature):
    found = attended(places, sounds, temperature)
    places.mul_(0.5)
    return found


def attention_detached(places, sounds, temperature):
    alpha = (torch.einsum("npd,nd->np", places, sounds).relu() / temperature).softmax(1).detach()
    return torch.einsum("np,npd->nd", alpha, places)


def loss_with_attention_detached(places, right, other, temperature):
    z = attended(places, right, temperature)
    z = z.detach() + places.mean(1) - places.mean(1).detach()
    return loss_of(z, right, other)


def loss_of(z, right, other):
    p = torch.stack([(z - right).norm(dim=1), (z - other).norm(dim=1)], 1).softmax(1)
    return (p[:, 0] ** 2 + (p[:, 1] - 1) ** 2).mean()


def sounds_detached(places, sounds, temperature):
    return batch(places, sounds.detach(), temperature)


def one_temperature(places, sounds, temperature):
    return batch(places, sounds, 0.2)


# 9.3


def hear_with(stride=2, relu=(True, True), pad=True, pool=("mean", "max"), unit=True, over=2):
    def wrong(mels, first, second, last):
        x = mels
        for weight, cut in zip((first, second), relu, strict=True):
            x = F.conv1d(x, weight, stride=stride, padding=weight.shape[2] // 2 if pad else 0)
            x = x.relu() if cut else x
        pools = {"mean": x.mean(over), "max": x.amax(over), "sum": x.sum(over)}
        joined = F.linear(torch.cat([pools[name] for name in pool], 1), last)
        return F.normalize(joined, dim=1) if unit else joined

    return wrong


def without_a_guard(mels, first, second, last):
    x = hear_with(unit=False)(mels, first, second, last)
    return x / x.norm(dim=1, keepdim=True)


def unit_over_the_batch(mels, first, second, last):
    return F.normalize(hear_with(unit=False)(mels, first, second, last), dim=0)


def hear_detached(mels, first, second, last):
    return hear(mels, first.detach(), second, last)


# 9.4


def region_with(level=0.5, relu=True, own=True, mode="bilinear", empty=True):
    def wrong(cosines, size):
        c = cosines.relu() if relu else cosines
        pixels = F.interpolate(c[:, None], (size, size), mode=mode)[:, 0]
        largest = pixels.amax((1, 2), keepdim=True) if own else pixels.max()
        found = pixels >= level * largest
        return found & (pixels > 0) if empty else found

    return wrong


def relu_after(cosines, size):
    pixels = F.interpolate(cosines[:, None], (size, size), mode="bilinear")[:, 0].relu()
    return (pixels >= pixels.amax((1, 2), keepdim=True) / 2) & (pixels > 0)


def as_numbers(cosines, size):
    return region(cosines, size).float()


def iou_with(outside=0, over="union", turned=False):
    def wrong(regions, boxes):
        found = []
        for some, (left, top, right_, bottom) in zip(regions, boxes.tolist(), strict=True):
            box = torch.zeros_like(some)
            box[top : bottom + outside, left : right_ + outside] = True
            box = box.T if turned else box
            under = {"union": (some | box).sum(), "box": box.sum(), "region": some.sum().clamp(min=1)}[over]
            found.append((some & box).sum() / under)
        return torch.stack(found)

    return wrong


# 9.5


def absent_nouns(sounds, present, generator):
    return sounds[absent(sounds, present, generator)]


def merely_shuffled(sounds, present, generator):
    return torch.randperm(len(sounds), generator=generator)


def another_noun(sounds, present, generator):
    """Not the noun itself, but perhaps the other thing of the scene."""
    allowed = sounds[:, None] != sounds
    return allowed.double().multinomial(1, generator=generator)[:, 0]


def the_first_one(sounds, present, generator):
    absent(sounds, present, generator)
    return (~present[:, sounds]).long().argmax(1)


def nouns_alike(sounds, present, generator):
    """Draws a noun first, so that what sounds often is taken too seldom."""
    absent(sounds, present, torch.Generator())
    there = F.one_hot(sounds, present.shape[1]).any(0)
    noun = (~present & there).double().multinomial(1, generator=generator)
    return (sounds == noun).double().multinomial(1, generator=generator)[:, 0]


def own_generator(sounds, present, generator):
    return absent(sounds, present, torch.Generator().manual_seed(0))


def global_generator(sounds, present, generator):
    return absent(sounds, present, None)


def shows_all_goes(sounds, present, generator):
    return ((~present[:, sounds]).double() + 1e-9).multinomial(1, generator=generator)[:, 0]


def listens_with(paired=True, n=True, correction=1, sign=1):
    def wrong(right, control):
        a, b = right.double(), control.double()
        spread = (a - b).std(correction=correction) if paired else (a.var() + b.var()).sqrt()
        return sign * (a - b).mean().item(), (spread / (len(a) ** 0.5 if n else 1)).item()

    return wrong


WRONG = [
    *(("9.1", [wrong, peak]) for wrong in (by_torch, by_a_module, nothing_learned)),
    ("9.1", [attention, lambda attention: peak(attention).tolist()]),
    *(("9.2", [wrong, loss, batch]) for wrong in (scales_in_place, attention_detached)),
    ("9.2", [attended, loss_with_attention_detached, batch]),
    *(("9.2", [attended, loss, wrong]) for wrong in (sounds_detached, one_temperature)),
    *(("9.1", [wrong, peak]) for wrong in (relu_last, without_guard, overflows, no_temperature, squeezed, flat)),
    ("9.1", [attention_with(unit=False), peak]),
    ("9.1", [attention_with(relu=False), peak]),
    ("9.1", [attention_with(softmax=2), peak]),
    ("9.1", [attention_with(softmax=0), peak]),
    ("9.1", [attention_with(softmax="whole batch"), peak]),
    ("9.1", [attention_with(divide=False), peak]),
    *(("9.1", [attention, wrong]) for wrong in (column_first, by_rows, number_only, as_shares)),
    *(("9.2", [attended, wrong, batch]) for wrong in (cross_entropy, detached)),
    ("9.2", [attended, loss_with(target=(1.0, 0.0)), batch]),
    ("9.2", [attended, loss_with(sign=-1), batch]),
    ("9.2", [attended, loss_with(power=2), batch]),
    ("9.2", [attended, loss_with(listens="other"), batch]),
    ("9.2", [attended, loss_with(mean=False), batch]),
    ("9.2", [attended, loss_with(share=0.5), batch]),
    ("9.2", [attended, loss_with(root=True), batch]),
    ("9.2", [largest_place, loss, batch]),
    ("9.2", [without_relu, loss, batch]),
    ("9.2", [attended, loss, batch_with(softmax=1)]),
    ("9.2", [attended, loss, batch_with(relu_inside=True)]),
    ("9.2", [attended, loss, batch_with(largest=True)]),
    ("9.2", [attended, loss, batch_with(turned=True)]),
    ("9.2", [attended, loss, batch_with(relu=False)]),
    *(("9.3", [wrong]) for wrong in (without_a_guard, unit_over_the_batch, hear_detached)),
    ("9.3", [hear_with(stride=1)]),
    ("9.3", [hear_with(relu=(True, False))]),
    ("9.3", [hear_with(relu=(False, True))]),
    ("9.3", [hear_with(pad=False)]),
    ("9.3", [hear_with(pool=("max", "mean"))]),
    ("9.3", [hear_with(pool=("sum", "max"))]),
    ("9.3", [hear_with(pool=("mean", "mean"))]),
    ("9.3", [hear_with(unit=False)]),
    *(("9.4", [wrong, iou]) for wrong in (relu_after, as_numbers)),
    ("9.4", [region_with(level=0.4), iou]),
    ("9.4", [region_with(relu=False), iou]),
    ("9.4", [region_with(own=False), iou]),
    ("9.4", [region_with(mode="nearest"), iou]),
    ("9.4", [region_with(empty=False), iou]),
    ("9.4", [region, iou_with(outside=1)]),
    ("9.4", [region, iou_with(over="box")]),
    ("9.4", [region, iou_with(over="region")]),
    ("9.4", [region, iou_with(turned=True)]),
    *(
        ("9.5", [wrong, listens])
        for wrong in (absent_nouns, merely_shuffled, another_noun, the_first_one, nouns_alike, own_generator)
    ),
    *(("9.5", [wrong, listens]) for wrong in (global_generator, shows_all_goes)),
    ("9.5", [absent, listens_with(paired=False)]),
    ("9.5", [absent, listens_with(n=False)]),
    ("9.5", [absent, listens_with(correction=0)]),
    ("9.5", [absent, listens_with(sign=-1)]),
]


EQUIVALENT = {
    ("9.5", "absent_sounds: squeezed"): "one query alone has no other one to take a sound from",
}


def test_what_the_card_forbids_is_told_with_its_reason(capsys):
    checks.check("9.1", by_a_module, peak)
    said = " ".join(capsys.readouterr().out.split())
    assert "cosine_similarity, which this exercise forbids: write out what a cosine is" in said


def test_the_right_answer_is_right_after_a_wrong_one_that_changes_its_input():
    assert checks.check("9.2", scales_in_place, loss, batch) < checks.check("9.2", attended, loss, batch) == 4
