"""One loader a data folder. Every file is checked by size and hash before it is read; whatever reads `data/` raises
CourseError, with the way out, where a file is missing or damaged."""

import gzip
import hashlib
import json
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import soxr
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from safetensors import safe_open

from helpers import CourseError

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "data"
TEXTS = ("wordnet", "bible", "austen")
SOUND_RATE = 16_000  # Hz, of data/sounds
DIGIT_RATE = 8_000  # Hz, of data/speech: as on the telephone
ARTISTS = ("noto", "twemoji", "openmoji", "fluent_flat", "fluent_3d")  # the last two are one company's
EMOJI_SIZE, STAMP_SIZE = 64, 128  # pixels


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
        CourseError: no such text.
    """
    if name not in TEXTS:
        raise CourseError(f"There is no text {name!r}. Choose one of {', '.join(TEXTS)}.")
    return gzip.decompress(checked(f"text/{name}.txt.gz").read_bytes()).decode().splitlines()


def glove(rare=False):
    """GloVe 6B in 50 dimensions (Pennington et al. 2014), its 20,000 most frequent words.

    Args:
        rare: adds 1,247 rarer words that name what our pictures show, such as giraffe and teapot.

    Returns:
        words: list of `str`, most frequent first, lower case.
        vectors: float32 tensor of shape (words, 50), stored in half precision, not normalised.
    """
    words, vectors = [], []
    for name in ("glove", "glove_rare")[: 1 + rare]:
        with np.load(checked(f"text/{name}.npz"), allow_pickle=False) as stored:
            words += stored["words"].tolist()
            vectors.append(torch.from_numpy(stored["vectors"].astype(np.float32)))
    return words, torch.cat(vectors)


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
        CourseError: no such recording.
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
    """
    entries, spoken = json.loads(checked("speech/digits.json").read_text()), []
    for file in dict.fromkeys(entry["file"] for entry in entries):
        signal = read_sound(checked(f"speech/{file}"), DIGIT_RATE)
        for entry in (e for e in entries if e["file"] == file):
            who = entry["voice"], entry["language"], entry["real"]
            for digit, start, length in zip(entry["digits"], entry["starts"], entry["lengths"], strict=True):
                spoken.append(Digit(signal[start : start + length], digit, *who))
    return spoken


def tiles(name, mode, size, count):
    """The first `count` squares of a sheet of pictures, row by row: uint8 (count, channels, size, size)."""
    with Image.open(checked(name)) as picture:
        sheet = torch.from_numpy(np.array(picture.convert(mode)))
    rows, columns = sheet.shape[0] // size, sheet.shape[1] // size
    grid = sheet.reshape(rows, size, columns, size, -1).permute(0, 2, 4, 1, 3)
    return grid.flatten(0, 1)[:count].contiguous()


class Concept(NamedTuple):
    """What an emoji means: its character, group and name, and the keywords in English and in Korean, name included.
    All keywords are in lower case, in the order of the alphabet."""

    emoji: str
    group: str
    name: str
    english: list
    korean: list


def emoji():
    """The drawings of `data/emoji/`: 1,570 concepts, each drawn five times, by four independent artists.

    Returns:
        concepts: list of 1,570 `Concept`.
        pictures: uint8 tensor (5, 1570, 3, 64, 64), red, green and blue on white ground, one artist of `ARTISTS` a row.
    """
    concepts = [
        Concept(entry["emoji"], entry["group"], entry["en"]["name"], *(keywords(entry[code]) for code in ("en", "ko")))
        for entry in json.loads(checked("emoji/concepts.json").read_text())
    ]
    sheets = [tiles(f"emoji/{artist}.webp", "RGB", EMOJI_SIZE, len(concepts)) for artist in ARTISTS]
    return concepts, torch.stack(sheets)


def keywords(entry):
    return sorted({word.lower() for word in [entry["name"], *entry["keywords"]]})


class Stamp(NamedTuple):
    """A photograph cut out of its background: its name, the plain noun for it, its kind (`animal`, `food` ...),
    its caption in English and in Korean, and the name of its recording for `sound`, or None."""

    name: str
    noun: str
    kind: str
    english: str
    korean: str
    sound: str | None


def stamps():
    """The photographs of `data/stamps/`, cut out.

    Returns:
        stamps: list of 276 `Stamp`.
        pictures: uint8 tensor (276, 4, 128, 128): red, green, blue, and alpha (0 where the background was).
    """
    entries = json.loads(checked("stamps/index.json").read_text())
    found = [Stamp(*(entry[key] for key in ("name", "noun", "kind", "en", "ko", "sound"))) for entry in entries]
    return found, tiles("stamps/photographs.webp", "RGBA", STAMP_SIZE, len(found))


def on_white(pictures):
    """Puts cut-out pictures on white ground: uint8 (..., 4, height, width) -> (..., 3, height, width)."""
    colour, alpha = pictures[..., :3, :, :].float(), pictures[..., 3:, :, :].float() / 255
    return (colour * alpha + 255 * (1 - alpha)).round().to(torch.uint8)


def read_picture(path, size=EMOJI_SIZE):
    """Reads a picture file of any size and mode, whole, in the middle of a white square.

    Args:
        path: of the file (png, jpeg, webp, gif, bmp, tiff). What is transparent becomes white.
        size: the square's side, in pixels.

    Returns:
        uint8 tensor (3, size, size): red, green, blue.

    Raises:
        CourseError: no such file, not a picture that Pillow reads, or a damaged one.
    """
    path = Path(path)
    if not path.is_file():
        raise CourseError(
            f"There is no file {path}. The notebook looks from {Path.cwd().name}/; give a path from there."
        )
    try:
        with Image.open(path) as picture:
            return squared(picture, size)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise CourseError(
            f"{path.name} is not a picture that can be read here, or it is damaged. Save it as png or jpeg."
        ) from None


def squared(picture, size):
    """A PIL image, upright and whole, in the middle of a white square: uint8 tensor (3, size, size)."""
    upright = ImageOps.exif_transpose(picture).convert("RGBA")
    white = Image.new("RGBA", upright.size, "white")
    flat = Image.alpha_composite(white, upright).convert("RGB")
    square = ImageOps.pad(flat, (size, size), Image.Resampling.LANCZOS, color="white")
    return torch.from_numpy(np.array(square)).permute(2, 0, 1).contiguous()


def captioned_folder(folder, size, most=8000):
    """Reads COCO Captions or Flickr8k from a folder of the learner's, through `torchvision.datasets`.

    Args:
        folder: holds COCO's `captions_*.json` (anywhere below) with its pictures, or Flickr8k's page of captions
            (`*.html`) with its `*.jpg` files.
        size: pictures become squares of so many pixels a side, on white.
        most: read the first so many pictures, at most.

    Returns:
        pictures: uint8 tensor (n, 3, size, size).
        captions: list of n tuples of captions, as many for each picture as the one with fewest has; lower case, words
            of letters only, with blanks between them.

    Raises:
        CourseError: no such folder, or neither data set in it.
    """
    import torchvision  # a second and a hundred megabytes, which only this function needs

    folder = Path(folder)
    coco, flickr = sorted(folder.glob("**/captions*.json")), sorted(folder.glob("**/*.html"))
    if coco:
        name = json.loads(coco[0].read_text())["images"][0]["file_name"]
        root = next((path.parent for path in folder.glob(f"**/{name}")), folder)
        found = torchvision.datasets.CocoCaptions(root, coco[0])
    elif flickr:
        root = next((path.parent for path in folder.glob("**/*.jpg")), folder)
        found = torchvision.datasets.Flickr8k(str(root), str(flickr[0]))
    else:
        raise CourseError(f"There is no captions*.json (COCO) and no *.html (Flickr8k) in the folder {folder.name!r}.")
    pictures, captions = [], []
    for i in range(min(most, len(found))):
        picture, said = found[i]
        pictures.append(squared(picture, size))
        captions.append([" ".join(re.findall("[a-z]+", caption.lower())) for caption in said])
    fewest = min(map(len, captions))
    return torch.stack(pictures), [tuple(said[:fewest]) for said in captions]


def weights(name):
    """A network of `data/weights/`: trained longer than a lecture lasts, or published; and the recipe that made it.

    Args:
        name: of the file without its ending, such as `"conditional_gan"`.

    Returns:
        state: `{name: tensor}` for `load_state_dict`, in half precision; int8 where `name.scale` stands beside `name`:
            weight = int8 * scale.
        recipe: `{name: str}`: configuration, seconds, machine, and the losses as a JSON list; or where it comes from.

    Raises:
        CourseError: no such network.
    """
    stored = sorted(Path(p).stem for p in json.loads((DATA / "manifest.json").read_text()) if p.startswith("weights/"))
    if name not in stored:
        raise CourseError(f"There are no weights {name!r}. Choose one of {', '.join(stored)}.")
    with safe_open(checked(f"weights/{name}.safetensors"), "pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}, file.metadata()  # noqa: SIM118  not a dict
