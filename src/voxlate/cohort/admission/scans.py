"""What the voxels of a scan tell about its unit: a CT that is not in HU, a PET not in SUV, an MR image that is a CT."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from voxlate.cohort.admission.histogram import Histogram, take_histogram
from voxlate.cohort.admission.hounsfield import (
    HIGHEST_HU,
    LOWEST_HU,
    Judgement,
    beyond_hounsfield,
    judge_hounsfield,
    looks_hounsfield,
)
from voxlate.cohort.admission.uptake import judge_uptake
from voxlate.cohort.finding import Finding
from voxlate.cohort.foreground import constant_background
from voxlate.contrast import Contrast
from voxlate.volume import Array

_AIR_BELOW_HU = -200.0
_LOWEST_AIR_HU, _NO_AIR_BELOW_HU, _SOME_AIR, _MUCH = -1100.0, -900.0, 0.002, 0.1
_CT_PADDING = (-1000.0, -1024.0, -2000.0, -2048.0, -3024.0)


def check_scan(
    array: Array, contrast: Contrast, *, case: str, path: Path, spacing_mm: Sequence[float] | None = None
) -> Iterator[Finding]:
    """The findings about the values of a CT, MR or PET image that is not constant.

    Args:
        array: Voxels ``(i, j, k)``, finite.
        contrast: What the image is taken for.
        case: Id of the case.
        path: The file, for the message.
        spacing_mm: Between voxels, where that is known.
    """
    seen = take_histogram(array)
    if contrast.kind == "ct":
        judged = judge_hounsfield(seen)
        if judged is not None and contrast.name != "ct":  # the grey levels of cone-beam CT are HU by intention only
            judged = Judgement("warning", judged.cause) if judged.severity == "error" else None
        if judged is not None:
            yield _finding(seen, judged, "not_hounsfield", "HU (air is -1000)", case=case, path=path)
        elif beyond_hounsfield(seen):
            message = (
                f"{path}: values from {float(array.min()):g} to {float(array.max()):g}, beyond {LOWEST_HU:g} to "
                f"{HIGHEST_HU:g} HU. Look whether padding or a wrong rescale slope explains them."
            )
            yield Finding("warning", "hounsfield_range", case, message)
        yield from _check_background(array, seen, judged, case=case, path=path)
    elif judged := _judge_signal(seen):
        yield _finding(seen, judged, "ct_values", f"what {contrast.title} shows", case=case, path=path)
    elif contrast.kind == "pet":
        judged = judge_uptake(seen, array, spacing_mm=spacing_mm)
        if judged is not None:
            yield _finding(seen, judged, "not_suv", "SUV (the body has about 1)", case=case, path=path)


def _judge_signal(seen: Histogram) -> Judgement | None:
    """What tells that an MR or PET image is a CT, or ``None``."""
    if looks_hounsfield(seen):
        return Judgement("error", "air is near -1000 and tissue near 0: this is a CT")
    filled = [value for value in seen.padding if value in _CT_PADDING]
    return Judgement("warning", f"it is padded with {filled[0]:g}, as a CT is") if filled else None


def _finding(seen: Histogram, judged: Judgement, code: str, unit: str, *, case: str, path: Path) -> Finding:
    is_sure = judged.severity == "error"
    remedy = "Convert the file, or name it by what it shows." if is_sure else "Look at it, and convert it if so."
    message = (
        f"{path}: values from {seen.lowest:g} to {seen.highest:g} {'cannot' if is_sure else 'may not'} be {unit}: "
        f"{judged.cause}. {remedy}"
    )
    return Finding(judged.severity, code, case, message)


def _check_background(
    array: Array, seen: Histogram, judged: Judgement | None, *, case: str, path: Path
) -> Iterator[Finding]:
    if judged is not None and judged.severity == "error":
        return
    background, where = constant_background(array), "all over"
    if background is None or background < _AIR_BELOW_HU:
        background, where = _in_place_of_air(seen), "where air would be"
    if background is None:
        return
    message = (
        f"{path}: the background is {background:g} HU {where}, which is not air. Was the image stripped, clipped or "
        "padded? A model learns this value wherever the source shows more; fill it with -1024 HU, or give a mask."
    )
    yield Finding("warning", "hounsfield_background", case, message)


def _in_place_of_air(seen: Histogram) -> float | None:
    """A value, above air, that much of the image has, where no voxel is as dark as air; ``None`` without one."""
    if seen.share(_LOWEST_AIR_HU, _NO_AIR_BELOW_HU) > _SOME_AIR:
        return None
    often = [value for value in seen.padding if value > _NO_AIR_BELOW_HU and seen.every_share(value) > _MUCH]
    return max(often, key=seen.every_share, default=None)
