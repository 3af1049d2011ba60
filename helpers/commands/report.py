"""What a learner sends when something fails that they cannot mend: what this machine is, without names or paths.

    make doctor REPORT=1        # or: python -m helpers.commands.doctor --report

In a notebook, a line below an error that is none of the learner's own leads here. It runs on a bare Python, too.
"""

import contextlib
import getpass
import locale
import multiprocessing
import os
import platform
import re
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

from helpers import CourseError
from helpers.commands import doctor

LINE = (
    "This does not look like a mistake of yours. If it comes again after Kernel, Restart Kernel, then "
    "make doctor REPORT=1 (or python -m helpers.commands.doctor --report) prints what a useful report needs."
)
HOW = """Write to your teacher, or to the course's issues, in this order:
1. which notebook, and which cell (its first line), and what you had run before;
2. what you expected, and what came: the whole text of the error, not only its last line;
3. whether it comes again after Kernel, Restart Kernel and Run All Cells;
4. the lines from here on. They hold no name and no path of yours:
"""
FLAGS = "avx avx2 fma f16c avx512f avx512_bf16 amx_bf16 asimd bf16 sve"
THREADS = "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "CUDA_VISIBLE_DEVICES"


# ---------------------------------------------------------------------------------------------- names and paths are out
def private():
    """The names and paths of this machine and its user that no report may hold, the longest first."""
    found = {str(doctor.ROOT), os.path.expanduser("~"), sys.prefix, sys.base_prefix, tempfile.gettempdir(), os.getcwd()}
    found |= {platform.node(), platform.node().split(".")[0], Path(os.path.expanduser("~")).name}
    with contextlib.suppress(ImportError, KeyError, OSError):  # a container whose user has no name
        found.add(getpass.getuser())
    return sorted((word for word in found if len(word) > 1), key=len, reverse=True)


def without_names(text):
    """A text without what `private` finds, and without any other path that begins at a disk's root."""
    for word in private():
        mark = "(a path)" if os.sep in word else "(a name)"
        text = re.sub(rf"(?i)(?<![A-Za-z0-9]){re.escape(word)}(?![A-Za-z0-9])", mark, text)
    text = re.sub(r"(['\"])(?:~?/|[A-Za-z]:[\\/]|\\\\|\(a path\))[^'\"\n]*\1", "(a path)", text)  # with blanks, too
    return re.sub(r"(?:(?<![\w./])~?/|\b[A-Za-z]:[\\/]|\\\\)[^\s'\"(),;]+(?:[\\/][^\s'\"(),;]+)*", "(a path)", text)


# ----------------------------------------------------------------------------------------------------- what is reported
def told(command):
    """What a command prints, or an empty text where it is not there."""
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL}
    try:
        return (
            subprocess.run(command, cwd=str(doctor.ROOT), timeout=20, **quiet).stdout.decode("utf-8", "replace").strip()
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""


def course():
    version = told(["git", "rev-parse", "--short=10", "HEAD"]) or "no Git here"
    changed = told(["git", "status", "--porcelain", "--untracked-files=no"]).splitlines()
    return f"version {version}, {len(changed)} files changed"


def system():
    python = doctor.this_python()
    number = ".".join(re.findall(r"\d+", platform.release())[:2])
    if python["macos"]:
        number = platform.mac_ver()[0]
    kind = "conda" if Path(sys.prefix, "conda-meta").is_dir() else "venv" if sys.prefix != sys.base_prefix else "system"
    name = "Python {} ({}, {} bits, {})".format(platform.python_version(), python["kind"], python["bits"], kind)
    return "{} on {} {}, {}".format(name, platform.system(), number, python["machine"])


def processor():
    """Cores and those of its instructions that decide how fast a lecture runs; no library, for a bare Python."""
    try:
        words = set(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").lower().split())
        flags = [flag for flag in FLAGS.split() if flag in words]
    except OSError:
        flags = []
    free = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return "{} cores, {} for this process; {}".format(os.cpu_count(), free, " ".join(flags) or "flags not known")


def memory():
    import psutil

    found = psutil.virtual_memory()
    return f"{found.total / 1e9:.1f} GB, {found.available / 1e9:.1f} free"


def device():
    import torch

    name = "cpu"
    if torch.cuda.is_available():
        name = torch.cuda.get_device_name(0)
    elif torch.backends.mps.is_available():
        name = "Apple's GPU"
    capability, number = torch.backends.cpu.get_cpu_capability(), torch.get_num_threads()
    return f"{name}; torch computes with {capability} on the CPU, {number} threads"


def processes():
    return "{} (of {})".format(multiprocessing.get_start_method(), " ".join(multiprocessing.get_all_start_methods()))


def texts():
    output = getattr(sys.stdout, "encoding", None)
    return f"files {sys.getfilesystemencoding()}, output {output}, system {locale.getpreferredencoding(False)}"


def threads():
    return ", ".join(f"{n}={os.environ[n]}" for n in THREADS if n in os.environ) or "nothing set"


def libraries():
    """The versions of what the course asks for, then what is wrong with them."""
    found = list(doctor.libraries())
    lines = [", ".join(line for right, line, _ in found[1:] if right)]
    return "\n".join(lines + ["WRONG " + line for right, line, _ in found if not right])


def state(examined):
    return "\n".join(("" if right else "WRONG ") + line for right, line, _ in examined)


def report():
    """The report: a text of a few lines, without names or paths. A part that fails says so and leaves the others."""
    parts = {
        "course": course,
        "system": system,
        "processor": processor,
        "memory": memory,
        "device": device,
        "processes": processes,
        "texts": texts,
        "threads": threads,
        "libraries": libraries,
        "data": lambda: state(doctor.data()),
        "folders": lambda: state(doctor.room()),
    }
    lines = []
    for name, part in parts.items():
        try:
            said = part()
        except Exception as error:  # a broken library raises whatever it likes, and that is worth a line
            said = "cannot be told: {}: {}".format(type(error).__name__, " ".join(str(error).split())[:200])
        lines += [f"{name:10} {line}" for line in said.splitlines()]
    return without_names("\n".join(lines))


# ----------------------------------------------------------------------------------------------- the line in a notebook
def unexpected(error, frames):
    """Whether an error is neither a message of the course nor the learner's own: the course's code failed, not a cell
    of theirs, or something is missing on the machine.

    Args:
        error: an exception.
        frames: the files of its traceback, the innermost last.
    """
    if isinstance(error, (CourseError, NotImplementedError)):
        return False
    if isinstance(error, (ImportError, MemoryError)):
        return True
    for file in reversed(frames):
        library = "site-packages" in file or file.startswith(("<frozen", os.path.dirname(os.__file__)))
        if library or file.endswith(".pyx"):
            continue
        return Path(file).is_relative_to(doctor.ROOT / "helpers")
    return False


def watch():
    """Lets IPython, where a notebook or a terminal of it runs, print LINE below an error that is unexpected."""

    def show(shell, kind, error, trace, tb_offset=None):
        shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
        if unexpected(error, [frame.f_code.co_filename for frame, _ in traceback.walk_tb(trace)]):
            print(LINE, file=sys.stderr)

    shell = sys.modules["IPython"].get_ipython()
    if shell:
        shell.set_custom_exc((Exception,), show)
