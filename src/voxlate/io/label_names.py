"""What a label map's own files call its values: the sidecar beside it, or the table in its NIfTI header.

- ``labels`` of the JSON sidecar ``<name>.json``, and of ``dataset.json`` of the Medical Segmentation Decathlon
  (``{"1": "liver"}``) or nnU-Net (``{"liver": 1}``);
- the segments of a DICOM segmentation;
- the label table of Connectome Workbench in a header extension, ``<Label Key="1"><![CDATA[spleen]]></Label>``, which
  TotalSegmentator writes (Wasserthal et al. 2023, doi:10.1148/ryai.230024).
"""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import nibabel as nib
from nibabel.filebasedimages import ImageFileError

from voxlate.errors import ReadError
from voxlate.io.dicom import find_segments, has_dicom
from voxlate.io.formats.nifti import read_layout
from voxlate.io.paths import volume_stem, volume_suffix

_LIMIT_BYTES = 16 * 2**20
_LABEL = re.compile(r"<Label\s[^>]*?Key=\"(\d+)\"[^>]*>\s*(?:<!\[CDATA\[(.*?)\]\]>|([^<]*))\s*</Label>", re.DOTALL)
_NIFTI = (".nii", ".nii.gz")


def read_label_names(path: Path) -> dict[int, str]:
    """From a value above 0 to its name; empty if the label map's files say nothing, whatever else they hold.

    Args:
        path: The label map.
    """
    sidecar = path.with_name(volume_stem(path) + ".json")
    return names_in_json(sidecar) or _names_in_header(path) or _names_of_segments(path)


def names_in_json(path: Path) -> dict[int, str]:
    """The names under ``labels`` of a JSON file, by value or by name; groups of values are left out.

    Example:
        >>> names_in_json(Path("dataset.json"))  # doctest: +SKIP
        {1: 'anterior hippocampus', 2: 'posterior hippocampus'}
    """
    pairs = [pair for item in _labels_in_json(path).items() if (pair := _pair(*item))]
    return {value: name for value, name in sorted(pairs) if value > 0 and name}


def groups_in_json(path: Path) -> list[str]:
    """The names of groups of values under ``labels`` of a JSON file: ``{"whole tumour": [1, 2, 4]}``."""
    return [name for name, held in _labels_in_json(path).items() if isinstance(held, list)]


def _labels_in_json(path: Path) -> dict[str, object]:
    try:
        if not path.is_file() or path.stat().st_size > _LIMIT_BYTES:
            return {}
        content: object = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return {}
    told = content.get("labels") if isinstance(content, dict) else None
    return told if isinstance(told, dict) else {}


def _pair(key: str, held: object) -> tuple[int, str] | None:
    """Value and name, whichever of the two is the key."""
    if isinstance(held, str) and key.strip().isdecimal():
        return int(key), held.strip()
    if isinstance(held, int) and not isinstance(held, bool):
        return held, key.strip()
    return None


def _names_of_segments(path: Path) -> dict[int, str]:
    try:
        segments = find_segments(path) if volume_suffix(path) is None and has_dicom(path) else None
    except ReadError:
        segments = None
    return {} if segments is None else dict(sorted(segments.names.items()))


def _names_in_header(path: Path) -> dict[int, str]:
    if not path.name.lower().endswith(_NIFTI):
        return {}
    try:
        read_layout(path)  # refuses extensions without a bound, which nibabel would read
        extensions = nib.load(path).header.extensions
        texts = [bytes(one.get_content()).decode("utf-8", "replace") for one in extensions if one.get_code() in {0, 30}]
    except (OSError, ValueError, TypeError, AttributeError, ImageFileError, ReadError):
        return {}  # whoever reads the voxels tells what is wrong with the file
    found = {
        int(key): html.unescape(data or plain).strip() for text in texts for key, data, plain in _LABEL.findall(text)
    }
    return {value: name for value, name in sorted(found.items()) if value > 0 and name}
