"""What can go wrong with tokens that are kept on this machine."""

from __future__ import annotations


class VaultError(Exception):
    """Tokens cannot be read or kept; `str(error)` says why and what to do, and holds no secret."""
