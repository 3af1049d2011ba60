"""The course in a real browser: JupyterLab as `make lab` starts it, a lecture and an assignment as a person uses them."""

import os
import re
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest
from playwright.sync_api import TimeoutError, expect

from tests.definitions import NOTEBOOKS

ROOT = NOTEBOOKS.parent
LECTURE, SOUNDS, ASSIGNMENT = "01_word2vec.ipynb", "02_spectrograms.ipynb", "00_multimodal_learning.ipynb"
OWN = f"my_{ASSIGNMENT}"
LAST_CELL = {LECTURE: "toy-slider", SOUNDS: "waveforms"}  # all of them run in tests of their own
MINUTE = 60_000  # in a browser's milliseconds; a busy machine is slow


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A copy of what a learner's folder holds, so that nobody's own work is touched; lectures end early."""
    folder = tmp_path_factory.mktemp("house")
    for name in ("Makefile", "README.md", "pyproject.toml", "requirements.txt"):
        shutil.copy(ROOT / name, folder)
    for name in ("helpers", "notebooks"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("work", "__pycache__", ".ipynb*"))
    (folder / "data").symlink_to(ROOT / "data")
    for name, last in LAST_CELL.items():
        lecture = nbformat.read(folder / "notebooks" / name, as_version=4)
        ids = [cell.id for cell in lecture.cells]
        lecture.cells = lecture.cells[: ids.index(last) + 1]
        for cell in lecture.cells:
            if cell.cell_type == "code":
                cell.update(outputs=[], execution_count=None)  # what is seen later was made by this run
        nbformat.write(lecture, folder / "notebooks" / name)
    return folder


@pytest.fixture(scope="module")
def lab(house, browser):
    """JupyterLab as `make lab` starts it, with a port and a token of its own: `lab("notebooks/x.ipynb")` is an address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    flags = (
        f"--no-browser --allow-root --ServerApp.port={port} --ServerApp.port_retries=0 --IdentityProvider.token={token}"
    )
    own = {f"JUPYTER_{kind}_DIR": str(house / ".jupyter" / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    command = [
        "make",
        "-o",
        ".venv/installed",
        "lab",
        f"BIN={shlex.quote(os.path.dirname(sys.executable))}",
        f"LAB_FLAGS={flags}",
    ]
    environment = os.environ | own | {"PYTHONPATH": str(house)}  # helpers of this house
    with open(house / "lab.log", "w", encoding="utf-8") as log:
        server = subprocess.Popen(command, cwd=house, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_for(f"http://localhost:{port}/api/status?token={token}", server, house / "lab.log")
        # ?reset: a workspace restored from the last time may hang
        yield lambda path: f"http://localhost:{port}/lab/tree/{path}?reset&token={token}"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=30)


def wait_for(address, server, log):
    end = time.monotonic() + 120
    while time.monotonic() < end:
        try:
            return urllib.request.urlopen(address, timeout=5).close()
        except OSError:
            assert server.poll() is None, f"make lab ended:\n{log.read_text(encoding='utf-8')}"
            time.sleep(0.3)
    raise AssertionError(f"JupyterLab did not answer for two minutes:\n{log.read_text(encoding='utf-8')}")


@pytest.fixture
def opened(browser, lab):
    """`opened("notebooks/x.ipynb")` shows a notebook in a fresh window with its kernel ready, and returns the page."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(MINUTE)

    def opened(path):
        page = context.new_page()
        page.goto(lab(path))
        page.locator(".jp-NotebookPanel:visible .jp-Cell").first.wait_for()
        kernel = page.locator(".jp-NotebookPanel:visible .jp-KernelName")
        expect(kernel).to_have_text(re.compile("Python 3"), timeout=2 * MINUTE)  # "No Kernel" is idle, too
        page.locator(".jp-NotebookPanel:visible [data-status=idle]").first.wait_for(timeout=2 * MINUTE)
        return page

    yield opened
    context.close()


def cell(page, notebook, name, folder):
    """The cell of this id on the page."""
    ids = [c.id for c in nbformat.read(folder / notebook, as_version=4).cells]
    return page.locator(f".jp-Notebook:visible .jp-Cell[data-windowed-list-index='{ids.index(name)}']")


def from_menu(page, menu, *items):
    page.get_by_role("menuitem", name=menu, exact=True).click()
    for item in items:
        page.locator(".lm-Menu").last.get_by_text(item, exact=True).click()


def run_all(page):
    """Run > Run All Cells, once more where the kernel was not connected yet and nothing began; waits until all have run.

    A question of JupyterLab (which kernel?) gets the answer that it proposes, as a person would give it.
    """
    prompts = page.locator(".jp-Notebook:visible .jp-CodeCell:not(.jp-mod-noInput) .jp-InputPrompt")
    for _ in range(4):
        from_menu(page, "Run", "Run All Cells")
        try:
            page.wait_for_function(BEGAN, timeout=15_000)
            break
        except TimeoutError:
            if page.locator(".jp-Dialog").count():
                print("JupyterLab asked:", page.locator(".jp-Dialog").inner_text())
                page.locator(".jp-Dialog .jp-mod-accept").click()
    page.wait_for_function(ALL_RAN, timeout=3 * MINUTE)
    return [text.strip() for text in prompts.all_text_contents()]


PROMPTS = "[...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].map(p => p.textContent.trim())"
BEGAN = f"{PROMPTS}.some(text => text != '[ ]:')"
ALL_RAN = f"{PROMPTS}.every(text => /^\\[\\d+\\]:$/.test(text))"
ERRORS = "[data-mime-type='application/vnd.jupyter.error'], [data-mime-type='application/vnd.jupyter.stderr']"


def has_run(page):
    """Runs a lecture from the menu and sees that each cell did, in order, without an error."""
    shown = ".jp-OutputArea-output:visible :is(img, audio)"
    assert page.locator(shown).count() == 0, "what is seen later was not stored"
    prompts = run_all(page)
    assert prompts == [f"[{i + 1}]:" for i in range(len(prompts))]
    errors = page.locator(f".jp-Notebook:visible :is({ERRORS})")
    assert errors.count() == 0, errors.all_text_contents()


@pytest.mark.slow
def test_a_lecture_runs_from_the_menu_up_to_its_slider(opened, house, screenshot):
    page = opened(f"notebooks/{LECTURE}")
    has_run(page)
    cell(page, LECTURE, LAST_CELL[LECTURE], house / "notebooks").scroll_into_view_if_needed()
    slider_moves(page, 40, 200, 220)
    screenshot(page, "lab-slider")


SLIDER = """
import matplotlib.pyplot as plt
from helpers import plots
def at(step):
    figure, axes = plt.subplots(figsize=(7, 2))
    axes.bar([1, 2], [step, 40])
    plots.show(figure, alt=f"Bars at step {step}.", caption="It grows.")
plots.slider(at, step=(20, 0, 80, 10))"""


def test_a_slider_moves_and_stays(opened, house, screenshot):
    notebook, path = nbformat.v4.new_notebook(), house / "notebooks" / "slider.ipynb"
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    notebook.cells = [nbformat.v4.new_markdown_cell("# A slider"), nbformat.v4.new_code_cell(SLIDER)]
    nbformat.write(notebook, path)
    page = opened("notebooks/slider.ipynb")
    has_run(page)
    slider_moves(page, 20, 40, 50)
    page.keyboard.press("ControlOrMeta+s")  # JupyterLab's shortcuts work with the slider in focus
    page.locator(".jp-mod-dirty").wait_for(state="detached")
    stored = path.read_text(encoding="utf-8")
    assert "data-slider" in stored and "widget-view" not in stored and "children=" not in stored
    page.close()
    slider_moves(opened("notebooks/slider.ipynb"), 20, 40, 50)

    # A notebook that nobody here has run isn't trusted, and its scripts are taken out: the frames stand in a row.
    others = nbformat.read(path, as_version=4)
    others.cells[0].source += " from somebody else"
    nbformat.write(others, house / "notebooks" / "others.ipynb")
    page = opened("notebooks/others.ipynb")
    images = page.locator(".jp-Notebook:visible figure img")
    images.nth(1).wait_for()
    assert images.count() == 9 and all(image.is_visible() for image in images.all())
    assert images.nth(1).bounding_box()["x"] > images.nth(0).bounding_box()["x"] + 200, "side by side"
    assert page.get_by_role("slider").count() == 0 and page.locator(".jp-OutputArea button:visible").count() == 0
    from_menu(page, "Settings", "Theme", "JupyterLab Dark")
    page.locator("body[data-jp-theme-light=false]").wait_for(state="attached")
    screenshot(page, "lab-dark")
    from_menu(page, "Settings", "Theme", "JupyterLab Light")


def slider_moves(page, start, middle, after):
    """By mouse to its middle, and by a key one step on; the cursor stays where it is."""
    slider = page.locator(".jp-Notebook:visible").get_by_role("slider", name="step")
    figure = page.locator(".jp-Notebook:visible .jp-Cell:has(input[type=range]) figure img:visible")
    slider.scroll_into_view_if_needed()
    assert slider.get_attribute("aria-valuetext") == str(start) and f"step {start}." in figure.get_attribute("alt")
    box = slider.bounding_box()
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + box["height"] / 2)
    assert slider.get_attribute("aria-valuetext") == str(middle) and f"step {middle}." in figure.get_attribute("alt")
    page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == str(after) and f"step {after}." in figure.get_attribute("alt")
    assert figure.count() == 1


def test_a_sound_plays(opened, screenshot):
    page = opened(f"notebooks/{SOUNDS}")
    has_run(page)
    player = page.locator(".jp-Notebook:visible audio").first
    player.scroll_into_view_if_needed()
    assert player.evaluate("player => player.currentTime") == 0
    player.click(position={"x": 20, "y": 20})  # the triangle
    page.wait_for_function("player => player.currentTime > 0.2", arg=player.element_handle())
    screenshot(page, "lab-sound")


@pytest.mark.parametrize("page_with_link", ["notebooks", "notebooks/assignments"])
def test_a_lecture_and_a_pattern_lead_to_ones_own_copy(page_with_link, opened, screenshot):
    page = opened(f"{page_with_link}/{ASSIGNMENT}")
    link = page.locator(f".jp-Notebook:visible a[href*='{OWN}']").first
    banner = page.locator(".jp-Notebook:visible .alert-warning", has_text="not your copy")
    if page_with_link == "notebooks":  # its link is at the end, where cells are drawn only when they come into sight
        page.locator(".jp-Notebook:visible .jp-Cell").first.click()
        bottom = "e => { e.scrollTop = e.scrollHeight; }"
        for _ in range(60):
            page.locator(".jp-WindowedPanel-outer:visible").first.evaluate(bottom)
            if link.is_visible():
                break
            page.wait_for_timeout(500)
    else:
        expect(banner).to_be_visible()
        screenshot(page, "lab-pattern")
    link.click()
    page.locator(f".jp-mod-current[role=tab]:has-text('{OWN}')").wait_for()
    page.locator(".jp-NotebookPanel:visible h1", has_text="Assignment 00").wait_for()
    assert banner.count() == 0, "one's own copy doesn't say that it is a pattern"


def test_an_exercise_is_failed_and_then_solved(opened, house, screenshot):
    work = house / "notebooks" / "work"
    page = opened(f"notebooks/work/{OWN}")

    def run(name, text=None):
        """Clicks into a cell, writes what is given, presses Shift+Enter, and returns its output once it has run."""
        here = cell(page, OWN, name, work)
        here.locator(".cm-content").click()
        if text:
            page.keyboard.press("ControlOrMeta+a")
            page.keyboard.insert_text(text)
        prompt = here.locator(".jp-InputPrompt").text_content()
        page.keyboard.press("Shift+Enter")
        page.wait_for_function(
            "([e, was]) => e.textContent != was && /\\d/.test(e.textContent)",
            arg=[here.locator(".jp-InputPrompt").element_handle(), prompt],
        )
        here.scroll_into_view_if_needed()
        return here.locator(".jp-OutputArea").text_content()

    assert "This cell has run." in run("setup")
    said = run("fail")
    assert "✘" in said and "Hint 1 of 4" in said and "Hint 2" not in said
    assert "Hint 2" not in run("fail"), "the same code again is no other attempt"
    assert "Hint 2 of 4" in run("fail", 'check("0.0", max)'), "each other failure shows one more"
    screenshot(page, "lab-failed")
    run("numbers")
    assert "it is not written yet" in run("check-numbers")
    run("numbers", "def numbers_in(shape):\n    return sum(shape)")
    said = run("check-numbers")
    assert "✔" in said and "✘" in said and "Exercise 0.0 is solved" not in said
    run("numbers", "def numbers_in(shape):\n    return math.prod(shape)")
    said = run("check-numbers")
    assert "Exercise 0.0 is solved: 1 of 1 marks." in said and "✘" not in said and "1.0" not in said
    screenshot(page, "lab-solved")

    # What waited for this exercise goes on; what waits for others says so, and nothing stops with an error.
    run_all(page)
    errors = page.locator(f".jp-Notebook:visible :is({ERRORS})")
    assert errors.count() == 0, errors.all_text_contents()
    assert "its picture" in cell(page, OWN, "look-numbers-cell", work).locator(".jp-OutputArea").text_content()
    waiting = cell(page, OWN, "lean-draw", work).locator(".jp-OutputArea").text_content()
    assert "This cell waits for exercise 0.3." in waiting

    page.keyboard.press("ControlOrMeta+s")
    page.locator(".jp-mod-dirty").wait_for(state="detached")
    assert "math.prod(shape)" in (work / OWN).read_text(encoding="utf-8"), "it is kept in the learner's own copy"
    assert "math.prod(shape)" not in (house / "notebooks" / "assignments" / ASSIGNMENT).read_text(encoding="utf-8")
