"""The Korean edition: the notebooks of the course with the words of locale/ko. `make korean`

    python -m helpers.commands.korean                        # brings the catalogs up to date, writes notebooks/ko
    python -m helpers.commands.korean pending NAME           # what is to be translated, a line of JSON each
    python -m helpers.commands.korean fill NAME FILE.jsonl   # puts translations into the catalog, and checks them
    python -m helpers.commands.korean check NAME             # what the test would say of a catalog

NAME is one of those below: 00_multimodal_learning, assignments/00_multimodal_learning, checks/n00, readme, ...
"""

import hashlib
import html
import json
import posixpath
import re
import secrets
import sys

from helpers.commands import assignments
from helpers.commands.catalogs import (
    COMMENT,
    HOLE,
    PAGES,
    ROOT,
    blocks,
    first_words,
    merged,
    names,
    path_of,
    problems,
    spoken,
    translation,
)

NOTEBOOKS = ROOT / "notebooks"
EDITION = NOTEBOOKS / "ko"
WORK = NOTEBOOKS / "work" / "ko"  # the learner's own copies


def replace(path, content):
    """Writes bytes in one step: nobody reads half a file, and an interrupted call leaves the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


# Catalogs


def key(text):
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def save(name, catalog):
    """Writes a catalog, if it says something new."""
    content = (str(catalog).rstrip("\n") + "\n").encode()
    if not path_of(name).exists() or path_of(name).read_bytes() != content:
        replace(path_of(name), content)
        return True
    return False


def update():
    """Brings the catalogs that there are in step with the English of today, and says which ones changed."""
    for name in names():
        if path_of(name).exists() and save(name, merged(name)):
            print(f"brought {path_of(name).relative_to(ROOT).as_posix()} up to date")


def pending(name):
    """Prints what is still to be translated: its id and the English; of a fuzzy entry also the Korean, and the English
    that it was made for."""
    for entry in merged(name):
        if entry.fuzzy or not entry.msgstr:
            line = {"id": key(entry.msgid), "cell": entry.occurrences[0][0], "english": entry.msgid}
            if entry.fuzzy:
                line |= {"was": entry.previous_msgid, "korean": entry.msgstr}
            print(json.dumps(line, ensure_ascii=False))


def fill(name, file):
    """Puts the translations of a file, `{"id": ..., "korean": ...}` a line, into the catalog, and prints what the test
    finds wrong with them."""
    catalog = merged(name)
    entries, known = {key(entry.msgid): entry for entry in catalog}, set()
    with open(file, encoding="utf-8") as lines:
        for line in filter(str.strip, lines):
            given = json.loads(line)
            entry = entries.get(given["id"])
            if entry is None:
                print(f"no English has the id {given['id']}: {given['korean'][:60]}")
                continue
            entry.msgstr, entry.previous_msgid = given["korean"], None
            entry.flags = [flag for flag in entry.flags if flag != "fuzzy"]
            known.add(entry.msgid)
    save(name, catalog)
    tell(name, known)
    left = sum(entry.fuzzy or not entry.msgstr for entry in catalog)
    print(f"{name}: {left} of {len(catalog)} still to translate")


def tell(name, texts=None):
    """Prints what the test would say of a catalog, or of some English texts in it."""
    for text, line in problems(name):
        if texts is None or text in texts:
            print(f"{key(text)} {first_words(text)}: {line}")


# The edition


def link(target, name):
    """Where a link of a notebook leads to in the edition: to another page of it, or out of it to what has no Korean."""
    if re.match(r"[a-z]+:|#|/", target) or not target:
        return target
    here = posixpath.dirname(f"notebooks/{name}")
    path, _, anchor = posixpath.normpath(posixpath.join(here, target)).partition("#")
    inside = path.removeprefix("notebooks/")
    if own := re.fullmatch(r"work/my_(.+)\.ipynb", inside):
        page = f"notebooks/work/ko/my_{own[1]}.ipynb" if path_of(f"assignments/{own[1]}").exists() else path
    elif path.startswith("notebooks/") and path.endswith(".ipynb") and path_of(inside.removesuffix(".ipynb")).exists():
        page = f"notebooks/ko/{inside}"
    else:
        page = path
    slash = "/" if target.endswith("/") else ""
    there = posixpath.relpath(page, posixpath.dirname(f"notebooks/ko/{name}"))
    return there + slash + (f"#{anchor}" if anchor else "")


def in_korean(text, words):
    """A Markdown text with the paragraphs that have a translation in it, and what its commands are for."""
    text = "".join(words.get(piece, piece) if translated else piece for piece, translated in blocks(text))
    return COMMENT.sub(lambda line: line[1] + words.get(line[2], line[2]), text)


def lines(text):
    return text.splitlines(keepends=True)


def page(name):
    """What the website shows of a source, named without its ending: of "docs/setup" a text, of "notebooks/00_..." JSON.

    Its links lead where the English ones lead, since the Korean pages lie in the same order.
    """
    if name.startswith("notebooks/"):
        return json.dumps(notebook(name.removeprefix("notebooks/"), linked=False), indent=1, ensure_ascii=False)
    text = (ROOT / f"{name}.md").read_text(encoding="utf-8")
    known = {path.removesuffix(".md"): catalog for catalog, path in PAGES.items()}
    return in_korean(text, translation(known[name])) if name in known else text


def notebook(name, linked=True):
    """The Korean notebook: other words, the same code, outputs and cell ids. Its links lead to the edition's pages, if
    `linked`.

    Returns:
        The notebook as a dictionary. Its metadata hold a mark of what was written, by which `write` sees whether
        somebody typed into it since.
    """
    content = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))
    words, board = translation(name), translation("checks/helpers")
    for cell in content["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            source = in_korean(source, words)
            if linked:
                source = re.sub(r"(?<=\]\()[^()\s]+(?=\))", lambda target: link(target[0], name), source)
            source = source.replace("`notebooks/work/", "`notebooks/work/ko/").replace("`make lab`", "`make lab KO=1`")
        elif cell["cell_type"] == "code":
            found = [part for part in spoken(source) if part[2] in words]
            for start, end, text in reversed(found):
                source = source[:start] + literal(words[text]) + source[end:]
            for output in cell["outputs"]:
                shown = output.get("data", {})
                for _, _, text in found:
                    if "text/html" in shown:
                        shown["text/html"] = lines(shown_as("".join(shown["text/html"]), text, words))
                    elif "text" in output:
                        output["text"] = lines(shown_as("".join(output["text"]), text, words, plain=True))
                if "text/markdown" in shown:
                    for text in board:
                        shown["text/markdown"] = lines(
                            shown_as("".join(shown["text/markdown"]), text, board, plain=True)
                        )
        cell["source"] = lines(source)
    content["metadata"]["course"] = {"language": "ko", "made": mark(content)}
    return content


def literal(text):
    """A text as a string of the code, an f-string where it has placeholders."""
    return "f" * ("{" in text) + json.dumps(text, ensure_ascii=False)


def shown_as(page, text, words, plain=False):
    """An output with the Korean of a text: of a caption or a label in HTML, of whole lines where it is `plain`. What
    stood where the English has its placeholders stands where the Korean has them."""
    parts, write = re.split(HOLE, text), str if plain else html.escape
    hole = "(.*?)" if plain else '([^"<>]*)'
    pattern = "".join(hole if k % 2 else re.escape(write(part)) for k, part in enumerate(parts))

    def said(match):
        values = dict(zip(parts[1::2], match.groups(), strict=True))
        values = {part: words.get(value, value) if plain else value for part, value in values.items()}
        return "".join(values.get(part, write(part)) for part in re.split(HOLE, words[text]))

    if plain:
        pattern = f"(?m)^{pattern}$"
    elif len(text) < 40 or len(parts) > 1:  # a long sentence may be put together with another
        pattern = rf'(?<=[">]){pattern}(?=["<]|, \d+")'  # a gallery counts its pictures
    return re.sub(pattern, said, page)


def mark(content):
    typed = assignments.written(json.dumps(content).encode())
    return hashlib.sha256(json.dumps(typed).encode()).hexdigest()[:16]


def write(edition=None):
    """Writes every notebook that has a catalog. One that somebody typed into is kept first."""
    edition = edition or EDITION
    for name in names():
        source = NOTEBOOKS / f"{name}.ipynb"
        if not path_of(name).exists() or not source.exists():
            continue
        path, made = edition / f"{name}.ipynb", notebook(name)
        content = (json.dumps(made, indent=1, ensure_ascii=False) + "\n").encode()
        if path.exists():
            there = path.read_bytes()
            try:
                old = json.loads(there)
                if old["metadata"]["course"] == made["metadata"]["course"] == {"language": "ko", "made": mark(old)}:
                    continue  # what it shows may be the reader's own run
                touched = old["metadata"]["course"]["made"] != mark(old)
            except (ValueError, LookupError, TypeError):
                touched = True
            if touched and (kept := assignments.keep(f"ko/{name}.ipynb", there, [])):
                print(f"kept the notebooks/ko/{name}.ipynb that was there as notebooks/work/kept/{kept}")
        replace(path, content)
        print(f"wrote notebooks/ko/{name}.ipynb")


def main(words):
    commands = {"pending": (pending, 1), "fill": (fill, 2), "check": (tell, 1)}
    if not words:
        update()
        return write()
    command, count = commands.get(words[0], (None, 0))
    if command is None or len(words) != 1 + count or words[1] not in names():
        sys.exit(f"{__doc__}\n{' '.join(names())}")
    return command(*words[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
