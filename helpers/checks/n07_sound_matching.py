"""The checks of assignment 07. Expected values come from torch's own losses, `helpers.metrics` and sums by hand."""

import copy
import math

import torch
import torch.nn.functional as F
from torch import nn

from helpers.checks import Exercise, alike, close, everywhere, first_wrong, follows_seed, refuses
from helpers.checks.telling import what
from helpers.metrics import recall_at_k

EXERCISES = {
    "7.1": Exercise(
        5,
        [
            "blind_list: once a class is chosen, strike out the recordings that it hits, then count again. A class "
            "that is in the list already may not come twice.",
            "group_auc: inside[:, None] - outside holds all pairs of one group. Above 0 counts 1, equal counts a half.",
            "permutation_p: the rows of a group are (groups == group).nonzero()[:, 0]; "
            "torch.randperm(len(rows), generator=...) shuffles them among themselves.",
            "permutation_p: start counting at 1, for the true order, and count a shuffled result that equals the true.",
        ],
    ),
    "7.2": Exercise(
        4,
        [
            "Five things in order: modes, the teacher's opinion, the loss, the gradients, the step.",
            "Who is asked in which mode, and through which of the two networks may a gradient flow?",
            "What does the optimizer need before the gradients are computed, and what afterwards?",
        ],
        changes=("weights", "modes"),
    ),
    "7.3": Exercise(
        4,
        [
            "retrieval_loss: a cosine needs vectors of length 1, F.normalize(x, dim=1). All together are one "
            "matrix product.",
            "retrieval_loss: row i's right answer is column i, F.cross_entropy(logits, torch.arange(n)). For the other "
            "way, transpose.",
            "recall: leave out queries without an answer first; topk(...).indices and gather pick what was found.",
            "recall: divide what was found by all relevant items of that query, not by k.",
        ],
        forbidden={"helpers.metrics": "the checks compare with it, so write your own"},
    ),
    "7.4": Exercise(
        5,
        [
            "split_by_group: draw groups, not samples. groups.unique() lists them, torch.isin(groups, drawn) says "
            "which samples are theirs.",
            "split_by_group: torch.Generator().manual_seed(seed) is a generator of your own; torch's stays as it is.",
            "standardise: mean and std of train, used for both. Where the deviation is 0, divide by 1 and set to 0.",
            "probe_accuracy: only `train` may reach fit; `test` is met by the finished classifier.",
        ],
    ),
}


# 7.1 controls


def greedy(truth, chosen, k):
    """True where a list is one that the greedy rule can give, or what is wrong with it."""
    if not isinstance(chosen, list) or not all(type(number) is int for number in chosen):
        return f"it returned {what(chosen)}, not a list of whole numbers"
    if len(chosen) != k or len(set(chosen)) != k or not set(chosen) <= set(range(truth.shape[1])):
        return f"the list is {chosen}, not {k} different numbers of classes"
    left = truth.clone()
    for place, number in enumerate(chosen):
        hits = left.sum(0)
        if hits[number] < hits.max():
            return f"number {place + 1} of the list hits {hits[number]} new recordings; another class hits {hits.max()}"
        left = left & ~truth[:, [number]]
    return True


@EXERCISES["7.1"].case("blind list by hand: the class that hits most, then one that hits most of what is left")
def _(blind_list, group_auc, permutation_p):
    truth = torch.tensor([[1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1]]).bool()
    return first_wrong(*(greedy(truth, blind_list(truth.clone(), k), k) for k in (1, 2, 3)))


@EXERCISES["7.1"].case("blind lists of random tables follow the greedy rule, also once all recordings are hit")
def _(blind_list, group_auc, permutation_p):
    verdicts = []
    for recordings, classes, k in ((40, 12, 5), (30, 6, 6), (1, 4, 3)):
        truth = torch.rand(recordings, classes) < 0.15
        verdicts.append(greedy(truth, blind_list(truth=truth.clone(), k=k), k))
    return first_wrong(*verdicts)


def true_group_auc(scores, belongs, groups):
    found = {}
    for score, one, group in zip(scores.tolist(), belongs.tolist(), groups.tolist(), strict=True):
        for other, two, like in zip(scores.tolist(), belongs.tolist(), groups.tolist(), strict=True):
            if one and not two and group == like:
                found.setdefault(group, []).append(1.0 if score > other else 0.5 if score == other else 0.0)
    return sum(sum(pairs) / len(pairs) for pairs in found.values()) / len(found)


def in_groups(n=40, groups=4):
    """Scores with ties that rise with the group's number; the first group holds no second kind."""
    numbers = torch.randint(0, groups, (n,)) * 3 - 4
    belongs = torch.rand(n) < 0.3 + 0.1 * numbers.clamp(max=4)
    numbers[:3], belongs[:3] = torch.tensor([-4, 50, 50]), torch.tensor([True, True, False])
    return {"scores": (2 * torch.randn(n)).round() + numbers, "belongs": belongs | (numbers == -4), "groups": numbers}


@EXERCISES["7.1"].case("AUC by hand: three of four pairs in one group, the only pair of another equal: the mean .625")
def _(blind_list, group_auc, permutation_p):
    scores = torch.tensor([0.9, 0.3, 0.5, 0.1, 7.0, 7.0, 8.0])
    belongs, groups = torch.tensor([1, 1, 0, 0, 1, 0, 1]).bool(), torch.tensor([5, 5, 5, 5, 2, 2, 9])
    got = group_auc(scores, belongs, groups)
    return close(got, 0.625) if isinstance(got, float) else f"it returned {what(got)}, not a float"


@EXERCISES["7.1"].case("AUCs agree with plain loops, with ties, groups of all sizes, and groups of one kind left out")
def _(blind_list, group_auc, permutation_p):
    return everywhere(group_auc, true_group_auc, in_groups, [{}, {"n": 12, "groups": 2}, {"n": 60, "groups": 9}])


@EXERCISES["7.1"].case("no group with both kinds is refused with a ValueError that says why")
def _(blind_list, group_auc, permutation_p):
    belongs = torch.tensor([True, True, False])
    return first_wrong(
        refuses(group_auc, torch.rand(3), belongs, torch.tensor([0, 0, 1])),
        refuses(group_auc, torch.rand(3), belongs | True, torch.zeros(3, dtype=torch.long)),
    )


def couples(n=12, right=10, shuffles=200, seed=3):
    """Groups of two, one of each kind, far apart in score; in so many of them the order is right."""
    groups, order = torch.arange(2 * n) // 2, torch.randperm(n)
    belongs = torch.arange(2 * n) % 2 == 0
    first = torch.where(order < right, 1.0, -1.0)
    scores = torch.stack([first, -first], 1).flatten() + 10.0 * groups
    return {"scores": scores, "belongs": belongs, "groups": groups, "shuffles": shuffles, "seed": seed}


def exact_p(scores, belongs, groups, shuffles, seed):
    """Each couple is in the right order by chance one half of the time."""
    n = len(groups) // 2
    right = round(true_group_auc(scores, belongs, groups) * n)
    return sum(math.comb(n, k) for k in range(right, n + 1)) / 2**n


@EXERCISES["7.1"].case(
    "p agrees with the exact one, where each group is a couple: shuffled within the groups, not among all"
)
def _(blind_list, group_auc, permutation_p):
    return everywhere(permutation_p, exact_p, couples, [{}], dtypes=(torch.float32,), tolerance=0.04)


@EXERCISES["7.1"].case("the true order counts: what luck never reaches has p = 1 / (1 + shuffles); equal scores, p = 1")
def _(blind_list, group_auc, permutation_p):
    scores, belongs, groups = torch.arange(60.0), torch.arange(60) >= 30, torch.zeros(60, dtype=torch.long)
    got = permutation_p(scores, belongs, groups, 9, 0)
    if not isinstance(got, float):
        return f"it returned {what(got)}, not a float"
    return first_wrong(
        close(got, 0.1),
        close(permutation_p(scores, belongs, groups, 99, 1), 0.01),
        close(permutation_p(0 * scores, belongs, groups, 20, 0), 1.0),
    )


@EXERCISES["7.1"].case("the same seed gives the same p, other seeds others; torch's random state is untouched")
def _(blind_list, group_auc, permutation_p):
    arguments, state = couples(n=6, right=3, shuffles=30), torch.get_rng_state()
    verdict = follows_seed(lambda seed: permutation_p(*(arguments | {"seed": seed}).values()))
    if verdict is True and not torch.equal(state, torch.get_rng_state()):
        return "torch's own random state has changed"
    return verdict


# the lecture's loss, for 7.2


def true_loss(teacher_logits, student_logits, temperature):
    log_p, log_q = (teacher_logits.detach() / temperature).log_softmax(1), (student_logits / temperature).log_softmax(1)
    return temperature**2 * F.kl_div(log_q, log_p, log_target=True, reduction="batchmean")


# 7.2 one step


def pair_of_networks(rows=10):
    student = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 5))
    teacher = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 5))
    return student, teacher, torch.randn(rows, 6), torch.randn(rows, 4)


def gradient_descent(weights):
    return torch.optim.SGD(weights, lr=0.1)


def with_momentum(weights):
    return torch.optim.SGD(weights, lr=0.02, momentum=0.9)


def true_steps(student, teacher, sounds, pictures, T, make, steps):
    """Where right steps lead, with an optimizer made likewise: copies, nothing is changed."""
    student, teacher = copy.deepcopy(student).train(), copy.deepcopy(teacher).eval()
    optimizer, losses = make(student.parameters()), []
    for _ in range(steps):
        student.zero_grad()
        loss = true_loss(teacher(pictures), student(sounds), T)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return student.state_dict(), losses


def compare_steps(
    student_step, T=2.0, left_over=False, modes=(True, False), make=gradient_descent, steps=1, rows=10, double=False
):
    """`modes`: whether student and teacher come in training mode; as it should be, unless that is what is tried."""
    student, teacher, sounds, pictures = pair_of_networks(rows)
    if double:
        student, teacher, sounds, pictures = (x.double() for x in (student, teacher, sounds, pictures))
    student.train(modes[0])
    teacher.train(modes[1])
    expected, losses = true_steps(student, teacher, sounds, pictures, T, make, steps)
    optimizer = make(student.parameters())
    if left_over:
        for p in student.parameters():
            p.grad = torch.ones_like(p)
    arguments = {"student": student, "optimizer": optimizer, "sounds": sounds, "teacher": teacher}
    arguments |= {"pictures": pictures, "temperature": T}
    for step, loss in enumerate(losses):
        if step:
            student.zero_grad()  # left-over gradients have a case of their own
        got = student_step(**arguments) if double else student_step(*arguments.values())
        if (right := alike(got, loss)) is not True:
            return f"the loss: {right}"
    after = student.state_dict()
    moved = all(close(after[name], value) is True for name, value in expected.items())
    return moved or "the student's weights are not where the right step leads"


@EXERCISES["7.2"].case("one step of gradient descent leads exactly where it should, and the loss is returned")
def _(student_step):
    return first_wrong(
        compare_steps(student_step),
        compare_steps(student_step, T=1.0, rows=2),
        compare_steps(student_step, double=True),
    )


@EXERCISES["7.2"].case(
    "the steps are those of the optimizer that is given: another learning rate, and a momentum that it keeps"
)
def _(student_step):
    return compare_steps(student_step, make=with_momentum, steps=4)


@EXERCISES["7.2"].case("the teacher is made to judge (evaluation mode) and the student to learn, whatever they came in")
def _(student_step):
    return first_wrong(*(compare_steps(student_step, modes=m) for m in ((True, True), (False, True), (False, False))))


@EXERCISES["7.2"].case("gradients left from before do not count")
def _(student_step):
    return compare_steps(student_step, left_over=True)


@EXERCISES["7.2"].case("the teacher's weights get no gradient and do not move, and the loss is a float")
def _(student_step):
    student, teacher, sounds, pictures = pair_of_networks()
    before = copy.deepcopy(teacher.state_dict())
    got = student_step(student, torch.optim.SGD(student.parameters(), lr=0.1), sounds, teacher, pictures, 2.0)
    if any(p.grad is not None for p in teacher.parameters()):
        return "the teacher's weights have a gradient"
    if any(not torch.equal(value, before[name]) for name, value in teacher.state_dict().items()):
        return "the teacher has changed"
    return isinstance(got, float) or f"it returned a {type(got).__name__}, not a float"


@EXERCISES["7.2"].case("many steps bring the student near the teacher")
def _(student_step):
    student, teacher, sounds, pictures = pair_of_networks()
    teacher.eval()
    optimizer = torch.optim.Adam(student.parameters(), lr=0.02)
    losses = [student_step(student, optimizer, sounds, teacher, pictures, 1.0) for _ in range(80)]
    return losses[-1] < 0.2 * losses[0] or f"after 80 steps the loss is {losses[-1]:.3g}; it began at {losses[0]:.3g}"


# 7.3 search


def true_retrieval(sounds, pictures, temperature):
    cosines = F.cosine_similarity(sounds[:, None], pictures[None], dim=2) / temperature
    n = len(sounds)
    among_pictures = sum(cosines[i].logsumexp(0) - cosines[i, i] for i in range(n)) / n
    among_sounds = sum(cosines[:, i].logsumexp(0) - cosines[i, i] for i in range(n)) / n
    return (among_pictures + among_sounds) / 2


def pairs(n=5, d=4, temperature=0.1):
    return {"sounds": 3 * torch.randn(n, d), "pictures": torch.randn(n, d) + 0.5, "temperature": temperature}


@EXERCISES["7.3"].case(
    "value and gradients agree with plain loops, for batches, lengths of the vectors and temperatures of all sizes"
)
def _(retrieval_loss, recall):
    sizes = [{"n": 5, "d": 4, "temperature": 0.1}, {"n": 2, "d": 7, "temperature": 1}, {"n": 8, "d": 3}]
    return first_wrong(
        everywhere(retrieval_loss, true_retrieval, pairs, sizes, gradients=True),
        everywhere(retrieval_loss, true_retrieval, pairs, [{"n": 1, "d": 4}]),
    )


@EXERCISES["7.3"].case("both directions count alike: exchanging sounds and pictures changes nothing")
def _(retrieval_loss, recall):
    S, P = torch.randn(6, 3), torch.randn(6, 3)
    P[0] = P[1]  # two equal pictures: the two halves differ
    return close(retrieval_loss(S, P, 0.2), retrieval_loss(P, S, 0.2))


@EXERCISES["7.3"].case("a pair alone has no rival: 0. Four equal vectors: log 4. Cosines of 1 at T = 0.001 stay finite")
def _(retrieval_loss, recall):
    one = torch.randn(1, 5)
    return first_wrong(
        close(retrieval_loss(one, 2 * one, 0.1), 0.0),
        close(retrieval_loss(torch.ones(4, 3), torch.ones(4, 3), 0.1), math.log(4)),
        close(retrieval_loss(torch.eye(4), torch.eye(4), 0.001), 0.0),
    )


@EXERCISES["7.3"].case("recall by hand: of two relevant items one is among the best two: 0.5")
def _(retrieval_loss, recall):
    scores, relevant = torch.tensor([[0.9, 0.1, 0.5, 0.3]]), torch.tensor([[True, True, False, False]])
    return first_wrong(
        *(close(float(recall(scores, relevant, k)), value) for k, value in ((1, 0.5), (2, 0.5), (4, 1.0)))
    )


def true_recall(scores, relevant, k):
    return recall_at_k(scores, relevant, k)


def table(queries=9, items=12, k=3):
    relevant = torch.rand(queries, items) < 0.25
    relevant[:, 0] |= torch.rand(queries) < 0.5
    relevant[-1], relevant[0] = False, torch.arange(items) % 2 == 0
    return {"scores": torch.randn(queries, items), "relevant": relevant, "k": k}


@EXERCISES["7.3"].case("random tables agree with the course's recall_at_k; queries without an answer are left out")
def _(retrieval_loss, recall):
    sizes = [{"k": k} for k in (3, 1, 5, 20)] + [{"queries": 2, "items": 5, "k": 2}, {"queries": 30, "items": 4}]
    got = recall(*table().values())
    if not isinstance(got, float):
        return f"it returned {what(got)}, not a float"
    return everywhere(recall, true_recall, table, sizes)


@EXERCISES["7.3"].case("k below 1, or no query with an answer, is refused with a ValueError that says why")
def _(retrieval_loss, recall):
    scores, relevant = torch.randn(2, 3), torch.ones(2, 3, dtype=torch.bool)
    return first_wrong(refuses(recall, scores, relevant, 0), refuses(recall, scores, ~relevant, 2))


# 7.4 a probe that doesn't leak


def masks(split_by_group, groups, share, seed):
    got = split_by_group(groups.clone(), share, seed)
    if not isinstance(got, tuple | list) or len(got) != 2:
        return None, None, "it must return two masks: train and test"
    train, test = got
    for mask in got:
        if not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool or mask.shape != groups.shape:
            return None, None, "a mask is a boolean tensor with one value a sample"
    return train, test, True


@EXERCISES["7.4"].case(
    "every sample is on exactly one side, and no group on both; numbers of groups need not be 0, 1, 2"
)
def _(split_by_group, standardise, probe_accuracy):
    for seed in range(6):
        groups = torch.randint(0, 9, (60,)) * 7 - 11
        train, test, verdict = masks(split_by_group, groups, 0.3, seed)
        if verdict is not True:
            return verdict
        if not torch.equal(train, ~test):
            return "a sample is on both sides, or on none"
        if torch.isin(groups[train], groups[test]).any():
            return "a group has samples on both sides"
    return True


@EXERCISES["7.4"].case("the share is of groups, rounded, with at least one group on each side")
def _(split_by_group, standardise, probe_accuracy):
    groups = torch.cat([torch.zeros(50, dtype=torch.long), torch.arange(1, 10)])
    for share, expected in ((0.3, 3), (0.0, 1), (1.0, 9), (0.5, 5), (0.38, 4), (0.22, 2)):
        for seed in range(3):
            _, test, verdict = masks(split_by_group, groups, share, seed)
            if verdict is not True:
                return verdict
            if (count := len(groups[test].unique())) != expected:
                return f"of 10 groups, share {share}: {count} are in the test, not {expected}"
    return True


@EXERCISES["7.4"].case(
    "the same seed gives the same split, other seeds others, and any group may be drawn; torch's random state is "
    "untouched"
)
def _(split_by_group, standardise, probe_accuracy):
    groups = torch.arange(40) // 2
    state = torch.get_rng_state()
    if (verdict := follows_seed(lambda seed: masks(split_by_group, groups, 0.4, seed))) is not True:
        return verdict
    if not torch.equal(state, torch.get_rng_state()):
        return "torch's own random state has changed"
    few, tested = torch.arange(10) // 2, torch.zeros(10, dtype=torch.long)
    for seed in range(60):
        _, test, verdict = masks(split_by_group, few, 0.2, seed)
        if verdict is not True:
            return verdict
        tested += test
    return bool(tested.all()) or "of 5 groups, one was never drawn for the test, by 60 seeds"


@EXERCISES["7.4"].case("one group only is refused with a ValueError that says why")
def _(split_by_group, standardise, probe_accuracy):
    return refuses(split_by_group, torch.full((5,), 3), 0.5, 0)


def true_standardise(train, test):
    mean, deviation = train.mean(0), train.std(0)
    return (train - mean) / deviation, (test - mean) / deviation


def two_sets(n=30, m=7, dims=4):
    return {"train": 3 * torch.randn(n, dims) + 5, "test": 2 * torch.randn(m, dims) - 1}


@EXERCISES["7.4"].case("training samples have mean 0 and deviation 1; test samples are moved by the same numbers")
def _(split_by_group, standardise, probe_accuracy):
    sizes = [{}, {"n": 9, "m": 20, "dims": 1}, {"n": 5, "m": 1, "dims": 3}]
    return everywhere(standardise, true_standardise, two_sets, sizes)


@EXERCISES["7.4"].case("a column that does not vary in training becomes 0 on both sides; one test sample alone works")
def _(split_by_group, standardise, probe_accuracy):
    train, test = torch.randn(20, 3), torch.randn(1, 3)
    train[:, 1], test[:, 1] = 2.0, 7.0
    a, b = standardise(train, test)
    expected = (test - train.mean(0)) / train.std(0)
    expected[:, 1] = 0
    return first_wrong(close(a[:, 1], torch.zeros(20)), close(b, expected))


def of_classes(n, scales, shift=0.0):
    """Samples of three classes that overlap; column i is `scales[i]` long, the first three know the class."""
    labels = torch.randperm(n) % 3
    return (torch.randn(n, 5) + 0.9 * F.one_hot(labels, 5) + shift) * torch.tensor(scales), labels


def true_accuracy(train, train_labels, test, test_labels):
    from sklearn.linear_model import LogisticRegression

    a, b = true_standardise(train, test)
    fitted = LogisticRegression(max_iter=1000).fit(a.numpy(), train_labels.numpy())
    return float(fitted.score(b.numpy(), test_labels.numpy()))


def probed(n=60, m=45, scales=(1.0,) * 5, shift=0.6, far=1.0):
    (train, train_labels), (test, test_labels) = of_classes(n, scales), of_classes(m, scales, shift)
    test[:, :3] *= far
    return {"train": train, "train_labels": train_labels, "test": test, "test_labels": test_labels}


@EXERCISES["7.4"].case("the probe agrees with scikit-learn's pipeline, on classes that overlap")
def _(split_by_group, standardise, probe_accuracy):
    got = probe_accuracy(*probed().values())
    if not isinstance(got, float):
        return f"it returned {what(got)}, not a float"
    sizes = [{}, {"n": 40, "m": 90, "scales": (300.0,) * 5}]
    return everywhere(probe_accuracy, true_accuracy, probed, sizes, tolerance=0.02)  # a sample or two on the border


@EXERCISES["7.4"].case(
    "the probe standardises: what knows the class may be a thousand times smaller than what does not",
    hint="probe_accuracy calls your standardise first, and hands its two results on.",
)
def _(split_by_group, standardise, probe_accuracy):
    sizes = [{"n": 150, "m": 120, "scales": (1e-3, 1e-3, 1e-3, 10.0, 10.0), "shift": 0.0}]
    return everywhere(probe_accuracy, true_accuracy, probed, sizes, tolerance=0.02)


@EXERCISES["7.4"].case("the probe standardises by the training samples alone, also where the test's are far larger")
def _(split_by_group, standardise, probe_accuracy):
    return everywhere(probe_accuracy, true_accuracy, probed, [{"n": 30, "m": 150, "far": 1000.0}], tolerance=0.02)


@EXERCISES["7.4"].case("a test of one class only, and of one sample, is measured by the training set's mean")
def _(split_by_group, standardise, probe_accuracy):
    labels = torch.arange(40) % 2
    x = torch.randn(40, 3) + 10 * labels[:, None]
    return first_wrong(
        *(
            close(float(probe_accuracy(x, labels, x[labels == 1][:n] + 0.1, labels[labels == 1][:n])), 1.0)
            for n in (20, 1)
        )
    )


@EXERCISES["7.4"].case("where the test's labels are noise the accuracy is near chance: they never reach the fit")
def _(split_by_group, standardise, probe_accuracy):
    x, labels = torch.randn(80, 40), torch.arange(80) % 2
    y, test_labels = torch.randn(80, 40), torch.randint(0, 2, (80,))
    right = float(probe_accuracy(x, labels, y, test_labels))
    return right < 0.72 or f"it is {right:.2f}"
