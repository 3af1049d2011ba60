"""What the course keeps between runs: whole files only, wherever they can be written, and no stop where they can't."""

import errno
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

import helpers
from helpers import data, models, scoreboard

WAYS = [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT]


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """The shared cache, the user's, and the folder of results, all empty."""
    monkeypatch.setattr(models, "CACHE", tmp_path / "results/cache")
    monkeypatch.setattr(models, "USER_CACHE", tmp_path / "home/course")
    monkeypatch.setattr(scoreboard, "RESULTS", tmp_path / "results")
    models.not_kept.cache_clear()
    return tmp_path


def feature(value=1.5, seen=b"pictures"):
    return models.cached("made_up", [seen], lambda: torch.full((2, 3), value))


def refused(monkeypatch, *folders, why=errno.EACCES):
    """Nothing can be written below these folders (a root user minds no permission bits, so open itself refuses)."""

    def opened(path, mode="r", *more, original=open, **options):
        if "r" not in mode and any(folder in path.parents for folder in folders):
            raise OSError(why, os.strerror(why))
        return original(path, mode, *more, **options)

    monkeypatch.setattr(helpers, "open", opened, raising=False)


def files(folder):
    return sorted(p.name for p in folder.rglob("*") if p.is_file())


def test_the_shared_cache_comes_first_and_the_users_where_that_cannot_be_written(folders, monkeypatch, capsys):
    assert feature(1.5).eq(1.5).all() and feature(9.0).eq(1.5).all()  # computed once
    assert len(files(models.CACHE)) == 1 and not models.USER_CACHE.exists()
    refused(monkeypatch, models.CACHE)
    assert feature(2.5, b"others").eq(2.5).all() and feature(9.0, b"others").eq(2.5).all()
    assert feature(9.0).eq(1.5).all()  # what somebody shared is read all the same
    assert len(files(models.CACHE)) == len(files(models.USER_CACHE)) == 1 and capsys.readouterr().out == ""


@pytest.mark.parametrize("why", WAYS, ids=errno.errorcode.get)
def test_where_nothing_can_be_kept_it_is_said_once_and_the_course_goes_on(folders, monkeypatch, capsys, why):
    refused(monkeypatch, models.CACHE, models.USER_CACHE, why=why)
    for seen in (b"one", b"two"):
        assert feature(1.5, seen).eq(1.5).all()
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and os.strerror(why) in said and "computes them again" in said
    assert files(folders) == []


def test_a_file_in_a_folders_place_stops_nothing(folders, capsys):
    for folder in (models.CACHE, models.USER_CACHE):
        folder.parent.mkdir(parents=True)
        folder.write_text("in the way", encoding="utf-8")
    assert feature(1.5).eq(1.5).all() and "could not be kept" in capsys.readouterr().out


@pytest.mark.parametrize("stop", [OSError("3 requested and 1 written"), KeyboardInterrupt()], ids=repr)
def test_a_write_that_breaks_off_leaves_no_half_file(folders, monkeypatch, stop):
    def save(file, array):
        file.write(b"half")
        raise stop

    monkeypatch.setattr(models.np, "save", save)
    if isinstance(stop, OSError):
        assert feature(1.5).eq(1.5).all()
    else:
        with pytest.raises(KeyboardInterrupt):
            feature(1.5)
    assert files(folders) == []


def test_kernels_that_compute_the_same_share_no_unfinished_file(folders):
    """Four begin before any is finished; a shared name would be moved away under the others."""
    names, meet, problems = [], threading.Barrier(4), []

    def write(file):
        names.append(file.name)
        meet.wait(20)
        np.save(file, np.ones(3))

    def kernel():
        try:
            helpers.keep(models.CACHE / "same.npy", write)
        except OSError as problem:
            problems.append(problem)

    kernels = [threading.Thread(target=kernel) for _ in range(4)]
    for some in kernels:
        some.start()
    for some in kernels:
        some.join()
    assert problems == [] and len(set(map(str, names))) == 4
    assert files(folders) == ["same.npy"] and np.load(models.CACHE / "same.npy").sum() == 3


def test_what_is_kept_can_be_read_by_others(folders):
    feature()
    (kept,) = models.CACHE.iterdir()
    mask = os.umask(0)
    os.umask(mask)
    assert os.name == "nt" or kept.stat().st_mode & 0o777 == 0o666 & ~mask


@pytest.mark.parametrize("why", WAYS, ids=errno.errorcode.get)
def test_the_scoreboard_is_shown_where_it_cannot_be_written(folders, monkeypatch, capsys, why):
    shown = []
    monkeypatch.setattr(scoreboard, "display", lambda markdown: shown.append(markdown.data))
    scoreboard.Scoreboard("77_made_up").publish({"recall": 0.25}, {})
    before = (scoreboard.RESULTS / "77_made_up.json").read_bytes()
    refused(monkeypatch, scoreboard.RESULTS, why=why)
    scoreboard.Scoreboard("77_made_up").publish({"recall": 0.5}, {})
    said = capsys.readouterr().out
    assert "**0.5**" in shown[1] and said.count("\n") == 1 and os.strerror(why) in said and "results/" in said
    assert (scoreboard.RESULTS / "77_made_up.json").read_bytes() == before  # the last whole one
    assert json.loads(before)["figures"] == {"recall": 0.25} and files(folders) == ["77_made_up.json"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root may become another user")
def test_a_user_who_owns_nothing_of_the_course_computes_features():
    """One install, many users."""
    code = """if True:
        import os, pathlib, sys, torch
        from helpers import models, scoreboard
        os.setgid(65534), os.setuid(65534)
        scoreboard.RESULTS = models.CACHE = pathlib.Path(sys.argv[1])
        print(models.cached("made_up", [b"x"], lambda: torch.ones(2)).sum())
        scoreboard.Scoreboard("77").publish({"a": 1}, {})"""
    with tempfile.TemporaryDirectory() as folder:
        shared, home = Path(folder, "shared"), Path(folder, "home")
        for some, mode in ((Path(folder), 0o755), (shared, 0o755), (home, 0o777)):
            some.mkdir(exist_ok=True)
            some.chmod(mode)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("XDG_")} | {"HOME": str(home)}
        command = [sys.executable, "-c", code, str(shared)]
        done = subprocess.run(command, env=environment, cwd=data.ROOT, capture_output=True, text=True, encoding="utf-8")
        assert done.stdout.startswith("tensor(2.)\nThese scores could not be written into results/"), done
        assert files(shared) == [] and any("made_up" in name for name in files(home))
