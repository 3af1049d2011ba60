"""Numbers in a notebook's prose that nothing backs: no output above prints them, no code holds them, no source is named.

    python -m tests.loose_numbers 03_joint_embedding    # what is loose in one notebook (solutions/03_... for a solution)
    python -m tests.loose_numbers --prune               # drops from loose_numbers.json what is no longer needed
    python -m tests.loose_numbers --all                 # the whole list as it would have to be, on the screen

What counts as a number: decimals, thousands, percentages, whole numbers from 10 on, and smaller ones before a unit.
Not: formulas, code, links' addresses, years, numbers of sections, lectures, exercises and versions, and the first
cell's minutes and seconds, which test_notebooks.py holds. A number is backed where a printed one, rounded as the text
rounds, is the same; a whole number after *about* may be rounded at its zeros. A link to a page of the course backs what
that page prints. An address on the web, or a name with a year, backs its sentence.
"""

import ast
import functools
import html
import json
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
LIST = Path(__file__).with_name("loose_numbers.json")

UNITS = {  # what a printed value may have been multiplied with, to be written with this unit
    "%": (0.01,), "percent": (0.01,), "per cent": (0.01,), "dB": (), "Hz": (), "kHz": (1e3,), "s": (), "seconds": (), "second": (), "ms": (1e-3,),
    "minutes": (60,), "hours": (3600,), "kB": (1e3,), "MB": (1e3, 1e6), "GB": (1e3, 1e6, 1e9), "thousand": (1e3,),
    "million": (1e6,), "billion": (1e9,), "times": (), "points": (0.01,),
}  # fmt: skip
UNIT = "|".join(re.escape(unit) for unit in sorted(UNITS, key=len, reverse=True))
NUMBER = re.compile(
    r"(?<![\w.])(?<![A-Za-z]-)"  # no piece of a name, a hash or a version
    r"(?P<sign>(?<![\w.)\]%])[-−+])?"
    r"(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?:[eE](?P<power>[-+]?\d+))?"
    r"(?!\w*\.\d)(?!,\d{3}(?!\d))"
    rf"(?:(?=\s?(?P<unit>%)|\s?(?P<word>{UNIT})\b)|(?!\w))"
)
HEDGE = re.compile(
    r"\b(about|around|some|nearly|almost|roughly|over|under|more than|less than|fewer than|at least|at most|up to|near|"
    r"approximately|towards|below|above|beyond)\s+$|[~≈<>]\s*$",
    re.I,
)
REFERENCE = re.compile(  # "section 3", "lectures 07 to 09", "exercises 1.2 and 1.3", "seeds 0, 1 and 2", "WordNet 3.0"
    r"(?i:\b(?:sections?|lectures?|assignments?|exercises?|notebooks?|chapters?|questions?|steps?|checks?|version|"
    r"cells?|rows?|columns?|bins?|seeds?|equations?|figures?|tables?)\s+\d[\d.]*(?:(?:\s*(?:,|to|and|or|-|–)\s*)+\d[\d.]*)*\b)"
    r"|\b(?:1[6-9]|20)\d0s\b|\b(?:WordNet|Apache|BY|BY-SA|BY-NC|Python|Unicode|Emoji|PyTorch|MIT|GPL|CC0|LGPL)\s+v?\d+(?:\.\d+)+"
)
CITATION = re.compile(  # (Hill et al. 2015), Firth, 1957, Griffin and Lim (1984); not "In 2013"
    r"https?://|\b(?!(?:In|Since|By|From|Until|Around|Before|After|Of|The|With|At|For|To|On|About|Some|All|Over)\b)[A-Z][\w'’-]+(?:\s+et\s+al\.?)?,?\s+\(?(?:1[6-9]\d|20[0-3])\d\b|\bet\s+al\.|\(\s*(?:1[6-9]\d|20[0-3])\d\)"
)
LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)[^)]*\)")
PROMISED = re.compile(r"^.*(\*\*(Reading|Running|Time|Memory)\*\*|^\*Difficulty|^Marks:).*$", re.M)


@dataclass(frozen=True)
class Number:
    """A number as it is written.

    Attributes:
        text: its characters, with sign and unit.
        value: what it says; 78 for "78 %".
        step: the value of its last digit; 0.01 for ".78".
        signed: whether a sign stands in front.
        unit: one of `UNITS`, or "".
        start, end: where its digits stand in the text.
    """

    text: str
    value: float
    step: float
    signed: bool
    unit: str
    start: int = 0
    end: int = 0


def numbers(text):
    """Every `Number` in a text, precisely: no pieces of names, hashes, versions or dates."""
    found = []
    for m in NUMBER.finditer(text):
        digits, power = m["digits"].replace(",", ""), int(m["power"] or 0)
        unit = "%" if m["word"] in ("percent", "per cent") else m["unit"] or m["word"] or ""
        step = 10.0 ** (power - len(digits.partition(".")[2]))
        value = float(digits) * 10.0**power * (-1 if m["sign"] in ("-", "−") else 1)
        said = m[0].replace("−", "-") + (" " if m["word"] else "") + unit
        found.append(Number(said, value, step, bool(m["sign"]), unit, m.start(), m.end()))
    return found


def printed(outputs):
    """The text of a cell's outputs that a reader sees: prints, tables, captions, and pictures' alternative texts."""
    texts = []
    for output in outputs:
        data = {kind: "".join(value) for kind, value in output.get("data", {}).items() if kind.startswith("text/")}
        page = BeautifulSoup(data.get("text/html", ""), "html.parser")
        for part in page(["script", "style"]):
            part.decompose()
        alts = [tag["alt"] for tag in page("img", alt=True)]
        alts += [
            kind["alt"] for kind in output.get("metadata", {}).values() if isinstance(kind, dict) and "alt" in kind
        ]
        plain = data.get("text/plain", "")
        texts += ["".join(output.get("text", "")), data.get("text/markdown", ""), page.get_text(" "), *alts]
        texts += [] if re.fullmatch(r"<.*>", plain, re.S) else [plain]  # <Figure size 640x480 with 1 Axes>
    return powers("\n".join(texts))


def powers(text):
    """10⁻³ and 2 × 10⁻³ as 1e-3 and 2e-3."""
    raised = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
    power = r"(?:(\d[\d.]*)\s?[×x]\s?)?\b10(⁻?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)"
    return re.sub(power, lambda m: f"{m[1] or 1}e{m[2].translate(raised)}", text)


def literals(code):
    """The numbers that stand in code, and those that its constants make: `2 * 5 * 13`, `10**6`, `-1`."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, (ast.Constant, ast.UnaryOp, ast.BinOp)):
            value = constant(node)
            found += [] if value is None else [Number("", value, 0.0, value < 0, "")]
    return found


def constant(node):
    """The value of an expression made of nothing but numbers, or None (ast.literal_eval takes no products and powers)."""
    if isinstance(node, ast.Constant):
        number = isinstance(node.value, (int, float)) and not isinstance(node.value, bool)
        return float(node.value) if number and abs(node.value) < 1e30 else None
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = constant(node.operand)
        return None if value is None else -value
    if not isinstance(node, ast.BinOp):
        return None
    a, b = constant(node.left), constant(node.right)
    if a is None or b is None:
        return None
    try:
        made = {
            ast.Add: lambda: a + b, ast.Sub: lambda: a - b, ast.Mult: lambda: a * b, ast.Div: lambda: a / b,
            ast.FloorDiv: lambda: a // b, ast.Mod: lambda: a % b, ast.Pow: lambda: a**b,
        }[type(node.op)]()  # fmt: skip
    except (ArithmeticError, KeyError):
        return None
    return None if isinstance(made, complex) else made


def rounds_to(number, known, hedged=False):
    """Whether a known number, rounded as the text rounds it, is the number in the text."""
    if number.value and number.signed and known.signed and (number.value < 0) != (known.value < 0):
        return False
    if number.value < 0 and not known.signed:
        return False
    half, value = number.step / 2, abs(number.value)
    if hedged and number.step == 1 and value:  # "about 15,500": the zeros at its end are not said to be exact
        zeros = len(str(int(value))) - len(str(int(value)).rstrip("0"))
        half = max(half, min(10.0**zeros / 2, value / 40))
    scales = [1.0, *UNITS.get(number.unit, ())]
    if number.unit and number.unit == known.unit:
        scales = [1.0]
    elif number.unit == "%":  # a share may be printed without its sign, a count is no percentage
        scales = [0.01]
    elif known.unit == "%":
        scales += [100.0]
    return any(abs(abs(known.value) - value * scale) <= half * scale * (1 + 1e-6) for scale in scales)


def sentences(markdown):
    """The sentences of a cell's prose, each in its Markdown, without formulas, code, comments and promised minutes."""
    text = re.sub(r"<!--.*?-->|^```.*?^```|^~~~.*?^~~~", " ", markdown, flags=re.S | re.M)
    text = re.sub(r"\$\$.*?\$\$|(?<!\\)\$[^$]*?(?<!\\)\$|`[^`]*`", " ", PROMISED.sub(" ", text), flags=re.S)
    numbering = r"^\s*(?:[-*]\s+|>\s*)?\d+[.)]\s+|^#+\s+[\d.]*\s"  # of lists and headings
    text = re.sub(numbering, "\n\n", text, flags=re.M)
    for block in re.split(r"\n\s*\n|\n(?=\s*(?:[-*+]\s|[|>]))", html.unescape(text)):
        yield from re.split(
            r"(?<!\b[A-Z]\.)(?<!\bal\.)(?<!e\.g\.)(?<!i\.e\.)(?<!vs\.)(?<=[.!?])[*_\")]*\s+(?=[^a-z\d\s])", block
        )


@functools.lru_cache(None)
def page(path):
    """The numbers that a file of the course prints and, of a notebook, those in its code."""
    if not path.is_file() or path.suffix not in (".ipynb", ".md", ".json", ".py", ".txt"):
        return ()
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        record = path.with_suffix(".json")  # what a script wrote stands beside it
        return tuple(numbers(text + (record.read_text(encoding="utf-8") if record.is_file() else "")))
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    return tuple(n for c in cells for n in [*numbers(printed(c["outputs"])), *literals("".join(c["source"]))])


def claims(sentence, exercises=()):
    """The numbers of a sentence that need a ground, and whether each is hedged."""
    words = LINK.sub(lambda m: re.sub(r"\d", "", m[1]) if m[2].startswith(("http", "#")) else m[1], sentence)
    words = re.sub(r"</?[A-Za-z][^<>]*>|https?://\S+", " ", words)
    words = powers(REFERENCE.sub(lambda m: re.sub(r"\d", "", m[0]), words))
    found = numbers(words)
    for i in reversed(range(len(found) - 1)):  # in "9-19 dB" and "9 to 19 dB" both are decibels
        between = words[found[i].end : found[i + 1].start]
        if not found[i].unit and found[i + 1].unit and re.fullmatch(r"\s?(?:[-–±/]|to|and|or)\s?", between):
            found[i] = replace(found[i], unit=found[i + 1].unit)
    for number in found:
        whole = number.step == 1 and "," not in number.text
        year = whole and not number.unit and not number.signed and 1600 <= number.value <= 2035
        small = whole and not number.unit and abs(number.value) < 10
        if not (year or small or number.text in exercises):
            yield number, bool(HEDGE.search(words[: number.start]))


def loose_numbers(cells, folder=NOTEBOOKS):
    """Finds the numbers in prose that nothing backs.

    Args:
        cells: a notebook's cells, dictionaries as in its file.
        folder: where the notebook lies (links are relative to it).

    Returns:
        `{a Markdown cell's id: its loose numbers as they are written, in order, each once}`.
    """
    code = [n for c in cells if c["cell_type"] == "code" for n in literals("".join(c["source"]))]
    prose = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    exercises = set(re.findall(r"^#+ (\d+\.\d+) ", prose, re.M))
    seen, loose = [], {}
    for cell in cells:
        if cell["cell_type"] == "code":
            seen += numbers(printed(cell["outputs"]))
        if cell["cell_type"] != "markdown":
            continue
        for sentence in sentences("".join(cell["source"])):
            if CITATION.search(sentence):
                continue
            linked = [
                n for _, target in LINK.findall(sentence) for n in page((folder / target.split("#")[0]).resolve())
            ]
            known = [*seen, *code, *linked]
            for number, hedged in claims(sentence, exercises):
                if not any(rounds_to(number, k, hedged) for k in known):
                    loose.setdefault(cell["id"], {})[number.text] = None
    return {cell: list(found) for cell, found in loose.items()}


def notebooks():
    """`{name: path}` of every lecture and solution; a solution's name begins with solutions/."""
    paths = sorted(NOTEBOOKS.glob("*.ipynb")) + sorted((NOTEBOOKS / "solutions").glob("*.ipynb"))
    return {path.relative_to(NOTEBOOKS).with_suffix("").as_posix(): path for path in paths}


def found_in(path):
    return loose_numbers(json.loads(path.read_text(encoding="utf-8"))["cells"], path.parent)


def exceptions():
    return json.loads(LIST.read_text(encoding="utf-8"))


def compare(found, allowed):
    """What to change, a line each: numbers that are loose and not excepted, and exceptions no longer needed."""
    said = []
    for cell in {**found, **allowed}:
        loose, excepted = found.get(cell, []), allowed.get(cell, [])
        said += [f"cell {cell}: nothing backs {n!r}" for n in loose if n not in excepted]
        said += [
            f"cell {cell}: the exception {n!r} is no longer needed: take it out" for n in excepted if n not in loose
        ]
    return said


def written(table):
    """The list as loose_numbers.json holds it: a line a cell."""
    parts = []
    for name, cells in table.items():
        rows = ",\n".join(f"  {json.dumps(c)}: {json.dumps(some, ensure_ascii=False)}" for c, some in cells.items())
        parts.append(f" {json.dumps(name)}: {{\n{rows}\n }}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main(*names):
    known = notebooks()
    if names == ("--all",):
        sys.stdout.write(written({name: found for name, path in known.items() if (found := found_in(path))}))
    elif names == ("--prune",):
        kept = {
            name: {c: left for c, some in cells.items() if (left := [n for n in some if n in found.get(c, [])])}
            for name, cells in exceptions().items()
            if name in known and (found := found_in(known[name])) is not None
        }
        LIST.write_text(written({name: cells for name, cells in kept.items() if cells}), encoding="utf-8")
    elif names and set(names) <= set(known):
        for name in names:
            rows = [f"  {cell}: {', '.join(some)}" for cell, some in found_in(known[name]).items()]
            print(f"{name}: {len(rows)} cells with loose numbers", *rows, sep="\n")
    else:
        print(__doc__, f"Notebooks: {', '.join(known)}", sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
