"""What the target does not show is not learned: no sample without it, no gradient there, no score."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.preprocess.samples import head, painted
from voxlate.config.recipe import Recipe, load_recipe
from voxlate.losses import LOSSES, segmenting
from voxlate.methods.adversarial import adversarial
from voxlate.methods.interface import Batch, Trainable
from voxlate.methods.regression import regression
from voxlate.preprocess.intensity import OUTSIDE, Scaling
from voxlate.preprocess.masking import MaskRule
from voxlate.preprocess.plan import Normaliser, Plan
from voxlate.preprocess.prepare import PreparedCase
from voxlate.training.loop.batches import training_samples
from voxlate.training.loop.validation import validate
from voxlate.training.setup.exemplars import choose_exemplars
from voxlate.volume import Grid

SHAPE = (20, 22, 18)
LABELS = head(SHAPE)
MASK = LABELS > 0
SOURCE = painted(LABELS, (0.0, 0.9, 0.6, 0.3), noise=0.02)
CT = painted(LABELS, (-1.0, 0.9, 0.04, 0.02), noise=0.01, seed=2)
K = np.indices(SHAPE)[2]
VALID = (K > 9) & (K != 12)


@dataclass
class Cases:
    """A store of cases in memory."""

    plan: Plan
    cases: dict[str, PreparedCase]

    def __getitem__(self, case_id: str) -> PreparedCase:
        return self.cases[case_id]


def case_of(name: str, *, valid: NDArray[Any] | None) -> PreparedCase:
    target = CT if valid is None else np.where(valid, CT, np.float32(-1.024))
    grid = Grid(SHAPE, np.diag([4.0, 4.0, 4.0, 1.0]))
    return PreparedCase(
        case_id=name,
        arrays={"t1": SOURCE, "ct": target.astype(np.float32), "labels": LABELS.astype(np.float32)},
        mask=MASK,
        grid=grid,
        source_grid=grid,
        trailing_axes=0,
        scalings={},
        notes=(),
        valid={} if valid is None else {"ct": valid},
    )


@pytest.fixture
def store() -> Cases:
    plan = Plan(
        reference="t1",
        mask=MaskRule(kind="otsu", contrast="t1"),
        normalisers={
            "t1": Normaliser(kind="percentile"),
            "ct": Normaliser(kind="hounsfield", inverse=Scaling(scale=1000.0), data_range=4.095),
        },
        source=("t1",),
        target="ct",
    )
    return Cases(plan, {"part": case_of("part", valid=VALID), "full": case_of("full", valid=None)})


def recipe(**changes: Any) -> Recipe:
    changes = {
        "source": ["t1"],
        "target": "ct",
        "training.batch_size": 4,
        "training.augmentation": {"flip": 0},
        **changes,
    }
    return load_recipe("avula2020-t1-to-t2").with_overrides(changes)


def test_every_sample_holds_what_its_target_shows(store: Cases) -> None:
    """Slices below the field of view, and the one that is missing in the middle of it, are never drawn."""
    samples = training_samples(store, ["part"], recipe(), divisor=1)
    assert samples.partial
    for step in range(25):
        batch = samples[step]
        assert batch.hidden is not None
        assert (batch.mask.flatten(1).sum(1) > 0).all()
        assert not (batch.mask * batch.hidden).any()
        assert not batch.hidden.flatten(1).all(1).any()
        # The source is seen as it is in use: not filled where only the target shows nothing.
        assert (batch.source[batch.mask != 0] != OUTSIDE).all()


def test_samples_of_a_slab_and_their_hidden_part_move_together(store: Cases) -> None:
    window = {"kind": "patches", "size": [12, 12, 12]}
    moved = {"training.augmentation": {"flip": 1}}
    samples = training_samples(store, ["part"], recipe(window=window, **moved), divisor=1)
    seen = 0
    for step in range(8):
        batch = samples[step]
        assert batch.hidden is not None
        hidden = batch.hidden != 0
        assert (batch.target[hidden] == np.float32(-1.024)).all()
        seen += int(hidden.sum())
    assert seen


def test_lesions_that_the_target_does_not_show_place_no_sample(store: Cases) -> None:
    window = {"kind": "patches", "size": [1, 1, 1]}
    samples = training_samples(store, ["part"], recipe(window=window, **{"training.label_share": 1.0}), divisor=1)
    for voxels in samples.labels["part"].places:
        assert VALID[tuple(voxels.T)].all()


def test_a_cohort_that_shows_all_is_cut_as_ever(store: Cases) -> None:
    whole = training_samples(store, ["full"], recipe(), divisor=1)
    assert not whole.partial
    batch = whole[0]
    assert batch.hidden is None
    both = training_samples(store, ["part", "full"], recipe(), divisor=1)
    assert both.partial
    assert both[0].hidden is not None


def test_a_sample_teaches_every_target_that_its_case_has_besides_the_sources(store: Cases) -> None:
    """Each target is a channel; what is a source, not there or not shown teaches nothing."""
    case, several = store.cases["part"], ["t1", "t2", "ct"]
    store.cases["part"] = replace(case, arrays={**case.arrays, "t2": 1 - SOURCE})
    asked = recipe(source=several, **{"target": "any", "method.name": "unified", "loss": {"l1": 1.0}})
    samples = training_samples(store, ["part"], asked, divisor=1, together=True)
    taught = set()
    for step in range(12):
        batch = samples[step]
        assert batch.hidden is not None
        numbers = batch.source[:, 3:].flatten(2)[..., 0]
        for sample in range(len(batch.source)):
            known = numbers[sample, :3] > 0
            shown = batch.mask[sample].flatten(1).any(1)
            assert not (known & shown).any(), "a source teaches nothing"
            assert (known | shown)[:2].all(), "all that is no source does; the CT ends somewhere"
            assert (batch.hidden[sample][known] == 1).all()
            taught.add(tuple(shown.tolist()))
        assert not (batch.mask * batch.hidden).any()
    assert len(taught) > 3, "one, or two at once"


def test_exemplars_count_only_what_is_shown(store: Cases) -> None:
    samples = training_samples(store, ["part"], recipe(window={"kind": "slices"}), divisor=1)
    exemplars = choose_exemplars(samples, count=3)
    assert ((exemplars.target != np.float32(-1.024)) | (exemplars.mask == 0)).all()


def _batch() -> Batch:
    """Two samples, one half of each hidden; what the target says there is far from any prediction."""
    generator = torch.Generator().manual_seed(0)
    source, target = (torch.rand(2, 1, 24, 24, generator=generator) for _ in range(2))
    hidden = torch.zeros(2, 1, 24, 24)
    hidden[..., 12:] = 1
    mask = torch.ones(2, 1, 24, 24)
    mask[..., :2, :] = 0
    labels = (torch.rand(2, 1, 24, 24, generator=generator) > 0.5).float()
    target = torch.where(hidden != 0, torch.tensor(-1.024), target)
    return Batch(source=source, target=target, mask=mask * (1 - hidden), labels=labels, hidden=hidden)


@pytest.mark.parametrize("name", sorted(set(LOSSES) - segmenting() - {"features"}))
def test_no_loss_has_a_gradient_where_the_target_shows_nothing(name: str) -> None:
    batch = _batch()
    prediction = batch.source.clone().requires_grad_()
    LOSSES[name](dims=2, data_range=4.095)(
        batch.seen(prediction), batch.target, batch.mask, labels=batch.labels
    ).backward()
    assert prediction.grad is not None
    assert batch.hidden is not None
    assert (prediction.grad[batch.hidden != 0] == 0).all()
    assert prediction.grad.abs().sum() > 0


@pytest.mark.parametrize("name", sorted(segmenting()))
def test_no_loss_of_a_segmentation_has_a_gradient_there(name: str) -> None:
    batch = _batch()
    logits = batch.source.clone().requires_grad_()
    LOSSES[name](dims=2, data_range=1.0)(logits, (batch.target > 0.5).float(), batch.mask).backward()
    assert logits.grad is not None
    assert batch.hidden is not None
    assert (logits.grad[batch.hidden != 0] == 0).all()


def _losses(method: Trainable, batch: Batch) -> list[float]:
    method.optimisers(recipe().training)
    torch.manual_seed(0)
    return [float(loss.detach()) for _, loss, _ in method.training_losses(batch)]


@pytest.mark.parametrize("build", [regression, adversarial])
def test_what_stands_in_a_hidden_target_changes_no_loss(build: Any) -> None:
    """The whole step of a network and of the game, whose judge sees both images alike there."""
    batch = _batch()
    assert batch.hidden is not None
    options: dict[str, Any] = {"dims": 2, "source_channels": 1, "target_channels": 1, "data_range": 4.095}
    found = []
    for value in (-1.024, 0.0):
        torch.manual_seed(0)
        changed = replace(batch, target=torch.where(batch.hidden != 0, torch.tensor(value), batch.target))
        found.append(_losses(build(loss={"l1": 1.0}, **options), changed))
    assert found[0] == pytest.approx(found[1], abs=1e-7)


def test_validation_scores_what_is_shown(store: Cases) -> None:
    """A prediction that is right there and 3000 HU off elsewhere is perfect, also where windows would reach over."""

    class Right:
        def __call__(self, sources: Any, mask: Any) -> NDArray[np.float32]:
            return np.where(VALID, CT, np.float32(2))[None]

    found = validate(Right(), store, ["part"], data_range=4.095).metrics  # type: ignore[arg-type]
    assert found["mae"] == 0
    assert found["lesion_mae"] == 0
    assert found["ssim"] == pytest.approx(1)


def test_similarity_is_read_where_its_windows_see_only_what_is_shown(store: Cases) -> None:
    """Beside the cut both images are filled alike, which would flatter what is there."""
    deep = replace(case_of("part", valid=K > 4), mask=np.ones(SHAPE, np.bool_))
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.3, SHAPE).astype(np.float32)

    class Noisy:
        def __call__(self, sources: Any, mask: Any) -> NDArray[np.float32]:
            return (CT + noise)[None]

    partly = validate(Noisy(), Cases(store.plan, {"part": deep}), ["part"], data_range=4.095)  # type: ignore[arg-type]
    whole = replace(case_of("full", valid=None), mask=K > 9)
    fully = validate(Noisy(), Cases(store.plan, {"full": whole}), ["full"], data_range=4.095)  # type: ignore[arg-type]
    assert partly.metrics["ssim"] == pytest.approx(fully.metrics["ssim"], abs=0.1)
