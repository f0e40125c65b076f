"""The lesion-mask loss of Genc et al. 2022 (doi:10.58530/2022/3460).

The paper: "mean absolute error between tumor masked target and masked predicted images". Masked images are 0 outside
the lesion, so with the lesion ``M``, the foreground ``F`` and ``d = prediction - target``::

    over: image     sum over M of |d| / number of voxels of F
    over: lesion    sum over M of |d| / number of voxels of M

``image`` is the paper's definition, with the mean over the foreground in place of the whole picture, as in every other
loss here: a weight of 125 beside an L1 weight of 90 then makes an error in the lesion count 2.4 times. ``lesion``
counts every lesion alike however small it is, and needs weights that are smaller by the share of the lesions.

A sample whose case has no label map (its labels are -1) is in neither sum: it contributes nothing.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from voxlate.errors import UsageError
from voxlate.losses.pixelwise import Loss, difference_inside


def lesion_mask(*, dims: int, data_range: float, over: Literal["image", "lesion"] = "image") -> Loss:
    """Mean absolute error between masked target and masked prediction; the lesion is every label above 0.

    Args:
        dims: Number of spatial axes.
        data_range: Range of the normalised target values.
        over: What the sum is divided by: the voxels of the whole foreground (the paper), or those of the lesion.
    """

    def loss(prediction: Tensor, target: Tensor, mask: Tensor, *, labels: Tensor | None = None) -> Tensor:
        if labels is None:
            raise UsageError(
                "the label maps of the samples",
                came="none",
                where="loss.lesion_mask",
                remedy="Give labels; in training they come from the data set.",
            )
        lesion = mask.float() * (labels > 0)
        counted = lesion if over == "lesion" else mask.float() * (labels >= 0)
        total = (difference_inside(prediction, target, lesion).abs()).sum()
        return total / (counted.sum() * target.shape[1]).clamp(min=1)

    return loss
