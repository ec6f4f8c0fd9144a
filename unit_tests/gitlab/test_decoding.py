"""Bodies that would fill the memory, and texts that are no text."""

from __future__ import annotations

import orjson
import pytest

from source_gitlab.gitlab.decoding import TooManyValuesError, decoded

MOST = 64 * 1024 * 1024


@pytest.mark.parametrize("value", [b"{}", b"[]", b"[[]]", b'"a"', b"1", b'{"a":{}}', b"null"])
def test_a_body_of_millions_of_values_is_not_parsed(value: bytes) -> None:
    """Sixty-four MiB of them, in a list."""
    body = b"[" + b",".join([value] * (MOST // (len(value) + 1))) + b"]"
    with pytest.raises(TooManyValuesError):
        decoded(body)


def test_an_object_of_millions_of_keys_is_not_parsed() -> None:
    """Each key is an object of Python."""
    body = b"{" + b",".join(b'"%d":0' % number for number in range(4_000_000)) + b"}"
    with pytest.raises(TooManyValuesError):
        decoded(body)


def test_a_large_body_of_few_values_is_parsed() -> None:
    """Long texts are cheap, also where commas are in them."""
    body = orjson.dumps([{"id": number, "text": "a, b " * 4_000} for number in range(100)])
    assert len(body) > 1 << 20
    assert decoded(body) == (orjson.loads(body), False)


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b'["caf\xe9"]', ["caf\ufffd"]),
        (rb'["\ud83d"]', ["\ufffd"]),
        (rb'["\ude00 \ud83d\ude00 \ud83d"]', ["\ufffd \U0001f600 \ufffd"]),
        (rb'["\ud83d\ud83d\ude00"]', ["\ufffd\U0001f600"]),
        (rb'["\\ud83d \ud83d"]', [r"\ud83d" + " \ufffd"]),
        (rb'["\"\ud83d"]', ['"\ufffd']),
    ],
)
def test_what_is_no_text_is_replaced_and_nothing_else(body: bytes, wanted: list[str]) -> None:
    """Whole pairs, and backslashes that escape nothing, stay as they are."""
    assert decoded(body) == (wanted, True)


@pytest.mark.parametrize("deepest", [120, 250])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_how_deep_values_may_be_nested(deepest: int, opening: bytes, closing: bytes) -> None:
    """To the level, in a text with what is no text, too."""
    for text in (b'"x"', b'"caf\xe9"'):
        fits = opening * deepest + text + closing * deepest
        found, mended = decoded(fits, deepest)
        assert orjson.dumps(found)
        assert mended == (text != b'"x"')
        with pytest.raises(orjson.JSONDecodeError):
            decoded(opening + fits + closing, deepest)


@pytest.mark.parametrize("body", [b'["a"', b'["a\x01"]', b'["caf\xe9"', b"<html>"])
def test_what_is_no_json_stays_an_error(body: bytes) -> None:
    """Only texts are mended."""
    with pytest.raises(orjson.JSONDecodeError):
        decoded(body)
