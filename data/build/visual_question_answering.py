"""What lecture 06 stores, made by its own cells: the long run, and the race of glances and a transformer over things
(an experiment).

python -m data.build.visual_question_answering                              # the long run: about half an hour of a core
python -m data.build.experiments 06_visual_question_answering --only glances
"""

import json
import time

import torch

from data.build.common import halved, store
from tests.definitions import definitions

MACHINE = "one thread on an AMD EPYC, a busy virtual machine with two shared cores, AVX2, float32"
SCENES, SEED = 8_000, 0  # of one to four things, with ten single-hop questions each
PARTS, PART = 6, 6_000  # scenes of three and four things, composed in parts; those that allow two hops are kept
EPOCHS = 12
WHAT = (
    "two-hop questions about lists of things that know only themselves: one glance, two, and a small transformer, each "
    "trained for twelve epochs on the two-hop scenes of the long run"
)
CELLS = ["encode", "reader", "oracle-given", "train", "predict", "attend", "two-hop", "one-glance-both"]
CELLS += ["things", "glances", "block", "transformer"]
RIVALS = {"one glance": 3e-3, "two glances": 3e-3, "transformer": 2e-3}  # learning rates
RACE_EPOCHS = 12


def material():
    """The lecture, and what it stores is trained on: scenes, words and answers; two hops last."""
    lecture = definitions("06_visual_question_answering.ipynb", also=("setup", "encode"))
    _, known = lecture.scenes.compose(SCENES, SEED, things=(1, 2, 3, 4))
    asked = lecture.questions.ask(known, SEED, each=10)
    for seed in range(SEED + 100, SEED + 100 + PARTS):
        some_scenes, hop_asked = lecture.two_hop_set(PART, seed)
        known, asked = known + some_scenes, asked + lecture.both_kinds(some_scenes, hop_asked, seed)
    lecture.vocabulary = lecture.vocabulary_of(asked)
    lecture.number = {word: i for i, word in enumerate(lecture.vocabulary)}
    lecture.LENGTH, lecture.NOUNS = 20, list(lecture.scenes.NOUNS)
    return lecture, known, *lecture.encode_all(asked)


def long_run():
    """Trains encoder and network as section 5 does. Returns their state, mean and deviation of the features, losses."""
    lecture, known, words, answers = material()
    features = lecture.places_of(known)
    mean, deviation = features.mean((0, 2, 3), keepdim=True), features.std((0, 2, 3), keepdim=True)
    inputs = ((features - mean) / deviation).to(lecture.training.compute_type("cpu"))
    lecture.CHANNELS, lecture.GRID = inputs.shape[1], inputs.shape[-1]
    lecture.training.seed_everything(SEED)
    lecture.tagger = lecture.trained_encoder(inputs, known)
    encoder = lecture.encoder_that_sees()
    network = lecture.new(lecture.Attentive, encoder.dim)
    losses = lecture.train(encoder, network, inputs, words, answers, EPOCHS)
    state = {f"encoder.{k}": v for k, v in encoder.state_dict().items()}
    state |= {f"network.{k}": v for k, v in network.state_dict().items()}
    return state | {"mean": mean, "deviation": deviation}, losses, lecture, len(known) - SCENES


def run(seed, rivals=tuple(RIVALS)):
    """The race of glances over things: `{rival: {"seconds": ..., "values": ...}}`."""
    lecture, known, words, answers = material()
    things, words, answers = lecture.things_of(known[SCENES:]), words[SCENES:], answers[SCENES:]
    test_scenes, test_asked = lecture.two_hop_set(1500, 2, "test")
    return raced(lecture, seed, rivals, (things, words, answers), (lecture.things_of(test_scenes), test_asked))


def raced(lecture, seed, rivals, train_set, test_set):
    (things, words, answers), (test_things, test_asked), runs = train_set, test_set, {}
    test_words, test_answers = lecture.encode_all(test_asked)
    for rival in rivals:
        start = time.perf_counter()
        torch.manual_seed(seed)
        size = len(lecture.vocabulary), things.shape[2], len(lecture.questions.ANSWERS)
        kinds = {"one glance": lecture.Glances, "two glances": lecture.Glances, "transformer": lecture.Transformer}
        network = kinds[rival](*size, **({"glances": 1} if rival == "one glance" else {}))
        given = lecture.Given(things.shape[2])
        lecture.train(given, network, things, words, answers, RACE_EPOCHS, lr=RIVALS[rival])
        seconds = round(time.perf_counter() - start)
        right = lecture.predict(given, network, test_things, test_words)[0].argmax(2) == test_answers
        runs[rival] = {"seconds": seconds, "values": {"accuracy_two_hop": round(right.double().mean().item(), 4)}}
    return runs


if __name__ == "__main__":
    torch.set_num_threads(1)
    start = time.perf_counter()
    state, losses, lecture, two_hop_scenes = long_run()
    recipe = {
        "scenes": SCENES,
        "two_hop_scenes": two_hop_scenes,
        "epochs": EPOCHS,
        "seed": SEED,
    }
    recipe |= {"seconds": round(time.perf_counter() - start), "seconds_of_one_core": round(time.process_time())}
    recipe |= {"machine": MACHINE, "losses": json.dumps([round(loss, 4) for loss in losses])}
    store("visual_question_answering", halved(state), recipe | {"vocabulary": " ".join(lecture.vocabulary)})
