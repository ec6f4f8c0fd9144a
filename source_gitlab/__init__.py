"""A GitLab source: declared streams, a small core that walks GitLab's lists, and thin faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from source_gitlab.airbyte.source import SourceGitlab

__all__ = ["SourceGitlab"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import the Airbyte face when it is asked for: others need not pay for importing its CDK."""
    if name == "SourceGitlab":
        from source_gitlab.airbyte.source import SourceGitlab  # noqa: PLC0415

        return SourceGitlab
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
