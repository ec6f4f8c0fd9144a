"""Connections, the lists of GraphQL: read by cursor, each one inside a row to its end.

A row leaves with names in snake_case, the number of each global id (`gid://gitlab/Timelog/12`)
under `id`, and a plain list in place of a connection.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from source_gitlab.core.walks.connection_source import NODES, NOTHING
from source_gitlab.gitlab.errors import Malformed, ReadError, Skipped
from source_gitlab.gitlab.graphql import Operation, address_of
from source_gitlab.gitlab.lists import Streak
from source_gitlab.gitlab.pagination import Answer, Missed, pages_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from source_gitlab.core.slices import Row
    from source_gitlab.core.walks.connection_source import Asking, Source
    from source_gitlab.gitlab.errors import GitlabError
    from source_gitlab.gitlab.graphql import Reply
    from source_gitlab.gitlab.pagination import Query

_GLOBAL_ID = re.compile(r"gid://gitlab/.+/(\d+)")
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_ANY = "*"


class _Owner(NamedTuple):
    """The nearest object with a global id around a value, and the names that lead from it there.

    `name` is for people, and `known` are the variables that name it. A row without a global id is
    told from others below its container by its own values, beside what names the container.
    """

    name: str
    path: tuple[str, ...]
    known: Mapping[str, Any]


_NOBODY = _Owner("", (), NOTHING)


def read(asking: Asking, source: Source, variables: Mapping[str, Any]) -> Iterator[list[Row]]:
    """The rows of one list, page by page.

    Raises:
        Skipped: GitLab shows no such list to this token.
        GitlabError: as `gitlab.graphql` sorts it.
    """
    connections = _Connections(asking, source)

    def fetch(query: Query) -> Answer:
        return connections.page(source.kind, query, source.leading)

    for answer in pages_of(fetch, {**variables, **source.variables, "after": None}, source.about):
        yield [_shaped(row) for row in connections.whole(answer.data)]


def shows(asking: Asking, source: Source, variables: Mapping[str, Any]) -> list[Row]:
    """Rows of the first page as GitLab has them, with what is nested in them cut short.

    Raises:
        Skipped: GitLab shows no such list to this token.
        GitlabError: as `gitlab.graphql` sorts it.
    """
    variables = {**variables, **source.variables, "after": None}
    first = _Connections(asking, source).page(source.kind, variables, source.leading)
    return list(first.data)


def counted(
    asking: Asking,
    source: Source,
    variables: Mapping[str, Any],
    ask: Callable[[Operation], Reply],
) -> int:
    """How many rows a list has, as the one answer of `ask` tells.

    Raises:
        Skipped: GitLab shows no such list to this token.
        GitlabError: as `gitlab.graphql` sorts it.
    """
    given = {**variables, **source.variables, "first": 1, "after": None, "counting": True}
    operation = Operation(source.queries.document, source.kind, given, source.about)
    return _Connections(asking, source).number(operation, ask(operation))


class _Connections:
    """Reads connections: pages of rows with a cursor."""

    def __init__(self, asking: Asking, source: Source) -> None:
        self._asking = asking
        self._queries = source.queries
        self._source = source
        self._url = address_of(asking.api_url)
        self._streak = Streak()

    def page(self, name: str, variables: Query, leading: tuple[str, ...]) -> Answer:
        """One page of the list to which the names `leading` lead in what the operation brings.

        Raises:
            Skipped: something on the way is null: GitLab does not show it.
            GitlabError: as `gitlab.graphql` sorts it.
        """
        operation = Operation(self._queries.document, name, variables, self._source.about)
        # What a list costs is the same whatever container it is of.
        is_own = name == self._source.kind
        named = self._source.stream if is_own else f"{self._source.stream}.{name}"
        reply = self._asking.graphql(operation, named)
        rows, after = self._taken(self._connection(operation, reply, leading))
        if not rows and after is not None:
            # GitLab hides rows of a page from who may not see them, or it lost them this once.
            reply = self._asking.graphql(operation, named)
            rows, after = self._taken(self._connection(operation, reply, leading))
        self._note(reply, rows, leading)
        following = None if after is None else {**variables, "after": after}
        # Rows that may not be seen are left out of a page, or are null in it.
        return Answer([row for row in rows if row is not None], following, None, thinned=True)

    def number(self, operation: Operation, reply: Reply) -> int:
        """How many rows the list has; raises as `page`."""
        for problem in reply.problems:
            raise problem.error
        found = self._connection(operation, reply, self._source.leading)
        number = found.get("count") if isinstance(found, dict) else None
        if type(number) is not int:
            what = "GitLab answered without the number of rows"
            raise self._malformed(what)
        return number

    def _connection(self, operation: Operation, reply: Reply, leading: tuple[str, ...]) -> Any:
        """What holds the rows: a connection, or what stands there without pages.

        Raises:
            Skipped: something on the way is null.
            Malformed: something on the way is missing: GitLab answers null for what it hides.
        """
        inside: Any = reply.data
        outer = leading[:-1] if leading[-1] == NODES else leading
        names: list[str] = []
        for part in outer:
            # An object that is asked for by its id has the name of its type.
            names.append(operation.variables.get("id", "it") if part == _ANY else part)
            key = next(iter(inside), part) if part == _ANY and isinstance(inside, dict) else part
            inside = _only_row(inside, key)
            if _is_connection(inside) and key not in inside and inside.get(NODES) == []:
                raise self._refused(".".join(names), is_list=False)
            if not isinstance(inside, dict) or key not in inside:
                what = f"GitLab answered without {'.'.join(names)}"
                raise self._malformed(what)
            inside = inside[key]
            if inside is None:
                raise self._refused(".".join(names), is_list=len(names) == len(outer))
            if len(names) == 1:
                self._must_be_source(operation, inside)
        return inside

    def _must_be_source(self, operation: Operation, found: Any) -> None:
        """Let the group or project pass that was meant by its path.

        Raises:
            Malformed: it was renamed, and this is another one, which has its path now.
        """
        kind, number = self._source.kind, self._source.number
        told = found.get("id") if operation.name == kind and isinstance(found, dict) else None
        if number and told and told != f"gid://gitlab/{kind.capitalize()}/{number}":
            what = f"the {kind} of this path is another one now ({told}), not that with id {number}"
            raise self._malformed(what)

    def whole(self, rows: list[Row]) -> Iterator[Row]:
        """Those of the rows that come with all that is nested in them; the others are noted.

        Raises:
            Malformed: a connection inside a row is no page, which is the fault of no single row.
            GitlabError: so many fail one behind the other that it is not single rows that do.
        """
        for row in rows:
            error = self._lacks(row)
            if error is None:
                self._streak.worked()
                yield row
                continue
            if isinstance(error, Malformed) or self._streak.failed():
                raise error
            message = f"{row.get('id')} of {self._source.about} was left out. {error}"
            self._asking.note(Missed(message, self._url))

    def _lacks(self, row: Row) -> Skipped | ReadError | None:
        """Finish a row; what kept a part of it away."""
        try:
            self.finished(row)
        except (Skipped, ReadError) as error:
            return error
        return None

    def finished(self, row: Row, path: tuple[str, ...] = (), owner: _Owner = _NOBODY) -> Row:
        """The row, in which each connection has become a list with all of its rows.

        `path` leads from the row of the stream to this object, and `owner` has a global id.
        """
        if isinstance(row.get("id"), str):
            owner = _Owner(row["id"], (), {"id": row["id"]})
        elif not path:
            source = self._source
            outer = source.rows[:-1] if source.rows[-1] == NODES else source.rows
            owner = _Owner(source.path, outer, {**row, **source.variables})
        for name, value in row.items():
            if isinstance(value, list):
                for one in value:
                    if isinstance(one, dict):
                        self.finished(one, (*path, name), owner)
            elif isinstance(value, dict):
                inner = owner._replace(path=(*owner.path, name))
                if _is_connection(value):
                    row[name] = self._all_of(value, (*path, name), inner)
                else:
                    self.finished(value, (*path, name), inner)
        return row

    def _all_of(self, connection: Row, path: tuple[str, ...], owner: _Owner) -> list[Row]:
        """All rows of a connection inside a row.

        Raises:
            Malformed: there are more than came, and no operation goes on with them.
        """
        rows, after = self._taken(connection)
        name = "_".join(path)
        wanted = self._queries.operations.get(name, frozenset()) - {"first", "after"}
        if after is not None and (name not in self._queries.nested or wanted - owner.known.keys()):
            what = f"{name} of {owner.name or 'a row'} has more rows than came"
            raise self._malformed(what)
        given = {one: value for one, value in owner.known.items() if one in wanted}

        def fetch(query: Query) -> Answer:
            # The object has the name under which the operation asks for it.
            return self.page(name, {**given, **query}, (_ANY, *owner.path, NODES))

        if after is not None:
            for answer in pages_of(fetch, {"after": after}, f"{name} of {owner.name}"):
                rows += answer.data
        return [self.finished(one, path, owner) for one in rows if one is not None]

    def _taken(self, connection: Any) -> tuple[list[Any], str | None]:
        """The rows of a page (null where GitLab gives none), and the cursor of the next one.

        A plain list is one page, and an object that is no connection is one row.

        Raises:
            Malformed: it is no page, or does not say whether it is the last.
        """
        if self._source.rows[-1] != NODES and not _is_connection(connection):
            connection = {
                NODES: [connection] if isinstance(connection, dict) else connection,
                "pageInfo": {"hasNextPage": False},
            }
        rows = connection.get(NODES) if isinstance(connection, dict) else None
        info = connection.get("pageInfo") if isinstance(connection, dict) else None
        more = info.get("hasNextPage") if isinstance(info, dict) else None
        after = info.get("endCursor") if isinstance(info, dict) else None
        sound = isinstance(rows, list) and all(one is None or isinstance(one, dict) for one in rows)
        if sound and not rows and more is True and after is None:
            # The cursor is that of the last row which is left of a page
            # (lib/gitlab/graphql/connection_redaction.rb).
            what = (
                "GitLab hides a whole page of rows from this token, and then gives no cursor to go"
                " on with. A token that may see them is needed"
            )
            raise self._malformed(what)
        if not sound or not isinstance(more, bool) or (more and not isinstance(after, str)):
            what = "GitLab answered with something else than a page"
            raise self._malformed(what)
        return rows or [], after if more else None

    def _note(self, reply: Reply, rows: list[Any], leading: tuple[str, ...]) -> None:
        """Note what single rows lack; one of which a part failed becomes null.

        Raises:
            GitlabError: something lacks that is in no row.
        """
        of_row: dict[int, list[GitlabError]] = {}
        for problem in reply.problems:
            *_, number = (None, *problem.place[: len(leading) + 1])
            if len(problem.place) <= len(leading) or type(number) is not int or number >= len(rows):
                raise problem.error
            of_row.setdefault(number, []).append(problem.error)
        for number, errors in of_row.items():
            row = rows[number]
            failed = next((one for one in errors if not isinstance(one, Skipped)), None)
            if failed is not None:
                # Its null is no value, and must not take the place of one.
                rows[number] = None
            is_lost = rows[number] is None
            name = f"Row {number + 1} of a page" if row is None else f"{row.get('id')}"
            lacks = "was left out" if is_lost else "came without a part of it"
            message = f"{name} of {self._source.about} {lacks}. {failed or errors[0]}"
            reason = "failed" if is_lost else "partial"
            self._asking.note(Missed(message, self._url, reason=reason))
        silent = sum(row is None for number, row in enumerate(rows) if number not in of_row)
        if silent:
            told = "1 row" if silent == 1 else f"{silent} rows"
            message = f"{told} of a page of {self._source.about} came as null."
            self._asking.note(Missed(message, self._url))

    def _refused(self, what: str, *, is_list: bool) -> Skipped:
        """GitLab says null where something is not shown, and an empty list where nothing is."""
        asked = f"POST {self._url} ({self._source.about})"
        if is_list:
            message = (
                f"{asked}: GitLab answers null for {what}. This token may not read it, or its"
                " feature is off or not in the tier."
            )
            return Skipped(message, reason="permission", url=self._url, status=200)
        message = f"{asked}: {what} does not exist, or this token may not see it (GitLab: null)."
        return Skipped(message, reason="gone", url=self._url, status=200)

    def _malformed(self, what: str) -> Malformed:
        return Malformed(f"POST {self._url} ({self._source.about}): {what}.", url=self._url)


def _only_row(inside: Any, name: str) -> Any:
    """The one row of a connection on the way to `name`, which is asked for by what it has."""
    rows = inside.get(NODES) if _is_connection(inside) and name not in inside else None
    return rows[0] if isinstance(rows, list) and len(rows) == 1 else inside


def _is_connection(value: Any) -> bool:
    return isinstance(value, dict) and ("pageInfo" in value or NODES in value)


@lru_cache(maxsize=1024)
def _snake(name: str) -> str:
    """`spentAt` as `spent_at`."""
    return _CAPITAL.sub("_", name).lower()


def _shaped(value: Any, name: str = "") -> Any:
    """A value with names in snake_case, and numbers for global ids."""
    if isinstance(value, dict):
        return {_snake(key): _shaped(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [_shaped(one) for one in value]
    if name == "id" and isinstance(value, str):
        number = _GLOBAL_ID.fullmatch(value)
        return int(number[1]) if number else value
    return value
