"""Trains the long runs of lecture 06 again: its own cells, with more scenes and epochs.

python -m data.build.visual_question_answering                                          # all three
python -m data.build.visual_question_answering visual_question_answering_transformer    # one of them
"""

import argparse
import json
import time

import torch

from data.build.common import halved, store
from tests.definitions import definitions

MACHINE = "one thread on an AMD EPYC, a busy virtual machine with two shared cores, float32"
SCENES, SEED = 8_000, 0  # of one to four things, with ten single-hop questions each
PARTS, PART = 6, 6_000  # scenes of three and four things, composed in parts; those that allow two hops are kept
RUNS = {  # the file's name: the network, and its epochs
    "visual_question_answering": ("TwoGlances", 10),
    "visual_question_answering_one_glance": ("Attentive", 10),
    "visual_question_answering_transformer": ("Transformer", 3),
}


def material():
    """The lecture, and what all its long runs train on: inputs, scenes, words, answers, mean and deviation."""
    lecture = definitions("06_visual_question_answering.ipynb", also=("setup", "encode"))
    pictures, known = lecture.scenes.compose(SCENES, SEED, things=(1, 2, 3, 4))
    asked = lecture.questions.ask(known, SEED, each=10)
    pictures = [pictures]
    for seed in range(SEED + 100, SEED + 100 + PARTS):
        some_pictures, some_scenes, hop_asked = lecture.two_hop_set(PART, seed)
        pictures.append(some_pictures)
        known, asked = known + some_scenes, asked + lecture.both_kinds(some_scenes, hop_asked, seed)
    lecture.vocabulary = lecture.vocabulary_of(asked)
    lecture.number = {word: i for i, word in enumerate(lecture.vocabulary)}
    lecture.LENGTH = 20
    words, answers = lecture.encode_all(asked)
    features = torch.cat([lecture.models.place_features(some) for some in pictures])
    mean, deviation = features.mean((0, 2, 3), keepdim=True), features.std((0, 2, 3), keepdim=True)
    inputs = ((features - mean) / deviation).to(lecture.training.compute_type("cpu"))
    lecture.NOUNS, lecture.GRID = list(lecture.scenes.NOUNS), inputs.shape[-1]
    return lecture, inputs, known, words, answers, mean, deviation


def long_run(name, lecture, inputs, known, words, answers):
    """Trains one of `RUNS`: encoder, network and losses."""
    kind, epochs = RUNS[name]
    lecture.training.seed_everything(SEED)
    lecture.tagger = lecture.trained_encoder(inputs, known)
    encoder = lecture.encoder_that_sees()
    network = lecture.new(getattr(lecture, kind), encoder.dim)
    return encoder, network, lecture.train(encoder, network, inputs, words, answers, epochs)


def main():
    parser = argparse.ArgumentParser(prog="python -m data.build.visual_question_answering")
    parser.add_argument("names", nargs="*", help="such as visual_question_answering_transformer; all without")
    names = parser.parse_args().names or list(RUNS)
    lecture, inputs, known, words, answers, mean, deviation = material()
    for name in names:
        start, used = time.perf_counter(), time.process_time()
        encoder, network, losses = long_run(name, lecture, inputs, known, words, answers)
        recipe = {"scenes": SCENES, "two_hop_scenes": len(inputs) - SCENES, "epochs": RUNS[name][1], "seed": SEED}
        recipe |= {
            "seconds": round(time.perf_counter() - start),
            "seconds_of_one_core": round(time.process_time() - used),
        }
        recipe |= {"machine": MACHINE, "losses": json.dumps([round(loss, 4) for loss in losses])}
        state = {f"encoder.{k}": v for k, v in encoder.state_dict().items()}
        state |= {f"network.{k}": v for k, v in network.state_dict().items()} | {"mean": mean, "deviation": deviation}
        store(name, halved(state), recipe | {"vocabulary": " ".join(lecture.vocabulary)})


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
