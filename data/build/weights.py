"""Trains the networks of data/weights/ again: lecture 05's own cells, run longer (15 and 30 minutes of a slow core).

python -m data.build.weights conditional_gan conditional_gan_words
"""

import json
import sys
import time

import torch
from torch import nn

from data.build.common import halved, store, this_machine
from tests.definitions import definitions

RUNS = {
    "conditional_gan": {"n_epochs": 30, "lr": 0.002},
    "conditional_gan_words": {"n_epochs": 60, "lr": 0.001},
}
CELLS = (
    "setup class-rules classes config eyes judge words prior prior-fit conditions".split()
)  # run whole; of others only the definitions
OPTIONS = {"batch_size": 16, "n_cpu": 0}


def beginning(name):
    """The lecture as a module; players, loader and configuration of a long run before its first step."""
    torch.set_num_threads(1)
    lecture = definitions("05_conditional_gan.ipynb", also=CELLS)
    config = lecture.EasyDict(lecture.config, **OPTIONS, **RUNS[name])
    if name == "conditional_gan":
        kept, conditions, condition = torch.ones_like(lecture.left_out), lecture.labels, lambda: nn.Embedding(8, 64)
        groups = lecture.labels
    else:
        kept, conditions, condition = ~lecture.left_out, lecture.conditions, nn.Identity
        groups = lecture.concept_of  # a pair is two artists' drawings of one name
    players = lecture.make_players(config, condition, lecture.TrainedEyes)
    kind = lecture.Pictures if name == "conditional_gan" else lecture.Described
    pictures = kind(lecture.pictures[kept], conditions[kept], config)
    return lecture, players, lecture.balanced_loader(pictures, lecture.labels[kept], config, groups[kept]), config


def recipe_of(losses, config, seconds, cpu_seconds):
    """What a file's header says of the run; the losses are means over each epoch."""
    return {
        "configuration": json.dumps(config),
        "seconds": f"{seconds:.0f}",
        "seconds_of_one_core": f"{cpu_seconds:.0f}",
        "machine": this_machine(),
        "first_losses": json.dumps(losses[:5].tolist()),
        "losses": json.dumps(losses.view(config.n_epochs, -1, 2).mean(1).numpy().round(3).tolist()),
    }


if __name__ == "__main__":
    for name in sys.argv[1:]:
        lecture, players, loader, config = beginning(name)
        start, cpu_start = time.perf_counter(), time.process_time()
        losses = lecture.train(players, loader, config, report_every=3, decay=0.998)
        clocks = time.perf_counter() - start, time.process_time() - cpu_start
        store(name, halved(players.average.cpu().state_dict()), recipe_of(losses.cpu(), config, *clocks))
