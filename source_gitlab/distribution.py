"""The name under which this package is installed, which is neither its module's nor its command's.

On the public index `source-gitlab` belongs to somebody else: no text may tell people to install it.
"""

from __future__ import annotations

from typing import Final

DISTRIBUTION: Final = "gitlab-warehouse"


def install_command(extra: str) -> str:
    """What to type into a shell to have what an extra of pyproject.toml brings."""
    return f"pip install '{DISTRIBUTION}[{extra}]'"
