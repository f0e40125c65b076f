"""Starts a server, and says where it is."""

from __future__ import annotations

import socket
import webbrowser
from collections.abc import Callable
from dataclasses import replace

import uvicorn

from voxlate.errors import UsageError
from voxlate.io.lock import hold
from voxlate.web.application import build_application
from voxlate.web.service import Service
from voxlate.web.settings import Settings

_KEEP_ALIVE_S = 10
_CLIENTS = 256


def serve(settings: Settings, *, say: Callable[[str], None], browser: bool) -> None:
    """Serves until a signal ends it.

    Args:
        settings: How the server is to be.
        say: Called with the link once the server listens.
        browser: Whether it is opened there.

    Raises:
        UsageError: If the address cannot be listened at.
        LockedError: If another server has the folder.
    """
    with hold(settings.folder, what="a server"), _listening(settings) as listener:
        port = listener.getsockname()[1]
        settings = replace(settings, port=port)
        name = f"[{settings.host}]" if ":" in settings.host else settings.host
        link = f"http://{name}:{port}/?token={settings.token}"
        config = uvicorn.Config(
            build_application(Service(settings)),
            log_level="warning",
            access_log=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            limit_concurrency=_CLIENTS,
            timeout_graceful_shutdown=3,
            server_header=False,
        )
        say(link)
        if browser:
            webbrowser.open(link)
        uvicorn.Server(config).run(sockets=[listener])


def _listening(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        remedy = "Choose another with --port; 0 takes any."
        where = f"{settings.host}:{settings.port}"
        raise UsageError("an address that is free", came=str(error), where=where, remedy=remedy) from error
    listener.listen(128)
    return listener
