"""Make the pictures of the documents: `python -m tools.pictures`.

docs/pictures/terminal.svg is what the commands below write to a terminal, run against the emulated
GitLab. docs/pictures/report.png and report-dark.png are the report on a file of made-up work, as
Chromium shows it.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from integration_tests.gitlab.launch import Emulator
from integration_tests.report import copies
from integration_tests.support.browser import chromium

if TYPE_CHECKING:
    from collections.abc import Sequence

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"
LARGEST = 300_000  # bytes
_COLUMNS = 96
_GITLAB = "gitlab.example.com"
_THEME = TerminalTheme(
    (23, 25, 35),
    (220, 223, 228),
    [
        (40, 44, 52),
        (224, 108, 117),
        (152, 195, 121),
        (229, 192, 123),
        (97, 175, 239),
        (198, 120, 221),
        (86, 182, 194),
        (220, 223, 228),
    ],
)


def main() -> int:
    """Make all pictures; 1 when one is too large to stand in a page."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        terminal(Path(name))
        report(Path(name))
    large = [one.name for one in PICTURES.iterdir() if one.stat().st_size > LARGEST]
    for one in large:
        print(f"{one} has more than {LARGEST:,} bytes", file=sys.stderr)
    return 1 if large else 0


# --- the terminal


def terminal(folder: Path) -> None:
    """docs/pictures/terminal.svg: a first sync, a second one, and a question."""
    lines: list[str] = []
    with Emulator() as gitlab:
        sync = ["sync", "--to", "gitlab.duckdb", "--group", "acme"]
        question = "select state, count(*) as issues from issues group by 1 order by 1"
        for arguments in (sync, sync, ["query", "gitlab.duckdb", question]):
            shown = [f'"{one}"' if " " in one else one for one in arguments]
            real = [*arguments, "--url", gitlab.url] if arguments[0] == "sync" else arguments
            lines.append(f"\x1b[1;32m$\x1b[0m source-gitlab {' '.join(shown)}")
            lines += shortened(written(real, folder, gitlab.token).splitlines())
            lines.append("")
        text = "\n".join(lines).replace(gitlab.url.partition("//")[2], _GITLAB)
    console = Console(
        record=True,
        width=_COLUMNS,
        file=io.StringIO(),
        force_terminal=True,
        color_system="standard",
    )
    console.print(Text.from_ansi(text.rstrip("\n")), highlight=False)
    svg = console.export_svg(title="source-gitlab", theme=_THEME, unique_id="terminal")
    # No font from the network: the one of the reader's system.
    svg = re.sub(r"(?s)@font-face \{.*?\}\s*", "", svg)
    (PICTURES / "terminal.svg").write_text(svg.rstrip() + "\n", encoding="utf-8")


def written(arguments: Sequence[str], folder: Path, token: str) -> str:
    """What a command leaves on the screen; its progress moves on the standard error and goes."""
    command = [sys.executable, "-m", "source_gitlab", *arguments]
    environment = {**os.environ, "GITLAB_TOKEN": token, "COLUMNS": str(_COLUMNS)}
    done = subprocess.run(  # noqa: S603 -- ours
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    return done.stdout.strip("\n")


def shortened(lines: list[str], most: int = 14) -> list[str]:
    """The lines, without those in the middle of a long table."""
    if len(lines) <= most:
        return lines
    return [*lines[: most - 4], "\x1b[2m  ⋮\x1b[0m", *lines[-3:]]


# --- the report


def report(folder: Path) -> None:
    """docs/pictures/report.png and report-dark.png: the head of the page at the width of a desk."""
    copies.write(folder / "work.duckdb")
    command = [sys.executable, "-m", "source_gitlab", "report", "work.duckdb"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 -- ours
    with chromium() as browser:
        browser.set_window_size(1200, 1180)
        for name, scheme in (("report.png", "light"), ("report-dark.png", "dark")):
            feature = {"name": "prefers-color-scheme", "value": scheme}
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
            browser.get((folder / "report.html").as_uri())
            browser.save_screenshot(str(PICTURES / name))


if __name__ == "__main__":
    sys.exit(main())
