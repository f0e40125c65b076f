"""What a notebook does with single images: ``read`` one, ``score`` one beside its truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from voxlate.config.plan import Reading
from voxlate.verbs.single import is_series, shown_in

if TYPE_CHECKING:
    from voxlate.contrast import Contrast
    from voxlate.evaluation.scores import Score
    from voxlate.metrics.metric import Mask
    from voxlate.volume import Array, Volume
    from voxlate.workflows.result import Scores

_READING = Reading()
_MASK = "mask"
_PLACES = "the prediction", "the mask"


def read(image: object, *, contrast: str | None = None, reading: Reading = _READING) -> Volume:
    """A volume from a file, or from an image in memory.

    Args:
        image: A path, of DICOM that of a folder, a file or an archive; an array ``(i, j, k)`` and its affine to RAS+
            mm, as a pair; an image of nibabel or SimpleITK; or a ``Volume``.
        contrast: What it shows, a name or an alias; by default what its sidecar, its name or its DICOM header says.
        reading: What may be accepted that is refused by default.

    Raises:
        UsageError: If it is none of these, or no contrast is known by that name.
        ReadError: If it is damaged, or not one 3-D image with real, finite voxels.
        GeometryError: If it does not state one usable geometry.

    Example:
        >>> read("T1.nii.gz").plot()  # doctest: +SKIP
    """
    from voxlate.cohort.layouts.naming import contrast_in
    from voxlate.contrast import find_contrast, get_contrast
    from voxlate.io import read_provenance, volume_stem
    from voxlate.io.exchange import take_image

    shown = get_contrast(contrast) if contrast is not None else None
    if shown is None and isinstance(image, str | Path):
        told = read_provenance(image)
        shown = find_contrast(told.target) if told is not None else None
        path = Path(image)
        shown = shown or (shown_in(path)[0] if is_series(path) else contrast_in(volume_stem(path)))
    return take_image(image, contrast=shown, reading=reading)


def score(
    prediction: object,
    truth: object,
    *,
    mask: object = None,
    contrast: str | None = None,
    data_range: float | None = None,
) -> Scores:
    """Scores an image beside its truth, or a label map beside the true one: every metric by name, with its unit.

    Args:
        prediction: Whatever ``read`` takes, on the truth's grid, or a plain array ``(i, j, k)``: that has the grid of
            what it is given beside, or, beside plain arrays alone, voxels of 1 mm.
        truth: Likewise, in the same unit.
        mask: The voxels that count, those that are not 0; by default the truth's foreground, of label maps every voxel.
        contrast: What both show, where they do not say it; ``labels`` for label maps.
        data_range: Width of the range of values, for PSNR and SSIM; by default that of HU or SUV, else from the 0.5th
            to the 99.5th percentile of the truth inside the mask. The result tells it.

    Raises:
        GeometryError: If the images lie on different grids; nothing is resampled.
        UsageError: If the shapes differ, or a mask or data range cannot be used.
        ReadError: If an image is refused.

    Example:
        >>> score(made, "t2.nii.gz")["mae"]  # doctest: +SKIP
        41.3
    """
    import numpy as np

    from voxlate.contrast import get_contrast
    from voxlate.errors import UsageError
    from voxlate.workflows.result import Scores

    given = [truth, prediction, *([] if mask is None else [mask])]
    true, one, *masks = _taken(given, [contrast, contrast, _MASK][: len(given)])
    shown = true.contrast or one.contrast or get_contrast("mr")
    if one.contrast is not None and (one.contrast.kind == "label") != (shown.kind == "label"):
        came = f"{one.contrast.name} beside {shown.name}"
        raise UsageError(
            "two images or two label maps", came=came, where="score", remedy="Say contrast= if it is not so."
        )
    arrays, spacing_mm = _on_one_grid(one, true, *masks)
    if mask is None:
        inside, how = _foreground(arrays[1], shown, spacing_mm)
        how += ", of voxels taken for 1 mm" if all(isinstance(image, np.ndarray) for image in given) else ""
    else:
        inside, how = np.not_equal(arrays[2], 0), "the given mask"
    if not inside.any():
        raise UsageError("a mask with voxels", came="an empty one", where="mask", remedy="Give another mask.")
    if shown.kind == "label":
        found = list(_of_labels(arrays[0], arrays[1], mask=inside, spacing_mm=spacing_mm))
        return Scores.of(found, counted=how, data_range=None)
    width = data_range or {"ct": 4095.0, "pet": 20.0}.get(shown.kind)
    width = width or float(np.subtract(*np.percentile(arrays[1][inside], (99.5, 0.5)))) or 1.0
    found = list(_of_images(arrays[0], arrays[1], mask=inside, data_range=width, contrast=shown))
    return Scores.of(found, counted=how, data_range=width)


def _taken(images: Sequence[object], contrasts: Sequence[str | None]) -> list[Volume]:
    """The volumes; a plain array has the affine of the first that is none."""
    import numpy as np

    plain = [isinstance(image, np.ndarray) for image in images]
    pairs = zip(images, contrasts, plain, strict=True)
    found = {n: read(image, contrast=contrast) for n, (image, contrast, bare) in enumerate(pairs) if not bare}
    affine = next((volume.affine for volume in found.values()), np.eye(4))
    return [found.get(n) or read((image, affine), contrast=contrasts[n]) for n, image in enumerate(images)]


def _on_one_grid(one: Volume, true: Volume, *others: Volume) -> tuple[list[Array], tuple[float, float, float]]:
    """The arrays in RAS order, the prediction's first, and their spacing."""
    from voxlate.errors import GeometryError
    from voxlate.preprocess.orientation import ras_grid, to_ras

    wanted = ras_grid(true.grid)
    for volume, what in zip((one, *others), _PLACES, strict=False):
        if not ras_grid(volume.grid).matches(wanted):
            raise GeometryError(
                f"the truth's grid, {true.shape} at {true.spacing_mm} mm",
                came=f"{volume.shape} at {volume.spacing_mm} mm, or another position",
                where=what,
                remedy="Bring both to one grid first; a model's output has that of its source.",
            )
    return [to_ras(volume.array, volume.affine) for volume in (one, true, *others)], wanted.spacing_mm


def _foreground(truth: Array, contrast: Contrast, spacing_mm: tuple[float, float, float]) -> tuple[Mask, str]:
    from voxlate.cohort.foreground import constant_background
    from voxlate.preprocess.masking import find_foreground, image_rule

    if contrast.kind == "label":
        return find_foreground(truth, "whole", spacing_mm=spacing_mm), "every voxel"
    rule = image_rule(contrast, stripped=constant_background(truth) is not None)
    return find_foreground(truth, rule, spacing_mm=spacing_mm), f"the truth's foreground by the rule {rule}"


def _of_images(one: Array, true: Array, *, mask: Mask, data_range: float, contrast: Contrast) -> Iterator[Score]:
    from voxlate.evaluation.fidelity.regions import score_case
    from voxlate.evaluation.scores import Score
    from voxlate.metrics import metrics_of

    unit = contrast.unit or "1"
    for found in score_case(one, true, mask=mask, data_range=data_range, unit=unit, case="", method="prediction"):
        yield replace(found, region="mask")
    if contrast.kind == "ct":
        for name, metric in metrics_of("ct").items():
            value = metric(one, true, mask=mask, data_range=data_range)
            yield Score("", "mask", "prediction", name, value, metric.unit(unit))


def _of_labels(one: Array, true: Array, *, mask: Mask, spacing_mm: tuple[float, float, float]) -> Iterator[Score]:
    """Of every label that the truth or the prediction has, and of all of them."""
    from voxlate.cohort.labels.conventions import count_values
    from voxlate.evaluation.segmentation.scores import score_segmentation

    values = sorted({int(value) for labels in (one, true) for value in count_values(labels) if value > 0})
    classes: dict[str, list[int]] = {f"label {value}": [value] for value in values} or {"any label": []}
    found = score_segmentation(one, true, classes=classes, mask=mask, spacing_mm=spacing_mm, case="", method="")
    yield from (replace(one, method="prediction") for one in found)
