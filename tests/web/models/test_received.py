"""A model that comes as an archive: taken if it is whole, refused in words otherwise, and no code in it is ever run."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import stat
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.web.conftest import TOKEN, Served, serving
from voxlate.bundle.bundle import read_bundle
from voxlate.errors import BundleError, VoxlateError
from voxlate.web.models import received
from voxlate.web.settings import Settings

Members = dict[str, bytes]


@pytest.fixture(scope="module")
def members(trained: Path) -> Members:
    return {path.name: path.read_bytes() for path in (trained / "bundle").iterdir()}


def _packed(members: Members, *, under: str = "") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{under}{name}", content)
    return packed.getvalue()


def _listed(members: Members, **changed: bytes) -> Members:
    """The members with others in their place, and a manifest that says so."""
    found = {**members, **{name.replace("__", "."): content for name, content in changed.items()}}
    manifest = json.loads(found.pop("manifest.json"))
    manifest["members"] = {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}
    return {**found, "manifest.json": json.dumps(manifest).encode()}


def _put(folder: Path, content: bytes) -> Path:
    (folder / "files").mkdir(parents=True)
    (folder / "files/scan00001").write_bytes(content)
    return folder


class _Trap:
    """What runs code when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return Path.touch, (Path("trapped"),)  # type: ignore[return-value]


def _changed_byte(members: Members) -> bytes:
    weights = bytearray(members["weights.safetensors"])
    weights[-1] ^= 1
    return _packed({**members, "weights.safetensors": bytes(weights)})


def _link(members: Members) -> bytes:
    packed = io.BytesIO(_packed(members))
    with zipfile.ZipFile(packed, "a") as archive:
        link = zipfile.ZipInfo("weights")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    return packed.getvalue()


_REFUSED: dict[str, tuple[Callable[[Members], bytes], str]] = {
    "a pickle beside the members": (
        lambda m: _packed({**m, "model.pkl": pickle.dumps(_Trap())}),
        "exactly the members",
    ),
    "a pickle in the place of weights": (
        lambda m: _packed(_listed(m, weights__safetensors=pickle.dumps(_Trap()))),
        "a header of at most|a safetensors file",
    ),
    "plugins that want to be loaded": (
        lambda m: _packed({**m, "plugins.json": b'{"plugins": []}'}),
        "exactly the members",
    ),
    "a changed byte": (_changed_byte, "SHA-256"),
    "a missing member": (lambda m: _packed({k: v for k, v in m.items() if k != "plan.yaml"}), "exactly the members"),
    "an unknown key": (lambda m: _packed(_listed(m, recipe__yaml=m["recipe.yaml"] + b"\nrun: rm\n")), "a valid recipe"),
    "a header that claims too much": (
        lambda m: _packed(_listed(m, weights__safetensors=(2**62).to_bytes(8, "little") + b"{}")),
        "a header of at most",
    ),
    "weights of another network": (
        lambda m: _packed(_listed(m, weights__safetensors=m["lookup.safetensors"])),
        "weights that fit the recipe",
    ),
    "a name that leads out": (lambda m: _packed({**m, "../../evil": b"x"}), "names inside"),
    "an absolute name": (lambda m: _packed({**m, "/evil": b"x"}), "names inside"),
    "a link": (_link, "names inside"),
    "a folder in the bundle": (lambda m: _packed({**m, "more/evil.py": b"x"}), "without folders"),
    "no model": (lambda _: _packed({"readme.txt": b"hello"}), "one manifest.json"),
    "no archive": (lambda _: b"hello", "one zip archive"),
}


@pytest.mark.parametrize("what", _REFUSED)
def test_what_is_no_whole_bundle_is_refused_and_nothing_runs(
    what: str, members: Members, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make, words = _REFUSED[what]
    folder = _put(tmp_path / "upload", make(members))
    with pytest.raises(VoxlateError) as refused:
        received._receive(folder)
    assert any(word in refused.value.expected for word in words.split("|")), refused.value.expected
    assert refused.value.remedy
    assert not list(tmp_path.rglob("trapped"))
    assert not list(tmp_path.parent.glob("evil"))


def test_an_archive_that_would_unpack_to_too_much_is_refused_before_it_is_unpacked(
    members: Members, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(received, "_MOST_BYTES", 2**20)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", members["manifest.json"])
        archive.writestr("weights.safetensors", bytes(2**24))
    began = time.monotonic()
    with pytest.raises(BundleError, match="50 files"):
        received._receive(_put(tmp_path, packed.getvalue()))
    assert time.monotonic() - began < 10
    assert not list((tmp_path / "bundle").iterdir())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server without a model but Voxlate's own."""
    with serving(Settings(tmp_path_factory.mktemp("gallery"), TOKEN)) as one:
        yield one


def _send(server: Served, content: bytes) -> tuple[int, dict[str, object]]:
    upload = server.client.post("/api/v1/uploads").json()["id"]
    server.client.put(f"/api/v1/uploads/{upload}/files", content=content, headers={"x-file-name": "model.zip"})
    answer = server.client.post("/api/v1/models", json={"upload": upload})
    assert server.client.get(f"/api/v1/uploads/{upload}").status_code == 404
    return answer.status_code, dict(answer.json())


def test_a_model_that_is_uploaded_can_be_used_at_once(
    server: Served, members: Members, trained: Path, phantom_cohort: Path
) -> None:
    before = server.client.get("/api/v1/models").json()
    code, told = _send(server, _packed(members, under="run/bundle/"))
    assert code == 201, told
    digest = read_bundle(trained).digest
    assert (told["digest"], told["sources"], told["targets"]) == (digest, ["t1"], ["t2"])
    assert server.client.get("/api/v1/models").json() == [*before, told]
    page = server.client.get(f"/api/v1/models/{told['id']}").json()
    assert page["came"]
    assert not page["has_curves"]  # the bundle alone is taken
    scan = next(phantom_cohort.glob("*001-000/*-t1n.nii.gz"))
    (found,) = server.upload(("a_t1n.nii.gz", scan.read_bytes()))["scans"]
    assert told["id"] in [one["model"] for one in found["choices"]]
    assert server.client.delete(f"/api/v1/models/{told['id']}").status_code == 204
    assert server.client.get("/api/v1/models").json() == before
    assert server.client.delete("/api/v1/models/default").status_code == 400


def test_a_refusal_is_told_in_words_and_leaves_nothing(server: Served, members: Members) -> None:
    code, told = _send(server, _changed_byte(members))
    assert code == 400
    assert "SHA-256" in str(told["expected"])
    assert str(server.folder) not in json.dumps(told)
    assert not list(server.folder.glob("models/*"))
