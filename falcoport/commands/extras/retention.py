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
    """Return the timer of what a set-up is about, what fills it, and the automation.

    Without `days`, it stays as Port has it.
    """
    webhook = subject.webhook
    [mapping] = [m for m in webhook.body["mappings"] if m["blueprint"] == subject.identifier][:1]
    line = MappingLine(webhook.key.identifier, EXPIRES, "", mapping)
    if days is None:
        live = line.extract(catalog.get(webhook.key) or {})
        days = read_expiry_expression((live or {}).get("expression")) or DEFAULT_RETENTION_DAYS
    shipped = load_document(ACTION, "actions", "expire.yaml").body
    body: Json = rename(shipped, ALERT, subject.identifier)
    invocation = replace_text(body["invocationMethod"], "API_URL", api_url)
    url = invocation["url"].replace(f"/{ALERT}/", f"/{subject.identifier}/")
    timer, owner = Property(subject.identifier, EXPIRES, _BODY), _make_owner(subject)
    return Parts(
        (
            timer,
            MappingLine(webhook.key.identifier, EXPIRES, expiry_expression(days), mapping),
            Action(
                {**body, "invocationMethod": {**invocation, "url": url}},
                own_blueprints=(ALERT, FINDING),
            ),
        ),
        (owner,),
    )


def locate_retention(subject: Subject, catalog: Catalog, *, api_url: str) -> Parts:
    """Return what Port may have of it: of alerts too where findings came later."""
    parts = build_retention(subject, catalog, days=None, api_url=api_url)
    if subject.alerts is None:
        return parts
    earlier = build_retention(subject.alerts, catalog, days=None, api_url=api_url)
    keys = {part.key for part in parts.own}
    further = tuple(part for part in earlier.own if part.key not in keys)
    return Parts((*parts.own, *further), (*parts.owners, *earlier.owners))


def _make_owner(subject: Subject) -> Blueprint:
    return Blueprint({"identifier": subject.identifier}, partial=True)
