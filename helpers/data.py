"""One loader a data folder. Every file is checked by size and hash before it is read; whatever reads `data/` raises
CourseError, with the way out, where a file is missing or damaged."""

import functools
import hashlib
import json
import lzma
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
EMOJI_SIZE, STAMP_SIZE, NOTE_SIZE = 64, 128, 96  # pixels
NOTE_LENGTH = 24_000  # samples, 1.5 s


def checked(name):
    """The path of a data file, such as `"text/austen.txt.xz"`, once size and hash agree with `data/manifest.json`."""
    path, expected = DATA / name, json.loads((DATA / "manifest.json").read_text(encoding="utf-8"))[name]
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
    """The lines of one text, a list of `str` as printed: those of `"wordnet"` (117,659 dictionary entries), `"bible"`
    (32,958 verses or paragraphs) or `"austen"` (10,298 paragraphs)."""
    if name not in TEXTS:
        raise CourseError(f"There is no text {name!r}. Choose one of {', '.join(TEXTS)}.")
    return lzma.decompress(checked(f"text/{name}.txt.xz").read_bytes()).decode().splitlines()


def glove(rare=False):
    """GloVe 6B in 50 dimensions (Pennington et al. 2014): its 20,000 most frequent words, a list of `str` in lower
    case, most frequent first, and float32 vectors (words, 50), stored in half precision, not normalised. `rare` adds
    1,247 rarer words that name what our pictures show, such as giraffe and teapot."""
    words, vectors = [], []
    for name in ("glove", "glove_rare")[: 1 + rare]:
        with np.load(checked(f"text/{name}.npz"), allow_pickle=False) as stored:
            words += stored["words"].tolist()
            vectors.append(torch.from_numpy(stored["vectors"].astype(np.float32)))
    return words, torch.cat(vectors)


def existing(path):
    if not Path(path).is_file():
        raise CourseError(
            f"There is no file {path}. The notebook looks from {Path.cwd().name}/; give a path from there."
        )
    return Path(path)


def read_sound(path, rate=SOUND_RATE):
    """Reads a sound file (wav, flac, ogg, mp3, aiff ...) as one channel: float32 (samples,), full scale at 1. Stereo is
    averaged; the conversion to `rate` Hz filters out what would alias (soxr). Raises CourseError: no such file, not a
    sound that libsndfile reads, no samples, or samples that are not numbers."""
    path = existing(path)
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
    """One recording of `data/sounds/`, such as `"gcompris/violin"` or `"stamps/duck"` (all names stand in
    `data/sounds/index.json`): float32 tensor of shape (samples,) at 16 kHz, full scale at 1."""
    names = [entry["name"] for entry in json.loads(checked("sounds/index.json").read_text(encoding="utf-8"))]
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


@functools.lru_cache(maxsize=1)  # one file holds many voices
def whole(file, rate):
    return read_sound(checked(file), rate)


def cut(file, rate, entry):
    """The clips of a sound file, at `rate` Hz, as an index entry's starts and lengths (in samples) say."""
    signal = whole(file, rate)
    return [signal[at : at + length] for at, length in zip(entry["starts"], entry["lengths"], strict=True)]


def digits():
    """The spoken digits of `data/speech/`, a list of `Digit`: real voices in 20 languages, synthetic ones in five."""
    spoken = []
    for entry in json.loads(checked("speech/digits.json").read_text(encoding="utf-8")):
        signals, who = (
            cut(f"speech/{entry['file']}", DIGIT_RATE, entry),
            [entry[k] for k in ("voice", "language", "real")],
        )
        spoken += [Digit(signal, digit, *who) for signal, digit in zip(signals, entry["digits"], strict=True)]
    return spoken


class Utterance(NamedTuple):
    """A sentence of a real voice: its signal (samples,) at 8 kHz, who speaks, the language's code, and the sex."""

    signal: torch.Tensor
    voice: str
    language: str
    sex: str


def utterances():
    """The telephone prompts of `data/speech/utterances/`, 1 to 6 s each: a list of 315 `Utterance`, five voices."""
    entries = json.loads(checked("speech/utterances/index.json").read_text(encoding="utf-8"))
    clips = [(cut(f"speech/utterances/{e['file']}", DIGIT_RATE, e), e) for e in entries]
    return [Utterance(s, e["voice"], e["language"], e["sex"]) for signals, e in clips for s in signals]


def spoken_captions():
    """What the photographs of `stamps` show, said in Bulgarian by one voice: 276 pairs of a stamp's number and a
    signal (samples,) at 8 kHz."""
    entry = json.loads(checked("speech/captions_bg.json").read_text(encoding="utf-8"))
    return list(zip(entry["stamps"], cut("speech/captions_bg.ogg", DIGIT_RATE, entry), strict=True))


class Note(NamedTuple):
    """A note: its signal (24000,) at 16 kHz, the instrument's number in `instruments`, its pitch as a MIDI number (69
    is a', 440 Hz; None for drums and rattles) and how hard it was played (MIDI velocity, 60 or 110; some 85)."""

    signal: torch.Tensor
    instrument: int
    pitch: int | None
    velocity: int


def notes():
    """The notes of `data/notes/`, rendered from recorded samples: a list of 444 `Note`, twelve an instrument."""
    found = []
    for number, entry in enumerate(json.loads(checked("notes/index.json").read_text(encoding="utf-8"))):
        signals = read_sound(checked(f"notes/{entry['file']}")).unfold(0, NOTE_LENGTH, NOTE_LENGTH + 400)
        for signal, (key, velocity, _) in zip(signals, entry["notes"], strict=True):
            found.append(Note(signal, number, key if entry["pitched"] else None, velocity))
    return found


class Instrument(NamedTuple):
    """An instrument: its name, its recording from another source for `sound` (or None), and who drew its pictures."""

    name: str
    recording: str | None
    artists: list


def instruments():
    """The instruments of `data/notes/`: list of 37 `Instrument`, their pictures (uint8 (155, 4, 96, 96), with alpha, in
    the instruments' order, as many each as it has artists), and each picture's instrument (int64 (155,))."""
    entries = json.loads(checked("notes/index.json").read_text(encoding="utf-8"))
    found = [Instrument(e["name"], e["recording"], [p["artist"] for p in e["pictures"]]) for e in entries]
    owner = torch.tensor([i for i, one in enumerate(found) for _ in one.artists])
    return found, tiles("notes/pictures.webp", "RGBA", NOTE_SIZE, len(owner)), owner


def faces():
    """The drawn faces of `data/faces/`: a list of 400 dictionaries (sex, shapes, sizes, colours; facesjs's names), and
    the pictures, uint8 (400, 3, 64, 64), on white ground."""
    entries = json.loads(checked("faces/index.json").read_text(encoding="utf-8"))
    return entries, tiles("faces/faces.webp", "RGB", EMOJI_SIZE, len(entries))


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
    """The drawings of `data/emoji/`, by four independent artists: a list of 1,570 `Concept`, and the pictures, uint8
    (5, 1570, 3, 64, 64), red, green and blue on white ground, one of `ARTISTS` a row."""
    concepts = [
        Concept(entry["emoji"], entry["group"], entry["en"]["name"], *(keywords(entry[code]) for code in ("en", "ko")))
        for entry in json.loads(checked("emoji/concepts.json").read_text(encoding="utf-8"))
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
    """The photographs of `data/stamps/`, cut out: a list of 276 `Stamp`, and the pictures, uint8 (276, 4, 128, 128):
    red, green, blue, and alpha (0 where the background was)."""
    entries = json.loads(checked("stamps/index.json").read_text(encoding="utf-8"))
    found = [Stamp(*(entry[key] for key in ("name", "noun", "kind", "en", "ko", "sound"))) for entry in entries]
    return found, tiles("stamps/photographs.webp", "RGBA", STAMP_SIZE, len(found))


def on_white(pictures):
    """Puts cut-out pictures on white ground: uint8 (..., 4, height, width) -> (..., 3, height, width)."""
    alpha = pictures[..., 3:, :, :].float() / 255
    white = (pictures[..., :3, :, :] * alpha).add_(255 * (1 - alpha))  # in place: a few hundred pictures are large
    return white.round_().to(torch.uint8)


def read_picture(path, size=EMOJI_SIZE):
    """Reads a picture file (png, jpeg, webp, gif, bmp, tiff) of any size and mode, whole, amid a white square of `size`
    pixels a side: uint8 (3, size, size). What is transparent becomes white. Raises CourseError: no such file,
    not a picture that Pillow reads, or a damaged one."""
    path = existing(path)
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
    """Reads COCO Captions or Flickr8k from a folder of the learner's, through `torchvision.datasets`: pictures, uint8
    (n, 3, size, size), and a list of n tuples of captions, as many for each picture as the one with fewest has; lower
    case, words of letters only, with blanks between them.

    Args:
        folder: holds COCO's `captions_*.json` (anywhere below) with its pictures, or Flickr8k's page of captions
            (`*.html`) with its `*.jpg` files.
        size: pictures become squares of so many pixels a side, on white.
        most: read the first so many pictures, at most.
    """
    import torchvision  # a second and a hundred megabytes, which only this function needs

    folder = Path(folder)
    coco, flickr = sorted(folder.glob("**/captions*.json")), sorted(folder.glob("**/*.html"))
    if coco:
        name = json.loads(coco[0].read_text(encoding="utf-8"))["images"][0]["file_name"]
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
    """A network of `data/weights/`, such as `"conditional_gan"`: trained longer than a lecture lasts, or published. Its
    state, `{name: tensor}` for `load_state_dict`, in half precision (where `name.scale` stands beside an int8 `name`,
    the weight is their product); and a recipe `{name: str}`: configuration, seconds, machine, losses as a JSON list; or
    where it comes from."""
    stored = sorted(
        Path(p).stem
        for p in json.loads((DATA / "manifest.json").read_text(encoding="utf-8"))
        if p.startswith("weights/")
    )
    if name not in stored:
        raise CourseError(f"There are no weights {name!r}. Choose one of {', '.join(stored)}.")
    with safe_open(checked(f"weights/{name}.safetensors"), "pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}, file.metadata()  # noqa: SIM118  not a dict
