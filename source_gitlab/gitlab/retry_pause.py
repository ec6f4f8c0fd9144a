"""How long a failed request waits for its second try, where the environment says so.

Whoever would rather fail early, such as a job of a CI pipeline, sets the variable.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from source_gitlab.gitlab.errors import FatalError

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE: Final = "SOURCE_GITLAB_RETRY_PAUSE"
USUAL: Final = 1.0
LONGEST: Final = 60.0


def pause(environment: Mapping[str, str] | None = None) -> tuple[float, FatalError | None]:
    """The seconds before the second try, from 0 to 60; 1 where the variable is not set.

    Where it holds something else, they are 1 as well, and come with the error that this is.
    """
    environment = os.environ if environment is None else environment
    written = environment.get(VARIABLE, "").strip()
    if not written:
        return USUAL, None
    try:
        seconds = float(written)
    except ValueError:
        seconds = -1.0
    if 0.0 <= seconds <= LONGEST:
        return seconds, None
    message = (
        f"{VARIABLE} is no number of seconds from 0 to {LONGEST:.0f}."
        " Set it to one, such as 0.5, or remove it."
    )
    return USUAL, FatalError(message)
