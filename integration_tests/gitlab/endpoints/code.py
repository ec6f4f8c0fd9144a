"""Branches, tags, commits, releases and merge requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from integration_tests.gitlab.call import Registry
from integration_tests.gitlab.endpoints.planning import (
    list_in_group,
    list_issuables,
    projects_with,
    scope_of,
)
from integration_tests.gitlab.errors import (
    COMMIT,
    MERGE_REQUEST,
    REPOSITORY,
    ApiError,
    forbidden,
    not_found,
)
from integration_tests.gitlab.paging import keyset_by_name, offset
from integration_tests.gitlab.present.code import branch, commit, merge_request, release, tag
from integration_tests.gitlab.present.structure import feature
from integration_tests.gitlab.repository import Commit, UnknownRevisionError
from integration_tests.gitlab.world import REPORTER

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response

    from integration_tests.gitlab.call import Call
    from integration_tests.gitlab.repository import Repository, Tag
    from integration_tests.gitlab.rows import Row

api = Registry()


@api.get("/projects/:id/repository/branches", job_token=True)
def branches(call: Call) -> Response:
    """Branches by name. Without keyset the first page claims a second one in any case."""
    row = call.project("repository", level=REPORTER)
    repository = call.world.repository(row.id)
    sort = call.query.choice("sort", ("name_asc", "updated_asc", "updated_desc"), "name_asc")
    search = call.query.text("search") or ""
    names = sorted(name for name in repository.branches if search in name)
    if sort != "name_asc":
        names.sort(
            key=lambda name: repository.commits[repository.branches[name].sha].committed,
            reverse=sort == "updated_desc",
        )
    show = _ref_body(call, row, repository, "branch")
    if call.settings.branch_keyset and call.query.text("pagination") == "keyset":
        return keyset_by_name(call, names, show, defaults={"sort": sort})
    return offset(call, names, show, defaults={"sort": sort}, first_claims_more=True)


@api.get("/projects/:id/repository/tags", job_token=True)
def tags(call: Call) -> Response:
    """Tags, last updated first unless told; page_token is the name of the last tag read."""
    row = call.project("repository", level=REPORTER)
    repository = call.world.repository(row.id)
    by = call.query.choice("order_by", ("name", "updated", "version"), "updated")
    sort = call.query.choice("sort", ("asc", "desc"), "desc")
    search = call.query.text("search") or ""
    found = sorted(
        (one for one in repository.tags.values() if search in one.name),
        key=lambda one: one.name,
    )
    if by == "updated":
        found.sort(key=lambda one: _tag_time(repository, one))
    names = [one.name for one in found]
    if sort == "desc":
        names.reverse()
    show = _ref_body(call, row, repository, "tag")
    defaults = {"order_by": by, "sort": sort}
    if call.query.text("pagination") == "keyset":
        return keyset_by_name(call, names, show, defaults=defaults)
    return offset(call, names, show, defaults=defaults)


def _tag_time(repository: Repository, one: Tag) -> int:
    return one.created or repository.commits[one.sha].committed


def _ref_body(
    call: Call,
    row: Row,
    repository: Repository,
    kind: str,
) -> Callable[[str], bytes]:
    stamp = (call.world.shown, repository.version, call.world.releases.version)

    def body(name: str) -> bytes:
        key = (row.id, kind, name)
        found = call.world.ref_bodies.get(key)
        if found is None or found[0] != stamp:
            shown = (
                branch(call.world, row.id, repository, repository.branches[name])
                if kind == "branch"
                else tag(call.world, row.id, repository, repository.tags[name])
            )
            found = call.world.ref_bodies[key] = (stamp, orjson.dumps(shown))
        return found[1]

    return body


def commit_body(call: Call, project_id: int, *, stats: bool = False) -> Callable[[Commit], bytes]:
    """How to serialise commits of a project."""
    world = call.world

    kept = world.repository(project_id).commits

    def body(one: Commit) -> bytes:
        if one.sha not in kept:
            return orjson.dumps(commit(world, project_id, one, stats=stats))
        key = (project_id, one.sha, stats)
        found = world.commit_bodies.get(key)
        if found is None or found[0] != world.shown:
            shown = orjson.dumps(commit(world, project_id, one, stats=stats))
            found = world.commit_bodies[key] = (world.shown, shown)
        return found[1]

    return body


@api.get("/projects/:id/repository/commits", job_token=True)
def commits(call: Call) -> Response:
    """Commits of a branch, tag, sha or range, newest first. Never totals.

    A next page is claimed exactly when this one is full. The time bounds are those of the
    committer's date, and as in git the walk ends at a commit that is too old.
    """
    row, query = call.project("repository", level=REPORTER), call.query
    repository = call.world.repository(row.id)
    if row.facts.get("no_repository"):
        raise not_found(REPOSITORY)
    found: list[Commit] = []
    if not repository.empty:
        try:
            found = repository.log(
                query.text("ref_name") or None,
                all_refs=bool(query.maybe_flag("all")),
                since=query.moment("since"),
                until=query.moment("until"),
                first_parent=bool(query.maybe_flag("first_parent")),
            )
        except UnknownRevisionError as error:
            if call.settings.unknown_ref == "404":
                raise not_found(COMMIT) from error
            if call.settings.unknown_ref == "400":
                raise ApiError(400, {"error": "ref_name is invalid"}) from error
    author = query.text("author")
    if author:
        found = [one for one in found if author in f"{one.author_name} <{one.author_email}>"]
    show = commit_body(call, row.id, stats=query.flag("with_stats", default=False))
    defaults = {"order": "default", "with_stats": "false", "follow": "true"}
    return offset(call, found, show, defaults=defaults, totals=False, by_fullness=True)


@api.get("/projects/:id/releases", job_token=True)
def releases(call: Call) -> Response:
    """Releases of a project, last released first unless told."""
    row, query = call.project("releases"), call.query
    by = query.choice("order_by", ("released_at", "created_at"), "released_at")
    sort = query.choice("sort", ("asc", "desc"), "desc")
    after, before = query.moment("updated_after"), query.moment("updated_before")
    if not call.settings.release_filters:
        after = before = None
    return _list_releases(call, call.world.releases.of_project(row.id), by, sort, (after, before))


@api.get("/groups/:id/releases")
def group_releases(call: Call) -> Response:
    """Releases of a group's projects and of those below."""
    sort = call.query.choice("sort", ("asc", "desc"), "desc")
    rows = [
        found
        for project in call.access.visible_projects(call.viewer, call.group().id)
        if feature(project, "releases") != "disabled"
        for found in call.world.releases.of_project(project.id)
    ]
    return _list_releases(call, rows, "released_at", sort, (None, None))


def _list_releases(
    call: Call,
    rows: list[Row],
    by: str,
    sort: str,
    interval: tuple[int | None, int | None],
) -> Response:
    after, before = interval
    rows = [
        row
        for row in rows
        if (after is None or (row.updated or 0) >= after)
        and (before is None or (row.updated or 0) <= before)
    ]
    rows.sort(
        key=lambda row: (
            row.created if by == "created_at" else row.facts.get("released", row.created),
            row.id,
        ),
        reverse=sort == "desc",
    )
    defaults = {"order_by": by, "sort": sort}
    html = bool(call.query.maybe_flag("include_html_description"))
    return offset(
        call,
        rows,
        lambda row: orjson.dumps(row.overridden(release(call.world, row, html=html))),
        defaults=defaults,
    )


@api.get("/merge_requests", anonymous=False)
def merge_requests(call: Call) -> Response:
    """Merge requests of the instance; those that the viewer created, unless told."""
    return list_issuables(
        call,
        call.world.merge_requests,
        scope_of(call, "instance"),
        lambda: projects_with(call, "merge_requests"),
        merge_request,
        mine=True,
    )


@api.get("/groups/:id/merge_requests")
def group_merge_requests(call: Call) -> Response:
    """Merge requests of a group and all below, archived projects left out unless told."""
    return list_in_group(call, "merge_requests", merge_request)


def with_merge_requests(call: Call) -> Row:
    """The project that the path names; 403 when its merge requests are not for the viewer."""
    row = call.project("merge_requests")
    if not call.access.shows(call.viewer, row, "merge_requests"):
        raise forbidden()
    return row


@api.get("/projects/:id/merge_requests", job_token=True)
def project_merge_requests(call: Call) -> Response:
    """Merge requests of a project; 403 when they are switched off, or not for the viewer."""
    row = with_merge_requests(call)
    return list_issuables(
        call,
        call.world.merge_requests,
        ("project", row.id),
        lambda: [row],
        merge_request,
    )


def find_merge_request(call: Call, project_id: int) -> Row:
    """The merge request that the path names by iid; 404 when there is none."""
    iid = call.number("iid", "merge_request_iid")
    found = call.world.merge_requests.find_iid(project_id, iid)
    if found is not None:
        return found
    raise not_found(MERGE_REQUEST)


@api.get("/projects/:id/merge_requests/:iid/commits", job_token=True)
def merge_request_commits(call: Call) -> Response:
    """Commits of a merge request, newest first."""
    row = with_merge_requests(call)
    found = find_merge_request(call, row.id)
    recorded = call.world.recorded_commits.get(found.id)
    if recorded is not None:
        return offset(call, recorded, lambda body: body)
    listed = found.commits(call.world.repository(row.id))
    return offset(call, listed, commit_body(call, row.id))
