"""Opens the course in JupyterLab: on this machine alone, with a token, and after a look at what it needs.

python -m helpers.commands.lab [--korean] [flags of jupyter lab]
"""

import os
import sys
from pathlib import Path

from helpers.commands import doctor

CONTAINERS = "/.dockerenv", "/run/.containerenv"
VARIABLES = "CODESPACES", "KUBERNETES_SERVICE_HOST", "container"  # the last: Podman's and systemd's
HOURS = 4  # that a kernel may idle after its tab was closed. It computes nothing then, and holds up to 2 GB of memory.


def in_a_container():
    return any(map(os.path.exists, CONTAINERS)) or any(map(os.environ.get, VARIABLES))


def flags_for_root(flags):
    """JupyterLab refuses root, whose mistakes nothing stops. In a container there often is nobody else."""
    if getattr(os, "getuid", lambda: 1)() or "--allow-root" in flags:
        return []
    if in_a_container():
        return ["--allow-root"]
    sys.exit(
        "You are root, and JupyterLab does not start as root. Open a terminal as yourself, without sudo. "
        "If there is nobody else on this machine: make lab LAB_FLAGS=--allow-root"
    )


def is_ready():
    """Says what is wrong in a line each, with the way out. Returns whether JupyterLab can start all the same."""
    missing = [(line, way) for right, line, way in doctor.libraries(quick=True) if not right]
    for line, way in missing + [(line, way) for right, line, way in (*doctor.data(), *doctor.room()) if not right]:
        print(f"{line}. {way}", flush=True)
    return not missing


def arguments(flags, folder="notebooks"):
    first = min((doctor.ROOT / folder).glob("[0-9][0-9]_*.ipynb"), default=Path("README.md")).name
    return [
        "--ServerApp.ip=localhost",
        f"--ServerApp.root_dir={doctor.ROOT}",
        "--LanguageServerManager.autodetect=False",
        f"--MappingKernelManager.cull_idle_timeout={HOURS * 3600}",
        *flags_for_root(flags),
        *flags,
        f"--LabApp.default_url=/lab/tree/{folder}/{first}",
    ]


def main(flags):
    korean = "--korean" in flags
    flags = [flag for flag in flags if flag != "--korean"]
    flags_for_root(flags)  # whether it may start at all
    if not is_ready():
        return 1
    try:
        from jupyterlab.labapp import main as lab

        from helpers.commands import assignments
    except ImportError as error:  # a library of JupyterLab's own
        sys.exit(f"JupyterLab does not start: {error}. Type: {doctor.install(' --anew')}")
    if korean:
        from helpers.commands import korean as edition

        edition.write()
        assignments.copy(edition.WORK, edition.EDITION / "assignments")
        return lab(arguments(flags, "notebooks/ko"))
    assignments.copy()
    return lab(arguments(flags))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
