"""`source-gitlab login`, `logout` and `token`: their arguments, and what they say."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from source_gitlab import interrupts
from source_gitlab.cli.options import assemble, read_file, rotation_of
from source_gitlab.config import Anonymous, Config, ConfigError, parse
from source_gitlab.engine.exit_codes import INCOMPLETE, USAGE
from source_gitlab.gitlab.errors import GitlabError
from source_gitlab.gitlab.oauth import Application
from source_gitlab.interfaces.arguments import Parser, file_name, pem_or_file_name
from source_gitlab.login.browser_flow import REGISTERED, SCOPE
from source_gitlab.login.errors import SignInError
from source_gitlab.login.login import Way
from source_gitlab.login.login import login as sign_in
from source_gitlab.login.login import logout as sign_out
from source_gitlab.login.token_info import inspect
from source_gitlab.redaction import keep_secret, redact
from source_gitlab.terminal import printable, printable_lines
from source_gitlab.tokens.errors import VaultError
from source_gitlab.tokens.lookup import named_profile
from source_gitlab.tokens.profiles import default_name, profile_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SECRET_VARIABLE: Final = "SOURCE_GITLAB_CLIENT_SECRET"  # noqa: S105 -- its name
_PROMPT: Final = "?"
_HIGHEST_PORT: Final = 65_535
_LOGIN: Final = f"""
Make an application first (in GitLab: your avatar, Edit profile, Applications) with the redirect
URI {REGISTERED} and the scope {SCOPE}. It need not be confidential. Its Application ID is what
--client-id takes. After that, `source-gitlab sync` needs no token for this GitLab.
"""


def login(arguments: Sequence[str]) -> int:
    """Run `source-gitlab login` with these arguments; the exit code, as `_run` says."""
    return _run("login", arguments)


def logout(arguments: Sequence[str]) -> int:
    """Run `source-gitlab logout` with these arguments; the exit code, as `_run` says."""
    return _run("logout", arguments)


def token(arguments: Sequence[str]) -> int:
    """Run `source-gitlab token` with these arguments; the exit code, as `_run` says."""
    return _run("token", arguments)


def command_parser(command: str) -> Parser:
    """The flags of one of the commands."""
    return _COMMANDS[command]()[1]


def _run(command: str, arguments: Sequence[str]) -> int:
    """Run one of the commands; the exit code.

    0: done. 1: it could not be done, or the token is not valid. 2: the arguments or the
    configuration have a mistake.
    """
    run, parser = _COMMANDS[command]()
    options = parser.parsed(arguments)
    try:
        with interrupts.raising():
            return run(options)
    except ConfigError as error:
        sys.stderr.write(f"{redact(printable(str(error)))}\n")
        return USAGE
    except (VaultError, SignInError, GitlabError) as error:
        sys.stderr.write(f"{redact(printable(str(error)))}\n")
        return INCOMPLETE


def _login_parser() -> tuple[Callable[[argparse.Namespace], int], Parser]:
    parser = Parser(
        prog="source-gitlab login",
        description="Sign in to a GitLab with OAuth; the tokens stay on this machine, encrypted.",
        epilog=_LOGIN,
    )
    _add_connection(parser)
    parser.add_argument("--client-id", metavar="ID", help="the Application ID")
    parser.add_argument(
        "--client-secret",
        nargs="?",
        const=_PROMPT,
        metavar="SECRET",
        help=f"the Secret of a confidential application; without a value it is asked for, and "
        f"{SECRET_VARIABLE} is another way that keeps it out of the list of processes",
    )
    parser.add_argument("--profile", metavar="NAME", help="what to call it, if not by the address")
    parser.add_argument(
        "--device", action="store_true", help="type a code in the browser of another machine"
    )
    parser.add_argument(
        "--port", type=_port, default=0, help="the port of the redirect URI, if not a free one"
    )
    parser.add_argument(
        "--no-browser", action="store_true", help="only show the address, do not open it"
    )
    return _login, parser


def _logout_parser() -> tuple[Callable[[argparse.Namespace], int], Parser]:
    parser = Parser(
        prog="source-gitlab logout",
        description="Revoke the tokens of a sign-in, and remove them from this machine.",
    )
    _add_connection(parser)
    parser.add_argument("--profile", metavar="NAME", help="which, if not that of the address")
    return _logout, parser


def _token_parser() -> tuple[Callable[[argparse.Namespace], int], Parser]:
    parser = Parser(
        prog="source-gitlab token",
        description="Tell of which kind a token is, whose, what it may, and how long it lives.",
        epilog="Without --config and --profile it is the token of GITLAB_TOKEN, or of the sign-in.",
    )
    _add_connection(parser)
    parser.add_argument("--profile", metavar="NAME", help="the sign-in of this name")
    parser.add_argument("--json", action="store_true", help="as JSON")
    return _token, parser


_COMMANDS: Final = {"login": _login_parser, "logout": _logout_parser, "token": _token_parser}


def _add_connection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=file_name, metavar="FILE", help="configuration, JSON or YAML"
    )
    parser.add_argument("--url", help="the GitLab, if not https://gitlab.com")
    for name in ("ca-certificate", "client-certificate", "client-private-key"):
        what = "for TLS, as in the configuration"
        parser.add_argument(f"--{name}", type=pem_or_file_name, metavar="FILE", help=what)


def _port(text: str) -> int:
    port = int(text)
    if not 0 < port <= _HIGHEST_PORT:
        message = f"a port is a number from 1 to {_HIGHEST_PORT}"
        raise argparse.ArgumentTypeError(message)
    return port


def _login(options: argparse.Namespace) -> int:
    file = _file(options)
    config = _instance(options, file)
    name = profile_name(options.profile) if options.profile else default_name(config.base_url)
    application = _application(options, file)
    way = Way(device=options.device, port=options.port, browser=not options.no_browser)
    granted = sign_in(config, application, name, way, _say)
    scopes = printable(", ".join(granted.scopes)) or "unknown"
    sys.stdout.write(f"Signed in to {config.base_url} as the profile {name} (scopes: {scopes}).\n")
    if not granted.tokens.refresh_token:
        sys.stdout.write("GitLab gave no refresh token: this lasts for two hours.\n")
    return 0


def _logout(options: argparse.Namespace) -> int:
    file = _file(options)
    config = _instance(options, file)
    profile = named_profile(
        profile_name(options.profile) if options.profile else default_name(config.base_url),
        os.environ,
    )
    # The address that the tokens are for, whatever else is configured.
    sign_out(replace(config, base_url=profile.purpose.base_url), profile)
    sys.stdout.write(
        f"Signed out of {profile.purpose.base_url}: the tokens of the profile "
        f"{profile.purpose.profile} are revoked and removed.\n"
    )
    return 0


def _token(options: argparse.Namespace) -> int:
    config = assemble(_fields(options), os.environ, _file(options), options.profile)
    found = inspect(config, rotation_of(options, config))
    if options.json:
        sys.stdout.write(json.dumps(found.to_json(), indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(found.lines()) + "\n")
    return 0 if found.ok else 1


def _say(text: str) -> None:
    sys.stderr.write(f"{printable_lines(text)}\n")
    sys.stderr.flush()


def _file(options: argparse.Namespace) -> dict[str, Any]:
    return read_file(options.config) if options.config else {}


def _fields(options: argparse.Namespace) -> dict[str, Any]:
    given = {
        "api_url": options.url,
        "ca_certificate": options.ca_certificate,
        "client_certificate": options.client_certificate,
        "client_private_key": options.client_private_key,
    }
    return {name: value for name, value in given.items() if value}


def _instance(options: argparse.Namespace, file: dict[str, Any]) -> Config:
    """The address and the certificates; the tokens are what is still to come."""
    stand_in = {"GITLAB_TOKEN": "none-yet"}
    rest = {name: value for name, value in file.items() if name != "credentials"}
    config = assemble(_fields(options), stand_in, rest)
    return replace(config, credentials=Anonymous())


def _application(options: argparse.Namespace, file: dict[str, Any]) -> Application:
    """The application of the flags, of the environment, or of the configuration.

    Raises:
        ConfigError: there is none, or what is given cannot be one.
    """
    held = file.get("credentials")
    credentials: dict[str, Any] = held if isinstance(held, dict) else {}
    client_id = options.client_id or credentials.get("client_id")
    if not client_id:
        message = f"--client-id is missing.\n{_LOGIN}"
        raise ConfigError(field="client_id", message=message)
    secret = options.client_secret
    if secret == _PROMPT:
        secret = getpass.getpass("Secret of the application: ")
    secret = secret or os.environ.get(SECRET_VARIABLE) or credentials.get("client_secret")
    checked = parse(
        {
            "credentials": {
                "auth_type": "oauth2.0",
                "client_id": client_id,
                "client_secret": secret,
                "access_token": "none-yet",
                "refresh_token": "none-yet",
            }
        }
    ).credentials
    keep_secret(secret or "")
    return Application(getattr(checked, "client_id", ""), getattr(checked, "client_secret", None))
