"""The Korean edition says all that the English one says today, and nothing else; and a translator's slip is found."""

import ast
import json
import re
import subprocess
from collections import Counter

import nbformat
import polib
import pytest
from nbclient import NotebookClient

from helpers.checks import edition
from helpers.commands import assignments, catalogs, doctor, korean, lab
from tests.definitions import NOTEBOOKS

NAMES = list(catalogs.names())
# What has no whole catalog yet: a new page, until its last entry is translated.
TO_TRANSLATE = set()
# English cells that hold Korean: examples, which the text explains.
EXAMPLES = {
    "01_word2vec": {"own-text", "own-tokens", "own-tokens-seen"},
    "03_joint_embedding": {
        "korean-text",
        "korean-search",
        "korean-search-answer",
        "korean-classify",
        "korean-prompt-answer",
    },
    "assignments/01_word2vec": {"korean-text", "korean-train", "korean-answer", "own-question"},
}
HANGUL = re.compile("[가-힣ㄱ-ㅎㅏ-ㅣ]")
TRANSLATED = [name for name in NAMES if name not in TO_TRANSLATE]
PAGES = [name for name in NAMES if (NOTEBOOKS / f"{name}.ipynb").exists()]


def cells(name):
    return json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]


@pytest.mark.parametrize("name", TRANSLATED)
def test_every_paragraph_has_its_korean(name):
    assert not (
        found := [f"{name}: {catalogs.first_words(text)} ...: {line}" for text, line in catalogs.problems(name)]
    ), "\n".join(found)


def test_the_list_of_what_is_to_be_translated_shrinks():
    assert set(NAMES) >= TO_TRANSLATE, "a name that the course has no more"
    done = [name for name in TO_TRANSLATE if catalogs.path_of(name).exists() and not catalogs.problems(name)]
    assert not done, "they are translated: take them off the list"


def test_there_is_no_catalog_of_something_else():
    there = {path.relative_to(catalogs.LOCALE).with_suffix("").as_posix() for path in catalogs.LOCALE.rglob("*.po")}
    assert there <= set(NAMES)
    for name in there:
        assert catalogs.path_of(name).read_text(encoding="utf-8") == f"{catalogs.read(name)}".rstrip("\n") + "\n", (
            f"{name}: make korean"
        )


@pytest.mark.parametrize("name", PAGES)
def test_the_english_notebooks_hold_no_korean_but_examples(name):
    assert {cell["id"] for cell in cells(name) if HANGUL.search("".join(cell["source"]))} == EXAMPLES.get(name, set())


# The edition


@pytest.mark.parametrize("name", [name for name in PAGES if catalogs.path_of(name).exists()])
def test_the_korean_notebook_has_the_same_code_outputs_and_cells(name):
    """But for captions, alternative texts, labels and heads."""
    words = catalogs.translation(name)
    for one, other in zip(cells(name), korean.notebook(name)["cells"], strict=True):
        assert (one["id"], one["cell_type"], one["metadata"]) == (other["id"], other["cell_type"], other["metadata"])
        if one["cell_type"] != "code":
            assert len(catalogs.blocks("".join(one["source"]))) == len(catalogs.blocks("".join(other["source"]))), one[
                "id"
            ]
            continue
        code, shown = "".join(one["source"]), "".join(other["source"])
        spoken = catalogs.spoken(code)
        for start, end, text in reversed(spoken):
            code = code[:start] + korean.literal(words.get(text, text)) + code[end:]
        assert code == shown or not HANGUL.search(shown)
        assert not spoken or ast.dump(ast.parse(shown)), "it is Python still"
        heads = {line for _, _, text in spoken for line in text.splitlines()}
        for before, after in zip(one["outputs"], other["outputs"], strict=True):
            html, told = ("".join(o.get("data", {}).get("text/html", "")) for o in (before, after))
            assert re.findall(r'src="data:[^"]+"', html) == re.findall(r'src="data:[^"]+"', told)
            texts = ["".join(o.get("text", "")).splitlines() for o in (before, after)]
            assert all(b == a or b in heads for b, a in zip(*texts, strict=True))
            if "text" not in before and not {"text/html", "text/markdown"} & before.get("data", {}).keys():
                assert before == after


def test_what_an_f_string_shows_is_korean_with_its_own_values():
    code = """show(figure, alt=f"Word '{words[0]}': {share:.2f} of {n}.", caption="Green is right.")"""
    ((start, end, text), (*_, caption)) = catalogs.spoken(code)
    assert (text, caption) == ("Word '{words[0]}': {share:.2f} of {n}.", "Green is right.")
    said = '{n}개 중 {share:.2f}: "{words[0]}".'
    made = code[:start] + korean.literal(said) + code[end:]
    values = {"words": ["a<b"], "share": 0.256, "n": 8, "figure": None}
    assert eval(made, {"show": lambda figure, alt, caption: alt} | values) == '8개 중 0.26: "a<b".'
    page = '<img alt="Word &#x27;a&lt;b&#x27;: 0.26 of 8." src="x"><p>Word &#x27;c&#x27;: 0.50 of 9.</p>'
    told = '<img alt="8개 중 0.26: &quot;a&lt;b&quot;." src="x"><p>9개 중 0.50: &quot;c&quot;.</p>'
    assert korean.shown_as(page, text, {text: said}) == told
    assert (
        korean.shown_as('<i>both</i><i alt="both at once">', "both", {"both": "둘"})
        == '<i>둘</i><i alt="both at once">'
    )


def test_what_is_marked_is_translated_and_data_are_not():
    marked = {
        'play({"a duck": duck, name: sound})': ["a duck"],
        'plots.gallery({f"row {i}": row}, caption="All rows.")': ["row {i}", "All rows."],
        'print("real recordings:")': ["real recordings:"],
        'alt = "One half "': ["One half "],
        'alt += "and the other."': ["and the other."],
        'print("   t     x", x)': [],
        'print("time   loss")': [],
        'print(f"{loss:.2f}")': [],
        'rows = {"a duck": duck}': [],
        'show(figure, alt=f"{title}")': [],
        'show(figure, alt="The set {a, b}.")': [],
        "%matplotlib inline": [],
    }
    assert {code: [text for *_, text in catalogs.spoken(code)] for code in marked} == marked


def test_a_scoreboard_speaks_the_notebooks_language(in_korean, monkeypatch):
    table = "| metric | this run | beside it |\n|---|---:|---|\n| `rho` | **0.66** | counts 0.6 |\n\n"
    table += "207 s and 1,865 MB at most, on cpu in float32, seed 0."
    said = edition.in_table(table)
    assert said.startswith("| 지표 |") and "\n|---|---:|---|\n| `rho` | **0.66** | counts 0.6 |\n\n207초" in said
    assert "1,865" in said and "cpu in float32" in said
    words = catalogs.translation("checks/helpers")
    for text in words:  # the stored outputs of the Korean notebook say the same
        table = korean.shown_as(table, text, words, plain=True)
    assert table == said
    monkeypatch.setattr(edition, "LANGUAGE", "en")
    assert edition.in_table("| metric | this run |") == "| metric | this run |"


@pytest.mark.parametrize("name", [name for name in PAGES if catalogs.path_of(name).exists()])
def test_links_of_the_korean_notebook_lead_somewhere(name):
    page = korean.EDITION / f"{name}.ipynb"
    made = {korean.EDITION / f"{n}.ipynb" for n in PAGES if catalogs.path_of(n).exists()}
    made |= {korean.WORK / f"my_{n.split('/')[1]}.ipynb" for n in PAGES if "/" in n and catalogs.path_of(n).exists()}
    for cell in korean.notebook(name)["cells"]:
        if cell["cell_type"] == "markdown":
            for target in re.findall(r"\]\(([^)\s]+)\)", "".join(cell["source"])):
                if not re.match(r"[a-z]+:|#", target):
                    path = (page.parent / target.split("#")[0]).resolve()
                    assert path.exists() or path in made or path.parent == NOTEBOOKS / "work", target


@pytest.fixture
def edition_in(tmp_path, monkeypatch):
    """Writes into a folder of its own."""
    monkeypatch.setattr(assignments, "NOTEBOOKS", tmp_path)
    return tmp_path / "ko"


def test_what_a_reader_typed_into_the_edition_is_kept(edition_in, capsys):
    korean.write(edition_in)
    path = edition_in / "00_multimodal_learning.ipynb"
    first, told = path.read_bytes(), capsys.readouterr().out
    assert "wrote notebooks/ko/00_multimodal_learning.ipynb" in told and "kept" not in told
    ran = json.loads(first)
    ran["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["my own run"]}]
    path.write_text(json.dumps(ran), encoding="utf-8")
    korean.write(edition_in)
    assert "my own run" in path.read_text(encoding="utf-8") and capsys.readouterr().out == "", "nothing is new"
    ran["cells"][0]["source"] = ["my notes"]
    path.write_text(json.dumps(ran), encoding="utf-8")
    korean.write(edition_in)
    assert path.read_bytes() == first and "kept" in capsys.readouterr().out
    (kept,) = (edition_in.parent / "work/kept").iterdir()
    assert "my notes" in kept.read_text(encoding="utf-8")


def test_ones_own_korean_copies_are_made_and_never_overwritten(edition_in, capsys):
    korean.write(edition_in)
    capsys.readouterr()
    own = edition_in.parent / "work/ko"
    assignments.copy(own, edition_in / "assignments")
    path = own / "my_00_multimodal_learning.ipynb"
    assert "made notebooks/work/ko/my_00_multimodal_learning.ipynb" in capsys.readouterr().out
    assert HANGUL.search(path.read_text(encoding="utf-8")) and '"pattern"' not in path.read_text(encoding="utf-8")
    path.write_text("mine", encoding="utf-8")
    assignments.copy(own, edition_in / "assignments")
    assert path.read_text(encoding="utf-8") == "mine"


def test_make_lab_ko_opens_the_korean_edition(tmp_path, monkeypatch):
    notebooks, started = tmp_path / "notebooks", []
    monkeypatch.setattr("jupyterlab.labapp.main", started.append)
    monkeypatch.setattr(lab, "is_ready", lambda: True)
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    monkeypatch.setattr(assignments, "NOTEBOOKS", notebooks)
    monkeypatch.setattr(korean, "EDITION", notebooks / "ko")
    monkeypatch.setattr(korean, "WORK", notebooks / "work/ko")
    lab.main(["--korean", "--allow-root"])
    assert (
        started[0][-1].endswith("/lab/tree/notebooks/ko/00_multimodal_learning.ipynb") and "--korean" not in started[0]
    )
    assert (notebooks / "work/ko/my_00_multimodal_learning.ipynb").exists()
    told = subprocess.run(
        ["make", "-n", "-o", ".venv/installed", "lab", "KO=1"],
        cwd=NOTEBOOKS.parent,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert "helpers.commands.lab --korean" in told.stdout, told.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", ["00_multimodal_learning", "assignments/00_multimodal_learning"])
def test_the_korean_notebooks_run(name, edition_in):
    korean.write(edition_in)
    notebook = nbformat.read(edition_in / f"{name}.ipynb", as_version=4)
    folder = korean.EDITION / name.rpartition("/")[0]
    folder.mkdir(parents=True, exist_ok=True)
    client = NotebookClient(
        notebook, timeout=900, allow_errors="/" in name, resources={"metadata": {"path": str(folder)}}
    )
    client.execute()
    said = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", ()))
    shown = "".join(str(output.get("data", "")) for cell in notebook.cells for output in cell.get("outputs", ()))
    assert HANGUL.search(said if "/" in name else shown)


# The checks' words


@pytest.fixture
def in_korean(monkeypatch):
    monkeypatch.setattr(edition, "LANGUAGE", "ko")


def test_checks_speak_korean_in_a_korean_notebook_and_english_elsewhere(in_korean, monkeypatch, capsys):
    from helpers import checks

    checks.check("0.0", lambda shape: 5)
    said = capsys.readouterr().out
    assert "✘" in said and not re.search(r"[a-z]{4,} [a-z]{3,} [a-z]{3,}", said.replace("notebooks/solutions", "")), (
        said
    )
    checks.progress("00")
    assert HANGUL.search(said) and HANGUL.search(capsys.readouterr().out)
    monkeypatch.setattr(edition, "LANGUAGE", "en")
    checks.check("0.0", lambda shape: 5)
    assert not HANGUL.search(capsys.readouterr().out)


def test_a_sentence_is_found_whatever_numbers_and_names_stand_in_it(in_korean):
    sentences = {
        "it says 5, not 7": ("5", "7"),
        "first shuffled: the other input is not as it was": ("first",),
        "the shape is (3, 4), not (4, 3)": ("(3, 4)", "(4, 3)"),
        "it returned a tensor of shape (2,), not a number": ("(2,)",),
        "number 2 of what it returns: the values differ": ("2",),
        "number 2 of what it returns: it returned a tensor of shape (2,), not a number": ("2", "(2,)"),
        "it was stopped after 3 seconds (line 3: `while True:`): does a loop there never end?": (
            "3초",
            "3번째 줄",
            "`while True:`",
        ),
        "pictures per word: it returned nothing; is a return missing?": (),
        "it stopped with ValueError: a: b (line 3: `x + y`)": ("ValueError: a: b", "3", "`x + y`"),
        "Exercise 0.1 is solved: 3 of 3 marks.": ("0.1",),
    }
    for text, parts in sentences.items():
        said = edition.in_words(text, "0.1")
        assert HANGUL.search(said) and all(part in said for part in parts), said
        assert not re.search("[a-z]{3,} [a-z]{3,}", said), said
    assert edition.in_words("an unknown sentence", "0.1") == "an unknown sentence"
    particles = {
        "it says 131": "131이 ",
        "it says 12": "12가 ",
        "the dtype is torch.int64, not torch.int8": "torch.int8이 아니라 torch.int64입",
    }
    assert all(part in edition.in_words(text, "0.1") for text, part in particles.items())
    assert edition.in_words("it stopped with ValueError: a: b (line 3: `x + y`)").endswith(
        "ValueError: a: b (3번째 줄: `x + y`)"
    )
    # exercise 5's own "it returned {...}" is shorter than the engine's sentence, and must not swallow it
    assert "3, not a" not in edition.in_words("it returned 3, not a tensor", "5.1")
    for english, expected in {
        "IndexError이(가)": "IndexError가",
        "(5,)이(가)": "(5,)가",
        "`x[1]`을(를)": "`x[1]`을",
    }.items():
        assert re.sub(edition.PARTICLE, edition.particle, english) == expected


@pytest.mark.parametrize("folder", ["ko", "ko/assignments", "work/ko"])
def test_the_language_is_that_of_the_notebooks_folder(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not edition.korean()
    monkeypatch.setenv("JPY_SESSION_NAME", str(NOTEBOOKS / folder / "my_01.ipynb"))
    assert edition.korean()
    monkeypatch.setenv("JPY_SESSION_NAME", str(NOTEBOOKS / "01.ipynb"))
    assert not edition.korean()


# The finder of slips, and the merging


@pytest.fixture
def page(tmp_path, monkeypatch):
    """A notebook and its catalog in a folder of its own: `page(text)` writes the notebook."""
    monkeypatch.setattr(catalogs, "ROOT", tmp_path)
    monkeypatch.setattr(korean, "ROOT", tmp_path)
    monkeypatch.setattr(catalogs, "LOCALE", tmp_path / "locale/ko")
    monkeypatch.setattr(catalogs, "terms", lambda: [(re.compile("embeddings?"), "embedding", ["임베딩"])])
    (tmp_path / "notebooks").mkdir()

    def write(*texts):
        made = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_markdown_cell(t, id=f"cell-{i}") for i, t in enumerate(texts)]
        )
        (tmp_path / "notebooks/01_a.ipynb").write_text(nbformat.writes(made), encoding="utf-8")

    write("# A title\nTake $x^2$ and `print` of 12,000 ducks.", "See [it](b.ipynb)[^1], a **bold** embedding.\n\n$$x$$")
    return write


GOOD = (
    "# 제목",
    "오리 12,000마리의 $x^2$와 `print`를 봅니다.",
    "**굵은** 임베딩(embedding)입니다. [여기](b.ipynb)[^1]를 보세요.",
)


def fill(*said, entry=None):
    """Makes the catalog; `entry` changes its last entry."""
    catalog = catalogs.merged("01_a")
    for one, text in zip(catalog, said, strict=False):
        one.msgstr = text
    if entry:
        entry(catalog)
    korean.save("01_a", catalog)
    return [line for _, line in catalogs.problems("01_a")]


def test_a_right_catalog_has_no_problems(page):
    assert not fill(*GOOD)
    assert [e.msgid for e in catalogs.read("01_a")][0] == "# A title", "a heading is an entry of its own"


@pytest.mark.parametrize(
    ("right", "slip", "told"),
    [
        (" $x^2$", "", "formula missing"), ("$x^2$", "$x^3$", "formula missing"), ("`print`", "print", "code missing"),
        ("12,000", "1,200", "number missing: 12000"), ("오리", "오리 13", "number not in the English"), ("[^1]", "", "footnote missing"),
        ("(b.ipynb)", "(c.ipynb)", "link missing"), ("임베딩(embedding)", "매장", "term: embedding is 임베딩"), ("**굵은**", "굵은", "1 bold, and 0"),
        ("봅니다.", "봐요.", "not in 합니다체"), ("봅니다.", "본다.", "not in 합니다체"), ("제목", "title", ""), ("오리", "<b>오리</b>", "tag not in"),
        ("**굵은** ", "**굵은(bold)**한 ", "stars that Markdown would show"),
    ],
)  # fmt: skip
def test_a_slip_of_the_translator_is_found(page, right, slip, told):
    said = [text.replace(right, slip) for text in GOOD]
    assert said != list(GOOD)
    found = fill(*said)
    assert told == "" and not found or any(line.startswith(told) for line in found), found


def test_what_is_missing_fuzzy_or_too_much_is_found(page):
    assert fill(*GOOD[:2]) == ["not translated"]
    assert "its English changed" in fill(*GOOD, entry=lambda c: c[1].flags.append("fuzzy"))[0]
    assert "it has no entry" in fill(*GOOD, entry=lambda c: c.remove(c[1]))[0]
    assert (
        "the course no longer" in fill(*GOOD, entry=lambda c: c.append(polib.POEntry(msgid="Gone", msgstr="없음")))[0]
    )


def test_a_changed_paragraph_becomes_fuzzy_and_a_dropped_one_goes(page):
    fill(*GOOD)
    page("# A title\nTake $x^2$ and `print` of 13,000 ducks.", "Something else.")
    korean.save("01_a", catalogs.merged("01_a"))
    title, ducks, new = catalogs.read("01_a")
    assert (title.fuzzy, ducks.fuzzy, ducks.msgstr) == (False, True, GOOD[1]) and "12,000" in ducks.previous_msgid
    assert (new.msgid, new.msgstr, new.fuzzy) == ("Something else.", "", False)
    found = catalogs.problems("01_a")
    assert [text for text, _ in found] == ["Take $x^2$ and `print` of 13,000 ducks.", "Something else."]
    assert catalogs.translation("01_a") == {"# A title": GOOD[0]}, "a fuzzy entry stays English"


def test_a_translator_works_by_lines_of_json(page, tmp_path, capsys):
    korean.pending("01_a")
    asked = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["english"][:4] for line in asked] == ["# A ", "Take", "See "]
    file = tmp_path / "said.jsonl"
    said = [{"id": line["id"], "korean": text} for line, text in zip(asked, GOOD, strict=True)]
    said[1]["korean"] = "오리 $x^2$와 `print`를 봅니다."
    file.write_text("\n".join(json.dumps(line) for line in said[:2] + [{"id": "0", "korean": "?"}]), encoding="utf-8")
    korean.fill("01_a", file)
    told = capsys.readouterr().out
    assert "number missing: 12000" in told and "no English has the id 0" in told and "1 of 3 still to translate" in told
    korean.pending("01_a")
    assert capsys.readouterr().out.count("\n") == 1


def test_pieces_of_a_text_put_together_are_the_text():
    texts = ["".join(cell["source"]) for name in PAGES for cell in cells(name) if cell["cell_type"] == "markdown"]
    for text in [
        *texts,
        "a\n\n```\ncode\n\nb\n```\nc\n\n| a | b |\n|---|---|\n\n<details><summary>Answer</summary>\n\nSo.\n\n</details>",
    ]:
        assert "".join(piece for piece, _ in catalogs.blocks(text)) == text
    assert [piece for piece, translated in catalogs.blocks(text) if translated][:3] == [
        "a",
        "c",
        "| a | b |\n|---|---|",
    ]


def test_big_numbers_are_compared_by_their_size():
    assert catalogs.numbers("400 million, .49 and the 16,000th") == Counter([4e8, 0.49, 16000])
    assert catalogs.numbers("4억 장, 0.49, 16,000번째, GPT2") == Counter([4e8, 0.49, 16000])
