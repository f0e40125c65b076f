"""A finding for images that a model made, where a scan is expected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from voxlate.cohort.case import Cohort
from voxlate.cohort.finding import Finding
from voxlate.cohort.synthetic import is_imputed
from voxlate.contrast import CONTRASTS
from voxlate.errors import ReadError, some


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
    named = some(cases)
    return (
        f"a model made {len(cases)} of the {of} images of {CONTRASTS[name].title} ({named}). "
        "Training on them learns that model's errors too, and a score against them is none against the truth."
    )
