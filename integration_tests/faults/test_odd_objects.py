"""An object that does not hold what it should: it is an error, and never an empty list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airbyte_cdk.models import AirbyteStreamStatus

from integration_tests.support.reading import config_for, read
from source_gitlab.gitlab.client import Retries

if TYPE_CHECKING:
    from integration_tests.gitlab.launch import Emulator

COMPLETE = AirbyteStreamStatus.COMPLETE
QUICK = Retries(tries=3, first=0.0)
API = 102


def test_an_object_that_is_refused_is_no_object_that_is_not_there(faulty: Emulator) -> None:
    """GitLab says `null` of a project without push rules, and 404 where no licence has them."""
    name = "project_push_rules"
    reading = read(config_for(faulty), [name], retries=QUICK)
    assert reading.statuses[name] is COMPLETE
    assert API not in {row["project_id"] for row in reading.rows[name]}
    assert not reading.report["skipped"]
    faulty.settings(tier="free")
    reading = read(config_for(faulty), [name], retries=QUICK)
    assert not reading.rows[name]
    assert reading.failure is None
    assert {one["reason"] for one in reading.report["skipped"]} == {"tier"}
    assert all("Premium" in one["message"] for one in reading.report["skipped"])
