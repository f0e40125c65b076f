"""What the audit of privacy makes of label maps: which planted copies it finds, and how many drawn maps it holds back.

    python benchmarks/label_privacy.py [MAP ...] [--phantom thorax] [--cases 45] [--size 48] [--members 30] [--seed 0]
        [--deform 0.75 1.5 3 4.5] [--turn 10] [--shapes statistical deformed] [--drawn 40]

Label map files are given, or a phantom is drawn. ``--members`` of them count as training maps, the others are held out.
Of the first ten members are planted: the map itself, its mirror image, copies under a smooth deformation that moves no
labelled voxel further than so many mm, and a turned copy. Then maps are drawn by each shape model, fitted to the
members. A line per group: held back, how often the nearest training map is the one that was copied, the relative
distance (1: the median of training maps to their nearest other one), and Dice with the original, all labels together.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates, zoom

from voxlate.cohort import Case
from voxlate.config.choice import Choice
from voxlate.contrast import get_contrast
from voxlate.evaluation.privacy.label_space import place_label_maps
from voxlate.evaluation.privacy.neighbours import set_threshold
from voxlate.io import read_volume, write_volume
from voxlate.phantoms import make_cohort
from voxlate.shapes import shape_family
from voxlate.volume import Volume

LABELS = get_contrast("labels")
PLANTED = 10
COARSE = 5


def moved(labels: Volume, *, mm: float = 0.0, turn_deg: float = 0.0, seed: int = 0) -> Volume:
    """A map that is turned about its centroid in the axial plane and deformed by at most so many mm."""
    rng = np.random.default_rng(seed)
    inside = labels.array != 0
    at = np.stack(np.meshgrid(*map(np.arange, labels.shape), indexing="ij")).astype(np.float64)
    if turn_deg:
        angle = np.deg2rad(turn_deg)
        turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
        centre = np.argwhere(inside).mean(axis=0)[:, None, None, None]
        at = np.einsum("ij,jxyz->ixyz", turn, at - centre) + centre
    if mm:
        field = np.stack([zoom(rng.standard_normal([COARSE] * 3), np.array(labels.shape) / COARSE) for _ in range(3)])
        field *= mm / np.sqrt((field**2).sum(axis=0))[inside].max()
        at += field / np.array(labels.grid.spacing_mm)[:, None, None, None]
    return Volume(map_coordinates(labels.array, at, order=0, mode="nearest"), labels.affine, LABELS)


def dice(one: Volume, other: Volume) -> float:
    """Of two maps on one grid, voxels of the same label over the mean of what is labelled."""
    same = (one.array == other.array) & (one.array != 0)
    return float(2 * same.sum() / ((one.array != 0).sum() + (other.array != 0).sum()))


def planted(maps: Sequence[Volume], *, deform: Sequence[float], turn_deg: float) -> dict[str, list[Volume]]:
    """Copies of maps, by what was done to them."""
    found = {
        "copies": list(maps),
        "mirrored": [Volume(np.ascontiguousarray(one.array[::-1]), one.affine, LABELS) for one in maps],
    }
    for mm in deform:
        found[f"deformed by {mm:g} mm"] = [moved(one, mm=mm, seed=number) for number, one in enumerate(maps)]
    found[f"turned by {turn_deg:g} degrees"] = [moved(one, turn_deg=turn_deg) for one in maps]
    return found


def line(name: str, distances: NDArray[np.float64], *, limit: float, typical: float, right: str, alike: str) -> str:
    """A row of the table."""
    low, middle, high = (value / typical for value in (distances.min(), np.median(distances), distances.max()))
    held = f"{int((distances <= limit).sum())} of {len(distances)}"
    return f"{name:24s} {held:>10s} {right:>9s}  {low:.2f} {middle:.2f} {high:.2f}  {alike}"


def audit(real: Sequence[Path], groups: dict[str, list[Volume]], *, members: int, folder: Path) -> None:
    """Places everything and prints a line per group."""
    cases = [Case(f"real{number}", f"real{number}", {"labels": path}) for number, path in enumerate(real)]
    synthetic, originals = [], [read_volume(path, contrast=LABELS) for path in real[:PLANTED]]
    for group, maps in groups.items():
        for number, one in enumerate(maps):
            name = f"{group.replace(' ', '-')}_{number}"
            synthetic.append(Case(name, group, {"labels": write_volume(one, folder / f"{name}.nii.gz")}))
    found = place_label_maps(cases, synthetic, report=lambda *_: None)
    assert found is not None
    space = found.space()
    known = np.array([int(one.case.id.removeprefix("real")) < members for one in found.real])
    among, _ = space.among_real([one.case.id for one in found.real])
    nearest = among[np.ix_(known, known)]
    limit = set_threshold(nearest.min(axis=1), nearest.argmin(axis=1))
    print(f"typical distance {limit.typical:.3f}, held back up to {limit.relative(limit.distance):.2f} of it")
    print(f"{'maps':24s} {'held back':>10s} {'own':>9s}  relative distance: least, median, most; Dice")
    apart = {"limit": limit.distance, "typical": limit.typical}
    print(line("real, held out", among[np.ix_(~known, known)].min(axis=1), **apart, right="", alike=""))
    distances = space.from_synthetic()[0][:, known]
    owners = [one.case.id for one, is_known in zip(found.real, known, strict=True) if is_known]
    for group, maps in groups.items():
        rows = [row for row, one in enumerate(found.synthetic) if one.case.subject == group]
        nearest = [owners[int(distances[row].argmin())] for row in rows]
        right = sum(
            name == f"real{found.synthetic[row].case.id.rpartition('_')[2]}"
            for row, name in zip(rows, nearest, strict=True)
        )
        drawn = group.startswith("drawn")
        alike = np.mean([dice(one, two) for one, two in zip(maps, originals, strict=False)]) if not drawn else np.nan
        told = {"right": "" if drawn else f"{right} of {len(rows)}", "alike": "" if drawn else f"{alike:.2f}"}
        print(line(group, distances[rows].min(axis=1), **apart, **told))


def main() -> None:
    """Reads or draws, plants, audits, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("maps", nargs="*", type=Path, metavar="MAP")
    parser.add_argument("--phantom", choices=["thorax"], default="thorax")
    parser.add_argument("--cases", type=int, default=45)
    parser.add_argument("--size", type=int, default=48)
    parser.add_argument("--members", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--deform", nargs="*", type=float, default=[4.0, 8.0, 12.0])
    parser.add_argument("--turn", type=float, default=10.0)
    parser.add_argument("--shapes", nargs="*", default=["statistical", "deformed"])
    parser.add_argument("--drawn", type=int, default=40)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        paths = sorted(asked.maps)
        if not paths:
            root = make_cohort(
                folder / "cohort",
                cases=asked.cases,
                seed=5,
                size=asked.size,
                anatomy=asked.phantom,
                contrasts=("ct",),
            )
            paths = sorted(root.glob("*/*seg.nii.gz"))
        order = np.random.default_rng(asked.seed).permutation(len(paths))[: asked.cases]
        chosen = [paths[number] for number in order]
        maps = [read_volume(path, contrast=LABELS) for path in chosen[: asked.members]]
        groups = planted(maps[:PLANTED], deform=asked.deform, turn_deg=asked.turn)
        for name in asked.shapes:
            model = shape_family(Choice.model_validate({"name": name})).fit(maps)
            groups[f"drawn, {name}"] = [model.sample(np.random.default_rng((1, n))) for n in range(asked.drawn)]
        audit(chosen, groups, members=asked.members, folder=folder)


if __name__ == "__main__":
    main()
