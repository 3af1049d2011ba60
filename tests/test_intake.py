"""What platforms and people hand over: for each name, archive and bad file, whose notebook it is and whether it counts."""

import io
import json
import os
import unicodedata
import zipfile

import nbformat
import pytest

from helpers.commands import grade, intake
from helpers.commands.assignments import own_copy

NAME = grade.REHEARSED
BLANK = own_copy((grade.ASSIGNMENTS / f"{NAME}.ipynb").read_bytes())
OTHER = own_copy((grade.ASSIGNMENTS / "02_spectrograms.ipynb").read_bytes())


def marked(words, content=BLANK):
    """A learner's notebook with words of their own, by which the test knows it again."""
    notebook = json.loads(content)
    notebook["metadata"]["told"] = words
    return json.dumps(notebook, ensure_ascii=False).encode()


def told(learner):
    """The words in a learner's clean notebook; None where they have none."""
    return learner.notebook and nbformat.read(learner.notebook, as_version=4).metadata.told


def zipped(files, **dates):
    """A .zip of `{name: bytes}`; a name may have a date: `{name: (2026, 11, 30, 9, 0, 0)}`."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            member = zipfile.ZipInfo(name, dates.get(name, (2026, 11, 1, 0, 0, 0)))
            archive.writestr(member, data, zipfile.ZIP_DEFLATED)
    return content.getvalue()


@pytest.fixture
def taken(tmp_path, monkeypatch):
    """`taken({path: bytes})` writes the files, in that order of time, and takes them in: `{folder: Learner}`."""

    monkeypatch.setattr(intake, "NOTEBOOK", 2_000_000)  # quicker than the true limit

    def take(files):
        for number, (name, content) in enumerate(files.items()):
            path = tmp_path / "handed-in" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            os.utime(path, (1_800_000_000 + number,) * 2)
        return intake.take_in(tmp_path / "handed-in", NAME, tmp_path / "clean")

    return take


# ------------------------------------------------------------------------------------------------------------ the names
MY = f"my_{NAME}"
HANGUL = "이서윤"


@pytest.mark.parametrize(
    "path, name, identifier, number",
    [
        # by hand, and nbgrader's way
        (f"kim-{MY}.ipynb", "kim", None, 0),
        (f"kim_{MY}.ipynb", "kim", None, 0),
        (f"kim {MY}.ipynb", "kim", None, 0),
        (f"kim/{MY}.ipynb", "kim", None, 0),
        (f"kim/{NAME}.ipynb", "kim", None, 0),
        (f"sunny/{MY}.ipynb", "sunny", None, 0),
        (f"amy-{MY}.ipynb", "amy", None, 0),
        (f"tommy_{NAME}.ipynb", "tommy", None, 0),
        (f"my-{MY}.ipynb", "my", None, 0),
        (f"o-hara-{NAME}.ipynb", "o-hara", None, 0),
        (f"Kim Lee-{MY}.IPYNB", "Kim Lee", None, 0),
        (f"lee-{NAME.upper()}.ipynb", "lee", None, 0),
        ("lee-00-multimodal-learning.ipynb", "lee", None, 0),
        ("lee/My 00 Multimodal Learning.ipynb", "lee", None, 0),
        (f"{HANGUL}-{MY}.ipynb", HANGUL, None, 0),
        (unicodedata.normalize("NFD", f"{HANGUL}/{MY}.ipynb"), HANGUL, None, 0),
        (f"kim/handed in/{MY}.ipynb", "handed in", None, 0),
        (f"submissions/kim/{MY}.ipynb", "kim", None, 0),
        (f"kim/{NAME}/{MY}.ipynb", "kim", None, 0),
        (f"kim-{MY}/{NAME}.ipynb", "kim", None, 0),
        (f"{MY}_kim.ipynb", "kim", None, 0),
        (f"lee/{MY}_final.ipynb", "lee", None, 0),
        (f"lee/Copy of {MY}.ipynb", "lee", None, 0),
        (f"lee-Copy of {MY}.ipynb", "lee", None, 0),
        ("kim/homework.ipynb", "kim", None, 0),
        ("homework.ipynb", "homework", None, 0),
        # a whole course, packed
        (f"kim/notebooks/work/{MY}.ipynb", "kim", None, 0),
        (f"kim/multimodal-main/notebooks/work/{MY}.ipynb", "kim", None, 0),
        (f"class/kim/notebooks/work/{MY}.ipynb", "kim", None, 0),
        # once more
        (f"lee-{NAME} (1).ipynb", "lee", None, 1),
        (f"lee-{NAME}(12).ipynb", "lee", None, 12),
        (f"lee/{MY}-Copy3.ipynb", "lee", None, 3),
        (f"lee/{MY}-2.ipynb", "lee", None, 2),
        (f"lee (4)/{MY}.ipynb", "lee", None, 4),
        (f"team-2/{MY}.ipynb", "team-2", None, 0),
        # Moodle
        (f"Kim Lee_12345_assignsubmission_file_/{MY}.ipynb", "Kim Lee", "12345", 0),
        (f"Kim Lee_12345_assignsubmission_file/{MY} (2).ipynb", "Kim Lee", "12345", 2),
        (f"Kim Lee_12345_assignsubmission_file_{MY}.ipynb", "Kim Lee", "12345", 0),
        (f"Kim Lee_12345_assignsubmission_file_{MY}-1.ipynb", "Kim Lee", "12345", 1),
        (f"{HANGUL}_77_assignsubmission_file_/answers/{MY}.ipynb", HANGUL, "77", 0),
        ("Kim Lee_12345_assignsubmission_file_/homework.ipynb", "Kim Lee", "12345", 0),
        (f"Kim Lee_12345_assignsubmission_file_/course/notebooks/work/{MY}.ipynb", "Kim Lee", "12345", 0),
        # Canvas
        (f"leekim_12345_67890_{MY}.ipynb", "leekim", "12345", 0),
        (f"leekim_LATE_12345_67890_{MY}-1.ipynb", "leekim", "12345", 1),
        (f"leekim_12345_67890_{MY}/{MY}.ipynb", "leekim", "12345", 0),  # a .zip of theirs
    ],
)
def test_a_name_tells_whose_it_is(path, name, identifier, number, taken):
    assert intake.whose(path.split("/"), NAME)[:2] == (name, identifier)
    assert intake.whose(path.split("/"), NAME)[2][0] == number
    (learner,) = taken({path: marked("here")}).values()
    assert (learner.name, learner.identifier, learner.said) == (name, identifier or name, [])
    assert told(learner) == "here"


@pytest.mark.parametrize(
    "path",
    [
        f"kim/.ipynb_checkpoints/{MY}-checkpoint.ipynb",
        f"__MACOSX/kim-{MY}.ipynb",
        f"kim/__MACOSX/._{MY}.ipynb",
        f"kim/._{MY}.ipynb",
        "kim-my_02_spectrograms.ipynb",
        f"kim/course/notebooks/solutions/{NAME}.ipynb",
        f"kim/course/notebooks/{NAME}.ipynb",
        f"kim/course/notebooks/work/kept/assignments_{NAME}_2026-11-30_101010.ipynb",
        "readme.txt",
    ],
)
def test_what_is_no_submission_is_passed_over(path, taken):
    assert list(taken({path: marked("no"), f"lee-{MY}.ipynb": marked("yes")})) == ["lee"]


@pytest.mark.parametrize(
    "name, identifier, folder",
    [
        ("kim", None, "kim"),
        ("Kim  Lee", "12", "kim lee-12"),
        (HANGUL, None, HANGUL),
        ("CON", None, "con-*"),
        ("a/b*?[c]", None, "a-b---c-*"),
        ("...", None, "learner-*"),
        ("🙂", None, "learner-*"),
        ("x" * 300, None, "x" * 40 + "-*"),
        ("-kim+lee-", None, "kim-lee-*"),
    ],
)
def test_a_folder_has_a_name_that_every_system_takes(name, identifier, folder):
    made = intake.safe(name, identifier)
    assert made == folder or (folder.endswith("*") and made[:-6] == folder[:-1])
    assert intake.safe(unicodedata.normalize("NFD", name), identifier) == made and len(made.encode()) < 140


def test_learners_whose_names_look_alike_stay_apart(taken):
    learners = taken(
        {
            f"a+b-{MY}.ipynb": marked("plus"),
            f"a&b-{MY}.ipynb": marked("and"),
            f"Kim Lee_1_assignsubmission_file_/{MY}.ipynb": marked("first"),
            f"Kim Lee_2_assignsubmission_file_/{MY}.ipynb": marked("second"),
        }
    )
    assert sorted((one.name, told(one)) for one in learners.values()) == [
        ("Kim Lee", "first"),
        ("Kim Lee", "second"),
        ("a&b", "and"),
        ("a+b", "plus"),
    ]
    assert not any(one.said for one in learners.values())


# --------------------------------------------------------------------------------------------------------- the archives
def test_archives_in_archives_are_opened(taken):
    inner = zipped({f"notebooks/work/{MY}.ipynb": marked("inner"), f"__MACOSX/._{MY}.ipynb": b"x"})
    learners = taken(
        {
            "class.zip": zipped(
                {f"ada-{MY}.ipynb": marked("ada"), "kim.zip": inner, "bo_1_assignsubmission_file_/work.ZIP": inner}
            ),
            "lee jun.zip": zipped({f"{MY}.ipynb": marked("lee")}),
        }
    )
    assert {one.name: told(one) for one in learners.values()} == {
        "ada": "ada",
        "kim": "inner",
        "bo": "inner",
        "lee jun": "lee",
    }


def test_one_zip_file_may_be_the_class(tmp_path):
    (tmp_path / "class.zip").write_bytes(zipped({f"kim/{MY}.ipynb": marked("kim"), f"lee-{MY}.ipynb": marked("lee")}))
    learners = intake.take_in(tmp_path / "class.zip", NAME, tmp_path / "clean")
    assert [told(one) for one in learners.values()] == ["kim", "lee"]


@pytest.mark.parametrize("code", ["utf-8", "cp949"])
def test_hangul_in_an_archive_without_its_mark(code, taken):
    content = zipped({f"___-{MY}.ipynb".replace("___", "x" * len(HANGUL.encode(code))): marked("kim")})
    content = content.replace(b"x" * len(HANGUL.encode(code)), HANGUL.encode(code))
    (learner,) = taken({"class.zip": content}).values()
    assert (learner.name, told(learner)) == (HANGUL, "kim")


# ------------------------------------------------------------------------------------------------------- the newest one
@pytest.mark.parametrize(
    "files, counts",
    [
        ([f"lee-{NAME} (1).ipynb", f"lee-{NAME}.ipynb"], 0),
        ([f"lee-{NAME} (2).ipynb", f"lee-{NAME} (10).ipynb", f"lee-{NAME} (9).ipynb"], 1),
        ([f"lee/{NAME}.ipynb", f"lee/my_{NAME}.ipynb"], 1),
        ([f"lee/my_{NAME}.ipynb", f"lee/{NAME}.ipynb"], 1),
        ([f"LEE-{NAME}.ipynb", f"lee_{NAME}.IPYNB"], 1),
        ([unicodedata.normalize("NFC", f"{HANGUL}/{MY}.ipynb"), unicodedata.normalize("NFD", f"{HANGUL}-{MY}.ipynb")], 1),
        ([f"leekim_LATE_1_20_{MY}-1.ipynb", f"leekim_1_10_{MY}.ipynb"], 0),
        ([f"leekim_1_20_{MY}.ipynb", f"leekim_1_10_{MY}.ipynb"], 0),
        ([f"lee/notebooks/work/{MY}.ipynb", f"lee/notebooks/assignments/{NAME}.ipynb"], 0),
    ],
)  # fmt: skip
def test_of_several_the_newest_counts_and_it_is_said(files, counts, taken):
    (learner,) = taken({path: marked(path) for path in files}).values()
    assert told(learner) == files[counts]
    newest = unicodedata.normalize("NFC", files[counts])
    assert len(learner.said) == len(files) - 1
    assert all(line.endswith(f" was handed in, too; {newest} is newer and counts.") for line in learner.said)


def test_in_an_archive_the_time_of_the_file_counts(taken):
    files = {f"lee-{MY}.ipynb": marked("late"), f"lee/{MY}.ipynb": marked("early")}
    content = zipped(files, **{f"lee-{MY}.ipynb": (2026, 11, 3, 8, 0, 0), f"lee/{MY}.ipynb": (2026, 11, 2, 8, 0, 0)})
    (learner,) = taken({"class.zip": content}).values()
    assert told(learner) == "late" and len(learner.said) == 1


def test_the_same_bytes_twice_are_not_worth_a_line(taken):
    (learner,) = taken({f"lee-{MY}.ipynb": BLANK, f"lee/{MY}.ipynb": BLANK}).values()
    assert learner.notebook and not learner.said


# -------------------------------------------------------------------------------------------------------- the bad files
def changed(change):
    notebook = json.loads(BLANK)
    change(notebook)
    return json.dumps(notebook).encode()


def stranger(notebook):
    for cell in notebook["cells"]:
        cell["metadata"].pop("nbgrader", None)


BAD = [
    (f"kim-{MY}.ipynb", b"", "is empty"),
    (f"kim-{MY}.ipynb", b" \n", "is empty"),
    (f"kim-{MY}.ipynb", BLANK[:3000], "is damaged, or no notebook: it is not JSON"),
    (f"kim-{MY}.ipynb", b"\xff\xfe\0\0", "is damaged, or no notebook: it is not JSON"),
    (f"kim-{MY}.ipynb", b"[" * 100_000, "is damaged, or no notebook: it is not JSON"),
    (f"kim-{MY}.ipynb", b'"a text"', "is JSON, but no notebook"),
    (f"kim-{MY}.ipynb", b'{"cells": 3, "nbformat": 4}', "is JSON, but no notebook"),
    (f"kim-{MY}.ipynb", changed(lambda n: n["cells"].append({"cell_type": "poem"})), "is JSON, but no notebook"),
    (f"kim-{MY}.ipynb", changed(lambda n: n["cells"][3]["metadata"].update(nbgrader=[1])), "is JSON, but no notebook"),
    (f"kim-{MY}.ipynb", changed(lambda n: [cell.pop("outputs", 0) for cell in n["cells"]]), "is JSON, but no notebook"),
    (f"kim-{MY}.ipynb", changed(lambda n: n["cells"][3].update(source="\ud800")), "holds half a sign"),
    (f"kim-{MY}.ipynb", OTHER, "is the notebook of 02_spectrograms"),
    (f"kim-{MY}.ipynb", changed(stranger), f"has none of the checks of {NAME}"),
    (f"kim-{MY}.ipynb", BLANK + b" " * 3_000_000, "is too large: 3 MB"),
    (f"kim-{MY}.pdf", b"%PDF", "is no notebook"),
    ("Kim_5_assignsubmission_file_/answer.docx", b"PK", "is no notebook"),
    (f"kim-{MY}.rar", b"Rar!", "is an archive of a kind that is not opened here: pack it as .zip"),
    ("kim.zip", b"PK\3\4 cut", "is no .zip file that can be opened"),
    ("kim.zip", zipped({f"../../{MY}.ipynb": BLANK}), "has a name that leads out of its archive"),
    ("kim.zip", zipped({f"/etc/{MY}.ipynb": BLANK}), "has a name that leads out of its archive"),
    ("kim.zip", zipped({f"C:\\{MY}.ipynb": BLANK}), "has a name that leads out of its archive"),
    ("kim.zip", zipped({f"{MY}.ipynb": b" " * 3_000_000}), "is too large when unpacked"),
    ("kim.zip", zipped({f"{MY}.ipynb": BLANK})[:-60] + b"\0" * 60, "is no .zip file that can be opened"),
]  # fmt: skip


@pytest.mark.parametrize("path, content, reason", BAD, ids=[f"{b[2][:24]}-{i}" for i, b in enumerate(BAD)])
def test_a_bad_file_costs_its_learner_alone(path, content, reason, taken):
    learners = taken({path: content, f"lee-{MY}.ipynb": marked("good")})
    lee = learners.pop("lee")
    assert told(lee) == "good" and lee.said == []
    (kim,) = learners.values()
    assert kim.notebook is None and kim.name.startswith(("kim", "Kim", "etc", "C-", "C:"))
    assert len(kim.said) == 1 and reason in kim.said[0] and kim.said[0].endswith(".") and "\n" not in kim.said[0]


def test_a_bad_resubmission_leaves_the_good_one(taken):
    (kim,) = taken({f"kim-{MY}.ipynb": marked("good"), f"kim-{MY} (1).ipynb": b"", f"kim-{MY}.pdf": b"x"}).values()
    assert told(kim) == "good" and kim.said == [f"kim-{MY} (1).ipynb is empty; kim-{MY}.ipynb counts."]


def test_a_locked_member_and_a_damaged_one(taken):
    locked = bytearray(zipped({f"{MY}.ipynb": BLANK}))
    for place in (6, locked.find(b"PK\1\2") + 8):  # the mark of a password, in both of its headers
        locked[place] |= 1
    damaged = bytearray(zipped({f"{MY}.ipynb": BLANK}))
    damaged[2000:2100] = bytes(100)
    learners = taken({"kim.zip": bytes(locked), "lee.zip": bytes(damaged)})
    assert "is locked with a password." in learners["kim"].said[0]
    assert "is damaged: it cannot be unpacked." in learners["lee"].said[0]


def test_links_are_not_followed(tmp_path):
    (tmp_path / "secret.ipynb").write_bytes(BLANK)
    (tmp_path / "in" / "kim").mkdir(parents=True)
    (tmp_path / "in" / "kim" / f"{MY}.ipynb").symlink_to(tmp_path / "secret.ipynb")
    (kim,) = intake.take_in(tmp_path / "in", NAME, tmp_path / "clean").values()
    assert kim.notebook is None and kim.said == [f"kim/{MY}.ipynb is a link to another place."]


def test_a_bomb_leaves_room_for_the_class(taken, monkeypatch):
    monkeypatch.setattr(intake, "ALL", 40_000_000)
    read, unpacked = zipfile.ZipExtFile.read, []
    monkeypatch.setattr(zipfile.ZipExtFile, "read", lambda *words: unpacked.append(read(*words)) or unpacked[-1])
    bomb = zipped({f"{n}-{MY}.ipynb": b" " * 200_000 for n in range(100)})  # 20 MB
    large = zipped({f"a{n}.zip": os.urandom(4_000_000) for n in range(3)})  # more than the whole class may bring
    files = {"a.zip": zipped({f"{n}.zip": bomb for n in range(9)}), "b.zip": large, f"kim-{MY}.ipynb": marked("kim")}
    learners = taken({"class.zip": zipped(files)})
    assert sum(map(len, unpacked)) < 10_000_000
    assert told(learners["kim"]) == "kim" and sum(one.notebook is not None for one in learners.values()) == 1
    said = [line for one in learners.values() for line in one.said]
    endings = "is empty.", "is too large when unpacked.", "is no .zip file that can be opened.", "can't be used."
    assert len(said) < 400 and all(line.endswith(endings) for line in said)
    assert "class.zip/b.zip is too large when unpacked." in said


def test_too_many_files_and_archives_too_deep(taken, monkeypatch):
    monkeypatch.setattr(intake, "FILES", 4000)
    deep = zipped({f"{MY}.ipynb": BLANK})
    for _ in range(5):
        deep = zipped({"x.zip": deep})
    many = zipped({f"{n}.txt": b"" for n in range(1001)} | {f"{MY}.ipynb": BLANK})
    learners = taken({"kim.zip": many, "lee.zip": deep, "moon.zip": zipped({f"{MY}.ipynb": BLANK})})
    assert [name for name, one in learners.items() if one.notebook] == ["moon"]
    assert learners["kim"].said == ["kim.zip is too large when unpacked."]
    assert [one.said[0].split("zip ")[1] for name, one in learners.items() if name not in ("kim", "moon")] == [
        "is an archive within too many others."
    ]


def test_a_clean_notebook_is_run_by_the_kernel_that_is_here(taken):
    content = changed(lambda n: n["metadata"].update(kernelspec={"name": "conda-env-kim", "display_name": "kim"}))
    (kim,) = taken({f"kim-{MY}.ipynb": b"\xef\xbb\xbf" + content}).values()  # and with Windows' mark at the top
    notebook = nbformat.read(kim.notebook, as_version=4)
    assert notebook.metadata.kernelspec.name == "python3"
    assert [c.source for c in notebook.cells] == [c.source for c in nbformat.reads(BLANK.decode(), as_version=4).cells]


def test_of_many_bad_files_three_are_named(taken):
    (kim,) = taken({f"kim/{n}.ipynb": b"" for n in range(9)}).values()
    assert len(kim.said) == 4 and kim.said[-1] == "And 6 more files of theirs can't be used."


def test_an_endless_name_costs_no_time(taken):
    learners = taken(
        {
            f"{n}.zip": zipped({f"{sign * (60_000 // len(sign))}.ipynb": BLANK})
            for n, sign in enumerate(("-", "1_", "(1)"))
        }
    )
    assert [bool(one.notebook) for one in learners.values()] == [True] * 3
