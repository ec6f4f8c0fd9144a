"""Run the emulator: ``python -m integration_tests.gitlab --port 0``, or ``make gitlab``.

Prints one line of JSON on standard output when it listens, {"url": ..., ...}, or, with --explain,
how to use it. Ends on SIGTERM or, with --exit-with-parent, when standard input is closed.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import os
import signal
import socket
import ssl
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn

from integration_tests.gitlab import auth
from integration_tests.gitlab.app import create_app
from integration_tests.gitlab.default_world import default_world
from integration_tests.gitlab.emulator import Emulator
from integration_tests.gitlab.recorded import recorded_world
from integration_tests.gitlab.scale import scaled_world
from integration_tests.gitlab.scaled_rows import Size
from integration_tests.gitlab.settings import Settings
from integration_tests.gitlab.tls import make_certificates
from integration_tests.gitlab.transport import Protocol

if TYPE_CHECKING:
    from integration_tests.gitlab.world import World

HOST = "127.0.0.1"


SIZES = {
    "--projects": "projects of a scaled world",
    "--groups": "groups of a scaled world",
    "--issues-per-project": "issues of each project",
    "--merge-requests-per-project": "merge requests of each project",
    "--commits-per-mr": "commits of each merge request",
    "--pipelines-per-project": "pipelines of each project",
    "--jobs-per-pipeline": "jobs of each pipeline",
    "--deployments": "deployments of each project",
    "--branches": "branches of each project",
    "--tags": "tags of each project",
    "--commits": "commits on the default branch of each project",
    "--issue-bytes": "size of an issue in JSON, about",
    "--id-spread": "ids of projects are drawn from N times as many numbers",
}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser("python -m integration_tests.gitlab", description=__doc__)
    made.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    made.add_argument("--world", choices=("default", "scaled", "recorded"), default="default")
    made.add_argument("--recorded", type=Path, help="folder of recorded rows, for --world recorded")
    made.add_argument("--explain", action="store_true", help="print for people, not as JSON")
    made.add_argument("--exit-with-parent", action="store_true", help="end when stdin is closed")
    made.add_argument("--gitlab-version", default=Settings.version)
    made.add_argument("--relative-url-root", default="", help="such as /gitlab")
    made.add_argument("--external-url", default=Settings.external_url, help="what rows show")
    made.add_argument("--link-url", default="", help="scheme and host of Link headers")
    made.add_argument("--latency", type=float, default=0.0, metavar="MS", help="for each answer")
    made.add_argument("--rate-limit", type=int, default=0, metavar="N", help="per minute and token")
    made.add_argument("--gzip", action="store_true")
    for name, meaning in SIZES.items():
        made.add_argument(
            *([name, "--issues"] if name == "--issues-per-project" else [name]),
            type=int,
            metavar="N",
            help=meaning,
        )
    made.add_argument("--tls", action="store_true", help="HTTPS with certificates made up")
    made.add_argument("--require-client-cert", action="store_true", help="implies --tls")
    made.add_argument("--certificates", type=Path, help="folder that the PEM files are put into")
    made.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=JSON",
        help="any other setting, see settings.py",
    )
    return made


EXPLANATION = """\
An emulated GitLab {version} listens at {url} until you press Ctrl-C.

The token of ada, who sees most of it, is {token}:

  curl --header "PRIVATE-TOKEN: {token}" {url}/api/v4/projects
  GITLAB_TOKEN={token} {connector} sync --to gitlab.duckdb --url {url}

Its control needs no token. CONTRIBUTING.md says more:

  curl {control}/settings
  curl {control}/requests
"""


def explained(ready: dict[str, Any], version: str, control: str) -> str:
    """What people need to know to use an emulator that runs."""
    connector = Path(sys.executable).with_name("source-gitlab")
    return EXPLANATION.format(
        **ready, version=version, control=control, connector=os.path.relpath(connector)
    )


def settings_of(args: argparse.Namespace) -> Settings:
    """The settings that the command line asks for."""
    settings = Settings(
        version=args.gitlab_version,
        relative_url_root=args.relative_url_root.rstrip("/"),
        external_url=args.external_url.rstrip("/"),
        link_url=args.link_url.rstrip("/"),
        latency=args.latency / 1000,
        rate_limit=args.rate_limit,
        gzip=args.gzip,
    )
    for given in args.set:
        name, _, value = given.partition("=")
        settings.update({name: json.loads(value)})
    return settings


def world_of(args: argparse.Namespace, settings: Settings) -> World:
    """The world that the command line asks for."""
    if args.world == "recorded":
        if args.recorded is None:
            parser().error("--world recorded needs --recorded PATH")
        return recorded_world(args.recorded, settings)
    given = {
        name.lstrip("-").replace("-", "_"): getattr(args, name.lstrip("-").replace("-", "_"))
        for name in SIZES
    }
    wanted = {
        name.removesuffix("_per_project"): value
        for name, value in given.items()
        if value is not None
    }
    if args.world == "scaled" or wanted:
        return scaled_world(Size(**wanted), settings)
    return default_world(settings)


def _stop(server: uvicorn.Server) -> None:
    server.should_exit = True


def _exit_with_parent(server: uvicorn.Server) -> None:
    """Stop the server when standard input ends, which it does when the parent is gone."""
    # Not through sys.stdin: its lock would be held when the interpreter shuts down.
    while os.read(0, 1024):
        pass
    server.should_exit = True


async def serve(args: argparse.Namespace) -> None:
    """Serve until told to stop."""
    # asyncio turns Nagle's algorithm off only on sockets that are TCP by name, which accepted ones
    # inherit; with it on, each small answer waits 40 ms for the client's acknowledgement.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, args.port))
    except OSError as error:
        parser().error(f"port {args.port} cannot be had: {error.strerror}; try another --port")
    listening.listen(512)
    emulator = Emulator(lambda: world_of(args, settings_of(args)))
    gc.collect()
    gc.freeze()
    folder: Path | None = None
    secure: dict[str, Any] = {}
    if args.tls or args.require_client_cert:
        folder = args.certificates or Path(tempfile.mkdtemp(prefix="emulator-tls-"))
        made = make_certificates(folder)
        secure = {
            "ssl_certfile": made.server,
            "ssl_keyfile": made.server_key,
            "ssl_ca_certs": str(made.authority),
            "ssl_cert_reqs": ssl.CERT_REQUIRED if args.require_client_cert else ssl.CERT_NONE,
        }
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(emulator),
            http=Protocol,
            ws="none",
            lifespan="off",
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=1,
            backlog=512,
            **secure,
        )
    )
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, _stop, server)
    if args.exit_with_parent:
        threading.Thread(target=_exit_with_parent, args=(server,), daemon=True).start()
    port = listening.getsockname()[1]
    scheme = "https" if secure else "http"
    url = f"{scheme}://{HOST}:{port}{emulator.world.settings.relative_url_root}"
    ready = {
        "url": url,
        "port": port,
        "token": auth.DEFAULT,
        "certificates": str(folder) if folder else None,
    }
    control = f"{scheme}://{HOST}:{port}/emulator"
    explanation = explained(ready, emulator.world.settings.version, control)
    sys.stdout.write(explanation if args.explain else json.dumps(ready) + "\n")
    sys.stdout.flush()
    await server.serve(sockets=[listening])


def main() -> None:
    """Run the emulator as the command line says."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    asyncio.run(serve(parser().parse_args()))


if __name__ == "__main__":
    main()
