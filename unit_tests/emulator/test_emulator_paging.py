"""The emulator's paging: numbers, keysets, totals and links."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from integration_tests.support.emulated_lists import WEB, next_link, walk

if TYPE_CHECKING:
    from integration_tests.gitlab.launch import Emulator


def test_offset_pages_have_links_and_totals(gitlab: Emulator) -> None:
    page = gitlab.get("groups/10/issues", per_page=30, page=2, non_archived="false")
    assert len(page.json()) == 30
    assert page.headers["x-page"] == "2"
    assert page.headers["x-next-page"] == "3"
    assert page.headers["x-prev-page"] == "1"
    assert page.headers["x-per-page"] == "30"
    assert page.headers["x-total"] == "86"
    assert page.headers["x-total-pages"] == "3"
    assert set(page.links) == {"prev", "next", "first", "last"}
    echoed = parse_qs(urlsplit(page.links["next"]["url"]).query)
    assert echoed["order_by"] == ["created_at"]
    assert echoed["id"] == ["10"]
    assert echoed["non_archived"] == ["false"]
    last = gitlab.get("groups/10/issues", per_page=30, page=3, non_archived="false")
    assert last.headers["x-next-page"] == ""
    assert "next" not in last.links
    assert len(gitlab.get("projects/101/issues").json()) == 20
    capped = gitlab.get("projects/101/issues", per_page=1000)
    assert capped.headers["x-per-page"] == "100"
    assert gitlab.get("projects/101/issues", per_page=0).status_code == 400


def test_large_lists_have_no_totals(gitlab: Emulator) -> None:
    gitlab.settings(count_limit=40)
    page = gitlab.get("projects/101/issues")
    assert not {"x-total", "x-total-pages"} & set(page.headers)
    assert "last" not in page.links
    assert "next" in page.links
    for path in ("projects/101/jobs", "projects/101/repository/commits"):
        gitlab.settings(count_limit=10_000)
        page = gitlab.get(path)
        assert "x-total" not in page.headers
        assert "next" in page.links


def test_the_next_page_of_commits_is_claimed_by_a_full_page(gitlab: Emulator) -> None:
    path, params = "projects/104/repository/commits", {"ref_name": "main", "per_page": 3}
    full = gitlab.get(path, params)
    assert len(full.json()) == 3
    assert full.headers["x-next-page"] == "2"
    assert gitlab.get(path, page=2, params=params).json() == []


def test_offset_paging_ends_at_the_limit(gitlab: Emulator) -> None:
    gitlab.settings(offset_limit=40)
    for path, kind in (("projects", "Project"), ("projects/101/jobs", "Ci::Build")):
        assert gitlab.get(path, page=2).status_code == 200
        refused = gitlab.get(path, page=3)
        assert refused.status_code == 405
        assert refused.json()["error"].startswith(
            "Offset pagination has a maximum allowed offset of 40 for requests that return "
            f"objects of type {kind}.",
        )
    assert gitlab.get("projects/101/issues", page=3).status_code == 200


def test_keyset_of_projects_ends_with_an_empty_page(gitlab: Emulator) -> None:
    params = {"pagination": "keyset", "order_by": "id", "sort": "asc", "per_page": 4}
    page = gitlab.get("projects", params=params)
    assert "id_after" in (next_link(page) or "")
    assert not [name for name in page.headers if name.lower().startswith("x-page")]
    rows = walk(gitlab, "projects", **params)
    assert [row["id"] for row in rows] == sorted(
        row["id"] for row in walk(gitlab, "projects", per_page=100)
    )
    refused = gitlab.get("projects", pagination="keyset", order_by="name")
    assert refused.status_code == 405
    assert refused.json() == {
        "error": "Keyset pagination is not yet available for this type of request",
    }
    assert gitlab.get("projects?id_after=").status_code == 500


def test_keyset_of_jobs_takes_one_order_only(gitlab: Emulator) -> None:
    path, params = "projects/101/jobs", {"pagination": "keyset", "order_by": "id", "sort": "desc"}
    page = gitlab.get(path, per_page=7, params=params)
    assert "cursor=" in (next_link(page) or "")
    assert "x-page" not in page.headers
    ids = [row["id"] for row in walk(gitlab, path, per_page=7, **params)]
    assert ids == sorted(ids, reverse=True)
    assert ids == [row["id"] for row in walk(gitlab, path, per_page=100)]
    assert gitlab.get(path, params | {"sort": "asc"}).status_code == 405
    assert gitlab.get(path, pagination="keyset").status_code == 405
    assert gitlab.get(path, cursor="nonsense", params=params).status_code == 400


@pytest.mark.parametrize("kind", ["branches", "tags"])
def test_keyset_of_refs_goes_by_name(gitlab: Emulator, kind: str) -> None:
    path = f"projects/{WEB}/repository/{kind}"
    params = {"pagination": "keyset", "order_by": "name", "sort": "asc"}
    if kind == "branches":
        params = {"pagination": "keyset"}
    names = [row["name"] for row in walk(gitlab, path, per_page=100)]
    rows = walk(gitlab, path, per_page=2, **params)
    assert [row["name"] for row in rows] == sorted(names)
    page = gitlab.get(path, params, per_page=len(names))
    assert next_link(page) is not None, "a full page always has a link"
    assert gitlab.get(next_link(page).split("/api/v4/")[1]).json() == []  # type: ignore[union-attr]
    assert gitlab.get(path, page_token="nowhere", params=params).status_code == 422


def test_the_first_page_of_branches_always_claims_a_second(gitlab: Emulator) -> None:
    page = gitlab.get(f"projects/{WEB}/repository/branches", per_page=100)
    assert page.headers["x-next-page"] == "2"
    second = gitlab.get(f"projects/{WEB}/repository/branches", per_page=100, page=2)
    assert second.json() == []
    assert second.headers["x-next-page"] == ""


def test_a_short_page_is_not_the_last_one(gitlab: Emulator) -> None:
    gitlab.mutate("unreadable", table="issues", every=3)
    page = gitlab.get(f"projects/{WEB}/issues")
    assert len(page.json()) < 20
    assert page.headers["x-next-page"] == "2"
    assert page.headers["x-total"] == "45"
    rows = walk(gitlab, f"projects/{WEB}/issues")
    assert len(rows) == 30
    expected = gitlab.world(streams="issues", projects=str(WEB))["issues"]
    assert len(expected) == len(rows)


def test_links_can_name_another_host_as_behind_a_proxy(gitlab: Emulator) -> None:
    gitlab.settings(link_url="http://inside.example:8080")
    link = next_link(gitlab.get("projects/101/issues"))
    assert link is not None
    assert link.startswith("http://inside.example:8080/api/v4/projects/101/issues?")
