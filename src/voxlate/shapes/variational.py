"""A variational autoencoder of signed distance maps (Kingma & Welling 2014, arXiv:1312.6114).

Convolutions halve the frame three times and end in the mean and variance of a few latent numbers; the way back doubles
it three times. The error is Gaussian with the variance that fits it best, so that nothing weighs reconstruction against
the prior by hand (Rybkin et al. 2021, arXiv:2006.13202): ``points / 2 * log(mean squared error) + KL``.

A new map is decoded from numbers drawn from a normal distribution that is fitted to those of the training maps (as
Ghosh et al. 2020, arXiv:1903.12436, do): tens of maps fill so little of the prior that most of what is drawn from the
prior itself decodes to nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from voxlate.shapes.arrays import check_names, refusal, take
from voxlate.shapes.distance_maps import DOMAIN, STEP, Domain, domain_from, survey
from voxlate.shapes.interface import ShapeFamily, State
from voxlate.volume import Array, Volume

_LEARNING_RATE = 2e-3
_WEIGHTS = "weights."
_CODES = ("codes.centre", "codes.factor")


class _Autoencoder(nn.Module):
    """The network: distance maps, divided by their truncation, to latent numbers and back.

    Args:
        form: ``(label, i, j, k)`` of the maps; multiples of 8 along the axes.
        width: Features of the finest level; every further level has twice as many.
        latent: How many numbers a map becomes.
    """

    def __init__(self, form: tuple[int, ...], *, width: int, latent: int) -> None:
        super().__init__()
        labels, *axes = form
        self.coarse = (4 * width, *(n // STEP for n in axes))
        size = int(np.prod(self.coarse))
        self.encoder = nn.Sequential(
            *_halved(labels, width), *_halved(width, 2 * width), *_halved(2 * width, 4 * width), nn.Flatten()
        )
        self.moments = nn.Linear(size, 2 * latent)
        self.expand = nn.Linear(latent, size)
        self.decoder = nn.Sequential(
            *_doubled(4 * width, 2 * width),
            *_doubled(2 * width, width),
            *_doubled(width, width),
            nn.Conv3d(width, labels, 3, padding=1),
        )

    def encode(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance ``(b, latent)`` of maps ``(b, label, i, j, k)``."""
        mean, log_variance = self.moments(self.encoder(maps)).chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 6)

    def decode(self, numbers: Tensor) -> Tensor:
        """Maps ``(b, label, i, j, k)`` of latent numbers ``(b, latent)``."""
        maps: Tensor = self.decoder(self.expand(numbers).unflatten(1, self.coarse))
        return maps

    def loss(self, maps: Tensor, noise: Tensor) -> Tensor:
        """The bound that is minimised, per point; ``noise`` is standard normal, ``(b, latent)``."""
        mean, log_variance = self.encode(maps)
        found = self.decode(mean + noise * torch.exp(log_variance / 2))
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1).mean()
        error = (found - maps).square().mean()
        return torch.log(error + 1e-6) / 2 + divergence / maps[0].numel()


@dataclass(frozen=True)
class _VariationalShapes:
    """A fitted autoencoder of label maps.

    Attributes:
        domain: The frame of the maps.
        network: In evaluation mode.
        centre: ``(latent,)`` mean of the training maps' numbers.
        factor: ``(latent, latent)`` lower triangle; times standard normal numbers it has their covariance.
    """

    domain: Domain
    network: _Autoencoder
    centre: NDArray[np.float32]
    factor: NDArray[np.float32]

    def sample(self, rng: np.random.Generator) -> Volume:
        """A new label map; see ``ShapeModel``."""
        numbers = self.centre + self.factor @ rng.standard_normal(len(self.centre))
        return self.domain.draw(self._maps(numbers), rng)

    def closest(self, labels: Volume) -> Volume:
        """A map encoded and decoded; see ``ShapeModel``."""
        scaled = self.domain.encode(labels) / self.domain.frame.truncation_mm
        with torch.inference_mode():
            mean, _ = self.network.encode(torch.from_numpy(scaled.astype(np.float32))[None])
        return self.domain.on_lattice_of(labels, self._maps(mean[0].numpy()))

    def state(self) -> dict[str, Array]:
        """As arrays."""
        weights = {f"{_WEIGHTS}{name}": tensor.numpy() for name, tensor in self.network.state_dict().items()}
        return {**self.domain.state(), _CODES[0]: self.centre, _CODES[1]: self.factor, **weights}

    def _maps(self, numbers: NDArray[np.floating]) -> NDArray[np.float32]:
        with torch.inference_mode():
            maps = self.network.decode(torch.from_numpy(np.asarray(numbers, dtype=np.float32))[None])
        return np.asarray(maps[0].numpy() * self.domain.frame.truncation_mm, dtype=np.float32)


@dataclass(frozen=True)
class _Variational:
    latent: int
    points: int
    width: int
    steps: int
    batch_size: int

    def fit(self, maps: Sequence[Volume], *, seed: int = 0) -> _VariationalShapes:
        domain, encoded = survey(maps, points=self.points)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = self._network(domain)
            for part in network.modules():  # on CPUs twice as fast
                if isinstance(part, nn.Conv3d):
                    part.weight.data = part.weight.data.contiguous(memory_format=torch.channels_last_3d)
            self._train(network, encoded, scale=1 / domain.frame.truncation_mm)
        network = _at_rest(network)
        return _VariationalShapes(domain, network, *_spread(network, encoded, scale=1 / domain.frame.truncation_mm))

    def from_state(self, state: State) -> _VariationalShapes:
        domain = domain_from(state)
        weights = {name.removeprefix(_WEIGHTS): name for name in state if name.startswith(_WEIGHTS)}
        check_names(state, *DOMAIN, *_CODES, *weights.values())
        with torch.random.fork_rng(devices=[]):
            network = self._network(domain)
        tensors = {}
        for own, name in weights.items():
            array = take(state, name, shape=(None,) * state[name].ndim, kind="f", low=-1e6, high=1e6)
            tensors[own] = torch.from_numpy(np.array(array))
        try:
            network.load_state_dict(tensors)
        except RuntimeError as error:
            raise refusal(_WEIGHTS, "weights that fit the recipe", str(error).split("\n")[-1].strip()) from error
        return _VariationalShapes(
            domain,
            _at_rest(network),
            take(state, _CODES[0], shape=(self.latent,), kind="f", low=-1e6, high=1e6),
            take(state, _CODES[1], shape=(self.latent, self.latent), kind="f", low=-1e6, high=1e6),
        )

    def _network(self, domain: Domain) -> _Autoencoder:
        return _Autoencoder(domain.frame.form, width=self.width, latent=self.latent)

    def _train(self, network: _Autoencoder, encoded: NDArray[np.float16], *, scale: float) -> None:
        optimiser = torch.optim.Adam(network.parameters(), lr=_LEARNING_RATE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, self.steps)
        for _ in range(self.steps):
            chosen = torch.randperm(len(encoded))[: self.batch_size].numpy()
            maps = torch.from_numpy(encoded[chosen].astype(np.float32)) * scale
            maps = maps.contiguous(memory_format=torch.channels_last_3d)
            loss = network.loss(maps, torch.randn(len(maps), self.latent))
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()


def _at_rest(network: _Autoencoder) -> _Autoencoder:
    for parameter in network.parameters():
        parameter.requires_grad = False
        parameter.data = parameter.data.contiguous()
    return network.eval()


def _spread(
    network: _Autoencoder, encoded: NDArray[np.float16], *, scale: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean of the training maps' numbers, and a factor of their covariance, that of the encoder's doubt included."""
    means, variances = [], []
    with torch.inference_mode():
        for maps in encoded:
            mean, log_variance = network.encode(torch.from_numpy(maps.astype(np.float32))[None] * scale)
            means.append(mean[0].double().numpy())
            variances.append(log_variance[0].double().exp().numpy())
    covariance = np.atleast_2d(np.cov(np.array(means), rowvar=False)) + np.diag(np.mean(variances, axis=0))
    return np.mean(means, axis=0).astype(np.float32), np.linalg.cholesky(covariance).astype(np.float32)


def _halved(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv3d(inputs, outputs, 3, stride=2, padding=1), nn.GroupNorm(4, outputs), nn.SiLU()]


def _doubled(inputs: int, outputs: int) -> list[nn.Module]:
    return [
        nn.Conv3d(inputs, outputs, 3, padding=1),
        nn.GroupNorm(4, outputs),
        nn.SiLU(),
        nn.Upsample(scale_factor=2, mode="trilinear", align_corners=False),
    ]


def variational(
    *,
    latent: Annotated[int, Field(ge=1, le=256)] = 16,
    points: Annotated[int, Field(ge=16, le=64)] = 32,
    width: Annotated[int, Field(ge=4, le=64, multiple_of=4)] = 16,
    steps: Annotated[int, Field(ge=1)] = 400,
    batch_size: Annotated[int, Field(ge=1)] = 8,
) -> ShapeFamily:
    """A small convolutional variational autoencoder of signed distance maps.

    Args:
        latent: Numbers that a map becomes.
        points: Of the coarse frame along its longest axis.
        width: Features of the finest level.
        steps: Of training.
        batch_size: Maps per step.
    """
    return _Variational(latent, points, width, steps, batch_size)
