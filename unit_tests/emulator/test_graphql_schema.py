"""The emulator's cut of the schema of GraphQL is a part of GitLab's own, of release 16.2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from graphql import build_schema

from integration_tests.gitlab import documented
from integration_tests.gitlab.graphql.endpoint import schema

if TYPE_CHECKING:
    from graphql import GraphQLSchema

# What later releases have, by type, as ee/app/graphql/types/sbom/*.rb, ee/app/graphql/ee/types/*.rb
# and ee/app/graphql/types/security_orchestration/*.rb say; of work items app/graphql/types/*.rb,
# ee/app/graphql/types/work_items/*.rb, app/graphql/resolvers/namespaces/*.rb and
# app/graphql/resolvers/concerns/work_items/shared_filter_arguments.rb.
_APPROVAL = {f"approvalPolicies {one}".strip() for one in ("", "after", "before", "first", "last")}
_TIMES = ("createdAfter", "createdBefore", "updatedAfter", "updatedBefore")
NEWER = {
    "ApprovalPolicy": {"description", "enabled", "name", "updatedAt", "yaml"},
    "ApprovalPolicyConnection": {"nodes", "pageInfo"},
    "Dependency": {"licenses", "vulnerabilityCount"},
    "Group": {
        *_APPROVAL,
        *(f"workItems {one}".strip() for one in ("", "after", "before", "first", "last", "sort")),
        "workItems excludeProjects",
        "workItems includeArchived",
        "workItems includeDescendants",
        *(f"workItems {one}" for one in _TIMES),
    },
    "License": {"name", "spdxIdentifier", "url"},
    "Location": {"topLevel"},
    "Project": {*_APPROVAL, *(f"workItems {one}" for one in _TIMES)},
    "WorkItem": {"iid"},
    "WorkItemConnection": {"count"},
    "WorkItemStatus": {"category", "name"},
    "WorkItemStatusCategoryEnum": {"CANCELED", "DONE", "IN_PROGRESS", "TO_DO", "TRIAGE"},
    "WorkItemWidgetStatus": {"status"},
}

pytestmark = pytest.mark.skipif(not documented.GRAPHQL.is_file(), reason=documented.NOT_HERE)


@pytest.fixture(scope="module")
def whole() -> GraphQLSchema:
    """GitLab's schema."""
    return build_schema(documented.GRAPHQL.read_text(encoding="utf-8"), assume_valid=True)


@pytest.mark.parametrize("name", [one for one in schema().type_map if not one.startswith("__")])
def test_a_type_has_nothing_of_its_own(name: str, whole: GraphQLSchema) -> None:
    """Fields are of the types that GitLab gives them, with arguments and nulls as there."""
    mine, theirs = schema().type_map[name], whole.type_map.get(name)
    told = {} if theirs is None else _told(theirs)
    assert theirs is None or type(mine) is type(theirs)
    newer = {one for one, value in _told(mine).items() if told.get(one) != value}
    assert newer == NEWER.get(name, set())


def _told(kind: Any) -> dict[str, Any]:
    """What there is to compare of a type."""
    if hasattr(kind, "fields"):
        return {
            f"{name} {argument}".strip(): str(value)
            for name, field in kind.fields.items()
            for argument, value in {
                "": field.type,
                **{one: given.type for one, given in field.args.items()},
            }.items()
        }
    if hasattr(kind, "values"):
        return dict.fromkeys(kind.values, "")
    return {one.name: "" for one in getattr(kind, "types", ())}
