"""The verb ``redraw``: one picture in the style of others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from voxlate.config.recipe import Overrides, Recipe
from voxlate.errors import UsageError, WriteError
from voxlate.progress import ProgressReport, silent

if TYPE_CHECKING:
    from voxlate.methods.style_transfer.method import StyleTransfer
    from voxlate.volume import Array

_RECIPE = "mr-to-ct-style-transfer"


def redraw(
    content: str | Path,
    *,
    style: str | Path | Sequence[str | Path],
    out: str | Path,
    recipe: str | Path | Recipe = _RECIPE,
    overrides: Overrides | None = None,
    longest: int = 512,
    overwrite: bool = False,
    report: ProgressReport = silent,
) -> Path:
    """Draws a picture with its own content in the style of others, in colours if one of them has any.

    Args:
        content: A PNG, TIFF or JPEG file.
        style: One or several such files.
        out: The PNG file to write, with a sidecar beside it.
        recipe: Of style transfer, by name, file or value: its ``method`` says how.
        overrides: Fields of it that are changed, by dotted name.
        longest: Pixels of the longer edge; larger pictures are made smaller.
        overwrite: Replace a file that is there.
        report: Told when the picture is finished.

    Returns:
        The file.

    Raises:
        UsageError: If the recipe is no style transfer, or ``out`` no PNG file.
        ReadError: If a picture is refused.
        BundleError: If the file of weights that the recipe names is refused.
        WriteError: If there is a file of that name.
    """
    place, styles = Path(out), [Path(one) for one in ([style] if isinstance(style, str | Path) else style)]
    if place.suffix.lower() != ".png":
        raise UsageError("the name of a PNG file", came=place.name, where="--out", remedy="Let it end in .png.")
    if place.exists() and not overwrite:
        raise WriteError("a new file", came="one that is there already", where=place, remedy="Add --overwrite.")
    method = _method(recipe, overrides)
    report("redraw", 0, 1)
    pixels = _drawn(method, [Path(content), *styles], longest=longest)
    _write(pixels, place, [("content", Path(content)), *(("style", one) for one in styles)])
    report("redraw", 1, 1)
    return place


def _drawn(method: StyleTransfer, files: Sequence[Path], *, longest: int) -> Array:
    """The pixels ``(row, column, 3)``, or ``(row, column)`` where no picture has colours."""
    import torch

    from voxlate.io.formats.pictures import read_colours
    from voxlate.methods.style_transfer.pictures import redraw_picture

    read = [read_colours(file, longest=longest) for file in files]
    content, *styles = [torch.from_numpy(pixels).movedim(-1, 0) for pixels, _ in read]
    drawn = redraw_picture(method, content, styles).movedim(0, -1).numpy()
    return drawn if any(coloured for _, coloured in read) else drawn.mean(-1)


def _write(pixels: Array, place: Path, named: Sequence[tuple[str, Path]]) -> None:
    """The picture, marked as synthetic, and its sidecar."""
    from voxlate.io import FileRecord, Provenance, file_digest, sidecar_path, write_bytes, write_text
    from voxlate.io.formats.pictures import png_of

    sources = tuple(FileRecord(contrast=what, name=file.name, sha256=file_digest(file)) for what, file in named)
    told = Provenance(synthetic=True, sources=sources, target="picture", unit="1")
    write_bytes(place, png_of(pixels, comment=told.comment()))
    told = told.model_copy(update={"output_sha256": file_digest(place)})
    write_text(sidecar_path(place), told.model_dump_json(indent=1) + "\n")


def _method(recipe: str | Path | Recipe, overrides: Overrides | None) -> StyleTransfer:
    from voxlate.methods.build import rehearse_learner
    from voxlate.methods.style_transfer.method import StyleTransfer as Method
    from voxlate.training.setup.frozen import attach_vgg
    from voxlate.verbs.train import resolve_recipe

    method = rehearse_learner(resolve_recipe(recipe, overrides=overrides))
    if not isinstance(method, Method):
        remedy = f"Use {_RECIPE}, or one like it."
        raise UsageError("a recipe of style transfer", came=str(recipe), where="recipe", remedy=remedy)
    attach_vgg(method)
    return method
