"""A class of four hands in assignment 00: nbgrader's marks are those of the checks, and a loop without end costs one exercise."""

import csv
import locale
import shutil
import subprocess

import nbformat
import pytest

from helpers import CourseError, checks
from helpers.commands import grade, intake
from helpers.commands.assignments import own_copy
from tests.definitions import NOTEBOOKS

POINTS = {"check-numbers": 1, "check-ranks": 3, "check-many": 2, "check-shuffle": 3, "check-dropout": 3}


ODD = "=1+이서윤"  # the blank notebook's learner: a formula to a spreadsheet, and no name for a folder


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The folder of the graded class, and its table of marks by learner."""
    if not str(NOTEBOOKS).isascii() and locale.getencoding().lower() != "utf-8":
        pytest.skip("alembic reads its settings, which name this folder, in the system's encoding: set LC_ALL=C.UTF-8")
    course = tmp_path_factory.mktemp("class") / "course"
    course.mkdir()
    handed_in, own = course / "handed-in", f"my_{grade.REHEARSED}.ipynb"
    grade.hand_in(grade.made_up(), handed_in)
    in_the_pattern(handed_in, "partial")
    (handed_in / f"blank-{own}").rename(handed_in / f"{ODD}_12345_assignsubmission_file_{own}")
    (handed_in / f"torn-{own}").write_text("{", encoding="utf-8")
    table = grade.grade(course, grade.REHEARSED, handed_in)
    return course, {"blank" if row["learner"] == ODD else row["learner"]: row for row in table}


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


def read_csv(path):
    """A file as Excel reads it: its first sign tells that it is UTF-8."""
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with open(path, newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def test_every_learner_gets_feedback_and_the_table_is_written(graded):
    course, rows = graded
    said = {}
    for learner in ("perfect", "blank", "loop"):
        part = "이서윤" if learner == "blank" else learner
        (page,) = next(path for path in (course / "feedback").iterdir() if part in path.name).rglob("*.html")
        said[learner] = page.read_text(encoding="utf-8")
    assert "Exercise 0.3 is solved" in said["perfect"]
    assert "it is not written yet" in said["blank"]
    assert "does a loop there never end?" in said["loop"]
    table = {row["learner"].replace(f"'{ODD}", "blank"): row for row in read_csv(course / "marks.csv")}
    assert {name: row["sum"] for name, row in table.items() if name != "torn"} == {
        name: str(row["sum"]) for name, row in rows.items() if name != "torn"
    }
    assert list(table) == list(rows) and {table["torn"][name] for name in ("sum", *POINTS)} == {"not run"}


def test_a_torn_notebook_stops_nobody_and_is_named(graded):
    _, rows = graded
    reason = f"torn-my_{grade.REHEARSED}.ipynb is damaged, or no notebook: it is not JSON."
    assert rows["torn"]["sum"] is None and rows["torn"]["note"] == reason
    assert [name for name, row in rows.items() if row["sum"] is None] == ["torn"]
    assert "| torn | not run |" in grade.as_text(list(rows.values()))


def test_a_learning_platform_can_import_the_marks(graded):
    course, rows = graded
    table = {row["Full name"]: row for row in read_csv(course / "marks-to-import.csv")}
    assert list(table[f"'{ODD}"]) == ["Identifier", "Full name", "Grade", "Maximum grade", "Feedback comments"]
    assert table[f"'{ODD}"]["Identifier"] == "12345", "Moodle's own number"
    assert table["perfect"] == {
        "Identifier": "perfect",
        "Full name": "perfect",
        "Grade": str(rows["perfect"]["sum"]),
        "Maximum grade": "14.0",
        "Feedback comments": "check-numbers 1 of 1; check-ranks 3 of 3; check-many 2 of 2; check-shuffle 3 of 3; "
        "check-dropout 3 of 3; 2 points wait for a reader",
    }
    assert table["torn"]["Grade"] == "" and table["torn"]["Feedback comments"].startswith("not run. torn-my_")


@pytest.mark.parametrize(
    "text", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\t=1", " =1", '"=1', "'=1", "＝1", "\r\n=1"]
)  # fmt: skip
def test_no_spreadsheet_runs_what_a_learner_wrote(text, tmp_path):
    grade.write_csv(tmp_path / "marks.csv", [{"learner": text, "sum": -1.5, "note": f"so {text}"}])
    (row,) = read_csv(tmp_path / "marks.csv")
    assert row == {"learner": f"'{text}", "sum": "-1.5", "note": f"so {text}"}


def test_the_pages_table_is_that_of_the_rehearsal(graded):
    _, rows = graded
    page = (NOTEBOOKS.parent / "docs/instructor.md").read_text(encoding="utf-8")
    made = grade.as_text([rows[name] | {"learner": name} for name in ("blank", "loop", "partial", "perfect")])
    assert made in page


def test_two_learners_of_one_name_are_told_apart_by_their_numbers(graded, tmp_path):
    course, _ = graded
    shutil.copy(course / "gradebook.db", tmp_path)
    learners = {key: intake.Learner("Kim Lee", key[-1], key) for key in ("kim lee-1", "kim lee-2")}
    grade.enrol(tmp_path, learners)
    table, rows = grade.marks(tmp_path, grade.REHEARSED, learners)
    assert [row["learner"] for row in table] == ["Kim Lee (1)", "Kim Lee (2)"]
    assert [(row["Identifier"], row["Full name"]) for row in rows] == [("1", "Kim Lee"), ("2", "Kim Lee")]


def test_a_notebook_that_was_not_run_is_told_from_one_without_marks(graded, tmp_path):
    course, rows = graded
    shutil.copy(course / "gradebook.db", tmp_path)
    blank = next(path.name for path in (course / "submitted").iterdir() if "이서윤" in path.name)
    for learner in (blank, "perfect"):
        (tmp_path / "submitted" / learner / grade.REHEARSED).mkdir(parents=True)
    (tmp_path / "autograded" / blank / grade.REHEARSED).mkdir(parents=True)
    (blank, perfect), _ = grade.marks(tmp_path, grade.REHEARSED, {})
    assert blank["learner"] == ODD and blank["sum"] == 0 and perfect["sum"] is None
    assert "| perfect | not run |" in grade.as_text([blank, perfect])


def test_what_is_said_of_a_file_is_printed_and_nbgrader_gets_the_newest(tmp_path, capsys, monkeypatch):
    handed_in, blank = tmp_path / "handed-in", (grade.ASSIGNMENTS / f"{grade.REHEARSED}.ipynb").read_bytes()
    handed_in.mkdir()
    for name, content in {"": blank, " (1)": blank.replace(b"This is the pattern", b"This is newer")}.items():
        (handed_in / f"kim-my_{grade.REHEARSED}{name}.ipynb").write_bytes(content)
    monkeypatch.setattr(grade, "nbgrader", lambda *words: False)
    with pytest.raises(CourseError, match="nbgrader stopped at generate_assignment; read .*generate_assignment.log"):
        grade.grade(tmp_path, grade.REHEARSED, handed_in)
    one = f"kim-my_{grade.REHEARSED}"
    assert capsys.readouterr().out == f"{one}.ipynb was handed in, too; {one} (1).ipynb is newer and counts.\n"
    submitted = tmp_path / "submitted" / "kim" / grade.REHEARSED / f"{grade.REHEARSED}.ipynb"
    assert "This is newer" in submitted.read_text(encoding="utf-8")


def test_what_cannot_be_graded_is_said_in_a_line(tmp_path):
    with pytest.raises(CourseError, match="There is no assignment '99_nothing'. There are 00_"):
        grade.prepare(tmp_path, "99_nothing", tmp_path, 30)
    with pytest.raises(CourseError, match="holds no file NAME-my_02_spectrograms.ipynb"):
        grade.prepare(tmp_path, "02_spectrograms", tmp_path, 30)
    with pytest.raises(CourseError, match="make grade ASSIGNMENT"):
        grade.main(["02_spectrograms", ""])


def test_make_grade_knows_the_rehearsal_and_the_class():
    def said(*words):
        command = ["make", "-n", "-o", ".venv/installed", "grade", *words]
        return subprocess.run(
            command, cwd=NOTEBOOKS.parent, capture_output=True, text=True, check=True, encoding="utf-8"
        ).stdout.strip()

    assert said().endswith("python -m helpers.commands.grade")
    assert said("ASSIGNMENT=02_spectrograms", "SUBMISSIONS=here").endswith(
        'python -m helpers.commands.grade "02_spectrograms" "here"'
    )
