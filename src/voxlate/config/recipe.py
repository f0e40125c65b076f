"""The recipe: everything that decides a run, in one strict YAML file with no code in it.

One schema serves Python, YAML, ``--set``, the forms of the web page and the search space of tuning. Unknown keys are
errors. Choices from a catalogue (method, network, loss term) are ``name`` plus options; the options are checked by
the catalogue's own function (``voxlate.config.catalogue.build``).
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from importlib import resources
from itertools import takewhile
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from voxlate.config.builtin import ALIASES, built_in_name, recipe_names
from voxlate.config.catalogue import meant
from voxlate.config.choice import Choice, LossTerms
from voxlate.config.conditions import Conditions
from voxlate.config.plan import PlanOptions
from voxlate.config.search import Search
from voxlate.config.settle import Part, left_open
from voxlate.config.training import Training
from voxlate.config.window import WindowOptions
from voxlate.contrast import DERIVED, Declared, declare, declared_among, get_contrast
from voxlate.derivation import files_of
from voxlate.errors import UsageError
from voxlate.plainyaml import nearest, parse_yaml, parted, read_yaml
from voxlate.question import ANY, Query
from voxlate.strict import StrictModel, later

Overrides = Mapping[str, object]
"""Recipe fields that are changed, by dotted name: ``{"training.steps": 100}``."""


class Recipe(StrictModel):
    """A system of a paper, or of yours, as values.

    ``source`` lists the contrasts that go in, ``target`` names the one that comes out; ``loss`` gives each term's
    weight, or its options with a ``weight`` among them. Short for them are ``t1c+flair`` and ``bce+dice``, and
    ``96x96x64`` for a window's ``size``.
    """

    name: str = Field(description="Name of the model in its card, its sidecars and its figures.")
    paper: str = Field("", description="Paper that the recipe implements, for card and report.")
    after: str = later("", description="The recipe that this one came of, and what was changed in it.")
    source: tuple[str, ...] = Field(
        description="Contrasts that go in, names or aliases; the first one is what the baselines see."
    )
    target: str = Field(
        description="Contrast that comes out; with the method `unified` also several, or `any` for all of the sources."
    )
    targets: tuple[str, ...] = later(
        (), description="What `target` becomes where it names several: with `unified`, each from any sources there are."
    )
    conditions: Conditions | None = Field(
        None, description="How a source `labels` becomes channels; `null`: as if it were empty, each value one-hot."
    )
    plan: PlanOptions = Field(PlanOptions(), description="How cases are prepared.")
    window: WindowOptions = Field(WindowOptions(), description="How volumes are cut.")
    method: Choice = Field(description="An entry of the methods with its options, for example its `network`.")
    loss: LossTerms = Field({}, description="From a loss to its weight, or to its options with a `weight` among them.")
    training: Training = Field(description="Budget and optimisation.")
    settle: tuple[Part, ...] = later(
        (), description="What data set, machine and minutes decide, such as `window`; see [below](#settle)."
    )
    shapes: Choice | None = Field(
        None, description="A model of the source's label maps, from which `voxlate synthesize` draws; `null`: none."
    )
    search: Search = Field(Search(), description="What `voxlate tune` may try.")
    contrasts: dict[str, Declared] = later(
        {}, description="Contrasts, and aliases of known ones, that the catalogue lacks, by name: `swi: {kind: mr}`."
    )

    @model_validator(mode="before")
    @classmethod
    def _canonical_contrasts(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        fixed = dict(value)
        if isinstance(fixed.get("contrasts"), Mapping):
            fixed["contrasts"] = declare(fixed["contrasts"], where="contrasts")
        if isinstance(fixed.get("source"), str):
            fixed["source"] = parted(fixed["source"], "+")
        if isinstance(fixed.get("loss"), str):
            fixed["loss"] = dict.fromkeys(parted(fixed["loss"], "+"), 1.0)
        if isinstance(fixed.get("source"), list | tuple):
            fixed["source"] = [get_contrast(str(name)).name for name in fixed["source"]]
        fixed = _with_targets(fixed)
        if isinstance(target := fixed.get("target"), str):
            fixed["target"] = get_contrast(target).name
        # So that whoever gets the recipe, a bundle's say, needs neither the manifest nor the file that declared them.
        used = declared_among([fixed.get(name) for name in ("source", "target", "targets", "plan")])
        own = fixed.get("contrasts") or {}
        if used and isinstance(own, Mapping):
            fixed["contrasts"] = {**own, **used}
        return fixed

    @model_validator(mode="after")
    def _derivations_fit(self) -> Self:
        derive = self.plan.derive
        unknown = [name for name in (*self.source, self.target) if name.startswith(DERIVED) and name not in derive]
        if unknown:
            raise ValueError(f"plan.derive does not say what {', '.join(unknown)} is computed from")
        if self.conditions is not None and "labels" not in self.source:
            raise ValueError("conditions say how the source labels is seen, and the recipe has no such source")
        if self.target in derive:
            raise ValueError(f"the target {self.target} is computed by plan.derive, so that there is nothing to learn")
        given = [name for name in self.source if name in derive and self.target in files_of([name], derive)]
        if given:
            raise ValueError(f"the source {', '.join(given)} is computed from the target {self.target}")
        return self

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        for what, names in (("source", self.source), ("target", self.targets)):
            if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
                raise ValueError(f"the {what} {', '.join(twice)} stands twice")
        if not self.source:
            raise ValueError("there is no source")
        if self.target in self.source and not self.targets:
            raise ValueError(
                f"the target {self.target} is a source too, so that there is nothing to learn: name another with "
                "--target, or other sources with --source"
            )
        return self

    @model_validator(mode="after")
    def _any_of_images(self) -> Self:
        if not self.targets:
            return self
        labels = [name for name in self.all_contrasts if get_contrast(name).kind == "label"]
        if labels or self.plan.derive or self.window.views:
            came = ", ".join(labels) or ("plan.derive" if self.plan.derive else "several views")
            raise ValueError(f"any target from any sources is for images as they are, in one view, not for {came}")
        alone = [name for name in self.wanted if set(self.source) <= {name}]
        if alone:
            raise ValueError(f"there is no source beside the target {', '.join(alone)}")
        return self

    @model_validator(mode="after")
    def _shapes_are_of_the_source(self) -> Self:
        if self.shapes and [get_contrast(name).kind for name in files_of(self.source, self.plan.derive)] != ["label"]:
            raise ValueError(f"shapes needs a label map as the only source, not {', '.join(self.source)}")
        return self

    @property
    def wanted(self) -> tuple[str, ...]:
        """The contrasts that can come out: the target, or each of several."""
        if not self.targets:
            return (self.target,)
        return self.source if self.targets == (ANY,) else self.targets

    @property
    def all_contrasts(self) -> tuple[str, ...]:
        """Whatever goes in or comes out, each once."""
        return tuple(dict.fromkeys((*self.source, *self.wanted)))

    @property
    def example(self) -> Query:
        """What figures of a training show: the target from the first source besides it."""
        return Query(tuple(name for name in self.source if name != self.target)[:1] or self.source[:1], self.target)

    @property
    def goal(self) -> str:
        """What comes out, for lists: the target, or ``any of`` several."""
        return f"any of {', '.join(self.wanted)}" if self.targets else self.target

    @property
    def by_acquisition(self) -> bool:
        """Whether the method is told how images were acquired."""
        return bool(self.targets) and self.method.options.get("acquisition") is True

    def asked(self, question: Query) -> Recipe:
        """How a recipe of several targets looks to who is asked one question: with its sources and one target."""
        return self.model_copy(update={"source": question.sources, "target": question.target, "targets": ()})

    @property
    def classes(self) -> dict[str, tuple[int, ...]]:
        """The label values of each class that the method tells apart; none stand for every one above 0.

        Empty where the method has no classes, or a word leaves them to the data set.
        """
        named = self.method.options.get("classes")
        if not isinstance(named, Mapping):
            return {}
        return {str(name): tuple(int(value) for value in values) for name, values in named.items()}

    def value_of(self, dotted: str) -> Any:  # noqa: ANN401
        """The plain value of a dotted field, ``training.learning_rate``; ``None`` if there is none."""
        place: object = self.model_dump(mode="json")
        for key in dotted.split("."):
            place = place.get(key) if isinstance(place, Mapping) else None
        return place

    def with_overrides(self, overrides: Overrides) -> Recipe:
        """The recipe with dotted fields replaced, checked anew: ``{"training.learning_rate": 1e-4}``.

        A text in brackets, ``"[8, 16]"``, is a list; a loss in its short form keeps the options it has here.
        """
        values = self.model_dump(mode="json")
        meant = {
            name: self._meant(name, value) if isinstance(value, str) else value for name, value in overrides.items()
        }
        if self.targets and "target" in meant and "targets" not in meant:
            meant |= {"targets": (), "target": _as_list(meant["target"])}
        if self.settle and "settle" not in meant:
            meant["settle"] = left_open(self.settle, overrides)
        for dotted, value in meant.items():
            _assign(values, dotted, value)
        return parse_recipe(values, where=f"recipe {self.name} with overrides")

    def _meant(self, dotted: str, text: str) -> object:
        if text.startswith("["):
            return parse_yaml(text, where=dotted)
        names = text.split("+") if dotted == "loss" else []
        if not self.loss.keys() & set(names) or len(set(names)) < len(names) or not all(names):
            return text
        kept = {name: own for name in names if isinstance(own := self.loss.get(name), Mapping)}
        return {name: {**kept[name], "weight": 1.0} if name in kept else 1.0 for name in names}

    def to_yaml(self) -> str:
        """The recipe as resolved, every default written out."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)


def _as_list(target: object) -> list[object]:
    return list(target) if isinstance(target, list | tuple) else [target]


def _with_targets(values: dict[str, object]) -> dict[str, object]:
    """The values of a recipe with several targets as ``targets``, of which ``target`` is the first, or stays one."""
    target, targets = values.get("target"), values.get("targets") or ()
    if target == ANY or isinstance(target, list | tuple):
        targets = _as_list(target)
    if not isinstance(targets, list | tuple) or not targets:
        return values
    named = [ANY] if list(targets) == [ANY] else [get_contrast(str(name)).name for name in targets]
    given = values.get("source")
    sources = list(given) if isinstance(given, list | tuple) else []
    wanted = sources if named == [ANY] else named
    others = [name for name in wanted if name not in sources[:1]]
    first = target if isinstance(target, str) and target in wanted else next(iter([*others, *wanted]), target)
    return {**values, "targets": named, "target": first}


def _assign(values: dict[str, object], dotted: str, value: object) -> None:
    *parents, last = dotted.split(".")
    place = values
    for key in parents:
        inner = place.get(key)
        if inner is None:
            inner = place[key] = {}
        elif not isinstance(inner, dict):
            raise UsageError("a section of the recipe", came=f"the value {inner!r}", where=dotted, remedy="Shorten it.")
        place = inner
    place[last] = deepcopy(value)


def parse_recipe(values: object, *, where: object) -> Recipe:
    """A checked recipe from plain values.

    Raises:
        UsageError: If a key is unknown or a value is of the wrong type or range; every problem is listed.
    """
    if not isinstance(values, Mapping):
        came = "an empty one" if values is None else f"a {type(values).__name__}"
        remedy = "Give fields with their values; `voxlate info t1-to-t2-fcn` shows those of a built-in recipe."
        raise UsageError("a recipe", came=came, where=where, remedy=remedy)
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        remedy = f"{_meant(error)}Correct these fields."
        raise UsageError("a valid recipe", came=describe(error), where=where, remedy=remedy) from error


def _meant(error: ValidationError) -> str:
    """The fields that unknown ones are nearest to, in their section or in another, or the words of choices."""
    hints: list[str] = []
    for item in error.errors():
        *parents, name = map(str, item["loc"] or ("",))  # of the whole there is no place
        section: object = Recipe
        for parent in parents:
            field = getattr(section, "model_fields", {}).get(parent)
            section = None if field is None else field.annotation
        elsewhere = [f"training.{name}"] if name in Training.model_fields and not parents else []
        hints.append(meant(item, getattr(section, "model_fields", ())) or nearest(f"training.{name}", elsewhere))
    return "".join(dict.fromkeys(hints))


def describe(error: ValidationError) -> str:
    """The problems of a validation error on one line, each with its dotted field."""
    problems = [(".".join(map(str, item["loc"])), _problem(item)) for item in error.errors()]
    return "; ".join(f"{field}: {problem}" if field else problem for field, problem in problems)


def _problem(item: ErrorDetails) -> str:
    return "there is no such field" if item["type"] == "extra_forbidden" else item["msg"].removeprefix("Value error, ")


def load_recipe(name: str | Path) -> Recipe:
    """A recipe by the name of a built-in one, or from a YAML file.

    Raises:
        UsageError: If neither exists, or the file is not a valid recipe.
    """
    return parse_recipe(read_recipe(name)[1], where=name)


def read_recipe(name: str | Path) -> tuple[str, object]:
    """What a recipe says of itself before its first field, and its values as they are written, not checked.

    Raises:
        UsageError: If there is neither a built-in recipe nor a file of that name, or it is not YAML.
    """
    if present := built_in_name(name):
        text = (resources.files("voxlate") / "recipes" / f"{present}.yaml").read_text(encoding="utf-8")
        written = parse_yaml(text, where=name)
        values: object = {**written, "name": str(name)} if isinstance(written, dict) else written
    elif Path(name).is_file():
        values = read_yaml(Path(name))
        text = Path(name).read_text(encoding="utf-8-sig")
    else:
        hint = nearest(str(name), [*recipe_names(), *ALIASES])
        remedy = f"{hint}`voxlate recipes` shows all." if hint else f"Built-in recipes: {', '.join(recipe_names())}."
        raise UsageError("the name of a built-in recipe or a YAML file", came=repr(str(name)), remedy=remedy)
    comments = takewhile(lambda line: line.startswith("#"), text.splitlines())
    return " ".join(line.removeprefix("#").strip() for line in comments), values
