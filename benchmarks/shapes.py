"""Which model draws the best label maps: one command, one table.

    python benchmarks/shapes.py [MAP ...] [--phantom head|thorax] [--cases 30] [--size 80] [--seed 0] [--figure FILE]
        [--set variational.steps=400]

Label map files are given, or a phantom is drawn (of a head all tissues, of a thorax its labels). Two thirds of the maps
train, the others are held out. As many maps are drawn as have trained. Maps are compared where their centroids meet, by
the mean Dice over the label values that either has:

- general: held-out maps against what the model makes of them (deformed: the nearest training map);
- specific: each drawn map against the held-out map that is nearest;
- coverage: share of the held-out maps to which a drawn map is at least as near as any training map;
- whole: share of the drawn structures that are one connected piece;
- copy: each drawn map against the training map that is nearest, the mean and the largest.

The row ``real`` says the same of training maps (of held-out ones for copy): what a perfect model would come to.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label as components

from voxlate.config.choice import Choice
from voxlate.contrast import get_contrast
from voxlate.io import read_volume
from voxlate.phantoms import make_cohort
from voxlate.plainyaml import parse_setting
from voxlate.shapes import SHAPES, ShapeModel, shape_family
from voxlate.shapes.placement import place, ras_labels
from voxlate.volume import Volume

FIELDS = ("shapes", "general", "specific", "coverage", "whole", "copy mean", "copy max", "fit s", "draw s", "MB")
POINTS = 72
Cut = NDArray[np.integer]


def centred(labels: Volume, half_mm: float) -> Cut:
    """The map in a cube of so many mm about its centroid, on ``POINTS`` points along each axis."""
    placed, array = place(labels), ras_labels(labels)
    assert placed is not None
    where = (np.arange(POINTS) + 0.5) / POINTS * 2 * half_mm - half_mm
    index = [
        np.clip(np.rint(placed.centre[a] + where / placed.spacing_mm[a]).astype(int), 0, array.shape[a] - 1)
        for a in range(3)
    ]
    return array[np.ix_(*index)]


def mean_dice(one: Cut, other: Cut) -> float:
    """The mean over the label values that either has."""
    top = int(max(one.max(), other.max())) + 1
    counts = [np.bincount(part.ravel(), minlength=top)[1:] for part in (one, other, one[one == other])]
    there = counts[0] + counts[1] > 0
    return float((2 * counts[2] / np.maximum(counts[0] + counts[1], 1))[there].mean())


def nearest(ones: Sequence[Cut], others: Sequence[Cut]) -> NDArray[np.float64]:
    """Of each map, the Dice of the other that is nearest."""
    return np.array([max(mean_dice(one, other) for other in others) for one in ones])


def wholeness(maps: Sequence[Cut]) -> float:
    """The share of the structures that are one piece, corners counted as contact."""
    found = [components(one == value, np.ones((3, 3, 3)))[1] == 1 for one in maps for value in np.unique(one) if value]
    return float(np.mean(found))


def draw(model: ShapeModel, rng: np.random.Generator) -> Volume:
    """A drawn map; one in which nothing is labelled is drawn again, as in synthesis."""
    while not (drawn := model.sample(rng)).array.any():
        print("an empty map was drawn", flush=True)
    return drawn


def measure(model: ShapeModel, train: Sequence[Cut], test: Sequence[Volume], *, half_mm: float) -> tuple[Any, ...]:
    """A row of the table, without name and seconds of fitting, and the drawn maps."""
    held = [centred(one, half_mm) for one in test]
    general = np.mean(
        [mean_dice(centred(model.closest(one), half_mm), cut) for one, cut in zip(test, held, strict=True)]
    )
    began = time.monotonic()
    drawn = [draw(model, np.random.default_rng((1, number))) for number in range(len(train))]
    seconds = (time.monotonic() - began) / len(drawn)
    cuts = [centred(one, half_mm) for one in drawn]
    size = sum(array.nbytes for array in model.state().values()) / 1e6
    row = (general, nearest(cuts, held).mean(), np.mean(nearest(held, cuts) >= nearest(held, train)), wholeness(cuts))
    copies = nearest(cuts, train)
    return (*row, copies.mean(), copies.max(), seconds, size, drawn)


def read_maps(paths: Sequence[Path]) -> list[Volume]:
    """The label maps that label anything."""
    maps = [read_volume(path, contrast=get_contrast("labels")) for path in paths]
    return [one for one in maps if one.array.any()]


def draw_phantom(folder: Path, *, anatomy: str, cases: int, size: int) -> list[Path]:
    """The label maps of a phantom cohort."""
    contrast = "t1" if anatomy == "head" else "ct"
    root = make_cohort(folder / "cohort", cases=cases, seed=5, size=size, anatomy=anatomy, contrasts=(contrast,))
    pattern = "derivatives/truth/*/*-tissues.nii.gz" if anatomy == "head" else "*/*label*.nii.gz"
    return sorted(root.glob(pattern)) or sorted(root.glob("*/*seg*.nii.gz"))


def picture(rows: dict[str, Sequence[Volume]], path: Path) -> None:
    """Some maps of each kind, their middle axial slices in the same colours."""
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    mpl.use("Agg")
    values = sorted({int(v) for maps in rows.values() for one in maps[:6] for v in np.unique(one.array)})
    figure, axes = plt.subplots(len(rows), 6, figsize=(12, 2.1 * len(rows)))
    for line, (name, maps) in zip(axes, rows.items(), strict=True):
        for axis, one in zip(line, maps, strict=False):
            array, placed = ras_labels(one), place(one)
            assert placed is not None
            shown = np.searchsorted(values, array[:, :, round(placed.centre[2])].T)
            axis.imshow(
                shown, origin="lower", cmap="tab20", vmin=0, vmax=max(len(values) - 1, 1), interpolation="nearest"
            )
        for axis in line:
            axis.set_axis_off()
        line[0].set_title(name, loc="left", fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=80)


def main() -> None:
    """Reads or draws, fits, draws, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("maps", nargs="*", type=Path, metavar="MAP")
    parser.add_argument("--phantom", choices=["head", "thorax"], default="head")
    parser.add_argument("--cases", type=int, default=30)
    parser.add_argument("--size", type=int, default=80)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES))
    parser.add_argument("--set", action="append", default=[], metavar="NAME.OPTION=VALUE")
    parser.add_argument("--figure", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = asked.maps or draw_phantom(Path(folder), anatomy=asked.phantom, cases=asked.cases, size=asked.size)
        maps = read_maps(sorted(paths))
    order = np.random.default_rng(asked.seed).permutation(len(maps))[: asked.cases]
    share = round(2 / 3 * len(order))
    train, test = [maps[n] for n in order[:share]], [maps[n] for n in order[share:]]
    half = 0.55 * max(max(placed.extent_mm) for placed in map(place, maps) if placed is not None)
    known, held = [centred(one, half) for one in train], [centred(one, half) for one in test]
    print(
        f"{len(train)} maps train, {len(test)} are held out, {len(np.unique(train[0].array)) - 1} labels in the first"
    )
    table = [FIELDS]
    copies = nearest(held, known)
    reference = (nearest(known, held).mean(), wholeness(known), copies.mean(), copies.max())
    table.append(("real", "", f"{reference[0]:.3f}", "", *(f"{value:.3f}" for value in reference[1:]), "", "", ""))
    drawn: dict[str, Sequence[Volume]] = {"real": train}
    changes = [parse_setting(text) for text in asked.set]
    for name in asked.shapes:
        options = {key.partition(".")[2]: value for key, value in changes if key.partition(".")[0] == name}
        began = time.monotonic()
        model = shape_family(Choice.model_validate({"name": name, **options})).fit(train)
        seconds = time.monotonic() - began
        *row, draw_seconds, size, drawn[name] = measure(model, known, test, half_mm=half)
        table.append((name, *(f"{value:.3f}" for value in row), f"{seconds:.0f}", f"{draw_seconds:.2f}", f"{size:.1f}"))
        print("; ".join(map(" ".join, zip(FIELDS, table[-1], strict=True))), flush=True)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)))
    if asked.figure:
        picture(drawn, asked.figure)


if __name__ == "__main__":
    main()
