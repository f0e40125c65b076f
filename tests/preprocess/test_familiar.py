"""A source unlike those of the training is told apart, and no other person's is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from voxlate.cohort import index_cohort
from voxlate.cohort.foreground import foreground
from voxlate.io import read_volume
from voxlate.preprocess.familiar import Appearance, Familiar, appearance, check_familiar, get_familiar
from voxlate.preprocess.orientation import to_ras
from voxlate.volume import Array

NOWHERE = Path("scan.nii.gz")


@pytest.fixture(scope="module")
def heads(phantom_cohort: Path) -> list[dict[str, Array]]:
    """T1 and T2 of six phantoms, RAS+, normalised by their own 99th percentile."""
    found = []
    for case in index_cohort(phantom_cohort).cases:
        volumes = {name: read_volume(case.paths[name]) for name in ("t1", "t2")}
        arrays = {name: to_ras(volume.array, volume.affine).astype(np.float32) for name, volume in volumes.items()}
        found.append({name: array / np.percentile(array[foreground(array)], 99) for name, array in arrays.items()})
    return found


def _seen(array: Array) -> Appearance:
    return appearance(array, foreground(array))


def _told(array: Array, familiar: Familiar) -> str:
    return " ".join(one.message for one in check_familiar(_seen(array), familiar, name="t1", case="a", path=NOWHERE))


@pytest.mark.parametrize("cases", [1, 2, 4])
def test_nothing_is_said_of_held_out_heads(heads: list[dict[str, Array]], cases: int) -> None:
    familiar = get_familiar([_seen(head["t1"]) for head in heads[:cases]])
    assert [_told(head["t1"], familiar) for head in heads[cases:]] == [""] * (6 - cases)
    assert _told(0.8 * heads[5]["t1"] + 0.05, familiar) == ""


@pytest.mark.parametrize("cases", [1, 2, 4])
def test_another_contrast_noise_and_a_turned_head_are_told(heads: list[dict[str, Array]], cases: int) -> None:
    familiar = get_familiar([_seen(head["t1"]) for head in heads[:cases]])
    head = heads[5]["t1"]
    assert "what is bright and dark in it lies elsewhere" in _told(heads[5]["t2"], familiar)
    assert "unlike the" in _told(np.where(foreground(head), 1 - head, 0), familiar)
    assert "unlike the" in _told(np.random.default_rng(0).normal(1, 0.2, head.shape), familiar)
    assert "upside down" in _told(head[:, :, ::-1], familiar)
    assert "axes exchanged" in _told(head.swapaxes(1, 2), familiar)


def test_it_survives_its_file_and_says_what_it_cannot_tell(heads: list[dict[str, Array]]) -> None:
    one, many = (get_familiar([_seen(head["t1"]) for head in heads[:count]]) for count in (1, 3))
    assert Familiar.model_validate_json(many.model_dump_json()) == many
    assert one.told() == "one training case: only what is grossly unlike it can be told"
    assert many.told() == f"likeness of the training cases {min(many.alike):.2f} to {max(many.alike):.2f}"


def test_a_slab_and_a_flat_image_are_no_reason_to_fail(heads: list[dict[str, Array]]) -> None:
    familiar = get_familiar([_seen(head["t1"]) for head in heads[:2]])
    assert _told(heads[5]["t1"][:, :, 20:21], familiar).count("unlike the") <= 1
    flat = np.ones((8, 8, 8), np.float32)
    assert check_familiar(appearance(flat, flat > 0), familiar, name="t1", case="a", path=NOWHERE)
