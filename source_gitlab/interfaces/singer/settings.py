"""The settings of the tap, and what it says of itself: `--about`, and Meltano's plugin definition.

They are the fields of the connector's specification; of credentials, those of all ways to sign in.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

import yaml

from source_gitlab.config import load_spec
from source_gitlab.config.values import Setting
from source_gitlab.distribution import DISTRIBUTION
from source_gitlab.interfaces.singer.catalog import SWITCHES, default_choices

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Json = dict[str, Any]

NAME: Final = "tap-gitlab"
CAPABILITIES: Final = ("about", "activate-version", "catalog", "discover", "state", "test")
VERSIONS: Final = "emit_activate_version_messages"
DESPITE_SKIPS: Final = "activate_version_despite_skips"

_DESCRIPTION: Final = "Reads a GitLab, gitlab.com or self-managed."
_TAG: Final = re.compile(r"<[^>]+>")
# What configurations of other taps have; Meltano passes on no setting that it does not know.
_OF_OTHER_TAPS: Final = ("private_token", "groups", "projects")
_SWITCH: Final = "Whether {} are read where nothing is selected. Other taps have this setting."
_OWN: Final[Json] = {
    VERSIONS: {
        "title": "Tell What Is Gone",
        "description": (
            "Ends streams that are read as a whole with an ACTIVATE_VERSION message, by which"
            " targets remove rows that GitLab has no more."
        ),
        "type": "boolean",
        "default": False,
    },
    DESPITE_SKIPS: {
        "title": "Tell It Despite Skips",
        "description": (
            "Ends a stream so as well when GitLab refused a part of it, such as the branches of a"
            " project whose repository is switched off. What a target has of that part is removed"
            " then."
        ),
        "type": "boolean",
        "default": False,
    },
}


class Versions(Enum):
    """When a stream that is read as a whole ends with ACTIVATE_VERSION."""

    NEVER = "never"
    WHOLE = "whole"
    """When nothing of it was skipped."""
    COMPLETE = "complete"
    """When nothing of it failed."""


def versions_of(raw: Mapping[str, Any]) -> Versions:
    """When a configuration wants ACTIVATE_VERSION messages.

    Raises:
        ConfigError: what it has there is neither true nor false.
    """
    wanted, despite_skips = _flag(raw, VERSIONS), _flag(raw, DESPITE_SKIPS)
    if not wanted:
        return Versions.NEVER
    return Versions.COMPLETE if despite_skips else Versions.WHOLE


def switches_of(raw: Mapping[str, Any]) -> dict[str, bool]:
    """The switches of other taps that a configuration sets.

    Raises:
        ConfigError: one of them is neither true nor false.
    """
    found = {name: _flag(raw, name) for name in SWITCHES}
    return {name: value for name, value in found.items() if value is not None}


def _flag(raw: Mapping[str, Any], name: str) -> bool | None:
    value = raw.get(name)
    return None if value in {None, ""} else Setting(name, value).flag()


def settings() -> dict[str, Json]:
    """The settings that people fill in, by name with dots, each as a JSON schema.

    Secrets have `secret`, and what only other taps' configurations have is `hidden`.
    """
    properties = load_spec()["connectionSpecification"]["properties"]
    found = dict(_visible(properties, ""))
    found |= _OWN
    for name in _OF_OTHER_TAPS:
        found[name] = {"type": "string", **_schema(properties[name]), "hidden": True}
    for name, streams in SWITCHES.items():
        found[name] = {
            "title": name.replace("_", " ").title(),
            "description": _SWITCH.format(" and ".join(streams)),
            "type": "boolean",
            "hidden": True,
        }
    return found


def _visible(properties: Mapping[str, Any], above: str) -> Iterator[tuple[str, Json]]:
    for name, one in properties.items():
        if one.get("airbyte_hidden"):
            continue
        variants = one.get("oneOf")
        if variants is None:
            yield f"{above}{name}", _schema(one)
            continue
        merged: dict[str, Json] = {}
        for variant in variants:
            for inner, schema in _visible(variant["properties"], f"{above}{name}."):
                known = merged.setdefault(inner, schema)
                if known is schema:
                    continue
                if "enum" in schema:
                    known["enum"] += schema["enum"]
                elif known["description"] != schema["description"]:
                    known["description"] += f" Or: {schema['description']}"
        yield from merged.items()


def _schema(one: Mapping[str, Any]) -> Json:
    """A field of the specification without what only its form needs."""
    kept = ("type", "format", "items", "enum", "default", "minimum", "maximum", "examples")
    schema: Json = {"title": one["title"], "description": _plain(one["description"])}
    schema |= {key: one[key] for key in kept if key in one}
    if "const" in one:
        schema["enum"] = [one["const"]]
        schema["description"] = "How you sign in."
    if one.get("airbyte_secret"):
        schema["secret"] = True
    return schema


def _plain(text: str) -> str:
    return " ".join(_TAG.sub("", text).split())


def about(version: str) -> Json:
    """What the tap says of itself, in the form of Meltano's SDK."""
    return {
        "name": NAME,
        "description": _DESCRIPTION,
        "version": version,
        "capabilities": list(CAPABILITIES),
        "settings": {"type": "object", "properties": settings()},
    }


def about_in_markdown(version: str) -> str:
    """The same for people."""
    lines = [f"# {NAME} {version}", "", _DESCRIPTION, "", "## Capabilities", ""]
    lines += [f"* `{one}`" for one in CAPABILITIES]
    lines += ["", "## Settings", "", "| Setting | Type | What it is |", "| --- | --- | --- |"]
    lines += [
        f"| `{name}` | {one['type']} | {one['description']} |"
        for name, one in settings().items()
        if not one.get("hidden")
    ]
    return "\n".join(lines) + "\n"


def plugin() -> str:
    """The definition that `meltano add --from-ref` takes.

    https://docs.meltano.com/reference/plugin-definition-syntax
    """
    definition = {
        "plugin_type": "extractors",
        "name": NAME,
        "namespace": NAME.replace("-", "_"),
        "variant": DISTRIBUTION,
        "label": "GitLab",
        "description": _DESCRIPTION,
        "pip_url": DISTRIBUTION,
        "executable": NAME,
        "capabilities": list(CAPABILITIES),
        "settings": [_setting(name, one) for name, one in settings().items()],
    }
    head = f"# Generated by `{NAME} --about --format plugin`.\n"
    return head + yaml.safe_dump(definition, sort_keys=False, allow_unicode=True, width=100)


def selection() -> list[str]:
    """The patterns by which Meltano selects what is read by default.

    It selects all streams else, of which some cost a request for each issue, and takes no patterns
    from a definition.
    """
    return [f"{one.stream.name}.*" for one in default_choices()]


def _setting(name: str, one: Json) -> Json:
    setting: Json = {
        "name": name,
        "label": one["title"],
        "kind": _kind(one),
        "description": one["description"],
    }
    if "enum" in one:
        setting["options"] = [{"label": value, "value": value} for value in one["enum"]]
    if one.get("secret"):
        setting["sensitive"] = True
    if one.get("hidden"):
        setting["hidden"] = True
    if "default" in one:
        setting["value"] = one["default"]
    return setting


def _kind(one: Json) -> str:
    if "enum" in one:
        return "options"
    if one.get("format") == "date-time":
        return "date_iso8601"
    return str(one["type"])


def environment(variables: Mapping[str, str]) -> Json:
    """The configuration in environment variables, for `--config ENV`: TAP_GITLAB_START_DATE, ….

    A dot in the name of a setting is a `_` there. Lists may be JSON, or names with commas.
    """
    raw: Json = {}
    for name in settings():
        value = variables.get(f"TAP_GITLAB_{name.replace('.', '_').upper()}", "")
        if value:
            place = raw
            *above, last = name.split(".")
            for part in above:
                place = place.setdefault(part, {})
            place[last] = value
    return raw
