"""Local space: how like two images are after a fit of their own, whatever their grey values mean.

    d(q, r) = 1 - mean r^2    over small cubes, see ``voxlate.evaluation.privacy.closer.refit``

Only the training images that look most like an image are asked, from several starts each; the others are no neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from voxlate.evaluation.privacy.closer.refit import (
    POSES,
    Fixed,
    Moving,
    Refit,
    Spectrum,
    find_starts,
    refit,
    room_for,
    spectrum_of,
)
from voxlate.evaluation.privacy.closer.texture import Texture, texture_of
from voxlate.evaluation.privacy.neighbours import Neighbour
from voxlate.evaluation.privacy.placing import PlacedImage, matrix
from voxlate.progress import ProgressReport

LOCAL = "local"
_STARTS = 8
"""So many starts are followed for each image."""
_KEPT = 64
"""Of so many training images what a fit needs is kept."""


@dataclass(frozen=True, eq=False)
class _Gallery:
    """Training images, ready to be compared with.

    Attributes:
        images: The images.
        textures: Their textures.
        spectra: Of these.
        room: See ``room_for``.
    """

    images: Sequence[PlacedImage]
    textures: Sequence[Texture]
    spectra: Sequence[Spectrum]
    room: tuple[int, int, int]


def local_neighbours(
    images: Sequence[PlacedImage],
    gallery: Sequence[PlacedImage],
    *,
    subjects: Sequence[str | None],
    report: ProgressReport,
) -> Iterator[tuple[Neighbour, ...]]:
    """For each image the nearest of the gallery that do not show its own subject, nearest first; maybe none.

    Args:
        images: Whose neighbours are sought.
        gallery: The training images.
        subjects: Whom each of the images shows; ``None`` for a synthetic one, which is compared with all.
        report: Called with what is done and the number of finished images.
    """
    textures = [texture_of(one.small) for one in gallery]
    own = {id(one): texture for one, texture in zip(gallery, textures, strict=True)}
    asked = [own[id(one)] if id(one) in own else texture_of(one.small) for one in images]
    room = room_for([*textures, *asked])
    known = _Gallery(gallery, textures, [spectrum_of(one, room) for one in textures], room)

    @lru_cache(maxsize=_KEPT)
    def fixed(number: int) -> Fixed:
        return Fixed(known.textures[number])

    for number, (subject, texture) in enumerate(zip(subjects, asked, strict=True), 1):
        others = [at for at, one in enumerate(gallery) if one.case.subject != subject]
        spectra = [spectrum_of(texture, room, pose=pose) for pose in range(len(POSES))]
        starts = find_starts(spectra, [known.spectra[at] for at in others], room, count=_STARTS)
        moving = Moving(texture)
        found: dict[int, Refit] = {}
        for start in starts:
            at = others[start.other]
            fit = refit(moving, fixed(at), start)
            if at not in found or fit.likeness > found[at].likeness:
                found[at] = fit
        report("images compared closely", number, len(images))
        yield tuple(
            Neighbour(gallery[at].case.id, 1 - fit.likeness, fit.mirrored, matrix(fit.world))
            for at, fit in sorted(found.items(), key=lambda item: (-item[1].likeness, item[0]))
        )
