"""What Port accepts as an action or an automation: our model of its published description.

One schema per kind of trigger and per kind of invocation, so that an error names the member that
is wrong and not the choice it belongs to (Port API, Create an action, 2026-01).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from falcoport.sandbox import errors
from falcoport.sandbox.schemas import (
    BOOLEAN,
    QUERY,
    STRING,
    STRINGS,
    SUB_IDENTIFIER,
    Schema,
    enum_of,
    object_of,
    with_queries,
)
from falcoport.sandbox.validation import check

if TYPE_CHECKING:
    from collections.abc import Mapping

Document = dict[str, Any]

ENTITY_EVENTS = ("ENTITY_CREATED", "ENTITY_UPDATED", "ENTITY_DELETED", "ANY_ENTITY_CHANGE")
TIMER_EVENT = "TIMER_PROPERTY_EXPIRED"
RUN_EVENTS = ("RUN_CREATED", "RUN_UPDATED", "ANY_RUN_CHANGE")
SELF_SERVICE, AUTOMATION = "self-service", "automation"

ACTION = object_of(
    {
        "identifier": {"type": "string", "pattern": r"^(?!\.{1,2}\Z)[\p{L}0-9@_.+:=-]+\Z"},
        "title": STRING,
        "icon": STRING,
        "description": STRING,
        "trigger": object_of({"type": enum_of(SELF_SERVICE, AUTOMATION)}, ("type",), more=True),
        "invocationMethod": object_of({"type": STRING}, ("type",), more=True),
        "requiredApproval": {
            "anyOf": [BOOLEAN, object_of({"type": enum_of("ANY", "ALL")}, ("type",))]
        },
        "approvalNotification": {
            "anyOf": [
                object_of({"type": enum_of("email")}, ("type",)),
                object_of(
                    {
                        "type": enum_of("webhook"),
                        "format": enum_of("json", "slack"),
                        "url": {"type": "string", "format": "uri"},
                    },
                    ("type", "url"),
                ),
            ]
        },
        "publish": BOOLEAN,
        "allowAnyoneToViewRuns": BOOLEAN,
    },
    ("identifier", "trigger", "invocationMethod"),
)
_JQ = object_of({"jqQuery": STRING}, ("jqQuery",))
_VISIBLE: Schema = {"anyOf": [_JQ, BOOLEAN]}
_INPUT_FORMATS = (
    "date-time url email ipv4 ipv6 yaml entity user team proto markdown multi-line labeled-url"
).split()
_INPUT = object_of(
    {
        "type": enum_of("string", "number", "boolean", "object", "array"),
        "format": enum_of(*_INPUT_FORMATS),
        "blueprint": STRING,
        "dependsOn": STRINGS,
        "visible": _VISIBLE,
        "icon": STRING,
        "dataset": {"type": "object"},
        "sort": object_of(
            {"property": STRING, "order": enum_of("ASC", "DESC")}, ("property", "order"), more=True
        ),
    },
    ("type",),
    more=True,
)
_USER_INPUTS = object_of(
    {
        "properties": {
            "type": "object",
            "propertyNames": SUB_IDENTIFIER,
            "additionalProperties": _INPUT,
        },
        "required": {"anyOf": [_JQ, STRINGS]},
        "order": STRINGS,
        "steps": {
            "type": "array",
            "items": object_of(
                {"title": STRING, "order": STRINGS, "visible": _VISIBLE}, ("title",)
            ),
        },
        "titles": {
            "type": "object",
            "additionalProperties": object_of(
                {
                    "title": {"type": "string", "minLength": 1, "maxLength": 140},
                    "description": {"type": "string", "maxLength": 1000},
                    "visible": _VISIBLE,
                },
                more=True,
            ),
        },
    },
    ("properties",),
)
_BUTTON: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": 15,
    "pattern": r"^\S(.*\S)?\Z",
}
_SELF_SERVICE = with_queries(
    object_of(
        {
            "type": STRING,
            "operation": enum_of("CREATE", "DAY-2", "DELETE"),
            "blueprintIdentifier": STRING,
            "userInputs": _USER_INPUTS,
            "actionCardButtonText": _BUTTON,
            "executeActionButtonText": _BUTTON,
            "condition": object_of(
                {
                    "type": enum_of("SEARCH"),
                    "combinator": enum_of("and", "or"),
                    "rules": {"type": "array", "items": {"type": "object"}},
                },
                ("type", "rules", "combinator"),
            ),
        },
        ("operation", "userInputs"),
    )
)
_AUTOMATION = object_of(
    {
        "type": STRING,
        "event": object_of(
            {"type": enum_of(*ENTITY_EVENTS, TIMER_EVENT, *RUN_EVENTS)}, ("type",), more=True
        ),
        "condition": object_of(
            {
                "type": enum_of("JQ"),
                "expressions": STRINGS,
                "combinator": enum_of("and", "or"),
            },
            ("type", "expressions"),
        ),
    },
    ("event",),
)
_FLAG: Schema = {"type": ["boolean", "string"]}
_PAYLOAD: Schema = {"type": ["array", "object"]}
INVOCATIONS: dict[str, Schema] = {
    "KAFKA": object_of({"type": STRING, "payload": _PAYLOAD}),
    "WEBHOOK": object_of(
        {
            "type": STRING,
            "url": STRING,
            "agent": _FLAG,
            "synchronized": _FLAG,
            "method": STRING,
            "headers": {"type": "object", "additionalProperties": STRING},
            "body": _PAYLOAD,
        },
        ("url",),
    ),
    "GITHUB": object_of(
        {
            "type": STRING,
            "org": STRING,
            "repo": STRING,
            "workflow": STRING,
            "workflowInputs": {"type": "object"},
            "reportWorkflowStatus": _FLAG,
        },
        ("org", "repo", "workflow"),
    ),
    "INTEGRATION_ACTION": object_of(
        {
            "type": STRING,
            "installationId": STRING,
            "integrationActionType": enum_of("dispatch_workflow"),
            "integrationActionExecutionProperties": {"type": "object"},
        },
        ("installationId", "integrationActionType", "integrationActionExecutionProperties"),
    ),
    "GITLAB": object_of(
        {
            "type": STRING,
            "projectName": STRING,
            "groupName": STRING,
            "defaultRef": STRING,
            "pipelineVariables": {"type": "object"},
        },
        ("projectName", "groupName"),
    ),
    "AZURE_DEVOPS": object_of(
        {"type": STRING, "org": STRING, "webhook": STRING, "payload": _PAYLOAD},
        ("webhook", "org"),
    ),
    "UPSERT_ENTITY": object_of(
        {
            "type": STRING,
            "blueprintIdentifier": STRING,
            "mapping": object_of(
                {
                    "identifier": STRING,
                    "title": STRING,
                    "icon": STRING,
                    "team": {"anyOf": [STRING, STRINGS]},
                    "properties": {"type": "object"},
                    "relations": {"type": "object"},
                },
                more=True,
            ),
        },
        ("blueprintIdentifier", "mapping"),
    ),
}
TRIGGERS: dict[str, Schema] = {AUTOMATION: _AUTOMATION, SELF_SERVICE: _SELF_SERVICE}
_EVENT_MEMBERS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(ENTITY_EVENTS, ("blueprintIdentifier",)),
    TIMER_EVENT: ("blueprintIdentifier", "propertyIdentifier"),
    **dict.fromkeys(RUN_EVENTS, ("actionIdentifier",)),
}


def check_action(body: Document) -> None:
    """Raise a 422 error that names the member of an action that Port would refuse."""
    trigger, invocation = body["trigger"], body["invocationMethod"]
    check(trigger, TRIGGERS[trigger["type"]], "trigger")
    if trigger["type"] == AUTOMATION:
        event = trigger["event"]
        members = _EVENT_MEMBERS[event["type"]]
        schema = object_of({"type": STRING, **dict.fromkeys(members, STRING)}, members)
        check(event, schema, "trigger.event")
    elif "condition" in trigger:
        query = {name: one for name, one in trigger["condition"].items() if name != "type"}
        check(query, with_queries(QUERY), "trigger.condition")
    kind = invocation["type"]
    if kind not in INVOCATIONS:
        raise errors.invalid('"invocationMethod.type" must be equal to one of the allowed values')
    check(invocation, INVOCATIONS[kind], "invocationMethod")


def blueprint_of(action: Mapping[str, Any]) -> str | None:
    """Return the blueprint that an action is about, None if it is about none."""
    trigger = action["trigger"]
    found: str | None = trigger.get("event", trigger).get("blueprintIdentifier")
    return found


def is_automation(action: Mapping[str, Any]) -> bool:
    """Return whether an action starts by itself."""
    return bool(action["trigger"]["type"] == AUTOMATION)
