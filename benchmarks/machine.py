"""The machine that a benchmark runs on: what it is, and which of its cores do what."""

from __future__ import annotations

import os
import platform
import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Machine:
    """What the results say about the machine; `memory` in bytes.

    `contender` and `emulator` are the cores that the two are pinned to, None where the system
    cannot pin; on a machine with one core they share it.
    """

    system: str
    processor: str
    cores: int
    memory: int
    contender: int | None
    emulator: int | None


def this_machine() -> Machine:
    """Describe this machine, and choose a core for each side."""
    usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return Machine(
        system=f"{platform.system()} {platform.release()}",
        processor=_processor(),
        cores=len(usable) or os.cpu_count() or 1,
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        contender=usable[0] if usable else None,
        emulator=usable[-1] if usable else None,
    )


def _processor() -> str:
    described = Path("/proc/cpuinfo")
    if described.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", described.read_text(), re.MULTILINE)
        if found:
            return found[1]
    return platform.processor() or platform.machine()


@contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """Processes that are started inside stay on `core`; this thread gets its cores back."""
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
