"""Images that a model made, told by their headers and sidecars, among the images of a cohort.

What a simulation made is its own truth and counts as a scan. What a model made is a guess at a scan that was never
taken: fit to complete a case, unfit as a truth, and what another image is made from only where that is asked for.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from voxlate.cohort.case import Case, Cohort
from voxlate.io import read_maker


def is_imputed(path: Path) -> bool:
    """Whether the image's header or its sidecar says that a model made it; the voxels are not read.

    Raises:
        ReadError: If the sidecar is Voxlate's and damaged.
    """
    return read_maker(path) == "model"


def real_contrasts(case: Case) -> dict[str, Path]:
    """The case's images that no model made, by contrast.

    Raises:
        ReadError: If a sidecar is Voxlate's and damaged.
    """
    return {name: path for name, path in case.paths.items() if not is_imputed(path)}


def scans_only(cohort: Cohort, *, but: Collection[str] = ()) -> Cohort:
    """The cohort without the images that a model made.

    Args:
        cohort: The cases.
        but: Contrasts of which those stay.

    Raises:
        ReadError: If a sidecar is Voxlate's and damaged.
    """
    return replace(cohort, cases=tuple(replace(case, paths=_kept(case, but)) for case in cohort.cases))


def _kept(case: Case, but: Collection[str]) -> dict[str, Path]:
    return {name: path for name, path in case.paths.items() if name in but or not is_imputed(path)}
