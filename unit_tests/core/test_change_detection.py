"""What of a long list of labels is compared."""

from __future__ import annotations

from typing import Any

from source_gitlab.core.change_detection import digest_of_long
from source_gitlab.gitlab.pagination import Answer


def page(*rows: tuple[int, str], total: int = 500, color: str = "#428BCA") -> Answer:
    """The first page of a list; the colour is that of its first label."""
    data: list[dict[str, Any]] = [{"id": number, "name": name} for number, name in rows]
    data[0]["color"] = color
    return Answer(data, {"page": "2"}, total)


LIST = ((1, "bug"), (7, "bug"), (3, "docs"), (4, "docs"))


def test_rows_of_the_last_name_may_be_others_of_that_name() -> None:
    """GitLab sorts by the name alone, so any of a thousand equal names may stand at the edge."""
    assert digest_of_long(page(*LIST)) == digest_of_long(page(*LIST[:2], (5, "docs"), (3, "docs")))
    assert digest_of_long(page(*LIST)) == digest_of_long(page(*LIST[:3]))


def test_what_is_compared() -> None:
    """The length of the list, and the labels before the last name."""
    known = digest_of_long(page(*LIST))
    assert known == digest_of_long(page(*LIST))
    assert known != digest_of_long(page(*LIST, total=501))
    assert known != digest_of_long(page(*LIST, color="#ff0000"))
    assert known != digest_of_long(page(LIST[0], (8, "bug"), *LIST[2:]))


def test_a_page_of_one_name_tells_the_length_only() -> None:
    """Then there is nothing else to go by."""
    same = page((1, "bug"), (2, "bug")), page((3, "bug"), (4, "bug"))
    assert digest_of_long(same[0]) == digest_of_long(same[1])
    assert digest_of_long(same[0]) != digest_of_long(page((1, "bug"), (2, "bug"), total=499))


def test_a_first_page_whose_rows_were_all_left_out() -> None:
    """GitLab may drop rows after it has cut a page."""
    assert digest_of_long(Answer([], None, 400)) != digest_of_long(Answer([], None, 401))
