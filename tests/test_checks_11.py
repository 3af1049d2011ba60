"""Assignment 11's checks accept the solution and other right answers, and refuse plausible wrong ones."""

import numpy as np
import torch

from helpers import checks
from tests.answers import *  # noqa: F403  right answers are accepted, wrong ones refused
from tests.definitions import definitions

right = definitions("solutions/11_diffusion.ipynb")
mix, to_clean, to_velocity = right.mix, right.clean_from_velocity, right.velocity_from_noise
loss, euler, heun, guided = right.flow_loss, right.euler, right.heun, right.guided
chances, guess = right.chances, right.best_guess
normal, trial, passes = right.normal_guess, right.on_trial, right.passes


# 11.1


def wide(t, x):
    return t[(...,) + (None,) * (x.ndim - 1)]


def mix_by_lerp(noise, clean, t):
    return torch.lerp(noise, clean, wide(t, clean).expand_as(clean))


def clean_by_rows(x, velocity, t):
    return torch.stack([x[i] + (1 - t[i]) * velocity[i] for i in range(len(x))])


def velocity_by_rows(x, noise, t):
    if not t.all():
        raise ValueError("no time has passed yet")
    return torch.stack([(a - b) / c for a, b, c in zip(x, noise, t, strict=True)])


def mix_by_einsum(noise, clean, t):
    return torch.einsum("n...,n->n...", noise, 1 - t) + torch.einsum("n...,n->n...", clean, t)


def clean_in_float64(x, velocity, t):
    return (x.double() + (1 - wide(t, x).double()) * velocity.double()).to(x)


def velocity_by_division(x, noise, t):
    if t.min() <= 0:
        raise ValueError("The time must be above 0.")
    return torch.div(x, wide(t, x)) - torch.div(noise, wide(t, noise))


def velocity_without_a_word(x, noise, t):
    return (x - noise) / wide(t, x)


# 11.2


def loss_by_rows(network, clean, y, t, noise, most):
    guesses, total = network(mix(noise, clean, t), t, y), 0
    for one, truth, time in zip(guesses, clean, t.tolist(), strict=True):
        weight = most if time == 1 else min(most, (1 - time) ** -2)
        total = total + weight * (one - truth).pow(2).mean()
    return total / len(clean)


def loss_by_where(network, clean, y, t, noise, most):
    left = (1 - t) ** 2
    weight = torch.where(left * most < 1, torch.full_like(left, most), 1 / left.clamp(min=1e-12))
    squares = torch.square(network(mix_by_lerp(noise, clean, t), t, y) - clean).reshape(len(clean), -1)
    return torch.dot(squares.mean(1), weight.to(squares)) / len(clean)


def loss_like(weight=None, per_row=True, mixed=None, target=None):
    """The solution with a piece of it replaced."""

    def made(network, clean, y, t, noise, most):
        x = (mixed or mix)(noise, clean, t)
        error = (network(x, t, y) - (target(noise, clean) if target else clean)).square().flatten(1)
        error = error.mean(1) if per_row else error.sum(1)
        w = (1 / (1 - t) ** 2).clamp(max=most) if weight is None else weight(t, most)
        return (error * w).mean()

    return made


def loss_means_apart(network, clean, y, t, noise, most):
    error = (network(mix(noise, clean, t), t, y) - clean).square().mean()
    return error * (1 / (1 - t) ** 2).clamp(max=most).mean()


def loss_twice(network, clean, y, t, noise, most):
    network(mix(noise, clean, t), t, y)
    return loss(network, clean, y, t, noise, most)


# 11.3


def checked(times):
    if len(times) < 2 or sorted(set(times)) != list(times):
        raise ValueError("The times must increase.")
    return times


def euler_by_index(velocity, x, times):
    checked(times)
    for k in range(1, len(times)):
        x = torch.add(x, velocity(x, times[k - 1]), alpha=times[k] - times[k - 1])
    return x


def heun_by_index(velocity, x, times):
    checked(times)
    for k in range(1, len(times)):
        t, then = times[k - 1], times[k]
        first = velocity(x, t)
        second = first if then == 1.0 else velocity(x + first * (then - t), then)
        x = x + (first + second) * ((then - t) / 2)
    return x


def euler_in_turn(velocity, x, times):
    """The first step, and then the others."""
    t, then, *later = checked(times)
    x = x + velocity(x, t) * (then - t)
    return euler_in_turn(velocity, x, [then, *later]) if later else x


def heun_in_turn(velocity, x, times):
    t, then, *later = checked(times)
    slope, length = velocity(x, t), then - t
    tried = x + length * slope
    x = tried if then == 1 else tried + length * (velocity(tried, then) - slope) / 2
    return heun_in_turn(velocity, x, [then, *later]) if later else x


def euler_with_numpy(velocity, x, times):
    if len(times) < 2 or (np.diff(times) <= 0).any():
        raise ValueError("no way to go")
    for t, length in zip(times, np.diff(times).tolist(), strict=False):
        x = x + length * velocity(x, t)
    return x


def sampler_like(heun=False, check=True, even=False, at=None, last=True, from_trial=False, late=False):
    """A sampler with a fault."""

    def made(velocity, x, times):
        if check:
            checked(times)
        for t, then in zip(times, times[1:], strict=False):
            length = 1 / (len(times) - 1) if even else then - t
            slope = velocity(x, then if late and then < 1 else t)
            if heun and (then != 1 or not last):
                tried = x + length * slope
                other = velocity(x if at == "begin" else tried, t if at == "time" else min(then, 0.9999))
                slope = other if at == "only" else (slope + other) / 2
                x = tried if from_trial else x
            x = x + length * slope
        return x

    return made


def in_place(velocity, x, times):
    checked(times)
    for t, then in zip(times, times[1:], strict=False):
        x += (then - t) * velocity(x, t)
    return x


# 11.4


def guided_by_lerp(network, x, t, y, nothing, strength):
    if not strength >= 0:
        raise ValueError("below 0")
    off = None if strength == 1 else network(x, t, torch.stack([nothing.to(y.dtype)] * len(y)))
    on = None if strength == 0 else network(x, t, y)
    return on if off is None else off if on is None else torch.lerp(off, on, float(strength))


def guided_by_weights(network, x, t, y, nothing, strength):
    if strength < 0:
        raise ValueError("A strength below 0 draws the opposite.")
    total = 0
    for share, condition in ((strength, y), (1 - strength, nothing.repeat(len(y), *[1] * nothing.ndim).to(y))):
        if share:
            total = total + share * network(x, t, condition)
    return total


def guided_from_asked(network, x, t, y, nothing, strength):
    """The plain answer, plus the difference once less."""
    if strength < 0:
        raise ValueError("below 0")
    empty = y.clone()
    empty[:] = nothing
    if strength == 0:
        return network(x, t, empty)
    asked = network(x, t, y)
    return asked if strength == 1 else asked + (strength - 1) * (asked - network(x, t, empty))


def guided_like(formula=None, lazy=True, check=True):
    def made(network, x, t, y, nothing, strength):
        if check and strength < 0:
            raise ValueError("below 0")
        if lazy and strength == 1:
            return network(x, t, y)
        off = network(x, t, nothing.to(y).expand_as(y))
        if lazy and strength == 0:
            return off
        on = network(x, t, y)
        return (formula or (lambda a, b, w: b + w * (a - b)))(on, off, strength)

    return made


# 11.5


def chances_by_logs(x, t, points):
    if t < 0 or t >= 1:
        raise ValueError("no such time")
    logs = torch.stack([-(x - t * p).pow(2).sum(1) / 2 / (1 - t) ** 2 for p in points], 1)
    return torch.exp(logs - torch.logsumexp(logs, 1, keepdim=True))


def guess_by_einsum(x, t, points):
    return torch.einsum("nm,md->nd", chances_by_logs(x, t, points), points)


def chances_by_product(x, t, points):
    """|x|^2 is the same for all points, so it falls out."""
    if not 0 <= t < 1:
        raise ValueError("no such time")
    logs = (t * x @ points.T - t**2 * points.square().sum(1) / 2) / (1 - t) ** 2
    return torch.softmax(logs, dim=-1)


def guess_by_sum(x, t, points):
    weights = chances_by_product(x, t, points)
    return sum(weights[:, k, None] * points[k] for k in range(len(points)))


def chances_by_cdist(x, t, points):
    if t >= 1 or t < 0:
        raise ValueError("outside")
    distance = torch.cdist(x, t * points, compute_mode="donot_use_mm_for_euclid_dist")
    return torch.nn.functional.softmax(-0.5 * (distance / (1 - t)) ** 2, 1)


def guess_by_rows(x, t, points):
    return torch.cat([chances_by_cdist(row[None], t, points) @ points for row in x])


def chances_like(formula, check=True):
    def made(x, t, points):
        if check and not 0 <= t < 1:
            raise ValueError("outside")
        return formula(x, t, points)

    return made


def densities(x, t, points):
    d = torch.exp(-(x[:, None] - t * points).square().sum(2) / (2 * (1 - t) ** 2))
    return d / d.sum(1, keepdim=True)


def logs(x, t, points):
    return -(x[:, None] - t * points).square().sum(2) / (2 * (1 - t) ** 2)


def guess_like(chances):
    return lambda x, t, points: chances(x, t, points) @ points


# 11.6


def normal_by_weights(x, t, mean, deviation):
    """A precision-weighted mean of what is known before and what x says."""
    seen, before = t**2 * deviation**2, (1 - t) ** 2
    return mean * before / (seen + before) + x * (t * deviation**2) / (seen + before)


def normal_by_steps(x, t, mean, deviation):
    covariance, variance = t * deviation**2, (t * deviation) ** 2 + (1 - t) ** 2
    return mean + (covariance / variance) * (x - t * mean)


def normal_by_z(x, t, mean, deviation):
    z = (x - t * mean) / ((t * deviation) ** 2 + (1 - t) ** 2) ** 0.5
    return z * t * deviation**2 / ((t * deviation) ** 2 + (1 - t) ** 2) ** 0.5 + mean


def trial_with_numpy(sampler, mean, deviation, start, times):
    end = sampler(lambda x, t: (normal_by_weights(x, t, mean, deviation) - x) / (1 - t), start, times).numpy()
    wanted = (mean + deviation * start).numpy()
    return float(end.mean() - wanted.mean()), float(end.std() - wanted.std())


def trial_by_scale(sampler, mean, deviation, start, times):
    """The perfect end's mean and deviation, without making it."""

    def velocity(x, t):
        return (normal(x, t, mean, deviation) - x) / (1 - t)

    end = sampler(velocity, start, times)
    first = end.mean() - mean - deviation * start.mean()
    return first.item(), (end.var(correction=0).sqrt() - deviation * start.var(correction=0).sqrt()).item()


def trial_by_std_mean(sampler, mean, deviation, start, times):
    end = sampler(lambda x, t: (normal_by_z(x, t, mean, deviation) - x) / (1 - t), start, times)
    (s, m), (s0, m0) = (torch.std_mean(x, correction=0) for x in (end, start * deviation + mean))
    return float(m - m0), float(s - s0)


def passes_by_max(sampler, mean, deviation, start, times, tolerance):
    off = torch.tensor(trial(sampler, mean, deviation, start, times))
    return bool(off.isfinite().all() and off.abs().max() <= tolerance)


def passes_by_and(sampler, mean, deviation, start, times, tolerance):
    first, second = trial(sampler, mean, deviation, start, times)
    return -tolerance <= first <= tolerance and -tolerance <= second <= tolerance


def passes_by_the_worst(sampler, mean, deviation, start, times, tolerance):
    worst = max((abs(off) for off in trial(sampler, mean, deviation, start, times)), key=lambda x: (x != x, x))
    return worst <= tolerance


def trial_like(against_start=True, unbiased=False, order=(0, 1), sign=1, velocity=None, twice=False):
    """The trial with a fault."""

    def made(sampler, mean, deviation, start, times):
        def usual(x, t):
            return (normal(x, t, mean, deviation) - x) / (1 - t)

        def asked(x, t):
            return velocity(x, t, mean, deviation) if velocity else usual(x, t)

        if twice:
            sampler(asked, start, times)
        end, best = sampler(asked, start, times), mean + deviation * start
        wanted = (best.mean(), best.std(unbiased=unbiased)) if against_start else (mean, deviation)
        off = end.mean() - wanted[0], end.std(unbiased=unbiased) - wanted[1]
        return tuple(sign * off[k].item() for k in order)

    return made


def passes_like(rule):
    return lambda sampler, m, s, start, times, tolerance: rule(trial(sampler, m, s, start, times), tolerance)


RIGHT = [
    ("11.1", [mix, to_clean, to_velocity]),
    ("11.1", [mix_by_lerp, clean_by_rows, velocity_by_rows]),
    ("11.1", [mix_by_einsum, clean_in_float64, velocity_by_division]),
    ("11.2", [loss]),
    ("11.2", [loss_by_rows]),
    ("11.2", [loss_by_where]),
    ("11.3", [euler, heun]),
    ("11.3", [euler_by_index, heun_by_index]),
    ("11.3", [euler_in_turn, heun_in_turn]),
    ("11.3", [euler_with_numpy, heun]),
    ("11.4", [guided]),
    ("11.4", [guided_by_lerp]),
    ("11.4", [guided_by_weights]),
    ("11.4", [guided_from_asked]),
    ("11.5", [chances, guess]),
    ("11.5", [chances_by_logs, guess_by_einsum]),
    ("11.5", [chances_by_product, guess_by_sum]),
    ("11.5", [chances_by_cdist, guess_by_rows]),
    ("11.6", [normal, trial, passes]),
    ("11.6", [normal_by_weights, trial_with_numpy, passes_by_max]),
    ("11.6", [normal_by_steps, trial_by_scale, passes_by_and]),
    ("11.6", [normal_by_z, trial_by_std_mean, passes_by_the_worst]),
]

WRONG = [
    ("11.1", [lambda n, c, t: mix(c, n, t), to_clean, to_velocity]),
    ("11.1", [lambda n, c, t: n + wide(t, c) * c, to_clean, to_velocity]),
    ("11.1", [lambda n, c, t: mix(n, c, t[:1].expand_as(t)), to_clean, to_velocity]),
    ("11.1", [mix, lambda x, v, t: x + wide(t, x) * v, to_velocity]),
    ("11.1", [mix, lambda x, v, t: x + v, to_velocity]),
    ("11.1", [mix, to_clean, velocity_without_a_word]),
    ("11.1", [mix, to_clean, lambda x, n, t: to_velocity(x, n, t) * wide(t, x)]),
    ("11.1", [mix, to_clean, lambda x, n, t: to_velocity(n, x, t)]),
    ("11.1", [mix, to_clean, lambda x, n, t: (x - n) / wide(1 - t, x) + 0 * to_velocity(x, n, t)]),
    ("11.2", [loss_like(weight=lambda t, most: torch.ones_like(t))]),
    ("11.2", [loss_like(weight=lambda t, most: (1 / (1 - t)).clamp(max=most))]),
    ("11.2", [loss_like(weight=lambda t, most: 1 / (1 - t) ** 2)]),
    ("11.2", [loss_like(weight=lambda t, most: (1 / t**2).clamp(max=most))]),
    ("11.2", [loss_like(weight=lambda t, most: (1 / (1 - t) ** 2).clamp(min=most))]),
    ("11.2", [loss_like(per_row=False)]),
    ("11.2", [loss_like(mixed=lambda n, c, t: mix(c, n, t))]),
    ("11.2", [loss_like(mixed=lambda n, c, t: mix(torch.randn_like(n), c, t))]),
    ("11.2", [loss_like(target=lambda n, c: c - n)]),
    ("11.2", [loss_means_apart]),
    ("11.2", [loss_twice]),
    ("11.2", [lambda network, c, y, t, n, most: loss(lambda x, u, z: network(x, u, z).detach(), c, y, t, n, most)]),
    ("11.3", [sampler_like(even=True), heun]),
    ("11.3", [sampler_like(check=False), heun]),
    ("11.3", [sampler_like(late=True), heun]),
    ("11.3", [in_place, heun]),
    ("11.3", [heun, heun]),
    ("11.3", [euler, euler]),
    ("11.3", [euler, sampler_like(heun=True, check=False)]),
    ("11.3", [euler, sampler_like(heun=True, even=True)]),
    ("11.3", [euler, sampler_like(heun=True, at="begin")]),
    ("11.3", [euler, sampler_like(heun=True, at="time")]),
    ("11.3", [euler, sampler_like(heun=True, at="only")]),
    ("11.3", [euler, sampler_like(heun=True, last=False)]),
    ("11.3", [euler, sampler_like(heun=True, from_trial=True)]),
    ("11.4", [guided_like(lazy=False)]),
    ("11.4", [guided_like(check=False)]),
    ("11.4", [guided_like(lambda a, b, w: a + w * (a - b))]),
    ("11.4", [guided_like(lambda a, b, w: a + w * (b - a))]),
    ("11.4", [guided_like(lambda a, b, w: w * a - b)]),
    ("11.4", [guided_like(lambda a, b, w: (w * a + b) / (w + 1))]),
    ("11.4", [lambda network, x, t, y, nothing, w: guided(network, x, t, y, torch.zeros_like(nothing), w)]),
    ("11.5", [chances_like(densities), guess]),
    ("11.5", [chances_like(lambda x, t, p: logs(x, t, p).softmax(0)), guess]),
    ("11.5", [chances_like(lambda x, t, p: (2 * logs(x, t, p)).softmax(1)), guess]),
    ("11.5", [chances_like(lambda x, t, p: (logs(x, t, p) * (1 - t)).softmax(1)), guess]),
    ("11.5", [chances_like(lambda x, t, p: (-logs(x, t, p)).softmax(1)), guess]),
    ("11.5", [chances_like(lambda x, t, p: logs(x, t, p / max(t, 0.01)).softmax(1)), guess]),
    ("11.5", [chances_like(lambda x, t, p: logs(x, t, p).softmax(1), check=False), guess]),
    ("11.5", [chances, guess_like(chances_like(lambda x, t, p: logs(x, t, p).softmax(1), check=False))]),
    ("11.5", [chances, lambda x, t, p: p[chances(x, t, p).argmax(1)]]),
    ("11.5", [chances, lambda x, t, p: t * guess(x, t, p)]),
    ("11.6", [lambda x, t, m, s: m + t * s / (t**2 * s**2 + (1 - t) ** 2) * (x - t * m), trial, passes]),
    ("11.6", [lambda x, t, m, s: m + t * s**2 / (t**2 * s**2 + (1 - t) ** 2) * (x - m), trial, passes]),
    ("11.6", [lambda x, t, m, s: m + s * x, trial, passes]),
    ("11.6", [normal, trial_like(against_start=False), passes]),
    ("11.6", [normal, trial_like(unbiased=True), passes]),
    ("11.6", [normal, trial_like(order=(1, 0)), passes]),
    ("11.6", [normal, trial_like(sign=-1), passes]),
    ("11.6", [normal, trial_like(twice=True), passes]),
    ("11.6", [normal, trial_like(velocity=lambda x, t, m, s: normal(x, t, m, s) - x), passes]),
    ("11.6", [normal, trial, passes_like(lambda off, tolerance: all(x <= tolerance for x in off))]),
    ("11.6", [normal, trial, passes_like(lambda off, tolerance: any(abs(x) <= tolerance for x in off))]),
    ("11.6", [normal, trial, passes_like(lambda off, tolerance: abs(off[0]) <= tolerance)]),
    ("11.6", [normal, trial, passes_like(lambda off, tolerance: abs(off[1]) <= tolerance)]),
    ("11.6", [normal, trial, passes_like(lambda off, tolerance: not any(abs(x) > tolerance for x in off))]),
]


EQUIVALENT = {
    ("11.1", "*: cut t"): "nobody asks for the gradient of a time",
    ("11.5", "*: detached"): "the points are data: nobody asks for a gradient",
    ("11.5", "*: cut x"): "the points are data: nobody asks for a gradient",
    ("11.5", "*: cut points"): "the points are data: nobody asks for a gradient",
    ("11.6", "*: detached"): "a trial needs no gradient",
    ("11.6", "*: cut x"): "a trial needs no gradient",
}


def test_marks_add_up_to_sixteen():
    exercises = checks.module_of("11.1").EXERCISES
    assert sum(exercise.points for exercise in exercises.values()) == 16
    assert all(len(exercise.hints) >= 3 and len(exercise.cases) >= 3 for exercise in exercises.values())
