"""Races lecture 12's program in one process against two, with the same batch in all.

    python tests/benchmarks/processes_race.py

The program is the one that the lecture exports from its own cells. Each process computes on one thread, so two of them
can use two cores; the first steps aren't counted. Prints the median seconds of a step and their ratio: 2 would be
perfect, and what is lost goes into adding up the gradients, and into whatever the processes share. On a machine whose
cores are taken the ratio says nothing.
"""

import ast
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
UNCOUNTED, STEPS, BATCH = 5, 25, 8  # the live run's batch
SIZES = f"--steps {STEPS} --batch_size {BATCH} --scenes 120 --crowd 120 --clips 2".split()


def exported(path):
    """Writes the lecture's program, as its last cells do, and returns its path."""
    from helpers import data
    from helpers.scoreboard import RESULTS, keep

    notebook = nbformat.read(ROOT / "notebooks" / "12_one_model.ipynb", 4)
    (cell,) = [cell for cell in notebook.cells if cell.id == "export"]
    tree = ast.parse(cell.source)
    tree.body = tree.body[:2]  # the list of cells and the function, but not the call
    lecture = {"nbformat": nbformat, "data": data, "RESULTS": RESULTS, "keep": keep}
    exec(compile(tree, "12_one_model.ipynb, cell export", "exec"), lecture)
    return lecture["export"](path)


def worker(program, record):
    """One of the processes: the program, with a clock around each step."""
    spec = importlib.util.spec_from_file_location("train", program)
    train = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(train)
    step, seconds = train.parallel_step, []

    def timed(*arguments):
        start = time.perf_counter()
        loss = step(*arguments)
        seconds.append(time.perf_counter() - start)
        return loss

    train.parallel_step = timed
    train.main(SIZES)
    if os.environ.get("RANK", "0") == "0":
        Path(record).write_text(json.dumps(seconds[UNCOUNTED:]), encoding="utf-8")


def main():
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        program, record, median = exported(Path(folder, "train.py")), Path(folder, "seconds.json"), {}
        for processes in (1, 2):
            command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--local-addr", "127.0.0.1"]
            command += ["--nproc-per-node", str(processes), __file__, str(program), str(record)]
            subprocess.run(command, env=environment, check=True)
            median[processes] = statistics.median(json.loads(record.read_text(encoding="utf-8")))
            print(f"{processes} processes: {1000 * median[processes]:.0f} ms a step of {BATCH} scenes", flush=True)
    print(f"ratio of 1 to 2 processes: {median[1] / median[2]:.2f}")


if __name__ == "__main__":
    worker(*sys.argv[1:]) if len(sys.argv) == 3 else main()
