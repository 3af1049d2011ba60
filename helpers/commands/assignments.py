"""Makes the patterns of the assignments, and the learner's own copies of them.

python -m helpers.commands.assignments generate     # solutions/ -> assignments/, by nbgrader's preprocessors
python -m helpers.commands.assignments copy         # assignments/NN_name.ipynb -> work/my_NN_name.ipynb, if not there
python -m helpers.commands.assignments copy FOLDER  # the same into another folder, where many share one install
"""

import json
import os
import secrets
import sys
import time
from pathlib import Path

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
GOES_ON = "raises-exception"  # JupyterLab, nbclient and nbgrader know this tag
# JupyterLab draws this class as a coloured box. The link is one that opens the learner's copy in JupyterLab.
BANNER = """<div class="alert alert-warning">

**This is the pattern of the assignment, not your copy.** An update replaces this page, so please don't work in it.
Your copy is [`notebooks/work/my_{name}`](../work/my_{name}), which `make lab` makes for you.

</div>"""


def generated(solution):
    """The pattern of an assignment: a banner, then the solution notebook with stubs for solutions, no hidden tests, no
    outputs and locked checks.

    Args:
        solution: `pathlib.Path` of a notebook with nbgrader's cell metadata.

    Returns:
        The pattern as the text of an `.ipynb` file.
    """
    # imported here: `copy`, which every `make lab` runs, should not wait for them
    import nbformat
    from nbgrader.preprocessors import CheckCellMetadata, ClearHiddenTests, ClearOutput, ClearSolutions, LockCells

    notebook = nbformat.read(solution, as_version=4)
    for preprocessor in (CheckCellMetadata, ClearSolutions, ClearHiddenTests, LockCells, ClearOutput):
        notebook, _ = preprocessor().preprocess(notebook, {})
    fixed = {"deletable": False, "editable": False}
    banner = nbformat.v4.new_markdown_cell(BANNER.format(name=solution.name), id="pattern", metadata=fixed)
    notebook.cells.insert(0, banner)
    return nbformat.writes(notebook) + "\n"


def own_copy(content):
    """What a learner starts from: a notebook's bytes without the pattern's banner, where *Run All* goes on after a cell
    that fails (its tag `raises-exception`), down to the overview. No notebook? Then as it is."""
    try:
        notebook = json.loads(content)
        notebook["cells"] = [cell for cell in notebook["cells"] if cell.get("id") != "pattern"]
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                tags = cell.setdefault("metadata", {}).setdefault("tags", [])
                tags += [] if GOES_ON in tags else [GOES_ON]
    except (ValueError, LookupError, TypeError):
        return content
    return (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode()


def write_new(path, content):
    """Writes bytes to a file that isn't there yet, whole or not at all.

    Returns:
        Whether it was written: False where something has this name already, which stays as it is.

    Raises:
        OSError: the folder can't be written, or the disk is full. Nothing is left behind.
    """
    if os.path.lexists(path):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")  # a name of its own for each call
    try:
        part.write_bytes(content)
        path.open("xb").close()  # takes the name, unless another process was quicker
        try:
            part.replace(path)
        except OSError:
            path.unlink()
            raise
    except FileExistsError:
        return False
    finally:
        part.unlink(missing_ok=True)
    return True


def written(content):
    """What a person can type into a notebook, of a file's bytes: each cell's kind, source and attachments, in order.
    Where the bytes are no notebook (a merge stopped in it, say), they are returned as they are."""
    try:
        cells = json.loads(content)["cells"]
        return [(cell["cell_type"], "".join(cell["source"]), cell.get("attachments") or None) for cell in cells]
    except (ValueError, LookupError, TypeError):
        return content


def keep(name, content, known):
    """Puts a notebook that is about to be replaced into `notebooks/work/kept/`, if somebody typed into it.

    Args:
        name: its path below `notebooks/`, such as `"assignments/02_spectrograms.ipynb"`.
        content: its bytes.
        known: versions of it (bytes) that somebody else keeps, such as the repository.

    Returns:
        The name of the kept copy, below `work/kept/`, with date and time; one made earlier if that has the same bytes;
        None where there was nothing to keep.

    Raises:
        OSError: the copy can't be written.
    """
    if written(content) in [written(other) for other in known]:
        return None
    stem, folder = name.removesuffix(".ipynb").replace("/", "_"), NOTEBOOKS / "work" / "kept"
    for earlier in folder.glob(f"{stem}_*.ipynb"):
        if earlier.read_bytes() == content:
            return earlier.name
    path, number = folder / f"{stem}_{time.strftime('%Y-%m-%d_%H%M%S')}.ipynb", 1
    while not write_new(path, content):
        number += 1
        path = path.with_stem(f"{path.stem.removesuffix(f'-{number - 1}')}-{number}")
    return path.name


def generate():
    """Makes every pattern anew, and says so. What somebody typed into one of them by mistake is kept."""
    from helpers.commands.update import versions

    for solution in sorted((NOTEBOOKS / "solutions").glob("*.ipynb")):
        pattern, text = NOTEBOOKS / "assignments" / solution.name, generated(solution)
        if pattern.exists():
            name = f"assignments/{solution.name}"
            if kept := keep(name, pattern.read_bytes(), [text.encode(), *versions(f"notebooks/{name}")]):
                print(f"kept the notebooks/{name} that was there as notebooks/work/kept/{kept}")
        pattern.parent.mkdir(exist_ok=True)
        pattern.write_text(text, encoding="utf-8")
        print(f"made notebooks/assignments/{solution.name}")


def copy(folder=None, patterns=None):
    """Makes the learner's copies that are not there yet, never over a file, and says what it did.

    Args:
        folder: where they go; `notebooks/work/` if None. A file there that has the pattern's own name, as copies had
            formerly, stays, and the copy starts from it.
        patterns: the folder of the patterns; `notebooks/assignments/` if None.
    """
    folder = NOTEBOOKS / "work" if folder is None else Path(folder)
    inside = folder.is_relative_to(NOTEBOOKS)
    shown = f"notebooks/{folder.relative_to(NOTEBOOKS).as_posix()}" if inside else folder
    there, patterns = 0, sorted((patterns or NOTEBOOKS / "assignments").glob("*.ipynb"))
    try:
        for pattern in patterns:
            own, old = folder / f"my_{pattern.name}", folder / pattern.name
            if os.path.lexists(own):
                there += 1
            elif old.is_file():
                if write_new(own, own_copy(old.read_bytes())):
                    print(f"made {shown}/{own.name} from your {shown}/{old.name}, which stays as it is")
            elif write_new(own, own_copy(pattern.read_bytes())):
                print(f"made {shown}/{own.name} for you to fill in")
    except OSError as error:  # the lectures can be read all the same, so `make lab` goes on
        reason = error.strerror or error
        print(
            f"Your copies of the assignments can't all be written into {shown}/: {reason}. "
            "Make room on the disk, or make that folder writable, then call this again.",
            file=sys.stderr,
        )
    if there:
        print(f"left {there} in {shown}/ as they are: they are yours")
    todays = {f"my_{pattern.name}" for pattern in patterns}
    for own in sorted(folder.glob("*.ipynb")):
        if own.name.startswith("my_") and own.name[3:5].isdigit() and own.name not in todays:
            print(
                f"{shown}/{own.name} stays as it is, too. The course has no assignment of that name now: copy what you "
                "wrote from it into those of today, which stand beside it."
            )


if __name__ == "__main__":
    commands = {("generate", 1): generate, ("copy", 1): copy, ("copy", 2): copy}
    words = sys.argv[1:]
    if not words or (words[0], len(words)) not in commands:
        sys.exit("Say what to do: python -m helpers.commands.assignments generate, or copy")
    commands[words[0], len(words)](*words[1:])
