"""Principal components against the singular value decomposition of the whole matrix."""

from __future__ import annotations

import numpy as np
import pytest

from tests.shapes.maps import population
from voxlate.shapes.statistical import _principal_components, _StatisticalShapes, statistical


@pytest.mark.parametrize("explained", [0.6, 0.9, 1.0])
def test_components_are_those_of_a_singular_value_decomposition(explained: float) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(7, 300)) @ np.diag(np.linspace(3, 0.1, 300))
    mean, modes = _principal_components(rows, explained=explained)
    np.testing.assert_allclose(mean, rows.mean(axis=0), atol=1e-12)
    _, values, vectors = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    shares = np.cumsum(values**2) / (values**2).sum()
    count = int((shares < explained - 1e-9).sum()) + 1
    assert len(modes) == min(count, 6)
    for mode, value, vector in zip(modes, values, vectors, strict=False):
        wanted = vector * value / np.sqrt(6)
        wanted *= np.sign(wanted @ mode.astype(float))
        np.testing.assert_allclose(mode, wanted, atol=2e-3 * np.abs(wanted).max())


def test_coefficients_of_a_map_that_the_model_made_are_found_again() -> None:
    model = statistical(points=24, explained=1.0).fit(population(6))
    assert isinstance(model, _StatisticalShapes)
    for number in range(3):
        found = model.coefficients(population(6)[number])
        # Scores of training cases have unit variance over the cases, by definition of the modes.
        assert np.abs(found).max() < np.sqrt(5) + 0.1
    scores = np.array([model.coefficients(one) for one in population(6)])
    np.testing.assert_allclose(scores.std(axis=0, ddof=1), 1.0, atol=0.05)
    np.testing.assert_allclose(scores.mean(axis=0), 0.0, atol=0.05)


def test_no_coefficient_is_drawn_beyond_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    model = statistical(points=24, limit_sd=1.0).fit(population(5))
    assert isinstance(model, _StatisticalShapes)
    seen: list[np.ndarray] = []
    maps = _StatisticalShapes.maps
    monkeypatch.setattr(_StatisticalShapes, "maps", lambda self, c: (seen.append(c), maps(self, c))[1])
    for seed in range(60):
        model.sample(np.random.default_rng(seed))
    drawn = np.concatenate(seen)
    assert 0.8 < np.abs(drawn).max() <= 1.0
    assert abs(drawn.mean()) < 0.15
