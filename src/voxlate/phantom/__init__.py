"""The phantom: physics that draws a cohort with lesions and a known truth."""

from voxlate.phantom.anatomy import ANATOMIES, LESION_LABELS, TissueMap, from_labels
from voxlate.phantom.cohort import case_name, make_cohort
from voxlate.phantom.protocols import PROTOCOLS, Protocol
from voxlate.phantom.scans import PhantomOptions, Scan, SimulatedCase, acquire, simulate_case
from voxlate.phantom.spins import Spins, draw_spins, render
from voxlate.phantom.tissues import TISSUES, Tissue, tissue_id

__all__ = [
    "ANATOMIES",
    "LESION_LABELS",
    "PROTOCOLS",
    "TISSUES",
    "PhantomOptions",
    "Protocol",
    "Scan",
    "SimulatedCase",
    "Spins",
    "Tissue",
    "TissueMap",
    "acquire",
    "case_name",
    "draw_spins",
    "from_labels",
    "make_cohort",
    "render",
    "simulate_case",
    "tissue_id",
]
