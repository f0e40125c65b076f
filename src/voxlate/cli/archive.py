"""The options of archives, which ``translate`` takes, and the command ``listen``."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from voxlate.cli.options import Device, Quiet, app, console, errors, shown_by, watching

_PANEL = "Archive"
Study = Annotated[
    str | None,
    typer.Option(metavar="UID", help="The study, where INPUT is an archive's address.", rich_help_panel=_PANEL),
]
Series = Annotated[
    str | None, typer.Option(metavar="UID", help="Its only series to be fetched.", rich_help_panel=_PANEL)
]
ConnectionFile = Annotated[
    Path | None,
    typer.Option(
        "--connection",
        metavar="YAML",
        help="AE title, TLS, time-outs and credentials; else that which VOXLATE_CONNECTION names.",
        rich_help_panel=_PANEL,
    ),
]
Store = Annotated[
    bool, typer.Option("--store", help="Give the series that is made back to the archive.", rich_help_panel=_PANEL)
]


@app.command(**shown_by("voxlate listen --rules rules.yaml", "voxlate listen --rules rules.yaml --status"))
def listen(
    rules: Annotated[Path, typer.Option("--rules", metavar="YAML", help="Who may send, and what answers what.")],
    status: Annotated[
        bool, typer.Option("--status", help="Show what became of every study, and listen to nobody.")
    ] = False,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """Answer studies that arrive by C-STORE: rules choose the model, the derived series goes to an archive."""
    from voxlate import verbs
    from voxlate.cli.output import say
    from voxlate.cli.tables import print_table

    if status:
        lines = verbs.listened(rules)
        print_table(console(), f"{len(lines)} answers", ["study", "files", "rule", "answer", "tries", "reason"], lines)
        return
    logging.getLogger("voxlate.verbs.single").setLevel(logging.WARNING)  # it quotes headers
    with watching(quiet=quiet, device=device):
        verbs.listen(rules, opened=lambda port: None if quiet else say(errors(), f"listening at port {port}"))
