"""Mistakes in a configuration: the message names the field, and shows no secret."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from integration_tests.support.configurations import (
    ACCESS,
    CERTIFICATE,
    KEY,
    KEY_LINES,
    OAUTH,
    PAT,
    REFRESH,
    SECRET,
    TOKEN,
    pem,
)
from source_gitlab.config import (
    ConfigError,
    parse,
)


def with_token(**fields: object) -> dict[str, object]:
    """A good configuration, but for what is given."""
    return {"credentials": PAT, **fields}


def without(field: str) -> dict[str, object]:
    """OAuth credentials that lack one field."""
    return {"credentials": {k: v for k, v in OAUTH.items() if k != field}}


# What is wrong, the field that the error names, and what it says about it.
MISTAKES: list[tuple[object, str, str]] = [
    # The whole
    ([], "", "must be a JSON object"),
    (None, "", "must be a JSON object"),
    # Credentials
    ({}, "credentials", '"auth_type": "access_token"'),
    ({"credentials": None}, "credentials", "there is no token"),
    ({"credentials": TOKEN}, "credentials", "must be an object with fields in it, not text"),
    ({"credentials": []}, "credentials", "there is no token"),
    ({"client_access": "x"}, "client_access", "must be an object"),
    ({"credentials": {**PAT, "auth_type": "basic"}}, "credentials.auth_type", "'basic' is not one"),
    ({"credentials": {**PAT, "auth_type": 5}}, "credentials.auth_type", "must be text"),
    ({"credentials": {"auth_type": "access_token"}}, "credentials.access_token", "missing"),
    ({"auth": "pat", "client_id": "x"}, "credentials.access_token", "missing"),
    ({"credentials": {"access_token": 12345}}, "credentials.access_token", "text, not a number"),
    ({"private_token": ["x"]}, "private_token", "must be text, not a list"),
    ({"private_token": f"Bearer {TOKEN}"}, "private_token", "there is a space"),
    ({"private_token": f"{TOKEN}\u200b"}, "private_token", "special character"),
    ({"credentials": {"access_token": "******"}}, "credentials.access_token", "mask"),
    ({"access_token": TOKEN, "private_token": "other"}, "private_token", "access_token means"),
    ({"private_token": TOKEN, "refresh_token": REFRESH}, "credentials.auth_type", "which of the"),
    (without("client_id"), "credentials.client_id", "Application ID"),
    (without("access_token"), "credentials.access_token", "connect again"),
    (without("refresh_token"), "credentials.refresh_token", "set auth_type to access_token"),
    (
        {"credentials": {**OAUTH, "token_expiry_date": "soon"}},
        "credentials.token_expiry_date",
        "Write it like",
    ),
    ({"credentials": {"auth_type": "none"}}, "groups_list", "name public groups here"),
    # Names of fields
    (with_token(group_list=["a"]), "group_list", "Did you mean groups_list?"),
    (with_token(start_dat="2024-01-01"), "start_dat", "Did you mean start_date?"),
    (with_token(Groups_List=["a"]), "Groups_List", "Did you mean groups_list?"),
    (with_token(groupsList=["a"]), "groupsList", "Did you mean groups_list?"),
    (with_token(num_worker=3), "num_worker", "Did you mean num_workers?"),
    (
        {"credentials": {"acces_token": TOKEN}},
        "credentials.acces_token",
        "Did you mean credentials.access_token?",
    ),
    # The address
    (with_token(api_url="http//gitlab.com"), "api_url", "mistyped. Write it like gitlab.com"),
    (with_token(api_url="https:/gitlab.com"), "api_url", "mistyped"),
    (with_token(api_url="https://https://gitlab.com"), "api_url", "mistyped"),
    (with_token(api_url="https://"), "api_url", "is not an address"),
    (with_token(api_url="git lab.com"), "api_url", "there is a space"),
    (with_token(api_url="ftp://gitlab.com"), "api_url", "starts with 'ftp'"),
    (with_token(api_url=f"https://me:{TOKEN}@gitlab.com"), "api_url", "user or a password"),
    (with_token(api_url="https://me:pa/ss-word@gitlab.com"), "api_url", "user or a password"),
    (with_token(api_url=f"gitlab.com?private_token={TOKEN}"), "api_url", "must not hold a ?"),
    (with_token(api_url="gitlab.com#top"), "api_url", "must not hold a ?"),
    (with_token(api_url="glpat-not-a-token-4567"), "api_url", "looks like a token"),
    (with_token(api_url="https://gitlab.com/acme/app"), "api_url", "'acme/app' under groups_list"),
    (with_token(api_url="git.example.com/api/v4/projects"), "api_url", "a part of the API"),
    (with_token(api_url="git.example.com/api/graphql"), "api_url", "a part of the API"),
    (with_token(api_url="git.example.com:99999"), "api_url", "is not an address"),
    (with_token(api_url="git.example.com:x"), "api_url", "is not an address"),
    (with_token(api_url="git.example.com/../x"), "api_url", "is not an address"),
    (with_token(api_url="http://[::1"), "api_url", "is not an address"),
    (with_token(api_url="gitlab..com"), "api_url", "is not an address"),
    (with_token(api_url=["gitlab.com"]), "api_url", "must be text, not a list"),
    (with_token(base_url="custom"), "custom_base_url", "this is missing"),
    (with_token(api_url="a.example", host="b.example"), "api_url", "host means the same"),
    # Groups and projects
    (with_token(groups_list=["ok", True]), "groups_list[1]", "not true or false"),
    (with_token(groups_list={"a": 1}), "groups_list", "the path or the id of a group"),
    (with_token(groups_list=[["a"]]), "groups_list[0]", "not a list"),
    (with_token(groups_list=[1.5]), "groups_list[0]", "not a number"),
    (with_token(groups_list=-1), "groups_list", "not the id of a group"),
    (with_token(groups="[acme"), "groups", "starts like a list"),
    (with_token(groups_list=["My Group"]), "groups_list[0]", "not its title"),
    (with_token(groups_list=["acme/*"]), "groups_list[0]", "has a wildcard"),
    (with_token(groups_list=["../acme"]), "groups_list[0]", "not a full path"),
    (with_token(groups_list=["-a"]), "groups_list[0]", "is not the path of a group"),
    (with_token(groups_list=KEY), "groups_list", "PEM text is not the path"),
    (with_token(api_url=KEY), "api_url", "there is a space in PEM text"),
    (with_token(api_url=f"gitlab.com/x{TOKEN}"), "api_url", "'x[token]' under groups_list"),
    (with_token(groups_list=["a<b"]), "groups_list[0]", "is not the path of a group"),
    (with_token(groups_list=["http//gitlab.com/a"]), "groups_list[0]", "mistyped"),
    (with_token(groups_list=["glpat-not-a-token-4567"]), "groups_list[0]", "like a token"),
    (with_token(groups_list=["https://git.example.com/a"]), "groups_list[0]", "change api_url"),
    (with_token(projects_list=["git@git.example.com:a/b"]), "projects_list[0]", "change api_url"),
    (
        with_token(api_url="git.example.com/lab", groups_list=["https://git.example.com/other/a"]),
        "groups_list[0]",
        "but api_url says https://git.example.com/lab",
    ),
    (
        with_token(projects_list=["https://oauth2:hunter2hunter2@gitlab.com/a/b"]),
        "projects_list[0]",
        "with no password",
    ),
    (with_token(projects_list=["acme"]), "projects_list[0]", "write it under groups_list"),
    # Dates
    (with_token(start_date="31.01.2024"), "start_date", "Write it like 2024-01-31"),
    (with_token(start_date="2024-02-30"), "start_date", "'2024-02-30' is not a date"),
    (with_token(start_date="2024"), "start_date", "is not a date"),
    (with_token(start_date="2024-01-01T25:00:00Z"), "start_date", "is not a date"),
    (with_token(start_date="0001-01-01T00:00:00+14:00"), "start_date", "is not a date"),
    (with_token(start_date=1704067200), "start_date", "must be text, not a number"),
    # Numbers, switches, choices
    (with_token(num_workers=0), "num_workers", "Write one from 1 to 40"),
    (with_token(num_workers=41), "num_workers", "Write one from 1 to 40"),
    (with_token(num_workers=2.5), "num_workers", "a number is not a whole number"),
    (with_token(num_workers="many"), "num_workers", "'many' is not a whole number"),
    (with_token(num_workers=True), "num_workers", "true or false is not a whole number"),
    (with_token(num_workers=float("inf")), "num_workers", "not a whole number"),
    (with_token(lookback_minutes=1), "lookback_minutes", "from 2 to 1440"),
    (with_token(max_requests_per_minute=0), "max_requests_per_minute", "from 1 to"),
    (with_token(request_timeout=10**6), "request_timeout", "from 1 to 3600"),
    (with_token(statistics="yes"), "statistics", "write true or false"),
    (with_token(include_archived=1), "include_archived", "write true or false"),
    (with_token(commit_refs="main"), "commit_refs", "write default"),
    # Certificates
    (with_token(client_certificate=CERTIFICATE), "client_private_key", "paste the key"),
    (with_token(client_private_key=KEY), "client_certificate", "paste the certificate"),
    (with_token(enable_mtls_connection="true"), "client_certificate", "missing"),
    (with_token(enable_mtls_connection="on"), "enable_mtls_connection", "true or false"),
    (with_token(ca_certificate="/no/such.pem"), "ca_certificate", "'/no/such.pem' is neither"),
    (with_token(ca_certificate="x" * 9000), "ca_certificate", "give the full path"),
    (with_token(ca_certificate="a\0b"), "ca_certificate", "give the full path"),
    (with_token(ca_certificate=KEY), "ca_certificate", "there is no certificate in this"),
    (with_token(ca_certificate=CERTIFICATE[:90]), "ca_certificate", "Paste all of it"),
    (with_token(ca_certificate=CERTIFICATE.replace("wQFB", "w!FB")), "ca_certificate", "damaged"),
    (
        with_token(client_certificate=KEY, client_private_key=CERTIFICATE),
        "client_certificate",
        "there is no certificate",
    ),
    (
        with_token(client_certificate=CERTIFICATE, client_private_key=KEY_LINES[0]),
        "client_private_key",
        "neither PEM text nor the path",
    ),
    (
        with_token(
            client_certificate=CERTIFICATE, client_private_key=pem("ENCRYPTED PRIVATE KEY", b"x")
        ),
        "client_private_key",
        "protected by a passphrase",
    ),
]
HIDDEN = (
    *(TOKEN, TOKEN[6:], ACCESS, REFRESH, SECRET, *KEY_LINES),
    *("not-a-token-4567", "ss-word", "hunter2"),
)


@pytest.mark.parametrize(("raw", "field", "says"), MISTAKES)
def test_mistake(raw: Any, field: str, says: str) -> None:
    """A message names the field, says what to type, and shows no secret."""
    with pytest.raises(ConfigError) as caught:
        parse(raw)
    message = str(caught.value)
    assert caught.value.field == field
    assert field in message
    assert says in message
    assert message.endswith((".", "?"))
    assert "\n" not in message
    assert not [secret for secret in HIDDEN if secret in message]


def test_a_secret_typed_into_a_second_field_is_not_shown() -> None:
    """A token with a prefix of the instance's own is known by its value alone."""
    raw = {"private_token": "an-own-prefix-123456", "start_date": "an-own-prefix-123456"}
    with pytest.raises(ConfigError, match=r"start_date: '\[secret\]' is not a date"):
        parse(raw)


def test_an_error_survives_pickling() -> None:
    """Errors cross processes."""
    copy = pickle.loads(pickle.dumps(ConfigError("api_url", "api_url: no.")))  # noqa: S301
    assert (copy.field, str(copy)) == ("api_url", "api_url: no.")
