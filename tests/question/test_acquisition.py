"""Acquisitions: read from headers and tables, told as numbers, and counted where a model is told of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from voxlate.config.recipe import Recipe, parse_recipe
from voxlate.errors import UsageError
from voxlate.inference.predict import Predictor
from voxlate.methods.build import rehearse_learner
from voxlate.question import Query, numbers_of
from voxlate.question.acquisition import COUNT, acquisition_numbers, check_acquisition, read_acquisition
from voxlate.training.loop.asking import asking

AGENT = "ContrastBolusIngredient"


def test_header_tells_and_the_table_of_the_data_set_goes_before_it(tmp_path: Path) -> None:
    path = tmp_path / "scan.json"
    path.write_text(json.dumps({"EchoTime": 0.09, "FlipAngle": "9", AGENT: "Gadobutrol", "Manufacturer": "x"}))
    assert read_acquisition(path, {}, contrast="t1") == {"EchoTime": 0.09, "FlipAngle": 9.0, AGENT: 1.0}
    told = read_acquisition(
        path, {"t1_EchoTime": "0.1", "t2_FlipAngle": "90", "t1_MagneticFieldStrength": "n/a"}, contrast="t1"
    )
    assert told == {"EchoTime": 0.1, "FlipAngle": 9.0, AGENT: 1.0}


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"EchoTime": null, "FlipAngle": -1, "ContrastBolusIngredient": ""}'])
def test_what_a_header_does_not_say_is_unknown(tmp_path: Path, text: str) -> None:
    path = tmp_path / "scan.json"
    path.write_text(text)
    assert read_acquisition(path, {}, contrast="t1") in ({}, {AGENT: 0.0})
    assert read_acquisition(tmp_path / "none.json", {}, contrast="t1") == {}


def test_table_of_the_data_set_tells_what_no_header_does(tmp_path: Path) -> None:
    folder = tmp_path / "case-1"
    folder.mkdir()
    (tmp_path / "acquisitions.tsv").write_text(
        "participant_id\tcontrast\tEchoTime\tFlipAngle\tContrastBolusIngredient\n"
        "case-1\tt1\t0.003\tn/a\tn/a\n"
        "case-1\tt1c\t0.003\t9\tGADOLINIUM\n"
    )
    assert read_acquisition(folder / "x.json", {}, contrast="t1", case="case-1") == {"EchoTime": 0.003, AGENT: 0.0}
    (folder / "x.json").write_text('{"EchoTime": 0.004}')
    found = read_acquisition(folder / "x.json", {}, contrast="t1c", case="case-1")
    assert found == {"EchoTime": 0.004, "FlipAngle": 9.0, AGENT: 1.0}
    assert read_acquisition(tmp_path / "case-1" / "y.json", {}, contrast="t1", case="case-2") == {}


def test_numbers_say_what_is_known_and_are_of_the_order_of_one() -> None:
    assert acquisition_numbers(None).tolist() == [0.0] * COUNT
    numbers = acquisition_numbers({"RepetitionTime": 1.0, "EchoTime": 0.12, "MagneticFieldStrength": 1.5, AGENT: 0})
    assert numbers[1::2].tolist() == [1, 1, 0, 0, 1, 1]
    assert np.allclose(numbers[::2], [0, np.log(4), 0, 0, 0.5, 0], atol=1e-6)
    assert np.abs(acquisition_numbers({"RepetitionTime": 0.0})).max() < 10


def test_acquisition_that_nobody_can_mean_is_refused() -> None:
    with pytest.raises(UsageError, match="EchoTime"):
        check_acquisition({"TE": 90})
    with pytest.raises(UsageError, match="EchoTime"):
        check_acquisition({"EchoTime": -1})


def test_question_tells_the_acquisitions_of_its_sources_and_of_what_is_wanted() -> None:
    acquired = {"t1": {"FlipAngle": 9.0}, "t2": {"EchoTime": 0.03}, "flair": {"FlipAngle": 90.0}}
    numbers = numbers_of(Query(("t2",), "flair"), ["t1", "t2"], ["flair"], each=1, acquired=acquired)
    absent, source, wanted = np.split(numbers[3:], 3)
    assert not absent.any(), "of a source that is not there nothing is told"
    assert source.tolist() == acquisition_numbers(acquired["t2"]).tolist()
    assert wanted.tolist() == acquisition_numbers(acquired["flair"]).tolist()


def recipe() -> Recipe:
    method = {"name": "unified", "acquisition": True, "network": {"name": "unet", "channels": [4, 8]}}
    values = {"name": "x", "source": ["t1", "t2"], "target": "any", "method": method, "loss": {"l1": 1.0}}
    return parse_recipe({**values, "training": {"steps": 1}}, where="test")


def test_answer_follows_the_acquisition_that_is_wanted() -> None:
    torch.manual_seed(0)
    method = rehearse_learner(recipe())
    assert method.learns == "steps"
    [translator] = method.parts.values()
    predict = Predictor(translator, recipe().window, torch.device("cpu"))
    question, volume = Query(("t1",), "t2"), np.random.default_rng(0).random((8, 8, 8), dtype=np.float32)
    answers = [
        predict.asked(question, recipe(), {"t2": {"EchoTime": echo}})([volume], volume > -1) for echo in (0.03, 0.12)
    ]
    unknown = predict.asked(question, recipe())([volume], volume > -1)
    assert not np.allclose(*answers)
    assert not np.allclose(answers[0], unknown)
    again = predict.asked(question, recipe()).asked(question, recipe(), {"t2": {"EchoTime": 0.03}})
    assert np.array_equal(again([volume], volume > -1), answers[0])


def test_samples_are_sometimes_told_nothing_of_what_is_known() -> None:
    rng = np.random.default_rng(0)
    drawn = asking(
        ("t1", "t2"), ("t2",), [("t1", "t2")], acquired={"a": {"t1": {"FlipAngle": 9.0}, "t2": {"EchoTime": 0.1}}}
    )
    rows = [drawn.numbers(Query(("t1",), "t2"), "a", rng, each=1) for _ in range(300)]
    known = np.mean([row[3 + 7] for row in rows])
    assert 0.7 < known < 0.9
    plain = replace(drawn, acquired=None).numbers(Query(("t1",), "t2"), "a", rng, each=1)
    assert len(plain) == 3
