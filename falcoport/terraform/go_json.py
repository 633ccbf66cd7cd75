"""JSON as Go's encoder writes it, which is how the provider keeps it in its state. Pure."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any


def write_go_json(value: Any) -> str:
    """Return a JSON value as Go writes it: keys sorted, no spaces, HTML escaped."""
    if isinstance(value, dict):
        members = (f"{write_go_json(key)}:{write_go_json(value[key])}" for key in sorted(value))
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(write_go_json, value)) + "]"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _go_number(float(value))
    text = json.dumps(value, ensure_ascii=False)
    return re.sub(r"[<>&\u2028\u2029]", lambda match: f"\\u{ord(match[0]):04x}", text)


def _go_number(value: float) -> str:
    """Return a float64 as Go's `encoding/json` writes it: shortest digits, few exponents."""
    if value == 0 or _GO_SMALLEST_PLAIN <= abs(value) < _GO_LARGEST_PLAIN:
        exact = Decimal(repr(value))
        return f"{exact.to_integral_value() if value.is_integer() else exact:f}"
    digits, _, exponent = f"{Decimal(repr(value)).normalize():e}".partition("e")
    sign, power = exponent[0], exponent[1:]
    # Two digits where positive, one where negative and small: Go takes `e-09` to `e-9`.
    return f"{digits}e{sign}{power if sign == '-' else power.zfill(2)}"


_GO_SMALLEST_PLAIN = 1e-6
_GO_LARGEST_PLAIN = 1e21
