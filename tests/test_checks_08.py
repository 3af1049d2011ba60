"""Assignment 08's checks accept the solution and other right answers, and refuse plausible wrong ones."""

import collections
import math
import random

import librosa
import numpy as np
import torch
import torch.nn.functional as F

from helpers import checks
from tests.answers import *  # noqa: F403  right answers are accepted, wrong ones refused
from tests.definitions import definitions

right = definitions("solutions/08_sound_translation.ipynb")
squared, cosine = right.squared_loss, right.cosine_loss
trip, griffin, split, control = right.round_trip, right.griffin_lim, right.split_by_voice, right.permutation_test
ridge, kl, draw = right.ridge_weights, right.kl_divergence, right.draw


def other_squared(predicted, target):
    return torch.cdist(predicted[:, None], target[:, None]).square().mean()


def other_cosine(predicted, target):
    if not target.abs().amax(1).all():
        raise ValueError("no direction")
    lengths = torch.linalg.vector_norm(predicted, dim=1).clamp(min=1e-8) * torch.linalg.vector_norm(target, dim=1)
    return 1 - (torch.einsum("bd,bd->b", predicted, target) / lengths).mean()


def squared_by_loop(predicted, target):
    total = 0
    for guess, truth in zip(predicted, target, strict=True):
        total = total + ((guess - truth) ** 2).sum()
    return total / len(target)


def cosine_by_loop(predicted, target):
    """Row by row; a row of zeros is left out of the sum, and so costs 1."""
    total = predicted.sum() * 0
    for guess, truth in zip(predicted, target, strict=True):
        if not truth.any():
            raise ValueError("A row of zeros points nowhere.")
        if guess.any():
            total = total + guess.dot(truth) / (guess.dot(guess) * truth.dot(truth)).sqrt()
    return 1 - total / len(target)


def squared_in_float64(predicted, target):
    return (torch.linalg.norm(predicted.double() - target.double()) ** 2 / predicted.size(0)).to(predicted.dtype)


def cosine_in_float64(predicted, target):
    with torch.no_grad():  # a target is data
        lengths = target.double().pow(2).sum(-1).sqrt()
        if lengths.eq(0).any():
            raise ValueError("A target has no direction.")
        directions = target.double() / lengths[:, None]
    guesses = F.normalize(predicted.double(), dim=-1, eps=1e-8)
    return ((guesses - directions).square().sum(-1) / 2 * guesses.any(-1) + ~guesses.any(-1)).mean().to(predicted.dtype)


def trip_by_exp(magnitude, phase, to_wave, to_spectrum):
    return to_spectrum(to_wave(magnitude * torch.exp(1j * phase)))


def trip_by_parts(magnitude, phase, to_wave, to_spectrum):
    wave = to_wave(spectrum=torch.complex(magnitude * torch.cos(phase), magnitude * torch.sin(phase)))
    return to_spectrum(wave=wave)


def griffin_by_recursion(magnitude, steps, to_wave, to_spectrum, momentum=0.0):
    """By name, as the card has the names."""

    def spectra(steps):
        """What came back in the last step, and in the one before it."""
        if steps == 0:
            return torch.zeros_like(magnitude) + 0j, None
        last, before = spectra(steps - 1)
        return trip_by_parts(
            phase=phase(last, before), magnitude=magnitude, to_spectrum=to_spectrum, to_wave=to_wave
        ), (last if steps > 1 else None)

    def phase(last, before):
        return torch.angle(last if before is None else (1 + momentum) * last - momentum * before)

    if steps < 0:
        raise ValueError("There is no step to undo.")
    return to_wave(spectrum=torch.polar(magnitude, phase(*spectra(steps))))


def trip_in_complex128(magnitude, phase, to_wave, to_spectrum):
    spectrum = torch.polar(magnitude.double(), phase.double())
    return to_spectrum(to_wave(spectrum.to(torch.complex64 if magnitude.dtype == torch.float32 else spectrum.dtype)))


def griffin_like(start="zero", keep=False, last=True, extra=0, refuses=True, moves="spectrum"):
    def wrong(magnitude, steps, to_wave, to_spectrum, momentum=0.0):
        if steps < 0 and refuses:
            raise ValueError("steps")
        phase = torch.zeros_like(magnitude) if start == "zero" else 6.28 * torch.rand_like(magnitude)
        now, before = magnitude, None
        for _ in range(steps + extra):
            back = to_spectrum(to_wave(torch.polar(now, phase)))
            if moves == "from zero":
                before = torch.zeros_like(back) if before is None else before
            ahead = back if before is None or moves == "never" else back + momentum * (back - before)
            if moves == "phase" and before is not None:
                ahead = torch.polar(magnitude, back.angle() + momentum * (back.angle() - before.angle()))
            if moves == "average" and before is not None:
                ahead = (1 - momentum) * back + momentum * before
            phase, now = ahead.angle(), back.abs() if keep else magnitude
            before = ahead if moves == "moved" else back
        return to_wave(torch.polar(now if last else magnitude, phase))

    return wrong


def griffin_with_while(magnitude, steps, to_wave, to_spectrum, momentum=0):
    if steps <= -1:
        raise ValueError(f"{steps} steps")
    phase, done, spectra = 0 * magnitude, 0, []
    while done < steps:
        spectra.append(trip_in_complex128(magnitude, phase, to_wave, to_spectrum))
        ahead = spectra[-1] + momentum * (spectra[-1] - spectra[max(0, done - 1)])
        phase, done = ahead.imag.atan2(ahead.real), done + 1
    return to_wave(magnitude * (torch.cos(phase) + 1j * torch.sin(phase)))


def other_griffin(magnitude, steps, to_wave, to_spectrum, momentum=0.0):
    """With complex directions in place of angles."""
    if steps < 0:
        raise ValueError("steps")
    wave, before = to_wave(magnitude + 0j), 0
    for k in range(steps):
        back = to_spectrum(wave)
        ahead = back - momentum / (1 + momentum) * before if k else back  # librosa's form: the same but for a factor
        wave, before = to_wave(magnitude * ahead / ahead.abs().clamp(min=1e-12)), back
    return wave


def other_split(voices, n, seed):
    names = list(dict.fromkeys(voices))
    if n < 2 or n > len(names):
        raise ValueError("folds")
    random.Random(seed).shuffle(names)
    size = math.ceil(len(names) / n)
    fold = {name: k * n // len(names) for k, name in enumerate(names)}
    assert max(collections.Counter(fold.values()).values()) <= size
    return torch.as_tensor([fold[voice] for voice in voices])


def split_by_numpy(voices, n, seed):
    names = np.array(sorted(set(voices)))
    if n < 2 or len(names) < n:
        raise ValueError("too few voices, or too few folds")
    folds = np.random.default_rng(seed).permutation(np.arange(len(names)) % n)
    return torch.from_numpy(folds[np.searchsorted(names, voices)]).long()


def split_by_dealing(voices, n, seed):
    """Draws one voice after another, as one deals cards."""
    left = sorted({str(voice) for voice in voices})
    if not 1 < n <= len(left):
        raise ValueError("That can't be dealt.")
    generator = torch.Generator()
    generator.manual_seed(seed)
    fold = torch.full((len(voices),), -1)
    turn = 0
    while left:
        name = left.pop(int(torch.randint(len(left), (), generator=generator)))
        fold[torch.tensor([voice == name for voice in voices])] = turn % n
        turn += 1
    return fold


def control_by_numpy(score, a, b, shuffles, seed, groups=None):
    groups = np.zeros(len(b)) if groups is None else groups.numpy()
    if shuffles < 1 or len(a) != len(b) or len(groups) != len(b):
        raise ValueError("pairs")
    draw, values = np.random.default_rng(seed), []
    for _ in range(shuffles):
        order = np.empty(len(b), dtype=int)
        order[np.argsort(groups, kind="stable")] = np.lexsort((draw.random(len(b)), groups))
        values.append(float(score(a, b[torch.from_numpy(order)])))
    values, true = np.array(values), float(score(a, b))
    return true, torch.from_numpy(values).float(), float(((values >= true).sum() + 1) / (shuffles + 1))


def control_by_name(score, a, b, shuffles, seed, groups=None):
    """Orders from Python's own random numbers; the score is called by the card's names."""
    if shuffles <= 0:
        raise ValueError("no shuffle")
    names = [0] * b.shape[0] if groups is None else groups.tolist()
    if a.shape[0] != b.shape[0] or len(names) != b.shape[0]:
        raise ValueError("no pairs")
    draw, values, count = random.Random(seed), torch.empty(shuffles), 1
    true = score(a=a, b=b)
    for i in range(shuffles):
        decks = collections.defaultdict(list)
        for k, name in enumerate(names):
            decks[name].append(k)
        for deck in decks.values():
            draw.shuffle(deck)
        value = score(b=torch.stack([b[decks[name].pop()] for name in names]), a=a)
        values[i] = value
        count += int(value >= true)
    return float(true), values, count / (shuffles + 1)


def other_control(score, a, b, shuffles, seed, groups=None):
    """By random keys and sorting, within each group."""
    groups = torch.zeros(len(b), dtype=torch.long) if groups is None else groups
    if shuffles < 1 or not len(a) == len(b) == len(groups):
        raise ValueError("pairs")
    generator, values = torch.Generator().manual_seed(seed), [score(a, b)]
    for _ in range(shuffles):
        keys, moved = torch.rand(len(b), generator=generator), b.clone()
        for group in set(groups.tolist()):
            mine = groups == group
            moved[mine] = b[mine][keys[mine].argsort()]
        values.append(score(a, moved))
    return values[0], torch.tensor(values[1:]), sum(v >= values[0] for v in values) / len(values)


def ridge_by_primal(train, new, strength):
    if strength <= 0:
        raise ValueError("strength")
    X = train - train.mean(0, keepdim=True)
    gram = X.T @ X + torch.diag(torch.full((X.shape[1],), float(strength), dtype=X.dtype))
    return (new - train.mean(0)) @ torch.linalg.solve(gram, X.T)


def ridge_by_svd(train, new, strength):
    if not strength > 0:
        raise ValueError("strength")
    mean = train.double().mean(0)
    U, S, V = torch.linalg.svd(train.double() - mean, full_matrices=False)
    return ((new.double() - mean) @ V.T @ torch.diag(S / (S.square() + strength)) @ U.T).to(train.dtype)


def ridge_by_inverse(train, new, strength):
    if strength < 1e-30:
        raise ValueError("A ridge has a height.")
    mean = train.sum(0) / train.size(0)
    both = torch.cat([train, new]) - mean
    kernel = both @ both[: len(train)].T
    return kernel[len(train) :] @ torch.inverse(kernel[: len(train)] + strength * torch.eye(len(train)).to(train))


def kl_by_sigma(mean, log_variance):
    sigma = torch.exp(0.5 * log_variance)
    return ((sigma**2 + mean**2 - 1) / 2 - torch.log(sigma)).sum(dim=-1)


def draw_by_sqrt(mean, log_variance, noise):
    return torch.addcmul(mean, log_variance.exp().sqrt(), noise)


def kl_by_loop(mean, log_variance):
    total = 0
    for m, v in zip(mean.unbind(1), log_variance.unbind(1), strict=True):
        total = total + (m * m + torch.exp(v) - v - 1) / 2
    return total


def draw_by_name(mean, log_variance, noise):
    return torch.exp(log_variance.mul(0.5)).mul(noise).add(mean)


def kl_by_einsum(mean, log_variance):
    return (torch.einsum("bz,bz->b", mean, mean) + (torch.expm1(log_variance) - log_variance).sum(1)) * 0.5


def draw_in_float64(mean, log_variance, noise):
    return (mean.double() + noise.double() * log_variance.double().exp() ** 0.5).to(mean.dtype)


RIGHT = [
    ("8.1", [squared, cosine]),
    ("8.1", [other_squared, other_cosine]),
    ("8.1", [squared_by_loop, cosine_by_loop]),
    ("8.1", [squared_in_float64, cosine_in_float64]),
    ("8.2", [trip, griffin]),
    ("8.2", [trip_by_parts, griffin_by_recursion]),
    ("8.2", [trip_in_complex128, griffin_with_while]),
    ("8.2", [trip_by_exp, other_griffin]),
    ("8.2", [trip, griffin_like(moves="from zero")]),  # (1 + m) c_1 has the phases of c_1
    ("8.3", [split]),
    ("8.3", [split_by_numpy]),
    ("8.3", [split_by_dealing]),
    ("8.3", [other_split]),
    ("8.4", [control]),
    ("8.4", [control_by_numpy]),
    ("8.4", [control_by_name]),
    ("8.4", [other_control]),
    ("8.5", [ridge]),
    ("8.5", [ridge_by_primal]),
    ("8.5", [ridge_by_svd]),
    ("8.5", [ridge_by_inverse]),
    ("8.6", [kl, draw]),
    ("8.6", [kl_by_sigma, draw_by_sqrt]),
    ("8.6", [kl_by_loop, draw_by_name]),
    ("8.6", [kl_by_einsum, draw_in_float64]),
]


def refusing(loss):
    def wrong(predicted, target):
        cosine(predicted, target)
        return loss(predicted, target)

    return wrong


def by_a_set(voices, n, seed):
    """A set has another order in every kernel, and the folds with it."""
    names = list(set(voices))
    if not 2 <= n <= len(names):
        raise ValueError("folds")
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(seed)) % n
    return order[[names.index(voice) for voice in voices]]


def split_like(by_clip=False, seeded=True, blocks=False, refuses=True):
    def wrong(voices, n, seed):
        names = sorted(set(voices))
        if refuses:
            split(voices, n, seed)
        generator = torch.Generator().manual_seed(seed)
        if by_clip:
            return torch.randperm(len(voices), generator=generator) % n
        order = torch.randperm(len(names), generator=generator if seeded else None).tolist()
        if blocks:  # all that is left over goes to the last fold
            return torch.tensor([min(order[names.index(v)] // (len(names) // n), n - 1) for v in voices])
        return torch.tensor([order[names.index(v)] % n for v in voices])

    return wrong


def equal_clips(voices, n, seed):
    """Balances clips instead of voices."""
    split(voices, n, seed)
    sizes, fold = [0] * n, {}
    names = sorted(set(voices), key=lambda v: -voices.count(v))
    for k, name in enumerate(names):
        fold[name] = min(range(n), key=lambda i: (sizes[i], (i + seed) % n)) if k else seed % n
        sizes[fold[name]] += voices.count(name)
    return torch.tensor([fold[v] for v in voices])


def control_like(count="ge", draw="rows", plus=1, refuses=True, generator="own", side="b", once=False):
    def wrong(score, a, b, shuffles, seed, groups=None):
        if groups is not None:
            return control(score, a, b, shuffles, seed, groups)
        if refuses:
            control(lambda a, b: 0.0, a, b, shuffles, seed)
        own = torch.Generator().manual_seed(seed)
        if generator == "global":
            torch.manual_seed(seed)
            own = None
        true, values, order = float(score(a, b)), [], torch.randperm(len(b), generator=own)
        for _ in range(shuffles):
            if generator == "again":
                own.manual_seed(seed)
            if not once:
                order = torch.randperm(len(b), generator=own)
            if draw == "with replacement":
                order = torch.randint(len(b), (len(b),), generator=own)
            if draw == "numbers":
                shuffled = b.flatten()[torch.randperm(b.numel(), generator=own)].view_as(b)
            else:
                shuffled = b[order]
            values.append(float(score(a[order], b) if side == "a" else score(a, shuffled)))
        values = torch.tensor(values, dtype=torch.float64)
        better = values >= true if count == "ge" else values > true if count == "gt" else values <= true
        return true, values, (plus + better.sum().item()) / (plus + shuffles)

    return wrong


def similarity(a, b, dim=1, eps=1e-8):
    return (a * b).sum(dim) / (a.norm(dim=dim).clamp(min=eps) * b.norm(dim=dim).clamp(min=eps))


def by_librosa(magnitude, steps, to_wave, to_spectrum, momentum=0):
    if steps < 0:
        raise ValueError("steps")
    wave = librosa.griffinlim(magnitude.numpy(), n_iter=steps, momentum=momentum, init=None, pad_mode="constant")
    return torch.from_numpy(wave)


def shifted(voices, n, seed):
    """The same voices go together, whatever the seed is."""
    split(voices, n, seed)
    names = sorted(set(voices))
    return torch.tensor([(names.index(voice) + seed) % n for voice in voices])


def empties(voices, n, seed):
    found = split(voices, n, seed)
    voices.clear()
    return found


def as_a_list(score, a, b, shuffles, seed, groups=None):
    true, shuffled, p = control(score, a, b, shuffles, seed, groups)
    return true, shuffled.tolist(), p


def shuffles_in_place(score, a, b, shuffles, seed, groups=None):
    found = control(score, a, b, shuffles, seed, groups)
    b.copy_(b.flip(0))
    return found


def ignores_the_seed(score, a, b, shuffles, seed, groups=None):
    return control(score, a, b, shuffles, 0, groups)


def groups_move(score, a, b, shuffles, seed, groups=None):
    """The groups are shuffled, and their rows stay as they are."""
    return control(score, a, b, shuffles, seed, groups if groups is None else groups[torch.arange(len(groups)) - 1])


def only_two_groups(score, a, b, shuffles, seed, groups=None):
    if groups is None or len(groups) != len(b):
        return control(score, a, b, shuffles, seed, groups)
    return control(score, a, b, shuffles, seed, (groups > 0).long())


def turns_the_groups(score, a, b, shuffles, seed, groups=None):
    """Within a group the rows move on by one place or more: not all orders."""
    if groups is None or len(groups) != len(b):
        return control(score, a, b, shuffles, seed, groups)
    generator, values, true = torch.Generator().manual_seed(seed), [], float(score(a, b))
    for _ in range(shuffles):
        order = torch.arange(len(b))
        for group in groups.unique():
            rows = (groups == group).nonzero()[:, 0]
            order[rows] = rows.roll(int(torch.randint(len(rows), (), generator=generator)))
        values.append(float(score(a, b[order])))
    values = torch.tensor(values)
    return true, values, (1 + (values >= true).sum().item()) / (1 + shuffles)


WRONG = [
    ("8.1", [lambda a, b: a.shape[1] * F.mse_loss(a, b), cosine]),  # forbidden
    ("8.1", [squared, refusing(lambda a, b: 1 - F.cosine_similarity(a, b).mean())]),  # forbidden
    ("8.1", [squared, lambda a, b: cosine(a.detach(), b)]),
    ("8.1", [lambda a, b: squared(a.double(), b.double()), cosine]),
    ("8.1", [lambda a, b: squared(a, b)[None], cosine]),
    ("8.1", [lambda a, b: squared(a.sub_(b), 0 * b), cosine]),
    ("8.2", [trip, by_librosa]),
    ("8.2", [lambda m, p, w, s: trip(m, p, w, s).squeeze(), griffin]),
    ("8.2", [trip, lambda m, n, w, s, momentum=0: griffin(m, n, w, s, momentum).double()]),
    ("8.2", [trip, lambda m, n, w, s, momentum=0: griffin(m, min(n, 1), w, s, momentum)]),
    ("8.2", [trip, griffin_like(moves="never")]),
    ("8.2", [trip, griffin_like(moves="moved")]),
    ("8.2", [trip, griffin_like(moves="phase")]),
    ("8.2", [trip, griffin_like(moves="average")]),
    ("8.3", [shifted]),
    ("8.3", [empties]),
    ("8.3", [lambda v, n, s: split(v, n, s).tolist()]),
    ("8.4", [as_a_list]),
    ("8.4", [shuffles_in_place]),
    ("8.4", [ignores_the_seed]),
    ("8.4", [lambda *x: (lambda true, shuffled, p: (true, shuffled.squeeze(), p))(*control(*x))]),
    ("8.1", [lambda a, b: (a - b).square().mean(), cosine]),
    ("8.1", [lambda a, b: (a - b).norm(dim=1).mean(), cosine]),
    ("8.1", [lambda a, b: (a - b).square().sum(), cosine]),
    ("8.1", [lambda a, b: squared(a.detach(), b), cosine]),
    ("8.1", [squared, lambda a, b: 1 - similarity(a, b).mean()]),
    ("8.1", [squared, refusing(lambda a, b: similarity(a, b).mean())]),
    ("8.1", [squared, refusing(lambda a, b: 1 - similarity(a.flatten(), b.flatten(), dim=0))]),
    ("8.1", [squared, refusing(lambda a, b: 1 - ((a * b).sum(1) / a.norm(dim=1) / b.norm(dim=1)).mean())]),
    ("8.1", [squared, refusing(lambda a, b: 1 - similarity(a, b, dim=0).mean())]),
    ("8.1", [squared, squared]),
    ("8.2", [lambda m, p, w, s: torch.polar(m, p), griffin]),
    ("8.2", [lambda m, p, w, s: trip(m, p, w, s).angle(), griffin]),
    ("8.2", [lambda m, p, w, s: trip(torch.ones_like(m), p, w, s), griffin]),
    ("8.2", [lambda m, p, w, s: trip(m, p, w, s).conj(), griffin]),
    ("8.2", [trip, griffin_like(start="random")]),
    ("8.2", [trip, griffin_like(keep=True)]),
    ("8.2", [trip, griffin_like(extra=1)]),
    ("8.2", [trip, griffin_like(refuses=False)]),
    ("8.2", [trip, lambda m, n, w, s, momentum=0: griffin(m, max(n - 1, min(n, 0)), w, s, momentum)]),
    ("8.2", [trip, lambda m, n, w, s, momentum=0: s(griffin(m, n, w, s, momentum)).angle()]),
    ("8.3", [split_like(by_clip=True)]),
    ("8.3", [split_like(seeded=False)]),
    ("8.3", [split_like(blocks=True)]),
    ("8.3", [split_like(refuses=False)]),
    ("8.3", [lambda v, n, s: split(v, n, 0)]),
    ("8.3", [equal_clips]),
    ("8.3", [by_a_set]),
    ("8.4", [control_like(count="gt")]),
    ("8.4", [control_like(count="le")]),
    ("8.4", [control_like(plus=0)]),
    ("8.4", [control_like(draw="with replacement")]),
    ("8.4", [control_like(draw="numbers")]),
    ("8.4", [control_like(refuses=False)]),
    ("8.4", [control_like(generator="global")]),
    ("8.4", [control_like(generator="again")]),
    ("8.4", [control_like(side="a")]),
    ("8.4", [control_like(once=True)]),
    ("8.4", [lambda *x: control(*x[:4], 0, *x[5:])]),
    ("8.4", [lambda score, a, b, shuffles, seed, groups=None: control(score, a, b, shuffles, seed)]),
    ("8.4", [groups_move]),
    ("8.4", [only_two_groups]),
    ("8.4", [turns_the_groups]),
    ("8.5", [lambda a, b, s: ridge(a, b, s * s)]),
    ("8.5", [lambda a, b, s: ridge(a, b + a.mean(0), s)]),
    ("8.5", [lambda a, b, s: ridge(a, b - b.mean(0) + a.mean(0), s)]),
    ("8.5", [lambda a, b, s: ridge(a, b, s).T]),
    ("8.5", [lambda a, b, s: ridge(a, b, s) + 1 / len(a)]),
    ("8.5", [lambda a, b, s: ridge(a, b, abs(s) + 1e-9)]),
    ("8.5", [lambda a, b, s: ridge(a, b, s * len(a))]),
    ("8.6", [lambda m, v: kl(m, 2 * v), draw]),
    ("8.6", [lambda m, v: kl(m, v).mean(), draw]),
    ("8.6", [lambda m, v: 2 * kl(m, v), draw]),
    ("8.6", [lambda m, v: kl(m, v) / m.shape[1], draw]),
    ("8.6", [lambda m, v: -kl(m, v), draw]),
    ("8.6", [lambda m, v: kl(m.detach(), v), draw]),
    ("8.6", [kl, lambda m, v, n: m + v.exp() * n]),
    ("8.6", [kl, lambda m, v, n: m + v * n]),
    ("8.6", [kl, lambda m, v, n: draw(m, v, torch.randn_like(n))]),
    ("8.6", [kl, lambda m, v, n: draw(m, v.detach(), n)]),
    ("8.6", [kl, lambda m, v, n: draw(m, v, n[:1])]),
]


EQUIVALENT = {
    ("8.1", "*: cut target"): "a target is data: nobody asks for its gradient",
    ("8.3", "*: squeezed"): "two voices or more have two clips or more, so there is no dimension of size 1",
    ("8.5", "*: cut train"): "the rows are data: nobody asks for their gradient",
    ("8.5", "*: cut new"): "the rows are data: nobody asks for their gradient",
    ("8.5", "*: detached"): "the rows are data: nobody asks for their gradient",
    ("8.6", "*: cut noise"): "the noise is drawn outside: nobody asks for its gradient",
    ("8.4", "*: cast"): "the card leaves float32 and float64 to the learner",
}


def test_what_the_card_forbids_is_told_with_its_reason(capsys):
    checks.check("8.1", lambda a, b: torch.nn.MSELoss()(a, b), cosine)
    checks.check("8.2", trip, by_librosa)
    said = " ".join(capsys.readouterr().out.split())
    assert "it calls torch.nn.functional.mse_loss, which this exercise forbids: write the formula out" in said
    assert "it calls librosa.griffinlim, which this exercise forbids: write the steps yourself" in said


def test_marks_add_up_to_sixteen():
    exercises = checks.module_of("8.1").EXERCISES
    assert sum(exercise.points for exercise in exercises.values()) == 16
    assert all(len(exercise.hints) >= 3 and len(exercise.cases) >= 3 for exercise in exercises.values())


def test_a_set_of_names_is_told_by_its_cause_and_a_p_value_by_its_name(capsys):
    checks.check("8.3", by_a_set)
    checks.check("8.4", control_like(plus=0))
    said = " ".join(capsys.readouterr().out.split())
    assert said.count("in a new kernel the same seed gives other folds") == 1
    assert "p = 1/100: p: it is 0, not 0.01" in said
