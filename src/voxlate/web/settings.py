"""What a server is told when it starts."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from voxlate.errors import UsageError

_TOKEN, _TOKEN_FILE = "VOXLATE_TOKEN", "VOXLATE_TOKEN_FILE"
_SHORTEST = 20


@dataclass(frozen=True)
class Settings:
    """How a server is to be.

    Attributes:
        folder: Where uploads, jobs and results are kept.
        token: What a client must know.
        models: A folder of models beside the one that Voxlate has; ``None`` for none.
        data: Data sets that the server may read.
        cluster: A Dask cluster that computes, as ``--cluster`` names it; ``None`` for this machine.
        host: The address to listen at.
        port: The port; 0 for any that is free.
        names: Under which names clients may call it, beside those of this machine itself.
        user_header: The header in which a proxy names whom it has let in; ``None`` where all are one.
        upload_bytes: How large an upload may be, in all.
        upload_files: How many files it may have.
        kept_s: After what time uploads, and jobs that have ended, are removed.
        workers: How many jobs run at the same time.
    """

    folder: Path
    token: str
    models: Path | None = None
    data: tuple[Path, ...] = ()
    cluster: str | None = None
    host: str = "127.0.0.1"
    port: int = 8421
    names: tuple[str, ...] = ()
    user_header: str | None = None
    upload_bytes: int = 4 * 2**30
    upload_files: int = 10_000
    kept_s: float = 7 * 86_400.0
    workers: int = 1

    @property
    def hosts(self) -> frozenset[str]:
        """The names in ``Host`` that are answered, without a port."""
        return frozenset({"127.0.0.1", "localhost", "::1", self.host.casefold(), *map(str.casefold, self.names)})


def default_folder() -> Path:
    """Where a server keeps things unless it is told: below ``XDG_STATE_HOME``."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "voxlate" / "serve"


def choose_token(host: str) -> str:
    """The token that the environment or a file gives; for this machine alone a new one where they give none.

    Raises:
        UsageError: If others can reach the server and no token is given, or one that can be guessed.
    """
    path = os.environ.get(_TOKEN_FILE)
    try:
        given = os.environ.get(_TOKEN) or (Path(path).read_text(encoding="utf-8").strip() if path else "")
    except (OSError, UnicodeDecodeError) as error:
        remedy = "Write the token into it, or leave the variable out."
        raise UsageError("a file with a token", came=str(error), where=_TOKEN_FILE, remedy=remedy) from error
    remedy = f"Set {_TOKEN} or {_TOKEN_FILE}; `openssl rand -hex 24` makes one."
    if given and len(given) < _SHORTEST:
        raise UsageError(f"a token of {_SHORTEST} characters at least", came=f"{len(given)}", remedy=remedy)
    if not given and not _is_loopback(host):
        came = f"none, and --host {host}, where others can reach it"
        raise UsageError("a token that you have chosen", came=came, where="--host", remedy=remedy)
    return given or secrets.token_urlsafe(24)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.casefold() == "localhost"
