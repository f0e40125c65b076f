"""Choice by name: a catalogue is a dictionary from a name to a function, and the function is its own schema.

A recipe names an entry and gives its options; ``build`` checks the options against the function's signature (types,
unknown names, missing values) and calls it. Nothing is imported from a string and nothing is evaluated.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from importlib import metadata
from typing import Any, TypeVar

from pydantic import ConfigDict, ValidationError, validate_call
from pydantic_core import ErrorDetails

from voxlate.config.choice import Choice
from voxlate.errors import UsageError
from voxlate.plainyaml import nearest

T = TypeVar("T")
_GROUPS = {
    "network": "voxlate.networks",
    "discriminator": "voxlate.discriminators",
    "loss": "voxlate.losses",
    "method": "voxlate.methods",
}
"""From what a catalogue holds to the group of entry points by which installed packages offer more of it."""
_PLUGIN = "the plugin that brings it: --plugin FILE, or voxlate.load_plugin(FILE)"
_QUOTED = re.compile(r"'([^']*)'")


def pick(catalogue: Mapping[str, T], name: str, *, what: str) -> T:
    """The entry of that name, of the catalogue or of an installed package that offers it as an entry point.

    Raises:
        UsageError: If there is none; the message lists the names that exist.
    """
    if name in catalogue:
        return catalogue[name]
    for point in metadata.entry_points(group=_GROUPS.get(what, ""), name=name):
        entry: T = load_entry(point)
        return entry
    plugin = (
        ", or name the plugin that brings it: --plugin FILE, or voxlate.load_plugin(FILE)" if what in _GROUPS else ""
    )
    raise UsageError(
        f"the name of {'an' if what[:1] in 'aeiou' else 'a'} {what}",
        came=repr(name),
        remedy=f"{nearest(name, catalogue)}Use one of {', '.join(catalogue)}{plugin}.",
    )


def load_entry(point: metadata.EntryPoint) -> Any:  # noqa: ANN401  whatever it names
    """What an entry point of an installed package stands for.

    Raises:
        UsageError: If its code fails.
    """
    try:
        return point.load()
    except Exception as error:
        came = f"{type(error).__name__}: {error}"
        remedy = "Repair or remove the package."
        raise UsageError("an entry point that can be loaded", came=came, where=point.value, remedy=remedy) from error


def build(catalogue: Mapping[str, Callable[..., T]], choice: Choice, *, what: str, **context: object) -> T:
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
        known = [name for name in inspect.signature(entry).parameters if name not in context]
        raise UsageError(
            f"options of the {what} {choice.name!r}",
            came=f"{'.'.join(map(str, problem['loc']))}: {problem['msg'].lower()}",
            where=f"{what}.{choice.name}",
            remedy=f"{meant(problem, known)}Its options are: {', '.join(known) or 'none'}.",
        ) from error


def meant(problem: ErrorDetails, known: Iterable[str]) -> str:
    """``Did you mean ...? `` for the name or the word that a validation refused, if it is nearly one that is known.

    Args:
        problem: An error of pydantic.
        known: The names that may stand where an unknown one came.

    Example:
        >>> meant({"type": "extra_forbidden", "loc": ("trainning",), "msg": "", "input": 1}, ["training", "plan"])
        'Did you mean training? '
    """
    if problem["type"] in {"extra_forbidden", "unexpected_keyword_argument"}:
        return nearest(str(problem["loc"][-1]), known)
    if problem["type"] == "literal_error":
        return nearest(str(problem["input"]), _QUOTED.findall(problem["ctx"]["expected"]))
    return ""
