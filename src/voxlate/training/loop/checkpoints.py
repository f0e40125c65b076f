"""Checkpoints: the state of a run, written whole or not at all, read without executing anything.

A checkpoint is a state dict of tensors and plain values: 32 bytes of SHA-256, then what ``torch.save`` made of it.
It is written to a temporary file that is renamed when it is durable, and loaded with ``weights_only=True`` only if
its digest fits, so that a damaged one is told and the one before it is used. The last two are kept, and the best.
"""

from __future__ import annotations

import hashlib
import io
import logging
from pathlib import Path
from typing import Any

import torch

from voxlate.errors import TrainingError
from voxlate.io.atomic import write_bytes

logger = logging.getLogger(__name__)
KEEP = 2
BEST = "best.ckpt"
State = dict[str, Any]
_DIGEST_BYTES = 32


def save_checkpoint(folder: Path, state: State, *, name: str | None = None) -> Path:
    """Writes a state as ``step_<number>.ckpt`` (or ``name``) and removes all but the last two numbered ones.

    Args:
        folder: Made if it is not there.
        state: Tensors and plain values, with the number of finished steps under ``step``.
        name: A fixed name, for the best one.

    Returns:
        The file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    torch.save(state, buffer)
    data = buffer.getvalue()
    path = folder / (name or f"step_{state['step']:09d}.ckpt")
    write_bytes(path, hashlib.sha256(data).digest() + data)
    if name is None:
        for old in _numbered(folder)[KEEP:]:
            old.unlink()
    return path


def load_checkpoint(path: Path) -> State | None:
    """The state in a file, or ``None`` if the file is absent or damaged."""
    if not path.is_file():
        return None
    content = path.read_bytes()
    digest, data = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    if hashlib.sha256(data).digest() != digest:
        return None
    state: State = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    return state


def load_latest(folder: Path) -> State | None:
    """The newest checkpoint that is whole, or ``None`` if there is none at all.

    Raises:
        TrainingError: If there are checkpoints and every one is damaged.
    """
    found = _numbered(folder)
    for path in found:
        state = load_checkpoint(path)
        if state is not None:
            return state
        logger.warning("checkpoint %s is damaged; using the one before it", path)
    if found:
        raise TrainingError(
            "a whole checkpoint",
            came=f"{len(found)} damaged ones",
            where=folder,
            remedy="Start the run anew in another folder.",
        )
    return None


def _numbered(folder: Path) -> list[Path]:
    """Numbered checkpoints, newest first."""
    return sorted(folder.glob("step_*.ckpt"), reverse=True)
