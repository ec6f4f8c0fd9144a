"""What calls return."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Record(dict[str, Any]):
    """A row of GitLab's, as a dict whose columns are attributes too: `issue.title`.

    A column that the row lacks is None, as an attribute; what is inside an object reads alike.
    """

    def __getattr__(self, name: str) -> Any:
        """A column; names with an underscore ahead are those that the row has."""
        if name.startswith("_") and name not in self:
            raise AttributeError(name)
        value = self.get(name)
        if isinstance(value, list):
            return [Record(one) if isinstance(one, dict) else one for one in value]
        return Record(value) if isinstance(value, dict) else value


@dataclass
class GitlabExecuteResult:
    """What `execute` returns of an action whose answer is data alone."""

    data: Any


@dataclass
class GitlabExecuteResultWithMeta(GitlabExecuteResult):
    """What `execute` returns of a list; `meta` has the keys of `ListMeta`."""

    meta: dict[str, Any] = field(default_factory=dict)


@dataclass
class ListMeta:
    """Where a list goes on.

    `next` is the address of the next page, always of the same GitLab, or None on the last page;
    `next_page` is its number, to be given as `page`; `total` is the number of rows in the whole
    list, where GitLab says it. Of a list that is not read page by page, `complete` tells whether
    everything that was asked for came, and `problems` what did not, in sentences.
    """

    next: str | None = None
    next_page: int | None = None
    has_more: bool = False
    total: int | None = None
    complete: bool = True
    problems: Sequence[str] = ()


@dataclass
class ListResult:
    """What the typed `list` returns."""

    data: list[Record]
    meta: ListMeta


@dataclass
class AirbyteSearchMeta:
    """Where a search goes on: give `cursor` to get what follows, if it `has_more`."""

    has_more: bool = False
    cursor: str | None = None
    took_ms: int | None = None


@dataclass
class AirbyteSearchResult:
    """What the typed `context_store_search` returns."""

    data: list[Record]
    meta: AirbyteSearchMeta


@dataclass
class GitlabCheckResult:
    """Whether GitLab, the token and its rights are well; `details` are those of `check`."""

    status: str
    error: str | None = None
    checked_entity: str | None = None
    checked_action: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


def shaped(
    row: Mapping[str, Any],
    select: Sequence[str] | None,
    exclude: Sequence[str] | None,
) -> dict[str, Any]:
    """The row with the `select`ed columns alone, and without those to `exclude`; dots go inside."""
    found = dict(row)
    if select:
        found = {}
        for path in select:
            _take(row, path.split("."), found)
    for path in exclude or ():
        found = _without(found, path.split("."))
    return found


def in_rows(result: Any, select: Sequence[str] | None, exclude: Sequence[str] | None) -> Any:
    """A result with fields chosen in each of its rows."""
    if not select and not exclude:
        return result
    if isinstance(result, GitlabExecuteResult) and isinstance(result.data, list):
        result.data = [shaped(row, select, exclude) for row in result.data]
        return result
    if isinstance(result, dict) and isinstance(result.get("data"), list) and "meta" in result:
        return {**result, "data": [shaped(row, select, exclude) for row in result["data"]]}
    return shaped(result, select, exclude) if isinstance(result, dict) else result


def _take(row: Mapping[str, Any], path: Sequence[str], found: dict[str, Any]) -> None:
    name = path[0]
    if name not in row:
        return
    inside = row[name]
    if len(path) == 1:
        found[name] = inside
    elif isinstance(inside, dict):
        target = found.setdefault(name, {})
        if target is not inside:
            _take(inside, path[1:], target)


def _without(row: Mapping[str, Any], path: Sequence[str]) -> dict[str, Any]:
    found = dict(row)
    if len(path) == 1:
        found.pop(path[0], None)
    elif isinstance(found.get(path[0]), dict):
        found[path[0]] = _without(found[path[0]], path[1:])
    return found
