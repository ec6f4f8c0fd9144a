"""What projects used in a month is read to its end, although a month has no id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airbyte_cdk.models import AirbyteStreamStatus

from integration_tests.support.reading import config_for, read

if TYPE_CHECKING:
    from integration_tests.gitlab.launch import Emulator

STREAM = "ci_minutes_project_usage"
MONTHS = "ci_minutes_usage"
MORE = range(2000, 2045)


def test_a_month_with_more_projects_than_a_page(changing_gitlab: Emulator) -> None:
    """Each comes once, in its own month and group; the other months have none of them."""
    gitlab = changing_gitlab
    config = {**config_for(gitlab), "groups_list": ["acme"]}
    months = read(config, [MONTHS]).rows[MONTHS]
    month = months[0]
    before = read(config, [STREAM]).rows[STREAM]
    (row_id,) = {
        one["parent"]["month_id"]
        for one in gitlab.world(streams=STREAM)[STREAM]
        if (
            one["parent"]["group_id"],
            one["row"]["month_iso8601"],
        )
        == (month["group_id"], month["month_iso8601"])
    }
    made = gitlab.mutate("create", table=STREAM, owner_id=row_id, count=len(MORE))
    for number, project in zip(made, MORE, strict=True):
        used = {"project": {"id": f"gid://gitlab/Project/{project}"}}
        gitlab.mutate("update", table=STREAM, id=number, set=used)

    reading = read(config, [STREAM])
    assert reading.statuses[STREAM] is AirbyteStreamStatus.COMPLETE
    found = [
        (one["group_id"], one["month_iso8601"], one["project_id"]) for one in reading.rows[STREAM]
    ]
    new = [(month["group_id"], month["month_iso8601"], project) for project in MORE]
    old = [(one["group_id"], one["month_iso8601"], one["project_id"]) for one in before]
    assert sorted(found) == sorted(new + old)
    assert len(before) == len(months) > 1
