"""A group and a project of the selection, as everything that decides about them knows them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from source_gitlab.core.row_key import id_of
from source_gitlab.streams import streams
from source_gitlab.timestamps import instant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_gitlab.core.slices import Row


@dataclass(frozen=True)
class Group:
    """A group in scope."""

    id: int
    path: str

    @classmethod
    def of(cls, row: Row) -> Group:
        """Take from GitLab's row of a group what is needed."""
        return cls(id_of(row), str(row["full_path"]))


@dataclass(frozen=True)
class Project:
    """A project in scope: what deciding about it needs, not the row that users get.

    `off` names the features (as in `<feature>_access_level`) that are switched off, of those that
    a stream depends on, and `private` those that are for members only. `level` is the role of the
    token's user, where GitLab tells it (it does not in lists of groups).
    """

    id: int
    path: str
    namespace: int
    archived: bool
    updated_at: str | None
    last_activity_at: str | None
    off: frozenset[str]
    private: frozenset[str]
    visibility: str
    level: int | None

    @classmethod
    def of(cls, row: Row) -> Project:
        """Take from GitLab's row of a project what is needed."""
        told = {feature: row.get(column) for feature, column in _feature_columns()}
        updated_at, active_at = row.get("updated_at"), row.get("last_activity_at")
        return cls(
            id=id_of(row),
            path=str(row.get("path_with_namespace", row["id"])),
            namespace=int((row.get("namespace") or {}).get("id") or 0),
            archived=bool(row.get("archived")),
            updated_at=instant(updated_at) if updated_at else None,
            last_activity_at=instant(active_at) if active_at else None,
            off=frozenset(feature for feature, level in told.items() if level == "disabled"),
            private=frozenset(feature for feature, level in told.items() if level == "private"),
            visibility=str(row.get("visibility", "")),
            level=_level(row.get("permissions")),
        )


def _level(permissions: Mapping[str, Any] | None) -> int | None:
    """The higher one of the two roles that a row of a project tells; None where it tells none."""
    if permissions is None:
        return None
    roles = (permissions.get(kind) or {} for kind in ("project_access", "group_access"))
    return max(int(role.get("access_level") or 0) for role in roles)


@cache
def _feature_columns() -> tuple[tuple[str, str], ...]:
    """The features that streams depend on, and the columns of a project that tell their level."""
    features = {stream.feature for stream in streams().values() if stream.feature}
    return tuple((feature, f"{feature}_access_level") for feature in sorted(features))
