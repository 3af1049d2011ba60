"""The checks of assignment 08. Expected values come from torch, librosa, all orders of some rows, and counting."""

import librosa
import numpy as np
import torch
import torch.nn.functional as F

from helpers.checks import NO_GRADIENT, Exercise, close, everywhere, first_wrong, refuses

LOSSES = dict.fromkeys(
    ["torch.nn.functional.mse_loss", "torch.nn.functional.cosine_similarity", "torch.cosine_similarity"],
    "write the formula out; the check compares with this function",
)
GRIFFIN_LIM = dict.fromkeys(
    ["librosa.griffinlim", "librosa.core.griffinlim", "librosa.core.spectrum.griffinlim"],
    "write the steps yourself; the check compares with this function",
)

EXERCISES = {
    "8.1": Exercise(
        3,
        [
            "Sum along the d numbers of a row first; then take the mean over the rows.",
            "A row's length: .norm(dim=1, keepdim=True). The cosine is the product of two rows of length 1, summed.",
            "Clamp the prediction's length from below before you divide; look at the targets before anything else.",
        ],
        forbidden=LOSSES,
    ),
    "8.2": Exercise(
        3,
        [
            "torch.polar(magnitude, phase) is the complex spectrum; .angle() gives the phases of one.",
            "The magnitudes that come back are thrown away: in each step the wanted ones are used again.",
            "Keep the spectrum that came back for the next step: the momentum needs this one and the one before it.",
            "After the last step the waveform still has to be made, of the wanted magnitudes and the last phases.",
        ],
        forbidden=GRIFFIN_LIM,
    ),
    "8.3": Exercise(
        2,
        [
            "Give folds to the voices, not to the clips. Then look up each clip's voice.",
            "sorted(set(voices)) lists each voice once, always in the same order. Shuffle that list with a generator.",
            "The k-th voice of the shuffled list goes to fold k % n.",
        ],
    ),
    "8.4": Exercise(
        4,
        [
            "Three parts: score once, score many times with b[order], count.",
            "torch.randperm(len(b), generator=...) with a Generator of your own, made once, spares the global one.",
            "Count the shuffled ones that are >= the true one, add 1 for the true one; divide by shuffles + 1.",
            "Groups: start with torch.arange(len(b)), and for each group put its rows, shuffled, in its own places.",
        ],
    ),
    "8.5": Exercise(
        2,
        [
            "Take the training rows' mean from both, also from the new rows.",
            "X @ X.T is (n, n); add strength times torch.eye(n), in the rows' dtype.",
            "The matrix is symmetric: solve(matrix, X) is (n, d); the new rows times its transpose are the weights.",
        ],
    ),
    "8.6": Exercise(
        2,
        [
            "The variance is log_variance.exp(); the deviation is its square root.",
            "Sum over the codes, dimension 1, and keep the rows apart.",
            "(log_variance / 2).exp() is sigma. Multiply the noise by it, and add the mean.",
        ],
        forbidden=dict.fromkeys(
            ["torch.distributions.kl_divergence", "torch.distributions.kl.kl_divergence"],
            "write the formula out; the check compares with this function",
        ),
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


def true_squared(predicted, target):
    return predicted.shape[1] * F.mse_loss(predicted, target)


def true_cosine(predicted, target):
    return 1 - F.cosine_similarity(predicted, target, dim=1).mean()


def rows(batch=7, d=5):
    return {"predicted": 3 * torch.randn(batch, d), "target": torch.randn(batch, d)}


def of_data(function):
    """The function with a target that records no gradient, as data does: nobody asks for one."""

    def call(*arguments, **named):
        if named:
            return function(**named | {"target": named["target"].detach()})
        return function(arguments[0], arguments[1].detach())

    return call


for which, true in enumerate((true_squared, true_cosine)):
    name = ("squared_loss", "cosine_loss")[which]

    @EXERCISES["8.1"].case(
        f"{name}: random rows agree with torch, also in a batch of one, in float32 and float64; and the gradient",
        hint=f"{name}: sum along each row, then take the mean over the rows, with torch's functions throughout.",
    )
    def _(squared_loss, cosine_loss, which=which, true=true):
        sizes = [{"batch": 7, "d": 5}, {"batch": 1, "d": 9}, {"batch": 4, "d": 4}]
        function = of_data((squared_loss, cosine_loss)[which])
        return everywhere(function, of_data(true), rows, sizes, gradients=True)


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

    def by_librosa(self, magnitude, steps, momentum):
        wave = librosa.griffinlim(
            magnitude.numpy(), n_iter=steps, hop_length=self.hop, n_fft=self.n_fft, momentum=momentum, init=None,
            length=self.samples, pad_mode="constant",
        )  # fmt: skip
        return torch.from_numpy(np.ascontiguousarray(wave))


def true_trip(magnitude, phase, to_wave, to_spectrum):
    return to_spectrum(to_wave(torch.polar(magnitude, phase)))


def true_griffin(magnitude, steps, to_wave, to_spectrum, momentum=0.0):
    phase, before = torch.zeros_like(magnitude), 0
    for step in range(steps):
        back = true_trip(magnitude, phase, to_wave, to_spectrum)
        phase = (back + (momentum * (back - before) if step else 0)).angle()
        before = back
    return to_wave(torch.polar(magnitude, phase))


def parts(function):
    """The function's complex spectrum as two real ones, since the comparison knows real numbers."""

    def call(*arguments, **named):
        back = function(*arguments, **named)
        if not isinstance(back, torch.Tensor) or not back.is_complex():
            return back
        return torch.view_as_real(back)

    return call


def half(spectrum):
    """A waveform that has lost something of its spectrum."""
    return (spectrum.real + 0.5 * spectrum.imag).flatten()


def simple(bins=5, frames=4, momentum=None, **other):
    """Magnitudes, and a pair of transforms that are simple enough for any dtype and shape."""
    last = {} if momentum is None else {"momentum": momentum}

    def to_spectrum(wave):
        return torch.complex(wave, 0.3 - wave.roll(1)).reshape(bins, frames)

    transforms = {"to_wave": half, "to_spectrum": to_spectrum}
    return {"magnitude": torch.rand(bins, frames) + 0.5, **other, **transforms, **last}


def angled(bins=5, frames=4):
    arguments = simple(bins, frames)
    return {"magnitude": arguments.pop("magnitude"), "phase": 3 * torch.rand(bins, frames), **arguments}


@EXERCISES["8.2"].case("round_trip: with transforms that change nothing, the spectrum comes back as it was")
def _(round_trip, griffin_lim):
    def unchanged(**size):
        same = {"to_wave": lambda spectrum: spectrum, "to_spectrum": lambda wave: wave}
        return angled(**size) | same

    return everywhere(parts(round_trip), parts(true_trip), unchanged, [{"bins": 5, "frames": 4}])


@EXERCISES["8.2"].case(
    "round_trip: where transforms change the spectrum, the complex spectrum that comes back; in float32 and float64",
    hint="round_trip: to_spectrum gives complex numbers, and so does this function.",
)
def _(round_trip, griffin_lim):
    sizes = [{"bins": 5, "frames": 4}, {"bins": 3, "frames": 1}, {"bins": 1, "frames": 6}]
    return everywhere(parts(round_trip), parts(true_trip), angled, sizes)


@EXERCISES["8.2"].case("griffin_lim: 0, 1 and 3 steps with simple transforms, without momentum")
def _(round_trip, griffin_lim):
    sizes = [{"bins": 5, "frames": 4, "steps": 1}, {"bins": 1, "frames": 1, "steps": 0}]
    sizes += [{"bins": 2, "frames": 7, "steps": 3}]
    return everywhere(griffin_lim, true_griffin, simple, sizes, tolerance=1e-3)


@EXERCISES["8.2"].case(
    "griffin_lim: 1, 2 and 4 steps with simple transforms and momentum, in float32 and float64",
    hint="griffin_lim: the first step has no spectrum before it; later ones move on by momentum * (this - before).",
)
def _(round_trip, griffin_lim):
    sizes = [{"bins": 5, "frames": 4, "steps": 2, "momentum": 0.9}, {"bins": 1, "frames": 1, "steps": 1, "momentum": 2}]
    sizes += [{"bins": 2, "frames": 7, "steps": 4, "momentum": 0.5}]
    return everywhere(griffin_lim, true_griffin, simple, sizes, tolerance=1e-3)


@EXERCISES["8.2"].case("griffin_lim: agrees with librosa, for two windows, without momentum and with")
def _(round_trip, griffin_lim):
    verdicts = []
    for transform in (Transform(), Transform(512, 128, 4_000)):
        _, magnitude = transform.sound()
        for steps, momentum in ((0, 0.0), (1, 0.0), (20, 0.0), (3, 0.99)):
            got = griffin_lim(magnitude.clone(), steps, transform.to_wave, transform.to_spectrum, momentum)
            expected = transform.by_librosa(magnitude, steps, momentum)
            verdicts.append(close(got, expected, 0.02 if steps > 1 else 1e-3))
    return first_wrong(*verdicts)


@EXERCISES["8.2"].case("griffin_lim: to_wave is called once in each step, and once at the end")
def _(round_trip, griffin_lim):
    transform = Transform()
    griffin_lim(transform.sound()[1], 5, transform.to_wave, transform.to_spectrum)
    return transform.waves == 6 or f"it made {transform.waves} waveforms in 5 steps"


@EXERCISES["8.2"].case("fewer than 0 steps are refused with a ValueError that says why")
def _(round_trip, griffin_lim):
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


def folds_of(split, voices, n, seed, named=False):
    voices = [Salted(voice) for voice in voices]
    got = split(voices=voices, n=n, seed=seed) if named else split(voices, n, seed)
    if not isinstance(got, torch.Tensor) or got.dtype != torch.long or got.shape != (len(voices),):
        raise ValueError(f"a LongTensor ({len(voices)},) is asked for")
    return got.tolist()


def fold_by_voice(split, voices, n, seed):
    """{voice: its folds}."""
    found = {}
    for voice, fold in zip(voices, folds_of(split, voices, n, seed), strict=True):
        found.setdefault(voice, set()).add(fold)
    return found


FEW = ["June", "Ann", "June", "Bo", "Ann", "Li"]


@EXERCISES["8.3"].case("all clips of a voice have one fold, wherever they stand, for two lists of voices")
def _(split_by_voice):
    for voices, n in ((VOICES, 4), (FEW, 2)):
        found = fold_by_voice(split_by_voice, voices, n, 0)
        if both := [voice for voice, folds in found.items() if len(folds) > 1]:
            return f"{both[0]} stands in two folds"
    return True


@EXERCISES["8.3"].case("it can be called by name: voices=..., n=..., seed=...")
def _(split_by_voice):
    found = sorted(set(folds_of(split_by_voice, FEW, 3, 5, named=True)))
    return found == [0, 1, 2] or f"for 3 folds the numbers are {found}"


@EXERCISES["8.3"].case("13 voices in 4 folds: 4, 3, 3, 3; in 5 folds: 3, 3, 3, 2, 2; in 13 folds: 1 each")
def _(split_by_voice):
    for n, expected in ((4, [3, 3, 3, 4]), (5, [2, 2, 3, 3, 3]), (13, [1] * 13)):
        folds = [min(folds) for folds in fold_by_voice(split_by_voice, VOICES, n, 1).values()]
        sizes = sorted(folds.count(k) for k in range(n))
        if sizes != expected:
            return f"the folds hold {sizes} voices"
    return True


def together(folds):
    """Fold numbers in the order in which they first come: the same where the same clips go together."""
    return [list(dict.fromkeys(folds)).index(fold) for fold in folds]


@EXERCISES["8.3"].case(
    "the same seed gives the same folds, whatever was drawn before; for another seed, other voices go together",
    hint="Draw the order of the voices by the seed: adding the seed to fold numbers keeps the same voices together.",
)
def _(split_by_voice):
    first = folds_of(split_by_voice, VOICES, 4, 7)
    torch.manual_seed(99)
    if folds_of(split_by_voice, VOICES, 4, 7) != first:
        return "twice the same seed gave two splits"
    for salt in (1, 2, 3):
        Salted.salt = salt
        if folds_of(split_by_voice, VOICES, 4, 7) != first:
            return "in a new kernel the same seed gives other folds: a set of names has another order there"
    groups = [together(folds_of(split_by_voice, VOICES, 4, seed)) for seed in range(6)]
    return any(some != groups[0] for some in groups) or "the same voices go together for every seed"


@EXERCISES["8.3"].case("1 fold, and 14 folds of 13 voices, are refused with a ValueError that says why")
def _(split_by_voice):
    return first_wrong(refuses(split_by_voice, VOICES, 1, 0), refuses(split_by_voice, VOICES, 14, 0))


# 8.4 the control


def results(test, score, a, b, shuffles, seed=0, named=False, **groups):
    """(true, shuffled, p) as float, float64 tensor and float."""
    arguments = {"score": score, "a": a, "b": b, "shuffles": shuffles, "seed": seed} | groups
    got = test(**arguments) if named else test(*arguments.values())
    if not isinstance(got, tuple | list) or len(got) != 3:
        raise ValueError("three results are asked for")
    if not isinstance(got[1], torch.Tensor) or not got[1].is_floating_point() or got[1].shape != (shuffles,):
        raise ValueError(f"the shuffled scores must be a float tensor ({shuffles},)")
    return float(got[0]), got[1].double(), float(got[2])


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
    return first_wrong(
        named("the true score", true, 0.0), bool(shuffled.max() < 0) or "a shuffle is as good", named("p", p, 0.01)
    )


@EXERCISES["8.4"].case("a score that ignores the pairing: every shuffle is as good, p = 1; for 20 shuffles, 1 and 7")
def _(permutation_test):
    def blind(a, b):
        return 3.0

    pairs = torch.randn(2, 5, 2, 3)
    verdicts = [named("p", results(permutation_test, blind, *pairs, shuffles)[2], 1.0) for shuffles in (20, 1)]
    return first_wrong(*verdicts, named("p", results(permutation_test, blind, *pairs, 7, named=True)[2], 1.0))


@EXERCISES["8.4"].case("3 pairs: all 6 orders occur, about equally often, and whole rows move")
def _(permutation_test):
    seen, left = [], torch.arange(3.0)[:, None].expand(3, 2).contiguous()
    b = left.clone() + torch.tensor([0.0, 10.0])

    faults = []

    def score(a, b):
        if not torch.equal(a, left):
            faults.append("a was changed or shuffled")
        if not torch.equal(b[:, 1], b[:, 0] + 10):
            faults.append("a row of b was torn apart")
        seen.append(tuple(b[:, 0].int().tolist()))
        return agreement(a, b)

    results(permutation_test, score, left, b, 1200)
    if faults:
        return faults[0]
    if len(seen) != 1201 or seen.count((0, 1, 2)) == 1201:
        return f"the score was asked {len(seen)} times for 1,200 shuffles and the true pairs"
    if any(sorted(order) != [0, 1, 2] for order in seen):
        return "a row of b was drawn twice: that is no order"
    counts = [seen[1:].count(order) for order in set(seen)]
    return len(counts) == 6 and min(counts) > 130 or f"the orders occur {sorted(counts)} times"


@EXERCISES["8.4"].case(
    "p agrees with plain counting where some shuffles are better and some equal; a score is a float or a tensor"
)
def _(permutation_test):
    a, b = torch.randint(3, (8, 1)).float(), torch.randint(3, (8, 1)).float()
    verdicts = []
    for score in (agreement, lambda a, b: torch.tensor(-agreement(a, b), dtype=torch.float64)):
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


@EXERCISES["8.4"].case("groups: rows stay in their group, and all orders within the groups occur, about equally often")
def _(permutation_test):
    groups, b, seen = torch.tensor([7, -2, 7, 90, -2, 7]), torch.arange(6.0)[:, None], []
    before = groups.clone()

    def score(a, b):
        seen.append(tuple(b[:, 0].int().tolist()))
        return agreement(a, b)

    results(permutation_test, score, b.clone(), b, 1200, groups=groups)
    if not torch.equal(groups, before):
        return "groups was changed"
    if any(sorted(order) != list(range(6)) for order in seen):
        return "a row of b was drawn twice: that is no order"
    if any(groups[list(order)].tolist() != groups.tolist() for order in seen):
        return "a row of b left its group"
    counts = [seen[1:].count(order) for order in set(seen)]
    return len(counts) == 12 and min(counts) > 50 or f"of 12 orders, {len(counts)} occur, {sorted(counts)} times"


@EXERCISES["8.4"].case("groups: where the groups alone make the score, p = 1 within them, by position and by name")
def _(permutation_test):
    groups = torch.arange(30) % 3
    a = groups[:, None].float()
    free = results(permutation_test, agreement, a, a.clone(), 40)[2]
    verdicts = [named("p without groups", free, 1 / 41)]
    verdicts.append(named("p", results(permutation_test, agreement, a, a.clone(), 40, groups=groups)[2], 1.0))
    verdicts.append(named("p", results(permutation_test, agreement, a, a.clone(), 9, 0, True, groups=groups)[2], 1.0))
    return first_wrong(*verdicts)


@EXERCISES["8.4"].case("groups of another length are refused with a ValueError that says why")
def _(permutation_test):
    a = torch.randn(4, 2)
    return refuses(permutation_test, agreement, a, a, 9, 0, torch.zeros(3, dtype=torch.long))


# 8.5 ridge weights


def true_weights(train, new, strength):
    """By the other side of the identity, in float64."""
    X, x = (rows.double() - train.double().mean(0) for rows in (train, new))
    return (x @ torch.linalg.inv(X.T @ X + strength * torch.eye(X.shape[1], dtype=X.dtype)) @ X.T).to(train.dtype)


@EXERCISES["8.5"].case("by hand: rows -1 and 1, strength 2, and a new row 3: weights -0.75 and 0.75")
def _(ridge_weights):
    got = ridge_weights(torch.tensor([[-1.0], [1.0]]), torch.tensor([[3.0]]), 2.0)
    return close(got, torch.tensor([[-0.75, 0.75]]))


@EXERCISES["8.5"].case("random rows agree with the other way to write it, for more rows than numbers and for fewer")
def _(ridge_weights):
    def some(n=9, m=4, d=3, strength=0.5):
        return {"train": torch.randn(n, d) + 1, "new": torch.randn(m, d) + 1, "strength": strength}

    sizes = [{"n": 9, "m": 4, "d": 3}, {"n": 5, "m": 1, "d": 12, "strength": 3.0}, {"n": 6, "m": 6, "d": 6}]
    return everywhere(ridge_weights, true_weights, some, sizes, tolerance=1e-3)


@EXERCISES["8.5"].case("a strength of 0 or below is refused with a ValueError that says why")
def _(ridge_weights):
    rows = torch.randn(4, 2)
    return first_wrong(refuses(ridge_weights, rows, rows, 0.0), refuses(ridge_weights, rows, rows, -1.0))


# 8.6 the KL term


def true_kl(mean, log_variance):
    normal = torch.distributions.Normal
    of = normal(mean, log_variance.exp().sqrt())
    unit = normal(torch.zeros_like(mean), torch.ones_like(mean))
    return torch.distributions.kl_divergence(of, unit).sum(1)


def true_draw(mean, log_variance, noise):
    return mean + log_variance.exp().sqrt() * noise


def some_codes(batch=5, z=3):
    return {"mean": torch.randn(batch, z), "log_variance": torch.randn(batch, z)}


@EXERCISES["8.6"].case("by hand: mean 1 and deviation 0.5 give 0.818 nats, mean 0 and deviation 1 give 0")
def _(kl_divergence, draw):
    got = kl_divergence(torch.tensor([[1.0], [0.0]]), torch.tensor([[0.25], [1.0]]).log())
    return close(got, torch.tensor([0.8181, 0.0]), 1e-3)


@EXERCISES["8.6"].case("kl_divergence: random codes agree with torch, in float32 and float64; and the gradients")
def _(kl_divergence, draw):
    sizes = [{"batch": 5, "z": 3}, {"batch": 1, "z": 8}, {"batch": 4, "z": 1}]
    return everywhere(kl_divergence, true_kl, some_codes, sizes, gradients=True)


@EXERCISES["8.6"].case("draw: the noise given becomes codes of that mean and variance; and the gradients")
def _(kl_divergence, draw):
    def with_noise(batch=5, z=3):
        return some_codes(batch, z) | {"noise": torch.randn(batch, z)}

    def fixed(function):  # the noise is drawn outside: nobody asks for its gradient
        def call(*arguments, **named):
            if named:
                return function(**named | {"noise": named["noise"].detach()})
            return function(*arguments[:2], arguments[2].detach())

        return call

    sizes = [{"batch": 5, "z": 3}, {"batch": 1, "z": 8}, {"batch": 4, "z": 1}]
    return everywhere(fixed(draw), fixed(true_draw), with_noise, sizes, gradients=True)
