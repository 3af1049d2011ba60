"""Installs the course's libraries into .venv, and says how far it is. The next call goes on where one was interrupted.

    python -m helpers.commands.install [--cpu] [--anew]

--cpu: PyTorch without CUDA, from then on (for Linux). --anew: deletes .venv first. It runs on a bare Python.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
from importlib import util

from helpers.commands import doctor

try:
    from fcntl import LOCK_EX, LOCK_NB, flock
except ImportError:  # Windows
    flock = None

ROOT = doctor.ROOT
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
INSTALLED = VENV / "installed"  # holds the folder's path: a .venv works only where it was made
CPU_ONLY = VENV / "cpu-only.txt"
BASE = getattr(sys, "_base_executable", sys.executable)  # the Python that this one's .venv was made from
ROOM = {False: 9, True: 3}  # GB, with and without --cpu: what lies on the disk in the end, and what is unpacked
TORCH = "Lib/site-packages/torch" if os.name == "nt" else "lib/python*/site-packages/torch"
CUDA = "nvidia|cuda|triton"
EXTENSIONS = "@jupyter/nbgrader", "@jupyterlab/apputils-extension:announcements"
PANELS = ["assignment_list", "course_list", "formgrader", "validate_assignment"]


def run(*words, **options):
    """Runs a command in the course's folder. Returns its exit status, 127 where there is no such command."""
    try:
        return subprocess.run([str(word) for word in words], cwd=str(ROOT), **options).returncode
    except OSError:
        return 127


def quiet(*words):
    return run(*words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def again():
    return "make lab" if os.name == "posix" else "py -3.12 -m helpers.commands.install"


@contextlib.contextmanager
def alone():
    """Waits until no other call installs into this folder, and yields whether it had to.

    The system frees the lock however a call ends.
    """
    waited = False
    with open(str(ROOT / "requirements.txt"), encoding="utf-8") as held:
        if flock is not None:
            try:
                flock(held, LOCK_EX | LOCK_NB)
            except BlockingIOError:
                waited = True
                print("Another call is installing into this folder. This one waits for it.", flush=True)
                flock(held, LOCK_EX)
            except OSError:  # a shared disk that knows no locks
                pass
        yield waited


def made_in():
    """The folder that .venv was made in, "" where no install got to its end."""
    return os.fsdecode(INSTALLED.read_bytes()).strip() if INSTALLED.exists() else ""


def is_done():
    """Whether .venv was made in this folder for these requirements, and its Python still runs."""
    try:
        newest = max((ROOT / name).stat().st_mtime for name in ("requirements.txt", "pyproject.toml"))
        return made_in() == str(ROOT) and INSTALLED.stat().st_mtime >= newest and quiet(PYTHON, "-c", "") == 0
    except OSError:
        return False


def why_anew():
    """Why a .venv that is there can't be gone on with; "" where it can, or where there is none."""
    if not VENV.is_dir():
        return ""
    if made_in() not in ("", str(ROOT)):
        return "this folder was moved or copied after the install"
    if quiet(PYTHON, "-c", ""):
        return "its Python is gone or broken"
    version = "import sys; sys.exit(sys.version_info[:2] != ({}, {}))".format(*sys.version_info[:2])
    return "it is of another Python" if quiet(PYTHON, "-c", version) else ""


def make_venv():
    """Makes .venv, where there is none, with pip or (where Debian left that out) for uv."""
    if PYTHON.exists():
        return
    if util.find_spec("ensurepip") and util.find_spec("venv"):
        status = run(BASE, "-m", "venv", VENV)
    elif shutil.which("uv"):
        status = run("uv", "venv", "--quiet", "--python", BASE, VENV)
    else:
        package = "python{}.{}-venv".format(*sys.version_info[:2])
        sys.exit(
            f"This Python lacks venv, as Debian's and Ubuntu's do. Type: sudo apt install {package}\nThen: {again()}"
        )
    if status:
        sys.exit(f"The folder .venv could not be made; the reason stands above. When it is mended: {again()}")


def pips_settings():
    """pip's settings, a network's mirror say, as an environment for uv, which does not read them."""
    told = subprocess.run(
        [str(PYTHON), "-m", "pip", "config", "list"], capture_output=True, encoding="utf-8", errors="replace"
    )
    settings = dict(re.findall(r"^(?:global|install|:env:)\.([\w-]+)='(.*)'$", told.stdout or "", re.M))
    names = {
        "index-url": "UV_DEFAULT_INDEX",
        "extra-index-url": "UV_INDEX",
        "find-links": "UV_FIND_LINKS",
        "cert": "SSL_CERT_FILE",
    }
    own = {names[name]: value for name, value in settings.items() if name in names}
    if "UV_FIND_LINKS" in own:
        own["UV_FIND_LINKS"] = own["UV_FIND_LINKS"].replace(" ", ",")
    if "UV_INDEX" in own:  # as pip: the best version of all, wherever it lies
        own["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return {"UV_HTTP_TIMEOUT": "180", **own, **os.environ}  # a slow line needs patience


def find_uv():
    """The command that is uv: .venv's own, which pip gets, or else the machine's. None where there is neither."""
    if not (BIN / "uv").exists() and not (BIN / "uv.exe").exists():
        if quiet(PYTHON, "-m", "pip", "--version"):
            quiet(PYTHON, "-m", "ensurepip")  # an install that was stopped before it had pip
        quiet(PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--retries", "1", "uv")
    return shutil.which("uv", path=str(BIN)) or shutil.which("uv")


def install_libraries(cpu):
    """uv is quick. Where it can't be had, or does not get through, pip goes on with what is there."""
    requirements, more = ROOT / "requirements.txt", []
    if cpu:
        kept = [line for line in requirements.read_text(encoding="utf-8").splitlines() if not re.match(CUDA, line)]
        CPU_ONLY.write_text("\n".join(kept) + "\n", encoding="utf-8")
        requirements, more = CPU_ONLY, ["--torch-backend", "cpu"]
    wanted = ["-r", requirements, "-e", "."]
    uv = find_uv()
    if uv and run(uv, "pip", "install", "--python", PYTHON, *more, *wanted, env=pips_settings()) == 0:
        return
    if cpu and sys.platform == "linux":
        sys.exit(f"{reason()} If only PyTorch's own site is out of reach: rm -rf .venv, then make lab without CPU=1.")
    print("uv did not get through, pip goes on." if uv else "There is no uv here, pip goes on.", flush=True)
    if run(PYTHON, "-m", "pip", "install", "--disable-pip-version-check", *wanted):
        sys.exit(f"{reason()} Then type {again()}: it goes on with what is there.")


def reason():
    """Why libraries may not have arrived: a line."""
    free = shutil.disk_usage(str(ROOT)).free / 1e9
    if free < 1:
        return f"The disk is full ({free:.1f} GB are left). Make room."
    return "Not every library arrived; the reason stands above. Is this machine on the internet?"


def settings():
    """Not for learners: the instructor's panels, and the pop-up that asks for news from the internet."""
    servers = [f"nbgrader.server_extensions.{name}" for name in PANELS]
    for words in (
        ["labextension", "disable", "--level=sys_prefix", *EXTENSIONS],
        ["server", "extension", "disable", "--sys-prefix", *servers],
    ):
        told = subprocess.run(
            [str(PYTHON), "-m", "jupyter", *words],
            cwd=str(ROOT),
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )
        if told.returncode:
            mend = f"{PYTHON.relative_to(ROOT)} -m helpers.commands.install --anew"
            sys.exit(f"{told.stdout}{told.stderr}JupyterLab does not start. Type: {mend}")


def main(words):
    right, line, way = doctor.python_is_right()
    if not right:
        sys.exit(f"{line}.\n{way}")
    cpu = "--cpu" in words or CPU_ONLY.exists()
    with alone() as waited:
        if waited and is_done():
            return
        why = "you asked for it" if "--anew" in words else why_anew()
        if why:
            print(f"The folder .venv is made anew: {why}.", flush=True)
            shutil.rmtree(str(VENV), ignore_errors=True)
        free, needed = shutil.disk_usage(str(ROOT)).free / 1e9, ROOM[cpu]
        if free < needed and not any(VENV.glob(TORCH)):
            less = ", or type make lab CPU=1, which needs 3" if sys.platform == "linux" and not cpu else ""
            sys.exit(f"The libraries need {needed} GB of disk, and {free:.1f} are free. Make room{less}.")
        print(f"1 of 3: {line} gets a folder of its own, .venv", flush=True)
        make_venv()
        print("2 of 3: the libraries are fetched and unpacked, about {} GB".format("1.5" if cpu else "6"), flush=True)
        install_libraries(cpu)
        print("3 of 3: JupyterLab's settings", flush=True)
        settings()
        INSTALLED.write_bytes(os.fsencode(f"{ROOT}\n"))  # a path may hold what no encoding knows


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(f"\nStopped. {again()} goes on from here.")
    except OSError as error:
        sys.exit(f"The install stopped: {error}. When it is mended: {again()}")
