"""What every assignment's checks must do with the right and the wrong answers that its test module lists.

A module of tests says `from tests.answers import *` and has two lists, RIGHT and WRONG, of pairs: the exercise, such as
"1.2", and the functions that `check` gets. conftest.py hands each pair to the tests below.
"""

import functools
import inspect

from helpers import checks
from tests import mutants

__all__ = [
    "test_a_right_answer_is_accepted",
    "test_a_wrong_answer_is_refused",
    "test_mutants_made_by_machine_are_refused",
    "test_every_exercise_has_four_wrong_answers_and_three_right_ones",
]


def test_a_right_answer_is_accepted(right_answer):
    number, functions = right_answer
    assert checks.check(number, *functions) == checks.find(number).points and checks.passed(number)


def test_a_wrong_answer_is_refused(wrong_answer, capsys):
    number, functions = wrong_answer
    assert checks.check(number, *functions) < checks.find(number).points
    assert not checks.passed(number)
    said = capsys.readouterr().out
    assert "✘" in said and "Hint 1" in said


def test_mutants_made_by_machine_are_refused(numbered, request):
    tried, alive = mutants.unexplained(numbered, request.module)
    print(f"exercise {numbered}: {tried} mutants made by machine")
    assert not alive


def test_every_exercise_has_four_wrong_answers_and_three_right_ones(request):
    right, wrong = request.module.RIGHT, request.module.WRONG
    exercises = checks.module_of(right[0][0]).EXERCISES
    assert all(sum(n == number for n, _ in wrong) >= 4 for number in exercises)
    assert all(sum(n == number for n, _ in right) >= 3 for number in exercises)


def callable_as_on_the_card(wrong, right):
    """Wrong answers that take the names of the first right one, too: each is refused for its own fault alone."""

    def named(function, like):
        names = list(inspect.signature(like).parameters)

        @functools.wraps(function)
        def call(*arguments, **by_name):
            return function(*arguments, *(by_name[name] for name in names[len(arguments) :] if name in by_name))

        return call

    first = dict(reversed(right))
    return [(number, [named(*pair) for pair in zip(some, first[number], strict=True)]) for number, some in wrong]
