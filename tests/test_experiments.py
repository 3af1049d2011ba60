"""What is stored in data/experiments/: made by the lectures' present cells, and the same when it is made again."""

import importlib
import json
import math
import re

import nbformat
import pytest

from data.build import experiments
from helpers import scoreboard
from helpers.commands import figures
from tests.definitions import NOTEBOOKS

LECTURES = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
STORED = [(name, experiment) for name in LECTURES for experiment in experiments.experiments_of(name)]


def notebook(*sources):
    cells = [nbformat.v4.new_code_cell(source, id=f"cell-{k}") for k, source in enumerate(sources)]
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Words"), *cells])


def test_comments_docstrings_layout_and_what_comes_after_publishing_do_not_count():
    cells = ("def f(x):\n    'Says.'\n    return x", "x = [1, 2]\nf(x)", "board.publish({}, {})", "plot(x)")
    first = experiments.cells_hash(notebook(*cells))
    told = 'def f(x):\n    """Says more."""\n    return x'
    tidied = (told, "# why\nx = [\n    1,\n    2,  # two\n]\n\n\nf( x )", cells[2], "plot(x, 'another colour')")
    assert experiments.cells_hash(notebook(*tidied)) == first
    for changed in ("x = [1, 3]\nf(x)", "x = [1, 2]\ng(x)", "x = [1.0, 2]\nf(x)", "x = [1, 2]"):
        assert experiments.cells_hash(notebook(cells[0], changed, *cells[2:])) != first
    assert experiments.cells_hash(notebook("def f(x):\n    'Says.'\n    return -x", *cells[1:])) != first
    shown = [experiments.cells_hash(notebook(f"show(f, {word})", *cells)) for word in ("alt='A'", "alt='B'", "width=3")]
    assert shown[0] == shown[1] != shown[2]
    assert experiments.cells_hash(notebook(*cells), ["cell-3"]) != experiments.cells_hash(notebook(*tidied), ["cell-3"])


def test_the_hash_is_the_same_under_every_python():
    # frozen under 3.11; ast.dump would differ from 3.13 on
    some = "import a.b as c\n\n@d\ndef f(x: int, /, *y, z=None, **k) -> str:\n    'says'\n    return f'{x!r:>{z}.2f} {y}' 'z'\n"
    some += "class G(H, m=1):\n    a = lambda q: (yield q)\n    b: int = {1: {2}, **{}}\n[i async for i in j if not k]; x[1:, ...] = b'o', 1e3, True"
    assert experiments.cells_hash(notebook(some), ["cell-0"])[:16] == "142e1179603155ef"


def test_every_lecture_has_its_seeds():
    for name in LECTURES:
        if name not in experiments.WITHOUT_SEEDS:
            runs = list(scoreboard.record(name, "seeds")["entries"]["lecture"])
            assert runs == [str(seed) for seed in experiments.SEEDS], name


@pytest.mark.parametrize(("name", "experiment"), STORED)
def test_what_is_stored_was_made_by_the_cells_of_today(name, experiment):
    made = scoreboard.record(name, experiment)
    again = f"python -m data.build.experiments {name} --only {experiment}"
    assert made["hash"] == experiments.cells_hash(experiments.lecture(name), made["cells"]), f"run: {again}"
    assert made["recipe"]["what"] and "threads" in made["recipe"]["machine"]


@pytest.mark.parametrize("name", LECTURES)
def test_what_a_lecture_shows_is_stored(name):
    """... and what is stored beside the seeds is shown, or nobody would see it."""
    source = "\n".join(cell.source for cell in experiments.lecture(name).cells if cell.cell_type == "code")
    for experiment in experiments.experiments_of(name):
        scoreboard.record(name, experiment)
        assert experiment == "seeds" or f'stored("{experiment}"' in source


def off_the_scheme(table):
    """Names in a scoreboard's table that `publish` would refuse today."""
    scored, bare = (re.findall(rf"^\| `(\w+)` \| {cell}", table, flags=re.M) for cell in (r"\*\*", r"\|"))
    alone = [name for name in scored if "_long_run" in name and name.replace("_long_run", "") not in scored]
    return bare + alone + re.findall(r"\w*live_run\w*", table)


@pytest.mark.parametrize("name", LECTURES)
def test_a_stored_scoreboard_keeps_to_the_scheme_of_names(name):
    outputs = [o for cell in experiments.lecture(name).cells for o in cell.get("outputs", []) if "data" in o]
    shown = [o.data.get("text/markdown", "") for o in outputs]
    (board,) = (text for text in shown if " MB at most, on " in text)
    assert board.startswith(scoreboard.HEADER) and off_the_scheme(board) == []


def test_a_table_off_the_scheme_is_found():
    table = "| `a` | **1** | live_run 2 |\n| `a_long_run` | **1** | chance 0 |\n| `b_long_run` | **1** | |\n| `chance` | | 0.1 |"
    assert off_the_scheme(table) == ["chance", "b_long_run", "live_run"]


@pytest.mark.parametrize("name", LECTURES)
def test_the_stored_tables_that_a_lecture_shows_are_those_of_today(name):
    stored = [scoreboard.stored_table(name, experiment) for experiment in experiments.experiments_of(name)]
    known = {line for table in stored for line in table.splitlines()}
    for cell in experiments.lecture(name).cells:
        for output in cell.get("outputs", []):
            shown = output.get("data", {}).get("text/markdown", "")
            assert "not computed now" not in shown or set(shown.splitlines()) <= known, "run: make figures"


def test_every_headline_names_scores_of_its_lecture():
    for start, _, *keys in figures.HEADLINES:
        (name,) = (name for name in LECTURES if name.startswith(start))
        if name not in experiments.WITHOUT_SEEDS:
            wanted = {keys[0], *(key for some in keys[1:] for key in some.values())}
            assert wanted <= set(scoreboard.stored(name)["lecture"])


LITTLE = """
from helpers.scoreboard import Scoreboard

SEED = 0
board = Scoreboard("77_made_up", seed=SEED)
board.show_stored("seeds")
board.publish({"score": SEED + 0.123456, "seconds_training": 5.0}, {"score_chance": 1})
"""


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of one little lecture."""
    monkeypatch.setattr(experiments, "ROOT", tmp_path)
    monkeypatch.setattr(experiments, "EXPERIMENTS", tmp_path / "data" / "experiments")
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "data").mkdir()
    nbformat.write(notebook(LITTLE), tmp_path / "notebooks" / "77_made_up.ipynb")
    return tmp_path


def test_a_seed_leaves_nothing_in_results(course):
    results = scoreboard.RESULTS / "77_made_up.json"
    (run,) = experiments.run_lecture("77_made_up", 2).values()
    assert run["values"] == {"score": 2.123, "score_chance": 1} and run["seconds"] >= 0 and not results.exists()


def test_an_interrupted_call_goes_on_where_it_stopped(course, monkeypatch, capsys):
    ran = []

    def run(name, seed):
        ran.append(seed)
        if len(ran) == 2:
            raise KeyboardInterrupt
        return {"lecture": {"seconds": 1.0, "values": {"score": seed}}}

    monkeypatch.setattr(experiments, "run_lecture", run)
    with pytest.raises(KeyboardInterrupt):
        experiments.make("77_made_up", "seeds", (0, 1, 2))
    experiments.make("77_made_up", "seeds", (0, 1, 2))
    assert ran == [0, 1, 1, 2] and "seed 0: stored already" in capsys.readouterr().out
    entries = experiments.read("77_made_up")["experiments"]["seeds"]["entries"]
    assert [run["values"]["score"] for run in entries["lecture"].values()] == [0, 1, 2]
    experiments.make("77_made_up", "seeds", (1,), again=True)
    assert ran[4:] == [1]
    nbformat.write(notebook(LITTLE.replace("0.123456", "0.5")), course / "notebooks" / "77_made_up.ipynb")
    experiments.make("77_made_up", "seeds", (2,))  # other cells: what they had not made is dropped
    assert ran[5:] == [2] and list(experiments.read("77_made_up")["experiments"]["seeds"]["entries"]["lecture"]) == [
        "2"
    ]


def test_a_result_counts_only_if_the_notebook_shows_it(course):
    assert experiments.from_results("77_made_up") is None
    run = {"notebook": "77_made_up", "seconds": 61.2, "peak_memory_mb": 1234, "device": "cpu", "seed": 0}
    run |= {"figures": {"score": 0.5}, "baselines": {"score_chance": 0.1}}
    (course / "results").mkdir()
    (course / "results" / "77_made_up.json").write_text(json.dumps(run), encoding="utf-8")
    assert experiments.from_results("77_made_up") is None
    shown = notebook(LITTLE)
    table = f"{scoreboard.HEADER}{scoreboard.rows(run)}\n\n{scoreboard.clock(run)}"
    shown.cells[1].outputs = [nbformat.v4.new_output("display_data", data={"text/markdown": table})]
    nbformat.write(shown, course / "notebooks" / "77_made_up.ipynb")
    assert experiments.from_results("77_made_up")["lecture"]["values"] == {"score": 0.5, "score_chance": 0.1}
    (course / "results" / "77_made_up.json").write_text(json.dumps(run | {"seed": 1}), encoding="utf-8")
    assert experiments.from_results("77_made_up") is None


CHEAPEST = "08_sound_translation"  # the others take the time of their lecture, which the slow tests have


def cheapest(name):
    """The experiment of a lecture whose seed 0 took the fewest seconds, all variants together."""

    def seconds(experiment):
        runs = scoreboard.record(name, experiment)["entries"].values()
        return sum(run["0"]["seconds"] or math.inf for run in runs)  # not noted: who knows

    return min(experiments.experiments_of(name), key=seconds)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name == CHEAPEST else pytest.mark.slow)
        for name in LECTURES
        if experiments.experiments_of(name)
    ],
)
def test_the_cheapest_entry_is_the_same_when_it_is_made_again(name):
    """Seed 0, once more. Another number of threads, or another machine, adds in another order, so that a training ends
    elsewhere, as it would with another seed: each score may lie four standard deviations of the seeds away, or .05 or
    5 % where the seeds happen to agree (one standard error of a hundred test items is .05 at .5)."""
    experiment = cheapest(name)
    if experiment == "seeds":
        runs = experiments.run_lecture(name, 0)
    else:
        module = importlib.import_module(experiments.OTHERS[name][experiment])
        runs = module.run(0)
    for variant, run in runs.items():
        stored = scoreboard.stored(name, experiment)[variant]
        values = {key: value for key, value in run["values"].items() if not experiments.OF_THE_MACHINE.search(key)}
        assert set(values) <= set(stored)
        for key, value in values.items():
            far = max(4 * (stored[key].deviation or 0), 0.05, 0.05 * abs(stored[key].values[0]))
            assert abs(value - stored[key].values[0]) <= far, key
