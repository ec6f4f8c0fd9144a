"""The views that there are, and their SQL for a DuckDB file.

The models are those of the dbt package, so they are rendered as dbt does, with the few names of
dbt's that they use: `source`, `ref`, `var`, `execute`, `load_relation` and `adapter`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from source_gitlab import yaml_files

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

SCHEMA: Final = "gitlab_views"
"""The schema of the views. `gitlab` would be ambiguous in a file that is called gitlab.duckdb."""

_ROOM: Final = resources.files(__package__)
_REFERENCE: Final = re.compile(r"ref\('(\w+)'\)")
_MACRO: Final = re.compile(r"(?s)\{% macro (\w+)\(.*?\) -%\}(.*?)\{%- endmacro")
_STREAM: Final = re.compile(r"stream\(\s*'(\w+)'\s*,\s*'([^']*)'")


@dataclass(frozen=True)
class View:
    """One view: what it holds, and what a copy must have for it.

    It needs all streams of `requires` and, where there are any, one of `requires_any`. It knows
    less without those of `uses`. `columns` are the meanings of columns by name, of which those of
    `own_columns` are written for this view.
    """

    name: str
    area: str
    description: str
    requires: tuple[str, ...]
    requires_any: tuple[str, ...]
    uses: tuple[str, ...]
    own_columns: Mapping[str, str]
    columns: Mapping[str, str]
    model: str

    @property
    def references(self) -> tuple[str, ...]:
        """The views that its model names, or a macro that its model calls."""
        called = [body for name, body in _bodies() if re.search(rf"\b{name}\(", self.model)]
        return tuple(dict.fromkeys(_REFERENCE.findall("".join([self.model, *called]))))

    def lacks(self, streams: Collection[str]) -> tuple[str, ...]:
        """The streams that a copy with these would have to have too; () when it can be made."""
        missing = tuple(name for name in self.requires if name not in streams)
        if self.requires_any and not set(self.requires_any) & set(streams):
            missing += self.requires_any
        return missing


@cache
def views() -> Mapping[str, View]:
    """Every view by name, each behind those that it refers to."""
    raw = yaml_files.read("views", "views.yaml")
    shared = raw["columns"]
    found = {
        name: View(
            name,
            one["area"],
            one["description"],
            tuple(one.get("requires", ())),
            tuple(one.get("requires_any", ())),
            tuple(one.get("uses", ())),
            one.get("columns", {}),
            {**shared, **one.get("columns", {})},
            (_ROOM / "models" / f"{name}.sql").read_text(encoding="utf-8"),
        )
        for name, one in raw["views"].items()
    }
    ordered: dict[str, View] = {}

    def add(name: str) -> None:
        for other in found[name].references:
            if other not in ordered:
                add(other)
        ordered[name] = found[name]

    for name in found:
        add(name)
    return ordered


def possible(streams: Collection[str]) -> list[View]:
    """The views that a copy with these streams can have, each behind those that it refers to."""
    return [view for view in views().values() if not view.lacks(streams)]


@cache
def macros() -> Mapping[str, str]:
    """The text of every file of macros, by its name."""
    files = sorted(_ROOM.joinpath("macros").iterdir(), key=lambda one: one.name)
    return {one.name: one.read_text(encoding="utf-8") for one in files}


@cache
def _bodies() -> tuple[tuple[str, str], ...]:
    """The name and the body of each macro that names a view."""
    found = _MACRO.findall("".join(macros().values()))
    return tuple((name, body) for name, body in found if _REFERENCE.search(body))


def columns_read(text: str) -> Iterable[tuple[str, str, str]]:
    """The streams that a model or macro reads: name, column and kind of each column."""
    for stream, columns in _STREAM.findall(text):
        for column in columns.split():
            name, _, kind = column.partition(":")
            yield stream, name, kind


@dataclass(frozen=True)
class _Column:
    name: str


@dataclass(frozen=True)
class _Relation:
    """A table or view, which is written as its place in SQL."""

    name: str
    place: str

    def __str__(self) -> str:
        return self.place


class Renderer:
    """Renders models for DuckDB.

    `tables` are the columns of each stream's table by its name, which stand in the schema `place`,
    and views refer to one another in the schema `schema`; both are SQL. Ages refer to the instant
    `as_of`, in ISO 8601, and without one to that of the query.
    """

    def __init__(
        self,
        tables: Mapping[str, Collection[str]],
        *,
        place: str = "main",
        schema: str = SCHEMA,
        as_of: str | None = None,
    ) -> None:
        self._tables = tables
        self._place = place
        # With the settings of dbt, so that both write the same SQL.
        self._environment = SandboxedEnvironment(
            extensions=["jinja2.ext.do"], undefined=StrictUndefined
        )
        self._environment.globals |= {
            "adapter": self,
            "execute": True,
            "load_relation": lambda relation: relation if relation.name in tables else None,
            "ref": lambda name: _Relation(name, f'{schema}."{name}"'),
            "source": lambda _, name: _Relation(name, f'{self._place}."{name}"'),
            "var": lambda name, default: {"gitlab_as_of": as_of}.get(name) or default,
        }
        text = "".join(macros().values())
        self._macros = vars(self._environment.from_string(text).module)
        self._environment.globals |= {
            name: macro for name, macro in self._macros.items() if not name.startswith("_")
        }

    def get_columns_in_relation(self, relation: _Relation) -> list[_Column]:
        """The columns of a table that is there."""
        return [_Column(name) for name in self._tables[relation.name]]

    def dispatch(self, name: str, _: str) -> Any:
        """The macro of this name for DuckDB, or else the common one.

        Raises:
            KeyError: there is neither.
        """
        return self._macros.get(f"duckdb__{name}") or self._macros[f"default__{name}"]

    def sql(self, view: View) -> str:
        """The SELECT of a view."""
        return self._environment.from_string(view.model).render().strip()
