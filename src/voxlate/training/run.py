"""The run's folder: where everything that training leaves behind lies, and who may write there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from voxlate.bundle.ensemble import is_ensemble
from voxlate.config.frozen_networks import without_places
from voxlate.config.recipe import Recipe, parse_recipe
from voxlate.errors import UsageError, VoxlateError
from voxlate.io.atomic import check_writable, remove_stale, write_text
from voxlate.io.lock import hold
from voxlate.plainyaml import read_yaml
from voxlate.plugins.kept import RECORD

_MAY_CHANGE = {"epochs", "steps", "minutes", "start"}


@dataclass(frozen=True)
class RunFolder:
    """Paths of a run: see the table of what is left on disk in the design."""

    folder: Path

    @property
    def recipe(self) -> Path:
        """The recipe as asked for, every default written out."""
        return self.folder / "recipe.yaml"

    @property
    def plan(self) -> Path:
        """The plan as resolved."""
        return self.folder / "plan.yaml"

    @property
    def fingerprint(self) -> Path:
        """Statistics of the training cases."""
        return self.folder / "fingerprint.json"

    @property
    def split(self) -> Path:
        """Which case is in which part."""
        return self.folder / "split.csv"

    @property
    def shares(self) -> Path:
        """How the values of every attribute are spread over the parts."""
        return self.folder / "split_shares.csv"

    @property
    def window(self) -> Path:
        """What an ``auto`` window became, with the forecast that decided it."""
        return self.folder / "window.json"

    @property
    def settled(self) -> Path:
        """What the recipe had left open, as dotted fields and their values."""
        return self.folder / "settled.json"

    @property
    def reasons(self) -> Path:
        """Why: the dotted fields that were settled together, and the reason in words."""
        return self.folder / "settled_reasons.json"

    @property
    def log(self) -> Path:
        """One JSON line per step or validation."""
        return self.folder / "log.jsonl"

    @property
    def seen(self) -> Path:
        """SHA-256 of the images that training or model choice has seen, in this call or an earlier one."""
        return self.folder / "seen.json"

    @property
    def start(self) -> Path:
        """The model that it has started from, if any."""
        return self.folder / "start.json"

    @property
    def left_out(self) -> Path:
        """Cases that could not be prepared, each with the reason."""
        return self.folder / "left_out.json"

    @property
    def has_learned(self) -> bool:
        """Whether there is a checkpoint or a bundle, which another recipe must not touch."""
        return any(self.checkpoints.glob("*.ckpt")) or self.bundle.is_dir()

    @property
    def checkpoints(self) -> Path:
        """States to resume from, and the best weights."""
        return self.folder / "checkpoints"

    @property
    def figures(self) -> Path:
        """What was drawn during training."""
        return self.folder / "figures"

    @property
    def bundle(self) -> Path:
        """The result."""
        return self.folder / "bundle"


@dataclass(frozen=True)
class Series:
    """The runs on one data set that a run is one of: folds, variants, trials.

    Attributes:
        prepared: Where the prepared store lies that they share.
        after: One that came before. This run does without the cases that it has left out, and leaves out no other; the
            first of all decides that.
        like: One whose split, fingerprint and plan this run is to have; see ``take_over``.
        beside: Recipes that are to be trained on the same cases afterwards: what these need is checked too.
    """

    prepared: Path
    after: RunFolder | None = None
    like: RunFolder | None = None
    beside: Sequence[Recipe] = ()


@contextmanager
def open_run(folder: Path, recipe: Recipe, *, resume: bool) -> Iterator[RunFolder]:
    """Locks a run's folder and starts or resumes it with a recipe.

    Raises:
        UsageError: If the folder holds a run and ``resume`` is false, or folds, or the recipe is not the run's.
        LockedError: If another process works there.
    """
    run = RunFolder(folder)
    if is_ensemble(folder) or (folder / "fold-0").is_dir():
        raise UsageError(
            "a folder for one run", came="one of folds", where=folder, remedy="Give --folds, or name another."
        )
    new = not folder.exists()
    check_writable(folder)
    try:
        with _held(run, recipe, resume=resume):
            yield run
    except VoxlateError:
        if new and not run.has_learned:
            with suppress(OSError):  # what was measured and prepared may lie there
                folder.rmdir()
        raise


@contextmanager
def _held(run: RunFolder, recipe: Recipe, *, resume: bool) -> Iterator[None]:
    """The folder with the recipe, locked; one that is refused before its first step leaves nothing that is its own."""
    with hold(run.folder, what="training"):
        remove_stale(run.folder)
        if run.has_learned:
            _check_same(run, recipe, resume=resume)
        elif not (resume and run.log.is_file() and not _differences(read_recipe(run), recipe)):
            # Ended before it had anything to keep, in the preflight say: nothing of it may outlive its recipe.
            _clear(run)
        write_text(run.recipe, recipe.to_yaml())
        try:
            yield
        except VoxlateError:
            if not run.has_learned and not run.log.is_file():  # before the first step: it was no run
                _clear(run)
            raise


def _clear(run: RunFolder) -> None:
    """Removes what a run without checkpoints has decided; what was measured and prepared is kept by content."""
    of_data = (run.split, run.shares, run.fingerprint, run.plan, run.seen, run.start, run.left_out)
    for decided in (run.recipe, run.folder / RECORD, *of_data, run.window, run.settled, run.reasons, run.log):
        decided.unlink(missing_ok=True)


def take_over(run: RunFolder, other: RunFolder) -> None:
    """Gives a run that has not decided them yet another's split, fingerprint and plan, which are costly to find.

    To be called only for recipes with the same contrasts, plan options and split on the same data set.
    """
    if not run.plan.is_file():
        for name in ("split", "shares", "fingerprint", "plan"):  # the plan last: with it the run has decided
            write_text(getattr(run, name), getattr(other, name).read_text(encoding="utf-8"))


def read_recipe(run: RunFolder) -> Recipe:
    """The recipe that a run was started with."""
    return parse_recipe(read_yaml(run.recipe), where=run.recipe)


def _check_same(run: RunFolder, recipe: Recipe, *, resume: bool) -> None:
    if not resume:
        raise UsageError(
            "an empty folder for a new run",
            came="a run",
            where=run.folder,
            remedy="Add --resume to go on with it, or name another folder.",
        )
    changed = _differences(read_recipe(run), recipe)
    if changed:
        raise UsageError(
            "the recipe that the run was started with",
            came=f"another {', '.join(changed)}",
            where=run.folder,
            remedy="Resume with the same recipe (its budget may change), or start another run.",
        )


def _differences(old: Recipe, new: Recipe) -> list[str]:
    """Names of the sections, and of the training fields, in which two recipes differ.

    The budget may, and where a frozen network lies: what it is, the run knows by its digest. The model that the run has
    started from is not needed again.
    """
    old, new = without_places(old), without_places(new)
    told = [name for name in Recipe.model_fields if name not in {"training", "settle"}]  # what is settled is a field
    sections = [name for name in told if getattr(old, name) != getattr(new, name)]
    training = [
        f"training.{name}"
        for name in type(old.training).model_fields
        if name not in _MAY_CHANGE and getattr(old.training, name) != getattr(new.training, name)
    ]
    return sections + training
