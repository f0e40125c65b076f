"""The recipe: everything that decides a run, in one strict YAML file with no code in it.

One schema serves Python, YAML, ``--set``, the forms of the web page and the search space of tuning. Unknown keys are
errors. Choices from a catalogue (method, network, loss term) are ``name`` plus options; the options are checked by
the catalogue's own function (``voxlate.config.catalogue.build``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from voxlate.config.conditions import Conditions
from voxlate.config.search import Search
from voxlate.contrast import DERIVED, get_contrast
from voxlate.derivation import Derivations, files_of
from voxlate.errors import UsageError
from voxlate.plainyaml import parse_yaml
from voxlate.strict import StrictModel

Axis = Literal[0, 1, 2]
VIEWS: dict[Axis, str] = {0: "sagittal", 1: "coronal", 2: "axial"}
"""From an axis of the RAS-oriented volume to the name of the slices that are stacked along it."""


class Choice(BaseModel):
    """An entry of a catalogue with its options: ``{name: unet, channels: [16, 32]}``, or just ``unet``."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:  # noqa: ANN401
        return {"name": value} if isinstance(value, str) else value

    @property
    def options(self) -> dict[str, Any]:
        """The options without the name."""
        return dict(self.model_extra or {})


class Reading(StrictModel):
    """What a reader may accept that it refuses by default; what it accepted is recorded."""

    on_nonfinite: Literal["refuse", "zero"] = "refuse"
    on_affine_conflict: Literal["refuse", "sform", "qform"] = "refuse"
    on_missing_affine: Literal["refuse", "ras"] = "refuse"
    on_shear: Literal["refuse", "resample"] = "refuse"


class SplitOptions(StrictModel):
    """How subjects are parted; explicit lists of subject or case ids come before the proportions."""

    fractions: tuple[float, float, float] = (0.7, 0.1, 0.2)
    stratify: tuple[str, ...] = ()
    folds: int | None = Field(None, ge=2, description="parts of the development cases that take turns to validate")
    fold: int = Field(0, ge=0, description="which of them validates, counted from 0")
    seed: int | None = Field(None, ge=0, lt=2**32)
    train: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()
    test: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _fractions_sum_to_one(self) -> Self:
        if min(self.fractions) < 0 or abs(sum(self.fractions) - 1) > 1e-6:
            raise ValueError("fractions of train, validation and test must be positive and sum to 1")
        if self.fold and self.fold >= (self.folds or 1):
            raise ValueError("fold must be below folds")
        return self


class PlanOptions(StrictModel):
    """Overrides of what the fingerprint decides; ``None`` means decide from the cohort."""

    spacing_mm: tuple[float, float, float] | None = None
    reference: str | None = None
    derive: Derivations = Field(
        {}, description="contrasts that are computed where a case has no file of them, see below"
    )
    grids: Literal["refuse", "resample", "rigid", "affine", "deformable"] = "resample"
    mask: Literal["auto", "nonzero", "otsu", "whole", "file"] = "auto"
    crop_margin_mm: float = Field(8.0, ge=0)
    normalise: dict[str, Literal["percentile", "zscore", "hounsfield", "suv", "none"]] = {}  # noqa: RUF012  (copied)
    bias_correction: bool = False
    reading: Reading = Reading()
    split: SplitOptions = SplitOptions()

    def reference_for(self, source: Sequence[str]) -> str:
        """The contrast whose grid the others are brought to: the named one, or the first that sources are made from.

        Args:
            source: The sources, canonical names; what follows them makes no difference.
        """
        return get_contrast(self.reference).name if self.reference else files_of(source, self.derive)[0]


class WindowOptions(StrictModel):
    """How a volume is cut for training and stitched in inference.

    ``slices`` on ``axis`` (0, 1, 2 of the RAS-oriented volume: sagittal, coronal, axial) with ``neighbours`` slices on
    each side as further channels (0: 2-D, k > 0: 2.5-D); ``patches`` of ``size`` voxels; or the whole ``volume``.
    ``auto`` is the volume where a forecast of memory says that it can be trained on, else patches of at most ``size``.
    ``size`` for slices is the in-plane crop during training (``None``: the whole slice). With several axes, as
    ``[2, 0, 1]``, each view has a network of its own and ``combine`` says how their volumes become one.
    """

    kind: Literal["slices", "patches", "volume", "auto"] = "slices"
    axis: Axis | tuple[Axis, ...] = 2
    neighbours: int = Field(0, ge=0, le=16)
    size: tuple[int, ...] | None = None
    overlap: float = Field(0.5, ge=0, lt=1)
    margin: int = Field(0, ge=0, description="voxels of context around what is predicted, also beyond the image")
    padding: Literal["edge", "mirror"] = Field("edge", description="how images are continued beyond their edge")
    place: Literal["random", "centre"] = Field("random", description="where training samples are cut from a case")
    mirror: bool = Field(False, description="translate each sample mirrored left to right too, and take the mean")
    combine: Literal["mean", "weights", "network"] = Field(
        "mean",
        description="of several views: their mean, their mean with learned weights, or a small 3-D network over them",
    )

    @field_validator("size", mode="before")
    @classmethod
    def _size_as_text(cls, value: Any) -> Any:  # noqa: ANN401
        return _parted(value, "x") if isinstance(value, str) else value

    @model_validator(mode="after")
    def _size_fits_kind(self) -> Self:
        wanted = {"slices": (0, 2), "patches": (3,), "volume": (0,), "auto": (0, 3)}[self.kind]
        if len(self.size or ()) not in wanted:
            raise ValueError(f"size of a window of {self.kind} must have {' or '.join(map(str, wanted))} numbers")
        return self

    @model_validator(mode="after")
    def _axes_fit_kind(self) -> Self:
        if isinstance(self.axis, tuple):
            if self.kind != "slices":
                raise ValueError(f"several axes are for slices, not for a window of {self.kind}")
            if len(set(self.axis)) < max(2, len(self.axis)):
                raise ValueError("several axes must be two or three that differ; write one axis as a number")
        elif self.combine != "mean":
            raise ValueError("combine is for several axes, as [2, 0, 1]")
        return self

    @property
    def dims(self) -> Literal[2, 3]:
        """Number of spatial axes of a sample."""
        return 2 if self.kind == "slices" else 3

    @property
    def in_words(self) -> str:
        """What a sample is, for pages: ``axial slices``, ``axial, sagittal and coronal slices combined by mean``."""
        if self.kind != "slices":
            return "the whole volume" if self.kind == "volume" else "patches"
        axes = self.axis if isinstance(self.axis, tuple) else (self.axis,)
        *first, last = (VIEWS[axis] for axis in axes)
        beside = f" with {self.neighbours} neighbours on each side" if self.neighbours else ""
        combined = f", combined by {self.combine}" if first else ""
        return f"{', '.join(first)} and {last} slices{beside}{combined}" if first else f"{last} slices{beside}"

    @property
    def views(self) -> dict[str, WindowOptions]:
        """From the name of each view, ``axial`` say, to its window on one axis; empty unless there are several."""
        if not isinstance(self.axis, tuple):
            return {}
        return {VIEWS[axis]: self.model_copy(update={"axis": axis, "combine": "mean"}) for axis in self.axis}


class Augmentation(StrictModel):
    """Random changes of training samples; 0 switches one off."""

    flip: float = Field(0.5, ge=0, le=1, description="probability of a left-right flip")
    elastic: float = Field(0.0, ge=0, le=1, description="probability of an elastic deformation")
    elastic_sd_voxels: float = Field(3.0, ge=0, description="sd of the displacements on the coarse grid")
    elastic_points: int = Field(3, ge=2, le=16, description="points of the coarse grid along each axis")
    bias: float = Field(0.0, ge=0, le=1, description="probability of a smooth multiplicative bias field on the source")
    noise: float = Field(0.0, ge=0, le=1, description="probability of added Gaussian noise on the source")
    gamma: float = Field(0.0, ge=0, le=1, description="probability of a gamma curve on the source")


class Training(StrictModel):
    """Budget and optimisation; the first of ``epochs``, ``steps`` and ``minutes`` that is reached ends the run."""

    epochs: int | None = Field(None, ge=1)
    steps: int | None = Field(None, ge=1)
    minutes: float | None = Field(None, gt=0)
    epoch_samples: int = Field(1000, ge=1, description="samples drawn per epoch")
    batch_size: int = Field(8, ge=1, description="cases per step")
    samples_per_case: int = Field(1, ge=1, description="samples drawn from each case of a step")
    label_share: float = Field(0.0, ge=0, le=1, description="share of samples that are placed around a labelled voxel")
    optimiser: Literal["adam", "adamw"] = "adam"
    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    schedule: Literal["constant", "linear", "cosine"] = "cosine"
    warmup_steps: int = Field(0, ge=0)
    gradient_clip: float | None = Field(1.0, gt=0)
    ema: float | None = Field(0.99, gt=0, lt=1)
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    seed: int = Field(0, ge=0, lt=2**32)
    workers: int = Field(0, ge=0, description="loader processes")
    validate_every: int = Field(200, ge=1, description="steps between validations")
    figure_every: int = Field(1000, ge=1, description="steps between figures")
    figure_at: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(
        (), description="shares of the run at which figures are drawn in the place of `figure_every`; 0: untrained"
    )
    checkpoint_every: int = Field(200, ge=1, description="steps between checkpoints")
    monitor: str = Field("mae", description="validation metric that chooses the best checkpoint")
    keep: Literal["best", "last"] = Field(
        "best", description="weights of the bundle: of the best validation, or of the last one, whatever it scored"
    )
    combination_steps: int = Field(
        400, ge=1, description="steps that fit the combination of several views, if it learns"
    )
    patience: int | None = Field(None, ge=1, description="validations without a better value before stopping early")
    tensorboard: bool = False
    augmentation: Augmentation = Augmentation()

    @property
    def step_samples(self) -> int:
        """Samples that a step sees."""
        return self.batch_size * self.samples_per_case

    @property
    def steps_per_epoch(self) -> int:
        """Steps of an epoch; the last one is full too."""
        return -(-self.epoch_samples // self.step_samples)

    @model_validator(mode="after")
    def _has_a_budget(self) -> Self:
        if self.epochs is None and self.steps is None and self.minutes is None:
            raise ValueError("give at least one of epochs, steps and minutes")
        return self


class Recipe(StrictModel):
    """A system of a paper, or of yours, as values.

    ``source`` lists the contrasts that go in, ``target`` names the one that comes out; ``loss`` gives each term's
    weight, or its options with a ``weight`` among them. Short for them are ``t1c+flair`` and ``bce+dice``, and
    ``96x96x64`` for a window's ``size``.
    """

    name: str
    paper: str = ""
    source: tuple[str, ...]
    target: str
    conditions: Conditions | None = None
    plan: PlanOptions = PlanOptions()
    window: WindowOptions = WindowOptions()
    method: Choice
    loss: dict[str, float | dict[str, Any]] = {}  # noqa: RUF012  (pydantic copies it)
    training: Training
    shapes: Choice | None = None
    search: Search = Search()

    @model_validator(mode="before")
    @classmethod
    def _canonical_contrasts(cls, value: Any) -> Any:  # noqa: ANN401
        if not isinstance(value, Mapping):
            return value
        fixed = dict(value)
        if isinstance(fixed.get("source"), str):
            fixed["source"] = _parted(fixed["source"], "+")
        if isinstance(fixed.get("loss"), str):
            fixed["loss"] = dict.fromkeys(_parted(fixed["loss"], "+"), 1.0)
        if isinstance(fixed.get("source"), list | tuple):
            fixed["source"] = [get_contrast(str(name)).name for name in fixed["source"]]
        if isinstance(fixed.get("target"), str):
            fixed["target"] = get_contrast(fixed["target"]).name
        return fixed

    @model_validator(mode="after")
    def _derivations_fit(self) -> Self:
        derive = self.plan.derive
        unknown = [name for name in (*self.source, self.target) if name.startswith(DERIVED) and name not in derive]
        if unknown:
            raise ValueError(f"plan.derive does not say what {', '.join(unknown)} is computed from")
        if self.conditions is not None and "labels" not in self.source:
            raise ValueError("conditions say how the source labels is seen, and the recipe has no such source")
        if self.target in derive:
            raise ValueError(f"the target {self.target} is computed by plan.derive, so that there is nothing to learn")
        given = [name for name in self.source if name in derive and self.target in files_of([name], derive)]
        if given:
            raise ValueError(f"the source {', '.join(given)} is computed from the target {self.target}")
        return self

    @model_validator(mode="after")
    def _shapes_are_of_the_source(self) -> Self:
        if self.shapes and [get_contrast(name).kind for name in files_of(self.source, self.plan.derive)] != ["label"]:
            raise ValueError(f"shapes needs a label map as the only source, not {', '.join(self.source)}")
        return self

    def with_overrides(self, overrides: Mapping[str, Any]) -> Recipe:
        """The recipe with dotted fields replaced, checked anew: ``{"training.learning_rate": 1e-4}``."""
        values = self.model_dump(mode="json")
        for dotted, value in overrides.items():
            _assign(values, dotted, value)
        return parse_recipe(values, where=f"recipe {self.name} with overrides")

    def to_yaml(self) -> str:
        """The recipe as resolved, every default written out."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)


def _parted(text: str, sign: str) -> list[str]:
    """The parts of a short form, ``bce+dice`` say."""
    parts = [part.strip() for part in text.split(sign)]
    if not all(parts) or (len(set(parts)) < len(parts) and sign == "+"):
        raise ValueError(f"a short form has parts that differ, with {sign} between them, not {text!r}")
    return parts


def _assign(values: dict[str, Any], dotted: str, value: Any) -> None:  # noqa: ANN401
    *parents, last = dotted.split(".")
    place = values
    for key in parents:
        inner = place.get(key)
        if inner is None:
            inner = place[key] = {}
        elif not isinstance(inner, dict):
            raise UsageError("a section of the recipe", came=f"the value {inner!r}", where=dotted, remedy="Shorten it.")
        place = inner
    place[last] = deepcopy(value)


def parse_recipe(values: Any, *, where: object) -> Recipe:  # noqa: ANN401
    """A checked recipe from plain values.

    Raises:
        UsageError: If a key is unknown or a value is of the wrong type or range; every problem is listed.
    """
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise UsageError("a valid recipe", came=describe(error), where=where, remedy="Correct these fields.") from error


def describe(error: ValidationError) -> str:
    """The problems of a validation error on one line, each with its dotted field."""
    lines = [f"{'.'.join(map(str, item['loc'])) or 'the whole'}: {item['msg']}" for item in error.errors()]
    return "; ".join(lines)


def recipe_names() -> list[str]:
    """Names of the recipes that come with Voxlate, sorted."""
    folder = resources.files("voxlate") / "recipes"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_recipe(name: str | Path) -> Recipe:
    """A recipe by the name of a built-in one, or from a YAML file.

    Raises:
        UsageError: If neither exists, or the file is not a valid recipe.
    """
    if str(name) in recipe_names():
        text = (resources.files("voxlate") / "recipes" / f"{name}.yaml").read_text(encoding="utf-8")
    elif Path(name).is_file():
        text = Path(name).read_text(encoding="utf-8")
    else:
        raise UsageError(
            "the name of a built-in recipe or a YAML file",
            came=repr(str(name)),
            remedy=f"Built-in recipes: {', '.join(recipe_names())}.",
        )
    return parse_recipe(parse_yaml(text, where=name), where=name)
