"""The tests of the token: whose it is, of which kind, what it may, and how long it lives."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any

from source_gitlab.config import AccessToken, Anonymous, JobToken, OAuth
from source_gitlab.gitlab.errors import BadRequest, GitlabError, ReadError, Skipped
from source_gitlab.setup_check.budget import OutOfBudget
from source_gitlab.setup_check.result import FAILED, PASSED, WARNING, Step

if TYPE_CHECKING:
    from source_gitlab.config import Config
    from source_gitlab.setup_check.budget import Budget

_READ_SCOPES = frozenset({"api", "read_api"})
_SOON = 14  # days

# The users that GitLab makes for project and group access tokens
# (https://docs.gitlab.com/user/project/settings/project_access_tokens/#bot-users-for-projects).
_BOT = re.compile(r"(project|group)_(\d+)_bot")

# Kinds of tokens that GitLab's API does not take, or takes for other things only
# (https://docs.gitlab.com/security/tokens/#token-prefixes).
_OTHER_KINDS = {
    "glcbt-": "a CI job token, which auth_type job_token is for",
    "gldt-": "a deploy token, which may not use the API",
    "glrt-": "a runner's token",
    "glptt-": "a pipeline trigger's token",
    "glft-": "a feed token",
    "glimt-": "a token for incoming mail",
    "glagent-": "an agent's token",
    "gloas-": "the secret of an application, not a token",
}


@dataclass(frozen=True)
class Identity:
    """Whose token it is; None where GitLab does not tell.

    `kind` is "personal", "project", "group", "oauth", "job", "none" or "unknown". `user` is the id
    of its user, who `sees_all` without a role as an administrator or auditor.
    """

    kind: str
    username: str | None = None
    scopes: tuple[str, ...] | None = None
    user: int | None = None
    sees_all: bool = False

    @property
    def is_fine_grained(self) -> bool:
        """Whether it was given permissions one by one, and no scope that reads everything."""
        return self.scopes is not None and not _READ_SCOPES & set(self.scopes)

    @property
    def called(self) -> str:
        """What a person calls a token of this kind."""
        if self.kind in {"oauth", "job"}:
            return "an OAuth token" if self.kind == "oauth" else "the token of a CI job"
        return "a token" if self.kind == "unknown" else f"a {self.kind} access token"


def identify(budget: Budget, config: Config) -> tuple[Identity, list[Step]]:
    """Ask the token about itself, and its user.

    Raises:
        Unauthorized: it is refused.
        GitlabError: GitLab could not be asked.
    """
    if isinstance(config.credentials, Anonymous):
        step = Step("Token", PASSED, "Reading public data, with no token.", {"kind": "none"})
        return Identity("none"), [step]
    if isinstance(config.credentials, JobToken):
        return _job(budget)
    about, is_oauth = _about(budget, config)
    listed = about.get("scopes", about.get("scope"))
    scopes = tuple(map(str, listed)) if isinstance(listed, list) else None
    user = _user(budget, scopes)
    username = str(user["username"]) if user else None
    bot = _BOT.match(username or "")
    kind = "oauth" if is_oauth else bot[1] if bot else "personal" if about else "unknown"
    number = user.get("id")
    # What administrators and auditors alone are told of themselves.
    sees_all = bool(user.get("is_admin") or user.get("is_auditor"))
    identity = Identity(
        kind, username, scopes, number if type(number) is int else None, sees_all=sees_all
    )
    whose = f", of the user {username}" if username else ""
    message = f"The token is valid: {identity.called}{whose}."
    found = [Step("Token", PASSED, message, {"kind": kind, "user": username})]
    if scopes is not None:
        found.append(_scopes(scopes, granular="granular_scopes" in about))
    if is_oauth:
        found.append(_oauth_life(config, about))
    elif about:
        found.append(_life(about.get("expires_at"), budget.now()))
    return identity, found


def _job(budget: Budget) -> tuple[Identity, list[Step]]:
    """Of which job the token is (https://docs.gitlab.com/api/jobs/#get-job-tokens-job)."""
    job = budget.one("job")
    username = (job.get("user") or {}).get("username")
    details = {"kind": "job", "user": username, "job": job.get("id")}
    message = (
        f"The token is that of the CI job {job.get('id')} ({job.get('name')}), of the user "
        f"{username}. It ends with the job, and may read few lists."
    )
    return Identity("job", username), [Step("Token", PASSED, message, details)]


def _about(budget: Budget, config: Config) -> tuple[dict[str, Any], bool]:
    """What GitLab tells of the token (nothing, before 15.5), and whether it is an OAuth token."""
    if not isinstance(config.credentials, OAuth):
        try:
            return budget.one("personal_access_tokens/self"), False
        except BadRequest:
            # "This endpoint requires token type to be a personal access token": OAuth tokens work
            # in the same place.
            pass
        except (Skipped, ReadError):
            return {}, False
    try:
        return budget.token_info(), True
    except (Skipped, ReadError):
        return {}, isinstance(config.credentials, OAuth)


def _user(budget: Budget, scopes: tuple[str, ...] | None) -> dict[str, Any]:
    """The token's user, with a name; nothing where GitLab does not tell."""
    if scopes is not None and not {"read_user", *_READ_SCOPES} & set(scopes):
        return {}
    try:
        user = budget.one("user")
    except (Skipped, ReadError, OutOfBudget):
        return {}
    return user if "username" in user else {}


def _scopes(scopes: tuple[str, ...], *, granular: bool) -> Step:
    details = {"scopes": list(scopes)}
    named = ", ".join(scopes) or "none"
    if _READ_SCOPES & set(scopes):
        return Step("Scopes", PASSED, f"Its scopes are enough: {named}.", details)
    if granular or "granular" in scopes:
        # https://docs.gitlab.com/auth/tokens/fine_grained_access_tokens/
        message = "The token is a fine-grained one: each stream tells whether it may be read."
        return Step("Scopes", PASSED, message, details)
    message = (
        f"The token has the scopes {named}, but reading needs read_api. Make a token with that"
        " scope."
    )
    return Step("Scopes", FAILED, message, details)


def _life(expires_at: object, now: float) -> Step:
    """A personal, project or group access token ends at midnight UTC of its day."""
    if not isinstance(expires_at, str):
        return Step("Expiry", PASSED, "The token does not expire.", {"days": None})
    try:
        last = date.fromisoformat(expires_at[:10])
    except ValueError:
        message = f"GitLab gives {expires_at!r} as the token's last day, which is no date."
        return Step("Expiry", WARNING, message)
    days = (last - datetime.fromtimestamp(now, tz=timezone.utc).date()).days
    details = {"expires_at": last.isoformat(), "days": days}
    when = f"The token expires in {days} {'day' if days == 1 else 'days'}, on {last.isoformat()}."
    if days < _SOON:
        message = f"{when} Make a new one before then and put it into the configuration."
        return Step("Expiry", WARNING, message, details)
    return Step("Expiry", PASSED, when, details)


def _oauth_life(config: Config, about: dict[str, Any]) -> Step:
    seconds = about.get("expires_in")
    details = {"seconds": seconds}
    if isinstance(config.credentials, OAuth):
        return Step("Expiry", PASSED, "The OAuth token is renewed by itself.", details)
    if not isinstance(seconds, int):
        return Step("Expiry", PASSED, "The OAuth token does not expire.", details)
    message = (
        f"The token is an OAuth token that expires in {seconds // 60} minutes and cannot be renewed"
        " without its refresh token. Set auth_type to oauth2.0 and give both, or use a personal,"
        " group or project access token."
    )
    return Step("Expiry", WARNING, message, details)


def refused(error: GitlabError, config: Config) -> Step:
    """The step of a token that GitLab does not accept."""
    message = str(error)
    if isinstance(config.credentials, AccessToken):
        given = config.credentials.access_token
        kind = next((what for start, what in _OTHER_KINDS.items() if given.startswith(start)), None)
        if kind:
            message += (
                f" By its first letters it is {kind}. A personal, group or project access token"
                " with the scope read_api reads everything."
            )
    return Step("Token", FAILED, message, {"status": error.status})
