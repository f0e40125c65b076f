"""The foreground: where there is a patient.

- ``file``: the case's ``mask`` contrast.
- ``nonzero``: what differs from the constant background of a skull-stripped or zero-padded image, whatever that
  constant is; values below it count (interpolation leaves some in a stripped brain); enclosed holes are filled.
- ``each``: ``nonzero`` for an image of constant background, else the rule of its contrast; for whole and
  skull-stripped heads together.
- ``otsu``: for an image whose background is noise: threshold after Otsu (1979, doi:10.1109/TSMC.1979.4310076), the
  majority of each voxel's neighbours, closed, the largest component, holes filled slice by slice.
- ``whole``: every voxel; for a label map that an image is made from, since labels do not tell where the patient ends.
- ``body``: for CT, above -400 HU (between lung and fat), opened to part the table from the patient, the largest
  component, holes filled slice by slice, since the lungs reach the outside through the ends of the volume.

Arrays are in RAS+ order, so that ``k`` is the axis of the body.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from voxlate.cohort.foreground import constant_background, otsu_threshold
from voxlate.contrast import Contrast
from voxlate.errors import ReadError
from voxlate.strict import StrictModel
from voxlate.volume import Array, extent

MaskKind = Literal["file", "each", "nonzero", "otsu", "body", "whole"]
Mask = NDArray[np.bool_]
_AIR_BELOW_HU = -400.0
_CLOSING_MM = 6.0
_CLOSING_STEP_MM = 2.0
_OPENING_MM = 3.0
_BINS = 256


class MaskRule(StrictModel):
    """How the foreground of a case is found.

    Attributes:
        kind: The rule.
        contrast: The contrast that it is applied to (``mask`` for ``file``).
        otherwise: For ``file``: the rule for a case without one; ``None``: such a case is refused.
    """

    kind: MaskKind
    contrast: str
    otherwise: MaskKind | None = None


def choose_rule(asked: str, reference: Contrast, *, stripped: bool, has_file: bool) -> MaskRule:
    """The rule for a cohort.

    Args:
        asked: ``auto``, ``each``, ``nonzero``, ``otsu``, ``whole`` or ``file``.
        reference: The contrast that an image rule is applied to.
        stripped: Whether every reference image has a constant background.
        has_file: Whether every case has a mask file.
    """
    if asked == "file":
        return MaskRule(kind="file", contrast="mask")
    if asked != "auto":
        kinds: dict[str, MaskKind] = {"each": "each", "otsu": "otsu", "whole": "whole"}
        return MaskRule(kind=kinds.get(asked, "nonzero"), contrast=reference.name)
    image: MaskKind = "whole" if reference.kind == "label" else image_rule(reference, stripped=stripped)
    if has_file:
        return MaskRule(kind="file", contrast="mask", otherwise=image)
    return MaskRule(kind=image, contrast=reference.name)


def rule_for(rule: MaskRule, contrast: Contrast) -> MaskRule:
    """The same rule where another contrast than the one it was chosen for gives the foreground."""
    kind = rule.otherwise if rule.kind == "file" else rule.kind
    if kind in {"otsu", "body"}:
        kind = image_rule(contrast, stripped=False)
    if rule.kind == "file":
        return rule.model_copy(update={"otherwise": kind})
    return rule.model_copy(update={"kind": kind, "contrast": contrast.name})


def image_rule(contrast: Contrast, *, stripped: bool) -> MaskKind:
    """The rule that suits an image of this contrast."""
    if stripped or contrast.kind == "label":
        return "nonzero"
    return "body" if contrast.kind == "ct" else "otsu"


def find_foreground(array: Array, kind: MaskKind, *, spacing_mm: tuple[float, float, float]) -> Mask:
    """The foreground of an image by an image rule.

    Args:
        array: Voxels ``(i, j, k)`` in RAS+ order; for ``file`` the mask file itself.
        kind: The rule.
        spacing_mm: Of the array.

    Returns:
        ``(i, j, k)`` booleans; empty if there is no foreground.
    """
    if kind == "file":
        return np.asarray(array > 0)
    if kind == "whole":
        return np.ones(array.shape, dtype=np.bool_)
    if array.min() == array.max():
        return np.zeros(array.shape, dtype=np.bool_)
    if kind == "nonzero":
        background = constant_background(array)
        return _in_box(array != (0 if background is None else background), _fill_holes)
    if kind == "body":
        return _body(array, spacing_mm)
    return _head(array, spacing_mm)


def check_foreground(mask: Mask, *, where: object) -> None:
    """Refuses an empty foreground.

    Raises:
        ReadError: If no voxel is inside.
    """
    if not mask.any():
        raise ReadError(
            "a foreground",
            came="none: no voxel stands out from the background",
            where=where,
            remedy="Look at the image; a constant or empty one is to be left out, else choose another plan.mask.",
        )


def _rooted_otsu(values: Array) -> float:
    """Otsu's threshold on a square-root scale that ends at the 99.5th percentile.

    On the plain scale bright fat, enhancing vessels and CSF would draw the threshold above muscle and cortex.
    """
    low, high = (float(v) for v in np.percentile(values, (0.5, 99.5)))
    rooted = np.sqrt(np.clip(values, low, high) - low)
    return low + otsu_threshold(rooted, bins=_BINS) ** 2


def _largest_component(mask: Mask) -> Mask:
    """The largest set of voxels that touch by their faces."""
    from scipy.ndimage import label

    labels, count = label(mask)
    if count <= 1:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == sizes.argmax())


def _fill_holes(mask: Mask) -> Mask:
    """The mask with the background that does not reach the border of the volume."""
    return _filled(mask, in_plane=False)


def _fill_holes_in_plane(mask: Mask) -> Mask:
    """As ``_fill_holes``, for every axial slice by itself."""
    return _filled(mask, in_plane=True)


def _filled(mask: Mask, *, in_plane: bool) -> Mask:
    from scipy.ndimage import generate_binary_structure, label

    touching = generate_binary_structure(3, 1)
    if in_plane:
        touching[:, :, [0, 2]] = False
    labels, count = label(~mask, structure=touching)
    outside = np.zeros(count + 1, dtype=np.bool_)
    faces = [labels[0], labels[-1], labels[:, 0], labels[:, -1]]
    if not in_plane:
        faces += [labels[:, :, 0], labels[:, :, -1]]
    for face in faces:
        outside[face] = True
    outside[0] = False
    return ~outside[labels]


def _in_box(mask: Mask, change: Callable[[Mask], Mask]) -> Mask:
    """Applies a change to the mask's bounding box with a rim of one voxel; what lies outside stays empty."""
    box = extent(mask)
    if box is None:
        return mask
    inner = np.pad(mask[box], 1)
    result = np.zeros_like(mask, order="C")
    result[box] = change(inner)[1:-1, 1:-1, 1:-1]
    return result


def _head(array: Array, spacing_mm: tuple[float, float, float]) -> Mask:
    from scipy.ndimage import uniform_filter

    smooth = uniform_filter(array.astype(np.float32), 3, mode="nearest")
    # Every other voxel of the smoothed image says as much about the threshold.
    above = (array > _rooted_otsu(smooth[::2, ::2, ::2])).astype(np.float32)
    # The majority of a voxel's neighbours decides: smoothing the image would let a bright scalp leak into the air.
    mask = uniform_filter(above, 3, mode="nearest") > 0.5

    def complete(inner: Mask) -> Mask:
        return _fill_holes_in_plane(_largest_component(_closed(_largest_component(inner), spacing_mm)))

    return _in_box(mask, complete)


def _body(array: Array, spacing_mm: tuple[float, float, float]) -> Mask:
    def complete(inner: Mask) -> Mask:
        core = _largest_component(_grown(inner, -_OPENING_MM, spacing_mm))
        # An opening by reconstruction within reach: the core grows back, but not along the thin bridge to the table.
        return _fill_holes_in_plane(inner & _grown(core, 2 * _OPENING_MM, spacing_mm))

    return _in_box(np.asarray(array > _AIR_BELOW_HU), complete)


def _closed(mask: Mask, spacing_mm: tuple[float, float, float]) -> Mask:
    """The mask with its narrow bays and gaps; those are found at about 2 mm, no voxel of the mask is lost."""
    steps = [max(1, int(_CLOSING_STEP_MM / s)) for s in spacing_mm]
    coarse_mm = (steps[0] * spacing_mm[0], steps[1] * spacing_mm[1], steps[2] * spacing_mm[2])
    rim = [int(np.ceil(_CLOSING_MM / s)) for s in coarse_mm]
    padded = np.pad(mask[:: steps[0], :: steps[1], :: steps[2]], [(n, n) for n in rim])
    closed = _grown(_grown(padded, _CLOSING_MM, coarse_mm), -_CLOSING_MM, coarse_mm)
    closed = closed[tuple(slice(n, -n) for n in rim)]
    for axis, (step, count) in enumerate(zip(steps, mask.shape, strict=True)):
        closed = np.repeat(closed, step, axis=axis).take(range(count), axis=axis)
    return mask | closed


def _grown(mask: Mask, by_mm: float, spacing_mm: tuple[float, float, float]) -> Mask:
    """The mask grown, or shrunk where negative, by a distance in all directions."""
    from scipy.ndimage import distance_transform_edt

    if by_mm > 0:
        return np.asarray(distance_transform_edt(~mask, sampling=spacing_mm) <= by_mm) if mask.any() else mask
    return np.asarray(distance_transform_edt(mask, sampling=spacing_mm) > -by_mm) if not mask.all() else mask
