"""What an image does not show: found whatever hides it, kept with the case, and taken for neither air nor tissue."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion

from tests.preprocess.samples import affine_of, head, make_case, painted
from voxlate.cohort.case import Case
from voxlate.config.plan import PlanOptions, Reading
from voxlate.errors import GeometryError
from voxlate.preprocess.fingerprint import Fingerprint, take_fingerprint
from voxlate.preprocess.plan import Plan, make_plan
from voxlate.preprocess.prepare import PreparedCase, prepare_case
from voxlate.preprocess.store import PreparedStore

Voxels = NDArray[Any]
SHAPE = (28, 30, 26)
AFFINE = affine_of(spacing=(5.0, 5.0, 5.0))
LABELS = head(SHAPE)
INSIDE = LABELS > 0
T1 = painted(LABELS, (0.0, 300.0, 200.0, 120.0), noise=6)
T2 = np.abs(painted(LABELS, (5.0, 90.0, 150.0, 400.0), noise=6, seed=3))
CT = np.clip(painted(LABELS, (-1000.0, 900.0, 40.0, 20.0), noise=8, seed=5), -1024, None).astype(np.int16)
BRAIN = binary_erosion(INSIDE, iterations=3)
ALONG_I, ALONG_J, K = np.indices(SHAPE)
X, Y = ALONG_I - (SHAPE[0] - 1) / 2, ALONG_J - (SHAPE[1] - 1) / 2
U, W = 0.8 * X + 0.6 * Y, -0.6 * X + 0.8 * Y
HIDDEN = {
    "slab": K < 12,
    "top": K > 18,
    "gap": (K > 10) & (K < 14),
    "one slice": K == 13,
    "cylinder": np.hypot(X, Y) > 9,
    "turned box": (np.abs(U) > 7) | (np.abs(W) > 8),
    "cylinder in a slab": (np.hypot(X, Y) > 9) | (K < 10),
}
"""From a kind of gap to where it is."""


def prepared(
    folder: Path, images: dict[str, tuple[Voxels, Voxels]], *, target: str, **options: Any
) -> tuple[Case, Plan, PreparedCase, Fingerprint]:
    case = make_case(folder, {"t1": (T1, AFFINE), **images})
    chosen = PlanOptions(crop_margin_mm=99, **options)
    fingerprint = take_fingerprint([case], ["t1", target], options=chosen)
    plan = make_plan(fingerprint, chosen, source=["t1"], target=target)
    return case, plan, prepare_case(case, plan, contrasts=["t1", target]), fingerprint


@pytest.mark.parametrize("kind", list(HIDDEN))
@pytest.mark.parametrize("value", [-1024, -1000, 0, -2000, -32768])
def test_padding_of_a_ct_is_found_whatever_its_value(tmp_path: Path, kind: str, value: int) -> None:
    hidden = HIDDEN[kind]
    ct = np.where(hidden, value, CT).astype(np.int16)
    _, _, case, fingerprint = prepared(tmp_path, {"ct": (ct, AFFINE)}, target="ct")
    assert np.array_equal(case.shown("ct"), case.shown() & ~hidden)
    assert (case.arrays["ct"][~np.asarray(case.valid["ct"])] == np.float32(-1.024)).all()
    assert np.array_equal(case.arrays["ct"][case.shown("ct")], CT[case.shown("ct")] / np.float32(1000))
    share = 100 * np.count_nonzero(hidden & case.shown()) / np.count_nonzero(case.shown())
    assert f"ct: {share:.2g} % of the foreground it does not show" in " ".join(case.notes)
    assert fingerprint.contrasts["ct"].minimum == CT[case.shown("ct")].min()
    assert "t1" not in case.valid


@pytest.mark.parametrize("kind", list(HIDDEN))
@pytest.mark.parametrize("value", [0, -32768])
def test_padding_of_an_mr_changes_neither_its_statistics(tmp_path: Path, kind: str, value: int) -> None:
    hidden = HIDDEN[kind]
    _, _, case, fingerprint = prepared(
        tmp_path, {"t2": (np.where(hidden, value, T2).astype(np.float32), AFFINE)}, target="t2"
    )
    assert np.array_equal(case.shown("t2"), case.shown() & ~hidden)
    low, high = np.percentile(T2[case.shown("t2")], (0.5, 99.5))
    assert case.scalings["t2"].offset == pytest.approx(low)
    assert case.scalings["t2"].scale == pytest.approx(high - low)
    assert fingerprint.contrasts["t2"].statistics.low == pytest.approx(low)


@pytest.mark.parametrize("contrast", ["ct", "t2"])
def test_voxels_without_a_number_are_no_tissue(tmp_path: Path, contrast: str) -> None:
    hidden = (K < 8) | (ALONG_I < 9)
    image = {"ct": CT, "t2": T2}[contrast].astype(np.float32)
    image = np.where(hidden, np.float32(np.nan), image)
    reading = Reading(on_nonfinite="zero")
    _, _, case, _ = prepared(tmp_path, {contrast: (image, AFFINE)}, target=contrast, reading=reading)
    assert np.array_equal(case.shown(contrast), case.shown() & ~hidden)


def test_a_ct_that_gives_the_foreground_has_none_where_it_has_no_number(tmp_path: Path) -> None:
    """0 HU, which the reader sets, is water, and would be taken for the patient."""
    hidden = K < 8
    image = np.where(hidden, np.float32(np.nan), CT.astype(np.float32))
    options = PlanOptions(crop_margin_mm=99, reading=Reading(on_nonfinite="zero"))
    case = make_case(tmp_path, {"ct": (image, AFFINE), "t1": (T1, AFFINE)})
    plan = make_plan(take_fingerprint([case], ["ct", "t1"], options=options), options, source=["ct"], target="t1")
    assert not prepare_case(case, plan, contrasts=["ct", "t1"]).shown()[hidden].any()


def _cropped(image: Voxels) -> tuple[Voxels, Voxels]:
    affine = AFFINE.copy()
    affine[:3, 3] += 12 * affine[:3, 2]
    return image[:, :, 12:], affine


def test_a_field_of_view_that_ends_is_where_nothing_is_shown(tmp_path: Path) -> None:
    _, _, case, _ = prepared(tmp_path, {"ct": _cropped(CT)}, target="ct")
    assert np.array_equal(case.shown("ct"), case.shown() & (K >= 12))


def test_a_voxel_interpolated_from_padding_is_not_shown(tmp_path: Path) -> None:
    """On a finer grid of its own the slices at a gap are mixed with it: -32768 would be there in part."""
    finer = AFFINE.copy()
    finer[:3, :3] *= 0.75
    fine = np.array(CT[np.ix_(*[np.minimum(np.arange(int(n / 0.75)) * 3 // 4, n - 1) for n in SHAPE])])
    k = np.arange(fine.shape[2])
    hidden = (k > 14) & (k < 20)
    fine[:, :, hidden] = -32768
    _, _, case, fingerprint = prepared(tmp_path, {"ct": (fine, finer)}, target="ct")
    shown = case.shown("ct")
    assert 0.35 < 1 - shown.sum() / case.shown().sum() < 0.5
    assert case.arrays["ct"][shown].min() > -1.1
    assert fingerprint.contrasts["ct"].minimum > -1100


LEGITIMATE: dict[str, Callable[[], tuple[str, Voxels]]] = {
    "as it is": lambda: ("ct", CT),
    "air of one value": lambda: ("ct", np.where(CT < -400, -1024, CT)),
    "air in a cavity": lambda: ("ct", np.where((np.hypot(X, Y) < 3) & (K > 8), -1024, CT)),
    "one spoilt voxel": lambda: ("ct", np.where((ALONG_I == 14) & (ALONG_J == 15) & (K == 13), -32768, CT)),
    "no noise around": lambda: ("t2", np.where(INSIDE, T2, 0)),
    "stripped": lambda: ("t2", np.where(BRAIN, T2, 0)),
    "an outlier below zero": lambda: ("t2", np.where((ALONG_I == 0) & (ALONG_J == 0) & (K == 0), -900, T2)),
    "signed noise": lambda: ("t2", T2 - 20),
    "labels": lambda: ("labels", np.where(K < 12, 0, LABELS)),
}


@pytest.mark.parametrize("kind", list(LEGITIMATE))
def test_air_stripped_brains_and_outliers_are_no_padding(tmp_path: Path, kind: str) -> None:
    name, image = LEGITIMATE[kind]()
    image = image.astype(np.int16 if name != "t2" else np.float32)
    _, _, case, _ = prepared(tmp_path, {name: (image, AFFINE)}, target=name)
    assert not case.valid
    assert not [note for note in case.notes if "does not show" in note]


def test_a_source_that_shows_a_part_is_background_elsewhere_and_told(tmp_path: Path) -> None:
    case = make_case(tmp_path, {"t1": (T1, AFFINE), "t2": _cropped(T2), "ct": (CT, AFFINE)})
    options = PlanOptions()
    plan = make_plan(
        take_fingerprint([case], ["t1", "t2", "ct"], options=options), options, source=["t1", "t2"], target="ct"
    )
    found = prepare_case(case, plan, contrasts=["t1", "t2", "ct"])
    assert set(found.valid) == {"t2"}
    assert found.shown("ct").sum() == found.shown().sum() > found.shown("t1", "t2").sum()
    assert any(note.startswith("t2: ") and "outside its field of view" in note for note in found.notes)


def test_the_store_keeps_what_is_shown(tmp_path: Path) -> None:
    case, plan, fresh, _ = prepared(
        tmp_path, {"ct": (np.where(K < 12, -1024, CT).astype(np.int16), AFFINE)}, target="ct"
    )
    store = PreparedStore(tmp_path / "store", plan, ["t1", "ct"])
    store.prepare([case])
    again = PreparedStore(tmp_path / "store", plan, ["t1", "ct"])[case.id]
    assert set(again.valid) == {"ct"}
    assert np.array_equal(again.shown("ct"), fresh.shown("ct"))
    [shown] = (tmp_path / "store").rglob("ct-shown-*.b2nd")
    shown.unlink()
    with pytest.raises(Exception, match="damaged"):
        PreparedStore(tmp_path / "store", plan, ["t1", "ct"])[case.id]


def test_a_record_of_a_case_that_shows_all_says_nothing_new(tmp_path: Path) -> None:
    case, plan, _, _ = prepared(tmp_path, {"ct": (CT, AFFINE)}, target="ct")
    PreparedStore(tmp_path / "store", plan, ["t1", "ct"]).prepare([case])
    [record] = (tmp_path / "store").rglob("case.json")
    assert '"valid"' not in record.read_text(encoding="utf-8")


def test_an_image_that_shows_nothing_of_the_foreground_is_refused(tmp_path: Path) -> None:
    below = AFFINE.copy()
    below[:3, 3] -= 99 * below[:3, 2]
    case = make_case(tmp_path, {"t1": (T1, AFFINE), "ct": (CT, AFFINE)})
    options = PlanOptions()
    plan = make_plan(take_fingerprint([case], ["t1", "ct"], options=options), options, source=["t1"], target="ct")
    moved = make_case(tmp_path, {"t1": (T1, AFFINE), "ct": (CT, below)}, name="two")
    with pytest.raises(GeometryError, match="no common voxel"):
        prepare_case(moved, plan, contrasts=["t1", "ct"])
