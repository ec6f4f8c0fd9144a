"""Whose turn it is to renew a token, and where the new one goes."""

from __future__ import annotations

import contextlib
import logging
import os
from typing import TYPE_CHECKING

from source_gitlab.tokens.encryption import Purpose
from source_gitlab.tokens.location import home
from source_gitlab.tokens.model import Contents, SignIn, Tokens
from source_gitlab.tokens.profiles import Profile, configuration_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from source_gitlab.config import OAuth
    from source_gitlab.tokens.profiles import Reservation

LOGGER = logging.getLogger("source_gitlab")


class TokenRotation:
    """Where the tokens of one configuration are kept: nowhere."""

    keeps = False
    """Whether a token that is renewed outlives the process."""

    def __init__(self, given: Tokens) -> None:
        """`given` are the tokens of the configuration."""
        self._given = given

    def newest(self) -> Tokens:
        """The newest tokens that are known here.

        Raises:
            VaultError: what is kept cannot be read.
        """
        return self._given

    @contextlib.contextmanager
    def lease(self, current: Tokens) -> Iterator[RotationLease]:
        """Be the only one who renews, of all threads and processes.

        `current` are the tokens in use, which are the newest where nothing is kept.

        Raises:
            VaultError: the place where tokens are kept cannot be used.
        """
        yield RotationLease(current)


class ProfileRotation(TokenRotation):
    """Keeps them in a profile.

    A configuration holds the tokens that its user once put there. When the profile knows the
    refresh token among it, what the profile has is later in that chain and counts; when it does
    not, the user has signed in again, and the configuration counts.
    """

    keeps = True

    def __init__(self, given: Tokens, profile: Profile, *, owner: bool = False) -> None:
        """`owner`: the tokens were taken from the profile, which then counts whatever it holds."""
        super().__init__(given)
        self._profile = profile
        self._owner = owner

    def newest(self) -> Tokens:
        """What the profile has of this sign-in, or else what was given."""
        contents = self._profile.read()
        sign_in = self._own(contents) if contents else None
        return sign_in.tokens if sign_in else self._given

    @contextlib.contextmanager
    def lease(self, current: Tokens) -> Iterator[RotationLease]:
        """Hold the lock of the profile."""
        del current
        with self._profile.lock():
            contents = self._profile.read() or Contents()
            # Without a sign-in of its own in the profile, the first pair is the seed.
            sign_in = self._own(contents) or SignIn.begun(self._given)
            yield _ProfileLease(self._profile, contents, sign_in)

    def _own(self, contents: Contents) -> SignIn | None:
        return contents.newest if self._owner else contents.find(self._given.refresh_token)


class RotationLease:
    """One renewal where nothing is kept.

    `newest` are the tokens to renew, if nobody has done it meanwhile. `cut_off`: see Space.
    """

    cut_off = False

    def __init__(self, newest: Tokens) -> None:
        self.newest = newest

    def reserve(self) -> None:
        """Make sure that new tokens can be kept, before the old ones are spent.

        Raises:
            VaultError: they cannot.
        """

    def keep(self, tokens: Tokens) -> None:
        """Keep the new tokens.

        Raises:
            VaultError: the disk failed although the space was taken.
        """

    def give_back(self) -> None:
        """Nothing was spent: free what `reserve` took."""


class _ProfileLease(RotationLease):
    """One renewal under the lock of a profile."""

    def __init__(self, profile: Profile, contents: Contents, sign_in: SignIn) -> None:
        super().__init__(sign_in.tokens)
        self._profile = profile
        self._contents = contents
        self._sign_in = sign_in
        self._reservation: Reservation | None = None

    def reserve(self) -> None:
        self._reservation = self._profile.reserve()
        self.cut_off = self._reservation.cut_off

    def keep(self, tokens: Tokens) -> None:
        assert self._reservation is not None  # noqa: S101 -- space is taken before a token is spent
        self._reservation.fill(self._contents.with_sign_in(self._sign_in.renewed(tokens)))

    def give_back(self) -> None:
        if self._reservation is not None:
            self._reservation.give_back()


def keeper_for(
    base_url: str, given: OAuth, tokens: Tokens, environment: Mapping[str, str] | None = None
) -> TokenRotation:
    """The keeper for the tokens of a configuration.

    Raises:
        VaultError: the directory for tokens was named and cannot be used.
    """
    environment = os.environ if environment is None else environment
    place = home(environment)
    if place is None:
        LOGGER.debug(
            "There is no place to keep renewed tokens: they are announced, but not stored."
        )
        return TokenRotation(tokens)
    name = given.profile or configuration_name(base_url, given.client_id)
    purpose = Purpose(name, base_url, given.client_id)
    return ProfileRotation(tokens, Profile(place, purpose, environment), owner=bool(given.profile))
