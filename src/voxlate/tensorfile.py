"""Safetensors files, of which the header is looked at before the library sees the file.

A file states the length of its header in its first 8 bytes; one that claims more than there is, or more than any
honest header has, is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from safetensors import SafetensorError

from voxlate.errors import BundleError, readable

T = TypeVar("T")
_HEADER_LIMIT_BYTES = 16 * 2**20


def read_tensors(path: Path, load_file: Callable[[Path], dict[str, T]], *, remedy: str) -> dict[str, T]:
    """Tensors or arrays by name.

    Args:
        path: The file.
        load_file: Safetensors' reader for the kind of array that is wanted.
        remedy: What can be done about a file that is refused.

    Raises:
        BundleError: If the file is not a safetensors file, or its header is of an impossible size.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if not 2 <= length <= min(_HEADER_LIMIT_BYTES, size - 8):
        expected = f"a header of at most {_HEADER_LIMIT_BYTES} bytes"
        raise BundleError(expected, came=f"one of {length} in {size} bytes", where=path, remedy=remedy)
    try:
        if readable(str(path)) == str(path):
            return load_file(path)
        with TemporaryDirectory() as folder:  # the library opens no path that is no UTF-8
            link = Path(folder, "tensors.safetensors")
            link.symlink_to(path.absolute())
            return load_file(link)
    except SafetensorError as error:
        raise BundleError("a safetensors file", came=str(error), where=path, remedy=remedy) from error
