"""The canonical form of an image's voxels, by whose digest a scan is known again whatever its file looks like.

The same scan is saved as integers or reals, packed or plain, in another format or axis order, with another header: its
bytes differ and its values do not. So what is hashed are the shape and the values as float32, ``-0`` as ``0``, in RAS+
axis order. Where the image lies is left out on purpose: a scan that was moved in the world is the same scan. An image
of one value is that of nobody, and has no digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container
from functools import lru_cache
from pathlib import Path

import numpy as np

from voxlate.config.plan import Reading
from voxlate.errors import VoxlateError
from voxlate.io.reading import file_digest, read_volume
from voxlate.volume import Volume

_STRICT = Reading()


def hash_voxels(volume: Volume) -> str | None:
    """SHA-256 in hexadecimal of the canonical form; ``None`` for an image of one value.

    Example:
        >>> plain = Volume(np.arange(24).reshape(2, 3, 4), np.eye(4))
        >>> turned = Volume(plain.array[::-1].astype(np.float64), np.diag([-1.0, 1, 1, 1]))
        >>> hash_voxels(plain) == hash_voxels(turned)
        True
    """
    from nibabel.orientations import io_orientation

    axes = io_orientation(volume.affine)
    order = np.argsort(axes[:, 0])
    flips = tuple(slice(None, None, int(axes[axis, 1])) for axis in order)
    turned = volume.array.transpose(order)[flips]
    if turned.min() == turned.max():
        return None
    with np.errstate(over="ignore"):
        values = np.asfortranarray(turned, dtype="<f4") + np.float32(0)
    digest = hashlib.sha256(f"{values.shape}".encode())
    digest.update(values.T.data)
    return digest.hexdigest()


def is_among(path: Path, digests: Container[str], *, reading: Reading = _STRICT) -> bool:
    """Whether a file is one of those with these digests, byte for byte or, saved anew, voxel for voxel.

    Raises:
        ReadError: If the file is missing or unreadable.
    """
    return file_digest(path) in digests or voxel_digest(path, reading=reading) in digests


def voxel_digest(path: Path, *, reading: Reading) -> str | None:
    """The digest of a file's voxels; ``None`` if they cannot be read as ``reading`` says, or are all alike."""
    try:
        state = path.stat()
        return _remembered(path, state.st_size, state.st_mtime_ns, reading)
    except (VoxlateError, OSError):
        return None


@lru_cache(maxsize=4096)
def _remembered(path: Path, _size: int, _changed_ns: int, reading: Reading) -> str | None:
    """An evaluation asks more than once: a file is read again only if it has changed."""
    return hash_voxels(read_volume(path, reading=reading))
