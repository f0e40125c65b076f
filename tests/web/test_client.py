"""The client in Python, on a server: several scans as one source, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import voxlate
from tests.conftest import SMALL
from tests.web.conftest import TOKEN, Served, serving
from voxlate.verbs import resolve_recipe
from voxlate.web.settings import Settings


@pytest.fixture(scope="module")
def taking_two(phantom_cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a model that needs T1 and T2, of few steps."""
    recipe = resolve_recipe(
        "t1-to-t2-fcn", source=["t1", "t2"], target="flair", overrides={**SMALL, "training.steps": 2}
    )
    return voxlate.train(phantom_cohort, recipe=recipe, out=tmp_path_factory.mktemp("two") / "run")


@pytest.fixture(scope="module")
def two(taking_two: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(Settings(tmp_path_factory.mktemp("served"), TOKEN, models=taking_two)) as one:
        yield one


@pytest.fixture(scope="module")
def client(two: Served) -> voxlate.Client:
    return voxlate.Client(f"{two.client.base_url}/?token={TOKEN}")


def test_several_scans_are_one_source(
    client: voxlate.Client, taking_two: Path, phantom_cohort: Path, tmp_path: Path
) -> None:
    case = next(phantom_cohort.glob("*001-000"))
    scans = {"t1": next(case.glob("*-t1n.nii.gz")), "t2": next(case.glob("*-t2w.nii.gz"))}
    upload = client.recognise(client.upload(*scans.values()))
    assert [one.contrast for one in upload.scans] == ["t1", "t2"]
    assert all(not any(choice.targets == ["flair"] for choice in one.choices) for one in upload.scans[:0])
    model = next(one.id for one in client.models() if one.id != "default")
    both = next(one for one in upload.together if one.model == model)
    assert (both.scans, both.targets) == (["1", "2"], ["flair"])
    assert "t1c" in next(one for one in upload.together if one.model == "default").targets
    told = []
    job = client.wait(client.translate(upload, target="flair", model=model), report=lambda *one: told.append(one))
    assert (job.sources, job.result.windows.keys()) == (["t1", "t2"], {"prediction", "source", "source2"})
    image = client.download(job, tmp_path / "flair.nii.gz")
    (outcome,) = voxlate.translate(taking_two, scans, out=tmp_path / "same.nii.gz")
    assert image.read_bytes() == outcome.path.read_bytes()
    folder = tmp_path / "case"
    folder.mkdir()
    for name, path in scans.items():
        (folder / f"{name}.nii.gz").write_bytes(path.read_bytes())
    (by_folder,) = voxlate.translate(taking_two, tmp_path / "case", out=tmp_path / "out", every=True)
    assert (voxlate.read_volume(by_folder.path).array == voxlate.read_volume(image).array).all()
    assert '"t1"' in client.download(job, tmp_path / "flair.json", what="sidecar").read_text()


def test_scans_of_one_contrast_are_no_pair(client: voxlate.Client, phantom_cohort: Path) -> None:
    scan = next(phantom_cohort.glob("*001-000/*-t1n.nii.gz"))
    upload = client.recognise(client.upload(scan, scan))
    assert upload.together == []
    with pytest.raises(voxlate.UsageError, match="different contrasts"):
        client.translate(upload, target="t2", scans=["1", "2"])
    corrected = client.correct(upload, upload.scans[1], shows="flair")
    assert [one.contrast for one in corrected.scans] == ["t1", "flair"]
    assert corrected.together
    assert client.datasets() == []


def test_what_cannot_be_is_told_in_words(client: voxlate.Client, two: Served, tmp_path: Path) -> None:
    with pytest.raises(voxlate.UsageError, match="token"):
        voxlate.Client("http://127.0.0.1:1")
    with pytest.raises(voxlate.NetworkError, match="a server that answers"):
        voxlate.Client("http://127.0.0.1:1", TOKEN).jobs()
    with pytest.raises(voxlate.UsageError, match="server's token"):
        voxlate.Client(str(two.client.base_url), "another").jobs()
    with pytest.raises(voxlate.UsageError, match="a file, or a folder"):
        client.upload(tmp_path / "none.nii")
    with pytest.raises(voxlate.UsageError, match="an upload"):
        client.recognise("none")
    assert TOKEN not in repr(client)
