"""The pages for instructors: docs/instructor.md shows a whole exercise with its check, which is added here exactly as it
stands there; what both pages say of names, files, minutes and headings is so."""

import copy
import inspect
import re
import types

import nbformat
import pytest
import torch
import torch.nn.functional as F

from helpers import checks
from helpers.checks import exercises
from helpers.commands import doctor, grade, intake
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


# ------------------------------------------------------------------------------------------------------- grade, and a hub
def rows_of(table):
    """The rows of a Markdown table as lists of texts, without its head."""
    return [[cell.strip() for cell in line.strip("| ").split("|")] for line in table.strip().splitlines()[2:]]


def table_after(page, words):
    return rows_of(page.split(words)[1].split("\n\n")[1])


def test_every_name_that_the_page_shows_is_taken_as_it_says():
    shown = [name for _, cell in table_after(PAGE, "It takes the names that") for name in re.findall("`([^`]+)`", cell)]
    assert len(shown) >= 9
    for name in shown:
        who, number, (again, _) = intake.whose(name.split("/"), "02_spectrograms")
        assert (
            who in ("kim", "Kim Lee", "leekim") and (number == "12345") == ("12345" in name) and again == ("-1" in name)
        )
    assert intake.whose(["kim-02_spectrograms (1).ipynb"], "02_spectrograms")[2] == (1, 0)
    for left_out in ("__MACOSX", "._name", ".ipynb_checkpoints"):
        assert intake.SKIPPED.fullmatch(left_out) and f"`{left_out}`" in PAGE


def test_the_page_names_the_files_and_columns_of_the_marks():
    assert ", ".join(f"`{name}`" for name in grade.COLUMNS[1:]) in PAGE and f"`{grade.COLUMNS[0]}`" in PAGE
    source = (doctor.ROOT / "helpers/commands/grade.py").read_text(encoding="utf-8")
    for name in ("marks.csv", "marks-to-import.csv"):
        assert f"- `{name}`" in PAGE and f'"{name}"' in source
    seconds = inspect.signature(grade.grade).parameters["timeout"].default
    assert f"more than {seconds} seconds is stopped" in PAGE


def test_the_lines_on_the_page_are_the_hubs():
    config = (NOTEBOOKS.parent / "docs/jupyterhub_config.py").read_text(encoding="utf-8")
    lines = [line for line in config.splitlines() if line.startswith("c.")]
    assert len(lines) == 11 and "These eleven lines" in PAGE
    assert "```python\n" + "\n".join(lines) + "\n```" in PAGE
    untried = PAGE.split("**not tried by us**")[1].split("\n## ")[0]
    assert "The Littlest JupyterHub" in untried and "container" in untried


# ----------------------------------------------------------------------------------------------------- the first lesson
LESSON = (NOTEBOOKS.parent / "docs/first-lesson.md").read_text(encoding="utf-8")
LECTURE, ASSIGNMENT = (
    nbformat.read(NOTEBOOKS / folder / "00_multimodal_learning.ipynb", as_version=4) for folder in ("", "assignments")
)


def text_of(notebook):
    return "\n".join(cell.source for cell in notebook.cells)


def test_the_minutes_follow_one_another_to_90():
    minutes = [row[0].split(" to ") for row in table_after(LESSON, "## The plan")]
    ends = [0] + [int(last) for _, last in minutes]
    assert [int(first) for first, _ in minutes] == ends[:-1] and ends[-1] == 90 and "A plan for 90 minutes" in LESSON
    assert all(row[0] != "" and len(row) == 3 for row in table_after(LESSON, "## The plan"))
    assert "leave out the part from 20 to 32" in LESSON and 90 - (32 - 20) - (87 - 74) < 66


def test_headings_questions_and_exercises_of_the_lesson_exist():
    lecture, headings = text_of(LECTURE), re.findall(r"^## (.*)$", text_of(LECTURE), re.MULTILINE)
    named = re.findall(r"\*(\d\. [^*]+)\*", LESSON)
    assert len(named) == 4 and all(name in headings for name in named)
    assert [heading[:1] for heading in headings] == list("123456"), "sections 5 and 6 are for home"
    assert len(table_after(LESSON, "## The predictions")) == lecture.count("**Stop and predict.**") == 5
    assert "**Explain to each other.**" in lecture and re.search(r"^1\. .*^2\. ", lecture, re.MULTILINE | re.DOTALL)
    exercises_ = re.findall(r"^## (0\.\d)", text_of(ASSIGNMENT), re.MULTILINE)
    assert exercises_ == ["0.0", "0.1", "0.2", "0.3", "0.4", "0.5"] and "exercises 0.1 to 0.5" in LESSON
    assert "numbers_in" in text_of(ASSIGNMENT) and "about one and a half hours" in text_of(ASSIGNMENT)


@pytest.mark.parametrize(
    "on_the_page, in_the_lecture",
    [
        ("about 75 seconds on two free cores", "about 75 seconds on two free CPU cores"),
        ("about two minutes on a slow laptop", "may take 2 minutes"),
        ("up to 1.6 GB", "up to 1.6 GB of memory"),
        ("Nine bursts", "Did you count nine?"),
        ("animals that people keep", "animals that people keep"),
        ("birds and an orca", "birds, plus an orca"),
        ("both pixels half bright", "both pixels are half bright"),
        ("looks like neither", "looks like neither of them"),
        ("the word alone gave the higher accuracy", "The word alone gave a higher accuracy"),
        ("The picture, although", "It leans on the **picture**"),
        ("In OpenMoji.", "With OpenMoji, **more information hurts**"),
        ("In Fluent 3D no difference is shown", "With Fluent 3D no harm is shown, and no gain"),
    ],
)
def test_what_the_lesson_says_stands_in_the_lecture(on_the_page, in_the_lecture):
    assert on_the_page in LESSON and in_the_lecture in text_of(LECTURE)


def test_messages_and_menus_of_the_lesson_are_those_of_the_course():
    from helpers.checks import telling

    assert f"*{telling.UNWRITTEN}*" in LESSON
    for words in (
        "This cell waits for exercise 0.0",
        "NameError: name ... is not defined",
        "Run All Above Selected Cell",
    ):
        assert words in LESSON and words in text_of(ASSIGNMENT)
    assert "make doctor REPORT=1" in LESSON and "make doctor REPORT=1" in PAGE
