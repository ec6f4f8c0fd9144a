"""Which parents have no rows below them: GraphQL tells it of many at once.

REST has one list for each parent. What GraphQL shows decides only which of them need not be asked
for: rows come from REST, and so does what is wrong. A parent counts as one without rows where the
list of them is empty, and another one, which the same right shows, is not. To whoever may not
look, a list is null, or its rows are left out of it
(lib/gitlab/graphql/authorize/connection_filter_extension.rb).
"""

from __future__ import annotations

import threading
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from source_gitlab.gitlab.errors import FatalError, GitlabError, TooComplex
from source_gitlab.gitlab.graphql import Operation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from source_gitlab.core.prefetch import Prefetcher
    from source_gitlab.core.slices import Row
    from source_gitlab.gitlab.client import Client
    from source_gitlab.streams import Probe, Stream

# A third of a page of parents, and no more, because GitLab loads all jobs of each pipeline that is
# named (`unconditional_includes` in app/graphql/resolvers/ci/project_pipeline_resolver.rb).
MOST: Final = 34
# One parent is asked for its list itself.
_FEWEST: Final = 2
_ID: Final = "gid://gitlab/Project/"


class ChildProbe:
    """Asks for some parents at once, as long as GitLab answers that. Thread-safe."""

    def __init__(self, client: Client, prefetcher: Prefetcher) -> None:
        """Ask nothing yet."""
        self._client = client
        self._prefetcher = prefetcher
        self._lock = threading.Lock()
        self._most: dict[str, int] = {}
        # Streams of which GraphQL says nothing at all, and projects in which it does not.
        self._silent: set[str] = set()
        self._silent_in: set[tuple[str, int]] = set()

    def childless(self, stream: Stream, parents: Iterable[Row]) -> frozenset[int]:
        """The ids of those parents that certainly have no row of a stream.

        Raises:
            FatalError: nothing else can be read either.
        """
        if stream.probe is None or self._client.is_job:
            return frozenset()
        by_project: defaultdict[int, list[Row]] = defaultdict(list)
        for parent in parents:
            if _is_told(stream.probe, parent):
                by_project[parent["project_id"]].append(parent)
        tasks = (
            partial(self._found, stream.name, stream.probe, number, part)
            for number, rows in by_project.items()
            for part in _parts(rows, self._most.get(stream.name, MOST))
        )
        found = self._prefetcher.in_order(tasks, self._prefetcher.workers)
        return frozenset(number for numbers in found for number in numbers)

    def _found(self, name: str, probe: Probe, project: int, parents: list[Row]) -> set[int]:
        """The ids of the parents without rows among some of one project."""
        found: set[int] = set()
        waiting = [parents]
        while waiting:
            part = waiting.pop()
            if len(part) < _FEWEST or name in self._silent or (name, project) in self._silent_in:
                continue
            most = self._most.get(name, MOST)
            if len(part) > most:
                waiting += _parts(part, most)
                continue
            try:
                # Few tries, because the lists themselves tell as well.
                reply = self._client.graphql(_operation(probe, project, part), again=True)
            except TooComplex:
                with self._lock:
                    self._most[name] = min(self._most.get(name, MOST), len(part) // 2)
                waiting.append(part)
            except FatalError:
                raise
            except GitlabError:
                # Without it, each parent is asked for its list, and that says what is wrong.
                self._silent.add(name)
            else:
                shown = _shown(reply.data, project, part)
                found |= {number for number, one in shown.items() if _has_none(one)}
                if all(_nodes(one.get("rows")) is None for one in shown.values()):
                    self._silent_in.add((name, project))
        return found


def _is_told(probe: Probe, parent: Row) -> bool:
    """Whether a parent can be named, and is one of those of which GraphQL tells."""
    return all(
        type(parent.get(column)) is int for column in ("id", "project_id", probe.by)
    ) and all(
        bool(parent.get(column)) if values is True else parent.get(column) in values
        for column, values in probe.of.items()
    )


def _parts(rows: list[Row], most: int) -> Iterator[list[Row]]:
    """Rows in as few parts as it takes, of about the same length."""
    count = -(-len(rows) // max(most, 1))
    for number in range(count):
        yield rows[number * len(rows) // count : (number + 1) * len(rows) // count]


def _operation(probe: Probe, project: int, parents: list[Row]) -> Operation:
    """The question for some parents of a project."""
    names = range(len(parents))
    given = " ".join(f"$k{one}: ID!" for one in names)
    asked = "\n".join(
        f"p{one}: {probe.field}({probe.by}: $k{one}) {{ id"
        f" rows: {probe.rows} {{ nodes {{ __typename }} }}"
        f" proof: {probe.proof} {{ nodes {{ __typename }} }} }}"
        for one in names
    )
    document = (
        f"query shown($ids: [ID!]!, {given}) {{ projects(ids: $ids, first: 1) {{ nodes {{ id\n"
        f"{asked}\n}} }} }}"
    )
    keys = {f"k{one}": str(parents[one][probe.by]) for one in names}
    variables = {"ids": [f"{_ID}{project}"], **keys}
    return Operation(document, "shown", variables, "which rows have others below them")


def _shown(data: Row, project: int, parents: list[Row]) -> dict[int, Row]:
    """What the answer has of each parent, by its id; nothing of one that it does not show."""
    nodes = _nodes(data.get("projects"))
    home = nodes[0] if nodes and isinstance(nodes[0], dict) else {}
    if home.get("id") != f"{_ID}{project}":
        return {}
    shown = ((parent["id"], home.get(f"p{one}")) for one, parent in enumerate(parents))
    return {
        number: one
        for number, one in shown
        if isinstance(one, dict) and str(one.get("id")).endswith(f"/{number}")
    }


def _has_none(parent: Row) -> bool:
    """Whether a parent has no rows, and its lists may be looked at."""
    proof = _nodes(parent.get("proof"))
    may_be_seen = bool(proof) and all(isinstance(one, dict) for one in proof or ())
    return may_be_seen and _nodes(parent.get("rows")) == []


def _nodes(connection: Any) -> list[Any] | None:
    nodes = connection.get("nodes") if isinstance(connection, dict) else None
    return nodes if isinstance(nodes, list) else None
