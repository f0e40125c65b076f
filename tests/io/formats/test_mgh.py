"""FreeSurfer's format against nibabel, and what it may not be."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from voxlate.errors import GeometryError, ReadError, UsageError
from voxlate.io import read_grid, read_volume, write_volume

_TURNED = np.array([[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, -1.0]]) * [1.0, 1.5, 2.0]
OBLIQUE = np.vstack([np.column_stack([_TURNED, [10.0, -20.0, 30.0]]), [0, 0, 0, 1]])


@pytest.mark.parametrize("suffix", [".mgz", ".mgh"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32])
def test_voxels_and_places_are_those_of_nibabel(tmp_path: Path, suffix: str, dtype: type) -> None:
    array = np.arange(60).reshape(3, 4, 5).astype(dtype)
    nib.save(nib.MGHImage(array, OBLIQUE), tmp_path / f"x{suffix}")
    volume = read_volume(tmp_path / f"x{suffix}")
    assert np.array_equal(volume.array, array)
    assert np.allclose(volume.affine, OBLIQUE, atol=1e-4)
    assert read_grid(tmp_path / f"x{suffix}").shape == (3, 4, 5)


def test_what_is_cut_short_or_states_no_place_is_refused(tmp_path: Path) -> None:
    nib.save(nib.MGHImage(np.ones((3, 4, 5), np.float32), np.eye(4)), tmp_path / "x.mgh")
    content = bytearray((tmp_path / "x.mgh").read_bytes())
    (tmp_path / "short.mgh").write_bytes(content[:400])
    with pytest.raises(ReadError, match="bytes"):
        read_volume(tmp_path / "short.mgh")
    content[28:30] = b"\0\0"  # goodRASFlag
    (tmp_path / "nowhere.mgh").write_bytes(content)
    with pytest.raises(GeometryError, match="stated orientation"):
        read_volume(tmp_path / "nowhere.mgh")


def test_it_is_not_written(tmp_path: Path) -> None:
    nib.save(nib.MGHImage(np.ones((3, 4, 5), np.float32), np.eye(4)), tmp_path / "x.mgh")
    with pytest.raises(UsageError, match=r"Use one of \.nii\.gz"):
        write_volume(read_volume(tmp_path / "x.mgh"), tmp_path / "y.mgh")
