"""When an image need not be made again: it is there, whole, and its sidecar tells what would be told of a new one."""

from __future__ import annotations

from pathlib import Path

from voxlate.errors import WriteError
from voxlate.io import Provenance, file_digest, read_provenance


def is_finished(path: Path, wanted: Provenance, *, overwrite: bool) -> bool:
    """Whether the image is there, whole, and made of the same files, by the same model, from the same draw.

    Args:
        path: The image.
        wanted: What the sidecar of a new one would say.
        overwrite: Whether it is made anew in any case.

    Raises:
        WriteError: If a file is there that no model made, and ``overwrite`` is not given.
        ReadError: If the sidecar is damaged.
    """
    if overwrite or not path.exists():
        return False
    old = read_provenance(path)
    if old is None or old.model is None:
        raise WriteError(
            "a free name, or an earlier image of this command",
            came="another file",
            where=path,
            remedy="Choose another --out, or add --overwrite.",
        )
    told, asked = ((one.sources, one.model, one.drawn, one.target) for one in (old, wanted))
    return told == asked and is_whole(path, old)


def is_whole(path: Path, told: Provenance) -> bool:
    """Whether the image has the bytes that its sidecar tells of."""
    return path.is_file() and told.output_sha256 == file_digest(path)
