"""In which projects no pipeline moved: GraphQL tells it of fifty projects at once.

Nothing in a project's row tells that its pipelines moved, and REST has no list of those of several
projects. Rows are read by REST all the same. A project that this calls quiet is not asked for them,
and its watermark stays where it is, so whatever GraphQL left out is read with the next first read
of a day.

Both go through one finder (app/finders/ci/pipelines_finder.rb), so `updatedAfter` is the same
filter. It drops pipelines that have no `updated_at`; a new one of those is the newest of its list.
To whoever may not read pipelines the list is empty, and `pipelineCounts` is null
(app/graphql/types/ci/pipeline_counts_type.rb), whose name alone counts nothing.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from source_gitlab.gitlab.errors import FatalError, GitlabError
from source_gitlab.gitlab.graphql import Operation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from source_gitlab.gitlab.client import Client

# About 44 of the 250 points that GitLab allows; each project takes five queries of its database.
_MOST: Final = 50
_PIPELINES: Final = "{ nodes { updatedAt } }"
_DOCUMENT: Final = f"""
query moved($ids: [ID!]!, $since: Time!) {{ projects(ids: $ids, first: {_MOST}) {{ nodes {{
  id
  permitted: pipelineCounts {{ __typename }}
  newest: pipelines(first: 1) {_PIPELINES}
  newestChild: pipelines(source: "parent_pipeline", first: 1) {_PIPELINES}
  moved: pipelines(updatedAfter: $since, first: 1) {_PIPELINES}
  movedChild: pipelines(source: "parent_pipeline", updatedAfter: $since, first: 1) {_PIPELINES}
  running: pipelines(scope: RUNNING, first: 1) {_PIPELINES}
}} }} }}"""
_ID: Final = "gid://gitlab/Project/"


class PipelineProbe:
    """Asks of each project at most once a read. Thread-safe."""

    def __init__(self, client: Client) -> None:
        """Ask nothing yet."""
        self._client = client
        self._lock = threading.Lock()
        # By project and instant: whether it is quiet, and whether none of its pipelines runs.
        self._known: dict[tuple[int, str], tuple[bool, bool]] = {}
        self._is_refused = client.is_job

    def quiet(self, since: Mapping[int, str], *, may_run: bool) -> frozenset[int]:
        """Of projects, those in which certainly no pipeline moved since an instant of each.

        `may_run` tells that those count in which a pipeline runs.

        Raises:
            FatalError: nothing else can be read either.
        """
        with self._client.holding(self._lock):
            for instant, numbers in self._unknown(since):
                if not self._is_refused:
                    self._ask(instant, numbers)
            found = {one: self._known.get((one, when)) for one, when in since.items()}
        return frozenset(
            number
            for number, known in found.items()
            if known is not None and known[0] and (known[1] or may_run)
        )

    def _unknown(self, since: Mapping[int, str]) -> Iterator[tuple[str, list[int]]]:
        """What was not asked for yet, in parts that one question takes."""
        by_instant: defaultdict[str, list[int]] = defaultdict(list)
        for number, instant in since.items():
            if (number, instant) not in self._known:
                by_instant[instant].append(number)
        for instant, numbers in by_instant.items():
            for first in range(0, len(numbers), _MOST):
                yield instant, numbers[first : first + _MOST]

    def _ask(self, instant: str, numbers: list[int]) -> None:
        self._known |= {(number, instant): (False, False) for number in numbers}
        variables = {"ids": [f"{_ID}{number}" for number in numbers], "since": instant}
        operation = Operation(_DOCUMENT, "moved", variables, "where pipelines moved")
        try:
            # Few tries, because the lists themselves tell as well.
            reply = self._client.graphql(operation, again=True)
        except FatalError:
            raise
        except GitlabError:
            # Without it, each project is asked for its lists, and those say what is wrong.
            self._is_refused = True
            return
        projects = reply.data.get("projects")
        nodes = projects.get("nodes") if isinstance(projects, dict) else None
        for node in nodes if isinstance(nodes, list) else ():
            number = _number(node)
            if (number, instant) in self._known:
                rests = _is_empty(node.get("running"))
                self._known[number, instant] = (_is_quiet(node), rests)


def _number(node: Any) -> int:
    """The id of a project; 0 where there is none."""
    text = str(node.get("id", "")).removeprefix(_ID) if isinstance(node, dict) else ""
    return int(text) if text.isascii() and text.isdigit() else 0


def _is_quiet(node: Mapping[str, Any]) -> bool:
    """Whether a project shows its pipelines, and none that moved or cannot tell when."""
    return (
        node.get("permitted") is not None
        and all(_is_told(node.get(name)) for name in ("newest", "newestChild"))
        and all(_is_empty(node.get(name)) for name in ("moved", "movedChild"))
    )


def _is_empty(connection: Any) -> bool:
    return isinstance(connection, dict) and connection.get("nodes") == []


def _is_told(connection: Any) -> bool:
    nodes = connection.get("nodes") if isinstance(connection, dict) else None
    return isinstance(nodes, list) and all(
        isinstance(one, dict) and one.get("updatedAt") for one in nodes
    )
