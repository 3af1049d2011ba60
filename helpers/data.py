"""One loader a data folder. Every file is checked by size and hash before it is read."""

import gzip
import hashlib
import json
from pathlib import Path

import numpy as np
import torch

from helpers import CourseError

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "data"
TEXTS = ("wordnet", "bible", "austen")


def checked(name):
    """The path of a data file, once its size and hash agree with `data/manifest.json`.

    Args:
        name: path below `data/`, such as `"text/austen.txt.gz"`.

    Returns:
        `pathlib.Path` of the file.

    Raises:
        CourseError: the file is missing or damaged; the message names the file and the way out.
    """
    path, expected = DATA / name, json.loads((DATA / "manifest.json").read_text())[name]
    way_out = f"Get it back with: git checkout -- data/{name}"
    if not path.is_file():
        raise CourseError(f"The data file data/{name} is missing. {way_out}")
    content = path.read_bytes()
    if len(content) != expected["bytes"] or hashlib.sha256(content).hexdigest() != expected["sha256"]:
        raise CourseError(
            f"The data file data/{name} is damaged ({len(content):,} bytes, {expected['bytes']:,} expected, "
            f"or another SHA-256). {way_out}"
        )
    return path


def text(name):
    """The lines of one text: a dictionary entry, a verse or a paragraph each.

    Args:
        name: `"wordnet"` (117,659 entries), `"bible"` (32,958 lines) or `"austen"` (10,298 paragraphs).

    Returns:
        A list of `str`, as printed: with capitals and punctuation.

    Raises:
        CourseError: no such text, or its file is missing or damaged.
    """
    if name not in TEXTS:
        raise CourseError(f"There is no text {name!r}. Choose one of {', '.join(TEXTS)}.")
    return gzip.decompress(checked(f"text/{name}.txt.gz").read_bytes()).decode().splitlines()


def glove():
    """GloVe 6B in 50 dimensions (Pennington et al. 2014), its 20,000 most frequent words.

    Returns:
        words: list of 20,000 `str`, most frequent first, lower case.
        vectors: float32 tensor of shape (20000, 50), stored in half precision, not normalised.

    Raises:
        CourseError: the file is missing or damaged.
    """
    with np.load(checked("text/glove.npz"), allow_pickle=False) as stored:
        return stored["words"].tolist(), torch.from_numpy(stored["vectors"].astype(np.float32))
