"""What a process leaves on disk when it is killed, and what the next one removes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from integration_tests.gitlab.launch import ROOT
from integration_tests.gitlab.patience import PATIENCE
from integration_tests.gitlab.tls import make_certificates
from source_gitlab.temporary_files import TemporaryFolder, named_memory

if TYPE_CHECKING:
    from pathlib import Path

KILLED = """
import os, signal
from source_gitlab.temporary_files import TemporaryFolder
folder = TemporaryFolder()
(folder.path / "rows").write_text("secret")
os.kill(os.getpid(), signal.SIGKILL)
"""
KILLED_WITH_A_KEY = """
import os, pathlib, signal, sys
from source_gitlab.config import parse
from source_gitlab.gitlab.transport.pool import Certificates
names = ("ca_certificate", "client_certificate", "client_private_key")
texts = [pathlib.Path(name).read_text() for name in sys.argv[1:]]
kept = Certificates(parse({"private_token": "t" * 20, **dict(zip(names, texts))}))
assert kept.problem is None
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, which is empty."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def killed(program: str, temporary: Path, *arguments: str) -> None:
    """Run a program that kills itself."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL


def test_the_next_process_removes_what_a_killed_one_left(temporary: Path) -> None:
    """One folder goes, and what lives or is somebody else's stays."""
    (temporary / "source-gitlab-yours").mkdir()
    (temporary / "source-gitlab-yours" / "rows").touch()
    killed(KILLED, temporary)
    assert len(list(temporary.iterdir())) == 2
    with TemporaryFolder() as first, TemporaryFolder() as second:
        living = {temporary / "source-gitlab-yours", first.path, second.path}
        assert set(temporary.iterdir()) == living
        assert {one.stat().st_mode & 0o777 for one in (first.path, second.path)} == {0o700}
    first.close()
    assert [one.name for one in temporary.iterdir()] == ["source-gitlab-yours"]


def test_a_folder_that_nobody_closed_goes_with_its_owner(temporary: Path) -> None:
    """As where a pipeline that took half of the rows is forgotten."""
    folder = TemporaryFolder()
    assert list(temporary.iterdir()) == [folder.path]
    del folder
    assert list(temporary.iterdir()) == []


def test_a_link_in_place_of_a_folder_removes_nothing(temporary: Path, tmp_path: Path) -> None:
    """Anyone may put one into a folder that all users share."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "lock").touch()
    (temporary / "source-gitlab-x").symlink_to(other)
    TemporaryFolder().close()
    assert (other / "lock").exists()


def test_a_system_that_refuses_memory_with_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the profile of a container may; files serve then."""

    def refused(name: str) -> int:
        raise PermissionError(name)

    monkeypatch.setattr("os.memfd_create", refused, raising=False)
    assert named_memory("any") is None


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no memory has a name here")
def test_a_private_key_that_is_given_as_text_is_never_on_disk(
    temporary: Path, tmp_path: Path
) -> None:
    """Whoever kills the process leaves no key for others to find."""
    made = make_certificates(tmp_path / "made")
    killed(KILLED_WITH_A_KEY, temporary, *map(str, (made.authority, made.client, made.client_key)))
    assert list(temporary.iterdir()) == []
