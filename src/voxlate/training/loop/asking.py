"""Which question a training sample asks of a method that knows several sources and targets.

The target is drawn among the contrasts of the case, the more often the fewer cases have it. Of the other contrasts so
many are kept as sources, from one to all of them with equal probability, that a single one is seen as often as every
one together; where contrasts are dropped one by one with probability 1/2, of seven a single one would be seen in a
sixteenth. Which ones are kept is drawn with the same weights, so that what few cases have is not lost among what all
have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxlate.question import Acquisitions, Query, numbers_of

_UNTOLD = 0.2
"""How often a sample is told nothing of an acquisition that is known."""


@dataclass(frozen=True)
class Asking:
    """The questions of a run.

    Attributes:
        sources: All sources of the recipe.
        targets: All targets of the recipe.
        weights: From a contrast to how much it weighs in the draw: one over the number of cases that have it.
        acquired: From a case to how its contrasts were acquired; ``None`` where that does not count.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    weights: dict[str, float]
    acquired: Mapping[str, Acquisitions] | None = None

    def numbers(self, question: Query, case_id: str, rng: np.random.Generator, *, each: int) -> NDArray[np.float32]:
        """A question as the network is told it; of an acquisition it is told nothing every so often.

        So it learns what to do where nothing is known.
        """
        if self.acquired is None:
            return numbers_of(question, self.sources, self.targets, each=each)
        known = {name: one for name, one in self.acquired[case_id].items() if rng.random() >= _UNTOLD}
        return numbers_of(question, self.sources, self.targets, each=each, acquired=known)

    def draw(self, having: Iterable[str], rng: np.random.Generator) -> Query:
        """A question that a case with these contrasts can be asked."""
        there = set(having)
        targets = [name for name in self.targets if name in there and there & set(self.sources) - {name}]
        target = str(rng.choice(targets, p=self._shares(targets)))
        known = [name for name in self.sources if name in there and name != target]
        kept = rng.choice(known, size=int(rng.integers(1, len(known) + 1)), replace=False, p=self._shares(known))
        return Query(tuple(name for name in known if name in kept), target)

    def _shares(self, names: Sequence[str]) -> list[float]:
        total = sum(self.weights[name] for name in names)
        return [self.weights[name] / total for name in names]


def asking(
    sources: Sequence[str],
    targets: Sequence[str],
    cases: Iterable[Iterable[str]],
    *,
    acquired: Mapping[str, Acquisitions] | None = None,
) -> Asking:
    """How questions are drawn for a cohort.

    Args:
        sources: All sources of the recipe.
        targets: All targets of the recipe.
        cases: The contrasts of each training case.
        acquired: From a case to how its contrasts were acquired; ``None`` where that does not count.
    """
    counts = Counter(name for names in cases for name in set(names))
    names = dict.fromkeys((*sources, *targets))
    return Asking(tuple(sources), tuple(targets), {name: 1 / max(1, counts[name]) for name in names}, acquired)
