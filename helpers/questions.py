"""Questions about the scenes of `helpers.scenes`, from a small grammar, with answers that are true by construction."""

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
    numbers of the things that show the answer, empty where none does (*is there a frog? no*) or all do.
    """

    kind: str
    text: str
    answer: str
    reference: int | None
    looks: tuple


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
            there = [j for j, r in others if r == direction or r is None and towards(things[j], reference, direction)]
            if len(there) == 1 and (there[0], direction) in others:  # one only, and not slanting
                for form in forms:
                    fact = f"{form} the {reference.noun}", i, tuple(there)
                    found[kind, "beside"][nouns[there[0]]].append(fact)
                    found["kind", "beside"][kinds[there[0]]].append(fact)
    return found


def towards(thing, reference, direction):
    """Whether a thing's centre lies on that side of the reference's, straight or slanting."""
    across, down = (p - q for p, q in zip(thing.centre, reference.centre, strict=True))
    return {"left": across < 0, "right": across > 0, "above": down < 0, "below": down > 0}[direction]


def ask(scenes, seed, each=8, biased=None):
    """Draws questions about scenes. The same seed and scenes give the same questions.

    Args:
        scenes: list of `helpers.scenes.Scene`.
        seed: of the generator.
        each: how many questions a scene; some may be the same in other words, or recur.
        biased: draws the usual answer of `USUAL` with this probability, and asks no relation. None: answers balanced.

    Returns a list of `each` `Question`s a scene. Raises CourseError on a share that is none, or on no question.
    """
    if each < 1 or (biased is not None and not 0 <= biased <= 1):
        raise CourseError("Ask at least one question a scene, and give the biased share between 0 and 1, or None.")
    rng = random.Random(seed)
    return [asked(rng, facts(scene.things), each, biased) for scene in scenes]


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
