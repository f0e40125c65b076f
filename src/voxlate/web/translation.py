"""The worker of a translation: ``voxlate translate`` on a scan of an upload, and what the page shows of the result."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Mapping
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
from voxlate.volume import Volume
from voxlate.web.places import OUT, PREDICTION, SOURCE
from voxlate.web.recognition import window_of, write_view


def _work(order: Json, folder: Path, report: ProgressReport) -> Json:
    """Translates, and tells what came of it, for the page."""
    began = time.monotonic()
    out, shown = folder / OUT, get_contrast(order["shows"])
    out.mkdir(exist_ok=True)
    name = f"{shown.name}_to_{order['target']}"
    scans = {shown.name: Path(order["scan"]), **{one: Path(path) for one, path in order.get("also", {}).items()}}
    (outcome,) = translate(
        order["model"],
        scans if len(scans) > 1 else scans[shown.name],
        out=out / (name if order["dicom"] else f"{name}.nii.gz"),
        target=order["target"],
        shows=shown.name if len(scans) == 1 else None,
        picture=True,
        dicom=order["dicom"],
        report=report,
    )
    if outcome.path is None:
        raise VoxlateError("an image", came="none", where=name, remedy=outcome.reason or "The log says why.")
    report("view", 0, 1)
    windows, volume = write_views(scans, outcome.path, folder, target=outcome.target)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "image": str(outcome.path.relative_to(folder)),
        "seconds": time.monotonic() - began,
        "peak_mib": peak,
        "extent_mm3": volume.array.size * prod(volume.spacing_mm),
        "shape": list(volume.array.shape),
        "windows": windows,
        "warnings": list(outcome.warnings),
        "seen": outcome.seen,
    }


def write_views(
    scans: Mapping[str, Path], made: Path, folder: Path, *, target: str
) -> tuple[dict[str, tuple[float, float]], Volume]:
    """Writes what the page shows of scans and of the image that a model made of them.

    Args:
        scans: From a contrast to its file.
        made: The image.
        folder: A job's, or that of a case of one.
        target: What the image shows.

    Returns:
        From the name of each view to where grey begins and ends, and the image.
    """
    windows, volume = _write_one(made, folder / PREDICTION, target)
    return {**windows, **write_sources(scans, folder)}, volume


def write_sources(scans: Mapping[str, Path], folder: Path) -> dict[str, tuple[float, float]]:
    """Writes what the page shows of scans, by contrast, and tells where grey begins and ends in each."""
    windows: dict[str, tuple[float, float]] = {}
    for number, (name, path) in enumerate(scans.items(), start=1):
        first = folder / SOURCE
        told, _ = _write_one(path, first if number == 1 else first.with_stem(f"{first.stem}{number}"), name)
        windows |= told
    return windows


def _write_one(path: Path, view: Path, contrast: str) -> tuple[dict[str, tuple[float, float]], Volume]:
    volume = read_volume(path, contrast=get_contrast(contrast))
    write_view(replace(volume, provenance=read_provenance(path)), view)
    return {view.stem: window_of(volume)}, volume


def main(work: Callable[[Json, Path, ProgressReport], Json]) -> int:
    """A worker's program: does the work of the folder that it is given last, on the cluster that it is given before."""
    *where, folder = sys.argv[1:]

    def on_cluster(order: Json, place: Path, report: ProgressReport) -> Json:
        if not where:
            return work(order, place, report)
        from voxlate.machines.cluster import cluster

        with cluster(where[0]):
            return work(order, place, report)

    return carry_out(Path(folder), on_cluster)


if __name__ == "__main__":
    sys.exit(main(_work))
