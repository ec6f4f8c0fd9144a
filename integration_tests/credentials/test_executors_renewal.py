"""Only the process that drives an executor renews OAuth tokens; its workers use what it has."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.support.oauth_pairs import home, lab, renewals, sign_in
from integration_tests.support.reading import differences, expected
from source_gitlab.distributed import plan, read, run
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration_tests.gitlab.launch import Emulator
    from source_gitlab.interfaces.executors.writers import Write

__all__ = ["home", "lab"]

NAMES = ["project_labels", "issues"]


class Expiring:
    """A writer that lets the token end that is used when the first rows come."""

    def __init__(self, lab: Emulator, token: str) -> None:
        self.lab = lab
        self.token = token
        self.tables: dict[str, dict[tuple[Any, ...], Any]] = {name: {} for name in NAMES}

    @contextmanager
    def __call__(self) -> Iterator[Write]:
        """Keep rows."""

        def write(stream: str, rows: list[dict[str, Any]]) -> None:
            if self.token:
                self.lab.post("tokens", {"op": "expire", "token": self.token})
                self.token = ""
            for row in rows:
                key = tuple(row[column] for column in streams()[stream].key)
                self.tables[stream][key] = row

        yield write


@pytest.mark.parametrize("expired", [True, False])
def test_the_driver_renews_and_workers_go_on(lab: Emulator, *, expired: bool) -> None:
    """Once, whether the token has ended before the read or ends in the middle of it."""
    # One slice after the other in each process, so that some are left when the first rows come.
    config = {**sign_in(lab, expired=expired), "num_workers": 2}
    rotated: list[dict[str, str]] = []
    token = "" if expired else config["credentials"]["access_token"]
    writer = Expiring(lab, token)
    with ThreadPoolExecutor(2) as executor:
        found = read(executor, config, NAMES, processes=2, writer=writer, on_rotated=rotated.append)
    assert found.is_complete, found.unread
    assert len(rotated) == 1
    assert renewals(lab) == {"200": 1}
    wanted = expected(lab, groups="acme")
    for name in NAMES:
        assert differences(writer.tables[name], wanted[name]) == []


def test_a_worker_alone_never_renews(lab: Emulator) -> None:
    """It says that the token was refused, and spends no refresh token."""
    config = sign_in(lab, expired=False)
    found = plan(config, NAMES)
    lab.post("tokens", {"op": "expire", "token": config["credentials"]["access_token"]})
    result = run(found.slices, config)
    assert result["is_refused"]
    assert all(one["problem"] for one in result["slices"])
    assert renewals(lab) == {}
