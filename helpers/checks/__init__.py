"""`check("1.2", function)`: tells at once whether an exercise is solved, and hints a little more each time it is not.

The exercises of notebook NN stand in `nNN_name.py` beside this file, in a dictionary `EXERCISES`.
"""

import importlib
import pkgutil
import sys
import traceback
from dataclasses import dataclass, field
from pathlib import Path

import torch

from helpers import CourseError

HELPERS = str(Path(__file__).parents[1])
UNWRITTEN = "it is not written yet"
NOTHING = "it returned nothing; is a return missing?"
NO_GRADIENT = "no gradient can flow: stay with torch's functions"
attempts = {}  # failed attempts of each exercise in this kernel
solved = set()


@dataclass
class Exercise:
    """One exercise's cases and hints.

    Attributes:
        points: marks for all cases together.
        hints: from gentle to plain; one more is shown after each failure. The last of all names the solution.
        cases: pairs of an expectation in words and a function that takes the learner's function and tells
            whether it meets the expectation: returns True, or a text that says what came instead.
    """

    points: int
    hints: list
    cases: list = field(default_factory=list)

    def case(self, expectation):
        """Decorator: adds a case."""

        def add(function):
            self.cases.append((expectation, function))
            return function

        return add


def module_of(number):
    """The module of checks that holds an exercise, such as `n01_word2vec` for "1.2"."""
    prefix = f"n{int(number.split('.')[0]):02d}_"
    names = [m.name for m in pkgutil.iter_modules(__path__) if m.name.startswith(prefix)]
    return importlib.import_module(f"helpers.checks.{names[0]}") if names else None


def find(number):
    try:
        return module_of(number).EXERCISES[number]
    except (AttributeError, KeyError, ValueError):
        raise CourseError(f'There is no exercise {number!r}. Exercises are named like "1.2".') from None


def run(case, functions):
    """True, or a text that says what went wrong. The learner's errors are told, never raised."""
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            verdict = case(*functions)
    except NotImplementedError:
        return UNWRITTEN
    except (Exception, SystemExit) as error:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if not frame.filename.startswith((HELPERS, sys.prefix, sys.base_prefix, "<"))]
        line = (own or frames)[-1]  # the learner's line, not one of torch's
        return f"it stopped with {type(error).__name__}: {error} (in `{line.line or line.name}`)"
    return True if verdict is True else verdict or "it does not"


def check(number, *functions):
    """Tries the learner's function on the exercise's cases, prints a tick or a cross for each, and hints.

    Args:
        number: the exercise, such as `"1.2"`.
        *functions: what the learner wrote; most exercises ask for one function.

    Returns:
        The marks reached, a float between 0 and the exercise's points (nbgrader reads it as partial credit).
    """
    exercise = find(number)
    verdicts = [run(case, functions) for _, case in exercise.cases]
    right = sum(verdict is True for verdict in verdicts)
    for (expectation, _), verdict in zip(exercise.cases, verdicts, strict=True):
        print(f"✔ {expectation}" if verdict is True else f"✘ {expectation}: {verdict}")
        if verdict == UNWRITTEN:
            break
    if right == len(verdicts):
        solved.add(number)
        print(f"Exercise {number} is solved.")
    else:
        solved.discard(number)
        tried = verdicts[: verdicts.index(UNWRITTEN)] if UNWRITTEN in verdicts else verdicts
        failed = any(verdict is not True for verdict in tried)  # what is not written yet is no failure
        attempts[number] = attempts.get(number, 0) + failed
        module = module_of(number).__name__.rsplit(".n", 1)[1]
        hints = [*exercise.hints, f"Compare with notebooks/solutions/{module}.ipynb, then close it and write your own."]
        for i, hint in enumerate(hints[: attempts[number] if failed else 0], start=1):
            print(f"  Hint {i} of {len(hints)}: {hint}")
    return round(exercise.points * right / len(verdicts), 2)


def passed(*numbers):
    """True once `check` found these exercises solved; says which ones are not."""
    waiting = [number for number in numbers if number not in solved]
    if waiting:
        print(f"This cell waits for exercise {', '.join(waiting)}.")
    return not waiting


def refuses(function, *arguments):
    """True where the function raises a ValueError with a message for these arguments."""
    try:
        function(*arguments)
    except ValueError as error:
        return True if str(error) else "it raised a ValueError, but without a word of explanation"
    except Exception as error:
        return f"it raised {type(error).__name__}, not a ValueError"
    return "it went on without an error"


def first_wrong(*verdicts):
    """The first verdict that is not True, or True."""
    return next((verdict for verdict in verdicts if verdict is not True), True)


def close(got, expected, tolerance=1e-4):
    """True where a tensor or number is what is expected, or a text that says what came."""
    if got is None:
        return NOTHING
    got, expected = torch.as_tensor(got).detach(), torch.as_tensor(expected)
    if got.shape != expected.shape:
        return f"the shape is {tuple(got.shape)}, not {tuple(expected.shape)}"
    if got.is_complex():
        return "the values are complex, not real"
    if got.isnan().any():
        return "there are NaN values"
    if torch.allclose(got.double(), expected.double(), atol=tolerance, rtol=tolerance):
        return True
    return f"it is {got.item():.4g}, not {expected.item():.4g}" if got.ndim == 0 else "the values differ"
