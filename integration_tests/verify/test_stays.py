"""What a read of the whole list does not bring, and what is not gone all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration_tests.gitlab.faults import Fault
from integration_tests.gitlab.mutations import mutate
from integration_tests.support.history_world import READER, TOP, WEB
from integration_tests.verify.test_refused import GUEST, HOUR, KEPT, OWNER, rows, synced

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.verify.files import SyncedFile


def role(file: SyncedFile, level: int, **where: int) -> None:
    """Give the token's user another role in a group or project."""
    mutate(file.emulator, "remove_member", {"user_id": READER, **where})
    mutate(file.emulator, "add_member", {"user_id": READER, "level": level, **where})


@pytest.mark.parametrize("chosen", ["group", "project"])
def test_a_full_refresh_with_a_lower_role(tmp_path: Path, chosen: str) -> None:
    """Confidential issues, which a guest's lists lack without a word, stay with their notes."""
    selection = {"groups_list": ["top"]} if chosen == "group" else {"projects_list": [str(WEB)]}
    if chosen == "project":
        selection["groups_list"] = []
    file = synced(tmp_path / "gitlab.duckdb", "issues", "issue_notes", **selection)
    hidden = {"confidential": True, "author_id": READER + 1, "assignees": []}
    mutate(
        file.emulator, "create", {"table": "issues", "project_id": WEB, "count": 2, "set": hidden}
    )
    file.later(HOUR)
    assert file.sync().complete
    before = rows(file)
    role(file, GUEST, group_id=TOP)
    file.later(HOUR)
    assert file.sync(full_refresh=True).complete
    assert rows(file) == before
    assert file.query(KEPT) == []
    role(file, OWNER, group_id=TOP)
    lost = min(file.ids("issues", f"project_id = {WEB}"))
    file.delete("issues", [lost])
    file.later(HOUR)
    assert file.sync(full_refresh=True).complete
    assert lost not in file.ids("issues")


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("issues", "/groups/[0-9]+/issues$"),
        ("merge_requests", "/groups/[0-9]+/merge_requests$"),
        ("pipelines", f"/projects/{WEB}/pipelines$"),
        ("releases", f"/projects/{WEB}/releases$"),
        ("project_members", f"/projects/{WEB}/members$"),
        ("projects", f"/groups/{TOP}/projects$"),
        ("groups", f"/groups/{TOP}/descendant_groups$"),
    ],
)
def test_an_empty_answer_that_is_not_gitlabs(tmp_path: Path, name: str, path: str) -> None:
    """GitLab sends headers with each page of these lists, so a proxy has made it."""
    file = synced(tmp_path / "gitlab.duckdb", name)
    mutate(file.emulator, "add_member", {"user_id": READER, "project_id": WEB, "level": OWNER})
    assert file.sync(full_refresh=True).complete
    before = rows(file)
    assert before[name]
    file.emulator.faults.rules.append(Fault("status", status=200, path=path, body="[]"))
    outcome = file.sync(full_refresh=True)
    assert not outcome.complete
    assert "without the headers that GitLab sends" in str(outcome.failed or outcome.selection)
    assert rows(file) == before
    assert file.query(KEPT) == []
    file.emulator.faults.rules.clear()
    assert file.sync(full_refresh=True).complete
    assert rows(file) == before
