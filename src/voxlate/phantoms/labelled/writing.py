"""A cohort of heads rendered from a folder of label maps, written like every simulated cohort."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from voxlate.contrast import CONTRASTS
from voxlate.errors import UsageError
from voxlate.io import file_digest, is_volume_path, read_volume
from voxlate.phantoms.cohort import check_counts, contrast_names, identity, write_cohort
from voxlate.phantoms.labelled.heads import refuse_image
from voxlate.phantoms.labelled.rendering import LABEL_CONTRASTS, RenderOptions, render_labels
from voxlate.phantoms.labelled.table import head_table, read_table
from voxlate.phantoms.scans import SimulatedCase
from voxlate.plainyaml import listed


@dataclasses.dataclass(frozen=True)
class HeadMaps:
    """Label maps, what their numbers stand for beside the shipped table, and what may vary.

    Attributes:
        folder: A folder of label maps, or one map.
        table: A CSV or YAML file with tissues of further labels; see ``read_table``.
        options: What may vary.
    """

    folder: Path
    table: Path | None = None
    options: RenderOptions = dataclasses.field(default_factory=RenderOptions)


def make_label_cohort(
    out: str | Path,
    *,
    labels: str | Path,
    cases: int,
    seed: int,
    table: str | Path | None = None,
    contrasts: str | Sequence[str] | None = None,
    options: RenderOptions | None = None,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Renders a cohort of heads and writes it.

    Every map is used once before one is used again, in an order that the seed decides.

    Args:
        out: A folder that is new, empty, or holds a cohort of the same maps, seed and options, which is then completed.
        labels: A folder of label maps, or one map.
        cases: How many heads.
        seed: Decides everything random.
        table: A CSV or YAML file with tissues of further labels; see ``read_table``.
        contrasts: What is acquired, by any alias; ``None`` for t1, t1c, t2, flair, pd and ct.
        options: What may vary.
        workers: Heads rendered at a time, each in some 2 GB; no effect on the result.
        progress: Called with the number of finished cases and of all.

    Returns:
        The folder.

    Raises:
        UsageError: If an argument cannot be used, a label has no tissue, or the folder holds something else.
    """
    maps, known = _maps(Path(labels)), read_table(table) if table else head_table()
    names, settings = contrast_names(listed(contrasts or LABEL_CONTRASTS)), options or RenderOptions()
    check_counts(cases=cases, size=settings.size or 16, seed=seed)
    about = identity(
        seed=seed,
        anatomy="labels",
        contrasts=names,
        options=settings,
        maps={path.name: file_digest(path) for path in maps},
        table={str(label): name for label, name in known.tissues.items() if head_table().tissues.get(label) != name},
        tissues={name: dataclasses.asdict(tissue) for name, tissue in known.own.items()},
    )

    def draw(index: int) -> SimulatedCase:
        path = maps[_order(seed, index // len(maps), len(maps))[index % len(maps)]]
        volume = read_volume(path, contrast=CONTRASTS["labels"])
        refuse_image(volume.array, where=path)
        known.names_of(np.unique(np.rint(volume.array)), where=path)
        case = render_labels(volume, seed=seed, index=index, contrasts=names, options=settings, table=known)
        return dataclasses.replace(case, attributes={"map": path.name, **case.attributes})

    return write_cohort(
        Path(out), about, draw, cases=cases, tissues=tuple(known.materials()), workers=workers, progress=progress
    )


def _order(seed: int, turn: int, count: int) -> list[int]:
    return [int(n) for n in np.random.default_rng((seed, turn)).permutation(count)]


def _maps(place: Path) -> list[Path]:
    found = [place] if place.is_file() else sorted(path for path in place.glob("*") if is_volume_path(path))
    if not found:
        came = "no image in it" if place.is_dir() else "nothing there"
        remedy = "Name a folder of label maps in NIfTI, MetaImage, NRRD or MGH."
        raise UsageError("a folder of label maps", came=came, where=place, remedy=remedy)
    return found
