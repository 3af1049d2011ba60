"""Lecture 05's own networks, losses and training: gradients, determinism, configuration, and the stored long runs."""

import itertools
import json

import pytest
import scipy.linalg
import torch
import torch.nn.functional as F
from sklearn.metrics.pairwise import polynomial_kernel
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from data.build.weights import beginning
from helpers import CourseError, data
from helpers.metrics import frechet_distance
from tests.definitions import definitions

lecture = definitions(
    "05_conditional_gan.ipynb",
    also=(
        "setup",
        "class-rules",
        "classes",
        "config",
        "parser",
        "eyes",
        "judge",
        "words",
        "prior",
        "prior-fit",
        "conditions",
    ),
)
config = lecture.EasyDict(lecture.config, batch_size=8, n_cpu=0, lr=0.001, n_epochs=1)
STORED = {"conditional_gan": lambda: nn.Embedding(8, 64), "conditional_gan_words": nn.Identity}


class First:
    """The first batches of a loader."""

    def __init__(self, loader, batches):
        self.loader, self.batches = loader, batches

    def __len__(self):
        return self.batches

    def __iter__(self):
        return itertools.islice(self.loader, self.batches)


def players(discriminator=None):
    return lecture.make_players(config, lambda: nn.Embedding(8, 64), discriminator or lecture.Discriminator)


def loader():
    dataset = lecture.Pictures(lecture.pictures, lecture.labels, config)
    return lecture.balanced_loader(dataset, lecture.labels, config)


def optimizers(players, g_rate, d_rate):
    return lecture.EasyDict(
        generator=torch.optim.SGD(players.generator.parameters(), g_rate),
        discriminator=torch.optim.SGD(players.discriminator.parameters(), d_rate),
    )


def weights(network):
    return torch.cat([w.detach().flatten().clone() for w in network.parameters()])


# scores


@pytest.mark.parametrize(("n", "m", "features"), [(60, 80, 5), (200, 150, 40), (12, 9, 30)])
def test_the_frechet_distance_agrees_with_scipy(n, m, features):
    random = torch.Generator().manual_seed(n)
    a = torch.randn(n, features, generator=random)
    b = torch.randn(m, features, generator=random) @ torch.randn(features, features, generator=random) + 0.5
    A, B = (torch.cov(x.double().mT) for x in (a, b))
    root = scipy.linalg.sqrtm((A @ B).numpy())
    expected = (a.mean(0) - b.mean(0)).double().square().sum() + (A + B).trace() - 2 * root.trace().real
    assert frechet_distance(a, b) == pytest.approx(expected.item(), rel=1e-4)
    assert frechet_distance(b, a) == pytest.approx(expected.item(), rel=1e-4) and frechet_distance(a, a) < 1e-6
    assert frechet_distance(a, a + 2) == pytest.approx(4 * features, rel=1e-4)  # moved, not reshaped


@pytest.mark.parametrize(
    ("a", "b", "says"),
    [
        (torch.zeros(5, 3), torch.zeros(5, 4), "not .5, 3. and .5, 4."),
        (torch.zeros(1, 3), torch.zeros(5, 3), "at least 2 pictures"),
        (torch.full((5, 3), float("nan")), torch.zeros(5, 3), "not a finite number"),
    ],
)
def test_the_frechet_distance_refuses_what_has_none(a, b, says):
    with pytest.raises(CourseError, match=says):
        frechet_distance(a, b)


def test_the_kernel_distance_agrees_with_scikit_learn_and_has_no_bias():
    a, b = torch.randn(30, 7), torch.randn(20, 7) + 0.3
    within = []
    for x in (a, b):
        k = polynomial_kernel(x.double().numpy(), degree=3, coef0=1)
        within.append((k.sum() - k.trace()) / (len(x) * (len(x) - 1)))
    expected = sum(within) - 2 * polynomial_kernel(a.double().numpy(), b.double().numpy(), degree=3, coef0=1).mean()
    assert lecture.kernel_distance(a, b) == pytest.approx(expected, rel=1e-6)
    same = [lecture.kernel_distance(*torch.randn(2, 12, 4)) for _ in range(400)]
    assert abs(torch.tensor(same).mean()) < 4 * torch.tensor(same).std() / 20 and min(same) < 0


def test_covered_agrees_with_a_plain_loop():
    a, b = torch.randn(20, 3), 0.6 * torch.randn(25, 3)
    for k in (1, 3):
        hits = 0
        for one in a:
            radii = [sorted((other - x).norm().item() for x in b)[k] for other in b]
            hits += any((one - other).norm().item() <= r + 1e-6 for other, r in zip(b, radii, strict=True))
        assert lecture.covered(a, b, k) == pytest.approx(hits / len(a))
    assert lecture.covered(b, b) == 1 and lecture.covered(b + 100, b) == 0


def test_the_spread_and_the_share_are_means_over_classes():
    y = torch.arange(8).repeat_interleave(2)
    x = torch.zeros(16, 2)
    x[1::2, 0] = torch.arange(8.0)  # the two of class c are c apart
    assert lecture.spread(x, y) == pytest.approx(3.5)
    assert lecture.by_class(torch.tensor(4 * [True] + 12 * [False]), y) == pytest.approx(0.25)


def test_a_shape_has_no_colour_no_place_and_no_contrast():
    some = lecture.pictures[[0, 510, 1000]]
    tinted = some.float()
    ink = 255 - tinted
    paler = (255 - 0.6 * ink).round().to(torch.uint8)
    swapped = some[:, [2, 0, 1]]
    moved = some.roll((3, -4), (2, 3))
    usual = lecture.shapes(some).float()
    assert usual.shape == (3, 3, 64, 64) and torch.equal(usual[:, 0], usual[:, 1])
    for same in (paler, swapped, moved):
        assert (lecture.shapes(same).float() - usual).abs().mean() < 6
    assert (usual[0] - usual[2]).abs().mean() > 20


# the game on a line


def test_the_best_judge_is_best_and_a_learned_one_comes_near():
    x = lecture.x = torch.linspace(-9, 9, 3601, dtype=torch.float64)
    dx = (x[1] - x[0]).item()
    p, q = lecture.normal(x, 1, 0.7), lecture.normal(x, 0, 1)
    assert (p.sum() * dx).item() == pytest.approx(1, abs=1e-6)
    best = p / (p + q)
    value = lecture.game_value(p, q, best, dx)
    for other in (0.9 * best, 1 - 0.9 * (1 - best), torch.full_like(x, 0.5)):
        assert lecture.game_value(p, q, other, dx) < value
    assert lecture.game_value(p, p, torch.full_like(x, 0.5), dx) == pytest.approx(-(2 * torch.tensor(2.0).log()).item())
    torch.manual_seed(0)
    where_samples_are = p + q > 0.1
    assert (lecture.learned_discriminator(0, 1) - best)[where_samples_are].abs().max() < 0.1


def test_only_the_minimax_loss_goes_flat():
    s = torch.linspace(-12, 12, 97, dtype=torch.float64, requires_grad=True)
    minimax, non_saturating = -torch.nn.functional.softplus(s), torch.nn.functional.softplus(-s)
    assert torch.allclose(minimax, (1 - s.sigmoid()).log()) and torch.allclose(non_saturating, -s.sigmoid().log())
    (slope,) = torch.autograd.grad(minimax.sum(), s)
    assert torch.allclose(slope, -s.sigmoid()) and slope[0].abs() < 1e-4
    (slope,) = torch.autograd.grad(non_saturating.sum(), s)
    assert torch.allclose(slope, s.sigmoid() - 1) and slope[0] < -0.99


def test_the_ring_collapses_on_purpose_and_not_when_told_the_class():
    spots = lecture.ring(torch.arange(8), spread=0)
    reached = {}
    for told, rates in ((0, (0.01, 0.0003)), (1, (0.001, 0.002))):
        samples, _ = lecture.ring_gan(told, rates, steps=400)
        reached[told] = (torch.cdist(samples, spots).min(0).values < 0.25).sum().item()
    assert reached[0] <= 3 and reached[1] == 8


# configuration


def test_both_configurations_are_equal_and_options_change_one():
    assert vars(lecture.parser.parse_args([])) == lecture.config and len(lecture.config) == 11
    changed = lecture.options("--batch_size", "32", "--lr", "0.01")
    assert changed == {**lecture.config, "batch_size": 32, "lr": 0.01} and isinstance(changed.lr, float)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--bach_size", "32"], "no option --bach_size. Did you mean --batch_size"),
        (["--batch", "32"], "no option --batch. Did you mean"),
        (["--colour", "red"], "no option --colour"),
        (["--n_classes", "5"], "n_classes is 5, but class_list has 8"),
    ],
)
def test_a_wrong_option_is_named(words, says):
    with pytest.raises(CourseError, match=says):
        lecture.options(*words)


# data


def test_eight_classes_without_overlap_all_drawn_five_times():
    assert len(lecture.class_list) >= 8 and len(lecture.chosen) == len({i for i, _ in lecture.chosen})
    assert len(lecture.pictures) == 5 * len(lecture.chosen) and lecture.labels.bincount().min() >= 45
    concept = lecture.concepts[lecture.concept_of[300]]  # second artist
    assert torch.equal(lecture.pictures[300], lecture.all_pictures[1, lecture.concepts.index(concept)])


def test_items_run_from_minus_one_to_one_and_bad_ones_are_refused():
    pictures, labels = lecture.pictures[:6], lecture.labels[:6]
    dataset = lecture.Pictures(pictures, labels, config)
    x, y = dataset[3]
    assert torch.allclose(x, pictures[3] / 255 * 2 - 1, atol=1e-6) and y == labels[3] and len(dataset) == 6
    for wrong, says in ((labels + 8, "labels from 8"), (labels - 1, "labels from -1")):
        with pytest.raises(CourseError, match=says):
            lecture.Pictures(pictures, wrong, config)
    with pytest.raises(CourseError, match="img_size 32"):
        lecture.Pictures(pictures, labels, lecture.EasyDict(config, img_size=32))
    lecture.Pictures(pictures, torch.randn(6, 50), config)  # a word's vector is a condition, too


def test_the_loader_is_balanced_and_takes_its_options():
    torch.manual_seed(0)
    counts = torch.cat([y for _, y in loader()]).bincount(minlength=8)
    assert counts.sum() == 1072 and counts.min() > 80 and counts.max() < 200
    made = lecture.balanced_loader(loader().dataset, lecture.labels, lecture.EasyDict(config, n_cpu=2, batch_size=5))
    assert made.num_workers == 2 and made.batch_size == 5


def test_neighbours_are_of_one_class_or_of_one_name():
    for groups in (lecture.labels, lecture.concept_of):
        drawn = list(lecture.Pairs(lecture.labels, groups))
        assert len(drawn) == len(lecture.Pairs(lecture.labels, groups)) == 1074
        pairs = groups[torch.tensor(drawn)].view(-1, 2)
        assert (pairs[:, 0] == pairs[:, 1]).all()
    assert len({tuple(sorted(drawn[i : i + 2])) for i in range(0, 1074, 2)}) > 250  # not always the same two


# networks


def test_shapes_ranges_and_the_condition_is_used():
    net, judge = players().average, players().discriminator.eval()
    z, y = torch.randn(4, 100), torch.arange(4)
    made = net(z, y)
    assert made.shape == (4, 3, 64, 64) and made.abs().max() <= 1 and torch.equal(made, net(z, y))
    assert (made - net(z, y + 1)).flatten(1).abs().amax(1).min() > 1e-3
    assert (made - net(torch.randn(4, 100), y)).flatten(1).abs().amax(1).min() > 1e-3
    logits = judge(made, y)
    assert logits.shape == (4, 1) and (logits - judge(made, y + 1)).abs().min() > 1e-6
    assert torch.allclose(judge(made[:1], y[:1]), logits[:1], atol=1e-5)  # alone or in company


def test_what_the_generator_cannot_do_is_said():
    with pytest.raises(CourseError, match="must be 64, not 100"):
        lecture.Generator(lecture.EasyDict(config, img_size=100), nn.Embedding(8, 64))
    net = players().generator.eval()
    assert net(torch.randn(1, 100), torch.tensor([0])).shape == (1, 3, 64, 64)


def test_no_matrix_of_the_discriminator_stretches_but_its_convolutions_may():
    judge = players().discriminator
    for _ in range(30):  # the power iteration comes to rest
        judge(torch.randn(2, 3, 64, 64), torch.tensor([0, 1]))
    for layer in (*judge.downs, judge.real, judge.project):
        assert torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2).item() == pytest.approx(1, abs=0.1)
    layer, size = judge.downs[-1], 8
    stretch = lecture.largest_stretch(layer.eval(), (layer.in_channels, size, size))
    assert 1 < stretch <= 2.1  # 4 x 4 windows, every 2 pixels: each pixel is in four of them
    x = torch.randn(1, layer.in_channels, size, size)
    assert torch.nn.functional.conv2d(x, layer.weight, stride=2, padding=1).norm() <= stretch * x.norm() * 1.001


def test_trained_eyes_judge_each_picture_and_never_move():
    judge = players(lecture.TrainedEyes).discriminator.eval()
    assert not {id(w) for w in lecture.eyes.parameters()} & {id(w) for w in judge.parameters()}
    before = weights(lecture.eyes)
    x, y = 2 * torch.rand(3, 3, 64, 64) - 1, torch.tensor([0, 3, 5])
    logits = judge(x, y)
    assert logits.shape == (3, 48) and torch.equal(logits[:, 32:], logits[:, 32:33].expand(-1, 16))
    other = x.clone()
    other[0] = -other[0]
    changed = (judge(other, y) - logits).abs().amax(1)
    assert changed[0] > 1e-4 and changed[1:].max() < 1e-4
    assert (judge(x, (y + 1) % 8) - logits).abs().amax(1).min() > 1e-6
    both = players(lecture.TrainedEyes)
    lecture.train_step(both, optimizers(both, 0.1, 0.1), *next(iter(loader())), config)
    assert torch.equal(before, weights(lecture.eyes)) and not any(w.requires_grad for w in lecture.eyes.parameters())


def test_what_the_eyes_see_is_what_the_whole_network_computes_on_its_way():
    x = 2 * torch.rand(2, 3, 64, 64) - 1
    mean, deviation = (row[:, None, None] for row in lecture.models.IMAGENET)
    maps = lecture.see(x)
    assert [tuple(m.shape[1:]) for m in maps] == [(40, 8, 8), (112, 4, 4)]
    for blocks, seen in zip(lecture.READ_AFTER, maps, strict=True):
        whole = lecture.models.first_blocks(lecture.eyes, ((x + 1) / 2 - mean) / deviation, blocks)
        assert torch.allclose(10 * seen, whole, atol=1e-3)


def test_variety_is_of_neighbours_and_of_grey_values():
    x = torch.zeros(4, 3, 8, 8)
    x[1], x[2:] = 0.3, -0.5
    assert lecture.variety(x).item() == pytest.approx(0.15)  # 0.3 in the first pair, 0 in the second
    tinted = torch.tensor([0.6, -0.3, -0.3])[None, :, None, None].expand(2, -1, 8, 8).clone()
    tinted[1] = tinted[0].roll(1, 0)
    assert lecture.variety(tinted).item() == pytest.approx(0, abs=1e-6)
    assert lecture.variety(x[:1]).item() == 0  # one picture has no neighbour
    assert lecture.variety(x[:3]).item() == pytest.approx(0.3)


def test_losses_by_hand():
    real, fake = torch.tensor([2.0, 0.5]), torch.tensor([-3.0, 1.0])
    assert lecture.discriminator_loss(real, fake).item() == pytest.approx(0.25 + 1)
    assert lecture.generator_loss(fake).item() == pytest.approx(1)


def test_augmentation_is_differentiable_and_another_for_every_picture():
    x = (lecture.pictures[:4].repeat(2, 1, 1, 1) / 127.5 - 1).requires_grad_()
    assert torch.allclose(lecture.augment(x, strength=0), x, atol=1e-5)
    changed = lecture.augment(x)
    assert changed.shape == x.shape and (changed[:4] - changed[4:]).flatten(1).abs().amax(1).min() > 0.1
    changed.sum().backward()
    assert x.grad.isfinite().all() and x.grad.flatten(1).abs().sum(1).min() > 0


def test_the_kept_average_agrees_with_torch():
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    kept, theirs = lecture.copy.deepcopy(net), AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(0.999))
    theirs.update_parameters(net)  # the first time, torch copies
    for _ in range(3):
        with torch.no_grad():
            for w in net.parameters():
                w.add_(torch.randn_like(w))
        lecture.update_average(kept, net, step=10**6, decay=0.999)
        theirs.update_parameters(net)
    for ours, other in zip(kept.parameters(), theirs.module.parameters(), strict=True):
        assert torch.allclose(ours, other, atol=1e-6)
    lecture.update_average(kept, net, step=0)  # in the first steps it follows faster
    assert (weights(kept) - weights(net)).abs().max() < 0.2 * (weights(theirs) - weights(net)).abs().max()


# training


@pytest.mark.parametrize("discriminator", ["Discriminator", "TrainedEyes"])
def test_each_loss_moves_its_own_player(discriminator):
    real, y = next(iter(loader()))
    for rates in ((0.1, 0), (0, 0.1)):
        both = players(getattr(lecture, discriminator))
        before = weights(both.generator), weights(both.discriminator)
        lecture.train_step(both, optimizers(both, *rates), real, y, config)
        moved = (
            not torch.equal(before[0], weights(both.generator)),
            not torch.equal(before[1], weights(both.discriminator)),
        )
        assert moved == (rates[0] > 0, rates[1] > 0)
        assert all(w.requires_grad for w in both.discriminator.parameters())


@pytest.mark.parametrize(("loss", "player"), [("discriminator_loss", "generator"), ("generator_loss", "discriminator")])
def test_no_gradient_strays_to_the_other_player(loss, player, monkeypatch):
    real, y = next(iter(loader()))
    gradients, usual = [], getattr(lecture, loss)
    for factor in (1, 1000):
        monkeypatch.setattr(lecture, loss, lambda *logits, factor=factor: factor * usual(*logits))
        both = players()
        torch.manual_seed(1)
        lecture.train_step(both, optimizers(both, 0, 0), real, y, config)
        gradients.append(torch.cat([w.grad.flatten() for w in both[player].parameters()]))
    assert torch.equal(*gradients) and gradients[0].abs().max() > 0


def test_the_same_seed_trains_the_same_and_another_seed_another(monkeypatch, capsys):
    losses = []
    for seed in (0, 0, 1):
        monkeypatch.setattr(lecture, "SEED", seed)
        losses.append(lecture.train(players(), First(loader(), 3), config))
    assert torch.equal(losses[0], losses[1]) and not torch.allclose(losses[0], losses[2], atol=1e-3)
    assert losses[0].shape == (3, 2) and capsys.readouterr().out.count("epoch 1/1") == 3


@pytest.mark.parametrize("name", STORED)
def test_the_recipe_of_a_stored_network_begins_with_the_same_losses(name, monkeypatch, capsys):
    _, recipe = data.weights(name)
    monkeypatch.setenv("COURSE_COMPUTE", recipe["machine"].rsplit(", ", 1)[1])  # the numbers that it was made with
    threads = torch.get_num_threads()
    again, both, batches, own = beginning(name)
    losses = again.train(both, First(batches, 3), own, stop=1)
    torch.set_num_threads(threads)
    assert json.loads(recipe["configuration"]) == own
    expected = torch.tensor(json.loads(recipe["first_losses"])[:3])
    assert torch.allclose(losses, expected, rtol=0.02, atol=0.03), (losses, expected)  # on another processor


@pytest.mark.parametrize("name", STORED)
def test_a_stored_network_loads_and_obeys_its_condition(name):
    state, recipe = data.weights(name)
    net = lecture.Generator(config, STORED[name]()).eval()
    net.load_state_dict(state)
    conditions = (
        torch.arange(8)
        if name == "conditional_gan"
        else torch.stack([lecture.conditions[lecture.labels == y][0] for y in range(8)])
    )
    with torch.no_grad():
        made = net(torch.randn(1, 100, generator=torch.Generator().manual_seed(0)).repeat(8, 1), conditions)
    corners = made[:, :, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.median() > 0.9  # a white ground
    assert torch.pdist(made.flatten(1)).min() > 5 and float(recipe["seconds"]) > 60


def test_the_stored_networks_are_small():
    assert sum(p.stat().st_size for p in (data.DATA / "weights").glob("conditional_gan*")) <= 4e6


def test_unknown_weights_are_named():
    with pytest.raises(CourseError, match="no weights 'stylegan'. Choose one of .*conditional_gan"):
        data.weights("stylegan")


# codes and words


def test_the_way_between_two_codes_keeps_its_length():
    a, b = torch.randn(2, 100, dtype=torch.float64)
    assert torch.allclose(lecture.along(a, b, 0), a) and torch.allclose(lecture.along(a, b, 1), b)
    unit = [v / v.norm() for v in (a, b)]
    assert lecture.along(*unit, 0.3).norm().item() == pytest.approx(1)


def test_a_meaning_is_the_mean_of_its_words():
    assert torch.allclose(lecture.meaning("Purple heart!"), (lecture.meaning("purple") + lecture.meaning("heart")) / 2)
    with pytest.raises(CourseError, match="knows no word of 'qqxz'"):
        lecture.meaning("qqxz")


def test_two_names_of_every_class_are_left_out():
    names = {lecture.concepts[i].name: y for i, y in lecture.chosen}
    assert torch.tensor([names[name] for name in lecture.LEFT_OUT]).bincount().tolist() == 8 * [2]
    assert lecture.left_out.sum() == 5 * 16


def test_what_the_prior_is_asked_and_what_it_answers_has_one_length():
    new = lecture.standard(torch.stack([lecture.meaning(word) for word in ("mango", "zebra")]))
    assert torch.allclose(new.norm(dim=1), torch.tensor(50**0.5)) and (new[0] - new[1]).norm() > 1
    looks = lecture.expected_look(["mango", "zebra", "red heart"])
    assert looks.shape == (3, 64) and torch.allclose(looks.norm(dim=1), torch.tensor(8.0))
    assert torch.allclose(lecture.conditions.norm(dim=1), torch.tensor(8.0))


def test_a_described_picture_has_a_condition_that_moves():
    config = lecture.EasyDict(lecture.config, n_classes=8)
    described = lecture.Described(lecture.pictures[:4], lecture.conditions[:4], config)
    (picture, look), (_, again) = described[2], described[2]
    assert torch.equal(picture, lecture.pictures[2] / 127.5 - 1) and not torch.equal(look, again)
    assert torch.allclose(torch.stack([look, again]).norm(dim=1), torch.tensor(8.0))
    assert torch.stack([F.cosine_similarity(described[2][1], lecture.conditions[2], 0) for _ in range(50)]).mean() > 0.8


def test_the_prior_is_ridge_regression_on_texts_without_an_unseen_word():
    """Solved here by the normal equations. Half of a concept's weight is its name's."""
    assert not {word for text in lecture.texts for word in lecture.words_of(text)} & set(lecture.unseen)
    of_concept, weight = lecture.of_concept, lecture.weight.double()[:, None]
    for y in range(8):
        rows = lecture.class_of_learned[of_concept] == y
        assert torch.isclose(weight[rows & lecture.is_name].sum(), torch.tensor(1.0).double())
    x, y = lecture.standard(lecture.meanings).double(), lecture.looks.double()[of_concept]
    weight = weight / weight.mean()
    middle = (weight * x).sum(0) / weight.sum(), (weight * y).sum(0) / weight.sum()
    x, y = x - middle[0], y - middle[1]
    solved = torch.linalg.solve(x.T @ (weight * x) + 100 * torch.eye(50).double(), x.T @ (weight * y))
    expected = (lecture.standard(lecture.meaning("mango")[None]).double() - middle[0]) @ solved + middle[1]
    assert torch.allclose(F.normalize(expected, dim=1) * 8, lecture.expected_look(["mango"]).double(), atol=1e-3)
    assert not set(lecture.learned.tolist()) & set(lecture.concept_of[lecture.left_out].tolist())
