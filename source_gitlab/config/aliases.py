"""The names that other GitLab connectors give to the fields of one configuration.

A configuration written for Airbyte's, Estuary's or Fivetran's connector, for a Singer tap or for
the agent SDK works here as it is. This module knows only names: which field of which dialect means
what. What a value may be is the matter of `config`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from source_gitlab.config.values import ConfigError, Setting, kind

if TYPE_CHECKING:
    from collections.abc import Iterator

# Our name on the left; on the right where a dialect keeps the value, the most telling place first.
# The first one is the name that documentation and error messages use.
_PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "auth_type": ("credentials.auth_type", "auth_type", "auth"),
    "access_token": ("credentials.access_token", "access_token", "auth.access_token"),
    # Names under which a dialect keeps a personal access token and never an OAuth one.
    "private_token": (
        "credentials.personal_access_token",
        "credentials.private_token",
        "credentials.api_key",
        "personal_access_token",
        "private_token",
        "api_key",
    ),
    "job_token": ("credentials.job_token",),
    "refresh_token": ("credentials.refresh_token", "refresh_token", "auth.refresh_token"),
    "token_expiry_date": ("credentials.token_expiry_date", "token_expiry_date"),
    "client_id": (
        "credentials.client_id",
        "client_id",
        "client_access.client_id",
        "auth.client_access.client_id",
    ),
    "client_secret": (
        "credentials.client_secret",
        "client_secret",
        "client_access.client_secret",
        "auth.client_access.client_secret",
    ),
    "redirect_uri": ("credentials.redirect_uri", "redirect_uri"),
    # Airbyte's connector looks into the old string only when the new array is empty.
    "groups": ("groups_list", "groups"),
    "projects": ("projects_list", "projects"),
    "api_url": ("api_url", "host", "custom_base_url", "base_url"),
    "former_url": ("former_api_url",),
    "start_date": ("start_date",),
    "num_workers": ("num_workers",),
    "ca_certificate": ("ca_certificate",),
    "client_certificate": ("client_certificate",),
    "client_private_key": ("client_private_key",),
    "enable_mtls_connection": ("enable_mtls_connection",),
    "include_archived": ("include_archived",),
    "lookback_minutes": ("lookback_minutes", "lookback"),
    "commit_refs": ("commit_refs",),
    "statistics": ("statistics",),
    "max_requests_per_minute": ("max_requests_per_minute",),
    "request_timeout": ("request_timeout",),
    "shard": ("shard",),
}

_SECRETS: Final = (
    "access_token",
    "private_token",
    "job_token",
    "refresh_token",
    "client_secret",
    "client_private_key",
)

# Fields that hold fields. `auth` is an object in Fivetran's API and a plain word in its form.
_OBJECTS: Final = ("credentials", "client_access", "auth", "auth.client_access")

_KNOWN: Final = frozenset(_OBJECTS).union(*_PLACES.values())

# Alike enough to be a slip of the finger, not so alike that a platform's own fields are taken for
# one: `group_list` and `start_dat` are caught, Fivetran's `group_id` and Singer's `end_date` not.
_ALIKE: Final = 0.85


class Settings:
    """A configuration in any dialect, asked by our names.

    A blank value (null, "", " ", [], [""]) counts as not given: forms send them for what the user
    left empty. Names of groups and projects are the exception (`names`).

    Raises:
        ConfigError: The configuration, or a part of it that holds fields, is no object, or a
            field's name is almost, but not quite, one that we know.
    """

    def __init__(self, raw: object) -> None:
        if not isinstance(raw, Mapping):
            message = 'The configuration must be a JSON object, like {"credentials": {...}}'
            raise ConfigError(field="", message=f"{message}, not {kind(raw)}.")
        self._values = dict(_flatten(_unwrap(raw), ""))
        for name in _OBJECTS:
            value = self._values.get(name)
            if not (_is_blank(value) or isinstance(value, Mapping) or name == "auth"):
                Setting(name, value).fail(
                    f"this must be an object with fields in it, not {kind(value)}."
                )
        for name, value in self._values.items():
            _reject_slip(Setting(name, value))

    def all(self, what: str) -> list[Setting]:
        """Returns every value given for one of our names, the most telling first."""
        return [
            Setting(place, self._values[place])
            for place in _PLACES[what]
            if not _is_blank(self._values.get(place))
        ]

    def required(self, what: str, setting: Setting | None, remedy: str) -> Setting:
        """Returns the setting, or raises a ConfigError that says where to write it."""
        if setting is None:
            Setting(_PLACES[what][0], None).fail(f"this is missing; {remedy}.")
        return setting

    def first(self, what: str) -> Setting | None:
        """Returns the most telling value given for one of our names."""
        return next(iter(self.all(what)), None)

    def names(self) -> tuple[Setting | None, Setting | None]:
        """Returns what names groups and what names projects; an empty list names none.

        A name that is blank, alone or in a list, is a name: it says that something was to be
        chosen. Only the forms of other connectors send a blank text for what was left empty, so
        there it counts for nothing where something else says what to read.
        """
        groups, projects = self._named("groups"), self._named("projects")
        for mine, others in ((groups, projects), (projects, groups)):
            if any(map(_is_empty_list, mine)) or any(map(_is_telling, others)):
                mine[:] = [one for one in mine if not _is_left_empty(one)]
        chosen = (
            next((one for one in own if not _is_empty_list(one)), None)
            for own in (groups, projects)
        )
        return next(chosen), next(chosen)

    def _named(self, what: str) -> list[Setting]:
        given = (Setting(place, self._values.get(place)) for place in _PLACES[what])
        return [one for one in given if one.value is not None and one.value != {}]

    def one(self, *what: str) -> Setting | None:
        """Returns the value given under any of our names, where more than one is an ambiguity.

        Raises:
            ConfigError: Two fields that mean the same thing hold different texts.
        """
        given = [setting for name in what for setting in self.all(name)]
        for other in given[1:]:
            if given[0].text() != other.text():
                given[0].fail_differing(other)
        return given[0] if given else None


def given_secrets(raw: object) -> Iterator[str]:
    """Yields every secret text in a configuration, however wrong the rest of it is.

    For blotting them out of messages: it must work on exactly the configurations that fail.
    """
    if not isinstance(raw, Mapping):
        return
    values = dict(_flatten(_unwrap(raw), ""))
    for what in _SECRETS:
        for place in _PLACES[what]:
            value = values.get(place)
            if isinstance(value, str) and value.strip():
                yield value.strip()


def _unwrap(raw: Mapping[object, object]) -> Mapping[object, object]:
    """Returns the fields of a Fivetran API request, which keeps them in `config` and `auth`."""
    config = raw.get("config")
    if raw.get("service") != "gitlab" or not isinstance(config, Mapping):
        return raw
    fields: dict[object, object] = {**config, "auth_type": config.get("auth")}
    fields["auth"] = raw.get("auth")
    return fields


def _flatten(raw: Mapping[object, object], parent: str) -> Iterator[tuple[str, object]]:
    for key, value in raw.items():
        name = f"{parent}{key}"
        yield name, value
        if name in _OBJECTS and isinstance(value, Mapping):
            yield from _flatten(value, f"{name}.")


def _is_blank(value: object) -> bool:
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, (list, tuple)):
        return all(map(_is_blank, value))
    return value is None or value == {}


def _is_empty_list(setting: Setting) -> bool:
    return setting.value in ([], ()) or setting.word() == "[]"


def _is_left_empty(setting: Setting) -> bool:
    return not setting.name.endswith("_list") and setting.word() == "" and _is_blank(setting.value)


def _is_telling(setting: Setting) -> bool:
    return not (_is_blank(setting.value) or _is_empty_list(setting))


def _reject_slip(setting: Setting) -> None:
    parent, _, name = setting.name.rpartition(".")
    # Platforms add fields of their own, and mark them so.
    if setting.name in _KNOWN or name.startswith("_"):
        return
    siblings = [place for place in _KNOWN if place.rpartition(".")[0] == parent]
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").lower()
    dotted = f"{parent}.{plain}" if parent else plain
    close = difflib.get_close_matches(dotted[:80], sorted(siblings), n=1, cutoff=_ALIKE)
    if close:
        raise ConfigError(
            setting.name, f"There is no field {setting.name}. Did you mean {close[0]}?"
        )
