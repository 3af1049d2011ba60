"""The website that `make site` builds: its links, its pictures and sounds, and what a reader sees in both themes, on a desk and a phone."""

import copy
import functools
import http.server
import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from urllib.parse import quote, unquote, urlsplit

import nbformat
import pytest
from bs4 import BeautifulSoup

from helpers.commands import glossary, korean
from tests.definitions import NOTEBOOKS

ROOT = NOTEBOOKS.parent
SOURCES = sorted(NOTEBOOKS.glob("*.ipynb")) + sorted((NOTEBOOKS / "assignments").glob("*.ipynb"))
WINDOWS = {"desktop": (1280, 900), "phone": (390, 844)}
NAMES = {"en": "Multi-modal learning, by doing", "ko": "직접 해 보며 배우는 멀티모달 학습"}
HANGUL = re.compile("[가-힣]")
LOOKS = [(theme, window) for theme in ("light", "dark") for window in WINDOWS]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site, in both languages."""
    folder = tmp_path_factory.mktemp("web") / "site"
    made = subprocess.run(
        # -o: the environment that runs this test is the one to use, however old its stamp
        ["make", "-o", ".venv/installed", "site", f"SITE={folder}", f"BIN={shlex.quote(os.path.dirname(sys.executable))}"],
        cwd=ROOT, capture_output=True, text=True, check=False, encoding="utf-8"
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site):
    """Every page of the site, read without the colours of its code: `{its path: BeautifulSoup}`."""
    found = {page: page.read_text(encoding="utf-8") for page in site.rglob("*.html") if "_static" not in page.parts}
    plain = {page: re.sub(r'<span class="[a-z]\w{0,2}">([^<]*)</span>', r"\1", text) for page, text in found.items()}
    return {page.relative_to(site).as_posix(): BeautifulSoup(text, "html.parser") for page, text in plain.items()}


@pytest.fixture(scope="module")
def address(site):
    """Where a server on this machine shows the site."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


def on_the_web(source):
    return source.relative_to(ROOT).with_suffix(".html").as_posix()


def test_every_lecture_and_every_assignment_is_there_and_in_the_menu(pages):
    menu = [link["href"] for link in pages["index.html"].select("nav.bd-links a.reference.internal")]
    docs = map(on_the_web, sorted((ROOT / "docs").glob("*.md")))
    assert menu == ["#", *map(on_the_web, SOURCES), "data/README.html", *docs], "in this order"
    assert "Clone the repository" in pages["index.html"].get_text(), "the front page is README.md"


def test_a_page_has_one_name_and_leads_to_the_next(pages):
    for path, page in pages.items():
        assert page.title.get_text().count(NAMES[page.html["lang"]]) == 1, path
    for source, after in itertools.pairwise(SOURCES):
        assert pages[on_the_web(source)].select_one(".right-next")["href"] == os.path.relpath(
            after.with_suffix(".html"), source.parent
        )


def test_the_menu_and_the_map_have_the_courses_parts(pages):
    parts = ["First steps", "Text and pictures", "Pictures and sound"]
    front = pages["index.html"]
    assert [caption.get_text() for caption in front.select("nav.bd-links .caption-text")][:3] == parts
    table = front.select_one("#the-map table")
    assert [cell.get_text() for cell in table.select("td:nth-child(2) > p > strong:only-child")][:3] == parts
    for lecture in sorted(NOTEBOOKS.glob("*.ipynb")):
        said = re.search(r"\*\*Reading\*\* (\d+) minutes", nbformat.read(lecture, as_version=4).cells[0].source)[1]
        (name,) = table.select(f"td:nth-child(2):has(a[href$='{lecture.stem}.html'])")
        assert name.get_text().endswith(f", {said} min")
        assert f" · {said} minutes to read · " in pages[on_the_web(lecture)].select_one(".about").get_text()


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_the_minutes_of_reading_fit_the_text(path):
    """130 words a minute, since one stops to think, and three cells of code a minute: the stated time is near that."""
    cells = nbformat.read(path, as_version=4).cells
    words = sum(len(cell.source.split()) for cell in cells if cell.cell_type == "markdown")
    said = int(re.search(r"\*\*Reading\*\* (\d+) minutes", cells[0].source)[1])
    estimate = words / 130 + sum(cell.cell_type == "code" for cell in cells) / 3
    assert estimate / 1.5 < said < 1.5 * estimate


@pytest.mark.parametrize("source", SOURCES, ids=on_the_web)
def test_a_page_downloads_as_its_notebook(source, pages, site):
    (link,) = pages[on_the_web(source)].select(".about a[download]")
    assert ((site / on_the_web(source)).parent / link["href"]).read_bytes() == source.read_bytes()


def test_the_first_use_of_a_term_leads_to_its_line(pages):
    listed = glossary.read("glossary")
    rows = {row["id"]: row.get_text(" ") for row in pages["docs/glossary.html"].select("tr[id^=term-]")}
    for lecture in sorted(NOTEBOOKS.glob("*.ipynb")):
        links = pages[on_the_web(lecture)].select("article a.term")
        goals = [link["href"].removeprefix("../docs/glossary.html#") for link in links]
        assert len(goals) > 15 and len(goals) == len(set(goals)), "each term once"
        assert all(goal in rows for goal in goals), lecture.stem
        assert not pages[on_the_web(lecture)].select(":is(h1, h2, h3, pre, .cell_output) a.term")
        for link, goal in zip(links, goals, strict=True):
            (term,) = (term for term in listed if glossary.anchor(term) == goal)
            assert link["title"] == listed[term]["line"]
    assert [
        link["href"]
        for link in pages[on_the_web(NOTEBOOKS / "05_conditional_gan.ipynb")].select("a[href$='#term-mode-collapse']")
    ]


def test_a_long_name_breaks_between_its_words(pages):
    names = [
        name for page in pages.values() for name in page.select("td code") if re.search(r"\w{12}", name.get_text())
    ]
    assert names and all(name.select("wbr") for name in names if re.search("[a-z]_[a-z]", name.get_text()))


def test_no_solution_is_on_the_site(site):
    assert not list(site.rglob("*solution*"))


def ids(page):
    return {tag["id"] for tag in page.select("[id]")}


@pytest.fixture(scope="module")
def anchors(pages):
    """What a link may lead to on each page."""
    return {path: ids(page) for path, page in pages.items()}


def dead_ends(path, page, anchors, site):
    """Addresses on a page that lead to nothing, or that make the browser ask another host."""
    wrong, own, root = [], ids(page), site.resolve()
    for tag in page.select("[href], [src]"):
        target = tag.get("href") or tag.get("src") or ""
        parts = urlsplit(target)
        if parts.scheme == "data" or (parts.scheme and tag.name == "a"):
            continue
        if parts.scheme or parts.netloc:
            wrong.append(f"{path}: {tag.name} asks another host: {target}")
            continue
        file = ((site / path).parent / unquote(parts.path)).resolve() if parts.path else site / path
        there = file.is_file()
        if there and parts.fragment and tag.name == "a" and file.suffix == ".html":
            known = anchors[file.relative_to(root).as_posix()] if parts.path else own
            there = unquote(parts.fragment) in known or parts.fragment == "main-content"
        wrong += [] if there else [f"{path}: {target}"]
    return wrong


def test_no_link_is_broken_and_nothing_is_fetched_from_elsewhere(pages, anchors, site):
    assert [wrong for path, page in pages.items() for wrong in dead_ends(path, page, anchors, site)] == []


def test_a_link_to_ones_own_copy_leads_to_its_pattern(pages):
    for lecture in sorted(NOTEBOOKS.glob("*.ipynb")):
        page = pages[on_the_web(lecture)]
        assert page.article.select(f"a[href='assignments/{lecture.stem}.html']"), lecture.name
        pattern = pages[on_the_web(NOTEBOOKS / "assignments" / lecture.name)]
        banner = pattern.select_one("article .alert")
        assert "not your copy" in banner.get_text() and not banner.select("a"), "there is no copy on the web"
        assert f"notebooks/work/my_{lecture.name}" in banner.get_text()


def test_dead_ends_are_found(anchors, site):
    for bad in ('<a href="nowhere.html">', '<img src="gone.png">', '<a href="index.html#gone">', "<script src='//x.org/y.js'>"):  # fmt: skip
        assert len(dead_ends("README.html", BeautifulSoup(bad, "html.parser"), anchors, site)) == 1, bad


def prose(page):
    """The text of a page without its code and formulas."""
    text = copy.copy(page.article)
    for tag in text.select("pre, code, .math, script"):
        tag.decompose()
    return text.get_text()


@pytest.mark.parametrize("source", SOURCES, ids=on_the_web)
def test_a_page_shows_its_notebooks_pictures_players_and_formulas(source, pages):
    page = pages[on_the_web(source)]
    outputs = [o for c in nbformat.read(source, as_version=4).cells for o in c.get("outputs", [])]
    stored = "".join("".join(o.get("data", {}).get("text/html", "")) for o in outputs)
    shown = page.select(".cell_output img")
    assert len(shown) == stored.count("<img ") and all(image["alt"].strip() for image in shown)
    players = page.select("audio")
    assert len(players) == stored.count("<audio ") and all(player["aria-label"].strip() for player in players)
    assert not re.search(r"\$|\\[a-z]|\*\*", prose(page)), "a formula or bold type was not read as such"


# In Korean


def one_way(pages):
    """Pages whose switch doesn't lead to the same page in the other language, or whose language is told wrongly."""
    wrong = []
    for path, page in pages.items():
        here, there = ("ko", "en") if path.startswith("ko/") else ("en", "ko")
        wrong += [] if page.html["lang"] == here else [f"{path}: {page.html['lang']}"]
        switches = page.select("a.language")
        same = path.removeprefix("ko/") if here == "ko" else f"ko/{path}"
        same = re.sub("README.html$", "index.html", same) if same.removeprefix("ko/") == "README.html" else same
        for switch in switches:
            goal = os.path.normpath(os.path.join(os.path.dirname(path), switch["href"]))
            wrong += [] if goal == same and goal in pages else [f"{path}: leads to {goal}"]
            wrong += [] if switch["lang"] == switch["hreflang"] == there else [f"{path}: {switch}"]
        wrong += [] if len(switches) == 1 else [f"{path}: {len(switches)} switches"]
    return wrong


def test_every_page_leads_to_itself_in_the_other_language(pages):
    assert one_way(pages) == []
    assert {path for path in pages if not path.startswith("ko/")} == {
        path.removeprefix("ko/") for path in pages if path.startswith("ko/")
    }


def test_a_switch_that_leads_elsewhere_is_found(pages):
    page = copy.copy(pages["ko/docs/setup.html"])
    page.select_one("a.language")["href"] = "../../index.html"
    page.html["lang"] = "en"
    assert len(one_way(pages | {"ko/docs/setup.html": page})) == 2


def left_in_english(page):
    """Paragraphs, headings and cells of a page, and the words around it, that have words and no Hangul in them."""
    text, said = copy.copy(page), []
    for tag in text.select("pre, code, script, .math, body [lang=en], .logo__title"):
        tag.decompose()
    for tag in text.select("h1, h2, h3, p, li, td, th, figcaption, nav a, summary, [aria-label], [title], img"):
        if tag.select("p, li, td"):
            continue
        words = [tag.get_text(" "), *(tag.get(name, "") for name in ("aria-label", "title", "alt"))]
        said += [w for w in words if len(re.findall("[A-Za-z]{2,}", w)) > 2 and not HANGUL.search(w)]
    return said


def test_no_english_is_left_on_the_korean_front_page_and_its_like(pages):
    for name in ("index", "docs/setup", "docs/first-lesson", "docs/instructor", "search"):
        assert left_in_english(pages[f"ko/{name}.html"]) == [], name
    assert len(left_in_english(pages["index.html"])) > 30


def test_korean_pages_are_read_as_formulas_bold_type_and_pictures(pages):
    for source in SOURCES:
        page, english = pages[f"ko/{on_the_web(source)}"], pages[on_the_web(source)]
        assert not re.search(r"\$|\\[a-z]|\*\*", prose(page)), source.name
        assert HANGUL.search(page.h1.get_text()) or page.h1.get_text() == english.h1.get_text(), source.name
        for what in (".cell_output img", "audio", "input[type=range]", ".math"):
            assert len(page.select(what)) == len(english.select(what)), (source.name, what)


def test_korean_terms_lead_to_the_glossary(pages):
    rows = {row["id"]: row for row in pages["ko/docs/glossary.html"].select("tr[id^=term-]")}
    assert {glossary.anchor(term) for term in glossary.places()} == set(rows)
    for lecture in sorted(NOTEBOOKS.glob("*.ipynb")):
        links = pages[f"ko/{on_the_web(lecture)}"].select("article a.term")
        goals = [link["href"].removeprefix("../docs/glossary.html#") for link in links]
        assert len(goals) > 10 and len(goals) == len(set(goals)) and set(goals) <= set(rows), lecture.stem
        assert all(HANGUL.search(link["title"]) for link in links)


def test_a_korean_page_downloads_as_the_korean_notebook(site):
    for name in ("02_spectrograms", "assignments/02_spectrograms"):
        there = json.loads((site / f"ko/_sources/notebooks/{name}.ipynb").read_text(encoding="utf-8"))
        assert there == korean.notebook(name)


def test_both_languages_share_their_files(site):
    korean_files = [
        path for folder in ("_static", "_images", "_downloads") for path in (site / "ko" / folder).rglob("*.*")
    ]
    twice = [path for path in korean_files if (there := site / path.relative_to(site / "ko")).is_file() and
             there.read_bytes() == path.read_bytes()]  # fmt: skip
    assert twice == [] and sum(path.stat().st_size for path in korean_files) < 200_000


# Slips are found


def test_a_broken_link_stops_the_build(tmp_path):
    shutil.copytree(ROOT / "docs", tmp_path / "docs", ignore=shutil.ignore_patterns("*.md"))
    (tmp_path / "data").mkdir()
    (tmp_path / "docs" / "a.md").write_text("# A page\n", encoding="utf-8")
    for page in ("README.md", "data/README.md"):
        (tmp_path / page).write_text("# A page\n[one](nowhere.md), [two](#nothing)\n", encoding="utf-8")
    for notebook in ("notebooks/a.ipynb", "notebooks/assignments/a.ipynb"):
        (tmp_path / notebook).parent.mkdir(exist_ok=True)
        cell = nbformat.v4.new_markdown_cell("# A notebook\n[three](../gone.ipynb), [four](work/my_gone.ipynb)", id="a")
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / notebook)
    command = [sys.executable, "-m", "sphinx", "-c", "docs", "-q", "--fail-on-warning", ".", "out"]
    made = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, encoding="utf-8")
    assert made.returncode != 0
    for link in ("nowhere.md", "nothing", "../gone.ipynb", "assignments/gone.ipynb"):
        assert made.stderr.count(f"{link}'") == 2, made.stderr


def seen_problems(page, address, then):
    """Opens a page, does what `then(page)` does, and tells what a console, a network tab and a ruler would show as wrong."""
    wrong = []
    page.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("response", lambda r: wrong.append(f"{r.status} {r.url}") if r.status >= 400 else None)
    page.on("requestfailed", lambda r: wrong.append(f"failed: {r.url}"))
    page.on(
        "request", lambda r: None if r.url.startswith((address, "data:", "blob:")) else wrong.append(f"asks {r.url}")
    )
    then(page)
    return wrong


FORMULAS = "document.querySelectorAll('.math').length == document.querySelectorAll('.math mjx-container').length"
CONTRASTS = """() => {
    const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const ground = e => { while (e) { const c = numbers(getComputedStyle(e).backgroundColor); if (c.length == 3 || c[3]) return c; e = e.parentElement; } return [255, 255, 255]; };
    const seen = {};
    for (const e of document.querySelectorAll('article p, article td, article figcaption, article pre, article figure div, article a:not(.headerlink)')) {
        if (!e.textContent.trim() || !e.offsetHeight) continue;
        const [a, b] = [light(numbers(getComputedStyle(e).color)), light(ground(e))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) seen[e.tagName + ': ' + e.textContent.trim().slice(0, 40)] = ratio;
    }
    return seen;
}"""  # WCAG 2: letters on their ground differ in brightness by 4.5 or more
CUT = """() => [...document.querySelectorAll('article .math, article figure > div, article figure > img, article .cell_output pre')].filter(e => {
    if (e.matches('.math')) return e.querySelector('svg').getBoundingClientRect().width > e.clientWidth + 2 && getComputedStyle(e).overflowX != 'auto';
    if (e.matches('img')) return e.width < 0.6 * parseFloat(e.style.width);
    return e.scrollWidth > e.clientWidth + 8 && (e.matches('div') || innerWidth >= 1200);
}).map(e => e.tagName + ' ' + (e.alt || e.textContent).slice(0, 40))"""  # formulas, galleries, figures, printed lines


def look_at(paths, theme, window, browser, address, screenshot):
    """Reads pages in a theme and a window, and finds nothing that is unreadable, cut off, missing or fetched from elsewhere."""
    width, height = WINDOWS[window]
    with browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme) as context:
        page = context.new_page()

        def read(page):
            for path in paths:
                page.goto(address + path)
                page.wait_for_function(FORMULAS)
                assert page.locator("mjx-merror").count() == 0, f"{path}: a formula that MathJax cannot read"
                assert page.locator("html").get_attribute("data-theme") == theme
                assert page.evaluate(CONTRASTS) == {}, f"{path}: hard to read"
                screenshot(page, f"site-{theme}-{window}-{path.replace('/', '-').removesuffix('.html')}")
                for w, h in (*WINDOWS.values(), WINDOWS[window]):
                    page.set_viewport_size({"width": w, "height": h})
                    assert page.evaluate("document.documentElement.scrollWidth") <= w, f"{path} is wider than {w}"
                    assert page.evaluate(CUT) == [], f"{path}: cut off, or too small, at {w}"

        assert seen_problems(page, address, read) == []


@pytest.mark.parametrize(("theme", "window"), LOOKS)
def test_what_a_reader_sees(theme, window, browser, address, screenshot):
    """Each page in one of the looks, and one page in all."""
    turn = LOOKS.index((theme, window))
    always = [NOTEBOOKS / "02_spectrograms.ipynb"]
    paths = ["index.html"] + [on_the_web(s) for i, s in enumerate(SOURCES) if i % len(LOOKS) == turn or s in always]
    paths += ["ko/index.html", f"ko/{on_the_web(SOURCES[turn])}", f"ko/{on_the_web(SOURCES[-1 - turn])}"]
    look_at(paths, theme, window, browser, address, screenshot)


@pytest.mark.slow
@pytest.mark.parametrize(("theme", "window"), LOOKS)
def test_every_page_as_every_reader_sees_it(theme, window, browser, address, pages, screenshot):
    others = ("genindex.html", "search.html")  # made by Sphinx, without a text of ours
    look_at(
        [path for path in sorted(pages) if path.removeprefix("ko/") not in others],
        theme,
        window,
        browser,
        address,
        screenshot,
    )


@pytest.mark.parametrize("front", ["index.html", "ko/index.html"])
def test_the_first_page_weighs_less_than_a_megabyte(front, browser, address):
    """As it lies on a plain web server, nothing compressed."""
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page, fetched = context.new_page(), []
        page.on("requestfinished", lambda request: fetched.append(request.sizes()["responseBodySize"]))
        page.goto(address + front, wait_until="networkidle")
        icon = page.locator(".fa-download").first
        page.wait_for_function("document.fonts.check('900 16px \"Font Awesome 6 Free\"') || document.fonts.size")
        assert icon.bounding_box()["width"] > 8, "the icons are there without the script that drew them"
        assert len(fetched) > 20 and sum(fetched) < 1_000_000


AXE = (NOTEBOOKS.parent / "tests" / "vendor" / "axe.min.js").read_text(encoding="utf-8")


def barriers(page):
    """What axe-core calls a serious or critical barrier on the page that is shown, a line each."""
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then(found => found.violations)")
    hard = [rule for rule in found if rule["impact"] in ("serious", "critical")]
    return [f"{rule['id']}: {node['target']} {node['html'][:150]}" for rule in hard for node in rule["nodes"]]


def no_barriers(paths, theme, window, browser, address):
    width, height = WINDOWS[window]
    with browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme) as context:
        page = context.new_page()
        for path in paths:
            page.goto(address + path)
            page.wait_for_function(FORMULAS)
            page.wait_for_timeout(200)  # the boxes are measured after that
            assert barriers(page) == [], path


@pytest.mark.parametrize(("theme", "window"), LOOKS)
def test_nobody_is_shut_out(theme, window, browser, address):
    pages = ("index.html", "notebooks/09_sound_localisation.html", "notebooks/assignments/09_sound_localisation.html")
    pages += ("ko/index.html", "ko/notebooks/09_sound_localisation.html", "ko/data/README.html", "ko/search.html")
    no_barriers(pages, theme, window, browser, address)


@pytest.mark.slow
@pytest.mark.parametrize(("theme", "window"), LOOKS)
def test_nobody_is_shut_out_of_any_page(theme, window, browser, address, pages):
    no_barriers(sorted(pages), theme, window, browser, address)


def test_a_barrier_is_found(browser):
    with browser.new_context() as context:
        page = context.new_page()
        page.set_content("<html lang=en><title>A</title><main><h1>A</h1><img src='data:,'><a href='#'></a></main>")
        assert {line.split(":")[0] for line in barriers(page)} == {"image-alt", "link-name"}


def test_what_is_wider_than_a_phone_is_moved_by_keys(browser, address):
    with browser.new_context(viewport={"width": 390, "height": 844}) as context:
        page = context.new_page()
        page.goto(address + "notebooks/02_spectrograms.html")
        page.wait_for_function(FORMULAS)
        page.wait_for_function("document.querySelectorAll('figure[data-stop]').length")
        for box in ("figure", "mjx-container, .math"):
            wide = page.locator(f":is({box})[data-stop]").first
            wide.focus()
            page.keyboard.press("ArrowRight")
            page.wait_for_function("document.activeElement.scrollLeft > 0")
        page.set_viewport_size({"width": 1280, "height": 900})
        page.wait_for_function("!document.querySelector('figure[tabindex]')")  # on a desk it fits, and is no stop


def test_a_slider_turns_its_frames_without_a_kernel(browser, address, screenshot):
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        page.goto(address + "notebooks/09_sound_localisation.html")
        slider = page.locator(".cell_output input[type=range]").first
        slider.scroll_into_view_if_needed()
        frames = page.locator(".cell_output:has(input[type=range])").first.locator("[data-value]")
        seen = lambda: [i for i in range(frames.count()) if frames.nth(i).is_visible()]  # noqa: E731
        before = seen()
        slider.focus()
        page.keyboard.press("ArrowRight")
        assert len(before) == len(seen()) == 1 and seen() == [before[0] + 1]
        screenshot(page, "site-slider")


def test_a_figure_is_seen_and_a_sound_is_heard(browser, address, screenshot):
    with browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="dark") as context:
        page = context.new_page()
        page.goto(address + "notebooks/02_spectrograms.html")
        player, figure = page.locator("audio").first, page.locator(".cell_output figure img").first
        player.scroll_into_view_if_needed()
        assert player.bounding_box()["width"] > 200
        player.evaluate("player => player.play()")
        page.wait_for_function("document.querySelector('audio').currentTime > 0.2")
        figure.scroll_into_view_if_needed()
        assert figure.evaluate("image => image.naturalWidth") > 500 and figure.bounding_box()["width"] > 500
        screenshot(page, "site-figure")


def search_for(page, word, found, width):
    """Types a word into the page's search field, and waits until a page is found and all results have their context."""
    page.locator(".search-button-field:visible, .search-button:visible").first.click()
    page.locator("dialog input[name=q], .search-button__search-container input").first.fill(word)
    page.keyboard.press("Enter")
    page.locator("#search-results a", has_text=found).first.wait_for()
    page.wait_for_function("document.querySelectorAll('#search-results li:not(:has(.context))').length == 0")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("window", WINDOWS)
def test_search_finds_a_word(window, browser, address, screenshot):
    width, height = WINDOWS[window]
    with browser.new_context(viewport={"width": width, "height": height}) as context:
        page = context.new_page()

        def search(page):
            page.goto(address + "index.html")
            search_for(page, "spectrogram", "02 Spectrograms", width)
            screenshot(page, f"site-search-{window}")

        assert seen_problems(page, address, search) == []


def found_by(page, address, word):
    """The pages that the Korean search lists for a word."""
    page.goto(f"{address}ko/search.html?q={quote(word)}")
    page.wait_for_function("document.querySelector('#search-results h2')?.textContent == '검색 결과'")
    links = page.locator("#search-results li a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    return {link.split("#")[0] for link in links}


def test_search_finds_korean_words_with_their_particles(browser, address, pages):
    """Every page that holds the word anywhere, as it holds 임베딩 in 임베딩을."""
    korean_pages = {path: page for path, page in pages.items() if path.startswith("ko/") and page.article}
    texts = {path.removeprefix("ko/"): prose(page) for path, page in korean_pages.items()}
    with browser.new_context() as context:
        page = context.new_page()
        for word in ("임베딩", "소리", "스펙트로그램", "창"):
            there = {path for path, text in texts.items() if word in text and path != "index.html"}
            assert len(there) > 5 and found_by(page, address, word) >= there, word
        assert found_by(page, address, "스펙트로그램이란") >= {"notebooks/02_spectrograms.html"}
        assert found_by(page, address, "나이퀴스트") >= {"notebooks/02_spectrograms.html"}
        assert found_by(page, address, "없는낱말쿄쿄") == set()


@pytest.mark.parametrize("window", WINDOWS)
def test_the_switch_and_the_search_are_at_hand(window, browser, address, screenshot):
    width, height = WINDOWS[window]
    with browser.new_context(viewport={"width": width, "height": height}) as context:
        page = context.new_page()

        def change(page):
            page.goto(address + "notebooks/02_spectrograms.html")
            page.locator("a.language:visible", has_text="한국어").click()
            page.wait_for_url("**/ko/notebooks/02_spectrograms.html")
            assert "02 스펙트로그램" in page.locator("h1").first.inner_text()
            page.wait_for_function(FORMULAS)
            screenshot(page, f"site-ko-{window}")
            search_for(page, "임베딩을", "03 공동 임베딩", width)
            screenshot(page, f"site-ko-search-{window}")
            page.locator("a.language:visible", has_text="English").click()
            page.wait_for_url("**/search.html*")

        assert seen_problems(page, address, change) == []


def test_the_folder_works_without_a_server(browser, site):
    with browser.new_context(color_scheme="dark") as context:
        page = context.new_page()
        page.goto(f"{site.as_uri()}/search.html?q=Nyquist")
        page.locator("#search-results a", has_text="02 Spectrograms").first.click()
        page.wait_for_function(FORMULAS)
        assert page.locator("html").get_attribute("data-theme") == "dark"


def test_the_theme_changes_by_its_button(browser, address):
    with browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light") as context:
        page = context.new_page()
        page.goto(address + "index.html")
        for theme in ("Dark", "Light"):
            page.get_by_label("Color mode").click()
            page.locator(".theme-switch-container").get_by_text(theme, exact=True).click()
            page.reload()  # the choice is kept
            assert page.locator("html").get_attribute("data-theme") == theme.lower()
        page.locator(".search-button-field:visible").focus()  # after a key, so the ring shows
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Tab")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
