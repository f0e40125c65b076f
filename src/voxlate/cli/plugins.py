"""The option ``--plugin``, of every command that builds a model."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Annotated

import typer

_MODELLING = {"train", "tune", "ablate", "compare", "translate", "synthesize", "evaluate"}
_NAME = "plugin"
_Plugins = Annotated[
    list[str] | None,
    typer.Option(
        f"--{_NAME}",
        metavar="FILE|MODULE",
        help="Take networks, losses, methods or metrics of your own from a Python file or module. May be repeated.",
    ),
]


def offer_plugins(app: typer.Typer) -> None:
    """Gives the option to the commands that are registered; what it names is loaded before a command begins."""
    for command in app.registered_commands:
        if command.callback is not None and getattr(command.callback, "__name__", "") in _MODELLING:
            command.callback = _taking(command.callback)


def _taking(function: Callable[..., object]) -> Callable[..., object]:
    @wraps(function)
    def command(*args: object, **kwargs: object) -> object:
        from voxlate.plugins import load_named, load_plugin

        load_named()
        named = kwargs.pop(_NAME, None)
        for what in named if isinstance(named, Sequence) else ():
            load_plugin(what)
        return function(*args, **kwargs)

    shown = inspect.signature(function, eval_str=True)
    option = inspect.Parameter(_NAME, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_Plugins)
    command.__signature__ = shown.replace(parameters=[*shown.parameters.values(), option])  # type: ignore[attr-defined]
    command.__annotations__ = {**function.__annotations__, _NAME: _Plugins}
    return command
