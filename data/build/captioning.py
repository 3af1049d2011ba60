"""Trains the long run of lecture 04 again: its own cells, with more scenes and epochs.

python -m data.build.captioning
"""

import json
import time

import torch

from data.build.common import halved, store
from tests.definitions import definitions

SCENES, EPOCHS, SEED = 20_000, 16, 0
MACHINE = "one thread of a virtual machine with two shared cores, AVX2, float32"


def material(count, seed=SEED):
    """The lecture as a module, and what its decoders learn from: features, captions in numbers, a trained encoder."""
    lecture = definitions("04_captioning.ipynb", also=("setup", "vocabulary"))
    known = lecture.scenes.compose(count, seed)[1]
    captions = [scene.captions for scene in known]
    lecture.vocabulary = lecture.vocabulary_of(captions)
    number = {word: i for i, word in enumerate(lecture.vocabulary)}
    lecture.encoded = torch.stack([torch.stack([lecture.encode(c, number) for c in five]) for five in captions])
    features = lecture.places_of(known)
    lecture.mean, lecture.deviation = features.mean((0, 2, 3), keepdim=True), features.std((0, 2, 3), keepdim=True)
    lecture.inputs = (features - lecture.mean) / lecture.deviation
    lecture.GRID, lecture.NOUNS = features.shape[-1], list(lecture.scenes.NOUNS)
    torch.manual_seed(seed)
    lecture.encoder = lecture.Encoder(len(lecture.NOUNS), *features.shape[1:3])
    lecture.train_tags(lecture.encoder, lecture.inputs, torch.stack([lecture.named(five) for five in captions]))
    return lecture


def long_run(count=SCENES, epochs=EPOCHS):
    """Encoder and decoder of a long run, the mean loss of each epoch, and the lecture as a module."""
    lecture = material(count)
    torch.manual_seed(SEED)
    decoder = lecture.ShowAttendAndTell(len(lecture.vocabulary), lecture.encoder.dim, fed=2 * lecture.GRID)
    losses = lecture.train(lecture.encoder, decoder, lecture.inputs, lecture.encoded, epochs, penalty=0.002)
    return lecture.encoder, decoder, losses, lecture


if __name__ == "__main__":
    torch.set_num_threads(1)
    start = time.perf_counter()
    encoder, decoder, losses, lecture = long_run()
    recipe = {"scenes": SCENES, "epochs": EPOCHS, "seed": SEED, "seconds": round(time.perf_counter() - start)}
    recipe |= {"machine": MACHINE, "losses": json.dumps([round(loss, 4) for loss in losses])}
    recipe |= {"vocabulary": " ".join(lecture.vocabulary)}
    state = {f"encoder.{k}": v for k, v in encoder.state_dict().items()}
    state |= {f"decoder.{k}": v for k, v in decoder.state_dict().items()}
    store("captioning", halved(state), recipe)
