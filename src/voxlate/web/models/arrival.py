"""Models that have come: checked by a program of its own, kept under their digest, removed again."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
from pathlib import Path

from voxlate.errors import BundleError, UsageError
from voxlate.jobs.job import read_json
from voxlate.web.models.places import CHECKED, UNPACKED
from voxlate.web.offers import Offer, Offers
from voxlate.web.uploads import Uploads

logger = logging.getLogger(__name__)
_CHECK_S = 300.0


def take_model(uploads: Uploads, upload: str, folder: Path) -> str:
    """Takes the model of an upload, which is removed; tells its digest.

    Args:
        uploads: Of the server.
        upload: Which one; it must be open and hold a single file.
        folder: Where the server keeps models that have come.

    Raises:
        BundleError: If it is refused.
        UsageError: If there is no such upload, or who checks it crashes.
    """
    place = uploads.find(upload)
    if place is None or uploads.close(upload) == 0:
        raise UsageError("an upload with a file", came="none", remedy="Upload the archive, and send its id then.")
    try:
        told = _checked(place)
        if "digest" not in told:
            raise BundleError(told["expected"], came=told["came"], remedy=told["remedy"])
        folder.mkdir(parents=True, exist_ok=True)
        kept = folder / told["digest"][:32]
        if not kept.exists():
            (place / UNPACKED).rename(kept)
        return told["digest"]
    finally:
        uploads.remove(upload)


def remove_model(offers: Offers, offer: Offer, folder: Path) -> None:
    """Removes a model that was uploaded.

    Raises:
        UsageError: If it has come in another way.
    """
    if not offer.folder.is_relative_to(folder):
        remedy = "Remove its training instead." if offers.came_here(offer) else "Remove it where it lies."
        raise UsageError("a model that was uploaded", came="another", remedy=remedy)
    shutil.rmtree(offer.folder)


def _checked(place: Path) -> dict[str, str]:
    command = [sys.executable, "-m", "voxlate.web.models.received", str(place)]
    with (place / "log").open("wb") as log:
        try:
            subprocess.run(  # noqa: S603  a command of the program's own
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=_CHECK_S, check=True
            )
        except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
            logger.warning("a model could not be checked: %s", type(error).__name__)
            came = "one on which it fails"
            raise UsageError("a model that the reader survives", came=came, remedy="Make the archive anew.") from error
    return {str(key): str(value) for key, value in (read_json(place / CHECKED) or {}).items()}
