"""Makes data/speech/utterances/ again from the named packages: sentences of real voices, mono, 8 kHz.

Needs a Debian machine (`apt-get`, `dpkg`) and the course's environment. Run it from the repository's root:

    python data/build/utterances.py
"""

import json
import random
import re
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from common import DATA, debian, record

RATE, GAP = 8_000, 400  # Hz; samples of silence between two utterances in a file
VOICES = {  # package: (voice, language, sex, licence, seconds of speech)
    "asterisk-core-sounds-en-wav=1.6.1-1": ("allison", "en", "female", "CC-BY-SA-3.0", 270),
    "asterisk-core-sounds-it-wav=1.6.1-1": ("carlo", "it", "male", "CC-BY-3.0", 270),
    "asterisk-core-sounds-fr-wav=1.6.1-1": ("june", "fr", "female", "CC-BY-SA-3.0", 100),
    "asterisk-core-sounds-ru-wav=1.6.1-1": ("topal", "ru", "female", "CC-BY-3.0", 100),
    "asterisk-prompt-it-menardi-wav=1:1.4.22+mm20110907-3.1": ("menardi", "it", "female", "CC-BY-SA-3.0-IT", 100),
}
# Tones, music, jokes, single digits and letters.
NO_SPEECH = re.compile(
    "beep|tone|silence|jingle|monkeys|weasels|glorious|/digits/|/letters/|/phonetic/|tt-|ascending|moh"
)


def clip(path):
    """The silence before and after cut off, the loudest sample at half of full scale."""
    sound, rate = soundfile.read(path)
    assert rate == RATE and sound.ndim == 1
    if not np.any(sound):
        return np.zeros(0)
    power = np.convolve(sound**2, np.ones(160) / 160, "same")  # over 20 ms
    loud = np.flatnonzero(power > power.max() * 1e-3)  # 30 dB below the loudest
    sound = sound[max(0, loud[0] - 240) : loud[-1] + 240]
    return 0.5 * sound / np.abs(sound).max()


def main():
    folder = DATA / "speech/utterances"
    folder.mkdir(exist_ok=True)
    index = []
    with tempfile.TemporaryDirectory() as scratch:
        roots = debian(VOICES, Path(scratch))
        for package, (voice, language, sex, licence, seconds) in VOICES.items():
            root = roots[package.split("=")[0]] / "usr/share/asterisk/sounds"
            paths = sorted(path for path in root.rglob("*.wav") if not NO_SPEECH.search(str(path.relative_to(root))))
            random.Random(0).shuffle(paths)
            kept, total = [], 0
            for path in paths:
                sound = clip(path)
                if RATE <= len(sound) <= 6 * RATE and total < seconds * RATE:
                    kept.append((path.stem, sound))
                    total += len(sound)
            entry = {"file": f"{voice}_{language}.ogg", "voice": voice, "language": language, "sex": sex}
            index.append(
                entry | {"licence": licence, "prompts": [name for name, _ in kept], "starts": [], "lengths": []}
            )
            at = 0
            with soundfile.SoundFile(
                folder / entry["file"], "w", RATE, 1, "VORBIS", format="OGG", compression_level=0.95
            ) as ogg:
                for _, sound in kept:
                    index[-1]["starts"].append(at)
                    index[-1]["lengths"].append(len(sound))
                    for part in (sound, np.zeros(GAP)):  # in small pieces: libsndfile's coder fails on minutes at once
                        ogg.write(part)
                    at += len(sound) + GAP
            size = (folder / entry["file"]).stat().st_size
            print(f"{voice}: {len(kept)} utterances, {total / RATE:.0f} s, {size:,} bytes")
    lines = ",\n".join(" " + json.dumps(entry) for entry in index)
    (folder / "index.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    record("speech")


if __name__ == "__main__":
    main()
