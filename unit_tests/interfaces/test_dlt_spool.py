"""Rows on their way to a destination of dlt: the newest of each key, and what is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from source_gitlab.core.slices import Owner
from source_gitlab.interfaces.dlt.columns import DELETED
from source_gitlab.interfaces.dlt.spool import Spool
from source_gitlab.interfaces.duckdb_types import table_of
from source_gitlab.interfaces.sync_changes import Gone
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EARLY, LATE = "2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"
NAMES = ("issues", "merge_request_notes")


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """A spool of two streams, in which nothing is odd."""
    made = Spool(tmp_path, [table_of(streams()[name]) for name in NAMES], pytest.fail)
    yield made
    made.close()


def issue(number: int, title: str, updated: str | None, **more: Any) -> dict[str, Any]:
    """A row of issues."""
    return {"id": number, "project_id": 1, "title": title, "updated_at": updated, **more}


def given(spool: Spool, stream: str, column: str) -> list[Any]:
    """What dlt is given of a column; keys that are gone stand as such."""
    spool.settle(stream)
    rows = [row for batch in spool.batches(stream) for row in batch.to_pylist()]
    return [("gone", row["id"]) if row[DELETED] else row[column] for row in rows]


@pytest.mark.parametrize("is_taken", [False, True], ids=["one package", "two packages"])
@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        (EARLY, LATE, True),
        (EARLY, EARLY, True),
        (LATE, EARLY, False),
        (LATE, None, False),
        (None, EARLY, True),
        (None, None, True),
    ],
)
def test_the_newest_of_a_key_is_given(
    spool: Spool,
    first: str | None,
    second: str | None,
    kept: bool,  # noqa: FBT001 -- a parameter of the test
    is_taken: bool,  # noqa: FBT001 -- the same
) -> None:
    """By cursor, and of equal ones the last; also when the other one has been given before."""
    spool.add("issues", [issue(1, "first", first)])
    if is_taken:
        assert given(spool, "issues", "title") == ["first"]
        assert spool.taken("issues") == 1
    spool.add("issues", [issue(1, "second", second)])
    left = [] if is_taken else ["first"]
    assert given(spool, "issues", "title") == (["second"] if kept else left)


def test_values_arrive_as_they_are(spool: Spool) -> None:
    """An empty text is none that is missing, and objects are JSON."""
    spool.add("issues", [issue(1, "", EARLY, labels=["a", {"b": None}], weight=None)])
    spool.settle("issues")
    (batch,) = spool.batches("issues")
    (row,) = batch.to_pylist()
    assert (row["title"], row["weight"], row["labels"]) == ("", None, '["a",{"b":null}]')


def test_what_did_not_come_is_gone_where_it_was_read(spool: Spool) -> None:
    """What came in this read, in whatever package, stays."""
    spool.add("issues", [issue(1, "a", EARLY)])
    spool.settle("issues")
    spool.taken("issues")
    spool.add("issues", [issue(2, "b", EARLY)])
    held = pa.table({"id": [1, 2, 3, 4], "project_id": [1, 1, 1, 7]})
    condition = Gone("project_id", [7], all_but=True)
    assert spool.compare("issues", [held], condition) == 1
    assert given(spool, "issues", "title") == ["b", ("gone", 3)]


def test_rows_that_their_owner_has_no_more_are_gone(spool: Spool) -> None:
    """Of an owner that is read twice the last reading counts; those of others stay."""
    stream = "merge_request_notes"
    mine, other = (Owner(("noteable_id",), (number,)) for number in (5, 6))
    notes = [{"id": number, "noteable_id": 5, "project_id": 1} for number in (1, 2, 3)]
    spool.add(stream, notes)
    spool.note(stream, mine, notes)
    spool.note(stream, mine, notes[:1])
    spool.note(stream, other, [])
    spool.settle(stream)
    held = pa.table({"id": [1, 3, 4, 8, 9], "noteable_id": [5, 5, 5, 6, 7]})
    assert spool.owners(stream) == [mine, other]
    assert spool.compare_owned(stream, [held]) == 3
    assert sorted(map(str, given(spool, stream, "id"))) == sorted(
        map(str, [1, ("gone", 2), ("gone", 3), ("gone", 4), ("gone", 8)])
    )
    assert spool.owners(stream) == []
