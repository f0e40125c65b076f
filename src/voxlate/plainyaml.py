"""Plain YAML: what recipes, plans and settings of the command line are written in, without code and without aliases."""

from __future__ import annotations

from typing import Any

import yaml

from voxlate.errors import UsageError

Json = dict[str, Any]
"""A JSON object: plain values by name."""


def parse_setting(text: str) -> tuple[str, Any]:
    """A dotted field and its value from ``a.b=value``; the value is YAML (``1e-3``, ``true``, ``[a, b]``).

    Raises:
        UsageError: If there is no ``=``.
    """
    field, equals, value = text.partition("=")
    if not equals or not field:
        raise UsageError("a.b=value", came=repr(text), where="--set", remedy="Name a recipe field and its value.")
    parsed = parse_yaml(value, where=f"--set {field}")
    return field, number(parsed) if isinstance(parsed, str) else parsed


def parse_listed(text: str) -> tuple[str, list[Any]]:
    """A dotted field and its values from ``a.b=v1,v2``; each value is YAML.

    Raises:
        UsageError: If there is no ``=`` or an empty value.
    """
    field, equals, values = text.partition("=")
    parts = [part.strip() for part in values.split(",")]
    if not equals or not field or not all(parts):
        raise UsageError("a.b=v1,v2", came=repr(text), where="--grid", remedy="Name a recipe field and its values.")
    parsed = [parse_yaml(part, where=f"--grid {field}") for part in parts]
    return field, [number(value) if isinstance(value, str) else value for value in parsed]


def number(text: str) -> float | str:
    """The number that a text means, or the text: YAML 1.1 reads ``1e-3`` as text."""
    try:
        return float(text)
    except ValueError:
        return text


class _PlainLoader(yaml.SafeLoader):
    """Safe YAML without aliases, which nothing here needs and which can make a small file expand without bound."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not allowed")
        return super().compose_node(parent, index)


def parse_yaml(text: str, *, where: object) -> Any:  # noqa: ANN401
    """Plain values from YAML without aliases.

    Raises:
        UsageError: If the text is not YAML.
    """
    try:
        return yaml.load(text, Loader=_PlainLoader)  # noqa: S506  a safe loader made stricter
    except yaml.YAMLError as error:
        raise UsageError(
            "YAML", came=str(error).replace("\n", " "), where=where, remedy="Correct the syntax."
        ) from error


def parted(text: str, sign: str) -> list[str]:
    """The parts of a short form, ``bce+dice`` say."""
    parts = [part.strip() for part in text.split(sign)]
    if not all(parts) or (len(set(parts)) < len(parts) and sign == "+"):
        raise ValueError(f"a short form has parts that differ, with {sign} between them, not {text!r}")
    return parts
