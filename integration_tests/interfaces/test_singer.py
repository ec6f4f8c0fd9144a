"""`tap-gitlab` as a process, against the emulated GitLab."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.gitlab.default_world import READER
from integration_tests.support.oauth_pairs import renewals, sign_in
from integration_tests.support.process import run as command
from integration_tests.support.reading import differences, expected
from integration_tests.support.singer_tap import configured, run, selecting, tap, written
from integration_tests.support.singer_target import Target
from source_gitlab.interfaces.singer.catalog import catalog, method_of
from source_gitlab.streams import streams
from source_gitlab.timestamps import instant, plus

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator

WEB, API = 101, 102
DEFAULT = [name for name, stream in streams().items() if stream.selected]


def metadata_of(entry: dict[str, Any], *breadcrumb: str) -> dict[str, Any]:
    """The metadata of a stream or a property."""
    (found,) = [m["metadata"] for m in entry["metadata"] if m["breadcrumb"] == [*breadcrumb]]
    return dict(found)


def test_discover_shows_every_stream(gitlab: Emulator, tmp_path: Path) -> None:
    """Those that are read by default are selected; a state beside it does not matter."""
    config = configured(tmp_path, gitlab)
    state = written(tmp_path / "state.json", {"bookmarks": {}})
    done = tap("--config", config, "--state", state, "--discover")
    assert done.code == 0
    entries = {one["tap_stream_id"]: one for one in json.loads(done.out)["streams"]}
    assert entries.keys() == streams().keys()
    selected = [name for name, one in entries.items() if metadata_of(one)["selected"]]
    assert selected == DEFAULT
    for name, entry in entries.items():
        assert entry["key_properties"] == list(streams()[name].key)
        assert entry["replication_method"] == method_of(streams()[name])


def test_every_stream_comes_whole(own_gitlab: Emulator, tmp_path: Path) -> None:
    """All rows of all streams, as their schemas say, and none is put aside as a stranger."""
    own_gitlab.mutate("make_admin", user_id=READER)
    configured(tmp_path, own_gitlab, commit_refs="all")
    target = Target()
    chosen = selecting(tmp_path / "catalog.json", *streams())
    done = run(tmp_path, target, "--catalog", chosen)
    assert done.code == 0, done.err
    assert target.last == "STATE"
    wanted = expected(own_gitlab)
    for name in streams():
        assert not differences(target.tables[name], wanted[name]), name
        assert not [row for row in target.rows(name) if "_extra" in row], name


def test_a_second_run_brings_what_changed(changing_gitlab: Emulator, tmp_path: Path) -> None:
    """Of streams with a state, only that; what is read as a whole comes again."""
    configured(tmp_path, changing_gitlab)
    target = Target()
    assert run(tmp_path, target).code == 0
    ids = sorted(row["id"] for row in target.rows("issues"))
    changing_gitlab.clock(advance=3600)
    for number in (1, 2):
        changing_gitlab.mutate("update", table="issues", id=ids[number], set={"title": "changed"})
    done = run(tmp_path, target)
    assert done.code == 0, done.err
    assert target.records["issues"] == 2
    for name, count in target.records.items():
        if method_of(streams()[name]) == "FULL_TABLE":
            assert count == len(target.tables[name]), name
    wanted = expected(changing_gitlab, "issues")["issues"]
    assert not differences(target.tables["issues"], wanted)


def test_a_column_that_is_not_selected_is_not_there(gitlab: Emulator, tmp_path: Path) -> None:
    """Neither in the schema nor in records; keys come whatever is selected."""
    configured(tmp_path, gitlab)
    found = catalog()
    (entry,) = [one for one in found["streams"] if one["tap_stream_id"] == "issues"]
    off = [["properties", name] for name in ("title", "id", "updated_at", "milestone")]
    off.append(["properties", "author", "properties", "name"])
    for one in entry["metadata"]:
        if one["breadcrumb"] in off:
            one["metadata"]["selected"] = False
    found["streams"] = [entry]
    target = Target()
    done = run(tmp_path, target, "--properties", written(tmp_path / "catalog.json", found))
    assert done.code == 0, done.err
    properties = target.schemas["issues"]["schema"]["properties"]
    assert not {"title", "milestone"} & properties.keys()
    assert {"id", "updated_at", "milestone_id"} <= properties.keys()
    assert "name" not in properties["author"]["properties"]
    for row in target.rows("issues"):
        assert not {"title", "milestone", "_extra"} & row.keys()
        assert {"id", "updated_at", "description", "author_id"} <= row.keys()
        assert "username" in row["author"]
        assert "name" not in row["author"]


def test_what_is_gone_is_told(changing_gitlab: Emulator, tmp_path: Path) -> None:
    """Streams that are read as a whole tell which rows there are, when they were read whole."""
    configured(tmp_path, changing_gitlab, groups="acme", emit_activate_version_messages=True)
    chosen = selecting(
        tmp_path / "catalog.json", "branches", "project_labels", "issues", "projects"
    )
    target = Target()
    assert run(tmp_path, target, "--catalog", chosen).code == 0
    assert set(target.activated) == {"project_labels", "projects"}
    label = target.rows("project_labels")[0]
    branch = next(row for row in target.rows("branches") if not row["default"])
    changing_gitlab.mutate("delete", table="labels", id=label["id"])
    changing_gitlab.mutate("delete_branch", project_id=branch["project_id"], branch=branch["name"])
    done = run(tmp_path, target, "--catalog", chosen)
    assert done.code == 0, done.err
    assert "branches: some of it was skipped" in done.err
    wanted = expected(changing_gitlab, "project_labels", "branches", groups="acme")
    assert target.tables["project_labels"].keys() == wanted["project_labels"].keys()
    assert target.tables["branches"].keys() > wanted["branches"].keys()
    configured(
        tmp_path,
        changing_gitlab,
        groups="acme",
        emit_activate_version_messages=True,
        activate_version_despite_skips="true",
    )
    assert run(tmp_path, target, "--catalog", chosen).code == 0
    assert target.tables["branches"].keys() == wanted["branches"].keys()


def test_nothing_is_gone_where_a_list_failed(changing_gitlab: Emulator, tmp_path: Path) -> None:
    """A stream that is incomplete takes no row from a target, and the run ends with 1."""
    configured(
        tmp_path,
        changing_gitlab,
        emit_activate_version_messages=True,
        activate_version_despite_skips=True,
    )
    chosen = selecting(tmp_path / "catalog.json", "project_labels", "group_labels")
    target = Target()
    assert run(tmp_path, target, "--catalog", chosen).code == 0
    before = set(target.tables["project_labels"])
    assert before
    changing_gitlab.faults([{"kind": "status", "status": 500, "path": f"/projects/{WEB}/labels"}])
    done = run(tmp_path, target, "--catalog", chosen)
    assert done.code == 1
    assert "1 of 2 streams are incomplete: project_labels" in done.err
    assert target.activated == ["group_labels"]
    assert target.tables["project_labels"].keys() == before
    assert target.last == "STATE"


def test_snapshots_are_incremental_where_that_is_chosen(gitlab: Emulator, tmp_path: Path) -> None:
    """Whoever wants few requests gets only what may have changed."""
    configured(tmp_path, gitlab, groups="acme")
    chosen = selecting(
        tmp_path / "catalog.json",
        "branches",
        "projects",
        branches={"replication-method": "INCREMENTAL", "replication-key": "read_at"},
        projects={"replication-method": "INCREMENTAL"},
    )
    target = Target()
    assert run(tmp_path, target, "--catalog", chosen).code == 0
    assert target.schemas["branches"]["bookmark_properties"] == ["read_at"]
    assert target.records["branches"] > 0
    assert run(tmp_path, target, "--catalog", chosen).code == 0
    assert target.records["branches"] == 0
    # GitLab cannot be asked for changes of these.
    assert target.records["projects"] > 0


def test_a_stream_can_be_read_as_a_whole_each_time(gitlab: Emulator, tmp_path: Path) -> None:
    """Its former bookmark stays for when it is incremental again."""
    configured(tmp_path, gitlab, groups="acme")
    target = Target()
    incremental = selecting(tmp_path / "catalog.json", "issues")
    assert run(tmp_path, target, "--catalog", incremental).code == 0
    bookmark = target.state["bookmarks"]["issues"]
    whole = selecting(
        tmp_path / "whole.json", "issues", issues={"replication-method": "FULL_TABLE"}
    )
    assert run(tmp_path, target, "--catalog", whole).code == 0
    assert target.records["issues"] == len(target.tables["issues"]) > 0
    assert target.state["bookmarks"]["issues"] == bookmark


def test_bookmarks_of_other_streams_stay(gitlab: Emulator, tmp_path: Path) -> None:
    """A run of one stream does not make a later run of another read everything again."""
    configured(tmp_path, gitlab, groups="acme")
    target = Target()
    for name in ("issues", "merge_requests", "issues"):
        chosen = selecting(tmp_path / "catalog.json", name)
        assert run(tmp_path, target, "--catalog", chosen).code == 0
    assert target.state["bookmarks"].keys() == {"issues", "merge_requests"}
    assert target.records == {"issues": 0}


def cut_of(gitlab: Emulator) -> tuple[str, set[int], set[int]]:
    """An instant amid the changes of a project's issues: those from it on, and those before."""
    rows = [one["row"] for one in gitlab.world(streams="issues", projects=str(WEB))["issues"]]
    rows.sort(key=lambda row: instant(row["updated_at"]))
    cut = rows[len(rows) // 2]["updated_at"]
    since = plus(instant(cut), minutes=-10)
    new = {row["id"] for row in rows if instant(row["updated_at"]) >= since}
    return cut, new, {row["id"] for row in rows} - new


@pytest.mark.parametrize("form", ["flat", "partitions"])
def test_states_of_other_taps_are_gone_on_with(gitlab: Emulator, tmp_path: Path, form: str) -> None:
    """Of issues of single projects; everything else is read in full."""
    configured(tmp_path, gitlab, projects=f"acme/web {API}", commit_refs="all")
    cut, new, old = cut_of(gitlab)
    assert new
    assert old
    flat = {f"project_{WEB}_{name}": cut for name in ("issues", "commits")}
    partition: dict[str, Any] = {"replication_key": "updated_at", "replication_key_value": cut}
    partition["context"] = {"project_path": "acme/WEB"}
    bookmarks = {name: {"partitions": [partition]} for name in ("issues", "commits")}
    target = Target(state=flat if form == "flat" else {"bookmarks": bookmarks})
    chosen = selecting(tmp_path / "catalog.json", "issues", "commits")
    done = run(tmp_path, target, "--catalog", chosen)
    assert done.code == 0, done.err
    assert "issues: going on from the state of another tap" in done.err
    wanted = expected(gitlab, "issues", "commits", projects=f"{WEB},{API}")
    came = {row["id"] for row in target.rows("issues")}
    assert came == {row["id"] for row in wanted["issues"].values()} - old
    assert target.tables["commits"].keys() == wanted["commits"].keys()
    assert run(tmp_path, target, "--catalog", chosen).code == 0
    assert target.records == {"issues": 0, "commits": 0}


def test_a_state_of_another_tap_that_says_too_little(gitlab: Emulator, tmp_path: Path) -> None:
    """One instant for all projects tells of none: the stream is read in full."""
    configured(tmp_path, gitlab, projects=str(WEB))
    target = Target(state={"bookmarks": {"issues": {"updated_at": "2030-01-01T00:00:00Z"}}})
    chosen = selecting(tmp_path / "catalog.json", "issues")
    done = run(tmp_path, target, "--catalog", chosen)
    assert "issues: the bookmark of another tap does not tell" in done.err
    assert not differences(
        target.tables["issues"], expected(gitlab, "issues", projects=str(WEB))["issues"]
    )


def test_an_environment_is_a_configuration(gitlab: Emulator, tmp_path: Path) -> None:
    """As with taps of Meltano's SDK, beside a file."""
    file = written(tmp_path / "config.json", {"groups": "acme", "api_url": "gitlab.invalid"})
    chosen = selecting(tmp_path / "catalog.json", "groups")
    done = tap(
        *("--config", file, "--config=ENV", "--catalog", chosen),
        TAP_GITLAB_API_URL=gitlab.url,
        TAP_GITLAB_PRIVATE_TOKEN=gitlab.token,
    )
    assert done.code == 0, done.err
    assert any(one["type"] == "RECORD" for one in done.messages)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("config", {"api_url": "http://127.0.0.1:1", "groups": "acme"}, "There is no token"),
        ("config", {"emit_activate_version_messages": "maybe"}, "write true or false"),
        ("catalog", {"streams": []}, "selects no stream"),
        ("catalog", [1], "no object with a list of streams"),
        ("catalog", {"streams": [{"stream": "site_users", "selected": True}]}, "site_users"),
        ("state", {"cursor": 1}, "it has no bookmarks, only cursor"),
        ("state", [], "it is no object"),
        ("state", {"bookmarks": {"issues": {"state": [{"version": 9}]}}}, "its version is 9"),
        ("state", {"bookmarks": {"issues": {"state": []}}}, "it is not one state in a list"),
    ],
)
def test_mistakes_are_said_in_one_sentence(
    gitlab: Emulator, tmp_path: Path, file: str, content: Any, said: str
) -> None:
    """What is wrong and with which file; nothing comes out, and no traceback."""
    configured(tmp_path, gitlab)
    if file == "config" and "api_url" not in content:
        content |= {"private_token": gitlab.token, "api_url": gitlab.url}
    written(tmp_path / f"{file}.json", content)
    named = [f"--{file}", tmp_path / f"{file}.json"] if file != "config" else []
    done = tap("--config", tmp_path / "config.json", *named)
    assert done.code == 2
    assert done.out == b""
    assert said in done.err


def test_oauth_needs_a_place_for_renewed_tokens(gitlab: Emulator, tmp_path: Path) -> None:
    """Without one, the first renewal would end the sign-in; so nothing is asked."""
    credentials = {"auth_type": "oauth2.0", "client_id": "app", "client_secret": "s" * 20}
    credentials |= {"access_token": "a" * 64, "refresh_token": "b" * 64}
    content = {"credentials": credentials, "api_url": gitlab.url}
    config = written(tmp_path / "config.json", content)
    nowhere = {"HOME": "/", "USERPROFILE": "", "XDG_DATA_HOME": ""}
    done = tap("--config", config, **nowhere)
    assert done.code == 2
    assert "Set SOURCE_GITLAB_HOME to a directory that stays" in done.err
    done = tap("--config", config, **nowhere, SOURCE_GITLAB_HOME=str(tmp_path / "tokens"))
    assert "SOURCE_GITLAB_HOME" not in done.err


def test_renewed_tokens_outlive_the_configuration(
    changing_gitlab: Emulator, tmp_path: Path
) -> None:
    """Meltano gives the first pair again for each run; the kept one counts."""
    config = written(tmp_path / "config.json", sign_in(changing_gitlab))
    chosen = selecting(tmp_path / "catalog.json", "groups")
    places = {"SOURCE_GITLAB_HOME": str(tmp_path / "tokens"), "XDG_CONFIG_HOME": str(tmp_path)}
    for _ in range(3):
        done = tap("--config", config, "--catalog", chosen, **places)
        assert done.code == 0, done.err
        assert any(one["type"] == "RECORD" for one in done.messages)
    assert renewals(changing_gitlab) == {"200": 1}


def test_about_and_test(gitlab: Emulator, tmp_path: Path) -> None:
    """What the tap can, for programs and for people; and whether a configuration works."""
    told = json.loads(tap("--about", "--format", "json").out)
    assert told["name"] == "tap-gitlab"
    assert "state" in told["capabilities"]
    assert told["settings"]["properties"]["credentials.access_token"]["secret"] is True
    assert b"| `start_date` |" in tap("--about", "--format=markdown").out
    assert tap("--version").out.startswith(b"tap-gitlab ")
    config = configured(tmp_path, gitlab, groups="acme")
    done = tap("--config", config, "--test")
    assert (done.code, done.out) == (0, b"")
    configured(tmp_path, gitlab, groups="acne")
    assert tap("--config", config, "--test").code == 1
    schemas = tap("--config", config, "--test=schema").messages
    assert [one["stream"] for one in schemas] == DEFAULT


def test_the_other_command_is_a_tap_too(gitlab: Emulator, tmp_path: Path) -> None:
    """The image has one command: by its first argument it is one face or another."""
    done = command("--config", configured(tmp_path, gitlab), "--discover")
    assert done.code == 0
    assert len(json.loads(done.stdout)["streams"]) == len(streams())
