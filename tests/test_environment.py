"""environment.yml, pyproject.toml and requirements.txt say the same; make and the doctor find what is wrong."""

import ast
import errno
import importlib.metadata
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import namedtuple
from hashlib import sha256

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import helpers
from helpers.commands import doctor, install, lab

ROOT = doctor.ROOT
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
DIRECT = [Requirement(text) for text in PROJECT["dependencies"] + EXTRAS["instructor"] + EXTRAS["site"]]
LOCKED = [
    Requirement(line)
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    if line[:1] not in "#"
]
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
UV = shutil.which("uv", path=os.path.dirname(sys.executable)) or shutil.which("uv")
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


def test_environment_yml_leads_to_the_same_versions(monkeypatch):
    monkeypatch.setattr(doctor, "another_python", str)  # it would look for one
    python, pip, from_pip = CONDA["dependencies"]
    assert CONDA["channels"] == ["conda-forge", "nodefaults"]
    assert from_pip == {"pip": ["-r requirements.txt", "-e ."]} and pip == "pip"
    for supported in (Requirement(python).specifier, SpecifierSet(PROJECT["requires-python"])):
        for minor in range(8, 18):
            right = doctor.python_is_right(version=(3, minor))[0]
            assert supported.contains(f"3.{minor}.4") == right == (11 <= minor <= 13)


def test_what_environment_yml_gives_to_pip_can_be_resolved():
    """Dry, and offline: where all of it is installed, only the course itself is left to be installed again."""
    words = shlex.split(" ".join(CONDA["dependencies"][-1]["pip"]))
    command = [UV, "pip", "install", "--dry-run", "--offline", "--no-cache", "--no-build-isolation"]
    if not UV:
        pytest.skip("no uv here to resolve it with: pip install uv")
    said = subprocess.run(
        [*command, "--python", sys.executable, *words], cwd=ROOT, capture_output=True, text=True, encoding="utf-8"
    )
    assert said.returncode == 0, said.stderr
    assert re.findall(r"^ [+-] ([\w-]+)", said.stderr, re.M) in ([], ["multimodal-course"] * 2), said.stderr


@pytest.mark.slow  # needs the network
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize(
    "platform",
    ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "aarch64-apple-darwin", "x86_64-pc-windows-msvc"],
)
def test_every_library_has_a_build_for_every_supported_machine(platform, python, tmp_path):
    if not UV:
        pytest.skip("no uv here to ask which builds there are: pip install uv")
    command = [UV, "pip", "compile", "--no-deps", "--only-binary", ":all:", "--quiet", "-o", tmp_path / "locked.txt"]
    command += ["--python-version", python, "--python-platform", platform, ROOT / "requirements.txt"]
    macos = {"MACOSX_DEPLOYMENT_TARGET": "14.0"}  # as the doctor asks for
    said = subprocess.run(command, env=os.environ | macos, capture_output=True, text=True, encoding="utf-8")
    if "Failed to fetch" in said.stderr or "error sending request" in said.stderr:
        pytest.skip("no network here to ask which builds there are")
    assert said.returncode == 0, said.stderr


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
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin/python"))  # one that conda made, say, not the course's
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
    assert said.count(helpers.restore("data")) == 1, "a way out of many faults stands once"


@pytest.mark.parametrize("content", [None, b"", b'{"text/austen.txt.xz": {"byt', b"[1]", b'{"a": 1}', b"\xff\xfe"])
def test_the_doctor_says_of_a_manifest_that_is_missing_or_cut_what_it_is(content, tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a").touch()
    if content is not None:
        (tmp_path / "data/manifest.json").write_bytes(content)
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    ((right, line, way),) = doctor.data()
    assert not right and line.endswith("is missing" if content is None else "is damaged") and "manifest.json" in line
    assert way == helpers.restore("data")


def test_the_doctor_finds_a_folder_that_cannot_be_written_and_a_full_disk(tmp_path, monkeypatch):
    assert [right for right, *_ in doctor.room()] == [True] * 3
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setattr(doctor, "ROOT", tmp_path)

    def refuses(dir):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuses)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: namedtuple("Usage", "free")(1e8))
    said = [(right, line) for right, line, way in doctor.room() if way]
    assert said == [
        (False, "notebooks/ cannot be written to (Read-only file system)"),
        (False, "results/ cannot be written to (Read-only file system)"),
        (False, "0.1 GB of disk are free"),
    ]


def test_what_is_lost_comes_back_from_git_or_from_another_download(tmp_path, monkeypatch):
    monkeypatch.setattr(helpers, "__file__", str(tmp_path / "helpers/__init__.py"))
    assert "git" not in helpers.restore("data") and "Download" in helpers.restore("data")
    (tmp_path / ".git").write_text("gitdir: elsewhere", encoding="utf-8")  # a worktree's is a file
    assert helpers.restore("data/text").endswith("git checkout -- data/text")


@pytest.mark.parametrize("attributes", ["", "data/** -text\n"], ids=["without .gitattributes", "with .gitattributes"])
def test_the_doctor_knows_windows_line_ends_and_its_cure_mends_them(attributes, tmp_path, monkeypatch):
    def git(*words, cwd):
        subprocess.run(
            ["git", "-c", "user.name=A", "-c", "user.email=a@b", *words], cwd=cwd, check=True, capture_output=True
        )

    names, whole = ("picture", "list.csv"), (b"a picture\r\n\xff", b"one\ntwo\n")
    folder, clone = tmp_path / "course", tmp_path / "clone"
    (folder / "data").mkdir(parents=True)
    for name, content in zip(names, whole, strict=True):
        (folder / "data" / name).write_bytes(content)
    manifest = {name: {"sha256": sha256(content).hexdigest()} for name, content in zip(names, whole, strict=True)}
    (folder / "data/manifest.json").write_text(repr(manifest).replace("'", '"'), encoding="utf-8")
    (folder / "mine.txt").write_text("theirs\n", encoding="utf-8")
    git("init", "-q", cwd=folder)
    git("-c", "core.autocrlf=false", "add", ".", cwd=folder)
    git("commit", "-qm", "The course", cwd=folder)
    git("clone", "-q", "-c", "core.autocrlf=true", str(folder), str(clone), cwd=tmp_path)
    (clone / "mine.txt").write_text("my own work\n", encoding="utf-8")
    monkeypatch.setattr(doctor, "ROOT", clone)

    ((right, line, way),) = doctor.data()
    assert not right and line.startswith("data/list.csv is whole, but") and "line ends" in line
    if attributes:  # they come with a later pull
        (clone / ".gitattributes").write_text(attributes, encoding="utf-8")
    subprocess.run(way, shell=True, cwd=clone, check=True, capture_output=True)
    assert list(doctor.data()) == [(True, "data/, 2 files", "")]
    assert (clone / "mine.txt").read_text(encoding="utf-8") == "my own work\n"
    shutil.rmtree(clone / ".git")
    (clone / "data/list.csv").write_bytes(b"one\r\ntwo\r\n")
    monkeypatch.setattr(helpers, "__file__", str(clone / "helpers/__init__.py"))
    assert "git" not in next(doctor.data())[2], "an unpacked zip has no Git to ask"


def test_the_doctor_sends_a_bare_python_to_make_lab(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    assert doctor.package_is_right("no-such-package>=1")[2] == "make lab"
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/installed").touch()
    assert doctor.package_is_right("no-such-package>=1")[2].startswith("make doctor")


def test_the_doctor_mends_the_courses_own_environment_with_its_own_installer(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv/bin/python"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    assert doctor.package_is_right("no-such-package>=1")[2] == ".venv/bin/python -m helpers.commands.install"
    monkeypatch.setitem(doctor.IMPORTS, "torch", "a_module_that_was_deleted")
    for quick in (True, False):
        right, line, way = doctor.package_is_right("torch", quick)
        assert not right and "does not import" in line and way.endswith("helpers.commands.install --anew")


APPLE = {"system": "darwin", "machine": "arm64", "macos": 15, "musl": False}
LINUX = {"system": "linux", "machine": "x86_64", "macos": 0, "musl": False}
WINDOWS = {"system": "win32", "machine": "amd64", "macos": 0, "musl": False}


@pytest.mark.parametrize(
    "facts, said, way",
    [
        (LINUX, "", ""), (LINUX | {"machine": "aarch64"}, "", ""), (APPLE, "", ""), (WINDOWS, "", ""),
        (LINUX | {"version": (3, 10)}, "3.10 is too old", "PYTHON=python3."),
        (LINUX | {"version": (3, 14)}, "3.14 is too new", "PYTHON=python3."),
        (LINUX | {"kind": "pypy"}, "pypy", "PYTHON=python3."),
        (LINUX | {"kind": "cpythont"}, "cpythont", "PYTHON=python3."),
        (WINDOWS | {"bits": 32, "machine": "win32"}, "32 bits", "64 bits"),
        (LINUX | {"bits": 32}, "32 bits", "64 bits"),
        (LINUX | {"machine": "armv7l"}, "linux on armv7l", "another machine"),
        (LINUX | {"musl": True}, "musl", "another machine"),
        (APPLE | {"machine": "x86_64"}, "Intel Macs", "Binder"),
        (APPLE | {"macos": 13}, "macOS 14", "Update macOS"),
        (WINDOWS | {"machine": "arm64"}, "Windows on ARM", "wsl --install"),
    ],
)  # fmt: skip
def test_a_python_that_some_library_has_no_build_for_is_named_with_a_way_out(facts, said, way, monkeypatch):
    monkeypatch.setattr(doctor, "another_python", lambda: "make lab PYTHON=python3.12")
    facts = {"version": (3, 12), "kind": "cpython", "bits": 64} | facts
    right, line, command = doctor.python_is_right(**facts)
    assert right == (not said) and said in line and way in command and "\n" not in line + command


def test_a_python_that_is_advised_is_one_that_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor.another_python().startswith("Install Python 3.12")
    for name, status in (("python3.13", 1), ("python3.12", 0), ("python3.11", 0)):  # the first: a shim of pyenv's
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {status}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    assert doctor.another_python() == "make lab PYTHON=python3.12"


def test_doctor_and_installer_start_on_an_old_python(monkeypatch):
    old = (False, "Python 3.10 is too old", "")
    monkeypatch.setattr(doctor, "python_is_right", lambda: old)
    assert list(doctor.libraries()) == [old]
    for name in ("__init__", "commands/__init__", "commands/doctor", "commands/install", "commands/report"):
        source = (ROOT / f"helpers/{name}.py").read_text(encoding="utf-8")
        assert ast.parse(source, feature_version=(3, 7)), "it would not even start"
        assert not re.search(r"^(import|from) .*(tomllib|metadata)", source, re.M), "an old Python has neither"


@pytest.fixture
def house(tmp_path):
    """A folder as a learner has it, as far as an install reads it, with a blank and Hangul in its name."""
    folder = tmp_path / "my 과정"
    try:
        os.fsencode(folder)
    except UnicodeEncodeError:  # a system in ASCII can read such a name, but make none
        folder = tmp_path / "my course"
    shutil.copytree(ROOT / "helpers", folder / "helpers", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "requirements.txt").write_text("no-such-package-of-this-course==1\n", encoding="utf-8")
    (folder / "pyproject.toml").write_text("[project]\ndependencies = []\n", encoding="utf-8")
    return folder


def make(folder, *words, **environment):
    """`make WORDS` in a folder, without the network: (exit status, what it printed)."""
    none = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "UV_OFFLINE": "1", "UV_NO_CACHE": "1"}
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    made = subprocess.run(
        ["make", *words], cwd=folder, env=kept | none | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, encoding="utf-8", errors="replace",
    )  # fmt: skip
    return made.returncode, made.stdout


def fake_python(path, before):
    """A Python in which `before` holds: a script that runs this one's `-m MODULE` after those lines."""
    code = (
        f"{before}\nimport runpy; sys.argv[:3] = sys.argv[2:3]; runpy.run_module(sys.argv[0], None, '__main__', True)"
    )
    base = shlex.quote(getattr(sys, "_base_executable", sys.executable))
    path.write_text(f'#!/bin/sh\nexec {base} -c {shlex.quote("import sys; " + code)} "$@"\n', encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    "before, said",
    [
        ("sys.version_info = (3, 14, 0, 'final', 0)", "Python 3.14 is too new"),
        ("import platform, sysconfig; sysconfig.get_config_vars(); sys.platform = 'darwin'; platform.machine = lambda: 'x86_64'", "Intel Macs"),
        ("sys.maxsize = 2**31", "32 bits"),
        ("import shutil, collections; shutil.disk_usage = lambda _: collections.namedtuple('U', 'free')(2e9)", "9 GB of disk, and 2.0 are free"),
        ("import shutil; shutil.which = lambda *_, **__: None; sys.modules['ensurepip'] = None", "sudo apt install python3"),
    ],
    ids=["3.14", "an Intel Mac", "32 bits", "no room", "Debian without ensurepip"],
)  # fmt: skip
def test_make_says_at_once_on_which_machine_it_would_fail(before, said, house, tmp_path):
    status, told = make(house, "lab", f"PYTHON={fake_python(tmp_path / 'python3', before)}")
    assert status and said in told and "Traceback" not in told, told
    assert not (house / ".venv").exists(), "nothing was made, and nothing downloaded"


def test_make_says_where_there_is_no_python_at_all(house):
    for goal in ("lab", "doctor"):
        status, told = make(house, goal, "PYTHON=no-python-of-this-name")
        assert status and "There is no no-python-of-this-name here. Install Python 3.12" in told


def lives_in(house, monkeypatch):
    """The installer's paths, in a house of its own."""
    for name in ("VENV", "PYTHON", "INSTALLED"):
        monkeypatch.setattr(install, name, house / getattr(install, name).relative_to(ROOT))
    monkeypatch.setattr(install, "ROOT", house)


def test_an_install_without_the_network_says_so_and_the_next_call_goes_on(house, monkeypatch):
    if subprocess.run([sys.executable, "-m", "ensurepip", "--version"], capture_output=True).returncode:
        pytest.skip("this Python cannot make a .venv with pip")
    python = getattr(sys, "_base_executable", sys.executable)
    if not os.access(python, os.X_OK):  # as tests/test_elsewhere.py does it, where Python lies in /root
        pytest.skip("make asks access(2) first, which does not see this user's right to start Python")
    status, told = make(house, "lab", f"PYTHON={python}")
    assert status and "Is this machine on the internet? Then type make lab: it goes on" in told, told
    assert "Traceback" not in told
    lives_in(house, monkeypatch)
    assert install.PYTHON.exists() and not install.why_anew() and not install.is_done()
    assert ".venv/bin/python -m helpers.commands.install" in make(house, "-n", "lab")[1]


def stand_in(house):
    """A .venv that is done: its Python is this one."""
    (house / ".venv/bin").mkdir(parents=True)
    (house / ".venv/bin/python").symlink_to(sys.executable)
    (house / ".venv/installed").write_text(f"{house.resolve()}\n", encoding="utf-8")


def test_make_installs_again_where_the_folder_was_moved_or_its_python_is_gone(house, monkeypatch):
    lives_in(house, monkeypatch)
    installs = "helpers.commands.install"
    assert not install.why_anew() and not install.is_done() and installs in make(house, "-n", "lab")[1]
    stand_in(house)
    assert not install.why_anew() and install.is_done() and installs not in make(house, "-n", "lab")[1]
    (house / ".venv/installed").write_text("/another/folder\n", encoding="utf-8")
    assert "moved" in install.why_anew() and not install.is_done() and installs in make(house, "-n", "lab")[1]
    (house / ".venv/installed").write_text(f"{house.resolve()}\n", encoding="utf-8")
    (house / ".venv/bin/python").unlink()
    (house / ".venv/bin/python").symlink_to("/no/such/python3.11")  # a system's upgrade took it
    assert "gone" in install.why_anew() and not install.is_done()
    told = make(house, "-n", "lab")[1]
    assert "python3 -m helpers.commands.install" in told, "the advice must not run the Python that is gone"


def test_a_second_make_waits_for_the_first_and_does_nothing_twice(house):
    stand_in(house)
    (house / "requirements.txt").touch()  # newer: there is something to install
    os.utime(house / "requirements.txt", (2e9, 2e9))
    holder = "import fcntl, sys; f = open('requirements.txt'); fcntl.flock(f, fcntl.LOCK_EX); print(1, flush=True); sys.stdin.read()"
    first = subprocess.Popen([sys.executable, "-c", holder], cwd=house, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    first.stdout.readline()
    second = subprocess.Popen([sys.executable, "-m", install.__name__], cwd=house, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=os.environ | {"PYTHONPATH": str(house)})  # fmt: skip
    assert "This one waits" in second.stdout.readline()
    os.utime(house / "requirements.txt", (1e9, 1e9))  # the first has done it
    first.kill()  # and however it ends, the lock is free
    assert second.wait(timeout=60) == 0 and second.stdout.read() == ""


def test_the_installer_does_what_the_doctor_sends_it_for(monkeypatch, tmp_path):
    """However new the environment's stamp is: a library was deleted from it since."""
    called = []
    monkeypatch.setattr(install, "INSTALLED", tmp_path / "installed")
    monkeypatch.setattr(install, "is_done", lambda: True)
    for name, answer in (("why_anew", ""), ("make_venv", None), ("settings", None)):
        monkeypatch.setattr(install, name, lambda answer=answer: answer)
    monkeypatch.setattr(install, "install_libraries", lambda cpu: called.append(cpu))
    install.main([])
    assert called and (tmp_path / "installed").read_bytes() == os.fsencode(f"{ROOT}\n")


def test_pip_goes_on_where_uv_does_not_get_through(house, monkeypatch, capsys):
    calls = []

    def run(*words, env=None):
        calls.append([str(word) for word in words])
        return 1 if "uv" in calls[-1][0] else 0

    monkeypatch.setattr(install, "run", run)
    monkeypatch.setattr(install, "pips_settings", dict)
    monkeypatch.setattr(install, "find_uv", lambda: "/bin/uv")
    install.install_libraries(cpu=False)
    assert [call[1:3] for call in calls] == [
        ["pip", "install"],
        ["-m", "pip"],
    ] and "pip goes on" in capsys.readouterr().out
    monkeypatch.setattr(install, "find_uv", lambda: None)
    calls.clear()
    install.install_libraries(cpu=False)
    assert len(calls) == 1 and calls[0][-4:] == ["-r", str(ROOT / "requirements.txt"), "-e", "."]


def test_without_cuda_uv_takes_torch_from_pytorchs_own_site(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(install, "CPU_ONLY", tmp_path / "cpu-only.txt")
    monkeypatch.setattr(install, "pips_settings", dict)
    monkeypatch.setattr(install, "run", lambda *words, **_: calls.append(words) or 0)
    monkeypatch.setattr(install, "find_uv", lambda: "/bin/uv")
    install.install_libraries(cpu=True)
    assert "--torch-backend cpu" in " ".join(map(str, calls[0])) and tmp_path / "cpu-only.txt" in calls[0]
    kept = (tmp_path / "cpu-only.txt").read_text(encoding="utf-8")
    assert "torch==" in kept and not re.search(r"^(nvidia|cuda|triton)", kept, re.M)


def test_uv_is_told_pips_settings(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_")) or name == "SSL_CERT_FILE"]:
        monkeypatch.delenv(name)
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = file:///mirror/simple\nfind-links = /a /b\ncert = /c.pem\n", encoding="utf-8"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setattr(install, "PYTHON", sys.executable)
    told = install.pips_settings()
    assert told["UV_DEFAULT_INDEX"] == "file:///mirror/simple" and told["SSL_CERT_FILE"] == "/c.pem"
    assert told["UV_FIND_LINKS"] == "/a,/b" and told["PATH"] == os.environ["PATH"]
    monkeypatch.setenv("UV_DEFAULT_INDEX", "file:///of/uv")
    assert install.pips_settings()["UV_DEFAULT_INDEX"] == "file:///of/uv", "who set up uv meant it"


@pytest.mark.parametrize("signs", ["ascii", "cp1252", "cp949", "utf-8"])
def test_no_command_stops_at_a_sign_that_the_console_cannot_show(signs):
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": signs}
    code = r"import helpers.commands; print('ok \u2714 \uacfc\uc815 \u00e9'); raise SystemExit('\u2714')"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=os.environ | plain, capture_output=True)
    assert said.stdout.startswith(b"ok ") and said.returncode == 1 and b"Error" not in said.stderr
    for name in (path.stem for path in (ROOT / "helpers/commands").glob("*.py")):
        source = (ROOT / f"helpers/commands/{name}.py").read_text(encoding="utf-8")
        assert name == "__init__" or "reconfigure" not in source, "it has one place"


def test_jupyterlab_starts_as_root_in_a_container_and_nowhere_else(monkeypatch, tmp_path):
    for name in lab.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(lab, "CONTAINERS", [str(tmp_path / ".dockerenv")])
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    assert lab.flags_for_root([]) == []
    monkeypatch.setattr(os, "getuid", lambda: 0)
    with pytest.raises(SystemExit, match="make lab LAB_FLAGS=--allow-root"):
        lab.flags_for_root([])
    assert lab.flags_for_root(["--allow-root"]) == []
    for name in lab.VARIABLES:
        with monkeypatch.context() as here:
            here.setenv(name, "true")
            assert lab.flags_for_root([]) == ["--allow-root"]
    (tmp_path / ".dockerenv").touch()
    assert lab.flags_for_root([]) == ["--allow-root"]


def test_make_lab_says_what_is_wrong_and_goes_on_as_far_as_it_can(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "room", lambda: [(False, "notebooks/ cannot be written to", "Copy the course")])
    assert lab.is_ready()
    assert capsys.readouterr().out == "notebooks/ cannot be written to. Copy the course\n"
    monkeypatch.setitem(doctor.IMPORTS, "jupyterlab", "a_module_that_was_deleted")
    assert not lab.is_ready()
    assert "jupyterlab" in capsys.readouterr().out.splitlines()[0]
    monkeypatch.setattr(lab, "is_ready", lambda: True)
    monkeypatch.setitem(sys.modules, "jupyterlab.labapp", None)  # as where a library that it imports was deleted
    with pytest.raises(SystemExit, match="JupyterLab does not start: .*labapp.* Type: "):
        lab.main(["--allow-root"])


def test_make_lab_opens_the_first_lecture_on_localhost_with_its_token():
    assert "-m helpers.commands.lab --no-browser" in make(ROOT, "-n", "lab", "LAB_FLAGS=--no-browser")[1]
    words = lab.arguments(["--allow-root"])
    first = re.search(r"\((notebooks/\d\d_\w+\.ipynb)\)", (ROOT / "README.md").read_text(encoding="utf-8")).group(1)
    assert "--ServerApp.ip=localhost" in words and words[-1].endswith(f"/lab/tree/{first}") and (ROOT / first).exists()
    assert not re.search("token|password|autoreload", " ".join(words))


def test_a_kernel_without_a_tab_is_ended_after_hours_and_no_other():
    from jupyter_server.services.kernels.kernelmanager import MappingKernelManager

    assert any(word.startswith("--MappingKernelManager.cull_idle_timeout=") for word in lab.arguments(["--allow-root"]))
    manager = MappingKernelManager()
    assert manager.has_trait("cull_idle_timeout") and not manager.cull_connected and not manager.cull_busy


def test_make_takes_every_lecture_that_comes_later(house):
    for name in ("09_a", "10_b", "12_c", "draft"):
        (house / "notebooks").mkdir(exist_ok=True)
        (house / f"notebooks/{name}.ipynb").touch()
    told = make(house, "-n", "figures")[1]
    assert told.count("notebooks/09_a.ipynb notebooks/10_b.ipynb notebooks/12_c.ipynb") == 2 and "draft" not in told
