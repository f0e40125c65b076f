"""What a run keeps of the plugins that it needs, so that whoever goes on with it, or uses it, loads them again."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from voxlate.config.recipe import Recipe
from voxlate.errors import UsageError
from voxlate.io.atomic import write_text
from voxlate.plugins import trust
from voxlate.plugins.loading import Plugin, load_named, load_plugin, loaded
from voxlate.strict import StrictModel

logger = logging.getLogger(__name__)
RECORD = "plugins.json"


class _Recorded(StrictModel):
    """A plugin of a run: by what it was named, its file and digest, and what it adds to which catalogue."""

    named: str
    path: str
    sha256: str
    adds: dict[str, tuple[str, ...]]


class _Record(StrictModel):
    """The plugins of a run."""

    plugins: tuple[_Recorded, ...]


def needed_by(recipe: Recipe) -> tuple[Plugin, ...]:
    """The plugins that are there and bring something that a recipe names."""
    named = set(_words(recipe.model_dump(mode="json", include={"method", "loss", "training"})))
    return tuple(one for one in loaded() if any(name in named for names in one.adds.values() for name in names))


def record(folder: Path, recipe: Recipe) -> None:
    """Keeps which plugins the recipe of a run needs; a run that needs none has no such file."""
    found = [_Recorded(named=p.named, path=str(p.path), sha256=p.digest, adds=dict(p.adds)) for p in needed_by(recipe)]
    if found:
        write_text(folder / RECORD, _Record(plugins=tuple(found)).model_dump_json(indent=1) + "\n")
    else:
        (folder / RECORD).unlink(missing_ok=True)


def recall(folder: Path) -> None:
    """Loads the plugins that a run, or the runs of a study in it, have recorded, and those that the environment names.

    Raises:
        UsageError: If a plugin is gone, is not as it was, or was never named by this user; or a record is damaged.
    """
    load_named()
    for path in (folder / RECORD, *sorted(folder.glob(f"*/{RECORD}")), *sorted(folder.glob(f"*/*/{RECORD}"))):
        if path.is_file():
            for one in _read(path).plugins:
                _recall(one, where=path)


def _recall(one: _Recorded, *, where: Path) -> None:
    there = {(part, name): plugin for plugin in loaded() for part, names in plugin.adds.items() for name in names}
    wanted = [(part, name) for part, names in one.adds.items() for name in names]
    if all(key in there for key in wanted):
        for path in {there[key].path for key in wanted if there[key].digest != one.sha256}:
            logger.warning("%s is not as it was when %s was made with it", path, where.parent)
        return
    path = Path(one.path)
    found = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    if found == one.sha256 and trust.is_named(path, found):
        load_plugin(one.named)
        return
    why = "nothing there" if not found else "another file there" if found != one.sha256 else "one that nobody has named"
    raise UsageError(
        f"the plugin {one.path}, which brings {', '.join(name for _, name in wanted)}",
        came=why,
        where=where.parent,
        remedy="Name it if you trust it: --plugin FILE, or voxlate.load_plugin(FILE).",
    )


def _read(path: Path) -> _Record:
    try:
        return _Record.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        came = " ".join(str(error).split())[:200]
        raise UsageError("a record of plugins", came=came, where=path, remedy="Remove it, and name them.") from error


def _words(value: object) -> Iterator[str]:
    """Every text in plain values, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for inner in value.values():
            yield from _words(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _words(inner)
