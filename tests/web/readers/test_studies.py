"""A study over HTTP: its pairs, what a reader is told, and what is told when it is closed."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from PIL import Image

import voxlate
from tests.web.conftest import TOKEN, Served, serving
from tests.web.waiting import until_ended
from voxlate.cohort import index_cohort
from voxlate.errors import UsageError
from voxlate.web.offers import opaque
from voxlate.web.readers import pairing
from voxlate.web.settings import Settings

_SEED = 3_141_592_653
Told = dict[str, Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, trained: Path, phantom_cohort: Path) -> Iterator[Served]:
    with serving(Settings(tmp_path_factory.mktemp("reading"), TOKEN, models=trained, data=(phantom_cohort,))) as one:
        yield one


@pytest.fixture(scope="module")
def order(server: Served, trained: Path, phantom_cohort: Path) -> Told:
    model = next(one for one in server.client.get("/api/v1/models").json() if one["targets"] == ["t2"])["id"]
    asked = {"title": "=heads", "kind": "real", "data": opaque(phantom_cohort), "models": [model], "target": "t2"}
    return {**asked, "cases": 3, "seed": _SEED}


@pytest.fixture(scope="module")
def study(server: Served, order: Told) -> Told:
    """A study of three pairs, all made."""
    made = server.client.post("/api/v1/studies", json=order)
    assert made.status_code == 201, made.text
    told = until_ended(server.client, f"/api/v1/studies/{made.json()['id']}")
    assert told["state"] == "done", told
    return told


def _next(server: Served, study: Told, reader: str) -> Told:
    return dict(server.client.post(f"/api/v1/studies/{study['id']}/next", json={"reader": reader}).json())


def _answer(server: Served, study: Told, key: str, **said: object) -> int:
    said = {"choice": "left", "left": 3, "right": 3, **said}
    return server.client.post(f"/api/v1/studies/{study['id']}/pairs/{key}/answer", json=said).status_code


def test_nothing_tells_which_is_which(
    server: Served, study: Told, order: Told, phantom_cohort: Path, tmp_path: Path
) -> None:
    place = f"/api/v1/studies/{study['id']}"
    sight = _next(server, study, "Ann")
    sides = {side: server.client.get(f"{place}/pairs/{sight['key']}/{side}.nii") for side in ("left", "right")}
    one, other = sides.values()
    headers = [{name: value for name, value in side.headers.items() if name != "date"} for side in sides.values()]
    assert headers[0] == headers[1]
    assert not {"etag", "last-modified", "content-disposition"} & headers[0].keys()
    assert len(one.content) == len(other.content)
    assert one.content[:352] == other.content[:352]
    assert one.content != other.content
    told = [study, sight, server.client.get("/api/v1/studies").json()]
    cases = {case.id for case in index_cohort(phantom_cohort).cases}
    for text in (json.dumps(told), one.content.decode("latin-1"), str(one.url)):
        assert not [word for word in ("SYNTHETIC", "synthetic", str(_SEED), "avula", *cases) if word in text], text[
            :200
        ]
    assert study["kind"] == "real"  # which is the question, and no answer
    for side, answer in sides.items():
        (tmp_path / f"{side}.nii").write_bytes(answer.content)
        image = nibabel.load(tmp_path / f"{side}.nii")
        assert image.get_data_dtype() == np.uint8
        assert bytes(image.header["descrip"]).strip(b"\0") == b"Voxlate"  # of both, and no mark
    left, right = (np.asarray(nibabel.load(tmp_path / f"{side}.nii").dataobj) for side in sides)
    assert left.max() > 100
    assert right.max() > 100
    pictures = [server.client.get(f"{place}/pairs/{sight['key']}/{side}.png") for side in sides]
    gold = [(np.asarray(Image.open(io.BytesIO(one.content))) == (255, 196, 61)).all(-1).sum() for one in pictures]
    assert gold == [0, 0]


def test_before_it_is_closed_nothing_is_told_and_an_answer_is_for_good(server: Served, order: Told) -> None:
    made = server.client.post("/api/v1/studies", json={**order, "cases": 2}).json()["id"]
    study = until_ended(server.client, f"/api/v1/studies/{made}")
    place = f"/api/v1/studies/{made}"
    assert server.client.post(f"{place}/close").status_code == 400  # nobody has read
    seen = []
    while (sight := _next(server, study, "Ann"))["key"]:
        assert _next(server, study, "Ann") == sight
        seen.append(sight["key"])
        assert _answer(server, study, sight["key"], right=9) == 422
        assert _answer(server, study, sight["key"], artefacts="=1+1") == 204
        assert _answer(server, study, sight["key"], choice="right") == 400
    assert len(seen) == 2
    assert _answer(server, study, "no-such-key") == 404
    for what in ("report", "report.html", "answers.csv"):
        assert server.client.get(f"{place}/{what}").status_code == 400
    assert server.client.post(f"{place}/close").json()["closed"]
    assert server.client.post(f"{place}/next", json={"reader": "Bob"}).status_code == 400
    report = server.client.get(f"{place}/report").json()
    lines = server.service.studies._book.of(made)
    real = sum(line.first_is_left for line in lines)  # the left one was always chosen
    assert (report["pooled"]["count"], report["pooled"]["of"], report["seed"]) == (real, 2, _SEED)
    rows = list(csv.DictReader(io.StringIO(server.client.get(f"{place}/answers.csv").text)))
    assert [row["chosen"] for row in rows] == [row["left"] for row in rows]
    assert {row["left"] for row in rows} | {row["right"] for row in rows} == {"real", "synthetic"}
    assert rows[0]["artefacts"] == "'=1+1"  # no formula for whoever opens it
    assert rows[0]["study"] == "'=heads"
    assert "SYNTHETIC was withheld" in rows[0]["blinding"]
    assert "reader study of T2" in server.client.get(f"{place}/report.html").text
    assert server.client.delete(place).status_code == 204
    assert server.client.get(place).status_code == 404
    assert server.service.studies._book.of(made) == []


def test_cases_that_the_model_has_not_seen_come_first(server: Served, study: Told, trained: Path) -> None:
    folder = server.folder / "studies" / study["id"] / "pairs"
    seen = [json.loads(one.read_text())["seen"] for one in sorted(folder.glob("*/pair.json"))]
    assert seen == sorted(seen)
    assert not seen[0]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"kind": "models"}, "2 models"),
        ({"models": ["no-such-model"]}, "models of this server that make t2"),
        ({"target": "ct"}, "models of this server that make ct"),
        ({"data": "no-such-data"}, "a data set"),
    ],
)
def test_a_wish_that_cannot_be_is_refused_at_once(server: Served, order: Told, changed: Told, words: str) -> None:
    answer = server.client.post("/api/v1/studies", json={**order, **changed})
    assert answer.status_code == 400
    assert words in answer.json()["expected"]


def test_two_models_are_compared_on_cases_that_both_translate(
    trained: Path, phantom_cohort: Path, tmp_path: Path
) -> None:
    def tell(*_: object) -> None: ...

    order = {"kind": "models", "data": str(phantom_cohort), "models": [str(trained)] * 2, "target": "t2"}
    result = pairing._work({**order, "cases": 1, "seed": 1}, tmp_path, tell)
    assert len(result["pairs"]) == 1
    first, second = (tmp_path / "pairs/0000" / f"{side}.nii" for side in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()
    before = first.stat().st_mtime_ns
    assert pairing._work({**order, "cases": 1, "seed": 1}, tmp_path, tell) == result
    assert first.stat().st_mtime_ns == before  # what is whole is left as it is


def test_images_of_a_pair_on_two_grids_are_refused() -> None:
    one = voxlate.Volume(np.ones((4, 4, 4), np.float32), np.eye(4))
    with pytest.raises(UsageError, match="one grid"):
        pairing._alike(one, voxlate.Volume(one.array, np.diag([1.0, 1.0, 2.0, 1.0])))
