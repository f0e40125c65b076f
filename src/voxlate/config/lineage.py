"""Which recipe another one came of, and what was changed in it: what a model is called after, and says of itself.

Budget, split and how often something is written or looked at change nothing of what a model does, so they do not count.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from voxlate.config.builtin import built_in_name
from voxlate.config.recipe import Recipe, load_recipe
from voxlate.plainyaml import leaves
from voxlate.question import ANY

_WORDS = {
    "source": "source",
    "target": "target",
    "targets": "target",
    "loss": "loss",
    "method.network": "network",
    "method.discriminator": "discriminator",
    "method": "method",
    "window": "window",
    "conditions": "conditions",
    "shapes": "shapes",
    "training.augmentation": "augmentation",
}
"""What a change is called, of the first that holds its field; else it is called after the field's last part."""
_SILENT = (
    *(f"training.{name}" for name in ("epochs", "steps", "minutes", "epoch_samples", "seed", "workers", "precision")),
    *(f"training.{name}" for name in ("validate_every", "figure_every", "figure_at", "checkpoint_every")),
    *("training.tensorboard", "plan.split", "plan.patterns", "plan.reading"),
    *("name", "after", "paper", "search", "contrasts", "settle"),
)


def with_lineage(recipe: Recipe, *, settled: Collection[str] = ()) -> Recipe:
    """The recipe called after what it does, if it is a built-in one with changes; else as it is.

    Args:
        recipe: As it is trained.
        settled: Dotted fields that were left to the data set, whose values are no changes.

    Example:
        >>> changed = load_recipe("t1-to-t2-fcn").with_overrides({"target": "flair", "loss": {"l1": 1.0}})
        >>> with_lineage(changed).name, with_lineage(changed).after
        ('t1-to-flair-fcn', 't1-to-t2-fcn; changed: target, loss')
    """
    if not built_in_name(recipe.name):
        return recipe
    original = load_recipe(recipe.name)
    changed = _changes(original, recipe, settled)
    if not changed and not original.settle:
        return recipe
    told = [word for word in changed if not (original.settle and word in {"source", "target"})]
    after = f"{recipe.name}; changed: {', '.join(told)}" if told else recipe.name
    return recipe.model_copy(update={"name": _name_of(recipe, by=not original.settle), "after": after})


def _name_of(recipe: Recipe, *, by: bool) -> str:
    """What a recipe does, as a name, and by what, if that is no matter of the data set: ``t1-to-flair-unet``."""
    if recipe.targets:
        return f"any-to-{ANY if recipe.targets == (ANY,) else '-'.join(recipe.wanted)}"
    method, network = recipe.method.name, recipe.method.options.get("network")
    if isinstance(network, Mapping):
        network = network.get("name")
    means = {"adversarial": "gan", "regression": network, "segmentation": network}.get(method, method)
    return f"{'-'.join(recipe.source)}-to-{recipe.target}" + (f"-{means}".replace("_", "-") if by and means else "")


def _changes(original: Recipe, recipe: Recipe, settled: Collection[str]) -> list[str]:
    """What differs, in words, in the order of ``_WORDS``."""
    before, after = (dict(leaves(one.model_dump(mode="json"))) for one in (original, recipe))
    fields = [field for field in {**before, **after} if before.get(field) != after.get(field)]
    silent = (*_SILENT, *settled, *(("target",) if recipe.targets else ()))  # of several the first, which follows
    found = {_word(field): None for field in fields if not _within(field, silent)}
    order = [*dict.fromkeys(_WORDS.values())]
    return sorted(found, key=lambda word: order.index(word) if word in order else len(order))


def _within(field: str, places: Collection[str]) -> bool:
    return any(field == place or field.startswith(f"{place}.") for place in places)


def _word(field: str) -> str:
    named = next((word for place, word in _WORDS.items() if _within(field, (place,))), "")
    return named or field.rpartition(".")[2].replace("_", " ")
