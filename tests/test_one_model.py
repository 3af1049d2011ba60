"""Lecture 12's own texts, packing, mask, model, training and answers, on small material made of real scenes."""

import ast
import collections
import json
import os
import random
import subprocess
import sys

import nbformat
import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from helpers import CourseError, questions, scenes
from tests.definitions import NOTEBOOKS, definitions
from tests.test_questions import evaluated

lecture = definitions("12_one_model.ipynb", also=("setup", "recordings", "clips", "tasks", "tagger"))
SEEN, HEARD = 12, 256  # numbers of a place, here; of a patch
SOUNDING = list(lecture.number_of)
_, SCENES = scenes.compose(40, seed=3, things=(1, 2, 3, 4))
_, MANY = scenes.compose(150, seed=4, things=(1, 2, 3, 4))


@pytest.fixture(autouse=True)
def float32(monkeypatch):
    monkeypatch.setenv("COURSE_COMPUTE", "float32")
    lecture.device = torch.device("cpu")


@pytest.fixture
def material(monkeypatch):
    """What the lecture has at hand when it trains: scenes, all that is asked about them, features and clips."""
    asked = questions.ask(SCENES, 5, each=10)
    vocabulary = lecture.words_of(SCENES, asked)
    written = lecture.Texts(vocabulary)
    menu = lecture.menu_of(SCENES, asked, written)
    draw = torch.Generator().manual_seed(1)
    made = {
        "menu": menu,
        "texts": written.tensors(),
        "places": torch.randn(len(SCENES), 36, SEEN, generator=draw),
        "vocabulary": vocabulary,
        "pool": torch.randn(len(lecture.known_names), 3, 15, HEARD, generator=draw),
    }
    for name, value in made.items():
        monkeypatch.setattr(lecture, name, value, raising=False)
    return lecture.EasyDict(made, written=written, asked=asked)


def tiny(material, **sizes):
    torch.manual_seed(0)
    network = lecture.OneModel(len(material.vocabulary), SEEN, **({"width": 32, "layers": 2, "heads": 2} | sizes))
    with torch.no_grad():
        for weight in network.parameters():  # so that everything has an influence that can be seen
            weight.add_(0.2 * torch.randn(weight.shape))
    return network.double().eval()


def batch_of(rows=3, texts=6, seed=0):
    config = lecture.EasyDict(batch_size=rows, texts=texts)
    batch = lecture.batch_of(random.Random(seed), config)
    return [part.double() if part.is_floating_point() else part for part in batch]


def logits_of(network, batch):
    with torch.no_grad():
        return network(*batch[:6])


# texts and tasks


def test_a_text_is_prompt_answer_and_end(material):
    written = material.written
    row = written.row("what do you hear", "duck" if "duck" in written.number else SOUNDING[0])
    caption = written.row("", SCENES[0].captions[0])
    assert written.row("", SCENES[0].captions[0]) == caption, "each text is kept once"
    words, prompt, length = written.tensors()
    said = [written.vocabulary[w] for w in words[row, : length[row]].tolist()]
    assert said[:1] + said[5:6] + said[-1:] == ["<ask>", "<answer>", "<end>"] and prompt[row] == 6
    assert prompt[caption] == 1 and length[caption] == 2 + len(SCENES[0].captions[0].split())
    with pytest.raises(CourseError, match="no word 'qqxz'"):
        written.encode("what is qqxz")


def test_a_place_is_one_word_and_holds_the_things_centre():
    near, things = 0, [thing for scene in MANY for thing in scene.things]
    for thing in things:
        number = int(lecture.place_word(thing).removeprefix("<place ").removesuffix(">"))
        left, top = (16 * side for side in (number % 6, number // 6))
        x, y = thing.centre
        assert left <= x < left + 16 and top <= y < top + 16, thing
        x1, y1, x2, y2 = thing.box
        assert x1 < left + 16 and left < x2 and y1 < top + 16 and top < y2, "the place overlaps the thing's box"
        near += x1 <= left + 8 < x2 and y1 <= top + 8 < y2
    assert near / len(things) > 0.9, "the place's own centre lies in the box of all but the thinnest"


def test_what_lies_beside_is_what_the_questions_say():
    """By helpers.questions' own facts, and by the second evaluator, which reads boxes alone."""
    said = collections.Counter()
    for scene in MANY:
        facts = questions.facts(scene.things)
        for i, thing in enumerate(scene.things):
            for kind in ("left", "above"):
                for how, noun in lecture.beside(scene, i, kind):
                    assert (f"{how} the {thing.noun}", i) in [fact[:2] for fact in facts[kind, "beside"][noun]]
                    assert evaluated(f"what is {how} the {thing.noun}", scene) == noun
                    said[kind] += 1
                    said[how] += 1
    assert min(said["left"], said["above"]) > 100 and len(said) >= 6


def test_what_can_sound_stands_in_the_picture_once():
    for scene in MANY:
        nouns = [thing.noun for thing in scene.things]
        for i in lecture.sounding(scene):
            assert nouns.count(nouns[i]) == 1 and nouns[i] in SOUNDING


def test_what_is_asked_about_a_scene_is_true_of_it(material):
    found = list(material.written.found)
    for scene, dish in zip(SCENES, material.menu, strict=True):
        nouns = [thing.noun for thing in scene.things]
        assert [found[row] for row in dish.captions] == [("", caption) for caption in scene.captions]
        assert all(evaluated(*(found[row][0], scene)) == found[row][1] for row in dish.questions)
        assert set(dish.present) <= set(nouns) and not set(dish.absent) & set(nouns)
        for noun, heard in dish.present.items():
            thing = scene.things[nouns.index(noun)]
            assert found[heard.where] == (lecture.WHERE, lecture.place_word(thing))
            assert [found[row] for row in heard.known] == [(lecture.HEAR, noun), (lecture.PRESENT, "yes")]
            for row in heard.steps:
                prompt, answer = found[row]
                assert evaluated(prompt.replace("what you hear", f"the {noun}"), scene) == answer
                assert "above" not in prompt and "below" not in prompt, "this composition is never trained"
        for noun, rows in dish.absent.items():
            assert [found[row] for row in rows] == [(lecture.HEAR, noun), (lecture.PRESENT, "no")]


def test_a_serving_has_the_texts_of_what_sounds(material):
    rng, silent, absent = random.Random(0), 0, 0
    for _ in range(20):
        for dish in material.menu:
            noun, rows = lecture.serving(dish, rng, 6)
            assert len(rows) == 6
            heard = {row for some in dish.present.values() for row in (some.where, *some.known, *some.steps)}
            heard |= {row for some in dish.absent.values() for row in some}
            if noun is None:
                silent += 1
                assert not heard & set(rows)
            elif noun in dish.present:
                assert dish.present[noun].where in rows and set(dish.present[noun].known) & set(rows)
            else:
                absent += 1
                assert set(dish.absent[noun]) <= set(rows)
    assert 50 < silent < 400 and 20 < absent < 300


# packing and the mask


def test_packed_texts_are_the_texts_without_their_padding(material):
    words, prompt, length = material.texts
    rng = random.Random(1)
    rows = torch.tensor([[rng.randrange(len(words)) for _ in range(5)] for _ in range(7)])
    tokens, targets, at, number = lecture.pack(rows, material.texts)
    for i, some in enumerate(rows.tolist()):
        place = 0
        for k, row in enumerate(some):
            n = length[row].item() - 1
            here = slice(place, place + n)
            assert torch.equal(tokens[i, here], words[row, :n]) and torch.equal(at[i, here], torch.arange(n))
            assert (number[i, here] == k).all()
            expected = [words[row, j + 1].item() if j + 1 >= prompt[row] else -1 for j in range(n)]
            assert targets[i, here].tolist() == expected
            place += n
        assert (number[i, place:] == -1).all() and (targets[i, place:] == -1).all()
    assert tokens.shape[1] == max((length[rows] - 1).sum(1)), "the longest row has no padding"
    assert (targets >= 0).sum() == (length[rows] - prompt[rows]).sum(), "each word of an answer is asked for once"


def test_the_mask_pair_by_pair():
    number, prefix = torch.tensor([[0, 0, 1, 1, 1, -1], [0, 1, 2, 2, -1, -1]]), 3
    mask = lecture.mask_of(number, prefix)
    for i in range(2):
        for row in range(9):
            for column in range(9):
                own = column >= prefix and row >= column and number[i, row - 3] == number[i, column - 3]
                if row < prefix or number[i, row - 3] >= 0:
                    assert mask[i, row, column] == (column < prefix or own), (i, row, column)
    assert mask.dtype == torch.bool and mask.any(-1).all()


def test_a_later_word_influences_no_earlier_one_and_one_text_no_other(material):
    network, batch = tiny(material), batch_of(rows=2)
    before, number = logits_of(network, batch), batch[5]
    for row, word in ((0, 4), (1, 9), (0, int((number[0] >= 0).sum()) - 1)):
        changed = [part.clone() for part in batch]
        changed[3][row, word] = (changed[3][row, word] + 7) % len(material.vocabulary)
        moved = (logits_of(network, changed) - before).abs().amax(2) > 1e-9
        at = torch.arange(number.shape[1])
        allowed = (number[row] == number[row, word]) & (at >= word)
        assert torch.equal(moved[row], allowed) and not moved[1 - row].any()


def test_the_prefix_sees_no_text_and_the_texts_see_the_whole_prefix(material):
    network, batch = tiny(material), batch_of(rows=2)
    places, sound, heard, tokens, at, number = batch[:6]
    states = []
    for words in (tokens, (tokens + 5) % len(material.vocabulary)):
        given = network.embed(words) + network.position[network.prefix + at]
        x = torch.cat([network.read(places, sound, heard), given], 1)
        for block in network.blocks:
            x, _ = block(x, lecture.mask_of(number, network.prefix))
        states.append(x[:, : network.prefix])
    assert torch.allclose(*states, atol=1e-12)
    before, real = logits_of(network, batch), number >= 0
    for place in (0, 35):
        changed = [part.clone() for part in batch]
        changed[0][:, place] += 3
        assert ((logits_of(network, changed) - before).abs().amax(2) > 1e-9)[real].all()
    changed = [part.clone() for part in batch]
    changed[1][:, -1] += 3  # the last patch of the sound
    moved = ((logits_of(network, changed) - before).abs().amax(2) > 1e-9)[real]
    assert torch.equal(moved, heard[:, None].expand_as(real)[real]), "and where there is none, it isn't read"


def test_packed_texts_get_the_logits_of_single_texts(material):
    network = tiny(material)
    rng = random.Random(2)
    rows = torch.tensor([[rng.randrange(len(material.texts[0])) for _ in range(4)] for _ in range(3)])
    prefix = (material.places[:3].double(), material.pool[:3, 0].double(), torch.tensor([True, False, True]))
    tokens, _, at, number = lecture.pack(rows, material.texts)
    packed = logits_of(network, [*prefix, tokens, at, number])
    for k in range(rows.shape[1]):
        tokens, _, at, own = lecture.pack(rows[:, [k]], material.texts)
        alone = logits_of(network, [*prefix, tokens, at, own])
        for i in range(len(rows)):
            mine = packed[i, number[i] == k]
            assert torch.allclose(mine, alone[i, : len(mine)], atol=1e-9)


# the model


def test_words_one_by_one_with_kept_keys_and_values_get_the_same_logits(material):
    network, rows = tiny(material), torch.tensor([[0], [3], [5]])
    prefix = (material.places[:3].double(), material.pool[:3, 0].double(), torch.tensor([True, False, True]))
    tokens, _, at, number = lecture.pack(rows, material.texts)
    whole = logits_of(network, [*prefix, tokens, at, number])
    with torch.no_grad():
        x, kept = network.read(*prefix), []
        for block in network.blocks:
            x, past = block(x)
            kept.append(past)
        for k in range(tokens.shape[1]):
            x = network.embed(tokens[:, [k]]) + network.position[network.prefix + at[:, [k]]]
            for i, block in enumerate(network.blocks):
                x, kept[i] = block(x, None, kept[i])
            inside = number[:, k] >= 0
            assert torch.allclose(network.logits(x)[inside, 0], whole[inside, k], atol=1e-9)


def test_a_block_is_attention_and_a_small_network_both_added():
    torch.manual_seed(0)
    block, x = lecture.Block(12, 3).double(), torch.randn(2, 5, 12, dtype=torch.float64)
    mask = torch.ones(2, 5, 5, dtype=torch.bool).tril()
    q, k, v = block.qkv(block.norm(x)).chunk(3, 2)
    heads = []
    for h in range(3):
        own = slice(4 * h, 4 * h + 4)
        scores = (q[..., own] @ k[..., own].mT / 2).masked_fill(~mask, -torch.inf)
        heads.append(scores.softmax(-1) @ v[..., own])
    middle = x + block.out(torch.cat(heads, 2))
    got, (keys, values) = block(x, mask)
    assert torch.allclose(got, middle + block.think(middle)) and keys.shape == values.shape == (2, 3, 5, 4)


def test_the_tagger_keeps_the_features_and_adds_a_tag_for_each_noun():
    tagger, x = lecture.Tagger(6, 8), torch.randn(2, 36, 6)
    out = tagger(x)
    assert out.shape == (2, 36, 6 + len(scenes.NOUNS)) and torch.equal(out[..., :6], x)
    assert (out[..., 6:] >= 0).all() and (out[..., 6:] < 1).all(), "at first, nothing is anywhere"


# the loss and the training


def test_the_loss_is_a_mean_over_the_words_of_answers(material):
    network, batch = tiny(material), batch_of(rows=4)
    logits, targets = logits_of(network, batch), batch[6]
    found = [
        -logits[i, j].log_softmax(0)[targets[i, j]].item()
        for i in range(4)
        for j in range(targets.shape[1])
        if targets[i, j] >= 0
    ]
    assert lecture.loss_of(network, batch).item() == pytest.approx(sum(found) / len(found), rel=1e-4)


def test_prompts_and_padding_change_nothing_in_the_loss(material):
    batch = batch_of(rows=4)
    logits, targets = logits_of(tiny(material), batch).float(), batch[6]

    def loss(logits, targets):
        given = [*batch[:3], *(part for part in batch[3:6]), targets]
        return lecture.loss_of(lambda *_: logits, given)

    logits.requires_grad_()
    mine = loss(logits, targets)
    (gradient,) = torch.autograd.grad(mine, logits)
    assert not gradient[targets < 0].any() and gradient[targets >= 0].any(1).all()
    other = logits.detach().clone()
    other[targets < 0] = 9 * torch.randn_like(other[targets < 0])
    padded = torch.cat([other, torch.randn_like(other)], 1)
    more = torch.cat([targets, torch.full_like(targets, -1)], 1)
    assert torch.allclose(loss(other, targets), mine) and torch.allclose(loss(padded, more), mine)


def config_of(**others):
    sizes = {"batch_size": 4, "texts": 5, "width": 16, "layers": 2, "heads": 2, "lr": 0.01, "steps": 12, "round": 3}
    return lecture.EasyDict(sizes | others)


def weights(network):
    return torch.cat([w.detach().flatten().clone() for w in network.parameters()])


def test_a_batch_is_drawn_by_its_own_generator(material):
    config = config_of()
    first, again, other = (lecture.batch_of(random.Random(seed), config) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])


def test_the_rate_rises_and_falls():
    config = config_of(steps=1000)
    rates = [lecture.rate(step, config) for step in range(1000)]
    assert rates[0] == pytest.approx(0.01 / 60) and max(rates) == pytest.approx(0.01, rel=0.02)
    assert rates[-1] == pytest.approx(0.0002, rel=0.02) and rates[60:] == sorted(rates[60:], reverse=True)


def test_training_goes_on_from_where_it_stood(material, capsys):
    config, size = config_of(), (len(material.vocabulary), SEEN)
    whole = lecture.begin(config, *size)
    losses = lecture.train(whole, config)
    parts = lecture.begin(config, *size)
    halves = [lecture.train(parts, config, until=6), lecture.train(parts, config)]
    assert len(losses) == 12 and parts.step == 12 and capsys.readouterr().out.count("epoch") == 8
    assert torch.equal(losses, torch.cat(halves)) and torch.equal(weights(whole.network), weights(parts.network))


def test_it_learns_a_few_scenes_by_heart(material, monkeypatch):
    monkeypatch.setattr(lecture, "menu", material.menu[:2])
    config = config_of(steps=60, round=30, width=32)
    losses = lecture.train(lecture.begin(config, len(material.vocabulary), SEEN), config)
    assert losses[-5:].mean() < 0.5 * losses[:5].mean()


# the test and its answers


@pytest.fixture
def items(material):
    clips_of = {noun: [2 * k for k in own] for noun, own in lecture.number_of.items()}
    return lecture.items_of(SCENES, material.asked, clips_of, random.Random(3))


def clips_by_number(material):
    return material.pool[:, :2].flatten(0, 1)


def test_the_items_are_true(items):
    kinds = {"questions", "sound_named", "sound_pointed", "sound_present", "two_step", "two_step_unseen_composition"}
    assert set(items) == kinds
    noun_of = {2 * k: noun for noun, own in lecture.number_of.items() for k in own}
    for task, some in items.items():
        assert len(some) > 10
        for item in some:
            scene = SCENES[item.scene]
            heard = noun_of.get(item.sound)
            (thing, *more) = [t for t in scene.things if t.noun == heard] or [None]
            assert not more and (item.sound is None) == (task == "questions")
            if task == "questions":
                assert evaluated(item.prompt, scene) == item.answer
            elif task == "sound_present":
                assert item.answer == ("yes" if thing else "no")
            elif task == "sound_named":
                assert item.answer == heard
            elif task == "sound_pointed":
                assert item.answer == lecture.place_word(thing)
                for word in item.right:
                    k = int(word[7:-1])
                    x, y = 16 * (k % 6) + 8, 16 * (k // 6) + 8
                    assert thing.box[0] <= x < thing.box[2] and thing.box[1] <= y < thing.box[3]
            else:
                assert evaluated(item.prompt.replace("what you hear", f"the {heard}"), scene) == item.answer
                unseen = (
                    "above" in item.prompt or "below" in item.prompt or "over" in item.prompt or "under" in item.prompt
                )
                assert unseen == (task == "two_step_unseen_composition")


def test_answers_and_losses_are_those_of_each_item_alone(material, items):
    network, clips = tiny(material).float(), clips_by_number(material)
    some = [item for those in items.values() for item in those[:6]]
    random.Random(0).shuffle(some)
    said, losses = (
        lecture.answers_of(network, material.places, clips, some),
        lecture.losses_of(network, material.places, clips, some),
    )
    assert len(set(said)) > 1
    for k, item in enumerate(some):
        assert lecture.answers_of(network, material.places, clips, [item]) == [said[k]]
        assert torch.allclose(lecture.losses_of(network, material.places, clips, [item])[0], losses[k], atol=1e-4)
        (((*given, targets), _),) = lecture.batches_of([item], material.places, clips, answers=True)
        assert lecture.loss_of(network, [*given, targets]).item() == pytest.approx(losses[k].item(), abs=1e-4)


def test_what_is_written_with_the_cache_is_what_is_written_without(material):
    found = set()
    for seed in range(3):
        torch.manual_seed(seed)
        network = tiny(material).float()
        with torch.no_grad():
            network.embed.weight[lecture.vocabulary.index("<end>")] *= 1.5 + seed  # so that some end early
        captions = lecture.say(network, material.places)
        assert captions == lecture.say_slowly(network, material.places)
        assert captions[5:6] == lecture.say(network, material.places[5:6]), "the same in any company"
        assert not any("<end>" in caption for caption in captions)
        found |= {len(caption.split()) for caption in captions}
    asked = lecture.say(network, material.places, material.pool[: len(SCENES), 0], lecture.HEAR)
    assert asked != captions and len(found) > 1


# LoRA


def changed(network, size=0.1):
    """An adapted network whose change isn't zero."""
    made = lecture.adapted(network, rank=3)
    with torch.no_grad():
        for module in made.modules():
            if isinstance(module, lecture.LoRA):
                module.up.normal_(std=size)
    return made


def test_an_adapted_network_begins_as_the_old_one_and_learns_little(material):
    network, batch = tiny(material).float(), [part.float() if part.is_floating_point() else part for part in batch_of()]
    made = lecture.adapted(network, rank=3)
    assert torch.allclose(logits_of(made, batch), logits_of(network, batch), atol=1e-6)
    learned = {name for name, weight in made.named_parameters() if weight.requires_grad}
    assert learned == {
        f"blocks.{k}.{layer}.{part}" for k in (0, 1) for layer in ("qkv", "out") for part in ("up", "down")
    }
    assert all(weight.requires_grad for weight in network.parameters()), "the old network is as it was"
    assert not torch.allclose(logits_of(changed(network), batch), logits_of(network, batch), atol=1e-3)


def test_merged_it_computes_the_same_with_no_weight_more(material):
    network, batch = tiny(material).float(), [part.float() if part.is_floating_point() else part for part in batch_of()]
    made = changed(network)
    expected = logits_of(made, batch)
    for block in made.blocks:
        before = block.qkv.linear.weight.clone()
        block.qkv, kept, block.out = block.qkv.merged(), block.qkv, block.out.merged()
        assert type(block.qkv) is nn.Linear and torch.equal(before, kept.linear.weight)
    assert torch.allclose(logits_of(made, batch), expected, atol=1e-4)
    assert [w.shape for w in made.parameters()] == [w.shape for w in network.parameters()]


def test_teaching_moves_the_change_alone_and_lowers_the_loss(material, capsys):
    network = tiny(material).float()
    before, made = weights(network), lecture.adapted(network)
    tasks = {"which thing is the largest": lambda scene: lecture.winner(scene, lecture.areas(scene))}
    lecture.teach(made, tasks, SCENES, material.places, steps=30, batch_size=8, lr=0.02)
    frozen = [weight for name, weight in made.named_parameters() if name.rsplit(".", 1)[-1] not in ("up", "down")]
    assert torch.equal(torch.cat([weight.flatten() for weight in frozen]), before)
    losses = [float(line.split("loss")[1].split()[0]) for line in capsys.readouterr().out.splitlines()]
    assert losses[-1] < losses[0]


def test_the_winner_wins_clearly():
    for scene in MANY:
        noun, areas = lecture.winner(scene, lecture.areas(scene)), sorted(lecture.areas(scene))
        if noun is None:
            assert len(areas) == 1 or areas[-1] <= 1.2 * areas[-2]
        else:
            assert areas[-1] > 1.2 * areas[-2] and scene.things[lecture.areas(scene).index(areas[-1])].noun == noun


# several processes


@pytest.fixture
def alone():
    """This process as the only one of its group."""
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.parametrize("accumulate", [1, 2, 4])
def test_a_parallel_step_in_portions_is_the_step(material, alone, accumulate):
    config, size = config_of(), (len(material.vocabulary), SEEN)
    one, other = lecture.begin(config, *size), lecture.begin(config, *size)
    network = DistributedDataParallel(other.network)
    for seed in range(3):
        batch = lecture.batch_of(random.Random(seed), config)
        loss = lecture.train_step(one.network, one.optimizer, batch)
        again = lecture.parallel_step(network, other.optimizer, batch, accumulate)
        assert again == pytest.approx(loss.item(), abs=1e-4)
    assert torch.allclose(weights(one.network), weights(other.network), atol=2e-3)


def test_a_checkpoint_brings_everything_back(material, alone, tmp_path):
    config, size = config_of(), (len(material.vocabulary), SEEN)

    def go(state, steps):
        network = DistributedDataParallel(state.network)
        batches = [lecture.batch_of(state.rng, config) for _ in range(steps)]
        return [lecture.parallel_step(network, state.optimizer, batch) for batch in batches]

    first = lecture.begin(config, *size)
    before = go(first, 3)
    first.step = 3
    lecture.save_checkpoint(tmp_path, first, before)
    after = go(first, 3)
    second = lecture.begin(config, *size)
    assert lecture.load_checkpoint(tmp_path, second) == before and second.step == 3
    assert go(second, 3) == after and torch.equal(weights(first.network), weights(second.network))
    assert (tmp_path / "newest").read_text() == "step_000003"


def test_a_batch_that_does_not_divide_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(CourseError, match="divide evenly"):
        lecture.options_of(["--batch_size", "16"])
    assert lecture.options_of(["--batch_size", "12", "--accumulate", "2"]).steps == 360


SIZES = "--steps 6 --batch_size 8 --every 2 --scenes 24 --clips 1 --width 32 --layers 2 --heads 2 --lr 0.01".split()
KILLED = """import importlib.util, os, signal, sys
spec = importlib.util.spec_from_file_location("train", sys.argv.pop(1))
train = importlib.util.module_from_spec(spec)
spec.loader.exec_module(train)
draw, drawn = train.batch_of, []
def batch_of(rng, config):
    drawn.append(1)
    if len(drawn) == 4 and train.dist.get_rank() == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return draw(rng, config)
train.batch_of = batch_of
train.main()
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """`losses(name, processes, *options)`: the losses that the exported program writes, and how it ended."""
    folder = tmp_path_factory.mktemp("train")
    cells = {cell.id: cell.source for cell in nbformat.read(NOTEBOOKS / "12_one_model.ipynb", 4).cells}
    tree = ast.parse(cells["export"])
    (names,) = [node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "EXPORTED"]
    lecture.EXPORTED = eval(compile(ast.Expression(names), "EXPORTED", "eval"))
    path = lecture.export(folder / "train.py")
    (folder / "killed.py").write_text(KILLED, encoding="utf-8")
    environment = os.environ | {"OMP_NUM_THREADS": "1", "COURSE_COMPUTE": "float32"}

    def losses(name, processes, *options, killed=False):
        command = [sys.executable]
        if processes > 1:
            command += ["-m", "torch.distributed.run", "--standalone", "--local-addr", "127.0.0.1"]
            command += ["--nproc-per-node", str(processes)]
        command += [str(folder / "killed.py"), str(path)] if killed else [str(path)]
        file = folder / f"{name}.json"
        command += [*SIZES, "--losses", str(file), *options]
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=900, check=False
        )
        assert (done.returncode != 0) == killed, done.stderr[-3000:]
        return json.loads(file.read_text()) if file.exists() else None

    losses.folder = folder
    return losses


def test_two_processes_with_half_the_batch_each_give_the_losses_of_one(program):
    one, two = program("one", 1), program("two", 2)
    assert len(one) == 6 and one[-1] < one[0]
    assert two == pytest.approx(one, abs=1e-4)


@pytest.mark.slow  # three programs of two processes each
def test_a_killed_worker_and_a_resume_give_the_uninterrupted_losses(program):
    checkpoint = "--checkpoint", str(program.folder / "kept")
    assert program("killed", 2, *checkpoint, killed=True) is None
    assert (program.folder / "kept/newest").read_text() == "step_000002"
    resumed = program("resumed", 2, *checkpoint, "--resume")
    file = program.folder / "two.json"
    two = json.loads(file.read_text()) if file.exists() else program("two", 2)
    assert resumed == pytest.approx(two, abs=1e-6)
