"""What a comparison does with label maps that are doubtful, refused, or read as the plan accepts."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from tests.preprocess.samples import affine_of, head, make_case, painted
from voxlate.cohort.case import Case
from voxlate.cohort.labels.labelling import labelling_of
from voxlate.config.plan import PlanOptions, Reading
from voxlate.contrast import get_contrast
from voxlate.evaluation.fidelity.comparison import Comparison, compare
from voxlate.io import read_volume
from voxlate.methods.baselines import Lookup
from voxlate.preprocess.fingerprint import take_fingerprint
from voxlate.preprocess.plan import make_plan
from voxlate.preprocess.prepare import prepare_case

SHAPE = (24, 22, 20)
LABELS = head(SHAPE)


def _case(folder: Path, *, conflict: bool = False, factor: float = 1) -> Case:
    affine = affine_of()
    t1, t2 = (
        painted(LABELS, values, noise=4, seed=n) for n, values in enumerate([(0, 300, 200, 120), (0, 90, 150, 400)])
    )
    case = make_case(folder, {"t1": (t1, affine), "t2": (t2, affine), "labels": (LABELS * factor, affine)})
    for path in case.paths.values() if conflict else ():
        image = nib.load(path)
        moved = affine.copy()
        moved[0, 3] += 3
        image.set_sform(affine, 1)
        image.set_qform(moved, 1)
        nib.save(image, path)
    return case


def _compared(case: Case, reading: Reading) -> Comparison:
    options = PlanOptions(reading=reading)
    plan = make_plan(take_fingerprint([case], ["t1", "t2"], options=options), options, source=["t1"], target="t2")
    prepared = prepare_case(case, plan, contrasts=("t1", "t2"))
    pairs = [(np.asarray(prepared.arrays["t1"]), np.asarray(prepared.arrays["t2"]), np.asarray(prepared.mask))]
    predicted = {"model": read_volume(case.paths["t2"], contrast=get_contrast("t2"), reading=reading)}
    return compare(case, plan, predicted, scaling=prepared.scalings["t2"], lookup=Lookup.fit(pairs))


def test_what_the_plan_accepts_holds_for_the_label_map(tmp_path: Path) -> None:
    found = _compared(_case(tmp_path, conflict=True), Reading(on_affine_conflict="sform"))
    assert found.labels is not None
    assert set(np.unique(found.labels)) == {0, 1, 2, 3}


def test_a_refused_label_map_costs_its_regions_and_not_the_case(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    case = _case(tmp_path, factor=0.3)
    labelling_of([case])
    found = _compared(case, Reading())
    assert found.labels is None
    assert set(found.methods) == {"identity", "lookup", "model"}
    assert caplog.text.count("has no scores of its regions") == 1, "told once, also where the names were looked for"
