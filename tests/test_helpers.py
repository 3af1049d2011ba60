"""The shelf of tools: good input, bad input, nothing lost."""

import importlib
import json
import re
import warnings

import matplotlib.pyplot as plt
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from helpers import CourseError, data, plots, restore, scoreboard, training
from helpers.commands import figures


def test_texts_are_what_the_data_sheet_says():
    sheet = (data.DATA / "README.md").read_text(encoding="utf-8")
    for name in data.TEXTS:
        lines = data.text(name)
        assert f"{len(lines):,} lines" in sheet
    assert data.text("austen")[0] == "EMMA" and any("domestic cat" in line for line in data.text("wordnet"))


def test_every_data_file_is_in_the_manifest_and_intact():
    manifest = json.loads((data.DATA / "manifest.json").read_text(encoding="utf-8"))
    folders = [f for f in data.DATA.iterdir() if f.is_dir() and f.name not in ("build", "experiments", "LICENSES")]
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
    way_out = re.escape(restore("data/text/austen.txt.xz"))
    with pytest.raises(CourseError, match=f"austen.txt.xz is missing.*{way_out}"):
        data.text("austen")
    for damaged in (b"", whole[:-1], whole[:1000] + b"x" + whole[1001:]):
        (tmp_path / "text/austen.txt.xz").write_bytes(damaged)
        with pytest.raises(CourseError, match=f"austen.txt.xz is damaged.*{way_out}"):
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


def test_with_two_threads_a_gradient_is_added_up_in_the_same_order():
    """`x[index]` adds up a row's gradients; sums of floats depend on the order, which two threads don't keep."""
    before, threads = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()
    many, weights = torch.randint(20, (20_000,)), torch.randn(20_000, 16)

    def gradient():
        x = torch.zeros(20, 16, requires_grad=True)
        (x[many] * weights).sum().backward()
        return x.grad

    try:
        training.seed_everything(5)
        torch.set_num_threads(2)
        first = gradient()
        assert all(torch.equal(first, gradient()) for _ in range(20))
    finally:
        torch.use_deterministic_algorithms(before)
        torch.set_num_threads(threads)


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
    board.publish({"recall": 0.5, "rank": 1}, {"recall_chance": 0.01, "rank_random": 2000})
    written = json.loads((tmp_path / "results/77_made_up.json").read_text(encoding="utf-8"))
    assert written["figures"] == {"recall": 0.5, "rank": 1} and written["seed"] == 3 and written["device"] == "cpu"
    assert written["seconds"] >= 0 and written["peak_memory_mb"] > 50
    assert "| `recall` | **0.5** | chance 0.01 |" in shown[0] and "| `rank` | **1** | random 2,000 |" in shown[0]
    for value in (float("nan"), None, "0.5", torch.tensor(0.5)):
        with pytest.raises(CourseError, match="figure recall is"):
            board.publish({"recall": value}, {})


@pytest.mark.parametrize(
    ("figures", "baselines", "says"),
    [
        ({"accuracy": 0.9}, {"chance": 0.1}, "baseline chance belongs to no metric"),
        ({"accuracy": 0.9}, {"accuracychance": 0.1}, "baseline accuracychance belongs to no metric"),
        ({"accuracy": 0.9, "accuracy_live_run": 0.8}, {}, "accuracy_live_run by its plain name"),
        ({"accuracy": 0.9}, {"accuracy_live_run": 0.8}, "accuracy_live_run by its plain name"),
        (
            {"bleu4": 0.6, "accuracy_long_run": 0.9},
            {},
            "Beside accuracy_long_run belongs the run that the learner watches",
        ),
        ({"named": 0.6, "named_long_run_unseen": 0.9}, {}, "Beside named_long_run_unseen belongs"),
    ],
)
def test_a_name_off_the_scheme_is_not_published(figures, baselines, says, tmp_path, monkeypatch):
    monkeypatch.setattr(scoreboard, "RESULTS", tmp_path)
    with pytest.raises(CourseError, match=says):
        scoreboard.Scoreboard("77_made_up").publish(figures, baselines)
    assert not list(tmp_path.iterdir())


def test_a_stored_experiment_is_shown_as_stored(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(scoreboard, "EXPERIMENTS", tmp_path)
    runs = {
        "ours": {
            str(seed): {"values": {"recall": value, "words_per_second": 10 * value}}
            for seed, value in ((0, 50), (1, 52))
        },
        "theirs": {"0": {"values": {"recall": 0.4}}},
    }
    made = {"recipe": {"what": "a race", "command": "make it"}, "entries": runs}
    (tmp_path / "77_made_up.json").write_text(json.dumps({"experiments": {"race": made}}), encoding="utf-8")
    shown = []
    monkeypatch.setattr(scoreboard, "display", lambda markdown: shown.append(markdown.data))
    board = scoreboard.Scoreboard("77_made_up")
    board.show_stored("race")
    assert shown[0].splitlines() == [
        "| stored | seeds 0, 1 | mean ± standard deviation |",
        "|---|---|---|",
        "| ours: `recall` | 50, 52 | 51 ± 1 |",
        "| ours: `words_per_second` | 500, 520 | 510 ± 14 |",
        "| theirs: `recall` | 0.4 | 0.4 |",
        "",
        "Stored, not computed now: a race. Made by `make it`.",
    ]
    board.show_stored("race", ["recall", "not yet"])
    assert shown[1].count("`recall`") == 2 and "words" not in shown[1]
    assert board.stored("race")["ours"]["recall"] == ([50, 52], 51, pytest.approx(2**0.5))
    assert str(scoreboard.Spread([90, 105], 97.5, 10.6)) == "97.5 ± 11", "not 1e+01"
    board.show_stored("folds")  # the run that is to be stored must not stop at it
    says = "no stored experiment 'folds'. Make it: python -m data.build.experiments 77_made_up"
    assert says in capsys.readouterr().out
    with pytest.raises(CourseError, match="no stored experiment"):
        board.stored("folds")


def test_make_figures_writes_readmes_tables(tmp_path, monkeypatch):
    run = {"notebook": "77_made_up", "seconds": 61.2, "peak_memory_mb": 1234, "device": "cpu", "seed": 0}
    run |= {"figures": {"recall": 0.5, "rank": 1}, "baselines": {"recall_chance": 0.01, "recall_top": 0.9}}
    entries = {"lecture": {str(seed): {"values": {"recall": value}} for seed, value in ((0, 0.47), (1, 0.49))}}
    stored = {"experiments": {"seeds": {"entries": entries}}}
    for path, value in {"results/77_made_up.json": run, "data/experiments/77_made_up.json": stored}.items():
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(json.dumps(value), encoding="utf-8")
    (tmp_path / "README.md").write_text(
        "before\n<!-- figures: made by `make figures` -->\nstale\n<!-- end of figures -->\nafter", encoding="utf-8"
    )
    monkeypatch.setattr(figures, "ROOT", tmp_path)
    monkeypatch.setattr(scoreboard, "EXPERIMENTS", tmp_path / "data" / "experiments")
    monkeypatch.setattr(
        figures, "HEADLINES", [("77", "made up", "recall", {"blind": "recall_chance"}, {}, {"best": "recall_top"})]
    )
    (tmp_path / "docs").mkdir()
    figures.update_pages()
    readme = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "stale" not in readme and readme.startswith("before") and readme.endswith("after")
    row = "| [77](notebooks/77_made_up.ipynb) made up | **0.5** (0.48 ± 0.01) | 0.01 blind |  | 0.9 best | 61 s, 1.23 GB |"
    assert row in readme
    results = (tmp_path / "docs" / "results.md").read_text(encoding="utf-8")
    assert "| `recall` | **0.5** (0.48 ± 0.01) | chance 0.01, top 0.9 |" in results
    figures.update_pages()
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == readme
    assert (tmp_path / "docs" / "results.md").read_text(encoding="utf-8") == results


def test_make_figures_of_one_lecture_leaves_the_others(tmp_path, monkeypatch):
    run = {"seconds": 61.2, "peak_memory_mb": 1234, "device": "cpu", "seed": 0, "baselines": {}}
    (tmp_path / "docs").mkdir()
    (tmp_path / "results").mkdir()
    (tmp_path / "README.md").write_text(
        "<!-- figures: made by `make figures` -->\n<!-- end of figures -->", encoding="utf-8"
    )
    monkeypatch.setattr(figures, "ROOT", tmp_path)
    monkeypatch.setattr(figures, "HEADLINES", [(n, "made up", "recall", {}, {}, {}) for n in ("76", "77")])
    for names, recall in (((), 0.5), (["77_b"], 0.7)):
        for name in ("77_b", "76_a"):
            found = run | {"notebook": name, "figures": {"recall": recall}}
            (tmp_path / "results" / f"{name}.json").write_text(json.dumps(found), encoding="utf-8")
        figures.update_pages(names)
    rows = [line for line in (tmp_path / "README.md").read_text(encoding="utf-8").splitlines() if line[:3] == "| ["]
    assert [("0.5" in row, "0.7" in row) for row in rows] == [(True, False), (False, True)], "76 stays, 77 is new"
    results = (tmp_path / "docs" / "results.md").read_text(encoding="utf-8")
    assert results.index("## 76_a") < results.index("**0.5**") < results.index("## 77_b") < results.index("**0.7**")


def test_every_lecture_has_a_headline():
    lectures = {path.name[:2] for path in (data.ROOT / "notebooks").glob("*.ipynb")}
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


def drawn(title):
    """A figure's pixels; what is drawn of it may be one of several fonts."""
    figure, axes = plt.subplots(figsize=(3, 1))
    axes.set_title(title)
    canvas = plots.FigureCanvasAgg(figure)
    canvas.draw()
    plt.close(figure)
    return bytes(canvas.buffer_rgba())


@pytest.mark.filterwarnings("error:Glyph")
def test_a_figure_draws_hangul_where_a_font_has_it_and_its_english_is_as_it_was():
    if not plots.HANGUL:
        pytest.skip("no font with Hangul here: apt install fonts-nanum")
    assert plt.rcParams["font.family"] == ["sans-serif", *plots.HANGUL]
    assert drawn("고양이") != drawn("강아지"), "not the same boxes"
    with plt.rc_context({"font.family": ["sans-serif"]}):
        alone = drawn("The loss, $x^2$ – ±3 kHz")
    assert alone == drawn("The loss, $x^2$ – ±3 kHz")


def test_where_no_font_has_hangul_one_line_says_so(capsys, monkeypatch):
    monkeypatch.setattr(plots.font_manager, "get_font_names", lambda: ["DejaVu Sans"])
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            importlib.reload(plots)
            assert plots.HANGUL == [] and plt.rcParams["font.family"] == ["sans-serif"]
            for title in ("The loss", "손실과 고양이"):
                figure, axes = plt.subplots()
                axes.set_title(title)
                plots.show(figure, alt="Nothing.")
    finally:
        monkeypatch.undo()
        importlib.reload(plots)
    assert [str(warning.message) for warning in said] == []
    out = [line for line in capsys.readouterr().out.splitlines() if "HTML" not in line]
    assert len(out) == 1 and "fonts-nanum" in out[0], out
