"""Trains the networks of data/weights/ again: lecture 05's own cells, run longer (about 20 minutes each, on one core).

python -m data.build.weights conditional_gan conditional_gan_words
"""

import json
import sys
import time

import torch
from safetensors.torch import save_file
from torch import nn

from data.build.common import record
from helpers.data import DATA
from tests.definitions import definitions

EPOCHS = {"conditional_gan": 200, "conditional_gan_words": 130}
STOP = {"conditional_gan": 100}  # afterwards the discriminator knows its pictures by heart
CELLS = ("setup", "class-rules", "classes", "config", "words")  # run whole; of all others only the definitions
OPTIONS = {"batch_size": 32, "lr": 0.001, "n_cpu": 0}
MACHINE = "one thread on an AMD EPYC, a virtual machine with two shared cores, bfloat16"


def beginning(name):
    """The lecture as a module; players, loader and configuration of a long run before its first step."""
    torch.set_num_threads(1)
    lecture = definitions("05_conditional_gan.ipynb", also=CELLS)
    config = lecture.EasyDict(lecture.config, **OPTIONS, n_epochs=EPOCHS[name])
    if name == "conditional_gan":
        kept, conditions, condition = torch.ones_like(lecture.left_out), lecture.labels, lambda: nn.Embedding(8, 64)
    else:
        kept, conditions, condition = ~lecture.left_out, lecture.meanings, lambda: nn.Linear(50, 64)
    players = lecture.make_players(config, condition)
    pictures = lecture.Pictures(lecture.pictures[kept], conditions[kept], config)
    return lecture, players, lecture.balanced_loader(pictures, lecture.labels[kept], config), config


def store(name, average, losses, config, seconds, cpu_seconds):
    """Writes the kept average in half precision, with its recipe; the losses are means over each epoch."""
    recipe = {
        "configuration": json.dumps(config),
        "seconds": f"{seconds:.0f}",
        "seconds_of_one_core": f"{cpu_seconds:.0f}",
    }
    recipe |= {"machine": MACHINE, "first_losses": json.dumps(losses[:5].tolist())}
    epochs = STOP.get(name, config.n_epochs)
    recipe |= {"stopped_after_epoch": str(epochs)}
    recipe["losses"] = json.dumps(losses.view(epochs, -1, 2).mean(1).numpy().round(3).tolist())
    state = {key: (value.half() if value.is_floating_point() else value).contiguous() for key, value in average.items()}
    (DATA / "weights").mkdir(exist_ok=True)
    path = DATA / "weights" / f"{name}.safetensors"
    save_file(state, path, recipe)
    path.chmod(0o644)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        lecture, players, loader, config = beginning(name)
        start, cpu_start = time.perf_counter(), time.process_time()
        losses = lecture.train(players, loader, config, report_every=10, stop=STOP.get(name))
        clocks = time.perf_counter() - start, time.process_time() - cpu_start
        store(name, players.average.cpu().state_dict(), losses.cpu(), config, *clocks)
    record("weights")
