"""Looks whether this machine is ready for the course: a line for Python, each library, the data and the folders.

    python -m helpers.commands.doctor            # or: make doctor
    python -m helpers.commands.doctor --report   # what to send when something fails: no names, no paths

Each line says what is right or wrong; the last lines are the commands that mend it, and 1 is then the exit status.
It runs on a bare Python, before anything is installed, and says so of one that does not fit.
"""

import importlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from hashlib import sha256
from pathlib import Path

from helpers import restore

try:
    from packaging.specifiers import SpecifierSet
except ImportError:  # it comes with JupyterLab: nothing is installed yet
    SpecifierSet = None

ROOT = Path(__file__).resolve().parents[2]
IMPORTS = {"scikit-learn": "sklearn", "pytest-xdist": "xdist"}  # where the module has another name
FIRST, LAST = (3, 11), (3, 13)  # as in pyproject.toml. gensim 4.4 has no build for 3.14.
MACHINES = {"linux": ("x86_64", "aarch64"), "darwin": ("arm64",), "win32": ("amd64",)}  # that PyTorch is built for
ROOM = 0.5  # GB: what a lecture may write


def this_python():
    """What the libraries' builds differ in: a dict of Python's version and kind, and of the machine it was made for."""
    windows = sys.platform == "win32"  # there the machine may run a Python that was made for another
    return {
        "version": tuple(sys.version_info[:2]),
        "kind": sys.implementation.name + ("t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""),
        "bits": 64 if sys.maxsize > 2**32 else 32,
        "system": sys.platform,
        "machine": sysconfig.get_platform().replace("win-", "") if windows else platform.machine(),
        "musl": "musl" in (sysconfig.get_config_var("SOABI") or ""),
        "macos": int(platform.mac_ver()[0].split(".")[0] or 0),
    }


def another_python():
    """How to come by a Python that fits: one that is on this machine, or else a new one."""
    for name in ("python3.13", "python3.12", "python3.11"):
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        # It is run, for pyenv has a name for each version, of which most fail.
        if shutil.which(name) and subprocess.call([name, "-c", ""], **quiet) == 0:
            return f"make lab PYTHON={name}"
    then = "make lab PYTHON=python3.12" if os.name == "posix" else "py -3.12 -m helpers.commands.install"
    return f"Install Python 3.12 (python.org has it), then type: {then}"


def python_is_right(**facts):
    """Whether every library has a build for this Python: (right, line, way out). `facts` replace some of its own."""
    python = {**this_python(), **facts}
    name, system, machine = "Python {}.{}".format(*python["version"]), python["system"], python["machine"]
    elsewhere = "Use another machine, or Binder (README.md has both)"
    if python["version"] < FIRST:
        return False, f"{name} is too old: 3.11, 3.12 and 3.13 work", another_python()
    if python["version"] > LAST:
        return (
            False,
            f"{name} is too new, not every library has a build for it: 3.11, 3.12 and 3.13 work",
            another_python(),
        )
    if python["kind"] != "cpython":
        return (
            False,
            f"{name} is of another kind ({python['kind']}), which the libraries have no build for",
            another_python(),
        )
    if python["bits"] != 64:
        return False, f"{name} has 32 bits, and PyTorch needs 64", "Install Python 3.12 for 64 bits"
    if (system, machine) == ("darwin", "x86_64"):
        way = f"On a Mac with Apple's chip, install Python from python.org. On an Intel Mac: {elsewhere}"
        return False, f"{name} is one for Intel Macs, for which PyTorch is no longer built", way
    if system == "darwin" and python["macos"] < 14:
        return False, f"PyTorch needs macOS 14 or newer, and this is {python['macos']}", "Update macOS"
    if (system, machine) == ("win32", "arm64"):
        way = "Type wsl --install, and go on in its Ubuntu as on Linux"
        return False, f"{name} is one for Windows on ARM, for which PyTorch is not built", way
    if python["musl"] or machine not in MACHINES.get(system, (machine,)):
        return False, f"PyTorch is not built for {'musl' if python['musl'] else system} on {machine}", elsewhere
    return True, name, ""


def install(more=""):
    """The command that installs the libraries: into this Python if it is the course's own, or else a new one."""
    if sys.prefix == sys.base_prefix and not Path(sys.prefix, "conda-meta").is_dir():
        if (ROOT / ".venv/installed").exists() and os.name == "posix":
            return "make doctor  # the libraries are in .venv, not in this Python"
        return "make lab" if os.name == "posix" else "py -3.12 -m helpers.commands.install"
    here = Path(sys.executable)
    if here.is_relative_to(ROOT / ".venv") and os.name == "nt":  # it cannot delete itself
        return f"py -3.12 -m helpers.commands.install{more}"
    if here.is_relative_to(ROOT / ".venv"):
        return f"{here.relative_to(ROOT)} -m helpers.commands.install{more}"
    return "python -m pip install -r requirements.txt -e ." + more.replace("--anew", "--force-reinstall")


def package_is_right(text, quick=False):
    """Whether one requirement, such as `"torch==2.14.1"`, is installed in that version and imports.

    `quick` looks whether its module is there, and does not import it.
    """
    from importlib import metadata, util  # an old Python has none

    name, wanted = re.match(r"([\w-]+)(.*)", text).groups()
    module = IMPORTS.get(name, name.replace("-", "_"))
    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        return False, f"{name} is not installed", install()
    if SpecifierSet is None or not SpecifierSet(wanted).contains(found, prereleases=True):
        return False, f"{name} {found} is installed, {wanted} is needed", install()
    try:
        if not quick:
            importlib.import_module(module)
        elif util.find_spec(module) is None:
            raise ImportError(f"No module named '{module}'")
    except Exception as error:  # a broken library can raise anything
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return False, f"{name} {found} does not import ({reason})", install(" --anew")
    return True, f"{name} {found}", ""


def libraries(quick=False):
    """Yields (right, line, way out) for Python and for each direct requirement."""
    yield python_is_right()
    if not python_is_right()[0]:
        return
    import tomllib  # an older Python has none

    for text in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]:
        yield package_is_right(text, quick)


def data_file_is_right(name, expected):  # as helpers.data.checked, which a bare Python can't import
    path = ROOT / "data" / name
    if not path.is_file():
        return False, f"data/{name} is missing", restore("data")
    content = path.read_bytes()
    if sha256(content).hexdigest() == expected["sha256"]:
        return True, f"data/{name}", ""
    if sha256(content.replace(b"\r\n", b"\n")).hexdigest() == expected["sha256"]:
        # Git takes a file that it has changed itself for unchanged: it must forget it before it writes it anew.
        cure = "git rm -r -q --cached data\n  git -c core.autocrlf=false checkout HEAD -- data"
        cure = cure if (ROOT / ".git").exists() else restore("data")
        return False, f"data/{name} is whole, but Git gave it the line ends of Windows", cure
    return False, f"data/{name} is damaged", restore("data")


def data():
    """Yields (right, line, way out) for the files of data/ that are wrong, or one line for all."""
    try:
        manifest = json.loads((ROOT / "data" / "manifest.json").read_text(encoding="utf-8"))
        files = [data_file_is_right(name, expected) for name, expected in manifest.items()]
    except FileNotFoundError:
        files = [(False, "data/manifest.json, the list of the data, is missing", restore("data"))]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # unreadable, cut, or something else
        files = [(False, "data/manifest.json, the list of the data, is damaged", restore("data"))]
    wrong = [file for file in files if not file[0]]
    yield from wrong or [(True, f"data/, {len(files)} files", "")]


def room():
    """Yields (right, line, way out) for the folders that the course writes to, and for the disk."""
    for name in ("notebooks", "results"):
        folder = ROOT / name if (ROOT / name).is_dir() else ROOT
        try:
            tempfile.TemporaryFile(dir=str(folder)).close()
            yield True, f"{name}/ can be written to", ""
        except OSError as error:
            cure = (
                "Make the folder writable, or copy the course into a folder of your own: what you do here is not kept"
            )
            yield False, f"{name}/ cannot be written to ({error.strerror or error})", cure
    free = shutil.disk_usage(str(ROOT)).free / 1e9
    yield free >= ROOM, f"{free:.1f} GB of disk are free", "Make room on the disk: nothing new can be kept"


def examine():
    """Yields (right, line, way out) for Python, each direct requirement, the data and the folders."""
    yield from libraries()
    yield from data()
    yield from room()


def main(words=()):
    if "--report" in words:
        from helpers.commands import report

        print(report.HOW, report.report(), sep="\n")
        return 0
    mend = []
    for right, line, way in examine():
        print("ok   " if right else "WRONG", line, flush=True)
        mend += [] if right else [way]
    print(f"{len(mend)} to mend:" if mend else "Ready: make lab", *dict.fromkeys(mend), sep="\n  ")
    return 1 if mend else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
