"""Metrics on arrays, in float64, with mask and data range given.

``METRICS`` holds every metric by name, and ``metrics_of(kind)`` those that are computed and shown together:

- ``voxelwise`` errors and similarities of images, and ``slices``, the slice-wise errors of Avula et al. 2020;
- ``continuity``: whether a volume holds together, and ``appearance``: whether it looks like the truth where voxels do
  not agree; both mean something for the whole foreground only;
- ``coverage``: how much of the foreground there is nothing to compare with;
- ``masked``: of images that are 0 outside a region, as Genc et al. 2022 do;
- ``ct``: of Hounsfield units; ``path``: of water-equivalent path lengths in place of images; ``dose``: of the voxels
  that pass a gamma criterion with those that should;
- ``segmentation``: of label maps, voxel by voxel; ``detection``: lesion by lesion; ``surface``; ``task``: of what a
  segmenter makes of a prediction;
- ``set``: of two sets of images, computed together by ``distribution.compare_sets``.

An entry is called ``metric(prediction, truth, mask=..., data_range=...)``, one of surfaces with ``spacing_mm=...`` too;
it knows its title, unit, direction, digits, meaning and formula. To add one, write the function in the module of its
family and list it in ``images``, ``labels`` or ``sets``: the contract suite, the pages and the documentation follow.
"""

from collections.abc import Mapping
from functools import cache
from importlib import metadata
from typing import Literal, overload

from voxlate.config.catalogue import load_entry
from voxlate.metrics.appearance import nmi, sharpness, stitching
from voxlate.metrics.detection import Detection, detect
from voxlate.metrics.distribution import SetMetric
from voxlate.metrics.hounsfield import bone_dice, psnr_in_range, tissue_regions
from voxlate.metrics.images import IMAGES
from voxlate.metrics.labels import LABELS
from voxlate.metrics.metric import Better, Kind, Measure, Metric, PairKind
from voxlate.metrics.segmentation import accuracy, dice, iou, precision, recall, volume_error
from voxlate.metrics.sets import SETS
from voxlate.metrics.structural_similarity import ms_ssim, ms_ssim_unclipped, ssim, ssim_map
from voxlate.metrics.surfaces import SurfaceMetric, hd95, surface_dice, surface_distances
from voxlate.metrics.voxelwise import agreement, mae, mse, ncc, psnr, rmse, slice_errors, whole_slices

METRICS: dict[str, Metric | SurfaceMetric | SetMetric] = {**IMAGES, **LABELS, **SETS}


@overload
def metrics_of(*kinds: PairKind) -> Mapping[str, Metric]: ...
@overload
def metrics_of(*kinds: Literal["surface"]) -> Mapping[str, SurfaceMetric]: ...
@overload
def metrics_of(*kinds: Literal["set"]) -> Mapping[str, SetMetric]: ...
@overload
def metrics_of(*kinds: PairKind | Literal["surface"]) -> Mapping[str, Metric | SurfaceMetric]: ...
@overload
def metrics_of(*kinds: Kind) -> Mapping[str, Metric | SurfaceMetric | SetMetric]: ...


def metrics_of(*kinds: Kind) -> Mapping[str, Metric | SurfaceMetric | SetMetric]:
    """The metrics of these kinds by name, kind after kind, each in the order of the catalogue.

    Example:
        >>> list(metrics_of("path"))
        ['wepl_ap', 'wepl_lr', 'wepl_centre']
    """
    _add_installed()
    return {name: metric for kind in kinds for name, metric in METRICS.items() if metric.kind == kind}


@cache
def _add_installed() -> None:
    """Adds the metrics that installed packages offer as entry points, once, behind those that are here."""
    for point in metadata.entry_points(group="voxlate.metrics"):
        METRICS.setdefault(point.name, load_entry(point))


__all__ = [
    "METRICS",
    "Better",
    "Detection",
    "Kind",
    "Measure",
    "Metric",
    "SetMetric",
    "SurfaceMetric",
    "accuracy",
    "agreement",
    "bone_dice",
    "detect",
    "dice",
    "hd95",
    "iou",
    "mae",
    "metrics_of",
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
