"""The shelf of tools that the notebooks share: small, and nothing that a lecture teaches."""

from pathlib import Path


class CourseError(ValueError):
    """Something that the reader can mend. Its message is one line: what is wrong, and the way out.

    A notebook shows that line alone, without the traceback that would bury it.
    """

    def _render_traceback_(self):  # IPython asks an exception for this before it draws a traceback
        return [f"{type(self).__name__}: {self}"]


def restore(path):
    """A sentence that says how to get a file or folder of the course back, such as `"data/text/austen.txt.xz"`."""
    if (Path(__file__).resolve().parents[1] / ".git").exists():
        return f"Get it back with: git checkout -- {path}"
    return f"Download the course again and copy its {path} over this one: nothing else is lost."
