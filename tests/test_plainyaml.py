"""Plain YAML: what a user may have written, and what is refused with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from voxlate.config.plan import SplitOptions
from voxlate.config.recipe import load_recipe, parse_recipe
from voxlate.errors import UsageError
from voxlate.plainyaml import listed, parse_yaml, read_yaml


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("training: {steps: 1}\nname: a\ntraining: {steps: 2}\n", "'training' twice, in lines 1 and 3"),
        ("loss:\n  l1: 1\n  l1: 2\n", "'l1' twice, in lines 2 and 3"),
        ("{a: 1, a: 1}", "'a' twice"),
        ("a:\n- {b: 1}\n- {b: 1, 'b': 2}\n", "'b' twice"),
        ("day: 2020-13-45", "month"),
        ("[" * 5000, "recursion"),
        ("a: &x 1\nb: *x\n", "aliases"),
    ],
)
def test_what_is_no_plain_yaml_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse_yaml(text, where="recipe.yaml")


def test_the_same_key_in_two_places_is_none_twice() -> None:
    assert parse_yaml("a: {b: 1}\nc: {b: 1}\n", where="x") == {"a": {"b": 1}, "c": {"b": 1}}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("# one\n# K\xf6pfe\n".encode("latin-1"), "the byte 0xf6 in line 2"),
        ("name: a\n".encode("utf-16"), "UTF-16"),
        (bytes(range(256)), "YAML"),
        (b"\x80\x02}q", "0x80"),
    ],
)
def test_a_file_in_another_encoding_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=said) as caught:
        load_recipe(path)
    assert caught.value.where == str(path)


def test_a_byte_order_mark_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_bytes("name: \xe4\n".encode("utf-8-sig"))
    assert read_yaml(path) == {"name": "\xe4"}


def test_a_folder_is_no_yaml_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_yaml(tmp_path)


def test_one_item_stands_for_a_list_of_one() -> None:
    assert (listed("t1"), listed(["t1", "t2"]), listed(Path("a"))) == (("t1",), ("t1", "t2"), (Path("a"),))
    assert SplitOptions.model_validate({"train": "sub-01"}).train == ("sub-01",)


@pytest.mark.parametrize(
    ("text", "value"),
    [("010", 10), ("1:30", "1:30"), ("yes", "yes"), ("off", "off"), ("0x1F", 31), ("-.5", -0.5), ("true", True)],
)
def test_numbers_and_truths_are_those_of_yaml_1_2(text: str, value: object) -> None:
    assert parse_yaml(text, where="here") == value


def test_a_truth_is_no_number() -> None:
    recipe = load_recipe("t1-to-t2-fcn").model_dump(mode="json")
    with pytest.raises(UsageError, match="batch_size: expected a number, got true"):
        parse_recipe({**recipe, "training": {**recipe["training"], "batch_size": True}}, where="here")
