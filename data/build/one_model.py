"""Trains the network of lecture 12 again, by its own cells, run longer; and stores what other texts to train with give.

python -m data.build.one_model                                   # forty minutes of a slow core, features not counted
python -m data.build.experiments 12_one_model --only texts

Every 250 steps a checkpoint is kept in results/ (network, optimizer, random state): a call that was stopped is made
again and goes on from there. `--until 1000` stops at that step without storing anything.
"""

import argparse
import json
import time

import torch

from data.build.common import halved, store, this_machine
from helpers.scoreboard import RESULTS
from tests.definitions import definitions

SCENES, CROWDS, CLIPS = 9_000, 15, 400  # to train with; how often crowds are looked for; clips of each recording
OPTIONS = {"batch_size": 16, "width": 128, "layers": 4, "heads": 4, "lr": 0.004, "steps": 6_000, "texts": 16}
ROUND = 250
BEGIN = ["recordings", "stretches", "patches", "tasks", "decided", "crowd", "tagger", "scenes", "sizes"]  # run whole
READ = ["clips", "texts", "pack", "mask", "words", "where-and-what", "menu", "serving", "see", "train-tagger", "block"]
READ += ["model", "model-inputs", "model-words", "batch"]

# the stored experiment
WHAT = (
    "the live run with some of its texts only, or with layers that begin as usual; the same number of steps and of"
    " texts a step; all scores are those of the lecture's test"
)
LIVE = ["pools", "features", "run-tagger", "vocabulary", "live-config", "items", "exams"]
CELLS = [*BEGIN, *READ, *LIVE, "step", "train", "batches", "answers", "say", "score"]
ALL = ("captions", "questions", "sounds", "places")
VARIANTS = {
    "all texts": ALL,
    "only captions": ("captions",),
    "only questions": ("questions",),
    "only sounds": ("sounds",),
    "without captions": ("questions", "sounds", "places"),
    "without places": ("captions", "questions", "sounds"),
    "usual beginning": ALL,  # all texts, but the layers begin with random matrices, as PyTorch makes them
}


def beginning():
    """The lecture as a module that is ready to train, its state, its tagger, and the configuration of the long run."""
    torch.set_num_threads(1)
    lecture = definitions(
        "12_one_model.ipynb",
        also=("setup", "recordings", "stretches", "clips", "patches", "tasks", "decided", "sizes", "tagger"),
    )
    config = lecture.EasyDict(OPTIONS, scenes=SCENES, crowds=CROWDS, clips=CLIPS, round=ROUND)
    _, known = lecture.scenes.compose(SCENES, lecture.SEED, things=lecture.THINGS)
    for seed in range(CROWDS):
        known += lecture.crowd_of(lecture.CROWD, seed)
    features = lecture.see(known)
    mean, deviation = features.mean((0, 2, 3), keepdim=True), features.std((0, 2, 3), keepdim=True)
    rows = lecture.standardised(features, mean, deviation)
    torch.manual_seed(lecture.SEED)
    eye = lecture.tagger_for_pictures(rows, known)
    lecture.places = lecture.tagged(rows, eye)
    asked = lecture.questions.ask(known, lecture.SEED, each=10)
    lecture.vocabulary = lecture.words_of(known, asked)
    written = lecture.Texts(lecture.vocabulary)
    lecture.menu = lecture.menu_of(known, asked, written)
    lecture.texts = written.tensors()
    torch.manual_seed(lecture.SEED)
    pool = lecture.pool_of(lecture.stretches["training"], CLIPS, vary=True)
    ear = lecture.tagger_for_sounds(pool)
    lecture.pool = torch.stack([lecture.tagged(some, ear) for some in pool])
    state = lecture.begin(config, lecture.vocabulary)
    taggers = {"eye": eye.state_dict(), "ear": ear.state_dict()}
    beside = {f"{name}.{key}": weight for name, own in taggers.items() for key, weight in own.items()}
    return lecture, state, beside | {"mean": mean, "deviation": deviation}, config


def go_on(state, path):
    """Brings a state to where its checkpoint stopped; returns the losses and the seconds until then."""
    if not path.exists():
        return torch.empty(0), [0.0, 0.0]
    found = torch.load(path, weights_only=True)
    state.network.load_state_dict(found["network"])
    state.optimizer.load_state_dict(found["optimizer"])
    state.rng.setstate(found["random"])
    state.step = found["step"]
    return found["losses"], found["clocks"]


def train(until=None):
    """Trains to the end, or to a step; returns lecture, state, its tagger, losses, clocks and configuration."""
    lecture, state, beside, config = beginning()
    path = RESULTS / "one_model.checkpoint.pt"
    path.parent.mkdir(exist_ok=True)
    losses, clocks = go_on(state, path)
    while state.step < (until or config.steps):
        start, cpu_start = time.perf_counter(), time.process_time()
        losses = torch.cat([losses, lecture.train(state, config, until=state.step + config.round)])
        clocks = [clocks[0] + time.perf_counter() - start, clocks[1] + time.process_time() - cpu_start]
        found = {"network": state.network.state_dict(), "optimizer": state.optimizer.state_dict()}
        found |= {"random": state.rng.getstate(), "step": state.step, "losses": losses, "clocks": clocks}
        torch.save(found, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)
        print(f"step {state.step} of {config.steps}, {clocks[1]:.0f} s of one core", flush=True)
    return lecture, state, beside, losses, clocks, config


def recipe_of(lecture, losses, clocks, config):
    """What the file's header says of the run; the losses are means over each round."""
    return {
        "configuration": json.dumps(config),
        "vocabulary": json.dumps(lecture.vocabulary),
        "seconds": f"{clocks[0]:.0f}",
        "seconds_of_one_core": f"{clocks[1]:.0f}",
        "machine": this_machine(),
        "first_losses": json.dumps(losses[:5].tolist()),
        "losses": json.dumps([round(loss.mean().item(), 4) for loss in losses.split(config.round)]),
    }


def serving_of(lecture, kinds):
    """Like the lecture's `serving`, of these kinds of texts only: what it leaves out is replaced by others of them."""
    rows_of = list(lecture.written.found)  # (prompt, answer) of each row
    original = lecture.serving

    def kind(row):
        prompt = rows_of[row][0]
        if prompt.startswith(("where is the", "what is there <")):
            return "places"
        return "captions" if not prompt else "sounds" if "<sound>" in prompt else "questions"

    def serving(dish, rng, count):
        noun, rows = original(dish, rng, count)
        while kinds == ("sounds",) and noun is None:
            noun, rows = original(dish, rng, count)
        kept = [row for row in rows if kind(row) in kinds]
        sounds = dish.present.get(noun) or dish.absent.get(noun, [])
        sounds = sounds if isinstance(sounds, list) else [sounds.where, *sounds.known, *sounds.steps]
        more = {"captions": dish.captions, "questions": dish.questions, "sounds": sounds}
        more |= {"places": dish.where + dish.there}
        more = [row for name in kinds for row in more[name]]
        return noun, kept + rng.choices(more, k=count - len(kept))

    return serving


def usual(block):
    """A class like the lecture's `Block`, but with the matrices that PyTorch begins with."""

    class Usual(block):
        def __init__(self, width, heads):
            super().__init__(width, heads)
            self.qkv.reset_parameters()
            self.out.reset_parameters()

    return Usual


def run(seed):
    """`{variant: {"seconds": ..., "values": ...}}` of one seed."""
    lecture, runs = definitions("12_one_model.ipynb", also=("setup", "clips", *BEGIN, *LIVE)), {}
    lecture.menu = lecture.menu_of(lecture.known, lecture.asked, lecture.written)
    lecture.texts = lecture.written.tensors()
    lecture.SEED, original, block = seed, lecture.serving, lecture.Block  # the seed of the networks; the scenes stay
    for variant, kinds in VARIANTS.items():
        start = time.process_time()
        lecture.serving = original
        lecture.serving = serving_of(lecture, kinds)
        lecture.Block = usual(block) if variant == "usual beginning" else block
        state = lecture.begin(lecture.live_config, lecture.vocabulary)
        lecture.train(state, lecture.live_config)
        found, _ = lecture.score(state.network, lecture.test_places, lecture.test_sounds)
        values = {name: round(value, 4) for name, value in found.items()}
        runs[variant] = {"seconds": round(time.process_time() - start), "values": values}
        print(variant, runs[variant], flush=True)
    return runs


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m data.build.one_model")
    parser.add_argument("--until", type=int, help="stop at this step and store nothing")
    wanted = parser.parse_args()
    lecture, state, beside, losses, clocks, config = train(wanted.until)
    if state.step >= config.steps:
        network = {f"network.{name}": weight for name, weight in state.network.cpu().state_dict().items()}
        store("one_model", halved(network | beside), recipe_of(lecture, losses, clocks, config))
