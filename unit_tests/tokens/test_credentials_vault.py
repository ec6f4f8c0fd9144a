"""Tokens that are kept: sealed, found again, refused when anything about them was changed."""

from __future__ import annotations

import base64
import os
import sys
import types
from dataclasses import replace
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING

import orjson
import pytest

from source_gitlab.tokens.encryption import Purpose, Seal
from source_gitlab.tokens.errors import VaultError
from source_gitlab.tokens.location import home
from source_gitlab.tokens.master_key import master_key
from source_gitlab.tokens.model import Contents, SignIn, Tokens, fingerprint
from source_gitlab.tokens.profiles import Profile, default_name, profile_name

if TYPE_CHECKING:
    from pathlib import Path

KEY = bytes(range(32))
KEY_TEXT = base64.b64encode(KEY).decode()
PURPOSE = Purpose("work", "https://gitlab.example.com", "the-application")
FIRST = Tokens("access-1", "refresh-1", received=100.0, expires=7300.0)
CONTENTS = Contents((SignIn.begun(FIRST),), "the-secret", "http://127.0.0.1/callback")


@pytest.fixture(autouse=True)
def _no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    """A keyring of whoever runs the tests is not theirs to write to."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    """The environment of a machine of the test's own."""
    return {
        "SOURCE_GITLAB_HOME": str(tmp_path / "tokens"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        **more,
    }


def profile(tmp_path: Path, purpose: Purpose = PURPOSE, **more: str) -> Profile:
    """A profile on that machine."""
    place = home(environment(tmp_path))
    assert place is not None
    return Profile(place, purpose, environment(tmp_path, **more))


def write(into: Profile, contents: Contents = CONTENTS) -> None:
    """Keep contents as a sign-in does."""
    with into.lock():
        into.reserve().fill(contents)


def test_what_is_kept_is_found_again(tmp_path: Path) -> None:
    """By another object, as another process has one; and with the key file that the first made."""
    write(profile(tmp_path))
    assert profile(tmp_path).read() == CONTENTS
    again = Profile.named(tmp_path / "tokens", "work", environment(tmp_path))
    assert again is not None
    assert (again.purpose, again.read()) == (PURPOSE, CONTENTS)


def test_nothing_is_readable_in_the_file(tmp_path: Path) -> None:
    """What it is for stands in clear, what it holds does not; nobody else may read either."""
    write(profile(tmp_path))
    path = tmp_path / "tokens" / "work.json"
    blob = path.read_bytes()
    for secret in ("access-1", "refresh-1", "the-secret", fingerprint("refresh-1")):
        assert secret.encode() not in blob
        assert base64.b64encode(secret.encode())[:8] not in blob
    for one in [*(tmp_path / "tokens").iterdir(), tmp_path / "config/source-gitlab/vault.key"]:
        assert one.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "tokens").stat().st_mode & 0o777 == 0o700


def test_the_same_contents_are_sealed_differently_each_time() -> None:
    """A nonce that comes twice would break the cipher."""
    seal = Seal.of(PURPOSE, KEY)
    assert len({seal.close(CONTENTS) for _ in range(50)}) == 50


def test_every_changed_byte_is_refused() -> None:
    """Of the header and of what is sealed."""
    seal = Seal.of(PURPOSE, KEY)
    blob = seal.close(CONTENTS)
    assert seal.open(blob, "file") == CONTENTS
    for position in range(0, len(blob) - 1, 3):
        changed = bytearray(blob)
        changed[position] ^= 1
        with pytest.raises(VaultError):
            seal.open(bytes(changed), "file")


@pytest.mark.parametrize(
    "other",
    [
        replace(PURPOSE, profile="play"),
        replace(PURPOSE, base_url="https://elsewhere.example.com"),
        replace(PURPOSE, client_id="another-application"),
    ],
)
def test_a_file_of_another_purpose_is_refused(other: Purpose) -> None:
    """As it is, and with a header that was changed to fit."""
    blob = Seal.of(PURPOSE, KEY).close(CONTENTS)
    with pytest.raises(VaultError, match="is for the"):
        Seal.of(other, KEY).open(blob, "file")
    data = orjson.loads(blob)
    data |= {"profile": other.profile, "base_url": other.base_url, "client_id": other.client_id}
    with pytest.raises(VaultError, match="was changed, belongs to another profile"):
        Seal.of(other, KEY).open(orjson.dumps(data), "file")


def test_each_profile_has_a_key_of_its_own() -> None:
    """Even the same master key opens one profile only."""
    keys = {Seal.of(replace(PURPOSE, profile=name), KEY).key for name in ("work", "play")}
    assert len(keys) == 2
    assert KEY not in keys


def test_another_master_key_is_refused(tmp_path: Path) -> None:
    """And the message says that it may be the key."""
    write(profile(tmp_path, SOURCE_GITLAB_VAULT_KEY=KEY_TEXT))
    other = profile(tmp_path, SOURCE_GITLAB_VAULT_KEY=base64.b64encode(os.urandom(32)).decode())
    with pytest.raises(VaultError, match="sealed with another key"):
        other.read()


def test_a_later_version_is_told_apart_from_damage() -> None:
    """It is not the file's fault."""
    data = orjson.loads(Seal.of(PURPOSE, KEY).close(CONTENTS)) | {"version": 2}
    with pytest.raises(VaultError, match="another version of source-gitlab"):
        Seal.of(PURPOSE, KEY).open(orjson.dumps(data), "file")


@pytest.mark.parametrize("text", ["", "c2hvcnQ=", "not base64!", KEY_TEXT[:-4]])
def test_a_key_is_32_bytes(tmp_path: Path, text: str) -> None:
    """The message says how to make one, and does not show what was given."""
    given = {"SOURCE_GITLAB_VAULT_KEY": text}
    if not text:
        assert len(master_key(environment(tmp_path, **given), create=True)) == 32
        return
    with pytest.raises(VaultError, match="must be 32 bytes in base64") as caught:
        master_key(environment(tmp_path, **given), create=True)
    assert text not in str(caught.value)


def test_the_environment_comes_before_the_file(tmp_path: Path) -> None:
    """As a deployment expects that sets it."""
    made = master_key(environment(tmp_path), create=True)
    assert master_key(environment(tmp_path), create=False) == made
    given = environment(tmp_path, SOURCE_GITLAB_VAULT_KEY=KEY_TEXT)
    assert master_key(given, create=False) == KEY
    named = environment(tmp_path, SOURCE_GITLAB_VAULT_KEY_FILE=str(tmp_path / "mounted"))
    (tmp_path / "mounted").write_text(KEY_TEXT)
    (tmp_path / "mounted").chmod(0o600)
    assert master_key(named, create=False) == KEY


def test_a_missing_key_is_not_made_for_reading(tmp_path: Path) -> None:
    """A new one would open nothing, and hide what is wrong."""
    with pytest.raises(VaultError, match="The key that opens the kept tokens is missing"):
        master_key(environment(tmp_path), create=False)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """With the command that mends it."""
    master_key(environment(tmp_path), create=True)
    (tmp_path / "config/source-gitlab/vault.key").chmod(0o644)
    with pytest.raises(VaultError, match="chmod 600"):
        master_key(environment(tmp_path), create=False)


@pytest.mark.parametrize("works", [True, False])
def test_a_keyring_is_used_where_it_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, works: bool
) -> None:
    """The package alone does not mean that there is a keyring behind it."""
    held: dict[tuple[str, str], str] = {}

    class KeyringError(Exception):
        """The base class of the package's errors."""

    def get(service: str, name: str) -> str | None:
        if not works:
            raise KeyringError
        return held.get((service, name))

    def put(service: str, name: str, text: str) -> None:
        if not works:
            raise KeyringError
        held[service, name] = text

    package, errors = types.ModuleType("keyring"), types.ModuleType("keyring.errors")
    vars(package).update(get_password=get, set_password=put)
    vars(errors).update(KeyringError=KeyringError)
    monkeypatch.setitem(sys.modules, "keyring", package)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    package.__spec__ = ModuleSpec("keyring", None)
    made = master_key(environment(tmp_path), create=True)
    assert master_key(environment(tmp_path), create=False) == made
    assert bool(held) == works
    assert (tmp_path / "config").exists() != works


def test_a_reservation_takes_its_space_and_gives_it_back(tmp_path: Path) -> None:
    """The blocks are there before anything is spent, and gone if nothing was."""
    mine = profile(tmp_path)
    with mine.lock():
        reservation = mine.reserve()
        (path,) = (tmp_path / "tokens").glob(".work.*.tmp")
        assert path.stat().st_size >= 100_000
        assert path.stat().st_blocks * 512 >= 100_000
        reservation.give_back()
    assert list((tmp_path / "tokens").glob(".work.*.tmp")) == []
    assert mine.read() is None


def test_an_abandoned_reservation_is_noticed(tmp_path: Path) -> None:
    """It means that a refresh token may be spent without anybody knowing the answer."""
    mine = profile(tmp_path)
    with mine.lock():
        mine.reserve()
    with mine.lock():
        second = mine.reserve()
        assert second.cut_off
        second.fill(CONTENTS)
    with mine.lock():
        third = mine.reserve()
        assert not third.cut_off
        third.give_back()


def test_the_largest_contents_fit_into_a_reservation() -> None:
    """Twenty sign-ins, each with a week of renewals, and tokens as long as GitLab may make them."""
    contents = Contents(client_secret="s" * 256, redirect_uri="u" * 256)
    for number in range(25):
        sign_in = SignIn.begun(Tokens("a" * 512, f"{number}-0"))
        for step in range(100):
            tokens = Tokens("a" * 512, f"{number}-{step}" + "r" * 512, 1e9, 1e9)
            sign_in = sign_in.renewed(tokens)
        contents = contents.with_sign_in(sign_in)
    assert len(contents.sign_ins) == 20
    assert len(Seal.of(PURPOSE, KEY).close(contents)) < 256 * 1024


def test_a_sign_in_knows_its_first_and_its_last_tokens() -> None:
    """The first for ever, because configurations hold it; others for a week of renewals."""
    sign_in = SignIn.begun(FIRST)
    for number in range(2, 200):
        sign_in = sign_in.renewed(Tokens("a", f"refresh-{number}"))
    assert sign_in.knows("refresh-1")
    assert sign_in.knows("refresh-199")
    assert sign_in.knows("refresh-150")
    assert not sign_in.knows("refresh-2")
    assert not sign_in.knows("refresh-200")


@pytest.mark.parametrize(
    ("now", "due"),
    [(7180.0, True), (7179.0, False), (7300.0, True), (100.0, False)],
)
def test_a_token_is_due_before_its_end(now: float, *, due: bool) -> None:
    """Two minutes, for tokens of two hours."""
    assert FIRST.due(now) is due


def test_short_lives_have_short_margins() -> None:
    """And a token whose end nobody told is tried."""
    short = Tokens("a", "r", received=0.0, expires=60.0)
    assert [short.due(now) for now in (1.0, 44.0, 45.0)] == [False, False, True]
    assert not Tokens("a", "r").due(1e12)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://gitlab.com", "gitlab.com"),
        ("https://gitlab.example.com:8443/lab", "gitlab.example.com-8443-lab"),
        ("http://127.0.0.1:8080", "http-127.0.0.1-8080"),
        ("https://[2001:db8::1]", "2001-db8-1"),
    ],
)
def test_an_instance_has_a_name(url: str, name: str) -> None:
    """One that can be a file and be typed."""
    assert default_name(url) == name
    assert profile_name(name) == name


@pytest.mark.parametrize("name", ["", "../work", ".work", "a/b", "config-1", "x" * 65, "wörk"])
def test_a_name_cannot_lead_elsewhere(name: str) -> None:
    """It becomes the name of a file."""
    with pytest.raises(VaultError, match="Write it like work"):
        profile_name(name)


def test_where_tokens_are_kept(tmp_path: Path) -> None:
    """What is named, else what XDG says, else nowhere."""
    named = {"SOURCE_GITLAB_HOME": str(tmp_path / "named")}
    data = {"XDG_DATA_HOME": str(tmp_path / "data")}
    user = {"HOME": str(tmp_path / "user")}
    assert home({**named, **data, **user}) == tmp_path / "named"
    assert home({**data, **user}) == tmp_path / "data/source-gitlab"
    assert home(user) == tmp_path / "user/.local/share/source-gitlab"
    assert home({}) is None
    assert home({"HOME": "/"}) is None
    assert home({"HOME": "/dev/null"}) is None
    with pytest.raises(VaultError, match="Tokens cannot be kept in"):
        home({"SOURCE_GITLAB_HOME": "/dev/null/tokens"})
