"""Makes data/notes/ again from the named packages: pictures of instruments, and notes of the same.

Needs a Debian machine (`apt-get`, `dpkg`, `fluidsynth`, `timidity`), npm, `pip install resvg-py==0.5.0` and the
course's environment. Run it from the repository's root:

    python data/build/notes.py                       # the pictures, and FluidR3's notes
    python data/build/notes.py timgm6mb freepats     # the same notes from two other sets of samples
"""

import functools
import io
import json
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import resvg_py
import soundfile
import soxr
from common import DATA, debian, joined, npm, rcc, record, sheet, write_list
from PIL import Image

RATE, SECONDS = 16_000, 1.5  # Hz; of a note
SIZE, COLUMNS = 96, 16
DEBIAN = [
    "openclipart-png=1:0.18+dfsg-19",
    "tuxpaint-stamps-default=2022.06.04-1",
    "gcompris-qt-data=3.1-2",
    "fluid-soundfont-gm=3.1-5.3",
]
FURTHER = {  # sets of samples that share no recording with FluidR3 or each other: (package, file)
    "timgm6mb": ("timgm6mb-soundfont=1.3-5", "usr/share/sounds/sf2/TimGM6mb.sf2"),
    "freepats": ("freepats=20060219-4", "etc/timidity/freepats.cfg"),  # GUS patches, which TiMidity++ plays
}
SILENT = 0.01  # of full scale: a note that never reaches it, its instrument's loudest being at 0.7, is left out
NPM = {  # who drew: (package, licence)
    "game_icons": ("@iconify-json/game-icons@1.2.4", "CC-BY-3.0"),
    "noto": ("@iconify-json/noto@1.2.9", "Apache-2.0"),
    "noto_v1": ("@iconify-json/noto-v1@1.2.5", "Apache-2.0"),
    "fxemoji": ("@iconify-json/fxemoji@1.2.2", "Apache-2.0"),
    "twemoji": ("@iconify-json/twemoji@1.2.5", "CC-BY-4.0"),
    "emojione": ("@iconify-json/emojione@1.2.3", "CC-BY-4.0"),
    "openmoji": ("@iconify-json/openmoji@1.2.29", "CC-BY-SA-4.0"),
    "fluent_flat": ("@iconify-json/fluent-emoji-flat@1.2.6", "MIT"),
}
LICENCES = {"openclipart": "public domain", "gcompris": "GPL-3.0-or-later", "tuxpaint": "GPL-2.0-only"}
FOUR, SEVEN = "noto twemoji openmoji fluent_flat", "noto noto_v1 fxemoji twemoji emojione openmoji fluent_flat"
# instrument: (sound, lowest and highest note or None, recording, pictures: "who/name", or "name:" and who)
# A sound is a program of General MIDI counted from 0, or "key" with the keys of the drum kit that play it.
INSTRUMENTS = {
    "accordion": (21, (53, 86), "gcompris/accordion", f"gcompris/accordion game_icons/accordion accordion:{FOUR}"),
    "acoustic guitar": (
        (24, (43, 79), "gcompris/guitar")
        + (
            "gcompris/guitar tuxpaint/guitar_classical game_icons/guitar fxemoji/guitar "
            "openclipart/guitar_ganson openclipart/guitar_jarno_vasamaa1 openclipart/guitar_profile_philippe__01",
        )
    ),
    "bagpipes": (109, (58, 79), None, "game_icons/bagpipes"),
    "banjo": (105, (50, 81), "gcompris/banjo", f"gcompris/banjo game_icons/banjo banjo:{FOUR}"),
    "bass guitar": (33, (28, 55), None, "openclipart/bass_guitar_a.j._ashton_ tuxpaint/guitar_electric_bass"),
    "bassoon": (70, (36, 65), "stamps/bassoon", "game_icons/bassoon tuxpaint/bassoon"),
    "bell": (14, (60, 77), None, f"game_icons/ringing-bell bell:{SEVEN}"),
    "bongos": ("60 61", None, "gcompris/bongo", "gcompris/bongo"),
    "castanets": ("85", None, "gcompris/castanets", "gcompris/castanets"),
    "cello": (42, (36, 72), "gcompris/cello", "gcompris/cello tuxpaint/cello openclipart/cello_ganson"),
    "clarinet": (71, (50, 86), "gcompris/clarinet", "gcompris/clarinet game_icons/clarinet"),
    "cymbal": ("49 57 51 59 55 52", None, "gcompris/cymbal", "gcompris/cymbal tuxpaint/cymbal_crash"),
    "electric guitar": (
        (29, (43, 81), "gcompris/electric_guitar")
        + (
            "gcompris/electric_guitar tuxpaint/guitar_electric tuxpaint/guitar2 "
            "openclipart/electric_guitar_andrea__01r "
            "openclipart/guitar_jarno_vasamaa2 guitar:noto noto_v1 twemoji openmoji fluent_flat emojione",
        )
    ),
    "flute": (73, (60, 93), "gcompris/flute_traversiere", "openclipart/flute_ganson"),
    "French horn": (
        60,
        (41, 74),
        "gcompris/horn",
        "gcompris/horn openclipart/french_horn_ganson game_icons/french-horn",
    ),
    "hand drum": (
        ("62 63 64", None, None)
        + (
            "openclipart/africandrum_benji_park1 openclipart/africandrum_benji_park2 "
            "openclipart/africandrum_benji_park_ "
            f"openclipart/djambf_ganson openclipart/derbouk_jurgen_01 long-drum:{FOUR}",
        )
    ),
    "harmonica": (22, (60, 89), "gcompris/harmonica", "gcompris/harmonica"),
    "harp": (
        (46, (36, 91), "gcompris/harp")
        + (
            "openclipart/harp1_ganson openclipart/harp2_ganson openclipart/harp3_ganson openclipart/harp_mo_01 "
            "game_icons/harp harp:noto twemoji openmoji",
        )
    ),
    "keyboard": (
        (4, (40, 88), None)
        + (
            "openclipart/piano_keys_jonathan_diet_01 game_icons/musical-keyboard fxemoji/musicalkeyboard "
            "musical-keyboard:"
            "noto noto_v1 twemoji emojione openmoji fluent_flat",
        )
    ),
    "maracas": ("70", None, "gcompris/maracas", f"openclipart/maracas_ganson game_icons/maracas maracas:{FOUR}"),
    "oboe": (68, (58, 87), None, "openclipart/oboe_ganson"),
    "ocarina": (79, (60, 84), None, "game_icons/ocarina"),
    "pan flute": (75, (60, 86), None, "game_icons/pan-flute"),
    "piano": (0, (30, 96), "gcompris/piano", "gcompris/piano openclipart/piano_geraint_luff_01 game_icons/grand-piano"),
    "pipe organ": (19, (36, 84), "gcompris/organ", "game_icons/pipe-organ"),
    "recorder": (74, (65, 89), None, f"game_icons/flute flute:{FOUR}"),
    "saxophone": (
        (66, (44, 75), "gcompris/saxophone")
        + (f"gcompris/saxophone openclipart/saxophone_jarno_vasamaa_ game_icons/saxophone saxophone:{SEVEN}",)
    ),
    "snare drum": (
        "38 40 37",
        None,
        "gcompris/snare_drum",
        "gcompris/snare_drum game_icons/drum drum:noto noto_v1 twemoji emojione openmoji fluent_flat",
    ),
    "tambourine": ("54", None, "gcompris/tambourine", "gcompris/tambourine game_icons/tambourine"),
    "timpani": (47, (40, 57), "gcompris/timpani", "gcompris/timpani"),
    "triangle": ("81 80", None, "gcompris/triangle", "gcompris/triangle"),
    "trombone": (
        (57, (40, 70), "gcompris/trombone")
        + ("openclipart/tenor_trombone_ganson game_icons/trombone trombone:noto twemoji openmoji",)
    ),
    "trumpet": (
        (56, (54, 82), "gcompris/trumpet")
        + (
            "gcompris/trumpet tuxpaint/trumpet game_icons/trumpet "
            f"openclipart/trumpet_b_flat_colour_ganso openclipart/trumpet_pocket_colour_ganso trumpet:{SEVEN}",
        )
    ),
    "tuba": (58, (29, 58), "gcompris/tuba", "gcompris/tuba game_icons/tuba"),
    "violin": (
        40,
        (55, 91),
        "gcompris/violin",
        f"openclipart/violin_colour_ganson tuxpaint/violin game_icons/violin violin:{SEVEN}",
    ),
    "whistle": (78, (72, 93), None, "game_icons/whistle"),
    "xylophone": (13, (65, 96), None, "openclipart/xylophone_ganson game_icons/xylophone"),
}
PITCHES, LOUDNESSES, BENDS = 6, (60, 110), (-2, -1, 0, 1, 2)  # of a tuned instrument; MIDI velocities; semitones


# -------------------------------------------------------------------------------------------------------------- notes
def notes(sound, span):
    """Which notes: a list of (key, velocity, bend in semitones). What has no pitch is bent a little, to vary it."""
    if span:
        return [(round(key), loud, 0) for key in np.linspace(*span, PITCHES) for loud in LOUDNESSES]
    keys = [int(key) for key in sound.split()]
    every = [(key, loud, bend) for bend in BENDS for key in keys for loud in LOUDNESSES]
    if len(keys) == 1:
        every += [(keys[0], 85, bend) for bend in BENDS[::2]]
    return every if len(every) <= 12 else [every[i] for i in np.linspace(0, len(every) - 1, 12).round().astype(int)]


def midi(sound, chosen):
    """A MIDI file that plays the notes, one every two seconds, each held for 1.1 s. 500 ticks are one second.

    Ours, since the package mido would save few of these lines, and be one more to pin."""
    channel = 0 if isinstance(sound, int) else 9
    events = [(0, bytes([0xC0 | channel, sound if channel == 0 else 0]))]
    for i, (key, loud, bend) in enumerate(chosen):
        wheel = 8192 + round(bend / 2 * 8191)
        events.append((1000 * i, bytes([0xE0 | channel, wheel & 127, wheel >> 7])))
        events += [
            (1000 * i + 10, bytes([0x90 | channel, key, loud])),
            (1000 * i + 560, bytes([0x80 | channel, key, 0])),
        ]
    track, at = b"\x00\xff\x51\x03" + (1_000_000).to_bytes(3, "big"), 0
    for when, event in events:
        wait, at = when - at, when
        track += (bytes([0x80 | wait >> 7, wait & 127]) if wait > 127 else bytes([wait])) + event
    track += b"\x88\x00\xff\x2f\x00"
    return struct.pack(">4sIHHH4sI", b"MThd", 6, 0, 1, 500, b"MTrk", len(track)) + track


def played(sound, chosen, font, scratch):
    """The notes as arrays at RATE, without reverberation; the loudest of them at 0.7 of full scale."""
    (scratch / "a.mid").write_bytes(midi(sound, chosen))
    if font.suffix == ".cfg":
        command = ["timidity", "-c", font, "-Ow", "-s", "44100", "-EFreverb=0", "-EFchorus=0", "-A50", "-o"]
        subprocess.run([*command, scratch / "a.wav", scratch / "a.mid"], check=True, capture_output=True)
    else:
        command = ["fluidsynth", "-ni", "-q", "-R", "0", "-C", "0", "-g", "0.6", "-r", "44100", "-T", "wav", "-F"]
        subprocess.run([*command, scratch / "a.wav", font, scratch / "a.mid"], check=True, capture_output=True)
    whole, rate = soundfile.read(scratch / "a.wav", always_2d=True)
    whole = soxr.resample(whole.mean(axis=1), rate, RATE)
    whole = np.pad(whole, (0, max(0, 2 * RATE * len(chosen) - len(whole)))) * 0.7 / max(np.abs(whole).max(), 0.02)
    fade = np.minimum(1, np.arange(int(SECONDS * RATE))[::-1] / 800)  # 50 ms, so that what still rings does not click
    return [whole[2 * RATE * i + 160 :][: len(fade)] * fade for i in range(len(chosen))]


# ----------------------------------------------------------------------------------------------------------- pictures
def svg(text):
    return Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=text, width=384, skip_system_fonts=True))))


def artists(folders, scratch):
    """`{who drew: function from a name to a PIL picture}`."""
    archive = folders["gcompris-qt-data"] / "usr/share/gcompris-qt/rcc/instruments.rcc"
    drawn = {Path(path).name: content for path, content in rcc(archive).items() if "resource" in path}
    clip_art = folders["openclipart-png"] / "usr/share/openclipart/png/recreation/music"
    stamps = folders["tuxpaint-stamps-default"] / "usr/share/tuxpaint/stamps/hobbies/music"
    found = {
        "gcompris": lambda name: svg(drawn[f"{name}.svg"].decode()),
        "openclipart": lambda name: Image.open(clip_art / f"{name}.png"),
        "tuxpaint": lambda name: Image.open(next(stamps.rglob(f"{name}.png"))),
    }
    for who, (package, _) in NPM.items():
        icons = json.loads((npm(package, scratch) / "icons.json").read_text(encoding="utf-8"))
        found[who] = functools.partial(icon, icons)
    return found


def icon(icons, name):
    body, size = (
        icons["icons"][name]["body"],
        [icons["icons"][name].get(k, icons.get(k, 16)) for k in ("width", "height")],
    )
    return svg(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[0]} {size[1]}">{body}</svg>')


def tile(picture):
    """Cut to what is not transparent, in the middle of a square of SIZE pixels."""
    picture = picture.convert("RGBA")
    picture = picture.crop(picture.getchannel("A").point(lambda a: 255 * (a > 16)).getbbox())
    scale = (SIZE - 6) / max(picture.size)
    picture = picture.resize([max(1, round(side * scale)) for side in picture.size], Image.Resampling.LANCZOS)
    square = Image.new("RGBA", (SIZE, SIZE))
    square.paste(picture, ((SIZE - picture.width) // 2, (SIZE - picture.height) // 2))
    return square


def pictures(listed):
    """Yields (who drew, name) from a line of INSTRUMENTS."""
    name = None
    for word in listed.split():
        if ":" in word:
            name, word = word.split(":")
        if "/" in word:
            yield tuple(word.split("/"))
        else:
            yield word, name


def further(source):
    """The same notes from another set of samples, in a folder of its own; what is silent is left out."""
    package, file = FURTHER[source]
    folder, index = DATA / "notes" / source, []
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        unpacked = debian([package], scratch)[package.split("=")[0]]
        font = unpacked / file
        if font.suffix == ".cfg":
            settings = font.read_text(encoding="utf-8").replace("dir /usr", f"dir {unpacked}/usr")
            font.write_text(settings, encoding="utf-8")
        for name, (sound, span, _, _) in INSTRUMENTS.items():
            chosen = notes(sound, span)
            found = [
                (n, c)
                for n, c in zip(chosen, played(sound, chosen, font, scratch), strict=True)
                if np.abs(c).max() >= SILENT
            ]
            path = folder / f"{name.lower().replace(' ', '_')}.ogg"
            if found:
                joined(path, [clip for _, clip in found], RATE, 1.0)
            entry = {"name": name, "file": f"{source}/{path.name}", "pitched": span is not None}
            index.append(entry | {"notes": [list(note) for note, _ in found]})
    write_list(f"notes/{source}/index.json", index)
    record("notes")
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(
        source,
        sum(bool(e["notes"]) for e in index),
        "instruments,",
        sum(len(e["notes"]) for e in index),
        "notes,",
        size,
    )


def main():
    (DATA / "notes").mkdir(exist_ok=True)
    index, tiles = [], []
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        folders = debian(DEBIAN, scratch)
        font = folders["fluid-soundfont-gm"] / "usr/share/sounds/sf2/FluidR3_GM.sf2"
        draw = artists(folders, scratch)
        licences = LICENCES | {who: licence for who, (_, licence) in NPM.items()}
        for name, (sound, span, recording, listed) in INSTRUMENTS.items():
            drawn = [{"artist": who, "name": title, "licence": licences[who]} for who, title in pictures(listed)]
            tiles += [tile(draw[entry["artist"]](entry["name"])) for entry in drawn]
            chosen = notes(sound, span)
            file = f"{name.lower().replace(' ', '_')}.ogg"
            joined(DATA / "notes" / file, played(sound, chosen, font, scratch), RATE, 1.0)
            entry = {"name": name, "file": file, "recording": recording, "pitched": span is not None}
            index.append(entry | {"notes": [list(note) for note in chosen], "pictures": drawn})
    sheet(tiles, COLUMNS).save(DATA / "notes/pictures.webp", quality=70, method=6)
    write_list("notes/index.json", index)
    record("notes")
    size = sum(path.stat().st_size for path in (DATA / "notes").glob("*.*"))
    print(
        len(index),
        "instruments,",
        sum(len(e["notes"]) for e in index),
        "notes,",
        len(tiles),
        f"pictures, {size:,} bytes",
    )


if __name__ == "__main__":
    for source in sys.argv[1:]:
        further(source)
    if not sys.argv[1:]:
        main()
