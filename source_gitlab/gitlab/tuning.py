"""Numbers that bound a read, which no user sets: what reads and tests may vary."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tuning:
    """How lists are cut, and how much of an answer is taken.

    A list that is read by value is asked for in pages of `page_size` rows. One of more than
    `pages_worth_windows` pages is cut into windows of `window_pages`, which are read in parallel.
    Page numbers get slower for GitLab as they grow, so they are counted from a new root after
    `windows_from_root` windows. Lists that streams share are kept up to `shared_rows` rows.

    An answer has at most `largest_body` bytes: a hundred rows of GitLab's largest resources are a
    few MiB, and what is larger is asked for again in smaller pages, so that no answer can fill the
    memory. As a whole it takes at most `whole_answer` times as long as one byte of it may.

    Renewing an OAuth token waits `renewal_pause` seconds before its second try (then doubling), and
    `renewal_timeout` seconds for an answer.
    """

    page_size: int = 100
    pages_worth_windows: int = 5
    window_pages: int = 3
    windows_from_root: int = 33
    shared_rows: int = 5_000
    largest_body: int = 64 * 1024 * 1024
    whole_answer: float = 5.0
    renewal_pause: float = 1.0
    renewal_timeout: float = 30.0
