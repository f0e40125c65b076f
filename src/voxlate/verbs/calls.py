"""What every call of a verb that reads images begins with: findings told anew, and where the data set's files lie."""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

from voxlate.errors import UsageError, VoxlateError
from voxlate.plainyaml import listed, nearest

logger = logging.getLogger(__name__)

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")
_PATHS = ("str | Path", "str | Path | None")
"""How a path is declared."""


def taking_paths(verb: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
    """The verb, which refuses by name whatever stands in the place of a path and is none.

    Raises:
        UsageError: If an argument that is declared as ``str | Path`` is something else.
    """
    signature = inspect.signature(verb)
    paths = {name: one.annotation for name, one in signature.parameters.items() if one.annotation in _PATHS}

    @wraps(verb)
    def call(*args: _Given.args, **kwargs: _Given.kwargs) -> _Result:
        for name, value in signature.bind_partial(*args, **kwargs).arguments.items():
            optional = value is None and paths.get(name) == _PATHS[1]
            if name in paths and not optional and not isinstance(value, str | os.PathLike):
                raise UsageError(
                    "a path",
                    came=f"a {type(value).__name__}",
                    where=f"{verb.__name__}({name}=)",
                    remedy="Name a file or folder; for an image in memory there is load_model(run).translate(image).",
                )
        return verb(*args, **kwargs)

    return call


def telling_anew(verb: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
    """The verb, each call of which tells what is wrong with an image once, whatever an earlier call has told.

    Raises:
        UsageError: If something else stands in the place of a path.
    """
    checked = taking_paths(verb)

    @wraps(verb)
    def call(*args: _Given.args, **kwargs: _Given.kwargs) -> _Result:
        from voxlate.cohort.admission import forget_told

        forget_told()
        return checked(*args, **kwargs)

    return call


def check_arguments(verb: str, given: Mapping[str, object], known: type) -> None:
    """Refuses what a verb was given and does not take.

    Args:
        verb: Its name.
        given: By the names that the call used.
        known: The ``TypedDict`` of what it takes beside its named arguments.

    Raises:
        UsageError: If there is such an argument.
    """
    unknown = [name for name in given if name not in known.__annotations__]
    if unknown:
        hint = "A field of the recipe goes into overrides, {'training.steps': 100}."
        remedy = f"{nearest(unknown[0], known.__annotations__)}{hint}"
        raise UsageError(f"arguments that {verb} takes", came=", ".join(unknown), remedy=remedy)


Pattern = Mapping[str, str] | str | Sequence[str] | None
"""Where the files of contrasts lie, ``{"t1": "{case}/T1.nii.gz"}``, or as the command line writes it."""


def read_patterns(pattern: Pattern) -> dict[str, str]:
    """From a contrast to where its files lie; empty if nothing is given.

    Raises:
        UsageError: If a pattern cannot be one.
    """
    from voxlate.cohort.layouts.patterns import parse_pattern

    if isinstance(pattern, Mapping):
        pattern = [f"{name}={path}" for name, path in pattern.items()]
    texts: tuple[str, ...] = listed(pattern or ())
    return dict(map(parse_pattern, texts))


def patterns_kept(model: Path) -> dict[str, str]:
    """The patterns that a run or a bundle was trained with; empty if there are none, or it is neither.

    A recipe that is damaged has none: whoever loads the model refuses it.
    """
    from voxlate.config.recipe import parse_recipe
    from voxlate.plainyaml import read_yaml

    folders = (model, model / "bundle", *sorted(model.glob("fold-*"))) if model.is_dir() else ()
    recipe = next((folder / "recipe.yaml" for folder in folders if (folder / "recipe.yaml").is_file()), None)
    try:
        return {} if recipe is None else dict(parse_recipe(read_yaml(recipe), where=recipe).plan.patterns)
    except VoxlateError:
        return {}


def begun_with(run: Path) -> Path | None:
    """The file of the recipe that a run was begun with, if there is one."""
    from voxlate.training.run import RunFolder

    path = RunFolder(run).recipe
    return path if path.is_file() else None


@contextmanager
def laid_out(data: Path, pattern: Pattern, *, model: Path | None = None) -> Iterator[None]:
    """Lets patterns hold for a data set within the block: those given, else those that a model was trained with.

    The latter say nothing of a data set in which they find no case.

    Raises:
        UsageError: If a pattern that is given cannot be one.
    """
    from voxlate.cohort import index_cohort
    from voxlate.cohort.layouts.patterns import placed_by

    kept = patterns_kept(model) if model is not None else {}  # and what the recipe declares is known from here on
    patterns = read_patterns(pattern)
    if kept and not patterns and data.is_dir():
        patterns = kept
        try:
            index_cohort(data, patterns=patterns)
        except VoxlateError:
            logger.info("%s: the patterns that %s was trained with find no case here", data, model)
            patterns = {}
    with placed_by(data, patterns):
        yield
