"""Lecture 00's own definitions: measures, words, two inputs, and what shuffling or hiding one of them does."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests.definitions import definitions

lecture = definitions("00_multimodal_learning.ipynb", also=("setup", "duck", "things", "task"))
NAMES, PICTURES = lecture.names, lecture.pictures


def test_cosines_are_those_of_torch_after_the_mean_is_taken_away():
    a = torch.randn(6, 9) + 3
    centred = a - a.mean(0)
    assert torch.allclose(lecture.cosines(a), F.cosine_similarity(centred[:, None], centred[None], dim=2), atol=1e-6)


def test_a_name_becomes_the_mean_of_its_known_words():
    dog, cat = (lecture.vectors[lecture.index[word]] for word in ("dog", "cat"))
    assert torch.allclose(lecture.word_vector("Dog: cat"), (dog + cat) / 2)
    assert torch.allclose(lecture.word_vector("dog qqqq"), dog)
    assert lecture.word_vector("qqqq") is None and lecture.word_vector("") is None


def test_no_test_concept_is_in_training_and_all_have_a_word():
    test, train = set(lecture.test.tolist()), set(lecture.train.tolist())
    assert len(test) == 450 and not test & train
    assert not {lecture.OPENMOJI, lecture.FLUENT_3D} & set(lecture.TAUGHT)
    assert (NAMES[lecture.usable].abs().sum(1) > 0).all()


class FromWord(torch.nn.Module):
    """Answers from the word vector alone: the label of the nearest concept."""

    def forward(self, picture, word):
        nearest = torch.cdist(word, NAMES[lecture.test]).argmin(1)
        return F.one_hot(lecture.labels[lecture.test][nearest], len(lecture.groups)).float()


def accuracy(*arguments, **how):
    return lecture.hits(*arguments, **how).mean().item()


def test_shuffling_hurts_only_the_input_that_is_used():
    before = accuracy(FromWord(), 0)
    assert before > 0.98  # a few names are the same
    assert accuracy(FromWord(), 0, shuffle="picture") == before
    assert accuracy(FromWord(), 0, shuffle="word") < 0.3


def test_importance_is_0_for_what_is_not_used_and_the_orders_differ(capsys):
    assert lecture.importance("pictures", [FromWord()], "picture", draws=3) == pytest.approx(accuracy(FromWord(), 0))
    assert "importance 0.000 ± 0.000" in capsys.readouterr().out
    left = lecture.importance("words", [FromWord()], "word", draws=3)
    each = [accuracy(FromWord(), 0, shuffle="word", seed=seed) for seed in range(3)]
    assert left == pytest.approx(sum(each) / 3) and len(set(each)) > 1


def test_compare_gives_the_mean_difference_and_its_standard_error(capsys):
    right, other = torch.tensor([[1.0, 1, 0, 1], [1, 0, 0, 1]]), torch.tensor([[1.0, 0, 0, 0], [1, 0, 0, 1]])
    lecture.compare("a - b", right, other)  # of each concept: 0, 0.5, 0, 0.5
    assert capsys.readouterr().out.split()[-3:] == ["+0.250", "±", "0.144"]


def test_late_fusion_multiplies_the_probabilities_of_two_networks_with_one_input_each():
    torch.manual_seed(0)
    one, two = lecture.TwoInputs(), lecture.TwoInputs()
    picture, word = PICTURES[0, :5], NAMES[:5]
    product = one(picture, torch.zeros(5, 50)).softmax(1) * two(torch.zeros_like(picture), word).softmax(1)
    found = lecture.LateFusion(one, two)(picture, word).softmax(1)
    assert torch.allclose(found, product / product.sum(1, keepdim=True), atol=1e-5)


def test_agreement_of_measures_leaves_out_pairs_of_a_thing_and_its_copy():
    a, b = torch.rand(2, 6, 6)
    lecture.tables = torch.stack([x + x.T for x in (a, b, -a, a)]).numpy()
    rho = lecture.agreement(np.array([0, 1, 2, 3, 4, 5]))
    assert rho[0, 2] == pytest.approx(-1) and rho[0, 3] == pytest.approx(1) and abs(rho[0, 1]) < 1
    lecture.tables[:, range(6), range(6)] = 1000.0  # a thing's likeness with itself must not count
    assert lecture.agreement(np.array([0, 1, 1, 2, 3, 3]))[0, 2] == pytest.approx(-1)


@pytest.fixture
def seen(monkeypatch):
    """What training shows to the network: for each batch, which pictures and which words are all zeros."""
    zeros = []

    class Spy(lecture.TwoInputs):
        def forward(self, picture, word):
            zeros.append(((picture == 0).all(1), (word == 0).all(1)))
            return super().forward(picture, word)

    monkeypatch.setattr(lecture, "TwoInputs", Spy)
    return zeros


def test_hiding_takes_each_input_as_often_as_stated_and_never_both(seen):
    lecture.trained(0, hide=0.3, epochs=2)
    no_picture, no_word = (torch.cat(some).double() for some in zip(*seen, strict=True))
    assert no_picture.mean() == pytest.approx(0.3, abs=0.02) and no_word.mean() == pytest.approx(0.3, abs=0.02)
    assert (no_picture * no_word).sum() == 0


@pytest.mark.parametrize(("gone", "which"), [({"use_picture": False}, 0), ({"use_word": False}, 1)])
def test_a_network_trained_on_one_input_never_sees_the_other(gone, which, seen):
    network = lecture.trained(0, **gone, epochs=1)
    assert all(zeros[which].all() and not zeros[1 - which].any() for zeros in seen)
    seen.clear()
    lecture.hits(network, 0, **gone)
    assert seen[0][which].all() and not seen[0][1 - which].any()
