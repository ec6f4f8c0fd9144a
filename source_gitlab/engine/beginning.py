"""How a read begins, so that a signal does not wait for GitLab."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from source_gitlab.gitlab.cancellation import given_up_on
from source_gitlab.gitlab.errors import FatalError, Stopped

if TYPE_CHECKING:
    from collections.abc import Collection

    from source_gitlab.core.session import Session
    from source_gitlab.streams import Stream

# How long is waited for GitLab before it is looked whether to stop, in seconds.
_PATIENCE: Final = 0.1


def begin(session: Session, stopped: threading.Event, fresh: Collection[Stream] = ()) -> None:
    """Find out what there is to read, in a thread of its own; `fresh` is as in `Session.begin`.

    Raises:
        Stopped: `stopped` was set meanwhile; the report says so.
        GitlabError: there is nothing to read, or GitLab could not be asked.
    """
    failures: list[BaseException] = []

    def run() -> None:
        try:
            # A renewal of tokens that is under way then goes on to its end by itself.
            with given_up_on(stopped):
                session.begin(fresh)
        except BaseException as error:  # noqa: BLE001 -- it is raised in the thread that waits
            failures.append(error)

    thread = threading.Thread(target=run, name="begin", daemon=True)
    thread.start()
    while thread.is_alive() and not stopped.is_set():
        thread.join(_PATIENCE)
    if stopped.is_set():
        session.report.stop(Stopped())
        raise Stopped
    if failures:
        if isinstance(failures[0], FatalError):
            session.report.stop(failures[0])
        raise failures[0]
