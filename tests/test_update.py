"""`make update` with real repositories, a course and a learner's clone of it: whatever was typed is there afterwards."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from helpers import CourseError
from helpers.commands import assignments, update
from tests.definitions import NOTEBOOKS

ROOT = NOTEBOOKS.parent
LECTURE, PATTERN, SOLUTION = (
    "notebooks/01_a.ipynb",
    "notebooks/assignments/01_a.ipynb",
    "notebooks/solutions/01_a.ipynb",
)
OTHER = "notebooks/02_[b] 그림.ipynb"  # signs that Git takes for a pattern, a blank, another script


def notebook(*sources, ran=False):
    """The bytes of a notebook of code cells, as run if `ran`."""
    cells = [nbformat.v4.new_code_cell(source, id=f"cell-{i}") for i, source in enumerate(sources)]
    for count, cell in enumerate(cells if ran else [], start=1):
        cell.update(execution_count=count, outputs=[nbformat.v4.new_output("stream", name="stdout", text="seen")])
    return (nbformat.writes(nbformat.v4.new_notebook(cells=cells)) + "\n").encode()


def git(folder, *words, fails=False):
    made = subprocess.run(["git", *words], cwd=folder, capture_output=True, check=False)
    assert (made.returncode != 0) == fails, made.stderr.decode()
    return made.stdout.decode().strip()


def write(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def commit(folder, files):
    write(folder, files)
    git(folder, "add", "--all")
    git(folder, "commit", "--message", "news")


FIRST = {name: notebook(f"first {name}") for name in (LECTURE, PATTERN, SOLUTION, OTHER)}
FIRST |= {
    ".gitignore": b"notebooks/work/\nresults/\n",
    "helpers/plots.py": b"first\n",
    "notebooks/pictures/a.webp": b"1",
}


@pytest.fixture
def course(tmp_path, monkeypatch):
    """The course's repository, and as `learner` beside it a clone, which the command takes for its own."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "kim")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "kim@example.org")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    folder = tmp_path / "course"
    folder.mkdir()
    git(folder, "init", "--initial-branch=main")
    commit(folder, FIRST)
    git(tmp_path, "clone", str(folder), "learner")
    monkeypatch.setattr(update, "ROOT", tmp_path / "learner")
    monkeypatch.setattr(assignments, "NOTEBOOKS", tmp_path / "learner/notebooks")
    return folder


@pytest.fixture
def learner(course):
    return course.parent / "learner"


def kept(learner):
    """What lies in the folder of kept copies, by the name without its date."""
    found = {
        path.stem[: -len("_2026-11-29_114703")]: path.read_bytes()
        for path in (learner / "notebooks/work/kept").glob("*")
    }
    assert len(found) == len(list((learner / "notebooks/work/kept").glob("*")))
    return found


def is_the_courses(learner, course):
    assert git(learner, "rev-parse", "HEAD") == git(course, "rev-parse", "HEAD")
    assert git(learner, "status", "--porcelain") == ""


def test_what_was_typed_is_kept_and_the_newest_version_comes(course, learner, capsys):
    mine = {name: notebook(f"first {name}", "# mine", ran=True) for name in (LECTURE, PATTERN, SOLUTION, OTHER)}
    write(learner, mine | {"notebooks/work/my_01_a.ipynb": b"my work", "notebooks/mine.ipynb": b"untracked"})
    commit(course, {name: notebook(f"second {name}") for name in mine})
    update.update()
    assert kept(learner) == {
        "01_a": mine[LECTURE],
        "assignments_01_a": mine[PATTERN],
        "solutions_01_a": mine[SOLUTION],
        "02_[b] 그림": mine[OTHER],
    }
    assert (learner / LECTURE).read_bytes() == notebook(f"second {LECTURE}")
    assert (learner / "notebooks/work/my_01_a.ipynb").read_bytes() == b"my work"
    assert (learner / "notebooks/mine.ipynb").read_bytes() == b"untracked"
    assert git(learner, "status", "--porcelain") == "?? notebooks/mine.ipynb"
    said = capsys.readouterr().out
    for name in mine:
        assert f"kept what you wrote in {name} as notebooks/work/kept/" in said
    assert "This is the newest version of the course, of 20" in said
    assert "other patterns than those that you began with: my_01_a.ipynb. Yours stay as they are." in said


def test_a_lecture_that_was_only_run_needs_no_keeping(course, learner, capsys):
    write(learner, {LECTURE: notebook(f"first {LECTURE}", ran=True)})
    commit(course, {LECTURE: notebook("second")})
    update.update()
    assert kept(learner) == {} and "kept" not in (said := capsys.readouterr().out)
    assert "brought back the course's own 01_a.ipynb" in said
    is_the_courses(learner, course)


def test_without_news_the_notebooks_come_back_all_the_same(course, learner, capsys):
    write(learner, {LECTURE: notebook("mine")})
    (learner / OTHER).unlink()
    update.update()
    assert kept(learner) == {"01_a": notebook("mine")} and "other patterns" not in capsys.readouterr().out
    is_the_courses(learner, course)
    write(learner, {LECTURE: notebook("mine")})
    update.update()
    assert kept(learner) == {"01_a": notebook("mine")}, "the same once more needs no second copy"
    write(learner, {LECTURE: b'{"cells": [half'})
    update.update()
    assert sorted(p.read_bytes() for p in (learner / "notebooks/work/kept").iterdir()) == sorted(
        [notebook("mine"), b'{"cells": [half']
    )


def test_what_was_staged_is_kept_too(course, learner):
    write(
        learner,
        {LECTURE: notebook("staged"), PATTERN: notebook("staged and taken back"), "notebooks/new.ipynb": b"new"},
    )
    git(learner, "add", "--all")
    write(learner, {LECTURE: notebook("typed later"), PATTERN: FIRST[PATTERN]})
    commit(course, {LECTURE: notebook("second")})
    update.update()
    found = sorted(path.read_bytes() for path in (learner / "notebooks/work/kept").iterdir())
    assert found == sorted([notebook("staged"), notebook("typed later"), notebook("staged and taken back")])
    assert git(learner, "status", "--porcelain") == "A  notebooks/new.ipynb", "a file of the learner's own stays staged"


def test_a_notebook_that_the_course_took_away_or_renamed_is_kept(course, learner):
    write(learner, {LECTURE: notebook("mine"), OTHER: notebook("mine, too")})
    git(course, "rm", LECTURE)
    git(course, "mv", OTHER, "notebooks/03_c.ipynb")
    commit(course, {})
    update.update()
    assert kept(learner) == {"01_a": notebook("mine"), "02_[b] 그림": notebook("mine, too")}
    assert not (learner / LECTURE).exists()
    is_the_courses(learner, course)


def test_a_merge_that_was_not_finished_is_given_up_without_a_loss(course, learner):
    write(learner, {LECTURE: notebook("mine")})
    git(learner, "commit", "--all", "--message", "mine")
    commit(course, {LECTURE: notebook("second"), OTHER: notebook("second")})
    git(learner, "pull", "--no-rebase", fails=True)
    write(learner, {PATTERN: notebook("typed since")})
    conflict = (learner / LECTURE).read_bytes()
    assert b"<<<<<<<" in conflict
    for _ in range(2):
        with pytest.raises(CourseError, match="To give it up, type `git merge --abort`; then call this again"):
            update.update()
        assert kept(learner) == {"01_a": conflict, "assignments_01_a": notebook("typed since")}, (
            "once, and nothing else"
        )
    assert (learner / LECTURE).read_bytes() == conflict, "and nothing was changed"
    git(learner, "merge", "--abort")
    with pytest.raises(CourseError, match="Nothing was changed: you committed changes of your own"):
        update.update()
    assert (learner / LECTURE).read_bytes() == notebook("mine")


def test_a_stash_that_came_back_in_conflict_is_kept(course, learner):
    write(learner, {LECTURE: notebook("mine")})
    git(learner, "stash")
    commit(course, {LECTURE: notebook("second")})
    git(learner, "pull", "--ff-only")
    git(learner, "stash", "pop", fails=True)
    conflict = (learner / LECTURE).read_bytes()
    update.update()
    assert kept(learner) == {"01_a": conflict} and notebook("mine").decode().strip() in git(
        learner, "show", f"stash@{{0}}:{LECTURE}"
    )
    is_the_courses(learner, course)


def test_a_rebase_that_stopped_is_told(course, learner):
    write(learner, {LECTURE: notebook("mine")})
    git(learner, "commit", "--all", "--message", "mine")
    commit(course, {LECTURE: notebook("second")})
    git(learner, "pull", "--rebase", fails=True)
    with pytest.raises(CourseError, match="git rebase --abort"):
        update.update()


def test_other_files_that_the_learner_changed_are_never_replaced(course, learner):
    mine = {"helpers/plots.py": b"mine\n", LECTURE: notebook("mine"), "data/new.txt": b"mine, untracked"}
    write(learner, mine)
    commit(course, {"helpers/plots.py": b"second\n", "data/new.txt": b"second", LECTURE: notebook("second")})
    with pytest.raises(CourseError, match="another name, then call this again: data/new.txt, helpers/plots.py$"):
        update.update()
    assert {name: (learner / name).read_bytes() for name in mine} == mine
    untouched(learner, notebook("mine"))
    (learner / "helpers/plots.py").rename(learner / "helpers/my_plots.py")  # as the line says
    (learner / "data/new.txt").rename(learner / "data/my_new.txt")
    update.update()
    assert (learner / "helpers/plots.py").read_bytes() == b"second\n"
    assert (learner / "helpers/my_plots.py").read_bytes() == b"mine\n"
    assert kept(learner) == {"01_a": notebook("mine")}


def test_files_that_are_in_nobodys_way_stay_changed(course, learner):
    write(learner, {"helpers/plots.py": b"mine\n", "notebooks/pictures/a.webp": b"mine"})
    commit(course, {LECTURE: notebook("second")})
    update.update()
    assert (learner / "helpers/plots.py").read_bytes() == b"mine\n"
    assert (learner / "notebooks/pictures/a.webp").read_bytes() == b"mine"
    assert (learner / LECTURE).read_bytes() == notebook("second")


def test_not_even_a_file_that_git_ignores_is_replaced(course, learner):
    write(learner, {"results/mine.json": b"mine"})
    write(course, {"results/mine.json": b"the course's"})
    git(course, "add", "--force", "results/mine.json")
    commit(course, {})
    with pytest.raises(CourseError, match="Nothing was changed: .*: results/mine.json$"):
        update.update()
    assert (learner / "results/mine.json").read_bytes() == b"mine"


def untouched(learner, mine):
    assert (learner / LECTURE).read_bytes() == mine and not (learner / "notebooks/work/kept").exists()


def test_a_file_where_the_course_now_has_a_folder_stays(course, learner):
    write(learner, {LECTURE: notebook("mine"), "data/korean": b"mine"})
    commit(course, {"data/korean/words.txt": b"second", LECTURE: notebook("second")})
    with pytest.raises(CourseError, match="Nothing of yours was lost, but Git stopped at `git merge`: .*data/korean"):
        update.update()
    assert (learner / "data/korean").read_bytes() == b"mine"
    assert kept(learner) == {"01_a": notebook("mine")}


def test_own_commits_on_top_of_the_newest_version_are_left_there(course, learner):
    commit(learner, {"notebooks/mine.ipynb": notebook("mine"), LECTURE: notebook("committed")})
    write(learner, {LECTURE: notebook("typed")})
    update.update()
    assert (learner / LECTURE).read_bytes() == notebook("committed") and kept(learner) == {"01_a": notebook("typed")}


def test_without_a_network_nothing_changes(course, learner):
    write(learner, {LECTURE: notebook("mine")})
    course.rename(course.with_name("gone"))
    with pytest.raises(CourseError, match="Nothing of yours was lost, but Git stopped at `git fetch`: .*") as told:
        update.update()
    assert "\n" not in str(told.value)
    untouched(learner, notebook("mine"))


def test_a_full_disk_stops_before_anything_changes(course, learner, monkeypatch):
    write(learner, {LECTURE: notebook("mine")})
    commit(course, {LECTURE: notebook("second")})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(CourseError, match="Nothing was changed, because .*: No space left on device. Make room"):
        update.update()
    assert (learner / LECTURE).read_bytes() == notebook("mine")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("checkout", "--detach"), "you are on no branch"),
        (("checkout", "-b", "own"), "you are on no branch, or on one that follows none"),
    ],
)
def test_a_branch_that_follows_none_is_told(course, learner, words, said):
    write(learner, {LECTURE: notebook("mine")})
    git(learner, *words)
    with pytest.raises(CourseError, match=said):
        update.update()
    untouched(learner, notebook("mine"))


def test_without_a_git_folder_the_line_says_what_to_do(course, learner):
    shutil.rmtree(learner / ".git")
    write(learner, {LECTURE: notebook("mine")})
    with pytest.raises(CourseError, match="Download the course again into a new folder, and copy your notebooks/work/"):
        update.update()
    untouched(learner, notebook("mine"))


def test_without_git_the_line_says_so(course, learner, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CourseError, match="Git is not installed"):
        update.update()


def test_a_folder_that_git_does_not_trust_is_told_as_that(course, learner, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(CourseError, match="dubious ownership.*safe.directory"):
        update.update()


def test_line_ends_of_windows_are_no_change(course, learner):
    git(learner, "config", "core.autocrlf", "true")
    write(learner, {name: content.replace(b"\n", b"\r\n") for name, content in FIRST.items() if name.endswith("ipynb")})
    commit(course, {LECTURE: notebook("second")})
    update.update()
    assert kept(learner) == {}
    assert git(learner, "rev-parse", "HEAD") == git(course, "rev-parse", "HEAD")


def test_a_shallow_clone_is_updated_too(course, learner, tmp_path, monkeypatch):
    commit(course, {"helpers/plots.py": b"second\n"})
    shutil.rmtree(learner)
    git(tmp_path, "clone", "--depth=1", course.as_uri(), "learner")
    write(learner, {LECTURE: notebook("mine")})
    commit(course, {LECTURE: notebook("third")})
    update.update()
    assert kept(learner) == {"01_a": notebook("mine")}
    is_the_courses(learner, course)


def test_make_update_needs_no_library(course, learner):
    """As a learner calls it: in a clone that holds the course's Makefile and commands, by a Python that has nothing else."""
    needed = ["Makefile", "README.md", "helpers/__init__.py"]
    needed += [f"helpers/commands/{name}.py" for name in ("__init__", "assignments", "update")]
    commit(course, {name: (ROOT / name).read_bytes() for name in needed})
    git(learner, "pull", "--ff-only")
    commit(course, {LECTURE: notebook("second")})
    write(learner, {LECTURE: notebook("mine")})
    bare = [f"PYTHON={shlex.quote(sys.executable)} -S"]  # without site-packages
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = ["make", "update", *bare]
    made = subprocess.run(
        command, cwd=learner, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert made.returncode == 0, made.stderr
    assert "kept what you wrote in notebooks/01_a.ipynb as notebooks/work/kept/01_a_" in made.stdout
    assert (learner / LECTURE).read_bytes() == notebook("second") and kept(learner) == {"01_a": notebook("mine")}
    course.rename(course.with_name("gone"))
    made = subprocess.run(
        command, cwd=learner, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert made.returncode != 0 and "Traceback" not in made.stderr and "Git stopped at `git fetch`" in made.stderr


def test_readme_names_no_command_that_throws_away_what_was_typed():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make update" in readme
    for command in ("git checkout notebooks", "git checkout .", "git reset", "git clean", "git restore", "git stash"):
        assert command not in readme
