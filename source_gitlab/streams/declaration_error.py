"""What is said of a declaration that is wrong."""

from __future__ import annotations


class DeclarationError(ValueError):
    """A declaration that is wrong.

    `stream`, `attribute`, `found` and `allowed` are also the parts of its sentence.
    """

    def __init__(self, stream: str, attribute: str, found: object, allowed: str) -> None:
        """Make the sentence."""
        super().__init__(f"{stream}.{attribute}: found {found!r}, allowed is {allowed}")
        self.stream = stream
        self.attribute = attribute
        self.found = found
        self.allowed = allowed
