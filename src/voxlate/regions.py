"""Regions: where in an image something is scored, and what the region is called.

The foreground, whole slices, the region of all labels (a lesion, or labelled structures), or the name of one label.
"""

from __future__ import annotations

from collections.abc import Iterable

LESION = "lesion"
"""The region of all labels where these are lesions."""
STRUCTURES = "labels"
"""The region of all labels where these are anatomical structures."""
UNIONS = (LESION, STRUCTURES)
"""Both, in the order in which a page looks for them."""


def union_in(regions: Iterable[str]) -> str | None:
    """The region of all labels among these, if one of them is."""
    found = set(regions)
    return next((name for name in UNIONS if name in found), None)


def in_words(region: str) -> str:
    """A region as a sentence calls it.

    Example:
        >>> in_words("labels"), in_words("lesion")
        ('labelled structures', 'lesion')
    """
    return "labelled structures" if region == STRUCTURES else region


FOREGROUND = "foreground"
WHOLE_SLICES = "whole slices"
