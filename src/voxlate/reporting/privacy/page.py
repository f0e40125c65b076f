"""The pages of a privacy audit: a report that shows no patient, and the pairs that an expert compares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from voxlate.evaluation.privacy.audit import Audit
from voxlate.evaluation.privacy.expert import COLUMNS, Shown
from voxlate.evaluation.privacy.label_space import LABEL
from voxlate.evaluation.privacy.pairs import LabelPair, LookAlike
from voxlate.evaluation.privacy.summary import PrivacyResult
from voxlate.evaluation.privacy.verdict import say_review
from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.page.page import Ask, Form, Illustration, Page, Section
from voxlate.reporting.privacy.pictures import draw_label_pair, draw_look_alike
from voxlate.reporting.privacy.plots import Attack, Strip, draw_attacks, draw_nearness
from voxlate.reporting.privacy.tables import SPACES, TERMS, nearest_section, space_section

MOST_PAIRS = 60
"""So many synthetic images are shown to an expert, the nearest first."""
_DPI = 130
_FORM = Form(
    "Decide about each image, save the file, and apply it: run the same audit again with --decisions decisions.csv.",
    "may it be released?",
    {"release": "Release", "withhold": "Withhold", "unsure": "Unsure"},
    COLUMNS,
)


def privacy_page(result: PrivacyResult) -> Page:
    """The report.

    Args:
        result: What was found.
    """
    audit, (synthetic, real) = result.audit, result.names
    return Page(
        title=f"Do synthetic {audit.contrast.title} images show patients of the training data? {synthetic} and {real}",
        verdict=result.summary.answer,
        sections=[
            Section("Pictures", figures=list(_figures(audit)), folded=False),
            space_section(audit),
            nearest_section(audit),
        ],
        facts=result.summary.facts,
        warnings=result.caveats,
        terms=TERMS,
    )


def review_page(
    result: PrivacyResult, pairs: Iterable[tuple[LookAlike, LabelPair | None]], *, shown: Mapping[str, Shown]
) -> Page:
    """Images each beside the real one that is nearest to it: as confidential as the training data.

    Those that wait stand open, those that are released are folded below.

    Args:
        result: What was found.
        pairs: The images and label maps, nearest first, of at most ``MOST_PAIRS`` synthetic cases of either kind.
        shown: What an expert is asked about, by case.
    """
    waiting: list[Illustration] = []
    released: list[Illustration] = []
    asked: set[str] = set()
    for images, maps in pairs:
        figures = released if images.synthetic in result.summary.released else waiting
        title = f"{images.synthetic} and {images.real}"
        drawn = [Illustration(title, images.note, to_png(draw_look_alike(images), dpi=_DPI))]
        if maps is not None:
            drawn.append(Illustration(f"Label maps of {title}", maps.note, to_png(draw_label_pair(maps), dpi=_DPI)))
        one = shown.get(images.synthetic)
        if one is not None and images.real == one.beside[-1] and images.synthetic not in asked:
            asked.add(images.synthetic)
            ask = Ask(images.synthetic, " ".join(one.sha256), " ".join(one.beside))
            drawn[-1] = replace(drawn[-1], ask=ask)
        figures += drawn
    return Page(
        title=f"Images to review: {result.names[0]}",
        verdict=say_review(len(result.summary.review), shown=MOST_PAIRS),
        sections=[
            Section("Side by side", figures=waiting, folded=False),
            Section("Released images", f"The {MOST_PAIRS} nearest at most, each beside its nearest.", figures=released),
        ],
        facts=result.summary.facts,
        warnings=["This page shows slices of real images. Keep it where the real data are."],
        banner="REAL PATIENTS ON THIS PAGE: as confidential as the training data.",
        form=_FORM if asked else None,
    )


def _figures(audit: Audit) -> Iterator[Illustration]:
    """Distances to the nearest training image, and the attack on membership if there was one."""
    yield Illustration(
        "Distances to the nearest training image",
        "A mark is an image. What lies in the shaded part is held back. Held-out real images there are false "
        "alarms; training images are asked for their nearest other one.",
        to_png(draw_nearness(_strips(audit))),
        file="distances",
    )
    attacks = _attacks(audit)
    if attacks:
        yield Illustration(
            "Membership inference",
            "Real images in the order of their distance to the nearest synthetic one: along the diagonal, members "
            "cannot be told from others.",
            to_png(draw_attacks(attacks)),
            file="membership",
        )


def _strips(audit: Audit) -> list[Strip]:
    """The spaces as they are drawn."""
    return [
        Strip(
            SPACES[space.space],
            {
                role: [space.threshold.relative(question.distance) for question in space.of(role)]
                for role in ("synthetic", "held-out", "member")
            },
            space.threshold.relative(space.threshold.distance),
            "label map" if space.space == LABEL else "image",
        )
        for space in audit.spaces.values()
    ]


def _attacks(audit: Audit) -> list[Attack]:
    """The attacks as they are drawn; none where there was none."""
    members = set(audit.measured.members)
    return [
        Attack(
            SPACES[space.space],
            np.array([score for case, score in space.attack.items() if case in members]),
            np.array([score for case, score in space.attack.items() if case not in members]),
            space.membership,
        )
        for space in audit.spaces.values()
        if space.membership is not None
    ]
