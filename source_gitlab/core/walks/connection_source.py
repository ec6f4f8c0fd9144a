"""Where a list of GraphQL is, and what is asked for it."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from source_gitlab.streams.queries import queries_of, variable_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_gitlab.core.slices import Row
    from source_gitlab.gitlab.graphql import Operation, Reply
    from source_gitlab.gitlab.pagination import Missed
    from source_gitlab.streams import Stream
    from source_gitlab.streams.queries import Queries

NODES = "nodes"
NOTHING: Mapping[str, Any] = MappingProxyType({})


class Asking(Protocol):
    """What answers queries, and takes note of rows that do not come."""

    @property
    def api_url(self) -> str:
        """The address of the REST API."""
        ...

    def graphql(self, operation: Operation, named: str) -> Reply:
        """A page of a list: `$first` is what GitLab can give at once of the query `named`."""
        ...

    def note(self, *missed: Missed) -> None:
        """Note what does not come."""
        ...


class Source(NamedTuple):
    """Where a list is: the container (`kind` is an operation) and its full path, for people too.

    `rows` are the names that lead from the container to the rows. `number` is the container's id,
    and `given` are the variables that name a parent.
    """

    stream: str
    kind: str
    path: str
    rows: tuple[str, ...]
    queries: Queries
    number: int = 0
    given: Mapping[str, Any] = NOTHING

    @classmethod
    def of(cls, stream: Stream, kind: str, path: str, number: int = 0) -> Source:
        """The list of a declared stream."""
        queries = queries_of(stream.name)
        assert queries is not None  # noqa: S101 -- the declaration was checked
        rows = stream.by_name.outer if stream.by_name else tuple(str(stream.rows).split("."))
        return cls(stream.name, kind, path, rows, queries, number)

    @classmethod
    def below(cls, stream: Stream, parent: Row, path: str) -> Source:
        """The list of a stream below a row of its parent, whose own address is `path`."""
        source = cls.of(stream, "child", path)
        wanted = source.queries.operations["child"]
        given = {variable_of(column): value for column, value in parent.items()}
        given |= {
            variable_of(column): f"gid://gitlab/{type_}/{parent[column]}"
            for column, type_ in stream.global_ids.items()
        }
        return source._replace(given={one: given[one] for one in wanted & given.keys()})

    @property
    def variables(self) -> dict[str, Any]:
        """What names the container to the operation."""
        if not self.path:
            return {}
        if self.kind == "child":
            return dict(self.given)
        named = {"id": f"gid://gitlab/{self.kind.capitalize()}/{self.number}"}
        return {"path": self.path, **(named if self.number else {})}

    @property
    def leading(self) -> tuple[str, ...]:
        """The names that lead from what the operation brings to the rows."""
        return self.rows if self.kind == "instance" else (self.kind, *self.rows)

    @property
    def about(self) -> str:
        """What is read, for people."""
        return f"{self.stream} of {self.path or 'the whole GitLab'}"
