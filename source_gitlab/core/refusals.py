"""What a refusal of a list means, where GitLab says it in another way than by 403 and 404."""

from __future__ import annotations

from typing import TYPE_CHECKING

from source_gitlab.gitlab.errors import BadRequest, Skipped

if TYPE_CHECKING:
    from source_gitlab.gitlab.errors import GitlabError
    from source_gitlab.streams import Stream


def judged(stream: Stream, error: GitlabError) -> GitlabError | None:
    """The error of a list as its declaration has it; None where it says that there is nothing."""
    if not isinstance(error, (BadRequest, Skipped)):
        return error
    if stream.nothing is not None and stream.nothing in str(error):
        return None
    if isinstance(error, BadRequest) and error.status and error.status == stream.denied:
        message = f"{error} So it answers to those who may not read it."
        return Skipped(message, reason="permission", url=error.url, status=error.status)
    return error
