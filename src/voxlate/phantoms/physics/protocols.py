"""Protocols: the sequence and timing behind each contrast, and how they vary between scanners.

Values are those of common 3 T head protocols; Dixon echoes lie at the first opposed-phase and in-phase times of 3 T,
1.15 and 2.3 ms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from pydantic import Field

from voxlate.config.catalogue import pick
from voxlate.phantoms.physics import equations as signals
from voxlate.phantoms.physics.equations import Signal, Value
from voxlate.strict import StrictModel, later

Sequence = Literal["mprage", "spoiled_gradient_echo", "spin_echo", "inversion_recovery", "ct", "pet"]


class Protocol(StrictModel):
    """One scan.

    ``slice_thickness`` is the width of the slice profile in voxels along k, ``snr`` the signal-to-noise ratio of white
    matter (MR), ``noise_hu`` the noise of a CT number, ``flow_void`` the part of its signal that flowing blood keeps.
    ``fat_phase_deg`` turns fat against water (Dixon). ``resolution_mm`` is the full width at half maximum of a PET
    scan, ``counts_per_ml`` its counts per SUV and millilitre. Of thick slices ``slice_axis`` is the array axis that
    they are stacked along and ``slice_step`` how many voxels lie between them; ``blur`` is the standard deviation in
    voxels of the in-plane blur, ``field_t`` the field strength, ``fat_kept`` the part of its signal that fat keeps
    under its saturation.
    """

    sequence: Sequence
    repetition_ms: float = Field(0.0, ge=0)
    echo_ms: float = Field(0.0, ge=0)
    inversion_ms: float = Field(0.0, ge=0)
    flip_deg: float = Field(90.0, gt=0, le=180)
    echo_spacing_ms: float = Field(0.0, ge=0)
    pulses: int = Field(0, ge=0)
    fat_phase_deg: float = 0.0
    contrast_agent: bool = False
    flow_void: float = Field(1.0, ge=0, le=1)
    slice_thickness: float = Field(1.0, ge=1, le=8)
    snr: float = Field(45.0, gt=0)
    noise_hu: float = Field(0.0, ge=0)
    resolution_mm: float = Field(0.0, ge=0)
    counts_per_ml: float = Field(0.0, ge=0)
    field_t: float = later(3.0, description="Field strength in tesla.")
    blur: float = later(0.3, description="Standard deviation in voxels of the blur within the plane.")
    fat_kept: float = later(1.0, description="Part of the signal of fat that its saturation leaves.")
    slice_axis: int = later(2, description="Array axis along which slices are stacked.")
    slice_step: int = later(1, description="Voxels from one slice to the next.")


_MPRAGE = Protocol(
    sequence="mprage",
    repetition_ms=2300,
    inversion_ms=1000,
    echo_ms=3,
    flip_deg=9,
    echo_spacing_ms=7.5,
    pulses=176,
    snr=40,
)
_DIXON = Protocol(sequence="spoiled_gradient_echo", repetition_ms=6.5, echo_ms=2.3, flip_deg=9, snr=45)

PROTOCOLS: dict[str, Protocol] = {
    "t1": _MPRAGE,
    "t1c": _MPRAGE.model_copy(update={"contrast_agent": True}),
    "t2": Protocol(sequence="spin_echo", repetition_ms=5000, echo_ms=95, flow_void=0.08, slice_thickness=1.5, snr=40),
    "flair": Protocol(
        sequence="inversion_recovery",
        repetition_ms=9000,
        inversion_ms=2480,
        echo_ms=110,
        flow_void=0.08,
        slice_thickness=1.5,
        snr=35,
    ),
    "pd": Protocol(sequence="spin_echo", repetition_ms=5000, echo_ms=12, flow_void=0.15, slice_thickness=1.5, snr=50),
    "in_phase": _DIXON,
    "out_phase": _DIXON.model_copy(update={"echo_ms": 1.15, "fat_phase_deg": 180.0}),
    "ct": Protocol(sequence="ct", noise_hu=5.0),
    "pet": Protocol(sequence="pet", resolution_mm=6.0, counts_per_ml=200.0),
}
"""From a contrast's canonical name to how it is acquired."""

ECHO_OF: dict[str, str] = {"out_phase": "in_phase"}
"""From a contrast to the one that it is another echo of: one scan, with one timing, position, coil and gain."""


def protocol_for(contrast: str) -> Protocol:
    """The protocol of a contrast.

    Raises:
        UsageError: If the phantom cannot acquire it.
    """
    return pick(PROTOCOLS, contrast, what="contrast that the phantom can acquire")


def vary_protocol(protocol: Protocol, rng: np.random.Generator, *, spread: float = 0.02) -> Protocol:
    """The protocol as another scanner runs it: times and angles drawn with a relative standard deviation."""
    factors = np.clip(1 + spread * rng.standard_normal(4), 1 - 3 * spread, 1 + 3 * spread)
    names = ("repetition_ms", "echo_ms", "flip_deg", "snr")
    changed = {name: float(getattr(protocol, name) * factor) for name, factor in zip(names, factors, strict=True)}
    return protocol.model_copy(update={**changed, "flip_deg": min(changed["flip_deg"], 180.0)})


def _mprage(protocol: Protocol, density: Value, times: dict[str, Value]) -> Signal:
    return signals.mprage(
        proton_density=density,
        t1_ms=times["t1"],
        t2star_ms=times["t2star"],
        repetition_ms=protocol.repetition_ms,
        inversion_ms=protocol.inversion_ms,
        echo_ms=protocol.echo_ms,
        flip_deg=protocol.flip_deg,
        spacing_ms=protocol.echo_spacing_ms,
        pulses=protocol.pulses,
    )


def _spoiled_gradient_echo(protocol: Protocol, density: Value, times: dict[str, Value]) -> Signal:
    return signals.spoiled_gradient_echo(
        proton_density=density,
        t1_ms=times["t1"],
        t2star_ms=times["t2star"],
        repetition_ms=protocol.repetition_ms,
        echo_ms=protocol.echo_ms,
        flip_deg=protocol.flip_deg,
    )


def _spin_echo(protocol: Protocol, density: Value, times: dict[str, Value]) -> Signal:
    return signals.spin_echo(
        proton_density=density,
        t1_ms=times["t1"],
        t2_ms=times["t2"],
        repetition_ms=protocol.repetition_ms,
        echo_ms=protocol.echo_ms,
    )


def _inversion_recovery(protocol: Protocol, density: Value, times: dict[str, Value]) -> Signal:
    return signals.inversion_recovery(
        proton_density=density,
        t1_ms=times["t1"],
        t2_ms=times["t2"],
        repetition_ms=protocol.repetition_ms,
        inversion_ms=protocol.inversion_ms,
        echo_ms=protocol.echo_ms,
    )


_EQUATIONS: dict[str, Callable[[Protocol, Value, dict[str, Value]], Signal]] = {
    "mprage": _mprage,
    "spoiled_gradient_echo": _spoiled_gradient_echo,
    "spin_echo": _spin_echo,
    "inversion_recovery": _inversion_recovery,
}


def mr_signal(protocol: Protocol, *, proton_density: Value, t1_ms: Value, t2_ms: Value, t2star_ms: Value) -> Signal:
    """The signed signal of one compartment under a protocol, relative to the equilibrium magnetisation of water."""
    times = {"t1": t1_ms, "t2": t2_ms, "t2star": t2star_ms}
    return _EQUATIONS[protocol.sequence](protocol, proton_density, times)
