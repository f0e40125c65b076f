"""Whether the name of a file says that it shows another contrast than it is taken for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from voxlate.cohort.finding import Finding
from voxlate.cohort.layouts.naming import contrast_of_file, is_ambiguous
from voxlate.contrast import Contrast
from voxlate.io import volume_stem

_ANY_MR = "mr"


def check_name(contrast: Contrast, *, case: str, path: Path) -> Iterator[Finding]:
    """The finding about a file's name, if it names another contrast.

    A label map may have the name of the image that it was drawn on, and ``mr`` is any MR contrast.

    Args:
        contrast: What the file is taken for.
        case: Id of the case, which file names may begin with.
        path: The file.
    """
    stem = volume_stem(path)
    named = contrast_of_file(stem, case=case)
    if contrast.kind == "label" or (named is None and not is_ambiguous(stem, case=case)):
        return
    if named is not None:
        any_mr = named.kind == contrast.kind == "mr" and _ANY_MR in (named.name, contrast.name)
        if named.name == contrast.name or any_mr:
            return
    shows = f"it shows {named.title}" if named else "it may show several contrasts"
    message = (
        f"{path}: by its name {shows}, and it is taken for {contrast.title}. Give the file of that contrast, or give "
        "this one another name."
    )
    yield Finding("warning", "other_contrast", case, message)
