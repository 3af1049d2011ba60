"""Device, seed, and the loop that shows a run's progress."""

import math
import os
import random
import sys
import time

import numpy as np
import torch
from IPython import get_ipython
from IPython.display import DisplayHandle
from tqdm import tqdm

from helpers import CourseError


def live():
    """True where somebody watches: in JupyterLab, VS Code or a terminal, but not under nbconvert, nbval or pytest."""
    return "JPY_SESSION_NAME" in os.environ or "VSCODE_PID" in os.environ or sys.stderr.isatty()


class Line:
    """A file for tqdm that is one line of a notebook: each text written to it takes the place of the one before."""

    def __init__(self):
        self.handle = DisplayHandle()
        self.show = self.handle.display

    def write(self, text):
        if text.strip():
            self.show({"text/plain": text.strip()}, raw=True)
            self.show = self.handle.update

    def flush(self):
        pass


class Progress(tqdm):
    """tqdm's bar as a line of text. Once it is closed, a notebook keeps a plain line, a terminal nothing.

    It is drawn where somebody watches, and not where a notebook runs as a test.
    """

    def __init__(self, desc, batches=()):
        if get_ipython() is None or sys.stderr.isatty():
            super().__init__(batches, desc, leave=False, disable=not live())
        else:
            super().__init__(batches, desc, file=Line(), ncols=90, disable=not live())

    def close(self):
        self.bar_format = "{desc}: {n_fmt}/{total_fmt} batches in {elapsed}"  # what stays
        super().close()


def device():
    """The fastest device at hand, as `torch.device`: an NVIDIA GPU, Apple's, or the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def autocast(where):
    """Inside `with autocast(device):`, matrix products are of 16 bits (bfloat16): faster, and precise enough to train.

    Off on Apple's GPUs.
    """
    return torch.autocast(where.type, torch.bfloat16, enabled=where.type != "mps")


def seed_everything(seed):
    """Seeds Python's, NumPy's and torch's generators, so that a second run gives the same figures."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  libraries still draw from the global generator
    torch.manual_seed(seed)


def fit(step, batches, epochs, after_epoch=None, report_every=1):
    """Runs a training step over all batches of all epochs and prints a line an epoch, or one every few epochs.

    Where somebody watches, a bar tells the batch, its loss, and the time that remains.

    Args:
        step: called with each batch; updates the model and returns the batch's mean loss (a float or a 0-d tensor).
        batches: called with no argument at the start of each epoch; returns an iterable of batches with a length.
        epochs: how often to go through the data.
        after_epoch: called with the list of mean losses so far, at the end of each epoch (to draw a live figure).
        report_every: prints a line every so many epochs, and one for the last.

    Returns:
        The mean loss of each epoch, a list of `epochs` floats.

    Raises:
        CourseError: there is not one batch, or the loss is no longer a finite number.
    """
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
