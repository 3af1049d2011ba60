"""Races lecture 01's own trainer against gensim's C code.

Same corpus, epochs, dimensions, window, negatives and threshold:

    python tests/benchmarks/word2vec_speed.py

Two threads or workers each, one after the other, three seeds. Prints words per second, their ratio and the benchmarks,
and keeps them in data/experiments/01_word2vec.json as the experiment `race`; the lecture shows it.
"""

import functools
import sys
import time
from pathlib import Path

import torch
from gensim.models import Word2Vec

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from data.build import experiments  # noqa: E402
from helpers.scoreboard import stored  # noqa: E402
from tests.definitions import definitions  # noqa: E402

THREADS = 2
WHAT = "the lecture's own trainer (ours) and gensim's Word2Vec, one after the other in the same process"
CELLS = ["tokenize", "vocabulary", "tricks-code", "gradient", "config", "draw-epoch", "make-batch", "adagrad-code"]
CELLS += ["train", "evaluators", "family"]


@functools.cache
def course():
    """The lecture's definitions, its sentences, and its vocabulary with counts."""
    lecture = definitions("01_word2vec.ipynb", also=("setup", "config"))
    sentences = [lecture.tokenize(line) for name in lecture.data.TEXTS for line in lecture.data.text(name)]
    return lecture, sentences, *lecture.build_vocabulary(sentences, lecture.config.min_count)


def scores(named):
    lecture, *_ = course()
    return {
        "wordsim353": lecture.rank_correlation(named, "wordsim353.tsv")[0],
        "simlex999": lecture.rank_correlation(named, "simlex999.txt")[0],
        "family_analogies": lecture.family_share(named)[0],
        "king_queen_rank": lecture.queen_rank(named),
    }


def ours(config):
    lecture, sentences, words, counts = course()
    ids, sentence = lecture.encode(sentences, words)
    start = time.perf_counter()
    W, _ = lecture.train(ids, sentence, counts, config)
    return lecture.keyed(words, W), time.perf_counter() - start


def gensims(config):
    _, sentences, words, _ = course()
    model = Word2Vec(
        vector_size=config.dim,
        window=config.window,
        negative=config.negatives,
        sample=config.sample,
        min_count=config.min_count,
        seed=config.seed,
        sg=1,
        workers=THREADS,
    )
    model.build_vocab(sentences)
    assert len(model.wv) == len(words)
    start = time.perf_counter()
    model.train(sentences, total_examples=len(sentences), epochs=config.epochs)
    return model.wv, time.perf_counter() - start


def run(seed, who=("ours", "gensim")):
    """One seed of the race: `{"ours" or "gensim": {"seconds": of training, "values": {metric: number}}}`."""
    torch.set_num_threads(THREADS)
    lecture, sentences, *_ = course()
    n, runs = sum(map(len, sentences)) * lecture.config.epochs, {}
    for name, trainer in {"ours": ours, "gensim": gensims}.items():
        if name in who:
            named, seconds = trainer(lecture.EasyDict(lecture.config, seed=seed))
            values = scores(named) | {"words_per_second": round(n / seconds)}
            print(seed, name, values, flush=True)
            runs[name] = {"seconds": round(seconds, 1), "values": values}
    return runs


if __name__ == "__main__":
    experiments.make("01_word2vec", "race", experiments.SEEDS, again=True)
    race = stored("01_word2vec", "race")
    ratio = race["ours"]["words_per_second"].mean / race["gensim"]["words_per_second"].mean
    print(f"ratio of words per second, ours / gensim: {ratio:.2f}")
    print(f"WordSim-353: ours {race['ours']['wordsim353']}, gensim {race['gensim']['wordsim353']}")
