"""The ways to walk a list: one table, whose names are those of `streams/walks.py`.

A walk takes a `Reading` and yields the pages of its slice, with rows as GitLab has them.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from source_gitlab.core.walks import graphql
from source_gitlab.core.walks.below import children_of
from source_gitlab.core.walks.changed_rows import changed, found, queries_of
from source_gitlab.core.walks.commits import Commits
from source_gitlab.core.walks.days import days
from source_gitlab.core.walks.inventory_rows import groups, projects
from source_gitlab.core.walks.jobs import Jobs
from source_gitlab.core.walks.objects import object_of
from source_gitlab.core.walks.whole_lists import whole
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from source_gitlab.core.slices import Page
    from source_gitlab.core.walks.reading import Reading

# How the jobs of one pipeline are read.
_OF_A_PIPELINE: Mapping[str, Any] = {
    "kind": "child",
    "path": "projects/{project_id}/pipelines/{id}/jobs",
    "walk": "pages",
    "query": {"include_retried": True},
}


def _commits(reading: Reading) -> Iterator[Page]:
    path, query = reading.address()
    every = reading.shared.config.commit_refs == "all"
    commits = Commits(reading.lists, path, query, every, reading.shared.first)
    return commits.pages(reading.slice_, reading.state.heads.of(reading.slice_["id"]))


def _jobs(reading: Reading) -> Iterator[Page]:
    path, query = reading.address()
    gate = streams()[reading.stream.gate or ""]
    of_gate = reading.of(gate)
    pipelines = tuple(partial(found, of_gate, seek) for seek in queries_of(of_gate))
    below = children_of(reading.of(replace(reading.stream, **_OF_A_PIPELINE)), gate)
    entered = partial(reading.shared.entered, reading.stream, reading.state)
    lookback = reading.shared.config.lookback_minutes
    jobs = Jobs(reading.lists, below, path, query, pipelines, lookback, entered=entered)
    top = reading.state.highest_ids.of(reading.slice_["id"])
    return jobs.pages(reading.slice_, reading.shared.first, top)


WALKS: Mapping[str, Callable[[Reading], Iterator[Page]]] = {
    "pages": whole,
    "keyset": whole,
    "seek": changed,
    "commits": _commits,
    "jobs": _jobs,
    "days": days,
    "object": object_of,
    "graphql": graphql.pages,
    "groups": groups,
    "projects": projects,
}
