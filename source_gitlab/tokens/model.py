"""What a profile holds: the newest pair of tokens of each sign-in, and which tokens led to it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any, Final

# Renewed this long before its end, so that no request starts with a token that is about to expire.
_MARGIN: Final = 120.0
# An instance may give tokens a life so short that the margin would be all of it.
_LARGEST_PART: Final = 0.25
# How many earlier refresh tokens of a sign-in are recognized: a week of renewals every two hours.
_REMEMBERED: Final = 84
# Sign-ins kept side by side for one application, the least recently renewed going first.
_SIGN_INS: Final = 20


def fingerprint(refresh_token: str) -> str:
    """What recognizes a refresh token without holding it."""
    return hashlib.sha256(refresh_token.encode()).hexdigest()


@dataclass(frozen=True)
class Tokens:
    """A pair of OAuth tokens.

    `received` and `expires` are seconds since the epoch by this machine's clock, which makes them
    immune to a server whose clock is off. `received` is None for a pair out of a configuration,
    `expires` when nobody said. `refresh_token` is "" where GitLab gave none.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    received: float | None = None
    expires: float | None = None

    def due(self, now: float) -> bool:
        """Whether the access token has expired or is about to."""
        if self.expires is None:
            return False
        margin = _MARGIN
        if self.received is not None:
            margin = min(margin, (self.expires - self.received) * _LARGEST_PART)
        return now >= self.expires - margin


@dataclass(frozen=True)
class SignIn:
    """One sign-in of one user: the newest pair, and fingerprints of what came before it.

    `seed` is the refresh token that it began with here; a configuration that nobody rewrites holds
    that one for ever.
    """

    seed: str
    earlier: tuple[str, ...]
    tokens: Tokens

    @classmethod
    def begun(cls, tokens: Tokens) -> SignIn:
        """A sign-in of which these are the first tokens."""
        return cls(fingerprint(tokens.refresh_token), (), tokens)

    def knows(self, refresh_token: str) -> bool:
        """Whether the token is the newest of this sign-in, or one that led to it."""
        print_ = fingerprint(refresh_token)
        current = fingerprint(self.tokens.refresh_token)
        return print_ in {self.seed, current} or print_ in self.earlier

    def renewed(self, tokens: Tokens) -> SignIn:
        """The same sign-in with its next tokens."""
        spent = fingerprint(self.tokens.refresh_token)
        earlier = (*(one for one in self.earlier if one != spent), spent)
        return replace(self, earlier=earlier[-_REMEMBERED:], tokens=tokens)


@dataclass(frozen=True)
class Contents:
    """Everything secret of a profile.

    `client_secret` and `redirect_uri` are there where a sign-in at the command line left them: a
    configuration brings its own.
    """

    sign_ins: tuple[SignIn, ...] = ()
    client_secret: str | None = field(default=None, repr=False)
    redirect_uri: str | None = None

    @property
    def newest(self) -> SignIn | None:
        """The sign-in that was renewed last."""
        return self.sign_ins[-1] if self.sign_ins else None

    def find(self, refresh_token: str) -> SignIn | None:
        """The sign-in that a refresh token belongs to, current or spent."""
        found = (one for one in reversed(self.sign_ins) if one.knows(refresh_token))
        return next(found, None)

    def with_sign_in(self, sign_in: SignIn) -> Contents:
        """The same with this sign-in in the place of an older form of it, or added."""
        others = tuple(one for one in self.sign_ins if one.seed != sign_in.seed)
        return replace(self, sign_ins=(*others, sign_in)[-_SIGN_INS:])

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "client_secret": self.client_secret,
            "redirect_uri": self.redirect_uri,
            "sign_ins": [
                {
                    "seed": one.seed,
                    "earlier": list(one.earlier),
                    "access_token": one.tokens.access_token,
                    "refresh_token": one.tokens.refresh_token,
                    "received": one.tokens.received,
                    "expires": one.tokens.expires,
                }
                for one in self.sign_ins
            ],
        }

    @classmethod
    def of_json(cls, data: dict[str, Any]) -> Contents:
        """From JSON; KeyError or TypeError when it has another form."""
        return cls(
            sign_ins=tuple(
                SignIn(
                    one["seed"],
                    tuple(one["earlier"]),
                    Tokens(
                        one["access_token"], one["refresh_token"], one["received"], one["expires"]
                    ),
                )
                for one in data["sign_ins"]
            ),
            client_secret=data["client_secret"],
            redirect_uri=data["redirect_uri"],
        )
