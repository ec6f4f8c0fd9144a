"""The Flow capture as its runtime drives it: requests, every stream, intervals, mistakes."""

from __future__ import annotations

import json
import signal
import subprocess
from collections import Counter
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from integration_tests.gitlab.launch import Emulator
from integration_tests.support.configurations import DIALECTS
from integration_tests.support.flow_process import capture, discover, fresh, read_once
from integration_tests.support.process import ROOT, command
from integration_tests.support.reading import differences
from integration_tests.support.reading import expected as rows_of
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration_tests.support.flow_process import Capture
    from integration_tests.support.flow_runtime import Collection, Runtime

Config = dict[str, Any]
SPEC = {"spec": {"connectorType": "IMAGE"}}
WEB = 101
# Figures of days, which GitLab may change later: the last days come with each read.
OF_DAYS = {
    "code_coverage_activities",
    "group_contributions",
    "group_dora_metrics",
    "project_dora_metrics",
    "vulnerability_counts",
}


def config_of(gitlab: Emulator, **more: object) -> Config:
    """A configuration as Estuary's own documentation has it."""
    credentials = {"option_title": "Private Token", "personal_access_token": gitlab.token}
    return {"credentials": credentials, "api_url": gitlab.url, "groups": "acme", **more}


@pytest.fixture(scope="module")
def lab() -> Iterator[Emulator]:
    """An emulated GitLab that these tests change."""
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def changing(lab: Emulator) -> Iterator[Emulator]:
    """The same, as it was at first."""
    lab.reset()
    yield lab
    lab.faults([])


@pytest.fixture(scope="module")
def collections(lab: Emulator) -> dict[str, Collection]:
    """What discovery gives."""
    return discover(config_of(lab))


def expected(gitlab: Emulator, *names: str) -> dict[str, set[tuple[Any, ...]]]:
    """The keys of the rows that the emulated GitLab has of these streams."""
    world = gitlab.world(streams=",".join(names), groups="acme")
    return {
        name: {
            tuple({**one["row"], **one["parent"]}[column] for column in streams()[name].key)
            for one in entries
        }
        for name, entries in world.items()
    }


def missing(gitlab: Emulator, runtime: Runtime) -> list[str]:
    """Where the collections do not hold what the token's user may read, column by column."""
    wanted, held = rows_of(gitlab, groups="acme"), runtime.tables()
    mine = [name for name in held if streams()[name].role not in {"owner", "admin"}]
    assert len(mine) > len(held) / 2
    return [
        f"{name}: {difference}"
        for name in mine
        for difference in differences(held[name], wanted[name])
    ]


def keys(runtime: Runtime) -> dict[str, set[tuple[Any, ...]]]:
    """The keys of the documents in the collections."""
    return {name: set(table) for name, table in runtime.tables().items()}


def take_until(one: Capture, runtime: Runtime, checkpoints: int) -> None:
    """Take messages until so many more checkpoints have come."""
    until = runtime.checkpoints + checkpoints
    while runtime.checkpoints < until:
        line = one.line()
        assert line, f"the capture ended: {one.logs[-1:]}"
        runtime.take(line)


def take_until_read(one: Capture, runtime: Runtime, name: str, title: str) -> None:
    """Take messages until a row with this title is in the collection of a stream."""
    while title not in [row.get("title") for row in runtime.tables()[name].values()]:
        line = one.line()
        assert line, f"the capture ended: {one.logs[-1:]}"
        runtime.take(line)


def test_requests_are_answered_in_order(
    changing: Emulator, collections: dict[str, Collection]
) -> None:
    """On one process, until the input ends; what has its default value may be missing."""
    config, runtime = config_of(changing), fresh(collections, ["issues", "branches"])
    with capture("--log.level=debug", "--log.format", "json") as one:
        spec = one.ask(SPEC)["spec"]
        discovered = one.ask({"discover": {"connectorType": "IMAGE", "config": config}})
        validated = one.ask({**runtime.validate(config), "$internal": "AAAA"})
        opened = runtime.open(config)["open"]
        applied = one.ask({"apply": {"capture": opened["capture"], "version": "1"}})
        one.end_input()
        assert one.ended() == 0
        assert one.line() == b""
    assert spec["protocol"] == 3032023
    assert len(discovered["discovered"]["bindings"]) == len(streams())
    paths = [{"resourcePath": ["issues"]}, {"resourcePath": ["branches"]}]
    assert validated == {"validated": {"bindings": paths}}
    assert applied == {"applied": {"actionDescription": ""}}
    assert changing.token not in json.dumps(one.logs)


def test_the_form_takes_what_estuary_documents() -> None:
    """As it is; a token is marked as a secret by whichever name it has."""
    with capture() as one:
        schema = one.ask(SPEC)["spec"]["configSchema"]
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    documented = [config for name, config in DIALECTS.items() if name.startswith("estuary")]
    for one_of in (*documented, DIALECTS["canonical"], DIALECTS["canonical, public data"]):
        validator.validate(one_of["config"])
    assert not validator.is_valid({"api_url": "gitlab.com"})
    assert not validator.is_valid({"credentials": {"auth_type": "access_token"}})
    arms = schema["properties"]["credentials"]["oneOf"]
    secret = {
        name
        for arm in arms
        for name, field in arm["properties"].items()
        if field.get("secret")
    }  # fmt: skip
    tokens = {"access_token", "refresh_token", "personal_access_token"}
    assert secret >= tokens | {"client_secret"}
    assert "additionalProperties" not in schema


def test_every_stream_arrives_and_then_only_what_changed(
    changing: Emulator, collections: dict[str, Collection]
) -> None:
    """Each document fits its schema; what is read again and has not changed does not come."""
    config = config_of(changing, commit_refs="all")
    runtime = fresh(collections, list(collections))
    assert read_once(runtime, config).process.returncode == 0
    assert missing(changing, runtime) == []
    first = Counter(runtime.brought)
    assert read_once(runtime, config).process.returncode == 0
    assert (runtime.brought - first).keys() <= OF_DAYS
    issue = changing.world(streams="issues", groups="acme")["issues"][0]["row"]["id"]
    changing.mutate("update", table="issues", id=issue, set={"title": "Renamed"})
    read_once(runtime, config)
    assert runtime.tables()["issues"][issue,]["title"] == "Renamed"
    # What other rows show of it may come a day later.
    assert keys(runtime)["issues"] == expected(changing, "issues")["issues"]


def test_schemas_are_sourced_before_documents(
    changing: Emulator, collections: dict[str, Collection]
) -> None:
    """Closed ones, in which each column that a row has is known."""
    runtime = fresh(collections, ["issues", "projects"])
    read_once(runtime, config_of(changing))
    kinds = [next(iter(message)) for message in runtime.messages]
    assert kinds[:4] == ["opened", "sourcedSchema", "sourcedSchema", "checkpoint"]
    for message in runtime.messages[1:3]:
        body = message["sourcedSchema"]
        schema, collection = body["schema_json"], runtime.collections[body["binding"]]
        jsonschema.Draft7Validator.check_schema(schema)
        assert schema["additionalProperties"] is False
        columns = {name for row in collection.documents.values() for name in row}
        assert columns <= set(schema["properties"])


def test_a_capture_goes_on_at_its_intervals(
    changing: Emulator, collections: dict[str, Collection]
) -> None:
    """A stream with a longer interval of its own is left alone meanwhile; SIGTERM ends it."""
    runtime = fresh(collections, ["issues", "projects"])
    runtime.collections[1].resource["interval"] = "P1D"
    with capture() as one:
        one.send(runtime.open(config_of(changing, interval="PT1S")))
        one.end_input()
        first = changing.world(streams="issues", groups="acme")["issues"][0]["row"]["id"]
        wanted = expected(changing, "issues", "projects")
        while keys(runtime) != wanted:
            take_until(one, runtime, 1)
        # What changes while the first read goes on may come with it.
        one.wait_for_statuses(2)
        changing.mutate("update", table="issues", id=first, set={"title": "At an interval"})
        take_until_read(one, runtime, "issues", "At an interval")
        one.wait_for_statuses(3)
        one.process.send_signal(signal.SIGTERM)
        while line := one.line():
            runtime.take(line)
        assert one.ended() == 0
    assert keys(runtime) == expected(changing, "issues", "projects")
    assert one.statuses[0] == "The capture has started, with 2 bindings."
    assert one.statuses[1].startswith("Read 2 bindings")
    assert len(one.statuses) > 2
    assert all(said.startswith("Read 1 bindings") for said in one.statuses[2:])


def test_a_backfill_reads_one_binding_from_the_start(
    changing: Emulator, collections: dict[str, Collection]
) -> None:
    """The others go on."""
    runtime = fresh(collections, ["issues", "branches"])
    read_once(runtime, config_of(changing))
    before = runtime.documents
    runtime.collections[1].documents.clear()
    runtime.collections[1].backfill += 1
    read_once(runtime, config_of(changing))
    assert keys(runtime) == expected(changing, "issues", "branches")
    assert runtime.documents - before == len(runtime.collections[1].documents)


def test_what_fails_does_not_end_the_others(
    changing: Emulator, collections: dict[str, Collection]
) -> None:
    """A list that is refused and one that fails are told, and come when they can be read."""
    names = ["issues", "branches", "tags"]
    runtime = fresh(collections, names)
    refused = {"kind": "status", "status": 403, "path": f"/projects/{WEB}/repository/branches"}
    failing = {"kind": "status", "status": 500, "path": f"/projects/{WEB}/repository/tags"}
    changing.faults([refused, failing])
    one = read_once(runtime, config_of(changing))
    assert one.process.returncode == 0
    whole = expected(changing, *names)
    assert keys(runtime)["issues"] == whole["issues"]
    for name in ("branches", "tags"):
        assert keys(runtime)[name] == {key for key in whole[name] if key[0] != WEB}
    told = " ".join(log["msg"] for log in one.logs)
    assert "branches: skipped" in told
    assert "tags: not read whole." in told
    assert "Not read whole: tags." in one.statuses[-1]
    changing.faults([])
    read_once(runtime, config_of(changing))
    assert keys(runtime) == whole


def test_mistakes_are_told_in_the_last_line(
    changing: Emulator, collections: dict[str, Collection]
) -> None:
    """In one sentence for people, with no secret and no traceback."""
    good = config_of(changing)
    wrong_token = {**good, "credentials": {"personal_access_token": "glpat-wrong-token-0001"}}
    runtime = fresh(collections, ["issues"])
    misnamed = fresh(collections, ["issues"])
    misnamed.collections[0].resource = {"stream": "isues"}
    rekeyed = fresh(collections, ["issues"])
    rekeyed.collections[0].key = ["/due_date"]
    twice = fresh(collections, ["issues", "issues"])
    odd = fresh(collections, ["issues"])
    odd.state = {"bindingStateV1": {"issues.v0": {"stream": '{"version":99}'}}}
    split = runtime.open(good)
    split["open"]["range"] = {"keyBegin": 0x80000000, "keyEnd": 0xFFFFFFFF}
    for request, part in (
        (runtime.validate(wrong_token), "401"),
        (runtime.open(wrong_token), "401"),
        (runtime.validate({**good, "groups": "nowhere"}), "nowhere"),
        (misnamed.validate(good), "Did you mean issues?"),
        (rekeyed.validate(good), "/due_date is in its key"),
        (twice.validate(good), "issues is bound twice"),
        (odd.open(good), "The state of issues cannot be read"),
        (split, "cannot be split"),
        (runtime.validate({**good, "interval": "soon"}), "PT5M"),
        ({"derive": {}}, "a request that a capture does not have"),
    ):
        with capture() as one:
            one.send(request)
            assert one.ended() == 1, part
            assert part in one.error
            assert "traceback" not in one.logs[-1]["fields"]
            assert "glpat-" not in json.dumps(one.logs)


def test_what_is_no_request_is_told() -> None:
    """And nothing on the input shows the commands, as ever."""
    with capture() as one:
        assert one.process.stdin is not None
        one.process.stdin.write(b"spec\n")
        one.process.stdin.flush()
        assert one.ended() == 1
        assert "is no JSON" in one.error
    nobody = subprocess.run(
        command(), stdin=subprocess.DEVNULL, capture_output=True, cwd=ROOT, check=False
    )
    assert nobody.returncode == 2
    assert b"Flow capture" in nobody.stderr
    assert nobody.stdout == b""


def test_the_image_says_how_it_is_driven() -> None:
    """By labels; it starts without arguments."""
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    for label in ('FLOW_RUNTIME_PROTOCOL="capture"', 'FLOW_RUNTIME_CODEC="json"'):
        assert label in dockerfile
    assert 'ENTRYPOINT ["source-gitlab"]' in dockerfile
