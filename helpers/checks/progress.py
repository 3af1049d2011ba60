"""Where a learner stands: kept in notebooks/work/progress.json while a notebook of that folder runs."""

import contextlib
import hashlib
import inspect
import json
import os
import time
import types
import unicodedata
from pathlib import Path

from helpers import keep
from helpers.checks.edition import in_words
from helpers.checks.exercises import assignments, module_of
from helpers.checks.limits import own

WORK = Path(__file__).resolve().parents[2] / "notebooks" / "work"
solved = set()  # in this kernel
attempts = {}  # of each exercise: a mark of every code that failed, in this kernel and, if they are kept, before
results = {}  # of each exercise that was checked in this kernel: its record, as in the file


def place():
    """The file, if this is a learner's notebook in notebooks/work/; None where a class is graded, and for tests."""
    notebook = Path(os.environ.get("JPY_SESSION_NAME") or "").parent  # JupyterLab tells which one
    with contextlib.suppress(OSError):
        if WORK.is_dir() and "PYTEST_VERSION" not in os.environ:
            folders = [folder for folder in (WORK, WORK / "ko") if folder.is_dir()]
            here = any(folder.samefile(other) for folder in folders for other in (Path.cwd(), notebook))
            return WORK / "progress.json" if here else None
    return None


FILE = place()  # when the kernel starts: a cell may change the folder


def read(file=None):
    """The records of all exercises: `{"1.2": {"solved": True, "marks": 2.0, "hints": 1, "tried": [...]}}`."""
    try:
        records = json.loads((file or FILE or WORK / "progress.json").read_text(encoding="utf-8"))
        return {number: record for number, record in records.items() if isinstance(record["hints"], int)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def write(number, record):
    """Adds a record to the file, whatever another kernel writes meanwhile; goes on without where that is impossible."""
    lock = FILE.with_suffix(".lock")
    with contextlib.suppress(OSError):
        end = time.monotonic() + 10
        while not locked(lock):
            if time.monotonic() > end:
                return
            time.sleep(0.01)
        try:
            records = read() | {number: record}
            keep(FILE, lambda file: file.write(json.dumps(records, indent=1).encode()))
        finally:
            lock.unlink(missing_ok=True)


def locked(lock):
    """Whether this file could be made: then nobody else writes. (filelock would leave its file there.)"""
    try:
        os.close(os.open(lock, os.O_CREAT | os.O_EXCL))
        return True
    except (FileExistsError, PermissionError):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - lock.stat().st_mtime > 5:  # left by a kernel that died
                lock.unlink(missing_ok=True)
            return False
        if not os.access(lock.parent, os.W_OK):
            raise
        return False


def note(number, marks, done, failed, functions):
    """Keeps the result of a check. A failure counts once for each code of the learner's.

    Returns:
        How many failures count by now: as many hints are shown.
    """
    before = read().get(number, {}) if FILE else {}
    tried = attempts.setdefault(number, list(before.get("tried", [])))
    if failed and (mark := fingerprint(functions)) not in tried:
        tried.append(mark)
    (solved.add if done else solved.discard)(number)
    shown = max(len(tried) if failed else 0, before.get("hints", 0), results.get(number, {}).get("hints", 0))
    results[number] = {"solved": done, "marks": marks, "hints": shown, "tried": tried[-30:]}
    if FILE:
        write(number, results[number])
    return len(tried)


def fingerprint(functions):
    """A mark that changes with the code of these functions, or of the learner's functions that they call. (With
    inspect.getsource, a comment would be a change.)"""
    seen, parts = set(), []

    def add(thing):
        thing = inspect.unwrap(thing) if callable(thing) else thing
        if isinstance(thing, types.FunctionType) and own(thing.__code__.co_filename) and id(thing) not in seen:
            seen.add(id(thing))
            add_code(thing.__code__)
            parts.append(repr(thing.__defaults__))
            for cell in thing.__closure__ or ():
                with contextlib.suppress(ValueError):  # not filled yet
                    add(cell.cell_contents)
            for name in thing.__code__.co_names:
                add(thing.__globals__.get(name))
        elif isinstance(thing, type) and id(thing) not in seen:
            seen.add(id(thing))
            for value in vars(thing).values():
                add(value)
        elif isinstance(thing, str | int | float | bool):
            parts.append(repr(thing))

    def add_code(code):
        parts.append(repr((code.co_code, code.co_names, code.co_varnames)))
        for constant in code.co_consts:
            add_code(constant) if isinstance(constant, types.CodeType) else parts.append(repr(constant))

    for function in functions:
        parts.append(getattr(function, "__name__", ""))
        add(function)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def passed(*numbers):
    """True once `check` found these exercises solved, in this kernel; says which ones are not."""
    waiting = [number for number in numbers if number not in solved]
    before = read()
    again = [n for n in waiting if n not in results and before.get(n, {}).get("solved")]
    if again:
        cells = ", ".join(f'check("{n}", ...)' for n in again)
        told = f"Solved before this kernel started: run the cells above with {cells} again, and then this one."
        print(in_words(told))
    if rest := [number for number in waiting if number not in again]:
        print(in_words(f"This cell waits for exercise {', '.join(rest)}."))
    return not waiting


def progress(assignment=None):
    """Prints where you stand: every assignment in a row, or every exercise of one, such as "01" or "01_word2vec"."""
    records, names = read() | results, assignments()
    if assignment is not None:
        number = f"{int(str(assignment)[:2]):02d}"
        rows = [(in_words("exercise"), "", in_words("marks"), in_words("hints"))]
        for exercise, of in module_of(number).EXERCISES.items():
            record = records.get(exercise, {})
            status = in_words("not run")
            if record:
                status = in_words("solved") if record["solved"] else in_words("failing")
                status = status if exercise in results else in_words(f"{status} before; not run since")
            marks = in_words(f"{record.get('marks', 0):g} of {of.points}")
            rows.append((exercise, status, marks, f"{record.get('hints', 0)}"))
    else:
        rows = [(in_words("assignment"), in_words("solved"), in_words("marks"), in_words("hints"))]
        total = [0, 0, 0, 0, 0]
        for number, name in names.items():
            exercises = module_of(number).EXERCISES
            own_records = [records.get(n, {}) for n in exercises]
            sums = [sum(r.get(key, 0) for r in own_records) for key in ("solved", "marks", "hints")]
            sums += [len(exercises), sum(e.points for e in exercises.values())]
            total = [a + b for a, b in zip(total, sums, strict=True)]
            rows.append(row(name[1:], sums))
        rows.append(row(in_words("together"), total))
    widths = [max(columns(row[k]) for row in rows) for k in range(4)]
    for texts in rows:
        blanks = [" " * (width - columns(text)) for text, width in zip(texts, widths, strict=True)]
        aligned = [texts[0] + blanks[0], *(gap + text for text, gap in zip(texts[1:], blanks[1:], strict=True))]
        print("  ".join(aligned).rstrip())


def columns(text):
    """How wide a text is in a terminal: a Korean letter takes two columns."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def row(name, sums):
    done, marks, hints, exercises, points = sums
    return name, in_words(f"{done} of {exercises}"), in_words(f"{marks:g} of {points}"), f"{hints}"
