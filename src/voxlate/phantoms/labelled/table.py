"""The table of labels: which tissue each number of a label map is, and which number lies on the other side.

The shipped table knows FreeSurfer's numbers (Fischl, NeuroImage 62:774 (2012), doi 10.1016/j.neuroimage.2012.01.021;
its ``FreeSurferColorLUT.txt``) with the parcels of the cortex, and the numbers above 500 of the whole heads that come
with SynthSeg (Billot et al., Med Image Anal 86:102789 (2023), doi 10.1016/j.media.2023.102789), which carry no names:
these were read off the maps by where they lie and what they touch.

Values of the tissues that heads need beyond ``voxlate.phantoms.physics.tissues``, at 3 T:

- W97: Whittall et al., Magn Reson Med 37:34 (1997), doi 10.1002/mrm.1910370107, water content and T2 of brain.
- G05: Gelman et al. 1999 and 2001 and Wansapura et al. 1999, as in ``voxlate.phantoms.physics.tissues``; within the
  range of these the values of grey and white matter were chosen such that the contrast of real scans comes out.
- S05: Stanisz et al., Magn Reson Med 54:507 (2005), doi 10.1002/mrm.20605, spinal cord and optic nerve.
- M89: Miller et al., Magn Reson Med 11:331 (1989): T1 and T2 of plaques are longer than those of white matter and vary
  much; the values were chosen such that the contrast of real plaques comes out.
- B20, K16: as in ``voxlate.phantoms.physics.tissues``.
"""

from __future__ import annotations

import csv
import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxlate.errors import UsageError, some
from voxlate.phantoms.physics.tissues import TISSUES, Tissue
from voxlate.plainyaml import nearest, number, read_yaml

# fmt: off
_MORE: tuple[Tissue, ...] = (
    Tissue("grey_matter", 1400, 97, 60, 0.80, 38, 0, 0.012, spread=0.035, texture=0.035, sources="W97 S05 G05 K16"),
    Tissue("white_matter", 815, 79, 53, 0.70, 28, 0, 0.006, spread=0.035, texture=0.03, sources="W97 S05 G05 K16"),
    Tissue("cerebellar_cortex", 1270, 93, 55, 0.785, 38, 0, 0.012, texture=0.06, sources="G05 K16"),
    Tissue("brainstem", 900, 80, 50, 0.71, 31, 0, 0.006, spread=0.015, texture=0.04, sources="S05 K16"),
    Tissue("spinal_cord", 993, 78, 45, 0.72, 33, 0, 0.008, spread=0.02, texture=0.04, sources="S05"),
    Tissue("optic_nerve", 1083, 78, 45, 0.72, 33, 0, 0.008, texture=0.03, sources="S05"),
    Tissue("ms_lesion", 1450, 150, 100, 0.82, 24, 0, 0.010, spread=0.05, texture=0.08, sources="M89"),
    Tissue("ms_lesion_active", 1400, 145, 95, 0.82, 26, 0, 0.14, spread=0.05, texture=0.08, sources="M89 B20"),
    Tissue("leukoaraiosis", 1180, 118, 75, 0.77, 25, 0, 0.008, spread=0.05, texture=0.08, sources="M89"),
)
# fmt: on

_HEAD_TISSUES: dict[str, Tissue] = {**TISSUES, **{tissue.name: tissue for tissue in _MORE}}
"""The tissues of the phantom and those that label maps of heads need beside them, by name."""

_RANGES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("t1_ms", "t2_ms", "t2star_ms"), (0.01, 20_000.0)),
    **dict.fromkeys(("proton_density", "fat_fraction"), (0.0, 1.5)),
    "hu": (-1100.0, 30_000.0),
}
"""The smallest and the largest value that a tissue can have."""

_SHIPPED: dict[str, tuple[int, ...]] = {
    "air": (0,),
    "white_matter": (2, 41, 7, 46, 28, 60, 192, 219, 223, 250, 251, 252, 253, 254, 255, 5001, 5002),
    "cerebellar_cortex": (8, 47),
    "grey_matter": (3, 42, 17, 18, 53, 54, 26, 58, 19, 55, 20, 56, 27, 59, 172),
    "csf": (4, 43, 5, 44, 14, 15, 24, 72, 122, 257),
    "brainstem": (16, 170, 171, 173, 174, 175, 178),
    "thalamus": (9, 10, 48, 49),
    "caudate": (11, 50),
    "putamen": (12, 51),
    "pallidum": (13, 52),
    "leukoaraiosis": (25, 57, 77, 78, 79),
    "vessel": (30, 62),
    "choroid_plexus": (31, 63, 136, 137, 163, 164),
    "optic_nerve": (85, 530),
    "cortical_bone": (165, 515),
    "marrow": (516,),
    "soft_tissue": (258,),
    "artery_of_head": (502,),
    "vitreous": (506,),
    "mixed_soft": (507,),
    "eye_muscle": (508,),
    "mucosa": (509,),
    "scalp": (511,),
    "spinal_cord": (512,),
    "venous_sinus": (514,),
}
"""From a tissue, or a part of the head that ``LOOKS`` names, to the labels."""

LOOKS: dict[str, str] = {
    "artery_of_head": "vessel",
    "venous_sinus": "vessel",
    "eye_muscle": "muscle",
    "mixed_soft": "muscle",
    "scalp": "fat",
}
"""What is one number in the maps and more than one tissue in a head: its main tissue."""

_PAIRS = (
    *((2, 41), (3, 42), (4, 43), (5, 44), (7, 46), (8, 47), (9, 48), (10, 49), (11, 50), (12, 51), (13, 52)),
    *((17, 53), (18, 54), (19, 55), (20, 56), (25, 57), (26, 58), (27, 59), (28, 60), (30, 62), (31, 63)),
    *((78, 79), (136, 163), (137, 164), (5001, 5002)),
)
"""Left and right of one structure; the numbers of cortical parcels differ by 1000."""


@dataclass(frozen=True)
class LabelTable:
    """What the numbers of a label map stand for.

    Attributes:
        tissues: From a number to the name of a tissue, or of a part of the head in ``LOOKS``.
        mirrored: From a number to that of the same structure on the other side; the others lie in the middle.
        own: Tissues of a user's own, by name.
        unsided: Numbers of a user's own of which nobody said what lies on the other side.
    """

    tissues: Mapping[int, str]
    mirrored: Mapping[int, int]
    own: Mapping[str, Tissue] = field(default_factory=dict)
    unsided: frozenset[int] = frozenset()

    def materials(self) -> dict[str, Tissue]:
        """Every tissue by name, the user's own ones in the place of those with the same name."""
        return {**_HEAD_TISSUES, **self.own}

    def names_of(self, values: NDArray[np.integer[Any]], *, where: object = "") -> list[str]:
        """The name that the table gives to each number.

        Raises:
            UsageError: If it does not know one.
        """
        unknown = [int(value) for value in values if int(value) not in self.tissues]
        if unknown:
            raise UsageError(
                "labels that the table of tissues knows",
                came=f"{some(unknown, most=12)} without a tissue",
                where=where,
                remedy="Name their tissues in a table: --table FILE, a CSV file with the columns label,tissue.",
            )
        return [self.tissues[int(value)] for value in values]

    def swaps(self, values: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """For each number that of the other side, itself if it lies in the middle."""
        return np.array([self.mirrored.get(int(value), int(value)) for value in values], dtype=np.int64)


def head_table() -> LabelTable:
    """The shipped table.

    Example:
        >>> head_table().tissues[41], head_table().mirrored[41]
        ('white_matter', 2)
    """
    tissues = {label: name for name, labels in _SHIPPED.items() for label in labels}
    for first, tissue in ((1000, "grey_matter"), (3000, "white_matter"), (11100, "grey_matter")):
        for label in (*range(first, first + 100), *range(first + 1000, first + 1100)):
            tissues[label] = tissue
    parcels = [(label, label + 1000) for first in (1000, 3000, 11100) for label in range(first, first + 100)]
    mirrored = {one: other for left, right in (*_PAIRS, *parcels) for one, other in ((left, right), (right, left))}
    return LabelTable(tissues, mirrored)


def read_table(path: str | Path) -> LabelTable:
    """The shipped table with the entries of a file in it.

    A CSV file has the columns ``label`` and ``tissue``, and where wanted ``mirror`` (the number of the other side,
    which needs no row) and the attributes of ``Tissue`` (``t1_ms``, ``t2_ms``, ``t2star_ms``, ``proton_density``,
    ``hu``, ...). A YAML file has for each label the name of a tissue or a mapping of the same. A tissue that is not
    known needs the five named ones.

    Raises:
        UsageError: If the file cannot be read as that, or an entry cannot be used.
    """
    path, base = Path(path), head_table()
    rows = _yaml_rows(path) if path.suffix.lower() in {".yaml", ".yml"} else _csv_rows(path)
    tissues, mirrored = dict(base.tissues), dict(base.mirrored)
    own: dict[str, Tissue] = {}
    told: dict[int, int] = {}
    _refuse_twice([label for label, _ in rows], where=path)
    for label, row in rows:
        values = {name: value for name, value in row.items() if value not in ("", None)}
        name, mirror = str(values.pop("tissue", "")), values.pop("mirror", None)
        if values or name not in {**_HEAD_TISSUES, **LOOKS, **own}:
            tissue = _own_tissue(name, values, where=f"{path}, label {label}")
            if own.setdefault(name, tissue) != tissue:
                remedy = "Give a tissue with other values a name of its own."
                raise UsageError(f"one set of values for {name}", came="two", where=path, remedy=remedy)
        tissues[label] = name
        if mirror is not None:
            other = _whole(mirror, where=path)
            before = (told.setdefault(label, other), told.setdefault(other, label))
            if before != (other, label):
                remedy = "Name the same two labels in both rows."
                raise UsageError(
                    f"one other side of {label}", came=f"{before[0]} and {other}", where=path, remedy=remedy
                )
    _check_sides(told, base, where=path)
    for label, other in list(told.items()):  # who has no row of its own is as the side that names it
        if label in tissues:
            tissues.setdefault(other, tissues[label])
    mirrored |= told
    unsided = frozenset(label for label, _ in rows) - base.tissues.keys() - mirrored.keys()
    return LabelTable(tissues, mirrored, own, unsided)


def _own_tissue(name: str, values: Mapping[str, Any], *, where: str) -> Tissue:
    fields = {each.name for each in dataclasses.fields(Tissue)} - {"name", "sources"}
    wrong = [key for key in values if key not in fields or not _is_number(key, values[key])]
    known = _HEAD_TISSUES.get(name)
    missing = [key for key in ("t1_ms", "t2_ms", "t2star_ms", "proton_density", "hu") if key not in values]
    if not name or wrong or (known is None and missing):
        came = f"the values {some(wrong)}" if wrong else f"{name!r} without {some(missing)}" if name else "no tissue"
        remedy = f"{nearest(name, _HEAD_TISSUES)}Use one of {', '.join(_HEAD_TISSUES)}, or give these numbers."
        raise UsageError("a tissue that is known, or its values as numbers", came=came, where=where, remedy=remedy)
    return Tissue(name, **values) if known is None else dataclasses.replace(known, **values)


def _check_sides(told: Mapping[int, int], base: LabelTable, *, where: Path) -> None:
    """Refuses another side of a shipped label, if that which it had is left without one."""
    for label, other in told.items():
        taken = base.mirrored.get(label, other)
        if taken != other and taken not in told:
            remedy = f"Say in a row of {taken} what lies on its other side now."
            raise UsageError(f"{taken} as the other side of {label}", came=str(other), where=where, remedy=remedy)


def _refuse_twice(labels: Sequence[int], *, where: Path) -> None:
    twice = [label for label in dict.fromkeys(labels) if labels.count(label) > 1]
    if twice:
        raise UsageError("one row for each label", came=f"{twice[0]} twice", where=where, remedy="Leave one of them.")


def _is_number(key: str, value: object) -> bool:
    """Whether a value is a number that a tissue can have; whether it flows is said by true and false."""
    low, high = _RANGES.get(key, (-math.inf, math.inf))
    return isinstance(value, bool) == (key == "flowing") and isinstance(value, int | float) and low <= value <= high


def _whole(value: object, *, where: object) -> int:
    try:
        return int(str(value))
    except ValueError as error:
        remedy = "Write the number that stands in the label map."
        raise UsageError("a whole number as label", came=repr(value), where=where, remedy=remedy) from error


def _yaml_rows(path: Path) -> list[tuple[int, dict[str, Any]]]:
    values = read_yaml(path)
    if not isinstance(values, Mapping):
        remedy = "Write lines such as 2: white_matter."
        raise UsageError("a mapping from labels to tissues", came="something else", where=path, remedy=remedy)
    rows = {key: row if isinstance(row, Mapping) else {"tissue": row} for key, row in values.items()}
    return [(_whole(key, where=path), dict(row)) for key, row in rows.items()]


def _csv_rows(path: Path) -> list[tuple[int, dict[str, Any]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError) as error:
        remedy = "Check its name and its permissions, and save it as text in UTF-8."
        raise UsageError("a table of labels", came="a file that cannot be read", where=path, remedy=remedy) from error
    if not rows or not {"label", "tissue"} <= set(rows[0]):
        remedy = "Write label,tissue into the first line, and a line such as 2,white_matter for each label."
        raise UsageError("the columns label and tissue", came="none of them", where=path, remedy=remedy)
    named = {"tissue", "label", "mirror"}
    plain = [
        {key: value if key in named or not value else number(value) for key, value in row.items() if key}
        for row in rows
    ]
    return [(_whole(row.pop("label"), where=path), row) for row in plain]
