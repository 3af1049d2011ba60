"""Makes `data/experiments/NN_name.json`: what takes longer than a lecture, made by the lecture's own cells.

    python -m data.build.experiments                      # every lecture that has a file
    python -m data.build.experiments 03_joint_embedding   # or those that are named
    python -m data.build.experiments --seeds 1 2          # these seeds only; others stay, if their cells did
    python -m data.build.experiments --from-results       # seed 0 from results/, right after `make figures`
    python -m data.build.experiments --only race          # one experiment

The experiment `seeds` executes the lecture with each seed, from top to bottom, in two threads; a lecture may have more
(`OTHERS`). Each finished run is written at once, so that an interrupted call can be made again: what is stored already
for the same cells is not run again, unless `--again` says so. `results/` stays as it is.

A file holds, for each experiment, what was run (`recipe`), `cells` ("all", or their ids) and their `hash`, and a run
for each variant and seed, `entries[variant][seed] = {"seconds": ..., "values": {metric: number}}`. Lecture 00 has no
file: its scores are means over three seeds already.
"""

import argparse
import ast
import hashlib
import importlib
import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from data.build.common import DATA, MACHINE
from helpers.scoreboard import clock, rows
from helpers.training import compute_type

ROOT = DATA.parent
EXPERIMENTS = DATA / "experiments"
SEEDS = (0, 1, 2)
TWO_THREADS = f"two threads on {MACHINE.split(' on ', 1)[-1].removesuffix(', bfloat16')}"
WITHOUT_SEEDS = ("00_multimodal_learning",)
OTHERS = {  # modules with WHAT, CELLS and run(seed)
    "01_word2vec": {"race": "tests.benchmarks.word2vec_speed"},
    "02_spectrograms": {"voices": "data.build.spectrograms"},
    "03_joint_embedding": {"losses": "data.build.joint_embedding"},
    "04_captioning": {"race": "tests.benchmarks.captioning_race", "more": "tests.benchmarks.captioning_more"},
    "06_visual_question_answering": {"glances": "data.build.visual_question_answering"},
    "07_sound_matching": {"teachers": "data.build.sound_matching"},
    "11_diffusion": {"drawing": "data.build.diffusion"},
    "12_one_model": {"texts": "data.build.one_model"},
}
OF_THE_MACHINE = re.compile("seconds|per_second")  # tells of the machine, not of the seed


def canonical(node):
    """A syntax tree as text, without places, docstrings and what a figure is called (`alt`, `caption`); the same under
    every Python (`ast.dump` leaves out more from 3.13 on)."""
    if isinstance(node, list):
        return f"[{', '.join(map(canonical, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
        node.body = node.body[1:]
    if isinstance(node, ast.Call):
        node.keywords = [word for word in node.keywords if word.arg not in ("alt", "caption")]
    fields = ((name, value) for name, value in ast.iter_fields(node) if value is not None and value != [])
    return f"{type(node).__name__}({', '.join(f'{name}={canonical(value)}' for name, value in fields)})"


def cells_hash(notebook, cells="all"):
    """Hash of the syntax trees of a notebook's cells: comments, docstrings, layout, Markdown and the words under a
    figure don't count.

    Args:
        notebook: a `NotebookNode`.
        cells: ids of code cells, or "all": every one up to the one that publishes the scores.
    """
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if cells == "all":
        code = code[: next(i for i, cell in enumerate(code) if ".publish(" in cell.source) + 1]
    else:
        code = [next(cell for cell in code if cell.id == name) for name in cells]
    return hashlib.sha256("\n".join(canonical(ast.parse(cell.source)) for cell in code).encode()).hexdigest()


def lecture(name):
    return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)


def values_of(published):
    """What a lecture published, to four digits, without what tells of the machine."""
    both = published["figures"] | published["baselines"]
    return {key: shorter(value) for key, value in both.items() if not OF_THE_MACHINE.search(key)}


def shorter(value):
    return value if isinstance(value, int) else float(f"{value:.4g}")


def run_lecture(name, seed):
    """Executes a copy of a lecture with a seed, its results in a folder that goes away: `{"lecture": its run}`.

    papermill would want a tagged cell of parameters alone; here SEED stands among a lecture's settings."""
    notebook, replaced = lecture(name), 0
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source, n = re.subn(r"^SEED = 0\b", f"SEED = {seed}", cell.source, flags=re.M)
            replaced += n
    if replaced != 1:
        sys.exit(f"{name} must have one line SEED = 0; it has {replaced}.")
    with tempfile.TemporaryDirectory() as folder:
        aside = f"import helpers.scoreboard, pathlib\nhelpers.scoreboard.RESULTS = pathlib.Path({folder!r})"
        notebook.cells.insert(0, nbformat.v4.new_code_cell(aside))
        NotebookClient(notebook, timeout=None, resources={"metadata": {"path": ROOT / "notebooks"}}).execute()
        published = json.loads((Path(folder) / f"{name}.json").read_text(encoding="utf-8"))
    if published["seed"] != seed:
        sys.exit(f"{name} published seed {published['seed']} where {seed} was asked for.")
    return {"lecture": {"seconds": published["seconds"], "values": values_of(published)}}


def from_results(name):
    """The run in `results/`, if the notebook stores its very table, its seconds too; otherwise None."""
    path = ROOT / "results" / f"{name}.json"
    if not path.exists():
        return None
    published = json.loads(path.read_text(encoding="utf-8"))
    shown = [o.data.get("text/markdown", "") for c in lecture(name).cells for o in c.get("outputs", []) if "data" in o]
    board = f"{rows(published)}\n\n{clock(published)}"
    if published["seed"] != 0 or not any(board in text for text in shown):
        return None
    return {"lecture": {"seconds": published["seconds"], "values": values_of(published)}}


def read(name):
    path = EXPERIMENTS / f"{name}.json"
    empty = {"notebook": name, "experiments": {}}
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else empty


def keep(name, experiment, what, cells, seed, runs):
    """Adds the runs of one seed, `{variant: run}`, to a lecture's file; runs of other cells are dropped."""
    found = read(name)  # read late: another call may have added to it
    fresh = {"cells": cells, "hash": cells_hash(lecture(name), cells)}
    entries = stored_entries(found, experiment, fresh["hash"])
    for variant, run in runs.items():
        entries[variant] = dict(sorted((entries.get(variant, {}) | {str(seed): run}).items()))
    machine = f"{TWO_THREADS}, {str(compute_type('cpu')).removeprefix('torch.')}"
    recipe = {"what": what, "command": f"python -m data.build.experiments {name}", "machine": machine}
    found["experiments"][experiment] = {"recipe": recipe} | fresh | {"entries": entries}
    EXPERIMENTS.mkdir(exist_ok=True)
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    (EXPERIMENTS / f"{name}.json").write_text(text, encoding="utf-8")


def stored_entries(found, experiment, cells):
    """The entries of an experiment that were made by the cells of this hash."""
    old = found["experiments"].get(experiment, {})
    return old["entries"] if old.get("hash") == cells else {}


def make(name, experiment, seeds, results=False, again=False):
    """Runs what is missing of an experiment."""
    if experiment == "seeds":
        what, cells, run = "the whole lecture, from top to bottom, once a seed", "all", lambda s: run_lecture(name, s)
    else:
        module = importlib.import_module(OTHERS[name][experiment])
        what, cells, run = module.WHAT, module.CELLS, module.run
    for seed in seeds:
        entries = stored_entries(read(name), experiment, cells_hash(lecture(name), cells))
        if not again and entries and all(str(seed) in runs for runs in entries.values()):
            print(f"{name}, {experiment}, seed {seed}: stored already", flush=True)
            continue
        start = time.perf_counter()
        runs = from_results(name) if results and experiment == "seeds" and seed == 0 else None
        keep(name, experiment, what, cells, seed, runs or run(seed))
        print(f"{name}, {experiment}, seed {seed}: {time.perf_counter() - start:.0f} s", flush=True)


def experiments_of(name):
    return [*(["seeds"] if name not in WITHOUT_SEEDS else []), *OTHERS.get(name, {})]


def main():
    parser = argparse.ArgumentParser(prog="python -m data.build.experiments")
    parser.add_argument("lectures", nargs="*", help="such as 03_joint_embedding; all without")
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    parser.add_argument("--only", help="one experiment, such as seeds")
    parser.add_argument("--from-results", action="store_true", help="take seed 0 from results/ if it is the stored run")
    parser.add_argument("--again", action="store_true", help="run what is stored already, too")
    wanted = parser.parse_args()
    known = [path.stem for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))]
    for name in wanted.lectures:
        if name not in known:
            sys.exit(f"There is no notebooks/{name}.ipynb. Choose among: {', '.join(known)}.")
    os.environ |= {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}  # of the kernels, too
    os.environ.pop("JPY_SESSION_NAME", None)  # nobody watches: no progress bars
    for name in wanted.lectures or known:
        for experiment in experiments_of(name):
            if wanted.only in (None, experiment):
                make(name, experiment, wanted.seeds, wanted.from_results, wanted.again)


if __name__ == "__main__":
    main()
