"""Voxlate turns the scans you have into the scans you lack.

Every command of the command line is a function here, with the same name: ``voxlate.train(...)``. Importing the
package loads neither torch nor MONAI; a verb loads what it needs.
"""

from __future__ import annotations

from typing import Any

from voxlate._version import __version__

__all__ = [
    "__version__",
    "ablate",
    "check",
    "compare",
    "demo",
    "evaluate",
    "forecast",
    "info",
    "phantom",
    "synthesize",
    "train",
    "translate",
    "tune",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401  (a module's attributes are of any type)
    if name in __all__:
        from voxlate import verbs

        return getattr(verbs, name)
    raise AttributeError(f"module 'voxlate' has no attribute {name!r}")
