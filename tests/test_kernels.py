"""Kernels under test: a dead one is missed at once, none reaches the network, and every notebook that is there gets one."""

import fnmatch
import importlib
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import nbformat
import pytest

from helpers.commands import intake
from tests.definitions import NOTEBOOKS

ROOT = NOTEBOOKS.parent
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]


def run(tmp_path, *sources):
    """Runs a made-up notebook as `make test` does, with a cell timeout of 10 minutes."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "made_up.ipynb")
    command = [sys.executable, "-m", "pytest", "-p", "conftest", "-n", "0", "--nbval-cell-timeout", "600"]
    # the last option: a notebook outside the repository, with the repository's settings
    command += ["--rootdir", NOTEBOOKS.parent, "-c", NOTEBOOKS.parent / "pyproject.toml", tmp_path / "made_up.ipynb"]
    start = time.perf_counter()
    result = subprocess.run(
        command, cwd=NOTEBOOKS.parent, capture_output=True, text=True, check=False, encoding="utf-8"
    )
    return result.returncode, result.stdout, time.perf_counter() - start


def test_a_dead_kernel_is_missed_at_once(tmp_path):
    code, said, seconds = run(tmp_path, "import os\nos._exit(1)", "1 + 1")
    assert code == 1 and "The kernel died in this cell" in said
    assert seconds < 60, "it waited for the cell's timeout"


@pytest.mark.parametrize(
    "attempt",
    [
        "import urllib.request\nurllib.request.urlopen('http://192.0.2.1/', timeout=5)",
        "import urllib.request\nurllib.request.urlopen('http://example.com/', timeout=5)",
        "import socket\nsocket.create_connection(('2001:db8::1', 443), timeout=5)",
        "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 9))",
    ],
    ids=["address", "name", "ipv6", "datagram"],
)
def test_a_notebook_that_tries_the_network_is_caught(tmp_path, attempt):
    code, said, _ = run(tmp_path, attempt)
    assert code == 1 and "NetworkClosed" in said and "the course runs offline" in said


def test_this_machine_itself_may_be_reached(tmp_path):
    server = "import socket\ns = socket.create_server(('127.0.0.1', 0))\n"
    code, said, _ = run(tmp_path, server + "socket.create_connection(('localhost', s.getsockname()[1]))")
    assert code == 0, said


def test_a_notebook_that_fails_is_reported(tmp_path):
    code, said, _ = run(tmp_path, "assert 1 + 1 == 3")
    assert code == 1 and "AssertionError" in said


def stems(folder):
    return {path.stem for path in (NOTEBOOKS / folder).glob("*.ipynb")}


def said_by(*command):
    command = [sys.executable, "-m", *command]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, encoding="utf-8").stdout


def test_every_notebook_that_is_there_is_executed():
    said = said_by("pytest", "--collect-only", "-n", "0", "-p", "no:cacheprovider", "notebooks")
    executed = set(re.findall(r"^(notebooks/\S+\.ipynb)", said, re.M))
    folders = (NOTEBOOKS, NOTEBOOKS / "solutions", NOTEBOOKS / "assignments")
    assert executed == {p.relative_to(ROOT).as_posix() for folder in folders for p in folder.glob("*.ipynb")}
    assert "notebooks" in SETTINGS["pytest"]["ini_options"]["testpaths"]


def test_every_file_of_code_that_is_there_is_linted():
    linted = {Path(line).relative_to(ROOT).as_posix() for line in said_by("ruff", "check", "--show-files").splitlines()}
    wanted = [
        *ROOT.glob("*.py"),
        *(p for top in ("helpers", "tests", "docs", "data") for p in (ROOT / top).rglob("*.py")),
    ]
    wanted += [*NOTEBOOKS.glob("*.ipynb"), *NOTEBOOKS.glob("solutions/*.ipynb")]
    assert {path.relative_to(ROOT).as_posix() for path in wanted} <= linted


def test_every_lecture_has_all_that_belongs_to_it():
    lectures = stems("")
    assert stems("solutions") == stems("assignments") == lectures
    assert {path.stem for path in NOTEBOOKS.glob("pictures/*.webp")} == lectures
    assert {path.stem[1:] for path in (ROOT / "helpers/checks").glob("n[0-9]*.py")} == lectures
    checked = {path.stem.removeprefix("test_checks_") for path in ROOT.glob("tests/test_checks_[0-9]*.py")}
    assert checked == {stem[:2] for stem in lectures}, "right and wrong answers to every assignment's checks"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"notebooks/{stem}.ipynb" in readme for stem in lectures)


def test_every_assignment_that_is_there_can_be_graded(tmp_path):
    """A submission is taken in under its learner's name, and its marks are those of its checks and of what is read."""
    for stem in stems("solutions"):
        for number, name in enumerate((f"ann-my_{stem}.ipynb", f"ann/{stem}.ipynb")):
            handed_in = tmp_path / f"{stem}_{number}" / name
            handed_in.parent.mkdir(parents=True)
            shutil.copy(NOTEBOOKS / "assignments" / f"{stem}.ipynb", handed_in)
            learners = intake.take_in(tmp_path / f"{stem}_{number}", stem, tmp_path / f"{stem}_{number}_clean")
            assert [*learners] == ["ann"] and learners["ann"].notebook.exists()
        cells = nbformat.read(NOTEBOOKS / "solutions" / f"{stem}.ipynb", 4).cells
        points = {c.id: c.metadata.nbgrader.points for c in cells if c.metadata.get("nbgrader", {}).get("grade")}
        exercises = importlib.import_module(f"helpers.checks.n{stem}").EXERCISES
        graded = [name for c in cells if c.id in points for name in re.findall(r'check\("([0-9.]+)"', c.source)]
        assert sorted(graded) == sorted(exercises), stem
        assert sum(v for k, v in points.items() if k.startswith("check")) == sum(e.points for e in exercises.values())


def test_no_pattern_leaves_out_a_lecture_from_10_on():
    """Such as 0*.ipynb: it would go on working, silently, without them."""
    files = [p for top in ("helpers", "tests", "docs", "data/build") for p in (ROOT / top).rglob("*.py")]
    for path in [ROOT / "Makefile", ROOT / "conftest.py", ROOT / "pyproject.toml", *files]:
        for pattern in re.findall(r"[\w-]*[*?\[][\w*?\[\]-]*\.ipynb", path.read_text(encoding="utf-8")):
            if pattern.startswith("_"):  # the end of a name that goes on from a variable
                continue
            assert path == Path(__file__).resolve() or fnmatch.fnmatch("12_one_model.ipynb", pattern), (
                f"{path.name}: {pattern}"
            )
