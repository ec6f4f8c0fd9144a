"""What can be asked by entity (`actions.yaml`), and a call as one request: path and query.

A mistake is told before anything is asked: an unknown parameter that GitLab would pass over in
silence, a word that is not among those allowed, a path that lacks a part.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import unquote

from source_gitlab import yaml_files
from source_gitlab.gitlab.lookup import encoded
from source_gitlab.interfaces.agent.errors import CallError, close_to

if TYPE_CHECKING:
    from collections.abc import Mapping

LIST: Final = "list"
GET: Final = "get"
SEARCH: Final = "context_store_search"
SQL: Final = "context_store_sql_query"
_PAGES: Final[Mapping[str, Any]] = {"page": "integer", "per_page": "integer"}
_LARGEST_PAGE: Final = 100
_NUMBER: Final = re.compile(r"-?[0-9]{1,18}")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?")
_LONGEST: Final = 2_000
_JSON_TYPES: Final = {"integer": "integer", "boolean": "boolean"}


@dataclass(frozen=True)
class Action:
    """One action: `needs` stand in the path, `takes` in the query, both with their types."""

    entity: str
    name: str
    path: str
    needs: Mapping[str, Any] = field(default_factory=dict)
    takes: Mapping[str, Any] = field(default_factory=dict)

    def request(self, params: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """The path below /api/v4 and the query of a call; a value of None counts as not given.

        Raises:
            CallError: the parameters do not fit.
        """
        given = {name: value for name, value in params.items() if value is not None}
        known = {**self.needs, **self.takes}
        for name in given:
            if name not in known:
                self.fail(f"there is no parameter {str(name)[:80]}{close_to(str(name), known)}")
        missing = [name for name in self.needs if name not in given]
        if missing:
            self.fail(f"{', '.join(missing)} is missing.")
        values = {name: self._value(name, known[name], value) for name, value in given.items()}
        path = self.path.format_map({name: _segment(values[name]) for name in self.needs})
        return path, {name: values[name] for name in given if name in self.takes}

    def _value(self, name: str, kind: Any, value: Any) -> Any:
        if isinstance(kind, list):
            if value not in kind:
                self.fail(f"{name} is one of {', '.join(kind)}.")
            return value
        if kind == "integer":
            return self._whole(name, value)
        if kind == "boolean":
            if isinstance(value, bool):
                return value
            if isinstance(value, str) and value in {"true", "false"}:
                return value == "true"
            self.fail(f"{name} is true or false.")
        if kind == "time":
            return self._time(name, value)
        is_text = isinstance(value, str) or (kind != "text" and type(value) is int)
        if not is_text or not str(value).strip() or len(str(value)) > _LONGEST:
            self.fail(f"{name} is {'a number or a full path' if kind == 'id' else 'a text'}.")
        # Whoever was told to encode a path has done so already.
        text = unquote(str(value)).strip("/") if kind == "id" else str(value)
        if text in {"", ".", ".."} or not text.isprintable():
            self.fail(f"{name} is no name that GitLab can have.")
        return text

    def _whole(self, name: str, value: Any) -> int:
        is_number = type(value) is int or (isinstance(value, str) and _NUMBER.fullmatch(value))
        number = int(value) if is_number else 0
        if not is_number or number < 1:
            self.fail(f"{name} is a whole number from 1.")
        if name == "per_page" and number > _LARGEST_PAGE:
            self.fail(f"{name} is at most {_LARGEST_PAGE}.")
        return number

    def _time(self, name: str, value: Any) -> str:
        if isinstance(value, datetime):
            moment = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
            return moment.isoformat()
        if isinstance(value, date):
            return value.isoformat()
        if not isinstance(value, str) or not _TIME.fullmatch(value):
            self.fail(f"{name} is a time like 2026-01-31T12:00:00Z.")
        return value

    def fail(self, problem: str) -> NoReturn:
        """Raise what is wrong with a call."""
        message = f"{self.entity} {self.name}: {problem}"
        raise CallError(message, entity=self.entity, action=self.name)

    def parameters(self) -> list[dict[str, Any]]:
        """What the action takes, as `list_entities` says it."""
        return [
            {
                "name": name,
                "in": "path" if name in self.needs else "query",
                "required": name in self.needs,
                "type": "string" if isinstance(kind, list) else _JSON_TYPES.get(kind, "string"),
                "description": _described(kind),
            }
            for name, kind in {**self.needs, **self.takes}.items()
        ]


@dataclass(frozen=True)
class EntityActions:
    """An entity of GitLab's with its actions."""

    name: str
    about: str
    actions: Mapping[str, Action]


@cache
def entities() -> Mapping[str, EntityActions]:
    """Every entity of `actions.yaml`, in its order."""
    found: dict[str, EntityActions] = {}
    for name, one in yaml_files.read("interfaces", "agent", "actions.yaml").items():
        actions = {
            action: Action(
                name,
                action,
                one[action]["path"],
                one[action].get("needs", {}),
                {**one[action].get("takes", {}), **(_PAGES if action == LIST else {})},
            )
            for action in (LIST, GET)
        }
        found[name] = EntityActions(name, one["about"], actions)
    return found


def _segment(value: Any) -> str:
    return encoded(str(value))


def _described(kind: Any) -> str:
    if isinstance(kind, list):
        return f"One of {', '.join(kind)}"
    return {
        "id": "Number, or full path like group/project",
        "name": "Name as GitLab shows it",
        "time": "RFC 3339, like 2026-01-31T12:00:00Z",
    }.get(kind, "")
