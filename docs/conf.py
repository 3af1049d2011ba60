"""The website: README, lectures with their stored outputs, assignments, pages on data and for instructors. `make site`.

Sphinx reads the pages where they lie in the repository, so that a link that works there works on the web. Nothing runs,
and the pages that come out ask no other host for anything: MathJax travels with them.
"""

import importlib.metadata
import re
import shutil
from pathlib import Path

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
html_static_path = ["style.css", str(WHEEL.locate_file("sphinx-mathjax-offline/static/mathjax/tex-svg.js"))]
html_css_files = ["style.css"]
html_use_index = False
mathjax_path = "tex-svg.js"
mathjax3_config = {"options": {"enableMenu": False}}  # the menu would look for more of MathJax's files

CONTENTS = """

```{{toctree}}
:caption: {caption}
:hidden:
:glob:
{pages}
```
"""


def prepare(app, page, source):
    """Gives the front page its table of contents; a link to a folder, which is no page, becomes its bare name; one to
    the learner's own copy leads to its pattern, and on the pattern's page it is its bare text."""
    source[0] = re.sub(r"\[([^\]\n]+)\]\([^):\s]+/\)", r"`\1`", source[0])
    source[0] = re.sub(r"\[([^\]\n]+)\]\(\.\./work/my_[^)\s]+\)", r"\1", source[0])
    source[0] = re.sub(r"\]\(work/my_(?=[^)\s]+\))", "](assignments/", source[0])
    if page == root_doc:
        for caption, pages in {
            "Lectures": "notebooks/*",
            "Assignments": "notebooks/assignments/*",
            "More": "data/README\ndocs/*",
        }.items():
            source[0] += CONTENTS.format(caption=caption, pages=pages)


def polish(app, page, template, context, doctree):
    """The front page's name stands once in its title; a long name in code may break after its _ and /."""
    if page == root_doc:
        context["docstitle"] = ""
    context["body"] = re.sub(
        r"(?<=<span class=\"pre\">)[^<]+",
        lambda name: re.sub("(?<=[A-Za-z0-9][_/])(?=[A-Za-z0-9])", "<wbr>", name[0]),
        context.get("body", ""),
    )


def finish(app, error):
    """A web server looks for index.html."""
    if not error:
        shutil.copy(Path(app.outdir) / f"{root_doc}.html", Path(app.outdir) / "index.html")


def setup(app):
    app.connect("source-read", prepare)
    app.connect("html-page-context", polish)
    app.connect("build-finished", finish)
