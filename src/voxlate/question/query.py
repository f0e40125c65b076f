"""What a model that knows several contrasts is asked: which of them there are, and which one is wanted.

A model of one source and one target answers one question. One that takes any subset of its sources and gives any of its
targets (``Recipe.targets``) is told the question as numbers: of each source whether it is there, of each target whether
it is the wanted one.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from voxlate.contrast import get_contrast
from voxlate.question.acquisition import Acquisition, acquisition_numbers

ANY = "any"
"""In a recipe, the target of a model that gives every one of its sources."""


@dataclass(frozen=True)
class Query:
    """Some sources, and the target that is wanted of them.

    Attributes:
        sources: Canonical names in the order of the model's, at least one.
        target: Canonical name, none of the sources.

    Example:
        >>> Query(("t1", "t2"), "flair").key
        't1+t2>flair'
    """

    sources: tuple[str, ...]
    target: str

    @property
    def key(self) -> str:
        """By what it is known in tables."""
        return f"{'+'.join(self.sources)}>{self.target}"

    @property
    def pair(self) -> Query:
        """From its first source alone, which is what the baselines see."""
        return Query(self.sources[:1], self.target)

    @classmethod
    def of_key(cls, key: str) -> Query:
        """The question that a key stands for."""
        sources, _, target = key.partition(">")
        return cls(tuple(sources.split("+")), target)

    @property
    def words(self) -> str:
        """For sentences and figures: ``T1 + T2 to FLAIR``."""
        return f"{' + '.join(get_contrast(name).title for name in self.sources)} to {get_contrast(self.target).title}"


def questions(sources: Sequence[str], targets: Iterable[str]) -> list[Query]:
    """Every question, by target, and those with few sources first.

    Example:
        >>> [question.key for question in questions(["t1", "t2"], ["t1", "pd"])]
        ['t2>t1', 't1>pd', 't2>pd', 't1+t2>pd']
    """
    return [
        Query(subset, target)
        for target in targets
        for size in range(1, len(sources) + 1)
        for subset in combinations(sources, size)
        if target not in subset
    ]


def main_questions(sources: Sequence[str], targets: Iterable[str]) -> list[Query]:
    """Those with a single source, and for each target the one with all other sources."""
    return [
        one
        for one in questions(sources, targets)
        if len(one.sources) in (1, sum(name != one.target for name in sources))
    ]


def answer_with(having: Container[str], sources: Sequence[str], target: str) -> Query | None:
    """The question of a target from all that a case has; ``None`` if it has no source but the target."""
    there = tuple(name for name in sources if name in having and name != target)
    return Query(there, target) if there else None


Acquisitions = Mapping[str, Acquisition]
"""From a contrast of a case to how it was acquired, as far as it is known."""


def numbers_of(
    question: Query,
    sources: Sequence[str],
    targets: Sequence[str],
    *,
    each: int,
    acquired: Acquisitions | None = None,
) -> NDArray[np.float32]:
    """A question as a network is told it: ``(sources * each + targets,)`` of zeros and ones.

    Where acquisitions count, the numbers of that of each source and of the wanted target follow.

    Args:
        question: What is asked.
        sources: All sources of the model.
        targets: All targets of the model.
        each: Channels of a source.
        acquired: How the contrasts of the case were acquired; ``None`` where that does not count.
    """
    there = np.repeat([name in question.sources for name in sources], each)
    wanted = [name == question.target for name in targets]
    numbers = np.concatenate([there, wanted]).astype(np.float32)
    if acquired is None:
        return numbers
    known = [acquired.get(name) if name in question.sources else None for name in sources]
    told = [acquisition_numbers(one) for one in (*known, acquired.get(question.target))]
    return np.concatenate([numbers, *told])


def arrays_for(question: Query, arrays: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """Those that are kept for a question, under names that begin with its key and ``/``."""
    start = f"{question.key}/"
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
