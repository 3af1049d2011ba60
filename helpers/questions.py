"""Questions about the scenes of `helpers.scenes`, from a small grammar, with answers that are true by construction."""

import itertools
import random
from collections import defaultdict
from typing import NamedTuple

from helpers import CourseError
from helpers.scenes import NOUNS, NUMBERS, PLURALS, a, relation

KINDS = ("there", "count", "kind", "left", "above", "same")  # of questions
NUMBER_WORDS = {0: "zero", 1: "one"} | NUMBERS
GROUPS = ("animal", "instrument", "vehicle", "plant", "toy")  # kinds of things that can be counted
ANSWERS = ("yes", "no", *NUMBER_WORDS.values(), *NOUNS, *dict.fromkeys(NOUNS.values()), "same", "different")
DIRECTIONS = {  # the kind of question, and its wordings
    "left": ("left", ("left of", "to the left of")),
    "right": ("left", ("right of", "to the right of")),
    "above": ("above", ("above", "over")),
    "below": ("above", ("below", "under")),
}
BESIDE = ("what is {}", "which thing is {}", "what do you see {}")
WORDINGS = {  # {} is a noun with its article, a plural, or where a thing lies
    "there": ("is there {}", "do you see {}", "does the picture show {}"),
    "count": ("how many {} are there", "how many {} do you see", "what is the number of {}"),
    "left": BESIDE,
    "above": BESIDE,
    "kind": ("what kind of thing is {}", "of what kind is the thing {}"),
    "alone": ("what kind of thing is there", "what kind of thing is this", "what kind of thing do you see"),
    "same": ("are the things of the same kind or of different kinds", "is their kind the same or different"),
}
# How often a kind, and an answer, is drawn where a scene allows it (others: 1). What few scenes allow counts more.
WEIGHTS = {"left": 3, "above": 3, "kind": 1.3, "same": 1.3, "two": 3, "three": 5, "four": 7}
DIFFERENT_ASKED = 0.6  # share of the scenes of different kinds that are asked whether they are
USUAL = {"there": "yes", "count": "one", "kind": "animal", "same": "different"}  # what a biased set favours


class Question(NamedTuple):
    """A question in lower case, without its question mark, and its answer, one of `ANSWERS`.

    `reference` is the number in `scene.things` of the thing that a relation starts from, or None; `looks` are the
    numbers of the things that show the answer, empty where none does (*is there a frog? no*) or all do. `via` is the
    number of the thing in the middle of two relations (kind `"hop"`, which `KINDS` leaves out).
    """

    kind: str
    text: str
    answer: str
    reference: int | None
    looks: tuple
    via: int | None = None


def facts(things):
    """All that can be asked about a scene: lists of (what the wording takes, answer, reference, looks).

    Returns `{(kind of question, what it asks about): {answer: [fact, ...]}}`.
    """
    found = defaultdict(lambda: defaultdict(list))
    nouns, kinds = [t.noun for t in things], [NOUNS[t.noun] for t in things]
    for about, present, words in (("noun", nouns, NOUNS), ("kind", kinds, GROUPS)):
        for word in words if any(other in words for other in present) else ():  # so that yes and no are both true of it
            looks = tuple(i for i, other in enumerate(present) if other == word)
            plural = PLURALS.get(word, word + "s")
            found["there", about]["yes" if looks else "no"].append((a(word), None, looks))
            found["count", about][NUMBER_WORDS[len(looks)]].append((plural, None, looks))
    found["count", "all"][NUMBER_WORDS[len(things)]].append(("things", None, ()))
    if len(set(nouns)) == 1:
        found["kind", "alone"][kinds[0]].append(("", None, tuple(range(len(things)))))
    if len(things) > 1:
        found["same", "all"]["same" if len(set(kinds)) == 1 else "different"].append(("", None, ()))
    for i, reference in enumerate(things):
        others = [(j, relation(thing, reference)) for j, thing in enumerate(things) if j != i]
        for direction, (kind, forms) in DIRECTIONS.items() if nouns.count(reference.noun) == 1 else ():
            there = [
                j
                for j, r in others
                if r == direction or r is None and along(things[j], direction) > along(reference, direction)
            ]
            if len(there) == 1 and (there[0], direction) in others:  # one only, and not slanting
                for form in forms:
                    fact = f"{form} the {reference.noun}", i, tuple(there)
                    found[kind, "beside"][nouns[there[0]]].append(fact)
                    found["kind", "beside"][kinds[there[0]]].append(fact)
    return found


def along(thing, direction):
    """How far a thing's centre lies in a direction, in pixels."""
    x, y = thing.centre
    return {"left": -x, "right": x, "above": -y, "below": y}[direction]


def two_hops(things):
    """What two relations in a row lead to, each to the one thing of which `relation` says so: two lists of (what the
    wording takes, answer, reference, looks, via). The first holds what one glance misses, the second what it hits: the
    glance takes, of all but the reference, the thing that lies furthest in the second relation's direction."""
    found, nouns = ([], []), [t.noun for t in things]
    for i, (first, second) in itertools.product(range(len(things)), itertools.permutations(DIRECTIONS, 2)):
        via = only(things, i, first) if nouns.count(nouns[i]) == 1 else None
        if via is not None and (end := only(things, via, second)) not in (None, i):
            others = [thing for j, thing in enumerate(things) if j != i]
            hit = things[end] is max(others, key=lambda thing: along(thing, second))  # noqa: B023
            for form, form2 in itertools.product(DIRECTIONS[first][1], DIRECTIONS[second][1]):
                text = f"{form2} the thing that is {form} the {nouns[i]}"
                found[hit].append((text, nouns[end], i, (end,), via))
    return found


def only(things, i, direction):
    """The number of the one thing in that direction of thing i, or None where there are more or none."""
    there = [j for j, thing in enumerate(things) if j != i and relation(thing, things[i]) == direction]
    return there[0] if len(there) == 1 else None


def ask(scenes, seed, each=8, biased=None, hops=1):
    """Draws questions about scenes. The same seed and scenes give the same questions.

    Args:
        scenes: list of `helpers.scenes.Scene`.
        seed: of the generator.
        each: how many questions a scene; some may be the same in other words, or recur.
        biased: draws the usual answer of `USUAL` with this probability, and asks no relation. None: answers balanced.
        hops: 2 asks for what two relations in a row lead to, and nothing else, half of it in scenes where one glance
            misses it (see `two_hops`; of three things alone, it never does). The other scenes get no question.

    Returns a list of `each` `Question`s a scene. Raises CourseError on a share that is none, or on no question.
    """
    if each < 1 or (biased is not None and not 0 <= biased <= 1):
        raise CourseError("Ask at least one question a scene, and give the biased share between 0 and 1, or None.")
    rng = random.Random(seed)
    if hops == 2:
        found = [two_hops(scene.things) for scene in scenes]
        missed = {i: those for i, (those, _) in enumerate(found) if those}
        hit = {i: those for i, (_, those) in enumerate(found) if those and i not in missed}
        kept = missed | {i: hit[i] for i in rng.sample(sorted(hit), min(len(hit), len(missed)))}
        return [[hop(rng, kept[i]) for _ in range(each if i in kept else 0)] for i in range(len(scenes))]
    return [asked(rng, facts(scene.things), each, biased) for scene in scenes]


def hop(rng, found):
    words, *fact = rng.choice(found)
    return Question("hop", rng.choice(BESIDE).format(words), *fact)


def asked(rng, found, each, biased):
    def drawn(options):
        return rng.choices(list(options), [WEIGHTS.get(option, 1) for option in options])[0]

    if biased is None and "different" in found.get(("same", "all"), ()) and rng.random() > DIFFERENT_ASKED:
        del found["same", "all"]
    if biased is not None:
        found = {key: answers for key, answers in found.items() if key[0] in USUAL and key[1] != "beside"}
    questions = []
    while len(questions) < each:
        kind = drawn(dict.fromkeys(k for k, _ in found))
        about = rng.choice([about for k, about in found if k == kind])
        answers = found[kind, about]
        if biased is not None:
            usual = rng.random() < biased
            answers = {answer: some for answer, some in answers.items() if (answer == USUAL[kind]) == usual}
        if answers:
            words, reference, looks = rng.choice(answers[answer := drawn(answers)])
            wording = rng.choice(WORDINGS["alone" if about == "alone" else kind])
            questions.append(Question(kind, wording.format(words), answer, reference, looks))
    return questions
