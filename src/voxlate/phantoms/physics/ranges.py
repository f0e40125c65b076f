"""Clinical ranges: a protocol drawn at random for a contrast, as widely as scanners and sites differ.

T1 is an MPRAGE, a spoiled gradient echo or a spin echo, the others are fast spin echoes; the inversion time of FLAIR
lies about the one that nulls fluid, ``TI = T1 log(2 / (1 + exp(-TR / T1)))``. The ranges enclose what the protocols of
ADNI (Jack et al., J Magn Reson Imaging 27:685 (2008), doi 10.1002/jmri.21049), IXI (brain-development.org/ixi-dataset)
and of recommendations for tumours (Ellingson et al., Neuro Oncol 17:1188 (2015), doi 10.1093/neuonc/nov095) and
multiple sclerosis (Wattjes et al., Lancet Neurol 20:653 (2021), doi 10.1016/S1474-4422(21)00095-8) name.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from voxlate.phantoms.physics.protocols import Protocol, protocol_for
from voxlate.phantoms.physics.tissues import TISSUES

_FIELDS_T = (1.5, 3.0)


def draw_field(rng: np.random.Generator) -> float:
    """The field strength of a scanner in tesla."""
    return float(rng.choice(_FIELDS_T))


def draw_protocol(contrast: str, rng: np.random.Generator, *, field_t: float) -> Protocol:
    """A protocol for a contrast within clinical ranges.

    Raises:
        UsageError: If the phantom cannot acquire it.

    Example:
        >>> draw_protocol("flair", np.random.default_rng(0), field_t=1.5).sequence
        'inversion_recovery'
    """
    usual = protocol_for(contrast)
    draw = _DRAWN.get(contrast)
    values: dict[str, object] = draw(rng) if draw else {}
    if usual.sequence != "ct":
        values["field_t"] = field_t
        values["snr"] = float(np.exp(rng.uniform(math.log(14), math.log(60))))
    values["blur"] = float(rng.uniform(0.35, 0.8))
    return usual.model_copy(update=values)


def _t1(rng: np.random.Generator) -> dict[str, object]:
    kind = rng.choice(["mprage", "spoiled_gradient_echo", "spin_echo"], p=[0.5, 0.25, 0.25])
    if kind == "mprage":
        return {
            "sequence": "mprage",
            "repetition_ms": float(rng.uniform(1650, 2500)),
            "inversion_ms": float(rng.uniform(800, 1150)),
            "echo_ms": float(rng.uniform(2, 5)),
            "flip_deg": float(rng.uniform(7, 12)),
            "echo_spacing_ms": float(rng.uniform(6, 9)),
            "pulses": int(rng.integers(150, 190)),
        }
    if kind == "spin_echo":
        return {
            "sequence": "spin_echo",
            "repetition_ms": float(rng.uniform(400, 800)),
            "echo_ms": float(rng.uniform(8, 20)),
            "flip_deg": 90.0,
            "flow_void": float(rng.uniform(0.2, 0.6)),
            **_UNPREPARED,
        }
    return {
        "sequence": "spoiled_gradient_echo",
        "repetition_ms": float(rng.uniform(12, 30)),
        "echo_ms": float(rng.uniform(2, 8)),
        "flip_deg": float(rng.uniform(18, 32)),
        **_UNPREPARED,
    }


_UNPREPARED: dict[str, object] = {"inversion_ms": 0.0, "echo_spacing_ms": 0.0, "pulses": 0}


def _t2(rng: np.random.Generator) -> dict[str, object]:
    return {
        "repetition_ms": float(rng.uniform(3000, 7000)),
        "echo_ms": float(rng.uniform(75, 125)),
        "fat_kept": _fat(rng),
        "flow_void": float(rng.uniform(0.05, 0.35)),
        "slice_thickness": 1.0,
    }


def _pd(rng: np.random.Generator) -> dict[str, object]:
    return {
        "repetition_ms": float(rng.uniform(2200, 6000)),
        "echo_ms": float(rng.uniform(8, 35)),
        "flow_void": float(rng.uniform(0.1, 0.45)),
        "slice_thickness": 1.0,
    }


def _flair(rng: np.random.Generator) -> dict[str, object]:
    repetition = float(rng.uniform(6000, 11000))
    fluid = TISSUES["csf"].t1_ms
    null = fluid * math.log(2 / (1 + math.exp(-repetition / fluid)))
    return {
        "repetition_ms": repetition,
        "inversion_ms": float(null * rng.uniform(0.93, 1.06)),
        "echo_ms": float(rng.uniform(80, 145)),
        "fat_kept": _fat(rng),
        "flow_void": float(rng.uniform(0.05, 0.35)),
        "slice_thickness": 1.0,
    }


def _fat(rng: np.random.Generator) -> float:
    """How much of the fat's signal its saturation leaves; half of the scans have none."""
    return 1.0 if rng.uniform() < 0.5 else float(rng.uniform(0.05, 0.4))


def _ct(rng: np.random.Generator) -> dict[str, object]:
    return {"noise_hu": float(rng.uniform(2, 14))}


_DRAWN: dict[str, Callable[[np.random.Generator], dict[str, object]]] = {
    "t1": _t1,
    "t1c": _t1,
    "t2": _t2,
    "flair": _flair,
    "pd": _pd,
    "ct": _ct,
}
