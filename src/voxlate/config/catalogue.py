"""Choice by name: a catalogue is a dictionary from a name to a function, and the function is its own schema.

A recipe names an entry and gives its options; ``build`` checks the options against the function's signature (types,
unknown names, missing values) and calls it. Nothing is imported from a string and nothing is evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import ConfigDict, ValidationError, validate_call

from voxlate.config.choice import Choice
from voxlate.errors import UsageError
from voxlate.plainyaml import nearest

T = TypeVar("T")


def pick(catalogue: Mapping[str, T], name: str, *, what: str) -> T:
    """The entry of that name.

    Raises:
        UsageError: If there is none; the message lists the names that exist.
    """
    if name not in catalogue:
        raise UsageError(
            f"the name of a {what}",
            came=repr(name),
            remedy=f"{nearest(name, catalogue)}Use one of {', '.join(catalogue)}.",
        )
    return catalogue[name]


def build(catalogue: Mapping[str, Callable[..., T]], choice: Choice, *, what: str, **context: Any) -> T:  # noqa: ANN401
    """Calls the entry that a recipe chose, with its options checked and the caller's context added.

    Args:
        catalogue: From a name to a function with keyword-only, annotated parameters.
        choice: The name and the options, from a recipe.
        what: What the catalogue holds, for error messages (``"network"``).
        **context: Arguments that the program, not the recipe, decides.

    Raises:
        UsageError: If the name is unknown, or an option is unknown, missing or of the wrong type.
    """
    entry = pick(catalogue, choice.name, what=what)
    checked = validate_call(config=ConfigDict(arbitrary_types_allowed=True))(entry)
    try:
        return checked(**choice.options, **context)
    except ValidationError as error:
        problem = error.errors()[0]
        raise UsageError(
            f"options of the {what} {choice.name!r}",
            came=f"{'.'.join(map(str, problem['loc']))}: {problem['msg'].lower()}",
            where=f"{what}.{choice.name}",
            remedy="Correct the recipe's options.",
        ) from error
