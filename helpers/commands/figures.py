"""Tables from results/NN_name.json and data/experiments/: a row a lecture in README.md, every score in docs/results.md.

python -m helpers.commands.figures                      # of all lectures that have run here
python -m helpers.commands.figures 10_cocktail_party    # of these alone; what the pages say of others stays
"""

import json
import re
import sys
from pathlib import Path

from helpers import CourseError
from helpers.scoreboard import HEADER, clock, number, rows, stored

ROOT = Path(__file__).resolve().parents[2]
BETWEEN_MARKS = re.compile(r"(?<=<!-- figures: made by `make figures` -->\n).*?(?=<!-- end of figures -->)", re.S)
COLUMNS = """| lecture: what is measured | this run | chance, or blind | a simpler way | ceiling | time, memory |
|---|---|---|---|---|---|
"""
HEAD = """# Every score of every lecture
The names are those of the lectures' last tables. A plain name is the run that you watch; a name with `_long_run` is a stored network, trained beforehand by the same cells. In bold stands one run, in brackets the mean and the standard deviation over three seeds (± 0: the seed changes nothing, as where a stored network does the work), then what it is measured against.

`chance`, `random`, `blind`, `majority`, `question_only` and `shuffled` cannot know the answer; `counts`, `mfcc_linear`, `nmf`, `ridge`, `neighbours` and `nearest` are classical ways; `real`, `supervised` and `ideal` are ceilings. In 01, `gensim` is the well-known library, `glove` vectors that others trained on six billion words. In 02, `waveform_cnn` is a network of the same size on raw samples, trained like `without_augmentation`; `linear_mean_spectrum` knows what sounds but not when.

What takes longer than a lecture is stored in [data/experiments/](../data/experiments/): scores over three seeds, lecture 01's race with gensim's C code, lecture 03's of losses, batches and words, lecture 04's of three decoders, lecture 06's of glances and a transformer, lecture 07's of teachers, and lecture 12's of texts. `python -m data.build.experiments 03_joint_embedding` makes a lecture's file again, from the lecture's own cells.
"""  # noqa: E501

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
    ("12", "what lies beside what is heard, long run", "two_step_long_run",
     {"blind": "two_step_blind"}, {"deaf": "two_step_deaf"}, {"thing named": "two_step_long_run_named"}),
]  # fmt: skip


def over_seeds(run):
    """What is stored of a lecture's seeds, `{metric: Spread}`; nothing where there are not two of them."""
    try:
        return {name: some for name, some in stored(run["notebook"])["lecture"].items() if len(some.values) > 1}
    except CourseError:
        return {}


def summary(runs):
    """A row for each headline whose lecture has run, `{"05": row}`: its score, what it stands beside, its cost."""
    lines = {}
    for start, what, figure, *beside in HEADLINES:
        for run in (run for run in runs if run["notebook"].startswith(start)):
            values, spread = run["figures"] | run["baselines"], over_seeds(run).get(figure)
            others = [", ".join(f"{number(values[key])} {label}" for label, key in some.items()) for some in beside]
            cells = [f"[{start}](notebooks/{run['notebook']}.ipynb) {what}", f"**{number(values[figure])}**"]
            cells[1] += f" ({spread})" if spread else ""
            cells += [*others, f"{run['seconds']:.0f} s, {run['peak_memory_mb'] / 1000:.2f} GB"]
            lines[start] = f"| {' | '.join(cells)} |\n"
    return lines


def sections(runs):
    """All scores of each lecture that has run, `{"05": section}`."""
    return {
        r["notebook"][:2]: f"\n## {r['notebook']}\n[The lecture](../notebooks/{r['notebook']}.ipynb): {clock(r)}\n\n"
        f"{HEADER}{rows(r, over_seeds(r))}\n"
        for r in runs
    }


def joined(old, pattern, new):
    """The parts that the pattern finds in a page, by their lecture's number, replaced by what is new."""
    parts = {part[1]: part[0] for part in re.finditer(pattern, old, re.S | re.M)} | new
    return "".join(parts[number] for number in sorted(parts))


def update_pages(names=()):
    """Writes the tables of `results/NN_name.json`: of all that are there, or of the names alone. The rest stays."""
    files = [ROOT / "results" / f"{name}.json" for name in names] or sorted((ROOT / "results").glob("[0-9]*.json"))
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in files]
    readme, results = ROOT / "README.md", ROOT / "docs" / "results.md"
    page = readme.read_text(encoding="utf-8")
    table = joined(BETWEEN_MARKS.search(page)[0], r"^\| \[(\d\d)\].*?\n", summary(runs))
    readme.write_text(BETWEEN_MARKS.sub(lambda _: f"\n{COLUMNS}{table}\n", page), encoding="utf-8")
    old = results.read_text(encoding="utf-8") if results.exists() else ""
    results.write_text(HEAD + joined(old, r"\n## (\d\d)_.*?(?=\n## |\Z)", sections(runs)), encoding="utf-8")


if __name__ == "__main__":
    update_pages(sys.argv[1:])
