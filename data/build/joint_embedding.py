"""What lecture 03 stores: its losses, batch sizes and words compared, by the lecture's own cells.

python -m data.build.experiments 03_joint_embedding --only losses
"""

import time

import torch
from easydict import EasyDict

from helpers.metrics import recall_at_k
from tests.definitions import definitions

EPOCHS = 4
WHAT = (
    "losses with batches of 512, and masked InfoNCE with other batches, with GloVe as the only word vectors, and "
    f"without the class names; {EPOCHS} epochs each at the lecture's learning rate, so large batches take fewer steps; "
    "seconds of one core"
)
RUN = ["load", "features", "tags", "class-names", "split", "word-inputs", "inputs", "embed"]  # run whole
CELLS = [
    "info-nce",
    "masked",
    "contrast",
    "definitions",
    "towers",
    "train",
    "recall-by-hand",
    "scores",
    "triplet",
    *RUN,
]
DRAWINGS = "masked, no class names"
GLOVE = 50  # numbers of a word, the first of the lecture's word inputs


def variants(lecture):
    """`{variant: (a function that makes its loss, batch size, word inputs)}`."""

    def mined(negative, margin=0.2):
        return lambda: lambda P, W, match: lecture.triplet(P, W, match, margin, negative)

    usual, masked = (512, lecture.word_inputs), lecture.Contrast
    found = {f"triplet, {kind}": (mined(kind), *usual) for kind in ("random", "hardest", "semi-hard")}
    found |= {"InfoNCE": (lambda: lecture.Contrast(lecture.info_nce), *usual), "masked InfoNCE": (masked, *usual)}
    found |= {f"masked, batch {size:,}": (masked, size, lecture.word_inputs) for size in (64, 4096)}
    return found | {
        "masked, GloVe alone": (masked, 512, lecture.word_inputs[:, :GLOVE].contiguous()),
        DRAWINGS: (masked, *usual),
    }


def photographs(lecture):
    """Features of the photographs, their nouns, and which photograph shows which: as section 5 has them."""
    stamps, cut_outs = lecture.data.stamps()
    x = lecture.standardised(lecture.models.picture_features(lecture.data.on_white(cut_outs), lecture.SIZE))
    nouns = sorted({s.noun for s in stamps if all(word in lecture.number for word in s.noun.split())})
    return x, nouns, torch.tensor([[s.noun == noun for s in stamps] for noun in nouns])


def run(seed):
    """`{variant: {"seconds": ..., "values": ...}}` of one seed."""
    lecture, runs = definitions("03_joint_embedding.ipynb", also=("setup", *RUN)), {}
    photo_inputs, nouns, shows = photographs(lecture)
    for variant, (loss, batch_size, word_inputs) in variants(lecture).items():
        start = time.process_time()
        torch.manual_seed(seed)
        pictures, words = lecture.picture_tower(), lecture.WordTower(word_inputs, len(lecture.vocabulary))
        config = EasyDict(lecture.config, epochs=EPOCHS, batch_size=batch_size, seed=seed)
        n = len(lecture.seen) if variant == DRAWINGS else None  # the classes come after the drawn concepts
        lecture.train(pictures, words, loss(), lecture.examples[:, :n], lecture.example_tags[:n], config)
        seconds, values = round(time.process_time() - start), {}
        vectors = lecture.embed(words, torch.arange(len(lecture.words)))
        for where, x in lecture.test_inputs.items():
            scores = lecture.embed(pictures, x) @ vectors[: len(lecture.vocabulary)].T
            found = lecture.search_scores(scores, lecture.test_tags[where])
            for kind, value in zip(("tag_recall_at_10", "picture_recall_at_10", "tag_map"), found, strict=True):
                values[f"{kind}_{where.replace(' ', '_')}"] = value
        fresh = lecture.fresh
        values["picture_recall_at_10_fresh_tags"] = recall_at_k(
            scores[:, fresh].T, lecture.test_tags[where][:, fresh].T
        )
        photo_scores = lecture.rows_of(nouns, vectors) @ lecture.embed(pictures, photo_inputs).T
        values["picture_recall_at_10_photographs"] = recall_at_k(photo_scores, shows)
        runs[variant] = {"seconds": seconds, "values": {name: round(value, 4) for name, value in values.items()}}
    return runs
