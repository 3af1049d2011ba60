"""The website: README, lectures with their stored outputs, assignments, pages on data and for instructors. `make site`.

Sphinx reads the pages where they lie in the repository, so that a link that works there works on the web. Nothing runs,
and the pages that come out ask no other host for anything: MathJax travels with them.

With `-t ko` the same pages come out in Korean, by the catalogs in locale/ko, for the folder `ko` of the website.
"""

import functools
import importlib.metadata
import json
import os
import posixpath
import re
import shutil
import tempfile
from pathlib import Path

from docutils import nodes

from helpers.commands import catalogs, glossary, korean

WHEEL = importlib.metadata.distribution("sphinx-mathjax-offline")  # the files alone: it has no use for Sphinx's hooks

KOREAN = tags.has("ko")  # noqa: F821, Sphinx puts the tags of its command line here
words_of = functools.cache(catalogs.translation)
WORDS = words_of("site") if KOREAN else {}


def _(text):
    """The site's own words, in the language of its pages."""
    return WORDS.get(text, text)


project = _("Multi-modal learning, by doing")
html_title = project
language = "ko" if KOREAN else "en"
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
    "toc_title": _("Contents"),
    "article_header_end": ["language.html", "article-header-buttons.html"],
}
html_context = {
    "default_mode": "auto",  # dark where the reader's system is; a button changes it
    "other": {"lang": "en", "name": "English"} if KOREAN else {"lang": "ko", "name": "한국어"},
    "moves": _("wider than the page; the arrows move it"),
}
templates_path = ["."]
html_favicon = "icon.svg"
html_static_path = ["style.css", "site.js", str(WHEEL.locate_file("sphinx-mathjax-offline/static/mathjax/tex-svg.js"))]
html_css_files = ["style.css"]
html_js_files = ["site.js"]
html_use_index = False
mathjax_path = "tex-svg.js"
mathjax3_config = {"options": {"enableMenu": False}}  # the menu would look for more of MathJax's files

PARTS = {  # the numbers of its lectures
    _("First steps"): range(0, 3),
    _("Text and pictures"): range(3, 7),
    _("Pictures and sound"): range(7, 11),
    _("Then and now"): range(11, 13),
}
THEME = [  # words of the theme, which speaks no Korean
    _("Back to top"), _("Collapse Sidebar"), _("Expand Sidebar"), _("Skip to main content"), _("Site navigation"),
    _("Section Navigation"), _("Color mode"), _("Light"), _("Dark"), _("System Settings"), _("On this page"), _("Home"),
    _("Toggle primary sidebar"), _("Toggle secondary sidebar"), _("Download source file"), _("Print to PDF"),
    _("Download this page"), _("Page"), _("Search"), _("Link to this heading"),
    _("previous page"), _("next page"), _("Main"), _("Version warning"), _("Search..."),
    _("Please activate JavaScript to enable the search functionality."),
]  # fmt: skip
SAID = re.compile(r'(\b(?:aria-label|placeholder|title)=")([^"<>]{1,60})"')
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
    rows = [f"| | {_('lecture')} | {_('assignment')} |", "|---|---|---|"]
    for part, pages in lectures(root).items():
        rows.append(f"| | **{part}** | |")
        for page in pages:
            title = re.search(r"# \d\d [^\\\"\n]+", Path(root, f"{page}.ipynb").read_text(encoding="utf-8"))
            title = title[0] if title else page[11:]
            title = words_of(page[10:]).get(title, title) if KOREAN else title
            title = re.sub(r"^(# \d\d )?([^:]+).*", r"\2", title)
            task, work = page.replace("/", "/assignments/"), ""
            if Path(root, f"{task}.ipynb").exists():
                exercises = _("{n} exercises").format(n=len(minutes(root, task)))
                work = f"[{exercises}]({task}.ipynb), {spell(minutes(root, task))}"
            rows.append(f"| {page[10:12]} | [{title}]({page}.ipynb), {spell(minutes(root, page), False)} | {work} |")
    readme = re.sub(rf"^{_('## The map')}\n.*?(?=^## )", "", readme, flags=re.M | re.S)
    return re.sub(r"^(?=## )", "\n".join([_("## The map"), *rows, "\n"]), readme, count=1, flags=re.M)


def spell(times, in_hours=True):
    """A sum of minutes in words."""
    hours, rest = divmod(sum(times), 60) if in_hours else (0, sum(times))
    return " ".join([_("{n} h").format(n=hours)] * (hours > 0) + [_("{n} min").format(n=rest)] * (rest > 0))


def heading(lecture, text):
    """A lecture's heading in Korean."""
    words = words_of(lecture)
    found = (words[f"{level} {text}"] for level in ("##", "###") if f"{level} {text}" in words)
    return next(found, text).lstrip("# ")


def in_korean(page):
    """The Korean text of a page."""
    made = {"docs/glossary": (glossary.TERMS, glossary.glossary), "docs/symbols": (glossary.SYMBOLS, glossary.symbols)}
    if page in made:
        words, (head, table) = words_of(page.removeprefix("docs/")), made[page]
        first, rest = table(glossary.lectures(), words, heading).split("\n", 1)
        return korean.in_korean(f"{head}{first}", words) + f"\n{rest}\n"
    text = korean.page(page)
    if page == "data/README":
        note = _("What each file is, where it comes from, and its licence: in English.")
        text = text.replace("# The data\n", f"{_('# The data')}\n{note}\n\n", 1)
    if page == "docs/results":
        clock = r"\[The lecture\]\((\S+)\): (\S+) s and (\S+) MB at most, on (\S+)(?: in (\S+))?, seed (\d+)\."
        said = _("[The lecture]({link}): {seconds} s and {memory} MB at most, on {device}, seed {seed}.")

        def told(line):
            link, seconds, memory, device, numbers, seed = line.groups()
            device += f" ({numbers})" * bool(numbers)
            return said.format(link=link, seconds=seconds, memory=memory, device=device, seed=seed)

        text = re.sub(clock, told, text)
        text = text.replace("| metric | this run | beside it |", _("| metric | this run | beside it |"))
    return text


def prepare(app, page, source):
    """Gives the front page its plan and its table of contents; a link to a folder, which is no page, becomes its bare
    name; one to the learner's own copy leads to its pattern, and on the pattern's page it is its bare text."""
    if KOREAN:
        source[0] = in_korean(page)
        for catalog in catalogs.LOCALE.glob("**/*.po"):  # a changed one may change any page
            app.env.note_dependency(str(catalog))
    source[0] = re.sub(r"\[([^\]\n]+)\]\([^):\s]+/\)", r"`\1`", source[0])
    source[0] = re.sub(r"\[([^\]\n]+)\]\(\.\./work/my_[^)\s]+\)", r"\1", source[0])
    source[0] = re.sub(r"\]\(work/my_(?=[^)\s]+\))", "](assignments/", source[0])
    if page == root_doc:
        source[0] = plan(app.srcdir, source[0])
        contents = {part: "\n".join(pages) for part, pages in lectures(app.srcdir).items()}
        for lecture in sum(lectures(app.srcdir).values(), []):
            app.env.note_dependency(f"{lecture}.ipynb")  # read again when its minutes may have changed
        contents |= {_("Assignments"): "notebooks/assignments/*", _("More"): "data/README\ndocs/*"}
        for caption, pages in contents.items():
            source[0] += CONTENTS.format(caption=caption, pages=pages)


def about(root, page):
    """The line below a notebook's name: its part, its minutes, the way to its file and to its other half."""
    name = page.rsplit("/", 1)[1]
    up = os.path.relpath(".", os.path.dirname(page))
    times = minutes(root, page)
    if page.startswith("notebooks/assignments/"):
        said = [_("{n} exercises").format(n=len(times)), _("about {time}").format(time=spell(times))]
        other = (_("Its lecture"), f"../{name}.html")
    else:
        part = next((part for part, pages in lectures(root).items() if page in pages), _("A lecture"))
        said = [part, _("{n} minutes to read").format(n=sum(times))]
        other = (_("Its assignment"), f"assignments/{name}.html")
    links = ((_("Download the notebook"), f"{up}/_sources/{page}.ipynb"), other)
    download = ' download=""'
    said += [f'<a href="{to}"{download if to.endswith(".ipynb") else ""}>{text}</a>' for text, to in links]
    return f'<p class="about">{" · ".join(said)}</p>'


# Where a word is no text that a term may be linked from.
APART = (nodes.reference, nodes.literal, nodes.literal_block, nodes.math, nodes.math_block, nodes.title, nodes.raw)


TEACHES = {term: place[0] for term, place in glossary.places().items()}
TERMS = words_of("glossary") if KOREAN else {}


def link_terms(app, doctree):
    """Links each lecture's first use of a term to the glossary, whose line shows when the mouse rests there. A word of
    everyday English is linked only where it's taught, in bold."""
    page, terms = app.env.docname, glossary.read("glossary")
    if page == "docs/glossary":
        for row in doctree.findall(nodes.row):
            for bold in row.findall(nodes.strong):  # in Korean, the English term stands in brackets after it
                english = re.search(rf"^{re.escape(bold.astext())} \((.+)\)$", bold.parent.astext())
                row["ids"].append(glossary.anchor(english[1] if english else bold.astext()))
    if not re.match(r"notebooks/\d\d_", page):
        return
    app.env.note_dependency("docs/glossary.json")
    taught = {term for term in terms if TEACHES.get(term) == page[10:]}
    of = {form: term for term, entry in terms.items() for form in glossary.forms(term, entry)}
    if KOREAN:  # particles follow a word directly
        of |= {TERMS[term]: term for term in terms if len(TERMS.get(term, "")) > 1}
    of = {(form if re.search("[A-Z]", form[1:]) else form.lower()): term for form, term in of.items()}
    letters = "A-Za-z0-9_-" if KOREAN else r"\w-"
    forms = "|".join(map(re.escape, sorted(of, key=len, reverse=True)))
    known = re.compile(rf"(?<![\w-])(?:{forms})(?![{letters}])", re.I)
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
                line = terms[term]["line"]
                link["reftitle"], end = TERMS.get(line, line), word.end()
        if parts:
            text.parent.replace(text, [*parts, nodes.Text(text[end:])])


def polish(app, page, template, context, doctree):
    """The front page's name stands once in its title; a long name in code may break after its _ and /. The switch leads
    to the same page in the other language."""
    if page == root_doc:
        context["docstitle"] = ""
    there = "index" if page == root_doc else page
    here, there = (f"ko/{page}", there) if KOREAN else (page, f"ko/{there}")
    context["other"] = context["other"] | {"page": posixpath.relpath(there, posixpath.dirname(here) or ".") + ".html"}
    body = re.sub(
        r"(?<=<span class=\"pre\">)[^<]+",
        lambda name: re.sub("(?<=[A-Za-z0-9][_/])(?=[A-Za-z0-9])", "<wbr>", name[0]),
        context.get("body", ""),
    )
    if re.match(r"notebooks/(assignments/)?\d\d_", page):
        body = body.replace("</h1>", f"</h1>\n{about(app.srcdir, page)}", 1)
    if KOREAN and page == "data/README":  # sources and licences stay in English
        head, rest = body.split("</p>", 1)
        body = "</div></section>".join(f'{head}</p>\n<div lang="en">{rest}'.rsplit("</section>", 1))
    context["body"] = body


def finish(app, error):
    """A web server looks for index.html. What no page needs stays away."""
    if error:
        return
    out, shared = Path(app.outdir), set()
    (out / "_static/webpack-macros.html").unlink(missing_ok=True)
    if KOREAN:  # what the English pages have already
        for path in (path for folder in ("_static", "_images", "_downloads") for path in out.glob(f"{folder}/**/*")):
            english = out.parent / path.relative_to(out)
            if path.is_file() and english.is_file() and path.read_bytes() == english.read_bytes():
                shared.add(path.relative_to(out).as_posix())
                path.unlink()
    for page in out.rglob("*.html"):
        if not KOREAN and page.is_relative_to(out / "ko"):
            continue
        text = page.read_text(encoding="utf-8")
        kept = ICONS.sub("", text)
        if page.name != "search.html":
            kept = INDEX.sub("", kept)
        if KOREAN:
            kept = SAID.sub(lambda tag: f'{tag[1]}{WORDS.get(tag[2], tag[2])}"', kept)
            up = "../" * (len(page.relative_to(out).parts) - 1)
            file = rf'(?<="){re.escape(up)}(_(?:static|images|downloads)/[^"?#]+)'
            kept = re.sub(file, lambda file: f"../{file[0]}" if file[1] in shared else file[0], kept)
        if kept != text:
            page.write_text(kept, encoding="utf-8")
    shutil.copy(out / f"{root_doc}.html", out / "index.html")
    if not KOREAN:
        return
    for page in app.env.found_docs:  # to download; a notebook as `make korean` writes it
        if page.startswith("notebooks/"):
            made = json.dumps(korean.notebook(page.removeprefix("notebooks/")), indent=1, ensure_ascii=False) + "\n"
        else:
            made = in_korean(page)
        (out / "_sources" / app.env.doc2path(page, base=False)).write_text(made, encoding="utf-8")


def setup(app):
    if KOREAN:
        folder = tempfile.mkdtemp()
        path = Path(folder, "ko/LC_MESSAGES/sphinx.mo")
        path.parent.mkdir(parents=True)
        catalogs.read("site").save_as_mofile(str(path))
        app.add_message_catalog("sphinx", folder)
        shutil.rmtree(folder)
    app.connect("source-read", prepare)
    app.connect("doctree-read", link_terms)
    app.connect("html-page-context", polish)
    app.connect("build-finished", finish, priority=900)  # after the theme, which writes its colours of code then
