"""The window of a recipe: how volumes are cut into samples, along one axis or several."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from voxlate.errors import counted
from voxlate.plainyaml import parted
from voxlate.strict import StrictModel

Axis = Literal[0, 1, 2]
VIEWS: dict[Axis, str] = {0: "sagittal", 1: "coronal", 2: "axial"}
"""From an axis of the RAS-oriented volume to the name of the slices that are stacked along it."""


class WindowOptions(StrictModel):
    """How a volume is cut for training and stitched in inference.

    ``slices`` on ``axis`` (0, 1, 2 of the RAS-oriented volume: sagittal, coronal, axial) with ``neighbours`` slices on
    each side as further channels (0: 2-D, k > 0: 2.5-D); ``patches`` of ``size`` voxels; or the whole ``volume``.
    ``auto`` is the volume where a forecast of memory says that it can be trained on, else patches of at most ``size``.
    ``size`` for slices is the in-plane crop during training (``None``: the whole slice). With several axes, as
    ``[2, 0, 1]``, each view has a network of its own and ``combine`` says how their volumes become one.
    """

    kind: Literal["slices", "patches", "volume", "auto"] = Field(
        "slices", description="Slices (2-D, 2.5-D), patches or the whole volume (3-D); `auto`: the volume if it fits."
    )
    axis: Axis | tuple[Axis, ...] = Field(
        2, description="Axis that slices are stacked along: 0 sagittal, 1 coronal, 2 axial; or several, `[2, 0]`."
    )
    neighbours: int = Field(
        0, ge=0, le=16, description="Slices on each side that go in as further channels; 0 is 2-D, more is 2.5-D."
    )
    size: tuple[Annotated[int, Field(ge=1)], ...] | None = Field(
        None, description="Voxels of a sample in training: two numbers for slices, three for patches; `null`: all."
    )
    overlap: float = Field(
        0.5, ge=0, lt=1, description="Share of a window that neighbouring windows have in common in translation."
    )
    margin: int = Field(0, ge=0, description="Voxels of context around what is predicted, also beyond the image.")
    padding: Literal["edge", "mirror"] = Field("edge", description="How images are continued beyond their edge.")
    place: Literal["random", "centre"] = Field("random", description="Where training samples are cut from a case.")
    mirror: bool = Field(False, description="Translate each sample mirrored left to right too, and take the mean.")
    combine: Literal["mean", "weights", "network"] = Field(
        "mean",
        description="How several views become one volume: their mean, their mean with learned weights, or a small 3-D "
        "network over them.",
    )

    @field_validator("size", mode="before")
    @classmethod
    def _size_as_text(cls, value: object) -> object:
        return parted(value, "x") if isinstance(value, str) else value

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
    def dimension(self) -> str:
        """What a sample shows of a volume: ``2-D``, ``2.5-D`` (slices with neighbours, or of several axes), ``3-D``."""
        return "3-D" if self.dims == 3 else "2.5-D" if self.neighbours or self.views else "2-D"

    @property
    def in_words(self) -> str:
        """What a sample is, for pages: ``axial slices``, ``axial, sagittal and coronal slices combined by mean``."""
        if self.kind != "slices":
            return "the whole volume" if self.kind == "volume" else "patches"
        axes = self.axis if isinstance(self.axis, tuple) else (self.axis,)
        *first, last = (VIEWS[axis] for axis in axes)
        beside = f" with {counted(self.neighbours, 'neighbour')} on each side" if self.neighbours else ""
        combined = f", combined by {self.combine}" if first else ""
        return f"{', '.join(first)} and {last} slices{beside}{combined}" if first else f"{last} slices{beside}"

    @property
    def views(self) -> dict[str, WindowOptions]:
        """From the name of each view, ``axial`` say, to its window on one axis; empty unless there are several."""
        if not isinstance(self.axis, tuple):
            return {}
        return {VIEWS[axis]: self.model_copy(update={"axis": axis, "combine": "mean"}) for axis in self.axis}
