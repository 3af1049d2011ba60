"""Lecture 04's three decoders with five times the scenes of the race, for about the seconds of the long run.

    python tests/benchmarks/captioning_more.py

The attention captioner is the stored long run itself (data/build/captioning.py: 20,000 scenes, 16 epochs). The others
train on the same scenes, from the same encoder, for as many epochs as fit into its seconds by the race's speeds. Kept
in data/experiments/04_captioning.json as `more`; the lecture shows it.
"""

import copy
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from data.build import captioning, experiments  # noqa: E402
from helpers import data  # noqa: E402
from tests.benchmarks import captioning_race as race  # noqa: E402

WHAT = f"the three decoders with {captioning.SCENES:,} scenes, about as many seconds of training as the long run"
CELLS = race.CELLS
PLANS = {"transformer": (20, 2e-3), "show and tell": (35, 3e-3)}  # epochs, learning rate


def stored_run(lecture, scenes, x):
    """The long run as it is stored, scored on the test scenes with features x."""
    state, recipe = data.weights("captioning")
    decoder = lecture.ShowAttendAndTell(len(lecture.vocabulary), lecture.encoder.dim, fed=2 * lecture.GRID)
    encoder = copy.deepcopy(lecture.encoder)
    for name, module in (("encoder.", encoder), ("decoder.", decoder)):
        module.load_state_dict({k.removeprefix(name): v for k, v in state.items() if k.startswith(name)})
    assert recipe["vocabulary"].split() == lecture.vocabulary, "the stored weights were trained with other words"
    return race.scored(lecture, encoder, decoder, scenes, x) | {"epochs": captioning.EPOCHS}


def run(seed, count=captioning.SCENES, plans=PLANS):
    """`{decoder: {"seconds": of training, "values": {metric: number}}}`; the attention captioner's are seed 0's."""
    torch.set_num_threads(1)
    lecture = captioning.material(count)
    lecture.device = torch.device("cpu")
    scenes = lecture.scenes.compose(600, seed=1, split="test")[1]
    x, runs = (lecture.places_of(scenes) - lecture.mean) / lecture.deviation, {}
    if count == captioning.SCENES:
        runs["attention"] = {"seconds": 0, "values": stored_run(lecture, scenes, x)}
    for name, (epochs, lr) in plans.items():
        torch.manual_seed(seed)
        encoder, decoder = copy.deepcopy(lecture.encoder), race.decoder_of(name, lecture)
        start = time.process_time()  # what else the machine does doesn't count
        lecture.train(encoder, decoder, lecture.inputs, lecture.encoded, epochs, lr=lr)
        seconds = time.process_time() - start
        values = race.scored(lecture, encoder, decoder, scenes, x) | {"epochs": epochs}
        runs[name] = {"seconds": round(seconds), "values": values | {"seconds_training": round(seconds)}}
        print(seed, name, runs[name], flush=True)
    for one in runs.values():
        one["values"] = {k: experiments.shorter(v) for k, v in one["values"].items() if "speaking" not in k}
    return runs


if __name__ == "__main__":
    experiments.make("04_captioning", "more", (0,), again=True)
