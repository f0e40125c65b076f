"""Which planted copies of real scans the audit of privacy holds back, and how many scans that are new to it.

    python benchmarks/privacy_plants.py IMAGES [--labels LABELS] [--members 36] [--new 18] [--held-out 60] [--seed 0]
        [--keep FOLDER]

``IMAGES`` is a folder of scans, one file each. ``--members`` of them count as training images, ``--held-out`` others as
real images that no model has seen, and the synthetic set is 57 copies (19 kinds, three of each) and ``--new`` scans of
other people. Every scan is given a lesion of its own, label 3 of its label map, so that two kinds of copy are a lesion
in another person's scan, at its place and elsewhere. Other copies have no label map: the image alone gives them away.

A line per kind: found of how many, and of those how many beside their own original. Then the false alarms of the new
and of the held-out scans, and the seconds.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter, map_coordinates, zoom

from voxlate.contrast import get_contrast
from voxlate.io import file_digest, read_volume, write_volume
from voxlate.volume import Volume
from voxlate.workflows.privacy import evaluate_privacy

LABELS, T1 = get_contrast("labels"), get_contrast("t1")
EACH = 3
LESION = 3
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Scan:
    """A scan with a lesion: values, labels, affine."""

    array: Array
    labels: NDArray[np.uint8]
    affine: NDArray[np.float64]


def with_lesion(array: Array, labels: NDArray[np.uint8], affine: NDArray[np.float64], *, seed: int) -> Scan:
    """The scan with a bright irregular lesion of about 8 mm, somewhere in its middle half."""
    rng = np.random.default_rng((7, seed))
    shape = np.array(array.shape)
    centre = shape * rng.uniform(0.3, 0.7, 3)
    at = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij")) - centre[:, None, None, None]
    wobble = gaussian_filter(rng.standard_normal(array.shape), 1.5)
    radius = 4.0 * rng.uniform(0.8, 1.3) * (1 + 0.35 * wobble / wobble.std())
    lesion = np.sqrt((at**2).sum(axis=0)) < radius
    texture = gaussian_filter(rng.standard_normal(array.shape), 0.7)
    level = np.percentile(array, 90) * (1.1 + 0.1 * texture / texture.std())
    soft = gaussian_filter(lesion.astype(np.float32), 0.6)
    found = np.asarray(array * (1 - soft) + level * soft, dtype=np.float32)
    return Scan(found, np.where(lesion, LESION, labels).astype(np.uint8), affine)


def moved(scan: Scan, matrix: NDArray[np.float64], *, shift: tuple[float, float, float] = (0, 0, 0)) -> Scan:
    """The scan under a linear map about its centre, and a shift in voxels."""
    centre = (np.array(scan.array.shape) - 1) / 2
    found = affine_transform(scan.array, matrix, offset=centre - matrix @ centre - np.array(shift), order=1)
    return Scan(found, scan.labels, scan.affine)


def turned(scan: Scan, rng: np.random.Generator) -> Scan:
    """Turned by 5 to 10 degrees about each of two axes."""
    one, two = np.deg2rad(rng.uniform(5, 10, 2) * rng.choice([-1, 1], 2))
    first = np.array([[np.cos(one), -np.sin(one), 0], [np.sin(one), np.cos(one), 0], [0, 0, 1]])
    second = np.array([[1, 0, 0], [0, np.cos(two), -np.sin(two)], [0, np.sin(two), np.cos(two)]])
    return moved(scan, first @ second)


def deformed(scan: Scan, rng: np.random.Generator, *, voxels: float = 2.5) -> Scan:
    """Under a smooth deformation of at most so many voxels."""
    shape = scan.array.shape
    moves = [zoom(rng.standard_normal((5, 5, 5)), np.array(shape) / 5) for _ in range(3)]
    longest = np.sqrt(sum(move**2 for move in moves)).max()
    at = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij")) + voxels * np.stack(moves) / longest
    return Scan(map_coordinates(scan.array, at, order=1, mode="nearest"), scan.labels, scan.affine)


def cropped(scan: Scan, rng: np.random.Generator) -> Scan:
    """Seven tenths of each axis, from a random corner, where the affine says it was."""
    size = (0.7 * np.array(scan.array.shape)).astype(int)
    first = np.array([rng.integers(0, n - m + 1) for n, m in zip(scan.array.shape, size, strict=True)])
    block = tuple(slice(a, a + n) for a, n in zip(first, size, strict=True))
    affine = scan.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ first
    return Scan(scan.array[block], scan.labels[block], affine)


def halved(scan: Scan, rng: np.random.Generator) -> Scan:
    """One half is zero."""
    array = scan.array.copy()
    axis = int(rng.integers(0, 3))
    part = [slice(None)] * 3
    middle = array.shape[axis] // 2
    part[axis] = slice(middle, None) if rng.random() < 0.5 else slice(0, middle)
    array[tuple(part)] = 0
    return Scan(array, scan.labels, scan.affine)


def coarse(scan: Scan) -> Scan:
    """At half the resolution."""
    affine = scan.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ np.full(3, 0.5)
    affine[:3, :3] *= 2
    i, j, k = (n - n % 2 for n in scan.array.shape)
    blocks = scan.array[:i, :j, :k].reshape(i // 2, 2, j // 2, 2, k // 2, 2)
    return Scan(blocks.mean(axis=(1, 3, 5)), scan.labels, affine)


def with_copied_lesion(source: Scan, host: Scan, rng: np.random.Generator, *, far: bool) -> Scan:
    """Another person's scan with the lesion of the source: at its place, or elsewhere."""
    inside = np.argwhere(source.labels == LESION)
    shift = np.zeros(3, dtype=int)
    low, high = inside.min(axis=0), inside.max(axis=0)
    room = np.array(host.array.shape) - 1
    if far:
        shift = np.array([rng.integers(-a, b + 1) for a, b in zip(low, room - high, strict=True)])
    shift = np.clip(shift, -low, room - high)
    to = tuple((inside + shift).T)
    array, labels = host.array.copy(), host.labels.copy()
    labels[labels == LESION] = 0
    scale = np.percentile(host.array, 90) / np.percentile(source.array, 90)
    array[to] = source.array[tuple(inside.T)] * scale
    labels[to] = LESION
    return Scan(array, labels, host.affine)


def kinds() -> dict[str, Callable[[Scan, Scan, np.random.Generator], Scan]]:
    """From a kind to what makes it, of a scan, another person's, and a generator."""

    def of(change: Callable[[Array, np.random.Generator], Array]) -> Callable[[Scan, Scan, np.random.Generator], Scan]:
        return lambda scan, _, rng: Scan(np.asarray(change(scan.array, rng), np.float32), scan.labels, scan.affine)

    def unit(array: Array) -> Array:
        low, high = np.percentile(array, (0, 99.5))
        return np.asarray(np.clip((array - low) / (high - low), 0, 1), np.float32)

    def noise(array: Array, rng: np.random.Generator) -> Array:
        return np.asarray(unit(array) + 0.08 * rng.standard_normal(array.shape), np.float32)

    def bias(array: Array, rng: np.random.Generator) -> Array:
        return np.asarray(
            array * np.exp(0.8 * zoom(rng.standard_normal((3, 3, 3)), np.array(array.shape) / 3)), np.float32
        )

    def blend(scan: Scan, other: Scan, _: np.random.Generator) -> Scan:
        second = zoom(other.array, np.array(scan.array.shape) / other.array.shape, order=1)
        mixed = 0.8 * unit(scan.array) + 0.2 * unit(second[tuple(map(slice, scan.array.shape))])
        return Scan(mixed, scan.labels, scan.affine)

    return {
        "copy": of(lambda array, _: array),
        "rescaled": of(lambda array, _: 3.7 * array + 11),
        "inverted": of(lambda array, _: array.max() - array),
        "gamma": of(lambda array, rng: unit(array) ** rng.choice([0.4, 2.5])),
        "windowed": of(lambda array, _: np.clip(array, *np.percentile(array, (25, 80)))),
        "noise": of(noise),
        "blurred": of(lambda array, _: gaussian_filter(array, 1.2)),
        "blend 80/20": blend,
        "half zeroed": lambda scan, _, rng: halved(scan, rng),
        "cropped": lambda scan, _, rng: cropped(scan, rng),
        "mirrored": of(lambda array, _: array[::-1]),
        "shifted": lambda scan, _, rng: moved(scan, np.eye(3), shift=tuple(rng.integers(-6, 7, 3))),
        "turned": lambda scan, _, rng: turned(scan, rng),
        "scaled": lambda scan, _, __: moved(scan, np.eye(3) / 1.1),
        "deformed": lambda scan, _, rng: deformed(scan, rng),
        "half resolution": lambda scan, _, __: coarse(scan),
        "bias field": of(bias),
        "lesion, same place": lambda scan, other, rng: with_copied_lesion(scan, other, rng, far=False),
        "lesion, elsewhere": lambda scan, other, rng: with_copied_lesion(scan, other, rng, far=True),
    }


def save(scan: Scan, folder: Path, case: str, *, labelled: bool) -> Path:
    """Writes a scan as a case."""
    path = folder / case / f"{case}_t1.nii.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_volume(Volume(np.ascontiguousarray(scan.array, dtype=np.float32), scan.affine, T1), path)
    if labelled:
        write_volume(Volume(scan.labels, scan.affine, LABELS), folder / case / f"{case}_labels.nii.gz")
    return path


def plant(asked: argparse.Namespace, root: Path) -> None:
    """Writes ``real`` and ``synthetic``."""
    files = sorted(path for path in asked.images.iterdir() if path.name.endswith(".nii.gz") and path.name[0] != ".")
    order = np.random.default_rng(asked.seed).permutation(len(files))

    def scan(number: int) -> Scan:
        path = files[order[number]]
        volume = read_volume(path, contrast=T1)
        told = asked.labels / path.name if asked.labels else None
        labels = (
            read_volume(told, contrast=LABELS).array
            if told is not None and told.is_file()
            else np.zeros(volume.shape, np.uint8)
        )
        return with_lesion(np.asarray(volume.array, np.float32), np.asarray(labels), volume.affine, seed=number)

    labelled, members, held = not asked.unlabelled, asked.members, asked.held_out
    seen = [save(scan(n), root / "real", f"real{n:03d}", labelled=labelled) for n in range(members)]
    for n in range(members, members + held):
        save(scan(n), root / "real", f"real{n:03d}", labelled=labelled)
    (root / "synthetic").mkdir()
    (root / "synthetic" / "seen.json").write_text(json.dumps([file_digest(path) for path in seen]))
    first = members + held
    for n in range(first, first + asked.new):
        save(scan(n), root / "synthetic", f"new{n:03d}", labelled=labelled)
    for number, (kind, make) in enumerate(kinds().items()):
        for copy in range(EACH):
            source = (number * EACH + copy) % members
            other = scan(first + asked.new + (number * EACH + copy) % 40)
            rng = np.random.default_rng((asked.seed, number, copy))
            name = f"{kind.replace(' ', '-').replace(',', '').replace('/', '')}_of{source:03d}_{copy}"
            lesion = kind.startswith("lesion")
            save(make(scan(source), other, rng), root / "synthetic", name, labelled=labelled and lesion)


def rows(path: Path) -> dict[str, dict[str, str]]:
    """A table by case."""
    with path.open(newline="") as file:
        return {row["case"]: row for row in csv.DictReader(file)}


def tell(out: Path, *, new: int, seconds: float) -> None:
    """Prints the table."""
    review, released = rows(out / "review.csv"), rows(out / "released.csv")
    total = 0
    for kind in kinds():
        stem = f"{kind.replace(' ', '-').replace(',', '').replace('/', '')}_of"
        found = {case: row for case, row in review.items() if case.startswith(stem)}
        own = sum(
            any(value == f"real{case.split('_of')[1][:3]}" for name, value in row.items() if name.startswith("nearest"))
            for case, row in found.items()
        )
        total += len(found)
        missed = sorted(case for case in released if case.startswith(stem))
        print(f"{kind:20s} {len(found)} of {EACH}, {own} beside their own   {' '.join(missed)}")
    alarms = [f"{case} ({row['reason']})" for case, row in review.items() if case.startswith("new")]
    summary = json.loads((out / "summary.json").read_text())
    print(f"found {total} of {EACH * len(kinds())}")
    print(f"new scans held back: {len(alarms)} of {new} {'; '.join(alarms)}")
    print(f"held-out scans held back: {summary['false_alarms']}")
    by_space = {name: space["false_alarms"] for name, space in summary["spaces"].items()}
    print({name: alarms and alarms["count"] for name, alarms in by_space.items()})
    print(f"{seconds:.0f} s, of which {time.process_time():.0f} s of processor time with planting")


def main() -> None:
    """Plants, audits, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path, metavar="IMAGES")
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--unlabelled", action="store_true", help="no label map anywhere")
    parser.add_argument("--members", type=int, default=36)
    parser.add_argument("--new", type=int, default=18)
    parser.add_argument("--held-out", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="a folder for what is planted and found")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        root = asked.keep or Path(place)
        if not (root / "real").is_dir():
            root.mkdir(parents=True, exist_ok=True)
            plant(asked, root)
        start = time.perf_counter()
        evaluate_privacy(root / "synthetic", root / "real", root / "out", report=lambda *_: None)
        tell(root / "out", new=asked.new, seconds=time.perf_counter() - start)


if __name__ == "__main__":
    main()
