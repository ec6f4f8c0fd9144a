"""Starts tap-gitlab 1.0.1 against another address than gitlab.com, which is written into it.

A program for tap-gitlab's own environment: the address is taken from TAP_GITLAB_API, everything
else is the tap's.
"""

import os
from typing import Any

from tap_gitlab import main  # type: ignore[import-not-found]
from tap_gitlab.client import Client  # type: ignore[import-not-found]

_original = Client.__init__


def _pointed(self: Any, config: Any) -> None:
    _original(self, config)
    self.base_url = os.environ["TAP_GITLAB_API"]


Client.__init__ = _pointed
main()
