"""The streams as `streams.yaml` and `schemas/` declare them: the one list that all else reads."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import resources
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

Schema = dict[str, Any]


def _files(*parts: str) -> str:
    return resources.files(__package__).joinpath(*parts).read_text(encoding="utf-8")


@dataclass(frozen=True)
class MovedBy:
    """A second list whose moved rows make a parent worth reading again.

    `stream` is the list; `parent` is the column of its rows that holds the parent object.
    """

    stream: str
    parent: str


@dataclass(frozen=True)
class Again:
    """When a list that takes no time filter is read again by an incremental read.

    `signal` is "activity" (its project was active), "touch" (its project was touched), "list"
    (the list that a chosen group has of the same things, at `path` with `query` and in order of
    names, is not what it was) or "daily" (nothing tells).
    """

    signal: str
    path: str = ""
    query: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Stream:
    """One declared stream; `streams.yaml` explains every attribute at its top."""

    name: str
    kind: str
    path: str
    key: tuple[str, ...]
    doc: str
    walk: str = "pages"
    cursor: str | None = None
    unique: tuple[tuple[str, ...], ...] = ()
    since: str | None = None
    scopes: tuple[str, ...] = ("group", "project")
    query: Mapping[str, Any] = field(default_factory=dict)
    group_query: Mapping[str, Any] = field(default_factory=dict)
    passes: tuple[Mapping[str, Any], ...] = ({},)
    nullable: bool = False
    moment: Mapping[str, Any] = field(default_factory=dict)
    empty_when_off: bool = False
    descendants_since: tuple[int, int] | None = None
    add: Mapping[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    keep: str | None = None
    parent: str | None = None
    moved_by: MovedBy | None = None
    again: Again | None = None
    feature: str | None = None
    tier: str = "free"
    role: str = "guest"
    optional: tuple[str, ...] = ()
    key_role: str | None = None
    distinct: bool = False

    @property
    def incremental(self) -> bool:
        """Whether a later read can start from the state of an earlier one."""
        return self.cursor is not None

    @property
    def snapshot(self) -> bool:
        """Whether a slice always brings all that there is, so that what it lacks is gone."""
        return self.again is not None and self.since is None and self.walk in {"pages", "keyset"}

    @cached_property
    def schema(self) -> Schema:
        """The JSON schema (draft 7) of one row, as the catalog shows it."""
        schema: Schema = _without_annotations(self.annotated_schema)
        return schema

    @cached_property
    def annotated_schema(self) -> Schema:
        """The schema with our own `x-references` annotations, from which diagrams are made."""
        schema: Schema = json.loads(_files("schemas", f"{self.name}.json"))
        return schema


def _without_annotations(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            key: _without_annotations(value) for key, value in node.items() if key != "x-references"
        }
    if isinstance(node, list):
        return [_without_annotations(value) for value in node]
    return node


def _stream(name: str, declared: Mapping[str, Any]) -> Stream:
    values = dict(declared)
    if "unique" in values:
        values["unique"] = tuple(map(tuple, values["unique"]))
    for attribute in ("key", "scopes", "passes", "drop", "optional", "descendants_since"):
        if attribute in values:
            values[attribute] = tuple(values[attribute])
    if "moved_by" in values:
        values["moved_by"] = MovedBy(**values["moved_by"])
    if "again" in values:
        again = values["again"]
        values["again"] = Again(again) if isinstance(again, str) else Again("list", **again)
    return Stream(name=name, **values)


@cache
def streams() -> dict[str, Stream]:
    """Every stream by name, in the order of `streams.yaml`."""
    declared = yaml.safe_load(_files("streams.yaml"))
    return {name: _stream(name, values) for name, values in declared.items()}
