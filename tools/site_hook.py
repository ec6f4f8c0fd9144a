"""What MkDocs runs beside its own steps: the site loads no script, font or style from the network.

It runs in the environment of `make site`, which has neither this package nor what it needs.
"""

from __future__ import annotations

import shutil
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

_CHANGED = "the theme loads its scripts in another way now: tools/site_hook.py has to follow"
# Where the theme takes Mermaid from for diagrams, and a polyfill that no browser needs.
_MERMAID = '"https://unpkg.com/mermaid@11/dist/mermaid.min.js"'
_POLYFILL = '"https://unpkg.com/resize-observer-polyfill"'
_BESIDE = (
    'new URL("mermaid.min.js",'
    "document.querySelector('script[src*=\"javascripts/bundle.\"]').src).href"
)


def on_post_build(config: Any) -> None:
    """Put Mermaid beside the theme's scripts, and let them load it from there.

    Raises:
        RuntimeError: the theme has changed, and would load something from the network.
    """
    scripts = Path(config["site_dir"]) / "assets" / "javascripts"
    bundles = list(scripts.glob("bundle.*.min.js"))
    for bundle in bundles:
        text = bundle.read_text(encoding="utf-8")
        text = text.replace(_MERMAID, _BESIDE).replace(_POLYFILL, '"data:text/javascript,"')
        bundle.write_text(text, encoding="utf-8")
    if len(bundles) != 1 or _BESIDE not in text or "//unpkg.com" in text:
        raise RuntimeError(_CHANGED)
    # It would have to know the address that the site has.
    (Path(config["site_dir"]) / "404.html").unlink()
    with as_file(files("mmdc") / "assets" / "mermaid.js") as mermaid:
        shutil.copy(mermaid, scripts / "mermaid.min.js")
