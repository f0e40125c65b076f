"""Air and tissue tell the unit of a CT, uptake that of a PET image; extremes, padding and noise decide nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.cohort.admission.bodies import SHAPE, chest_ct, circle, depth, head_ct, head_mr
from voxlate.cohort.admission.scans import check_scan
from voxlate.contrast import CONTRASTS

Array = NDArray[np.float64]
BODIES = {"head": head_ct, "chest": chest_ct}


def _found(array: Array, contrast: str = "ct", *, spacing_mm: float | None = None) -> dict[str, str]:
    spacing = (spacing_mm,) * 3 if spacing_mm else None
    found = check_scan(np.asarray(array), CONTRASTS[contrast], case="a", path=Path("a.nii"), spacing_mm=spacing)
    return {finding.code: finding.severity for finding in found}


def _one(array: Array, value: float, count: int = 1) -> Array:
    changed = array.copy()
    changed.ravel()[5000 : 5000 + count] = value
    return changed


def _middle(array: Array, share: float) -> Array:
    return array[tuple(slice(int(n * (1 - share) / 2), int(n * (1 + share) / 2)) for n in SHAPE)]


def _brain(fill: float) -> Array:
    return np.where(depth() < 0.8, head_ct(), fill)


WRONG: dict[str, Callable[[Array], Array]] = {
    "intercept": lambda ct: ct + 1024,
    "intercept of 1000": lambda ct: ct + 1000,
    "intercept, cut at 0": lambda ct: np.maximum(ct + 1024, 0),
    "intercept, padded with -2000": lambda ct: circle(ct + 1024, -2000),
    "intercept, padded with -32768": lambda ct: circle(ct + 1024, -32768),
    "intercept, padded as air": lambda ct: circle(ct + 1024, -1000),
    "intercept, padding moved too": lambda ct: circle(ct, -2000) + 1024,
    "intercept, a few voxels below 0": lambda ct: _one(ct + 1024, -300, 15),
    "intercept, noise below 0": lambda ct: ct + 1000 + np.random.default_rng(1).normal(0, 30, SHAPE),
    "intercept, no air": lambda ct: _middle(ct, 0.5) + 1024,
    "off by 200": lambda ct: ct + 200,
    "off by -200": lambda ct: ct - 200,
    "off by 200, padded": lambda ct: circle(ct + 200, -2000),
    "half slope": lambda ct: ct * 0.5,
    "half slope before the intercept": lambda ct: (ct + 1024) * 0.5 - 1024,
    "half slope, no intercept": lambda ct: (ct + 1024) * 0.5,
    "twice the slope": lambda ct: ct * 2,
    "0 to 1": lambda ct: np.clip((ct + 1024) / 4095, 0, 1),
    "0 to 1, padded": lambda ct: circle(np.clip((ct + 1024) / 4095, 0, 1), -1000),
    "-1 to 1": lambda ct: np.clip((ct + 1024) / 2048, 0, 2) - 1,
    "0 to 255": lambda ct: np.rint(np.clip((ct + 1024) / 2500, 0, 1) * 255),
    "a window as 0 to 255": lambda ct: np.rint(np.clip((ct + 160) / 400, 0, 1) * 255),
    "attenuation in 1/m": lambda ct: 19 * (1 + ct / 1000),
    "attenuation in 1/m, cut at 0": lambda ct: np.maximum(21 * (1 + ct / 1000), 0),
    "z-score": lambda ct: (ct - ct.mean()) / ct.std(),
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("wrong", WRONG)
def test_values_that_are_no_hu_are_an_error(wrong: str, body: str) -> None:
    assert _found(WRONG[wrong](BODIES[body]()))["not_hounsfield"] == "error"


SLIGHT: dict[str, tuple[Callable[[Array], Array], str]] = {
    "off by 100": (lambda ct: ct + 100, "off by about 100"),
    "off by -100": (lambda ct: ct - 100, "off by about -100"),
    "off by 100, padded": (lambda ct: circle(ct + 100, -2000), "off by about 100"),
    "a tenth too large": (lambda ct: ct * 1.1, "stretched by 1.10"),
}


@pytest.mark.parametrize("wrong", SLIGHT)
def test_air_that_lies_a_little_beside_its_place_is_warned_of(wrong: str) -> None:
    change, told = SLIGHT[wrong]
    [finding] = check_scan(np.asarray(change(head_ct())), CONTRASTS["ct"], case="a", path=Path("a.nii"))
    assert (finding.severity, finding.code) == ("warning", "not_hounsfield")
    assert told in finding.message


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("off", [-100, -40, -24, 24, 40, 100])
def test_fat_muscle_and_air_tell_an_offset_in_a_chest_too(body: str, off: int) -> None:
    assert _found(BODIES[body]() + off) == {"not_hounsfield": "warning"}


@pytest.mark.parametrize("off", [-100, 100])
def test_fat_and_muscle_tell_an_offset_without_air_outside(off: int) -> None:
    assert _found(_middle(chest_ct(), 0.75)) == {}
    assert "not_hounsfield" in _found(_middle(chest_ct(), 0.75) + off)


def _vertebra() -> Array:
    """Marrow and dense bone, muscle and fat smeared into each other; no air."""
    rng = np.random.default_rng(0)
    parts = [(0.5, 30, 30), (0.22, -80, 45), (0.16, 150, 40), (0.12, 400, 200)]
    values = np.concatenate([rng.normal(mean, sd, round(share * np.prod(SHAPE))) for share, mean, sd in parts])
    return np.resize(rng.permutation(values), SHAPE)


@pytest.mark.parametrize("off", [-130, -100, 0, 30, 100])
def test_soft_tissue_tells_an_offset_of_a_vertebra(off: int) -> None:
    found = _found(_vertebra() + off)
    assert found == ({} if abs(off) < 90 else {"not_hounsfield": "warning"})


def test_air_that_was_replaced_tells_no_offset() -> None:
    """Air alone lies at -1024 where a scanner cuts there; fat and muscle lie where they should."""
    chest = chest_ct()
    assert _found(np.where(chest < -950, chest - 24, chest)) == {}


OTHER_UNIT: dict[str, Callable[[Array], Array]] = {
    "tenths": lambda ct: np.rint(ct / 10),
    "slope of 0.9": lambda ct: ct * 0.9,
    "slope of 1.1": lambda ct: ct * 1.1,
    "slope of 0.8": lambda ct: ct * 0.8,
    "as signed bytes": lambda ct: np.clip(np.rint(ct), -128, 127),
    "window of soft tissue": lambda ct: np.clip(ct, -160, 240),
    "bone cut": lambda ct: np.clip(ct, -1000, 0),
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("unit", OTHER_UNIT)
def test_a_slope_and_a_clip_are_warned_of_as_such(unit: str, body: str) -> None:
    """Also where the body touches the border, so that air is not all around."""
    array = OTHER_UNIT[unit](BODIES[body]()[6:, 4:])
    (told,) = (
        one for one in check_scan(array, CONTRASTS["ct"], case="a", path=Path("a.nii")) if one.code == "not_hounsfield"
    )
    assert told.severity == "warning"
    words = ("tenths",) if unit == "tenths" else ("stretched", "off by") if "slope" in unit else ("clipped",)
    assert any(word in told.message for word in words)


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("fill", [0.0, -200.0])
def test_a_value_in_place_of_air_is_warned_of_where_the_body_touches_the_border(fill: float, body: str) -> None:
    ct = BODIES[body]()[6:, 4:]
    assert _found(np.where(ct < -900, fill, ct)).get("hounsfield_background") == "warning"
    assert _found(np.where(np.indices(ct.shape)[2] < 6, fill, ct)) == {}


RIGHT: dict[str, Callable[[Array], Array]] = {
    "as it is": lambda ct: ct,
    "cut at -1024": lambda ct: np.maximum(ct, -1024),
    "cut at -1000 and 1000": lambda ct: np.clip(ct, -1000, 1000),
    "padded as air": lambda ct: circle(ct, -1024),
    "padded with -2000": lambda ct: circle(ct, -2000),
    "noisy": lambda ct: ct + np.random.default_rng(1).normal(0, 60, SHAPE),
    "a bright voxel": lambda ct: _one(ct, 30_000),
    "a dark voxel": lambda ct: _one(ct, -32_768),
    "a calibration of 10 HU": lambda ct: ct + 10,
    "no air": lambda ct: _middle(ct, 0.5),
    "as whole numbers": lambda ct: np.rint(ct).astype(np.int16),
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("right", RIGHT)
def test_what_is_in_hu_is_not_found(right: str, body: str) -> None:
    assert _found(RIGHT[right](BODIES[body]())) == {}


def test_padding_far_below_air_and_metal_are_looked_at() -> None:
    assert _found(circle(head_ct(), -3024)) == {"hounsfield_range": "warning"}
    assert _found(_one(head_ct(), 20_000, 60)) == {"hounsfield_range": "warning"}


@pytest.mark.parametrize("fill", [-1024.0, -1000.0])
def test_a_brain_alone_is_in_hu(fill: float) -> None:
    assert _found(_brain(fill)) == {}


@pytest.mark.parametrize("noise", [4, 8])
@pytest.mark.parametrize("mean", [18, 24, 34])
def test_a_brain_that_is_cut_at_zero_is_no_attenuation(mean: float, noise: float) -> None:
    """Brains of infants have about 20 HU."""
    rng = np.random.default_rng(0)
    brain = np.select([depth() < 0.25, depth() < 0.8], [6.0, mean], 0.0) + rng.normal(0, noise, SHAPE)
    assert _found(np.where(depth() < 0.8, np.clip(brain, 0, 80), 0)).get("not_hounsfield") != "error"


def test_a_brain_in_water_is_warned_of_by_its_background() -> None:
    assert _found(_brain(0)) == {"hounsfield_background": "warning"}


@pytest.mark.parametrize("fill", [0.0, -1024.0])
def test_a_head_whose_air_was_taken_away_is_not_refused(fill: float) -> None:
    head = head_ct()
    assert "error" not in _found(np.where(head < -500, fill, head)).values()


def test_a_dense_skull_around_a_brain_is_no_body_in_air() -> None:
    """In a field of view inside the head brain lies near 40 and bone 1000 above, as air and tissue do."""
    head = np.where(depth() < 0.95, 38.0, 900.0) + np.random.default_rng(0).normal(0, 12, SHAPE)
    assert "error" not in _found(_middle(head, 0.7)).values()


@pytest.mark.parametrize("scale", [0.3, 1.0, 4.0])
def test_an_mr_image_is_no_ct(scale: float) -> None:
    assert _found(head_mr(scale=scale))["not_hounsfield"] == "error"
    stripped = np.where(depth() < 0.8, head_mr(scale=scale), 0)
    assert "not_hounsfield" in _found(stripped)


def test_mr_values_below_zero_do_not_make_it_a_ct() -> None:
    """As interpolation leaves them."""
    assert _found(_one(head_mr(), -60, 20))["not_hounsfield"] == "error"


@pytest.mark.parametrize("contrast", ["t1", "mr", "pet"])
@pytest.mark.parametrize("body", BODIES)
def test_a_ct_is_no_mr_image_and_no_pet(body: str, contrast: str) -> None:
    assert _found(BODIES[body](), contrast) == {"ct_values": "error"}
    assert _found(circle(BODIES[body](), -2000), contrast) == {"ct_values": "error"}


def test_an_mr_image_is_not_taken_for_a_ct() -> None:
    for array in (head_mr(), head_mr() - 200, circle(head_mr(), -1), (head_mr() - 100) / 90):
        assert _found(array, "t1") == {}


def test_a_brain_that_is_padded_as_ct_is_warned_of_as_an_mr_image() -> None:
    assert _found(_brain(-1024), "t1") == {"ct_values": "warning"}


def test_cone_beam_ct_is_only_warned_of_where_it_is_certain() -> None:
    assert _found(head_ct() + 1024, "cbct") == {"not_hounsfield": "warning"}
    assert _found(head_ct() - 90, "cbct") == {}


def _uptake() -> Array:
    rng = np.random.default_rng(0)
    inside = depth()
    suv = np.where(inside < 1, np.abs(0.8 + 0.3 * rng.normal(size=SHAPE)), 0)
    suv[12:15, 12:15, 12:15] = 14
    return np.asarray(suv)


@pytest.mark.parametrize(
    ("pet", "expected"),
    [
        (_uptake(), {}),
        (_one(_uptake(), 900), {}),
        (_uptake() + 0.02 * np.random.default_rng(1).normal(size=SHAPE), {}),
        (_uptake() * 5000, {"not_suv": "error"}),
        (np.rint(_uptake() * 2000), {"not_suv": "error"}),
        (_uptake() * 40, {"not_suv": "warning"}),
        (_uptake() / 14, {"not_suv": "warning"}),
        (_uptake() - 30, {"not_suv": "error"}),
    ],
)
def test_uptake_is_in_suv(pet: Array, expected: dict[str, str]) -> None:
    assert _found(pet, "pet") == expected


@pytest.mark.parametrize("factor", [2.5, 3.5, 5])
def test_activity_of_a_trunk_in_kilobecquerel_is_warned_of(factor: float) -> None:
    assert _found(_uptake(), "pet", spacing_mm=12) == {}
    assert _found(_uptake() * factor, "pet", spacing_mm=12) == {"not_suv": "warning"}
    assert _found(_uptake() * factor, "pet", spacing_mm=6) == {}  # a head: its brain takes up as much


def test_numbers_of_any_type_are_judged() -> None:
    head = head_ct()
    assert _found((head + 2.0**40).astype(np.int64)) == {"not_hounsfield": "error"}
    assert _found(np.where(head > -500, 40, -1000).astype(np.int16)) == {}
    assert _found((head_mr() + 2**53).astype(np.uint64), "t1") == {}
