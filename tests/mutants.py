"""Wrong answers made by machine from a right one: each does one thing that learners do, and a check must refuse it.
(mutmut and its like change operators and constants of the source, as nobody who learns does, and run all tests anew.)

A test module lists in EQUIVALENT those that are as right as the answer, by name or by pattern, with the reason:
`{("1.4", "*: cut *"): "nobody differentiates a gradient"}`.

python -m tests.mutants 01 [1.3]  # how many there are for each exercise, and which ones its check takes for right
"""

import fnmatch
import functools
import importlib
import inspect
import sys
from collections import defaultdict

import numpy as np
import torch

from helpers.checks import module_of, run
from helpers.checks.running import functions_in
from helpers.checks.state import copied, parts

DATA = torch.Tensor | np.ndarray | int | float | str | list | tuple | dict | set
SECONDS = 3.0  # for a call: a frozen argument may make a loop endless


def mapped(x, change):
    """A value with all its tensors changed."""
    if isinstance(x, torch.Tensor):
        return change(x)
    if isinstance(x, list | tuple) and not hasattr(x, "_fields"):
        return type(x)(mapped(part, change) for part in x)
    return x


# What a mutant does: a function of the call and its arguments by name; `kept` is empty at its first call.


def frozen(name):
    def mutant(call, arguments, kept):
        first = mapped(copied(arguments[name]), torch.Tensor.detach) if name not in kept else kept[name]
        return call(arguments | {name: kept.setdefault(name, first)})

    return mutant


def cut(name):
    return lambda call, arguments, kept: call(arguments | {name: mapped(arguments[name], torch.Tensor.detach)})


def changes(name):
    def mutant(call, arguments, kept):
        result = mapped(call(arguments), torch.clone)  # not a view of what is changed now
        change(arguments[name])
        return result

    return mutant


def change(x):
    if isinstance(x, torch.Tensor) and x.numel():
        x.data.copy_(~x.data if x.dtype == torch.bool else x.data + 1)
    elif isinstance(x, np.ndarray):
        x[...] = x + 1
    elif isinstance(x, list) and x:
        change(x[0]) if isinstance(x[0], torch.Tensor | list) else x.pop()
    elif isinstance(x, dict) and x:
        x.popitem()


def reseeded(name):
    def mutant(call, arguments, kept):
        return call(arguments | {name: torch.Generator().manual_seed(arguments[name].initial_seed())})

    return mutant


def of_result(change):
    return lambda call, arguments, kept: mapped(call(arguments), change)


def other_dtype(x):
    return x.to(torch.float32 if x.dtype == torch.float64 else torch.float64) if x.is_floating_point() else x


def first_result(call, arguments, kept):
    return kept["result"] if "result" in kept else kept.setdefault("result", call(arguments))


def returns_its_input(call, arguments, kept):
    return next((x for x in arguments.values() if isinstance(x, torch.Tensor)), next(iter(arguments.values())))


class Seen:
    """What a function got and gave while the right answer was checked."""

    def __init__(self):
        self.arguments, self.results, self.calls, self.graded = defaultdict(list), [], [], set()

    def __call__(self, call, arguments, kept):
        if len(self.calls) < 30:
            self.calls.append((call, copied(arguments)))
        result = call(arguments)
        for name, value in arguments.items():
            self.arguments[name].append(value)
        self.results.append(result)
        return result

    def probe(self, call, arguments):
        """Notes through which arguments a gradient can flow."""
        if not all(isinstance(x, DATA | None) for x in arguments.values()):
            return

        def leaf(x):
            return x.detach().clone().requires_grad_() if x.is_floating_point() else x

        leaves = {name: mapped(copied(x), leaf) for name, x in arguments.items()}
        try:
            with torch.random.fork_rng(devices=[]), torch.inference_mode(False), torch.enable_grad():
                total = sum(x.abs().sum() for x in parts(call(leaves), torch.Tensor) if x.requires_grad)
                for name, value in leaves.items():
                    inside = [x for x in parts(value, torch.Tensor) if x.requires_grad]
                    if inside and any(
                        g is not None and g.any()
                        for g in torch.autograd.grad(total, inside, retain_graph=True, allow_unused=True)
                    ):
                        self.graded.add(name)
        except Exception:
            return

    def mutants(self):
        """Those that apply, `{name: mutant}`."""
        for call, arguments in self.calls:  # now, since a check may close autograd while it runs
            if not self.graded >= set(arguments):
                self.probe(call, arguments)
        found = {}
        tensors = list(parts(self.results, torch.Tensor))
        for name, values in self.arguments.items():
            if any(isinstance(x, DATA) for x in values):
                found[f"frozen {name}"] = frozen(name)
            if any(isinstance(x, torch.Tensor | np.ndarray | list | dict) and len_of(x) for x in values):
                found[f"changes {name}"] = changes(name)
            if any(isinstance(x, torch.Generator) for x in values):
                found[f"reseeded {name}"] = reseeded(name)
            if name in self.graded:
                found[f"cut {name}"] = cut(name)
        if self.graded:
            found["detached"] = of_result(torch.Tensor.detach)
        if any(x.ndim for x in tensors):
            found["squeezed"] = of_result(torch.squeeze)
            found["a list"] = of_result(torch.Tensor.tolist)
        if any(x.is_floating_point() for x in tensors):
            found["cast"] = of_result(other_dtype)
        if self.arguments:
            found["its first result for ever"] = first_result
            found["returns its input"] = returns_its_input
        return found


def len_of(x):
    return x.numel() if isinstance(x, torch.Tensor) else len(x)


def wrapped(function, mutant, method=None):
    """The function, or the class with this method, in the hands of a mutant."""
    kept = {}
    inner = function if method is None else method
    signature = inspect.signature(inner)

    @functools.wraps(inner)
    def call(*arguments, **named):
        bound = signature.bind(*arguments, **named).arguments
        itself = {next(iter(bound)): arguments[0]} if method is not None else {}

        def original(by_name):
            bound = inspect.BoundArguments(signature, itself | by_name)
            return inner(*bound.args, **bound.kwargs)

        return mutant(original, {name: x for name, x in bound.items() if name not in itself}, kept)

    return call if method is None else type(function)(function.__name__, (function,), {method.__name__: call})


def places(exercise, functions):
    """Where a mutant can sit: `(name, position, method or None)`."""
    for k, (name, function) in enumerate(zip(exercise.names(), functions, strict=True)):
        if inspect.isclass(function):
            for method in functions_in(function):
                yield f"{name}.{method.__name__}", k, method
        elif has_signature(function):
            yield name, k, None


def has_signature(function):
    try:
        return bool(inspect.signature(function))
    except ValueError:  # some built-in functions have none
        return False


def made(exercise, functions):
    """All mutants of a right answer: `{name: functions}`."""
    found = {}
    for name, k, method in places(exercise, functions):
        seen = Seen()
        for case in exercise.cases:
            run(exercise, case, [*functions[:k], wrapped(functions[k], seen, method), *functions[k + 1 :]])
        for kind, mutant in seen.mutants().items():
            if method is None or method.__name__ != "__init__" or kind.startswith("frozen"):
                found[f"{name}: {kind}"] = functools.partial(wrapped, functions[k], mutant, method), k
    return {name: [*functions[:k], make(), *functions[k + 1 :]] for name, (make, k) in found.items()}


def survivors(exercise, functions):
    """How many mutants there are, and the names of those that a check gives full marks. One refusal each is enough."""
    mutants = made(exercise, functions)
    refused = {
        name
        for name, changed in mutants.items()
        if any(run(exercise, case, changed, SECONDS)[0] is not True for case in exercise.cases)
    }
    return len(mutants), sorted(mutants.keys() - refused)


def unexplained(number, module):
    """How many mutants an exercise has, and those that survive without standing in the test module's EQUIVALENT."""
    exercise = module_of(number).EXERCISES[number]
    functions = next(functions for n, functions in module.RIGHT if n == number)
    tried, alive = survivors(exercise, functions)
    patterns = [pattern for n, pattern in getattr(module, "EQUIVALENT", {}) if n == number]
    needless = [f"{p} (in EQUIVALENT, but refused)" for p in patterns if not fnmatch.filter(alive, p)]
    left = [name for name in alive if not any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)]
    return tried - len(alive) + len(left), left + needless


if __name__ == "__main__":
    module = importlib.import_module(f"tests.test_checks_{sys.argv[1]}")
    for number in sys.argv[2:] or module_of(module.RIGHT[0][0]).EXERCISES:
        tried, alive = unexplained(number, module)
        print(f"{number}: {tried} mutants, {len(alive)} survive:", "; ".join(alive), flush=True)
