"""What of the course is translated, and how a translation is compared with its English: for `helpers.commands.korean`.

A catalog is a gettext file in locale/ko, one for each notebook, module of checks or page. It has an entry for every
paragraph, heading, table or list of a Markdown cell, for every text of a figure or player that stands in the code as a
string (see `spoken`), and for every sentence that a check may say.
"""

import ast
import json
import re
from collections import Counter
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path

import polib

ROOT = Path(__file__).resolve().parents[2]
LOCALE = ROOT / "locale" / "ko"
SPOKEN = ("alt", "caption")  # the keywords, and variables, whose strings are translated
HOLE = r"(\{[^{}]*\})"  # what an f-string computes: it recurs in the translation
PAGES = {
    "readme": "README.md",
    "first-lesson": "docs/first-lesson.md",
    "glossary": "docs/glossary.json",
    "instructor": "docs/instructor.md",
    "results": "docs/results.md",
    "setup": "docs/setup.md",
    "symbols": "docs/symbols.json",
    "site": "docs/conf.py",
}
COMMENT = re.compile(r"^(make .*?# )(.+)$", re.M)  # what a command is for, in a page's block of code
ENGINE = ("checking", "comparing", "limits", "progress", "running", "state", "telling")


def names():
    """All that can have a catalog: "00_multimodal_learning", "assignments/00_...", "checks/n00", "readme", ..."""
    for folder in ("", "assignments/"):
        yield from (folder + path.stem for path in sorted((ROOT / "notebooks" / folder).glob("[0-9][0-9]_*.ipynb")))
    yield from (f"checks/{path.stem[:3]}" for path in sorted((ROOT / "helpers/checks").glob("n[0-9][0-9]_*.py")))
    yield from ("checks/engine", "checks/helpers", *PAGES)


def path_of(name):
    return LOCALE / f"{name}.po"


# What is translated


def blocks(text):
    """The pieces of a Markdown text, which put together are the text again.

    Returns:
        A list of `(piece, whether it is to be translated)`. A heading is a piece of its own, otherwise blank lines part
        them; a block of code, a formula or a lone tag isn't translated.
    """
    found, piece, fence = [], "", ""

    def end():
        nonlocal piece
        body = piece.rstrip("\n")
        found.extend([(body, bool(re.search("[A-Za-z]", bare(body)))), (piece[len(body) :], False)])
        piece = ""

    for line in text.splitlines(keepends=True):
        start = re.match(r" *(```+|~~~+)", line)
        if fence:
            found.append((line, False))
            fence = "" if start and start[1] == fence else fence
        elif start:
            end()
            found.append((line, False))
            fence = start[1]
        elif not line.strip() or re.match("#{1,6} ", line):
            end()
            piece = line
            end()
        else:
            piece += line
    end()
    return [pair for pair in found if pair[0]]


def spoken(source):
    """What a cell's code shows in words: captions and alternative texts, what `play` and `gallery` call their sounds
    and rows, and lines that are printed as they stand. `(first character, end, text)`, in order; the text of an
    f-string is a template."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a line for IPython alone
        return []
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line.encode()))

    def position(line, column):
        return len(source.encode()[: starts[line - 1] + column].decode())

    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name, first = getattr(node.func, "attr", getattr(node.func, "id", "")), (*node.args, None)[0]
            found += [getattr(word.value, "left", word.value) for word in node.keywords if word.arg in SPOKEN]
            found += first.keys if name in ("play", "gallery") and isinstance(first, ast.Dict) else []
            if name == "print" and len(node.args) == 1 and isinstance(first, ast.Constant):
                found += [first] if "  " not in str(first.value) else []  # blanks in a row: columns
        elif isinstance(node, ast.Assign | ast.AugAssign):
            target = node.target if isinstance(node, ast.AugAssign) else node.targets[0]
            found += [node.value] if getattr(target, "id", "") in SPOKEN else []
    return sorted(
        (position(node.lineno, node.col_offset), position(node.end_lineno, node.end_col_offset), text)
        for node in found
        if re.search("[A-Za-z]{2}", re.sub(HOLE, "", text := template(node, formats=True) or ""))
        if isinstance(node, ast.JoinedStr) or "{" not in text
    )


def template(node, formats=False):
    """A string of the code as the catalogs have it, `"the shape is {shape}, not {expected}"`, with how a value is
    written (`{loss:.2f}`) where `formats` is true; None where it is none."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if not isinstance(node, ast.JoinedStr):
        return None
    text = ""
    for k, part in enumerate(node.values):
        if isinstance(part, ast.Constant):
            text += part.value
        else:
            name = ast.unparse(ast.JoinedStr([part]))[3:-2] if formats else ast.unparse(part.value)
            text += f"{{#{k}}}" if "{" in name or "}" in name else f"{{{name}}}"
    return text


def messages(code):
    """The sentences of a module of checks, in order: strings of several words that are no docstring, no error, and not
    compared with something."""
    found = []

    def walk(node):
        if isinstance(node, ast.Compare) or isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return
        if isinstance(node, ast.Raise) and getattr(getattr(node.exc, "func", None), "id", "") == "CourseError":
            return
        text = template(node)
        if text is not None:
            words = re.sub(r"\{[^{}]*\}", "0", text)
            if re.search("[a-z]{2}", words) and re.search(r"\S \S", words) and not words.startswith("check("):
                found.append(text)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "in_words":  # a word alone is marked so
            found.extend(filter(None, [template(node.args[0])]))
        for child in ast.iter_child_nodes(node):
            if not (isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant)):
                walk(child)

    walk(ast.parse(code))
    return found


def english(name):
    """What a catalog has to hold: `{English text: [the ids of the cells where it stands]}`, in order."""
    found = {}

    def add(text, where):
        places = found.setdefault(text, [])
        places += [] if where in places else [where]

    if name == "checks/helpers":  # the scoreboard's heads and sentences, line by line
        for text in messages((ROOT / "helpers/scoreboard.py").read_text(encoding="utf-8")):
            for line in text.splitlines():
                if line.startswith("| ") or line.endswith("."):
                    add(line, "scoreboard")
        for path in sorted((ROOT / "data/experiments").glob("*.json")):
            for experiment in json.loads(path.read_text(encoding="utf-8"))["experiments"].values():
                add(experiment["recipe"]["what"], path.stem)
    elif name.startswith("checks/"):
        stems = ENGINE if name == "checks/engine" else [f"{name.removeprefix('checks/')}_*"]
        for path in [path for stem in stems for path in (ROOT / "helpers/checks").glob(f"{stem}.py")]:
            for text in messages(path.read_text(encoding="utf-8")):
                add(text, path.stem)
    elif name == "site":  # its words are marked: _("Lectures")
        for node in ast.walk(ast.parse((ROOT / PAGES[name]).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_":
                add(ast.literal_eval(node.args[0]), "conf")
    elif name in ("glossary", "symbols"):
        head = (ROOT / f"docs/{name}.md").read_text(encoding="utf-8").split("\n|---")[0]
        rows = json.loads((ROOT / PAGES[name]).read_text(encoding="utf-8"))
        rows = (
            [text for t, e in rows.items() for text in (t, e["line"])] if name == "glossary" else [r[2] for r in rows]
        )
        for text in [*(piece for piece, translated in blocks(head) if translated), *rows]:
            add(text, name)
    elif name in PAGES:
        text = (ROOT / PAGES[name]).read_text(encoding="utf-8")
        if name == "results":  # the lectures' own tables are names and numbers
            text = text.split("\n## ")[0]
        for piece, translated in blocks(text):
            if translated:
                add(piece, name)
        for _, comment in COMMENT.findall(text):
            add(comment, name)
    else:
        for cell in json.loads((ROOT / f"notebooks/{name}.ipynb").read_text(encoding="utf-8"))["cells"]:
            source = "".join(cell["source"])
            if cell["cell_type"] == "markdown":
                texts = [piece for piece, translated in blocks(source) if translated]
            else:
                texts = [text for _, _, text in spoken(source)] if cell["cell_type"] == "code" else []
            for text in texts:
                add(text, cell["id"])
    return found


# Catalogs


def read(name):
    """A catalog; an empty one where there is none."""
    if path_of(name).exists():
        return polib.pofile(str(path_of(name)), encoding="utf-8", wrapwidth=100)
    catalog = polib.POFile(encoding="utf-8", wrapwidth=100)
    catalog.metadata = {"Language": "ko", "MIME-Version": "1.0", "Content-Type": "text/plain; charset=UTF-8"}
    catalog.metadata["Content-Transfer-Encoding"] = "8bit"
    return catalog


def merged(name):
    """The catalog with the entries of today's English, in its order.

    The entry of a changed paragraph keeps its Korean, as fuzzy, and remembers the English that it was made for. An
    entry whose English is gone is dropped.
    """
    catalog, wanted = read(name), english(name)
    old = {entry.msgid: entry for entry in catalog}
    lost = [entry for msgid, entry in old.items() if msgid not in wanted and entry.msgstr]
    entries = []
    for text, places in wanted.items():
        entry = old.get(text)
        if entry is None:
            entry = polib.POEntry(msgid=text)
            alike = [(likeness(text, places, other), k) for k, other in enumerate(lost)]
            if alike and max(alike)[0] > 0.6:
                near = lost.pop(max(alike)[1])
                entry.msgstr, entry.flags = near.msgstr, ["fuzzy"]
                entry.previous_msgid = near.previous_msgid or near.msgid
        entry.occurrences = [(place, "") for place in places]
        entries.append(entry)
    del catalog[:]
    catalog.extend(entries)
    return catalog


def likeness(text, places, entry):
    """How much of an entry's English is in another text, from 0 to 1; more where they stand in the same cell."""
    matcher = SequenceMatcher(None, text, entry.msgid, autojunk=False)
    if matcher.real_quick_ratio() < 0.5:
        return 0
    return matcher.ratio() + 0.15 * any(place in places for place, _ in entry.occurrences)


def translation(name):
    """`{English: Korean}` of the entries that are done: not those that are empty or fuzzy."""
    return {entry.msgid: entry.msgstr for entry in read(name) if entry.msgstr and not entry.fuzzy}


# What a translation must keep

KEPT = {  # in this order: what is found is cut out before the next kind is looked for
    "code": r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)",
    "formula": r"\$\$.+?\$\$|(?<![\\$\w])\$(?! )[^$\n]+?(?<! )\$(?!\w*\$)",
    "link": r"(?<=\])\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*\)|<?https?://[^\s)>]+>?",
    "footnote": r"\[\^[^\]]+\]",
    "tag": r"</?[A-Za-z][^<>]*>|<!--.*?-->",
    "placeholder": HOLE,
}
# Ends of sentences of another level of speech than 합니다체, to which -(으)세요 and -(으)ㅂ시다 belong.
OTHER_LEVEL = re.compile(
    r"\S*(?:[아어여해봐와워돼져려켜춰줘네군지]요|죠|예요|에요|(?<!니)(?<!시)(?<!일대)다)[.!?](?=[\s\"'”’)*]|$)"
)
TIMES = {" thousand": 1e3, " million": 1e6, " billion": 1e9, "백만": 1e6, "천만": 1e7, "억": 1e8, "조": 1e12}
COUNTED = re.compile(rf"(?<![A-Za-z\d])(\.?\d[\d,]*(?:\.\d+)?)({'|'.join(TIMES)})?")


def kept(text):
    """What must recur in the translation, `{kind: Counter}`, and the text without it."""
    found = {}
    for kind, pattern in KEPT.items():
        hits = [match[0] for match in re.finditer(pattern, text, re.DOTALL)]
        text = re.sub(pattern, " ", text, flags=re.DOTALL)
        if kind == "tag":  # the words in it may be translated
            hits = [re.sub(r'\b(alt|title|aria-label)="[^"]*"', r'\1=""', hit) for hit in hits]
        found[kind] = Counter(hits)
    return found, text


def bare(text):
    """A text without what its translation must keep."""
    return kept(text)[1]


def numbers(text):
    """The numbers of a text without its code, formulas and links: 400 million and 4억 are the same one."""
    found = Counter()
    for digits, times in COUNTED.findall(text):
        found[round(float(digits.replace(",", "")) * TIMES.get(times, 1), 6)] += 1
    return found


def unclosed(text):
    """Stars that Markdown would show: `**낱말(word)**은` isn't bold, since a letter follows the closing stars."""
    text = re.sub(KEPT["code"], "`", text)
    for stars in (r"\*\*", r"(?<!\*)\*(?!\*)"):
        for k, match in enumerate(re.finditer(stars, text)):
            before, after = text[: match.start()][-1:], text[match.end() :][:1]
            inside, outside = (before, after) if k % 2 else (after, before)
            if inside and outside and re.match(r"[^\w\s*]", inside) and re.match(r"\w", outside):
                return text[max(0, match.start() - 12) : match.end() + 4]
    return ""


@cache
def terms():
    """The table of locale/ko/terms.md: `[(English term as a pattern, [Korean terms])]`, the longest first."""
    rows = re.findall(r"^\| ([^|]+?) \| ([^|]+?) \|", (LOCALE / "terms.md").read_text(encoding="utf-8"), re.MULTILINE)
    found = [(one, korean.split(" / ")) for row, korean in rows[1:] for one in row.split(" / ") if set(row) != {"-"}]
    return [
        (re.compile(rf"(?<![A-Za-z-]){re.escape(one)}(?:s|es)?(?![A-Za-z-])", re.IGNORECASE), one, korean)
        for one, korean in sorted(found, key=lambda pair: -len(pair[0]))
    ]


def compare(text, korean, placeholders=False):
    """What is wrong with a translation, as a list of sentences."""
    if not korean:
        return ["not translated"]
    wrong = []
    if placeholders:
        holes, others = (Counter(re.findall(r"\{[^{}]*\}", t)) for t in (text, korean))
        droppable = Counter({hole: n for hole, n in holes.items() if "'" in hole})  # a plural's s
        wrong += [f"{{...}} missing: {hole}" for hole in holes - others - droppable]
        wrong += [f"{{...}} not in the English: {hole}" for hole in others - holes]
        text, korean = (re.sub(r"\{[^{}]*\}", " ", t) for t in (text, korean))
    (found, words), (others, korean_words) = kept(text), kept(korean)
    for kind in KEPT:
        wrong += [f"{kind} missing: {hit}" for hit in found[kind] - others[kind]]
        wrong += [f"{kind} not in the English: {hit}" for hit in others[kind] - found[kind]]
    here, there = numbers(words), numbers(korean_words)
    wrong += [f"number missing: {n:g}" for n in here - there]
    wrong += [f"number not in the English: {n:g}" for n in there - here if not (n == int(n) and 0 <= n <= 12)]
    reference = text == korean and re.search(r"\b(19|20)\d\d\b", text)  # authors, an English title, a year
    if not re.search("[가-힣]", korean_words) and len(re.findall(r"\b[a-z]{2,}\b", words)) > 1 and not reference:
        wrong.append("no Korean in it")
    if text.count("**") != korean.count("**"):
        wrong.append(f"{text.count('**') // 2} bold, and {korean.count('**') // 2} in the translation")
    if stars := unclosed(korean):
        wrong.append(f"stars that Markdown would show: {stars}")
    words, korean_words = words.replace("*", ""), korean_words.replace("*", "")
    for pattern, term, choices in terms():
        if here := len(pattern.findall(words)):
            words = pattern.sub(" ", words)
            said = any(choice in korean_words for choice in choices) or len(pattern.findall(korean_words)) >= here
            if not said and "(생략)" not in choices:  # a Korean sentence may do without the word
                wrong.append(f"term: {term} is {' or '.join(choices)}")
    if plain := OTHER_LEVEL.search(korean_words):
        wrong.append(f"not in 합니다체: {plain[0]}")
    return wrong


def problems(name):
    """What is wrong with a catalog: `(the English, a sentence)`, in order."""
    catalog, found = {entry.msgid: entry for entry in read(name)}, []
    for text in english(name):
        entry = catalog.pop(text, None)
        if entry is None:
            found.append((text, "it has no entry in the catalog: make korean"))
        elif entry.fuzzy:
            found.append((text, "its English changed: look at the Korean again, and take the mark fuzzy away"))
        else:
            found += [
                (text, line) for line in compare(text, entry.msgstr, name == "site" or name.startswith("checks/"))
            ]
    found += [(text, "the catalog has this entry, and the course no longer: make korean") for text in catalog]
    return found


def first_words(text):
    return " ".join(text.split()[:9])
