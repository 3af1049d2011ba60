"""Trains the networks of lecture 11 again, by its own cells, run longer; and stores what the long run's network draws.

python -m data.build.diffusion diffusion          # about 70 minutes of a slow core
python -m data.build.diffusion diffusion_words    # goes on from the first network; about 12 minutes
python -m data.build.experiments 11_diffusion --only drawing

Every 250 steps a checkpoint is kept in results/ (network, average, optimizer, random state): a call that was stopped
is made again and goes on from there. `--until 1000` stops at that step without storing anything.
"""

import argparse
import functools
import json
import time

import torch
from torch import nn

from data.build.common import halved, store, this_machine
from helpers import data, keep
from helpers.scoreboard import RESULTS
from tests.definitions import definitions

OPTIONS = {"batch_size": 16, "lr": 0.001, "decay": 0.998, "round": 250}
STEPS = {"diffusion": 10_000, "diffusion_words": 2_000}
BEGIN = ("setup", "class-rules", "classes", "nothing", "settings")  # run whole; of all others only the definitions
WORDS = ("judge", "words", "prior")

# the stored experiment
SEEN = 256  # drawings for each point of a curve
WHAT = (
    f"what the long run's network draws: all scores of the lecture's own settings, and those of {SEEN} drawings for"
    " other numbers of steps and strengths of guidance; a seed is one of the noise"
)
RUN = ["class-rules", "classes", "nothing", "settings", "judge", "scores"]  # run whole
CELLS = [*RUN, "noisy", "euler", "normal-guess", "heun", "principal", "linear-guess"]
CELLS += ["linear-fit", "waves", "block", "unet", "guided", "draw", "long-load", "measures", "shapes"]


def beginning(name):
    """The lecture as a module; state, pictures, conditions, classes and configuration of a long run."""
    torch.set_num_threads(1)
    lecture = definitions("11_diffusion.ipynb", also=BEGIN + (WORDS if name == "diffusion_words" else ()))
    config = lecture.EasyDict(OPTIONS, steps=STEPS[name])
    torch.manual_seed(0)
    if name == "diffusion":
        clean, conditions, classes = lecture.clean, lecture.labels, lecture.labels
        condition, nothing = nn.Embedding(lecture.NOTHING + 1, 128), torch.tensor(lecture.NOTHING)
    else:
        artists = len(lecture.data.ARTISTS)
        kept = ~lecture.left_out.repeat(artists)
        clean, classes = lecture.clean[kept], lecture.labels[kept]
        conditions = lecture.conditions.repeat(artists, 1)
        condition, nothing = nn.Linear(64, 128), torch.zeros(64)
    state = lecture.begin(condition, nothing, clean, classes, config)
    if name == "diffusion_words":  # it draws already, and learns to be asked by words
        weights = {key: value for key, value in data.weights("diffusion")[0].items() if "condition" not in key}
        for network in (state.network, state.average):
            network.load_state_dict(weights, strict=False)
    return lecture, state, clean, conditions, classes, config


def kept(state, losses, clocks):
    """All that a run needs to go on."""
    parts = {name: state[name].state_dict() for name in ("network", "average", "optimizer")}
    return parts | {"step": state.step, "random": torch.get_rng_state(), "losses": losses, "clocks": clocks}


def go_on(state, path):
    """Brings a state to where its checkpoint stopped; returns the losses and the seconds until then."""
    if not path.exists():
        return torch.empty(0), [0.0, 0.0]
    found = torch.load(path, weights_only=True)
    for name in ("network", "average", "optimizer"):
        state[name].load_state_dict(found[name])
    state.step = found["step"]
    torch.set_rng_state(found["random"])
    return found["losses"], found["clocks"]


def train(name, until=None):
    """Trains to the end, or to a step; returns the state, the losses, the clocks and the configuration."""
    lecture, state, clean, conditions, classes, config = beginning(name)
    path = RESULTS / f"{name}.checkpoint.pt"
    losses, clocks = go_on(state, path)
    while state.step < (until or config.steps):
        start, cpu_start = time.perf_counter(), time.process_time()
        more = lecture.train(state, clean, conditions, classes, config, until=state.step + config.round)
        losses = torch.cat([losses, more])
        clocks = [clocks[0] + time.perf_counter() - start, clocks[1] + time.process_time() - cpu_start]
        keep(path, functools.partial(torch.save, kept(state, losses, clocks)))
        print(f"{name}: step {state.step} of {config.steps}, {clocks[1]:.0f} s of one core", flush=True)
    return state, losses, clocks, config


def recipe_of(losses, clocks, config):
    """What a file's header says of the run; the losses are means over each round."""
    return {
        "configuration": json.dumps(config),
        "seconds": f"{clocks[0]:.0f}",
        "seconds_of_one_core": f"{clocks[1]:.0f}",
        "machine": this_machine(),
        "first_losses": json.dumps(losses[:5].tolist()),
        "losses": json.dumps([round(loss.mean().item(), 4) for loss in losses.split(config.round)]),
    }


def run(seed):
    """`{variant: {"seconds": ..., "values": ...}}` of one seed of the noise."""
    lecture = definitions("11_diffusion.ipynb", also=("setup", *RUN))
    condition, nothing = nn.Embedding(lecture.NOTHING + 1, 128), torch.tensor(lecture.NOTHING)
    artist, _ = lecture.load("diffusion", condition, nothing, lecture.clean, lecture.labels)
    few, runs = lecture.asked[:SEEN], {}
    variants = {"long run": (lecture.asked, {})}
    variants |= {f"Euler {n}": (few, {"steps": n}) for n in (1, 2, 4, 8, 12, 24)}
    variants |= {f"Heun {n}": (few, {"steps": n, "method": lecture.heun}) for n in (2, 4, 12)}
    variants |= {f"strength {w}": (few, {"strength": w}) for w in (1, 1.5, 2, 3, 5)}
    for variant, (y, how) in variants.items():
        start = time.process_time()
        noise = lecture.noise_of(len(y), 100 + seed)  # not a noise that the lecture draws with
        scores = lecture.score(lecture.draw(artist, y, noise, **how), y)
        values = {metric: float(f"{value:.4g}") for metric, value in scores.items()}
        runs[variant] = {"seconds": round(time.process_time() - start), "values": values}
        print(variant, runs[variant], flush=True)
    return runs


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m data.build.diffusion")
    parser.add_argument("names", nargs="+", choices=STEPS)
    parser.add_argument("--until", type=int, help="stop at this step and store nothing")
    wanted = parser.parse_args()
    for name in wanted.names:
        state, losses, clocks, config = train(name, wanted.until)
        if state.step >= config.steps:
            store(name, halved(state.average.cpu().state_dict()), recipe_of(losses, clocks, config))
