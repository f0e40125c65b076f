"""A model that comes as an archive: a program that is given an upload, since what reads a stranger's file may crash.

The archive is a zip of a bundle's folder, or of a run's, of which the bundle alone is taken. It passes the gate of the
command line: names are flat, every member has the size and the digest that the manifest says, and nothing is missing,
left over or unknown (``voxlate.bundle``). There is no code in a bundle and none is run. Then the networks are built
and take the weights, as before a translation, so that what does not fit is refused here and not in a job.
"""

from __future__ import annotations

import logging
import sys
import zipfile
from pathlib import Path, PurePosixPath

from voxlate.bundle.bundle import MANIFEST, read_bundle
from voxlate.errors import BundleError, VoxlateError
from voxlate.inference.model import load_model
from voxlate.jobs.job import write_json
from voxlate.plainyaml import Json
from voxlate.web.models.places import CHECKED, UNPACKED
from voxlate.web.places import FILES

logger = logging.getLogger(__name__)
_MOST_BYTES, _MOST_MEMBERS = 4 * 2**30, 50
_PIECE = 2**20
_REMEDY = "Zip the folder of a bundle, the one that holds manifest.json, or the run that it lies in."


def _receive(folder: Path) -> Json:
    """The model of an upload, unpacked and checked.

    Raises:
        VoxlateError: If it is refused.
    """
    files = sorted((folder / FILES).iterdir())
    if len(files) != 1 or not zipfile.is_zipfile(files[0]):
        came = f"{len(files)} files" if len(files) != 1 else "a file that is none"
        raise BundleError("one zip archive of a model", came=came, where="the upload", remedy=_REMEDY)
    place = folder / UNPACKED
    place.mkdir()
    _unpack(files[0], place)
    bundle = read_bundle(place)  # before anything else looks at it
    load_model(place)
    return {"digest": bundle.digest}


def _unpack(archive: Path, place: Path) -> None:
    """Puts the members of the bundle into a folder, counting what comes out."""
    with zipfile.ZipFile(archive) as packed:
        entries = packed.infolist()
        for entry in entries:
            _check_name(entry)
        root = _root(entries)
        members = [one for one in entries if not one.is_dir() and PurePosixPath(one.filename).is_relative_to(root)]
        if len(members) > _MOST_MEMBERS or sum(one.file_size for one in members) > _MOST_BYTES:
            expected = f"at most {_MOST_MEMBERS} files and {_MOST_BYTES / 2**30:.0f} GiB"
            raise BundleError(expected, came="more", where="the archive", remedy=_REMEDY)
        left = _MOST_BYTES
        for entry in members:
            inner = PurePosixPath(entry.filename).relative_to(root)
            if len(inner.parts) > 1:
                came = f"{inner} below it"
                raise BundleError("a bundle without folders", came=came, where="the archive", remedy=_REMEDY)
            with packed.open(entry) as source, (place / inner.name).open("xb") as target:
                while piece := source.read(_PIECE):
                    left -= len(piece)
                    if left < 0:
                        raise BundleError("what the archive states", came="more", where="the archive", remedy=_REMEDY)
                    target.write(piece)


def _check_name(entry: zipfile.ZipInfo) -> None:
    """Refuses the whole archive for one name that leads out of it, or a link."""
    parts = PurePosixPath(entry.filename.replace("\\", "/"))
    is_link = (entry.external_attr >> 16) & 0o170000 == 0o120000
    if parts.is_absolute() or ".." in parts.parts or is_link or ":" in entry.filename:
        came = "a link" if is_link else "a name that leads out of it"
        raise BundleError("names inside the archive", came=came, where="the archive", remedy=_REMEDY)


def _root(entries: list[zipfile.ZipInfo]) -> PurePosixPath:
    """The folder of the bundle: the one called so, or the only one with a manifest."""
    found = {PurePosixPath(one.filename).parent for one in entries if PurePosixPath(one.filename).name == MANIFEST}
    named = {folder for folder in found if folder.name == "bundle"} or found
    if len(named) != 1:
        came = f"{len(named)} folders with one" if named else "none"
        raise BundleError(f"one {MANIFEST}", came=came, where="the archive", remedy=_REMEDY)
    return named.pop()


def main() -> int:
    """Receives the model in the upload's folder that the program is given."""
    logging.basicConfig(level=logging.WARNING)
    folder = Path(sys.argv[1])
    try:
        found = _receive(folder)
    except VoxlateError as error:
        logger.exception("refused")
        found = {"expected": error.expected, "came": error.came, "remedy": error.remedy}
    except (zipfile.BadZipFile, OSError, RuntimeError):
        logger.exception("refused")
        found = {"expected": "a whole zip archive", "came": "a damaged one", "remedy": _REMEDY}
    write_json(folder / CHECKED, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
