"""U-Net's border weight map (Ronneberger, Fischer & Brox 2015, arXiv:1505.04597, equation 2).

At every voxel ``x`` of one class in one sample::

    w(x) = w_c(x) + w0 exp(-(d1(x) + d2(x))^2 / (2 sigma^2))

``d1`` and ``d2`` are the distances to the border of the nearest and of the second nearest component of the class: what
lies between two components that nearly touch counts most, so that they are kept apart. With fewer than two components
there is no second nearest one, and the term is 0. ``w_c`` balances the frequencies: with ``n`` voxels in the mask, of
which ``m`` belong to the class, it is ``n / (2 m)`` in the class and ``n / (2 (n - m))`` elsewhere, so that both sides
weigh the same and the mean is 1; where one side is empty it is 1.

The paper leaves open, and here it is so: components join at faces, edges and corners, as in
``voxlate.metrics.detection``. The border of a component is its voxels with a face neighbour outside it (the edge of the
image is no border), so ``d1`` grows again inside a component. Distances are those of voxel centres, in voxels. Beyond
``5 sigma`` of a component it is taken to be infinitely far; what that leaves out is less than ``4e-6 w0``.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_REACH = 5.0


def border_weights(
    labelled: NDArray[np.bool_],
    mask: NDArray[np.bool_],
    *,
    w0: float = 10.0,
    sigma_voxels: float = 5.0,
    balance: bool = True,
) -> NDArray[np.float32]:
    """The weight of every voxel for one class in one sample.

    Args:
        labelled: ``(i, j)`` or ``(i, j, k)``, the voxels of the class; outside the mask there are none.
        mask: The same shape, the voxels that count.
        w0: Height of the border term.
        sigma_voxels: Its width in voxels, above 0.
        balance: Whether ``w_c`` balances the frequencies; else it is 1.

    Returns:
        The same shape; 0 outside the mask.

    Example:
        >>> cells = np.array([[True, False, True, False]])
        >>> border_weights(cells, np.ones_like(cells), balance=False).round(2)
        array([[10.23, 10.23, 10.23,  8.26]], dtype=float32)
    """
    inside = labelled & mask
    weights = _frequency_weights(inside, mask) if balance else np.ones(mask.shape)
    weights += w0 * _closeness(inside, sigma_voxels)
    return np.where(mask, weights, 0.0).astype(np.float32)


def _frequency_weights(inside: NDArray[np.bool_], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    total, found = np.count_nonzero(mask), np.count_nonzero(inside)
    if found in (0, total):
        return np.ones(mask.shape)
    return np.where(inside, total / (2 * found), total / (2 * (total - found)))


def _closeness(inside: NDArray[np.bool_], sigma_voxels: float) -> NDArray[np.float64]:
    """``exp(-(d1 + d2)^2 / (2 sigma^2))`` at every voxel, 0 to 1."""
    from scipy import ndimage

    components, count = ndimage.label(inside, structure=ndimage.generate_binary_structure(inside.ndim, inside.ndim))
    if count < 2:
        return np.zeros(inside.shape)
    reach = math.ceil(_REACH * sigma_voxels)
    nearest, second = np.full(inside.shape, np.inf), np.full(inside.shape, np.inf)
    for number, box in enumerate(ndimage.find_objects(components), start=1):
        around = tuple(slice(max(0, side.start - reach), side.stop + reach) for side in box)
        component = components[around] == number
        border = component & ~ndimage.binary_erosion(component, border_value=1)
        distance = ndimage.distance_transform_edt(~border)
        second[around] = np.minimum(second[around], np.maximum(nearest[around], distance))
        nearest[around] = np.minimum(nearest[around], distance)
    closeness: NDArray[np.float64] = np.exp(-((nearest + second) ** 2) / (2 * sigma_voxels**2))
    return closeness
