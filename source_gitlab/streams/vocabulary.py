"""The words that declarations use, with their meanings where the documents show them."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS: Mapping[str, str] = {
    "inventory": "the groups or projects of the selection themselves, from an index of their own",
    "selection": "one slice for each chosen group, subgroups included, or chosen project",
    "group": "one slice for each group of the selection, descendants included",
    "project": "one slice for each project of the selection",
    "instance": "one slice for the whole GitLab, whatever the selection",
    "child": "one slice for each slice of `parent`; the rows of every parent that changed",
}
REFRESHES: Mapping[str, str] = {
    "activity": "its project was active (`last_activity_at`)",
    "touch": "its project was touched (`updated_at`), where every change of the list does that",
    "daily": "nothing tells",
    "weekly": "nothing tells, and a request for each project or group is too much for each day",
    "list": "the list that a chosen group has of the same things is not what it was",
}
# Settings `<feature>_access_level` of a project (lib/api/entities/project.rb).
FEATURES = (
    "builds",
    "container_registry",
    "environments",
    "feature_flags",
    "infrastructure",
    "issues",
    "merge_requests",
    "package_registry",
    "pages",
    "releases",
    "repository",
    "snippets",
    "wiki",
)
TIERS = ("free", "premium", "ultimate")
# With the number of each (https://docs.gitlab.com/api/access_requests/#valid-access-levels); an
# administrator has none.
LEVELS: Mapping[str, int] = {
    "guest": 10,
    "planner": 15,
    "reporter": 20,
    "developer": 30,
    "maintainer": 40,
    "owner": 50,
}
ADMIN = "admin"
ROLES = (*LEVELS, ADMIN)
COUNTS: Mapping[str, str] = {
    "created_at": "by `created_after` and `created_before`, which include their bounds",
    "whole": "the list as a whole",
}


class Paging(Enum):
    """How GitLab cuts a list into pages."""

    FULL = "full"
    SHORT = "short"
    NONE = "none"


PAGINGS: Mapping[str, str] = {
    "full": "into pages that are full but for the last one, and headers tell of each",
    "short": "the same, but then it leaves out rows that the token may not see, or that are gone"
    " from the repository: any page may be short or empty, and the headers count those rows too",
    "none": "not at all: the list comes whole, and no header tells of pages",
}
OFFERINGS: Mapping[str, str] = {"com": "GitLab.com", "self": "self-managed GitLab"}
REDACTIONS: Mapping[str, str] = {
    "host": "scheme, host and port are left of an address",
    "login": "user, password, query and fragment are taken out of an address",
}
