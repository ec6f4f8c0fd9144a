"""Renewed OAuth tokens on their way to whoever keeps them."""

from __future__ import annotations

import asyncio
import inspect
import threading
from typing import TYPE_CHECKING, Any

from source_gitlab.interfaces.agent.errors import TokenRefreshError

if TYPE_CHECKING:
    from source_gitlab.gitlab.auth import NewTokens
    from source_gitlab.interfaces.agent.auth import TokenRefresh


class TokenKeeping:
    """Calls `on_token_refresh` with renewed tokens, until it has worked once for them.

    GitLab has revoked the old ones by then, so a failure does not keep the new ones from being
    used; it is raised by the call that renewed them, and by each later one until they are kept.
    """

    def __init__(self, keep: TokenRefresh | None) -> None:
        """Nothing has been renewed yet."""
        self._keep = keep
        self._waiting: NewTokens | None = None
        self._lock = threading.RLock()
        self.loop: asyncio.AbstractEventLoop | None = None

    @property
    def on_rotated(self) -> Any:
        """What a connection calls; None where nobody keeps tokens but this machine."""
        return None if self._keep is None else self._rotated

    def _rotated(self, tokens: NewTokens) -> None:
        self._waiting = dict(tokens)
        try:
            self.settle()
        except TokenRefreshError:
            return  # raised by the call, once GitLab has answered it

    def settle(self) -> None:
        """Have tokens kept that are not yet.

        Raises:
            TokenRefreshError: they are not.
        """
        # Calls that end meanwhile wait until it is known whether they are.
        with self._lock:
            tokens = self._waiting
            if tokens is None or self._keep is None:
                return
            self._have_kept(self._keep, tokens)

    def _have_kept(self, keep: TokenRefresh, tokens: NewTokens) -> None:
        try:
            self._wait_for(keep(dict(tokens)))
        except Exception as error:
            message = (
                f"OAuth tokens were renewed, and on_token_refresh failed ({type(error).__name__}: "
                f"{error}). The old ones have ended. The new ones are in use, and on_token_refresh "
                "is called again with the next call; if this program ends before, sign in again."
            )
            raise TokenRefreshError(message) from error
        if self._waiting is tokens:
            self._waiting = None

    def _wait_for(self, result: Any) -> None:
        """Wait for a coroutine in the loop of whoever made the call."""
        if not inspect.isawaitable(result):
            return

        async def wait() -> None:
            await result

        if self.loop is not None and self.loop.is_running():
            asyncio.run_coroutine_threadsafe(wait(), self.loop).result()
        else:
            asyncio.run(wait())
