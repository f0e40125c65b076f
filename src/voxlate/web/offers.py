"""Which models there are, what they can make of a scan, and what that is likely to take."""

from __future__ import annotations

import hashlib
import logging
import subprocess
import sys
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from voxlate.errors import VoxlateError
from voxlate.inference.footprint import Footprint
from voxlate.plainyaml import Json
from voxlate.progress.spreading import cores

if TYPE_CHECKING:
    from voxlate.bundle.bundle import Bundle
    from voxlate.config.recipe import Recipe

logger = logging.getLogger(__name__)
_DEFAULT_FOOTPRINT = Footprint(weight_bytes=11_483_176, feature_bytes=813)
"""Of the model that Voxlate has, which is not to be found anew by every server."""
_FOOTPRINT_S = 120.0
_DEFAULT = "default"
_UPTAKE = "t1c"
"""Comes last among targets: no scan without the agent shows what takes it up."""
_DEFAULT_S_PER_MM3 = 19 / (182 * 218 * 182)
"""Of the model that Voxlate has, on one core: see the page about it in the documentation."""


@dataclass(frozen=True)
class Offer:
    """A model that scans can be translated by.

    Attributes:
        id: Opaque, the same as long as the model is.
        folder: Where it lies.
        bundle: Of it, or what the members of an ensemble have in common.
    """

    id: str
    folder: Path
    bundle: Bundle

    def targets_of(self, having: Collection[str]) -> list[str]:
        """What it makes of scans of these contrasts, other than they show themselves."""
        found = (name for name in self.recipe.wanted if name not in having and self.makes(name, having))
        return sorted(found, key=_UPTAKE.__eq__)

    def makes(self, target: str, having: Collection[str]) -> bool:
        """Whether it makes a target that it has of scans of these contrasts."""
        if self.recipe.targets:
            return any(name in having for name in self.sources if name != target)
        return target == self.recipe.target and set(self.sources) <= set(having)

    def uses(self, having: Collection[str]) -> list[str]:
        """Which of these contrasts it starts from."""
        return [name for name in self.sources if name in having]

    def expected_mib(self, shape: Sequence[int], spacing_mm: Sequence[float]) -> float | None:
        """MiB that a translation of a scan takes at its peak; ``None`` where that cannot be said."""
        from voxlate.inference.runtimes.predictors import needs_torch

        found = _DEFAULT_FOOTPRINT if self.id == _DEFAULT else _footprint(self.folder, self.digest)
        if found is None:
            return None
        return found.peak_bytes(self.bundle, shape, spacing_mm, by_torch=needs_torch()) / 2**20

    @property
    def recipe(self) -> Recipe:
        """What it makes of what."""
        return self.bundle.recipe

    @property
    def digest(self) -> str:
        """The identity of the model."""
        return self.bundle.digest

    @property
    def sources(self) -> list[str]:
        """The contrasts that it starts from."""
        from voxlate.derivation import files_of

        return list(files_of(self.recipe.source, self.recipe.plan.derive))


class Offers:
    """The models of a server: that which Voxlate has, those in a folder, and those that have come since it started.

    Args:
        folder: Of runs and bundles, or one of them; ``None`` for none.
        came: Where models may appear while the server runs: folders, each with a pattern of what lies in it.
    """

    def __init__(self, folder: Path | None, *, came: Sequence[tuple[Path, str]] = ()) -> None:
        self._folder, self._came = folder, came

    @property
    def all(self) -> list[Offer]:
        """Every model that is whole; what is refused is logged, once."""
        from voxlate.bundle.shipped import default_model, has_default_model

        default = [(_DEFAULT, default_model())] if has_default_model() else []
        places = [] if self._folder is None else [self._folder, *sorted(self._folder.iterdir())]
        came = [place for folder, pattern in self._came for place in sorted(folder.glob(pattern))]
        named = [(opaque(place), place) for place in (*places, *came) if place.is_dir()]
        found = [offer for name, place in (*default, *named) if (offer := _read(name, place, _changed(place)))]
        return list({offer.digest: offer for offer in reversed(found)}.values())[::-1]

    def came_here(self, offer: Offer) -> bool:
        """Whether a model has come by this server."""
        return any(offer.folder.is_relative_to(folder) for folder, _ in self._came)

    def find(self, name: str) -> Offer | None:
        """The model of an id, if there is one."""
        return next((offer for offer in self.all if offer.id == name), None)


def expected_s(offer: Offer, extent_mm3: float, *, before: Iterable[Json]) -> float | None:
    """Seconds that a translation takes, from those before; ``None`` where nothing is known.

    Args:
        offer: The model.
        extent_mm3: Of the scan, since models bring scans to voxels of one size.
        before: Results of jobs of this model on this machine.
    """
    known = [one for one in before if one.get("extent_mm3") and one.get("seconds")]
    if known:
        return extent_mm3 * float(median(one["seconds"] / one["extent_mm3"] for one in known))
    return 5 + extent_mm3 * _DEFAULT_S_PER_MM3 / min(cores(), 4) ** 0.5 if offer.id == _DEFAULT else None


@lru_cache(maxsize=64)
def _footprint(folder: Path, _digest: str) -> Footprint | None:
    """What the memory of a model's translations follows from, found by a process of its own, which ends then."""
    command = [sys.executable, "-m", "voxlate.inference.footprint", str(folder)]
    try:
        told = subprocess.run(command, capture_output=True, check=True, timeout=_FOOTPRINT_S).stdout  # noqa: S603
        return None if told == b"null" else Footprint.model_validate_json(told)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        logger.warning("the memory that %s takes is not known: %s", folder, error)
        return None


def _changed(folder: Path) -> int:
    """When what names the parts of a model was last written, in ns; 0 where there is no such file."""
    from voxlate.bundle.bundle import MANIFEST
    from voxlate.bundle.ensemble import ENSEMBLE

    tables = (folder / place for place in (MANIFEST, f"bundle/{MANIFEST}", ENSEMBLE))
    return max((table.stat().st_mtime_ns for table in tables if table.is_file()), default=0)


@lru_cache(maxsize=1024)
def _read(name: str, folder: Path, changed: int) -> Offer | None:
    """The model of a folder, checked; not again before it has changed."""
    from voxlate.bundle.ensemble import read_model

    if not changed:
        return None

    try:
        bundle = read_model(folder)
    except VoxlateError as error:
        logger.info("%s is not offered: %s", folder, error)
        return None
    return Offer(name, folder, bundle)


def opaque(folder: Path) -> str:
    """The id of a folder, which does not tell its name."""
    return hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
