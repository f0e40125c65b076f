"""The fixture's files: what an earlier version left on disk, kept as text and safetensors, and put back as it was.

    cohort.csv               SHA-256 of every scan of the phantom cohort that all of it was made with
    environment.json         versions and processor that made it, see ``environment``
    translation/, segmentation/, study/    folders of two runs and of a search
    store/                   a prepared case of the run ``translation``
    expected/                what the verbs made of them

Three sorts of file do not lie there as they are. A checkpoint is ``<name>.json``, the nested state with strides in the
place of tensors, beside ``<name>.safetensors``, the tensors in their order. A blosc2 file is ``<name>.b2nd.base64``. A
study is ``study.sql``, the statements that fill its database.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import io
import json
import platform
import shutil
import sqlite3
import sys
import textwrap
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

FIXTURE = Path(__file__).parent / "fixture"
BOTH = ("plan.yaml", "fingerprint.json")
_PACKAGES = ("numpy", "scipy", "torch", "optuna", "blosc2", "isal", "pydantic", "PyYAML")
_CPUINFO = Path("/proc/cpuinfo")


def environment() -> dict[str, str]:
    """What the last digits of a result depend on; the processor's name is told by a part of its SHA-256."""
    facts = _CPUINFO.read_text(encoding="utf-8").splitlines() if _CPUINFO.is_file() else []
    name = next((line for line in facts if line.startswith("model name")), platform.machine())
    return {
        **{package: importlib.metadata.version(package) for package in _PACKAGES},
        "processor": hashlib.sha256(name.encode()).hexdigest()[:12],
        "instructions": torch.backends.cpu.get_cpu_capability(),
    }


def digests(cohort: Path) -> str:
    """Of every scan of a cohort its SHA-256, as CSV."""
    scans = sorted(cohort.glob("Phantom-*/*.nii.gz"))
    rows = (f"{path.relative_to(cohort)},{hashlib.sha256(path.read_bytes()).hexdigest()}\n" for path in scans)
    return "file,sha256\n" + "".join(rows)


def in_lines(value: Any) -> str:
    """JSON with a line for every entry of a list of mappings or of pairs: small, and still to be compared by eye."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.replace("},{", "},\n{").replace("}],[", "}],\n[") + "\n"


def pack_run(run: Path, folder: Path) -> None:
    """Keeps what a run needs to go on and to be used; its figures and its prepared store are left out.

    What lies in the bundle as in the run is kept once.
    """
    for path in (*run.glob("*.*"), *run.glob("bundle/*")):
        twice = path.parent != run and path.name in BOTH
        if path.is_file() and not path.name.startswith(".") and not twice:
            _copy(path, folder / path.relative_to(run))
    latest = max(run.glob("checkpoints/step_*.ckpt"))
    for path in (latest, run / "checkpoints" / "best.ckpt"):
        _pack_checkpoint(path, folder / "checkpoints")


def unpack_run(folder: Path, run: Path) -> Path:
    """The run as it was."""
    shutil.copytree(folder, run, ignore=shutil.ignore_patterns("checkpoints"))
    for name in BOTH:
        _copy(run / name, run / "bundle" / name)
    for path in folder.glob("checkpoints/*.json"):
        _unpack_checkpoint(path, run / "checkpoints")
    return run


def pack_store(case: Path, folder: Path) -> None:
    """Keeps a prepared case."""
    folder.mkdir(parents=True)
    _copy(case / "case.json", folder / "case.json")
    for path in case.glob("*.b2nd"):
        lines = textwrap.wrap(base64.b64encode(path.read_bytes()).decode(), 120)
        (folder / f"{path.name}.base64").write_text("\n".join(lines) + "\n", encoding="ascii")


def unpack_store(folder: Path, case: Path) -> Path:
    """The prepared case as it was."""
    case.mkdir(parents=True)
    _copy(folder / "case.json", case / "case.json")
    for path in folder.glob("*.base64"):
        (case / path.stem).write_bytes(base64.b64decode(path.read_text(encoding="ascii")))
    return case


def pack_study(database: Path, path: Path) -> None:
    """Keeps a study as SQL."""
    with closing(sqlite3.connect(database)) as connection:
        path.write_text("\n".join(connection.iterdump()) + "\n", encoding="utf-8")


def unpack_study(path: Path, database: Path) -> Path:
    """The study's database with the content that it had."""
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(path.read_text(encoding="utf-8"))
    return database


def _copy(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_bytes(path.read_bytes())


def _pack_checkpoint(path: Path, folder: Path) -> None:
    content = path.read_bytes()
    state = torch.load(io.BytesIO(content[32:]), map_location="cpu", weights_only=True)
    tensors: dict[str, torch.Tensor] = {}
    folder.mkdir(parents=True, exist_ok=True)
    told = {"sha256": content[:32].hex(), "state": _tell(state, tensors)}
    (folder / f"{path.stem}.json").write_text(in_lines(told), encoding="utf-8")
    save_file(tensors, folder / f"{path.stem}.safetensors")


def _unpack_checkpoint(path: Path, folder: Path) -> None:
    """The layout of a checkpoint: 32 bytes of SHA-256, then what ``torch.save`` makes of the state."""
    told = json.loads(path.read_text(encoding="utf-8"))
    kept = load_file(path.with_suffix(".safetensors"))
    buffer = io.BytesIO()
    torch.save(_retell(told["state"], iter([kept[str(number)] for number in range(len(kept))])), buffer)
    data = buffer.getvalue()
    folder.mkdir(exist_ok=True)
    (folder / f"{path.stem}.ckpt").write_bytes(hashlib.sha256(data).digest() + data)


def _tell(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """A nested state as JSON; its tensors are gathered under their numbers."""
    if isinstance(value, torch.Tensor):
        tensors[str(len(tensors))] = value.contiguous().clone()
        return {"tensor": list(value.stride())}
    if isinstance(value, dict):
        kind = "ordered" if isinstance(value, OrderedDict) else "dict"
        items = [[key, _tell(inner, tensors)] for key, inner in value.items()]
        return {kind: items} | ({"metadata": value._metadata} if hasattr(value, "_metadata") else {})
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_tell(inner, tensors) for inner in value]}
    return value


def _retell(told: Any, tensors: Iterator[torch.Tensor]) -> Any:
    if not isinstance(told, dict):
        return told
    if "tensor" in told:
        kept = next(tensors)
        return torch.empty_strided(kept.shape, told["tensor"], dtype=kept.dtype).copy_(kept)
    for kind in (list, tuple):
        if kind.__name__ in told:
            return kind(_retell(inner, tensors) for inner in told[kind.__name__])
    if "dict" in told:
        return dict(_items(told["dict"], tensors))
    state = OrderedDict(_items(told["ordered"], tensors))
    if "metadata" in told:
        state._metadata = OrderedDict(told["metadata"])
    return state


def _items(pairs: list[list[Any]], tensors: Iterator[torch.Tensor]) -> Iterator[tuple[Any, Any]]:
    """Keys are one object where they are equal, as in a state, or ``torch.save`` would write other bytes."""
    for key, value in pairs:
        yield sys.intern(key) if isinstance(key, str) else key, _retell(value, tensors)
