"""What a check compares: values, gradients, dtypes, calls by name, seeds; and whether bad input is refused."""

import torch

from helpers.checks.telling import NOTHING


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
    return f"it is {got.item():.4g}, not {expected.item():.4g}" if got.ndim == 0 else "the values differ"
