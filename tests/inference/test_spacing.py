"""A scan of another voxel size than every training scan had is brought to theirs, and its result back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import voxlate
from voxlate.bundle.bundle import Bundle, read_bundle
from voxlate.cohort import Case, index_cohort
from voxlate.config.window import WindowOptions
from voxlate.inference.model import load_model
from voxlate.inference.spacing import plan_for
from voxlate.io import Provenance, read_provenance, read_volume, write_volume
from voxlate.preprocess.resampling import resample, spacing_grid
from voxlate.volume import Volume


@pytest.fixture(scope="module")
def bundle(trained: Path) -> Bundle:
    """A model of slices along the third axis."""
    return read_bundle(trained)


def _case(folder: Path, scale: tuple[float, float, float], bundle: Bundle) -> Case:
    """An empty scan whose spacing is so many times that of the training scans."""
    affine = np.diag([*np.multiply(bundle.fingerprint.spacing_mm, scale), 1.0])
    path = write_volume(Volume(np.zeros((4, 5, 6), np.float32), affine), folder / "t1.nii.gz", overwrite=True)
    return Case("a", "a", {"t1": path})


def _seeing(bundle: Bundle, **window: object) -> Bundle:
    options = WindowOptions.model_validate({**bundle.recipe.window.model_dump(), **window})
    return replace(bundle, recipe=bundle.recipe.model_copy(update={"window": options}))


@pytest.mark.parametrize("scale", [(1, 1, 1), (1.09, 0.92, 1), (1, 1, 4), (1, 1, 0.3)])
def test_a_scan_of_nearly_their_size_keeps_its_voxels(tmp_path: Path, bundle: Bundle, scale: tuple) -> None:
    """And one that is thicker in a direction that slices do not look along."""
    assert plan_for(_case(tmp_path, scale, bundle), bundle.plan, bundle) == (bundle.plan, ())


def test_one_slice_of_another_direction_is_told(tmp_path: Path, bundle: Bundle) -> None:
    affine = np.diag([*bundle.fingerprint.spacing_mm, 1.0])
    path = write_volume(Volume(np.zeros((8, 1, 8), np.float32), affine), tmp_path / "t1.nii.gz")
    _, (note,) = plan_for(Case("a", "a", {"t1": path}), bundle.plan, bundle)
    assert note.startswith("it is one coronal slice, of which the model's axial slices show lines")


@pytest.mark.parametrize("scale", [(0.5, 0.5, 0.5), (2, 2, 1), (1, 1.2, 1), (0.8, 1, 3)])
def test_another_size_in_the_slice_is_resampled_in_the_slice_alone(
    tmp_path: Path, bundle: Bundle, scale: tuple
) -> None:
    case = _case(tmp_path, scale, bundle)
    plan, (note,) = plan_for(case, bundle.plan, bundle)
    right, front, head = bundle.fingerprint.spacing_mm
    assert plan.spacing_mm == pytest.approx((right, front, head * scale[2]), rel=1e-5)
    assert "spacing" in note
    assert "resampled" in note


@pytest.mark.parametrize("window", [{"neighbours": 1}, {"axis": (2, 0)}, {"kind": "volume"}, {"kind": "patches"}])
def test_whoever_looks_along_every_axis_is_told_about_every_axis(
    tmp_path: Path, bundle: Bundle, window: dict[str, object]
) -> None:
    whole = _seeing(bundle, **{**window, **({"size": (8, 8, 8)} if window.get("kind") == "patches" else {})})
    plan, notes = plan_for(_case(tmp_path, (1, 1, 2), bundle), bundle.plan, whole)
    assert plan.spacing_mm == bundle.fingerprint.spacing_mm
    assert notes


def test_a_plan_with_a_spacing_and_a_mixed_cohort_are_left_alone(tmp_path: Path, bundle: Bundle) -> None:
    case = _case(tmp_path, (0.5, 0.5, 0.5), bundle)
    named = bundle.plan.model_copy(update={"spacing_mm": (1.0, 1.0, 1.0)})
    assert plan_for(case, named, bundle) == (named, ())
    mixed = replace(bundle, fingerprint=bundle.fingerprint.model_copy(update={"spacing_varies": True}))
    assert plan_for(case, bundle.plan, mixed) == (bundle.plan, ())


def test_who_wants_it_otherwise_says_so(tmp_path: Path, trained: Path, bundle: Bundle) -> None:
    model = load_model(trained).accepting({"on_spacing": "keep"})
    plan, (note,) = plan_for(_case(tmp_path, (0.5, 0.5, 0.5), bundle), model.bundle.plan, model.bundle)
    assert plan.spacing_mm is None
    assert "kept" in note


def test_a_finer_scan_is_translated_as_the_coarse_one_is(tmp_path: Path, trained: Path, phantom_cohort: Path) -> None:
    """Of one head on two grids: each result lies on its own, and they agree better than without the repair."""
    scan = read_volume(index_cohort(phantom_cohort).cases[0].paths["t1"])
    half = np.divide(scan.spacing_mm, 2)
    fine = spacing_grid(scan.grid, (half[0], half[1], half[2]))
    write_volume(Volume(resample(scan.array, scan.grid, fine), fine.affine), tmp_path / "fine.nii.gz")
    write_volume(scan, tmp_path / "coarse.nii.gz")
    asked = {"coarse": {}, "fine": {}, "kept": {"on_spacing": "keep"}}
    for name, accept in asked.items():
        given = tmp_path / f"{'fine' if name == 'kept' else name}.nii.gz"
        voxlate.translate(trained, given, out=tmp_path / f"{name}-t2.nii.gz", accept=accept)
    made = {name: read_volume(tmp_path / f"{name}-t2.nii.gz") for name in asked}
    told = {name: " ".join(_told(tmp_path / f"{name}-t2.nii.gz").notes) for name in asked}
    assert made["fine"].grid.matches(fine, tolerance_mm=1e-3)
    likeness = {name: _likeness(made["coarse"], made[name]) for name in ("fine", "kept")}
    assert likeness["fine"] > likeness["kept"]
    assert "so it was resampled" in told["fine"]
    assert "kept as asked" in told["kept"]
    assert "training scans" not in told["coarse"]


def _told(path: Path) -> Provenance:
    told = read_provenance(path)
    assert told is not None
    return told


def _likeness(one: Volume, other: Volume) -> float:
    back = resample(other.array, other.grid, one.grid)
    inside = (one.array > 0) & (back > 0)
    return float(np.corrcoef(back[inside], one.array[inside])[0, 1])
