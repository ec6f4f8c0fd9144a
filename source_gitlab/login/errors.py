"""What can go wrong with a sign-in."""

from __future__ import annotations


class SignInError(Exception):
    """The sign-in did not come to an end; `str(error)` says why and what to do."""
