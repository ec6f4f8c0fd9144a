"""Errors name addresses that exist: who reads one can open it."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from integration_tests.support.reading import config_for, read
from source_gitlab.gitlab.client import Retries
from source_gitlab.streams import root_of, streams

if TYPE_CHECKING:
    from integration_tests.gitlab.launch import Emulator

LISTS = {
    "groups": "/groups/10/descendant_groups$",
    "projects": "/groups/10/projects$",
    **{
        name: "/" + re.sub(r"{\w+}", "[^/]+", stream.path) + "$"
        for name, stream in streams().items()
        if stream.parent and stream.walk == "pages"
    },
}
# Who reads here is no administrator.
EXPECTED = defaultdict(lambda: {200}, {"admin": {200, 403}})
NO_ROW = {"kind": "replaced_row", "body": {"title": "neither id nor name"}}


@pytest.mark.parametrize("name", LISTS)
def test_an_address_in_an_error_is_there(
    faulty: Emulator, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """Also where the rows of many lists are looked at together, and where groups are listed."""
    faulty.faults([{**NO_ROW, "path": LISTS[name]}])
    config = config_for(faulty, groups_list=["acme"])
    reading = read(config, [name], retries=Retries(tries=1, first=0.01))
    faulty.faults([])
    told = f"{reading.failure} {reading.report} {caplog.text}"
    urls = set(re.findall(re.escape(faulty.url) + r"/[^\s'\",;]*", told))
    assert urls, told
    for url in urls:
        path = urlsplit(url).path.removeprefix("/api/v4/")
        # Builds may be off in a project that is there.
        assert faulty.get(path).status_code in {200, 403}, url


ADDRESSED = [name for name in streams() if root_of(streams()[name]).walk != "graphql"]
"""What has an address of its own; all of GraphQL has one, which only takes queries."""


@pytest.mark.parametrize("name", ADDRESSED)
def test_the_list_of_every_slice_is_there(faulty: Emulator, name: str) -> None:
    """In a group, in a project, and of the projects that were chosen beside groups."""
    root = root_of(streams()[name])
    containers = {"group": 10, "project": 101}
    paths = {"group": "acme", "project": "acme/web"}
    if root.kind == "inventory":
        containers = {"inventory": 10}
        if name == "projects":
            assert root.address("inventory", 0) == "projects"
    elif root.kind == "instance":
        containers = {"instance": 0}
    elif root.kind in containers:
        containers = {root.kind: containers[root.kind]}
    else:
        containers = {kind: containers[kind] for kind in root.containers}
    for kind, number in containers.items():
        query = root.parameters(kind, number, paths.get(kind, ""))
        for path in root.addresses(kind, number):
            found = faulty.get(path, query)
            is_empty = root.nothing is not None and root.nothing in found.text
            assert found.status_code in EXPECTED[root.role] or is_empty, path


def test_columns_of_a_parent_are_quoted() -> None:
    """What somebody called a thing may hold slashes, which are no parts of the path."""
    stream = streams()["merge_request_commits"]
    row = {"project_id": "a/b", "iid": "1?x", "merge_request_iid": "1?x"}
    assert stream.address(parent=row) == "projects/a%2Fb/merge_requests/1%3Fx/commits"
