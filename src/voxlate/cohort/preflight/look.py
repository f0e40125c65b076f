"""What one image of a case tells: what admission says, whether it is constant, its grid, and how to find it again.

The voxels are read when something asks for them; a case whose measurements are all kept is not read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from voxlate.cohort.admission import admit, weigh
from voxlate.cohort.case import Case
from voxlate.cohort.finding import Finding, soften
from voxlate.cohort.preflight.copies import Signature, thumbnail
from voxlate.cohort.preflight.kept import Kept, packed, unpacked
from voxlate.cohort.preflight.measures.binned import Binned, Portrait
from voxlate.config.plan import Reading
from voxlate.contrast import get_contrast
from voxlate.io import file_digest, read_volume
from voxlate.io.provenance import sidecar_path
from voxlate.plainyaml import Json
from voxlate.volume import Grid


@dataclass(frozen=True)
class Look:
    """What one image tells.

    Attributes:
        findings: What admission says of it.
        grid: Where its voxels lie.
        constant: Whether all of them are equal.
        signature: How to find it again.
        portrait: The image in small.
    """

    findings: tuple[Finding, ...]
    grid: Grid
    constant: bool
    signature: Signature
    portrait: Portrait


class CaseImages(Mapping[str, Binned]):
    """The images of a case by contrast; each is read when it is first asked for, and once.

    Args:
        case: The case.
        reading: What the reader may accept.
        kept: Where measurements are kept.
    """

    def __init__(self, case: Case, reading: Reading, kept: Kept) -> None:
        self.case = case
        self.kept = kept
        self.looks: dict[str, Look] = {}
        self._reading = reading
        self._scans: dict[str, Binned] = {}

    def __getitem__(self, contrast: str) -> Binned:
        if contrast not in self.looks:
            raise KeyError(contrast)
        return self._read(contrast)

    def __iter__(self) -> Iterator[str]:
        return iter(self.looks)

    def __len__(self) -> int:
        return len(self.looks)

    def look_at(self, contrast: str, *, used: bool) -> Look:
        """What an image tells; the case holds it from now on.

        Args:
            contrast: Which.
            used: Whether what is learned depends on it; what is wrong with another is a warning.

        Raises:
            ReadError, GeometryError: If the reader refuses the file.
        """
        path, convention = self.case.paths[contrast], self.case.attributes.get("label_convention", "")
        digest = file_digest(path)
        beside = sidecar_path(path)
        noted = beside.read_text("utf-8", "replace") if beside.is_file() else ""
        parts = (digest, noted, *self._key(contrast), convention, self.case.id, str(path))
        values = self.kept.recall("image", parts, lambda: self._measure(contrast, convention=convention))
        grid = Grid(tuple(values["shape"]), np.array(values["affine"]))
        of_labels = get_contrast(contrast).kind == "label"
        portrait = Portrait(unpacked(values["portrait"]), np.array(values["portrait_affine"]), of_labels)
        signature = Signature(self.case.id, contrast, digest, unpacked(values["thumbnail"]), portrait)
        findings = tuple(Finding(**finding) for finding in values["findings"])
        findings = findings if used else tuple(map(soften, findings))
        self.looks[contrast] = Look(findings, grid, values["constant"], signature, portrait)
        return self.looks[contrast]

    def only(self, contrasts: Sequence[str]) -> CaseImages:
        """The case with no other images than these."""
        fewer = CaseImages(self.case, self._reading, self.kept)
        fewer.looks = {name: look for name, look in self.looks.items() if name in contrasts}
        fewer._scans = self._scans
        return fewer

    def recall(self, what: str, of: Sequence[str], check: Callable[[], Iterable[Finding]]) -> list[Finding]:
        """Findings that need all of its images, as kept or as made now.

        Args:
            what: Sort of check.
            of: What else it depends on.
            check: Makes it.
        """
        parts = (*self.key(tuple(self)), *(str(self.case.paths[name]) for name in self), self.case.id, *of)
        values = self.kept.recall(what, parts, lambda: {"findings": [asdict(finding) for finding in check()]})
        return [Finding(**finding) for finding in values["findings"]]

    def key(self, contrasts: tuple[str, ...]) -> tuple[str, ...]:
        """What a measurement of these images depends on."""
        return tuple(part for name in contrasts for part in (self.looks[name].signature.digest, *self._key(name)))

    def portraits(self, pair: tuple[str, str]) -> tuple[Portrait, Portrait]:
        """Two of its images in small."""
        return self.looks[pair[0]].portrait, self.looks[pair[1]].portrait

    def _key(self, contrast: str) -> tuple[str, str]:
        return contrast, self._reading.model_dump_json()

    def _read(self, contrast: str) -> Binned:
        if contrast not in self._scans:
            volume = read_volume(self.case.paths[contrast], contrast=get_contrast(contrast), reading=self._reading)
            self._scans[contrast] = Binned(volume)
        return self._scans[contrast]

    def _measure(self, contrast: str, *, convention: str) -> Json:
        scan, path = self._read(contrast), self.case.paths[contrast]
        told = admit(scan.volume, case=self.case.id, path=path, convention=convention)
        found = weigh(told, accept=self._reading.accept)
        portrait = scan.portrait()
        return {
            "findings": [asdict(finding) for finding in found],
            "shape": list(scan.volume.shape),
            "affine": np.asarray(scan.volume.affine).tolist(),
            "constant": bool(scan.volume.array.min() == scan.volume.array.max()),
            "thumbnail": packed(np.zeros(0, np.float32) if scan.kind == "label" else thumbnail(scan)),
            "portrait": packed(portrait.steps),
            "portrait_affine": portrait.affine.tolist(),
        }
