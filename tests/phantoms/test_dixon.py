"""The two echoes of a Dixon scan belong together, so that their sum and difference mean something."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_erosion

from voxlate.phantoms import PhantomOptions, SimulatedCase, simulate_case
from voxlate.phantoms.physics.tissues import tissue_id


def _case(*contrasts: str, **options: object) -> SimulatedCase:
    settings = PhantomOptions.model_validate({"factor": 1, "lesions": "none", **options})
    return simulate_case(seed=3, index=1, size=32, anatomy="head", contrasts=contrasts, options=settings)


def test_echoes_share_all_but_echo_time_and_noise() -> None:
    scans = _case("in_phase", "out_phase", misalignment_mm=5.0, misalignment_deg=5.0).scans
    one, other = scans["in_phase"], scans["out_phase"]
    assert (one.gain, one.sigma, one.coil, one.motion) == (other.gain, other.sigma, other.coil, other.motion)
    assert not one.motion.moves
    assert one.protocol.repetition_ms == other.protocol.repetition_ms
    assert other.protocol.echo_ms == pytest.approx(one.protocol.echo_ms / 2)
    air = one.noise_free == 0
    assert abs(np.corrcoef(one.image[air], other.image[air])[0, 1]) < 0.1


def test_an_echo_does_not_depend_on_what_else_is_asked_for() -> None:
    alone, both = _case("out_phase"), _case("out_phase", "in_phase")
    assert list(alone.scans) == ["out_phase"]
    np.testing.assert_array_equal(alone.scans["out_phase"].image, both.scans["out_phase"].image)


def test_echoes_move_together_unless_one_is_named() -> None:
    together = _case("ct", "in_phase", "out_phase", misalignment_mm=6.0).scans
    assert together["in_phase"].motion.moves
    assert together["in_phase"].motion == together["out_phase"].motion
    apart = _case("in_phase", "out_phase", misalignment_mm={"out_phase": (4.0, 0.0, 0.0)}).scans
    assert (apart["in_phase"].motion.moves, apart["out_phase"].motion.translation_mm) == (False, (4.0, 0.0, 0.0))


def test_half_the_difference_is_fat_and_half_the_sum_is_water(head: SimulatedCase) -> None:
    """In magnitude images the larger of the two counts as water; T2* decay between the echoes is a few per cent."""
    one, other = (head.scans[name].noise_free for name in ("in_phase", "out_phase"))
    water, fat = (one + other) / 2, (one - other) / 2
    white = binary_erosion(head.tissues == tissue_id("white_matter"))
    assert abs(fat[white]).mean() < 0.03 * water[white].mean()
    marrow = head.tissues == tissue_id("marrow")
    assert fat[marrow].mean() > 0.2 * water[marrow].mean()
