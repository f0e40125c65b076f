"""Segmenters: what turns the images of a case into a label map, a bundle or another program.

Both read the case's images from files, as they do in use, and both can be asked to do without one of their contrasts.
The rule for that is declared (``FILLING``): the missing contrast is filled with the value of its background, for a
network 0 in normalised values, which is what training with dropped channels fills in; for another program an image of
nothing but background. A segmenter that was trained without the contrast is the fairer comparison.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from voxlate.cohort import Case
from voxlate.cohort.labels.classes import ANY_LABEL
from voxlate.contrast import get_contrast
from voxlate.derivation import files_of
from voxlate.errors import GeometryError, UsageError, counted
from voxlate.evaluation.candidates import NOTHING, Accepted
from voxlate.evaluation.segmentation.programs import ProgramSegmenter, read_program
from voxlate.inference.model import Model, is_model, load_model
from voxlate.inference.spacing import plan_for
from voxlate.preprocess.images import read_contrast, read_foreground
from voxlate.preprocess.prepare import PreparedCase, prepare_case
from voxlate.preprocess.resampling import resample
from voxlate.volume import Grid, Volume

FILLING = "the missing contrast is filled with the value of its background (0 in normalised values)"


class Segmenter(Protocol):
    """Whatever finds labels in the images of a case."""

    @property
    def name(self) -> str:
        """For titles."""

    @property
    def sources(self) -> tuple[str, ...]:
        """The contrasts that it reads from files."""

    @property
    def truth(self) -> str:
        """The contrast that its label maps are compared with."""

    @property
    def classes(self) -> Mapping[str, tuple[int, ...]]:
        """From the name of a class to its values in what it finds; no value stands for every one above 0."""

    @property
    def truth_classes(self) -> Mapping[str, tuple[int, ...]]:
        """The same classes with their values in the true label maps."""

    @property
    def facts(self) -> Mapping[str, str]:
        """What it is, for the page."""

    @property
    def digest(self) -> str:
        """SHA-256 of what its label maps follow from, the cases' own files apart."""

    def seen(self, cases: Sequence[Case]) -> list[str] | None:
        """The ids of the cases that it was trained or chosen on; ``None`` if that is not known."""

    def foreground_ml(self, case: Case) -> float | None:
        """How much of the case it takes for foreground; ``None`` if it does not tell.

        Raises:
            VoxlateError: If a file is refused.
        """

    def segment(self, case: Case, *, missing: str | None = None) -> Volume:
        """The label map of a case.

        Args:
            case: With every source, but for the missing one.
            missing: A contrast to do without; see ``FILLING``.

        Raises:
            VoxlateError: If it fails on the case.
        """


@dataclass(frozen=True)
class _BundleSegmenter:
    """A bundle whose target is a label map.

    Attributes:
        model: The bundle made ready.
        classes: From the name of a class to its label values, in what it finds and in the truth.
    """

    model: Model
    classes: Mapping[str, tuple[int, ...]]

    @property
    def name(self) -> str:
        """The recipe's name."""
        return self.model.name

    @property
    def sources(self) -> tuple[str, ...]:
        """What its sources, and the image that gives the grid, are read or computed from."""
        plan = self.model.bundle.plan
        return files_of((*plan.source, plan.reference), plan.derive)

    @property
    def truth(self) -> str:
        """The contrast that it was trained to predict."""
        return self.model.target

    @property
    def truth_classes(self) -> Mapping[str, tuple[int, ...]]:
        """A bundle finds the values that its truth has."""
        return self.classes

    @property
    def facts(self) -> Mapping[str, str]:
        """Name and digest of the bundle and what it was trained on."""
        bundle = self.model.bundle
        trained = f"{counted(bundle.fingerprint.cases, 'case')}, seed {bundle.recipe.training.seed}"
        return {"segmenter": bundle.recipe.name, "segmenter digest": bundle.digest, "segmenter trained on": trained}

    @property
    def digest(self) -> str:
        """That of the model."""
        return self.model.digest

    def seen(self, cases: Sequence[Case]) -> list[str]:
        """Told by the hashes that the bundle keeps."""
        unseen = {case.id for case in self.model.unseen(cases)}
        return [case.id for case in cases if case.id not in unseen]

    def foreground_ml(self, case: Case) -> float:
        """By the plan's rule, on the image that gives the grid."""
        plan = self.model.bundle.plan
        reference = read_contrast(case, plan.reference, reading=plan.reading)
        mask, _ = read_foreground(case, reference, plan.mask, reading=plan.reading)
        return float(np.count_nonzero(mask) * np.prod(reference.spacing_mm) / 1000)

    def segment(self, case: Case, *, missing: str | None = None) -> Volume:
        """Prepares the case from its files and segments it."""
        prepared = self.model.prepare(case) if missing is None else self._filled(case, missing)
        return self.model.translate(prepared)

    def _filled(self, case: Case, missing: str) -> PreparedCase:
        """The case without a contrast: what is made from it is 0, and another source gives grid and foreground."""
        plan = self.model.bundle.plan
        lost = [name for name in plan.source if missing in files_of([name], plan.derive)]
        left = [name for name in plan.source if name not in lost]
        if not left:
            raise UsageError(
                "a source beside the missing one",
                came="none",
                where=f"{self.name} without {missing}",
                remedy="Give a segmenter that was trained without it as --task-without.",
            )
        reference = files_of(left, plan.derive)[0] if plan.reference == missing else plan.reference
        mask = plan.mask
        if mask.contrast == missing:
            mask = mask.model_copy(update={"contrast": reference})
        plan = plan.model_copy(update={"reference": reference, "mask": mask, "source": tuple(left)})
        plan, _ = plan_for(case, plan, self.model.bundle)
        paths = {name: path for name, path in case.paths.items() if name != missing}
        prepared = prepare_case(replace(case, paths=paths), plan, contrasts=left)
        nothing = np.zeros(prepared.grid.shape, dtype=np.float32)
        return replace(prepared, arrays={**prepared.arrays, **dict.fromkeys(lost, nothing)})


def load_segmenter(path: Path, *, accept: Accepted = NOTHING) -> Segmenter:
    """A run, bundle or ensemble whose target is a label map, or the YAML file of another program.

    Args:
        path: Of the model or the file.
        accept: What readers may accept beside what the bundle says: fields of ``plan.reading`` and their values.

    Raises:
        UsageError: If it is neither, or the file is refused.
        BundleError: If the bundle is refused.
    """
    if path.is_file():
        return ProgramSegmenter(read_program(path))
    if not is_model(path):
        raise UsageError(
            "a segmenter: a run, a bundle, an ensemble, or the YAML file of a program",
            came=str(path),
            where="--task",
            remedy="Train one with the recipe segment-default, or write a task.yaml.",
        )
    model = load_model(path).accepting(accept)
    if get_contrast(model.target).kind != "label":
        raise UsageError(
            "a model that makes label maps",
            came=f"one that makes {get_contrast(model.target).title}",
            where=path,
            remedy="Give the run or bundle of a segmentation.",
        )
    return _BundleSegmenter(model, model.bundle.recipe.classes or {ANY_LABEL: ()})


def check_task(segmenter: Segmenter, target: str, *, without: Segmenter | None = None) -> None:
    """Refuses segmenters that do not answer the question.

    Args:
        segmenter: Applied to the real and to the synthetic target.
        target: The contrast that is synthetic.
        without: Applied to the other contrasts alone.

    Raises:
        UsageError: If the segmenter does not use the target, the other one does, or their classes differ.
    """
    title = get_contrast(target).title
    if target not in segmenter.sources:
        raise UsageError(
            f"a segmenter that uses {title}",
            came=f"one of {', '.join(segmenter.sources)}",
            where=f"--task {segmenter.name}",
            remedy="Give one that needs what the model makes, else nothing is tested.",
        )
    if without is None:
        return
    if target in without.sources:
        raise UsageError(
            f"a segmenter that does without {title}",
            came=f"one of {', '.join(without.sources)}",
            where=f"--task-without {without.name}",
            remedy=f"Train one without {title}.",
        )
    theirs, ours = (
        (one.truth, {name: sorted(values) for name, values in one.truth_classes.items()})
        for one in (without, segmenter)
    )
    if theirs != ours:
        raise UsageError(
            f"the classes of the other segmenter, {ours}",
            came=str(theirs),
            where=f"--task-without {without.name}",
            remedy="Train both for the same classes.",
        )


def on_grid(labels: Volume, grid: Grid, *, where: object) -> Volume:
    """A label map at the voxels of another grid, by the nearest voxel.

    Raises:
        GeometryError: If the two have no voxel in common.
    """
    reach = resample(np.ones(labels.shape, dtype=np.bool_), labels.grid, grid, nearest=True, fill=False)
    if not reach.any():
        raise GeometryError(
            "a segmentation that overlaps the true label map",
            came="no common voxel",
            where=where,
            remedy="Let the program write the positions of its input into its output.",
        )
    return Volume(resample(labels.array, labels.grid, grid, nearest=True), grid.affine, contrast=labels.contrast)
