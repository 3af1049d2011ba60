"""What lecture 02 stores: its networks before and after each remedy, and their rivals, by the lecture's own cells.

python -m data.build.experiments 02_spectrograms --only voices
"""

import time

import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.definitions import definitions

WHAT = (
    "networks and a linear model that learned from synthetic voices, ten epochs each, and one that goes on with real "
    "voices among them, three folds by voice; `difference` is to the variant above it for the two remedies and to the "
    "first for the rivals, with a 95 % interval over the real voices; seconds are those of one core"
)
RUN = ["load", "digits-load", "pictures", "tensors", "config", "interval", "folds", "tuning"]  # run whole
CELLS = ["mel-code", *RUN, "network", "augment", "training-code", "score-code", "tune", "waveform-network"]
PLAIN, AUGMENTED = "synthetic voices as they are", "synthetic voices, augmented"
REAL, WAVEFORM, LINEAR = "with real voices, folds by voice", "waveform", "linear on the mean spectrum"


def trained(lecture, network, inputs, augment):
    """A network trained as the lecture trains it."""
    torch.manual_seed(lecture.SEED)
    model = network()
    config = lecture.EasyDict(lecture.config, augment=augment)
    lecture.train(model, inputs["training"], lecture.words["training"], config)
    return model


def logits_of(lecture, model, inputs):
    return {name: lecture.word_logits(model, inputs[name]) for name in ("real", "unseen synthetic")}


def folds(lecture, model):
    """Logits on each real voice by a network that goes on from the model with other real voices."""
    real = torch.zeros(len(lecture.voices), 50)
    for f in range(3):
        tuned = lecture.with_real_voices(model, (lecture.fold != f).nonzero().flatten(), lecture.tuning)
        here = lecture.fold == f
        real[here] = lecture.word_logits(tuned, lecture.pictures["real"][here])
    return {"real": real, "unseen synthetic": lecture.word_logits(tuned, lecture.pictures["unseen synthetic"])}


def linear(lecture):
    """Logits of logistic regression on the mean over time of the pictures."""
    means = {name: x.mean(2) for name, x in lecture.pictures.items()}
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(means["training"], lecture.words["training"])
    return {name: torch.from_numpy(model.decision_function(x)) for name, x in means.items()}


def values(lecture, logits, other):
    """Which real digits are right, and the scores of a run, beside what the run that it is compared with got right."""
    right = {name: lecture.is_right(logits[name], name) for name in ("real", "unseen synthetic")}
    unknown = lecture.digit_any_language(logits["real"]) == lecture.digit["real"]
    found = {"digit_accuracy_unseen_voice": right["real"], "digit_accuracy_language_unknown": unknown.float()}
    found["digit_accuracy_unseen_synthetic_voice"] = right["unseen synthetic"]
    found = {name: some.mean().item() for name, some in found.items()}
    if other is not None:
        low, high = lecture.interval(right["real"] - other)
        found |= {"difference": (right["real"] - other).mean().item(), "difference_low": low, "difference_high": high}
    return right["real"], {name: round(value, 4) for name, value in found.items()}


def run(seed):
    """`{variant: {"seconds": ..., "values": ...}}` of one seed."""
    lecture, runs, right, models = definitions("02_spectrograms.ipynb", also=("setup", *RUN)), {}, {}, {}
    lecture.SEED = lecture.config.seed = lecture.tuning.seed = seed

    def network(variant, *how):
        models[variant] = trained(lecture, *how)
        return logits_of(lecture, models[variant], how[1])

    made = {
        PLAIN: (None, lambda: network(PLAIN, lecture.DigitCNN, lecture.pictures, False)),
        AUGMENTED: (PLAIN, lambda: network(AUGMENTED, lecture.DigitCNN, lecture.pictures, True)),
        REAL: (AUGMENTED, lambda: folds(lecture, models[AUGMENTED])),
        WAVEFORM: (PLAIN, lambda: network(WAVEFORM, lecture.WaveformCNN, lecture.waves, False)),
        LINEAR: (PLAIN, lambda: linear(lecture)),
    }
    for variant, (compared, make) in made.items():
        start = time.process_time()
        logits = make()
        seconds = round(time.process_time() - start)
        right[variant], found = values(lecture, logits, right.get(compared))
        runs[variant] = {"seconds": seconds, "values": found | {"seconds_training": seconds}}
    return runs
