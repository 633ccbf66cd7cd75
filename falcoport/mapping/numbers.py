"""Numbers as JavaScript, and hence Port, keeps and writes them."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from functools import lru_cache
from typing import Any


def as_stored(value: Any) -> Any:
    """Return a JSON value with its whole numbers as JavaScript, and hence Port, writes them."""
    # Most of what an alert holds are texts: each call that is not made for one counts.
    kind = type(value)
    if kind is list:
        return [inner if type(inner) is str else as_stored(inner) for inner in value]
    if kind is dict:
        return {
            key: inner if type(inner) is str else as_stored(inner) for key, inner in value.items()
        }
    if kind is int and not -_EXACT <= value <= _EXACT:
        return stored_integer(str(value))
    return value


_EXACT = 2**53
_LARGEST = 1.7976931348623157e308
_INTEGER_DIGITS = 15
_EXPONENT_FROM = 1e21  # where JavaScript begins to write an exponent


def stored_integer(text: str) -> int | float:
    """Return the number that Port stores for an integer's JSON text: that of a double."""
    if len(text) <= _INTEGER_DIGITS:
        return int(text)
    return _round(float(text))


def read_stored(text: str) -> Any:
    """Return what libjq's JSON text says, as `as_stored` of it, in a quarter of the time.

    Raise ValueError if it is not JSON, RecursionError if it is nested too deeply.
    """
    return _read(text)


def stored_float(text: str) -> int | float:
    """Return the number that Port stores for the JSON text of a number with a fraction."""
    value = max(-_LARGEST, min(_LARGEST, float(text)))
    return _round(value) if value.is_integer() else value


def _round(value: float) -> int | float:
    value = max(-_LARGEST, min(_LARGEST, value))
    if abs(value) >= _EXPONENT_FROM:
        return value
    # JavaScript writes the shortest digits that give this double, then zeros.
    return _whole_number(repr(value))


@lru_cache(maxsize=4096)
def _whole_number(text: str) -> int:
    return int(Decimal(text))


# A parser in C that asks about whole numbers alone.
_read = json.JSONDecoder(parse_int=stored_integer).decode


_STRING_OR_NUMBER = re.compile(
    r'"(?:[^"\\]|\\.)*"|(-?[0-9]+)((?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)', re.DOTALL
)
_LONG_NUMBER = re.compile(r"[0-9.]{16}|[0-9][eE.]")


def round_numbers(text: str) -> str:
    """Return JSON text with its numbers as JavaScript reads and writes them.

    Port parses an event before jq sees it, so a number is rounded to a double once. libjq keeps
    17 digits of what is written: given more, it would round a first time, to another double.
    """
    if not _LONG_NUMBER.search(text):
        return text
    try:
        # A parser in C that asks about numbers alone: a fifth of what the expression below takes,
        # which matters since the time of every Falco event is such a number.
        value = json.loads(text, parse_int=stored_integer, parse_float=stored_float)
        return json.dumps(value)
    except (ValueError, RecursionError):
        # No JSON, or nested too deeply for a parser: whoever evaluates it says so.
        return _STRING_OR_NUMBER.sub(_round_text, text)


def _round_text(match: re.Match[str]) -> str:
    whole, rest = match[1], match[2]
    if whole is None or (not rest and len(whole) <= _INTEGER_DIGITS):
        return match[0]
    return json.dumps(stored_float(match[0]) if rest else stored_integer(whole))
