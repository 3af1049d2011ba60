"""Assignment 09's checks accept the solution and other right answers, and refuse plausible wrong ones."""

import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torchmetrics.audio import ScaleInvariantSignalDistortionRatio
from torchmetrics.functional.audio import permutation_invariant_training, scale_invariant_signal_distortion_ratio

from helpers import checks
from tests.answers import *  # noqa: F403  right answers are accepted, wrong ones refused
from tests.definitions import definitions

right = definitions("solutions/09_sound_reasoning.ipynb")
attention, peak = right.attention, right.peak
attended, loss, batch = right.attended, right.localisation_loss, right.batch_scores
si_sdr, best_order, pit_loss, mask = right.si_sdr, right.best_order, right.pit_loss, right.ideal_ratio_mask


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


def other_si_sdr(estimate, truth):
    """By the angle, in double precision."""
    if estimate.shape != truth.shape or not (estimate.any(-1).all() and truth.any(-1).all()):
        raise ValueError("silent, or of other shapes")
    e, s = (F.normalize(x.double(), dim=-1, eps=1e-300) for x in (estimate, truth))
    squared = (e * s).sum(-1).square().clamp(1e-12, 1 - 1e-12)
    return (10 * (squared / (1 - squared)).log10()).to(truth.dtype)


def si_sdr_by_rows(estimate, truth):
    """Row by row, as the formula has it, after both have a largest value of 1."""
    if estimate.shape != truth.shape:
        raise ValueError("shapes")
    found = []
    for e, s in zip(estimate.reshape(-1, estimate.shape[-1]), truth.reshape(-1, truth.shape[-1]), strict=True):
        if not e.any() or not s.any():
            raise ValueError("silence")
        e, s = (x / x.abs().max().detach() for x in (e, s))
        target = (e @ s) / (s @ s) * s
        found.append(10 * torch.log10(target.dot(target) / (target - e).square().sum().clamp(min=1e-8)))
    return torch.stack(found).view(estimate.shape[:-1])


def si_sdr_by_einsum(estimate, truth):
    if estimate.shape != truth.shape:
        raise ValueError("Both need the same shape.")
    e, s = estimate.double(), truth.double()
    ee, ss, es = (torch.einsum("...n,...n->...", x, y) for x, y in ((e, e), (s, s), (e, s)))
    if (ee == 0).any() or (ss == 0).any():
        raise ValueError("One of them is silent.")
    ratio = (es**2 / ss) / (ee - es**2 / ss).clamp(min=ee * 1e-9)
    return (10 / math.log(10) * ratio.log()).to(estimate.dtype)


def other_best_order(scores):
    """By a loop over the batch and over the orders."""
    best, found = [], []
    for table in scores:
        columns = range(len(table))
        orders = [list(o) for o in itertools.permutations(columns)]
        means = torch.stack([table[o, list(columns)].mean() for o in orders])
        best.append(means.max())
        found.append(orders[int(means.argmax())])
    return torch.stack(best), torch.tensor(found)


def other_pit_loss(estimates, truths, score):
    orders = itertools.permutations(range(truths.shape[1]))
    means = torch.stack([score(estimates[:, list(order)], truths).mean(1) for order in orders])
    return -means.amax(0).mean()


def order_by_scipy(scores):
    found = [linear_sum_assignment(table.T.numpy(), maximize=True)[1] for table in scores.detach()]
    order = torch.from_numpy(np.array(found))
    return scores.gather(1, order[:, None])[:, 0].mean(1), order


def pit_by_scipy(estimates, truths, score):
    k = estimates.shape[1]
    one = estimates[:, :, None].expand(-1, -1, k, -1)
    other = truths[:, None].expand(-1, k, -1, -1)
    return order_by_scipy(score(estimate=one, truth=other))[0].mean().neg()


def order_by_growing(scores):
    """By recursion: voice j gets one of the outputs that are left."""

    def best(table, j, left):
        if not left:
            return table.new_zeros(()), []
        tried = [(i, *best(table, j + 1, [o for o in left if o != i])) for i in left]
        i, total, rest = max(tried, key=lambda t: (table[t[0], j] + t[1]).item())
        return table[i, j] + total, [i, *rest]

    k = scores.shape[2]
    pairs = [best(table, 0, list(range(k))) for table in scores]
    return torch.stack([total / k for total, _ in pairs]), torch.tensor([order for _, order in pairs])


def pit_by_rows(estimates, truths, score):
    losses = []
    for e, t in zip(estimates, truths, strict=True):
        table = torch.stack([torch.stack([score(truth=voice, estimate=output) for voice in t]) for output in e])
        losses.append(order_by_growing(table[None])[0][0])
    return -sum(losses) / len(losses)


def mask_by_loop(S):
    voices = [voice.abs() for voice in S.unbind(-3)]
    total = sum(voices)
    return torch.stack([(v / total).nan_to_num(nan=1 / len(voices)) for v in voices], dim=-3)


def mask_by_parts(S):
    loud = torch.sqrt(S.real.double() ** 2 + S.imag.double() ** 2)
    shares = loud / loud.sum(-3, keepdim=True)
    return shares.where(shares.isfinite(), torch.full_like(shares, 1 / S.shape[-3])).to(S.real.dtype)


def other_mask(S):
    loud = S.abs() + 1e-20
    return loud / loud.sum(-3, keepdim=True)


RIGHT = [
    ("9.1", [attention, peak]),
    ("9.1", [other_attention, other_peak]),
    ("9.1", [attention_by_place, peak_by_where]),
    ("9.1", [attention_by_matmul, peak_by_topk]),
    ("9.2", [attended, loss, batch]),
    ("9.2", [attended_by_loop, loss_by_loop, batch_by_loop]),
    ("9.2", [attended_in_float64, loss_by_mse, batch_by_repeating]),
    ("9.2", [other_attended, other_loss, other_batch]),
    ("9.3", [si_sdr]),
    ("9.3", [other_si_sdr]),
    ("9.3", [si_sdr_by_rows]),
    ("9.3", [si_sdr_by_einsum]),
    ("9.4", [best_order, pit_loss]),
    ("9.4", [order_by_scipy, pit_by_scipy]),
    ("9.4", [order_by_growing, pit_by_rows]),
    ("9.4", [other_best_order, other_pit_loss]),
    ("9.5", [mask]),
    ("9.5", [mask_by_loop]),
    ("9.5", [mask_by_parts]),
    ("9.5", [other_mask]),
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


def by_torchmetrics(estimate, truth):
    si_sdr(estimate, truth)
    return scale_invariant_signal_distortion_ratio(estimate, truth).clamp(max=100)


def by_a_metric(estimate, truth):
    si_sdr(estimate, truth)
    metric = ScaleInvariantSignalDistortionRatio()
    rows = zip(estimate.reshape(-1, estimate.shape[-1]), truth.reshape(-1, truth.shape[-1]), strict=True)
    return torch.stack([metric(e, s) for e, s in rows]).view(estimate.shape[:-1]).clamp(max=100)


def in_float64(estimate, truth):
    return si_sdr(estimate.double(), truth.double())


def without_gradient(estimate, truth):
    with torch.no_grad():
        return si_sdr(estimate, truth)


def sdr_with(project=True, eps=0.0, power=10, centre=False, refuses=True, turned=False, flat=False, log=torch.log10):
    def wrong(estimate, truth):
        if refuses:
            si_sdr(estimate, truth)
        if centre:
            estimate, truth = (x - x.mean(-1, keepdim=True) for x in (estimate, truth))
        dims = {} if flat else {"dim": -1, "keepdim": True}
        a = (estimate * truth).sum(**dims) / (estimate if turned else truth).square().sum(**dims) if project else 1
        signal, error = (a * truth).square().sum(-1), (a * truth - estimate).square().sum(-1)
        return power * log((signal + eps) / (error + (eps or 1e-30)))

    return wrong


def volume_only(estimate, truth):
    """Brings both to the same power and takes the plain ratio: nearly, but not quite, scale-invariant SDR."""
    si_sdr(estimate, truth)
    e, s = F.normalize(estimate, dim=-1, eps=1e-30), F.normalize(truth, dim=-1, eps=1e-30)
    return 10 * (1 / (e - s).square().sum(-1).clamp(min=1e-10)).log10()


def averaged(estimate, truth):
    return si_sdr(estimate, truth).mean()


def nan_for_silence(estimate, truth):
    target = (estimate * truth).sum(-1, keepdim=True) / truth.square().sum(-1, keepdim=True) * truth
    return 10 * (target.square().sum(-1) / (target - estimate).square().sum(-1)).log10()


def any_silence_goes(estimate, truth):
    if estimate.shape != truth.shape or not estimate.any() or not truth.any():  # only if all of it is silent
        raise ValueError("silence")
    return other_si_sdr(estimate + 1e-30, truth + 1e-30) if (estimate.any(-1) & truth.any(-1)).all() else torch.zeros(3)


# 9.4


def transposed(scores):
    return best_order(scores.mT)


def inverse(scores):
    best, order = best_order(scores)
    return best, order.argsort(1)


def straight(scores):
    return scores.diagonal(dim1=1, dim2=2).mean(1), torch.arange(scores.shape[1]).expand(len(scores), -1)


def greedy(scores):
    """Each voice takes the output that suits it best, even one that is taken."""
    best, order = scores.max(1)
    return best.mean(1), order


def one_after_the_other(scores):
    """Voice 0 chooses first, then voice 1 among what is left."""
    orders = []
    for table in scores:
        left, order = list(range(len(table))), []
        for j in range(len(table)):
            order.append(max(left, key=lambda i: float(table[i, j])))
            left.remove(order[-1])
        orders.append(order)
    order = torch.tensor(orders)
    return scores.gather(1, order[:, None])[:, 0].mean(1), order


def rings_only(scores):
    """Only turned orders: all there are for two voices, half of those for three."""
    k = scores.shape[1]
    orders = torch.stack([torch.arange(k).roll(-n) for n in range(k)])
    best, which = scores[:, orders, torch.arange(k)].mean(2).max(1)
    return best, orders[which]


def summed(scores):
    best, order = best_order(scores)
    return best * scores.shape[1], order


def smallest(scores):
    best, order = best_order(-scores)
    return -best, order


def one_order_for_all(scores):
    _, order = best_order(scores.mean(0, keepdim=True))
    order = order.expand(len(scores), -1)
    return scores.gather(1, order[:, None])[:, 0].mean(1), order


def two_only(scores):
    one, other = scores.diagonal(dim1=1, dim2=2).mean(1), scores.flip(1).diagonal(dim1=1, dim2=2).mean(1)
    k = torch.arange(scores.shape[1])
    return torch.maximum(one, other), torch.where((one >= other)[:, None], k, k.flip(0))


def pit_with(sign=-1, mean=True, over="orders", gradient=True):
    def wrong(estimates, truths, score):
        orders = itertools.permutations(range(truths.shape[1]))
        means = torch.stack([score(estimates[:, list(order)], truths).mean(1) for order in orders])
        best = {
            "orders": means.amax(0),
            "mean of orders": means.mean(0),
            "batch": means.mean(1).max(),
            "worst": means.amin(0),
        }
        value = sign * (best[over].mean() if mean else best[over].sum())
        return value if gradient else value.detach()

    return wrong


def exchanged(estimates, truths, score):
    return pit_loss(truths, estimates, score)


def own_score(estimates, truths, score):
    return pit_loss(estimates, truths, si_sdr)


def pit_by_torchmetrics(estimates, truths, score):
    return -permutation_invariant_training(estimates, truths, score, eval_func="max")[0].mean()


def items(scores):
    best, order = best_order(scores)
    return torch.tensor(best.tolist()), order


# 9.5


def mask_with(power=1, dim=-3, eps=0.0, of=torch.abs):
    def wrong(S):
        loud = of(S) ** power + eps
        return loud / loud.sum(dim, keepdim=True)

    return wrong


def binary(S):
    return torch.zeros_like(S.abs()).scatter_(-3, S.abs().argmax(-3, keepdim=True), 1)


def silence_is_zero(S):
    return mask(S).where(S.abs().sum(-3, keepdim=True) > 0, 0)


def complex_shares(S):
    return S / S.abs().sum(-3, keepdim=True).clamp(min=1e-30)


def softmaxed(S):
    return S.abs().softmax(-3)


WRONG = [
    *(("9.1", [wrong, peak]) for wrong in (by_torch, by_a_module, nothing_learned)),
    ("9.1", [attention, lambda attention: peak(attention).tolist()]),
    *(("9.2", [wrong, loss, batch]) for wrong in (scales_in_place, attention_detached)),
    ("9.2", [attended, loss_with_attention_detached, batch]),
    *(("9.2", [attended, loss, wrong]) for wrong in (sounds_detached, one_temperature)),
    *(("9.3", [wrong]) for wrong in (by_torchmetrics, by_a_metric, in_float64, without_gradient)),
    ("9.4", [best_order, pit_by_torchmetrics]),
    ("9.4", [items, pit_loss]),
    ("9.4", [lambda scores: tuple(x.tolist() for x in best_order(scores)), pit_loss]),
    ("9.5", [lambda S: mask(S).double()]),
    ("9.5", [lambda S: mask(S.abs() + 0j) if S.ndim == 3 else mask(S).squeeze()]),
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
    ("9.3", [sdr_with(project=False)]),
    ("9.3", [sdr_with(eps=1e-8)]),
    ("9.3", [sdr_with(power=20)]),
    ("9.3", [sdr_with(centre=True)]),
    ("9.3", [sdr_with(turned=True)]),
    ("9.3", [sdr_with(flat=True)]),
    ("9.3", [sdr_with(log=torch.log)]),
    ("9.3", [sdr_with(refuses=False, eps=1e-8)]),
    *(("9.3", [wrong]) for wrong in (volume_only, averaged, nan_for_silence, any_silence_goes)),
    *(
        ("9.4", [wrong, pit_loss])
        for wrong in (transposed, inverse, straight, greedy, one_after_the_other, rings_only, summed, smallest)
    ),
    ("9.4", [one_order_for_all, pit_loss]),
    ("9.4", [two_only, pit_loss]),
    ("9.4", [best_order, pit_with(sign=1)]),
    ("9.4", [best_order, pit_with(mean=False)]),
    ("9.4", [best_order, pit_with(over="mean of orders")]),
    ("9.4", [best_order, pit_with(over="worst")]),
    ("9.4", [best_order, pit_with(over="batch")]),
    ("9.4", [best_order, pit_with(gradient=False)]),
    ("9.4", [best_order, exchanged]),
    ("9.4", [best_order, own_score]),
    ("9.5", [mask_with(power=2, eps=1e-20)]),
    ("9.5", [mask_with()]),
    ("9.5", [mask_with(dim=0, eps=1e-20)]),
    ("9.5", [mask_with(dim=-1, eps=1e-20)]),
    ("9.5", [mask_with(eps=1e-4)]),
    ("9.5", [mask_with(of=torch.real, eps=1e-20)]),
    *(("9.5", [wrong]) for wrong in (binary, silence_is_zero, complex_shares, softmaxed)),
]


def test_what_the_card_forbids_is_told_with_its_reason(capsys):
    checks.check("9.1", by_a_module, peak)
    checks.check("9.3", by_torchmetrics)
    checks.check("9.3", by_a_metric)
    checks.check("9.4", best_order, pit_by_torchmetrics)
    said = " ".join(capsys.readouterr().out.split())
    assert "cosine_similarity, which this exercise forbids: write out what a cosine is" in said
    assert (
        said.count("scale_invariant_signal_distortion_ratio, which this exercise forbids: write the formula out") == 2
    )
    assert "permutation_invariant_training, which this exercise forbids: try the orders yourself" in said


def test_the_right_answer_is_right_after_a_wrong_one_that_changes_its_input():
    assert checks.check("9.2", scales_in_place, loss, batch) < checks.check("9.2", attended, loss, batch) == 4


def test_an_exact_estimate_without_a_floor_is_told_what_it_got(capsys):
    def without_a_floor(estimate, truth):
        a = (estimate * truth).sum(-1, keepdim=True) / truth.square().sum(-1, keepdim=True)
        return 10 * ((a * truth).square().sum(-1) / (a * truth - estimate).square().sum(-1)).log10()

    checks.check("9.3", without_a_floor)
    assert "60 dB or more, at any volume: it is inf at the volume 1" in " ".join(capsys.readouterr().out.split())


def test_the_network_of_the_last_exercise_is_the_lectures():
    lecture = definitions("09_sound_reasoning.ipynb", also=("setup", "party-voices", "party-mix", "party-picture"))
    torch.manual_seed(0)
    theirs = lecture.Listener(hidden=8).eval()
    ours = right.Separator(bins=lecture.BINS, hidden=8).eval()
    kept = {k: v for k, v in theirs.state_dict().items() if k.split(".")[0] in ("first", "second", "mask")}
    ours.load_state_dict(kept)
    X = lecture.spectrogram(torch.randn(2, 8000))
    assert torch.allclose(ours(X), theirs(X), atol=1e-6)


def test_two_signals_stand_at_the_level_asked_for():
    right.voices = {"allison": torch.randn(900)}
    both = right.beside("allison", 30 * torch.randn(500), -6.0)
    power = both.square().mean(1)
    assert both.shape == (2, 500) and 10 * math.log10(power[1] / power[0]) == pytest.approx(-6, abs=1e-3)
