"""Grades a class with nbgrader: takes in, runs every submission, writes feedback and tables of marks.

python -m helpers.commands.grade                         # four made-up learners hand in assignment 00: a rehearsal
python -m helpers.commands.grade 02_spectrograms FOLDER  # your class: FOLDER, or a .zip, is what your platform gives

What nbgrader makes lies in results/class/ (the rehearsal's in results/rehearsal/): its gradebook, feedback, marks.csv;
marks-to-import.csv is for a learning platform.
"""

import csv
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import nbformat

from helpers import CourseError
from helpers.commands.assignments import own_copy
from helpers.commands.intake import take_in

ROOT = Path(__file__).resolve().parents[2]
SOLUTIONS, ASSIGNMENTS = ROOT / "notebooks" / "solutions", ROOT / "notebooks" / "assignments"
REHEARSED = "00_multimodal_learning"
COLUMNS = "Identifier", "Full name", "Grade", "Maximum grade", "Feedback comments"
# {timeout}: seconds that a cell may take; then it is stopped, its check counts 0, and the next cell runs. A busy
# machine needs many for the first cell, which loads the libraries.
CONFIG = """c = get_config()
c.Execute.timeout = {timeout}
c.Execute.iopub_timeout = 120  # a busy machine prints late
"""


def made_up():
    """Four submissions of assignment 00, `{learner: notebook}`: perfect, partial, blank, and one that never ends."""
    solved = {c.id: c.source for c in nbformat.read(SOLUTIONS / f"{REHEARSED}.ipynb", as_version=4).cells}
    changes = {
        "perfect": solved | {"own-answer": "It leans on the name: shuffled, it costs most."},
        # a sum is right by luck now and then; the third check was changed to give itself full marks
        "partial": {"numbers": "numbers_in = sum", "ranks": solved["ranks"], "check-many": "2.0"},
        "blank": {},
        "loop": solved | {"many": "def count(lists):\n    while True:\n        pass\n\n\nbest_guess = count"},
    }
    submissions = {}
    for learner, sources in changes.items():
        submissions[learner] = nbformat.reads(own_copy((ASSIGNMENTS / f"{REHEARSED}.ipynb").read_bytes()), as_version=4)
        for cell in submissions[learner].cells:
            cell.source = sources.get(cell.id, cell.source)
    return submissions


def hand_in(submissions, folder):
    """Writes submissions as a class would: one file a learner."""
    folder.mkdir(parents=True)
    for learner, notebook in submissions.items():
        nbformat.write(notebook, folder / f"{learner}-my_{REHEARSED}.ipynb")


def nbgrader(course, *words):
    """Runs an nbgrader command in the course's folder; True where it found nothing wrong."""
    command = [sys.executable, "-m", "nbgrader", *words]
    path = os.pathsep.join(
        [str(Path(sys.executable).parent), os.environ["PATH"]]
    )  # nbgrader calls its neighbour, alembic
    environment = os.environ | {"PATH": path}
    result = subprocess.run(
        command, cwd=course, env=environment, capture_output=True, text=True, check=False, encoding="utf-8"
    )
    (course / f"{words[0]}.log").write_text(result.stdout + result.stderr, encoding="utf-8")
    return result.returncode == 0


def prepare(course, assignment, submissions, timeout):
    """Lays out nbgrader's folders: our solution notebook is the source, the learners' clean notebooks are submitted.

    Returns:
        The learners, as `take_in` does.
    """
    if not (SOLUTIONS / f"{assignment}.ipynb").exists():
        known = ", ".join(path.stem for path in sorted(SOLUTIONS.glob("*.ipynb")))
        raise CourseError(f"There is no assignment {assignment!r}. There are {known}.")
    taken = course / "taken-in" / assignment
    shutil.rmtree(taken, ignore_errors=True)
    learners = take_in(submissions, assignment, taken)
    if not learners:
        raise CourseError(f"{submissions} holds no file NAME-my_{assignment}.ipynb, and no .zip of such files.")
    (course / "nbgrader_config.py").write_text(CONFIG.format(timeout=timeout), encoding="utf-8")
    (course / "source" / assignment).mkdir(parents=True, exist_ok=True)
    shutil.copy(SOLUTIONS / f"{assignment}.ipynb", course / "source" / assignment)
    for learner in learners.values():
        if learner.notebook:
            submitted = course / "submitted" / learner.folder / assignment
            shutil.rmtree(submitted, ignore_errors=True)
            submitted.mkdir(parents=True)
            shutil.copy(learner.notebook, submitted / f"{assignment}.ipynb")
    return learners


def grade(course, assignment, submissions, timeout=120):
    """Grades a folder of submissions. What the teacher should know of single files is printed, a line each.

    Args:
        course: `pathlib.Path` of nbgrader's folder; a gradebook that lies there is continued.
        assignment: such as `"02_spectrograms"`.
        submissions: folder or .zip file that `take_in` understands.
        timeout: seconds that a cell may take.

    Returns:
        A row a learner, as dictionaries: `learner`, marks of each check, `sum`, `of`, `to read`: the points that wait
        for a reader, and `note`. A learner whose notebook could not be run has None for marks.

    Raises:
        CourseError: there is no such assignment, or no submission; nbgrader could not make the assignment.
    """
    learners = prepare(course, assignment, submissions, timeout)
    for learner in learners.values():
        for line in learner.said:
            print(line)
    if not nbgrader(course, "generate_assignment", assignment, "--create", "--force"):
        raise CourseError(f"nbgrader stopped at generate_assignment; read {course / 'generate_assignment.log'}.")
    enrol(course, learners)
    nbgrader(course, "autograde", assignment, "--create", "--force")  # a notebook that fails leaves the others graded
    nbgrader(course, "generate_feedback", assignment, "--force")
    table, rows = marks(course, assignment, learners)
    write_csv(course / "marks.csv", [{k: "not run" if v is None else v for k, v in row.items()} for row in table])
    write_csv(course / "marks-to-import.csv", rows)
    return table


def enrol(course, learners):
    """Writes the learners' own names into the gradebook, where nbgrader's pages and later calls find them."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        for learner in learners.values():
            told = {"last_name": learner.name[:128], "lms_user_id": learner.identifier[:128]}
            book.update_or_create_student(learner.folder, **told)


def marks(course, assignment, learners):
    """The rows that `grade` returns, from nbgrader's gradebook, and those that a learning platform can import."""
    from nbgrader.api import Gradebook

    table, rows = [], []
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        cells = book.find_notebook(assignment, assignment).grade_cells
        points = {cell.name: cell.max_score for cell in cells}
        checks = [cell.name for cell in cells if cell.cell_type == "code"]
        earlier = {folder.parent.name for folder in (course / "submitted").glob(f"*/{assignment}")}
        students = {student.id: student for student in book.students}
        found = [students[folder] for folder in sorted(earlier | set(learners)) if folder in students]
        names = Counter(student.last_name or student.id for student in found)
        for student in found:
            name = student.last_name or student.id
            shown = f"{name} ({student.lms_user_id})" if names[name] > 1 else name
            said = " ".join(learners[student.id].said) if student.id in learners else ""
            row = {"learner": shown} | dict.fromkeys([*checks, "sum"])
            row |= {"of": sum(points.values()), "to read": None, "note": said}
            if (course / "autograded" / student.id / assignment).exists():
                grades = book.find_submission(assignment, student.id).notebooks[0].grades
                row |= {g.name: g.score for g in grades if g.name in checks}
                row["sum"] = round(sum(g.score for g in grades), 2)
                row["to read"] = sum(g.max_score for g in grades if g.needs_manual_grade)
                said = "; ".join(f"{check} {row[check]:g} of {points[check]:g}" for check in checks)
                said += f"; {row['to read']:g} points wait for a reader" if row["to read"] else ""
            identifier = student.lms_user_id or name
            said = said if row["sum"] is not None else f"not run. {said}".strip()
            values = identifier, name, row["sum"], row["of"], said
            table.append(row)
            rows.append(dict(zip(COLUMNS, values, strict=True)))
    return table, rows


def harmless(value):
    """A text that no spreadsheet takes for a formula; any other value as it is."""
    formula = isinstance(value, str) and value.lstrip(" \t\r\n\"'")[:1] in set("=+-@＝＋－＠")
    return f"'{value}" if formula else value


def write_csv(path, rows):
    """Writes rows so that Excel, too, shows their Hangul and runs nothing that a learner wrote."""
    with open(path, "w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows({key: harmless(value) for key, value in row.items()} for row in rows)


def in_a_cell(value):
    return "not run" if value is None else value.replace("|", "/") if isinstance(value, str) else f"{value:g}"


def as_text(table):
    """A table of marks as Markdown."""
    table = [{key: value for key, value in row.items() if key != "note"} for row in table]
    lines = [list(table[0]), ["---"] + ["---:"] * (len(table[0]) - 1)]
    lines += [[in_a_cell(value) for value in row.values()] for row in table]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main(words):
    if len(words) not in (0, 2) or not all(words):
        raise CourseError(
            "Say which assignment, and where the submissions lie: make grade ASSIGNMENT=... SUBMISSIONS=..."
        )
    course = ROOT / "results" / ("class" if words else "rehearsal")
    if not words:
        shutil.rmtree(course, ignore_errors=True)
        words = REHEARSED, course / "handed-in"
        hand_in(made_up(), words[1])
    table = grade(course, *words)
    print(as_text(table))
    print(f"This table: {course / 'marks.csv'}. For your platform: {course / 'marks-to-import.csv'}.")
    print(f"Feedback for each learner: {course / 'feedback'}.")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except CourseError as error:
        sys.exit(str(error))
