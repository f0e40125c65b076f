"""What a running server holds together: its folder, its models, its uploads and its jobs."""

from __future__ import annotations

import logging
import shutil
import sys
import threading
import time
from math import prod
from multiprocessing import get_context
from pathlib import Path

from voxlate.contrast import get_contrast
from voxlate.errors import UsageError
from voxlate.jobs import DurableJob, JobList, Runner, Work
from voxlate.jobs.job import PROGRESS, RESULT, read_json, write_json
from voxlate.plainyaml import Json
from voxlate.web.answers import (
    Done,
    JobAnswer,
    ModelChoice,
    ScanAnswer,
    TogetherChoice,
    TranslationOrder,
    UploadAnswer,
)
from voxlate.web.datasets.shelf import COMPLETE, DataSets
from voxlate.web.guard import asking
from voxlate.web.offers import Offer, Offers, expected_s
from voxlate.web.places import RECOGNISED
from voxlate.web.readers.study import Studies
from voxlate.web.settings import Settings
from voxlate.web.teaching.trainings import Trainings
from voxlate.web.uploads import Uploads

logger = logging.getLogger(__name__)
_TRANSLATE = "translate"
_TRANSLATE_S, _COMPLETE_S, _RECOGNISE_S = 6 * 3600.0, 30 * 86_400.0, 300.0
_READERS = get_context("forkserver")
_READERS.set_forkserver_preload(
    ["voxlate.web.service", "voxlate.web.recognition", "voxlate.reporting.drawing.planes", "nibabel"]
)
"""What reads uploads is loaded once, and each gets a process of its own by a fork of that."""
_AT_ONCE = threading.BoundedSemaphore(2)
_SWEEP_S = 600.0


def _recognise(folder: Path) -> None:
    from voxlate.web.recognition import recognise  # which takes two seconds to load, and is not for this process

    recognise(folder)


class Service:
    """The parts of a server, and what it does with them.

    Args:
        settings: How it is to be.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.uploads = Uploads(
            settings.folder / "uploads", most_bytes=settings.upload_bytes, most_files=settings.upload_files
        )
        came = ((settings.folder / "models", "*"), (settings.folder / "trainings", "*/run"))
        self.offers = Offers(settings.models, came=came)
        self.ledger = JobList(settings.folder / "jobs.sqlite")
        where = () if settings.cluster is None else (settings.cluster,)
        kinds = {
            _TRANSLATE: Work((sys.executable, "-m", "voxlate.web.translation", *where), limit_s=_TRANSLATE_S),
            COMPLETE: Work((sys.executable, "-m", "voxlate.web.datasets.completion", *where), limit_s=_COMPLETE_S),
        }
        self.runner = Runner(self.ledger, settings.folder / "jobs", kinds=kinds, workers=settings.workers)
        self.datasets = DataSets(settings, self.offers, ledger=self.ledger, runner=self.runner)
        self.trainings = Trainings(settings, self.offers, self.datasets.place_of)
        self.studies = Studies(settings, self.offers, self.datasets.place_of)
        self._ends = threading.Event()

    def start(self) -> None:
        """Goes on with the jobs, and begins to purge."""
        for part in (self.runner, self.trainings, self.studies):
            part.start()
        threading.Thread(target=self._sweep, name="purge", daemon=True).start()

    def stop(self) -> None:
        """Ends the workers; their jobs are begun again by the next server."""
        self._ends.set()
        for part in (self.runner, self.trainings, self.studies):
            part.stop()
        self.ledger.close()

    def recognise(self, upload: str) -> None:
        """Finds out what an upload shows, in a process of its own.

        Raises:
            UsageError: If that process crashes, or does not end in time.
        """
        folder = self.uploads.find(upload)
        if folder is None or self.uploads.close(upload) == 0:
            raise UsageError("files", came="none", remedy="Upload them, and finish then.")
        with _AT_ONCE:
            reader = _READERS.Process(target=_recognise, args=(folder,), daemon=True)
            reader.start()
            reader.join(_RECOGNISE_S)
            hangs = reader.exitcode is None
            reader.kill()
        # What is written last tells that it is done: of two threads that ask for an exit code one may get a false one.
        if self.uploads.recognised(upload) is None:
            logger.warning("an upload could not be read: %s", "it hangs" if hangs else reader.exitcode)
            came = "files on which it hangs" if hangs else "damaged files"
            remedy = "Convert the scan to NIfTI, and upload that."
            raise UsageError("scans that the reader survives", came=came, remedy=remedy)

    def told(self, upload: str) -> UploadAnswer:
        """What is known of an upload that is there."""
        found = self.uploads.recognised(upload)
        if found is None:
            return UploadAnswer(id=upload, state="open")
        return UploadAnswer(
            id=upload,
            state="finished",
            scans=[self._scan(one) for one in found["scans"]],
            together=self._together(found["scans"]),
            left_out=found["left_out"],
        )

    def correct(self, upload: str, scan: str, contrast: str) -> None:
        """Takes a person's word for what a scan shows.

        Raises:
            UsageError: If there is no such contrast.
        """
        shown = get_contrast(contrast).name
        folder, found = self._upload(upload), self.uploads.recognised(upload) or {"scans": []}
        changed = {"contrast": shown, "reason": "you said so"}
        scans = [{**one, **changed} if one["id"] == scan else one for one in found["scans"]]
        write_json(folder / RECOGNISED, {**found, "scans": scans})

    def order(self, wish: TranslationOrder) -> DurableJob:
        """A new job.

        Raises:
            UsageError: If there is no such scan or model, or they do not fit.
        """
        folder, found = self._upload(wish.upload), self.scan(wish.upload, wish.scan)
        offer = self.offers.find(wish.model)
        if offer is None:
            raise UsageError("a model of this server", came="another", remedy="Choose one of /api/v1/models.")
        others = [self.scan(wish.upload, one) for one in wish.also]
        shown = [one["contrast"] for one in (found, *others)]
        if len(set(shown)) < len(shown):
            remedy = "Correct what they show, or leave one out."
            raise UsageError("scans of different contrasts", came=", ".join(map(str, shown)), remedy=remedy)
        possible = offer.targets_of([name for name in shown if name])
        if wish.target not in possible:
            expected = f"one of {', '.join(possible)}" if possible else "a scan that the model starts from"
            raise UsageError(expected, came=wish.target, remedy="Choose another target, or say what the scan shows.")
        dicom = found["form"] == "dicom" if wish.dicom is None else wish.dicom
        order = {
            "scan": str(folder / found["path"]),
            "model": str(offer.folder),
            "shows": found["contrast"],
            "also": {one["contrast"]: str(folder / one["path"]) for one in others},
            "target": wish.target,
            "dicom": dicom,
            "form": "dicom" if dicom else "file",
            "upload": wish.upload,
            "user": asking.get(),
            "offer": offer.id,
            "name": offer.recipe.name,
            "extent_mm3": prod(found["shape"]) * prod(found["spacing_mm"]),
        }
        job = self.ledger.add(_TRANSLATE, order)
        self.runner.wake()
        return job

    def jobs(self) -> list[DurableJob]:
        """The jobs of whoever asks, the newest first."""
        return [job for job in self.ledger.all() if job.order.get("user", "") == asking.get()]

    def scan(self, upload: str, scan: str) -> Json:
        """What was found of a scan.

        Raises:
            UsageError: If there is none of that id.
        """
        found = (self.uploads.recognised(upload) or {"scans": []})["scans"]
        for one in found:
            if one["id"] == scan:
                return dict(one)
        raise UsageError("a scan of the upload", came="another id", remedy="Choose one that the upload lists.")

    def answer(self, job: DurableJob) -> JobAnswer:
        """A job as clients see it."""
        order, place = job.order, self.runner.place(job.id)
        progress = (read_json(place / PROGRESS) or {}) if job.state == "running" else {}
        result = read_json(place / RESULT) if job.state == "done" else None
        keys = ("seconds", "warnings", "seen", "windows", "shape")
        done = Done(**{key: result[key] for key in keys}, form=order["form"]) if result else None
        offer, shown = self.offers.find(order["offer"]), order["shows"]
        units = {"source": shown, "prediction": order["target"]}
        return JobAnswer(
            id=job.id,
            kind=job.kind,
            title=order.get("title", ""),
            dataset=order.get("dataset", ""),
            state=job.state,
            source=shown,
            sources=[shown, *order.get("also", {})] if shown else [],
            target=order["target"],
            units={which: get_contrast(name).unit for which, name in units.items() if name},
            model=order["name"],
            attempts=job.attempts,
            created=job.created,
            began=job.began,
            ended=job.ended,
            reason=job.reason,
            stage=str(progress.get("stage", "")),
            done=int(progress.get("done", 0)),
            of=int(progress.get("of", 0)),
            expected_s=self._expected_s(offer, order["extent_mm3"]) if offer and shown else None,
            result=done,
        )

    def remove(self, job: str) -> bool:
        """Removes a job that has ended, with its files; false if there is none."""
        if not self.ledger.remove(job):
            return False
        shutil.rmtree(self.runner.place(job), ignore_errors=True)
        return True

    def sweep(self) -> None:
        """Removes what was kept long enough; what a data set was given stays until somebody removes it."""
        jobs, kept_s = [job for job in self.ledger.all() if "upload" in job.order], self.settings.kept_s
        needed = frozenset(job.order["upload"] for job in jobs if not job.has_ended)
        for name in self.uploads.purge(older_than_s=kept_s, but=needed):
            logger.info("upload %s is purged", name)
        for job in jobs:
            if job.has_ended and (job.ended or 0) < time.time() - kept_s:
                self.remove(job.id)
        self.trainings.sweep(before=time.time() - kept_s)

    def _sweep(self) -> None:
        while not self._ends.wait(min(self.settings.kept_s, _SWEEP_S)):
            self.sweep()

    def _upload(self, upload: str) -> Path:
        folder = self.uploads.find(upload)
        if folder is None:
            raise UsageError("an upload of this server", came="another id", remedy="Upload the scan again.")
        return folder

    def _scan(self, found: Json) -> ScanAnswer:
        having = [found["contrast"]] if found["contrast"] else []
        choices = [
            ModelChoice(**self._choice(offer, targets, found))
            for offer in self.offers.all
            if (targets := offer.targets_of(having))
        ]
        unit = get_contrast(found["contrast"]).unit if found["contrast"] else ""
        told = {key: value for key, value in found.items() if key not in {"path", "by_model"}}
        return ScanAnswer(**told, unit=unit, choices=choices)

    def _together(self, found: list[Json]) -> list[TogetherChoice]:
        """What can be made of the scans of an upload at once: of the first of each contrast that no model made."""
        scans = {one["contrast"]: one for one in reversed(found) if one["contrast"] and not one.get("by_model")}
        choices = []
        for offer in self.offers.all:
            used, targets = offer.uses(scans), offer.targets_of(scans)
            if len(used) > 1 and targets:
                ids = [scans[name]["id"] for name in used]
                choices.append(TogetherChoice(**self._choice(offer, targets, scans[used[0]]), scans=ids))
        return choices

    def _choice(self, offer: Offer, targets: list[str], scan: Json) -> Json:
        """The fields of a ``ModelChoice`` for a scan, or for several of its size."""
        return {
            "model": offer.id,
            "name": offer.recipe.name,
            "targets": targets,
            "seconds": self._expected_s(offer, prod(scan["shape"]) * prod(scan["spacing_mm"])),
            "memory_mib": offer.expected_mib(scan["shape"], scan["spacing_mm"]),
        }

    def _expected_s(self, offer: Offer, extent_mm3: float) -> float | None:
        done = [job for job in self.ledger.all() if job.state == "done" and job.order["offer"] == offer.id][:9]
        before = [result for job in done if (result := read_json(self.runner.place(job.id) / RESULT))]
        return expected_s(offer, extent_mm3, before=before)
