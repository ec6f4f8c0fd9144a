"""The emulator's plain lists: entries of ``gitlab/resources``, asked over HTTP."""

from __future__ import annotations

import json
import re
from collections import ChainMap
from typing import Any
from urllib.parse import urlsplit

import pytest

from integration_tests.gitlab.clock import moment
from integration_tests.gitlab.launch import Emulator
from integration_tests.gitlab.plain.addresses import addresses
from integration_tests.gitlab.plain.resource import FOLDER, ResourceError, parse, resources

ACME, PUBLIC = 10, 20
WEB, API, NO_CI, NO_REPOSITORY = 101, 102, 105, 106
ADA = 1
REFUSALS = {401, 403, 404}


def pages_of(gitlab: Emulator, path: str, may_be: int = 404, **params: object) -> list[Any]:
    """Every row of a list, by its Link headers; the answer itself where it is no list.

    It may be refused, also with `may_be`.
    """
    rows: list[Any] = []
    query: dict[str, Any] = {"per_page": 2, **params}
    response = gitlab.get(path, query)
    while response.status_code == 200:
        answer = response.json()
        if not isinstance(answer, list):
            return [answer]
        rows += answer
        following = response.links.get("next", {}).get("url")
        if following is None:
            return rows
        parts = urlsplit(following)
        response = gitlab.get(f"{parts.path.removeprefix('/api/v4')}?{parts.query}")
    assert response.status_code in REFUSALS | {may_be}, response.text
    return []


@pytest.mark.parametrize("name", resources())
def test_a_list_holds_what_a_reader_should_end_up_with(name: str, gitlab: Emulator) -> None:
    resource = resources()[name]
    if resource.role == "admin":
        gitlab.mutate("make_admin", user_id=ADA)
    entries = gitlab.world(streams=name)[name]
    assert entries, "no owner has a row"
    assert "$" not in re.sub(r"\$$", "", json.dumps(entries[0]["row"])), "a word is left"
    if resource.graphql or resource.span:
        # Of GraphQL a query names the fields that it wants, and of a span the days.
        return
    wide: dict[str, str] = {}
    if not resource.repeated:
        wide = dict.fromkeys([*resource.ancestors, *resource.descendants], "false")
    may_be = 400 if resource.top or 400 in {*resource.none} else 404
    served = [
        one
        for path in addresses(gitlab, resource)
        for one in pages_of(gitlab, path, may_be, **wide)
    ]
    if resource.rows:
        assert served
        return
    if resource.singly:
        each = len(resource.singly)
        parts = [served[start : start + each] for start in range(0, len(served), each)]
        served = [dict(ChainMap(*some)) for some in parts]
    wanted = sorted(json.dumps(entry["row"], sort_keys=True) for entry in entries)
    shown = sorted(json.dumps(row, sort_keys=True) for row in served if row)
    # What is of groups below stands in the lists of those above as well.
    assert (sorted(set(shown)) if resource.of_groups else shown) == wanted


def test_an_entry_takes_six_lines_and_a_row() -> None:
    """Half of them at least, beside what other accounts of GitLab lack."""
    lines = sorted(
        sum(
            line.startswith("  ") and not line.startswith(("   ", "  row:", *_ACCOUNTS))
            for line in entry.splitlines()
        )
        for path in FOLDER.glob("*.yaml")
        for entry in re.split(r"\n(?=\w+:)", path.read_text(encoding="utf-8"))[1:]
    )
    assert len(lines) == len(resources())
    assert lines[len(lines) // 2] <= 6


_ACCOUNTS = ("  entity:", "  beyond:", "  unsent:")


def test_rows_are_the_same_whoever_looks_first(gitlab: Emulator) -> None:
    one = gitlab.get(f"projects/{WEB}/hooks").json()
    gitlab.reset()
    gitlab.get(f"projects/{API}/hooks")
    assert gitlab.get(f"projects/{WEB}/hooks").json() == one


def test_what_is_switched_off_is_refused(gitlab: Emulator) -> None:
    assert gitlab.get(f"projects/{NO_CI}/pipeline_schedules").status_code == 403
    assert gitlab.get(f"projects/{NO_REPOSITORY}/protected_branches").status_code == 404
    assert gitlab.get(f"projects/{NO_REPOSITORY}/merge_requests/1/notes").status_code == 403


def test_what_a_tier_lacks_is_refused(gitlab: Emulator) -> None:
    assert gitlab.get(f"groups/{ACME}/iterations").status_code == 200
    gitlab.settings(tier="free")
    assert gitlab.get(f"groups/{ACME}/iterations").status_code == 403
    assert gitlab.get(f"projects/{WEB}/push_rule").status_code == 404
    assert gitlab.world(streams="iterations") == {"iterations": []}
    gitlab.settings(tier="ultimate")


def test_a_release_without_the_list_answers_404(gitlab: Emulator) -> None:
    gitlab.settings(version="15.1.0")
    assert gitlab.get("metadata").status_code == 404
    gitlab.settings(version="15.2.0")
    assert gitlab.get("metadata").status_code == 200


def test_a_role_that_is_too_low_is_refused(gitlab: Emulator) -> None:
    gitlab.mutate("remove_member", user_id=ADA, group_id=ACME)
    gitlab.mutate("add_member", user_id=ADA, level=30, group_id=ACME)
    assert gitlab.get(f"projects/{WEB}/hooks").status_code == 403
    assert gitlab.get(f"projects/{WEB}/pipeline_schedules").status_code == 200
    assert gitlab.get(f"projects/{WEB}/hooks", token=None).status_code == 401


def test_who_is_no_owner_sees_his_own_audit_events_only(gitlab: Emulator) -> None:
    path = "groups/acme%2Fplatform/audit_events"
    every = gitlab.get(path).json()
    assert {row["author_id"] for row in every} > {ADA}
    gitlab.mutate("remove_member", user_id=ADA, group_id=ACME)
    gitlab.mutate("add_member", user_id=ADA, level=30, group_id=ACME)
    own = gitlab.get(path).json()
    assert own
    assert own == [row for row in every if row["author_id"] == ADA]


def test_days_of_events_are_left_out_themselves(gitlab: Emulator) -> None:
    rows = gitlab.get(f"projects/{WEB}/events").json()
    days = [row["created_at"][:10] for row in rows]
    assert len(set(days)) == 4
    assert days == sorted(days, reverse=True)
    second = sorted(days)[1]
    later = gitlab.get(f"projects/{WEB}/events", after=second).json()
    assert [row["created_at"][:10] for row in later] == days[:2]
    earlier = gitlab.get(f"projects/{WEB}/events", before=second).json()
    assert [row["created_at"][:10] for row in earlier] == days[3:]
    upwards = gitlab.get(f"projects/{WEB}/events", sort="asc").json()
    assert upwards == rows[::-1]
    pushed = gitlab.get(f"projects/{WEB}/events", action="pushed").json()
    assert {row["action_name"] for row in pushed} == {"pushed to"}


def test_a_world_of_any_size_has_them() -> None:
    """Without a row in memory until somebody looks."""
    with Emulator("--projects", 2_000, "--merge-requests-per-project", 1) as scaled:
        hooks = [scaled.get(f"projects/{number}/hooks").json() for number in (1_000, 2_999)]
        notes = scaled.get("projects/2999/merge_requests/1/notes").json()
    assert [len(rows) for rows in (*hooks, notes)] == [2, 2, 2]
    assert not {row["id"] for row in hooks[0]} & {row["id"] for row in hooks[1]}


def test_times_are_compared_inclusively(gitlab: Emulator) -> None:
    rows = gitlab.get(f"groups/{ACME}/audit_events").json()
    ids = [row["id"] for row in rows]
    middle = rows[1]["created_at"]
    since = gitlab.get(f"groups/{ACME}/audit_events", created_after=middle).json()
    assert [row["id"] for row in since] == ids[:2]
    # A time is shown in milliseconds, and kept in microseconds.
    until = gitlab.get(f"groups/{ACME}/audit_events", created_before=middle).json()
    assert [row["id"] for row in until] == ids[2:]
    assert moment(middle) % 1000 == 0


def test_keyset_paging_by_id(gitlab: Emulator) -> None:
    path = f"groups/{ACME}/audit_events"
    by_page = pages_of(gitlab, path)
    by_cursor = pages_of(gitlab, path, pagination="keyset", order_by="id", sort="desc")
    assert by_cursor == by_page
    assert gitlab.get(path, pagination="keyset", order_by="created_at").status_code == 405


def test_the_order_that_was_asked_for(gitlab: Emulator) -> None:
    path = f"projects/{WEB}/merge_requests/1/notes"
    downwards = gitlab.get(path).json()
    upwards = gitlab.get(path, order_by="updated_at", sort="asc").json()
    assert len(downwards) == 2
    assert upwards == downwards[::-1]
    assert gitlab.get(path, order_by="body").status_code == 400


def test_rows_of_the_groups_above(gitlab: Emulator) -> None:
    below = 11
    own = gitlab.get(f"groups/{below}/iterations", include_ancestors="false").json()
    every = gitlab.get(f"groups/{below}/iterations").json()
    assert {row["group_id"] for row in own} == {below}
    assert {row["group_id"] for row in every} == {below, ACME}
    down = {"include_ancestors": "false", "include_descendants": "true", "per_page": "100"}
    deep = gitlab.get(f"groups/{ACME}/iterations", down).json()
    assert {row["group_id"] for row in deep} == {ACME, 11, 12, 13}


def test_a_single_row_has_more_than_its_list_shows(gitlab: Emulator) -> None:
    row = gitlab.get(f"projects/{WEB}/environments").json()[0]
    single = gitlab.get(f"projects/{WEB}/environments/{row['id']}").json()
    assert single.keys() - row.keys() == {"last_deployment"}
    assert gitlab.get(f"projects/{WEB}/environments/999999").status_code == 404
    assert gitlab.get(f"projects/{API}/environments/{row['id']}").status_code == 404


def test_a_group_that_the_query_names_by_its_path(gitlab: Emulator) -> None:
    """Not by its id; each field of the object has an address, and the object itself has none."""
    path = "analytics/group_activity"
    assert gitlab.get(f"{path}/issues_count", group_path="Acme").json() == {"issues_count": 3}
    statuses = [
        gitlab.get(f"{path}/issues_count").status_code,
        gitlab.get(f"{path}/issues_count", group_path=ACME).status_code,
        gitlab.get(f"{path}/issues_count", group_path="acme", token=None).status_code,
        gitlab.get(path, group_path="acme").status_code,
    ]
    assert statuses == [400, 404, 401, 404]


def test_an_object_that_is_not_there(gitlab: Emulator) -> None:
    answer = gitlab.get(f"projects/{102}/push_rule")
    assert (answer.status_code, answer.text) == (200, "null")


def test_a_list_without_pages_comes_at_once(gitlab: Emulator) -> None:
    answer = gitlab.get(f"projects/{WEB}/wikis", per_page=1)
    assert len(answer.json()) == 2
    assert "link" not in answer.headers


def test_a_parent_that_is_not_there_is_404(gitlab: Emulator) -> None:
    assert gitlab.get(f"projects/{WEB}/merge_requests/999/notes").status_code == 404
    notes = gitlab.get(f"projects/{WEB}/merge_requests/1/notes").json()
    emoji = f"merge_requests/2/notes/{notes[0]['id']}/award_emoji"
    assert gitlab.get(f"projects/{WEB}/{emoji}").status_code == 404


def test_rows_change_like_those_of_any_table(gitlab: Emulator) -> None:
    path = f"projects/{WEB}/merge_requests/1/notes"
    parent = gitlab.get(f"projects/{WEB}/merge_requests", iids="1").json()[0]
    before = gitlab.get(path).json()
    made = gitlab.mutate("create", table="merge_request_notes", owner_id=parent["id"])
    gitlab.mutate("update", table="merge_request_notes", id=made[0], set={"body": "Changed"})
    gitlab.mutate("delete", table="merge_request_notes", id=before[0]["id"])
    after = gitlab.get(path, sort="asc", order_by="created_at").json()
    assert [row["id"] for row in after] == [before[1]["id"], made[0]]
    assert after[-1]["body"] == "Changed"
    moved = gitlab.get(f"projects/{WEB}/merge_requests", iids="1").json()[0]
    assert moved["updated_at"] > parent["updated_at"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"row": {}}, "lists: path is None, allowed: one is needed"),
        ({"path": "/hooks"}, "lists: row is None, allowed: one is needed"),
        ({"path": "hooks", "row": {}}, "path is 'hooks', allowed: a path below /api/v4"),
        ({"path": "/a/:a_id/b", "row": {}}, "below is '', allowed: the table of what"),
        ({"path": "/hooks", "row": {}, "rolle": "owner"}, "attribute is 'rolle', allowed: "),
        ({"graphql": "User.todos", "row": {}}, "allowed: fields of Project, Group or Query"),
        ({"path": "/hooks", "row": {}, "role": "boss"}, "role is 'boss', allowed: guest, planner"),
        ({"path": "/hooks", "row": {}, "tier": "gold"}, "tier is 'gold', allowed: free, premium"),
        ({"path": "/hooks", "row": {}, "each": 10}, "each is 10, allowed: 0 to 9"),
        ({"path": "/hooks", "row": {}, "singly": ["url"]}, "object is False, allowed: true"),
    ],
)
def test_a_wrong_entry_is_refused(entry: dict[str, Any], message: str) -> None:
    with pytest.raises(ResourceError, match=re.escape(message)):
        parse("lists", entry)
