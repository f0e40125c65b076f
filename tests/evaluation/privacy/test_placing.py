"""Images as vectors: ranks on the template, and what cannot be laid over it."""

from pathlib import Path

import numpy as np
import pytest

from voxlate.cohort import Case
from voxlate.contrast import get_contrast
from voxlate.errors import CohortError
from voxlate.evaluation.privacy.placing import PlacedImage, Reference, build_reference, place_features
from voxlate.evaluation.privacy.template import Small
from voxlate.io import write_volume
from voxlate.volume import Grid, Volume

T1 = get_contrast("t1")
GRID = Grid((4, 4, 4), np.eye(4))
MEAN = np.random.default_rng(0).random((4, 4, 4)).astype(np.float32)
SMALL = Small(MEAN, GRID, np.zeros(3), (4.0, 4.0, 4.0))
REFERENCE = Reference(T1, GRID, MEAN, np.ones((4, 4, 4), dtype=bool), correlation=0.9)


def _placed(correlation: float) -> PlacedImage:
    return PlacedImage(Case("a", "a", {}), MEAN, MEAN, (np.eye(4), np.eye(4)), correlation, SMALL)


def test_a_gamma_changes_no_vector() -> None:
    image = np.random.default_rng(1).random((4, 4, 4)).astype(np.float32)
    one, other = REFERENCE.vectors([image, 3 * image**1.7 + 2])
    assert one == pytest.approx(other)
    assert (one.min(), one.max()) == pytest.approx((0.5 / 64, 63.5 / 64))


def test_where_an_image_does_not_reach_it_is_the_mean() -> None:
    image = np.random.default_rng(2).random((4, 4, 4)).astype(np.float32)
    image[2:] = np.nan
    [found], [mean] = REFERENCE.vectors([image]), REFERENCE.vectors([MEAN])
    assert found[32:] == pytest.approx(mean[32:])
    assert found[:32] != pytest.approx(mean[:32])


def test_an_image_that_does_not_fit_is_told() -> None:
    assert REFERENCE.strange(_placed(0.7)) == ""
    assert "correlation with their mean 0.20, real images 0.90" in REFERENCE.strange(_placed(0.2))


def test_features_are_read_at_as_many_places_in_every_image(tmp_path: Path) -> None:
    class Slices:
        name, dims = "test", 2

        def embed(self, path: Path, *, mirrored: bool = False) -> dict[str, np.ndarray]:
            rows = np.linspace(0.0, 1.0, int(path.stem))[:, None]
            rows = rows[::-1] if mirrored else rows
            return {"axial": rows, "3-D": rows[:1]}

    cases = [Case(name, name, {"t1": tmp_path / f"{name}.nii"}) for name in ("5", "23")]
    found, refused = place_features(cases, Slices(), contrast=T1, report=lambda *_: None)
    assert not refused
    assert found["5"] == pytest.approx(found["23"], abs=1e-6)
    straight, mirrored = found["5"]
    assert straight == pytest.approx(np.concatenate([[0], np.linspace(0, 1, 8)]), abs=1e-6)
    assert mirrored == pytest.approx(np.concatenate([[1], np.linspace(1, 0, 8)]), abs=1e-6)


def test_real_images_without_contrast_are_named_and_all_of_them_refused(tmp_path: Path) -> None:
    path = tmp_path / "flat.nii"
    write_volume(Volume(np.ones((4, 4, 4), dtype=np.float32), np.eye(4)), path)
    with pytest.raises(CohortError, match="none that can be read"):
        build_reference([Case("flat", "flat", {"t1": path})], contrast=T1, report=lambda *_: None)
