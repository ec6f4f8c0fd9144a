"""One value of a configuration, read as what it should be, or refused in plain words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final, NoReturn

import pendulum

_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_LINE: Final = 80
# GitLab makes secrets of 20 characters or more (Devise.friendly_token), and an administrator may
# set shorter ones. What is shorter than this is a slip, and would be found in ordinary words.
SHORTEST_SECRET: Final = 8
_WHOLE: Final = re.compile(r"(-?[0-9]{1,18})(?:\.0+)?")

# https://docs.gitlab.com/security/tokens/#token-prefixes; a prefix of the instance's own is unknown
# to us, so this finds pasted tokens but cannot prove that something is none.
_TOKEN: Final = re.compile(r"gl(?:pat|oas|dt|rt|rtr|cbt|ptt|ft|imt|agent|soat|ffct|wt)-[\w.-]{12,}")


class ConfigError(ValueError):
    """A mistake of the user in the configuration.

    `str(error)` says what is wrong and what to type, in one sentence or two, and never contains a
    secret. `field` is the dotted name of the field as the user wrote it; it is empty when the
    configuration as a whole is wrong.
    """

    field: str

    def __init__(self, field: str, message: str) -> None:
        # Both arguments go up, so that the error survives pickling on its way out of a worker.
        super().__init__(field, message)
        self.field = field
        self._message = message

    def __str__(self) -> str:
        return self._message


@dataclass(frozen=True, slots=True)
class Setting:
    """One value that the user gave, under the name that the user gave it."""

    name: str
    value: object = field(repr=False)

    def fail(self, problem: str) -> NoReturn:
        """Raises a ConfigError that starts with the name of this field."""
        raise ConfigError(self.name, f"{self.name}: {problem}")

    def fail_differing(self, other: Setting) -> NoReturn:
        """Raises a ConfigError: two fields that mean the same thing contradict each other."""
        self.fail(f"{other.name} means the same thing, but holds another value. Keep one of them.")

    def text(self) -> str:
        """Returns the value without white space around it.

        Raises:
            ConfigError: The value is no text.
        """
        if not isinstance(self.value, str):
            self.fail(f"this must be text, not {kind(self.value)}.")
        return self.value.strip()

    def word(self) -> str:
        """Returns a text in small letters, and nothing for what is no text."""
        return self.value.strip().casefold() if isinstance(self.value, str) else ""

    def secret(self) -> str:
        """Returns a secret that can stand in an HTTP header.

        Raises:
            ConfigError: It cannot, is the mask that a form shows in place of a secret, or is so
                short that ordinary words contain it.
        """
        text = self.identifier()
        if len(text) < SHORTEST_SECRET:
            self.fail(
                "this is too short to be a secret of GitLab, which makes them of 20 characters or "
                "more. Copy the whole value."
            )
        return text

    def identifier(self) -> str:
        """Returns a text that can stand in an HTTP header.

        Raises:
            ConfigError: It cannot, or it is the mask that a form shows in place of a secret.
        """
        text = self.text()
        if set(text) <= set("*•"):
            self.fail("this is only the mask that a form shows. Type the real value again.")
        if not re.fullmatch(r"[!-~]+", text):
            self.fail(
                "there is a space, a line break or a special character in it. "
                "Copy the value again, and nothing around it."
            )
        return text

    def flag(self) -> bool:
        """Returns true or false, also from the text that Fivetran and environments write.

        Raises:
            ConfigError: It is neither.
        """
        if isinstance(self.value, bool):
            return self.value
        if self.word() not in {"true", "false"}:
            self.fail("write true or false.")
        return self.word() == "true"

    def whole(self, least: int, most: int) -> int:
        """Returns a whole number within bounds, also from text: settings often come as such.

        Raises:
            ConfigError: It is none, or out of bounds.
        """
        value = self.value
        number: int | None = None
        if isinstance(value, str) and (match := _WHOLE.fullmatch(value.strip())):
            number = int(match[1])
        elif isinstance(value, float) and value.is_integer():
            number = int(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            number = value
        if number is None:
            what = shown(value) if isinstance(value, str) else kind(value)
            self.fail(f"{what} is not a whole number. Write one from {least} to {most}.")
        if not least <= number <= most:
            self.fail(f"this number is out of range. Write one from {least} to {most}.")
        return number

    def instant(self) -> str:
        """Returns a date or a time as RFC 3339 in UTC, like "2024-01-31T00:00:00Z".

        Milliseconds are there when the user wrote any. A time with no offset is in UTC already.

        Raises:
            ConfigError: It is neither a date nor a time.
        """
        # YAML readers make dates of what looks like one.
        text = self.value.isoformat() if isinstance(self.value, date) else self.text()
        moment = _moment(text)
        if moment is None:
            self.fail(
                f"{shown(text)} is not a date. Write it like 2024-01-31 or 2024-01-31T00:00:00Z."
            )
        milliseconds = moment.microsecond // 1000
        fraction = f".{milliseconds:03}" if milliseconds else ""
        return f"{moment.year:04}-{moment:%m-%dT%H:%M:%S}{fraction}Z"


def kind(value: object) -> str:
    """Returns what a person calls the type of a JSON value."""
    if value is None:
        return "nothing"
    for types, name in (
        (bool, "true or false"),
        ((int, float), "a number"),
        (str, "text"),
        (Mapping, "an object"),
        ((list, tuple), "a list"),
    ):
        if isinstance(value, types):
            return name
    return f"a Python {type(value).__name__}"


def shown(text: str) -> str:
    """Returns what the user typed in one short line, without secrets that can be told."""
    if "-----BEGIN" in text:
        return "PEM text"
    line = _TOKEN.sub("[token]", " ".join(text.split()))
    return f"'{line[:_LINE]}…'" if len(line) > _LINE else f"'{line}'"


def holds_token(text: str) -> bool:
    """Returns whether a GitLab token was pasted into a field that is not meant for one."""
    return _TOKEN.fullmatch(text) is not None


def _moment(text: str) -> pendulum.DateTime | None:
    if not _INSTANT.fullmatch(text):
        return None
    try:
        moment = pendulum.parse(text.upper(), tz="UTC")
        return moment.in_timezone("UTC") if isinstance(moment, pendulum.DateTime) else None
    except (ValueError, OverflowError):  # the 31st of February; before the year 1 in UTC
        return None
