"""What the user may choose about a file, apart from what needs DuckDB to be imported."""

from __future__ import annotations

from typing import Final

MOVE: Final = "move"
KEEP: Final = "keep"
DELETED: Final = (MOVE, KEEP)
"""Where rows go that GitLab no longer has: out of their table, or nowhere, with a mark."""
