"""Where a proxy names its users, each has uploads and jobs of his own; and many may come at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from tests.web.conftest import BEARER, TOKEN, Served, serving
from voxlate.web.settings import Settings

_USERS = 20


def test_nobody_sees_what_is_anothers(tmp_path: Path, phantom_cohort: Path) -> None:
    scan = next(phantom_cohort.glob("*001-000/*-t1n.nii.gz")).read_bytes()
    with serving(Settings(tmp_path, TOKEN, user_header="X-Forwarded-User")) as one:
        assert one.client.get("/api/v1/jobs").status_code == 401
        url = str(one.client.base_url)
        anna, ben = (
            httpx.Client(base_url=url, headers={**BEARER, "x-forwarded-user": name}, timeout=120, trust_env=False)
            for name in ("anna", "ben")
        )
        hers = Served(anna, one.service, tmp_path).upload(("a_t1n.nii.gz", scan))
        order = {"upload": hers["id"], "scan": "1", "target": "t2"}
        assert ben.get(f"/api/v1/uploads/{hers['id']}").status_code == 404
        assert ben.get(f"/api/v1/uploads/{hers['id']}/scans/1/slice.png").status_code == 404
        assert ben.delete(f"/api/v1/uploads/{hers['id']}").status_code == 404
        assert ben.post("/api/v1/jobs", json=order).status_code == 400
        job = anna.post("/api/v1/jobs", json=order).json()["id"]
        assert ben.get("/api/v1/jobs").json() == []
        for path in ("", "/files/log", "/events"):
            assert ben.get(f"/api/v1/jobs/{job}{path}").status_code == 404
        assert ben.post(f"/api/v1/jobs/{job}/cancel").status_code == 404
        assert [told["id"] for told in anna.get("/api/v1/jobs").json()] == [job]
        anna.post(f"/api/v1/jobs/{job}/cancel")
        anna.close()
        ben.close()


def test_twenty_who_upload_at_once_all_get_an_answer(tmp_path: Path, phantom_cohort: Path) -> None:
    scan = next(phantom_cohort.glob("*001-000/*-t1n.nii.gz")).read_bytes()
    with serving(Settings(tmp_path, TOKEN)) as one, ThreadPoolExecutor(_USERS) as users:
        url = str(one.client.base_url)

        def ask(_: int) -> object:
            with httpx.Client(base_url=url, headers=BEARER, timeout=600, trust_env=False) as client:
                told = Served(client, one.service, tmp_path).upload(("a_t1n.nii.gz", scan))
                return told["scans"][0]["contrast"]

        assert list(users.map(ask, range(_USERS))) == ["t1"] * _USERS
