"""Kernels under test: closed to the network, one thread each beside a sister worker, and missed at once when dead."""

import os
import shutil
import tempfile
import time
from pathlib import Path
from queue import Empty

import nbval.kernel
import pytest

HERE = Path(__file__).resolve().parent
os.environ.pop("JPY_SESSION_NAME", None)  # nobody watches a test: no progress bars
for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):  # under `make test`, a make that a test calls says what it does alone
    os.environ.pop(name, None)
os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # a debugger's warning on stderr
if "PYTEST_XDIST_WORKER" in os.environ:  # two workers on two cores
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = "1"


def pytest_configure(config):
    """Gives the kernels a profile whose start-up file closes the network."""
    profile = Path(tempfile.mkdtemp(prefix="ipython-"))
    startup = profile / "profile_default" / "startup"
    startup.mkdir(parents=True)
    shutil.copy(HERE / "tests" / "closed_network.py", startup / "00-closed_network.py")
    os.environ["IPYTHONDIR"] = str(profile)
    config.add_cleanup(lambda: shutil.rmtree(profile, ignore_errors=True))


pytest.register_assert_rewrite("tests.answers")


def pytest_generate_tests(metafunc):
    """Hands each right and each wrong answer of a module to the tests of tests/answers.py."""
    for argument, answers in (("right_answer", "RIGHT"), ("wrong_answer", "WRONG")):
        if argument in metafunc.fixturenames:
            cases = getattr(metafunc.module, answers)
            names = [
                "-".join([number, *(getattr(f, "__name__", str(f)) for f in functions)]) for number, functions in cases
            ]
            metafunc.parametrize(argument, cases, ids=names)

    if "numbered" in metafunc.fixturenames:  # every exercise of a module
        metafunc.parametrize("numbered", sorted({number for number, _ in metafunc.module.RIGHT}))


def get_message(self, stream, timeout=None, original=nbval.kernel.RunningKernel.get_message):
    """Waits for the kernel a second at a time, so that a dead one is missed at once, not at the cell's timeout."""
    end = time.monotonic() + (timeout or 0)
    while True:
        try:
            return original(self, stream, timeout=1)
        except Empty:
            if not self.is_alive():
                raise RuntimeError("The kernel died in this cell (out of memory, or a crash in a library).") from None
            if timeout is not None and time.monotonic() > end:
                raise


nbval.kernel.RunningKernel.get_message = get_message
