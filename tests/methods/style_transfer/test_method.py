"""Style transfer: what each term does, the warm start, and that a bundle holds all it needs."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor

from voxlate.config.catalogue import build
from voxlate.config.choice import Choice
from voxlate.errors import UsageError
from voxlate.methods import METHODS, Batch
from voxlate.methods.style_transfer.features import StyleFeatures, StyleLayers, build_body
from voxlate.methods.style_transfer.learning import teach
from voxlate.methods.style_transfer.method import StyleTransfer, noise_like
from voxlate.methods.style_transfer.reconstruction import reconstruct
from voxlate.methods.style_transfer.synthesis import Wanted, Weights

SIZE = 24
FEW = {"content": "block1_conv2", "style": ["block1_conv1", "block2_conv1"]}


def make(**options: Any) -> StyleTransfer:
    choice = Choice.model_validate(
        {"name": "style_transfer", "features": {"width": 4}, "layers": FEW, "steps": 8, **options}
    )
    method = build(
        METHODS, choice, what="method", dims=2, source_channels=1, target_channels=1, loss={}, data_range=4.095
    )
    assert isinstance(method, StyleTransfer)
    return method


def disc(radius: float, *, size: int = SIZE) -> Tensor:
    place = torch.arange(size) - (size - 1) / 2
    return ((place[:, None] ** 2 + place**2) < radius**2).float()[None, None]


def exemplars(count: int = 3) -> Batch:
    """Discs with smooth sources, and targets of fine stripes."""
    masks = torch.cat([disc(9.0 + n / 2) for n in range(count)])
    ramp = torch.linspace(0, 1, SIZE).expand(count, 1, SIZE, SIZE)
    stripes = torch.where(torch.arange(SIZE) % 4 < 2, -0.2, 1.0).expand(count, 1, SIZE, SIZE)
    return Batch(torch.where(masks > 0, ramp, -1.0), stripes + 0.1 * ramp, masks)


def stack(slices: int = 4) -> list[Tensor]:
    """Slices that hardly differ, with some noise."""
    noise = torch.Generator().manual_seed(4)
    ramp = torch.linspace(0, 1, SIZE)[:, None].expand(1, 1, SIZE, SIZE)
    images = [ramp**1.5 + 0.02 * torch.rand(ramp.shape, generator=noise) for _ in range(slices)]
    return [torch.where(disc(9.0 + n / 10) > 0, image, -1.0) for n, image in enumerate(images)]


@pytest.fixture
def method() -> StyleTransfer:
    fitted = make()
    fitted.fit(exemplars())
    return fitted


def test_content_alone_leads_from_noise_to_the_content(method: StyleTransfer) -> None:
    painter, mask = method.painter(steps=60), disc(10.0)
    content = method.content_of(stack(1)[0])
    start = noise_like(content, painter, seed=1)
    layer = method.body.layers[0]
    wanted = Wanted(content={layer: painter.see(content, mask)[layer]}, weights=Weights(style=0, variation=0))
    found = painter.paint(start, mask, wanted)
    inside = mask > 0
    before, after = ((image - content).abs()[inside].mean() for image in (start, found))
    assert after < 0.1 * before
    assert float(painter.distance(found, mask, wanted)) < 1e-2 * float(painter.distance(start, mask, wanted))
    assert (found[~inside] == painter.network.outside).all()


@pytest.mark.parametrize("optimiser", ["lbfgs", "adam"])
def test_style_alone_brings_the_gram_matrices_together(optimiser: str) -> None:
    method = make(optimiser=optimiser, weights={"content": 0, "style": 1, "variation": 0})
    batch = exemplars()
    method.fit(batch)
    painter, mask = method.painter(steps=30), disc(10.0)
    grams = painter.style_of(batch.target, batch.mask, method.body.style)
    wanted = Wanted(style=grams, weights=method.task.weights)
    start = method.content_of(stack(1)[0])
    before = float(painter.distance(start, mask, wanted))
    assert float(painter.distance(painter.paint(start, mask, wanted), mask, wanted)) < 0.2 * before
    own = Wanted(style=painter.style_of(batch.target[:1], batch.mask[:1], method.body.style), weights=wanted.weights)
    assert float(painter.distance(batch.target[:1], batch.mask[:1], own)) == pytest.approx(0, abs=1e-9)


def test_variation_alone_smooths(method: StyleTransfer) -> None:
    painter, mask = method.painter(steps=10), disc(10.0)
    start = noise_like(mask, painter, seed=0)
    found = painter.paint(start, mask, Wanted(weights=Weights(content=0, style=0, variation=1)))
    assert found[mask > 0].std() < 0.5 * start[mask > 0].std()


def flicker(method: StyleTransfer, slices: list[Tensor]) -> float:
    """Mean change from slice to slice where both are inside, in one volume."""
    method.begin_case()
    drawn = [method.predict(one) for one in slices]
    pairs = zip(drawn[:-1], drawn[1:], slices[:-1], slices[1:], strict=True)
    return float(torch.stack([(a - b).abs()[(s != -1) & (t != -1)].mean() for a, b, s, t in pairs]).mean())


def test_starting_from_the_neighbour_lowers_the_flicker() -> None:
    found, seeds = {}, itertools.count()
    for start in ("neighbour", "content", "noise"):
        method = make(start=start, steps=6)
        method.fit(exemplars())
        if start == "noise":  # another noise in every slice, as nobody would otherwise
            method._start = lambda content, _, case: noise_like(content, case.painter, seed=next(seeds))  # type: ignore[method-assign]
        found[start] = flicker(method, stack())
    assert found["neighbour"] < 0.8 * found["noise"]
    assert found["neighbour"] < found["content"]


def test_a_case_begins_anew_and_samples_outside_of_a_case_are_alone(method: StyleTransfer) -> None:
    first, second = stack(2)
    alone = method.predict(second)
    method.begin_case()
    assert torch.equal(method.predict(first), make_fitted().predict(first))
    warm = method.predict(second)
    assert not torch.equal(warm, alone)
    method.begin_case()
    assert torch.equal(method.predict(second), alone)


def make_fitted(**options: Any) -> StyleTransfer:
    method = make(**options)
    method.fit(exemplars())
    return method


def test_intensities_are_those_of_the_exemplar_targets(method: StyleTransfer) -> None:
    source = torch.where(exemplars().mask[1:2] > 0, stack(1)[0].abs(), -1.0)
    one = Batch(*(getattr(exemplars(), name)[1:2] for name in ("source", "target", "mask")))
    method.fit(one)
    drawn = method.predict(source)
    inside = source != -1
    assert torch.equal(drawn[inside].sort().values, one.target[inside].sort().values), "exactly, each once"


def test_works_in_inference_mode_and_under_autocast(method: StyleTransfer) -> None:
    source = stack(1)[0]
    plain = method.predict(source)
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        method.begin_case()
        found = method.predict(source.clone())
    assert torch.equal(found, plain)
    assert found.dtype == torch.float32
    assert not found.requires_grad


def test_an_empty_slice_is_empty(method: StyleTransfer) -> None:
    drawn = method.predict(torch.full((1, 1, SIZE, SIZE), -1.0))
    assert (drawn == method.painter().network.outside).all()


def shipped(method: StyleTransfer) -> dict[str, Tensor]:
    return load(save({name: value.contiguous() for name, value in method.shipped_state().items()}))


def test_a_random_network_ships_as_its_seed(method: StyleTransfer) -> None:
    state = shipped(method)
    assert set(state) == {"exemplar_source", "exemplar_target", "exemplar_mask"}
    again = make()
    again.load_state_dict(state)
    source = stack(1)[0]
    assert torch.equal(again.predict(source), method.predict(source))
    other = make(seed=1)
    other.load_state_dict(state)
    assert not torch.equal(other.predict(source), method.predict(source))


@pytest.mark.parametrize("kind", ["vgg19", "bundle"])
def test_a_network_from_a_file_ships_with_its_weights(kind: str) -> None:
    bundled = {"kind": "bundle", "path": "gone", "network": {"name": "unet", "channels": [4, 8]}}
    options: dict[str, dict[str, Any]] = {
        "vgg19": {"features": {"kind": "vgg19", "path": "gone", "width": 4}},
        "bundle": {"features": bundled, "layers": {}},
    }
    method, again = make_fitted(**options[kind]), make(**options[kind])
    with pytest.raises(UsageError, match="weights of the frozen network"):
        method.predict(stack(1)[0])
    torch.manual_seed(5)
    method.attach({name: 0.2 * torch.randn_like(value) for name, value in method.body.network.state_dict().items()})
    again.load_state_dict(shipped(method))
    source = stack(1)[0]
    assert torch.equal(again.predict(source), method.predict(source))


def test_layers_follow_from_the_network() -> None:
    vgg = build_body(StyleFeatures(width=1), StyleLayers())
    assert (vgg.content, vgg.divisor) == ("block2_conv2", 8)
    assert vgg.layers == ("block1_conv1", "block2_conv1", "block2_conv2", "block3_conv1", "block4_conv1")
    assert list(vgg.state_dict())[-1].startswith("network.convolutions.block4_conv1"), "nothing behind the deepest"
    network = Choice.model_validate({"name": "unet", "channels": [2, 4, 8]})
    unet = build_body(StyleFeatures(kind="bundle", path="x", network=network), StyleLayers())
    assert (unet.content, unet.style) == ("encoder.1", ("encoder.0", "encoder.1", "encoder.2"))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"features": {"kind": "vgg19"}}, "path"),
        ({"features": {"path": "x"}}, "path"),
        ({"layers": {"content": "block9_conv1"}}, "activation of VGG-19"),
        ({"weights": {"content": 0, "style": 0, "variation": 0}}, "above 0"),
        ({"steps": 0}, "steps"),
        ({"channel": 1}, "channel"),
        ({"features": {"kind": "bundle", "path": "x"}}, "network of the bundle"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        make(**options)


def test_volumes_and_methods_without_exemplars_are_refused() -> None:
    with pytest.raises(UsageError, match="exemplars"):
        make().predict(stack(1)[0])
    choice = Choice(name="style_transfer")
    with pytest.raises(UsageError, match="slices"):
        build(METHODS, choice, what="method", dims=3, source_channels=1, target_channels=1, loss={}, data_range=1.0)


def test_reconstructions_cover_each_layer_and_growing_sets(method: StyleTransfer) -> None:
    found = reconstruct(method, steps=15)
    assert tuple(found.contents) == method.body.layers
    assert tuple(found.styles) == method.body.style
    assert all(one.image.shape == (SIZE, SIZE) for one in (*found.contents.values(), *found.styles.values()))
    assert all(0 <= one.distance < 0.5 for one in found.contents.values())
    shallow, content = next(iter(found.contents.values())).image[found.mask], found.content[found.mask]
    assert abs(shallow - content).mean() < 0.1 * (found.window[1] - found.window[0])


def test_a_network_that_the_exemplars_teach_tells_what_they_show_and_travels_with_them() -> None:
    taught = make(features={"kind": "trained", "width": 4, "steps": 20})
    drawn = {name: value.clone() for name, value in taught.body.state_dict().items()}
    taught.fit(exemplars())
    assert not any(torch.equal(value, drawn[name]) for name, value in taught.body.state_dict().items())
    assert not any(value.requires_grad for value in taught.parameters())
    again = make(features={"kind": "trained", "width": 4, "steps": 20})
    again.fit(exemplars())
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in taught.state_dict().items())
    other = make(features={"kind": "trained", "width": 4, "steps": 20})
    other.load_state_dict(load(save(taught.shipped_state())))
    assert torch.equal(other.predict(stack(1)[0]), taught.predict(stack(1)[0]))


def test_teaching_lowers_the_error_of_what_is_read_from_the_features() -> None:
    fitted = make(features={"width": 4})
    fitted.fit(exemplars())
    pairs = torch.cat([fitted.content_of(fitted.exemplar_source), fitted.exemplar_target], 1)
    errors = teach(fitted.painter(), pairs, fitted.exemplar_mask, steps=60, seed=0)
    assert sum(errors[-10:]) < 0.7 * sum(errors[:10])
