"""Translation in memory: the same voxels as by files, from every form of an image, marked, noted, and by threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import voxlate
from voxlate.cohort import Case, index_cohort
from voxlate.contrast import get_contrast
from voxlate.errors import UsageError
from voxlate.inference.model import Model
from voxlate.io import read_maker, read_provenance, read_volume


@pytest.fixture(scope="module")
def model(trained: Path) -> Model:
    return voxlate.load_model(trained)


@pytest.fixture(scope="module")
def cases(phantom_cohort: Path) -> tuple[Case, ...]:
    return index_cohort(phantom_cohort).cases


def _part(case: Case, *, first: int = 14, size: int = 20) -> voxlate.Volume:
    """The middle of a case's T1, which is translated in no time."""
    whole = read_volume(case.paths["t1"])
    affine, part = np.array(whole.affine), (slice(first, first + size),) * 3
    affine[:, 3] = whole.affine @ (first, first, first, 1)
    return voxlate.Volume(np.ascontiguousarray(whole.array[part]), affine)


@pytest.fixture(scope="module")
def scan(cases: tuple[Case, ...]) -> voxlate.Volume:
    return _part(cases[0])


@pytest.fixture(scope="module")
def made(model: Model, scan: voxlate.Volume) -> voxlate.Volume:
    return model.translate(scan)


def test_every_form_of_an_image_gives_what_the_file_gives(
    trained: Path, model: Model, scan: voxlate.Volume, tmp_path: Path
) -> None:
    path = voxlate.write_volume(scan, tmp_path / "t1.nii.gz")
    voxlate.translate(trained, path, out=tmp_path / "t2.nii.gz")
    by_file = read_volume(tmp_path / "t2.nii.gz")
    pair = np.array(scan), np.array(scan.affine)
    for form in (scan, path, pair, scan.to_nibabel(), scan.to_sitk(), {"T1w": scan}):
        found = model.translate(form)
        assert np.array_equal(found.array, by_file.array), type(form)
        assert np.allclose(found.affine, by_file.affine, atol=1e-5)


def test_the_result_is_marked_in_memory_and_on_disk(made: voxlate.Volume, model: Model, tmp_path: Path) -> None:
    assert made.is_synthetic
    assert repr(made).startswith("Volume(SYNTHETIC, t2, ")
    assert made.provenance is not None
    assert made.provenance.model is not None
    assert made.provenance.model.digest == model.bundle.digest
    [source] = made.provenance.sources
    assert (source.contrast, source.name, len(source.sha256)) == ("t1", "", 64)
    assert any("foreground by the rule" in note for note in made.notes)
    path = voxlate.write_volume(made, tmp_path / "again.nii.gz")
    told = read_provenance(path)
    assert told is not None
    assert told.model == made.provenance.model
    assert repr(voxlate.read(path)) == repr(made)
    assert b"by a model" in bytes(made.to_nibabel().header["descrip"])
    assert "by a model" in made.to_sitk().GetMetaData("Voxlate")
    path.with_name("again.json").unlink()
    assert read_maker(path) == "model", "the header keeps the mark"


def test_an_image_that_a_model_made_is_no_scan_unless_that_is_allowed(model: Model, made: voxlate.Volume) -> None:
    taken_for_t1 = replace(made, contrast=None)
    for form in (taken_for_t1, taken_for_t1.to_nibabel(), taken_for_t1.to_sitk()):
        with pytest.raises(UsageError, match="an image that a model made"):
            model.translate(form)
    allowed = model.accepting({"imputed": "sources"}).translate(taken_for_t1)
    assert allowed.provenance is not None
    assert [source.imputed for source in allowed.provenance.sources] == [True]


def test_a_seen_image_is_told(model: Model, cases: tuple[Case, ...], trained: Path) -> None:
    from voxlate.cohort import read_split

    split = read_split(trained / "split.csv")
    for part, seen in (("train", True), ("test", False)):
        case = next(case for case in cases if split[case.id] == part)
        notes = model.translate(read_volume(case.paths["t1"])).notes
        assert ("The model was trained or chosen on this image." in notes) is seen


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (np.array, "without an affine"),
        (lambda scan: replace(scan, contrast=get_contrast("t2")), "got one of T2"),
        (lambda scan: {"t2": scan}, "got t2, without t1"),
        (lambda scan: {"t1": scan, "T1w": scan}, "every contrast once"),
        (lambda scan: (np.array(scan), np.eye(3)), r"affine of shape \(4, 4\)"),
        (lambda scan: (np.full((8, 8, 8), np.nan), np.eye(4)), "finite voxels"),
        (lambda scan: (np.ones((8, 8, 8)), np.eye(4)), "constant"),
    ],
)
def test_what_the_model_cannot_start_from_is_refused(
    model: Model, scan: voxlate.Volume, form: object, words: str
) -> None:
    with pytest.raises(voxlate.VoxlateError, match=words):
        model.translate(form(scan))  # type: ignore[operator]


def test_threads_share_a_model(model: Model, cases: tuple[Case, ...]) -> None:
    scans = [_part(case) for case in cases[:3]] * 2
    alone = [model.translate(scan).array for scan in scans[:3]]
    with ThreadPoolExecutor(max_workers=4) as pool:
        together = [made.array for made in pool.map(model.translate, scans)]
    assert all(np.array_equal(one, other) for one, other in zip(alone * 2, together, strict=True))
