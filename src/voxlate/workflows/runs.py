"""Runs: who watches one while it trains, and what is drawn of it afterwards; alike for one run, folds and studies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from voxlate.config.recipe import Recipe

if TYPE_CHECKING:
    from voxlate.training.loop.loop import Observer
    from voxlate.training.run import RunFolder


def watch_run(run: RunFolder, recipe: Recipe, observers: Sequence[Observer]) -> tuple[Observer, ...]:
    """The observers, who draws the run's figures, and who writes its event files if the recipe wants them.

    Raises:
        UsageError: If the recipe wants event files and TensorBoard is not installed.
    """
    from voxlate.reporting.run.observer import FigureDrawer

    watching = (*observers, FigureDrawer(run.figures, recipe))
    if not recipe.training.tensorboard:
        return watching
    from voxlate.training.loop.tensorboard import TensorBoard

    return (*watching, TensorBoard(run.folder / "tensorboard"))


def draw_run(run: RunFolder, recipe: Recipe, *, data: Path, prepared: Path) -> None:
    """Draws what needs the whole run; what the network of style transfer keeps is drawn once.

    Args:
        run: A finished run.
        recipe: Its recipe.
        data: Its data set.
        prepared: Where its prepared store lies.
    """
    from voxlate.reporting.run.observer import FigureDrawer
    from voxlate.workflows.figures import publish_alignment, publish_reconstructions

    FigureDrawer(run.figures, recipe).finish(run.log)
    kept = run.figures / "reconstructions.png"
    if recipe.method.name == "style_transfer" and not kept.is_file():
        publish_reconstructions(run.folder, kept)
    publish_alignment(data, run, prepared=prepared)
