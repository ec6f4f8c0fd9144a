"""The session of this process with a GitLab, for all slices of one plan that it reads.

A connection learns of limits and clocks, and a session of groups and projects, so both are kept for
the next slices of the same plan. Threads of one process share them, and its part of the limits.
"""

from __future__ import annotations

import atexit
import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from source_gitlab.config import AccessToken, Config, OAuth, parse
from source_gitlab.core.session import Session
from source_gitlab.gitlab.connection import Share

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import TypeAlias

    Settings: TypeAlias = "Config | Mapping[str, Any] | Callable[[], Mapping[str, Any]]"

_Key = tuple[str, "Config", int]


@dataclass
class _Kept:
    """A session, and how many use it."""

    session: Session
    users: int = 0


_lock = threading.Lock()
_kept: dict[_Key, _Kept] = {}


def config_of(settings: Settings) -> Config:
    """A configuration, from itself, from the fields of one, or from what gives those.

    Raises:
        ConfigError: the fields are wrong.
    """
    if isinstance(settings, Config):
        return settings
    return parse(settings() if callable(settings) else settings)


def for_worker(config: Config, token: str | None = None) -> Config:
    """The same for a process that only reads: a pair of OAuth tokens is never renewed there.

    GitLab takes a refresh token once, so of several processes that renew, all but one are locked
    out. `token` is the access token of the moment, where there is a newer one.
    """
    if token:
        return replace(config, credentials=AccessToken(token))
    if isinstance(config.credentials, OAuth):
        return replace(config, credentials=AccessToken(config.credentials.access_token))
    return config


@contextmanager
def session_for(plan: str, config: Config, processes: int) -> Iterator[Session]:
    """The session of this process for a plan, which reads with one of so many equal shares."""
    key = (plan, config, processes)
    with _lock:
        for other in [one for one, kept in _kept.items() if one != key and not kept.users]:
            _kept.pop(other).session.close()
        kept = _kept.get(key)
        if kept is not None and kept.session.report.ended is not None:
            # What has ended a session ends all its requests.
            if not kept.users:
                kept.session.close()
            kept = None
        if kept is None:
            kept = _kept[key] = _Kept(Session(config, share=Share(1, processes)))
        kept.users += 1
    try:
        yield kept.session
    finally:
        with _lock:
            kept.users -= 1
            if _kept.get(key) is not kept and not kept.users:
                kept.session.close()


@atexit.register
def _close_all() -> None:
    with _lock:
        while _kept:
            _kept.popitem()[1].session.close()


def _forget() -> None:
    _kept.clear()
    _lock.release()


if hasattr(os, "register_at_fork"):
    # The threads and sockets of a session belong to the process that opened it.
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_forget)
