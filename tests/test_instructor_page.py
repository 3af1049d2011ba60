"""docs/instructor.md shows a whole exercise with its check. It is added here exactly as it stands on the page."""

import copy
import re
import types

import nbformat
import pytest
import torch
import torch.nn.functional as F

from helpers import checks
from helpers.checks import exercises
from helpers.commands.assignments import generated
from tests import mutants
from tests.definitions import NOTEBOOKS

PAGE = (NOTEBOOKS.parent / "docs/instructor.md").read_text(encoding="utf-8")
SECTION = PAGE.split("## Write an exercise\n")[1].split("\n## Grade\n")[0]
CARD, STUB, LINE, CASES, ANSWERS = re.findall(r"```(?:markdown|python)\n(.*?)\n```", SECTION, re.DOTALL)
NAME = "01_word2vec.ipynb"


@pytest.fixture
def added(monkeypatch):
    """The page's exercise, at the end of assignment 01's checks; a namespace with its solution."""
    module = exercises.module_of("1.10")
    monkeypatch.setattr(module, "EXERCISES", dict(module.EXERCISES))
    for kept in (checks.attempts, checks.results, checks.solved):
        kept.clear()
    exec(compile(CASES, module.__file__, "exec"), dict(vars(module)))  # that file is where they go
    notebook = {"torch": torch, "F": F, "check": checks.check}
    exec(compile(STUB, "the page's solution", "exec"), notebook)
    return notebook


@pytest.fixture
def answers(added):
    """As a test module: RIGHT and WRONG."""
    module = types.ModuleType("answers")
    vars(module).update(added, RIGHT=[], WRONG=[])
    exec(compile(ANSWERS, "the page's answers", "exec"), vars(module))
    return module


def test_the_right_answers_are_accepted_and_the_wrong_ones_refused(answers):
    assert len(answers.RIGHT) >= 2 and len(answers.WRONG) >= 4
    assert [checks.check(number, *functions) for number, functions in answers.RIGHT] == [2.0] * len(answers.RIGHT)
    assert all(checks.check(number, *functions) < 2 for number, functions in answers.WRONG)


def test_no_mutant_of_the_solution_survives(answers):
    tried, alive = mutants.unexplained("1.10", answers)
    assert tried >= 10 and alive == []


def test_a_learner_gets_the_stub_and_two_marks_for_the_solution(added, tmp_path, capsys):
    notebook = nbformat.read(NOTEBOOKS / "solutions" / NAME, as_version=4)
    places = [
        next(k for k, c in enumerate(notebook.cells) if c.id == i) for i in ("card-pairs", "pairs", "check-pairs")
    ]
    cells = [copy.deepcopy(notebook.cells[k]) for k in places]
    for cell, name, source in zip(cells, ("card-cosine", "cosine", "check-cosine"), (CARD, STUB, LINE), strict=True):
        cell.id, cell.source = name, source
        if "nbgrader" in cell.metadata:
            cell.metadata.nbgrader.grade_id = name
    notebook.cells[-2:-2] = cells
    nbformat.write(notebook, tmp_path / NAME)
    pattern = nbformat.reads(generated(tmp_path / NAME), as_version=4)
    stub, line = (next(c.source for c in pattern.cells if c.id == i) for i in ("cosine", "check-cosine"))
    assert "raise NotImplementedError" in stub and "normalize" not in stub and line == LINE
    for source, marks, said in (
        (stub, 0, "it is not written yet"),
        (STUB, 2, "Exercise 1.10 is solved: 2 of 2 marks."),
    ):
        exec(compile(source, "a cell", "exec"), added)
        assert eval(line, added) == marks
        assert said in capsys.readouterr().out


def test_the_page_names_the_time_limit_of_a_call():
    assert f"each call is stopped after {checks.Exercise(1, []).seconds:g} seconds" in PAGE
