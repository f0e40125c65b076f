"""The training of a recipe: steps, optimiser, precision, validation, augmentation."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from voxlate.strict import StrictModel


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
