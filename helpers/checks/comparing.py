"""What a check compares: values, gradients, dtypes, calls by name, seeds; and whether bad input is refused."""

import torch

from helpers.checks.state import parts, same
from helpers.checks.telling import NO_GRADIENT, NOTHING, what


def first_wrong(*verdicts):
    """The first verdict that is not True, or True."""
    return next((verdict for verdict in verdicts if verdict is not True), True)


def refuses(function, *arguments, **named):
    """True where the function raises a ValueError with a message for these arguments.

    A case of refusals alone counts only once the same function has returned something right in another case.
    """
    try:
        function(*arguments, **named)
    except ValueError as error:
        return True if str(error) else "it raised a ValueError, but without a word of explanation"
    except NotImplementedError:
        raise
    except Exception as error:
        return f"it raised {type(error).__name__}, not a ValueError"
    return "it went on without an error"


def close(got, expected, tolerance=1e-4):
    """True where a tensor or number is what is expected, or a text that says what came."""
    if got is None:
        return NOTHING
    got, expected = torch.as_tensor(got).detach(), torch.as_tensor(expected)
    if got.shape != expected.shape:
        return f"the shape is {tuple(got.shape)}, not {tuple(expected.shape)}"
    if got.is_complex():
        return "the values are complex, not real"
    if got.isnan().any():
        return "there are NaN values"
    if torch.allclose(got.double(), expected.double(), atol=tolerance, rtol=tolerance):
        return True
    if got.ndim == 0:
        return f"it is {got.item():.4g}, not {expected.item():.4g}"
    return "there are infinite values" if got.isinf().any() and expected.isfinite().all() else "the values differ"


def alike(got, expected, tolerance=1e-4, any_dtype=False):
    """True where an answer is the reference's: same kind, shape, dtype and values, also within tuples and lists.

    torch.testing.assert_close compares as well; but these verdicts are for learners, and are translated."""
    if got is None and expected is not None:
        return NOTHING
    if isinstance(expected, list | tuple) and not hasattr(expected, "_fields"):
        if not isinstance(got, list | tuple) or len(got) != len(expected):
            return f"it returned {what(got)}, not {len(expected)} things"
        verdicts = [alike(g, e, tolerance, any_dtype) for g, e in zip(got, expected, strict=True)]
        place = f"number {1 + next((i for i, v in enumerate(verdicts) if v is not True), 0)} of what it returns: "
        return first_wrong(*(verdict is True or place + verdict for verdict in verdicts))
    if isinstance(expected, torch.Tensor):
        if not isinstance(got, torch.Tensor):
            return f"it returned {what(got)}, not a tensor"
        kinds = [(x.dtype.is_floating_point, x.dtype.is_complex) for x in (got, expected)]
        if got.dtype != expected.dtype and not (any_dtype and kinds[0] == kinds[1] and any(kinds[0])):
            return f"the dtype is {got.dtype}, not {expected.dtype}"
        if got.shape != expected.shape or not any(kinds[0]):
            return got.equal(expected) or close(got, expected)
        got, expected = (
            torch.view_as_real(x.detach().resolve_conj()) if x.is_complex() else x for x in (got, expected)
        )
        return close(got, expected, tolerance)
    if isinstance(expected, float):
        try:
            return close(float(got), expected, tolerance)
        except (TypeError, ValueError, RuntimeError):
            return f"it returned {what(got)}, not a number"
    return bool(got == expected) or f"it is {got!r}, not {expected!r}"


def agrees(function, answer, arguments, gradients=False, tolerance=1e-4, any_dtype=False, by_name=False):
    """True where a function returns what the reference answer returns, or a text that says what differs.

    Args:
        function: the learner's.
        answer: the reference; it is called first.
        arguments: by the card's names and in its order, `{"u": tensor, ...}`.
        gradients: whether the gradient that each floating tensor gets must be the reference's, too.
        tolerance: for values and gradients, relative and absolute.
        any_dtype: whether another floating dtype than the reference's is as good.
        by_name: whether the function is called with the card's names.
    """
    mine, theirs = ({name: leaf(x) if gradients else x for name, x in arguments.items()} for _ in range(2))
    expected = answer(*theirs.values())
    got = function(**mine) if by_name else function(*mine.values())
    verdict = alike(got, expected, tolerance, any_dtype)
    if verdict is not True or not gradients:
        return verdict
    totals = [weighted(x) for x in (got, expected)]
    if not totals[0].requires_grad:
        return NO_GRADIENT
    names = [name for name, x in theirs.items() if isinstance(x, torch.Tensor) and x.requires_grad]
    mine, theirs = (
        torch.autograd.grad(total, [leaves[name] for name in names], allow_unused=True, materialize_grads=True)
        for total, leaves in zip(totals, (mine, theirs), strict=True)
    )
    for name, gradient, right in zip(names, mine, theirs, strict=True):
        if not gradient.any() and right.any():
            return f"no gradient reaches {name}: stay with torch's functions, from {name} to the result"
        if gradient.any() and not right.any():
            return f"a gradient reaches {name}, and none should"
        if close(gradient, right, tolerance) is not True:
            return f"the value is right, the gradient of {name} is not"
    return True


def leaf(x):
    return x.detach().clone().requires_grad_() if isinstance(x, torch.Tensor) and x.is_floating_point() else x


def weighted(result):
    """All floating numbers of a result with weights of their own, the same for every dtype, added up."""
    tensors = [x for x in parts(result, torch.Tensor) if x.is_floating_point() or x.is_complex()]
    draw = torch.Generator().manual_seed(1)
    return sum(
        (
            (x.abs() if x.is_complex() else x)
            * torch.rand(x.shape, generator=draw, dtype=torch.float64).to(x.real.dtype)
        ).sum()
        for x in tensors
    ) + torch.zeros(())


def everywhere(function, answer, inputs, sizes, dtypes=(torch.float32, torch.float64), **how):
    """True where the function `agrees` with the reference for all sizes and dtypes, by position and by name, and on
    tensors that are not contiguous; or what differs, and where.

    Args:
        inputs: a function that draws the arguments of a size, `inputs(pairs=1, k=4)` -> `{"u": tensor, ...}`.
        sizes: a list of dictionaries for it. One of them should be a batch of one.
        dtypes: of the floating tensors.
        **how: for `agrees`.
    """
    for size in sizes:
        words = ", ".join(f"{name} {value}" for name, value in size.items())
        for dtype in dtypes:
            arguments = {name: as_dtype(x, dtype) for name, x in inputs(**size).items()}
            if (verdict := agrees(function, answer, arguments, **how)) is not True:
                return f"{words}, {str(dtype).removeprefix('torch.')}: {verdict}" if words else verdict
    arguments = inputs(**sizes[0])
    if (verdict := agrees(function, answer, arguments, by_name=True, **how)) is not True:
        return f"called by name, as {', '.join(f'{name}=...' for name in arguments)}: {verdict}"
    apart = {name: spread(x) for name, x in arguments.items()}
    verdict = agrees(function, answer, apart, **(how | {"gradients": False}))
    return verdict is True or f"on tensors that are not contiguous in memory: {verdict}"


def as_dtype(x, dtype):
    return x.to(dtype) if isinstance(x, torch.Tensor) and x.is_floating_point() else x


def spread(x):
    """The same values in another order in memory, or with gaps."""
    if not isinstance(x, torch.Tensor) or x.ndim == 0:
        return x
    return torch.stack([x, x], -1)[..., 0] if x.ndim == 1 else x.transpose(-1, -2).contiguous().transpose(-1, -2)


def follows_seed(draw):
    """True where `draw(seed)` gives the same for the same seed, and not the same for all seeds."""
    one, again, *others = (draw(seed) for seed in (1, 1, 2, 3, 4))
    if not same(one, again):
        return "the same seed gives two results"
    return not all(same(one, other) for other in others) or "all seeds give the same result"


def follows_generator(draw):
    """True where `draw(generator)` draws from this generator itself: by its state, which moves on."""
    generator = torch.Generator().manual_seed(1)
    verdict = follows_seed(lambda seed: draw(torch.Generator().manual_seed(seed)))
    first, state = draw(generator), generator.get_state()
    if torch.Generator().manual_seed(1).get_state().equal(state):
        return "it does not draw from the generator that it is given, which is still where it was"
    if same(first, draw(generator)):
        return "the same generator gives the same result twice: draw from it as it is, do not begin again at its seed"
    return verdict
