"""A sync into a destination of dlt that is killed, and the next one, which ends as a fresh one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from random import Random
from typing import TYPE_CHECKING

import pytest

from integration_tests.gitlab.launch import ROOT
from integration_tests.gitlab.patience import PATIENCE
from integration_tests.interfaces.test_dlt import WEB, assert_same, native, place_of

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator
    from integration_tests.interfaces.test_dlt import Place

NAMES = ("issues", "branches", "merge_request_notes")
KILLED = -9
KILLS = 5


def load(
    gitlab: Emulator, place: Place, temporary: Path, moment: int
) -> subprocess.CompletedProcess[str]:
    """Sync, loading often, and die at a moment, unless the end comes first."""
    config = {"private_token": gitlab.token, "api_url": gitlab.url, "num_workers": 2}
    address, *more = place.arguments[1:]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "integration_tests.support.loading", json.dumps(config)),
            *(address, more[1] if more else "-", str(moment), *NAMES),
        ],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode in ({0, KILLED} if moment else {0}), done.stderr
    return done


def change(gitlab: Emulator) -> None:
    """Let rows come, change and go."""
    gitlab.clock(advance=600)
    gitlab.mutate("create", table="issues", project_id=WEB, count=150)
    notes = gitlab.world(streams="merge_request_notes")["merge_request_notes"]
    for note in notes[:3]:
        gitlab.mutate("delete", table="merge_request_notes", id=note["row"]["id"])
        parent = note["parent"]["merge_request_id"]
        gitlab.mutate("update", table="merge_requests", id=parent, set={"title": "Other"})
    for branch in gitlab.world(streams="branches")["branches"]:
        if not branch["row"]["default"] and not branch["row"]["protected"]:
            project = branch["parent"]["project_id"]
            gitlab.mutate("delete_branch", project_id=project, branch=branch["row"]["name"])
            return


@pytest.mark.parametrize("kind", ["postgres", "parquet", "delta"])
def test_killed_at_any_moment_the_next_one_ends_as_a_fresh_one(
    changing_gitlab: Emulator, tmp_path: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    """In a first read, and in one that takes rows out: each row is there once, as it is."""
    gitlab = changing_gitlab
    gitlab.in_its_own_time()
    for name in ("other", "temporary"):
        (tmp_path / name).mkdir()
    temporary = tmp_path / "temporary"
    moments = int(load(gitlab, place_of(kind, tmp_path / "other", request), temporary, 0).stdout)
    place = place_of(kind, tmp_path, request)
    draw = Random(kind)
    for _ in range(2):
        # A read that goes on has fewer moments left than the first one.
        killed = [
            load(gitlab, place, temporary, draw.randrange(1, moments // (number + 2))).returncode
            == KILLED
            for number in range(KILLS)
        ]
        assert sum(killed) > 1
        load(gitlab, place, temporary, 0)
        # What dlt itself leaves there are statements, without rows.
        assert not list(temporary.glob("source-gitlab-*")), "what the killed ones left is there"
        own = native(gitlab, tmp_path / f"{gitlab.clock()}.duckdb", "--select", *NAMES)
        assert_same(place, own, *NAMES)
        change(gitlab)
