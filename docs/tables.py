"""Tables that are made from the code when the pages are built, so that no page can say something else.

Each directive stands for one table::

    ```{recipe-fields} Training
    ```

``TABLES`` names them all: from a directive to a function that takes its argument and gives lines of Markdown.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import annotated_types
from docutils import nodes
from docutils.statemachine import StringList
from markdown_table import table
from metric_tables import formulas, metrics, overlaps
from pydantic import BaseModel, SecretStr
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from voxlate.config import load_recipe, recipe_names
from voxlate.config.builtin import BUILT_IN
from voxlate.config.choice import Choice
from voxlate.config.conditions import Conditions
from voxlate.config.plan import PlanOptions, Reading, SplitOptions
from voxlate.config.recipe import Recipe
from voxlate.config.search import Range, Search
from voxlate.config.training import Augmentation, Training
from voxlate.config.window import WindowOptions
from voxlate.contrast import CONTRASTS, Declared
from voxlate.derivation import Derivation
from voxlate.io.archive import Connection
from voxlate.strict import StrictModel
from voxlate.verbs.catalogues import argument_doc, first_line, options_of
from voxlate.workflows.node.rules import Condition, NodeRules, Rule

SECTIONS: dict[str, type[BaseModel]] = {
    model.__name__: model
    for model in (
        Recipe,
        Conditions,
        Declared,
        PlanOptions,
        Derivation,
        Reading,
        SplitOptions,
        WindowOptions,
        Training,
        Augmentation,
        Search,
        Range,
    )
}
"""The models of a recipe; a test holds that the page shows each of them."""
FORMS = {**SECTIONS, **{model.__name__: model for model in (Connection, NodeRules, Rule, Condition)}}
"""All that a user writes as YAML."""


def recipe_fields(model: str) -> list[str]:
    """The fields of a model of a recipe, or of another form: name, values, default, meaning."""
    rows = [(f"`{name}`", *row) for name, *row in _section(FORMS[model])]
    return table(("field", "values", "default", "meaning"), rows)


def _default(field: Any) -> str:  # noqa: ANN401
    if field.is_required():
        return "needed"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return "its own defaults"
    return _literal(value)


def _literal(value: object) -> str:
    if value is None:
        return "`null`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return "`[" + ", ".join(map(str, value)) + "]`"
    if value in ("", {}):
        return "empty"
    return f"`{value}`"


def _values(annotation: Any, bounds: Sequence[Any] = ()) -> str:  # noqa: ANN401
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _values(inside[0], (*bounds, *inside[1:]))
    if origin is typing.Literal:
        return ", ".join(f"`{value}`" for value in inside)
    if origin in {types.UnionType, typing.Union}:
        return " or ".join(_values(part, () if part is type(None) else bounds) for part in inside)
    if origin is tuple:
        count = "" if inside[-1] is Ellipsis else f"{len(inside)} "
        return f"list of {count}{_plural(_values(inside[0]))}"
    if origin is dict:
        return f"mapping of {_values(inside[0])} to {_values(inside[1])}"
    if annotation is type(None):
        return "`null`"
    names = {
        int: "integer",
        float: "number",
        str: "text",
        SecretStr: "text",
        bool: "`true`, `false`",
        Path: "path",
        Choice: "name with options",
    }
    name = names.get(annotation) or ("anything" if annotation is Any else "a section, below")
    return " ".join([name, *_limits(bounds)])


def _plural(values: str) -> str:
    return re.sub(r"\b(integer|number|contrast)\b", r"\1s", values)


def _limits(bounds: Sequence[Any]) -> list[str]:
    """Bounds as words; pydantic wraps some of them in a ``FieldInfo``."""
    flat = [inner for bound in bounds for inner in (getattr(bound, "metadata", None) or [bound])]
    signs = {
        annotated_types.Ge: ("from {}", "ge"),
        annotated_types.Gt: ("above {}", "gt"),
        annotated_types.Le: ("to {}", "le"),
        annotated_types.Lt: ("below {}", "lt"),
    }
    return [
        signs[type(bound)][0].format(getattr(bound, signs[type(bound)][1])) for bound in flat if type(bound) in signs
    ]


def recipes(_argument: str) -> list[str]:
    """The built-in recipes."""
    found = [load_recipe(name) for name in recipe_names()]
    names = {name: f"`{told.alias}`" if told.alias else "" for name, told in BUILT_IN.items()}
    rows = [(f"`{r.name}`", names[r.name], ", ".join(r.source), r.target, r.paper or "none") for r in found]
    return table(("recipe", "earlier name", "source", "target", "paper"), rows)


def contrasts(_argument: str) -> list[str]:
    """Every contrast with kind, unit and aliases."""
    rows = [
        (f"`{c.name}`", c.title, c.kind, c.unit or "none", ", ".join(f"`{alias}`" for alias in c.aliases))
        for c in CONTRASTS.values()
    ]
    return table(("name", "title", "kind", "unit", "aliases"), rows)


def command(name: str) -> list[str]:
    """What a command says of itself, how it is called, what can be chosen, and its arguments and options."""
    import typer

    from voxlate.cli import app
    from voxlate.cli.options import _with_names

    found = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    rows = [(_usage(p), "needed" if p.required else _literal(p.default), p.help or "") for p in found.params]
    example, *choices = _with_names(found.epilog).split("\n\n")
    called = ["```bash", *(line.removeprefix("  ") for line in example.splitlines()[2:]), "```"]
    return [found.help, "", *called, "", *choices, "", *table(("argument or option", "default", "meaning"), rows)]


def _usage(parameter: Any) -> str:  # noqa: ANN401
    if parameter.param_type_name == "argument":
        return f"`{(parameter.metavar or parameter.name).upper()}`"
    value = "" if parameter.is_flag else f" {(parameter.metavar or parameter.name).upper()}"
    return f"`{parameter.opts[0]}{value}`"


def catalogue(name: str) -> list[str]:
    """The entries of a catalogue, one line each, with their options."""
    entries = _entries(name)
    rows = [
        (f"`{key}`", first_line(entry), ", ".join(f"`{o}`" for o in options_of(entry)) or "none")
        for key, entry in entries
    ]
    return table(("name", "what it is", "options"), rows)


def catalogue_options(name: str) -> list[str]:
    """Every option of every entry of a catalogue: its values, its default, its meaning."""
    rows = []
    for key, entry in _entries(name):
        hints = typing.get_type_hints(entry, include_extras=True)
        for option, parameter in options_of(entry).items():
            if _is_section(hints[option]):
                rows += [(f"`{key}`", f"`{option}.{field}`", *row) for field, *row in _section(hints[option])]
                continue
            default = "needed" if parameter.default is parameter.empty else _literal(_plain(parameter.default))
            rows.append((f"`{key}`", f"`{option}`", _values(hints[option]), default, argument_doc(entry, option)))
    return table(("of", "option", "values", "default", "meaning"), rows)


def _is_section(annotation: Any) -> bool:  # noqa: ANN401
    """Whether an option has fields of its own."""
    return isinstance(annotation, type) and issubclass(annotation, StrictModel)


def _section(model: type[BaseModel]) -> list[tuple[str, str, str, str]]:
    """Of each field of a model: name, values, default, meaning."""
    return [
        (name, _values(field.annotation, field.metadata), _default(field), field.description or "")
        for name, field in model.model_fields.items()
    ]


def _plain(default: object) -> object:
    return default.name if isinstance(default, Choice) else default


def _entries(name: str) -> list[tuple[str, Callable[..., Any]]]:
    from voxlate.losses import LOSSES
    from voxlate.methods import METHODS
    from voxlate.networks import DISCRIMINATORS, NETWORKS
    from voxlate.shapes import SHAPES

    known: dict[str, dict[str, Callable[..., Any]]] = {
        "METHODS": METHODS,
        "NETWORKS": NETWORKS,
        "DISCRIMINATORS": DISCRIMINATORS,
        "LOSSES": LOSSES,
        "SHAPES": SHAPES,
    }
    return list(known[name].items())


def densities(_argument: str) -> list[str]:
    """The default calibrations of CT numbers."""
    from voxlate.evaluation.ct.density import ELECTRON_DENSITY, MASS_DENSITY

    rows = [
        (f"{hu:g}", f"{mass:g}", f"{electrons:g}")
        for hu, mass, electrons in zip(MASS_DENSITY.hu, MASS_DENSITY.density, ELECTRON_DENSITY.density, strict=True)
    ]
    return table(("HU", "mass density, g/cm3", "electron density relative to water"), rows)


def findings(_argument: str) -> list[str]:
    """The table of the preflight, from its module."""
    from voxlate.cohort import finding

    return [line for line in (finding.__doc__ or "").splitlines() if line.startswith("|")]


def tissues(_argument: str) -> list[str]:
    """The phantom's tissues."""
    from voxlate.phantoms.physics.tissues import TISSUES

    rows = [
        (
            f"`{t.name}`",
            *(f"{v:g}" for v in (t.t1_ms, t.t2_ms, t.t2star_ms, t.proton_density, t.fat_fraction, t.hu)),
            t.sources,
        )
        for t in TISSUES.values()
    ]
    return table(("tissue", "T1 ms", "T2 ms", "T2* ms", "protons", "fat", "HU", "sources"), rows)


def uptake(_argument: str) -> list[str]:
    """What the thorax's tissues take up in PET."""
    from voxlate.phantoms.physics.uptake import UPTAKE

    rows = [(f"`{name}`", f"{mean:g}", f"{100 * spread:g} %", keys) for name, (mean, spread, keys) in UPTAKE.items()]
    return table(("tissue", "mean SUV", "between people", "sources"), rows)


def protocols(_argument: str) -> list[str]:
    """How the phantom acquires each contrast."""
    from voxlate.phantoms.physics.protocols import PROTOCOLS

    rows = [
        (
            f"`{name}`",
            p.sequence.replace("_", " "),
            *(f"{v:g}" if v else "" for v in (p.repetition_ms, p.inversion_ms, p.echo_ms)),
            "" if p.sequence in {"ct", "pet"} else f"{p.flip_deg:g}",
        )
        for name, p in PROTOCOLS.items()
    ]
    return table(("contrast", "sequence", "TR ms", "TI ms", "TE ms", "flip deg"), rows)


TABLES: dict[str, Callable[[str], list[str]]] = {
    "recipe-fields": recipe_fields,
    "recipes": recipes,
    "uptake": uptake,
    "contrasts": contrasts,
    "command": command,
    "catalogue": catalogue,
    "catalogue-options": catalogue_options,
    "metrics": metrics,
    "formulas": formulas,
    "overlaps": overlaps,
    "densities": densities,
    "findings": findings,
    "tissues": tissues,
    "protocols": protocols,
}


class Table(SphinxDirective):
    """Puts the lines of a table in its place."""

    optional_arguments: ClassVar[int] = 1

    def run(self) -> list[nodes.Node]:
        """The parsed Markdown of the table that the directive's name stands for."""
        lines = TABLES[self.name](self.arguments[0] if self.arguments else "")
        place = nodes.container()
        self.state.nested_parse(StringList(lines, source=f"<{self.name}>"), self.content_offset, place)
        return place.children


def setup(app: Sphinx) -> dict[str, bool]:
    """Registers a directive per table."""
    for name in TABLES:
        app.add_directive(name, Table)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
