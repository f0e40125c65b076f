"""The model that comes with the program.

It lies in the package, its weights in half precision so that it is small, and is read as any bundle is; they become
those of a network in single precision. ``default_model/make.py`` makes it. Nothing is ever downloaded.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from voxlate.errors import UsageError

_FOLDER = Path(str(resources.files("voxlate"))) / "models" / "head"


def shipped_recipe() -> Path:
    """Where the recipe of the model lies, if one comes with this installation."""
    return _FOLDER / "recipe.yaml"


def has_default_model() -> bool:
    """Whether a model comes with this installation."""
    return shipped_recipe().is_file()


def default_model() -> Path:
    """The folder of the model that comes with the program.

    Raises:
        UsageError: If none does.
    """
    if has_default_model():
        return _FOLDER
    raise UsageError(
        "a model",
        came="none named, and none comes with this installation",
        remedy="Name a run or a bundle: `voxlate translate MODEL INPUT --out PATH`; `voxlate train` makes one, and "
        "`make default-model` the one for heads.",
    )
