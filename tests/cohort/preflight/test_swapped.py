"""A case whose two files were exchanged is told by the others; contrasts that look alike tell nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from voxlate.cohort.finding import Finding
from voxlate.cohort.preflight.copies import Signature
from voxlate.cohort.preflight.measures.binned import Portrait
from voxlate.cohort.preflight.swapped import _exchanged_within, check_swapped

T1, T2, T1C = (0, 40, 130, 220), (0, 235, 95, 55), (0, 42, 135, 225)
"""Steps of background, fluid, grey and white matter."""


def _images(number: int, *grey: tuple[int, ...]) -> list[np.ndarray]:
    """One head, of tissues of different sizes, in several contrasts."""
    rng = np.random.default_rng(number)
    field = gaussian_filter(rng.standard_normal((20, 20, 20)), 2)
    tissue = np.digitize(field, np.quantile(field, [0.3, 0.4, 0.65]))
    return [
        np.where(tissue > 0, np.clip(np.take(steps, tissue) + rng.normal(0, 8, field.shape), 1, 255), 0)
        for steps in grey
    ]


def _signatures(cases: int, first: str = "t1", *, swapped: int = -1, grey: tuple = (T1, T2)) -> list[Signature]:
    found = []
    for number in range(cases):
        images = _images(number, *grey)[:: -1 if number == swapped else 1]
        for name, image in zip((first, "t2"), images, strict=True):
            portrait = Portrait(image.astype(np.uint8), np.eye(4))
            found.append(Signature(f"p{number}", name, "", np.zeros(1, np.float32), portrait))
    return found


def _found(signatures: list[Signature]) -> list[Finding]:
    return list(check_swapped(signatures, lambda case, name: f"{case}/{name}.nii.gz"))


@pytest.mark.parametrize("cases", [5, 12])
def test_a_case_with_two_contrasts_exchanged_is_told(cases: int) -> None:
    (found,) = _found(_signatures(cases, swapped=3))
    assert (found.severity, found.code, found.case) == ("warning", "exchanged", "p3")
    assert "p3/t1.nii.gz and p3/t2.nii.gz" in found.message


def test_right_cases_few_cases_and_contrasts_that_look_alike_tell_nothing() -> None:
    assert _found(_signatures(12)) == []
    assert _found(_signatures(4, swapped=3)) == []
    assert _found(_signatures(12, "t1c", swapped=3, grey=(T1C, T1))) == []
    assert _found(_signatures(12, "pet", swapped=3)) == [], "of PET and CT the values tell"


@pytest.mark.parametrize(("others", "told"), [([1.0] * 11, ["p11"]), (np.linspace(1, 0.3, 11).tolist(), [])])
def test_protocols_of_every_kind_tell_nothing(others: list[float], told: list[str]) -> None:
    """Mixtures of a joint histogram and its transposed one: alike in all cases but one, or of every share."""
    plain = np.random.default_rng(0).random((16, 16)) ** 8
    tables = [share * plain + (1 - share) * plain.T for share in (*others, 0.0)]
    joint = {f"p{n}": np.sqrt(table / table.sum()) for n, table in enumerate(tables)}
    assert _exchanged_within(joint) == told
