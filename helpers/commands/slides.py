"""Slides of a lecture, from the cells that its metadata mark: one file for a browser, which needs no network.

    python -m helpers.commands.slides 05_conditional_gan    # or none: all lectures

A cell with the slide type "slide" begins a slide, one with "-" goes on with it, one with "fragment" goes on at the next
key (an answer after a prediction), and a cell without a mark stays away. JupyterLab shows the mark behind the two gears
at its top right. Of a text, the slide has the heading and what fits: sentences with a term in bold first. The whole
text stands in the speaker's notes (key S). Code is folded. (nbconvert's own slides hold whole cells, too long for a
screen, and take reveal and MathJax from the internet.)
"""

import html
import importlib.metadata
import re
import sys
from pathlib import Path

import nbformat
from nbconvert.filters.markdown_mistune import markdown2html_mistune

ROOT = Path(__file__).resolve().parents[2]
DECK = Path(__file__).parent / "deck"
MATHJAX = importlib.metadata.distribution("sphinx-mathjax-offline").locate_file(
    "sphinx-mathjax-offline/static/mathjax/tex-svg.js"
)
HEADING = re.compile(r"^#{1,3} (.*)$", re.M)
SENTENCE_END = re.compile(r"(?<=[.!?])(?<! al\.)\s+(?=[A-Z\"*`$(])|(?<=[.!?][*)])\s+|(?<=[.!?]\*\*)\s+")
PREDICT = "**Stop and predict.**"
# What a slide needn't say: what announces a cell, what comes after the lecture, how long it takes to read.
ANNOUNCES = re.compile(r"\b(cells?|figures?|below|above|section \d+)\b", re.I)
AFTERWARDS = re.compile(r"^\*\*(?:Explain to|Where the field|Read on|Whose|Next|What these)|^- \*\*Reading", re.M)


def mark(cell):
    """A cell's slide type, or None."""
    return cell.metadata.get("slideshow", {}).get("slide_type")


def sentences(text):
    """Cuts a text after each sentence; a title in bold goes with the sentence behind it."""
    found = []
    for piece in SENTENCE_END.split(text.strip()):
        if found and re.fullmatch(r"\*\*[^*]+[.?!]\*\*", found[-1]):
            found[-1] += f" {piece}"
        else:
            found.append(piece)
    return found


def pieces(text):
    """A text's formulas, tables, items and sentences, in order: `[(what it is, piece)]`."""
    text = AFTERWARDS.split(text)[0]
    text = re.sub(r"<details>.*?</details>|^> ?|<[^>]+>", "", text, flags=re.S | re.M)
    text = re.sub(r"!?\[([^\]\n]+)\]\([^)\n]+\)", r"\1", text)  # a link leads nowhere from here
    found = []
    for block in (part.strip() for part in re.split(r"(\$\$.+?\$\$)|\n\s*\n", text, flags=re.S) if part):
        if block.startswith("$$"):
            found.append(("formula", block))
            continue
        for run in re.split(r"\n(?=[-*] |\d+\. |\|)|(?<=\|)\n(?!\|)", block) if not block.startswith("|") else [block]:
            if run.startswith("|"):
                found.append(("table", run))
            elif item := re.match(r"(?:[-*]|\d+\.) (.*)", run, re.S):
                found.append(("item", item[1]))
            elif PREDICT in run:
                found.append(("predict", run[run.index(PREDICT) :]))
            else:
                found += [("sentence", sentence) for sentence in sentences(run)]
    return [(kind, piece.strip()) for kind, piece in found if piece.strip()]


def gist(text, words, tables=True):
    """What a slide shows of a text, as HTML, in about so many words: questions, formulas and tables first, what is
    bold next, then the beginning. What announces a cell is left out."""
    every = [(kind, piece) for kind, piece in pieces(text) if tables or kind != "table"]
    found = [(kind, piece) for kind, piece in every if kind != "sentence" or not ANNOUNCES.search(piece)] or every
    kept, used, full = set(), 0, False
    order = {"predict": 0, "formula": 1, "table": 1}
    ranks = [order.get(kind, 2 if "**" in piece else 3) for kind, piece in found]
    for i in sorted(range(len(found)), key=lambda i: (ranks[i], i)):
        kind, piece = found[i]
        cost = 14 if kind == "formula" else len(piece.split())
        full |= ranks[i] == 3 and used + cost > words  # the rest would be in pieces
        if full and ranks[i] == 3:
            continue
        if used + cost <= words or not kept:
            kept.add(i)
            used += cost
    lines, open_list = [], False
    for i in sorted(kept):
        kind, piece = found[i]
        listed = kind in ("item", "sentence") and not piece[0].islower()
        if listed != open_list:
            lines.append("<ul>" if listed else "</ul>")
        open_list = listed
        one = inline(piece)
        whole = f'<p class="predict">{one}</p>' if kind == "predict" else markdown2html_mistune(piece)
        lines.append(f"<li>{one}</li>" if listed else whole)
    return "\n".join([*lines, "</ul>" if open_list else ""])


def shown(cell, printed=True):
    """What a cell of code shows, as HTML; with or without what it prints."""
    made = []
    for output in cell.outputs:
        data = output.get("data", {})
        if "text/html" in data:
            made.append(data["text/html"])
        elif "text/markdown" in data:
            made.append(markdown2html_mistune(data["text/markdown"]))
        elif printed:
            lines = (output.get("text") or data.get("text/plain", "")).rstrip().splitlines()
            made.append(f"<pre>{html.escape(chr(10).join(lines[:14] + ['...'] * (len(lines) > 14)))}</pre>")
    return "\n".join(made)


def groups(notebook):
    """The cells of each slide, each group with the heading above it: `[(heading, [cells])]`."""
    found, heading = [], ""
    for cell in notebook.cells:
        if mark(cell) == "slide":
            found.append((heading, []))
        if mark(cell) in ("slide", "-", "fragment"):
            found[-1][1].append(cell)
        if cell.cell_type == "markdown" and (headings := HEADING.findall(cell.source)):
            heading = headings[-1]
    return found


def inline(text):
    """A line of Markdown as HTML."""
    text = re.sub(r"\A(\d+)\.", r"\1\\.", text)  # a numbered heading is no list
    return re.sub(r"\A<p>|</p>\Z", "", markdown2html_mistune(text).strip())


def slide(heading, cells, first=False):
    """One slide as HTML. Of a text with a heading it has the part below, or above where an output comes first."""
    texts = [cell.source for cell in cells if cell.cell_type == "markdown"]
    code = [cell for cell in cells if cell.cell_type == "code"]
    pictures = any("<img" in shown(cell) for cell in code)
    visible = [(cell, made) for cell in code if (made := shown(cell, printed=not pictures))]
    told = []
    for text in texts:
        before, *below = HEADING.split(text, maxsplit=1)
        if below and cells[0].cell_type == "markdown":
            heading, before = below
        told.append(before)
    text = gist("\n\n".join(told), 45 if visible else 115, tables=not visible)
    level = "h1" if first else "h2"
    parts = [f'<div class="above"><{level}>{inline(heading)}</{level}><div class="text">{text}</div></div>']
    if visible:
        later = ["fragment" if mark(cell) == "fragment" else "now" for cell, _ in visible]
        boxes = [f'<div class="{when}">{made}</div>' for when, (_, made) in zip(later, visible, strict=True)]
        parts.append(f'<div class="shown">{"".join(boxes)}</div>')
    if code:
        listing = "".join(f"<pre>{html.escape(cell.source)}</pre>" for cell in code)
        parts.append(f'<details class="code"><summary>Code</summary>{listing}</details>')
    parts.append(f'<aside class="notes">{"".join(map(markdown2html_mistune, texts))}</aside>')
    return f"<section>{''.join(parts)}</section>"


def deck(notebook):
    """A lecture's slides as one page."""
    slides = [slide(heading, cells, first=i == 0) for i, (heading, cells) in enumerate(groups(notebook))]
    styles = [(DECK / name).read_text(encoding="utf-8") for name in ("reveal.css", "deck.css")]
    scripts = [(DECK / name).read_text(encoding="utf-8") for name in ("reveal.js", "notes.js", "deck.js")]
    scripts.append(Path(MATHJAX).read_text(encoding="utf-8"))
    lines = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f"<title>{html.escape(HEADING.search(notebook.cells[0].source)[1])}</title>",
        *(f"<style>{style}</style>" for style in styles),
        '</head>\n<body class="measuring">\n<div class="reveal"><div class="slides">',
        *slides,
        "</div></div>",
        *(f"<script>{script}</script>" for script in scripts),
        "</body>\n</html>\n",
    ]
    return "\n".join(lines)


def main(names):
    known = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    if unknown := set(names) - set(known):
        sys.exit(f"There is no lecture {', '.join(unknown)}. There are: {', '.join(known)}.")
    folder = ROOT / "results" / "slides"
    folder.mkdir(parents=True, exist_ok=True)
    for name in names or known:
        notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
        if not groups(notebook):
            sys.exit(f"No cell of {name} is marked for a slide.")
        (folder / f"{name}.html").write_text(deck(notebook), encoding="utf-8")
        print(f"{len(groups(notebook))} slides: results/slides/{name}.html. In a browser, S opens the speaker's notes.")


if __name__ == "__main__":
    main(sys.argv[1:])
