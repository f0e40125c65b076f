"""Cohorts on disk: layout, truth, repeatability, misalignment."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from voxlate.cohort import index_cohort
from voxlate.errors import UsageError
from voxlate.io import read_provenance, read_volume
from voxlate.phantoms import PhantomOptions, make_cohort, simulate_case

SMALL = PhantomOptions(factor=1)


def _digests(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_cohort(tmp_path_factory.mktemp("phantom") / "cohort", cases=3, seed=7, size=40, options=SMALL)


def test_cohort_is_indexed_with_all_contrasts_and_attributes(cohort: Path) -> None:
    found = index_cohort(cohort)
    assert [case.id for case in found.cases] == ["Phantom-00001-000", "Phantom-00002-000", "Phantom-00003-000"]
    for case in found.cases:
        assert set(case.paths) == {"t1", "t1c", "t2", "flair", "labels"}
        assert {"age", "grade", "subtype", "enhancement"} <= set(case.attributes)
    assert {case.attributes["enhancement"] for case in found.cases} == {"yes", "no"}
    assert all("derivatives" in str(left.path) for left in found.left_out)


def test_files_lie_on_one_grid_in_ras_and_say_that_they_are_simulated(cohort: Path) -> None:
    case = index_cohort(cohort).cases[0]
    volumes = [read_volume(path) for path in case.paths.values()]
    for volume in volumes:
        assert volume.grid.matches(volumes[0].grid)
        np.testing.assert_allclose(np.diag(volume.affine)[:3], 200 / 40, rtol=1e-6)
    assert volumes[0].shape == (40, 40, 40)
    provenance = read_provenance(case.paths["t2"])
    assert provenance is not None
    assert provenance.synthetic
    import nibabel as nib

    assert b"synthetic" in nib.load(case.paths["t2"]).header["descrip"].tobytes()


def test_truth_holds_tissues_mask_and_signals_that_explain_the_scan(cohort: Path) -> None:
    name = "Phantom-00001-000"
    truth = cohort / "derivatives" / "truth" / name
    clean = read_volume(truth / f"{name}-t1n-noise_free.nii.gz").array
    image = read_volume(cohort / name / f"{name}-t1n.nii.gz").array
    brain = read_volume(truth / f"{name}-brain.nii.gz").array > 0
    tissues = read_volume(truth / f"{name}-tissues.nii.gz").array
    sigma = json.loads((truth / "acquisition.json").read_text())["t1"]["noise_sigma"]
    assert np.corrcoef(clean[brain], image[brain])[0, 1] > 0.9
    air = image[(tissues == 0) & (clean == 0)]
    assert air.mean() == pytest.approx(sigma * np.sqrt(np.pi / 2), rel=0.05)
    assert tissues[brain].min() > 0


@pytest.mark.usefixtures("drawn_anew")
def test_same_seed_gives_the_same_bytes_whatever_the_workers(cohort: Path, tmp_path: Path) -> None:
    again = make_cohort(tmp_path / "again", cases=3, seed=7, size=40, options=SMALL, workers=1)
    assert _digests(again) == _digests(cohort)


def test_a_rerun_completes_and_changes_nothing(cohort: Path, tmp_path: Path) -> None:
    root = make_cohort(tmp_path / "part", cases=1, seed=7, size=40, options=SMALL)
    before = _digests(root)
    calls: list[tuple[int, int]] = []
    make_cohort(root, cases=3, seed=7, size=40, options=SMALL, progress=lambda done, total: calls.append((done, total)))
    after = _digests(root)
    assert after == _digests(cohort)
    growing = {"participants.tsv", "acquisitions.tsv"}
    assert {key: value for key, value in after.items() if key in before.keys() - growing} == {
        key: value for key, value in before.items() if key not in growing
    }
    assert calls == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_a_half_written_case_is_drawn_again(cohort: Path, tmp_path: Path) -> None:
    root = make_cohort(tmp_path / "torn", cases=3, seed=7, size=40, options=SMALL)
    (root / "derivatives" / "truth" / "Phantom-00002-000" / "attributes.json").unlink()
    (root / "Phantom-00002-000" / "Phantom-00002-000-t2w.nii.gz").unlink()
    make_cohort(root, cases=3, seed=7, size=40, options=SMALL)
    assert _digests(root) == _digests(cohort)


def test_another_seed_gives_other_people(cohort: Path, tmp_path: Path) -> None:
    other = make_cohort(tmp_path / "other", cases=1, seed=8, size=40, options=SMALL)
    name = "Phantom-00001-000/Phantom-00001-000-t1n.nii.gz"
    assert _digests(other)[name] != _digests(cohort)[name]


def test_a_contrast_does_not_depend_on_which_others_are_asked_for() -> None:
    options = {"seed": 3, "index": 1, "size": 32, "anatomy": "head", "options": SMALL}
    alone = simulate_case(**options, contrasts=("t1", "t2"))
    more = simulate_case(**options, contrasts=("t1", "ct", "flair", "t2"))
    np.testing.assert_array_equal(alone.scans["t2"].image, more.scans["t2"].image)


def test_folder_of_something_else_is_refused(cohort: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="something else"):
        make_cohort(tmp_path, cases=1, seed=0, size=32)
    with pytest.raises(UsageError, match="another seed"):
        make_cohort(cohort, cases=3, seed=9, size=40, options=SMALL)


@pytest.mark.parametrize("change", [{"cases": 0}, {"size": 4}, {"contrasts": ("pet",)}, {"anatomy": "foot"}])
def test_impossible_requests_are_refused_before_anything_is_written(tmp_path: Path, change: dict[str, object]) -> None:
    options: dict[str, object] = {"cases": 1, "seed": 0, "size": 32, **change}
    with pytest.raises(UsageError):
        make_cohort(tmp_path / "out", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_known_shift_is_in_the_truth_and_in_the_image(tmp_path: Path) -> None:
    """A shift by whole voxels, against the same case without it: the noise-free signal is the same, moved."""
    shift = (10.0, -5.0, 15.0)
    still = PhantomOptions(factor=1)
    moving = PhantomOptions(factor=1, misalignment_mm={"ct": shift})
    aligned, moved = (
        make_cohort(tmp_path / name, cases=1, seed=2, size=40, contrasts=("t1", "ct"), options=options)
        for name, options in (("still", still), ("moving", moving))
    )
    name = "Phantom-00001-000"
    truth = json.loads((moved / "derivatives" / "truth" / name / "misalignment.json").read_text())
    assert truth["ct"]["translation_mm"] == list(shift)
    np.testing.assert_allclose(np.array(truth["ct"]["reference_to_scan"])[:3, 3], shift)
    assert truth["t1"]["translation_mm"] == [0, 0, 0]
    before, after = (
        read_volume(root / "derivatives" / "truth" / name / f"{name}-ct-noise_free.nii.gz").array
        for root in (aligned, moved)
    )
    np.testing.assert_allclose(
        after[3:-3, 3:-3, 5:-3], np.roll(before, (2, -1, 3), (0, 1, 2))[3:-3, 3:-3, 5:-3], atol=2
    )


def test_one_distance_moves_all_but_the_reference() -> None:
    options = PhantomOptions(factor=1, misalignment_mm=4.0, misalignment_deg=3.0)
    case = simulate_case(seed=1, index=0, size=32, anatomy="head", contrasts=("t2", "t1", "ct"), options=options)
    assert not case.scans["t2"].motion.moves
    for name in ("t1", "ct"):
        assert np.linalg.norm(case.scans[name].motion.translation_mm) == pytest.approx(4.0)
        assert any(case.scans[name].motion.rotation_deg)


def test_a_shift_of_no_contrast_is_refused_and_aliases_are_understood() -> None:
    with pytest.raises(ValueError, match="t9"):
        PhantomOptions(misalignment_mm={"t9": 3.0})
    assert PhantomOptions(misalignment_mm={"T1w": 3.0}).misalignment_mm == {"t1": 3.0}


def test_skull_stripped_scans_are_empty_outside_the_brain() -> None:
    options = PhantomOptions(factor=1, skull_strip=True)
    case = simulate_case(seed=1, index=0, size=32, anatomy="head", contrasts=("t1", "ct"), options=options)
    assert case.brain is not None
    assert (case.scans["t1"].image[~case.brain] == 0).all()
    assert (case.scans["ct"].image[~case.brain] == -1000).all()
    assert np.median(case.scans["t1"].image[case.brain]) > 100


def test_a_translation_is_not_an_intensity_lookup(head: object) -> None:
    """Grey values alone leave much of T2 unexplained, far more than noise: there is something to learn."""
    from voxlate.phantoms import SimulatedCase

    assert isinstance(head, SimulatedCase)
    inside = head.tissues > 0
    source, target = (head.scans[name].noise_free[inside] for name in ("t1", "t2"))
    bins = np.digitize(source, np.quantile(source, np.linspace(0, 1, 65)[1:-1]))
    mean = np.bincount(bins, target) / np.bincount(bins)
    lookup = np.abs(target - mean[bins]).mean()
    sigma = head.scans["t2"].sigma
    assert lookup > 5 * sigma
