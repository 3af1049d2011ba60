"""Makes data/faces/ again from the named package: drawn faces of nobody, with what each of them is made of.

Needs npm, node, `pip install resvg-py==0.5.0` and the course's environment. Run it from the repository's root:

    python data/build/faces.py
"""

import io
import json
import subprocess
import tempfile
from pathlib import Path

import resvg_py
from common import DATA, record, sheet, write_list
from PIL import Image

SIZE, COLUMNS, EACH = 64, 20, 200  # pixels; faces in a row of the sheet; faces of each sex
PACKAGE = "facesjs@5.0.3"
DRAW = """
import { faceToSvgString, generate } from "facesjs";
let state = 2024;                                     // mulberry32, so that every run draws the same faces
Math.random = () => {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};
const faces = [];
for (let i = 0; i < 2 * EACH; i++) {
  const sex = i % 2 ? "male" : "female";
  const face = generate({ accessories: { id: "none" }, jersey: { id: "jersey" } }, { gender: sex });
  faces.push({ sex, face, svg: faceToSvgString(face) });
}
console.log(JSON.stringify(faces));
"""


def told(sex, face):
    """What a face is made of, flat: the shapes by facesjs's names, sizes, colours; and the sex it was drawn for."""
    parts = ("hair", "hairBg", "head", "eyebrow", "eye", "eyeLine", "ear", "nose", "mouth", "facialHair", "smileLine")
    shapes = {part: face[part]["id"] for part in (*parts, "miscLine", "glasses", "body")}
    sizes = {"fatness": face["fatness"], "body_size": face["body"]["size"]}
    sizes |= {f"{part}_size": face[part]["size"] for part in ("ear", "nose")}
    sizes |= {f"{part}_angle": face[part]["angle"] for part in ("eye", "eyebrow")}
    return {"sex": sex, **shapes, **sizes, "skin": face["body"]["color"], "hair_colour": face["hair"]["color"]}


def main():
    (DATA / "faces").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run(["npm", "install", "--silent", "--omit=peer", PACKAGE], cwd=scratch, check=True)
        (Path(scratch) / "draw.mjs").write_text(DRAW.replace("EACH", str(EACH)), encoding="utf-8")
        drawn = subprocess.run(
            ["node", "draw.mjs"], cwd=scratch, check=True, capture_output=True, text=True, encoding="utf-8"
        ).stdout
    index, tiles = [], []
    for entry in json.loads(drawn):
        content = bytes(resvg_py.svg_to_bytes(svg_string=entry["svg"], width=256, height=384, skip_system_fonts=True))
        picture = Image.open(io.BytesIO(content)).convert("RGBA")
        head = Image.new("RGBA", (300, 300), "white")  # from the hair to below the chin
        head.alpha_composite(picture.crop((0, 36, 256, 336)), (22, 0))
        tiles.append(head.convert("RGB").resize((SIZE, SIZE), Image.Resampling.LANCZOS))
        index.append(told(entry["sex"], entry["face"]))
    sheet(tiles, COLUMNS).save(DATA / "faces/faces.webp", quality=80, method=6)
    write_list("faces/index.json", index)
    record("faces")
    print(len(index), "faces", *(f"{path.name} {path.stat().st_size:,} bytes" for path in (DATA / "faces").iterdir()))


if __name__ == "__main__":
    main()
