"""The shelf of tools that the notebooks share: small, and nothing that a lecture teaches."""

import codecs
import contextlib
import secrets
import sys
from pathlib import Path


class CourseError(ValueError):
    """Something that the reader can mend: one line, shown alone in a notebook, says what is wrong and the way out."""

    def _render_traceback_(self):  # IPython asks an exception for this before it draws a traceback
        return [f"{type(self).__name__}: {self}"]


def restore(path):
    """A sentence that says how to get a file or folder of the course back, such as `"data/text/austen.txt.xz"`."""
    if (Path(__file__).resolve().parents[1] / ".git").exists():
        return f"Get it back with: git checkout -- {path}"
    return f"Download the course again and copy its {path} over this one: nothing else is lost."


def keep(path, write):
    """Makes a file in one step: no other kernel, and no run that is stopped, leaves or reads half a file. Its folder is
    made where it is missing; `write` is called with the open (binary) file. Raises OSError where it cannot be kept: the
    disk is full, or the folder not ours. Nothing is left behind. (The standard library has no such call.)"""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(8)}.part")  # a name of its own for each kernel
    try:
        with open(unfinished, "xb") as file:
            write(file)
        unfinished.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise


PLAIN = {"✔": "+", "✘": "x", "±": "+-", "×": "x", "–": "-", "−": "-", "…": "..."}  # any other sign: a question mark


def plain_output():
    """Lets a terminal that can't show a sign, as under LC_ALL=C or a Windows code page, print a plain one instead."""
    codecs.register_error("plain", lambda e: ("".join(PLAIN.get(c, "?") for c in e.object[e.start : e.end]), e.end))
    for stream in filter(lambda s: hasattr(s, "reconfigure"), (sys.stdout, sys.stderr)):  # not a notebook's
        stream.reconfigure(errors="plain")


plain_output()
if "IPython" in sys.modules:
    from helpers.commands import report

    report.watch()
