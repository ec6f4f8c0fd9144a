"""Everything about the emulated instance that can be set, at start or while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any


@dataclass
class Settings:
    """Settings of the instance, with GitLab's defaults."""

    external_url: str = "https://gitlab.example.com"
    """What rows show in web_url and the like. Constant, so that two runs give equal rows."""
    link_url: str = ""
    """Scheme and host of Link headers when they are not those of the request (a proxy)."""
    outer_url: str = ""
    """Scheme and host of the Location of redirects, when they are not those of the request."""
    encoded_slash: str = "passed"
    """What a web server in front does with %2F in paths: ``passed``, ``refused``, ``decoded``."""
    relative_url_root: str = ""
    """Sub-path that the instance is installed under, such as ``/gitlab``."""
    version: str = "18.7.0"
    """GitLab's version; group milestones take include_descendants since 16.7."""
    tier: str = "ultimate"
    """``free``, ``premium`` or ``ultimate``: what needs more is refused."""
    epics: str = "on"
    """``on``, or how a Free instance answers for epics: ``403``, ``404`` or ``empty``."""
    boards: str = "on"
    """The same for boards."""
    most_per_page: int = 100
    """Rows that a page may have; a larger ``per_page`` is silently cut to it."""
    offset_limit: int = 50_000
    """Rows that offset paging may reach in the types below."""
    offset_limited: list[str] = field(default_factory=lambda: ["Project", "User", "Ci::Build"])
    """Types that answer 405 beyond the limit."""
    count_limit: int = 10_000
    """Above this many rows a list has no totals and no link to its last page."""
    counted_only: bool = False
    """Whether pages behind those that a bounded count tells of are empty."""
    unknown_ref: str = "404"
    """Answer for commits of a revision that does not exist: ``404``, ``400`` or ``empty``."""
    branch_keyset: bool = True
    """Whether branches honour pagination=keyset (a feature flag in older versions)."""
    child_pipeline_source: bool = True
    """Whether source=parent_pipeline lists child pipelines (since 17.0)."""
    release_filters: bool = True
    """Whether project releases honour updated_after and updated_before."""
    deployment_pairs: bool = True
    """Whether deployments insist on order_by=updated_at beside updated_after."""
    latency: float = 0.0
    """Seconds that every API answer is held back."""
    gzip: bool = False
    """Whether bodies are compressed for clients that accept it."""
    oauth_expires_in: int = 7200
    """Life of an OAuth access token, in seconds."""
    oauth_auto_approve: bool = False
    """Whether /oauth/authorize approves without ?auto=1."""
    oauth_device_polls: int = 1
    """How often a device is told authorization_pending before it is approved by itself."""
    rate_limit: int = 0
    """Requests per minute and token; 0 is no limit and no RateLimit headers."""
    rate_window: int = 60
    """Seconds that the count for rate_limit runs; the limit stays one for a minute."""
    family_limits: dict[str, list[int]] = field(default_factory=dict)
    """Requests and seconds by endpoint template, e.g. ``{"GET /groups/:id": [400, 60]}``."""

    graphql_lacks: list[str] = field(default_factory=list)
    """Fields (``Group.timelogs``) and arguments (``Pipeline.jobs.jobKind``) that it lacks."""
    graphql_denies: list[str] = field(default_factory=list)
    """Fields for which the viewer is told that the permission is missing, in a 200."""
    graphql_slow_above: int = 0
    """Lists of which more rows are asked for at once run into the time-out; 0: none do."""
    graphql_slow_from: int = 0
    """From this row of a page on, counted from 1, what is in it is too late; 0: nothing is."""
    graphql_counts_up_to: int = 0
    """Connections with more rows run into the time-out when they are counted; 0: none do."""
    graphql_most_points: int = 0
    """Points that a query may cost; 0: as many as GitLab allows."""
    graphql_spared_points: int = 10
    """Points that a pipeline costs less when it is named; 0: none, in old versions."""
    graphql_broken: dict[str, str] = field(default_factory=dict)
    """Fields that fail in one object, by its global id: ``{"Timelog.project": "gid://…"}``."""
    zone_hours: int = 0
    """Hours that the instance's time zone is ahead of UTC; days in filters are its own."""
    graphql_hides: list[str] = field(default_factory=list)
    """Global ids of rows that are taken out of the pages that hold them."""

    def update(self, changes: dict[str, Any]) -> None:
        """Set fields by name; raises ValueError for a name or a type that does not fit."""
        known = {entry.name for entry in fields(self)}
        for name, value in changes.items():
            if name not in known:
                message = f"no such setting: {name}; there are {', '.join(sorted(known))}"
                raise ValueError(message)
            current = getattr(self, name)
            if isinstance(current, float) and isinstance(value, int):
                value = float(value)  # noqa: PLW2901 - JSON has one kind of number
            if type(value) is not type(current):
                message = f"{name} must be {type(current).__name__}, not {value!r}"
                raise ValueError(message)
            setattr(self, name, value)

    def at_least(self, *release: int) -> bool:
        """Whether the instance is this release or a newer one."""
        return tuple(map(int, self.version.split("-")[0].split(".")))[: len(release)] >= release
