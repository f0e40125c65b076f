"""Rows of the fault matrix about who is answered, what is taken and what is kept."""

from __future__ import annotations

import io
import os
import re
import resource
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import voxlate
from tests.web.conftest import TOKEN, Served, serving
from voxlate.errors import UsageError
from voxlate.web.settings import Settings, choose_token


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that takes little, and keeps it for an hour."""
    folder = tmp_path_factory.mktemp("bare")
    with serving(Settings(folder, TOKEN, upload_bytes=2**20, upload_files=3, kept_s=3600)) as one:
        yield one


def _plain(served: Served, path: str, **options: object) -> httpx.Response:
    """Asks without a token."""
    return httpx.request("GET", f"{served.client.base_url}{path}", trust_env=False, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["/", "/page/main.js", "/api/v1/about", "/api/v1/openapi.json", "/api/v1/jobs"])
def test_no_token_no_answer(bare: Served, path: str) -> None:
    assert _plain(bare, path).status_code == 401
    assert _plain(bare, path, headers={"authorization": "Bearer guess"}).status_code == 401
    assert _plain(bare, path, params={"token": "guess"}).status_code == 401
    assert bare.client.get(path).status_code == 200


def test_the_link_sets_a_cookie_that_scripts_and_other_sites_cannot_use(bare: Served) -> None:
    visit = _plain(bare, "/", params={"token": TOKEN})
    assert (visit.status_code, visit.headers["location"]) == (303, "/")
    cookie = visit.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    name, _, value = cookie.partition(";")[0].partition("=")
    assert _plain(bare, "/api/v1/about", cookies={name: value}).status_code == 200
    assert _plain(bare, "/api/v1/about", params={"token": TOKEN}).status_code == 401
    assert TOKEN not in cookie
    assert _plain(bare, "/", params={"token": TOKEN}).headers["set-cookie"] != cookie, "each visit has its own"
    drawn, number, code = value.split(".")
    for forged in (TOKEN, f"{int(drawn) + 9}.{number}.{code}", f"{drawn}.{number}.{'0' * 64}", "", ".."):
        assert _plain(bare, "/api/v1/about", cookies={name: forged}).status_code == 401


def test_a_cookie_ends_and_with_tls_no_other_host_can_set_it(bare: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    visit = _plain(bare, "/", params={"token": TOKEN}, headers={"x-forwarded-proto": "https"})
    cookie = visit.headers["set-cookie"]
    assert cookie.startswith("__Host-voxlate")
    assert "Secure" in cookie.split("; ")
    assert visit.headers["strict-transport-security"] == "max-age=31536000"
    name, _, value = cookie.partition(";")[0].partition("=")
    asked = {"headers": {"x-forwarded-proto": "https"}, "cookies": {name: value}}
    assert _plain(bare, "/api/v1/about", **asked).status_code == 200
    now = time.time()
    monkeypatch.setattr("voxlate.web.guard.time.time", lambda: now + 8 * 86_400)
    assert _plain(bare, "/api/v1/about", **asked).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "127.0.0.1.evil.example:8421"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_foreign_host_or_page_is_refused_even_with_the_token(bare: Served, headers: dict[str, str]) -> None:
    answer = bare.client.get("/api/v1/about", headers=headers)
    assert answer.status_code == 403
    assert set(answer.json()) == {"expected", "came", "remedy"}


def test_every_answer_has_the_headers(bare: Served) -> None:
    for answer in (bare.client.get("/"), bare.client.get("/api/v1/none"), _plain(bare, "/")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert bare.client.get("/api/v1/about").headers["cache-control"] == "no-store"


def test_an_upload_that_is_too_large_is_refused_and_memory_stays_flat(bare: Served) -> None:
    upload = bare.client.post("/api/v1/uploads").json()["id"]
    sent, before = 0, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def endless() -> Iterator[bytes]:
        nonlocal sent
        piece = bytes(2**20)
        while sent < 2**31:
            sent += len(piece)
            yield piece

    try:
        put = bare.client.put(f"/api/v1/uploads/{upload}/files", content=endless(), headers={"x-file-name": "a.nii"})
        assert put.status_code == 413
        assert "at most 1 MiB" in put.json()["expected"]
    except httpx.TransportError:  # the server has closed the connection before the client looked for an answer
        assert 2**20 < sent < 2**31
    grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown_mib < 50
    assert not list(bare.folder.glob("uploads/*/files/*"))


def test_too_many_files_and_a_large_question_are_refused(bare: Served) -> None:
    upload = bare.client.post("/api/v1/uploads").json()["id"]
    codes = [
        bare.client.put(
            f"/api/v1/uploads/{upload}/files", content=b"x", headers={"x-file-name": "same.nii"}
        ).status_code
        for _ in range(4)
    ]
    assert codes == [204, 204, 204, 413]
    assert bare.client.post("/api/v1/jobs", content=b" " * 2**17).status_code == 413
    assert bare.client.post("/api/v1/jobs", json={"path": "/etc/passwd"}).status_code == 422


@pytest.mark.parametrize(
    "name", ["..", "../jobs.sqlite", "%2e%2e", "%2e%2e%2fjobs.sqlite", "jobs.sqlite", "no-such-id"]
)
def test_ids_lead_nowhere_else(bare: Served, name: str) -> None:
    for path in (
        f"/uploads/{name}",
        f"/jobs/{name}",
        f"/jobs/{name}/files/image",
        f"/uploads/{name}/scans/1/slice.png",
    ):
        assert bare.client.get(f"/api/v1{path}").status_code in {400, 404}
    assert bare.client.get("/page/../settings.py").status_code == 404
    assert bare.client.get("/page/%2e%2e/settings.py").status_code == 404


def test_what_is_no_scan_is_left_out_with_a_reason_and_the_server_lives(bare: Served) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../../evil_T1.nii", b"no image")
        archive.writestr("readme.txt", b"hello")
    told = bare.upload(("page_T1.nii", b"<script>alert(1)</script>"), ("set.zip", packed.getvalue()))
    assert told["scans"] == []
    assert len(told["left_out"]) == 3
    assert not list(bare.folder.parent.rglob("evil*"))
    assert bare.client.get("/api/v1/about").status_code == 200
    again = bare.client.put(f"/api/v1/uploads/{told['id']}/files", content=b"x", headers={"x-file-name": "a.nii"})
    assert again.status_code == 400


def test_a_reader_that_crashes_is_told_and_the_server_lives(bare: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voxlate.web.service._recognise", os._exit)  # which refuses a folder, and the process fails
    upload = bare.client.post("/api/v1/uploads").json()["id"]
    bare.client.put(f"/api/v1/uploads/{upload}/files", content=b"x", headers={"x-file-name": "a.nii"})
    finished = bare.client.post(f"/api/v1/uploads/{upload}/finish")
    assert (finished.status_code, finished.json()["came"]) == (400, "damaged files")


def test_what_was_kept_long_enough_is_removed(bare: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    bare.client.post("/api/v1/uploads")
    assert list(bare.folder.glob("uploads/*"))
    bare.service.sweep()
    assert list(bare.folder.glob("uploads/*"))
    monkeypatch.setattr("voxlate.web.uploads.time.time", lambda: 4e9)
    bare.service.sweep()
    assert not list(bare.folder.glob("uploads/*"))


def test_others_than_this_machine_need_a_chosen_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("VOXLATE_TOKEN", raising=False)
    assert len(choose_token("127.0.0.1")) > 20
    assert choose_token("::1") != choose_token("localhost")
    for host in ("0.0.0.0", "192.168.1.4", "scans.example.org"):  # noqa: S104
        with pytest.raises(UsageError, match="VOXLATE_TOKEN"):
            choose_token(host)
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    monkeypatch.setenv("VOXLATE_TOKEN_FILE", str(tmp_path / "token"))
    assert choose_token("0.0.0.0") == TOKEN  # noqa: S104
    monkeypatch.setenv("VOXLATE_TOKEN", "short")
    with pytest.raises(UsageError, match="20 characters"):
        choose_token("127.0.0.1")


def test_the_schema_is_typed_and_names_no_path(bare: Served) -> None:
    schema = bare.client.get("/api/v1/openapi.json").json()
    assert len(schema["paths"]) > 15
    names = {
        one["name"] for path in schema["paths"].values() for verb in path.values() for one in verb.get("parameters", [])
    }
    assert names == {"upload", "scan", "job", "what", "which", "plane", "share", "low", "high", "x-file-name"} | {
        "dataset",
        "case",
        *("model", "figure", "recipe", "check", "training", "study", "pair", "side"),
    }


def test_the_page_makes_no_markup_of_strings() -> None:
    page = Path(voxlate.__file__).parent / "web/page"
    for script in page.glob("*.js"):
        text = script.read_text(encoding="utf-8")
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "localStorage"):
            assert word not in text, script.name


def test_each_line_of_the_checklist_has_its_test_or_its_reason() -> None:
    root = Path(__file__).parents[2]
    lines = (root / "docs/look-up/web-security.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if re.match(r"\| \d+\.\d", line)]
    assert len({number for number, *_ in rows}) == 70
    for number, asked, answer in rows:
        assert asked, number
        assert answer, number
        for file, name in re.findall(r"`(tests/[\w/.]+)::(\w+)`", answer):
            assert f"def {name}(" in (root / file).read_text(encoding="utf-8"), (number, name)
