"""What an exercise is. Those of notebook NN stand in `nNN_name.py` beside this file, in a dictionary `EXERCISES`."""

import importlib
import inspect
import pkgutil
from dataclasses import dataclass, field
from pathlib import Path

from helpers import CourseError


@dataclass
class Case:
    """One expectation: its words, the function that tries it, and a hint of its own (or "")."""

    expectation: str
    function: callable
    hint: str = ""


@dataclass
class Exercise:
    """One exercise's cases and hints.

    Attributes:
        points: marks for all cases together.
        hints: from gentle to plain; one more is shown after each failure with changed code. "pad: ..." is a hint for
            the function pad alone. The last of all names the solution.
        cases: in the order in which they are tried. Each function takes the learner's functions and tells whether they
            meet the expectation: it returns True, or a text that says what came instead.
        forbidden: what the card forbids and why, `{"torch.fft.fft": "write the sums yourself"}`; a module stands for
            all its functions.
        changes: what a call may leave changed: "inputs" (tensors, lists, ... that it is given), "weights" (of modules
            that it is given, with their gradients), "modes" (training or evaluation), "seed" (of shared generators).
        seconds: the longest that one call may take.
    """

    points: int
    hints: list
    cases: list = field(default_factory=list)
    forbidden: dict = field(default_factory=dict)
    changes: tuple = ()
    seconds: float = 10.0

    def case(self, expectation, hint=""):
        """Decorator: adds a case."""

        def add(function):
            self.cases.append(Case(expectation, function, hint))
            return function

        return add

    def names(self):
        """The learner's functions, by the names that the cases give them."""
        parameters = inspect.signature(self.cases[0].function).parameters.values() if self.cases else []
        return [p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_POSITIONAL]


def assignments():
    """The modules' names, by number: {"01": "n01_word2vec"}."""
    names = [module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)])]
    return {name[1:3]: name for name in sorted(names) if name[0] == "n" and name[1:3].isdigit()}


def module_of(number):
    """The module of checks that holds an exercise, such as `n01_word2vec` for "1.2"; None where there is none."""
    name = assignments().get(f"{int(number.split('.')[0]):02d}")
    return importlib.import_module(f"helpers.checks.{name}") if name else None


def find(number):
    """The exercise of this number, such as "1.2".

    Raises:
        CourseError: there is no such exercise.
    """
    try:
        return module_of(number).EXERCISES[number]
    except (AttributeError, KeyError, ValueError):
        raise CourseError(f'There is no exercise {number!r}. Exercises are named like "1.2".') from None
