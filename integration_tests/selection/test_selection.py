"""What was chosen and cannot be read is told once, costs nothing else, and loses no row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airbyte_cdk.models import AirbyteStreamStatus

from integration_tests.support.process import catalog, file, run
from integration_tests.support.reading import config_for, expected, read
from source_gitlab.config import parse
from source_gitlab.core.session import Session
from source_gitlab.core.state import StreamState
from source_gitlab.gitlab.client import Retries
from source_gitlab.gitlab.errors import GitlabError
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator
    from integration_tests.support.process import Ended
    from source_gitlab.core.extent import Extent

COMPLETE, INCOMPLETE = AirbyteStreamStatus.COMPLETE, AirbyteStreamStatus.INCOMPLETE
QUICK = Retries(tries=2, first=0.0)

ACME, WORKS = 10, 20
WEB, API, DOTFILES, SITE, PROBE = 101, 102, 110, 108, 109
BELOW_WORKS = r"^/api/v4/groups/20($|/)"

GONE = {"kind": "status", "status": 404, "body": {"message": "404 Group Not Found"}}
FORBIDDEN = {"kind": "status", "status": 403, "body": {"message": "403 Forbidden"}}
BROKEN = {"kind": "status", "status": 500}


def extents(
    gitlab: Emulator, *names: str, **more: Any
) -> tuple[dict[str, Extent], dict[str, list[dict[str, Any]]], Session]:
    """How much of these streams a read brings, its rows, and the session that read them."""
    session = Session(parse(config_for(gitlab, **more)), retries=QUICK)
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    with session:
        session.begin()
        for name in names:
            stream, state = streams()[name], StreamState()
            slices = session.plan(stream, state)
            while True:
                try:
                    slice_ = next(slices, None)
                    if slice_ is None:
                        break
                    for page in session.read(stream, slice_, state):
                        rows[name] += page.rows
                except GitlabError:
                    continue
        found = {name: session.extent(streams()[name]) for name in names}
    return found, rows, session


@pytest.mark.parametrize("fault", [GONE, FORBIDDEN])
@pytest.mark.parametrize("below", [BELOW_WORKS, r"^/api/v4/groups/20/projects$"])
def test_a_group_of_ones_own_that_is_refused(
    faulty: Emulator, caplog: pytest.LogCaptureFixture, fault: dict[str, Any], below: str
) -> None:
    """Every stream reads the other groups and is complete; the group is told by path, once."""
    faulty.faults([{**fault, "path": below}])
    reading = read(config_for(faulty), retries=QUICK)
    assert reading.failure is None
    assert set(reading.statuses.values()) == {COMPLETE}
    (told,) = reading.report["selection"]
    assert told["where"] == "group public-works"
    assert "/groups/20" in told["message"]
    assert caplog.text.count(told["message"]) == 1
    assert not [one for one in reading.report["skipped"] if "group 20" in one["where"]]
    wanted = expected(faulty, groups="acme")
    for name in ("issues", "branches", "projects", "groups", "project_labels"):
        rows = {tuple(row[column] for column in streams()[name].key) for row in reading.rows[name]}
        assert set(wanted[name]) <= rows, name


def test_of_a_group_that_is_refused_nothing_is_gone(faulty: Emulator) -> None:
    """Only what the other groups listed and read to its end can be."""
    faulty.faults([{**GONE, "path": BELOW_WORKS}])
    found, rows, _ = extents(faulty, "groups", "projects", "issues", "branches", "epics")
    assert {row["id"] for row in rows["groups"]} == {ACME, 11, 12, 13}
    for name in ("issues", "branches"):
        assert found[name].is_gone(WEB)
        assert not found[name].is_gone(SITE)
    assert found["epics"].is_gone(11)
    assert not found["epics"].is_gone(21)
    # Whether a group or project that did not come lay in the one that is closed, nobody tells.
    assert not found["groups"].is_gone(12345)
    assert not found["projects"].is_gone(12345)


def test_a_named_group_that_is_refused(faulty: Emulator) -> None:
    """It is an error, said once; the other one is read."""
    faulty.faults([{**GONE, "path": r"^/api/v4/groups/20/"}])
    config = config_for(faulty, groups_list=["acme", "public-works"])
    reading = read(config, ["issues", "branches", "groups", "group_labels"], retries=QUICK)
    assert set(reading.statuses.values()) == {INCOMPLETE}
    assert reading.errors == []
    assert reading.failure is not None
    assert reading.failure.count("The group public-works may not be read") == 1
    assert {row["project_id"] for row in reading.rows["issues"]} >= {WEB, API}
    assert reading.rows["branches"]


def test_a_group_whose_projects_are_a_500(faulty: Emulator) -> None:
    """It is asked for once for all streams, and is an error; the other groups are read."""
    broken = {**BROKEN, "path": r"^/api/v4/groups/20/projects$"}
    faulty.faults([broken])
    reading = read(config_for(faulty), ["issues", "branches", "tags", "users"], retries=QUICK)
    assert reading.failure is not None
    assert reading.failure.count("The group public-works cannot be read") == 1
    assert "/groups/20/projects" in reading.failure
    assert reading.errors == []
    for name in ("issues", "branches", "tags", "users"):
        assert {row["project_id"] for row in reading.rows[name]} >= {WEB, DOTFILES}
    told = [one for one in reading.report["selection"] if one["reason"] == "failed"]
    assert [one["where"] for one in told] == ["group public-works"]


@pytest.mark.parametrize("fault", [FORBIDDEN, BROKEN])
def test_a_list_of_groups_that_is_refused_or_fails(faulty: Emulator, fault: dict[str, Any]) -> None:
    """Projects are read one by one, it is told, and nothing that groups hold is gone."""
    faulty.faults([{**fault, "path": r"^/api/v4/groups$"}])
    reading = read(config_for(faulty), ["issues", "group_labels", "groups"], retries=QUICK)
    (told,) = reading.report["selection"]
    assert told["where"] == "groups"
    assert "/api/v4/groups" in told["message"]
    assert {row["project_id"] for row in reading.rows["issues"]} >= {WEB, API, SITE}
    assert (reading.failure is None) == (fault is FORBIDDEN)
    found, _, _ = extents(faulty, "issues", "group_labels", "groups")
    assert found["issues"].is_gone(WEB)
    assert not found["issues"].is_gone(12345)
    assert not found["group_labels"].is_gone(ACME)
    assert not found["groups"].is_gone(ACME)


def test_a_list_of_groups_that_is_refused_once_costs_no_history(faulty: Emulator) -> None:
    """What was read of a project in its group's list is not read again beside it."""
    first = read(config_for(faulty), ["issues"])
    assert first.rows["issues"]
    faulty.faults([{**FORBIDDEN, "path": r"^/api/v4/groups$"}])
    second = read(config_for(faulty), ["issues"], first.states.values())
    assert len(second.rows["issues"]) < len(first.rows["issues"]) / 2
    faulty.faults([])
    third = read(config_for(faulty), ["issues"], second.states.values())
    assert len(third.rows["issues"]) < len(first.rows["issues"]) / 2


def test_a_list_of_projects_that_fails(faulty: Emulator) -> None:
    """What lies in groups is read, and nothing that lies elsewhere is gone."""
    faulty.faults([{**BROKEN, "path": r"^/api/v4/projects$"}])
    found, rows, session = extents(faulty, "branches", "projects")
    assert {row["project_id"] for row in rows["branches"]} >= {WEB, SITE}
    assert found["branches"].is_gone(WEB)
    assert not found["branches"].is_gone(DOTFILES)
    assert not found["projects"].is_gone(DOTFILES)
    assert [one.where for one in session.report.selection] == ["projects"]


@pytest.mark.parametrize("fault", [GONE, FORBIDDEN, BROKEN])
def test_statistics_of_one_project_that_vanishes(faulty: Emulator, fault: dict[str, Any]) -> None:
    """All projects come, that one as the list has it; it is told by path and is not gone."""
    # Where the list of all projects fails, each is asked for its details by itself.
    alone = {**fault, "path": rf"^/api/v4/projects/{API}$"}
    faulty.faults([alone, {**BROKEN, "path": r"^/api/v4/projects$"}])
    found, rows, session = extents(faulty, "projects", groups_list=["acme"], statistics=True)
    by_id = {row["id"]: row for row in rows["projects"]}
    assert {WEB, API, 103, 104} <= set(by_id)
    assert by_id[WEB]["statistics"]
    assert by_id[API]["path_with_namespace"] == "acme/platform/api"
    assert not by_id[API].get("statistics")
    told = [*session.report.skipped, *session.report.failed]
    assert any("acme/platform/api" in one.message for one in told)
    assert not found["projects"].is_gone(API)
    if fault is not BROKEN:
        assert found["projects"].is_gone(12345)


@pytest.mark.parametrize("fault", [GONE, FORBIDDEN, BROKEN])
@pytest.mark.parametrize("statistics", [False, True])
def test_one_of_several_named_projects(
    faulty: Emulator, fault: dict[str, Any], *, statistics: bool
) -> None:
    """The others are read in all streams; the error is said once and names it."""
    names = ["acme/web", "acme/platform/api", "acme/platform/tools/cli", "ada/dotfiles"]
    faulty.faults([{**fault, "path": r"^/api/v4/projects/(acme(%2F|/)platform(%2F|/)api|102)$"}])
    config = config_for(faulty, projects_list=names, statistics=statistics)
    reading = read(config, ["projects", "branches", "issues"], retries=QUICK)
    assert reading.failure is not None
    assert reading.failure.count("'acme/platform/api'") == 1
    assert reading.errors == []
    assert {row["id"] for row in reading.rows["projects"]} == {WEB, 103, DOTFILES}
    assert all(row.get("statistics") for row in reading.rows["projects"]) or not statistics
    for name in ("branches", "issues"):
        assert {row["project_id"] for row in reading.rows[name]} >= {WEB, DOTFILES}
    found, _, _ = extents(faulty, "projects", "branches", projects_list=names)
    assert not found["projects"].is_gone(API)
    assert not found["branches"].is_gone(API)
    assert found["branches"].is_gone(WEB)


def test_a_project_that_vanishes_after_the_membership_was_listed(faulty: Emulator) -> None:
    """Whatever single projects answer, the list has the rows of those that lie in no group."""
    faulty.faults([{**GONE, "path": r"^/api/v4/projects/\d+$"}])
    reading = read(config_for(faulty), ["projects"], retries=QUICK)
    assert reading.failure is None
    assert {row["id"] for row in reading.rows["projects"]} >= {WEB, SITE, PROBE, DOTFILES}


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({"groups_list": ["acme/platfrom"]}, "Did you mean 'acme/platform'?"),
        ({"groups_list": ["acne"]}, "Did you mean 'acme'?"),
        ({"projects_list": ["acme/wep"]}, "Did you mean 'acme/web'?"),
        ({"projects_list": ["acne/web"]}, "Did you mean 'acme/web'?"),
        ({"groups_list": ["acme/web"]}, "It is a project: name it in projects_list (--project)."),
        ({"groups_list": [str(WEB)]}, "It is a project: name it in projects_list (--project)."),
        ({"projects_list": ["acme/platform"]}, "It is a group: name it in groups_list (--group)."),
        ({"groups_list": ["ada"]}, "It is a user, whose projects lie in no group"),
        ({"groups_list": ["nothing/of/the/kind"]}, "Check its path or id"),
    ],
)
def test_what_to_write_instead_of_a_wrong_name(
    faulty: Emulator, chosen: dict[str, list[str]], told: str
) -> None:
    """One error for all streams, before anything is read, that says what can help."""
    faulty.reset_requests()
    reading = read(config_for(faulty, **chosen), retries=QUICK)
    assert reading.failure is not None
    assert told in reading.failure
    assert set(reading.statuses.values()) == {INCOMPLETE}
    assert reading.errors == []
    assert not any(reading.rows.values())
    assert sum(map(sum_of, faulty.requests(limit=1)["counts"].values())) <= 6


def sum_of(by_status: dict[str, int]) -> int:
    """The requests of one endpoint."""
    return sum(by_status.values())


def test_a_wrong_name_beside_right_ones(faulty: Emulator, tmp_path: Path) -> None:
    """The right ones are read by every stream; the wrong one is one error and exit code 1."""
    config = config_for(faulty, groups_list=["acme", "acme/nowhere"], projects_list=["acme/web"])
    names = {"issues", "branches", "group_labels", "projects"}
    ended = read_as_process(config, tmp_path, *names)
    assert ended.code == 1
    assert len(ended.errors) == 1
    assert ended.errors[0]["message"].count("'acme/nowhere'") == 1
    assert ended.errors[0]["failure_type"] == "config_error"
    assert "Everything else" in ended.errors[0]["message"]
    logged = [message["log"]["message"] for message in ended.of("LOG")]
    assert sum("'acme/nowhere'" in line for line in logged) == 1
    rows = [message["record"] for message in ended.of("RECORD")]
    assert {row["stream"] for row in rows} == names


def read_as_process(config: dict[str, Any], folder: Path, *names: str) -> Ended:
    """Read these streams as users do."""
    return run(
        "read",
        *("--config", file(folder, "config.json", config)),
        *("--catalog", file(folder, "catalog.json", catalog(*names))),
    )


def test_a_named_project_that_is_archived(
    faulty: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    """Without archived projects it is left out, and that is told."""
    config = config_for(faulty, projects_list=["acme/web", "acme/legacy"], include_archived=False)
    reading = read(config, ["projects", "branches"], retries=QUICK)
    assert reading.failure is None
    assert {row["id"] for row in reading.rows["projects"]} == {WEB}
    (told,) = reading.report["selection"]
    assert told["reason"] == "archived"
    assert caplog.text.count("acme/legacy is archived") == 1


def test_a_token_whose_user_is_in_nothing(faulty: Emulator) -> None:
    """There is nothing to read, which is an error that says what to do."""
    faulty.faults(
        [{"kind": "status", "status": 200, "body": [], "path": r"^/api/v4/(groups|projects)$"}]
    )
    reading = read(config_for(faulty), ["issues"], retries=QUICK)
    assert reading.failure is not None
    assert "member of no group and no project" in reading.failure
