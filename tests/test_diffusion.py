"""Lecture 11's own guesses, samplers, network and training; its judge is lecture 05's; and the stored long runs."""

import json
import math

import pytest
import torch
from torch import nn

from data.build import diffusion
from helpers import CourseError, data
from tests.definitions import definitions

lecture = definitions("11_diffusion.ipynb", also=("setup", "class-rules", "classes", "nothing", "settings", "words"))
gan = definitions("05_conditional_gan.ipynb", also=("class-rules", "classes"))
config = lecture.EasyDict(steps=10, batch_size=4, lr=0.001, decay=0.9, round=1)
SOME = torch.arange(0, 1075, 2)
STORED = [name for name in diffusion.STEPS if f"weights/{name}.safetensors" in data.manifest()]


def begin():
    torch.manual_seed(0)
    condition, nothing = nn.Embedding(9, 128), torch.tensor(lecture.NOTHING)
    return lecture.begin(condition, nothing, lecture.clean[SOME], lecture.labels[SOME], config)


def weights(network):
    return torch.cat([w.detach().flatten().clone() for w in network.parameters()])


def moved(state):
    """A state whose network draws something of its own."""
    with torch.no_grad():
        for w in (*state.network.parameters(), *state.average.parameters()):
            w.add_(0.02 * torch.randn(w.shape, generator=torch.Generator().manual_seed(w.numel())))
    return state


# by hand


def test_the_numbers_of_the_text():
    two = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    guess = lecture.best_guess(torch.tensor([[0.2]], dtype=torch.float64), 0.5, two).item()
    near, far = math.exp(-(0.3**2) / (2 * 0.5**2)), math.exp(-(0.7**2) / (2 * 0.5**2))
    assert [round(v, 3) for v in (near, far)] == [0.835, 0.375] and round(near / (near + far), 2) == 0.69
    assert guess == pytest.approx((near - far) / (near + far)) and round(guess, 2) == 0.38
    velocity = (guess - 0.2) / 0.5
    assert round(velocity, 2) == 0.36 and round(0.2 + 0.1 * velocity, 3) == 0.236


def test_the_best_guess_has_the_smallest_squared_error():
    torch.manual_seed(0)
    points = torch.randn(5, 2)
    clean = points[torch.randint(5, (4000,))]
    x = lecture.mix(torch.randn_like(clean), clean, 0.4)
    guess = lecture.best_guess(x, 0.4, points)
    error = (guess - clean).square().mean()
    for other in (1.1 * guess, guess + 0.1, points[torch.cdist(x, 0.4 * points).argmin(1)], points.mean(0)):
        assert (other - clean).square().mean() > error


def test_times_and_mixtures():
    assert lecture.even(4) == [0, 0.25, 0.5, 0.75, 1]
    early = lecture.early(8)
    assert early[0] == 0 and early[-1] == 1 and early == sorted(set(early)) and early[4] == pytest.approx(1 / 3)
    noise, clean = torch.randn(2, 3, 3, 4, 4)
    mixed = lecture.mix(noise, clean, torch.tensor([0.0, 0.5, 1.0]))
    assert torch.equal(mixed[0], noise[0]) and torch.equal(mixed[2], clean[2])
    assert torch.allclose(mixed[1], (noise[1] + clean[1]) / 2)
    assert torch.allclose(lecture.mix(noise, clean, 0.3), 0.7 * noise + 0.3 * clean)


@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("heun", 2)])
def test_the_samplers_end_where_the_exact_path_does(method, order):
    start = torch.linspace(-2, 2, 41, dtype=torch.float64)[:, None]
    velocity = lecture.towards(lambda x, t: lecture.normal_guess(x, t, 1.0, 0.5)[0])
    errors = [
        (getattr(lecture, method)(velocity, start, lecture.even(n))[-1] - (1 + 0.5 * start)).abs().mean().item()
        for n in (40, 80)
    ]
    assert errors[1] < 0.03 and errors[0] / errors[1] == pytest.approx(2**order, rel=0.15)


def test_the_normal_guess_knows_its_own_error():
    torch.manual_seed(0)
    clean = 1 + 0.5 * torch.randn(100_000, dtype=torch.float64)
    for t in (0.0, 0.3, 0.8):
        guess, left = lecture.normal_guess(lecture.mix(torch.randn_like(clean), clean, t), t, 1.0, 0.5)
        assert (guess - clean).std().item() == pytest.approx(left, rel=0.02)


def test_the_ring_is_reached_in_many_steps_and_fog_in_one():
    network = lecture.train_ring(steps=600)
    velocity = lecture.towards(lambda x, t: network(x, torch.full((len(x),), t)))
    spots, start = lecture.ring(torch.arange(8), spread=0), torch.randn(400, 2)
    one, many = (lecture.euler(velocity, start, lecture.even(n))[-1] for n in (1, 40))
    assert one.norm(dim=1).max() < 0.3
    near = torch.cdist(many, spots) < 0.15
    assert near.any(0).all() and near.any(1).double().mean() > 0.5


def test_the_perfect_network_copies():
    known = lecture.clean[SOME].flatten(1)
    velocity = lecture.towards(lambda x, t: lecture.best_guess(x, t, known))
    end = lecture.euler(velocity, torch.randn(4, known.shape[1]), lecture.even(12))[-1]
    assert (end - known[torch.cdist(end, known).argmin(1)]).abs().max() < 1e-3


# the linear guess


def test_principal_directions_agree_with_a_decomposition_of_the_covariance():
    torch.manual_seed(0)
    rows = torch.randn(40, 6) @ torch.randn(6, 6)
    mean, directions, variances, rest = lecture.principal(rows, torch.full((40,), 1 / 40), 3)
    covariance = torch.cov(rows.T, correction=0)
    assert torch.allclose(mean, rows.mean(0), atol=1e-5)
    assert torch.allclose(variances, torch.linalg.eigvalsh(covariance)[-3:], rtol=1e-3)
    assert torch.allclose(covariance @ directions, directions * variances, atol=1e-2)
    assert (variances.sum() + rest.sum()).item() == pytest.approx(covariance.trace().item(), rel=1e-4)
    assert torch.allclose(rest, (covariance - directions * variances @ directions.T).diag(), atol=1e-2)


def test_the_linear_guess_is_the_wiener_filter():
    """Written out for one class and for all, on pictures that have only some directions."""
    torch.manual_seed(0)
    linear, y = (
        lecture.fit_linear(lecture.LinearGuess(8, 5), lecture.clean[SOME], lecture.labels[SOME]),
        torch.tensor([2, 8, 0]),
    )
    for t in (0.2, 0.7):
        x = lecture.mix(torch.randn(3, 3, 64, 64), lecture.clean[SOME[:3]], t)
        guess, left = linear(x, torch.full((3,), t), y)
        for i, c in enumerate(y):
            mean, rest, directions, variances = (
                linear.mean[c],
                linear.rest[c],
                linear.directions[c],
                linear.variances[c],
            )
            away = x[i].flatten() - t * mean
            codes = away @ directions
            outside = away - directions @ codes
            inside = directions @ (t * variances / (t**2 * variances + (1 - t) ** 2) * codes)
            expected = mean + inside + t * rest / (t**2 * rest + (1 - t) ** 2) * outside
            assert torch.allclose(guess[i].flatten(), expected, atol=1e-3)
            open_ = (variances * (1 - t) ** 2 / (t**2 * variances + (1 - t) ** 2)).sum() / 12288
            others = rest * (1 - t) ** 2 / (t**2 * rest + (1 - t) ** 2)
            assert torch.allclose(left[i].flatten().square(), open_ + others, rtol=1e-3)
    start, _ = linear(torch.randn(2, 3, 64, 64), torch.zeros(2), torch.tensor([1, 8]))
    own = lecture.clean[SOME[lecture.labels[SOME] == 1]].mean(0)
    assert torch.allclose(start[0], own, atol=1e-4) and torch.allclose(start[1].flatten(), linear.mean[8], atol=1e-5)


# the network


def test_the_network_begins_at_the_linear_guess_and_uses_time_class_and_place():
    state = begin()
    x, t, y = torch.randn(4, 3, 64, 64), torch.tensor([0.1, 0.4, 0.6, 0.9]), torch.arange(4)
    with torch.no_grad():
        assert torch.allclose(state.network(x, t, y), state.network.linear(x, t, y)[0], atol=1e-5)
        net = moved(state).network.eval()
        made = net(x, t, y)
        assert made.shape == x.shape and torch.allclose(net(x[:1], t[:1], y[:1]), made[:1], atol=1e-4)
        correction = made - net.linear(x, t, y)[0]
        assert (net(x, t, y + 1) - made).abs().amax() > 1e-4
        assert (net(x, t + 0.05, y) - net.linear(x, t + 0.05, y)[0] - correction).abs().amax() > 1e-4
    assert sum(p.numel() for p in net.parameters()) < 3_000_000


def test_a_network_conditioned_on_vectors():
    net = lecture.UNet(nn.Linear(64, 128))
    assert net(torch.randn(2, 3, 64, 64), torch.rand(2), torch.randn(2, 64)).shape == (2, 3, 64, 64)


def test_waves_tell_times_apart():
    seen = lecture.waves(torch.tensor([0.0, 0.001, 0.5, 0.999]))
    assert seen.shape == (4, 64) and torch.pdist(seen).min() > 0.05 and seen.abs().max() <= 1
    assert torch.allclose(seen[0], torch.cat([torch.zeros(32), torch.ones(32)]))


# training


def test_the_loss_by_hand_and_its_cap():
    def same(x, t, y):
        return x

    torch.manual_seed(0)
    clean = torch.randn(6, 2)
    t = torch.tensor([0.0, 0.2, 0.5, 0.7, 0.9, 1.0])
    torch.manual_seed(5)
    got = lecture.flow_loss(same, clean, None, t)
    torch.manual_seed(5)
    error = (lecture.mix(torch.randn_like(clean), clean, t) - clean).square().mean(1)
    expected = sum(e * (min(10, 1 / (1 - s) ** 2) if s < 1 else 10) for e, s in zip(error, t.tolist(), strict=True)) / 6
    assert got.item() == pytest.approx(expected.item(), rel=1e-5)


def test_times_are_spread_over_the_bell():
    torch.manual_seed(0)
    t = torch.sort(lecture.draw_times(1000)).values
    odds = torch.logit(t)
    assert ((t > 0) & (t < 1)).all() and odds.mean().item() == pytest.approx(0.3, abs=0.01)
    assert odds.std().item() == pytest.approx(1, abs=0.02)
    means = torch.stack([torch.logit(lecture.draw_times(16)).mean() for _ in range(200)])
    assert means.std() < 0.1  # of independent draws it would be 0.25


def test_some_conditions_are_forgotten():
    torch.manual_seed(0)
    y = lecture.forget(torch.arange(2000) % 8, torch.tensor(8))
    assert 120 < (y == 8).sum() < 280 and ((y == 8) | (y == torch.arange(2000) % 8)).all()
    vectors = lecture.forget(torch.ones(2000, 5), torch.zeros(5))
    assert set(vectors.sum(1).tolist()) == {0.0, 5.0} and 120 < (vectors.sum(1) == 0).sum() < 280


def test_augmentation_moves_a_picture_a_little():
    torch.manual_seed(0)
    x = lecture.clean[[0, 510]].repeat(3, 1, 1, 1)
    changed = lecture.augment(x)
    assert changed.shape == x.shape and torch.allclose(lecture.augment(x, 0), x, atol=1e-4)
    assert 0.01 < (changed - x).abs().mean() < 0.3 and (changed[0] - changed[2]).abs().mean() > 0.005


def test_a_step_moves_network_and_average_and_its_rate_rises_and_falls(monkeypatch):
    state, rates = begin(), []
    before = weights(state.network), weights(state.average)
    pictures, labels = lecture.clean[SOME[:4]], lecture.labels[SOME[:4]]
    for _ in range(2):
        lecture.train_step(state, pictures, labels, config)
        rates.append(state.optimizer.param_groups[0]["lr"])
    assert not torch.equal(before[0], weights(state.network)) and not torch.equal(before[1], weights(state.average))
    assert rates == [pytest.approx(0.001 / 40), pytest.approx(0.002 / 40)]
    monkeypatch.setattr(
        lecture, "flow_loss", lambda network, clean, y, t: 0 * sum(w.sum() for w in network.parameters())
    )
    long = lecture.EasyDict(config, steps=1000)
    for step, expected in ((499, 0.001), (750, 0.0005), (999, 0.000002)):
        state.step = step
        lecture.train_step(state, pictures, labels, long)
        assert state.optimizer.param_groups[0]["lr"] == pytest.approx(expected)


def test_training_goes_on_from_where_it_stood(capsys):
    pictures, labels = lecture.clean[SOME], lecture.labels[SOME]

    def train(state, until):
        return lecture.train(state, pictures, labels, labels, config, until)

    torch.manual_seed(3)
    whole = begin()
    torch.manual_seed(4)
    losses = train(whole, 4)
    parts = begin()
    torch.manual_seed(4)
    halves = [train(parts, 2), train(parts, 4)]
    assert torch.equal(losses, torch.cat(halves)) and torch.equal(weights(whole.average), weights(parts.average))
    assert capsys.readouterr().out.count("epoch") == 8


def test_a_checkpoint_brings_everything_back(tmp_path, capsys):
    pictures, labels = lecture.clean[SOME], lecture.labels[SOME]
    first = begin()
    lecture.train(first, pictures, labels, labels, config, until=2)
    torch.save(diffusion.kept(first, torch.ones(2), [1.0, 2.0]), tmp_path / "checkpoint.pt")
    rest = lecture.train(first, pictures, labels, labels, config, until=4)
    second = begin()
    losses, clocks = diffusion.go_on(second, tmp_path / "checkpoint.pt")
    again = lecture.train(second, pictures, labels, labels, config, until=4)
    assert second.step == 4 and losses.tolist() == [1, 1] and clocks == [1, 2]
    assert torch.equal(rest, again) and torch.equal(weights(first.average), weights(second.average))


# drawing


def test_guidance_by_its_strength():
    state = moved(begin())
    x, y = torch.randn(2, 3, 64, 64), torch.tensor([1, 4])
    with torch.no_grad():
        zero, one, three = (lecture.guided(state.average, y, state.nothing, w)(x, 0.3) for w in (0, 1, 3))
        plain = lecture.guided(state.average, state.nothing.expand(2), state.nothing, 1)(x, 0.3)
    assert torch.allclose(zero, plain, atol=1e-4)
    guesses = {w: x + 0.7 * velocity for w, velocity in ((0, zero), (1, one), (3, three))}
    inside = (guesses[0].abs() < 0.99) & (guesses[1].abs() < 0.99)
    expected = (guesses[0] + 3 * (guesses[1] - guesses[0])).clamp(-1, 1)
    assert inside.double().mean() > 0.5 and torch.allclose(guesses[3][inside], expected[inside], atol=1e-3)
    assert max(guess.abs().max() for guess in guesses.values()) <= 1 + 1e-5


def test_drawing_is_the_same_in_any_company():
    state = moved(begin())
    noise, y = lecture.noise_of(3, 5), torch.tensor([0, 3, 7])
    made = lecture.draw(state, y, noise, steps=2)
    assert made.shape == (3, 3, 64, 64) and made.dtype == torch.uint8
    alone = lecture.draw(state, y[1:2], noise[1:2], steps=2)
    assert (made[1].int() - alone[0].int()).abs().max() <= 1
    assert torch.equal(lecture.noise_of(3, 5), noise) and not torch.equal(lecture.noise_of(3, 6), noise)


def test_an_edit_keeps_what_it_should():
    state = begin()
    picture = lecture.clean[120]
    late = lecture.redraw(state, picture, 2, 0.95, [1, 2])
    early = lecture.redraw(state, picture, 2, 0.05, [1, 2])
    own = lecture.to_pixels(picture).float()
    assert (late.float() - own).abs().mean() < (early.float() - own).abs().mean()
    stays = torch.zeros(64, 64, dtype=torch.bool)
    stays[:, :32] = True
    made = lecture.inpaint(state, picture, stays, 2, [1, 2], steps=4)
    assert (made[:, :, :, :32].int() - lecture.to_pixels(picture)[:, :, :32].int()).abs().max() == 0
    assert made.shape == (2, 3, 64, 64)


def test_normal_drawings_have_the_classes_means():
    linear = lecture.fit_linear(lecture.LinearGuess(8), lecture.clean, lecture.labels)
    made = lecture.draw_normal(linear, torch.ones(200, dtype=torch.long), 3).float() / 127.5 - 1
    own = lecture.clean[lecture.labels == 1].mean(0)
    assert (made.mean(0) - own).abs().mean() < 0.1


# the judge is lecture 05's


@pytest.mark.parametrize("name", ["members", "to_pixels", "features_of", "by_class", "kernel_distance", "covered"])
def test_what_is_taken_from_lecture_05_is_the_same(name):
    ours, theirs = (getattr(module, name).__code__ for module in (lecture, gan))
    assert (ours.co_code, ours.co_names) == (theirs.co_code, theirs.co_names)


def test_data_and_words_are_those_of_lecture_05():
    assert torch.equal(lecture.pictures, gan.pictures) and torch.equal(lecture.labels, gan.labels)
    for name in ("spread", "shapes", "small"):
        assert getattr(lecture, name).__code__.co_names == getattr(gan, name).__code__.co_names


# words


def test_ridge_leaves_each_row_out():
    torch.manual_seed(0)
    x, y = torch.cat([torch.randn(12, 4), torch.ones(12, 1)], 1), torch.randn(12, 3)
    balance = 0.5 + torch.rand(12)
    matrix, without = lecture.ridge(x, y, balance, 2.0)
    for i in (0, 7):
        others = torch.arange(12) != i
        again, _ = lecture.ridge(x[others], y[others], balance[others], 2.0)
        assert torch.allclose(x[i] @ again, without[i], atol=1e-3)
    assert (x @ matrix - y).square().sum() < (without - y).square().sum()


def test_a_words_vector_has_one_length_and_a_constant():
    vectors = lecture.word_vectors(["red heart", "kitten"])
    assert vectors.shape == (2, 51) and torch.allclose(vectors[:, :-1].norm(dim=1), torch.tensor(50**0.5))
    assert torch.equal(vectors[:, -1], torch.ones(2))
    with pytest.raises(CourseError, match="knows no word of 'qqxz'"):
        lecture.meaning("qqxz")


# stored


@pytest.mark.parametrize("name", STORED)
def test_the_recipe_of_a_stored_network_begins_with_the_same_losses(name, monkeypatch, capsys):
    _, recipe = data.weights(name)
    monkeypatch.setenv("COURSE_COMPUTE", recipe["machine"].rsplit(", ", 1)[1])  # the numbers that it was made with
    threads = torch.get_num_threads()
    again, state, clean, conditions, classes, own = diffusion.beginning(name)
    losses = again.train(state, clean, conditions, classes, again.EasyDict(own, round=1), until=3)
    torch.set_num_threads(threads)
    assert json.loads(recipe["configuration"]) == own
    expected = torch.tensor(json.loads(recipe["first_losses"])[:3])
    assert torch.allclose(losses, expected, rtol=0.05, atol=0.01), (losses, expected)  # on another processor


@pytest.mark.parametrize("name", STORED)
def test_a_stored_network_loads_and_obeys_its_condition(name):
    words = name == "diffusion_words"
    condition, nothing = (nn.Linear(64, 128), torch.zeros(64)) if words else (nn.Embedding(9, 128), torch.tensor(8))
    artist, recipe = lecture.load(name, condition, nothing, lecture.clean, lecture.labels)
    asked = 3 * torch.randn(4, 64) if words else torch.tensor([0, 1, 2, 7])
    made = lecture.draw(artist, asked, lecture.noise_of(1, 3).repeat(4, 1, 1, 1), steps=4).float() / 255
    assert made[:, :, [0, 0, -1, -1], [0, -1, 0, -1]].median() > 0.9  # a white ground
    assert torch.pdist(made.flatten(1)).min() > 5 and float(recipe["seconds_of_one_core"]) > 60


def test_the_stored_networks_are_small():
    assert sum(p.stat().st_size for p in (data.DATA / "weights").glob("diffusion*")) <= 12e6
