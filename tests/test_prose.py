"""Every number in a lecture's or a solution's prose is printed above it, stands in its code, or names its source."""

import random

import pytest

from tests import loose_numbers as prose


@pytest.mark.parametrize("name", prose.notebooks())
def test_every_number_in_the_prose_has_a_ground(name):
    """Where it fails: print the number in a cell above, name its source in the sentence, or leave it out.

    loose_numbers.json holds what stood loose when this test began. It only shrinks: no new entry goes in.
    """
    wrong = prose.compare(prose.found_in(prose.notebooks()[name]), prose.exceptions().get(name, {}))
    assert not wrong, "\n".join([name, *wrong])


def test_the_exceptions_are_of_notebooks_that_are_there():
    assert set(prose.exceptions()) <= set(prose.notebooks())


def text(source, name="text"):
    return {"cell_type": "markdown", "id": name, "source": source}


def code(source="", **output):
    return {"cell_type": "code", "id": "code", "source": source, "outputs": [output] if output else []}


def shown(words):
    return code(name="stdout", output_type="stream", text=words)


def loose(*cells):
    return prose.loose_numbers(list(cells)).get("text", [])


PRINTED = "recall 0.7846, loss -3.21, 31,234 words, 12.5% right, 1234 MB, tensor([0.25,0.5]) 5e-4, 9.1 dB 18.96 dB, 130 of 144"


@pytest.mark.parametrize(
    "said",
    [
        "Recall is 0.78.", "Recall is .785.", "Recall is 78 %.", "Recall is 78.5%.", "Recall: 0.8.", "It falls to -3.2.", "It falls to −3.21.",
        "A loss of 3.2 below zero.", "31,234 words.", "About 31,000 words.", "some 31,200 words", "12.5 % are right", "12 % or 13 %?", "12 percent", "0.125 are right",
        "It takes 1.2 GB.", "halves: .25 and 0.5", "a rate of 0.0005, 5e-4 or 5 × 10⁻⁴", "9-19 dB", "from 9 to 19 dB", "130/144 or 130 of 144",
        "| recall | 0.78 |\n|---|---|\n| loss | -3.21 |",
    ],
)  # fmt: skip
def test_what_is_printed_above_is_backed_as_the_text_rounds_it(said):
    assert loose(shown(PRINTED), text(said)) == []


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("Recall is 0.79.", "0.79"), ("Recall is .7847.", ".7847"), ("Recall is 77 %.", "77%"), ("Recall is 78.40 %.", "78.40%"), ("It falls to -3.1.", "-3.1"),
        ("It rises to +3.21", "+3.21"), ("It falls to -0.78.", "-0.78"), ("31,000 words.", "31,000"), ("About 30,000 words.", "30,000"),
        ("About 32,000 words", "32,000"), ("14 % are right", "14%"), ("31 % are right", "31%"), ("1 % are right", "1%"), ("130 % are right", "130%"), ("1.3 GB", "1.3 GB"), ("8-19 dB", "8"), ("from 9 to 17 dB", "17 dB"), ("131/144", "131"),
        ("7.5 times as many", "7.5 times"), ("a factor of 7.5", "7.5"), ("4 times", "4 times"), ("6 dB more", "6 dB"), ("In 2013 it was .47.", ".47"),
        ("- one\n- two: .47", ".47"), ("| recall | 0.78 |\n|---|---|\n| loss | **-3.25** |", "-3.25"), ("*.47* is right", ".47"), ("20 of 130", "20"),
        ("## 3. A text of 45 sentences", "45"), ("Mikolov et al. 2013 say .3. We reach .47.", ".47"), ("1. In lists: .47", ".47"), ("With 2048 samples", "2048"),
    ],
)  # fmt: skip
def test_what_is_not_printed_is_loose(said, number):
    assert loose(shown(PRINTED), text(said)) == [number]


@pytest.mark.parametrize(
    "said",
    [
        "# 01 Words", "## 3. Why 2 and 3", "### 1.2 A pair", "see sections 4.1 and 4.2, lectures 07 to 09, exercise 11", "12. the twelfth", "since 1810", "two of 3",
        "WordNet 3.0, CC BY-SA 4.0", "$x = 0.47$ and $$\n0.47$$", "`0.47`", "```\n0.47\n```", "<!-- 0.47 -->", "WordSim-353, ResNet-18", "the 19th, 3D, 1920s",
        "[here](page.ipynb#section-4.7)", '<img src="a" width="470">', "**Running** about 47 seconds", "*Difficulty: ★☆☆, 25 minutes.*", "Marks: 16 from the checks.",
    ],
)  # fmt: skip
def test_what_is_no_claim_is_left_alone(said):
    assert loose(text(said)) == []


@pytest.mark.parametrize(
    "said",
    [
        "Chance is .47 (Hill et al. 2015).", "Griffin and Lim (1984) need 47 turns.", "By Levy, 2015, it is .47.", "As [they](https://example.org) say, .47.",
        "Hill et al. find .47, as others do.",
    ],
)  # fmt: skip
def test_a_source_in_the_sentence_backs_its_numbers(said):
    assert loose(text(said)) == [] and loose(text(said + " We reach .48.")) == [".48"]


def test_a_link_to_a_page_of_the_course_backs_what_that_page_prints(tmp_path):
    (tmp_path / "data.md").write_text("It holds 158 digits.", encoding="utf-8")
    cells = [text("[The sheet](data.md) counts 158 digits, 159 by ear.")]
    assert prose.loose_numbers(cells, tmp_path) == {"text": ["159"]}


def test_a_number_is_printed_above_not_below():
    assert loose(text("It is .47."), shown("0.47")) == [".47"]
    assert loose(shown("0.47"), text("It is .47.")) == []


def test_code_backs_a_number_wherever_it_stands_but_its_comments_and_words_do_not():
    assert (
        loose(
            text("320 pairs, -1 %, 0.001, 1,000,000 words, 16 kHz, 10 ms"),
            code("n = 2 * 160 + f(-0.01, 1e-3, 10**6, 16_000, 0.01)"),
        )
        == []
    )
    assert loose(text("It is .47."), code('x = ".47"  # .47')) == [".47"]
    assert loose(text("It is 33 % if 2 < 3."), code("x = 1 / 3")) == []


@pytest.mark.parametrize(
    ("output", "backs"),
    [
        ({"data": {"text/plain": "0.47"}}, True), ({"data": {"text/markdown": ["| 0.47 |"]}}, True), ({"data": {"text/html": "<td>0.47</td>"}}, True),
        ({"data": {"text/html": '<img src="data:,x" alt="a curve to 0.47">'}}, True), ({"data": {"text/html": "<figcaption>0.47</figcaption>"}}, True),
        ({"data": {"image/png": "x"}, "metadata": {"image/png": {"alt": "to 0.47"}}}, True),
        ({"data": {"text/html": '<img src="data:image/png;base64,/0.47/" width="0.47">'}}, False), ({"data": {"text/html": "<script>x = 0.47</script>"}}, False),
        ({"data": {"text/html": "<style>a { top: 0.47px }</style>"}}, False), ({"data": {"text/plain": "<Figure size 0.47x0.47 with 1 Axes>"}}, False),
        ({"data": {"image/png": "0.47"}}, False), ({"text": "a0.47 0.47.1 0.470.1 v0.47 0.47e9"}, False), ({"text": "0.47"}, True), ({"text": "[0.46,0.47,0.48]"}, True),
    ],
)  # fmt: skip
def test_what_a_reader_sees_of_an_output_counts_and_nothing_else(output, backs):
    assert loose(code(**output), text("It is .47.")) == ([] if backs else [".47"])


def test_rounding_holds_for_any_number():
    """What Python rounds is backed by what it rounded; a step further it is not."""
    draw = random.Random(0)
    for _ in range(2000):
        value, places = draw.uniform(-1, 1) * 10 ** draw.randint(0, 5), draw.randint(1, 4)
        known = prose.numbers(f"{value:.9f}")[0]
        said = f"{value:,.{places}f}"
        for form in (said, said.replace("-", "−"), said.replace("0.", ".", 1) if abs(value) < 1 else said):
            (number,) = prose.numbers(form)
            assert prose.rounds_to(number, known), (form, value)
        for way in (-1.01, 1.01):
            (number,) = prose.numbers(f"{float(said.replace(',', '')) + way * 10**-places:,.{places}f}")
            assert not prose.rounds_to(number, known), (number, value)
        share = abs(value) % 1
        (percent,), (known,) = prose.numbers(f"{100 * share:.{places}f} %"), prose.numbers(f"{share:.9f}")
        assert prose.rounds_to(percent, known)
        (percent,) = prose.numbers(f"{100 * share + 1.01 * 10**-places:.{places}f} %")
        assert not prose.rounds_to(percent, known)


def test_the_list_says_what_to_change_and_only_shrinks(tmp_path, monkeypatch):
    found = {"a": ["1.5", "2.5"]}
    assert prose.compare(found, found) == []
    assert prose.compare(found, {"a": ["1.5"]}) == ["cell a: nothing backs '2.5'"]
    (line,) = prose.compare(found, {"a": ["1.5", "2.5", "3.5"]})
    assert "cell a: the exception '3.5' is no longer needed" in line
    name, path = next(iter(prose.notebooks().items()))
    some = prose.found_in(path)
    monkeypatch.setattr(prose, "LIST", tmp_path / "list.json")
    more = {name: {**some, "a-cell-that-is-gone": ["1.5"]}, "gone": {"a": ["1.5"]}}
    prose.LIST.write_text(prose.written(more), encoding="utf-8")
    assert prose.exceptions() == more
    prose.main("--prune")
    assert prose.exceptions() == ({name: some} if some else {})
