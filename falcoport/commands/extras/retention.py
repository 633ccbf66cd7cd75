"""Retention: alerts and findings carry a timer, and an automation deletes what is due."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from falcoport.commands.extras.choices import DEFAULT_RETENTION_DAYS
from falcoport.commands.extras.subject import ALERT, Parts, Subject, rename
from falcoport.commands.extras.texts import replace_text
from falcoport.manifests.action import ACTION
from falcoport.manifests.loading import load_document
from falcoport.mapping.finding_expressions import BLUEPRINT as FINDING
from falcoport.resources.action import Action
from falcoport.resources.blueprint import Blueprint
from falcoport.resources.mapping_line import MappingLine
from falcoport.resources.property import Property

if TYPE_CHECKING:
    from falcoport.json_types import Json
    from falcoport.resources.interface import Catalog

EXPIRES = "expiresAt"
_DAY = 24 * 60 * 60
_BODY = {
    "title": "Expires",
    "type": "string",
    "format": "timer",
    "description": "When Port deletes it",
}
_EXPRESSION = re.compile(r"\+ (\d+) \| todate$")


def expiry_expression(days: int) -> str:
    """Return the JQ of a moment some days after an alert; Falco writes nine digits of a second."""
    return f'.body.time[0:19] + "Z" | fromdate + {days * _DAY} | todate'


def read_expiry_expression(text: object) -> int | None:
    """Return the days of an expression that `expiry_expression` wrote; None for any other."""
    match = _EXPRESSION.search(text) if isinstance(text, str) else None
    days = int(match[1]) // _DAY if match else None
    return days if days is not None and expiry_expression(days) == text else None


def build_retention(subject: Subject, catalog: Catalog, *, days: int | None, api_url: str) -> Parts:
    """Return the timers of what a set-up stores, what fills them, and an automation for each.

    Where there are findings and alerts, both have them. Without `days`, they stay as Port has them.
    """
    kept = _read_days(subject, catalog) if days is None else days
    parts = [
        part
        for one in (subject, subject.alerts)
        if one is not None
        for part in (
            Property(one.identifier, EXPIRES, _BODY),
            _make_line(one, expiry_expression(kept)),
            _make_automation(one.identifier, api_url, is_finding=one.is_finding),
        )
    ]
    owners = dict.fromkeys(part.blueprint for part in parts if isinstance(part, Property))
    return Parts(tuple(parts), tuple(map(_make_owner, owners)))


def locate_retention(subject: Subject, catalog: Catalog, *, api_url: str) -> Parts:
    """Return what Port may have of it: of findings too where the set-up has none any more."""
    parts = build_retention(subject, catalog, days=None, api_url=api_url)
    if subject.is_finding:
        return parts
    earlier = (
        Property(FINDING, EXPIRES, _BODY),
        _make_automation(FINDING, api_url, is_finding=True),
    )
    return Parts((*parts.own, *earlier), (*parts.owners, _make_owner(FINDING)))


def _make_line(subject: Subject, expression: str) -> MappingLine:
    mappings = subject.webhook.body["mappings"]
    mapping = next(one for one in mappings if one["blueprint"] == subject.identifier)
    return MappingLine(subject.webhook.key.identifier, EXPIRES, expression, mapping)


def _read_days(subject: Subject, catalog: Catalog) -> int:
    """Return the days that Port has, of whatever is stored; the default where it has none."""
    live = catalog.get(subject.webhook.key) or {}
    lines = [_make_line(one, "").extract(live) for one in (subject, subject.alerts) if one]
    found = (read_expiry_expression(line["expression"]) for line in lines if line is not None)
    return next((days for days in found if days is not None), DEFAULT_RETENTION_DAYS)


def _make_automation(blueprint: str, api_url: str, *, is_finding: bool) -> Action:
    name = "expire_findings.yaml" if is_finding else "expire.yaml"
    shipped = load_document(ACTION, "actions", name).body
    body: Json = rename(shipped, FINDING if is_finding else ALERT, blueprint)
    invocation = replace_text(body["invocationMethod"], "API_URL", api_url)
    url = invocation["url"].replace(f"/{ALERT}/", f"/{blueprint}/")
    return Action({**body, "invocationMethod": {**invocation, "url": url}})


def _make_owner(blueprint: str) -> Blueprint:
    return Blueprint({"identifier": blueprint}, partial=True)
