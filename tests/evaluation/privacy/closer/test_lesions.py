"""Single parts: a copied lesion is found by its shape, or by what lies inside it, wherever it is put."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from voxlate.cohort import Case
from voxlate.contrast import get_contrast
from voxlate.evaluation.privacy.closer.lesions import LesionDistances, compare_lesions
from voxlate.io import write_volume
from voxlate.volume import Volume

SHAPE = (26, 24, 22)
T1 = get_contrast("t1")
Array = NDArray[np.float32]
Labels = NDArray[np.uint8]


def _scan(seed: int) -> tuple[Array, Labels]:
    """Smooth noise and a textured lesion of its own."""
    rng = np.random.default_rng(seed)
    at = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij")) - rng.uniform(8, 14, 3)[:, None, None, None]
    wobble = gaussian_filter(rng.standard_normal(SHAPE), 1.5)
    lesion = np.sqrt((at**2).sum(axis=0)) < 4 * (1 + 0.4 * wobble / wobble.std())
    array = 100 + 10 * gaussian_filter(rng.standard_normal(SHAPE), 0.8) / 0.2
    array[lesion] = 160 + 60 * gaussian_filter(rng.standard_normal(SHAPE), 0.7)[lesion] / 0.2
    return array.astype(np.float32), lesion.astype(np.uint8)


def _save(folder: Path, name: str, array: Array, labels: Labels | None) -> Case:
    paths = {"t1": write_volume(Volume(array, np.eye(4), T1), folder / f"{name}_t1.nii.gz")}
    if labels is not None:
        volume = Volume(labels, np.eye(4), get_contrast("labels"))
        paths["labels"] = write_volume(volume, folder / f"{name}_labels.nii.gz")
    return Case(name, name, paths)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> LesionDistances:
    folder = tmp_path_factory.mktemp("lesions")
    real = [_save(folder, f"real{number}", *_scan(number)) for number in range(6)]
    array, labels = _scan(2)
    host, empty = _scan(50)[0], np.zeros(SHAPE, np.uint8)
    inside = np.argwhere(labels)
    to = tuple((inside + np.array([3, 4, 2])).T)
    host[to], empty[to] = 0.5 * array[tuple(inside.T)] + 9, 1
    synthetic = [
        _save(folder, "inside", host, None),
        _save(folder, "shape", _scan(51)[0], empty[::-1].copy()),
        _save(folder, "new", *_scan(52)),
    ]
    members = frozenset(case.id for case in real[:5])
    told = compare_lesions(real, synthetic, contrast=T1, members=members, report=lambda *_: None)
    assert told is not None
    return told


def test_a_copied_lesion_is_found_in_an_image_without_a_label_map(found: LesionDistances) -> None:
    of_real, of_synthetic = found.insides
    assert of_synthetic["inside"][0].case == "real2"
    assert of_synthetic["inside"][0].distance == pytest.approx(0, abs=1e-3)
    assert min(of_synthetic[name][0].distance for name in ("shape", "new")) > 0.15
    assert min(near[0].distance for near in of_real.values()) > 0.15


def test_a_copied_shape_is_found_beside_another_image_and_mirrored(found: LesionDistances) -> None:
    of_real, of_synthetic = found.shapes
    first = of_synthetic["shape"][0]
    assert (first.case, first.mirrored) == ("real2", True)
    assert first.distance == pytest.approx(0)
    assert not of_synthetic["inside"], "it has no label map"
    nearest = [near[0].distance for near in (*of_real.values(), of_synthetic["new"]) if near]
    assert min(nearest, default=1.0) > 0.5


def test_no_case_is_compared_with_its_own_parts_nor_with_held_out_ones(found: LesionDistances) -> None:
    for of_real, of_synthetic in (found.shapes, found.insides):
        assert all(case not in {one.case for one in near} for case, near in of_real.items())
        assert "real5" not in {one.case for near in (*of_real.values(), *of_synthetic.values()) for one in near}
    assert found.parts >= 5
    assert not found.refused


def test_without_label_maps_there_is_nothing_to_compare(tmp_path: Path) -> None:
    cases = [_save(tmp_path, f"real{number}", _scan(number)[0], None) for number in range(2)]
    everyone = frozenset(case.id for case in cases)
    assert compare_lesions(cases, [], contrast=T1, members=everyone, report=lambda *_: None) is None
