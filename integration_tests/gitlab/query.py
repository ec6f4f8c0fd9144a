"""Query parameters as GitLab's API reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from integration_tests.gitlab.clock import moment
from integration_tests.gitlab.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

TRUE = {"true", "1", "on", "yes", "t", "y"}
FALSE = {"false", "0", "off", "no", "f", "n"}


class Query:
    """The parameters of a request; of a name given twice the last one counts."""

    def __init__(self, text: str) -> None:
        self.pairs = parse_qsl(text, keep_blank_values=True)
        self.single = dict(self.pairs)

    def __contains__(self, name: str) -> bool:
        """Whether the parameter was sent."""
        return name in self.single

    def text(self, name: str, default: str | None = None) -> str | None:
        """A parameter as it was sent."""
        return self.single.get(name, default)

    def choice(self, name: str, allowed: Sequence[str], default: str) -> str:
        """One of the allowed words; 400 for another."""
        given = self.single.get(name, default)
        if given not in allowed:
            raise invalid(name, "does not have a valid value")
        return given

    def flag(self, name: str, *, default: bool) -> bool:
        """A boolean; 400 for a word that is none."""
        found = self.maybe_flag(name)
        return default if found is None else found

    def maybe_flag(self, name: str) -> bool | None:
        """A boolean, or None when it was not sent."""
        given = self.single.get(name, "").lower()
        if given in TRUE:
            return True
        if given in FALSE:
            return False
        if given:
            raise invalid(name)
        return None

    def number(self, name: str, default: int) -> int:
        """An integer; 400 for something else."""
        found = self.maybe_number(name)
        return default if found is None else found

    def maybe_number(self, name: str) -> int | None:
        """An integer, or None when it was not sent."""
        given = self.single.get(name, "")
        if not given:
            return None
        try:
            return int(given)
        except ValueError as error:
            raise invalid(name) from error

    def moment(self, name: str) -> int | None:
        """A date or time in microseconds, or None; 400 for what cannot be parsed."""
        given = self.single.get(name, "")
        if not given:
            return None
        try:
            return moment(given)
        except ValueError as error:
            raise invalid(name) from error

    def many(self, name: str) -> list[str]:
        """A list: ``name[]=a&name[]=b`` or ``name=a,b``."""
        found = [value for key, value in self.pairs if key == f"{name}[]"]
        if name in self.single:
            found += self.single[name].split(",")
        return found
