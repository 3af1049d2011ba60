"""Lecture 10's own definitions: SI-SDR and the best order against torchmetrics, masks, levels, splits, bad input."""

import functools
import itertools

import pytest
import torch
from torchmetrics.functional.audio import permutation_invariant_training as torchmetrics_pit
from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio as torchmetrics_si_sdr

from data.build import cocktail_party
from helpers import CourseError, data
from tests.definitions import definitions

CELLS = ("setup", "party-voices", "party-mix", "party-picture", "party-ideal", "eyes-notes", "eyes-pictures")
lecture = definitions("10_cocktail_party.ipynb", also=CELLS)
lecture.device = torch.device("cpu")


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_si_sdr_is_torchmetrics():
    truth = random(5, 3, 400)
    for noise in (0.01, 0.5, 3.0):
        estimate = truth + noise * random(5, 3, 400, seed=1)
        assert torch.allclose(lecture.si_sdr(estimate, truth), torchmetrics_si_sdr(estimate, truth), atol=2e-3)


def test_si_sdr_does_not_mind_volume_or_sign_and_minds_a_shift():
    truth = random(400)
    estimate = truth + 0.3 * random(400, seed=1)
    for volume in (1e-3, 5, -2, 100):
        assert lecture.si_sdr(volume * estimate, truth).item() == pytest.approx(
            lecture.si_sdr(estimate, truth).item(), abs=1e-2
        )
    assert lecture.si_sdr(estimate.roll(1), truth) < 0


def test_an_exact_estimate_gets_a_finite_score_and_an_orthogonal_one_too():
    assert lecture.si_sdr(torch.tensor([2.0, 2.0]), torch.tensor([1.0, 1.0])).item() == pytest.approx(100)
    assert lecture.si_sdr(torch.tensor([1.0, -1.0]), torch.tensor([1.0, 1.0])).item() == pytest.approx(-100)


@pytest.mark.parametrize("score", ["si_sdr", "pairwise"])
@pytest.mark.parametrize("silent", ["estimate", "truth"])
def test_silence_is_refused_and_no_nan_goes_unseen(score, silent):
    sounds = {"estimate": random(2, 2, 50), "truth": random(2, 2, 50, seed=1)}
    sounds[silent][1, 0] = 0
    with pytest.raises(CourseError, match="silence"):
        getattr(lecture, score)(sounds["estimate"], sounds["truth"])


def test_different_lengths_are_refused():
    with pytest.raises(CourseError, match="differ"):
        lecture.si_sdr(random(40), random(41))


@pytest.mark.parametrize("k", [2, 3, 4])
def test_the_best_order_is_torchmetrics(k):
    truths = random(6, k, 300)
    shuffled = torch.stack([truths[i, torch.randperm(k)] for i in range(6)])
    estimates = shuffled + 0.8 * random(6, k, 300, seed=1)
    best, order = lecture.best_order(lecture.pairwise(estimates, truths))
    expected, expected_order = torchmetrics_pit(estimates, truths, torchmetrics_si_sdr, eval_func="max")
    assert torch.allclose(best, expected, atol=2e-3)
    assert torch.equal(order, expected_order)


def test_the_best_order_does_not_mind_the_order_of_outputs():
    scores = random(5, 3, 3)
    best, order = lecture.best_order(scores)
    for shuffle in itertools.permutations(range(3)):
        again, other = lecture.best_order(scores[:, list(shuffle)])
        assert torch.allclose(again, best)
        assert torch.equal(torch.tensor(shuffle)[other], order)


def test_outputs_are_put_in_the_order_of_the_voices():
    truths = random(4, 3, 200)
    turned = truths.roll(1, 1)
    assert torch.equal(lecture.in_order(turned, truths), truths)


def test_the_pairs_scores_are_si_sdr():
    estimates, truths = random(3, 2, 200), random(3, 2, 200, seed=1)
    scores = lecture.pairwise(estimates, truths)
    for i, j in itertools.product(range(2), range(2)):
        assert torch.allclose(scores[:, i, j], lecture.si_sdr(estimates[:, i], truths[:, j]), atol=2e-3)


def test_the_pairs_gradient_is_finite_even_for_exact_outputs():
    truths = random(2, 2, 100)
    estimates = truths.clone().requires_grad_()
    lecture.pairwise(estimates, truths).sum().backward()
    assert estimates.grad.isfinite().all()


def test_levels_are_exact_and_the_sum_is_the_sum():
    torch.manual_seed(0)
    voices, decibels = random(8, 3, 4000) * torch.tensor([0.01, 1, 30])[None, :, None], lecture.levels(8, 3)
    sources, mixed = lecture.mix(voices, decibels)
    got = 10 * sources.square().mean(-1).log10()
    assert torch.allclose(got - got[:, :1], decibels - decibels[:, :1], atol=1e-3)
    assert torch.allclose(mixed, sources.sum(1))
    assert decibels.abs().max() <= 2.5 and decibels.std() > 1


def test_a_loud_mixture_is_turned_down_and_not_clipped():
    voices = torch.zeros(1, 2, 4000)
    voices[0, 0, 7], voices[0, 1] = 1.0, random(4000)  # a click: all its power in one sample
    sources, mixed = lecture.mix(voices, torch.zeros(1, 2))
    assert mixed.abs().max() <= 1 and sources.abs().max() <= 1
    power = sources.square().mean(-1)[0]
    assert power[0].item() == pytest.approx(power[1].item(), rel=1e-3)
    assert torch.allclose(sources[0, 0] / sources[0, 0, 7], voices[0, 0])


def test_a_silent_voice_has_no_level():
    voices = random(2, 2, 100)
    voices[1, 1] = 0
    with pytest.raises(CourseError, match="silent"):
        lecture.mix(voices, torch.zeros(2, 2))


@pytest.mark.parametrize("mask", ["ratio", "binary", "Wiener"])
@pytest.mark.parametrize("k", [2, 3])
def test_ideal_masks_are_shares(mask, k):
    S = lecture.spectrogram(random(2, k, 4000))
    S[0, :, 5] = 0  # where everybody is silent
    masks = lecture.IDEAL_MASKS[mask](S)
    assert masks.shape == S.shape and masks.min() >= 0 and masks.max() <= 1
    assert torch.allclose(masks.sum(1), torch.ones_like(masks[:, 0]), atol=1e-5)
    assert (masks.gather(1, S.abs().argmax(1, keepdim=True)) >= masks.amax(1, keepdim=True) - 1e-6).all()


def test_the_ideal_masks_of_three_and_one():
    S = torch.tensor([3.0, 1.0], dtype=torch.complex64).reshape(1, 2, 1, 1)
    shares = {name: mask(S).flatten().tolist() for name, mask in lecture.IDEAL_MASKS.items()}
    expected = {"ratio": [0.75, 0.25], "binary": [1, 0], "Wiener": [0.9, 0.1], "phase-sensitive": [0.75, 0.25]}
    assert shares == {name: pytest.approx(values, abs=1e-5) for name, values in expected.items()}


def test_no_ideal_mask_has_a_smaller_error_than_the_phase_sensitive_one():
    S = lecture.spectrogram(random(2, 2, 4000))
    X = S.sum(1, keepdim=True)
    errors = {name: (mask(S) * X - S).abs().square() for name, mask in lecture.IDEAL_MASKS.items()}
    assert all((errors["phase-sensitive"] <= 1.0001 * error + 1e-3).all() for error in errors.values())


def test_the_spectrogram_has_a_way_back():
    x = random(3, 2, 16000)
    assert torch.allclose(lecture.waveform(lecture.spectrogram(x), 16000), x, atol=1e-4)


def test_the_spectrograms_si_sdr_is_near_the_waveforms():
    x = random(3, 2, 16000)
    y = x + 0.4 * random(3, 2, 16000, seed=1)
    near = lecture.pairwise(lecture.vectors(lecture.spectrogram(y)), lecture.vectors(lecture.spectrogram(x)))
    assert torch.allclose(near.diagonal(dim1=1, dim2=2), lecture.si_sdr(y, x), atol=0.1)


def test_masked_vectors_are_the_masked_spectrogram():
    X, masks = lecture.spectrogram(random(2, 4000)), random(2, 2, lecture.BINS, 16).sigmoid()
    assert torch.allclose(lecture.vectors(X[:, None], masks), lecture.vectors(masks * X[:, None]), atol=1e-5)


def test_splits_share_no_utterance():
    signals = [torch.full((3,), float(i)) for i in range(11)]
    split = lecture.hold_out(signals)
    train, test = (set(split[name].tolist()) for name in ("train", "test"))
    assert not train & test and train | test == set(range(11)) and len(test) == 3


def test_no_held_out_utterance_is_trained_on():
    for name, signals in lecture.said.items():
        hashes = [hash(s.numpy().tobytes()) for s in signals]
        assert len(set(hashes)) == len(hashes), name  # the same recording twice could stand on both sides
        assert len(lecture.streams[name]["test"]) == sum(len(s) for s in signals[::5])


def test_excerpts_come_from_the_signal():
    stream = torch.arange(1000.0)
    torch.manual_seed(0)
    plain, varied = lecture.excerpts(stream, 200, 100), lecture.excerpts(stream, 200, 100, vary=0.1)
    assert torch.equal(plain - plain[:, :1], torch.arange(100.0).expand(200, -1))
    speed = (varied[:, -1] - varied[:, 0]) / 99
    assert 0.9 <= speed.min() < 0.92 and 1.08 < speed.max() <= 1.1
    assert torch.allclose(varied.diff(dim=1), speed[:, None].expand(-1, 99), atol=1e-3)


def test_a_batch_is_of_the_pairs_asked_for_and_its_cue_is_of_the_first(monkeypatch):
    names = {"a": 1.0, "b": 2.0, "c": 3.0}
    monkeypatch.setattr(lecture, "streams", {n: {"train": torch.full((60_000,), v)} for n, v in names.items()})
    monkeypatch.setattr(lecture, "mix", lambda voices, decibels: (voices, voices.sum(1)))
    torch.manual_seed(0)
    seen = set()
    for _ in range(30):
        sources, mixtures, cues = lecture.party([("a", "b"), ("b", "c")], 8)
        assert cues.shape == (8, lecture.RATE) and torch.equal(cues[:, 0], sources[:, 0, 0])
        assert torch.equal(mixtures, sources.sum(1))
        seen |= {tuple(pair) for pair in sources[:, :, 0].tolist()}
    assert seen == {(1, 2), (2, 1), (2, 3), (3, 2)}


@functools.cache
def networks():
    torch.manual_seed(0)
    return lecture.Separator(hidden=8).eval(), lecture.Listener(hidden=8).eval()


def test_the_networks_masks_are_shares_whatever_the_volume():
    X = lecture.spectrogram(random(3, 8000))
    for network in networks():
        masks = network(X)
        assert masks.shape == (3, 2, *X.shape[1:])
        assert masks.min() >= 0 and torch.allclose(masks.sum(1), torch.ones_like(masks[:, 0]), atol=1e-5)
        assert torch.allclose(network(100 * X), masks, atol=1e-4)


def test_a_listener_begins_as_its_separator_and_its_cue_counts_once_the_gate_has_learned():
    separator, listener = networks()
    listener.load_state_dict(separator.state_dict(), strict=False)
    X, cue = lecture.spectrogram(random(2, 8000)), random(2, 8000, seed=1)
    assert torch.allclose(listener(X), separator(X)) and torch.allclose(listener(X, cue), separator(X))
    torch.nn.init.normal_(listener.gate.weight)
    assert not torch.allclose(listener(X, cue), separator(X), atol=1e-3)
    assert not torch.allclose(listener(X, cue), listener(X, cue.flip(0)), atol=1e-4)
    assert torch.allclose(listener(X), separator(X))
    torch.nn.init.zeros_(listener.gate.weight)


def test_the_way_from_a_mixture_to_outputs_adds_up_to_the_mixture():
    mixtures = random(2, 16000)
    assert torch.allclose(lecture.separate(networks()[0], mixtures).sum(1), mixtures, atol=1e-3)


def test_training_lowers_the_loss_with_and_without_a_cue():
    for told in (0.0, 1.0):
        torch.manual_seed(0)
        network = lecture.Listener(hidden=24)
        losses = lecture.train(network, lambda: lecture.party([lecture.PAIR], 4), steps=100, told=told)
        assert losses[-1] < losses[0] - 0.05


def test_a_cue_fixes_the_order_and_no_cue_leaves_it_open():
    """An oracle with its outputs turned is as good as straight without a cue, and useless with one."""
    truths = random(4, 2, 16000)
    S = lecture.spectrogram(truths)

    class Turned(torch.nn.Module):
        hop = lecture.HOP

        def __init__(self):
            super().__init__()
            self.bias = torch.nn.Parameter(torch.zeros(1))

        def forward(self, X, cue=None):
            return lecture.shares(S.abs()).flip(1) + 0 * self.bias

    def draw():
        return truths, truths.sum(1), truths[:, 0, : lecture.RATE]

    without = lecture.train(Turned(), draw, steps=1)[0]
    with_cue = lecture.train(Turned(), draw, steps=1, told=1.0)[0]
    assert without < -2 and with_cue > 2


def test_the_cue_is_followed_where_the_best_voice_is_the_one_asked_for():
    scores = torch.tensor([[[5.0, -5], [-5, 5]], [[5, -5], [5, -5]]])
    assert lecture.followed(scores) == 0.75


def test_nmf_explains_what_its_spectra_made():
    spectra = random(3, lecture.BINS).abs().numpy()
    frames = random(20, 3, seed=1).abs().numpy() @ spectra
    left = frames - lecture.explained(frames, spectra) @ spectra
    assert (left**2).sum() < 0.01 * (frames**2).sum()


def test_the_recipes_of_the_long_runs_run(monkeypatch):
    stages = [stage._replace(steps=1) for stage in cocktail_party.VOICES]
    listener, losses = cocktail_party.voices(stages)
    assert len(losses) == len(stages) and type(listener).__name__ == "Listener"
    watcher, losses = cocktail_party.pictures([cocktail_party.PICTURES[0]._replace(steps=1)])
    assert len(losses) == 1 and type(watcher).__name__ == "Watcher"


def test_no_network_is_trained_on_the_unseen_voices():
    for which in ("pair", "three", "many"):
        voices = {name for pair in cocktail_party.pairs_of(lecture, which) for name in pair}
        assert not voices & {*lecture.UNSEEN} and (which == "many") == (len(voices) > 50)
    pairs = cocktail_party.pairs_of(lecture, "three")
    assert pairs.count(lecture.PAIR) == 2 * sum("topal" in pair for pair in pairs)


def loaded(name, network):
    state, _ = data.weights(name)
    network.load_state_dict({key: value.float() for key, value in state.items()})
    return network.eval()


def test_the_stored_network_separates_held_out_voices_and_follows_its_cue():
    network, test = loaded("cocktail_party", lecture.Listener()), lecture.test_set(lecture.PAIR, n=12)
    network.hop = 128
    assert lecture.gained(network, *test).mean() > 6.5  # 7.86 of 80 mixtures
    scores = lecture.ask(network, lecture.PAIR, *test)
    assert lecture.followed(scores) > 0.9 and scores.mean(0).diagonal().min() > 5


def test_the_stored_watcher_does_what_its_picture_says():
    network = loaded("sound_of_pixels", lecture.Watcher())
    lecture.shown_features = lecture.seen.mean(0)
    for notes in (lecture.test_notes, lecture.other_notes):
        scores = lecture.with_pictures(network, notes, n=60)
        assert scores["ideal mask"].mean() > 15 > scores["right picture"].mean() > 1
        assert scores["wrong picture"].mean() < 0


def test_held_out_notes_and_pictures_are_no_training_ones():
    for i, notes in lecture.test_notes.items():
        trained = lecture.train_notes[i]
        assert min((note - trained).abs().sum(1).min() for note in notes) > 0
    for i, numbers in lecture.test_pictures.items():
        assert not set(numbers) & set(lecture.train_pictures[i])
        assert all(lecture.owner[n] == i for n in numbers + lecture.train_pictures[i])


def test_a_duet_is_of_two_instruments_and_shows_both():
    torch.manual_seed(0)
    sources, mixtures, pictures = lecture.duets(lecture.train_notes, lecture.train_pictures, 12, vary=0.1)
    assert sources.shape == (12, 2, lecture.NOTE) and torch.allclose(sources.sum(1), mixtures)
    owners = lecture.owner[pictures]
    assert (owners[:, 0] != owners[:, 1]).all()
    absent = lecture.owner[
        lecture.picture_of_neither(torch.tensor([[p[0] for p in lecture.test_pictures.values()][:2]]))
    ]
    assert absent.tolist()[0] not in list(lecture.test_pictures)[:2]


def test_a_view_keeps_the_picture_and_its_ground_is_white():
    pictures = lecture.drawings[:3]
    assert torch.equal(lecture.view(pictures, 96, 0, 0, False), data.on_white(pictures))
    small = lecture.view(pictures, 62, 16, 14, True)
    assert small.shape == (3, 3, 96, 96) and small[..., :16].min() == 255 and small[..., 16:78].min() < 255


def test_a_watcher_listens_to_its_cue_once_trained_and_does_without():
    torch.manual_seed(0)
    watcher, X = lecture.Watcher(hidden=8).eval(), lecture.spectrogram(random(2, 8000))
    cue = random(2, 1280)
    assert not torch.allclose(watcher(X, cue), watcher(X, cue.flip(0)), atol=1e-4)
    assert watcher(X).shape == watcher(X, cue).shape
