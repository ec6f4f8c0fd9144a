"""What can be configured, as Flow's form shows it: made of the one specification of all settings.

Estuary's form tells the variants of `credentials` apart by a discriminator with a constant, and
whatever is marked `secret` is sealed by name before it is kept. Names of other connectors' fields
are not shown, but taken all the same.
"""

from __future__ import annotations

import re
from typing import Any, Final

from source_gitlab.config import load_spec
from source_gitlab.interfaces.flow import intervals

PROTOCOL: Final = 3032023
"""The version of the protocol, by which the runtime knows it."""

PROVIDER: Final = "gitlab"
_ARMS: Final = ("oauth2.0", "access_token", "none")
_TAG: Final = re.compile(r"</?(?:a|code)\b[^>]*>")
_COPIED: Final = (
    "title", "description", "type", "format", "pattern", "default", "examples", "enum", "items",
    "minimum", "maximum", "multiline", "order",
)  # fmt: skip
_INTERVAL: Final[dict[str, Any]] = {
    "title": "Interval",
    "type": "string",
    "pattern": intervals.PATTERN,
    "examples": ["PT5M", "PT1H", "P1D"],
}
# The name by which Estuary's own documentation has the token; it must be sealed like the other.
_ESTUARY_TOKEN: Final[dict[str, Any]] = {
    "title": "Personal Access Token",
    "description": "Another name for the access token. Leave it empty if you filled that in.",
    "type": "string",
    "secret": True,
    "order": 2,
}


def spec() -> dict[str, Any]:
    """The answer to a request for the specification."""
    return {
        "protocol": PROTOCOL,
        "configSchema": config_schema(),
        "resourceConfigSchema": resource_schema(),
        "documentationUrl": load_spec()["documentationUrl"],
        "resourcePathPointers": ["/stream"],
        "oauth2": _oauth2(),
    }


def config_schema() -> dict[str, Any]:
    """The JSON schema of a configuration; its root is open, because sealing adds to it."""
    settings = load_spec()["connectionSpecification"]["properties"]
    shown = {
        name: _field(one)
        for name, one in settings.items()
        if not one.get("airbyte_hidden") and name != "credentials"
    }
    interval = {
        **_INTERVAL,
        "description": (
            "How long to wait before what changed is read again, like PT5M or PT1H. With PT0S the"
            " capture ends when everything was read, and the runtime starts it again."
        ),
        "default": intervals.DEFAULT,
        "order": 1 + max(int(one["order"]) for one in shown.values()),
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "GitLab",
        "type": "object",
        "required": ["credentials"],
        "properties": {
            "credentials": _credentials(settings["credentials"]),
            **shown,
            "interval": interval,
        },
    }


def resource_schema() -> dict[str, Any]:
    """The JSON schema of a binding's configuration."""
    stream = {
        "title": "Stream",
        "description": "Which rows of GitLab are captured.",
        "type": "string",
        "order": 0,
    }
    interval = {
        **_INTERVAL,
        "description": "How long to wait before this stream is read again, if not as all others.",
        "order": 1,
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "GitLab stream",
        "type": "object",
        "required": ["stream"],
        "properties": {"stream": stream, "interval": interval},
    }


def _credentials(given: dict[str, Any]) -> dict[str, Any]:
    arms = {arm["properties"]["auth_type"]["const"]: arm for arm in given["oneOf"]}
    shown = [_arm(name, arms[name]) for name in _ARMS]
    oauth, token, _ = shown
    oauth["x-oauth2-provider"] = PROVIDER
    token["properties"]["personal_access_token"] = _ESTUARY_TOKEN
    # One of the two names; a form that cannot say so shows both.
    del token["required"]
    token["anyOf"] = [{"required": [name]} for name in ("access_token", "personal_access_token")]
    return {
        "title": given["title"],
        "description": _plain(given["description"]),
        "type": "object",
        "order": 0,
        "discriminator": {"propertyName": "auth_type"},
        "oneOf": shown,
    }


def _arm(name: str, arm: dict[str, Any]) -> dict[str, Any]:
    fields = {
        field: _field(one)
        for field, one in arm["properties"].items()
        if not one.get("airbyte_hidden")
    }
    fields["auth_type"] |= {"const": name, "default": name}
    # Without a type, credentials are told apart by what else is in them; these have nothing else.
    required = ["auth_type"] if name == "none" else [
        one for one in arm["required"] if one != "auth_type"
    ]  # fmt: skip
    return {"title": arm["title"], "type": "object", "required": required, "properties": fields}


def _field(one: dict[str, Any]) -> dict[str, Any]:
    field: dict[str, Any] = {name: one[name] for name in _COPIED if name in one}
    field["description"] = _plain(one["description"])
    if one.get("airbyte_secret"):
        field["secret"] = True
    return field


def _plain(text: str) -> str:
    return _TAG.sub("", text)


def _oauth2() -> dict[str, Any]:
    """How to sign in at gitlab.com, with PKCE; templates are Mustache.

    An application belongs to one GitLab, and its secret goes to no other address: with a GitLab of
    one's own, tokens of an application there are filled in.
    """
    query = {
        "client_id": "{{{ client_id }}}",
        "redirect_uri": "{{#urlencode}}{{{ redirect_uri }}}{{/urlencode}}",
        "response_type": "code",
        "state": "{{{ state }}}",
        "scope": "read_api",
        "code_challenge": "{{{ code_challenge }}}",
        "code_challenge_method": "{{{ code_challenge_method }}}",
    }
    body = {
        "grant_type": "authorization_code",
        "client_id": "{{{ client_id }}}",
        "client_secret": "{{{ client_secret }}}",
        "redirect_uri": "{{#urlencode}}{{{ redirect_uri }}}{{/urlencode}}",
        "code": "{{#urlencode}}{{{ code }}}{{/urlencode}}",
        "code_verifier": "{{{ code_verifier }}}",
    }
    return {
        "provider": PROVIDER,
        "authUrlTemplate": f"https://gitlab.com/oauth/authorize?{_form(query)}",
        "accessTokenUrlTemplate": "https://gitlab.com/oauth/token",
        "accessTokenBody": _form(body),
        "accessTokenHeaders": {"content-type": "application/x-www-form-urlencoded"},
        "accessTokenResponseMap": {
            "access_token": "/access_token",
            "refresh_token": "/refresh_token",
            "token_expiry_date": "{{#now_plus}}{{ expires_in }}{{/now_plus}}",
        },
    }


def _form(fields: dict[str, str]) -> str:
    return "&".join(f"{name}={value}" for name, value in fields.items())
