"""The checks of assignment 06. Expected values come from plain loops, and from made-up questions of known answers."""

import math
from collections import Counter, defaultdict

import torch
import torch.nn.functional as F

from helpers.checks import NOTHING, Exercise, close, everywhere, first_wrong, follows_generator, refuses
from helpers.checks.telling import what

EXERCISES = {
    "6.1": Exercise(
        3,
        [
            "right = said == answers has a truth value for each question. As floats, their mean is the accuracy.",
            "The residual of a question is right - accuracy. Add up the residuals of a scene before you square them.",
            "scene.unique(return_inverse=True) numbers the scenes from 0 on; torch.zeros(S).index_add_(0, number, "
            "residual) adds up what belongs to each.",
            "error = sqrt(S / (S - 1) * sum of squares) / n. The constant is the largest count among the right "
            "answers, divided by n. .item() makes a Python float of a tensor.",
        ],
    ),
    "6.2": Exercise(
        2,
        [
            "usual_answers: a Counter of answers for each question, and one of all answers for what is new.",
            "usual_answers: Counter.most_common takes ties as they came. min over (-count, answer) takes the first in "
            "the alphabet.",
            "other_pictures: a permutation may leave a number in its place. What if all stand in a random circle?",
            "other_pictures: in a circle each takes the number of its neighbour; give every draw your generator.",
        ],
    ),
    "6.3": Exercise(
        1,
        [
            "The question's H numbers come first, the picture's V behind them: one row of H + V.",
            "torch.cat joins along the dimension that you name: rows must stay rows.",
            "One product with W transposed, plus b, and everything below 0 becomes 0.",
        ],
    ),
    "6.4": Exercise(
        3,
        [
            "Number i of the weights is the place in row i // grid and column i % grid. Each place is a square of "
            "size / grid pixels.",
            "hits: the centre of a place lies at (column + 0.5) * size / grid and (row + 0.5) * size / grid. Compare "
            "it with left and right, and with top and bottom.",
            "mass: how many pixels does a place share with a box, across? min(right ends) - max(left ends), and "
            "nothing if that is below 0. The same down; the product is the area that they share.",
            "mass: divide the shared area by the area of a place, which gives (n, grid * grid) between 0 and 1. "
            "Multiply it by the weights and sum over the places.",
        ],
    ),
    "6.5": Exercise(
        2,
        [
            "Go through the nouns one by one: which kinds of questions name this noun?",
            "kinds[nouns == noun].unique() has these kinds. Where there are two or more, draw one of them.",
            "torch.randint(len(found), (), generator=generator) draws a place in that list; held are the questions of "
            "this noun and this kind.",
        ],
    ),
    "6.6": Exercise(
        2,
        [
            "Do one group on paper: yes, yes, yes, no, no. Which questions can stay without a partner?",
            "If one answer is more frequent than all others together, each of the others gets one of its questions, "
            "and the rest of it is left over.",
            "Sort the group's questions by their answers. If no answer fills more than half of the row, then the first "
            "half and the second half, side by side, never have the same answer.",
            "So first cut the most frequent answer down to as many questions as all others have together; then sort, "
            "and pair number i with number i + m, where m is half of what is left, rounded down.",
        ],
    ),
    "6.7": Exercise(
        3,
        [
            "Do one group on paper: yes, yes, yes, no. How many of each can stay, and what decides it?",
            "Within a group, unique(return_counts=True) of its answers tells which occur, and how rare the rarest is.",
            "Draw with torch.randperm(..., generator=generator), then take equally many of each answer that occurs.",
            "Leave out groups with one answer. torch.cat of an empty list fails, so begin with an empty LongTensor.",
        ],
    ),
}


# 6.1 accuracy, its error, and the best constant


def true_measures(said, answers, scene):
    """By dictionaries, from lists."""
    n = len(said)
    right = [float(s == a) for s, a in zip(said, answers, strict=True)]
    accuracy, of_scene = sum(right) / n, defaultdict(float)
    for number, r in zip(scene, right, strict=True):
        of_scene[number] += r - accuracy
    S = len(of_scene)
    error = math.sqrt(S / (S - 1) * sum(r**2 for r in of_scene.values())) / n
    return accuracy, error, max(Counter(answers).values()) / n


def measures(measure, said, answers, scene, expected=None, by_name=False):
    arguments = {"said": torch.tensor(said), "answers": torch.tensor(answers), "scene": torch.tensor(scene)}
    got = measure(**arguments) if by_name else measure(*arguments.values())
    if got is None:
        return NOTHING
    if not isinstance(got, tuple | list) or len(got) != 3:
        return f"it returned {what(got)}, not three numbers: accuracy, error, constant"
    names = ("the accuracy", "the error", "the constant")
    for name, mine, right in zip(names, got, expected or true_measures(said, answers, scene), strict=True):
        if not isinstance(mine, float):
            return f"{name} is {what(mine)}, not a Python float"
        if not math.isclose(mine, right, abs_tol=1e-5):
            return f"{name} is {mine:.4g}, not {right:.4g}"
    return True


@EXERCISES["6.1"].case(
    "the card's example: 4 questions of 2 scenes, one scene all right, the other all wrong: 1/2, 1/2 and 3/4",
    hint="The two residuals of a scene are added up first: 1/2 + 1/2 = 1, and -1/2 - 1/2 = -1.",
)
def _(measure):
    return first_wrong(
        measures(measure, [3, 3, 4, 4], [3, 3, 3, 5], [0, 0, 1, 1], (0.5, 0.5, 0.75)),
        measures(measure, [3, 4, 3, 4], [3, 3, 3, 5], [7, -2, 7, -2], (0.5, 0.5, 0.75)),
    )


@EXERCISES["6.1"].case("one question for each scene: the error is nearly the root of p (1 - p) / n")
def _(measure):
    return measures(measure, [1, 1, 2, 1], [1, 1, 1, 0], [0, 1, 2, 3], (0.5, math.sqrt(4 / 3) / 4, 0.75))


@EXERCISES["6.1"].case(
    "to ask every question twice changes nothing: the same scenes tell no more",
    hint="The n that divides grows with the questions, and so do the sums of the scenes.",
)
def _(measure):
    said, answers = torch.randint(3, (2, 40)).tolist()
    scene = torch.randint(9, (40,)).tolist()
    once = true_measures(said, answers, scene)
    return first_wrong(
        measures(measure, said, answers, scene, once), measures(measure, said * 2, answers * 2, scene * 2, once)
    )


@EXERCISES["6.1"].case("random answers agree with plain counting, whatever the scenes' numbers, also called by name")
def _(measure):
    verdicts = []
    for n, several in ((2, 2), (30, 5), (400, 60)):
        said, answers = torch.randint(4, (2, n)).tolist()
        scene = [(37 * i) % 1000 - 5 for i in torch.randint(several, (n,)).tolist()]
        scene[0], scene[-1] = -900, 2000
        verdicts.append(measures(measure, said, answers, scene, by_name=n == 30))
    return first_wrong(*verdicts)


@EXERCISES["6.1"].case("all right, and all wrong: the error is 0")
def _(measure):
    answers = [0, 1, 1, 2, 1, 0]
    return first_wrong(
        measures(measure, answers, answers, [0, 0, 1, 1, 2, 3], (1.0, 0.0, 0.5)),
        measures(measure, [9] * 6, answers, [0, 0, 1, 1, 2, 3], (0.0, 0.0, 0.5)),
    )


@EXERCISES["6.1"].case(
    "no question, not equally many of each, or a single scene is refused with a ValueError that says why",
    hint="From a single scene, no spread between scenes can be told.",
)
def _(measure):
    one, three = torch.zeros(1, dtype=torch.long), torch.tensor([0, 1, 2])
    tried = [(one[:0], one[:0], one[:0]), (one, three, three), (three, one, three), (three, three, three[:2])]
    tried += [(three, three, three * 0 + 5), (one, one, one)]
    return first_wrong(*(refuses(measure, *some) for some in tried))


# 6.2 controls


def says(got, expected):
    if got is None:
        return NOTHING
    if not isinstance(got, list | tuple):
        return f"it returned {what(got)}, not a list"
    got = list(got)
    return got == expected or f"it says {got[:6]}, not {expected[:6]}"


def true_usual(train_texts, train_answers, texts):
    """By sorting the answers that each question had."""
    said = []
    for text in texts:
        found = [a for t, a in zip(train_texts, train_answers, strict=True) if t == text] or list(train_answers)
        said.append(max(sorted(set(found)), key=found.count))
    return said


@EXERCISES["6.2"].case("usual_answers, by hand: frog yes, yes, no; drum no; an owl that was never asked for")
def _(usual_answers, other_pictures):
    texts = ["is there a frog"] * 3 + ["is there a drum"] * 3
    answers = ["yes", "yes", "no", "no", "no", "no"]
    new = ["is there a drum", "is there an owl", "is there a frog", "is there a frog"]
    return says(usual_answers(texts, answers, new), ["no", "no", "yes", "yes"])


@EXERCISES["6.2"].case("of equally frequent answers the first in the alphabet, for known and unknown questions")
def _(usual_answers, other_pictures):
    texts, answers = ["how many"] * 4 + ["what"] * 2, ["two", "one", "two", "one", "two", "one"]
    verdicts = []
    for order in (range(6), range(5, -1, -1)):
        mixed = [texts[i] for i in order], [answers[i] for i in order]
        named = dict(zip(("train_texts", "train_answers"), mixed, strict=True))
        verdicts.append(says(usual_answers(**named, texts=["how many", "what", "who"]), ["one", "one", "one"]))
    return first_wrong(*verdicts)


@EXERCISES["6.2"].case("random questions agree with plain counting; questions are the same word by word, or not at all")
def _(usual_answers, other_pictures):
    nouns, verdicts = "frog drum cow car".split(), []
    wordings = [f"{first} {noun}" for first in ("is there a", "how many", "do you see a") for noun in nouns]
    for n in (3, 40, 200):
        texts = [wordings[i] for i in torch.randint(len(wordings), (n,))]
        answers = [("yes", "no", "two", "one")[i] for i in torch.randint(4, (n,))]
        verdicts.append(
            says(usual_answers(texts, answers, [*wordings, "a"]), true_usual(texts, answers, [*wordings, "a"]))
        )
    return first_wrong(*verdicts)


@EXERCISES["6.2"].case("nothing to learn from is refused with a ValueError that says why; no new question: []")
def _(usual_answers, other_pictures):
    return first_wrong(
        refuses(usual_answers, [], [], ["is there a frog"]), says(usual_answers(["is it"], ["yes"], []), [])
    )


def drawn(function, *arguments, seed):
    return function(*arguments, torch.Generator().manual_seed(seed))


@EXERCISES["6.2"].case("other_pictures: every number once, none in its own place, for 2 pictures and for 600")
def _(usual_answers, other_pictures):
    for n in (2, 3, 4, 5, 7, 600):
        for seed in range(30 if n < 10 else 3):
            got = drawn(other_pictures, n, seed=seed)
            if got is None:
                return NOTHING
            if not isinstance(got, torch.Tensor) or got.dtype != torch.long:
                return f"it returned {what(got)}, not a LongTensor"
            if (verdict := close(got.sort().values, torch.arange(n))) is not True:
                return f"{n} pictures: {verdict} (sorted, it should be 0 to {n - 1})"
            if (got == torch.arange(n)).any():
                return f"of {n} pictures, number {(got == torch.arange(n)).nonzero()[0].item()} got its own"
    return True


@EXERCISES["6.2"].case("other_pictures: the generator alone decides, and picture 0 may get any other")
def _(usual_answers, other_pictures):
    if (verdict := follows_generator(lambda g: other_pictures(n=50, generator=g))) is not True:
        return verdict
    got = {int(drawn(other_pictures, 5, seed=seed)[0]) for seed in range(60)}
    return got == {1, 2, 3, 4} or f"in 60 draws of 5 pictures, picture 0 got only {sorted(got)}"


@EXERCISES["6.2"].case("other_pictures: of 1 picture none is another one's: a ValueError that says so")
def _(usual_answers, other_pictures):
    return first_wrong(*(refuses(other_pictures, n, torch.Generator().manual_seed(0)) for n in (0, 1)))


# 6.3 fusion


def true_concat(h, v, W, b):
    return F.relu(F.linear(torch.hstack([h, v]), W, b))


SIZES = [dict(zip(("batch", "H", "V", "U"), some, strict=True)) for some in ((4, 3, 5, 6), (5, 5, 5, 5), (1, 2, 3, 4))]
SIZES.append({"batch": 3, "H": 4, "V": 4, "U": 1})


def concat_input(batch=4, H=3, V=5, U=6):
    return {"h": torch.randn(batch, H), "v": torch.randn(batch, V), "W": torch.randn(U, H + V), "b": torch.randn(U)}


@EXERCISES["6.3"].case("by hand: question 1, picture 2 and 3, weights 10, 1, 1; then a bias that shuts it")
def _(fuse_concat):
    h, v, W = torch.tensor([[1.0]]), torch.tensor([[2.0, 3.0]]), torch.tensor([[10.0, 1.0, 1.0], [1.0, 1.0, 1.0]])
    return close(fuse_concat(h, v, W, torch.tensor([0.5, -7.0])), torch.tensor([[15.5, 0.0]]))


@EXERCISES["6.3"].case(
    "values and gradients agree with torch's own layers, for batches of any size, one too, in float32 and float64"
)
def _(fuse_concat):
    return everywhere(fuse_concat, true_concat, concat_input, SIZES, gradients=True)


# 6.4 pointing

SIZE = 96


def true_pointing(alphas, boxes, grid, size):
    """A place at a time."""
    side = size / grid
    hits, masses = [], []
    for alpha, box in zip(alphas, boxes.tolist(), strict=True):
        left, top, right, bottom = box
        mass = torch.zeros((), dtype=alpha.dtype)
        for i, weight in enumerate(alpha):
            x, y = i % grid * side, i // grid * side
            across, down = min(x + side, right) - max(x, left), min(y + side, bottom) - max(y, top)
            mass = mass + weight * max(across, 0) * max(down, 0) / side**2
        peak = int(alpha.argmax())
        x, y = (peak % grid + 0.5) * side, (peak // grid + 0.5) * side
        hits.append(left <= x < right and top <= y < bottom)
        masses.append(mass)
    return torch.tensor(hits), torch.stack(masses)


def attended(n=6, grid=6, size=SIZE):
    corners = torch.randint(0, size * 2 // 3, (n, 2))
    boxes = torch.cat([corners, corners + torch.randint(1, size // 2, (n, 2))], dim=1)
    return {"alphas": (2 * torch.randn(n, grid**2)).softmax(1), "boxes": boxes, "grid": grid, "size": size}


def points(pointing, alphas, boxes, grid, size, expected):
    got = pointing(alphas, torch.as_tensor(boxes), grid, size)
    if got is None:
        return NOTHING
    if not isinstance(got, tuple | list) or len(got) != 2:
        return f"it returned {what(got)}, not two tensors: hits and mass"
    for name, mine, right in zip(("hits", "mass"), got, expected, strict=True):
        if (verdict := close(mine, torch.as_tensor(right))) is not True:
            return f"{name}: {verdict}"
    return True


@EXERCISES["6.4"].case(
    "the card's example: 2 x 2 places on 8 x 8 pixels, a box over half of the top right: a hit, and mass 0.35",
    hint="The box (4, 0, 8, 2) covers half of the place at the top right; its centre (6, 2) lies just outside.",
)
def _(pointing):
    alphas = torch.tensor([[0.1, 0.7, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1], [0.1, 0.2, 0.6, 0.1]])
    boxes = [[4, 0, 8, 3], [4, 0, 8, 2], [0, 0, 8, 8]]
    return points(pointing, alphas, boxes, 2, 8, ([True, False, True], [0.525, 0.35, 1.0]))


@EXERCISES["6.4"].case(
    "rows go down and columns go right: number 1 of 36 is beside number 0, and number 6 below it",
    hint="A box is (left, top, right, bottom): x against left and right, y against top and bottom.",
)
def _(pointing):
    alphas = torch.eye(36)[[1, 6, 5, 30]]
    boxes = [[16, 0, 32, 16], [0, 16, 16, 32], [80, 0, 96, 16], [0, 80, 16, 96]]
    return first_wrong(
        points(pointing, alphas, boxes, 6, SIZE, ([True] * 4, [1.0] * 4)),
        points(pointing, alphas.flip(0)[:2], boxes[:2], 6, SIZE, ([False] * 2, [0.0] * 2)),
    )


@EXERCISES["6.4"].case(
    "the centre decides about a hit, and right and bottom are the first column and row outside the box",
    hint="left <= x < right, top <= y < bottom.",
)
def _(pointing):
    alphas = torch.eye(36)[[14] * 5]  # its centre is (40, 40)
    boxes = [[40, 40, 41, 41], [0, 0, 40, 96], [0, 0, 96, 40], [41, 0, 96, 96], [32, 32, 39, 39]]
    mass = [1 / 256, 0.5, 0.5, 7 / 16, 49 / 256]
    return points(pointing, alphas, boxes, 6, SIZE, ([True, False, False, False, False], mass))


@EXERCISES["6.4"].case("equal weights everywhere: the mass is the box's share of the picture; the whole picture has 1")
def _(pointing):
    boxes = torch.tensor([[3, 5, 40, 77], [0, 0, 1, 1], [0, 0, 96, 96], [50, 90, 96, 96]])
    share = (boxes[:, 2:] - boxes[:, :2]).prod(1) / SIZE**2
    alphas = torch.full((4, 36), 1 / 36)
    alphas[:, 7] += 1e-6  # at (24, 24)
    return points(pointing, alphas, boxes, 6, SIZE, ([True, False, True, False], share))


@EXERCISES["6.4"].case("random weights and boxes, grids and pictures of any size, in float32 and float64")
def _(pointing):
    sizes = [{}, {"n": 1}, {"n": 9, "grid": 4, "size": 50}, {"n": 4, "grid": 1, "size": 9}, {"n": 36}]
    return everywhere(pointing, true_pointing, attended, sizes)


@EXERCISES["6.4"].case("not as many boxes as questions, or not grid x grid places, is refused with a ValueError")
def _(pointing):
    alphas, boxes = torch.rand(3, 36), torch.tensor([[0, 0, 9, 9]] * 3)
    tried = [(alphas, boxes[:2], 6, SIZE), (alphas[:1], boxes, 6, SIZE), (alphas, boxes, 5, SIZE)]
    return first_wrong(*(refuses(pointing, *some) for some in tried))


# 6.5 an unseen split


def held_out(hold_out, kinds, nouns, seed=0):
    got = hold_out(torch.tensor(kinds), torch.tensor(nouns), torch.Generator().manual_seed(seed))
    if got is None:
        return NOTHING
    if not isinstance(got, torch.Tensor) or got.dtype != torch.bool or got.shape != (len(kinds),):
        return f"it returned {what(got)}, not a truth value for each question: a bool tensor (n,)"
    held = Counter((n, k) for n, k, yes in zip(nouns, kinds, got.tolist(), strict=True) if yes)
    there = Counter(zip(nouns, kinds, strict=True))
    for noun in sorted(set(nouns)):
        found, chosen = ({k for n, k in pairs if n == noun} for pairs in (there, held))
        wanted = int(noun >= 0 and len(found) > 1)
        if len(chosen) != wanted:
            return (
                f"noun {noun} is asked by {len(found)} kinds of questions: of {len(chosen)} of them some are held out"
            )
        if any(held[noun, k] < there[noun, k] for k in chosen):
            return f"of noun {noun} and kind {min(chosen)}, some questions are held out and some are not"
    return True


@EXERCISES["6.5"].case("by hand: two nouns and two kinds; of each noun, all questions of one kind are held out")
def _(hold_out):
    return first_wrong(
        *(held_out(hold_out, [0, 0, 1, 1, 0, 1], [5, 5, 5, 8, 8, 5], seed) for seed in range(4)),
    )


@EXERCISES["6.5"].case(
    "a noun that one kind of question alone names stays, and so does a question that names none (-1)",
    hint="Held out, such a noun would be named by no training question at all.",
)
def _(hold_out):
    kinds, nouns = [0, 0, 1, 2, 0, 1, 1, 2], [3, 3, 3, 3, 4, -1, -1, -1]
    return first_wrong(
        *(held_out(hold_out, kinds, nouns, seed) for seed in range(4)), held_out(hold_out, [1, 1, 2], [0, 0, 7])
    )


@EXERCISES["6.5"].case("random questions, many nouns, any numbers of kinds: each noun loses exactly one kind")
def _(hold_out):
    verdicts = []
    for n, most, kinds in ((1, 3, 3), (60, 9, 4), (900, 40, 6)):
        nouns = torch.randint(-1, most, (n,)).tolist()
        verdicts.append(held_out(hold_out, [3 * k - 4 for k in torch.randint(kinds, (n,)).tolist()], nouns, n))
    return first_wrong(*verdicts)


@EXERCISES["6.5"].case(
    "the generator alone decides; every kind has the same chance, each noun draws for itself",
    hint="Draw anew for each noun, among the different kinds that name it: a kind with many questions is not likelier.",
)
def _(hold_out):
    kinds, nouns = torch.tensor(([0] * 8 + [1] + [2]) * 20), torch.arange(20).repeat_interleave(10)
    if (verdict := follows_generator(lambda g: hold_out(kinds=kinds, nouns=nouns, generator=g))) is not True:
        return verdict
    drawn_kinds = Counter()
    for seed in range(15):
        held = drawn(hold_out, kinds, nouns, seed=seed)
        of_seed = Counter(k for _, k in {(int(a), int(b)) for a, b in zip(nouns[held], kinds[held], strict=True)})
        if len(of_seed) == 1:
            return "all nouns lose the same kind: draw for each noun anew"
        drawn_kinds += of_seed
    counts = [drawn_kinds[kind] for kind in range(3)]
    return min(counts) >= 70 and max(counts) <= 130 or f"in 300 draws among three kinds, they are drawn {counts} times"


@EXERCISES["6.5"].case("not as many kinds as nouns: refused with a ValueError that says why")
def _(hold_out):
    three, draw = torch.tensor([0, 1, 2]), torch.Generator()
    return first_wrong(refuses(hold_out, three, three[:2], draw), refuses(hold_out, three[:1], three, draw))


# 6.6 pairs


def most_pairs(groups, answers):
    """How many pairs there can be, by the counts of each group."""
    total = 0
    for group in set(groups):
        counts = Counter(a for g, a in zip(groups, answers, strict=True) if g == group)
        total += min(counts.total() // 2, counts.total() - max(counts.values()))
    return total


def pairs_up(pair_up, groups, answers, by_name=False):
    given = {"groups": torch.tensor(groups), "answers": torch.tensor(answers)}
    got = pair_up(**given) if by_name else pair_up(*given.values())
    if got is None:
        return NOTHING
    if not isinstance(got, torch.Tensor) or got.dtype != torch.long or got.ndim != 2 or got.shape[1] != 2:
        return f"it returned {what(got)}, not a LongTensor (pairs, 2)"
    flat = got.flatten().tolist()
    if flat and not 0 <= min(flat) <= max(flat) < len(groups):
        return f"there are questions 0 to {len(groups) - 1}, not {min(flat)} to {max(flat)}"
    if len(set(flat)) < len(flat):
        return "a question is in two pairs, or is its own partner"
    for a, b in got.tolist():
        if groups[a] != groups[b]:
            return f"questions {a} and {b} are a pair, but of groups {groups[a]} and {groups[b]}"
        if answers[a] == answers[b]:
            return f"questions {a} and {b} are a pair, but both have the answer {answers[a]}"
    most = most_pairs(groups, answers)
    return len(got) == most or f"there are {len(got)} pairs, but {most} can be had"


@EXERCISES["6.6"].case(
    "by hand: yes, yes, yes, no, no gives two pairs; a second group of yes and no one more",
    hint="With three of five alike, one of them stays without a partner.",
)
def _(pair_up):
    return first_wrong(
        pairs_up(pair_up, [0, 0, 0, 0, 0], [1, 1, 1, 0, 0]),
        pairs_up(pair_up, [0, 4, 0, 0, 4, 0, 0], [1, 1, 1, 0, 0, 0, 1]),
    )


@EXERCISES["6.6"].case(
    "three answers, two of each: three pairs, since the third answer must not be left over",
    hint="Two answers paired up first may leave a third one alone with itself.",
)
def _(pair_up):
    many = [[0, 0, 1, 1, 2, 2], [0, 1, 2], [0, 0, 0, 1, 1, 2], [5, 5, 5, 5, 7, 8, 9], [3, 1, 2, 2, 1, 3, 2, 0, 0]]
    return first_wrong(*(pairs_up(pair_up, [6] * len(answers), answers) for answers in many))


@EXERCISES["6.6"].case("a group with one answer has no pair, nor has a group of one; none at all gives shape (0, 2)")
def _(pair_up):
    return first_wrong(
        pairs_up(pair_up, [0, 0, 1, 2, 2], [3, 3, 1, 5, 6]),
        pairs_up(pair_up, [0, 0, 1], [3, 3, 1]),
        pairs_up(pair_up, [7], [1]),
    )


@EXERCISES["6.6"].case("random sets, any numbers, called by name: as many pairs as the counts allow")
def _(pair_up):
    verdicts = []
    for n, groups, answers in ((2, 1, 2), (25, 3, 4), (60, 20, 3), (300, 5, 9), (301, 1, 40)):
        some = torch.randint(groups, (n,)).mul(13).sub(9).tolist()
        skewed = (answers * torch.rand(n) ** 2).long().mul(5).sub(7).tolist()
        verdicts.append(pairs_up(pair_up, some, skewed, by_name=n == 25))
    return first_wrong(*verdicts)


@EXERCISES["6.6"].case("not as many answers as groups: refused with a ValueError that says why")
def _(pair_up):
    three = torch.tensor([0, 1, 2])
    return first_wrong(refuses(pair_up, three, three[:2]), refuses(pair_up, three[:1], three))


# 6.7 balance


def true_sizes(groups, answers):
    """How many questions of each (group, answer) a balanced set keeps."""
    counts = Counter(zip(groups, answers, strict=True))
    kept = {}
    for group in set(groups):
        of_group = {pair: n for pair, n in counts.items() if pair[0] == group}
        if len(of_group) > 1:
            kept |= dict.fromkeys(of_group, min(of_group.values()))
    return kept


def balances(balance, groups, answers, seed=0):
    got = balance(torch.tensor(groups), torch.tensor(answers), torch.Generator().manual_seed(seed))
    if not isinstance(got, torch.Tensor) or got.dtype != torch.long or got.ndim != 1:
        return "it must return a LongTensor of one dimension"
    rows = got.tolist()
    if rows and not 0 <= min(rows) <= max(rows) < len(groups):
        return f"there are questions 0 to {len(groups) - 1}, not {min(rows)} to {max(rows)}"
    if len(set(rows)) < len(rows):
        return "a question comes twice"
    if rows != sorted(rows):
        return "the numbers do not ascend"
    kept, expected = Counter((groups[i], answers[i]) for i in rows), true_sizes(groups, answers)
    for pair in sorted(kept | expected):
        if kept[pair] != expected.get(pair, 0):
            came = f"of group {pair[0]}, {kept[pair]} questions with answer {pair[1]} are kept"
            return f"{came}, not {expected.get(pair, 0)}"
    return True


@EXERCISES["6.7"].case("by hand: yes, yes, yes, no, and a second group with two of each: 2 and 4 are kept")
def _(balance):
    return balances(balance, [0, 0, 0, 0, 1, 1, 1, 1], [1, 1, 1, 0, 1, 0, 0, 1])


@EXERCISES["6.7"].case(
    "each group keeps as many as its own rarest answer allows, and only answers that occur in it count"
)
def _(balance):
    groups = [3] * 9 + [800] * 12 + [-2] * 5
    answers = [1] * 6 + [0] * 2 + [4] + [1] * 7 + [9] * 5 + [50, 7, 50, 7, 50]
    mixed = torch.randperm(len(groups)).tolist()
    return balances(balance, [groups[i] for i in mixed], [answers[i] for i in mixed])


@EXERCISES["6.7"].case("a group with a single answer is left out; if all are, the result is empty")
def _(balance):
    return first_wrong(
        balances(balance, [0, 1, 0, 1, 2, 0], [5, 5, 5, 6, 7, 5]),
        balances(balance, [0, 0, 1, 2], [1, 1, 2, 3]),
    )


@EXERCISES["6.7"].case("random sets agree with plain counting")
def _(balance):
    verdicts = []
    for n in (2, 30, 500):
        groups, answers = torch.randint(6, (n,)), (4 * torch.rand(n) ** 2).long()
        verdicts.append(balances(balance, groups.tolist(), answers.tolist()))
    return first_wrong(*verdicts)


@EXERCISES["6.7"].case("the generator alone decides, and no question is always left out, or always kept")
def _(balance):
    groups, answers = torch.tensor([0] * 20), torch.tensor([1, 1, 1, 0] * 5)
    if (verdict := follows_generator(lambda g: balance(groups=groups, answers=answers, generator=g))) is not True:
        return verdict
    kept = Counter(i for seed in range(80) for i in drawn(balance, groups, answers, seed=seed).tolist())
    often = [kept[i] for i in range(20) if answers[i] == 1]
    return min(often) >= 10 and max(often) <= 50 or "some of the questions are kept far more often than others"


@EXERCISES["6.7"].case("not as many answers as groups: refused with a ValueError that says why")
def _(balance):
    generator, three = torch.Generator().manual_seed(0), torch.tensor([0, 0, 1])
    return first_wrong(refuses(balance, three, three[:2], generator), refuses(balance, three[:1], three, generator))
