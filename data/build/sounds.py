"""Makes data/sounds/ again from the named packages: mono, 16 kHz, Ogg Vorbis. Learners never need to run it.

Needs a Debian machine (`apt-get`, `dpkg`) and the course's environment. Run it from the repository's root:

    python data/build/sounds.py
"""

import io
import tempfile
from pathlib import Path

import numpy as np
import soundfile
import soxr
from common import DATA, debian, rcc, write_by_kind

RATE = 16_000
DEBIAN = ["gcompris-qt-data=3.1-2", "tuxpaint-stamps-default=2022.06.04-1"]
INSTRUMENTS = "gcompris/src/activities/instruments/resource"
FARM = "gcompris/src/activities/explore_farm_animals/resource/animals"
MEMORY = "gcompris/src/activities/memory-sound/resource"
# The file's name in GCompris' memory game, ours, and what kind of thing it is. Left out: noises that no word names.
AROUND = {
    "LRStartAndStopCarEngine1LACut": ("car_engine", "machine"),
    "LRTrain_slowing_down_01_LA_cut": ("train", "machine"),
    "LRFactory_noise_02_LA": ("factory", "machine"),
    "LRDoor_Open_2_LA": ("door", "household"),
    "LRObject_falling_02_LA": ("falling_object", "household"),
    "LRBuddhist_gong_05_LA": ("gong", "instrument"),
    "guitar_melody": ("guitar_melody", "instrument"),
    "LRBark_1_LA_cut": ("bark_1", "animal"),
    "LRBark_3_LA_cut": ("bark_3", "animal"),
    "LRApplauses_1_LA_cut": ("applause", "people"),
    "LRHeart_beat_01_LA": ("heartbeat", "people"),
    "LRFrogsInPondDuringStormLACut": ("frogs_in_storm", "nature"),
    "LRRain_in_garden_01_LA_cut": ("rain", "nature"),
}
KINDS = {
    "animals": "animal",
    "hobbies/music": "instrument",
    "household": "household",
    "naturalforces": "nature",
    "vehicles": "machine",
}
# Silent files; files that two animals share; under a hundredth of full scale; a cartoon's noise; one that is not free.
NOT_THESE = "nandou iguana giraffe wombat badger beaver ram mountaingoat rubberduck bathyscape firetruck".split()


def gcompris(root):
    """Yields (name, kind, where it comes from, licence, the file's bytes)."""
    archives = root / "usr/share/gcompris-qt/rcc"
    for path, content in rcc(archives / "instruments.rcc").items():
        name = Path(path).stem
        if (
            path.startswith(INSTRUMENTS) and path.endswith(".ogg") and name != "drum_kit"
        ):  # its licence is no longer given
            yield f"gcompris/{name}", "instrument", path, "GPL-3.0-or-later", content
    for path, content in rcc(archives / "explore_farm_animals.rcc").items():
        if path.startswith(FARM) and path.endswith(".ogg"):
            yield f"gcompris/{Path(path).stem}", "animal", path, "GPL-3.0-only", content
    memory = rcc(archives / "memory-sound.rcc")
    for stem, (name, kind) in AROUND.items():
        licence = "Free Art 1.2" if stem.endswith(("_LA", "_LA_cut")) else "GPL-3.0-or-later"
        yield f"gcompris/{name}", kind, f"{MEMORY}/{stem}.ogg", licence, memory[f"{MEMORY}/{stem}.ogg"]


def stamps(root):
    """The effects of Tux Paint's stamps, not their spoken descriptions."""
    folder = root / "usr/share/tuxpaint/stamps"
    for path in sorted(folder.rglob("*.ogg")):
        place = path.relative_to(folder).as_posix()
        kind = next((kind for begin, kind in KINDS.items() if place.startswith(begin)), None)
        if kind and "_desc" not in path.stem and path.stem not in NOT_THESE and "cartoon" not in place:
            yield f"stamps/{path.stem.lower()}", kind, place, "GPL-2.0-only", path.read_bytes()


def main():
    (DATA / "sounds").mkdir(exist_ok=True)
    index = []
    with tempfile.TemporaryDirectory() as scratch:
        roots = debian(DEBIAN, Path(scratch))
        found = [*gcompris(roots["gcompris-qt-data"]), *stamps(roots["tuxpaint-stamps-default"])]
    for name, kind, place, licence, content in found:
        sound, rate = soundfile.read(io.BytesIO(content), always_2d=True)
        sound = soxr.resample(sound.mean(axis=1), rate, RATE)
        sound -= sound.mean()  # some microphones add a constant, which no ear hears
        sound *= min(1, 0.9 / np.abs(sound).max())  # louder ones would be clipped by the coder
        path = DATA / "sounds" / f"{name}.ogg"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, sound.astype(np.float32), RATE, format="OGG", subtype="VORBIS")
        index.append(
            {"name": name, "kind": kind, "seconds": round(len(sound) / RATE, 2), "from": place, "licence": licence}
        )
    write_by_kind("sounds", index)


if __name__ == "__main__":
    main()
