"""Plain YAML: what recipes, plans and settings of the command line are written in, without code and without aliases."""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import yaml

from voxlate.errors import UsageError

Json = dict[str, Any]
"""A JSON object: plain values by name."""
_Item = TypeVar("_Item")
_BOMS = (b"\xff\xfe", b"\xfe\xff")


def parse_setting(text: str) -> tuple[str, object]:
    """A dotted field and its value from ``a.b=value``; the value is YAML (``1e-3``, ``true``, ``[a, b]``).

    Raises:
        UsageError: If there is no ``=``.
    """
    field, equals, value = text.partition("=")
    if not equals or not field:
        raise UsageError("a.b=value", came=repr(text), where="--set", remedy="Name a recipe field and its value.")
    parsed = parse_yaml(value, where=f"--set {field}")
    return field, number(parsed) if isinstance(parsed, str) else parsed


def parse_listed(text: str) -> tuple[str, list[object]]:
    """A dotted field and its values from ``a.b=v1,v2``; each value is YAML, a list in brackets too: ``[8, 16],[8]``.

    Raises:
        UsageError: If there is no ``=`` or an empty value.
    """
    field, equals, values = text.partition("=")
    parts = [part.strip() for part in re.split(r",(?![^\[]*\])", values)]  # at no comma inside brackets
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


_RESOLVED_ANEW = {"tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:bool"}
_DIGITS, _NO_NUMBER = "[0-9][0-9_]*", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
_BASES = ("0x", "0o", "0b")


class _PlainLoader(yaml.SafeLoader):
    """Safe YAML without a key twice, and without aliases, which can make a small file expand without bound.

    Numbers and truths are those of YAML 1.2: ``010`` is ten, and ``1:30``, ``yes`` and ``off`` are texts, where YAML
    1.1 reads eight, ninety, and two truths.
    """

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        digits = self.construct_scalar(node).replace("_", "")
        return int(digits, 0 if digits.lstrip("+-")[:2].lower() in _BASES else 10)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        lines: dict[Hashable, int] = {}
        for key, _ in node.value:
            found = self.construct_object(key, deep=True)
            line = key.start_mark.line + 1
            if isinstance(found, Hashable) and found in lines:
                raise yaml.YAMLError(f"the key {found!r} twice, in lines {lines[found]} and {line}")
            if isinstance(found, Hashable):
                lines[found] = line
        return super().construct_mapping(node, deep=deep)

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not allowed")
        return super().compose_node(parent, index)


_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in pairs if tag not in _RESOLVED_ANEW]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_PlainLoader.add_constructor("tag:yaml.org,2002:int", _PlainLoader.construct_yaml_int)
for _tag, _form, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", rf"[-+]?(?:{_DIGITS}|0x[0-9a-fA-F]+|0o[0-7]+|0b[01]+)", "-+0123456789"),
    ("float", rf"[-+]?(?:{_DIGITS}\.[0-9_]*|\.{_DIGITS})(?:[eE][-+]?[0-9]+)?|{_NO_NUMBER}", "-+.0123456789"),
):
    _PlainLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_form})$"), list(_first))


def parse_yaml(text: str, *, where: object) -> object:
    """Plain values from YAML without aliases.

    Raises:
        UsageError: If the text is not YAML, or a key stands twice in one place.
    """
    try:
        return copy.deepcopy(_parsed(text))
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a day that is none, brackets without end
        raise UsageError(
            "YAML", came=str(error).replace("\n", " "), where=where, remedy="Correct the syntax."
        ) from error


@lru_cache(maxsize=128)
def _parsed(text: str) -> object:
    """Recipes and plans are read again and again, which takes longer than all else that is done with them."""
    return yaml.load(text, Loader=_PlainLoader)  # noqa: S506  a safe loader made stricter


def read_yaml(path: Path) -> object:
    """Plain values from a YAML file in UTF-8.

    Raises:
        UsageError: If the file cannot be read, is no text in UTF-8 or is not YAML, or a key stands twice in one place.
    """
    remedy = "Save it as text in UTF-8."
    try:
        content = path.read_bytes()
        return parse_yaml(content.decode("utf-8-sig"), where=path)
    except OSError as error:
        came = f"a file that cannot be read: {error.strerror}"
        raise UsageError("a YAML file", came=came, where=path, remedy="Check its name and its permissions.") from error
    except UnicodeDecodeError as error:
        is_wide = content.startswith(_BOMS)
        came = "text in UTF-16" if is_wide else f"the byte {content[error.start]:#04x} in line {_line(content, error)}"
        raise UsageError("a YAML file in UTF-8", came=came, where=path, remedy=remedy) from error


def _line(content: bytes, error: UnicodeDecodeError) -> int:
    return content[: error.start].count(b"\n") + 1


def listed(value: _Item | Sequence[_Item]) -> tuple[_Item, ...]:
    """The items of a list; a text, a path or any other single value is a list of one.

    Example:
        >>> listed("t1"), listed(["t1", "t2"])
        (('t1',), ('t1', 't2'))
    """
    if isinstance(value, str) or not isinstance(value, Sequence):
        return (value,)
    return tuple(value)


def leaves(values: Mapping[str, object], before: str = "") -> Iterator[tuple[str, object]]:
    """Dotted names with their values, section by section; an empty section is a value.

    Example:
        >>> dict(leaves({"loss": {"l1": 1.0}, "shapes": {}}))
        {'loss.l1': 1.0, 'shapes': {}}
    """
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def nearest(word: str, known: Iterable[str]) -> str:
    """``Did you mean ...? `` for a word that is nearly one of those that are known; else nothing.

    Of several the one with the same letters is meant.

    Example:
        >>> nearest("mea", ["mse", "mae"])
        'Did you mean mae? '
        >>> nearest("trainning", ["training", "plan"])
        'Did you mean training? '
    """
    found = difflib.get_close_matches(word, list(known))
    found.sort(key=lambda one: sorted(one) != sorted(word))
    return f"Did you mean {found[0]}? " if found else ""


def parted(text: str, sign: str) -> list[str]:
    """The parts of a short form, ``bce+dice`` say."""
    parts = [part.strip() for part in text.split(sign)]
    if not all(parts) or (len(set(parts)) < len(parts) and sign == "+"):
        raise ValueError(f"a short form has parts that differ, with {sign} between them, not {text!r}")
    return parts
