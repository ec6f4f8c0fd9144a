"""A small git repository: a graph of commits, branches and tags, walked as git walks them."""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

# What git takes for an abbreviation of a sha: alone, or behind what `git describe` writes before it
# (https://git-scm.com/docs/gitrevisions).
_ABBREVIATED = re.compile(r"(?:.+-[0-9]+-g)?([0-9a-f]{4,})")


class UnknownRevisionError(Exception):
    """A ref, sha or range that names no commit of the repository."""


@dataclass(frozen=True)
class Commit:
    """A commit; times in microseconds, whole seconds only, zone offsets in minutes."""

    sha: str
    parents: tuple[str, ...]
    authored: int
    committed: int
    message: str
    author_name: str
    author_email: str
    committer_name: str
    committer_email: str
    additions: int = 0
    deletions: int = 0
    offset: int = 0

    @property
    def title(self) -> str:
        """The first line of the message."""
        return self.message.split("\n", 1)[0]


@dataclass
class Branch:
    """A branch: where it points, and what GitLab knows of it."""

    name: str
    sha: str
    protected: bool = False


@dataclass
class Tag:
    """A tag: the commit, and for an annotated tag the message, the object and its time."""

    name: str
    sha: str
    message: str = ""
    created: int | None = None
    protected: bool = False

    @property
    def target(self) -> str:
        """The tag object of an annotated tag, or the commit of a lightweight one."""
        if not self.message:
            return self.sha
        return hashlib.sha1(f"tag {self.name} {self.sha}".encode()).hexdigest()  # noqa: S324


@dataclass
class Repository:
    """Commits by sha, branches and tags by name."""

    default_branch: str = "main"
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, Branch] = field(default_factory=dict)
    tags: dict[str, Tag] = field(default_factory=dict)
    version: int = 0
    _main: set[str] | None = field(default=None, repr=False)
    _walks: OrderedDict[Hashable, list[Commit]] = field(default_factory=OrderedDict, repr=False)

    WALKS = 64

    @property
    def empty(self) -> bool:
        """Whether no branch was ever pushed."""
        return not self.branches

    def changed(self) -> None:
        """Say that commits or refs are new."""
        self.version += 1
        self._walks.clear()
        self._main = None

    def add(self, commit: Commit) -> Commit:
        """Store a commit; no ref moves."""
        self.commits[commit.sha] = commit
        self.changed()
        return commit

    def resolve(self, revision: str) -> str:
        """The sha that a full sha, branch, tag or abbreviated sha names, in this order as in git.

        Raises UnknownRevisionError, also for an abbreviation of more than one.
        """
        if revision in self.commits:
            return revision
        for prefix in ("refs/heads/", "refs/tags/"):
            revision = revision.removeprefix(prefix)
        if revision in self.branches:
            return self.branches[revision].sha
        if revision in self.tags:
            return self.tags[revision].sha
        if revision == "HEAD" and self.default_branch in self.branches:
            return self.branches[self.default_branch].sha
        abbreviated = _ABBREVIATED.fullmatch(revision)
        if abbreviated:
            found = [sha for sha in self.commits if sha.startswith(abbreviated[1])]
            if len(found) == 1:
                return found[0]
        raise UnknownRevisionError(revision)

    def reachable(self, shas: Iterable[str]) -> set[str]:
        """Every commit that is one of these or an ancestor of one."""
        seen: set[str] = set()
        todo = [sha for sha in shas if sha in self.commits]
        while todo:
            sha = todo.pop()
            if sha not in seen:
                seen.add(sha)
                todo.extend(parent for parent in self.commits[sha].parents if parent not in seen)
        return seen

    def merged(self, sha: str) -> bool:
        """Whether the default branch contains a commit."""
        if self._main is None:
            head = self.branches.get(self.default_branch)
            self._main = self.reachable([head.sha]) if head else set()
        return sha in self._main

    def heads(self) -> list[str]:
        """The commits that branches and tags point at."""
        named = [branch.sha for branch in self.branches.values()]
        return named + [tag.sha for tag in self.tags.values()]

    def log(
        self,
        revision: str | None = None,
        *,
        all_refs: bool = False,
        since: int | None = None,
        until: int | None = None,
        first_parent: bool = False,
    ) -> list[Commit]:
        """What ``git log`` prints, newest committer date first.

        ``revision`` is a branch, tag, sha or range ``a..b``. Like git, the walk does not go past
        a commit older than ``since``, so what lies behind a back-dated commit stays unseen.
        Raises UnknownRevisionError.
        """
        starts, ends = (
            (self.heads(), []) if all_refs else self._range(revision or self.default_branch)
        )
        key = (tuple(starts), tuple(ends), since, until, first_parent)
        if key not in self._walks:
            self._walks[key] = self._walk(starts, ends, since, until, first_parent=first_parent)
            while len(self._walks) > self.WALKS:
                self._walks.popitem(last=False)
        return self._walks[key]

    def _walk(
        self,
        starts: list[str],
        ends: list[str],
        since: int | None,
        until: int | None,
        *,
        first_parent: bool,
    ) -> list[Commit]:
        hidden = self.reachable(ends)
        queue: list[tuple[int, int, str]] = []
        seen: set[str] = set()
        found: list[Commit] = []

        def push(sha: str) -> None:
            if sha not in seen and sha not in hidden and sha in self.commits:
                seen.add(sha)
                heappush(queue, (-self.commits[sha].committed, len(seen), sha))

        for sha in starts:
            push(sha)
        while queue:
            commit = self.commits[heappop(queue)[2]]
            if since is not None and commit.committed < since:
                continue
            if until is None or commit.committed <= until:
                found.append(commit)
            for parent in commit.parents[:1] if first_parent else commit.parents:
                push(parent)
        return found

    def _range(self, revision: str) -> tuple[list[str], list[str]]:
        if ".." in revision:
            old, new = revision.split("..", 1)
            head = self.default_branch
            return [self.resolve(new or head)], [self.resolve(old or head)]
        return [self.resolve(revision)], []

    def collect_garbage(self) -> int:
        """Drop the commits that no ref reaches; returns how many."""
        kept = self.reachable(self.heads())
        lost = [sha for sha in self.commits if sha not in kept]
        for sha in lost:
            del self.commits[sha]
        self.changed()
        return len(lost)


def make_sha(*parts: object) -> str:
    """A sha that these parts always give."""
    return hashlib.sha1("\0".join(map(str, parts)).encode()).hexdigest()  # noqa: S324
