"""Brings the newest version of the course, and keeps what you typed into its notebooks: `make update`.

    python -m helpers.commands.update

A lecture, pattern or solution that you changed goes back to the course's version; yours is first copied into
notebooks/work/kept/. If you only ran it, nothing needs keeping. No other file is touched unless the update replaces it,
and Git refuses to replace a file that you changed. (nbgitpuller would commit and merge, line by line, notebooks' JSON.)
"""

import os
import subprocess
import sys
from pathlib import Path

from helpers import CourseError
from helpers.commands import assignments

ROOT = Path(__file__).resolve().parents[2]
# What Git leaves while it waits for somebody's decision, and the command that gives it up.
UNFINISHED = {
    "MERGE_HEAD": "git merge --abort",
    "rebase-merge": "git rebase --abort",
    "rebase-apply": "git rebase --abort",
    "CHERRY_PICK_HEAD": "git cherry-pick --abort",
    "REVERT_HEAD": "git revert --abort",
}


def git(*words, check=True):
    """Runs Git in the course's folder. Names are taken letter by letter, whatever signs they hold.

    Returns:
        What it printed, as bytes; None where it failed and `check` is False.

    Raises:
        CourseError: Git is not installed, or it failed and `check` is True.
    """
    environment = os.environ | {"GIT_LITERAL_PATHSPECS": "1"}
    try:
        result = subprocess.run(["git", *words], cwd=ROOT, env=environment, capture_output=True, check=False)
    except FileNotFoundError:
        raise CourseError("Git is not installed, and an update needs it. Install it, then call this again.") from None
    if result.returncode and check:
        said = " ".join(result.stderr.decode(errors="replace").split())
        raise CourseError(f"Nothing of yours was lost, but Git stopped at `git {words[0]}`: {said}")
    return None if result.returncode else result.stdout


def names(*words):
    """The file names that a Git command lists with -z, as a set."""
    return {os.fsdecode(name) for name in git(*words).split(b"\0") if name}


def versions(name):
    """What the repository and its newest upstream hold of a file, as a list of bytes; empty where they hold nothing."""
    if not (ROOT / ".git").exists():
        return []
    shown = [git("show", f"{version}:{name}", check=False) for version in ("HEAD", "@{upstream}")]
    return [content for content in shown if content is not None]


def changed_notebooks():
    """The repository's notebooks that differ from it, in the folder or in what was staged, as sorted names."""
    tracked = names("ls-tree", "-r", "-z", "--name-only", "HEAD", "notebooks")
    # diff-index, not diff: it also names a file of which Windows' line ends are all that differs, as `merge` does
    git("update-index", "-q", "--refresh", check=False)
    told = ("--name-only", "-z", "HEAD", "--", "notebooks")
    changed = names("diff-index", *told) | names("diff-index", "--cached", *told)
    return sorted(name for name in changed & tracked if name.endswith(".ipynb"))


def keep_typed(changed):
    """Keeps what was typed into these notebooks, and says so. Raises CourseError where it can't."""
    try:
        for name in changed:
            here = (ROOT / name).read_bytes() if (ROOT / name).is_file() else None
            staged = git("show", f":0:{name}", check=False)
            for content in filter(None, dict.fromkeys([here, staged])):
                if kept := assignments.keep(name.removeprefix("notebooks/"), content, versions(name)):
                    print(f"kept what you wrote in {name} as notebooks/work/kept/{kept}")
    except OSError as error:
        raise CourseError(
            f"Nothing was changed, because your notebooks can't be kept in notebooks/work/kept/: {error.strerror}. "
            "Make room on the disk, or make that folder writable, then call this again."
        ) from None


def stop_where_git_waits():
    """Raises CourseError, with the way out, where a merge or its like is not finished, or no branch is followed."""
    git("rev-parse", "HEAD")  # says so where Git doesn't trust this folder
    for state, way_out in UNFINISHED.items():
        path = os.fsdecode(git("rev-parse", "--git-path", state).strip())
        if (ROOT / path).exists():
            keep_typed(changed_notebooks())  # the way out would throw it away
            raise CourseError(
                f"Git waits until you finish what you began. To give it up, type `{way_out}`; then call this again."
            )
    if git("rev-parse", "@{upstream}", check=False) is None:
        raise CourseError(
            "Nothing was changed: you are on no branch, or on one that follows none of the course's. "
            "`git branch --all` lists the branches, and `git checkout NAME` goes to one."
        )


def stop_where_commits_differ():
    """Raises CourseError where the learner committed changes that the newest version of the course doesn't hold."""
    base, newest = git("merge-base", "HEAD", "@{upstream}", check=False), git("rev-parse", "@{upstream}")
    if base not in (git("rev-parse", "HEAD"), newest):
        raise CourseError(
            "Nothing was changed: you committed changes of your own, and Git would have to merge them with the update. "
            "Do that if you know how, or clone the course into a new folder, and copy your notebooks/work/ into it."
        )


def stop_where_files_are_in_the_way(notebooks):
    """Raises CourseError where the update would replace what the learner made or changed, these notebooks apart."""
    news = names("diff", "--name-only", "--no-renames", "-z", "HEAD...@{upstream}") - set(notebooks)
    own = names("diff-index", "--name-only", "-z", "HEAD") | (news - names("ls-files", "-z"))
    if found := sorted(name for name in news & own if os.path.lexists(ROOT / name)):
        raise CourseError(
            "Nothing was changed: the update would replace files that you made or changed. Give your versions another "
            f"name, then call this again: {', '.join(found)}"
        )


def update():
    """Looks for the newest version, keeps what was typed, puts the notebooks back, and takes that version.

    Raises:
        CourseError: it can't go on. Whatever was typed is then still in its place, or in `notebooks/work/kept/`.
    """
    if not (ROOT / ".git").exists():
        raise CourseError(
            "This folder was not made by `git clone`, so it can't be updated in place. Download the course again into "
            "a new folder, and copy your notebooks/work/ into it, and under another name any lecture that you wrote in."
        )
    stop_where_git_waits()
    print("Looking for a newer version ...", flush=True)
    git("fetch")
    stop_where_commits_differ()
    changed = changed_notebooks()
    stop_where_files_are_in_the_way(changed)
    keep_typed(changed)
    if changed:
        git("checkout", "HEAD", "--", *changed)
        print("brought back the course's own", ", ".join(name.removeprefix("notebooks/") for name in changed))
    before = git("rev-parse", "HEAD").decode().strip()
    git("merge", "--ff-only", "--no-overwrite-ignore", "@{upstream}")
    day = git("log", "-1", "--format=%cs").decode().strip()
    print(f"This is the newest version of the course, of {day}.")
    changed = names("diff", "--name-only", "-z", before, "HEAD", "--", "notebooks/assignments")
    own = [f"my_{Path(name).name}" for name in sorted(changed)]
    if own := [name for name in own if (ROOT / "notebooks/work" / name).exists()]:
        print(
            f"It has other patterns than those that you began with: {', '.join(own)}. Yours stay as they are. "
            "To begin one anew, give yours another name and call make lab."
        )


if __name__ == "__main__":
    try:
        update()
    except CourseError as error:
        sys.exit(str(error))
