"""Rows inside the overlap of two reads: which of them an earlier read brought."""

from __future__ import annotations

from typing import TYPE_CHECKING

from source_gitlab.core.state.digests import identity
from source_gitlab.timestamps import instant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_gitlab.core.slices import Row


def unknown(
    rows: list[Row],
    key: tuple[str, ...],
    recent: str,
    settled: str,
    known: Mapping[str, str],
) -> tuple[list[Row], dict[str, str]]:
    """The rows that an earlier read did not bring in this version, and what to remember of them.

    Remembered are rows that the next read's overlap will bring again (updated since `recent`),
    but for those that may still change without moving (updated after `settled`).
    """
    fresh: list[Row] = []
    seen: dict[str, str] = {}
    for row in rows:
        updated_at = row.get("updated_at")
        if updated_at is None:
            fresh.append(row)
            continue
        moment = instant(updated_at)
        if not known and moment < recent:
            fresh.append(row)
            continue
        name = identity(row, key)
        if name not in known:
            fresh.append(row)
        if recent <= moment <= settled:
            seen[name] = moment
    return fresh, seen
