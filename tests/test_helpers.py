"""The shelf of tools: good input, bad input, nothing lost."""

import json

import matplotlib.pyplot as plt
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from helpers import CourseError, data, plots, scoreboard, training
from helpers.commands import assignments, figures


def test_texts_are_what_the_data_sheet_says():
    sheet = (data.DATA / "README.md").read_text(encoding="utf-8")
    for name in data.TEXTS:
        lines = data.text(name)
        assert f"{len(lines):,} lines" in sheet
    assert data.text("austen")[0] == "EMMA" and any("domestic cat" in line for line in data.text("wordnet"))


def test_every_data_file_is_in_the_manifest_and_intact():
    manifest = json.loads((data.DATA / "manifest.json").read_text(encoding="utf-8"))
    folders = [f for f in data.DATA.iterdir() if f.is_dir() and f.name not in ("build", "LICENSES")]
    files = {p.relative_to(data.DATA).as_posix() for f in folders for p in f.rglob("*") if p.is_file()}
    assert files == set(manifest)
    for name in manifest:
        data.checked(name)


def test_glove_is_what_it_should_be():
    words, vectors = data.glove()
    assert len(words) == len(set(words)) == 20_000 and vectors.shape == (20_000, 50) and vectors.dtype == torch.float32
    unit = torch.nn.functional.normalize(vectors, dim=1)
    cat, dog, house = (unit[words.index(w)] for w in ("cat", "dog", "house"))
    assert cat @ dog > 0.9 > 0.5 > cat @ house


def test_missing_and_damaged_files_are_named_with_the_way_out(tmp_path, monkeypatch):
    (tmp_path / "text").mkdir()
    (tmp_path / "manifest.json").write_bytes((data.DATA / "manifest.json").read_bytes())
    whole = data.checked("text/austen.txt.xz").read_bytes()
    monkeypatch.setattr(data, "DATA", tmp_path)
    with pytest.raises(CourseError, match="austen.txt.xz is missing.*git checkout -- data/text/austen.txt.xz"):
        data.text("austen")
    for damaged in (b"", whole[:-1], whole[:1000] + b"x" + whole[1001:]):
        (tmp_path / "text/austen.txt.xz").write_bytes(damaged)
        with pytest.raises(CourseError, match="austen.txt.xz is damaged.*git checkout"):
            data.text("austen")
    with pytest.raises(CourseError, match="no text 'koran'.*wordnet, bible, austen"):
        data.text("koran")


def test_a_course_error_shows_one_line_in_a_notebook(capsys):
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    shell.run_cell("from helpers import CourseError\nraise CourseError('What is wrong, and the way out.')")
    said = capsys.readouterr().out
    assert "CourseError: What is wrong, and the way out." in said and "Traceback" not in said


def test_fit_prints_a_line_an_epoch_and_returns_means(capsys):
    seen = []
    history = training.fit(lambda batch: batch, lambda: [1.0, 2.0, 6.0], 2, after_epoch=lambda h: seen.append(list(h)))
    assert history == [3.0, 3.0] and seen == [[3.0], [3.0, 3.0]]
    out, err = capsys.readouterr()
    assert out.count("\n") == 2 and "epoch 2/2  loss 3.0000" in out and err == ""


@pytest.mark.parametrize(
    ("batches", "says"),
    [([], "not one batch"), ([float("nan")], "became nan"), ([1.0, float("inf")], "smaller learning")],
)
def test_fit_says_what_is_wrong(batches, says):
    with pytest.raises(CourseError, match=says):
        training.fit(lambda batch: batch, lambda: batches, 1)


def test_seeds_give_the_same_numbers():
    drawn = []
    for _ in range(2):
        training.seed_everything(5)
        drawn.append(torch.rand(3).tolist())
    assert drawn[0] == drawn[1]


def test_show_carries_the_alternative_text_and_repeats_byte_for_byte(monkeypatch):
    shown = []
    monkeypatch.setattr(plots, "display", lambda html, **_: shown.append(html.data))
    for _ in range(2):
        figure, axes = plt.subplots()
        axes.plot([1, 2])
        plots.show(figure, alt='a "rising" line', caption="x < y")
    assert 'alt="a &quot;rising&quot; line"' in shown[0] and "x &lt; y" in shown[0]
    assert shown[0] == shown[1] and not plt.get_fignums()
    with pytest.raises(CourseError, match="no alternative text"):
        plots.show(plt.figure(), alt=" ")
    plt.close("all")


def test_the_scoreboard_writes_and_shows(tmp_path, monkeypatch):
    monkeypatch.setattr(scoreboard, "RESULTS", tmp_path / "results")
    shown = []
    monkeypatch.setattr(scoreboard, "display", lambda markdown: shown.append(markdown.data))
    board = scoreboard.Scoreboard("77_made_up", seed=3)
    board.publish({"recall": 0.5, "rank": 1}, {"recall_chance": 0.01, "other": 2000})
    written = json.loads((tmp_path / "results/77_made_up.json").read_text(encoding="utf-8"))
    assert written["figures"] == {"recall": 0.5, "rank": 1} and written["seed"] == 3 and written["device"] == "cpu"
    assert written["seconds"] >= 0 and written["peak_memory_mb"] > 50
    assert "| `recall` | **0.5** | chance 0.01 |" in shown[0] and "| `other` | | 2,000 |" in shown[0]
    for value in (float("nan"), None, "0.5", torch.tensor(0.5)):
        with pytest.raises(CourseError, match="figure recall is"):
            board.publish({"recall": value}, {})


def test_make_figures_writes_readmes_tables(tmp_path, monkeypatch):
    run = {"notebook": "77_made_up", "seconds": 61.2, "peak_memory_mb": 1234, "device": "cpu", "seed": 0}
    run |= {"figures": {"recall": 0.5, "rank": 1}, "baselines": {"recall_chance": 0.01, "top": 0.9}}
    seeds = {"77_made_up": {"figures": {"recall": {"mean": 0.481, "spread": 0.0123}}, "baselines": {}}}
    for path, value in {"results/77_made_up.json": run, "tests/benchmarks/seeds.json": seeds}.items():
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(json.dumps(value), encoding="utf-8")
    (tmp_path / "README.md").write_text(
        "before\n<!-- figures: made by `make figures` -->\nstale\n<!-- end of figures -->\nafter", encoding="utf-8"
    )
    monkeypatch.setattr(figures, "ROOT", tmp_path)
    monkeypatch.setattr(
        figures, "HEADLINES", [("77", "made up", "recall", {"blind": "recall_chance"}, {}, {"best": "top"})]
    )
    figures.update_readme()
    readme = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "stale" not in readme and readme.startswith("before") and readme.endswith("after")
    row = "| [77](notebooks/77_made_up.ipynb) made up | **0.5** (0.481 ± 0.01) | 0.01 blind |  | 0.9 best | 61 s, 1.23 GB |"
    assert row in readme
    assert "| `recall` | **0.5** (0.481 ± 0.01) | chance 0.01 |" in readme


def test_every_lecture_has_a_headline():
    lectures = {path.name[:2] for path in (data.ROOT / "notebooks").glob("0*.ipynb")}
    assert {start for start, *_ in figures.HEADLINES} == lectures


def test_a_baseline_stands_with_the_figure_whose_name_it_goes_on_from():
    run = {
        "figures": {"accuracy": 0.7, "accuracy_left": 0.9},
        "baselines": {"accuracy_left_blind": 0.1, "accuracy_blind": 0.2},
    }
    assert scoreboard.rows(run).splitlines() == [
        "| `accuracy` | **0.7** | blind 0.2 |",
        "| `accuracy_left` | **0.9** | blind 0.1 |",
    ]


def test_peak_memory_is_of_this_process():
    before = scoreboard.peak_memory_mb()
    block = torch.ones(100_000_000)  # 400 MB
    assert scoreboard.peak_memory_mb() >= max(before, 400) and block.sum() > 0


def test_a_learners_file_is_never_overwritten(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(assignments, "NOTEBOOKS", tmp_path)
    (tmp_path / "assignments").mkdir()
    for name in ("01_a.ipynb", "02_b.ipynb"):
        (tmp_path / "assignments" / name).write_text("new", encoding="utf-8")
    (tmp_path / "work").mkdir()
    (tmp_path / "work/01_a.ipynb").write_text("my work", encoding="utf-8")
    assignments.copy()
    assert (tmp_path / "work/01_a.ipynb").read_text(encoding="utf-8") == "my work"
    assert (tmp_path / "work/02_b.ipynb").read_text(encoding="utf-8") == "new"
    said = capsys.readouterr().out
    assert "left 1 in notebooks/work/ as they are" in said and "made notebooks/work/02_b.ipynb" in said
