"""Real, synthetic, both: one recipe trained on real images, on synthetic ones in their place, and on all of them.

The measure of synthetic images is then what a network learns from them, on real held-out cases that neither it nor the
model behind the images has seen ("train on synthetic, test on real"; Esteban et al. 2017, arXiv:1706.02633). The three
share the validation and the test cases, which are real, and the number of steps; only the training cases differ.

The synthetic cases are made by a model (of each real training case, with all that it does not make kept), or lie in a
folder: a case with the id of a real training case takes from the folder what is there and the rest from that case; a
case of its own must have everything that the recipe needs, as those of ``voxlate synthesize``. A synthetic case that
belongs to a case of another part is left out, since it would show what is held out.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from voxlate.bundle.bundle import RECIPE
from voxlate.cohort import Case, Cohort, index_cohort
from voxlate.cohort.splits import PARTS, split_cohort
from voxlate.config.recipe import Recipe
from voxlate.derivation import files_of
from voxlate.errors import CohortError, UsageError, VoxlateError, WriteError
from voxlate.inference.cohort.derivatives import target_path
from voxlate.inference.cohort.translate import translate_file
from voxlate.inference.model import is_model, load_model
from voxlate.io import is_among
from voxlate.io.atomic import write_rows
from voxlate.progress import ProgressReport, telling
from voxlate.training.setup.begin import load_cohort
from voxlate.training.setup.leaving_out import tell_left_out
from voxlate.training.studies.variants import Study

logger = logging.getLogger(__name__)
REAL, SYNTHETIC, BOTH = "real", "synthetic", "both"
_PREFIX = "synthetic-"
"""Of the id of a synthetic case that was made of a real one."""
_SEEN = "seen.json"


@dataclass(frozen=True)
class Sources:
    """Where the cases of the three variants come from.

    Attributes:
        data: The real data set.
        synthetic: A run or bundle, or a folder of synthetic images.
        folder: Gets the three tables of cases, and what a model makes.
    """

    data: Path
    synthetic: Path
    folder: Path


def substitution(sources: Sources, recipe: Recipe, *, seeds: int, report: ProgressReport) -> Study:
    """The study of the three variants, each with its own table of cases; what a model has to make is made now.

    Args:
        sources: Where cases come from.
        recipe: What is trained, of any kind that is scored by case.
        seeds: How many training seeds: the recipe's and those that follow it.
        report: Called with a stage and how much of it is done.

    Raises:
        CohortError: If no synthetic case is left, or what made them has seen a held-out case.
        UsageError: If a model makes what the recipe does not use.
    """
    cohort = load_cohort(sources.data, recipe)
    options = recipe.plan.split
    split = split_cohort(cohort, options, seed=recipe.training.seed if options.seed is None else options.seed)
    parts = {part: [case for case in cohort.cases if split.get(case.id) == part] for part in PARTS}
    made = _made(sources, recipe, parts, report=report)
    kept = [case for part in PARTS[1:] for case in parts[part]]
    training = {REAL: parts["train"], SYNTHETIC: made, BOTH: [*parts["train"], *made]}
    variants: dict[str, Recipe] = {}
    tables: dict[str, Path] = {}
    for name, cases in training.items():
        lists = {
            "train": [case.id for case in cases],
            **{part: [case.id for case in parts[part]] for part in PARTS[1:]},
        }
        variants[name] = recipe.with_overrides({f"plan.split.{part}": ids for part, ids in lists.items()})
        tables[name] = _write_table([*cases, *kept], recipe, sources.folder / f"{name}.csv")
    first = recipe.training.seed
    return Study(variants, tuple(range(first, first + seeds)), data=tables)


def _made(
    sources: Sources, recipe: Recipe, parts: Mapping[str, Sequence[Case]], *, report: ProgressReport
) -> list[Case]:
    if is_model(sources.synthetic) or (sources.synthetic / RECIPE).is_file():  # the latter is refused as unfinished
        return _translated(sources, recipe, parts, report=report)
    folder = index_cohort(sources.synthetic)
    _refuse_seen(folder, parts)
    found = _found(folder, recipe, parts)
    if not found:
        raise CohortError(
            f"synthetic cases with {', '.join(_needed(recipe))}, or made of a training case",
            came=f"none among {len(folder)}",
            where=sources.synthetic,
            remedy="Translate the data set with a model, or make cases with `voxlate synthesize`.",
        )
    return found


def _translated(
    sources: Sources, recipe: Recipe, parts: Mapping[str, Sequence[Case]], *, report: ProgressReport
) -> list[Case]:
    model = load_model(sources.synthetic)
    if model.target not in _needed(recipe):
        raise UsageError(
            f"a model that makes one of {', '.join(_needed(recipe))}",
            came=model.target,
            where=sources.synthetic,
            remedy="Give the model of a contrast that the recipe learns from.",
        )
    test = list(parts["test"])
    if len(model.unseen(test)) < len(test):
        raise CohortError(
            "held-out cases that the model has not seen",
            came=f"{len(test) - len(model.unseen(test))} of {len(test)} that it has",
            where=sources.synthetic,
            remedy="Train it with the same split: give plan.split.seed in both recipes.",
        )
    cases = []
    for case in telling(parts["train"], partial(report, "translate")):
        path = target_path(sources.folder / "synthetic", case.id, model.target)
        try:
            translate_file(model, case, path)
        except WriteError:
            raise
        except VoxlateError as error:
            tell_left_out({_PREFIX + case.id: str(error)})
        else:
            cases.append(_beside(case, {model.target: path}))
    return cases


def _found(folder: Cohort, recipe: Recipe, parts: Mapping[str, Sequence[Case]]) -> list[Case]:
    """The usable cases of a folder of synthetic images."""
    part_of = {case.id: part for part, cases in parts.items() for case in cases}
    real = {case.id: case for case in parts["train"]}
    taken, dropped = [], 0
    for case in folder.cases:
        if part_of.get(case.id, "train") != "train":
            dropped += 1
        elif case.id in real:
            taken.append(_beside(real[case.id], case.paths))
        elif set(_needed(recipe)) <= set(case.paths):
            taken.append(case)
    if dropped:
        logger.warning("%d synthetic cases were made of validation or test cases: they are left out", dropped)
    return taken


def _beside(case: Case, paths: Mapping[str, Path]) -> Case:
    """A synthetic case beside the real one that it was made of: another id, the same subject."""
    return replace(case, id=_PREFIX + case.id, paths={**case.paths, **paths})


def _refuse_seen(folder: Cohort, parts: Mapping[str, Sequence[Case]]) -> None:
    """Refuses synthetic cases of a model that has learned from a test case, where its hashes lie beside them."""
    path = folder.root / _SEEN
    if not path.is_file():
        logger.warning("%s does not say what its model has seen: see to it that no test case is among it", folder.root)
        return
    seen = set(json.loads(path.read_text(encoding="utf-8")))
    known = [case.id for case in parts["test"] if any(is_among(file, seen) for file in case.paths.values())]
    if known:
        raise CohortError(
            "held-out cases that the model behind the synthetic ones has not seen",
            came=f"{len(known)} that it has: {', '.join(known[:5])}",
            where=path,
            remedy="Train it with the same split: give plan.split.seed in both recipes.",
        )


def _needed(recipe: Recipe) -> tuple[str, ...]:
    return files_of((recipe.plan.reference_for(recipe.source), *recipe.source, recipe.target), recipe.plan.derive)


def _write_table(cases: Sequence[Case], recipe: Recipe, path: Path) -> Path:
    """A manifest of the cases with the contrasts that the recipe reads."""
    names = dict.fromkeys((*_needed(recipe), "labels", "mask"))
    columns = [name for name in names if any(name in case.paths for case in cases)]
    attributes = sorted({key for case in cases for key in case.attributes} - {"case", "subject", *columns})
    rows = [["case", "subject", *columns, *attributes]]
    for case in cases:
        files = [str(case.paths[name].resolve()) if name in case.paths else "" for name in columns]
        rows.append([case.id, case.subject, *files, *(case.attributes.get(key, "") for key in attributes)])
    write_rows(path, rows)
    return path
