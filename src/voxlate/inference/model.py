"""A bundle made ready to translate: checked, built, on the device."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from voxlate.bundle.bundle import MANIFEST, Bundle, read_bundle
from voxlate.bundle.ensemble import is_ensemble, joined, read_members
from voxlate.bundle.shipped import default_model
from voxlate.cohort import Case
from voxlate.cohort.admission import forget_told, refuse, tell
from voxlate.cohort.finding import Finding
from voxlate.cohort.labels.classes import check_numbers
from voxlate.cohort.labels.painting import named_values
from voxlate.config.recipe import Recipe
from voxlate.contrast import get_contrast
from voxlate.derivation import files_of, lacking
from voxlate.errors import UsageError, readable
from voxlate.inference.accepting import accepted_reading, say_accepted
from voxlate.inference.familiarity import is_known, unfamiliar
from voxlate.inference.given import case_acquisitions, check_target, given_case, is_of_model
from voxlate.inference.runtimes.predictors import precision_for, predictor_of
from voxlate.inference.spacing import plan_for
from voxlate.inference.stitching import CasePredictor, EnsemblePredictor
from voxlate.io import file_digest
from voxlate.io.canonical import hash_voxels
from voxlate.io.dicom import DOUBT
from voxlate.io.exchange import Image
from voxlate.plugins import recall
from voxlate.preprocess.intensity import Scaling
from voxlate.preprocess.prepare import PreparedCase, prepare_case, restore
from voxlate.provenance import FileRecord, ModelRecord, Provenance
from voxlate.question import answer_with
from voxlate.question.acquisition import Acquisition, check_acquisition
from voxlate.roles import LABELS, MODEL
from voxlate.volume import Volume
from voxlate.windows import Sliceable

if TYPE_CHECKING:
    import torch

    from voxlate.methods.hardware import Precision


@dataclass(frozen=True)
class Model:
    """A checked bundle and its predictor; several threads may use it at once.

    Attributes:
        bundle: The bundle.
        predict: Maps normalised sources to the normalised target.
        name: What lists call it: the recipe's name, or that of its folder among several.
        accepted: What readers accept beside what the bundle says, in words; empty if nothing.
        several: The recipe of a model of several targets that was asked for one of them.
        wanted: How its target is to be acquired, as far as that is stated.
        place: Where it was loaded from.
        precision: In which its networks compute.
        turn: Held while the networks compute, which use all cores and much memory; images are read meanwhile.
    """

    bundle: Bundle
    predict: CasePredictor
    name: str
    accepted: str = ""
    several: Recipe | None = None
    wanted: Acquisition = field(default_factory=dict)
    place: Path = Path()
    precision: Precision = "fp32"
    turn: Lock = field(default_factory=Lock, compare=False, repr=False)

    def __repr__(self) -> str:
        """What it makes of what, and where it lies."""
        return f"Model({', '.join(self.bundle.recipe.source)} to {' or '.join(self.targets)}, {self.bundle.folder})"

    @property
    def target(self) -> str:
        """The contrast that comes out."""
        return self.bundle.recipe.target

    @property
    def targets(self) -> tuple[str, ...]:
        """The contrasts that can come out: the target, or each of several, for one of which it is to be asked."""
        return self.bundle.recipe.wanted

    def wanting(self, acquisition: Mapping[str, float]) -> Model:
        """The same model, whose targets are to look as if they were acquired so.

        Args:
            acquisition: By the names of BIDS: ``{"EchoTime": 0.09}``; times in s, angles in degrees, the field in T.

        Raises:
            UsageError: If a field is unknown, or the model was not told of acquisitions.
        """
        if acquisition and not (self.several or self.bundle.recipe).by_acquisition:
            remedy = "Train one with --set method.acquisition=true."
            raise UsageError("a model that was told how images are acquired", came=self.name, remedy=remedy)
        return replace(self, wanted=check_acquisition(acquisition))

    def asked(self, having: Container[str], target: str | None = None) -> Model:
        """The model of one target, from whatever sources there are; itself, if it is one.

        Args:
            having: The contrasts that there are.
            target: The one that is wanted; ``None`` where only one is possible.

        Raises:
            UsageError: If it does not give that target, several are possible, or there is no source for it.
        """
        recipe = self.bundle.recipe
        if not recipe.targets:
            check_target(target, (self.target,), where=self.name)
            return self
        possible = [name for name in recipe.wanted if answer_with(having, recipe.source, name)]
        lacking = [name for name in possible if name not in having]
        wanted = target or (lacking[0] if len(lacking) == 1 else None)
        check_target(wanted, possible if target else lacking or possible, where=self.name)
        question = answer_with(having, recipe.source, str(wanted))
        if question is None:
            raise UsageError(
                f"one of the sources {', '.join(name for name in recipe.source if name != wanted)}",
                came="none",
                where=self.name,
                remedy="Add a scan of one of them.",
            )
        predict = self.predict.asked(question, recipe)
        return replace(self, bundle=self.bundle.asked(question), predict=predict, several=recipe)

    @property
    def digest(self) -> str:
        """SHA-256 of what its predictions follow from: that of the bundle, what is accepted and how it computes."""
        told = [f"accepted: {self.accepted}"] if self.accepted else []
        told += [f"precision: {self.precision}"] if self.precision != "fp32" else []
        whole = "\n".join([self.bundle.digest, *told])
        return hashlib.sha256(whole.encode()).hexdigest() if told else self.bundle.digest

    @property
    def uses_imputed(self) -> bool:
        """Whether it may start from images that a model made."""
        return self.bundle.plan.reading.imputed == "sources"

    def lacks(self, having: Container[str]) -> frozenset[str]:
        """What keeps a case from being translated: contrasts that sources are read or computed from, or a mask file.

        Args:
            having: The contrasts that the case has a file of.
        """
        plan = self.bundle.plan
        mask = ["mask"] if plan.mask.kind == "file" and plan.mask.otherwise is None else []
        names = (plan.reference, *self.bundle.recipe.source, *mask)
        return frozenset(lacking(names, plan.derive, having))

    def can_make(self, target: str, having: Container[str]) -> bool:
        """Whether a case with these contrasts has what the model needs for a target that it gives."""
        recipe = self.bundle.recipe
        if recipe.targets:
            return answer_with(having, recipe.source, target) is not None
        return not self.lacks(having)

    @property
    def error(self) -> float | None:
        """The mean absolute error of the validation in the target's unit; ``None`` where there is none.

        It ranks models for one target. Models that were validated on other cases are ranked by it all the same.
        """
        value = self.bundle.scores.get("metrics", {}).get("mae")
        return None if value is None else float(value) * self.bundle.plan.normalisers[self.target].inverse.scale

    def unseen(self, cases: Sequence[Case]) -> list[Case]:
        """The cases of whose source images neither training nor the choice of weights has seen any."""
        return [case for case in cases if not self.has_seen(case)]

    def has_seen(self, case: Case) -> bool:
        """Whether a source image of a case was trained or chosen on.

        Told by its file; saved anew, by its voxels; changed in its grey values or grid, by what it shows.
        """
        return is_known(case, self.bundle)

    def accepting(self, accept: Mapping[str, str | Sequence[str]]) -> Model:
        """The same model with other rules of what readers may accept: fields of ``plan.reading`` and their values.

        Raises:
            UsageError: If a field or value is unknown.
        """
        plan = self.bundle.plan
        changed = plan.model_copy(update={"reading": accepted_reading(plan.reading, accept)})
        return replace(self, bundle=replace(self.bundle, plan=changed), accepted=say_accepted(accept))

    def prepare(self, case: Case) -> PreparedCase:
        """The case's sources as normalised arrays on one grid, of the voxel size that the model has learned on.

        Those on grids of their own are registered first, rigidly, unless ``plan.reading.on_grids`` trusts the headers.

        Raises:
            VoxlateError: If a file is refused, or a source's labels have no value that the model was taught.
        """
        recipe = self.bundle.recipe
        plan, notes = plan_for(case, self.bundle.plan, self.bundle)
        tell(Finding("warning", "other_spacing", case.id, note) for note in notes)
        if plan.grids == "resample" and plan.reading.on_grids == "register":
            plan = plan.model_copy(update={"grids": "apart"})
        prepared = prepare_case(case, plan, contrasts=recipe.source)
        told = (*self._numbering(prepared, case), *refuse(unfamiliar(case, prepared, self.bundle.fingerprint.familiar)))
        acquired = case_acquisitions(case) if self.several is not None and self.several.by_acquisition else {}
        return replace(prepared, notes=(*notes, *told, *prepared.notes), acquired=acquired)

    def _numbering(self, prepared: PreparedCase, case: Case) -> tuple[str, ...]:
        """What is to be said of label values that the model was not taught.

        Raises:
            ReadError: If it knows none of them, and that is not accepted.
        """
        recipe = self.bundle.recipe
        structures = recipe.conditions.structures if recipe.conditions is not None else None
        if LABELS not in recipe.source or not isinstance(structures, Mapping):
            return ()
        labels = np.asarray(prepared.arrays[LABELS])
        found = check_numbers(labels, structures, case=case.id, where=case.paths[LABELS])
        return refuse(found, accept=self.bundle.plan.reading.accept)

    def translate(self, scan: Image | Mapping[str, Image] | PreparedCase, *, target: str | None = None) -> Volume:
        """The target on the source's grid, in the target's unit: float32, or int16 for CT, or labels.

        What comes out is marked as synthetic, in memory and in every file that is written of it, and its ``notes`` say
        what was accepted, resampled or filled.

        Args:
            scan: The source in memory: a ``Volume``, an array ``(i, j, k)`` with its affine to RAS+ mm as a pair, an
                image of nibabel or SimpleITK, or a path; of a model with several sources one of them by each name,
                ``{"t1": ..., "flair": ...}``; of one that takes any of its sources those that there are. A
                prepared case gives a volume without mark and notes, for whoever writes them.
            target: The contrast that is wanted, of a model that gives several.

        Raises:
            UsageError: If this is not what the model starts from, or several targets are possible and none is named.
            ReadError: If an image is refused.

        Example:
            >>> load_model("run").translate({"t1": (array, affine)}).plot()  # doctest: +SKIP
        """
        if isinstance(scan, PreparedCase):
            model = self.asked(scan.arrays, target)
            return model.restore(model.predictions(scan)[MODEL], scan)
        forget_told()
        case = given_case(scan, self.bundle)
        return self.asked(case.paths, target)._translate_given(case)

    @property
    def has_members(self) -> bool:
        """Whether it is an ensemble, whose members can differ."""
        return isinstance(self.predict, EnsemblePredictor)

    def doubt(self, prepared: PreparedCase) -> tuple[Volume, Volume | None]:
        """As ``translate`` of a prepared case, and how much the members of an ensemble differ, in the target's unit.

        Of a segmentation it is the standard deviation of the probabilities, the largest of the classes'.
        """
        scaling = self.bundle.plan.normalisers[self.target].inverse
        with self.turn:
            array, spread = self._predict(prepared).doubted(*self._given(prepared))
        volume = self.restore(array, prepared)
        if spread is None:
            return volume, None
        scale = Scaling(scale=1.0 if get_contrast(self.target).kind == "label" else scaling.scale)
        return volume, restore(spread, prepared, normaliser=scale, contrast=get_contrast(DOUBT), background=0.0)

    def _translate_given(self, case: Case) -> Volume:
        told = self.provenance(case, imputed=frozenset(name for name, one in case.held.items() if is_of_model(one)))
        prepared = self.prepare(case)
        seen = ("The model was trained or chosen on this image.",) if self.has_seen(case) else ()
        told = told.model_copy(update={"notes": (*told.notes, *prepared.notes, *seen)})
        return replace(self.translate(prepared), notes=told.notes, provenance=told)

    def provenance(self, case: Case, *, imputed: frozenset[str] = frozenset()) -> Provenance:
        """What is told of the image that is made of a case.

        Args:
            case: What it is made of.
            imputed: Those of its contrasts that a model made.

        Raises:
            UsageError: If the case lacks a source.
        """
        recipe, plan = self.bundle.recipe, self.bundle.plan
        missing = sorted(self.lacks(case.paths))
        if missing:
            raise UsageError(
                f"the contrasts {', '.join(files_of(recipe.source, plan.derive, case.paths))}",
                came=f"{', '.join(case.paths) or 'nothing'}, without {', '.join(missing)}",
                where=case.id,
                remedy="Add the missing scans, or use a model that does without them.",
            )
        normaliser = plan.normalisers[recipe.target]
        return Provenance(
            synthetic=True,
            sources=tuple(_record(case, name, imputed=name in imputed) for name in plan.files(case)),
            model=ModelRecord(name=recipe.name, digest=self.bundle.digest, precision=self.precision),
            target=recipe.target,
            unit=normaliser.unit,
            labels=named_values(recipe.classes),
            scaling=normaliser.inverse.model_dump(),
        )

    def predictions(self, prepared: PreparedCase) -> dict[str, NDArray[np.float32]]:
        """As ``CasePredictor.predictions``, on the prepared grid ``(i, j, k)``, in normalised values."""
        with self.turn:
            return self._predict(prepared).predictions(*self._given(prepared))

    def _given(self, prepared: PreparedCase) -> tuple[list[Sliceable], Sliceable]:
        return [prepared.arrays[name] for name in self.bundle.recipe.source], prepared.mask

    def _predict(self, prepared: PreparedCase) -> CasePredictor:
        """What predicts the case, told of how it was acquired."""
        if self.several is None or not self.several.by_acquisition or self.bundle.question is None:
            return self.predict
        known = {**prepared.acquired, **({self.target: self.wanted} if self.wanted else {})}
        return self.predict.asked(self.bundle.question, self.several, known)

    def restore(self, array: NDArray[np.float32], prepared: PreparedCase) -> Volume:
        """Normalised values on the prepared grid, brought back to the source's grid and the target's unit."""
        target = self.bundle.recipe.target
        return restore(array, prepared, normaliser=self.bundle.plan.normalisers[target], contrast=get_contrast(target))


def _record(case: Case, name: str, *, imputed: bool) -> FileRecord:
    held, path = case.held.get(name), case.paths[name]
    if held is not None:
        return FileRecord(contrast=name, name="", sha256=hash_voxels(held) or "", imputed=imputed)
    return FileRecord(contrast=name, name=readable(path.name), sha256=file_digest(path), imputed=imputed)


def load_model(path: str | Path | None = None, *, device: torch.device | None = None) -> Model:
    """Checks a bundle, or those of an ensemble, and builds the networks in evaluation mode.

    Args:
        path: A run, a bundle or an ensemble; ``None`` for the model that comes with Voxlate. Plugins that a run has
            recorded are loaded; those of a bundle are to be named, by ``voxlate.load_plugin``.
        device: Where it computes; without one the CUDA device, where there is one, or the processor.

    Raises:
        BundleError: If a bundle is refused, or its weights do not fit its recipe.
        UsageError: If it needs a plugin that is not there, or no model comes with this installation.
    """
    folder = default_model() if path is None else Path(path)
    recall(folder)
    if is_ensemble(folder):
        members = read_members(folder)
        predictors = tuple(predictor_of(member, device) for member in members)
        told, precision = members[0].recipe.name, precision_for(members[0].recipe)
        return Model(joined(members), EnsemblePredictor(predictors), name=told, place=folder, precision=precision)
    bundle = read_bundle(folder)
    predict, precision = predictor_of(bundle, device), precision_for(bundle.recipe)
    return Model(bundle, predict, name=bundle.recipe.name, place=folder, precision=precision)


def load_models(path: Path, *, device: torch.device | None = None) -> list[Model]:
    """The model of a run or bundle, or every model of a folder whose sub-folders are runs or bundles.

    Args:
        path: The run, the bundle, or the folder; its models are ordered by the names of their sub-folders.
        device: Where they compute.

    Raises:
        BundleError: If there is no model, or one is refused.
    """
    inside = [] if is_model(path) or not path.is_dir() else [one for one in sorted(path.iterdir()) if is_model(one)]
    if not inside:
        return [load_model(path, device=device)]
    return [replace(load_model(folder, device=device), name=folder.name) for folder in inside]


def is_model(path: Path) -> bool:
    """Whether a path is a run with a bundle, a bundle or an ensemble."""
    return is_ensemble(path) or any((folder / MANIFEST).is_file() for folder in (path, path / "bundle"))
