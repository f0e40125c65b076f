"""The real scans that the default model may learn from, or is measured on: two patients (Lesjak et al. 2017)."""

from __future__ import annotations

from pathlib import Path

_FILES = {"t1": "T1", "t1c": "T1POST", "t2": "T2", "flair": "FLAIR", "labels": "GOLD_STANDARD"}


def list_patients(data: Path) -> dict[str, dict[str, Path]]:
    """From a patient to the files of the contrasts and of the lesions.

    Args:
        data: The folder with ``open_ms``.
    """
    return {
        folder.name: {name: (folder / f"{stem}.nii.gz").resolve() for name, stem in _FILES.items()}
        for folder in sorted((data / "open_ms").glob("patient*"))
    }
