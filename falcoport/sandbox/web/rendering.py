"""Templates, and the words and addresses that they need.

Jinja2 escapes whatever alerts contain, and the pages' content policy forbids every script and
style but the two files served beside them, so what an alert says is never run.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from falcoport.sandbox.web import charts
from falcoport.sandbox.web.filters import PRIORITIES
from falcoport.sandbox.web.moments import parse_moment, write_ago, write_exact, write_iso

if TYPE_CHECKING:
    from jinja2 import Environment

FILES = {"style.css": "text/css; charset=utf-8", "live.js": "text/javascript; charset=utf-8"}
"""The files that the pages use, and the type of each."""

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""What a browser may load, run and send for these pages."""

_FOLDER = Path(__file__).parent
_PRIORITIES = frozenset(name.lower() for name in PRIORITIES)


def read_file(name: str) -> bytes:
    """Return one of the files that the pages use."""
    return (_FOLDER / "static" / name).read_bytes()


def render(template: str, now: float, **values: Any) -> str:
    """Return a page; `now` is what its relative times are counted from."""
    return _environment().get_template(template).render(now=now, **values)


def class_of_priority(value: object) -> str:
    """Return the class that colours a priority; none for one that Falco does not know."""
    name = str(value).lower()
    return name if name in _PRIORITIES else "other"


def encode_segment(text: str) -> str:
    """Return a text as one segment of an address."""
    return quote(text.encode(errors="replace"), safe="")


def entity_address(blueprint: str, identifier: str) -> str:
    """Return the address of an entity's page."""
    return f"/catalog/{encode_segment(blueprint)}/{encode_segment(identifier)}"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        auto_reload=False,
    )
    environment.filters |= {
        "ago": write_ago,
        "exact": write_exact,
        "iso": write_iso,
        "json": lambda value: json.dumps(value, ensure_ascii=False),
        "moment": parse_moment,
        "number": _write_number,
        "percent": _write_percent,
        "pretty": lambda value: json.dumps(value, indent=2, ensure_ascii=False),
        "priority_class": class_of_priority,
        "segment": encode_segment,
    }
    environment.globals |= {
        "draw_bar": charts.draw_bar,
        "entity_address": entity_address,
    }
    return environment


def _write_number(value: float) -> str:
    if isinstance(value, float) and not value.is_integer():
        return f"{value:,.2f}".rstrip("0").rstrip(".")
    return f"{int(value):,}"


def _write_percent(part: float, whole: float) -> str:
    if not whole:
        return "0 %"
    share = part / whole * 100
    return "< 1 %" if 0 < share < 1 else f"{share:.0f} %"
