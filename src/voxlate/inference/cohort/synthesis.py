"""Whole new cases: a label map drawn by the bundle's shape model, and the image that the bundle makes of it.

    <out>/synthetic-00001-s7/synthetic-00001-s7_labels.nii.gz    and its sidecar: model, shape model, seed, number
    <out>/synthetic-00001-s7/synthetic-00001-s7_ct.nii.gz        and its sidecar, which names the label map
    <out>/cases.csv                                              the cases' label convention, where there is one
    <out>/manifest.csv                                           a line per case of all calls: status, seconds, reason
    <out>/seen.json                                              SHA-256 of the images that the model has seen,
                                                                 of their files and of their voxels

The names of the labels stand in the sidecars of the label maps, so that the cases can be used beside the real ones.
Case ``n`` of a seed is the same however many are asked for. Both images are marked synthetic. What the model has seen
is listed so that a privacy audit can tell the images that it was trained on from others; so a model that has seen other
images is refused in a folder with cases.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from voxlate.cohort import Case
from voxlate.cohort.labels.conventions import convention_with
from voxlate.config.recipe import Recipe
from voxlate.contrast import get_contrast
from voxlate.errors import TrainingError, UsageError, VoxlateError, WriteError
from voxlate.inference.cohort.derivatives import MANIFEST, target_path, write_manifest
from voxlate.inference.cohort.outcome import Outcome, Status, attempt, is_finished, is_whole
from voxlate.inference.cohort.translate import translate_file
from voxlate.inference.model import Model
from voxlate.io import (
    DrawRecord,
    ModelRecord,
    Provenance,
    check_writable,
    hold,
    read_provenance,
    remove_stale,
    write_text,
    write_volume,
)
from voxlate.io.atomic import PREFIX
from voxlate.io.lock import LOCK_NAME
from voxlate.progress import telling
from voxlate.shapes import ShapeModel
from voxlate.volume import Volume

_SEEN = "seen.json"
_ATTEMPTS = 10
_MOST_CASES = 99_999
_CASE = re.compile(r"synthetic-(\d{5})-s(0|[1-9]\d*)")
_NOT_WHOLE = "no whole case of this command, left as it is; ask for its number and seed to make it"


def _case_name(number: int, *, seed: int) -> str:
    """The id of case ``number``, counted from 1; no real case has such a one, and no two seeds share one.

    Example:
        >>> _case_name(1, seed=7)
        'synthetic-00001-s7'
    """
    return f"synthetic-{number:05d}-s{seed}"


def synthesise_cases(
    model: Model,
    folder: Path,
    *,
    cases: int,
    seed: int,
    overwrite: bool = False,
    report: Callable[[int, int], None] = lambda _done, _of: None,
) -> list[Outcome]:
    """Draws label maps and translates each by the model; a case that fails is named and the others go on.

    What is there already from the same model, seed and number is left alone; another model's case of that name is
    refused. The manifest lists the cases of earlier calls, too.

    Args:
        model: Its recipe has ``shapes``.
        folder: New, empty, or with earlier cases of this command; cases of other seeds may lie in it.
        cases: How many, from 1.
        seed: Draws them.
        overwrite: Whether what is there is made anew.
        report: Called with the number of finished cases and of all.

    Raises:
        UsageError: If the recipe has no ``shapes``, a number is out of range, or the folder holds anything else.
        BundleError: If the bundle's shape model is damaged.
        LockedError: If another process writes to the folder.
    """
    if not 1 <= cases <= _MOST_CASES or seed < 0:
        raise UsageError(
            f"1 to {_MOST_CASES} cases and a seed of 0 or more",
            came=f"{cases} cases, seed {seed}",
            remedy="Choose other numbers; another seed draws other cases.",
        )
    shapes = model.bundle.shapes()
    seen = json.dumps(sorted(model.bundle.seen | model.bundle.seen_voxels), indent=1) + "\n"
    _check_folder(folder, seen)
    check_writable(folder)
    outcomes: list[Outcome] = []
    with hold(folder, what="synthesis"):
        remove_stale(folder)
        write_text(folder / _SEEN, seen)
        listed = _find_earlier(folder)
        for number in telling(range(1, cases + 1), report):
            drawing = _Drawing(model, shapes, seed, number, folder)
            outcome = attempt(partial(_make, drawing, overwrite=overwrite), drawing.outcome("failed"))
            outcomes.append(outcome)
            listed[seed, number] = [outcome]
            every = [one for place in sorted(listed) for one in listed[place]]
            write_manifest(every, folder)
            _write_convention(convention_with(_label_names(model.bundle.recipe)), every, folder)
    return outcomes


def _label_names(recipe: Recipe) -> dict[int, str]:
    """From a label's value to its name, of those that are a structure alone."""
    told = recipe.conditions.structures if recipe.conditions is not None else {}
    pairs = told.items() if isinstance(told, Mapping) else ()
    return {values[0]: name for name, values in pairs if len(values) == 1}


def _write_convention(convention: str, outcomes: Sequence[Outcome], folder: Path) -> None:
    if convention:
        lines = [f"{case},{convention}\n" for case in dict.fromkeys(one.case for one in outcomes)]
        write_text(folder / "cases.csv", "".join(["case,label_convention\n", *lines]))


@dataclass(frozen=True)
class _Drawing:
    """A case to be made."""

    model: Model
    shapes: ShapeModel
    seed: int
    number: int
    folder: Path

    @property
    def contrast(self) -> str:
        """Of the label map: what the model goes out from."""
        return self.model.bundle.plan.reference

    @property
    def case(self) -> Case:
        name = _case_name(self.number, seed=self.seed)
        return Case(id=name, subject=name, paths={self.contrast: target_path(self.folder, name, self.contrast)})

    def provenance(self) -> Provenance:
        recipe = self.model.bundle.recipe
        return Provenance(
            synthetic=True,
            model=ModelRecord(name=recipe.name, digest=self.model.bundle.digest),
            drawn=DrawRecord(shapes=recipe.shapes.name if recipe.shapes else "", seed=self.seed, number=self.number),
            target=self.contrast,
            unit="",
            labels={str(value): name for value, name in _label_names(recipe).items()},
        )

    def draw(self) -> Volume:
        rng = np.random.default_rng(np.random.SeedSequence((self.seed, self.number)))
        for _ in range(_ATTEMPTS):
            labels = self.shapes.sample(rng)
            if labels.array.any():
                return replace(labels, contrast=get_contrast(self.contrast))
        raise TrainingError(
            "a label map with labelled voxels",
            came=f"{_ATTEMPTS} empty ones",
            where=self.case.id,
            remedy="Look at the training label maps, or set shapes to another model.",
        )

    def outcome(self, status: Status, reason: str = "") -> Outcome:
        return Outcome(
            self.case.id,
            status,
            reason=reason,
            target=self.model.target,
            model=self.model.name,
            sources=self.model.bundle.recipe.source,
            path=target_path(self.folder, self.case.id, self.model.target) if status in {"done", "skipped"} else None,
        )

    def is_drawn(self, path: Path, *, overwrite: bool) -> bool:
        """Whether the label map need not be drawn.

        Raises:
            WriteError: If a file is there that this did not write, or another model's case, and not ``overwrite``.
            ReadError: If the sidecar is damaged.
        """
        wanted = self.provenance()
        old = read_provenance(path) if path.exists() and not overwrite else None
        if old is not None and old.model is not None and (old.model, old.drawn) != (wanted.model, wanted.drawn):
            raise WriteError(
                "a free name, or an earlier case of this model",
                came=f"an image of {old.model.name}, bundle {old.model.digest[:12]}",
                where=path,
                remedy="Choose another --out or --seed, or add --overwrite.",
            )
        return is_finished(path, wanted, overwrite=overwrite)


def _make(drawing: _Drawing, *, overwrite: bool) -> Outcome:
    case = drawing.case
    path = case.paths[drawing.contrast]
    path.parent.mkdir(exist_ok=True)
    is_drawn = drawing.is_drawn(path, overwrite=overwrite)
    if not is_drawn:
        write_volume(drawing.draw(), path, provenance=drawing.provenance(), overwrite=True)
    image = target_path(drawing.folder, case.id, drawing.model.target)
    made = translate_file(drawing.model, case, image, overwrite=overwrite)
    return drawing.outcome("skipped", made.reason) if is_drawn and made.status == "skipped" else drawing.outcome("done")


def _find_earlier(folder: Path) -> dict[tuple[int, int], list[Outcome]]:
    """The cases that earlier calls left in a folder, killed ones too: by seed and number an outcome for each image.

    A case is listed as finished if its label map and an image made from it are whole, else as failed.
    """
    found = {}
    for place in folder.iterdir():
        if (name := _CASE.fullmatch(place.name)) and place.is_dir():
            number, seed = map(int, name.groups())
            found[seed, number] = _earlier_images(place) or [Outcome(place.name, "failed", reason=_NOT_WHOLE)]
    return found


def _earlier_images(place: Path) -> list[Outcome]:
    told: dict[Path, Provenance] = {}
    for path in sorted(place.glob(f"{place.name}_*.nii.gz")):
        with suppress(VoxlateError, OSError):
            record = read_provenance(path)
            if record is not None and is_whole(path, record):
                told[path] = record
    labels = {one.output_sha256 for one in told.values() if one.drawn is not None}
    return [
        Outcome(
            place.name,
            "skipped",
            reason="made by an earlier call",
            target=one.target,
            model=one.model.name,
            sources=tuple(source.contrast for source in one.sources),
            path=path,
        )
        for path, one in told.items()
        if one.model is not None and {source.sha256 for source in one.sources} & labels
    ]


def _check_folder(folder: Path, seen: str) -> None:
    """Refuses a folder of anything but such cases, or of a model that has seen other images."""
    if not folder.exists():
        return
    entries = [entry.name for entry in folder.iterdir()] if folder.is_dir() else [folder.name]
    there = [name for name in entries if name != LOCK_NAME and not name.startswith(PREFIX)]
    known = folder / _SEEN
    if there and not known.is_file():
        came = "something else"
    elif there and known.read_bytes() != seen.encode():
        came = "cases of a model that has seen other images"
    else:
        return
    raise UsageError(
        f"a new or empty folder, or one with earlier cases ({MANIFEST}, {_SEEN}) of this model",
        came=came,
        where=folder,
        remedy="Give another --out.",
    )
