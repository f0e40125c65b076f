"""Which tests train: found by what they, their fixtures and their helpers name, since a list of them gets stale."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from functools import cache
from types import CodeType
from typing import Any

import pytest

_VERBS = frozenset({"train", "tune", "ablate", "compare"})
_DOORS = frozenset({"train_run", "tune_run", "fit", "run_page", "pretend", "forecast", "_measure_step", "worker"})
"""What trains or tries steps: verbs, as functions or as words of a command line, and the functions behind them."""
_CALL = re.compile(r"\bvoxlate\.(?:train|tune|ablate|compare|forecast)\(")


def trains(item: pytest.Item) -> bool:
    """Whether a test, or a fixture that it uses, names something that trains; a helper in ``tests`` counts too."""
    if not isinstance(item, pytest.Function):
        return False
    fixtures = [one.func for found in item._fixtureinfo.name2fixturedefs.values() for one in found]
    return any(_trains(function) for function in (item.function, *fixtures))


@cache
def _trains(function: Callable[..., Any]) -> bool:
    seen: set[Callable[..., Any]] = set()
    waiting = [inspect.unwrap(function)]
    while waiting:
        one = waiting.pop()
        if one in seen or not hasattr(one, "__code__"):
            continue
        seen.add(one)
        names = set(_names(one.__code__))
        if names & (_VERBS | _DOORS):
            return True
        known = (one.__globals__.get(name) for name in names)
        waiting.extend(value for value in known if getattr(value, "__module__", "").startswith("tests."))
    return False


def _names(code: CodeType) -> Iterator[str]:
    """The names that a piece of code uses; a word or a program in it that trains counts as the verb."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
        for word in constant if isinstance(constant, tuple) else (constant,):
            if isinstance(word, str) and (word in _VERBS or _CALL.search(word)):
                yield "train"
