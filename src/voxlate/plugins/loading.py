"""Loading a plugin: its dictionaries join the catalogues, whose entries it cannot replace."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import logging
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from voxlate.errors import UsageError
from voxlate.plugins import trust

logger = logging.getLogger(__name__)
_NAMED = "VOXLATE_PLUGINS"
"""The environment variable that names plugins, so that processes which are started load them too."""
_NEEDS: dict[str, tuple[str, ...]] = {
    "NETWORKS": ("dims", "in_channels", "out_channels"),
    "DISCRIMINATORS": ("dims", "in_channels"),
    "LOSSES": ("dims", "data_range"),
    "METHODS": ("dims", "source_channels", "target_channels", "loss", "data_range"),
    "METRICS": (),
}
"""From a dictionary of a plugin to what its functions are called with."""


@dataclass(frozen=True)
class Plugin:
    """A plugin that is loaded.

    Attributes:
        named: What it is loaded by: its file with all folders, or the dotted name of a module.
        path: The file that was loaded.
        digest: SHA-256 of its bytes.
        adds: From a dictionary, ``NETWORKS`` say, to the names that it adds there.
    """

    named: str
    path: Path
    digest: str
    adds: Mapping[str, tuple[str, ...]]

    def words(self) -> str:
        """What it is and brings, on one line."""
        brought = (f"{', '.join(names)} ({part.lower()})" for part, names in self.adds.items())
        return f"{self.path.name}, SHA-256 {self.digest[:12]}: {'; '.join(brought)}"


_LOADED: dict[Path, Plugin] = {}


def load_plugin(what: str | Path) -> Plugin:
    """Runs a plugin's module and adds what it lists to the catalogues; one that is there already is loaded anew.

    Args:
        what: A Python file, or the name of a module that can be imported.

    Raises:
        UsageError: If there is none, its code fails, it lists nothing, an entry is not what its catalogue holds, or a
            name is taken.

    Example:
        >>> load_plugin("my_nets.py").adds  # doctest: +SKIP
        {'NETWORKS': ('my_net',)}
    """
    path, dotted = _find(what)
    source = path.read_bytes()
    old = _LOADED.get(path)
    if old is not None and old.digest == hashlib.sha256(source).hexdigest():
        return old
    module = _imported(dotted, again=old is not None) if dotted else _run(path)
    entries = {part: dict(vars(module)[part]) for part in _NEEDS if isinstance(vars(module).get(part), Mapping)}
    if not any(entries.values()):
        remedy = f"List them as a dictionary from a name to a function: {', '.join(_NEEDS)}."
        raise UsageError("a module that lists what it brings", came="none of the lists", where=path, remedy=remedy)
    catalogues, own = _catalogues(), old.adds if old is not None else {}
    for part, found in entries.items():
        taken = [name for name in found if name in catalogues[part] and name not in own.get(part, ())]
        if taken:
            remedy = "Call them otherwise; what Voxlate or another plugin has is not replaced."
            raise UsageError(f"new names in {part}", came=", ".join(taken), where=path, remedy=remedy)
        for name, entry in found.items():
            _check(part, name, entry, where=path)
    for part, names in own.items():
        for name in names:
            catalogues[part].pop(name)
    for part, found in entries.items():
        catalogues[part].update(found)
    adds = {part: tuple(found) for part, found in entries.items() if found}
    plugin = Plugin(dotted or str(path), path, hashlib.sha256(source).hexdigest(), adds)
    _LOADED[path] = plugin
    os.environ[_NAMED] = os.pathsep.join(one.named for one in _LOADED.values())
    trust.remember(plugin.path, plugin.digest)
    logger.info("plugin %s", plugin.words())
    return plugin


def load_named() -> None:
    """Loads what the environment variable ``VOXLATE_PLUGINS`` names and is not there yet.

    Raises:
        UsageError: As ``load_plugin`` does.
    """
    for what in filter(None, os.environ.get(_NAMED, "").split(os.pathsep)):
        load_plugin(what)


def loaded() -> tuple[Plugin, ...]:
    """The plugins that are there, in the order in which they came."""
    return tuple(_LOADED.values())


def digests() -> tuple[str, ...]:
    """What the plugins that are there are known by, sorted."""
    return tuple(sorted(plugin.digest for plugin in _LOADED.values()))


def _find(what: str | Path) -> tuple[Path, str]:
    """The file that would be loaded, and the dotted name if it is a module; a package that it is in is imported.

    Raises:
        UsageError: If there is none.
    """
    path = Path(what)
    if path.suffix == ".py" or len(path.parts) > 1 or path.is_file():
        if path.is_file():
            return path.resolve(), ""
    else:
        with suppress(ImportError, ValueError):
            found = importlib.util.find_spec(str(what))
            if found is not None and found.origin is not None and found.origin.endswith(".py"):
                return Path(found.origin).resolve(), str(what)
    raise UsageError(
        "a plugin: a Python file, or a module that can be imported",
        came=repr(str(what)),
        where="plugin",
        remedy="Check its name and where it lies.",
    )


def _imported(dotted: str, *, again: bool) -> ModuleType:
    try:
        module = importlib.import_module(dotted)
        return importlib.reload(module) if again else module
    except Exception as error:
        raise _failed(error, dotted) from error


def _run(path: Path) -> ModuleType:
    """The module of a file, its code run once more if that has been done before."""
    name = f"voxlate_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError("a Python file", came=path.name, where="plugin", remedy="Give a file that ends in .py.")
    module, before = importlib.util.module_from_spec(spec), sys.modules.get(name)
    sys.modules[name] = module  # where pydantic looks up the names in annotations
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        sys.modules.pop(name)
        if before is not None:
            sys.modules[name] = before
        raise _failed(error, path) from error
    return module


def _failed(error: Exception, where: object) -> UsageError:
    came = f"{type(error).__name__}: {error}"
    return UsageError("a plugin that can be loaded", came=came, where=where, remedy="Correct it.")


def _catalogues() -> dict[str, dict[str, Any]]:
    from voxlate.losses import LOSSES
    from voxlate.methods import METHODS
    from voxlate.metrics import METRICS
    from voxlate.networks import DISCRIMINATORS, NETWORKS

    return {
        "NETWORKS": NETWORKS,
        "DISCRIMINATORS": DISCRIMINATORS,
        "LOSSES": LOSSES,
        "METHODS": METHODS,
        "METRICS": METRICS,
    }


def _check(part: str, name: object, entry: object, *, where: Path) -> None:
    """Refuses an entry that its catalogue cannot hold.

    Raises:
        UsageError: If the name is none, the entry cannot be called, or does not take what it is called with.
    """
    from voxlate.metrics import Metric

    expected, came = f"a name and a function with {', '.join(_NEEDS[part]) or 'what a metric takes'}", ""
    if not isinstance(name, str) or not name.isidentifier():
        came = f"the name {name!r}"
    elif part == "METRICS":
        expected, came = "a voxlate.metrics.Metric", "" if isinstance(entry, Metric) else f"a {type(entry).__name__}"
    elif not callable(entry):
        came = f"a {type(entry).__name__}"
    else:
        takes = inspect.signature(entry).parameters
        lacking = [one for one in _NEEDS[part] if one not in takes]
        came = f"a function without {', '.join(lacking)}" if lacking else ""
    if came:
        remedy = 'See "Networks, losses and metrics of your own" in the documentation.'
        raise UsageError(expected, came=came, where=f"{where}: {part}[{name!r}]", remedy=remedy)
