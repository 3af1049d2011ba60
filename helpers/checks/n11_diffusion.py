"""The checks of assignment 11. Expected values come from other forms of the same formulas, and from counting calls."""

import math

import torch

from helpers.checks import NO_GRADIENT, Exercise, alike, close, everywhere, first_wrong, refuses

EXERCISES = {
    "11.1": Exercise(
        2,
        [
            "t has one number a row. View it as (n, 1, ..., 1), and it multiplies rows of any shape.",
            "Clean data and noise from x: the line goes on for 1 - t, and has gone on for t.",
            "velocity_from_noise: x = noise + t * velocity, solved for the velocity. Look at t before you divide.",
        ],
    ),
    "11.2": Exercise(
        3,
        [
            "Four lines: x by mix, the prediction, each row's mean squared error, each row's weight.",
            "flatten(1).mean(1) gives one number a row, whatever the shape of the data.",
            "1 / 0 is infinite in torch, and clamp(max=most) brings it back to most.",
        ],
    ),
    "11.3": Exercise(
        3,
        [
            "A step's length is the next time minus this one: times may be uneven.",
            "heun: keep the place where the step began. The trial's place is used for one question only.",
            "heun: where the next time is 1, take Euler's step.",
        ],
    ),
    "11.4": Exercise(
        2,
        [
            "nothing.expand_as(y) repeats it for each row without copying.",
            "Strength 1 leaves only the answer for y, strength 0 only the one for nothing: return early.",
            "The difference is asked minus unasked; it is added to unasked.",
        ],
    ),
    "11.5": Exercise(
        3,
        [
            "x[:, None] - t * points has the shape (n, m, d). Square, and sum over d.",
            "The log-density is minus that sum divided by 2 (1 - t)^2. What is equal for all points doesn't matter.",
            "softmax along the points turns log-densities into probabilities, without 0 / 0.",
        ],
    ),
    "11.6": Exercise(
        3,
        [
            "normal_guess: the card's formula. At t = 1 the fraction is 1, so the guess is x itself.",
            "on_trial: velocity = (guess - x) / (1 - t), a function of x and t. A perfect end is m + s * start.",
            "passes: abs() of both, and both at most the tolerance. A comparison with NaN is False.",
        ],
    ),
}


# 11.1 names


def wide(t, x):
    return t.reshape(len(t), *(1 for _ in x.shape[1:]))


def rows(first, second, batch=5, shape=(3,)):
    """Two tensors of data and a time for each row, none of them 0."""
    data = {name: torch.randn(batch, *shape) for name in (first, second)}
    return data | {"t": 0.1 + 0.8 * torch.rand(batch)}


SHAPES = [{"batch": 5, "shape": (3,)}, {"batch": 1, "shape": (2, 4, 3)}, {"batch": 3, "shape": ()}]


def timed(function):
    """The function with times that record no gradient: nobody asks for one."""

    def call(*arguments, **named):
        arguments = [x.detach() if i == 2 else x for i, x in enumerate(arguments)]
        return function(*arguments, **{name: x.detach() if name == "t" else x for name, x in named.items()})

    return call


@EXERCISES["11.1"].case("by hand: noise 2, clean 10, t = 0.25 give x = 4; the velocity is 8")
def _(mix, clean_from_velocity, velocity_from_noise):
    noise, clean, t = torch.tensor([[2.0]]), torch.tensor([[10.0]]), torch.tensor([0.25])
    x, velocity = torch.tensor([[4.0]]), torch.tensor([[8.0]])
    return first_wrong(
        close(mix(noise, clean, t), x),
        close(clean_from_velocity(x, velocity, t), clean),
        close(velocity_from_noise(x, noise, t), velocity),
    )


TRUE = {
    "mix": (lambda noise, clean, t: torch.lerp(noise, clean, wide(t, clean).expand_as(clean)), ("noise", "clean")),
    "clean_from_velocity": (lambda x, v, t: x + v - wide(t, x) * v, ("x", "velocity")),
    "velocity_from_noise": (lambda x, noise, t: (x - noise) * wide(1 / t, x), ("x", "noise")),
}
for which, name in enumerate(TRUE):

    @EXERCISES["11.1"].case(f"{name}: rows of any shape, each with its own time; float32 and float64; gradients")
    def _(mix, clean_from_velocity, velocity_from_noise, which=which, name=name):
        function, (true, names) = (mix, clean_from_velocity, velocity_from_noise)[which], TRUE[name]

        def inputs(**size):
            return rows(*names, **size)

        return everywhere(timed(function), timed(true), inputs, SHAPES, gradients=True)


@EXERCISES["11.1"].case("at t = 0 the mixture is the noise, and at t = 1 the clean data")
def _(mix, clean_from_velocity, velocity_from_noise):
    noise, clean = torch.randn(2, 4, 3)
    ends = mix(noise, clean, torch.tensor([0.0, 1.0, 0.0, 1.0]))
    return close(ends, torch.stack([noise[0], clean[1], noise[2], clean[3]]))


@EXERCISES["11.1"].case("velocity_from_noise refuses a time of 0 with a ValueError that says why")
def _(mix, clean_from_velocity, velocity_from_noise):
    x, noise = torch.randn(2, 3, 2)
    return refuses(velocity_from_noise, x, noise, torch.tensor([0.5, 0.0, 0.3]))


# 11.2 the loss


class Line:
    """A network that is a line with weights that can be trained, and notes how it is called."""

    def __init__(self, dtype=torch.float32):
        self.a, self.b = (torch.tensor(value, dtype=dtype, requires_grad=True) for value in (0.7, 0.2))
        self.calls = []

    def __call__(self, x, t, y):
        self.calls.append((x, t, y))
        return self.a * x + self.b * wide(t, x) * wide(y, x).to(x.dtype)


def true_loss(network, clean, y, t, noise, most):
    total = 0
    for i in range(len(clean)):
        x = (1 - t[i]) * noise[i] + t[i] * clean[i]
        guess = network(x[None], t[i : i + 1], y[i : i + 1])[0]
        left = float(1 - t[i])
        total = total + (guess - clean[i]).pow(2).mean() * (min(1 / left**2, most) if left else most)
    return total / len(clean)


def question(batch=6, shape=(3,), dtype=torch.float32):
    clean, noise = torch.randn(2, batch, *shape, dtype=dtype)
    return clean, torch.arange(batch) % 3, torch.rand(batch, dtype=dtype), noise


def answers_alike(flow_loss, clean, y, t, noise, most):
    """Whether loss and gradients are those of the loop."""
    mine, theirs = Line(clean.dtype), Line(clean.dtype)
    got, expected = flow_loss(mine, clean, y, t, noise, most), true_loss(theirs, clean, y, t, noise, most)
    if isinstance(got, torch.Tensor) and got.dtype != clean.dtype:
        return f"the dtype is {got.dtype}, not {clean.dtype}"
    if (verdict := close(got, expected)) is not True:
        return verdict
    if not got.requires_grad:
        return NO_GRADIENT
    for loss in (got, expected):
        loss.backward()
    grads = [(network.a.grad, network.b.grad) for network in (mine, theirs)]
    if any(g is None for g in grads[0]):
        return NO_GRADIENT
    return first_wrong(*(close(g, e, 1e-3) for g, e in zip(*grads, strict=True)))


@EXERCISES["11.2"].case("by hand: an error of 2 at t = 0.5 is weighted by 4, and by 3 if most is 3")
def _(flow_loss):
    clean, noise, half = torch.tensor([[2.0]]), torch.tensor([[-2.0]]), torch.tensor([0.5])
    verdicts = []
    for most, expected in ((100, 16.0), (3, 12.0)):
        verdicts.append(close(flow_loss(lambda x, t, y: x, clean, torch.tensor([0]), half, noise, most), expected))
    return first_wrong(*verdicts)


@EXERCISES["11.2"].case(
    "random rows of several shapes: the loss and its gradients are those of a plain loop; float32 and float64",
    hint="Each row has its own weight: multiply before you take the mean over the rows.",
)
def _(flow_loss):
    for shape in ((3,), (2, 4, 4)):
        for dtype in (torch.float32, torch.float64):
            for batch, most in ((6, 10.0), (1, 2.0), (9, 1e6)):
                clean, y, t, noise = question(batch, shape, dtype)
                if (verdict := answers_alike(flow_loss, clean, y, 0.9 * t, noise, most)) is not True:
                    return f"{batch} rows of shape {shape}, most {most:g}: {verdict}"
    return True


@EXERCISES["11.2"].case("at t = 1 the weight is `most`, and neither the loss nor a gradient is infinite or NaN")
def _(flow_loss):
    clean, y, t, noise = question(4)
    t[[0, 2]] = 1
    return answers_alike(flow_loss, clean, y, t, noise, 5.0)


@EXERCISES["11.2"].case("the network is called once, with the mixture, the times and the conditions of all rows")
def _(flow_loss):
    network, (clean, y, t, noise) = Line(), question(5)
    flow_loss(network, clean, y, t, noise, 10.0)
    if len(network.calls) != 1:
        return f"it was called {len(network.calls)} times"
    x, times, conditions = network.calls[0]
    return first_wrong(close(x, torch.lerp(noise, clean, t[:, None])), close(times, t), close(conditions, y))


@EXERCISES["11.2"].case("it can be called by name: network=..., clean=..., y=..., t=..., noise=..., most=...")
def _(flow_loss):
    clean, y, t, noise = question(3)
    got = flow_loss(network=Line(), clean=clean, y=y, t=0.9 * t, noise=noise, most=4.0)
    return close(got, true_loss(Line(), clean, y, 0.9 * t, noise, 4.0))


# 11.3 samplers


class Wind:
    """A velocity that notes when it is asked; `bent` hangs on place and time."""

    def __init__(self, bent=True):
        self.bent, self.asked = bent, []

    def __call__(self, x, t):
        self.asked.append(t)
        return torch.sin(2 * x) + t**2 - 0.3 * x if self.bent else torch.full_like(x, 3.0)


def true_euler(velocity, x, times):
    for k in range(len(times) - 1):
        x = torch.add(x, velocity(x, times[k]), alpha=times[k + 1] - times[k])
    return x


def true_heun(velocity, x, times):
    for t, then in zip(times[:-1], times[1:], strict=True):
        first = velocity(x, t)
        if then == 1:
            x = x + (1 - t) * first
        else:
            second = velocity(x + (then - t) * first, then)
            x = x + (then - t) * 0.5 * first + (then - t) * 0.5 * second
    return x


TIMES = {
    "even": [0.0, 0.25, 0.5, 0.75, 1.0],
    "uneven": [0.0, 0.05, 0.3, 0.4, 1.0],
    "from 0.2 to 0.9": [0.2, 0.5, 0.9],
    "one step": [0.0, 1.0],
}


@EXERCISES["11.3"].case("by hand: a velocity of 3 everywhere carries x = 1 to 4, in one step or in four uneven ones")
def _(euler, heun):
    verdicts = []
    for sampler in (euler, heun):
        for name in ("one step", "uneven"):
            verdicts.append(close(sampler(Wind(False), torch.tensor([[1.0]]), TIMES[name]), torch.tensor([[4.0]])))
    return first_wrong(*verdicts)


for which, true in enumerate((true_euler, true_heun)):
    name = ("euler", "heun")[which]

    @EXERCISES["11.3"].case(f"{name}: a bent velocity, even and uneven times, rows of any shape, float32 and float64")
    def _(euler, heun, which=which, true=true):
        sampler = (euler, heun)[which]
        for name, times in TIMES.items():
            for shape in ((6, 2), (1, 3, 4), (5,)):
                for dtype in (torch.float32, torch.float64):
                    x = torch.randn(shape, dtype=dtype)
                    before, got = x.clone(), sampler(Wind(), x, times)
                    if not torch.equal(before, x):
                        return "it changed x itself"
                    if (verdict := alike(got, true(Wind(), x, times))) is not True:
                        return f"times {name}: {verdict}"
        return True


@EXERCISES["11.3"].case("4 steps to 1 ask Euler's velocity 4 times and Heun's 7 times, always at times of the list")
def _(euler, heun):
    for sampler, calls in ((euler, [0, 0.05, 0.3, 0.4]), (heun, [0, 0.05, 0.05, 0.3, 0.3, 0.4, 0.4])):
        wind = Wind()
        sampler(wind, torch.randn(3, 2), TIMES["uneven"])
        if len(wind.asked) != len(calls):
            return f"it asked {len(wind.asked)} times, not {len(calls)}"
        if [round(float(t), 6) for t in wind.asked] != calls:
            return f"it asked at {[round(float(t), 3) for t in wind.asked]}"
    return True


@EXERCISES["11.3"].case("they can be called by name: velocity=..., x=..., times=...")
def _(euler, heun):
    x = torch.randn(4, 2)
    return first_wrong(
        close(euler(velocity=Wind(), x=x, times=TIMES["even"]), true_euler(Wind(), x, TIMES["even"])),
        close(heun(velocity=Wind(), x=x, times=TIMES["even"]), true_heun(Wind(), x, TIMES["even"])),
    )


@EXERCISES["11.3"].case("one time, and times that don't increase, are refused with a ValueError that says why")
def _(euler, heun):
    x, bad = torch.randn(2, 2), ([0.5], [0.0, 0.5, 0.5, 1.0], [0.0, 0.7, 0.2])
    return first_wrong(*(refuses(sampler, Wind(), x, times) for sampler in (euler, heun) for times in bad))


# 11.4 guidance


class Answers:
    """A network whose answer hangs on the condition, and which notes the conditions."""

    def __init__(self):
        self.conditions = []

    def __call__(self, x, t, y):
        self.conditions.append(y)
        told = y.double().flatten(1).sum(1) if y.ndim > 1 else y.double()
        return x * wide(t, x) + wide(told, x).to(x.dtype).sin()


def asked(classes=True, rows=4, shape=(3,), dtype=torch.float32):
    x, t = torch.randn(rows, *shape, dtype=dtype), torch.rand(rows, dtype=dtype)
    if classes:
        return x, t, torch.arange(rows) % 3, torch.tensor(3)
    return x, t, torch.randn(rows, 5, dtype=dtype), torch.zeros(5, dtype=dtype)


@EXERCISES["11.4"].case("by hand: asked 3, unasked 1: strength 2 gives 5, and 0.5 gives 2")
def _(guided):
    def network(x, t, y):
        return torch.where(y == 7, 1.0, 3.0)[:, None].expand_as(x)

    x, t, y = torch.zeros(2, 1), torch.zeros(2), torch.tensor([4, 5])
    two, half = (guided(network, x, t, y, torch.tensor(7), strength) for strength in (2, 0.5))
    return first_wrong(close(two, torch.full((2, 1), 5.0)), close(half, torch.full((2, 1), 2.0)))


@EXERCISES["11.4"].case("class numbers and vectors, rows of any shape, strengths 0, 0.5, 1, 2 and 4, also by name")
def _(guided):
    for classes in (True, False):
        for rows, shape, dtype in ((4, (3,), torch.float32), (1, (2, 3, 3), torch.float64)):
            x, t, y, nothing = asked(classes, rows, shape, dtype)
            for strength in (0, 0.5, 1, 2.0, 4):
                on, off = Answers()(x, t, y), Answers()(x, t, nothing.expand_as(y))
                names = {"network": Answers(), "x": x, "t": t, "y": y, "nothing": nothing, "strength": strength}
                expected = strength * on + (1 - strength) * off
                got = guided(**names) if strength == 2 else guided(*names.values())
                if (verdict := alike(got, expected)) is not True:
                    return f"strength {strength}: {verdict}"
    return True


@EXERCISES["11.4"].case("strength 1 calls the network only with y, strength 0 only with nothing, 2 with both")
def _(guided):
    x, t, y, nothing = asked()
    for strength, expected in ((1, [y]), (0, [nothing.expand(4)]), (2, [y, nothing.expand(4)])):
        network = Answers()
        guided(network, x, t, y, nothing, strength)
        got = sorted(c.tolist() for c in network.conditions)
        if got != sorted(c.tolist() for c in expected):
            return f"with strength {strength} it was called with {got}"
        if any(c.dtype != y.dtype for c in network.conditions):
            return "nothing came with another dtype than y"
    return True


@EXERCISES["11.4"].case("a negative strength is refused with a ValueError that says why")
def _(guided):
    return refuses(guided, Answers(), *asked(), -0.5)


# 11.5 the best guess


def true_chances(x, t, points):
    """By densities in double precision, one after the other; logarithms keep small ones."""
    logs = torch.stack([-((x.double() - t * p.double()) ** 2).sum(1) / (2 * (1 - t) ** 2) for p in points], 1)
    return (logs - logs.logsumexp(1, keepdim=True)).exp().to(x.dtype)


def true_guess(x, t, points):
    return (true_chances(x, t, points).double() @ points.double()).to(x.dtype)


def places(n=6, m=4, d=2, t=0.4):
    return {"x": torch.randn(n, d), "t": t, "points": torch.randn(m, d)}


PLACES = [{"n": 6, "m": 4, "d": 2, "t": 0.4}, {"n": 1, "m": 1, "d": 3, "t": 0.7}, {"n": 3, "m": 7, "d": 1, "t": 0.0}]


@EXERCISES["11.5"].case("the lecture's example: x = 0.2 at t = 0.5 between -1 and 1: chances .31 and .69, guess .38")
def _(chances, best_guess):
    x, points = torch.tensor([[0.2]], dtype=torch.float64), torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    up = 1 / (1 + math.exp(-0.8))
    return first_wrong(
        close(chances(x, 0.5, points), torch.tensor([[1 - up, up]])),
        close(best_guess(x, 0.5, points), torch.tensor([[2 * up - 1]])),
    )


for which, true in enumerate((true_chances, true_guess)):
    name = ("chances", "best_guess")[which]

    @EXERCISES["11.5"].case(f"{name}: random points of 1 to 3 numbers, one row or more, float32 and float64")
    def _(chances, best_guess, which=which, true=true):
        return everywhere((chances, best_guess)[which], true, places, PLACES, tolerance=1e-3)


@EXERCISES["11.5"].case("at t = 0 all points are equally probable, wherever x is; far away and near t = 1 comes no NaN")
def _(chances, best_guess):
    points = torch.randn(5, 2)
    far = 30 * torch.randn(4, 2)
    verdict = close(chances(far, 0.0, points), torch.full((4, 5), 0.2))
    late = chances(far, 0.999, points)
    nearest = torch.cdist(far, 0.999 * points).argmin(1)
    return first_wrong(verdict, close(late.argmax(1), nearest), close(best_guess(far, 0.999, points), points[nearest]))


@EXERCISES["11.5"].case("t = 1, t above 1 and t below 0 are refused with a ValueError that says why")
def _(chances, best_guess):
    x, points = torch.randn(3, 2), torch.randn(4, 2)
    return first_wrong(*(refuses(f, x, t, points) for f in (chances, best_guess) for t in (1.0, 1.5, -0.1)))


# 11.6 a sampler on trial


def true_normal_guess(x, t, mean, deviation):
    """By the covariance of x_t and x_1 over the variance of x_t."""
    return mean + t * deviation**2 * (x - t * mean) / ((t * deviation) ** 2 + (1 - t) ** 2)


def values(rows=5, columns=2, t=0.3, mean=1.5, deviation=0.5):
    return {"x": torch.randn(rows, columns), "t": t, "mean": mean, "deviation": deviation}


def perfect(mean, deviation):
    return lambda velocity, x, times: mean + deviation * x


def moved(by, factor):
    """A sampler whose result is off by known amounts: it is perfect, then moved and stretched around its mean."""

    def sampler(velocity, x, times):
        end = 2 + 0.5 * x
        return end.mean() + by + factor * (end - end.mean())

    return sampler


START = torch.Generator().manual_seed(5)


def noise(n=400):
    return 1.3 * torch.randn(n, dtype=torch.float64, generator=START.manual_seed(5)) + 0.2


EVEN = [k / 20 for k in range(21)]


@EXERCISES["11.6"].case("normal_guess: at t = 0 the mean, at t = 1 x itself, in between the card's line; any shape")
def _(normal_guess, on_trial, passes):
    sizes = [{"t": 0.3}, {"t": 0.0, "mean": -2.0}, {"t": 1.0, "deviation": 2.0}, {"rows": 1, "columns": 1, "t": 0.8}]
    sizes += [{"t": 0.6, "mean": -1.0, "deviation": 2.0}]
    return everywhere(normal_guess, true_normal_guess, values, sizes)


@EXERCISES["11.6"].case("on_trial: a perfect sampler is off by 0 and 0, also from a start that is itself off")
def _(normal_guess, on_trial, passes):
    got = on_trial(perfect(2.0, 0.5), 2.0, 0.5, noise(), EVEN)
    if not isinstance(got, tuple | list) or len(got) != 2 or not all(isinstance(off, float) for off in got):
        return "two floats are asked for"
    return first_wrong(close(got[0], 0.0), close(got[1], 0.0))


@EXERCISES["11.6"].case("on_trial: a sampler that is off by known amounts; the mean first, with their signs")
def _(normal_guess, on_trial, passes):
    spread = 0.5 * noise().std(unbiased=False).item()
    verdicts = []
    for by, factor in ((0.3, 1.0), (-0.2, 0.6), (0.0, 1.5)):
        got = on_trial(moved(by, factor), 2.0, 0.5, noise(), EVEN)
        verdicts += [close(got[0], by), close(got[1], (factor - 1) * spread)]
    return first_wrong(*verdicts)


@EXERCISES["11.6"].case("on_trial: the sampler gets the true velocity, the start and the times, and is called once")
def _(normal_guess, on_trial, passes):
    for mean, deviation, start, times in ((-1.0, 0.7, noise(50), EVEN), (0.5, 1.6, noise(7) + 1, [0.0, 0.3, 1.0])):
        seen, told = [], []

        def sampler(velocity, x, times, mean=mean, deviation=deviation, seen=seen, told=told):
            seen.append((x, times))
            for t in (0.0, 0.4, 0.9):
                expected = (true_normal_guess(x, t, mean, deviation) - x) / (1 - t)
                if (verdict := close(velocity(x, t), expected)) is not True:
                    told.append(f"at t = {t} the velocity is wrong: {verdict}")
            return x

        on_trial(sampler, mean, deviation, start, times)
        if told:
            return told[0]
        if len(seen) != 1:
            return f"it was called {len(seen)} times"
        verdict = first_wrong(close(seen[0][0], start), seen[0][1] == times or "the times are others")
        if verdict is not True:
            return verdict
    return True


def broken(end):
    return lambda velocity, x, times: end + 0 * x


@EXERCISES["11.6"].case(
    "passes: a good sampler passes; one with a wrong mean, deviation, or result that is not finite does not",
    hint="passes: look at both numbers, each by its size, and think of what NaN answers to a comparison.",
)
def _(normal_guess, on_trial, passes):
    tried = {
        "a perfect sampler": (perfect(2.0, 0.5), 0.01, True),
        "a mean that is off by -0.3, with a tolerance of 0.1": (moved(-0.3, 1.0), 0.1, False),
        "a mean that is off by 0.3, with a tolerance of 0.1": (moved(0.3, 1.0), 0.1, False),
        "a mean that is off by 0.3, with a tolerance of 0.5": (moved(0.3, 1.0), 0.5, True),
        "a deviation that is too small": (moved(0.0, 0.5), 0.1, False),
        "a deviation that is too large": (moved(0.0, 1.5), 0.1, False),
        "Euler's method in 20 steps, with a tolerance of 0.2": (true_euler, 0.2, True),
        "Euler's method in 20 steps, with a tolerance of 0.001": (true_euler, 0.001, False),
        "NaN": (broken(math.nan), 0.1, False),
        "infinite numbers": (broken(math.inf), 0.1, False),
    }
    for name, (sampler, tolerance, expected) in tried.items():
        got = passes(sampler, 2.0, 0.5, noise(), EVEN, tolerance)
        if not isinstance(got, bool):
            return "True or False is asked for"
        if got is not expected:
            return f"{name}: {'it does not pass' if expected else 'it passes'}"
    return True


@EXERCISES["11.6"].case("passes: another mean, another deviation, another start and other times change the verdict")
def _(normal_guess, on_trial, passes):
    tried = {
        "right for the mean -1 and the deviation 3": (perfect(-1.0, 3.0), -1.0, 3.0, noise(), EVEN, True),
        "right for the mean -1, where 2 is asked for": (perfect(-1.0, 3.0), 2.0, 3.0, noise(), EVEN, False),
        "right for the deviation 3, where 1 is asked for": (perfect(-1.0, 3.0), -1.0, 1.0, noise(), EVEN, False),
        "one that stops at 0.4": (stops_at(0.4), 2.0, 0.5, noise(), EVEN, False),
        "one that draws the same numbers from every start": (fixed(noise()), 2.0, 0.5, noise(), EVEN, True),
        "the same, from a start that is twice as wide": (fixed(noise()), 2.0, 0.5, 2 * noise(), EVEN, False),
        "Euler's method in 4 steps": (true_euler, 2.0, 0.5, noise(), EVEN[::5], False),
        "Euler's method in 20 steps": (true_euler, 2.0, 0.5, noise(), EVEN, True),
    }
    for name, (sampler, mean, deviation, start, times, expected) in tried.items():
        if passes(sampler, mean, deviation, start, times, 0.1) is not expected:
            return f"{name}: {'it does not pass' if expected else 'it passes'}"
    return True


def stops_at(last):
    return lambda velocity, x, times: true_euler(velocity, x, [t for t in times if t <= last])


def fixed(start):
    """A sampler that is perfect for this start, and doesn't look at the one that it gets."""
    return lambda velocity, x, times: 2 + 0.5 * start
