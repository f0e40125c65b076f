from __future__ import annotations

import re

import pytest

from voxlate.errors import UsageError
from voxlate.phantoms import TISSUES, tissue_id
from voxlate.phantoms.physics import tissues


def test_every_tissue_is_physical_and_has_sources_that_the_module_lists() -> None:
    listed = set(re.findall(r"^- ([A-Z]\d\d):", tissues.__doc__ or "", flags=re.MULTILINE))
    for tissue in TISSUES.values():
        assert 0 < tissue.t2star_ms <= tissue.t2_ms <= tissue.t1_ms, tissue.name
        assert 0 <= tissue.proton_density <= 1, tissue.name
        assert 0 <= tissue.fat_fraction <= 1, tissue.name
        assert set(tissue.sources.split()) <= listed, tissue.name
        assert tissue.sources, tissue.name


def test_air_is_number_zero_and_gives_nothing() -> None:
    assert tissue_id("air") == 0
    assert TISSUES["air"].proton_density == 0
    assert TISSUES["air"].hu == -1000


def test_unknown_tissue_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="cheese"):
        tissue_id("cheese")


def test_enhancing_tumour_loses_the_published_t1() -> None:
    """Noth et al. 2020: T1 of enhancing glioblastoma falls by 838 (210) ms."""
    tumour = TISSUES["enhancing_tumour"]
    rate = 1 / tumour.t1_ms + 1e-3 * tissues.R1_RELAXIVITY * tumour.uptake_mmol
    assert 838 - 210 < tumour.t1_ms - 1 / rate < 838 + 210
