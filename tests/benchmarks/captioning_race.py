"""Races lecture 04's three decoders: one encoder, the same scenes, equal seconds of training.

    python tests/benchmarks/captioning_race.py

The numbers of epochs were chosen so that each trains for about as many seconds as the others; the learning rates were
tried out on training scenes that no race uses. Kept in data/experiments/04_captioning.json as `race`; the lecture
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
WHAT = "the lecture's three decoders, on its training scenes, from the same encoder, about equal seconds of training"
CELLS = ["vocabulary", "features", "encoder", "tags", "show-and-tell", "train", "train-loop", "greedy", "bleu-by-hand"]
CELLS += ["cider", "truth", "attend", "attender", "looking", "penalty", "heads", "layer", "transformer", "pointing"]
PLANS = {"show and tell": (30, 3e-3, 0.0), "attention": (20, 5e-3, 0.002), "transformer": (20, 2e-3, 0.0)}


@functools.cache
def course():
    """The lecture with its training material, and its test scenes with their features."""
    lecture = captioning.material(SCENES)
    lecture.device = torch.device("cpu")
    scenes = lecture.scenes.compose(600, seed=1, split="test")[1]
    return lecture, scenes, (lecture.places_of(scenes) - lecture.mean) / lecture.deviation


def decoder_of(lecture, name, dim):
    words = len(lecture.vocabulary)
    if name == "show and tell":
        return lecture.ShowAndTell(words, dim)
    return (
        lecture.TransformerDecoder(words, dim) if name == "transformer" else lecture.ShowAttendAndTell(words, dim, 12)
    )


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


def trained(name, decoder, seed, epochs, lr, penalty):
    """One decoder trained and scored: its run, as data/build/experiments.py keeps it."""
    lecture, scenes, x = course()
    torch.manual_seed(seed)
    encoder, decoder = copy.deepcopy(lecture.encoder), decoder(lecture)
    start = time.process_time()  # others on this machine don't count
    lecture.train(encoder, decoder, lecture.inputs, lecture.encoded, epochs, lr=lr, penalty=penalty)
    seconds = time.process_time() - start
    values = scored(lecture, encoder, decoder, scenes, x)
    read = epochs * len(lecture.inputs) * (lecture.encoded[:, :, 1:] != lecture.PAD).sum((1, 2)).double().mean() / 5
    values |= {"words_per_second_training": round(read.item() / seconds)}
    values = {key: experiments.shorter(value) for key, value in values.items()}
    print(seed, name, f"{seconds:.0f} s", values, flush=True)
    return {"seconds": round(seconds, 1), "values": values}


def run(seed, who=tuple(PLANS)):
    """One seed of the race: `{decoder: {"seconds": of training, "values": {metric: number}}}`."""
    torch.set_num_threads(1)
    return {
        name: trained(
            name, lambda lecture, name=name: decoder_of(lecture, name, lecture.encoder.dim), seed, *PLANS[name]
        )
        for name in who
    }


if __name__ == "__main__":
    experiments.make("04_captioning", "race", experiments.SEEDS, again=True)
