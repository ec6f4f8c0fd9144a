"""The emulator's filters of times and orders, and the types of its values."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from integration_tests.gitlab.clock import moment, stamp
from integration_tests.support.emulated_lists import SECOND, WEB, walk

if TYPE_CHECKING:
    from integration_tests.gitlab.launch import Emulator


def test_times_are_cut_to_milliseconds_and_filtered_in_full_inclusively(
    gitlab: Emulator,
) -> None:
    made = gitlab.mutate(
        "create",
        table="issues",
        project_id=WEB,
        updated_at="2025-03-01T00:00:00.000999Z",
    )[0]

    def found(**bounds: str) -> bool:
        rows = walk(gitlab, f"projects/{WEB}/issues", **bounds)
        return made in {row["id"] for row in rows}

    row = next(one for one in walk(gitlab, f"projects/{WEB}/issues") if one["id"] == made)
    assert row["updated_at"] == "2025-03-01T00:00:00.000Z"
    assert found(updated_after="2025-03-01T00:00:00.000Z")
    assert found(updated_after="2025-03-01T00:00:00.000999Z")
    assert not found(updated_after="2025-03-01T00:00:00.001Z")
    assert found(updated_before="2025-03-01T00:00:00.000999Z", updated_after="2025-01-01")
    assert not found(updated_before="2025-03-01T00:00:00.000Z", updated_after="2025-01-01")
    assert found(updated_after="2025-03-01T08:00:00+08:00")
    bad = gitlab.get(f"projects/{WEB}/issues", updated_after="yesterday")
    assert (bad.status_code, bad.json()) == (400, {"error": "updated_after is invalid"})


def test_issues_break_ties_by_id_descending_in_both_directions(gitlab: Emulator) -> None:
    ids = gitlab.mutate(
        "create",
        table="issues",
        project_id=WEB,
        count=3,
        updated_at="2026-01-01T00:00:00Z",
    )
    for sort in ("asc", "desc"):
        rows = walk(gitlab, f"projects/{WEB}/issues", order_by="updated_at", sort=sort)
        times = [moment(row["updated_at"]) for row in rows]
        assert times == sorted(times, reverse=sort == "desc")
        assert [row["id"] for row in rows if row["id"] in ids] == sorted(ids, reverse=True)


def test_pipelines_with_equal_times_are_lost_and_doubled_by_page_numbers(
    gitlab: Emulator,
) -> None:
    seen: Counter[int] = Counter()
    for page in range(1, 12):
        rows = gitlab.get(
            f"projects/{WEB}/pipelines",
            order_by="updated_at",
            sort="asc",
            per_page=2,
            page=page,
        ).json()
        seen.update(row["id"] for row in rows)
    everything = {row["id"] for row in walk(gitlab, f"projects/{WEB}/pipelines")}
    assert max(seen.values()) > 1
    assert set(seen) < everything
    again = gitlab.get(
        f"projects/{WEB}/pipelines",
        order_by="updated_at",
        sort="asc",
        per_page=100,
    )
    assert {row["id"] for row in again.json()} == everything


def test_a_pipeline_without_updated_at_passes_no_filter_of_times(gitlab: Emulator) -> None:
    rows = walk(gitlab, f"projects/{WEB}/pipelines")
    untouched = {row["id"] for row in rows if row["updated_at"] is None}
    assert untouched
    rows = walk(gitlab, f"projects/{WEB}/pipelines", updated_after="2000-01-01")
    assert not untouched & {row["id"] for row in rows}


@pytest.mark.parametrize("path", [f"projects/{WEB}/deployments", "projects"])
def test_a_filter_of_times_must_be_paired_with_its_order(gitlab: Emulator, path: str) -> None:
    refused = gitlab.get(path, updated_after="2020-01-01")
    assert refused.status_code == 400
    assert "must be paired" in refused.json()["message"]
    assert walk(gitlab, path, updated_after="2020-01-01", order_by="updated_at", sort="asc")


def test_releases_take_filters_of_times_though_no_page_says_so(gitlab: Emulator) -> None:
    gitlab.mutate("update", table="releases", id=602, updated_at="2026-02-02T00:00:00Z")
    rows = walk(gitlab, f"projects/{WEB}/releases", updated_after="2026-01-01")
    assert [row["tag_name"] for row in rows] == ["v1.1"]


def test_values_that_look_like_numbers_are_strings(gitlab: Emulator) -> None:
    names = {row["name"] for row in walk(gitlab, f"projects/{WEB}/repository/branches")}
    assert {"1.10", "1e5"} <= names
    rows = walk(gitlab, f"projects/{WEB}/deployments")
    assert {"1.10", "1e5"} <= {row["environment"]["name"] for row in rows}
    assert "12345" in {row["user"]["username"] for row in rows}


def test_times_are_parsed_and_shown() -> None:
    assert stamp(moment("2024-02-29T23:59:59.9999999Z")) == "2024-02-29T23:59:59.999Z"
    assert moment("2024-01-01T01:00:00+01:00") == moment("2024-01-01")
    assert moment("2024-01-01 00:00:00.5") == moment("2024-01-01") + SECOND // 2
    for text in ("", "2024-13-01", "2024-01-01T00:00:00 08:00", "soon"):
        with pytest.raises(ValueError, match=r".+"):
            moment(text)
