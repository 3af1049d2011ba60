"""The pages of terms and symbols: nothing in bold type is missing, nothing is listed that no lecture has, and both are up to date."""

import json
import re
from pathlib import Path

import pytest

from helpers.commands import glossary

NOT_TERMS = json.loads((Path(__file__).parent / "not_terms.json").read_text(encoding="utf-8"))
LABELS = ("you need first", "reading", "running", "explain to each other")  # of each lecture
LETTER = re.compile(r"(?:\\(?:bar|hat) )?(?:[A-Za-z]'?|\\[a-z]{2,})(?:_(?:\{[^{}]*\}|\\?\w+))?(?:\^\*)?")


@pytest.fixture(scope="module")
def texts():
    return glossary.lectures()


def unexplained(pieces, terms, exceptions):
    """Bold type of a lecture that is neither a term nor an exception. A sentence, code and a number are no terms."""
    known = {glossary.plain(form) for term, entry in terms.items() for form in glossary.forms(term, entry)}
    bold = [b for text, _ in pieces for b in glossary.BOLD.findall(text)]
    short = [b for b in bold if b[-1] not in ".:?!" and len(b.split()) <= 4 and "`" not in b and re.search("[a-z]", b)]
    return {glossary.plain(b) for b in short} - known - set(LABELS) - set(exceptions)


def test_every_bold_term_is_in_the_glossary(texts):
    """A new term goes into docs/glossary.json. What is bold for another reason is better not bold."""
    terms = glossary.read("glossary")
    missing = {lecture: unexplained(some, terms, NOT_TERMS.get(lecture, ())) for lecture, some in texts.items()}
    assert {lecture: some for lecture, some in missing.items() if some} == {}


def test_the_exceptions_only_become_fewer(texts):
    for lecture, exceptions in NOT_TERMS.items():
        if lecture in texts:
            needed = unexplained(texts[lecture], glossary.read("glossary"), ())
            assert set(exceptions) <= needed, f"{lecture}: take them out of tests/not_terms.json"
    assert sum(map(len, NOT_TERMS.values())) <= 182


def test_a_term_has_one_line_and_a_place(texts):
    places = glossary.places(texts)
    for term, entry in glossary.read("glossary").items():
        assert set(entry) <= {"line", "also", "everyday", "lecture"}, term
        line = entry["line"]
        assert line.endswith((".", ".)", '".')) and len(line) <= 160 and not re.search(r"[|\n]", line), term
        there = any(lecture.startswith(entry.get("lecture", "")) for lecture in texts)
        assert term in places or not there, f"no lecture has {term!r}"
    terms = glossary.read("glossary").items()
    forms = [form for term, entry in terms for form in set(map(glossary.plain, glossary.forms(term, entry)))]
    assert {form for form in forms if forms.count(form) > 1} == set(), "one line each"


def letters(pieces):
    """The symbols that stand alone in a formula, without index."""
    formulas = [(a or b).strip() for text, _ in pieces for a, b in glossary.FORMULA.findall(text)]
    return {re.sub(r"[_^].*", "", formula) for formula in formulas if LETTER.fullmatch(formula)}


def test_every_symbol_is_explained(texts):
    """By its own lecture or an earlier one, each letter with or without its index."""
    listed = [(lecture, re.sub(r"[_^(].*", "", symbol)) for symbol, lecture, _ in glossary.read("symbols")]
    for lecture, pieces in texts.items():
        known = {symbol for number, symbol in listed if number <= lecture[:2]}
        assert letters(pieces) - known - {"i", "j", "n", "k", "t", r"\infty"} == set(), lecture  # and what only counts


def test_a_symbol_stands_where_it_is_said_to(texts):
    for symbol, lecture, meaning in glossary.read("symbols"):
        (name,) = (stem for stem in texts if stem.startswith(lecture))
        assert glossary.first_formula(symbol, texts[name]) is not None, (symbol, lecture)
        assert meaning and not meaning.endswith("."), (symbol, lecture)


def test_both_pages_are_up_to_date():
    for path, text in glossary.pages().items():
        assert path.read_text(encoding="utf-8") == text, "run: python -m helpers.commands.glossary"


def test_what_is_missing_is_found():
    pieces = [("A **mode collapse** and a **new term**, **so it is.** **`code`** **four**", "1. It")]
    assert unexplained(pieces, {"mode collapse": {}}, ["four"]) == {"new term"}
    assert letters([(r"$q_t$ and $\tau$, $a + b$, $\max$", "")]) == {"q", r"\tau", r"\max"}
    assert glossary.place_of("term", {"also": ["new term"]}, {"05_x": pieces}) == ("05_x", "1. It")
    assert glossary.place_of("gone", {}, {"05_x": pieces}) is None
    assert glossary.first_formula("c", [("$c_t$", "1. It"), ("$$c + x$$", "2. Other")]) == "2. Other"
