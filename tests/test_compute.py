"""The numbers that a machine computes with: measured in one place, and the data of every notebook follow them."""

import ast
import itertools
import re

import nbformat
import pytest
import torch
from torch import nn

from helpers import CourseError, data, models, scenes, training
from tests.definitions import NOTEBOOKS, definitions

pytestmark = pytest.mark.filterwarnings("ignore:TF32 acceleration")  # what torch says when oneDNN is turned off
CPU, TYPES = torch.device("cpu"), {"float32": torch.float32, "bfloat16": torch.bfloat16}


@pytest.fixture(params=TYPES)
def forced(request, monkeypatch):
    """Either type, on any processor: oneDNN is off, as it has no LSTM in bfloat16 on some."""
    monkeypatch.setenv("COURSE_COMPUTE", request.param)
    with torch.backends.mkldnn.flags(enabled=False):
        yield TYPES[request.param]


@pytest.fixture
def measured(monkeypatch):
    monkeypatch.delenv("COURSE_COMPUTE", raising=False)
    return training.faster_type.__wrapped__


def assigned(notebook, name, lecture):
    """Runs the one line of a notebook that begins with `name = `, among the names of `lecture`."""
    cells = [c for c in nbformat.read(NOTEBOOKS / notebook, as_version=4).cells if c.cell_type == "code"]
    lines = [node for c in cells for node in ast.parse(c.source).body if isinstance(node, ast.Assign)]
    (line,) = [node for node in lines if ast.unparse(node.targets[0]) == name]
    exec(ast.unparse(line), lecture.__dict__)
    return getattr(lecture, name)


def scaled(lecture, notebook, grid, n=32, channels=112):
    """Random features of n pictures, brought to mean 0 by the notebook's own line."""
    lecture.features, lecture.mean, lecture.deviation = torch.randn(n, channels, grid, grid), 0.1, 2.0
    return assigned(notebook, "inputs", lecture)


# ------------------------------------------------------------------------------------------------- the decision
def test_both_types_can_be_forced_and_autocast_follows(forced):
    assert training.compute_type(CPU) == training.compute_type("mps") == forced
    with training.autocast(CPU):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == forced


def test_another_type_is_refused(monkeypatch):
    monkeypatch.setenv("COURSE_COMPUTE", "float16")
    with pytest.raises(CourseError, match="COURSE_COMPUTE is 'float16'.*float32 or bfloat16"):
        training.compute_type(CPU)


@pytest.mark.parametrize(
    ("rough", "exact", "chosen"), [(1, 2, "bfloat16"), (1.8, 2, "float32"), (8, 1, "float32")], ids=str
)
def test_bfloat16_is_chosen_where_it_wins_clearly(monkeypatch, measured, rough, exact, chosen):
    ticks = itertools.accumulate(itertools.cycle((0, rough, 0, exact)))  # a clock that tells these seconds in turn
    monkeypatch.setattr(training.time, "perf_counter", lambda: next(ticks))
    with torch.backends.mkldnn.flags(enabled=False):
        assert measured("cpu") == chosen


def test_a_processor_whose_lstm_fails_in_bfloat16_computes_in_float32(monkeypatch, measured):
    def forward(self, *inputs, original=nn.LSTM.forward):
        if torch.is_autocast_enabled("cpu"):
            raise RuntimeError("could not create a primitive descriptor for the LSTM forward propagation primitive")
        return original(self, *inputs)

    monkeypatch.setattr(nn.LSTM, "forward", forward)
    assert measured("cpu") == "float32"


def test_apples_gpu_computes_in_float32_and_the_data_follow(monkeypatch, measured):
    assert measured("mps") == "float32"
    lecture = definitions("04_captioning.ipynb", also=("setup",))
    lecture.device = torch.device("mps")
    monkeypatch.delenv("COURSE_COMPUTE", raising=False)
    assert scaled(lecture, "04_captioning.ipynb", 6).dtype == torch.float32


def test_measuring_leaves_the_seed_and_any_mode_as_they_are(measured):
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    with torch.inference_mode():
        assert measured("cpu") in TYPES
        assert torch.is_inference_mode_enabled()
    assert torch.rand(1) == expected


def test_notebooks_and_helpers_name_no_type_by_hand():
    """Only helpers/training.py chooses; whoever writes bfloat16 or a type of autocast elsewhere mixes types somewhere."""
    by_hand = re.compile(r"\.bfloat16\b|torch\.(amp|autocast)\b")
    files = {p: p.read_text(encoding="utf-8") for p in (data.ROOT / "helpers").rglob("*.py") if p.stem != "training"}
    files |= {p: p.read_text(encoding="utf-8") for p in (data.DATA / "build").glob("*.py")}
    for path in [*NOTEBOOKS.glob("*.ipynb"), *NOTEBOOKS.glob("solutions/*.ipynb")]:
        cells = nbformat.read(path, as_version=4).cells
        files[path] = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    found = [
        f"{path.name}: {line.strip()}"
        for path, text in files.items()
        for line in text.splitlines()
        if by_hand.search(line)
    ]
    assert found == []


# ------------------------------------------------------------------------------- each notebook's own training steps
def test_features_are_kept_for_each_type_apart(forced, tmp_path, monkeypatch):
    monkeypatch.setattr(models, "CACHE", tmp_path)
    pictures = scenes.compose(2, seed=0)[0]
    places = models.place_features(pictures)
    assert places.dtype == torch.float32 and places.isfinite().all()
    monkeypatch.setenv("COURSE_COMPUTE", next(name for name, kind in TYPES.items() if kind != forced))
    models.place_features(pictures)
    assert len(list(tmp_path.iterdir())) == 2


def test_lecture_04_trains(forced):
    lecture = definitions("04_captioning.ipynb", also=("setup", "vocabulary"))
    lecture.device = CPU
    inputs = scaled(lecture, "04_captioning.ipynb", 6)
    assert inputs.dtype == forced
    encoder = lecture.Encoder(40, 112, 6)
    lecture.train_tags(encoder, inputs, (torch.rand(32, 40) < 0.1).float(), epochs=1)
    captions = torch.randint(3, 20, (32, 5, 9))
    for make in (lecture.ShowAndTell, lambda *size: lecture.ShowAttendAndTell(*size, 12), lecture.TransformerDecoder):
        decoder = make(20, encoder.dim)
        lecture.train(encoder, decoder, inputs, captions, 1, penalty=0.002 * hasattr(decoder, "fed"))
        lecture.greedy(encoder, decoder, inputs.float())
        lecture.beam_search(encoder, decoder, inputs.float(), 3)


def test_lecture_06_trains(forced):
    lecture = definitions("06_visual_question_answering.ipynb", also=("setup", "encode"))
    lecture.device, lecture.NOUNS, lecture.CHANNELS, lecture.GRID = CPU, list(scenes.NOUNS), 112, 6
    inputs = scaled(lecture, "06_visual_question_answering.ipynb", 6)
    assert inputs.dtype == forced
    encoder = lecture.trained_encoder(inputs, scenes.compose(32, 0)[1], epochs=1)
    words, answers = torch.randint(1, 20, (32, 3, 7)), torch.randint(9, (32, 3))
    for network in (lecture.Product(20, encoder.dim, 9), lecture.Attentive(20, encoder.dim, 9)):
        lecture.train(encoder, network, inputs, words, answers, 1)
        lecture.predict(encoder, network, inputs.float(), words)
    lecture.train(lecture.Blindfold(), lecture.Product(20, 1, 9), inputs, words, answers, 1)


def test_lecture_09_trains(forced):
    lecture = definitions("09_sound_localisation.ipynb", also=("setup",))
    lecture.device, lecture.SHARP, lecture.SCALE = CPU, 0.3, 0.07
    assert scaled(lecture, "09_sound_localisation.ipynb", 8, channels=192).dtype == forced
    lecture.stretches = lecture.lengths = {"training": None}
    lecture.clips = lambda stretches, lengths, which: torch.randn(len(which), 16_000)
    lecture.log_mel = lambda sounds: torch.randn(len(sounds), 64, 63)
    lecture.names = range(4)
    (cell,) = [c for c in nbformat.read(NOTEBOOKS / "09_sound_localisation.ipynb", 4).cells if c.id == "pool"]
    exec(cell.source.replace("POOL = 120", "POOL = 2"), lecture.__dict__)
    assert lecture.pool.dtype == forced and len(lecture.pool) == 8
    lecture.train_queries = lecture.Queries(torch.arange(32), torch.arange(32) % 4, None, None)
    lecture.train_localiser(lecture.contrastive, epochs=1, batch_size=16)


def test_lecture_10_parts_voices(forced):
    lecture = definitions("10_cocktail_party.ipynb", also=("setup", "party-voices", "party-mix", "party-picture"))
    lecture.device = CPU
    lecture.train(lecture.Listener(hidden=24), lambda: lecture.party([lecture.PAIR], 4), steps=1, told=1.0)


def test_assignment_06_trains(forced):
    solution = definitions("solutions/06_visual_question_answering.ipynb")
    solution.tagger = nn.Conv2d(112, 40, 1)
    solution.AROUND, solution.WHERE = torch.rand(4, 36, 36), torch.rand(36, 12)
    assert solution.places_of(torch.randn(8, 112, 6, 6)).dtype == forced
