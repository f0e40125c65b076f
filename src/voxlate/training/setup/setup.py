"""A data set made ready for a recipe, and what was decided on the way: values, which nothing here computes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from voxlate.cohort import Case, Cohort
from voxlate.config.recipe import Recipe
from voxlate.methods.hardware import Precision, pick_device, resolve_precision
from voxlate.preprocess.fingerprint import Fingerprint
from voxlate.preprocess.plan import Plan


@dataclass(frozen=True)
class Settled:
    """What something that a recipe leaves open has become, and why.

    Attributes:
        values: Dotted fields of the recipe and their values.
        reason: In words, for the dry run and the card.
        part: What was settled as a whole, ``window`` say; empty for single fields.
    """

    values: Mapping[str, object]
    reason: str
    part: str = ""

    @property
    def title(self) -> str:
        """The part, or the fields."""
        return self.part or ", ".join(self.values)

    @property
    def words(self) -> str:
        """The values, where they are short, and the reason."""
        if self.part:
            told = ", ".join(_named(field.rpartition(".")[2], value) for field, value in self.values.items() if value)
        else:
            plain = [value for value in self.values.values() if not isinstance(value, Mapping)]
            told = ", ".join(str(value) for value in plain)
        return f"{told}; {self.reason}" if told else self.reason


def _named(name: str, value: object) -> str:
    """A field with its value, or those that it holds: ``channels [16, 32]``."""
    if isinstance(value, Mapping):
        return ", ".join(_named(inner, one) for inner, one in value.items())
    return str(value) if name == "name" else f"{name.replace('_', ' ')} {value}"


@dataclass(frozen=True)
class Setup:
    """A data set made ready for a recipe.

    Attributes:
        recipe: The recipe as resolved: nothing is left open. What needs a run's recipe asks for this one.
        cohort: The cases that have every contrast the recipe needs.
        split: Case id to ``train``, ``validation`` or ``test``.
        fingerprint: Statistics of the training cases.
        plan: How a case becomes arrays and back.
        settled: What the recipe left open and became, in the order in which it was settled.
    """

    recipe: Recipe
    cohort: Cohort
    split: Mapping[str, str]
    fingerprint: Fingerprint
    plan: Plan
    settled: tuple[Settled, ...] = ()

    @property
    def device(self) -> torch.device:
        """Where it will compute."""
        return pick_device()

    @property
    def precision(self) -> Precision:
        """In which precision training computes on this machine."""
        return resolve_precision(self.recipe.training.precision)

    def with_settled(self, settled: Settled) -> Setup:
        """The same with something more of the recipe settled."""
        recipe = self.recipe.with_overrides(settled.values)
        return replace(self, recipe=recipe, settled=(*self.settled, settled))

    def why(self, field: str) -> str:
        """Why a dotted field of the recipe is what it is; empty if the recipe said so itself."""
        return next((one.reason for one in self.settled if field in one.values), "")

    @property
    def settled_words(self) -> dict[str, str]:
        """From what was settled together, as dotted fields, to what it became and why."""
        return {one.title: one.words for one in self.settled}

    def of_view(self, name: str) -> Setup:
        """The same for one view of several; with an empty name, for the only one."""
        window = self.recipe.window.views[name] if name else self.recipe.window
        return replace(self, recipe=self.recipe.model_copy(update={"window": window}))

    def cases(self, part: str) -> list[Case]:
        """The cases of one part of the split."""
        return [case for case in self.cohort.cases if self.split[case.id] == part]

    @property
    def validation_cases(self) -> list[Case]:
        """The cases that choose the weights: those set aside, or the training cases where none could be."""
        return self.cases("validation") or self.cases("train")
