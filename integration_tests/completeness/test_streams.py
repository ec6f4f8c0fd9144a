"""A stream is tested because it is declared."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pendulum
import pytest
from airbyte_cdk.models import AirbyteStreamStatus
from jsonschema import Draft7Validator

from integration_tests.gitlab.default_world import READER
from integration_tests.support.reading import (
    Destination,
    config_for,
    differences,
    expected,
    read,
)
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from integration_tests.gitlab.launch import Emulator
    from integration_tests.support.reading import Reading
    from source_gitlab.streams import Schema

ADAS_DOTFILES = 110
SECRET = "emulated-secret"
# The default token's user owns no group.
FOR_ADMINISTRATORS = [
    name for name, stream in streams().items() if stream.role in {"owner", "admin"}
]


class First(NamedTuple):
    """The first read of some streams, and where it was made."""

    reading: Reading
    gitlab: Emulator

    def again(self, name: str) -> Reading:
        """One stream from its state."""
        config = config_for(self.gitlab, commit_refs="all")
        return read(config, [name], [self.reading.states[name]])


@pytest.fixture(scope="module")
def read_by_member(gitlab: Emulator) -> First:
    """One read of every stream in everything that the token sees."""
    names = [name for name in streams() if name not in FOR_ADMINISTRATORS]
    return First(read(config_for(gitlab, commit_refs="all"), names), gitlab)


@pytest.fixture(scope="module")
def read_by_administrator(own_gitlab: Emulator) -> First:
    """One read of the streams that are for owners and administrators."""
    own_gitlab.mutate("make_admin", user_id=READER)
    return First(read(config_for(own_gitlab), FOR_ADMINISTRATORS), own_gitlab)


@pytest.fixture
def first(name: str, read_by_member: First, request: pytest.FixtureRequest) -> First:
    """The read that the stream is in."""
    if name not in FOR_ADMINISTRATORS:
        return read_by_member
    found: First = request.getfixturevalue("read_by_administrator")
    return found


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
def test_stream(name: str, first: First) -> None:
    """It brings exactly the rows that there are, each as its schema says."""
    stream, rows = streams()[name], first.reading.rows[name]
    assert rows
    assert first.reading.statuses[name] is AirbyteStreamStatus.COMPLETE
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
    destination.write(first.reading)
    assert not differences(destination.tables[name], expected(first.gitlab, name)[name])


@pytest.mark.parametrize("name", [name for name, stream in streams().items() if stream.incremental])
def test_an_idle_second_read_brings_nothing(name: str, first: First) -> None:
    """Nothing changed, so nothing is sent again.

    But for the labels of a project outside all groups: no list that costs less than its own tells
    that they are the same. A list of which the token is shown a part only is read again, and so
    are figures of the last days.
    """
    again = first.again(name)
    is_partial = streams()[name].less_below and name not in FOR_ADMINISTRATORS
    if is_partial or streams()[name].span:
        known = [row[column] for row in first.reading.rows[name] for column in streams()[name].key]
        assert {row[one] for row in again.rows[name] for one in streams()[name].key} <= {*known}
        return
    outside = {ADAS_DOTFILES} if name == "project_labels" else set()
    assert {row["project_id"] for row in again.rows[name]} == outside
    assert again.statuses[name] is AirbyteStreamStatus.COMPLETE


def test_added_columns_keep_the_type_of_their_value(read_by_member: First) -> None:
    """A name that looks like a number stays a text."""
    first = read_by_member.reading
    names = {row["environment_name"] for row in first.rows["deployments"]}
    assert {"1.10", "1e5"} <= names
    users = {row["user_username"] for row in first.rows["deployments"]}
    assert all(isinstance(user, str) for user in users)
