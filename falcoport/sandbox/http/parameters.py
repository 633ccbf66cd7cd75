"""Query parameters with a type; each raises a 422 error that names the parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.sandbox import errors
from falcoport.sandbox.storage.clock import format_moment
from falcoport.sandbox.storage.moments import parse_moment
from falcoport.sandbox.validation import flag as read_flag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["read_choice", "read_flag", "read_limit", "read_moment"]


def read_choice(query: Mapping[str, str], name: str, allowed: Sequence[str]) -> str | None:
    """Return one of the allowed values, or None if the parameter is not given."""
    value = query.get(name)
    if value is not None and value not in allowed:
        raise errors.invalid(f'querystring "{name}" must be equal to one of the allowed values')
    return value


def read_limit(
    query: Mapping[str, str], name: str, *, maximum: int, minimum: int = 1
) -> int | None:
    """Return a whole number in its limits, or None if the parameter is not given."""
    value = query.get(name)
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and len(value) < _DIGITS):
        raise errors.invalid(f'querystring "{name}" must be number')
    number = int(value)
    if number < minimum:
        raise errors.invalid(f'querystring "{name}" must be >= {minimum}')
    if number > maximum:
        raise errors.invalid(f'querystring "{name}" must be <= {maximum}')
    return number


_DIGITS = 20


def read_moment(query: Mapping[str, str], name: str) -> str | None:
    """Return a moment in the form that is stored, or None if the parameter is not given."""
    value = query.get(name)
    if value is None:
        return None
    # An unencoded `+` of an offset arrives as a space.
    moment = parse_moment(value.replace(" ", "+"))
    if moment is None:
        raise errors.invalid(f'querystring "{name}" must match format "date-time"')
    return format_moment(moment)
