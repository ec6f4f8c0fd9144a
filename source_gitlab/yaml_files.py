"""The YAML files of the package, and the same as JSON, which is read in a tenth of the time.

A wheel has the JSON in `compiled.json`, which `hatch_build.py` makes with it; a checkout has none.
What stands there counts for a file only while the file has the length and checksum of the one that
it was made of.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final
from zlib import crc32

COMPILED: Final = "compiled.json"
_ROOT: Final = Path(__file__).parent


def read(*path: str) -> Any:
    """What a file holds, anew at each call; `path` starts in the folder of the package.

    Raises:
        OSError: there is no such file.
    """
    content = _ROOT.joinpath(*path).read_bytes()
    found = _compiled().get("/".join(path))
    if found is not None and found["mark"] == _mark(content):
        return json.loads(found["json"])
    return _parsed(content)


def names(folder: str) -> list[str]:
    """The names of the files in a folder of the package, sorted."""
    return sorted(path.name for path in _ROOT.joinpath(folder).glob("*.yaml"))


def compiled() -> bytes:
    """What `compiled.json` has to hold: each file by its path, with the mark of what it was."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted(_ROOT.rglob("*.yaml")):
        content = path.read_bytes()
        found[path.relative_to(_ROOT).as_posix()] = {
            "mark": _mark(content),
            "json": json.dumps(_parsed(content), separators=(",", ":")),
        }
    return json.dumps(found, indent=1).encode()


def _mark(content: bytes) -> str:
    # `hashlib` brings OpenSSL in, which takes as long as all of the JSON.
    return f"{len(content)}-{crc32(content):08x}"


@cache
def _compiled() -> dict[str, dict[str, str]]:
    path = _ROOT / COMPILED
    found: dict[str, dict[str, str]] = json.loads(path.read_bytes()) if path.exists() else {}
    return found


def _parsed(content: bytes) -> Any:
    # Not needed, and so not paid for, where everything is compiled.
    import yaml  # noqa: PLC0415

    # libyaml's loader is seven times as fast; a wheel without it has only Python's.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(content.decode("utf-8"), Loader=loader)  # noqa: S506 -- both are safe
