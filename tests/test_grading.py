"""A class of four hands in assignment 00: nbgrader's marks are those of the checks, and a loop without end costs one exercise."""

import csv
import shutil
import subprocess
import zipfile

import nbformat
import pytest

from helpers import CourseError, checks
from helpers.commands import grade
from helpers.commands.assignments import own_copy
from tests.definitions import NOTEBOOKS

POINTS = {"check-numbers": 1, "check-ranks": 3, "check-many": 2, "check-shuffle": 3, "check-dropout": 3}


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The folder of the graded class, and its table of marks by learner."""
    course = tmp_path_factory.mktemp("class") / "course"
    course.mkdir()
    grade.hand_in(grade.made_up(), course / "handed-in")
    in_the_pattern(course / "handed-in", "partial")
    table = grade.grade(course, grade.REHEARSED, course / "handed-in", timeout=30)
    return course, {row["learner"]: row for row in table}


def in_the_pattern(folder, learner):
    """Makes a submission one of a learner who worked in the pattern: its banner is at the top, and `my_` not in its name."""
    own = folder / f"{learner}-my_{grade.REHEARSED}.ipynb"
    notebook = nbformat.read(own, as_version=4)
    notebook.cells.insert(0, nbformat.read(grade.ASSIGNMENTS / f"{grade.REHEARSED}.ipynb", as_version=4).cells[0])
    assert notebook.cells[0].id == "pattern"
    nbformat.write(notebook, folder / f"{learner}-{grade.REHEARSED}.ipynb")
    own.unlink()


def checked(notebook):
    """The marks of each check when the cells up to it are run here: only set-up, stubs and checks."""
    names, found = {}, {}
    checks.solved.clear()
    for cell in notebook.cells:
        told = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code" and (cell.id == "setup" or told.get("solution")):
            exec(cell.source, names)
        elif cell.cell_type == "code" and told.get("grade"):
            found[cell.id] = eval(cell.source, names)
    return found


@pytest.mark.parametrize("learner", ["perfect", "partial", "blank"])
def test_nbgraders_marks_are_those_of_the_checks(learner, graded):
    submission = grade.made_up()[learner]
    original = grade.made_up()["blank"]
    for cell, first in zip(submission.cells, original.cells, strict=True):
        if cell.metadata.get("nbgrader", {}).get("locked"):
            cell.source = first.source  # a check that the learner changed counts as it was
    row, found = graded[1][learner], checked(submission)
    assert {name: row[name] for name in POINTS} == found
    assert row["sum"] == round(sum(found.values()), 2) and row["of"] == 14


def test_the_four_marks(graded):
    _, rows = graded
    assert {name: rows["perfect"][name] for name in POINTS} == POINTS
    assert {name: rows["blank"][name] for name in POINTS} == dict.fromkeys(POINTS, 0)
    assert 0 < rows["partial"]["check-numbers"] < 1, "some cases right: a part of the marks"
    assert rows["partial"]["check-ranks"] == 3
    assert rows["partial"]["check-many"] == 0, "a check that was changed to return 2.0 gives nothing"
    assert {name: rows["loop"][name] for name in POINTS} == POINTS | {"check-many": 0}
    assert [rows[who]["to read"] for who in ("perfect", "partial", "blank")] == [2, 0, 0], (
        "their own words, if they wrote some"
    )


def test_the_learners_copy_is_the_one_that_nbgrader_releases(graded):
    course, _ = graded
    released = nbformat.read(course / "release" / grade.REHEARSED / f"{grade.REHEARSED}.ipynb", as_version=4)
    pattern = (NOTEBOOKS / "assignments" / f"{grade.REHEARSED}.ipynb").read_bytes()
    copy = nbformat.reads(own_copy(pattern), as_version=4)
    assert [(c.id, c.source) for c in released.cells] == [(c.id, c.source) for c in copy.cells]


def test_every_learner_gets_feedback_and_the_table_is_written(graded):
    course, rows = graded
    said = {}
    for learner in rows:
        (page,) = (course / "feedback" / learner).rglob("*.html")
        said[learner] = page.read_text(encoding="utf-8")
    assert "Exercise 0.3 is solved" in said["perfect"]
    assert "it is not written yet" in said["blank"]
    assert "does a loop there never end?" in said["loop"]
    with open(course / "marks.csv", newline="", encoding="utf-8") as file:
        assert {row["learner"]: float(row["sum"]) for row in csv.DictReader(file)} == {
            k: r["sum"] for k, r in rows.items()
        }


def test_a_notebook_that_was_not_run_is_told_from_one_without_marks(graded, tmp_path):
    course, rows = graded
    shutil.copy(course / "gradebook.db", tmp_path)
    for learner in ("blank", "perfect"):
        (tmp_path / "submitted" / learner / grade.REHEARSED).mkdir(parents=True)
    (tmp_path / "autograded" / "blank" / grade.REHEARSED).mkdir(parents=True)
    blank, perfect = grade.marks(tmp_path, grade.REHEARSED)
    assert blank["sum"] == 0 and perfect["sum"] is None
    assert "| perfect | not run |" in grade.as_text([blank, perfect])


def test_files_folders_and_zip_files_are_collected(tmp_path):
    handed_in, blank = tmp_path / "handed-in", grade.ASSIGNMENTS / f"{grade.REHEARSED}.ipynb"
    for name in ("kim/{}", "o-hara-{}", "sunny/my_{}", "amy-my_{}", "my-my_{}"):
        path = handed_in / (name.format(grade.REHEARSED) + ".ipynb")
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(blank, path)
    with zipfile.ZipFile(handed_in / "class.zip", "w") as archive:
        archive.write(blank, f"lee jun-{grade.REHEARSED}.ipynb")
        archive.write(blank, f"ada-my_{grade.REHEARSED}.ipynb")
    grade.prepare(tmp_path, grade.REHEARSED, handed_in, 30)
    assert grade.nbgrader(tmp_path, "zip_collect", grade.REHEARSED, "--force")
    collected = (tmp_path / "submitted").glob(f"*/{grade.REHEARSED}/{grade.REHEARSED}.ipynb")
    assert sorted(path.parts[-3] for path in collected) == ["ada", "amy", "kim", "lee jun", "my", "o-hara", "sunny"]


def test_two_notebooks_of_one_learner_are_told(tmp_path, monkeypatch):
    handed_in = tmp_path / "handed-in"
    for name in (f"kim/{grade.REHEARSED}.ipynb", f"kim/my_{grade.REHEARSED}.ipynb", f"lee-my_{grade.REHEARSED}.ipynb"):
        (handed_in / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(grade.ASSIGNMENTS / f"{grade.REHEARSED}.ipynb", handed_in / name)
    nbgrader = grade.nbgrader  # collecting is enough here
    monkeypatch.setattr(
        grade, "nbgrader", lambda c, word, *more: word == "generate_assignment" or nbgrader(c, word, *more)
    )
    with pytest.raises(CourseError, match=f"handed in two notebooks.*kim.my_{grade.REHEARSED}.ipynb"):
        grade.grade(tmp_path, grade.REHEARSED, handed_in)


def test_what_cannot_be_graded_is_said_in_a_line(tmp_path):
    with pytest.raises(CourseError, match="There is no assignment '99_nothing'. There are 00_"):
        grade.prepare(tmp_path, "99_nothing", tmp_path, 30)
    with pytest.raises(CourseError, match="holds no file NAME-my_02_spectrograms.ipynb"):
        grade.prepare(tmp_path, "02_spectrograms", tmp_path, 30)
    with pytest.raises(CourseError, match="make grade ASSIGNMENT"):
        grade.main(["02_spectrograms", ""])


def test_make_grade_knows_the_rehearsal_and_the_class():
    def said(*words):
        command = ["make", "--no-print-directory", "-n", "-o", ".venv/installed", "grade", *words]  # under make, too
        return subprocess.run(
            command, cwd=NOTEBOOKS.parent, capture_output=True, text=True, check=True, encoding="utf-8"
        ).stdout.strip()

    assert said().endswith("python -m helpers.commands.grade")
    assert said("ASSIGNMENT=02_spectrograms", "SUBMISSIONS=here").endswith(
        'python -m helpers.commands.grade "02_spectrograms" "here"'
    )
