"""A recipe as a form: every field with its words, its kind, its bounds and the recipe's value, a few of them first.

The sections of the schema give their fields; a method, its networks and the losses give the options that the recipe has
written, each in the words of its function. Names and what a study is about (``search``, ``contrasts``) are not asked.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import reduce

import annotated_types
from pydantic import BaseModel, JsonValue
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from voxlate.config.builtin import BUILT_IN
from voxlate.config.recipe import Recipe, load_recipe
from voxlate.config.settle import FIELDS
from voxlate.verbs.catalogues import argument_doc, first_line
from voxlate.web.teaching.answers import FormField, RecipeAnswer, RecipeForm

_SECTIONS = ("window", "training", "plan")
_MAIN = (
    *("training.learning_rate", "training.batch_size", "training.steps", "training.seed"),
    *("window.kind", "window.neighbours", "training.augmentation.flip", "training.figure_every"),
)
_ASKED_APART = {"training.minutes", "training.start", "plan.patterns", "method.features"}
"""The budget stands before the form, and no path is ever taken from a client."""
_KINDS: dict[object, str] = {int: "integer", float: "number", bool: "boolean", str: "text"}


def list_recipes() -> list[RecipeAnswer]:
    """The recipes that come with Voxlate, those to begin with first."""
    return [
        RecipeAnswer(name=name, does=told.does, when=told.when, minutes=told.minutes) for name, told in BUILT_IN.items()
    ]


def form_of(name: str) -> RecipeForm:
    """The form of a built-in recipe.

    Raises:
        UsageError: If there is none of that name.
    """
    recipe = load_recipe(name)
    fields = [*_written(recipe), *(one for section in _SECTIONS for one in _section(recipe, section))]
    return RecipeForm(recipe=name, paper=recipe.paper, sources=list(recipe.source), target=recipe.target, fields=fields)


def _section(recipe: Recipe, name: str) -> Iterator[FormField]:
    annotation = Recipe.model_fields[name].annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from _fields(recipe, annotation, name)


def _fields(recipe: Recipe, model: type[BaseModel], place: str) -> Iterator[FormField]:
    for name, info in model.model_fields.items():
        dotted, inner = f"{place}.{name}", info.annotation
        if dotted in _ASKED_APART:
            continue
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _fields(recipe, inner, dotted)
        else:
            yield _field(recipe, dotted, info)


def _field(recipe: Recipe, dotted: str, info: FieldInfo) -> FormField:
    annotation, empty = _without_none(info.annotation)
    choices = (
        [str(one) for one in typing.get_args(annotation)] if typing.get_origin(annotation) is typing.Literal else []
    )
    texts = all(isinstance(one, str) for one in typing.get_args(annotation))
    low, high = _bounds(info.metadata)
    kind = "choice" if choices and texts else _KINDS.get(annotation, "json")
    value = to_jsonable_python(reduce(getattr, dotted.split("."), recipe))  # also what is not written at its default
    return _told(recipe, dotted, info.description or "", kind=kind, value=value).model_copy(
        update={"choices": choices if texts else [], "minimum": low, "maximum": high, "empty": empty}
    )


def _told(recipe: Recipe, dotted: str, words: str, *, kind: str, value: JsonValue) -> FormField:
    settled = any(_holds(field, dotted) for part in recipe.settle for field in FIELDS[part])
    return FormField.model_validate(
        {
            "field": dotted,
            "section": dotted.partition(".")[0],
            "words": words,
            "kind": kind,
            "value": value,
            "empty": value is None,
            "settled": settled,
            "main": dotted in _MAIN or dotted.startswith("loss."),
        }
    )


def _holds(field: str, dotted: str) -> bool:
    return dotted == field or dotted.startswith(f"{field}.")


def _without_none(annotation: object) -> tuple[object, bool]:
    """The type without ``None``, and whether it was among its choices."""
    if typing.get_origin(annotation) not in {types.UnionType, typing.Union}:
        return annotation, False
    inside = [part for part in typing.get_args(annotation) if part is not type(None)]
    empty = len(inside) < len(typing.get_args(annotation))
    return (inside[0] if len(inside) == 1 else annotation), empty


def _bounds(metadata: Sequence[object]) -> tuple[float | None, float | None]:
    low: list[object] = [one.ge for one in metadata if isinstance(one, annotated_types.Ge)]
    low += [one.gt for one in metadata if isinstance(one, annotated_types.Gt)]
    high: list[object] = [one.le for one in metadata if isinstance(one, annotated_types.Le)]
    high += [one.lt for one in metadata if isinstance(one, annotated_types.Lt)]
    return next((_float(one) for one in low), None), next((_float(one) for one in high), None)


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _written(recipe: Recipe) -> Iterator[FormField]:
    """The losses and the options of the method, of its networks too, that the recipe has."""
    from voxlate.losses import LOSSES
    from voxlate.methods import METHODS

    for name, term in recipe.loss.items():
        words = first_line(LOSSES[name]) if name in LOSSES else name
        inner = dict(term) if isinstance(term, Mapping) else {}
        value = inner.pop("weight", 1.0) if inner else term
        place = f"loss.{name}.weight" if isinstance(term, Mapping) else f"loss.{name}"
        yield _told(recipe, place, f"Weight. {words}", kind="number", value=_plain(value))
        if name in LOSSES:
            yield from _options(recipe, f"loss.{name}", inner, LOSSES[name])
    yield from _options(recipe, "method", recipe.method.options, METHODS[recipe.method.name])


def _options(
    recipe: Recipe, place: str, options: Mapping[str, object], entry: Callable[..., object]
) -> Iterator[FormField]:
    from voxlate.networks import DISCRIMINATORS, NETWORKS

    for name, value in options.items():
        dotted, inner = f"{place}.{name}", value if isinstance(value, Mapping) else {}
        if dotted in _ASKED_APART:
            continue
        chosen = {**DISCRIMINATORS, **NETWORKS}.get(str(inner.get("name", "")))
        if chosen is not None:
            yield from _options(recipe, dotted, {k: v for k, v in inner.items() if k != "name"}, chosen)
            continue
        kind = _KINDS.get(type(value), "json")
        kind = "number" if kind == "integer" and not isinstance(value, bool) else kind
        yield _told(recipe, dotted, argument_doc(entry, name), kind=kind, value=_plain(value))


def _plain(value: object) -> JsonValue:
    """A value of a recipe as JSON has it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
