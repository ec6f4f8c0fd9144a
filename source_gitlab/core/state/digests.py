"""Short names for versions of rows, by which a state remembers what was delivered."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from source_gitlab.core.row_key import key_values
from source_gitlab.timestamps import instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def digest(key: Iterable[object], updated_at: object) -> str:
    """A short name for one version of one row."""
    text = "\x1f".join(str(part) for part in (*key, updated_at))
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def identity(row: Mapping[str, Any], key: Iterable[str]) -> str:
    """The digest of a row with an `updated_at`."""
    return digest(key_values(row, key), instant(row["updated_at"]))
