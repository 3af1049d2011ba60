"""The course where others keep it: unpacked without Git in a folder with blanks and Hangul, as another user, with LC_ALL=C."""

import ast
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.definitions import NOTEBOOKS

ROOT = NOTEBOOKS.parent
STRANGER = 20_017  # a user whom no machine knows by name
LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}  # Python then takes text for ASCII
PYTHON = sys.executable
SHORT = ["tests/test_environment.py", "tests/test_helpers.py", "tests/test_notebooks.py", "notebooks/assignments/02_spectrograms.ipynb"]  # fmt: skip


def files_of_the_course():
    """Paths of the files that a zip of the course holds, whether or not this folder is Git's."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        listed = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-z"], cwd=ROOT, capture_output=True)
        if listed.returncode == 0:
            return [name for name in os.fsdecode(listed.stdout).split("\0") if name and (ROOT / name).is_file()]
    away = (".git", ".venv", "work", "results", "__pycache__", ".pytest_cache", ".ruff_cache", ".ipynb_checkpoints")
    paths = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
    return [path.as_posix() for path in paths if not set(path.parts) & set(away)]


@pytest.fixture(scope="module")
def unpacked():
    """A folder, named as some learners name theirs, with the course's files and no .git; a home and a place for temporary files beside it."""
    above = Path(tempfile.mkdtemp(prefix="elsewhere-"))
    above.chmod(0o755)  # a tmp_path is closed to other users
    folder = above / "내 과목 folder"
    for name in files_of_the_course():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (above / "home").mkdir()
    (above / "temporary").mkdir()
    yield folder
    shutil.rmtree(above, ignore_errors=True)


def as_user(user):
    """The words before a command that make it another user's, or a skip that says why there is no other user."""
    if user == "the same user":
        return []
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can run a command as another user")
    if not shutil.which("setpriv"):
        pytest.skip("no setpriv (package util-linux) to become another user with")
    become = ["setpriv", "--reuid", str(STRANGER), "--regid", str(STRANGER), "--clear-groups"]
    # Where Python lies in /root, closed to others, the other user may read everything, and still write nowhere.
    reads = ["--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"]
    same = f"import subprocess, sys, pytest; assert sys.base_prefix == {sys.base_prefix!r}; subprocess.run([sys.executable, '-V'], check=True)"
    for words in (become, become + reads):
        if subprocess.run([*words, PYTHON, "-c", same], capture_output=True).returncode == 0:
            return words
    pytest.skip(f"another user cannot start {PYTHON}")


def run_there(folder, user, *command, **more):
    """Runs a command in the folder as the user, with a home of its own, and returns what it ended with and said."""
    words, home, temporary = as_user(user), folder.parent / "home", folder.parent / "temporary"
    if words:
        for path in (folder, home, temporary):
            for inside in (path, *path.rglob("*")):
                os.chown(inside, STRANGER, STRANGER, follow_symlinks=False)
    own = {
        "HOME": home,
        "TMPDIR": temporary,
        "USER": "learner",
        "LOGNAME": "learner",
        "PYTHONPATH": folder,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    kept = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(("PYTEST_", "JUPYTER_", "IPYTHON", "XDG_", "LANG", "LC_"))
    }
    ran = subprocess.run(
        [*words, *command], cwd=folder, env=kept | {k: str(v) for k, v in own.items()} | LOCALE | more, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace",
    )  # fmt: skip
    return ran.returncode, ran.stdout


USERS = ["the same user", "another user"]


@pytest.mark.parametrize("user", [pytest.param(USERS[0], marks=pytest.mark.slow), USERS[1]])
def test_a_part_of_the_tests_is_green_elsewhere(user, unpacked):
    code, said = run_there(unpacked, user, PYTHON, "-m", "pytest", "-n", "0", "--dist", "no", *SHORT)
    assert code == 0, said[-20_000:]


# LC_ALL=C as a learner meets it: Python goes on in UTF-8. (Where that is forbidden, too, pytest-xdist can't pass a path
# in Hangul on to its workers; the part above runs without workers, and with it forbidden.)
AS_LEARNERS_MEET_IT = {"PYTHONUTF8": "", "PYTHONCOERCECLOCALE": ""}


@pytest.mark.slow
@pytest.mark.parametrize("user", USERS)
def test_make_test_is_green_elsewhere(user, unpacked):
    """The whole of it, without the tests of this file."""
    if "--ambient-caps" in as_user(user):
        pytest.skip(f"make asks for the plain right to run {PYTHON}, which lies in a folder closed to others")
    make = ["make", "-o", ".venv/installed", "test", f"BIN={shlex.quote(os.path.dirname(PYTHON))}"]
    more = AS_LEARNERS_MEET_IT | {"PYTEST_ADDOPTS": "--ignore=tests/test_elsewhere.py"}
    code, said = run_there(unpacked, user, *make, **more)
    assert code == 0, said[-20_000:]


@pytest.mark.skipif(not str(ROOT).isascii(), reason="torch can't be loaded from here where all text is ASCII")
@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp949"])
def test_a_terminal_that_cannot_show_a_tick_shows_a_plain_sign(encoding):
    source = (
        "from helpers import checks\nchecks.check('0.0', lambda shape: 0)\nprint('a \\u2714 b \\u2718 c \\U0001f600')"
    )
    ran = subprocess.run(
        [PYTHON, "-c", source], cwd=ROOT, env=os.environ | LOCALE | {"PYTHONIOENCODING": encoding}, capture_output=True, text=True, encoding=encoding
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert any(line.startswith("x ") for line in ran.stdout.splitlines()), "a cross"
    assert "a + b x c ?" in ran.stdout


def sources():
    """`(name, code)` of every Python file of the course and of every notebook's code cells."""
    for name in files_of_the_course():
        if name.endswith(".py"):
            yield name, (ROOT / name).read_text(encoding="utf-8")
        elif name.endswith(".ipynb"):
            for cell in json.loads((ROOT / name).read_text(encoding="utf-8"))["cells"]:
                if cell["cell_type"] == "code":
                    yield f"{name}, cell {cell['id']}", "".join(cell["source"])


def texts_in_the_systems_encoding(code):
    """Lines of the calls that read or write text and leave its encoding to the system, which is not UTF-8 everywhere."""
    wrong = []
    for call in ast.walk(ast.parse(code)):
        if not isinstance(call, ast.Call):
            continue
        function = call.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        owner = getattr(function.value, "id", "") if isinstance(function, ast.Attribute) else ""
        given = {word.arg: word.value for word in call.keywords}
        plain = {word: value.value for word, value in given.items() if isinstance(value, ast.Constant)}
        packed = owner in ("gzip", "lzma", "bz2")
        second = name == "fdopen" or name == "open" and (packed or not isinstance(function, ast.Attribute))
        modes = [getattr(argument, "value", "") for argument in call.args[second:][:1]]
        mode = str(plain.get("mode", modes[0] if modes else ""))
        text = {
            "read_text": len(call.args) < 1, "write_text": len(call.args) < 2,
            "open": "t" in mode if packed else "b" not in mode and owner not in OTHER_OPENS,
            "fdopen": "b" not in mode, "NamedTemporaryFile": bool(mode) and "b" not in mode, "TemporaryFile": bool(mode) and "b" not in mode,
            "TextIOWrapper": True, "loadtxt": True, "savetxt": True, "genfromtxt": True, "FileHandler": True,
        }.get(name, name in STARTS and (plain.get("text") or plain.get("universal_newlines")))  # fmt: skip
        wrong += [call.lineno] if text and "encoding" not in given and None not in given else []
    return wrong


STARTS = ("run", "Popen", "check_output", "check_call", "call")
OTHER_OPENS = ("Image", "zipfile", "tarfile", "wave", "webbrowser", "archive", "os", "soundfile", "urllib")


def test_every_text_is_read_and_written_as_utf_8():
    wrong = [f"{name}, line {line}" for name, code in sources() for line in texts_in_the_systems_encoding(code)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "code",
    ["open('a')", "open('a', 'w')", "p.open()", "p.open('a')", "p.read_text()", "p.write_text('a')", "lzma.open(p, 'rt')", "subprocess.run(['a'], text=True)",
     "subprocess.Popen(a, universal_newlines=True)", "tempfile.NamedTemporaryFile('w')", "os.fdopen(1, 'w')", "io.TextIOWrapper(a)", "np.loadtxt(p)"],
)  # fmt: skip
def test_text_without_its_encoding_is_found(code):
    assert texts_in_the_systems_encoding(code) == [1]
    assert texts_in_the_systems_encoding(f"{code[:-1]}, encoding='utf-8')".replace("(, ", "(")) == []


@pytest.mark.parametrize(
    "code",
    ["open('a', 'rb')", "p.open('wb')", "open('a', mode='rb')", "p.read_text('utf-8')", "p.read_bytes()", "lzma.open(p)", "lzma.open(p, 'rb')", "Image.open(p)",
     "subprocess.run(['a'])", "tempfile.NamedTemporaryFile()"],
)  # fmt: skip
def test_what_is_no_text_is_left_alone(code):
    assert texts_in_the_systems_encoding(code) == []
