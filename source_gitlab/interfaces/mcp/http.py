"""The server at an address of this machine."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Final

import uvicorn
from mcp.server.transport_security import TransportSecuritySettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp.server.mcpserver import MCPServer
    from starlette.applications import Starlette

HOST: Final = "127.0.0.1"
PATH: Final = "/mcp"


def serve(made: MCPServer[Any], port: int, ready: Callable[[str], None]) -> None:
    """Serve on a port of this machine until a signal ends it; `ready` is told the address.

    Port 0 takes a free one.

    Raises:
        OSError: the port cannot be used.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        # Who is told the address may ask before the server runs; what comes waits for it.
        listener.listen()
        port = listener.getsockname()[1]
        config = uvicorn.Config(application(made, port), log_level="warning", log_config=None)
        ready(f"http://{HOST}:{port}{PATH}")
        uvicorn.Server(config).run(sockets=[listener])


def application(made: MCPServer[Any], port: int) -> Starlette:
    """The server as an ASGI application at `PATH` of this port.

    What a browser sends that was led here under another name is refused, whatever page it shows.
    """
    names = (HOST, "localhost")
    allowed = TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=[f"{name}:{port}" for name in names],
        allowed_origins=[f"http://{name}:{port}" for name in names],
    )
    return made.streamable_http_app(
        streamable_http_path=PATH, host=HOST, transport_security=allowed
    )
