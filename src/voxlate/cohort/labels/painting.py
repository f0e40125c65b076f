"""One label map of a probability per class: what lies inside another class paints over it."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from voxlate.cohort.labels.classes import ANY_LABEL, Classes
from voxlate.errors import UsageError

WHERE = "method.classes"
"""Where classes are named."""


def paint(probabilities: NDArray[np.float32], classes: Classes) -> NDArray[np.float32]:
    """The label map ``(1, i, j, k)`` of probabilities ``(classes, i, j, k)``; whole numbers as float32."""
    sets = [set(values) for values in classes.values()]
    labels = np.zeros(probabilities.shape[1:], dtype=np.float32)
    painted = np.zeros(probabilities.shape[1:], dtype=np.int16)  # number of the class, counted from 1
    held = np.zeros(probabilities.shape[1:], dtype=np.float32)
    for number, (probability, value) in enumerate(zip(probabilities, own_values(classes), strict=True), start=1):
        within = [0, *(n for n in range(1, number) if sets[number - 1] <= sets[n - 1] or not sets[n - 1])]
        place = (probability > 0.5) & (np.isin(painted, within) | (probability > held))
        labels[place], painted[place], held[place] = value, number, probability[place]
    return labels[None]


def named_values(classes: Classes) -> dict[str, str]:
    """From the value that a class paints, as text, to the class's name; without the class of whatever is labelled.

    Example:
        >>> named_values({"tumour": (1, 2), "core": (1,)})
        {'2': 'tumour', '1': 'core'}
    """
    if not classes or ANY_LABEL in classes:
        return {}
    return {str(value): name for name, value in zip(classes, own_values(classes), strict=True)}


def own_values(classes: Classes) -> list[int]:
    """The value that each class paints: the first that no later class inside it has.

    Raises:
        UsageError: If there is no class, two overlap in part, or a class has no value of its own.
    """
    sets = {name: set(values) for name, values in classes.items()}
    for (one, first), (other, second) in combinations(sets.items(), 2):
        if not first or not second or (first & second and not second < first):
            raise _refusal(f"{one} and {other} which overlap, the later not inside the earlier")
    own = []
    for number, (name, values) in enumerate(classes.items()):
        later = set().union(*list(sets.values())[number + 1 :])
        left = [value for value in values if value not in later] if values else [1]
        if not left or 0 in values:
            raise _refusal(f"{name} without a value above 0 of its own")
        own.append(left[0])
    if not own:
        raise _refusal("no class")
    return own


def _refusal(came: str) -> UsageError:
    return UsageError(
        "classes that one label map can hold: apart, or each inside an earlier one",
        came=came,
        where=WHERE,
        remedy="Write {whole: [1, 2], core: [1]}, say.",
    )
