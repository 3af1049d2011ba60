"""Makes the learner's copies of the assignments.

python -m helpers.commands.assignments generate  # notebooks/solutions/ -> assignments/, by nbgrader's preprocessors
python -m helpers.commands.assignments copy      # notebooks/assignments/ -> work/, never over a learner's file
"""

import shutil
import sys

import nbformat

from helpers.data import ROOT

NOTEBOOKS = ROOT / "notebooks"


def generated(solution):
    """The learner's copy of a solution notebook: stubs for solutions, no hidden tests, no outputs, locked checks.

    Args:
        solution: `pathlib.Path` of a notebook with nbgrader's cell metadata.

    Returns:
        The copy as the text of an `.ipynb` file.
    """
    # imported here: `copy`, which every `make lab` runs, should not wait for nbgrader
    from nbgrader.preprocessors import CheckCellMetadata, ClearHiddenTests, ClearOutput, ClearSolutions, LockCells

    notebook = nbformat.read(solution, as_version=4)
    for preprocessor in (CheckCellMetadata, ClearSolutions, ClearHiddenTests, LockCells, ClearOutput):
        notebook, _ = preprocessor().preprocess(notebook, {})
    return nbformat.writes(notebook) + "\n"


def generate():
    for solution in sorted((NOTEBOOKS / "solutions").glob("*.ipynb")):
        (NOTEBOOKS / "assignments").mkdir(exist_ok=True)
        (NOTEBOOKS / "assignments" / solution.name).write_text(generated(solution), encoding="utf-8")
        print(f"made notebooks/assignments/{solution.name}")


def copy():
    kept = 0
    for assignment in sorted((NOTEBOOKS / "assignments").glob("*.ipynb")):
        own = NOTEBOOKS / "work" / assignment.name
        if own.exists():
            kept += 1
        else:
            own.parent.mkdir(exist_ok=True)
            shutil.copy(assignment, own)
            print(f"made notebooks/work/{own.name} for you to fill in")
    if kept:
        print(f"left {kept} in notebooks/work/ as they are: they are yours")


if __name__ == "__main__":
    commands = {"generate": generate, "copy": copy}
    if len(sys.argv) != 2 or sys.argv[1] not in commands:
        sys.exit("Say what to do: python -m helpers.commands.assignments generate, or copy")
    commands[sys.argv[1]]()
