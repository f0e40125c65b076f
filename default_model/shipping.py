"""How a trained model becomes the one that comes with the program."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from voxlate.bundle.bundle import MANIFEST, Bundle, Contents, write_bundle
from voxlate.errors import BundleError, WriteError
from voxlate.question import Query
from voxlate.roles import BASELINES, MODEL

LIMIT_BYTES = 16_000_000


def ship(bundle: Bundle, folder: Path, *, learned_from: str = "", measured: Mapping[str, Path] | None = None) -> Path:
    """Writes a bundle as it is shipped: in half precision, at most 16 MB.

    Args:
        bundle: Of one model.
        folder: Where to; the package looks for it in ``src/voxlate/models/head``.
        learned_from: What it has learned from, with the licences, for the card.
        measured: By what a model learned from to its ``measured.csv``, for the card; the shipped one is the last.

    Raises:
        BundleError: If a weight is not finite, or too large for half precision.
        WriteError: If it is larger than that.
    """
    from safetensors.numpy import load_file

    raw = json.loads((bundle.folder / MANIFEST).read_text(encoding="utf-8"))
    weights = {name: one.half() if one.is_floating_point() else one for name, one in bundle.weights().items()}
    if not all(bool(one.isfinite().all()) for one in weights.values()):
        remedy = "Train it with a smaller learning rate."
        raise BundleError("weights that half precision holds", came="larger ones", where=bundle.folder, remedy=remedy)
    tables = load_file(bundle.folder / "lookup.safetensors")
    contents = Contents(
        recipe=bundle.recipe.with_overrides({"training.start": None}),  # a place on the machine where it was made
        plan=bundle.plan,
        fingerprint=bundle.fingerprint,
        scores=bundle.scores,
        seen=bundle.seen,
        weights=weights,
        lookup={name: one.astype(np.float32) if one.dtype == np.float64 else one for name, one in tables.items()},
        card=(bundle.folder / "MODEL_CARD.md").read_text(encoding="utf-8")
        + (f"\n## What it learned from\n\n{learned_from}\n" if learned_from else "")
        + say_measured(measured or {}),
        seen_cases=raw["seen"],
        sketches=raw["sketches"],
    )
    written = write_bundle(contents, folder)
    size = sum(path.stat().st_size for path in written.iterdir())
    if size > LIMIT_BYTES:
        came = f"{size / 1e6:.1f} MB"
        raise WriteError("a model of at most 16 MB", came=came, where=folder, remedy="Train a smaller network.")
    return written


def say_measured(measured: Mapping[str, Path]) -> str:
    """A section of the card: the errors on real scans, beside those of the baselines, and where it fails.

    Args:
        measured: By what a model learned from to its ``measured.csv``; the last is the one that the card is of.
    """
    identity, lookup = BASELINES
    columns: dict[tuple[str, str, str], dict[str, str]] = {}
    for name, path in measured.items():
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                told = columns.setdefault((row["case"], row["question"], row["region"]), {})
                told |= {identity: row[identity], lookup: row[lookup], name: row[MODEL]}
    if not columns:
        return ""
    last, names = list(measured)[-1], [identity, lookup, *measured]
    rows = [
        f"| {case} | {Query.of_key(key).words} | {region} | {' | '.join(row.get(name, '') for name in names)} |"
        for (case, key, region), row in columns.items()
    ]
    lost = [
        f"{case}, {Query.of_key(key).words}, {region}"
        for (case, key, region), row in columns.items()
        if last in row and float(row[last]) >= min(float(row[identity]), float(row[lookup]))
    ]
    fails = f"It is no better than a baseline in {len(lost)} of them: {'; '.join(lost)}." if lost else ""
    head = "| patient | question | where | " + " | ".join(names) + " |"
    text = "\n".join([head, "|---" * (3 + len(names)) + "|", *rows])
    return f"""
## On real scans that it has not seen

Mean absolute error, the brain's core at 1/2; the lookup is fitted on the other patient. {fails}

{text}
"""
