"""Of two versions of a row that one sync brings, the newest is in the table at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.support.stream_tables import stream_table
from source_gitlab.interfaces.duckdb.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINES = {"id": "integer!", "title": "text", "updated_at": "time"}
TABLES = {"issues": stream_table("issues", LINES, ["id"], cursor="updated_at")}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is to be."""
    return tmp_path / "gitlab.duckdb"


def version(minute: int | None, title: str, number: int = 1) -> dict[str, Any]:
    """A row that was updated in that minute, or has no such time."""
    moment = None if minute is None else f"2026-03-01T12:{minute:02d}:00.000Z"
    return {"id": number, "title": title, "updated_at": moment}


def written(path: Path, *batches: list[dict[str, Any]], commits: bool = False) -> dict[int, str]:
    """The titles by id that are in the file once these batches were written in one sync."""
    with Store(path, TABLES) as store:
        for batch in batches:
            store.write("issues", batch)
            if commits:
                store.commit({})
        store.commit({})
    return titles(path)


def titles(path: Path) -> dict[int, str]:
    """The titles that are in the file, by id."""
    with Store(path, TABLES) as store:
        rows = store._connection.execute("SELECT id, title FROM issues").fetchall()  # noqa: SLF001
    return dict(rows)


def orders() -> Iterator[list[list[dict[str, Any]]]]:
    """Ways in which two versions can come, the newest not always last."""
    for old, new in ((5, 6), (None, 6)):
        older, newer = version(old, "older"), version(new, "newer")
        yield [[older, newer]]
        yield [[newer, older]]
        yield [[older], [newer]]
        yield [[newer], [older]]
        yield [[newer, version(7, "other", 2)], [version(7, "other", 3), older]]
        yield [[newer], [older], [older]]


@pytest.mark.parametrize("commits", [False, True])
@pytest.mark.parametrize("is_new", [False, True])
@pytest.mark.parametrize("batches", orders())
def test_the_newest_version_stays(
    path: Path, batches: list[list[dict[str, Any]]], *, commits: bool, is_new: bool
) -> None:
    if not is_new:
        written(path, [version(1, "before", number) for number in (1, 2, 3)])
    found = written(path, *batches, commits=commits)
    others = {row["id"] for batch in batches for row in batch} - {1}
    assert found[1] == "newer"
    assert all(found[number] == "other" for number in others)


@pytest.mark.parametrize("commits", [False, True])
def test_of_equal_versions_the_last_one_stays(path: Path, *, commits: bool) -> None:
    """A second change within a minute does not move the row."""
    batches = [[version(5, "first")], [version(5, "second")]]
    assert written(path, *batches, commits=commits) == {1: "second"}


def test_what_an_earlier_sync_wrote_is_older_than_anything_that_is_read_now(path: Path) -> None:
    """A GitLab that was restored from a backup has older versions, and they are true."""
    written(path, [version(9, "lost")])
    assert written(path, [version(5, "restored")]) == {1: "restored"}
    assert written(path, [version(5, "one")], [version(6, "more", 2), version(5, "two")]) == {
        1: "two",
        2: "more",
    }
