"""Assignment 08's checks accept the solution and other right answers, and refuse plausible wrong ones."""

import collections
import math
import random

import torch
import torch.nn.functional as F

from helpers import checks
from tests.answers import *  # noqa: F403  right answers are accepted, wrong ones refused
from tests.definitions import definitions

right = definitions("solutions/08_sound_translation.ipynb")
squared, cosine = right.squared_loss, right.cosine_loss
step, griffin, split, control = right.one_step, right.griffin_lim, right.split_by_voice, right.permutation_test


def other_squared(predicted, target):
    return torch.cdist(predicted[:, None], target[:, None]).square().mean()


def other_cosine(predicted, target):
    if not target.abs().amax(1).all():
        raise ValueError("no direction")
    return 1 - F.cosine_similarity(predicted, target, dim=1, eps=1e-8).mean()


def other_step(magnitude, phase, to_wave, to_spectrum):
    back = to_spectrum(to_wave(magnitude * torch.exp(1j * phase)))
    return torch.atan2(back.imag, back.real)


def other_griffin(magnitude, steps, to_wave, to_spectrum):
    """With complex directions in place of angles."""
    if steps < 0:
        raise ValueError("steps")
    wave = to_wave(magnitude + 0j)
    for _ in range(steps):
        back = to_spectrum(wave)
        wave = to_wave(magnitude * back / back.abs().clamp(min=1e-12))
    return wave


def other_split(voices, n, seed):
    names = list(dict.fromkeys(voices))
    if n < 2 or n > len(names):
        raise ValueError("folds")
    random.Random(seed).shuffle(names)
    size = math.ceil(len(names) / n)
    fold = {name: k * n // len(names) for k, name in enumerate(names)}
    assert max(collections.Counter(fold.values()).values()) <= size
    return torch.as_tensor([fold[voice] for voice in voices])


def other_control(score, a, b, shuffles, seed):
    """By random keys and sorting."""
    if shuffles < 1 or len(a) != len(b):
        raise ValueError("pairs")
    keys = torch.rand(shuffles, len(b), generator=torch.Generator().manual_seed(seed))
    values = [score(a, b)] + [score(a, b.index_select(0, order)) for order in keys.argsort(1)]
    return values[0], torch.tensor(values[1:]), sum(v >= values[0] for v in values) / len(values)


RIGHT = [
    ("8.1", [squared, cosine]),
    ("8.1", [other_squared, other_cosine]),
    ("8.2", [step, griffin]),
    ("8.2", [other_step, other_griffin]),
    ("8.3", [split]),
    ("8.3", [other_split]),
    ("8.4", [control]),
    ("8.4", [other_control]),
]


def refusing(loss):
    def wrong(predicted, target):
        cosine(predicted, target)
        return loss(predicted, target)

    return wrong


def griffin_like(start="zero", keep=False, last=True, extra=0, refuses=True):
    def wrong(magnitude, steps, to_wave, to_spectrum):
        if steps < 0 and refuses:
            raise ValueError("steps")
        phase = torch.zeros_like(magnitude) if start == "zero" else 6.28 * torch.rand_like(magnitude)
        now = magnitude
        for _ in range(steps + extra):
            back = to_spectrum(to_wave(torch.polar(now, phase)))
            phase, now = back.angle(), back.abs() if keep else magnitude
        return to_wave(torch.polar(now if last else magnitude, phase))

    return wrong


def by_a_set(voices, n, seed):
    """A set has another order in every kernel, and the folds with it."""
    names = list(set(voices))
    if not 2 <= n <= len(names):
        raise ValueError("folds")
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(seed)) % n
    return order[[names.index(voice) for voice in voices]]


def split_like(by_clip=False, seeded=True, blocks=False, refuses=True):
    def wrong(voices, n, seed):
        names = sorted(set(voices))
        if refuses:
            split(voices, n, seed)
        generator = torch.Generator().manual_seed(seed)
        if by_clip:
            return torch.randperm(len(voices), generator=generator) % n
        order = torch.randperm(len(names), generator=generator if seeded else None).tolist()
        if blocks:  # all that is left over goes to the last fold
            return torch.tensor([min(order[names.index(v)] // (len(names) // n), n - 1) for v in voices])
        return torch.tensor([order[names.index(v)] % n for v in voices])

    return wrong


def equal_clips(voices, n, seed):
    """Balances clips instead of voices."""
    split(voices, n, seed)
    sizes, fold = [0] * n, {}
    names = sorted(set(voices), key=lambda v: -voices.count(v))
    for k, name in enumerate(names):
        fold[name] = min(range(n), key=lambda i: (sizes[i], (i + seed) % n)) if k else seed % n
        sizes[fold[name]] += voices.count(name)
    return torch.tensor([fold[v] for v in voices])


def control_like(count="ge", draw="rows", plus=1, refuses=True, generator="own", side="b", once=False):
    def wrong(score, a, b, shuffles, seed):
        if refuses:
            control(lambda a, b: 0.0, a, b, shuffles, seed)
        own = torch.Generator().manual_seed(seed)
        if generator == "global":
            torch.manual_seed(seed)
            own = None
        true, values, order = float(score(a, b)), [], torch.randperm(len(b), generator=own)
        for _ in range(shuffles):
            if generator == "again":
                own.manual_seed(seed)
            if not once:
                order = torch.randperm(len(b), generator=own)
            if draw == "with replacement":
                order = torch.randint(len(b), (len(b),), generator=own)
            if draw == "numbers":
                shuffled = b.flatten()[torch.randperm(b.numel(), generator=own)].view_as(b)
            else:
                shuffled = b[order]
            values.append(float(score(a[order], b) if side == "a" else score(a, shuffled)))
        values = torch.tensor(values, dtype=torch.float64)
        better = values >= true if count == "ge" else values > true if count == "gt" else values <= true
        return true, values, (plus + better.sum().item()) / (plus + shuffles)

    return wrong


WRONG = [
    ("8.1", [F.mse_loss, cosine]),
    ("8.1", [lambda a, b: (a - b).norm(dim=1).mean(), cosine]),
    ("8.1", [lambda a, b: (a - b).square().sum(), cosine]),
    ("8.1", [lambda a, b: squared(a.detach(), b), cosine]),
    ("8.1", [squared, lambda a, b: 1 - F.cosine_similarity(a, b).mean()]),
    ("8.1", [squared, refusing(lambda a, b: F.cosine_similarity(a, b).mean())]),
    ("8.1", [squared, refusing(lambda a, b: 1 - F.cosine_similarity(a.flatten(), b.flatten(), dim=0))]),
    ("8.1", [squared, refusing(lambda a, b: 1 - ((a * b).sum(1) / a.norm(dim=1) / b.norm(dim=1)).mean())]),
    ("8.1", [squared, refusing(lambda a, b: 1 - F.cosine_similarity(a, b, dim=0).mean())]),
    ("8.1", [squared, squared]),
    ("8.2", [lambda m, p, w, s: p, griffin]),
    ("8.2", [lambda m, p, w, s: s(w(torch.polar(m, p))), griffin]),
    ("8.2", [lambda m, p, w, s: s(w(torch.polar(torch.ones_like(m), p))).angle(), griffin]),
    ("8.2", [lambda m, p, w, s: s(w(torch.polar(m, p))).real, griffin]),
    ("8.2", [step, griffin_like(start="random")]),
    ("8.2", [step, griffin_like(keep=True)]),
    ("8.2", [step, griffin_like(extra=1)]),
    ("8.2", [step, griffin_like(refuses=False)]),
    ("8.2", [step, lambda m, n, w, s: griffin(m, max(n - 1, min(n, 0)), w, s)]),
    ("8.2", [step, lambda m, n, w, s: s(griffin(m, n, w, s)).angle()]),
    ("8.3", [split_like(by_clip=True)]),
    ("8.3", [split_like(seeded=False)]),
    ("8.3", [split_like(blocks=True)]),
    ("8.3", [split_like(refuses=False)]),
    ("8.3", [lambda v, n, s: split(v, n, 0)]),
    ("8.3", [equal_clips]),
    ("8.3", [by_a_set]),
    ("8.4", [control_like(count="gt")]),
    ("8.4", [control_like(count="le")]),
    ("8.4", [control_like(plus=0)]),
    ("8.4", [control_like(draw="with replacement")]),
    ("8.4", [control_like(draw="numbers")]),
    ("8.4", [control_like(refuses=False)]),
    ("8.4", [control_like(generator="global")]),
    ("8.4", [control_like(generator="again")]),
    ("8.4", [control_like(side="a")]),
    ("8.4", [control_like(once=True)]),
    ("8.4", [lambda *x: control(*x[:4], 0)]),
]


def test_marks_add_up_to_sixteen():
    exercises = checks.module_of("8.1").EXERCISES
    assert sum(exercise.points for exercise in exercises.values()) == 16
    assert all(len(exercise.hints) >= 3 and len(exercise.cases) >= 3 for exercise in exercises.values())


def test_a_set_of_names_is_told_by_its_cause_and_a_p_value_by_its_name(capsys):
    checks.check("8.3", by_a_set)
    checks.check("8.4", control_like(plus=0))
    said = " ".join(capsys.readouterr().out.split())
    assert said.count("in a new kernel the same seed gives other folds") == 1
    assert "p = 1/100: p: it is 0, not 0.01" in said
