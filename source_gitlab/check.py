"""The setup report: each thing that the user gave is tested, and what is wrong is said at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from source_gitlab.client.errors import FatalError, GitlabError, Skipped, Unauthorized
from source_gitlab.config import Anonymous

if TYPE_CHECKING:
    from source_gitlab.scopes import Roots
    from source_gitlab.session import Session

_READ_SCOPES = frozenset({"api", "read_api"})


@dataclass(frozen=True)
class Step:
    """One test; `status` is "ok", "warning" or "failed"."""

    title: str
    status: str
    message: str


@dataclass(frozen=True)
class Result:
    """What all tests say."""

    steps: tuple[Step, ...]

    @property
    def ok(self) -> bool:
        """Whether a read can work."""
        return all(step.status != "failed" for step in self.steps)

    @property
    def message(self) -> str:
        """Every failure in one text; when there is none, what was found."""
        wanted = "failed" if not self.ok else ("ok", "warning")
        return " ".join(step.message for step in self.steps if step.status in wanted)


def check(session: Session) -> Result:
    """Test the address, the token, and every group and project that was named.

    A test whose ground is missing is left out: with a wrong address nothing is said of the token.
    """
    steps: list[Step] = []
    try:
        steps.append(_address(session))
        steps += _token(session)
        if all(step.status != "failed" for step in steps):
            steps += _scopes(session, session.scopes.roots())
    except Unauthorized as error:
        steps.append(Step("token", "failed", str(error)))
    except (FatalError, GitlabError) as error:
        steps.append(Step("address", "failed", str(error)))
    return Result(tuple(steps))


def _address(session: Session) -> Step:
    url = session.config.base_url
    if isinstance(session.config.credentials, Anonymous):
        # Everything that tells a version wants a token.
        return Step("address", "ok", f"Reading public data of {url}.")
    try:
        version = str(session.client.one("version").get("version", "unknown"))
    except Skipped as error:
        if error.reason == "scope":
            return Step("address", "ok", f"Connected to {url}.")
        message = f"There is no GitLab API at {session.client.api_url}. Check api_url. ({error})"
        return Step("address", "failed", message)
    return Step("address", "ok", f"Connected to GitLab {version} at {url}.")


def _token(session: Session) -> list[Step]:
    """The scopes of a personal, group or project access token; others do not tell them here."""
    if isinstance(session.config.credentials, Anonymous):
        return []
    try:
        own = session.client.one("personal_access_tokens/self")
    except (Unauthorized, FatalError):
        raise
    except GitlabError:
        return []
    scopes = own.get("scopes")
    if not isinstance(scopes, list) or _READ_SCOPES & set(map(str, scopes)):
        return []
    message = (
        f"The token has the scopes {', '.join(map(str, scopes)) or 'none'}, but reading needs"
        " read_api. Make a token with that scope."
    )
    return [Step("token", "failed", message)]


def _scopes(session: Session, roots: Roots) -> list[Step]:
    failed = [Step("scope", "failed", str(error)) for error in roots.missing]
    if failed:
        return failed
    named = session.config.groups or session.config.projects
    if not named and not roots.groups and not roots.projects:
        message = (
            "The token's user is a member of no group and no project, so there is nothing to read."
            " Name groups or projects in groups_list or projects_list, or add the user to some."
        )
        return [Step("scope", "failed", message)]
    groups, projects = len(roots.groups), len(roots.projects)
    message = f"In scope: {_count(groups, 'group')} and {_count(projects, 'single project')}."
    return [Step("scope", "ok", message)]


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
