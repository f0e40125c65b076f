"""Who made an image is told by the file itself, whatever becomes of its name, its format and its sidecar."""

from __future__ import annotations

import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from tests.io.crafted import SUFFIXES
from voxlate.errors import WriteError
from voxlate.io import ModelRecord, Provenance, read_maker, sidecar_path, write_volume
from voxlate.volume import Volume

VOLUME = Volume(np.arange(60, dtype=np.float32).reshape(5, 4, 3), np.eye(4))
MADE = Provenance(synthetic=True, model=ModelRecord(name="m", digest="0" * 64), target="t2", unit="a.u.")
SIMULATED = MADE.model_copy(update={"model": None})
SCANNED = SIMULATED.model_copy(update={"synthetic": False})


def _without_sidecar(path: Path) -> Path:
    sidecar_path(path).unlink()
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_without_its_sidecar_is_still_a_models(tmp_path: Path, suffix: str) -> None:
    path = _without_sidecar(write_volume(VOLUME, tmp_path / f"a{suffix}", provenance=MADE))
    assert read_maker(path) == "model"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_simulation_and_a_scan_are_no_models(tmp_path: Path, suffix: str) -> None:
    assert read_maker(_without_sidecar(write_volume(VOLUME, tmp_path / f"a{suffix}", provenance=SIMULATED))) == (
        "simulation"
    )
    assert read_maker(_without_sidecar(write_volume(VOLUME, tmp_path / f"b{suffix}", provenance=SCANNED))) is None
    assert read_maker(write_volume(VOLUME, tmp_path / f"c{suffix}")) is None


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_what_nibabel_converts_keeps_its_mark(tmp_path: Path, suffix: str) -> None:
    path = write_volume(VOLUME, tmp_path / "a.nii.gz", provenance=MADE)
    nibabel.save(nibabel.load(path), tmp_path / f"scan{suffix}")
    assert read_maker(tmp_path / f"scan{suffix}") == "model"


@pytest.mark.parametrize("suffix", [".nii.gz", ".mha", ".nrrd"])
@pytest.mark.parametrize("given", SUFFIXES)
def test_what_itk_converts_keeps_its_mark(tmp_path: Path, given: str, suffix: str) -> None:
    path = write_volume(VOLUME, tmp_path / f"a{given}", provenance=MADE)
    sitk.WriteImage(sitk.ReadImage(str(path.with_suffix(".img") if given == ".hdr" else path)), tmp_path / f"b{suffix}")
    assert read_maker(tmp_path / f"b{suffix}") == "model"


def test_a_sidecar_that_was_left_behind_does_not_whitewash_a_models_image(tmp_path: Path) -> None:
    """The image of a model is copied over a simulated one, whose sidecar stays."""
    made = write_volume(VOLUME, tmp_path / "made.nii.gz", provenance=MADE)
    truth = write_volume(VOLUME, tmp_path / "t2.nii.gz", provenance=SIMULATED)
    shutil.copy(made, truth)
    assert read_maker(truth) == "model"


def test_a_sidecar_tells_where_the_header_has_lost_the_mark(tmp_path: Path) -> None:
    path = write_volume(VOLUME, tmp_path / "a.nii.gz", provenance=MADE)
    nibabel.save(nibabel.Nifti1Image(VOLUME.array, VOLUME.affine), path)
    assert read_maker(path) == "model"


def test_a_long_name_does_not_push_the_mark_out_of_the_header(tmp_path: Path) -> None:
    long = MADE.model_copy(update={"target": "x" * 200})
    assert read_maker(_without_sidecar(write_volume(VOLUME, tmp_path / "a.nii", provenance=long))) == "model"


def test_a_file_that_is_no_image_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.nii.gz").write_bytes(b"no image")
    assert read_maker(tmp_path / "a.nii.gz") is None
    assert read_maker(tmp_path / "b.nii.gz") is None


@pytest.mark.parametrize("suffix", [".nrrd", ".hdr"])
def test_no_image_is_written_beside_a_scan_of_its_name_that_its_sidecar_would_mark(tmp_path: Path, suffix: str) -> None:
    write_volume(VOLUME, tmp_path / "a.nii.gz")
    with pytest.raises(WriteError, match=r"a\.json would be taken to be about both"):
        write_volume(VOLUME, tmp_path / f"a{suffix}", provenance=MADE, overwrite=True)
    assert read_maker(tmp_path / "a.nii.gz") is None
    assert write_volume(VOLUME, tmp_path / f"b{suffix}", provenance=MADE).exists()
