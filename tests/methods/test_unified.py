"""The method unified: one network learns every question, and more sources tell more."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from voxlate.config.choice import Choice
from voxlate.config.training import Training
from voxlate.errors import UsageError
from voxlate.methods.interface import Batch
from voxlate.methods.unified import unified
from voxlate.question import Query, numbers_of

SOURCES, TARGETS = ("t1", "t2", "flair"), ("pd", "ct")


@pytest.mark.parametrize("together", [False, True])
def test_one_network_learns_two_targets_from_any_sources_and_three_tell_more_than_one(together: bool) -> None:
    """The mean of three images of noise, and twice as much: of one of them alone a third is known."""
    torch.manual_seed(0)
    method = unified(
        dims=2,
        source_channels=3,
        target_channels=2,
        loss={"l1": 1.0},
        data_range=1.0,
        network=Choice.model_validate({"name": "unet", "channels": [8, 16]}),
        together=together,
    )
    generator, rng = torch.Generator().manual_seed(1), np.random.default_rng(1)
    [optimiser] = method.train().optimisers(Training(steps=1, learning_rate=2e-3))
    for _ in range(250):
        images, asked, targets = torch.rand(4, 3, 8, 8, generator=generator), [], []
        for image in images:
            there = [name for name in SOURCES if rng.random() < 0.6] or ["t1"]
            asked.append(_asked(there, wanted := str(rng.choice(TARGETS))))
            targets.append(torch.cat([_target(image, name) for name in (TARGETS if together else (wanted,))]))
        planes = torch.stack(asked)[:, :, None, None].expand(-1, -1, 8, 8)
        goal = torch.stack(targets)
        batch = Batch(torch.cat([images, planes], 1), goal, torch.ones_like(goal))
        for _, loss, _ in method.training_losses(batch):
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    images = torch.rand(16, 3, 8, 8, generator=generator)
    for wanted in TARGETS:
        truth = torch.stack([_target(image, wanted) for image in images])
        errors = {
            names: float((method.ask(_asked(names, wanted)).predict(_only(images, names)) - truth).abs().mean())
            for names in (SOURCES, ("t1", "t2"), ("flair",))
        }
        assert errors[SOURCES] < 0.85 * errors["flair",], errors
        assert errors[SOURCES] < errors["t1", "t2"] < errors["flair",], errors


def _asked(names: tuple[str, ...] | list[str], wanted: str) -> torch.Tensor:
    return torch.from_numpy(numbers_of(Query(tuple(names), wanted), SOURCES, TARGETS, each=1))


def _target(image: torch.Tensor, wanted: str) -> torch.Tensor:
    mean = image.mean(0, keepdim=True)
    return mean if wanted == "pd" else 2 * mean


def _only(images: torch.Tensor, names: tuple[str, ...]) -> torch.Tensor:
    return images[:, [SOURCES.index(name) for name in names]]


def test_what_is_about_one_target_is_refused_where_all_are_given_together() -> None:
    options = {"dims": 2, "source_channels": 3, "target_channels": 2, "loss": {"l1": 1.0}, "data_range": 1.0}
    for more in ({"acquisition": True}, {"discriminator": Choice(name="patchgan")}):
        with pytest.raises(UsageError, match="together, with"):
            unified(**options, together=True, **more)  # type: ignore[arg-type]
