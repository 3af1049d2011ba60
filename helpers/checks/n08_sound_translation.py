"""The checks of assignment 08. Expected values come from torch, librosa, all orders of three rows, and counting."""

import librosa
import numpy as np
import torch
import torch.nn.functional as F

from helpers.checks import NO_GRADIENT, Exercise, close, first_wrong, refuses

EXERCISES = {
    "8.1": Exercise(
        4,
        [
            "Sum along the d numbers of a row first; then take the mean over the rows.",
            "A row's length: .norm(dim=1, keepdim=True). The cosine is the product of two rows of length 1, summed.",
            "Clamp the prediction's length from below before you divide; look at the targets before anything else.",
        ],
    ),
    "8.2": Exercise(
        4,
        [
            "torch.polar(magnitude, phase) is the complex spectrum; .angle() gives phases back.",
            "The magnitudes that come back are thrown away: in each step the wanted ones are used again.",
            "After the last step the waveform still has to be made, of the wanted magnitudes and the last phases.",
        ],
    ),
    "8.3": Exercise(
        3,
        [
            "Give folds to the voices, not to the clips. Then look up each clip's voice.",
            "sorted(set(voices)) lists each voice once, always in the same order. Shuffle that list with a generator.",
            "The k-th voice of the shuffled list goes to fold k % n.",
        ],
    ),
    "8.4": Exercise(
        5,
        [
            "Three parts: score once, score many times with b[order], count.",
            "torch.randperm(len(b), generator=...) with a Generator of your own, made once, spares the global one.",
            "Count the shuffled ones that are >= the true one, add 1 for the true one; divide by shuffles + 1.",
        ],
    ),
}


# 8.1 losses


@EXERCISES["8.1"].case(
    "by hand: differences of length 5 and 0 give 12.5; a right angle and the same direction give 0.5"
)
def _(squared_loss, cosine_loss):
    return first_wrong(
        close(squared_loss(torch.tensor([[3.0, 4.0], [1.0, 1.0]]), torch.tensor([[0.0, 0.0], [1.0, 1.0]])), 12.5),
        close(cosine_loss(torch.tensor([[3.0, 0.0], [2.0, 2.0]]), torch.tensor([[0.0, 1.0], [7.0, 7.0]])), 0.5),
    )


@EXERCISES["8.1"].case("random rows agree with torch, in a batch of one as well")
def _(squared_loss, cosine_loss):
    verdicts = []
    for rows, d in ((7, 5), (1, 9), (4, 4)):
        a, b = 3 * torch.randn(rows, d), torch.randn(rows, d)
        verdicts += [close(squared_loss(a.clone(), b.clone()), d * F.mse_loss(a, b))]
        verdicts += [close(cosine_loss(a.clone(), b.clone()), 1 - F.cosine_similarity(a, b).mean())]
    return first_wrong(*verdicts)


@EXERCISES["8.1"].case("a prediction of 0 costs 1 by cosine, and no gradient is NaN")
def _(squared_loss, cosine_loss):
    a, b = torch.randn(3, 4), torch.randn(3, 4)
    a[1] = 0
    a.requires_grad_()
    loss = cosine_loss(a, b)
    expected = (2 - F.cosine_similarity(a[[0, 2]], b[[0, 2]]).sum() + 1) / 3
    if (verdict := close(loss, expected)) is not True:
        return verdict
    if not loss.requires_grad:
        return NO_GRADIENT
    loss.backward()
    return bool(a.grad.isfinite().all()) or "the gradient holds NaN"


@EXERCISES["8.1"].case("the gradient of the squared loss is 2 (predicted - target) / rows")
def _(squared_loss, cosine_loss):
    a, b = torch.randn(5, 3, requires_grad=True), torch.randn(5, 3)
    loss = squared_loss(a, b)
    if not getattr(loss, "requires_grad", False):
        return NO_GRADIENT
    loss.backward()
    return close(a.grad, 2 * (a - b) / 5)


@EXERCISES["8.1"].case("a target of length 0 is refused by the cosine loss with a ValueError that says why")
def _(squared_loss, cosine_loss):
    target = torch.randn(3, 4)
    target[2] = 0
    return refuses(cosine_loss, torch.randn(3, 4), target)


# 8.2 Griffin-Lim


class Transform:
    """A pair of transforms that counts how often it is used."""

    def __init__(self, n_fft=256, hop=64, samples=2_000):
        self.n_fft, self.hop, self.samples, self.window = n_fft, hop, samples, torch.hann_window(n_fft)
        self.waves = 0

    def to_spectrum(self, wave):
        return torch.stft(wave, self.n_fft, self.hop, window=self.window, pad_mode="constant", return_complex=True)

    def to_wave(self, spectrum):
        self.waves += 1
        return torch.istft(spectrum, self.n_fft, self.hop, window=self.window, length=self.samples)

    def sound(self):
        """A rising tone with noise, and its magnitudes."""
        t = torch.linspace(0, 1, self.samples)
        wave = torch.sin(200 * t + 300 * t.square()) + 0.1 * torch.randn(self.samples)
        return wave, self.to_spectrum(wave).abs()

    def by_librosa(self, magnitude, steps):
        wave = librosa.griffinlim(
            magnitude.numpy(), n_iter=steps, hop_length=self.hop, n_fft=self.n_fft, momentum=0, init=None,
            length=self.samples, pad_mode="constant",
        )  # fmt: skip
        return torch.from_numpy(np.ascontiguousarray(wave))


def same_angles(got, expected, weight):
    """True where two phases agree, whole turns aside, wherever there is something to hear."""
    if not isinstance(got, torch.Tensor) or got.shape != expected.shape:
        return (
            f"it returned {tuple(got.shape) if isinstance(got, torch.Tensor) else type(got).__name__}, not the phases"
        )
    if got.is_complex():
        return "it returned complex numbers; phases are angles"
    off = (torch.polar(torch.ones_like(got), got) - torch.polar(torch.ones_like(got), expected)).abs()
    return bool((off * (weight > 0.01 * weight.max())).max() < 1e-2) or "the phases differ"


@EXERCISES["8.2"].case("with transforms that change nothing, the phases come back as they were")
def _(one_step, griffin_lim):
    magnitude, phase = torch.rand(5, 4) + 0.5, 3 * torch.rand(5, 4)
    return same_angles(one_step(magnitude, phase, lambda s: s, lambda w: w), phase, magnitude)


@EXERCISES["8.2"].case("with a transform that turns all by a right angle and doubles it, the phases turn")
def _(one_step, griffin_lim):
    magnitude, phase = torch.rand(5, 4) + 0.5, torch.rand(5, 4)
    got = one_step(magnitude, phase, lambda s: s, lambda w: 2j * w + 0.3)
    expected = (2j * torch.polar(magnitude, phase) + 0.3).angle()
    return same_angles(got, expected, magnitude)


@EXERCISES["8.2"].case("0, 1 and 20 steps agree with librosa, for two windows")
def _(one_step, griffin_lim):
    verdicts = []
    for transform in (Transform(), Transform(512, 128, 4_000)):
        _, magnitude = transform.sound()
        for steps in (0, 1, 20):
            got = griffin_lim(magnitude.clone(), steps, transform.to_wave, transform.to_spectrum)
            expected = transform.by_librosa(magnitude, steps)
            verdicts.append(close(got, expected, 0.02 if steps > 1 else 1e-3))
    return first_wrong(*verdicts)


@EXERCISES["8.2"].case("a waveform a step, and one at the end: not more")
def _(one_step, griffin_lim):
    transform = Transform()
    griffin_lim(transform.sound()[1], 5, transform.to_wave, transform.to_spectrum)
    return transform.waves == 6 or f"it made {transform.waves} waveforms in 5 steps"


@EXERCISES["8.2"].case("fewer than 0 steps are refused with a ValueError that says why")
def _(one_step, griffin_lim):
    transform = Transform()
    return refuses(griffin_lim, transform.sound()[1], -1, transform.to_wave, transform.to_spectrum)


# 8.3 split by voice

VOICES = (
    [f"v{i % 11}" for i in range(40)] + ["v3", "v11", "v3"] + ["v12"] * 20
)  # 13 voices, of different numbers of clips


class Salted(str):
    """A name whose hash hangs on `salt`, as a name's hash hangs on the kernel that it lives in."""

    salt = 0

    def __hash__(self):
        return hash((str(self), Salted.salt))


def folds_of(split, voices, n, seed):
    got = split([Salted(voice) for voice in voices], n, seed)
    if not isinstance(got, torch.Tensor) or got.dtype != torch.long or got.shape != (len(voices),):
        raise ValueError(f"a LongTensor ({len(voices)},) is asked for")
    return got.tolist()


def fold_by_voice(split, voices, n, seed):
    """{voice: its folds}."""
    found = {}
    for voice, fold in zip(voices, folds_of(split, voices, n, seed), strict=True):
        found.setdefault(voice, set()).add(fold)
    return found


@EXERCISES["8.3"].case("all clips of a voice have one fold, wherever they stand")
def _(split_by_voice):
    both = [voice for voice, folds in fold_by_voice(split_by_voice, VOICES, 4, 0).items() if len(folds) > 1]
    return not both or f"{both[0]} stands in two folds"


@EXERCISES["8.3"].case("13 voices in 4 folds: 4, 3, 3, 3; in 5 folds: 3, 3, 3, 2, 2; in 13 folds: 1 each")
def _(split_by_voice):
    for n, expected in ((4, [3, 3, 3, 4]), (5, [2, 2, 3, 3, 3]), (13, [1] * 13)):
        folds = [min(folds) for folds in fold_by_voice(split_by_voice, VOICES, n, 1).values()]
        sizes = sorted(folds.count(k) for k in range(n))
        if sizes != expected:
            return f"the folds hold {sizes} voices"
    return True


@EXERCISES["8.3"].case("the same seed gives the same folds, whatever was drawn before; another seed, others")
def _(split_by_voice):
    first = folds_of(split_by_voice, VOICES, 4, 7)
    torch.manual_seed(99)
    if folds_of(split_by_voice, VOICES, 4, 7) != first:
        return "twice the same seed gave two splits"
    for salt in (1, 2, 3):
        Salted.salt = salt
        if folds_of(split_by_voice, VOICES, 4, 7) != first:
            return "in a new kernel the same seed gives other folds: a set of names has another order there"
    return any(folds_of(split_by_voice, VOICES, 4, s) != first for s in range(5)) or "every seed gives the same split"


@EXERCISES["8.3"].case("1 fold, and 14 folds of 13 voices, are refused with a ValueError that says why")
def _(split_by_voice):
    return first_wrong(refuses(split_by_voice, VOICES, 1, 0), refuses(split_by_voice, VOICES, 14, 0))


# 8.4 the control


def results(test, score, a, b, shuffles, seed=0):
    """(true, shuffled, p) as float, float64 tensor and float."""
    got = test(score, a, b, shuffles, seed)
    if not isinstance(got, tuple | list) or len(got) != 3:
        raise ValueError("three results are asked for")
    return float(got[0]), torch.as_tensor(got[1]).double(), float(got[2])


def named(name, got, expected, tolerance=1e-4):
    """As `close`, and says which of the three results is meant."""
    verdict = close(got, expected, tolerance)
    return verdict is True or f"{name}: {verdict}"


def agreement(a, b):
    """A score: minus the squared distance of the pairs."""
    return -(a - b).square().sum().item()


@EXERCISES["8.4"].case("20 pairs that agree: the true score is first, no shuffle reaches it, p = 1/100")
def _(permutation_test):
    a = torch.randn(20, 3)
    true, shuffled, p = results(permutation_test, agreement, a, a.clone(), 99)
    if shuffled.shape != (99,):
        return f"the shuffled scores have the shape {tuple(shuffled.shape)}"
    return first_wrong(
        named("the true score", true, 0.0), bool(shuffled.max() < 0) or "a shuffle is as good", named("p", p, 0.01)
    )


@EXERCISES["8.4"].case("a score that ignores the pairing: every shuffle is as good, p = 1")
def _(permutation_test):
    def blind(a, b):
        return 3.0

    return named("p", results(permutation_test, blind, torch.randn(5, 2), torch.randn(5, 2), 20)[2], 1.0)


@EXERCISES["8.4"].case("3 pairs: all 6 orders occur, about equally often, and whole rows move")
def _(permutation_test):
    seen, a = [], torch.arange(3.0)[:, None].expand(3, 2).contiguous()
    b = a.clone() + torch.tensor([0.0, 10.0])

    def watch(x, y):
        if not torch.equal(x, a):
            raise ValueError("a was changed or shuffled")
        if not torch.equal(y[:, 1], y[:, 0] + 10):
            raise ValueError("a row of b was torn apart")
        seen.append(tuple(y[:, 0].int().tolist()))
        return -(x - y).square().sum().item()

    results(permutation_test, watch, a, b, 1200)
    if len(seen) != 1201 or seen.count((0, 1, 2)) == 1201:
        return f"the score was asked {len(seen)} times for 1,200 shuffles and the true pairs"
    if any(sorted(order) != [0, 1, 2] for order in seen):
        return "a row of b was drawn twice: that is no order"
    counts = [seen[1:].count(order) for order in set(seen)]
    return len(counts) == 6 and min(counts) > 130 or f"the orders occur {sorted(counts)} times"


@EXERCISES["8.4"].case("p agrees with plain counting where some shuffles are better and some equal")
def _(permutation_test):
    a, b = torch.randint(3, (8, 1)).float(), torch.randint(3, (8, 1)).float()
    verdicts = []
    for score in (agreement, lambda a, b: -agreement(a, b)):
        true, shuffled, p = results(permutation_test, score, a, b, 200)
        expected = (1 + sum(value >= true for value in shuffled.tolist())) / 201
        verdicts += [named("the true score", true, float(score(a, b))), named("p", p, expected, 1e-9)]
        verdicts += [len(set(shuffled.tolist())) > 1 or "every shuffle scores the same"]
    return first_wrong(*verdicts)


@EXERCISES["8.4"].case("the same seed gives the same, another seed others; the global generator and b are left alone")
def _(permutation_test):
    a, b = torch.randn(9, 2), torch.randn(9, 2)
    before, state = b.clone(), torch.get_rng_state()
    first = results(permutation_test, agreement, a, b, 30, seed=3)[1]
    if not torch.equal(b, before):
        return "b was changed"
    if not torch.equal(torch.get_rng_state(), state):
        return "it drew from, or seeded, the global generator"
    torch.manual_seed(5)
    if not torch.equal(results(permutation_test, agreement, a, b, 30, seed=3)[1], first):
        return "twice the same seed gave two results"
    return not torch.equal(results(permutation_test, agreement, a, b, 30, seed=4)[1], first) or "the seed has no effect"


@EXERCISES["8.4"].case("no shuffle, or different lengths, are refused with a ValueError that says why")
def _(permutation_test):
    a = torch.randn(4, 2)
    return first_wrong(
        refuses(permutation_test, agreement, a, a, 0, 0), refuses(permutation_test, agreement, a, a[:3], 9, 0)
    )
