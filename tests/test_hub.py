"""docs/jupyterhub_config.py: a hub starts, a learner comes in, opens their copies, runs a check, and the hub stops."""

import json
import locale
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.definitions import NOTEBOOKS

ROOT = NOTEBOOKS.parent
BIN = Path(sys.executable).parent
LEARNER, PASSWORD = "이서윤", "ducks and drakes"
SECONDS = 420  # a busy machine starts slowly
CHECK = """import math
from helpers.checks import check
def numbers_in(shape): return math.prod(shape)
print("marks:", check("0.0", numbers_in))"""


def free_ports(number):
    held = [socket.socket() for _ in range(number)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def until(true, what):
    """Waits for what `true()` gives that is not false."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if found := true():
            return found
        time.sleep(0.3)
    raise TimeoutError(what)


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """The hub's address, its folder, and its process."""
    if not str(ROOT).isascii() and locale.getencoding().lower() != "utf-8":
        pytest.skip("alembic reads its settings, which name this folder, in the system's encoding: set LC_ALL=C.UTF-8")
    pytest.importorskip("jupyterhub", reason="no JupyterHub here: make lab installs it")
    if os.name == "nt" or not shutil.which("configurable-http-proxy", path=BIN):
        pytest.skip("JupyterHub runs on Linux and macOS, with its proxy: make lab installs it")
    folder = tmp_path_factory.mktemp("hub")
    port, hub_port, api_port = free_ports(3)
    words = [
        BIN / "jupyterhub",
        "-f",
        ROOT / "docs/jupyterhub_config.py",
        f"--JupyterHub.bind_url=http://127.0.0.1:{port}",
    ]
    words += [f"--JupyterHub.hub_port={hub_port}", f"--ConfigurableHTTPProxy.api_url=http://127.0.0.1:{api_port}"]
    told = {"HUB_FOLDER": str(folder), "HUB_PASSWORD": PASSWORD, "PYTHONPATH": str(ROOT), "container": "a test's root"}
    log = folder / "log"
    with open(log, "w", encoding="utf-8") as written:
        process = subprocess.Popen(
            words, env=os.environ | told, stdout=written, stderr=written, cwd=folder, start_new_session=True
        )
    try:
        until(
            lambda: "is now running" in log.read_text(encoding="utf-8") or process.poll() is not None, "the hub's start"
        )
        assert process.poll() is None, log.read_text(encoding="utf-8")[-3000:]
        yield f"http://127.0.0.1:{port}", folder, process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def log_in(address, name, password):
    """A browser's session after the form was sent, and the answer."""
    import requests

    session = requests.Session()
    session.get(f"{address}/hub/login")
    form = {"username": name, "password": password, "_xsrf": session.cookies.get("_xsrf", path="/hub/")}
    return session, session.post(f"{address}/hub/login", data=form, allow_redirects=False)


@pytest.mark.parametrize("name, password", [(LEARNER, "wrong"), (LEARNER, ""), ("../x", PASSWORD), ("..", PASSWORD)])
def test_no_one_comes_in_without_the_password_or_under_a_path(hub, name, password):
    session, answer = log_in(hub[0], name, password)
    assert answer.status_code in (400, 403) and "jupyterhub-session-id" not in answer.headers.get("set-cookie", "")
    assert not (hub[1] / "homes").exists() or not any("x" in home.name for home in (hub[1] / "homes").iterdir())


def test_a_learner_comes_in_opens_their_copy_runs_a_check_and_goes(hub):
    import websocket

    address, folder, process = hub
    session, answer = log_in(address, LEARNER, PASSWORD)
    assert answer.status_code == 302
    xsrf = {"X-XSRFToken": session.cookies.get("_xsrf", path="/hub/")}
    user = f"{address}/hub/api/users/{quote(LEARNER)}"
    token = session.post(f"{user}/tokens", json={"note": "test", "expires_in": 600}, headers=xsrf)
    assert token.status_code in (200, 201), token.text
    mine = {"Authorization": f"token {token.json()['token']}"}
    import requests

    # spawn
    assert requests.post(f"{user}/server", headers=mine).status_code in (201, 202)
    until(lambda: requests.get(user, headers=mine).json()["servers"].get("", {}).get("ready"), "the learner's server")
    server = f"{address}/user/{quote(LEARNER)}"
    # open
    page = requests.get(f"{server}/lab", headers=mine)
    assert page.status_code == 200 and "JupyterLab" in page.text
    there = requests.get(f"{server}/api/contents/notebooks/work", headers=mine).json()["content"]
    assert sorted(each["name"] for each in there) == sorted(
        f"my_{path.name}" for path in (NOTEBOOKS / "assignments").glob("*.ipynb")
    )
    home = folder / "homes" / LEARNER / "notebooks"
    lecture = "00_multimodal_learning.ipynb"
    assert (home / lecture).read_bytes() == (NOTEBOOKS / lecture).read_bytes()
    # run a check
    kernel = requests.post(f"{server}/api/kernels", headers=mine, json={"name": "python3"}).json()["id"]
    channels = websocket.create_connection(
        f"{server}/api/kernels/{kernel}/channels".replace("http:", "ws:"),
        header=[f"Authorization: {mine['Authorization']}"],
        timeout=SECONDS,
    )
    header = {"msg_id": "one", "session": "test", "username": "", "msg_type": "execute_request", "version": "5.3"}
    content = {"code": CHECK, "silent": False, "store_history": False, "allow_stdin": False, "stop_on_error": True}
    request = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    channels.send(json.dumps(request))
    said, awaited = "", {"execute_reply", "idle"}  # what is printed may come later than the reply, but not than this
    while awaited:
        message = json.loads(channels.recv())
        if message["parent_header"].get("msg_id") == header["msg_id"]:
            awaited -= {message["msg_type"], message["content"].get("execution_state")}
        said += message["msg_type"] + json.dumps(message["content"].get("text", message["content"].get("evalue", "")))
    channels.close()
    assert "Exercise 0.0 is solved" in said and "marks: 1.0" in said, said
    # stop
    assert requests.delete(f"{user}/server", headers=mine).status_code in (202, 204)
    until(lambda: not requests.get(user, headers=mine).json()["servers"].get(""), "the end of the learner's server")
    # what a learner wrote stays when they come again
    (home / lecture).write_text("mine", encoding="utf-8")
    assert requests.post(f"{user}/server", headers=mine).status_code in (201, 202)
    until(lambda: requests.get(user, headers=mine).json()["servers"].get("", {}).get("ready"), "the server again")
    assert (home / lecture).read_text(encoding="utf-8") == "mine"
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) is not None
    log = (folder / "log").read_text(encoding="utf-8")
    assert PASSWORD not in log and not re.search("Traceback", log), log[-3000:]


def test_the_hub_listens_on_this_machine_alone():
    text = (ROOT / "docs/jupyterhub_config.py").read_text(encoding="utf-8")
    assert re.findall("bind_url = (.*)", text) == ['"http://127.0.0.1:8000"']
