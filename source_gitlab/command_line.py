"""Where a command's configuration comes from: flags, environment and a file, in this order.

A renewed pair of OAuth tokens goes back into the file, for GitLab has revoked the old pair by then
(https://docs.gitlab.com/api/oauth2/).
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from source_gitlab.client.errors import FatalError
from source_gitlab.config import Config, ConfigError, OAuth, parse
from source_gitlab.dialects import given_secrets

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence

    from source_gitlab.client.auth import Rotated

TOKEN_VARIABLES = ("GITLAB_TOKEN", "GITLAB_PRIVATE_TOKEN")

# What the dialects that a file may be written in call the fields that flags set.
_ALIASES = {
    "api_url": ("host", "base_url", "custom_base_url"),
    "groups_list": ("groups",),
    "projects_list": ("projects",),
}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Let a command take the flags that say which GitLab, and which groups and projects."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="configuration, JSON or YAML")
    parser.add_argument("--url", help="the GitLab, if not https://gitlab.com")
    for name, what in (
        ("--group", "groups to read, with all below them: paths or ids"),
        ("--project", "projects to read: paths or ids"),
    ):
        parser.add_argument(name, nargs="+", action="extend", metavar="NAME", help=what)


def flags_of(options: argparse.Namespace) -> dict[str, Any]:
    """The fields of a configuration that these flags set."""
    given = {
        "api_url": options.url,
        "groups_list": names(options.group),
        "projects_list": names(options.project),
    }
    return {name: value for name, value in given.items() if value}


def names(values: Sequence[str] | None) -> list[str]:
    """The names of a flag that may be given several times, with commas or spaces between them."""
    return [part for value in values or () for part in value.replace(",", " ").split()]


def read_file(path: Path) -> dict[str, Any]:
    """A configuration file, JSON or YAML (of which JSON is a part).

    Raises:
        ConfigError: it cannot be read, or is neither.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(field="", message=f"{path} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" Line {mark.line + 1} is the first that cannot be read." if mark else ""
        raise ConfigError(field="", message=f"{path} is neither JSON nor YAML.{place}") from None
    if not isinstance(raw, dict):
        raise ConfigError(field="", message=f"{path} must hold fields, like groups_list: [acme].")
    return raw


def assemble(
    flags: Mapping[str, Any], environment: Mapping[str, str], file: Mapping[str, Any]
) -> Config:
    """The configuration: the file's fields, with those of `flags` in their place.

    A token from the environment counts only where the file has no credentials.

    Raises:
        ConfigError: it has a mistake, or there is no token anywhere.
    """
    replaced = {alias for name in flags for alias in _ALIASES.get(name, ())}
    raw = {name: value for name, value in file.items() if name not in replaced}
    raw |= flags
    if not _has_credentials(file):
        raw["credentials"] = _from_environment(environment)
    return parse(raw)


def _has_credentials(file: Mapping[str, Any]) -> bool:
    return bool({"credentials", "auth_type"} & file.keys()) or any(given_secrets(file))


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    for name in TOKEN_VARIABLES:
        token = environment.get(name, "").strip()
        if token:
            return {"auth_type": "access_token", "access_token": token}
    message = (
        "There is no token. Set GITLAB_TOKEN to an access token with the scope read_api, or write "
        "credentials into a file and name it with --config."
    )
    if environment.get("CI_JOB_TOKEN"):
        message += (
            " The CI_JOB_TOKEN of this job may not read these lists: make a group or project "
            "access token and give it to the job as the variable GITLAB_TOKEN."
        )
    raise ConfigError(field="", message=message)


def keep_rotated(path: Path, config: Config) -> Callable[[Rotated], None]:
    """What writes each renewed pair of tokens into the file that the first pair came from.

    The old texts are replaced where they stand, so that comments and layout stay.
    """
    given = config.credentials
    current = {}
    if isinstance(given, OAuth):
        current = {"access_token": given.access_token, "refresh_token": given.refresh_token}
        if given.token_expiry_date:
            current["token_expiry_date"] = given.token_expiry_date

    def keep(rotated: Rotated) -> None:
        try:
            text = path.read_text(encoding="utf-8")
            for name in ("access_token", "refresh_token"):
                if current[name] not in text:
                    raise FatalError(_lost(path, f"its {name} is not the one in use"))
            for name, old in current.items():
                text = text.replace(old, rotated[name])
            _replace(path, text)
        except OSError as error:
            raise FatalError(_lost(path, str(error.strerror))) from error
        current.update({name: rotated[name] for name in current})

    return keep


def _lost(path: Path, why: str) -> str:
    return (
        f"GitLab renewed the OAuth tokens, but they could not be written to {path} ({why}). "
        "Authorize again and put the new tokens there."
    )


def _replace(path: Path, text: str) -> None:
    """Write beside the file and rename, so that a crash leaves the old tokens or the new ones."""
    target = path.resolve()
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=target.parent, prefix=target.name, delete=False
    ) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    written = Path(file.name)
    written.chmod(target.stat().st_mode)
    written.replace(target)
