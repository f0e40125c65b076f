"""Images that a model made, told by their sidecars, among the images of a cohort.

What a simulation made is its own truth and counts as a scan. What a model made is a guess at a scan that was never
taken: fit to complete a case, unfit as a truth, and never again what another image is made from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from voxlate.cohort.case import Case, Cohort
from voxlate.cohort.preflight.finding import Finding
from voxlate.contrast import CONTRASTS
from voxlate.errors import ReadError
from voxlate.io import read_provenance

_NAMED = 5


def is_imputed(path: Path) -> bool:
    """Whether the image's sidecar says that a model made it.

    Raises:
        ReadError: If the sidecar is Voxlate's and damaged.
    """
    provenance = read_provenance(path)
    return provenance is not None and provenance.synthetic and provenance.model is not None


def real_contrasts(case: Case) -> dict[str, Path]:
    """The case's images that no model made, by contrast.

    Raises:
        ReadError: If a sidecar is Voxlate's and damaged.
    """
    return {name: path for name, path in case.paths.items() if not is_imputed(path)}


def scans_only(cohort: Cohort) -> Cohort:
    """The cohort without the images that a model made.

    Raises:
        ReadError: If a sidecar is Voxlate's and damaged.
    """
    return replace(cohort, cases=tuple(replace(case, paths=real_contrasts(case)) for case in cohort.cases))


def check_synthetic(cohort: Cohort, *, source: Sequence[str] = (), target: str | None = None) -> Iterator[Finding]:
    """A finding for each contrast some of whose images a model made, and one for each sidecar that cannot tell.

    Args:
        cohort: The cases to look at.
        source: Contrasts that go in, canonical names; with none and no target every contrast is looked at.
        target: The contrast that comes out.
    """
    wanted = {*source, target} - {None}
    made: dict[str, list[str]] = {}
    for case in cohort.cases:
        for name, path in case.paths.items():
            if wanted and name not in wanted:
                continue
            try:
                if is_imputed(path):
                    made.setdefault(name, []).append(case.id)
            except ReadError as error:
                yield Finding("warning", "synthetic", case.id, str(error))
    for name in (name for name in CONTRASTS if name in made):
        only_source = bool(wanted) and name != target
        yield Finding("info" if only_source else "warning", "synthetic", "", _message(name, made[name], cohort))


def _message(name: str, cases: Sequence[str], cohort: Cohort) -> str:
    of = sum(name in case.paths for case in cohort.cases)
    named = ", ".join(cases[:_NAMED]) + (" ..." if len(cases) > _NAMED else "")
    return (
        f"a model made {len(cases)} of the {of} images of {CONTRASTS[name].title} ({named}). "
        "Training on them learns that model's errors too, and a score against them is none against the truth."
    )
