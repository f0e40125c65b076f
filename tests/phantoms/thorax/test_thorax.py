"""The thorax: sizes of the heart over a beat, grey values, uptake, lesions, and what is written."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import binary_erosion, gaussian_filter, label

from voxlate.cohort import index_cohort
from voxlate.cohort.preflight.checks import preflight
from voxlate.errors import UsageError
from voxlate.io import read_volume
from voxlate.phantoms import HEART_LABELS, PhantomOptions, SimulatedCase, make_cohort, simulate_case, tissue_id
from voxlate.phantoms.anatomy import _ANATOMIES
from voxlate.phantoms.physics.emission import emission_image
from voxlate.phantoms.scans import image_grid
from voxlate.phantoms.thorax.heart import HeartShape, _chambers, draw_heart
from voxlate.phantoms.thorax.thorax import THORAX_CYCLE

SMALL = PhantomOptions(factor=2)


def _case(index: int, **options: object) -> SimulatedCase:
    settings = PhantomOptions.model_validate({"factor": 2, **options})
    return simulate_case(seed=3, index=index, size=48, anatomy="thorax", contrasts=("ct", "pet"), options=settings)


@pytest.fixture(scope="module")
def thorax() -> SimulatedCase:
    """Lesions in a lung and in nodes."""
    return _case(THORAX_CYCLE.index("lung_and_node"))


def _volumes(shape: HeartShape) -> dict[str, float]:
    """Volumes in ml from a lattice of 2 mm in heart coordinates."""
    axis = np.arange(-120, 121, 2, dtype=np.float32)
    local = np.meshgrid(axis, axis, axis, indexing="ij", sparse=True)
    found = _chambers(shape, (local[0], local[1], local[2]))
    cavity = found["left_ventricle"] < 0
    right = (found["right_ventricle"] < 0) & ~(found["myocardium"] < 0)
    muscle = (found["myocardium"] < 0) & ~cavity
    masks = {"cavity": cavity, "muscle": muscle, "right": right, "atrium": found["left_atrium"] < 0}
    return {name: float(mask.sum()) * 8 / 1000 for name, mask in masks.items()}


def test_a_beat_empties_the_ventricles_fills_the_atria_and_keeps_the_muscle() -> None:
    heart = draw_heart(np.random.default_rng(0))
    usual = dataclasses.replace(heart, size=1.0, wall=1.0, width=1.0, right=1.0, atrium=1.0)
    rest, full = (_volumes(dataclasses.replace(usual, phase=phase)) for phase in (0.0, 0.5))
    assert 95 < rest["cavity"] < 150
    assert 0.45 < 1 - full["cavity"] / rest["cavity"] < 0.70
    assert full["right"] < 0.85 * rest["right"]
    assert full["atrium"] > 1.1 * rest["atrium"]
    assert full["muscle"] == pytest.approx(rest["muscle"], rel=0.15)
    again = _volumes(dataclasses.replace(usual, phase=1.0))
    assert again["cavity"] == pytest.approx(rest["cavity"])


def test_labels_are_those_of_mm_whs_and_every_structure_is_there(thorax: SimulatedCase) -> None:
    assert set(np.unique(thorax.labels)) == {0, *HEART_LABELS.values()}
    for name, value in HEART_LABELS.items():
        mask = thorax.labels == value
        parts, count = label(mask)
        largest = np.bincount(parts.ravel())[1:].max() if count else 0
        assert largest > 0.6 * mask.sum(), name
        assert (thorax.tissues[mask] == tissue_id(name)).mean() > 0.6, name
    assert thorax.attributes["label_convention"] == "mmwhs"


def test_the_muscle_lies_about_the_left_ventricle_and_the_heart_to_the_left(thorax: SimulatedCase) -> None:
    from scipy.ndimage import binary_dilation

    cavity = thorax.labels == 500
    around = binary_dilation(cavity) & ~cavity
    assert (thorax.labels[around] == 205).mean() > 0.6
    places = {name: np.argwhere(thorax.labels == value).mean(axis=0) for name, value in HEART_LABELS.items()}
    left, right = places["left_ventricle"], places["right_atrium"]
    assert left[0] < right[0], "x runs to the right of the patient"
    assert places["right_ventricle"][1] > places["left_atrium"][1], "the right ventricle lies in front"
    assert places["pulmonary_artery"][2] > left[2]


def test_grey_values_and_uptake_are_those_of_a_chest(thorax: SimulatedCase) -> None:
    ct, pet = thorax.scans["ct"].noise_free, thorax.scans["pet"].noise_free

    def mean(image: np.ndarray, tissue: str) -> float:
        mask = thorax.tissues == tissue_id(tissue)
        inner = binary_erosion(mask)
        return float(np.median(image[inner if inner.sum() > 4 else mask]))

    assert mean(ct, "lung") < -700 < mean(ct, "fat") < 0 < mean(ct, "muscle") < mean(ct, "left_ventricle")
    assert mean(ct, "right_ventricle") < mean(ct, "left_ventricle")
    assert mean(ct, "left_ventricle") == pytest.approx(float(thorax.attributes["left_heart_hu"]), abs=30)
    assert mean(pet, "lung") < mean(pet, "muscle") < mean(pet, "liver")
    assert abs(mean(ct, "lymph_node") - mean(ct, "muscle")) < 60
    hot = thorax.lesions > 0
    assert pet[hot].mean() > 2 * mean(pet, "muscle")


def test_lesions_are_where_the_cycle_says_and_not_in_what_a_rater_of_hearts_draws(thorax: SimulatedCase) -> None:
    assert set(np.unique(thorax.lesions)) == {0, 1, 2}
    assert not (thorax.labels[thorax.lesions > 0] > 0).any()
    healthy = _case(THORAX_CYCLE.index("none"))
    assert healthy.lesions.max() == 0
    assert _case(0, lesions="none").lesions.max() == 0


def test_no_two_cases_are_equal_and_a_contrast_does_not_depend_on_the_others() -> None:
    first, second = _case(0), _case(4)
    assert first.attributes["subtype"] == second.attributes["subtype"]
    assert first.attributes["heart_phase"] != second.attributes["heart_phase"]
    assert (first.labels != second.labels).mean() > 0.005
    alone = simulate_case(seed=3, index=0, size=48, anatomy="thorax", contrasts=("pet",), options=SMALL)
    np.testing.assert_array_equal(alone.scans["pet"].image, first.scans["pet"].image)


def test_the_blur_of_pet_is_a_gaussian_of_the_protocols_width_and_its_noise_follows_the_counts() -> None:
    point = np.zeros((41, 41, 41), dtype=np.float32)
    point[20, 20, 20] = 1000
    clean, _ = emission_image(
        point, resolution_mm=6.0, counts_per_ml=0, spacing_mm=(2.0, 2.0, 2.0), rng=np.random.default_rng(0)
    )
    wanted = gaussian_filter(point, 6.0 / 2.3548 / 2.0, truncate=6)
    np.testing.assert_allclose(clean, wanted, atol=0.01 * wanted.max())
    flat = np.full((40, 40, 40), 2.0, dtype=np.float32)
    spread = []
    for counts in (100.0, 400.0):
        _, noisy = emission_image(
            flat, resolution_mm=6.0, counts_per_ml=counts, spacing_mm=(4.0, 4.0, 4.0), rng=np.random.default_rng(1)
        )
        assert noisy.mean() == pytest.approx(2.0, rel=0.01)
        spread.append(noisy[5:-5, 5:-5, 5:-5].std())
    assert spread[0] / spread[1] == pytest.approx(2.0, rel=0.1)


@pytest.mark.usefixtures("drawn_anew")
def test_a_cohort_is_indexed_repeats_and_passes_the_preflight(tmp_path: Path) -> None:
    root, again = (
        make_cohort(tmp_path / name, cases=3, seed=1, size=48, anatomy="thorax", options=SMALL, workers=workers)
        for name, workers in (("first", 2), ("second", 1))
    )
    for path in sorted(root.rglob("*.nii.gz")):
        assert path.read_bytes() == (again / path.relative_to(root)).read_bytes(), path.name
    cohort = index_cohort(root)
    for case in cohort.cases:
        assert set(case.paths) == {"ct", "pet", "labels"}
        assert case.attributes["label_convention"] == "mmwhs"
        assert 0 <= float(case.attributes["heart_phase"]) <= 1
    assert [finding for finding in preflight(cohort) if finding.severity != "info"] == []
    name = cohort.cases[0].id
    lesions = read_volume(root / "derivatives" / "truth" / name / f"{name}-lesions.nii.gz").array
    pet = read_volume(cohort.cases[0].paths["pet"]).array
    levels = json.loads((root / "derivatives" / "truth" / name / "levels.json").read_text(encoding="utf-8"))
    assert 4 <= levels["suv"]["lung_tumour"] <= 12
    assert 0.25 * levels["suv"]["lung_tumour"] < pet[lesions > 0].mean() < levels["suv"]["lung_tumour"]


def test_pet_of_an_anatomy_without_uptake_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="PET is simulated for: thorax"):
        make_cohort(tmp_path / "out", cases=1, seed=0, size=32, contrasts=("ct", "pet"))


def test_a_couch_is_seen_by_ct_alone() -> None:
    body = _ANATOMIES["thorax"]
    grid = image_grid(48, anatomy="thorax", spacing_mm=None)
    seen = set()
    for seed in range(8):
        subject = body.draw(np.random.default_rng(seed), age=50.0, subtype="none")
        couch = (body.build(subject, grid, factor=1).tissues == tissue_id("couch_foam")).any()
        assert couch == subject.shape.wall.couch
        seen.add(bool(couch))
        assert "couch_shell" not in subject.levels.suv
    assert seen == {True, False}
