"""What can be written beside a translated scan: the density of a CT, and how much the members of an ensemble differ.

    answer_ct.nii.gz    answer_ct_electron_density.nii.gz    answer_ct_doubt.nii.gz

Of a DICOM source each is a folder with a parametric map. Densities are no CT series: planning systems would take
their numbers for HU and put them through their own calibration once more, and a map says what its numbers are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from voxlate.contrast import get_contrast
from voxlate.derivation import Derivation, compute
from voxlate.errors import UsageError
from voxlate.inference.model import Model
from voxlate.io.dicom import DOUBT, check_installed
from voxlate.io.paths import volume_stem, volume_suffix
from voxlate.provenance import Provenance
from voxlate.volume import Volume

_DENSITY = "electron_density"


@dataclass(frozen=True)
class Beside:
    """What is wanted beside the translation.

    Attributes:
        density: How an electron density follows from a CT; ``None`` where none is wanted.
        doubt: Whether the standard deviation of an ensemble's members is.
    """

    density: Derivation | None = None
    doubt: bool = False

    def check(self, model: Model, path: Path) -> None:
        """Refuses what the model cannot give.

        Raises:
            UsageError: If it makes no CT, or is no ensemble, or a map is to be written as DICOM and cannot be.
        """
        if (self.density is not None or self.doubt) and volume_suffix(path) is None:
            check_installed(path)
        if self.density is not None and get_contrast(model.target).kind != "ct":
            remedy = "Leave --density out, or ask for a CT."
            raise UsageError("a CT for --density", came=model.target, where=model.name, remedy=remedy)
        if self.doubt and not model.has_members:
            remedy = "Train one with --folds 5, say, or leave --doubt out."
            raise UsageError("an ensemble for --doubt", came="one model", where=model.name, remedy=remedy)

    def planned(self, path: Path, told: Provenance) -> dict[str, tuple[Path, Provenance]]:
        """From a contrast to its place and what is told of it.

        Args:
            path: Of the translation.
            told: Of the translation.
        """
        found = {}
        if self.density is not None:
            notes = (*told.notes, f"{_DENSITY}: {self.density.formula()}")
            found[_DENSITY] = _placed(path, _DENSITY), _about(told, _DENSITY, unit="1", notes=notes)
        if self.doubt:
            labels = get_contrast(told.target).kind == "label"
            unit = "1" if labels else told.unit
            what = "the probabilities, the largest of all classes" if labels else "what they predict"
            notes = (*told.notes, f"doubt: the standard deviation of the ensemble's members about {what}")
            found[DOUBT] = _placed(path, "doubt"), _about(told, DOUBT, unit=unit, notes=notes)
        return found

    def made(self, volume: Volume, doubt: Volume | None) -> Iterator[tuple[str, Volume]]:
        """The volumes by their contrasts.

        Args:
            volume: The translation.
            doubt: How much the members differ, where that is wanted.
        """
        if self.density is not None:
            array = compute(_DENSITY, {_DENSITY: self.density}, {"ct": volume.array})
            yield _DENSITY, Volume(array, volume.affine, get_contrast(_DENSITY), trailing_axes=volume.trailing_axes)
        if doubt is not None:
            yield DOUBT, doubt


def _placed(path: Path, what: str) -> Path:
    suffix = volume_suffix(path) or ""
    return path.with_name(f"{volume_stem(path)}_{what}{suffix}")


def _about(told: Provenance, target: str, *, unit: str, notes: tuple[str, ...]) -> Provenance:
    return told.model_copy(update={"target": target, "unit": unit, "labels": {}, "scaling": None, "notes": notes})
