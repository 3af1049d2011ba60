"""`check`: tries an exercise's cases one after the other, and tells at once how each of them went."""

import functools
import re
import textwrap

from helpers.checks import edition
from helpers.checks.exercises import find, module_of
from helpers.checks.limits import LINES, can_be_stopped
from helpers.checks.progress import note
from helpers.checks.running import run
from helpers.checks.telling import UNWRITTEN, place

AFTER_ONE = 1.0  # seconds for a call once another one had to be stopped


class Marks(float):
    """Marks reached. nbgrader reads the number; a notebook shows none, since the line above it says what it is of."""

    def _repr_html_(self):
        return ""


class Interrupted(KeyboardInterrupt):
    """The learner stopped a check: a line, not the frames of the checks."""

    def _render_traceback_(self):  # IPython asks for it
        return [f"KeyboardInterrupt: {self}"]


def say(text, indent="  "):
    """Prints a paragraph at once, in lines of 100 columns; no word is broken. A Korean letter takes two columns."""
    wide = re.sub("([가-힣])", "\\1\u2060", text)
    lines = textwrap.wrap(wide, 100, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    print("\n".join(lines).replace("\u2060", ""), flush=True)


def unwritten(verdict):
    return verdict is not True and verdict.endswith(UNWRITTEN.removeprefix("it "))


class Check:
    """One run of `check`: verdicts by case, and what was told already."""

    def __init__(self, number, functions):
        self.number, self.functions, self.exercise = number, functions, find(number)
        self.words = functools.partial(edition.in_words, exercise=number)
        self.verdicts, self.runs, self.right, self.told, self.lines = [], [], set(), set(), 0

    def misused(self):
        """What is wrong with the call of `check` itself, or ""."""
        names = self.exercise.names()
        call = f'check("{self.number}", {", ".join(names)})'
        if len(self.functions) != len(names):
            one = len(names) == 1
            return f"It takes {len(names)} function{'' if one else 's'}, and {len(self.functions)} came: {call}"
        for name, function in zip(names, self.functions, strict=True):
            if not callable(function):
                return (
                    f"{name} is a {type(function).__name__}, not a function. Write its name alone, without (): {call}"
                )
        return ""

    def all_cases(self):
        late, held = False, []
        for case in self.exercise.cases:
            verdict, calls = run(self.exercise, case, self.functions, AFTER_ONE if late else None)
            late = late or calls.late
            self.runs.append(calls)
            self.verdicts.append(verdict)
            if verdict is True and not calls.called - calls.returned <= self.right:
                held.append(len(self.runs) - 1)  # a refusal: worth something where a right value comes, too
                continue
            self.right |= calls.returned if verdict is True else set()
            self.tell(case, verdict, calls)
        for k in held:
            if not self.runs[k].called - self.runs[k].returned <= self.right:
                self.verdicts[k] = "it refuses, but it has returned no right value yet, so this counts for nothing"
            self.tell(self.exercise.cases[k], self.verdicts[k], self.runs[k])

    def tell(self, case, verdict, calls):
        if not (unwritten(verdict) and verdict in self.told):
            again = "the same" if verdict in self.told and len(str(verdict)) > 50 else verdict
            expectation = self.words(case.expectation)
            say(f"✔ {expectation}" if verdict is True else f"✘ {expectation}: {self.words(again)}")
        self.told.add(verdict)
        for line in calls.words.lines()[: LINES - self.lines]:
            print(f"    | {line}", flush=True)
        before, self.lines = self.lines, self.lines + len(calls.words.lines()) + calls.words.more
        if self.lines > LINES >= before:
            print(self.words("    | ... what else it prints is not shown"), flush=True)

    def hints(self, shown):
        """The first hints: those of the cases that failed, then the general ones, then where the solution is."""
        failed = [k for k, verdict in enumerate(self.verdicts) if verdict is not True and not unwritten(verdict)]
        concerned = set().union(*(self.runs[k].called for k in failed))
        others = [f"{name}:" for name in self.exercise.names() if concerned and name not in concerned]
        hints = [self.exercise.cases[k].hint for k in failed if self.exercise.cases[k].hint][:1]
        hints += [hint for hint in self.exercise.hints if not hint.startswith(tuple(others))]
        solution = module_of(self.number).__name__.rsplit(".n", 1)[1]
        hints.append(f"Compare with notebooks/solutions/{solution}.ipynb, then close it and write your own.")
        for i, hint in enumerate(hints[:shown], start=1):
            say(self.words(f"  Hint {i} of {len(hints)}:") + f" {self.words(hint)}", "    ")

    def __call__(self):
        points = self.exercise.points
        if wrong := self.misused():
            say(f"✘ {self.words(wrong)}")
            return Marks(0)
        if not can_be_stopped():
            say(self.words("(Here a call that never ends cannot be stopped by the check: use the stop button.)"))
        self.all_cases()
        right = sum(verdict is True for verdict in self.verdicts)
        marks, done = round(points * right / len(self.verdicts), 2), right == len(self.verdicts)
        failed = not all(verdict is True or unwritten(verdict) for verdict in self.verdicts)
        shown = note(self.number, marks, done, failed, self.functions)
        reached = f"{marks:g} of {points} marks."
        say(self.words(f"Exercise {self.number} is solved: {reached}" if done else reached))
        if failed:
            self.hints(shown)
        return Marks(marks)


def check(number, *functions):
    """Tries the learner's function on the exercise's cases, prints a tick or a cross for each, and hints.

    Args:
        number: the exercise, such as `"1.2"`.
        *functions: what the learner wrote; most exercises ask for one function.

    Returns:
        The marks reached, a float between 0 and the exercise's points (nbgrader reads it as partial credit).
    """
    try:
        return Check(number, functions)()
    except KeyboardInterrupt as stop:
        said = edition.in_words(f"you stopped the check of exercise {number}{place(stop)}.")
        raise Interrupted(said).with_traceback(None) from None
