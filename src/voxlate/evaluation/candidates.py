"""Candidates: where the predictions that are evaluated come from, a model or a folder of translated images."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from voxlate.bundle.bundle import MANIFEST, RECIPE
from voxlate.bundle.ensemble import ENSEMBLE
from voxlate.cohort import Case, Cohort, index_cohort
from voxlate.cohort.labels.classes import Classes
from voxlate.cohort.synthetic import scans_only
from voxlate.config.plan import PlanOptions, Reading
from voxlate.contrast import CONTRASTS, get_contrast
from voxlate.derivation import files_of, lacking
from voxlate.errors import CohortError, UsageError, counted, plural, some
from voxlate.evaluation.fitting import fit_to
from voxlate.evaluation.words import listed
from voxlate.inference.accepting import accepted_reading, say_accepted
from voxlate.inference.cohort.derivatives import MANIFEST as TABLE
from voxlate.inference.cohort.derivatives import read_seen, target_path
from voxlate.inference.cohort.translate import translate_file
from voxlate.inference.model import Model, load_model
from voxlate.io import file_digest, read_provenance, read_volume, sidecar_path
from voxlate.methods.baselines import Lookup
from voxlate.preprocess.plan import Plan, Scaling
from voxlate.roles import MODEL
from voxlate.volume import Volume

logger = logging.getLogger(__name__)
_TRUTH_BY_MODEL, _SOURCE_BY_MODEL = "whose truth a model made", "whose source a model made"
_BY_MODEL = (_TRUTH_BY_MODEL, _SOURCE_BY_MODEL)
Accepted = Mapping[str, str | Sequence[str]]
NOTHING: Accepted = MappingProxyType({})
"""What is accepted by default, beside what a model's plan says."""


class Candidate(Protocol):
    """Something that has a prediction for a case."""

    @property
    def name(self) -> str:
        """For titles."""

    @property
    def plan(self) -> Plan:
        """Sources, target and how they are normalised."""

    @property
    def lookup(self) -> Lookup:
        """The fitted baseline."""

    @property
    def facts(self) -> Mapping[str, str]:
        """Where the predictions come from, for the page."""

    @property
    def incomplete(self) -> Mapping[str, str]:
        """From a case of the data set that lacks what is needed to what that is, in words that follow a count."""

    @property
    def passed_over(self) -> str:
        """Why a complete case is none of ``cases``, in words that follow a count."""

    @property
    def classes(self) -> Classes:
        """The classes of the label maps that it predicts; empty for images, and where they are not known."""

    def seen(self, cases: Sequence[Case]) -> int:
        """How many of the cases the model is known to have been trained or chosen on."""

    def what_cases(self, *, seen: int, of: int) -> str:
        """What the scored cases are, for sentences: ``held-out``, ``training``, ``training and held-out``, ..."""

    def cases(self, cohort: Cohort, *, split: str) -> list[Case]:
        """The cases to score: ``test`` for those the model has not seen, ``all`` for every one."""

    def predict(self, case: Case) -> tuple[Mapping[str, Volume], Scaling]:
        """The prediction as written under ``model``, before it that of each view, and the scaling of all."""

    @property
    def digest(self) -> str:
        """SHA-256 of what the predictions follow from, the cases' own files apart."""

    def image(self, case: Case, folder: Path) -> Path:
        """The file of a case's prediction: given, or written into a folder now, unless the same one is there.

        Raises:
            VoxlateError: If the case cannot be translated.
        """


@dataclass(frozen=True)
class ModelCandidate:
    """A bundle, which predicts while it is evaluated."""

    model: Model
    name: str
    plan: Plan
    lookup: Lookup
    facts: Mapping[str, str]
    incomplete: Mapping[str, str] = field(default_factory=dict)
    passed_over: str = "seen by the model"

    @classmethod
    def load(cls, path: Path, *, accept: Accepted = NOTHING) -> ModelCandidate:
        """The candidate of a run or bundle, which reads what is accepted besides.

        Raises:
            UsageError: If a field or value that is accepted is unknown.
        """
        model = load_model(path).accepting(accept)
        bundle = model.bundle
        facts = {
            "model": bundle.recipe.name,
            "model digest": bundle.digest,
            "paper": bundle.recipe.paper or "none",
            "method": f"{bundle.recipe.method.name}, {bundle.recipe.window.in_words}",
            "trained on": f"{counted(bundle.trained_on, 'case')}, seed {bundle.recipe.training.seed}",
        }
        if counting := model.predict.weights:
            facts["views count"] = ", ".join(f"{name} {value:.2f}" for name, value in counting.items())
        return cls(model, bundle.recipe.name, bundle.plan, Lookup.from_arrays(bundle.lookup()), facts)

    @property
    def classes(self) -> Classes:
        """Those of the recipe."""
        return self.model.bundle.recipe.classes

    def seen(self, cases: Sequence[Case]) -> int:
        """Told by the hashes that the bundle keeps."""
        return len(cases) - len(self.model.unseen(cases))

    def what_cases(self, *, seen: int, of: int) -> str:
        """Cases that chose the weights count as training."""
        return "held-out" if not seen else "training" if seen == of else "training and held-out"

    def cases(self, cohort: Cohort, *, split: str) -> list[Case]:
        """All cases, or those of whose source images the bundle has seen none, told by their hashes."""
        return list(cohort.cases) if split == "all" else self.model.unseen(cohort.cases)

    def predict(self, case: Case) -> tuple[Mapping[str, Volume], Scaling]:
        """Translates the case."""
        prepared = self.model.prepare(case)
        found = self.model.predictions(prepared)
        volumes = {name: self.model.restore(array, prepared) for name, array in found.items()}
        return volumes, self.plan.normalisers[self.plan.target].inverse

    @property
    def digest(self) -> str:
        """That of the model."""
        return self.model.digest

    def image(self, case: Case, folder: Path) -> Path:
        """Translates the case into ``<folder>/<case>/<case>_<target>``."""
        path = target_path(folder, case.id, self.plan.target)
        translate_file(self.model, case, path)
        return path


@dataclass(frozen=True)
class _FolderCandidate:
    """Translated images on disk, ``<case>/<case>_<target>`` as ``translate`` writes them."""

    predictions: Mapping[str, Path]
    name: str
    plan: Plan
    lookup: Lookup
    facts: Mapping[str, str]
    known_of: Mapping[str, bool] = field(default_factory=dict)
    unfit: tuple[str, ...] = ()
    incomplete: Mapping[str, str] = field(default_factory=dict)
    passed_over: str = "without a translated image"

    @classmethod
    def load(cls, path: Path, data: Cohort, *, accept: Accepted) -> _FolderCandidate:
        """The candidate of a folder of translated images.

        Raises:
            CohortError: If no translated image belongs to a case of the data set, or their sidecars disagree.
            VoxlateError: If no case that there is an image of can be read.
        """
        known = {case.id for case in data.cases}
        translated = index_cohort(path).cases
        files = [(case.id, *item) for case in translated if case.id in known for item in case.paths.items()]
        if not files and translated and data.cases:
            raise CohortError(
                f"translated images of cases of {data.root}, which has {_named(data.cases)}",
                came=f"none: there are {_named(translated)}",
                where=path,
                remedy="Give the data set that they were made from, with its cases named as they were then.",
            )
        told = [read_provenance(file) for _, _, file in files]
        targets = {name for _, name, _ in files}
        sources = {tuple(record.contrast for record in one.sources) for one in told if one is not None}
        if len(targets) != 1 or len(sources) != 1:
            raise CohortError(
                "translated images of one target, with sidecars that name their sources",
                came=f"targets {sorted(targets)} and sources {sorted(sources)}",
                where=path,
                remedy="Give a folder that `voxlate translate` wrote, and the data set that it was made from.",
            )
        [target], [source] = targets, sources
        translated_of = {case_id: file for case_id, _, file in files}
        there = [case for case in data.with_contrasts(*source, target).cases if case.id in translated_of]
        options = PlanOptions(reading=accepted_reading(Reading(), accept))
        fitted = fit_to(there, options, source=source, target=target)
        models = {one.model.name for one in told if one is not None and one.model is not None}
        known_of = {case_id: seen for (case_id, name), seen in read_seen(path).items() if name == target}
        return cls(
            predictions=translated_of,
            name=f"{', '.join(source)} to {target}",
            plan=fitted.plan,
            lookup=fitted.lookup,
            facts={
                "predictions": path.name,
                "models": ", ".join(sorted(models)) or "not told",
                "seen in training": "not known: images do not tell" if not known_of else f"as {TABLE} says",
                "lookup": "fitted on the evaluated cases themselves, which favours it",
            },
            known_of=known_of,
            unfit=tuple(case.id for case in there if case not in fitted.cases),
        )

    @property
    def classes(self) -> Classes:
        """Label maps do not tell."""
        return {}

    def seen(self, cases: Sequence[Case]) -> int:
        """Those of which the table beside the images says so."""
        return sum(self.known_of.get(case.id, False) for case in cases)

    def what_cases(self, *, seen: int, of: int) -> str:
        """Images do not tell what their model was trained on, so none is called held-out."""
        return "translated" if not seen else "translated training" if seen == of else "translated, partly training"

    def cases(self, cohort: Cohort, *, split: str) -> list[Case]:
        """The cases that there is an image for; a folder does not know what its model has seen."""
        if split != "all" and not self.known_of:
            logger.warning("translated images do not tell what their model has seen: every one is scored")
        there = [case for case in cohort.cases if case.id in self.predictions]
        if split != "all" and (seen := self.seen(there)):
            logger.warning(
                "the model has seen %d of the %d cases, as %s tells: all are scored", seen, len(there), TABLE
            )
        return there

    def predict(self, case: Case) -> tuple[Mapping[str, Volume], Scaling]:
        """Reads the image; a scaling that its sidecar does not tell is taken from its own values."""
        path = self.predictions[case.id]
        provenance = read_provenance(path)
        volume = read_volume(path, contrast=get_contrast(self.plan.target), reading=self.plan.reading)
        if provenance is not None and provenance.scaling is not None:
            return {MODEL: volume}, Scaling.model_validate(provenance.scaling)
        return {MODEL: volume}, self.plan.normalisers[self.plan.target].inverse

    @property
    def digest(self) -> str:
        """That of the images and their sidecars, and of what the baseline was fitted to."""
        files = [file for path in self.predictions.values() for file in (path, sidecar_path(path)) if file.is_file()]
        told = [f"{case_id} {path}" for case_id, path in self.predictions.items()]
        parts = [*told, *map(file_digest, files), self.plan.to_yaml(), *(f"without {case}" for case in self.unfit)]
        return hashlib.sha256("\n".join(parts).encode(errors="surrogateescape")).hexdigest()

    def image(self, case: Case, folder: Path) -> Path:
        """The translated image itself."""
        return self.predictions[case.id]


def load_candidate(
    path: Path, data: Path, *, use_imputed: bool = False, accept: Accepted = NOTHING
) -> tuple[Candidate, Cohort]:
    """What is evaluated, and the cases of the data set that have its sources and its target, as scans.

    Args:
        path: A model, or a folder of translated images.
        data: The data set.
        use_imputed: Whether sources may be images that a model made, as they may where the model's plan says so. What
            the prediction is compared with never is.
        accept: What readers may accept that they refuse by default: fields of ``plan.reading`` and their values.

    Raises:
        UsageError: If the path is neither a model nor a folder of images, or a field or value is unknown.
        CohortError: If no case has all contrasts.
    """
    every = index_cohort(data)
    scans = scans_only(every)
    if not path.is_dir():
        raise UsageError("a model or a folder of translated images", came=str(path), remedy="Give one that exists.")
    is_model = any(
        file.is_file() for file in (path / MANIFEST, path / RECIPE, path / "bundle" / MANIFEST, path / ENSEMBLE)
    )
    candidate: ModelCandidate | _FolderCandidate = (
        ModelCandidate.load(path, accept=accept) if is_model else _FolderCandidate.load(path, scans, accept=accept)
    )
    plan = candidate.plan
    names = (plan.reference, *plan.source, plan.target)
    allowed = use_imputed or plan.reading.imputed == "sources"
    images = [name for name, one in CONTRASTS.items() if one.kind != "label" and name != plan.target]
    cohort = scans_only(every, but=images) if allowed else scans
    complete = cohort.with_contrasts(*names, derive=plan.derive)
    incomplete = _incomplete(every, complete, scans, plan)
    _tell_left_out([case for case, reason in incomplete.items() if reason in _BY_MODEL])
    if not complete.cases:
        wanted = ", ".join(files_of(names, plan.derive))
        raise CohortError(
            f"cases with {wanted}", came="none", where=data, remedy="Look at the data set with `voxlate check`."
        )
    made = _imputed_sources(complete, scans, plan) if allowed else {}
    told = {
        "accepted": say_accepted(accept),
        "imputed sources": ", ".join(f"{name} of {counted(count, 'case')}" for name, count in made.items()),
    }
    facts = {**candidate.facts, **{name: words for name, words in told.items() if words}}
    return replace(candidate, facts=facts, incomplete=incomplete), complete


def _incomplete(every: Cohort, kept: Cohort, scans: Cohort, plan: Plan) -> dict[str, str]:
    """From a case that is not kept to what it lacks, or that a model made it; in words that follow a count."""
    names, there = (plan.reference, *plan.source, plan.target), {case.id for case in kept.cases}
    found = {}
    for case, real in zip(every.cases, scans.cases, strict=True):
        if case.id in there:
            continue
        if missing := lacking(names, plan.derive, case.paths):
            found[case.id] = f"lacks {listed([get_contrast(name).title for name in missing])}"
        else:
            found[case.id] = _TRUTH_BY_MODEL if plan.target not in real.paths else _SOURCE_BY_MODEL
    return found


def _tell_left_out(lost: Sequence[str]) -> None:
    """Names the cases that would be there if what a model made counted as a scan."""
    if lost:
        named = some(lost)
        logger.warning(
            "%s left out, since a model made an image that is needed (%s); --use-imputed scores those whose sources "
            "alone are made",
            f"{counted(len(lost), 'case')} {plural(len(lost), 'is', 'are')}",
            named,
        )


def _imputed_sources(cohort: Cohort, scans: Cohort, plan: Plan) -> dict[str, int]:
    """From a source to the number of cases that have it from a model."""
    real = {case.id: case.paths for case in scans.cases}
    needed = [(name, case.id) for case in cohort.cases for name in plan.files(case)]
    names = dict.fromkeys(name for name, case in needed if name not in real[case])
    return {name: sum(one == name and name not in real[case] for one, case in needed) for name in names}


def _named(cases: Sequence[Case]) -> str:
    """How many cases, and what the first is called."""
    return f"{len(cases)} cases, such as {cases[0].id!r}" if len(cases) > 1 else f"the case {cases[0].id!r}"
