"""The definition of the Singer tap for Meltano, in a file that people can name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from source_gitlab.interfaces.singer.settings import plugin

if TYPE_CHECKING:
    from collections.abc import Iterator


def plugin_page() -> Iterator[str]:
    """The lines of docs/tap-gitlab.yml."""
    yield from plugin().splitlines()
