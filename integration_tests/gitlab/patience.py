"""How long a test waits for what must happen."""

from __future__ import annotations

from typing import Final

# Seconds. Only what hangs takes so long: how fast a machine is decides no test. It is less than
# the time that pytest gives a test, so that what hung is told.
PATIENCE: Final = 1500
