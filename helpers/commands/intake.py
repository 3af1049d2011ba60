"""What learning platforms hand over, turned into one clean notebook a learner.

A folder or a .zip file holds what a class handed in, under names that Moodle, Canvas, nbgrader or a person gave.
Nothing is unpacked to the disk under a name that somebody else chose, and a file that cannot be used costs its learner
alone. (nbgrader's zip_collect unpacks whatever is there to the disk, and knows one pattern of names at a time.)
"""

import datetime
import hashlib
import io
import json
import os
import re
import stat
import unicodedata
import zipfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import nbformat

from helpers.commands.assignments import NOTEBOOKS

NOTEBOOK, ARCHIVE = 50_000_000, 2_000_000_000  # bytes at most; a notebook full of pictures has five million
ALL, FILES, DEPTH = 8_000_000_000, 200_000, 4  # bytes and files of archives, and archives within archives
SAID = 3  # lines on files that cannot be used, for each learner
OTHER_ARCHIVES = ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz"
SKIPPED = re.compile(r"__MACOSX|\..*", re.DOTALL)  # ._name and .DS_Store, too, and .ipynb_checkpoints
MOODLE = re.compile(r"(?P<who>.+?)_(?P<id>\d+)_assignsubmission_(?:file|onlinetext)(?:_(?P<rest>.*))?", re.DOTALL)
CANVAS = re.compile(r"(?P<who>[^_]+)_(?:LATE_)?(?P<id>\d+)_(?P<order>\d+)_(?P<rest>.+)", re.DOTALL)


class Unusable(Exception):
    """Why a file cannot be graded, as the end of a sentence that begins with the file's name."""


@dataclass
class Learner:
    """One learner's part of what was handed in.

    Attributes:
        name: as it was handed in.
        identifier: the number that the platform gave them, or else their name.
        folder: a name that every file system and nbgrader take, always the same for the same learner.
        notebook: path of the clean notebook; None where none could be used.
        said: what the teacher should know, a line each.
    """

    name: str
    identifier: str
    folder: str
    notebook: Path | None = None
    said: list = field(default_factory=list)


@dataclass
class File:
    """A file that was handed in: the `parts` of its path, when it was changed, and `read()`, which gives its bytes."""

    parts: list
    time: float
    read: object

    @property
    def shown(self):
        return "/".join(map(plain, self.parts))

    @property
    def ending(self):
        return os.path.splitext(self.parts[-1])[1].lower()


@dataclass
class Allowance:
    """What an archive may still bring. One within it gets a quarter of that, so a bomb leaves room for the class."""

    bytes: int
    files: int
    above: object = None

    def part(self):
        return Allowance(self.bytes // 4, self.files // 4, self)

    def take(self, bytes=0, files=0):
        """Counts what was read here, and in all archives around.

        Raises:
            Unusable: it is too much.
        """
        self.bytes, self.files = self.bytes - bytes, self.files - files
        if self.above:
            self.above.take(bytes, files)
        if self.bytes < 0 or self.files < 0:
            raise Unusable("is too large when unpacked")


def plain(text):
    """A name without signs that a terminal would obey. Hangul and accents that macOS takes apart are put together, and
    what is longer than any disk would take, as only an archive can have, is cut."""
    text = unicodedata.normalize("NFC", text[:1000])[:300]
    return " ".join("".join(" " if unicodedata.category(c)[0] == "C" else c for c in text).split())


# ------------------------------------------------------------------------------------------------------------ the files
def refusal(reason):
    """What a `File.read` is where there is nothing to read."""

    def read():
        raise Unusable(reason)

    return read


def files_in(handed_in):
    """Yields every file of a folder or a .zip file, and every file of the archives there."""
    allowance, handed_in = Allowance(ALL, FILES), Path(handed_in)
    if handed_in.is_file():
        file = File([handed_in.name], handed_in.stat().st_mtime, lambda: bytes_of(handed_in))
        yield from opened(file, allowance, inside=[]) if file.ending == ".zip" else [file]
        return
    for folder, folders, names in os.walk(handed_in):  # follows no link
        folders[:] = sorted(name for name in folders if not SKIPPED.fullmatch(name))
        for name in sorted(name for name in names if not SKIPPED.fullmatch(name)):
            path = Path(folder, name)
            read = lambda path=path: bytes_of(path)  # noqa: E731
            if path.is_symlink() or not path.is_file():
                read = refusal("is a link to another place")
            file = File([*path.relative_to(handed_in).parts], path.lstat().st_mtime, read)
            yield from opened(file, allowance.part()) if file.ending == ".zip" else [file]


def limit_of(name):
    return ARCHIVE if name.lower().endswith(".zip") else NOTEBOOK


def bytes_of(path):
    if (size := path.stat().st_size) > limit_of(path.name):
        raise Unusable(f"is too large: {size / 1e6:,.0f} MB")
    return path.read_bytes()


def opened(file, allowance, depth=1, inside=None):
    """Yields the files of an archive; the archive itself, as one that cannot be used, where that stops."""
    inside = file.parts if inside is None else inside
    try:
        if depth > DEPTH:
            raise Unusable("is an archive within too many others")
        with zipfile.ZipFile(io.BytesIO(file.read())) as archive:
            for member in archive.infolist():
                parts = real_name(member).replace("\\", "/").split("/")
                kept = [part for part in parts if part not in ("", ".", "..")]
                if not kept or member.is_dir() or any(map(SKIPPED.fullmatch, kept)):
                    continue
                allowance.take(files=1)
                read = reader(archive, member, allowance)
                if ".." in parts or parts[0] == "" or re.match("[A-Za-z]:", parts[0]):
                    read = refusal("has a name that leads out of its archive")
                found = File([*inside, *kept], changed(member), read)
                yield from opened(found, allowance.part(), depth + 1) if found.ending == ".zip" else [found]
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, ValueError):
        yield File(file.parts, file.time, refusal("is no .zip file that can be opened"))
    except Unusable as reason:
        yield File(file.parts, file.time, refusal(str(reason)))


def real_name(member):
    """A member's name. Without the mark for UTF-8, macOS means it all the same, and a Korean Windows its own code."""
    if member.flag_bits & 0x800 or member.filename.isascii():
        return member.filename
    for code in ("utf-8", "cp949"):
        try:
            return member.filename.encode("cp437").decode(code)
        except UnicodeError:
            continue
    return member.filename


def changed(member):
    """When a member was changed, in seconds; 0 where its archive tells no real time."""
    try:
        return datetime.datetime(*member.date_time).timestamp()
    except (ValueError, OverflowError, OSError):
        return 0


def reader(archive, member, allowance):
    """Reads a member when it is asked for, and no more than a file may hold, whatever its header says."""

    def read():
        if stat.S_ISLNK(member.external_attr >> 16):
            raise Unusable("is a link to another place")
        limit = min(limit_of(member.filename), allowance.bytes // 4)
        try:
            with archive.open(member) as content:
                data = content.read(limit + 1)
        except Exception as error:  # a damaged stream raises what its method of packing likes
            why = "is locked with a password" if member.flag_bits & 1 else "is damaged: it cannot be unpacked"
            raise Unusable(why) from error
        allowance.take(bytes=len(data))
        if len(data) > limit:
            raise Unusable("is too large when unpacked")
        return data

    return read


# ------------------------------------------------------------------------------------------------------------ the names
def words_of(assignment):
    """The regular expression of an assignment's name, whatever joins its words."""
    return "[-_ ]+".join(map(re.escape, assignment.split("_")))


def without_number(name):
    """("x", 1) for "x (1)", "x-1" and "x-Copy1": the number that browsers and platforms give a second file."""
    found = re.fullmatch(r"(.*?)(?:\s*\((\d{1,6})\)|-(?:Copy)?(\d{1,6}))", name, re.DOTALL)
    return (found[1], int(found[2] or found[3])) if found else (name, 0)


def named(stem, assignment):
    """What a name tells that has the assignment's in it: what stands before that, what behind, and the number of a
    second file. None for another name."""
    pattern = rf"(?:(.*?)[-_ ]+)??(?:copy of )?(?:my[-_ ]+)?{words_of(assignment)}(?![A-Za-z0-9])(.*)"
    if not (found := re.fullmatch(pattern, stem, re.IGNORECASE | re.DOTALL)):
        return None
    behind, number = without_number(found[2])
    return (found[1] or "").strip("-_ "), behind.strip("-_ "), number


def whose(parts, assignment):
    """Of whom a file is, from its name or else from the folders and archives around it.

    Returns:
        name, the platform's number of the learner or None, and how new it is: numbers to compare.
    """
    *above, stem = map(plain, parts)
    stem = os.path.splitext(stem)[0]
    if "notebooks" in above[1:]:  # a whole course was packed: its own folders tell nothing
        above = above[: above.index("notebooks", 1)]
        if len(above) > 1 and re.search("(?i)multi-?modal|course", above[-1]):
            del above[-1]
    above = [re.sub("(?i)[.]zip$", "", part) for part in above]
    for part in (stem, *reversed(above)):
        if found := MOODLE.fullmatch(part) or CANVAS.fullmatch(part):
            told = [named(text, assignment) for text in (found["rest"] or "", stem)]
            number = max(each[2] if each else 0 for each in told)
            return found["who"].strip(), found["id"], (number, int(found.groupdict().get("order") or 0))
    number, behind = without_number(stem)[1], stem
    for place, part in enumerate((stem, *reversed(above))):
        if told := named(part, assignment):
            name, behind, number = told[0], told[1] or behind, max(number, told[2])
        else:
            name = "" if place == 0 or re.fullmatch("(?i)submissions?|archive", part) else part
        if name:
            name, second = re.fullmatch(r"(.+?)(?:\s*\((\d{1,6})\))?", name, re.DOTALL).groups()
            return name, None, (max(number, int(second or 0)), 0)
    return behind, None, (number, 0)


def safe(name, identifier):
    """A folder's name for a learner: letters, digits, blanks and hyphens, in small letters. Where something had to be
    changed or cut, six signs made from the whole name tell it from another."""
    whole = plain(f"{name}-{identifier}" if identifier else name).casefold()
    kept = "".join(c if c.isalnum() or c in "-_ " else "-" for c in whole)[:40].strip("-_ ")
    if kept == whole and not re.fullmatch(r"con|prn|aux|nul|com\d|lpt\d", kept):  # Windows keeps these for itself
        return kept
    return f"{kept or 'learner'}-{hashlib.sha256(whole.encode()).hexdigest()[:6]}"


# -------------------------------------------------------------------------------------------------------- the notebooks
@cache
def graded_cells():
    """The names of the cells that each assignment gives marks for, without own-answer, which all have."""
    found = {}
    for path in sorted((NOTEBOOKS / "solutions").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        told = [cell["metadata"].get("nbgrader", {}) for cell in cells]
        found[path.stem] = {each["grade_id"] for each in told if each.get("grade")} - {"own-answer"}
    return found


def clean(content, assignment):
    """A notebook's bytes, ready for nbgrader, and to be run by the kernel that is here.

    Raises:
        Unusable: it is none, or that of another assignment.
    """
    if not content.strip():
        raise Unusable("is empty")
    try:
        invalid = {}
        notebook = nbformat.reads(content.decode("utf-8-sig"), as_version=4, capture_validation_error=invalid)
        told = [cell.metadata.get("nbgrader", {}) for cell in notebook.cells]
        ids = {each.get("grade_id") for each in told}
    except (UnicodeError, RecursionError, nbformat.reader.NotJSONError) as error:
        raise Unusable("is damaged, or no notebook: it is not JSON") from error
    except Exception as error:  # nbformat raises whatever a strange file makes it stumble over
        raise Unusable("is JSON, but no notebook") from error
    if invalid:
        raise Unusable("is JSON, but no notebook")
    shared = {name: len(ids & cells) for name, cells in graded_cells().items()}
    if shared[assignment] < max(shared.values()):
        raise Unusable(f"is the notebook of {max(shared, key=shared.get)}")
    if not shared[assignment]:
        raise Unusable(f"has none of the checks of {assignment}")
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    try:
        return nbformat.writes(notebook).encode()
    except UnicodeError as error:
        raise Unusable("holds half a sign, which no file can keep") from error


def kind(file, assignment):
    """ "notebook" for what may be an answer, "other" for what is none but stands in for one, None for what is neither:
    notebooks named after other assignments; lectures, solutions and kept copies of a course packed as a whole."""
    *above, name = map(plain, file.parts)
    stem = os.path.splitext(name)[0]
    if above[-2:] in (["notebooks", "solutions"], ["work", "kept"]) or [*above[-1:], stem] == ["notebooks", assignment]:
        return None
    if file.ending in (".zip", *OTHER_ARCHIVES):
        return "notebook"
    if file.ending == ".ipynb":
        return None if any(named(stem, other) for other in graded_cells() if other != assignment) else "notebook"
    return "other" if named(stem, assignment) or whose(file.parts, assignment)[1] else None


def take_in(handed_in, assignment, folder):
    """Turns what a platform handed over into one clean notebook a learner.

    Args:
        handed_in: a folder or a .zip file. Learners are known by the files' names (`NAME-my_02_spectrograms.ipynb`, and
            what Moodle and Canvas make of it), or else by the folder or archive around the file.
        assignment: such as `"02_spectrograms"`.
        folder: where the clean notebooks go. It is made.

    Returns:
        `{folder name: Learner}`, in the order of the names. Of several notebooks of a learner the newest that can be
        used counts: that with the highest number in its name, or else the latest. A learner of whom nothing can be used
        is in it, too, with None for `notebook`.
    """
    learners, usable, refused = {}, {}, {}
    folder.mkdir(parents=True, exist_ok=True)
    for file in files_in(handed_in):
        if not (what := kind(file, assignment)):
            continue
        name, identifier, order = whose(file.parts, assignment)
        key = safe(name, identifier)
        learner = learners.setdefault(key, Learner(name, identifier or name, key))
        pattern = file.parts[-3:-1] == ["notebooks", "assignments"]  # of a packed course: the last choice
        age = not pattern, *order, file.time
        try:
            if what == "other":
                raise Unusable("is no notebook")
            if file.ending in OTHER_ARCHIVES:
                raise Unusable("is an archive of a kind that is not opened here: pack it as .zip")
            content = clean(file.read(), assignment)
        except Unusable as reason:
            if what != "other" or key not in usable:
                refused.setdefault(key, []).append((what, f"{file.shown} {reason}"))
            continue
        usable.setdefault(key, []).append((age, file.shown, hash(content)))
        if max(usable[key])[1] == file.shown:
            learner.notebook = folder / f"{key}.ipynb"
            learner.notebook.write_bytes(content)
    for key, learner in learners.items():
        *older, newest = sorted(usable.get(key, [])) or [(None, None, None)]
        for _, shown, content in older:
            if content != newest[2]:
                learner.said.append(f"{shown} was handed in, too; {newest[1]} is newer and counts.")
        wrong = [reason for what, reason in refused.get(key, []) if what == "notebook" or not newest[1]]
        learner.said += [f"{reason}; {newest[1]} counts." if newest[1] else f"{reason}." for reason in wrong[:SAID]]
        if wrong[SAID:]:
            learner.said.append(f"And {len(wrong) - SAID} more files of theirs can't be used.")
    return dict(sorted(learners.items()))
