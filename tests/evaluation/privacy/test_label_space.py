"""Label maps as vectors: copies lie at nothing wherever they lie, and what cannot be compared is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import zoom

from tests.evaluation.anatomies import Labels, organs, warped
from voxlate.cohort import Case
from voxlate.evaluation.privacy.label_space import LabelMaps, place_label_maps
from voxlate.evaluation.privacy.neighbours import set_threshold
from voxlate.io import write_volume
from voxlate.volume import Volume

pytestmark = pytest.mark.usefixtures("coarse_template")

MEMBERS = 10
AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])


def _silent(stage: str, done: int, of: int) -> None:
    """Reports nothing."""


def _case(folder: Path, name: str, labels: Labels, affine: np.ndarray = AFFINE) -> Case:
    path = folder / f"{name}_labels.nii.gz"
    write_volume(Volume(labels, affine), path)
    return Case(name, name, {"labels": path})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("labels")


@pytest.fixture(scope="module")
def real(folder: Path) -> list[Case]:
    return [_case(folder, f"real{number:02d}", organs(number + 1)) for number in range(MEMBERS)]


@pytest.fixture(scope="module")
def placed(real: list[Case], folder: Path) -> LabelMaps:
    moved = AFFINE.copy()
    moved[:3, 3] = 40.0, -25.0, 10.0
    turned = np.array([[0.0, 3, 0, 5], [3, 0, 0, -7], [0, 0, -3, 2], [0, 0, 0, 1]])
    synthetic = [
        _case(folder, "exact", organs(3)),
        _case(folder, "moved", np.pad(organs(4), ((2, 0), (0, 3), (1, 4))), moved),
        _case(folder, "reordered", organs(5).transpose(1, 0, 2)[:, :, ::-1], turned),
        _case(folder, "larger", zoom(organs(6), (1.3, 1.2, 1.25), order=0)),
        _case(folder, "mirrored", organs(7)[::-1]),
        _case(folder, "warped", warped(organs(8), 1, voxels=0.7)),
        *(_case(folder, f"new{number}", organs(100 + number)) for number in range(4)),
        _case(folder, "renamed", np.where(organs(9) == 7, 70, np.where(organs(9) == 3, 30, 0)).astype(np.uint8)),
        _case(folder, "empty", np.zeros(organs(1).shape, dtype=np.uint8)),
        Case("none", "none", {}),
    ]
    (folder / "damaged_labels.nii.gz").write_bytes(b"no image")
    synthetic.append(Case("damaged", "damaged", {"labels": folder / "damaged_labels.nii.gz"}))
    found = place_label_maps(real, synthetic, report=_silent)
    assert found is not None
    return found


def _nearest(placed: LabelMaps) -> dict[str, tuple[str, float, bool]]:
    distances, mirrored = placed.space().from_synthetic()
    found = {}
    for row, one in enumerate(placed.synthetic):
        at = int(distances[row].argmin())
        found[one.case.id] = placed.real[at].case.id, float(distances[row, at]), bool(mirrored[row, at])
    return found


def test_copies_are_caught_and_unseen_maps_are_not(placed: LabelMaps) -> None:
    nearest = _nearest(placed)
    among, _ = placed.space().among_real([one.case.id for one in placed.real])
    threshold = set_threshold(among.min(axis=1), among.argmin(axis=1)).distance
    owners = {"exact": 2, "moved": 3, "reordered": 4, "larger": 5, "mirrored": 6, "warped": 7}
    for name, number in owners.items():
        assert nearest[name][0] == f"real{number:02d}"
        assert nearest[name][1] < threshold, name
        assert nearest[name][2] == (name == "mirrored")
    for name in ("exact", "moved", "reordered"):
        assert nearest[name][1] == pytest.approx(0, abs=0.03), name
    assert all(nearest[f"new{number}"][1] > threshold for number in range(4))


def test_inner_products_are_overlaps_over_the_mean_volume(placed: LabelMaps) -> None:
    space = placed.space()
    one, other = placed.real[0].straight, placed.real[1].straight
    expected = 0.0
    for value in (3, 7):
        a, b = one == value, other == value
        expected += (a & b).sum() / np.sqrt(a.sum() * b.sum())
    assert space.real[0] @ space.real[1] == pytest.approx(expected, rel=0.05)  # shares of voxels blur the border


def test_what_cannot_be_compared_is_told(placed: LabelMaps) -> None:
    there = {one.case.id for one in placed.synthetic}
    assert {"empty", "none", "damaged"}.isdisjoint(there)
    assert [case for case, _ in placed.failed] == ["damaged"]
    assert set(placed.strangers) == {"renamed"}
    assert "other label values (30, 70) than the real ones (3, 7)" in placed.strangers["renamed"]


def test_without_label_maps_on_either_side_there_is_no_space(real: list[Case]) -> None:
    none = [Case("a", "a", {})]
    assert place_label_maps(real, none, report=_silent) is None
    assert place_label_maps(none, real, report=_silent) is None


def test_maps_that_are_all_alike_are_copies_of_nobody(folder: Path) -> None:
    alike = [_case(folder, f"alike{number}", organs(1)) for number in range(5)]
    found = place_label_maps(alike, alike[:1], report=_silent)
    assert found is not None
    assert found.space().from_synthetic()[0] == pytest.approx(1)


def test_a_single_voxel_is_a_label_map(folder: Path) -> None:
    dots = []
    for number in range(4):
        array = np.zeros((6, 6, 6), dtype=np.uint8)
        array[number, 3, 3] = 1
        dots.append(_case(folder, f"dot{number}", array))
    found = place_label_maps(dots, dots[:1], report=_silent)
    assert found is not None
    assert np.isfinite(found.space().from_synthetic()[0]).all()
