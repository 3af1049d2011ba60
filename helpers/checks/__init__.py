"""`check("1.2", function)`: tells at once whether an exercise is solved, and hints a little more each time it isn't."""

from helpers.checks.checking import check
from helpers.checks.comparing import (
    agrees,
    alike,
    close,
    everywhere,
    first_wrong,
    follows_generator,
    follows_seed,
    refuses,
)
from helpers.checks.exercises import Case, Exercise, find, module_of
from helpers.checks.progress import attempts, passed, progress, results, solved
from helpers.checks.running import run
from helpers.checks.telling import NO_GRADIENT, NOTHING, UNWRITTEN

__all__ = [
    "NO_GRADIENT",
    "NOTHING",
    "UNWRITTEN",
    "Case",
    "Exercise",
    "agrees",
    "alike",
    "attempts",
    "check",
    "close",
    "everywhere",
    "find",
    "first_wrong",
    "follows_generator",
    "follows_seed",
    "module_of",
    "passed",
    "progress",
    "refuses",
    "results",
    "run",
    "solved",
]
