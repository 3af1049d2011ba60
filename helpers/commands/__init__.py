"""What `make` calls. A console that has no sign for a tick shows a question mark, and the command goes on."""

import sys

for stream in (sys.stdout, sys.stderr):
    if hasattr(stream, "reconfigure"):  # not where somebody else holds it, such as a notebook
        stream.reconfigure(errors="replace")
