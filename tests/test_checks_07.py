"""Assignment 07's checks accept the solution and other right answers, and refuse plausible wrong ones."""

import math
import random
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers import checks, metrics
from tests.answers import *  # noqa: F403  right answers are accepted, wrong ones refused
from tests.definitions import definitions

right = definitions("solutions/07_sound_matching.ipynb")
blind, auc, luck = right.blind_list, right.group_auc, right.permutation_p
distil, step = right.distillation_loss, right.student_step
search, recall = right.retrieval_loss, right.recall
split, standardise, probe = right.split_by_group, right.standardise, right.probe_accuracy


# ------------------------------------------------------------------------------------------- right, written differently
def other_blind(truth, k):
    """With sets of recordings; of equals the last class."""
    hit_by = [{i for i, hit in enumerate(column) if hit} for column in truth.T.tolist()]
    covered, chosen = set(), []
    while len(chosen) < k:
        free = [c for c in range(len(hit_by)) if c not in chosen]
        best = max(reversed(free), key=lambda c: len(hit_by[c] - covered))  # noqa: B023
        chosen.append(best)
        covered |= hit_by[best]
    return chosen


def numpy_blind(truth, k):
    table, chosen = truth.numpy().copy(), []
    for _ in range(k):
        gain = np.where(np.isin(np.arange(table.shape[1]), chosen), -1, table.sum(0))
        chosen.append(int(gain.argmax()))
        table = table * ~table[:, chosen[-1]][:, None]
    return chosen


def sklearn_auc(scores, belongs, groups):
    values = []
    for g in set(groups.tolist()):
        rows = groups == g
        if 0 < belongs[rows].sum() < rows.sum():
            values.append(roc_auc_score(belongs[rows], scores[rows]))
    if not values:
        raise ValueError("no group")
    return float(sum(values) / len(values))


def ranks_auc(scores, belongs, groups):
    """By the sum of ranks (Mann and Whitney)."""
    found = []
    for g in np.unique(groups.numpy()):
        rows = groups.numpy() == g
        truth, ranks = belongs.numpy()[rows], rankdata(scores.numpy()[rows])
        m, n = truth.sum(), (~truth).sum()
        if m and n:
            found.append((ranks[truth].sum() - m * (m + 1) / 2) / (m * n))
    if len(found) == 0:
        raise ValueError("one kind only")
    return float(np.mean(found))


def other_luck(scores, belongs, groups, shuffles, seed):
    """The scores are shuffled instead, by NumPy."""
    generator, true, count = np.random.default_rng(seed), sklearn_auc(scores, belongs, groups), 0
    for _ in range(shuffles):
        mixed = scores.numpy().copy()
        for g in groups.unique().tolist():
            rows = np.flatnonzero(groups.numpy() == g)
            mixed[rows] = mixed[generator.permutation(rows)]
        count += ranks_auc(torch.from_numpy(mixed), belongs, groups) >= true - 1e-9
    return float((count + 1) / (shuffles + 1))


def sorted_luck(scores, belongs, groups, shuffles, seed):
    """One random number a row, sorted within the groups, gives the order."""
    generator, results = torch.Generator().manual_seed(seed + 17), [auc(scores, belongs, groups)]
    place = groups.argsort(stable=True)
    for _ in range(shuffles):
        noise = torch.rand(len(groups), generator=generator, dtype=torch.float64)
        order = torch.from_numpy(np.lexsort((noise.numpy(), groups.numpy())))
        mixed = torch.empty_like(belongs)
        mixed[place] = belongs[order]
        results.append(auc(scores, mixed, groups))
    return sum(value >= results[0] for value in results) / len(results)


def other_distil(teacher_logits, student_logits, temperature):
    if not temperature > 0:
        raise ValueError("temperature above 0")
    p = F.softmax(teacher_logits.detach().double() / temperature, dim=-1)
    cross = -(p * F.log_softmax(student_logits.double() / temperature, dim=-1)).sum(-1)
    return ((cross + torch.xlogy(p, p).sum(-1)).mean() * temperature**2).to(student_logits.dtype)


def loop_distil(teacher_logits, student_logits, temperature):
    """By loops over rows and classes, with logsumexp."""
    if temperature <= 0:
        raise ValueError("temperature above 0")
    total = torch.zeros((), dtype=student_logits.dtype)
    with torch.no_grad():
        teacher = teacher_logits / temperature
        teacher = teacher - teacher.logsumexp(1, keepdim=True)
    for log_p, row in zip(teacher, student_logits, strict=True):
        row = row / temperature
        for k in range(len(row)):
            total = total + log_p[k].exp() * (log_p[k] - row[k] + row.logsumexp(0))
    return total / len(teacher) * temperature * temperature


def entropies(teacher_logits, student_logits, temperature):
    """Cross-entropy minus entropy, by torch's functions."""
    if temperature <= 0:
        raise ValueError("temperature above 0")
    p = (teacher_logits.detach() / temperature).softmax(1)
    entropy = torch.distributions.Categorical(logits=teacher_logits.detach() / temperature).entropy().mean()
    return (F.cross_entropy(student_logits / temperature, p) - entropy) * temperature**2


def other_step(student, optimizer, sounds, teacher, pictures, temperature):
    for p in student.parameters():
        p.grad = None
    with torch.inference_mode():
        z = teacher.train(False)(pictures)
    loss = other_distil(z.clone(), student.train(True)(sounds), temperature)
    loss.backward()
    optimizer.step()
    return float(loss.detach())


def step_with_gradients(student, optimizer, sounds, teacher, pictures, temperature):
    """The gradients come from autograd.grad; the teacher's mode is put back."""
    before = teacher.training
    opinion = teacher.eval()(pictures).detach()
    teacher.train(before)
    loss = loop_distil(opinion, student.train()(sounds), temperature)
    weights = list(student.parameters())
    for weight, gradient in zip(weights, torch.autograd.grad(loss, weights), strict=True):
        weight.grad = gradient
    optimizer.step()
    return loss.tolist()


def second_step(student, optimizer, sounds, teacher, pictures, temperature):
    """The teacher looks last; the gradients are cleared afterwards, too."""
    student.zero_grad(set_to_none=False)
    said = student.train()(sounds)
    teacher.eval()
    with torch.set_grad_enabled(False):
        opinion = teacher(pictures)
    loss = entropies(opinion, said, temperature)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


def other_search(sounds, pictures, temperature):
    S, P = (x / x.norm(dim=1, keepdim=True) for x in (sounds, pictures))
    logits = torch.einsum("id,jd->ij", S, P) / temperature
    return -(logits.log_softmax(1).diag() + logits.log_softmax(0).diag()).mean() / 2


def loop_search(sounds, pictures, temperature):
    """A pair at a time, in float64."""
    total = 0
    for i in range(len(sounds)):
        for row, others in ((sounds[i], pictures), (pictures[i], sounds)):
            row, others = row.double(), others.double()
            scores = F.cosine_similarity(row[None], others, dim=1) / temperature
            total = total + torch.logsumexp(scores, 0) - scores[i]
    return (total / (2 * len(sounds))).to(sounds.dtype)


def other_recall(scores, relevant, k):
    if k < 1:
        raise ValueError("k")
    shares = []
    for row, wanted in zip(scores.tolist(), relevant.tolist(), strict=True):
        best = sorted(range(len(row)), key=lambda i: -row[i])[:k]  # noqa: B023
        if any(wanted):
            shares.append(sum(wanted[i] for i in best) / sum(wanted))
    if not shares:
        raise ValueError("no query")
    return sum(shares) / len(shares)


def ranked_recall(scores, relevant, k):
    """By the place of each item."""
    kept = relevant[relevant.sum(1) > 0]
    if k <= 0 or len(kept) == 0:
        raise ValueError("nothing to find")
    place = scores[relevant.sum(1) > 0].argsort(1, descending=True).argsort(1)
    return float(((place < k) & kept).sum(1).div(kept.sum(1)).mean())


def other_split(groups, share, seed):
    found = sorted(set(groups.tolist()))
    if len(found) == 1:
        raise ValueError("one group")
    count = int(np.clip(round(len(found) * share), 1, len(found) - 1))
    _, held = train_test_split(found, test_size=count, random_state=seed)
    test = torch.tensor([g in set(held) for g in groups.tolist()])
    return test.logical_not(), test


def other_standardise(train, test):
    mean, variance = train.mean(0, keepdim=True), train.var(0, keepdim=True)
    gain = torch.where(variance > 1e-16, variance.clamp(min=1e-16).rsqrt(), torch.zeros_like(variance))
    return (train - mean) * gain, (test - mean) * gain


def other_probe(train, train_labels, test, test_labels):
    a, b = other_standardise(train, test)
    said = LogisticRegression(max_iter=1000).fit(a, train_labels).predict(b)
    return float(np.mean(said == test_labels.numpy()))


def loop_split(groups, share, seed):
    """A sample at a time; Python's own generator draws."""
    found = sorted({int(g) for g in groups})
    if len(found) < 2:
        raise ValueError("one group")
    held = random.Random(seed).sample(found, max(1, min(len(found) - 1, round(share * len(found)))))
    train = torch.tensor([int(g) not in held for g in groups])
    return [train, ~train]


def loop_standardise(train, test):
    """A column at a time, by sums."""
    a, b = torch.zeros_like(train), torch.zeros_like(test)
    for i in range(train.shape[1]):
        column = train[:, i]
        mean = column.sum() / len(column)
        deviation = ((column - mean).square().sum() / (len(column) - 1)).sqrt()
        if deviation > 1e-9:
            a[:, i], b[:, i] = (column - mean) / deviation, (test[:, i] - mean) / deviation
    return a, b


def pipeline_probe(train, train_labels, test, test_labels):
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return model.fit(train, train_labels).score(test, test_labels)


RIGHT = [
    ("7.1", [blind, auc, luck]),
    ("7.1", [other_blind, sklearn_auc, other_luck]),
    ("7.1", [numpy_blind, ranks_auc, sorted_luck]),
    ("7.1", [numpy_blind, sklearn_auc, luck]),
    ("7.2", [step]),
    ("7.2", [other_step]),
    ("7.2", [step_with_gradients]),
    ("7.2", [second_step]),
    ("7.3", [search, recall]),
    ("7.3", [other_search, other_recall]),
    ("7.3", [loop_search, ranked_recall]),
    ("7.3", [other_search, ranked_recall]),
    ("7.4", [split, standardise, probe]),
    ("7.4", [other_split, other_standardise, other_probe]),
    ("7.4", [loop_split, loop_standardise, pipeline_probe]),
    ("7.4", [split, other_standardise, pipeline_probe]),
]

EQUIVALENT = {
    ("7.4", "split_by_group: squeezed"): "two groups are two samples at least, so no mask has one value",
    ("7.4", "standardise: cut *"): "features of a probe are frozen; the card asks for no gradient",
    ("7.4", "standardise: detached"): "the same",
}


# ---------------------------------------------------------------------------------------------------------------- wrong
def blind_by(rule):
    def wrong(truth, k):
        left, chosen = truth.clone(), []
        for _ in range(k):
            hits = left.sum(0)
            if rule != "twice":
                hits[chosen] = -1
            best = int(hits.argmin() if rule == "least" else hits.argmax())
            chosen.append(best)
            if rule == "no strike":
                continue
            if rule == "strikes the class":
                left[:, best] = False
            else:
                left &= ~truth[:, [best]]
        return chosen

    return wrong


def auc_like(ties=0.5, over="groups", within=True, refuses=True, turned=False, number=True):
    def wrong(scores, belongs, groups):
        auc(scores, belongs, groups) if refuses else None
        kinds = groups if within else torch.zeros_like(groups)
        shares, pairs = [], []
        for g in kinds.unique():
            inside, outside = scores[(kinds == g) & belongs], scores[(kinds == g) & ~belongs]
            if len(inside) and len(outside):
                gap = (inside[:, None] - outside) * (-1 if turned else 1)
                shares.append(((gap > 0).double() + ties * (gap == 0)).mean())
                pairs.append(gap.numel())
        if not shares:
            return 0.5
        weights = torch.tensor(pairs).double() if over == "pairs" else torch.ones(len(pairs)).double()
        value = (torch.stack(shares) * weights).sum() / weights.sum()
        return value.item() if number else value

    return wrong


def luck_like(within=True, counts=True, strict=False, turned=False, global_state=False, seeded=True, more=0):
    def wrong(scores, belongs, groups, shuffles, seed):
        true, count = auc(scores, belongs, groups), int(counts)
        if global_state:
            torch.manual_seed(seed)
        generator = None if global_state else torch.Generator().manual_seed(seed if seeded else 0)
        kinds = groups if within else torch.zeros_like(groups)
        for _ in range(shuffles):
            mixed = belongs.clone()
            for g in kinds.unique():
                rows = (kinds == g).nonzero()[:, 0]
                mixed[rows] = belongs[rows[torch.randperm(len(rows), generator=generator)]]
            value = auc(scores, mixed, groups)
            count += value < true if turned else value > true if strict else value >= true
        return count / (shuffles + int(counts) + more)

    return wrong


def distil_like(turned=False, squared=True, heated=True, over="mean", cut=True, safe=True, refuses=True, entropy=True):
    def wrong(teacher_logits, student_logits, temperature):
        teacher, student, T = teacher_logits, student_logits, temperature
        if T <= 0 and refuses:
            raise ValueError("no")
        teacher = teacher.detach() if cut else teacher
        hot = T if heated else 1.0
        if safe:
            log_p, log_q = (teacher / hot).log_softmax(1), (student / hot).log_softmax(1)
        else:
            log_p, log_q = ((x / hot).exp() / (x / hot).exp().sum(1, keepdim=True) for x in (teacher, student))
            log_p, log_q = log_p.log(), log_q.log()
        if turned:
            log_p, log_q = log_q, log_p
        terms = log_p.exp() * (log_p - log_q if entropy else -log_q)
        loss = {"mean": terms.sum(1).mean(), "sum": terms.sum(), "all": terms.mean()}[over]
        return loss * (T**2 if squared else 1)

    return wrong


def step_like(clears=True, judges=True, learns=True, teaches=False, mean=True, moves=True, number=True, noise=True):
    def wrong(student, optimizer, sounds, teacher, pictures, temperature):
        T = temperature
        if learns:
            student.train()
        if judges:
            teacher.eval()
        if teaches:
            opinion = teacher(pictures)
            loss = distil_like(cut=False)(opinion, student(sounds), T)
        else:
            with torch.no_grad():
                opinion = teacher(pictures)
            loss = distil(opinion, student(sounds), T if noise else 1.0)
        if clears:
            optimizer.zero_grad()
        loss.backward()
        if moves:
            optimizer.step()
        return loss.item() if number else loss

    return wrong


def hard_labels(student, optimizer, sounds, teacher, pictures, temperature):
    """The teacher's first choice instead of its opinion."""
    student.train()
    loss = F.cross_entropy(student(sounds), teacher.eval()(pictures).argmax(1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def own_descent(student, optimizer, sounds, teacher, pictures, temperature):
    """The optimizer is never asked."""
    value = step_like(moves=False)(student, optimizer, sounds, teacher, pictures, temperature)
    with torch.no_grad():
        for p in student.parameters():
            p -= 0.1 * p.grad
    return value


def new_optimizer(student, optimizer, sounds, teacher, pictures, temperature):
    """One of the same kind, which remembers nothing."""
    rate = optimizer.param_groups[0]["lr"]
    return step(student, type(optimizer)(student.parameters(), lr=rate), sounds, teacher, pictures, temperature)


def closes_autograd(student, optimizer, sounds, teacher, pictures, temperature):
    value = step(student, optimizer, sounds, teacher, pictures, temperature)
    torch.set_grad_enabled(False)
    return value


def student_teaches_too(student, optimizer, sounds, teacher, pictures, temperature):
    value = step(student, optimizer, sounds, teacher, pictures, temperature)
    with torch.no_grad():
        for p in teacher.parameters():
            p.add_(1e-3)
    return value


def shuffled_pairs(student, optimizer, sounds, teacher, pictures, temperature):
    return step(student, optimizer, sounds, teacher, pictures.roll(1, 0), temperature)


def clears_too_late(student, optimizer, sounds, teacher, pictures, temperature):
    student.train()
    teacher.eval()
    with torch.no_grad():
        opinion = teacher(pictures)
    loss = distil(opinion, student(sounds), temperature)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss.item()


def search_like(unit=True, both=True, times=False, total=False, half=True):
    def wrong(sounds, pictures, temperature):
        T = temperature
        S, P = (F.normalize(x, dim=1) if unit else x for x in (sounds, pictures))
        logits = S @ P.T * T if times else S @ P.T / T
        own, how = torch.arange(len(S)), "sum" if total else "mean"
        loss = F.cross_entropy(logits, own, reduction=how)
        if both:
            loss = loss + F.cross_entropy(logits.T, own, reduction=how)
        return loss / 2 if half and both else loss

    return wrong


def unsafe_search(sounds, pictures, temperature):
    e = (F.normalize(sounds, dim=1) @ F.normalize(pictures, dim=1).temperature / temperature).exp()
    return -((e.diag() / e.sum(1)).log() + (e.diag() / e.sum(0)).log()).mean() / 2


def half_detached(sounds, pictures, temperature):
    return search(sounds, pictures.detach(), temperature)


def lengths_detached(sounds, pictures, temperature):
    """The value is right; the gradient is not that of a cosine."""
    S, P = (x / x.norm(dim=1, keepdim=True).detach() for x in (sounds, pictures))
    own = torch.arange(len(S))
    return sum(F.cross_entropy(x, own) for x in (S @ P.T / temperature, P @ S.T / temperature)) / 2


def scales_its_input(sounds, pictures, temperature):
    for x in (sounds, pictures):
        x.data.div_(x.data.norm(dim=1, keepdim=True))
    return search(sounds, pictures, temperature)


def over_all_items(scores, relevant, k):
    """What was found over all queries, divided by all that is relevant."""
    recall(scores, relevant, k)
    best = scores.topk(min(k, scores.shape[1]), 1).indices
    return (relevant.gather(1, best).sum() / relevant.sum()).item()


def the_courses_own(scores, relevant, k):
    return metrics.recall_at_k(scores, relevant, k)


def recall_like(divide="relevant", over="those that have", lowest=False, refuses=True):
    def wrong(scores, relevant, k):
        if refuses:
            recall(scores, relevant, k)
        k = max(k, 1)
        best = scores.topk(min(k, scores.shape[1]), 1, largest=not lowest).indices
        found = relevant.gather(1, best).sum(1)
        if divide == "any":
            share = (found > 0).float()
        else:
            share = found / (k if divide == "k" else relevant.sum(1).clamp(min=1))
        kept = share[relevant.any(1)] if over == "those that have" else share
        return kept.mean().item() if len(kept) else 0.0

    return wrong


def split_samples(groups, share, seed):
    split(groups, share, seed)
    test = torch.rand(len(groups), generator=torch.Generator().manual_seed(seed)) < share
    return ~test, test


def split_first(groups, share, seed):
    found = groups.unique()
    split(groups, share, seed)
    test = torch.isin(groups, found[: min(max(round(share * len(found)), 1), len(found) - 1)])
    return ~test, test


def split_seeds_all(groups, share, seed):
    split(groups, share, seed)
    torch.manual_seed(seed)
    found = groups.unique()[torch.randperm(len(groups.unique()))]
    test = torch.isin(groups, found[: min(max(round(share * len(found)), 1), len(found) - 1)])
    return ~test, test


def split_by_samples_share(groups, share, seed):
    """Groups until the share of samples is reached."""
    split(groups, share, seed)
    found = groups.unique()
    test = torch.zeros_like(groups, dtype=torch.bool)
    for g in found[torch.randperm(len(found), generator=torch.Generator().manual_seed(seed))]:
        if test.sum() < share * len(groups) and not (test | (groups == g)).all():
            test |= groups == g
    return ~test, test


def split_empty(groups, share, seed):
    found = groups.unique()
    if len(found) < 2:
        raise ValueError("one group")
    order = found[torch.randperm(len(found), generator=torch.Generator().manual_seed(seed))]
    test = torch.isin(groups, order[: round(share * len(found))])
    return ~test, test


def split_never_refuses(groups, share, seed):
    return split(groups, share, seed) if len(groups.unique()) > 1 else (groups == groups, groups != groups)


def split_floor(groups, share, seed):
    """Rounded down."""
    different = len(groups.unique())
    return split(groups, math.floor(share * different) / different, seed)


def split_keeps_the_first(groups, share, seed):
    """The first group is never in the test."""
    found = groups.unique()
    test = split(groups, share, seed)[1]
    count = len(groups[test].unique())
    order = found[1:][torch.randperm(len(found) - 1, generator=torch.Generator().manual_seed(seed))]
    test = torch.isin(groups, order[:count])
    return ~test, test


def split_one_seed(groups, share, seed):
    return split(groups, share, 0)


def split_turned(groups, share, seed):
    return split(groups, share, seed)[::-1]


def by_everything(train, test):
    both = torch.cat([train, test])
    deviation = both.std(0)
    return tuple((x - both.mean(0)) / deviation.clamp(min=1e-8) for x in (train, test))


def each_by_itself(train, test):
    return tuple((x - x.mean(0)) / x.std(0).clamp(min=1e-8) for x in (train, test))


def divides_by_nothing(train, test):
    return tuple((x - train.mean(0)) / train.std(0) for x in (train, test))


def tiny_deviation(train, test):
    """A column that does not vary is blown up in the test."""
    return tuple((x - train.mean(0)) / train.std(0).clamp(min=1e-8) for x in (train, test))


def in_place(train, test):
    mean, deviation = train.mean(0), train.std(0)
    zero = deviation <= 1e-8
    for x in (test, train):
        x.sub_(mean).div_(deviation.masked_fill(zero, 1))
        x[:, zero] = 0
    return train, test


def by_variance(train, test):
    a, b = standardise(train, test)
    deviation = train.std(0).clamp(min=1e-8)
    return a / deviation, b / deviation


def never_standardises(train, train_labels, test, test_labels):
    return float(LogisticRegression(max_iter=1000).fit(train, train_labels).score(test, test_labels))


def probe_like(scales):
    def wrong(train, train_labels, test, test_labels):
        a, b = scales(train, test)
        return float(LogisticRegression(max_iter=1000).fit(a, train_labels).score(b, test_labels))

    return wrong


def only_centres(train, test):
    return train - train.mean(0), test - train.mean(0)


def one_scale_for_all(train, test):
    return tuple((x - train.mean()) / train.std() for x in (train, test))


def fits_the_test(train, train_labels, test, test_labels):
    a, b = standardise(train, test)
    both, all_labels = torch.cat([a, b]), torch.cat([train_labels, test_labels])
    return float(LogisticRegression(max_iter=1000).fit(both, all_labels).score(b, test_labels))


def scores_the_training(train, train_labels, test, test_labels):
    a, _ = standardise(train, test)
    return float(LogisticRegression(max_iter=1000).fit(a, train_labels).score(a, train_labels))


def standardises_by_the_test(train, train_labels, test, test_labels):
    a, b = each_by_itself(train, test)
    return float(LogisticRegression(max_iter=1000).fit(a, train_labels).score(b, test_labels))


def scales_of_the_test(train, train_labels, test, test_labels):
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(test, test_labels)
    return float(model.score(train, train_labels))


WRONG = [
    *[("7.1", [blind_by(rule), auc, luck]) for rule in ("twice", "least", "no strike", "strikes the class")],
    ("7.1", [lambda truth, k: torch.tensor(blind(truth, k)), auc, luck]),
    ("7.1", [lambda truth, k: blind(truth, k)[: max(1, k - 1)], auc, luck]),
    ("7.1", [blind, auc_like(ties=0.0), luck]),
    ("7.1", [blind, auc_like(ties=1.0), luck]),
    ("7.1", [blind, auc_like(over="pairs"), luck]),
    ("7.1", [blind, auc_like(within=False), luck]),
    ("7.1", [blind, auc_like(refuses=False), luck]),
    ("7.1", [blind, auc_like(turned=True), luck]),
    ("7.1", [blind, auc_like(number=False), luck]),
    ("7.1", [blind, auc, luck_like(within=False)]),
    ("7.1", [blind, auc, luck_like(counts=False)]),
    ("7.1", [blind, auc, luck_like(strict=True)]),
    ("7.1", [blind, auc, luck_like(turned=True)]),
    ("7.1", [blind, auc, luck_like(global_state=True)]),
    ("7.1", [blind, auc, luck_like(seeded=False)]),
    ("7.1", [blind, auc, luck_like(more=1)]),
    ("7.2", [own_descent]),
    ("7.2", [new_optimizer]),
    ("7.2", [closes_autograd]),
    ("7.2", [step_like(clears=False)]),
    ("7.2", [step_like(judges=False)]),
    ("7.2", [step_like(learns=False)]),
    ("7.2", [step_like(teaches=True)]),
    ("7.2", [step_like(moves=False)]),
    ("7.2", [step_like(number=False)]),
    ("7.2", [step_like(noise=False)]),
    ("7.2", [hard_labels]),
    ("7.2", [student_teaches_too]),
    ("7.2", [shuffled_pairs]),
    ("7.2", [clears_too_late]),
    ("7.3", [search_like(unit=False), recall]),
    ("7.3", [search_like(both=False), recall]),
    ("7.3", [search_like(times=True), recall]),
    ("7.3", [search_like(total=True), recall]),
    ("7.3", [search_like(half=False), recall]),
    ("7.3", [unsafe_search, recall]),
    ("7.3", [half_detached, recall]),
    ("7.3", [lengths_detached, recall]),
    ("7.3", [scales_its_input, recall]),
    ("7.3", [lambda *x, **named: search(*x, **named).detach(), recall]),
    ("7.3", [search, over_all_items]),
    ("7.3", [search, the_courses_own]),
    ("7.3", [search, lambda *x, **named: torch.tensor(recall(*x, **named))]),
    ("7.3", [search, recall_like(divide="k")]),
    ("7.3", [search, recall_like(divide="any")]),
    ("7.3", [search, recall_like(over="all")]),
    ("7.3", [search, recall_like(lowest=True)]),
    ("7.3", [search, recall_like(refuses=False)]),
    ("7.4", [split_samples, standardise, probe]),
    ("7.4", [split_first, standardise, probe]),
    ("7.4", [split_seeds_all, standardise, probe]),
    ("7.4", [split_by_samples_share, standardise, probe]),
    ("7.4", [split_empty, standardise, probe]),
    ("7.4", [split_never_refuses, standardise, probe]),
    ("7.4", [split_turned, standardise, probe]),
    ("7.4", [split_floor, standardise, probe]),
    ("7.4", [split_keeps_the_first, standardise, probe]),
    ("7.4", [split_one_seed, standardise, probe]),
    ("7.4", [lambda *x, **named: [mask.tolist() for mask in split(*x, **named)], standardise, probe]),
    ("7.4", [split, by_everything, probe]),
    ("7.4", [split, each_by_itself, probe]),
    ("7.4", [split, divides_by_nothing, probe]),
    ("7.4", [split, tiny_deviation, probe]),
    ("7.4", [split, in_place, probe]),
    ("7.4", [split, by_variance, probe]),
    ("7.4", [split, standardise, never_standardises]),
    ("7.4", [split, standardise, probe_like(only_centres)]),
    ("7.4", [split, standardise, probe_like(one_scale_for_all)]),
    ("7.4", [split, standardise, probe_like(by_everything)]),
    ("7.4", [split, standardise, fits_the_test]),
    ("7.4", [split, standardise, scores_the_training]),
    ("7.4", [split, standardise, standardises_by_the_test]),
    ("7.4", [split, standardise, scales_of_the_test]),
]


@pytest.mark.parametrize(
    ("number", "functions"),
    [
        ("7.1", [blind_by("right"), auc_like(), luck_like()]),
        ("7.2", [step_like()]),
        ("7.3", [search_like(), recall_like()]),
        ("7.4", [split, standardise, probe_like(standardise)]),
    ],
)
def test_what_the_wrong_answers_are_made_from_is_right(number, functions):
    """So that each is refused for its own fault alone."""
    assert checks.check(number, *functions) == checks.find(number).points


@pytest.mark.parametrize(
    ("fault", "crosses"),
    [
        ("judges", ["the teacher is made to judge"]),
        ("learns", ["the teacher is made to judge"]),
        ("clears", ["gradients left from before", "many steps"]),
    ],
)
def test_a_step_with_one_fault_fails_where_that_fault_is_named(fault, crosses, capsys):
    checks.check("7.2", step_like(**{fault: False}))
    said = [line[2:] for line in capsys.readouterr().out.splitlines() if line.startswith("✘")]
    assert len(said) == len(crosses) and all(map(str.startswith, said, crosses))


@pytest.mark.parametrize(("number", "functions"), [("7.3", [search, the_courses_own])])
def test_what_a_card_forbids_is_named_with_its_reason(number, functions, capsys):
    checks.check(number, *functions)
    assert re.search(r"which this exercise\s+forbids:\s+\w", capsys.readouterr().out)


def test_the_marks_add_up():
    exercises = checks.module_of("7.1").EXERCISES
    assert list(exercises) == [f"7.{i}" for i in range(1, 5)]
    assert sum(exercise.points for exercise in exercises.values()) == 18
