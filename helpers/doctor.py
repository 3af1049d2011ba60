"""Looks whether this machine is ready for the course: one line a requirement.

    python -m helpers.doctor

Each line says what is right, or what is wrong and the command that mends it. Exits with 1 where something is wrong.
It runs on a bare Python, before anything is installed.
"""

import importlib
import importlib.metadata
import json
import sys
import tomllib
from hashlib import sha256
from pathlib import Path

try:
    from packaging.requirements import Requirement
except ImportError:  # nothing is installed yet: pip carries its own copy
    from pip._vendor.packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
IMPORTS = {"scikit-learn": "sklearn", "pytest-xdist": "xdist"}  # where the module has another name


def python_is_right(version=sys.version_info):
    found = f"Python {version[0]}.{version[1]}"
    if tuple(version[:2]) >= (3, 11):
        return True, found
    return False, f"{found} is too old: install 3.11 or newer, then: make lab PYTHON=python3.12"


def package_is_right(text):
    """Whether one requirement, such as `"torch==2.14.1"`, is installed in that version and imports."""
    wanted = Requirement(text)
    mend = f'{sys.executable} -m pip install -r requirements.txt -e "."'
    try:
        found = importlib.metadata.version(wanted.name)
    except importlib.metadata.PackageNotFoundError:
        return False, f"{wanted.name} is not installed: {mend}"
    if not wanted.specifier.contains(found, prereleases=True):
        return False, f"{wanted.name} {found} is installed, {wanted.specifier} is needed: {mend}"
    try:
        importlib.import_module(IMPORTS.get(wanted.name, wanted.name.replace("-", "_")))
    except Exception as error:  # a broken library can raise anything
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return False, f"{wanted.name} {found} does not import ({reason}): {mend} --force-reinstall"
    return True, f"{wanted.name} {found}"


def data_file_is_right(name, expected):
    path = ROOT / "data" / name
    if path.is_file() and sha256(path.read_bytes()).hexdigest() == expected["sha256"]:
        return True, f"data/{name}"
    return False, f"data/{name} is {'damaged' if path.is_file() else 'missing'}: git checkout -- data/{name}"


def examine():
    """Yields (right, line) for Python, for each direct requirement and for each data file."""
    yield python_is_right()
    for text in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]:
        yield package_is_right(text)
    for name, expected in json.loads((ROOT / "data" / "manifest.json").read_text()).items():
        yield data_file_is_right(name, expected)


def main():
    wrong = 0
    for right, line in examine():
        print("ok   " if right else "WRONG", line, flush=True)
        wrong += not right
    print(f"{wrong} to mend: run the command at the end of each line." if wrong else "Ready: make lab")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
