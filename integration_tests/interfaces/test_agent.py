"""The agent face: 28 actions on the wire as Airbyte's SDK has them, and what they return."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.gitlab.launch import Emulator
from integration_tests.support.agents import asked, called, connector, executed
from source_gitlab.agent import (
    CallError,
    GitlabConnector,
    GitlabExecuteResultWithMeta,
    GitlabOauth20AuthConfig,
    GitlabPersonalAccessTokenAuthConfig,
    NotFoundError,
    ToolOutputTooLarge,
)
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_gitlab.agent import Record

P = "projects/acme%2Fweb"
G = "groups/acme"
WEB = {"project_id": "acme/web"}
ACME = {"group_id": "acme"}
TIMES = {
    f"{what}_{side}": "2024-01-31T12:00:00Z"
    for what in ("created", "updated")
    for side in ("after", "before")
}
PAGE = {"page": 1, "per_page": 50}
ISSUES = {"state": "opened", "scope": "all", "order_by": "created_at", "sort": "asc", **TIMES}

# Entity, action, parameters, the path that they make, and those that go into the query.
WIRE: list[tuple[str, str, dict[str, Any], str, dict[str, Any]]] = [
    (
        *("projects", "list", {}, "projects"),
        {
            "membership": True,
            "owned": True,
            "search": "web",
            "order_by": "star_count",
            "sort": "asc",
        },
    ),
    ("projects", "get", {"id": "acme/web"}, P, {"statistics": True}),
    ("issues", "list", WEB, f"{P}/issues", ISSUES),
    ("issues", "get", {**WEB, "issue_iid": 2}, f"{P}/issues/2", {}),
    ("merge_requests", "list", WEB, f"{P}/merge_requests", ISSUES),
    ("merge_requests", "get", {**WEB, "merge_request_iid": 1}, f"{P}/merge_requests/1", {}),
    ("users", "list", {}, "users", {"search": "ada", "active": True}),
    ("users", "get", {"id": 1}, "users/1", {}),
    (
        *("commits", "list", WEB, f"{P}/repository/commits"),
        {
            "ref_name": "main",
            "with_stats": True,
            "since": "2020-01-01T00:00:00Z",
            "until": "2030-01-01T00:00:00Z",
        },
    ),
    ("commits", "get", {**WEB, "sha": "main"}, f"{P}/repository/commits/main", {"stats": False}),
    (
        *("groups", "list", {}, "groups"),
        {"search": "acme", "owned": False, "order_by": "name", "sort": "desc"},
    ),
    ("groups", "get", {"id": "acme"}, G, {}),
    ("branches", "list", WEB, f"{P}/repository/branches", {"search": "main"}),
    ("branches", "get", {**WEB, "branch": "main"}, f"{P}/repository/branches/main", {}),
    (
        *("pipelines", "list", WEB, f"{P}/pipelines"),
        {"status": "success", "ref": "main", "order_by": "id", "sort": "asc"},
    ),
    ("pipelines", "get", {**WEB, "pipeline_id": 0}, f"{P}/pipelines/0", {}),
    ("group_members", "list", ACME, f"{G}/members", {"query": "a"}),
    ("group_members", "get", {**ACME, "user_id": 1}, f"{G}/members/1", {}),
    ("project_members", "list", WEB, f"{P}/members", {"query": "a"}),
    ("project_members", "get", {**WEB, "user_id": 0}, f"{P}/members/0", {}),
    ("releases", "list", WEB, f"{P}/releases", {"order_by": "created_at", "sort": "asc"}),
    ("releases", "get", {**WEB, "tag_name": ""}, f"{P}/releases/", {}),
    (
        *("tags", "list", WEB, f"{P}/repository/tags"),
        {"search": "v", "order_by": "name", "sort": "asc"},
    ),
    ("tags", "get", {**WEB, "tag_name": ""}, f"{P}/repository/tags/", {}),
    ("group_milestones", "list", ACME, f"{G}/milestones", {"state": "active", "search": "a"}),
    ("group_milestones", "get", {**ACME, "milestone_id": 0}, f"{G}/milestones/0", {}),
    ("project_milestones", "list", WEB, f"{P}/milestones", {"state": "closed", "search": "a"}),
    ("project_milestones", "get", {**WEB, "milestone_id": 0}, f"{P}/milestones/0", {}),
]
# What a row of the list above is called by, where the table has no certain name.
OWN = {
    "pipelines": ("pipeline_id", "id"),
    "project_members": ("user_id", "id"),
    "releases": ("tag_name", "tag_name"),
    "tags": ("tag_name", "name"),
    "group_milestones": ("milestone_id", "id"),
    "project_milestones": ("milestone_id", "id"),
}


@pytest.fixture(scope="module")
def lab() -> Iterator[Emulator]:
    """A GitLab whose requests nobody else makes."""
    with Emulator() as emulator:
        yield emulator


def text_of(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize("row", WIRE, ids=lambda row: f"{row[0]}-{row[1]}")
def test_the_wire_form_is_the_originals(lab: Emulator, row: Any) -> None:
    """One request for each call: nothing is sent that was not given, and everything that was is."""
    entity, action, needs, path, takes = row
    if action == "get" and entity in OWN:
        parameter, column = OWN[entity]
        listed = lab.get(path.rpartition("/")[0]).json()
        needs = {**needs, parameter: listed[0][column]}
        path = path.rpartition("/")[0] + f"/{listed[0][column]}".replace(".", "%2E")
    paging = PAGE if action == "list" else {}
    for given in ({}, {**takes, **paging}):
        lab.reset_requests()
        result = executed(connector(lab), entity, action, **needs, **given)
        sent = {name: text_of(value) for name, value in given.items()}
        assert asked(lab) == [(path, sent)]
        expected = lab.get(path, sent).json()
        if action == "list":
            assert isinstance(result, GitlabExecuteResultWithMeta)
            assert result.data == expected
        else:
            assert result == expected


def test_every_action_of_the_original_is_in_the_table() -> None:
    assert len(WIRE) == 28
    known = connector_of_nothing().list_entities()
    original = [one for one in known if "get" in one["available_actions"]]
    told = {(one["entity_name"], action) for one in original for action in ("list", "get")}
    assert told == {(entity, action) for entity, action, *_ in WIRE}
    for entity, action, needs, _, takes in WIRE:
        (one,) = [found for found in known if found["entity_name"] == entity]
        names = [*needs, *takes, *(PAGE if action == "list" else ())]
        assert {found["name"] for found in one["parameters"][action]} == {*names}


def connector_of_nothing() -> GitlabConnector:
    return GitlabConnector(GitlabPersonalAccessTokenAuthConfig("glpat-nothing-0000000000"))


def test_a_list_says_where_it_goes_on_at_this_gitlab(lab: Emulator) -> None:
    """`meta.next` is an address of the GitLab that was asked, whatever host its links name."""
    lab.settings(link_url="https://elsewhere.example.com")
    try:
        result = executed(connector(lab), "issues", "list", project_id=101, per_page=7)
    finally:
        lab.settings(link_url="")
    total = int(lab.get("projects/101/issues").headers["x-total"])
    assert result.meta["next"].startswith(f"{lab.url}/api/v4/projects/101/issues?")
    assert (result.meta["next_page"], result.meta["has_more"]) == (2, True)
    assert result.meta["total"] == total
    last = -(-total // 7)
    end = executed(connector(lab), "issues", "list", project_id=101, per_page=7, page=last)
    assert (end.meta["next"], end.meta["next_page"], end.meta["has_more"]) == (None, None, False)


def test_iterating_brings_every_row_once(lab: Emulator) -> None:
    async def work(made: GitlabConnector) -> list[Record]:
        return [row async for row in made.issues.iterate(project_id=101, per_page=7)]

    rows = called(connector(lab), work)
    total = int(lab.get("projects/101/issues").headers["x-total"])
    assert len({row["id"] for row in rows}) == len(rows) == total


def test_typed_calls_give_columns_as_attributes(lab: Emulator) -> None:
    listed = called(connector(lab), lambda one: one.issues.list(**WEB, per_page=1))
    row = listed.data[0]
    assert (row.id, row.author.username) == (row["id"], row["author"]["username"])
    assert row.not_a_column is None
    assert listed.meta.has_more
    single = called(connector(lab), lambda one: one.issues.get(**WEB, issue_iid=row.iid))
    assert single.title == row.title


@pytest.mark.parametrize("name", ["acme/web", "acme%2Fweb", "/acme/web/", 101, "101"])
def test_a_project_is_named_in_any_form(lab: Emulator, name: object) -> None:
    """What was encoded already is not encoded twice, as the original does."""
    assert executed(connector(lab), "projects", "get", id=name)["id"] == 101


def test_a_branch_with_a_slash_is_one_part_of_the_path(lab: Emulator) -> None:
    names = [row["name"] for row in lab.get("projects/101/repository/branches").json()]
    slashed = [name for name in names if "/" in name]
    assert slashed
    for name in slashed:
        assert executed(connector(lab), "branches", "get", **WEB, branch=name)["name"] == name


MISTAKES = [
    ("isues", "list", {}, "There is no entity isues; did you mean issues?"),
    ("issues", "delete", WEB, "issues has no action delete; it has list, get, "),
    ("issues", "list", {}, "issues list: project_id is missing."),
    ("issues", "list", {**WEB, "stat": "x"}, "there is no parameter stat; did you mean state?"),
    ("issues", "list", {**WEB, "state": "open"}, "state is one of opened, closed, all."),
    ("issues", "list", {**WEB, "per_page": 101}, "per_page is at most 100."),
    ("issues", "list", {**WEB, "page": 0}, "page is a whole number from 1."),
    ("issues", "list", {**WEB, "created_after": "yesterday"}, "created_after is a time like"),
    ("issues", "get", {**WEB, "issue_iid": "one"}, "issue_iid is a whole number from 1."),
    ("issues", "get", {**WEB, "issue_iid": True}, "issue_iid is a whole number from 1."),
    ("projects", "get", {"id": ""}, "id is a number or a full path."),
    ("projects", "get", {"id": ["x"]}, "id is a number or a full path."),
    ("projects", "get", {"id": ".."}, "id is no name that GitLab can have."),
    ("projects", "list", {"owned": "yes"}, "owned is true or false."),
    ("projects", "list", {"owned": ["yes"]}, "owned is true or false."),
    ("issues", "context_store_search", {"query": {}}, "the connector has none"),
    ("project_labels", "list", {"limit": 0}, "limit is from 1 to"),
    ("project_labels", "list", {"read_from": "file"}, "made without a file"),
]


@pytest.mark.parametrize(("entity", "action", "params", "told"), MISTAKES)
def test_a_mistake_is_told_before_anything_is_asked(
    lab: Emulator, entity: str, action: str, params: dict[str, Any], told: str
) -> None:
    lab.reset_requests()
    with pytest.raises(CallError) as raised:
        executed(connector(lab), entity, action, **params)
    assert told in str(raised.value)
    assert isinstance(raised.value, RuntimeError)
    assert isinstance(raised.value, ValueError)
    assert asked(lab) == []


@pytest.mark.parametrize(
    ("entity", "action", "params"),
    [(["issues"], "list", WEB), ("issues", ["list"], WEB), ("issues", "list", ["x"])],
)
def test_what_is_no_call_at_all_is_told(
    lab: Emulator, entity: Any, action: Any, params: Any
) -> None:
    with pytest.raises(CallError, match="is a"):
        called(connector(lab), lambda one: one.execute(entity, action, params))


def test_what_is_not_there_says_what_and_where(lab: Emulator) -> None:
    with pytest.raises(NotFoundError, match="404 Issue Not Found") as raised:
        executed(connector(lab), "issues", "get", project_id=101, issue_iid=999_999)
    error = raised.value
    assert (error.entity, error.action, error.status) == ("issues", "get", 404)
    assert error.url == f"{lab.url}/api/v4/projects/101/issues/999999"


def test_fields_can_be_chosen_and_left_out(lab: Emulator) -> None:
    async def work(made: GitlabConnector) -> Any:
        one = await made.execute("issues", "list", WEB, select_fields=["iid", "author.username"])
        other = await made.execute("issues", "list", WEB, exclude_fields=["author.id", "labels"])
        return one.data, other.data

    few, most = called(connector(lab), work)
    assert all(row.keys() == {"iid", "author"} for row in few)
    assert all(row["author"].keys() == {"username"} for row in few)
    assert all("labels" not in row and "id" not in row["author"] for row in most)
    assert all("username" in row["author"] and "title" in row for row in most)


def test_check_tells_health_and_sickness(lab: Emulator) -> None:
    well = called(connector(lab), lambda one: one.check())
    assert (well.status, well.error) == ("healthy", None)
    assert (well.checked_entity, well.checked_action) == ("projects", "list")
    assert well.details["streams"]["issues"]["verdict"] == "ok"
    wrong = GitlabConnector(
        GitlabPersonalAccessTokenAuthConfig("glpat-wrong-token-0000"), api_url=lab.url
    )
    ill = called(wrong, lambda one: one.check())
    assert ill.status == "unhealthy"
    assert "token" in (ill.error or "")
    assert (ill.checked_entity, ill.checked_action) == (None, None)


def test_every_stream_is_an_entity() -> None:
    made = connector_of_nothing()
    known = {one["entity_name"]: one for one in made.list_entities()}
    assert known.keys() >= streams().keys()
    assert known["merge_request_notes"]["available_actions"] == [
        *("list", "context_store_search", "context_store_sql_query")
    ]
    assert json.dumps(made.list_entities())
    schema = made.entity_schema("issues")
    assert schema is not None
    assert (
        schema["properties"]["iid"]["type"] == "integer"
        or "integer" in (schema["properties"]["iid"]["type"])
    )


def test_what_is_no_entity_has_no_schema(caplog: pytest.LogCaptureFixture) -> None:
    assert connector_of_nothing().entity_schema("isues") is None
    assert "did you mean issues?" in caplog.text


def test_a_stream_is_read_from_gitlab_as_sync_reads_it(lab: Emulator) -> None:
    """Another stream of another project with each call, over one connection."""

    async def work(made: GitlabConnector) -> list[Any]:
        return [
            await made.execute("project_labels", "list", {"project_id": one})
            for one in ("acme/web", "102")
        ] + [await made.execute("merge_request_notes", "list", {**WEB, "limit": 3})]

    web, api, notes = called(connector(lab), work)
    for result, number in ((web, 101), (api, 102)):
        own = {row["id"] for row in lab.get(f"projects/{number}/labels", per_page=100).json()}
        assert own
        assert {row["id"] for row in result.data} == own
        assert {row["project_id"] for row in result.data} == {number}
        assert (result.meta["complete"], result.meta["has_more"]) == (True, False)
    assert len(notes.data) == 3
    assert notes.meta["has_more"]


def test_an_unknown_project_of_a_stream_is_an_error(lab: Emulator) -> None:
    with pytest.raises(NotFoundError, match="acme/nowhere"):
        executed(connector(lab), "project_labels", "list", project_id="acme/nowhere")


def test_tools_keep_what_they_are_and_say_what_there_is() -> None:
    @GitlabConnector.tool_utils
    async def later(count: int) -> list[int]:
        """Count."""
        return list(range(count))

    @GitlabConnector.tool_utils(max_output_chars=10, enable_hosted_mode_features=False)
    def at_once(count: int) -> list[int]:
        """Count."""
        return list(range(count))

    @GitlabConnector.tool_utils(update_docstring=False)
    def silent() -> None:
        """Do nothing."""

    assert asyncio.run(later(3)) == [0, 1, 2]
    assert (later.__name__, asyncio.iscoroutinefunction(later)) == ("later", True)
    text = str(later.__doc__)
    assert text.startswith("Count.\n")
    assert "get(project_id*, issue_iid*)" in text
    assert "context_store_search" in text
    assert "context_store_search" not in str(at_once.__doc__)
    assert silent.__doc__ == "Do nothing."
    assert at_once(2) == [0, 1]
    with pytest.raises(ToolOutputTooLarge, match=r"begins with: \[0,1,2,"):
        at_once(100)


def test_only_the_three_configurations_sign_in() -> None:
    with pytest.raises(TypeError, match="not dict"):
        GitlabConnector(auth_config={"access_token": "x"})  # type: ignore[arg-type]
    with pytest.raises(CallError, match="needs auth_config"):
        GitlabConnector()
    with pytest.raises(CallError, match="api_url"):
        GitlabConnector(GitlabPersonalAccessTokenAuthConfig("glpat-a-0000000000"), api_url="::")


def test_no_secret_is_in_a_repr() -> None:
    pair = GitlabOauth20AuthConfig("client", "secret-1", "secret-2", "secret-3")
    token = GitlabPersonalAccessTokenAuthConfig("secret-4")
    assert "secret-" not in f"{pair!r} {token!r}"
    assert "client" in repr(pair)
