"""Embedding: features of images by a named network, the same however a file stores the image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.conftest import SMALL
from voxlate.bundle.bundle import read_bundle
from voxlate.cohort import Case, index_cohort
from voxlate.errors import UsageError
from voxlate.evaluation.sets.embedding import _MOST_SLICES, _pooled, _slices_of, load_embedder
from voxlate.inference.model import load_model
from voxlate.io import read_volume, write_volume
from voxlate.networks.frozen import pretrained
from voxlate.networks.frozen.vgg import VGG, layers_of
from voxlate.training.train import train_run
from voxlate.verbs import resolve_recipe
from voxlate.volume import Volume


@pytest.fixture(scope="module")
def image(phantom_cohort: Path) -> Path:
    """A T1 image of the phantom."""
    return index_cohort(phantom_cohort).cases[0].paths["t1"]


@pytest.fixture(autouse=True)
def few_coarse_slices(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures as small as the phantom's own voxels, so that VGG-19 is quick."""
    if "vgg_file" in request.fixturenames:
        monkeypatch.setattr("voxlate.evaluation.sets.embedding._SPACING_MM", (6.0, 6.0, 6.0))
        monkeypatch.setattr("voxlate.evaluation.sets.embedding._MOST_SLICES", 4)


@pytest.fixture(scope="module")
def vgg_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """VGG-19 with random weights as torch.save writes them."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "vgg.pth"
    state = VGG(layers_of(19)).state_dict()
    torch.save({pretrained._torchvision(name): tensor for name, tensor in state.items()}, path)
    return path


def test_a_bundle_gives_a_row_per_slice_of_the_view_that_it_has_learned_from(trained: Path, image: Path) -> None:
    embedder = load_embedder(trained, "t1")
    found = embedder.embed(image)
    assert (embedder.dims, list(found)) == (2, ["axial"])
    assert embedder.name == f"t1-to-t2-fcn stages.1 {read_bundle(trained).digest[:12]}"
    assert found["axial"].shape[1] == 16
    assert 10 < len(found["axial"]) <= _MOST_SLICES
    assert found["axial"].dtype == np.float64
    assert np.array_equal(found["axial"], load_embedder(trained, "t1").embed(image)["axial"]), "deterministic"


def test_features_are_those_of_the_network_on_the_prepared_slice(trained: Path, image: Path) -> None:
    model = load_model(trained)
    prepared = model.prepare(Case("x", "x", {"t1": image}))
    mask = np.asarray(prepared.mask)
    slices = _slices_of(mask, 2)
    k = slices[len(slices) // 2]
    inside = np.where(mask[:, :, k].any(1))[0], np.where(mask[:, :, k].any(0))[0]
    # The bounding box is that of the whole foreground, up to a multiple of the divisor, which is 2 here.
    whole = np.where(mask.any((1, 2)))[0], np.where(mask.any((0, 2)))[0]
    assert all(len(rows) for rows in inside)
    spans = [slice(w[0], w[-1] + 1) for w in whole]
    spans = [slice(s.start, s.stop + (s.stop - s.start) % 2) for s in spans]
    plane, where = np.asarray(prepared.arrays["t1"])[:, :, k][*spans], mask[:, :, k][*spans]
    network = model.predict.translator.network  # type: ignore[union-attr]
    caught: list[torch.Tensor] = []
    handle = network.stages[1].register_forward_hook(lambda *call: caught.append(call[-1]))
    with torch.inference_mode():
        network(torch.from_numpy(np.where(where, plane, np.float32(-1)))[None, None])
    handle.remove()
    features = caught[0][0].double().numpy()
    share = where.reshape(where.shape[0] // 2, 2, where.shape[1] // 2, 2).mean((1, 3))
    expected = (features * share).sum((1, 2)) / share.sum()
    found = load_embedder(trained, "t1").embed(image)["axial"][slices.index(k)]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_features_do_not_depend_on_the_order_of_axes_the_unit_or_the_background(
    trained: Path, vgg_file: Path, image: Path, tmp_path: Path
) -> None:
    volume = read_volume(image)
    turn = np.diag([-1.0, 1.0, 1.0, 1.0])
    turn[0, 3] = volume.shape[0] - 1
    moved = Volume(3 * volume.array.astype(np.float32)[::-1], volume.affine @ turn)
    other = write_volume(moved, tmp_path / "x_t1.nii.gz")
    for path, layer in ((trained, None), (vgg_file, "block2_conv1")):
        embedder = load_embedder(path, "t1", layer=layer)
        for view, features in embedder.embed(image).items():
            np.testing.assert_allclose(embedder.embed(other)[view], features, rtol=1e-3, atol=1e-4)


def test_a_mirrored_copy_has_the_features_of_its_mirror_image(
    trained: Path, vgg_file: Path, image: Path, tmp_path: Path
) -> None:
    volume = read_volume(image)
    turned = write_volume(Volume(volume.array[::-1], volume.affine), tmp_path / "x_t1.nii.gz")
    for path, layer in ((trained, None), (vgg_file, "block2_conv1")):
        embedder = load_embedder(path, "t1", layer=layer)
        straight, copy = embedder.embed(image), embedder.embed(turned)
        for view, features in embedder.embed(turned, mirrored=True).items():
            assert _apart(features, straight[view]) < 0.2 * _apart(copy[view], straight[view])


def test_weights_give_all_three_views_at_one_spacing(vgg_file: Path, image: Path, tmp_path: Path) -> None:
    embedder = load_embedder(vgg_file, "t1", layer="block2_conv1")
    found = embedder.embed(image)
    assert list(found) == ["axial", "coronal", "sagittal"]
    assert {features.shape[1] for features in found.values()} == {128}
    assert embedder.name.startswith("vgg19 block2_conv1 ")
    assert len(embedder.name.split()[-1]) == 12
    volume = read_volume(image)
    blurred = write_volume(_blurred(volume), tmp_path / "blurred_t1.nii.gz")
    noise = _apart(embedder.embed(blurred)["axial"].mean(0), found["axial"].mean(0))
    assert noise > 0.02, "features see a blur"


def test_a_network_of_volumes_gives_one_row(phantom_cohort: Path, image: Path, tmp_path: Path) -> None:
    changes = {
        "window": {"kind": "patches", "size": [16, 16, 16]},
        "method.network": {"name": "unet", "channels": [4, 8]},
    }
    recipe = resolve_recipe("avula2020-t1-to-t2", overrides={**_TINY, **changes})
    run = train_run(phantom_cohort, recipe, tmp_path / "run").folder
    embedder = load_embedder(run, "t1")
    found = embedder.embed(image)
    assert (embedder.dims, list(found)) == (3, ["3-D"])
    assert found["3-D"].shape[0] == 1
    assert np.isfinite(found["3-D"]).all()


def test_refusals_name_the_remedy(trained: Path, vgg_file: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"only source is flair.*sources t1"):
        load_embedder(trained, "flair")
    with pytest.raises(UsageError, match="label"):
        load_embedder(vgg_file, "labels")
    with pytest.raises(UsageError, match="file of weights"):
        load_embedder(tmp_path / "absent.pth", "t1")
    with pytest.raises(UsageError, match="modules"):
        load_embedder(trained, "t1", layer="nowhere")


def test_slices_are_thinned_and_slivers_left_out() -> None:
    mask = np.zeros((4, 4, 100), dtype=bool)
    mask[:, :, 10:90] = True
    mask[0, 0, 5:10] = True  # 1 of 16 voxels, above 5 %
    assert _slices_of(mask, 2) == list(range(6, 90, 3))
    big = np.zeros((10, 10, 5), dtype=bool)
    big[:, :, 1:3] = True
    big[0, :4, 4] = True
    assert _slices_of(big, 2) == [1, 2]


def test_pooling_is_the_weighted_mean_over_the_foreground() -> None:
    features = torch.arange(8, dtype=torch.float32).view(1, 2, 2, 2)
    inside = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    inside[..., :2, :2] = True
    inside[..., 2:, 2:3] = True
    values, weight = _pooled(features, inside)
    np.testing.assert_allclose(values, [[(0 * 1 + 3 * 0.5) / 1.5, (4 * 1 + 7 * 0.5) / 1.5]])
    assert weight.tolist() == [1.5]


_TINY = {
    **{key: value for key, value in SMALL.items() if key != "method.network.widths"},
    "training.steps": 2,
    "training.validate_every": 2,
    "training.figure_every": 2,
}


def _blurred(volume: Volume) -> Volume:
    from scipy.ndimage import gaussian_filter

    return volume.with_array(gaussian_filter(volume.array.astype(np.float32), 1.5))


def _apart(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.linalg.norm(one - other) / np.linalg.norm(other))
