"""Makes data/stamps/ again from the named package: photographs cut out on transparency. Learners never need to run it.

Needs a Debian machine (`apt-get`, `dpkg`) and the course's environment. Run it from the repository's root:

    python data/build/stamps.py
"""

import gzip
import json
import tempfile
from pathlib import Path

from common import DATA, debian, record
from PIL import Image

SIZE, COLUMNS = 128, 20
DEBIAN = "tuxpaint-stamps-default=2022.06.04-1"
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


def captions(path):
    """The description beside a stamp: its first line is English, then one line a language."""
    lines = path.with_suffix(".txt").read_text(errors="replace", encoding="utf-8").splitlines()
    korean = next(line for line in lines if line.startswith("ko.utf8="))
    return lines[0].strip(), korean.removeprefix("ko.utf8=").strip()


def tile(path):
    """The picture cut to what is not transparent, in the middle of a square of SIZE pixels."""
    picture = Image.open(path).convert("RGBA")
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
            tiles.append(tile(path))
        changes = root / "usr/share/doc/tuxpaint-stamps-default/changelog.gz"
        (DATA / "stamps/CREDITS.txt").write_bytes(gzip.decompress(changes.read_bytes()))
    assert len({entry["name"] for entry in index}) == len(index)
    sheet = Image.new("RGBA", (COLUMNS * SIZE, -(-len(tiles) // COLUMNS) * SIZE))
    for i, picture in enumerate(tiles):
        sheet.paste(picture, (i % COLUMNS * SIZE, i // COLUMNS * SIZE))
    sheet.save(DATA / "stamps/photographs.webp", quality=85, method=6)
    lines = ",\n".join(" " + json.dumps(entry, ensure_ascii=False) for entry in index)
    (DATA / "stamps/index.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    record("stamps")
    size = (DATA / "stamps/photographs.webp").stat().st_size
    with_sound = sum(entry["sound"] is not None for entry in index)
    print(
        len(index),
        "photographs of",
        len({e["noun"] for e in index}),
        f"things, {with_sound} with a sound, {size:,} bytes",
    )


if __name__ == "__main__":
    main()
