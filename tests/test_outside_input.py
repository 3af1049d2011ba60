"""What comes from outside: sounds, pictures, folders of captions, texts and numbers of other types. Each gives a right
answer, or one line that says what is wrong."""

import collections
import json
import math
import subprocess
import sys

import librosa
import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from helpers import CourseError, checks, data, metrics, models, plots, scenes
from tests.definitions import NOTEBOOKS, definitions

SOUND = np.sin(np.arange(4800) / 5) / 2


# --------------------------------------------------------------------------------------------------------- one's files
def write_sound(path, signal=SOUND, rate=48_000, **form):
    soundfile.write(path, signal, rate, **form)
    return path


@pytest.mark.parametrize("rate", [1_000, 7_999, 8_000, 11_025, 44_100, 48_000, 192_000])
def test_a_sound_of_any_rate_has_the_right_length(tmp_path, rate):
    signal = data.read_sound(write_sound(tmp_path / "소리 1.wav", rate=rate))
    assert abs(len(signal) - 4800 / rate * 16_000) <= 1 and signal.dtype == torch.float32 and signal.isfinite().all()
    assert len(data.read_sound(str(tmp_path / "소리 1.wav"), rate=7_919)) == pytest.approx(4800 / rate * 7_919, abs=1)


def test_many_channels_are_averaged(tmp_path):
    six = np.stack([SOUND, -SOUND, SOUND, SOUND, -SOUND, SOUND], 1)
    mono = data.read_sound(write_sound(tmp_path / "one.wav", SOUND, 16_000), 16_000)
    assert torch.allclose(data.read_sound(write_sound(tmp_path / "six.flac", six, 16_000)), mono / 3, atol=1e-4)


def bad_sounds(folder):
    (folder / "folder.wav").mkdir()
    for name, content in {
        "x.raw": b"\0" * 4000,
        "none.wav": b"",
        "film.mp4": b"\0\0\0\x18ftypmp42" + b"\0" * 500,
    }.items():
        (folder / name).write_bytes(content)
    whole = write_sound(folder / "whole.ogg").read_bytes()
    (folder / "cut.ogg").write_bytes(whole[:40])
    write_sound(folder / "zero.wav", SOUND[:0])
    write_sound(folder / "nan.wav", SOUND * np.nan, subtype="FLOAT")
    write_sound(folder / "huge.wav", np.full((4800, 2), 3e38), subtype="FLOAT")
    write_sound(folder / "short.wav", SOUND[:1], 192_000)
    return {
        "folder.wav": "There is no file .*folder.wav.: it is a folder",
        "nothing.wav": "There is no file .*nothing.wav",
        "x.raw": "not a sound that can be read",
        "none.wav": "not a sound that can be read",
        "film.mp4": "not a sound that can be read",
        "cut.ogg": "not a sound that can be read",
        "zero.wav": "0 samples",
        "nan.wav": "not numbers",
        "huge.wav": "not numbers",
        "short.wav": "too short",
        "n" * 300: "There is no file",
    }


def test_what_is_no_sound_is_told_in_one_line(tmp_path):
    for name, says in bad_sounds(tmp_path).items():
        with pytest.raises(CourseError, match=says) as caught:
            data.read_sound(tmp_path / name)
        assert "\n" not in str(caught.value)
    for path in (None, "", 3.5, "~nobody/x.wav", "a\0b"):
        with pytest.raises(CourseError, match="There is no file"):
            data.read_sound(path)
    for rate in (0, -1, None, "16000", math.nan, math.inf):
        with pytest.raises(CourseError, match="rate counts samples a second"):
            data.read_sound(tmp_path / "whole.ogg", rate)


GREY = np.linspace(0, 65_535, 64 * 48).reshape(48, 64)


@pytest.mark.parametrize("kind", ["I;16", "I", "F", "CMYK", "LA", "P", "1", "L", "RGBA", "film"])
def test_pictures_of_all_kinds_are_read(tmp_path, kind):
    eight = Image.fromarray((GREY / 257).astype(np.uint8))
    wide = {"I;16": np.uint16, "I": np.int32, "F": np.float32}
    picture = Image.fromarray(GREY.astype(wide[kind])) if kind in wide else eight
    path = tmp_path / ("picture.gif" if kind == "film" else "picture.tif")
    if kind == "film":
        picture.save(path, save_all=True, append_images=[eight.point(lambda v: 255 - v)])
    else:
        (picture if kind in wide else picture.convert(kind)).save(path)
    read, plain = data.read_picture(str(path), 64).float(), data.squared(eight, 64).float()
    assert read.shape == (3, 64, 64) and (read - plain).abs().mean() < (80 if kind == "1" else 6)


def test_what_is_no_picture_is_told_in_one_line(tmp_path, monkeypatch):
    Image.fromarray((GREY / 257).astype(np.uint8)).save(tmp_path / "whole.png")
    whole = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "drawing.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>", encoding="utf-8")
    (tmp_path / "none.jpg").write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    says = {
        "cut.png": "damaged",
        "drawing.svg": "not a picture",
        "none.jpg": "not a picture",
        "folder.png": "it is a folder",
    }
    for name, words in says.items():
        with pytest.raises(CourseError, match=words):
            data.read_picture(tmp_path / name)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)  # whole.png has 3,072: a warning; and with 1,000, an error
    with pytest.raises(CourseError, match="larger than 89 million pixels"):
        data.read_picture(tmp_path / "whole.png")


# --------------------------------------------------------------------------------------------------- folders of captions
def draw(path, shade=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (30, 20), (shade, 0, 0)).save(path, "JPEG")


def coco(path, names, each=5, caption="A dog, no. {}!"):
    path.parent.mkdir(parents=True, exist_ok=True)
    images = [{"id": i, "file_name": name} for i, name in enumerate(names)]
    each = each if isinstance(each, list) else [each] * len(names)
    said = [{"image_id": i, "caption": caption.format("abcdefg"[k])} for i, n in enumerate(each) for k in range(n)]
    path.write_text(json.dumps({"images": images, "annotations": said}), encoding="utf-8")


def coco_as_downloaded(folder):
    coco(folder / "annotations/captions_train2017.json", ["1.jpg", "2.jpg", "3.jpg"], caption="Wrong {}")
    coco(folder / "annotations/captions_val2017.json", ["7.jpg", "8.jpg"])
    for name in ("instances_train2017", "instances_val2017", "person_keypoints_val2017"):
        (folder / f"annotations/{name}.json").write_text(
            '{"images": [], "annotations": [{"bbox": 1}]}', encoding="utf-8"
        )
    for name in ("7", "8"):
        draw(folder / f"val2017/{name}.jpg")


def coco_with_six_or_seven(folder):
    coco(folder / "captions_val2014.json", ["7.jpg", "8.jpg", "9.jpg"], each=[6, 7, 6])
    for name in ("7", "8", "9"):
        draw(folder / f"{name}.jpg")


def coco_with_faults(folder):
    """A byte order mark, upper case, `.jpeg`, folders in folders; a damaged and a missing picture, captions of signs."""
    names = ["a.jpg", "B.JPG", "c.jpeg", "damaged.jpg", "missing.jpg", "signs.jpg"]
    coco(folder / "Annotations/Captions_val.json", names)
    text = (folder / "Annotations/Captions_val.json").read_text(encoding="utf-8")
    coco_said = json.loads(text)
    for said in coco_said["annotations"]:
        said["caption"] = "12 !" if said["image_id"] == 5 else said["caption"]
    (folder / "Annotations/Captions_val.json").write_text("\ufeff" + json.dumps(coco_said, indent=1), encoding="utf-8")
    for name in ("deep/er/A.JPG", "deep/b.jpeg", "c.JPEG", "damaged.jpg", "signs.jpg"):
        draw(folder / name)
    (folder / "damaged.jpg").write_bytes((folder / "damaged.jpg").read_bytes()[:100])
    (folder / "._a.jpg").write_bytes(b"a Mac's own file")


def lines(folder, name, rows, head="", ends="\n"):
    (folder / name).write_bytes("".join(f"{row}{ends}" for row in [*([head] if head else []), *rows]).encode())
    for stem in ("100_ab", "200_cd"):
        draw(folder / f"Images/{stem}.jpg")


def flickr_tokens(folder):
    rows = [f'{stem}.jpg#{k}\tA dog, "no." {"abcde"[k]} .' for stem in ("100_ab", "200_cd") for k in range(5)]
    lines(folder, "Flickr8k.token.txt", rows, ends="\r\n")
    lines(folder, "Flickr8k.lemma.token.txt", [row.replace("dog", "be") for row in rows])
    lines(folder, "Flickr_8k.devImages.txt", ["100_ab.jpg"])


def kaggle(folder):
    rows = [f'{stem}.jpg,"A dog, ""no."" {"abcde"[k]} ."' for stem in ("100_ab", "200_cd") for k in range(5)]
    lines(folder, "captions.txt", rows, head="\ufeffimage,caption")


def flickr_page(folder):
    said = "".join(f"<li>A dog, &quot;no.&quot; {letter} .\n" for letter in "abcde")
    links = [f"<a href='x'>http://www.flickr.com/photos/who/{number}/</a>" for number in (100, 200)]
    page = "".join(f"<tr><td>{link}</td><td><ul>{said}</ul></td></tr>" for link in ["Image Not Found", *links])
    lines(folder, "Flickr_8k.html", [f"<html><table>{page}</table>"])


@pytest.mark.parametrize(
    ("write", "pictures", "each"),
    [
        (coco_as_downloaded, 2, 5),
        (coco_with_six_or_seven, 3, 6),
        (coco_with_faults, 3, 5),
        (flickr_tokens, 2, 5),
        (kaggle, 2, 5),
        (flickr_page, 2, 5),
    ],
)
def test_captions_are_read_as_they_are_downloaded(tmp_path, capsys, write, pictures, each):
    write(tmp_path)
    shown, captions = data.captioned_folder(str(tmp_path), 48)
    assert shown.shape == (pictures, 3, 48, 48)
    assert captions == [tuple(f"a dog no {letter}" for letter in "abcdefg"[:each])] * pictures
    assert capsys.readouterr().out.count("\n") == (write is coco_with_faults)


def test_a_folder_without_captions_or_pictures_is_told_in_one_line(tmp_path):
    (tmp_path / "empty").mkdir()
    coco_as_downloaded(tmp_path / "coco")
    (tmp_path / "alone").mkdir()
    (tmp_path / "coco/annotations").rename(tmp_path / "alone/annotations")
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut/captions_val.json").write_text('{"images": [{"id"', encoding="utf-8")
    (tmp_path / "list").mkdir()
    (tmp_path / "list/captions.json").write_text('["a dog"]', encoding="utf-8")
    draw(tmp_path / "file.jpg")
    says = {"empty": "no captions that can be read", "coco": "no captions that can be read", "cut": "no captions"}
    says |= {
        "list": "no captions",
        "alone": "not one of their pictures",
        "file.jpg": "There is no folder .*file.jpg.: it is a file",
    }
    for name, words in (says | {"nowhere": "There is no folder"}).items():
        with pytest.raises(CourseError, match=words) as caught:
            data.captioned_folder(tmp_path / name, 48)
        assert "\n" not in str(caught.value)


# ------------------------------------------------------------------------------------------------------------- lecture 01
def test_word_benchmarks_say_where_no_word_is_known():
    lecture = definitions("01_word2vec.ipynb")
    strange = lecture.keyed([f"q{i}" for i in range(6)], torch.randn(6, 4))
    for ask in (lecture.family_share, lecture.wordsim, lecture.queen_rank):
        with pytest.raises(CourseError, match="vocabulary"):
            ask(strange)
    few = strange.index_to_key[:4]
    assert lecture.analogy(*few[:3], few, strange.vectors[:4]) == [few[3]]
    assert [e.dtype for e in lecture.encode([], few)] == [torch.int64] * 2


def decode_korean():
    return "고양이는 우유를 마신다".encode("cp949").decode("utf-8").splitlines()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (lambda: [], "the list is empty"),
        (lambda: ["1 2 3 4 5"] * 300, "0 words, 0 of them often enough. A number is no word"),
        (
            decode_korean,
            "not stored as utf-8: save it as UTF-8, or name the encoding that it has, such as encoding='cp949'",
        ),
        (lambda: [b"a b"], "not a list of str"),
        (lambda: [""] * 2000, "it has 0 words"),
    ],
)
def test_a_text_of_one_s_own_that_cannot_train_is_told_why(text, says, capsys):
    assert checks.check("1.9", text) < 1
    said = " ".join(capsys.readouterr().out.split())  # its lines are wrapped
    assert says in said and "cp1252" not in said


# ------------------------------------------------------------------------------------------------------ lectures 02 and 08
@pytest.fixture(scope="module")
def spectrograms():
    lecture = definitions("02_spectrograms.ipynb")
    lecture.SEED = 0
    return lecture


@pytest.mark.parametrize("n_fft", [255, 401, 512])
def test_the_mel_filterbank_is_right_for_odd_windows(spectrograms, n_fft):
    expected = torch.from_numpy(librosa.filters.mel(sr=16_000, n_fft=n_fft, n_mels=20, htk=True, norm=None))
    solution = definitions("solutions/02_spectrograms.ipynb").mel_filterbank(20, n_fft, 16_000)
    for bank in (spectrograms.mel_filterbank(20, n_fft, 16_000), solution):
        assert torch.allclose(bank, expected, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.half, torch.bfloat16, torch.float64, torch.int16])
def test_spectrograms_take_signals_of_any_type(spectrograms, dtype):
    signal = (100 * torch.randn(4000)).to(dtype)
    window, bank = spectrograms.hann(256), spectrograms.mel_filterbank(20, 256, 16_000)
    if dtype != torch.bfloat16:  # NumPy has none
        assert torch.equal(spectrograms.frame(signal.numpy(), 256, 64), spectrograms.frame(signal, 256, 64))
    plain = spectrograms.mel_spectrogram(signal.float(), 256, 64, window, bank)
    assert torch.allclose(spectrograms.mel_spectrogram(signal, 256, 64, window, bank).float(), plain, rtol=1e-3)
    magnitude = spectrograms.stft(signal, 256, 64, window).abs().to(dtype)
    sounds = [spectrograms.griffin_lim(m, 256, 64, window, 4000, n_iter=3) for m in (magnitude, magnitude.float())]
    assert torch.allclose(sounds[0].float(), sounds[1], atol=1e-2 * float(sounds[1].abs().max()))
    assert sounds[0].dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert spectrograms.decibels(torch.zeros(3).to(dtype)).tolist() == [-100] * 3, "silence stays finite"
    mfcc = definitions("solutions/02_spectrograms.ipynb").mfcc
    assert torch.equal(mfcc(signal, 16_000, 13), mfcc(signal.float(), 16_000, 13))


def test_frames_hold_numbers_near_the_limits_and_refuse_what_is_none(spectrograms):
    for dtype in (torch.half, torch.float32, torch.float64):
        largest = torch.full((1000,), torch.finfo(dtype).max, dtype=dtype)  # their sum is infinite
        assert torch.equal(spectrograms.frame(largest, 100, 50)[4], largest[:100])
        for wrong in (math.nan, math.inf, -math.inf):
            with pytest.raises(CourseError, match="not finite"):
                spectrograms.frame(torch.tensor([0.0, wrong, 0.0] * 200, dtype=dtype), 100, 50)


@pytest.mark.parametrize("dtype", [torch.half, torch.float64])
def test_griffin_lim_of_lecture_08_takes_other_types(dtype):
    lecture = definitions("08_sound_translation.ipynb")
    lecture.N_FFT, lecture.HOP, lecture.N_MELS = 256, 64, 20
    triangles = librosa.filters.mel(sr=16_000, n_fft=256, n_mels=20)
    lecture.spread = torch.linalg.pinv(torch.from_numpy(triangles))
    magnitude = lecture.stft(torch.randn(2, lecture.data.NOTE_LENGTH)).abs()
    got = lecture.griffin_lim(magnitude.to(dtype), 0 * magnitude, lecture.data.NOTE_LENGTH, steps=2)
    plain = lecture.griffin_lim(magnitude, 0 * magnitude, lecture.data.NOTE_LENGTH, steps=2)
    assert got.dtype == torch.promote_types(dtype, torch.float32) and (got - plain).norm() < 0.02 * plain.norm()
    round_trip = definitions("solutions/08_sound_translation.ipynb").round_trip
    assert round_trip(magnitude.double(), 0 * magnitude, lambda s: s, lambda w: w).dtype == torch.complex128
    mels = -50 * torch.rand(1, 20, magnitude.shape[2])
    assert lecture.to_sound(mels.to(dtype), steps=1).shape == (1, lecture.data.NOTE_LENGTH)
    power = [lecture.mel_power(torch.randn(8000).to(d), 16_000, 256, 64, 20) for d in (dtype, torch.float32)]
    assert power[0].shape == power[1].shape and power[0].isfinite().all()


# ------------------------------------------------------------------------------------------------------------- lecture 04
def cider_d(said, references, sigma=6.0):
    """CIDEr-D by the loops of its published definition: pycocoevalcap's `CiderScorer`, n-gram for n-gram."""

    def precook(text):
        words, counts = text.split(), collections.Counter()
        for n in range(1, 5):
            counts.update(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
        return counts

    frequency = collections.Counter(g for some in references for g in {g for text in some for g in precook(text)})

    def vector(counts):
        vectors, norms = [collections.defaultdict(float) for _ in range(4)], [0.0] * 4
        for gram, count in counts.items():
            n = len(gram) - 1
            vectors[n][gram] = count * (math.log(len(references)) - math.log(max(1.0, frequency[gram])))
            norms[n] += vectors[n][gram] ** 2
        return vectors, [math.sqrt(x) for x in norms], sum(c for g, c in counts.items() if len(g) == 2)

    scores = []
    for text, some in zip(said, references, strict=True):
        ours, our_norms, our_length = vector(precook(text))
        values = np.zeros(4)
        for reference in some:
            theirs, norms, length = vector(precook(reference))
            for n in range(4):
                value = sum(min(v, theirs[n][g]) * theirs[n][g] for g, v in ours[n].items())
                if our_norms[n] and norms[n]:
                    value /= our_norms[n] * norms[n]
                values[n] += value * math.exp(-((our_length - length) ** 2) / (2 * sigma**2))
        scores.append(values.mean() / len(some) * 10)
    return float(np.mean(scores))


def test_cider_d_agrees_with_its_published_definition():
    lecture = definitions("04_captioning.ipynb")
    words, random = "a frog drum left of the car two".split(), np.random.default_rng(0)
    drawn = lambda low: " ".join(random.choice(words, random.integers(low, 9)))  # noqa: E731
    references = [[drawn(2) for _ in range(random.integers(1, 6))] for _ in range(30)]
    said = [drawn(1) for _ in references]
    assert lecture.cider(said, references, d=True) == pytest.approx(cider_d(said, references), abs=1e-9)
    once = [some[0] for some in references]
    thrice = [" ".join(3 * [text]) for text in once]
    assert lecture.cider(thrice, references) > 0.6 * lecture.cider(once, references)
    assert lecture.cider(thrice, references, d=True) < 0.25 * lecture.cider(once, references, d=True)
    for nothing in (([], []), (["a"], [[]])):
        with pytest.raises(CourseError, match="at least one caption"):
            lecture.cider(*nothing)


# ------------------------------------------------------------------------------------------------------------- lecture 05
def test_options_take_numbers_and_tell_in_one_line_what_they_cannot_take(capsys):
    lecture = definitions("05_conditional_gan.ipynb", also=("class-rules", "parser"))
    assert lecture.options("--lr", 0.001, "--n_epochs", 5) == lecture.options("--lr", "0.001", "--n_epochs", "5")
    cases = {("--lr", "fast"): "--lr: invalid float value: 'fast'", ("--lr",): "--lr: expected one argument"}
    cases |= {("--bach_size", 32): "Did you mean --batch_size?", ("lr", 0.1): "no option lr. Did you mean --lr?"}
    cases |= {
        ("--n_epochs", 2.5): "--n_epochs: invalid int value: '2.5'",
        ("--lr", None): "invalid float value: 'None'",
    }
    for words, says in cases.items():
        with pytest.raises(CourseError) as caught:
            lecture.options(*words)
        assert says in str(caught.value) and "\n" not in str(caught.value)
    assert capsys.readouterr().err == ""


START_METHODS = """
import json, multiprocessing, sys
import torch
from easydict import EasyDict
from torch.utils.data import DataLoader, Dataset, Sampler
from helpers import CourseError
for cell in json.load(open(sys.argv[1], encoding="utf-8"))["cells"]:
    if cell["id"] in ("dataset", "loader"):
        exec("".join(cell["source"]))
config = EasyDict(n_cpu=2, batch_size=4, channels=3, img_size=8, n_classes=2)
labels = torch.arange(12) % 2
for method in multiprocessing.get_all_start_methods():
    multiprocessing.set_start_method(method, force=True)
    loader = balanced_loader(Pictures(torch.zeros(12, 3, 8, 8, dtype=torch.uint8), labels, config), labels, config)
    print(method, loader.num_workers, sum(len(y) for _, y in loader))
"""


def test_the_loader_works_however_python_starts_its_workers():
    """As in a kernel, `__main__` is no file here: what is defined in it is known to forked workers only."""
    lecture = NOTEBOOKS / "05_conditional_gan.ipynb"
    run = [sys.executable, "-c", START_METHODS, lecture]
    done = subprocess.run(run, cwd=NOTEBOOKS.parent, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        method, workers, pictures = line.split()
        assert int(workers) == (2 if method == "fork" else 0) and pictures == "12"


# ----------------------------------------------------------------------------------------------------------------- scores
@pytest.mark.parametrize("form", [np.asarray, torch.Tensor.half, torch.Tensor.double, torch.Tensor.tolist])
def test_scores_take_numbers_of_any_type(form):
    table = torch.tensor([[3.0, 2.0, 1.0], [0.0, 5.0, 5.0], [1.0, 0.0, 0.0]])
    assert metrics.recall_at_k(form(table), form(torch.eye(3)), 1) == pytest.approx((1 + 0.5 + 0) / 3)
    assert metrics.frechet_distance(form(table), form(table + 1)) == pytest.approx(3, abs=1e-5)
    for k in (0, 2.5, None):
        with pytest.raises(CourseError, match="whole number"):
            metrics.recall_at_k(table, torch.eye(3), k)
    for wrong in (math.nan, math.inf, 1e200):
        with pytest.raises(CourseError, match="not a finite number"):
            metrics.frechet_distance(table, torch.full((3, 3), wrong, dtype=torch.float64))


# ---------------------------------------------------------------------------------------------- what is drawn and played
PICTURE = torch.zeros(3, 8, 8, dtype=torch.uint8)


@pytest.mark.parametrize("form", [np.asarray, torch.Tensor.half, torch.Tensor.bfloat16, torch.Tensor.requires_grad_])
def test_what_a_network_puts_out_can_be_drawn_and_played(monkeypatch, form):
    monkeypatch.setattr(plots, "display", lambda shown: None)
    for draw in (plots.matrix, lambda axes, values: plots.spectrogram(axes, values, 1, 8)):
        draw(plots.plt.subplots()[1], form(torch.rand(3, 4)))
    plots.attention(plots.plt.subplots()[1], PICTURE, form(torch.rand(2, 2)))
    plots.play({"noise": form(torch.rand(9000))}, 16_000.0)
    plots.gallery({1: [(PICTURE.numpy(), 2), (PICTURE, None)]})
    plots.plt.close("all")


def test_what_cannot_be_drawn_or_played_is_told_in_one_line(monkeypatch):
    monkeypatch.setattr(plots, "display", lambda shown: None)
    for rate in (0, -1, None, "16000", math.nan):
        with pytest.raises(CourseError, match="rate counts samples"):
            plots.play({"noise": torch.rand(9000)}, rate)
    for wrong in (PICTURE.bool(), PICTURE.to(torch.int8), PICTURE[:, :0], PICTURE[:1], PICTURE.float()):
        with pytest.raises(CourseError, match="uint8 pictures"):
            plots.gallery({"": [(wrong, "")]})
        with pytest.raises(CourseError, match="Give pictures as uint8"):
            models.picture_features(wrong[None])
    for wrong in (PICTURE, PICTURE[0], np.zeros((8, 8, 4), np.uint8)):
        with pytest.raises(CourseError, match="on_white takes"):
            data.on_white(wrong)
    for size in (0, -1, None, 2.5):
        with pytest.raises(CourseError, match="whole number from 1"):
            data.read_picture(data.DATA / "faces/faces.webp", size)
    with pytest.raises(CourseError, match="no recording None"):
        data.sound(None)
    assert len(scenes.compose(2, 0, things=(1,), nouns=["frog", "drum"])[1]) == 2


# ----------------------------------------------------------------------------------------------------- lectures 09 and 10
WAVE = torch.sin(torch.arange(8000) / 9) / 2


def test_what_cannot_be_pointed_at_says_why():
    lecture = definitions("09_sound_localisation.ipynb", also=("setup",))
    for wrong in (WAVE * math.nan, torch.full((8000,), 3e38), WAVE[None].repeat(2, 1)):
        with pytest.raises(CourseError, match="finite samples"):
            lecture.point_at(None, wrong.numpy())
    for wrong in (0 * WAVE, WAVE[:10]):
        with pytest.raises(CourseError, match="silent, or shorter"):
            lecture.point_at(None, wrong.numpy())
