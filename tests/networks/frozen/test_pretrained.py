"""Weights from files: what fits is loaded and computes what torchvision's network would, the rest is refused."""

from __future__ import annotations

import hashlib
import pickle
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from tests.networks.frozen.test_vgg import SEQUENCE_16, rectifiers, reference
from voxlate.errors import BundleError, UsageError
from voxlate.networks.frozen import pretrained
from voxlate.networks.frozen.pretrained import load_resnet50, load_vgg, read_state, recognise

State = dict[str, Tensor]
NARROWER = 16
WIDTH = 64 // NARROWER


@pytest.fixture(scope="module")
def vgg_state() -> State:
    """A narrow VGG-19 in torchvision's names."""
    torch.manual_seed(0)
    state = {f"features.{name}": tensor for name, tensor in reference(narrower=NARROWER).state_dict().items()}
    return {**state, "classifier.6.bias": torch.zeros(1000)}


@pytest.fixture(scope="module")
def resnet_state() -> State:
    """A ResNet-50 in torchvision's names: 3, 4, 6 and 3 blocks of three convolutions."""
    torch.manual_seed(1)

    def layer(name: str, normalisation: str, shape: tuple[int, int, int]) -> Iterator[tuple[str, Tensor]]:
        outputs, inputs, size = shape
        yield f"{name}.weight", torch.randn(outputs, inputs, size, size) * (1 / (inputs * size**2)) ** 0.5
        for kind in ("weight", "bias", "running_mean", "running_var"):
            yield f"{normalisation}.{kind}", torch.rand(outputs) + 0.5

    state = dict(layer("conv1", "bn1", (64, 3, 7)))
    inputs = 64
    for stage, blocks in enumerate((3, 4, 6, 3)):
        narrow = 64 * 2**stage
        for block in range(blocks):
            at = f"layer{stage + 1}.{block}"
            state |= dict(layer(f"{at}.conv1", f"{at}.bn1", (narrow, inputs, 1)))
            state |= dict(layer(f"{at}.conv2", f"{at}.bn2", (narrow, narrow, 3)))
            state |= dict(layer(f"{at}.conv3", f"{at}.bn3", (4 * narrow, narrow, 1)))
            if block == 0:
                state |= dict(layer(f"{at}.downsample.0", f"{at}.downsample.1", (4 * narrow, inputs, 1)))
            inputs = 4 * narrow
    return state


def resnet50_by_hand(state: State, images: Tensor) -> dict[str, Tensor]:
    """He et al. 2016 as torchvision computes it: the stride of a stage in the 3 x 3 convolution of its first block."""

    def apply(features: Tensor, name: str, normalisation: str, *, stride: int = 1) -> Tensor:
        weight = state[f"{name}.weight"]
        features = functional.conv2d(features, weight, stride=stride, padding=weight.shape[-1] // 2)
        mean, variance, scale, offset = (
            state[f"{normalisation}.{kind}"][:, None, None]
            for kind in ("running_mean", "running_var", "weight", "bias")
        )
        return (features - mean) / (variance + 1e-5).sqrt() * scale + offset

    features = functional.max_pool2d(apply(images, "conv1", "bn1", stride=2).relu(), 3, stride=2, padding=1)
    found = {}
    for stage, blocks in enumerate((3, 4, 6, 3), start=1):
        for block in range(blocks):
            at, stride = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
            change = apply(features, f"{at}.conv1", f"{at}.bn1").relu()
            change = apply(change, f"{at}.conv2", f"{at}.bn2", stride=stride).relu()
            change = apply(change, f"{at}.conv3", f"{at}.bn3")
            if block == 0:
                features = apply(features, f"{at}.downsample.0", f"{at}.downsample.1", stride=stride)
            features = (features + change).relu()
        found[f"layer{stage}"] = features
    return found


def radimagenet(state: State) -> State:
    """The same weights as RadImageNet names them: children of the network by number."""
    numbers = {"conv1": 0, "bn1": 1, "layer1": 4, "layer2": 5, "layer3": 6, "layer4": 7}
    return {f"backbone.{numbers[name.split('.')[0]]}.{name.split('.', 1)[1]}": x for name, x in state.items()}


def test_vgg19_computes_what_its_file_says(vgg_state: State, tmp_path: Path) -> None:
    torch.save(vgg_state, tmp_path / "vgg.pth")
    torch.save(vgg_state, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    save_file(vgg_state, tmp_path / "vgg.safetensors")
    images = torch.rand(1, 3, 32, 32)
    network = reference(narrower=NARROWER)
    network.load_state_dict({n.removeprefix("features."): x for n, x in vgg_state.items() if "features" in n})
    with torch.no_grad():
        expected = rectifiers(network, images)
    for name in ("vgg.pth", "old.pth", "vgg.safetensors"):
        state = read_state(tmp_path / name)
        assert recognise(state, where=name) == "vgg19"
        with torch.no_grad():
            found = load_vgg(state, ["relu1_1", "relu5_4"], where=name, width=WIDTH)(images)
        assert torch.allclose(found["block1_conv1"], expected[0], atol=1e-6)
        assert torch.allclose(found["block5_conv4"], expected[-1], atol=1e-6)


def test_vgg16_is_told_from_vgg19_and_computes_what_its_file_says(vgg_state: State) -> None:
    torch.manual_seed(2)
    network = reference(narrower=NARROWER, sequence=SEQUENCE_16)
    state = {f"features.{name}": tensor for name, tensor in network.state_dict().items()}
    assert recognise(state, where="") == "vgg16"
    images = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        expected = rectifiers(network, images)
        found = load_vgg(state, ["relu2_2", "relu5_3"], where="", width=WIDTH)(images)
    assert torch.allclose(found["block2_conv2"], expected[3], atol=1e-6)
    assert torch.allclose(found["block5_conv3"], expected[-1], atol=1e-6)
    with pytest.raises(BundleError, match=r"no features\.17\.weight"):
        load_vgg(vgg_state, ["relu1_1"], where="vgg.pth", width=WIDTH, depth=16)
    with pytest.raises(UsageError, match="an activation of VGG-16"):
        load_vgg(state, ["relu3_4"], where="", width=WIDTH)


def test_resnet50_computes_what_its_file_says_in_both_namings(resnet_state: State) -> None:
    assert sum(x.numel() for n, x in resnet_state.items() if "running" not in n) == 23_508_032, "torchvision's size"
    images = torch.rand(1, 3, 64, 48)
    expected = resnet50_by_hand(resnet_state, images)
    older = {**resnet_state, "fc.weight": torch.zeros(1000, 2048), "fc.bias": torch.zeros(1000)}
    newer = {**older, "bn1.num_batches_tracked": torch.tensor(7)}
    for state in (older, newer, radimagenet(resnet_state)):
        assert recognise(state, where="") == "resnet50"
        with torch.no_grad():
            found = load_resnet50(state, ["layer1", "layer4"], where="").eval()(images)
        for name, features in found.items():
            assert torch.allclose(features, expected[name], rtol=1e-3, atol=1e-3), name


def test_a_layer_that_resnet50_lacks_is_refused(resnet_state: State) -> None:
    with pytest.raises(UsageError, match=r"'layer5'.*layer4\.2\.conv3"):
        load_resnet50(resnet_state, ["layer5"], where="")


def test_weights_that_do_not_fit_are_refused_with_what_differs(vgg_state: State, resnet_state: State) -> None:
    shorter = {name: x for name, x in vgg_state.items() if not name.startswith("features.34")}
    with pytest.raises(BundleError, match=r"no features\.34\.weight; no features\.34\.bias\."):
        load_vgg(shorter, ["block1_conv1"], where="vgg.pth", width=WIDTH)
    with pytest.raises(BundleError, match=r"an unknown features\.1\.running_mean"):
        load_vgg({**vgg_state, "features.1.running_mean": torch.zeros(4)}, ["relu1_1"], where="", width=WIDTH)
    with pytest.raises(BundleError, match=r"features\.0\.weight of shape \(4, 3, 3, 3\), not \(64, 3, 3, 3\).*27 more"):
        load_vgg(vgg_state, ["block1_conv1"], where="vgg.pth")
    broken = {**vgg_state, "features.5.bias": torch.full((8,), float("nan"))}
    with pytest.raises(BundleError, match=r"NaN or infinity in features\.5\.bias"):
        load_vgg(broken, ["block1_conv1"], where="vgg.pth", width=WIDTH)
    with pytest.raises(BundleError, match=r"no conv1\.weight"):
        load_resnet50(vgg_state, ["layer1"], where="vgg.pth")
    with pytest.raises(BundleError, match=r"an unknown backbone\.9\.weight"):
        load_resnet50({**radimagenet(resnet_state), "backbone.9.weight": torch.zeros(1)}, ["layer1"], where="")
    with pytest.raises(BundleError, match="VGG-16 or ResNet-50"):
        recognise({"encoder.weight": torch.zeros(1)}, where="other.pth")


class Trap:
    """A pickle that touches a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("kind", ["torch", "old torch", "pickle"])
def test_code_in_a_file_is_refused_and_never_runs(kind: str, tmp_path: Path) -> None:
    path, payload = tmp_path / "vgg.pth", tmp_path / "payload"
    hostile = {"features.0.weight": torch.zeros(1), "extra": Trap(payload)}
    if kind == "pickle":
        path.write_bytes(pickle.dumps(hostile))
    else:
        torch.save(hostile, path, _use_new_zipfile_serialization=kind == "torch")
    with pytest.raises(BundleError, match="no code"):
        read_state(path)
    assert not payload.exists()
    torch.load(path, weights_only=False) if kind != "pickle" else pickle.loads(path.read_bytes())
    assert payload.exists(), "the trap works"


def test_hash_is_checked_before_anything_is_parsed(vgg_state: State, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(vgg_state, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert read_state(path, sha256=digest).keys() == read_state(path, sha256=digest[:8].upper()).keys()
    named = path.rename(tmp_path / f"vgg19-{digest[:8]}.pth")
    assert len(read_state(named)) == len(vgg_state)
    rubbish = tmp_path / "vgg19-dcbb9e9d.pth"
    rubbish.write_bytes(b"rubbish")
    with pytest.raises(BundleError, match="SHA-256 dcbb9e9d, got"):
        read_state(rubbish)
    with pytest.raises(BundleError, match="SHA-256 00000000, got"):
        read_state(named, sha256="00000000")


@pytest.mark.parametrize(
    "content",
    [
        [torch.zeros(1)],
        {},
        {"a": 1.0},
        {0: torch.zeros(1)},
        {"a": torch.zeros(1, device="meta")},
        {"a": torch.eye(2).to_sparse()},
    ],
    ids=["list", "empty", "number", "unnamed", "meta", "sparse"],
)
def test_anything_but_named_tensors_is_refused(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(BundleError, match="expected names with their tensors"):
        read_state(tmp_path / "weights.pth")


def test_files_that_are_none_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BundleError, match="got nothing"):
        read_state(tmp_path / "absent.pth")
    with pytest.raises(BundleError, match="got a folder"):
        read_state(tmp_path)
    (tmp_path / "short.pth").write_bytes(b"")
    with pytest.raises(BundleError, match="tensors and no code"):
        read_state(tmp_path / "short.pth")
    (tmp_path / "hostile.safetensors").write_bytes(struct.pack("<Q", 2**40) + b"{}")
    with pytest.raises(BundleError, match="a header of at most"):
        read_state(tmp_path / "hostile.safetensors")
    monkeypatch.setattr(pretrained, "_LIMIT_BYTES", 2**20)
    with zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/0", bytes(2**21))
    assert (tmp_path / "bomb.pth").stat().st_size < 2**20
    with pytest.raises(BundleError, match="at most 1048576 bytes, got 2097152"):
        read_state(tmp_path / "bomb.pth")
