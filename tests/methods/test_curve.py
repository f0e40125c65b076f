"""The curve that a network may begin at: intensity lookup, as a part of the model."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from voxlate.config.choice import Choice
from voxlate.errors import UsageError
from voxlate.methods.baselines import Lookup
from voxlate.methods.curve import KNOTS
from voxlate.methods.regression import Regression, regression

SOURCE = np.linspace(-1, 2, 4096, dtype=np.float32).reshape(16, 16, 16)


def method(**options: int) -> Regression:
    network = Choice.model_validate({"name": "unet", "channels": (4, 8)})
    return regression(
        dims=2,
        source_channels=3,
        target_channels=1,
        loss={"l1": 1.0},
        data_range=1.0,
        network=network,
        **options,
    )


def test_an_untrained_network_with_a_curve_is_the_lookup_of_its_channel_also_after_save_and_load() -> None:
    lookup = Lookup.fit([(SOURCE, np.sin(SOURCE), np.ones_like(SOURCE))])
    started, loaded = method(lookup_channel=1), method(lookup_channel=1)
    assert started.curve is not None
    started.curve.set(*lookup.sampled(KNOTS))
    loaded.load_state_dict(started.state_dict())
    source = torch.from_numpy(SOURCE[:, None].repeat(3, axis=1) * np.array([0, 1, 9], dtype=np.float32)[:, None, None])
    for one in (started, loaded):
        assert np.allclose(one.predict(source).numpy()[:, 0], lookup.apply(SOURCE), atol=1e-3)


def test_beyond_what_was_seen_the_curve_is_level() -> None:
    one = method(lookup_channel=0)
    assert one.curve is not None
    one.curve.set(*Lookup.fit([(SOURCE, SOURCE, np.ones_like(SOURCE))]).sampled(KNOTS))
    assert one.curve(torch.tensor([-5.0, 0.5, 7.0])).tolist() == pytest.approx([-1.0, 0.5, 2.0], abs=2e-3)


def test_a_network_cannot_begin_at_the_source_and_at_its_lookup() -> None:
    with pytest.raises(UsageError, match="lookup_channel"):
        method(lookup_channel=0, add_channel=0)
    with pytest.raises(UsageError, match="channel of the source"):
        method(lookup_channel=3)
