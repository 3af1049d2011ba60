"""README's tables from results/NN_name.json and data/experiments/: one row a lecture, then every score.

python -m helpers.commands.figures
"""

import json
import re
from pathlib import Path

from helpers import CourseError
from helpers.scoreboard import HEADER, clock, number, rows, stored

ROOT = Path(__file__).resolve().parents[2]
BETWEEN_MARKS = re.compile(r"(?<=<!-- figures: made by `make figures` -->\n).*?(?=<!-- end of figures -->)", re.S)
NAMES = """The names are those of the lectures' last tables. A plain name is the run that you watch; a name with
`_long_run` is a stored network, trained beforehand by the same cells. In bold stands this run, in brackets the
mean and the standard deviation over three seeds (± 0: the seed changes nothing, as where a stored network does
the work), then what it is measured against. `chance`, `random`, `blind`, `majority`, `question_only` and
`shuffled` cannot know the answer; `counts`, `mfcc_linear`, `nmf`, `ridge`, `neighbours` and `nearest` are
classical ways; `real`, `supervised` and `ideal` are ceilings. In 01, `gensim` is the well-known library,
`glove` vectors that others trained on six billion words. In 02, `waveform_cnn` is a network of the same size
on raw samples, trained like `without_augmentation`; `linear_mean_spectrum` knows what sounds but not when."""
HEADLINES = [  # lecture, what is measured, its metric; beside it {name: key}: chance or blind, simpler, the ceiling
    ("00", "group of an emoji, from picture and name", "accuracy_both",
     {"chance": "accuracy_both_chance"}, {"name only": "accuracy_both_second_only"}, {}),
    ("01", "likeness of words, WordSim-353", "wordsim353",
     {"random": "wordsim353_random"}, {"counts": "wordsim353_counts"}, {}),
    ("02", "digits, by voices never heard", "digit_accuracy_unseen_voice",
     {"chance": "digit_accuracy_unseen_voice_chance"},
     {"linear": "digit_accuracy_unseen_voice_linear_mean_spectrum"}, {}),
    ("03", "pictures found for a word (recall@10), artist never seen", "picture_recall_at_10_unseen_artist",
     {"chance": "picture_recall_at_10_unseen_artist_chance"},
     {"neighbours": "picture_recall_at_10_unseen_artist_neighbours"},
     {"perfect ranking": "picture_recall_at_10_unseen_artist_ceiling"}),
    ("04", "captions, BLEU-4, long run", "bleu4_long_run",
     {"blind": "bleu4_blind"}, {"nearest": "bleu4_nearest"}, {"true captions": "bleu4_grammar"}),
    ("05", "drawings of the kind asked for, long run", "class_accuracy_long_run",
     {"chance": "class_accuracy_chance"}, {"mean picture": "class_accuracy_mean_picture"},
     {"real drawings": "class_accuracy_real"}),
    ("06", "answers, long run", "accuracy_long_run",
     {"question only": "accuracy_question_only"}, {"product": "accuracy_product"}, {}),
    ("07", "instruments, learned without their names", "student_accuracy_heldout_notes",
     {"chance": "student_accuracy_heldout_notes_chance"},
     {"untrained network": "student_accuracy_heldout_notes_random_features"}, {}),
    ("08", "sounds made for pictures, judged right", "generated_note_accuracy",
     {"chance": "generated_note_accuracy_chance"}, {"mean sound": "generated_note_accuracy_mean_spectrogram"},
     {"real notes": "generated_note_accuracy_real_notes"}),
    ("09", "pointing at what sounds", "localisation_accuracy",
     {"another sound": "localisation_accuracy_shuffled_sound"}, {"ridge": "localisation_accuracy_ridge"},
     {"with boxes": "localisation_accuracy_supervised"}),
    ("10", "two voices parted, dB of SI-SDR gained, long run", "si_sdr_improvement_long_run",
     {"mixture": "si_sdr_improvement_mixture"}, {"NMF": "si_sdr_improvement_nmf"},
     {"ideal mask": "si_sdr_improvement_ideal_ratio_mask"}),
    ("11", "drawings of the kind asked for, by an independent judge, long run", "class_accuracy_independent_long_run",
     {"chance": "class_accuracy_independent_chance"}, {"normal": "class_accuracy_independent_normal"},
     {"real drawings": "class_accuracy_independent_real"}),
]  # fmt: skip


def over_seeds(run):
    """What is stored of a lecture's seeds, `{metric: Spread}`; nothing where there are not two of them."""
    try:
        return {name: some for name, some in stored(run["notebook"])["lecture"].items() if len(some.values) > 1}
    except CourseError:
        return {}


def summary(runs):
    """A row for each headline whose lecture has run: its score, what it is measured against, seconds and memory."""
    lines = ["| lecture: what is measured | this run | chance, or blind | a simpler way | ceiling | time, memory |"]
    lines += ["|---|---|---|---|---|---|"]
    for start, what, figure, *beside in HEADLINES:
        for run in (run for run in runs if run["notebook"].startswith(start)):
            values, spread = run["figures"] | run["baselines"], over_seeds(run).get(figure)
            others = [", ".join(f"{number(values[key])} {label}" for label, key in some.items()) for some in beside]
            cells = [f"[{start}](notebooks/{run['notebook']}.ipynb) {what}", f"**{number(values[figure])}**"]
            cells[1] += f" ({spread})" if spread else ""
            cells += [*others, f"{run['seconds']:.0f} s, {run['peak_memory_mb'] / 1000:.2f} GB"]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def update_readme():
    """Writes the tables of all `results/*.json` into README.md, between its two marks."""
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "results").glob("*.json"))]
    tables = [
        f"**[{r['notebook']}](notebooks/{r['notebook']}.ipynb)**: {clock(r)}\n\n{HEADER}{rows(r, over_seeds(r))}\n"
        for r in runs
    ]
    every = (
        "<details><summary>Every score of every lecture</summary>\n\n"
        + NAMES
        + "\n\n"
        + "\n".join(tables)
        + "\n</details>\n"
    )
    readme = ROOT / "README.md"
    readme.write_text(
        BETWEEN_MARKS.sub(lambda _: f"\n{summary(runs)}\n\n{every}\n", readme.read_text(encoding="utf-8")),
        encoding="utf-8",
    )


if __name__ == "__main__":
    update_readme()
