"""How a trained model becomes the one that comes with the program."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from voxlate.bundle.bundle import MANIFEST, Bundle, Contents, write_bundle
from voxlate.errors import BundleError, WriteError

LIMIT_BYTES = 16_000_000


def ship(bundle: Bundle, folder: Path) -> Path:
    """Writes a bundle as it is shipped: in half precision, at most 16 MB.

    Args:
        bundle: Of one model.
        folder: Where to; the package looks for it in ``src/voxlate/models/head``.

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
        recipe=bundle.recipe,
        plan=bundle.plan,
        fingerprint=bundle.fingerprint,
        scores=bundle.scores,
        seen=bundle.seen,
        weights=weights,
        lookup={name: one.astype(np.float32) if one.dtype == np.float64 else one for name, one in tables.items()},
        card=(bundle.folder / "MODEL_CARD.md").read_text(encoding="utf-8"),
        seen_cases=raw["seen"],
        sketches=raw["sketches"],
    )
    written = write_bundle(contents, folder)
    size = sum(path.stat().st_size for path in written.iterdir())
    if size > LIMIT_BYTES:
        came = f"{size / 1e6:.1f} MB"
        raise WriteError("a model of at most 16 MB", came=came, where=folder, remedy="Train a smaller network.")
    return written
