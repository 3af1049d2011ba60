"""Makes data/speech/utterances/ again from the named packages: sentences of real voices, mono, 8 kHz.

Needs a Debian machine (`apt-get`, `dpkg`) and the course's environment. Run it from the repository's root:

    python data/build/utterances.py
"""

import random
import re
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from common import DATA, clipped, debian, joined, record, write_list

RATE = 8_000  # Hz
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
    """A recording as `clipped` leaves it; of one that is silent, nothing."""
    sound, rate = soundfile.read(path)
    assert rate == RATE and sound.ndim == 1
    return clipped(sound) if np.any(sound) else np.zeros(0)


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
            starts, lengths = joined(folder / entry["file"], [sound for _, sound in kept], RATE, 0.95)
            entry |= {"licence": licence, "prompts": [name for name, _ in kept]}
            index.append(entry | {"starts": starts, "lengths": lengths})
            size = (folder / entry["file"]).stat().st_size
            print(f"{voice}: {len(kept)} utterances, {total / RATE:.0f} s, {size:,} bytes")
    write_list("speech/utterances/index.json", index)
    record("speech")


if __name__ == "__main__":
    main()
