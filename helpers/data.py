"""One loader a data folder. Every file is checked by size and hash before it is read."""

import gzip
import hashlib
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import soxr
import torch

from helpers import CourseError

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "data"
TEXTS = ("wordnet", "bible", "austen")
SOUND_RATE = 16_000  # Hz, of data/sounds
DIGIT_RATE = 8_000  # Hz, of data/speech: as on the telephone


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


def read_sound(path, rate=SOUND_RATE):
    """Reads a sound file (wav, flac, ogg, mp3, aiff ...) as one channel at the given sampling rate.

    Args:
        path: of the file.
        rate: samples a second (Hz) to convert to; the conversion filters out what would alias (soxr).

    Returns:
        float32 tensor of shape (samples,), full scale at 1. Stereo is averaged.

    Raises:
        CourseError: no such file, not a sound that libsndfile reads, no samples, or samples that are not numbers.
    """
    path = Path(path)
    if not path.is_file():
        raise CourseError(
            f"There is no file {path}. The notebook looks from {Path.cwd().name}/; give a path from there."
        )
    try:
        channels, own_rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.SoundFileError:
        raise CourseError(
            f"{path.name} is not a sound that can be read here. Save it as wav, flac, ogg or mp3 and try again."
        ) from None
    if not len(channels):
        raise CourseError(f"{path.name} holds no sound: it has 0 samples. Record it again.")
    if not np.isfinite(channels).all():
        raise CourseError(f"{path.name} holds samples that are not numbers (NaN or infinite). Export it again.")
    return torch.from_numpy(soxr.resample(channels.mean(axis=1), own_rate, rate))


def sound(name):
    """One recording of `data/sounds/`, at 16 kHz.

    Args:
        name: such as `"gcompris/violin"` or `"stamps/duck"`; all names stand in `data/sounds/index.json`.

    Returns:
        float32 tensor of shape (samples,), full scale at 1.

    Raises:
        CourseError: no such recording, or its file is missing or damaged.
    """
    names = [entry["name"] for entry in json.loads(checked("sounds/index.json").read_text())]
    if name not in names:
        like = ", ".join(n for n in names if name.split("/")[-1] in n) or "gcompris/violin, stamps/duck"
        raise CourseError(f"There is no recording {name!r}. Try {like}, or look in data/sounds/index.json.")
    return read_sound(checked(f"sounds/{name}.ogg"))


class Digit(NamedTuple):
    """A spoken digit: its signal (samples,) at 8 kHz, the digit, who speaks, the language's code, and whether
    a person spoke it (`real`) or the text-to-speech model Kokoro."""

    signal: torch.Tensor
    digit: int
    voice: str
    language: str
    real: bool


def digits():
    """The spoken digits of `data/speech/`: real voices in 20 languages, synthetic ones in five.

    Returns:
        A list of `Digit`.

    Raises:
        CourseError: a file is missing or damaged.
    """
    entries, spoken = json.loads(checked("speech/digits.json").read_text()), []
    for file in dict.fromkeys(entry["file"] for entry in entries):
        signal = read_sound(checked(f"speech/{file}"), DIGIT_RATE)
        for entry in (e for e in entries if e["file"] == file):
            who = entry["voice"], entry["language"], entry["real"]
            for digit, start, length in zip(entry["digits"], entry["starts"], entry["lengths"], strict=True):
                spoken.append(Digit(signal[start : start + length], digit, *who))
    return spoken
