"""Modules that the documentation once named and that have moved since: they can still be imported by their old name.

The module at the old place has the public names of the one at the new place, the very same objects.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType

_PLACES = {
    "voxlate.evaluation.density": "voxlate.evaluation.ct.density",
    "voxlate.evaluation.gamma": "voxlate.evaluation.ct.gamma",
    "voxlate.evaluation.tables": "voxlate.evaluation.files",
    "voxlate.phantoms.acquisition": "voxlate.phantoms.physics.acquisition",
    "voxlate.phantoms.protocols": "voxlate.phantoms.physics.protocols",
    "voxlate.phantoms.tissues": "voxlate.phantoms.physics.tissues",
    "voxlate.phantoms.uptake": "voxlate.phantoms.physics.uptake",
    "voxlate.reporting.distribution": "voxlate.workflows.sets",
    "voxlate.search_options": "voxlate.config.search",
}
"""From the old place to the new one."""


class _OldPlaces:
    """Finds a module of ``_PLACES`` that no file of the package has.

    It is a finder and a loader by what it can do: importing the classes of these names takes as long as all of this.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname in _PLACES else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> None:
        """As every module is made."""

    def exec_module(self, module: ModuleType) -> None:
        new = vars(import_module(_PLACES[module.__name__]))
        module.__dict__.update({name: value for name, value in new.items() if not name.startswith("_")})


def keep_old_places() -> None:
    """Makes the old names importable, once; what has a file of its own is found first."""
    if not any(isinstance(finder, _OldPlaces) for finder in sys.meta_path):
        sys.meta_path.append(_OldPlaces())
