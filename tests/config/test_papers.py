"""The recipes' values against their papers', and the page that sets them beside each other."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
import typer

from tests.examples import DOCS
from voxlate.cli import app
from voxlate.config.builtin import ALIASES, recipe_names
from voxlate.config.recipe import load_recipe
from voxlate.derivation import DIXON as DIXON_PAIR

ALIASES_OF = {name: alias for alias, name in ALIASES.items()}
PAGE = (DOCS / "understand" / "papers.md").read_text(encoding="utf-8")
GENC = {
    "plan.split.stratify": ["subtype", "grade", "enhancement"],
    "window.axis": 2,
    "method.name": "adversarial",
    "method.network.name": "resnet",
    "method.discriminator.name": "patchgan",
    "training.steps": 5000,
    "training.batch_size": 2,
    "training.monitor": "ssim",
    "search.metric": "ssim",
    "search.sampler": "gp",
}
T1, FLAIR = (
    {"training.learning_rate": 0.000149, "training.samples_per_case": 4, "loss.l1": 90.24},
    {
        "training.learning_rate": 0.0000487,
        "training.samples_per_case": 2,
        "loss.l1": 118.74,
    },
)
KATHANE = {
    "plan.resize": [None, None, 96],
    "plan.split.fractions": [0.803, 0.0985, 0.0985],
    "window.size": [144, 144, 96],
    "loss.focal": {"weight": 1.0, "alpha": None},
    "training.epochs": 5,
    "training.epoch_samples": 220,
    "training.batch_size": 1,
    "training.learning_rate": 0.0001,
    "training.monitor": "f1",
    "training.augmentation.flip": 0.0,
}
DIXON = {
    "source": ["in_phase", "out_phase", "fat", "water"],
    "target": "ct",
    "training.augmentation.elastic_sd_voxels": 10,
    "training.augmentation.elastic_points": 3,
}
PAPERS: dict[str, dict[str, Any]] = {
    "t1-to-t2-fcn": {
        "source": ["t1"],
        "target": "t2",
        "window.axis": 2,
        "method.network.name": "fcn",
        "training.epochs": 500,
        "training.epoch_samples": 1000,
    },
    "t1c-to-t1-gan-lesions": {**GENC, **T1, "loss.lesion_mask": 124.85},
    "t1c-to-t1-gan": {**GENC, **T1, "loss.lesion_mask": 0},
    "t2-to-flair-gan-lesions": {**GENC, **FLAIR, "loss.lesion_mask": 151.04},
    "t2-to-flair-gan": {**GENC, **FLAIR, "loss.lesion_mask": 0},
    "dixon-to-ct-unet-2d": {**DIXON, "window.axis": 2, "loss.l1": 1, "method.network.name": "unet"},
    "dixon-to-ct-unet-25d": {**DIXON, "window.axis": [2, 0, 1], "loss.l1": 1, "method.network.name": "unet"},
    "dixon-to-ct-unet-3d": {**DIXON, "window.kind": "auto", "loss.l1": 1, "method.network.name": "unet"},
    "dixon-to-ct-vnet-3d": {**DIXON, "window.kind": "auto", "loss.l1": 1, "method.network.name": "vnet"},
    "dixon-to-ct-multi-view": {
        **DIXON,
        "window.axis": [2, 0, 1],
        "loss.pooled.of": "dead_zone_huber",
        "loss.pooled.kernel": 2,
    },
    "mr-to-ct-style-transfer": {
        "method.layers.content": "block2_conv2",
        "method.features.kind": "trained",
        "method.optimiser": "lbfgs",
    },
    "mr-to-ct-image-analogy": {"method.patch": 5, "method.coarse_patch": 3, "method.remap": True},
    "segment-dilated-3d": {**KATHANE, "source": ["flair"], "method.network.name": "dilated_unet3d"},
    "segment-residual-3d": {**KATHANE, "source": ["t1c"], "method.network.name": "residual_unet3d"},
    "segment-simple-3d": {
        "plan.resize": [None, None, 96],
        "window.size": [96, 96, 96],
        "loss": {"bce": 1.0},
        "training.epochs": 100,
        "training.batch_size": 8,
        "training.learning_rate": 0.000001,
    },
    "labels-to-ct-gan": {
        "conditions.encoding": "ordinal",
        "plan.resize": [256, 256, None],
        "method.network.levels": 7,
        "method.network.normalise": "batch",
        "method.network.smooth": True,
        "method.network.upsample": "transposed",
        "method.network.up_slope": 0.2,
        "method.network.dropout": 0,
        "method.discriminator.normalise": "batch",
        "source": ["labels"],
        "target": "ct",
        "method.discriminator.layers": 3,
        "method.discriminator.last_stride": 2,
        "method.objective": "least_squares",
        "method.beta1": 0.5,
        "loss.l1": 100,
        "training.steps": 100000,
        "training.batch_size": 8,
        "training.learning_rate": 0.00013,
        "training.augmentation.flip": 0,
        "training.keep": "last",
    },
}


CITED: dict[str, dict[str, Any]] = {
    # of the U-Net's paper, which the slides show
    "segment-overlap-tiles": {
        "window.margin": (572 - 388) // 2,
        "window.padding": "mirror",
        "method.network.channels": [64, 128, 256, 512, 1024],
        "loss.border_softmax.w0": 10,
        "loss.border_softmax.sigma_voxels": 5,
        "training.batch_size": 1,
        "training.optimiser": "sgd",
    },
}
VALUES = {**PAPERS, **CITED}


@pytest.mark.parametrize(("name", "field"), [(name, field) for name, values in VALUES.items() for field in values])
def test_values_are_the_papers(name: str, field: str) -> None:
    assert load_recipe(name).value_of(field) == VALUES[name][field]


@pytest.mark.parametrize("name", [name for name in PAPERS if name.startswith("dixon-")])
def test_fat_and_water_are_the_slides_halved(name: str) -> None:
    derive = load_recipe(name).plan.derive
    assert {one: derive[one].formula() for one in derive} == {
        "fat": "0.5 (in_phase - out_phase)",
        "water": "0.5 (in_phase + out_phase)",
    }
    assert all(DIXON_PAIR[one] == derivation for one, derivation in derive.items())


def test_every_recipe_of_a_paper_is_held_against_it() -> None:
    after_papers = {name for name in recipe_names() if name in ALIASES_OF}
    assert after_papers <= set(PAPERS), "of each of them some values are the paper's"


@pytest.mark.parametrize(
    ("name", "cases"),
    [
        ("t2-to-flair-gan-lesions", (265, 67, 84)),
        ("segment-dilated-3d", (220, 27, 27)),
        ("segment-simple-3d", (176, 44, 54)),
    ],
)
def test_splits_are_the_papers(name: str, cases: tuple[int, ...]) -> None:
    fractions = load_recipe(name).plan.split.fractions
    assert tuple(round(sum(cases) * share) for share in fractions) == cases


def test_the_discriminator_learns_at_the_rate_of_the_papers_code() -> None:
    recipe = load_recipe("labels-to-ct-gan")
    rate = recipe.training.learning_rate * recipe.method.options["discriminator_rate"]
    assert rate == pytest.approx(0.00015, rel=1e-4)


def test_a_search_tries_what_the_papers_varied() -> None:
    space = load_recipe("segment-dilated-3d").search.space
    assert space["source"].values == ("flair", "t1c", "t1", "t2")
    assert space["training.batch_size"].values == (1, 2, 3, 4)
    assert space["window.size"].values == ("96x96x96", "144x144x96")
    assert len(load_recipe("t1c-to-t1-gan-lesions").search.space) == 5
    assert len(load_recipe("t1-to-t2-fcn").search.space["training.learning_rate"].values or ()) == 5


def test_every_command_of_the_page_can_be_typed() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    found = re.findall(r"`(voxlate [^`]+)`", PAGE)
    typed = [call for call in found if len(call.split()) > 2]
    assert len(typed) > 25
    for call in typed:
        _, name, *arguments = shlex.split(call)
        with commands[name].make_context(name, arguments) as context:
            recipes = context.params.get("recipe") or context.params.get("recipes") or ()
        named = [recipes] if isinstance(recipes, str) else recipes
        assert all("*" in one or one in recipe_names() for one in named), call


def test_every_recipe_of_a_paper_stands_in_the_page() -> None:
    assert all(name in PAGE for name in PAPERS)
    assert {family(name) for name in ALIASES} == {family(ALIASES_OF[name]) for name in PAPERS}


def family(alias: str) -> str:
    """The paper that an earlier name begins with."""
    return alias.partition("-")[0]
