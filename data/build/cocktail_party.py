"""Trains the long runs of lecture 10 again, by its own cells (20 minutes and 6 of one core):

python -m data.build.cocktail_party voices pictures [--share 0.01, for a trial with few of the steps]
"""

import argparse
import functools
import json
import time
from typing import NamedTuple

import torch

from data.build.common import MACHINE, halved, store
from helpers.training import compute_type
from tests.definitions import definitions

CELLS = ("setup", "party-voices", "party-mix", "party-picture")  # run whole; of all others only the definitions
EYES_CELLS = (*CELLS, "eyes-notes", "eyes-pictures")
SEED = 0


class Stage(NamedTuple):
    """So many steps of `train`, on these pairs of voices, with spectrograms of this hop."""

    steps: int
    told: float
    lr: float = 3e-3
    pairs: str = ""
    vary: float = 0.1
    hop: int = 256


VOICES = (
    Stage(3500, 0.0, 3e-3, "pair", hop=128),
    Stage(3500, 0.5, 3e-3, "three", hop=128),
    Stage(1500, 0.5, 1e-3, "three", 0.0, 128),
)
PICTURES = (Stage(800, 0.5, 2e-3), Stage(2400, 0.8, 2e-3, vary=0.3))


def pairs_of(lecture, which):
    """Pairs of voices to draw from: the known pair, or with Topal as well, in a third of the mixtures."""
    topal = [(name, "topal") for name in lecture.PAIR]
    return [lecture.PAIR] if which == "pair" else topal + [lecture.PAIR] * len(topal) * 2


def run(lecture, network, stages, draw_of):
    """Trains a network stage by stage; returns its losses by epochs."""
    losses = []
    for number, stage in enumerate(stages):
        torch.manual_seed(SEED + number)
        network.hop = stage.hop
        losses += lecture.train(network, draw_of(stage), stage.steps, stage.told, stage.lr)
    return losses


def voices(stages=VOICES):
    """The listener of the long run, and its losses."""
    lecture = definitions("10_cocktail_party.ipynb", also=CELLS)
    torch.manual_seed(SEED)
    network = lecture.Listener()

    def draw_of(stage):
        return functools.partial(lecture.party, pairs_of(lecture, stage.pairs), vary=stage.vary)

    return network, run(lecture, network, stages, draw_of)


def pictures(stages=PICTURES):
    """The watcher of the long run, and its losses."""
    lecture = definitions("10_cocktail_party.ipynb", also=EYES_CELLS)
    torch.manual_seed(SEED)
    network = lecture.Watcher()
    return network, run(lecture, network, stages, lambda stage: functools.partial(lecture.lesson, vary=stage.vary))


RUNS = {"voices": ("cocktail_party", voices, VOICES), "pictures": ("sound_of_pixels", pictures, PICTURES)}


def recipe_of(name, stages, losses, seconds):
    """What a file's header says of the run."""
    recipe = {"steps": sum(stage.steps for stage in stages), "seed": SEED}
    recipe |= {"stages": json.dumps([stage._asdict() for stage in stages])}
    recipe |= {"machine": MACHINE.removesuffix(", bfloat16") + f", {str(compute_type('cpu')).removeprefix('torch.')}"}
    recipe |= {"seconds_of_one_core": round(seconds), "losses": json.dumps([round(loss, 2) for loss in losses])}
    return recipe | ({"voices": "allison, carlo, topal"} if name == "voices" else {"notes": "fluid, timgm6mb"})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m data.build.cocktail_party")
    parser.add_argument("names", nargs="+", choices=list(RUNS))
    parser.add_argument("--share", type=float, default=1.0, help="of the steps, for a trial")
    wanted = parser.parse_args()
    torch.set_num_threads(1)
    for name in wanted.names:
        file, train, stages = RUNS[name]
        stages = [stage._replace(steps=max(1, round(wanted.share * stage.steps))) for stage in stages]
        start = time.process_time()
        network, losses = train(stages)
        recipe = recipe_of(name, stages, losses, time.process_time() - start)
        store(file, halved(network.state_dict()), recipe)
