"""The checks' engine: what a learner may write, and what a check must do about it, whatever the exercise."""

import importlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from helpers import checks
from helpers.checks import Exercise, close, comparing, exercises, first_wrong, limits, refuses
from tests import mutants

progress = importlib.import_module("helpers.checks.progress")  # helpers.checks.progress is the function
CONSTANT = torch.tensor([1.0, 2.0, 3.0])
NUMBER = "1.1"


def twice(x):
    return 2 * x


@pytest.fixture
def exercise(monkeypatch):
    """An empty exercise in the place of 1.1: doubling a tensor."""
    made = Exercise(3, ["think", "think again"], seconds=0.3)
    module = exercises.module_of(NUMBER)
    monkeypatch.setitem(module.EXERCISES, NUMBER, made)
    for name in ("attempts", "results", "solved"):
        monkeypatch.setattr(progress, name, type(getattr(progress, name))())
    return made


@pytest.fixture
def doubling(exercise):
    """`said(function)`: marks and words of a check that asks for 2 x CONSTANT, and then for 2 x [5]."""

    @exercise.case("it doubles")
    def _(function):
        return close(function(CONSTANT), torch.tensor([2.0, 4.0, 6.0]))

    @exercise.case("it doubles a batch of one")
    def _(function):
        return close(function(torch.tensor([5.0])), torch.tensor([10.0]))

    return exercise


@pytest.fixture
def said(capsys):
    """`said(*functions)`: the marks, and what was printed, in one line."""

    def call(*functions):
        capsys.readouterr()
        marks = checks.check(NUMBER, *functions)
        return marks, " ".join(capsys.readouterr().out.split())

    return call


# the learner's call: copies, state, words, time


def scribbles(x):
    x *= 2
    return x


def scribbles_by_data(x):
    x.data.mul_(2)
    return x


@pytest.mark.parametrize("function", [scribbles, scribbles_by_data])
def test_an_answer_that_changes_its_input_is_refused_and_poisons_nothing(function, doubling, said):
    marks, words = said(function)
    assert marks == 0 and "it changes what it was given" in words
    assert CONSTANT.tolist() == [1, 2, 3] and said(twice)[0] == 3


@pytest.mark.parametrize(
    ("given", "change"),
    [
        ([[1, 2], [3]], lambda x: x[0].pop()),
        ({"a": [1]}, lambda x: x["a"].append(2)),
        ({"a": 1}, lambda x: x.update(b=1)),
        (np.arange(3.0), lambda x: x.sort() or x.fill(0)),
        (torch.zeros(1, 3), lambda x: x.squeeze_(0)),
        (torch.zeros(3), lambda x: x.requires_grad_()),
        (torch.zeros(3, requires_grad=True), lambda x: x.data.add_(1)),
        (torch.zeros(2, 3, requires_grad=True).exp(), lambda x: x.mul_(2)),
        ([torch.full((2,), torch.nan)], lambda x: x[0].zero_()),
        ((torch.zeros(3), [1]), lambda x: x[1].clear()),
        (nn.Linear(2, 2), lambda x: x.weight.data.zero_()),
        (nn.Sequential(nn.Dropout()), lambda x: x[0].eval()),
        (nn.Sequential(nn.Dropout()).eval(), lambda x: x.train()),
    ],
)
def test_every_kind_of_input_is_watched_and_put_back(given, change, exercise, said):
    exercise.case("it looks and leaves")(lambda function: function(given) is None)
    before = repr(given).split("grad_fn")[0]
    marks, words = said(lambda x: (change(x), None)[1])
    assert marks == 0 and ("it changes" in words or "it leaves a module" in words)
    assert repr(given).startswith(before)
    assert said(lambda x: None)[0] == 3


def test_an_exercise_may_allow_a_change(exercise, said):
    exercise.changes = ("inputs", "weights", "modes")
    given, module = [1, 2], nn.Linear(1, 1)
    exercise.case("it pops")(lambda function: function(given, module) is None and given == [1])

    def pops(given, module):
        given.pop()
        module.eval().weight.data.zero_()

    assert said(pops)[0] == 3


def test_gradients_flow_through_the_call_to_the_cases_own_leaves(exercise, said):
    @exercise.case("the gradient is 2")
    def _(function):
        leaf = torch.ones(3, requires_grad=True)
        middle = leaf.exp()
        function(middle).sum().backward()
        return close(leaf.grad, 2 * leaf.exp())

    assert said(twice)[0] == 3
    marks, words = said(lambda x: twice(x).detach())
    assert marks == 0 and "no gradient can flow" in words
    assert "no gradient can flow" in said(lambda x: torch.tensor(twice(x).tolist(), requires_grad=True))[1]


def test_what_is_not_contiguous_stays_so_and_a_generator_stays_the_callers(exercise, said):
    @exercise.case("it is spread out, and one and the same")
    def _(function):
        generator, x = torch.Generator().manual_seed(1), torch.arange(6.0).view(2, 3)
        state = generator.get_state()
        apart, same, wide = function(x.T, [x, x], torch.zeros(3).expand(4, 3), generator)
        return not apart and same and wide == 1 and not generator.get_state().equal(state)

    def function(x, pair, wide, generator):
        torch.rand(1, generator=generator)
        return x.is_contiguous(), pair[0] is pair[1], wide.ndim - 1

    assert said(function)[0] == 3


@pytest.mark.parametrize(
    ("leave", "told"),
    [
        (lambda: torch.set_default_dtype(torch.float64), "default dtype"),
        (lambda: torch.set_grad_enabled(False), "keeps gradients"),
        (lambda: torch.use_deterministic_algorithms(True), "deterministic"),
        (lambda: torch.set_num_threads(torch.get_num_threads() + 1), "threads"),
        (lambda: torch.manual_seed(7), "seeds torch's"),
        (lambda: np.random.seed(7), "seeds NumPy's"),  # noqa: NPY002
        (lambda: random.seed(7), "seeds Python's"),
        (lambda: os.chdir("/"), "working folder"),
        (lambda: np.seterr(all="raise"), "NumPy's treatment of errors"),
        (lambda: os.environ.update(A_VARIABLE="1"), ""),
        (lambda: warnings.simplefilter("ignore"), ""),
    ],
)
def test_what_all_cells_share_is_put_back_and_told(leave, told, doubling, said):
    def state():
        shared = torch.get_default_dtype(), torch.is_grad_enabled(), torch.are_deterministic_algorithms_enabled()
        shared += torch.get_num_threads(), os.getcwd(), np.geterr(), os.environ.get("A_VARIABLE"), warnings.filters[:]
        return *shared, torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002

    torch.use_deterministic_algorithms(True)  # imports half of torch the first time, and may be slow
    torch.use_deterministic_algorithms(False)
    before = state()
    marks, words = said(lambda x: (leave(), twice(x))[1])
    assert state() == before and told in words and marks == (0 if told else 3)
    exited, words = said(lambda x: (leave(), [][1]))
    assert state() == before and "IndexError" in words


def test_an_endless_loop_is_stopped_with_its_line_and_the_kernel_lives(doubling, said):
    def endless(x):
        while True:
            x = x + 1

    marks, words = said(endless)
    assert marks == 0 and "stopped after 0.3 seconds (line " in words and "does a loop there never end?" in words
    assert words.count("stopped after") == 1 and "it does not end here either" in words
    assert said(twice)[0] == 3 and signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_no_except_of_the_learners_hides_the_time_limit(doubling, said):
    def catches(x):
        while True:
            try:
                x = x + 1
            except Exception:
                continue

    def catches_all(x):
        while True:
            try:
                while True:
                    x = x + 1
            except:  # noqa: E722
                continue

    for function in (catches, catches_all):
        assert "stopped after" in said(function)[1]
    assert sys.gettrace() is None or "coverage" in repr(sys.gettrace())


def test_where_no_timer_can_stop_a_call_it_is_said(doubling, capsys):
    thread = threading.Thread(target=lambda: checks.check(NUMBER, twice))
    thread.start()
    thread.join()
    assert "use the stop button" in " ".join(capsys.readouterr().out.split())


def test_an_interrupt_goes_through_in_one_line(doubling, capsys):
    def interrupted(x):
        signal.raise_signal(signal.SIGINT)
        return x

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a run in the background ignores it
    try:
        with pytest.raises(KeyboardInterrupt) as caught:
            checks.check(NUMBER, interrupted)
    finally:
        signal.signal(signal.SIGINT, before)
    assert caught.value._render_traceback_() == [f"KeyboardInterrupt: {caught.value}"]
    assert "raise_signal" in str(caught.value) and caught.value.__cause__ is None


def test_what_is_printed_is_caught_and_cut(doubling, capsys):
    def talks(x):
        for k in range(1000):
            print("number", k)
        print("oh", file=sys.stderr)
        return twice(x)

    assert checks.check(NUMBER, talks) == 3
    said = capsys.readouterr()
    assert said.err == "", "nbgrader gives no marks for a cell with a word on stderr"
    assert said.out.count("| number") == 20 and "| number 19" in said.out and "is not shown" in said.out


# what is said of errors


class Unspeakable(Exception):
    def __str__(self):
        raise RuntimeError


def leaves(x):
    sys.exit(3)


def unspeakable(x):
    raise Unspeakable


def not_for_this_dtype(x):
    return torch.ones(2, dtype=torch.uint8).double().to(torch.quint8)


def own_kind(x):
    raise BaseException("mine")


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (lambda x: x[99], "it stopped with IndexError: index 99"),
        (leaves, "it stopped with SystemExit: 3 (line "),
        (unspeakable, "it stopped with Unspeakable: what it says cannot be read"),
        (own_kind, "it stopped with BaseException: mine (line "),
        (not_for_this_dtype, "it stopped with"),
        (lambda x: [1, 2, 3], "the shape is"),
        (lambda x: "no", "the check cannot use what it returned, a str"),
        (lambda x: None, "is a return missing?"),
    ],
)
def test_an_error_is_told_with_the_learners_line_alone(function, told, doubling, said, monkeypatch):
    marks, words = said(function)
    assert marks == 0 and told in words and "CONSTANT" not in words and "(line" not in words.split(told)[0]
    assert "not written yet" not in words


def test_only_the_stub_is_not_written_yet(doubling, said):
    def stub(x):
        raise NotImplementedError()

    def calls_the_stub(x):
        return stub(x)

    def with_words(x):
        raise NotImplementedError("this dtype")

    marks, words = said(stub)
    assert marks == 0 and words.count("not written yet") == 1 and "Hint" not in words
    assert "it calls stub, which is not written yet" in said(calls_the_stub)[1]
    assert "it stopped with NotImplementedError: this dtype" in said(with_words)[1]
    assert (
        "it stopped with NotImplementedError: Module [Forgets]"
        in said(lambda x: type("Forgets", (nn.Module,), {})()(x))[1]
    )


@pytest.mark.parametrize(
    "verdict", [np.bool_(True), torch.tensor(True), 1.0, torch.tensor([True]), np.float64(1)], ids=repr
)
def test_a_verdict_that_is_no_bool_is_read_as_one(verdict, exercise, said):
    exercise.case("yes")(lambda function: verdict)
    assert said(twice)[0] == 3
    exercise.cases.clear()
    exercise.case("no")(lambda function: verdict * 0)
    marks, words = said(twice)
    assert marks == 0 and "no: it does not" in words


@pytest.mark.parametrize(
    ("functions", "told"),
    [
        ((), "It takes 1 function, and 0 came"),
        ((twice, twice), "It takes 1 function, and 2 came"),
        ((CONSTANT,), "function is a Tensor, not a function"),
    ],
)
def test_a_check_that_is_called_wrongly_says_how(functions, told, doubling, said):
    marks, words = said(*functions)
    assert marks == 0 and told in words and 'check("1.1", function)' in words and "Hint" not in words


# marks, hints


def test_an_error_for_everything_earns_nothing(doubling, said):
    doubling.case("letters are refused")(lambda function: refuses(function, "letters"))

    def refuses_all(x):
        raise ValueError("no")

    def refuses_letters(x):
        if isinstance(x, str):
            raise ValueError("no")
        return 2 * x if len(x) > 1 else 3 * x

    marks, words = said(refuses_all)
    assert marks == 0 and "counts for nothing" in words
    assert said(refuses_letters)[0] == 2


def test_refusals_count_for_each_function_by_itself(exercise, said):
    exercise.case("first refuses")(lambda first, second: refuses(first, "letters"))
    exercise.case("second refuses")(lambda first, second: refuses(second, "letters"))
    exercise.case("second doubles")(lambda first, second: close(second(1), 2))

    def refuses_all(x):
        raise ValueError("no")

    def right(x):
        return 2 * int(x)

    assert said(refuses_all, right)[0] == 2


def test_a_tick_appears_as_its_case_ends(exercise, capsys):
    seen = []
    exercise.case("one")(lambda function: True)
    exercise.case("two")(lambda function: seen.append(capsys.readouterr().out) or True)
    checks.check(NUMBER, twice)
    assert seen == ["✔ one\n"]


def test_a_cases_own_hint_comes_first_and_hints_count_changed_code_only(exercise, said):
    exercise.case("it is 7", hint="seven is a number")(lambda function: function(1) == 7)

    def answer(n):
        return eval(f"lambda x: {n}")  # noqa: S307

    for _ in range(3):
        words = said(lambda x: 5)[1]
        assert "Hint 1 of 4: seven is a number" in words and "Hint 2" not in words
    words = said(lambda x: 6)[1]
    assert "Hint 2 of 4: think" in words and "Hint 3" not in words
    assert "Hint 3" not in said(lambda x: 5)[1], "an old attempt again is no new attempt"


def test_a_changed_helper_function_is_changed_code(exercise):
    def made(n):
        def helper(x):
            return x + n

        def answer(x):
            return helper(x)

        return answer

    assert progress.fingerprint([made(1)]) == progress.fingerprint([made(1)])
    assert progress.fingerprint([made(1)]) != progress.fingerprint([made(2)])
    assert progress.fingerprint([lambda x: x + 1]) != progress.fingerprint([lambda x: x + 2])


def test_hints_are_about_the_function_that_failed(exercise, said):
    exercise.hints = ["first: one", "second: two", "both"]
    exercise.case("first")(lambda first, second: first(1) == 2)
    exercise.case("second")(lambda first, second: second(1) == 2)
    words = said(twice, lambda x: 0)[1]
    assert "Hint 1 of 3: second: two" in words and "first: one" not in words


def test_lines_are_100_columns_and_words_stay_whole(exercise, capsys):
    exercise.case("a long expectation " * 8)(lambda function: "word " * 40 + "x" * 150)
    checks.check(NUMBER, twice)
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 100 or "x" * 150 in line for line in lines) and "0 of 3 marks." in lines


def test_one_error_is_told_once(doubling, said):
    def fails(x):
        raise KeyError("a key that has a long name, so that it is tiresome to read it twice")

    assert said(fails)[1].count("it stopped with") == 1


# forbidden functions, classes


def test_what_the_card_forbids_is_stopped_with_its_reason_however_it_is_called(exercise, said):
    from torch.nn.functional import kl_div

    exercise.forbidden = {"torch.nn.functional.kl_div": "write the sum", "torch.Tensor.cumsum": "", "math": "no math"}
    exercise.case("it is right")(lambda function: close(function(torch.zeros(2)), torch.zeros(2)))

    def hidden(x):
        try:
            torch.nn.functional.kl_div(x, x)
        except:  # noqa: E722
            x = x + 0
        return x * 1

    def under_another_name(x):
        import math

        return x * math.sin(0)

    names = {"other": kl_div, "torch": torch}
    exec(compile("def imported(x):\n    return other(x, x)", "a cell", "exec"), names)
    for function in (
        lambda x: torch.nn.functional.kl_div(x, x),
        lambda x: torch.nn.KLDivLoss()(x, x),
        lambda x: x.cumsum(0),
        hidden,
        under_another_name,
        names["imported"],
    ):
        marks, words = said(function)
        assert marks == 0 and "which this exercise forbids" in words
    assert said(lambda x: x * 1)[0] == 3 and torch.nn.functional.kl_div is kl_div and "cumsum" not in vars(torch.Tensor)


def test_the_course_itself_may_call_what_is_forbidden(exercise, said):
    exercise.forbidden = {"torch.cumsum": "no"}
    exercise.case("ok")(lambda function: function(comparing.leaf, torch.zeros(2)) is not None)
    assert said(lambda callback, x: callback(x))[0] == 3


class Doubler(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(float(factor)))

    def forward(self, x):
        return self.factor * x


def test_a_class_is_protected_and_stays_a_class(exercise, said):
    @exercise.case("a module with one weight")
    def _(Doubler):
        made = Doubler(2)
        kept = isinstance(made, nn.Module) and type(made) is Doubler and issubclass(Doubler, nn.Module)
        named = [name for name, _ in made.named_parameters()] == ["factor"] and Doubler.__name__ == "Doubler"
        return kept and named and close(made(CONSTANT), 2 * CONSTANT)

    class Scribbler(Doubler):
        def forward(self, x):
            return x.mul_(2)

    class Endless(Doubler):
        def forward(self, x):
            while True:
                pass

    class LeavesItsMode(Doubler):
        def forward(self, x):
            self.eval()
            return super().forward(x)

    assert said(Doubler)[0] == 3
    Scribbler.__name__ = Endless.__name__ = LeavesItsMode.__name__ = "Doubler"
    assert "it changes what it was given" in said(Scribbler)[1]
    assert "stopped after" in said(Endless)[1]
    assert "evaluation mode" in said(LeavesItsMode)[1]


# comparisons


def linear(x, w):
    return x @ w


def linear_inputs(n=3, d=4):
    return {"x": torch.randn(n, d), "w": torch.randn(d)}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda x, w: (x @ w).tolist(), "it returned a list of 3, not a tensor"),
        (lambda x, w: (x @ w).double(), "n 3, float32: the dtype is torch.float64, not torch.float32"),
        (lambda x, w: (x @ w).float(), "n 3, float64: the dtype is torch.float32, not torch.float64"),
        (lambda x, w: (x @ w).squeeze(), "n 1, float32: the shape is (), not (1,)"),
        (lambda x, w: (x @ w).detach(), "no gradient can flow"),
        (lambda x, w: x @ w.detach(), "no gradient reaches w"),
        (lambda x, w: x @ w + (x - x.detach()).sum(), "the gradient of x is not"),
        (lambda a, b: a @ b, "called by name, as x=..., w=...: it stopped"),
        (lambda x, w: x.view(-1).view(x.shape) @ w, "that are not contiguous"),
        (lambda x, w: x @ w + 1, "the values differ"),
    ],
)
def test_everywhere_finds(wrong, told, exercise, said):
    @exercise.case("as the reference")
    def _(function):
        return comparing.everywhere(function, linear, linear_inputs, [{"n": 3}, {"n": 1}], gradients=True)

    marks, words = said(wrong)
    assert (
        marks == 0
        and told.removesuffix(": it stopped").removeprefix("called by name, as x=..., w=...") in words
        or ("TypeError" in words and "unexpected keyword" in words)
    )
    assert said(lambda x, w: torch.einsum("nd,d->n", x, w))[0] == 3


@pytest.mark.parametrize(
    ("draw", "told"),
    [
        (lambda g: torch.rand(5), "it does not draw from the generator"),
        (lambda g: torch.rand(5, generator=torch.Generator().manual_seed(g.initial_seed())), "it does not draw from"),
        (lambda g: torch.rand(5, generator=g.manual_seed(g.initial_seed())), "the same generator gives the same"),
        (lambda g: torch.rand(5, generator=g) * 0, "the same generator gives the same"),
    ],
)
def test_generators(draw, told):
    assert told in comparing.follows_generator(draw)
    assert comparing.follows_generator(lambda g: torch.rand(5, generator=g)) is True


def test_seeds():
    assert comparing.follows_seed(lambda s: torch.rand(5, generator=torch.Generator().manual_seed(s))) is True
    assert "all seeds" in comparing.follows_seed(lambda s: 5)
    assert "two results" in comparing.follows_seed(lambda s: torch.rand(5))


# where do I stand?


@pytest.fixture
def kept(tmp_path, monkeypatch, exercise):
    file = tmp_path / "progress.json"
    monkeypatch.setattr(progress, "FILE", file)
    exercise.case("it doubles")(lambda function: close(function(2), 4))
    exercise.case("it doubles 0")(lambda function: close(function(0), 0))
    return file


def restart():
    progress.attempts.clear()
    progress.results.clear()
    progress.solved.clear()


def test_progress_survives_a_restart(kept, said, capsys):
    said(lambda x: x + 2)
    said(lambda x: x * 0)
    said(twice)
    assert json.loads(kept.read_text(encoding="utf-8"))[NUMBER]["solved"] and checks.passed(NUMBER)
    restart()
    capsys.readouterr()
    assert not checks.passed(NUMBER, "1.2")
    words = capsys.readouterr().out
    assert 'run the cells above with check("1.1", ...) again' in words and "waits for exercise 1.2." in words
    checks.progress("01")
    words = capsys.readouterr().out
    assert "solved before; not run since" in words and "3 of 3" in words and "not run" in words
    assert "Hint 3" in said(lambda x: x + 1)[1], "hints that were seen are not taken back by a restart"
    said(lambda x: x + 2)
    checks.progress()
    points = sum(exercise.points for exercise in checks.module_of(NUMBER).EXERCISES.values())
    assert f"1.5 of {points} " in capsys.readouterr().out
    said(twice)
    assert checks.passed(NUMBER)


def test_progress_goes_on_without_its_file(kept, said, tmp_path, monkeypatch):
    kept.write_text("{broken", encoding="utf-8")
    assert said(twice)[0] == 3 and json.loads(kept.read_text(encoding="utf-8"))
    monkeypatch.setattr(progress, "FILE", tmp_path / "nowhere" / "progress.json")
    assert said(twice)[0] == 3 and not (tmp_path / "nowhere").exists()
    for records in ("[]", '{"1.1": 5}', '{"1.1": {"hints": "many"}}', "null"):
        kept.write_text(records, encoding="utf-8")
        assert progress.read(kept) == {}


def test_two_kernels_keep_each_others_results(kept):
    code = (
        "import importlib, pathlib, sys\n"
        "progress = importlib.import_module('helpers.checks.progress')\n"
        "progress.FILE = pathlib.Path(sys.argv[1])\n"
        "for k in range(40):\n"
        "    progress.write(f'{sys.argv[2]}.{k}', {'hints': 0, 'solved': True, 'marks': 1.0, 'tried': []})\n"
    )
    kernels = [subprocess.Popen([sys.executable, "-c", code, str(kept), str(n)]) for n in (1, 2)]
    assert [kernel.wait() for kernel in kernels] == [0, 0]
    assert len(progress.read(kept)) == 80 and [path.name for path in kept.parent.iterdir()] == [kept.name]


def test_progress_is_kept_for_a_notebook_in_work_alone(tmp_path, monkeypatch):
    work, elsewhere = tmp_path / "work", tmp_path / "class"
    elsewhere.mkdir()
    monkeypatch.setattr(progress, "WORK", work)
    monkeypatch.delenv("PYTEST_VERSION", raising=False)
    monkeypatch.chdir(elsewhere)
    assert progress.place() is None, "no folder"
    work.mkdir()
    assert progress.place() is None, "another folder"
    monkeypatch.setenv("JPY_SESSION_NAME", str(work / "01_word2vec.ipynb"))
    assert progress.place() == work / "progress.json"
    monkeypatch.delenv("JPY_SESSION_NAME")
    monkeypatch.chdir(work)
    assert progress.place() == work / "progress.json"
    monkeypatch.setenv("PYTEST_VERSION", "9")
    assert progress.place() is None, "a test"


# the mutants


def test_mutants_are_refused_by_a_good_check_and_found_in_a_weak_one(exercise):
    @exercise.case("as the reference")
    def _(function):
        return comparing.everywhere(function, linear, linear_inputs, [{"n": 3}, {"n": 1}], gradients=True)

    tried, survivors = mutants.survivors(exercise, [linear])
    assert tried >= 10 and survivors == []
    exercise.cases.clear()
    exercise.case("one example")(
        lambda function: bool(abs(float(function(torch.ones(1, 2), torch.ones(2))) - 2) < 1e-6)
    )
    _, survivors = mutants.survivors(exercise, [linear])
    for name in ("frozen x", "frozen w", "detached", "squeezed", "cast", "its first result for ever", "cut x"):
        assert f"function: {name}" in survivors
    assert "function: changes x" not in survivors


def test_first_wrong_is_the_first_that_is_not_true():
    assert first_wrong(True, "a", "b") == "a" and first_wrong(True) is True


def test_a_stand_in_that_somebody_kept_is_open_again_after_the_call():
    with limits.forbidden({"torch.fft.rfft": "it is your task"}, []):
        kept = torch.fft.rfft  # as a module does that is first imported meanwhile
        with pytest.raises(limits.Fault):
            kept(torch.ones(4))
    assert kept is not torch.fft.rfft and kept(torch.ones(4))[0] == 4
