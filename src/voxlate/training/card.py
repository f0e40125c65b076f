"""The model card, filled from the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from voxlate._version import __version__
from voxlate.config.recipe import Recipe
from voxlate.contrast import get_contrast
from voxlate.derivation import formulas
from voxlate.errors import counted
from voxlate.methods.build import method_class
from voxlate.plainyaml import Json
from voxlate.preprocess.fingerprint import Fingerprint
from voxlate.question import Query
from voxlate.training.loop.validation import LESION_PREFIX, TRAIN_PREFIX


def model_card(
    recipe: Recipe,
    fingerprint: Fingerprint,
    scores: Json,
    *,
    imputed: Mapping[str, int] | None = None,
    settled: Mapping[str, str] | None = None,
    start: str = "",
    needs: Sequence[str] = (),
) -> str:
    """Markdown that says what the model does, what it was trained on, how good it is and what it is not for.

    Args:
        recipe: What was trained.
        fingerprint: Statistics of the training cases.
        scores: ``step``, ``part``, ``cases`` and ``metrics`` of the chosen weights, ``training_cases``, and
            ``not_shown`` where targets do not show all of the foreground.
        imputed: From a contrast to how many of the training cases have an image of it that a model made.
        settled: From fields that the recipe left open to what they became and why.
        start: The model that training has started from, if any.
        needs: The plugins that it cannot be loaded without, in words.
    """
    target = get_contrast(recipe.target)
    computed = formulas(recipe.source, recipe.plan.derive)
    derived = "".join(f"\n- Where there is no file of it, {name} = {formula}" for name, formula in computed.items())
    chosen = ", which chose these weights" if _validation_chose(recipe) else ""
    unseen = (
        f"held-out validation case{'' if scores['cases'] == 1 else 's'}{chosen}"
        if scores["part"] == "validation"
        else (
            "THE TRAINING CASES THEMSELVES: none was left for validation, so these numbers say nothing about new cases"
        )
    )
    guessed = _say_imputed(imputed or {}) + _say_start(start)
    own = "".join(f"\n- Needs the plugin {one}. No code is in this bundle: name the plugin to load it" for one in needs)
    left_open = "".join(f"\n- Settled: {fields} = {words}" for fields, words in (settled or {}).items())
    partly = _say_partly(target.name, scores.get("not_shown"))
    spacing = f"{'median ' if fingerprint.spacing_varies else ''}spacing {_triple(fingerprint.spacing_mm)} mm"
    said = _segmentation(recipe, scores) if target.kind == "label" else _translation(scores)
    return f"""# {recipe.name}: {_mapping(recipe)}

**Not for diagnostic use.** {said.banner}

- Paper: {recipe.paper or "none"}{f"{chr(10)}- After {recipe.after}" if recipe.after else ""}
- Method: {recipe.method.name}, {recipe.window.in_words}{derived}{said.classes}{left_open}
- Trained on: {scores["training_cases"]} cases, {spacing}, seed {recipe.training.seed}{guessed}{partly}
- Software: Voxlate {__version__}{own}

## Validation

On {scores["cases"]} {unseen}; step {scores["step"]}; {said.where}.

{said.table}

## Limits

The model knows what its training cases show: the same contrasts, the same body region, the same kind of scanner.
{said.limits}
"""


def _say_imputed(imputed: Mapping[str, int]) -> str:
    made = ", ".join(f"{get_contrast(name).title} of {count}" for name, count in imputed.items())
    return f"\n- A model made, and no scanner took, of the training cases: {made}" if made else ""


def _say_start(start: str) -> str:
    return f"\n- Started from: {start}; what that model has seen, this one has seen too" if start else ""


def _say_partly(target: str, hidden: Mapping[str, float] | None) -> str:
    return f"\n- Neither learned nor scored: {say_not_shown(target, hidden)}" if hidden else ""


def _mapping(recipe: Recipe) -> str:
    """From what to what, in words."""
    any_of = "any of " if recipe.targets else ""
    sources, targets = (
        any_of + ", ".join(get_contrast(name).title for name in names) for names in (recipe.source, recipe.wanted)
    )
    return f"{sources} to {targets}"


def say_not_shown(target: str, hidden: Mapping[str, float]) -> str:
    """How much of the foreground the targets of a run do not show, as a clause.

    Args:
        target: The contrast.
        hidden: In how many ``cases``, ``of`` how many, and how many ``percent`` of the foreground there, on average.
    """
    cases = f"{int(hidden['cases'])} of {counted(int(hidden['of']), 'case')}"
    lacking = f"{hidden['percent']:.2g} % of it is lacking there on average"
    return f"the {get_contrast(target).title} of {cases} does not show all of the foreground ({lacking})"


def _validation_chose(recipe: Recipe) -> bool:
    """Whether the best of several validations was kept; exemplars are chosen before any, and a last state by none."""
    return recipe.training.keep == "best" and method_class(recipe).learns == "steps"


@dataclass(frozen=True)
class _Said:
    """What a card says of what a model makes, images or label maps."""

    banner: str
    classes: str
    where: str
    table: str
    limits: str


def _translation(scores: Json) -> _Said:
    metrics: Json = scores["metrics"]
    rows = [f"| {_title(name)} | {_number(value)} |" for name, value in metrics.items()]
    rows += _by_question(scores)
    inside = "inside the foreground" + (", or inside the labels" if any(map(_is_in_labels, metrics)) else "")
    return _Said(
        banner="Images made with this model are synthetic.",
        classes="",
        where=f"{inside}, in normalised intensity",
        table="\n".join(["| metric | mean |", "|---|---|", *rows]),
        limits="On anything else it can draw plausible nonsense, and it can remove or invent lesions. Evaluate it on "
        "your own data,\nagainst the identity and intensity-lookup baselines, before you rely on a number that comes "
        "from it.",
    )


def _by_question(scores: Json) -> list[str]:
    """A second table, where there are several questions: each with the error beside that of the lookup."""
    found: Json = scores.get("questions", {})
    rows = [
        f"| {Query.of_key(key).words} | {_number(row['mae'])} | {_number(scores['lookups'][key]['mae'])} |"
        for key, row in found.items()
    ]
    return ["", "| question | MAE | MAE of the lookup |", "|---|---|---|", *rows] if rows else []


def _segmentation(recipe: Recipe, scores: Json) -> _Said:
    """With the classes and their label values, and what the training cases have in a column of their own."""
    metrics: Json = scores["metrics"]
    both = any(name.startswith(TRAIN_PREFIX) for name in metrics)
    head = ["| metric | mean | on training cases |", "|---|---|---|"] if both else ["| metric | mean |", "|---|---|"]
    rows = []
    for name, value in metrics.items():
        if not name.startswith(TRAIN_PREFIX):
            other = f" {_number(metrics.get(TRAIN_PREFIX + name))} |" if both else ""
            rows.append(f"| {name} | {_number(value)} |{other}")
    values = {name: f"label {', '.join(map(str, of))}" if of else "every label" for name, of in recipe.classes.items()}
    told = "; ".join(f"{name} = {labels}" for name, labels in values.items())
    return _Said(
        banner="Labels found by this model are a guess, not a finding.",
        classes=f"\n- Classes: {told}" if told else "",
        where="inside the foreground, mean over the classes that have a value",
        table="\n".join([*head, *rows]),
        limits="On anything else it can miss what is there and label what is not. Accuracy counts the background and "
        "says little.\nEvaluate it on your own data, class by class and lesion by lesion, before you rely on a volume "
        "that comes from it.",
    )


def _is_in_labels(metric: str) -> bool:
    return metric.startswith(LESION_PREFIX)


def _title(metric: str) -> str:
    """A metric's name; one inside every label says just that, since labels may mark lesions, or a heart."""
    return f"{metric.removeprefix(LESION_PREFIX)} in labels" if _is_in_labels(metric) else metric


def _number(value: float | None) -> str:
    return "not available" if value is None else f"{value:.4g}"


def _triple(values: tuple[float, float, float]) -> str:
    return " x ".join(f"{value:.3g}" for value in values)
