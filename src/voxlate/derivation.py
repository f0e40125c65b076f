"""Derived contrasts: images that are computed from others, such as fat and water from a Dixon pair.

A derivation names an operation and its operands, which are contrasts or other derived ones; nothing is evaluated. The
two echoes of Dixon (Radiology 153:189 (1984), doi:10.1148/radiology.153.1.6089263) show ``in_phase = water + fat`` and
``out_phase = water - fat``, so that::

    derive:
      fat: {operation: subtract, of: [in_phase, out_phase], scale: 0.5}
      water: {operation: add, of: [in_phase, out_phase], scale: 0.5}

``DIXON`` holds these and ``fat_fraction = fat / in_phase``. A ``curve`` goes in straight lines through points, as a
calibration from CT numbers to densities does. A derived contrast has the name of a known contrast, or one of its own
that begins with ``derived_``. Where a case has a file of that contrast, the file is taken and nothing is computed.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from functools import reduce
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from voxlate.contrast import DERIVED, find_contrast, get_contrast
from voxlate.errors import ReadError, UsageError
from voxlate.strict import later
from voxlate.volume import Array

Operation = Literal["add", "subtract", "multiply", "divide", "mean", "absolute_difference", "linear", "curve"]
_MOST = 32
"""Operands of a derivation, and derivations of a recipe."""
_COUNTS: dict[Operation, tuple[int, int]] = {
    "add": (2, _MOST),
    "subtract": (2, 2),
    "multiply": (2, _MOST),
    "divide": (2, 2),
    "mean": (2, _MOST),
    "absolute_difference": (2, 2),
    "linear": (1, _MOST),
    "curve": (1, 1),
}


class Derivation(BaseModel):
    """How a contrast is computed from others, voxel by voxel, in their physical values: ``clip(scale * result)``."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True)

    operation: Operation = Field(description="What is done with the operands.")
    of: tuple[str, ...] = Field(description="The operands: contrasts, or other derived ones, in order.")
    weights: tuple[float, ...] | None = Field(None, description="Of `linear`: the factor of each operand.")
    points: tuple[tuple[float, float], ...] | None = later(
        None, description="Of `curve`: pairs of value and result, values rising; level beyond both ends."
    )
    scale: float = Field(1.0, description="Factor of the result.")
    guard: float = Field(
        1e-6, gt=0, description="Of `divide`: where the divisor is no further from zero, the result is 0."
    )
    clip: tuple[float | None, float | None] | None = Field(
        None, description="Lowest and highest value of the result; `null` leaves that end open."
    )

    @field_validator("of", mode="before")
    @classmethod
    def _canonical_operands(cls, value: object) -> object:
        return tuple(_canonical(str(name)) for name in value) if isinstance(value, list | tuple) else value

    @model_validator(mode="after")
    def _fits_the_operation(self) -> Self:
        least, most = _COUNTS[self.operation]
        if not least <= len(self.of) <= most:
            wanted = f"{least}" if least == most else f"{least} to {most}"
            raise ValueError(f"{self.operation} takes {wanted} operands, not {len(self.of)}")
        if (self.weights is not None) != (self.operation == "linear"):
            raise ValueError("linear needs weights, and nothing else takes them")
        if self.weights is not None and len(self.weights) != len(self.of):
            raise ValueError(f"{len(self.of)} operands need {len(self.of)} weights, not {len(self.weights)}")
        if (self.points is not None) != (self.operation == "curve"):
            raise ValueError("curve needs points, and nothing else takes them")
        if self.points is not None and not (len(self.points) > 1 and np.all(np.diff(self.points, axis=0)[:, 0] > 0)):
            raise ValueError("a curve needs two points or more, their values rising")
        if self.scale == 0:
            raise ValueError("a scale of 0 leaves nothing")
        low, high = self.clip or (None, None)
        if low is not None and high is not None and low >= high:
            raise ValueError("the lowest value of clip must be below the highest")
        return self

    def formula(self) -> str:
        """What is computed, for people: ``0.5 (in_phase - out_phase)``."""
        signs = {"add": " + ", "subtract": " - ", "multiply": " x ", "divide": " / ", "absolute_difference": " - "}
        if self.operation == "linear":
            inner = " + ".join(f"{weight:g} {name}" for weight, name in zip(self.weights or (), self.of, strict=True))
        elif self.operation == "mean":
            inner = f"mean of {' and '.join(self.of)}"
        elif self.points is not None:
            inner = f"{self.of[0]} by {', '.join(f'{value:g}: {result:g}' for value, result in self.points)}"
        else:
            inner = signs[self.operation].join(self.of)
        if self.operation == "absolute_difference":
            inner = f"|{inner}|"
        elif self.scale != 1:
            inner = f"({inner})"
        scaled = inner if self.scale == 1 else f"{self.scale:g} {inner}"
        low, high = self.clip or (None, None)
        lowest = "" if low is None else f", at least {low:g}"
        return f"{scaled}{lowest}{'' if high is None else f', at most {high:g}'}"

    def apply(self, operands: Sequence[Array]) -> NDArray[np.float32]:
        """The derived image.

        Args:
            operands: The images of ``of``, in its order: physical values ``(i, j, k)`` on one grid.

        Returns:
            ``(i, j, k)``, computed in float32.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            result = self._combine([np.asarray(operand, dtype=np.float32) for operand in operands])
            result = result * np.float32(self.scale)
        low, high = self.clip or (None, None)
        return result if low is None and high is None else np.asarray(np.clip(result, low, high), dtype=np.float32)

    def _combine(self, images: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        first, last = images[0], images[-1]
        match self.operation:
            case "add":
                return reduce(np.add, images)
            case "subtract":
                return first - last
            case "multiply":
                return reduce(np.multiply, images)
            case "divide":
                return np.divide(first, last, out=np.zeros_like(first), where=np.abs(last) > self.guard)
            case "mean":
                return np.asarray(reduce(np.add, images) / np.float32(len(images)))
            case "absolute_difference":
                return np.asarray(np.abs(first - last))
            case "curve":
                values, results = zip(*self.points or (), strict=True)
                return np.asarray(np.interp(first, values, results), dtype=np.float32)
            case "linear":
                weights = np.array(self.weights, dtype=np.float32)
                return reduce(np.add, (weight * image for weight, image in zip(weights, images, strict=True)))


def files_of(names: Iterable[str], derive: Mapping[str, Derivation], having: Container[str] = ()) -> tuple[str, ...]:
    """The contrasts whose files these contrasts are read or computed from, each once, in order.

    Args:
        names: Canonical names.
        derive: The declared derivations.
        having: Contrasts that there is a file of; a derived one among them is read, not computed.

    Example:
        >>> pair = {"fat": Derivation(operation="subtract", of=("in_phase", "out_phase"))}
        >>> files_of(["fat", "in_phase"], pair)
        ('in_phase', 'out_phase')
        >>> files_of(["fat"], pair, having=["fat"])
        ('fat',)
    """
    found: dict[str, None] = {}
    seen: set[str] = set()
    waiting = list(names)[::-1]
    while waiting:
        name = waiting.pop()
        if name in derive and name not in having and name not in seen:
            waiting += derive[name].of[::-1]
        elif name not in seen:
            found[name] = None
        seen.add(name)
    return tuple(found)


def lacking(names: Iterable[str], derive: Mapping[str, Derivation], having: Container[str]) -> list[str]:
    """The contrasts that there must be a file of, and is none, before these contrasts can be had."""
    return [name for name in files_of(names, derive, having) if name not in having]


def formulas(names: Iterable[str], derive: Mapping[str, Derivation]) -> dict[str, str]:
    """What is computed for these contrasts, for people: from each derived one that they need to its formula."""
    found: dict[str, str] = {}
    waiting = list(names)
    for name in waiting:
        if name in derive and name not in found:
            found[name] = derive[name].formula()
            waiting += derive[name].of
    return found


def compute(name: str, derive: Mapping[str, Derivation], images: Mapping[str, Array]) -> NDArray[np.float32]:
    """A derived contrast from the images of a case.

    Args:
        name: Its canonical name.
        derive: The declared derivations.
        images: By contrast: physical values ``(i, j, k)`` on one grid, of all that ``files_of`` names.

    Raises:
        ReadError: If a value is too large for float32.
    """
    made = dict(images)

    def image(contrast: str) -> Array:
        if contrast not in made:
            made[contrast] = derive[contrast].apply([image(operand) for operand in derive[contrast].of])
            if not np.isfinite(made[contrast]).all():
                raise ReadError(
                    "finite values",
                    came=f"some that {derive[contrast].formula()} makes infinite",
                    where=f"plan.derive.{contrast}",
                    remedy="Set its guard, scale or clip.",
                )
        return made[contrast]

    return np.asarray(image(name), dtype=np.float32)


def _canonical(name: str) -> str:
    """The name of a contrast that can take part in arithmetic."""
    try:
        contrast = get_contrast(name)
    except UsageError as error:
        own = f"a name of your own must look like {DERIVED}ratio"
        raise ValueError(f"no contrast is called {name!r}; {own}") from error
    if contrast.kind == "label":
        raise ValueError(f"{contrast.name} is a label map, whose numbers are names: nothing is computed from or to it")
    return contrast.name


def _canonical_keys(value: object) -> object:
    if not isinstance(value, Mapping):
        return value
    names = {str(key): _canonical(str(key)) for key in value}
    twice = sorted({name for name in names.values() if list(names.values()).count(name) > 1})
    if twice:
        raise ValueError(f"{', '.join(twice)} is declared twice, by its name and an alias")
    return {names[str(key)]: item for key, item in value.items()}


def _whole(derive: dict[str, Derivation]) -> dict[str, Derivation]:
    """Refuses operands that stand for nothing, and derivations that need themselves."""
    if len(derive) > _MOST:
        raise ValueError(f"at most {_MOST} contrasts can be derived, not {len(derive)}")
    cleared: set[str] = set()
    for name, derivation in derive.items():
        unknown = [operand for operand in derivation.of if find_contrast(operand) is None and operand not in derive]
        if unknown:
            raise ValueError(f"{name} needs {', '.join(unknown)}, which no derivation declares")
        _refuse_cycle((name,), derive, cleared)
    return derive


def _refuse_cycle(path: tuple[str, ...], derive: Mapping[str, Derivation], cleared: set[str]) -> None:
    for operand in derive[path[-1]].of if path[-1] in derive and path[-1] not in cleared else ():
        if operand in path:
            raise ValueError(f"a derivation that needs itself: {' needs '.join((*path, operand))}")
        _refuse_cycle((*path, operand), derive, cleared)
    cleared.add(path[-1])


DIXON: dict[str, Derivation] = {
    "fat": Derivation(operation="subtract", of=("in_phase", "out_phase"), scale=0.5),
    "water": Derivation(operation="add", of=("in_phase", "out_phase"), scale=0.5),
    "fat_fraction": Derivation(operation="divide", of=("fat", "in_phase"), clip=(0.0, 1.0)),
}
"""What a Dixon pair gives. Of magnitudes ``fat`` is the smaller part, so that the fraction is at most one half."""

Derivations = Annotated[dict[str, Derivation], BeforeValidator(_canonical_keys), AfterValidator(_whole)]
"""From the name of a derived contrast to how it is computed."""
