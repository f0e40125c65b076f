"""Tissue maps: which tissue lies where, on a lattice finer than the image, drawn or taken from label maps.

Several tissue voxels lie in each image voxel (``factor`` along every axis); partial volume comes from averaging their
signals. ``_ANATOMIES`` names the bodies that can be drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from voxlate.config.catalogue import pick
from voxlate.errors import UsageError
from voxlate.phantoms.abdomen.abdomen import (
    ABDOMEN_CYCLE,
    ABDOMEN_LABELS,
    ABDOMEN_LESIONS,
    ABDOMEN_NODULES,
    AbdomenShape,
    build_abdomen,
    draw_abdomen,
)
from voxlate.phantoms.head.head import HeadShape, build_head, draw_head
from voxlate.phantoms.head.lesions import CYCLE, GLIOMAS, Glioma, draw_glioma
from voxlate.phantoms.nodules import Nodule, draw_nodules
from voxlate.phantoms.physics.tissues import TISSUES, Tissue, tissue_id
from voxlate.phantoms.physics.uptake import Levels, draw_levels
from voxlate.phantoms.thorax.heart import HEART_LABELS
from voxlate.phantoms.thorax.thorax import (
    HOT_LABELS,
    THORAX_CYCLE,
    THORAX_NODULES,
    ThoraxShape,
    build_thorax,
    draw_thorax,
)
from voxlate.volume import Grid, Volume

_LESION_LABELS: dict[str, int] = {
    "necrosis": 1,
    "non_enhancing_tumour": 1,
    "oedema": 2,
    "enhancing_tumour": 3,
}
"""Labels of the tumour parts as in BraTS 2023: core without enhancement 1, oedema 2, enhancing tumour 3."""

_BRAIN_TISSUES: tuple[str, ...] = (
    "grey_matter",
    "white_matter",
    "caudate",
    "putamen",
    "pallidum",
    "thalamus",
    "choroid_plexus",
    *_LESION_LABELS,
)


@dataclass(frozen=True, eq=False)
class TissueMap:
    """Tissues on a lattice ``factor`` times finer than an image grid.

    Attributes:
        tissues: Tissue numbers, see ``voxlate.phantoms.physics.tissues``, ``(i * factor, j * factor, k * factor)``,
            uint8.
        grid: The image grid.
        factor: Tissue voxels along each axis of an image voxel.
        brain: Brain mask on the image grid, fluid of the sulci included; ``None`` if the anatomy has none.
        levels: CT numbers and uptake of this person, where they are not those of the tissue table.
        table: The tissues that the numbers stand for, the first being air.
    """

    tissues: NDArray[np.uint8]
    grid: Grid
    factor: int
    brain: NDArray[np.bool_] | None = None
    levels: Levels = field(default_factory=Levels)
    table: tuple[Tissue, ...] = tuple(TISSUES.values())

    def __post_init__(self) -> None:
        expected = tuple(n * self.factor for n in self.grid.shape)
        if self.tissues.shape != expected:
            raise UsageError(
                f"tissues of shape {expected}",
                came=f"shape {self.tissues.shape}",
                remedy="Give factor tissue voxels along each axis of every image voxel.",
            )

    def labels(self) -> NDArray[np.uint8]:
        """The tissue that fills most of each image voxel, ``(i, j, k)``; among equals the lower number."""
        if self.factor == 1:
            return self.tissues
        present = [int(number) for number in np.unique(self.tissues)]
        best = np.zeros(self.grid.shape, dtype=np.uint16)
        labels = np.zeros(self.grid.shape, dtype=np.uint8)
        for number in present:
            count = self.fraction(number)
            better = count > best
            labels[better] = number
            best[better] = count[better]
        return labels

    def fraction(self, number: int) -> NDArray[np.uint16]:
        """How many tissue voxels of each image voxel are tissue ``number``, 0 to ``factor ** 3``."""
        return _block_sum(self.tissues == number, self.factor)

    def lesions(self) -> NDArray[np.uint8]:
        """Tumour parts on the image grid by ``_LESION_LABELS``; a voxel belongs to them when they fill half of it."""
        return self.drawn(_LESION_LABELS).astype(np.uint8)

    def drawn(self, table: Mapping[str, int]) -> NDArray[np.uint16]:
        """The label map of a rater who draws these tissues, by name, with these values.

        A voxel is labelled when the tissues together fill half of it, with the value that fills most of it; among
        equals the lower.
        """
        values = sorted(set(table.values()))
        counts = np.zeros((len(values), *self.grid.shape), dtype=np.uint16)
        for name, value in table.items():
            counts[values.index(value)] += self.fraction(tissue_id(name))
        inside = 2 * counts.sum(axis=0) >= self.factor**3
        chosen = np.array(values, dtype=np.uint16)[counts.argmax(axis=0)]
        return np.where(inside, chosen, 0).astype(np.uint16)


def _block_sum(mask: NDArray[np.bool_], factor: int) -> NDArray[np.uint16]:
    """Number of true voxels in each block of ``factor ** 3``."""
    result = mask.view(np.uint8).astype(np.uint16) if factor == 1 else mask.view(np.uint8)
    for axis in range(3):
        parts = [result[(slice(None),) * axis + (slice(n, None, factor),)] for n in range(factor)]
        total = parts[0].astype(np.uint16)
        for part in parts[1:]:
            total += part
        result = total
    return result.astype(np.uint16)


def from_labels(
    labels: Volume, table: Mapping[int, str], *, factor: int = 1, elsewhere: str | None = None
) -> TissueMap:
    """A tissue map from a label map, so that a real segmentation can be rendered in any contrast.

    Args:
        labels: Integer labels ``(i, j, k)``.
        table: From a label to the name of a tissue; label 0 is air unless it says otherwise.
        factor: How many label voxels make an image voxel along each axis; the image has the whole blocks only.
        elsewhere: Tissue of labels that the table leaves out; ``None`` refuses them.

    Raises:
        UsageError: If a label is in neither table nor ``elsewhere``, or a tissue has no such name.

    Example:
        >>> brain = from_labels(segmentation, {1: "grey_matter", 2: "white_matter"})  # doctest: +SKIP
    """
    names = {0: "air", **table}
    values, where = np.unique(labels.array, return_inverse=True)
    missing = [int(value) for value in values if int(value) not in names]
    if missing and elsewhere is None:
        raise UsageError(
            "a tissue for every label",
            came=f"labels {missing[:20]} without one",
            where=labels.contrast.name if labels.contrast else "",
            remedy=f"Add them to the table, or name a tissue for elsewhere. Tissues: {', '.join(TISSUES)}.",
        )
    numbers = np.array([tissue_id(names.get(int(value), elsewhere or "air")) for value in values], dtype=np.uint8)
    shape = tuple(n // factor for n in labels.shape)
    tissues = numbers[where.reshape(labels.shape)][tuple(slice(0, n * factor) for n in shape)]
    affine = labels.affine @ np.diag([factor, factor, factor, 1.0])
    affine[:3, 3] = (labels.affine @ np.array([*[(factor - 1) / 2] * 3, 1.0]))[:3]
    i, j, k = shape
    brain = np.isin(tissues, [tissue_id(name) for name in _BRAIN_TISSUES])
    mask = 2 * _block_sum(brain, factor) >= factor**3 if brain.any() else None
    return TissueMap(tissues, Grid((i, j, k), affine), factor, mask)


Shape = TypeVar("Shape")
Lesion = TypeVar("Lesion")


@dataclass(frozen=True)
class Subject(Generic[Shape, Lesion]):
    """One drawn person: the shape of the body, the lesions in it, and what tells this person's tissues apart.

    Attributes:
        shape: The body.
        lesions: What is ill in it.
        levels: CT numbers and uptake of this person.
        attributes: For the table of participants.
    """

    shape: Shape
    lesions: tuple[Lesion, ...]
    levels: Levels = field(default_factory=Levels)
    attributes: Mapping[str, str] = field(default_factory=dict)


def _head_subject(rng: np.random.Generator, *, age: float, subtype: str) -> Subject[HeadShape, Glioma]:
    """A head of that age with a glioma of that subtype (``GLIOMAS``), or without one for ``"none"``."""
    shape = draw_head(rng, age=age)
    glioma = draw_glioma(rng, subtype=subtype)
    attributes = {"subtype": "none", "grade": "none", "enhancement": "none"}
    if glioma:
        kind = GLIOMAS[subtype]
        enhances = "no" if kind.enhancement == "none" else "yes"
        attributes = {"subtype": kind.subtype, "grade": str(kind.grade), "enhancement": enhances}
    return Subject(shape, (glioma,) if glioma else (), attributes=attributes)


def _head_map(subject: Subject[HeadShape, Glioma], grid: Grid, *, factor: int) -> TissueMap:
    """The tissue map of a head on an image grid whose world origin is the middle of the brain."""
    glioma = next(iter(subject.lesions), None)
    tissues, brain = build_head(subject.shape, glioma, grid, factor=factor)
    return TissueMap(tissues, grid, factor, brain)


def _thorax_subject(rng: np.random.Generator, *, age: float, subtype: str) -> Subject[ThoraxShape, Nodule]:
    """A thorax with lesions where ``subtype`` says (``THORAX_CYCLE``); age decides nothing but its own entry."""
    shape = draw_thorax(rng)
    levels = draw_levels(rng)
    lesions = draw_nodules(rng, THORAX_NODULES, subtype=subtype)
    heart = {"heart_phase": f"{shape.heart.phase:.3f}", "label_convention": "mmwhs"}
    return Subject(shape, lesions, levels, {"subtype": subtype, **heart, **levels.attributes})


def _thorax_map(subject: Subject[ThoraxShape, Nodule], grid: Grid, *, factor: int) -> TissueMap:
    """The tissue map of a thorax on an image grid with RAS axes whose world origin is the middle of the heart."""
    tissues = build_thorax(subject.shape, subject.lesions, grid, factor=factor)
    return TissueMap(tissues, grid, factor, levels=subject.levels)


def _abdomen_subject(rng: np.random.Generator, *, age: float, subtype: str) -> Subject[AbdomenShape, Nodule]:
    """An abdomen with lesions that ``subtype`` names (``ABDOMEN_CYCLE``); age decides nothing but its own entry."""
    shape = draw_abdomen(rng)
    attributes = {"subtype": subtype, "liver_fat": f"{shape.liver_fat:.3f}", "label_convention": "chaos"}
    return Subject(shape, draw_nodules(rng, ABDOMEN_NODULES, subtype=subtype), shape.levels, attributes)


def _abdomen_map(subject: Subject[AbdomenShape, Nodule], grid: Grid, *, factor: int) -> TissueMap:
    """The tissue map of an abdomen on an image grid with RAS axes whose world origin lies between the kidneys."""
    tissues = build_abdomen(subject.shape, subject.lesions, grid, factor=factor)
    return TissueMap(tissues, grid, factor, levels=subject.levels, table=subject.shape.table)


@dataclass(frozen=True)
class Anatomy:
    """A body that can be drawn: how to draw a person and how to build the tissue map; and the image's reach.

    Attributes:
        draw: ``draw(rng, age=..., subtype=...)`` gives a subject.
        build: ``build(subject, grid, factor=...)`` gives the tissue map.
        field_of_view_mm: Edge of the cube that an image covers by default.
        centre_mm: World coordinates of the cube's centre.
        contrasts: What is acquired if nothing is asked for.
        cycle: Which subtype of lesion the n-th case has, over and over.
        labels: From tissue to the value that a rater gives it.
        lesions: From tissue to label of the lesions in the truth; the same as ``labels`` where a rater draws lesions.
        tissue_mm: Edge of a tissue voxel that is aimed at.
        ct_noise: Factor of the noise of a CT.
        uptake: Whether its tissues have an uptake, so that PET can be acquired.
    """

    draw: Callable[..., Subject[Any, Any]]
    build: Callable[..., TissueMap]
    field_of_view_mm: float
    centre_mm: tuple[float, float, float]
    contrasts: tuple[str, ...]
    cycle: tuple[str, ...]
    labels: Mapping[str, int]
    lesions: Mapping[str, int]
    tissue_mm: float = 1.0
    ct_noise: float = 1.0
    uptake: bool = False


_ANATOMIES: dict[str, Anatomy] = {
    "head": Anatomy(
        _head_subject,
        _head_map,
        field_of_view_mm=200.0,
        centre_mm=(0.0, 1.0, -10.0),
        contrasts=("t1", "t1c", "t2", "flair"),
        cycle=CYCLE,
        labels=_LESION_LABELS,
        lesions=_LESION_LABELS,
    ),
    "thorax": Anatomy(
        _thorax_subject,
        _thorax_map,
        field_of_view_mm=320.0,
        centre_mm=(0.0, -6.0, 10.0),
        contrasts=("ct", "pet"),
        cycle=THORAX_CYCLE,
        labels=HEART_LABELS,
        lesions=HOT_LABELS,
        tissue_mm=1.7,
        ct_noise=2.5,
        uptake=True,
    ),
    "abdomen": Anatomy(
        _abdomen_subject,
        _abdomen_map,
        field_of_view_mm=350.0,
        centre_mm=(0.0, -8.0, -12.0),
        contrasts=("in_phase", "out_phase", "ct"),
        cycle=ABDOMEN_CYCLE,
        labels=ABDOMEN_LABELS,
        lesions=ABDOMEN_LESIONS,
        tissue_mm=1.8,
        ct_noise=2.5,
    ),
}


def anatomy_for(name: str, contrasts: Sequence[str] = ()) -> Anatomy:
    """The anatomy of that name, if these contrasts can be acquired of it.

    Raises:
        UsageError: If there is none of that name, or PET is asked of one whose tissues have no uptake.
    """
    anatomy = pick(_ANATOMIES, name, what="anatomy")
    if "pet" in contrasts and not anatomy.uptake:
        able = ", ".join(other for other, body in _ANATOMIES.items() if body.uptake)
        raise UsageError(
            "a contrast that this anatomy has", came=f"pet of the {name}", remedy=f"PET is simulated for: {able}."
        )
    return anatomy
