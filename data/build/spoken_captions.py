"""Makes data/speech/captions_bg.* again from the named package: a spoken caption for every photograph of stamps/.

Needs a Debian machine (`apt-get`, `dpkg`) and the course's environment. Run it from the repository's root:

    python data/build/spoken_captions.py
"""

import json
import tempfile
from pathlib import Path

import soundfile
import soxr
from common import DATA, clipped, debian, joined, record

RATE, LANGUAGE = 8_000, "bg"  # Hz
DEBIAN = "tuxpaint-stamps-default=2022.06.04-1"


def clip(path):
    sound, rate = soundfile.read(path, always_2d=True)
    return clipped(soxr.resample(sound.mean(axis=1), rate, RATE))


def written(path):
    """The same sentence in letters, from the lines beside the picture."""
    lines = path.with_suffix(".txt").read_text(errors="replace", encoding="utf-8").splitlines()
    return next((line.split("=", 1)[1].strip() for line in lines if line.startswith(f"{LANGUAGE}.utf8=")), None)


def main():
    stamps = json.loads((DATA / "stamps/index.json").read_text(encoding="utf-8"))
    index = {"language": LANGUAGE, "voice": "Krasimir Petkov", "stamps": list(range(len(stamps)))}
    with tempfile.TemporaryDirectory() as scratch:
        (root,) = debian([DEBIAN], Path(scratch)).values()
        file = DATA / f"speech/captions_{LANGUAGE}.ogg"
        paths = [root / "usr/share/tuxpaint/stamps" / stamp["from"] for stamp in stamps]
        clips = [clip(path.with_name(f"{path.stem}_desc_{LANGUAGE}.ogg")) for path in paths]
        index["starts"], index["lengths"] = joined(file, clips, RATE, 0.95)
        index["written"] = [written(path) for path in paths]
    (DATA / f"speech/captions_{LANGUAGE}.json").write_text(
        json.dumps(index, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    record("speech")
    print(f"{len(index['stamps'])} captions, {sum(index['lengths']) / RATE:.0f} s, {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
