"""What a recipe may leave to data set, machine and minutes as a whole, in the place of fields that it had to say.

``settle: [window, network]`` in a recipe says that the fields of these two hold what is to be taken where there is no
data set to look at. Whoever says one of them, by ``--set`` say, has said it, and it is not settled any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

Part = Literal[
    "window", "network", "loss", "augmentation", "batch", "schedule", "mirror", "validation", "folds", "budget"
]
FIELDS: dict[Part, tuple[str, ...]] = {
    "window": ("window.kind", "window.axis", "window.neighbours", "window.size", "window.overlap"),
    "network": ("method.network", "method.lookup_channel"),
    "loss": ("loss",),
    "augmentation": ("training.augmentation",),
    "batch": ("training.batch_size", "training.samples_per_case"),
    "schedule": ("training.learning_rate", "training.schedule", "training.warmup_steps", "training.ema"),
    "mirror": ("window.mirror",),
    "budget": ("training.epochs", "training.steps", "training.minutes", "training.patience"),
    "validation": ("training.validate_every", "training.checkpoint_every"),
    "folds": ("plan.split.folds",),
}
"""From each part to its fields, in the order in which they are settled."""


def left_open(parts: Iterable[Part], given: Iterable[str]) -> tuple[Part, ...]:
    """The parts of which nothing is given.

    Args:
        parts: What a recipe leaves open.
        given: Dotted fields that are said.

    Example:
        >>> left_open(("window", "loss"), ["window.neighbours"])
        ('loss',)
    """
    said = list(given)
    return tuple(part for part in parts if not any(_meet(one, field) for one in said for field in FIELDS[part]))


def _meet(one: str, other: str) -> bool:
    """Whether one field is the other, or holds it."""
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")
