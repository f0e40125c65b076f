"""The bundle: every change of a member is refused before a tensor is built; pickles are never read."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
import torch

import voxlate
from voxlate.bundle.bundle import _MEMBERS, MANIFEST, _find_bundle, read_bundle
from voxlate.errors import BundleError


@pytest.fixture
def bundle(trained: Path, tmp_path: Path) -> Path:
    """A fresh copy of a good bundle."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    for path in (trained / "bundle").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def rehash(folder: Path, name: str) -> None:
    """Makes the manifest fit a changed member, as somebody with bad intentions would."""
    import hashlib

    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["members"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / MANIFEST).write_text(json.dumps(manifest))


def test_a_good_bundle_is_read(bundle: Path, trained: Path) -> None:
    read = read_bundle(bundle)
    assert read.recipe.name == "t1-to-t2-fcn"
    assert read.digest == read_bundle(trained).digest
    assert all(bool(torch.isfinite(tensor).all()) for tensor in read.weights().values())
    assert set(read.lookup()) == {"source_values", "target_values", "counts"}


@pytest.mark.parametrize("text", ["!", "AAAA", "eJwDAAAAAAE="])
def test_what_is_no_sketch_is_refused_and_none_at_all_is_read(bundle: Path, text: str) -> None:
    manifest = json.loads((bundle / MANIFEST).read_text())
    assert len(read_bundle(bundle).sketches) == sum(map(len, manifest["sketches"].values())) > 0
    (bundle / MANIFEST).write_text(json.dumps({**manifest, "sketches": {"a": [text]}}))
    with pytest.raises(BundleError, match="sketches of the scans"):
        read_bundle(bundle)
    del manifest["sketches"]  # as in bundles from before they were kept
    (bundle / MANIFEST).write_text(json.dumps(manifest))
    assert read_bundle(bundle).sketches == ()


@pytest.mark.parametrize("name", _MEMBERS)
def test_one_changed_byte_is_refused(bundle: Path, name: str) -> None:
    content = bytearray((bundle / name).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / name).write_bytes(bytes(content))
    with pytest.raises(BundleError, match="SHA-256"):
        read_bundle(bundle)


@pytest.mark.parametrize("name", _MEMBERS)
def test_a_missing_member_is_refused(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    with pytest.raises(BundleError, match="members"):
        read_bundle(bundle)


@pytest.mark.parametrize("name", ["extra.pt", "sub/weights.bin", ".hidden"])
def test_an_extra_file_is_refused(bundle: Path, name: str) -> None:
    (bundle / name).parent.mkdir(exist_ok=True)
    (bundle / name).write_bytes(b"anything")
    with pytest.raises(BundleError, match="members"):
        read_bundle(bundle)


def test_an_unknown_key_is_refused(bundle: Path) -> None:
    manifest = json.loads((bundle / MANIFEST).read_text())
    (bundle / MANIFEST).write_text(json.dumps({**manifest, "hook": "os.system"}))
    with pytest.raises(BundleError, match="hook"):
        read_bundle(bundle)


def test_an_unknown_key_in_the_plan_is_refused_though_the_hashes_fit(bundle: Path) -> None:
    (bundle / "plan.yaml").write_text((bundle / "plan.yaml").read_text() + "\nsurprise: 1\n")
    rehash(bundle, "plan.yaml")
    with pytest.raises(BundleError, match="surprise"):
        read_bundle(bundle)


def test_a_pickle_in_place_of_weights_is_never_executed(bundle: Path, tmp_path: Path) -> None:
    import pickle

    witness = tmp_path / "executed"

    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (open, (str(witness), "w"))

    (bundle / "weights.safetensors").write_bytes(pickle.dumps(Trap()))
    rehash(bundle, "weights.safetensors")
    with pytest.raises(BundleError):
        read_bundle(bundle).weights()
    weights = tmp_path / "model.pt"
    weights.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(BundleError, match="pickled"):
        read_bundle(weights)
    assert not witness.exists()


@pytest.mark.parametrize("length", [0, 1, 2**40, 2**63, 2**64 - 1])
def test_a_hostile_header_is_refused(bundle: Path, length: int) -> None:
    content = (bundle / "weights.safetensors").read_bytes()
    (bundle / "weights.safetensors").write_bytes(struct.pack("<Q", length) + content[8:])
    rehash(bundle, "weights.safetensors")
    with pytest.raises(BundleError):
        read_bundle(bundle).weights()


def test_a_folder_without_a_bundle_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"manifest\.json"):
        _find_bundle(tmp_path)


def test_a_run_without_a_model_yet_says_how_to_come_to_one(trained: Path, phantom_cohort: Path, tmp_path: Path) -> None:
    """Told by its recipe, so that an evaluation does not take the run's files for translated images."""
    (tmp_path / "recipe.yaml").write_bytes((trained / "recipe.yaml").read_bytes())
    with pytest.raises(BundleError, match="--resume"):
        read_bundle(tmp_path)
    with pytest.raises(BundleError, match="--resume"):
        voxlate.evaluate(tmp_path, phantom_cohort, out=tmp_path / "evaluation")
