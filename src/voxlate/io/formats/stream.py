"""The bytes of a file, inflated on the way and checked to the last one.

A gzip stream (RFC 1952) is read to its trailer, whose CRC-32 and length the decoder checks; so are the Adler-32 of
zlib and the CRC of bzip2. Several gzip members in a row are one stream, as the RFC says. Nothing may follow: neither
the voxels in the stream nor the stream in the file, zeros included. Memory is bounded by what the caller asks for,
so that a decompression bomb is refused at the first byte too many.
"""

from __future__ import annotations

import bz2
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeAlias

from voxlate.errors import ReadError

if TYPE_CHECKING:
    from isal.igzip_lib import IgzipDecompressor

Encoding = Literal["raw", "gzip", "zlib", "bzip2", "decoded"]
_Decoder: TypeAlias = "bz2.BZ2Decompressor | IgzipDecompressor"
_INPUT_BYTES = 2**18
_OUTPUT_BYTES = 2**20
_MEMBER_MAGIC: dict[str, bytes] = {"gzip": b"\x1f\x8b", "bzip2": b"BZh"}
DAMAGED = "The file is damaged or incomplete; copy or export it again."


def _decoder(encoding: Encoding) -> _Decoder:
    if encoding == "bzip2":
        return bz2.BZ2Decompressor()
    from isal import igzip_lib

    return igzip_lib.IgzipDecompressor(flag=getattr(igzip_lib, f"DECOMP_{encoding.upper()}"))


def _errors() -> tuple[type[Exception], ...]:
    from isal import igzip_lib

    isal_error: Any = igzip_lib.IsalError
    return OSError, ValueError, EOFError, isal_error


class ByteStream:
    """Reads a file from where it stands, decoded.

    Args:
        file: Open binary file, standing at the first byte of the stream.
        encoding: How the bytes are packed.
        where: Name for error messages.
    """

    def __init__(self, file: BinaryIO, *, encoding: Encoding, where: Path) -> None:
        self._file = file
        self._encoding = encoding
        self._where = where
        self._decoder = None if encoding == "raw" else _decoder(encoding)
        self._pending = b""

    def read(self, size: int) -> bytes:
        """Exactly ``size`` bytes, fewer only at the end of the stream.

        Raises:
            ReadError: If the packed stream is damaged or stops early.
        """
        pieces = []
        while size > 0 and (piece := self._piece(size)):
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def readinto(self, target: memoryview) -> int:
        """Fills ``target`` and returns how many bytes there were to fill it with."""
        filled = 0
        while filled < len(target) and (piece := self._piece(len(target) - filled)):
            target[filled : filled + len(piece)] = piece
            filled += len(piece)
        return filled

    def skip(self, size: int) -> None:
        """Leaves out ``size`` bytes, or as many as there are."""
        while size > 0 and (piece := self._piece(size)):
            size -= len(piece)

    def finish(self) -> None:
        """Checks that the stream ends here, trailer included.

        Raises:
            ReadError: If bytes follow, or the trailer is missing or wrong.
        """
        if self._piece(1):
            raise ReadError(
                "the end of the file after the voxels",
                came="further bytes",
                where=self._where,
                remedy="The header does not describe the whole file; export the image again.",
            )

    def _piece(self, limit: int) -> bytes:
        limit = min(limit, _OUTPUT_BYTES)
        if self._decoder is None:
            return self._file.read(limit)
        try:
            return self._inflate(self._decoder, limit)
        except _errors() as error:
            expected = f"a sound {self._encoding} stream"
            raise ReadError(expected, came=f"an error ({error})", where=self._where, remedy=DAMAGED) from error

    def _inflate(self, decoder: _Decoder, limit: int) -> bytes:
        while True:
            if decoder.eof:
                following = self._next_member(decoder)
                if following is None:
                    return b""
                self._decoder = decoder = following
            piece = b""
            if decoder.needs_input:
                piece = self._pending or self._file.read(_INPUT_BYTES)
                self._pending = b""
                if not piece:
                    raise EOFError("it stops before its end")
            if data := decoder.decompress(piece, limit):
                return bytes(data)

    def _next_member(self, decoder: _Decoder) -> _Decoder | None:
        rest = decoder.unused_data + self._file.read(_INPUT_BYTES)
        if not rest:
            return None
        magic = _MEMBER_MAGIC.get(self._encoding)
        if magic is None or not rest.startswith(magic):
            raise ValueError("other bytes follow its end")
        self._pending = rest
        return _decoder(self._encoding)


@contextmanager
def open_stream(path: Path, *, encoding: Encoding, offset: int = 0) -> Iterator[ByteStream]:
    """The stream that starts ``offset`` bytes into a file.

    Raises:
        ReadError: If the file cannot be opened, or is not packed as it should be.
    """
    with open_file(path) as file:
        file.seek(offset)
        if encoding == "gzip" and offset == 0:
            _check_gzip(file, path)
        yield ByteStream(file, encoding=encoding, where=path)


@contextmanager
def open_file(path: Path) -> Iterator[BinaryIO]:
    """A regular file, open for reading.

    Raises:
        ReadError: If there is none or it cannot be read.
    """
    remedy = "Check the path and its permissions."
    try:
        if not path.is_file():
            came = "a folder" if path.is_dir() else "nothing of that name"
            raise ReadError("a file", came=came, where=path, remedy=remedy)
        file = path.open("rb")
    except (OSError, ValueError) as error:
        raise ReadError("a readable file", came=str(error), where=path, remedy=remedy) from error
    with file:
        yield file


def _check_gzip(file: BinaryIO, path: Path) -> None:
    start = file.read(4)
    file.seek(0)
    if start[:3] != b"\x1f\x8b\x08":
        remedy = "Give the file the suffix of what it is, or copy it again."
        raise ReadError("a gzip file", came=f"one that starts with {start!r}", where=path, remedy=remedy)
    if len(start) < 4 or start[3] & 0xE0:
        raise ReadError("a gzip header without reserved flags", came=f"{start!r}", where=path, remedy=DAMAGED)
