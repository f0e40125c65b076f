"""The guard at the door: who is answered at all, and under which headers.

No token, no answer. A token comes as ``Authorization: Bearer``. In its place the link that the server prints sets a
cookie that scripts cannot read and other sites cannot send (HttpOnly, SameSite=Strict): when it was set, a number that
was drawn, and the authentication code of both under the token (HMAC-SHA-256), which no browser keeps. A name in
``Host`` that is not the server's own is refused, against DNS rebinding, and so is what another site's page asks for.
Where a proxy names its users in a header, each has uploads and jobs of his own; the proxy alone knows the token then.
"""

from __future__ import annotations

import hmac
import json
import secrets
import time
from collections.abc import Iterable
from contextvars import ContextVar
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voxlate.web.settings import Settings

_SESSION_S = 7 * 86_400
"""How long the cookie is taken; the link sets a new one."""
_FOR_A_YEAR = b"max-age=31536000"
_BODY_BYTES = 64 * 2**10
"""More than any request has that is no upload."""
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self' data: blob:; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_Refusal = tuple[int, str, str]
asking: ContextVar[str] = ContextVar("asking", default="")
"""Who asks, as the proxy says; empty where all are one."""


class Guard:
    """Lets requests through to an application, or refuses them.

    Args:
        app: The application.
        settings: The token, and the names of the server.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = {
                    name: value for name, value in _HEADERS.items() if name.encode() not in dict(message["headers"])
                }
                safe = ((b"strict-transport-security", _FOR_A_YEAR),) if scope["scheme"] == "https" else ()
                kept = () if b"cache-control" in dict(message["headers"]) else ((b"cache-control", b"no-store"),)
                message = {**message, "headers": [*message["headers"], *_encoded(headers.items()), *kept, *safe]}
            await send(message)

        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._foreign(scope, headers) or self._large(scope, headers)
        if refusal is None and (given := self._in_link(scope)):
            refusal = None if self._is_token(given) else _NO_TOKEN
            if refusal is None:
                await _respond(send_guarded, 303, b"", [("location", "/"), ("set-cookie", self._set_cookie(scope))])
                return
        elif refusal is None and not (
            self._is_token(_bearer(headers)) or self._is_session(self._in_cookie(scope, headers))
        ):
            refusal = _NO_TOKEN
        refusal = refusal or self._unnamed(headers)
        if refusal is not None:
            await _refuse(send_guarded, refusal)
            return
        await self._app(scope, receive, send_guarded)

    def _foreign(self, scope: Scope, headers: dict[str, str]) -> _Refusal | None:
        host = headers.get("host", "")
        if (urlsplit(f"//{host}").hostname or "").casefold() not in self._settings.hosts:
            return (
                403,
                "a name of this server in the address",
                "Call it as the server's link does, or start it with --name.",
            )
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return 403, "a request of this server's own page", "Open the server's link in the browser."
        is_visit = scope["method"] == "GET" and scope["path"] == "/"
        if headers.get("sec-fetch-site") in {"cross-site", "same-site"} and not is_visit:
            return 403, "a request of this server's own page", "Open the server's link in the browser."
        return None

    def _unnamed(self, headers: dict[str, str]) -> _Refusal | None:
        """Notes whom the proxy names; where it is to name somebody and does not, nobody is answered."""
        if self._settings.user_header is None:
            return None
        user = headers.get(self._settings.user_header.casefold(), "")
        asking.set(user)
        return None if user else (401, f"a user in {self._settings.user_header}", "Call the server by its proxy.")

    def _large(self, scope: Scope, headers: dict[str, str]) -> _Refusal | None:
        """Files alone may be large; who reads them counts their bytes."""
        is_file = scope["method"] == "PUT"
        length = headers.get("content-length", "0")
        if is_file or ("transfer-encoding" not in headers and length.isdecimal() and int(length) <= _BODY_BYTES):
            return None
        return 413, f"a request of at most {_BODY_BYTES} bytes, with its length", "Send scans as files of an upload."

    def _in_link(self, scope: Scope) -> str:
        """The token of the server's link, which opens the page and nothing else."""
        if scope["method"] != "GET" or scope["path"] != "/":
            return ""
        query = str(scope["query_string"], "latin-1")
        return parse_qs(query).get("token", [""])[0]

    def _in_cookie(self, scope: Scope, headers: dict[str, str]) -> str:
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(self._cookie(scope))
        except CookieError:
            return ""
        return found.value if found else ""

    def _cookie(self, scope: Scope) -> str:
        """By the port, since ports of a host share their cookies; with TLS a name that no other host can set."""
        return f"{'__Host-' if scope['scheme'] == 'https' else ''}voxlate-{self._settings.port}"

    def _is_token(self, given: str) -> bool:
        return secrets.compare_digest(given.encode(), self._settings.token.encode())

    def _set_cookie(self, scope: Scope) -> str:
        told = f"{time.time():.0f}.{secrets.token_hex(16)}"
        secure = "; Secure" if scope["scheme"] == "https" else ""
        value = f"{told}.{self._code(told)}"
        return f"{self._cookie(scope)}={value}; Path=/; Max-Age={_SESSION_S}; HttpOnly; SameSite=Strict{secure}"

    def _is_session(self, value: str) -> bool:
        """Whether this server has set a cookie, not too long ago."""
        told, _, code = value.rpartition(".")
        drawn = told.partition(".")[0]
        is_ours = secrets.compare_digest(code.encode(), self._code(told).encode())
        return is_ours and drawn.isdecimal() and 0 <= time.time() - int(drawn) + 1 < _SESSION_S

    def _code(self, told: str) -> str:
        return hmac.new(self._settings.token.encode(), told.encode(), "sha256").hexdigest()


_NO_TOKEN = (401, "the server's token", "Open the link that `voxlate serve` printed, or send Authorization: Bearer.")


def _bearer(headers: dict[str, str]) -> str:
    kind, _, value = headers.get("authorization", "").partition(" ")
    return value.strip() if kind.casefold() == "bearer" else ""


def _encoded(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode("latin-1")) for name, value in headers]


async def _refuse(send: Send, refusal: _Refusal) -> None:
    status, expected, remedy = refusal
    body = json.dumps({"expected": expected, "came": "another request", "remedy": remedy}).encode()
    await _respond(send, status, body, [("content-type", "application/json"), ("connection", "close")])


async def _respond(send: Send, status: int, body: bytes, headers: list[tuple[str, str]]) -> None:
    head = _encoded([*headers, ("content-length", str(len(body)))])
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})
