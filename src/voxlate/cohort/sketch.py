"""A sketch of a scan: about a kilobyte by which the scan is known again when its grey values or its grid were changed.

Digests know a scan by its voxels, and no longer do once these were rounded, say. A sketch keeps what outlasts that:

- **ranks**: what the scan shows, as the order of its grey values on 16 x 16 x 16 places round its centre;
- **texture**: at 600 places of a lattice three times finer, how a value differs from what lies around it.

It shows no face: in a head the places are 13 mm apart. ``voxlate.cohort.recognition`` draws and compares sketches.
"""

from __future__ import annotations

import base64
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EDGE, POINTS = 16, 600
"""Places along each axis, and places of the texture."""
UNKNOWN = -8
"""Of a place of the texture of which nothing is known."""
_HEADER = struct.Struct("<4f")


@dataclass(frozen=True, eq=False)
class Sketch:
    """What is kept of a scan.

    Attributes:
        centre_mm: Of the places, RAS+ mm.
        step_mm: Between two places.
        ranks: ``(16, 16, 16)``, from 1 for the lowest grey values to 15; 0 where nothing is shown.
        texture: ``(600,)``, from -7 to 7; -8 where it is not known.
    """

    centre_mm: NDArray[np.float64]
    step_mm: float
    ranks: NDArray[np.uint8]
    texture: NDArray[np.int8]

    def to_text(self) -> str:
        """The sketch as about a thousand letters."""
        values = np.concatenate([self.ranks.ravel(), (self.texture - UNKNOWN).astype(np.uint8)])
        packed = (values[::2] << 4 | values[1::2]).tobytes()
        return base64.b64encode(zlib.compress(_HEADER.pack(*self.centre_mm, self.step_mm) + packed, 9)).decode()

    @classmethod
    def from_text(cls, text: str) -> Sketch:
        """The sketch that ``to_text`` wrote.

        Raises:
            ValueError: If the text is none.
        """
        wanted = _HEADER.size + (EDGE**3 + POINTS) // 2
        try:
            raw = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), wanted + 1)
        except zlib.error as error:
            raise ValueError("a sketch of a scan that is whole") from error
        if len(raw) != wanted:
            raise ValueError(f"a sketch of {wanted} bytes, not {len(raw)}")
        *centre, step = _HEADER.unpack(raw[: _HEADER.size])
        if not (np.isfinite(centre).all() and 0 < step < np.inf):
            raise ValueError("a sketch that lies somewhere in the world")
        pairs = np.frombuffer(raw[_HEADER.size :], dtype=np.uint8)
        values = np.stack([pairs >> 4, pairs & 15], axis=1).ravel()
        texture = values[EDGE**3 :].astype(np.int8) + np.int8(UNKNOWN)
        return cls(np.array(centre), step, values[: EDGE**3].reshape((EDGE,) * 3), texture)
