"""What the user named is found: renamed, with dots, behind proxies that refuse slashes, and old."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration_tests.faults.test_faults import Catcher
from integration_tests.gitlab.launch import Emulator
from integration_tests.support.reading import config_for, read
from source_gitlab.config import parse
from source_gitlab.gitlab.client import Retries
from source_gitlab.setup_check.run import check, session_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from source_gitlab.setup_check.result import Result

QUICK = Retries(tries=3, first=0.01)
WEB, API = 101, 102


@pytest.fixture
def renamed() -> Iterator[Emulator]:
    """A GitLab in which a project has left a path with dots and one without."""
    with Emulator() as gitlab:
        gitlab.mutate("rename_project", id=WEB, path="web.site.io")
        gitlab.mutate("rename_project", id=WEB, path="website")
        yield gitlab


def path_of(gitlab: Emulator, number: int) -> str:
    """The path of a project."""
    rows = (one["row"] for one in gitlab.world()["projects"])
    return next(str(row["path_with_namespace"]) for row in rows if row["id"] == number)


def checked(config: dict[str, Any]) -> Result:
    """The setup report."""
    with session_for(parse(config)) as session:
        return check(session)


@pytest.mark.parametrize("old", ["web", "WEB", "web.site.io"])
def test_an_old_path_leads_to_the_project(renamed: Emulator, old: str) -> None:
    """GitLab redirects, and what is behind a dot in the old path is part of it."""
    name = f"{path_of(renamed, WEB).rpartition('/')[0]}/{old}"
    reading = read(config_for(renamed, projects_list=[name]), ["branches"], retries=QUICK)
    assert reading.failure is None
    assert {row["project_id"] for row in reading.rows["branches"]} == {WEB}


def test_a_redirect_to_the_outer_address(renamed: Emulator) -> None:
    """Its path is asked for at the address of the configuration; nobody else is given the token."""
    parent = path_of(renamed, WEB).rpartition("/")[0]
    with Catcher() as outer:
        renamed.settings(outer_url=outer.url)
        config = config_for(renamed, projects_list=[f"{parent}/web", str(API)])
        reading = read(config, ["branches"], retries=QUICK)
        assert not outer.asked
    assert reading.failure is None
    assert {row["project_id"] for row in reading.rows["branches"]} == {WEB, API}


@pytest.fixture(params=["refused", "decoded"])
def slashless(gitlab: Emulator, request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """A GitLab behind a web server that lets no %2F through."""
    gitlab.settings(encoded_slash=request.param)
    yield gitlab
    gitlab.settings(encoded_slash="passed")


def test_names_where_no_encoded_slash_comes_through(slashless: Emulator) -> None:
    """Groups and projects are found in GitLab's lists."""
    web = path_of(slashless, WEB)
    named = config_for(slashless, projects_list=[web.upper()])
    reading = read(named, ["branches"], retries=QUICK)
    assert reading.failure is None
    assert {row["project_id"] for row in reading.rows["branches"]} == {WEB}

    group = "acme/platform"
    reading = read(config_for(slashless, groups_list=[group]), ["projects"], retries=QUICK)
    assert reading.failure is None
    found = {row["path_with_namespace"] for row in reading.rows["projects"]}
    assert found
    assert all(path.startswith(f"{group}/") for path in found)
    result = checked(config_for(slashless, groups_list=[group], projects_list=[web]))
    assert result.ok, result.message


@pytest.mark.parametrize("setting", ["groups_list", "projects_list"])
def test_a_name_that_no_list_shows_without_its_slash(slashless: Emulator, setting: str) -> None:
    """The message says what is in the way, and never proposes the name itself."""
    config = config_for(slashless, **{setting: ["acme/nobody-has-this"]})
    reading = read(config, ["branches"], retries=QUICK)
    told = " ".join([reading.failure or "", *reading.errors])
    assert "encoded slash (%2F)" in told
    assert "write its id" in told
    message = checked(config).message
    assert "encoded slash (%2F)" in message
    assert "Did you mean" not in message


def test_a_gitlab_without_descendant_groups() -> None:
    """Before 13.5 the groups below are read level by level."""
    with Emulator() as gitlab:
        gitlab.settings(version="13.2.4")
        reading = read(config_for(gitlab, groups_list=["acme"]), ["groups"], retries=QUICK)
        assert reading.failure is None
        wanted = {
            row["row"]["id"]
            for row in gitlab.world()["groups"]
            if f"{row['row']['full_path']}/".startswith("acme/")
        }
        assert len(wanted) > 2
        assert {row["id"] for row in reading.rows["groups"]} == wanted
