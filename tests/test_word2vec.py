"""Lecture 01's own definitions: against brute force, autograd and gensim, on good input and bad."""

import ast

import nbformat
import pytest
import torch
import torch.nn.functional as F
from gensim.models import KeyedVectors
from gensim.models.word2vec import Word2Vec

from helpers import CourseError
from tests.definitions import NOTEBOOKS, definitions

LECTURE = NOTEBOOKS / "01_word2vec.ipynb"
lecture = definitions("01_word2vec.ipynb", also=("setup", "config"))


def settings(**changes):
    return lecture.EasyDict(lecture.config, **changes)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_pairs_agree_with_brute_force():
    words = list("abcabdaacb")
    for window in (1, 2, 5, 20):
        expected = [(a, b) for i, a in enumerate(words) for j, b in enumerate(words) if 0 < abs(i - j) <= window]
        assert sorted(lecture.skip_gram_pairs(words, window)) == sorted(expected)


def test_words_of_any_alphabet_and_composed_letters():
    assert lecture.tokenize("The cat's 9 lives, naïve!") == ["the", "cat", "s", "lives", "naïve"]
    assert lecture.tokenize("고양이는 우유를 마신다.") == ["고양이는", "우유를", "마신다"]
    apart = "\u1100\u1169"  # the two parts of 고, as macOS stores file names and some texts
    assert lecture.tokenize(apart) == lecture.tokenize("고") == ["고"]


def test_the_vocabulary_is_gensims():
    sentences = [["a", "b", "a", "c"], ["b", "a", "d"], ["b"]] * 3
    words, counts = lecture.build_vocabulary(sentences, min_count=4)
    model = Word2Vec(min_count=4)
    model.build_vocab(sentences)
    assert dict(zip(words, counts.tolist(), strict=True)) == {
        w: model.wv.get_vecattr(w, "count") for w in model.wv.index_to_key
    }
    ids, sentence = lecture.encode(sentences, words)
    assert [words[i] for i in ids[:4]] == ["a", "b", "a", "b"] and sentence[:6].tolist() == [0, 0, 0, 1, 1, 2]


def test_the_noise_is_gensims():
    model = Word2Vec(min_count=1)
    model.build_vocab([["a"] * 800 + ["b"] * 90 + ["c"] * 5])
    table = torch.tensor([0.0, *model.cum_table.tolist()]).diff()
    assert torch.allclose(
        lecture.noise_distribution(torch.tensor([800, 90, 5])).float(), table / table.sum(), atol=1e-6
    )


def test_keep_probability_by_hand():
    counts = torch.tensor([9000, 900, 90, 10])  # of 10,000 words
    expected = torch.tensor([(0.01 / 0.9) ** 0.5, (0.01 / 0.09) ** 0.5, 1.0, 1.0])
    assert torch.allclose(lecture.keep_probability(counts, 0.01), expected)


@pytest.mark.parametrize("window", [1, 3, 5])
def test_a_batch_holds_exactly_the_pairs_within_reach(window):
    """Against brute force over the drawn reach: no pair crosses a sentence, none is lost, none comes twice."""
    config = settings(window=window, block=8, drawn=4, negatives=5)
    ids, sentence = torch.arange(101), torch.arange(101) // 7
    everything = torch.ones(101)
    text, first, last = lecture.draw_epoch(ids, sentence, everything, config, generator())
    starts = torch.arange(0, len(text), 8)
    noise = lecture.noise_distribution(torch.ones(101)).cumsum(0).float()
    centres, columns, targets, weights = lecture.make_batch(starts, text, first, last, noise, config, generator(1))
    band = targets[:, :, :-4]
    found = sorted((centres[b, i].item(), columns[b, j].item()) for b, i, j in band.nonzero().tolist())
    expected = [(i, j) for i in range(101) for j in range(first[i], last[i] + 1) if i != j]
    assert found == sorted(expected)
    assert all(i // 7 == j // 7 and abs(i - j) <= window for i, j in found)
    assert torch.equal(weights[:, :, :-4], band)
    assert torch.allclose(weights[:, :, -4:].sum(2), 5 * band.sum(2))  # each true pair has its 5 negatives


def test_draw_epoch_keeps_words_as_often_as_it_should():
    keep = torch.tensor([0.1, 1.0])
    ids = torch.arange(20_000) % 2
    text, first, last = lecture.draw_epoch(ids, torch.zeros_like(ids), keep, settings(), generator())
    real = last >= 0
    assert (text[real] == 1).sum() == 10_000 and 900 < (text[real] == 0).sum() < 1100
    assert len(text) % lecture.config.block == 0


def test_gradient_agrees_with_autograd():
    u, v = (torch.randn(3, n, 7, dtype=torch.float64, requires_grad=True) for n in (4, 6))
    targets, weights = torch.randint(0, 2, (3, 4, 6)).double(), torch.rand(3, 4, 6, dtype=torch.float64)
    loss = F.binary_cross_entropy_with_logits(u @ v.mT, targets, weights, reduction="sum")
    for by_hand, by_autograd in zip(
        lecture.gradient(u, v, targets, weights), torch.autograd.grad(loss, (u, v)), strict=False
    ):
        assert torch.allclose(by_hand, by_autograd, atol=1e-12)


def test_adagrad_agrees_with_torch_where_rows_have_one_number():
    """With d = 1 a row is one number, and row-wise Adagrad is torch.optim.Adagrad."""
    table, squares = torch.randn(5, 1), torch.full((5,), 1e-6)
    parameter = table.clone().requires_grad_()
    optimizer = torch.optim.Adagrad([parameter], lr=0.3, initial_accumulator_value=1e-6, eps=0)
    for step in range(4):
        gradient = torch.randn(5, 1, generator=generator(step))
        lecture.adagrad_(table, squares, torch.arange(5), gradient, lr=0.3)
        parameter.grad = gradient
        optimizer.step()
    assert torch.allclose(table, parameter.detach(), atol=1e-6)


def test_adagrad_adds_up_a_row_that_comes_twice():
    """Row 2 comes twice: its two mean squares are summed first, then both steps use the sum."""
    table, squares, gradient = torch.zeros(3, 4), torch.full((3,), 0.5), torch.randn(3, 4, generator=generator())
    lecture.adagrad_(table, squares, torch.tensor([2, 0, 2]), gradient, lr=0.1)
    mean_squares = gradient.square().mean(1)
    assert torch.allclose(
        squares, 0.5 + torch.stack([mean_squares[1], torch.tensor(0.0), mean_squares[0] + mean_squares[2]])
    )
    assert torch.allclose(table[2], -0.1 * (gradient[0] + gradient[2]) / squares[2].sqrt())
    assert torch.allclose(table[0], -0.1 * gradient[1] / squares[0].sqrt()) and not table[1].any()


def toy_corpus(times=150):
    sentences = []
    for animal, food in (("cat", "milk"), ("kitten", "milk"), ("dog", "bone"), ("puppy", "bone")):
        sentences += [[animal, "likes", food], [animal, "eats", food]]
    words, counts = lecture.build_vocabulary(sentences * times)
    return words, counts, *lecture.encode(sentences * times, words)


def test_training_learns_and_is_reproducible():
    words, counts, ids, sentence = toy_corpus()
    config = settings(dim=8, epochs=6, sample=1.0, blocks_per_batch=4)
    W, W_prime = lecture.train(ids, sentence, counts, config)
    assert W.shape == W_prime.shape == (len(words), 8) and W.isfinite().all()
    assert (
        lecture.nearest("kitten", words, W, 1)[0][0] == "cat" and lecture.nearest("dog", words, W, 1)[0][0] == "puppy"
    )
    assert torch.equal(W, lecture.train(ids, sentence, counts, config)[0])
    assert not torch.equal(W, lecture.train(ids, sentence, counts, settings(**config | {"seed": 1}))[0])


def test_nearest_and_analogy_agree_with_gensim():
    words, vectors = [f"w{i}" for i in range(40)], torch.randn(40, 6, generator=generator())
    named = KeyedVectors(6)
    named.add_vectors(words, vectors.numpy())
    for i in range(0, 37, 5):
        ours = [w for w, _ in lecture.nearest(words[i], words, vectors, 5)]
        assert ours == [w for w, _ in named.most_similar(words[i], topn=5)]
        a, b, c = words[i : i + 3]
        assert lecture.analogy(a, b, c, words, vectors, 5) == [w for w, _ in named.most_similar([b, c], [a], topn=5)]


def counted_by_force(ids, sentence, n_words, window):
    n = torch.zeros(n_words, n_words, dtype=torch.float64)
    for i in range(len(ids)):
        for j in range(len(ids)):
            if i != j and abs(i - j) <= window and sentence[i] == sentence[j]:
                n[ids[i], ids[j]] += (window + 1 - abs(i - j)) / window
    return n


def test_the_count_baseline_agrees_with_brute_force():
    ids, sentence = torch.randint(0, 6, (300,), generator=generator()), torch.arange(300) // 11
    expected = counted_by_force(ids, sentence, 6, window=2)
    n = lecture.cooccurrence(ids, sentence, 6, window=2)
    assert torch.allclose(torch.from_numpy(n.toarray()).double(), expected, atol=1e-4)
    noise = lecture.noise_distribution(torch.arange(1, 7))
    shifted = (expected / (expected.sum(1)[:, None] * noise)).log() - torch.tensor(2.0).log()
    pmi = lecture.shifted_pmi(n, noise.numpy(), 2)
    assert torch.allclose(torch.from_numpy(pmi).double(), shifted[n.row, n.col], atol=1e-5)
    left, sigma, _ = torch.linalg.svd(shifted.clamp(min=0))
    vectors = left[:, :3] * sigma[:3].sqrt()
    ours = lecture.count_vectors(n, pmi, dim=3).double()
    assert torch.allclose(ours @ ours.T, vectors @ vectors.T, atol=1e-4)  # the same space, whatever the signs


def test_the_expected_counts_are_those_of_drawn_windows():
    """A pair's weight is the share of draws whose reach holds it."""
    ids, sentence = torch.arange(30), torch.arange(30) // 10
    found, noise = torch.zeros(30, 30), torch.full((30,), 1 / 30).cumsum(0)
    for seed in range(300):
        text = lecture.draw_epoch(ids, sentence, torch.ones(30), settings(block=30), generator(seed))
        columns, targets = lecture.make_batch(torch.tensor([0]), *text, noise, settings(block=30), generator())[1:3]
        found += targets[0, :, 5:35] / 300
        assert torch.equal(columns[0, 5:35], ids)
    expected = torch.from_numpy(lecture.cooccurrence(ids, sentence, 30).toarray())
    assert (found - expected).abs().max() < 0.12 and (found - expected).abs().mean() < 0.01


def test_enough_training_gives_pmi_minus_log_k():
    """Levy and Goldberg's identity, where the vectors have as many numbers as there are words."""
    words, counts, ids, sentence = toy_corpus()
    config = settings(dim=len(words), epochs=60, sample=1e9, blocks_per_batch=4, lr=0.1)
    W, W_prime = lecture.train(ids, sentence, counts, config)
    n = lecture.cooccurrence(ids, sentence, len(words))
    expected = torch.from_numpy(lecture.shifted_pmi(n, lecture.noise_distribution(counts).numpy(), config.negatives))
    learned = (W[n.row] * W_prime[n.col]).sum(1)
    assert torch.corrcoef(torch.stack([learned, expected.float()]))[0, 1] > 0.9


def words_of_a_text():
    words, counts, ids, sentence = toy_corpus(9)
    return words, torch.randn(len(words), 4)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: lecture.build_vocabulary([]), "corpus is empty"),
        (lambda: lecture.build_vocabulary([[], []]), "corpus is empty"),
        (lambda: lecture.build_vocabulary([["word"] * 9]), "one word has no neighbour"),
        (lambda: lecture.build_vocabulary([["all", "words", "are", "rare"]]), "smaller min_count"),
        (lambda: lecture.skip_gram_pairs(["a", "b"], 0), "window is 0"),
        (lambda: lecture.train(*toy_corpus()[2:], toy_corpus()[1], settings(window=0)), "window is 0"),
        (
            lambda: lecture.train(*toy_corpus()[2:], toy_corpus()[1], settings(lr=1e38, epochs=2)),
            "smaller learning rate",
        ),
        (lambda: lecture.nearest("wug", *words_of_a_text()), "'wug' is not in the vocabulary"),
        (lambda: lecture.analogy("cat", "wug", "dog", *words_of_a_text()), "'wug' is not in the vocabulary"),
    ],
)
def test_bad_input_gets_one_clear_line(call, says):
    with pytest.raises(CourseError) as caught:
        call()
    message = str(caught.value)
    assert says in message and "\n" not in message and len(message) < 200


def test_one_line_of_text_is_enough_to_run():
    """A text shorter than a block still trains."""
    words, counts = lecture.build_vocabulary([["a", "b"] * 6])
    W, _ = lecture.train(*lecture.encode([["a", "b"] * 6], words), counts, settings(epochs=1))
    assert W.isfinite().all()


def test_the_trainer_is_at_most_80_lines():
    names = "keep_probability noise_distribution gradient negative_sampling_loss draw_epoch make_batch adagrad_ train"
    source = "\n".join(c.source for c in nbformat.read(LECTURE, as_version=4).cells if c.cell_type == "code")
    functions = [n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef) and n.name in names.split()]
    lines = [line for n in functions for line in ast.get_source_segment(source, n).splitlines() if line.strip()]
    assert len(functions) == 8 and len(lines) <= 80
