"""Assignment 07's checks accept the solution and other right answers, and refuse plausible wrong ones."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers import checks
from tests.answers import *  # noqa: F403  right answers are accepted, wrong ones refused
from tests.definitions import definitions

right = definitions("solutions/07_sound_matching.ipynb")
distil, step = right.distillation_loss, right.student_step
search, recall = right.retrieval_loss, right.recall
split, standardise, probe = right.split_by_group, right.standardise, right.probe_accuracy


# ------------------------------------------------------------------------------------------- right, written differently
def other_distil(teacher, student, T):
    if not T > 0:
        raise ValueError("temperature above 0")
    p = F.softmax(teacher.detach().double() / T, dim=-1)
    cross = -(p * F.log_softmax(student.double() / T, dim=-1)).sum(-1)
    return ((cross + torch.xlogy(p, p).sum(-1)).mean() * T**2).float()


def other_step(student, optimizer, sounds, teacher, pictures, T):
    for p in student.parameters():
        p.grad = None
    with torch.inference_mode():
        z = teacher.train(False)(pictures)
    loss = other_distil(z.clone(), student.train(True)(sounds), T)
    loss.backward()
    optimizer.step()
    return float(loss.detach())


def other_search(S, P, T):
    S, P = (x / x.norm(dim=1, keepdim=True) for x in (S, P))
    logits = torch.einsum("id,jd->ij", S, P) / T
    return -(logits.log_softmax(1).diag() + logits.log_softmax(0).diag()).mean() / 2


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


def other_probe(train, labels, test, test_labels):
    a, b = other_standardise(train, test)
    said = LogisticRegression(max_iter=1000).fit(a, labels).predict(b)
    return float(np.mean(said == test_labels.numpy()))


RIGHT = [
    ("7.1", [distil]),
    ("7.1", [other_distil]),
    ("7.2", [step]),
    ("7.2", [other_step]),
    ("7.3", [search, recall]),
    ("7.3", [other_search, other_recall]),
    ("7.4", [split, standardise, probe]),
    ("7.4", [other_split, other_standardise, other_probe]),
]


# ---------------------------------------------------------------------------------------------------------------- wrong
def distil_like(turned=False, squared=True, heated=True, over="mean", cut=True, safe=True, refuses=True, entropy=True):
    def wrong(teacher, student, T):
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


def one_temperature(teacher, student, T):
    """Only the teacher is heated."""
    return distil(teacher, T * student, T)


def step_like(clears=True, judges=True, learns=True, teaches=False, mean=True, moves=True, number=True, noise=True):
    def wrong(student, optimizer, sounds, teacher, pictures, T):
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


def hard_labels(student, optimizer, sounds, teacher, pictures, T):
    """The teacher's first choice instead of its opinion."""
    student.train()
    loss = F.cross_entropy(student(sounds), teacher.eval()(pictures).argmax(1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def student_teaches_too(student, optimizer, sounds, teacher, pictures, T):
    value = step(student, optimizer, sounds, teacher, pictures, T)
    with torch.no_grad():
        for p in teacher.parameters():
            p.add_(1e-3)
    return value


def shuffled_pairs(student, optimizer, sounds, teacher, pictures, T):
    return step(student, optimizer, sounds, teacher, pictures.roll(1, 0), T)


def clears_too_late(student, optimizer, sounds, teacher, pictures, T):
    student.train()
    teacher.eval()
    with torch.no_grad():
        opinion = teacher(pictures)
    loss = distil(opinion, student(sounds), T)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss.item()


def search_like(unit=True, both=True, times=False, total=False, half=True):
    def wrong(S, P, T):
        S, P = (F.normalize(x, dim=1) if unit else x for x in (S, P))
        logits = S @ P.T * T if times else S @ P.T / T
        own, how = torch.arange(len(S)), "sum" if total else "mean"
        loss = F.cross_entropy(logits, own, reduction=how)
        if both:
            loss = loss + F.cross_entropy(logits.T, own, reduction=how)
        return loss / 2 if half and both else loss

    return wrong


def unsafe_search(S, P, T):
    e = (F.normalize(S, dim=1) @ F.normalize(P, dim=1).T / T).exp()
    return -((e.diag() / e.sum(1)).log() + (e.diag() / e.sum(0)).log()).mean() / 2


def half_detached(S, P, T):
    return search(S, P.detach(), T)


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


def fits_the_test(train, labels, test, test_labels):
    a, b = standardise(train, test)
    both, all_labels = torch.cat([a, b]), torch.cat([labels, test_labels])
    return float(LogisticRegression(max_iter=1000).fit(both, all_labels).score(b, test_labels))


def scores_the_training(train, labels, test, test_labels):
    a, _ = standardise(train, test)
    return float(LogisticRegression(max_iter=1000).fit(a, labels).score(a, labels))


def standardises_by_the_test(train, labels, test, test_labels):
    a, b = each_by_itself(train, test)
    return float(LogisticRegression(max_iter=1000).fit(a, labels).score(b, test_labels))


def scales_of_the_test(train, labels, test, test_labels):
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(test, test_labels)
    return float(model.score(train, labels))


WRONG = [
    ("7.1", [distil_like(turned=True)]),
    ("7.1", [distil_like(squared=False)]),
    ("7.1", [distil_like(heated=False)]),
    ("7.1", [distil_like(over="sum")]),
    ("7.1", [distil_like(over="all")]),
    ("7.1", [distil_like(cut=False)]),
    ("7.1", [distil_like(safe=False)]),
    ("7.1", [distil_like(refuses=False)]),
    ("7.1", [distil_like(entropy=False)]),
    ("7.1", [one_temperature]),
    ("7.1", [lambda *x: distil(*x).detach()]),
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
    ("7.4", [split, by_everything, probe]),
    ("7.4", [split, each_by_itself, probe]),
    ("7.4", [split, divides_by_nothing, probe]),
    ("7.4", [split, tiny_deviation, probe]),
    ("7.4", [split, in_place, probe]),
    ("7.4", [split, by_variance, probe]),
    ("7.4", [split, standardise, fits_the_test]),
    ("7.4", [split, standardise, scores_the_training]),
    ("7.4", [split, standardise, standardises_by_the_test]),
    ("7.4", [split, standardise, scales_of_the_test]),
]


@pytest.mark.parametrize(
    ("number", "functions"),
    [
        ("7.1", [distil_like()]),
        ("7.2", [step_like()]),
        ("7.3", [search_like(), recall_like()]),
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


def test_the_marks_add_up():
    exercises = checks.module_of("7.1").EXERCISES
    assert list(exercises) == [f"7.{i}" for i in range(1, 5)]
    assert sum(exercise.points for exercise in exercises.values()) == 16
