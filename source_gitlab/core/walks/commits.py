"""Commits: by what the heads of branches reach, not by dates.

The list's `since` compares the date that the committer's clock wrote, so a commit that is pushed
late, or rebased, is older than the last read and would never be seen. Instead the head of each
followed branch is remembered, and what the new head reaches and the old one did not is read:
`ref_name` takes a range `old..new` (https://docs.gitlab.com/api/commits/#list-repository-commits).
The pages of a list between two fixed commits never change, so they can be numbered.

Of a head that was reached, only the first digits are known (heads.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from source_gitlab.core.row_key import RowKey
from source_gitlab.core.slices import Page
from source_gitlab.core.state.branch_heads import DEFAULT, DIGITS, abbreviated, revision
from source_gitlab.core.walks.pages import PER_PAGE, read_pages
from source_gitlab.gitlab.client import pages_of
from source_gitlab.gitlab.errors import LESS_MAY_DO, BadRequest, Malformed, Skipped
from source_gitlab.gitlab.lists import Whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from source_gitlab.core.slices import Slice
    from source_gitlab.gitlab.client import Query
    from source_gitlab.gitlab.lists import Lists

_KEY = RowKey(("id",), ((str,),))
# What a branch is followed by is as needed as its name.
_BRANCH = RowKey(("name", "commit.id"), ((str,), (str,)))


@dataclass(frozen=True)
class Commits:
    """The commits of one project; `every_branch`, or those of its default branch."""

    client: Lists
    path: str
    query: Query
    every_branch: bool
    since: str | None

    def pages(self, slice_: Slice, known: Mapping[str, str]) -> Iterator[Page]:
        """Commits that the heads reach now and did not reach when `known` was written.

        Raises:
            GitlabError: as `client.errors` sorts it; Skipped also when there is no repository.
        """
        known = dict(known)
        position = slice_.get("position")
        if position:
            ref, head, old = position["ref"], position["head"], position.get("old")
            try:
                size = int(position.get("per_page", PER_PAGE))
                yield from self._reached(ref, head, old, int(position["page"]), size)
                known[ref] = abbreviated(head)
            except (BadRequest, Skipped):
                # The branch was rewritten meanwhile, and the head of then is garbage by now.
                yield Page([], position={})
        try:
            head = self._default_head()
        except (*LESS_MAY_DO, Malformed):
            head = None
            yield from self._beside_head(known.get(DEFAULT))
        if head is not None:
            if slice_["since"] is None and not position and DEFAULT in known:
                # Not everything came the last time, so that the digits of a head are not enough.
                yield from self._reached(DEFAULT, head, known[DEFAULT], 1)
            else:
                yield from self._follow(DEFAULT, head, known.get(DEFAULT))
        if not self.every_branch:
            return
        missed = self.client.noted
        heads = dict(self._branch_heads())
        for ref, sha in heads.items():
            # A branch seen for the first time brings what the default branch does not have.
            yield from self._follow(ref, sha, known.get(ref, head or known.get(DEFAULT)))
        gone = {ref: None for ref in known if ref not in heads and ref != DEFAULT}
        # A branch that does not come is not gone.
        if gone and self.client.noted == missed:
            yield Page([], heads=dict(gone))

    def _follow(self, ref: str, head: str, old: str | None) -> Iterator[Page]:
        if old is None or abbreviated(head) != old[:DIGITS]:
            yield from self._reached(ref, head, old, 1)
        else:
            yield Page([], heads={ref: abbreviated(head)})

    def _reached(
        self, ref: str, head: str, old: str | None, page: int, size: int = PER_PAGE
    ) -> Iterator[Page]:
        abbreviated(head)  # what is no id must not get into a state
        query: Query = {**self.query, "ref_name": f"{revision(old)}..{head}" if old else head}
        query |= {"per_page": size, "page": page}
        if self.since and not old:
            query["since"] = self.since
        url = f"{self.client.api_url}/{self.path}"
        try:
            for answer in pages_of(
                partial(self.client.rows, self.path, sound=_KEY.checked), query, url
            ):
                if old and not answer.data and not (self._exists(old) and self._exists(head)):
                    yield from self._reached(ref, head, None, 1)
                elif answer.next is None:
                    yield Page(answer.data, position={}, heads={ref: abbreviated(head)})
                else:
                    position: dict[str, Any] = {"ref": ref, "head": head, "old": old}
                    position["page"] = int(answer.next["page"])
                    came = int(answer.next.get("per_page", size))
                    if came != PER_PAGE:
                        # The numbers of pages that are smaller than asked go by that.
                        position["per_page"] = came
                    yield Page(answer.data, position=position)
        except (BadRequest, Skipped):
            if not old:
                raise
            # The old head was collected as garbage after a force-push, or its first digits are
            # those of another commit too: read all of the new one.
            yield from self._reached(ref, head, None, 1)

    def _beside_head(self, old: str | None) -> Iterator[Page]:
        """What the default branch reaches, where the commit at its head does not come.

        Nobody knows which commit that is, so no head is reached, and the next read asks again.
        """
        query: Query = {**self.query, "per_page": PER_PAGE}
        if old:
            # The name that git has for the head of the default branch.
            query["ref_name"] = f"{revision(old)}..HEAD"
        elif self.since:
            query["since"] = self.since
        url = f"{self.client.api_url}/{self.path}"
        try:
            for answer in pages_of(
                partial(self.client.rows, self.path, sound=_KEY.checked), query, url
            ):
                yield Page(answer.data)
        except (BadRequest, Skipped):
            if not old:
                raise
            yield from self._beside_head(None)

    def _exists(self, sha: str) -> bool:
        """Whether there still is such a commit; some versions list nothing from an unknown one."""
        query: Query = {"ref_name": revision(sha), "per_page": 1}
        try:
            return bool(self.client.client.rows(self.path, query).data)
        except (BadRequest, Skipped):
            return False

    def _default_head(self) -> str | None:
        """The commit that the default branch points at; None when there is no such branch."""
        try:
            # Not stepping: behind a head that does not come stands another commit.
            # Two, because an empty answer for one row is believed, which may be asked for to count.
            answer = Whole(self.client.client).rows(self.path, {"per_page": 2}, _KEY.checked)
        except Skipped:
            # The default branch may be deleted while there are others; their list tells.
            if not self.every_branch:
                raise
            return None
        return str(answer.data[0]["id"]) if answer.data else None

    def _branch_heads(self) -> Iterator[tuple[str, str]]:
        path = self.path.removesuffix("commits") + "branches"
        query: Query = {"pagination": "keyset"}
        for rows in read_pages(self.client, None, path, query, _BRANCH):
            for row in rows:
                yield row["name"], row["commit"]["id"]
