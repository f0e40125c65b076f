"""One simulated head for the suites that look at images; drawn once."""

from __future__ import annotations

import pytest

from voxlate.phantoms import PhantomOptions, SimulatedCase, simulate_case

ALL = ("t1", "t1c", "t2", "flair", "pd", "in_phase", "out_phase", "ct")


@pytest.fixture(scope="session")
def head() -> SimulatedCase:
    """A glioblastoma on a grid of 64^3, in every contrast, without a coil field."""
    return simulate_case(
        seed=5, index=0, size=64, anatomy="head", contrasts=ALL, options=PhantomOptions(bias=0.0, factor=2)
    )
