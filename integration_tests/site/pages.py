"""What a built page links to, loads and can be linked to at."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from pathlib import Path

# What a browser loads of these without being asked: https://html.spec.whatwg.org/#linkTypes
_LOADED = frozenset({"stylesheet", "icon", "preload", "modulepreload", "manifest", "preconnect"})
_ADDRESS_IN_STYLE = re.compile(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)")


@dataclass
class Page(HTMLParser):
    """The links, the loaded addresses and the anchors of one page."""

    path: Path
    links: set[str] = field(default_factory=set)
    loaded: set[str] = field(default_factory=set)
    anchors: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Read the page."""
        super().__init__()
        text = self.path.read_text(encoding="utf-8")
        self.feed(text)
        for style in re.findall(r"(?s)<style[^>]*>(.*?)</style>", text):
            self.loaded |= addresses_in_style(style)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take down what the attributes of one element name."""
        given = {name: value for name, value in attrs if value}
        self.anchors.update(given[name] for name in ("id", "name") if name in given)
        if tag == "a" and "href" in given:
            self.links.add(given["href"])
        elif tag == "link" and _LOADED & set(given.get("rel", "").split()):
            self.loaded.add(given.get("href", ""))
        elif "src" in given:
            self.loaded.add(given["src"])


def addresses_in_style(style: str) -> set[str]:
    """What a style sheet loads."""
    return {one or other for one, other in _ADDRESS_IN_STYLE.findall(style)}


def is_foreign(address: str) -> bool:
    """Whether an address is on another host; `data:` and `mailto:` are on none."""
    return bool(urlsplit(address).netloc)


def target(page: Path, address: str) -> tuple[Path, str]:
    """The file that a link of a page leads to, and the anchor in it."""
    parts = urlsplit(address)
    file = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    return file, unquote(parts.fragment)


def broken(pages: dict[Path, Page]) -> list[str]:
    """The links of pages within one site that lead to no file, or to no anchor of it."""
    found = []
    for path, page in pages.items():
        for address in sorted(page.links):
            if urlsplit(address).scheme or is_foreign(address):
                continue
            file, anchor = target(path, address)
            there = pages.get(file)
            # A page begins at its top whatever it names so: https://html.spec.whatwg.org/#top
            is_lost = anchor and (there is None or anchor not in {*there.anchors, "top"})
            if not file.is_file() or is_lost:
                found.append(f"{path.name}: {address}")
    return found
