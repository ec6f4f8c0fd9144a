"""A library that takes the place of ours is told before the first request."""

from __future__ import annotations

import pytest

from source_gitlab.gitlab.transport.pool import TRANSPORT_VERSION, replaced


@pytest.mark.parametrize("version", ["2.25.904", "2.12.900", "2.5.901.dev0"])
def test_a_replaced_library_is_named(version: str) -> None:
    """With what to do, because no retry helps."""
    problem = replaced(version)
    assert problem is not None
    assert "urllib3-future" in str(problem)
    assert version in str(problem)


@pytest.mark.parametrize("version", [TRANSPORT_VERSION, "1.26.20", "2.2.3", "2.7", "3.0.0rc1"])
def test_urllib3_itself_is_used(version: str) -> None:
    """Whatever its number."""
    assert replaced(version) is None
