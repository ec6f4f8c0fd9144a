"""The emulator's limits and faults, and the requests that it counts."""

from __future__ import annotations

import pytest
import requests

from integration_tests.gitlab import auth
from integration_tests.gitlab.clock import moment
from integration_tests.gitlab.launch import Emulator, EmulatorError
from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support.emulated_lists import SECOND


def test_the_throttle_has_gitlabs_headers_and_answers_in_plain_text(gitlab: Emulator) -> None:
    gitlab.clock(set="2026-05-01T12:00:10Z", frozen=True)
    gitlab.settings(rate_limit=2)
    first = gitlab.get("version")
    assert first.headers["ratelimit-limit"] == "2"
    assert first.headers["ratelimit-remaining"] == "1"
    assert first.headers["ratelimit-reset"] == str(moment("2026-05-01T12:01:00Z") // SECOND)
    assert gitlab.get("version").headers["ratelimit-observed"] == "2"
    refused = gitlab.get("version")
    assert (refused.status_code, refused.text) == (429, "Retry later\n")
    assert 50 <= int(refused.headers["retry-after"]) <= 51
    assert gitlab.get("version", token=auth.GUEST).status_code == 200, "counted by token"
    gitlab.clock(advance=51)
    assert gitlab.get("version").status_code == 200


def test_the_limit_of_an_endpoint_answers_json_and_no_retry_after(gitlab: Emulator) -> None:
    gitlab.settings(rate_limit=1000, family_limits={"GET /groups/:id": [1, 60]})
    assert gitlab.get("groups/10").status_code == 200
    refused = gitlab.get("groups/11")
    assert refused.status_code == 429
    assert "requested too many times" in refused.json()["message"]["error"]
    assert "retry-after" not in refused.headers
    assert int(refused.headers["ratelimit-remaining"]) > 900
    assert gitlab.get("groups").status_code == 200


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_status_on_demand(gitlab: Emulator, status: int) -> None:
    gitlab.faults([{"kind": "status", "status": status, "times": 1}])
    assert gitlab.get("version").status_code == status
    assert gitlab.get("version").status_code == 200


@pytest.mark.parametrize(
    ("form", "headers", "text"),
    [
        ("retry_after", {"retry-after"}, "Retry later"),
        ("reset", {"ratelimit-reset"}, "Retry later"),
        ("application", {"ratelimit-remaining"}, "requested too many times"),
        ("plain", set(), "Retry later"),
    ],
)
def test_429_in_each_of_its_forms(
    gitlab: Emulator,
    form: str,
    headers: set[str],
    text: str,
) -> None:
    gitlab.faults([{"kind": "rate_limit", "form": form, "seconds": 7}])
    refused = gitlab.get("version")
    assert refused.status_code == 429
    assert text in refused.text
    assert headers <= set(refused.headers)
    assert ("retry-after" in refused.headers) == (form == "retry_after")


def test_broken_connections(gitlab: Emulator) -> None:
    gitlab.faults([{"kind": "reset"}])
    with pytest.raises(requests.ConnectionError, match=r"reset|104"):
        gitlab.get("version")
    gitlab.faults([{"kind": "close"}])
    with pytest.raises(requests.ConnectionError, match="without response"):
        gitlab.get("version")
    gitlab.faults([{"kind": "stall", "seconds": 30}])
    with pytest.raises(requests.ReadTimeout):
        gitlab.get("version", timeout=0.3)
    gitlab.faults([{"kind": "torn"}])
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        gitlab.get("projects/101/issues")
    gitlab.faults([])
    assert gitlab.get("version").status_code == 200
    assert gitlab.requests()["counts"]["GET /version"]["0"] == 3


def test_a_torn_body_announces_more_than_it_sends(gitlab: Emulator) -> None:
    gitlab.faults([{"kind": "torn"}])
    with requests.get(
        f"{gitlab.url}/api/v4/projects/101/issues",
        timeout=PATIENCE,
        stream=True,
        headers={"private-token": gitlab.token},
    ) as response:
        announced = int(response.headers["content-length"])
        sent = response.raw.read(decode_content=False, amt=announced // 2)
        assert sent.startswith(b'[{"id":')
        assert len(sent) == announced // 2
        with pytest.raises(Exception, match=r"IncompleteRead|more expected"):
            response.raw.read(amt=1)


def test_answers_that_are_not_the_json_hoped_for(gitlab: Emulator) -> None:
    gitlab.faults([{"kind": "html"}])
    page = gitlab.get("groups")
    assert (page.status_code, page.headers["content-type"][:9]) == (200, "text/html")
    gitlab.faults([{"kind": "empty"}])
    assert gitlab.get("groups").content == b""
    gitlab.faults([{"kind": "object"}])
    assert isinstance(gitlab.get("groups").json(), dict)
    gitlab.faults([{"kind": "not_json"}])
    with pytest.raises(requests.JSONDecodeError):
        gitlab.get("groups").json()
    gitlab.faults([{"kind": "sign_in", "path": "/api/"}])
    redirected = gitlab.get("groups")
    assert redirected.status_code == 302
    assert "Sign in" in requests.get(redirected.headers["location"], timeout=PATIENCE).text
    gitlab.faults([{"kind": "redirect", "location": "http://elsewhere.example"}])
    assert gitlab.get("groups", page=1).headers["location"] == (
        "http://elsewhere.example/api/v4/groups?page=1"
    )
    gitlab.faults([{"kind": "large", "size": 3_000_000}])
    large = gitlab.get("groups")
    assert len(large.content) > 3_000_000
    assert len(large.json()) == 6
    gitlab.faults([{"kind": "slow", "seconds": 0.3}])
    assert gitlab.get("groups").elapsed.total_seconds() >= 0.3


def test_which_requests_a_fault_strikes(gitlab: Emulator) -> None:
    def statuses(count: int, path: str = "version", **params: object) -> list[int]:
        return [gitlab.get(path, params).status_code for _ in range(count)]

    gitlab.faults([{"kind": "status", "template": "/projects/:id/issues", "query": {"page": "2"}}])
    assert statuses(2, "projects/101/issues", page=2) == [500, 500]
    assert statuses(1, "projects/101/issues", page=1) == [200]
    gitlab.faults([{"kind": "status", "path": "version$", "nth": [2, 3]}])
    assert statuses(4) == [200, 500, 500, 200]
    gitlab.faults([{"kind": "status", "skip": 1, "every": 2, "times": 2}])
    assert statuses(6) == [200, 200, 500, 200, 500, 200]
    gitlab.faults([{"kind": "status", "probability": 0.5, "seed": 3}])
    drawn = statuses(12)
    assert set(drawn) == {200, 500}
    gitlab.faults([{"kind": "status", "probability": 0.5, "seed": 3}])
    assert statuses(12) == drawn, "the same seed draws the same"
    assert gitlab.control("faults")[0]["struck"] == drawn.count(500)
    with pytest.raises(EmulatorError, match="no such fault"):
        gitlab.faults([{"kind": "flood"}])


def test_requests_are_counted_and_kept(gitlab: Emulator) -> None:
    gitlab.get("groups/acme%2Fplatform/issues", page=1, updated_after="2024-01-01")
    gitlab.get("groups/none")
    log = gitlab.requests()
    assert log["counts"]["GET /groups/:id/issues"] == {"200": 1}
    assert log["counts"]["GET /groups/:id"] == {"404": 1}
    assert log["recent"][0]["query"] == "page=1&updated_after=2024-01-01"
    assert log["recent"][0]["path"] == "/api/v4/groups/acme%2Fplatform/issues"
    gitlab.reset_requests()
    assert gitlab.requests()["total"] == 0


def test_unchanged_answers_are_not_sent_again(gitlab: Emulator) -> None:
    first = gitlab.get("groups/10")
    again = requests.get(
        f"{gitlab.url}/api/v4/groups/10",
        timeout=PATIENCE,
        headers={"private-token": gitlab.token, "if-none-match": first.headers["etag"]},
    )
    assert (again.status_code, again.content) == (304, b"")
