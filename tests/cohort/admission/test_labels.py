"""What the values of a label map tell, each planted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.cohort.scans import images
from voxlate.cohort.admission import admit, read_contrast
from voxlate.cohort.case import Case
from voxlate.cohort.finding import Finding, soften
from voxlate.config.plan import Reading
from voxlate.contrast import CONTRASTS
from voxlate.errors import ReadError
from voxlate.io import read_volume
from voxlate.volume import Volume

LABELS = images(0)["labels"]
BODY = images(0)["t1"] > 0


def _found(array: NDArray[Any], contrast: str = "labels", *, used: bool = True) -> list[Finding]:
    volume = Volume(array, np.eye(4), CONTRASTS[contrast])
    found = admit(volume, case="a", path=Path("a.nii"))
    return found if used else [soften(finding) for finding in found]


def _codes(array: NDArray[Any], contrast: str = "labels", *, used: bool = True) -> list[tuple[str, str]]:
    return [(finding.severity, finding.code) for finding in _found(array, contrast, used=used)]


def _ball(n: int = 24) -> NDArray[np.float64]:
    axes = np.meshgrid(*[np.linspace(-1, 1, n)] * 3, indexing="ij")
    return np.clip(3.2 - 4 * np.sqrt(sum(axis**2 for axis in axes)), 0, 1)


def _atlas() -> NDArray[np.int32]:
    """Two hundred regions of 4 x 4 x 4 voxels."""
    return np.kron(np.arange(1, 217).reshape(6, 6, 6), np.ones((4, 4, 4), int)).astype(np.int32) * 50


def _ct(seed: int = 0) -> NDArray[np.int16]:
    return np.where(BODY, 40 + np.random.default_rng(seed).normal(0, 15, BODY.shape), -1000).astype(np.int16)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([0, 1, 4]).reshape(3, 1, 1), []),
        (np.array([0.0, 1.0, 4.0]).reshape(3, 1, 1), []),
        (np.ones((3, 1, 1)), []),
        (LABELS, []),
        (255 * LABELS, []),
        (LABELS.astype(bool), []),
        (_atlas(), []),
        (np.zeros((3, 1, 1), np.uint8), [("warning", "empty_labels")]),
        (np.zeros((3, 1, 1)), [("warning", "empty_labels")]),
        (np.array([0, 0.5, 1]).reshape(3, 1, 1), [("error", "labels_not_integer")]),
        (_ball(), [("error", "labels_not_integer")]),
        (np.rint(255 * _ball()).astype(np.uint8), [("error", "labels_not_integer")]),
        (np.where(LABELS, 1, -1), [("error", "negative_labels")]),
        (-LABELS.astype(np.int8), [("error", "negative_labels")]),
        (_ct(), [("error", "labels_are_an_image")]),
        (_ct() + 1024, [("error", "labels_are_an_image")]),
        (np.rint(images(0)["t1"]).astype(np.uint16), [("error", "labels_are_an_image")]),
    ],
)
def test_values_of_a_label_map(array: NDArray[Any], expected: list[tuple[str, str]]) -> None:
    assert _codes(array) == expected
    assert _codes(array, used=False) == [("warning", code) for _, code in expected]  # stops nothing


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (BODY, []),
        (255 * BODY.astype(np.uint8), []),
        (np.ones_like(BODY), []),
        (np.zeros_like(BODY), [("error", "empty_mask")]),
        (_ball(12), [("error", "labels_not_integer")]),  # probabilities of a brain
        (np.pad(np.ones((3, 3, 3), int), 10), [("warning", "small_mask")]),
        (-BODY.astype(np.int8), [("error", "negative_labels")]),
    ],
)
def test_values_of_a_mask(array: NDArray[Any], expected: list[tuple[str, str]]) -> None:
    assert _codes(array, "mask") == expected


def test_the_sentence_shows_the_value_and_what_to_do() -> None:
    (rounding,) = _found(np.array([0, 1.0052, 2]).reshape(3, 1, 1))
    assert "such as 1.005" in rounding.message
    assert "round them in a copy" in rounding.message
    (tiny,) = _found(np.array([0, 1.0012, 1]).reshape(3, 1, 1))
    assert "such as 1.001," in tiny.message
    (mixed,) = _found(np.array([0, 1.0000153, 1.4983]).reshape(3, 1, 1))
    assert "such as 1.498" in mixed.message
    assert "nearest neighbour" in mixed.message
    (negative,) = _found(np.where(LABELS, 1, -1))
    assert f"-1 ({np.count_nonzero(LABELS == 0)} voxels)" in negative.message
    (small,) = _found(np.pad(np.ones((3, 3, 3), int), 10), "mask")
    assert "If it marks a lesion" in small.message
    assert "_seg" in small.message


def _written(path: Path, array: NDArray[Any], dtype: str) -> Path:
    """By nibabel, which scales reals into an integer header."""
    image = nib.Nifti1Image(array.astype(np.float64), np.eye(4))
    image.set_data_dtype(dtype)
    image.set_sform(np.eye(4), 1)
    image.set_qform(np.eye(4), 1)
    nib.save(image, path)
    return path


@pytest.mark.parametrize(("dtype", "largest"), [("i2", 2), ("u1", 7), ("u1", 30), ("i2", 2035)])
def test_rounding_by_the_header_is_undone_with_a_note(tmp_path: Path, dtype: str, largest: int) -> None:
    """One half of a stored step is more than 1e-3 where few bits hold many labels."""
    array = np.rint(np.linspace(0, largest, 4 * 4 * 40).reshape(4, 4, 40))
    path = _written(tmp_path / "a.nii", array, dtype)
    assert not np.array_equal(read_volume(path).array, array)
    volume = read_volume(path, contrast=CONTRASTS["labels"])
    np.testing.assert_array_equal(volume.array, array)
    assert "were rounded" in volume.notes[-1]


@pytest.mark.parametrize("dtype", ["f4", "u1", "i2"])
def test_what_was_interpolated_is_not_rounded(tmp_path: Path, dtype: str) -> None:
    path = _written(tmp_path / "a.nii", 3 * _ball(12), dtype)
    volume = read_volume(path, contrast=CONTRASTS["labels"])
    np.testing.assert_array_equal(volume.array, read_volume(path).array)
    with pytest.raises(ReadError, match="no whole numbers"):
        read_contrast(Case("a", "a", {"labels": path}), "labels", reading=Reading())


def test_accepted_negative_labels_are_background(tmp_path: Path) -> None:
    array = np.array([-1, 0, 2, 2]).reshape(2, 2, 1)
    case = Case("a", "a", {"labels": _written(tmp_path / "a.nii", array, "i2")})
    with pytest.raises(ReadError, match=r"negative labels -1 \(1 voxels\).*accept: \[negative_labels\]"):
        read_contrast(case, "labels", reading=Reading())
    volume = read_contrast(case, "labels", reading=Reading(accept=("negative_labels",)))
    assert volume.array.min() == 0
    assert volume.array.max() == 2
    assert "background" in volume.notes[-1]
