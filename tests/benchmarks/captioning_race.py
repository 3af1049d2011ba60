"""Races lecture 04's three decoders: one encoder, the same scenes, equal seconds of training; and two ablations, the
attention captioner without the summary of the picture, and with the whole context fed back into its LSTM instead of
only where it looked.

    python tests/benchmarks/captioning_race.py

The numbers of epochs were chosen so that each trains for about as many seconds as the others; the learning rates were
chosen on other scenes than those of the test. Kept in data/experiments/04_captioning.json as `race`; the lecture
shows it.
"""

import copy
import functools
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from data.build import captioning, experiments  # noqa: E402

SCENES = 4000
WHAT = "the lecture's three decoders, on its training scenes, from the same encoder, about equal seconds of training, "
WHAT += "and the attention captioner without its summary, and with the whole context fed back"
CELLS = ["vocabulary", "features", "encoder", "tags", "show-and-tell", "train", "train-loop", "greedy", "bleu-by-hand"]
CELLS += ["cider", "truth", "attend", "attender", "looking", "penalty", "heads", "layer", "transformer", "pointing"]
PLANS = {  # epochs, learning rate, weight of the penalty
    "show and tell": (13, 3e-3, 0.0),
    "attention": (8, 3e-3, 0.002),
    "transformer": (7, 2e-3, 0.0),
    "attention, no summary": (8, 3e-3, 0.002),
    "attention, whole context": (8, 3e-3, 0.002),
}


@functools.cache
def course():
    """The lecture with its training material, and its test scenes with their features."""
    lecture = captioning.material(SCENES)
    lecture.device = torch.device("cpu")
    scenes = lecture.scenes.compose(600, seed=1, split="test")[1]
    return lecture, scenes, (lecture.places_of(scenes) - lecture.mean) / lecture.deviation


def decoder_of(name, lecture):
    size = len(lecture.vocabulary), lecture.encoder.dim
    if name == "show and tell":
        return lecture.ShowAndTell(*size)
    if name == "transformer":
        return lecture.TransformerDecoder(*size)
    decoder = lecture.ShowAttendAndTell(*size, fed=lecture.encoder.dim if "whole" in name else 2 * lecture.GRID)
    if name == "attention, no summary":
        for parameter in decoder.summary.parameters():  # zeros, and they stay zeros
            torch.nn.init.zeros_(parameter).requires_grad_(False)
    return decoder


def scored(lecture, encoder, decoder, scenes, x):
    """What one network says of the test scenes: `{metric: number}`."""
    start = time.perf_counter()
    words, attention = lecture.greedy(encoder, decoder, x)
    seconds = time.perf_counter() - start
    said, references = [lecture.sentence(w, lecture.vocabulary) for w in words], [scene.captions for scene in scenes]
    values = {"bleu4": lecture.bleu4(said, references), "cider": lecture.cider(said, references)}
    values["objects_named"], values["relation_right"] = lecture.truth_of(said, scenes)
    if attention is not None:
        values["pointing_accuracy"] = lecture.pointed(said, attention, lecture.tag_map_of(encoder, x), scenes)[0]
    return values | {"words_per_second_speaking": round(sum(len(s.split()) + 1 for s in said) / seconds)}


def trained(name, seed):
    """One decoder trained and scored: its run, as data/build/experiments.py keeps it."""
    (lecture, scenes, x), (epochs, lr, penalty) = course(), PLANS[name]
    torch.manual_seed(seed)
    encoder, decoder = copy.deepcopy(lecture.encoder), decoder_of(name, lecture)
    start = time.process_time()  # what else the machine does doesn't count
    lecture.train(encoder, decoder, lecture.inputs, lecture.encoded, epochs, lr=lr, penalty=penalty)
    seconds = time.process_time() - start
    read = epochs * (lecture.encoded[:, :, 1:] != lecture.PAD).sum().item() / 5  # one of five captions an epoch
    values = scored(lecture, encoder, decoder, scenes, x)
    values |= {"words_per_second_training": round(read / seconds), "seconds_training": round(seconds)}
    values = {key: experiments.shorter(value) for key, value in values.items()}
    print(seed, name, f"{seconds:.0f} s", values, flush=True)
    return {"seconds": round(seconds, 1), "values": values}


def run(seed, who=tuple(PLANS)):
    """One seed of the race: `{decoder: {"seconds": of training, "values": {metric: number}}}`."""
    torch.set_num_threads(1)
    return {name: trained(name, seed) for name in who}


if __name__ == "__main__":
    experiments.make("04_captioning", "race", experiments.SEEDS, again=True)
