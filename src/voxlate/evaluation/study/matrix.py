"""What a model of several targets is worth for each question: from these sources to that target.

Beside it stand the identity, the lookup from the first source, and, where they are given, models that were trained for
one of the questions alone. Each is scored on the values that it is trained for, in units of the target's range.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from voxlate.cohort import Case
from voxlate.contrast import CONTRASTS, get_contrast
from voxlate.errors import VoxlateError
from voxlate.inference.given import case_acquisitions
from voxlate.inference.model import Model
from voxlate.methods.baselines import Lookup
from voxlate.metrics import metrics_of
from voxlate.preprocess.prepare import PreparedCase, prepare_case
from voxlate.progress import ProgressReport
from voxlate.question import Query, main_questions
from voxlate.roles import BASELINES, MODEL
from voxlate.volume import Array

DEDICATED = "dedicated"
METRICS_OF_ANSWERS = ("mae", "psnr", "ssim")
"""What every answer is scored by."""


@dataclass(frozen=True)
class Answer:
    """One number: a question about a case, answered by a method.

    Attributes:
        case: Id of the case.
        question: What was asked.
        method: ``identity``, ``lookup``, ``dedicated`` or ``model``.
        metric: One of ``METRICS_OF_ANSWERS``.
        value: In units of the target's range, in the foreground; PSNR in dB.
    """

    case: str
    question: Query
    method: str
    metric: str
    value: float


def score_answers(
    model: Model, dedicated: Sequence[Model], cases: Sequence[Case], *, report: ProgressReport
) -> tuple[list[Answer], list[tuple[str, str]]]:
    """Asks the main questions of every case.

    Args:
        model: Of several targets.
        dedicated: Models of one question each; of others nothing is told.
        cases: With the true targets.
        report: Called with the number of finished cases.

    Returns:
        The answers, and the cases that failed, each with its reason.
    """
    found: list[Answer] = []
    failed: list[tuple[str, str]] = []
    for number, case in enumerate(cases):
        report("evaluate", number, len(cases))
        try:
            found += _of_case(model, dedicated, case)
        except VoxlateError as error:
            failed.append((case.id, str(error)))
    report("evaluate", len(cases), len(cases))
    return found, failed


def _of_case(model: Model, dedicated: Sequence[Model], case: Case) -> list[Answer]:
    recipe = model.bundle.recipe
    there = [name for name in recipe.source if name in case.paths]
    found = []
    for question in main_questions(there, [name for name in recipe.wanted if name in case.paths]):
        found += answer_beside_baselines(model.asked(question.sources, question.target), case, question)
        for other in dedicated:
            if other.target == question.target and set(other.bundle.recipe.source) == set(question.sources):
                own = _with_truth(case, other, question)
                found += _score(other.predictions(own)[MODEL], own, other, question=question, method=DEDICATED)
    return found


def answer_beside_baselines(model: Model, case: Case, question: Query) -> list[Answer]:
    """The answers of a model that was asked one question, of the identity and of the lookup.

    Raises:
        VoxlateError: If the case cannot be used.
    """
    prepared = _with_truth(case, model, question)
    source = np.asarray(prepared.arrays[question.sources[0]])
    looked_up = Lookup.from_arrays(model.bundle.lookup()).apply(source)
    predictions = {"identity": source, "lookup": looked_up, MODEL: model.predictions(prepared)[MODEL]}
    return [
        answer
        for method, prediction in predictions.items()
        for answer in _score(prediction, prepared, model, question=question, method=method)
    ]


def _with_truth(case: Case, model: Model, question: Query) -> PreparedCase:
    prepared = prepare_case(case, model.bundle.plan, contrasts=(*question.sources, question.target))
    return replace(prepared, acquired=case_acquisitions(case))


def _score(prediction: Array, prepared: PreparedCase, model: Model, *, question: Query, method: str) -> list[Answer]:
    mask = prepared.shown(question.target)
    truth = np.where(mask, np.asarray(prepared.arrays[question.target]), np.float32(0))
    data_range = model.bundle.plan.normalisers[question.target].data_range
    images = np.where(mask, prediction, np.float32(0)) / np.float32(data_range), truth / np.float32(data_range)
    metrics = metrics_of("voxelwise")
    return [
        Answer(prepared.case_id, question, method, name, metrics[name](*images, mask=mask, data_range=1.0))
        for name in METRICS_OF_ANSWERS
    ]


def means_of(answers: Sequence[Answer], metric: str) -> dict[Query, dict[str, float]]:
    """From a question to the mean over the cases of each method."""
    rows: dict[Query, dict[str, list[float]]] = {}
    for one in answers:
        if one.metric == metric:
            rows.setdefault(one.question, {}).setdefault(one.method, []).append(one.value)
    return {
        question: {method: float(np.nanmean(values)) for method, values in found.items()}
        for question, found in rows.items()
    }


def say_answers(means: Mapping[Query, Mapping[str, float]]) -> str:
    """In how many questions the model's error is below both baselines', and how it compares with dedicated models."""
    better = [question.words for question, row in means.items() if row[MODEL] < min(row[name] for name in BASELINES)]
    told = f"The model's error is below that of identity and lookup in {len(better)} of {len(means)} questions."
    pairs = [(row[MODEL], row[DEDICATED]) for row in means.values() if DEDICATED in row]
    if pairs:
        own, others = (float(np.mean(values)) for values in zip(*pairs, strict=True))
        told += (
            f" Over the {len(pairs)} that a dedicated model was given for, its mean error is {own / others:.2f} times "
            "that of the dedicated ones."
        )
    return told


def rows_by_sources(means: Mapping[Query, Mapping[str, float]]) -> dict[str, dict[str, Query]]:
    """From sources in words to the question of each target: the lines of the matrix, those of few sources first."""
    order = [name for name in CONTRASTS if any(name in (*one.sources, one.target) for one in means)]
    found: dict[str, dict[str, Query]] = {}
    for question in sorted(means, key=lambda one: (len(one.sources), [order.index(name) for name in one.sources])):
        every = len(question.sources) > 1 and set(question.sources) == set(order) - {question.target}
        line = "all others" if every else " + ".join(map(short_title, question.sources))
        found.setdefault(line, {})[question.target] = question
    return found


def short_title(name: str) -> str:
    """The title of a contrast, or its name in capitals where that is shorter."""
    return min(get_contrast(name).title, name.upper(), key=len)
