"""What lecture 07 stores: the same student taught by other opinions, by the lecture's own cells.

python -m data.build.experiments 07_sound_matching --only teachers
"""

import time

import torch

from tests.definitions import definitions

EPOCHS = 14
WHAT = (
    f"the same student, {EPOCHS} epochs each, taught by the teacher's own opinions, by swapped ones, by random ones and"
    " by labels; the linear probe's accuracy on held-out notes, source C and real recordings; seconds of one core"
)
RUN = ["load", "split", "teacher", "inner", "inputs", "train-code", "other-source"]  # run whole
CELLS = [*RUN, "divergence", "student", "augment", "distil", "opinions", "probe", "teachers"]


def run(seed):
    """`{variant: {"seconds": ..., "values": ...}}` of one seed."""
    lecture, runs = definitions("07_sound_matching.ipynb", also=("setup", "prepare", *RUN)), {}
    for kind in ("own", "swapped", "random", "labels"):
        start = time.process_time()
        torch.manual_seed(seed)
        network = lecture.taught(kind, EPOCHS)
        answers = lecture.probe(lambda x, n=network: lecture.batched(n.features, x))
        right = lecture.right_answers(answers)
        values = {where: round(found.double().mean().item(), 4) for where, found in right.items()}
        runs[kind] = {"seconds": round(time.process_time() - start), "values": values}
    return runs
