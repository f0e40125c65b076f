from __future__ import annotations

import pytest

from voxlate.config.builtin import BUILT_IN
from voxlate.config.recipe import load_recipe
from voxlate.errors import UsageError
from voxlate.web.teaching.form import form_of


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_field_of_every_recipe_has_its_words_and_a_value_that_changes_nothing(name: str) -> None:
    form, recipe = form_of(name), load_recipe(name)
    names = [field.field for field in form.fields]
    assert len(set(names)) == len(names)
    for field in form.fields:
        assert field.words, field.field
        assert field.kind != "choice" or field.choices, field.field
        assert field.kind == "choice" or not field.choices, field.field
    values = {field.field: field.value for field in form.fields if not field.settled}
    assert recipe.with_overrides(values) == recipe
    assert {"training.seed", "training.learning_rate", "window.kind"} <= {f.field for f in form.fields if f.main}


def test_no_field_takes_a_path() -> None:
    names = {field.field for name in BUILT_IN for field in form_of(name).fields}
    assert not names & {"training.start", "plan.patterns", "method.features"}
    assert "training.augmentation.flip" in names


def test_bounds_choices_and_what_the_data_decide_are_told() -> None:
    fields = {field.field: field for field in form_of("translate-default").fields}
    batch, kind, clip = (fields[f"{name}"] for name in ("training.batch_size", "window.kind", "training.gradient_clip"))
    assert (batch.kind, batch.minimum, batch.settled) == ("integer", 1, True)
    assert (kind.kind, kind.choices) == ("choice", ["slices", "patches", "volume", "auto"])
    assert (clip.kind, clip.empty, clip.settled) == ("number", True, False)
    assert fields["training.schedule"].kind == "choice"
    assert fields["method.network.channels"].kind == "json"
    with pytest.raises(UsageError, match="built-in recipe"):
        form_of("no-such-recipe")
