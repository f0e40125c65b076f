"""Grey pictures as slices: their pixels, their place by convention, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cohort.scans import touch
from voxlate.cohort import index_cohort
from voxlate.config.plan import Reading
from voxlate.errors import ReadError
from voxlate.io import read_volume

ROWS = np.arange(12, dtype=np.uint8).reshape(3, 4)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_columns_run_to_the_left_and_rows_to_the_back(tmp_path: Path, suffix: str, dtype: type) -> None:
    Image.fromarray(ROWS.astype(dtype) * (257 if dtype == np.uint16 else 1)).save(tmp_path / f"a{suffix}", dpi=(72, 72))
    volume = read_volume(tmp_path / f"a{suffix}", reading=Reading(pixel_mm=0.5))
    assert volume.array.shape == (4, 3, 1)
    assert np.array_equal(volume.array[:, :, 0] // (257 if dtype == np.uint16 else 1), ROWS.T)
    assert np.array_equal(np.diag(volume.affine), [-0.5, -0.5, 0.5, 1])
    assert any("right to left" in note and "0.5 mm" in note for note in volume.notes)
    assert any("1 mm a pixel" in note for note in read_volume(tmp_path / f"a{suffix}").notes)


@pytest.mark.parametrize("mode", ["RGB", "P", "LA"])
def test_colours_are_refused(tmp_path: Path, mode: str) -> None:
    Image.fromarray(ROWS).convert(mode).save(tmp_path / "a.png")
    with pytest.raises(ReadError, match="a grey picture"):
        read_volume(tmp_path / "a.png")


def test_several_pages_and_damage_are_refused(tmp_path: Path) -> None:
    picture = Image.fromarray(ROWS)
    picture.save(tmp_path / "a.tif", save_all=True, append_images=[picture])
    with pytest.raises(ReadError, match="2 pages"):
        read_volume(tmp_path / "a.tif")
    picture.save(tmp_path / "b.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "b.png").read_bytes()[:50])
    with pytest.raises(ReadError):
        read_volume(tmp_path / "b.png")


def test_pictures_are_slices_alone_and_illustrations_beside_volumes(tmp_path: Path) -> None:
    touch(*(tmp_path / "data" / name / f"p{n}.png" for n in (1, 2) for name in ("T1", "T2")))
    assert [set(case.paths) for case in index_cohort(tmp_path / "data").cases] == [{"t1", "t2"}] * 2
    touch(*(tmp_path / "scans" / "p" / name for name in ("T1.nii.gz", "T2.nii.gz", "T1.png")))
    cohort = index_cohort(tmp_path / "scans")
    assert cohort.cases[0].paths["t1"].name == "T1.nii.gz"
    assert [item.code for item in cohort.left_out] == ["not_an_image"]
