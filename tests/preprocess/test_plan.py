from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.preprocess.samples import affine_of, head, make_case, painted
from voxlate.cohort.case import Case
from voxlate.config.plan import PlanOptions
from voxlate.errors import CohortError, ReadError, UsageError
from voxlate.preprocess.fingerprint import Fingerprint, take_fingerprint
from voxlate.preprocess.plan import Plan, make_plan

SHAPE = (20, 24, 18)
LABELS = head(SHAPE)
T1 = (0.0, 300.0, 200.0, 120.0)
T2 = (0.0, 90.0, 150.0, 400.0)


def cohort(
    folder: Path,
    *,
    spacings: tuple[float, ...] = (1.0, 1.0, 1.0),
    gains: tuple[float, ...] = (1.0, 2.0, 5.0),
    background: float = 0.0,
) -> list[Case]:
    cases = []
    for number, (spacing, gain) in enumerate(zip(spacings, gains, strict=True)):
        affine = affine_of((0, 1, 2), (-1, 1, 1), spacing=(spacing,) * 3)
        t1, t2 = painted(LABELS, T1, noise=4) * gain, painted(LABELS, T2, noise=4, seed=2) * gain
        t1[LABELS == 0] = t2[LABELS == 0] = background
        ct = painted(LABELS, (-1000.0, 900.0, 40.0, 20.0), noise=8).astype(np.int16)
        images = {"t1": (t1, affine), "t2": (t2, affine), "ct": (ct, affine), "labels": (LABELS, affine)}
        cases.append(make_case(folder, images, name=f"case{number}"))
    return cases


def test_the_inverse_is_the_median_of_the_training_cases(tmp_path: Path) -> None:
    cases = cohort(tmp_path)
    fingerprint = take_fingerprint(cases, ["t1", "t2"], options=PlanOptions())
    middle = take_fingerprint(cases[1:2], ["t1", "t2"], options=PlanOptions())
    plan = make_plan(fingerprint, PlanOptions(), source=["t1"], target="t2")
    assert plan.normalisers["t2"].inverse == middle.contrasts["t2"].percentile
    t2 = painted(LABELS, T2, noise=4, seed=2)[LABELS > 0] * 2
    low, high = np.percentile(t2, (0.5, 99.5))
    assert plan.normalisers["t2"].inverse.offset == pytest.approx(low, rel=1e-4)
    assert plan.normalisers["t2"].inverse.scale == pytest.approx(high - low, rel=1e-4)
    assert plan.normalisers["t2"].data_range == 1.0


def test_masks_of_some_cases_change_nothing_that_is_measured(tmp_path: Path) -> None:
    cases = cohort(tmp_path)
    plain = take_fingerprint(cases, ["t1", "t2"], options=PlanOptions())
    lesion = np.zeros(SHAPE, np.uint8)
    lesion[9:11, 11:13, 8:10] = 1
    affine = affine_of((0, 1, 2), (-1, 1, 1), spacing=(1.0,) * 3)
    paths = make_case(tmp_path, {"mask": (lesion, affine)}, name="masks").paths
    masked = [replace(case, paths={**case.paths, "mask": paths["mask"]}) for case in cases]
    assert take_fingerprint([masked[0], *cases[1:]], ["t1", "t2"], options=PlanOptions()) == plain
    assert take_fingerprint(masked, ["t1", "t2"], options=PlanOptions()).foreground_share < plain.foreground_share


def test_what_the_fingerprint_says(tmp_path: Path) -> None:
    seen = []
    fingerprint = take_fingerprint(
        cohort(tmp_path),
        ["t1", "ct", "labels"],
        options=PlanOptions(),
        progress=lambda done, of: seen.append((done, of)),
    )
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert (fingerprint.cases, fingerprint.reference, fingerprint.shape) == (3, "t1", SHAPE)
    assert fingerprint.skull_stripped
    assert fingerprint.one_grid
    assert not fingerprint.spacing_varies
    assert fingerprint.foreground_share == pytest.approx((LABELS > 0).mean())
    assert fingerprint.contrasts["t1"].orientations == {"LAS": 3}
    assert fingerprint.contrasts["labels"].maximum == 3
    assert fingerprint.contrasts["ct"].unit == "HU"
    assert Fingerprint.model_validate_json(fingerprint.model_dump_json()) == fingerprint


def test_a_contrast_in_another_place_is_described_by_its_own_foreground_if_it_will_be_registered(
    tmp_path: Path,
) -> None:
    ct = painted(LABELS, (-1000.0, 900.0, 40.0, 20.0), noise=8).astype(np.int16)
    images = {"t1": (painted(LABELS, T1), affine_of()), "ct": (ct, affine_of(origin=(0, 0, 900)))}
    case = make_case(tmp_path, images, name="apart")
    found = take_fingerprint([case], ["t1", "ct"], options=PlanOptions(grids="rigid"))
    assert found.contrasts["ct"].statistics.median == pytest.approx(np.median(ct[LABELS > 0]), abs=20)
    with pytest.raises(ReadError, match="a foreground"):
        take_fingerprint([case], ["t1", "ct"], options=PlanOptions())


@pytest.mark.parametrize(("spacings", "expected"), [((1, 1, 1), None), ((1, 1.5, 3), (1.5, 1.5, 1.5))])
def test_the_spacing_is_the_median_only_where_it_varies(
    tmp_path: Path, spacings: tuple[float, ...], expected: tuple[float, ...] | None
) -> None:
    fingerprint = take_fingerprint(cohort(tmp_path, spacings=spacings), ["t1", "t2"], options=PlanOptions())
    assert make_plan(fingerprint, PlanOptions(), source=["t1"], target="t2").spacing_mm == expected


def test_each_kind_of_contrast_has_its_normaliser(tmp_path: Path) -> None:
    names = ["t1", "ct", "labels"]
    fingerprint = take_fingerprint(cohort(tmp_path), names, options=PlanOptions())
    plan = make_plan(fingerprint, PlanOptions(), source=["t1", "labels"], target="ct")
    assert {name: n.kind for name, n in plan.normalisers.items()} == {
        "t1": "percentile",
        "labels": "none",
        "ct": "hounsfield",
    }
    assert (plan.normalisers["ct"].inverse.offset, plan.normalisers["ct"].inverse.scale) == (0, 1000)
    assert plan.normalisers["ct"].data_range == 4.095
    assert plan.mask.kind == "nonzero"
    other = make_plan(fingerprint, PlanOptions(normalise={"t1w": "zscore"}), source=["t1"], target="ct")
    assert other.normalisers["t1"].kind == "zscore"
    assert other.normalisers["t1"].data_range > 1


def test_a_plan_is_readable_and_survives_the_round_trip(tmp_path: Path) -> None:
    fingerprint = take_fingerprint(cohort(tmp_path), ["t1", "t2"], options=PlanOptions())
    plan = make_plan(fingerprint, PlanOptions(), source=["t1"], target="t2")
    again = Plan.from_yaml(plan.to_yaml())
    assert again == plan
    assert again.digest() == plan.digest()
    assert plan.model_copy(update={"crop_margin_mm": 9.0}).digest() != plan.digest()
    with pytest.raises(UsageError, match="surprise"):
        Plan.from_yaml(plan.to_yaml() + "surprise: 1\n", where="plan.yaml")


@pytest.mark.parametrize("grids", ["refuse", "resample", "rigid", "affine"])
def test_a_plan_from_before_deformable_registration_still_loads(tmp_path: Path, grids: str) -> None:
    fingerprint = take_fingerprint(cohort(tmp_path), ["t1", "t2"], options=PlanOptions())
    text = make_plan(fingerprint, PlanOptions(), source=["t1"], target="t2").to_yaml()
    old = text.replace("grids: resample", f"grids: {grids}").replace("derive: {}\n", "")
    assert "derive" not in old
    assert Plan.from_yaml(old).grids == grids


def test_the_reference_must_exist_in_use(tmp_path: Path) -> None:
    fingerprint = take_fingerprint(cohort(tmp_path), ["t1", "t2"], options=PlanOptions())
    with pytest.raises(UsageError, match="one of the sources"):
        make_plan(fingerprint, PlanOptions(reference="t2"), source=["t1"], target="t2")
    with pytest.raises(UsageError, match="fingerprint"):
        make_plan(fingerprint, PlanOptions(), source=["t1"], target="flair")


def test_faulty_cases_are_refused_by_name(tmp_path: Path) -> None:
    affine = affine_of()
    constant = make_case(tmp_path, {"t1": (np.full(SHAPE, 9.0, np.float32), affine)}, name="constant")
    with pytest.raises(ReadError, match=r"t1\.nii\.gz"):
        take_fingerprint([constant], ["t1"], options=PlanOptions())
    t1 = painted(LABELS, T1, noise=4)
    flat = make_case(tmp_path, {"t1": (t1, affine), "t2": (np.full(SHAPE, 9.0, np.float32), affine)}, name="flat")
    with pytest.raises(ReadError, match=r"t2\.nii\.gz.*every voxel is 9"):
        take_fingerprint([flat], ["t1", "t2"], options=PlanOptions())
    with pytest.raises(CohortError, match=r"case flat.*T1, t2|FLAIR"):
        take_fingerprint([flat], ["t1", "flair"], options=PlanOptions())
    with pytest.raises(CohortError):
        take_fingerprint([], ["t1"], options=PlanOptions())
