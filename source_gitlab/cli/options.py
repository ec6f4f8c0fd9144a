"""Where a command's configuration comes from: flags, environment and a file, in this order.

Where renewed OAuth tokens cannot be kept on this machine, they go back into the file, for GitLab
has revoked the old pair by then (https://docs.gitlab.com/api/oauth2/).
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import yaml

from source_gitlab.config import Config, ConfigError, OAuth, parse
from source_gitlab.config.aliases import given_secrets
from source_gitlab.encodings import text_of
from source_gitlab.engine.exit_codes import UsageError
from source_gitlab.interfaces.arguments import empty, file_name
from source_gitlab.interfaces.choice import chosen
from source_gitlab.login.config_file import STANDARD_INPUT, ConfigFileRotation
from source_gitlab.tokens.errors import VaultError
from source_gitlab.tokens.location import home
from source_gitlab.tokens.lookup import credentials_of, named_profile, profile_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from source_gitlab.streams import Stream
    from source_gitlab.tokens.profiles import Profile
    from source_gitlab.tokens.rotation import TokenRotation

_DEEPEST = 20
_MOST_VALUES = 1_000_000
TOKEN_VARIABLES = ("GITLAB_TOKEN", "GITLAB_PRIVATE_TOKEN")
JOB_VARIABLE = "CI_JOB_TOKEN"

# What the dialects that a file may be written in call the fields that flags set.
_ALIASES = {
    "api_url": ("host", "base_url", "custom_base_url"),
    "groups_list": ("groups",),
    "projects_list": ("projects",),
}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Let a command take the flags that say which GitLab, and which groups and projects."""
    what = "configuration, JSON or YAML; - is standard input"
    parser.add_argument("--config", type=file_name, metavar="FILE", help=what)
    parser.add_argument("--url", help="the GitLab, if not https://gitlab.com")
    parser.add_argument("--profile", metavar="NAME", help="a sign-in of `source-gitlab login`")
    for name, what in (
        ("--group", "groups to read, with all below them: paths or ids"),
        ("--project", "projects to read: paths or ids"),
    ):
        parser.add_argument(name, nargs="+", action="extend", metavar="NAME", help=what)


def flags_of(options: argparse.Namespace) -> dict[str, Any]:
    """The fields of a configuration that these flags set."""
    given = {
        "api_url": options.url,
        "groups_list": split_names("--group", options.group),
        "projects_list": split_names("--project", options.project),
    }
    return {name: value for name, value in given.items() if value}


def configured(options: argparse.Namespace, more: Mapping[str, Any] | None = None) -> Config:
    """The configuration that the flags of `add_flags` mean, with `more` fields that flags set.

    Raises:
        ConfigError: it has a mistake, or there is no token anywhere.
        UsageError: a flag has an empty value.
    """
    file = read_file(options.config) if options.config else {}
    return assemble({**flags_of(options), **(more or {})}, os.environ, file, options.profile)


def streams_of(options: argparse.Namespace) -> dict[str, Stream]:
    """The streams that the flags of `add_choice` mean.

    Raises:
        UsageError: a name is that of no stream, or empty, or nothing is left.
    """
    return chosen(
        split_names("--select", options.select), split_names("--exclude", options.exclude)
    )


def split_names(flag: str, values: Sequence[str] | None) -> list[str]:
    """The names of a flag that may be given several times, with commas or spaces between them.

    Raises:
        UsageError: one of them is empty. Left out without a word, it would choose everything, or
            less than was meant, and what is chosen no more leaves the user's copy.
    """
    if not values:
        return []
    parts = [part.split() for part in " ".join(values).split(",")]
    if not all(parts) or not all(map(str.strip, values)):
        raise UsageError(empty(flag))
    return [name for part in parts for name in part]


# What PyYAML says of a text with several documents.
_ONE_DOCUMENT = "expected a single document in the stream"


class _Loader(yaml.SafeLoader):
    """YAML in which a date stays the text that it is: what it means is for `config` to say."""


_Loader.yaml_implicit_resolvers = {
    first: [one for one in resolvers if one[0] != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_file(path: Path) -> dict[str, Any]:
    """A configuration file, JSON or YAML; `-` is standard input.

    Raises:
        ConfigError: it cannot be read, is neither, or holds what no configuration holds.
    """
    try:
        text = sys.stdin.read() if path == STANDARD_INPUT else text_of(path.read_bytes())
        # Editors of Windows begin a file with a byte order mark.
        raw = _parsed(text.removeprefix("\ufeff"))
        _check_size(raw)
    except OSError as error:
        raise ConfigError(field="", message=f"{path} cannot be read: {error.strerror}.") from error
    except RecursionError:
        raise ConfigError(field="", message=f"{path} is nested too deeply.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        if getattr(error, "context", "") == _ONE_DOCUMENT:
            message = f"{path} holds several documents; leave the one to use, without a line `---`."
            raise ConfigError(field="", message=message) from None
        mark = getattr(error, "problem_mark", None)
        place = f" Line {mark.line + 1} is the first that cannot be read." if mark else ""
        raise ConfigError(field="", message=f"{path} is neither JSON nor YAML.{place}") from None
    except ValueError:
        # Python reads no number of more than 4,300 digits.
        message = f"{path} has a value that cannot be read, such as a number without end."
        raise ConfigError(field="", message=message) from None
    if not isinstance(raw, dict):
        raise ConfigError(field="", message=f"{path} must hold fields, like groups_list: [acme].")
    return raw


def _parsed(text: str) -> Any:
    if text.lstrip().startswith("{"):
        try:
            # YAML takes no tabs between the fields of JSON.
            return json.loads(text)
        except ValueError:
            pass  # it may be YAML in braces, which says better what is wrong
    try:
        return yaml.load(text, _Loader)  # noqa: S506 -- a safe one
    except (yaml.YAMLError, RecursionError):
        raise
    except Exception as error:
        # PyYAML's constructors of numbers and times document no exceptions.
        raise ValueError(str(error)) from error


def _check_size(raw: Any) -> None:
    """Refuse what is nested or repeated without end, which YAML's references can make.

    Raises:
        RecursionError: it is.
    """
    waiting = [(raw, 0)]
    for _ in range(_MOST_VALUES):
        if not waiting:
            return
        value, depth = waiting.pop()
        if depth > _DEEPEST:
            break
        if isinstance(value, dict):
            waiting += [(one, depth + 1) for pair in value.items() for one in pair]
        elif isinstance(value, (list, tuple, set)):
            waiting += [(one, depth + 1) for one in value]
    raise RecursionError


def assemble(
    flags: Mapping[str, Any],
    environment: Mapping[str, str],
    file: Mapping[str, Any],
    profile: str | None = None,
) -> Config:
    """The configuration: the file's fields, with those of `flags` in their place.

    The credentials are those of the `profile` that is named, else those in the file, else the token
    in the environment, else those of the last `source-gitlab login` to this GitLab.

    Raises:
        ConfigError: it has a mistake, or there is no token anywhere.
    """
    replaced = {alias for name in flags for alias in _ALIASES.get(name, ())}
    raw = {name: value for name, value in file.items() if name not in replaced}
    raw |= flags
    try:
        if profile:
            return _signed_in(raw, named_profile(profile, environment))
        if _has_credentials(file):
            return parse(_with_job_token(raw, environment))
        from_environment = _from_environment(environment)
        if from_environment:
            return parse({**raw, "credentials": from_environment})
        instance = parse({**raw, "credentials": _UNUSED}).base_url
        found = profile_of(instance, environment)
        if found:
            return _signed_in(raw, found)
    except VaultError as error:
        raise ConfigError(field="", message=str(error)) from error
    raise ConfigError(field="", message=_no_token(environment, instance))


# An address is only known once the whole configuration is read, which takes some token.
_UNUSED = {"auth_type": "access_token", "access_token": "unused-token"}
_CREDENTIALS = frozenset(
    {
        *("credentials", "auth_type", "auth", "client_access", "client_id", "client_secret"),
        *("access_token", "private_token", "personal_access_token", "api_key"),
        *("refresh_token", "token_expiry_date", "redirect_uri"),
    }
)


def _signed_in(raw: Mapping[str, Any], profile: Profile) -> Config:
    """The configuration with the tokens of a profile, of which the session takes care from there.

    Raises:
        ConfigError: the profile is of another GitLab.
        VaultError: the profile cannot be opened.
    """
    rest = {name: value for name, value in raw.items() if name not in _CREDENTIALS}
    if not {"api_url", *_ALIASES["api_url"]} & rest.keys():
        rest["api_url"] = profile.purpose.base_url
    config = parse({**rest, "credentials": credentials_of(profile)})
    if config.base_url != profile.purpose.base_url:
        message = (
            f"The profile {profile.purpose.profile} is for {profile.purpose.base_url}, not for "
            f"{config.base_url}."
        )
        raise ConfigError(field="api_url", message=message)
    if isinstance(config.credentials, OAuth):
        credentials = replace(config.credentials, profile=profile.purpose.profile)
        return replace(config, credentials=credentials)
    return config


def _with_job_token(raw: dict[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """The same with the token of the CI job that this runs in, where it asks for that."""
    credentials = raw.get("credentials")
    token = environment.get(JOB_VARIABLE, "").strip()
    if credentials != {"auth_type": "job_token"} or not token:
        return raw
    return {**raw, "credentials": {"auth_type": "job_token", "job_token": token}}


def _has_credentials(file: Mapping[str, Any]) -> bool:
    return bool({"credentials", "auth_type"} & file.keys()) or any(given_secrets(file))


def _from_environment(environment: Mapping[str, str]) -> dict[str, str] | None:
    for name in TOKEN_VARIABLES:
        token = environment.get(name, "").strip()
        if token:
            return {"auth_type": "access_token", "access_token": token}
    return None


def _no_token(environment: Mapping[str, str], instance: str) -> str:
    message = (
        f"There is no token for {instance}. Set {TOKEN_VARIABLES[0]} to an access token with the "
        "scope read_api, write credentials into a file and name it with --config, or run "
        "source-gitlab login."
    )
    if environment.get(JOB_VARIABLE):
        message += (
            f" The {JOB_VARIABLE} of this job may not read most lists: make a group or project "
            f"access token and give it to the job as the variable {TOKEN_VARIABLES[0]}, or write "
            "credentials: {auth_type: job_token} for the lists that it may read."
        )
    return message


def rotation_of(options: argparse.Namespace, config: Config) -> TokenRotation | None:
    """What keeps renewed tokens where no profile does: the file that they are from.

    Raises:
        ConfigError: the directory for profiles was named and cannot be used.
    """
    if not options.config or not isinstance(config.credentials, OAuth):
        return None
    try:
        if home() is not None:
            return None
    except VaultError as error:
        raise ConfigError(field="", message=str(error)) from error
    return ConfigFileRotation(options.config, config.credentials, read_file)
