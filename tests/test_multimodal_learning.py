"""Lecture 00's own definitions: rulers, words, two inputs, and what shuffling or hiding one of them does."""

import pytest
import torch
import torch.nn.functional as F

from tests.definitions import definitions

lecture = definitions("00_multimodal_learning.ipynb", also=("setup", "dog", "things", "task"))
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
    assert lecture.STRANGER not in lecture.TAUGHT
    assert (NAMES[lecture.usable].abs().sum(1) > 0).all()


class FromWord(torch.nn.Module):
    """Answers from the word vector alone: the label of the nearest concept."""

    def forward(self, picture, word):
        nearest = torch.cdist(word, NAMES[lecture.test]).argmin(1)
        return F.one_hot(lecture.labels[lecture.test][nearest], len(lecture.groups)).float()


def test_shuffling_hurts_only_the_input_that_is_used():
    before = lecture.accuracy(FromWord(), 0)
    assert before > 0.98  # a few names are the same
    assert lecture.accuracy(FromWord(), 0, shuffle="picture") == before
    assert lecture.accuracy(FromWord(), 0, shuffle="word") < 0.3


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
    lecture.accuracy(network, 0, **gone)
    assert seen[0][which].all() and not seen[0][1 - which].any()
