"""One loader a data folder. Every file is checked by size and hash before it is read; whatever reads `data/` raises
CourseError, with the way out, where a file is missing or damaged."""

import csv
import functools
import hashlib
import html
import io
import json
import lzma
import re
import warnings
from pathlib import Path, PureWindowsPath
from typing import NamedTuple

import numpy as np
import soundfile
import soxr
import torch
from PIL import Image, ImageOps
from safetensors import safe_open

from helpers import CourseError, restore

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "data"
TEXTS = ("wordnet", "bible", "austen")
SOUND_RATE = 16_000  # Hz, of data/sounds
DIGIT_RATE = 8_000  # Hz, of data/speech: as on the telephone
ARTISTS = ("noto", "twemoji", "openmoji", "fluent_flat", "fluent_3d")  # the last two are one company's
EMOJI_SIZE, STAMP_SIZE, NOTE_SIZE = 64, 128, 96  # pixels
NOTE_LENGTH = 24_000  # samples, 1.5 s
NOTE_SOURCES = ("fluid", "timgm6mb", "freepats")  # the last to test with, never to train


def manifest():
    """What `data/manifest.json` says of each data file: `{name: {"bytes": size, "sha256": hash}}`."""
    try:
        found = json.loads((DATA / "manifest.json").read_text(encoding="utf-8"))
        if all({"bytes", "sha256"} <= entry.keys() for entry in found.values()):
            return found
    except (OSError, ValueError, AttributeError):  # missing, cut, or JSON of something else
        pass
    raise CourseError(
        f"data/manifest.json, the list of all data files, is missing or damaged. {restore('data/manifest.json')}"
    )


def checked(name):
    """The path of a data file, such as `"text/austen.txt.xz"`, once size and hash agree with `data/manifest.json`."""
    listed = manifest()
    if name not in listed:
        raise CourseError(
            f"data/manifest.json lists no file {name!r}: it is misspelt, or the list is an older one. "
            f"{restore('data/manifest.json')}"
        )
    path, expected, way_out = DATA / name, listed[name], restore(f"data/{name}")
    try:
        content = path.read_bytes()
    except OSError as error:  # also one that is not ours to read, a folder in its place, a disk that fails
        why = "is missing" if isinstance(error, FileNotFoundError) else f"can't be read ({error.strerror})"
        raise CourseError(f"The data file data/{name} {why}. {way_out}") from None
    if fits(content, expected):
        return path
    if fits(content.replace(b"\r\n", b"\n"), expected):
        # Git takes a changed line end for no change, and a checkout leaves the file as it is: Git must forget it first.
        write = "git -c core.autocrlf=false checkout HEAD -- data"
        if (ROOT / ".git").exists():
            way_out = f"Get it back with these two lines: git rm -r -q --cached data and then: {write}"
        raise CourseError(f"Git changed the line ends of data/{name} to Windows'. {way_out}")
    raise CourseError(
        f"The data file data/{name} is damaged ({len(content):,} bytes, {expected['bytes']:,} expected, "
        f"or another SHA-256). {way_out}"
    )


def fits(content, expected):  # pooch would fetch anew what doesn't fit, and the course is offline
    return len(content) == expected["bytes"] and hashlib.sha256(content).hexdigest() == expected["sha256"]


def index(name):
    """What a JSON file of `data/` lists."""
    return json.loads(checked(name).read_text(encoding="utf-8"))


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


def existing(path, holding=""):
    """The path of a learner's file once it is there, or of a folder `holding` something. `~` is the home folder."""
    kind, other = ("folder", "file") if holding else ("file", "folder")
    try:
        found = Path(path).expanduser()
        if found.is_dir() if holding else found.is_file():
            return found
        instead = f": it is a {other}" if found.exists() else ""
    except (TypeError, OSError, RuntimeError):  # no path, a name too long, a home that is not known
        instead = ""
    raise CourseError(
        f"There is no {kind} {str(path)!r}{instead}. The notebook looks from {Path.cwd().name}/; give a path from there"
        f"{f' to a folder that holds {holding}' if holding else ''}."
    )


def read_sound(path, rate=SOUND_RATE):
    """Reads a sound file (wav, flac, ogg, mp3, aiff ...) as one channel: float32 (samples,), full scale at 1. Stereo is
    averaged; the conversion to `rate` Hz filters out what would alias (soxr). Raises CourseError: no such file, not a
    sound that libsndfile reads, no samples, samples that are not numbers, or a rate that is none."""
    path = existing(path)
    if not isinstance(rate, int | float | np.integer) or not 0 < rate < 1e7:
        raise CourseError(f"The rate counts samples a second and is more than 0, not {rate!r}. Give 16000, say.")
    try:
        channels, own_rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, TypeError):  # a file named .raw is a TypeError: soundfile asks for its format
        raise CourseError(
            f"{path.name} is not a sound that can be read here. Save it as wav, flac, ogg or mp3 and try again."
        ) from None
    if not np.abs(channels).max(initial=0) < 1e30:  # a mean of larger ones is infinite
        raise CourseError(f"{path.name} holds samples that are not numbers (NaN or infinite). Export it again.")
    signal = torch.from_numpy(soxr.resample(channels.mean(axis=1), own_rate, rate))
    if not len(signal):
        raise CourseError(f"{path.name} holds no sound, or is too short: {len(channels)} samples. Record it again.")
    return signal


def sound(name):
    """One recording of `data/sounds/`, such as `"gcompris/violin"` or `"stamps/duck"`, or `data/recordings/`, such as
    `"0ad/cattle_01"` (all names stand in the folders' `index.json`): float32 (samples,) at 16 kHz, full scale at 1."""
    folder = {entry["name"]: f for f in ("sounds", "recordings") for entry in index(f"{f}/index.json")}
    if name not in list(folder):
        like = ", ".join(n for n in folder if str(name).split("/")[-1] in n) or "gcompris/violin, stamps/duck"
        raise CourseError(f"There is no recording {name!r}. Try {like}, or look in data/sounds/index.json.")
    return read_sound(checked(f"{folder[name]}/{name}.ogg"))


def stretches(signal, frame=320):
    """A recording (samples,) cut in two, each of mean power 1, once silent frames (more than 40 dB below the loudest)
    are out: its first two thirds, to train with, and the rest, held out. Raises CourseError on one that is silent."""
    frames = signal[: len(signal) // frame * frame].view(-1, frame)
    power = frames.square().mean(1)
    if not len(power) or not power.max() > 1e-8:
        raise CourseError(f"This recording of {len(signal)} samples is silent, or shorter than {frame} samples.")
    sounding = frames[power > power.max() / 1e4].flatten()
    return tuple(part / part.square().mean().sqrt() for part in sounding.tensor_split([len(sounding) * 2 // 3]))


class Digit(NamedTuple):
    """A spoken digit: its signal (samples,) at 8 kHz, the digit, who speaks, the language's code, and whether
    a person spoke it (`real`) or the text-to-speech model Kokoro."""

    signal: torch.Tensor
    digit: int
    voice: str
    language: str
    real: bool


@functools.lru_cache(maxsize=1)  # one file holds many voices
def speech(file):
    return read_sound(checked(file), DIGIT_RATE)


def cut(file, entry):
    """The clips of a file of speech, as an index entry's starts and lengths (in samples) say."""
    signal = speech(file)
    return [signal[at : at + length] for at, length in zip(entry["starts"], entry["lengths"], strict=True)]


def digits():
    """The spoken digits of `data/speech/`, a list of `Digit`: real voices in 20 languages, synthetic ones in five."""
    spoken = []
    for entry in index("speech/digits.json"):
        clips = zip(cut(f"speech/{entry['file']}", entry), entry["digits"], strict=True)
        spoken += [Digit(*clip, entry["voice"], entry["language"], entry["real"]) for clip in clips]
    return spoken


class Utterance(NamedTuple):
    """A sentence of a real voice: its signal (samples,) at 8 kHz, who speaks, the language's code, and the sex."""

    signal: torch.Tensor
    voice: str
    language: str
    sex: str


def utterances():
    """The telephone prompts of `data/speech/utterances/`, 1 to 6 s each: a list of 315 `Utterance`, five voices."""
    clips = [(cut(f"speech/utterances/{e['file']}", e), e) for e in index("speech/utterances/index.json")]
    return [Utterance(s, e["voice"], e["language"], e["sex"]) for signals, e in clips for s in signals]


def spoken_captions():
    """What the photographs of `stamps` show, said in Bulgarian by one voice: 276 pairs of a stamp's number and a
    signal (samples,) at 8 kHz."""
    entry = index("speech/captions_bg.json")
    return list(zip(entry["stamps"], cut("speech/captions_bg.ogg", entry), strict=True))


class Note(NamedTuple):
    """A note: its signal (24000,) at 16 kHz, the instrument's number in `instruments`, its pitch as a MIDI number (69
    is a', 440 Hz; None for drums and rattles) and how hard it was played (MIDI velocity, 60 or 110; some 85)."""

    signal: torch.Tensor
    instrument: int
    pitch: int | None
    velocity: int


def notes(source="fluid"):
    """The notes of `data/notes/`, rendered from recorded samples: a list of 444 `Note`, twelve an instrument. Two other
    sources share no sample with it: `"timgm6mb"`, 436 of the same notes; `"freepats"`, 384, of 32 instruments."""
    if source not in NOTE_SOURCES:
        raise CourseError(f"There are no notes from {source!r}. Choose one of {', '.join(NOTE_SOURCES)}.")
    found = []
    for number, entry in enumerate(index(f"notes/{source}/index.json".replace("fluid/", ""))):
        if not entry["notes"]:
            continue
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
    entries = index("notes/index.json")
    found = [Instrument(e["name"], e["recording"], [p["artist"] for p in e["pictures"]]) for e in entries]
    owner = torch.tensor([i for i, one in enumerate(found) for _ in one.artists])
    return found, tiles("notes/pictures.webp", "RGBA", NOTE_SIZE, len(owner)), owner


def faces():
    """The drawn faces of `data/faces/`: a list of 400 dictionaries (sex, shapes, sizes, colours; facesjs's names), and
    the pictures, uint8 (400, 3, 64, 64), on white ground."""
    entries = index("faces/index.json")
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
        for entry in index("emoji/concepts.json")
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


def stamps(more=False):
    """The photographs of `data/stamps/`, cut out: a list of 276 `Stamp`, and the pictures, uint8 (276, 4, 128, 128):
    red, green, blue, and alpha (0 where the background was). With `more`, those only scenes use follow: 22 further."""
    keys, found, pictures = ("name", "noun", "kind", "en", "ko", "sound"), [], []
    for entries, sheet in (("index", "photographs"), ("more", "more"))[: 1 + more]:
        listed = index(f"stamps/{entries}.json")
        found += [Stamp(*(entry[key] for key in keys)) for entry in listed]
        pictures.append(tiles(f"stamps/{sheet}.webp", "RGBA", STAMP_SIZE, len(listed)))
    return found, torch.cat(pictures)


def on_white(pictures):
    """Puts cut-out pictures on white ground: uint8 (..., 4, height, width) -> (..., 3, height, width)."""
    pictures = torch.as_tensor(pictures)
    if pictures.ndim < 3 or pictures.shape[-3] != 4:
        raise CourseError(f"on_white takes pictures of shape (..., 4, height, width), not {tuple(pictures.shape)}.")
    alpha = pictures[..., 3:, :, :].float() / 255
    white = (pictures[..., :3, :, :] * alpha).add_(255 * (1 - alpha))  # in place: a few hundred pictures are large
    return white.round_().to(torch.uint8)


def read_picture(path, size=EMOJI_SIZE):
    """Reads a picture file (png, jpeg, webp, gif, bmp, tiff) of any mode, whole, amid a white square of `size` pixels a
    side: uint8 (3, size, size). What is transparent becomes white; of a film it is the first picture. Raises
    CourseError: no such file, not a picture that Pillow reads, a damaged one, or more than 89 million pixels."""
    path = existing(path)
    if not isinstance(size, int) or size < 1:
        raise CourseError(f"size is the square's side in pixels, a whole number from 1, not {size!r}.")
    try:
        with (
            warnings.catch_warnings(action="error", category=Image.DecompressionBombWarning),
            Image.open(path) as picture,
        ):
            return squared(picture, size)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise CourseError(f"{path.name} is larger than 89 million pixels. Save it smaller.") from None
    except Exception:  # a damaged file can make a decoder raise anything
        raise CourseError(
            f"{path.name} is not a picture that can be read here, or it is damaged. Save it as png or jpeg."
        ) from None


def squared(picture, size):
    """A PIL image, upright and whole, in the middle of a white square: uint8 tensor (3, size, size)."""
    upright = ImageOps.exif_transpose(picture)
    if upright.mode[0] in "IF":  # more than 8 bits a pixel, which Pillow would cut off at 255
        wide = np.asarray(upright, dtype=np.float64)
        upright = Image.fromarray((255 * wide / (65_535 if "16" in upright.mode else wide.max())).astype(np.uint8))
    upright = upright.convert("RGBA")
    white = Image.new("RGBA", upright.size, "white")
    flat = Image.alpha_composite(white, upright).convert("RGB")
    square = ImageOps.pad(flat, (size, size), Image.Resampling.LANCZOS, color="white")
    return torch.from_numpy(np.array(square)).permute(2, 0, 1).contiguous()


CAPTIONS = "captions*.json (COCO), or Flickr8k.token.txt, captions.txt or *.html (Flickr8k)"


def captioned_folder(folder, size, most=8000):
    """Reads COCO Captions or Flickr8k, as one downloads them, from a folder of the learner's (at any depth): the first
    `most` pictures in the order of their paths, as `read_picture` makes them, uint8 (n, 3, size, size), and a list of n
    tuples of captions, as many for each picture as the one with fewest has; lower case, words of letters only, with
    blanks between them. What has no picture, no word, or a picture that can't be read is left out; of several files of
    captions, that with the most pictures counts. Raises CourseError: no such folder, no captions, or not one of their
    pictures."""
    folder = existing(folder, holding=CAPTIONS)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    named = {p.stem.lower(): p for p in files if p.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp")}
    named = {f"{stem.split('_')[0]}_": path for stem, path in named.items()} | named  # Flickr8k's page names numbers
    written = {path.name: said for path in files if (said := captions_in(path))}
    if not written:
        raise CourseError(f"The folder {folder.name!r} holds no captions that can be read. Give one with {CAPTIONS}.")
    best = {}
    for said in written.values():
        found = {}
        for name, caption in said:
            stem = PureWindowsPath(name).stem  # both / and \ end a folder
            path, words = named.get(stem.lower()), re.findall(r"[^\W\d_]+", caption.lower())
            if path and words:
                found.setdefault(path, []).append(" ".join(words))
        best = max(best, found, key=len)
    read, left_out = {}, []
    for path in sorted(best)[:most]:
        try:
            read[path] = read_picture(path, size)
        except CourseError:
            left_out.append(path.name)
    if not read:
        raise CourseError(
            f"The folder {folder.name!r} holds captions ({', '.join(written)}), but not one of their pictures that can "
            "be read. Put the folder of pictures beside them."
        )
    if left_out:
        print(f"Left out, because they can't be read: {len(left_out)} pictures, such as {left_out[0]}.")
    fewest = min(len(best[path]) for path in read)
    return torch.stack(list(read.values())), [tuple(best[path][:fewest]) for path in read]


def captions_in(path):  # torchvision's CocoCaptions needs pycocotools, and knows one of these formats
    """The pairs (name of a picture, caption) of a file of captions, in any of four formats; none of other files."""
    name = path.name.lower()
    if not re.search(r"captions.*\.(json|txt|csv)$|token(\.txt)?$|\.html?$", name) or "lemma" in name:
        return []  # COCO's other files need gigabytes of memory, and lemmas are no captions
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
        if name.endswith("json"):
            coco = json.loads(text)
            files = {image["id"]: image["file_name"] for image in coco["images"]}
            pairs = [(files.get(said["image_id"]), said["caption"]) for said in coco["annotations"]]
            return [pair for pair in pairs if all(isinstance(part, str) for part in pair)]
        if name.endswith(("html", "htm")):
            picture, pairs = "", []
            for link, gone, said in re.findall(r"<a\b[^>]*>([^<]*)</a>|(Image Not Found)|<li>([^<]*)", text):
                if link or gone:
                    picture = link.strip().rstrip("/").split("/")[-1] + "_"
                pairs += [(picture, html.unescape(said))] if said else []
            return pairs
        tabs = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} if "\t" in text.split("\n", 1)[0] else {}
        rows = csv.reader(io.StringIO(text), **tabs)
        return [(row[0].split("#")[0], ",".join(row[1:])) for row in rows if len(row) > 1]
    except (OSError, ValueError, KeyError, TypeError, csv.Error):  # cut off, or of another kind
        return []


def weights(name):
    """A network of `data/weights/`, such as `"conditional_gan"`: trained longer than a lecture lasts, or published. Its
    state, `{name: tensor}` for `load_state_dict`, in half precision (where `name.scale` stands beside an int8 `name`,
    the weight is their product); and a recipe `{name: str}`: configuration, seconds, machine, losses as a JSON list; or
    where it comes from."""
    stored = sorted(Path(path).stem for path in manifest() if path.startswith("weights/"))
    if name not in stored:
        raise CourseError(f"There are no weights {name!r}. Choose one of {', '.join(stored)}.")
    with safe_open(checked(f"weights/{name}.safetensors"), "pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}, file.metadata()  # noqa: SIM118  not a dict
