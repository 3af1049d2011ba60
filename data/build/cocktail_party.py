"""Trains the long runs of lecture 10 again, by its own cells (20 minutes and 6 of one core):

python -m data.build.cocktail_party voices pictures [--share 0.01, for a trial with few of the steps]
python -m data.build.cocktail_party voices --last    # the last stage alone, from the stored weights
"""

import argparse
import functools
import json
import random
import time
from typing import NamedTuple

import torch

from data.build.common import halved, store, this_machine
from helpers import data
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
    groups: int = 4


VOICES = (
    Stage(3500, 0.0, 3e-3, "pair", hop=128),
    Stage(3500, 0.5, 3e-3, "three", hop=128),
    Stage(1500, 0.5, 1e-3, "three", 0.0, 128),
    Stage(2400, 0.5, 1.5e-3, "many", hop=128, groups=8),
)
PICTURES = (Stage(800, 0.5, 2e-3), Stage(2400, 0.8, 2e-3, vary=0.3), Stage(5000, 0.8, 2e-3, vary=0.3))


def pairs_of(lecture, which):
    """Pairs of voices to draw from: the known pair, with Topal as well in a third of the mixtures, or with the 54
    synthetic voices of the spoken digits in two fifths of them."""
    topal = [(name, "topal") for name in lecture.PAIR]
    if which != "many":
        return [lecture.PAIR] if which == "pair" else topal + [lecture.PAIR] * len(topal) * 2
    said = {}
    for digit in data.digits():
        if not digit.real:
            said.setdefault(digit.voice, []).append(digit.signal)
    lecture.streams.update({voice: {"train": torch.cat(signals)} for voice, signals in said.items()})
    draw, real, made = random.Random(SEED), [*lecture.PAIR, "topal"], sorted(said)
    mixed = [(draw.choice(real), draw.choice(made)) for _ in range(150)]
    return [lecture.PAIR] * 450 + topal * 75 + mixed + [tuple(draw.sample(made, 2)) for _ in range(250)]


def run(lecture, network, stages, draw_of, first=0):
    """Trains a network stage by stage, from the first wanted; returns its losses by epochs."""
    losses = []
    for number, stage in list(enumerate(stages))[first:]:
        torch.manual_seed(SEED + number)
        network.hop = stage.hop
        losses += lecture.train(network, draw_of(stage), stage.steps, stage.told, stage.lr)
    return losses


def begin(network, file, stages, last):
    """The number of the first stage to run: of the last one, if the network begins with the stored weights."""
    if last:
        network.load_state_dict({name: weight.float() for name, weight in data.weights(file)[0].items()})
    return len(stages) - 1 if last else 0


def voices(stages=VOICES, last=False):
    """The listener of the long run, and its losses."""
    lecture = definitions("10_cocktail_party.ipynb", also=CELLS)
    torch.manual_seed(SEED)
    network = lecture.Listener()

    def draw_of(stage):
        return functools.partial(lecture.party, pairs_of(lecture, stage.pairs), vary=stage.vary, groups=stage.groups)

    return network, run(lecture, network, stages, draw_of, begin(network, "cocktail_party", stages, last))


def pictures(stages=PICTURES, last=False):
    """The watcher of the long run, and its losses."""
    lecture = definitions("10_cocktail_party.ipynb", also=EYES_CELLS)
    torch.manual_seed(SEED)
    network, draw_of = lecture.Watcher(), lambda stage: functools.partial(lecture.lesson, vary=stage.vary)
    return network, run(lecture, network, stages, draw_of, begin(network, "sound_of_pixels", stages, last))


def stored_gains():
    """dB that the stored listener gains for the known pair and for the strangers: what a further stage starts from."""
    lecture = definitions("10_cocktail_party.ipynb", also=CELLS)
    listener = lecture.Listener().eval()
    begin(listener, "cocktail_party", VOICES, last=True)
    listener.hop = VOICES[-1].hop
    pairs = {"pair": lecture.PAIR, "unseen": lecture.UNSEEN}
    return {
        name: round(lecture.gained(listener, *lecture.test_set(pair)).mean().item(), 2) for name, pair in pairs.items()
    }


RUNS = {"voices": ("cocktail_party", voices, VOICES), "pictures": ("sound_of_pixels", pictures, PICTURES)}


def recipe_of(name, stages, losses, seconds, last):
    """What a file's header says of the run; before the last stage alone, what the stored header says."""
    if last:
        before = data.weights(RUNS[name][0])[1]
        losses = json.loads(before["losses"]) + losses
        seconds += float(before["seconds_of_one_core"])
    recipe = {"steps": sum(stage.steps for stage in stages), "seed": SEED}
    recipe |= {"stages": json.dumps([stage._asdict() for stage in stages])}
    recipe |= {"machine": this_machine()}
    recipe |= {"seconds_of_one_core": round(seconds), "losses": json.dumps([round(loss, 2) for loss in losses])}
    heard = (
        {"voices": "allison, carlo, topal, and 54 that are made"} if name == "voices" else {"notes": "fluid, timgm6mb"}
    )
    return recipe | heard


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m data.build.cocktail_party")
    parser.add_argument("names", nargs="+", choices=list(RUNS))
    parser.add_argument("--share", type=float, default=1.0, help="of the steps, for a trial")
    parser.add_argument("--last", action="store_true", help="the last stage alone, from the stored weights")
    wanted = parser.parse_args()
    torch.set_num_threads(1)
    for name in wanted.names:
        file, train, stages = RUNS[name]
        stages = [stage._replace(steps=max(1, round(wanted.share * stage.steps))) for stage in stages]
        start = time.process_time()
        network, losses = train(stages, wanted.last)
        recipe = recipe_of(name, stages, losses, time.process_time() - start, wanted.last)
        store(file, halved(network.state_dict()), recipe)
