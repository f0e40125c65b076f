"""The search space: defaults, and what is refused before anything is read."""

from __future__ import annotations

from typing import Any

import pytest

from voxlate.config.recipe import Recipe, parse_recipe
from voxlate.errors import UsageError
from voxlate.training.tuning.space import _DEFAULT_SPACE, default_space, own_values, resolve_search
from voxlate.verbs import resolve_recipe, searched_with


def recipe(**overrides: Any) -> Recipe:
    """The first paper's recipe with other fields, dots written as double underscores."""
    changes = {name.replace("__", "."): value for name, value in overrides.items()}
    return resolve_recipe("avula2020-t1-to-t2", overrides={"search": {"sampler": "tpe"}, **changes})


def test_a_recipe_that_declares_nothing_gets_the_fields_that_every_method_has() -> None:
    space = resolve_search(recipe()).search.space
    assert space == _DEFAULT_SPACE
    assert set(space) == {"training.batch_size", "training.samples_per_case", "training.learning_rate"}


def test_the_five_of_the_paper_are_searched_where_they_apply() -> None:
    paper = resolve_recipe("genc2022-t2-to-flair", overrides={"search.space": {}})
    assert set(default_space(paper)) == {*_DEFAULT_SPACE, "loss.l1", "loss.lesion_mask"}
    assert set(default_space(resolve_recipe(paper, overrides={"loss.lesion_mask": 0}))) == {*_DEFAULT_SPACE, "loss.l1"}
    with_options = resolve_recipe(paper, overrides={"loss.l1": {"weight": 100.0}})
    assert "loss.l1.weight" in default_space(with_options)
    for name in ("genc2022-t2-to-flair", "genc2022-t1c-to-t1"):
        own = own_values(resolve_search(resolve_recipe(name, overrides={"search.space": {}})))
        assert own is not None, "the paper's best values lie in our ranges"
        assert len(own) == 5


def test_own_values_lie_in_the_space_or_there_are_none() -> None:
    inside = {"training.learning_rate": {"low": 1e-4, "high": 1e-2}, "training.batch_size": {"values": [4, 8]}}
    found = own_values(resolve_search(recipe(search__space=inside)))
    assert found == {"training.learning_rate": 0.001, "training.batch_size": 8}
    outside = {**inside, "training.batch_size": {"values": [1, 2]}}
    assert own_values(resolve_search(recipe(search__space=outside))) is None


@pytest.mark.parametrize(
    ("field", "range_", "words"),
    [
        ("training.lerning_rate", {"values": [1e-3]}, "lerning_rate"),
        ("training.learning_rate", {"low": 0.0, "high": 1.0}, "greater than 0"),
        ("training.batch_size", {"low": 1, "high": 8}, "valid integer"),
        ("training.schedule", {"values": ["cosine", "sinus"]}, "sinus"),
        ("loss.l3", {"low": 1, "high": 2}, "'l3'"),
        ("loss.l1", {"low": -1, "high": 2}, "a weight of at least 0"),
        ("method.network.depht", {"values": [3]}, "depht"),
        ("method.network.name", {"values": ["fcn", "unet", "vnet5"]}, "vnet5"),
        ("method.network", {"values": ["fcn", "unet"]}, "a section with name"),
        ("source", {"values": ["t1"]}, "comparable"),
        ("plan.split.seed", {"values": [1, 2]}, "comparable"),
        ("search.sampler", {"values": ["gp"]}, "comparable"),
        ("training.seed", {"values": [1, 2]}, r"plan\.split\.seed"),
    ],
)
def test_a_field_that_cannot_be_searched_is_refused(field: str, range_: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words) as error:
        resolve_search(recipe(search__space={field: range_}))
    assert "search.space" in str(error.value)


def test_fields_of_every_section_can_be_searched() -> None:
    space = {
        "window.neighbours": {"values": [0, 1]},
        "method.network.name": {"values": ["fcn", "unet"]},
        "loss.l1": {"low": 0, "high": 1},
        "training.batch_size": {"low": 1, "high": 8, "integer": True, "log": True},
        "training.seed": {"values": [1, 2]},
        "plan.crop_margin_mm": {"low": 0, "high": 8},
    }
    assert set(resolve_search(recipe(search__space=space, plan__split__seed=3)).search.space) == set(space)


def test_the_direction_is_that_of_the_metric() -> None:
    assert resolve_search(recipe()).search.direction == "minimise"
    assert resolve_search(recipe(search__metric="lesion_ssim")).search.direction == "maximise"
    with pytest.raises(UsageError, match="maximise for ssim"):
        resolve_search(recipe(search__metric="ssim", search__direction="minimise"))
    with pytest.raises(UsageError, match="validation metric"):
        resolve_search(recipe(search__metric="ssin"))


def test_a_task_metric_needs_a_task_and_the_ceiling_is_no_metric() -> None:
    for metric in ("task_dice", "task_dice_real"):
        with pytest.raises(UsageError, match=r"search\.task"):
            resolve_search(recipe(search__metric=metric))
    assert resolve_search(recipe(search__metric="task_dice", search__task="seg")).search.direction == "maximise"


def test_a_list_can_be_one_of_the_values() -> None:
    """Depth and widths of a network, in YAML and on the command line."""
    field = "method.network.widths"
    grid = searched_with(sampler=None, grid=[f"{field}=[8, 16],[8, 16, 32],[32, 64, 128, 256]", "loss=l1,ssim+l1"])
    declared = recipe(search__space={field: {"values": [[8, 16], [8, 16, 32], [32, 64, 128, 256]]}}).search.space
    own = recipe(search__space={field: declared[field]}, method__network__widths=[32, 64, 128, 256])
    assert grid["search.space"][field] == {"values": [[8, 16], [8, 16, 32], [32, 64, 128, 256]]}
    assert declared[field].values == ("[8, 16]", "[8, 16, 32]", "[32, 64, 128, 256]")
    assert own_values(resolve_search(own)) == {field: "[32, 64, 128, 256]"}
    assert recipe().with_overrides({field: "[8, 16]"}).value_of(field) == [8, 16]
    with pytest.raises(UsageError, match="valid recipe"):
        resolve_search(recipe(search__space={field: {"values": [[8], [8, 16]]}}))


def test_a_loss_in_its_short_form_keeps_the_options_that_the_recipe_gives_it() -> None:
    found = resolve_recipe("kathane2022-dilated").with_overrides({"loss": "bce+focal"})
    assert found.loss == {"bce": 1.0, "focal": {"weight": 1.0, "alpha": None}}
    assert (own_values(resolve_search(resolve_recipe("kathane2022-dilated"))) or {})["loss"] == "focal"


def test_a_grid_of_intervals_is_refused() -> None:
    with pytest.raises(UsageError, match="a list of values for a grid"):
        resolve_search(recipe(search__sampler="grid"))


@pytest.mark.parametrize(
    ("range_", "words"),
    [
        ({"values": []}, "at least 1"),
        ({"values": [1, 1]}, "must differ"),
        ({"values": [1, 2], "log": True}, "not both"),
        ({"low": 1.0}, "both low and high"),
        ({"low": 2.0, "high": 1.0}, "below high"),
        ({"low": 0.0, "high": 1.0, "log": True}, "above 0"),
        ({"low": 0.5, "high": 2, "integer": True}, "whole numbers"),
    ],
)
def test_a_range_that_contradicts_itself_is_refused(range_: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        recipe(search__space={"training.learning_rate": range_})


def test_numbers_that_yaml_reads_as_text_are_numbers() -> None:
    values = {**recipe().model_dump(mode="json"), "search": {"space": {"training.learning_rate": {"values": ["1e-3"]}}}}
    assert parse_recipe(values, where="test").search.space["training.learning_rate"].values == (0.001,)
