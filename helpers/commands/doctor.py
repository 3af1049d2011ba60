"""Looks whether this machine is ready for the course: a line for Python, for each library and for the data.

    python -m helpers.commands.doctor

Each line says what is right or wrong; the last lines are the commands that mend it, and 1 is then the exit status.
It runs on a bare Python, before anything is installed, and says so of one that is too old.
"""

import importlib
import json
import os
import re
import sys
from hashlib import sha256
from pathlib import Path

try:
    from packaging.specifiers import SpecifierSet
except ImportError:  # it comes with JupyterLab: nothing is installed yet
    SpecifierSet = None

ROOT = Path(__file__).resolve().parents[2]
IMPORTS = {"scikit-learn": "sklearn", "pytest-xdist": "xdist"}  # where the module has another name


def python_is_right(version=sys.version_info):
    found = f"Python {version[0]}.{version[1]}"
    if tuple(version[:2]) >= (3, 11):
        return True, found, ""
    return False, f"{found} is too old: install 3.11 or newer", "make lab PYTHON=python3.12"


def install(more=""):
    """The command that installs the libraries: into this Python if it is the course's own, or else a new one."""
    if sys.prefix == sys.base_prefix and not Path(sys.prefix, "conda-meta").is_dir():
        if (ROOT / ".venv/installed").exists():
            return ".venv/bin/python -m helpers.commands.doctor  # the libraries are there, not in this Python"
        return "make lab" if os.name == "posix" else "the commands for Windows in README.md"
    here = Path(sys.executable)
    python = here.relative_to(ROOT) if here.is_relative_to(ROOT) else "python"
    return f"{python} -m pip install -r requirements.txt -e .{more}"


def package_is_right(text):
    """Whether one requirement, such as `"torch==2.14.1"`, is installed in that version and imports."""
    from importlib import metadata  # an old Python has none

    name, wanted = re.match(r"([\w-]+)(.*)", text).groups()
    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        return False, f"{name} is not installed", install()
    if SpecifierSet is None or not SpecifierSet(wanted).contains(found, prereleases=True):
        return False, f"{name} {found} is installed, {wanted} is needed", install()
    try:
        importlib.import_module(IMPORTS.get(name, name.replace("-", "_")))
    except Exception as error:  # a broken library can raise anything
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return False, f"{name} {found} does not import ({reason})", install(" --force-reinstall")
    return True, f"{name} {found}", ""


def data_file_is_right(name, expected):
    path = ROOT / "data" / name
    if path.is_file() and sha256(path.read_bytes()).hexdigest() == expected["sha256"]:
        return True, f"data/{name}", ""
    return False, f"data/{name} is {'damaged' if path.is_file() else 'missing'}", "git checkout -- data"


def examine():
    """Yields (right, line, command that mends) for Python, each direct requirement, and the data or its wrong files."""
    yield python_is_right()
    if not python_is_right()[0]:
        return
    import tomllib  # an older Python has none

    for text in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]:
        yield package_is_right(text)
    manifest = json.loads((ROOT / "data" / "manifest.json").read_text(encoding="utf-8"))
    files = [data_file_is_right(name, expected) for name, expected in manifest.items()]
    yield from [file for file in files if not file[0]] or [(True, f"data/, {len(files)} files", "")]


def main():
    mend = []
    for right, line, command in examine():
        print("ok   " if right else "WRONG", line, flush=True)
        mend += [] if right else [command]
    print(f"{len(mend)} to mend. Type:" if mend else "Ready: make lab", *dict.fromkeys(mend), sep="\n  ")
    return 1 if mend else 0


if __name__ == "__main__":
    sys.exit(main())
