"""The shelf of tools that the notebooks share: small, and nothing that a lecture teaches."""

import codecs
import sys


class CourseError(ValueError):
    """Something that the reader can mend. Its message is one line: what is wrong, and the way out.

    A notebook shows that line alone, without the traceback that would bury it.
    """

    def _render_traceback_(self):  # IPython asks an exception for this before it draws a traceback
        return [f"{type(self).__name__}: {self}"]


PLAIN = {"✔": "+", "✘": "x", "±": "+-", "×": "x", "–": "-", "−": "-", "…": "..."}  # any other sign: a question mark


def plain_output():
    """Lets a terminal that can't show a sign, as under LC_ALL=C or a Windows code page, print a plain one instead."""
    codecs.register_error("plain", lambda e: ("".join(PLAIN.get(c, "?") for c in e.object[e.start : e.end]), e.end))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a notebook's streams have no encoding to miss
            stream.reconfigure(errors="plain")


plain_output()
