"""New tokens in the places of the old ones, in every dialect and however a text writes them."""

from __future__ import annotations

import json
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from integration_tests.gitlab.patience import PATIENCE
from source_gitlab.cli.options import read_file
from source_gitlab.config import OAuth, parse
from source_gitlab.config.rotated import NotRenewable, renewed, renewed_text
from source_gitlab.login.config_file import STANDARD_INPUT, ConfigFileRotation
from source_gitlab.tokens.errors import VaultError
from source_gitlab.tokens.model import Tokens

OLD = ("old-access-token", "old-refresh-token")
NEW = {
    "access_token": "new-access-token",
    "refresh_token": "new-refresh-token",
    "token_expiry_date": "2026-01-31T14:00:00Z",
}
FIELDS = {"client_id": "the-application", "access_token": OLD[0], "refresh_token": OLD[1]}
APPLICATION = {"client_id": "the-application", "client_secret": "gloas-secret-of-it"}

# Every dialect in which the pair of tokens stands somewhere else.
DIALECTS: dict[str, dict[str, Any]] = {
    "airbyte": {"credentials": {"auth_type": "oauth2.0", **FIELDS}},
    "flat": {"auth_type": "oauth", **FIELDS, "groups_list": ["acme"]},
    "dated": {"credentials": {**FIELDS, "token_expiry_date": "2024-01-01T00:00:00Z"}},
    "same date elsewhere": {
        "credentials": {**FIELDS, "token_expiry_date": "2024-01-01T00:00:00Z"},
        "start_date": "2024-01-01T00:00:00Z",
    },
    "access": {
        "auth": {"client_access": APPLICATION, "access_token": OLD[0], "refresh_token": OLD[1]},
        "auth_type": "oauth2.0",
    },
    "fivetran": {
        "service": "gitlab",
        "config": {"auth": "OAuth"},
        "auth": {"client_access": APPLICATION, "access_token": OLD[0], "refresh_token": OLD[1]},
    },
    "padded": {"credentials": {**FIELDS, "refresh_token": f" {OLD[1]}\n"}},
}

YAML = """\
# Ours, since March.
credentials:
  auth_type: oauth2.0
  client_id: the-application
  access_token: old-access-token
  refresh_token: "old-refresh-token"   # used once
  token_expiry_date: 2026-01-31T12:00:00Z
start_date: 2026-01-31T12:00:00Z
groups_list: [acme]
"""
TEXTS = {
    "yaml": YAML,
    "json": json.dumps(DIALECTS["dated"], indent=2),
    "json on one line": json.dumps(DIALECTS["flat"]),
    "json with escapes": json.dumps(DIALECTS["airbyte"]).replace("old-", r"\u006fld\u002d"),
    "json with escaped names": json.dumps(DIALECTS["dated"]).replace("token_", r"token\u005f"),
    "yaml with escapes": YAML.replace('"old-refresh', r'"\x6fld-refresh'),
    "yaml in quotes": YAML.replace("old-access-token", "'old-access-token'"),
    "yaml of several lines": YAML.replace("old-access-token", "|\n    old-access-token"),
    "yaml with an anchor": YAML.replace(": old-access", ": &token old-access"),
    "yaml in one line": json.dumps(DIALECTS["flat"]).replace('"old-access-token"', OLD[0]),
}


def pair(raw: object) -> OAuth:
    """The OAuth tokens of a configuration."""
    assert isinstance(raw, dict)
    credentials = parse(raw).credentials
    assert isinstance(credentials, OAuth)
    return credentials


def holds(raw: object) -> bool:
    """Whether a configuration is read with the new tokens."""
    held = pair(raw)
    return {"access_token": held.access_token, "refresh_token": held.refresh_token}.items() <= (
        NEW.items()
    )


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_configuration_is_announced_with_tokens_that_are_found_again(dialect: str) -> None:
    """A platform hands back what it was told: it must not hold two pairs, nor none."""
    raw = DIALECTS[dialect]
    made = renewed(raw, pair(raw), NEW)
    assert holds(made)
    assert set(made) - {"token_expiry_date"} == set(raw) - {"token_expiry_date"}
    assert made.get("start_date") == raw.get("start_date")
    assert not any(old in json.dumps(made) for old in OLD)


@pytest.mark.parametrize("layout", TEXTS)
def test_a_file_is_written_with_tokens_that_are_found_again(tmp_path: Path, layout: str) -> None:
    """Twice in a row, with comments, other fields and the file's mode as they were."""
    path = tmp_path / "config"
    path.write_text(TEXTS[layout])
    path.chmod(0o640)
    before = read_file(path)
    for number in ("second", "third"):
        given = pair(read_file(path))
        rotation = ConfigFileRotation(path, given, read_file)
        with rotation.lease(rotation.newest()) as lease:
            assert lease.newest == rotation.newest()
            lease.reserve()
            assert not lease.cut_off
            lease.keep(Tokens(f"{number}-access", f"{number}-refresh", expires=1769868000.0))
    after = read_file(path)
    assert (pair(after).access_token, pair(after).refresh_token) == (
        "third-access",
        "third-refresh",
    )
    assert {**before, **{k: after[k] for k in ("credentials", *FIELDS) if k in after}} == after
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_the_layout_of_a_file_stays() -> None:
    """Only the values are other ones; what looks like one of them elsewhere stays."""
    given = OAuth("the-application", None, *OLD, token_expiry_date=None)
    expected = YAML.replace("old-", "new-").replace("T12:00:00Z", "T14:00:00Z", 1)
    assert renewed_text(YAML, given, NEW) == expected


def test_what_would_not_be_found_again_is_not_taken_for_kept() -> None:
    """A refresh token that is not in the text cannot be replaced there."""
    stranger = OAuth("the-application", None, "a-b-c-d-e-f", "g-h-i-j-k-l", token_expiry_date=None)
    with pytest.raises(NotRenewable, match="is not in it"):
        renewed_text(YAML, stranger, NEW)
    with pytest.raises(NotRenewable, match="is not in it"):
        renewed(DIALECTS["flat"], stranger, NEW)


def rotation_of(path: Path) -> ConfigFileRotation:
    """The keeper of the tokens that a file once had."""
    return ConfigFileRotation(path, pair(DIALECTS["airbyte"]), read_file)


def test_nothing_is_reserved_where_nothing_can_be_kept(tmp_path: Path) -> None:
    """Standard input, a pipe, a device, a file that is gone, other contents, a folder."""
    gone, other, token = tmp_path / "gone", tmp_path / "other", tmp_path / "token"
    other.write_text("not: oauth")
    token.write_text("private_token: glpat-0123456789")
    for path in (STANDARD_INPUT, Path("/dev/null"), gone, other, token, tmp_path):
        rotation = rotation_of(path)
        with (
            pytest.raises(VaultError, match=r"cannot be kept in .*Nothing was renewed"),
            rotation.lease(rotation.newest()) as lease,
        ):
            lease.reserve()
    assert sorted(tmp_path.iterdir()) == [other, token]


def test_who_comes_second_finds_the_pair_of_the_first(tmp_path: Path) -> None:
    """Two commands with one file: the lock makes them renew one after the other."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps(DIALECTS["airbyte"]))
    first, second = rotation_of(path), rotation_of(path)
    found: list[Tokens] = []

    def renew() -> None:
        with second.lease(second.newest()) as lease:
            found.append(lease.newest)

    with first.lease(first.newest()) as lease:
        lease.reserve()
        thread = threading.Thread(target=renew)
        thread.start()
        lease.keep(Tokens("next-access", "next-refresh", expires=1769868000.0))
    thread.join(PATIENCE)
    assert [(one.access_token, one.refresh_token) for one in found] == [
        ("next-access", "next-refresh")
    ]


def test_a_turn_that_spends_nothing_leaves_nothing(tmp_path: Path) -> None:
    """What was reserved is given back, and what a killed process left is told and removed."""
    path = tmp_path / "config.json"
    text = json.dumps(DIALECTS["airbyte"])
    path.write_text(text)
    rotation = rotation_of(path)
    with rotation.lease(rotation.newest()) as lease:
        lease.reserve()
        (left,) = set(tmp_path.iterdir()) - {path}
        leftover = left.read_bytes()
        lease.give_back()
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_text() == text
    left.write_bytes(leftover)
    with rotation.lease(rotation.newest()) as lease:
        lease.reserve()
        assert lease.cut_off
        lease.give_back()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("layout", ["yaml", "json"])
def test_a_file_keeps_its_encoding(tmp_path: Path, layout: str, encoding: str) -> None:
    """With the byte order mark that it has or has not."""
    path = tmp_path / "config"
    path.write_bytes(TEXTS[layout].encode(encoding))
    given = pair(read_file(path))
    rotation = ConfigFileRotation(path, given, read_file)
    with rotation.lease(rotation.newest()) as lease:
        lease.reserve()
        lease.keep(Tokens("new-access", "new-refresh", expires=1769868000.0))
    assert pair(read_file(path)).refresh_token == "new-refresh"
    assert path.read_bytes() == path.read_bytes().decode(encoding).encode(encoding)


def test_an_alias_of_a_token_is_named(tmp_path: Path) -> None:
    """Nothing is renewed, and no file of ours is named, which is gone by then."""
    text = YAML.replace('"old-refresh-token"', "&r old-refresh-token") + "description: *r\n"
    path = tmp_path / "config.yaml"
    path.write_text(text)
    rotation = ConfigFileRotation(
        path, OAuth("the-application", None, *OLD, token_expiry_date=None), read_file
    )
    with pytest.raises(VaultError) as caught, rotation.lease(rotation.newest()) as lease:
        lease.reserve()
    assert "the alias *r in line 10 stands for the token in line 6" in str(caught.value)
    assert ".tmp" not in str(caught.value)
    assert path.read_text() == text
