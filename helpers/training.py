"""Device, seed, and the loop that shows a run's progress."""

import functools
import io
import math
import os
import random
import sys
import time

import numpy as np
import torch
from IPython import get_ipython
from IPython.display import DisplayHandle
from torch import nn
from tqdm import tqdm

from helpers import CourseError


def live():
    """True where somebody watches: in JupyterLab, VS Code or a terminal, but not under nbconvert, nbval or pytest."""
    return "JPY_SESSION_NAME" in os.environ or "VSCODE_PID" in os.environ or sys.stderr.isatty()


def place(handle, shown, **how):
    """Shows something by an `IPython.display.DisplayHandle`, in the place of what the handle showed before."""
    (handle.update if getattr(handle, "in_use", False) else handle.display)(shown, **how)
    handle.in_use = True


class Line(io.TextIOBase):  # tqdm.notebook's bar is a widget, of which a stored notebook keeps nothing
    """A file for tqdm that is one line of a notebook: each text written to it takes the place of the one before."""

    def __init__(self):
        self.handle = DisplayHandle()

    def write(self, text):
        if text.strip():
            place(self.handle, {"text/plain": text.strip()}, raw=True)


class Progress(tqdm):
    """tqdm's bar as a line of text, where somebody watches. Closed, a notebook keeps a plain line, a terminal none."""

    def __init__(self, desc, batches=()):
        terminal = get_ipython() is None or sys.stderr.isatty()
        place = {"leave": False} if terminal else {"file": Line(), "ncols": 90}
        super().__init__(batches, desc, disable=not live(), **place)

    def close(self):
        self.bar_format = "{desc}: {n_fmt}/{total_fmt} batches in {elapsed}"  # what stays
        super().close()


def device():
    """The fastest device at hand, as `torch.device`: an NVIDIA GPU, Apple's, or the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu")


def compute_type(where):
    """The numbers that a device (or its name) computes with fastest: `torch.bfloat16` (16 bits) or `torch.float32`.

    A small network is timed with both, once in each process. bfloat16 must win clearly: a processor without
    instructions for it takes several times as long as with float32, or cannot run an LSTM. The environment variable
    COURSE_COMPUTE=float32 (or bfloat16) decides instead, so that two machines can compute alike; another value raises
    CourseError."""
    asked = os.environ.get("COURSE_COMPUTE") or faster_type(torch.device(where).type)
    if asked not in ("bfloat16", "float32"):
        raise CourseError(f"COURSE_COMPUTE is {asked!r}. Set it to float32 or bfloat16, or unset it.")
    return getattr(torch, asked)


@functools.cache
def faster_type(kind):
    """The name of the type that wins on a kind of device: "cpu", "cuda" or "mps"."""
    if kind == "mps":
        return "float32"  # on Apple's GPUs bfloat16 was never tried
    with torch.inference_mode(False), torch.enable_grad(), torch.random.fork_rng([]):  # the seed stays as it is
        layers = nn.LSTM(64, 64), nn.Conv2d(64, 64, 3, padding=1), nn.Linear(64, 256)
        lstm, conv, linear = (layer.to(kind) for layer in layers)
        x, words = torch.randn(16, 64, 12, 12).to(kind), torch.randn(12, 16, 64).to(kind)

        def seconds(rough):
            start = time.perf_counter()
            with torch.autocast(kind, torch.bfloat16, enabled=rough):
                read, seen = lstm(words)[0], linear(conv(x).flatten(2).mT)
            (read.float().mean() + seen.float().mean()).backward()
            conv.weight.grad.sum().item()  # waits for a GPU
            return time.perf_counter() - start

        try:
            seconds(True), seconds(False)  # the first time is slower
            rough, exact = zip(*((seconds(True), seconds(False)) for _ in range(5)), strict=True)
        except RuntimeError:  # an LSTM in bfloat16 is more than this processor can do
            return "float32"
    return "bfloat16" if min(rough) < 0.8 * min(exact) else "float32"


def autocast(where):
    """Inside `with autocast(device):`, matrix products are of `compute_type(device)`."""
    return torch.autocast(torch.device(where).type, torch.bfloat16, enabled=compute_type(where) == torch.bfloat16)


def seed_everything(seed):
    """Seeds Python, NumPy and torch, and has sums done in one order, so that a second run gives the same figures."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  libraries still draw from the global generator
    torch.manual_seed(seed)
    # Two threads add up the gradient of x[index] in any order. A GPU lacks some algorithms that don't, and would stop.
    torch.use_deterministic_algorithms(device().type == "cpu")
    torch.utils.deterministic.fill_uninitialized_memory = False  # it is for finding faults, and takes time


def fit(step, batches, epochs, after_epoch=None, report_every=1):
    """Runs a training step over all batches of all epochs, and returns the mean loss of each epoch, a list of floats.
    Where somebody watches, a bar tells the batch, its loss, and the time that remains.

    Args:
        step: called with each batch; updates the model and returns the batch's mean loss (a float or a 0-d tensor).
        batches: called with no argument at the start of each epoch; returns an iterable of batches with a length.
        after_epoch: called with the list of mean losses so far, at the end of each epoch (to draw a live figure).
        report_every: prints a line every so many epochs, and one for the last.

    Raises CourseError where there is not one batch, or where the loss is no longer a finite number."""
    history = []
    with Progress(f"epoch 1/{epochs}") as bar:
        for epoch in range(1, epochs + 1):
            start, losses, of_epoch = time.perf_counter(), [], batches()
            bar.total = bar.n + len(of_epoch) * (epochs - epoch + 1)
            bar.set_description_str(f"epoch {epoch}/{epochs}", refresh=False)
            for batch in of_epoch:
                losses.append(torch.as_tensor(step(batch)).detach())
                if bar.update():  # it was drawn, so now and then; reading the loss of each batch would slow a GPU down
                    bar.set_postfix_str(f"loss {losses[-1].item():.4f}", refresh=False)
            if not losses:
                raise CourseError("There is not one batch to train on. Give more data, or a smaller batch.")
            history.append(torch.stack(losses).float().mean().item())
            if not math.isfinite(history[-1]):
                raise CourseError(f"The loss became {history[-1]} in epoch {epoch}. Try a smaller learning rate.")
            if epoch % report_every == 0 or epoch == epochs:
                print(f"epoch {epoch}/{epochs}  loss {history[-1]:.4f}  {time.perf_counter() - start:.1f} s")
            if after_epoch:
                after_epoch(history)
    return history
