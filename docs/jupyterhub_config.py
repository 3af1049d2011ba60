"""A JupyterHub for one room. HUB_PASSWORD=... .venv/bin/jupyterhub -f docs/jupyterhub_config.py"""

import os
import sys
from pathlib import Path

from helpers.commands import assignments, lab

NOTEBOOKS = assignments.NOTEBOOKS
FOLDER = Path(os.environ.get("HUB_FOLDER", NOTEBOOKS.parent / "results" / "hub"))


def give(spawner):
    """Before a learner's server starts: lectures and assignments of their own, never over what is there."""
    own = Path(spawner.home_dir, "notebooks")
    for lecture in NOTEBOOKS.glob("*.ipynb"):
        assignments.write_new(own / lecture.name, lecture.read_bytes())
    assignments.copy(own / "work")


FOLDER.mkdir(parents=True, exist_ok=True)
os.chdir(FOLDER)  # the hub's own files
c = get_config()  # noqa: F821  JupyterHub brings it
# All settings: where it listens, who comes in, and what they get.
c.JupyterHub.bind_url = "http://127.0.0.1:8000"
c.JupyterHub.authenticator_class = "shared-password"
c.SharedPasswordAuthenticator.user_password = os.environ["HUB_PASSWORD"]  # eight signs or more
c.Authenticator.allow_all = True
c.Authenticator.username_pattern = r"\w[\w.-]*"  # it names a folder
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = str(FOLDER / "homes" / "{username}")
c.Spawner.cmd = [sys.executable, "-m", "jupyterhub.singleuser", *lab.flags_for_root([])]
c.Spawner.pre_spawn_hook = give
c.Spawner.start_timeout = c.Spawner.http_timeout = 400  # seconds: a whole class comes at once
c.ConfigurableHTTPProxy.command = str(Path(sys.executable).with_name("configurable-http-proxy"))
