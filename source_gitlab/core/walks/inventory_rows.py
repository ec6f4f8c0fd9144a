"""The groups and projects of the selection as rows, from the index that all streams share."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from source_gitlab.config import Anonymous
from source_gitlab.core.details import Details
from source_gitlab.core.slices import Page
from source_gitlab.gitlab.errors import FatalError, GitlabError, ReadError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_gitlab.core.inventory import Group
    from source_gitlab.core.slices import Place, Row
    from source_gitlab.core.walks.reading import Reading
    from source_gitlab.gitlab.errors import Skipped

LOGGER = logging.getLogger("source_gitlab")


def groups(reading: Reading) -> Iterator[Page]:
    """The rows of a chosen group and the groups below it, each with its own projects.

    Raises:
        NotFound: the group cannot be listed, or, behind all rows, some of it cannot.
        ReadError: behind all rows: some of them lack details.
    """
    root = _root(reading)
    if root is None:
        return
    details = _details(reading)
    try:
        yield from map(Page, details.groups(_with_projects(reading, root), {root.id}))
    except FatalError:
        raise
    except GitlabError as error:
        raise reading.shared.inventory.leave_out(root, error) from error
    details.finish()
    # The rows of groups tell of their projects, too.
    _must_be_complete(reading, root, of_groups=True)
    _must_be_complete(reading, root, of_groups=False)


def projects(reading: Reading) -> Iterator[Page]:
    """The rows of the projects of a chosen group, or, for group 0, of those chosen by themselves.

    Raises:
        NotFound: the group cannot be listed, or, behind all rows, some of it cannot.
        ReadError: behind all rows: some of them lack details.
    """
    root = _root(reading)
    if root is None:
        yield from map(Page, _chosen_projects(reading))
        return
    inventory = reading.shared.inventory
    details = _details(reading)
    # Nobody has permissions who does not sign in, nor sees statistics.
    signed_in = not isinstance(reading.shared.config.credentials, Anonymous)
    try:
        if inventory.roots().whole:
            pages = inventory.project_pages(root)
            yield from map(Page, details.projects(pages) if signed_in else pages)
    except FatalError:
        raise
    except GitlabError as error:
        raise inventory.leave_out(root, error) from error
    details.finish()
    _must_be_complete(reading, root, of_groups=False)


def _root(reading: Reading) -> Group | None:
    roots = reading.shared.inventory.roots().groups
    return next((group for group in roots if group.id == reading.slice_["id"]), None)


def _must_be_complete(reading: Reading, root: Group, *, of_groups: bool) -> None:
    problem = reading.shared.inventory.lacking(root, of_groups=of_groups)
    if problem is not None:
        raise problem


def _chosen_projects(reading: Reading) -> Iterator[list[Row]]:
    inventory = reading.shared.inventory
    roots = inventory.roots()
    if roots.named:
        # They are as they were when their names were resolved, moments ago.
        named = [inventory.named_row(project.id) for project in roots.projects]
        yield [dict(row) for row in named if row is not None]
        return
    wanted = {project.id for project in roots.projects}
    for rows in inventory.joined_pages(reading.lists):
        yield [row for row in rows if row["id"] in wanted]


def _with_projects(reading: Reading, root: Group) -> list[Row]:
    """The rows of a group and those below it, each with the projects that are in it itself."""
    inventory = reading.shared.inventory
    roots = inventory.roots()
    listed = inventory.listing(root).projects.values() if roots.whole else roots.projects
    below: dict[int, list[dict[str, Any]]] = {}
    for project in sorted(listed, key=lambda project: project.id):
        entry = {"id": project.id, "path_with_namespace": project.path}
        below.setdefault(project.namespace, []).append(entry)
    rows = inventory.group_rows(root)
    return [{**row, "projects": below.get(row["id"], [])} for row in rows]


def _details(reading: Reading) -> Details:
    """What completes the rows of a list of groups or projects."""
    stream, report = reading.stream, reading.shared.report

    def tell(where: Place, path: str, error: Skipped | ReadError) -> None:
        message = f"{path} lacks the columns that GitLab's lists leave out. {error}"
        if isinstance(error, ReadError):
            report.fail(stream.name, where, ReadError(message, url=error.url))
        elif report.skip(stream.name, where, error.reason, message):
            LOGGER.warning("%s: %s", stream.name, message)

    shared = reading.shared
    statistics = shared.config.statistics
    return Details(shared.client, shared.prefetcher, tell, statistics=statistics)
