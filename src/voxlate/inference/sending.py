"""A model on its way to another process: as the place where it lies, what it was asked, and what it was told to accept.

There it is loaded once, for all that comes after. Whoever hands work on models out imports this.
"""

from __future__ import annotations

import copyreg
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from voxlate.config.plan import Reading
from voxlate.errors import BundleError
from voxlate.inference.model import Model, load_model
from voxlate.question import Query


def _told(model: Model) -> tuple[Any, ...]:
    told = {"name": model.name, "accepted": model.accepted, "wanted": model.wanted, "place": model.place}
    known = model.place.resolve(), model.bundle.digest
    return _elsewhere, (known, model.bundle.question, model.bundle.plan.reading, told)


@lru_cache(maxsize=4)
def _loaded_once(place: Path, digest: str) -> Model:
    """The model at a place; another one there is refused."""
    model = load_model(place)
    if model.bundle.digest != digest:
        remedy = "Leave a model alone while workers use it."
        raise BundleError(f"the model {digest[:12]}", came=model.bundle.digest[:12], where=place, remedy=remedy)
    return model


def _elsewhere(known: tuple[Path, str], question: Query | None, reading: Reading, told: dict[str, Any]) -> Model:
    """A model that came from another process."""
    model = _loaded_once(*known)
    if question is not None:
        recipe, bundle = model.bundle.recipe, model.bundle.asked(question)
        model = replace(model, bundle=bundle, predict=model.predict.asked(question, recipe), several=recipe)
    plan = model.bundle.plan.model_copy(update={"reading": reading})
    return replace(model, bundle=replace(model.bundle, plan=plan), **told)


copyreg.pickle(Model, _told)
