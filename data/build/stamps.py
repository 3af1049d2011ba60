"""Makes data/stamps/ again from the named packages: photographs cut out on transparency. Learners never need to run it.

Needs a Debian machine (`apt-get`, `dpkg`), `pip install opencv-python-headless==5.0.0.93` and the course's environment.
Run it from the repository's root:

    python data/build/stamps.py
"""

import gzip
import io
import json
import tempfile
from pathlib import Path

import cv2
import numpy as np
from common import DATA, debian, rcc, record, sheet, write_list
from PIL import Image

SIZE, COLUMNS = 128, 20
DEBIAN = "tuxpaint-stamps-default=2022.06.04-1"
GCOMPRIS = "gcompris-qt-data=3.1-2"
KINDS = {  # the first that begins the path
    "animals": "animal",
    "food": "food",
    "plants": "plant",
    "vehicles": "vehicle",
    "hobbies/music": "instrument",
    "hobbies": "object",
    "household/tools": "tool",
    "household": "object",
    "sports": "sport",
    "space": "space",
    "medical": "object",
}
# Drawings and renderings, an engraving, lettering without a thing, a caption that is missing or wrong in Korean.
NOT_THESE = """hedgehog pizza tooth 0_sun rugby_goal_posts pink_tricycle cylinder mercurythermometer bee sedan_police
    football 9_pluto lettuce_bolted rambutan moonwrasse""".split()
# Under other licences than the collection's GPL, by its list of changes.
NOT_GPL = """firetruck heron_greatblue heron_greatblue_flying pelican helmeted_guineafowl Lightbulb Apricot_whole
    Cherry_Stella Strawberry2 Woodlouse Brown_slug adeenia anthoorium appooppanthady bolsom chemparathi
    chuvanna_plastic_poo""".split()
NOUNS = """frog: frog-1 | parrot: adelaide-rosella rainbow-lorikeet | peacock: albino_peahen |
    chicken: chicken_profile hen | crane: crowned_crane | duck: drake | goose: gander | rubber duck: rubberduck |
    penguin: little-penguin magellanic_penguin | rhea: nandou |
    flamingo: pink_flamingo | gull: seagull silver-gull | toucan: tucan | moth: xanthia |
    fish: bluegroper butterflyfish clownfish coraltrout dolphinfish lionfish stripedfish | monkey: tamarin_emperor |
    chimpanzee: chimp | sea lion: sea_lion | bear: european-bear | teddy: edward_bear | cow: cow_white |
    gnu: gnu-baby-stand gnu-baby gnu-sitting gnu-stand | antelope: indian_blackbuck | chamois: mountaingoat |
    sheep: ram sheep_lamb | lion: lion-2 | tiger: tiger_sumatran | reindeer: caribou | deer: doe wapiti |
    donkey: donkey_eating | hippopotamus: hippopotamus | pig: pig_golden pig_golden2 | rabbit: rabbit_little rabbit-2 |
    rhino: rhino_black | boar: wildboar | mussel: murray-mussel |
    apple: apple_fuji apple_granny_smith apple_green apple_red apple_sierra_beauty |
    tangerine: mandarine | orange: orange_seville sliced_orange | lime: sliced_lime | walnut: walnut_shelled |
    chili: chilepepper | garlic: garlics | squash: pattypan_squash | pepper: yellowpepper | pumpkin: pumpkin_small |
    lettuce: redlettuce | aubergine: eggplant | flower: flower1 flower2 flower3 flower4 flower5
    flower6 flower7 flower8 flower9 pigface red-gazania whitestar-petunia yellow-flower |
    anemone: anemone_red | hibiscus: flower10 | mushroom: cep cep-1 cep-2 | tree: birch holm_oak tree336 |
    holly: holly_leaves | palm: liberia-palm | wheel: 7spoke256 wheel_tractor | car: beetle sedan sportscar2 |
    balloon: balloon360 | airplane: 747 | garbage truck: garbagetruck | bus: green_korean_bus |
    racing car: indycar | boat: chineseJunk walnutBoat | camera: camera_35mm | cymbal: cymbal_crash |
    drum: drum_tomtom_floor drumkit | guitar: guitar2 guitar_classical guitar_electric guitar_electric_bass |
    pen: highlighter pen_dryerase | scissors: scissors_small_closed scissors_small_open |
    jug: pitcher_small | pepper mill: pepper_grinder | bin: garbagecan home_compost_bin wheelie_bin |
    cement mixer: cementmixer | hammer: mallet_metal | tape measure: measuring_tape | brush: paintbrush_large |
    pliers: plyers | wrench: wrench_adjustable wrench_plumbers | ball: australian_rules_football basketball cricketball
    soccer tennis_ball | racket: tennis_racket | trophy: trophy_cup | lander: apollo_lander |
    moon: moon_3qt moon_crescent moon_full | mercury: 1_mercury | venus: 2_venus | earth: 3_earth | mars: 4_mars |
    jupiter: 5_jupiter | saturn: 6_saturn | uranus: 7_uranus | neptune: 8_neptune | astronaut: spacewalk |
    probe: voyager2 | bandage: bandage_adhesive"""
NOUN = {
    stem: noun.strip() for entry in NOUNS.split("|") for noun, stems in [entry.split(":")] for stem in stems.split()
}

# Further photographs of nouns of the scenes: noun, its kind, the resource and the file's end, and the rectangle around
# the thing (left, top, right, bottom, as shares of the sides). The licences stand in GCompris's own README beside each.
MORE = """fish animal categorization fishes/fish25 .005 .02 .995 .95
    fish animal categorization fishes/fish18 .04 .08 .96 .86
    fish animal categorization fishes/fish28 .1 .26 .74 .86
    fish animal categorization fishes/fish1 .13 .03 .89 .95
    fish animal categorization fishes/fish3 .04 .26 .88 .68
    fish animal categorization fishes/fish9 .17 .07 .70 .42
    hammer tool categorization tools/hammer1 .02 .01 .98 .98
    hammer tool categorization tools/hammer2 .1 .15 .85 .92
    hammer tool categorization tools/hammer5 .01 .01 .99 .99
    hammer tool categorization tools/hammer7 .16 .02 .84 .98
    hammer tool categorization tools/hammer8 .05 .2 .95 .8
    hammer tool categorization tools/hammer9 .02 .15 .95 .9
    ball sport categorization others/baseball 0 0 1 1
    cow animal explore_farm_animals animals/cow .21 .37 .91 .93
    duck animal explore_farm_animals animals/duck .1 .2 .82 .92
    sheep animal explore_farm_animals animals/sheep .21 .09 .71 .89
    bear animal explore_world_animals animals/polar_bear .23 .32 .84 .76
    parrot animal explore_world_animals animals/scarlet_macaw .2 .11 .93 .93
    giraffe animal erase resource/giraffe 0 .02 .97 .97
    penguin animal erase resource/penguin .24 .05 .66 .98
    drum instrument explore_world_music music/africa .33 .05 .67 .9"""
TREE = "seasonal/christmas/Christmas_Tree_photo.png"  # the only one of Tux Paint's that is not under the GPL


def captions(path):
    """The description beside a stamp: its first line is English, then one line a language."""
    lines = path.with_suffix(".txt").read_text(errors="replace", encoding="utf-8").splitlines()
    korean = next(line for line in lines if line.startswith("ko.utf8="))
    return lines[0].strip(), korean.removeprefix("ko.utf8=").strip()


def tile(picture):
    """The picture cut to what is not transparent, in the middle of a square of SIZE pixels."""
    picture = picture.convert("RGBA")
    picture = picture.crop(picture.getchannel("A").point(lambda a: 255 * (a > 16)).getbbox())
    picture.thumbnail((SIZE, SIZE), Image.Resampling.LANCZOS)
    square = Image.new("RGBA", (SIZE, SIZE))
    square.paste(picture, ((SIZE - picture.width) // 2, (SIZE - picture.height) // 2))
    return square


def main():
    (DATA / "stamps").mkdir(exist_ok=True)
    sounds = {entry["name"] for entry in json.loads((DATA / "sounds/index.json").read_text(encoding="utf-8"))}
    index, tiles = [], []
    with tempfile.TemporaryDirectory() as scratch:
        (root,) = debian([DEBIAN], Path(scratch)).values()
        folder = root / "usr/share/tuxpaint/stamps"
        for path in sorted(folder.rglob("*.png")):
            place = path.relative_to(folder).as_posix()
            kind = next((kind for begin, kind in KINDS.items() if place.startswith(begin + "/")), None)
            if not kind or "cartoon" in place or "mirror" in path.stem or path.stem in NOT_THESE + NOT_GPL:
                continue
            name = path.stem.lower() if place != "plants/eggplant.png" else "eggplant_plant"
            noun = NOUN.get(path.stem, path.stem.lower().replace("_", " ").replace("-", " "))
            english, korean = captions(path)
            sound = f"stamps/{path.stem.lower()}"
            entry = {"name": name, "noun": noun, "kind": kind, "en": english, "ko": korean}
            index.append(entry | {"sound": sound if sound in sounds else None, "from": place})
            tiles.append(tile(Image.open(path)))
        changes = root / "usr/share/doc/tuxpaint-stamps-default/changelog.gz"
        (DATA / "stamps/CREDITS.txt").write_bytes(gzip.decompress(changes.read_bytes()))
        tree = tile(Image.open(folder / TREE))
        write("photographs", "index", index, tiles)
        write("more", "more", *further(Path(scratch), tree))
    record("stamps")
    size = sum((DATA / "stamps" / f"{name}.webp").stat().st_size for name in ("photographs", "more"))
    with_sound = sum(entry["sound"] is not None for entry in index)
    print(
        len(index),
        "photographs of",
        len({e["noun"] for e in index}),
        f"things, {with_sound} with a sound, {size:,} bytes with the further ones",
    )


def write(sheet_name, index_name, index, tiles):
    assert len({entry["name"] for entry in index}) == len(index)
    sheet(tiles, COLUMNS).save(DATA / f"stamps/{sheet_name}.webp", quality=85, method=6)
    write_list(f"stamps/{index_name}.json", index)


def further(scratch, tree):
    """The entries and tiles of MORE, and of the tree. A README says who made each picture, and its licence."""
    (root,) = debian([GCOMPRIS], scratch).values()
    index, tiles = [], []
    for line in MORE.splitlines():
        noun, kind, resource, end, *rectangle = line.split()
        files = rcc(root / f"usr/share/gcompris-qt/rcc/{resource}.rcc")
        place = next(name for name in files if name.endswith(f"{end}.webp"))
        folder, file = place.rsplit("/", 1)
        blocks = files[f"{folder}/README"].decode().replace("Files: ", "Files:\n").split("\n\n")
        (block,) = (block for block in blocks if file in block.split("\n"))
        said = dict(part.split(": ", 1) for part in block.splitlines() if ": " in part)
        own = {"by": said["Copyright"].strip(), "licence": said["License"].strip(), "source": said["Source"].strip()}
        name = "gcompris_" + end.split("/")[1]
        index.append({"name": name, "noun": noun, "kind": kind, "en": f"A {noun}.", "ko": None, "sound": None, **own})
        tiles.append(tile(cut_out(Image.open(io.BytesIO(files[place])), [float(share) for share in rectangle])))
    own = {"by": "Jorge Barrios", "licence": "Public Domain", "source": f"{DEBIAN}: {TREE}"}
    entry = {"name": "christmas_tree", "noun": "tree", "kind": "plant", "en": "A Christmas tree."}
    return [*index, entry | {"ko": None, "sound": None} | own], [*tiles, tree]


def cut_out(picture, rectangle):
    """What GrabCut (Rother et al. 2004, as in OpenCV) takes for the thing in a rectangle, its edges softened."""
    picture = picture.convert("RGB")
    picture.thumbnail((480, 480), Image.Resampling.LANCZOS)
    pixels = np.ascontiguousarray(np.asarray(picture)[:, :, ::-1])
    height, width = pixels.shape[:2]
    left, top, right, bottom = (round(p * n) for p, n in zip(rectangle, (width, height, width, height), strict=True))
    left, top, right, bottom = max(left, 1), max(top, 1), min(right, width - 1), min(bottom, height - 1)
    mask, tables = np.zeros((height, width), np.uint8), (np.zeros((1, 65)), np.zeros((1, 65)))
    cv2.setRNGSeed(0)
    cv2.grabCut(pixels, mask, (left, top, right - left, bottom - top), *tables, 8, cv2.GC_INIT_WITH_RECT)
    _, labels, found, _ = cv2.connectedComponentsWithStats((mask & 1).astype(np.uint8))
    kept = (labels == 1 + found[1:, cv2.CC_STAT_AREA].argmax()).astype(np.uint8)  # the largest part
    count, labels, found, _ = cv2.connectedComponentsWithStats(1 - kept)
    for hole in range(1, count):
        if found[hole, cv2.CC_STAT_AREA] < 0.004 * mask.size:
            kept[labels == hole] = 1
    return Image.fromarray(np.dstack([pixels[:, :, ::-1], cv2.GaussianBlur(kept * 255, (3, 3), 0)]))


if __name__ == "__main__":
    main()
