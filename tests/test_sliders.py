"""Sliders and progress bars: what a saved cell keeps of them, and what a reader can do with it, in Chromium."""

import functools
import re
import shutil
import subprocess
import sys
import time

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from bs4 import BeautifulSoup
from IPython.core.interactiveshell import InteractiveShell
from nbclient import NotebookClient
from traitlets.config import Config

from helpers import CourseError, plots
from helpers.training import fit
from tests.definitions import NOTEBOOKS

ROOT = NOTEBOOKS.parent
CELLS = {
    "figures": """
import time, torch, matplotlib.pyplot as plt
from helpers import models, plots
from helpers.training import fit
def at(step):
    print("It was", step)
    for k in (1, 2):
        figure, axes = plt.subplots(figsize=(7, 2))
        axes.bar([1, 2], [step, k])
        plots.show(figure, alt=f"Bars {k} at step {step}.", caption="It <grows>.")
plots.slider(at, step=(40, 0, 80, 10))""",
    "gallery": """
picture = torch.zeros(3, 64, 64, dtype=torch.uint8)
plots.slider(lambda z: plots.gallery({"row": [(picture + 20 * z, f"z {z}")]}), z=(0, 0, 9, 1))""",
    "training": "fit(lambda batch: time.sleep(.02) or 1 / (batch + 1), lambda: range(20), 3, report_every=2);",
    "stopped": "fit(lambda batch: float('nan'), lambda: range(20), 3)",
    "features": "models.cached = lambda name, key, compute: compute()\nmodels.picture_features(picture[None], 32).shape",
}


@pytest.fixture(scope="module")
def saved():
    """A notebook as it is saved after it ran where somebody watches; its outputs by the cells' names."""
    cells = [nbformat.v4.new_code_cell(source, id=name) for name, source in CELLS.items()]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Moving figures"), *cells])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JPY_SESSION_NAME", "somebody watches")
        NotebookClient(notebook, allow_errors=True, resources={"metadata": {"path": str(ROOT)}}).execute()
    return notebook


def output(saved, name):
    (cell,) = (cell for cell in saved.cells if cell.id == name)
    return cell.outputs


def page_of(saved):
    """The outputs of both sliders on one page."""
    return "".join(f"<div>{output(saved, name)[0].data['text/html']}</div>" for name in ("figures", "gallery"))


def test_nothing_that_needs_a_kernel_is_saved(saved):
    text = nbformat.writes(saved)
    assert "widget" not in text.replace("moving", "") and "interactive(" not in text and "children=" not in text
    assert not re.search(r"[█▏▎▍▌▋▊▉]|\d%\|", text), "a bar is left"
    assert [o.output_type for o in output(saved, "figures")] == ["display_data"]


def test_a_progress_bar_leaves_one_line(saved):
    bar, *printed = output(saved, "training")
    assert re.fullmatch(r"epoch 3/3: 60/60 batches in 00:\d\d", bar.data["text/plain"]) and list(bar.data) == [
        "text/plain"
    ]
    assert re.fullmatch(r"(epoch \d/3  loss 0\.1799  \d\.\d s\n){2}", "".join(line.text for line in printed))
    bar, error = output(saved, "stopped")
    assert (
        re.fullmatch(r"epoch 1/3: 20/60 batches in 00:\d\d", bar.data["text/plain"])
        and "loss became nan" in error.evalue
    )
    bar, shape = output(saved, "features")
    assert re.fullmatch(r"pictures: 1/1 batches in 00:\d\d", bar.data["text/plain"])


def test_a_terminal_keeps_no_bar(monkeypatch, capsys):
    monkeypatch.setenv("JPY_SESSION_NAME", "somebody watches")
    fit(lambda batch: time.sleep(0.02) or 0.5, lambda: range(20), 2)
    said = capsys.readouterr()
    assert said.out.count("\n") == 2 and re.search(r"epoch 2/2: +\d+%\|.*loss 0\.5", said.err)
    assert said.err.endswith("\r") and "\n" not in said.err


def test_no_bar_where_nobody_watches(capsys):
    fit(lambda batch: 0.5, lambda: range(20), 2)
    assert capsys.readouterr().err == ""


# ------------------------------------------------------------------------------------------------------- a slider's frames
@pytest.fixture
def slide(monkeypatch):
    """`slide(draw, n=...)` is the HTML that a slider leaves."""
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    left = []
    monkeypatch.setattr(plots.HTML, "__init__", lambda self, data: setattr(self, "data", data))
    real = plots.display
    monkeypatch.setattr(
        plots, "display", lambda shown: left.append(shown.data) if plots.collected is None else real(shown)
    )

    def slide(draw, **span):
        plots.slider(draw, **span)
        return left.pop()

    yield slide
    shell.clear_instance()


def noise(n, width=12):
    figure, axes = plt.subplots(figsize=(width, 3))
    axes.plot(np.random.default_rng(n).random(3000), linewidth=0.5)
    plots.show(figure, alt=f"Noise {n}.")


def print_it(n):
    print(n)


def values(html):
    return [float(frame["data-value"]) for frame in BeautifulSoup(html, "html.parser").select("[data-value]")]


def test_few_values_are_all_drawn_and_many_are_thinned(slide):
    drawn = []
    assert values(slide(lambda n: drawn.append(n), n=(3, 0, 20, 1))) == drawn == list(range(21))
    assert values(slide(print_it, n=(0.3, 0.0, 0.7, 0.1))) == [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    assert values(slide(print_it, n=(100, 0, 930, 10))) == [*range(0, 901, 50), 930]
    assert values(slide(print_it, n=(33, 0, 999, 1))) == sorted([33, *range(0, 999, 50), 999])


def test_a_slider_stays_small_and_repeats_byte_for_byte(slide):
    first, small = slide(noise, n=(7, 0, 12, 1)), slide(functools.partial(noise, width=2), n=(7, 0, 12, 1))
    assert max(len(first), len(small)) <= 150_000 and first == slide(noise, n=(7, 0, 12, 1))
    assert len(values(first)) < len(values(small)) == 13, "frames go last"
    assert {0, 7, 12} <= set(values(first))
    for html in (first, small):
        alts = [image["alt"] for image in BeautifulSoup(html, "html.parser").select("img")]
        assert alts == [f"Noise {n:.0f}." for n in values(html)]


def test_a_range_that_makes_no_sense_is_named(slide):
    for span, says in (
        ({}, "not 0"),
        ({"a": (0, 0, 1, 1), "b": (0, 0, 1, 1)}, "not 2"),
        ({"n": (5, 0, 4, 1)}, "n takes"),
    ):
        with pytest.raises(CourseError, match=says):
            slide(noise, **span)


def test_after_an_error_in_a_frame_figures_are_shown_as_ever(slide):
    with pytest.raises(ZeroDivisionError):
        slide(lambda n: 1 / n, n=(0, 0, 3, 1))
    assert plots.source(plots.Image.new("RGB", (8, 8))).startswith("data:image/webp")


# ------------------------------------------------------------------------------------------------------------- in Chromium
def test_keys_and_mouse_turn_over_the_frames(saved, browser, screenshot):
    with browser.new_context(viewport={"width": 900, "height": 700}) as context:
        page = context.new_page()
        wrong = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.set_content(page_of(saved) + "<p id=below>below</p>")
        works(page)
        other = page.get_by_role("slider", name="z")
        assert other.get_attribute("aria-valuetext") == "0" and page.locator("img[alt='z 0']:visible").count() == 1
        other.press("End")
        assert (
            page.locator("img[alt='z 9']:visible").count() == 1 and page.locator("img[alt^='z ']:visible").count() == 1
        )
        assert page.get_by_role("slider", name="step").get_attribute("aria-valuetext") == "0", "each its own"
        assert wrong == []
        screenshot(page, "sliders")


def works(page):
    """The first slider on a page moves by keys and by mouse; nothing else moves."""
    slider, below = page.get_by_role("slider", name="step"), page.locator("#below")
    shown = page.locator("img[alt^='Bars']:visible")
    alts = lambda: [image.get_attribute("alt") for image in shown.all()]  # noqa: E731
    slider.scroll_into_view_if_needed()
    assert alts() == ["Bars 1 at step 40.", "Bars 2 at step 40."] and slider.get_attribute("aria-valuetext") == "40"
    assert page.get_by_text("It was 40").is_visible() and not page.get_by_text("It was 50").is_visible()
    place = below.bounding_box()["y"] if below.count() else None
    slider.press("ArrowRight")
    assert alts() == ["Bars 1 at step 50.", "Bars 2 at step 50."] and slider.get_attribute("aria-valuetext") == "50"
    assert slider.locator("xpath=..").inner_text().split() == ["step", "50"]
    box = slider.bounding_box()
    page.mouse.click(box["x"] + box["width"] - 3, box["y"] + box["height"] / 2)
    assert alts()[0] == "Bars 1 at step 80."
    slider.press("Home")
    assert alts()[0] == "Bars 1 at step 0."
    assert place is None or below.bounding_box()["y"] == place


def is_a_strip(page):
    """Without scripts: all frames stand in a row that scrolls, each below its value."""
    images = page.locator("img[alt^='Bars']")
    assert images.count() == 18 and all(image.is_visible() for image in images.all())
    assert page.get_by_role("slider").count() == 0 and page.get_by_text("step 40", exact=True).is_visible()
    first, last = images.first.bounding_box(), images.last.bounding_box()
    row = page.locator("div:has(> div > figure > img[alt^='Bars'])").first
    assert last["x"] > first["x"] + 5 * first["width"] and row.evaluate("e => e.scrollWidth > e.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the row scrolls, not the page"


def test_without_scripts_the_frames_stand_in_a_row(saved, browser, screenshot):
    with browser.new_context(viewport={"width": 900, "height": 700}, java_script_enabled=False) as context:
        page = context.new_page()
        page.set_content(page_of(saved))
        is_a_strip(page)
        screenshot(page, "sliders-no-script")


@pytest.fixture(scope="module")
def site(saved, tmp_path_factory):
    """The saved notebook as a page of a small site, with the course's configuration."""
    folder = tmp_path_factory.mktemp("web")
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns("*.md"))
    (folder / "data").mkdir()
    for page in ("README.md", "data/README.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))):
        (folder / page).write_text("# A page\n", encoding="utf-8")
    for name in ("notebooks/00_a.ipynb", "notebooks/assignments/00_a.ipynb"):
        (folder / name).parent.mkdir(exist_ok=True)
        nbformat.write(saved, folder / name)
    command = [sys.executable, "-m", "sphinx", "-c", "docs", "-q", "--fail-on-warning", ".", "out"]
    made = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, encoding="utf-8")
    assert made.returncode == 0, made.stderr
    return folder / "out" / "notebooks" / "00_a.html"


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)])
def test_a_slider_works_on_the_site(theme, width, site, browser, screenshot):
    with browser.new_context(viewport={"width": width, "height": 800}, color_scheme=theme) as context:
        page, wrong = context.new_page(), []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else wrong.append(r.url))
        page.goto(site.as_uri())
        works(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width and wrong == []
        screenshot(page, f"site-slider-{theme}-{width}")


def test_the_site_without_scripts_shows_every_frame(site, browser, screenshot):
    with browser.new_context(viewport={"width": 1280, "height": 800}, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(site.as_uri())
        is_a_strip(page)
        screenshot(page, "site-slider-no-script")
