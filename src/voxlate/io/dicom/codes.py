"""Codes for what a label marks or a map measures: SNOMED CT and DICOM's own where they have one, else a private scheme.

A label's name is looked up in the codes that the standard names (pydicom's copy of PS3.16), the side taken off it, so
that ``left hippocampus`` is hippocampus with the modifier left. A name that is not there has a code of the scheme
``99VOXLATE``: the first eight digits of the SHA-256 of the name, so that a name has the same code everywhere.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom.sr.coding import Code

_PRIVATE_SCHEME = "99VOXLATE"
_ALIASES = {
    "oedema": "Edema",
    "haemorrhage": "Hemorrhage",
    "tumour": "Neoplasm",
    "tumor": "Neoplasm",
    "whole tumour": "Neoplasm",
    "enhancing tumour": "EnhancingLesion",
    "csf": "CerebrospinalFluid",
    "grey matter": "GrayMatter",
    "lesions": "Lesion",
}
"""Names whose code is called otherwise."""
_ABNORMAL = ("Edema", "Hemorrhage", "Neoplasm", "Necrosis", "Cyst", "Lesion", "LesionOfBrain", "EnhancingLesion")
_SIDE = re.compile(r"^(left|right) (.+)$|^(.+?),? (left|right)$")
_LONGEST_MEANING = 64


@dataclass(frozen=True)
class LabelCode:
    """What a label marks: its category, what it is, and on which side, where its name says so."""

    category: Code
    kind: Code
    side: Code | None = None


def code_of(name: str) -> LabelCode:
    """The code of a label's name.

    Example:
        >>> [one.value for one in (code_of("liver").kind, code_of("left hippocampus").side)]
        ['10200004', '7771000']
    """
    from pydicom.sr.codedict import codes

    plain = " ".join(re.findall(r"[a-z0-9]+", name.casefold()))
    found, side = _known(plain), None
    if found is None and (parts := _SIDE.match(plain)):
        found = _known(parts[2] or parts[3])
        side = None if found is None else getattr(codes.SCT, (parts[1] or parts[4]).capitalize())
    if found is None:
        return LabelCode(codes.SCT.Tissue, _private(name))
    abnormal = found in [code for one in _ABNORMAL if (code := getattr(codes.SCT, one, None)) is not None]
    category = codes.SCT.MorphologicallyAbnormalStructure if abnormal else codes.SCT.AnatomicalStructure
    return LabelCode(category, found, side)


def _known(plain: str) -> Code | None:
    from pydicom.sr.codedict import codes

    keyword = _ALIASES.get(plain) or "".join(word.capitalize() for word in plain.split())
    return getattr(codes.SCT, keyword, None) if keyword else None


def _private(name: str) -> Code:
    from pydicom.sr.coding import Code

    value = hashlib.sha256(" ".join(name.casefold().split()).encode()).hexdigest()[:8].upper()
    return Code(value, _PRIVATE_SCHEME, name[:_LONGEST_MEANING] or "label")


@dataclass(frozen=True)
class MapCode:
    """What a map measures, and in which unit."""

    quantity: Code
    unit: Code


def measure_of(contrast: str, *, unit: str) -> MapCode | None:
    """What a contrast measures where it is a quantity with a code; ``None`` of an image, which a series is written of.

    Args:
        contrast: Its canonical name.
        unit: That of its values.
    """
    from pydicom.sr.codedict import codes

    units = {"HU": codes.UCUM.HounsfieldUnit, "1": codes.UCUM.NoUnits}
    quantity = {
        "electron_density": codes.DCM.RelativeElectronDensity,
        DOUBT: codes.SCT.StandardDeviation,
    }.get(contrast)
    return None if quantity is None else MapCode(quantity, units.get(unit, codes.UCUM.ArbitraryUnit))


DOUBT = "derived_doubt"
"""The contrast of a map of how much the members of an ensemble differ: their standard deviation."""
