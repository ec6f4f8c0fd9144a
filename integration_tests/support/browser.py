"""A headless Chromium, for tests of pages."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService

from integration_tests.gitlab.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    # Without these it looks for hosts of its maker at every start.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


@contextmanager
def chromium() -> Iterator[Chrome]:
    """Run a browser with nobody's profile until the block ends.

    Where it is not installed, the test is skipped, and fails under CI.
    """
    programs = shutil.which("chromium"), shutil.which("chromedriver")
    if None in programs:
        message = "Chromium is not installed: apt-get install chromium chromium-driver"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    browser, driver = map(str, programs)
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as name:
        options = ChromeOptions()
        options.binary_location = browser
        for flag in (*_FLAGS, f"--user-data-dir={Path(name) / 'profile'}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        one = Chrome(options=options, service=ChromeService(executable_path=driver))
        try:
            one.set_script_timeout(PATIENCE)
            one.set_page_load_timeout(PATIENCE)
            yield one
        finally:
            one.quit()
