"""environment.yml, pyproject.toml and requirements.txt say the same; the doctor finds what is wrong."""

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from helpers.commands import doctor
from helpers.data import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
DIRECT = [Requirement(text) for text in PROJECT["dependencies"] + EXTRAS["instructor"] + EXTRAS["site"]]
LOCKED = [
    Requirement(line)
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    if line[:1] not in "#"
]
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
PLATFORMS = [
    default_environment()
    | {"sys_platform": s, "platform_system": p, "python_full_version": f"{v}.5", "python_version": v}
    for s, p in (("linux", "Linux"), ("darwin", "Darwin"), ("win32", "Windows"))
    for v in ("3.11", "3.12", "3.13")
]


def locked(name, environment):
    """The versions that requirements.txt pins for a package on a platform."""
    return [
        r
        for r in LOCKED
        if canonicalize_name(r.name) == canonicalize_name(name) and (not r.marker or r.marker.evaluate(environment))
    ]


@pytest.mark.parametrize("wanted", DIRECT, ids=lambda r: r.name)
def test_every_direct_dependency_is_pinned_once_on_every_platform(wanted):
    for environment in PLATFORMS:
        pins = locked(wanted.name, environment)
        assert len(pins) == 1, f"{wanted.name} on {environment['sys_platform']} {environment['python_version']}"
        (version,) = pins[0].specifier
        assert version.operator == "==" and wanted.specifier.contains(version.version, prereleases=True)


def test_what_is_installed_needs_nothing_that_is_not_pinned():
    """Follows the dependencies of the direct ones: requirements.txt must hold the whole closure."""
    here, seen, todo = default_environment() | {"extra": ""}, set(), [r.name for r in DIRECT]
    while todo:
        name = canonicalize_name(todo.pop())
        if name in seen:
            continue
        seen.add(name)
        assert locked(name, here), f"{name} is needed but not pinned: make lock"
        for text in importlib.metadata.requires(name) or []:
            needed = Requirement(text)
            if not needed.marker or needed.marker.evaluate(here):
                todo.append(needed.name)


def test_requirements_hold_no_index_address_and_no_path():
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert "--" not in text and "://" not in text and " @ " not in text


def test_environment_yml_leads_to_the_same_versions():
    python, pip, from_pip = CONDA["dependencies"]
    assert CONDA["channels"] == ["conda-forge", "nodefaults"]
    assert from_pip == {"pip": ["-r requirements.txt", "-e ."]} and pip == "pip"
    needs = Requirement(python)
    for version in ("3.11.9", "3.12.4", "3.13.1"):
        assert needs.specifier.contains(version) and SpecifierSet(PROJECT["requires-python"]).contains(version)
    assert not needs.specifier.contains("3.10.9") and not SpecifierSet(PROJECT["requires-python"]).contains("3.10.9")


def conda_accepts(spec):
    """A conda MatchSpec's name, in lower case, and a version without spaces inside: python>=3.11,<3.14."""
    return re.fullmatch(r"[a-z0-9_][a-z0-9_.-]*([=<>!~]=?[0-9][0-9a-z.*]*(,[=<>!~]=?[0-9][0-9a-z.*]*)*)?", spec)


@pytest.mark.parametrize("requirement", LOCKED, ids=lambda r: r.name)
def test_names_are_spelled_as_conda_accepts_them(requirement):
    assert conda_accepts(requirement.name)


def test_conda_accepts_the_environments_own_lines():
    assert all(conda_accepts(spec) for spec in CONDA["dependencies"] if isinstance(spec, str))
    assert conda_accepts(CONDA["name"])
    assert not conda_accepts("PyYAML") and not conda_accepts("python >= 3.11") and not conda_accepts("torch[cpu]")


def test_the_doctor_finds_nothing_wrong_here():
    assert [line for right, line, _ in doctor.examine() if not right] == []
    assert (
        subprocess.run([sys.executable, "-m", "helpers.commands.doctor"], cwd=ROOT, capture_output=True).returncode == 0
    )


def test_the_doctor_finds_what_is_wrong(tmp_path, monkeypatch, capsys):
    for text, said in (("no-such-package>=1", "is not installed"), ("torch==1.0", "==1.0 is needed")):
        right, line, command = doctor.package_is_right(text)
        assert not right and said in line and "pip install" in command
    monkeypatch.setitem(doctor.IMPORTS, "torch", "a_module_that_is_not_there")
    right, line, command = doctor.package_is_right("torch")
    assert not right and "does not import" in line and "--force-reinstall" in command

    (tmp_path / "data/text").mkdir(parents=True)
    (tmp_path / "data/text/austen.txt.xz").write_bytes(b"damaged")
    (tmp_path / "data/manifest.json").write_bytes((ROOT / "data/manifest.json").read_bytes())
    (tmp_path / "pyproject.toml").write_text('[project]\ndependencies = ["torch"]\n', encoding="utf-8")
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    assert doctor.main() == 1
    said = capsys.readouterr().out
    assert "austen.txt.xz is damaged" in said and "wordnet.txt.xz is missing" in said
    assert said.count("git checkout -- data") == 1, "a command that mends many things stands once"


def test_the_doctor_sends_a_bare_python_to_make_lab(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    assert doctor.package_is_right("no-such-package>=1")[2] == "make lab"
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/installed").touch()
    assert doctor.package_is_right("no-such-package>=1")[2].startswith(".venv/bin/python -m helpers.commands.doctor")


def test_the_doctor_says_of_an_old_python_that_it_is_old_and_stops(monkeypatch):
    assert doctor.python_is_right((3, 14, 0))[0]
    old = doctor.python_is_right((3, 10, 4))
    monkeypatch.setattr(doctor, "python_is_right", lambda: old)
    assert list(doctor.examine()) == [old] and not old[0] and "Python 3.10 is too old" in old[1]
    source = (ROOT / "helpers/commands/doctor.py").read_text(encoding="utf-8")
    assert ast.parse(source, feature_version=(3, 7)), "it would not even start"
    assert not re.search(r"^(import|from) .*(tomllib|metadata)", source, re.M), "an old Python has neither"


def test_make_lab_opens_the_readmes_first_notebook_on_localhost_with_its_token():
    said = subprocess.run(
        ["make", "-n", "lab"], cwd=ROOT, capture_output=True, text=True, check=True, encoding="utf-8"
    ).stdout
    said = said.replace("\\\n", "")
    first = re.search(r"\((notebooks/\d\d_\w+\.ipynb)\)", (ROOT / "README.md").read_text(encoding="utf-8")).group(1)
    (last,) = [line for line in said.splitlines() if "jupyter lab " in line]
    assert "jupyter lab --ServerApp.ip=localhost" in last and last.endswith(first) and (ROOT / first).exists()
    assert "token" not in last and "password" not in last
    assert said.index("helpers.commands.assignments copy") < said.index("jupyter lab --")


def test_make_stops_where_the_folder_was_moved_after_the_install(tmp_path):
    for name in ("Makefile", "README.md", "requirements.txt", "pyproject.toml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / ".venv").mkdir()
    for made_in, stops in (("/another/folder", True), (tmp_path.resolve(), False), ("", False)):
        (tmp_path / ".venv/installed").write_text(f"{made_in}\n" if made_in else "", encoding="utf-8")
        made = subprocess.run(["make", "-n", "lab"], cwd=tmp_path, capture_output=True, text=True, encoding="utf-8")
        assert ("This folder was moved" in made.stderr) == stops == (made.returncode != 0)
