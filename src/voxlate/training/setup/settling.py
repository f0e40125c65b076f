"""Settling: what a recipe leaves to the data set and the machine becomes values, once per run.

- ``method.classes``: ``binary``, ``each`` or ``regions`` become names with their label values;
- ``conditions.structures`` of a source ``labels``: ``each``, ``binary``, or names that the data set's convention knows,
  become names with their label values; without the section they are those of ``each``;
- ``window.kind``: ``auto`` of a segmentation becomes patches of about 32 x 32 x 32 voxels where there is no
  accelerator, in the proportions of the median volume, and no larger than it: in the same time many small samples teach
  more than a few large ones, and one that is continued beyond the image teaches less still;
- ``method.network.channels``: ``auto`` becomes a number of features per level. As many levels as halve the shortest
  side of a sample to 4 voxels or just above, 6 at most; features double from 32 up to 320 in 3-D and 512 in 2-D, as
  nnU-Net plans them (Isensee et al. 2021, doi:10.1038/s41592-020-01008-z). Without an accelerator they begin at 16;
- ``method.network.blocks``: ``auto`` becomes 1, 3, 4, 6, 6, ... per level, or without an accelerator 1, 2, 2, ...;
- ``training.augmentation.flip`` of a segmentation becomes 0 where a mirror makes of label maps what none is, see
  ``voxlate.cohort.labels.laterality``, and ``window.mirror`` false where no sample is flipped;
- whatever ``settle`` names, window, network, losses and so on, becomes what fits, see ``voxlate.training.setup.parts``;
- ``window.kind``: any other ``auto`` becomes what a forecast of memory allows, see ``voxlate.training.setup.memory``;
- ``method.features.network``: of the bundle that style transfer takes its features from, see ``name_network``;
- ``sha256`` beside the path of a frozen network becomes its digest, so that a run knows it again wherever it lies.

``resolve`` alone settles, and alone reads and writes what a run keeps of it: ``settled.json``, and ``window.json`` for
what the forecast decided. ``recipe.yaml`` stays as it was asked for. So a run that goes on elsewhere, or when other
programs have taken memory, keeps its network and its window, and is not taken for that of another recipe.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from voxlate.cohort.labels.classes import group_labels
from voxlate.cohort.labels.laterality import exchanged, named_sides, of_one_hand
from voxlate.config.conditions import Conditions
from voxlate.config.frozen_networks import SECTIONS, frozen_networks
from voxlate.config.recipe import Recipe
from voxlate.config.settle import FIELDS, Part
from voxlate.errors import UsageError
from voxlate.io.atomic import write_text
from voxlate.methods.build import method_class
from voxlate.preprocess.images import read_contrast
from voxlate.preprocess.orientation import to_ras
from voxlate.progress import ProgressReport
from voxlate.roles import LABELS
from voxlate.training.run import RunFolder
from voxlate.training.setup.frozen import name_network, network_digest
from voxlate.training.setup.memory import WindowDecision, may_become, measure_window
from voxlate.training.setup.parts import settle_part
from voxlate.training.setup.setup import Settled, Setup

logger = logging.getLogger(__name__)
_AUTO = "auto"
_COARSEST = 4
"""Voxels along the shortest side of the coarsest level."""
_MOST_LEVELS = 6
_WIDEST = {2: 512, 3: 320}
_BLOCKS, _USUAL = "method.network.blocks", (1, 3, 4, 6)
_FLIP, _LOOKED_AT = "training.augmentation.flip", 8
_BASE, _BASE_WITHOUT_ACCELERATOR = 32, 16
_PATCH_WITHOUT_ACCELERATOR = 50_000
"""Most voxels of a patch without an accelerator; 32 x 32 x 48 is just below."""
_PATCH_STEP = 8
"""Sides of patches are multiples of it, which networks of four levels need."""


@dataclass(frozen=True)
class _LeftOpen:
    """Something that recipes may leave open.

    Attributes:
        fields: The dotted fields that it becomes; the first says that it is open.
        is_open: Whether a recipe does.
        settle: What it becomes in a setup whose recipe does; ``None`` if it stays open here.
        stand_in: A value that makes a recipe valid where there is no data set; ``None`` where none is needed.
    """

    fields: tuple[str, ...]
    is_open: Callable[[Recipe], bool]
    settle: Callable[[Setup], Settled | None]
    stand_in: object = None


def resolve(asked: Setup, run: RunFolder | None, *, report: ProgressReport) -> Setup:
    """The setup with the recipe that is trained, which leaves nothing open; decided now, or when the run began.

    Args:
        asked: With the recipe as asked for, the cohort, its fingerprint and the plan.
        run: Where the answer is kept; ``None`` to keep nothing (a dry run).
        report: Called with a stage and how much of it is done.

    Raises:
        CohortError: If the label maps do not have the classes that are asked for.
        ReadError: If a label map is refused.
        BundleError: If the bundle that style transfer takes its features from is refused.
        UsageError: If it holds no network, there are no such structures, or the recipe's method cannot be built.
        TrainingError: If no window fits into memory, or none could be measured.
    """
    named = name_network(asked.recipe)
    setup = asked if named is None else asked.with_settled(named)
    if run is not None and run.settled.is_file():
        for one in _decided(run):
            setup = setup.with_settled(one)
    else:
        decided: list[Settled] = []
        for left in _LEFT_OPEN:
            found = left.settle(setup) if left.is_open(setup.recipe) else None
            if found is not None:
                setup, decided = setup.with_settled(found), [*decided, found]
        if run is not None and decided:
            _keep(decided, run)
    return _with_window(setup, run, report) if setup.recipe.window.kind == _AUTO else setup


def _keep(decided: Sequence[Settled], run: RunFolder) -> None:
    values = {field: value for one in decided for field, value in one.values.items()}
    reasons = [
        {"fields": list(one.values), "reason": one.reason, **({"part": one.part} if one.part else {})}
        for one in decided
    ]
    write_text(run.reasons, json.dumps(reasons, indent=1) + "\n")
    write_text(run.settled, json.dumps(values, indent=1) + "\n")


def _decided(run: RunFolder) -> list[Settled]:
    """What a run settled when it began; in runs from before reasons were kept, all at once."""
    values = json.loads(run.settled.read_text(encoding="utf-8"))
    told = json.loads(run.reasons.read_text(encoding="utf-8")) if run.reasons.is_file() else []
    decided = [
        Settled({field: values.pop(field) for field in one["fields"]}, one["reason"], one.get("part", ""))
        for one in told
    ]
    return [*decided, Settled(values, "as settled when the run began")] if values else decided


def without_words(recipe: Recipe) -> Recipe:
    """The recipe with any value in the place of what a run would settle, to check the rest of it."""
    changes = {
        left.fields[0]: left.stand_in for left in _LEFT_OPEN if left.is_open(recipe) and left.stand_in is not None
    }
    return recipe.with_overrides(changes) if changes else recipe


def settled_as(recipe: Recipe, other: Recipe) -> Recipe:
    """The recipe with the window of another one, of a run that was set up, and with what it leaves open as found there.

    Args:
        recipe: What was asked for.
        other: What may have come of it.
    """
    open_here = [left for left in _LEFT_OPEN if left.is_open(recipe) and not left.is_open(other)]
    found = {field: other.value_of(field) for left in open_here for field in left.fields}
    told = {field for part in recipe.settle for field in FIELDS[part]}  # of which nothing is a value, too
    changes = {field: value for field, value in found.items() if value is not None or field in told}
    settled = recipe.with_overrides(changes) if changes else recipe
    return settled.model_copy(update={"window": other.window})


def may_come_of(recipe: Recipe, found: Recipe) -> bool:
    """Whether a recipe may have come to be another one, of a run that was set up."""
    found = found.model_copy(update={"name": recipe.name, "after": recipe.after})  # a bundle's says what it does
    is_open = not {"window", "mirror"}.isdisjoint(recipe.settle)
    return (is_open or may_become(recipe.window, found.window)) and settled_as(recipe, found) == found


def _levels_for(shortest: int, *, dims: int, base: int) -> list[int]:
    """Features per level, finest first, for samples with so many voxels along their shortest side.

    Example:
        >>> _levels_for(96, dims=3, base=32)
        [32, 64, 128, 256, 320]
    """
    halvings = max(1, min(_MOST_LEVELS - 1, math.floor(math.log2(max(shortest, 1) / _COARSEST))))
    return [min(base * 2**level, _WIDEST[dims]) for level in range(halvings + 1)]


def _with_window(setup: Setup, run: RunFolder | None, report: ProgressReport) -> Setup:
    """The setup with the window that a forecast of memory decides."""
    if run is not None and run.window.is_file():
        decision = WindowDecision.model_validate_json(run.window.read_text(encoding="utf-8"))
    else:
        report("memory", 0, 1)
        decision = measure_window(setup)
        report("memory", 1, 1)
        if run is not None:
            write_text(run.window, decision.model_dump_json(indent=1) + "\n")
    logger.info("window: %s", decision.words())
    return setup.with_settled(Settled({"window": decision.window.model_dump(mode="json")}, decision.words()))


def _classes_open(recipe: Recipe) -> bool:
    return method_class(recipe).segments and isinstance(_grouping(recipe), str)


def _grouping(recipe: Recipe) -> object:
    """The word, or what else stands in its place, of a recipe that segments."""
    return recipe.method.options.get("classes", "binary")


def _classes(setup: Setup) -> Settled:
    word, cases = str(_grouping(setup.recipe)), setup.cohort.cases
    classes = group_labels(word, cases, setup.recipe.target, reading=setup.plan.reading)
    return Settled({"method.classes": classes}, f"{word}: {len(classes)} in the label maps of {len(cases)} cases")


def _structures_open(recipe: Recipe) -> bool:
    named = recipe.conditions is not None and isinstance(recipe.conditions.structures, Mapping)
    return LABELS in recipe.source and not named and method_class(recipe).learns == "steps"


def _structures(setup: Setup) -> Settled:
    asked = setup.recipe.conditions or Conditions()
    word = asked.structures if isinstance(asked.structures, str) else "each"
    structures = group_labels(word, setup.cohort.cases, LABELS, reading=setup.plan.reading)
    names = structures if isinstance(asked.structures, str) else asked.structures
    unknown = [name for name in names if name not in structures]
    if unknown:
        raise UsageError(
            f"structures of the data set: {', '.join(structures)}",
            came=", ".join(unknown),
            where="conditions.structures",
            remedy="Name some of these, or write names with their label values: {heart: [1, 2]}.",
        )
    conditions = {"structures": {name: structures[name] for name in names}, "encoding": asked.encoding}
    return Settled({"conditions": conditions}, f"{len(names)} of the {len(structures)} structures in the label maps")


def _window_open(recipe: Recipe) -> bool:
    return recipe.window.kind == _AUTO and method_class(recipe).segments


def _patches(setup: Setup) -> Settled | None:
    if setup.device.type != "cpu":
        return None
    shape = _median_shape(setup)
    most = setup.recipe.window.size or shape
    size = _patch_for([min(pair) for pair in zip(shape, most, strict=True)])
    whole = " x ".join(map(str, shape))
    reason = (
        f"the median volume has {whole} voxels; without an accelerator many small samples teach more than a few large"
    )
    return Settled({"window.kind": "patches", "window.size": size}, reason)


def _median_shape(setup: Setup) -> list[int]:
    """Voxels of the median volume along i, j, k, on the plan's grid."""
    own = setup.fingerprint.spacing_mm
    spacing = setup.plan.spacing_mm or own
    return [round(n * mm / step) for n, mm, step in zip(setup.fingerprint.shape, own, spacing, strict=True)]


def _patch_for(shape: Sequence[int]) -> list[int]:
    """A patch for volumes of a shape: multiples of a step nearest to it, the longest sides shortened first.

    Example:
        >>> _patch_for([35, 50, 36]), _patch_for([240, 240, 155]), _patch_for([256, 256, 20])
        ([32, 48, 32], [40, 32, 32], [48, 48, 16])
    """
    size = [max(_PATCH_STEP, round(n / _PATCH_STEP) * _PATCH_STEP) for n in shape]
    while math.prod(size) > _PATCH_WITHOUT_ACCELERATOR:
        longest = size.index(max(size))
        size[longest] -= _PATCH_STEP
    return size


def _levels_open(recipe: Recipe) -> bool:
    network = recipe.method.options.get("network")
    return isinstance(network, Mapping) and network.get("channels") == _AUTO


def _levels(setup: Setup) -> Settled:
    window = setup.recipe.window
    spacing = setup.plan.spacing_for(setup.fingerprint.shape, setup.fingerprint.spacing_mm)
    extent_mm = setup.fingerprint.foreground_mm or (math.inf,) * 3
    sides = [math.ceil(mm / step) for mm, step in zip(extent_mm, spacing, strict=True)]
    if window.kind == "slices":
        axes = window.axis if isinstance(window.axis, tuple) else (window.axis,)
        sides = [side for axis, side in enumerate(sides) if axes != (axis,)]
    size = window.size or sides
    shortest = min(min(pair) for pair in zip(sides, size, strict=True)) if len(size) == len(sides) else min(size)
    accelerated = setup.device.type != "cpu"
    base = _BASE if accelerated else _BASE_WITHOUT_ACCELERATOR
    channels = _levels_for(shortest, dims=window.dims, base=base)
    reason = f"{len(channels)} levels for a shortest side of {shortest} voxels, {base} features on the finest"
    beside = "" if accelerated else " without an accelerator"
    return Settled({"method.network.channels": channels}, reason + beside)


def _blocks_open(recipe: Recipe) -> bool:
    network = recipe.method.options.get("network")
    return isinstance(network, Mapping) and network.get("blocks") == _AUTO


def _blocks(setup: Setup) -> Settled:
    depth = len(setup.recipe.method.options["network"]["channels"])
    if setup.device.type != "cpu":
        return Settled({_BLOCKS: [_USUAL[min(n, len(_USUAL) - 1)] for n in range(depth)]}, "those of nnU-Net's presets")
    reason = "without an accelerator more steps of a shallower network: a step takes a third less time per voxel"
    return Settled({_BLOCKS: [1, *[2] * (depth - 1)]}, reason)


def _flip_open(recipe: Recipe) -> bool:
    return recipe.training.augmentation.flip > 0 and method_class(recipe).segments


def _flip(setup: Setup) -> Settled | None:
    """No mirrored samples where a mirror makes of label maps what none of them is."""
    classes, reading = setup.recipe.classes, setup.plan.reading
    told = named_sides(classes)
    if told:
        return Settled({_FLIP: 0.0}, f"{told[0]} says a side, and a mirror would make it the other")
    cases = setup.cases("train")[:_LOOKED_AT]
    volumes = [read_contrast(case, setup.recipe.target, reading=reading) for case in cases]
    maps = [to_ras(volume.array, volume.affine) for volume in volumes]
    if pair := exchanged(maps, classes):
        return Settled({_FLIP: 0.0}, f"a mirror exchanges {' and '.join(pair)}")
    if overlap := of_one_hand(maps):
        same, mirrored = overlap
        reason = f"the labels of two cases overlap with a Dice of {same:.2f}, and of {mirrored:.2f} if one is mirrored"
        return Settled({_FLIP: 0.0}, reason)
    return None


def _mirror_open(recipe: Recipe) -> bool:
    return recipe.window.mirror and recipe.training.augmentation.flip == 0 and method_class(recipe).segments


def _mirror(_setup: Setup) -> Settled:
    return Settled({"window.mirror": False}, "no sample was mirrored in training")


def _network_open(section: str, recipe: Recipe) -> bool:
    return any(one.section == section and one.sha256 is None for one in frozen_networks(recipe))


def _network(section: str, setup: Setup) -> Settled:
    [network] = [one for one in frozen_networks(setup.recipe) if one.section == section]
    return Settled({f"{section}.sha256": network_digest(network)}, "the network that was there when the run began")


def _part_open(part: Part, recipe: Recipe) -> bool:
    return part in recipe.settle


_LEFT_OPEN = (
    *(_LeftOpen(fields, partial(_part_open, part), partial(settle_part, part)) for part, fields in FIELDS.items()),
    _LeftOpen(("method.classes",), _classes_open, _classes, stand_in="binary"),
    _LeftOpen(("conditions",), _structures_open, _structures, stand_in={"structures": {"any": [1]}}),
    _LeftOpen(("window",), _window_open, _patches),
    _LeftOpen(
        ("method.network.channels",),
        _levels_open,
        _levels,  # which depends on the window
        stand_in=[_BASE_WITHOUT_ACCELERATOR, 2 * _BASE_WITHOUT_ACCELERATOR],
    ),
    _LeftOpen((_BLOCKS,), _blocks_open, _blocks, stand_in=2),  # which depend on the levels
    _LeftOpen((_FLIP,), _flip_open, _flip),
    _LeftOpen(("window",), _mirror_open, _mirror),
    *(
        _LeftOpen((f"{section}.sha256",), partial(_network_open, section), partial(_network, section))
        for section in SECTIONS
    ),
)
"""In the order in which it is settled."""
