from __future__ import annotations

import numpy as np
import pytest

from tests.preprocess.samples import head, painted
from voxlate.cohort.foreground import constant_background
from voxlate.contrast import get_contrast
from voxlate.errors import ReadError
from voxlate.preprocess.masking import (
    _fill_holes,
    _fill_holes_in_plane,
    _rooted_otsu,
    check_foreground,
    choose_rule,
    find_foreground,
)

MM = (2.0, 2.0, 2.0)
LABELS = head((48, 56, 44))


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * float((a & b).sum()) / float(a.sum() + b.sum())


def test_a_stripped_brain_with_negative_values_and_holes_is_whole() -> None:
    image = painted(LABELS, (0.0, 300.0, 200.0, 120.0), noise=60.0)
    image[LABELS == 0] = 0.0
    assert (image[LABELS > 0] < 0).any()
    image[22:25, 27:29, 20:22] = 0.0
    assert np.array_equal(find_foreground(image, "nonzero", spacing_mm=MM), LABELS > 0)


@pytest.mark.parametrize("background", [0.0, -1024.0, -3.25])
def test_the_constant_background_may_be_any_value(background: float) -> None:
    image = painted(LABELS, (0.0, 300.0, 200.0, 120.0), noise=5.0)
    image[LABELS == 0] = background
    assert constant_background(image) == background
    assert np.array_equal(find_foreground(image, "nonzero", spacing_mm=MM), LABELS > 0)


@pytest.mark.parametrize("noise", [0.0, 5.0, 20.0])
@pytest.mark.parametrize("values", [(0.0, 900.0, 300.0, 140.0), (0.0, 150.0, 160.0, 450.0)])
def test_otsu_finds_the_head_in_rician_noise(noise: float, values: tuple[float, ...]) -> None:
    clean = painted(LABELS, values)
    rng = np.random.default_rng(2)
    image = np.hypot(clean + noise * rng.standard_normal(clean.shape), noise * rng.standard_normal(clean.shape))
    if noise:
        assert constant_background(image) is None
    assert overlap(find_foreground(image, "otsu", spacing_mm=MM), LABELS > 0) > 0.95


def test_otsu_does_not_depend_on_negative_offsets() -> None:
    image = painted(LABELS, (0.0, 300.0, 200.0, 120.0), noise=10.0)
    assert _rooted_otsu(image - 500) == pytest.approx(_rooted_otsu(image) - 500, abs=3)


def test_the_body_of_a_ct_has_lungs_but_no_table() -> None:
    x, y, _ = np.meshgrid(np.arange(80), np.arange(80), np.arange(24), indexing="ij")
    body = (x - 40) ** 2 / 34**2 + (y - 42) ** 2 / 25**2 < 1
    lung = ((x - 28) ** 2 + (y - 44) ** 2 < 80) | ((x - 54) ** 2 + (y - 44) ** 2 < 80)
    ct = np.where(body, np.where(lung, -850.0, 40.0), -1000.0)
    table = (np.abs(x - 40) < 30) & ((y == 12) | (y == 13))
    ct[table] = 100.0
    ct[38:42, 14:18, :] = 0.0  # a cushion that joins them
    ct += 15 * np.random.default_rng(0).standard_normal(ct.shape)
    mask = find_foreground(ct, "body", spacing_mm=(3.0, 3.0, 3.0))
    assert mask[lung].all()  # the lungs end at the border of the volume, open to it
    assert overlap(mask, body) > 0.98
    assert mask[table].mean() < 0.15


def test_holes_are_filled_in_space_or_in_the_plane() -> None:
    tube = np.zeros((9, 9, 9), dtype=bool)
    tube[2:7, 2:7] = True
    tube[4, 4] = False
    assert not _fill_holes(tube)[4, 4].any()
    assert _fill_holes_in_plane(tube)[4, 4].all()
    tube[4, 4, [0, -1]] = True
    assert _fill_holes(tube)[4, 4].all()


def test_an_empty_foreground_is_refused() -> None:
    mask = find_foreground(np.full((4, 4, 4), 3.0), "otsu", spacing_mm=MM)
    with pytest.raises(ReadError, match=r"a\.nii.*foreground"):
        check_foreground(mask, where="a.nii")


@pytest.mark.parametrize(
    ("contrast", "stripped", "rule"),
    [
        ("t1", True, "nonzero"),
        ("t1", False, "otsu"),
        ("ct", False, "body"),
        ("ct", True, "nonzero"),
        ("labels", False, "whole"),
    ],
)
def test_the_rule_suits_the_reference(contrast: str, stripped: bool, rule: str) -> None:
    chosen = choose_rule("auto", get_contrast(contrast), stripped=stripped, has_file=False)
    assert (chosen.kind, chosen.contrast) == (rule, contrast)
    with_file = choose_rule("auto", get_contrast(contrast), stripped=stripped, has_file=True)
    assert (with_file.kind, with_file.otherwise) == ("file", rule)
    assert choose_rule("file", get_contrast(contrast), stripped=stripped, has_file=False).otherwise is None
    assert choose_rule("each", get_contrast(contrast), stripped=stripped, has_file=True).kind == "each"
