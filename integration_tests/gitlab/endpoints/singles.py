"""One object by itself, with what its list leaves out, where no entry of resources/ does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from integration_tests.gitlab.call import Registry
from integration_tests.gitlab.endpoints.code import find_merge_request, with_merge_requests
from integration_tests.gitlab.errors import COMMIT, EPIC, ApiError, not_found
from integration_tests.gitlab.paging import respond_one
from integration_tests.gitlab.present.ci import pipeline
from integration_tests.gitlab.present.code import branch, commit, merge_request, release, tag
from integration_tests.gitlab.present.people import user_profile
from integration_tests.gitlab.present.planning import epic, issue
from integration_tests.gitlab.repository import UnknownRevisionError
from integration_tests.gitlab.world import REPORTER

if TYPE_CHECKING:
    from starlette.responses import Response

    from integration_tests.gitlab.call import Call
    from integration_tests.gitlab.repository import Repository
    from integration_tests.gitlab.rows import Json, Row

api = Registry()


def _one(shown: Json, row: Row | None = None) -> Response:
    return respond_one(orjson.dumps(shown if row is None else row.overridden(shown)))


@api.get("/users/:id")
def user(call: Call) -> Response:
    """An account as everybody who has signed in sees it (lib/api/users.rb)."""
    if call.viewer is None:
        raise ApiError(403, {"message": "403 Forbidden - Not authorized!"})
    found = call.world.users.rows.get(call.number("id", "id"))
    if found is None:
        what = "User"
        raise not_found(what)
    shown = user_profile(call.world, found.id) or {}
    return _one({**shown, "is_followed": False}, found)


@api.get("/projects/:id/issues/:issue_iid", job_token=True)
def single_issue(call: Call) -> Response:
    """An issue, and whether the viewer is subscribed to it (lib/api/issues.rb)."""
    project = call.project()
    found = call.world.issues.find_iid(project.id, call.number("issue_iid", "issue_iid"))
    hidden = not call.access.shows(call.viewer, project, "issues")
    if found is None or hidden or not call.access.shows_issue(call.viewer, found):
        what = "Issue"
        raise not_found(what)
    return _one({**issue(call.world, found), "subscribed": False}, found)


@api.get("/projects/:id/merge_requests/:iid", job_token=True)
def single_merge_request(call: Call) -> Response:
    """A merge request with its pipeline and its diff (lib/api/merge_requests.rb)."""
    project = with_merge_requests(call)
    found = find_merge_request(call, project.id)
    head = next(
        (
            row
            for row in call.world.pipelines.of_project(project.id)
            if row.facts.get("sha") == found.facts["sha"]
        ),
        None,
    )
    shown = None if head is None else pipeline(call.world, head)
    more = {
        "subscribed": False,
        "changes_count": "1",
        "latest_build_started_at": None,
        "latest_build_finished_at": None,
        "first_deployed_to_production_at": None,
        "pipeline": shown,
        "head_pipeline": shown,
        "diff_refs": {
            "base_sha": found.facts["sha"],
            "head_sha": found.facts["sha"],
            "start_sha": found.facts["sha"],
        },
        "merge_error": None,
        "first_contribution": False,
        "user": {"can_merge": False},
    }
    return _one({**merge_request(call.world, found), **more}, found)


def _repository(call: Call) -> tuple[Row, Repository]:
    project = call.project("repository", level=REPORTER)
    return project, call.world.repository(project.id)


@api.get("/projects/:id/repository/commits/:sha", job_token=True)
def single_commit(call: Call) -> Response:
    """A commit by its hash, or by the name of a branch or tag; with figures unless told."""
    project, repository = _repository(call)
    try:
        sha = repository.resolve(call.param("sha"))
    except UnknownRevisionError as error:
        raise not_found(COMMIT) from error
    stats = call.query.flag("stats", default=True)
    shown = commit(call.world, project.id, repository.commits[sha], stats=stats)
    return _one({**shown, "status": None, "project_id": project.id, "last_pipeline": None})


@api.get("/projects/:id/repository/branches/:branch", job_token=True)
def single_branch(call: Call) -> Response:
    """A branch by its name."""
    project, repository = _repository(call)
    found = repository.branches.get(call.param("branch"))
    if found is None:
        what = "Branch"
        raise not_found(what)
    return _one(branch(call.world, project.id, repository, found))


@api.get("/projects/:id/repository/tags/:tag_name", job_token=True)
def single_tag(call: Call) -> Response:
    """A tag by its name."""
    project, repository = _repository(call)
    found = repository.tags.get(call.param("tag_name"))
    if found is None:
        what = "Tag"
        raise not_found(what)
    return _one(tag(call.world, project.id, repository, found))


@api.get("/projects/:id/releases/:tag_name", job_token=True)
def single_release(call: Call) -> Response:
    """A release by the name of its tag; who may not see releases is told nothing of them."""
    project, name = call.project("releases"), call.param("tag_name")
    for row in call.world.releases.of_project(project.id):
        if row.facts["tag_name"] == name:
            return _one(release(call.world, row), row)
    raise ApiError(404, {"message": "404 Not Found"})


@api.get("/groups/:id/epics/:iid")
def single_epic(call: Call) -> Response:
    """One epic of the group itself."""
    row, iid = call.group(), call.number("iid", "epic_iid")
    found = [one for one in call.world.epics.of_group(row.id) if one.iid == iid]
    if not found:
        raise not_found(EPIC)
    return respond_one(call.show(epic)(found[0]))
