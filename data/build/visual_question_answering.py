"""Trains the long run of lecture 06 again: its own cells, with more scenes and epochs (about 10 minutes on one core).

python -m data.build.visual_question_answering
"""

import json
import time

import torch

from data.build.common import MACHINE, halved, store
from tests.definitions import definitions

SCENES, EPOCHS, SEED = 24_000, 20, 0


def long_run():
    """Encoder and attentive network of a long run, mean and deviation of the features, losses, and the lecture."""
    lecture = definitions("06_visual_question_answering.ipynb", also=("setup", "encode"))
    pictures, known = lecture.scenes.compose(SCENES, SEED, things=(1, 2, 3, 4))
    asked = lecture.questions.ask(known, SEED, each=10)
    lecture.vocabulary = lecture.vocabulary_of(asked)
    lecture.number = {word: i for i, word in enumerate(lecture.vocabulary)}
    lecture.LENGTH = max(len(q.text.split()) for some in asked for q in some)
    words, answers = lecture.encode_all(asked)
    features = lecture.models.place_features(pictures)
    mean, deviation = features.mean((0, 2, 3), keepdim=True), features.std((0, 2, 3), keepdim=True)
    inputs = ((features - mean) / deviation).to(lecture.training.compute_type("cpu"))
    lecture.NOUNS, lecture.GRID = list(lecture.scenes.NOUNS), inputs.shape[-1]
    lecture.training.seed_everything(SEED)
    lecture.tagger = lecture.trained_encoder(inputs, known)
    encoder = lecture.encoder_that_sees()
    network = lecture.new(lecture.Attentive, encoder.dim)
    losses = lecture.train(encoder, network, inputs, words, answers, EPOCHS)
    return encoder, network, mean, deviation, losses, lecture


if __name__ == "__main__":
    torch.set_num_threads(1)
    start = time.perf_counter()
    encoder, network, mean, deviation, losses, lecture = long_run()
    recipe = {"scenes": SCENES, "epochs": EPOCHS, "seed": SEED, "seconds": round(time.perf_counter() - start)}
    recipe |= {"seconds_of_one_core": round(time.process_time()), "machine": MACHINE}
    recipe |= {"losses": json.dumps([round(loss, 4) for loss in losses]), "vocabulary": " ".join(lecture.vocabulary)}
    state = {f"encoder.{k}": v for k, v in encoder.state_dict().items()}
    state |= {f"network.{k}": v for k, v in network.state_dict().items()} | {"mean": mean, "deviation": deviation}
    store("visual_question_answering", halved(state), recipe)
