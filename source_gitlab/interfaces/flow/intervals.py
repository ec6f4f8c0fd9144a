"""How long to wait between two reads, as configurations say it."""

from __future__ import annotations

import re
from typing import Final

from source_gitlab.config.values import Setting

DEFAULT: Final = "PT5M"
PATTERN: Final = r"^(P(?=.)(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+S)?)?|(\d+d)?(\d+h)?(\d+m)?(\d+s)?)$"
_ISO: Final = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_SHORT: Final = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_SECONDS: Final = (86_400, 3_600, 60, 1)
_MOST: Final = 366 * 86_400


def seconds(given: object, *, otherwise: float) -> float:
    """The seconds of `PT5M`, `P1D` or, as captures have it, `5m`; `otherwise` where none is given.

    Raises:
        ConfigError: it is no length of time, or longer than a year.
    """
    if given is None or given == "":
        return otherwise
    found = None
    if isinstance(given, str):
        text = given.strip()
        found = _ISO.fullmatch(text) or _SHORT.fullmatch(text)
    if found is None or not any(found.groups()):
        Setting("interval", given).fail("write a time here like PT5M, PT1H or P1D.")
    parts = zip(found.groups(), _SECONDS, strict=True)
    total = sum(int(part) * unit for part, unit in parts if part)
    if total > _MOST:
        Setting("interval", given).fail("a year is the longest.")
    return float(total)
