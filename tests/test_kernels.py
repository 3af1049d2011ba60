"""What conftest.py promises of kernels under test: a dead one is missed at once, and no notebook reaches the network."""

import subprocess
import sys
import time

import nbformat
import pytest

from tests.definitions import NOTEBOOKS


def run(tmp_path, *sources):
    """Runs a made-up notebook as `make test` does, with a cell timeout of 10 minutes."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "made_up.ipynb")
    command = [sys.executable, "-m", "pytest", "-p", "conftest", "-n", "0", "--nbval-cell-timeout", "600"]
    # the last option: a notebook outside the repository, with the repository's settings
    command += ["--rootdir", NOTEBOOKS.parent, "-c", NOTEBOOKS.parent / "pyproject.toml", tmp_path / "made_up.ipynb"]
    start = time.perf_counter()
    result = subprocess.run(
        command, cwd=NOTEBOOKS.parent, capture_output=True, text=True, check=False, encoding="utf-8"
    )
    return result.returncode, result.stdout, time.perf_counter() - start


def test_a_dead_kernel_is_missed_at_once(tmp_path):
    code, said, seconds = run(tmp_path, "import os\nos._exit(1)", "1 + 1")
    assert code == 1 and "The kernel died in this cell" in said
    assert seconds < 60, "it waited for the cell's timeout"


@pytest.mark.parametrize(
    "attempt",
    [
        "import urllib.request\nurllib.request.urlopen('http://192.0.2.1/', timeout=5)",
        "import urllib.request\nurllib.request.urlopen('http://example.com/', timeout=5)",
        "import socket\nsocket.create_connection(('2001:db8::1', 443), timeout=5)",
        "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 9))",
    ],
    ids=["address", "name", "ipv6", "datagram"],
)
def test_a_notebook_that_tries_the_network_is_caught(tmp_path, attempt):
    code, said, _ = run(tmp_path, attempt)
    assert code == 1 and "NetworkClosed" in said and "the course runs offline" in said


def test_this_machine_itself_may_be_reached(tmp_path):
    server = "import socket\ns = socket.create_server(('127.0.0.1', 0))\n"
    code, said, _ = run(tmp_path, server + "socket.create_connection(('localhost', s.getsockname()[1]))")
    assert code == 0, said


def test_a_notebook_that_fails_is_reported(tmp_path):
    code, said, _ = run(tmp_path, "assert 1 + 1 == 3")
    assert code == 1 and "AssertionError" in said
