"""Slides: what a lecture's marks make, and that a class can read it: nothing is cut off, figures are large, code is folded."""

import os
import re
import shlex
import subprocess
import sys

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from helpers.commands import slides
from tests.definitions import NOTEBOOKS

LECTURES = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))


def lecture(name):
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)


@pytest.mark.parametrize("name", LECTURES)
def test_a_lecture_has_fifteen_to_twenty_five_slides(name):
    notebook = lecture(name)
    assert 15 <= len(slides.groups(notebook)) <= 25
    assert {slides.mark(cell) for cell in notebook.cells} <= {"slide", "-", "fragment", None}
    for heading, cells in slides.groups(notebook)[1:]:
        made = BeautifulSoup(slides.slide(heading, cells), "html.parser")
        assert made.h2.get_text(strip=True), "a slide has a heading"
        assert made.select(".text li, .text p, .text table, .shown"), cells[0].id
        assert not made.select("details.code[open]") and all(image["alt"] for image in made.select("img"))
    assert sum("<img" in slides.slide(*group) for group in slides.groups(notebook)) >= 5, "pictures, not only words"


def marked(make, source, kind, **more):
    return make(source, metadata={"slideshow": {"slide_type": kind}} if kind else {}, **more)


def made_up():
    """A title; a question, and its answer at the next key; a text after its output, with the next section's heading."""
    printed = [new_output("stream", name="stdout", text="\n".join(f"line <{i}>" for i in range(20)))]
    picture = [new_output("display_data", data={"text/html": '<figure><img alt="a" src="data:,"></figure>'})]
    return new_notebook(
        cells=[
            marked(
                new_markdown_cell, "# 00 A lecture\n- **You will be able to** see.\n- **Reading** 5 minutes.", "slide"
            ),
            marked(
                new_markdown_cell, "## 1. It\nSee [this](x.ipynb), a **term**.\n\n**Stop and predict.** What?", "slide"
            ),
            marked(new_code_cell, "print(1 < 2)", None, outputs=printed),
            marked(new_code_cell, "draw()", "fragment", outputs=[*picture, *printed]),
            marked(new_code_cell, "count()", "slide", outputs=printed),
            marked(new_markdown_cell, "It counts.\n\n## 2. Next\nOther.", "-"),
        ]
    )


def test_what_is_marked_becomes_slides():
    made = BeautifulSoup(slides.deck(made_up()), "html.parser").select("section")
    assert [one.select_one("h1, h2").get_text(strip=True) for one in made] == ["00 A lecture", "1. It", "1. It"]
    title, question, count = made
    assert "You will be able" in title.get_text() and "5 minutes" not in title.select_one(".text").get_text()
    assert question.select_one(".predict").get_text() == "Stop and predict. What?" and not question.select(".text a")
    assert question.select(".fragment img") and not question.select("pre:not(details pre)"), "a picture, without prints"
    assert "draw()" in question.select_one("details.code").get_text() and "print" not in question.get_text()
    assert count.select_one(".shown pre").get_text().splitlines()[-2:] == ["line <13>", "..."]
    assert count.select_one(".text").get_text(strip=True) == "It counts." and "Other." in count.aside.get_text()


def test_a_text_is_shortened():
    text = "One is first. Two has a **term**. " + "Three goes on and on. " * 20 + "\n$$x = 1$$\nThe next cell draws it."
    made = slides.gist(text, 30)
    assert "One is first" in made and "<strong>term</strong>" in made and "$$x = 1$$" in made
    assert slides.sentences("Liang et al. (2022) say so. **It is.** Yes.") == [
        "Liang et al. (2022) say so.",
        "**It is.** Yes.",
    ]
    assert "next cell" not in made and len(BeautifulSoup(made, "html.parser").get_text().split()) < 35
    assert "<table>" in slides.gist("|a|b|\n|---|---|\n|1|2|", 30) and "<table>" not in slides.gist(
        "|a|\n|---|\n|1|", 30, tables=False
    )


FOUND = """() => {
    const slide = Reveal.getCurrentSlide(), area = slide.getBoundingClientRect(), shown = slide.querySelector('.shown');
    const inside = [...slide.querySelectorAll('.above *, .shown *')].map(e => e.getBoundingClientRect()).filter(r => r.width && r.height);
    const out = inside.filter(r => r.right > area.right + 1 || r.bottom > area.bottom + 1 || r.left < area.left - 1 || r.top < area.top - 1);
    const font = parseFloat(getComputedStyle(slide).fontSize);
    const overlap = shown && [...slide.querySelectorAll('.text li, .text p')].some(e => {
        const a = e.getBoundingClientRect(), b = shown.getBoundingClientRect();
        return a.right > b.left + 2 && a.left < b.right - 2 && a.bottom > b.top + 2 && a.top < b.bottom - 2; });
    const tall = shown && shown.querySelector('img') ? shown.getBoundingClientRect() : null;
    return [out.length ? 'cut off' : '', font < 18 ? `letters of ${font}` : '', overlap ? 'text over a figure' : '',
        slide.scrollHeight > slide.clientHeight + 1 ? 'too high' : '', slide.querySelector('mjx-merror') ? 'formula' : '',
        tall && tall.height < 250 && tall.width < 800 ? `a figure of ${tall.width} x ${tall.height}` : ''].filter(x => x);
}"""


def read_aloud(name, folder, browser, screenshot):
    """Goes through a deck as a class sees it, at 1280 x 720 without a network, and finds nothing wrong."""
    notebook = lecture(name)
    path = folder / f"{name}.html"
    path.write_text(slides.deck(notebook), encoding="utf-8")
    with browser.new_context(viewport={"width": 1280, "height": 720}, offline=True) as context:
        page, wrong = context.new_page(), []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else wrong.append(r.url))
        page.goto(path.as_uri())
        page.wait_for_selector("body[data-ready]", timeout=120_000)
        headings = [heading for heading, _ in slides.groups(notebook)]
        assert page.evaluate("Reveal.getTotalSlides()") == len(headings)
        for i in range(len(headings)):
            page.evaluate(f"Reveal.slide({i}, 0, 99)")
            found = page.evaluate(FOUND)
            wrong += [f"slide {i + 1}: {found}"] if found else []
            if i in (3, 8):
                screenshot(page, f"slide-{name}-{i + 1}")
        assert wrong == []


def test_a_deck_fits_its_slides(tmp_path, browser, screenshot):
    read_aloud("10_cocktail_party", tmp_path, browser, screenshot)


@pytest.mark.slow
@pytest.mark.parametrize("name", LECTURES)
def test_every_deck_fits_its_slides(name, tmp_path, browser, screenshot):
    read_aloud(name, tmp_path, browser, screenshot)


def test_what_doesnt_fit_is_found(tmp_path, browser):
    notebook = made_up()
    notebook.cells[4].outputs = [new_output("display_data", data={"text/html": '<div style="margin-left: -900px; width: 1000px; height: 20px">.</div>'})]  # fmt: skip
    path = tmp_path / "deck.html"
    path.write_text(slides.deck(notebook), encoding="utf-8")
    with browser.new_context(viewport={"width": 1280, "height": 720}) as context:
        page = context.new_page()
        page.goto(path.as_uri() + "#/2")
        page.wait_for_selector("body[data-ready]")
        assert "cut off" in page.evaluate(FOUND)
        page.keyboard.press("ArrowLeft")  # the keys turn the slides; a fragment comes after its question
        page.wait_for_function("Reveal.getIndices().h == 1")


def test_make_slides_writes_a_file(tmp_path):
    bin_ = shlex.quote(os.path.dirname(sys.executable))
    command = ["make", "-o", ".venv/installed", "slides", f"BIN={bin_}"]
    made = subprocess.run([*command, "NOTEBOOK=09_sound_localisation"], cwd=NOTEBOOKS.parent, capture_output=True, text=True, encoding="utf-8")  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert re.fullmatch(r"\d\d slides: results/slides/09_sound_localisation.html. .*\n", made.stdout)
    assert (NOTEBOOKS.parent / "results/slides/09_sound_localisation.html").stat().st_size < 6_000_000
    wrong = subprocess.run([*command, "NOTEBOOK=09"], cwd=NOTEBOOKS.parent, capture_output=True, text=True, encoding="utf-8")  # fmt: skip
    assert wrong.returncode != 0 and "There is no lecture 09" in wrong.stderr
