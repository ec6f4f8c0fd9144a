"""What users type for an instance, a group or a project, turned into what GitLab calls them."""

from __future__ import annotations

import json
import re
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Final, Literal, NoReturn
from urllib.parse import unquote, urlsplit

from source_gitlab.config.values import holds_token, kind, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_gitlab.config.values import Setting

Scope = Literal["group", "project"]

_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_TORN_SCHEME: Final = re.compile(r"https?(?:[:/\\]|$)", re.IGNORECASE)
# Underscores are no host names on the internet, but Docker Compose makes them.
_HOST: Final = re.compile(
    r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*"
)
_SUB_PATH: Final = re.compile(r"(?:/[A-Za-z0-9._~%+-]+)*")
_API: Final = re.compile(r"/api/v4$", re.IGNORECASE)
_API_INNER: Final = re.compile(r"/api(?:/(?:v\d+|graphql)(?:/.*)?)?$", re.IGNORECASE)
_SSH_CLONE: Final = re.compile(r"(?:ssh://)?git@([^/:]+)(?::\d+(?=/))?[:/](.+)")
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_LARGEST_ID: Final = 2**63 - 1
_EXAMPLE_URL: Final = (
    "Write it like gitlab.com, https://gitlab.example.com or http://localhost:8080/git."
)


def instance_url(setting: Setting) -> str:
    """Returns the root of a GitLab instance, such as "https://gitlab.com" or "http://git:8080/lab".

    A host alone means https. The sub-path of an instance that has one stays; a slash or `/api/v4`
    at the end goes, and so does a port that the scheme implies.

    Raises:
        ConfigError: This is no address of a GitLab instance, or it holds a password.
    """
    text = setting.text()
    # Before anything else, because every other message shows the address.
    if "@" in text:
        setting.fail(
            "an address must not hold a user or a password. Write the address alone, like "
            "https://gitlab.example.com, and the token under credentials."
        )
    if re.search(r"[?#]", text):
        setting.fail(f"an address must not hold a ? or a #. {_EXAMPLE_URL}")
    if holds_token(text):
        setting.fail(f"this looks like a token, not like an address. {_EXAMPLE_URL}")
    if re.search(r"\s", text) or not text.isprintable():
        setting.fail(f"there is a space in {shown(text)}. {_EXAMPLE_URL}")
    scheme, host, port, path = _split(setting, text)
    if api := _API_INNER.search(path):
        setting.fail(
            f"{shown(text)} names a part of the API. Leave out {shown(api[0])}; "
            "the connector adds what it needs."
        )
    if host in {"gitlab.com", "www.gitlab.com"}:
        if path:
            setting.fail(
                f"{shown(text)} is more than the address of GitLab. Write gitlab.com here, and "
                f"{shown(path[1:])} under groups_list or projects_list."
            )
        # gitlab.com answers http with a redirect, after the token has crossed the net in clear.
        return "https://gitlab.com"
    return f"{scheme}://{_netloc(host, port, scheme)}{path}"


def instance_name(base_url: str) -> str:
    """Returns what names the instance at `base_url` in states and files, such as "git:8080/lab".

    It is the same for every spelling of an address, with http or with https: a GitLab that moved
    to https is still the same one.
    """
    parts = urlsplit(base_url)
    port = None if parts.port in _DEFAULT_PORTS.values() else parts.port
    return _netloc(parts.hostname or "", port, "https") + parts.path.casefold()


def scope_names(setting: Setting, base_url: str, scope: Scope) -> tuple[str, ...]:
    """Returns the groups or projects that a field names, each once, as full paths or ids.

    Takes a list, the text of a JSON list, or names parted by spaces or commas. A name is an id, a
    full path (`acme/platform`, also as `acme%2Fplatform`), or the address of its page or of its
    repository on the instance at `base_url`.

    Raises:
        ConfigError: An entry is empty, cannot be the name of such a thing, or is the address of
            another instance.
    """
    names: dict[str, str] = {}
    for entry in _entries(setting):
        name = _scope_name(entry, base_url, scope)
        if not name:
            # Left out, it would choose everything, or less than was meant.
            entry.fail(
                f"this is empty, as where a variable is not set. Write the path or the id of a"
                f" {scope}. To name no {scope}s, leave the field out, or make it an empty list."
            )
        names.setdefault(name.casefold(), name)
    return tuple(names.values())


def _split(setting: Setting, text: str) -> tuple[str, str, int | None, str]:
    """Returns scheme, host, port and sub-path (with its first slash, or empty)."""
    match = _SCHEME.match(text)
    scheme = match[1].lower() if match else "https"
    rest = text[match.end() :] if match else text
    if _TORN_SCHEME.match(rest):
        setting.fail(f"the start of {shown(text)} is mistyped. {_EXAMPLE_URL}")
    if scheme not in _DEFAULT_PORTS:
        setting.fail(
            f"{shown(text)} starts with {shown(scheme)}, not with https or http. {_EXAMPLE_URL}"
        )
    try:
        parts = urlsplit(f"{scheme}://{rest}")
        host, port = parts.hostname or "", parts.port
        if ":" in host:
            host = str(IPv6Address(host))
        else:
            host = host.removesuffix(".").encode("idna").decode("ascii")
    except ValueError:
        host, port, path = "", None, ""
    else:
        segments = [segment for segment in parts.path.split("/") if segment]
        path = _API.sub("", "".join(f"/{segment}" for segment in segments))
    if (
        not (":" in host or _HOST.fullmatch(host))
        or port == 0
        or not _SUB_PATH.fullmatch(path)
        or {".", ".."} & set(path.split("/"))
    ):
        setting.fail(f"{shown(text)} is not an address. {_EXAMPLE_URL}")
    return scheme, host, port, path


def _netloc(host: str, port: int | None, scheme: str) -> str:
    name = f"[{host}]" if ":" in host else host
    return name if port in {None, _DEFAULT_PORTS[scheme]} else f"{name}:{port}"


def _entries(setting: Setting) -> Iterator[Setting]:
    """Yields each single name that a field holds, with the place where it stands."""
    value = setting.value
    if isinstance(value, str) and value.strip().startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            setting.fail(
                'this starts like a list, but is none. Write it like ["acme", "acme/platform"].'
            )
    if isinstance(value, str):
        for part in value.split(","):
            for name in part.split() or [""]:
                yield type(setting)(setting.name, name)
    elif isinstance(value, (list, tuple)):
        for position, item in enumerate(value):
            names = item.split(",") if isinstance(item, str) else [item]
            for name in names:
                yield type(setting)(f"{setting.name}[{position}]", name)
    else:
        yield setting


def _scope_name(entry: Setting, base_url: str, scope: Scope) -> str:
    value = entry.value
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 < value <= _LARGEST_ID:
            entry.fail(f"this number is not the id of a {scope}.")
        return str(value)
    if not isinstance(value, str):
        entry.fail(f"this must be the path or the id of a {scope}, not {kind(value)}.")
    path = _path(entry, value.strip(), base_url)
    segments = [segment for segment in path.split("/") if segment]
    if scope == "project" and segments:
        # GitLab allows no project path to end so; only the address of a repository does.
        segments[-1] = segments[-1].removesuffix(".git")
    name = "/".join(segments)
    _check_path(entry, name, scope)
    return name


def _path(entry: Setting, text: str, base_url: str) -> str:
    """Returns the path of what may be a path, a page's address or a repository's address."""
    if holds_token(text):
        entry.fail("this looks like a token. Write the token under credentials.")
    instance = urlsplit(base_url)
    if clone := _SSH_CLONE.fullmatch(text):
        if clone[1].casefold() != instance.hostname:
            _fail_elsewhere(entry, clone[1], base_url)
        return unquote(clone[2])
    if "@" in text:
        entry.fail("a path has no @ in it. Write it like acme/platform, with no password.")
    if not _SCHEME.match(text):
        first, _, rest = text.partition("/")
        if _TORN_SCHEME.match(text) and text.casefold() not in {"http", "https"}:
            entry.fail(f"the start of {shown(text)} is mistyped. Write it like acme/platform.")
        if not rest or first.casefold() != instance.netloc:
            return _page_path(text)
        text = f"{instance.scheme}://{text}"
    # What a browser adds behind the path says how the page looks.
    address = type(entry)(entry.name, re.split(r"[?#]", text)[0])
    scheme, host, port, path = _split(address, address.text())
    # Both schemes lead to the same instance, and links are copied with either.
    if _netloc(host, port, scheme) != instance.netloc:
        _fail_elsewhere(entry, _netloc(host, port, scheme), base_url)
    if not f"{path}/".startswith(f"{instance.path}/"):
        _fail_elsewhere(entry, f"{host}{path}", base_url)
    return _page_path(re.sub(r"^/api/v4/(groups|projects)/", "/", path[len(instance.path) :]))


def _page_path(path: str) -> str:
    """Returns the path of a group or project from that of one of its pages.

    No group is named `groups`, and nothing is named `-`, so that pages can be told by them.
    """
    return unquote(re.sub(r"^/?groups/|/-(/.*)?$", "", path))


def _fail_elsewhere(entry: Setting, host: str, base_url: str) -> NoReturn:
    entry.fail(
        f"this is an address at {shown(host)}, but api_url says {base_url}. "
        "Write the path alone, like acme/platform, or change api_url."
    )


def _check_path(entry: Setting, path: str, scope: Scope) -> None:
    if "*" in path:
        entry.fail(
            f"{shown(path)} has a wildcard. Name a group under groups_list to get everything in it."
        )
    if re.search(r"\s", path):
        entry.fail(
            f"{shown(path)} has a space in it. Write the path as it stands in the address of the "
            f"{scope}'s page, like acme/platform, not its title."
        )
    # https://docs.gitlab.com/user/reserved_names/: letters, digits, "_", "-" and ".", with no "-"
    # in front; older instances hold a few more, so only what no path can hold is refused.
    if re.search(r"(^|/)-|[\\?#%<>\"'|:;@{}\[\]()]", path) or not path.isprintable():
        entry.fail(f"{shown(path)} is not the path of a {scope}. Write it like acme/platform.")
    if {".", ".."} & set(path.split("/")):
        entry.fail(f"{shown(path)} is not a full path. Write it like acme/platform.")
    if scope == "project" and path and "/" not in path and not re.fullmatch(r"[0-9]+", path):
        entry.fail(
            f"{shown(path)} is not the full path of a project. Put its group before it, like "
            f"{shown(f'acme/{path}')}, or, if it is a group, write it under groups_list."
        )
