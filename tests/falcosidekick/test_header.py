"""The header's secret is held to what Falcosidekick really sends."""

from __future__ import annotations

import re

import pytest

from falcoport.errors import UsageError
from falcoport.falcosidekick.header import (
    DEFAULT_HEADER,
    Header,
    check_name,
    check_secret,
    generate_secret,
)


@pytest.mark.parametrize(
    ("secret", "reason"),
    [
        ("", "empty"),
        ("abc\n", "line end"),
        ("abc\rdef", "line end"),
        ("ab\tc", "control"),
        ("a\x7fb", "control"),
        ("gehëim", "ASCII"),
        ("user:password", "colon"),
        ("one,two", "comma"),
        (" abc", "space"),
        ("abc ", "space"),
        ("a" * 1025, "longer"),
    ],
)
def test_a_secret_that_would_be_cut_or_dropped_is_refused(secret: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as caught:
        check_secret(secret)
    assert not secret.strip() or secret not in str(caught.value)


@pytest.mark.parametrize(
    "secret", ["0123", "Bearer abc", "a=b==", "~._-+/", "!\"#$%&'()*;<>?@[]^`{|}\\"]
)
def test_other_printable_secrets_are_taken(secret: str) -> None:
    assert Header(DEFAULT_HEADER, secret).joined == f"X-Falcoport-Secret:{secret}"


@pytest.mark.parametrize(
    "name", ["", "X Y", " X", "X:", "X,Y", "x.y", "x_y", "1x", "-x", "é", "X\n", "a" * 101]
)
def test_a_name_that_does_not_travel_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="header's name"):
        check_name(name)


@pytest.mark.parametrize("name", ["Host", "content-length", "Content-Type", "Transfer-Encoding"])
def test_a_name_with_a_meaning_of_its_own_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="header's name"):
        check_name(name)


def test_a_generated_secret_has_256_bits_and_is_new_each_time() -> None:
    first, second = generate_secret(), generate_secret()
    assert first != second
    assert re.fullmatch(r"[0-9a-f]{64}", first)
    check_secret(first)


def test_the_secret_is_in_no_repr() -> None:
    assert "s3cr3t" not in repr(Header(DEFAULT_HEADER, "s3cr3t"))
