"""Which planted faults the preflight finds, on phantoms and on real scans: one command, one table.

    python benchmarks/preflight_faults.py --real FOLDER --out FOLDER [--sets] [--only FAULT ...]

Every fault is planted into copies of a data set, once into each of some cases alone, and the preflight is run as
`train` would run it: on the contrasts of a task. What was measured of the other cases is kept meanwhile. A fault counts
as found if there is a finding of one of its codes that the unharmed data set does not have. At the head stand the
findings on the unharmed sets, and the seconds of processor time per case.

With `--sets` it begins with what the preflight says of every data set in FOLDER, each as it lies there: nobody planted
anything in them, so what it says is either true or a false alarm.

FOLDER of the real scans holds `open_ms` (two people, cut into slabs of 32 slices that stand for people) and
`msd_hippocampus` (12 of its cases). The phantoms are six heads of 64 voxels.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from voxlate.cohort import Finding, index_cohort
from voxlate.cohort.preflight.checks import preflight
from voxlate.contrast import get_contrast
from voxlate.errors import VoxlateError
from voxlate.io import read_volume, write_volume
from voxlate.phantoms import make_cohort
from voxlate.volume import Volume

Scans = dict[str, Volume]
Array = NDArray[Any]
COPY = {"target_is_source", "copied_contrast", "shared_noise", "mirrored", "unlike_others"}
TWIN = {"duplicate_image", "subject_in_two_parts"}
PLACE = {"misaligned", "mirrored", "unrelated", "unlike_others", "exchanged", "target_is_source"}


@dataclass(frozen=True)
class Fault:
    """How one case of a cohort is spoilt.

    Attributes:
        codes: Findings that tell of it.
        plant: Changes the case of that number.
        task: The contrasts that the preflight is asked about, source first; ``labels`` as a target is its own task.
        counts: ``one`` where a finding is enough, ``all`` where every case needs one.
    """

    codes: set[str]
    plant: Callable[[list[Scans], int, tuple[str, str]], None]
    task: str = "images"
    counts: str = "one"


def scaled(array: Array) -> Array:
    """Values with their percentiles 1 and 99 at 0 and 1."""
    shown = array[array > np.median(array)] if np.any(array > np.median(array)) else array
    low, high = np.percentile(shown, [1, 99])
    return (array.astype(np.float64) - low) / max(high - low, 1e-9)


def with_array(volume: Volume, array: Array, *, contrast: str, affine: Array | None = None) -> Volume:
    """A volume with other voxels."""
    return Volume(array.astype(np.float32), volume.affine if affine is None else affine, get_contrast(contrast))


def target_from(make: Callable[[Array, Array], Array]) -> Callable[[list[Scans], int, tuple[str, str]], None]:
    """The target made from source and target."""

    def plant(cases: list[Scans], number: int, task: tuple[str, str]) -> None:
        case, (source, target) = cases[number], task
        array = make(case[source].array.astype(np.float64), case[target].array.astype(np.float64))
        case[target] = with_array(case[target], array, contrast=target)

    return plant


def noisy(share: float) -> Callable[[Array, Array], Array]:
    """The source with noise of so much of its spread inside."""

    def make(source: Array, target: Array) -> Array:
        inside = source != np.median(source)
        noise = np.random.default_rng(0).normal(0, share * source[source > np.median(source)].std(), source.shape)
        return source + noise * inside

    return make


def blended(share: float) -> Callable[[Array, Array], Array]:
    """So much source in the target."""
    return lambda source, target: share * scaled(source) + (1 - share) * scaled(target)


def turned(volume: Volume, degrees: float, axis: int) -> Array:
    """The voxels turned round an axis of the grid."""
    spacing = np.array(volume.spacing_mm)
    i, j = (other for other in range(3) if other != axis)
    turn = np.eye(3)
    angle = np.radians(degrees)
    turn[i, i] = turn[j, j] = np.cos(angle)
    turn[i, j], turn[j, i] = -np.sin(angle), np.sin(angle)
    matrix = np.diag(1 / spacing) @ turn @ np.diag(spacing)
    middle = (np.array(volume.shape) - 1) / 2
    edge = float(volume.array[0, 0, 0])
    array = volume.array.astype(np.float32)
    return np.asarray(ndimage.affine_transform(array, matrix, middle - matrix @ middle, order=1, cval=edge))


def target_turned(axis: int) -> Callable[[list[Scans], int, tuple[str, str]], None]:
    """The target turned by five degrees."""

    def plant(cases: list[Scans], number: int, task: tuple[str, str]) -> None:
        target = cases[number][task[1]]
        cases[number][task[1]] = with_array(target, turned(target, 5, axis), contrast=task[1])

    return plant


def all_turned(cases: list[Scans], number: int, task: tuple[str, str]) -> None:
    """The targets of all cases turned by five degrees round an axis."""
    for other in range(len(cases)):
        target_turned(number % 3)(cases, other, task)


def exchanged(cases: list[Scans], number: int, task: tuple[str, str]) -> None:
    """Two cases' targets, each under the other's header."""
    other = (number + 1) % len(cases)
    one, two = cases[number][task[1]], cases[other][task[1]]
    if one.shape == two.shape:
        cases[number][task[1]] = with_array(one, two.array, contrast=task[1])
        cases[other][task[1]] = with_array(two, one.array, contrast=task[1])
    else:
        cases[number][task[1]], cases[other][task[1]] = two, one


def renamed(change: Callable[[Volume], Volume]) -> Callable[[list[Scans], int, tuple[str, str]], None]:
    """Another case is this one, changed: all of its images."""

    def plant(cases: list[Scans], number: int, task: tuple[str, str]) -> None:
        other = (number + len(cases) // 2) % len(cases)
        cases[other] = {name: change(volume) for name, volume in cases[number].items()}

    return plant


def moved(volume: Volume) -> Volume:
    """By a voxel along each axis, the header unchanged."""
    return Volume(np.roll(volume.array, (1, 1, 1), (0, 1, 2)), volume.affine, volume.contrast)


def cropped(volume: Volume) -> Volume:
    """An eighth off one end of two axes, the header unchanged."""
    i, j, _ = volume.shape
    return Volume(volume.array[i // 8 :, : j - j // 8], volume.affine, volume.contrast)


def turned_volume(volume: Volume) -> Volume:
    """By six degrees; labels stay whole numbers."""
    array = turned(volume, 6, 2)
    label = volume.contrast is not None and volume.contrast.kind == "label"
    return Volume(np.rint(array) if label else array, volume.affine, volume.contrast)


def quarter_turned(volume: Volume) -> Volume:
    """By ninety degrees, the header unchanged."""
    return Volume(np.rot90(volume.array, 1, (0, 1)), volume.affine, volume.contrast)


def halved(volume: Volume) -> Volume:
    """Every second voxel, in a header of twice the spacing."""
    return Volume(volume.array[::2, ::2, ::2], volume.affine @ np.diag([2, 2, 2, 1]), volume.contrast)


def labels_from(make: Callable[[Array], Array]) -> Callable[[list[Scans], int, tuple[str, str]], None]:
    """Labels made from the source."""

    def plant(cases: list[Scans], number: int, task: tuple[str, str]) -> None:
        source = cases[number][task[0]]
        array = make(source.array.astype(np.float64))
        cases[number]["labels"] = Volume(array.astype(np.int16), source.affine, get_contrast("labels"))

    return plant


FAULTS: dict[str, Fault] = {
    "copy": Fault(COPY, target_from(lambda x, _: x)),
    "gamma 0.5": Fault(COPY, target_from(lambda x, _: np.sqrt(np.clip(scaled(x), 0, None)))),
    "gamma 2": Fault(COPY, target_from(lambda x, _: np.clip(scaled(x), 0, None) ** 2)),
    "window": Fault(COPY, target_from(lambda x, _: np.clip(scaled(x), 0.3, 0.7))),
    "8 grey levels": Fault(COPY, target_from(lambda x, _: np.floor(8 * np.clip(scaled(x), 0, 0.999)))),
    "blur, 1 voxel": Fault(COPY, target_from(lambda x, _: ndimage.gaussian_filter(x, 1))),
    "blur, 2 voxels": Fault(COPY, target_from(lambda x, _: ndimage.gaussian_filter(x, 2))),
    "median of 3 voxels": Fault(COPY, target_from(lambda x, _: ndimage.median_filter(x, 3))),
    "grey values folded": Fault(COPY, target_from(lambda x, _: np.abs(x - np.percentile(x[x > np.median(x)], 40)))),
    "gradient": Fault(COPY, target_from(lambda x, _: np.sqrt(sum(np.square(by) for by in np.gradient(x))))),
    "mirrored source": Fault(COPY, target_from(lambda x, _: x[::-1])),
    "source with 10 % noise": Fault(COPY, target_from(noisy(0.1))),
    "source with 30 % noise": Fault(COPY, target_from(noisy(0.3))),
    "80 % source in the target": Fault(COPY, target_from(blended(0.8))),
    "50 % source in the target": Fault(COPY, target_from(blended(0.5))),
    "20 % source in the target": Fault(COPY, target_from(blended(0.2))),
    "target mirrored": Fault(PLACE, target_from(lambda _, y: y[::-1])),
    "target turned by 5 degrees": Fault(PLACE, target_turned(2)),
    "all targets turned by 5 degrees": Fault(PLACE, all_turned, counts="all"),
    "target tilted by 5 degrees": Fault(PLACE, target_turned(0)),
    "targets of two cases exchanged": Fault(PLACE, exchanged),
    "person twice, as is": Fault(TWIN, renamed(lambda volume: volume)),
    "person twice, moved": Fault(TWIN, renamed(moved)),
    "person twice, cropped": Fault(TWIN, renamed(cropped)),
    "person twice, turned by 6 degrees": Fault(TWIN, renamed(turned_volume)),
    "person twice, turned by 90 degrees": Fault(TWIN, renamed(quarter_turned)),
    "person twice, half resolution": Fault(TWIN, renamed(halved)),
    "labels are the image": Fault(COPY, labels_from(np.rint), task="labels"),
    "labels are the image, binarised": Fault(COPY, labels_from(lambda x: x > np.percentile(x, 80)), task="labels"),
    "labels are the image at 3 thresholds": Fault(
        COPY, labels_from(lambda x: np.digitize(x, np.percentile(x, [70, 85, 95]))), task="labels"
    ),
    "labels exchanged": Fault(PLACE, exchanged, task="labels"),
}


def load(root: Path, *, most: int = 100, window: tuple[slice, slice, slice] | None = None) -> list[Scans]:
    """The images of the first cases of a data set."""
    found = []
    for case in index_cohort(root).cases[:most]:
        scans = {name: read_volume(path, contrast=get_contrast(name)) for name, path in case.paths.items()}
        found.append({name: cut(scan, window) if window else scan for name, scan in scans.items()})
    return found


def cut(volume: Volume, window: tuple[slice, slice, slice]) -> Volume:
    """A part of a volume, in its place."""
    affine = np.array(volume.affine)
    affine[:3, 3] += affine[:3, :3] @ [part.start for part in window]
    return Volume(volume.array[window], affine, volume.contrast)


def slabs(root: Path) -> list[Scans]:
    """Slabs of 32 slices of the two people, each a case of its own."""
    starts = range(40, 105, 32)
    return [
        case
        for start in starts
        for case in load(root, window=(slice(16, 168), slice(16, 204), slice(start, start + 32)))
    ]


def findings_of(cases: list[Scans], folder: Path, source: str | None, target: str | None) -> list[Finding]:
    """Writes the cases and preflights them."""
    shutil.rmtree(folder, ignore_errors=True)
    for number, case in enumerate(cases):
        (folder / f"case{number:02d}").mkdir(parents=True)
        for name, volume in case.items():
            if name in {source, target} or source is None:
                write_volume(volume, folder / f"case{number:02d}" / f"{name}.nii.gz")
    options: dict[str, Any] = {"keep": folder.parent / "kept"} if "keep" in signature(preflight).parameters else {}
    return preflight(index_cohort(folder), source=[source] if source else (), target=target, **options)


def tell_sets(root: Path) -> None:
    """Prints the findings about each data set: how many of each code, of what severity."""
    print("| data set | cases | errors and warnings |\n|---|---|---|")
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        try:
            cohort = index_cohort(folder)
        except VoxlateError as error:
            print(f"| {folder.name} | none | refused: {str(error).partition('; ')[0]} |", flush=True)
            continue
        counts = Counter(f"{f.severity} {f.code}" for f in preflight(cohort) if f.severity != "info")
        told = ", ".join(f"{code} ({count})" for code, count in sorted(counts.items()))
        print(f"| {folder.name} | {len(cohort)} | {told or 'none'} |", flush=True)
    print()


def main() -> None:
    """Plants, checks, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+", default=list(FAULTS))
    parser.add_argument("--tries", type=int, default=3, help="Cases that a fault is planted into, one at a time.")
    parser.add_argument("--sets", action="store_true", help="Begin with the findings about every data set of --real.")
    asked = parser.parse_args()
    if asked.sets:
        tell_sets(asked.real)
    phantoms = load(make_cohort(asked.out / "phantom", cases=6, seed=3, size=64))
    hippocampi = load(asked.real / "msd_hippocampus", most=12)
    sets = {
        "phantom": {"images": (phantoms, ("t1", "t2")), "labels": (phantoms, ("flair", "labels"))},
        "real": {
            "images": (slabs(asked.real / "open_ms"), ("t1", "t2")),
            "labels": (hippocampi, (next(name for name in hippocampi[0] if name != "labels"), "labels")),
        },
    }
    clean: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for name, tasks in sets.items():
        for task, (cases, (source, target)) in tasks.items():
            start = time.process_time()
            found = findings_of(cases, asked.out / "work", source, target)
            spent = (time.process_time() - start) / len(cases)
            clean[name, task] = {(finding.code, finding.case) for finding in found}
            graver = [f"{f.severity} {f.code} {f.case}" for f in found if f.severity != "info"]
            print(f"unharmed {name}, {task}: {'; '.join(graver) or 'no finding'} ({spent:.2f} s per case)", flush=True)
    print("\n| fault | phantom | real |\n|---|---|---|")
    for fault in asked.only:
        planted, cells = FAULTS[fault], []
        for name, tasks in sets.items():
            cases, (source, target) = tasks[planted.task]
            tried = range(0, len(cases), max(1, len(cases) // asked.tries))
            hits = 0
            for number in tried:
                spoilt = [dict(case) for case in cases]
                planted.plant(spoilt, number, (source, target))
                found = findings_of(spoilt, asked.out / "work", source, target)
                new = {(f.code, f.case) for f in found} - clean[name, planted.task]
                told = {case for code, case in new if code in planted.codes}
                hits += len(told) >= (len(cases) if planted.counts == "all" else 1)
            cells.append(f"{hits} of {len(tried)}")
        print(f"| {fault} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
