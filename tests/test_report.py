"""What a learner sends: versions and state of this machine, and nothing that tells who or where they are."""

import getpass
import os
import platform
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.commands import doctor, report

SELF = "kim_seoyun", "seoyuns-laptop"


@pytest.fixture
def of_kim(monkeypatch, tmp_path):
    """A machine whose user and host have names, with a course and a home in folders that tell them."""
    home = tmp_path / SELF[0]
    (home / "과정 one").mkdir(parents=True)
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, SELF[0])
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setattr(platform, "node", lambda: f"{SELF[1]}.local")
    return home


@pytest.fixture(scope="module")
def printed():
    """What the command prints, as a learner calls it."""
    command = [sys.executable, "-m", "helpers.commands.doctor", "--report"]
    told = subprocess.run(command, cwd=doctor.ROOT, capture_output=True, text=True, encoding="utf-8", check=True)
    assert not told.stderr
    return told.stdout


def test_it_tells_what_a_reader_needs(printed):
    head, body = printed.split(report.HOW)[0], printed.split(report.HOW)[1]
    assert not head and "what you expected" in printed
    lines = dict(line.split(maxsplit=1) for line in body.strip().splitlines())
    assert re.match(r"version ([0-9a-f]{10}|no Git here), \d+ files changed", lines["course"])
    assert f"Python {platform.python_version()} (cpython, 64 bits" in lines["system"]
    assert re.match(rf"{os.cpu_count()} cores, \d+ for this process; \w", lines["processor"])
    assert re.match(r"[\d.]+ GB, [\d.]+ free", lines["memory"])
    assert "torch computes with" in lines["device"]
    assert "spawn" in lines["processes"] and "utf-8" in lines["texts"]
    assert "torch 2." in lines["libraries"] and "numpy " in lines["libraries"]
    assert lines["data"].startswith("data/, ") and "files" in lines["data"]
    assert "can be written to" in body and "GB of disk are free" in body


def test_the_command_prints_no_name_and_no_path(printed):
    body = printed.split(report.HOW)[1]
    named = {getpass.getuser(), socket.gethostname(), Path.home().name, doctor.ROOT.name, Path(sys.prefix).name}
    assert not set(re.findall(r"[\w.-]+", body)) & (named - {"data"})
    for path in (doctor.ROOT, Path.home(), sys.prefix, os.getcwd()):
        assert str(path) not in body
    assert not re.search(r"(?<![\w.])[/\\~][\w.]", body.replace("(a path)", ""))


@pytest.mark.parametrize(
    "text",
    [
        "cannot open {home}/.local/lib/libcudart.so: no such file",
        "No module in '{home}/과정 one/helpers'",
        "/home/someone else/x and /opt/course/.venv/bin",
        r"C:\Users\{user}\course\data is locked",
        r"\\classroom\share\{user}",
        "~/course/x",
        "host {host} (KIM_SEOYUN@{host}.local) says no",
    ],
)
def test_an_error_gives_nothing_away(text, of_kim, monkeypatch):
    said = text.format(home=of_kim, user=SELF[0], host=SELF[1])

    def broken():
        raise OSError(said)

    monkeypatch.setattr(report, "memory", broken)
    monkeypatch.setattr(doctor, "libraries", lambda: [(True, "Python 3.12", ""), (False, f"torch {said}", "")])
    monkeypatch.setattr(report, "device", lambda: "cpu")
    told = report.report()
    assert "memory     cannot be told: OSError: " in told and "WRONG torch" in told
    for secret in (
        *SELF,
        "kim_seoyun".upper(),
        str(of_kim),
        "Users",
        "/home",
        "/opt",
        "classroom",
        "과정",
        "one/h",
        "~/",
        "libcudart",
    ):
        assert secret not in told, secret


def test_what_is_no_secret_stays(of_kim):
    plain = "data/, 88 files; notebooks/ can be written to; 3.5 of 7 GB; numpy 2.4; and/or; version 5bc838a"
    assert report.without_names(plain) == plain


def test_wrong_data_and_a_broken_library_are_in_it(of_kim, monkeypatch):
    monkeypatch.setattr(doctor, "data", lambda: [(False, "data/text/austen.txt.xz is damaged", "")])
    monkeypatch.setattr(doctor, "libraries", lambda: [(True, "Python", ""), (False, "torch does not import", "")])
    monkeypatch.setattr(report, "device", lambda: (_ for _ in ()).throw(ImportError("no torch")))
    told = report.report()
    assert re.search(r"^data +WRONG data/text/austen.txt.xz is damaged$", told, re.M)
    assert re.search(r"^libraries +WRONG torch does not import$", told, re.M)
    assert re.search(r"^device +cannot be told: ImportError: no torch$", told, re.M)


def test_make_doctor_knows_the_report():
    said = subprocess.run(
        ["make", "-n", "doctor", "REPORT=1"], cwd=doctor.ROOT, capture_output=True, text=True,
        check=True, encoding="utf-8",
    ).stdout  # fmt: skip
    assert said.strip().endswith("-m helpers.commands.doctor --report")


# --------------------------------------------------------------------------------------------------- the line in a notebook
CELLS = {  # a cell, and whether it ends with the line
    "1 / 0": False,
    "print(not_run_yet)": False,
    "raise NotImplementedError": False,
    "from helpers import CourseError; raise CourseError('this can be mended')": False,
    "from helpers import data; data.read_sound('nothing.wav')": False,
    "import torch; torch.ones(2) @ torch.ones(3)": False,
    "import torch; torch.nn.Linear(2, 3)(torch.ones(4))": False,
    "from helpers import report_of_nothing": True,
    "from helpers import metrics; metrics.recall_at_k(None, None)": True,
    "from helpers import training; training.seed_everything('seed')": True,
    "from helpers.checks import check; check('0.0', lambda shape: 1 / 0)": False,
    "check('0.0', print)": False,
    "raise MemoryError": True,
}


def test_a_failing_cell_tells_of_the_report_only_where_it_helps():
    code = f"""
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance(colors="NoColor")
shell.run_cell("import helpers")
for cell in {list(CELLS)!r}:
    print("\\n@@@")
    sys.stdout.flush()
    shell.run_cell(cell)
    sys.stdout.flush()
    sys.stderr.flush()
"""
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=doctor.ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        encoding="utf-8", check=True, env=os.environ | {"PYTHONPATH": str(doctor.ROOT)},
    ).stdout.split("@@@")[1:]  # fmt: skip
    assert {cell: report.LINE in said for cell, said in zip(CELLS, told, strict=True)} == CELLS
    assert "ZeroDivisionError" in told[0] and "CourseError: this can be mended" in told[3]
    assert all("Traceback" not in told[list(CELLS).index(cell)] for cell in CELLS if "read_sound" in cell)


def test_a_kernel_shows_it_below_the_error():
    import nbformat
    from nbclient import NotebookClient

    cells = [nbformat.v4.new_code_cell(text) for text in ("import helpers", "raise MemoryError", "1 / 0")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=120, allow_errors=True, kernel_name="python3").execute()
    first, second = notebook.cells[1].outputs, notebook.cells[2].outputs
    assert [output.get("ename", output.get("text")) for output in first] == ["MemoryError", f"{report.LINE}\n"]
    assert [output.get("ename") for output in second] == ["ZeroDivisionError"]


def test_a_check_that_fails_by_itself_tells_of_it():
    from helpers.checks import telling

    assert telling.misfit(KeyError("x"), 3, returned=False).endswith("with what make doctor REPORT=1 prints")
