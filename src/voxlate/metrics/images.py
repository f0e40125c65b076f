"""The catalogue of metrics that compare two images; within a kind, their order is that of rows and columns."""

from __future__ import annotations

from functools import partial

from voxlate.metrics.appearance import nmi, sharpness, stitching
from voxlate.metrics.hounsfield import bone_dice, psnr_in_range
from voxlate.metrics.metric import Metric
from voxlate.metrics.structural_similarity import ms_ssim, ms_ssim_unclipped, ssim, ssim_map
from voxlate.metrics.voxelwise import agreement, mae, mse, ncc, psnr, rmse, slice_error

IMAGES: dict[str, Metric] = {
    "mae": Metric(
        mae,
        kind="voxelwise",
        title="MAE",
        better="lower",
        unit_rule="image",
        meaning="mean absolute error",
        formula="`sum abs(p - t) / N`",
    ),
    "mse": Metric(
        mse,
        kind="voxelwise",
        title="MSE",
        better="lower",
        unit_rule="squared",
        meaning="mean squared error",
        formula="`sum (p - t)^2 / N`",
    ),
    "rmse": Metric(
        rmse,
        kind="voxelwise",
        title="RMSE",
        better="lower",
        unit_rule="image",
        meaning="root mean squared error",
        formula="`sqrt(mse)`",
    ),
    "psnr": Metric(
        psnr,
        kind="voxelwise",
        title="PSNR",
        better="higher",
        unit_rule="dB",
        decimals=1,
        meaning="peak signal-to-noise ratio",
        formula="`10 log10(R^2 / mse)`; infinite for equal images",
    ),
    "ssim": Metric(
        ssim,
        kind="voxelwise",
        title="SSIM",
        better="higher",
        decimals=3,
        meaning="structural similarity, 1 is identical",
        formula="mean over the mask of `(2 mp mt + c1)(2 spt + c2) / ((mp^2 + mt^2 + c1)(sp + st + c2))`",
        local=ssim_map,
    ),
    "ncc": Metric(
        ncc,
        kind="voxelwise",
        title="NCC",
        better="higher",
        decimals=3,
        meaning="normalised cross-correlation, 1 is identical up to scale",
        formula="Pearson's correlation of `p` and `t`; not available if one of them is constant",
    ),
    "mae_slice_total": Metric(
        partial(slice_error, power=1, total=True),
        kind="slices",
        title="MAE, total of slices",
        better="lower",
        unit_rule="image",
        meaning="sum over the slices of each slice's mean absolute error",
    ),
    "mae_slice_average": Metric(
        partial(slice_error, power=1, total=False),
        kind="slices",
        title="MAE, average per slice",
        better="lower",
        unit_rule="image",
        meaning="that sum divided by the number of slices",
    ),
    "mse_slice_total": Metric(
        partial(slice_error, power=2, total=True),
        kind="slices",
        title="MSE, total of slices",
        better="lower",
        unit_rule="squared",
        meaning="sum over the slices of each slice's mean squared error",
    ),
    "mse_slice_average": Metric(
        partial(slice_error, power=2, total=False),
        kind="slices",
        title="MSE, average per slice",
        better="lower",
        unit_rule="squared",
        meaning="that sum divided by the number of slices",
    ),
    "stitching": Metric(
        stitching,
        kind="continuity",
        title="stitching score",
        better="lower",
        decimals=3,
        meaning="how much more the error jumps from slice to slice along one axis than along the others, 0 to 1",
        formula="`(3 max J / sum J - 1) / 2`, `J` the mean jump of the error along each axis",
    ),
    "nmi": Metric(
        nmi,
        kind="appearance",
        title="NMI",
        better="higher",
        decimals=3,
        meaning="normalised mutual information of the grey values, 1 is independent, 2 is that each tells the other",
        formula="`(H(p) + H(t)) / H(p, t)`, entropies of grey values in 64 equal bins from the least to the greatest "
        "in the mask",
    ),
    "ms_ssim": Metric(
        ms_ssim_unclipped,
        kind="appearance",
        title="MS-SSIM",
        better="higher",
        decimals=3,
        meaning="structural similarity at five scales, 1 is identical",
        formula="product over five scales of the mean over the mask of `max(SSIM, 0)^w`; as `ms_ssim_synthrad`, not "
        "clipped",
    ),
    "sharpness": Metric(
        sharpness,
        kind="appearance",
        title="sharpness",
        better="one",
        decimals=3,
        meaning="root of the mean square spatial frequency over that of the truth: 1 is as sharp, less is blurred, "
        "which SSIM forgives, more is noise or edges that are not there",
        formula="`sqrt(F(p) / F(t))`, `F(x) = sum over axes of mean (D x)^2 / var x`, `D` the difference of neighbours",
    ),
    "ssim_masked_image": Metric(
        ssim,
        kind="masked",
        title="SSIM of masked images",
        better="higher",
        decimals=4,  # all of them are near 1
        meaning="SSIM of images that are 0 outside the lesion, averaged over the foreground (Genc et al.): the zeros "
        "agree, so it flatters every method; to compare with the paper only",
        formula="in ablations: `ssim` of images that are 0 outside the lesion, mean over the foreground",
    ),
    "bone_dice": Metric(
        bone_dice,
        kind="ct",
        title="bone Dice",
        better="higher",
        decimals=3,
        meaning="overlap of what is above 250 HU in prediction and truth, 1 is identical",
        formula="`2 abs(P and T) / (abs(P) + abs(T))` of the voxels above 250 HU",
    ),
    "psnr_synthrad": Metric(
        psnr_in_range,
        kind="ct",
        title="PSNR as SynthRAD",
        better="higher",
        unit_rule="dB",
        decimals=1,
        meaning="PSNR after both images are clipped to -1024 to 3071 HU",
        formula="`psnr` of images clipped to -1024 to 3071 HU",
    ),
    "ms_ssim_synthrad": Metric(
        ms_ssim,
        kind="ct",
        title="MS-SSIM as SynthRAD",
        better="higher",
        decimals=3,
        meaning="structural similarity at five scales as SynthRAD 2025 computes it, 1 is identical",
        formula="product over five scales of the mean over the mask of `max(SSIM, 0)^w`",
    ),
    "wepl_ap": Metric(
        mae,
        kind="path",
        title="water path error, front to back",
        better="lower",
        unit_rule="mm",
        meaning="difference of the water-equivalent length of a path through the patient, mean over all paths from the "
        "front to the back; a cheap stand-in for dose",
        formula="mean over all rays from the front to the back of `abs(W(p) - W(t))`, `W = integral rho_e ds` in the "
        "mask",
    ),
    "wepl_lr": Metric(
        mae,
        kind="path",
        title="water path error, left to right",
        better="lower",
        unit_rule="mm",
        meaning="the same from left to right",
    ),
    "wepl_centre": Metric(
        mae,
        kind="path",
        title="water depth error of the centre",
        better="lower",
        unit_rule="mm",
        meaning="difference of the water-equivalent depth of the region's centre, mean over eight directions in its "
        "axial plane",
        formula="mean of `abs(W(p) - W(t))` over eight beams in the axial plane that end in the centre of the region",
    ),
    "gamma_3_3": Metric(
        agreement,
        kind="dose",
        title="gamma pass rate, 3 %/3 mm",
        better="higher",
        unit_rule="%",
        meaning="percentage of the voxels whose dose lies within 3 % of the highest true dose, or is found within "
        "3 mm (Low et al. 1998, global); the dose is that of primary photons, a stand-in without scatter",
        formula="percentage of the voxels with `gamma <= 1` at 3 % of the highest dose and 3 mm",
    ),
    "gamma_2_2": Metric(
        agreement,
        kind="dose",
        title="gamma pass rate, 2 %/2 mm",
        better="higher",
        unit_rule="%",
        meaning="the same within 2 % and 2 mm",
        formula="the same at 2 % and 2 mm",
    ),
    "not_shown": Metric(
        agreement,
        kind="coverage",
        title="not shown",
        better="lower",
        unit_rule="%",
        meaning="percentage of the foreground that the true image does not show, so that nothing is scored there",
        formula="percentage of the foreground's voxels outside the field of view of `t`, without a number, padded, or "
        "in a missing slice",
    ),
}
