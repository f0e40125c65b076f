"""The training of a recipe: steps, optimiser, precision, validation, augmentation."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from voxlate.strict import StrictModel, later


class Augmentation(StrictModel):
    """Random changes of training samples; 0 switches one off."""

    flip: float = Field(0.5, ge=0, le=1, description="Probability of a left-right flip.")
    elastic: float = Field(0.0, ge=0, le=1, description="Probability of an elastic deformation.")
    elastic_sd_voxels: float = Field(
        3.0, ge=0, description="Standard deviation of the displacements on the coarse grid, in voxels."
    )
    elastic_points: int = Field(3, ge=2, le=16, description="Points of the coarse grid along each axis.")
    rotation: float = later(0.0, ge=0, le=1, description="Probability of a rotation about the middle.")
    rotation_degrees: float = later(30.0, ge=0, le=180, description="Largest angle about each axis.")
    scaling: float = later(0.0, ge=0, le=1, description="Probability of a scaling, along each axis by its own factor.")
    scaling_percent: float = later(30.0, ge=0, le=100, description="Largest scaling, up or down.")
    bias: float = Field(0.0, ge=0, le=1, description="Probability of a smooth multiplicative bias field on the source.")
    noise: float = Field(0.0, ge=0, le=1, description="Probability of added Gaussian noise on the source.")
    gamma: float = Field(0.0, ge=0, le=1, description="Probability of a gamma curve on the source.")
    blur: float = later(0.0, ge=0, le=1, description="Probability of a Gaussian blur of the source.")
    brightness: float = later(0.0, ge=0, le=1, description="Probability that the source is made brighter or darker.")
    contrast: float = later(0.0, ge=0, le=1, description="Probability that the source's contrast is raised or lowered.")
    low_resolution: float = later(
        0.0,
        ge=0,
        le=1,
        description="Probability that the source is sampled with voxels up to twice as large, and back.",
    )


class Training(StrictModel):
    """Budget and optimisation; the first of ``epochs``, ``steps`` and ``minutes`` that is reached ends the run."""

    epochs: int | None = Field(None, ge=1, description="Budget in epochs; `null`: no limit.")
    steps: int | None = Field(None, ge=1, description="Budget in steps; `null`: no limit.")
    minutes: float | None = Field(None, gt=0, description="Budget in minutes; `null`: no limit.")
    epoch_samples: int = Field(1000, ge=1, description="Samples drawn per epoch.")
    batch_size: int = Field(8, ge=1, description="Cases per step.")
    samples_per_case: int = Field(1, ge=1, description="Samples drawn from each case of a step.")
    repeat: dict[str, Annotated[int, Field(ge=1, le=1000)]] = later(
        {}, description="How often cases come for once of the others, by patterns of their ids: `{'real-*': 20}`."
    )
    start: str | None = later(
        None, description="A run or bundle of the same network, from whose weights training starts; `null`: none."
    )
    label_share: float = Field(0.0, ge=0, le=1, description="Share of samples that are placed around a labelled voxel.")
    optimiser: Literal["adam", "adamw", "sgd"] = Field(
        "adam",
        description="Adam, Adam with decoupled weight decay, or gradient descent with Nesterov's momentum of 0.99.",
    )
    learning_rate: float = Field(1e-3, gt=0, description="Step size at the start of the schedule.")
    weight_decay: float = Field(0.0, ge=0, description="Weight decay of the optimiser.")
    schedule: Literal["constant", "linear", "cosine", "polynomial"] = Field(
        "cosine",
        description="How the learning rate goes from its start over the budget; `polynomial`: to the power 0.9.",
    )
    warmup_steps: int = Field(0, ge=0, description="Steps over which the learning rate rises from near zero.")
    gradient_clip: float | None = Field(1.0, gt=0, description="Largest norm of the gradient; `null`: no limit.")
    ema: float | None = Field(
        0.99,
        gt=0,
        lt=1,
        description="Decay of the moving average of the weights, which is validated and shipped; `null`: no average.",
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto",
        description="Arithmetic of the networks; `auto` takes bf16 where the hardware multiplies in it, else fp32.",
    )
    seed: int = Field(0, ge=0, lt=2**32, description="Decides split, weights, order, cuts, augmentation and dropout.")
    workers: int = Field(0, ge=0, description="Loader processes; 0: cases are loaded by the training itself.")
    validate_every: int = Field(200, ge=1, description="Steps between validations.")
    figure_every: int = Field(1000, ge=1, description="Steps between figures.")
    figure_at: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(
        (), description="Shares of the run at which figures are drawn in the place of `figure_every`; 0: untrained."
    )
    checkpoint_every: int = Field(200, ge=1, description="Steps between checkpoints.")
    monitor: str = Field("mae", description="Validation metric that chooses the best checkpoint.")
    keep: Literal["best", "last"] = Field(
        "best", description="Weights of the bundle: of the best validation, or of the last one, whatever it scored."
    )
    combination_steps: int = Field(
        400, ge=1, description="Steps that fit the combination of several views, if it learns."
    )
    patience: int | None = Field(
        None, ge=1, description="Validations without a better value before stopping early; `null`: never."
    )
    tensorboard: bool = Field(False, description="Write event files for TensorBoard; needs the extra `tensorboard`.")
    augmentation: Augmentation = Field(Augmentation(), description="Random changes of training samples.")

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
