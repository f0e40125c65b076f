"""Whether a scan shows a face: drawn heads, and real ones where they lie beside the checkout."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from voxlate.cohort.heads.faces import look_for_face
from voxlate.io import read_volume
from voxlate.volume import Volume


def _drawn(*, face: bool = True, low_mm: float = -110.0, scale: float = 1.0) -> Volume:
    """A head of two ellipsoids and a nose, in 3 mm; or without what is in front, or in a field that ends higher."""
    x, y, z = np.meshgrid(*(np.arange(low, 105, 3.0) for low in (-102, -130, low_mm)), indexing="ij")
    y += 10
    head = ((x / 76) ** 2 + (y / 96) ** 2 + (np.minimum(z, 0) / 130 + np.maximum(z, 0) / 92) ** 2 < scale).astype(bool)
    front = (np.abs(x) < 45) & (y > 0) & (y < 88) & (z < -10)
    nose = (np.abs(x) < 15) & (y > 60) & (y < 108) & (np.abs(z + 40) < 18)
    shown = (head | front | nose) if face else head & ~((z < -5) & (y > 25))
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    affine[:3, 3] = -102, -130, low_mm
    return Volume((100 * shown).astype(np.float32), affine)


def test_a_face_is_seen_unless_it_was_cut_off_or_is_out_of_the_field() -> None:
    assert look_for_face(_drawn(), hounsfield=False).found == "face"
    assert look_for_face(_drawn(face=False), hounsfield=False).found == "defaced"
    assert look_for_face(_drawn(low_mm=0), hounsfield=False).found == "upper head"
    assert look_for_face(_drawn(face=False, scale=0.5), hounsfield=False).found == "none"
    turned = _drawn()
    turned = Volume(turned.array.transpose(2, 0, 1)[::-1], turned.affine @ _turning(turned.array.shape))
    assert look_for_face(turned, hounsfield=False).found == "face"
    hounsfield = _drawn()
    assert look_for_face(hounsfield.with_array(hounsfield.array * 11 - 1000), hounsfield=True).found == "face"
    assert look_for_face(hounsfield.with_array(hounsfield.array * 0), hounsfield=False).found == "none"


def _turning(shape: tuple[int, ...]) -> np.ndarray:
    """From the indices of axes (k mirrored, i, j) to those of (i, j, k)."""
    turning = np.array([[0.0, 1, 0, 0], [0, 0, 1, 0], [-1, 0, 0, shape[2] - 1], [0, 0, 0, 1]])
    return np.asarray(turning)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("open_ms/patient19/T1.nii.gz", {"none"}),
        ("open_ms/patient26/FLAIR.nii.gz", {"none"}),
        ("open_ms_raw/patient01/study1_T2W.nii.gz", {"upper head", "face"}),
        ("open_ms_raw/patient20/study2_T1W.nii.gz", {"upper head", "face"}),
        ("scct/scct.nii", {"face"}),
        ("spm12_templates/avg152T1.nii", {"face"}),
        ("totalsegmentator/example_mr_sm.nii.gz", {"none"}),
    ],
)
def test_real_scans(real_data: Path, name: str, found: set[str]) -> None:
    assert look_for_face(read_volume(real_data / name), hounsfield=False).found in found


def test_a_real_head_whole_cut_and_stripped(real_data: Path) -> None:
    image = nib.as_closest_canonical(nib.load(real_data / "head_label_maps" / "training_seg_02.nii.gz"))
    labels = np.asarray(image.dataobj)[::2, ::2, ::2]
    affine = image.affine @ np.diag([2, 2, 2, 1])
    head = labels > 0
    top = np.flatnonzero(head.sum(axis=(0, 1)) > 250)[-1]
    front = np.flatnonzero(head[:, :, top - 40 : top - 18].any(axis=(0, 2)))[-1]
    cut = head.copy()
    cut[:, front - 35 :, : top - 42] = False
    looks = [
        look_for_face(Volume(one.astype(np.float32), affine), hounsfield=False).found
        for one in (head, cut, (labels > 0) & (labels < 500))
    ]
    assert looks == ["face", "defaced", "none"]
