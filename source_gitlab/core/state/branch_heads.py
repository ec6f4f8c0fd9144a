"""The heads of branches that were reached: their first digits, most of them packed in the state.

In a state they are::

    {"commits": "<base64>",           six bytes for the head of each default branch, in order of
                                      the ids of the projects that the rest of the state covers,
     "without": "<ids>",              but for these projects, which have none;
     "refs": {"7": {"main": "<12 hex digits>"}}}     all other heads, by project and branch

and a part that is empty is left out. Older states have all heads as in `refs`, with all digits.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any

from source_gitlab.core.state import id_sets

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

# The name under which the head of the default branch is kept, whatever the branch is called.
DEFAULT = ""
# 48 bits. Of 2^48 new heads one begins as the old one did, and passes for it. Of 3e8 heads in a
# repository of a million objects one begins as another object does: then GitLab knows no such
# commit, as when the head is garbage, and the whole branch is read again.
DIGITS = 12
_BYTES = DIGITS // 2
# SHA-1 or SHA-256 (https://git-scm.com/docs/hash-function-transition), or what is kept of them.
_COMMIT = re.compile(r"[0-9a-f]{12}|[0-9a-f]{40}|[0-9a-f]{64}")


def abbreviated(sha: str) -> str:
    """What is kept of the id of a commit.

    Raises:
        ValueError: it is no such id, neither whole nor abbreviated.
    """
    if not _COMMIT.fullmatch(sha):
        message = f"{sha[:80]!r} is not the id of a commit"
        raise ValueError(message)
    return sha[:DIGITS]


def revision(sha: str) -> str:
    """A commit, whole or abbreviated, as `ref_name` takes it.

    A branch or a tag may be called like the abbreviation, and git would take that one. In the form
    that `git describe` writes, it takes commits only (https://git-scm.com/docs/gitrevisions).
    """
    return sha if len(sha) > DIGITS else f"head-0-g{sha}"


class BranchHeads:
    """The heads of one stream, abbreviated. Not thread-safe."""

    def __init__(self) -> None:
        """None was reached."""
        self._defaults: dict[int, bytes] = {}
        self._others: dict[int, dict[str, str]] = {}

    def __bool__(self) -> bool:
        """Whether any was reached."""
        return bool(self._defaults or self._others)

    @property
    def projects(self) -> set[int]:
        """The projects of which any is known."""
        return {*self._defaults, *self._others}

    def of(self, number: int) -> dict[str, str]:
        """The heads of a project by branch: a copy."""
        known = dict(self._others.get(number, {}))
        if number in self._defaults:
            known[DEFAULT] = self._defaults[number].hex()
        return known

    def reach(self, number: int, heads: Mapping[str, str | None]) -> None:
        """Note abbreviated heads of a project by branch; None: the branch is gone."""
        for ref, sha in heads.items():
            if sha is None:
                self._drop(number, ref)
            elif ref == DEFAULT:
                self._defaults[number] = bytes.fromhex(sha)
            else:
                self._others.setdefault(number, {})[ref] = sha

    def _drop(self, number: int, ref: str) -> None:
        if ref == DEFAULT:
            self._defaults.pop(number, None)
            return
        others = self._others.get(number, {})
        others.pop(ref, None)
        if not others:
            self._others.pop(number, None)

    def to_json(self, projects: Sequence[int]) -> dict[str, Any]:
        """The heads, for a state that covers `projects`, which are in order."""
        result: dict[str, Any] = {}
        found = list(map(self._defaults.get, projects))
        packed = [data for data in found if data is not None]
        if packed:
            result["commits"] = base64.b64encode(b"".join(packed)).decode("ascii")
            without = [n for n, data in zip(projects, found, strict=True) if data is None]
            if without:
                result["without"] = id_sets.encode(without)
        refs = {number: dict(others) for number, others in self._others.items()}
        if len(packed) < len(self._defaults):
            for number in self._defaults.keys() - projects:
                refs.setdefault(number, {})[DEFAULT] = self._defaults[number].hex()
        if refs:
            result["refs"] = {str(number): refs[number] for number in sorted(refs)}
        return result

    @classmethod
    def load(cls, raw: Mapping[str, Any], projects: Collection[int]) -> BranchHeads:
        """The heads of a state that covers `projects`.

        Raises:
            ValueError: `to_json` did not write them beside these projects.
        """
        heads = cls()
        is_packed = raw.keys() <= {"commits", "without", "refs"}
        for number, refs in (raw.get("refs", {}) if is_packed else raw).items():
            heads.reach(int(number), {ref: abbreviated(sha) for ref, sha in refs.items()})
        if is_packed and "commits" in raw:
            without = id_sets.decode(raw["without"]) if "without" in raw else set()
            covered = sorted(number for number in projects if number not in without)
            unpacked = _unpacked(raw["commits"], len(covered))
            heads._defaults.update(zip(covered, unpacked, strict=True))
        return heads


def _unpacked(text: str, count: int) -> list[bytes]:
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        message = "the heads are not base64"
        raise ValueError(message) from error
    if len(data) != _BYTES * count:
        message = f"{len(data)} bytes are not the heads of {count} projects"
        raise ValueError(message)
    return [data[start : start + _BYTES] for start in range(0, len(data), _BYTES)]
