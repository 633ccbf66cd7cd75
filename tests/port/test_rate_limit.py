"""How long a 429 asks to wait, in each of the ways in which it may say so."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from falcoport.port.rate_limit import seconds_to_wait

NOW = datetime(2026, 11, 23, 9, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "0"}, None),
        ({"retry-after": "0.0"}, None),
        ({"retry-after": "-7"}, None),
        ({"retry-after": "Mon, 23 Nov 2026 09:00:30 GMT"}, 30),
        ({"retry-after": "Mon, 23 Nov 2026 08:00:00 GMT"}, None),
        ({"retry-after": "Mon, 23 Nov 2026 10:00:05 +0100"}, 5),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon", "x-ratelimit-reset": "9"}, 9),
        ({"retry-after": "3", "x-ratelimit-reset": "9"}, 3),
        ({"retry-after": "0", "x-ratelimit-reset": "9"}, None),
        ({"x-ratelimit-reset": "9"}, 9),
        ({"x-ratelimit-reset": "0"}, None),
        ({"x-ratelimit-reset": str(int(NOW.timestamp()) + 12)}, 12),
        ({"x-ratelimit-reset": str(int(NOW.timestamp()) - 12)}, None),
        ({"x-ratelimit-reset": "soon"}, None),
    ],
)
def test_a_429_says_how_long_to_wait(headers: dict[str, str], expected: float | None) -> None:
    assert seconds_to_wait(httpx.Headers(headers), NOW) == expected
