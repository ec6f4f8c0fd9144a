"""The headers of an answer, by names in any case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

_BLANK = b" \t\r\n"


class Headers(Mapping[str, str]):
    """Names in small letters, and their values; one that came twice is joined by a comma."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        """Take names that are in small letters."""
        self._values = values

    @classmethod
    def of_lines(cls, lines: Iterable[bytes]) -> Headers:
        """What the lines of an answer say; a line that is no header says nothing.

        A line that begins with a blank goes on with the one before (RFC 9112, 5.2).
        """
        values: dict[str, str] = {}
        name = ""
        for line in lines:
            if line[:1] in b" \t":
                if name:
                    values[name] += f" {line.strip(_BLANK).decode('latin-1')}"
                continue
            before, colon, behind = line.partition(b":")
            if not colon:
                continue
            name = before.strip(_BLANK).decode("latin-1").lower()
            value = behind.strip(_BLANK).decode("latin-1")
            values[name] = f"{values[name]}, {value}" if name in values else value
        return cls(values)

    def __getitem__(self, name: str) -> str:
        """The value of a header."""
        return self._values[name.lower()]

    def get(self, name: str, default: Any = None) -> str | Any:
        """The value of a header, or `default`."""
        # Most that are looked for are not there, and `Mapping.get` raises an error for each.
        return self._values.get(name.lower(), default)

    def __contains__(self, name: object) -> bool:
        """Whether it came."""
        return isinstance(name, str) and name.lower() in self._values

    def __iter__(self) -> Iterator[str]:
        """Their names, in small letters."""
        return iter(self._values)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._values)
