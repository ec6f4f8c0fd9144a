"""The strictest Singer target that there can be: what a tap wrote, checked message by message.

A record is kept by its key once a STATE came behind it, as in a target that is killed with what it
has not written yet. ACTIVATE_VERSION removes rows of other versions, as targets with hard deletes
do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
from jsonschema import Draft7Validator

from source_gitlab.timestamps import is_instant

if TYPE_CHECKING:
    from collections.abc import Iterable

Row = dict[str, Any]
Key = tuple[Any, ...]


@dataclass
class Target:
    """Tables by key, the versions of their rows, and the last state."""

    tables: dict[str, dict[Key, Row]] = field(default_factory=dict)
    state: Any = None
    records: dict[str, int] = field(default_factory=dict)
    """How many records of each stream came in the last run."""
    schemas: dict[str, Any] = field(default_factory=dict)
    activated: list[str] = field(default_factory=list)
    last: str = ""
    """The type of the last message."""
    _versions: dict[tuple[str, Key], int | None] = field(default_factory=dict)
    _waiting: list[dict[str, Any]] = field(default_factory=list)
    _keys: dict[str, list[str]] = field(default_factory=dict)
    _validators: dict[str, Draft7Validator] = field(default_factory=dict)

    def take(self, lines: Iterable[bytes]) -> None:
        """Take the lines of one run."""
        for part in (self.records, self.schemas, self._validators, self._waiting, self.activated):
            part.clear()
        for line in lines:
            # A last line without its end is one that a killed tap did not finish.
            if line.endswith(b"\n"):
                self._take(orjson.loads(line))

    def _take(self, message: dict[str, Any]) -> None:
        self.last = message["type"]
        if self.last == "STATE":
            self.state = message["value"]
            for one in self._waiting:
                self._write(one)
            self._waiting.clear()
            return
        name = message["stream"]
        if self.last == "SCHEMA":
            assert name not in self.schemas, f"a second schema of {name}"
            Draft7Validator.check_schema(message["schema"])
            self.schemas[name] = message
            self._keys[name] = message["key_properties"]
            assert self._keys[name]
            self._validators[name] = Draft7Validator(message["schema"])
            self.records[name] = 0
        elif self.last == "RECORD":
            self._validators[name].validate(message["record"])
            assert is_instant(message["time_extracted"])
            self.records[name] += 1
            self._waiting.append(message)
        else:
            assert self.last == "ACTIVATE_VERSION", message
            self.activated.append(name)
            self._waiting.append(message)

    def _write(self, message: dict[str, Any]) -> None:
        name = message["stream"]
        table = self.tables.setdefault(name, {})
        version = message.get("version")
        if message["type"] == "RECORD":
            row = message["record"]
            key = tuple(row[column] for column in self._keys[name])
            assert None not in key
            table[key] = row
            self._versions[name, key] = version
            return
        for key in [key for key in table if self._versions[name, key] != version]:
            del table[key]

    def rows(self, name: str) -> list[Row]:
        """The rows of a stream."""
        return list(self.tables.get(name, {}).values())
