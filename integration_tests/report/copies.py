"""A file with a year and a half of somebody's work, made up, as `sync` would have written it."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from source_gitlab.interfaces.duckdb.store import Store
from source_gitlab.interfaces.duckdb_types import table_of
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from pathlib import Path

EVIL = "it's</script><script>window.hacked = 1</script><img src=x onerror=window.hacked=1>"
"""A name as somebody would choose it who wants the page to do something."""

GROUPS = {10: "shop", 20: "shop/web", 30: "shop/payments", 40: f"labs/{EVIL}"}
PROJECTS = {1: 20, 2: 20, 3: 30, 4: 40}
NAMES = ("amara", "benoit", "chiara", "dmitri", "eun-ji", "farid")
_DAYS = 540
_Rows = dict[str, list[dict[str, Any]]]


def write(path: Path, *, only: tuple[str, ...] = ()) -> None:
    """Write the file, up to now: all of its streams, or only some."""
    now = datetime.now(timezone.utc).replace(microsecond=0)
    rows: _Rows = {}
    chance = random.Random(7)
    _structure(rows)
    for day in range(_DAYS):
        at = now - timedelta(days=_DAYS - day, hours=chance.uniform(1, 8))
        _changes(rows, chance, at, day, now)
        _ci(rows, chance, at, day)
        _issues(rows, chance, at, day, now)
    _access(rows, chance, now)
    kept = {name: listed for name, listed in rows.items() if not only or name in only}
    with Store(path, {name: table_of(streams()[name]) for name in kept}) as store:
        for name, listed in kept.items():
            store.write(name, [_told(row) for row in listed])
        store.commit({name: {"made": "up"} for name in kept})


def _told(row: dict[str, Any]) -> dict[str, Any]:
    """A row with its moments as GitLab writes them."""
    return {
        name: value.strftime("%Y-%m-%dT%H:%M:%S.000Z") if isinstance(value, datetime) else value
        for name, value in row.items()
    }


def _add(rows: _Rows, stream: str, **row: Any) -> None:
    rows.setdefault(stream, []).append(row)


def _person(number: int) -> dict[str, Any]:
    return {"id": 100 + number, "username": NAMES[number], "name": NAMES[number].title()}


def _structure(rows: _Rows) -> None:
    parents = {20: 10, 30: 10}
    for number, path in GROUPS.items():
        _add(rows, "groups", id=number, full_path=path, parent_id=parents.get(number))
    for number, group in PROJECTS.items():
        path = f"{GROUPS[group]}/{EVIL if group == 40 else f'app-{number}'}"
        namespace = {"id": group, "kind": "group", "full_path": GROUPS[group]}
        _add(rows, "projects", id=number, path_with_namespace=path, namespace=namespace)
        environment = {"id": number, "project_id": number, "name": "live", "tier": "production"}
        _add(rows, "environments", **environment)


def _changes(rows: _Rows, chance: random.Random, at: datetime, day: int, now: datetime) -> None:
    for _ in range(chance.randrange(0, 4)):
        number = len(rows.get("merge_requests", [])) + 1
        project, author, reviewer = chance.choice(list(PROJECTS)), *chance.sample(range(6), 2)
        wait = chance.lognormvariate(2.2, 0.9) * (1.3 - day / _DAYS * 0.6)
        first = at + timedelta(hours=wait * 0.4)
        approved = first + timedelta(hours=wait * 0.8)
        merged = approved + timedelta(hours=chance.uniform(0.2, 6))
        is_merged = merged < now - timedelta(hours=1) and chance.random() < 0.93
        row: dict[str, Any] = {
            "id": number,
            "iid": number,
            "project_id": project,
            "title": f"Change {number}",
        }
        row |= {"author_id": 100 + author, "author": _person(author), "target_branch": "main"}
        row |= {"state": "merged" if is_merged else "opened", "reviewers": [_person(reviewer)]}
        row |= {"created_at": at, "updated_at": merged if is_merged else at, "draft": False}
        row |= {"merged_at": merged if is_merged else None, "source_project_id": project}
        _add(rows, "merge_requests", **row, source_branch=f"feature-{number}", labels=[])
        commit = {"project_id": project, "merge_request_iid": number, "id": f"{number:040x}"}
        written = at - timedelta(hours=chance.lognormvariate(1.8, 0.7))
        _add(rows, "merge_request_commits", **commit, authored_date=written)
        if not is_merged:
            continue
        said = {"noteable_id": number, "author_id": 100 + reviewer, "author": _person(reviewer)}
        note = {"id": number, "system": False, "body": "Why?", "created_at": first}
        _add(rows, "merge_request_notes", **said, **note)
        whose = {"merge_request_id": number, "user_id": 100 + reviewer, "user": _person(reviewer)}
        place = {"project_id": project, "merge_request_iid": number, "approved_at": approved}
        _add(rows, "merge_request_approvals", **whose, **place)
        if chance.random() < 0.4:
            counted = {"project_id": project, "date": f"{at:%Y-%m}-{number % 28 + 1:02}"}
            _add(rows, "project_dora_metrics", **counted, deployment_frequency=1)
            deployed = merged + timedelta(hours=chance.uniform(1, 30))
            what: dict[str, Any] = {
                "id": number,
                "project_id": project,
                "environment_id": project,
                "ref": "main",
            }
            made = {"environment_name": "live", "created_at": merged, "updated_at": deployed}
            _add(rows, "deployments", **what, **made, status="success")


def _ci(rows: _Rows, chance: random.Random, at: datetime, day: int) -> None:
    for _ in range(chance.randrange(1, 4)):
        number = len(rows.get("pipelines", [])) + 1
        project = chance.choice(list(PROJECTS))
        failed = chance.random() < 0.28 - day / _DAYS * 0.14
        what: dict[str, Any] = {"id": number, "project_id": project, "created_at": at}
        _add(rows, "pipelines", **what, source="push", status="failed" if failed else "success")
        for job in (
            "unit tests",
            "integration tests 1/2",
            "integration tests 2/2",
            "lint",
            "build",
        ):
            outcomes = ["failed", "success"] if chance.random() < 0.03 else ["success"]
            if failed and job == "unit tests":
                outcomes = ["failed"]
            for outcome in outcomes:
                kind = "instance_type" if chance.random() < 0.7 else "group_type"
                took = chance.uniform(60, 900 if "integration" in job else 240)
                ran: dict[str, Any] = {
                    "pipeline_id": number,
                    "name": job,
                    "status": outcome,
                    "created_at": at,
                }
                ran |= {"started_at": at, "duration": took, "queued_duration": took / 20}
                ran |= {"runner": {"runner_type": kind}, "project_id": project}
                _add(rows, "jobs", id=len(rows.get("jobs", [])) + 1, **ran)
        broken = chance.randrange(0, 4)
        counts: dict[str, Any] = {
            "total_count": 400,
            "success_count": 396 - broken,
            "failed_count": broken,
        }
        counts |= {"error_count": 0, "skipped_count": 4, "total_time": 90.0}
        whose = {"pipeline_id": number, "project_id": project, "pipeline_updated_at": at}
        _add(rows, "pipeline_test_suites", name="pytest", **whose, **counts)


def _issues(rows: _Rows, chance: random.Random, at: datetime, day: int, now: datetime) -> None:
    for _ in range(chance.randrange(0, 3)):
        number = len(rows.get("issues", [])) + 1
        closed = at + timedelta(hours=chance.lognormvariate(4.4, 1.1))
        is_closed = closed < now and chance.random() < 0.85
        is_incident = day % 17 == 0
        labels = chance.sample(["bug", "feature", "debt", "security", EVIL], 2)
        what: dict[str, Any] = {
            "id": number,
            "iid": number,
            "project_id": chance.choice(list(PROJECTS)),
        }
        what |= {"title": f"Issue {number}", "labels": labels, "created_at": at, "assignees": []}
        what |= {"issue_type": "incident" if is_incident else "issue", "severity": "UNKNOWN"}
        what |= {"state": "closed" if is_closed else "opened"}
        _add(rows, "issues", **what, closed_at=closed if is_closed else None)


def _access(rows: _Rows, chance: random.Random, now: datetime) -> None:
    for number in range(len(NAMES)):
        person = {**_person(number), "state": "active"}
        group = chance.choice([10, 20, 30, 40])
        _add(rows, "group_members", **person, group_id=group, access_level=(50, 40, 30)[number % 3])
        level = chance.choice([20, 30, 40])
        _add(rows, "project_members", **person, project_id=number % 4 + 1, access_level=level)
    for number, days in enumerate((-3, 12, 25, 60, 200, None)):
        ends = (now + timedelta(days=days)).date().isoformat() if days is not None else None
        what: dict[str, Any] = {
            "id": number + 1,
            "name": f"token {number}",
            "expires_at": ends,
            "revoked": False,
        }
        project: dict[str, Any] = {
            "project_id": number % 4 + 1,
            "user_id": 900 + number,
            "scopes": ["api"],
        }
        _add(rows, "project_access_tokens", **what, **project)
    for number in range(40):
        found = now - timedelta(days=chance.randrange(1, 400))
        what = {"id": number + 1, "project_id": number % 4 + 1, "title": f"CVE {number}"}
        severity = chance.choice(["CRITICAL", "HIGH", "HIGH", "MEDIUM", "MEDIUM", "LOW"])
        what |= {"severity": severity, "report_type": "SAST", "state": "DETECTED"}
        _add(rows, "vulnerabilities", **what, detected_at=found)
    for number in range(30):
        old = (now - timedelta(days=chance.randrange(1, 400))).isoformat()
        what = {"project_id": number % 4 + 1, "name": f"feature-{number}", "merged": False}
        commit = {"committed_date": old, "author_name": NAMES[number % 6]}
        _add(rows, "branches", **what, default=False, protected=False, commit=commit)
