"""Lecture 04's attention captioner and its transformer with five times the scenes of the race, for equal epochs.

    python tests/benchmarks/captioning_more.py

The attention captioner is the stored long run itself (data/build/captioning.py); the transformer trains on the same
scenes, from the same encoder, for as many epochs. Kept in data/experiments/04_captioning.json as `more`; the lecture
shows it.
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

WHAT = f"attention (the stored long run) and the transformer, each {captioning.EPOCHS} epochs of {captioning.SCENES:,} "
WHAT += "scenes"
CELLS = race.CELLS


def stored_run(lecture, scenes, x):
    """The long run as it is stored, scored on the test scenes with features x."""
    state, recipe = data.weights("captioning")
    assert recipe["vocabulary"].split() == lecture.vocabulary, "the stored weights were trained with other words"
    sides = {"encoder.": copy.deepcopy(lecture.encoder), "decoder.": race.decoder_of("attention", lecture)}
    for name, module in sides.items():
        module.load_state_dict({k.removeprefix(name): v for k, v in state.items() if k.startswith(name)})
    return race.scored(lecture, *sides.values(), scenes, x)


def run(seed, count=captioning.SCENES, epochs=captioning.EPOCHS):
    """`{decoder: {"seconds": of training, "values": {metric: number}}}`; attention's are the long run's, of seed 0."""
    torch.set_num_threads(1)
    lecture = captioning.material(count)
    lecture.device = torch.device("cpu")
    scenes = lecture.scenes.compose(600, seed=1, split="test")[1]
    x = (lecture.places_of(scenes) - lecture.mean) / lecture.deviation
    torch.manual_seed(seed)
    encoder, decoder = copy.deepcopy(lecture.encoder), race.decoder_of("transformer", lecture)
    start = time.process_time()  # what else the machine does doesn't count
    lecture.train(encoder, decoder, lecture.inputs, lecture.encoded, epochs, lr=race.PLANS["transformer"][1])
    seconds = time.process_time() - start
    runs = {
        "attention": {
            "seconds": int(data.weights("captioning")[1]["seconds"]),
            "values": stored_run(lecture, scenes, x),
        },
        "transformer": {"seconds": round(seconds), "values": race.scored(lecture, encoder, decoder, scenes, x)},
    }
    for one in runs.values():
        one["values"] = {k: experiments.shorter(v) for k, v in one["values"].items() if "per_second" not in k}
    return runs


if __name__ == "__main__":
    experiments.make("04_captioning", "more", (0,), again=True)
