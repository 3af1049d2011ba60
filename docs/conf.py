"""The website: README, lectures with their stored outputs, assignments, pages on data and for instructors. `make site`.

Sphinx reads the pages where they lie in the repository, so that a link that works there works on the web. Nothing runs,
and the pages that come out ask no other host for anything: MathJax travels with them.
"""

import importlib.metadata
import json
import os
import re
import shutil
from pathlib import Path

from docutils import nodes

from helpers.commands import glossary

WHEEL = importlib.metadata.distribution("sphinx-mathjax-offline")  # the files alone: it has no use for Sphinx's hooks

project = "Multi-modal learning, by doing"
html_title = project
language = "en"
extensions = ["myst_nb"]
root_doc = "README"
include_patterns = ["README.md", "docs/*.md", "data/README.md", "notebooks/*.ipynb", "notebooks/assignments/*.ipynb"]
exclude_patterns = [".*", "results", "**/.ipynb_checkpoints"]

myst_enable_extensions = ["dollarmath", "amsmath"]
myst_dmath_double_inline = True  # a formula between double dollars may stand inside a paragraph, as in JupyterLab
myst_heading_anchors = 3
nb_execution_mode = "off"
nb_ipywidgets_js = {}  # no widget needs a kernel here: a slider turns over stored frames
nb_render_markdown_format = "gfm"  # the scoreboard's table

html_theme = "sphinx_book_theme"
html_theme_options = {
    "logo": {"text": project},
    "home_page_in_toc": True,
    "navbar_persistent": [],
    "use_fullscreen_button": False,
    "footer_content_items": [],
}
html_context = {"default_mode": "auto"}  # dark where the reader's system is; a button changes it
html_favicon = "icon.svg"
html_static_path = ["style.css", "site.js", str(WHEEL.locate_file("sphinx-mathjax-offline/static/mathjax/tex-svg.js"))]
html_css_files = ["style.css"]
html_js_files = ["site.js"]
html_use_index = False
mathjax_path = "tex-svg.js"
mathjax3_config = {"options": {"enableMenu": False}}  # the menu would look for more of MathJax's files

PARTS = {  # the numbers of its lectures
    "First steps": range(0, 3),
    "Text and pictures": range(3, 7),
    "Pictures and sound": range(7, 11),
    "Then and now": range(11, 13),
}
CONTENTS = """

```{{toctree}}
:caption: {caption}
:hidden:
:glob:
{pages}
```
"""
# The theme's icons are a font; a script of 1.5 MB would draw them once more. Search has a page of its own, so no other
# page needs the index.
ICONS, INDEX = (
    re.compile(rf'<script (?:defer )?src="[^"]*(?:{names})\.js[^"]*"></script>')
    for names in ("fontawesome", "searchtools|language_data|searchindex")
)


def lectures(root):
    """`{part: [pages of its lectures]}`, as far as they are there."""
    pages = [f"notebooks/{path.stem}" for path in sorted(Path(root, "notebooks").glob("[0-9][0-9]_*.ipynb"))]
    parts = {part: [page for page in pages if int(page[10:12]) in numbers] for part, numbers in PARTS.items()}
    return {part: pages for part, pages in parts.items() if pages}


def minutes(root, page):
    """How long a notebook takes, as it says itself: a lecture in its first cell, an assignment on each of its cards."""
    cells = json.loads(Path(root, f"{page}.ipynb").read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return [int(n) for n in re.findall(r"(?:\*\*Reading\*\*|^\*Difficulty: [★☆]+,) (\d+) minutes", text, flags=re.M)]


def plan(root, readme):
    """README with a map before its first section: the course's parts, lectures with their minutes, and assignments."""
    rows = ["| | lecture | assignment |", "|---|---|---|"]
    for part, pages in lectures(root).items():
        rows.append(f"| | **{part}** | |")
        for page in pages:
            title = re.search(r"# \d\d ([^:\\\"\n]+)", Path(root, f"{page}.ipynb").read_text(encoding="utf-8"))
            title = title[1] if title else page[13:]
            task, work = page.replace("/", "/assignments/"), ""
            if Path(root, f"{task}.ipynb").exists():
                work = f"[{len(minutes(root, task))} exercises]({task}.ipynb), {spell(minutes(root, task))}"
            rows.append(f"| {page[10:12]} | [{title}]({page}.ipynb), {sum(minutes(root, page))} min | {work} |")
    readme = re.sub(r"^## The map\n.*?(?=^## )", "", readme, flags=re.M | re.S)
    return re.sub(r"^(?=## )", "\n".join(["## The map", *rows, "\n"]), readme, count=1, flags=re.M)


def spell(times):
    """A sum of minutes in words."""
    hours, rest = divmod(sum(times), 60)
    return " ".join([f"{hours} h"] * (hours > 0) + [f"{rest} min"] * (rest > 0))


def prepare(app, page, source):
    """Gives the front page its plan and its table of contents; a link to a folder, which is no page, becomes its bare
    name; one to the learner's own copy leads to its pattern, and on the pattern's page it is its bare text."""
    source[0] = re.sub(r"\[([^\]\n]+)\]\([^):\s]+/\)", r"`\1`", source[0])
    source[0] = re.sub(r"\[([^\]\n]+)\]\(\.\./work/my_[^)\s]+\)", r"\1", source[0])
    source[0] = re.sub(r"\]\(work/my_(?=[^)\s]+\))", "](assignments/", source[0])
    if page == root_doc:
        source[0] = plan(app.srcdir, source[0])
        contents = {part: "\n".join(pages) for part, pages in lectures(app.srcdir).items()}
        for lecture in sum(lectures(app.srcdir).values(), []):
            app.env.note_dependency(f"{lecture}.ipynb")  # read again when its minutes may have changed
        contents |= {"Assignments": "notebooks/assignments/*", "More": "data/README\ndocs/*"}
        for caption, pages in contents.items():
            source[0] += CONTENTS.format(caption=caption, pages=pages)


def about(root, page):
    """The line below a notebook's name: its part, its minutes, the way to its file and to its other half."""
    name = page.rsplit("/", 1)[1]
    up = os.path.relpath(".", os.path.dirname(page))
    times = minutes(root, page)
    if page.startswith("notebooks/assignments/"):
        said, other = [f"{len(times)} exercises", f"about {spell(times)}"], ("Its lecture", f"../{name}.html")
    else:
        part = next((part for part, pages in lectures(root).items() if page in pages), "A lecture")
        said, other = [part, f"{sum(times)} minutes to read"], ("Its assignment", f"assignments/{name}.html")
    links = (("Download the notebook", f"{up}/_sources/{page}.ipynb"), other)
    download = ' download=""'
    said += [f'<a href="{to}"{download if to.endswith(".ipynb") else ""}>{text}</a>' for text, to in links]
    return f'<p class="about">{" · ".join(said)}</p>'


# Where a word is no text that a term may be linked from.
APART = (nodes.reference, nodes.literal, nodes.literal_block, nodes.math, nodes.math_block, nodes.title, nodes.raw)


TEACHES = {term: place[0] for term, place in glossary.places().items()}


def link_terms(app, doctree):
    """Links each lecture's first use of a term to the glossary, whose line shows when the mouse rests there. A word of
    everyday English is linked only where it's taught, in bold."""
    page, terms = app.env.docname, glossary.read("glossary")
    if page == "docs/glossary":
        for row in doctree.findall(nodes.row):
            row["ids"] += [glossary.anchor(bold.astext()) for bold in row.findall(nodes.strong)]
    if not re.match(r"notebooks/\d\d_", page):
        return
    app.env.note_dependency("docs/glossary.json")
    taught = {term for term in terms if TEACHES.get(term) == page[10:]}
    of = {form: term for term, entry in terms.items() for form in glossary.forms(term, entry)}
    of = {(form if re.search("[A-Z]", form[1:]) else form.lower()): term for form, term in of.items()}
    known = re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, sorted(of, key=len, reverse=True)))})(?![\w-])", re.I)
    seen = set()
    for text in list(doctree.findall(nodes.Text)):
        above = text.parent
        while above is not None and not isinstance(above, APART) and "cell_output" not in above.get("classes", ()):
            above = above.parent
        if above is not None:
            continue
        parts, end = [], 0
        for word in known.finditer(text):
            term = of.get(word[0]) or of.get(word[0].lower())
            bold = isinstance(text.parent, nodes.strong) and glossary.plain(text) == word[0].lower()
            if term and term not in seen and (bold and term in taught or "everyday" not in terms[term]):
                seen.add(term)
                to = f"../docs/glossary.html#{glossary.anchor(term)}"
                link = nodes.reference("", word[0], refuri=to, internal=True, classes=["term"])
                parts += [nodes.Text(text[end : word.start()]), link]
                link["reftitle"], end = terms[term]["line"], word.end()
        if parts:
            text.parent.replace(text, [*parts, nodes.Text(text[end:])])


def polish(app, page, template, context, doctree):
    """The front page's name stands once in its title; a long name in code may break after its _ and /."""
    if page == root_doc:
        context["docstitle"] = ""
    body = re.sub(
        r"(?<=<span class=\"pre\">)[^<]+",
        lambda name: re.sub("(?<=[A-Za-z0-9][_/])(?=[A-Za-z0-9])", "<wbr>", name[0]),
        context.get("body", ""),
    )
    if re.match(r"notebooks/(assignments/)?\d\d_", page):
        body = body.replace("</h1>", f"</h1>\n{about(app.srcdir, page)}", 1)
    context["body"] = body


def finish(app, error):
    """A web server looks for index.html. What no page needs stays away."""
    if error:
        return
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        kept = ICONS.sub("", text)
        if page.name != "search.html":
            kept = INDEX.sub("", kept)
        if kept != text:
            page.write_text(kept, encoding="utf-8")
    shutil.copy(Path(app.outdir) / f"{root_doc}.html", Path(app.outdir) / "index.html")


def setup(app):
    app.connect("source-read", prepare)
    app.connect("doctree-read", link_terms)
    app.connect("html-page-context", polish)
    app.connect("build-finished", finish)
