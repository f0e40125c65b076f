"""The catalogue of shape models: from a name to a function that gives the family with its options.

To add one, write one file and list its function here: the contract suite of the tests runs over this dictionary.
"""

from __future__ import annotations

from collections.abc import Callable

from voxlate.config.catalogue import build
from voxlate.config.choice import Choice
from voxlate.shapes.deformed import deformed
from voxlate.shapes.interface import ShapeFamily
from voxlate.shapes.statistical import statistical
from voxlate.shapes.variational import variational

SHAPES: dict[str, Callable[..., ShapeFamily]] = {
    "statistical": statistical,
    "variational": variational,
    "deformed": deformed,
}


def shape_family(choice: Choice) -> ShapeFamily:
    """The family that a recipe chose, its options checked.

    Raises:
        UsageError: If the name or an option is unknown.
    """
    return build(SHAPES, choice, what="shapes")
