"""The configuration: every dialect in, one canonical form out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from source_gitlab import yaml_files
from source_gitlab.config.aliases import Settings, given_secrets
from source_gitlab.config.pem import pem_or_path
from source_gitlab.config.shard import Shard
from source_gitlab.config.urls import instance_url, scope_names
from source_gitlab.config.values import SHORTEST_SECRET, ConfigError, Setting, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "AccessToken",
    "Anonymous",
    "Config",
    "ConfigError",
    "JobToken",
    "OAuth",
    "Shard",
    "load_spec",
    "parse",
    "secrets",
]

_DEFAULT_URL: Final = "https://gitlab.com"
# GitLab moves the `updated_at` of a row once a minute at most (app/models/concerns/
# throttled_touch.rb). Twice that covers the difference between the clocks of its machines.
SETTLED_MINUTES: Final = 2
# The least and the most of each number.
_NUM_WORKERS: Final = (1, 40)
_LOOKBACK: Final = (SETTLED_MINUTES, 1440)
_REQUESTS_PER_MINUTE: Final = (1, 100_000)
_TIMEOUT: Final = (1, 3600)
_AUTH_TYPES: Final = {
    "oauth20": "oauth2.0",
    "oauth2": "oauth2.0",
    "oauth": "oauth2.0",
    "accesstoken": "access_token",
    "personalaccesstoken": "access_token",
    "privatetoken": "access_token",
    "pat": "access_token",
    "jobtoken": "job_token",
    "cijobtoken": "job_token",
    "none": "none",
}
_SIGN_IN_HELP: Final = (
    'Write "credentials": {"auth_type": "access_token", "access_token": "..."} with a token that '
    'has the scope read_api, or {"auth_type": "none"} to read public data only.'
)


@dataclass(frozen=True, slots=True)
class OAuth:
    """A pair of OAuth tokens; both change at every refresh.

    `client_secret` is None for an application that is not confidential. `token_expiry_date` is
    RFC 3339 in UTC, or None when it is not known. `profile` names what was kept by a sign-in on
    this machine, if the tokens come from there.
    """

    client_id: str
    client_secret: str | None = field(repr=False)
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    token_expiry_date: str | None
    redirect_uri: str | None = None
    profile: str | None = None


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A personal, group or project access token."""

    access_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class JobToken:
    """The token of a CI job, which ends with the job and opens few of GitLab's lists."""

    access_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Anonymous:
    """No credentials: what GitLab shows to everybody."""


Credentials: TypeAlias = "OAuth | AccessToken | JobToken | Anonymous"


@dataclass(frozen=True, slots=True)
class Config:
    """What the user wants, in canonical form.

    Attributes:
        base_url: The root of the instance, with scheme and sub-path, with no slash at the end.
        credentials: How to sign in.
        groups: Full paths or ids (as digits) of groups, each once, in the letter case typed.
        projects: The same of projects.
        former_url: The root that the instance had before it was renamed, in the form of
            `base_url`; states that were made there are gone on with. None for most.
        start_date: RFC 3339 in UTC with Z, with milliseconds when there are any; None reads all.
        num_workers: How many requests are under way at once, 1 to 40.
        ca_certificate: PEM text or the path of a file, of the authority that the server's
            certificate comes from; None trusts what the system trusts.
        client_certificate: PEM text or the path of a file, for mutual TLS; comes with the key.
        client_private_key: PEM text or the path of a file, with no passphrase.
        include_archived: Whether archived projects are read.
        lookback_minutes: How far before its watermark a stream reads again, 2 to 1440.
        commit_refs: "default" follows the default branch of each project, "all" every branch.
        statistics: Whether to ask for the sizes and counts of projects.
        max_requests_per_minute: A limit below GitLab's own, or None.
        request_timeout: Seconds to wait for an answer, 1 to 3600.
        shard: The part of the work that this read takes of several; None takes all of it.
    """

    base_url: str
    credentials: Credentials
    groups: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    former_url: str | None = None
    start_date: str | None = None
    num_workers: int = 20
    ca_certificate: str | None = field(default=None, repr=False)
    client_certificate: str | None = field(default=None, repr=False)
    client_private_key: str | None = field(default=None, repr=False)
    include_archived: bool = True
    lookback_minutes: int = 10
    commit_refs: str = "default"
    statistics: bool = True
    max_requests_per_minute: int | None = None
    request_timeout: int = 60
    shard: Shard | None = None

    @property
    def api_url(self) -> str:
        """The root of version 4 of the REST API."""
        return f"{self.base_url}/api/v4"


def parse(raw: Mapping[str, object]) -> Config:
    """Returns the canonical form of a configuration in any dialect.

    Reads nothing but whether the files exist that certificates are said to be in.

    Raises:
        ConfigError: The configuration has a mistake; the first one found.
    """
    try:
        return _parse(Settings(raw))
    except ConfigError as error:
        # The messages are written not to hold secrets. A token typed into a second, wrong field
        # as well is the case that they cannot know.
        message = str(error)
        for secret in sorted(given_secrets(raw), key=len, reverse=True):
            if len(secret) >= SHORTEST_SECRET:
                message = message.replace(secret, "[secret]")
        raise ConfigError(error.field, message) from None


def load_spec() -> dict[str, Any]:
    """Returns Airbyte's connector specification: a fresh copy of what is in `spec.yaml`."""
    spec: dict[str, Any] = yaml_files.read("config", "spec.yaml")
    return spec


def secrets(config: Config) -> tuple[str, ...]:
    """Returns every text that must not appear in output, the longest first.

    A private key is there as a whole and line by line, since tools print parts of it.
    """
    found: set[str] = set()
    match config.credentials:
        case OAuth(client_secret=client_secret, access_token=access, refresh_token=refresh):
            found |= {access, refresh, client_secret or ""}
        case AccessToken(access_token=access) | JobToken(access_token=access):
            found.add(access)
        case Anonymous():
            pass
    key = config.client_private_key or ""
    if "-----BEGIN" in key:
        # The last line of a key can be so short that ordinary words contain it.
        lines = (line for line in key.splitlines() if "-----" not in line)
        found |= {key, *(line for line in lines if len(line) >= SHORTEST_SECRET)}
    return tuple(sorted(found - {""}, key=lambda text: (-len(text), text)))


def _parse(settings: Settings) -> Config:
    base_url = _base_url(settings)
    credentials = _credentials(settings)
    groups, projects = settings.names()
    group_names = scope_names(groups, base_url, "group") if groups else ()
    project_names = scope_names(projects, base_url, "project") if projects else ()
    if isinstance(credentials, Anonymous) and not (group_names or project_names):
        remedy = "with no token there is no membership to go by, so name public groups here"
        settings.required("groups", None, f"{remedy}, or public projects under projects_list")
    certificate, key = _client_certificate(settings)
    authority = settings.first("ca_certificate")
    former = settings.first("former_url")
    start, refs = settings.first("start_date"), settings.first("commit_refs")
    archived, statistics = settings.first("include_archived"), settings.first("statistics")
    workers, lookback = settings.first("num_workers"), settings.first("lookback_minutes")
    rate, timeout = settings.first("max_requests_per_minute"), settings.first("request_timeout")
    shard = settings.first("shard")
    return Config(
        base_url=base_url,
        credentials=credentials,
        groups=group_names,
        projects=project_names,
        former_url=instance_url(former) if former else None,
        start_date=start.instant() if start else None,
        num_workers=workers.whole(*_NUM_WORKERS) if workers else 20,
        ca_certificate=pem_or_path(authority, "certificate") if authority else None,
        client_certificate=certificate,
        client_private_key=key,
        include_archived=archived.flag() if archived else True,
        lookback_minutes=lookback.whole(*_LOOKBACK) if lookback else 10,
        commit_refs=_commit_refs(refs) if refs else "default",
        statistics=statistics.flag() if statistics else True,
        max_requests_per_minute=rate.whole(*_REQUESTS_PER_MINUTE) if rate else None,
        request_timeout=timeout.whole(*_TIMEOUT) if timeout else 60,
        shard=_shard(shard) if shard else None,
    )


def _base_url(settings: Settings) -> str:
    given = settings.all("api_url")
    # In Fivetran's form, base_url is a choice between two words, and the address is elsewhere.
    choice = next((setting.word() for setting in given if setting.name == "base_url"), "")
    if choice in {"default", "custom"}:
        ignored = {"base_url", "custom_base_url"} if choice == "default" else {"base_url"}
        given = [setting for setting in given if setting.name not in ignored]
        if choice == "custom" and not given:
            Setting("custom_base_url", None).fail(
                "this is missing, and base_url says custom. Write the address of your GitLab "
                "here, like gitlab.example.com."
            )
    urls = [instance_url(setting) for setting in given]
    for url, setting in zip(urls, given, strict=True):
        if url != urls[0]:
            given[0].fail_differing(setting)
    return urls[0] if urls else _DEFAULT_URL


def _credentials(settings: Settings) -> Credentials:
    auth_type = _auth_type(settings)
    if auth_type == "none":
        return Anonymous()
    if auth_type == "job_token":
        token = settings.one("job_token", "access_token")
        return JobToken(
            settings.required("job_token", token, "write the CI_JOB_TOKEN of the job here").secret()
        )
    if auth_type == "access_token":
        token = settings.one("private_token", "access_token")
        return AccessToken(
            settings.required("access_token", token, "write the token here").secret()
        )
    return _oauth(settings)


def _oauth(settings: Settings) -> OAuth:
    client_id = settings.required(
        "client_id",
        settings.one("client_id"),
        "write the Application ID of your GitLab application here",
    )
    client_secret = settings.one("client_secret")
    access = settings.required(
        "access_token",
        settings.one("access_token"),
        "connect again to get a new pair of tokens",
    )
    refresh = settings.required(
        "refresh_token",
        settings.one("refresh_token"),
        "an OAuth access token lives two hours and cannot be renewed without it. Connect again, "
        "or set auth_type to access_token to use the access token as it is",
    )
    expiry, redirect = settings.first("token_expiry_date"), settings.first("redirect_uri")
    return OAuth(
        client_id=client_id.identifier(),
        client_secret=client_secret.secret() if client_secret else None,
        access_token=access.secret(),
        refresh_token=refresh.secret(),
        token_expiry_date=expiry.instant() if expiry else None,
        redirect_uri=redirect.text() if redirect else None,
    )


def _auth_type(settings: Settings) -> str:
    """Returns how to sign in: as the user says, else as the fields that are there suggest."""
    for setting in settings.all("auth_type"):
        if setting.name == "auth" and not isinstance(setting.value, str):
            continue
        text = setting.text()
        auth_type = _AUTH_TYPES.get(re.sub(r"[^a-z0-9]", "", text.casefold()))
        if auth_type is None:
            setting.fail(f"{shown(text)} is not one of oauth2.0, access_token, job_token and none.")
        return auth_type
    oauth = (
        settings.first("refresh_token")
        or settings.first("client_id")
        or settings.first("client_secret")
    )
    private = settings.first("private_token")
    if oauth and private:
        Setting("credentials.auth_type", None).fail(
            f"{oauth.name} suggests oauth2.0, but {private.name} suggests access_token. "
            "Write here which of the two it is."
        )
    if oauth:
        return "oauth2.0"
    if settings.first("job_token") and not (private or settings.first("access_token")):
        return "job_token"
    if not (private or settings.first("access_token")):
        Setting("credentials", None).fail(f"there is no token. {_SIGN_IN_HELP}")
    return "access_token"


def _client_certificate(settings: Settings) -> tuple[str | None, str | None]:
    """Returns certificate and key for mutual TLS, or None twice."""
    switch = settings.first("enable_mtls_connection")
    certificate, key = settings.first("client_certificate"), settings.first("client_private_key")
    if not (switch.flag() if switch else certificate or key):
        return None, None
    certificate = settings.required(
        "client_certificate", certificate, "paste the certificate that belongs to the key"
    )
    key = settings.required(
        "client_private_key", key, "paste the key that belongs to the certificate"
    )
    return pem_or_path(certificate, "certificate"), pem_or_path(key, "private key")


def _commit_refs(setting: Setting) -> str:
    if setting.word() not in {"default", "all"}:
        setting.fail("write default, for each project's default branch, or all, for every branch.")
    return setting.word()


def _shard(setting: Setting) -> Shard | None:
    try:
        shard = Shard.parse(setting.text())
    except ValueError as error:
        if isinstance(error, ConfigError):
            raise
        setting.fail(str(error))
    return shard if shard.of > 1 else None
