"""A simulated cohort on disk: scans as a data set that Voxlate indexes, and the truth beside them.

    OUT/Phantom-00001-000/Phantom-00001-000-t1n.nii.gz    t1n t1c t2w t2f pd in_phase out_phase ct, and seg
    OUT/participants.tsv                                  age, subtype, grade, enhancement, lesion volume
    OUT/acquisitions.tsv                                  a row per image: times, angle, field, agent (BIDS)
    OUT/phantom.json                                      what drew the cohort: seed, options, version
    OUT/derivatives/truth/tissues.tsv                     numbers and names of tissues
    OUT/derivatives/truth/Phantom-00001-000/...           tissues, brain mask, noise-free signals, movement, protocols

Names are BraTS's of 2023 and so are the labels of ``seg`` of a head: 1 tumour core that does not enhance, 2 oedema, 3
enhancing tumour. A thorax has ``ct`` and ``pet``, the structures of the heart by MM-WHS in ``seg`` (the column
``label_convention`` says so), and its lesions in the truth; an abdomen ``in_phase``, ``out_phase`` and ``ct``, and the
organs of CHAOS. The same seed and options give the same bytes, whatever
the number of workers; a rerun draws the missing cases. Heads rendered from label maps have the map's numbers in the
truth (``anatomy``) and no noise-free signals.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from voxlate._version import __version__
from voxlate.contrast import CONTRASTS, get_contrast
from voxlate.errors import UsageError
from voxlate.io import Provenance, hold, write_text, write_volume
from voxlate.phantoms.acquisitions import acquisition_table, case_name
from voxlate.phantoms.anatomy import anatomy_for
from voxlate.phantoms.physics.protocols import protocol_for
from voxlate.phantoms.physics.tissues import TISSUES
from voxlate.phantoms.scans import PhantomOptions, Scan, SimulatedCase, simulate_case
from voxlate.plainyaml import Json, listed
from voxlate.progress.spreading import spread
from voxlate.strict import StrictModel
from voxlate.volume import Array, Grid, Volume

_SUFFIXES: dict[str, str] = {"t1": "t1n", "t1c": "t1c", "t2": "t2w", "flair": "t2f", "labels": "seg"}
"""How BraTS names contrasts; the others keep their canonical names."""

_NOTE = "Simulated by Voxlate's phantom; shows no person."

_STREAM_VERSION = 2
"""Goes up when the same seed draws another cohort."""


def make_cohort(
    out: str | Path,
    *,
    cases: int,
    seed: int,
    size: int = 96,
    anatomy: str = "head",
    contrasts: str | Sequence[str] | None = None,
    options: PhantomOptions | None = None,
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Draws a cohort and writes it.

    Args:
        out: A folder that is new, empty, or holds a cohort of the same seed and options, which is then completed.
        cases: How many people.
        seed: Decides everything random.
        size: Voxels along each edge of an image.
        anatomy: A name in ``ANATOMIES``.
        contrasts: What is acquired of each person, by any alias; the first defines the position of the others.
            ``None`` for those of the anatomy (head: T1, T1 post-contrast, T2, FLAIR; thorax: CT, PET;
            abdomen: in-phase, opposed-phase, CT).
        options: Spacing, misalignment, skull stripping and the like.
        workers: Cases drawn at a time; no effect on the result.
        progress: Called with the number of finished cases and of all.

    Returns:
        The folder.

    Raises:
        UsageError: If an argument cannot be used, or the folder holds something else.

    Example:
        >>> make_cohort("cohort", cases=24, seed=0)  # doctest: +SKIP
    """
    root = Path(out)
    settings = options or PhantomOptions()
    names = contrast_names(anatomy_for(anatomy).contrasts if contrasts is None else listed(contrasts))
    anatomy_for(anatomy, names)
    check_counts(cases=cases, size=size, seed=seed)
    recipe = identity(seed=seed, size=size, anatomy=anatomy, contrasts=names, options=settings)

    def draw(index: int) -> SimulatedCase:
        return simulate_case(index=index, seed=seed, size=size, anatomy=anatomy, contrasts=names, options=settings)

    return write_cohort(root, recipe, draw, cases=cases, tissues=tuple(TISSUES), workers=workers, progress=progress)


def write_cohort(
    root: Path,
    recipe: str,
    draw: Callable[[int], SimulatedCase],
    *,
    cases: int,
    tissues: Sequence[str],
    workers: int,
    progress: Callable[[int, int], None] | None,
) -> Path:
    """Draws the cases that are missing and writes them, then the tables.

    Args:
        root: The cohort's folder.
        recipe: What makes this cohort, from ``identity``.
        draw: From a case's index to the case.
        cases: How many there are.
        tissues: Names of the tissues in the order of their numbers.
        workers: Cases drawn at a time.
        progress: Called with the number of finished cases and of all.

    Raises:
        UsageError: If the folder holds something else.
    """
    _claim(root, recipe)
    with hold(root, what="drawing a phantom cohort"):
        truth = root / "derivatives" / "truth"
        truth.mkdir(parents=True, exist_ok=True)
        write_text(truth / "tissues.tsv", _tissue_table(tissues))

        def finish(index: int) -> dict[str, str]:
            return _finished(root, index) or _write_case(root, index, draw(index))

        rows = spread(finish, range(cases), workers=workers, progress=progress)
        write_text(root / "participants.tsv", _participants(rows))
        write_text(root / "acquisitions.tsv", acquisition_table(root, cases))
    return root


def contrast_names(contrasts: Sequence[str]) -> tuple[str, ...]:
    """Canonical names of contrasts that can be acquired.

    Raises:
        UsageError: If there is none, or one cannot be.
    """
    names = tuple(dict.fromkeys(get_contrast(name).name for name in contrasts))
    for name in names:
        protocol_for(name)
    if not names:
        raise UsageError("at least one contrast", came="none", remedy="Name contrasts, for example t1 and t2.")
    return names


def check_counts(*, cases: int, size: int, seed: int) -> None:
    """Refuses counts that make no cohort.

    Raises:
        UsageError: If one of them is too small.
    """
    if cases < 1 or size < 16 or seed < 0:
        raise UsageError(
            "at least one case, 16 voxels and a seed of 0 or more",
            came=f"{cases} cases, size {size}, seed {seed}",
            remedy="Choose larger numbers.",
        )


def identity(*, contrasts: Sequence[str], options: StrictModel, **values: object) -> str:
    """What makes a cohort, as JSON."""
    about = {
        "description": "Simulated scans drawn by Voxlate's phantom; no patient. Not for diagnostic use.",
        "software": "voxlate",
        "stream_version": _STREAM_VERSION,
        "synthetic": True,
    }
    return _json({**about, "contrasts": list(contrasts), "options": options.model_dump(mode="json"), **values})


def _claim(root: Path, recipe: str) -> None:
    """Takes the folder for this cohort, or refuses it when it holds another or something else."""
    mark = root / "phantom.json"
    if mark.is_file():
        if _without_version(mark.read_text(encoding="utf-8")) == json.loads(recipe):
            return
        came = "a phantom cohort of another seed or other options"
    elif root.exists() and (not root.is_dir() or any(root.iterdir())):
        came = "something else"
    else:
        root.mkdir(parents=True, exist_ok=True)
        write_text(mark, _json({**json.loads(recipe), "software_version": __version__}))
        return
    raise UsageError("a new or empty folder", came=came, where=root, remedy="Give another folder, or remove this one.")


def _without_version(text: str) -> Json:
    values: Json = json.loads(text)
    values.pop("software_version", None)
    return values


def _finished(root: Path, index: int) -> dict[str, str] | None:
    """The attributes of a case that is already there; they are written last."""
    path = root / "derivatives" / "truth" / case_name(index) / "attributes.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _write_case(root: Path, index: int, case: SimulatedCase) -> dict[str, str]:
    name = case_name(index)
    scans, truth = root / name, root / "derivatives" / "truth" / name
    scans.mkdir(exist_ok=True)
    truth.mkdir(parents=True, exist_ok=True)
    for contrast, scan in case.scans.items():
        suffix = _SUFFIXES.get(contrast, contrast)
        _save(scan.image, scan.grid or case.grid, contrast, scans / f"{name}-{suffix}.nii.gz")
        if case.anatomy is None:
            _save(scan.noise_free, case.grid, contrast, truth / f"{name}-{suffix}-noise_free.nii.gz")
    _save(case.labels, case.grid, "labels", scans / f"{name}-seg.nii.gz")
    if case.labels is not case.lesions:
        _save(case.lesions, case.grid, "labels", truth / f"{name}-lesions.nii.gz")
    if case.levels.hu or case.levels.suv:
        write_text(truth / "levels.json", _json({"hu": dict(case.levels.hu), "suv": dict(case.levels.suv)}))
    if case.anatomy is not None:
        _save(case.anatomy, case.grid, "labels", truth / f"{name}-anatomy.nii.gz")
    _save(case.tissues, case.grid, "labels", truth / f"{name}-tissues.nii.gz")
    if case.brain is not None:
        _save(case.brain.astype(np.uint8), case.grid, "mask", truth / f"{name}-brain.nii.gz")
    write_text(truth / "misalignment.json", _json({key: _motion(scan) for key, scan in case.scans.items()}))
    write_text(truth / "acquisition.json", _json({key: _acquisition(scan) for key, scan in case.scans.items()}))
    row = {"participant_id": name, **case.attributes}
    write_text(truth / "attributes.json", json.dumps(row, indent=2) + "\n")
    return row


def _save(array: Array, grid: Grid, contrast: str, path: Path) -> None:
    about = CONTRASTS[contrast]
    provenance = Provenance(synthetic=True, target=about.name, unit=about.unit, notes=(_NOTE,))
    write_volume(Volume(array, grid.affine, about), path, provenance=provenance, overwrite=True)


def _motion(scan: Scan) -> Json:
    return {
        "translation_mm": list(scan.motion.translation_mm),
        "rotation_deg": list(scan.motion.rotation_deg),
        "centre_mm": list(scan.motion.centre_mm),
        "reference_to_scan": scan.motion.matrix().tolist(),
    }


def _acquisition(scan: Scan) -> Json:
    return {
        "protocol": scan.protocol.model_dump(mode="json"),
        "gain": scan.gain,
        "noise_sigma": scan.sigma,
        "coil_coefficients": list(scan.coil.coefficients) if scan.coil else None,
    }


def _json(values: object) -> str:
    return json.dumps(values, indent=2, sort_keys=True) + "\n"


def _tissue_table(names: Sequence[str]) -> str:
    return "index\tname\n" + "".join(f"{number}\t{name}\n" for number, name in enumerate(names))


def _participants(rows: Sequence[dict[str, str]]) -> str:
    header = list(rows[0])
    lines = ["\t".join(header), *("\t".join(row[column] for column in header) for row in rows)]
    return "\n".join(lines) + "\n"
