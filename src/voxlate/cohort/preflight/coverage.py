"""How much of a case its images show: what one of them lacks is neither learned nor scored.

An image that has its background's very value in a fifth of what another one shows was stripped or masked, and the other
was not. Where the case has a mask, nothing beyond it is learned, and that is not looked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from voxlate.cohort.admission.labels import MASK
from voxlate.cohort.case import Case
from voxlate.cohort.coverage import not_shown
from voxlate.cohort.finding import Finding
from voxlate.cohort.foreground import constant_background, onto_grid, overlaps
from voxlate.cohort.preflight.look import CaseImages
from voxlate.cohort.preflight.measures.binned import Binned
from voxlate.contrast import CONTRASTS, get_contrast
from voxlate.volume import Array, Volume

_WORTH_TELLING = 0.02
_STRIPPED = 0.2


def check_coverage(
    images: CaseImages, *, source: Sequence[str], target: str | None, registers: bool = False
) -> Iterator[Finding]:
    """The findings about images that show less than the patient that another one shows.

    Args:
        images: Those of a case.
        source: Contrasts that go in; the first gives the foreground. With neither source nor target the first image
            and each other are compared both ways.
        target: The contrast that comes out.
        registers: Whether images are registered before they are used, so that their places say nothing yet.
    """
    there = [name for name in images if not images.looks[name].constant]
    scans = [name for name in CONTRASTS if name in there and CONTRASTS[name].kind != "label"]
    inputs = [name for name in (source or scans) if name in scans]
    if not inputs or registers:
        return
    first, known = inputs[0], bool(source or target)
    others = [name for name in dict.fromkeys((*inputs[1:], target)) if name and name in there and name != first]
    for other in others:
        if not overlaps(images.looks[first].grid, images.looks[other].grid):
            continue
        whole, part = first, other
        share = _share_lacking(images, first, other)
        if MASK not in images:
            yield from _check_stripped(images, (first, other), covered=share < _WORTH_TELLING)
        if not known and (back := _share_lacking(images, other, first)) > share:
            whole, part, share = other, first, back
        if share >= _WORTH_TELLING:
            yield _told(images.case, whole, part, share=share, role=_role(part, source, target))


def _share_lacking(images: CaseImages, whole: str, part: str) -> float:
    """As ``_lacking``, as kept or as measured now."""

    def measure() -> dict[str, float]:
        return {"share": _lacking(images[whole], images[part])}

    return float(images.kept.recall("coverage", images.key((whole, part)), measure)["share"])


def _check_stripped(images: CaseImages, pair: tuple[str, str], *, covered: bool) -> Iterator[Finding]:
    """A warning where one of two images was stripped and the other was not."""
    for whole, part in (pair, pair[::-1]) if covered else ():
        if "label" in {get_contrast(name).kind for name in pair}:
            return

        def measure(whole: str = whole, part: str = part) -> dict[str, float]:
            background = constant_background(images[part].volume.array)
            share = 0.0 if background is None else _share_equal(images[whole], images[part].volume, background)
            return {"share": share, "background": background or 0.0}

        found = images.kept.recall("stripped", images.key((whole, part)), measure)
        if found["share"] >= _STRIPPED:
            paths = images.case.paths
            message = (
                f"{paths[part]} is {found['background']:g}, its background, in {100 * found['share']:.0f} % of what "
                f"{paths[whole]} shows: the one was stripped or masked, and the other was not. Strip both, or give "
                "masks."
            )
            yield Finding("warning", "stripped", images.case.id, message)


def _share_equal(seen: Binned, part: Volume, value: float) -> float:
    """The share of an image's foreground in which another one has a value."""
    inside = _inside(seen)
    equal = onto_grid(part, seen.grid, outside=value + 1) == value
    return int(np.count_nonzero(equal & inside)) / max(int(np.count_nonzero(inside)), 1)


def _inside(seen: Binned) -> NDArray[np.bool_]:
    return seen.shown if seen.volume.missing is None else seen.shown & ~seen.volume.missing


def _lacking(seen: Binned, other: Binned) -> float:
    """The share of one image's foreground that another one does not show."""
    inside, whole, part = _inside(seen), seen.volume, other.volume

    def place(voxels: Array) -> Array:
        return onto_grid(Volume(voxels, part.affine), whole.grid, outside=0)

    shown = inside
    if not part.grid.matches(whole.grid):
        shown = inside & place(np.ones(part.shape, np.uint8)).astype(np.bool_)
    gaps = not_shown(part, foreground=inside, spacing_mm=whole.spacing_mm, place=place)
    if gaps is not None:
        shown = shown & ~place(gaps.view(np.uint8)).astype(np.bool_)
    return 1 - int(np.count_nonzero(shown)) / max(int(np.count_nonzero(inside)), 1)


def _role(part: str, source: Sequence[str], target: str | None) -> str:
    if part == target:
        return "there it is neither learned nor scored"
    if part in source:
        return "there the model sees background in its place"
    return "as a target it is neither learned nor scored there, as a source it is background there"


def _told(case: Case, whole: str, part: str, *, share: float, role: str) -> Finding:
    message = (
        f"{case.paths[part]} does not cover {100 * share:.2g} % of the foreground of {get_contrast(whole).title}: its "
        f"field of view ends there, or it was padded or lacks slices; {role}."
    )
    return Finding("warning", "not_covered", case.id, message)
