"""A sync of each day counts a part of the file, so that deletions show within a week."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integration_tests.gitlab.faults import Fault
from integration_tests.gitlab.mutations import mutate
from integration_tests.support.history_world import API, TOP, WEB
from integration_tests.verify.files import DAY, SyncedFile
from integration_tests.verify.test_refused import KEPT, synced

if TYPE_CHECKING:
    from pathlib import Path

STREAMS = ("issues", "merge_requests", "pipelines", "epics")


def counted(file: SyncedFile, days: int = 1) -> list[str]:
    """Sync so many days later; the paths of the requests that counted."""
    asked: list[str] = []
    file.wire.before = lambda path, query: (
        asked.append(path) if "/projects/" in path and "created_before" in query else None
    )
    file.later(days * DAY)
    assert file.sync().complete
    file.wire.before = lambda _path, _query: None
    return asked


def test_a_deletion_shows_within_a_week(tmp_path: Path) -> None:
    """Of issues, merge requests, pipelines and epics, and nothing else leaves."""
    file = synced(tmp_path / "gitlab.duckdb", *STREAMS)
    gone = {name: min(file.ids(name)) for name in STREAMS}
    left = {name: file.ids(name) - {number} for name, number in gone.items()}
    for name, number in gone.items():
        file.delete(name, [number])
    removed = dict.fromkeys(STREAMS, 0)
    for _ in range(7):
        file.later(DAY)
        outcome = file.sync()
        assert outcome.complete
        for name in STREAMS:
            removed[name] += outcome.tallies[name].removed
    assert removed == dict.fromkeys(STREAMS, 1)
    assert {name: file.ids(name) for name in STREAMS} == left
    assert {stream for stream, _ in file.query(KEPT)} == set(STREAMS)


def test_each_list_is_counted_once_in_six_days(tmp_path: Path) -> None:
    """Some on each day, and by the first sync of a day only."""
    file = synced(tmp_path / "gitlab.duckdb", "issues")
    first = [counted(file) for _ in range(6)]
    lists = [path for asked in first for path in asked if path.endswith(f"/{WEB}/issues")]
    others = [path for asked in first for path in asked if path.endswith(f"/{API}/issues")]
    # Beside it stands the question whether this GitLab knows the filters.
    assert 1 <= len(lists) <= 3
    assert 1 <= len(others) <= 3
    assert [asked for asked in first if not asked]
    file.later(3_600)
    assert file.sync().complete
    assert counted(file, 0) == []


def test_a_first_sync_and_a_full_refresh_count_nothing(tmp_path: Path) -> None:
    """All of it was read just then."""
    file = synced(tmp_path / "gitlab.duckdb", "issues")
    file.later(30 * DAY)
    asked: list[str] = []
    file.wire.before = lambda _path, query: (
        asked.append(query) if "created_before" in query and "per_page=100" in query else None
    )
    assert file.sync(full_refresh=True).complete
    assert asked == []


def test_a_list_that_fails_is_counted_by_the_next_sync(tmp_path: Path) -> None:
    """And the sync is complete all the same: it has read what changed."""
    file = synced(tmp_path / "gitlab.duckdb", "issues")
    gone = min(file.ids("issues", f"project_id = {WEB}"))
    file.delete("issues", [gone])
    fault = Fault("status", status=500, path=f"/projects/{WEB}/issues")
    file.emulator.faults.rules.append(fault)
    file.later(6 * DAY)
    assert file.sync().complete
    assert gone in file.ids("issues")
    file.emulator.faults.rules.clear()
    file.later(DAY)
    assert file.sync().complete
    assert gone not in file.ids("issues")


def test_a_refusal_takes_nothing(tmp_path: Path) -> None:
    """However long it lasts."""
    file = synced(tmp_path / "gitlab.duckdb", *STREAMS)
    before = {name: file.ids(name) for name in STREAMS}
    mutate(file.emulator, "set_feature", {"row_id": WEB, "feature": "issues", "level": "disabled"})
    rules = file.emulator.faults.rules
    rules.append(Fault("status", status=403, path=f"/projects/{WEB}/(merge_requests|pipelines)"))
    rules.append(Fault("status", status=404, path=f"/groups/{TOP}/epics"))
    for _ in range(7):
        file.later(DAY)
        file.sync()
    assert {name: file.ids(name) for name in STREAMS} == before
    assert file.query(KEPT) == []
