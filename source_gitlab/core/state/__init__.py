"""What of a stream has been read, and how far: the state that a later read starts from.

One shape for all streams, keyed by numeric ids and bounded by the number of projects, about
three characters each, and eight more for a head or a highest id, whatever the number of rows::

    {"version": 1,
     "origin": {"instance": …, "start_date": …},  what it was made with (origin.py)
     "through": "2026-01-31T12:00:00.000Z",      projects (or groups) that are read on their
     "projects": "<ids>",                        own: up to here, all these,
     "earlier": [["2026-01-30T…Z", "<ids>"]],    and these up to an earlier instant only
     "groups": {"12": {"through": …,             a group's list: up to here (missing: not read),
                       "projects": "<ids>",      for these members of the group: its projects,
                                                 or its groups where the rows belong to groups;
                       "entering": "<ids>",      these came in and are being read on their own
                       "others": 3,              so many more are in it, left out on purpose
                       "listed": "…Z"}},         when its members were last listed
     "positions": {"project:7": {…}},            where a slice under way has come to
     "heads": {"commits": "<base64>", …},        commits: the heads that were reached (heads.py)
     "counts": {"group:12": {…}},               how many rows a list holds (counts.py)
     "tops": {"ids": "<base64>", …},            jobs: the highest ids that were read (tops.py)
     "held": {"12": {"digest": …,                a group whose projects are read on their own:
                     "changed": "…Z",            what its list held, since which read,
                     "others": 3,                how many projects were left out on purpose
                     "listed": "…Z"}},           when they were last listed
     "owed": {"columns": […], "parents": […]},   parents whose children did not come (owed.py)
     "joined": {"group:12": {"5": […]}},         what newcomers add to counts at the next read
     "recent": {"group:12": {"<digest>": "…Z"}}} rows delivered inside the next read's overlap, by
                                                 the list that shows them

What planning finds out is in it too, so that a state may travel between planning and reading.
"""

from source_gitlab.core.state.digests import digest, identity
from source_gitlab.core.state.members import GroupState, MemberAccess, ProjectsListed
from source_gitlab.core.state.parts import StateError
from source_gitlab.core.state.progress import Progress, SliceProgress, home_of, key_of
from source_gitlab.core.state.stream_state import StreamState

__all__ = [
    "GroupState",
    "MemberAccess",
    "Progress",
    "ProjectsListed",
    "SliceProgress",
    "StateError",
    "StreamState",
    "digest",
    "home_of",
    "identity",
    "key_of",
]
