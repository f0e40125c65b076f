"""What recipes choose from by name, and what a recipe decides: the words of ``voxlate info`` for both."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from voxlate.config.builtin import BUILT_IN, built_in_name
from voxlate.config.recipe import load_recipe, read_recipe
from voxlate.contrast import CONTRASTS
from voxlate.plainyaml import Json, leaves

CATALOGUES = ("recipes", "contrasts", "methods", "networks", "losses", "metrics")
"""What ``describe_catalogue`` knows."""
_TOLD = {"name", "after", "paper", "source", "target"}
_CONTEXT = {
    "dims",
    "in_channels",
    "out_channels",
    "source_channels",
    "target_channels",
    "sources",
    "loss",
    "data_range",
}
"""Arguments of an entry that the program decides, not the recipe."""


def options_of(entry: Callable[..., object]) -> dict[str, inspect.Parameter]:
    """The parameters of a catalogue's entry that a recipe decides."""
    return {name: p for name, p in inspect.signature(entry).parameters.items() if name not in _CONTEXT}


def first_line(entry: object) -> str:
    """What an entry is: the first sentence of its docstring, in one line."""
    return " ".join((inspect.getdoc(entry) or "").split("\n\n")[0].split())


def argument_doc(entry: object, name: str) -> str:
    """What an entry's docstring says of one of its arguments; the entry's first line where it says nothing."""
    found = re.search(
        rf"^    {name}: (.+?)(?=\n    \w+: |\n\n|\Z)", inspect.getdoc(entry) or "", re.MULTILINE | re.DOTALL
    )
    return " ".join(found[1].split()) if found else first_line(entry)


def describe_catalogue(name: str) -> Json:
    """The entries of a catalogue as plain values: of each what it is, and the options or the like that it has.

    Args:
        name: One of ``CATALOGUES``.
    """
    describe = {"recipes": _recipes, "contrasts": _contrasts, "metrics": _metrics}.get(name)
    return {"name": name, "entries": list(_functions(name) if describe is None else describe())}


def recipes() -> Json:
    """The recipes that come with Voxlate: what each does, dimension, minutes, when to use it, and where it is from."""
    return describe_catalogue("recipes")


def _recipes() -> Iterator[Json]:
    for name, told in BUILT_IN.items():
        recipe = load_recipe(name)
        yield {
            "name": name,
            "does": told.does,
            "dim": "fits" if "window" in recipe.settle else recipe.window.dimension,
            "minutes": told.minutes,
            "when": told.when,
            "after": _origin(recipe.paper),
            "earlier name": told.alias,
        }


def _origin(paper: str) -> str:
    """First author and year of a reference, as far as it has them: ``Avula 2020``."""
    year = re.search(r"\((\d{4})\)", paper.split(".", maxsplit=1)[0])
    return " ".join([paper.partition(" ")[0], *([year[1]] if year else [])])


def _contrasts() -> Iterator[Json]:
    for contrast in CONTRASTS.values():
        yield {"name": contrast.name, "title": contrast.title, "unit": contrast.unit, "aliases": list(contrast.aliases)}


def _metrics() -> Iterator[Json]:
    from voxlate.metrics import METRICS

    for name, metric in METRICS.items():
        yield {"name": name, "title": metric.title, "better": metric.better, "what it is": metric.meaning}


def _functions(name: str) -> Iterator[Json]:
    from voxlate.losses import LOSSES
    from voxlate.methods import METHODS
    from voxlate.networks import NETWORKS

    found: dict[str, Mapping[str, Callable[..., object]]] = {"losses": LOSSES, "methods": METHODS, "networks": NETWORKS}
    for entry, function in found[name].items():
        yield {"name": entry, "what it is": first_line(function), "options": list(options_of(function))}


def describe_recipe(name: str | Path) -> Json:
    """What a recipe does, and each of its fields with its value and whether the recipe says so itself.

    Raises:
        UsageError: If there is no such recipe, or it is not valid.
    """
    recipe, (words, written) = load_recipe(name), read_recipe(name)
    told = BUILT_IN.get(built_in_name(name))
    given = dict(leaves(written)) if isinstance(written, Mapping) else {}
    fields = [
        {"field": field, "value": value, "from": "the recipe" if _is_given(field, given) else "default"}
        for field, value in leaves(recipe.model_dump(mode="json"))
        if field not in _TOLD and (_is_given(field, given) or not field.startswith("search.space."))
    ]
    return {
        "name": recipe.name,
        "earlier name": told.alias if told else "",
        "what it does": words,
        "paper": recipe.paper,
        "source": list(recipe.source),
        "target": recipe.goal,
        "fields": fields,
    }


def _is_given(field: str, given: Mapping[str, object]) -> bool:
    """Whether a field, or a section that it is in, is written, as ``loss: bce+dice`` is."""
    parts = field.split(".")
    return any(".".join(parts[: end + 1]) in given for end in range(len(parts)))
