"""Data files as they come: through Git on Windows, as a zip, cut, missing, and read in any system's encoding."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import CourseError, data

needs_git = pytest.mark.skipif(not shutil.which("git"), reason="no Git to clone with")


def git(folder, *words):
    own = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "core.compression=0", "-c", "gc.auto=0"]
    return subprocess.run(
        ["git", *own, *words], cwd=folder, check=True, capture_output=True, text=True, encoding="utf-8"
    ).stdout


@pytest.fixture
def source(tmp_path):
    """A repository that holds data/ in its first commit, and .gitattributes in its second."""
    folder = tmp_path / "source"
    shutil.copytree(data.DATA, folder / "data", ignore=shutil.ignore_patterns("build", "LICENSES", "__pycache__"))
    git(folder, "-c", "init.defaultBranch=main", "init", "-q")
    for name in ("data", ".gitattributes"):
        if name.startswith("."):
            shutil.copy(data.ROOT / name, folder)
        git(folder, "-c", "core.autocrlf=false", "add", name)
        git(folder, "commit", "-qm", name)
    return folder


def wrong_files(folder, monkeypatch):
    monkeypatch.setattr(data, "ROOT", folder)
    monkeypatch.setattr(data, "DATA", folder / "data")
    wrong = {}
    for name in data.manifest():
        try:
            data.checked(name)
        except CourseError as error:
            wrong[name] = str(error)
    return wrong


@needs_git
def test_a_clone_on_windows_keeps_every_data_file(source, tmp_path, monkeypatch):
    git(tmp_path, "clone", "-q", "-c", "core.autocrlf=true", str(source), "clone")
    assert wrong_files(tmp_path / "clone", monkeypatch) == {}
    assert b"\r\n" not in (tmp_path / "clone" / ".gitattributes").read_bytes(), "all other text has LF, too"


@needs_git
def test_line_ends_that_git_changed_are_told_and_the_advice_mends_them(source, tmp_path, monkeypatch):
    clone = tmp_path / "clone"
    git(source, "branch", "old", "HEAD~1")
    git(tmp_path, "clone", "-q", "-c", "core.autocrlf=true", "-b", "old", str(source), "clone")
    git(clone, "pull", "-q", "origin", "main")  # brings .gitattributes, and touches no data file
    for path in (clone / "data").rglob("*.*"):
        os.utime(path)  # Git looks into every file again, as it does in a clone that has been used for a while
    wrong = wrong_files(clone, monkeypatch)
    assert len(wrong) >= 9 and all("Git changed the line ends" in said for said in wrong.values())
    advised = {line for said in wrong.values() for line in re.findall(r"git .+?(?= and then|$)", said)}
    assert len(advised) == 2, "the same two lines for every file"
    for line in sorted(advised, reverse=True):  # rm before checkout
        git(clone, *shlex.split(line)[1:])
    assert wrong_files(clone, monkeypatch) == {} and git(clone, "status", "--porcelain") == ""


@pytest.fixture
def some_data(tmp_path, monkeypatch):
    """A folder of data with a manifest and one text, as unpacked from a zip: there is no .git."""
    (tmp_path / "data/text").mkdir(parents=True)
    for name in ("manifest.json", "text/austen.txt.xz"):
        shutil.copy(data.DATA / name, tmp_path / "data" / name)
    monkeypatch.setattr(data, "ROOT", tmp_path)
    monkeypatch.setattr(data, "DATA", tmp_path / "data")
    return tmp_path / "data"


LOADERS = [
    *(lambda name=name: data.text(name) for name in data.TEXTS),
    *(lambda rare=rare: data.glove(rare) for rare in (False, True)),
    lambda: data.sound("stamps/duck"),
    lambda: data.weights("captioning"),
    data.digits,
    data.utterances,
    data.spoken_captions,
    data.notes,
    lambda: data.notes("freepats"),
    data.instruments,
    data.faces,
    data.emoji,
    data.stamps,
]


@pytest.mark.parametrize("manifest", [None, b"", b'{"text/austen.txt.xz": {"by', b"[]", b'{"a": 1}', b"\xff\xfe{}"])
def test_every_loader_says_that_the_manifest_is_missing_or_damaged(some_data, manifest):
    path = some_data / "manifest.json"
    path.unlink() if manifest is None else path.write_bytes(manifest)
    for load in LOADERS:
        with pytest.raises(CourseError, match=r"data/manifest.json.* is missing or damaged\. \w+"):
            load()


def test_a_name_that_the_manifest_does_not_list_is_told(some_data):
    for name in ("text/nothing.txt.xz", "", None, "../README.md"):
        with pytest.raises(CourseError, match="lists no file"):
            data.checked(name)
    (some_data / "manifest.json").write_text("{}", encoding="utf-8")
    with pytest.raises(CourseError, match="lists no file 'text/austen.txt.xz'"):
        data.text("austen")


def test_a_data_file_that_cannot_be_read_is_told(some_data):
    (some_data / "text/austen.txt.xz").unlink()
    (some_data / "text/austen.txt.xz").mkdir()
    with pytest.raises(CourseError, match="austen.txt.xz can't be read"):
        data.text("austen")


def test_changed_line_ends_without_git_are_told_with_advice_that_fits(some_data):
    listed = json.loads((some_data / "manifest.json").read_text(encoding="utf-8"))["faces/index.json"]
    (some_data / "faces").mkdir()
    whole = (Path(data.__file__).parents[1] / "data/faces/index.json").read_bytes()
    assert len(whole) == listed["bytes"]
    (some_data / "faces/index.json").write_bytes(whole.replace(b"\n", b"\r\n"))
    with pytest.raises(CourseError, match="changed the line ends of data/faces/index.json") as caught:
        data.faces()
    assert "git rm" not in str(caught.value)


READ_EVERYTHING = """
import sys, warnings
if "any" in sys.argv:
    warnings.filterwarnings("error", category=EncodingWarning, module="helpers")
from helpers import data, scenes, scoreboard, training
for load in (data.digits, data.utterances, data.spoken_captions, data.notes, data.instruments, data.faces, data.emoji,
             data.stamps, data.glove, lambda: data.weights("captioning"), lambda: data.sound("stamps/duck")):
    load()
for name in data.TEXTS:
    data.text(name)
if "any" in sys.argv:
    from helpers.checks import check
    check("1.1", lambda words, window: [])
"""


@pytest.mark.parametrize(
    ("system", "says"),
    [
        ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, "ASCII"),  # cron, old servers
        ({"PYTHONWARNDEFAULTENCODING": "1"}, "any"),  # cp949, cp1252 ...: no text is read without a stated encoding
    ],
)
def test_all_data_are_read_in_any_system_s_encoding(system, says):
    if says == "ASCII" and not str(data.ROOT).isascii():
        pytest.skip("torch and soundfile can't be loaded from here where all text is ASCII")
    environment = os.environ | system | {"PYTHONPATH": str(data.ROOT)}
    run = [sys.executable, "-c", READ_EVERYTHING, says]
    done = subprocess.run(run, env=environment, cwd=data.ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
