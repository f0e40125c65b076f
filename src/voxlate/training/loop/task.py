"""The task metric: how well a segmentation works on predicted images, the ongoing work of Genc et al. 2022.

A bundle that turns the target into a label map (FLAIR to lesions, say) is applied to the predicted target of every
validation case that has a label map of its own; ``task_dice`` is the mean Dice of what it finds there against that
map. ``task_dice_real`` is the same on the true target, the ceiling that no prediction is expected to pass.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voxlate.contrast import get_contrast
from voxlate.errors import UsageError
from voxlate.inference.model import Model, load_model
from voxlate.metrics import dice
from voxlate.preprocess.plan import Plan
from voxlate.preprocess.prepare import PreparedCase


class DownstreamTask:
    """A segmentation that is applied to predictions; see the module.

    Args:
        model: From the plan's target to labels.
        plan: How the cases are prepared.

    Raises:
        UsageError: If the model does not take what the plan's predictions are.
    """

    def __init__(self, model: Model, plan: Plan) -> None:
        _check_fit(model, plan)
        self._model = model
        self._target = plan.target
        self._real: dict[str, float] = {}

    def score(self, case: PreparedCase, prediction: NDArray[np.float32]) -> dict[str, float]:
        """``task_dice`` and ``task_dice_real`` of a case; empty for one without a label map.

        Args:
            case: With its true target.
            prediction: ``(i, j, k)``, the predicted target in normalised values.
        """
        if "labels" not in case.arrays:
            return {}
        if case.case_id not in self._real:  # the same in every validation
            self._real[case.case_id] = self._dice(case, np.asarray(case.arrays[self._target][:]))
        return {"task_dice": self._dice(case, prediction), "task_dice_real": self._real[case.case_id]}

    def _dice(self, case: PreparedCase, image: NDArray[np.float32]) -> float:
        found = self._model.predict([image], case.mask)[0]
        inside = case.shown(self._target)
        return dice(found, np.asarray(case.arrays["labels"][:]), mask=inside, data_range=1.0)


def load_task(path: Path, plan: Plan) -> DownstreamTask:
    """The task of a bundle.

    Raises:
        BundleError: If the bundle is refused.
        UsageError: If it does not fit the plan.
    """
    return DownstreamTask(load_model(path), plan)


def _check_fit(model: Model, plan: Plan) -> None:
    """A task sees predictions as they are, so it must be made for images prepared in the same way."""
    theirs, recipe = model.bundle.plan, model.bundle.recipe
    wanted = {
        "source": ((plan.target,), recipe.source),
        "kind of target": ("label", get_contrast(recipe.target).kind),
        "normalisation": (plan.normalisers[plan.target].kind, _kind(theirs, plan.target)),
        "spacing": (plan.spacing_mm, theirs.spacing_mm),
        "bias correction": (plan.bias_correction, theirs.bias_correction),
    }
    for what, (expected, came) in wanted.items():
        if expected != came:
            raise UsageError(
                f"a task model with the {what} {_words(expected)}",
                came=_words(came),
                where=f"search.task {model.bundle.folder}",
                remedy=f"Train one from {plan.target} to labels on data prepared with the same plan.",
            )


def _kind(plan: Plan, contrast: str) -> str:
    return plan.normalisers[contrast].kind if contrast in plan.normalisers else "none"


def _words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
