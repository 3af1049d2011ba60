"""What repo2docker, which builds a Binder, reads in .binder/: Python's version, and a script that installs the course."""

import os
import re
import subprocess
import tomllib

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from helpers.commands import install
from tests.definitions import NOTEBOOKS

ROOT = NOTEBOOKS.parent
BINDER = ROOT / ".binder"


def test_repo2docker_can_tell_the_python_and_the_course_supports_it():
    lines = yaml.safe_load((BINDER / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    (version,) = [m.group(1) for line in lines if (m := re.match(r"python\s*=+\s*([\d.]+)$", line))]  # its own pattern
    supported = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    assert SpecifierSet(supported).contains(version)
    assert {"pip", "uv"} <= set(lines)


def test_the_script_can_run_and_leaves_cuda_out_as_make_does():
    script = BINDER / "postBuild"
    assert os.access(script, os.X_OK) and script.read_text(encoding="utf-8").startswith("#!")
    subprocess.run(["bash", "-n", script], check=True)
    (without,) = re.findall(r"grep -vE '([^']+)'", script.read_text(encoding="utf-8"))
    assert without == f"^({install.CUDA})"
    kept = [
        line
        for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
        if not re.match(without, line)
    ]
    assert any(line.startswith("torch==") for line in kept)
    assert not any(re.search("cuda|nvidia|triton", line.split("==")[0]) for line in kept)


@pytest.mark.parametrize("folder", ["binder", "apt.txt", "runtime.txt", "Dockerfile"])
def test_nothing_else_would_take_its_place(folder):
    assert not (ROOT / folder).exists() and not (BINDER / "Dockerfile").exists()
