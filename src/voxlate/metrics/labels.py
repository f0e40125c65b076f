"""The catalogue of metrics that compare two label maps; within a kind, their order is that of rows and columns."""

from __future__ import annotations

from functools import partial

from voxlate.metrics.detection import detection_score
from voxlate.metrics.metric import Metric
from voxlate.metrics.segmentation import accuracy, dice, iou, precision, recall, volume_error
from voxlate.metrics.surfaces import SurfaceMetric, hd95, surface_dice

LABELS: dict[str, Metric | SurfaceMetric] = {
    "task_dice": Metric(
        dice,
        kind="task",
        title="Dice of the task",
        better="higher",
        decimals=3,
        meaning="Dice of what a segmenter finds with the prediction in place of the target",
    ),
    "task_dice_real": Metric(
        dice,
        kind="task",
        title="Dice of the task on the true target",
        better="higher",
        decimals=3,
        meaning="Dice of what the same segmenter finds with the true target",
    ),
    "dice": Metric(
        dice,
        kind="segmentation",
        title="Dice",
        better="higher",
        decimals=3,
        meaning="overlap of the labelled voxels of prediction and truth, 1 is identical",
        formula="`2 TP / (2 TP + FP + FN)`",
    ),
    "iou": Metric(
        iou,
        kind="segmentation",
        title="IoU",
        better="higher",
        decimals=3,
        meaning="voxels labelled in both divided by voxels labelled in either, 1 is identical",
        formula="`TP / (TP + FP + FN)`",
    ),
    "accuracy": Metric(
        accuracy,
        kind="segmentation",
        title="accuracy",
        better="higher",
        decimals=3,
        meaning="share of voxels that are right, background included, which flatters where labels are small",
        formula="`(TP + TN) / N`",
    ),
    "precision": Metric(
        precision,
        kind="segmentation",
        title="precision",
        better="higher",
        decimals=3,
        meaning="share of the predicted voxels that are true",
        formula="`TP / (TP + FP)`",
    ),
    "recall": Metric(
        recall,
        kind="segmentation",
        title="recall",
        better="higher",
        decimals=3,
        meaning="share of the true voxels that are predicted",
        formula="`TP / (TP + FN)`",
    ),
    "f1": Metric(
        dice,  # under the name that goes with precision
        kind="segmentation",
        title="F1",
        better="higher",
        decimals=3,
        meaning="harmonic mean of precision and recall; of voxels it is the same number as Dice",
        formula="of voxels the same number as `dice`",
    ),
    "volume_error": Metric(
        volume_error,
        kind="segmentation",
        title="volume error",
        better="lower",
        decimals=3,
        meaning="absolute difference of the predicted and the true volume, divided by the true one",
        formula="`abs(abs(P) - abs(T)) / abs(T)`",
    ),
    "hd95": SurfaceMetric(
        hd95,
        title="HD95",
        better="lower",
        unit_rule="mm",
        meaning="95 % of either surface are no farther than this from the other; where one of the two is empty, the "
        "diagonal of the region's box",
        formula="larger of the 95th percentiles of `d(P, T)` and `d(T, P)`, in mm; the diagonal where one is empty",
    ),
    "surface_dice": SurfaceMetric(
        surface_dice,
        title="surface Dice at 1 mm",
        better="higher",
        decimals=3,
        meaning="share of both surfaces that is no farther than 1 mm from the other, 1 is all",
        formula="share of all `d(P, T)` and `d(T, P)` that are at most 1 mm",
    ),
    "detection_tp": Metric(
        partial(detection_score, of="tp"),
        kind="detection",
        title="lesions found",
        better="higher",
        meaning="true lesions that the prediction touches",
        formula="lesions of `T` that `P` touches",
    ),
    "detection_fp": Metric(
        partial(detection_score, of="fp"),
        kind="detection",
        title="lesions invented",
        better="lower",
        meaning="predicted lesions that touch no true one",
        formula="lesions of `P` that do not touch `T`",
    ),
    "detection_fn": Metric(
        partial(detection_score, of="fn"),
        kind="detection",
        title="lesions missed",
        better="lower",
        meaning="true lesions that the prediction does not touch",
        formula="lesions of `T` that `P` does not touch",
    ),
    "detection_sensitivity": Metric(
        partial(detection_score, of="sensitivity"),
        kind="detection",
        title="sensitivity of detection",
        better="higher",
        decimals=3,
        meaning="share of the true lesions that are found, whatever their size",
        formula="`TP / (TP + FN)`, of lesions",
    ),
    "detection_precision": Metric(
        partial(detection_score, of="precision"),
        kind="detection",
        title="precision of detection",
        better="higher",
        decimals=3,
        meaning="lesions found divided by lesions found and invented",
        formula="`TP / (TP + FP)`, of lesions",
    ),
    "detection_f1": Metric(
        partial(detection_score, of="f1"),
        kind="detection",
        title="F1 of detection",
        better="higher",
        decimals=3,
        meaning="harmonic mean of sensitivity and precision of detection",
        formula="`2 TP / (2 TP + FP + FN)`, of lesions",
    ),
}
