"""The command ``serve``: the page in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from voxlate.cli.options import Cluster, app, console, errors, shown_by
from voxlate.errors import UsageError

_WAITING = 4
"""Jobs at a time, where others compute and this machine waits for them."""


@app.command(
    **shown_by(
        "voxlate serve",
        "voxlate serve --models runs --data cohort --no-browser",
        "VOXLATE_TOKEN_FILE=token voxlate serve --host 0.0.0.0 --name scans.example.org",
    )
)
def serve(
    models: Annotated[
        Path | None, typer.Option("--models", metavar="DIR", help="Runs or bundles to offer beside Voxlate's own.")
    ] = None,
    data: Annotated[
        list[Path] | None,
        typer.Option("--data", metavar="DIR", help="A data set that the server may read. May be repeated."),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--folder", metavar="DIR", help="Where uploads, jobs and results are kept.")
    ] = None,
    host: Annotated[
        str, typer.Option("--host", help="The address to listen at; others than this machine need VOXLATE_TOKEN.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="The port; 0 for any that is free.", min=0, max=65535)] = 8421,
    name: Annotated[
        list[str] | None,
        typer.Option("--name", metavar="HOST", help="A name under which browsers reach it. May be repeated."),
    ] = None,
    user_header: Annotated[
        str | None,
        typer.Option("--user-header", metavar="NAME", help="The header in which a proxy names whom it has let in."),
    ] = None,
    keep_hours: Annotated[
        float, typer.Option("--keep-hours", help="After what time uploads and results are removed.", min=0.001)
    ] = 168.0,
    cluster: Cluster = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")] = True,
) -> None:
    """Serve a page in which scans are translated and looked at; its link is printed."""
    from voxlate.cli.output import say

    try:
        from voxlate.web.serving import serve as run
        from voxlate.web.settings import Settings, choose_token, default_folder
    except ModuleNotFoundError as error:
        remedy = "Install the extra: pip install 'voxlate[web]'."
        raise UsageError("FastAPI, uvicorn and sse-starlette", came=f"no {error.name}", remedy=remedy) from error
    if models is not None and not models.is_dir():
        raise UsageError("a folder of models", came="none", where=models, remedy="Name a folder of runs or bundles.")
    for place in data or ():
        if not place.exists():
            raise UsageError("a data set", came="nothing of that name", where=place, remedy="Correct --data.")
    settings = Settings(
        folder=folder or default_folder(),
        token=choose_token(host),
        models=models,
        data=tuple(data or ()),
        cluster=cluster,
        workers=_WAITING if cluster else 1,
        host=host,
        port=port,
        names=tuple(name or ()),
        user_header=user_header,
        kept_s=3600 * keep_hours,
    )
    say(errors(), "Ends with Ctrl-C. Research software, not for diagnostic use.")
    run(settings, say=lambda link: say(console(), link), browser=browser)
