"""What lecture 02 stores: its networks trained on synthetic voices alone, with the lecture's own cells.

python -m data.build.experiments 02_spectrograms --only voices
"""

import time

import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.definitions import definitions

WHAT = (
    "networks and a linear model that learned from synthetic voices alone, ten epochs each; `difference` is to the "
    "network on pictures as they are, with a 95 % interval over real voices; seconds are those of one core"
)
RUN = ["load", "digits-load", "pictures", "tensors", "config", "interval"]  # cells that are run whole
CELLS = ["mel-code", *RUN, "network", "augment", "training-code", "score-code", "waveform-network"]
PLAIN, AUGMENTED = "synthetic voices as they are", "synthetic voices, augmented"
WAVEFORM, LINEAR = "waveform", "linear on the mean spectrum"


def trained(lecture, network, inputs, seed, augment):
    """A network trained as the lecture trains it, and the seconds of one core that it took."""
    torch.manual_seed(seed)
    model, start = network(), time.process_time()
    config = lecture.EasyDict(lecture.config, augment=augment, seed=seed)
    lecture.train(model, inputs["training"], lecture.words["training"], config)
    return {name: lecture.word_logits(model, x) for name, x in inputs.items()}, time.process_time() - start


def linear(lecture):
    """Logits of logistic regression on the mean over time of the pictures, and its seconds."""
    start, means = time.process_time(), {name: x.mean(2) for name, x in lecture.pictures.items()}
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(means["training"], lecture.words["training"])
    logits = {name: torch.from_numpy(model.decision_function(x)) for name, x in means.items()}
    return logits, time.process_time() - start


def values(lecture, logits, plain):
    """The scores of a run, beside those of the plain network: its `right` on real voices, or None for itself."""
    right = {name: lecture.is_right(logits[name], name) for name in ("real", "unseen synthetic")}
    unknown = lecture.digit_any_language(logits["real"]) == lecture.digit["real"]
    found = {"digit_accuracy_unseen_voice": right["real"], "digit_accuracy_language_unknown": unknown.float()}
    found["digit_accuracy_unseen_synthetic_voice"] = right["unseen synthetic"]
    found = {name: some.mean().item() for name, some in found.items()}
    if plain is not None:
        low, high = lecture.interval(right["real"] - plain)
        found |= {"difference": (right["real"] - plain).mean().item(), "difference_low": low, "difference_high": high}
    return right["real"], found


def run(seed):
    """`{variant: {"seconds": ..., "values": ...}}` of one seed."""
    lecture, runs, plain = definitions("02_spectrograms.ipynb", also=("setup", *RUN)), {}, None
    made = {
        PLAIN: lambda: trained(lecture, lecture.DigitCNN, lecture.pictures, seed, augment=False),
        AUGMENTED: lambda: trained(lecture, lecture.DigitCNN, lecture.pictures, seed, augment=True),
        WAVEFORM: lambda: trained(lecture, lecture.WaveformCNN, lecture.waves, seed, augment=False),
        LINEAR: lambda: linear(lecture),
    }
    for variant, make in made.items():
        logits, seconds = make()
        right, found = values(lecture, logits, plain)
        plain = right if plain is None else plain
        found = {name: round(value, 4) for name, value in found.items()} | {"seconds_training": round(seconds)}
        runs[variant] = {"seconds": round(seconds), "values": found}
    return runs
