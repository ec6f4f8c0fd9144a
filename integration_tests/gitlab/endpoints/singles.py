"""Single issues, merge requests, epics and deployments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integration_tests.gitlab.call import Registry
from integration_tests.gitlab.endpoints.code import find_merge_request
from integration_tests.gitlab.errors import EPIC, forbidden, not_found
from integration_tests.gitlab.paging import respond_one
from integration_tests.gitlab.present.ci import deployment
from integration_tests.gitlab.present.code import merge_request
from integration_tests.gitlab.present.planning import epic, issue
from integration_tests.gitlab.world import REPORTER

if TYPE_CHECKING:
    from starlette.responses import Response

    from integration_tests.gitlab.call import Call

ISSUE, DEPLOYMENT = "Issue", "Deployment"

api = Registry()


@api.get("/projects/:id/issues/:iid", job_token=True)
def single_issue(call: Call) -> Response:
    """One issue; 404 for one that the viewer may not see, too."""
    row = call.project()
    found = call.world.issues.find_iid(row.id, call.number("iid", "issue_iid"))
    if found is None or not call.access.shows(call.viewer, row, "issues"):
        raise not_found(ISSUE)
    if not call.access.shows_issue(call.viewer, found):
        raise not_found(ISSUE)
    return respond_one(call.show(issue)(found))


@api.get("/projects/:id/merge_requests/:iid", job_token=True)
def single_merge_request(call: Call) -> Response:
    """One merge request."""
    row = call.project("merge_requests")
    if not call.access.shows(call.viewer, row, "merge_requests"):
        raise forbidden()
    return respond_one(call.show(merge_request)(find_merge_request(call, row.id)))


@api.get("/groups/:id/epics/:iid")
def single_epic(call: Call) -> Response:
    """One epic of the group itself."""
    row, iid = call.group(), call.number("iid", "epic_iid")
    found = [one for one in call.world.epics.of_group(row.id) if one.iid == iid]
    if not found:
        raise not_found(EPIC)
    return respond_one(call.show(epic)(found[0]))


@api.get("/projects/:id/deployments/:deployment_id")
def single_deployment(call: Call) -> Response:
    """One deployment."""
    row = call.project("environments", level=REPORTER)
    found = call.world.deployments.rows.get(call.number("deployment_id", "deployment_id"))
    if found is None or found.project_id != row.id:
        raise not_found(DEPLOYMENT)
    return respond_one(call.show(deployment)(found))
