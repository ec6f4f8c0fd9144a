"""A stream is tested because it is declared."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pendulum
import pytest
from airbyte_cdk.models import AirbyteStreamStatus
from jsonschema import Draft7Validator

from integration_tests.support.reading import (
    Destination,
    config_for,
    differences,
    expected,
    missing,
    read,
)
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from integration_tests.gitlab.launch import Emulator
    from integration_tests.support.reading import Reading
    from source_gitlab.streams import Schema

ADAS_DOTFILES = 110
SECRET = "emulated-secret"


@pytest.fixture(scope="module")
def first(gitlab: Emulator) -> Reading:
    """One read of every stream in everything that the token sees."""
    return read(config_for(gitlab, commit_refs="all"))


def unknown_fields(schema: Schema, value: Any, path: str = "") -> list[str]:
    """Fields of a value that its schema does not describe, at any depth."""
    if isinstance(value, list):
        return [u for item in value for u in unknown_fields(schema.get("items", {}), item, path)]
    if not isinstance(value, dict) or "properties" not in schema:
        return []
    found = [f"{path}{name}" for name in value if name not in schema["properties"]]
    for name, inner in schema["properties"].items():
        found += unknown_fields(inner, value.get(name), f"{path}{name}.")
    return found


@pytest.mark.parametrize("name", streams())
def test_stream(name: str, first: Reading, gitlab: Emulator) -> None:
    """It brings exactly the rows that there are, each as its schema says."""
    stream, rows = streams()[name], first.rows[name]
    assert rows
    assert first.statuses[name] is AirbyteStreamStatus.COMPLETE
    for row in rows:
        assert None not in [row[column] for column in stream.key]
        if stream.cursor and row[stream.cursor] is not None:
            assert pendulum.parse(row[stream.cursor])
        assert not unknown_fields(stream.schema, row)
        assert not [error.message for error in Draft7Validator(stream.schema).iter_errors(row)]
        assert not set(stream.drop) & set(row)
        assert SECRET not in json.dumps(row)
    keys = [tuple(row[column] for column in stream.key) for row in rows]
    assert len(set(keys)) == len(keys), "a row came twice"
    destination = Destination()
    destination.write(first)
    assert not differences(destination.tables[name], expected(gitlab)[name])


@pytest.mark.parametrize("name", [name for name, stream in streams().items() if stream.incremental])
def test_an_idle_second_read_brings_nothing(name: str, first: Reading, gitlab: Emulator) -> None:
    """Nothing changed, so nothing is sent again.

    But for the labels of a project outside all groups: no list that costs less than its own tells
    that they are the same. A list of which the token is shown a part only is read again.
    """
    again = read(config_for(gitlab, commit_refs="all"), [name], [first.states[name]])
    if streams()[name].less_below:
        assert not missing(gitlab, again, name)
        return
    outside = {ADAS_DOTFILES} if name == "project_labels" else set()
    assert {row["project_id"] for row in again.rows[name]} == outside
    assert again.statuses[name] is AirbyteStreamStatus.COMPLETE


def test_added_columns_keep_the_type_of_their_value(first: Reading) -> None:
    """A name that looks like a number stays a text."""
    names = {row["environment_name"] for row in first.rows["deployments"]}
    assert {"1.10", "1e5"} <= names
    users = {row["user_username"] for row in first.rows["deployments"]}
    assert all(isinstance(user, str) for user in users)
