"""What a catalog selects, whoever wrote it."""

from __future__ import annotations

from typing import Any

import pytest

from source_gitlab.interfaces.singer.catalog import (
    CatalogError,
    Choice,
    catalog,
    choices,
    default_choices,
)
from source_gitlab.interfaces.singer.schema import schema_of
from source_gitlab.streams import streams

Entry = dict[str, Any]


def entry_of(name: str) -> Entry:
    """A stream as it is discovered."""
    (found,) = [one for one in catalog()["streams"] if one["tap_stream_id"] == name]
    return dict(found)


def one_of(entry: Entry) -> Choice:
    """What a catalog of this stream alone selects."""
    (found,) = choices({"streams": [entry]})
    return found


def top(**metadata: object) -> Entry:
    """The metadata of a stream itself."""
    return {"metadata": [{"breadcrumb": [], "metadata": metadata}]}


def put(entry: Entry, *breadcrumb: str, **metadata: object) -> None:
    """Set metadata, as who edits a catalog does."""
    (found,) = [one for one in entry["metadata"] if one["breadcrumb"] == [*breadcrumb]]
    found["metadata"] |= metadata


def test_what_is_discovered_selects_what_is_read_without_it() -> None:
    """A catalog is not needed for what is read by default."""
    assert [one.stream for one in choices(catalog())] == [
        one for one in streams().values() if one.selected
    ]
    assert choices(catalog()) == default_choices()


@pytest.mark.parametrize("name", streams())
def test_schemas_are_what_targets_take(name: str) -> None:
    """One type and null; formats at the top alone; no references and no alternatives."""

    def check(schema: Entry, depth: int) -> None:
        assert not {"$ref", "anyOf", "oneOf", "allOf", "airbyte_type"} & schema.keys()
        null, kind = schema["type"]
        assert null == "null"
        assert "format" not in schema or (depth == 1 and kind == "string")
        for inner in schema.get("properties", {}).values():
            check(inner, depth + 1)
        if kind == "array":
            check(schema["items"], depth + 1)

    schema = entry_of(name)["schema"]
    for one in schema["properties"].values():
        check(one, 1)
    assert set(streams()[name].key) <= schema["properties"].keys()


def test_automatic_columns_come_whatever_is_selected() -> None:
    """Meltano writes `selected: false` on them where they are not named."""
    entry = entry_of("branches")
    for one in entry["metadata"][1:]:
        one["metadata"]["selected"] = False
    found = one_of(entry)
    assert set(found.fields) == {"project_id", "name", "read_at"}
    assert found.left_out == streams()["branches"].columns.keys() - found.fields.keys()
    assert not found.has_extra


def test_fields_of_objects_can_be_left_out() -> None:
    """One of them, all of them, or the object as a whole."""
    entry = entry_of("issues")
    put(entry, "properties", "author", "properties", "name", selected=False)
    put(entry, "properties", "milestone", selected=False)
    found = one_of(entry)
    properties = schema_of(found.fields)["properties"]
    assert "milestone" not in properties
    assert "milestone_id" in properties
    assert "name" not in properties["author"]["properties"]
    assert "username" in properties["author"]["properties"]


def test_columns_that_a_catalog_does_not_list_are_left_out() -> None:
    """A catalog that was kept from before is what its user has looked at."""
    entry = entry_of("issues")
    del entry["schema"]["properties"]["title"]
    found = one_of(entry)
    assert "title" in found.left_out


@pytest.mark.parametrize(
    ("entry", "is_selected"),
    [
        ({"selected": True}, True),
        ({"selected": False}, False),
        ({"schema": {"selected": True}}, True),
        (top(**{"selected-by-default": True}), True),
        ({"selected": True, **top(selected=False)}, False),
        (top(selected=True, inclusion="unsupported"), False),
        ({}, False),
    ],
)
def test_selection_in_the_words_of_older_programs(entry: Entry, is_selected: bool) -> None:  # noqa: FBT001
    """In the stream, in the schema, and as a default; metadata come first."""
    given = {"streams": [{"tap_stream_id": "issue_notes", **entry}, {"stream": "issues"}]}
    names = [one.stream.name for one in choices(given)]
    assert names == (["issue_notes", "issues"] if is_selected else ["issues"])


@pytest.mark.parametrize(
    ("name", "method", "is_full"),
    [
        ("issues", None, False),
        ("issues", "FULL_TABLE", True),
        ("branches", None, True),
        ("branches", "INCREMENTAL", False),
        ("projects", "INCREMENTAL", True),
    ],
)
def test_the_replication_method_is_the_catalogs(
    name: str, method: str | None, *, is_full: bool
) -> None:
    """Where the stream has it; a pattern over all streams asks for more than that."""
    entry = entry_of(name)
    if method:
        put(entry, **{"replication-method": method})
    assert one_of(entry).is_full is is_full


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "no object with a list"),
        ({"streams": [1]}, "no object with a list"),
        ({"streams": [{"stream": "issues", "metadata": [1]}]}, "metadata of issues"),
        (
            {"streams": [{"stream": "issues", "replication_method": "LOG_BASED"}]},
            "Write INCREMENTAL or FULL_TABLE",
        ),
    ],
)
def test_what_is_wrong_with_a_catalog_is_said(given: object, said: str) -> None:
    """In one sentence."""
    with pytest.raises(CatalogError, match=said):
        choices(given)


def test_switches_of_other_taps_choose_streams() -> None:
    """Where nothing is selected; what they switch off can still be selected."""
    assert "merge_request_commits" in {one.stream.name for one in default_choices()}
    switches = {"fetch_merge_request_commits": False, "fetch_group_variables": True}
    names = {one.stream.name for one in default_choices(switches)}
    assert "merge_request_commits" not in names
    assert "group_variables" in names
    assert {one["stream"] for one in catalog(switches)["streams"]} == streams().keys()
