"""Every dialect of configuration comes out the same, and every mistake is told in plain words."""

from __future__ import annotations

import base64
import datetime as dt
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from source_gitlab.config import (
    AccessToken,
    Anonymous,
    Config,
    ConfigError,
    OAuth,
    parse,
    secrets,
)

TOKEN = "glpat-not-a-token-0123"
ACCESS, REFRESH, SECRET = "a1" * 32, "b2" * 32, "gloas-" + "c3" * 32
PAT = {"auth_type": "access_token", "access_token": TOKEN}
OAUTH = {
    "auth_type": "oauth2.0",
    "client_id": "app-id",
    "client_secret": SECRET,
    "access_token": ACCESS,
    "refresh_token": REFRESH,
    "token_expiry_date": "2024-05-01T12:00:00+02:00",
}


def pem(label: str, content: bytes) -> str:
    """PEM text as OpenSSL writes it."""
    lines = base64.encodebytes(content).decode()
    packed = "".join(lines.split())
    body = "\n".join(packed[i : i + 64] for i in range(0, len(packed), 64))
    return f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n"


CERTIFICATE = pem("CERTIFICATE", bytes(range(200)))
KEY = pem("PRIVATE KEY", bytes(range(50, 250)))
KEY_LINES = KEY.splitlines()[1:-1]


DIALECTS: dict[str, dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("dialects.yaml").read_text(encoding="utf-8")
)
CREDENTIALS = {kind.__name__: kind for kind in (OAuth, AccessToken, Anonymous)}


@pytest.mark.parametrize("name", DIALECTS)
def test_dialect(name: str) -> None:
    """A configuration means the same in every dialect, and is left as it was."""
    raw, means = DIALECTS[name]["config"], dict(DIALECTS[name]["means"])
    before = json.dumps(raw)
    ((kind, fields),) = means.pop("credentials", {"AccessToken": {"access_token": TOKEN}}).items()
    means |= {scope: tuple(means[scope]) for scope in ("groups", "projects") if scope in means}
    credentials = CREDENTIALS[kind](**fields)
    assert parse(raw) == Config(
        **{"base_url": "https://gitlab.com", **means}, credentials=credentials
    )
    assert json.dumps(raw) == before, "parse changed its argument"


@pytest.mark.parametrize(
    ("typed", "base_url"),
    [
        ("gitlab.com", "https://gitlab.com"),
        ("gitlab.com/", "https://gitlab.com"),
        (" https://GitLab.com/api/v4/ ", "https://gitlab.com"),
        ("http://gitlab.com", "https://gitlab.com"),
        ("https://gitlab.com:443", "https://gitlab.com"),
        ("gitlab", "https://gitlab"),
        ("http://gitlab:8080", "http://gitlab:8080"),
        ("http://gitlab_web:80/", "http://gitlab_web"),
        ("gitlab:8443/git/", "https://gitlab:8443/git"),
        ("HTTPS://host.example.com/a/b/api/v4", "https://host.example.com/a/b"),
        ("host.example.com//git//", "https://host.example.com/git"),
        ("host.example.com.", "https://host.example.com"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/git", "http://[::1]:8080/git"),
        ("bücher.example", "https://xn--bcher-kva.example"),
        ("https.example.com", "https://https.example.com"),
    ],
)
def test_api_url(typed: str, base_url: str) -> None:
    """Every way to write an address leads to one, and that one leads to itself."""
    config = parse({"credentials": PAT, "api_url": typed})
    assert config.base_url == base_url
    assert config.api_url == f"{base_url}/api/v4"
    assert parse({"credentials": PAT, "api_url": config.api_url}) == config


@pytest.mark.parametrize(
    ("typed", "group"),
    [
        ("/Acme/Platform/", "Acme/Platform"),
        ("acme%2Fplatform", "acme/platform"),
        ("https://git.example.com/lab/acme/platform", "acme/platform"),
        ("http://GIT.example.com/lab/groups/acme/platform/-/issues?x=1#y", "acme/platform"),
        ("git.example.com/lab/acme", "acme"),
        ("https://git.example.com/lab/api/v4/groups/acme%2Fplatform", "acme/platform"),
        ("/groups/acme/platform/-/milestones", "acme/platform"),
        ("groups/acme", "acme"),
        ("acme/groups", "acme/groups"),
        (9970, "9970"),
        ("0042", "0042"),
        ("größe", "größe"),
    ],
)
def test_group_name(typed: str | int, group: str) -> None:
    """A group may be an id, a path, or the address of one of its pages."""
    raw = {"credentials": PAT, "api_url": "git.example.com/lab", "groups_list": [typed]}
    assert parse(raw).groups == (group,)


@pytest.mark.parametrize(
    ("typed", "project"),
    [
        ("https://git.example.com/lab/acme/api/-/tree/main", "acme/api"),
        ("https://git.example.com/lab/acme/api.git", "acme/api"),
        ("git@git.example.com:acme/api.git", "acme/api"),
        ("ssh://git@git.example.com:2222/acme/api.git", "acme/api"),
        ("acme/api.git", "acme/api"),
        ("278964", "278964"),
    ],
)
def test_project_name(typed: str, project: str) -> None:
    """A project may also be the address that it is cloned from."""
    raw = {"credentials": PAT, "api_url": "git.example.com/lab", "projects_list": [typed]}
    assert parse(raw).projects == (project,)


def test_names_are_deduplicated_in_any_letter_case() -> None:
    """Ids and paths, one or several in an entry."""
    names = ["Acme", " acme ", "ACME/", 1, "1", "b,c"]
    assert parse({"credentials": PAT, "groups_list": names}).groups == ("Acme", "1", "b", "c")


@pytest.mark.parametrize("field", ["groups_list", "projects_list", "groups", "projects"])
@pytest.mark.parametrize(
    "value",
    ["", " ", ",", "a/b,", "a/b,,c/d", "/", [""], [" "], [None], ["a/b", ""], ["a/b,"], '[""]'],
)
def test_an_empty_name_is_refused(field: str, value: object) -> None:
    """A variable that is not set must choose neither everything nor less than was meant."""
    with pytest.raises(ConfigError) as caught:
        parse({"credentials": PAT, field: value})
    assert caught.value.field.startswith(field)
    assert "this is empty" in str(caught.value)


@pytest.mark.parametrize("value", [[], None, "[]"])
@pytest.mark.parametrize("field", ["groups_list", "projects_list", "groups", "projects"])
def test_an_empty_list_chooses_everything(field: str, value: object) -> None:
    """It says so, and so does a field that is left out."""
    config = parse({"credentials": PAT, field: value})
    assert (config.groups, config.projects) == ((), ())


def test_what_a_form_of_another_connector_leaves_empty() -> None:
    """Counts for nothing beside what says what to read, and for that only."""
    config = parse({"credentials": PAT, "groups": "", "projects": "a/b"})
    assert (config.groups, config.projects) == ((), ("a/b",))
    config = parse({"credentials": PAT, "groups_list": ["a"], "groups": "", "projects": " "})
    assert (config.groups, config.projects) == (("a",), ())
    others: tuple[object, ...] = ("", "[]", None, {})
    for other in others:
        with pytest.raises(ConfigError, match="groups: this is empty"):
            parse({"credentials": PAT, "groups": "", "projects": other})


@pytest.mark.parametrize(
    ("typed", "start"),
    [
        ("2024-01-31", "2024-01-31T00:00:00Z"),
        (" 2024-01-31T10:20:30 ", "2024-01-31T10:20:30Z"),
        ("2024-01-31t10:20:30z", "2024-01-31T10:20:30Z"),
        ("2024-01-31 10:20", "2024-01-31T10:20:00Z"),
        ("2024-01-31T10:20:30.5Z", "2024-01-31T10:20:30.500Z"),
        ("2024-01-31T00:20:30.123456+05:30", "2024-01-30T18:50:30.123Z"),
        ("2024-01-31T10:20:30-0100", "2024-01-31T11:20:30Z"),
        ("2999-01-01", "2999-01-01T00:00:00Z"),
        ("0001-01-01", "0001-01-01T00:00:00Z"),
        (dt.date(2024, 1, 31), "2024-01-31T00:00:00Z"),
        (dt.datetime(2024, 1, 31, 1, tzinfo=dt.timezone.utc), "2024-01-31T01:00:00Z"),
        ("", None),
    ],
)
def test_start_date(typed: object, start: str | None) -> None:
    """Dates and times become UTC, whatever their form."""
    assert parse({"credentials": PAT, "start_date": typed}).start_date == start


@pytest.mark.parametrize(
    "mangled",
    [
        KEY,
        KEY.replace("\n", "\\n"),
        KEY.replace("\n", "\r\n"),
        KEY.replace("\n", "\\r\\n"),
        KEY.replace("\n", " "),
        KEY.replace("\n", ""),
        f"Bag Attributes\n  friendlyName: x\n{CERTIFICATE}{KEY}",
    ],
)
def test_pem_text_is_put_back_in_order(mangled: str) -> None:
    """Forms and environment variables tear PEM text apart."""
    config = parse(
        {"credentials": PAT, "client_certificate": CERTIFICATE * 2, "client_private_key": mangled}
    )
    assert config.client_private_key == KEY
    assert config.client_certificate == CERTIFICATE * 2


def test_certificates_may_be_files(tmp_path: Path) -> None:
    """A path stays a path."""
    file = tmp_path / "ca.pem"
    file.write_text(CERTIFICATE, encoding="ascii")
    assert parse({"credentials": PAT, "ca_certificate": str(file)}).ca_certificate == str(file)


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


@pytest.mark.parametrize(
    "raw",
    [
        {"credentials": OAUTH, "client_certificate": CERTIFICATE, "client_private_key": KEY},
        {"credentials": PAT},
    ],
)
def test_secrets_are_known_and_not_in_repr(raw: dict[str, object]) -> None:
    """Who redacts gets everything, and who prints a Config shows nothing."""
    config = parse(raw)
    hidden = secrets(config)
    given_texts = {TOKEN} if raw["credentials"] is PAT else {ACCESS, REFRESH, SECRET, KEY}
    assert given_texts <= set(hidden)
    assert list(hidden) == sorted(hidden, key=len, reverse=True), "a part would go before its whole"
    assert not [secret for secret in hidden if secret in repr(config)]
    assert "app-id" in repr(config) or raw["credentials"] is PAT


def test_public_data_and_key_files_are_no_secrets(tmp_path: Path) -> None:
    """The path of a key is not the key."""
    file = tmp_path / "key.pem"
    file.write_text(KEY, encoding="ascii")
    raw = {
        "credentials": {"auth_type": "none"},
        "groups_list": ["a"],
        "client_certificate": CERTIFICATE,
        "client_private_key": str(file),
    }
    assert secrets(parse(raw)) == ()


NAMES = sorted({name for dialect in DIALECTS.values() for name in dialect["config"]})
INNER = sorted({*OAUTH, *PAT, "personal_access_token", "client_access", "redirect_uri"})
TEXTS = [
    *("https://gitlab.com/a/b", "http://", "//", "[", "a/b c", "2024-01-01", "0000-00-00", "none"),
    *(
        "oauth2.0",
        "access_token",
        "custom",
        "default",
        TOKEN,
        CERTIFICATE,
        KEY,
        "-----BEGIN x-----",
    ),
    *("~nobody/x", "xn--a", "[::1]:80", "git@gitlab.com:a/b.git", "%2F%2e%2e%2F", "\ud800", "1e5"),
]
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=40),
    st.sampled_from(TEXTS),
    st.builds("".join, st.lists(st.sampled_from(TEXTS), max_size=3)),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(INNER) | st.text(max_size=12), inner, max_size=4),
    ),
    max_leaves=8,
)


def attempt(raw: Any) -> Config | ConfigError:
    """The outcome of parse, whichever of the two that it promises."""
    try:
        return parse(raw)
    except ConfigError as error:
        return error


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=12), VALUES, max_size=8) | VALUES)
def test_anything_is_a_config_or_a_config_error(raw: Any) -> None:
    """No input makes parse raise anything else."""
    outcome = attempt(raw)
    assert isinstance(outcome, (Config, ConfigError))
    if isinstance(outcome, ConfigError):
        assert TOKEN not in str(outcome)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from([name for name in NAMES if name != "credentials"]),
    VALUES,
    st.sampled_from([PAT, OAUTH]),
)
def test_any_value_beside_good_credentials(name: str, value: Any, credentials: Any) -> None:
    """What was understood can be written down and understood again."""
    config = attempt({"credentials": credentials, name: value})
    if isinstance(config, ConfigError):
        assert TOKEN not in str(config)
        assert KEY_LINES[0] not in str(config)
        return
    canonical = {
        "credentials": credentials,
        "api_url": config.base_url,
        "start_date": config.start_date,
        "groups_list": list(config.groups),
        "projects_list": list(config.projects),
    }
    again = parse(canonical)
    assert again.base_url == config.base_url
    assert again.start_date == config.start_date
    assert (again.groups, again.projects) == (config.groups, config.projects)
