"""Arrays of a fitted model, checked one by one when they come from a file."""

from __future__ import annotations

import numpy as np

from voxlate.errors import BundleError
from voxlate.shapes.interface import State
from voxlate.volume import Array

_MEMBER = "shapes.safetensors"
_REMEDY = "The bundle is damaged or was changed; get it again from where it was made."


def take(state: State, name: str, *, shape: tuple[int | None, ...], kind: str, low: float, high: float) -> Array:
    """One array of a state.

    Args:
        state: The arrays.
        name: Of the wanted one.
        shape: Its shape; ``None`` for an axis of any length above 0.
        kind: ``i`` for whole numbers, ``f`` for reals.
        low: No value is lower.
        high: No value is higher.

    Raises:
        BundleError: If it is absent or of another form, or a value is out of range or not finite.
    """
    if name not in state:
        raise refusal(name, "an array", "none")
    array = state[name]
    fits = array.ndim == len(shape) and all(
        n == m if m is not None else n > 0 for n, m in zip(array.shape, shape, strict=True)
    )
    kinds = "iu" if kind == "i" else "f"
    if not fits or array.dtype.kind not in kinds:
        raise refusal(
            name, f"{'whole numbers' if kind == 'i' else 'reals'} of shape {shape}", f"{array.dtype} {array.shape}"
        )
    if array.size and not (np.isfinite(array).all() and array.min() >= low and array.max() <= high):
        raise refusal(name, f"values from {low:g} to {high:g}", "others")
    return array


def check_names(state: State, *names: str) -> None:
    """Refuses a state that holds anything else.

    Raises:
        BundleError: If it holds an array of another name.
    """
    odd = sorted(set(state) - set(names))
    if odd:
        raise refusal(", ".join(odd[:5]), f"the arrays {', '.join(names)}", "others")


def refusal(name: str, expected: str, came: str) -> BundleError:
    """The error for an array of a file that cannot be one of a model."""
    return BundleError(expected, came=came, where=f"{_MEMBER}: {name}", remedy=_REMEDY)
