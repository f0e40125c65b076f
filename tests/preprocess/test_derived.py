"""Derived contrasts in prepared cases: from raw values, on the reference's grid, unless there is a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.preprocess.samples import affine_of, head, painted
from voxlate.cohort.case import Case
from voxlate.config.plan import PlanOptions
from voxlate.errors import CohortError, ReadError, UsageError
from voxlate.preprocess.fingerprint import take_fingerprint
from voxlate.preprocess.plan import Plan, make_plan
from voxlate.preprocess.prepare import PreparedCase, prepare_case
from voxlate.preprocess.store import PreparedStore

SHAPE = (24, 28, 20)
DERIVE = {
    "fat": {"operation": "subtract", "of": ["in_phase", "out_phase"], "scale": 0.5},
    "water": {"operation": "add", "of": ["in_phase", "out_phase"], "scale": 0.5},
    "derived_fraction": {"operation": "divide", "of": ["fat", "in_phase"], "guard": 40},
}
SOURCE = ("in_phase", "out_phase", "fat", "water", "derived_fraction")


def _write(path: Path, array: NDArray[Any], **affine: Any) -> Path:
    image = nib.Nifti1Image(array, affine_of(**affine))
    image.set_sform(image.affine, 1)
    image.set_qform(image.affine, 1)
    nib.save(image, path)
    return path


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """In-phase and CT on one grid, the opposed phase flipped and stored with a scale of its own."""
    labels = head(SHAPE)
    in_phase = painted(labels, (0, 300, 500, 420), noise=9)
    out_phase = painted(labels, (0, 20, 480, 410), noise=9, seed=2)
    ct = painted(labels, (-1000, -90, 40, 30), noise=4, seed=3)
    order = {"signs": (-1, 1, 1), "origin": (-10.0 + SHAPE[0] - 1, 5.0, 3.0)}
    paths = {
        "in_phase": _write(tmp_path / "in_phase.nii.gz", in_phase),
        "out_phase": _write(tmp_path / "out_phase.nii.gz", np.ascontiguousarray(out_phase[::-1]), **order),
        "ct": _write(tmp_path / "ct.nii.gz", ct),
    }
    return Case("a", "a", paths)


def _plan(case: Case, *, source: tuple[str, ...] = SOURCE, **options: Any) -> Plan:
    settings = PlanOptions.model_validate({"derive": DERIVE, **options})
    fingerprint = take_fingerprint([case], (*source, "ct"), options=settings)
    return make_plan(fingerprint, settings, source=source, target="ct")


def _physical(prepared: PreparedCase, name: str) -> NDArray[np.float32]:
    return prepared.scalings[name].invert(np.asarray(prepared.arrays[name]))


def test_arithmetic_is_that_of_the_files_on_the_references_grid(case: Case) -> None:
    plan = _plan(case)
    prepared = prepare_case(case, plan, contrasts=(*SOURCE, "ct"))
    one, other = (_physical(prepared, name) for name in ("in_phase", "out_phase"))
    assert one[10, 12, 10] > 300
    np.testing.assert_allclose(_physical(prepared, "fat"), (one - other) / 2, atol=1e-3)
    np.testing.assert_allclose(_physical(prepared, "water"), (one + other) / 2, atol=1e-3)
    inside = np.asarray(prepared.mask)
    fraction = _physical(prepared, "derived_fraction")
    signal = one > 40.1
    np.testing.assert_allclose(fraction[signal], ((one - other) / 2)[signal] / one[signal], atol=1e-5)
    assert not fraction[abs(one) < 39.9].any()
    # Each is normalised by its own percentiles.
    for name in SOURCE:
        low, high = np.percentile(np.asarray(prepared.arrays[name])[inside], (0.5, 99.5))
        assert (low, high) == (pytest.approx(0, abs=1e-5), pytest.approx(1, abs=1e-5))
    assert "fat: derived as 0.5 (in_phase - out_phase)" in prepared.notes


def test_plan_knows_derived_contrasts_and_survives_yaml(case: Case) -> None:
    plan = _plan(case)
    assert plan.reference == "in_phase"
    assert set(plan.normalisers) == {*SOURCE, "ct"}
    assert Plan.from_yaml(plan.to_yaml()) == plan
    old = plan.model_dump(mode="json")
    del old["derive"]
    assert Plan.model_validate({**old, "source": ["in_phase"]}).derive == {}  # as bundles were before


def test_plan_leaves_out_what_its_sources_do_not_need(case: Case) -> None:
    assert _plan(case, source=("in_phase",)).derive == {}
    assert set(_plan(case, source=("derived_fraction",)).derive) == {"fat", "derived_fraction"}


def test_fingerprint_sees_what_prepared_cases_hold(case: Case) -> None:
    settings = PlanOptions.model_validate({"derive": DERIVE})
    seen = take_fingerprint([case], ("fat", "ct"), options=settings)
    assert (seen.reference, sorted(seen.contrasts)) == ("in_phase", ["ct", "fat"])
    prepared = prepare_case(case, _plan(case, source=("fat",)), contrasts=["fat"])
    assert seen.contrasts["fat"].percentile.scale == pytest.approx(prepared.scalings["fat"].scale, rel=1e-5)


def test_order_of_sources_decides_the_reference_through_operands(case: Case) -> None:
    assert _plan(case, source=("fat", "out_phase")).reference == "in_phase"
    assert _plan(case, source=("fat",), reference="out_phase").reference == "out_phase"
    with pytest.raises(UsageError, match=r"in_phase, out_phase.*'ct'"):
        _plan(case, source=("fat",), reference="ct")


def test_a_file_comes_before_its_derivation_and_is_told(case: Case, tmp_path: Path) -> None:
    scan = painted(head(SHAPE), (0, 700, 10, 30), noise=3, seed=4)
    with_file = Case("a", "a", {**case.paths, "fat": _write(tmp_path / "fat.nii.gz", scan)})
    plan = _plan(case)
    prepared = prepare_case(with_file, plan, contrasts=SOURCE)
    assert _physical(prepared, "fat").max() > 600
    assert "fat: read from fat.nii.gz, not derived" in prepared.notes
    one = _physical(prepared, "in_phase")
    signal = one > 40.1
    # What is derived from it is derived from the file.
    expected = _physical(prepared, "fat")[signal] / one[signal]
    np.testing.assert_allclose(_physical(prepared, "derived_fraction")[signal], expected, atol=1e-4)
    assert set(plan.files(case)) == {"in_phase", "out_phase"}
    assert set(plan.files(with_file)) == {"in_phase", "out_phase", "fat"}


def test_operands_are_registered_before_they_are_combined(case: Case, tmp_path: Path) -> None:
    moved = nib.load(case.paths["out_phase"])
    shifted = moved.affine.copy()
    shifted[:3, 3] += (3.0, 0.0, 0.0)
    image = nib.Nifti1Image(np.asarray(moved.dataobj), shifted)
    image.set_sform(shifted, 1)
    image.set_qform(shifted, 1)
    nib.save(image, tmp_path / "moved.nii.gz")
    wrong = Case("a", "a", {**case.paths, "out_phase": tmp_path / "moved.nii.gz"})
    truth = _physical(prepare_case(case, _plan(case), contrasts=["fat"]), "fat")
    error = {
        grids: np.abs(_physical(prepare_case(wrong, _plan(wrong, grids=grids), contrasts=["fat"]), "fat") - truth)
        for grids in ("resample", "rigid")
    }
    assert error["rigid"].mean() < 0.5 * error["resample"].mean()


def test_a_missing_operand_and_a_constant_result_are_refused(case: Case) -> None:
    plan = _plan(case)
    without = Case("a", "a", {name: path for name, path in case.paths.items() if name != "out_phase"})
    with pytest.raises(CohortError, match="opposed-phase"):
        prepare_case(without, plan, contrasts=["fat"])
    nothing = {"derived_zero": {"operation": "subtract", "of": ["in_phase", "in_phase"]}}
    with pytest.raises(ReadError, match="case a: derived_zero"):
        _plan(case, source=("in_phase", "derived_zero"), derive=nothing)


def test_the_store_prepares_anew_when_an_operand_changes_or_a_file_appears(case: Case, tmp_path: Path) -> None:
    store = PreparedStore(tmp_path / "store", _plan(case), ["in_phase", "fat"])
    store.prepare([case])
    before = np.asarray(store["a"].arrays["fat"][:])
    scan = painted(head(SHAPE), (0, 700, 10, 30), noise=3, seed=4)
    _write(case.paths["out_phase"], scan)
    store.prepare([case])
    changed = np.asarray(store["a"].arrays["fat"][:])
    assert not np.array_equal(before, changed)
    with_file = Case("a", "a", {**case.paths, "fat": _write(tmp_path / "fat.nii.gz", scan)})
    store.prepare([with_file])
    assert any(note.startswith("fat: read from") for note in store["a"].notes)
    with_other_scale = {**DERIVE, "fat": {**DERIVE["fat"], "scale": 0.25}}
    other = PreparedStore(tmp_path / "store", _plan(case, derive=with_other_scale), ["in_phase", "fat"])
    assert other.folder != store.folder
