"""The event that a webhook's mapping sees: an alert's body, and the request that brought it.

Source: Port's docs, "Webhook" (JQ input): `.body`, `.headers` and `.queryParams`. The casing of
header names is not promised there and lower case is asked for, while samples show them as they
were sent; so each is there in both spellings.

Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from falcoport.json_types import Json

Headers = Mapping[str, str] | Iterable[tuple[str, str]]
"""A request's headers with the names as they were sent; pairs where a name may come twice."""


def build_event(body: Any, headers: Headers, query: Mapping[str, str] | None = None) -> Json:
    """Return the event for a body that is parsed already."""
    return {
        "body": body,
        "headers": spell_headers(headers),
        "queryParams": dict(query or {}),
    }


def build_event_text(body: str, headers: Headers, query: Mapping[str, str] | None = None) -> str:
    """Return the event as JSON text for a body's JSON text, which is kept to the letter.

    No number passes through Python on this way: libjq reads what the sender wrote.
    """
    spelled, params = _encode(spell_headers(headers)), _encode(dict(query or {}))
    return f'{{"body":{body},"headers":{spelled},"queryParams":{params}}}'


def spell_headers(headers: Headers) -> dict[str, str]:
    """Return headers under their names as sent and in lower case; repeated ones are joined."""
    spelled: dict[str, str] = {}
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        for spelling in dict.fromkeys((name, name.lower())):
            spelled[spelling] = f"{spelled[spelling]}, {value}" if spelling in spelled else value
    return spelled


# Pure ASCII, since half of a surrogate pair in a value has no form in UTF-8.
_encode = json.JSONEncoder(separators=(",", ":")).encode
