"""What a file masks whose name ends with ``mask``: the outline of the patient, or a part of the patient.

BIDS derivatives name both alike: ``desc-brain_mask`` and ``label-lesion_mask`` (bids-specification.readthedocs.io). The
word before ``mask`` tells, or the entity ``label-``. A word that is not known here leaves it the outline, which its
voxels then have to bear out (``voxlate.cohort.admission.places``).
"""

from __future__ import annotations

import re

_SEPARATOR = re.compile(r"[_\-. ]+")
_LESIONS = (
    r"lesions?|tumou?rs?|strokes?|infarct\w*|penumbra|ha?ematomas?|ha?emorrhages?|o?edema|necrosis|wmh|[gcp]tv\w*"
    r"|aneurysms?|nodules?|polyps?|cysts?|plaques?|metastas[ei]s|cancer|gliomas?|meningiomas?|abnormal\w*|patholog\w*"
    r"|enhanc\w*"
)
_ORGANS = (
    r"vessels?|hippocamp\w*|ventricles?|heart|liver|kidneys?|spleen|pancreas|prostate|lungs?|aorta|atri\w+|myocardium"
    r"|gm|wm|csf|gr[ae]y_?matter|white_?matter|sc|cord|spinal_?cord|vertebrae?|tissues?|organs?|structures?|roi|seg|label"
)
_ENTITY = re.compile(r"(?:^|_)label-([^_]+)", re.IGNORECASE)
_PART = re.compile(rf"({_LESIONS}|{_ORGANS})", re.IGNORECASE)
_GLUED = re.compile(r"(lesions?|tumou?rs?|stroke|infarct|wmh)$", re.IGNORECASE)
"""Words that say so also where they end another one, as in ``T1lesion``."""


def masks_a_part(before: str) -> bool:
    """Whether what stands before ``mask`` in a file name ends with the name of a lesion or an organ.

    Example:
        >>> masks_a_part("sub-01_label-lesion_"), masks_a_part("sub-01_desc-brain_")
        (True, False)
    """
    words = [word for word in _SEPARATOR.split(before) if word][-1:]
    words += [entity.group(1) for entity in _ENTITY.finditer(before)]
    return any(_PART.fullmatch(word) or _GLUED.search(word) for word in words)
