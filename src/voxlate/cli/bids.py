"""The command ``bids``, called as every BIDS-App is: data set, output and level, and lists of labels behind options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from voxlate.cli.options import (
    Accept,
    CommandHelp,
    Device,
    Quiet,
    accepted,
    app,
    console,
    errors,
    shown_by,
    watching,
)

_LISTS = {"--participant-label", "--session-label"}


class _AppCommand(CommandHelp):
    """A command whose lists of labels are one option with several words, and whose options may have underscores."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401  the package keeps its click private
        """Writes ``--participant_label 01 02`` as the same option twice."""
        written: list[str] = []
        option = ""
        for word in args:
            if word.startswith("--"):
                name, equals, value = word.partition("=")
                option = name.replace("_", "-")
                written += [] if option in _LISTS and not equals else [f"{option}{equals}{value}"]
            else:
                written += [option, word] if option in _LISTS else [word]
        return super().parse_args(ctx, written)


def _version(asked: bool) -> None:
    from voxlate._version import __version__

    if asked:
        typer.echo(f"voxlate {__version__}")
        raise typer.Exit


@app.command(
    **shown_by(
        "voxlate bids scans scans/derivatives/voxlate participant --target T2w",
        "voxlate bids scans out participant --participant-label 01 02 --target FLAIR",
        "voxlate bids scans out group",
        command=_AppCommand,
    )
)
def bids(
    data: Annotated[Path, typer.Argument(metavar="IN", help="The BIDS data set; it is only read.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The derivative data set, new or from earlier calls.")],
    level: Annotated[str, typer.Argument(metavar="participant|group", help="Make images, or report on those made.")],
    participant_label: Annotated[
        list[str] | None,
        typer.Option("--participant-label", metavar="LABEL...", help="Participants, with sub- or without; else all."),
    ] = None,
    session_label: Annotated[
        list[str] | None,
        typer.Option("--session-label", metavar="LABEL...", help="Sessions, with ses- or without; else all."),
    ] = None,
    target: Annotated[
        str | None, typer.Option(metavar="SUFFIX|CONTRAST", help="What is made where it lacks; else all that can be.")
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option("--model", "--bundle", metavar="MODEL", help="A run or a bundle, or a folder of several."),
    ] = None,
    accept: Accept = None,
    every: Annotated[bool, typer.Option("--all", help="Translate participants that have the target, too.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Make images that are there anew.")] = False,
    picture: Annotated[
        bool, typer.Option("--picture/--no-picture", help="Draw source and result into the folders figures.")
    ] = True,
    _skip: Annotated[
        bool, typer.Option("--skip-bids-validation", help="Accepted, as pipelines give it: no validator is run here.")
    ] = False,
    _asked: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_version)
    ] = False,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """Make the contrasts that participants of a BIDS data set lack, as a BIDS-App."""
    from voxlate import verbs
    from voxlate.cli.output import print_outcomes, say

    with watching(quiet=quiet, device=device) as watch:
        result = verbs.bids(
            data,
            out,
            level,
            target=target,
            model=model,
            participants=participant_label or (),
            sessions=session_label or (),
            accept=accepted(accept),
            every=every,
            overwrite=overwrite,
            picture=picture,
            report=watch.stage,
        )
    print_outcomes(console(), result.outcomes)
    bad = [outcome for outcome in result.outcomes if outcome.is_bad]
    say(errors(), *(f"{one.case}, {one.target}: {one.reason}" for one in bad), style="red")
    if result.page is not None:
        say(console(), f"Report: {result.page}")
    elif bad:
        raise typer.Exit(1)
