"""Lecture 04's own definitions, against libraries, plain loops and exhaustive search; folders of COCO and Flickr8k."""

import itertools
import json
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from sklearn.feature_extraction.text import CountVectorizer

from helpers import CourseError, data, models, scenes
from tests.definitions import definitions

lecture = definitions("04_captioning.ipynb", also=("vocabulary",))
lecture.device = torch.device("cpu")
lecture.GRID = 6


# ---------------------------------------------------------------------------------------------------------- words
NUMBER = {word: i for i, word in enumerate(["<pad>", "<start>", "<end>", "a", "frog"])}


def test_a_caption_becomes_numbers_between_start_and_end():
    numbers = lecture.encode("a frog", NUMBER)
    assert numbers.shape == (lecture.LONGEST + 1,) and numbers.tolist()[:5] == [1, 3, 4, 2, 0] and not numbers[4:].any()
    assert lecture.sentence(numbers[1:], list(NUMBER)) == "a frog"
    assert lecture.encode(" ".join(["a"] * (lecture.LONGEST - 1)), NUMBER)[-1] == 2  # the longest that fits


@pytest.mark.parametrize(
    ("caption", "says"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("a unicorn", "'unicorn' is not among"),
        ("a " * 20, "20 words; 19 are the limit"),
    ],
)
def test_a_caption_that_cannot_be_encoded_says_why(caption, says):
    with pytest.raises(CourseError, match=says):
        lecture.encode(caption, NUMBER)


def test_rare_words_are_left_out_of_the_vocabulary():
    captions = [("a frog", "a red frog"), ("a car", "a car")]
    assert lecture.vocabulary_of(captions) == ["<pad>", "<start>", "<end>", "a", "car", "frog", "red"]
    assert lecture.vocabulary_of(captions, at_least=2)[3:] == ["a", "car", "frog"]


# --------------------------------------------------------------------------------------------------------- search
class Table:
    """A decoder whose log-probabilities are drawn at random for each prefix; the state is the prefix so far."""

    def __init__(self, words, seed):
        self.words, self.seed = words, seed

    def eval(self):
        return self

    def begin(self, a):
        return (torch.zeros(len(a), 0, dtype=torch.long),)

    def after(self, prefix):
        generator = torch.Generator().manual_seed(hash((self.seed, *prefix)) % 2**31)
        return (2 * torch.randn(self.words, generator=generator)).log_softmax(0)

    def step(self, word, state, a):
        prefix = torch.cat([state[0], word[:, None]], 1)
        return torch.stack([self.after(p) for p in prefix.tolist()]), None, (prefix,)


def identity(x):
    return x


identity.eval = lambda: identity


def log_probability(decoder, words, ended):
    prefix, total = [lecture.START], 0.0
    for word in [*words, *[lecture.END] * ended]:
        total += decoder.after(prefix)[word].item()
        prefix.append(word)
    return total


def exhaustive(decoder, longest, alpha=0.0):
    """The best finished sentence of at most `longest` words, the end included, by trying them all."""
    others = [w for w in range(decoder.words) if w != lecture.END]
    every = (s for n in range(longest) for s in itertools.product(others, repeat=n))
    scored = ((log_probability(decoder, s, True) / (len(s) + 1) ** alpha, list(s)) for s in every)
    return max(scored, key=lambda found: found[0])


def spoken(words):
    words = words.tolist()
    return words[: words.index(lecture.END)] if lecture.END in words else words


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(lecture, "LONGEST", 4)


@pytest.mark.parametrize("alpha", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("seed", range(12))
def test_a_wide_beam_finds_what_exhaustive_search_finds(short, seed, alpha):
    decoder = Table(5, seed)
    (words,), (score,) = lecture.beam_search(identity, decoder, torch.zeros(1, 2, 2), width=10_000, alpha=alpha)
    best, expected = exhaustive(decoder, 4, alpha)
    assert spoken(words) == expected and score.item() == pytest.approx(best, abs=1e-4)


@pytest.mark.parametrize("seed", range(12))
def test_a_beam_is_no_worse_than_greedy_and_its_score_is_its_sentence_s(short, seed):
    decoder = Table(6, seed)
    (greedy,), attention = lecture.greedy(identity, decoder, torch.zeros(1, 2, 2))
    assert attention is None
    ended = lecture.END in greedy.tolist()
    (words,), (score,) = lecture.beam_search(identity, decoder, torch.zeros(1, 2, 2), width=1)
    if ended:
        assert score >= log_probability(decoder, spoken(greedy), True) - 1e-4
    full = len(spoken(words)) == 4  # nothing ended in time
    assert score.item() == pytest.approx(log_probability(decoder, spoken(words), not full), abs=1e-4)


@pytest.mark.parametrize("width", [1, 2, 3])
@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_a_batch_of_pictures_is_searched_as_each_alone(width, alpha):
    _, a = annotations(5)
    for make in DECODERS:
        torch.manual_seed(1)
        decoder = make(11, a.shape[2])
        words, scores = lecture.beam_search(identity, decoder, 3 * a, width, alpha)
        for i in range(5):
            alone, score = lecture.beam_search(identity, decoder, 3 * a[i : i + 1], width, alpha)
            assert torch.equal(alone[0], words[i]) and score.item() == pytest.approx(scores[i].item(), abs=1e-4)


def test_greedy_is_led_up_a_garden_path_that_a_beam_leaves(short):
    decoder = Table(5, 0)
    paths = {(1,): {3: 0.6, 4: 0.4}, (1, 3): {3: 0.4, 4: 0.3, 2: 0.3}, (1, 4): {2: 0.9, 3: 0.1}}
    decoder.after = lambda prefix: torch.tensor(
        [paths.get(tuple(prefix), {2: 1.0}).get(w, 1e-9) for w in range(5)]
    ).log()
    (greedy,), _ = lecture.greedy(identity, decoder, torch.zeros(1, 2, 2))
    (words,), (score,) = lecture.beam_search(identity, decoder, torch.zeros(1, 2, 2), width=2)
    assert greedy.tolist()[:3] == [3, 3, 2] and spoken(words) == [4]
    assert score.item() == pytest.approx(math.log(0.36), abs=1e-5)


def test_length_normalisation_prefers_a_longer_sentence_of_likely_words(short):
    decoder = Table(5, 0)  # "end" at once: .4; three words and the end: .6 * .8 * .8 * .9
    paths = {
        (1,): {2: 0.4, 3: 0.6},
        (1, 3): {3: 0.8, 4: 0.2},
        (1, 3, 3): {3: 0.8, 4: 0.2},
        (1, 3, 3, 3): {2: 0.9, 4: 0.1},
    }
    decoder.after = lambda prefix: torch.tensor(
        [paths.get(tuple(prefix), {2: 1.0}).get(w, 1e-9) for w in range(5)]
    ).log()
    found = [lecture.beam_search(identity, decoder, torch.zeros(1, 2, 2), 3, alpha) for alpha in (0.0, 1.0)]
    assert [spoken(words[0]) for words, _ in found] == [[], [3, 3, 3]]
    assert found[1][1].item() == pytest.approx(math.log(0.6 * 0.8 * 0.8 * 0.9) / 4, abs=1e-5)


# --------------------------------------------------------------------------------------------------------- networks
def annotations(n=3):
    torch.manual_seed(0)
    encoder = lecture.Encoder(7, 112, 6).eval()
    return encoder, encoder(torch.randn(n, 112, 6, 6))


def test_annotation_vectors_hold_features_tags_and_where_each_place_is():
    encoder, a = annotations()
    assert a.shape == (3, 36, 160 + 7 + 12) and encoder.dim == a.shape[2]
    where = a[0, :, -12:] / 3
    for place in range(36):
        assert where[place].nonzero().flatten().tolist() == [place // 6, 6 + place % 6]
    spot = torch.zeros(1, 112, 6, 6)
    changed = spot.clone()
    changed[0, :, 4, 1] = 5.0  # row 4, column 1: place 25
    difference = (encoder(changed) - encoder(spot)).abs().sum(2)[0]
    assert difference.nonzero().flatten().tolist() == [25]


def test_a_tag_s_logit_is_a_soft_maximum_over_places():
    encoder, _ = annotations()
    x = torch.randn(2, 112, 6, 6)
    of_places = encoder.tags(encoder.look(x)).flatten(2)
    found = encoder.tag_logits(x)
    assert (found <= of_places.amax(2) + 1e-5).all() and (found >= of_places.mean(2) - 1e-5).all()
    assert torch.allclose(found[0, 0], (of_places[0, 0].exp() / of_places[0, 0].exp().sum() * of_places[0, 0]).sum())


DECODERS = [
    lecture.ShowAndTell,
    lambda words, dim: lecture.ShowAttendAndTell(words, dim, fed=12),
    lambda words, dim: lecture.ShowAttendAndTell(words, dim, fed=dim),
    lambda words, dim: lecture.TransformerDecoder(words, dim, width=24, heads=3, inner=40),
]
NAMES = ["tell", "attend", "whole context", "transformer"]


@pytest.mark.parametrize("make", DECODERS, ids=NAMES)
@pytest.mark.parametrize("n", [1, 3])
def test_teacher_forcing_is_step_by_step(make, n):
    _, a = annotations(n)
    decoder, caption = make(11, a.shape[2]).eval(), torch.randint(3, 11, (n, 5))
    logits, attention = decoder(a, caption)
    state = decoder.begin(a)
    for t in range(5):
        step, looked, state = decoder.step(caption[:, t], state, a)
        assert torch.allclose(step, logits[:, t], atol=1e-5)
        assert looked is None or torch.allclose(looked, attention[:, t], atol=1e-6)
    assert logits.shape == (n, 5, 11)


@pytest.mark.parametrize("make", DECODERS, ids=NAMES)
def test_a_decoder_uses_the_picture_and_only_words_already_said(make):
    _, a = annotations()
    decoder, caption = make(11, a.shape[2]).eval(), torch.randint(3, 11, (3, 5))
    logits, _ = decoder(a, caption)
    later = caption.clone()
    later[:, 3] = (later[:, 3] - 2) % 8 + 3
    changed, _ = decoder(a, later)
    assert torch.allclose(changed[:, :3], logits[:, :3], atol=1e-6) and not torch.allclose(changed[:, 3], logits[:, 3])
    assert not torch.allclose(decoder(a.roll(1, 0), caption)[0], logits)


def test_soft_attention_is_scaled_dot_product_attention():
    query, keys, a = torch.randn(4, 8), torch.randn(4, 9, 8), torch.randn(4, 9, 5)
    attention, context = lecture.soft_attention(query, keys, a)
    assert torch.allclose(context, F.scaled_dot_product_attention(query[:, None], keys, a)[:, 0], atol=1e-5)
    assert torch.allclose(attention.sum(1), torch.ones(4))


def test_what_was_seen_reaches_the_lstm_only_as_where_it_was():
    """Of the first glance, the second step's state knows the place, not the features there; the ablation's knows all."""
    _, a = annotations(1)
    for fed, alike in ((12, True), (a.shape[2], False)):
        torch.manual_seed(2)
        decoder, states = lecture.ShowAttendAndTell(11, a.shape[2], fed=fed).eval(), []
        for seen in (a, torch.cat([torch.randn_like(a[..., :-12]), a[..., -12:]], 2)):
            h, c, nothing, _, *kept = decoder.begin(a)
            _, _, (h, c, looked_at, *kept) = decoder.step(
                torch.tensor([1]), (h, c, nothing, seen[..., -fed:], *kept), seen
            )
            states.append(decoder.step(torch.tensor([4]), (h, c, looked_at, *kept), seen)[2][0])
            assert looked_at.shape == (1, fed) and torch.allclose(looked_at[:, -12:-6].sum(1), torch.tensor([3.0]))
        assert torch.equal(*states) == alike


def test_the_summary_of_the_picture_enters_with_each_word():
    _, a = annotations(2)
    decoder, word = lecture.ShowAttendAndTell(11, a.shape[2], fed=12).eval(), torch.tensor([4, 5])
    *state, summary = decoder.begin(a)
    assert torch.allclose(summary, decoder.summary(decoder.units(a).relu().amax(1)))
    for _ in range(2):
        logits, _, (*later, kept) = decoder.step(word, (*state, summary), a)
        assert kept is summary and not torch.allclose(decoder.step(word, (*state, summary + 1), a)[0], logits)
        state = later


def test_one_step_of_an_lstm():
    cell, x, h, c = torch.nn.LSTMCell(3, 5), torch.randn(2, 3), torch.randn(2, 5), torch.randn(2, 5)
    for ours, theirs in zip(lecture.lstm_step(x, h, c, cell), cell(x, (h, c)), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)


# ---------------------------------------------------------------------------------------------------- transformer
def pytorch_s(decoder):
    """PyTorch's own decoder with the same weights."""
    layers = decoder.layers
    width, heads, inner = layers[0].norms[0].normalized_shape[0], layers[0].to_words.heads, layers[0].network[0]
    layer = torch.nn.TransformerDecoderLayer(
        width, heads, inner.out_features, dropout=0.0, batch_first=True, norm_first=True
    )
    peer = torch.nn.TransformerDecoder(layer, len(layers), torch.nn.LayerNorm(width)).eval()
    peer.norm.load_state_dict(decoder.norm.state_dict())
    for ours, theirs in zip(layers, peer.layers, strict=True):
        for mine, its in ((ours.to_words, theirs.self_attn), (ours.to_places, theirs.multihead_attn)):
            three = [getattr(mine, name) for name in ("query", "key", "value")]
            its.in_proj_weight.data = torch.cat([part.weight.data for part in three])
            its.in_proj_bias.data = torch.cat([part.bias.data for part in three])
            its.out_proj.load_state_dict(mine.out.state_dict())
        theirs.linear1.load_state_dict(ours.network[0].state_dict())
        theirs.linear2.load_state_dict(ours.network[-1].state_dict())
        for mine, its in zip(ours.norms, (theirs.norm1, theirs.norm2, theirs.norm3), strict=True):
            its.load_state_dict(mine.state_dict())
    return peer


def shaken_transformer(dim, seed=0):
    """A decoder whose biases and norms are not those of the beginning, where a forgotten one would not show."""
    torch.manual_seed(seed)
    decoder = lecture.TransformerDecoder(11, dim, width=24, heads=3, inner=40, layers=3).eval()
    for parameter in decoder.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    return decoder


@pytest.mark.parametrize("seed", range(3))
def test_the_transformer_is_pytorch_s_own(seed):
    _, a = annotations(4)
    decoder, caption = shaken_transformer(a.shape[2], seed), torch.randint(3, 11, (4, 7))
    peer, words, places = pytorch_s(decoder), decoder.embed(caption) + decoder.positions[:7], decoder.see(a)
    mask = torch.nn.Transformer.generate_square_subsequent_mask(7)
    assert torch.allclose(decoder.words(peer(words, places, tgt_mask=mask)), decoder(a, caption)[0], atol=1e-4)
    assert not torch.allclose(decoder.words(peer(words, places)), decoder(a, caption)[0], atol=1e-2)  # without the mask


def test_the_transformer_s_gradients_are_pytorch_s():
    _, a = annotations(2)
    decoder, caption = shaken_transformer(a.shape[2]), torch.randint(3, 11, (2, 5))
    peer = pytorch_s(decoder)
    mask = torch.nn.Transformer.generate_square_subsequent_mask(5)
    decoder(a.detach(), caption)[0].square().mean().backward()
    words, places = decoder.embed(caption) + decoder.positions[:5], decoder.see(a.detach())
    decoder.words(peer(words, places, tgt_mask=mask)).square().mean().backward()
    for ours, theirs in zip(decoder.layers, peer.layers, strict=True):
        assert torch.allclose(ours.network[0].weight.grad, theirs.linear1.weight.grad, rtol=1e-3, atol=1e-6)
        assert torch.allclose(
            ours.to_places.out.weight.grad, theirs.multihead_attn.out_proj.weight.grad, rtol=1e-3, atol=1e-6
        )


@pytest.mark.parametrize("pieces", [[1] * 9, [4, 5], [2, 1, 6], [8, 1]])
def test_the_cache_changes_nothing(pieces):
    """Read in pieces, each after the memory of those before, as read at once."""
    _, a = annotations(3)
    decoder, caption = shaken_transformer(a.shape[2]), torch.randint(3, 11, (3, 9))
    at_once, attention, _ = decoder.read(caption, decoder.begin(a))
    state, found = decoder.begin(a), []
    for piece in caption.split(pieces, 1):
        x, weights, state = decoder.read(piece, state)
        found.append((x, weights))
    assert torch.allclose(torch.cat([x for x, _ in found], 1), at_once, atol=1e-5)
    assert torch.allclose(torch.cat([weights for _, weights in found], 1), attention, atol=1e-6)


def test_greedy_with_the_cache_says_what_it_says_without():
    _, a = annotations(6)
    decoder = shaken_transformer(a.shape[2])
    words, _ = lecture.greedy(identity, decoder, a)
    assert torch.equal(words, lecture.without_cache(identity, decoder, a)[:, : words.shape[1]])


def test_the_penalty_by_plain_loops_without_padding():
    attention = torch.rand(2, 4, 9).softmax(2)
    real = torch.tensor([[True, True, True, False], [True, True, False, False]])
    total = sum(
        (1 - sum(attention[b, t, i].item() for t in range(4) if real[b, t])) ** 2 for b in range(2) for i in range(9)
    )
    assert lecture.doubly_stochastic(attention, real).item() == pytest.approx(total / 2, rel=1e-5)
    even = torch.full((1, 9, 9), 1 / 9)
    assert lecture.doubly_stochastic(even, torch.ones(1, 9, dtype=torch.bool)).item() == pytest.approx(0, abs=1e-9)


# ------------------------------------------------------------------------------------------------------------ scores
def plain_cider(said, references):
    """CIDEr by scikit-learn's counts and numpy."""
    total = 0.0
    for n in range(1, 5):
        counter = CountVectorizer(ngram_range=(n, n), token_pattern=r"\S+", lowercase=False)
        counter.fit([r for five in references for r in five] + said)
        df = sum((counter.transform(five).toarray().sum(0) > 0).astype(float) for five in references)
        weight = np.log(len(said) / np.maximum(1, df))

        def unit(captions, counter=counter, weight=weight):
            rows = counter.transform(captions).toarray() * weight
            return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-300)

        total += sum((unit(five) @ unit([caption])[0]).mean() for caption, five in zip(said, references, strict=True))
    return 10 * total / 4 / len(said)


def test_cider_agrees_with_an_independent_computation():
    _, some = scenes.compose(60, seed=2)
    references = [scene.captions for scene in some]
    said = [five[0] for five in references[1:]] + ["a frog"]
    assert lecture.cider(said, references) == pytest.approx(plain_cider(said, references), rel=1e-9)
    mixed = [five[0] for five in references]
    assert lecture.cider(mixed, references) == pytest.approx(plain_cider(mixed, references), rel=1e-9)
    same = ["a frog left of a big drum", "two cars above an old tree"]
    assert lecture.cider(same, [[s] * 3 for s in same]) == pytest.approx(10)


def test_bleu_is_between_nothing_and_the_same_words():
    references = [["a frog left of a drum", "a drum right of a frog"], ["two cars and a tree over there"] * 2]
    assert lecture.bleu4([r[0] for r in references], references) == pytest.approx(1)
    assert lecture.bleu4(["x y z w v", "p q r s t"], references) < 0.05


FROG, CAR = scenes.Thing("frog", 0, (0, 0, 32, 32)), scenes.Thing("car", 0, (64, 0, 96, 32))


@pytest.mark.parametrize(
    ("caption", "right", "kind"),
    [
        ("a frog left of a car", True, None),
        ("a car and a frog", True, None),
        ("a car left of a frog", True, "wrong relation"),
        ("a frog", False, "left out"),
        ("a frog and a frog", False, "named twice"),
        ("a frog left of a frog , and a car", False, "named twice"),
        ("two frogs and a car", False, "miscounted"),
        ("a frog and a bus", False, "wrong noun"),
        ("a picture of a", False, "left out"),
    ],
)
def test_the_truth_of_a_caption(caption, right, kind):
    scene = scenes.Scene((FROG, CAR), ())
    objects, relations = lecture.truth_of([caption], [scene])
    assert objects == right and lecture.kind_of(caption, scene) == kind
    assert relations == (caption == "a frog left of a car")


@pytest.mark.parametrize(
    ("caption", "right", "kind"),
    [
        ("two frogs and a car", True, None),
        ("a frog and a frog and a car", True, "plural not planned"),
        ("a frog left of a frog , and a car", True, "plural not planned"),
        ("a frog and a car and a car", False, "named twice"),  # there is one car
        ("a frog and a frog", False, "named twice"),  # counts right, but the car is missing
        ("a frog and a car", False, "miscounted"),
    ],
)
def test_a_plural_that_is_not_planned_is_no_thing_named_twice(caption, right, kind):
    scene = scenes.Scene((FROG, CAR, scenes.Thing("frog", 0, (0, 64, 32, 96))), ())
    assert lecture.truth_of([caption], [scene])[0] == right and lecture.kind_of(caption, scene) == kind


def test_pointing_looks_at_the_peak_for_each_noun():
    scene, attention, tags = scenes.Scene((FROG, CAR), ()), torch.zeros(1, 20, 36), torch.zeros(1, 40, 36)
    nouns = list(scenes.NOUNS)
    attention[0, 1, 7] = 1  # "frog": row 1, column 1, inside the frog's box
    attention[0, 5, 1] = 1  # "car": a place of the frog's
    tags[0, nouns.index("frog"), 11] = 1  # a place of the car's
    tags[0, nouns.index("car"), 11] = 1
    found = lecture.pointed(["a frog left of a car"], attention, tags, [scene])
    assert found[:4] == [0.5, 0.5, 0, pytest.approx(4 / 36)] and math.isnan(found[4]) and found[5:] == [2, 0]
    attention[0, 5, 11] = 2  # row 1, column 5: the car's lower right place
    assert lecture.pointed(["a frog left of a car"], attention, tags, [scene])[0] == 1
    attention[0, 7, 3] = 1  # while the bus is said, a place where nothing is
    moved = lecture.pointed(["a frog left of car and a bus"], attention, tags, [scene])  # "car" is the fifth word
    assert moved[0] == 0.5 and moved[4:] == [0, 2, 1]  # the bus isn't there
    attention[0, 7, 0] = 2  # while the bus is said, a place of the frog
    assert lecture.pointed(["a frog left of car and a bus"], attention, tags, [scene])[4] == 1


def test_a_reference_that_differs_in_few_words():
    five = ["a frog left of a car", "there is a frog", "a car above a frog"]
    assert lecture.nearly("a bus left of a car", five) == (1, five[0])
    assert lecture.nearly("a frog over a car", five) == (3, five[2])
    assert lecture.nearly("a frog", five) is None


# ------------------------------------------------------------------------------------------------- the learner's own
def coco(folder, n=24):
    pictures, some = scenes.compose(n, seed=5)
    (folder / "annotations").mkdir()
    (folder / "val2017").mkdir()
    images = [{"id": i, "file_name": f"{i:012d}.jpg", "width": 96, "height": 96} for i in range(n)]
    said = [
        {"id": 5 * i + k, "image_id": i, "caption": c.capitalize() + "."}
        for i in range(n)
        for k, c in enumerate(some[i].captions)
    ]
    (folder / "annotations" / "captions_val2017.json").write_text(
        json.dumps({"images": images, "annotations": said}), encoding="utf-8"
    )
    for i, picture in enumerate(pictures):
        Image.fromarray(picture.permute(1, 2, 0).numpy()).resize((80 + i, 60)).save(
            folder / "val2017" / f"{i:012d}.jpg"
        )
    return [scene.captions for scene in some]


def flickr(folder, n=24):
    pictures, some = scenes.compose(n, seed=6)
    rows = []
    for i, picture in enumerate(pictures):
        Image.fromarray(picture.permute(1, 2, 0).numpy()).save(folder / f"{i:04d}_ab.jpg")
        said = "".join(f"<li>{caption} .</li>" for caption in some[i].captions)
        rows.append(f'<tr><td><a href="x">http://flickr/{i:04d}/</a></td><td><ul>{said}</ul></td></tr>')
    (folder / "captions.html").write_text("<table>" + "".join(rows) + "</table>", encoding="utf-8")
    return [scene.captions for scene in some]


@pytest.mark.parametrize("write", [coco, flickr])
def test_a_folder_of_captions_is_read(tmp_path, write):
    expected = write(tmp_path)
    pictures, captions = data.captioned_folder(tmp_path, 48)
    assert pictures.shape == (24, 3, 48, 48) and pictures.dtype == torch.uint8
    assert captions[3] == tuple(c.replace(" ,", "") for c in expected[3])
    assert len(data.captioned_folder(tmp_path, 48, most=5)[0]) == 5
    if write is coco:  # a wide picture stands on white
        assert (pictures[0, :, 0] > 250).all() and not (pictures[0] > 250).all()


def test_a_folder_without_captions_says_so(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(CourseError, match="captions\\*.json"):
            data.captioned_folder(folder, 48)


@pytest.mark.parametrize("write", [coco, flickr])
def test_the_lecture_s_functions_learn_from_a_folder(tmp_path, monkeypatch, capsys, write):
    write(tmp_path)
    monkeypatch.setattr(models, "CACHE", tmp_path / "cache")
    shown = []
    monkeypatch.setattr(lecture.plots, "gallery", lambda rows, **options: shown.append(rows))
    monkeypatch.setattr(lecture, "mean", torch.zeros(1), raising=False)
    monkeypatch.setattr(lecture, "deviation", torch.ones(1), raising=False)
    monkeypatch.setattr(lecture, "CHANNELS", 192, raising=False)
    lecture.learn_from(tmp_path, epochs=2)
    assert "BLEU-4" in capsys.readouterr().out and len(shown[0][""]) == 2


def test_finer_places_come_from_the_network_s_first_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(models, "CACHE", tmp_path)
    pictures = scenes.compose(3, seed=0)[0]
    places = models.picture_features(pictures, size=96, places=True, blocks=11)
    assert places.shape == (3, 112, 6, 6)
    assert models.picture_features(pictures, size=96, places=True).shape == (3, models.FEATURES, 3, 3)
    assert len(list(tmp_path.iterdir())) == 2


def test_the_long_run_follows_the_stored_losses(monkeypatch):
    """The recipe of data/weights/captioning: a short run of the same cells, twice, gives the same losses and falls."""
    from data.build.captioning import long_run

    first, again = (long_run(120, 2)[2] for _ in range(2))
    assert first == again and first[1] < first[0]
    recipe = data.weights("captioning")[1]
    losses = json.loads(recipe["losses"])
    assert len(losses) == int(recipe["epochs"]) and losses[-1] < losses[0]
