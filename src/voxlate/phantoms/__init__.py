"""The phantom: physics that draws a cohort with lesions and a known truth."""

from voxlate.phantoms.anatomy import TissueMap, from_labels
from voxlate.phantoms.cohort import make_cohort
from voxlate.phantoms.physics.protocols import PROTOCOLS, Protocol
from voxlate.phantoms.physics.tissues import TISSUES, Tissue, tissue_id
from voxlate.phantoms.scans import PhantomOptions, Scan, SimulatedCase, acquire, simulate_case
from voxlate.phantoms.spins import Spins, draw_spins, render
from voxlate.phantoms.thorax.heart import HEART_LABELS

__all__ = [
    "HEART_LABELS",
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
    "draw_spins",
    "from_labels",
    "make_cohort",
    "render",
    "simulate_case",
    "tissue_id",
]
