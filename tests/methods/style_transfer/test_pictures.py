"""Style transfer on pictures: colours, files, weights of a VGG from a file, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import voxlate
from tests.networks.frozen.test_vgg import SEQUENCE_16, reference
from voxlate.errors import BundleError, ReadError, UsageError, WriteError
from voxlate.io.formats.pictures import read_colours

SMALL: dict[str, Any] = {
    "method.features": {"kind": "random", "width": 4},
    "method.steps": 12,
    "method.layers": {"content": "block2_conv2", "style": ["block1_conv1", "block2_conv1"]},
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A grey square as content, red and yellow stripes as style, and a grey slice."""
    folder = tmp_path_factory.mktemp("pictures")
    content = np.full((24, 32, 3), 60, np.uint8)
    content[8:16, 10:22] = 200
    Image.fromarray(content).save(folder / "content.png")
    style = np.zeros((40, 28, 3), np.uint8)
    style[..., 0], style[::4, :, 1], style[1::4, :, 1] = 220, 200, 200
    Image.fromarray(style).save(folder / "style.png")
    Image.fromarray(style).save(folder / "style.jpg")
    Image.fromarray(np.tile(np.arange(32, dtype=np.uint8) * 8, (24, 1))).save(folder / "grey.png")
    return folder


def redraw(
    pictures: Path, out: Path, *, content: str = "content.png", style: str = "style.png", **more: Any
) -> np.ndarray:
    overrides = {**SMALL, **more.pop("overrides", {})}
    place = voxlate.redraw(pictures / content, style=pictures / style, out=out, overrides=overrides, **more)
    return np.asarray(Image.open(place), dtype=float)


def test_a_picture_keeps_its_content_and_takes_the_colours_of_the_style(pictures: Path, tmp_path: Path) -> None:
    drawn = redraw(pictures, tmp_path / "drawn.png", overrides={"method.weights.style": 300.0})
    assert drawn.shape == (24, 32, 3)
    assert drawn[..., 0].mean() > drawn[..., 2].mean() + 10, "redder than the grey that it was"
    assert drawn[9:15, 11:21].mean() > drawn[:6].mean() + 20, "the square is there"
    told = json.loads((tmp_path / "drawn.json").read_text())
    assert (told["synthetic"], [one["contrast"] for one in told["sources"]]) == (True, ["content", "style"])
    assert "synthetic" in Image.open(tmp_path / "drawn.png").text["Comment"]
    again = redraw(pictures, tmp_path / "again.png", overrides={"method.weights.style": 300.0})
    np.testing.assert_array_equal(drawn, again)


def test_grey_pictures_give_a_grey_one_and_large_ones_are_made_smaller(pictures: Path, tmp_path: Path) -> None:
    drawn = redraw(pictures, tmp_path / "grey.png", content="grey.png", style="grey.png", longest=16)
    assert drawn.shape == (12, 16)


def test_weights_of_vgg16_come_from_a_file_and_decide(pictures: Path, tmp_path: Path) -> None:
    found = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        network = reference(narrower=16, sequence=SEQUENCE_16)
        path = tmp_path / f"vgg{seed}.pth"
        torch.save({f"features.{name}": value for name, value in network.state_dict().items()}, path)
        features = {"kind": "vgg16", "path": str(path), "width": 4}
        found.append(redraw(pictures, tmp_path / f"{seed}.png", overrides={"method.features": features}))
    assert np.abs(found[0] - found[1]).max() > 0
    with pytest.raises(BundleError, match="a file of weights"):
        redraw(pictures, tmp_path / "x.png", overrides={"method.features": {**features, "path": "gone.pth"}})
    with pytest.raises(BundleError, match="by name and shape"):
        redraw(pictures, tmp_path / "x.png", overrides={"method.features": {**features, "kind": "vgg19"}})


def test_a_network_that_the_pictures_teach_is_taught_by_them(pictures: Path, tmp_path: Path) -> None:
    taught = {"kind": "trained", "width": 4, "steps": 3}
    one, other = (
        redraw(pictures, tmp_path / f"{name}.png", style="style.jpg", overrides={"method.features": features})
        for name, features in (("taught", taught), ("random", SMALL["method.features"]))
    )
    assert np.abs(one - other).max() > 0


def test_what_cannot_be_is_refused(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(ReadError, match="a PNG, TIFF or JPEG picture"):
        read_colours(tmp_path / "text.png", longest=8)
    with pytest.raises(UsageError, match="PNG"):
        redraw(pictures, tmp_path / "x.jpg")
    with pytest.raises(WriteError, match="there already"):
        redraw(pictures, pictures / "content.png")
    with pytest.raises(UsageError, match="a recipe of style transfer"):
        voxlate.redraw(
            pictures / "content.png", style=pictures / "style.png", out=tmp_path / "x.png", recipe="t1-to-t2-fcn"
        )
