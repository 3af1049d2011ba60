"""Cuts README's pictures out of the lectures' stored outputs: one figure, or the first rows of a gallery, a lecture.

python -m data.build.pictures
"""

import base64
import io
import re

import nbformat
from PIL import Image

from helpers.data import ROOT

NOTEBOOKS = ROOT / "notebooks"
WIDTH = 320  # pixels, at most
# lecture: cell, which of its outputs; of a figure: a box in shares of it; of a gallery: columns, rows (and how many
# pictures later a row begins than the one above it)
CHOSEN = {
    "00_multimodal_learning": ("duck-seen", 0),
    "01_word2vec": ("map-figure", 0, 0, 0, 0.5, 1),
    "02_spectrograms": ("four-spectrograms", 0, 0, 0, 0.5, 1),
    "03_joint_embedding": ("map-figure", 0),
    "04_captioning": ("overlay", 1, 0, 0, 0.5, 1),
    "05_conditional_gan": ("grid", 0, 6, 3),
    "06_visual_question_answering": ("overlay", 1, 0, 0.12, 0.5, 1),
    "07_sound_matching": ("gallery", 0, 6, 3),
    "08_sound_translation": ("made-figure", 0),
    "09_sound_localisation": ("ciou-figure", 0, 0.6, 0, 1, 1),
    "10_cocktail_party": ("pixels", 0, 0, 0, 0.89, 1),
    "11_diffusion": ("sheet", 0, 6, 4, 20),
    "12_one_model": ("attention-show", 0, 0.01, 0, 0.28, 0.87),
}


def pictures_of(notebook, cell_id, which):
    """The pictures in one of a cell's outputs that hold any, as PIL images."""
    cell = next(cell for cell in nbformat.read(notebook, as_version=4).cells if cell.id == cell_id)
    outputs = [
        re.findall(r'src="data:image/\w+;base64,([^"]+)"', o.get("data", {}).get("text/html", "")) for o in cell.outputs
    ]
    found = [some for some in outputs if some][which]
    return [Image.open(io.BytesIO(base64.b64decode(one))).convert("RGB") for one in found]


def tiled(pictures, columns, rows, step=None, gap=6):
    side = pictures[0].width + gap
    sheet = Image.new("RGB", (columns * side - gap, rows * side - gap), "white")
    for i in range(columns * rows):
        row, column = divmod(i, columns)
        sheet.paste(pictures[row * (step or columns) + column], (column * side, row * side))
    return sheet


if __name__ == "__main__":
    (NOTEBOOKS / "pictures").mkdir(exist_ok=True)
    for lecture, (cell_id, which, *grid) in CHOSEN.items():
        pictures = pictures_of(NOTEBOOKS / f"{lecture}.ipynb", cell_id, which)
        picture = tiled(pictures, *grid) if len(grid) in (2, 3) else pictures[0]
        if len(grid) == 4:
            sides = zip(grid, 2 * picture.size, strict=True)
            picture = picture.crop([round(share * side) for share, side in sides])
        if picture.width > WIDTH:
            picture = picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)), Image.Resampling.LANCZOS)
        picture.save(NOTEBOOKS / "pictures" / f"{lecture}.webp", quality=80)
