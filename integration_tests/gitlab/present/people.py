"""Users and members in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integration_tests.gitlab.clock import day, optional_stamp, stamp

if TYPE_CHECKING:
    from integration_tests.gitlab.rows import Json, Row
    from integration_tests.gitlab.world import World


def user_basic(world: World, user_id: int | None) -> Json | None:
    """The short form of a user that other rows embed."""
    if user_id is None:
        return None
    user = world.users[user_id]
    facts = user.facts
    return {
        "id": user.id,
        "username": facts["username"],
        "public_email": facts.get("public_email", ""),
        "name": facts["name"],
        "state": facts.get("state", "active"),
        "locked": False,
        "avatar_url": facts.get("avatar_url"),
        "web_url": f"{world.settings.external_url}/{facts['username']}",
    }


def user_profile(world: World, user_id: int | None) -> Json | None:
    """The long form of a user, as jobs embed it and /users/:id shows it."""
    basic = user_basic(world, user_id)
    if basic is None or user_id is None:
        return None
    user = world.users[user_id]
    return {
        **basic,
        "created_at": stamp(user.created),
        "bio": user.facts.get("bio", ""),
        "location": user.facts.get("location", ""),
        "skype": "",
        "linkedin": "",
        "twitter": "",
        "discord": "",
        "website_url": "",
        "github": "",
        "job_title": user.facts.get("job_title", ""),
        "pronouns": None,
        "organization": user.facts.get("organization", ""),
        "bot": user.facts.get("bot", False),
        "work_information": None,
        "followers": 0,
        "following": 0,
        "local_time": None,
    }


def current_user(world: World, user_id: int) -> Json:
    """GET /user: what a user sees of himself."""
    user = world.users[user_id]
    # Only administrators are told what they are (lib/api/entities/user_with_admin.rb).
    admin = {"is_admin": True} if user.facts.get("admin") else {}
    return {
        **admin,
        **(user_profile(world, user_id) or {}),
        "is_followed": False,
        "last_sign_in_at": stamp(user.created),
        "confirmed_at": stamp(user.created),
        "last_activity_on": day(user.created),
        "email": user.facts.get("email", f"user{user.id}@example.com"),
        "theme_id": 3,
        "color_scheme_id": 1,
        "projects_limit": 100000,
        "current_sign_in_at": stamp(user.created),
        "identities": [],
        "can_create_group": True,
        "can_create_project": True,
        "two_factor_enabled": False,
        "external": False,
        "private_profile": False,
        "commit_email": user.facts.get("email", f"user{user.id}@example.com"),
        "preferred_language": "en",
        "shared_runners_minutes_limit": None,
        "extra_shared_runners_minutes_limit": None,
        "scim_identities": [],
        "namespace_id": user.facts["namespace_id"],
    }


def member(world: World, row: Row) -> Json:
    """A direct member of a group or project. Its id is the user's."""
    facts = row.facts
    return {
        **(user_basic(world, facts["user_id"]) or {}),
        "access_level": facts["access_level"],
        "created_at": stamp(row.created),
        "created_by": user_basic(world, facts.get("created_by")),
        "expires_at": facts.get("expires_at"),
        "group_saml_identity": None,
        "group_scim_identity": None,
        "email": world.users[facts["user_id"]].facts.get("email"),
        "member_role": None,
        "is_using_seat": True,
        "membership_state": "active",
        "override": False,
    }


def access_token(token_id: int, **facts: object) -> Json:
    """A personal, group or project access token, without its value."""
    created, used = facts["created"], facts.get("used")
    return {
        "id": token_id,
        "name": facts["name"],
        "revoked": facts["revoked"],
        "created_at": stamp(created) if isinstance(created, int) else None,
        "description": facts.get("description", ""),
        "scopes": facts["scopes"],
        "user_id": facts["user_id"],
        "last_used_at": optional_stamp(used if isinstance(used, int) else None),
        "active": facts["active"],
        "expires_at": facts["expires_at"],
        "last_used_ips": [],
    }
