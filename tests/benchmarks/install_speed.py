"""How long does `make lab`'s install take, and how long does pip alone?

    python tests/benchmarks/install_speed.py        # three runs of each, in turn
    python tests/benchmarks/install_speed.py 1

Each run installs all of requirements.txt into a new virtual environment in a folder that goes away, without a cache:
each downloads everything again, so the network counts. Needs 9 GB of room. Prints the seconds of each run, their
medians, and the ratio.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PIP = f"{sys.executable} -m venv .venv && .venv/bin/python -m pip install -qq -r requirements.txt"
WAYS = {"pip alone": ["sh", "-c", PIP], "as make lab": [sys.executable, "-m", "helpers.commands.install"]}


def seconds(way):
    """Seconds from nothing to an environment that holds everything."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("requirements.txt", "pyproject.toml"):
            shutil.copy(ROOT / name, folder)
        shutil.copytree(ROOT / "helpers", Path(folder) / "helpers")
        start = time.perf_counter()
        outside = os.environ | {"PIP_NO_CACHE_DIR": "1", "UV_NO_CACHE": "1"}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(WAYS[way], cwd=folder, env=outside, check=True, **quiet)
        return time.perf_counter() - start


if __name__ == "__main__":
    taken = {way: [] for way in WAYS}
    for number in range(int(sys.argv[1]) if len(sys.argv) > 1 else 3):
        for way in WAYS:
            taken[way].append(seconds(way))
            print(f"run {number + 1}, {way}: {taken[way][-1]:.0f} s", flush=True)
    medians = {way: statistics.median(some) for way, some in taken.items()}
    ratio = medians["as make lab"] / medians["pip alone"]
    print({way: f"{value:.0f} s" for way, value in medians.items()}, f"as make lab / pip alone: {ratio:.2f}")
