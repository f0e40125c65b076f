"""A data set that the server may read: what it has, what is made of it, case by case, and what goes on after an end."""

from __future__ import annotations

import csv
import json
import time
import zipfile
from pathlib import Path

import pytest

import voxlate
from tests.web.conftest import Served
from voxlate.web.datasets.answers import CompletionOrder


@pytest.fixture(scope="module")
def client(served: Served) -> voxlate.Client:
    return voxlate.Client(str(served.client.base_url), served.service.settings.token)


@pytest.fixture(scope="module")
def told(client: voxlate.Client) -> object:
    (listed,) = client.datasets()
    assert (listed.name, listed.state, listed.cases) == ("heads", "unknown", [])
    return client.dataset(listed.id)


@pytest.fixture(scope="module")
def done(client: voxlate.Client, told: object) -> object:
    """A job that has made T2 where it lacks, and where it is poor."""
    model = next(one.model for one in told.choices if one.model != "default")
    return client.wait(client.complete(told, target="t2", model=model, poor=True))


def test_a_scan_that_somebody_marks_is_made_anew(client: voxlate.Client, told: object) -> None:
    model = next(one.model for one in told.choices if one.model != "default")
    first, second = told.cases[0].case, told.cases[1].case
    with pytest.raises(voxlate.UsageError, match="a scan of t2"):
        client.complete(told, target="t2", model=model, marked=[second])
    cases = client.cases(client.wait(client.complete(told, target="t2", model=model, marked=[first])))
    assert [one.state for one in cases] == ["done", "done", "done", "present", "cannot"]
    assert "marked on the page" in cases[0].reason


def test_the_grid_tells_what_is_there_missing_and_poor_as_check_does(told: object, gappy: Path) -> None:
    assert told.contrasts == ["t1", "t2", "flair"]
    cells = ["".join(cell[0] for cell in row.cells) for row in told.cases]
    assert cells == ["ttt", "tmm", "tmt", "tpm", "mmt"]
    reason = told.cases[3].reasons["t2"]
    assert reason in " ".join(message for *_, code, message in voxlate.check(gappy).findings if code == "poor_scan")


def test_models_tell_of_how_many_cases_they_make_what(told: object) -> None:
    own = next(one for one in told.choices if one.model != "default")
    assert (own.sources, own.takes_any) == (["t1"], False)
    assert [(one.target, one.lacking, one.poor, one.every) for one in own.makes] == [("t2", 2, 1, 4)]
    default = next(one for one in told.choices if one.model == "default")
    assert default.takes_any
    assert {one.target: one.lacking for one in default.makes} == {"t1": 1, "t1c": 5, "t2": 3, "flair": 2, "pd": 5}


def test_what_is_made_is_that_of_the_command_line(
    served: Served, client: voxlate.Client, done: object, gappy: Path, trained: Path, tmp_path: Path
) -> None:
    outcomes = voxlate.translate(trained, gappy, out=tmp_path / "made", target="t2", replace=["poor"])
    expected = {one.case: one.status for one in outcomes}
    cases = client.cases(done)
    assert {one.case: one.state for one in cases} == expected
    assert sorted(expected.values()) == ["cannot", "done", "done", "done", "present"]
    assert next(one for one in cases if one.state == "cannot").reason.startswith("lacks T1")
    archive = client.download(done, tmp_path / "all.zip")
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path / "got")
    made = [path.relative_to(tmp_path / "made") for path in sorted((tmp_path / "made").rglob("*_t2.nii.gz"))]
    assert len(made) == 3
    for name in made:
        assert (tmp_path / "got/out" / name).read_bytes() == (tmp_path / "made" / name).read_bytes()
    described = json.loads((tmp_path / "got/out/dataset_description.json").read_text())
    assert described["DatasetType"] == "derivative"
    place = Path(served.client.get(f"/api/v1/jobs/{done.id}/cases").json()["folder"])
    assert (place / "manifest.csv").is_file()


def test_a_case_can_be_looked_at(served: Served, client: voxlate.Client, done: object, tmp_path: Path) -> None:
    cases = {one.state: one.number for one in client.cases(done)}
    place = f"/api/v1/jobs/{done.id}/cases"
    refused = served.client.post(f"{place}/{cases['cannot']}/look")
    assert (refused.status_code, "not made" in refused.text or "Wait until" in refused.text) == (400, True)
    look = served.client.post(f"{place}/3/look").json()
    assert look["contrasts"] == {"prediction": "t2", "source": "t1", "source2": "t2"}, "the poor scan, too"
    for which in look["contrasts"]:
        view = tmp_path / f"{which}.nii"
        view.write_bytes(served.client.get(f"{place}/3/views/{which}.nii").content)
        assert voxlate.read_volume(view).array.std() > 0
        low, high = look["windows"][which]
        cut = {"plane": "axial", "share": 0.5, "low": low, "high": high}
        assert served.client.get(f"{place}/3/slices/{which}.png", params=cut).headers["content-type"] == "image/png"
    assert voxlate.info(tmp_path / "prediction.nii")["synthetic"] == "made by a model"
    place = f"/api/v1/datasets/{client.datasets()[0].id}/cases/0"
    assert served.client.post(f"{place}/look").json()["contrasts"] == {
        "source": "t1",
        "source2": "t2",
        "source3": "flair",
    }
    assert served.client.get(f"{place}/views/source3.nii").status_code == 200
    assert served.client.get(f"{place}/views/prediction.nii").status_code == 404


def test_a_run_that_was_cancelled_goes_on_where_it_ended(
    served: Served, client: voxlate.Client, told: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = next(one.model for one in told.choices if one.model != "default")
    wish = CompletionOrder(target="t2", model=model, every=True)
    monkeypatch.setattr(served.service.runner, "wake", lambda: None)
    job = client.complete(told, target=wish.target, model=wish.model, every=wish.every)
    ended = client.cancel(job)
    while ended.state in {"queued", "running"}:
        time.sleep(0.05)
        ended = next(one for one in client.jobs() if one.id == job.id)
    assert ended.state == "cancelled"
    with pytest.raises(voxlate.VoxlateError, match="cancelled"):
        client.wait(ended)
    assert client.wait(client.resume(ended)).state == "done"
    again = served.service.datasets.folder_of(served.service.ledger.find(job.id))
    with (again / "manifest.csv").open(newline="") as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["done"] * 4 + ["cannot"]


def test_what_does_not_fit_and_what_is_no_data_set_is_refused(served: Served, told: object, tmp_path: Path) -> None:
    ask = served.client
    for path, order, words in (
        (told.id, {"target": "ct"}, "one of"),
        (told.id, {"target": "t2", "model": "none"}, "model that fits"),
        ("none", {"target": "t2"}, "a data set that the server may read"),
    ):
        refused = ask.post(f"/api/v1/datasets/{path}/jobs", json=order)
        assert refused.status_code in {400, 404}
        assert words in refused.json()["expected"]
    (tmp_path / "empty").mkdir()
    served.service.datasets._places["empty"] = tmp_path / "empty"
    try:
        client = voxlate.Client(str(ask.base_url), served.service.settings.token)
        with pytest.raises(voxlate.UsageError, match="cannot be read"):
            client.dataset("empty")
    finally:
        del served.service.datasets._places["empty"]
