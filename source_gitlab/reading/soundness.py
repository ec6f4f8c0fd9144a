"""Rows that are not as GitLab documents them: an error that says where, not a stumble over them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from source_gitlab.client.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_gitlab.declarations import Stream
    from source_gitlab.reading.slices import Row

_TYPES = {"integer": int, "string": str}


@contextmanager
def as_documented(url: str) -> Iterator[None]:
    """What is done in this block takes columns of GitLab's rows for what GitLab says they are.

    Raises:
        Malformed: in place of the error that a missing column, or one of another type, caused.
    """
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        message = (
            f"{url} answered with rows that are not as GitLab documents them"
            f" ({type(error).__name__}: {error})."
        )
        raise Malformed(message, url=url) from error


class Keys:
    """The key columns of a stream, which every row must have: rows are told apart by them."""

    def __init__(self, stream: Stream) -> None:
        """Take the columns' types from the stream's schema."""
        self._columns: list[tuple[str, tuple[type, ...]]] = []
        properties = stream.schema["properties"]
        for column in stream.key:
            declared = properties[column]["type"]
            names = declared if isinstance(declared, list) else [declared]
            types = tuple(_TYPES[name] for name in names if name in _TYPES)
            self._columns.append((column, types))

    def check(self, rows: list[Row], url: str) -> None:
        """Let rows pass that have a proper key.

        Raises:
            Malformed: one has not.
        """
        for column, types in self._columns:
            for row in rows:
                value = row.get(column)
                if type(value) not in types:
                    raise Malformed(_told(url, column, types, value), url=url)


def _told(url: str, column: str, types: tuple[type, ...], value: Any) -> str:
    wanted = " or ".join("a number" if kind is int else "a text" for kind in types)
    shown = repr(value)[:60]
    return f"{url} answered with a row whose {column} is {shown} instead of {wanted}."
