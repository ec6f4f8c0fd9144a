"""The credentials that a sign-in at the command line left on this machine."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from source_gitlab.tokens.errors import VaultError
from source_gitlab.tokens.location import home
from source_gitlab.tokens.profiles import Profile, default_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def profile_of(base_url: str, environment: Mapping[str, str]) -> Profile | None:
    """The profile that is used for an instance when nobody names one; None when there is none.

    Raises:
        VaultError: there is one that cannot be used.
    """
    place = home(environment)
    profile = Profile.named(place, default_name(base_url), environment) if place else None
    return profile if profile and profile.purpose.base_url == base_url else None


def named_profile(name: str, environment: Mapping[str, str]) -> Profile:
    """The profile of this name.

    Raises:
        VaultError: there is none, or it cannot be used.
    """
    place = home(environment)
    profile = Profile.named(place, name, environment) if place else None
    if profile is None:
        there_are = ", ".join(_names(place)) if place else ""
        hint = f"There are: {there_are}." if there_are else "Run source-gitlab login first."
        message = f"There is no profile {name}. {hint}"
        raise VaultError(message)
    return profile


def credentials_of(profile: Profile) -> dict[str, Any]:
    """What a configuration has under `credentials` to use a profile.

    Raises:
        VaultError: the profile cannot be opened, or is of no sign-in.
    """
    contents = profile.read()
    newest = contents.newest if contents else None
    if contents is None or newest is None:
        message = f"The profile {profile.purpose.profile} is empty. Run source-gitlab login."
        raise VaultError(message)
    tokens = newest.tokens
    if not tokens.refresh_token:
        return {"auth_type": "access_token", "access_token": tokens.access_token}
    expires = tokens.expires
    date = datetime.fromtimestamp(expires, tz=timezone.utc).isoformat() if expires else None
    return {
        "auth_type": "oauth2.0",
        "client_id": profile.purpose.client_id,
        "client_secret": contents.client_secret,
        "access_token": tokens.access_token,
        "refresh_token": tokens.refresh_token,
        "token_expiry_date": date,
        "redirect_uri": contents.redirect_uri,
    }


def _names(place: Path) -> list[str]:
    stems = sorted(path.stem for path in place.glob("*.json"))
    return [stem for stem in stems if not stem.startswith("config-")]
