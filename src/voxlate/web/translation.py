"""The worker of a translation: ``voxlate translate`` on a scan of an upload, and what the page shows of the result."""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import replace
from math import prod
from pathlib import Path

from voxlate.contrast import get_contrast
from voxlate.errors import VoxlateError
from voxlate.io import read_provenance, read_volume
from voxlate.jobs.worker import carry_out
from voxlate.plainyaml import Json
from voxlate.progress import ProgressReport
from voxlate.verbs import translate
from voxlate.web.places import OUT, PREDICTION, SOURCE
from voxlate.web.recognition import window_of, write_view


def _work(order: Json, folder: Path, report: ProgressReport) -> Json:
    """Translates, and tells what came of it, for the page."""
    began = time.monotonic()
    out, shown = folder / OUT, get_contrast(order["shows"])
    out.mkdir(exist_ok=True)
    name = f"{shown.name}_to_{order['target']}"
    scan = Path(order["scan"])
    (outcome,) = translate(
        order["model"],
        scan,
        out=out / (name if order["dicom"] else f"{name}.nii.gz"),
        target=order["target"],
        shows=shown.name,
        picture=True,
        dicom=order["dicom"],
        report=report,
    )
    if outcome.path is None:
        raise VoxlateError("an image", came="none", where=name, remedy=outcome.reason or "The log says why.")
    report("view", 0, 1)
    source = read_volume(scan, contrast=shown)
    volume = read_volume(outcome.path, contrast=get_contrast(outcome.target))
    write_view(source, folder / SOURCE)
    write_view(replace(volume, provenance=read_provenance(outcome.path)), folder / PREDICTION)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "image": str(outcome.path.relative_to(folder)),
        "seconds": time.monotonic() - began,
        "peak_mib": peak,
        "extent_mm3": volume.array.size * prod(volume.spacing_mm),
        "shape": list(source.array.shape),
        "windows": {"source": window_of(source), "prediction": window_of(volume)},
        "warnings": list(outcome.warnings),
        "seen": outcome.seen,
    }


if __name__ == "__main__":
    sys.exit(carry_out(Path(sys.argv[1]), _work))
