"""Trains the long run of lecture 04 again: its own cells, with more scenes and epochs (about 15 minutes on one core).

python -m data.build.captioning
"""

import json
import time

import torch

from data.build.common import MACHINE, halved, store
from tests.definitions import definitions

SCENES, EPOCHS, SEED = 24_000, 25, 0


def long_run(count=SCENES, epochs=EPOCHS):
    """Encoder and decoder of a long run, the mean loss of each epoch, and the vocabulary."""
    lecture = definitions("04_captioning.ipynb", also=("setup", "vocabulary"))
    pictures, known = lecture.scenes.compose(count, SEED)
    captions = [scene.captions for scene in known]
    vocabulary = lecture.vocabulary_of(captions)
    number = {word: i for i, word in enumerate(vocabulary)}
    encoded = torch.stack([torch.stack([lecture.encode(caption, number) for caption in five]) for five in captions])
    features = lecture.models.place_features(pictures)
    mean, deviation = features.mean((0, 2, 3), keepdim=True), features.std((0, 2, 3), keepdim=True)
    inputs = ((features - mean) / deviation).to(lecture.training.compute_type("cpu"))
    lecture.NOUNS = list(lecture.scenes.NOUNS)
    shown = torch.stack([lecture.named(five) for five in captions])
    torch.manual_seed(SEED)
    encoder = lecture.Encoder(len(lecture.NOUNS), inputs.shape[-1])
    lecture.train_tags(encoder, inputs, shown)
    torch.manual_seed(SEED)
    decoder = lecture.ShowAttendAndTell(len(vocabulary), encoder.dim, where=2 * inputs.shape[-1])
    losses = lecture.train(encoder, decoder, inputs, encoded, epochs, penalty=0.002)
    return encoder, decoder, losses, vocabulary


if __name__ == "__main__":
    torch.set_num_threads(1)
    start = time.perf_counter()
    encoder, decoder, losses, vocabulary = long_run()
    recipe = {"scenes": SCENES, "epochs": EPOCHS, "seed": SEED, "seconds": round(time.perf_counter() - start)}
    recipe |= {"machine": MACHINE, "losses": json.dumps([round(loss, 4) for loss in losses])}
    recipe |= {"vocabulary": " ".join(vocabulary)}
    state = {f"encoder.{k}": v for k, v in encoder.state_dict().items()}
    state |= {f"decoder.{k}": v for k, v in decoder.state_dict().items()}
    store("captioning", halved(state), recipe)
