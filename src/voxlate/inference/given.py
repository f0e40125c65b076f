"""A case of images that are given in memory, by name or as the only source of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from voxlate.bundle.bundle import Bundle
from voxlate.cohort import Case
from voxlate.contrast import get_contrast
from voxlate.derivation import files_of
from voxlate.errors import UsageError
from voxlate.io import sidecar_path
from voxlate.io.exchange import Image, take_image
from voxlate.question.acquisition import read_acquisition
from voxlate.volume import Volume

_CASE = "given"
"""Id of such a case."""


def given_case(scan: Image | Mapping[str, Image], bundle: Bundle) -> Case:
    """The case of the images that a model is to start from.

    Args:
        scan: An image, where the model has one source, or several by contrast; a ``mask`` may be among them. See
            ``voxlate.io.exchange.take_image`` for what an image may be.
        bundle: The model's; its ``plan.reading`` says what is accepted.

    Raises:
        UsageError: If the images are not those that the model starts from, or a model made one and the plan does not
            allow that.
        ReadError: If an image is refused.
    """
    plan = bundle.plan
    wanted = files_of(bundle.recipe.source, plan.derive)
    named = (
        _by_name(scan)
        if isinstance(scan, Mapping)
        else {_only(wanted) if not bundle.recipe.targets else _shown_by(scan, wanted): scan}
    )
    held: dict[str, Volume] = {}
    for name, image in named.items():
        contrast = get_contrast(name)
        shown = image.contrast if isinstance(image, Volume) else None
        if (
            shown is not None
            and shown.name != name
            and not (shown.kind == contrast.kind and "mr" in (shown.name, name))
        ):
            raise UsageError(
                f"an image of {contrast.title}",
                came=f"one of {shown.title}",
                where="scan",
                remedy=f"Give that image; if this one is it, say so by its name: {{{name!r}: volume}}.",
            )
        volume = take_image(image, contrast=contrast, reading=plan.reading)
        if is_of_model(volume) and plan.reading.imputed != "sources":
            raise UsageError(
                "a scan",
                came="an image that a model made",
                where=name,
                remedy='Give the scan that it was made from, or allow it: model.accepting({"imputed": "sources"}).',
            )
        held[name] = volume
    return Case(_CASE, _CASE, paths={name: Path(name) for name in held}, held=held)


def _shown_by(scan: Image, wanted: Sequence[str]) -> str:
    """What an image says that it shows, where a model takes any of its sources."""
    shown = scan.contrast if isinstance(scan, Volume) else None
    if shown is not None and shown.name in wanted:
        return shown.name
    raise UsageError(
        f"images by their names, of {', '.join(wanted)}",
        came="one that does not say what it shows" if shown is None else f"one of {shown.title}",
        where="scan",
        remedy=f"Give {{{wanted[0]!r}: ...}}, if it shows that.",
    )


def case_acquisitions(case: Case) -> dict[str, dict[str, float]]:
    """How the images of a case were acquired, as far as the JSON files beside them and its attributes tell."""
    return {
        name: read_acquisition(sidecar_path(path), case.attributes, contrast=name, case=case.id)
        for name, path in case.paths.items()
        if name not in case.held
    }


def check_target(wanted: str | None, possible: Sequence[str], *, where: str) -> None:
    """Refuses a target that a model does not give, or that is not named where several are possible.

    Raises:
        UsageError: If it does not, or is not.
    """
    if wanted in possible or (wanted is None and len(possible) == 1):
        return
    named = ", ".join(possible)
    raise UsageError(
        f"the target that is wanted, one of {named}" if len(possible) > 1 else f"the target {named}",
        came="none" if wanted is None else repr(wanted),
        where=where,
        remedy=f"Say which: --target {possible[0]}, or target={possible[0]!r}." if possible else "Add a scan.",
    )


def is_of_model(volume: Volume) -> bool:
    """Whether a model made the image, as far as it is known."""
    return volume.provenance is not None and volume.provenance.model is not None


def _only(wanted: tuple[str, ...]) -> str:
    if len(wanted) != 1:
        names = ", ".join(wanted)
        example = ", ".join(f"{name!r}: ..." for name in wanted)
        raise UsageError(
            f"{len(wanted)} contrasts: {names}", came="one image", where="scan", remedy=f"Give {{{example}}}."
        )
    return wanted[0]


def _by_name(scan: Mapping[str, Image]) -> dict[str, Image]:
    """The images by canonical name, relabelled: who names an image says what it shows."""
    named = {get_contrast(name).name: image for name, image in scan.items()}
    if len(named) < len(scan):
        came = ", ".join(scan)
        raise UsageError("every contrast once", came=came, where="scan", remedy="Two of the names mean the same.")
    return {
        name: replace(image, contrast=get_contrast(name)) if isinstance(image, Volume) else image
        for name, image in named.items()
    }
