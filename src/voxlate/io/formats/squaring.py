"""Resampling a sheared volume to a grid with right angles, where the reading options ask for it."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from voxlate.io.formats.geometry import square_grid
from voxlate.volume import Volume


def resample_square(volume: Volume) -> Volume:
    """The volume on the square grid that covers it: linear (labels: nearest), its least value outside.

    The least value is air in CT and background in MR and label maps.
    """
    grid = square_grid(volume.grid)
    index = np.linalg.inv(volume.affine) @ grid.affine
    label = volume.contrast is not None and volume.contrast.kind == "label"
    source = volume.array if label or volume.array.dtype == np.float64 else volume.array.astype(np.float32)
    array = ndimage.affine_transform(
        source,
        index[:3, :3],
        index[:3, 3],
        output_shape=grid.shape,
        order=0 if label else 1,
        mode="constant",
        cval=float(source.min()),
        prefilter=False,
    )
    return Volume(array, grid.affine, volume.contrast, volume.notes, volume.trailing_axes)
