"""The contract of every shape model in the catalogue."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save
from scipy.ndimage import center_of_mass

from tests.shapes.maps import INNER, OUTER, SHAPE, dice, ellipsoids, population
from voxlate.config.choice import Choice
from voxlate.errors import BundleError, CohortError, UsageError
from voxlate.shapes import SHAPES, ShapeFamily, ShapeModel, shape_family
from voxlate.shapes.placement import place
from voxlate.volume import Volume

SMALL: dict[str, dict[str, Any]] = {
    "statistical": {"points": 24},
    "variational": {"points": 16, "steps": 150, "latent": 4, "width": 8},
}
every_family = pytest.mark.parametrize("name", list(SHAPES))


def family(name: str) -> ShapeFamily:
    return shape_family(Choice.model_validate({"name": name, **SMALL.get(name, {})}))


@pytest.fixture(scope="module")
def fitted() -> dict[str, ShapeModel]:
    return {name: family(name).fit(population(8)) for name in SHAPES}


def draw(model: ShapeModel, seed: int) -> Volume:
    return model.sample(np.random.default_rng(seed))


@every_family
def test_the_same_state_of_chance_draws_the_same_map_and_another_one_another(
    fitted: dict[str, ShapeModel], name: str
) -> None:
    one, again, other = draw(fitted[name], 1), draw(fitted[name], 1), draw(fitted[name], 2)
    np.testing.assert_array_equal(one.array, again.array)
    np.testing.assert_array_equal(one.affine, again.affine)
    assert one.shape != other.shape or (one.array != other.array).any()


@every_family
def test_a_drawn_map_is_of_the_labels_and_on_a_grid_of_the_training_maps(
    fitted: dict[str, ShapeModel], name: str
) -> None:
    for seed in range(5):
        drawn = draw(fitted[name], seed)
        assert drawn.contrast is not None
        assert drawn.contrast.name == "labels"
        assert drawn.shape == SHAPE
        np.testing.assert_allclose(drawn.spacing_mm, (1.5, 1.5, 2.0))
        assert set(np.unique(drawn.array)) <= {0, INNER, OUTER}
        assert drawn.array.any()


@pytest.mark.parametrize("name", [name for name in SHAPES if name != "variational"])  # that one needs minutes for it
def test_drawn_sizes_are_about_those_of_the_population(fitted: dict[str, ShapeModel], name: str) -> None:
    real = [(one.array > 0).sum() for one in population(8)]
    drawn = [(draw(fitted[name], seed).array > 0).sum() for seed in range(12)]
    assert 0.5 * min(real) < min(drawn)
    assert max(drawn) < 2 * max(real)
    assert len(set(drawn)) > 6


@pytest.mark.parametrize("name", [name for name in SHAPES if name != "variational"])
def test_the_world_begins_in_the_middle_of_what_is_labelled(fitted: dict[str, ShapeModel], name: str) -> None:
    drawn = draw(fitted[name], 3)
    middle = drawn.affine @ [*center_of_mass(drawn.array > 0), 1.0]
    assert np.abs(middle[:3]).max() < 4.0


@every_family
def test_a_model_survives_its_file_to_the_last_bit(fitted: dict[str, ShapeModel], name: str) -> None:
    model = fitted[name]
    again = family(name).from_state(load(save(model.state())))
    np.testing.assert_array_equal(draw(again, 4).array, draw(model, 4).array)
    assert {key: array.tolist() for key, array in again.state().items()} == {
        key: array.tolist() for key, array in model.state().items()
    }


@every_family
def test_fitting_twice_gives_the_same_model(fitted: dict[str, ShapeModel], name: str) -> None:
    again = family(name).fit(population(8))
    for key, array in again.state().items():
        np.testing.assert_array_equal(array, fitted[name].state()[key], err_msg=key)


@every_family
def test_what_comes_closest_resembles_a_held_out_map(fitted: dict[str, ShapeModel], name: str) -> None:
    held_out = ellipsoids((18, 16, 19), shift_mm=2)
    found = fitted[name].closest(held_out)
    assert found.shape == held_out.shape
    assert dice(found, held_out, OUTER) > 0.75
    assert dice(found, held_out, INNER) > 0.6


@every_family
def test_hostile_arrays_are_refused(fitted: dict[str, ShapeModel], name: str) -> None:
    state = fitted[name].state()
    huge = np.array([[2000, 2000, 2000]] * len(state["places.shape"]), dtype=np.int32)
    for key, array in {
        "frame.shape": np.array([10**9] * 3),
        "frame.labels": np.array([0, 7, 7], dtype=np.int32),
        "frame.spacing_mm": np.array([np.nan]),
        "places.shape": huge,
        "places.centre": state["places.centre"].astype(np.int32),
        "more": np.zeros(3),
    }.items():
        with pytest.raises(BundleError, match=r"shapes\.safetensors"):
            family(name).from_state({**state, key: array})
    for key, array in state.items():
        with pytest.raises(BundleError):
            family(name).from_state({other: one for other, one in state.items() if other != key})
        with pytest.raises(BundleError):
            family(name).from_state({**state, key: array[None]})


@every_family
def test_too_few_or_empty_maps_are_refused(name: str) -> None:
    maps = population(2)
    with pytest.raises(CohortError, match="two"):
        family(name).fit(maps[:1])
    with pytest.raises(CohortError, match="background"):
        family(name).fit([maps[0], maps[1].with_array(np.zeros(SHAPE, dtype=np.uint8))])


def test_unknown_names_and_options_are_refused() -> None:
    with pytest.raises(UsageError, match="statistical"):
        shape_family(Choice(name="spherical"))
    with pytest.raises(UsageError, match="sigma"):
        shape_family(Choice.model_validate({"name": "statistical", "sigma": 2}))


def test_the_axes_of_a_file_make_no_difference() -> None:
    """A map stored in other axes lies in the same place of the body."""
    maps = population(3)
    flipped = []
    for one in maps:
        turned = one.affine @ np.array([[0, -1, 0, SHAPE[0] - 1], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
        flipped.append(Volume(one.array[::-1].transpose(1, 0, 2), turned, one.contrast))
    one, other = (draw(family("statistical").fit(these), 5) for these in (maps, flipped))
    np.testing.assert_array_equal(one.array, other.array)
    assert place(maps[0]) == place(flipped[0])
