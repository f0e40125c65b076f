"""The model card, filled from the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from voxlate._version import __version__
from voxlate.config import Recipe
from voxlate.contrast import get_contrast
from voxlate.derivation import formulas
from voxlate.preprocess.fingerprint import Fingerprint


def model_card(recipe: Recipe, fingerprint: Fingerprint, scores: Mapping[str, Any]) -> str:
    """Markdown that says what the model does, what it was trained on, how good it is and what it is not for.

    Args:
        recipe: What was trained.
        fingerprint: Statistics of the training cases.
        scores: ``step``, ``part``, ``cases`` and ``metrics`` of the chosen weights.
    """
    sources = ", ".join(get_contrast(name).title for name in recipe.source)
    target = get_contrast(recipe.target)
    made = formulas(recipe.source, recipe.plan.derive)
    derived = "".join(f"\n- Where there is no file of it, {name} = {formula}" for name, formula in made.items())
    rows = "\n".join(f"| {name} | {_number(value)} |" for name, value in scores["metrics"].items())
    unseen = (
        f"held-out validation case{'' if scores['cases'] == 1 else 's'}, which chose these weights"
        if scores["part"] == "validation"
        else (
            "THE TRAINING CASES THEMSELVES: none was left for validation, so these numbers say nothing about new cases"
        )
    )
    return f"""# {recipe.name}: {sources} to {target.title}

**Not for diagnostic use.** Images made with this model are synthetic.

- Paper: {recipe.paper or "none"}
- Method: {recipe.method.name}, {recipe.window.in_words}{derived}
- Trained on: {fingerprint.cases} cases, spacing {_triple(fingerprint.spacing_mm)} mm, seed {recipe.training.seed}
- Software: Voxlate {__version__}

## Validation

On {scores["cases"]} {unseen}; step {scores["step"]}; inside the foreground, in normalised intensity.

| metric | mean |
|---|---|
{rows}

## Limits

The model knows what its training cases show: the same contrasts, the same body region, the same kind of scanner.
On anything else it can draw plausible nonsense, and it can remove or invent lesions. Evaluate it on your own data,
against the identity and intensity-lookup baselines, before you rely on a number that comes from it.
"""


def _number(value: float | None) -> str:
    return "not available" if value is None else f"{value:.4g}"


def _triple(values: tuple[float, float, float]) -> str:
    return " x ".join(f"{value:.3g}" for value in values)
