"""Parts of a state as they are read, and what is wrong with one that cannot be."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from source_gitlab.timestamps import instant, is_instant

if TYPE_CHECKING:
    from collections.abc import Iterator

_WRONG = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class StateError(ValueError):
    """The state was not written by this connector, nor by one whose state it can take over."""


@contextmanager
def part(name: str) -> Iterator[None]:
    """What is read in this block is one part of a state.

    Raises:
        StateError: in place of the error that the part caused; it names the part.
    """
    try:
        yield
    except StateError:
        raise
    except _WRONG as error:
        message = f"its part {name} cannot be understood: {_reason(error)}"
        raise StateError(message) from error


def moment(value: object) -> str:
    """An instant of a state, in the form that compares as text.

    Raises:
        ValueError: it is no time.
    """
    if not isinstance(value, str) or not is_instant(value):
        message = f"{_shown(value)} is no time"
        raise ValueError(message)
    return instant(value)


def number(value: object) -> int:
    """A whole number of a state.

    Raises:
        ValueError: it is none.
    """
    if type(value) is not int:
        message = f"{_shown(value)} is no whole number"
        raise ValueError(message)
    return value


def entries(value: object) -> dict[str, Any]:
    """The entries of a JSON object.

    Raises:
        ValueError: it is no object.
    """
    if not isinstance(value, dict):
        message = f"{_shown(value)} is no object"
        raise ValueError(message)  # noqa: TRY004 -- the value is wrong, not its type
    return value


def _shown(value: object) -> str:
    return repr(value)[:60]


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error.args[0]} is missing"
    if isinstance(error, (AttributeError, TypeError)):
        return "a value in it has another type"
    return str(error)
