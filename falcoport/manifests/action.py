"""What Port accepts in an action: a button, or an automation (API reference, 2026-01).

Of the ways to invoke something, those that falcoport's own actions use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.manifests.schema import IDENTIFIER
from falcoport.manifests.validation import (
    Anything,
    Choice,
    Flag,
    ListOf,
    MapOf,
    Object,
    Text,
    child,
)

if TYPE_CHECKING:
    from falcoport.manifests.validation import Report, Shape

_ANY_TEXT = Text()
_INPUTS = Object(
    {"properties": MapOf(_ANY_TEXT, Anything()), "required": ListOf(_ANY_TEXT),
     "order": ListOf(_ANY_TEXT)},
    required=("properties",),
)  # fmt: skip
_SELF_SERVICE = Object(
    {
        "type": Choice(("self-service",)),
        "operation": Choice(("CREATE", "DAY-2", "DELETE")),
        "blueprintIdentifier": IDENTIFIER,
        "userInputs": _INPUTS,
    },
    required=("type", "operation", "userInputs"),
)
_ENTITY_EVENTS = ("ENTITY_CREATED", "ENTITY_UPDATED", "ENTITY_DELETED", "ANY_ENTITY_CHANGE")
_AUTOMATION = Object(
    {
        "type": Choice(("automation",)),
        "event": Object(
            {
                "type": Choice((*_ENTITY_EVENTS, "TIMER_PROPERTY_EXPIRED")),
                "blueprintIdentifier": IDENTIFIER,
                "propertyIdentifier": _ANY_TEXT,
            },
            required=("type", "blueprintIdentifier"),
        ),
        "condition": Object(
            {
                "type": Choice(("JQ",)),
                "expressions": ListOf(_ANY_TEXT),
                "combinator": Choice(("and", "or")),
            },
            required=("type", "expressions"),
        ),
    },
    required=("type", "event"),
)
_TRIGGERS: dict[str, Shape] = {"self-service": _SELF_SERVICE, "automation": _AUTOMATION}
_INVOCATIONS: dict[str, Shape] = {
    "WEBHOOK": Object(
        {
            "type": _ANY_TEXT,
            "url": Text(shortest=1),
            "method": Choice(("POST", "PUT", "PATCH", "DELETE", "GET")),
            "headers": MapOf(_ANY_TEXT, _ANY_TEXT),
            "body": Anything(),
            "synchronized": Flag(),
            "agent": Flag(),
        },
        required=("type", "url"),
    ),
    "UPSERT_ENTITY": Object(
        {
            "type": _ANY_TEXT,
            "blueprintIdentifier": IDENTIFIER,
            "mapping": Object(
                {
                    "identifier": _ANY_TEXT,
                    "title": _ANY_TEXT,
                    "properties": MapOf(_ANY_TEXT, Anything()),
                    "relations": MapOf(_ANY_TEXT, Anything()),
                },
                required=("identifier",),
            ),
        },
        required=("type", "blueprintIdentifier", "mapping"),
    ),
}


class _ByType:
    """A map whose key `type` decides what else it may hold."""

    def __init__(self, shapes: dict[str, Shape]) -> None:
        self._shapes = shapes

    def check(self, value: object, at: str, report: Report) -> None:
        """See Shape."""
        name = value.get("type") if isinstance(value, dict) else None
        shape = self._shapes.get(name) if isinstance(name, str) else None
        if shape is None:
            report(child(at, "type"), f"must be one of {', '.join(self._shapes)}")
        else:
            shape.check(value, at, report)


ACTION = Object(
    {
        "identifier": Text(longest=100, shortest=1),
        "title": _ANY_TEXT,
        "icon": _ANY_TEXT,
        "description": _ANY_TEXT,
        "publish": Flag(),
        "trigger": _ByType(_TRIGGERS),
        "invocationMethod": _ByType(_INVOCATIONS),
    },
    required=("identifier", "trigger", "invocationMethod"),
)
SENT_KEYS = (
    *ACTION.fields,
    "requiredApproval",
    "approvalNotification",
    "allowAnyoneToViewRuns",
)
"""Everything that Port takes of an action, and gives back."""
