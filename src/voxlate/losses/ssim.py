"""The structural similarity index as a loss (Wang, Bovik, Sheikh & Simoncelli 2004, doi:10.1109/TIP.2003.819861).

``1 - mean of SSIM over the mask``, where at every voxel
``SSIM = (2 m_p m_t + C1) (2 s_pt + C2) / ((m_p^2 + m_t^2 + C1) (s_p^2 + s_t^2 + C2))`` with means, variances and
covariance in a Gaussian window of 11 voxels and standard deviation 1.5 along every axis, ``C1 = (0.01 L)^2``,
``C2 = (0.03 L)^2`` and ``L`` the ``data_range``, which is never guessed from the images.

At the image's border the window is cut off and its weights are scaled to sum to 1, so that the map has the image's
size. The window runs over voxels outside the mask too: only the average is masked. MONAI's ``compute_ssim_and_cs``
convolves with the full window, 121 weights (1,331 in 3-D) in place of 11 per axis, and gives a smaller map that no
longer lies on the mask; away from the border both agree, which the tests check. Here the window is a banded matrix
per axis, because on two cores and on a GPU alike a matrix product is the fastest way to apply it.
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from voxlate.losses.pixelwise import Loss, masked_mean


def ssim(
    *,
    dims: int,
    data_range: float,
    window: Annotated[int, Field(ge=3, le=65)] = 11,
    sd_voxels: Annotated[float, Field(gt=0)] = 1.5,
) -> Loss:
    """One minus the mean structural similarity inside the mask; between 0 (equal) and 2.

    Args:
        dims: Number of spatial axes.
        data_range: Range of the normalised target values.
        window: Width of the Gaussian window in voxels, odd.
        sd_voxels: Its standard deviation in voxels.
    """

    def loss(prediction: Tensor, target: Tensor, mask: Tensor, *, labels: Tensor | None = None) -> Tensor:
        windows = [_gaussian_matrix(n, window=window, sd_voxels=sd_voxels, like=prediction) for n in mask.shape[-dims:]]
        similarity = _ssim_map(prediction.float(), target.float(), windows=windows, data_range=data_range)
        return masked_mean(1 - similarity, mask)

    return loss


def _ssim_map(prediction: Tensor, target: Tensor, *, windows: list[Tensor], data_range: float) -> Tensor:
    """The index at every voxel, ``(b, c, *s)`` float32, from a window matrix per spatial axis."""
    products = (prediction, target, prediction * prediction, target * target, prediction * target)
    mean_p, mean_t, square_p, square_t, both = _blur(torch.stack(products), windows).unbind(0)
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    means = mean_p * mean_t
    squares = mean_p * mean_p + mean_t * mean_t
    luminance = (2 * means + c1) / (squares + c1)
    structure = (2 * (both - means) + c2) / (square_p + square_t - squares + c2)
    return luminance * structure


def _gaussian_matrix(size: int, *, window: int, sd_voxels: float, like: Tensor) -> Tensor:
    """The matrix ``(size, size)`` float32 that averages along one axis with the window; its rows sum to 1."""
    place = torch.arange(size, device=like.device, dtype=torch.float32)
    distance = place[:, None] - place[None, :]
    weights = torch.exp(-0.5 * (distance / sd_voxels) ** 2) * (distance.abs() <= window // 2)
    return weights / weights.sum(1, keepdim=True)


def _blur(images: Tensor, windows: list[Tensor]) -> Tensor:
    """Images ``(..., *s)`` averaged along each of the last axes with its matrix."""
    axes = len(windows)
    out = images @ windows[-1].T
    out = windows[-2] @ out
    if axes == 3:
        out = (windows[0] @ out.flatten(-2)).view(out.shape)
    return out
