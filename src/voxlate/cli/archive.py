"""The options of archives, which ``translate`` takes, and the command ``listen``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voxlate.cli.options import Device, Quiet, app, console, shown_by, watching

if TYPE_CHECKING:
    from voxlate.workflows.node.ledger import AnswerLine

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

    if status:
        _print_studies(verbs.listened(rules))
        return
    with watching(quiet=quiet, endless=True, device=device):
        verbs.listen(rules)


def _print_studies(lines: Sequence[AnswerLine]) -> None:
    """A study's identifier fills a line of a narrow terminal: what became of it stands below."""
    from voxlate.cli.output import say
    from voxlate.errors import counted, plural

    studies: dict[str, list[AnswerLine]] = {}
    for line in lines:
        studies.setdefault(line.study, []).append(line)
    told = Counter(line.answer for line in lines if line.rule)
    words = [f"{len(studies)} {plural(len(studies), 'study', 'studies')}", *(f"{n} {one}" for one, n in told.items())]
    say(console(), ", ".join(words))
    for study, answers in studies.items():
        say(console(), f"{study}: {answers[0].state}")
        for one in answers:
            reason = f": {one.reason}" if one.reason else ""
            what = f"{one.rule}: {one.answer}, {counted(one.tries, 'attempt')}{reason}" if one.rule else one.reason
            say(console(), *([f"    {what}"] if what else []))
