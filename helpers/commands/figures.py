"""README's tables from results/NN_name.json and tests/benchmarks/seeds.json: one row a lecture, then every figure.

python -m helpers.commands.figures
"""

import json
import re
from pathlib import Path

from helpers.scoreboard import HEADER, clock, number, rows

ROOT = Path(__file__).resolve().parents[2]
BETWEEN_MARKS = re.compile(r"(?<=<!-- figures: made by `make figures` -->\n).*?(?=<!-- end of figures -->)", re.S)
NAMES = """Names of figures are those of the lectures' last tables. In bold this run, in brackets the mean and spread
over three seeds (± 0: the seed changes nothing, as where a stored network does the work), then what it is
measured against. `chance`, `random`, `blind`, `majority`, `question_only` and `shuffled` cannot know the
answer; `counts`, `mfcc_linear`, `nmf`, `ridge`, `neighbours` and `nearest` are classical ways; `real`,
`supervised` and `ideal` are ceilings. In 01, `gensim` is the well-known library, `glove` vectors that
others trained on six billion words. In 02, `waveform_cnn` is the same network on raw samples,
`linear_mean_spectrum` knows what sounds but not when, and an error's `float32` is the same comparison in
single precision. In 04, `_long_run` was trained beforehand by the same cells, and the rest is what you
watch. In 05, 06 and 09 it is the other way round: `_live_run` is what you watch (in 09, for the voices)."""
HEADLINES = [  # lecture, what is measured, its figure; beside it {name: key}: cannot know, a simpler way, the ceiling
    ("00", "group of an emoji, from picture and name", "accuracy_both",
     {"chance": "chance"}, {"name only": "accuracy_second_only"}, {}),
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
     {"blind": "bleu4_attend_blind"}, {"nearest": "bleu4_attend_nearest"}, {"true captions": "bleu4_attend_grammar"}),
    ("05", "drawings of the kind asked for, long run", "class_accuracy",
     {"chance": "class_accuracy_chance"}, {"mean picture": "class_accuracy_mean_picture"},
     {"real drawings": "class_accuracy_real_held_out"}),
    ("06", "answers, long run", "accuracy_attention",
     {"question only": "question_only"}, {"product": "accuracy"}, {}),
    ("07", "instruments, learned without their names", "student_accuracy_heldout_notes",
     {"chance": "student_accuracy_heldout_notes_chance"},
     {"MFCC": "student_accuracy_heldout_notes_mfcc_linear"}, {}),
    ("08", "sounds made for pictures, judged right", "generated_note_accuracy",
     {"chance": "generated_note_accuracy_chance"}, {"mean sound": "generated_note_accuracy_mean_spectrogram"},
     {"real notes": "generated_note_accuracy_real_notes"}),
    ("09", "pointing at what sounds", "localisation_accuracy",
     {"another sound": "localisation_accuracy_shuffled_sound"}, {"ridge": "localisation_accuracy_ridge"},
     {"with boxes": "localisation_accuracy_supervised"}),
    ("09", "two voices parted, dB of SI-SDR gained, long run", "si_sdr_improvement",
     {"mixture": "mixture"}, {"NMF": "nmf"}, {"ideal mask": "ideal_ratio_mask"}),
]  # fmt: skip


def summary(runs, seeds):
    """A row for each headline whose lecture has run: its figure, what it is measured against, seconds and memory."""
    lines = ["| lecture: what is measured | this run | cannot know | a simpler way | ceiling | time, memory |"]
    lines += ["|---|---|---|---|---|---|"]
    for start, what, figure, *beside in HEADLINES:
        for run in (run for run in runs if run["notebook"].startswith(start)):
            values, spread = run["figures"] | run["baselines"], seeds.get(run["notebook"], {}).get("figures", {})
            others = [", ".join(f"{number(values[key])} {label}" for label, key in some.items()) for some in beside]
            over = spread.get(figure)
            over = f" ({number(over['mean'])} ± {over['spread']:.1g})" if over else ""
            cells = [f"[{start}](notebooks/{run['notebook']}.ipynb) {what}", f"**{number(values[figure])}**{over}"]
            cells += [*others, f"{run['seconds']:.0f} s, {run['peak_memory_mb'] / 1000:.2f} GB"]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def update_readme():
    """Writes the tables of all `results/*.json` into README.md, between its two marks."""
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "results").glob("*.json"))]
    seeds = json.loads((ROOT / "tests" / "benchmarks" / "seeds.json").read_text(encoding="utf-8"))
    tables = [
        f"**[{r['notebook']}](notebooks/{r['notebook']}.ipynb)**: {clock(r)}\n\n"
        f"{HEADER}{rows(r, seeds.get(r['notebook'], {}).get('figures'))}\n"
        for r in runs
    ]
    every = (
        "<details><summary>Every figure of every lecture</summary>\n\n"
        + NAMES
        + "\n\n"
        + "\n".join(tables)
        + "\n</details>\n"
    )
    readme = ROOT / "README.md"
    readme.write_text(
        BETWEEN_MARKS.sub(lambda _: f"\n{summary(runs, seeds)}\n\n{every}\n", readme.read_text(encoding="utf-8")),
        encoding="utf-8",
    )


if __name__ == "__main__":
    update_readme()
