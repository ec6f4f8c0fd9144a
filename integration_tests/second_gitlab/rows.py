"""Rows as GitLab's entities show them (lib/api/entities/)."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3

    from integration_tests.second_gitlab.world import World

Json = dict[str, Any]


def shown(moment: int | None) -> str | None:
    """A time as JSON has it: the microseconds are cut to milliseconds, not rounded."""
    if moment is None:
        return None
    seconds, rest = divmod(moment, 1_000_000)
    whole = datetime.fromtimestamp(seconds, tz=timezone.utc)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{rest // 1000:03}Z"


class Rows:
    """Makes JSON of rows; `url` is what GitLab takes for its own address."""

    def __init__(self, world: World, url: str) -> None:
        """Show the rows of `world`."""
        self._world = world
        self._url = url

    def user(self, number: int) -> Json:
        """UserBasic."""
        row = self._world.one("users", number)
        return {
            "id": row["id"],
            "username": row["username"],
            "name": row["name"],
            "state": "active",
            "locked": False,
            "avatar_url": None,
            "web_url": f"{self._url}/{row['username']}",
        }

    def path_of(self, group_id: int) -> str:
        """The full path of a group."""
        row = self._world.one("groups", group_id)
        return (
            f"{self.path_of(row['parent_id'])}/{row['path']}" if row["parent_id"] else row["path"]
        )

    def project_path(self, number: int) -> str:
        """The full path of a project."""
        row = self._world.one("projects", number)
        return f"{self.path_of(row['group_id'])}/{row['path']}"

    def group(self, row: sqlite3.Row) -> Json:
        """Group."""
        path = self.path_of(row["id"])
        return {
            "id": row["id"],
            "web_url": f"{self._url}/groups/{path}",
            "name": row["name"],
            "path": row["path"],
            "description": "",
            "visibility": row["visibility"],
            "full_name": path.replace("/", " / "),
            "full_path": path,
            "created_at": shown(row["created_at"]),
            "parent_id": row["parent_id"],
        }

    def project(self, row: sqlite3.Row) -> Json:
        """Project, as the list of a group has it: without the user's permissions."""
        path = self.project_path(row["id"])
        home = self._world.one("groups", row["group_id"])
        return {
            "id": row["id"],
            "description": None,
            "name": row["name"],
            "path": row["path"],
            "path_with_namespace": path,
            "created_at": shown(row["created_at"]),
            "updated_at": shown(row["updated_at"]),
            "last_activity_at": shown(row["last_activity_at"]),
            "default_branch": "main",
            "web_url": f"{self._url}/{path}",
            "namespace": {
                "id": home["id"],
                "name": home["name"],
                "path": home["path"],
                "kind": "group",
                "full_path": self.path_of(home["id"]),
                "parent_id": home["parent_id"],
            },
            "archived": bool(row["archived"]),
            "visibility": row["visibility"],
            "issues_enabled": row["issues_access"] != "disabled",
            "issues_access_level": row["issues_access"],
            "merge_requests_enabled": row["merge_requests_access"] != "disabled",
            "merge_requests_access_level": row["merge_requests_access"],
            "empty_repo": True,
        }

    def issue(self, row: sqlite3.Row) -> Json:
        """Issue."""
        path = self.project_path(row["project_id"])
        return {
            **self._issuable(row),
            "confidential": bool(row["confidential"]),
            "closed_at": shown(row["closed_at"]),
            "moved_to_id": row["moved_to_id"],
            "type": "ISSUE",
            "issue_type": "issue",
            "web_url": f"{self._url}/{path}/-/issues/{row['iid']}",
        }

    def merge_request(self, row: sqlite3.Row) -> Json:
        """MergeRequestBasic."""
        path = self.project_path(row["project_id"])
        return {
            **self._issuable(row),
            "merged_at": shown(row["merged_at"]),
            "source_branch": f"topic-{row['iid']}",
            "target_branch": "main",
            "web_url": f"{self._url}/{path}/-/merge_requests/{row['iid']}",
        }

    def member(self, row: sqlite3.Row) -> Json:
        """Member."""
        return {
            **self.user(row["user_id"]),
            "access_level": row["level"],
            "created_at": shown(row["created_at"]),
            "expires_at": None,
            "membership_state": "active",
        }

    def _issuable(self, row: sqlite3.Row) -> Json:
        return {
            "id": row["id"],
            "iid": row["iid"],
            "project_id": row["project_id"],
            "title": row["title"],
            "description": None,
            "state": row["state"],
            "created_at": shown(row["created_at"]),
            "updated_at": shown(row["updated_at"]),
            "labels": json.loads(row["labels"]),
            "milestone": None,
            "assignees": [],
            "assignee": None,
            "author": self.user(row["author_id"]),
            "user_notes_count": row["notes"],
        }
