"""Makes data/recordings/ again from the named packages: further recordings of things that data/sounds/ has once, and
some that it lacks. Mono, 16 kHz, Ogg Vorbis. Learners never need to run it.

Needs a Debian machine (`apt-get`, `dpkg`) with 6 GB free, and the course's environment. From the repository's root:

    python data/build/recordings.py
"""

import io
import re
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import scipy.fft
import soundfile
import soxr
from common import DATA, debian, rcc, write_by_kind

RATE, LONGEST, SHORTEST, GAP = 16_000, 8, 0.2, 0.15  # Hz; seconds, as the next two; between strokes that are joined
SOFT, MUFFLED = 0.03, 300  # left out: what never reaches this part of full scale, or has 95 % of its power below (Hz)
SAME = 0.3  # left out: what resembles another more than this (`likeness`: copies .65 to 1, others under .27)
SETS = {  # ours: (package, folder in it, who made it, licence)
    "scratch": (
        ("scratch=1.4.0.6~dfsg1-6.1", "usr/share/scratch/Media/Sounds")
        + ("Massachusetts Institute of Technology", "CC-BY-SA-3.0")
    ),
    "widelands": (
        ("widelands-data=2:1.1-3", "usr/share/games/widelands/data")
        + ("the Widelands Development Team", "GPL-2.0-or-later")
    ),
    "0ad": ("0ad-data=0.0.26-1", "usr/share/games/0ad/mods/public/public.zip", "Wildfire Games", "CC-BY-SA-3.0"),
    "wesnoth": (
        ("wesnoth-1.16-data=1:1.16.9-1", "usr/share/games/wesnoth/1.16/data/core/sounds")
        + ("David White and the contributors of Battle for Wesnoth", "GPL-2.0-or-later")
    ),
    "homedecor": (
        ("minetest-mod-homedecor=20210327.1-2", "usr/share/games/minetest/mods/homedecor")
        + ("Vanessa Ezekowitz", "CC-BY-SA-4.0")
    ),
    "sonic_pi": ("sonic-pi-samples=3.2.2~repack-8", "usr/share/sonic-pi/samples", None, "CC0-1.0"),
    "gcompris": ("gcompris-qt-data=3.1-2", "usr/share/gcompris-qt/rcc", None, "CC-BY-3.0"),
    "hydrogen": ("hydrogen-drumkits=2017.09.19~dfsg-1", "usr/share/hydrogen/data/drumkits", None, None),
}
MACARTHUR, SADOVNIKOV = ("Glen MacArthur", "GPL-2.0-only"), ("Vladimir Sadovnikov, Alexander Belokurov", "GPL-2.0-only")
HARNEY, GUGLIELMETTI = ("Jim Harney", "CC-BY-SA-3.0"), ("Marcos Guglielmetti", "GPL-2.0-or-later")
# set: {kind: {thing: paths}}. A path with a star is several strokes, joined; after a bar: who made this one, licence.
FOUND = {
    "scratch": {
        "animal": {
            "bird": "Animal/Bird.wav",
            "cat": "Animal/Cat.mp3 Animal/Kitten.wav Animal/Meow.wav",
            "cricket": "Animal/Cricket.wav Animal/Crickets.wav",
            "dog": "Animal/Dog1.wav Animal/Dog2.wav",
            "duck": "Animal/Duck.wav",
            "goose": "Animal/Goose.wav",
            "horse": "Animal/Horse.wav",
            "owl": "Animal/Owl.wav",
            "rooster": "Animal/Rooster.wav",
            "sea lion": "Animal/SeaLion.mp3",
            "wolf": "Animal/WolfHowl.wav",
        },
        "instrument": {
            "bell": "Effects/BellToll.wav",
            "trumpet": "Instruments/Trumpet1.wav Instruments/Trumpet2.wav",
            "cymbal": "Percussion/CymbalCrash.wav Percussion/RideCymbal.wav",
            "gong": "Percussion/Gong.wav",
        },
        "machine": {
            "car": "Effects/CarPassing.wav",
            "motorcycle": "Effects/MotorcyclePassing.wav",
            "sewing machine": "Effects/SewingMachine.mp3",
        },
        "household": {
            "door": "Effects/DoorClose.mp3 Effects/DoorCreak.wav",
            "typing": "Effects/Typing.mp3",
            "tap": "Effects/WaterRunning.mp3",
            "water drop": "Effects/WaterDrop.mp3",
        },
        "people": {
            "baby": "Human/BabyCry.mp3",
            "footsteps": "Human/Footsteps-1.wav Human/Footsteps-2.mp3",
            "laughter": "Human/Laugh-female.wav Human/Laugh-male1.wav Human/Laugh-male2.wav Human/Laugh-male3.mp3",
            "cough": "Human/Cough-female.wav Human/Cough-male.wav",
            "sneeze": "Human/Sneeze-female.wav Human/Sneeze-male.wav",
        },
    },
    "widelands": {
        "animal": {
            "bird": "sound/animals/bird1_00.ogg sound/animals/bird2_00.ogg sound/animals/bird3_00.ogg "
            "sound/animals/bird4_00.ogg sound/animals/bird5_00.ogg sound/animals/bird6_00.ogg",
            "boar": "sound/animals/boar.ogg",
            "coyote": "sound/animals/coyote_00.ogg sound/animals/coyote_01.ogg",
            "cricket": "sound/animals/crickets1_00.ogg sound/animals/crickets2_00.ogg",
            "frog": "sound/animals/frog.ogg",
            "moose": "sound/animals/moose_00.ogg sound/animals/moose_01.ogg",
            "deer": "sound/animals/stag_00.ogg sound/animals/stag_01.ogg",
            "wolf": "sound/animals/wolf_00.ogg sound/animals/wolf_01.ogg sound/animals/wolf_02.ogg",
            "duck": "world/critters/duck/duck_00.ogg world/critters/duck/duck_01.ogg world/critters/duck/duck_02.ogg",
            "donkey": "sound/farm/donkey.ogg",
            "horse": "sound/farm/horse_00.ogg sound/farm/horse_01.ogg",
            "bull": "sound/farm/ox_00.ogg sound/farm/ox_01.ogg",
            "sheep": "sound/farm/sheep_00.ogg sound/farm/sheep_01.ogg sound/farm/sheep_02.ogg",
        },
        "household": {
            "hammer": "sound/hammering/hammering_00.ogg sound/hammering/hammering_01.ogg "
            "sound/hammering/hammering_02.ogg sound/smiths/smith_00.ogg sound/smiths/smith_01.ogg",
            "saw": "sound/atlanteans/saw/benchsaw_00.ogg sound/atlanteans/saw/sawing_00.ogg "
            "sound/atlanteans/saw/sawing_01.ogg sound/atlanteans/saw/sawing_02.ogg sound/sawmill/sawmill_00.ogg",
            "axe": "sound/woodcutting/woodcutting.ogg sound/woodcutting/fast_woodcutting_00.ogg",
        },
    },
    "0ad": {
        "animal": {
            name: " ".join(f"audio/actor/fauna/{path}.ogg" for path in paths.split())
            for name, paths in {
                "camel": "animal/camel_10",
                "cow": " ".join(f"animal/cattle_0{i}" for i in range(1, 8)),
                "chicken": " ".join(f"animal/chicken_1{i}" for i in range(4)),
                "elephant": "animal/elephant_attack1 animal/elephant_attack2 animal/elephant_order1 "
                "animal/elephant_order2 animal/elephant_select1 animal/elephant_select2 animal/elephant_trained1",
                "flamingo": "animal/flamingo_10",
                "goat": " ".join(f"death/goat_1{i}" for i in range(8)),
                "horse": "animal/horse_11 animal/horse_idle1 animal/horse_idle2 animal/horse_idle3 "
                "animal/horse_select1 animal/horse_select2 animal/horse_select3",
                "lion": "animal/lion_attack1 animal/lion_attack2 animal/lion_select1",
                "peacock": "animal/peacock_call_01",
                "pig": "animal/pig_10 animal/pig_11 animal/pig_12 animal/pig_squeal_move",
                "sheep": "animal/sheep_10 animal/sheep_11",
            }.items()
        },
        "nature": {
            "rain": "audio/ambient/weather/rain_11.ogg audio/ambient/weather/rain_12.ogg",
            "thunder": "audio/ambient/weather/thunder_10.ogg audio/ambient/weather/thunder_11.ogg",
            "wind": "audio/ambient/weather/wind_11.ogg audio/ambient/weather/windgust_11.ogg "
            "audio/ambient/weather/windleaves_10.ogg",
            "river": "audio/ambient/water/river_fast_21.ogg audio/ambient/water/river_slow_21.ogg",
            "waves": "audio/ambient/water/wave_21.ogg audio/ambient/water/wavecrash_21.ogg",
        },
    },
    "wesnoth": {
        "animal": {
            "wolf": "wolf-growl-1.ogg wolf-growl-2.ogg wolf-growl-3.ogg wolf-growl-4.ogg",
            "bird": "ambient/birds1.ogg ambient/birds2.ogg ambient/birds3.ogg",
        },
        "nature": {"fire": "ambient/campfire.ogg"},
    },
    "homedecor": {
        "household": {
            "toilet": "homedecor_bathroom/sounds/homedecor_toilet_flush.ogg",
            "shower": "homedecor_bathroom/sounds/homedecor_shower.ogg",
            "tap": "homedecor_common/sounds/homedecor_faucet.ogg",
            "door": "homedecor_doors_and_gates/sounds/homedecor_door_open.ogg "
            "homedecor_doors_and_gates/sounds/homedecor_door_close.ogg",
            "doorbell": "homedecor_electrical/sounds/homedecor_doorbell.ogg",
        }
    },
    "sonic_pi": {
        "animal": {"crow": "misc_crow.flac|davidworksonline"},
        "instrument": {
            "cymbal": "drum_cymbal_*.flac|menegass drum_splash_*.flac|menegass",
            "snare drum": "drum_snare_*.flac|menegass drum_roll.flac|Heigh-hoo",
            "hand drum": "tabla_*.flac|dio_333 loop_tabla.flac|lezaarth",
            "bell": "perc_bell.flac|AlaskaRobotics",
        },
    },
    "gcompris": {
        "machine": {
            "car": "traffic.rcc:car.wav|henrique85n",
            "helicopter": "guessnumber.rcc:helicopter.wav|fridobeck",
        },
        "nature": {"water": "canal_lock.rcc:water_fill.wav|inchadney"},
    },
    "hydrogen": {
        "instrument": {
            "bongos": {"Gimme A Hand 1.0/Bongo*.wav": MACARTHUR},
            "maracas": {"Gimme A Hand 1.0/Maraca-*.wav": MACARTHUR},
            "tambourine": {"Gimme A Hand 1.0/Tambourine-*.wav": MACARTHUR, "ForzeeStereo/Tambourine-*.wav": SADOVNIKOV},
            "hand drum": {f"circAfrique v4/Djembe{i} *.wav": HARNEY for i in range(1, 6)},
            "snare drum": {
                "The Black Pearl 1.0/PearlSnare-*.wav": MACARTHUR,
                "ForzeeStereo/Snare-*.wav": SADOVNIKOV,
                "ColomboAcousticDrumkit/snare-*normal*.flac": GUGLIELMETTI,
            },
            "cymbal": {
                "The Black Pearl 1.0/SabianCrash-*.wav": MACARTHUR,
                "ForzeeStereo/Crash18-*.wav": SADOVNIKOV,
                "ForzeeStereo/RideBow-*.wav": SADOVNIKOV,
                "ColomboAcousticDrumkit/crash20*.flac": GUGLIELMETTI,
            },
        }
    },
}


def candidates(roots):
    """Yields (set, kind, thing, where it comes from, who made it, licence, its files' bytes)."""
    for name, kinds in FOUND.items():
        package, folder, author, licence = SETS[name]
        root = roots[package.split("=")[0]] / folder
        archive = zipfile.ZipFile(root) if root.suffix == ".zip" else None
        for kind, things in kinds.items():
            for thing, paths in things.items():
                listed = paths if isinstance(paths, dict) else dict.fromkeys(paths.split(), (author, licence))
                for path, credit in listed.items():
                    path, _, own = path.partition("|")
                    if archive:
                        files = [archive.read(path)]
                    elif ".rcc:" in path:
                        inside = rcc(root / path.split(":")[0])
                        files = [content for p, content in inside.items() if p.endswith("/" + path.split(":")[1])]
                    else:
                        files = [found.read_bytes() for found in sorted(root.glob(path))]
                    yield name, kind, thing, path, own or credit[0], credit[1], files


def read(content):
    """A file's bytes as one channel at RATE, without what is under 30 Hz."""
    sound, rate = soundfile.read(io.BytesIO(content), always_2d=True)
    lines = np.fft.rfft(soxr.resample(sound.mean(axis=1), rate, RATE))
    lines[: int(30 * 2 * (len(lines) - 1) / RATE) + 1] = 0
    return np.fft.irfft(lines)


def trimmed(sound):
    """Without the silence around it (40 dB under the loudest 20 ms), and no longer than LONGEST; its end fades."""
    level = np.array([np.abs(part).max(initial=0) for part in np.array_split(sound, max(1, len(sound) // 320))])
    loud = np.flatnonzero(level > level.max() / 100)
    sound = sound[max(0, loud[0] - 1) * 320 : (loud[-1] + 2) * 320][: LONGEST * RATE]
    return sound * np.minimum(1, np.arange(len(sound))[::-1] / 400)


def spectrum(sound):
    """What `likeness` compares: the first five seconds' lines from 100 to 4,000 Hz, half flattened, of length 1."""
    lines = scipy.fft.rfft(sound[: 5 * RATE].astype(np.float32), 10 * RATE)[:40_001]
    lines[:1000] = 0
    lines /= np.maximum(np.abs(lines), 1e-6) ** 0.5
    return lines / np.linalg.norm(lines)


def likeness(one, other):
    """The largest cross-correlation of two spectra at any shift: near 1 for copies, whatever their level or start.

    scipy.signal.correlate would transform both again for each pair, of which there are tens of thousands."""
    return float(np.abs(scipy.fft.irfft(one * other.conj())).max() * (len(one) - 1))


def main():
    (DATA / "recordings").mkdir(exist_ok=True)
    index, kept = [], {}
    for path in sorted((DATA / "sounds").rglob("*.ogg")):  # what the course has already
        kept[path.relative_to(DATA / "sounds").with_suffix("").as_posix()] = spectrum(soundfile.read(path)[0])
    with tempfile.TemporaryDirectory() as scratch:
        roots = debian([package for package, *_ in SETS.values()], Path(scratch))
        for folder, kind, thing, place, author, licence, files in candidates(roots):
            parts = [trimmed(read(content)) for content in files]
            sound = np.concatenate([np.pad(part, (0, int(GAP * RATE * (len(parts) > 1)))) for part in parts])
            sound = sound[: LONGEST * RATE]
            stem = place.split("/")[-1].split(":")[-1] if folder != "hydrogen" else place
            name = f"{folder}/" + "_".join(re.findall(r"[a-z0-9]+", Path(stem).with_suffix("").as_posix().lower()))
            peak, own = np.abs(sound).max(), spectrum(sound)
            power = (np.abs(np.fft.rfft(sound)) ** 2).cumsum()
            why = [f"{len(sound) / RATE:.2f} s"] if len(sound) < SHORTEST * RATE else []
            why += [f"soft, {peak:.3f}"] if peak < SOFT else []
            why += ["muffled"] if power[int(MUFFLED * len(sound) / RATE)] > 0.95 * power[-1] else []
            why += [f"as {other}, {like:.2f}" for other, s in kept.items() if (like := likeness(own, s)) > SAME]
            if why:
                print("left out:", name, *why)
                continue
            sound *= 0.7 / peak
            kept[name] = own
            path = DATA / "recordings" / f"{name}.ogg"
            path.parent.mkdir(exist_ok=True)
            with soundfile.SoundFile(path, "w", RATE, 1, "VORBIS", format="OGG") as ogg:
                for at in range(0, len(sound), RATE):
                    ogg.write(sound[at : at + RATE])
            entry = {"name": name, "thing": thing, "kind": kind, "seconds": round(len(sound) / RATE, 2)}
            index.append(entry | {"from": place, "author": author, "licence": licence})
    write_by_kind("recordings", index)


if __name__ == "__main__":
    main()
