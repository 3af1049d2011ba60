"""Races lecture 01's own trainer against gensim's C code.

Same corpus, epochs, dimensions, window, negatives and threshold:

    python tests/benchmarks/word2vec_speed.py

Two threads or workers each, one after the other, three seeds. Prints words a second, the ratio and the benchmarks, and
leaves them in word2vec_speed.json beside this file; the lecture shows that record.
"""

import json
import os
import sys
import time
from pathlib import Path

import torch
from gensim.models import Word2Vec

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.definitions import definitions  # noqa: E402

THREADS, SEEDS = 2, (0, 1, 2)
lecture = definitions("01_word2vec.ipynb", also=("setup", "config"))


def scores(named):
    return {
        "wordsim353": lecture.rank_correlation(named, "wordsim353.tsv")[0],
        "simlex999": lecture.rank_correlation(named, "simlex999.txt")[0],
        "family_analogies": lecture.family_share(named)[0],
        "king_queen_rank": lecture.queen_rank(named),
    }


def ours(sentences, words, counts, config):
    ids, sentence = lecture.encode(sentences, words)
    start = time.perf_counter()
    W, _ = lecture.train(ids, sentence, counts, config)
    return lecture.keyed(words, W), time.perf_counter() - start


def gensims(sentences, words, counts, config):
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


def main():
    torch.set_num_threads(THREADS)
    sentences = [lecture.tokenize(line) for name in lecture.data.TEXTS for line in lecture.data.text(name)]
    words, counts = lecture.build_vocabulary(sentences, lecture.config.min_count)
    n = sum(map(len, sentences)) * lecture.config.epochs
    record = {who: {"seeds": {}} for who in ("ours", "gensim")}
    for seed in SEEDS:
        for who, trainer in (("ours", ours), ("gensim", gensims)):
            named, seconds = trainer(sentences, words, counts, lecture.EasyDict(lecture.config, seed=seed))
            for key, value in (scores(named) | {"words_per_second": round(n / seconds)}).items():
                record[who]["seeds"].setdefault(key, []).append(value)
            print(seed, who, {key: values[-1] for key, values in record[who]["seeds"].items()}, flush=True)
    for who in record:
        for key, values in record[who]["seeds"].items():
            mean = sum(values) / len(values)
            record[who][key] = round(mean) if key == "words_per_second" else round(mean, 3)
    record["ratio"] = round(record["ours"]["words_per_second"] / record["gensim"]["words_per_second"], 2)
    record["machine"] = f"{THREADS} of {os.cpu_count()} CPU cores"
    record["same_for_both"] = {
        k: lecture.config[k] for k in ("dim", "window", "negatives", "sample", "min_count", "epochs")
    }
    print(f"ratio of words a second, ours / gensim: {record['ratio']}")
    print(f"WordSim-353: ours {record['ours']['wordsim353']}, gensim {record['gensim']['wordsim353']}")
    Path(__file__).with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
