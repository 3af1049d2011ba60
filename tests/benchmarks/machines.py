"""Do the lectures run in time, and in little memory, on other machines?

Executes lectures (or solutions) on two threads, from top to bottom: as they are, as on a processor without AVX-512
(`ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2`), and with float32 forced (`COURSE_COMPUTE=float32`):

    python tests/benchmarks/machines.py 04_captioning solutions/06_visual_question_answering
    python tests/benchmarks/machines.py               # all lectures
    python tests/benchmarks/machines.py --cached ...  # with the features that results/cache/ holds

Each begins with an empty cache, in a folder of its own, so results/ stays as it is. Where a processor has no AVX-512,
or computes in float32 anyway, one run stands for both. Prints seconds (and those that the kernel computed,
over both threads: where other jobs share the cores, half of them says more), the kernel's peak memory and the ratio to
the run as it is, and leaves them in machines.json beside this file, where other notebooks' entries stay. A lecture that
needs more than 180 s without AVX-512, or more than 2,000 MB, is named at the end.
"""

import ast
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import torch
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

ROOT = Path(__file__).resolve().parents[2]
RECORD = Path(__file__).with_suffix(".json")
MACHINES = {
    "as it is": {},
    "without AVX-512": {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"},
    "float32": {"COURSE_COMPUTE": "float32"},
}
THREADS = {f"{name}_NUM_THREADS": "2" for name in ("OMP", "MKL", "OPENBLAS", "NUMBA")}
SECONDS, MEGABYTES = 180, 2000
BEFORE = """import pathlib
from helpers import models, scoreboard
scoreboard.RESULTS = pathlib.Path({folder!r})
models.CACHE, models.USER_CACHE = {cache}
"""
AFTER = """import time
from helpers import scoreboard, training
print([str(training.compute_type(training.device())), round(scoreboard.peak_memory_mb()), round(time.process_time())])
"""


def run(name, machine, cached):
    """Executes a copy of a notebook; its seconds, peak memory and compute type, or the error that stopped it."""
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        cache = "models.CACHE, models.CACHE" if cached else "scoreboard.RESULTS / 'cache', scoreboard.RESULTS / 'user'"
        before = nbformat.v4.new_code_cell(BEFORE.format(folder=folder, cache=cache))
        after = nbformat.v4.new_code_cell(AFTER)
        notebook.cells = [before, *notebook.cells, after]
        outside = dict(os.environ)
        os.environ.update(THREADS | machine)
        os.environ.pop("JPY_SESSION_NAME", None)  # nobody watches
        start = time.perf_counter()
        try:
            NotebookClient(notebook, timeout=None, resources={"metadata": {"path": ROOT / "notebooks"}}).execute()
        except CellExecutionError as error:
            return {"error": f"{error.ename}: {error.evalue}".splitlines()[0]}
        except DeadKernelError:
            return {"error": "the kernel died: out of memory, or a crash in a library"}
        finally:
            os.environ.clear()
            os.environ.update(outside)
    seconds = round(time.perf_counter() - start, 1)
    kind, memory, busy = ast.literal_eval(notebook.cells[-1].outputs[-1].text)
    return {
        "seconds": seconds,
        "cpu_seconds": busy,
        "peak_memory_mb": memory,
        "compute": kind.removeprefix("torch."),
    }


def has_avx512():
    return "avx512" in torch.backends.cpu.get_cpu_capability().lower()


def main(arguments):
    cached = "--cached" in arguments
    names = [name for name in arguments if name != "--cached"]
    names = names or [path.stem for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
    if unknown := [name for name in names if not (ROOT / "notebooks" / f"{name}.ipynb").exists()]:
        sys.exit(f"There is no notebooks/{unknown[0]}.ipynb.")
    over = []
    for name in names:
        runs = {}
        for title, machine in MACHINES.items():
            plain = runs.get("as it is", {})
            same = title == "without AVX-512" and not has_avx512() or title == "float32" == plain.get("compute")
            runs[title] = some = dict(plain) if same else run(name, machine, cached)
            if "error" not in some and "error" not in runs["as it is"]:
                some["ratio"] = round(some["seconds"] / runs["as it is"]["seconds"], 2)
            print(f"{name}, {title}: " + ", ".join(f"{key} {value}" for key, value in some.items()), flush=True)
            slow = title == "without AVX-512" and some.get("seconds", 0) > SECONDS
            if "error" in some or slow or some["peak_memory_mb"] > MEGABYTES:
                over.append(f"{name}, {title}")
        record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}  # another run may have added
        record[name + (", cached" if cached else "")] = runs
        RECORD.write_text(json.dumps(dict(sorted(record.items())), indent=1) + "\n", encoding="utf-8")
    if over:
        sys.exit("Stopped, or over the budget: " + "; ".join(over))


if __name__ == "__main__":
    main(sys.argv[1:])
