"""The model that comes with the program, and how a trained one becomes it.

It lies in the package, in half precision so that it is small, and is read as any bundle is; its weights become those of
a network in single precision. Nothing is ever downloaded.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import numpy as np

from voxlate.bundle.bundle import MANIFEST, Bundle, Contents, write_bundle
from voxlate.errors import BundleError, UsageError, WriteError

_LIMIT_BYTES = 16_000_000
_FOLDER = Path(str(resources.files("voxlate"))) / "models" / "head"


def has_default_model() -> bool:
    """Whether a model comes with this installation."""
    return (_FOLDER / MANIFEST).is_file()


def default_model() -> Path:
    """The folder of the model that comes with the program.

    Raises:
        UsageError: If none does.
    """
    if has_default_model():
        return _FOLDER
    raise UsageError(
        "a model",
        came="none named, and none comes with this installation",
        remedy="Name a run or a bundle: `voxlate translate MODEL INPUT --out PATH`; `voxlate train` makes one, and "
        "`make default-model` the one for heads.",
    )


def ship(bundle: Bundle, folder: Path = _FOLDER) -> Path:
    """Writes a bundle as it is shipped: in half precision, at most 16 MB.

    Args:
        bundle: Of one model.
        folder: Where to; by default where the package looks for it.

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
    if size > _LIMIT_BYTES:
        came = f"{size / 1e6:.1f} MB"
        raise WriteError("a model of at most 16 MB", came=came, where=folder, remedy="Train a smaller network.")
    return written
