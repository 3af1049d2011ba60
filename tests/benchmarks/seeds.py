"""How much do a lecture's figures move with the seed?

Executes lectures with the seeds 0, 1 and 2, from top to bottom as they stand, only with another `SEED`:

    python tests/benchmarks/seeds.py 03_joint_embedding 04_captioning

Each writes its file in results/ as ever; what lay there before is put back at the end. Prints mean and spread (the
sample's standard deviation) of every figure and baseline, and leaves them with the values in seeds.json beside this
file, where other lectures' entries stay. Times are left out: they tell of the machine, not of the seed. Lecture 00 has no
entry: its figures are means over three seeds already.
"""

import json
import re
import statistics
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
RECORD = Path(__file__).with_suffix(".json")
SEEDS = (0, 1, 2)


def run(name, seed):
    """Executes a copy of a lecture with a seed and returns what it published."""
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    replaced = 0
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source, n = re.subn(r"^SEED = 0\b", f"SEED = {seed}", cell.source, flags=re.M)
            replaced += n
    if replaced != 1:
        sys.exit(f"{name} must have one line SEED = 0; it has {replaced}.")
    NotebookClient(notebook, timeout=None, resources={"metadata": {"path": ROOT / "notebooks"}}).execute()
    published = json.loads((ROOT / "results" / f"{name}.json").read_text(encoding="utf-8"))
    if published["seed"] != seed:
        sys.exit(f"{name} published seed {published['seed']} where {seed} was asked for.")
    return published


def over_seeds(name):
    """{figures or baselines: {name: values, mean and spread}} over the seeds; results/ is left as it was."""
    result = ROOT / "results" / f"{name}.json"
    before = result.read_bytes() if result.exists() else None
    try:
        runs = [run(name, seed) for seed in SEEDS]
    finally:
        result.unlink(missing_ok=True) if before is None else result.write_bytes(before)
    return {
        kind: {
            key: summary([r[kind][key] for r in runs])
            for key in runs[0][kind]
            if "seconds" not in key and not key.endswith("per_second")
        }
        for kind in ("figures", "baselines")
    }


def four_digits(value):
    return float(f"{value:.4g}")


def summary(values):
    return {"values": [four_digits(v) for v in values]} | {
        "mean": four_digits(statistics.fmean(values)),
        "spread": four_digits(statistics.stdev(values)),
    }


def main(names):
    if not names:
        sys.exit("Name a lecture or several, such as: python tests/benchmarks/seeds.py 03_joint_embedding")
    for name in names:
        if not (ROOT / "notebooks" / f"{name}.ipynb").exists():
            sys.exit(f"There is no notebooks/{name}.ipynb.")
    for name in names:
        found = over_seeds(name)
        record = (
            json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
        )  # read late: another run may have added to it
        RECORD.write_text(json.dumps(dict(sorted((record | {name: found}).items())), indent=1) + "\n", encoding="utf-8")
        for kind, entries in found.items():
            print(f"{name}, {kind}, mean and spread over the seeds {SEEDS}:")
            for key, entry in entries.items():
                print(f"  {key}: {entry['mean']:.4g} +- {entry['spread']:.2g}")


if __name__ == "__main__":
    main(sys.argv[1:])
