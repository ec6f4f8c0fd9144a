"""Every dialect of configuration comes out the same, and every mistake is told in plain words."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

import pytest

from integration_tests.support.configurations import (
    ACCESS,
    CERTIFICATE,
    DIALECTS,
    KEY,
    OAUTH,
    PAT,
    REFRESH,
    SECRET,
    TOKEN,
)
from source_gitlab.config import (
    AccessToken,
    Anonymous,
    Config,
    ConfigError,
    OAuth,
    parse,
    secrets,
)

if TYPE_CHECKING:
    from pathlib import Path

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
