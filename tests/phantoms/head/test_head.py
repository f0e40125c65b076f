"""What a radiologist would check: order of grey values, CT numbers, enhancement, India ink, sizes of structures."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_erosion

from voxlate.phantoms import PhantomOptions, SimulatedCase, simulate_case, tissue_id
from voxlate.phantoms.anatomy import _ANATOMIES
from voxlate.phantoms.head.lesions import GLIOMAS
from voxlate.phantoms.scans import image_grid


def _mean(case: SimulatedCase, contrast: str, tissue: str, *, core: bool = True) -> float:
    mask = case.tissues == tissue_id(tissue)
    inner = binary_erosion(mask) if core else mask
    return float(case.scans[contrast].noise_free[inner if inner.sum() > 5 else mask].mean())


@pytest.mark.parametrize(
    ("contrast", "order"),
    [
        ("t1", ("fat", "white_matter", "grey_matter", "csf")),
        ("t1", ("white_matter", "putamen", "grey_matter")),
        ("t1", ("white_matter", "muscle", "cortical_bone")),
        ("t2", ("csf", "oedema", "grey_matter", "white_matter", "muscle")),
        ("t2", ("vitreous", "grey_matter", "pallidum")),
        ("flair", ("oedema", "grey_matter", "white_matter", "csf")),
        ("pd", ("grey_matter", "white_matter", "cortical_bone")),
        ("t1c", ("vessel", "enhancing_tumour", "white_matter", "necrosis")),
        ("ct", ("cortical_bone", "marrow", "muscle", "grey_matter", "white_matter", "csf", "fat")),
        ("ct", ("grey_matter", "oedema")),
    ],
)
def test_tissues_are_ordered_as_in_real_images(head: SimulatedCase, contrast: str, order: tuple[str, ...]) -> None:
    cores = {"cortical_bone", "vessel", "enhancing_tumour", "grey_matter"}
    values = [_mean(head, contrast, tissue, core=tissue not in cores) for tissue in order]
    assert values == sorted(values, reverse=True), dict(zip(order, values, strict=True))


@pytest.mark.parametrize(
    ("tissue", "low", "high"),
    [("white_matter", 22, 36), ("csf", 0, 20), ("muscle", 40, 70), ("fat", -120, -60), ("air", -1001, -985)],
)
def test_ct_numbers_are_those_of_the_literature(head: SimulatedCase, tissue: str, low: float, high: float) -> None:
    assert low < _mean(head, "ct", tissue) < high


def test_bone_is_the_brightest_of_a_ct(head: SimulatedCase) -> None:
    bone = head.tissues == tissue_id("cortical_bone")
    ct = head.scans["ct"].noise_free
    assert np.percentile(ct[bone], 90) > 1000
    assert (head.tissues[ct > 800] == tissue_id("cortical_bone")).mean() > 0.9


def test_enhancement_is_seen_only_where_contrast_agent_goes(head: SimulatedCase) -> None:
    before, after = head.scans["t1"], head.scans["t1c"]
    gain = after.noise_free / after.gain - before.noise_free / before.gain
    scale = _mean(head, "t1", "white_matter") / before.gain
    assert gain[head.lesions == 3].mean() > 0.5 * scale
    assert abs(gain[binary_erosion(head.tissues == tissue_id("white_matter"))].mean()) < 0.1 * scale
    assert gain[binary_erosion(head.tissues == tissue_id("vessel"))].mean() > scale


def test_opposed_phase_darkens_where_fat_meets_water(head: SimulatedCase) -> None:
    in_phase, opposed = (head.scans[name].noise_free / head.scans[name].gain for name in ("in_phase", "out_phase"))
    water = binary_erosion(head.tissues == tissue_id("white_matter"))
    assert opposed[water].mean() == pytest.approx(in_phase[water].mean(), rel=0.1)
    marrow = head.tissues == tissue_id("marrow")
    assert opposed[marrow].mean() < 0.5 * in_phase[marrow].mean()
    assert (in_phase + 0.05 * in_phase.max() >= opposed).all()
    ink = opposed < 0.35 * in_phase
    inside = head.tissues > 0
    assert 0.005 < ink[inside].mean() < 0.2


def test_structures_have_the_size_of_a_person(head: SimulatedCase) -> None:
    ml = float(np.prod(head.grid.spacing_mm)) / 1000
    grey, white = (np.count_nonzero(head.tissues == tissue_id(n)) * ml for n in ("grey_matter", "white_matter"))
    assert head.brain is not None
    assert 1000 < head.brain.sum() * ml < 1900
    assert 0.7 < grey / white < 1.6
    for name, low, high in (("putamen", 4, 14), ("thalamus", 6, 20), ("caudate", 3, 14), ("vitreous", 6, 16)):
        assert low < np.count_nonzero(head.tissues == tissue_id(name)) * ml < high, name
    assert head.tissues[0].max() == 0
    assert head.tissues[:, :, -1].max() == 0


def test_lesion_parts_lie_inside_the_brain(head: SimulatedCase) -> None:
    assert head.brain is not None
    assert set(np.unique(head.lesions)) == {0, 1, 2, 3}
    assert head.brain[head.lesions > 0].all()


def test_noise_in_air_is_rician_and_white_matter_has_its_signal_to_noise(head: SimulatedCase) -> None:
    for name in ("t1", "t2", "flair"):
        scan = head.scans[name]
        air = scan.image[scan.noise_free == 0]
        assert air.mean() == pytest.approx(scan.sigma * np.sqrt(np.pi / 2), rel=0.05), name
        ratio = _mean(head, name, "white_matter") / scan.sigma
        assert 30 < ratio < 55, name


@pytest.mark.parametrize("kind", GLIOMAS)
def test_only_gliomas_that_enhance_have_enhancing_parts(kind: str) -> None:
    body = _ANATOMIES["head"]
    subject = body.draw(np.random.default_rng(11), age=50.0, subtype=kind)
    tissue_map = body.build(subject, image_grid(48, anatomy="head", spacing_mm=None), factor=2)
    fine = np.count_nonzero(tissue_map.tissues == tissue_id("enhancing_tumour"))
    assert (fine > 0) == (GLIOMAS[kind].enhancement != "none")
    assert np.count_nonzero(tissue_map.tissues == tissue_id("oedema")) > 0


def test_mass_effect_keeps_the_skull_and_moves_the_brain() -> None:
    body = _ANATOMIES["head"]
    grid = image_grid(48, anatomy="head", spacing_mm=None)
    ill, well = (body.draw(np.random.default_rng(4), age=50.0, subtype=kind) for kind in ("glioblastoma", "none"))
    with_mass, without = (body.build(subject, grid, factor=1).tissues for subject in (ill, well))
    bone = tissue_id("cortical_bone")
    np.testing.assert_array_equal(with_mass == bone, without == bone)
    changed = (with_mass != without) & (with_mass < tissue_id("oedema"))
    assert changed.mean() > 1e-3


def test_people_differ_and_age_widens_the_ventricles() -> None:
    body = _ANATOMIES["head"]
    grid = image_grid(48, anatomy="head", spacing_mm=None)

    def fluid(age: float, seed: int) -> int:
        subject = body.draw(np.random.default_rng(seed), age=age, subtype="none")
        return int(np.count_nonzero(body.build(subject, grid, factor=1).tissues == tissue_id("csf")))

    young, old = ([fluid(age, seed) for seed in range(4)] for age in (25.0, 80.0))
    assert np.mean(old) > 1.2 * np.mean(young)
    assert len(set(young)) == 4


def test_healthy_heads_have_no_lesion() -> None:
    case = simulate_case(
        seed=1, index=0, size=32, anatomy="head", contrasts=("t1",), options=PhantomOptions(lesions="none")
    )
    assert case.lesions.max() == 0
    assert case.attributes["subtype"] == "none"
