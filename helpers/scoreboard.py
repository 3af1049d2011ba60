"""A lecture's scores beside their baselines, shown and kept in `results/NN_name.json`; and what is stored of longer
experiments in `data/experiments/NN_name.json`."""

import json
import math
import re
import statistics
import sys
import time
from pathlib import Path
from typing import NamedTuple

import psutil
from IPython.display import Markdown, display

from helpers import CourseError, keep
from helpers.checks.edition import in_table
from helpers.data import ROOT
from helpers.training import compute_type

RESULTS = ROOT / "results"
EXPERIMENTS = ROOT / "data" / "experiments"


def peak_memory_mb():
    """The most memory that this process ever held, in MB of 10^6 bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux: VmHWM starts anew with each program, getrusage's figure does not; psutil has none
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="utf-8")).group(1)) * 1024 / 1e6
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset / 1e6
    import resource  # is not there on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


class Scoreboard:
    """Starts the clock of a notebook (named without its ending, such as `"01_word2vec"`) that runs with a seed, and
    trains on a device; `publish` writes and shows what came out."""

    def __init__(self, notebook, seed=0, device="cpu"):
        self.start = time.perf_counter()
        self.run = {"notebook": notebook, "seed": seed, "device": str(device)}

    def publish(self, figures, baselines):
        """Writes `results/NN_name.json`, where it can be written, and shows each metric beside its baselines: what was
        reached and what it is measured against, both `{name: number}`. A metric's plain name is the run that the
        learner watches; the same name with `_long_run` is the stored run. A baseline's name begins with its metric's,
        as `wordsim353_random` does. Raises CourseError on a value that is no finite number, or a name off this
        scheme."""
        for name, value in (figures | baselines).items():
            if not isinstance(value, int | float) or not math.isfinite(value):
                raise CourseError(f"The figure {name} is {value!r}, not a finite number. Look at what made it.")
            if "live_run" in name:
                raise CourseError(f"Call {name} by its plain name: that is the run that the learner watches.")
        for name in figures:
            if "_long_run" in name and name.replace("_long_run", "") not in figures:
                raise CourseError(f"Beside {name} belongs the run that the learner watches: publish it too.")
        for name in baselines:
            if owner(name, figures) is None:
                raise CourseError(f"The baseline {name} belongs to no metric. Begin its name with its metric's.")
        self.run |= {"seconds": round(time.perf_counter() - self.start, 1), "peak_memory_mb": round(peak_memory_mb())}
        self.run |= {"compute": str(compute_type(self.run["device"])).removeprefix("torch.")}
        self.run |= {"figures": figures, "baselines": baselines}
        content = (json.dumps(self.run, indent=1) + "\n").encode()
        try:
            keep(RESULTS / f"{self.run['notebook']}.json", lambda file: file.write(content))
        except OSError as problem:
            print(f"These scores could not be written into results/ ({problem.strerror or problem}).")
        display(Markdown(in_table(f"{HEADER}{rows(self.run)}\n\n{clock(self.run)}")))

    def stored(self, experiment):
        """What is stored of this lecture's experiment: `{variant: {metric: Spread}}`. `Spread` holds the values of the
        seeds, their mean, and their sample standard deviation (None where there is one seed)."""
        return stored(self.run["notebook"], experiment)

    def show_stored(self, experiment, metrics=None):
        """Shows a stored experiment, such as `"seeds"`, as a table, one row a metric (all that are stored, or those of
        `metrics`) and variant, and says how it is made again."""
        try:
            display(Markdown(in_table(stored_table(self.run["notebook"], experiment, metrics))))
        except CourseError as error:  # the lecture goes on: this very run may be the one to be stored
            print(error)


class Spread(NamedTuple):
    """A metric over the seeds of a stored experiment."""

    values: list
    mean: float
    deviation: float | None

    def __str__(self):
        deviation = self.deviation or 0
        spread = f"{deviation:,.0f}" if abs(self.mean) >= 100 or deviation >= 9.5 else f"{deviation:.1g}"
        return number(self.mean) + ("" if self.deviation is None else f" ± {spread}")


def record(notebook, experiment):
    """An experiment as `data/experiments/NN_name.json` holds it. Raises CourseError where it is not stored."""
    path = EXPERIMENTS / f"{notebook}.json"
    found = json.loads(path.read_text(encoding="utf-8"))["experiments"] if path.exists() else {}
    if experiment not in found:
        raise CourseError(
            f"{notebook} has no stored experiment {experiment!r}. Make it: python -m data.build.experiments {notebook}"
        )
    return found[experiment]


def stored(notebook, experiment="seeds"):
    """See `Scoreboard.stored`."""
    spreads = {}
    for variant, runs in record(notebook, experiment)["entries"].items():
        values = {}
        for run in runs.values():
            for metric, value in run["values"].items():
                values.setdefault(metric, []).append(value)
        spreads[variant] = {
            metric: Spread(some, statistics.fmean(some), statistics.stdev(some) if len(some) > 1 else None)
            for metric, some in values.items()
        }
    return spreads


def stored_table(notebook, experiment, metrics=None):
    spreads, made = stored(notebook, experiment), record(notebook, experiment)
    seeds = ", ".join(next(iter(made["entries"].values())))
    lines = [f"| stored | seeds {seeds} | mean ± standard deviation |", "|---|---|---|"]
    for variant, found in spreads.items():
        for metric in found if metrics is None else [name for name in metrics if name in found]:
            name = f"`{metric}`" if len(spreads) == 1 else f"{variant}: `{metric}`"
            lines.append(f"| {name} | {', '.join(map(number, found[metric].values))} | {found[metric]} |")
    recipe = made["recipe"]
    return "\n".join([*lines, f"\nStored, not computed now: {recipe['what']}. Made by `{recipe['command']}`."])


HEADER = "| metric | this run | beside it |\n|---|---:|---|\n"


def clock(run):
    where = f"{run['device']} in {run['compute']}" if "compute" in run else run["device"]  # older runs don't say
    return f"{run['seconds']:.0f} s and {run['peak_memory_mb']:,} MB at most, on {where}, seed {run['seed']}."


def number(value):
    return f"{value:,}" if isinstance(value, int) else f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def owner(baseline, figures):
    """The metric that a baseline's name begins with, the longest one; None where there is none."""
    return max((name for name in figures if baseline.startswith(f"{name}_")), key=len, default=None)


def rows(run, spreads=None):
    """One table row a metric, its baselines at the end. `spreads`, `{metric: Spread}`, adds in brackets what several
    seeds gave."""
    figures, beside = run["figures"], {name: [] for name in run["figures"]}
    for key, value in run["baselines"].items():
        name = owner(key, figures)
        beside[name].append(f"{key.removeprefix(name + '_')} {number(value)}")
    over = {name: f" ({spread})" for name, spread in (spreads or {}).items()}
    return "\n".join(
        f"| `{name}` | **{number(value)}**{over.get(name, '')} | {', '.join(beside[name])} |"
        for name, value in figures.items()
    )
