"""A file has the views whose tables it has, and what is the user's stays the user's."""

# The only texts put into SQL here are names of columns and tables.
# ruff: noqa: S608

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from integration_tests.support.duckdb_store import path, query
from source_gitlab.interfaces.duckdb import views
from source_gitlab.interfaces.duckdb.store import Store
from source_gitlab.interfaces.duckdb_types import table_of
from source_gitlab.streams import streams
from source_gitlab.views.catalog import SCHEMA, possible
from source_gitlab.views.catalog import views as catalog

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["path"]

LISTED = f"SELECT view_name FROM duckdb_views() WHERE lower(schema_name) = '{SCHEMA}'"
COMMENTS = "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'issue_labels'"


def sync(path: Path, *names: str) -> list[str]:
    """Open the file as a sync of these streams does, and write an issue; what it warns of."""
    said: list[str] = []
    tables = {name: table_of(streams()[name]) for name in names}
    with Store(path, tables, warn=said.append) as store:
        store.write("issues", [{"id": 1, "project_id": 2, "labels": ["bug"], "state": "opened"}])
        store.commit({})
    return said


def change(path: Path, *statements: str) -> None:
    """What a user who opens the file does."""
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)


def views_of(path: Path) -> set[str]:
    """The views of the schema, in whatever case it was written."""
    return {name for (name,) in query(path, LISTED)}


def test_a_file_has_the_views_whose_tables_it_has(path: Path) -> None:
    """A view over what was never read would be an error or an empty answer."""
    assert sync(path, "issues") == []
    assert views_of(path) == {view.name for view in possible({"issues"})}
    assert query(path, f"SELECT * FROM {SCHEMA}.issue_labels") == [(1, 2, "bug")]


def test_views_come_with_the_tables_of_later_syncs(path: Path) -> None:
    """What a sync does not read stays in the file, and so do its views."""
    sync(path, "issues")
    assert sync(path, "issues", "branches") == []
    assert "stale_branches" in views_of(path)
    assert sync(path, "issues") == []
    assert "stale_branches" in views_of(path)


def test_views_and_columns_say_what_they_are(path: Path) -> None:
    """Whoever browses the file sees it, after a table was made anew too."""
    sync(path, "issues")
    expected = catalog()["issue_labels"].columns
    assert dict(query(path, COMMENTS)) == {
        name: expected[name] for name in ("issue_id", "project_id", "label")
    }
    change(path, "ALTER TABLE issues DROP COLUMN title")
    assert sync(path, "issues") == []
    assert dict(query(path, COMMENTS))["label"] == expected["label"]


def test_nothing_is_written_when_all_views_are_there(path: Path) -> None:
    """A sync that brings nothing leaves the file as it is."""
    sync(path, "issues")
    before = query(path, f"SELECT view_name, view_oid FROM ({LISTED.replace('view_name', '*', 1)})")
    sync(path, "issues")
    after = query(path, f"SELECT view_name, view_oid FROM ({LISTED.replace('view_name', '*', 1)})")
    assert before == after


@pytest.mark.parametrize(
    "theirs", ["VIEW {} AS SELECT 42 AS mine", "TABLE {} AS SELECT 42 AS mine"]
)
def test_what_the_user_has_in_the_schema_is_left_alone(path: Path, theirs: str) -> None:
    """The user's view or table keeps its place, each sync says so, and the others are made."""
    place = f"{SCHEMA.upper()}.Issue_Labels"
    change(path, f"CREATE SCHEMA {SCHEMA.upper()}", "CREATE " + theirs.format(place))
    for _ in range(2):
        told, reads_it = sync(path, "issues")
        assert f"{SCHEMA}.issue_labels is not made: the file has something" in told
        assert reads_it == (
            f"The view {SCHEMA}.lead_time_by_label is not made: it reads {SCHEMA}.issue_labels"
        )
    assert query(path, f"SELECT * FROM {SCHEMA}.issue_labels") == [(42,)]
    assert "issue_flow" in views_of(path)


def test_rows_that_are_marked_as_deleted_are_in_no_view(path: Path) -> None:
    """They stay in their table where a sync keeps them, and must not be counted."""
    tables = {"issues": table_of(streams()["issues"])}
    label = f"SELECT issue_id FROM {SCHEMA}.issue_labels"
    said: list[str] = []
    sync(path, "issues")
    with Store(path, tables, warn=said.append, deleted="keep") as store:
        store.write("issues", [{"id": 2, "project_id": 2, "labels": ["bug"]}])
        store.commit({})
    assert sorted(query(path, label)) == [(1,), (2,)]
    change(path, "UPDATE issues SET _deleted_at = now() WHERE id = 1")
    assert query(path, label) == [(2,)]
    with Store(path, tables, warn=said.append, deleted="move"):
        pass
    assert query(path, label) == [(2,)]
    assert said == []


def test_a_view_that_the_user_changed_is_the_users(path: Path) -> None:
    """What somebody made of our view is not overwritten."""
    sync(path, "issues")
    change(path, f"CREATE OR REPLACE VIEW {SCHEMA}.issue_flow AS SELECT 42 AS mine")
    (told,) = sync(path, "issues")
    assert f"{SCHEMA}.issue_flow is not made" in told
    assert query(path, f"SELECT * FROM {SCHEMA}.issue_flow") == [(42,)]


def test_a_view_that_was_dropped_comes_back(path: Path) -> None:
    """Also when the whole schema is gone."""
    sync(path, "issues")
    change(path, f"DROP VIEW {SCHEMA}.issue_flow")
    assert sync(path, "issues") == []
    assert "issue_flow" in views_of(path)
    change(path, f"DROP SCHEMA {SCHEMA} CASCADE")
    assert sync(path, "issues") == []
    assert "issue_flow" in views_of(path)


def test_a_view_that_cannot_be_made_is_told_and_the_rest_is_made(path: Path) -> None:
    """A column whose type the user changed must not end a sync."""
    sync(path, "issues")
    change(
        path,
        "ALTER TABLE issues ALTER closed_at TYPE VARCHAR",
        f"DROP SCHEMA {SCHEMA} CASCADE",
    )
    said = sync(path, "issues")
    assert any(f"{SCHEMA}.issue_lead_time is not made: " in one for one in said)
    assert query(path, f"SELECT * FROM {SCHEMA}.issue_labels") == [(1, 2, "bug")]


def test_a_view_of_ours_that_is_no_more_is_taken_away(path: Path) -> None:
    """A renamed view would stay for ever; the user's views stay."""
    sync(path, "issues")
    change(
        path,
        f"CREATE VIEW {SCHEMA}.former AS SELECT 1",
        f"COMMENT ON VIEW {SCHEMA}.former IS 'Old.{views.MARK}'",
        f"CREATE VIEW {SCHEMA}.mine AS SELECT 2",
    )
    sync(path, "issues")
    assert "former" not in views_of(path)
    assert "mine" in views_of(path)


def test_a_file_called_gitlab_needs_no_third_name(path: Path) -> None:
    """A schema with the name of the file would make every query ambiguous."""
    file = path.with_name("gitlab.duckdb")
    sync(file, "issues")
    assert query(file, f"SELECT label FROM {SCHEMA}.issue_labels") == [("bug",)]
