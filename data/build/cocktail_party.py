"""Trains the long run of lecture 10 again: its own cells, with more steps and voices (about 20 minutes on one core).

python -m data.build.cocktail_party [steps, steps with cues by turns, last steps: few, for a trial]
"""

import itertools
import json
import sys
import time

import torch

from data.build.common import MACHINE, halved, store
from tests.definitions import definitions

STEPS, CUED_STEPS, LAST_STEPS, VARY, SEED = 3500, 3500, 1500, 0.1, 0
CELLS = ("setup", "party-voices", "party-mix", "party-picture")  # run whole; of all others only the definitions


def long_run(steps=STEPS, cued_steps=CUED_STEPS, last_steps=LAST_STEPS):
    """The listener of a long run, its losses by epochs of 50 steps, and the voices that it was trained on."""
    lecture = definitions("10_cocktail_party.ipynb", also=CELLS)
    torch.manual_seed(SEED)
    separator = lecture.Separator()
    losses = lecture.train_party(separator, [lecture.PAIR], steps, vary=VARY)
    voices = [name for name in lecture.streams if name not in lecture.UNSEEN]
    others = list(itertools.combinations(voices, 2))
    listener = lecture.Listener()
    listener.load_state_dict(separator.state_dict(), strict=False)
    pairs = others + [lecture.PAIR] * len(others)
    losses += lecture.train_party(listener, pairs, cued_steps, told=0.5, vary=VARY)
    listener.half().float()  # it was stored here, between two sittings
    torch.manual_seed(SEED + 1)
    losses += lecture.train_party(listener, pairs, last_steps, told=0.5, lr=1e-3)  # at the voices' own speed
    return listener, losses, voices


if __name__ == "__main__":
    torch.set_num_threads(1)
    start, cpu_start = time.perf_counter(), time.process_time()
    steps = [int(n) for n in sys.argv[1:4]] or [STEPS, CUED_STEPS, LAST_STEPS]
    listener, losses, voices = long_run(*steps)
    recipe = dict(zip(("steps", "cued_steps", "last_steps"), steps, strict=True))
    recipe |= {"vary": VARY, "seed": SEED, "voices": ", ".join(voices)}
    recipe |= {"seconds": round(time.perf_counter() - start), "machine": MACHINE}
    recipe |= {"seconds_of_one_core": round(time.process_time() - cpu_start)}
    recipe |= {"losses": json.dumps([round(loss, 2) for loss in losses])}
    store("cocktail_party", halved(listener.state_dict()), recipe)
