"""Grades a class with nbgrader: assigns, collects, runs every submission, writes feedback and a table of marks.

python -m helpers.commands.grade                         # four made-up learners hand in assignment 00: a rehearsal
python -m helpers.commands.grade 02_spectrograms FOLDER  # your class: FOLDER has NAME-my_02_spectrograms.ipynb files

What nbgrader makes lies in results/class/ (the rehearsal's in results/rehearsal/): its gradebook, feedback, marks.csv.
"""

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat

from helpers import CourseError
from helpers.commands.assignments import own_copy

ROOT = Path(__file__).resolve().parents[2]
SOLUTIONS, ASSIGNMENTS = ROOT / "notebooks" / "solutions", ROOT / "notebooks" / "assignments"
REHEARSED = "00_multimodal_learning"
# {timeout}: seconds that a cell may take; then it is stopped, its check counts 0, and the next cell runs.
CONFIG = """c = get_config()
c.Execute.timeout = {timeout}
c.Execute.iopub_timeout = 120  # a busy machine prints late
c.ZipCollectApp.collector_plugin = "nbgrader.plugins.zipcollect.FileNameCollectorPlugin"
c.FileNameCollectorPlugin.named_regexp = (
    r".*[/\\\\](?P<student_id>[^/\\\\]+?)[-/\\\\](my_)?(?P<file_id>\\d\\d_\\w+)\\.ipynb"
)
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
    """Lays out nbgrader's folders: our solution notebook is the source, the learners' files wait to be collected."""
    if not (SOLUTIONS / f"{assignment}.ipynb").exists():
        known = ", ".join(path.stem for path in sorted(SOLUTIONS.glob("*.ipynb")))
        raise CourseError(f"There is no assignment {assignment!r}. There are {known}.")
    if not any(Path(submissions).rglob(f"*{assignment}.ipynb")) and not any(Path(submissions).rglob("*.zip")):
        raise CourseError(f"{submissions} holds no file NAME-my_{assignment}.ipynb, and no .zip of such files.")
    archive = course / "downloaded" / assignment / "archive"
    shutil.rmtree(archive.parent, ignore_errors=True)
    shutil.copytree(submissions, archive)
    (course / "nbgrader_config.py").write_text(CONFIG.format(timeout=timeout), encoding="utf-8")
    (course / "source" / assignment).mkdir(parents=True, exist_ok=True)
    shutil.copy(SOLUTIONS / f"{assignment}.ipynb", course / "source" / assignment)


def grade(course, assignment, submissions, timeout=60):
    """Grades a folder of submissions.

    Args:
        course: `pathlib.Path` of nbgrader's folder; a gradebook that lies there is continued.
        assignment: such as `"02_spectrograms"`.
        submissions: folder of the learners' notebooks, `NAME-my_02_spectrograms.ipynb` or
            `NAME/my_02_spectrograms.ipynb` (the same without `my_` is taken, too), or of .zip files that hold them.
        timeout: seconds that a cell may take.

    Returns:
        A row a learner, as dictionaries: `learner`, marks of each check, `sum`, `of`, and `to read`: the points that
        wait for a reader. A learner whose notebook could not be run has None for marks.

    Raises:
        CourseError: there is no such assignment, no submission, or two of one learner; nbgrader could not make the
            assignment.
    """
    prepare(course, assignment, submissions, timeout)
    for words in (("generate_assignment", "--create", "--force"), ("zip_collect", "--force")):
        if not nbgrader(course, words[0], assignment, *words[1:]):
            log = course / f"{words[0]}.log"
            said = log.read_text(encoding="utf-8")
            if "Duplicate submission file" in said:
                second = re.findall("Parsing file: (.*)", said)[-1]
                raise CourseError(f"Somebody handed in two notebooks; leave one of them out. The second is {second}.")
            raise CourseError(f"nbgrader stopped at {words[0]}; read {log}.")
    nbgrader(course, "autograde", assignment, "--create", "--force")  # a notebook that fails leaves the others graded
    nbgrader(course, "generate_feedback", assignment, "--force")
    table = marks(course, assignment)
    with open(course / "marks.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, table[0])
        writer.writeheader()
        writer.writerows(table)
    return table


def marks(course, assignment):
    """The rows that `grade` returns, from nbgrader's gradebook."""
    from nbgrader.api import Gradebook

    rows = []
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        cells = book.find_notebook(assignment, assignment).grade_cells
        checks = [cell.name for cell in cells if cell.cell_type == "code"]
        for folder in sorted((course / "submitted").glob(f"*/{assignment}")):
            row = {"learner": folder.parent.name} | dict.fromkeys([*checks, "sum"])
            row |= {"of": sum(cell.max_score for cell in cells), "to read": None}
            if (course / "autograded" / folder.parent.name / assignment).exists():
                grades = book.find_submission(assignment, folder.parent.name).notebooks[0].grades
                row |= {g.name: g.score for g in grades if g.name in checks}
                row["sum"] = round(sum(g.score for g in grades), 2)
                row["to read"] = sum(g.max_score for g in grades if g.needs_manual_grade)
            rows.append(row)
    return rows


def as_text(table):
    """A table of marks as Markdown."""
    lines = [list(table[0]), ["---"] + ["---:"] * (len(table[0]) - 1)]
    lines += [["not run" if value is None else str(value) for value in row.values()] for row in table]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main(words):
    if len(words) not in (0, 2) or not all(words):
        raise CourseError(
            "Say which assignment, and where the submissions lie: make grade ASSIGNMENT=... SUBMISSIONS=..."
        )
    course, timeout = ROOT / "results" / ("class" if words else "rehearsal"), 60
    if not words:
        shutil.rmtree(course, ignore_errors=True)
        words, timeout = (REHEARSED, course / "handed-in"), 30
        hand_in(made_up(), words[1])
    table = grade(course, *words, timeout)
    print(as_text(table))
    print(f"This table: {course / 'marks.csv'}. Feedback for each learner: {course / 'feedback'}.")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except CourseError as error:
        sys.exit(str(error))
