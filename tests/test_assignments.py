"""One's own copies of the assignments: made whole, found again under the old name, never overwritten."""

import errno
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from helpers.commands import assignments
from tests.definitions import NOTEBOOKS

ROOT = NOTEBOOKS.parent
PATTERNS = sorted((NOTEBOOKS / "assignments").glob("*.ipynb"))


def notebook(*sources, banner=False):
    """The bytes of a notebook with these text cells."""
    cells = [nbformat.v4.new_markdown_cell(source, id=f"cell-{i}") for i, source in enumerate(sources)]
    if banner:
        cells.insert(0, nbformat.v4.new_markdown_cell("This is the pattern", id="pattern"))
    return (nbformat.writes(nbformat.v4.new_notebook(cells=cells)) + "\n").encode()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A notebooks folder of two patterns, which the commands take for the course's."""
    monkeypatch.setattr(assignments, "NOTEBOOKS", tmp_path / "notebooks")
    for name in ("01_a.ipynb", "02_b.ipynb"):
        (tmp_path / "notebooks/assignments").mkdir(parents=True, exist_ok=True)
        (tmp_path / "notebooks/assignments" / name).write_bytes(notebook(f"the pattern of {name}: 그림", banner=True))
    return tmp_path / "notebooks"


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("path", PATTERNS, ids=lambda path: path.stem)
def test_a_pattern_begins_with_a_banner_and_ones_own_copy_has_none(path):
    pattern, own = json.loads(path.read_bytes()), json.loads(assignments.own_copy(path.read_bytes()))
    banner = pattern["cells"][0]
    assert banner["cell_type"] == "markdown" and "not your copy" in "".join(banner["source"])
    assert f"](../work/my_{path.name})" in "".join(banner["source"])
    code = [cell for cell in own["cells"] if cell["cell_type"] == "code"]
    assert [cell["metadata"].pop("tags") for cell in code] == [[assignments.GOES_ON]] * len(code)
    assert own == pattern | {"cells": pattern["cells"][1:]}, "nothing else is another"
    own = json.loads(assignments.own_copy(path.read_bytes()))
    assert (nbformat.writes(nbformat.from_dict(own)) + "\n").encode() == assignments.own_copy(path.read_bytes())
    assert "".join(own["cells"][0]["source"]).startswith("# Assignment ")


def test_after_a_syntax_error_run_all_goes_on_to_the_overview_which_names_what_did_not_run():
    own = nbformat.reads(assignments.own_copy((PATTERNS[0]).read_bytes()), as_version=4)
    stub = next(cell for cell in own.cells if cell.id == "ranks")
    stub.source = "def unfinished(:"
    NotebookClient(own, resources={"metadata": {"path": PATTERNS[0].parent}}).execute()
    (overview,) = [cell for cell in own.cells if cell.id == "overview"]
    lines = "".join(o.text for o in overview.outputs).splitlines()
    assert stub.outputs[0].ename == "SyntaxError" and [line[:4] for line in lines if "not run" in line] == ["0.1 "]


def test_the_first_call_makes_ones_own_copies_and_the_second_leaves_them(folder, capsys):
    assignments.copy()
    made = files(folder / "work")
    assert made == {f"my_{n}": notebook(f"the pattern of {n}: 그림") for n in ("01_a.ipynb", "02_b.ipynb")}
    assert "made notebooks/work/my_01_a.ipynb for you to fill in" in capsys.readouterr().out
    (folder / "work/my_01_a.ipynb").write_text("my work", encoding="utf-8")
    assignments.copy()
    assert files(folder / "work") == made | {"my_01_a.ipynb": b"my work"}
    assert capsys.readouterr().out == "left 2 in notebooks/work/ as they are: they are yours\n"


def test_work_under_the_old_name_is_found_and_kept(folder, capsys):
    (folder / "work").mkdir()
    old = {
        "01_a.ipynb": notebook("my work"),
        "progress.json": b"{}",
        "my notes.ipynb": b"",
        "03_c.ipynb": b"of a friend",
    }
    for name, content in old.items():
        (folder / "work" / name).write_bytes(content)
    assignments.copy()
    made = {"my_01_a.ipynb": old["01_a.ipynb"], "my_02_b.ipynb": notebook("the pattern of 02_b.ipynb: 그림")}
    assert files(folder / "work") == old | made
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "made notebooks/work/my_01_a.ipynb from your notebooks/work/01_a.ipynb, which stays as it is"
    (folder / "work/my_01_a.ipynb").write_bytes(b"more work")
    assignments.copy()
    assert files(folder / "work") == old | made | {"my_01_a.ipynb": b"more work"}


def test_work_on_an_assignment_that_was_renamed_or_divided_stays_and_is_told(folder, capsys):
    (folder / "work").mkdir()
    (folder / "work/my_02_of_last_year.ipynb").write_bytes(b"my work")
    assignments.copy()
    assert "my_02_of_last_year.ipynb stays as it is, too" in capsys.readouterr().out
    assert (folder / "work/my_02_of_last_year.ipynb").read_bytes() == b"my work"


def test_an_old_file_that_is_no_notebook_is_copied_as_it_is_and_a_banner_left_out(folder):
    (folder / "work").mkdir()
    (folder / "work/01_a.ipynb").write_bytes(b"half a noteb")
    (folder / "work/02_b.ipynb").write_bytes(notebook("mine", banner=True))  # copied out of assignments/ by hand
    assignments.copy()
    assert (folder / "work/my_01_a.ipynb").read_bytes() == b"half a noteb"
    assert (folder / "work/my_02_b.ipynb").read_bytes() == notebook("mine")


@pytest.mark.parametrize("way", [Path.symlink_to, Path.mkdir], ids=["a link to nowhere", "a folder"])
def test_whatever_has_the_name_stays(folder, way):
    (folder / "work").mkdir()
    there = folder / "work/my_01_a.ipynb"
    way(there, *([folder / "nowhere"] if way == Path.symlink_to else []))
    assignments.copy()
    assert there.is_symlink() or there.is_dir()
    assert not (folder / "nowhere").exists() and (folder / "work/my_02_b.ipynb").is_file()


def full_disk(self, content):
    with self.open("wb") as file:
        file.write(content[: len(content) // 2])
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_leaves_no_half_copy_and_the_next_call_makes_it(folder, monkeypatch, capsys):
    with monkeypatch.context() as full:
        full.setattr(Path, "write_bytes", full_disk)
        assignments.copy()
    told = capsys.readouterr()
    assert files(folder / "work") == {} and told.out == "" and told.err.count("\n") == 1
    assert "No space left on device. Make room on the disk" in told.err
    assignments.copy()
    assert set(files(folder / "work")) == {"my_01_a.ipynb", "my_02_b.ipynb"}


def test_a_process_that_is_killed_while_it_writes_leaves_no_half_copy(tmp_path):
    program = """import os, pathlib
from helpers.commands import assignments
def killed(self, content):
    with self.open("wb", buffering=0) as file:
        file.write(content[:5])
    os._exit(9)
pathlib.Path.write_bytes = killed
assignments.write_new(pathlib.Path("my_01_a.ipynb"), b"a whole notebook")"""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, check=False).returncode == 9
    assert not (tmp_path / "my_01_a.ipynb").exists()
    assert assignments.write_new(tmp_path / "my_01_a.ipynb", b"a whole notebook")


@pytest.mark.parametrize("why", ["a file has the folder's name", "not writable"])
def test_where_nothing_can_be_written_a_line_says_so_and_make_lab_goes_on(folder, capsys, monkeypatch, why):
    if why == "not writable":  # root could write it all the same
        monkeypatch.setattr(
            Path, "mkdir", lambda *_, **__: (_ for _ in ()).throw(PermissionError(13, "Permission denied"))
        )
    else:
        (folder / "work").write_bytes(b"not a folder")
    assignments.copy()
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1
    assert told.err.startswith("Your copies of the assignments can't all be written into notebooks/work/: ")


def test_an_existing_file_is_not_replaced_even_in_a_race(tmp_path, monkeypatch):
    path = tmp_path / "my_01_a.ipynb"
    written = Path.write_bytes

    def slow(self, content):  # somebody else's file comes between the look and the write
        written(self, content)
        written(path, b"the other's")

    monkeypatch.setattr(Path, "write_bytes", slow)
    assert not assignments.write_new(path, b"mine")
    assert files(tmp_path) == {path.name: b"the other's"}


def test_of_many_at_once_one_writes(tmp_path):
    path, wrote = tmp_path / "my_01_a.ipynb", []
    barrier = threading.Barrier(8)

    def one(number):
        barrier.wait()
        wrote.append(assignments.write_new(path, str(number).encode() * 100_000))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(wrote) == 1 and len(set(path.read_bytes())) == 1 and path.stat().st_size == 100_000
    assert files(tmp_path).keys() == {path.name}


def test_copies_go_into_another_folder_where_one_install_serves_many(folder, tmp_path, capsys):
    assignments.copy(str(tmp_path / "kim/course"))
    assert set(files(tmp_path / "kim/course")) == {"my_01_a.ipynb", "my_02_b.ipynb"} and not (folder / "work").exists()
    assert f"made {tmp_path}/kim/course/my_01_a.ipynb" in capsys.readouterr().out


def test_what_a_person_can_type_is_told_from_what_a_run_writes():
    source = nbformat.v4.new_code_cell("1 + 1", id="a")
    plain = nbformat.v4.new_notebook(cells=[source])
    as_bytes = nbformat.writes(plain).encode()
    output = nbformat.v4.new_output("stream", name="stdout", text="2")
    source.update(outputs=[output], execution_count=7, metadata={"trusted": True})
    assert assignments.written(nbformat.writes(plain).encode()) == assignments.written(as_bytes)
    for change in (
        lambda nb: nb.cells[0].update(source="1 + 2"),
        lambda nb: nb.cells.append(nbformat.v4.new_code_cell("", id="b")),
        lambda nb: nb.cells.pop(),
        lambda nb: nb.cells.__setitem__(0, nbformat.v4.new_markdown_cell("1 + 1", id="a")),
    ):
        other = nbformat.reads(as_bytes.decode(), as_version=4)
        change(other)
        assert assignments.written(nbformat.writes(other).encode()) != assignments.written(as_bytes)
    attached = [nbformat.v4.new_markdown_cell("![x](attachment:x.png)", id="a", attachments={"x.png": {"image/png": p}}) for p in "AB"]  # fmt: skip
    first, second = [nbformat.writes(nbformat.v4.new_notebook(cells=[cell])).encode() for cell in attached]
    assert assignments.written(first) != assignments.written(second)
    for no_notebook in (b"", b"<<<<<<< HEAD", b"[]", b'{"cells": [1]}', b"\xff\xfe\x00"):
        assert assignments.written(no_notebook) == no_notebook


def test_what_was_typed_is_kept_once_under_a_name_of_its_own(folder, monkeypatch):
    monkeypatch.setattr(assignments.time, "strftime", lambda _: "2026-11-29_114703")
    ours, kept = [notebook("ours")], folder / "work/kept"
    assert assignments.keep("assignments/01_a.ipynb", notebook("ours"), ours) is None and not kept.exists()
    for mine, number in ((b"one", ""), (b"two", "-2"), (b"three", "-3"), (b"two", "-2")):
        name = assignments.keep("assignments/01_a.ipynb", mine, ours)
        assert name == f"assignments_01_a_2026-11-29_114703{number}.ipynb" and (kept / name).read_bytes() == mine
    assert assignments.keep("01_a.ipynb", b"one", ours) == "01_a_2026-11-29_114703.ipynb", "a lecture of this name"
    assert len(files(kept)) == 4


def test_making_the_patterns_anew_keeps_what_was_typed_into_one(folder, monkeypatch, capsys):
    (folder / "solutions").mkdir()
    for name in ("01_a.ipynb", "02_b.ipynb"):
        (folder / "solutions" / name).write_bytes(b"")
    monkeypatch.setattr(
        assignments, "generated", lambda path: notebook(f"the pattern of {path.name}: 그림", banner=True).decode()
    )
    mine = notebook("the pattern of 01_a.ipynb: 그림", "and my answer", banner=True)
    (folder / "assignments/01_a.ipynb").write_bytes(mine)
    assignments.generate()
    assert list(files(folder / "work/kept").values()) == [mine]
    assert "kept the notebooks/assignments/01_a.ipynb that was there as notebooks/work/kept/" in capsys.readouterr().out
    assert json.loads((folder / "assignments/01_a.ipynb").read_bytes())["cells"][0]["id"] == "pattern"
    assert len(json.loads((folder / "assignments/01_a.ipynb").read_bytes())["cells"]) == 2


@pytest.mark.parametrize("words", [[], ["copies"], ["generate", "x"], ["copy", "a", "b"]])
def test_a_wrong_word_is_told_in_a_line(words):
    command = [sys.executable, "-m", "helpers.commands.assignments", *words]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)
    assert made.returncode == 1 and made.stderr.count("\n") == 1 and "Say what to do" in made.stderr


def test_copying_waits_for_no_library():
    program = (
        "import sys; import helpers.commands.assignments; print({'torch', 'nbformat', 'nbgrader'} & set(sys.modules))"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=True
    )
    assert said.stdout == "set()\n"


def test_git_and_the_tests_leave_ones_own_copies_alone():
    assert "notebooks/work/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert 'norecursedirs = ["work"' in settings and '"notebooks/work"]' in settings
