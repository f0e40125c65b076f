"""The phantom: physics that draws a cohort with lesions and a known truth."""

from voxlate.phantoms.acquisitions import bids_fields
from voxlate.phantoms.anatomy import TissueMap, from_labels
from voxlate.phantoms.cohort import make_cohort
from voxlate.phantoms.labelled.rendering import LABEL_CONTRASTS, RenderOptions, render_labels
from voxlate.phantoms.labelled.table import LabelTable, head_table, read_table
from voxlate.phantoms.labelled.writing import HeadMaps, make_label_cohort
from voxlate.phantoms.physics.protocols import PROTOCOLS, Protocol
from voxlate.phantoms.physics.tissues import TISSUES, Tissue, tissue_id
from voxlate.phantoms.scans import PhantomOptions, Scan, SimulatedCase, acquire, simulate_case
from voxlate.phantoms.spins import Spins, draw_spins, render
from voxlate.phantoms.thorax.heart import HEART_LABELS

__all__ = [
    "HEART_LABELS",
    "LABEL_CONTRASTS",
    "PROTOCOLS",
    "TISSUES",
    "HeadMaps",
    "LabelTable",
    "PhantomOptions",
    "Protocol",
    "RenderOptions",
    "Scan",
    "SimulatedCase",
    "Spins",
    "Tissue",
    "TissueMap",
    "acquire",
    "bids_fields",
    "draw_spins",
    "from_labels",
    "head_table",
    "make_cohort",
    "make_label_cohort",
    "read_table",
    "render",
    "render_labels",
    "simulate_case",
    "tissue_id",
]
