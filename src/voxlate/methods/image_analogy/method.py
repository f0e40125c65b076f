"""Image analogies (Hertzmann, Jacobs, Oliver, Curless & Salesin 2001, doi:10.1145/383259.383295).

Exemplar source is to exemplar target as a slice is to its translation. The translation is made from the coarsest level
of a Gaussian pyramid to the finest, pixel by pixel in scan order: each pixel takes the target value of the exemplar
pixel whose neighbourhood, in source and target and on two levels, looks most like its own, with an advantage for what
continues the patch that a neighbour was taken from (``kappa``). Nothing is trained and no value is invented: each value
of the translation stands somewhere in an exemplar. See ``analogy_features`` and ``analogy_search`` for the formulas.

What differs from the paper:

- Only the foreground counts. Outside of it, neighbourhoods see one constant in place of the paper's partial ones.
- Luminance remapping gives each exemplar's source and the slice the same mean and standard deviation inside the
  foreground: the paper's linear map but for a scale that source values share. Targets are never remapped, for they are
  the values that are wanted; their scale is that of all exemplar targets together.
- Several exemplars; several channels of the source and of the target, which weigh as much as one.
- The approximate search is SciPy's k-d tree over principal components; the ``neighbours`` that it finds are compared by
  whole feature vectors. It holds at most ``pixels`` exemplar pixels; coherence reaches all of them.
- Pixels that do not depend on each other are made together, along slanted lines; the result is that of the scan order.
- No steerable filters, and no search by brute force on the coarsest level.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from voxlate.config.choice import LossTerms
from voxlate.errors import UsageError
from voxlate.methods.exemplars import Exemplary
from voxlate.methods.image_analogy.features import Indices, Neighbourhoods, Stack, pyramid, static_features
from voxlate.methods.image_analogy.search import ExemplarLevel, NearestNeighbourSearch
from voxlate.methods.interface import Batch
from voxlate.preprocess.intensity import OUTSIDE

Odd = Literal[1, 3, 5, 7, 9]
_SMALLEST_SD = 1e-6


def image_analogy(  # noqa: PLR0913  (the choices of a recipe)
    *,
    dims: Literal[2, 3],
    source_channels: int,
    target_channels: int,
    loss: LossTerms,
    data_range: float,
    exemplars: Annotated[int, Field(ge=1, le=64)] = 16,
    levels: Annotated[int, Field(ge=1, le=6)] = 3,
    patch: Odd = 5,
    coarse_patch: Odd = 3,
    kappa: Annotated[float, Field(ge=0)] = 1.0,
    remap: bool = True,
    neighbours: Annotated[int, Field(ge=1, le=64)] = 4,
    eps: Annotated[float, Field(ge=0)] = 1.0,
    components: Annotated[int, Field(ge=1)] = 12,
    pixels: Annotated[int, Field(ge=1)] = 300_000,
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0,
) -> ImageAnalogy:
    """Image analogies; they need slices.

    Args:
        dims: Number of spatial axes of a sample; 2.
        source_channels: Channels of the source.
        target_channels: Channels of the target.
        loss: Not used.
        data_range: Not used.
        exemplars: How many slices are kept.
        levels: Levels of the pyramid.
        patch: Size of the neighbourhood on a pixel's own level.
        coarse_patch: Size of the neighbourhood on the next coarser level.
        kappa: Advantage of coherence on the finest level; halved on each coarser one.
        remap: Give every slice the same mean and standard deviation of the source.
        neighbours: Candidates of the approximate search that are compared exactly.
        eps: Inexactness of the search: what it finds is at most ``1 + eps`` times as far as the nearest.
        components: Principal components that the search compares.
        pixels: Exemplar pixels that the search knows.
        seed: Decides which.

    Raises:
        UsageError: If samples are volumes.
    """
    if dims != 2:
        raise UsageError(
            "slices for image analogies",
            came="a window of volumes",
            where="window.kind",
            remedy="Set window.kind to slices.",
        )
    return ImageAnalogy(
        Neighbourhoods.of(patch=patch, coarse_patch=coarse_patch, channels=(source_channels, target_channels)),
        search=NearestNeighbourSearch(neighbours=neighbours, eps=eps, components=components, pixels=pixels, seed=seed),
        wanted=exemplars,
        levels=levels,
        kappa=kappa,
        remap=remap,
    )


class ImageAnalogy(Exemplary):
    """Exemplars and how slices are made from them; see ``image_analogy``."""

    def __init__(
        self,
        neighbourhoods: Neighbourhoods,
        *,
        search: NearestNeighbourSearch,
        wanted: int,
        levels: int,
        kappa: float,
        remap: bool,
    ) -> None:
        super().__init__(wanted=wanted)
        self._neighbourhoods = neighbourhoods
        self._search = search
        self._levels = levels
        self._kappa = kappa
        self._remap = remap
        self._ready: list[ExemplarLevel] = []

    def fit(self, exemplars: Batch) -> None:
        """As ``Exemplary.fit``; the search structures are built when they are first needed."""
        super().fit(exemplars)
        self._ready = []

    def load_state_dict(self, state_dict: Mapping[str, object], strict: bool = True, assign: bool = False) -> object:
        """As ``Exemplary.load_state_dict``; the search structures are built when they are first needed."""
        self._ready = []
        return super().load_state_dict(state_dict, strict=strict, assign=assign)

    def predict(self, source: Tensor) -> Tensor:
        """The target ``(b, t, h, w)`` float32 of slices ``(b, c, h, w)``; ``OUTSIDE`` where all channels are that.

        Raises:
            UsageError: If no exemplars are kept.
        """
        slices = source.detach().float().cpu().numpy()
        results = [self.translate(one, (one != OUTSIDE).any(0))[0] for one in slices]
        return torch.from_numpy(np.stack(results)).to(source.device)

    def translate(
        self, source: NDArray[np.float32], mask: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
        """Translates a slice and says where each pixel comes from.

        Args:
            source: ``(c, h, w)``, normalised.
            mask: ``(h, w)``, true in the foreground.

        Returns:
            The target ``(t, h, w)``, ``OUTSIDE`` outside the foreground, and for each pixel ``(3, h, w)`` the number of
            the exemplar, the row and the column that its value stands in; -1 outside the foreground.

        Raises:
            UsageError: If no exemplars are kept.
        """
        self.require_exemplars()
        self._ready = self._ready or self._build()
        target = np.full((self.exemplar_target.shape[1], *mask.shape), OUTSIDE, dtype=np.float32)
        origin = np.full((3, *mask.shape), -1, dtype=np.intp)
        if mask.any():
            finest = self._ready[0]
            taken = finest.target.places(self._transfer(source, mask))
            image, row, column = taken
            values = self.exemplar_target.cpu().numpy()
            target[:, mask] = values[image, :, row, column].T
            origin[:, mask] = np.stack(taken)
        return target, origin

    def _transfer(self, source: NDArray[np.float32], mask: NDArray[np.bool_]) -> Indices:
        """Makes all levels; the flat exemplar index of each foreground pixel of the finest."""
        images = self._standardised(source[None], mask[None])
        margin = self._neighbourhoods.margin
        coarser: tuple[Stack, Stack] | None = None
        origin: Indices = np.zeros(0, dtype=np.intp)
        steps = list(enumerate(pyramid(images, mask[None], levels=self._levels)))
        for level, (reduced, inside) in reversed(steps):
            exemplars = self._ready[level]
            known = Stack.of(reduced, inside, margin=margin)
            empty = np.zeros((1, self.exemplar_target.shape[1], *inside.shape[1:]))
            made = Stack.of(empty, inside, margin=margin)
            static = static_features(known, coarser, index=known.foreground, neighbourhoods=self._neighbourhoods)
            origin = exemplars.transfer(static, made, kappa=self._kappa * 0.5**level)
            coarser = known, made
        return origin

    def _build(self) -> list[ExemplarLevel]:
        """The exemplars on each level, the finest first."""
        source, target = self.exemplar_source.cpu().numpy(), self.exemplar_target.cpu().numpy()
        mask = self.exemplar_mask.cpu().numpy()[:, 0] > 0
        if not mask.any():
            raise UsageError("a foreground in the exemplars", came="empty masks", remedy="Check the masks.")
        images = (self._standardised(source, mask), _standardise(target, _moments(target, mask)))
        margin = self._neighbourhoods.margin
        stacks = [
            (Stack.of(known, inside, margin=margin), Stack.of(wanted, inside, margin=margin))
            for (known, inside), (wanted, _) in zip(
                *(pyramid(i, mask, levels=self._levels) for i in images), strict=True
            )
        ]
        return [
            ExemplarLevel(*pair, coarser=above, neighbourhoods=self._neighbourhoods, search=self._search)
            for pair, above in zip(stacks, [*stacks[1:], None], strict=True)
        ]

    def _standardised(self, source: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Sources ``(n, c, h, w)`` in sds from the mean: each one's own ones, or those of all exemplars together."""
        if not self._remap:
            exemplars = self.exemplar_source.cpu().numpy(), self.exemplar_mask.cpu().numpy()[:, 0] > 0
            return _standardise(source, _moments(*exemplars))
        own = [_moments(source[i : i + 1], mask[i : i + 1]) for i in range(len(source))]
        return _standardise(source, np.concatenate(own, axis=1))


def _moments(images: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean and sd of each channel inside the mask over all images, ``(2, 1, c, 1, 1)``; 0 and 1 where there is none."""
    inside = images.swapaxes(0, 1)[:, mask].astype(np.float64)
    if inside.size == 0:
        inside = np.tile([-1.0, 1.0], (images.shape[1], 1))
    sd = inside.std(1)
    return np.stack([inside.mean(1), np.where(sd < _SMALLEST_SD, 1.0, sd)])[:, None, :, None, None]


def _standardise(images: NDArray[np.float32], moments: NDArray[np.float64]) -> NDArray[np.float64]:
    mean, sd = moments
    scaled: NDArray[np.float64] = (images - mean) / sd
    return scaled
