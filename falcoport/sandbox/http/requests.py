"""What a request says: its query parameters and its body, read with a limit."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from starlette.types import Receive, Scope

_KEY_DIGITS = 19


def read_key(text: str | None) -> int | None:
    """Return a database key given in a URL; None if there is none or it is no number."""
    if text is None or not (text.isascii() and text.isdigit() and len(text) < _KEY_DIGITS):
        return None
    return int(text)


def read_query(scope: Scope) -> dict[str, str]:
    """Return the query parameters; of one that is repeated, the last."""
    text = scope["query_string"].decode("latin-1")
    return dict(parse_qsl(text, keep_blank_values=True)) if text else {}


def read_repeated_query(scope: Scope) -> dict[str, tuple[str, ...]]:
    """Return the query parameters with every value of each."""
    found: dict[str, tuple[str, ...]] = {}
    for name, value in parse_qsl(scope["query_string"].decode("latin-1")):
        found[name] = (*found.get(name, ()), value)
    return found


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes | None:
    """Return a request's body, or None if it is larger than `limit`."""
    for name, value in scope["headers"]:
        if name == b"content-length" and int(value) > limit:
            return None
    chunks = b""
    while True:
        message = await receive()
        chunk: bytes = message.get("body", b"")
        chunks += chunk
        if len(chunks) > limit:
            return None
        if not message.get("more_body"):
            return chunks
