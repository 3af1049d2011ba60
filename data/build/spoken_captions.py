"""Makes data/speech/captions_bg.* again from the named package: a spoken caption for every photograph of stamps/.

Needs a Debian machine (`apt-get`, `dpkg`) and the course's environment. Run it from the repository's root:

    python data/build/spoken_captions.py
"""

import json
import tempfile
from pathlib import Path

import numpy as np
import soundfile
import soxr
from common import DATA, debian, record

RATE, GAP, LANGUAGE = 8_000, 400, "bg"  # Hz; samples of silence between two captions
DEBIAN = "tuxpaint-stamps-default=2022.06.04-1"


def clip(path):
    """The silence before and after cut off, the loudest sample at half of full scale."""
    sound, rate = soundfile.read(path, always_2d=True)
    sound = soxr.resample(sound.mean(axis=1), rate, RATE)
    power = np.convolve(sound**2, np.ones(160) / 160, "same")  # over 20 ms
    loud = np.flatnonzero(power > power.max() * 1e-3)  # 30 dB below the loudest
    sound = sound[max(0, loud[0] - 240) : loud[-1] + 240]
    return 0.5 * sound / np.abs(sound).max()


def written(path):
    """The same sentence in letters, from the lines beside the picture."""
    lines = path.with_suffix(".txt").read_text(errors="replace", encoding="utf-8").splitlines()
    return next((line.split("=", 1)[1].strip() for line in lines if line.startswith(f"{LANGUAGE}.utf8=")), None)


def main():
    stamps = json.loads((DATA / "stamps/index.json").read_text(encoding="utf-8"))
    index = {"language": LANGUAGE, "voice": "Krasimir Petkov", "stamps": [], "starts": [], "lengths": [], "written": []}
    at = 0
    with tempfile.TemporaryDirectory() as scratch:
        (root,) = debian([DEBIAN], Path(scratch)).values()
        file = DATA / f"speech/captions_{LANGUAGE}.ogg"
        with soundfile.SoundFile(file, "w", RATE, 1, "VORBIS", format="OGG", compression_level=0.95) as ogg:
            for number, stamp in enumerate(stamps):
                path = root / "usr/share/tuxpaint/stamps" / stamp["from"]
                sound = clip(path.with_name(f"{path.stem}_desc_{LANGUAGE}.ogg"))
                entry = {"stamps": number, "starts": at, "lengths": len(sound), "written": written(path)}
                for key, value in entry.items():
                    index[key].append(value)
                for part in (sound, np.zeros(GAP)):  # in small pieces: libsndfile's coder fails on minutes at once
                    ogg.write(part)
                at += len(sound) + GAP
    (DATA / f"speech/captions_{LANGUAGE}.json").write_text(
        json.dumps(index, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    record("speech")
    print(f"{len(index['stamps'])} captions, {at / RATE:.0f} s, {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
