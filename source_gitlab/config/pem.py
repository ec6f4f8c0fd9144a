"""Certificates and keys, as users paste them."""

from __future__ import annotations

import base64
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from source_gitlab.config.values import shown
from source_gitlab.files import foreign

if TYPE_CHECKING:
    from source_gitlab.config.values import Setting

Content = Literal["certificate", "private key"]

_BLOCK: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_PEM_LINE: Final = 64  # RFC 7468, section 2


def pem_or_path(setting: Setting, content: Content) -> str:
    r"""Returns clean PEM text, or the path of a file that exists.

    Forms and environment variables mangle PEM text: line breaks become `\n` in two characters, or
    spaces, or vanish. The text is put back in order, and what is not of the wanted content (the
    other half of a combined file, comments) is left out.

    Raises:
        ConfigError: The text is neither PEM of this content nor the path of a file, or the key
            is protected by a passphrase. The message never shows a private key.
    """
    text = setting.text()
    if "-----BEGIN" not in text:
        return _existing_path(setting, text, content)
    text = text.replace("\\r", "").replace("\\n", "\n")
    blocks = [
        _clean_block(setting, label, body, content)
        for label, body in _BLOCK.findall(text)
        if label.endswith(content.upper())
    ]
    if not blocks:
        setting.fail(
            f"there is no {content} in this PEM text. Paste all of it, from the line BEGIN "
            f"{content.upper()} to the line END {content.upper()}."
        )
    return "".join(blocks)


def _clean_block(setting: Setting, label: str, body: str, content: Content) -> str:
    if label.startswith("ENCRYPTED") or "ENCRYPTED" in body:
        setting.fail(
            "this key is protected by a passphrase, and nobody is there to type it. Remove it with "
            "openssl pkey -in key.pem -out plain.pem, and give what is in plain.pem."
        )
    packed = "".join(body.split())
    try:
        intact = bool(base64.b64decode(packed, validate=True))
    except ValueError:
        intact = False
    if not intact:
        setting.fail(f"the {content} is damaged. Paste the whole PEM text again.")
    lines = "\n".join(textwrap.wrap(packed, _PEM_LINE))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"


def _existing_path(setting: Setting, text: str, content: Content) -> str:
    try:
        path = Path(text).expanduser()
        exists = path.is_file()
    except (OSError, RuntimeError, ValueError):  # too long, no such home, a null character
        exists = False
    if not exists:
        # A key pasted without its BEGIN line ends here, so what was typed is not shown.
        what = "this" if content == "private key" or foreign(text) else shown(text)
        setting.fail(
            f"{what} is neither PEM text nor the path of a file that exists here. Paste the "
            f"{content} from its BEGIN line to its END line, or give the full path of its file."
        )
    return str(path)
