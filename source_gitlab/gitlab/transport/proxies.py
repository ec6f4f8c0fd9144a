"""The proxy that the environment names, looked at before anything is sent through it.

A wrong address of a proxy never mends itself, and the library that uses it says so once for each
request, as if the connection were to blame.
"""

from __future__ import annotations

import importlib.util
import os
from typing import Final

from requests.utils import get_environ_proxies, select_proxy
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

from source_gitlab.gitlab.errors import FatalError

_PLAIN: Final = frozenset({"http", "https"})
# As urllib3 has them, which leaves SOCKS to another package.
_SOCKS: Final = frozenset({"socks4", "socks4a", "socks5", "socks5h"})


def problem(api_url: str) -> FatalError | None:
    """Why the proxy for this address cannot be used; None where there is none, or it may be.

    The message names the variable and never its value, in which a password may be.
    """
    proxy = select_proxy(api_url, get_environ_proxies(api_url))
    if not proxy:
        return None
    why = _why(proxy)
    if why is None:
        return None
    return FatalError(f"The proxy in {_source(proxy)} cannot be used: {why}.")


def _why(proxy: str) -> str | None:
    try:
        address = parse_url(proxy if "://" in proxy else f"http://{proxy}")
    except (ValueError, HTTPError):
        return "it is no address. Write it like http://proxy.example.com:3128"
    scheme = (address.scheme or "").casefold()
    if scheme in _SOCKS:
        if importlib.util.find_spec("socks") is None:
            return "SOCKS needs the package PySocks. Install it, or name an HTTP proxy"
    elif scheme not in _PLAIN:
        return "it is of a kind that is not known. Use http, https or socks5"
    if not address.host:
        return "it has no host. Write it like http://proxy.example.com:3128"
    return None


def _source(proxy: str) -> str:
    """The variable that has this value, by its name."""
    names = [
        name
        for name, value in os.environ.items()
        if name.casefold().endswith("_proxy") and value == proxy
    ]
    return " and ".join(sorted(names)) or "the settings of this system"
