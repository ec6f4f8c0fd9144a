"""Values of GraphQL: as GitLab writes them, and as a reader should end up with them."""

from __future__ import annotations

import re
from typing import Any

_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d+Z")
_GLOBAL_ID = re.compile(r"gid://gitlab/[\w:]+/(\d+)")
NODES = "nodes"


def in_seconds(value: Any) -> Any:
    """A value whose moments have whole seconds, as those of GraphQL have."""
    if isinstance(value, dict):
        return {name: in_seconds(one) for name, one in value.items()}
    if isinstance(value, list):
        return [in_seconds(one) for one in value]
    found = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    return f"{found[1]}Z" if found else value


def as_read(value: Any) -> Any:
    """A value with names in snake_case, lists in place of connections, numbers for global ids."""
    if isinstance(value, dict):
        if value.keys() == {NODES}:
            return [as_read(one) for one in value[NODES]]
        return {
            re.sub("([A-Z])", r"_\1", name).lower(): _number(one) if name == "id" else as_read(one)
            for name, one in value.items()
        }
    return [as_read(one) for one in value] if isinstance(value, list) else value


def _number(value: Any) -> Any:
    found = _GLOBAL_ID.fullmatch(str(value))
    return int(found[1]) if found else value
