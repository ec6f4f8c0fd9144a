"""Rows that stay text hold what the same rows hold when they are decoded."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_gitlab.core.raw_columns import raw_columns
from source_gitlab.core.transform import RowTransformer
from source_gitlab.gitlab.decoding import TooManyValuesError, decoded
from source_gitlab.gitlab.raw_rows import RawColumns, RawRow, text_of_row
from source_gitlab.streams import streams

COLUMNS = RawColumns(
    ["id", "updated_at", "author_id", "user_ids", "project_id"],
    {"author": ["id"]},
    {"users": ["id"]},
    ["id"],
)
NAMES = ["id", "updated_at", "author", "author_id", "users", "title", 'a"\\b', "é", "\U0001f600"]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.sampled_from([r"\u0000", "{[", "\u2028", "\x7f", "2026-03-01T12:00:00.000Z", 'q"', "\n"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "name", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
ROWS = st.lists(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6), max_size=4)
ODD = [
    b"",
    b"null",
    b"{}",
    b"[]",
    b"[{}]",
    b'{"message":"404"}',
    b"[1]",
    b'[{"id":1},2]',
    b'[{"id":1},null]',
    b'[{"id":1}',
    b'[{"id":1}]x',
    b'\xef\xbb\xbf[{"id":1}]',
    b'[ { } , {"id" : 1 }\t]',
    b'[{"id":1},\n{"id":2}]',
    b'[{"id":1},\r{"id":2}]',
    b'[{"id":1\n}]\n',
    b'[{"id":1,"title":"caf\xe9"}]',
    b'[{"id":1,"caf\xe9":2}]',
    b'[{"id":1,"title":"\xed\xa0\x80"}]',
    rb'[{"id":1,"title":"\ud83d"}]',
    rb'[{"id":1,"title":"\ud83d\ude00"}]',
    rb'[{"\u0069d":1,"author":{"\u0069d":5}}]',
    b'[{"id":1,"title":"a\x01"}]',
    b'[{"id":1,"title":NaN}]',
    b'[{"id":NaN}]',
    b'[{"id":1e400}]',
    b'[{"id":01}]',
    b'[{"id":1e2,"title":1E2}]',
    b'[{"id":123456789012345678901234567890}]',
    b'[{"id":18446744073709551615},{"id":-9223372036854775808}]',
    b'[{"id":18446744073709551616}]',
    b'[{"id":1,"id":2,"title":3,"title":4}]',
    b'[{"id":1,"author":{"id":1},"author":{"id":2,"id":3}}]',
    b'[{"id":1,"author":"ann"}]',
    b'[{"id":1,"author":[{"id":1}]}]',
    b'[{"id":1,"users":{"id":1}}]',
    b'[{"id":1,"users":[1,{"id":2}]}]',
    b'[{"id":1,"users":[{"name":"x"}]}]',
    b'[{"id":1,"author_id":7,"author":{"id":5}}]',
    b'[{"id":1,"author_id":null,"author_id":8}]',
    b'[{"id":true},{"id":"x"},{"id":null}]',
]
ODD += [b'[{"id":1,"x":' + b"[" * n + b"]" * n + b"}]" for n in (100, 247, 248, 249, 600, 1100)]
ODD += [b'[{"id":1,"x":' + b'{"y":' * n + b"1" + b"}" * n + b"}]" for n in (247, 248, 249, 1100)]
ODD += [b'[{"id":1,"x":"' + b"[" * 5000 + b'"}]']


def outcome(body: bytes, columns: RawColumns | None) -> Any:
    """What a body holds by value, and whether it was mended; or what was wrong with it."""
    try:
        data, mended = decoded(body, columns=columns)
    except (orjson.JSONDecodeError, TooManyValuesError) as error:
        return type(error)
    if isinstance(data, list):
        for row in data:
            assert not isinstance(row, RawRow) or (columns and b"\n" not in row.text())
        data = [orjson.loads(text_of_row(row)) for row in data]
    return data, mended


def shaped(body: bytes, columns: RawColumns | None) -> list[dict[str, Any]]:
    """The rows of a body, changed in all the ways that a read changes rows."""
    data, _ = decoded(body, columns=columns)
    for row in data:
        is_raw = isinstance(row, RawRow)
        assert is_raw == (columns is not None)
        author = row.parts().get("author") if is_raw else row.get("author")
        added = {"author_id": author.get("id") if isinstance(author, dict) else None}
        if is_raw:
            row.add(added | {"project_id": 3})
        else:
            row.update(added | {"project_id": 3})
        names = orjson.loads(text_of_row(row)).keys()
        assert json.loads(text_of_row(row), object_pairs_hook=len) == len(names), "a name twice"
    return [orjson.loads(text_of_row(row)) for row in data]


@pytest.mark.parametrize("body", ODD)
def test_an_odd_page_is_the_same_both_ways(body: bytes) -> None:
    """Its rows, what was mended in it, or the kind of error that it is."""
    assert outcome(body, COLUMNS) == outcome(body, None)


@given(
    ROWS,
    st.sampled_from([None, 1]),
    st.sampled_from(["", "escaped"]),
    st.sampled_from([(",", ":"), (" , ", " :")]),
)
def test_any_page_is_the_same_both_ways(
    rows: list[dict[str, Any]], indent: int | None, escaped: str, separators: tuple[str, str]
) -> None:
    """However it is written: with escapes, in several lines, with spaces."""
    text = json.dumps(rows, indent=indent, ensure_ascii=bool(escaped), separators=separators)
    body = text.encode()
    assert outcome(body, COLUMNS) == outcome(body, None) == (rows, False)


@given(ROWS, st.data())
def test_any_damaged_page_is_the_same_both_ways(
    rows: list[dict[str, Any]], data: st.DataObject
) -> None:
    """A byte lost, doubled or changed somewhere."""
    body = orjson.dumps(rows)
    at = data.draw(st.integers(0, len(body) - 1))
    other = data.draw(
        st.binary(max_size=2) | st.sampled_from([b"\n", b'"', b"{", b"}", b"]", b","])
    )
    body = body[:at] + other + body[at + 1 :]
    assert outcome(body, COLUMNS) == outcome(body, None)


@given(ROWS.filter(len))
def test_columns_are_added_alike(rows: list[dict[str, Any]]) -> None:
    """Also in place of those that a row has already."""
    body = orjson.dumps(rows)
    if isinstance(decoded(body, columns=COLUMNS)[0][0], RawRow):
        assert shaped(body, COLUMNS) == shaped(body, None)


@given(ROWS.filter(len), st.sampled_from([*NAMES, "new"]), VALUES)
def test_a_raw_row_behaves_like_its_dictionary(
    rows: list[dict[str, Any]], name: str, value: Any
) -> None:
    """Whatever is asked of it, and whatever is changed in it."""
    for row, whole in zip(decoded(orjson.dumps(rows), columns=COLUMNS)[0], rows, strict=True):
        assert list(row.items()) == list(whole.items())
        assert (len(row), bool(row)) == (len(whole), bool(whole))
        assert (row.get(name), name in row) == (whole.get(name), name in whole)
        before, text = row.copy(), text_of_row(row)
        row[name] = whole[name] = value
        assert row[name] == value
        assert dict(row) == orjson.loads(text_of_row(row)) == whole
        if isinstance(row, RawRow) and name in {"author", "users"}:
            assert row.parts()[name] == value
        again = row.copy()
        assert row.pop("id", "none") == whole.pop("id", "none")
        assert dict(row) == orjson.loads(text_of_row(row)) == whole
        assert text_of_row(before) == text
        assert again[name] == value
        row.clear()
        assert (dict(row), text_of_row(row)) == ({}, b"{}")


def test_a_page_of_usual_rows_stays_text() -> None:
    """What is compared above would else be compared with itself."""
    body = b'[{"id":1,"title":"x","author":{"id":5,"name":"n"},"users":[]},{"id":2,"author":null}]'
    first, second = decoded(body, columns=COLUMNS)[0]
    assert isinstance(first, RawRow)
    first.add({"author_id": first.parts()["author"]["id"]})
    assert first["author"] == {"id": 5, "name": "n"}
    assert first.text() == body[1 : body.index(b"},{", 40)] + b',"author_id":5}'
    assert second.text() == b'{"id":2,"author":null}'


@pytest.mark.parametrize("number", [b"1e400", b"-1e400", b"9" * 400, b"1" * 30])
def test_numbers_that_no_destination_can_hold_pass_as_they_are(number: bytes) -> None:
    """A decoder refuses them, or rounds them."""
    (row,) = decoded(b'[{"id":1,"weight":' + number + b"}]", columns=COLUMNS)[0]
    row["author_id"] = 5
    assert row.text() == b'{"id":1,"weight":' + number + b',"author_id":5}'
    assert row["weight"]


@pytest.mark.parametrize("number", [b"1" * 30, b"18446744073709551616", b"-9223372036854775809"])
def test_a_key_beyond_64_bits_is_no_key(number: bytes) -> None:
    """It is a float where a row is decoded, and no two of them could be told apart for sure."""
    (row,) = decoded(b'[{"id":' + number + b"}]", columns=COLUMNS)[0]
    assert type(row["id"]) is float


def test_an_added_number_may_be_as_large() -> None:
    """It stands in an object of the row, from which it was taken."""
    (row,) = decoded(b'[{"id":1,"author":{"id":' + b"1" * 30 + b"}}]", columns=COLUMNS)[0]
    row.add({"author_id": row.parts()["author"]["id"]})
    assert row.text().endswith(b',"author_id":' + b"1" * 30 + b"}")


@pytest.mark.parametrize("name", [one for one in streams() if raw_columns(one, one) is not None])
def test_a_stream_gives_its_columns_to_both_alike(name: str) -> None:
    """To rows with and without the objects that the columns come from, and the columns."""
    stream = streams()[name]
    sources = {path.partition(".")[0] for path in stream.add.values()} - {"slice", "parent"}
    people = [{"id": 5, "name": "n", "updated_at": None}, {}]
    rows: list[dict[str, Any]] = [{"id": n, "title": "t"} for n in range(5)]
    for column in sources:
        is_list = column.endswith("[]")
        plain = column.removesuffix("[]")
        rows[1][plain] = people if is_list else people[0]
        rows[2][plain] = [] if is_list else people[1]
        rows[3][plain] = None
    rows[4] |= dict.fromkeys(stream.add, "taken")
    for row in rows:
        row.setdefault(stream.where_set or "id", 7)
    body = orjson.dumps(rows)
    slice_ = {"group_id": 1, "read_at": "x", "read_on": "y"}
    found = []
    for columns in (raw_columns(name, name), None):
        data, _ = decoded(body, columns=columns)
        data = RowTransformer(stream).transform(data, slice_, {"iid": 9})
        assert all(isinstance(row, RawRow) == (columns is not None) for row in data)
        found.append([orjson.loads(text_of_row(row)) for row in data])
    assert found[0] == found[1]


def test_streams_with_secrets_are_decoded_whole() -> None:
    """Nothing may leave with a row that is to be taken out of it."""
    named = [one for one in streams().values() if one.drop or one.redact or one.takes]
    assert len(named) > 20
    assert [one.name for one in named if raw_columns(one.name, one.name)] == []


def test_rows_that_hold_other_rows_are_decoded_whole() -> None:
    """Rows inside rows are taken from all that a parent's row has."""
    derived = [one for one in streams().values() if one.walk == "derived"]
    assert derived
    assert [one.name for one in derived if raw_columns(one.parent or "", one.name)] == []
