"""Texts of files that editors wrote: with a byte order mark, or in UTF-16 as PowerShell does."""

from __future__ import annotations

import codecs
import io
import json
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from pathlib import Path

# The longest mark, and what tells UTF-16 and UTF-32 without one.
_HEAD = 4


def text_of(data: bytes) -> str:
    """The text of a JSON or YAML file in UTF-8, UTF-16 or UTF-32, without a byte order mark.

    Raises:
        UnicodeDecodeError: it is in none of these.
    """
    return data.decode(json.detect_encoding(data)).removeprefix("\ufeff")


def encoding_of(data: bytes) -> str:
    """The name of the encoding in which `text_of` reads this, with its byte order but no mark."""
    found = json.detect_encoding(data)
    if found == "utf-8-sig":
        return "utf-8"
    if found in {"utf-16", "utf-32"}:
        little = data.startswith(codecs.BOM_UTF16_LE)
        return f"{found}-{'le' if little else 'be'}"
    return found


def opened(path: Path) -> BinaryIO:
    """A file to read in UTF-8 without a byte order mark, whatever it is written in.

    Raises:
        OSError: it cannot be read.
        UnicodeDecodeError: it is in no encoding that JSON may have.
    """
    file = path.open("rb")
    head = file.peek(_HEAD)[:_HEAD]
    if json.detect_encoding(head) == "utf-8":
        return file
    with file:
        return io.BytesIO(text_of(file.read()).encode())
