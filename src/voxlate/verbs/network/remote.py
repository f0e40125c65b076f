"""Studies in an archive, which ``translate`` takes as it takes a folder."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from voxlate.errors import UsageError

if TYPE_CHECKING:
    from voxlate.inference.cohort.outcome import Outcome
    from voxlate.io.archive import Archive

logger = logging.getLogger(__name__)
_Verb = TypeVar("_Verb", bound="Callable[..., list[Outcome]]")
_IMAGES = {"MR", "CT", "PT"}


@dataclass(frozen=True)
class Remote:
    """A study in an archive.

    Attributes:
        address: ``dicomweb+https://HOST/dicom-web`` or ``dicom://AE_TITLE@HOST:PORT``.
        study: The study's unique identifier.
        series: That of its only series to be read; by default all of MR, CT and PET are, but what a model made.
        connection: The file with title, TLS, time-outs and credentials; else that which ``VOXLATE_CONNECTION`` names.
        store: Whether what is made goes back to the archive.
    """

    address: str | Path
    study: str
    series: str | None = None
    connection: str | Path | None = None
    store: bool = False

    def archive(self) -> Archive:
        """The archive.

        Raises:
            UsageError: If the address, the connection or an identifier is wrong.
        """
        from voxlate.io.archive import check_uid, connection_from, open_archive, parse_address

        check_uid(self.study, what="study")
        if self.series is not None:
            check_uid(self.series, what="series")
        connection = connection_from(None if self.connection is None else Path(self.connection))
        return open_archive(parse_address(self.address), connection)


def remote_of(given: Path, *, study: str | None, **options: str | Path | bool | None) -> Path | Remote:
    """What the command line names: a path, or the study of an archive.

    Args:
        given: As it was given.
        study: The study's identifier.
        **options: The other fields of ``Remote``.

    Raises:
        UsageError: If an address comes without a study, or a path with what is for archives.
    """
    from voxlate.io.archive import is_address, parse_address

    if not is_address(given):
        asked = [name for name, value in {"study": study, **options}.items() if value]
        if asked:
            remedy = "Leave it out, or give dicomweb+https://HOST/dicom-web or dicom://AE_TITLE@HOST:PORT."
            raise UsageError(f"the address of an archive for --{asked[0]}", came="a path", where=given, remedy=remedy)
        return given
    address = parse_address(given)
    if study is None:
        raise UsageError("a study", came="an archive alone", where=address, remedy="Name it: --study UID.")
    return Remote(str(address), study, **options)  # type: ignore[arg-type]


def from_archives(verb: _Verb) -> _Verb:
    """The verb, which takes a study in an archive, too: it is fetched, translated, and what is made is given back."""

    @wraps(verb)
    def call(
        model: str | Path | None, scan: str | Path | Remote | Mapping[str, str | Path], **options: object
    ) -> list[Outcome]:
        if not isinstance(scan, Remote):
            return verb(model, scan, **options)
        archive = scan.archive()
        if scan.store:
            _check_folder(Path(str(options.get("out"))))
        with _fetched(scan, archive) as folder:
            outcomes = verb(model, folder, **options)
        for outcome in outcomes if scan.store else ():
            _give_back(outcome, archive)
        return outcomes

    return cast("_Verb", call)


def on_disk(scan: str | Path | Remote) -> Path:
    """The path of what ``from_archives`` has fetched, or of what is here.

    Raises:
        UsageError: If it is an address without a study.
    """
    from voxlate.io.archive.address import is_address

    if isinstance(scan, Remote) or is_address(scan):
        raise UsageError("a study", came="an archive alone", remedy="Write voxlate.Remote(address, study).")
    return Path(scan)


def _check_folder(out: Path) -> None:
    from voxlate.io.paths import volume_suffix

    if volume_suffix(out) is not None and not out.is_dir():
        remedy = "Name a folder, or leave --store out."
        raise UsageError("a folder for what is stored", came=f"an image file, {out.name}", where="--out", remedy=remedy)


@contextmanager
def _fetched(remote: Remote, archive: Archive) -> Iterator[Path]:
    """The study in a folder that nobody else can read, and that is gone when the block ends.

    Raises:
        UsageError: If there is no such study, or none of its series is a scan.
        NetworkError: If it cannot be fetched.
    """
    from voxlate.io.dicom import made_by_models

    found = {one.series: one.modality for one in archive.find(remote.study)}
    wanted = [remote.series] if remote.series else [uid for uid, kind in found.items() if kind in _IMAGES]
    if not found.keys() & set(wanted):
        came, remedy = f"{len(found)} series, and none of these", "Look for it in the archive: --study, --series."
        raise UsageError("a study with series of MR, CT or PET", came=came, where=remote.address, remedy=remedy)
    with tempfile.TemporaryDirectory(prefix="voxlate-") as place:
        study = Path(place) / remote.study
        for series in wanted:
            folder = study / series
            folder.mkdir(parents=True)
            archive.fetch(remote.study, series, folder)
            if remote.series is None and made_by_models(folder):
                logger.info("the series %s is left out: a model made it", series)
                folder.rename(Path(place) / series)
        if not any(study.iterdir()):
            came, remedy = (
                "only such as models made",
                "Name one of them by --series with --use-imputed to start from it.",
            )
            raise UsageError("a study with scans", came=came, where=remote.address, remedy=remedy)
        yield study


def _give_back(outcome: Outcome, archive: Archive) -> None:
    """Stores a series that was made.

    Raises:
        UsageError: If it is no series of DICOM.
    """
    if outcome.path is None or not outcome.path.is_dir():
        remedy = "Leave --store out: MR and CT alone are written as DICOM, for one case."
        raise UsageError("a series of DICOM to store", came=outcome.target, where=outcome.path or "", remedy=remedy)
    archive.store(sorted(outcome.path.glob("*.dcm")))
