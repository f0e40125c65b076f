"""The harness of `make bench`: both sides in turn, and whether they say the same."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from voxlate.inference.runtimes.allocator import keep_freed_memory

PLACE = Path(__file__).parent.parent / "benchmarks" / "speed" / "harness.py"


@pytest.fixture(scope="module")
def harness() -> ModuleType:
    spec = spec_from_file_location("harness", PLACE)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["harness"] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_both_ways_are_measured_in_turn_and_compared(harness: ModuleType, tmp_path: Path) -> None:
    keep_freed_memory()
    held = [np.ones(2**17) for _ in range(65)]
    del held[:64]  # 64 MiB that the process keeps must not hide what a side needs
    calls: list[str] = []

    def ours() -> np.ndarray:
        calls.append("ours")
        return np.array([1.0, 2.0])

    def usual() -> np.ndarray:
        calls.append("usual")
        needed = np.ones(2**22)  # 32 MiB
        return np.array([1.0, 2.0 * needed[0] + 0.02])

    row = harness.compare(harness.Comparison("what", "two", ours, usual, "another", 0.05, repeats=2))
    assert calls == ["ours", "usual"] * 3
    assert row.difference == pytest.approx(0.02 / 2.02)
    assert row.usual_mib > 25 > row.mib
    assert row.ratio == row.usual_seconds / row.seconds
    harness.keep_rows(tmp_path / "rows.json", [row])
    assert harness.load_rows(tmp_path / "rows.json") == {"what": row}


def test_what_nothing_is_compared_with_is_done_once(harness: ModuleType) -> None:
    calls: list[int] = []
    [alone] = harness.growing("all", [("three", lambda: calls.append(3))])
    row = harness.compare(alone, most=0)
    assert (row.title, row.ratio, calls) == ("all, three", None, [3])
