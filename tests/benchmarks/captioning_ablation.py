"""What reaches the next step of lecture 04's attention captioner: only where it looked, or the whole context.

    python tests/benchmarks/captioning_ablation.py

Kept in data/experiments/04_captioning.json as `ablation`; the lecture shows it.
"""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from data.build import experiments  # noqa: E402
from tests.benchmarks.captioning_race import CELLS as RACED  # noqa: E402
from tests.benchmarks.captioning_race import PLANS, trained  # noqa: E402

WHAT = "the lecture's attention captioner as in the race, and the same with the whole context fed back into its LSTM"
CELLS = [cell for cell in RACED if cell not in ("show-and-tell", "heads", "layer", "transformer")]


def run(seed):
    """One seed: `{what is fed back: {"seconds": of training, "values": {metric: number}}}`."""
    torch.set_num_threads(1)
    fed = {"where only": lambda lecture: 2 * lecture.GRID, "whole context": lambda lecture: lecture.encoder.dim}
    return {
        name: trained(
            name,
            lambda lecture, size=size: lecture.ShowAttendAndTell(
                len(lecture.vocabulary), lecture.encoder.dim, size(lecture)
            ),
            seed,
            *PLANS["attention"],
        )
        for name, size in fed.items()
    }


if __name__ == "__main__":
    experiments.make("04_captioning", "ablation", experiments.SEEDS, again=True)
