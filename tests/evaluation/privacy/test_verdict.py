"""What releases a synthetic patient, and the words and files that say so: as they were, to the byte."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.evaluation.audits import FAILED, KNOWN, audit, result
from voxlate.evaluation.privacy.audit import Audit
from voxlate.evaluation.privacy.files import write_decisions, write_distances
from voxlate.evaluation.privacy.verdict import (
    Circumstances,
    ReleaseDecision,
    decisions,
    privacy_caveats,
    say_privacy,
    say_review,
)

SUMMARY = (
    '{"aspect": "privacy", "finished": true, "contrast": "t1", "members": 4, "held_out": 2, "released": ["new"], '
    '"review": ["copy", "odd", "made"], "unusable_real": {"r9": "damaged"}, '
    '"false_alarms": {"count": 1, "of": 2, "interval": [0.1, 0.9]}, "spaces": {"pixel": {"typical_distance": 0.8, '
    '"threshold": 0.4, "relative_threshold": 0.5, "held_back": ["copy"], "twins": [["m1", "m2"]], '
    '"false_alarms": {"count": 1, "of": 2, "interval": [0.1, 0.9]}, "membership": {"auc": 0.575, '
    '"interval": [0.325, 0.8], "in_words": "members cannot be told from others by this attack"}}, '
    '"label": {"typical_distance": 1.0, "threshold": 0.5, "relative_threshold": 0.5, "held_back": ["odd"], '
    '"twins": [], "false_alarms": null, "membership": null}}, "answer": "A.", '
    '"failed": {"flat": "it has no contrast"}, "facts": {"software": "x"}}'
)
"""As it was written before the summary had a type; so are the tables below."""
DISTANCES = """\
case,role,space,rank,neighbour,distance,relative_distance,mirrored,held_back
copy,synthetic,pixel,1,m1,0.1,0.125,true,true
copy,synthetic,pixel,2,m2,0.7,0.8749999999999999,false,true
new,synthetic,pixel,1,m2,0.9,1.125,false,false
odd,synthetic,pixel,1,m1,0.8,1.0,false,false
made,synthetic,pixel,1,m3,0.75,0.9375,false,false
m1,member,pixel,1,m2,0.8,1.0,false,false
h1,held-out,pixel,1,m1,0.3,0.37499999999999994,false,true
h2,held-out,pixel,1,m2,0.6,0.7499999999999999,false,false
copy,synthetic,label,1,m3,0.6,0.6,false,false
new,synthetic,label,1,m2,0.9,0.9,false,false
odd,synthetic,label,1,m1,0.25,0.25,false,true
"""
HEAD = (
    "case,contrast,file,nearest_pixel,distance_pixel,relative_distance_pixel,threshold_pixel,"
    "nearest_label,distance_label,relative_distance_label,threshold_label,reason\n"
)
BACK = (
    "copy,t1,copy.nii.gz,m1,0.1,0.125,0.4,m3,0.6,0.6,0.5,too near to a training image in pixel space\n"
    "odd,t1,odd.nii.gz,m1,0.8,1.0,0.4,m1,0.25,0.25,0.5,its label map is too near to one of the training data; "
    "it could not be laid over the real images\n"
    "made,t1,made.nii.gz,m3,0.75,0.9375,0.4,,,,0.5,made from a scan of m4\n"
    "flat,t1,,,,,0.4,,,,0.5,it has no contrast\n"
)
FREE = "new,t1,new.nii.gz,m2,0.9,1.125,0.4,m2,0.9,0.9,0.5,beyond the distance in every space that was compared\n"


CAVEATS = (
    "This audit finds images that look like a training image, or like a part of one, and labelled parts of training "
    "images. It does not prove that nothing leaks: another copied detail, or what several images tell together, is not "
    "seen. A distance is no differential privacy.\n"
    "Images were compared voxel by voxel only: no network was given for a feature space.\n"
    "2 released cases have a label map that was compared with none: fewer than 4 training subjects have one. It may "
    "be a patient's.\n"
    "Nothing tells which real images the model has seen, so every one counts as a training image: there are no "
    "held-out images, no false-alarm rate and no membership test.\n"
    "4 training images are few: the threshold is uncertain.\n"
    "Some training images are so near to each other in pixel space that they seem to show one patient; they do not set "
    "the threshold: m1 and m2.\n"
    "The real case r9 is not compared, or in part: damaged\n"
    "flat is not released: it has no contrast"
)


def test_the_summary_is_the_same_to_the_byte() -> None:
    summary = replace(result().summary, answer="A.")
    assert json.dumps(summary.to_json(), ensure_ascii=False) == SUMMARY


def test_the_tables_are_the_same_to_the_byte(tmp_path: Path) -> None:
    found, decided = audit(), decisions(audit())
    files = {one.case: f"{one.case}.nii.gz" for one in decided}
    back = [one for one in decided if not one.released]
    back += [ReleaseDecision(case, released=False, reason=reason) for case, reason in FAILED]
    write_distances(found, tmp_path / "scores.csv")
    write_decisions([one for one in decided if one.released], found, tmp_path / "released.csv", files=files)
    write_decisions(back, found, tmp_path / "review.csv", files=files)
    written = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert written == {"scores.csv": DISTANCES, "released.csv": HEAD + FREE, "review.csv": HEAD + BACK}


@pytest.mark.parametrize("case", ["copy", "odd", "made"])
def test_one_reason_is_enough_to_wait(case: str) -> None:
    [decision] = [one for one in decisions(audit()) if one.case == case]
    assert not decision.released


def test_what_is_as_near_as_the_threshold_waits() -> None:
    found = audit()
    pixel = found.spaces["pixel"]
    at = replace(found, spaces={"pixel": replace(pixel, threshold=replace(pixel.threshold, distance=0.9))})
    assert not any(one.released for one in decisions(at))


def test_the_answer_counts_each_image_once() -> None:
    found = audit()
    assert say_privacy(found, decisions(found), KNOWN) == (
        "1 of 4 synthetic T1 images is released. 2 are nearer to a training image or label map than real ones are to "
        "each other, and wait for an expert. 1 was made from scans or label maps of the data set and waits for an "
        "expert. 1 could not be compared at all. Of 2 held-out real images, 1 (50 %, 95 % interval 10 to 90 %) would "
        "be held back. Members cannot be told from others by this attack (AUC 0.57, 95 % interval 0.33 to 0.80, "
        "chance 0.5)."
    )


def _without(found: Audit) -> Audit:
    """The same without anything compared, held out or tested."""
    pixel = replace(found.spaces["pixel"], questions=(), membership=None)
    return replace(found, spaces={"pixel": pixel}, alarms=None)


def test_nothing_compared_is_nothing_released() -> None:
    none = _without(audit())
    assert say_privacy(none, decisions(none), KNOWN) == "No synthetic T1 image could be compared, and none is released."


def test_what_is_not_known_comes_first() -> None:
    seen = Circumstances(known=False, features=False, unread=2, failed=FAILED)
    assert "\n".join(privacy_caveats(audit(), seen)) == CAVEATS


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (1, "1 synthetic image waits for an expert: does it show the same person as the real image beside it? If not"),
        (3, "3 synthetic images wait for an expert: does each show the same person"),
        (9, "may be released by hand. The 5 nearest are shown; review.csv names all."),
    ],
)
def test_an_expert_is_asked_one_question(count: int, words: str) -> None:
    assert words in say_review(count, shown=5)
