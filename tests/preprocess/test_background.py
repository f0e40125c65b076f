"""The background of a target whose files were z-scored: what lies around the patient there, not 0, which is tissue."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from voxlate.cohort import Case
from voxlate.config.plan import PlanOptions
from voxlate.contrast import get_contrast
from voxlate.preprocess.fingerprint import take_fingerprint
from voxlate.preprocess.plan import Plan, make_plan
from voxlate.preprocess.prepare import prepare_case, restore


def _case(folder: Path, *, outside: float) -> Case:
    rng = np.random.default_rng(3)
    inside = np.zeros((24, 24, 24), bool)
    inside[6:18, 6:18, 6:18] = True
    source = np.where(inside, rng.uniform(100, 200, inside.shape), 0).astype(np.float32)
    target = np.where(inside, rng.normal(0.5, 0.4, inside.shape), outside).astype(np.float32)
    paths = {}
    for name, array in (("t1", source), ("t2", target)):
        paths[name] = folder / f"{name}.nii.gz"
        nib.save(nib.Nifti1Image(array, np.eye(4)), paths[name])
    return Case(id="a", subject="a", paths=paths, attributes={})


@pytest.mark.parametrize("normalise", ["zscore", "percentile", "none"])
@pytest.mark.parametrize(("outside", "written"), [(-0.75, -0.75), (0.0, 0.0), (-32768.0, 0.0)])
def test_what_is_written_around_the_foreground(normalise: str, outside: float, written: float, tmp_path: Path) -> None:
    case = _case(tmp_path, outside=outside)
    options = PlanOptions.model_validate({"normalise": {"t2": normalise}})
    plan = make_plan(take_fingerprint([case], ("t1", "t2"), options=options), options, source=["t1"], target="t2")
    assert Plan.from_yaml(plan.to_yaml()) == plan
    prepared = prepare_case(case, plan, contrasts=("t1", "t2"))
    array = np.asarray(prepared.arrays["t2"][:])
    made = restore(array, prepared, normaliser=plan.normalisers["t2"], contrast=get_contrast("t2"))
    truth = nib.load(case.paths["t2"]).get_fdata()
    mask = nib.load(case.paths["t1"]).get_fdata() > 0
    np.testing.assert_allclose(made.array[mask], truth[mask], atol=2e-4)
    assert set(np.unique(made.array[~mask])) == {np.float32(written)}
