"""Lecture 06's own definitions: attention against torch's, questions that cannot be read, accuracy and pointing."""

import pytest
import torch
import torch.nn.functional as F

from helpers import CourseError, questions, scenes
from tests.definitions import definitions

lecture = definitions("06_visual_question_answering.ipynb")
lecture.device, lecture.GRID, lecture.PAD, lecture.EXAMPLE = torch.device("cpu"), 6, 0, "is there a frog?"
NUMBER = {word: i for i, word in enumerate(["<pad>", "is", "there", "a", "frog"])}


def networks(kind):
    torch.manual_seed(0)
    encoder = lecture.Encoder(7, 6).eval()
    return encoder(torch.randn(3, 112, 6, 6)), kind(11, encoder.dim, 5).eval(), torch.randint(1, 11, (3, 4, 6))


def test_a_question_becomes_numbers_whatever_its_capitals_and_question_mark():
    for text in ("is there a frog", "Is there a FROG?", "  is there, a frog ? "):
        assert lecture.encode(text, NUMBER, 6).tolist() == [1, 2, 3, 4, 0, 0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        (" ? ", "empty"),
        ("is there a unicorn?", "don't know the word 'unicorn'"),
        ("is is is is", "4 words; 3 are the limit"),
    ],
)
def test_a_question_that_cannot_be_read_says_why(text, says):
    with pytest.raises(CourseError, match=says):
        lecture.encode(text, NUMBER, 3)


def test_attention_is_scaled_dot_product_attention():
    query, keys, a = torch.randn(4, 3, 8), torch.randn(4, 9, 8), torch.randn(4, 9, 5)
    attention, context = lecture.attend(query, keys, a)
    assert torch.allclose(context, F.scaled_dot_product_attention(query, keys, a), atol=1e-5)
    assert torch.allclose(attention.sum(2), torch.ones(4, 3))


def test_the_reader_stops_at_the_last_word():
    reader = lecture.Reader(11).eval()
    words = torch.randint(1, 11, (2, 3, 4))
    padded = torch.cat([words, torch.zeros(2, 3, 5, dtype=torch.long)], 2)
    assert torch.allclose(reader(padded), reader(words), atol=1e-6)
    assert not torch.allclose(reader(words.flip(2)), reader(words))


@pytest.mark.parametrize("kind", [lecture.Product, lecture.Attentive])
def test_questions_of_one_scene_together_are_answered_as_each_alone(kind):
    a, network, words = networks(kind)
    together, _ = network(a, words)
    alone = torch.stack(
        [network(a[i : i + 1], words[i : i + 1, j : j + 1])[0][0, 0] for i in range(3) for j in range(4)]
    )
    assert together.shape == (3, 4, 5) and torch.allclose(together.flatten(0, 1), alone, atol=1e-5)


@pytest.mark.parametrize("kind", [lecture.Product, lecture.Attentive])
def test_both_inputs_count(kind):
    a, network, words = networks(kind)
    logits, _ = network(a, words)
    assert not torch.allclose(network(a.roll(1, 0), words)[0], logits)
    assert not torch.allclose(network(a, words.roll(1, 1))[0], logits)


def test_the_product_cannot_tell_places_apart_and_attention_can():
    for kind, same in ((lecture.Product, True), (lecture.Attentive, False)):
        a, network, words = networks(kind)
        moved = a.clone()
        moved[..., :-12] = a[..., :-12].roll(7, 1)  # the same things in other places
        assert torch.allclose(network(moved, words)[0], network(a, words)[0], atol=1e-5) == same


def test_a_blindfold_shows_nothing():
    hidden = lecture.Blindfold()(torch.randn(3, 112, 6, 6))
    assert hidden.shape == (3, 1, lecture.Blindfold.dim) and not hidden.any()


def test_accuracy_by_kind_counts_each_question_once():
    def q(kind):
        return questions.Question(kind, "", "yes", None, ())

    right = torch.tensor([[True, False], [True, True]])
    found = lecture.by_kind(right, [[q("there"), q("there")], [q("left"), q("there")]])
    assert found == {"there": pytest.approx(2 / 3), "left": 1}


def test_pointing_asks_whether_the_peak_lies_in_a_box():
    frog, car = scenes.Thing("frog", 0, (0, 0, 32, 32)), scenes.Thing("car", 0, (64, 0, 96, 32))
    scene, attention = scenes.Scene((frog, car), ()), torch.zeros(1, 2, 36)
    asked = [[questions.Question("left", "", "frog", 1, (0,)), questions.Question("there", "", "no", None, ())]]
    attention[0, 0, 7] = 1  # row 1, column 1: in the frog's box
    assert lecture.pointing(attention, lecture.answering, asked, [scene]) == [1, 0, pytest.approx(4 / 36)]
    assert lecture.pointing(attention, lecture.named, asked, [scene])[0] == 0
    attention[0, 0, 11] = 2  # row 1, column 5: the car's
    assert lecture.pointing(attention, lecture.answering, asked, [scene])[0] == 0
    assert lecture.pointing(attention, lecture.named, asked, [scene])[0] == 1
    assert lecture.related(asked[0][0], scene) == [frog.box] and lecture.related(asked[0][1], scene) == []


def test_training_lowers_the_loss_and_the_same_seed_gives_the_same():
    torch.manual_seed(0)
    x, words, answers = torch.randn(48, 112, 6, 6), torch.randint(1, 11, (48, 2, 4)), torch.randint(5, (48, 2))

    def run():
        torch.manual_seed(1)
        encoder = lecture.Encoder(7, 6)
        network = lecture.Attentive(11, encoder.dim, 5)
        return lecture.train(encoder, network, x, words, answers, epochs=6, batch_size=16)

    losses = run()
    assert losses[-1] < losses[0] - 0.2 and run() == losses
