"""Lecture 03's own definitions against torch's losses, scikit-learn and plain loops; what training may see; bad input."""

import ast
import math
import re
import statistics
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.linear_model import Ridge
from sklearn.metrics import average_precision_score, top_k_accuracy_score
from torch import nn

from helpers import CourseError, data, models
from tests.definitions import NOTEBOOKS, definitions

LECTURE = NOTEBOOKS / "03_joint_embedding.ipynb"
lecture = definitions("03_joint_embedding.ipynb")
lecture.device = torch.device("cpu")
CONCEPTS = data.emoji()[0]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def unit_rows(n, d, seed=0):
    return F.normalize(torch.randn(n, d, generator=generator(seed)), dim=1)


def one_to_many(pictures=7, words=9, seed=0):
    """Unit vectors of pictures and words, and which belong together; each picture has a word or several."""
    match = torch.rand(pictures, words, generator=generator(seed)) < 0.25
    match[torch.arange(pictures), torch.randint(words, (pictures,), generator=generator(seed + 1))] = True
    return unit_rows(pictures, 12, seed + 2), unit_rows(words, 12, seed + 3), match


# ------------------------------------------------------------------------------------------------------------- losses
def test_points_on_the_circle():
    points = lecture.on_circle([0, 90, 225])
    assert torch.allclose(points, torch.tensor([[1.0, 0], [0, 1], [-math.sqrt(0.5), -math.sqrt(0.5)]]), atol=1e-6)


def rivals(P, W, match, i, j, side, kind):
    """The cosines of a pair's wrong words (or pictures) that may be its negative, by plain loops."""
    right = float(P[i] @ W[j])
    if side == "words":
        wrong = [float(P[i] @ W[k]) for k in range(len(W)) if not match[i, k]]
    else:
        wrong = [float(P[k] @ W[j]) for k in range(len(P)) if not match[k, j]]
    return [c for c in wrong if c < right] if kind == "semi-hard" else wrong


@pytest.mark.parametrize("kind", ["hardest", "semi-hard"])
@pytest.mark.parametrize("seed", range(4))
def test_triplets_with_chosen_negatives_by_plain_loops(kind, seed):
    P, W, match = one_to_many(seed=10 * seed)
    expected = 0
    for side in ("words", "pictures"):
        costs = []
        for i, j in match.nonzero().tolist():
            found = rivals(P, W, match, i, j, side, kind)
            costs.append(max(0, 0.3 + max(found) - float(P[i] @ W[j])) if found else 0)
        expected += statistics.fmean(costs)
    assert lecture.triplet(P, W, match, 0.3, kind).item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("kind", ["hardest", "semi-hard", "random"])
def test_a_pair_without_a_rival_costs_nothing_however_far_apart_it_lies(kind):
    P, W = lecture.on_circle([0, 10]).requires_grad_(), lecture.on_circle([175, 180]).requires_grad_()
    loss = lecture.triplet(P, W, torch.ones(2, 2, dtype=torch.bool), negative=kind)
    loss.backward()
    assert loss == 0 and all(torch.equal(x.grad, torch.zeros(2, 2)) for x in (P, W))
    # here the only rival beats the right word: semi-hard leaves it out, and nothing takes its place
    pair = lecture.triplet(P[:1], lecture.on_circle([175, 90]), torch.tensor([[True, False]]), negative=kind)
    assert kind != "semi-hard" or pair == 0
    for rough in (P.bfloat16(), P):  # some rivals are there, some are not
        lecture.triplet(rough, W.to(rough.dtype), torch.tensor([[True, True], [True, False]]), 0.5, kind).backward()
    assert torch.isfinite(P.grad).all() and torch.isfinite(W.grad).all()


def test_semi_hard_is_the_default_and_never_costs_more_than_the_margin():
    P, W, match = one_to_many(seed=4)
    assert lecture.triplet(P, W, match) == lecture.triplet(P, W, match, 0.2, "semi-hard") <= 2 * 0.2
    assert lecture.triplet(P, W, match, negative="hardest") > lecture.triplet(P, W, match)
    as_good = lecture.on_circle([20, 20])  # a wrong word that scores the same does not score below
    assert lecture.triplet(lecture.on_circle([0]), as_good, torch.tensor([[True, False]])) == 0


@pytest.mark.parametrize("kind", ["hardest", "semi-hard", "random"])
def test_triplets_agree_with_torch_where_there_is_one_rival(kind):
    """Two pairs: each picture has one wrong word, each word one wrong picture; all three choices must take it."""
    P, W = lecture.on_circle([0, 50]), lecture.on_circle([15, 30])
    torch_loss = nn.TripletMarginWithDistanceLoss(
        distance_function=lambda a, b: 1 - F.cosine_similarity(a, b), margin=0.4, reduction="none"
    )
    by_words, by_pictures = torch_loss(P, W, W.flip(0)), torch_loss(W, P, P.flip(0))
    match, values = torch.eye(2, dtype=torch.bool), []
    for seed in range(2000 if kind == "random" else 1):
        torch.manual_seed(seed)
        values.append(lecture.triplet(P, W, match, 0.4, kind).item())
    # a random draw meets the wrong one half of the time, and a right one, which costs nothing, otherwise
    expected = (by_words.mean() + by_pictures.mean()).item() * (0.5 if kind == "random" else 1)
    assert statistics.fmean(values) == pytest.approx(expected, rel=0.05 if kind == "random" else 1e-5)


def test_random_negatives_are_drawn_evenly_and_never_a_right_one():
    P, W, match = one_to_many(seed=20)
    torch.manual_seed(0)
    mean = statistics.fmean(lecture.triplet(P, W, match, 0.3, "random").item() for _ in range(3000))
    expected = 0
    for side, total in (("words", len(W)), ("pictures", len(P))):
        costs = []
        for i, j in match.nonzero().tolist():
            right = float(P[i] @ W[j])
            costs.append(sum(max(0, 0.3 + c - right) for c in rivals(P, W, match, i, j, side, "random")) / total)
        expected += statistics.fmean(costs)
    assert mean == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("near", [1, 2, 3])
def test_every_wrong_word_may_be_drawn(near):
    """One picture and four words; a single wrong one is near enough to cost anything."""
    P, W = lecture.on_circle([0]), lecture.on_circle([30 if j == 0 else 40 if j == near else 180 for j in range(4)])
    torch.manual_seed(0)
    match = torch.tensor([[True, False, False, False]])
    costs = [lecture.triplet(P, W, match, 0.2, "random").item() for _ in range(1000)]
    cost = 0.2 + math.cos(math.radians(40)) - math.cos(math.radians(30))
    assert {round(c, 4) for c in costs} == {0, round(cost, 4)}
    assert statistics.fmean(costs) == pytest.approx(cost / 4, rel=0.15)


@pytest.mark.parametrize("temperature", [0.02, 0.05, 0.5])
def test_info_nce_of_one_to_one_pairs_is_torchs_cross_entropy(temperature):
    P, W = unit_rows(9, 6, 1), unit_rows(9, 6, 2)
    logits, own = P @ W.T / temperature, torch.arange(9)
    expected = (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
    assert torch.allclose(lecture.info_nce(P, W, torch.eye(9, dtype=torch.bool), temperature), expected)


@pytest.mark.parametrize("shape", [(7, 9), (9, 4), (1, 5)])
def test_info_nce_of_one_to_many_by_plain_loops(shape):
    P, W, match = one_to_many(*shape)
    match[-1] &= len(match) == 1  # the last of several pictures has no word: it is a rival only
    s = (P.double() @ W.double().T / 0.1).tolist()
    costs = []
    for i, j in match.nonzero().tolist():
        costs.append(math.log(math.fsum(math.exp(x - s[i][j]) for x in s[i])))
        costs.append(math.log(math.fsum(math.exp(line[j] - s[i][j]) for line in s)))
    assert lecture.info_nce(P, W, match, 0.1).item() == pytest.approx(statistics.fmean(costs), abs=1e-4)


def test_info_nce_of_half_precision_is_summed_in_single_and_stays_finite():
    P, W, match = one_to_many()
    rough = lecture.info_nce(P.bfloat16(), W.bfloat16(), match, 0.05)
    assert rough.dtype == torch.float32 and abs(rough - lecture.info_nce(P, W, match, 0.05)) < 0.1
    leaves = P.requires_grad_(), W.requires_grad_()
    lecture.info_nce(*leaves, match, 0.005).backward()
    assert all(torch.isfinite(leaf.grad).all() for leaf in leaves)


@pytest.mark.parametrize("shape", [(7, 9), (9, 4), (1, 5)])
@pytest.mark.parametrize("temperature", [0.02, 0.1, 1.0])
def test_masked_info_nce_by_plain_loops(shape, temperature):
    P, W, match = one_to_many(*shape)
    match[-1] &= len(match) == 1  # the last of several pictures has no word: it is a negative only
    s = (P.double() @ W.double().T / temperature).tolist()
    costs = []
    for i, j in match.nonzero().tolist():
        words = [s[i][k] for k in range(len(W)) if k == j or not match[i, k]]
        pictures = [s[k][j] for k in range(len(P)) if k == i or not match[k, j]]
        costs += [math.log(math.fsum(math.exp(x - s[i][j]) for x in side)) for side in (words, pictures)]
    got = lecture.masked_info_nce(P, W, match, temperature)
    assert got.item() == pytest.approx(statistics.fmean(costs), abs=1e-4)
    assert got <= lecture.info_nce(P, W, match, temperature) + 1e-6  # fewer terms in each sum


def test_masking_changes_nothing_where_pairs_are_one_to_one():
    P, W, match = unit_rows(9, 6, 1), unit_rows(9, 6, 2), torch.eye(9, dtype=torch.bool)
    assert torch.allclose(lecture.masked_info_nce(P, W, match, 0.1), lecture.info_nce(P, W, match, 0.1), atol=1e-5)


def test_masked_info_nce_pulls_no_right_word_away_from_another():
    """Two right words and one wrong: without the wrong one no gradient is left, with InfoNCE there is."""
    for loss, silent in ((lecture.masked_info_nce, True), (lecture.info_nce, False)):
        P, W = lecture.on_circle([0]), lecture.on_circle([60, 30]).requires_grad_()
        loss(P, W, torch.tensor([[True, True]]), 0.5).backward()
        assert bool((W.grad.abs() < 1e-6).all()) == silent


def test_masked_info_nce_of_half_precision_stays_finite_with_its_gradient():
    P, W, match = one_to_many()
    match[0] = True  # a picture without a wrong word
    rough = lecture.masked_info_nce(P.bfloat16(), W.bfloat16(), match, 0.05)
    assert rough.dtype == torch.float32 and abs(rough - lecture.masked_info_nce(P, W, match, 0.05)) < 0.1
    leaves = P.requires_grad_(), W.requires_grad_()
    lecture.masked_info_nce(*leaves, match, 0.01).backward()
    assert all(torch.isfinite(leaf.grad).all() for leaf in leaves)


def test_the_floor_is_what_arithmetic_says():
    match = torch.tensor([[True, True, True, True], [False, False, False, True], [False, False, False, False]])
    by_hand = (4 * math.log(4) + 1 * math.log(1) + 2 * math.log(2)) / (2 * 5)  # rows of 4 and 1; a column of 2
    assert lecture.floor(match).item() == pytest.approx(by_hand)
    assert lecture.floor(torch.eye(5, dtype=torch.bool)) == 0


@pytest.mark.parametrize("groups", [[(1, 3)], [(2, 2), (1, 4)], [(3, 1), (2, 5), (1, 1)]])
def test_the_floor_is_reached_by_the_best_vectors_and_masking_reaches_0(groups):
    """Pictures and words in groups that all belong together, each group along an axis of its own."""
    axes = torch.eye(len(groups))
    P = torch.cat([axes[g].expand(pictures, -1) for g, (pictures, _) in enumerate(groups)])
    W = torch.cat([axes[g].expand(words, -1) for g, (_, words) in enumerate(groups)])
    match = (P @ W.T) > 0.5
    assert lecture.info_nce(P, W, match, 0.01).item() == pytest.approx(lecture.floor(match).item(), abs=1e-4)
    assert lecture.masked_info_nce(P, W, match, 0.01).item() == pytest.approx(0, abs=1e-4)


def test_nothing_falls_below_the_floor():
    for seed in range(20):
        P, W, match = one_to_many(seed=3 * seed)
        for temperature in (0.01, 0.1, 1.0):
            assert lecture.info_nce(P, W, match, temperature) >= lecture.floor(match) - 1e-5
            assert lecture.masked_info_nce(P, W, match, temperature) >= -1e-5


def test_the_temperature_is_learned_and_has_a_limit():
    loss = lecture.Contrast()
    assert loss.temperature.item() == pytest.approx(0.07) and len(list(loss.parameters())) == 1
    P, W, match = one_to_many()
    assert torch.equal(loss(P, W, match), lecture.masked_info_nce(P, W, match, loss.temperature))
    assert lecture.Contrast(lecture.info_nce, 0.2)(P, W, match) == lecture.info_nce(P, W, match, torch.tensor(0.2))
    good = F.normalize(match.float(), dim=1) @ W  # not yet good enough: the temperature has a gradient
    loss(F.normalize(good, dim=1), W, match).backward()
    assert loss.log_temperature.grad.abs() > 1e-4
    with torch.no_grad():
        loss.log_temperature.fill_(-100.0)
    assert loss.temperature.item() == pytest.approx(0.01)


# ----------------------------------------------------------------------------------------------------- data and splits
def test_tags_are_the_keywords_that_are_in_the_list():
    concepts = CONCEPTS[:300]
    for language in ("english", "korean"):
        words = sorted({w for c in concepts for w in getattr(c, language)})[::3]  # some keywords only
        table = lecture.tag_table(concepts, {w: j for j, w in enumerate(words)}, language)
        assert table.dtype == torch.bool
        assert table.tolist() == [[w in getattr(c, language) for w in words] for c in concepts]
    assert torch.equal(lecture.tag_table(concepts, {"dog": 0}), lecture.tag_table(concepts, {"dog": 0}, "english"))


@pytest.mark.parametrize("artist", ["noto", "twemoji", "openmoji", "fluent"])
def test_the_split_leaks_neither_the_artist_nor_a_concept(artist):
    kept, left_out, seen, unseen = lecture.split(artist, CONCEPTS)
    assert [data.ARTISTS[a] for a in left_out] == [a for a in data.ARTISTS if artist in a]
    assert len(left_out) == (2 if artist == "fluent" else 1)  # one company's two sets count as one hand
    assert not any(artist in data.ARTISTS[a] for a in kept) and sorted(kept + left_out) == [0, 1, 2, 3, 4]
    assert not set(seen.tolist()) & set(unseen.tolist())
    assert sorted(seen.tolist() + unseen.tolist()) == list(range(len(CONCEPTS)))
    assert len(unseen) == int(0.15 * len(CONCEPTS))


def test_the_unseen_concepts_are_drawn_at_random_and_always_the_same():
    torch.manual_seed(1)
    first = lecture.split("noto", CONCEPTS)[3]
    torch.manual_seed(2)
    assert torch.equal(first, lecture.split("fluent", CONCEPTS)[3])
    groups = {CONCEPTS[i].group for i in first.tolist()}
    assert len(groups) >= 8  # from all over the collection
    assert len(lecture.split("noto", CONCEPTS, share=0.5)[3]) == len(CONCEPTS) // 2


@pytest.mark.parametrize("artist", ["fluent_flat", "fluent_3d", "Noto", "", "n", "picasso", None])
def test_an_artist_who_is_not_there_is_refused(artist):
    with pytest.raises(CourseError, match="There is no artist .* Choose noto, twemoji, openmoji or fluent"):
        lecture.split(artist, ["a", "b"])


def calls(name):
    """The arguments of every call of a function by the lecture's cells, as they are written."""
    cells = [c.source for c in nbformat.read(LECTURE, as_version=4).cells if c.cell_type == "code"]
    nodes = [node for source in cells for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [[ast.unparse(a) for a in node.args] for node in nodes if ast.unparse(node.func) == name]


def test_every_training_gets_the_kept_artists_and_the_seen_concepts_only():
    trainings = [[a for a in arguments if re.search("inputs|tags|examples", a)] for arguments in calls("train")]
    assert trainings == [["examples", "example_tags"], ["inputs[kept][:, seen]", "korean_tags[seen]"]]
    fits = calls("ridge")
    assert len(fits) == 2 and all(arguments[0] == "known" for arguments in fits)
    code = "\n".join(c.source for c in nbformat.read(LECTURE, as_version=4).cells if c.cell_type == "code")
    assert "known, known_tags = examples, example_tags[:, taught].float()" in code  # of the neighbours, too
    assert "examples = torch.cat([inputs[kept][:, seen], rows.expand(len(kept), -1, -1)], 1)" in code
    assert "example_tags = torch.cat([F.pad(tags[seen], (0, len(named))), class_tags])" in code


def test_a_class_of_the_classifier_is_an_example_with_its_names_words(with_features):
    made = with_features
    assert made.examples.shape == (4, len(made.seen) + 1000, models.FEATURES)
    assert all(torch.equal(made.examples[0, len(made.seen) :], made.examples[a, len(made.seen) :]) for a in range(4))
    assert torch.equal(made.examples[:, : len(made.seen)], made.inputs[made.kept][:, made.seen])
    rows = made.examples[0, len(made.seen) :]
    assert rows.mean(0).abs().max() < 1e-4 and (rows.std(0) - 1).abs().max() < 1e-2
    zebra = made.class_names.index("zebra")
    assert made.example_tags[len(made.seen) + zebra].nonzero().tolist() == [[made.number["zebra"]]]
    guitar = made.example_tags[len(made.seen) + made.class_names.index("acoustic guitar")].nonzero().flatten()
    assert {made.words[j] for j in guitar.tolist()} == {"acoustic", "guitar"}
    taught = {made.words[j] for j in made.taught.tolist()}
    assert not taught & {made.vocabulary[j] for j in made.fresh.nonzero().flatten().tolist()}
    assert torch.equal(made.example_tags[: len(made.seen), : len(made.vocabulary)], made.tags[made.seen])


@pytest.fixture(scope="module")
def with_features():
    """What the lecture's cells make up to the examples, from features drawn at random."""
    cells = ("setup", "load", "features", "tags", "class-names", "split", "word-inputs", "inputs")
    with pytest.MonkeyPatch.context() as patch:
        drawn = torch.randn(5 * len(CONCEPTS), models.FEATURES, generator=generator())
        patch.setattr(models, "picture_features", lambda pictures, size: drawn)
        return definitions("03_joint_embedding.ipynb", also=cells)


def test_features_are_standardised_artist_by_artist():
    features = torch.randn(3, 50, models.FEATURES, generator=generator()) * 4 + torch.arange(3.0)[:, None, None]
    features[0, :, 5] = 7  # a feature that is always the same
    got = lecture.standardised(features)
    assert got.mean(1).abs().max() < 1e-5 and torch.isfinite(got).all() and (got[0, :, 5] == 0).all()
    deviation = got.std(1)
    deviation[0, 5] = 1
    assert (deviation - 1).abs().max() < 1e-3
    features[1] *= 100
    assert torch.equal(lecture.standardised(features)[[0, 2]], got[[0, 2]])  # another hand does not matter
    assert torch.allclose(lecture.standardised(features[2]), got[2])


# -------------------------------------------------------------------------------------------------------------- towers
def test_the_picture_tower_goes_from_features_to_the_joint_space():
    tower = lecture.picture_tower()
    assert tower(torch.zeros(3, models.FEATURES)).shape == (3, 256)
    small = lecture.picture_tower(hidden=8, dim=5)
    assert small(torch.zeros(2, models.FEATURES)).shape == (2, 5)
    assert sum(p.numel() for p in small.parameters()) == 1280 * 8 + 8 + 8 * 5 + 5
    x = torch.randn(2, models.FEATURES, generator=generator())
    assert not torch.allclose(small(x) + small(-x), 2 * small(0 * x), atol=1e-4)  # not linear


def word_tower(n_words=10, n_own=4, **options):
    torch.manual_seed(0)
    return lecture.WordTower(torch.randn(n_words, 6), n_own, hidden=16, dim=5, **options)


def test_own_vectors_begin_at_zero_and_are_added():
    tower, words = word_tower().eval(), torch.arange(10)
    glove_alone = tower.network(tower.vectors)
    assert tower(words).shape == (10, 5) and torch.equal(tower(words), glove_alone)
    with torch.no_grad():
        tower.own.weight[:4] = torch.arange(20.0).view(4, 5)
    assert torch.allclose(tower(words)[:4], glove_alone[:4] + torch.arange(20.0).view(4, 5), atol=1e-5)
    assert torch.equal(tower(words)[4:], glove_alone[4:])  # a word without an own vector has GloVe alone
    assert torch.allclose(tower(torch.tensor([9, 3, 3])), tower(words)[[9, 3, 3]], atol=1e-6)


def test_words_without_an_own_vector_learn_none_and_glove_stays_frozen():
    tower, before = word_tower().train(), word_tower().vectors.clone()
    optimizer = torch.optim.AdamW(tower.parameters(), 0.1, weight_decay=0.1)
    for _ in range(5):
        optimizer.zero_grad()
        (tower(torch.arange(10)) - 3).square().sum().backward()
        optimizer.step()
    assert tower.own.weight[4:].shape == (1, 5) and (tower.own.weight[4] == 0).all()
    assert (tower.own.weight[:4] != 0).any(1).all() and torch.equal(tower.vectors, before)
    assert not any(p is tower.vectors for p in tower.parameters())


@pytest.mark.parametrize("share", [0.2, 0.7])
def test_own_vectors_are_dropped_word_by_word_and_only_in_training(share):
    tower, words = word_tower(own_dropped=share), torch.arange(4).repeat(2000)
    with torch.no_grad():
        tower.own.weight[:4] = 100
        got = tower.train()(words)
        has = (got - tower.network(tower.vectors[words])).mean(1) > 50
        assert (~has).float().mean() == pytest.approx(share, abs=0.03)
        whole = ((got - tower.network(tower.vectors[words])).abs() - 100 * has[:, None]).abs()
        assert whole.max() < 1e-3  # all of a word's numbers, or none
        assert (tower.eval()(words) - tower.network(tower.vectors[words])).min() > 99
    usual = lecture.WordTower(torch.randn(10, 6), 4)
    assert usual.own_dropped == 0.2 and usual(words).shape == (8000, 256)


def test_embedding_gives_unit_vectors_in_evaluation_whatever_the_number():
    tower = nn.Sequential(nn.Linear(6, 5), nn.Dropout(0.5)).train()
    x = torch.randn(9000, 6, generator=generator())
    got = lecture.embed(tower, x)
    assert got.shape == (9000, 5) and torch.allclose(got.norm(dim=1), torch.ones(9000), atol=1e-5)
    assert torch.allclose(got, F.normalize(tower[0](x), dim=1), atol=1e-5) and not got.requires_grad


# ------------------------------------------------------------------------------------------------------------ training
CONFIG = lecture.EasyDict(epochs=3, batch_size=8, lr=1e-3, weight_decay=0.0, noise=0.0, seed=0)


class Tells(nn.Module):
    """A side that passes on what it is given, and remembers it."""

    def __init__(self):
        super().__init__()
        self.weight, self.given = nn.Parameter(torch.tensor([3.0])), []

    def forward(self, x):
        assert self.training
        self.given.append(x.detach().clone())
        return (x.float() if x.ndim == 2 else F.one_hot(x, 400).float()) * self.weight


def marked_drawings(artists=3, concepts=10):
    """Drawings whose features tell the concept, and tags of which some fit no concept."""
    tags = torch.rand(concepts, 400, generator=generator()) < 0.2
    tags[:, ::4] = False
    examples = torch.eye(concepts, 400)[None].repeat(artists, 1, 1)
    return examples, tags


def test_each_drawing_meets_its_own_tags_and_tags_that_nothing_carries_are_no_rivals():
    examples, tags = marked_drawings()
    pictures, words, seen = Tells().eval(), Tells().eval(), []

    def spying(P, W, match):
        assert all((x.float().norm(dim=1) - 1).abs().max() < 0.01 for x in (P, W))
        concept, word = P.float().argmax(1), W.float().argmax(1)
        assert torch.equal(match, tags[concept][:, word])  # whichever drawing, whichever word
        assert match.any(1).all() and match.any(0).all() and len(word.unique()) == len(word)
        assert torch.equal(match.sum(1), tags[concept].sum(1))  # no right word is left out
        seen.extend(concept.tolist())
        return (P * W[:1]).sum() * 0 + 1.0

    history = lecture.train(pictures, words, spying, examples, tags, CONFIG)
    assert history == [1.0] * 3
    assert sorted(seen) == sorted(3 * 3 * list(range(10)))  # three epochs, three drawings of ten concepts
    given = torch.cat(words.given)
    assert not (given % 4 == 0).any()  # nothing carries them
    assert set(given.tolist()) == set(tags.any(0).nonzero().flatten().tolist())
    assert max(map(len, pictures.given)) == 8


def test_the_noise_is_of_the_deviation_asked_for():
    examples, tags = marked_drawings()
    for noise in (0.0, 2.0):
        pictures = Tells()
        lecture.train(
            pictures,
            Tells(),
            lambda P, W, match: (P * W[:1]).sum() * 0,
            examples * 0,
            tags,
            lecture.EasyDict(CONFIG, noise=noise),
        )
        assert torch.cat(pictures.given).std().item() == pytest.approx(noise, rel=0.05)


def small_world(artists=3, concepts=30, words=40, seed=0):
    """Drawings of concepts in several hands, tags, and vectors of words that hang together with them."""
    g = generator(seed)
    tags = torch.rand(concepts, words, generator=g) < 0.08
    tags[torch.arange(concepts), torch.randint(words, (concepts,), generator=g)] = True
    meaning = torch.randn(words, 20, generator=g)
    shown = F.normalize(tags.float() @ meaning, dim=1) @ torch.randn(20, models.FEATURES, generator=g)
    drawings = shown + 0.5 * torch.randn(artists, concepts, models.FEATURES, generator=g)
    return lecture.standardised(drawings), tags, meaning


def trained(seed=0, frozen=False, before=0):
    inputs, tags, meaning = small_world()
    torch.manual_seed(seed)
    sides = lecture.picture_tower(64, 32), lecture.WordTower(meaning, 40, 64, 32)
    sides[0].requires_grad_(not frozen)
    torch.manual_seed(before)
    config = lecture.EasyDict(CONFIG, epochs=30, lr=3e-3, batch_size=20, noise=0.5, seed=seed)
    history = lecture.train(*sides, lecture.Contrast(), inputs[:2], tags, config)
    cosines = lecture.embed(sides[0], inputs[2]) @ lecture.embed(sides[1], torch.arange(40)).T
    return history, sides, lecture.search_scores(cosines, tags), cosines


def test_training_finds_the_tags_of_an_unseen_hand(capsys):
    history, _, scores, cosines = trained()
    assert capsys.readouterr().out.count("epoch") == 6  # a line every five epochs
    assert history[-1] < 0.6 * history[0]
    chance = lecture.search_scores(torch.rand(30, 40, generator=generator()), small_world()[1])
    assert scores[0] > 0.9 and scores[1] > 0.9 and scores[2] > 0.8 > 2 * chance[2]
    assert torch.equal(cosines, trained(before=1)[3])  # the same again, whatever was drawn before


def test_a_frozen_side_stays_as_it_is():
    torch.manual_seed(0)
    untouched = lecture.picture_tower(64, 32)
    _, sides, _, _ = trained(frozen=True)
    assert all(torch.equal(a, b) for a, b in zip(untouched.parameters(), sides[0].parameters(), strict=True))
    assert sides[1].own.weight.abs().max() > 0.01


# -------------------------------------------------------------------------------------------------------------- scores
def test_search_scores_agree_with_scikit_learn():
    cosines = torch.randn(25, 40, generator=generator())
    tags = torch.rand(25, 40, generator=generator(1)) < 0.15
    tags[3], tags[:, 5] = False, False  # a picture without a tag, a tag without a picture
    _, _, precision = lecture.search_scores(cosines, tags)
    some = [i for i in range(25) if tags[i].any()]
    expected = [average_precision_score(tags[i].numpy(), cosines[i].numpy()) for i in some]
    assert isinstance(precision, float) and precision == pytest.approx(np.mean(expected))


def test_recall_both_ways_agrees_with_scikit_learn():
    cosines = torch.randn(40, 40, generator=generator())
    partner = torch.randperm(40, generator=generator(1))
    by_picture, by_tag, _ = lecture.search_scores(cosines, F.one_hot(partner, 40).bool())
    labels = range(40)
    assert by_picture == pytest.approx(top_k_accuracy_score(partner, cosines, k=10, labels=labels))
    assert by_tag == pytest.approx(top_k_accuracy_score(partner.argsort(), cosines.T, k=10, labels=labels))


def with_globals(**values):
    """The lecture's definitions, with what its cells would have made before."""
    for name, value in values.items():
        setattr(lecture, name, value)
    return lecture


def test_neighbours_vote_by_a_softmax_of_their_cosines():
    known, x = torch.randn(2, 3, 5, generator=generator(1)), torch.randn(4, 5, generator=generator(2))
    with_globals(known=known)  # two artists, three concepts
    for i, row in enumerate(lecture.votes(x).tolist()):
        weights = [[math.exp(F.cosine_similarity(x[i], k, dim=0).item() / 0.05) for k in some] for some in known]
        total = sum(map(sum, weights))
        assert row == pytest.approx([(a + b) / total for a, b in zip(*weights, strict=True)], abs=1e-5)


def test_ridge_agrees_with_scikit_learn():
    x, y = torch.randn(3, 20, 6, generator=generator()) + 1, torch.randn(20, 4, generator=generator(1)) - 2
    theirs = Ridge(alpha=7.0).fit(x.flatten(0, 1).double().numpy(), y.repeat(3, 1).double().numpy())
    new = torch.randn(5, 6, generator=generator(2))
    got = lecture.ridge(x.double(), y.double(), 7.0)(new.double())
    assert np.allclose(got.numpy(), theirs.predict(new.double().numpy()), atol=1e-4)


def test_a_text_is_the_sum_of_its_words_and_a_closed_list_knows_its_tags_only():
    table = torch.randn(5, 3, generator=generator())
    words = ["red", "apple", "dog", "korea", "wolf"]
    with_globals(number={w: i for i, w in enumerate(words)}, words=words, taught=torch.arange(3))
    rows = lecture.rows_of(["red apple", "wolf"], table)
    assert torch.allclose(rows[0], F.normalize(table[0] + table[1], dim=0), atol=1e-6)
    assert torch.allclose(rows[1], F.normalize(table[4], dim=0), atol=1e-6)
    closed = lecture.rows_of(["red apple", "wolf", "dog wolf"], None)
    assert torch.allclose(closed, torch.tensor([[0.5**0.5, 0.5**0.5, 0], [0, 0, 0], [0, 0, 1]]), atol=1e-6)
    with_globals(MODELS={"open": (lambda x: 2 * x, table), "closed": (lambda x: x, None)})
    x = torch.randn(4, 3, generator=generator(1))
    assert torch.allclose(lecture.scores_of("open", x, ["red apple", "wolf"]), 2 * x @ rows.T, atol=1e-5)
    assert (lecture.scores_of("closed", x, ["wolf"]) == 0).all()


def test_conse_is_the_mean_of_the_likeliest_names_weighted_by_their_probabilities():
    torch.manual_seed(0)
    head, names = nn.Linear(6, 12), torch.randn(12, 5, generator=generator())
    seen = [0, 1, 2]  # the rows before the classes are of drawn concepts, and don't count
    with_globals(head=head, seen=seen, mean_word=torch.cat([torch.full((3, 5), 100.0), names]))
    x = torch.randn(4, 6, generator=generator(1))
    for row, logits in zip(lecture.conse(x, k=3), head(x).tolist(), strict=True):
        likely = sorted(range(12), key=lambda k: -logits[k])[:3]
        expected = sum(math.exp(logits[k]) * names[k] for k in likely)  # the softmax's sum cancels out at length 1
        assert torch.allclose(row, expected / expected.norm(), atol=1e-5)


def test_classified_counts_those_whose_own_class_scores_best():
    scores = torch.tensor([[0.9, 0.1, 0.0], [0.5, 0.4, 0.0], [0.0, 0.1, 0.2]])
    assert lecture.classified(scores).tolist() == [True, False, True]
    assert lecture.told(torch.tensor([True, False, False, False])) == "0.250 ± 0.424"


def test_korean_pieces_are_words_syllables_and_pairs():
    assert sorted(lecture.pieces("개 집")) == sorted(
        ["<", "개", ">", "<개", "개>", "<개>", "<", "집", ">", "<집", "집>", "<집>"]
    )
    assert "강아" in lecture.pieces("강아지") and "<강아지>" in lecture.pieces("강아지")


def test_the_korean_tower_is_the_mean_of_known_pieces_and_reads_new_texts():
    torch.manual_seed(0)
    tower = lecture.KoreanTower(["강아지", "강", "고양이 강"], ["강아지", "강"], dim=4)
    assert not any("고" in piece for piece in tower.piece)  # what only a new text holds is not known
    got = tower(torch.tensor([2, 0, 2]))
    rows = [tower.piece[p] for p in lecture.pieces("고양이 강") if p in tower.piece]
    assert torch.allclose(got[0], tower.vectors.weight[rows].mean(0), atol=1e-6) and torch.allclose(got[0], got[2])
    lecture.korean_words = tower
    assert torch.allclose(lecture.korean_query("고양이 강"), F.normalize(got[0], dim=0), atol=1e-6)
    for text in ("", " "):
        with pytest.raises(CourseError, match="Try 강아지"):
            lecture.korean_query(text)


@pytest.fixture
def searching():
    torch.manual_seed(0)
    words = ["red", "apple", "puppy", "dog", "korea"]
    tower = lecture.WordTower(torch.randn(5, 6), 4, 16, 7).eval()
    with torch.no_grad():
        tower.own.weight[:4] = torch.randn(4, 7) * torch.tensor([[1.0], [9], [0.1], [3]])
    pictures = torch.randint(0, 255, (6, 3, 4, 4), dtype=torch.uint8)
    concepts = [SimpleNamespace(name=f"thing {i}", english=[]) for i in range(6)]
    return with_globals(
        words=words,
        number={w: i for i, w in enumerate(words)},
        vocabulary=words[:4],
        word_vectors=lecture.embed(tower, torch.arange(5)),
        tag_vectors=lecture.embed(tower, torch.arange(4)),
        gallery_vectors=unit_rows(6, 7, 5),
        gallery_pictures=pictures,
        concepts=concepts,
        is_new=torch.tensor([False, True, False, False, False, True]),
    )


def test_a_query_is_the_sum_of_its_words_at_length_one(searching):
    one = lecture.word_vectors
    for text, rows in (("red apple", [0, 1]), ("  RED\tApple\n", [0, 1]), ("korea", [4]), ("dog dog red", [3, 3, 0])):
        expected = F.normalize(one[rows].sum(0), dim=0)
        assert lecture.query(text).shape == (7,) and torch.allclose(lecture.query(text), expected, atol=1e-6)


@pytest.mark.parametrize("text", ["", " ", "\t\n"])
def test_an_empty_query_is_refused_with_an_example(searching, text):
    with pytest.raises(CourseError, match="The query is empty. Type a word or several, such as: red apple"):
        lecture.query(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("pupy", "'pupy' is not among the 5 words of the model. Did you mean: puppy?"),
        ("red aple", "'aple' is not among the 5 words of the model. Did you mean: apple?"),
        ("red xylophone", "'xylophone' is not among the 5 words of the model. Did you mean: puppy?"),
        ("강아지", "'강아지' is not among"),
    ],
)
def test_an_unknown_word_is_named_with_a_way_out(searching, text, says):
    with pytest.raises(CourseError) as caught:
        lecture.query(text)
    message = str(caught.value)
    assert says in message and "'red'" not in message and "\n" not in message and len(message) < 150


def test_found_shows_the_nearest_drawings_and_marks_the_new_ones(searching):
    vector = unit_rows(1, 7, 9)[0]
    order = sorted(range(6), key=lambda i: -float(lecture.gallery_vectors[i] @ vector))
    row = lecture.found(vector, k=4)
    assert [label for _, label in row] == [f"thing {i}" + (" (new)" if i in (1, 5) else "") for i in order[:4]]
    assert all(torch.equal(picture, lecture.gallery_pictures[i]) for (picture, _), i in zip(row, order, strict=False))


def test_arithmetic_moves_from_one_word_to_the_other_and_leaves_out_the_start(searching):
    one = lecture.word_vectors
    expected = F.normalize(lecture.gallery_vectors[2] + one[1] - one[0], dim=0)
    assert torch.allclose(lecture.shifted(2, "red", "apple"), expected, atol=1e-6)
    assert torch.allclose(lecture.shifted(2, "red", "apple", weight=0.0), lecture.gallery_vectors[2], atol=1e-6)
    near = lecture.nearest_other(lecture.gallery_vectors[2], 2, 5)
    assert sorted(near) == [0, 1, 3, 4, 5]
    assert near[0] == max(near, key=lambda i: float(lecture.gallery_vectors[i] @ lecture.gallery_vectors[2]))


def test_the_best_tags_are_ticked_where_the_keywords_have_them(searching):
    with_globals(tags=torch.tensor([[True, False, False, True]] * 6))
    order = (lecture.tag_vectors @ lecture.gallery_vectors[3]).argsort(descending=True)
    expected = [f"{'✔' if j in (0, 3) else '✘'} {lecture.vocabulary[j]}" for j in order[:3].tolist()]
    assert lecture.best_tags(3, k=3) == ", ".join(expected)
