"""What went wrong, in words: the learner's error with the learner's own line, and nothing of the checks' own."""

import traceback

import numpy as np
import torch

from helpers.checks.limits import own

UNWRITTEN = "it is not written yet"
NOTHING = "it returned nothing; is a return missing?"
NO_GRADIENT = "no gradient can flow: stay with torch's functions"


def truth(verdict):
    """A case's verdict as True or a text; a truth value of NumPy's or torch's counts as one."""
    if isinstance(verdict, str):
        return verdict or "it does not"
    try:
        return bool(verdict) or "it does not"
    except (RuntimeError, ValueError):
        return "it does not"


def learners(error):
    """The learner's frames on an error's way, the innermost last."""
    return [frame for frame in traceback.extract_tb(error.__traceback__) if own(frame.filename)]


def place(error):
    frames = learners(error)
    return f" (line {frames[-1].lineno}: `{frames[-1].line or frames[-1].name}`)" if frames else ""


def message(error):
    """An error's name and what it says, in one line that is not too long."""
    try:
        said = " ".join(str(error).split())
    except Exception:
        said = "what it says cannot be read, since its __str__ fails"
    said = said if len(said) <= 300 else f"{said[:300]} ..."
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def described(error):
    """An error that the learner's function raised."""
    frames = traceback.extract_tb(error.__traceback__)
    if type(error) is NotImplementedError and not error.args and own(frames[-1].filename):
        return UNWRITTEN if len(learners(error)) == 1 else f"it calls {frames[-1].name}, which is not written yet"
    return f"it stopped with {message(error)}{place(error)}"


def misfit(error, last, returned=True):
    """An error of the case itself, brought about by the last value that came back."""
    if not returned:
        told = "please tell your teacher, with what make doctor REPORT=1 prints"
        return f"the check itself stopped with {message(error)}: {told}"
    if last is None:
        return NOTHING
    said = message(error)
    part_missing = isinstance(last, list | tuple) and any(x is None for x in last)
    if "does not require grad" in said or ("'NoneType'" in said and not part_missing):
        return NO_GRADIENT
    return f"the check cannot use what it returned, {what(last)} ({said})"


def what(x):
    """A value in a few words: "a tensor of shape (3, 4)"."""
    if isinstance(x, torch.Tensor | np.ndarray):
        return f"{'a tensor' if isinstance(x, torch.Tensor) else 'an array'} of shape {tuple(x.shape)}"
    kind = f"{'an' if type(x).__name__[0] in 'aeiou' else 'a'} {type(x).__name__}"
    return f"{kind} of {len(x)}" if isinstance(x, list | tuple) else kind
