"""Files that users name: what is no name of one."""

from __future__ import annotations

import re
from typing import Final

# postgres://…, jdbc:postgresql://… A drive of Windows has one letter.
_ADDRESS: Final = re.compile(r"\s*([A-Za-z][\w+.-]+:)(?:[\w+.:-]*:)?/")
# As in user:password@host.
_ACCOUNT: Final = re.compile(r"[^/\s@]+:[^/\s@]*@")
# host=localhost password=…, Server=h;Password=…;, as drivers of databases have it.
_SETTINGS: Final = re.compile(
    r"\s*[\w ]+=[^;]*;"
    r"|(?:^|[\s;,?&])\s*(?:host|hostaddr|port|dbname|user|service|server|data source|driver|uid"
    r"|database|dsn|account|sslmode|[\w-]*(?:password|passwd|pwd|passphrase|secret|token))\s*=",
    re.IGNORECASE,
)


def foreign(text: str) -> str | None:
    """What a text is that was given for a file and cannot name one; None for a name.

    It is an address, a connection string, or what should be in the file. What is said of it repeats
    nothing behind the scheme, for there may be a password in it: a file called so would show it.
    """
    address = _ADDRESS.match(text)
    if text.lstrip().startswith("{"):
        return "JSON text"
    if address:
        return f"{address[1]}…"
    if _SETTINGS.search(text) or _ACCOUNT.match(text):
        return "a connection string"
    return None
