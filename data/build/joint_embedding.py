"""What lecture 03 stores: its losses and batch sizes compared, by the lecture's own cells.

python -m data.build.experiments 03_joint_embedding --only losses
"""

import time

import torch
from easydict import EasyDict

from tests.definitions import definitions

EPOCHS = 5
WHAT = (
    f"losses with batches of 512, and masked InfoNCE with other batches, {EPOCHS} epochs each at the lecture's "
    "learning rate, so large batches take fewer steps; seconds are those of one core"
)
RUN = ["load", "features", "tags", "split", "definitions", "word-inputs", "inputs", "embed"]  # run whole
CELLS = ["info-nce", "masked", "contrast", "towers", "train", "recall-by-hand", "triplet", *RUN]


def variants(lecture):
    """`{variant: (a function that makes its loss, batch size)}`."""

    def mined(negative, margin=0.2):
        return lambda: lambda P, W, match: lecture.triplet(P, W, match, margin, negative)

    found = {f"triplet, {kind} negative": (mined(kind), 512) for kind in ("random", "hardest", "semi-hard")}
    found |= {"InfoNCE": (lambda: lecture.Contrast(lecture.info_nce), 512), "masked InfoNCE": (lecture.Contrast, 512)}
    return found | {f"masked, batch {size:,}": (lecture.Contrast, size) for size in (64, 4096)}


def run(seed):
    """`{variant: {"seconds": ..., "values": ...}}` of one seed."""
    lecture, runs = definitions("03_joint_embedding.ipynb", also=("setup", *RUN)), {}
    for variant, (loss, batch_size) in variants(lecture).items():
        start = time.process_time()
        torch.manual_seed(seed)
        sides = lecture.picture_tower(), lecture.WordTower(lecture.word_inputs, len(lecture.vocabulary))
        config = EasyDict(lecture.config, epochs=EPOCHS, batch_size=batch_size, seed=seed)
        examples, tags = lecture.inputs[lecture.kept][:, lecture.seen], lecture.tags[lecture.seen]
        lecture.train(*sides, loss(), examples, tags, config)
        seconds, values = round(time.process_time() - start), {}
        for where, x in lecture.test_inputs.items():
            words = lecture.embed(sides[1], torch.arange(len(lecture.vocabulary)))
            scores = lecture.search_scores(lecture.embed(sides[0], x) @ words.T, lecture.test_tags[where])
            for kind, value in zip(("tag_recall_at_10", "picture_recall_at_10", "tag_map"), scores, strict=True):
                values[f"{kind}_{where.replace(' ', '_')}"] = round(value, 4)
        runs[variant] = {"seconds": seconds, "values": values}
    return runs
