from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.preprocess.samples import AXIS_ORDERS, Triple, affine_of, head, make_case, painted
from voxlate.cohort.case import Case
from voxlate.config.plan import PlanOptions
from voxlate.contrast import get_contrast
from voxlate.errors import CohortError, GeometryError, ReadError, WriteError
from voxlate.io import read_volume
from voxlate.preprocess.fingerprint import take_fingerprint
from voxlate.preprocess.orientation import axis_codes, to_ras
from voxlate.preprocess.plan import Plan, make_plan
from voxlate.preprocess.prepare import prepare_case, restore
from voxlate.preprocess.resampling import resample
from voxlate.volume import Grid

SHAPE = (22, 26, 20)
LABELS = head(SHAPE)
T1 = painted(LABELS, (0.0, 300.0, 200.0, 120.0), noise=6)
T1[LABELS == 0] = 0
T2 = painted(LABELS, (0.0, 90.0, 150.0, 400.0), noise=6, seed=3)
CT = painted(LABELS, (-1000.0, 900.0, 40.0, 20.0), noise=8, seed=5).astype(np.int16)
SUITE = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def plan_of(case: Case, *, source: tuple[str, ...] = ("t1",), target: str = "t2", **options: Any) -> Plan:
    chosen = PlanOptions(**options)
    return make_plan(take_fingerprint([case], [*source, target], options=chosen), chosen, source=source, target=target)


@SUITE
@given(
    turn=st.sampled_from(AXIS_ORDERS),
    oblique=st.sampled_from([0.0, 0.0, 13.0, 38.0]),
    margin=st.sampled_from([0, 3, 99]),
)
def test_the_round_trip_is_exact_for_every_axis_order(
    tmp_path_factory: pytest.TempPathFactory, turn: tuple[Triple, Triple], oblique: float, margin: int
) -> None:
    folder = tmp_path_factory.mktemp("round")
    affine = affine_of(*turn, spacing=(1.0, 1.5, 0.8), oblique_degrees=oblique)
    case = make_case(folder, {"t1": (T1, affine), "t2": (T2, affine), "ct": (CT, affine), "labels": (LABELS, affine)})
    plan = plan_of(case, source=("t1", "ct", "labels"), crop_margin_mm=margin)
    prepared = prepare_case(case, plan, contrasts=["t1", "t2", "ct", "labels"])
    assert axis_codes(prepared.grid.affine) == "RAS"
    inside = LABELS > 0
    for name, source, background in (("t1", T1, 0), ("t2", T2, 0), ("ct", CT, -1024), ("labels", LABELS, 0)):
        assert prepared.arrays[name].dtype == np.float32
        back = restore(prepared.arrays[name], prepared, normaliser=prepared.scalings[name], contrast=get_contrast(name))
        assert back.grid.matches(read_volume(case.paths["t1"]).grid, tolerance_mm=1e-6)
        exact = name in ("ct", "labels")
        largest = np.abs(source).max()
        assert np.abs(back.array - source)[inside].max() <= (0 if exact else 4 * np.finfo(np.float32).eps * largest)
        assert (back.array[~inside] == background).all()
        assert back.contrast is not None
        assert back.contrast.name == name
    assert back.array.dtype == np.uint8


def test_left_stays_left() -> None:
    turned = affine_of((0, 1, 2), (-1, -1, 1))
    marked = np.zeros(SHAPE)
    marked[2, 5, 7] = 1  # at large world x: the patient's right
    ras = to_ras(marked, turned)
    assert np.argwhere(ras)[0].tolist() == [SHAPE[0] - 3, SHAPE[1] - 6, 7]


def test_the_arrays_are_cropped_to_the_foreground_and_a_margin(tmp_path: Path) -> None:
    affine = affine_of(spacing=(2.0, 2.0, 2.0))
    case = make_case(tmp_path, {"t1": (T1, affine), "t2": (T2, affine)})
    hits = np.argwhere(LABELS > 0)
    for margin_mm, voxels in ((0.0, 0), (3.0, 2)):
        prepared = prepare_case(case, plan_of(case, crop_margin_mm=margin_mm), contrasts=["t1", "t2"])
        first, last = np.maximum(hits.min(0) - voxels, 0), np.minimum(hits.max(0) + 1 + voxels, SHAPE)
        assert prepared.grid.shape == tuple(last - first)
        block = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
        assert np.array_equal(prepared.mask, (LABELS > 0)[block])
        scaling = prepared.scalings["t2"]
        assert np.array_equal(prepared.arrays["t2"], scaling.apply(T2[block]))


def test_normalised_values_are_of_order_one_inside(tmp_path: Path) -> None:
    case = make_case(tmp_path, {"t1": (T1, affine_of()), "t2": (T2, affine_of()), "ct": (CT, affine_of())})
    prepared = prepare_case(case, plan_of(case, target="ct"), contrasts=["t1", "ct"])
    assert np.allclose(np.percentile(prepared.arrays["t1"][prepared.mask], (0.5, 99.5)), (0, 1), atol=1e-4)
    assert prepared.scalings["ct"].scale == 1000


def test_another_spacing_goes_and_comes_back(tmp_path: Path) -> None:
    affine = affine_of((1, 0, 2), (1, -1, 1), spacing=(1.0, 1.0, 1.0), oblique_degrees=10)
    big = head((60, 64, 56))
    x, y, z = np.indices(big.shape)
    smooth = (100 + x + 0.5 * y + 2 * z).astype(np.float32) * (big > 0)
    case = make_case(tmp_path, {"t1": (smooth, affine), "t2": (smooth * 3, affine), "labels": (big, affine)})
    plan = plan_of(case, spacing_mm=(1.4, 1.1, 1.2))
    prepared = prepare_case(case, plan, contrasts=["t1", "t2", "labels"])
    assert np.allclose(prepared.grid.spacing_mm, (1.4, 1.1, 1.2))
    assert any("resampled" in note for note in prepared.notes)
    back = restore(prepared.arrays["t2"], prepared, normaliser=prepared.scalings["t2"], contrast=get_contrast("t2"))
    assert back.grid.matches(read_volume(case.paths["t1"]).grid)
    from scipy.ndimage import binary_erosion

    deep = binary_erosion(big > 0, iterations=5)
    assert np.abs(back.array - 3 * smooth)[deep].max() < 1.0
    labels = restore(prepared.arrays["labels"], prepared, normaliser=None, contrast=get_contrast("labels"))
    assert set(np.unique(labels.array)) <= {0, 1, 2, 3}
    assert (labels.array == big).mean() > 0.9


def test_whole_scans_are_resized_to_a_number_of_voxels(tmp_path: Path) -> None:
    """As Kathane & Vhora bring 155 slices to 96, whatever of them is cropped afterwards."""
    big = head((40, 44, 36))
    image = (np.arange(big.size, dtype=np.float32).reshape(big.shape) + 100) * (big > 0)
    case = make_case(tmp_path, {"t1": (image, affine_of()), "t2": (image * 3, affine_of())})
    plan = plan_of(case, resize=[None, None, 12], crop_margin_mm=100)
    prepared = prepare_case(case, plan, contrasts=["t1"])
    assert prepared.grid.shape[2] == 12
    assert (
        prepared.grid.shape[:2]
        == prepare_case(case, plan_of(case, crop_margin_mm=100), contrasts=["t1"]).grid.shape[:2]
    )
    assert plan.spacing_for((240, 240, 155), (1.0, 1.0, 1.0)) == pytest.approx((1, 1, 155 / 12))


def other_grid(tmp_path: Path, *, shift: Any = 0.0) -> tuple[Case, NDArray[Any]]:
    """T1 on one grid, T2 of the same head on a finer one in another axis order."""
    affine = affine_of(spacing=(2.0, 2.0, 2.0))
    one = make_case(tmp_path, {"t1": (T1, affine)})
    fine = Grid((48, 44, 56), affine_of((2, 0, 1), (1, -1, 1), spacing=(1.2, 1.1, 1.0), origin=(34.0, 4.0, 2.0)))
    labels = resample(LABELS, Grid(SHAPE, affine), fine, nearest=True)
    moved = np.array(fine.affine)
    moved[0, 3] += shift
    image = painted(labels, (0.0, 90.0, 150.0, 400.0), noise=6)
    two = make_case(tmp_path, {"t2": (image, moved)})
    return make_case(tmp_path, {}, name="none").__class__("one", "one", {**one.paths, **two.paths}, {}), labels


def test_a_contrast_on_another_grid_is_resampled_and_noted(tmp_path: Path) -> None:
    case, _ = other_grid(tmp_path)
    prepared = prepare_case(case, plan_of(case), contrasts=["t1", "t2"])
    assert prepared.arrays["t2"].shape == prepared.grid.shape
    assert any(note.startswith("t2: on a grid of its own") for note in prepared.notes)
    x, y, z = (np.rint(prepared.grid.affine[:3, 3] - affine_of()[:3, 3]) / 2).astype(int)
    i, j, k = prepared.grid.shape
    truth = LABELS[x : x + i, y : y + j, z : z + k]
    values = prepared.scalings["t2"].invert(prepared.arrays["t2"])
    for label, value in ((2, 150), (3, 400)):
        # Smoothing before the coarser grid mixes the finely interwoven tissues a little.
        assert abs(np.median(values[truth == label]) - value) < 40


def test_another_grid_is_refused_where_the_plan_says_so(tmp_path: Path) -> None:
    case, _ = other_grid(tmp_path)
    plan = plan_of(case, grids="refuse")
    with pytest.raises(GeometryError, match=r"t2\.nii\.gz.*the grid of t1"):
        prepare_case(case, plan, contrasts=["t1", "t2"])
    assert prepare_case(case, plan, contrasts=["t1"]).arrays.keys() == {"t1"}


def test_a_displaced_contrast_is_registered_and_the_parameters_noted(tmp_path: Path) -> None:
    aligned, _ = other_grid(tmp_path / "aligned")
    displaced, _ = other_grid(tmp_path / "displaced", shift=7.0)
    plan = plan_of(displaced, grids="rigid")
    found = prepare_case(displaced, plan, contrasts=["t1", "t2"])
    wanted = prepare_case(aligned, plan.model_copy(update={"grids": "resample"}), contrasts=["t1", "t2"])
    assert any("rigid registration" in note for note in found.notes)
    inside = wanted.mask

    def likeness(a: NDArray[Any], b: NDArray[Any]) -> float:
        return np.corrcoef(a[inside], b[inside])[0, 1]

    assert found.transforms["t2"].world[0, 3] == pytest.approx(7.0, abs=1.0)
    assert wanted.transforms == {}
    bent = prepare_case(displaced, plan.model_copy(update={"grids": "deformable"}), contrasts=["t1", "t2"])
    assert bent.transforms.keys() == {"t2"}
    assert any("deformable registration" in note for note in bent.notes)
    assert likeness(bent.arrays["t2"], wanted.arrays["t2"]) > 0.9
    left = prepare_case(displaced, plan.model_copy(update={"grids": "resample"}), contrasts=["t2"])
    assert likeness(found.arrays["t2"], wanted.arrays["t2"]) > 0.9
    assert likeness(found.arrays["t2"], wanted.arrays["t2"]) > likeness(left.arrays["t2"], wanted.arrays["t2"]) + 0.2


def test_a_short_field_of_view_is_filled_and_noted(tmp_path: Path) -> None:
    affine = affine_of()
    lifted = affine.copy()
    lifted[2, 3] += 10
    case = make_case(tmp_path, {"t1": (T1, affine), "ct": (CT[:, :, 10:], lifted)})
    prepared = prepare_case(case, plan_of(case, target="ct"), contrasts=["t1", "ct"])
    assert any("outside its field of view" in note for note in prepared.notes)
    low = int(prepared.grid.affine[2, 3] - affine[2, 3])
    assert (prepared.arrays["ct"][:, :, : 10 - low] == np.float32(-1.024)).all()
    lifted[2, 3] += 500
    apart = make_case(tmp_path, {"t1": (T1, affine), "ct": (CT, lifted)}, name="apart")
    with pytest.raises(GeometryError, match=r"ct\.nii\.gz.*overlap"):
        prepare_case(apart, plan_of(case, target="ct"), contrasts=["t1", "ct"])


def test_the_mask_file_rules_and_is_asked_for(tmp_path: Path) -> None:
    drawn = (LABELS == 2).astype(np.uint8)
    images = {"t1": (T1, affine_of()), "t2": (T2, affine_of())}
    case = make_case(tmp_path, {**images, "mask": (drawn, affine_of())})
    plan = plan_of(case, crop_margin_mm=99)
    assert plan.mask.kind == "file"
    assert np.array_equal(prepare_case(case, plan, contrasts=["t1"]).mask, drawn > 0)
    without = make_case(tmp_path, images, name="without")
    prepared = prepare_case(without, plan, contrasts=["t1"])
    assert np.array_equal(prepared.mask, LABELS > 0)
    assert "no mask file" in prepared.notes[0]
    with pytest.raises(CohortError, match="mask"):
        prepare_case(without, plan_of(case, mask="file"), contrasts=["t1"])


def test_the_target_has_no_say_in_the_mask(tmp_path: Path) -> None:
    case = make_case(tmp_path, {"t1": (T1, affine_of()), "t2": (T2, affine_of())})
    plan = plan_of(case)
    alone = prepare_case(case, plan, contrasts=["t1"])
    both = prepare_case(case, plan, contrasts=["t1", "t2"])
    assert np.array_equal(alone.mask, both.mask)
    assert np.array_equal(alone.arrays["t1"], both.arrays["t1"])


def test_a_constant_source_is_refused(tmp_path: Path) -> None:
    case = make_case(tmp_path, {"t1": (T1, affine_of()), "t2": (T2, affine_of())})
    flat = make_case(tmp_path, {"t1": (T1, affine_of()), "t2": (np.full(SHAPE, 4.0), affine_of())}, name="flat")
    with pytest.raises(ReadError, match=r"flat/t2.*every voxel is 4"):
        prepare_case(flat, plan_of(case), contrasts=["t1", "t2"])
    empty = make_case(tmp_path, {"t1": (np.zeros(SHAPE, np.float32), affine_of())}, name="empty")
    with pytest.raises(ReadError, match=r"empty/t1.*every voxel is 0"):
        prepare_case(empty, plan_of(case), contrasts=["t1"])


def test_what_no_file_can_hold_is_refused(tmp_path: Path) -> None:
    case = make_case(tmp_path, {"t1": (T1, affine_of()), "t2": (T2, affine_of())})
    prepared = prepare_case(case, plan_of(case), contrasts=["t1"])
    wild = np.where(prepared.mask, np.float32(40_000), np.float32(0))
    for array, name in ((wild, "ct"), (wild * np.nan, "ct"), (-wild, "labels")):
        with pytest.raises(WriteError, match="can hold"):
            restore(array, prepared, normaliser=None, contrast=get_contrast(name))
    labels = restore(wild, prepared, normaliser=None, contrast=get_contrast("labels"))
    assert labels.array.dtype == np.uint16


def test_bias_correction_is_asked_for_and_noted(tmp_path: Path) -> None:
    case = make_case(tmp_path, {"t1": (T1, affine_of()), "t2": (T2, affine_of())})
    prepared = prepare_case(case, plan_of(case, bias_correction=True), contrasts=["t1", "t2"])
    assert sum("N4" in note for note in prepared.notes) == 2
