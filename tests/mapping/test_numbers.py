"""Numbers as JavaScript keeps them."""

from __future__ import annotations

import pytest

from falcoport.mapping.numbers import stored_float, stored_integer


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("1786960041123456789", 1786960041123456800),
        ("9007199254740993", 9007199254740992),
        ("-5", -5),
        ("123456789012345678901234", 1.2345678901234568e23),
    ],
)
def test_integers_are_as_javascript_writes_them(text: str, stored: float) -> None:
    assert stored_integer(text) == stored


def test_numbers_beyond_a_double_are_the_largest_one() -> None:
    assert stored_float("1e999") == 1.7976931348623157e308
    assert stored_float("-1e999") == -1.7976931348623157e308
    assert stored_integer("9" * 400) == 1.7976931348623157e308
