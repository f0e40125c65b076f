"""Metrics on arrays, in float64, with mask and data range given.

``METRICS`` compares volumes; ``SLICE_METRICS`` are the slice-wise errors of Avula et al. 2020; ``CONTINUITY_METRICS``
say whether a volume holds together, and ``APPEARANCE_METRICS`` whether it looks like the truth where voxels do not
agree; both mean something for the whole foreground only; ``MASKED_METRICS`` are computed
on images that are 0 outside a region, as Genc et al. 2022 do; ``CT_METRICS`` need Hounsfield units, ``PATH_METRICS``
compare water-equivalent path lengths in place of images, and ``DOSE_METRICS`` the voxels that pass a gamma criterion
with those that should. Segmentations have ``SEGMENTATION_METRICS``, voxel by voxel, ``DETECTION_METRICS``, lesion by
lesion, and ``SURFACE_METRICS``. Each entry is called ``metric(prediction, truth, mask=..., data_range=...)``, those of
surfaces with ``spacing_mm=...`` too, and knows its unit and which direction is better. To add one, write the function
and list it here; the contract suite tests it.
"""

from functools import partial

from voxlate.metrics.appearance import nmi, sharpness, stitching
from voxlate.metrics.detection import Detection, detect, detection_score
from voxlate.metrics.hounsfield import bone_dice, psnr_in_range, tissue_regions
from voxlate.metrics.metric import Better, Metric
from voxlate.metrics.segmentation import accuracy, dice, iou, precision, recall, volume_error
from voxlate.metrics.structural_similarity import ms_ssim, ms_ssim_unclipped, ssim, ssim_map
from voxlate.metrics.surfaces import SurfaceMetric, hd95, surface_dice, surface_distances
from voxlate.metrics.voxelwise import agreement, mae, mse, ncc, psnr, rmse, slice_error, slice_errors, whole_slices

METRICS: dict[str, Metric] = {
    "mae": Metric(mae, "lower", "image", "MAE"),
    "mse": Metric(mse, "lower", "squared", "MSE"),
    "rmse": Metric(rmse, "lower", "image", "RMSE"),
    "psnr": Metric(psnr, "higher", "dB", "PSNR"),
    "ssim": Metric(ssim, "higher", "none", "SSIM", local=ssim_map),
    "ncc": Metric(ncc, "higher", "none", "NCC"),
}

SLICE_METRICS: dict[str, Metric] = {
    "mae_slice_total": Metric(partial(slice_error, power=1, total=True), "lower", "image", "MAE, total of slices"),
    "mae_slice_average": Metric(partial(slice_error, power=1, total=False), "lower", "image", "MAE, average per slice"),
    "mse_slice_total": Metric(partial(slice_error, power=2, total=True), "lower", "squared", "MSE, total of slices"),
    "mse_slice_average": Metric(
        partial(slice_error, power=2, total=False), "lower", "squared", "MSE, average per slice"
    ),
}

CONTINUITY_METRICS: dict[str, Metric] = {
    "stitching": Metric(stitching, "lower", "none", "stitching score"),
}

APPEARANCE_METRICS: dict[str, Metric] = {
    "nmi": Metric(nmi, "higher", "none", "NMI"),
    "ms_ssim": Metric(ms_ssim_unclipped, "higher", "none", "MS-SSIM"),
    "sharpness": Metric(sharpness, "one", "none", "sharpness"),
}

MASKED_METRICS: dict[str, Metric] = {
    "ssim_masked_image": Metric(ssim, "higher", "none", "SSIM of masked images"),
}

TASK_METRICS: dict[str, Metric] = {
    "task_dice": Metric(dice, "higher", "none", "Dice of the task"),
    "task_dice_real": Metric(dice, "higher", "none", "Dice of the task on the true target"),
}

CT_METRICS: dict[str, Metric] = {
    "bone_dice": Metric(bone_dice, "higher", "none", "bone Dice"),
    "psnr_synthrad": Metric(psnr_in_range, "higher", "dB", "PSNR as SynthRAD"),
    "ms_ssim_synthrad": Metric(ms_ssim, "higher", "none", "MS-SSIM as SynthRAD"),
}

PATH_METRICS: dict[str, Metric] = {
    "wepl_ap": Metric(mae, "lower", "image", "water path error, front to back"),
    "wepl_lr": Metric(mae, "lower", "image", "water path error, left to right"),
    "wepl_centre": Metric(mae, "lower", "image", "water depth error of the centre"),
}

DOSE_METRICS: dict[str, Metric] = {
    "gamma_3_3": Metric(agreement, "higher", "image", "gamma pass rate, 3 %/3 mm"),
    "gamma_2_2": Metric(agreement, "higher", "image", "gamma pass rate, 2 %/2 mm"),
}

SEGMENTATION_METRICS: dict[str, Metric] = {
    "dice": Metric(dice, "higher", "none", "Dice"),
    "iou": Metric(iou, "higher", "none", "IoU"),
    "accuracy": Metric(accuracy, "higher", "none", "accuracy"),
    "precision": Metric(precision, "higher", "none", "precision"),
    "recall": Metric(recall, "higher", "none", "recall"),
    "f1": Metric(dice, "higher", "none", "F1"),  # of voxels it is Dice, under the name that goes with precision
    "volume_error": Metric(volume_error, "lower", "none", "volume error"),
}

SURFACE_METRICS: dict[str, SurfaceMetric] = {
    "hd95": SurfaceMetric(hd95, "lower", "mm", "HD95"),
    "surface_dice": SurfaceMetric(surface_dice, "higher", "none", "surface Dice at 1 mm"),
}

DETECTION_METRICS: dict[str, Metric] = {
    "detection_tp": Metric(partial(detection_score, of="tp"), "higher", "none", "lesions found"),
    "detection_fp": Metric(partial(detection_score, of="fp"), "lower", "none", "lesions invented"),
    "detection_fn": Metric(partial(detection_score, of="fn"), "lower", "none", "lesions missed"),
    "detection_sensitivity": Metric(
        partial(detection_score, of="sensitivity"), "higher", "none", "sensitivity of detection"
    ),
    "detection_precision": Metric(partial(detection_score, of="precision"), "higher", "none", "precision of detection"),
    "detection_f1": Metric(partial(detection_score, of="f1"), "higher", "none", "F1 of detection"),
}

__all__ = [
    "APPEARANCE_METRICS",
    "CONTINUITY_METRICS",
    "CT_METRICS",
    "DETECTION_METRICS",
    "DOSE_METRICS",
    "MASKED_METRICS",
    "METRICS",
    "PATH_METRICS",
    "SEGMENTATION_METRICS",
    "SLICE_METRICS",
    "SURFACE_METRICS",
    "TASK_METRICS",
    "Better",
    "Detection",
    "Metric",
    "SurfaceMetric",
    "accuracy",
    "agreement",
    "bone_dice",
    "detect",
    "dice",
    "hd95",
    "iou",
    "mae",
    "ms_ssim",
    "ms_ssim_unclipped",
    "mse",
    "ncc",
    "nmi",
    "precision",
    "psnr",
    "psnr_in_range",
    "recall",
    "rmse",
    "sharpness",
    "slice_errors",
    "ssim",
    "ssim_map",
    "stitching",
    "surface_dice",
    "surface_distances",
    "tissue_regions",
    "volume_error",
    "whole_slices",
]
