"""What becomes of rows that leave a table: kept with when they were missed, or marked in it."""

# The only texts put into SQL here are names of columns and tables.
# ruff: noqa: S608

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import orjson
import pytest

from integration_tests.support.stream_tables import stream_table
from source_gitlab.core.slices import Owner
from source_gitlab.interfaces.duckdb import layout
from source_gitlab.interfaces.duckdb.store import Store, StoreError
from source_gitlab.interfaces.sync_changes import NOTHING, Changes, Gone

if TYPE_CHECKING:
    from pathlib import Path

    from source_gitlab.tables.table import StreamTable

WHOLE = Gone("project_id", frozenset(), all_but=True)
AT = "2026-01-31T10:00:00.000Z"


def tables(kind: str = "text", *key: str) -> dict[str, StreamTable]:
    """Issues, what stands below them, and what stands below that."""
    issues = {"id": "integer!", "project_id": "integer", "iid": "integer", "title": kind}
    mine = {"id": "integer!", "project_id": "integer", "issue_iid": "integer", "body": "text"}
    links = {"source_issue_id": "integer!", "issue_link_id": "integer!", "labels": "text[]"}
    return {
        "issues": stream_table("issues", issues, key or ["id"]),
        "issue_notes": stream_table("issue_notes", mine, ["id"]),
        "issue_closed_by": stream_table("issue_closed_by", links, ["issue_link_id"]),
    }


def issue(number: int, title: str = "") -> dict[str, Any]:
    """An issue of project 10."""
    return {"id": number, "project_id": 10, "iid": number, "title": title or str(number)}


def note(number: int, of: int) -> dict[str, Any]:
    """A note of that issue."""
    return {"id": number, "project_id": 10, "issue_iid": of, "body": "text"}


@pytest.fixture(params=["move", "keep"])
def deleted(request: pytest.FixtureRequest) -> str:
    """What was chosen for deleted rows."""
    return str(request.param)


@pytest.fixture
def path(tmp_path: Path, deleted: str) -> Path:
    """A file with two issues, that have a note each."""
    path = tmp_path / "gitlab.duckdb"
    with Store(path, tables(), deleted=deleted) as store:
        store.write("issues", [issue(1), issue(2)])
        store.write("issue_notes", [note(11, 1), note(12, 2)])
        store.commit({"issues": {"read": 1}})
    return path


def gone(path: Path, deleted: str, stream: str) -> dict[int, str]:
    """The ids of the rows of a stream that are gone, with when they were missed."""
    asked = (
        f"SELECT CAST(key->>'id' AS INTEGER), missed_at FROM {layout.DELETED} WHERE stream = ?"
        if deleted == "move"
        else f"SELECT id, _deleted_at FROM {stream} WHERE _deleted_at IS NOT NULL AND '' <> ?"
    )
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute(
            f"SELECT a, strftime(b, '%Y-%m-%d') FROM ({asked}) x(a, b)", [stream]
        )
        rows = found.fetchall()
    assert len({number for number, _ in rows}) == len(rows)
    return dict(rows)


def here(path: Path, deleted: str, stream: str) -> list[int]:
    """The ids of the rows of a stream that GitLab has, as far as the file knows."""
    where = "" if deleted == "move" else "WHERE _deleted_at IS NULL"
    with duckdb.connect(str(path), read_only=True) as connection:
        found = connection.execute(f"SELECT id FROM {stream} {where} ORDER BY 1").fetchall()
    return [number for (number,) in found]


def read_again(
    path: Path, rows: list[dict[str, Any]], left: Gone | None = WHOLE, **more: Any
) -> Any:
    """A complete read of the issues, in a run of its own."""
    with Store(path, more.pop("tables", tables()), warn=lambda _: None, **more) as store:
        store.deletions.at = AT
        store.begin_replace("issues")
        store.write("issues", rows)
        changes = store.finish_replace("issues", {"read": 2}, left)
        below = dict(store.deletions.below)
        store.commit({})
    return changes, below


def test_a_row_that_a_complete_read_lacks_is_kept(path: Path, deleted: str) -> None:
    """With when it was missed and all of its columns, and what stands below it goes with it."""
    changes, below = read_again(path, [issue(1)])
    assert changes == Changes(0, 0, 1)
    assert below == {"issue_notes": 1}
    assert gone(path, deleted, "issues") == {2: "2026-01-31"}
    assert gone(path, deleted, "issue_notes") == {12: "2026-01-31"}
    assert here(path, deleted, "issues") == [1]
    assert here(path, deleted, "issue_notes") == [11]
    if deleted == "move":
        with duckdb.connect(str(path), read_only=True) as connection:
            (row,) = connection.execute(
                f"SELECT row FROM {layout.DELETED} WHERE stream = 'issues'"
            ).fetchall()
        assert orjson.loads(row[0]) == {**issue(2), "_extra": None}


def test_a_second_read_that_lacks_it_changes_nothing(path: Path, deleted: str) -> None:
    """Also not when it was missed."""
    read_again(path, [issue(1)])
    with Store(path, tables()) as store:
        store.begin_replace("issues")
        store.write("issues", [issue(1)])
        assert not store.finish_replace("issues", {"read": 3}, WHOLE)
    assert gone(path, deleted, "issues") == {2: "2026-01-31"}


@pytest.mark.parametrize("title", ["2", "other"])
@pytest.mark.parametrize("how", ["replace", "write"])
def test_a_row_that_comes_back_is_no_longer_gone(
    path: Path, deleted: str, title: str, how: str
) -> None:
    """Whether or not it is as it was."""
    read_again(path, [issue(1)])
    if how == "replace":
        changes, _ = read_again(path, [issue(1), issue(2, title)])
        assert (changes.new, changes.changed) == ((1, 0) if deleted == "move" else (0, 1))
    else:
        with Store(path, tables()) as store:
            store.write("issues", [issue(2, title)])
            store.commit({})
            assert store.changes("issues").changed == (0 if deleted == "move" else 1)
    assert gone(path, deleted, "issues") == {}
    assert here(path, deleted, "issues") == [1, 2]
    with Store(path, tables()) as store:
        store.write("issue_notes", [note(12, 2)])
        store.commit({})
    assert gone(path, deleted, "issue_notes") == {}


def test_a_refusal_takes_nothing(path: Path, deleted: str) -> None:
    """Neither a row nor what stands below it."""
    for left in (NOTHING, Gone("project_id", {10}, all_but=True)):
        changes, below = read_again(path, [issue(1)], left)
        assert changes.removed == 0
        assert below == {}
    assert here(path, deleted, "issues") == [1, 2]
    assert here(path, deleted, "issue_notes") == [11, 12]
    assert gone(path, deleted, "issues") == {}


def test_children_that_their_parent_lost_are_kept(path: Path, deleted: str) -> None:
    """The list of the parent was read as a whole."""
    with Store(path, tables()) as store:
        store.deletions.at = AT
        owner = Owner(("project_id", "issue_iid"), (10, 2))
        store.write("issue_notes", [note(13, 2)], owner)
        store.commit({})
        assert store.owned.removed("issue_notes") == 1
    assert here(path, deleted, "issue_notes") == [11, 13]
    assert gone(path, deleted, "issue_notes") == {12: "2026-01-31"}


@pytest.mark.parametrize("key", [("id",), ("project_id", "id")])
def test_a_table_that_is_made_anew_keeps_them_too(
    path: Path, deleted: str, key: tuple[str, ...]
) -> None:
    """For another type or another key: those that are gone now, and those that were before."""
    with Store(path, tables()) as store:
        store.write("issues", [issue(3), issue(4)])
        store.commit({})
    read_again(path, [issue(1), issue(3), issue(4)])
    new = {**tables(), "issues": tables("text[]", *key)["issues"]}
    changes, _ = read_again(path, [issue(1), issue(4)], tables=new)
    # All rows of another key are other rows, unless they stay where they are.
    assert changes.removed == (1 if deleted == "keep" or key == ("id",) else 3)
    assert gone(path, deleted, "issues") == dict.fromkeys([2, 3], "2026-01-31")
    assert here(path, deleted, "issues") == [1, 4]
    read_again(path, [issue(number) for number in (1, 2, 3, 4)], tables=new)
    assert gone(path, deleted, "issues") == {}
    assert here(path, deleted, "issues") == [1, 2, 3, 4]


def test_what_was_kept_moves_when_that_is_chosen(path: Path, deleted: str) -> None:
    """And what was moved stays where it is; without a choice, the last one counts."""
    read_again(path, [issue(1)])
    other = "keep" if deleted == "move" else "move"
    with Store(path, tables(), deleted=other):
        pass
    for stream, number in (("issues", 2), ("issue_notes", 12)):
        assert gone(path, "move", stream) == {number: "2026-01-31"}
    read_again(path, [])
    assert gone(path, other, "issues").keys() == ({1} if other == "keep" else {1, 2})


def test_a_column_of_the_users_is_not_taken_for_ours(path: Path, deleted: str) -> None:
    """`--deleted keep` would write into it."""
    with duckdb.connect(str(path)) as connection:
        if deleted == "keep":
            connection.execute("ALTER TABLE issues DROP COLUMN _deleted_at")
        connection.execute("ALTER TABLE issues ADD COLUMN _deleted_at VARCHAR")
        connection.execute("UPDATE issues SET _deleted_at = 'mine'")
    with pytest.raises(StoreError, match="has a column _deleted_at"):
        Store(path, tables(), deleted="keep")
    with Store(path, tables(), deleted="move") as store:
        store.write("issues", [issue(1, "other")])
        store.commit({})
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute("SELECT DISTINCT _deleted_at FROM issues").fetchall() == [
            ("mine",)
        ]
