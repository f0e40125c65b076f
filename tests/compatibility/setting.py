"""What the fixture was made from, and is tested with: phantom cohorts, scans, and how long runs and searches are."""

from __future__ import annotations

import shutil
from pathlib import Path

import nibabel
import numpy as np
import yaml

import voxlate

STEPS, RESUMED = 4, 6
TRIALS, CONTINUED = 2, 3
COHORTS = {"translation": "scans", "segmentation": "labelled"}
SCANS = {
    "translation": "Phantom-00001-000/Phantom-00001-000-t1n.nii.gz",
    "segmentation": "Phantom-00001-000/Phantom-00001-000-t2w.nii.gz",
}
"""A scan in the cohort ``labelled`` for each run."""


def draw_cohorts(folder: Path) -> None:
    """``labelled``, and ``scans``, the same without label maps: so there are few regions to score."""
    voxlate.phantom(folder / "labelled", cases=5, seed=11, size=16, contrasts=["t1", "t2"])
    shutil.copytree(folder / "labelled", folder / "scans")
    for path in (folder / "scans").rglob("*-seg.*"):
        path.unlink()


def longer(recipe: Path, out: Path) -> Path:
    """A recipe file with another budget, which is what a run may be resumed with."""
    fields = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    fields["training"]["steps"] = RESUMED
    out.write_text(yaml.safe_dump(fields, sort_keys=False), encoding="utf-8")
    return out


def voxels_of(path: Path) -> list[float]:
    """One of 27 voxels of an image."""
    return [float(value) for value in np.asarray(nibabel.load(path).dataobj)[1::3, 1::3, 1::3].ravel()]
