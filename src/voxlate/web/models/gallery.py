"""What is known of a model: what lies in its bundle, in its run, and in evaluations of it.

An evaluation is a folder with ``summary.json`` and ``report.html``, in the run or beside it, whose report names the
digest of the model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from voxlate.bundle.bundle import Bundle
from voxlate.bundle.ensemble import read_model
from voxlate.contrast import get_contrast
from voxlate.evaluation.words import better, metric_title
from voxlate.jobs.job import read_json
from voxlate.plainyaml import Json
from voxlate.preprocess.fingerprint import Fingerprint
from voxlate.question import Query
from voxlate.regions import FOREGROUND, UNIONS, in_words
from voxlate.web.answers import ModelAnswer
from voxlate.web.models.answers import (
    CurveAnswer,
    EvaluationAnswer,
    FigureAnswer,
    FingerprintAnswer,
    ModelPage,
    ScoreAnswer,
    SeenContrast,
)
from voxlate.web.offers import Offer

_MOST_POINTS = 400
_CARD, _LOG = "MODEL_CARD.md", "log.jsonl"


def short_answer(offer: Offer) -> ModelAnswer:
    """A model in a list."""
    return ModelAnswer(
        id=offer.id,
        name=offer.recipe.name,
        sources=offer.sources,
        targets=list(offer.recipe.wanted),
        trained_on=offer.bundle.trained_on,
        digest=offer.digest,
    )


def page_of(offer: Offer, *, came: bool) -> ModelPage:
    """All that is known of a model.

    Args:
        offer: The model.
        came: Whether it has come by this server.
    """
    bundle = read_model(offer.folder)
    return ModelPage(
        model=short_answer(offer),
        came=came,
        paper=bundle.recipe.paper,
        method=bundle.recipe.method.name,
        card=(bundle.folder / _CARD).read_text(encoding="utf-8"),
        recipe=(bundle.folder / "recipe.yaml").read_text(encoding="utf-8"),
        size_bytes=sum(path.stat().st_size for path in bundle.folder.iterdir() if path.is_file()),
        scores=[*_evaluations(offer), _validation(bundle), *_questions(bundle)],
        fingerprint=_fingerprint(bundle.fingerprint),
        figures=[FigureAnswer(id=name, title=title_of(path)) for name, path in figures_in(_pictured(offer)).items()],
        has_curves=(_run_of(offer) / _LOG).is_file(),
    )


def figure_of(offer: Offer, name: str) -> Path | None:
    """The picture of an id, if there is one."""
    return figures_in(_pictured(offer)).get(name)


def figures_in(folders: Sequence[Path]) -> dict[str, Path]:
    """The pictures in folders, by ids that do not tell their names."""
    found = (path for folder in folders for path in sorted(folder.glob("*.png")))
    return {hashlib.sha256(str(path).encode(errors="surrogateescape")).hexdigest()[:12]: path for path in found}


def curves_of(offer: Offer) -> list[CurveAnswer]:
    """The losses and validations of the model's training; none where its log is not there."""
    return curves_in(_run_of(offer))


def curves_in(run: Path) -> list[CurveAnswer]:
    """The losses and validations of a run, each of a few hundred points at most; of many steps the mean."""
    from voxlate.reporting.run.curves import read_curves
    from voxlate.training.loop.journal import read_log

    losses, metrics = read_curves(read_log(run / _LOG))
    told = []
    for kind, curves in (("loss", losses), ("metric", metrics)):
        for curve in curves:
            parts = min(_MOST_POINTS, len(curve.steps))
            steps, values = (np.array_split(one, parts) for one in (curve.steps, curve.values))
            told.append(
                CurveAnswer.model_validate(
                    {
                        "name": curve.name,
                        "title": metric_title(curve.name),
                        "kind": kind,
                        "better": better(curve.name),
                        "steps": [float(part[-1]) for part in steps],
                        "values": [float(part.mean()) for part in values],
                    }
                )
            )
    return told


def _run_of(offer: Offer) -> Path:
    """The folder of the run: that which holds the bundle, where the offer is the bundle itself."""
    return offer.folder.parent if offer.folder.name == "bundle" else offer.folder


def _pictured(offer: Offer) -> list[Path]:
    return [_run_of(offer) / "figures", *(place / "figures" for place in _evaluated(offer))]


def title_of(path: Path) -> str:
    """What a picture shows, by the name of its file."""
    words = path.stem.replace("_", " ")
    return f"step {int(words.removeprefix('step '))}" if words.removeprefix("step ").isdecimal() else words


def _validation(bundle: Bundle) -> EvaluationAnswer:
    metrics: Mapping[str, float | None] = bundle.scores.get("metrics", {})
    scores = [
        ScoreAnswer(title=metric_title(name), unit="1", better=better(name), value=v) for name, v in metrics.items()
    ]
    note = "Of the chosen weights, in normalised intensity; they were chosen on these cases."
    return EvaluationAnswer(title="Validation", cases=int(bundle.scores.get("cases", 0)), note=note, scores=scores)


def _questions(bundle: Bundle) -> Iterator[EvaluationAnswer]:
    """Of a model that gives several targets, the mean absolute error of each question."""
    asked: Mapping[str, Mapping[str, float | None]] = bundle.scores.get("questions", {})
    if asked:
        scores = [
            ScoreAnswer(title=_asked(key), unit="1", better="lower", value=row.get("mae")) for key, row in asked.items()
        ]
        note = "Mean absolute error in normalised intensity."
        yield EvaluationAnswer(title="By question", cases=int(bundle.scores.get("cases", 0)), note=note, scores=scores)


def _asked(key: str) -> str:
    question = Query.of_key(key)
    sources = " + ".join(get_contrast(name).title for name in question.sources)
    return f"{sources} to {get_contrast(question.target).title}"


def _evaluated(offer: Offer) -> list[Path]:
    """The folders of evaluations of this very model."""
    run = _run_of(offer)
    near = [run / "evaluation", *(run.iterdir() if run.is_dir() else ()), *run.parent.iterdir()]
    found = dict.fromkeys(place for place in sorted(near) if (place / "summary.json").is_file())
    return [place for place in found if _names(place / "report.html", offer.digest)]


def _names(report: Path, digest: str) -> bool:
    return report.is_file() and digest in report.read_text(encoding="utf-8", errors="replace")


def _evaluations(offer: Offer) -> Iterator[EvaluationAnswer]:
    for place in _evaluated(offer):
        told = read_json(place / "summary.json")
        if told is None or "rows" not in told:
            continue
        lookups = {(row["region"], row["metric"]): row["mean"] for row in told["rows"] if row["method"] == "lookup"}
        for region in (FOREGROUND, *UNIONS):
            rows = [row for row in told["rows"] if row["method"] == "model" and row["region"] == region]
            if rows:
                yield EvaluationAnswer(
                    title=f"Evaluation, {in_words(region)}",
                    cases=int(told["n_cases"]),
                    note=f"Cases that the evaluation took; intervals: {told['interval']}.",
                    scores=[_score(row, lookups.get((region, row["metric"]))) for row in rows],
                )


def _score(row: Json, lookup: float | None) -> ScoreAnswer:
    against = row.get("against", {}).get("lookup") or {}
    return ScoreAnswer(
        title=row["title"],
        unit=row["unit"],
        better=row["better"],
        value=row["mean"],
        interval=row["interval"],
        lookup=lookup,
        beaten=against.get("beaten"),
    )


def _fingerprint(found: Fingerprint) -> FingerprintAnswer:
    contrasts = [
        SeenContrast(
            name=name,
            title=get_contrast(name).title,
            unit=one.unit,
            spacing_mm=one.spacing_mm,
            shape=one.shape,
            orientations=one.orientations,
            low=one.statistics.low,
            high=one.statistics.high,
        )
        for name, one in found.contrasts.items()
    ]
    extent_mm = list(found.foreground_mm) if found.foreground_mm else None
    return FingerprintAnswer(
        cases=found.cases, foreground_mm=extent_mm, skull_stripped=found.skull_stripped, contrasts=contrasts
    )
