"""Makes data/emoji/ again from the named packages: drawings of the same concepts by several artists.

Needs npm and `pip install resvg-py==0.5.0 pillow numpy`. Run it from the repository's root:

    python data/build/emoji.py
"""

import io
import json
import tempfile
from pathlib import Path

import resvg_py
from common import DATA, npm, record, sheet, write_list
from PIL import Image

SIZE, COLUMNS = 64, 40
VECTORS = {  # our name for the set: npm package
    "noto": "@iconify-json/noto@1.2.9",
    "twemoji": "@iconify-json/twemoji@1.2.5",
    "openmoji": "@iconify-json/openmoji@1.2.29",
    "fluent_flat": "@iconify-json/fluent-emoji-flat@1.2.6",
}
FLUENT_3D = "@lobehub/fluent-emoji-3d@1.1.0"
NAMES = "unicode-emoji-json@0.9.0"
KEYWORDS = ["cldr-annotations-full@48.2.0", "cldr-annotations-derived-full@48.2.0"]


def code(emoji):
    """Code points in hex, joined by "-", without the variation selector: 1f436."""
    return "-".join(f"{ord(c):04x}" for c in emoji if c != "\ufe0f")


def vector_set(folder):
    """`{code: function that draws it}` for an Iconify set."""
    icons = json.loads((folder / "icons.json").read_text(encoding="utf-8"))
    width, height = icons.get("width", 16), icons.get("height", 16)

    def draw(icon):
        w, h = icon.get("width", width), icon.get("height", height)
        left, top = icon.get("left", 0), icon.get("top", 0)
        svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{left} {top} {w} {h}">{icon["body"]}</svg>'
        return bytes(resvg_py.svg_to_bytes(svg_string=svg, width=SIZE, height=SIZE, skip_system_fonts=True))

    names = json.loads((folder / "chars.json").read_text(encoding="utf-8"))
    found = {}
    for chars, name in names.items():
        name = icons.get("aliases", {}).get(name, {"parent": name})["parent"]
        if name in icons["icons"]:
            key = "-".join(part for part in chars.split("-") if part != "fe0f")
            found[key] = lambda icon=icons["icons"][name]: draw(icon)
    return found


def picture_set(folder):
    """The same for a folder of webp pictures."""
    paths = {"-".join(p for p in path.stem.split("-") if p != "fe0f"): path for path in folder.rglob("*.webp")}
    return {key: path.read_bytes for key, path in paths.items()}


def on_white(content):
    """A 64 x 64 RGB picture on white ground."""
    picture = Image.open(io.BytesIO(content)).convert("RGBA").resize((SIZE, SIZE), Image.Resampling.LANCZOS)
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


def keywords(folders, language):
    """`{emoji without variation selector: (name, keywords)}` from CLDR's annotations."""
    found = {}
    for folder in folders:
        (path,) = folder.glob(f"annotations*/{language}/annotations.json")
        kind = json.loads(path.read_text(encoding="utf-8"))
        entries = kind.get("annotations", kind.get("annotationsDerived"))["annotations"]
        for emoji, entry in entries.items():
            found[emoji.replace("\ufe0f", "")] = entry["tts"][0], entry.get("default", [])
    return found


def main():
    (DATA / "emoji").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        sets = {name: vector_set(npm(package, scratch)) for name, package in VECTORS.items()}
        sets["fluent_3d"] = picture_set(npm(FLUENT_3D, scratch))
        named = json.loads((npm(NAMES, scratch) / "data-by-emoji.json").read_text(encoding="utf-8"))
        folders = [npm(package, scratch) for package in KEYWORDS]
        words = {language: keywords(folders, language) for language in ("en", "ko")}

        concepts = []
        for emoji, about in named.items():
            plain = emoji.replace("\ufe0f", "")
            if all(code(emoji) in drawn for drawn in sets.values()) and all(plain in words[lang] for lang in words):
                concept = {"emoji": emoji, "group": about["group"]}
                for language in words:
                    name, keys = words[language][plain]
                    concept[language] = {"name": name, "keywords": keys}
                concepts.append(concept)
        for name, drawn in sets.items():
            tiles = [on_white(drawn[code(concept["emoji"])]()) for concept in concepts]
            sheet(tiles, COLUMNS).save(DATA / f"emoji/{name}.webp", quality=90, method=6)
            print(name, f"{(DATA / f'emoji/{name}.webp').stat().st_size:,} bytes")
    write_list("emoji/concepts.json", concepts)
    record("emoji")
    print(len(concepts), "concepts")


if __name__ == "__main__":
    main()
