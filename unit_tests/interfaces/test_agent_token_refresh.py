"""Who keeps renewed tokens is called once for them, whatever ends meanwhile."""

from __future__ import annotations

import threading

from source_gitlab.interfaces.agent.token_refresh import TokenKeeping

MEANWHILE = 0.2  # seconds in which another call asks, if it can


def test_tokens_that_are_being_kept_are_not_handed_over_again() -> None:
    """Another call ends while they are on their way."""
    kept: list[dict[str, str]] = []
    others: list[threading.Thread] = []

    def keep(tokens: dict[str, str]) -> None:
        kept.append(tokens)
        if not others:
            others.append(threading.Thread(target=keeping.settle))
            others[0].start()
            others[0].join(MEANWHILE)

    keeping = TokenKeeping(keep)
    keeping.on_rotated({"access_token": "new", "refresh_token": "newer"})
    others[0].join()
    assert kept == [{"access_token": "new", "refresh_token": "newer"}]
