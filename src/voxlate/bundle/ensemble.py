"""The ensemble: models of one recipe, each validated on another fold of the development cases, that predict together.

It is a folder with ``ensemble.json``, which names the members and their digests; the members are runs in that folder.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from typing import Literal

from pydantic import ValidationError

from voxlate.bundle.bundle import Bundle, read_bundle
from voxlate.config.recipe import Recipe, describe
from voxlate.errors import BundleError
from voxlate.io.atomic import write_rows, write_text
from voxlate.strict import StrictModel

ENSEMBLE = "ensemble.json"
_REMEDY = "Go on with the training of folds by --resume, or get the whole folder again from where it was made."


class _EnsembleManifest(StrictModel):
    """What ``ensemble.json`` says: from the folder of a member to the digest of its bundle."""

    format: Literal[1] = 1
    members: dict[str, str]


def is_ensemble(path: Path) -> bool:
    """Whether a folder holds an ensemble."""
    return (path / ENSEMBLE).is_file()


def write_ensemble(folder: Path, names: Sequence[str]) -> None:
    """Makes runs that lie in a folder its ensemble.

    Raises:
        BundleError: If one has no whole bundle.
    """
    members = {name: read_bundle(folder / name).digest for name in names}
    write_text(folder / ENSEMBLE, _EnsembleManifest(members=members).model_dump_json(indent=1) + "\n")


def read_members(path: Path) -> list[Bundle]:
    """The bundles of an ensemble, checked.

    Raises:
        BundleError: If the list is no such list, or a member is missing, changed, or of another recipe or plan.
    """
    try:
        manifest = _EnsembleManifest.model_validate_json((path / ENSEMBLE).read_bytes())
    except (OSError, ValidationError) as error:
        came = describe(error) if isinstance(error, ValidationError) else str(error)
        raise BundleError("a list of members, of format 1", came=came, where=path / ENSEMBLE, remedy=_REMEDY) from error
    if not manifest.members:
        raise BundleError("at least one member", came="none", where=path / ENSEMBLE, remedy=_REMEDY)
    members = []
    for name, digest in manifest.members.items():
        if Path(name).name != name:
            raise BundleError("members in the ensemble's folder", came=name, where=path / ENSEMBLE, remedy=_REMEDY)
        member = read_bundle(path / name)
        if member.digest != digest:
            raise BundleError(f"the digest {digest}", came=member.digest, where=member.folder, remedy=_REMEDY)
        members.append(member)
    _check_alike(members)
    return members


def joined(members: Sequence[Bundle]) -> Bundle:
    """The ensemble as one bundle: the first member's, with what any has seen, a digest of all digests, mean scores."""
    digest = hashlib.sha256("\n".join(member.digest for member in members).encode()).hexdigest()
    names = dict.fromkeys(name for member in members for name in member.scores["metrics"])
    values = {name: _over_folds(members, name) for name in names}
    scores = {
        "part": "validation",
        "folds": len(members),
        "cases": sum(member.scores["cases"] for member in members),
        "metrics": {name: mean(known) if known else None for name, known in values.items()},
    }
    seen = frozenset().union(*(member.seen for member in members))
    voxels = frozenset().union(*(member.seen_voxels for member in members))
    sketches = tuple({one.to_text(): one for member in members for one in member.sketches}.values())
    return replace(members[0], seen=seen, seen_voxels=voxels, sketches=sketches, digest=digest, scores=scores)


def read_model(path: Path) -> Bundle:
    """What a path to a run, a bundle or an ensemble describes, as one bundle.

    Raises:
        BundleError: If it is refused.
    """
    return joined(read_members(path)) if is_ensemble(path) else read_bundle(path)


def write_cross_validation(folder: Path, members: Sequence[Bundle]) -> str:
    """Writes ``cross_validation.csv``, a line per fold and validation metric.

    Args:
        folder: The ensemble's.
        members: In the order of the folds.

    Returns:
        The monitored metric over the folds, in a sentence.
    """
    rows: list[tuple[object, ...]] = [("fold", "cases", "metric", "value")]
    for fold, member in enumerate(members):
        for name, value in member.scores["metrics"].items():
            rows.append((fold, member.scores["cases"], name, "" if value is None else repr(value)))
    write_rows(folder / "cross_validation.csv", rows)
    monitor = members[0].recipe.training.monitor
    known = _over_folds(members, monitor)
    if not known:
        return f"No fold has a validation {monitor}."
    spread = f" (sd {stdev(known):.3g})" if len(known) > 1 else ""
    return (
        f"Validation {monitor} {mean(known):.4g}{spread}, the mean over {len(known)} folds. Each fold chose its "
        "weights on the cases that it is scored on, so new cases will give somewhat worse values."
    )


def _over_folds(members: Sequence[Bundle], metric: str) -> list[float]:
    """The validation values of a metric, of the members that have one."""
    values = [member.scores["metrics"].get(metric) for member in members]
    return [value for value in values if value is not None and not math.isnan(value)]


def _check_alike(members: Sequence[Bundle]) -> None:
    first = members[0]
    for member in members[1:]:
        for what, one, other in (
            ("recipe, but for the fold", _without_fold(first.recipe), _without_fold(member.recipe)),
            ("plan", first.plan, member.plan),
        ):
            if one != other:
                raise BundleError(f"members of one {what}", came="another", where=member.folder, remedy=_REMEDY)


def _without_fold(recipe: Recipe) -> Recipe:
    return recipe.with_overrides({"plan.split.fold": 0})
