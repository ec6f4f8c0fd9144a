"""`--shard` and `state merge` as processes: what goes where, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.interfaces.test_sync import API, WEB, keys, sync
from integration_tests.support.process import catalog, file, run
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator

SHARDS = ("1/3", "2/3", "3/3")
READ = ("issues", "commits", "branches", "projects", "group_milestones")


@pytest.fixture
def shard_states(gitlab: Emulator, tmp_path: Path) -> list[Path]:
    """What `read` printed of three shards."""
    return [written(gitlab, tmp_path, shard) for shard in SHARDS]


def written(gitlab: Emulator, folder: Path, shard: str, **more: Any) -> Path:
    """The output of `read` of one shard, in a file."""
    token = {"auth_type": "access_token", "access_token": gitlab.token}
    config = {"api_url": gitlab.url, "credentials": token, "groups_list": ["acme"], **more}
    arguments: list[object] = ["--config", file(folder, "config.json", config)]
    arguments += ["--catalog", file(folder, "catalog.json", catalog(*READ))]
    done = run("read", *arguments, "--shard", shard)
    assert done.code == 0, done.stderr
    return file(folder, f"{shard.replace('/', '-of-')}-{len(more)}.jsonl", done.stdout)


def rows(text: str) -> dict[str, list[Any]]:
    """The keys of records, by stream, in the order in which they came."""
    found: dict[str, list[Any]] = {}
    for line in text.splitlines():
        message = json.loads(line)
        if message["type"] == "RECORD":
            row, name = message["record"]["data"], message["record"]["stream"]
            found.setdefault(name, []).append([row[one] for one in streams()[name].key])
    return found


def test_a_read_goes_on_from_what_shards_printed(
    gitlab: Emulator, tmp_path: Path, shard_states: list[Path]
) -> None:
    """Each row came from one shard; the read that follows brings none of them again."""
    alone = rows(written(gitlab, tmp_path, "1/1").read_text())
    parts = [rows(path.read_text()) for path in shard_states]
    for name in READ:
        found = [key for part in parts for key in part.get(name, [])]
        assert sorted(map(str, found)) == sorted(map(str, alone[name])), name
    assert all(part.get("commits") or part.get("issues") for part in parts)
    merged = run("state", "merge", *shard_states)
    assert (merged.code, merged.stderr) == (0, "")
    state = file(tmp_path, "merged.json", merged.stdout)
    names = ("--config", tmp_path / "config.json", "--catalog", tmp_path / "catalog.json")
    again = rows(run("read", *names, "--state", state).stdout)
    assert not {"issues", "commits", "branches"} & again.keys()


def test_states_that_do_not_belong_together_are_refused(
    gitlab: Emulator, tmp_path: Path, shard_states: list[Path]
) -> None:
    """Another selection, a start date, a shard that was read twice, another form: it says which."""
    first, *others = shard_states

    def refused(*paths: Path) -> str:
        done = run("state", "merge", *paths)
        assert (done.code, done.stdout) == (2, "")
        assert "Traceback" not in done.stderr
        return done.stderr

    narrow = written(gitlab, tmp_path, "2/3", groups_list=["acme/platform"])
    assert "another selection" in refused(first, narrow)
    dated = written(gitlab, tmp_path, "2/3", start_date="2020-01-01")
    said = refused(first, dated)
    assert "another start date (2020-01-01" in said
    assert str(dated) in said
    two = written(gitlab, tmp_path, "1/2", include_archived=True)
    said = refused(*shard_states, two)
    assert "not up to the same place" in said
    assert "shard 1/2" in said
    messages = [json.loads(line) for line in others[0].read_text().splitlines()]
    states = [one["state"] for one in messages if one["type"] == "STATE"]
    for state in states:
        state["stream"]["stream_state"]["origin"] = {"instance": "gitlab.test"}
    assert "another GitLab (gitlab.test)" in refused(first, file(tmp_path, "a.json", states))
    singer = file(tmp_path, "b.json", {"bookmarks": {"issues": {"state": [{"version": 1}]}}})
    assert "that of Singer" in refused(first, singer)
    assert "cannot be used" in refused(file(tmp_path, "c.json", "{nonsense"))


def test_a_shard_that_is_missing_is_told(tmp_path: Path, shard_states: list[Path]) -> None:
    """What it reads counts as not read."""
    done = run("state", "merge", *shard_states[:2])
    assert done.code == 0
    assert "no state of shard 3/3" in done.stderr
    states = json.loads(done.stdout)
    assert {"issues", "commits"} & {s["stream"]["stream_descriptor"]["name"] for s in states}
    file(tmp_path, "merged.json", done.stdout)


def test_shards_in_one_file_and_what_they_take_out(
    changing_gitlab: Emulator, tmp_path: Path
) -> None:
    """One behind the other they hold what one sync holds; a shard takes out its own rows only."""
    gitlab, one, parts = changing_gitlab, tmp_path / "one.duckdb", tmp_path / "parts.duckdb"
    chosen = ("--group", "acme", "--select", *READ)
    assert sync(gitlab, one, *chosen).code == 0
    for shard in SHARDS:
        assert sync(gitlab, parts, *chosen, "--shard", shard).code == 0
    for name in READ:
        assert keys(parts, name) == keys(one, name), name
    before = set(keys(parts, "branches"))
    for project_id in (WEB, API):
        name = next(key[1] for key in before if key[0] == str(project_id) and key[1] != "main")
        gitlab.mutate("delete_branch", project_id=project_id, branch=name)
    gitlab.clock(advance=2 * 86_400)
    mine = f"{WEB % 3 + 1}/3"
    for refresh in ((), ("--full-refresh",)):
        assert sync(gitlab, parts, *chosen, "--shard", mine, *refresh).code == 0
        gone = {key[0] for key in before - set(keys(parts, "branches"))}
        assert gone == {str(WEB)}
        for name in ("issues", "commits", "projects", "group_milestones"):
            assert keys(parts, name) == keys(one, name), name
    for shard in SHARDS:
        assert sync(gitlab, parts, *chosen, "--shard", shard).code == 0
    assert {key[0] for key in before - set(keys(parts, "branches"))} == {str(WEB), str(API)}
