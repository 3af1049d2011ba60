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
si_sdr, best_order, pit_loss, mask = right.si_sdr, right.best_order, right.pit_loss, right.phase_sensitive_mask
cue_gains, right_and_wrong, mixing = right.cue_gains, right.right_and_wrong, right.mix_and_separate_loss


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


def mask_by_division(S):
    X = S.sum(-3, keepdim=True)
    silent = X == 0
    return (S / torch.where(silent, 1, X)).real.where(~silent, torch.zeros_like(S.real)).clamp(0, 1)


def mask_by_angle(S):
    """|S| / |X| cos(phi), as the lecture writes it, in double precision."""
    X = S.to(torch.complex128).sum(-3, keepdim=True)
    ratio = S.abs().double() / X.abs() * torch.cos(S.angle().double() - X.angle())
    return ratio.nan_to_num(0, 0, 0).where(X.abs() > 0, 0).clamp(0, 1).to(S.real.dtype)


def mask_by_loop(S):
    voices = S.unbind(-3)
    X = sum(voices)
    power = X.abs() ** 2
    masks = [(v * X.conj()).real / torch.where(power > 0, power, torch.inf) for v in voices]
    return torch.stack([m.minimum(torch.ones_like(m)).relu() for m in masks], dim=-3)


def cue_gains_by_loop(separate, mixtures, sources, cues, score):
    n, k, _ = sources.shape
    table = mixtures.new_zeros(n, k, k)
    for asked in range(k):
        answer = separate(mixtures, cues[:, asked])
        for j in range(k):
            table[:, asked, j] = score(answer, sources[:, j]) - score(mixtures, sources[:, j])
    return table


def cue_gains_at_once(separate, mixtures, sources, cues, score):
    """All cues in one batch."""
    n, k, samples = sources.shape
    answers = separate(mixtures.repeat_interleave(k, 0), cues.flatten(0, 1)).view(n, k, 1, samples)
    wide = sources[:, None].expand(n, k, k, samples)
    before = score(mixtures[:, None].expand_as(sources), sources)
    return score(answers.expand_as(wide), wide) - before[:, None]


def means_by_sums(table):
    n, k, _ = table.shape
    right = table.diagonal(dim1=1, dim2=2).sum()
    return right / (n * k), (table.sum() - right) / (n * k * (k - 1))


def means_by_weights(table):
    eye = torch.eye(table.shape[-1], dtype=table.dtype)
    return tuple((table * some).sum() / (some.sum() * len(table)) for some in (eye, 1 - eye))


def mixing_at_once(network, a, b, cue_a, cue_b, score):
    both = torch.cat([a + b, a + b])
    return score(network(both, torch.cat([cue_a, cue_b])), torch.cat([a, b])).mean().neg()


def mixing_by_rows(network, a, b, cue_a, cue_b, score):
    losses = []
    for i in range(a.shape[0]):
        mixture = (a[i] + b[i])[None]
        losses += [score(network(mixture, cue_a[i][None]), a[i][None])[0]]
        losses += [score(network(mixture, cue_b[i][None]), b[i][None])[0]]
    return -torch.stack(losses).mean()


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
    ("10.3", [mask_by_division]),
    ("10.3", [mask_by_angle]),
    ("10.3", [mask_by_loop]),
    ("10.4", [cue_gains, right_and_wrong]),
    ("10.4", [cue_gains_by_loop, means_by_sums]),
    ("10.4", [cue_gains_at_once, means_by_weights]),
    ("10.5", [mixing]),
    ("10.5", [mixing_at_once]),
    ("10.5", [mixing_by_rows]),
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


def projected(S, of=-3, clamp=(0, 1), turned=False, power=2, conj=True):
    X = S.sum(of, keepdim=True)
    along = (S * X.conj() if conj else S * X).real
    size = (S if turned else X).abs() ** power
    return torch.where(X.abs() > 0, along / size.clamp(min=1e-30), 0).clamp(*clamp)


def mask_nan(S):
    return (S / S.sum(-3, keepdim=True)).real.clamp(0, 1)


def ratio_mask(S):
    return S.abs() / S.abs().sum(-3, keepdim=True).clamp(min=1e-30)


def wiener_mask(S):
    return S.abs().square() / S.abs().square().sum(-3, keepdim=True).clamp(min=1e-30)


def without_phase(S):
    """|S| / |X|: right only where both point the same way."""
    X = S.sum(-3, keepdim=True).abs()
    return torch.where(X > 0, S.abs() / X.clamp(min=1e-30), 0).clamp(0, 1)


def equal_in_silence(S):
    return mask(S).where(S.sum(-3, keepdim=True).abs() > 0, 1 / S.shape[-3])


def with_a_floor(S):
    X = S.sum(-3, keepdim=True)
    return ((S * X.conj()).real / (X.abs().square() + 1e-8)).clamp(0, 1)


def made_to_sum_to_one(S):
    masks = mask(S)
    return masks / masks.sum(-3, keepdim=True).clamp(min=1e-30)


# 10.4


def gains_with(rows_are_cues=True, less=True, of_answer=False, one_cue=False, truth_first=False, mean=False):
    def wrong(separate, mixtures, sources, cues, score):
        k = sources.shape[1]
        scored = (lambda e, s: score(s, e)) if truth_first else score
        answers = [separate(mixtures, cues[:, 0 if one_cue else i]) for i in range(k)]
        after = torch.stack([torch.stack([scored(a, sources[:, j]) for j in range(k)], 1) for a in answers], 1)
        before = torch.stack([scored(mixtures, sources[:, j]) for j in range(k)], 1)
        before = before[:, :, None] if of_answer else before[:, None]
        table = after - before if less else after
        table = table if rows_are_cues else table.mT
        return table.mean(0, keepdim=True).expand_as(table) if mean else table

    return wrong


def means_with(turned=False, every=False, summed=False, first=False):
    def wrong(table):
        eye = torch.eye(table.shape[1], dtype=torch.bool).expand_as(table)
        table = table[:1] if first else table
        eye = eye[: len(table)]
        pair = table[eye].mean(), (table if every else table[~eye]).mean()
        pair = tuple(x * eye.sum() for x in pair) if summed else pair
        return pair[::-1] if turned else pair

    return wrong


def other_diagonal(table):
    return table.diagonal(dim1=1, dim2=2).mean(), table.flip(2).diagonal(dim1=1, dim2=2).mean()


def in_numbers(table):
    return tuple(x.item() for x in right_and_wrong(table))


# 10.5


def mixing_with(crossed=False, sign=-1, halves=2, only="ab", target="own", unmixed=False, detached=False, turned=False):
    def wrong(network, a, b, cue_a, cue_b, score):
        total = 0
        for sound, cue, name in ((a, cue_b if crossed else cue_a, "a"), (b, cue_a if crossed else cue_b, "b")):
            if name in only:
                answer = network(sound if unmixed else a + b, cue)
                answer = answer.detach() if detached else answer
                truth = sound if target == "own" else a + b
                total = total + (score(truth, answer) if turned else score(answer, truth))
        return sign * total.mean() / halves

    return wrong


def summed_over_the_batch(network, a, b, cue_a, cue_b, score):
    return mixing(network, a, b, cue_a, cue_b, score) * len(a)


def mean_mixture(network, a, b, cue_a, cue_b, score):
    def halved(mixtures, cues):
        return network(mixtures / 2, cues)

    return mixing(halved, a, b, cue_a, cue_b, score)


def mixing_in_any_order(network, a, b, cue_a, cue_b, score):
    """Permutation-invariant: it forgives a network that ignores its cue."""
    one, other = network(a + b, cue_a), network(a + b, cue_b)
    return -torch.maximum(score(one, a) + score(other, b), score(one, b) + score(other, a)).mean() / 2


WRONG = [
    *(("10.1", [wrong]) for wrong in (by_torchmetrics, by_a_metric, in_float64, without_gradient)),
    ("10.2", [best_order, pit_by_torchmetrics]),
    ("10.2", [items, pit_loss]),
    ("10.2", [lambda scores: tuple(x.tolist() for x in best_order(scores)), pit_loss]),
    ("10.3", [lambda S: mask(S).double()]),
    ("10.3", [lambda S: mask(S).squeeze()]),
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
    ("10.3", [lambda S: projected(S, of=0)]),
    ("10.3", [lambda S: projected(S, clamp=(-1, 1))]),
    ("10.3", [lambda S: projected(S, clamp=(0, None))]),
    ("10.3", [lambda S: projected(S, turned=True)]),
    ("10.3", [lambda S: projected(S, power=1)]),
    ("10.3", [lambda S: projected(S, conj=False)]),
    *(("10.3", [wrong]) for wrong in (mask_nan, ratio_mask, wiener_mask, without_phase, equal_in_silence)),
    *(("10.3", [wrong]) for wrong in (with_a_floor, made_to_sum_to_one)),
    *(
        ("10.4", [gains_with(**how), right_and_wrong])
        for how in (
            {"rows_are_cues": False},
            {"less": False},
            {"of_answer": True},
            {"one_cue": True},
            {"truth_first": True},
            {"mean": True},
        )
    ),
    *(
        ("10.4", [cue_gains, wrong])
        for wrong in (
            means_with(turned=True),
            means_with(every=True),
            means_with(summed=True),
            means_with(first=True),
            other_diagonal,
            in_numbers,
        )
    ),
    *(
        ("10.5", [mixing_with(**how)])
        for how in (
            {"crossed": True},
            {"sign": 1},
            {"halves": 1},
            {"only": "a", "halves": 1},
            {"target": "mixture"},
            {"unmixed": True},
            {"detached": True},
            {"turned": True},
        )
    ),
    *(("10.5", [wrong]) for wrong in (summed_over_the_batch, mean_mixture, mixing_in_any_order)),
]

EQUIVALENT = {
    ("10.4", "right_and_wrong: cut table"): "a table of scores is read, not trained on",
    ("10.4", "right_and_wrong: detached"): "a table of scores is read, not trained on",
}


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
