"""Which part of the work one of several reads takes, written as in `--shard 2/4`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

# More would leave each of them less than a request at a time.
_MOST: Final = 1000
_FORM: Final = re.compile(r"([0-9]{1,4})\s*/\s*([0-9]{1,4})")


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `of` shards, `part` of them, from 1 on."""

    part: int
    of: int

    def __str__(self) -> str:
        return f"{self.part}/{self.of}"

    @classmethod
    def parse(cls, text: str) -> Shard:
        """The shard that is written as `2/4`.

        Raises:
            ValueError: it is not written so, or there is no such shard. The message says which.
        """
        match = _FORM.fullmatch(text.strip())
        if match is None:
            message = "write the number of this shard and of all, like 2/4."
            raise ValueError(message)
        part, of = int(match[1]), int(match[2])
        if not 1 <= of <= _MOST:
            message = f"there can be 1 to {_MOST} shards, not {of}."
            raise ValueError(message)
        if not 1 <= part <= of:
            message = f"there is no shard {part} of {of}; shards are numbered from 1 to {of}."
            raise ValueError(message)
        return cls(part, of)
