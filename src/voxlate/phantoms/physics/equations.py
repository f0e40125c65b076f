"""Signal equations: what a pulse sequence makes of relaxation times, proton density, fat and contrast agent.

Pure functions of arrays that broadcast; times in ms, angles in degrees, signals relative to the magnetisation of
water at equilibrium. Inversion recovery keeps its sign, so that partial volume adds up before the magnitude is taken.

Sources: Ernst and Anderson, Rev Sci Instrum 37:93 (1966), doi 10.1063/1.1719961 (spoiled gradient echo); Bydder and
Young, J Comput Assist Tomogr 9:659 (1985) (inversion recovery); Hajnal et al., J Comput Assist Tomogr 16:841 (1992)
(FLAIR); Mugler and Brookeman, Magn Reson Med 15:152 (1990), doi 10.1002/mrm.1910150117 (MPRAGE); Dixon, Radiology
153:189 (1984), doi 10.1148/radiology.153.1.6089263; Solomon, Phys Rev 99:559 (1955), doi 10.1103/PhysRev.99.559
(relaxivity).
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Signal: TypeAlias = "NDArray[np.floating]"
Value: TypeAlias = "float | NDArray[np.floating]"


def spoiled_gradient_echo(
    *, proton_density: Value, t1_ms: Value, t2star_ms: Value, repetition_ms: float, echo_ms: float, flip_deg: float
) -> Signal:
    """Steady state of a spoiled gradient echo (Ernst and Anderson 1966).

    ``S = PD sin(a) (1 - E1) / (1 - cos(a) E1) exp(-TE / T2*)`` with ``E1 = exp(-TR / T1)``; largest at the Ernst angle
    ``cos(a) = E1``.
    """
    angle = math.radians(flip_deg)
    decay = np.exp(-repetition_ms / np.asarray(t1_ms))
    steady = math.sin(angle) * (1 - decay) / (1 - math.cos(angle) * decay)
    return np.asarray(proton_density * steady * np.exp(-echo_ms / np.asarray(t2star_ms)))


def mprage(
    *,
    proton_density: Value,
    t1_ms: Value,
    t2star_ms: Value,
    repetition_ms: float,
    inversion_ms: float,
    echo_ms: float,
    flip_deg: float,
    spacing_ms: float,
    pulses: int,
) -> Signal:
    """Magnetisation-prepared rapid gradient echo at the centre of its train (after Mugler and Brookeman 1990).

    Every event maps the longitudinal magnetisation affinely, ``m -> a m + b``: inversion ``-m``; recovery over ``t``
    ``E m + 1 - E`` with ``E = exp(-t / T1)``; a train of ``n`` pulses ``(c E)^n m + (1 - E) (1 - (c E)^n) / (1 - c E)``
    with ``c = cos(flip)``. The fixed point ``b / (1 - a)`` of a whole cycle is the steady state, and the signal is
    ``PD sin(flip) m(TI) exp(-TE / T2*)``, signed. ``inversion_ms`` reaches from the inversion to the train's centre,
    ``repetition_ms`` from one inversion to the next; ``spacing_ms`` is the time between ``pulses``.
    """
    t1 = np.asarray(t1_ms)
    half = pulses // 2
    cosine = math.cos(math.radians(flip_deg))
    before = np.exp(-(inversion_ms - half * spacing_ms) / t1)
    after = np.exp(-(repetition_ms - inversion_ms - (pulses - half) * spacing_ms) / t1)
    step = np.exp(-spacing_ms / t1)
    damp = cosine * step
    level = (1 - step) / (1 - damp)
    to_centre = cosine**half * np.exp(-half * spacing_ms / t1)
    to_end = to_centre if pulses == 2 * half else to_centre * damp
    # From just before the inversion (m) to the centre of the train: gain m + offset.
    gain = -before * to_centre
    offset = (1 - before) * to_centre + level * (1 - to_centre)
    # From there over the rest of the train and the recovery back to just before the inversion.
    cycle_gain = gain * to_end * after
    cycle_offset = (offset * to_end + level * (1 - to_end)) * after + 1 - after
    centre = gain * (cycle_offset / (1 - cycle_gain)) + offset
    sine = math.sin(math.radians(flip_deg))
    return np.asarray(proton_density * sine * centre * np.exp(-echo_ms / np.asarray(t2star_ms)))


def spin_echo(*, proton_density: Value, t1_ms: Value, t2_ms: Value, repetition_ms: float, echo_ms: float) -> Signal:
    """Spin echo with a 90 degree excitation; a fast spin echo with ``echo_ms`` as its effective echo time.

    ``S = PD (1 - 2 exp(-(TR - TE/2) / T1) + exp(-TR / T1)) exp(-TE / T2)``: the refocusing pulse at TE/2 inverts what
    has recovered by then.
    """
    t1 = np.asarray(t1_ms)
    recovery = 1 - 2 * np.exp(-(repetition_ms - echo_ms / 2) / t1) + np.exp(-repetition_ms / t1)
    return np.asarray(proton_density * recovery * np.exp(-echo_ms / np.asarray(t2_ms)))


def inversion_recovery(
    *, proton_density: Value, t1_ms: Value, t2_ms: Value, repetition_ms: float, inversion_ms: float, echo_ms: float
) -> Signal:
    """Inversion-recovery (fast) spin echo, signed; FLAIR when ``inversion_ms`` nulls the fluid.

    ``S = PD (1 - 2 exp(-TI / T1) + exp(-TR / T1)) exp(-TE / T2)`` (Bydder and Young 1985; Hajnal et al. 1992).
    """
    t1 = np.asarray(t1_ms)
    recovery = 1 - 2 * np.exp(-inversion_ms / t1) + np.exp(-repetition_ms / t1)
    return np.asarray(proton_density * recovery * np.exp(-echo_ms / np.asarray(t2_ms)))


def shortened(time_ms: Value, *, relaxivity: float, concentration_mmol: Value) -> Signal:
    """A relaxation time under contrast agent: ``1/T' = 1/T + r C``, r in L/(mmol s), C in mmol/L (Solomon 1955)."""
    time = np.asarray(time_ms)
    return np.asarray(time / (1 + time * (1e-3 * relaxivity) * concentration_mmol))


def dixon(*, water: Value, fat: Value, phase_deg: float) -> Signal:
    """Magnitude of water and fat that are ``phase_deg`` apart: ``|W + F exp(i phase)|`` (Dixon 1984).

    In phase (0 degrees) it is ``|W + F|``, opposed (180 degrees) ``|W - F|``: a voxel with equal parts goes dark, the
    India-ink line around organs.
    """
    angle = math.radians(phase_deg)
    squared = np.square(water + fat * math.cos(angle)) + np.square(fat * math.sin(angle))
    return np.asarray(np.sqrt(squared))
