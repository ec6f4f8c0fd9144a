"""Sets of ids as text."""

from __future__ import annotations

import base64
import random
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_gitlab.core.state import id_sets

if TYPE_CHECKING:
    from collections.abc import Iterable

IDS = st.sets(st.integers(min_value=0, max_value=2**63 - 1) | st.integers(0, 50), max_size=60)


@given(IDS)
def test_a_set_comes_back_as_it_was(numbers: set[int]) -> None:
    assert id_sets.decode(id_sets.encode(numbers)) == numbers


@given(numbers=st.lists(st.integers(0, 600)), seed=st.randoms())
def test_equal_sets_give_equal_texts(numbers: list[int], seed: random.Random) -> None:
    text = id_sets.encode(numbers)
    seed.shuffle(numbers)
    assert (
        id_sets.encode(numbers)
        == id_sets.encode(set(numbers))
        == id_sets.encode(sorted(numbers))
        == text
    )


@pytest.mark.parametrize(
    "numbers",
    [
        range(128),
        range(129),
        range(130),
        [0, 127, 128, 129, 257, 16_512, 32_897, 2**63 - 1],
        [*range(3), *range(131, 400), *range(16_784, 40_000)],
    ],
)
def test_numbers_of_one_two_and_more_bytes(numbers: Iterable[int]) -> None:
    assert id_sets.decode(id_sets.encode(numbers)) == set(numbers)


def test_a_text_of_another_compression_is_read() -> None:
    data = bytes([5, 0, 0x80, 0x01, 2])
    for level in range(10):
        text = base64.b64encode(zlib.compress(data, level)).decode()
        assert id_sets.decode(text) == {5, 134, 135, 136}
    assert zlib.decompress(base64.b64decode(id_sets.encode({5, 134, 135, 136}))) == data


def test_ten_thousand_scattered_ids_take_less_than_five_characters_each() -> None:
    numbers = random.Random(1).sample(range(80_000_000), 10_000)
    assert len(id_sets.encode(numbers)) < 35_000


def test_consecutive_ids_take_no_room() -> None:
    assert len(id_sets.encode(range(1_000, 900_000))) < 30


@given(st.text(max_size=40) | st.binary(max_size=40).map(lambda data: data.hex()))
def test_a_text_that_is_no_set_of_ids_is_refused(text: str) -> None:
    try:
        numbers = id_sets.decode(text)
    except ValueError:
        return
    assert id_sets.decode(id_sets.encode(numbers)) == numbers


def test_a_run_that_would_fill_memory_is_refused() -> None:

    endless = base64.b64encode(zlib.compress(b"\x00" + b"\xff" * 8 + b"\x7f")).decode()
    with pytest.raises(ValueError, match="more ids"):
        id_sets.decode(endless)
