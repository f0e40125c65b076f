"""A client of ``voxlate serve`` in Python, by the standard library alone: the extra ``web`` is the server's.

client = voxlate.Client("http://127.0.0.1:8421", token)
upload = client.recognise(client.upload("head_T1w.nii.gz", "head_FLAIR.nii.gz"))
job = client.wait(client.translate(upload, target="t2"))
client.download(job, "head_T2w.nii.gz")
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from http.client import HTTPException
from pathlib import Path
from typing import IO, Literal, TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from voxlate.errors import NetworkError, UsageError, VoxlateError
from voxlate.io.atomic import write_bytes
from voxlate.progress import ProgressReport, silent
from voxlate.web.answers import JobAnswer, ModelAnswer, ScanAnswer, Typed, UploadAnswer
from voxlate.web.datasets.answers import CaseAnswer, CasesAnswer, DataSetAnswer

_PIECE = 2**20
_LOOK_S = 0.5
_HERE = {"127.0.0.1", "localhost", "::1"}
_ACTIVE = {"queued", "running"}
_Answer = TypeVar("_Answer", bound=Typed)
_What = Literal["image", "nifti", "sidecar", "picture", "log"]


class Client:
    """What the page does, for programs. Answers are the values that ``/api/v1/openapi.json`` describes.

    Args:
        url: The server's address, ``http://127.0.0.1:8421`` say; the link that it prints is taken, too.
        token: The server's; where the link tells it, none is needed.
        timeout_s: How long an answer may take.

    Raises:
        UsageError: If the address is none, or nothing tells the token.
    """

    def __init__(self, url: str, token: str = "", *, timeout_s: float = 600.0) -> None:
        parts = urlsplit(url)
        told = token or parts.query.removeprefix("token=")
        if parts.scheme not in {"http", "https"} or not told:
            came = "no token" if not told else url.partition("?")[0]
            remedy = "Give the link that `voxlate serve` prints, or its address and the token."
            raise UsageError("the address of a server, and its token", came=came, remedy=remedy)
        self.url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self._token, self._timeout_s = told, timeout_s
        self._opener = build_opener(*([ProxyHandler({})] if parts.hostname in _HERE else []))

    def __repr__(self) -> str:
        """Where the server is; the token is nobody's business."""
        return f"Client({self.url!r})"

    def models(self) -> list[ModelAnswer]:
        """The models that the server has."""
        return self._list(ModelAnswer, "/models")

    def upload(self, *scans: str | Path) -> str:
        """Uploads scans of one person.

        Args:
            *scans: Files of volumes, zip archives, or folders of DICOM.

        Returns:
            The id of the upload.

        Raises:
            UsageError: If there is no such file, or more than the server takes.
            NetworkError: If the server does not answer.
        """
        files = [file for scan in scans for file in _files(Path(scan))]
        upload = self._ask(UploadAnswer, "POST", "/uploads").id
        for file in files:
            headers = {"x-file-name": quote(file.name), "content-length": str(file.stat().st_size)}
            with file.open("rb") as body, closing(self._open("PUT", f"/uploads/{upload}/files", body, headers)):
                pass
        return upload

    def recognise(self, upload: str) -> UploadAnswer:
        """What an upload shows, and what can be made of it; the first time that it is called, no more files are taken.

        Raises:
            UsageError: If there is no such upload, or its files cannot be read.
        """
        return self._ask(UploadAnswer, "POST", f"/uploads/{upload}/finish")

    def correct(self, upload: UploadAnswer, scan: ScanAnswer, *, shows: str) -> UploadAnswer:
        """Says what a scan shows, where that was not recognised, or wrongly.

        Raises:
            UsageError: If there is no such contrast.
        """
        return self._ask(UploadAnswer, "PATCH", f"/uploads/{upload.id}/scans/{scan.id}", {"contrast": shows})

    def translate(
        self,
        upload: UploadAnswer,
        *,
        target: str,
        model: str = "default",
        scans: Sequence[str] | None = None,
        dicom: bool | None = None,
    ) -> JobAnswer:
        """Orders a translation.

        Args:
            upload: As ``recognise`` tells it.
            target: The wanted contrast.
            model: The id of a model; ``default`` for the one that Voxlate has.
            scans: The ids of the scans that it is made from, the first of which gives the grid; by default all that
                the model can use.
            dicom: Write DICOM; by default where the source was DICOM.

        Raises:
            UsageError: If scan, model and target do not fit.
        """
        several = next((one.scans for one in upload.together if one.model == model and target in one.targets), None)
        fitting = [one.id for one in upload.scans if any(model == c.model and target in c.targets for c in one.choices)]
        chosen = list(scans or several or fitting[:1])
        if not chosen:
            remedy = "See the choices of its scans; correct() says what one shows."
            raise UsageError(f"a scan that {model} makes {target} of", came="none", remedy=remedy)
        order = {"upload": upload.id, "scan": chosen[0], "also": chosen[1:], "target": target, "model": model}
        return self._ask(JobAnswer, "POST", "/jobs", {**order, "dicom": dicom})

    def datasets(self) -> list[DataSetAnswer]:
        """The data sets that the server may read, without their cases."""
        return self._list(DataSetAnswer, "/datasets")

    def dataset(self, name: str) -> DataSetAnswer:
        """What a data set has of which case, once somebody has looked: that may take minutes.

        Args:
            name: Its id.

        Raises:
            UsageError: If there is none of that id, or it cannot be read.
        """
        told = self._ask(DataSetAnswer, "POST", f"/datasets/{name}/look")
        while told.state == "looking":
            time.sleep(_LOOK_S)
            told = self._ask(DataSetAnswer, "GET", f"/datasets/{name}")
        if told.state != "known":
            raise UsageError("a data set", came="one that cannot be read", where=told.name, remedy=told.reason)
        return told

    def complete(
        self,
        dataset: DataSetAnswer,
        *,
        target: str,
        model: str = "default",
        poor: bool = False,
        marked: Sequence[str] = (),
        every: bool = False,
    ) -> JobAnswer:
        """Orders what a data set lacks, as ``voxlate translate`` on it does.

        Args:
            dataset: As ``dataset`` tells it.
            target: The wanted contrast.
            model: The id of a model.
            poor: Make scans anew that are poor, too.
            marked: Cases whose scan of the target is poor in a way that no header tells: moved, say.
            every: Make it of every case.

        Raises:
            UsageError: If model and target do not fit.
        """
        order = {"target": target, "model": model, "poor": poor, "marked": list(marked), "every": every}
        return self._ask(JobAnswer, "POST", f"/datasets/{dataset.id}/jobs", order)

    def cases(self, job: JobAnswer) -> list[CaseAnswer]:
        """What became so far of the cases of a job of a data set."""
        return self._ask(CasesAnswer, "GET", f"/jobs/{job.id}/cases").cases

    def jobs(self) -> list[JobAnswer]:
        """Every job of the server, the newest first."""
        return self._list(JobAnswer, "/jobs")

    def wait(self, job: JobAnswer, *, report: ProgressReport = silent) -> JobAnswer:
        """Waits until a job has ended well.

        Args:
            job: The job.
            report: Called with what its worker does, how much of it is done, and of how much.

        Raises:
            VoxlateError: If it fails or is cancelled, with the reason.
        """
        while job.state in _ACTIVE:
            report(job.stage, job.done, job.of)
            time.sleep(_LOOK_S)
            job = self._ask(JobAnswer, "GET", f"/jobs/{job.id}")
        if job.state != "done":
            remedy = job.reason or "Order it again."
            raise VoxlateError("a job that ends well", came=f"one that {job.state}", where=self.url, remedy=remedy)
        return job

    def cancel(self, job: JobAnswer) -> JobAnswer:
        """Ends a job that waits or runs."""
        return self._ask(JobAnswer, "POST", f"/jobs/{job.id}/cancel")

    def resume(self, job: JobAnswer) -> JobAnswer:
        """Begins a job again that failed or was cancelled; what it has finished is not made anew."""
        return self._ask(JobAnswer, "POST", f"/jobs/{job.id}/retry")

    def download(self, job: JobAnswer, path: str | Path, *, what: _What = "image") -> Path:
        """Writes a file of a job that is done, whole or not at all.

        Args:
            job: The job.
            path: The file to write, which is replaced if it is there.
            what: The image (of DICOM or a data set a zip archive), the same as NIfTI, its sidecar, picture or log.

        Raises:
            UsageError: If there is no such file.
            WriteError: If it cannot be written.
        """
        with closing(self._open("GET", f"/jobs/{job.id}/files/{what}")) as answer:
            write_bytes(Path(path), _pieces(answer))
        return Path(path)

    def _ask(self, kind: type[_Answer], method: str, path: str, body: object = None) -> _Answer:
        return kind.model_validate_json(self._text(method, path, body), extra="ignore")  # of a later version

    def _list(self, kind: type[_Answer], path: str) -> list[_Answer]:
        return [kind.model_validate(one, extra="ignore") for one in json.loads(self._text("GET", path))]

    def _text(self, method: str, path: str, body: object = None) -> bytes:
        sent = None if body is None else json.dumps(body).encode()
        with closing(self._open(method, path, sent, {"content-type": "application/json"})) as answer:
            return answer.read()

    def _open(
        self, method: str, path: str, body: bytes | IO[bytes] | None = None, headers: dict[str, str] | None = None
    ) -> IO[bytes]:
        address = f"{self.url}/api/v1{path}"
        asked = {"authorization": f"Bearer {self._token}"} | (headers or {})
        if isinstance(body, bytes):
            asked["content-length"] = str(len(body))
        request = Request(address, data=body, headers=asked, method=method)  # noqa: S310  http or https, as checked
        try:
            answer: IO[bytes] = self._opener.open(request, timeout=self._timeout_s)
        except HTTPError as error:
            raise _refusal(error) from error
        except (URLError, HTTPException, OSError) as error:
            remedy = "Is it running? A file that is larger than it takes breaks the connection, too."
            raise NetworkError("a server that answers", came=str(error), where=self.url, remedy=remedy) from error
        return answer


def _files(scan: Path) -> list[Path]:
    found = sorted(path for path in scan.rglob("*") if path.is_file()) if scan.is_dir() else [scan]
    if not found or not found[0].is_file():
        raise UsageError("a file, or a folder of files", came="none", where=scan, remedy="Correct the path.")
    return found


def _pieces(answer: IO[bytes]) -> Iterator[bytes]:
    while piece := answer.read(_PIECE):
        yield piece


def _refusal(error: HTTPError) -> VoxlateError:
    """What the server says of a request that it refuses."""
    with closing(error):
        try:
            told = json.loads(error.read())
            words = {"came": str(told["came"]), "remedy": str(told["remedy"])}
            return UsageError(str(told["expected"]), **words)
        except (ValueError, KeyError, TypeError, OSError):
            remedy = "Its log says why."
            return NetworkError("an answer", came=f"{error.code} {error.reason}", remedy=remedy)
