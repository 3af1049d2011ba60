"""The one place that runs a learner's function: on copies, for a limited time, its words caught, its traces removed."""

import contextlib
import functools
import inspect
import random
import types
import warnings

import numpy as np
import torch

from helpers.checks.limits import Fault, Stopped, Words, forbidden, own, time_limit
from helpers.checks.state import Watch
from helpers.checks.telling import NO_GRADIENT, NOTHING, described, misfit, place, truth


class Run:
    """All calls of one case.

    Attributes:
        functions: what the case gets in place of the learner's functions: the same with `call` around them.
        called, returned: the names of those that were called, and of those that returned something.
        last: what the last call returned.
        error: what the last call raised, or None.
        late: whether a call was stopped after its time.
        words: what was printed.
    """

    def __init__(self, exercise, functions, seconds=None):
        self.exercise, self.seconds = exercise, seconds or exercise.seconds
        self.inside, self.called, self.returned = False, set(), set()
        self.last, self.error, self.late, self.words = None, None, False, Words()
        names = [*exercise.names(), *map(str, range(len(functions)))]
        self.functions = [self.protected(f, name) for f, name in zip(functions, names, strict=False)]
        plain = [f for function in functions for f in functions_in(function)]
        self.namespaces = list({id(f.__globals__): f.__globals__ for f in plain}.values())

    def protected(self, function, name):
        """The learner's function, or class, with `call` around it or its methods."""
        if not inspect.isclass(function):

            @functools.wraps(function, updated=())
            def call(*arguments, **named):
                return self.call(function, name, arguments, named)

            return call
        methods = {method.__name__: self.method(method, name) for method in functions_in(function)}
        told = {"__module__": function.__module__, "__qualname__": function.__qualname__, "__doc__": function.__doc__}
        return type(function)(function.__name__, (function,), methods | told)

    def method(self, method, name):
        @functools.wraps(method)
        def call(itself, *arguments, **named):
            watched = () if method.__name__ in ("__init__", "train", "eval") else itself
            return self.call(functools.partial(method, itself), name, arguments, named, watched)

        return call

    def call(self, function, name, arguments, named, itself=()):
        """What the function returns.

        Raises:
            Fault: it changed what it must not, or called what is forbidden.
            Stopped: it took too long.
            Whatever else it raises.
        """
        if self.inside:  # called by another function of the learner's
            return function(*arguments, **named)
        self.called.add(name)
        self.error, self.inside = None, True
        watch = Watch((arguments, named), self.exercise.changes, itself)
        try:
            with (
                watch.seeds_noted(),
                forbidden(self.exercise.forbidden, self.namespaces) as told,
                contextlib.redirect_stdout(self.words),
                contextlib.redirect_stderr(self.words),
                time_limit(self.seconds),
            ):
                result = function(*watch.given[0], **watch.given[1])
        except BaseException as error:
            self.error, self.late = error, self.late or isinstance(error, Stopped)
            watch.put_back()
            raise
        finally:
            self.inside = False
        if told := [*told, *watch.put_back()]:
            raise Fault(told[0])
        self.returned.add(name)
        self.last = result
        return result


def functions_in(function):
    """A function that the learner wrote, or all such methods of a class."""
    if not inspect.isclass(function):
        found = [inspect.unwrap(function)]
    else:
        found = {key: value for base in reversed(function.__mro__) for key, value in vars(base).items()}.values()
    return [f for f in found if isinstance(f, types.FunctionType) and own(f.__code__.co_filename)]


def run(exercise, case, functions, seconds=None):
    """Tries one case; the learner's errors are told, never raised.

    Args:
        exercise: an Exercise.
        case: one of its cases.
        functions: the learner's.
        seconds: the time for a call, where an earlier one had to be stopped.

    Returns:
        The verdict, True or a text that says what went wrong; and the Run.
    """
    calls = Run(exercise, functions, seconds)
    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a library's, of what the check itself computes, would puzzle a learner
            random.seed(0)
            np.random.seed(0)  # noqa: NPY002  what a learner may draw from
            torch.manual_seed(0)
            with time_limit(6 * calls.seconds):  # what a learner's iterator does is done outside a call
                verdict = truth(case.function(*calls.functions))
            if verdict == NOTHING and calls.last is not None:  # it was a gradient that the case found missing
                verdict = NO_GRADIENT
    except KeyboardInterrupt:
        raise
    except Fault as fault:
        verdict = str(fault)
    except Stopped as error:
        verdict = f"it was stopped after {calls.seconds:g} seconds{place(error)}: does a loop there never end?"
        if seconds:
            verdict = "it does not end here either"
    except BaseException as error:
        verdict = described(error) if error is calls.error else misfit(error, calls.last, calls.returned)
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
    return verdict, calls
