"""Lists of an emulated GitLab, read to their end as their links say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from integration_tests.gitlab.patience import PATIENCE

if TYPE_CHECKING:
    from integration_tests.gitlab.launch import Emulator


SHARED = Path(__file__).resolve().parents[3] / "shared"
RECORDED = SHARED / "recorded"
WEB, API, LEGACY, NO_CI, NO_REPOSITORY, EMPTY, PROBE, DOTFILES = (
    101,
    102,
    104,
    105,
    106,
    107,
    109,
    110,
)
SECOND = 1_000_000


def next_link(response: requests.Response) -> str | None:
    return response.links.get("next", {}).get("url")


def walk(gitlab: Emulator, path: str, **params: object) -> list[Any]:
    """Every row of a list, by following rel=next and nothing else."""
    rows: list[Any] = []
    response = gitlab.get(path, params)
    for _ in range(100):
        assert response.status_code == 200, response.text
        rows += response.json()
        following = next_link(response)
        if following is None:
            return rows
        response = requests.get(
            following,
            headers={"private-token": gitlab.token},
            timeout=PATIENCE,
        )
    message = f"{path} has no end"
    raise AssertionError(message)
