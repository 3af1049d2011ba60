"""Assignment 10's checks accept the solution and other right answers, and refuse plausible wrong ones."""

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

right = definitions("solutions/10_cocktail_party.ipynb")
si_sdr, best_order, pit_loss, mask = right.si_sdr, right.best_order, right.pit_loss, right.ideal_ratio_mask


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
    ("10.1", [si_sdr]),
    ("10.1", [other_si_sdr]),
    ("10.1", [si_sdr_by_rows]),
    ("10.1", [si_sdr_by_einsum]),
    ("10.2", [best_order, pit_loss]),
    ("10.2", [order_by_scipy, pit_by_scipy]),
    ("10.2", [order_by_growing, pit_by_rows]),
    ("10.2", [other_best_order, other_pit_loss]),
    ("10.3", [mask]),
    ("10.3", [mask_by_loop]),
    ("10.3", [mask_by_parts]),
    ("10.3", [other_mask]),
]


# 10.1


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


# 10.2


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


# 10.3


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
    *(("10.1", [wrong]) for wrong in (by_torchmetrics, by_a_metric, in_float64, without_gradient)),
    ("10.2", [best_order, pit_by_torchmetrics]),
    ("10.2", [items, pit_loss]),
    ("10.2", [lambda scores: tuple(x.tolist() for x in best_order(scores)), pit_loss]),
    ("10.3", [lambda S: mask(S).double()]),
    ("10.3", [lambda S: mask(S.abs() + 0j) if S.ndim == 3 else mask(S).squeeze()]),
    ("10.1", [sdr_with(project=False)]),
    ("10.1", [sdr_with(eps=1e-8)]),
    ("10.1", [sdr_with(power=20)]),
    ("10.1", [sdr_with(centre=True)]),
    ("10.1", [sdr_with(turned=True)]),
    ("10.1", [sdr_with(flat=True)]),
    ("10.1", [sdr_with(log=torch.log)]),
    ("10.1", [sdr_with(refuses=False, eps=1e-8)]),
    *(("10.1", [wrong]) for wrong in (volume_only, averaged, nan_for_silence, any_silence_goes)),
    *(
        ("10.2", [wrong, pit_loss])
        for wrong in (transposed, inverse, straight, greedy, one_after_the_other, rings_only, summed, smallest)
    ),
    ("10.2", [one_order_for_all, pit_loss]),
    ("10.2", [two_only, pit_loss]),
    ("10.2", [best_order, pit_with(sign=1)]),
    ("10.2", [best_order, pit_with(mean=False)]),
    ("10.2", [best_order, pit_with(over="mean of orders")]),
    ("10.2", [best_order, pit_with(over="worst")]),
    ("10.2", [best_order, pit_with(over="batch")]),
    ("10.2", [best_order, pit_with(gradient=False)]),
    ("10.2", [best_order, exchanged]),
    ("10.2", [best_order, own_score]),
    ("10.3", [mask_with(power=2, eps=1e-20)]),
    ("10.3", [mask_with()]),
    ("10.3", [mask_with(dim=0, eps=1e-20)]),
    ("10.3", [mask_with(dim=-1, eps=1e-20)]),
    ("10.3", [mask_with(eps=1e-4)]),
    ("10.3", [mask_with(of=torch.real, eps=1e-20)]),
    *(("10.3", [wrong]) for wrong in (binary, silence_is_zero, complex_shares, softmaxed)),
]


def test_what_the_card_forbids_is_told_with_its_reason(capsys):
    checks.check("10.1", by_torchmetrics)
    checks.check("10.1", by_a_metric)
    checks.check("10.2", best_order, pit_by_torchmetrics)
    said = " ".join(capsys.readouterr().out.split())
    assert (
        said.count("scale_invariant_signal_distortion_ratio, which this exercise forbids: write the formula out") == 2
    )
    assert "permutation_invariant_training, which this exercise forbids: try the orders yourself" in said


def test_an_exact_estimate_without_a_floor_is_told_what_it_got(capsys):
    def without_a_floor(estimate, truth):
        a = (estimate * truth).sum(-1, keepdim=True) / truth.square().sum(-1, keepdim=True)
        return 10 * ((a * truth).square().sum(-1) / (a * truth - estimate).square().sum(-1)).log10()

    checks.check("10.1", without_a_floor)
    assert "60 dB or more, at any volume: it is inf at the volume 1" in " ".join(capsys.readouterr().out.split())


def test_the_network_of_the_last_exercise_is_the_lectures():
    lecture = definitions("10_cocktail_party.ipynb", also=("setup", "party-voices", "party-mix", "party-picture"))
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
