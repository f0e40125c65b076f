"""What ``voxlate info`` tells of the installation, a model, a volume file, a recipe, or what recipes choose from."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path

from voxlate._version import __version__
from voxlate.config.builtin import built_in_name, recipe_names
from voxlate.contrast import CONTRASTS
from voxlate.derivation import formulas
from voxlate.errors import BundleError, UsageError, VoxlateError
from voxlate.io.paths import is_volume_path
from voxlate.plainyaml import Json, nearest
from voxlate.verbs.calls import taking_paths
from voxlate.verbs.catalogues import CATALOGUES, describe_catalogue, describe_recipe
from voxlate.verbs.single import is_series, shown_in

_SHOWN = ("torch", "nibabel", "SimpleITK", "numpy", "scipy")


@taking_paths
def info(
    what: str | Path | None = None,
    *,
    model: str | Path | None = None,
    network: bool = False,
    figure: str | Path | None = None,
) -> Json:
    """Facts as plain values, ready for JSON; only methods, networks and losses need torch.

    Args:
        what: A run or bundle, a volume file, a recipe by name or file, or the name of what recipes choose from
            (``CATALOGUES``); ``None`` for the installation.
        model: A run or bundle of one source: among the findings is then whether the file is unlike what it has learned
            from.
        network: Of a recipe, a run or a bundle: the layers of the networks that it trains, with sizes and parameters.
        figure: A PNG file that they are drawn into; asks for them too.

    Raises:
        UsageError: If there is a model but no file to hold against it, or networks are asked of what has none.
        WriteError: If the figure could not be written.
        VoxlateError: If it is nothing of the kind, or is damaged.
    """
    path = None if what is None else Path(what)
    if model is not None and (path is None or (path.is_dir() and not is_series(path))):
        came = "no file" if path is None else "a folder"
        raise UsageError("a volume file to hold against a model", came=came, where="--model", remedy="Name the file.")
    if network or figure is not None:
        return _networks(what, None if figure is None else Path(figure))
    if path is None:
        return _installation()
    if path.is_dir():
        return _of_folder(path, model)
    if path.suffix.casefold() in {".yaml", ".yml"} or (not path.exists() and built_in_name(what)):
        return describe_recipe(path if path.exists() else str(what))
    if not path.exists() and str(what) in CATALOGUES:
        return describe_catalogue(str(what))
    if not path.exists() and not is_volume_path(path) and not is_series(path):
        known = [*recipe_names(), *CATALOGUES]
        raise UsageError(
            "a model, a volume file, a recipe, or what recipes choose from",
            came=repr(str(what)),
            remedy=f"{nearest(str(what), known)}Name a path that is there, or one of {', '.join(known)}.",
        )
    return _volume(path, None if model is None else Path(model))


def _installation() -> Json:
    return {
        "name": "Voxlate",
        "version": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in _SHOWN},
        "default_model": _default_model(),
        "recipes": recipe_names(),
        "contrasts": sorted(CONTRASTS),
    }


def _default_model() -> str:
    """The model that `voxlate translate` takes where none is named."""
    from voxlate.bundle.shipped import has_default_model, shipped_recipe
    from voxlate.config.recipe import load_recipe

    if not has_default_model():
        return "none; name one, or make it with `make default-model`"
    recipe = load_recipe(shipped_recipe())
    return f"{recipe.name}: {recipe.goal} from any of {', '.join(recipe.source)}"


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _of_folder(path: Path, model: str | Path | None) -> Json:
    """A model or a DICOM series, unless the folder is named like an image."""
    from voxlate.io.formats.foreign import refusal_of

    try:
        return _model(path)
    except BundleError as error:
        if is_series(path):
            return _volume(path, None if model is None else Path(model))
        raise refusal_of(path) or _refusal_of_data(path) or error from error


def _refusal_of_data(path: Path) -> UsageError | None:
    """The refusal of a data set; ``None`` for what is none, such as a damaged model."""
    from voxlate.bundle.bundle import MANIFEST, RECIPE
    from voxlate.cohort import index_cohort

    if any((folder / name).exists() for folder in (path, path / "bundle") for name in (MANIFEST, RECIPE)):
        return None
    try:
        count = len(index_cohort(path))
    except VoxlateError:
        return None
    if not count:
        return None
    return UsageError(
        "a model or a volume file",
        came=f"a data set of {'1 case' if count == 1 else f'{count} cases'}",
        where=path,
        remedy=f"Look at it with `voxlate check {path}`, or name one of its files.",
    )


def _model(path: Path) -> Json:
    from voxlate.bundle.ensemble import is_ensemble, read_members, read_model

    bundle = read_model(path)
    return {
        "name": bundle.recipe.name,
        "paper": bundle.recipe.paper,
        "after": bundle.recipe.after,
        "digest": bundle.digest,
        "source": list(bundle.recipe.source),
        "derived": formulas(bundle.plan.source, bundle.plan.derive),
        "target": bundle.recipe.goal,
        "method": bundle.recipe.method.model_dump(),
        "window": bundle.recipe.window.in_words,
        "trained_on_cases": bundle.trained_on,
        "familiar": {name: one.told() for name, one in bundle.fingerprint.familiar.items()},
        "scores": dict(bundle.scores),
        **({"members": [member.digest for member in read_members(path)]} if is_ensemble(path) else {}),
    }


def _networks(what: str | Path | None, figure: Path | None) -> Json:
    from voxlate.config.recipe import load_recipe
    from voxlate.methods.build import rehearse_learner
    from voxlate.methods.interface import Trainable
    from voxlate.methods.outline import outline_networks
    from voxlate.training.setup.settling import without_words

    if what is None:
        came, remedy = "none", "Name one: `voxlate info recipes` lists them."
        raise UsageError("a recipe or a model whose networks are told", came=came, remedy=remedy)
    if Path(what).is_dir():
        from voxlate.bundle.ensemble import read_model

        recipe = read_model(Path(what)).recipe
    else:
        recipe = load_recipe(what)
    settled = without_words(recipe)
    method = rehearse_learner(settled)
    if not isinstance(method, Trainable):
        came = f"the method {recipe.method.name}, which trains none"
        raise UsageError("a recipe that trains networks", came=came, where=what, remedy="Name another.")
    outlines = outline_networks(method, size=settled.window.size)
    if figure is not None:
        from voxlate.io.atomic import write_bytes
        from voxlate.reporting.drawing.canvas import to_png
        from voxlate.reporting.run.networks import draw_networks

        write_bytes(figure, to_png(draw_networks(outlines, name=recipe.name)))
    tables = {
        name: [
            {
                "layers": layer.times,
                "kind": layer.kind.replace(" x ", "x"),
                "channels": f"{layer.inputs} to {layer.channels}",
                "size": "x".join(map(str, layer.size)),
                "parameters": f"{layer.parameters:,}",
            }
            for layer in outline.layers
        ]
        for name, outline in outlines.items()
    }
    return {
        "name": recipe.name,
        "paper": recipe.paper,
        "parameters": {name: f"{outline.parameters:,}" for name, outline in outlines.items()},
        "sample": " x ".join(map(str, next(iter(outlines.values())).sample)),
        "left open": "the sizes of what the recipe calls auto follow from the data set" if settled != recipe else "",
        **tables,
    }


def _volume(path: Path, model: Path | None) -> Json:
    from voxlate.cohort.admission import admit
    from voxlate.cohort.layouts.naming import contrast_in
    from voxlate.io import read_maker, read_volume, volume_stem
    from voxlate.io.provenance import read_provenance
    from voxlate.preprocess.orientation import axis_codes

    name = volume_stem(path)
    contrast, why = shown_in(path) if is_series(path) else (contrast_in(name), "")
    volume = read_volume(path, contrast=contrast)
    findings = admit(volume, case=name, path=path) if contrast else []
    if model is not None:
        from voxlate.bundle.ensemble import read_model
        from voxlate.inference.familiarity import judge_file

        findings = [*findings, *judge_file(path, read_model(model), name=name)]
    provenance = read_provenance(path)
    return {
        "name": name,
        "contrast": contrast.name if contrast else None,
        **({"contrast_by": why} if why else {}),
        "shape": list(volume.shape),
        "spacing_mm": [round(value, 6) for value in volume.spacing_mm],
        "axes": axis_codes(volume.affine),
        "dtype": str(volume.array.dtype),
        "minimum": float(volume.array.min()),
        "maximum": float(volume.array.max()),
        "notes": list(volume.notes),
        "findings": [
            {"severity": finding.severity, "code": finding.code, "finding": finding.message} for finding in findings
        ],
        "synthetic": {"model": "made by a model", "simulation": "simulated", None: None}[read_maker(path)],
        "provenance": provenance.model_dump(mode="json") if provenance else None,
    }
