"""What a learner's call must leave as it was: what it is given, and what all cells of a notebook share."""

import contextlib
import copy
import os
import random
import sys
from unittest import mock

import numpy as np
import torch
from torch import nn

# in words: how to read it, how to put it back
SHARED = {
    "torch's default dtype": (torch.get_default_dtype, torch.set_default_dtype),
    "whether torch keeps gradients (set_grad_enabled)": (torch.is_grad_enabled, torch.set_grad_enabled),
    "torch's deterministic algorithms": (
        torch.are_deterministic_algorithms_enabled,
        torch.use_deterministic_algorithms,
    ),
    "torch's number of threads": (torch.get_num_threads, torch.set_num_threads),
    "NumPy's treatment of errors (seterr)": (np.geterr, lambda before: np.seterr(**before)),
    "the working folder": (os.getcwd, os.chdir),
    "Python's recursion limit": (sys.getrecursionlimit, sys.setrecursionlimit),
}


def compact(x):
    """A copy of a tensor with the same strides, gaps included, so that what is not contiguous stays so."""
    if x.layout is torch.strided and not x.is_contiguous() and all(x.stride()):
        with contextlib.suppress(RuntimeError):  # memory that overlaps itself
            return torch.empty_strided(x.shape, x.stride(), dtype=x.dtype, device=x.device).copy_(x)
    return x.clone()


def copied(x, memo=None):
    """A deep copy of what a caller hands over.

    A copy of a tensor that records gradients leads them on to the caller's. Modules, optimizers, generators, functions
    and other objects come as they are: their own state is the point of handing them over.
    """
    memo = {} if memo is None else memo
    if id(x) in memo:
        return memo[id(x)]  # what was one thing stays one thing
    if isinstance(x, torch.Tensor):
        with torch.enable_grad():
            memo[id(x)] = x.clone() if x.requires_grad else compact(x.detach())
    elif isinstance(x, np.ndarray):
        memo[id(x)] = x.copy(order="K")
    elif type(x) in (list, set, frozenset):
        memo[id(x)] = type(x)(copied(part, memo) for part in x)
    elif isinstance(x, tuple):
        parts = [copied(part, memo) for part in x]
        memo[id(x)] = type(x)._make(parts) if hasattr(x, "_make") else tuple(parts)
    elif isinstance(x, dict):
        memo[id(x)] = new = copy.copy(x)
        for key, value in x.items():
            new[key] = copied(value, memo)
    else:
        return x
    return memo[id(x)]


def same(a, b):
    """Whether two values are alike: types, dtypes, shapes and values; NaN is like NaN (never so for torch.equal)."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, torch.Tensor):
        if (a.shape, a.dtype, a.requires_grad) != (b.shape, b.dtype, b.requires_grad):
            return False
        return bool(((a == b) | ((a != a) & (b != b))).all())
    if isinstance(a, np.ndarray):
        return a.shape == b.shape and a.dtype == b.dtype and bool(((a == b) | ((a != a) & (b != b))).all())
    if isinstance(a, list | tuple):
        if all(isinstance(part, str | int | float) for part in a):  # a long list of words, quickly
            return a == b
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    try:
        return bool(a == b) or (a != a and b != b)
    except Exception:
        return False


def parts(x, kind):
    """All things of a kind within nested containers. (torch.utils._pytree, which could list them, is private.)"""
    if isinstance(x, kind):
        yield x
    elif isinstance(x, list | tuple):
        for part in x:
            yield from parts(part, kind)
    elif isinstance(x, dict):
        yield from parts(list(x.values()), kind)


class Watch:
    """Notes how things are before a call; `put_back()` restores them and lists in words what was changed.

    Args:
        arguments: what the caller hands over (in containers); `given` is what the learner's function shall get.
        allowed: an exercise's `changes`.
        itself: the module whose method is called, or (); its weights are its own.
    """

    def __init__(self, arguments, allowed, itself=()):
        self.allowed, self.arguments = allowed, arguments
        self.given = arguments if "inputs" in allowed else copied(arguments)
        given = list(parts(arguments, nn.Module))
        self.modules = [module for one in (*given, *parts(itself, nn.Module)) for module in one.modules()]
        self.modes = [module.training for module in self.modules]
        self.weights = [w for one in given if "weights" not in allowed for w in (*one.parameters(), *one.buffers())]
        self.kept = [(w.detach().clone(), w.requires_grad) for w in self.weights]
        self.shared = {name: read() for name, (read, _) in SHARED.items()}
        self.seed, self.environment, self.seeded = torch.initial_seed(), dict(os.environ), set()
        self.random = torch.get_rng_state()

    @contextlib.contextmanager
    def seeds_noted(self):
        """Notes whether Python's or NumPy's own generator is seeded meanwhile."""
        with contextlib.ExitStack() as stack:
            for module, name in ((random, "Python's"), (np.random, "NumPy's")):

                def seed(*arguments, name=name, original=module.seed):
                    self.seeded.add(name)
                    return original(*arguments)

                stack.enter_context(mock.patch.object(module, "seed", seed))
            yield

    def put_back(self):
        changed = []
        for module, mode in zip(self.modules, self.modes, strict=True):
            if module.training != mode and "modes" not in self.allowed:
                module.training = mode
                was, now = ("training", "evaluation") if mode else ("evaluation", "training")
                changed.append(f"it leaves a module in {now} mode that came in {was} mode")
        for name, before in self.shared.items():
            if SHARED[name][0]() != before:
                SHARED[name][1](before)
                changed.append(f"it leaves {name} changed, for every cell of the notebook")
        if torch.initial_seed() != self.seed:
            torch.set_rng_state(self.random)
            self.seeded.add("torch's")
        if self.seeded and "seed" not in self.allowed:
            changed.append(
                f"it seeds {' and '.join(sorted(self.seeded))} own random generator, so that all later draws of the "
                "notebook repeat themselves: draw from a generator of your own"
            )
        if dict(os.environ) != self.environment:  # an import may do so: put back, and no fault
            os.environ.clear()
            os.environ.update(self.environment)
        return [*self.inputs(), *changed]

    def inputs(self):
        """What was changed of the things that the call was given. Weights are put back; all else was a copy."""
        told = []
        if not same(self.given, self.arguments):
            told.append("it changes what it was given: work on a copy, or make a new one")
        for weight, (before, records) in zip(self.weights, self.kept, strict=True):
            if not same(weight.detach(), before) or weight.requires_grad != records:
                weight.data = before
                weight.requires_grad_(records)
                told.append("it changes the weights of a module that it was given")
        return told
