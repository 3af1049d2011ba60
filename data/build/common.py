"""What the build scripts share: fetching packages, reading Qt's resource files, and the manifest."""

import hashlib
import json
import struct
import subprocess
import zlib
from pathlib import Path

DATA = Path(__file__).resolve().parents[1]
MACHINE = "one thread on an AMD EPYC, a virtual machine with two shared cores, bfloat16"  # of the long runs


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


def rcc(path):
    """The files in a Qt resource (.rcc): `{path inside: bytes}`. Format: Qt's qresource.cpp."""
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
