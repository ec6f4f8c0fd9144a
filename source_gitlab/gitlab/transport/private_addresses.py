"""Private addresses, which a platform in the cloud lets no connector ask.

Airbyte's CDK holds this rule for what goes through `requests.Session.send`
(`_init_internal_request_filter` in airbyte_cdk/entrypoint.py); our requests go to the adapter, so
it is held there too. With DEPLOYMENT_MODE=cloud, only https is spoken, and a name of which any
address is private is refused.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from urllib.parse import urlsplit

import requests

from source_gitlab.gitlab.errors import FatalError


class PrivateAddress(FatalError):
    """An address that may not be asked from where this runs."""


def is_cloud() -> bool:
    """Whether a platform in the cloud runs this, which it says in DEPLOYMENT_MODE."""
    return os.environ.get("DEPLOYMENT_MODE", "").casefold() == "cloud"


def refuse(url: str) -> None:
    """Let only public addresses through.

    Raises:
        PrivateAddress: the scheme is not https, or an address of the host is private.
        requests.ConnectionError: the name cannot be resolved.
    """
    parts = urlsplit(url)
    shown = f"{parts.scheme}://{parts.netloc}"
    if parts.scheme != "https":
        message = f"{shown} is not asked: only https is allowed in the cloud. Check api_url."
        raise PrivateAddress(message, url=shown)
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or 443)
    except OSError as error:
        raise requests.ConnectionError(error) from error
    if any(ipaddress.ip_address(str(entry[4][0])).is_private for entry in found):
        message = (
            f"{shown} belongs to a private network, and only public addresses may be asked in the"
            " cloud. Run the connector inside that network, or give GitLab a public address."
        )
        raise PrivateAddress(message, url=shown)
