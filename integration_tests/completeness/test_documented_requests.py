"""What the connector sends, GitLab's documents know."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import pytest

from integration_tests.gitlab import documented
from integration_tests.gitlab.documented import parameters, shape
from integration_tests.gitlab.plain.resource import resources
from integration_tests.support.reading import config_for, read

if TYPE_CHECKING:
    from integration_tests.gitlab.launch import Emulator

pytestmark = pytest.mark.skipif(not documented.ARE_HERE, reason=documented.NOT_HERE)

# Parameters that every list takes, or every one that has keyset paging (doc/api/rest/_index.md).
EVERYWHERE = {"page", "per_page", "pagination"}
# What the documents lack, by endpoint. Entries of plain lists say it themselves.
BEYOND = {
    # doc/api/epics.md
    "/groups/:id/epics": {
        "include_ancestor_groups",
        "include_descendant_groups",
        "updated_after",
        "updated_before",
        "order_by",
        "sort",
    },
    "/groups/:id/issues": {"scope", "non_archived"},  # lib/api/issues.rb
    # doc/api/issues_statistics.md
    "/groups/:id/issues_statistics": {"scope"},
    "/projects/:id/issues_statistics": {"scope"},
    # doc/api/rest/_index.md, keyset-based pagination
    "/groups/:id/audit_events": {"order_by", "sort"},
    "/projects/:id/audit_events": {"order_by", "sort"},
    "/audit_events": {"order_by", "sort"},
}


def test_every_parameter_that_is_sent_exists(changing_gitlab: Emulator) -> None:
    """In a first read, in one that follows, and in one of a group; printed with what it covered."""
    config = config_for(changing_gitlab, commit_refs="all")
    first = read(config)
    read(config, states=list(first.states.values()))
    read({**config, "groups_list": ["acme"]})
    beyond = {
        path: BEYOND.get(path, set()) | {*one.beyond}
        for one in resources().values()
        for path in one.paths
    }
    beyond = BEYOND | beyond
    unknown: dict[str, set[str]] = {}
    sent: dict[str, set[str]] = {}
    for entry in changing_gitlab.requests()["recent"]:
        names = {name.removesuffix("[]") for name, _value in parse_qsl(entry["query"])}
        sent.setdefault(entry["template"], set()).update(names - EVERYWHERE)
    for template, names in sent.items():
        known = parameters().get(shape(template), set()) | beyond.get(template, set())
        if names - known:
            unknown[template] = names - known
    count = sum(map(len, sent.values()))
    sys.stdout.write(f"{count} parameters of {len(sent)} endpoints are documented\n")
    assert count
    assert not unknown
