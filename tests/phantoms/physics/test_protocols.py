from __future__ import annotations

import numpy as np
import pytest

from tests.phantoms.physics.test_equations import fat_phase_deg, null_inversion_ms
from voxlate.contrast import CONTRASTS
from voxlate.errors import UsageError
from voxlate.phantoms import PROTOCOLS, TISSUES
from voxlate.phantoms.physics.protocols import mr_signal, protocol_for, vary_protocol


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_contrast_is_one_of_the_product(name: str) -> None:
    sequence = PROTOCOLS[name].sequence
    assert CONTRASTS[name].kind == (sequence if sequence in {"ct", "pet"} else "mr")


@pytest.mark.parametrize("name", [name for name in PROTOCOLS if name not in {"ct", "pet"}])
def test_every_mr_contrast_gives_finite_signal_for_every_tissue(name: str) -> None:
    for tissue in TISSUES.values():
        signal = mr_signal(
            PROTOCOLS[name],
            proton_density=tissue.proton_density,
            t1_ms=tissue.t1_ms,
            t2_ms=tissue.t2_ms,
            t2star_ms=tissue.t2star_ms,
        )
        assert np.isfinite(signal)
        assert abs(float(signal)) <= 1


def test_flair_nulls_fluid() -> None:
    flair = PROTOCOLS["flair"]
    null = null_inversion_ms(t1_ms=TISSUES["csf"].t1_ms, repetition_ms=flair.repetition_ms)
    assert flair.inversion_ms == pytest.approx(null, rel=0.02)


def test_dixon_echoes_lie_at_the_phases_of_the_field() -> None:
    opposed = fat_phase_deg(echo_ms=PROTOCOLS["out_phase"].echo_ms)
    in_phase = fat_phase_deg(echo_ms=PROTOCOLS["in_phase"].echo_ms)
    assert opposed == pytest.approx(180, abs=5)
    assert min(in_phase, 360 - in_phase) < 5


def test_varied_protocols_stay_close_and_differ() -> None:
    rng = np.random.default_rng(0)
    times = [vary_protocol(PROTOCOLS["t2"], rng).echo_ms for _ in range(100)]
    assert np.std(times) == pytest.approx(0.02 * 95, rel=0.3)
    assert max(abs(np.array(times) - 95)) <= 0.0601 * 95


def test_a_contrast_that_is_no_scan_is_refused() -> None:
    with pytest.raises(UsageError, match="labels"):
        protocol_for("labels")
