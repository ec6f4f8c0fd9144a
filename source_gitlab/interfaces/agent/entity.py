"""The typed calls of one entity: `connector.issues.list(...)`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from source_gitlab.interfaces.agent.actions import GET, LIST, SEARCH, SQL
from source_gitlab.interfaces.agent.results import (
    AirbyteSearchMeta,
    AirbyteSearchResult,
    GitlabExecuteResultWithMeta,
    ListMeta,
    ListResult,
    Record,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence


class _Executing(Protocol):
    async def execute(
        self, entity: str, action: str, params: Mapping[str, Any] | None = None
    ) -> Any: ...


class EntityCalls:
    """The actions of an entity as methods; they raise what `execute` raises."""

    def __init__(self, connector: _Executing, name: str) -> None:
        """Make no request yet."""
        self._connector = connector
        self._name = name

    async def list(self, **params: Any) -> ListResult:
        """One page of rows, and where the list goes on."""
        result = await self._connector.execute(self._name, LIST, params)
        rows = result.data if isinstance(result, GitlabExecuteResultWithMeta) else result or []
        meta = getattr(result, "meta", {})
        known = {name: meta[name] for name in ListMeta.__dataclass_fields__ if name in meta}
        return ListResult([Record(row) for row in rows], ListMeta(**known))

    async def get(self, **params: Any) -> dict[str, Any]:
        """One object."""
        found: dict[str, Any] = await self._connector.execute(self._name, GET, params)
        return Record(found)

    async def iterate(self, **params: Any) -> AsyncIterator[Record]:
        """Every row of the list, page after page; `per_page` is 100 unless it is given."""
        page: int | None = params.pop("page", 1)
        params.setdefault("per_page", 100)
        while page is not None:
            result = await self.list(**params, page=page)
            for row in result.data:
                yield row
            page = result.meta.next_page

    async def context_store_search(
        self,
        query: Mapping[str, Any],
        limit: int | None = None,
        cursor: str | None = None,
        fields: Sequence[Sequence[str] | str] | None = None,
    ) -> AirbyteSearchResult:
        """The rows of the copy that a search finds."""
        params = {"query": query, "limit": limit, "cursor": cursor, "fields": fields}
        return await self._found(SEARCH, params)

    async def context_store_sql_query(
        self, sql: str, limit: int | None = None
    ) -> AirbyteSearchResult:
        """What one SELECT over the copy brings."""
        return await self._found(SQL, {"sql": sql, "limit": limit})

    async def _found(self, action: str, params: Mapping[str, Any]) -> AirbyteSearchResult:
        given = {name: value for name, value in params.items() if value is not None}
        found = await self._connector.execute(self._name, action, given)
        meta = {
            name: value
            for name, value in (found.get("meta") or {}).items()
            if name in AirbyteSearchMeta.__dataclass_fields__
        }
        return AirbyteSearchResult(
            [Record(row) for row in found.get("data") or ()], AirbyteSearchMeta(**meta)
        )
