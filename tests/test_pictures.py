"""Loaders of pictures, what is kept of their features, galleries; recall and rank against scikit-learn and shuffles."""

import json
import re

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import top_k_accuracy_score

from helpers import CourseError, data, models, plots
from helpers.metrics import recall_at_k


def test_every_concept_is_drawn_by_every_artist():
    concepts, pictures = data.emoji()
    assert pictures.shape == (5, 1570, 3, 64, 64) and pictures.dtype == torch.uint8 and len(concepts) == 1570
    assert len({c.emoji for c in concepts}) == 1570 and len({c.name for c in concepts}) == 1570
    blank = (pictures.float().flatten(2).std(2) < 1).any(0)
    assert not blank.any(), [concepts[i].name for i in blank.nonzero().flatten().tolist()]
    dog = next(c for c in concepts if c.name == "dog face")
    assert dog.emoji == "🐶" and "puppy" in dog.english and "강아지" in dog.korean
    assert all(c.english == sorted(set(c.english)) and c.name.lower() in c.english for c in concepts)


def test_drawings_stand_beside_their_own_concept():
    concepts, pictures = data.emoji()
    for name, channel in (("red circle", 0), ("green circle", 1), ("blue circle", 2)):
        i = next(i for i, c in enumerate(concepts) if c.name == name)
        assert (pictures[:, i, :, 32, 32].float().argmax(1) == channel).all(), name


def test_stamps_are_cut_out_and_their_recordings_are_there():
    stamps, cut_outs = data.stamps()
    assert cut_outs.shape == (276, 4, 128, 128) and len({s.name for s in stamps}) == 276
    alpha = cut_outs[:, 3].float() / 255
    assert ((alpha > 0.5).float().mean((1, 2)) > 0.005).all()  # the least is a drinking glass
    assert (alpha[:, [0, 0, -1, -1], [0, -1, 0, -1]] < 0.5).all(1).float().mean() > 0.95  # free corners
    sounds = {s.sound for s in stamps if s.sound}
    assert len(sounds) >= 60
    for name in sounds:
        data.sound(name)


def test_on_white_mixes_by_alpha():
    pixel = torch.tensor([[200, 200, 200], [100, 100, 100], [0, 0, 0], [255, 0, 51]], dtype=torch.uint8)
    white = data.on_white(pixel[:, None])
    assert white[:, 0].T.tolist() == [[200, 100, 0], [255, 255, 255], [244, 224, 204]]


def save(path, mode, size, colour, **options):
    Image.new(mode, size, colour).save(path, **options)
    return path


@pytest.mark.parametrize(
    ("name", "mode", "size", "colour"),
    [
        ("a.png", "RGB", (30, 90), (255, 0, 0)),
        ("a.jpg", "RGB", (400, 20), (254, 0, 0)),
        ("a.png", "RGBA", (64, 64), (255, 0, 0, 255)),
        ("a.gif", "P", (10, 10), None),
        ("a.png", "I;16", (50, 50), 0),
        ("a.png", "L", (1, 1), 0),
        ("a.tiff", "CMYK", (33, 33), (0, 0, 0, 255)),
        ("a.png", "1", (20, 30), 0),
    ],
)
def test_a_picture_of_any_size_and_mode_is_read_whole(tmp_path, name, mode, size, colour):
    picture = data.read_picture(save(tmp_path / name, mode, size, colour or 0), size=48)
    assert picture.shape == (3, 48, 48) and picture.dtype == torch.uint8
    assert picture[1, 24, 24] < 5  # red or black in the middle
    wide, high = size
    if wide > 2 * high:
        assert (picture[:, 0] == 255).all()  # white above what is wide
    if high > 2 * wide:
        assert (picture[:, :, 0] == 255).all()


def test_what_is_transparent_becomes_white(tmp_path):
    clear = data.read_picture(save(tmp_path / "a.png", "RGBA", (8, 8), (255, 0, 0, 0)))
    half = data.read_picture(save(tmp_path / "b.png", "RGBA", (8, 8), (0, 0, 0, 128)))
    assert (clear == 255).all() and ((half > 125) & (half < 130)).all()


def test_a_photograph_held_sideways_is_turned(tmp_path):
    picture = Image.new("RGB", (40, 20), "red")
    exif = picture.getexif()
    exif[0x0112] = 6  # the camera was turned by 90 degrees
    picture.save(tmp_path / "a.png", exif=exif)
    assert (data.read_picture(tmp_path / "a.png", 40)[1, :, 0] == 255).all()  # now higher than wide


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + bytes(40), b"GIF89a"])
def test_a_broken_picture_is_named(tmp_path, content):
    (tmp_path / "mine.png").write_bytes(content)
    with pytest.raises(CourseError, match="mine.png is not a picture"):
        data.read_picture(tmp_path / "mine.png")


def test_a_picture_cut_off_in_the_middle_is_named(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "mine.png")
    whole = (tmp_path / "mine.png").read_bytes()
    (tmp_path / "mine.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CourseError, match="damaged"):
        data.read_picture(tmp_path / "mine.png")


def test_a_missing_picture_and_a_folder_are_named(tmp_path):
    for path in (tmp_path / "none.png", tmp_path):
        with pytest.raises(CourseError, match="There is no file"):
            data.read_picture(path)


def test_features_are_computed_once_and_a_damaged_cache_is_computed_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(models, "CACHE", tmp_path / "cache")
    pictures = torch.randint(0, 255, (3, 3, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    first = models.picture_features(pictures, size=64)
    assert first.shape == (3, models.FEATURES) and first.dtype == torch.float32 and first.std() > 0.01
    (kept,) = (tmp_path / "cache").iterdir()
    models.picture_features(pictures[:2], size=64), models.picture_features(pictures, size=96)
    assert len(list((tmp_path / "cache").iterdir())) == 3  # other pictures, another size: other files
    with monkeypatch.context() as patch:
        patch.setattr(models, "efficientnet", lambda: pytest.fail("computed twice"))
        assert torch.equal(models.picture_features(pictures, size=64), first)
    for damaged in (b"", kept.read_bytes()[:500], b"\x80\x04 a pickle"):
        kept.write_bytes(damaged)
        assert torch.equal(models.picture_features(pictures, size=64), first)


def test_features_do_not_depend_on_the_batch_and_are_the_mean_over_places(tmp_path, monkeypatch):
    monkeypatch.setattr(models, "CACHE", tmp_path)
    pictures = data.emoji()[1][0, :5]
    places = models.picture_features(pictures, size=64, places=True)
    assert places.shape == (5, models.FEATURES, 2, 2)
    mean = models.picture_features(pictures, size=64, batch_size=1)
    assert (places.mean((2, 3)) - mean).abs().max() < 0.03 * mean.abs().max()  # bfloat16


@pytest.mark.parametrize("size", [75, 96, 112, 192])
def test_the_folded_network_sees_what_the_published_one_sees(size):
    published = models.EfficientNet.from_name("efficientnet-lite0").eval()
    published.load_state_dict(torch.load(models.WEIGHTS[0], map_location="cpu", weights_only=True))
    pictures = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(size))
    with torch.inference_mode():
        expected, found = published.extract_features(pictures), models.efficientnet().cpu().extract_features(pictures)
    assert found.shape == expected.shape and (found - expected).abs().max() < 1e-4 < expected.std()


def test_the_network_sees_what_is_on_a_photograph():
    imagenet = {"camel": 354, "hen": 8, "basketball": 430, "stethoscope": 823, "apple_green": 948, "squirrel": 335}
    stamps, cut_outs = data.stamps()
    chosen = [i for i, s in enumerate(stamps) if s.name in imagenet]
    white = data.on_white(cut_outs[chosen]) / 255
    scaled = torch.nn.functional.interpolate(white, (224, 224), mode="bilinear", antialias=True)
    mean, deviation = (row[:, None, None] for row in models.IMAGENET)
    with torch.inference_mode():
        best = models.efficientnet().cpu()((scaled - mean) / deviation).argmax(1).tolist()
    assert best == [imagenet[stamps[i].name] for i in chosen]


@pytest.mark.parametrize(
    "pictures",
    [
        torch.zeros(2, 3, 8, 8),
        torch.zeros(2, 4, 8, 8, dtype=torch.uint8),
        torch.zeros(3, 8, 8, dtype=torch.uint8),
        torch.zeros(0, 3, 8, 8, dtype=torch.uint8),
    ],
)
def test_features_of_something_else_are_refused(pictures):
    with pytest.raises(CourseError, match=r"Give pictures as uint8 of shape \(n, 3, height, width\)"):
        models.picture_features(pictures)


def test_a_gallery_names_its_pictures_and_escapes_what_is_written(monkeypatch):
    pages = []
    monkeypatch.setattr(plots, "display", lambda shown: pages.append(shown.data))
    picture = torch.zeros(3, 5, 5, dtype=torch.uint8)
    plots.gallery({"<b>": [(picture, 'a "dog" & 강아지')]}, caption="<i>")
    assert "&lt;b&gt;" in pages[0] and 'alt="a &quot;dog&quot; &amp; 강아지"' in pages[0] and "&lt;i&gt;" in pages[0]
    for wrong in (picture.float(), picture[:2], picture[None]):
        with pytest.raises(CourseError, match="A gallery takes uint8"):
            plots.gallery({"row": [(wrong, "")]})


def test_a_picture_without_a_label_has_an_alt_text(monkeypatch):
    shown, picture = [], torch.zeros(3, 8, 8, dtype=torch.uint8)
    monkeypatch.setattr(plots, "display", lambda html: shown.append(html.data))
    plots.gallery({"a < b": [(picture, ""), (picture, "heart"), (picture, "")]})
    plots.gallery({"": [(picture, "")]}, caption="All")
    alts = [re.findall('alt="([^"]*)"', html) for html in shown]
    assert alts == [["a &lt; b, 1", "heart", "a &lt; b, 3"], ["All, 1"]]


# ------------------------------------------------------------------------------------------------------------ scores
def random_scores(queries, items, levels=0, share=0.2, seed=0):
    """Scores, with many ties where `levels` is not 0, and a table of what is right."""
    generator = torch.Generator().manual_seed(seed)
    scores = torch.rand(queries, items, generator=generator)
    if levels:
        scores = (scores * levels).floor()
    return scores, torch.rand(queries, items, generator=generator) < share


@pytest.mark.parametrize("k", [1, 3, 10, 29])
def test_recall_with_one_right_item_agrees_with_scikit_learn(k):
    scores, _ = random_scores(40, 30)
    label = torch.randint(0, 30, (40,), generator=torch.Generator().manual_seed(1))
    ours = recall_at_k(scores, torch.nn.functional.one_hot(label, 30), k)
    assert ours == pytest.approx(top_k_accuracy_score(label, scores, k=k, labels=range(30)))


def shuffled_expectation(scores, relevant, of_order, times=4000):
    """Mean of `of_order(right, in order)` over random orders of equal scores, by trying."""
    rng, values = np.random.default_rng(0), []
    for _ in range(times):
        order = np.lexsort((rng.random(scores.shape), -scores), axis=-1)
        values.append(of_order(np.take_along_axis(relevant, order, 1)))
    return np.mean(values, 0)


@pytest.mark.parametrize("levels", [0, 1, 2, 4])
def test_recall_of_ties_is_the_mean_over_shuffles(levels):
    scores, relevant = random_scores(6, 12, levels, share=0.3, seed=levels)
    kept = relevant.any(1)
    right = relevant[kept].numpy()
    by_hand = shuffled_expectation(scores[kept].numpy(), right, lambda r: r[:, :4].sum(1) / r.sum(1)).mean()
    assert recall_at_k(scores, relevant, 4) == pytest.approx(by_hand, abs=0.01)


def test_equal_scores_are_chance_neither_perfect_nor_nothing():
    relevant = torch.zeros(5, 100, dtype=torch.bool)
    relevant[:, 0] = True
    assert recall_at_k(torch.zeros(5, 100), relevant) == pytest.approx(0.1)


def test_queries_without_a_right_item_do_not_count():
    scores, relevant = torch.tensor([[1.0, 0], [1, 0]]), torch.tensor([[True, False], [False, False]])
    assert recall_at_k(scores, relevant, 1) == 1
    assert recall_at_k(scores, relevant, 99) == 1  # fewer items than k


def test_scores_that_make_no_sense_are_refused():
    scores, relevant = random_scores(3, 4)
    nan = scores.clone()
    nan[0, 0] = torch.nan
    for bad, says in (
        ((scores, relevant[:, :3]), "one shape"),
        ((scores[0], relevant[0]), "one shape"),
        ((scores, relevant, 0), "Give 1 or more"),
        ((nan, relevant), "not a number"),
        ((scores, torch.zeros(3, 4)), "not one query"),
    ):
        with pytest.raises(CourseError, match=says):
            recall_at_k(*bad)


def test_the_manifest_counts_what_the_loaders_find():
    index = json.loads((data.DATA / "stamps/index.json").read_text(encoding="utf-8"))
    assert len(index) == 276 and all(entry["en"] and entry["ko"] for entry in index)
