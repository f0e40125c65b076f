"""A training over HTTP: the data are looked at, it is stopped and resumed, and its model is offered."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SMALL
from tests.web.conftest import TOKEN, Served, serving
from tests.web.waiting import until_ended
from voxlate.training.loop.journal import read_log
from voxlate.web.offers import opaque
from voxlate.web.settings import Settings

Told = dict[str, Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, phantom_cohort: Path) -> Iterator[Served]:
    with serving(Settings(tmp_path_factory.mktemp("teaching"), TOKEN, data=(phantom_cohort,))) as one:
        yield one


@pytest.fixture(scope="module")
def order(phantom_cohort: Path) -> Told:
    fields = {name: value for name, value in SMALL.items() if not name.startswith("method")}
    return {"data": opaque(phantom_cohort), "recipe": "t1-to-t2-fcn", "minutes": 5, "name": "mine", "fields": fields}


def test_from_a_look_at_the_data_to_a_model(server: Served, order: Told) -> None:
    client = server.client
    check = until_ended(client, f"/api/v1/checks/{client.post('/api/v1/checks', json=order).json()['id']}")
    assert (check["state"], check["cases"]) == ("done", 6), check
    assert {one["severity"] for one in check["findings"]} <= {"warning", "note", "info"}
    made = client.post("/api/v1/trainings", json={**order, "check": check["id"]})
    assert made.status_code == 201, made.text
    place = f"/api/v1/trainings/{made.json()['id']}"
    end = time.monotonic() + 600
    while client.get(place).json()["state"] == "queued":
        assert time.monotonic() < end
        time.sleep(0.05)
    assert client.delete(place).status_code == 400
    client.post(f"{place}/stop")
    stopped = until_ended(client, place)
    assert stopped["state"] == "cancelled", stopped
    assert stopped["model"] is None
    assert client.post(f"{place}/resume").json()["state"] == "queued"
    assert client.post(f"{place}/resume").status_code == 400
    done = until_ended(client, place)
    assert done["state"] == "done", done
    assert (done["name"], done["recipe"], done["sources"], done["target"]) == ("mine", "t1-to-t2-fcn", ["t1"], "t2")
    curves = client.get(f"{place}/curves").json()
    assert max(one["steps"][-1] for one in curves) == 12
    (run,) = server.folder.glob("trainings/*/run")
    steps = [entry.step for entry in read_log(run / "log.jsonl") if entry.validation is None]
    assert steps == list(range(1, 13))  # as if nobody had stopped it
    assert {"step 12"} <= {one["title"] for one in done["figures"]}
    assert client.get(f"{place}/figures/{done['figures'][0]['id']}.png").content.startswith(b"\x89PNG")
    assert client.get(f"{place}/figures/none.png").status_code == 404
    offered = client.get("/api/v1/models").json()
    assert [one["id"] for one in offered if one["name"] == "mine"] == [done["model"]]
    assert client.get(f"/api/v1/models/{done['model']}").json()["has_curves"]
    assert "Remove its training" in client.delete(f"/api/v1/models/{done['model']}").json()["remedy"]
    assert client.delete(place).status_code == 204
    assert client.get("/api/v1/models").json() == [one for one in offered if one["name"] != "mine"]
    assert not run.exists()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"recipe": "/etc/passwd"}, "a recipe that comes with Voxlate"),
        ({"data": "no-such-data"}, "a data set of this server"),
        ({"fields": {"training.start": "/etc/passwd"}}, "fields of the recipe's form"),
        (
            {
                "recipe": "dixon-to-ct-multi-view",
                "fields": {"loss.pooled.of": {"name": "features", "network": "/etc/x"}},
            },
            "a recipe that names no file",
        ),
        ({"fields": {"training.learning_rate": -1}}, "a valid recipe"),
        ({"fields": {"training.optimiser": "magic"}}, "a valid recipe"),
        ({"target": "t1"}, "a valid recipe"),
        ({"target": "no-such-contrast"}, "contrast"),
        ({"check": "no-such-check"}, "a preflight"),
    ],
)
def test_a_wish_that_cannot_be_is_refused_at_once(server: Served, order: Told, changed: Told, words: str) -> None:
    answer = server.client.post("/api/v1/trainings", json={**order, **changed})
    assert answer.status_code in {400, 404}
    assert words in answer.json()["expected"], answer.json()
    assert server.client.get("/api/v1/trainings").json() == []


def test_recipes_are_listed_and_told_as_forms(server: Served) -> None:
    recipes = server.client.get("/api/v1/recipes").json()
    assert recipes[0]["name"] == "translate-default"
    form = server.client.get("/api/v1/recipes/t1-to-t2-fcn").json()
    assert (form["sources"], form["target"]) == (["t1"], "t2")
    assert server.client.get("/api/v1/recipes/none").status_code == 400
