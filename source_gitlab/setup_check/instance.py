"""The first tests: is there a GitLab at this address, and which one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from requests.exceptions import SSLError

from source_gitlab.config import Anonymous, JobToken
from source_gitlab.gitlab.error_messages import causes_of
from source_gitlab.gitlab.errors import (
    FatalError,
    GitlabError,
    Intercepted,
    Skipped,
    Unavailable,
)
from source_gitlab.setup_check.result import FAILED, PASSED, WARNING, Step

if TYPE_CHECKING:
    from source_gitlab.config import Config
    from source_gitlab.setup_check.budget import Budget

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Instance:
    """What answers at the address; None where it does not tell."""

    version: str | None = None
    enterprise: bool | None = None

    @property
    def edition(self) -> str | None:
        """The name of the edition."""
        if self.enterprise is None:
            return None
        return "Enterprise Edition" if self.enterprise else "Community Edition"


class NoApi(FatalError):
    """Something answers at the address, but it is not GitLab's API."""


def find(budget: Budget, config: Config) -> Instance:
    """Ask which GitLab this is.

    Raises:
        Unauthorized: there is one, but it refuses the token.
        UserRefused: there is one, but it refuses the user (blocked, terms of use not accepted).
        Skipped: there is one, but it does not tell this token what it is.
        GitlabError: there is none, or it cannot be reached.
    """
    try:
        return _find(budget, config)
    except (Intercepted, Unavailable) as error:
        if error.status != 404:  # noqa: PLR2004 -- the HTTP status itself
            raise
        raise _no_api(config, error) from error


def _find(budget: Budget, config: Config) -> Instance:
    if isinstance(config.credentials, Anonymous):
        # Everything that tells a version wants a token; this list is there for everybody.
        try:
            budget.rows("projects", {"simple": True, "per_page": 1})
        except Skipped as error:
            if error.status == 404:  # noqa: PLR2004 -- the HTTP status itself
                raise _no_api(config, error) from error
            raise
        return Instance()
    if isinstance(config.credentials, JobToken):
        # Closed to such a token is all but what identifies it.
        return Instance()
    try:
        # Since 15.2 (https://docs.gitlab.com/api/metadata/); before, there was only /version.
        return _instance(budget.one("metadata"))
    except Skipped as error:
        if error.reason == "scope":
            return Instance()
        if error.status != 404:  # noqa: PLR2004 -- the HTTP status itself
            raise
    try:
        return _instance(budget.one("version"))
    except Skipped as error:
        if error.reason == "scope":
            return Instance()
        raise _no_api(config, error) from error


def _instance(row: dict[str, object]) -> Instance:
    version = str(row.get("version") or "") or None
    enterprise = row.get("enterprise")
    if not isinstance(enterprise, bool):
        enterprise = version.endswith("-ee") if version else None
    return Instance(version, enterprise)


def _no_api(config: Config, error: GitlabError) -> NoApi:
    why = error.problem if isinstance(error, Unavailable) else str(error)
    message = f"There is no GitLab API at {config.api_url} ({why}) Check api_url."
    return NoApi(message, url=error.url, status=error.status)


def steps(config: Config, instance: Instance) -> list[Step]:
    """What is said of an address that answers."""
    found = [Step("Address", PASSED, f"Connected to {config.base_url}.", {"url": config.base_url})]
    found.append(_tls(config))
    if instance.version:
        text = f"It is GitLab {instance.version}, {instance.edition}."
        details = {"version": instance.version, "edition": instance.edition}
        found.append(Step("GitLab", PASSED, text, details))
    return found


def _tls(config: Config) -> Step:
    url = urlsplit(config.base_url)
    if url.scheme == "https":
        message = "The connection is encrypted and the server's certificate is trusted."
        if config.client_certificate:
            message += " The client certificate was accepted."
        details = {"mutual": bool(config.client_certificate)}
        return Step("TLS", PASSED, message, details, aside=True)
    if url.hostname in _LOOPBACK:
        return Step("TLS", PASSED, "No encryption, within this machine.", aside=True)
    message = (
        f"The connection to {url.netloc} is not encrypted, so the token can be read on its way."
        " Write https:// in api_url."
    )
    return Step("TLS", WARNING, message)


def failure(error: GitlabError, *, first: bool) -> Step:
    """The step of an address that does not answer as GitLab does, or (not `first`) no longer."""
    title = "Address" if first else "Connection"
    if any(isinstance(cause, SSLError) for cause in causes_of(error)):
        title = "TLS"
    # The error tells a sync what follows for its other requests.
    message = error.problem if isinstance(error, Unavailable) else str(error)
    return Step(title, FAILED, message, {"url": error.url, "status": error.status})
