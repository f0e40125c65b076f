"""Admission: an image's header and name held against its voxels, by one door for every command.

``admit`` is called by the preflight, by whatever reads a case to prepare, translate or evaluate it, and by ``info``,
so that the same fault is told by the same sentence everywhere. What one image tells stands in ``images``.
"""

from voxlate.cohort.admission.door import admit, forget_told, refuse, tell, told_of, weigh
from voxlate.cohort.admission.reading import read_case_grid, read_contrast

__all__ = ["admit", "forget_told", "read_case_grid", "read_contrast", "refuse", "tell", "told_of", "weigh"]
