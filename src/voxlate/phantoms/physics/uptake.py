"""Uptake of glucose (FDG-PET) and contrast enhancement (CT angiography) in the thorax, as they differ between people.

Standardised uptake values (SUV, body weight) of tissues an hour after injection, representative and rounded; the spread
is the standard deviation of the logarithm between people. The heart muscle takes up little after a fast and much
glucose otherwise. CT numbers of blood follow the bolus: the left heart and the aorta are bright in a coronary
angiogram, the right heart as much as contrast agent still comes.

Sources, by key in the table:

- R01: Ramos et al., Eur J Nucl Med 28:155 (2001), doi 10.1007/s002590000421, SUV of normal structures.
- W07: Wang et al., Mol Imaging Biol 9:83 (2007), doi 10.1007/s11307-006-0075-y, SUV atlas of normal tissues.
- D16: Dilsizian et al., J Nucl Cardiol 23:1187 (2016), doi 10.1007/s12350-016-0522-3, heart muscle fed and fasting.
- B10: Bae, Radiology 256:32 (2010), doi 10.1148/radiol.10090908, timing and enhancement of CT angiography.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

UPTAKE: dict[str, tuple[float, float, str]] = {
    "skin": (0.4, 0.20, "W07"),
    "fat": (0.3, 0.20, "W07"),
    "muscle": (0.7, 0.15, "R01 W07"),
    "soft_tissue": (0.9, 0.15, "W07"),
    "cartilage": (0.6, 0.15, "W07"),
    "cortical_bone": (0.5, 0.15, "W07"),
    "trabecular_bone": (1.2, 0.18, "R01 W07"),
    "lung": (0.4, 0.18, "R01 W07"),
    "liver": (2.0, 0.15, "R01 W07"),
    "spleen": (1.7, 0.15, "R01 W07"),
    "bowel": (1.4, 0.25, "W07"),
    "csf": (0.5, 0.10, "W07"),
    "white_matter": (1.6, 0.15, "W07"),
}
"""From a tissue to mean SUV, spread and sources; what is missing takes up nothing."""

_BLOOD: tuple[str, ...] = (
    "left_ventricle",
    "left_atrium",
    "right_ventricle",
    "right_atrium",
    "aorta",
    "pulmonary_artery",
    "vena_cava",
    "artery",
    "lung_vein",
    "lung_vessel",
)
"""Tissues that are blood: one SUV in a person, 1.5 on average (R01, W07)."""


@dataclass(frozen=True)
class Levels:
    """What one person's tissues have instead of the values of the tissue table.

    Attributes:
        hu: From tissue to CT number.
        suv: From tissue to uptake; a tissue that is missing takes up nothing.
        attributes: What decided them, for the table of participants.
    """

    hu: Mapping[str, float] = field(default_factory=dict)
    suv: Mapping[str, float] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)


def draw_levels(rng: np.random.Generator) -> Levels:
    """The enhancement and the uptake of one person."""
    left = float(np.clip(rng.normal(350, 50), 240, 470))
    part = float(rng.uniform(0.55, 0.92))
    wobble = 1 + np.clip(rng.normal(0, 0.03, size=8), -0.08, 0.08)
    right = left * part
    cava = right * float(rng.uniform(0.8, 1.35))
    blood = (left, left * 1.02, right, (right + cava) / 2, left * 0.98, right * 1.04, cava, left * 0.97)
    names = _BLOOD[:8]
    hu = {name: float(value * factor) for name, value, factor in zip(names, blood, wobble, strict=True)}
    hu |= {"lung_vein": hu["left_atrium"], "lung_vessel": 0.5 * (hu["left_atrium"] + hu["pulmonary_artery"])}
    for name, mean, spread in (("myocardium", 105, 11), ("liver", 85, 13), ("spleen", 112, 14), ("lung", -830, 30)):
        hu[name] = float(rng.normal(mean, spread))
    hu["heart_wall"] = hu["myocardium"] - 10
    fed = bool(rng.uniform() < 0.65)
    glucose = float(rng.uniform(5.0, 11.0) if fed else rng.uniform(1.8, 3.0))
    suv = {name: float(mean * np.exp(spread * rng.standard_normal())) for name, (mean, spread, _) in UPTAKE.items()}
    pool = float(1.5 * np.exp(0.13 * rng.standard_normal()))
    suv |= dict.fromkeys(_BLOOD, pool)
    suv |= {"myocardium": glucose, "heart_wall": 0.5 * (glucose + pool) if fed else glucose}
    suv |= {name: float(rng.uniform(4, 12)) for name in ("lung_tumour", "lymph_node")}
    about = {"glucose": "fed" if fed else "fasting", "left_heart_hu": f"{hu['left_ventricle']:.0f}"}
    return Levels(hu, suv, about)
