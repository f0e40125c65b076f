"""The data path of a volume: read, prepare, sample, write; and the preflight of a cohort."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
from harness import Comparison, growing
from inputs import WHOLE, recipe_of, write_cohort
from monai.data import PersistentDataset
from monai.transforms import (
    Compose,
    EnsureChannelFirstd,
    LoadImaged,
    Orientationd,
    RandSpatialCropd,
    ScaleIntensityRangePercentilesd,
)

from voxlate.cohort import index_cohort
from voxlate.cohort.preflight.checks import preflight
from voxlate.io import read_volume, write_volume
from voxlate.preprocess.fingerprint import take_fingerprint
from voxlate.preprocess.plan import make_plan
from voxlate.preprocess.prepare import prepare_case
from voxlate.preprocess.store import PreparedStore
from voxlate.training.loop.batches import training_samples

_DICTIONARY = "MONAI's dictionary transforms"


def data_path(folder: Path) -> Iterator[Comparison]:
    """Read, write, prepare, sample."""
    cases = index_cohort(write_cohort(folder / "data", cases=1, shape=WHOLE)).cases
    path, size = cases[0].paths["t1"], " x ".join(map(str, WHOLE))
    volume = read_volume(path)

    def usual_read() -> np.ndarray:
        return nibabel.load(path).get_fdata()

    yield Comparison("read .nii.gz", size, lambda: read_volume(path).array, usual_read, "nibabel get_fdata", 1e-6)
    grey = volume.array.astype(np.float32)

    def write() -> np.ndarray:
        write_volume(volume.with_array(grey), folder / "ours.nii.gz", overwrite=True)
        return np.zeros(1)

    def usual_write() -> np.ndarray:
        nibabel.save(nibabel.Nifti1Image(grey, volume.affine), folder / "usual.nii.gz")
        return np.zeros(1)

    yield Comparison("write float32 .nii.gz", size, write, usual_write, "nibabel save")
    recipe = recipe_of({})
    plan = make_plan(
        take_fingerprint(cases, ("t1", "t2"), options=recipe.plan), recipe.plan, source=("t1",), target="t2"
    )
    keys = ["t1", "t2"]
    loaded = Compose(
        [
            LoadImaged(keys, image_only=True),
            EnsureChannelFirstd(keys),
            Orientationd(keys, "RAS", labels=None),
            ScaleIntensityRangePercentilesd(keys, 1, 99, 0, 1),
        ]
    )
    files = {name: str(cases[0].paths[name]) for name in keys}

    def ours() -> object:
        return prepare_case(cases[0], plan, contrasts=("t1", "t2")).arrays

    yield Comparison("prepare a case of two", size, lambda: bool(ours()), lambda: bool(loaded(files)), _DICTIONARY)
    store = PreparedStore(folder / "store", plan, ("t1", "t2"))
    store.prepare(cases)
    for name, window, crop in (
        ("a patch", {"window.kind": "patches", "window.size": [96] * 3}, (96,) * 3),
        ("a slice", {"window.kind": "slices", "window.size": [128, 128], "window.axis": 2}, (128, 128, 1)),
    ):
        wanted = recipe_of({**window, "training.batch_size": 1, "training.samples_per_case": 1})
        samples = training_samples(store, [cases[0].id], wanted, divisor=8)
        kept = PersistentDataset(
            [files], Compose([loaded, RandSpatialCropd(keys, crop, random_size=False)]), folder / "kept"
        )
        title = f"sample {name} of {' x '.join(map(str, crop))}"
        ours_now, usual = (lambda s=samples: bool(s[0])), (lambda k=kept: bool(k[0]))
        yield Comparison(title, size, ours_now, usual, "MONAI PersistentDataset", goal=10.0, repeats=9)


def checking(folder: Path) -> Iterator[Comparison]:
    """The preflight, on ever more cases."""
    cohort = write_cohort(folder / "many", cases=8, shape=(128, 128, 24))
    cases = index_cohort(cohort)

    def check(count: int) -> int:
        return len(preflight(replace(cases, cases=cases.cases[:count]), source=["t1"], target="t2"))

    yield from growing("preflight", [(f"{n} cases of 128 x 128 x 24", lambda n=n: check(n)) for n in (4, 8)])
