"""What `--since` means: a date, an instant, or so long ago."""

from __future__ import annotations

import re
import time
from typing import Final

from source_gitlab.config import ConfigError
from source_gitlab.config.values import Setting
from source_gitlab.engine.exit_codes import UsageError
from source_gitlab.timestamps import at

_AGO: Final = re.compile(r"(\d{1,5}) *([hdwmy])")
_HOUR: Final = 3_600
_SECONDS: Final = {
    "h": _HOUR,
    "d": 24 * _HOUR,
    "w": 7 * 24 * _HOUR,
    "m": 30 * 24 * _HOUR,
    "y": 365 * 24 * _HOUR,
}


def since(text: str) -> str:
    """The instant that a value of `--since` names: 2024-01-31, or 12h, 7d, 2w, 3m, 1y ago.

    A month has 30 days, a year 365. What is none is not repeated: it may be a token.

    Raises:
        UsageError: it is neither.
    """
    ago = _AGO.fullmatch(text.strip().lower())
    if ago is not None:
        return at(max(time.time() - int(ago[1]) * _SECONDS[ago[2]], 0.0))
    try:
        return Setting("--since", text).instant()
    except ConfigError as error:
        message = (
            "--since is not a date. Write it like 2024-01-31 or 2024-01-31T00:00:00Z, or as 7d: so"
            " many days ago."
        )
        raise UsageError(message) from error
