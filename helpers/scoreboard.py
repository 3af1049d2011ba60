"""A lecture's figures beside their baselines, shown and kept in `results/NN_name.json`."""

import contextlib
import json
import math
import re
import secrets
import sys
import time
from pathlib import Path

import psutil
from IPython.display import Markdown, display

from helpers import CourseError
from helpers.data import ROOT

RESULTS = ROOT / "results"


def peak_memory_mb():
    """The most memory that this process ever held, in MB of 10^6 bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux: VmHWM starts anew with each program, getrusage's figure does not
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="utf-8")).group(1)) * 1024 / 1e6
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset / 1e6
    import resource  # is not there on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def keep(path, write):
    """Makes a file in one step: no other kernel, and no run that is stopped, leaves or reads half a file.

    Args:
        path: where the file will lie, a `Path`; its folder is made where it is missing.
        write: called with the open (binary) file.

    Raises:
        OSError: it cannot be kept there: the disk is full, or the folder not ours. Nothing is left behind.
    """
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


class Scoreboard:
    """Starts a lecture's clock; `publish` writes and shows what came out.

    Args:
        notebook: the notebook's name without its ending, such as `"01_word2vec"`.
        seed: the seed of the run.
        device: the device that the model trains on.
    """

    def __init__(self, notebook, seed=0, device="cpu"):
        self.start = time.perf_counter()
        self.run = {"notebook": notebook, "seed": seed, "device": str(device)}

    def publish(self, figures, baselines):
        """Writes `results/NN_name.json`, where it can be written, and shows each figure beside its baselines.

        Args:
            figures: what this run reached, `{name: number}`.
            baselines: what it is measured against, `{name: number}`; a baseline that begins with a figure's name,
                as `wordsim353_random` does with `wordsim353`, is shown on that figure's line.

        Raises:
            CourseError: a value is not a finite number.
        """
        for name, value in (figures | baselines).items():
            if not isinstance(value, int | float) or not math.isfinite(value):
                raise CourseError(
                    f"The figure {name} is {value!r}, not a finite number. Look at the cell that makes it."
                )
        self.run |= {"seconds": round(time.perf_counter() - self.start, 1), "peak_memory_mb": round(peak_memory_mb())}
        self.run |= {"figures": figures, "baselines": baselines}
        content = (json.dumps(self.run, indent=1) + "\n").encode()
        try:
            keep(RESULTS / f"{self.run['notebook']}.json", lambda file: file.write(content))
        except OSError as problem:
            print(f"These scores could not be written into results/ ({problem.strerror or problem}).")
        display(Markdown(f"{HEADER}{rows(self.run)}\n\n{clock(self.run)}"))


HEADER = "| figure | this run | beside it |\n|---|---:|---|\n"


def clock(run):
    return f"{run['seconds']:.0f} s and {run['peak_memory_mb']:,} MB at most, on {run['device']}, seed {run['seed']}."


def number(value):
    return f"{value:,}" if isinstance(value, int) else f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def rows(run, seeds=None):
    """One table row a figure, its baselines at the end of the row; baselines without a figure come last.

    `seeds`, `{figure: {"mean": ..., "spread": ...}}`, adds in brackets what three seeds gave.
    """
    figures, left, lines = run["figures"], dict(run["baselines"]), []
    owner = {k: max((name for name in figures if k.startswith(name + "_")), key=len, default=None) for k in left}
    spread = {k: f" ({number(some['mean'])} ± {some['spread']:.1g})" for k, some in (seeds or {}).items()}
    for name, value in figures.items():
        beside = {k: left.pop(k) for k in owner if owner[k] == name}
        text = ", ".join(f"{k.removeprefix(name + '_')} {number(v)}{spread.get(k, '')}" for k, v in beside.items())
        lines.append(f"| `{name}` | **{number(value)}**{spread.get(name, '')} | {text} |")
    return "\n".join(lines + [f"| `{k}` | | {number(v)}{spread.get(k, '')} |" for k, v in left.items()])
