"""The shelf of tools that the notebooks share: small, and nothing that a lecture teaches."""


class CourseError(ValueError):
    """Something that the reader can mend. Its message is one line: what is wrong, and the way out.

    A notebook shows that line alone, without the traceback that would bury it.
    """

    def _render_traceback_(self):  # IPython asks an exception for this before it draws a traceback
        return [f"{type(self).__name__}: {self}"]
