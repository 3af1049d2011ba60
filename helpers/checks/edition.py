"""The checks' and scoreboards' words in the notebook's language: Korean in notebooks/ko and notebooks/work/ko.

The checks themselves speak English. Where a sentence is printed, `in_words` looks it up in the catalogs of locale/ko.
"""

import functools
import os
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KOREAN = [ROOT / "notebooks/ko", ROOT / "notebooks/ko/assignments", ROOT / "notebooks/work/ko"]
PARTICLES = {"이(가)": "이가", "은(는)": "은는", "을(를)": "을를", "과(와)": "과와"}  # after a consonant, after a vowel
PARTICLE = r"([^\W_])(\W{0,2})([이은을과]\([가는를와]\))"  # after a word, and up to two signs that close it
HOLE = r"((?:\{[^{}]*\})+)"  # in an entry such as "the shape is {got.shape}, not {expected.shape}"


def korean():
    """Whether a notebook of the Korean edition runs. JupyterLab tells which one it is; others start in its folder."""
    try:
        folders = Path.cwd(), ROOT / Path(os.environ.get("JPY_SESSION_NAME") or "").parent
        return any(folder.resolve() == place.resolve() for folder in folders for place in KOREAN)
    except OSError:  # the folder was deleted
        return False


LANGUAGE = "ko" if korean() else "en"  # when the kernel starts: a cell may change the folder


@functools.cache
def catalog(name):
    """The entries of locale/ko/checks/name.po: sentences as they are, `{English: Korean}`, and those with holes, as
    `[(pattern, holes, Korean, length without the holes)]`. A colon at the end is left out. Python's gettext knows
    the first kind alone: it would want every sentence before its numbers are filled in."""
    import polib

    path = ROOT / f"locale/ko/checks/{name}.po"
    entries = [entry for entry in polib.pofile(str(path), encoding="utf-8") if entry.msgstr and not entry.fuzzy]
    done = {entry.msgid.strip(" :"): entry.msgstr.strip(" :") for entry in entries}
    holed = []
    for english in done:
        parts = re.split(HOLE, english)
        if len(parts) > 1:
            hole = "(.*?)" if sum(map(str.isalpha, "".join(parts[::2]))) > 3 else "([0-9.,]*)"  # "3 of 5"
            pattern = "".join(hole if i % 2 else re.escape(part) for i, part in enumerate(parts))
            holed.append((re.compile(pattern, re.DOTALL), parts[1::2], done[english], len("".join(parts[::2]))))
    return done, holed


def in_words(text, exercise=""):
    """A sentence of a check in the notebook's language; in English where it has no translation.

    Args:
        text: the English sentence, whatever numbers and names it was made with.
        exercise: whose check says it, such as `"1.2"`.
    """
    if LANGUAGE == "en":
        return text
    own = f"n{int(exercise.split('.')[0]):02d}" if exercise else ""
    names = [name for name in (own, "engine") if (ROOT / f"locale/ko/checks/{name}.po").exists()]
    return re.sub(PARTICLE, particle, translated(text, names))


def in_table(text):
    """A table of `helpers.scoreboard` in the notebook's language, line by line."""
    if LANGUAGE == "en":
        return text
    return "".join(translated(line, ["helpers"]) for line in text.splitlines(keepends=True))


def particle(match):
    """131이(가) becomes 131이, and float32이(가) float32가: by the sound that the last letter or digit ends with."""
    last, quote, both = match.groups()
    hangul = "가" <= last <= "힣"
    closed = (ord(last) - ord("가")) % 28 > 0 if hangul else last.lower() in "013678lmn"
    return f"{last}{quote}{PARTICLES[both][0 if closed else 1]}"


def translated(text, names):
    """The sentence by the first entry that fits. What stands in its holes is translated, too, and a sentence in two
    parts (`first shuffled: the values differ`) part by part."""
    before, bare, after = re.fullmatch(r"(\s*)(.*?)(:?\s*)", text, re.DOTALL).groups()
    if not re.search("[A-Za-z]", bare):
        return text
    for name in names:
        if bare in catalog(name)[0]:
            return before + catalog(name)[0][bare] + after
    if (said := by_pattern(bare, names, hole_first=False)) is not None:
        return before + said + after
    inner, where, line = bare.rpartition(" (line ")
    if inner and line.endswith("`)"):
        return f"{before}{translated(inner, names)} {translated('(line ' + line, names)}{after}"
    head, colon, tail = text.partition(": ")
    if colon and (first := translated(head, names)) != head:
        return f"{first}: {translated(tail, names)}"
    if (said := by_pattern(bare, names, hole_first=True)) is not None:
        return before + said + after
    return f"{head}: {translated(tail, names)}" if colon else text


def by_pattern(bare, names, hole_first):
    """The sentence by the first entry with holes that fits, of those that begin with a hole or of the others; None
    where none fits."""
    for pattern, holes, said, _ in with_holes(*names):
        if pattern.pattern.startswith("(") == hole_first and (found := pattern.fullmatch(bare)):
            for hole, value in zip(holes, found.groups(), strict=True):
                said = said.replace(hole, translated(value, names))
            return said
    return None


@functools.cache
def with_holes(*names):
    """The entries with holes of several catalogs, the longest first: a short one would swallow what another says."""
    every = [entry for name in names for entry in catalog(name)[1]]
    return sorted(every, key=lambda entry: -entry[3])
