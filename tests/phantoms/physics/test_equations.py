"""Signal equations against analytic limits and against a simulation of the spins, pulse by pulse."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxlate.phantoms.physics import equations as signals

TIMES = st.floats(100, 4500)


def fat_phase_deg(*, echo_ms: float, field_tesla: float = 3.0, shift_ppm: float = 3.4) -> float:
    """Phase of fat against water at an echo time: ``360 TE gamma B0 shift``, in degrees from 0 to 360.

    ``gamma`` is 42.577 MHz/T (CODATA 2018), the main peak of fat lies 3.4 ppm from water (Dixon 1984), and the tissues
    are those of 3 T.
    """
    return float((360 * echo_ms * 1e-3 * 42.577 * field_tesla * shift_ppm) % 360)


def null_inversion_ms(*, t1_ms: float, repetition_ms: float) -> float:
    """The inversion time at which a tissue gives no signal: ``T1 ln(2 / (1 + exp(-TR / T1)))``."""
    return t1_ms * math.log(2 / (1 + math.exp(-repetition_ms / t1_ms)))


@given(t1=TIMES)
def test_spoiled_gradient_echo_peaks_at_the_ernst_angle(t1: float) -> None:
    def at(flip: float) -> float:
        return float(
            signals.spoiled_gradient_echo(
                proton_density=1.0, t1_ms=t1, t2star_ms=50.0, repetition_ms=20.0, echo_ms=4.0, flip_deg=flip
            )
        )

    best = math.degrees(math.acos(math.exp(-20.0 / t1)))
    assert at(best) > at(best * 0.9)
    assert at(best) > at(best * 1.1)
    # At the Ernst angle the steady state is sqrt((1 - E) / (1 + E)).
    decay = math.exp(-20.0 / t1)
    assert at(best) == pytest.approx(math.sqrt((1 - decay) / (1 + decay)) * math.exp(-4.0 / 50.0))


def test_spoiled_gradient_echo_without_delay_gives_proton_density() -> None:
    full = signals.spoiled_gradient_echo(
        proton_density=0.7, t1_ms=900.0, t2star_ms=50.0, repetition_ms=1e6, echo_ms=0.0, flip_deg=90.0
    )
    assert float(full) == pytest.approx(0.7)


@given(t1=TIMES, t2=st.floats(20, 2000))
def test_spin_echo_tends_to_proton_density_and_decays_with_t2(t1: float, t2: float) -> None:
    long = {"proton_density": 0.8, "t1_ms": t1, "t2_ms": t2, "repetition_ms": 1e6}
    assert float(signals.spin_echo(**long, echo_ms=0.0)) == pytest.approx(0.8)
    assert float(signals.spin_echo(**long, echo_ms=t2)) == pytest.approx(0.8 / math.e, rel=1e-6)


@given(t1=TIMES)
def test_spin_echo_of_no_echo_time_is_saturation_recovery(t1: float) -> None:
    value = signals.spin_echo(proton_density=1.0, t1_ms=t1, t2_ms=80.0, repetition_ms=500.0, echo_ms=0.0)
    assert float(value) == pytest.approx(1 - math.exp(-500.0 / t1))


@given(t1=TIMES, repetition=st.floats(2000, 20000))
def test_inversion_recovery_is_nulled_at_the_null_time(t1: float, repetition: float) -> None:
    null = null_inversion_ms(t1_ms=t1, repetition_ms=repetition)
    options = {"proton_density": 1.0, "t1_ms": t1, "t2_ms": 90.0, "repetition_ms": repetition, "echo_ms": 100.0}
    assert float(signals.inversion_recovery(**options, inversion_ms=null)) == pytest.approx(0.0, abs=1e-12)
    assert float(signals.inversion_recovery(**options, inversion_ms=0.5 * null)) < 0
    assert float(signals.inversion_recovery(**options, inversion_ms=1.5 * null)) > 0


def _mprage_by_pulses(
    t1: float, *, flip: float, pulses: int, repetition: float, inversion: float, step: float
) -> float:
    """Longitudinal magnetisation followed event by event until it repeats."""
    cosine, sine = math.cos(math.radians(flip)), math.sin(math.radians(flip))
    half, level, signal = pulses // 2, 1.0, 0.0

    def recover(value: float, time: float) -> float:
        return 1 - (1 - value) * math.exp(-time / t1)

    for _ in range(60):
        level = recover(-level, inversion - half * step)
        for pulse in range(pulses):
            if pulse == half:
                signal = sine * level
            level = recover(cosine * level, step)
        level = recover(level, repetition - inversion - (pulses - half) * step)
    return signal


@pytest.mark.parametrize("t1", [380.0, 832.0, 1331.0, 4300.0])
@pytest.mark.parametrize("pulses", [160, 177])
def test_mprage_equals_its_simulation(t1: float, pulses: int) -> None:
    value = signals.mprage(
        proton_density=0.7,
        t1_ms=t1,
        t2star_ms=1e12,
        repetition_ms=2300.0,
        inversion_ms=950.0,
        echo_ms=0.0,
        flip_deg=9.0,
        spacing_ms=7.1,
        pulses=pulses,
    )
    expected = _mprage_by_pulses(t1, flip=9.0, pulses=pulses, repetition=2300.0, inversion=950.0, step=7.1)
    assert float(value) == pytest.approx(0.7 * expected, rel=1e-9, abs=1e-12)


def test_mprage_of_one_pulse_is_inversion_recovery() -> None:
    value = signals.mprage(
        proton_density=1.0,
        t1_ms=900.0,
        t2star_ms=1e12,
        repetition_ms=1e6,
        inversion_ms=700.0,
        echo_ms=0.0,
        flip_deg=90.0,
        spacing_ms=1e-9,
        pulses=1,
    )
    assert float(value) == pytest.approx(1 - 2 * math.exp(-700.0 / 900.0))


@given(time=TIMES, relaxivity=st.floats(1, 20), amount=st.floats(0, 5))
def test_contrast_agent_adds_to_the_relaxation_rate(time: float, relaxivity: float, amount: float) -> None:
    short = float(signals.shortened(time, relaxivity=relaxivity, concentration_mmol=amount))
    assert 1000 / short - 1000 / time == pytest.approx(relaxivity * amount, abs=1e-9, rel=1e-9)


@given(water=st.floats(0, 1), fat=st.floats(0, 1))
def test_dixon_phases_add_and_subtract(water: float, fat: float) -> None:
    assert float(signals.dixon(water=water, fat=fat, phase_deg=0.0)) == pytest.approx(water + fat, abs=1e-12)
    assert float(signals.dixon(water=water, fat=fat, phase_deg=180.0)) == pytest.approx(abs(water - fat), abs=1e-12)
    assert float(signals.dixon(water=water, fat=fat, phase_deg=90.0)) == pytest.approx(
        math.hypot(water, fat), abs=1e-12
    )


def test_fat_turns_once_in_the_in_phase_time_of_the_field() -> None:
    in_phase = 1000 / (42.577 * 3.0 * 3.4)
    assert fat_phase_deg(echo_ms=in_phase / 2, field_tesla=3.0) == pytest.approx(180.0)
    turned = fat_phase_deg(echo_ms=in_phase, field_tesla=3.0)
    assert min(turned, 360 - turned) == pytest.approx(0.0, abs=1e-6)


def test_equations_keep_single_precision_and_broadcast() -> None:
    t1 = np.array([800.0, 1300.0], dtype=np.float32)
    value = signals.mprage(
        proton_density=np.float32(1),
        t1_ms=t1,
        t2star_ms=t1,
        repetition_ms=2300.0,
        inversion_ms=900.0,
        echo_ms=3.0,
        flip_deg=9.0,
        spacing_ms=7.0,
        pulses=176,
    )
    assert value.dtype == np.float32
    assert value.shape == (2,)
