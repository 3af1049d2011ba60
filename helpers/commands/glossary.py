"""The pages docs/glossary.md and docs/symbols.md: what a term or a symbol means, and which section teaches it.

    python -m helpers.commands.glossary

The meanings are written by hand, in docs/glossary.json and docs/symbols.json. The places are found in the lectures: a
term is taught where it first stands in bold type, or, if it never does, where it first stands at all; a symbol where
its lecture first has it in a formula. (Sphinx's own glossary wants marks in the text, which JupyterLab would show.)
"""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BOLD = re.compile(r"\*\*([^*\n]+)\*\*")
FORMULA = re.compile(r"\$\$(.+?)\$\$|\$([^$\n]+)\$", re.S)
HEADINGS = re.compile(r"^(#{1,3}) (.*)$", re.M)

TERMS = """# Glossary
Every term of the lectures in a line, and the section that teaches it. Letters have [a page of their own](symbols.md).

"""
SYMBOLS = """# Symbols
The alphabet is short, so lectures use some letters for different things. Words are in the [glossary](glossary.md).

"""


def read(name):
    return json.loads((ROOT / "docs" / f"{name}.json").read_text(encoding="utf-8"))


def lectures():
    """`{lecture: [(text of a cell of Markdown, heading above it)]}`; a cell with headings is cut there."""
    found = {}
    for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        heading, found[path.stem] = "", []
        for text in ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"):
            pieces = HEADINGS.split(text)
            found[path.stem].append((pieces[0], heading))
            for level, title, piece in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
                heading = "" if level == "#" else title
                found[path.stem].append((piece, heading))
    return found


def plain(bold):
    """Bold type as it is compared with terms: small letters, without a point at the end and an article before it."""
    return re.sub("^(the|an?) ", "", bold.strip().rstrip(".:?!,").lower())


def anchor(term):
    """The id of a term on the glossary's web page."""
    return "term-" + re.sub(r"\W+", "-", term.lower()).strip("-")


def forms(term, entry):
    """A term and its other forms."""
    return [term, *entry.get("also", ())]


def place_of(term, entry, texts):
    """`(lecture, heading)` where a term is taught, or None. An entry may name the lecture, which need not be there."""
    known = {plain(form) for form in forms(term, entry)}
    word = re.compile("|".join(rf"(?<![\w-]){re.escape(form)}(?![\w-])" for form in forms(term, entry)), re.I)
    pieces = [(lecture, text, heading) for lecture, some in texts.items() for text, heading in some]
    there = [piece for piece in pieces if piece[0].startswith(entry.get("lecture", ""))]
    for lecture, text, heading in there or pieces:
        if known & set(map(plain, BOLD.findall(text))):
            return lecture, heading
    for lecture, text, heading in there:
        if heading and word.search(text):
            return lecture, heading
    return None


def places(texts=None):
    """`{term: (lecture, heading)}` of all terms that some lecture teaches."""
    texts = texts or lectures()
    found = {term: place_of(term, entry, texts) for term, entry in read("glossary").items()}
    return {term: place for term, place in found.items() if place}


def holds(symbol):
    """A pattern for a symbol in a formula: for `x`, the x of `x + y`, but not those of `x_i` and `\\max`."""
    end = "" if symbol[-1] in "})" else "(?![A-Za-z_'])"
    return re.compile(rf"(?<![A-Za-z\\]){re.escape(symbol)}{end}")


def first_formula(symbol, pieces):
    """The heading of the section whose formula first holds a symbol, or None."""
    pattern = holds(symbol)
    return next((h for text, h in pieces if any(pattern.search(a or b) for a, b in FORMULA.findall(text))), None)


def link(lecture, heading, said=None):
    """A section as a link, with the anchor that the website gives its heading (as myst_parser
    does, which few install); `said(lecture, heading)` may put it in another language."""
    heading = said(lecture, heading) if said else heading
    place = re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
    name = f"{lecture[:2]}, {heading}" if heading else lecture[:2]
    return f"[{name}](../notebooks/{lecture}.ipynb{'#' + place if place else ''})"


def glossary(texts, words=None, said=None):
    """The table of terms; with `words`, `{English: other words}`, in another language, and sorted by it."""
    terms, words, rows = read("glossary"), words or {}, []
    for term, place in sorted(places(texts).items(), key=lambda item: words.get(item[0], item[0]).lower()):
        name, line = words.get(term, term), terms[term]["line"]
        name = f"**{name}**" if name == term else f"**{name}** ({term})"
        rows.append(f"| {name} | {words.get(line, line)} | {link(*place, said)} |")
    return "\n".join(["| term | in a line | taught in |", "|---|---|---|", *rows])


def letter(symbol):
    """What symbols are sorted by: Latin letters first, without regard to accents, then Greek ones and signs."""
    bare = re.sub(r"\\(bar|hat) ", "", symbol)
    return bare.startswith("\\"), re.sub(r"\W", "", bare).lower()


def symbols(texts, words=None, said=None):
    words, rows = words or {}, []
    for symbol, lecture, meaning in sorted(read("symbols"), key=lambda row: (letter(row[0]), row[1])):
        name = next(stem for stem in texts if stem.startswith(lecture))
        section = link(name, first_formula(symbol, texts[name]), said)
        rows.append(f"| ${symbol}$ | {words.get(meaning, meaning)} | {section} |")
    return "\n".join(["| symbol | meaning | first used in |", "|---|---|---|", *rows])


def pages():
    """`{path: text}` of both pages."""
    texts = lectures()
    made = {"glossary": TERMS + glossary(texts) + "\n", "symbols": SYMBOLS + symbols(texts) + "\n"}
    return {ROOT / "docs" / f"{name}.md": text for name, text in made.items()}


if __name__ == "__main__":
    for path, text in pages().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"Wrote {path.relative_to(ROOT)}.")
