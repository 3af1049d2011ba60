"""Lecture 06's own definitions: attention and a transformer against torch's, glances, questions, intervals and pointing."""

import pytest
import torch
import torch.nn.functional as F

from helpers import CourseError, questions, scenes
from tests.definitions import definitions

lecture = definitions("06_visual_question_answering.ipynb")
lecture.TOWARDS = {k: k for k in ("left", "right", "above", "below")} | {"over": "above", "under": "below"}
lecture.device, lecture.GRID, lecture.PAD, lecture.EXAMPLE = torch.device("cpu"), 6, 0, "is there a frog?"
NUMBER = {word: i for i, word in enumerate(["<pad>", "is", "there", "a", "frog"])}


def networks(kind):
    torch.manual_seed(0)
    encoder = lecture.Encoder(7, 112, 6).eval()
    return encoder(torch.randn(3, 112, 6, 6)), kind(11, encoder.dim, 5).eval(), torch.randint(1, 11, (3, 4, 6))


KINDS = [lecture.Product, lecture.Attentive, lecture.Glances, lecture.Transformer]


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


def test_a_question_that_recurs_is_read_as_if_it_stood_alone():
    reader = lecture.Reader(11).eval()
    words = torch.randint(1, 11, (2, 3, 4))
    words[1, 2] = words[0, 0]
    words[0, 1, 2:] = 0
    alone = torch.stack([reader(words[i : i + 1, j : j + 1])[0, 0] for i in range(2) for j in range(3)])
    assert torch.allclose(reader(words).flatten(0, 1), alone, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_questions_of_one_scene_together_are_answered_as_each_alone(kind):
    a, network, words = networks(kind)
    together, _ = network(a, words)
    alone = torch.stack(
        [network(a[i : i + 1], words[i : i + 1, j : j + 1])[0][0, 0] for i in range(3) for j in range(4)]
    )
    assert together.shape == (3, 4, 5) and torch.allclose(together.flatten(0, 1), alone, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_both_inputs_count(kind):
    a, network, words = networks(kind)
    logits, _ = network(a, words)
    assert not torch.allclose(network(a.roll(1, 0), words)[0], logits)
    assert not torch.allclose(network(a, words.roll(1, 1))[0], logits)


def mean_and_max(*sizes):
    return lecture.Product(*sizes, pool="mean + max")


@pytest.mark.parametrize(
    ("kind", "same"),
    [(lecture.Product, True), (mean_and_max, True), (lecture.Attentive, False), (lecture.Glances, False)],
)
def test_one_vector_cannot_tell_places_apart_and_attention_can(kind, same):
    a, network, words = networks(kind)
    moved = a.clone()
    moved[..., :-12] = a[..., :-12].roll(7, 1)  # the same things in other places
    assert torch.allclose(network(moved, words)[0], network(a, words)[0], atol=1e-5) == same


@pytest.mark.parametrize("glances", [1, 3])
def test_each_glance_depends_on_what_the_one_before_found(glances):
    torch.manual_seed(0)
    a, network = torch.randn(2, 4, 64), lecture.Glances(11, 64, 5, glances=glances).eval()
    words = torch.randint(1, 11, (2, 3, 6))
    _, attention = network(a, words)
    assert attention.shape == (2, 3, glances, 4) and torch.allclose(attention.sum(3), torch.ones(2, 3, glances))
    network.query[0].weight.data *= 50  # another first glance
    _, other = network(a, words)
    assert all(not torch.allclose(attention[:, :, k], other[:, :, k], atol=1e-6) for k in range(glances))


def test_one_of_several_glances_is_attentions_glance():
    torch.manual_seed(0)
    a, words = torch.randn(2, 9, 20), torch.randint(1, 11, (2, 3, 6))
    glances, attentive = lecture.Glances(11, 20, 5, glances=1).eval(), lecture.Attentive(11, 20, 5).eval()
    for mine, theirs in (("read", "read"), ("query.0", "query"), ("key.0", "key")):
        attentive.get_submodule(theirs).load_state_dict(glances.get_submodule(mine).state_dict())
    assert torch.allclose(glances(a, words)[1][:, :, 0], attentive(a, words)[1])


def test_things_know_their_noun_and_place_and_nothing_else():
    frog, car = scenes.Thing("frog", 0, (0, 0, 32, 16)), scenes.Thing("car", 0, (64, 0, 96, 32))
    both, alone = lecture.things_of([scenes.Scene((frog, car), ()), scenes.Scene((frog,), ())])
    assert both.shape == (4, 64) and torch.equal(both[0], alone[0]) and not both[2:].any() and not alone[1:].any()
    assert both[0, :40].nonzero().tolist() == [[list(scenes.NOUNS).index("frog")]]
    assert both[0, 40:52].argmax() in (1, 2) and both[0, 52:].argmax() in (0, 1)  # x 16, y 8; centres 4, 12, 20 ...


@pytest.mark.parametrize("heads", [1, 4])
def test_the_transformers_layer_is_torchs(heads):
    """One row of tokens for each question: places first; a mask hides words from places, and padding from all."""
    torch.manual_seed(0)
    n, each, p, t, d = 2, 3, 9, 5, 16
    ours, theirs = (
        lecture.Block(d, heads, 32),
        torch.nn.TransformerEncoderLayer(d, heads, 32, 0.0, batch_first=True, norm_first=True),
    )
    parts = [getattr(ours, name) for name in ("query", "key", "value")]
    theirs.self_attn.in_proj_weight.data = torch.cat([part.weight.data for part in parts])
    theirs.self_attn.in_proj_bias.data = torch.cat([part.bias.data for part in parts])
    pairs = [(theirs.self_attn.out_proj, ours.out), (theirs.norm1, ours.norm), (theirs.norm2, ours.norm_mlp)]
    for layer, mine in [*pairs, (theirs.linear1, ours.mlp[0]), (theirs.linear2, ours.mlp[2])]:
        layer.load_state_dict(mine.state_dict())
    places, words, lengths = torch.randn(n, p, d), torch.randn(n, each, t, d), torch.tensor([[5, 3, 1], [2, 5, 4]])
    padding = torch.arange(t) >= lengths[..., None]
    seen = F.pad(~padding, (p, 0), value=True)[:, :, None, None]
    new_places, new_words, attention = ours(places, words, seen)
    row = torch.cat([places[:, None].expand(-1, each, -1, -1), words], 2).flatten(0, 1)
    hidden = torch.zeros(p + t, p + t, dtype=torch.bool)
    hidden[:p, p:] = True
    expected = theirs(row, src_mask=hidden, src_key_padding_mask=F.pad(padding, (p, 0)).flatten(0, 1)).view(
        n, each, p + t, d
    )
    assert torch.allclose(new_places[:, None].expand(-1, each, -1, -1), expected[:, :, :p], atol=1e-5)
    assert torch.allclose(new_words[~padding], expected[:, :, p:][~padding], atol=1e-5)
    assert torch.allclose(attention.sum(-1), torch.ones(n, each, heads, t)) and not attention[0, 1, ..., p + 3 :].any()


def test_the_transformer_knows_the_order_of_words_and_ignores_padding():
    a, network, words = networks(lecture.Transformer)
    padded = torch.cat([words, torch.zeros(3, 4, 5, dtype=torch.long)], 2)
    padded[0, 0, 3:] = 0
    alone = network(a[:1], words[:1, :1, :3])[0]
    assert torch.allclose(network(a, padded)[0][0, 0], alone[0, 0], atol=1e-5)
    assert not torch.allclose(network(a, words.flip(2))[0], network(a, words)[0])


def test_what_is_given_passes_as_a_single_place():
    frog, car = scenes.Thing("frog", 0, (0, 0, 32, 32)), scenes.Thing("car", 0, (64, 0, 96, 32))
    lecture.NOUNS = list(scenes.NOUNS)
    counts = lecture.counts_of([scenes.Scene((frog, car, frog), ()), scenes.Scene((car,), ())])
    assert counts[:, lecture.NOUNS.index("frog")].tolist() == [2, 0] and counts.sum(1).tolist() == [3, 1]
    assert lecture.Given(40)(counts).shape == (2, 1, 40)


def test_two_hops_lead_where_their_words_say():
    """By brute force, from the text alone: the named thing, the only thing on that side of it, the only one from there."""
    known, asked = lecture.two_hop_set(120, 0, each=6)
    words = {"over": "above", "under": "below"} | {word: word for word in ("left", "right", "above", "below")}
    assert len(known) == len(asked) > 20 and all(len(some) == 6 for some in asked)
    for scene, some in zip(known, asked, strict=True):
        for q in some:
            *_, noun = q.text.split()
            second, first = (words[word] for word in q.text.split() if word in words)
            at = [thing for thing in scene.things if thing.noun == noun]
            for direction in (first, second):
                assert len(at) == 1
                at = [t for t in scene.things if t is not at[0] and scenes.relation(t, at[0]) == direction]
            assert [t.noun for t in at] == [q.answer] and scene.things[q.looks[0]] is at[0]
            assert lecture.furthest(q, scene) in (True, False) and len({q.reference, q.via, *q.looks}) == 3


def test_the_shortcut_of_one_glance_is_right_in_about_half_of_the_scenes():
    known, asked = lecture.two_hop_set(300, 1, each=4)
    right = [lecture.furthest(q, scene) for scene, some in zip(known, asked, strict=True) for q in some]
    assert 0.5 <= sum(right) / len(right) < 0.6  # a wrong thing of the right noun counts, too


def test_both_kinds_are_asked_about_each_scene():
    known, asked = lecture.two_hop_set(60, 0)
    for some in lecture.both_kinds(known, asked, 0):
        assert [q.kind == "hop" for q in some] == [True] * 6 + [False] * 4


def test_vqas_metric_counts_an_answer_in_full_from_three_people_on():
    said = ["yes"] * 3 + ["no"] * 2 + ["maybe"]
    assert [lecture.vqa_accuracy(answer, said) for answer in ("yes", "no", "maybe", "x")] == [1, 2 / 3, 1 / 3, 0]


def test_other_wordings_are_the_same_fact():
    def q(text, answer="yes", kind="there", reference=None, looks=()):
        return questions.Question(kind, text, answer, reference, looks)

    some = [q("is there a frog"), q("do you see a frog"), q("is there a car", "no"), q("do you see a cow", "no")]
    some += [q("how many frogs are there", "one", "count")]
    assert lecture.facts_asked([some, some[:1]], "there") == 4 and lecture.facts_asked([some], "count") == 1


def test_an_interval_resamples_scenes():
    def q(kind):
        return questions.Question(kind, "", "yes", None, ())

    asked = [[q("there"), q("left")]] * 50
    right = torch.zeros(50, 2, dtype=torch.bool)
    right[:25] = True
    low, high = lecture.interval(right, asked, "there")
    assert 0.3 < low < 0.4 and 0.6 < high < 0.7  # .5 +- 2 * .071
    assert lecture.interval(right, asked, "all") == [low, high]  # two questions of one scene are no more than one
    right[:, 1] = True
    assert lecture.interval(right, asked, "left") == [1, 1]


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
        encoder = lecture.Encoder(7, 112, 6)
        network = lecture.Attentive(11, encoder.dim, 5)
        return lecture.train(encoder, network, x, words, answers, epochs=6, batch_size=16)

    losses = run()
    assert losses[-1] < losses[0] - 0.15 and run() == losses
