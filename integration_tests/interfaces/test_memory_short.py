"""A read that runs out of memory says so, and its states stand behind the rows that came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.support.process import catalog
from integration_tests.support.reading import config_for
from source_gitlab.interfaces.airbyte.batches import of_lines
from source_gitlab.interfaces.airbyte.errors import SYSTEM, Failure
from source_gitlab.interfaces.airbyte.memory import Memory, MemoryShort
from source_gitlab.interfaces.airbyte.source import Source

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator
    from source_gitlab.core.skip_log import SkipLog

MOST = 1_000_000_000


def container(folder: Path, used: float, own: float, most: object = MOST) -> Memory:
    """A container that uses these parts of its memory: of all, and of that for its own pages."""
    current = int(used * MOST)
    (folder / "memory.max").write_text(f"{most}\n")
    (folder / "memory.current").write_text(f"{current}\n")
    (folder / "memory.stat").write_text(f"anon {int(own * current)}\nfile 7\nkernel 9\n")
    return Memory(folder, pause=0.0)


def test_hardly_any_memory_left(tmp_path: Path) -> None:
    """The sentence says how much there may be."""
    with pytest.raises(MemoryShort, match=r"may have 1,000 MB of memory and uses 960 MB"):
        container(tmp_path, 0.96, 0.9).check()


@pytest.mark.parametrize(
    ("used", "own", "most"), [(0.9, 1.0, MOST), (0.99, 0.5, MOST), (0.99, 1.0, "max")]
)
def test_enough_of_it(tmp_path: Path, used: float, own: float, most: object) -> None:
    """Files that are kept in memory are given back, and a container may have no limit."""
    container(tmp_path, used, own, most).check()


def test_nobody_can_tell(tmp_path: Path) -> None:
    """No container, or one that shows less."""
    Memory(tmp_path, pause=0.0).check()
    memory = container(tmp_path, 0.99, 1.0)
    (tmp_path / "memory.stat").write_text("file 7\n")
    memory.check()


def test_a_read_without_memory(gitlab: Emulator, tmp_path: Path) -> None:
    """It ends as a mistake of nobody's configuration, and no state covers what did not come."""
    memory = container(tmp_path, 0.99, 1.0)
    reports: list[SkipLog] = []
    source = Source(
        lambda _: None, shape=of_lines, on_read=reports.append, check_memory=memory.check
    )
    messages: list[dict[str, Any]] = []
    with pytest.raises(Failure) as caught:
        # Those before the failure are kept.
        messages.extend(source.read(config_for(gitlab), catalog("issues", "tags"), []))
    assert {one["type"] for one in messages} <= {"TRACE", "LOG"}
    last = {
        one["trace"]["stream_status"]["stream_descriptor"]["name"]: one["trace"]["stream_status"]
        for one in messages
        if one["type"] == "TRACE"
    }
    assert {one["status"] for one in last.values()} == {"INCOMPLETE"}
    assert caught.value.failure_type == SYSTEM
    assert "1,000 MB of memory" in caught.value.message
    assert "1,000 MB of memory" in str(reports[0].ended)
