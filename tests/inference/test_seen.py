"""A bundle knows the cases that it was trained and chosen on, by id and by voxels, whatever becomes of their files."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

import voxlate
from voxlate.bundle.bundle import read_bundle
from voxlate.cohort import Case, index_cohort, read_split
from voxlate.evaluation.candidates import load_candidate
from voxlate.evaluation.privacy.members import find_members
from voxlate.inference.model import Model, load_model
from voxlate.io import read_volume, write_volume
from voxlate.preprocess.resampling import resample, spacing_grid
from voxlate.volume import Volume


@pytest.fixture(scope="module")
def model(trained: Path) -> Model:
    return load_model(trained)


@pytest.fixture(scope="module")
def parts(trained: Path) -> dict[str, str]:
    return dict(read_split(trained / "split.csv"))


def _plain(scan: Path, folder: Path) -> Path:
    image = nibabel.load(scan)
    nibabel.save(nibabel.Nifti1Image(image.get_fdata(dtype=np.float32), image.affine), folder / "a.nii")
    return folder / "a.nii"


def _doubled(scan: Path, folder: Path) -> Path:
    image = nibabel.load(scan)
    nibabel.save(nibabel.Nifti1Image(image.get_fdata(), image.affine), folder / "a.nii.gz")
    return folder / "a.nii.gz"


def _turned(scan: Path, folder: Path) -> Path:
    image = nibabel.load(scan).as_reoriented(np.array([[1, -1], [0, 1], [2, -1]]))
    nibabel.save(image, folder / "a.nii.gz")
    return folder / "a.nii.gz"


def _moved(scan: Path, folder: Path) -> Path:
    volume = read_volume(scan)
    affine = volume.affine.copy()
    affine[:3, 3] += 12.5
    return write_volume(Volume(volume.array, affine), folder / "a.nrrd", overwrite=True)


def _itk(scan: Path, folder: Path) -> Path:
    sitk.WriteImage(sitk.ReadImage(str(scan)), str(folder / "a.mha"))
    return folder / "a.mha"


@pytest.mark.parametrize("save", [_plain, _doubled, _turned, _moved, _itk])
def test_a_scan_saved_anew_is_known(
    model: Model, parts: dict[str, str], phantom_cohort: Path, tmp_path: Path, save: Callable[[Path, Path], Path]
) -> None:
    for case in index_cohort(phantom_cohort).cases:
        anew = Case("x", "x", {"t1": save(case.paths["t1"], tmp_path)})
        assert model.has_seen(anew) == (parts[case.id] != "test"), case.id


def test_a_scan_with_one_other_voxel_is_another(
    model: Model, parts: dict[str, str], phantom_cohort: Path, tmp_path: Path
) -> None:
    case = next(case for case in index_cohort(phantom_cohort).cases if parts[case.id] == "train")
    volume = read_volume(case.paths["t1"])
    array = volume.array.copy()
    array[20, 20, 20] += 1
    path = write_volume(Volume(array, volume.affine), tmp_path / "a.nii.gz")
    by_digests = replace(model, bundle=replace(model.bundle, sketches=()))
    assert not by_digests.has_seen(Case("x", "x", {"t1": path}))
    assert model.has_seen(Case("x", "x", {"t1": path}))


def _rounded(volume: Volume) -> Volume:
    return replace(volume, array=np.rint(volume.array.astype(np.float32) * (255 / volume.array.max())))


def _scaled(volume: Volume) -> Volume:
    return replace(volume, array=2.5 * volume.array.astype(np.float32) + 40)


def _gamma(volume: Volume) -> Volume:
    return replace(volume, array=(volume.array.clip(0) / volume.array.max()) ** 0.7)


def _inverted(volume: Volume) -> Volume:
    return replace(volume, array=volume.array.max() - volume.array)


def _cropped(volume: Volume) -> Volume:
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ (3, 3, 2)
    return Volume(volume.array[3:-3, 3:-2, 2:-2], affine)


def _padded_elsewhere(volume: Volume) -> Volume:
    affine = volume.affine.copy()
    affine[:3, 3] = 0
    return Volume(np.pad(volume.array, ((6, 0), (3, 8), (0, 5))), affine)


def _resampled(volume: Volume) -> Volume:
    i, j, k = (1.3 * step for step in volume.spacing_mm)
    grid = spacing_grid(volume.grid, (i, j, k))
    return Volume(resample(volume.array.astype(np.float32), volume.grid, grid), grid.affine)


@pytest.mark.parametrize("change", [_rounded, _scaled, _gamma, _inverted, _cropped, _padded_elsewhere, _resampled])
def test_a_scan_that_was_changed_is_known_and_no_other_person_is(
    model: Model, parts: dict[str, str], phantom_cohort: Path, tmp_path: Path, change: Callable[[Volume], Volume]
) -> None:
    cases = index_cohort(phantom_cohort).cases
    for part in ("train", "test"):
        case = next(case for case in cases if parts[case.id] == part)
        path = write_volume(change(read_volume(case.paths["t1"])), tmp_path / "a.nii.gz", overwrite=True)
        assert model.has_seen(Case("x", "x", {"t1": path})) == (part == "train")


def test_the_manifest_names_them(trained: Path, parts: dict[str, str]) -> None:
    seen = json.loads((trained / "bundle" / "manifest.json").read_text())["seen"]
    told = {case: part for part, cases in seen.items() for case in cases}
    assert told == {case: part for case, part in parts.items() if part != "test"}


def test_an_audit_knows_training_scans_that_were_saved_anew(
    trained: Path, parts: dict[str, str], phantom_cohort: Path, tmp_path: Path
) -> None:
    real = []
    for case in index_cohort(phantom_cohort).cases:
        (tmp_path / case.id).mkdir()
        real.append(replace(case, paths={"t1": _plain(case.paths["t1"], tmp_path / case.id)}))
    members = find_members(real, synthetic=tmp_path, given=trained)
    assert members.ids == {case for case, part in parts.items() if part != "test"}


def test_a_bundle_from_before_goes_by_its_files(
    model: Model, parts: dict[str, str], phantom_cohort: Path, tmp_path: Path
) -> None:
    old = replace(model, bundle=replace(read_bundle(model.bundle.folder), seen_voxels=frozenset(), sketches=()))
    case = next(case for case in index_cohort(phantom_cohort).cases if parts[case.id] == "train")
    assert old.has_seen(case)
    assert not old.has_seen(Case("x", "x", {"t1": _plain(case.paths["t1"], tmp_path)}))


def test_the_table_of_translated_images_tells_it_to_whoever_scores_them(
    trained: Path, parts: dict[str, str], phantom_cohort: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """They are scored all the same, and none is called held-out."""
    voxlate.translate(trained, phantom_cohort, out=tmp_path / "made")
    with (tmp_path / "made" / "manifest.csv").open(newline="") as file:
        told = {row["case"]: row["seen"] for row in csv.DictReader(file)}
    assert told == {case: "no" if part == "test" else "yes" for case, part in parts.items()}
    candidate, cohort = load_candidate(tmp_path / "made", phantom_cohort)
    cases = candidate.cases(cohort, split="test")
    seen = sum(answer == "yes" for answer in told.values())
    assert (len(cases), candidate.seen(cases)) == (len(told), seen)
    assert "held-out" not in candidate.what_cases(seen=seen, of=len(cases))
    assert f"seen {seen} of the {len(told)} cases" in caplog.text
