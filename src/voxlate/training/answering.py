"""What a model of several questions is scored by, and the lookup baseline of every ordered pair beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from voxlate.inference.given import case_acquisitions
from voxlate.inference.predict import predictor
from voxlate.inference.stitching import CasePredictor
from voxlate.methods.baselines import Lookup
from voxlate.methods.build import build_learner
from voxlate.methods.hardware import channels_last
from voxlate.plainyaml import Json
from voxlate.preprocess.store import PreparedStore
from voxlate.question import Query, arrays_for, questions
from voxlate.training.baseline import training_pairs
from voxlate.training.loop.answers import case_questions, few_questions, validate_answers
from voxlate.training.loop.checkpoints import State
from voxlate.training.loop.validation import Predict, Validation
from voxlate.training.setup.setup import Setup
from voxlate.volume import Array


def validate_few(setup: Setup, store: PreparedStore, case_ids: Sequence[str], predict: CasePredictor) -> Validation:
    """The scores that choose the weights: few questions of each validation case."""
    recipe = setup.recipe
    asked = [
        (case_id, few_questions(store[case_id], recipe.source, recipe.wanted, turn=turn))
        for turn, case_id in enumerate(case_ids)
    ]
    shown = recipe.example
    having = [names for case_id, names in asked if {*shown.sources, shown.target} <= set(store[case_id].arrays)]
    if having and not any(shown in queries for queries in having):
        having[0].append(shown)
    return validate_answers(partial(_answering, setup, predict), store, asked, shown=shown)[0]


def score_questions(setup: Setup, store: PreparedStore, weights: State, tables: Mapping[str, Array]) -> Json:
    """The main questions, each with the scores of the chosen weights and of the lookup from its first source.

    Args:
        setup: What was trained.
        store: Holds the cases.
        weights: The method's.
        tables: The lookups, see ``fit_tables``.
    """
    recipe = setup.recipe
    method = build_learner(recipe, setup.plan)
    method.load_state_dict(weights)
    placed = channels_last(method.to(setup.device).eval())
    predict = predictor(recipe, placed, device=setup.device, precision=setup.precision)
    asked = [(case.id, case_questions(store[case.id], recipe.source, recipe.wanted)) for case in setup.validation_cases]
    answering, shown = partial(_answering, setup, predict), recipe.example
    _, model = validate_answers(answering, store, asked, shown=shown)
    every, looked_up = validate_answers(partial(_looking_up, tables), store, asked, shown=shown)
    return {"questions": model, "lookup": every.metrics, "lookups": looked_up}


def _answering(setup: Setup, predict: CasePredictor, question: Query, case_id: str) -> Predict:
    acquired = case_acquisitions(setup.cohort.case(case_id)) if setup.recipe.by_acquisition else None
    return predict.asked(question, setup.recipe, acquired)


def _looking_up(tables: Mapping[str, Array], question: Query, _case_id: str) -> Predict:
    lookup = Lookup.from_arrays(arrays_for(question.pair, tables))
    return lambda sources, _: lookup.apply(np.asarray(sources[0][:]))[None]


def fit_tables(setup: Setup, store: PreparedStore) -> dict[str, Array]:
    """The arrays of a lookup for every ordered pair of contrasts that some training case has, by ``t1>t2/...``."""
    found: dict[str, Array] = {}
    cases = [case.id for case in setup.cases("train")]
    for question in questions(setup.recipe.source, setup.recipe.wanted):
        names = {*question.sources, question.target}
        if len(question.sources) == 1 and any(names <= store[case].arrays.keys() for case in cases):
            pairs = training_pairs(store, cases, source=question.sources[0], target=question.target)
            found |= {f"{question.key}/{name}": array for name, array in Lookup.fit(pairs).to_arrays().items()}
    return found
