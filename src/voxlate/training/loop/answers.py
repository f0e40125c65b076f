"""Validation of a method that is asked questions: whole held-out volumes, each question of a fixed list.

While training, each validation case is asked for every contrast that it has from a single other one, which takes turns
from case to case, and from all others together; the metrics are the means over all of these. What is shipped is asked
the main questions of every case, and told question by question.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from voxlate.errors import UsageError
from voxlate.preprocess.prepare import PreparedCase
from voxlate.question import Query, answer_with, main_questions
from voxlate.training.loop.batches import CaseStore
from voxlate.training.loop.validation import Example, Predict, Validation, mean_metrics, score_case

Answering = Callable[[Query, str], Predict]
"""From a question and the id of a case to what answers it."""


def few_questions(case: PreparedCase, sources: Sequence[str], targets: Sequence[str], *, turn: int) -> list[Query]:
    """What a validation case is asked while training: for each target one source, and all that there are.

    Args:
        case: The case.
        sources: All sources of the recipe.
        targets: All targets of the recipe.
        turn: Number of the case, which decides the single sources.
    """
    found: list[Query] = []
    for number, target in enumerate(name for name in targets if name in case.arrays):
        every = answer_with(case.arrays, sources, target)
        if every is not None:
            single = every.sources[(turn + number) % len(every.sources)]
            found += dict.fromkeys([Query((single,), target), every])
    return found


def case_questions(case: PreparedCase, sources: Sequence[str], targets: Sequence[str]) -> list[Query]:
    """The main questions that a case can be asked."""
    there = [name for name in sources if name in case.arrays]
    return main_questions(there, [name for name in targets if name in case.arrays])


def validate_answers(
    answering: Answering, store: CaseStore, asked: Sequence[tuple[str, Sequence[Query]]], *, shown: Query
) -> tuple[Validation, dict[str, dict[str, float]]]:
    """Predicts and scores what is asked of some cases.

    Args:
        answering: From a question and a case to what predicts it.
        store: Prepared cases.
        asked: From the id of a case to its questions; at least one in all.
        shown: The question whose first answer is the example, for figures; if nobody is asked it, any answer is.

    Raises:
        UsageError: If nothing is asked.

    Returns:
        The means over everything asked, with the example; and the means of each question by its key.
    """
    rows: dict[str, list[dict[str, float]]] = {}
    examples: dict[Query, Example] = {}
    for case_id, wanted in asked:
        case = store[case_id]
        for query in wanted:
            predicted = answering(query, case_id)([case.arrays[name] for name in query.sources], case.mask)[0]
            data_range = store.plan.normalisers[query.target].data_range
            scored = score_case(case, np.asarray(predicted), target=query.target, data_range=data_range)
            rows.setdefault(query.key, []).append(scored.metrics)
            if not examples or (query == shown and query not in examples):
                examples[query] = scored.example(store.plan, query.sources[0])
    if not examples:
        raise UsageError("a question for a validation case", came="none", remedy="Change plan.split, or add cases.")
    every = mean_metrics([row for found in rows.values() for row in found])
    example = examples.get(shown, next(iter(examples.values())))
    return Validation(every, example), {key: mean_metrics(found) for key, found in rows.items()}
