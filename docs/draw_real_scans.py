"""Draws the picture of the README: a patient whose T2 a model has made that learned from one other patient.

The scans are those of Lesjak et al. (2017, doi:10.1007/s12021-017-9348-7), CC-BY 4.0, skull-stripped: a folder with
``patient19`` and ``patient26``. It trains on patient 26 and translates patient 19; a run that is there already is drawn
as it is. The picture that is kept has 445 steps, about four minutes of one core::

    python docs/draw_real_scans.py ../shared/data/open_ms --out real --minutes 5
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

import voxlate
from voxlate.evaluation.scores import Score
from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.drawing.panels import draw_translation
from voxlate.reporting.fidelity.pictures import panel_of
from voxlate.verbs import resolve_recipe

PICTURE = Path(__file__).parent / "images" / "real-t1-to-t2.png"
SETTINGS = {
    "plan.split.train": ["patient26"],
    "plan.split.test": ["patient19"],
    "method.network": {"name": "unet", "channels": [16, 32, 64, 128, 128]},
    "training.epochs": None,
    "training.batch_size": 4,
    "training.learning_rate": 0.002,
    "training.schedule": "cosine",
    "training.validate_every": 5000,
    "training.augmentation.elastic": 0.8,
    "training.augmentation.elastic_sd_voxels": 8,
}


def main() -> None:
    """Trains, evaluates and draws."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=5)
    asked = parser.parse_args()
    run, out = asked.out / "run", asked.out / "evaluation"
    if not (run / "bundle").is_dir():
        overrides = {**SETTINGS, "training.minutes": asked.minutes}
        recipe = resolve_recipe("t1-to-t2-fcn", source=["t1"], target="t2", overrides=overrides)
        voxlate.train(asked.data, recipe=recipe, out=run)
    print(voxlate.evaluate(run, asked.data, out=out).sentence)  # noqa: T201  a script
    [kept] = (out / "evidence").glob("*.npz")
    with np.load(kept) as file:
        arrays = dict(file)
    with (out / "scores.csv").open(encoding="utf-8", newline="") as table:
        scores = [Score(**{**row, "value": float(row["value"] or "nan")}) for row in csv.DictReader(table)]
    panel = panel_of(arrays, scores, case="patient19", source="t1", target="t2")
    heading = "A real patient that the model has not seen"
    PICTURE.write_bytes(to_png(draw_translation(panel, planes=("axial", "sagittal"), heading=heading)))


if __name__ == "__main__":
    main()
