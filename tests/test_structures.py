"""Labels to CT on the thorax phantom: a myocardium that is 20 HU too bright is found and told, and none is a lesion."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import voxlate
from voxlate.cohort import index_cohort
from voxlate.contrast import get_contrast
from voxlate.io import FileRecord, Provenance, read_volume, write_volume
from voxlate.phantoms import PhantomOptions, make_cohort

MYOCARDIUM, AORTA = 205, 820


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Translated CTs that are the truth, 20 HU brighter in the myocardium; one case has no aorta."""
    folder = tmp_path_factory.mktemp("hearts")
    data = make_cohort(folder / "cohort", cases=2, seed=5, size=24, anatomy="thorax", options=PhantomOptions(factor=2))
    for number, case in enumerate(index_cohort(data).cases):
        labels = read_volume(case.paths["labels"], contrast=get_contrast("labels"))
        ct = read_volume(case.paths["ct"], contrast=get_contrast("ct"))
        shift = 20 * (labels.array == MYOCARDIUM)
        told = Provenance(
            synthetic=True, sources=(FileRecord(contrast="labels", name="x", sha256="0"),), target="ct", unit="HU"
        )
        path = folder / "translated" / case.id / f"{case.id}_ct.nii.gz"
        path.parent.mkdir(parents=True)
        write_volume(replace(ct, array=(ct.array + shift).astype(np.float32)), path, provenance=told)
        if number:
            without = np.where(labels.array == AORTA, 0, labels.array)
            write_volume(replace(labels, array=without), case.paths["labels"], overwrite=True)
    voxlate.evaluate(folder / "translated", data, out=folder / "evaluation", split="all")
    return folder / "evaluation", data


def test_a_structure_that_is_too_bright_is_told(evaluated: tuple[Path, Path]) -> None:
    out, data = evaluated
    with (out / "structures.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    model = {(row["case"], row["structure"]): row for row in rows if row["method"] == "model"}
    first, second = index_cohort(data).cases
    assert (first.id, "aorta") in model
    assert (second.id, "aorta") not in model, "what a case lacks is left out"
    for case in (first, second):
        row = model[case.id, "myocardium"]
        assert (float(row["bias"]), float(row["mae"])) == (pytest.approx(20, abs=0.1), pytest.approx(20, abs=0.1))
        assert float(model[case.id, "left ventricle"]["mae"]) == pytest.approx(0, abs=0.1)
        labels, ct = (read_volume(case.paths[name], contrast=get_contrast(name)).array for name in ("labels", "ct"))
        assert int(row["voxels"]) == np.count_nonzero(labels == MYOCARDIUM)
        lookup = next(r for r in rows if (r["case"], r["structure"], r["method"]) == (case.id, "myocardium", "lookup"))
        assert (
            float(lookup["mae"]) >= np.abs(ct[labels == MYOCARDIUM] - np.median(ct[labels == MYOCARDIUM])).mean() - 0.1
        )
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "The model&#39;s largest bias: myocardium, 20.0 HU too bright." in page
    told = {row["structure"]: row for row in json.loads((out / "summary.json").read_text())["structures"]}
    assert (told["aorta"]["n"], told["myocardium"]["n"]) == (1, 2)


def test_chambers_of_the_heart_are_no_lesions(evaluated: tuple[Path, Path]) -> None:
    out, _ = evaluated
    with (out / "scores.csv").open(encoding="utf-8", newline="") as file:
        regions = {row["region"] for row in csv.DictReader(file)}
    assert "labels" in regions
    assert "lesion" not in regions
    assert (out / "figures" / "boxes_labels.png").is_file()
    page = (out / "report.html").read_text(encoding="utf-8").casefold()
    assert "labelled structures" in page
    assert "lesion" not in page
    assert "no score in the region myocardium" not in page, "correlation with a constant says nothing about the region"
    assert "1 of 2 cases has no score in the region aorta" in page
