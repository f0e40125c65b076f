"""The bundle: a trained model as a folder that can be shared, checked before anything in it is used.

Members: ``weights.safetensors``, ``lookup.safetensors`` (the fitted baseline), ``recipe.yaml``, ``plan.yaml``,
``fingerprint.json``, ``scores.json``, ``seen.json`` (SHA-256 of the images it was trained and chosen on, so that an
evaluation can tell held-out cases), ``MODEL_CARD.md`` and ``manifest.json`` (SHA-256 of every other member, and which
cases the model has seen: their ids, digests of their voxels, by which they are known in other files too, and sketches,
by which they are known when they were changed: ``voxlate.cohort.sketch``). There is no pickle in it and none is ever
read. A changed byte, a missing or an extra file, or an unknown key is refused before
a tensor is built. A recipe with ``shapes`` has one more member, ``shapes.safetensors``: the model that draws new label
maps.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError

from voxlate._version import __version__
from voxlate.cohort.sketch import Sketch
from voxlate.config.recipe import Recipe, describe, parse_recipe
from voxlate.errors import BundleError, UsageError
from voxlate.io.atomic import write_bytes, write_text
from voxlate.plainyaml import Json, parse_yaml
from voxlate.preprocess.fingerprint import Fingerprint
from voxlate.preprocess.plan import Plan
from voxlate.question import Query, arrays_for
from voxlate.strict import StrictModel, later
from voxlate.tensorfile import read_tensors
from voxlate.volume import Array

if TYPE_CHECKING:
    import torch

    from voxlate.shapes import ShapeModel

MANIFEST = "manifest.json"
RECIPE = "recipe.yaml"
_MEMBERS = (
    "weights.safetensors",
    "lookup.safetensors",
    RECIPE,
    "plan.yaml",
    "fingerprint.json",
    "scores.json",
    "seen.json",
    "MODEL_CARD.md",
)
_SHAPES_MEMBER = "shapes.safetensors"
_REMEDY = "The bundle is damaged or was changed; get it again from where it was made."
_TEXT_LIMIT_BYTES = 64 * 2**20


class _BundleManifest(StrictModel):
    """The table of contents: format version, software version, SHA-256 of every member, and what it has seen."""

    format: Literal[1] = 1
    software: str = "voxlate"
    software_version: str = __version__
    name: str
    members: dict[str, str]
    seen: dict[str, dict[str, tuple[str, ...]]] = later(
        {}, description="By part and case id, the digests of its images' voxels; see ``voxlate.io.canonical``."
    )
    sketches: dict[str, tuple[str, ...]] = later(
        {}, description="By case id, the sketches of its images; see ``voxlate.cohort.sketch``."
    )


@dataclass(frozen=True)
class Bundle:
    """A bundle whose members have been checked.

    Attributes:
        folder: Where it lies.
        recipe: What it was trained with.
        plan: How a case becomes tensors and back.
        fingerprint: Statistics of the training cohort.
        scores: Validation metrics of the chosen weights.
        seen: SHA-256 of the image files that training or model choice has seen.
        digest: SHA-256 of the manifest: the identity of the model.
        seen_voxels: Digests of the voxels of those images; empty in bundles from before they were kept.
        sketches: Of those images, by which they are known when they were changed; the same holds.
        question: What a bundle of several targets was asked; ``None`` for any other.
    """

    folder: Path
    recipe: Recipe
    plan: Plan
    fingerprint: Fingerprint
    scores: Json
    seen: frozenset[str]
    digest: str
    seen_voxels: frozenset[str] = frozenset()
    sketches: tuple[Sketch, ...] = ()
    question: Query | None = None

    @property
    def trained_on(self) -> int:
        """How many cases it was trained on; of an ensemble, how many any member was."""
        return int(self.scores.get("training_cases", self.fingerprint.cases))

    def weights(self) -> dict[str, torch.Tensor]:
        """The network's state, read from safetensors."""
        from safetensors.torch import load_file

        return read_tensors(self.folder / "weights.safetensors", load_file, remedy=_REMEDY)

    def load_into(self, module: torch.nn.Module) -> None:
        """Gives a module the weights.

        Raises:
            BundleError: If they do not fit it.
        """
        try:
            module.load_state_dict(self.weights())
        except RuntimeError as error:
            raise BundleError(
                "weights that fit the recipe",
                came=" ".join(str(error).split())[:200],
                where=self.folder,
                remedy="The bundle was put together from two models; get it again.",
            ) from error

    def lookup(self) -> dict[str, Array]:
        """The table of the intensity-lookup baseline that was fitted on the training cases.

        Raises:
            UsageError: If there is one for each of several questions, and none was asked.
        """
        if self.recipe.targets:
            raise UsageError(
                "a model of one target",
                came=f"one of {', '.join(self.recipe.wanted)}",
                where=self.recipe.name,
                remedy="`voxlate evaluate MODEL DATA` scores every question; this is for models of one.",
            )
        from safetensors.numpy import load_file

        arrays = read_tensors(self.folder / "lookup.safetensors", load_file, remedy=_REMEDY)
        return arrays if self.question is None else arrays_for(self.question.pair, arrays)

    def asked(self, question: Query) -> Bundle:
        """A bundle of several targets as that of one question: with its sources and target, and with its scores.

        A question that was not scored has the best scores of those with some of its sources.
        """
        recipe, plan = self.recipe.asked(question), self.plan.asked(question)
        known = {Query.of_key(key): row for key, row in self.scores.get("questions", {}).items()}
        within = [one for one in known if one.target == question.target and set(one.sources) <= set(question.sources)]
        closest = min(within, key=lambda one: (one != question, known[one]["mae"]), default=None)
        scores = self.scores if closest is None else {**self.scores, "metrics": known[closest]}
        return replace(self, recipe=recipe, plan=plan, scores=scores, question=question)

    def shapes(self) -> ShapeModel:
        """The model that draws new label maps.

        Raises:
            UsageError: If the recipe has none.
            BundleError: If its arrays are not those of such a model.
        """
        from safetensors.numpy import load_file

        from voxlate.shapes import shape_family

        if self.recipe.shapes is None:
            raise UsageError(
                "a model whose bundle draws label maps",
                came="a recipe without shapes",
                where=self.recipe.name,
                remedy="Train it with --set shapes=statistical, or translate label maps that you have.",
            )
        state = read_tensors(self.folder / _SHAPES_MEMBER, load_file, remedy=_REMEDY)
        return shape_family(self.recipe.shapes).from_state(state)


@dataclass(frozen=True)
class Contents:
    """What goes into a new bundle; see the module for what each part is."""

    recipe: Recipe
    plan: Plan
    fingerprint: Fingerprint
    scores: Json
    seen: frozenset[str]
    weights: Mapping[str, torch.Tensor]
    lookup: Mapping[str, Array]
    card: str
    shapes: Mapping[str, Array] | None = None
    seen_cases: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    sketches: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def write_bundle(contents: Contents, folder: Path) -> Path:
    """Writes every member atomically, the manifest last, so that an interrupted bundle is never valid."""
    from safetensors.numpy import save as save_arrays
    from safetensors.torch import save

    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    members = {
        "weights.safetensors": save(_contiguous(contents.weights)),
        "lookup.safetensors": save_arrays(dict(contents.lookup)),
        RECIPE: contents.recipe.to_yaml().encode(),
        "plan.yaml": contents.plan.to_yaml().encode(),
        "fingerprint.json": (contents.fingerprint.model_dump_json(indent=1) + "\n").encode(),
        "scores.json": (json.dumps(dict(contents.scores), indent=1) + "\n").encode(),
        "seen.json": (json.dumps(sorted(contents.seen), indent=1) + "\n").encode(),
        "MODEL_CARD.md": contents.card.encode(),
    }
    (folder / _SHAPES_MEMBER).unlink(missing_ok=True)
    if contents.shapes is not None:
        members[_SHAPES_MEMBER] = save_arrays(dict(contents.shapes))
    for name, data in members.items():
        write_bytes(folder / name, data)
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}
    seen = {part: dict(cases) for part, cases in contents.seen_cases.items()}
    manifest = _BundleManifest(name=contents.recipe.name, members=digests, seen=seen, sketches=dict(contents.sketches))
    write_text(folder / MANIFEST, manifest.model_dump_json(indent=1) + "\n")
    return folder


def _find_bundle(path: Path) -> Path:
    """The bundle's folder that a path means: the bundle itself, or the run that holds it.

    Raises:
        BundleError: If the path is a file (a pickle, say), or a folder that holds no bundle.
    """
    remedy = "Give a run folder, or a bundle folder with manifest.json. Voxlate never loads pickled weights."
    for folder in (path, path / "bundle"):
        if (folder / MANIFEST).is_file():
            return folder
    if (path / RECIPE).is_file():
        remedy = "This run has not come to a model yet: go on with it by --resume."
    came = "a file" if path.is_file() else "a folder without one" if path.is_dir() else "nothing"
    raise BundleError("a model: a folder with manifest.json", came=came, where=path, remedy=remedy)


def read_bundle(path: Path) -> Bundle:
    """Checks every member against the manifest, then parses what is text; tensors stay on disk.

    Raises:
        BundleError: If anything is missing, extra, changed, unknown or of an impossible size.
    """
    folder = _find_bundle(Path(path))
    raw = _read_limited(folder / MANIFEST)
    try:
        manifest = _BundleManifest.model_validate_json(raw)
    except ValidationError as error:
        raise _refusal(folder / MANIFEST, "a manifest of format 1", describe(error)) from error
    _check_members(folder, manifest)
    recipe = parse_recipe(_yaml(folder / RECIPE), where=folder / RECIPE)
    if (recipe.shapes is not None) != (_SHAPES_MEMBER in manifest.members):
        expected, came = ("", "none") if recipe.shapes else ("no ", "one")
        raise _refusal(folder, f"{expected}{_SHAPES_MEMBER}, as the recipe says", came)
    try:
        return Bundle(
            folder=folder,
            recipe=recipe,
            plan=Plan.model_validate(_yaml(folder / "plan.yaml")),
            fingerprint=Fingerprint.model_validate_json(_read_limited(folder / "fingerprint.json")),
            scores=json.loads(_read_limited(folder / "scores.json")),
            seen=frozenset(json.loads(_read_limited(folder / "seen.json"))),
            digest=hashlib.sha256(raw).hexdigest(),
            seen_voxels=frozenset(one for cases in manifest.seen.values() for case in cases.values() for one in case),
            sketches=_sketches(manifest, folder),
        )
    except ValidationError as error:
        raise _refusal(folder, "a plan and a fingerprint that this version knows", describe(error)) from error


def _sketches(manifest: _BundleManifest, folder: Path) -> tuple[Sketch, ...]:
    try:
        return tuple(Sketch.from_text(one) for case in manifest.sketches.values() for one in case)
    except ValueError as error:
        raise _refusal(folder / MANIFEST, "sketches of the scans that the model has seen", str(error)) from error


def _check_members(folder: Path, manifest: _BundleManifest) -> None:
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()} - {MANIFEST}
    listed = set(manifest.members)
    wanted = set(_MEMBERS) | (listed & {_SHAPES_MEMBER})
    if listed != wanted or there != listed:
        odd = sorted((there ^ wanted) | (listed ^ wanted))
        raise _refusal(folder, f"exactly the members {', '.join(_MEMBERS)}", f"a difference in {', '.join(odd)}")
    for name, digest in manifest.members.items():
        if (folder / name).is_symlink():
            raise _refusal(folder / name, "a file", "a link")
        with (folder / name).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != digest:
            raise _refusal(folder / name, f"SHA-256 {digest[:12]}", f"{found[:12]}")


def _read_limited(path: Path) -> bytes:
    size = path.stat().st_size
    if size > _TEXT_LIMIT_BYTES:
        raise _refusal(path, f"at most {_TEXT_LIMIT_BYTES} bytes", f"{size}")
    return path.read_bytes()


def _yaml(path: Path) -> object:
    try:
        return parse_yaml(_read_limited(path).decode(), where=path)
    except (UsageError, UnicodeDecodeError) as error:
        raise _refusal(path, "plain YAML in UTF-8", str(error)) from error


def _refusal(where: Path, expected: str, came: str) -> BundleError:
    return BundleError(expected, came=came, where=where, remedy=_REMEDY)


def _contiguous(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
