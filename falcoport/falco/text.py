"""Bytes of logs as text, as the readers of Falco's output take them."""

from __future__ import annotations

import re

_NOT_TEXT = re.compile("[\udc80-\udcff]")


def decode_leniently(raw: bytes) -> str:
    """Return the text of `raw`; each byte that is not UTF-8 becomes U+FFFD, as in Go."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return replace_stray_bytes(raw.decode(errors="surrogateescape"))


def replace_stray_bytes(text: str) -> str:
    """Return text decoded with `surrogateescape` with U+FFFD for each byte that was no UTF-8."""
    return text if text.isascii() else _NOT_TEXT.sub("\ufffd", text)
