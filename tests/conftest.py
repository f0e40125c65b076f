"""Fixtures that every suite shares: the phantom stands for data, the real scans are used in place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real scans beside the checkout, or the one that VOXLATE_REAL_DATA names."""
    beside = Path(__file__).parent.parent.parent / "shared" / "data"
    folder = Path(os.environ.get("VOXLATE_REAL_DATA", beside))
    if not folder.is_dir():
        pytest.skip("real scans are absent: put them at ../shared/data or set VOXLATE_REAL_DATA")
    return folder
