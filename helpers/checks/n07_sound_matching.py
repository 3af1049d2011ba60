"""The checks of assignment 07. Expected values come from torch's own losses, `helpers.metrics` and sums by hand."""

import copy
import math

import torch
import torch.nn.functional as F
from torch import nn

from helpers.checks import NO_GRADIENT, Exercise, close, first_wrong, refuses
from helpers.metrics import recall_at_k

EXERCISES = {
    "7.1": Exercise(
        3,
        [
            "Write p and q of one row on paper first. Which of the two stands before the logarithm?",
            "log_softmax of logits / T gives log p and log q safely; p is its exp. Sum over classes, mean over rows.",
            "Do not forget T squared, and cut the teacher off: detach().",
        ],
    ),
    "7.2": Exercise(
        4,
        [
            "Five things in order: modes, the teacher's opinion, the loss, the gradients, the step.",
            "student.train(), teacher.eval(), and the teacher looks inside torch.no_grad().",
            "optimizer.zero_grad() before loss.backward(); afterwards optimizer.step(); return loss.item().",
        ],
        changes=("weights", "modes"),
    ),
    "7.3": Exercise(
        4,
        [
            "A cosine needs vectors of length 1: F.normalize(x, dim=1). All of them at once are one matrix product.",
            "Row i's right answer is column i: F.cross_entropy(logits, torch.arange(n)). For the other way, transpose.",
            "recall: leave out queries without an answer first; topk(...).indices and gather pick what was found.",
            "Divide what was found by all relevant items of that query, not by k.",
        ],
    ),
    "7.4": Exercise(
        5,
        [
            "Draw groups, not samples: groups.unique() lists them, torch.isin says which samples belong to the drawn.",
            "A generator of your own, torch.Generator().manual_seed(seed), leaves torch's random state alone.",
            "standardise: mean and std of train, used for both. Where the deviation is 0, divide by 1 and set to 0.",
            "probe_accuracy: only `train` may reach fit; `test` is met by the finished classifier.",
        ],
    ),
}


# 7.1 distillation


def true_loss(teacher, student, T):
    log_p, log_q = (teacher.detach() / T).log_softmax(1), (student / T).log_softmax(1)
    return T * T * F.kl_div(log_q, log_p, log_target=True, reduction="batchmean")


@EXERCISES["7.1"].case("teacher (0.8, 0.2), student (0.5, 0.5), T = 1: 0.8 log 1.6 + 0.2 log 0.4")
def _(distillation_loss):
    teacher, student = torch.tensor([[0.8, 0.2]]).log() + 3, torch.zeros(1, 2)
    return close(distillation_loss(teacher, student, 1.0), 0.8 * math.log(1.6) + 0.2 * math.log(0.4))


@EXERCISES["7.1"].case("random logits agree with torch's kl_div, for batches of 1 and 6 and temperatures 0.5 to 4")
def _(distillation_loss):
    verdicts = []
    for batch in (1, 6):
        for T in (0.5, 1.0, 2.0, 4.0):
            teacher, student = 2 * torch.randn(batch, 9), 2 * torch.randn(batch, 9)
            verdicts.append(close(distillation_loss(teacher, student, T), true_loss(teacher, student, T)))
    return first_wrong(*verdicts)


@EXERCISES["7.1"].case("0 where student and teacher agree, also if their logits differ by a constant")
def _(distillation_loss):
    logits = torch.randn(5, 7)
    return first_wrong(*(close(distillation_loss(logits, logits + 4, T), 0.0) for T in (1.0, 3.0)))


@EXERCISES["7.1"].case("logits of a thousand give a finite, right loss")
def _(distillation_loss):
    teacher, student = 500 * torch.randn(4, 6), 500 * torch.randn(4, 6)
    return close(distillation_loss(teacher, student, 1.0), true_loss(teacher, student, 1.0))


@EXERCISES["7.1"].case("the student gets the right gradient, the teacher none")
def _(distillation_loss):
    teacher, student = torch.randn(3, 5, requires_grad=True), torch.randn(3, 5, requires_grad=True)
    loss = distillation_loss(teacher, student, 2.0)
    if not getattr(loss, "requires_grad", False):
        return "no gradient can flow to the student: stay with torch's functions"
    loss.backward()
    if teacher.grad is not None and teacher.grad.abs().sum() > 0:
        return "a gradient flows to the teacher"
    expected = torch.autograd.grad(true_loss(teacher, student, 2.0), student)[0]
    return close(student.grad, expected)


@EXERCISES["7.1"].case("a temperature of 0 or below is refused with a ValueError that says why")
def _(distillation_loss):
    return first_wrong(*(refuses(distillation_loss, torch.zeros(1, 2), torch.zeros(1, 2), T) for T in (0, -1.0)))


# 7.2 one step


def pair_of_networks():
    student = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 5))
    teacher = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 5))
    return student, teacher, torch.randn(10, 6), torch.randn(10, 4)


def true_step(student, teacher, sounds, pictures, T, lr):
    """What student and loss shall be after a step of plain gradient descent: copies, nothing is changed."""
    student, teacher = copy.deepcopy(student).train(), copy.deepcopy(teacher).eval()
    student.zero_grad()
    loss = true_loss(teacher(pictures), student(sounds), T)
    loss.backward()
    with torch.no_grad():
        for p in student.parameters():
            p -= lr * p.grad
    return student.state_dict(), loss.item()


def compare_step(student_step, T=2.0, left_over=False, modes=(True, False)):
    """`modes`: whether student and teacher come in training mode; as it should be, unless that is what is tried."""
    student, teacher, sounds, pictures = pair_of_networks()
    student.train(modes[0])
    teacher.train(modes[1])
    expected, loss = true_step(student, teacher, sounds, pictures, T, 0.1)
    optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
    if left_over:
        for p in student.parameters():
            p.grad = torch.ones_like(p)
    got = student_step(student, optimizer, sounds, teacher, pictures, T)
    after = student.state_dict()
    moved = [close(after[name], value) is True for name, value in expected.items()]
    right = close(got, loss)
    return first_wrong(
        right is True or f"the loss: {right}", all(moved) or "the student's weights are not where one right step leads"
    )


@EXERCISES["7.2"].case("one step of gradient descent leads exactly where it should, and the loss is returned")
def _(student_step):
    return first_wrong(compare_step(student_step), compare_step(student_step, T=1.0))


@EXERCISES["7.2"].case("the teacher is made to judge (evaluation mode) and the student to learn, whatever they came in")
def _(student_step):
    return first_wrong(*(compare_step(student_step, modes=m) for m in ((True, True), (False, True), (False, False))))


@EXERCISES["7.2"].case("gradients left from before do not count")
def _(student_step):
    return compare_step(student_step, left_over=True)


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


def true_retrieval(sounds, pictures, T):
    cosines = F.cosine_similarity(sounds[:, None], pictures[None], dim=2) / T
    n = len(sounds)
    among_pictures = sum(cosines[i].logsumexp(0) - cosines[i, i] for i in range(n)) / n
    among_sounds = sum(cosines[:, i].logsumexp(0) - cosines[i, i] for i in range(n)) / n
    return (among_pictures + among_sounds) / 2


@EXERCISES["7.3"].case("random pairs agree with plain loops, at several temperatures and lengths of the vectors")
def _(retrieval_loss, recall):
    verdicts = []
    for n, T in ((2, 1.0), (5, 0.1), (8, 0.5)):
        S, P = 3 * torch.randn(n, 4), torch.randn(n, 4) + 0.5
        verdicts.append(close(retrieval_loss(S.clone(), P.clone(), T), true_retrieval(S, P, T)))
    return first_wrong(*verdicts)


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


@EXERCISES["7.3"].case("both towers get a gradient")
def _(retrieval_loss, recall):
    S, P = torch.randn(4, 3, requires_grad=True), torch.randn(4, 3, requires_grad=True)
    loss = retrieval_loss(S, P, 0.5)
    if not getattr(loss, "requires_grad", False):
        return NO_GRADIENT
    loss.backward()
    return bool(S.grad.abs().sum() > 0 and P.grad.abs().sum() > 0) or "one of them gets none"


@EXERCISES["7.3"].case("recall by hand: of two relevant items one is among the best two: 0.5")
def _(retrieval_loss, recall):
    scores, relevant = torch.tensor([[0.9, 0.1, 0.5, 0.3]]), torch.tensor([[True, True, False, False]])
    return first_wrong(
        *(close(float(recall(scores, relevant, k)), value) for k, value in ((1, 0.5), (2, 0.5), (4, 1.0)))
    )


@EXERCISES["7.3"].case("random tables agree with the course's recall_at_k; queries without an answer are left out")
def _(retrieval_loss, recall):
    verdicts = []
    for k in (1, 3, 5, 20):
        scores, relevant = torch.randn(9, 12), torch.rand(9, 12) < 0.25
        relevant[3] = False
        relevant[4, :6] = True
        verdicts.append(close(float(recall(scores, relevant, k)), recall_at_k(scores, relevant, k)))
    return first_wrong(*verdicts)


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
    for share, expected in ((0.3, 3), (0.0, 1), (1.0, 9), (0.5, 5)):
        for seed in range(4):
            _, test, verdict = masks(split_by_group, groups, share, seed)
            if verdict is not True:
                return verdict
            if (count := len(groups[test].unique())) != expected:
                return f"of 10 groups, share {share}: {count} are in the test, not {expected}"
    return True


@EXERCISES["7.4"].case("the same seed gives the same split, other seeds others; torch's random state is untouched")
def _(split_by_group, standardise, probe_accuracy):
    groups = torch.arange(40) // 2
    state, drawn = torch.get_rng_state(), []
    for seed in (0, 1, 2, 3, 0):
        _, test, verdict = masks(split_by_group, groups, 0.4, seed)
        if verdict is not True:
            return verdict
        drawn.append(test)
    if not torch.equal(state, torch.get_rng_state()):
        return "torch's own random state has changed"
    if not torch.equal(drawn[0], drawn[4]):
        return "the same seed gave two splits"
    return len({tuple(test.tolist()) for test in drawn}) > 2 or "all seeds give the same split"


@EXERCISES["7.4"].case("one group only is refused with a ValueError that says why")
def _(split_by_group, standardise, probe_accuracy):
    return refuses(split_by_group, torch.full((5,), 3), 0.5, 0)


@EXERCISES["7.4"].case("training samples have mean 0 and deviation 1; test samples are moved by the same numbers")
def _(split_by_group, standardise, probe_accuracy):
    train, test = 3 * torch.randn(30, 4) + 5, 2 * torch.randn(7, 4) - 1
    kept = train.clone(), test.clone()
    a, b = standardise(train, test)
    expected = [(x - kept[0].mean(0)) / kept[0].std(0) for x in kept]
    if not (torch.equal(train, kept[0]) and torch.equal(test, kept[1])):
        return "it changes its inputs"
    return first_wrong(close(a, expected[0]), close(b, expected[1]))


@EXERCISES["7.4"].case("a column that does not vary in training becomes 0 on both sides; one test sample alone works")
def _(split_by_group, standardise, probe_accuracy):
    train, test = torch.randn(20, 3), torch.randn(1, 3)
    train[:, 1], test[:, 1] = 2.0, 7.0
    a, b = standardise(train, test)
    expected = (test - train.mean(0)) / train.std(0)
    expected[:, 1] = 0
    return first_wrong(close(a[:, 1], torch.zeros(20)), close(b, expected))


@EXERCISES["7.4"].case("the probe agrees with scikit-learn's pipeline, on classes that overlap and with other scales")
def _(split_by_group, standardise, probe_accuracy):
    from sklearn.linear_model import LogisticRegression

    verdicts = []
    for scale in (1.0, 300.0):
        labels, test_labels = torch.arange(60) % 3, torch.arange(45) % 3
        x = (torch.randn(60, 5) + 0.9 * F.one_hot(labels, 5)) * scale
        y = (torch.randn(45, 5) + 0.9 * F.one_hot(test_labels, 5)) * scale + 0.6 * scale
        mean, deviation = x.mean(0), x.std(0)
        fitted = LogisticRegression(max_iter=1000).fit(((x - mean) / deviation).numpy(), labels.numpy())
        expected = fitted.score(((y - mean) / deviation).numpy(), test_labels.numpy())
        verdicts.append(close(float(probe_accuracy(x, labels, y, test_labels)), expected, 1e-3))
    return first_wrong(*verdicts)


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
