"""Names: what is an image, and what it is called without its suffix."""

from __future__ import annotations

from pathlib import Path

import pytest

from voxlate.errors import ReadError
from voxlate.io import is_volume_path, volume_stem
from voxlate.io.paths import header_path, sibling, with_volume_suffix


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("a/b.nii.gz", "b"),
        ("b.nii", "b"),
        ("B.NII.GZ", "B"),
        ("b.v1.2.mha", "b.v1.2"),
        ("b.hdr", "b"),
        ("b.nhdr", "b"),
        ("b c.nrrd", "b c"),
        ("b.mhd", "b"),
    ],
)
def test_images_are_known_by_their_suffix(name: str, stem: str) -> None:
    assert is_volume_path(name)
    assert volume_stem(name) == stem


@pytest.mark.parametrize("name", ["b.img", "b.raw", ".nii.gz", "._b.nii.gz", "b.nii.bz2", "b.dcm", "b", "nii", "b.gz"])
def test_other_files_are_no_images(name: str) -> None:
    assert not is_volume_path(name)


def test_the_other_half_of_a_pair() -> None:
    assert header_path("a/b.img") == Path("a/b.hdr")
    assert header_path("a/B.IMG") == Path("a/B.HDR")
    assert header_path("a/b.nii.gz") == Path("a/b.nii.gz")
    assert with_volume_suffix(Path("a/b.mhd"), ".raw") == Path("a/b.raw")


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../a.raw", "a/../../b.raw", "", "LIST", "LIST 2", "a%03d.raw 1 9 1", "a\\b", "a\0"]
)
def test_a_header_cannot_lead_out_of_its_folder(name: str) -> None:
    with pytest.raises(ReadError):
        sibling(Path("folder/a.mhd"), name)


def test_a_header_may_name_a_file_beside_or_below() -> None:
    assert sibling(Path("folder/a.mhd"), "LISTE 50%.raw") == Path("folder/LISTE 50%.raw")
    assert sibling(Path("folder/a.mhd"), "data/a.raw") == Path("folder/data/a.raw")
