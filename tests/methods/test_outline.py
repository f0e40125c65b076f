"""The outline of networks: what runs, in which order, at which size, with how many parameters."""

from __future__ import annotations

from pathlib import Path

import pytest

import voxlate
from tests.reporting.samples import count_colours
from voxlate.config.recipe import load_recipe
from voxlate.errors import UsageError
from voxlate.methods.build import rehearse_learner
from voxlate.methods.interface import Trainable, count_parameters
from voxlate.methods.outline import outline_networks
from voxlate.reporting.run.networks import _joins, draw_networks


def learner(name: str, **changes: object) -> Trainable:
    method = rehearse_learner(load_recipe(name).with_overrides(changes))
    assert isinstance(method, Trainable)
    return method


def test_a_game_has_both_networks_layer_by_layer() -> None:
    method = learner("genc2022-t2-to-flair", **{"method.network.width": 8, "method.discriminator.width": 8})
    outlines = outline_networks(method)
    assert list(outlines) == ["generator", "discriminator"]
    generator, judge = outlines.values()
    assert generator.parameters == count_parameters(method.trained_networks()["generator"])
    assert [(layer.times, layer.channels, layer.size[0]) for layer in generator.layers] == [
        (1, 8, 256), (1, 16, 128), (1, 32, 64), (18, 32, 64), (1, 16, 128), (1, 8, 256), (1, 1, 256),
    ]  # fmt: skip
    assert generator.layers[1].kind == "convolution 3 x 3, stride 2"
    assert judge.layers[0].inputs == 2, "it sees the source beside the target"
    assert [layer.size[0] for layer in judge.layers] == [128, 64, 32, 31, 30], "pix2pix's 70 x 70 pixels"


def test_a_u_shape_joins_what_has_the_same_size_and_a_sample_can_be_halved() -> None:
    method = learner("kathane2022-dilated", **{"method.network.channels": [8, 16, 24, 32]})
    [outline] = outline_networks(method, size=(36, 44, 17)).values()
    assert outline.sample == (40, 48, 24)
    assert any(layer.kind.endswith("dilation 2") for layer in outline.layers)
    pairs = [(outline.layers[start], outline.layers[end]) for start, end in _joins(outline)]
    assert len(pairs) == 4
    assert all(first.size == second.size for first, second in pairs)
    assert count_colours(draw_networks({"network": outline}, name="kathane")) > 20


def test_scores_of_a_convolutional_network_come_from_each_resolution_and_are_added() -> None:
    [outline] = outline_networks(learner("avula2020-t1-to-t2"), size=(16, 16)).values()
    sees = [sorted(layer.sees) for layer in outline.layers]
    assert sees == [[], [0], [1], [2], [3], [2], [4, 5], [1], [6, 7], [0], [8, 9], [10]]


def test_every_view_of_several_has_its_network() -> None:
    method = learner("zhao-unet-25d", **{"method.network.channels": [4, 8]})
    assert list(outline_networks(method, size=(8, 8))) == ["axial network", "sagittal network", "coronal network"]


def test_networks_are_told_of_recipes_and_models_and_drawn(trained: Path, tmp_path: Path) -> None:
    facts = voxlate.info(trained, figure=tmp_path / "networks.png")
    assert facts["network"][0]["channels"].startswith("1 to ")
    assert (tmp_path / "networks.png").stat().st_size > 10_000
    with pytest.raises(UsageError, match=r"trains networks, got the method image_analogy"):
        voxlate.info("zhao-image-analogy", network=True)
    with pytest.raises(UsageError, match=r"a recipe or a model"):
        voxlate.info(network=True)
