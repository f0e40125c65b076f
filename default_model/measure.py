"""Scores a model on real patients that it has not seen, beside identity and the lookup fitted on the other patients.

    python default_model/measure.py held-out/run --data ../shared/data --out held-out/measured [--case patient26]

Prints a table and writes ``measured.csv``: for each patient and question the mean absolute error inside the foreground,
and inside the lesions where the target is FLAIR, in the units that the model works in (the brain's core is 1/2), and a
picture of each answer.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scans import list_patients

from voxlate.cohort import Case
from voxlate.contrast import get_contrast
from voxlate.inference.model import Model, load_model
from voxlate.methods.baselines import Lookup
from voxlate.metrics import metrics_of
from voxlate.preprocess.prepare import PreparedCase, prepare_case
from voxlate.question import Query
from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.drawing.panels import Panel, draw_translation
from voxlate.roles import MODEL

QUESTIONS = ("t1>t2", "t1>flair", "t2>flair", "t1c>t1", "t1+t2>flair")


def main() -> None:
    """Scores, prints and draws."""
    options = _options()
    options.out.mkdir(parents=True, exist_ok=True)
    model, names = load_model(options.model), ("t1", "t1c", "t2", "flair", "labels")
    cases = [Case(name, name, files) for name, files in list_patients(options.data).items()]
    prepared = {case.id: prepare_case(case, model.bundle.plan, contrasts=names) for case in cases}
    rows = []
    for case in cases:
        if case.id not in (options.case or prepared):
            continue
        seen = " (trained on)" if model.has_seen(case) else ""
        others = [one for name, one in prepared.items() if name != case.id]
        for question in map(Query.of_key, QUESTIONS):
            rows += _scored(model, prepared[case.id], others, question=question, seen=seen, out=options.out)
    with (options.out / "measured.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        print("  ".join(f"{value:<22}" if key == "case" else f"{value:<14}" for key, value in row.items()))
    won = [row for row in rows if float(row["model"]) < min(float(row["identity"]), float(row["lookup"]))]
    print(f"below both baselines in {len(won)} of {len(rows)}")


def _scored(
    model: Model, case: PreparedCase, others: Sequence[PreparedCase], *, question: Query, seen: str, out: Path
) -> list[dict[str, str]]:
    """A row for the foreground, and one for the lesions of a FLAIR."""
    asked = model.asked(question.sources, question.target)
    first, target = question.sources[0], question.target
    lookup = Lookup.fit((one.arrays[first], one.arrays[target], one.mask) for one in others)
    source, truth, mask = (np.asarray(one[:]) for one in (case.arrays[first], case.arrays[target], case.mask))
    found = {"identity": source, "lookup": lookup.apply(source), MODEL: asked.predictions(case)[MODEL]}
    lesion = mask & (np.asarray(case.arrays["labels"][:]) > 0)
    regions = {"foreground": mask, **({"lesion": lesion} if target == "flair" else {})}
    mae = metrics_of("voxelwise")["mae"]
    about = {"case": case.case_id + seen, "question": question.key}
    rows = []
    for region, inside in regions.items():
        errors = {name: mae(one, truth, mask=inside, data_range=1.0) for name, one in found.items()}
        rows.append({**about, "region": region, **{name: f"{error:.4f}" for name, error in errors.items()}})
    panel = Panel(
        f"{case.case_id}: {question.words}",
        {get_contrast(name).title: np.asarray(case.arrays[name][:]) * mask for name in question.sources},
        found[MODEL] * mask,
        truth * mask,
        get_contrast(target).title,
        spacing_mm=case.grid.spacing_mm,
        mask=mask,
        lesion=lesion,
        numbers=tuple(f"MAE, {row['region']}: {row[MODEL]}, lookup {row['lookup']}" for row in rows),
    )
    name = f"{case.case_id}_{question.key.replace('>', '_to_')}.png"
    (out / name).write_bytes(to_png(draw_translation(panel, planes=("axial", "sagittal"))))
    return rows


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="a run or a bundle")
    parser.add_argument("--data", type=Path, required=True, help="the folder with open_ms")
    parser.add_argument("--out", type=Path, required=True, help="a folder for the table and the pictures")
    parser.add_argument("--case", action="append", help="a patient to score; by default each")
    return parser.parse_args()


if __name__ == "__main__":
    main()
