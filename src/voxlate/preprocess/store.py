"""The prepared store: prepared cases on disk, compressed in blocks, so that a cohort need not fit into memory.

A folder per plan holds a folder per case: one blosc2 file per contrast and one for the mask, one for what a contrast
shows where that is not all, one transform of ITK's per contrast that was registered, and ``case.json`` with their
SHA-256, the grid and the scalings. A case is keyed by the SHA-256 of its input files, the plan and the code that
prepared it: where one of them changed, or a stored byte did, the case is prepared anew and the log says why.

Every file appears whole, ``case.json`` last, and names depend on the key alone. Two processes that prepare the same
case therefore write the same bytes, and neither needs to wait for the other.

LZ4 over shuffled bytes, blocks of 32 x 32 x 8 voxels in chunks of 96 x 96 x 32: of the shapes and codecs tried, the
one that reads an axial slice (0.14 ms), a sagittal one (0.4 ms) and a patch of 96^3 (1.1 ms) fastest, at 0.3 of the
size. More compression (zstd) saves a tenth of the disk and costs three times the time.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import DTypeLike
from pydantic import Field, ValidationError

from voxlate import derivation
from voxlate._version import __version__
from voxlate.cohort import coverage
from voxlate.cohort.case import Case
from voxlate.contrast import get_contrast
from voxlate.derivation import files_of
from voxlate.errors import ReadError, UsageError, readable
from voxlate.io.atomic import check_writable, write_bytes
from voxlate.io.reading import file_digest
from voxlate.io.transforms import Transform, write_transform
from voxlate.preprocess.intensity import Scaling
from voxlate.preprocess.plan import Plan
from voxlate.preprocess.prepare import PreparedCase, prepare_case
from voxlate.progress import telling
from voxlate.strict import StrictModel, later
from voxlate.volume import Array, Grid
from voxlate.windows import Sliceable

logger = logging.getLogger(__name__)
_CHUNKS = (96, 96, 32)
_BLOCKS = (32, 32, 8)
_OPEN_CASES = 64
_Row = tuple[float, float, float, float]


class _GridRecord(StrictModel):
    shape: tuple[int, int, int]
    affine: tuple[_Row, _Row, _Row, _Row]


class _FileRecord(StrictModel):
    name: str
    sha256: str


class _CaseRecord(StrictModel):
    """What ``case.json`` says; ``mask`` is the foreground, not the contrast of that name."""

    case_id: str
    inputs: dict[str, str]
    plan: str
    code: str
    arrays: dict[str, _FileRecord]
    mask: _FileRecord
    transforms: dict[str, _FileRecord] = Field(default_factory=dict)
    grid: _GridRecord
    source_grid: _GridRecord
    trailing_axes: int
    scalings: dict[str, Scaling]
    notes: tuple[str, ...]
    valid: dict[str, _FileRecord] = later({}, description="By contrast that does not show all of the foreground.")

    def files(self) -> tuple[_FileRecord, ...]:
        """All files of the case but this one."""
        return (*self.arrays.values(), self.mask, *self.transforms.values(), *self.valid.values())


class _StoredArray:
    """An array on disk that reads only the blocks that a slice needs.

    It is opened at the first reading in each process, so that it can be sent to loader processes.

    Args:
        path: A blosc2 file.
        shape: ``(i, j, k)``.
        dtype: What slices are given as; label maps are stored in fewer bytes.
    """

    def __init__(self, path: Path, shape: tuple[int, int, int], *, dtype: type[np.generic]) -> None:
        self.path = path
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self._opened: Sliceable | None = None

    def __getitem__(self, key: Any, /) -> Array:  # noqa: ANN401
        if self._opened is None:
            self._opened = _open(self.path)
        parts = key if isinstance(key, tuple) else (key,)
        if any(part is None or part is Ellipsis for part in parts):
            return np.asarray(np.asarray(self._opened[:], dtype=self.dtype)[key])
        return np.asarray(self._opened[key], dtype=self.dtype)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        return np.asarray(self[:], dtype=dtype)

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_opened": None}

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)


class PreparedStore:
    """Prepared cases by id.

    Args:
        folder: Where they lie; stores of several plans may share it.
        plan: How cases are prepared.
        contrasts: What each case holds.
        optional: What a case holds where its data set has it.

    Example:
        >>> store = PreparedStore(Path("prepared"), plan, ["t1", "t2"])  # doctest: +SKIP
        >>> store.prepare(cohort.cases)  # doctest: +SKIP
        >>> store["case-001"].arrays["t1"][:, :, 70]  # doctest: +SKIP
    """

    def __init__(self, folder: Path, plan: Plan, contrasts: Sequence[str], *, optional: Sequence[str] = ()) -> None:
        self.plan = plan
        self.contrasts = tuple(dict.fromkeys(get_contrast(name).name for name in contrasts))
        self.optional = tuple(dict.fromkeys(get_contrast(name).name for name in optional))
        self._plan_key = _digest({"plan": plan.digest(), "contrasts": self.contrasts, "optional": self.optional})
        self.folder = Path(folder) / self._plan_key[:16]
        self._sources: dict[str, Case] = {}
        self._open: OrderedDict[str, PreparedCase] = OrderedDict()

    def prepare(self, cases: Sequence[Case], progress: Callable[[int, int], None] | None = None) -> None:
        """Prepares the cases that are not there, not whole or not up to date; holds one case in memory.

        Args:
            cases: What to prepare.
            progress: Called with how many cases are done, and of how many.

        Raises:
            ReadError: If a case cannot be read or trusted.
            WriteError: If the store cannot be written.
        """
        self.expect(cases)
        for case in telling(cases, progress):
            reason = self._staleness(case)
            if reason is not None:
                self._build(case, reason)

    def expect(self, cases: Sequence[Case]) -> None:
        """Notes what cases that are prepared, perhaps by another process, are made from again if they are damaged."""
        self._sources |= {case.id: case for case in cases}

    def __getitem__(self, case_id: str) -> PreparedCase:
        """A prepared case; its files are checked against their digests when it is first opened in a process.

        Raises:
            UsageError: If it was never prepared.
            ReadError: If it is damaged and its source is not known here.
        """
        if case_id in self._open:
            self._open.move_to_end(case_id)
            return self._open[case_id]
        record, damage = self._read(case_id)
        if damage is not None:
            record = self._rebuild(case_id, damage)
        if record is None:
            raise UsageError(
                "the id of a prepared case", came=repr(case_id), where=self.folder, remedy="Prepare it first."
            )
        return self._keep(record)

    def __contains__(self, case_id: object) -> bool:
        return isinstance(case_id, str) and (self._case_folder(case_id) / "case.json").is_file()

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_open": OrderedDict(self._open)}

    def _keep(self, record: _CaseRecord) -> PreparedCase:
        case = self._as_case(record)
        self._open[record.case_id] = case
        while len(self._open) > _OPEN_CASES:
            self._open.popitem(last=False)
        return case

    def _staleness(self, case: Case) -> str | None:
        """Why a case must be prepared, or ``None`` if what is stored stands."""
        record, damage = self._read(case.id)
        if record is None:
            return damage or ""
        if record.code != _code_digest():
            return "the code that prepared it changed"
        inputs = self._inputs(case)
        if record.inputs != inputs:
            changed = sorted(name for name in inputs if record.inputs.get(name) != inputs[name])
            return f"the input changed: {', '.join(changed) or 'a file is gone'}"
        return None

    def _rebuild(self, case_id: str, damage: str) -> _CaseRecord | None:
        if case_id not in self._sources:
            raise ReadError(
                "an undamaged prepared case",
                came=damage,
                where=self._case_folder(case_id),
                remedy="Delete the folder; the case is prepared again at the next run.",
            )
        self._build(self._sources[case_id], damage)
        return self._read(case_id)[0]

    def _build(self, case: Case, reason: str) -> None:
        if reason:
            logger.warning("case %s is prepared again: %s", case.id, reason)
        self._open.pop(case.id, None)
        folder = self._case_folder(case.id)
        check_writable(folder)
        inputs = self._inputs(case)
        key = _digest({"inputs": inputs, "plan": self._plan_key, "code": _code_digest()})[:12]
        prepared = self._prepared(case)
        arrays = {
            name: _write(folder / f"{name}-{key}.b2nd", _compact(np.asarray(array), name))
            for name, array in prepared.arrays.items()
        }
        mask = _write(folder / f"foreground-{key}.b2nd", np.asarray(prepared.mask))
        valid = {
            name: _write(folder / f"{name}-shown-{key}.b2nd", np.asarray(shown))
            for name, shown in prepared.valid.items()
        }
        transforms = {
            name: _write_transform(folder / f"{name}-{key}.tfm", transform)
            for name, transform in prepared.transforms.items()
        }
        record = _CaseRecord(
            case_id=case.id,
            inputs=inputs,
            plan=self._plan_key,
            code=_code_digest(),
            arrays=arrays,
            mask=mask,
            transforms=transforms,
            grid=_grid_record(prepared.grid),
            source_grid=_grid_record(prepared.source_grid),
            trailing_axes=prepared.trailing_axes,
            scalings=dict(prepared.scalings),
            notes=prepared.notes,
            valid=valid,
        )
        values = record.model_dump(mode="json")
        text = json.dumps({"digest": _digest(values), "record": values}, indent=1)
        write_bytes(folder / "case.json", text.encode())
        kept = {file.name for file in record.files()}
        for path in (*folder.glob("*-*.b2nd"), *folder.glob("*-*.tfm")):
            if path.name not in kept and not path.name.startswith("."):
                path.unlink(missing_ok=True)

    def _prepared(self, case: Case) -> PreparedCase:
        """The case with what is optional, or without where that is refused: nothing that is learned depends on it."""
        plan, there = self.plan.of(case), tuple(name for name in self.optional if name in case.paths)
        needed = (*self.contrasts, *(name for name in there if name in plan.normalisers))
        extra = tuple(name for name in there if name not in needed)
        try:
            return prepare_case(case, plan, contrasts=(*needed, *extra))
        except ReadError as error:
            if not extra:
                raise
            prepared = prepare_case(case, plan, contrasts=needed)
            logger.warning("case %s goes without its %s: %s", case.id, ", ".join(extra), error)
            return prepared

    def _read(self, case_id: str) -> tuple[_CaseRecord | None, str | None]:
        """The record of a case if all of it is whole; else what is damaged, if anything is there."""
        folder = self._case_folder(case_id)
        try:
            content = json.loads((folder / "case.json").read_bytes())
            if content["digest"] != _digest(content["record"]):
                return None, "case.json is damaged"
            record = _CaseRecord.model_validate(content["record"])
        except FileNotFoundError:
            return None, None
        except (OSError, ValueError, KeyError, TypeError, ValidationError):
            return None, "case.json is damaged"
        if record.case_id != case_id or record.plan != self._plan_key:
            return None, "case.json belongs to something else"
        if case_id not in self._open:
            for file in record.files():
                if _file_sha256(folder / file.name) != file.sha256:
                    return None, f"{file.name} is damaged"
        return record, None

    def _inputs(self, case: Case) -> dict[str, str]:
        """The digest of every file that the prepared case depends on."""
        files = files_of(self.contrasts, self.plan.derive, case.paths)
        names = {self.plan.reference, *files, *self.optional}
        if self.plan.mask.kind == "file":
            names.add("mask")
        return {name: file_digest(case.paths[name]) for name in sorted(names) if name in case.paths}

    def _case_folder(self, case_id: str) -> Path:
        readable = quote(case_id, safe=" ")[:60].replace(".", "%2E")
        return self.folder / f"{readable}-{hashlib.sha256(case_id.encode()).hexdigest()[:8]}"

    def _as_case(self, record: _CaseRecord) -> PreparedCase:
        folder = self._case_folder(record.case_id)
        shape = record.grid.shape
        return PreparedCase(
            case_id=record.case_id,
            arrays={n: _StoredArray(folder / f.name, shape, dtype=np.float32) for n, f in record.arrays.items()},
            mask=_StoredArray(folder / record.mask.name, shape, dtype=np.bool_),
            grid=_grid(record.grid),
            source_grid=_grid(record.source_grid),
            trailing_axes=record.trailing_axes,
            scalings=record.scalings,
            notes=record.notes,
            valid={n: _StoredArray(folder / f.name, shape, dtype=np.bool_) for n, f in record.valid.items()},
        )


@cache
def _code_digest() -> str:
    """SHA-256 of the code that a prepared array depends on: version, this package, derivations, what images show."""
    digest = hashlib.sha256(__version__.encode())
    for path in (*sorted(Path(__file__).parent.rglob("*.py")), Path(derivation.__file__), Path(coverage.__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _compact(array: Array, name: str) -> Array:
    """Label maps in the fewest bytes that hold them exactly."""
    if get_contrast(name).kind != "label":
        return array
    small = array.astype(np.result_type(np.min_scalar_type(int(array.min())), np.min_scalar_type(int(array.max()))))
    return small if np.array_equal(small, array) else array


def _write(path: Path, array: Array) -> _FileRecord:
    import blosc2

    chunks = tuple(min(whole, n) for whole, n in zip(_CHUNKS, array.shape, strict=True))
    blocks = tuple(min(whole, n) for whole, n in zip(_BLOCKS, chunks, strict=True))
    # One thread: the order of chunks in the file, and so its digest, must not depend on chance.
    settings = {"codec": blosc2.Codec.LZ4, "clevel": 5, "filters": [blosc2.Filter.SHUFFLE], "nthreads": 1}
    packed = blosc2.asarray(np.ascontiguousarray(array), chunks=chunks, blocks=blocks, cparams=settings).to_cframe()
    write_bytes(path, packed)
    return _FileRecord(name=path.name, sha256=hashlib.sha256(packed).hexdigest())


def _write_transform(path: Path, transform: Transform) -> _FileRecord:
    write_transform(transform, path)
    return _FileRecord(name=path.name, sha256=_file_sha256(path) or "")


def _open(path: Path) -> Sliceable:
    import blosc2

    if readable(str(path)) != str(path):  # blosc2 opens no path that is no UTF-8
        whole: Sliceable = blosc2.ndarray_from_cframe(path.read_bytes())
        return whole
    # One thread: slices are small, and loader processes are the parallelism.
    opened: Sliceable = blosc2.open(str(path), mode="r", mmap_mode="r", dparams={"nthreads": 1})
    return opened


def _file_sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _digest(values: object) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _grid_record(grid: Grid) -> _GridRecord:
    a, b, c, d = (tuple(float(value) for value in row) for row in grid.affine)
    return _GridRecord.model_validate({"shape": grid.shape, "affine": (a, b, c, d)})


def _grid(record: _GridRecord) -> Grid:
    return Grid(record.shape, np.array(record.affine))
