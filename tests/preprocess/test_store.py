from __future__ import annotations

import json
import logging
import multiprocessing
import pickle
from pathlib import Path

import numpy as np
import pytest

from tests.preprocess.samples import affine_of, head, make_case, painted, write
from voxlate.cohort.case import Case
from voxlate.config.plan import PlanOptions
from voxlate.errors import ReadError, UsageError
from voxlate.preprocess import store as store_module
from voxlate.preprocess.fingerprint import take_fingerprint
from voxlate.preprocess.plan import Plan, make_plan
from voxlate.preprocess.prepare import PreparedCase, prepare_case
from voxlate.preprocess.store import PreparedStore

SHAPE = (40, 36, 34)
LABELS = head(SHAPE)
NAMES = ("t1", "t2", "labels")
Ready = tuple[Path, Plan, list[Case]]


def new_case(folder: Path, name: str = "one", *, gain: float = 1.0, seed: int = 1) -> Case:
    t1 = painted(LABELS, (0.0, 300.0, 200.0, 120.0), noise=6, seed=seed) * np.float32(gain)
    t1[LABELS == 0] = 0
    t2 = painted(LABELS, (0.0, 90.0, 150.0, 400.0), noise=6, seed=seed + 10)
    affine = affine_of((0, 1, 2), (-1, 1, 1), oblique_degrees=4)
    labels = LABELS.astype(np.int16) * 200
    return make_case(folder, {"t1": (t1, affine), "t2": (t2, affine), "labels": (labels, affine)}, name=name)


@pytest.fixture
def ready(tmp_path: Path) -> Ready:
    cases = [new_case(tmp_path, "one"), new_case(tmp_path, "two/odd name .. é", seed=4)]
    plan = make_plan(
        take_fingerprint(cases, NAMES, options=PlanOptions()), PlanOptions(), source=["t1", "labels"], target="t2"
    )
    return tmp_path / "store", plan, cases


def stored_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.b2nd"))


def assert_equal_cases(stored: PreparedCase, prepared: PreparedCase) -> None:
    for name in NAMES:
        whole = stored.arrays[name][:]
        assert whole.dtype == np.float32
        assert np.array_equal(whole, prepared.arrays[name])
    assert stored.mask[:].dtype == np.bool_
    assert np.array_equal(stored.mask[:], prepared.mask)
    assert np.array_equal(stored.grid.affine, prepared.grid.affine)
    assert np.array_equal(stored.source_grid.affine, prepared.source_grid.affine)
    assert stored.scalings == dict(prepared.scalings)
    assert stored.notes == prepared.notes


def test_what_is_stored_is_what_was_prepared(ready: Ready) -> None:
    folder, plan, cases = ready
    seen = []
    store = PreparedStore(folder, plan, NAMES)
    store.prepare(cases, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(0, 2), (1, 2), (2, 2)]
    for case in cases:
        assert case.id in store
        assert_equal_cases(store[case.id], prepare_case(case, plan, contrasts=NAMES))
    with pytest.raises(UsageError, match="three"):
        store["three"]


def test_slices_of_every_sort_agree_with_numpy(ready: Ready) -> None:
    folder, plan, cases = ready
    store = PreparedStore(folder, plan, NAMES)
    store.prepare(cases)
    array = store["one"].arrays["t1"]
    whole = array[:]
    keys = [
        np.s_[:, :, 7],
        np.s_[3],
        np.s_[:, 5],
        np.s_[2:9, 1:30:2, 4:],
        np.s_[-1],
        np.s_[None],
        np.s_[None, 3:5],
        ...,
    ]
    for key in keys:
        assert np.array_equal(array[key], whole[key])
    assert np.array_equal(np.asarray(array), whole)
    assert (array.ndim, array.shape) == (3, whole.shape)


def test_a_second_run_prepares_nothing(
    ready: Ready, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder, plan, cases = ready
    PreparedStore(folder, plan, NAMES).prepare(cases)
    monkeypatch.setattr(store_module, "prepare_case", None)
    with caplog.at_level(logging.WARNING):
        PreparedStore(folder, plan, NAMES).prepare(cases)
    assert not caplog.records
    assert PreparedStore(folder, plan, NAMES)["one"].case_id == "one"


@pytest.mark.parametrize("part", ["t1", "foreground", "case.json"])
@pytest.mark.parametrize("fault", ["flip", "truncate", "empty", "delete"])
def test_damage_is_seen_repaired_and_logged(
    ready: Ready, caplog: pytest.LogCaptureFixture, part: str, fault: str
) -> None:
    folder, plan, cases = ready
    first = PreparedStore(folder, plan, NAMES)
    first.prepare(cases[:1])
    (path,) = [p for p in folder.rglob("*") if p.is_file() and p.name.startswith(part)]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    if fault == "delete":
        path.unlink()
    else:
        path.write_bytes({"flip": content, "truncate": content[: len(content) // 2], "empty": b""}[fault])
    again = PreparedStore(folder, plan, NAMES)
    with caplog.at_level(logging.WARNING):
        again.prepare(cases[:1])
    if (part, fault) != ("case.json", "delete"):
        assert "damaged" in caplog.text
    assert_equal_cases(again["one"], prepare_case(cases[0], plan, contrasts=NAMES))


def test_damage_after_preparing_is_repaired_at_opening_or_refused(ready: Ready) -> None:
    folder, plan, cases = ready
    store = PreparedStore(folder, plan, NAMES)
    store.prepare(cases)
    path = next(p for p in stored_files(folder) if p.name.startswith("t2") and p.parent.name.startswith("one"))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ReadError, match=r"t2-.*damaged"):
        PreparedStore(folder, plan, NAMES)["one"]
    assert_equal_cases(store["one"], prepare_case(cases[0], plan, contrasts=NAMES))


def test_a_changed_input_is_prepared_again(ready: Ready, caplog: pytest.LogCaptureFixture) -> None:
    folder, plan, cases = ready
    PreparedStore(folder, plan, NAMES).prepare(cases)
    changed = new_case(folder.parent, "one", gain=3.0)
    again = PreparedStore(folder, plan, NAMES)
    with caplog.at_level(logging.WARNING):
        again.prepare([changed, cases[1]])
    assert [record.getMessage() for record in caplog.records] == ["case one is prepared again: the input changed: t1"]
    assert_equal_cases(again["one"], prepare_case(changed, plan, contrasts=NAMES))
    assert len(stored_files(folder)) == 2 * (len(NAMES) + 1)  # what is no longer valid is gone


def test_changed_code_prepares_again(
    ready: Ready, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder, plan, cases = ready
    PreparedStore(folder, plan, NAMES).prepare(cases[:1])
    monkeypatch.setattr(store_module, "_code_digest", lambda: "newer")
    with caplog.at_level(logging.WARNING):
        PreparedStore(folder, plan, NAMES).prepare(cases[:1])
    assert "the code that prepared it changed" in caplog.text


def test_plans_do_not_disturb_each_other(ready: Ready) -> None:
    folder, plan, cases = ready
    other = plan.model_copy(update={"crop_margin_mm": 0.0})
    first, second = PreparedStore(folder, plan, NAMES), PreparedStore(folder, other, NAMES)
    first.prepare(cases)
    second.prepare(cases)
    assert first["one"].grid.shape != second["one"].grid.shape
    assert_equal_cases(first["one"], prepare_case(cases[0], plan, contrasts=NAMES))


def test_a_store_can_be_sent_to_another_process(ready: Ready) -> None:
    folder, plan, cases = ready
    store = PreparedStore(folder, plan, NAMES)
    store.prepare(cases)
    whole = store["one"].arrays["t1"][:]
    there = pickle.loads(pickle.dumps(store))
    assert np.array_equal(there["one"].arrays["t1"][:, :, 3], whole[:, :, 3])


def _prepare(folder: Path, plan: Plan, cases: list[Case]) -> None:
    PreparedStore(folder, plan, NAMES).prepare(cases)


def test_two_processes_may_prepare_at_once(ready: Ready) -> None:
    folder, plan, cases = ready
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=_prepare, args=(folder, plan, cases)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(60)
    assert [process.exitcode for process in both] == [0, 0]
    store = PreparedStore(folder, plan, NAMES)
    for case in cases:
        assert_equal_cases(store[case.id], prepare_case(case, plan, contrasts=NAMES))


def test_the_same_case_gives_the_same_bytes(ready: Ready) -> None:
    folder, plan, cases = ready
    other = folder.with_name("other")
    PreparedStore(folder, plan, NAMES).prepare(cases)
    PreparedStore(other, plan, NAMES).prepare(cases)
    ours, theirs = stored_files(folder), stored_files(other)
    assert [p.relative_to(folder) for p in ours] == [p.relative_to(other) for p in theirs]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(ours, theirs, strict=True))


def test_a_failed_case_leaves_nothing_half_done(ready: Ready, tmp_path: Path) -> None:
    folder, plan, cases = ready
    broken = new_case(tmp_path, "broken")
    write(broken.paths["t2"], np.full(SHAPE, 3.0, np.float32), affine_of((0, 1, 2), (-1, 1, 1), oblique_degrees=4))
    store = PreparedStore(folder, plan, NAMES)
    with pytest.raises(ReadError, match="constant"):
        store.prepare([cases[0], broken])
    assert "one" in store
    assert "broken" not in store


def test_a_label_map_that_nothing_is_learned_from_stops_no_case(
    ready: Ready, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, _, cases = ready
    options = PlanOptions()
    plan = make_plan(take_fingerprint(cases, ("t1", "t2"), options=options), options, source=["t1"], target="t2")
    bad = new_case(tmp_path, "bad")
    half = 0.5 * LABELS.astype(np.float32)
    write(bad.paths["labels"], half, affine_of((0, 1, 2), (-1, 1, 1), oblique_degrees=4))
    store = PreparedStore(folder, plan, ("t1", "t2"), optional=("labels",))
    with caplog.at_level(logging.WARNING):
        store.prepare([cases[0], bad])
    assert "case bad goes without its labels" in caplog.text
    assert set(store["one"].arrays) == {"t1", "t2", "labels"}
    assert set(store["bad"].arrays) == {"t1", "t2"}
    caplog.clear()
    store.prepare([cases[0], bad])  # it is not prepared again for that
    assert caplog.text == ""
    with pytest.raises(ReadError, match="no whole numbers"):
        PreparedStore(folder, plan, ("t1", "t2", "labels")).prepare([bad])


def test_the_index_is_readable_json(ready: Ready) -> None:
    folder, plan, cases = ready
    PreparedStore(folder, plan, NAMES).prepare(cases[:1])
    (index,) = folder.rglob("case.json")
    record = json.loads(index.read_text(encoding="utf-8"))["record"]
    assert record["case_id"] == "one"
    assert set(record["arrays"]) == set(NAMES)
    assert set(record["inputs"]) == set(NAMES)


def test_the_transforms_of_what_was_registered_are_kept_and_checked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import SimpleITK as sitk  # noqa: N813

    case = new_case(tmp_path)
    options = PlanOptions(grids="rigid")
    plan = make_plan(take_fingerprint([case], NAMES, options=options), options, source=["t1"], target="t2")
    folder = tmp_path / "store"
    PreparedStore(folder, plan, NAMES).prepare([case])
    (path,) = folder.rglob("*.tfm")
    kept = path.read_bytes()
    found = prepare_case(case, plan, contrasts=NAMES)
    assert path.name.startswith("t2-")
    assert found.transforms.keys() == {"t2"}
    x, y, z = found.transforms["t2"].place(found.grid)[:, 2, 3, 4]
    point = (found.grid.affine @ [2, 3, 4, 1])[:3] * [-1, -1, 1]
    assert np.allclose(sitk.ReadTransform(str(path)).TransformPoint(point.tolist()), (-x, -y, z))
    path.write_bytes(kept + b"# by hand")
    with caplog.at_level(logging.WARNING):
        PreparedStore(folder, plan, NAMES).prepare([case])
    assert f"{path.name} is damaged" in caplog.text
    assert path.read_bytes() == kept
