"""Each list of the emulator shows the columns that GitLab's list shows, and no others.

GitLab's OpenAPI document says which entity a list shows and which one a single object is. What only
the single object has, the emulator's list must not have: a reader that gets it there is right in
tests and wrong with GitLab.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from integration_tests.gitlab import documented
from integration_tests.gitlab.app import endpoints
from integration_tests.gitlab.documented import answers, shape
from integration_tests.gitlab.launch import Emulator
from integration_tests.gitlab.plain.addresses import addresses
from integration_tests.gitlab.plain.resource import rest_resources

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(not documented.ARE_HERE, reason=documented.NOT_HERE)

# The single object of a list that has another address than its rows.
SINGLES = {
    "/groups/{}/subgroups": "/groups/{}",
    "/groups/{}/descendant_groups": "/groups/{}",
    "/groups/{}/projects": "/projects/{}",
    "/groups/{}/projects/shared": "/projects/{}",
}
# Shown although the document gives it to single objects alone.
SHOWN = {
    # lib/api/projects.rb presents the whole project to whoever signed in.
    "/projects": None,
    # lib/api/users.rb shows administrators the whole account.
    "/users": None,
    # lib/api/entities/personal_access_token.rb has it in newer versions.
    "/personal_access_tokens": {"last_used_ips"},
    # lib/api/entities/ci/pipeline_basic.rb has it since 17.11.
    "/projects/{}/pipelines": {"name"},
}
# Lists of other entities than the document has, which the entries name.
OTHERS = {
    "/projects/:id/forks",  # with simple=true (lib/api/projects.rb)
    "/projects/:id/starrers",  # lib/api/entities/user_stars_project.rb
}
# Sent only when asked for, with another tier, or where there is something to say.
UNSENT = {
    "avatar_path",
    "custom_attributes",
    "description_html",
    "enterprise",
    "failure_reason",
    "forked_from_project",
    "import_error",
    "kas",
    "ldap_group_links",
    "license",
    "license_url",
    "merge_trains_skip_train_allowed",
    "mirror_user_id",
    "mr_default_target_self",
    "owner",
    "prevent_merge_without_jira_issue",
    "root_storage_statistics",
    "saml_group_links",
    "statistics",
    "title_html",
}
GROUP, PROJECT = "10", "101"
INVITED = {"/groups/{}/projects/shared": "11"}


@pytest.fixture(scope="module")
def gitlab() -> Iterator[Emulator]:
    """The default world, whose reader may see every column."""
    with Emulator() as emulator:
        emulator.mutate("make_admin", user_id=1)
        yield emulator


PLAIN = {one.path: one for one in rest_resources().values()}
LISTS = [
    one.template
    for one in endpoints()
    if isinstance(answers().get(shape(one.template)), list) and one.template not in OTHERS
]
UNKNOWN = [one.template for one in endpoints() if shape(one.template) not in answers()]


def columns_of(path: str) -> set[str]:
    """The columns of what an endpoint answers; empty where the document does not know it."""
    answer = answers().get(path)
    entity = answer[0] if isinstance(answer, list) else answer
    if isinstance(entity, str):
        return documented.columns(entity)
    return set(entity or ())


@pytest.mark.parametrize("template", LISTS)
def test_a_list_shows_what_gitlabs_list_shows(gitlab: Emulator, template: str) -> None:
    """Neither what only a single object has, nor less than is documented."""
    path = shape(template)
    if template in PLAIN:
        pages = (gitlab.get(url) for url in addresses(gitlab, PLAIN[template]))
        rows = next(page.json() for page in pages if page.ok and page.json())
    else:
        kind = GROUP if template.startswith("/groups") else PROJECT
        url = template.replace(":id", INVITED.get(path, kind)).replace(":pipeline_id", "9003")
        rows = gitlab.get(url, per_page=100).json()
    shown = set().union(*rows)
    listed = columns_of(path)
    single = columns_of(SINGLES.get(path, f"{path}/{{}}"))
    allowed = SHOWN.get(path, set())
    assert rows
    unsent = PLAIN[template].unsent if template in PLAIN else ()
    assert listed - shown - {*unsent} <= UNSENT
    if allowed is not None:
        assert (single - listed) & shown == allowed


def test_print_what_is_covered(capsys: pytest.CaptureFixture[str]) -> None:
    """The document lacks the lists of issues, epics, milestones, labels and boards."""
    with capsys.disabled():
        sys.stdout.write(f"\n{len(LISTS)} lists compared; not documented: {', '.join(UNKNOWN)}\n")
    assert len(LISTS) >= 18


def test_only_some_lists_of_projects_have_permissions(gitlab: Emulator) -> None:
    """The instance's has, and the statistics that are asked for; a group's has neither."""
    (row,) = gitlab.get("projects", id_after=101, id_before=103, statistics="true").json()
    assert {"permissions", "statistics"} <= row.keys()
    assert row["permissions"]["group_access"] is None, "a role in a group above is not told"
    single = gitlab.get("projects/102", statistics="true").json()
    assert single["permissions"]["group_access"]["access_level"] == 50
    rows = gitlab.get("groups/10/projects", include_subgroups="true", statistics="true").json()
    assert 102 in {one["id"] for one in rows}
    assert not {"permissions", "statistics"} & set().union(*rows)
