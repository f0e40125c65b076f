"""The table of acquisitions: a row per image, with the names and units of BIDS, for whoever conditions on them.

``RepetitionTime``, ``EchoTime`` and ``InversionTime`` are in s, ``FlipAngle`` in degrees, ``MagneticFieldStrength`` in
T; ``n/a`` is what a scan does not have.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from voxlate.phantoms.physics.protocols import Protocol
from voxlate.plainyaml import Json

_COLUMNS: tuple[str, ...] = (
    "participant_id",
    "contrast",
    "PulseSequenceType",
    "RepetitionTime",
    "EchoTime",
    "InversionTime",
    "FlipAngle",
    "MagneticFieldStrength",
    "ContrastBolusIngredient",
)


def case_name(index: int) -> str:
    """The name of case ``index``, counted from 0.

    Example:
        >>> case_name(0)
        'Phantom-00001-000'
    """
    return f"Phantom-{index + 1:05d}-000"


def bids_fields(protocol: Protocol) -> dict[str, str | float | None]:
    """A scan's parameters by the names of BIDS, in its units; ``None`` where the scan has no such parameter.

    Example:
        >>> from voxlate.phantoms import PROTOCOLS
        >>> bids_fields(PROTOCOLS["flair"])["InversionTime"]
        2.48
    """
    is_mr = protocol.sequence not in {"ct", "pet"}

    def seconds(milliseconds: float) -> float | None:
        return milliseconds / 1000 if milliseconds else None

    return {
        "PulseSequenceType": protocol.sequence,
        "RepetitionTime": seconds(protocol.repetition_ms),
        "EchoTime": seconds(protocol.echo_ms),
        "InversionTime": seconds(protocol.inversion_ms),
        "FlipAngle": protocol.flip_deg if is_mr else None,
        "MagneticFieldStrength": protocol.field_t if is_mr else None,
        "ContrastBolusIngredient": "GADOLINIUM" if protocol.contrast_agent else None,
    }


def acquisition_table(root: Path, cases: int) -> str:
    """The table of a cohort's images, from what lies in its truth."""
    rows = ["\t".join(_COLUMNS)]
    for name in map(case_name, range(cases)):
        path = root / "derivatives" / "truth" / name / "acquisition.json"
        scans: Mapping[str, Json] = json.loads(path.read_text(encoding="utf-8"))
        for contrast, scan in scans.items():
            values = bids_fields(Protocol(**scan["protocol"])).values()
            told = [
                "n/a" if value is None else f"{value:.6g}" if isinstance(value, float) else value for value in values
            ]
            rows.append("\t".join([name, contrast, *told]))
    return "\n".join(rows) + "\n"
