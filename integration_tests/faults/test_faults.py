"""GitLab fails in every way that it can: what is tried again, skipped, kept, and said."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from airbyte_cdk.models import AirbyteStreamStatus

from integration_tests.gitlab.launch import Emulator
from integration_tests.support.reading import config_for, missing, read
from source_gitlab.gitlab.client import Retries
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self

    from integration_tests.support.reading import Reading

COMPLETE, INCOMPLETE = AirbyteStreamStatus.COMPLETE, AirbyteStreamStatus.INCOMPLETE
QUICK = Retries(tries=4, first=0.01)
# A stream of each kind and walk: how a request is tried again does not depend on more.
OF_EACH_WALK = {
    (stream.kind, stream.walk): name for name, stream in reversed(streams().items())
}.values()


@pytest.fixture(scope="module")
def large() -> Iterator[Emulator]:
    """A GitLab whose lists have several pages."""
    sizes = ("--projects", 2, "--issues", 230, "--branches", 230, "--commits", 120, "--tags", 120)
    with Emulator("--world", "scaled", *sizes) as emulator:
        yield emulator


TRANSIENT: dict[str, dict[str, Any]] = {
    "500": {"kind": "status", "status": 500},
    "502": {"kind": "status", "status": 502},
    "503": {"kind": "status", "status": 503},
    "504": {"kind": "status", "status": 504},
    "408": {"kind": "status", "status": 408},
    "connection reset": {"kind": "reset"},
    "connection closed": {"kind": "close"},
    "time-out": {"kind": "stall", "seconds": 3600},
    "body cut short": {"kind": "torn"},
    "html with status 200": {"kind": "html"},
    "empty body": {"kind": "empty"},
    "json cut short": {"kind": "not_json"},
}


def in_time(fault: str) -> dict[str, int]:
    """How long a request may take: not long where one is never answered."""
    return {"request_timeout": 2} if fault == "time-out" else {}


@pytest.mark.parametrize(
    ("fault", "names"),
    [("500", [*streams()]), *((fault, [*OF_EACH_WALK]) for fault in TRANSIENT)],
    ids=["500 in all streams", *TRANSIENT],
)
def test_what_passes_is_tried_again(faulty: Emulator, fault: str, names: list[str]) -> None:
    """Nobody notices, but that it takes longer."""
    faulty.faults([{**TRANSIENT[fault], "nth": [1, 3, 9, 40]}])
    config = config_for(faulty, commit_refs="all", **in_time(fault))
    reading = read(config, names, retries=QUICK)
    assert reading.failure is None
    assert reading.statuses == dict.fromkeys(names, COMPLETE)
    assert not reading.report["failed"]
    assert not missing(faulty, reading, *names)
    assert sum(one["struck"] for one in faulty.control("faults")) == 4


PERMANENT: dict[str, dict[str, Any]] = {
    **TRANSIENT,
    "an object instead of a list": {"kind": "object"},
    "a list of numbers": {"kind": "status", "status": 200, "body": [1, 2, 3]},
    "redirect to a sign-in page": {"kind": "sign_in"},
    "a status that nobody knows": {"kind": "status", "status": 418},
}


@pytest.mark.parametrize("fault", PERMANENT)
def test_what_stays_fails_one_slice(faulty: Emulator, fault: str) -> None:
    """One project's list fails: its stream is incomplete and says where, all else is read.

    The next read brings what this one left.
    """
    names = ("issues", "branches", "releases")
    place = "/projects/101/releases"
    faulty.faults([{**PERMANENT[fault], "path": f"{place}$"}])
    config = config_for(faulty, **in_time(fault))
    reading = read(config, names, retries=Retries(2, 0.01))
    assert reading.statuses == {"issues": COMPLETE, "branches": COMPLETE, "releases": INCOMPLETE}
    (error,) = reading.errors
    assert place in error
    assert reading.failure is not None
    assert reading.failure.startswith("1 of 3 streams are incomplete: releases.")
    (failed,) = reading.report["failed"]
    assert (failed["stream"], failed["where"]) == ("releases", "project acme/web")
    assert any(line.startswith("releases: failed at project acme/web.") for line in reading.logs)
    assert not missing(faulty, reading, "issues", "branches")
    assert {row["project_id"] for row in reading.rows["releases"]} == {102, 108}

    faulty.faults([])
    rest = read(config, ["releases"], [reading.states["releases"]])
    assert {row["project_id"] for row in rest.rows["releases"]} == {101}
    rest.rows["releases"] += reading.rows["releases"]
    assert not missing(faulty, rest, "releases")


def test_many_slices_that_fail_are_one_error(faulty: Emulator) -> None:
    """Projects that fail alike are one error of their stream; the report has them all."""
    faulty.faults([{"kind": "status", "status": 418, "path": "/releases$"}])
    reading = read(config_for(faulty), ["releases", "issues"], retries=QUICK)
    assert len(reading.errors) == 1
    assert reading.statuses == {"releases": INCOMPLETE, "issues": COMPLETE}
    assert len(reading.report["failed"]) > 5
    assert len([line for line in reading.logs if line.startswith("releases: failed at")]) == 1


@pytest.mark.parametrize("sizes", [("100",), ("100", "20"), ("100", "20", "5")])
@pytest.mark.parametrize("kind", ["status", "reset"])
def test_smaller_pages_where_whole_ones_fail(
    large: Emulator, kind: str, sizes: tuple[str, ...]
) -> None:
    """Lists of all kinds: by value, by keyset, by page number."""
    names = ("issues", "branches", "tags", "commits", "project_labels", "projects")
    large.reset_requests()
    large.faults([{"kind": kind, "query": {"per_page": size}} for size in sizes])
    try:
        reading = read(config_for(large), names, retries=Retries(2, 0.01))
    finally:
        large.faults([])
    assert reading.failure is None
    assert not missing(large, reading, *names)
    for name in names:
        keys = [tuple(row[c] for c in streams()[name].key) for row in reading.rows[name]]
        assert len(keys) == len(set(keys)), name


def test_a_smaller_window_where_the_smallest_page_fails(large: Emulator) -> None:
    """Where GitLab cannot look through the whole time, it is asked for one span after another."""
    large.faults([{"kind": "status", "path": "/issues$", "without": ["updated_before"]}])
    try:
        reading = read(config_for(large), ["issues"], retries=Retries(2, 0.01))
    finally:
        large.faults([])
    assert reading.failure is None
    assert not missing(large, reading, "issues")


def test_an_answer_that_is_late(faulty: Emulator) -> None:
    """Late is not too late."""
    faulty.faults([{"kind": "slow", "seconds": 0.5, "every": 10, "times": 5}])
    reading = read(config_for(faulty, request_timeout=30), ["issues", "jobs"], retries=QUICK)
    assert reading.failure is None
    assert not missing(faulty, reading, "issues", "jobs")


def is_one_error(reading: Reading, told: str) -> bool:
    """Whether the read ended with one error for all streams, which says this."""
    assert reading.failure is not None
    assert not reading.errors
    assert set(reading.statuses.values()) == {INCOMPLETE}
    assert reading.report["ended"] == reading.failure
    return told in reading.failure


@pytest.mark.parametrize(
    ("address", "told"),
    [("http://127.0.0.1:9", "refused"), ("https://gitlab.invalid", "could not be resolved")],
)
def test_nothing_is_there(gitlab: Emulator, address: str, told: str) -> None:
    """One error at once, not one after thousands of tries."""
    reading = read({**config_for(gitlab), "api_url": address}, retries=QUICK)
    assert is_one_error(reading, told)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"kind": "status", "status": 502}, "502"),
        ({"kind": "sign_in"}, "sign-in page"),
        ({"kind": "html"}, "not JSON"),
        ({"kind": "reset"}, "connection was lost"),
    ],
)
@pytest.mark.parametrize("after", [0, 25])
def test_nothing_works_any_more(
    faulty: Emulator, fault: dict[str, Any], told: str, after: int
) -> None:
    """Every request fails: the sync ends with one error, and soon."""
    faulty.faults([{**fault, "skip": after}])
    reading = read(config_for(faulty, num_workers=5), retries=QUICK)
    assert reading.failure is not None
    assert told in reading.failure
    assert "No other request" in reading.failure
    assert INCOMPLETE in reading.statuses.values()
    # Each worker's request may use up its tries, whole page and smaller ones; then one more asks.
    assert faulty.requests(0)["total"] <= after + 5 * (QUICK.tries + 2 * 3) + 5
    faulty.faults([])
    # What it had begun, and what is compared: the others are as if they had never been asked for.
    compared = ("issues", "merge_requests", "pipelines", "branches")
    names = {*compared, *reading.states}
    rest = read(config_for(faulty), sorted(names), states=reading.states.values())
    assert rest.failure is None
    for name, rows in reading.rows.items():
        rest.rows[name] = rows + rest.rows[name]
    assert not missing(faulty, rest, *compared)


def test_a_token_that_is_wrong(faulty: Emulator) -> None:
    """401 at the start: one request, one error."""
    config = config_for(faulty)
    config["credentials"]["access_token"] = "glpat-emulator-revoked-0001"
    reading = read(config, retries=QUICK)
    assert is_one_error(reading, "does not accept the token")
    assert faulty.requests(0)["total"] <= 10 + 1


def test_a_token_that_is_revoked_in_the_middle(faulty: Emulator) -> None:
    """At most one request more for each worker, one error, and what was read is kept."""
    body = {"error": "invalid_token", "error_description": "Token was revoked."}
    faulty.faults([{"kind": "status", "status": 401, "body": body, "skip": 40}])
    reading = read(config_for(faulty, num_workers=5), retries=QUICK)
    assert reading.failure is not None
    assert "Token was revoked" in reading.failure
    assert not reading.errors
    assert COMPLETE in reading.statuses.values()
    assert INCOMPLETE in reading.statuses.values()
    assert faulty.requests(0)["total"] <= 40 + 5 + 1
    faulty.faults([])
    compared = ("issues", "merge_requests", "jobs", "deployments", "users")
    names = {*compared, *reading.states}
    rest = read(config_for(faulty), sorted(names), states=reading.states.values())
    for name, rows in reading.rows.items():
        rest.rows[name] = rows + rest.rows[name]
    assert not missing(faulty, rest, *compared)


class Catcher:
    """A server that is not our GitLab, and remembers what it is asked."""

    def __init__(self) -> None:
        asked = self.asked = []  # type: list[dict[str, str]]

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(dict(self.headers))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"[]")

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,)).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def test_a_redirect_elsewhere_is_not_followed(faulty: Emulator) -> None:
    """The token goes to the GitLab of the configuration and nowhere else."""
    with Catcher() as elsewhere:
        place = {"kind": "redirect", "location": elsewhere.url, "path": "/projects/101/releases"}
        faulty.faults([place])
        reading = read(config_for(faulty), ["releases"], retries=QUICK)
        assert not elsewhere.asked
    assert reading.statuses["releases"] is INCOMPLETE
    assert elsewhere.url in reading.errors[0]
    assert {row["project_id"] for row in reading.rows["releases"]} == {102, 108}


def test_a_proxy_that_rewrites_links(large: Emulator) -> None:
    """Pages are asked for at the address of the configuration, wherever links point."""
    with Catcher() as elsewhere:
        large.settings(link_url=elsewhere.url)
        try:
            reading = read(config_for(large), ["branches", "issues"], retries=QUICK)
        finally:
            large.settings(link_url="")
        assert not elsewhere.asked
    assert reading.failure is None
    assert not missing(large, reading, "branches", "issues")
