"""Assignment 09's checks accept the solution and other right answers, and refuse plausible wrong ones."""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F

from helpers import checks
from tests.answers import *  # noqa: F403  right answers are accepted, wrong ones refused
from tests.definitions import definitions

right = definitions("solutions/09_sound_reasoning.ipynb")
attention, peak = right.attention, right.peak
attended, loss, batch = right.attended, right.localisation_loss, right.batch_scores
si_sdr, best_order, pit_loss, mask = right.si_sdr, right.best_order, right.pit_loss, right.ideal_ratio_mask


def other_attention(features, sound, temperature):
    """By torch's cosine similarity, and exponentials (of what is left after the largest)."""
    c = F.cosine_similarity(features, sound[:, :, None, None], dim=1).clamp(min=0)
    e = ((c - c.amax((1, 2), keepdim=True)) / temperature).exp()
    return e / e.sum((1, 2), keepdim=True)


def other_peak(maps):
    return torch.stack([torch.stack(torch.unravel_index(m.argmax(), m.shape)) for m in maps])


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
    cosine = F.cosine_similarity(estimate.double(), truth.double(), dim=-1, eps=1e-300)
    squared = cosine.square().clamp(1e-12, 1 - 1e-12)
    return (10 * (squared / (1 - squared)).log10()).float()


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


def other_mask(S):
    loud = S.abs() + 1e-20
    return loud / loud.sum(-3, keepdim=True)


RIGHT = [
    ("9.1", [attention, peak]),
    ("9.1", [other_attention, other_peak]),
    ("9.2", [attended, loss, batch]),
    ("9.2", [other_attended, other_loss, other_batch]),
    ("9.3", [si_sdr]),
    ("9.3", [other_si_sdr]),
    ("9.4", [best_order, pit_loss]),
    ("9.4", [other_best_order, other_pit_loss]),
    ("9.5", [mask]),
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
    c = F.cosine_similarity(features, sound[:, :, None, None], dim=1) / temperature
    return c.flatten(1).softmax(1).view_as(c).relu()


def without_guard(features, sound, temperature):
    features = features / features.norm(dim=1, keepdim=True)
    return attention_with(unit=False)(features, sound / sound.norm(dim=1, keepdim=True), temperature)


def overflows(features, sound, temperature):
    e = (F.cosine_similarity(features, sound[:, :, None, None], dim=1).relu() / temperature).exp()
    return e / e.sum((1, 2), keepdim=True)


def no_temperature(features, sound, temperature):
    return attention(features, sound, 1.0)


def squeezed(*arguments):
    return attention(*arguments).squeeze()


def flat(*arguments):
    return attention(*arguments).flatten(1)


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


# 9.3


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
